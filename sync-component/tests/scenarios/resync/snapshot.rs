//! Resyncs with `snapshot` alone.

use super::*;

/// It claimed to have more than anybody, and has less by now than a snapshot needs.
#[test]
fn r05_source_without_a_final_block_ends_no_snapshot() {
    run(Setup::chain(60).authorities(10).idle(60), async |sim| {
        let tip = BlockId::new(100, sp_core::H256::repeat_byte(1));
        let short = sim.peer("L", sim.chain(6), Misbehaviour::ClaimsTip(tip));
        let honest = sim.servers(6, "P", 60);
        let mut ours = sim.node("O", &[]);
        ours.fetching = Fetching::Tier3;
        ours.start();
        sim.connect(&ours.id, ids(&honest).chain([&short.id]));
        let knows = |peer: &PeerId| {
            let peers = ours.manager().peers();
            peers.iter().any(|known| known.peer == *peer)
        };
        sim.until(MINUTE, "O knows all", || {
            knows(&short.id) && ids(&honest).all(knows)
        })
        .await;
        short.turns_to(Misbehaviour::Nothing);
        let mut staging = InMemory::beside(sim, &ours);
        Arc::get_mut(&mut staging).unwrap().strategy = Arc::new(Snapshot::default());
        let named = order(&[&short.id, &honest[0].id, &honest[1].id], None);
        let staged = insist(&ours, &named, &staging).await.unwrap();
        assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()));
    });
}

/// Begins with a snapshot of the highest of its blocks but one, whatever is final; fetches blocks when called again.
#[derive(Debug)]
struct Early {
    blocks: Vec<SmallBlock>,
    states: Arc<ReferenceBridge<SmallBlock>>,
    rest: MultiSource<SmallBlock>,
}

#[async_trait::async_trait]
impl ResyncStrategy<SmallBlock> for Early {
    async fn download(
        &self,
        context: &SyncContext<SmallBlock>,
        job: &ResyncJob<SmallBlock>,
    ) -> Result<BlockId<SmallBlock>, ResyncError<SmallBlock>> {
        let [below @ .., base, top] = self.blocks.as_slice() else {
            panic!("two blocks at least");
        };
        if job.staging.best().height() > 0 {
            return self.rest.download(context, job).await;
        }
        let snapshot = job.staging.snapshots().unwrap();
        let headers: Vec<_> = below
            .iter()
            .chain([base])
            .map(|block| block.header().clone())
            .collect();
        snapshot
            .add_headers(&headers, context.clock.wall())
            .unwrap();
        let of = snapshot.choose_state(*base.header().number()).unwrap();
        let budget = ProofBudget {
            soft: 1_000,
            hard: 1_000,
            nodes: 10,
        };
        let states = self.states.states().unwrap();
        let proof = states.prove_state(of.hash, None, budget).unwrap().unwrap();
        snapshot.add_state(&proof).unwrap();
        snapshot.finish(base.clone()).unwrap();
        let report = job.staging.import(vec![top.clone()]);
        assert!(report.failure.is_none(), "{report:?}");
        Ok(job.staging.best())
    }
}

/// Most voters are a little behind the source of a snapshot.
#[test]
fn r04_snapshot_above_the_voted_block_waits_for_the_voters() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let behind = sim.servers(4, "P", 40);
        let source = sim.peer("S", sim.chain(60), Misbehaviour::Nothing);
        let mut ours = sim.node("O", &[]);
        ours.fetching = Fetching::Tier3;
        ours.start();
        sim.connect(&ours.id, ids(&behind).chain([&source.id]));
        let early = Early {
            blocks: sim.chain(43).to_vec(),
            states: source.chain.clone(),
            rest: MultiSource::default(),
        };
        let mut staging = InMemory::beside(sim, &ours);
        Arc::get_mut(&mut staging).unwrap().strategy = Arc::new(early);
        let named = order(&[&behind[0].id], None);
        // They stay behind: what is fetched stays.
        let mut attempts = 0..10;
        loop {
            assert!(attempts.next().is_some(), "more than lost answers");
            let error = insist(&ours, &named, &staging).await.unwrap_err();
            assert!(error.is_resumable(), "{error}");
            if matches!(error, ResyncError::BelowSnapshot { .. }) {
                break;
            }
            // Too few answers came for a vote.
            assert!(matches!(error, ResyncError::NotVoted(_)), "{error}");
        }
        assert_eq!(staging.height(), 43);
        assert!(!staging.stages().contains(&"validated"));
        // They come past it, while the run waits.
        let goes_on = async {
            tokio::time::sleep(SECOND).await;
            let report = behind[0].chain.import(sim.chain(60)[40..].to_vec());
            assert!(report.failure.is_none(), "{report:?}");
        };
        let (staged, ()) = tokio::join!(insist(&ours, &named, &staging), goes_on);
        assert_eq!(staged.unwrap(), BlockId::of(sim.chain(60)[59].header()));
        assert_eq!(staging.chain.lowest_served(), 42);
    });
}

/// The first source has been emptied and is the only one that has said anything yet.
#[test]
fn r05_emptied_source_makes_no_full_download_of_a_snapshot() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let emptied = sim.peer("E", sim.chain(1), Misbehaviour::Nothing);
        let honest = sim.servers(3, "P", 60);
        let mut ours = sim.node("O", &[]);
        ours.start();
        let near = Link::with_latency(Duration::from_millis(1));
        sim.network.connect(&ours.id, &emptied.id, near);
        let staging = InMemory::by(sim, &ours, Kind::Snapshot);
        let named = order(&[&emptied.id, &honest[0].id, &honest[1].id], None);
        sim.slots(1).await;
        // The others come once its block is stored.
        let come = async {
            while staging.height() == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            sim.connect(&ours.id, ids(&honest));
        };
        let (staged, ()) = tokio::join!(insist(&ours, &named, &staging), come);
        assert_eq!(staged.unwrap(), BlockId::of(sim.chain(60)[59].header()));
        assert!(
            staging.chain.lowest_served() > 1,
            "it begins with a snapshot"
        );
    });
}
