//! What must always hold (SPEC section 13), checked from outside after every event of a run.

mod hearing;
mod votes;

use super::{
    counters::Counters,
    log::EventLog,
    words::{Span, Words},
};
use crate::{
    BlockId, NetworkSyncManager,
    block_id::{height_of, number},
    height_sync::Electorate,
    ports::{Bridge, Clock, PeerId, Presence, UnixMillis},
    settings::{Limits, SyncSettings},
    test_kit::{Forge, TestBlock, VirtualClock, forge::extrinsics_root, network::MemoryNetwork},
};
use sp_consensus_aura::Slot;
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Watches a whole network. What it finds wrong it keeps, and the run fails with it.
#[derive(Debug)]
pub struct Oracle<B: BlockT> {
    log: Arc<EventLog>,
    start: tokio::time::Instant,
    wall_start: UnixMillis,
    limits: Limits,
    attestation_slots: u64,
    state: Mutex<State<B>>,
}

#[derive(Debug)]
struct State<B: BlockT> {
    violations: Vec<String>,
    /// Which block each key sealed in each slot.
    seals: BTreeMap<(usize, u64), B::Hash>,
    /// Every good header that anybody could know.
    known: BTreeMap<B::Hash, B::Header>,
    /// Headers that reached a node.
    heard: BTreeMap<PeerId, BTreeSet<B::Hash>>,
    /// Good headers that were pushed to a node, with their height and when.
    announced: BTreeMap<PeerId, BTreeMap<B::Hash, (u64, tokio::time::Instant)>>,
    /// The chains and clocks of the nodes that run.
    running: BTreeMap<PeerId, Ground<B>>,
    /// The highest block of each node that was checked with all below it.
    checked: BTreeMap<PeerId, BlockId<B>>,
    honest: BTreeSet<PeerId>,
    names: BTreeMap<PeerId, String>,
    /// The attestations that each node heard or sent.
    words: Words<B>,
    /// What each node attested with its own key.
    counters: Counters<B>,
    /// The gates that were cleared, with the height to build on.
    cleared: BTreeSet<(PeerId, u64)>,
    panics: Panics,
}

/// A node's chain and clock.
type Ground<B> = (Arc<dyn Bridge<B>>, Arc<VirtualClock>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panics {
    Unexpected,
    Expected,
}

/// What the oracle looks at of a node.
pub(super) struct View<'a, B: BlockT> {
    pub(super) id: &'a PeerId,
    pub(super) chain: &'a dyn Bridge<B>,
    pub(super) manager: &'a NetworkSyncManager<B>,
    pub(super) settings: &'a SyncSettings,
    pub(super) network: &'a MemoryNetwork,
}

