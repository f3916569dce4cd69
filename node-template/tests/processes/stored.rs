//! `revert` and `check-block`, with real files.

use crate::{
    harness::{PATIENCE, chain_folder, client, error_line, run, serving, stdout, until_status},
    seals::seals_in,
};
use chain_spec::Preset;
use codec::Encode;
use node_template::{keystore::DevKey, runtime::Block};
use runtime_bridge::store::{Changes, LogLimit, Marker, Store, open_folder};
use sp_core::{H256, Pair};
use sp_runtime::DigestItem;
use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

/// Runs the node until it has this many blocks; says what its log tells of.
async fn up_to(base: &Path, height: u64) -> Vec<(u64, String)> {
    let mut node = serving(base, "dev", "--dev").await;
    until_status(&client(&node), "blocks", |view| view.best.number >= height).await;
    let busy = run(&format!("revert 1 -y --dev -d {}", base.display()));
    assert!(error_line(&busy).contains("in use"), "{busy:?}");
    assert!(node.stop(PATIENCE).await.unwrap().success());
    let log = fs::read_to_string(base.join("node.log")).unwrap();
    fs::remove_file(base.join("node.log")).unwrap();
    seals_in(&log)
}

/// The number of the best block, from the question that `revert` asks.
fn tip(at: &str) -> u64 {
    let asked = run(&format!("revert 1 {at}"));
    let text = stdout(&asked);
    let last = text
        .split(" to #")
        .nth(1)
        .unwrap_or_else(|| panic!("{asked:?}"));
    last.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reverted_chain_goes_on_and_no_slot_is_sealed_twice() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let at = format!("--dev -d {}", base.display());
    let first = up_to(base, 4).await;
    let signed = fs::read(chain_folder(base, "dev").join("signed")).unwrap();

    for block in ["1", "4"] {
        let checked = run(&format!("check-block {block} {at}"));
        assert!(stdout(&checked).contains("holds"), "{checked:?}");
    }
    for missing in ["0", "99999", "nonsense", &format!("0x{}", "11".repeat(32))] {
        let refused = error_line(&run(&format!("check-block {missing} {at}")));
        assert!(refused.contains(missing), "{refused}");
    }

    let asked = run(&format!("revert 2 {at}"));
    assert!(
        error_line(&asked).contains("nothing was changed"),
        "{asked:?}"
    );
    let before = tip(&at);
    let reverted = stdout(&run(&format!("revert 2 -y {at}")));
    let now = tip(&at);
    assert_eq!(now, before - 2);
    assert!(reverted.contains(&format!("best is #{now} ")), "{reverted}");
    let gone = error_line(&run(&format!("check-block {} {at}", now + 1)));
    assert!(gone.contains("no block above genesis"), "{gone}");
    let there = stdout(&run(&format!("check-block {now} {at}")));
    assert!(there.contains(&format!("#{now} 0x")), "{there}");
    assert_eq!(
        fs::read(chain_folder(base, "dev").join("signed")).unwrap(),
        signed
    );
    // As far as it goes, and then no further.
    let all = stdout(&run(&format!("revert -y {at}")));
    assert!(all.contains("best is #"), "{all}");
    let none = stdout(&run(&format!("revert -y {at}")));
    assert!(none.contains("nothing to revert"), "{none}");

    let second = up_to(base, 3).await;
    let slots: BTreeSet<u64> = first.iter().chain(&second).map(|(slot, _)| *slot).collect();
    assert_eq!(
        slots.len(),
        first.len() + second.len(),
        "{first:?} {second:?}"
    );

    let purged = run(&format!("purge-chain -y {at}"));
    assert!(purged.status.success(), "{purged:?}");
    for command in ["revert 1 -y", "check-block 1"] {
        let refused = error_line(&run(&format!("{command} {at}")));
        assert!(refused.contains("no blocks are stored"), "{refused}");
    }

    fs::write(chain_folder(base, "dev").join("journal"), "nonsense").unwrap();
    let refused = error_line(&run(&format!("revert 1 -y {at}")));
    assert!(refused.contains("journal"), "{refused}");
}

/// Puts blocks into the store of a node that is stopped, as if they had been good once; `make` gets the blocks 2 and 3.
fn store_unseen(base: &Path, make: impl FnOnce(Block, Block) -> Vec<Block>) -> Vec<H256> {
    let folder = chain_folder(base, "dev").join("db").join("full");
    let marker = Marker::read(&folder).unwrap().unwrap();
    let database = open_folder(&folder, &marker.genesis, LogLimit::Usual, |_| Ok(())).unwrap();
    let store = Store::<Block>::new(Arc::new(database));
    let genesis = store.canonical(0).unwrap().unwrap();
    let head = store.whole_head(genesis).unwrap();
    let stored = |height| {
        let hash = store.canonical(height).unwrap().unwrap();
        store.block(hash).unwrap().unwrap()
    };
    let mut changes = Changes::default();
    let blocks = make(stored(2), stored(3));
    let hashes = blocks.iter().map(|block| block.header.hash()).collect();
    for block in blocks {
        changes.blocks.insert(block.header.hash(), block);
    }
    store.write(&changes, &head).unwrap();
    hashes
}

/// The block with a good seal of this key.
fn sealed_by(key: DevKey, mut block: Block) -> Block {
    block.header.digest.pop();
    let seal = key.pair().sign(block.header.hash().as_bytes());
    let seal = DigestItem::Seal(sp_consensus_aura::AURA_ENGINE_ID, seal.encode());
    block.header.digest.push(seal);
    block
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_block_in_the_store_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let at = format!("--dev -d {}", base.display());
    up_to(base, 4).await;
    let bad = store_unseen(base, |second, third| {
        let mut root = second.clone();
        root.header.state_root = H256::repeat_byte(7);
        let mut body = third;
        body.extrinsics.clone_from(&second.extrinsics);
        vec![
            sealed_by(DevKey::Alice, root),
            sealed_by(DevKey::Bob, second),
            body,
        ]
    });
    for (hash, wrong) in bad.iter().zip(["state root", "seal", "extrinsics"]) {
        let refused = run(&format!("check-block {hash:?} {at}"));
        let error = error_line(&refused);
        assert_eq!(refused.status.code(), Some(1), "{error}");
        for part in [&format!("{hash:?} does not hold"), wrong, "`resync`"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    // By its number, too; and the others are as good as before.
    let error = error_line(&run(&format!("check-block 3 {at}")));
    assert!(error.contains("does not hold"), "{error}");
    for good in ["1", "2"] {
        let checked = run(&format!("check-block {good} {at}"));
        assert!(stdout(&checked).contains("holds"), "{checked:?}");
    }

    // A block that the chain spec has come to refuse.
    let mut spec = Preset::Dev.spec();
    let second = stdout(&run(&format!("check-block 2 {at}")));
    let hash = second.split(' ').nth(1).unwrap();
    spec.bad_blocks.push(hash.parse().unwrap());
    let file = base.join("refusing.toml");
    fs::write(&file, spec.to_toml()).unwrap();
    let line = format!(
        "check-block 2 --chain {} -d {}",
        file.display(),
        base.display()
    );
    let error = error_line(&run(&line));
    assert!(error.contains("bad"), "{error}");
}
