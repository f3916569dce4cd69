//! Making attestations, taking in those of others, and passing them on.

use super::{HeightSyncManager, manager::State};
use crate::{
    attestation::{Contradiction, Equivocation, Intake, attest, is_genuine},
    block_id::{BlockId, number},
    chain_sync::Voters,
    headers::{Misdeed, VerifiedTip},
    peers::Offence,
    ports::{AttestationCounter, BridgeError, PeerId, Signer, SignerError},
    wire::{ATTESTED_HASHES, Activity, Attestation},
};
use sp_consensus_aura::Slot;
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{collections::BTreeMap, sync::Arc};

/// Our own attestations: with what they are signed, and what was attested last.
#[derive(Debug)]
pub(super) struct Attesting<B: BlockT> {
    signer: Option<Arc<dyn Signer>>,
    pub(super) own: Vec<sr25519::Public>,
    /// The keys that are to sign, maybe later.
    pub(super) to_come: Vec<sr25519::Public>,
    /// What each key attested last, or is attesting.
    last: BTreeMap<sr25519::Public, (Slot, BlockId<B>)>,
}

impl<B: BlockT> Default for Attesting<B> {
    fn default() -> Self {
        Self {
            signer: None,
            own: Vec::new(),
            to_come: Vec::new(),
            last: BTreeMap::new(),
        }
    }
}

/// An attestation of our own that is due.
#[derive(Debug)]
pub struct DueAttestation<B: BlockT> {
    signer: Arc<dyn Signer>,
    key: sr25519::Public,
    genesis: B::Hash,
    slot: Slot,
    best: BlockId<B>,
    below: Vec<B::Hash>,
}

impl<B: BlockT> DueAttestation<B> {
    /// Signs it. Blocks until the counter is on disk.
    pub fn sign(self) -> Result<Attestation<B>, SignerError> {
        attest(
            self.signer.as_ref(),
            self.key,
            self.genesis,
            self.slot,
            self.best,
            &self.below,
        )
    }
}

/// An attestation that is news, and whom it came from.
#[derive(Clone, Debug)]
pub struct AttestationNews<B: BlockT> {
    /// The attestation.
    pub attestation: Attestation<B>,
    /// The peer that brought it; `None` for our own.
    pub from: Option<PeerId>,
}

impl<B: BlockT> HeightSyncManager<B> {
    /// These keys are to attest what we hold, as soon as they may sign: until then, too, what is taken must be what they may stand by.
    pub fn will_attest_with(&self, keys: Vec<sr25519::Public>) {
        self.state().attesting.to_come = keys;
    }

    /// From now on our keys attest what we hold.
    pub fn attest_with(&self, signer: Arc<dyn Signer>) {
        let mut state = self.state();
        state.attesting.own = signer.keys();
        state.attesting.to_come = signer.keys();
        let own = state.attesting.own.clone();
        state.suspects.never(&own);
        state.attesting.signer = Some(signer);
        drop(state);
        self.touch();
    }

    /// Who votes here, for a vote on another chain than ours.
    pub fn voters(&self) -> Voters {
        Voters {
            electorate: self.strategy.electorate(),
            own: self.state().attesting.own.clone(),
        }
    }

    /// Our own attestations that are due: the slot is a new one, or the best block is and we are not catching up. They count
    /// as made from now on.
    pub fn due_attestations(
        &self,
        activity: Activity,
    ) -> Result<Vec<DueAttestation<B>>, BridgeError> {
        let bridge = self.context.bridge.as_ref();
        let slot_millis = bridge.slot_duration().as_millis().max(1);
        let slot = Slot::from(self.context.clock.wall().0 / slot_millis);
        let best = bridge.best();
        let mut state = self.state();
        let Some(signer) = state.attesting.signer.clone() else {
            return Ok(Vec::new());
        };
        let electors = self.electors(&mut state, best)?;
        let is_due = |last: Option<&(Slot, BlockId<B>)>| {
            last.is_none_or(|(then, of)| {
                // The clock may have been set back.
                *then != slot || (*of != best && activity != Activity::Syncing)
            })
        };
        let own = state.attesting.own.iter().copied();
        let due: Vec<_> = own
            .filter(|key| electors.contains(key) && is_due(state.attesting.last.get(key)))
            .collect();
        if due.is_empty() || state.foreign_seal.is_some() {
            return Ok(Vec::new());
        }
        let below = hashes_below(bridge, best)?;
        let genesis = bridge.genesis_hash();
        for key in &due {
            state.attesting.last.insert(*key, (slot, best));
        }
        let due = due.into_iter().map(|key| DueAttestation {
            signer: Arc::clone(&signer),
            key,
            genesis,
            slot,
            best,
            below: below.clone(),
        });
        Ok(due.collect())
    }

