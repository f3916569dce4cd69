//! F15: a node that imports a long chain answers all the same.

use crate::harness::{PATIENCE, chain_folder, client, serving};
use chain_spec::{ChainSpec, ChainType, Preset};
use node_template::{
    authoring::{Chain, Slots},
    runtime::TemplateRuntime,
};
use sp_core::{Pair, sr25519};
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use sync_component::ports::{Clock, ReadChain, SystemClock};

const BLOCKS: u32 = 20_000;

/// Within this each question is to be answered.
const WITHIN: Duration = Duration::from_secs(1);

fn spec() -> ChainSpec {
    let mut spec = Preset::Dev.spec();
    "long".clone_into(&mut spec.id);
    // Peers are expected.
    spec.chain_type = ChainType::Local;
    spec
}

/// A chain of so many blocks, all of them in the past, where a node with this base path looks for it.
fn write_chain(base: &Path, spec: &ChainSpec) {
    let store = chain_folder(base, &spec.id).join("db").join("full");
    fs::create_dir_all(&store).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let now = Slots::new(spec.slot_duration).at(clock.wall()).slot;
    let chain = Chain::open(&store, spec, TemplateRuntime, clock).unwrap();
    let author = sr25519::Pair::from_string("//Alice", None).unwrap();
    assert_eq!(spec.authorities, [author.public().into()]);
    for left in (1..=u64::from(BLOCKS)).rev() {
        let parent = chain.best();
        let slot = now.saturating_sub(left);
        let unsealed = chain.build(parent, slot, Vec::new()).unwrap();
        let signature = author.sign(unsealed.pre_hash().as_bytes());
        chain.import_own(unsealed.seal(signature), parent).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_node_answers_within_a_second_while_it_imports_20_000_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let base = |name: &str| folder.path().join(name);
    let (spec, file) = (spec(), folder.path().join("long.toml"));
    fs::write(&file, spec.to_toml()).unwrap();
    write_chain(&base("old"), &spec);
    fs::create_dir_all(base("new")).unwrap();
    let chain = format!("--chain {}", file.display());
    let old = serving(&base("old"), "long", &chain).await;
    let address = old.node_file().unwrap().listen_addresses[0].clone();
    let new = serving(
        &base("new"),
        "long",
        &format!("{chain} --bootnodes {address}"),
    )
    .await;
    let (asked, start) = (client(&new), Instant::now());
    let (mut longest, mut amid) = (Duration::ZERO, 0);
    loop {
        let since = Instant::now();
        let view = asked.status().await.unwrap();
        let peers = asked.peers().await.unwrap().len();
        longest = longest.max(since.elapsed());
        let best = view.best.number;
        if best >= u64::from(BLOCKS) {
            break;
        }
        if best > 0 {
            amid += 1;
            assert_eq!(peers, 1, "whoever does not answer pings is dropped");
        }
        assert!(start.elapsed() < PATIENCE, "{view:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(amid > 5, "asked {amid} times while it imported");
    assert!(longest < WITHIN, "an answer took {longest:?}");
}
