//! R5: sources that vanish, go mute, or turn out to be of no use.

use super::*;

#[test]
fn r05_source_on_a_branch_that_is_no_better_is_left() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (_peers, ours) = stranded(sim);
        let ends_at = [57, 58, 59][usize::try_from(sim.seed / 3 % 3).unwrap()];
        let other = sim.branch(55, ends_at - 55, 1, 77);
        let source = sim.peer("T", &other, Misbehaviour::Nothing);
        sim.connect(&ours.id, [&source.id]);
        let staging = InMemory::beside(sim, &ours);
        // An earlier run, from somebody else.
        assert!(
            staging
                .chain
                .import(sim.chain(60).to_vec())
                .failure
                .is_none()
        );
        let named = order(&[&source.id], None);
        let until = sim.elapsed() + 20 * MINUTE;
        loop {
            assert!(sim.elapsed() < until, "only lost answers");
            let faults = match resync(&ours, &named, &staging).await {
                Err(ResyncError::SourcesFailed { faults, .. }) => faults,
                Err(ResyncError::NamedPeersAway(_)) => continue,
                end => panic!("{end:?}"),
            };
            if let Some((_, SourceFault::OtherChain { .. })) = faults.first() {
                break;
            }
        }
        assert_eq!(staging.height(), 60);
    });
}

/// Lost answers and a connection that breaks are no reason to come back to the operator.
#[test]
fn r05_one_source_in_a_bad_network_is_enough() {
    run(Setup::chain(300).authorities(4).idle(60), async |sim| {
        sim.settings.limits.blocks_per_request = 2;
        let source = sim.servers(1, "P", 300).remove(0);
        let mut ours = sim.node("O", &[]);
        ours.fetching = Fetching::Tier3;
        ours.start();
        sim.connect(&ours.id, [&source.id]);
        sim.slots(1).await;
        let loss = 0.02;
        sim.network.change_links(|link| link.loss = loss);
        let staging = InMemory::beside(sim, &ours);
        let order = order(&[&source.id], None);
        let (network, ids) = (sim.network.clone(), (ours.id.clone(), source.id.clone()));
        let link = sim.link();
        let breaks = async {
            tokio::time::sleep(SECOND).await;
            network.cut(&ids.0, &ids.1);
            tokio::time::sleep(3 * SECOND).await;
            network.connect(&ids.0, &ids.1, link);
        };
        let (staged, ()) = tokio::join!(resync(&ours, &order, &staging), breaks);
        assert_eq!(staging.height(), 300, "{staged:?}");
    });
}

#[test]
fn r05_another_trusted_peer_goes_on_where_one_vanishes() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let (peers, ours) = stranded(sim);
        let staging = InMemory::beside(sim, &ours);
        let blocks = Arc::new(Blocks::default());
        sim.network.tap(blocks.clone());
        // What an earlier session has left is not fetched again.
        let report = staging.chain.import(sim.chain(30).to_vec());
        assert!(report.failure.is_none());
        peers[0].turns_to(Misbehaviour::SilentOn(
            sync_component::ports::Protocol::Blocks,
        ));
        let named = order(&[&peers[0].id, &peers[1].id], None);
        let staged = insist(&ours, &named, &staging).await.unwrap();
        assert!((1..=20).all(|height| blocks.requests_for(height) == 0));
        assert!(blocks.requests_for(40) > 0);
        assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()));
        let stray = ours.best();
        assert_eq!(
            staging.chain.presence(stray.hash).unwrap(),
            Presence::Absent,
            "nothing of the dead fork is in it"
        );
        // Nobody is left: interrupted, and what is there stays.
        let staging = InMemory::beside(sim, &ours);
        for peer in &peers {
            peer.turns_to(Misbehaviour::SilentOn(
                sync_component::ports::Protocol::Blocks,
            ));
        }
        let interrupted = resync(&ours, &named, &staging).await.unwrap_err();
        assert!(interrupted.is_resumable(), "{interrupted}");
    });
}

