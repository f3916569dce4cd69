//! The tour on real processes of which one is killed: it must fail at the step in which that happens.

use crate::harness::local_network;
use node_template::{
    localnet::{
        LocalNetwork, NodeIndex, NodeRow,
        tour::{self, Audience, Duty, NodePlan, Stage, StageError, Step, StepError, TourFailure},
    },
    status_view::HeaderView,
};
use rustix::process::Signal;
use std::time::Duration;

/// When the newest node is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    AfterStart(usize),
    AfterRestart,
    OnItsOwnFork,
    AfterResync,
    AfterRestore,
}

/// A network that kills one of its nodes.
struct Sabotaged {
    network: LocalNetwork,
    kill: Kill,
}

impl Sabotaged {
    fn kill(&mut self, node: NodeIndex) {
        let process = self.network.process(node).unwrap();
        process.signal(Signal::KILL).unwrap();
    }
}

impl Stage for Sabotaged {
    fn slot(&self) -> Duration {
        self.network.slot()
    }

    async fn start(&mut self, plan: NodePlan) -> Result<NodeIndex, StageError> {
        let node = self.network.start(plan).await?;
        if self.kill == Kill::AfterStart(node.0) {
            self.kill(node);
        }
        Ok(node)
    }

    async fn stop(&mut self, node: NodeIndex) -> Result<(), StageError> {
        self.network.stop(node).await
    }

    async fn restart(&mut self, node: NodeIndex) -> Result<(), StageError> {
        self.network.restart(node).await?;
        if self.kill == Kill::AfterRestart {
            self.kill(node);
        }
        Ok(())
    }

    async fn restart_as(&mut self, node: NodeIndex, duty: Duty) -> Result<(), StageError> {
        let alone = matches!(duty, Duty::Alone(_));
        self.network.restart_as(node, duty).await?;
        if self.kill == Kill::OnItsOwnFork && alone {
            self.kill(node);
        }
        Ok(())
    }

    async fn resync(&mut self, node: NodeIndex, source: NodeIndex) -> Result<(), StageError> {
        self.network.resync(node, source).await?;
        if self.kill == Kill::AfterResync {
            self.kill(node);
        }
        Ok(())
    }

    async fn restore(&mut self, node: NodeIndex) -> Result<NodeIndex, StageError> {
        let copy = self.network.restore(node).await?;
        if self.kill == Kill::AfterRestore {
            self.kill(copy);
        }
        Ok(copy)
    }

    async fn survey(&mut self) -> Result<Vec<NodeRow>, StageError> {
        self.network.survey().await
    }

    async fn block_hash(&self, node: NodeIndex, number: u64) -> Result<Option<String>, StageError> {
        self.network.block_hash(node, number).await
    }

    async fn header(&self, node: NodeIndex, hash: &str) -> Result<Option<HeaderView>, StageError> {
        self.network.header(node, hash).await
    }

    fn log_tail(&self, node: NodeIndex) -> Vec<String> {
        self.network.log_tail(node)
    }
}

struct Nobody;

impl Audience for Nobody {
    fn step_begins(&mut self, _step: Step) {}
    fn nodes(&mut self, _rows: &[NodeRow]) {}
    fn step_passed(&mut self, _step: Step, _took: Duration) {}
    fn step_failed(&mut self, _failure: &TourFailure) {}
}

async fn fails_at(step: Step, kill: Kill) {
    let folder = tempfile::tempdir().unwrap();
    let network = local_network(folder.path());
    let mut stage = Sabotaged { network, kill };
    let failure = tour::play(&mut stage, &mut Nobody).await.unwrap_err();
    assert_eq!(failure.step, step, "{failure}: {:#?}", failure.log);
    assert!(
        matches!(failure.source, StepError::Died { .. }),
        "{failure}"
    );
    assert!(!failure.log.is_empty());
}

#[tokio::test]
async fn tour_fails_at_author_when_a_validator_is_killed() {
    fails_at(Step::Author, Kill::AfterStart(3)).await;
}

#[tokio::test]
async fn tour_fails_at_join_when_the_newcomer_is_killed() {
    fails_at(Step::Join, Kill::AfterStart(4)).await;
}

#[tokio::test]
async fn tour_fails_at_catch_up_when_the_restarted_node_is_killed() {
    fails_at(Step::FallBehind, Kill::AfterRestart).await;
}

/// Side by side: each has to play the steps before first, and mostly waits for slots.
#[tokio::test]
async fn tour_fails_at_the_dead_fork_at_resync_and_at_restore_when_their_node_is_killed() {
    tokio::join!(
        fails_at(Step::DeadFork, Kill::OnItsOwnFork),
        fails_at(Step::Resync, Kill::AfterResync),
        fails_at(Step::Restore, Kill::AfterRestore),
    );
}
