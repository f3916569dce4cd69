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
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimState<B: BlockT> {
    /// The first probe of it runs; rounds wait for it.
    Probing,
    /// A later probe of it runs; the voter has lost its vote until it succeeds.
    Retrying {
        /// Probes that failed so far.
        failures: u32,
    },
    /// It holds as far as a window of headers reaches; the rest is probed once that window is imported.
    Partial {
        /// The highest header verified.
        run: BlockId<B>,
    },
    /// It cannot be true, or its headers are wrong: not probed again.
    Refuted,
    /// The probe brought no answer. Nothing is concluded from that; it is tried again.
    Unanswered {
        /// When to try again.
        retry_at: MonoTime,
        /// Probes that failed so far.
        failures: u32,
    },
}

impl<B: BlockT> Copy for ClaimState<B> {}

impl<B: BlockT> Default for ClaimBook<B> {
    fn default() -> Self {
        Self(BTreeMap::new())
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
        self.0.get(peer).is_some_and(|claim| {
            matches!(
                claim.state,
                ClaimState::Probing | ClaimState::Retrying { .. }
            )
        })
    }

    /// Whether a probe of `tip` may start now with this peer. Another peer may be probing the same tip: that is
    /// enough, so the answer is no then.
    pub fn may_probe(&self, peer: &PeerId, tip: &BlockId<B>, now: MonoTime) -> bool {
        let elsewhere = self.0.values().any(|claim| {
            claim.tip == *tip
                && matches!(
                    claim.state,
                    ClaimState::Probing | ClaimState::Retrying { .. }
                )
        });
        if elsewhere || self.is_probing(peer) {
            return false;
        }
        match self.state(peer, tip) {
            // A partial claim comes here once its run is imported.
            None | Some(ClaimState::Partial { .. }) => true,
            Some(ClaimState::Unanswered { retry_at, .. }) => retry_at <= now,
            Some(ClaimState::Probing | ClaimState::Retrying { .. } | ClaimState::Refuted) => false,
        }
    }

    /// A probe of `tip` starts with this peer.
    pub fn start(&mut self, peer: PeerId, tip: BlockId<B>) {
        let state = match self.state(&peer, &tip) {
            Some(ClaimState::Unanswered { failures, .. }) => ClaimState::Retrying { failures },
            _ => ClaimState::Probing,
        };
        self.0.insert(peer, Claim { tip, state });
    }

    /// `peer`'s claim, whatever its tip.
    pub fn get(&self, peer: &PeerId) -> Option<&Claim<B>> {
        self.0.get(peer)
    }

    /// The claim holds up to `run`, and goes on above it.
    pub fn partial(&mut self, peer: PeerId, tip: BlockId<B>, run: BlockId<B>) {
        self.0.insert(
            peer,
            Claim {
                tip,
                state: ClaimState::Partial { run },
            },
        );
    }

    /// The claim cannot be true, or its headers are wrong.
    pub fn refute(&mut self, peer: PeerId, tip: BlockId<B>) {
        self.0.insert(
            peer,
            Claim {
                tip,
                state: ClaimState::Refuted,
            },
        );
    }

    /// The probe brought no answer; the pause doubles from `first` to `longest`.
    pub fn unanswered(
        &mut self,
        peer: PeerId,
        tip: BlockId<B>,
        now: MonoTime,
        first: Duration,
        longest: Duration,
    ) {
        let failures = match self.state(&peer, &tip) {
            Some(ClaimState::Retrying { failures }) => failures.saturating_add(1),
            _ => 1,
        };
        let pause = first
            .saturating_mul(1 << failures.saturating_sub(1).min(16))
            .min(longest);
        let state = ClaimState::Unanswered {
            retry_at: now.plus(pause),
            failures,
        };
        self.0.insert(peer, Claim { tip, state });
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
            .find_map(|claim| match claim.state {
                ClaimState::Partial { run } => Some(run),
                _ => None,
            })
    }

    /// When the earliest retry is due.
    pub fn next_retry(&self) -> Option<MonoTime> {
        self.0
            .values()
            .filter_map(|claim| match claim.state {
                ClaimState::Unanswered { retry_at, .. } => Some(retry_at),
                _ => None,
            })
            .min()
    }
}
