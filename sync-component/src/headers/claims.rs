use super::VerifiedTip;
use crate::{
    block_id::BlockId,
    ports::{MonoTime, PeerId},
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, time::Duration};

/// Tips that peers claim and that we do not hold, with what became of checking them. One entry per peer: a claim may
/// cost one probe, never a decision.
#[derive(Debug)]
pub struct ClaimBook<B: BlockT>(BTreeMap<PeerId, Claim<B>>);

/// One peer's claim.
#[derive(Clone, Debug)]
pub struct Claim<B: BlockT> {
    /// The tip it claims.
    pub tip: BlockId<B>,
    /// What became of it.
    pub state: ClaimState<B>,
    /// How far a probe did that did not reach it, while it is open.
    reached: Option<BlockId<B>>,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimState<B: BlockT> {
    /// The first probe of it runs; rounds wait for it.
    Probing {
        /// Since when.
        since: MonoTime,
    },
    /// A later probe of it runs; the voter has lost its vote until it succeeds.
    Retrying {
        /// Since when.
        since: MonoTime,
        /// Probes that failed so far.
        failures: u32,
        /// What the last one lacked.
        lack: Lack,
    },
    /// It holds as far as a window of headers reaches; the rest is probed once that window is imported.
    Partial {
        /// The highest header verified.
        run: BlockId<B>,
    },
    /// More blocks above us than slots have passed: not probed while that is so.
    Impossible,
    /// Its headers are wrong: not probed again.
    Refuted,
    /// Its headers hold, and this block below it does not execute here: not probed again.
    Parked {
        /// The block.
        block: BlockId<B>,
    },
    /// The probe did not reach the claimed tip. Nothing is concluded from that; it is tried again.
    Unanswered {
        /// When to try again.
        retry_at: MonoTime,
        /// When to try another claim of the same peer.
        others_at: MonoTime,
        /// Probes that failed so far.
        failures: u32,
        /// What the last one lacked.
        lack: Lack,
    },
}

/// What a probe lacked to reach the claimed tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Answers.
    Answer,
    /// Time: a sealed header of the chain lies in our future.
    Time,
}

impl<B: BlockT> Copy for ClaimState<B> {}

/// After so many probes in a row of one claim that came to nothing, it may be made up. Fewer, and in a bad network what was lost
/// counts for nothing: a tip that others build on is forgotten, an author that was forced goes on beside a living chain; more, and
/// whoever makes a claim up keeps such a tip, or such an author, waiting for longer.
const UNSHOWN: u32 = 8;

impl<B: BlockT> ClaimState<B> {
    /// Whether the claim is wrong, or was not shown again and again. A probe that was lost says nothing.
    pub(crate) fn is_void(&self) -> bool {
        match self {
            Self::Impossible | Self::Refuted => true,
            Self::Retrying { failures, .. } | Self::Unanswered { failures, .. } => {
                *failures >= UNSHOWN
            }
            Self::Probing { .. } | Self::Partial { .. } | Self::Parked { .. } => false,
        }
    }
}

/// Pauses between probes of one claim: doubling from `first` to `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// After the first probe.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl<B: BlockT> Default for ClaimBook<B> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<B: BlockT> Claim<B> {
    /// How far it was shown, where a window of headers does not reach it.
    pub(crate) fn shown(&self) -> Option<BlockId<B>> {
        match self.state {
            ClaimState::Partial { run } => Some(run),
            _ => None,
        }
    }

    /// Since when a probe of it runs.
    fn probed_since(&self) -> Option<MonoTime> {
        match self.state {
            ClaimState::Probing { since } | ClaimState::Retrying { since, .. } => Some(since),
            _ => None,
        }
    }
}

impl<B: BlockT> ClaimBook<B> {
    /// What became of `peer`'s claim of `tip`; `None` if it is new.
    pub fn state(&self, peer: &PeerId, tip: &BlockId<B>) -> Option<ClaimState<B>> {
        self.0
            .get(peer)
            .filter(|claim| claim.tip == *tip)
            .map(|claim| claim.state)
    }

    /// Whether `peer` is being probed, whatever for: one probe per peer at a time.
    pub fn is_probing(&self, peer: &PeerId) -> bool {
        self.0
            .get(peer)
            .is_some_and(|claim| claim.probed_since().is_some())
    }

    /// Whether a probe of `tip` may start now with this peer. While another peer is probed for the same tip the answer is
    /// no, but for no longer than `patience`: a lost answer must not keep a tip unknown that others can show.
    pub fn may_probe(
        &self,
        peer: &PeerId,
        tip: &BlockId<B>,
        now: MonoTime,
        patience: Duration,
    ) -> bool {
        let elsewhere = self.0.values().any(|claim| {
            claim.tip == *tip
                && claim
                    .probed_since()
                    .is_some_and(|since| now.since(since) < patience)
        });
        // Claims are free, and each probe is work: a new claim does not do away with the first pause.
        let is_paused = self.0.get(peer).is_some_and(|claim| match claim.state {
            ClaimState::Unanswered { retry_at, .. } if claim.tip == *tip => retry_at > now,
            ClaimState::Unanswered { others_at, .. } => others_at > now,
            _ => false,
        });
        if elsewhere || is_paused || self.is_probing(peer) {
            return false;
        }
        match self.state(peer, tip) {
            // A partial claim comes here once its run is imported.
            None
            | Some(
                ClaimState::Partial { .. } | ClaimState::Impossible | ClaimState::Unanswered { .. },
            ) => true,
            Some(
                ClaimState::Probing { .. }
                | ClaimState::Retrying { .. }
                | ClaimState::Refuted
                | ClaimState::Parked { .. },
            ) => false,
        }
    }

