//! Resync, as far as it is about peers; what is about files is shown with real ones in `runtime-bridge` and
//! `node-template`.

mod attested;
mod clock;
mod live;
mod mute;
mod snapshot;
mod sources;
mod voted;

use super::{traffic::Blocks, *};
use sp_runtime::traits::{Block as _, Header as _};
use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};
use sync_component::{
    BlockId, SyncContext,
    chain_sync::{
        BackupName, FullChain, MultiSource, NotVoted, OperatorsOrder, ResyncError, ResyncJob,
        ResyncRequest, ResyncStage, ResyncWatch, Snapshot, SourceFault, Stage, Staging, StoreId,
        Swap, Voucher,
    },
    orchestrator::Fetching,
    ports::{
        Bridge, BridgeError, BuildSnapshots, ImportBlocks, PeerId, Presence, ProofBudget, Protocol,
        ReadChain, StateStanding,
    },
    registry::ResyncStrategy,
    test_kit::{Link, ReferenceBridge, SLOT},
};

/// A staged chain in memory, and the stages that its run went through.
#[derive(Debug)]
struct InMemory {
    chain: Arc<ReferenceBridge<SmallBlock>>,
    /// `multi-source`, `full-chain` and `snapshot` in turn.
    strategy: Arc<dyn ResyncStrategy<SmallBlock>>,
    stages: Mutex<Vec<&'static str>>,
}

/// A strategy of Tier 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    MultiSource,
    FullChain,
    Snapshot,
}

impl Kind {
    const ALL: [Self; 3] = [Self::MultiSource, Self::FullChain, Self::Snapshot];

    fn strategy(self) -> Arc<dyn ResyncStrategy<SmallBlock>> {
        match self {
            Self::MultiSource => Arc::new(MultiSource::default()),
            Self::FullChain => Arc::new(FullChain),
            Self::Snapshot => Arc::new(Snapshot::default()),
        }
    }

    /// Each in its turn.
    fn of(sim: &Sim) -> Self {
        Self::ALL[usize::try_from(sim.seed % 3).unwrap()]
    }
}

impl InMemory {
    fn beside(sim: &Sim, node: &Node) -> Arc<Self> {
        Self::by(sim, node, Kind::of(sim))
    }

    fn by(sim: &Sim, node: &Node, kind: Kind) -> Arc<Self> {
        let chain = ReferenceBridge::new(&sim.forge, SLOT, 5, node.clock.clone());
        Arc::new(Self {
            chain: Arc::new(chain),
            strategy: kind.strategy(),
            stages: Mutex::default(),
        })
    }

    fn height(&self) -> u64 {
        self.chain.best().height()
    }

    fn holds(&self, block: BlockId<SmallBlock>) -> bool {
        self.chain.canonical_hash(block.number).unwrap() == Some(block.hash)
    }

    fn stages(&self) -> Vec<&'static str> {
        self.stages.lock().unwrap().clone()
    }
}

impl Staging<SmallBlock> for InMemory {
    fn open(&self) -> Result<Arc<dyn Bridge<SmallBlock>>, BridgeError> {
        Ok(self.chain.clone())
    }

    fn renew(&self) -> Result<(), BridgeError> {
        self.chain.wipe();
        Ok(())
    }

    fn room(&self) -> Result<(), BridgeError> {
        Ok(())
    }

    fn enter(&self, stage: Stage) -> Result<(), BridgeError> {
        self.stages.lock().unwrap().push(stage.name());
        Ok(())
    }

    fn exchange(&self) -> Result<Swap, BridgeError> {
        Ok(Swap {
            live: None,
            staged: StoreId(String::new()),
            backup: BackupName(String::new()),
        })
    }
}

fn order(peers: &[&PeerId], checkpoint: Option<BlockId<SmallBlock>>) -> OperatorsOrder<SmallBlock> {
    let request = ResyncRequest {
        peers: peers.iter().map(|peer| (*peer).clone()).collect(),
        checkpoint,
    };
    #[allow(clippy::disallowed_methods, reason = "the scenario is the operator")]
    OperatorsOrder::given_by_the_operator(request)
}

async fn resync(
    node: &Node,
    order: &OperatorsOrder<SmallBlock>,
    staging: &Arc<InMemory>,
) -> Result<BlockId<SmallBlock>, ResyncError<SmallBlock>> {
    let watch = ResyncWatch::default();
    let chain_sync =
        node.manager()
            .chain_sync(Arc::clone(&staging.strategy), BTreeSet::new(), watch);
    chain_sync.run(order, staging.clone()).await
}

/// The same, again and again while lost answers interrupt it.
async fn insist(
    node: &Node,
    order: &OperatorsOrder<SmallBlock>,
    staging: &Arc<InMemory>,
) -> Result<BlockId<SmallBlock>, ResyncError<SmallBlock>> {
    for _ in 0..10 {
        match resync(node, order, staging).await {
            Err(ResyncError::SourcesFailed { .. } | ResyncError::NamedPeersAway(_)) => {}
            end => return end,
        }
    }
    panic!("more than lost answers interrupt it");
}

