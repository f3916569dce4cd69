//! What blocks cost (SPEC section 14): checked alone and in runs, executed, written, and all of it; and what proofs of a state do.
//!
//! `cargo bench --bench import`. One element is one block; everything runs on one core.

#![allow(missing_docs, reason = "the macro makes a public function")]

#[path = "import/money.rs"]
mod money;
#[path = "import/world.rs"]
mod world;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use money::Block;
use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};
use sync_component::{
    SyncSettings,
    observer::BlockStage,
    ports::{ProofBudget, ReadChain},
};
use world::{Place, RUN, World};

/// Which part of an import is measured, of what all of it took.
type Part = fn(&Place, Duration) -> Duration;

/// The blocks, and how many transfers are in each.
const CHAINS: [(usize, usize); 2] = [(1_000, 0), (100, 50)];

fn checks(criterion: &mut Criterion) {
    let world = World::new();
    for (count, transfers) in CHAINS {
        let blocks = world.blocks(count, transfers);
        let mut group = criterion.benchmark_group("check");
        group.throughput(Throughput::Elements(count as u64));
        let place = world.place();
        for (name, run) in [("alone", 1), ("in runs", RUN)] {
            let id = BenchmarkId::new(name, format!("{transfers} transfers"));
            group.bench_with_input(id, &run, |bencher, run| {
                bencher.iter(|| black_box(place.check(&blocks, *run)));
            });
        }
        let headers: Vec<_> = blocks.iter().map(|block| block.header.clone()).collect();
        place.verify_headers(&headers);
        let id = BenchmarkId::new("headers verified before", format!("{transfers} transfers"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| black_box(place.check(&blocks, RUN)));
        });
    }
}

/// Checks and imports a chain into a new store; says how long `part` of it took.
fn import(
    world: &World,
    blocks: &[Block],
    part: impl Fn(&Place, Duration) -> Duration,
) -> Duration {
    let place = world.place();
    let begun = Instant::now();
    let checked = place.check(blocks, RUN);
    place.import(checked);
    part(&place, begun.elapsed())
}

fn imports(criterion: &mut Criterion) {
    let world = World::new();
    for (count, transfers) in CHAINS {
        let blocks = world.blocks(count, transfers);
        let mut group = criterion.benchmark_group("import");
        group.throughput(Throughput::Elements(count as u64));
        group.sample_size(20);
        let parts: [(&str, Part); 3] = [
            ("executed", |place, _| place.stages.of(BlockStage::Execute)),
            ("committed", |place, _| place.stages.of(BlockStage::Commit)),
            ("whole", |_, whole| whole),
        ];
        for (name, part) in parts {
            let id = BenchmarkId::new(name, format!("{transfers} transfers"));
            group.bench_function(id, |bencher| {
                bencher
                    .iter_custom(|times| (0..times).map(|_| import(&world, &blocks, part)).sum());
            });
        }
    }
}

/// Entries of the state that is proven: many times what one answer holds.
const ACCOUNTS: u32 = 100_000;

/// Most nodes of an answer.
const NODES: [usize; 4] = [256, 1_024, 4_096, 16_384];

/// What a peer that asks for the state gets for its first request, within this many nodes. Returns how many bytes and nodes.
fn proof(place: &Place, nodes: usize) -> (usize, usize) {
    let limits = SyncSettings::default().limits;
    let budget = ProofBudget {
        soft: limits.reply_soft_bytes,
        hard: limits.reply_hard_bytes,
        nodes,
    };
    let states = place.chain.states().expect("the bridge serves states");
    let proof = states.prove_state(place.genesis.hash, None, budget);
    let proof = proof
        .expect("the store is sound")
        .expect("the state is kept");
    (proof.0.iter().map(Vec::len).sum(), proof.0.len())
}

/// What one answer costs, and what others wait for it. One element is one node.
fn proofs(criterion: &mut Criterion) {
    let place = World::with_accounts(ACCOUNTS).place();
    let mut group = criterion.benchmark_group("state proof");
    group.sample_size(20);
    for nodes in NODES {
        let (bytes, made) = proof(&place, nodes);
        group.throughput(Throughput::Elements(made as u64));
        let id = BenchmarkId::new("alone", format!("{made} nodes, {bytes} bytes"));
        group.bench_function(id, |bencher| {
            bencher.iter(|| black_box(proof(&place, nodes)));
        });
    }
    let nodes = SyncSettings::default().limits.state_nodes_per_request;
    for at_once in [1, 2, 4] {
        let (_, made) = proof(&place, nodes);
        group.throughput(Throughput::Elements((made * at_once) as u64));
        group.bench_function(BenchmarkId::new("at once", at_once), |bencher| {
            bencher.iter(|| {
                thread::scope(|scope| {
                    for _ in 0..at_once {
                        scope.spawn(|| black_box(proof(&place, nodes)));
                    }
                });
            });
        });
    }
}

criterion_group!(benches, checks, imports, proofs);
criterion_main!(benches);