impl<B: TestBlock> Oracle<B> {
    /// An oracle of a run that starts now, at `wall_start`.
    pub fn new(log: Arc<EventLog>, wall_start: UnixMillis, settings: &SyncSettings) -> Self {
        let genesis: B = Forge::genesis();
        let header = genesis.header().clone();
        Self {
            log,
            start: tokio::time::Instant::now(),
            wall_start,
            limits: settings.limits.clone(),
            attestation_slots: settings.attestation_slots.0.get().into(),
            state: Mutex::new(State {
                violations: Vec::new(),
                seals: BTreeMap::new(),
                known: BTreeMap::from([(header.hash(), header)]),
                heard: BTreeMap::new(),
                announced: BTreeMap::new(),
                running: BTreeMap::new(),
                checked: BTreeMap::new(),
                honest: BTreeSet::new(),
                names: BTreeMap::new(),
                words: Words::default(),
                counters: Counters::default(),
                cleared: BTreeSet::new(),
                panics: Panics::Unexpected,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an event.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        self.log.note(self.start.elapsed(), what);
    }

    /// True time.
    pub(super) fn wall(&self) -> UnixMillis {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        UnixMillis(self.wall_start.0.saturating_add(elapsed))
    }

    /// Something is wrong.
    pub fn violated(&self, invariant: &str, what: fmt::Arguments<'_>) {
        let line = format!("{invariant} violated: {what}");
        self.note(format_args!("!! {line}"));
        self.state().violations.push(line);
    }

    /// What was found wrong so far.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// A node joins the run.
    pub(super) fn joins(&self, id: &PeerId, name: &str, conduct: Conduct) {
        let mut state = self.state();
        state.names.insert(id.clone(), name.to_owned());
        if conduct == Conduct::Honest {
            state.honest.insert(id.clone());
        }
    }

    /// A node starts: what it heard before was in its memory.
    pub(super) fn starts(&self, id: &PeerId, chain: Arc<dyn Bridge<B>>, clock: Arc<VirtualClock>) {
        let mut state = self.state();
        state.heard.remove(id);
        state.announced.remove(id);
        state.words.forget(id);
        state.checked.remove(id);
        state.running.insert(id.clone(), (chain, clock));
    }

    /// A node attests with `key`.
    pub(super) fn attests(&self, id: &PeerId, key: sr25519::Public) {
        self.state().counters.signs(id, key);
    }

    /// The name of a node.
    pub fn name(&self, id: &PeerId) -> String {
        let state = self.state();
        let name = state.names.get(id).cloned();
        name.unwrap_or_else(|| id.to_string())
    }

    /// These blocks exist.
    pub fn knows(&self, blocks: &[B]) {
        let mut state = self.state();
        for block in blocks {
            let header = block.header().clone();
            state.known.insert(header.hash(), header);
        }
    }

    /// I11: a key seals `block`.
    pub(super) fn sealed(&self, id: &PeerId, authority: usize, slot: Slot, block: &B) {
        let hash = block.hash();
        self.knows(std::slice::from_ref(block));
        let name = self.name(id);
        let number = *block.header().number();
        self.note(format_args!(
            "{name} seals #{number} ({hash:?}) for slot {}",
            *slot
        ));
        let before = self.state().seals.insert((authority, *slot), hash);
        if let Some(before) = before.filter(|before| *before != hash) {
            self.violated(
                "I11",
                format_args!(
                    "{name} seals {hash:?} for slot {}, which it sealed {before:?} for",
                    *slot
                ),
            );
        }
    }

    /// The blocks that were sealed at this height in this run.
    pub fn sealed_at(&self, height: u64) -> Vec<B::Hash> {
        let state = self.state();
        let at_height = |hash: &&B::Hash| {
            let header = state.known.get(hash);
            header.is_some_and(|header| *header.number() == number::<B>(height))
        };
        state.seals.values().filter(at_height).copied().collect()
    }

    /// From now on a panic in a session is no violation: the scenario makes them.
    pub fn expect_panics(&self) {
        self.state().panics = Panics::Expected;
    }

    /// I8: a session of Tier 2 panicked.
    pub(super) fn session_panicked(&self, name: &str) {
        self.note(format_args!("a session of {name} panics"));
        if self.state().panics == Panics::Unexpected {
            self.violated("I8", format_args!("a session of {name} panicked"));
        }
    }

    /// The slot that it is now.
    pub fn wall_slot(&self) -> u64 {
        self.wall().0 / super::super::SLOT.as_millis()
    }

    /// Whether the gate of this node was cleared to build on a block of this height.
    pub fn may_build(&self, id: &PeerId, on: u64) -> bool {
        self.state().cleared.contains(&(id.clone(), on))
    }

    /// All seals made in this run.
    pub fn seals(&self) -> usize {
        self.state().seals.len()
    }

    /// I1, I2: the best chain of a node, from the newest block down to what was checked before.
    pub(super) fn chain_changed(&self, view: &View<'_, B>) {
        let best = view.chain.best();
        let name = self.name(view.id);
        self.note(format_args!("{name} is at {best}"));
        let checked = self.state().checked.get(view.id).copied();
        let mut at = best;
        loop {
            if view.chain.canonical_hash(at.number).ok().flatten() != Some(at.hash) {
                self.violated(
                    "I2",
                    format_args!("{name}: {at} is not where the index says"),
                );
                return;
            }
            if at.height() == 0 || checked == Some(at) {
                break;
            }
            if at.number < view.chain.lowest_served() {
                // Below a snapshot there are headers, each of which somebody sealed.
                let header = view.chain.header(at.hash).ok().flatten();
                let made = header.filter(|_| self.state().known.contains_key(&at.hash));
                let Some(header) = made else {
                    self.violated("I2", format_args!("{name}: {at} has no header"));
                    return;
                };
                at = BlockId::new(number::<B>(at.height() - 1), *header.parent_hash());
                continue;
            }
            let Ok(Some(block)) = view.chain.block(at.hash) else {
                self.violated("I2", format_args!("{name}: {at} is not stored"));
                return;
            };
            if let Err(fault) = self.is_valid(&block) {
                self.violated("I1", format_args!("{name} holds {at}, which {fault}"));
            }
            at = BlockId::new(number::<B>(at.height() - 1), *block.header().parent_hash());
        }
        self.state().checked.insert(view.id.clone(), best);
        self.check_bounds(view);
    }

    /// The block rules once more, on their own.
    fn is_valid(&self, block: &B) -> Result<(), &'static str> {
        let header = block.header();
        let genesis: B = Forge::genesis();
        let parent = if *header.parent_hash() == genesis.hash() {
            Some(genesis.header().clone())
        } else {
            self.state().known.get(header.parent_hash()).cloned()
        };
        let parent = parent.ok_or("has a parent that nobody made")?;
        let slot = super::slot_of::<B>(header).ok_or("has no slot")?;
        let start = slot.saturating_mul(super::super::SLOT.as_millis());
        let drift = u64::try_from(self.limits.drift.as_millis()).unwrap_or(u64::MAX);
        let latest = self.wall().0.saturating_add(drift);
        let body = extrinsics_root::<B>(block.extrinsics());
        if height_of::<B>(header) != height_of::<B>(&parent) + 1 {
            Err("has a wrong number")
        } else if super::slot_of::<B>(&parent).is_some_and(|below| below >= slot) {
            Err("has a slot that is not above its parent's")
        } else if start > latest {
            Err("lies in the future")
        } else if body != *header.extrinsics_root() {
            Err("has another body than its header says")
        } else if !self.state().known.contains_key(&block.hash()) {
            Err("nobody sealed")
        } else {
            Ok(())
        }
    }

    /// I3: a gate was cleared to build on `on`.
    pub(super) fn cleared(&self, view: &View<'_, B>, on: BlockId<B>, rule: Clearing) {
        let name = self.name(view.id);
        self.note(format_args!("{name} may build on {on}"));
        self.state().cleared.insert((view.id.clone(), on.height()));
        let height_sync = view.manager.height_sync();
        let Ok(judgement) = height_sync.judge(height_sync.fresh()) else {
            return;
        };
        if rule == Clearing::ByVotes {
            match judgement.electorate {
                Electorate::Peers => self.check_votes(view, on, &judgement.tally),
                Electorate::Authorities => self.check_attestations(view, on),
            }
        }
        let best = view.chain.best();
        if let Some(higher) = self.higher_announced(view, &best) {
            self.violated(
                "I3",
                format_args!("{name} may build on {on} although {higher} was announced to it"),
            );
        }
    }

    fn span(&self, slots: u64) -> Span {
        Span {
            slots,
            drift: self.limits.drift,
        }
    }

    /// What the clock of a node shows; true time, if it does not run.
    fn clock_of(&self, state: &State<B>, id: &PeerId) -> UnixMillis {
        let ground = state.running.get(id);
        ground.map_or_else(|| self.wall(), |(_, clock)| clock.wall())
    }

    /// The hash at `height` of the chain that ends in `tip`, if somebody made it.
    fn ancestor(&self, tip: BlockId<B>, height: u64) -> Option<B::Hash> {
        let state = self.state();
        let mut at = tip;
        while at.height() > height {
            let parent = *state.known.get(&at.hash)?.parent_hash();
            at = BlockId::new(number::<B>(at.height() - 1), parent);
        }
        (at.height() == height).then_some(at.hash)
    }

    /// A block above `best` that was pushed to this node, that builds on what it holds, and that it may follow.
    fn higher_announced(&self, view: &View<'_, B>, best: &BlockId<B>) -> Option<BlockId<B>> {
        let state = self.state();
        let announced = state.announced.get(view.id)?;
        let now = tokio::time::Instant::now();
        // What arrives in this very moment may still be on its way to the loop.
        let above = announced
            .iter()
            .filter(|(_, (height, at))| *height > best.height() && *at < now);
        for (hash, (height, _)) in above {
            let header = state.known.get(hash)?;
            let parent = *header.parent_hash();
            let absent = view.chain.presence(*hash).ok() == Some(Presence::Absent);
            if view.manager.height_sync().is_suspect(header) {
                continue;
            }
            // A block whose only holders were wiped, or left, must not stop the others for ever.
            let held = state.running.iter().any(|(holder, (chain, _))| {
                view.network.is_up(view.id, holder)
                    && chain.presence(*hash).ok() == Some(Presence::Canonical)
            });
            if !held {
                continue;
            }
            // A block on a branch has an ancestor that this node may not leave; only what extends its best chain is
            // certain.
            if absent && parent == best.hash {
                return Some(BlockId::new(number::<B>(*height), *hash));
            }
        }
        None
    }

    /// I5: what a node aims at was proven to it, or it holds it.
    pub(super) fn check_target(&self, view: &View<'_, B>) {
        let Some(target) = view.manager.report().target else {
            return;
        };
        let state = self.state();
        let heard = state.heard.get(view.id);
        let proven = heard.is_some_and(|heard| heard.contains(&target.hash))
            && state.known.contains_key(&target.hash);
        drop(state);
        let stored = view.chain.presence(target.hash).ok() != Some(Presence::Absent);
        if !proven && !stored {
            let name = self.name(view.id);
            self.violated("I5", format_args!("{name} aims at {target}, a claim"));
        }
    }

    /// I6: nothing that peers can grow is larger than its setting allows.
    pub(super) fn check_bounds(&self, view: &View<'_, B>) {
        for (what, size, most) in view.manager.footprint() {
            if size > most {
                let name = self.name(view.id);
                self.violated("I6", format_args!("{name}: {size} {what}, {most} allowed"));
            }
        }
    }

    /// I9: a peer is banned.
    pub(super) fn banned(&self, by: &PeerId, peer: &PeerId) {
        let (by, name) = (self.name(by), self.name(peer));
        self.note(format_args!("{by} bans {name}"));
        if self.state().honest.contains(peer) {
            self.violated("I9", format_args!("{by} bans {name}, which is honest"));
        }
    }
}

/// Whether a node keeps to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// It does: nobody may ban it.
    Honest,
    /// It does not.
    Faulty,
}

/// What clears a node's gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// need(n) votes.
    ByVotes,
    /// Section 5's cases without votes.
    WithoutVotes,
}
