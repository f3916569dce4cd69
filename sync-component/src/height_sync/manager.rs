use super::{
    Beginning,
    attesting::{AttestationNews, Attesting},
    following::Followed,
    rows::VoteRule,
};
use crate::{
    attestation::{AttestationBook, Equivocation, EvidenceBook},
    block_id::BlockId,
    context::SyncContext,
    headers::{Beyond, ClaimBook, Delivery, Suspects, TipStore, VerifiedTip},
    peers::{Offence, PeerEntry, RequestError, Sighting},
    ports::{BridgeError, HeaderRejected, MonoTime, PeerId, Presence, RequestFailure},
    registry::HeightStrategy,
    status::Tier,
    wire::{AnnouncedPlace, Announcement, Attestation, Status},
};
use futures::future::{Either, select};
use sp_consensus_aura::Slot;
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT, One, Saturating};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// A peer that says nothing for so large a part of a slot is asked where it stands once more. Larger (a shorter wait): whoever is slow is
/// asked twice each time; smaller: a lost answer keeps a peer from being heard for longer.
const ASKED_AGAIN: u32 = 4;

/// Keeps the view of the peers, and judges it.
///
/// Nothing here asks on its own: [`HeightSyncManager::ask`] queues a peer, and whoever runs the component (the
/// orchestrator) performs [`HeightSyncManager::ask_peer`] and [`HeightSyncManager::run_probe`].
pub struct HeightSyncManager<B: BlockT> {
    pub(super) context: SyncContext<B>,
    pub(super) strategy: Arc<dyn HeightStrategy<B>>,
    pub(super) rule: VoteRule,
    state: Mutex<State<B>>,
    asks: mpsc::UnboundedSender<PeerId>,
    changed: watch::Sender<u64>,
    started: MonoTime,
}

#[derive(Debug)]
pub(super) struct State<B: BlockT> {
    pub(super) tips: TipStore<B>,
    pub(super) claims: ClaimBook<B>,
    pub(super) asking: BTreeMap<PeerId, MonoTime>,
    /// Of whom a second answer may come.
    pub(super) asked_twice: BTreeSet<PeerId>,
    /// When the first of those being asked was.
    round_since: Option<MonoTime>,
    pub(super) ahead_since: Option<MonoTime>,
    pub(super) suspects: Suspects,
    /// Our tip when the suspects were told of it last.
    seen: Option<BlockId<B>>,
    /// A block that somebody else sealed with a key of ours.
    pub(super) foreign_seal: Option<BlockId<B>>,
    pub(super) attestations: AttestationBook<B>,
    pub(super) attesting: Attesting<B>,
    pub(super) evidence: EvidenceBook<B>,
    /// Attestations to be passed on. At most one for each that was taken in since the loop last looked.
    pub(super) news: Vec<AttestationNews<B>>,
    /// Equivocations to be reported.
    pub(super) unreported: Vec<Equivocation<B>>,
    /// The verified run that is being fetched.
    pub(super) followed: Followed<B>,
    /// Who may seal the child of this block.
    pub(super) electors: Option<(BlockId<B>, Arc<BTreeSet<sr25519::Public>>)>,
}

impl<B: BlockT> fmt::Debug for HeightSyncManager<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeightSyncManager")
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