/// The same, also while lost answers leave too little to vote on: as the operator's `resync --resume` does.
async fn resume(
    node: &Node,
    order: &OperatorsOrder<SmallBlock>,
    staging: &Arc<InMemory>,
) -> BlockId<SmallBlock> {
    for _ in 0..10 {
        match resync(node, order, staging).await {
            Ok(staged) => return staged,
            Err(error) => assert!(error.is_resumable(), "{error}"),
        }
    }
    panic!("more than lost answers interrupt it");
}

/// Whether the voters refused what was fetched.
fn is_refusal(error: &ResyncError<SmallBlock>) -> bool {
    matches!(error, ResyncError::NotVoted(_) | ResyncError::Stray { .. })
}

/// Whether the checkpoint is not in the sources' chain, where answers to whether it is may be lost.
fn is_off(error: &ResyncError<SmallBlock>) -> bool {
    matches!(
        error,
        ResyncError::CheckpointDenied { .. } | ResyncError::OffCheckpoint { .. }
    )
}

/// O on a dead fork, connected to three peers at 60.
fn stranded(sim: &mut Sim) -> (Vec<Peer>, Node) {
    // Several ranges, so that something can happen between two.
    sim.settings.limits.blocks_per_request = 8;
    let peers = sim.servers(3, "P", 60);
    let fork = sim.dead_fork(10, 12);
    let mut ours = sim.node("O", &fork);
    ours.start();
    sim.connect(&ours.id, ids(&peers));
    (peers, ours)
}

#[test]
fn r03_without_anybody_to_trust_nothing_is_begun() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let (_peers, ours) = stranded(sim);
        let staging = InMemory::beside(sim, &ours);
        let refused = resync(&ours, &order(&[], None), &staging).await;
        assert!(matches!(refused, Err(ResyncError::NoTrustedPeer)));
        let nobody = PeerId::from_bytes(b"nobody");
        let refused = resync(&ours, &order(&[&nobody], None), &staging).await;
        assert!(matches!(refused, Err(ResyncError::NamedPeersAway(_))));
        assert!(staging.stages().is_empty());
    });
}

#[test]
fn r03_peers_that_were_consistent_for_long_enough_are_trusted() {
    run(Setup::chain(60).authorities(4).idle(200), async |sim| {
        // Three minutes, for the test's sake.
        sim.settings.tier3.trust_hours = 0.05;
        let (peers, ours) = stranded(sim);
        let staging = InMemory::beside(sim, &ours);
        let refused = resync(&ours, &order(&[], None), &staging).await;
        assert!(matches!(refused, Err(ResyncError::NoTrustedPeer)));
        sim.slots(90).await;
        let sources = ours
            .manager()
            .chain_sync(Arc::new(FullChain), BTreeSet::new(), ResyncWatch::default())
            .sources(&[]);
        assert!(!sources.is_empty());
        assert!(
            sources
                .iter()
                .all(|source| source.voucher == Voucher::Observed)
        );
        // Our own fork contradicts the consensus, not the other way round.
        assert_eq!(sources.len(), peers.len());
        let staged = insist(&ours, &order(&[], None), &staging).await.unwrap();
        assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()));
    });
}

#[test]
fn r03_nobody_else_is_asked_for_anything_of_the_new_chain() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let (peers, ours) = stranded(sim);
        let stranger = &peers[2].id;
        let asked = |of| sim.network.requests(&ours.id, stranger, of);
        let before = [Protocol::Blocks, Protocol::State].map(asked);
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&peers[0].id, &peers[1].id], None);
            insist(&ours, &named, &staging).await.unwrap();
            let now = [Protocol::Blocks, Protocol::State].map(asked);
            assert_eq!(now, before, "{kind:?}");
        }
        assert!(
            sim.network
                .requests(&ours.id, &peers[0].id, Protocol::Blocks)
                > 0
        );
    });
}

#[test]
fn r06_without_a_node_the_staged_chain_is_built_and_nobody_counts_its_vote() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        sim.settings.limits.blocks_per_request = 8;
        let peers = sim.servers(3, "P", 60);
        let mut alone = sim.node("A", &[]);
        alone.fetching = Fetching::Tier3;
        alone.start();
        sim.connect(&alone.id, ids(&peers));
        let mut observer = sim.node("O", sim.chain(60));
        observer.start();
        sim.connect(&observer.id, [&alone.id]);
        sim.slots(4).await;
        assert_eq!(alone.best().height(), 0, "Tier 2 leaves it alone");
        let voters = observer.manager().report().voters;
        assert_eq!(voters, 0, "it is syncing");
        let staging = InMemory::beside(sim, &alone);
        let named = order(&[&peers[0].id, &peers[1].id], None);
        let staged = insist(&alone, &named, &staging).await.unwrap();
        assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()));
        assert_eq!(alone.best().height(), 0);
    });
}

