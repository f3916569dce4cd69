use crate::status_view::StatusView;

/// A node of the network, by its place in the order of starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub usize);

/// One line of the table: a node as it was at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRow {
    /// Its name.
    pub name: String,
    /// What it said, or why it said nothing.
    pub state: NodeState,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeState {
    /// It answered.
    Live(Box<StatusView>),
    /// Its process runs and does not answer, or not yet.
    Silent {
        /// Why, as far as can be told.
        reason: String,
    },
    /// It was stopped on purpose.
    Stopped,
    /// Its process ended by itself.
    Died {
        /// How, such as `exit status: 1`.
        end: String,
    },
}

impl NodeState {
    /// What the node said, if it answered.
    pub fn view(&self) -> Option<&StatusView> {
        match self {
            Self::Live(view) => Some(view),
            _ => None,
        }
    }

    /// Height of its best block, if it answered.
    pub fn height(&self) -> Option<u64> {
        self.view().map(|view| view.best.number)
    }

    /// The state in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live(view) => view.verdict.word(),
            Self::Silent { .. } => "silent",
            Self::Stopped => "stopped",
            Self::Died { .. } => "died",
        }
    }
}
