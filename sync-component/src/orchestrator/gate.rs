use super::{NetworkSyncManager, ProductionMode, SyncEvent, parts::FirstAnswer};
use crate::{
    block_id::BlockId,
    error::{NetworkError, NoConsensus},
    height_sync::{Judgement, Reach, Waiting},
    observer::HoldKind,
    ports::{MonoTime, UnixMillis},
    settings::GateWait,
    status::{CriticalReason, GapRemedy, SyncStatus, Verdict},
};
use futures::future::{Either, select};
use sp_runtime::traits::Block as BlockT;
use std::{
    pin::pin,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

/// Answer of the gate: `Cleared` is the original design's `Ok(true)`, `Held` its `Ok(false)`.
#[derive(Clone, Debug)]
pub enum Clearance<B: BlockT> {
    /// Author on `on`, and on nothing else.
    Cleared {
        /// The block to build on. If it is no longer the best one when our block is imported, drop our block unsent.
        on: BlockId<B>,
        /// Age of the view that cleared it.
        age: Duration,
    },
    /// Author nothing in this slot.
    Held(Hold<B>),
}

impl<B: BlockT> Clearance<B> {
    /// Whether to author.
    pub fn is_cleared(&self) -> bool {
        matches!(self, Self::Cleared { .. })
    }
}

/// Why the gate held. Its text says what ends it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Hold<B: BlockT> {
    /// Behind, or critical.
    #[error("{}", .0)]
    Status(HoldStatus<B>),
    /// The position is not known.
    #[error(transparent)]
    Unverified(NetworkError),
}

/// A status other than in sync, for [`Hold::Status`].
#[derive(Clone, Debug)]
pub struct HoldStatus<B: BlockT>(pub SyncStatus<B>);

impl<B: BlockT> std::fmt::Display for HoldStatus<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            SyncStatus::InSync => f.write_str(
                "in sync as far as is known, but answers are missing that could change that; they are asked for without your doing anything",
            ),
            SyncStatus::SmallGap(gap) | SyncStatus::MediumGap(gap) | SyncStatus::LargeGap(gap) => {
                write!(f, "{gap} blocks behind; catching up")
            }
            SyncStatus::Critical(reason) => f.write_str(&reason.explanation()),
        }
    }
}

impl<B: BlockT> Hold<B> {
    /// Its class, for metrics and alerts.
    pub fn kind(&self) -> HoldKind {
        match self {
            Self::Status(HoldStatus(status)) => match status {
                SyncStatus::InSync => HoldKind::Undecided,
                SyncStatus::SmallGap(_) => HoldKind::SmallGap,
                SyncStatus::MediumGap(_) => HoldKind::MediumGap,
                SyncStatus::LargeGap(_) => HoldKind::LargeGap,
                SyncStatus::Critical(CriticalReason::Gap {
                    remedy: GapRemedy::Windows,
                    ..
                }) => HoldKind::CriticalGap,
                SyncStatus::Critical(_) => HoldKind::Critical,
            },
            Self::Unverified(error) => match error {
                NetworkError::NoPeersAvailable => HoldKind::NoPeers,
                NetworkError::NoConsensusReached(_) => HoldKind::NoConsensus,
                NetworkError::Timeout { .. } => HoldKind::Timeout,
                NetworkError::ClockSuspect { .. } => HoldKind::ClockSuspect,
                NetworkError::NotAskedYet => HoldKind::NotAskedYet,
                NetworkError::BlockNotFound { .. }
                | NetworkError::SyncGapTooLarge(_)
                | NetworkError::CriticalSyncRequired { .. }
                | NetworkError::Local(_) => HoldKind::Fault,
            },
        }
    }
}

/// How often a split is asked about again within one slot's share.
const ROUNDS_PER_SHARE: u32 = 8;

/// What one look at the view says to the gate.
enum Look<B: BlockT> {
    /// Author.
    Clear,
    /// More answers, or a little catching up, may still clear this slot.
    Wait(Hold<B>),
    /// Nothing that can happen within this slot's share clears it.
    Hold(Hold<B>),
}

