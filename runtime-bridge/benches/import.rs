//! What blocks cost (SPEC section 14): checked alone and in runs, executed, written, and all of it.
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
    time::{Duration, Instant},
};
use sync_component::observer::BlockStage;
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

criterion_group!(benches, checks, imports);
criterion_main!(benches);
