use crate::{
    localnet::{NodeIndex, NodeRow, ProcessError},
    service::DevKey,
    status_view::{ClientError, HeaderView},
};
use std::time::Duration;

/// The network on which the tour is played: real processes, or one that a test disturbs.
#[allow(
    async_fn_in_trait,
    reason = "the tour runs on one task, so its futures need not be `Send`"
)]
pub trait Stage {
    /// The chain's slot. Deadlines are counted in it.
    fn slot(&self) -> Duration;

    /// Starts a node and waits until it serves.
    async fn start(&mut self, plan: NodePlan) -> Result<NodeIndex, StageError>;

    /// Stops a node gracefully and waits for its end. Anything but a clean end is an error.
    async fn stop(&mut self, node: NodeIndex) -> Result<(), StageError>;

    /// Starts a stopped node again on the same files, and waits until it serves.
    async fn restart(&mut self, node: NodeIndex) -> Result<(), StageError>;

    /// Starts a stopped node again on the same files with another duty, and waits until it serves.
    async fn restart_as(&mut self, node: NodeIndex, duty: Duty) -> Result<(), StageError>;

    /// Orders a resync of `node` from `source`, with `resync --peer`, and waits for its end.
    async fn resync(&mut self, node: NodeIndex, source: NodeIndex) -> Result<(), StageError>;

    /// Restores the only backup of `node` into a scratch folder, and starts a node without a network on it.
    async fn restore(&mut self, node: NodeIndex) -> Result<NodeIndex, StageError>;

    /// Asks all nodes at once. Rows stand in the order of starts.
    async fn survey(&mut self) -> Result<Vec<NodeRow>, StageError>;

    /// Hash of the block at `number` on the node's best chain.
    async fn block_hash(&self, node: NodeIndex, number: u64) -> Result<Option<String>, StageError>;

    /// The header of a block that the node holds.
    async fn header(&self, node: NodeIndex, hash: &str) -> Result<Option<HeaderView>, StageError>;

    /// The last lines of the node's log.
    fn log_tail(&self, node: NodeIndex) -> Vec<String>;
}

/// What kind of node to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlan {
    /// Its name; each once.
    pub name: String,
    /// What it does.
    pub duty: Duty,
    /// The nodes that it is told of.
    pub bootnodes: Vec<NodeIndex>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It authors with this key.
    Author(DevKey),
    /// It authors with this key, without a network and without votes.
    Alone(DevKey),
    /// It follows the chain.
    Follow,
    /// It shows what it has, without a network.
    Show,
}

/// Something on the stage did not work.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A node did not end cleanly.
    #[error("{name} was stopped and ended with {end}; its log says why")]
    UncleanEnd {
        /// The node.
        name: String,
        /// How it ended.
        end: std::process::ExitStatus,
    },
    /// A command of the node's program failed.
    #[error("`{command}` failed: {said}")]
    Command {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
    /// There should be one backup.
    #[error("{name} has {found} backups, one is expected; its log says why")]
    Backups {
        /// The node.
        name: String,
        /// How many there are.
        found: usize,
    },
    /// A question to a node.
    #[error("{name}: {source}")]
    Client {
        /// The node.
        name: String,
        /// What happened.
        source: ClientError,
    },
    /// There is no such node, or it does not serve.
    #[error("{name} does not serve")]
    NotServing {
        /// The node.
        name: String,
    },
    /// Files of the network.
    #[error("{}: {source}; check the folder's permissions and the space on the disk", .path.display())]
    Files {
        /// The path.
        path: std::path::PathBuf,
        /// What happened.
        source: std::io::Error,
    },
}