pub(super) async fn gate<B: BlockT>(
    manager: &NetworkSyncManager<B>,
) -> Result<Clearance<B>, NetworkError> {
    let context = &manager.context;
    if manager.production == ProductionMode::ForcedIsolated {
        return Ok(Clearance::Cleared {
            on: context.bridge.best(),
            age: Duration::ZERO,
        });
    }
    if let Some(cleared) = still_cleared(manager) {
        return Ok(cleared);
    }
    let start = context.clock.now();
    let budget = budget(manager);
    let pause = (budget / ROUNDS_PER_SHARE).max(Duration::from_millis(10));
    let mut changes = manager.height.changes();
    let mut accept = manager.height.fresh();
    loop {
        changes.borrow_and_update();
        manager.height.ask(accept);
        let judgement = manager.height.judge(manager.height.fresh())?;
        let left = budget
            .checked_sub(context.clock.now().since(start))
            .filter(|left| !left.is_zero());
        let hold = match (look(manager, &judgement), left) {
            (Look::Clear, _) => return Ok(cleared(manager, &judgement)),
            // The share is over: decide on what came.
            (Look::Wait(_), None) if decides_now(manager, &judgement) => {
                return Ok(cleared(manager, &judgement));
            }
            (Look::Hold(hold), _) | (Look::Wait(hold), None) => hold,
            (Look::Wait(hold), Some(left)) => {
                // On a split, what was heard before this call is asked again and again.
                if is_split(&hold) {
                    accept = pause;
                }
                let change = pin!(changes.changed());
                match select(change, context.clock.sleep(left.min(pause))).await {
                    Either::Left((Ok(()), _)) | Either::Right(_) => continue,
                    Either::Left((Err(_), _)) => hold,
                }
            }
        };
        manager.board.tell(SyncEvent::GateHeld(hold.clone()));
        return Ok(Clearance::Held(hold));
    }
}

fn cleared<B: BlockT>(manager: &NetworkSyncManager<B>, judgement: &Judgement<B>) -> Clearance<B> {
    let (on, age) = (judgement.ours, judgement.age);
    manager.board.tell(SyncEvent::GateCleared { on });
    Clearance::Cleared { on, age }
}

/// What the background found: the gate may clear a slot at once as long as nothing has changed since.
#[derive(Clone, Debug)]
pub(super) struct StandingClearance<B: BlockT> {
    on: BlockId<B>,
    /// Of the view that was judged.
    version: u64,
    judged: MonoTime,
    /// What our clock showed then.
    wall: UnixMillis,
    /// Of the oldest answer, when it was judged.
    age: Duration,
    good_for: Duration,
}

/// Judges the view for the gate, ahead of the slot.
pub(super) fn look_ahead<B: BlockT>(manager: &NetworkSyncManager<B>) -> Result<(), NetworkError> {
    let version = manager.height.version();
    let clock = &manager.context.clock;
    let (judged, wall) = (clock.now(), clock.wall());
    let judgement = manager.height.judge(manager.height.fresh())?;
    let clearance = match look(manager, &judgement) {
        Look::Clear => Some(StandingClearance {
            on: judgement.ours,
            version,
            judged,
            wall,
            age: judgement.age,
            good_for: judgement.good_for,
        }),
        Look::Wait(_) | Look::Hold(_) => None,
    };
    *standing_clearance(manager) = clearance;
    Ok(())
}

fn still_cleared<B: BlockT>(manager: &NetworkSyncManager<B>) -> Option<Clearance<B>> {
    let clearance = standing_clearance(manager).clone()?;
    let (clock, drift) = (
        &manager.context.clock,
        manager.context.settings.limits.drift,
    );
    let since = clock.now().since(clearance.judged);
    // What counts is said in slots: once our clock was set, it is judged anew.
    let due = clearance.wall.plus(since);
    let off = Duration::from_millis(clock.wall().0.abs_diff(due.0));
    let holds = off <= drift
        && clearance.version == manager.height.version()
        && since < clearance.good_for
        && clearance.on == manager.context.bridge.best();
    holds.then(|| {
        let on = clearance.on;
        manager.board.tell(SyncEvent::GateCleared { on });
        Clearance::Cleared {
            on,
            age: clearance.age.saturating_add(since),
        }
    })
}

fn standing_clearance<B: BlockT>(
    manager: &NetworkSyncManager<B>,
) -> MutexGuard<'_, Option<StandingClearance<B>>> {
    // It is replaced whole, so a panic elsewhere does not spoil it.
    let clearance = manager.standing_clearance.lock();
    clearance.unwrap_or_else(PoisonError::into_inner)
}