#[test]
fn r04_chain_that_the_voters_are_not_on_is_refused() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (_peers, ours) = stranded(sim);
        let before = ours.best();
        let other = sim.branch(20, 60, 1, 77);
        let trusted = sim.peer("T", &other, Misbehaviour::Nothing);
        sim.connect(&ours.id, [&trusted.id]);
        let staging = InMemory::beside(sim, &ours);
        let refused = insist(&ours, &order(&[&trusted.id], None), &staging).await;
        assert!(is_refusal(refused.as_ref().unwrap_err()), "{refused:?}");
        assert!(!staging.stages().contains(&"validated"));
        assert_eq!(ours.best(), before);
        // The operator's own checkpoint changes nothing about that.
        let tip = BlockId::of(other[79].header());
        let refused = insist(&ours, &order(&[&trusted.id], Some(tip)), &staging).await;
        assert!(is_refusal(refused.as_ref().unwrap_err()), "{refused:?}");
        assert!(!staging.stages().contains(&"validated"));
    });
}

#[test]
fn r04_where_nobody_votes_only_a_checkpoint_near_the_tip_will_do() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let mute = sim.peer("T", sim.chain(60), Misbehaviour::SaysSyncing);
        let fork = sim.dead_fork(10, 12);
        let mut ours = sim.node("O", &fork);
        ours.start();
        sim.connect(&ours.id, [&mute.id]);
        let staging = InMemory::beside(sim, &ours);
        let at = |height: usize| BlockId::of(sim.chain(60)[height - 1].header());
        let attempt = async |checkpoint| {
            let order = order(&[&mute.id], checkpoint);
            insist(&ours, &order, &staging).await
        };
        assert!(matches!(
            attempt(None).await,
            Err(ResyncError::NotVoted(NotVoted::NoVoters))
        ));
        // A checkpoint that is too old, or above the chain, costs nothing that was fetched.
        let too_old = attempt(Some(at(40))).await.unwrap_err();
        assert!(matches!(too_old, ResyncError::CheckpointTooOld { .. }));
        assert!(too_old.is_resumable());
        let elsewhere = BlockId::of(fork[20].header());
        let off = attempt(Some(elsewhere)).await.unwrap_err();
        assert!(is_off(&off), "{off}");
        // Only another checkpoint would help, or another chain.
        assert!(!off.is_resumable());
        let above = BlockId::new(61, elsewhere.hash);
        let ends_below = attempt(Some(above)).await.unwrap_err();
        assert!(matches!(ends_below, ResyncError::BelowCheckpoint { .. }));
        assert!(ends_below.is_resumable());
        assert!(!staging.stages().contains(&"validated"));
        assert_eq!(attempt(Some(at(58))).await.unwrap(), at(60));
        assert!(staging.stages().contains(&"validated"));
    });
}

#[test]
fn r04_trusted_peer_that_is_behind_the_network_gives_no_short_chain() {
    run(Setup::chain(60).authorities(4).idle(160), async |sim| {
        let (peers, ours) = stranded(sim);
        let before = ours.best();
        let staging = InMemory::beside(sim, &ours);
        // Whatever little a peer has, all voters hold it.
        for (name, height) in [("purged", 0), ("behind", 30)] {
            let source = sim.peer(name, sim.chain(height), Misbehaviour::Nothing);
            sim.connect(&ours.id, [&source.id]);
            sim.slots(2).await;
            let named = order(&[&source.id], None);
            let mut attempts = 0..10;
            let refused = loop {
                assert!(attempts.next().is_some());
                match insist(&ours, &named, &staging).await {
                    // Lost answers.
                    Err(ResyncError::NotVoted(NotVoted::TooFewAnswers { .. }))
                        if !sim.is_calm() => {}
                    end => break end,
                }
            };
            assert!(
                matches!(
                    refused,
                    Err(ResyncError::NotVoted(NotVoted::Behind { theirs: 60, .. }))
                ),
                "{refused:?}"
            );
            // With a better one beside it the run goes on from where it ended.
            if height > 0 {
                let both = order(&[&source.id, &peers[0].id], None);
                let staged = resume(&ours, &both, &staging).await;
                assert_eq!(staged, BlockId::of(sim.chain(60)[59].header()));
            } else {
                assert!(!staging.stages().contains(&"validated"));
                source.turns_to(Misbehaviour::OtherGenesis);
                sim.slots(3).await;
            }
            assert_eq!(ours.best(), before);
        }
    });
}

#[test]
fn r04_few_answers_are_no_vote() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        sim.settings.tier1.min_responses = NonZeroUsize::new(4);
        let (peers, ours) = stranded(sim);
        let staging = InMemory::beside(sim, &ours);
        let more = sim.servers(4, "M", 60);
        sim.connect(&ours.id, ids(&more));
        sim.slots(2).await;
        for mute in more.iter().chain(&peers[1..]) {
            mute.turns_to(Misbehaviour::Silent);
        }
        let named = order(&[&peers[0].id], None);
        let refused = insist(&ours, &named, &staging).await;
        assert!(
            matches!(
                refused,
                // The one answer may be lost, too.
                Err(ResyncError::NotVoted(
                    NotVoted::TooFewAnswers { required: 4, .. } | NotVoted::NoVoters
                ))
            ),
            "{refused:?}"
        );
    });
}
