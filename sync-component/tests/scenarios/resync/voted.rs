//! What the voters have to say of a chain that is valid in itself, under each strategy.

use super::*;
use std::cell::Cell;

/// O on a dead fork; the network is at 60, and T, whom the operator trusts, on a branch above 20, `length` blocks long, sealed by all.
fn with_a_trusted_stray(sim: &mut Sim, length: u64) -> (Vec<Peer>, Node, Peer) {
    let (peers, ours) = stranded(sim);
    let other = sim.branch(20, length, 1, 77);
    let trusted = sim.peer("T", &other, Misbehaviour::Nothing);
    sim.connect(&ours.id, [&trusted.id]);
    (peers, ours, trusted)
}

#[test]
fn r04_valid_chain_that_is_not_the_voted_one_is_refused_under_each_strategy() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        // Shorter than the network's chain, as long, and longer.
        let length = [30, 40, 50][usize::try_from(sim.seed % 3).unwrap()];
        let (_peers, ours, trusted) = with_a_trusted_stray(sim, length);
        let before = ours.best();
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let refused = insist(&ours, &order(&[&trusted.id], None), &staging).await;
            assert!(
                is_refusal(refused.as_ref().unwrap_err()),
                "{kind:?}: {refused:?}"
            );
            // It is whole, and valid, and that changes nothing.
            assert_eq!(staging.height(), 20 + length, "{kind:?}");
            let begins = staging.chain.lowest_served();
            assert_eq!(begins > 20, kind == Kind::Snapshot, "{kind:?}: {begins}");
            assert!(!staging.stages().contains(&"validated"), "{kind:?}");
            assert_eq!(ours.best(), before, "{kind:?}");
        }
    });
}

/// A run that was validated and then interrupted is voted on once more before its swap.
#[test]
fn r04_chain_that_was_voted_for_and_is_no_more_is_refused_under_each_strategy() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&peers[0].id], None);
            let tip = insist(&ours, &named, &staging).await.unwrap();
            assert_eq!(staging.stages().last(), Some(&"validated"));
            // The voters leave that chain, and the one that vouched for it stays.
            let other = sim.branch(20, 40, 1, 78);
            let name = format!("{kind:?}");
            let elsewhere = sim.crowd(9, &name, &other, &Misbehaviour::Nothing);
            sim.connect(&ours.id, ids(&elsewhere));
            sim.slots(2).await;
            let refused = insist(&ours, &named, &staging).await;
            assert!(
                is_refusal(refused.as_ref().unwrap_err()),
                "{kind:?}: {refused:?}"
            );
            assert_eq!(staging.stages().last(), Some(&"downloading"), "{kind:?}");
            assert_eq!(staging.chain.best(), tip);
            // And back.
            for peer in &elsewhere {
                peer.turns_to(Misbehaviour::OtherGenesis);
            }
            drop(elsewhere);
            sim.slots(3).await;
            insist(&ours, &named, &staging).await.unwrap();
            assert_eq!(staging.stages().last(), Some(&"validated"), "{kind:?}");
        }
    });
}

/// Whoever takes the nearest first takes this one.
async fn is_nearer(near: &Peer, far: &[Peer], sim: &Sim, ours: &Node) {
    let far = far.iter().map(|peer| (peer, 200));
    for (peer, latency) in far.chain([(near, 1)]) {
        sim.network.cut(&ours.id, &peer.id);
        let link = Link::with_latency(Duration::from_millis(latency));
        sim.network.connect(&ours.id, &peer.id, link);
    }
    sim.slots(4).await;
}

/// The stray one is nearer, and claims less than the network has, as much, or more.
#[test]
fn r05_trusted_source_on_a_stray_chain_is_left_for_one_on_the_voted_chain() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let length = [30, 40, 50][usize::try_from(sim.seed / 3 % 3).unwrap()];
        let (peers, ours, trusted) = with_a_trusted_stray(sim, length);
        is_nearer(&trusted, &peers, sim, &ours).await;
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let both = order(&[&trusted.id, &peers[0].id], None);
            let staged = insist(&ours, &both, &staging).await.unwrap();
            assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()), "{kind:?}");
            // By the operator's word as well as by the voters'.
            for height in [25, 60] {
                let staging = InMemory::by(sim, &ours, kind);
                let checkpoint = BlockId::of(sim.chain(60)[height - 1].header());
                let both = order(&[&trusted.id, &peers[0].id], Some(checkpoint));
                let staged = insist(&ours, &both, &staging).await.unwrap();
                assert_eq!(staged.height(), 60, "{kind:?}, {checkpoint}");
                assert!(staging.holds(checkpoint), "{kind:?}, {checkpoint}");
            }
            // Alone it is named.
            let staging = InMemory::by(sim, &ours, kind);
            let alone = order(&[&trusted.id], None);
            let refused = insist(&ours, &alone, &staging).await.unwrap_err();
            assert!(
                matches!(&refused, ResyncError::Stray { strays, .. } if *strays == [trusted.id.clone()]),
                "{kind:?}: {refused}"
            );
        }
    });
}