impl<B: BlockT> HeightSyncManager<B> {
    /// A manager without any view yet. Peers to be asked go through `asks`.
    pub fn new(
        context: SyncContext<B>,
        strategy: Arc<dyn HeightStrategy<B>>,
        rule: VoteRule,
        asks: mpsc::UnboundedSender<PeerId>,
    ) -> Self {
        let tips = TipStore::new(context.settings.limits.tracked_tips);
        let state = State {
            tips,
            claims: ClaimBook::default(),
            asking: BTreeMap::new(),
            asked_twice: BTreeSet::new(),
            round_since: None,
            ahead_since: None,
            suspects: Suspects::default(),
            seen: None,
            foreign_seal: None,
            attestations: AttestationBook::default(),
            attesting: Attesting::default(),
            evidence: EvidenceBook::new(context.settings.limits.max_authorities),
            news: Vec::new(),
            unreported: Vec::new(),
            followed: Followed::default(),
            electors: None,
        };
        let changed = watch::Sender::new(0);
        Self {
            started: context.clock.now(),
            context,
            strategy,
            rule,
            state: Mutex::new(state),
            asks,
            changed,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<B>> {
        // Every change leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which state of the view judgements look at now.
    pub fn version(&self) -> u64 {
        *self.changed.borrow()
    }

    /// Changes whenever a judgement may have.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Says that something outside the view that judgements look at has changed.
    pub fn touch(&self) {
        self.changed
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Length of a slot.
    pub fn slot(&self) -> Duration {
        self.context.bridge.slot_duration().as_duration()
    }

    /// The present slot, by our clock.
    pub(super) fn now_slot(&self) -> Slot {
        Slot::from_timestamp(
            self.context.clock.wall().0.into(),
            self.context.bridge.slot_duration(),
        )
    }

    /// Whether this node started fewer than four rounds of slots ago.
    pub(super) fn beginning(&self, authorities: usize) -> Beginning {
        let slots = u32::try_from(authorities).unwrap_or(u32::MAX);
        let short = self.slot().saturating_mul(slots.saturating_mul(4));
        if self.context.clock.now().since(self.started) < short {
            Beginning::Recent
        } else {
            Beginning::Past
        }
    }

    /// The part of a slot that may be spent on waiting for peers (`tier1_slot_share`).
    pub fn slot_share(&self) -> Duration {
        self.slot().mul_f64(self.context.settings.tier1.slot_share)
    }

    /// Age below which the gate takes an answer as fresh (`tier1_fresh_slots`).
    pub fn fresh(&self) -> Duration {
        self.slot().mul_f64(self.context.settings.tier1.fresh_slots)
    }

    /// Age below which an answer counts for the status: until the poll after next would have renewed it.
    pub fn horizon(&self) -> Duration {
        let polls = self
            .slot()
            .saturating_mul(self.context.settings.limits.poll_slots.saturating_add(1));
        polls
            .saturating_add(self.context.settings.tier1.timeout)
            .max(self.fresh())
    }

    /// Queues all peers whose last word is older than `age` and that are not being asked.
    pub fn ask(&self, age: Duration) {
        let now = self.context.clock.now();
        let old = |sighting: &Sighting<B>| now.since(sighting.at) > age;
        // Asking a peer that just failed over and over brings nothing and looks like an attack.
        let pause = self.context.settings.limits.backoff_first;
        let failed = |entry: &PeerEntry<B>| {
            entry
                .failed_at
                .is_some_and(|failed| now.since(failed) < pause)
        };
        let peers: Vec<_> = {
            let table = self.context.peers.table();
            let due = table
                .iter()
                .filter(|(_, entry)| entry.sighting.as_ref().is_none_or(old) && !failed(entry));
            due.map(|(peer, _)| peer.clone()).collect()
        };
        for peer in peers {
            self.ask_one(peer);
        }
    }

    /// Queues `peer` unless it is being asked, or has no place in the table: then it is asked once it has one.
    pub fn ask_one(&self, peer: PeerId) {
        if self.context.peers.table().get(&peer).is_none() {
            return;
        }
        let now = self.context.clock.now();
        let mut state = self.state();
        if let std::collections::btree_map::Entry::Vacant(free) = state.asking.entry(peer.clone()) {
            free.insert(now);
            state.round_since.get_or_insert(now);
            // Nobody listens any more when the node is stopping.
            let _ = self.asks.send(peer);
        }
    }

    /// Asks `peer` where it stands; to be run for each peer that comes out of the queue. One that says nothing for a part of a slot is
    /// asked once more, so that one lost message keeps nobody from being heard until the time-out.
    pub async fn ask_peer(&self, peer: PeerId) {
        let genesis = self.context.bridge.genesis_hash();
        let timeout = self.context.settings.tier1.timeout;
        let again = self.slot() / ASKED_AGAIN;
        let ask = |within| self.context.peers.ask_status(&peer, genesis, within);
        let first = pin!(ask(timeout));
        let first = match select(first, self.context.clock.sleep(again)).await {
            Either::Left((answer, _)) => return self.told(&peer, answer),
            Either::Right(((), first)) => first,
        };
        // One at a time: whoever answers only one of the two could else make us wait for any number of others.
        if !self.state().asked_twice.insert(peer.clone()) {
            return self.told(&peer, first.await);
        }
        let second = pin!(ask(timeout.saturating_sub(again)));
        let (answer, other) = select(first, second).await.factor_first();
        match answer {
            Err(
                RequestError::Busy(_)
                | RequestError::Failed(
                    RequestFailure::Timeout
                    | RequestFailure::TooManyInFlight
                    | RequestFailure::Disconnected,
                ),
            ) => self.told(&peer, other.await),
            answer => {
                self.told(&peer, answer);
                self.hear_late(&peer, other).await;
            }
        }
        self.state().asked_twice.remove(&peer);
    }

    /// `peer` was asked twice where it stands and has answered once. Which of the two answers was given first is not known. Where it
    /// stands it may say anew at any time; but what authorities signed must not get lost, and does not depend on the order.
    async fn hear_late(
        &self,
        peer: &PeerId,
        answer: impl Future<Output = Result<Status<B>, RequestError>> + Unpin,
    ) {
        let slots = self.context.settings.attestation_slots.0.get();
        let counts = self.context.clock.sleep(self.slot().saturating_mul(slots));
        if let Either::Left((Ok(late), _)) = select(answer, counts).await {
            self.hear_signed(peer, late.attestations);
        }
    }

    /// Asking `peer` where it stands is over.
    fn told(&self, peer: &PeerId, answer: Result<Status<B>, RequestError>) {
        match self.context.peers.note_status(peer, answer) {
            Ok(attestations) => self.hear_signed(peer, attestations),
            Err(error) => tracing::debug!(%peer, %error, "no status"),
        }
        let mut state = self.state();
        state.asking.remove(peer);
        self.end_round(&mut state);
        drop(state);
        self.touch();
    }

    fn hear_signed(&self, peer: &PeerId, attestations: Vec<Attestation<B>>) {
        if let Err(error) = self.hear_attestations(peer, attestations) {
            tracing::error!(%error, "the store failed");
        }
    }

    /// Measures the round if nobody is being asked any more.
    fn end_round(&self, state: &mut State<B>) {
        if state.asking.is_empty()
            && let Some(since) = state.round_since.take()
        {
            let took = self.context.clock.now().since(since);
            self.context.observer.tier_ended(Tier::HeightCheck, took);
        }
    }

    /// A peer is gone: its entry leaves the view.
    pub fn disconnected(&self, peer: &PeerId) {
        let now = self.context.clock.now();
        self.context.peers.table().disconnected(peer, now);
        let mut state = self.state();
        state.claims.forget(peer);
        state.asking.remove(peer);
        state.asked_twice.remove(peer);
        self.end_round(&mut state);
        drop(state);
        self.touch();
    }

    /// Takes an announcement into the view. A header on top of what we hold is verified at once.
    pub fn announced(
        &self,
        peer: &PeerId,
        announcement: &Announcement<B>,
    ) -> Result<(), BridgeError> {
        let header = &announcement.header;
        if announcement.place == AnnouncedPlace::Best {
            let most = self.context.settings.limits.status_hashes;
            self.context
                .peers
                .table()
                .announced(peer, header, most, self.context.clock.now());
        }
        self.verify_announced(peer, header)?;
        self.hear_attestations(peer, announcement.attestation.clone())?;
        self.touch();
        Ok(())
    }

    fn verify_announced(&self, peer: &PeerId, header: &B::Header) -> Result<(), BridgeError> {
        let bridge = &self.context.bridge;
        let id = BlockId::<B>::of(header);
        let mut state = self.state();
        if state.tips.holding(&id).is_some() || bridge.presence(id.hash)? != Presence::Absent {
            return Ok(());
        }
        let window = self.window();
        let extended = state.tips.extendable_by(header).cloned();
        let (ancestor, base, parent) = match &extended {
            Some(run) if (run.headers().len() as u64) < window && run.beyond == Beyond::Nothing => {
                (run.ancestor, run.base, run.tip_header().clone())
            }
            Some(_) => return Ok(()),
            None => {
                let Some(parent) = bridge.header(*header.parent_hash())? else {
                    return Ok(());
                };
                let base = BlockId::of(&parent);
                let Some(ancestor) = crate::headers::canonical_ancestor(bridge.as_ref(), base)?
                else {
                    return Ok(());
                };
                (ancestor, base, parent)
            }
        };
        let checked = bridge.verify_headers(
            base,
            &parent,
            std::slice::from_ref(header),
            self.context.clock.wall(),
        );
        match checked {
            Ok(()) => {
                let headers = vec![Arc::new(header.clone())];
                self.note_seals(&mut state, base, &headers)?;
                let run = match extended {
                    Some(run) => Some(run.extended(headers, Beyond::Nothing)),
                    None => VerifiedTip::new(ancestor, base, headers, Beyond::Nothing),
                };
                if let Some(run) = run {
                    state.keep(&run, bridge.as_ref())?;
                }
            }
            Err(HeaderRejected::Local(error)) => return Err(error),
            Err(HeaderRejected::Faulty { fault, .. }) => {
                drop(state);
                tracing::debug!(%peer, block = %id, %fault, "announced header refused");
                if fault.blame() == crate::Blame::Peer {
                    self.context.peers.charge(peer, Offence::ProvablyWrong);
                }
            }
        }
        Ok(())
    }

    /// How many headers above our chain are verified at once: one more than a call of Tier 2 covers, so that a larger
    /// gap is seen to be larger.
    pub(super) fn window(&self) -> u64 {
        self.context.settings.tier2.max_gap.saturating_add(1)
    }

    /// Our chain changed, and its tip is `header` if that is known: brings the verified tips up to date.
    pub fn chain_changed(&self, header: Option<&B::Header>) -> Result<(), BridgeError> {
        let chain = self.context.bridge.as_ref();
        let mut state = self.state();
        let told = state.tips.advance(chain);
        if let Some(header) = header {
            let base = BlockId::new(
                header.number().saturating_sub(One::one()),
                *header.parent_hash(),
            );
            self.note_seals(&mut state, base, &[Arc::new(header.clone())])?;
            let seen = state.seen.replace(BlockId::of(header));
            state
                .suspects
                .imported(header, seen, chain, self.now_slot())?;
        }
        drop(state);
        self.touch();
        told
    }

    /// The verified run that holds `block`, above what is stored.
    pub fn verified(&self, block: &BlockId<B>) -> Option<VerifiedTip<B>> {
        self.state().tips.holding(block).cloned()
    }

    /// Whether `tip` is held as a verified tip, or as part of its run.
    pub fn is_verified(&self, tip: &BlockId<B>) -> bool {
        self.state().tips.holding(tip).is_some()
    }

    /// A block did not execute here: no tip that holds it counts from now on.
    pub fn park(&self, block: BlockId<B>, delivery: Delivery) {
        self.state().tips.park(block, delivery);
        self.touch();
    }

    /// `block` is sealed with a key of ours and not by us: the status is critical from now on, until a restart.
    pub fn own_key_used_elsewhere(&self, block: BlockId<B>) {
        self.sound_foreign(&mut self.state(), block);
    }

    /// The block, or the attested tip, that shows that a key of ours is used elsewhere. Whoever seals asks at the last moment: one of
    /// the same slot may have come since the gate answered.
    pub fn foreign_seal(&self) -> Option<BlockId<B>> {
        self.state().foreign_seal
    }

    /// `block` shows that a key of ours is used elsewhere. Says whether that is news: whoever has our key may seal any number of blocks.
    pub(super) fn sound_foreign(&self, state: &mut State<B>, block: BlockId<B>) -> bool {
        let is_news = state.foreign_seal.is_none();
        state.foreign_seal.get_or_insert(block);
        // At once: what becomes of what brought it may be an error.
        self.touch();
        is_news
    }
}
