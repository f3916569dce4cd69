//! Reads the expressions of dashboards and rules, as far as it takes to know which series they ask for.

use std::collections::BTreeSet;

/// One series that an expression asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub(super) metric: String,
    pub(super) matchers: Vec<Matcher>,
}

/// `label="value"`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub(super) operator: String,
    pub(super) value: String,
}

/// What an expression names.
#[derive(Debug, Default)]
pub(super) struct Expression {
    pub(super) selectors: Vec<Selector>,
    /// Labels that it groups or matches by.
    pub(super) labels: BTreeSet<String>,
}

/// All functions and aggregations that our files use: another one is looked up before it is added here.
const FUNCTIONS: [&str; 6] = [
    "changes",
    "delta",
    "histogram_quantile",
    "increase",
    "rate",
    "sum",
];

const OPERATORS: [&str; 3] = ["and", "or", "unless"];

const LABEL_LISTS: [&str; 4] = ["by", "without", "on", "ignoring"];

struct Reader<'a> {
    rest: &'a str,
    found: Expression,
}

/// Reads an expression; panics where it is none that this reader knows.
pub(super) fn read(text: &str) -> Expression {
    let mut reader = Reader {
        rest: text,
        found: Expression::default(),
    };
    while let Some(first) = reader.rest.chars().next() {
        match first {
            'a'..='z' | 'A'..='Z' | '_' => reader.name(),
            '0'..='9' => {
                reader.take(|c| c.is_ascii_alphanumeric() || c == '.');
            }
            '[' => {
                let range = reader.between('[', ']');
                let is_range = range.starts_with('$') || range.ends_with(['s', 'm', 'h', 'd']);
                assert!(is_range, "[{range}] in {text}");
            }
            ' ' | '(' | ')' | ',' | '+' | '-' | '*' | '/' | '<' | '>' | '=' | '!' => {
                reader.rest = &reader.rest[1..];
            }
            other => panic!("{other:?} in {text}"),
        }
    }
    reader.found
}

impl<'a> Reader<'a> {
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// What stands between braces, which are not nested in any expression.
    fn between(&mut self, open: char, close: char) -> &'a str {
        let inside = self.rest.strip_prefix(open).unwrap();
        let (inside, rest) = inside.split_once(close).expect("a closing brace");
        self.rest = rest;
        inside
    }

    fn name(&mut self) {
        let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        self.rest = self.rest.trim_start();
        if OPERATORS.contains(&name) {
            return;
        }
        if LABEL_LISTS.contains(&name) {
            let list = self.between('(', ')').split(',').map(str::trim);
            self.found.labels.extend(list.map(str::to_owned));
        } else if FUNCTIONS.contains(&name) {
            let follows = self.rest.starts_with('(') || self.rest.starts_with("by");
            assert!(follows, "{name} is a function");
        } else {
            assert!(!self.rest.starts_with('('), "{name} is no known function");
            let matchers = if self.rest.starts_with('{') {
                self.between('{', '}')
            } else {
                ""
            };
            self.found.selectors.push(Selector {
                metric: name.to_owned(),
                matchers: matchers
                    .split(',')
                    .map(str::trim)
                    .filter(|matcher| !matcher.is_empty())
                    .map(matcher)
                    .collect(),
            });
        }
    }
}

fn matcher(text: &str) -> Matcher {
    let end = text.find(['=', '!']).expect("an operator");
    let (label, rest) = text.split_at(end);
    let quote = rest.find('"').expect("a quoted value");
    let (operator, value) = rest.split_at(quote);
    Matcher {
        label: label.trim().to_owned(),
        operator: operator.trim().to_owned(),
        value: value.trim_matches('"').to_owned(),
    }
}

#[test]
fn reader_finds_metrics_matchers_and_labels() {
    let found = read(
        r#"histogram_quantile(0.95, sum by (instance, le) (rate(a_bucket{x="1", y=~"2|3"}[$__rate_interval]))) > 2 and b == 0"#,
    );
    let names: Vec<_> = found.selectors.iter().map(|s| s.metric.as_str()).collect();
    assert_eq!(names, ["a_bucket", "b"]);
    let matchers = &found.selectors[0].matchers;
    assert_eq!(matchers.len(), 2);
    assert_eq!(
        (matchers[1].operator.as_str(), matchers[1].value.as_str()),
        ("=~", "2|3")
    );
    assert!(found.labels.contains("le") && found.labels.contains("instance"));
}
