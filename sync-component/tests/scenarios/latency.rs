//! H18: AURA ties and late messages under `authority-quorum`.

use super::{
    authorities::{authorities, by_authorities, highest, kept, one_chain},
    *,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use sync_component::{
    StrategyRegistry,
    height_sync::{Ballot, Tally},
    registry::HeightStrategy,
    test_kit::{Lateness, SLOT},
};

/// Lets a network suffer for `slots` slots: in each of them with a chance of `late` percent all messages take 1 to 2.5 slots.
async fn suffer(sim: &mut Sim, slots: u32, late: u64) {
    let healthy = sim.link();
    for _ in 0..slots {
        let is_late = sim.pick(100) < late;
        let by = Duration::from_millis(SLOT.as_millis() + sim.pick(SLOT.as_millis() * 3 / 2));
        sim.network.change_links(|link| {
            link.latency = if is_late { by } else { healthy.latency };
        });
        sim.slots(1).await;
    }
    sim.calm_down();
    // The last late message is under way for so long.
    sim.run_for(SLOT.as_duration().mul_f64(2.5)).await;
}

#[test]
fn h18_late_messages_halt_nobody_for_good() {
    run(Setup::chain(6).authorities(10), async |sim| {
        // The chain of the setup is sealed by ten keys; others start from genesis.
        by_authorities(sim);
        let count = [2, 3, 4, 5, 7, 10][usize::try_from(sim.seed % 6).unwrap()];
        let late = [15, 50, 90][usize::try_from(sim.seed / 6 % 3).unwrap()];
        sim.authorities(count);
        let nodes = authorities(sim, &vec![0; count]);
        sim.slots(2).await;
        suffer(sim, 250, late).await;
        let (sealed, healed) = (sim.oracle.seals(), sim.elapsed());
        sim.until(3 * MINUTE, "the first block after it", || {
            sim.oracle.seals() > sealed
        })
        .await;
        let took = sim.elapsed().saturating_sub(healed);
        assert!(
            took <= SLOT.as_duration() * 2,
            "{count} authorities, {late} % late: the first block after {took:?}"
        );
        sim.until(5 * MINUTE, "one chain that goes on", || {
            sim.oracle.seals() > sealed + 2 * count && one_chain(&nodes)
        })
        .await;
        let conflicting = |node: &Node| node.health().contains("finality conflict");
        assert!(!nodes.iter().any(conflicting));
    });
}

/// Votes for nothing and against nothing, and rules no tip out: the highest is followed, as without this component.
#[derive(Debug)]
struct LongestChain;

impl HeightStrategy<SmallBlock> for LongestChain {
    fn tally(&self, ballot: &Ballot<SmallBlock>) -> Tally<SmallBlock> {
        Tally {
            voters: 1,
            need: 1,
            with_us: 1,
            electors: ballot.voters.len(),
            need_of_electors: usize::MAX,
            consensus: Some(ballot.ours),
        }
    }
}

/// From now on nodes are made as they would be without a gate: no votes, no limit to a reorganisation.
fn without_a_gate(sim: &mut Sim) {
    sim.settings.strategies.tier1 = Some("longest-chain".to_owned());
    sim.settings.tier2.max_reorg = 10_000;
    sim.registry = Arc::new(|| {
        let mut registry = StrategyRegistry::with_builtins();
        registry
            .register_height("longest-chain", Arc::new(|_| Ok(Arc::new(LongestChain))))
            .unwrap();
        registry
    });
}

/// Slots of a comparison in which messages are late.
const COMPARED: u64 = 120;

/// How many of [`COMPARED`] slots `nodes` keep, from genesis on, while `late` percent of all messages take 1 to 2.5 slots
/// longer: blocks of these slots on the chain that all hold in the end.
async fn slots_kept(sim: &mut Sim, nodes: &[Node], late: u32) -> u32 {
    sim.slots(2).await;
    let from = sim.oracle.wall_slot();
    sim.network.change_links(|link| {
        link.late = Lateness {
            share: f64::from(late) / 100.0,
            least: SLOT.as_duration(),
            most: SLOT.as_duration().mul_f64(2.5),
        };
    });
    sim.slots(u32::try_from(COMPARED).unwrap()).await;
    sim.network.change_links(|link| link.late = Lateness::NEVER);
    let end = highest(nodes);
    sim.until(10 * MINUTE, "one chain that goes on", || {
        one_chain(nodes) && nodes.iter().all(|node| node.best().height() > end + 4)
    })
    .await;
    let kept = kept(sim, &nodes[0], from..from + COMPARED, |_| true);
    u32::try_from(kept).unwrap()
}

/// Over all seeds, for each share of late messages: of all networks, and of those with so many authorities.
static KEPT: Mutex<BTreeMap<(u32, Option<usize>), Kept>> = Mutex::new(BTreeMap::new());

/// Slots kept with the gate and without it.
#[derive(Clone, Copy, Default)]
struct Kept {
    networks: u32,
    gated: u32,
    bare: u32,
    /// The sum of the squares of what the two differ by in each network.
    squares: u32,
}

impl Kept {
    fn add(&mut self, gated: u32, bare: u32) {
        self.networks += 1;
        self.gated += gated;
        self.bare += bare;
        self.squares += gated.abs_diff(bare).pow(2);
    }

    /// Whether the gate keeps fewer slots than can be bad luck: by more than three standard errors of the mean difference.
    fn is_below(&self) -> bool {
        let networks = f64::from(self.networks);
        let mean = (f64::from(self.gated) - f64::from(self.bare)) / networks;
        let variance = (f64::from(self.squares) / networks - mean.powi(2)).max(0.0);
        mean < -3.0 * (variance / (networks - 1.0)).sqrt()
    }
}

/// Percent of messages that are late.
const LATE: [u32; 3] = [5, 20, 40];

/// Authorities that author while one of them is down. Where all votes are needed, as of 2 or 3, everybody waits after a tie
/// until all have settled it, and AURA alone does not: there the gate costs slots while many messages are late.
const COUNTS: [usize; 4] = [4, 5, 7, 10];

/// Networks of one kind that say something: one may be lucky or not.
const ENOUGH: u32 = 5;

#[test]
fn h18_gate_keeps_as_many_slots_as_aura_without_one() {
    run(Setup::chain(6).authorities(10), async |sim| {
        by_authorities(sim);
        let seed = usize::try_from(sim.seed).unwrap();
        let late = LATE[seed % LATE.len()];
        let count = COUNTS[seed / LATE.len() % COUNTS.len()];
        sim.authorities(count);
        let nodes = authorities(sim, &vec![0; count]);
        let gated = slots_kept(sim, &nodes, late).await;
        drop(nodes);
        without_a_gate(sim);
        let mut nodes: Vec<_> = (0..count)
            .map(|n| sim.validator(&format!("W{n}"), n, sim.chain(0)))
            .collect();
        for node in &mut nodes {
            node.lose_the_gate();
            node.start();
        }
        sim.mesh(node_ids(&nodes));
        let bare = slots_kept(sim, &nodes, late).await;
        sim.oracle.note(format_args!(
            "{count} authorities, {late} % late: {gated} slots kept with the gate, {bare} without"
        ));
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        for group in [None, Some(count)] {
            kept.entry((late, group)).or_default().add(gated, bare);
        }
    });
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    for ((late, count), sum) in kept.iter() {
        let Kept { gated, bare, .. } = *sum;
        // All together they are many. So many authorities have few networks, which differ by luck by more than the gate does anything.
        let (of, is_below) = match count {
            None => ("all counts of".to_owned(), gated < bare),
            Some(count) => (count.to_string(), sum.is_below()),
        };
        assert!(
            sum.networks < ENOUGH || !is_below,
            "{of} authorities, {late} % late: {gated} slots kept with the gate, {bare} without"
        );
    }
}
