//! Sources that deliver and then go mute.

use super::*;

/// Enough for several requests to each of three sources.
const LENGTH: usize = 240;

/// When the sources go mute: once so much is staged.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// A third of the headers, or of the blocks where there are no headers alone.
    Third,
    /// The block of a snapshot is chosen.
    Chosen,
    /// The chain begins with a snapshot.
    Begun,
}

impl Moment {
    fn has_come(self, staged: &ReferenceBridge<SmallBlock>) -> bool {
        let standing = staged.standing();
        match self {
            Self::Third => headers(staged) + staged.best().height() >= LENGTH as u64 / 3,
            Self::Chosen => standing.state != StateStanding::NotBegun,
            Self::Begun => matches!(standing.state, StateStanding::Finished { .. }),
        }
    }
}

fn headers(staged: &ReferenceBridge<SmallBlock>) -> u64 {
    u64::from(*staged.standing().header.number())
}

/// Something that changes whenever anything is staged.
fn extent(staged: &ReferenceBridge<SmallBlock>) -> (u64, u64, StateStanding<SmallBlock>) {
    let best = staged.best().height();
    (best, headers(staged), staged.standing().state)
}

/// Makes `peers` mute when the moment has come; returns the longest time for which nothing was staged since then.
async fn longest_pause(
    sim: &Sim,
    staged: &ReferenceBridge<SmallBlock>,
    moment: Moment,
    peers: &[&Peer],
) -> Duration {
    const LOOK: Duration = Duration::from_millis(20);
    while !moment.has_come(staged) {
        tokio::time::sleep(LOOK).await;
    }
    for peer in peers {
        peer.turns_to(Misbehaviour::Silent);
    }
    let (mut seen, mut at, mut longest) = (extent(staged), sim.elapsed(), Duration::ZERO);
    while staged.best().height() < LENGTH as u64 {
        tokio::time::sleep(LOOK).await;
        let now = extent(staged);
        longest = longest.max(sim.elapsed().saturating_sub(at));
        if now != seen {
            (seen, at) = (now, sim.elapsed());
        }
    }
    longest
}

/// SPEC section 6 lets a session stand still for so long. In a network that loses answers each lost one adds its own timeout.
fn watchdog(sim: &Sim) -> Duration {
    let time = (30 * SECOND).max(10 * SLOT.as_duration());
    if sim.is_calm() { time / 2 } else { 2 * time }
}

async fn goes_on(sim: &mut Sim, strategy: Kind, moments: &[Moment]) {
    sim.settings.limits.blocks_per_request = 8;
    sim.settings.limits.headers_per_request = 16;
    for (round, moment) in moments.iter().enumerate() {
        for left in 0..3 {
            let name = |what: &str| format!("{what} {round} {left}");
            let peers = sim.servers(3, &name("P"), LENGTH);
            let mut ours = sim.node(&name("O"), &[]);
            ours.fetching = Fetching::Tier3;
            ours.start();
            sim.connect(&ours.id, ids(&peers));
            sim.slots(2).await;
            let staging = InMemory::by(sim, &ours, strategy);
            let all: Vec<_> = ids(&peers).collect();
            let mute = peers.iter().enumerate().filter(|(at, _)| *at != left);
            let mute: Vec<_> = mute.map(|(_, peer)| peer).collect();
            let looking = longest_pause(sim, &staging.chain, *moment, &mute);
            let named = order(&all, None);
            let (staged, pause) = tokio::join!(fetch(&ours, &named, &staging), looking);
            assert_eq!(staged.height(), LENGTH as u64);
            assert!(
                pause <= watchdog(sim),
                "{strategy:?}, {moment:?}, {left}: nothing for {pause:?}"
            );
        }
    }
}

/// The download alone: the mute ones take their votes with them.
async fn fetch(
    node: &Node,
    order: &OperatorsOrder<SmallBlock>,
    staging: &Arc<InMemory>,
) -> BlockId<SmallBlock> {
    match insist(node, order, staging).await {
        Ok(staged) => staged,
        Err(error) if is_refusal(&error) => staging.chain.best(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn r05_sources_that_go_mute_in_the_middle_stop_no_full_chain() {
    run(
        Setup::chain(LENGTH as u64).authorities(4).idle(60),
        async |sim| {
            goes_on(sim, Kind::FullChain, &[Moment::Third]).await;
        },
    );
}

#[test]
fn r05_sources_that_go_mute_in_the_middle_stop_no_multi_source() {
    run(
        Setup::chain(LENGTH as u64).authorities(4).idle(60),
        async |sim| {
            goes_on(sim, Kind::MultiSource, &[Moment::Third]).await;
        },
    );
}

#[test]
fn r05_sources_that_go_mute_in_the_middle_stop_no_snapshot() {
    run(
        Setup::chain(LENGTH as u64).authorities(4).idle(60),
        async |sim| {
            let moments = [Moment::Third, Moment::Chosen, Moment::Begun];
            goes_on(sim, Kind::Snapshot, &moments).await;
        },
    );
}

/// Named, and not there when the run began.
#[test]
fn r05_source_that_connects_later_goes_on_where_the_first_one_goes_mute() {
    run(
        Setup::chain(LENGTH as u64).authorities(4).idle(60),
        async |sim| {
            sim.settings.limits.blocks_per_request = 8;
            sim.settings.limits.headers_per_request = 16;
            for kind in Kind::ALL {
                let name = |what: &str| format!("{what} {kind:?}");
                let peers = sim.servers(2, &name("P"), LENGTH);
                let mut ours = sim.node(&name("O"), &[]);
                ours.fetching = Fetching::Tier3;
                ours.start();
                sim.connect(&ours.id, [&peers[0].id]);
                sim.slots(4).await;
                let staging = InMemory::by(sim, &ours, kind);
                let both: Vec<_> = ids(&peers).collect();
                let named = order(&both, None);
                let comes = async {
                    while !Moment::Third.has_come(&staging.chain) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    peers[0].turns_to(Misbehaviour::Silent);
                    sim.connect(&ours.id, [&peers[1].id]);
                    let begin = sim.elapsed();
                    while staging.height() < LENGTH as u64 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    sim.elapsed().saturating_sub(begin)
                };
                let (_, took) = tokio::join!(fetch(&ours, &named, &staging), comes);
                assert!(took <= 2 * watchdog(sim), "{kind:?}: {took:?}");
            }
        },
    );
}
