//! The node under test and its peers.

use super::{
    GatePlan,
    peers::{Attester, quiet},
};
use crate::benchmark::{
    BenchmarkError,
    conduct::Conduct,
    ground::{self, KeyUse, SLOT},
    member::{Meeting, Member, MemberPlan, aloud, reached_at, socket_of},
    meter::Meter,
    relay::Relay,
};
use sp_core::sr25519;
use std::{
    num::NonZeroU32,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use sync_component::{
    SyncSettings,
    height_sync::Electorate,
    observer::Unobserved,
    orchestrator::Clearance,
    ports::{Bridge, PeerId},
    wire::Roles,
};

/// How long meeting everybody may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A slot has so many round trips at least, so that the share of it that the gate may spend is long enough for one.
const ROUND_TRIPS_PER_SLOT: u32 = 8;

/// Blocks of the chain that all hold: more than a status tells hashes of.
const BLOCKS: u64 = 24;

/// So many slots that nobody is asked in the background while the benchmark runs.
const NEVER: u32 = 100_000;

/// Everybody that takes part.
pub(super) struct World {
    /// The node under test.
    pub(super) node: Member,
    /// What it measured.
    pub(super) meter: Arc<Meter>,
    /// Peers that answer.
    pub(super) answering: Vec<PeerId>,
    /// After how long nothing that was heard counts any more.
    pub(super) stale_after: Duration,
    wanted: usize,
    _peers: Vec<Member>,
    _relays: Vec<Relay>,
}

impl World {
    /// Starts everybody, in `folder`.
    pub(super) async fn new(
        plan: &GatePlan,
        electorate: Electorate,
        folder: &Path,
    ) -> Result<Self, BenchmarkError> {
        let peers = plan.peers.get();
        let others = peers.saturating_add(plan.mute);
        let authorities = match electorate {
            Electorate::Peers => ground::keys(KeyUse::Authority, 1),
            Electorate::Authorities => ground::keys(KeyUse::Authority, others.saturating_add(1)),
        };
        // The slot of the presets, or a longer one.
        let slot = SLOT.max(plan.round_trip.saturating_mul(ROUND_TRIPS_PER_SLOT));
        let mut spec = ground::spec(&authorities, slot);
        spec.sync.strategies.tier1 = Some(plan.strategy.clone());
        spec.sync.limits.max_peers = spec.sync.limits.max_peers.max(others.saturating_add(1));
        let chain = ground::open(&folder.join("store"), &spec)?;
        let last = ground::last_slot(&spec);
        for above in (0..BLOCKS).rev() {
            let slot = last.saturating_sub(above);
            ground::extend(&chain, &authorities, slot, Vec::new())?;
        }
        let chain: Arc<dyn Bridge<crate::Block>> = Arc::new(chain);
        let conducts = std::iter::repeat_n(Conduct::Honest, peers)
            .chain(std::iter::repeat_n(Conduct::Mute, plan.mute));
        // The first key is that of the node under test.
        let keys = authorities
            .iter()
            .skip(1)
            .map(Some)
            .chain(std::iter::repeat(None));
        let (mut met, mut relays, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for (conduct, key) in conducts.zip(keys) {
            let peer = peer(&chain, &spec.sync, conduct, key).await?;
            let address = peer.addresses.first().expect("it listens on loopback");
            if plan.round_trip.is_zero() {
                addresses.push(address.clone());
            } else {
                let target = socket_of(address).expect("loopback is IPv4 and TCP");
                let relay = Relay::start(target, plan.round_trip).await;
                let relay = relay.map_err(BenchmarkError::System)?;
                addresses.push(reached_at(address, relay.address()));
                relays.push(relay);
            }
            met.push(peer);
        }
        let meter = Arc::new(Meter::default());
        let mut settings = spec.sync.clone();
        settings.limits.poll_slots = NEVER;
        let stale_after = match electorate {
            Electorate::Peers => slot.mul_f64(settings.tier1.fresh_slots),
            // An attestation may be as young as the slot in which it was told.
            Electorate::Authorities => slot.saturating_mul(slots_of(&settings).saturating_add(1)),
        };
        let node = Member::start(MemberPlan {
            chain,
            settings,
            roles: Roles::Authority,
            conduct: Conduct::Honest,
            observer: Arc::<Meter>::clone(&meter),
            meeting: Meeting::Dials(addresses),
            voice: aloud,
        });
        let node = node.await?;
        let own = authorities.into_iter().next();
        attest(&node, own.filter(|_| electorate == Electorate::Authorities));
        Ok(Self {
            node,
            meter,
            answering: met.iter().take(peers).map(|peer| peer.id.clone()).collect(),
            stale_after,
            wanted: peers,
            _peers: met,
            _relays: relays,
        })
    }

    /// Waits until all peers have said where they stand and the gate has cleared once.
    pub(super) async fn meet(&mut self) -> Result<(), BenchmarkError> {
        let start = Instant::now();
        loop {
            let met = self.node.manager.peers().len();
            if met >= self.wanted {
                break;
            }
            if start.elapsed() > PATIENCE {
                return Err(BenchmarkError::NotMet {
                    met,
                    wanted: self.wanted,
                    waited: PATIENCE,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        loop {
            let answer = self.node.manager.sync_before_production().await;
            match answer.map_err(BenchmarkError::Gate)? {
                Clearance::Cleared { .. } => return Ok(()),
                Clearance::Held(hold) if start.elapsed() > PATIENCE => {
                    let reason = hold.to_string();
                    return Err(BenchmarkError::Held { reason });
                }
                Clearance::Held(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }
}

fn slots_of(settings: &SyncSettings) -> u32 {
    let slots: NonZeroU32 = settings.attestation_slots.0;
    slots.get()
}

async fn peer(
    chain: &Arc<dyn Bridge<crate::Block>>,
    settings: &SyncSettings,
    conduct: Conduct,
    key: Option<&sr25519::Pair>,
) -> Result<Member, BenchmarkError> {
    let roles = match key {
        Some(_) => Roles::Authority,
        None => Roles::Full,
    };
    let peer = Member::start(MemberPlan {
        chain: Arc::clone(chain),
        settings: settings.clone(),
        roles,
        conduct,
        observer: Arc::new(Unobserved),
        meeting: Meeting::Listens,
        voice: quiet,
    });
    let peer = peer.await?;
    attest(&peer, key.cloned());
    Ok(peer)
}

fn attest(member: &Member, key: Option<sr25519::Pair>) {
    if let Some(key) = key {
        member.manager.attest_with(Arc::new(Attester::new(key)));
    }
}
