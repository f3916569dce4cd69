use super::StageError;
use crate::localnet::{NodeIndex, NodeRow};
use std::{fmt, time::Duration};

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A node could not be started, stopped or asked.
    #[error("{source}")]
    Stage {
        /// The node.
        node: NodeIndex,
        /// What happened.
        source: StageError,
    },
    /// The nodes could not be looked at.
    #[error("{source}")]
    Survey {
        /// What happened.
        source: StageError,
    },
    /// A node ended by itself.
    #[error("{name} ended by itself ({end}); its log says why")]
    Died {
        /// The node.
        node: NodeIndex,
        /// Its name.
        name: String,
        /// How it ended.
        end: String,
    },
    /// Something that should have come did not.
    #[error(transparent)]
    Missed(Box<Missed>),
    /// Two blocks at one height that should be one.
    #[error("{left} and {right} hold different blocks at height {number}")]
    Apart {
        /// A node.
        left: String,
        /// Another.
        right: String,
        /// The node whose log tells more.
        node: NodeIndex,
        /// The height.
        number: u64,
    },
    /// Some validators author nothing.
    #[error(
        "only {authored} of {validators} validators authored one of the first {number} blocks; the log of the idle one says why"
    )]
    Idle {
        /// How many authored.
        authored: usize,
        /// How many there are.
        validators: usize,
        /// Blocks looked at.
        number: u64,
    },
    /// An earlier step did not leave what this one needs.
    #[error("an earlier step left no {0}")]
    NotSetUp(&'static str),
}

impl StepError {
    /// The node whose log tells more.
    pub fn node(&self) -> Option<NodeIndex> {
        match self {
            Self::Stage { node, .. } | Self::Died { node, .. } | Self::Apart { node, .. } => {
                Some(*node)
            }
            Self::Missed(missed) => missed.node,
            Self::Survey { .. } | Self::Idle { .. } | Self::NotSetUp(_) => None,
        }
    }
}

/// A condition that did not come in time, and what was seen instead.
#[derive(Debug)]
pub struct Missed {
    /// What was waited for.
    pub expected: String,
    /// How long.
    pub waited: Duration,
    /// The last look at the nodes.
    pub rows: Vec<NodeRow>,
    /// The node whose log tells more.
    pub node: Option<NodeIndex>,
}

impl std::error::Error for Missed {}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waited = self.waited.as_secs();
        write!(
            f,
            "within {waited} s it did not come that {}; last seen:",
            self.expected
        )?;
        for (index, row) in self.rows.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma} {} {}", row.name, row.state.word())?;
            if let Some(height) = row.state.height() {
                write!(f, " #{height}")?;
            }
        }
        Ok(())
    }
}
