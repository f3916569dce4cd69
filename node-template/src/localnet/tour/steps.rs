//! What each step does and demands.

use super::{
    Duty, Scene, Stage, StepError,
    scene::{Condition, common_height, view},
};
use crate::{
    localnet::NodeIndex,
    service::DevKey,
    status_view::{BlockView, VerdictKind},
};
use std::collections::BTreeSet;

/// The validators of the `local` preset.
pub(super) const VALIDATORS: [DevKey; 4] =
    [DevKey::Alice, DevKey::Bob, DevKey::Charlie, DevKey::Dave];

/// The name of the node that joins.
const NEWCOMER: &str = "newcomer";

/// Blocks that the newcomer must follow before it counts as staying in sync.
const FOLLOWED: u64 = 3;

/// Blocks by which the newcomer falls behind: more than `tier1_max_gap`, so that only Tier 2 closes the gap.
const MISSED: u64 = 8;

/// Height by which each validator must have authored. In a healthy network each has within the first eight blocks.
const AUTHORED_BY: u64 = 24;

/// Slots in which something that takes one round must have happened. Generous: a busy machine is no failure.
pub(super) const SOON: u32 = 15;

/// Slots in which the network must have grown by at most ten blocks.
pub(super) const GROWTH: u32 = 40;

pub(super) async fn author<S: Stage>(scene: &mut Scene<'_, S>) -> Result<(), StepError> {
    for key in VALIDATORS {
        let earlier = scene.validators.clone();
        let node = scene.start(key.flag(), Duty::Author(key), earlier).await?;
        scene.validators.push(node);
    }
    let validators = scene.validators.clone();
    let others = validators.len().saturating_sub(1);
    let connected = Condition {
        expected: "every validator is connected to all others",
        node: validators.last().copied(),
    };
    scene
        .until(connected, SOON, |rows| {
            validators
                .iter()
                .all(|node| view(rows, *node).is_some_and(|view| view.peers >= others))
        })
        .await?;
    until_all_authored(scene, &validators).await
}

/// Looks at ever higher common blocks until each validator has sealed one of the chain. The slots of the headers tell.
async fn until_all_authored<S: Stage>(
    scene: &mut Scene<'_, S>,
    validators: &[NodeIndex],
) -> Result<(), StepError> {
    let mut height = 1;
    loop {
        let block = scene.until_agreed(validators, height, GROWTH).await?;
        let authored = authors(scene, &block).await?.len();
        if authored >= validators.len() {
            return Ok(());
        }
        if block.number >= AUTHORED_BY {
            return Err(StepError::Idle {
                authored,
                validators: validators.len(),
                number: block.number,
            });
        }
        height = block.number.saturating_add(1);
    }
}

/// The places in the order of authorities whose blocks lead to `tip`.
async fn authors<S: Stage>(
    scene: &mut Scene<'_, S>,
    tip: &BlockView,
) -> Result<BTreeSet<u64>, StepError> {
    let node = first(&scene.validators)?;
    let count = u64::try_from(scene.validators.len()).unwrap_or(u64::MAX);
    let mut authors = BTreeSet::new();
    let mut hash = tip.hash.clone();
    while let Some(header) = scene
        .stage
        .header(node, &hash)
        .await
        .map_err(|source| StepError::Stage { node, source })?
    {
        let Some(place) = header.slot().and_then(|slot| slot.checked_rem(count)) else {
            break;
        };
        authors.insert(place);
        if authors.len() == scene.validators.len() {
            break;
        }
        hash = header.parent_hash;
    }
    Ok(authors)
}

pub(super) async fn join<S: Stage>(scene: &mut Scene<'_, S>) -> Result<(), StepError> {
    let known = first(&scene.validators)?;
    let there = height(scene, known).await?;
    let newcomer = scene.start(NEWCOMER, Duty::Follow, vec![known]).await?;
    scene.newcomer = Some(newcomer);
    until_in_sync(scene, newcomer, there).await?;
    let followed = height(scene, newcomer).await?.saturating_add(FOLLOWED);
    scene
        .until_agreed(&[known, newcomer], followed, GROWTH)
        .await?;
    until_in_sync(scene, newcomer, followed).await
}

pub(super) async fn fall_behind<S: Stage>(scene: &mut Scene<'_, S>) -> Result<(), StepError> {
    let sleeper = scene.newcomer.ok_or(StepError::NotSetUp("newcomer"))?;
    let known = first(&scene.validators)?;
    let left_at = height(scene, sleeper).await?;
    let stopped = scene.stage.stop(sleeper).await;
    stopped.map_err(|source| StepError::Stage {
        node: sleeper,
        source,
    })?;
    let validators = scene.validators.clone();
    let went_on = scene
        .until_agreed(&validators, left_at.saturating_add(MISSED), GROWTH)
        .await?;
    let restarted = scene.stage.restart(sleeper).await;
    restarted.map_err(|source| StepError::Stage {
        node: sleeper,
        source,
    })?;
    until_in_sync(scene, sleeper, went_on.number).await?;
    same_block(scene, known, sleeper, &went_on).await
}

/// Waits until `node` says that it is in sync at `height` or above, on the chain of the first validator.
pub(super) async fn until_in_sync<S: Stage>(
    scene: &mut Scene<'_, S>,
    node: NodeIndex,
    height: u64,
) -> Result<(), StepError> {
    let known = first(&scene.validators)?;
    let expected = format!("the node is in sync at height {height} or above");
    let condition = Condition {
        expected: &expected,
        node: Some(node),
    };
    scene
        .until(condition, GROWTH, |rows| {
            view(rows, node).is_some_and(|view| {
                view.verdict == VerdictKind::InSync && view.best.number >= height
            })
        })
        .await?;
    scene
        .until_agreed(&[known, node], height, SOON)
        .await
        .map(drop)
}

/// Fails unless `node` holds `block`, which `known` holds.
async fn same_block<S: Stage>(
    scene: &mut Scene<'_, S>,
    known: NodeIndex,
    node: NodeIndex,
    block: &BlockView,
) -> Result<(), StepError> {
    let hash = scene.common_hash(&[known, node], block.number).await?;
    if hash.as_ref() == Some(&block.hash) {
        return Ok(());
    }
    let rows = scene.survey().await?;
    let name = |index: NodeIndex| {
        rows.get(index.0)
            .map_or_else(String::new, |row| row.name.clone())
    };
    Err(StepError::Apart {
        left: name(known),
        right: name(node),
        node,
        number: block.number,
    })
}

pub(super) async fn height<S: Stage>(
    scene: &mut Scene<'_, S>,
    node: NodeIndex,
) -> Result<u64, StepError> {
    let mut height = 0;
    let condition = Condition {
        expected: "the node says how high it is",
        node: Some(node),
    };
    scene
        .until(condition, SOON, |rows| match common_height(rows, &[node]) {
            Some(seen) => {
                height = seen;
                true
            }
            None => false,
        })
        .await?;
    Ok(height)
}

pub(super) fn first(validators: &[NodeIndex]) -> Result<NodeIndex, StepError> {
    validators
        .first()
        .copied()
        .ok_or(StepError::NotSetUp("validators"))
}