    /// A probe of `tip` starts with this peer.
    pub fn start(&mut self, peer: PeerId, tip: BlockId<B>, since: MonoTime) {
        let state = match self.state(&peer, &tip) {
            Some(ClaimState::Unanswered { failures, lack, .. }) => ClaimState::Retrying {
                since,
                failures,
                lack,
            },
            _ => ClaimState::Probing { since },
        };
        self.put(peer, tip, state);
    }

    fn put(&mut self, peer: PeerId, tip: BlockId<B>, state: ClaimState<B>) {
        let is_open = matches!(
            state,
            ClaimState::Retrying { .. } | ClaimState::Unanswered { .. }
        );
        let known = self.0.get(&peer);
        let known = known.filter(|claim| is_open && claim.tip == tip);
        let reached = known.and_then(|claim| claim.reached);
        let claim = Claim {
            tip,
            state,
            reached,
        };
        self.0.insert(peer, claim);
    }

    /// A probe of `peer`'s claim ended at `block`, below it.
    pub(crate) fn reached(&mut self, peer: &PeerId, block: BlockId<B>) {
        if let Some(claim) = self.0.get_mut(peer) {
            claim.reached = Some(block);
        }
    }

    /// `peer`'s claim, whatever its tip.
    pub fn get(&self, peer: &PeerId) -> Option<&Claim<B>> {
        self.0.get(peer)
    }

    /// The claim holds up to `run`, and goes on above it.
    pub fn partial(&mut self, peer: PeerId, tip: BlockId<B>, run: BlockId<B>) {
        self.put(peer, tip, ClaimState::Partial { run });
    }

    /// Whoever claims `tip` and was verified in part: the chain holds up to `run`.
    pub fn holds_up_to(&mut self, tip: &BlockId<B>, run: BlockId<B>) {
        for claim in self.0.values_mut().filter(|claim| claim.tip == *tip) {
            if matches!(claim.state, ClaimState::Partial { .. }) {
                claim.state = ClaimState::Partial { run };
            }
        }
    }

    /// The claim cannot be true, as far as our clock tells.
    pub fn impossible(&mut self, peer: PeerId, tip: BlockId<B>) {
        let state = ClaimState::Impossible;
        self.put(peer, tip, state);
    }

    /// The headers of the claim are wrong.
    pub fn refute(&mut self, peer: PeerId, tip: BlockId<B>) {
        self.put(peer, tip, ClaimState::Refuted);
    }

    /// The claim's headers hold, and `block` below it does not execute here.
    pub fn parked(&mut self, peer: PeerId, tip: BlockId<B>, block: BlockId<B>) {
        let state = ClaimState::Parked { block };
        self.put(peer, tip, state);
    }

    /// Whether the last probe of `peer`'s claim of `tip` ended at a header of our future.
    pub fn is_from_future(&self, peer: &PeerId, tip: &BlockId<B>) -> bool {
        matches!(
            self.state(peer, tip),
            Some(
                ClaimState::Unanswered {
                    lack: Lack::Time,
                    ..
                } | ClaimState::Retrying {
                    lack: Lack::Time,
                    ..
                }
            )
        )
    }

    /// The probe did not reach the claimed tip; the pause before the next doubles as `pauses` says.
    pub fn unanswered(
        &mut self,
        peer: PeerId,
        tip: BlockId<B>,
        lack: Lack,
        now: MonoTime,
        pauses: Pauses,
    ) {
        let failures = match self.state(&peer, &tip) {
            Some(ClaimState::Retrying { failures, .. }) => failures.saturating_add(1),
            _ => 1,
        };
        let pause = pauses
            .first
            .saturating_mul(1 << failures.saturating_sub(1).min(16))
            .min(pauses.longest);
        let state = ClaimState::Unanswered {
            retry_at: now.plus(pause),
            others_at: now.plus(pauses.first),
            failures,
            lack,
        };
        self.put(peer, tip, state);
    }

    /// The claim holds, or the peer is gone.
    pub fn forget(&mut self, peer: &PeerId) {
        self.0.remove(peer);
    }

    /// How far the claim of `tip`, whoever makes it, is verified if a window did not reach it.
    pub fn partial_run(&self, tip: &BlockId<B>) -> Option<BlockId<B>> {
        self.0
            .values()
            .filter(|claim| claim.tip == *tip)
            .find_map(Claim::shown)
    }

    /// Whether somebody claims a chain that goes on above blocks of `run`, and was shown up to there.
    pub(crate) fn goes_on_above(&self, run: &VerifiedTip<B>) -> bool {
        self.0.values().any(|claim| {
            let shown = claim.shown().or(claim.reached);
            shown.is_some_and(|shown| run.contains(&shown))
        })
    }

    /// Blocks below claimed tips that do not execute here.
    pub fn parked_blocks(&self) -> impl Iterator<Item = BlockId<B>> {
        self.0.values().filter_map(|claim| match claim.state {
            ClaimState::Parked { block } => Some(block),
            _ => None,
        })
    }

    /// Whether a claim of `tip` was found to hold the parked `block`.
    pub fn is_parked_above(&self, tip: &BlockId<B>, block: &BlockId<B>) -> bool {
        self.0
            .values()
            .any(|claim| claim.tip == *tip && claim.state == ClaimState::Parked { block: *block })
    }

    /// How many claims there are.
    #[cfg(feature = "test-kit")]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
