//! Every block rule of SPEC section 1, broken once.

use crate::support::{
    Block, Bridge, Call, Id, Maker, TestRuntime, body, canonical_chain, dump, id, import_all,
    in_memory, memory, on_each_database, over, reseal, sign, spec,
};
use kvdb::KeyValueDB;
use runtime_bridge::{OpenError, execute::Runtime};
use sp_consensus_aura::Slot;
use sp_core::{H256, Pair};
use sp_runtime::{Digest, DigestItem, OpaqueExtrinsic, traits::Block as _};
use std::sync::Arc;
use sync_component::{
    error::Blame,
    ports::{BlockFault, HeaderFault, ImportBlocks, ImportError, ReadChain, SystemClock},
};

/// A good block, and what is done to it.
struct Broken {
    rule: &'static str,
    spoil: fn(&Maker, Block) -> Block,
    fault: fn(&BlockFault) -> bool,
    blame: Blame,
}

fn is_digest(fault: &BlockFault) -> bool {
    *fault == BlockFault::Header(HeaderFault::BadDigest)
}

fn is_seal(fault: &BlockFault) -> bool {
    *fault == BlockFault::Header(HeaderFault::BadSeal)
}

fn is_execution(fault: &BlockFault) -> bool {
    matches!(fault, BlockFault::Execution { .. })
}

fn sealed_by_its_slot(maker: &Maker, block: Block, slot: u64) -> Block {
    reseal(block, maker.key(slot))
}

/// Slot of the block that is spoilt; its parent has slot 10.
const SLOT: u64 = 12;

const BROKEN: [Broken; 16] = [
    Broken {
        rule: "number is the parent's plus one",
        spoil: |maker, mut block| {
            block.header.number += 1;
            sealed_by_its_slot(maker, block, SLOT)
        },
        fault: |fault| *fault == BlockFault::Header(HeaderFault::BrokenLink),
        blame: Blame::Peer,
    },
    Broken {
        rule: "the slot rises",
        spoil: |maker, block| {
            let digest = DigestItem::PreRuntime(*b"aura", codec::Encode::encode(&10_u64));
            with_first_item(maker, block, digest, 10)
        },
        fault: |fault| {
            let slot = Slot::from(10);
            *fault == BlockFault::Header(HeaderFault::SlotNotRising { slot })
        },
        blame: Blame::Peer,
    },
    Broken {
        rule: "the slot is not in the future",
        spoil: |maker, block| {
            let slot = u64::MAX - 3;
            let digest = DigestItem::PreRuntime(*b"aura", codec::Encode::encode(&slot));
            with_first_item(maker, block, digest, slot)
        },
        fault: |fault| matches!(fault, BlockFault::Header(HeaderFault::FromFuture { .. })),
        blame: Blame::Unknown,
    },
    Broken {
        rule: "the digest has a slot",
        spoil: |_, mut block| {
            block.header.digest.logs.remove(0);
            block
        },
        fault: is_digest,
        blame: Blame::Peer,
    },
    Broken {
        rule: "the digest has a seal",
        spoil: |_, mut block| {
            block.header.digest.pop();
            block
        },
        fault: is_digest,
        blame: Blame::Peer,
    },
    Broken {
        rule: "the digest has nothing else",
        spoil: |maker, mut block| {
            block
                .header
                .digest
                .logs
                .insert(1, DigestItem::Other(vec![1]));
            sealed_by_its_slot(maker, block, SLOT)
        },
        fault: is_digest,
        blame: Blame::Peer,
    },
    Broken {
        rule: "the slot is AURA's",
        spoil: |maker, block| {
            let digest = DigestItem::PreRuntime(*b"BABE", codec::Encode::encode(&SLOT));
            with_first_item(maker, block, digest, SLOT)
        },
        fault: is_digest,
        blame: Blame::Peer,
    },
    Broken {
        rule: "the seal is by the slot's authority",
        spoil: |maker, block| sealed_by_its_slot(maker, block, SLOT + 1),
        fault: is_seal,
        blame: Blame::Peer,
    },
    Broken {
        rule: "the seal covers the header",
        spoil: |_, mut block| {
            block.header.state_root = H256::zero();
            block
        },
        fault: is_seal,
        blame: Blame::Peer,
    },
    Broken {
        rule: "the body fits the extrinsics root",
        spoil: |_, mut block| {
            block.extrinsics.push(Call::Add(1, 1).into());
            block
        },
        fault: |fault| *fault == BlockFault::WrongExtrinsicsRoot,
        blame: Blame::Peer,
    },
    Broken {
        rule: "extrinsics are signed by who says so",
        spoil: |maker, block| {
            let Call::Signed(signer, mut signature) = sign(maker.key(0)) else {
                unreachable!()
            };
            signature.0[5] ^= 1;
            with_calls(
                maker,
                block,
                &[Call::Slot(SLOT), Call::Signed(signer, signature)],
            )
        },
        fault: |fault| *fault == BlockFault::BadSignature { index: 1 },
        blame: Blame::Peer,
    },
    Broken {
        rule: "the inherent is there",
        spoil: |maker, block| with_calls(maker, block, &[]),
        fault: is_execution,
        blame: Blame::Unknown,
    },
    Broken {
        rule: "the inherent is first",
        spoil: |maker, block| with_calls(maker, block, &[Call::Add(1, 1), Call::Slot(SLOT)]),
        fault: is_execution,
        blame: Blame::Unknown,
    },
    Broken {
        rule: "the inherent is inside the slot",
        spoil: |maker, block| with_calls(maker, block, &[Call::Slot(SLOT + 1)]),
        fault: is_execution,
        blame: Blame::Unknown,
    },
    Broken {
        rule: "every extrinsic applies",
        spoil: |maker, block| with_calls(maker, block, &[Call::Slot(SLOT), Call::Add(1, 1_001)]),
        fault: is_execution,
        blame: Blame::Unknown,
    },
    Broken {
        rule: "execution gives the state root",
        spoil: |maker, block| with_calls(maker, block, &[Call::Slot(SLOT), Call::Add(1, 7)]),
        fault: |fault| *fault == BlockFault::WrongStateRoot,
        blame: Blame::Unknown,
    },
];