    /// An attestation of our own was signed.
    pub fn attested(&self, attestation: Attestation<B>) {
        self.keep(&mut self.state(), attestation, None);
        self.touch();
    }

    /// `attestation` counts from now on, and is passed on to all but whom it came from.
    fn keep(&self, state: &mut State<B>, attestation: Attestation<B>, from: Option<PeerId>) {
        let clock = &self.context.clock;
        let left = self.validity().left(attestation.tip.slot, clock.wall());
        let kept = attestation.clone();
        state.attestations.insert(kept, clock.now(), left);
        state.news.push(AttestationNews { attestation, from });
    }

    /// Takes in what `peer` brought. What is new and genuine counts from now on and is passed on; a forged one costs the
    /// peer, as nobody passes on what it did not check.
    pub fn hear_attestations(
        &self,
        peer: &PeerId,
        attestations: impl IntoIterator<Item = Attestation<B>>,
    ) -> Result<(), BridgeError> {
        let best = self.context.bridge.best();
        for attestation in attestations {
            let mut state = self.state();
            let electors = self.electors(&mut state, best)?;
            let intake = state.attestations.intake(
                &attestation,
                &electors,
                self.validity(),
                self.context.clock.wall(),
            );
            let is_foreign = state.attesting.is_foreign(&attestation, &intake);
            let is_news = matches!(intake, Intake::New | Intake::Contradicts(_) | Intake::Early);
            if !is_news && !is_foreign {
                continue;
            }
            // Where the lock is held: two tasks must not both take one for new.
            if !is_genuine(self.context.bridge.genesis_hash(), &attestation) {
                drop(state);
                tracing::debug!(%peer, authority = %attestation.authority, "forged attestation");
                self.context.peers.charge(peer, Offence::ProvablyWrong);
                return Ok(());
            }
            if is_foreign {
                let block = attestation.tip.best;
                if self.sound_foreign(&mut state, block) {
                    tracing::error!(authority = %attestation.authority, %block, "an attestation with our key was not made here");
                }
                continue;
            }
            match intake {
                Intake::Contradicts(first) => {
                    let known = state.attestations.contradict(&attestation.authority);
                    // Others hold the first one, and would count it.
                    if known == Contradiction::First {
                        state.news.push(AttestationNews {
                            attestation: attestation.clone(),
                            from: Some(peer.clone()),
                        });
                    }
                    let found = Equivocation::Attestations {
                        first,
                        second: Box::new(attestation),
                    };
                    state.found(found);
                }
                Intake::New => self.keep(&mut state, attestation, Some(peer.clone())),
                Intake::Early => state.attestations.insert_early(&attestation),
                Intake::Known | Intake::OutOfTime | Intake::TooMany | Intake::NoAuthority => {}
            }
            drop(state);
            self.touch();
        }
        Ok(())
    }

    /// The newest attestation held of each authority, for peers that ask.
    pub fn attestations(&self) -> Vec<Attestation<B>> {
        self.state().attestations.all()
    }

    /// What is to be passed on, and equivocations to be reported, since the last call.
    pub fn take_news(&self) -> (Vec<AttestationNews<B>>, Vec<Equivocation<B>>) {
        let mut state = self.state();
        let state = &mut *state;
        (
            std::mem::take(&mut state.news),
            std::mem::take(&mut state.unreported),
        )
    }