fn budget<B: BlockT>(manager: &NetworkSyncManager<B>) -> Duration {
    let tier1 = &manager.context.settings.tier1;
    match tier1.gate_wait {
        GateWait::Slot => manager.height.slot_share().min(tier1.timeout),
        GateWait::Letter => tier1.timeout,
    }
}

fn look<B: BlockT>(manager: &NetworkSyncManager<B>, judgement: &Judgement<B>) -> Look<B> {
    if let Some(error) = lack_of_first_answer(manager, judgement) {
        return Look::Wait(Hold::Unverified(error));
    }
    let letter = manager.context.settings.tier1.gate_wait == GateWait::Letter;
    match &judgement.verdict {
        Verdict::Known(SyncStatus::InSync) if judgement.waiting == Waiting::Decided => Look::Clear,
        Verdict::Known(status @ (SyncStatus::InSync | SyncStatus::SmallGap(_))) => {
            Look::Wait(Hold::Status(HoldStatus(status.clone())))
        }
        Verdict::Known(status @ (SyncStatus::MediumGap(_) | SyncStatus::LargeGap(_))) if letter => {
            Look::Wait(Hold::Status(HoldStatus(status.clone())))
        }
        Verdict::Known(status) => Look::Hold(Hold::Status(HoldStatus(status.clone()))),
        Verdict::Unverified(error @ NetworkError::NoPeersAvailable) => {
            Look::Hold(Hold::Unverified(error.clone()))
        }
        Verdict::Unverified(error) => Look::Wait(Hold::Unverified(error.clone())),
    }
}

/// Whether what came by the end of the slot's share is enough. After its start a chain without votes waits for every
/// probe, because a verified higher tip is all that can stop it; for no longer than a round, or claims that cost nothing
/// could stop it for good.
fn decides_now<B: BlockT>(manager: &NetworkSyncManager<B>, judgement: &Judgement<B>) -> bool {
    let has_started = || {
        let context = &manager.context;
        context.clock.now().since(manager.started) >= context.settings.tier1.timeout
    };
    judgement.verdict.is_in_sync()
        && lack_of_first_answer(manager, judgement).is_none()
        && (manager.production == ProductionMode::Voted || has_started())
}

/// What a node that may author alone, and has no block yet, still lacks: the word of somebody who may know more of the chain, or the
/// headers of what was claimed. Who is busy, or syncing itself, or whose answer got lost, may have the chain all the same.
fn lack_of_first_answer<B: BlockT>(
    manager: &NetworkSyncManager<B>,
    judgement: &Judgement<B>,
) -> Option<NetworkError> {
    let (ProductionMode::SingleAuthority(first) | ProductionMode::Forced(first)) =
        manager.production
    else {
        return None;
    };
    let context = &manager.context;
    if first == FirstAnswer::NotNeeded || context.bridge.best().height() > 0 {
        return None;
    }
    let (timeout, responses) = (context.settings.tier1.timeout, judgement.turnout.responses);
    let since = context.clock.now().since(manager.started);
    let is_unheard = responses == 0 || judgement.open > 0;
    let is_claimed = judgement.reach == Reach::Above;
    if !(is_unheard && since < timeout
        || is_claimed && since < timeout.saturating_mul(CLAIMS_COUNT))
    {
        return None;
    }
    Some(if is_claimed && responses > 0 {
        NetworkError::NoConsensusReached(NoConsensus::NoVotes { responses })
    } else {
        NetworkError::NotAskedYet
    })
}

/// For how many time-outs (`tier1_timeout_secs`) after its start a node that may author alone, and holds nothing itself, believes
/// whoever claims blocks, unless the claim turns out to be void. Fewer: where the answers to some probes in a row get lost it seals
/// block 1 of a chain that is there; more: whoever makes claims up keeps a new chain from beginning for longer.
const CLAIMS_COUNT: u32 = 10;

fn is_split<B: BlockT>(hold: &Hold<B>) -> bool {
    matches!(
        hold,
        Hold::Unverified(NetworkError::NoConsensusReached(
            NoConsensus::Split { .. }
                | NoConsensus::Attestations { .. }
                | NoConsensus::AboveConsensus { .. }
                | NoConsensus::BelowConsensus { .. }
                | NoConsensus::NoCommonHeight { .. }
                | NoConsensus::Ahead { .. }
        ))
    )
}
