//! The steps in which the operator is needed.

use super::{
    Duty, Scene, Stage, StepError,
    scene::{Condition, view},
    steps::{GROWTH, SOON, VALIDATORS, first, height, until_in_sync},
};
use crate::{
    localnet::NodeIndex,
    status_view::{BlockView, VerdictKind},
};

/// Blocks that the lone validator authors: more than `tier2_max_reorg`.
const ALONE: u64 = 6;

/// Slots in which it has authored them: it has one in four.
const ALONE_FOR: u32 = 60;

pub(super) async fn dead_fork<S: Stage>(scene: &mut Scene<'_, S>) -> Result<(), StepError> {
    let (node, key) = match (scene.validators.last(), VALIDATORS.last()) {
        (Some(node), Some(key)) => (*node, *key),
        _ => return Err(StepError::NotSetUp("validators")),
    };
    let at = |source| StepError::Stage { node, source };
    let left_at = height(scene, node).await?;
    scene.stage.stop(node).await.map_err(at)?;
    let alone = scene.stage.restart_as(node, Duty::Alone(key)).await;
    alone.map_err(at)?;
    let goal = left_at.saturating_add(ALONE);
    let condition = Condition {
        expected: "the lone validator authors a fork that is deeper than tier2_max_reorg",
        node: Some(node),
    };
    let mut tip = None;
    scene
        .until(condition, ALONE_FOR, |rows| {
            tip = view(rows, node)
                .map(|view| view.best.clone())
                .filter(|best| best.number >= goal);
            tip.is_some()
        })
        .await?;
    scene.stage.stop(node).await.map_err(at)?;
    let back = scene.stage.restart_as(node, Duty::Author(key)).await;
    back.map_err(at)?;
    // It may have authored one more before it stopped.
    let mut seen = None;
    let condition = Condition {
        expected: "the validator reports its dead fork as critical",
        node: Some(node),
    };
    scene
        .until(condition, GROWTH, |rows| {
            let critical = view(rows, node).filter(|view| view.verdict == VerdictKind::Critical);
            seen = critical.map(|view| view.best.clone());
            seen.is_some()
        })
        .await?;
    scene.stray = seen.map(|tip| (node, tip));
    Ok(())
}

pub(super) async fn resync<S: Stage>(scene: &mut Scene<'_, S>) -> Result<(), StepError> {
    let (node, _) = stray(scene)?;
    let known = first(&scene.validators)?;
    let there = height(scene, known).await?;
    let resynced = scene.stage.resync(node, known).await;
    resynced.map_err(|source| StepError::Stage { node, source })?;
    until_in_sync(scene, node, there).await
}

pub(super) async fn restore<S: Stage>(scene: &mut Scene<'_, S>) -> Result<(), StepError> {
    let (node, tip) = stray(scene)?;
    let restored = scene.stage.restore(node).await;
    let restored = restored.map_err(|source| StepError::Stage { node, source })?;
    let condition = Condition {
        expected: "the restored chain ends where the old one did",
        node: Some(restored),
    };
    scene
        .until(condition, SOON, |rows| {
            // The hash covers the state root, and a store without the tip's state does not open.
            view(rows, restored).is_some_and(|view| view.best == tip)
        })
        .await
}

fn stray<S: Stage>(scene: &Scene<'_, S>) -> Result<(NodeIndex, BlockView), StepError> {
    scene.stray.clone().ok_or(StepError::NotSetUp("dead fork"))
}
