use super::{Node, NodeValue};
use std::ops::RangeInclusive;

type Read<T> = Box<dyn Fn(&Node) -> Option<T>>;

/// What a key accepts: how its value is read, and the words that say what is accepted.
pub struct Rule<T> {
    accepted: String,
    read: Read<T>,
}

impl<T: 'static> Rule<T> {
    /// A rule; `read` gives `None` for what is not accepted.
    pub fn new(accepted: impl Into<String>, read: impl Fn(&Node) -> Option<T> + 'static) -> Self {
        Self {
            accepted: accepted.into(),
            read: Box::new(read),
        }
    }

    /// The same values as another type.
    pub fn map<U: 'static>(self, convert: impl Fn(T) -> U + 'static) -> Rule<U> {
        self.try_map(move |value| Some(convert(value)))
    }

    /// Those of the values that `convert` takes. The words stay, so they have to say so already.
    pub fn try_map<U: 'static>(self, convert: impl Fn(T) -> Option<U> + 'static) -> Rule<U> {
        let read = self.read;
        Rule::new(self.accepted, move |node| read(node).and_then(&convert))
    }

    /// The value, if it is accepted.
    pub fn read(&self, node: &Node) -> Option<T> {
        (self.read)(node)
    }

    /// What is accepted.
    pub fn accepted(&self) -> &str {
        &self.accepted
    }
}

impl<T> std::fmt::Debug for Rule<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Rule").field(&self.accepted).finish()
    }
}

/// A whole number of `unit` within `range`.
pub fn whole(range: RangeInclusive<u64>, unit: &str) -> Rule<u64> {
    let accepted = format!(
        "a whole number of {unit}, {} to {}",
        range.start(),
        range.end()
    );
    Rule::new(accepted, move |node| match &node.value {
        NodeValue::Integer(digits) => digits.parse().ok().filter(|number| range.contains(number)),
        _ => None,
    })
}

/// A number, with or without a fraction, for which `fits` holds; never infinite, never NaN.
pub fn decimal(accepted: &str, fits: fn(f64) -> bool) -> Rule<f64> {
    Rule::new(accepted, move |node| match &node.value {
        NodeValue::Integer(digits) | NodeValue::Decimal(digits) => {
            let number: f64 = digits.parse().ok()?;
            (number.is_finite() && fits(number)).then_some(number)
        }
        _ => None,
    })
}

/// `true` or `false`.
pub fn truth() -> Rule<bool> {
    Rule::new("true or false", |node| match node.value {
        NodeValue::Boolean(truth) => Some(truth),
        _ => None,
    })
}

/// A text for which `fits` holds.
pub fn text(accepted: impl Into<String>, fits: fn(&str) -> bool) -> Rule<String> {
    Rule::new(accepted, move |node| {
        node.as_text().filter(|text| fits(text)).map(str::to_owned)
    })
}

/// One of a few words.
pub fn one_of<T: Copy + 'static>(choices: &'static [(&'static str, T)]) -> Rule<T> {
    let words: Vec<_> = choices
        .iter()
        .map(|(word, _)| format!("\"{word}\""))
        .collect();
    Rule::new(words.join(" or "), move |node| {
        let text = node.as_text()?;
        let choice = choices.iter().find(|(word, _)| *word == text)?;
        Some(choice.1)
    })
}

/// A `u128`, as a whole number or as a text of decimal digits: most JSON writers cannot write one beyond 2^53.
pub fn integer_or_text(accepted: &str) -> Rule<u128> {
    Rule::new(accepted, |node| match &node.value {
        NodeValue::Integer(digits) => digits.parse().ok(),
        NodeValue::Text(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()
        }
        _ => None,
    })
}
