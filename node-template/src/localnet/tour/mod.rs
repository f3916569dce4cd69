//! The tour: a story played on a network of nodes, every step of it checked through the nodes' own RPC.
//!
//! A step waits on conditions, each with a deadline in slots; it never relies on time alone. Steps stand in
//! [`Step::ALL`] and hand on what later ones need in [`Scene`].

mod dead_fork;
mod scene;
mod stage;
mod steps;
mod wait;

#[cfg(test)]
mod tests;

pub use scene::Scene;
pub use stage::{Duty, NodePlan, Stage, StageError};
pub use wait::{Missed, StepError};

use super::NodeRow;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// A step of the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Four validators author sealed blocks on one chain.
    Author,
    /// A newcomer that knows one node joins from nothing and stays in sync.
    Join,
    /// It is stopped, the network goes on, it starts again and catches up.
    FallBehind,
    /// A validator is alone for too long: its fork is deeper than the node may leave by itself.
    DeadFork,
    /// The operator orders a resync: it is back on the network's chain, and the old one is a backup.
    Resync,
    /// The backup is restored into a scratch folder: it is the old chain.
    Restore,
}

impl Step {
    /// The steps in the order in which they are played.
    pub const ALL: [Self; 6] = [
        Self::Author,
        Self::Join,
        Self::FallBehind,
        Self::DeadFork,
        Self::Resync,
        Self::Restore,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Join => "join",
            Self::FallBehind => "fall behind and catch up",
            Self::DeadFork => "dead fork",
            Self::Resync => "resync",
            Self::Restore => "restore",
        }
    }

    /// What happens in it.
    pub const fn story(self) -> &'static str {
        match self {
            Self::Author => "four validators author sealed blocks and agree on one chain",
            Self::Join => "a newcomer that knows one node joins from nothing, and stays in sync",
            Self::FallBehind => {
                "the newcomer is stopped, the network goes on, it starts again and catches up"
            }
            Self::DeadFork => {
                "a validator authors alone, comes back on a dead fork, and says that it needs the operator"
            }
            Self::Resync => {
                "the operator orders a resync: it is back on the network's chain, and the old one is kept"
            }
            Self::Restore => "the backup is restored into a scratch folder: it is the old chain",
        }
    }

    async fn play<S: Stage>(self, scene: &mut Scene<'_, S>) -> Result<(), StepError> {
        match self {
            Self::Author => steps::author(scene).await,
            Self::Join => steps::join(scene).await,
            Self::FallBehind => steps::fall_behind(scene).await,
            Self::DeadFork => dead_fork::dead_fork(scene).await,
            Self::Resync => dead_fork::resync(scene).await,
            Self::Restore => dead_fork::restore(scene).await,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is told of the tour while it runs.
pub trait Audience {
    /// A step begins.
    fn step_begins(&mut self, step: Step);
    /// The nodes as they are now; told often.
    fn nodes(&mut self, rows: &[NodeRow]);
    /// Everything that the step demands was seen.
    fn step_passed(&mut self, step: Step, took: Duration);
    /// The step failed; the tour ends.
    fn step_failed(&mut self, failure: &TourFailure);
}

/// The tour ended early.
#[derive(Debug, thiserror::Error)]
#[error("the tour failed at the step \"{step}\": {source}")]
pub struct TourFailure {
    /// The step.
    pub step: Step,
    /// Why.
    pub source: StepError,
    /// The end of the log of the node at which it failed; empty if it was none in particular.
    pub log: Vec<String>,
}

/// Plays all steps on `stage`. Returns how many passed, which is all of them.
pub async fn play<S: Stage>(
    stage: &mut S,
    audience: &mut dyn Audience,
) -> Result<usize, TourFailure> {
    let mut scene = Scene::new(stage, audience);
    for step in Step::ALL {
        scene.audience.step_begins(step);
        let start = Instant::now();
        if let Err(source) = step.play(&mut scene).await {
            let log = source
                .node()
                .map(|node| scene.stage.log_tail(node))
                .unwrap_or_default();
            let failure = TourFailure { step, source, log };
            scene.audience.step_failed(&failure);
            return Err(failure);
        }
        scene.audience.step_passed(step, start.elapsed());
    }
    Ok(Step::ALL.len())
}