/// What the operator said is wrong: all have another block there, but for one that is not so far.
#[test]
fn r04_wrong_checkpoint_names_nobody_a_stray() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        let behind = sim.peer("B", sim.chain(59), Misbehaviour::Nothing);
        is_nearer(&peers[0], std::slice::from_ref(&behind), sim, &ours).await;
        let other = sim.branch(20, 40, 1, 77);
        let wrong = BlockId::of(other[59].header());
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&peers[0].id, &behind.id], Some(wrong));
            let end = insist(&ours, &named, &staging).await.unwrap_err();
            assert!(is_off(&end) && !end.is_resumable(), "{kind:?}: {end}");
            let was_fetched = matches!(&end, ResyncError::OffCheckpoint { .. });
            assert!(was_fetched || !sim.is_calm(), "{kind:?}: {end}");
            let height = if was_fetched { 60 } else { 0 };
            assert_eq!(staging.height(), height, "{kind:?}: it is not begun anew");
        }
    });
}

/// The same where all have another block there: a slip costs no download.
#[test]
fn r04_checkpoint_that_every_source_denies_ends_the_order_before_the_download() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        sim.slots(2).await;
        let other = sim.branch(20, 40, 1, 77);
        let wrong = BlockId::of(other[49].header());
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&peers[0].id, &peers[1].id], Some(wrong));
            let end = insist(&ours, &named, &staging).await.unwrap_err();
            assert!(is_off(&end) && !end.is_resumable(), "{kind:?}: {end}");
            if sim.is_calm() {
                let is_told = matches!(end, ResyncError::CheckpointDenied { sources: 2, .. });
                assert!(is_told, "{kind:?}: {end}");
                assert!(staging.stages().is_empty(), "{kind:?}");
                assert_eq!(staging.height(), 0, "{kind:?}");
            }
        }
    });
}

/// How a source is lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Its connection ends.
    Vanishes,
    /// It answers nothing any more.
    GoesMute,
}

impl Loss {
    const ALL: [Self; 2] = [Self::Vanishes, Self::GoesMute];

    fn befalls(self, source: &Peer, sim: &Sim, ours: &Node) {
        match self {
            Self::Vanishes => sim.network.cut(&ours.id, &source.id),
            Self::GoesMute => source.turns_to(Misbehaviour::Silent),
        }
    }

    async fn is_over(self, source: &Peer, sim: &Sim, ours: &Node) {
        match self {
            Self::Vanishes => sim.connect(&ours.id, [&source.id]),
            Self::GoesMute => source.turns_to(Misbehaviour::Nothing),
        }
        sim.slots(4).await;
    }
}

/// What is staged is deeper than the fork choice goes back, and nobody who showed it is left.
#[test]
fn r05_chain_of_a_stray_source_that_is_lost_half_way_gives_way_to_the_voted_one() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours, stray) = with_a_trusted_stray(sim, 50);
        sim.slots(4).await;
        for (kind, loss) in each(&Kind::ALL, &Loss::ALL) {
            let staging = InMemory::by(sim, &ours, kind);
            let half = sim.branch(20, 20, 1, 77);
            assert!(staging.chain.import(half).failure.is_none());
            loss.befalls(&stray, sim, &ours);
            let both = order(&[&stray.id, &peers[0].id], None);
            let staged = insist(&ours, &both, &staging).await.unwrap();
            let tip = BlockId::of(sim.chain(60)[59].header());
            assert_eq!(staged, tip, "{kind:?}, {loss:?}");
            loss.is_over(&stray, sim, &ours).await;
        }
    });
}

