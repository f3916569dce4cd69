use super::node::printable;
use crate::settings::StrategyNames;
use std::{borrow::Cow, collections::BTreeSet, fmt};

/// Where something stands in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The line, from 1: in TOML, and where JSON's syntax is broken.
    Line(usize),
    /// JSON pointer (RFC 6901); empty for the whole document.
    Pointer(String),
}

impl Location {
    /// Order of reporting: by line; pointers keep the order in which they were read.
    pub(super) fn order(&self) -> usize {
        match self {
            Self::Line(line) => *line,
            Self::Pointer(_) => 0,
        }
    }

    /// The place of `key` below this one. In TOML the key's own line is needed instead.
    pub(super) fn pointer_to(&self, key: &str) -> Self {
        match self {
            Self::Line(line) => Self::Line(*line),
            Self::Pointer(parent) => {
                let escaped = key.replace('~', "~0").replace('/', "~1");
                Self::Pointer(format!("{parent}/{escaped}"))
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Pointer(pointer) if pointer.is_empty() => f.write_str("the document"),
            Self::Pointer(pointer) => f.write_str(&printable(pointer)),
        }
    }
}

/// One thing to correct in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub location: Location,
    /// The key with its tables, such as `sync.limits.drift_ms`; empty for the whole document.
    pub key: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text is no TOML or JSON there.
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// Wrong type, out of range, or in contradiction to another key.
    NotAccepted {
        /// The value.
        value: String,
        /// What is accepted.
        accepted: Cow<'static, str>,
    },
    /// No such key.
    Unknown {
        /// The value.
        value: String,
        /// The known key that is spelt most alike.
        nearest: Option<&'static str>,
        /// All keys that are known there.
        known: Vec<&'static str>,
    },
    /// A key that has no default is not there.
    Missing {
        /// What is accepted.
        accepted: Cow<'static, str>,
    },
    /// The same a second time.
    Repeated {
        /// The second value.
        value: String,
        /// Where the first stands.
        first: Location,
    },
    /// A key that only the chain spec may set, in a node's override.
    OnlyInChainSpec {
        /// The value.
        value: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        let key = printable(&self.key);
        match &self.fault {
            Fault::Syntax { message } => write!(f, "{}", printable(message)),
            Fault::NotAccepted { value, accepted } if key.is_empty() => {
                write!(f, "{value}: accepted: {accepted}")
            }
            Fault::NotAccepted { value, accepted } => {
                write!(f, "{key} = {value}: accepted: {accepted}")
            }
            Fault::Unknown {
                value,
                nearest,
                known,
            } => {
                write!(f, "{key} = {value}: no such key; ")?;
                match nearest {
                    Some(nearest) => write!(f, "did you mean {nearest}?"),
                    None => write!(f, "accepted: {}", known.join(", ")),
                }
            }
            Fault::Missing { accepted } => write!(f, "{key} is missing: accepted: {accepted}"),
            Fault::Repeated { value, first } => write!(
                f,
                "{key} = {value}: already given at {first}; accepted: once, so remove one of the two"
            ),
            Fault::OnlyInChainSpec { value } => write!(
                f,
                "{key} = {value}: accepted: only in the chain spec, because it decides validity, \
                 fork choice or votes and must be the same on every node; remove it here"
            ),
        }
    }
}

/// Everything that is wrong with one document. Printed as one line for each problem, in the document's order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ProblemReport {
    /// The file or preset.
    pub document: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ProblemReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More than this nobody reads.
        const SHOWN: usize = 100;
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {noun} to correct:", self.document)?;
        for problem in self.problems.iter().take(SHOWN) {
            write!(f, "\n  {problem}")?;
        }
        if count > SHOWN {
            write!(f, "\n  … and {} more", count - SHOWN)?;
        }
        Ok(())
    }
}

/// Collects problems while a document is read.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
    keys: BTreeSet<String>,
    /// The strategies that there are, if somebody said it.
    pub(super) strategies: Option<StrategyNames>,
}

impl Problems {
    /// The names of the strategies that there are; `None` if nobody said it.
    pub fn strategies(&self) -> Option<&StrategyNames> {
        self.strategies.as_ref()
    }

    /// Notes one.
    pub fn add(&mut self, location: &Location, key: impl Into<String>, fault: Fault) {
        let key = key.into();
        self.keys.insert(key.clone());
        self.found.push(Problem {
            location: location.clone(),
            key,
            fault,
        });
    }

    /// Notes a value that is not accepted.
    pub fn refuse(
        &mut self,
        location: &Location,
        key: impl Into<String>,
        value: impl Into<String>,
        accepted: impl Into<Cow<'static, str>>,
    ) {
        let fault = Fault::NotAccepted {
            value: value.into(),
            accepted: accepted.into(),
        };
        self.add(location, key, fault);
    }

    /// Whether `key` has a problem already. What contradicts a key that is wrong in itself is not worth a second line.
    pub fn concern(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The report on `document`.
    pub(super) fn into_report(mut self, document: &str) -> ProblemReport {
        self.found.sort_by_key(|problem| problem.location.order());
        ProblemReport {
            document: document.to_owned(),
            problems: self.found,
        }
    }
}