fn with_first_item(maker: &Maker, mut block: Block, item: DigestItem, slot: u64) -> Block {
    let seal = block.header.digest.pop().unwrap();
    block.header.digest = Digest {
        logs: vec![item, seal],
    };
    sealed_by_its_slot(maker, block, slot)
}

fn with_calls(maker: &Maker, block: Block, calls: &[Call]) -> Block {
    let calls = calls.iter().cloned().map(OpaqueExtrinsic::from).collect();
    sealed_by_its_slot(maker, body(block, calls), SLOT)
}

fn fault_of(bridge: &Bridge, block: &Block) -> BlockFault {
    match bridge.import(vec![block.clone()]).failure {
        Some(ImportError::Invalid { id: named, fault }) => {
            assert_eq!(named, id(block));
            fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_rule_is_checked_and_the_store_stays_as_it_was() {
    on_each_database(|name, db| {
        let maker = Maker::new(3);
        let bridge = over(Arc::clone(&db), 3, 5);
        let parents = maker.run(maker.genesis(), [9, 10]);
        let good = maker.block(
            id(&parents[1]),
            SLOT,
            &[Call::Add(1, 1), sign(maker.key(1))],
        );
        import_all(&bridge, &parents);
        let before = dump(db.as_ref());
        for case in &BROKEN {
            let block = (case.spoil)(&maker, good.clone());
            let fault = fault_of(&bridge, &block);
            assert!((case.fault)(&fault), "{name}: {}: {fault:?}", case.rule);
            assert_eq!(fault.blame(), case.blame, "{name}: {}", case.rule);
            assert!(bridge.block(block.hash()).unwrap().is_none());
        }
        assert_eq!(dump(db.as_ref()), before, "{name}");
        import_all(&bridge, &[good]);
    });
}

#[test]
fn unknown_parent_is_named_and_nobody_is_charged() {
    let maker = Maker::new(1);
    let blocks = maker.run(maker.genesis(), 1..4);
    let report = in_memory(1, 5).import(blocks[1..].to_vec());
    assert_eq!(report.stored, 0);
    let Some(error) = report.failure else {
        panic!("imported without its parent")
    };
    assert_eq!(error.blame(), Blame::Unknown);
    assert!(matches!(error, ImportError::UnknownParent { id: named } if named == id(&blocks[1])));
}

#[test]
fn block_of_the_longest_size_is_taken_and_a_longer_one_is_not() {
    let maker = Maker::new(1);
    let block = maker.block(maker.genesis(), 1, &[Call::Add(1, 1)]);
    let bytes = codec::Encode::encoded_size(&block);
    let with_limit = |limit| {
        let mut spec = spec(1, 5);
        spec.sync.limits.block_bytes = limit;
        Bridge::over(
            Arc::new(memory()),
            &spec,
            TestRuntime,
            Arc::new(SystemClock::new()),
        )
        .unwrap()
    };
    let limit = bytes - 1;
    assert_eq!(
        fault_of(&with_limit(limit), &block),
        BlockFault::TooLarge { bytes, limit }
    );
    import_all(&with_limit(bytes), &[block]);
}

#[test]
fn bad_blocks_and_checkpoints_of_the_chain_spec_are_kept() {
    let maker = Maker::new(1);
    let blocks = maker.run(maker.genesis(), 1..4);
    let other = maker.block(maker.genesis(), 2, &[]);
    let mut spec = spec(1, 5);
    spec.bad_blocks = vec![blocks[2].hash()];
    spec.checkpoints = vec![chain_spec::Checkpoint {
        number: 1,
        hash: blocks[0].hash(),
    }];
    let clock = Arc::new(SystemClock::new());
    let bridge = Bridge::over(Arc::new(memory()), &spec, TestRuntime, clock).unwrap();
    let against = BlockFault::Header(HeaderFault::AgainstCheckpoint);
    assert_eq!(fault_of(&bridge, &other), against);
    import_all(&bridge, &blocks[..2]);
    assert_eq!(
        fault_of(&bridge, &blocks[2]),
        BlockFault::Header(HeaderFault::BadBlock)
    );
}

#[test]
fn chain_spec_that_rules_out_a_stored_block_does_not_open() {
    let maker = Maker::new(1);
    let blocks = maker.run(maker.genesis(), 1..4);
    let db: Arc<dyn KeyValueDB> = Arc::new(memory());
    import_all(&over(Arc::clone(&db), 1, 5), &blocks);
    let mut with_bad_block = spec(1, 5);
    with_bad_block.bad_blocks = vec![blocks[1].hash()];
    let mut with_checkpoint = spec(1, 5);
    with_checkpoint.checkpoints = vec![chain_spec::Checkpoint {
        number: 2,
        hash: H256::repeat_byte(1),
    }];
    for spec in [with_bad_block, with_checkpoint] {
        let clock = Arc::new(SystemClock::new());
        let error = Bridge::over(Arc::clone(&db), &spec, TestRuntime, clock).unwrap_err();
        let named = blocks[1].hash();
        assert!(matches!(error, OpenError::AgainstSpec { number: 2, hash } if hash == named));
    }
}

#[test]
fn bad_block_in_a_run_leaves_the_good_ones_before_it() {
    on_each_database(|name, db| {
        let maker = Maker::new(2);
        let bridge = over(db, 2, 5);
        let mut run = maker.run(maker.genesis(), 1..6);
        run[3] = reseal(run[3].clone(), maker.key(1));
        let report = bridge.import(run.clone());
        assert_eq!(report.stored, 3, "{name}");
        assert!(
            matches!(report.failure, Some(ImportError::Invalid { .. })),
            "{name}"
        );
        assert_eq!(bridge.best(), id(&run[2]), "{name}");
        assert_eq!(canonical_chain(&bridge).len(), 4, "{name}");
    });
}

#[test]
fn stored_blocks_count_as_stored() {
    let maker = Maker::new(1);
    let blocks = maker.run(maker.genesis(), 1..5);
    let bridge = in_memory(1, 5);
    import_all(&bridge, &blocks[..3]);
    import_all(&bridge, &blocks);
    import_all(&bridge, &blocks);
    assert_eq!(bridge.best(), id(&blocks[3]));
}

#[test]
fn age_is_no_reason_to_refuse() {
    let maker = Maker::new(1);
    // Slots of 1970.
    let bridge = in_memory(1, 5);
    import_all(&bridge, &maker.run(maker.genesis(), [0, 1, 500]));
}

#[test]
fn storage_is_read_at_any_block_through_the_trie() {
    on_each_database(|name, db| {
        let maker = Maker::new(1);
        let bridge = over(db, 1, 5);
        let one = maker.block(maker.genesis(), 1, &[Call::Add(4, 1)]);
        let two = maker.block(id(&one), 2, &[Call::Add(4, 1)]);
        let three = maker.block(id(&two), 3, &[Call::Clear(4)]);
        let run = [one, two, three];
        import_all(&bridge, &run);
        let read = |hash| bridge.storage(hash, &crate::support::key(4)).unwrap();
        let counters: Vec<_> = run.iter().map(|block| read(block.hash())).collect();
        assert_eq!(
            counters[0].as_ref().map(|value| value[0]),
            Some(1),
            "{name}"
        );
        assert_eq!(
            counters[1].as_ref().map(|value| value[0]),
            Some(2),
            "{name}"
        );
        assert_eq!(counters[2], None, "{name}");
        assert_eq!(read(maker.genesis().hash), None, "{name}");
    });
}

#[test]
fn builder_reports_what_does_not_apply_and_builds_without_it() {
    let maker = Maker::new(1);
    let bridge = in_memory(1, 5);
    let Call::Signed(signer, mut signature) = sign(maker.key(0)) else {
        unreachable!()
    };
    signature.0[0] ^= 1;
    let offered: Vec<OpaqueExtrinsic> = [
        Call::Add(1, 999),
        Call::Add(1, 999),
        Call::Signed(signer, signature),
        sign(maker.key(0)),
    ]
    .map(OpaqueExtrinsic::from)
    .to_vec();
    let unsealed = bridge
        .build(maker.genesis(), Slot::from(1), offered)
        .unwrap();
    let skipped: Vec<_> = unsealed
        .skipped()
        .iter()
        .map(|(position, _)| *position)
        .collect();
    assert_eq!(skipped, [1, 2]);
    let signature = maker.key(1).sign(unsealed.pre_hash().as_ref());
    let block = unsealed.seal(signature);
    assert_eq!(block.extrinsics.len(), 3);
    import_all(&bridge, &[block]);
}

#[test]
fn builder_stays_below_the_size_limit() {
    let mut spec = spec(1, 5);
    spec.sync.limits.block_bytes = 1_000;
    let clock = Arc::new(SystemClock::new());
    let bridge = Bridge::over(Arc::new(memory()), &spec, TestRuntime, clock).unwrap();
    let maker = Maker::new(1);
    let offered = vec![sign(maker.key(0)).into(); 20];
    let unsealed = bridge
        .build(maker.genesis(), Slot::from(1), offered)
        .unwrap();
    let signature = maker.key(1).sign(unsealed.pre_hash().as_ref());
    let block = unsealed.seal(signature);
    assert!(block.extrinsics.len() > 5, "{}", block.extrinsics.len());
    assert!(codec::Encode::encoded_size(&block) <= 1_000);
    import_all(&bridge, &[block]);
}

#[test]
fn inherents_of_the_runtime_stand_first() {
    let maker = Maker::new(1);
    let block = maker.block(maker.genesis(), 7, &[Call::Add(1, 1)]);
    let context = runtime_bridge::execute::BlockContext {
        number: 1,
        genesis: maker.genesis().hash,
        slot: Slot::from(7),
        slot_duration: spec(1, 5).slot_duration,
    };
    assert_eq!(block.extrinsics[..1], TestRuntime.inherents(&context));
}

#[test]
fn unknown_blocks_have_no_storage() {
    let bridge = in_memory(1, 5);
    assert_eq!(bridge.storage(H256::repeat_byte(3), b"slot").unwrap(), None);
    let nowhere = Id::new(5, H256::repeat_byte(3));
    assert!(bridge.build(nowhere, Slot::from(9), Vec::new()).is_err());
}