/// All that it showed is staged, and the voters are being asked, when it is lost.
#[test]
fn r05_whole_chain_of_a_stray_source_that_is_lost_gives_way_to_the_voted_one() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        let other = sim.branch(20, 50, 1, 77);
        for (kind, loss) in each(&Kind::ALL, &Loss::ALL) {
            // One that was lost before is not the first to be asked.
            let name = format!("{kind:?}, {loss:?}");
            let stray = sim.peer(&name, &other, Misbehaviour::Nothing);
            let both = order(&[&stray.id, &peers[0].id], None);
            is_nearer(&stray, &peers, sim, &ours).await;
            let staging = InMemory::by(sim, &ours, kind);
            let watch = ResyncWatch::default();
            let strategy = Arc::clone(&staging.strategy);
            let chain_sync = ours
                .manager()
                .chain_sync(strategy, BTreeSet::new(), watch.clone());
            let is_lost = Cell::new(false);
            let losing = async {
                while watch.progress().stage != ResyncStage::Voting {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert_eq!(staging.height(), 70, "{name}: all of it is staged");
                loss.befalls(&stray, sim, &ours);
                is_lost.set(true);
                // The run is to end by itself now.
                std::future::pending::<()>().await;
            };
            let run = chain_sync.run(&both, staging.clone());
            let staged = tokio::select! {
                biased;
                staged = run => staged.unwrap(),
                () = losing => unreachable!("it only loses"),
            };
            let tip = BlockId::of(sim.chain(60)[59].header());
            assert_eq!(staged, tip, "{name}");
            assert!(is_lost.get(), "{name}: it was never lost");
            sim.network.cut(&ours.id, &stray.id);
        }
    });
}

/// The same where the chain begins with a snapshot already.
#[test]
fn r05_snapshot_of_a_stray_source_that_is_lost_gives_way_to_the_voted_chain() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours, stray) = with_a_trusted_stray(sim, 50);
        for loss in Loss::ALL {
            let staging = InMemory::by(sim, &ours, Kind::Snapshot);
            let refused = insist(&ours, &order(&[&stray.id], None), &staging).await;
            assert!(is_refusal(refused.as_ref().unwrap_err()), "{refused:?}");
            assert!(staging.chain.lowest_served() > 20);
            loss.befalls(&stray, sim, &ours);
            let both = order(&[&stray.id, &peers[0].id], None);
            let staged = insist(&ours, &both, &staging).await.unwrap();
            assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()), "{loss:?}");
            loss.is_over(&stray, sim, &ours).await;
        }
    });
}

/// Whoever is left is the one that strays: what is staged is good, and waits for the others.
#[test]
fn r05_voted_chain_that_is_half_staged_stays_where_only_a_stray_source_is_left() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours, stray) = with_a_trusted_stray(sim, 50);
        sim.slots(4).await;
        for (kind, loss) in each(&Kind::ALL, &Loss::ALL) {
            let staging = InMemory::by(sim, &ours, kind);
            let half = sim.chain(40).to_vec();
            assert!(staging.chain.import(half).failure.is_none());
            loss.befalls(&peers[0], sim, &ours);
            let both = order(&[&peers[0].id, &stray.id], None);
            let end = resync(&ours, &both, &staging).await.unwrap_err();
            assert!(end.is_resumable(), "{kind:?}, {loss:?}: {end}");
            let tip = BlockId::of(sim.chain(40)[39].header());
            assert_eq!(staging.chain.best(), tip, "{kind:?}, {loss:?}");
            loss.is_over(&peers[0], sim, &ours).await;
        }
    });
}

/// A staged chain whose store cannot be removed, so that it cannot be begun anew.
#[derive(Debug)]
struct Held(Arc<InMemory>);

impl Staging<SmallBlock> for Held {
    fn open(&self) -> Result<Arc<dyn Bridge<SmallBlock>>, BridgeError> {
        self.0.open()
    }

    fn renew(&self) -> Result<(), BridgeError> {
        let held = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
        Err(BridgeError::new(held))
    }

    fn room(&self) -> Result<(), BridgeError> {
        self.0.room()
    }

    fn enter(&self, stage: Stage) -> Result<(), BridgeError> {
        self.0.enter(stage)
    }

    fn exchange(&self) -> Result<Swap, BridgeError> {
        self.0.exchange()
    }
}