/// An earlier process began it; nobody is there who could tell it to go on.
#[test]
fn r05_run_from_the_journal_waits_for_its_sources_however_long_they_are_away() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        for peer in ids(&peers) {
            sim.network.cut(&ours.id, peer);
        }
        sim.slots(1).await;
        let request = ResyncRequest::<SmallBlock> {
            peers: Vec::new(),
            checkpoint: None,
        };
        #[allow(clippy::disallowed_methods, reason = "the scenario is the operator")]
        let order = OperatorsOrder::of_journal(&request.written_down("any")).unwrap();
        let staging = InMemory::beside(sim, &ours);
        let comes = async {
            sim.run_for(10 * MINUTE).await;
            sim.connect(&ours.id, ids(&peers));
        };
        let declared = ids(&peers).cloned().collect();
        let strategy = Arc::clone(&staging.strategy);
        let watch = ResyncWatch::default();
        let chain_sync = ours.manager().chain_sync(strategy, declared, watch);
        let (end, ()) = tokio::join!(chain_sync.run(&order, staging.clone()), comes);
        // Lost answers may interrupt it later.
        if sim.is_calm() {
            end.unwrap();
        } else {
            assert!(staging.height() > 0, "{end:?}");
        }
    });
}

/// An earlier process was ended between the download and the exchange, and its source does not come back.
#[test]
fn r05_run_from_the_journal_needs_no_source_for_what_the_voters_hold_already() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (_peers, ours) = stranded(sim);
        sim.slots(1).await;
        let request = ResyncRequest::<SmallBlock> {
            peers: vec![PeerId::from_bytes(b"gone")],
            checkpoint: None,
        };
        #[allow(clippy::disallowed_methods, reason = "the scenario is the operator")]
        let order = OperatorsOrder::of_journal(&request.written_down("any")).unwrap();
        let staging = InMemory::beside(sim, &ours);
        let run = async |staging: &Arc<InMemory>| {
            let within = tokio::time::timeout(10 * MINUTE, resync(&ours, &order, staging));
            within.await
        };
        // Half of it is not what they hold, however long it waits.
        let report = staging.chain.import(sim.chain(30).to_vec());
        assert!(report.failure.is_none());
        run(&staging).await.unwrap_err();
        let report = staging.chain.import(sim.chain(60)[30..].to_vec());
        assert!(report.failure.is_none());
        let staged = run(&staging).await.unwrap().unwrap();
        assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()));
        assert_eq!(staging.stages(), ["validated"]);
    });
}

/// One of three sources shows a first window of headers and no more.
#[test]
fn r05_source_that_goes_mute_on_headers_costs_little() {
    run(Setup::chain(600).authorities(4).idle(60), async |sim| {
        sim.settings.limits.headers_per_request = 16;
        let mut ours = sim.node("O", sim.chain(600));
        ours.start();
        let mute = sim.peer("M", sim.chain(600), Misbehaviour::KeepsHeadersAbove(16));
        let honest = sim.servers(2, "P", 600);
        for peer in ids(&honest).chain([&mute.id]) {
            let link = Link::with_latency(Duration::from_millis(50));
            sim.network.connect(&ours.id, peer, link);
        }
        sim.slots(2).await;
        let mut times = Vec::new();
        for sources in [
            &[&honest[0].id, &honest[1].id][..],
            &[&honest[0].id, &mute.id, &honest[1].id],
        ] {
            let chain = ReferenceBridge::new(&sim.forge, SLOT, 5, ours.clock.clone());
            let staging = Arc::new(InMemory {
                chain: Arc::new(chain),
                strategy: Arc::new(MultiSource::default()),
                stages: Mutex::default(),
            });
            let begin = sim.elapsed();
            let staged = resync(&ours, &order(sources, None), &staging).await;
            assert_eq!(staged.unwrap().height(), 600);
            times.push(sim.elapsed().saturating_sub(begin));
        }
        assert!(
            times[1] <= times[0] + 2 * SECOND,
            "{times:?} without and with"
        );
    });
}
