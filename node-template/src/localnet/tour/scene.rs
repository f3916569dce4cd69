use super::{Audience, Duty, Missed, NodePlan, Stage, StepError};
use crate::{
    localnet::{NodeIndex, NodeRow, NodeState},
    status_view::{BlockView, StatusView},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Pause between two looks at the network.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A network in the middle of the tour, and what the steps so far left for the later ones.
pub struct Scene<'a, S> {
    /// The network.
    pub stage: &'a mut S,
    /// Who watches.
    pub audience: &'a mut dyn Audience,
    /// The validators, in the order of their starts. Made by *author*.
    pub validators: Vec<NodeIndex>,
    /// The node that joins. Made by *join*.
    pub newcomer: Option<NodeIndex>,
    /// The validator on a dead fork, and that fork's tip. Made by *dead fork*.
    pub stray: Option<(NodeIndex, BlockView)>,
}

impl<'a, S: Stage> Scene<'a, S> {
    /// An empty scene.
    pub fn new(stage: &'a mut S, audience: &'a mut dyn Audience) -> Self {
        Self {
            stage,
            audience,
            validators: Vec::new(),
            newcomer: None,
            stray: None,
        }
    }

    /// Starts a node.
    pub async fn start(
        &mut self,
        name: &str,
        duty: Duty,
        bootnodes: Vec<NodeIndex>,
    ) -> Result<NodeIndex, StepError> {
        let plan = NodePlan {
            name: name.to_owned(),
            duty,
            bootnodes,
        };
        // A node that does not start is the newest one.
        let node = NodeIndex(self.survey().await?.len());
        let started = self.stage.start(plan).await;
        started.map_err(|source| StepError::Stage { node, source })
    }

    /// Looks at all nodes and shows them to the audience.
    pub async fn survey(&mut self) -> Result<Vec<NodeRow>, StepError> {
        let rows = self.stage.survey().await;
        let rows = rows.map_err(|source| StepError::Survey { source })?;
        self.audience.nodes(&rows);
        Ok(rows)
    }

    /// Waits until `seen` says yes to what the nodes report. A node that died by itself ends the wait at once.
    pub async fn until(
        &mut self,
        condition: Condition<'_>,
        slots: u32,
        mut seen: impl FnMut(&[NodeRow]) -> bool,
    ) -> Result<(), StepError> {
        let patience = self.stage.slot().saturating_mul(slots);
        let deadline = Instant::now() + patience;
        loop {
            let rows = self.survey().await?;
            alive(&rows)?;
            if seen(&rows) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(StepError::Missed(Box::new(Missed {
                    node: condition.node,
                    expected: condition.expected.to_owned(),
                    waited: patience,
                    rows,
                })));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until `nodes` hold one block at a height of at least `height`, and returns it.
    pub async fn until_agreed(
        &mut self,
        nodes: &[NodeIndex],
        height: u64,
        slots: u32,
    ) -> Result<BlockView, StepError> {
        let patience = self.stage.slot().saturating_mul(slots);
        let deadline = Instant::now() + patience;
        loop {
            let rows = self.survey().await?;
            alive(&rows)?;
            if let Some(number) = common_height(&rows, nodes).filter(|common| *common >= height)
                && let Some(hash) = self.common_hash(nodes, number).await?
            {
                return Ok(BlockView { number, hash });
            }
            if Instant::now() >= deadline {
                return Err(StepError::Missed(Box::new(Missed {
                    node: nodes.last().copied(),
                    expected: format!(
                        "{} nodes hold one block at height {height} or above",
                        nodes.len()
                    ),
                    waited: patience,
                    rows,
                })));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Hash at `number` if all `nodes` have the same one.
    pub async fn common_hash(
        &mut self,
        nodes: &[NodeIndex],
        number: u64,
    ) -> Result<Option<String>, StepError> {
        let mut common: Option<String> = None;
        for &node in nodes {
            let answer = self.stage.block_hash(node, number).await;
            let hash = answer.map_err(|source| StepError::Stage { node, source })?;
            match (hash, &common) {
                (Some(hash), None) => common = Some(hash),
                (Some(hash), Some(other)) if hash == *other => {}
                _ => return Ok(None),
            }
        }
        Ok(common)
    }
}

/// What is waited for, in words, and the node at which it is seen, whose log tells more if it does not come.
#[derive(Clone, Copy, Debug)]
pub struct Condition<'a> {
    /// In words.
    pub expected: &'a str,
    /// The node.
    pub node: Option<NodeIndex>,
}

/// What the node said, if it answered.
pub(super) fn view(rows: &[NodeRow], node: NodeIndex) -> Option<&StatusView> {
    rows.get(node.0)?.state.view()
}

/// The height that all `nodes` have reached; `None` unless all answered.
pub(super) fn common_height(rows: &[NodeRow], nodes: &[NodeIndex]) -> Option<u64> {
    nodes
        .iter()
        .map(|node| rows.get(node.0)?.state.height())
        .collect::<Option<Vec<u64>>>()?
        .into_iter()
        .min()
}

fn alive(rows: &[NodeRow]) -> Result<(), StepError> {
    for (index, row) in rows.iter().enumerate() {
        if let NodeState::Died { end } = &row.state {
            return Err(StepError::Died {
                node: NodeIndex(index),
                name: row.name.clone(),
                end: end.clone(),
            });
        }
    }
    Ok(())
}