#[test]
fn r05_run_that_cannot_begin_anew_ends_for_good_where_its_stray_source_is_lost() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        sim.slots(4).await;
        let staging = InMemory::by(sim, &ours, Kind::MultiSource);
        let half = sim.branch(20, 20, 1, 77);
        assert!(staging.chain.import(half).failure.is_none());
        let named = order(&[&peers[0].id], None);
        let chain_sync = ours.manager().chain_sync(
            Arc::clone(&staging.strategy),
            BTreeSet::new(),
            ResyncWatch::default(),
        );
        let mut attempts = 0..10;
        let end = loop {
            assert!(attempts.next().is_some());
            let held = Arc::new(Held(staging.clone()));
            match chain_sync.run(&named, held).await.unwrap_err() {
                // Lost answers.
                ResyncError::SourcesFailed { .. } | ResyncError::NamedPeersAway(_) => {}
                end => break end,
            }
        };
        assert!(
            matches!(&end, ResyncError::Forsaken { holder, .. } if *holder == peers[0].id),
            "{end}"
        );
        assert!(
            !end.is_resumable(),
            "what is staged is of no use to anybody"
        );
    });
}

/// The end alone of what is staged is another than the voters': they leave it once they have gone on.
#[test]
fn r05_staged_chain_whose_end_is_another_is_kept_while_the_voters_go_on() {
    run(Setup::chain(62).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        sim.slots(4).await;
        let staging = InMemory::by(sim, &ours, Kind::MultiSource);
        let forked = sim.branch(58, 2, 1, 77);
        assert!(staging.chain.import(forked.clone()).failure.is_none());
        let more = sim.chain(62)[60..].to_vec();
        let goes_on = async {
            sim.slots(1).await;
            for peer in &peers {
                peer.chain.import(more.clone());
            }
        };
        let named = order(&[&peers[0].id], None);
        let (staged, ()) = futures::join!(insist(&ours, &named, &staging), goes_on);
        assert_eq!(staged.unwrap(), BlockId::of(more[1].header()));
        let left = staging.chain.presence(forked[59].hash()).unwrap();
        assert_eq!(left, Presence::Fork, "it was fetched anew");
    });
}

/// The same where they do not go on: nobody would ever follow what is staged.
#[test]
fn r05_staged_chain_whose_end_is_another_gives_way_where_the_voters_stand() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        sim.slots(4).await;
        let staging = InMemory::by(sim, &ours, Kind::MultiSource);
        let forked = sim.branch(58, 2, 1, 77);
        assert!(staging.chain.import(forked).failure.is_none());
        let named = order(&[&peers[0].id], None);
        let staged = insist(&ours, &named, &staging).await.unwrap();
        assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()));
    });
}

fn each<'a, A: Copy, B: Copy>(some: &'a [A], others: &'a [B]) -> impl Iterator<Item = (A, B)> {
    some.iter()
        .flat_map(move |one| others.iter().map(move |other| (*one, *other)))
}

/// Whoever is still there by then may be on another chain: what was fetched stays.
#[test]
fn r04_vote_that_is_taken_again_asks_nobody_for_the_checkpoint_once_more() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours, stray) = with_a_trusted_stray(sim, 40);
        let kind = Kind::ALL[usize::try_from(sim.seed).unwrap() % Kind::ALL.len()];
        let staging = InMemory::by(sim, &ours, kind);
        let checkpoint = BlockId::of(sim.chain(60)[49].header());
        let named = order(&[&peers[0].id, &stray.id], Some(checkpoint));
        let staged = resume(&ours, &named, &staging).await;
        let other = sim.branch(20, 40, 1, 78);
        let elsewhere = sim.crowd(9, "E", &other, &Misbehaviour::Nothing);
        for peer in &peers {
            sim.network.cut(&ours.id, &peer.id);
        }
        sim.connect(&ours.id, ids(&elsewhere));
        sim.slots(2).await;
        let strategy = Arc::clone(&staging.strategy);
        let watch = ResyncWatch::default();
        let chain_sync = ours.manager().chain_sync(strategy, BTreeSet::new(), watch);
        let refused = chain_sync.vote_again(&named, staging.clone()).await;
        let refused = refused.unwrap_err();
        let asked = matches!(refused, ResyncError::CheckpointDenied { .. });
        assert!(!asked, "{kind:?}: {refused}");
        assert_eq!(staging.chain.best(), staged, "{kind:?}");
    });
}