    /// The newest equivocation of each authority that was seen.
    pub(crate) fn evidence(&self) -> Vec<Equivocation<B>> {
        self.state().evidence.iter().cloned().collect()
    }

    /// Keeps what is known already.
    pub(crate) fn remember(&self, evidence: Vec<Equivocation<B>>) {
        let mut state = self.state();
        for known in evidence {
            state.evidence.keep(known);
        }
    }

    /// Looks for a second header of one slot, and for what somebody else sealed with a key of ours, among headers whose seals were
    /// checked, and which follow the stored `base`. Whatever becomes of their chain.
    pub(super) fn note_seals(
        &self,
        state: &mut State<B>,
        base: BlockId<B>,
        headers: &[Arc<B::Header>],
    ) -> Result<(), BridgeError> {
        let chain = self.context.bridge.as_ref();
        let authorities = chain.authorities_at(base.hash)?;
        for header in headers {
            // A verified header has a slot.
            let Ok(slot) = chain.slot_of(header) else {
                continue;
            };
            let turn = slot.checked_rem(authorities.len() as u64);
            let turn = turn.and_then(|turn| usize::try_from(turn).ok());
            let Some(author) = turn.and_then(|turn| authorities.get(turn)) else {
                continue;
            };
            let key: sr25519::Public = author.clone().into();
            let found = state.evidence.sealed(key, slot, header);
            let is_own = state.attesting.own.contains(&key);
            if is_own && (found.is_some() || state.attesting.is_later(&key, slot)) {
                let block = BlockId::of(&**header);
                if self.sound_foreign(state, block) {
                    tracing::error!(%author, %block, "a block that is sealed with our key was not made here");
                }
            }
            if let Some(found) = found {
                let own = state.attesting.own.clone();
                let misdeed = Misdeed::Equivocated;
                state
                    .suspects
                    .suspect(author, slot, misdeed, authorities.len(), &own);
                state.found(found);
            }
        }
        Ok(())
    }

    /// The same for a run.
    pub(super) fn note_seals_of(
        &self,
        state: &mut State<B>,
        run: &VerifiedTip<B>,
    ) -> Result<(), BridgeError> {
        self.note_seals(state, run.base, run.headers())
    }
}

impl<B: BlockT> Attesting<B> {
    /// Whether `slot` is later than all that this node has sealed with its `key`.
    fn is_later(&self, key: &sr25519::Public, slot: Slot) -> bool {
        let signer = self.signer.as_ref();
        signer.is_some_and(|signer| Some(slot) > signer.last_slot(key))
    }

    /// Whether it is signed with a key of ours and was not made here, if it is genuine: its counter is above all of ours, or
    /// is one of ours and it says something else.
    fn is_foreign(&self, attestation: &Attestation<B>, intake: &Intake<B>) -> bool {
        let Some(signer) = self.signer.as_ref() else {
            return false;
        };
        let counter = Some(AttestationCounter(attestation.tip.counter));
        self.own.contains(&attestation.authority)
            && (counter > signer.last_counter(&attestation.authority)
                || matches!(intake, Intake::Contradicts(_)))
    }
}

impl<B: BlockT> State<B> {
    fn found(&mut self, found: Equivocation<B>) {
        if let Some(news) = self.evidence.keep(found) {
            // The newest of each authority, as it is kept: one key may sign as much as it likes.
            let authority = news.authority();
            self.unreported
                .retain(|earlier| earlier.authority() != authority);
            self.unreported.push(news);
        }
    }
}

/// The last hashes below `best`, the highest first.
fn hashes_below<B: BlockT>(
    bridge: &dyn crate::ports::Bridge<B>,
    best: BlockId<B>,
) -> Result<Vec<B::Hash>, BridgeError> {
    let mut below = Vec::new();
    let mut hash = best.hash;
    while below.len() < ATTESTED_HASHES {
        match bridge.header(hash)? {
            Some(header) if *header.number() > number::<B>(0) => hash = *header.parent_hash(),
            _ => break,
        }
        below.push(hash);
    }
    Ok(below)
}
