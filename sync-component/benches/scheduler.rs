//! What the range scheduler costs for each block: it decides on one task what everybody else works on.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use sync_component::test_kit::schedule;

/// Blocks of the chain.
const BLOCKS: u64 = 20_000;

fn scheduler(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduler");
    group.throughput(Throughput::Elements(BLOCKS));
    for peers in [1, 4, 25] {
        group.bench_function(BenchmarkId::new("peers", peers), |bench| {
            bench.iter(|| schedule(black_box(BLOCKS), peers));
        });
    }
    group.finish();
}

criterion_group!(benches, scheduler);
criterion_main!(benches);
