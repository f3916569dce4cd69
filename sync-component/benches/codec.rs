//! What the wire costs: an answer of many blocks or headers, written by whoever serves it and read by whoever asked.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use codec::Encode;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sp_runtime::traits::Block as _;
use std::hint::black_box;
use sync_component::{
    SyncSettings,
    test_kit::{Forge, SmallBlock},
    wire::{BlocksReply, HeadersReply, WireLimits},
};

/// Blocks of one answer.
const BLOCKS: u32 = 512;

fn chain() -> Vec<SmallBlock> {
    let forge = Forge::new(3);
    let genesis: SmallBlock = Forge::genesis();
    forge.chain(genesis.header(), 1_000.into(), BLOCKS.into(), 0)
}

fn codec(criterion: &mut Criterion) {
    let limits = WireLimits::new(&SyncSettings::default());
    let blocks = chain();
    let headers: Vec<_> = blocks.iter().map(|block| block.header().clone()).collect();
    let blocks = BlocksReply::<SmallBlock>::Items(blocks);
    let headers = HeadersReply::<SmallBlock>::Items(headers);
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(BLOCKS.into()));
    let id = |what| BenchmarkId::new(what, BLOCKS);
    group.bench_function(id("blocks, encoded"), |bench| {
        bench.iter(|| black_box(&blocks).encode());
    });
    group.bench_function(id("headers, encoded"), |bench| {
        bench.iter(|| black_box(&headers).encode());
    });
    let (blocks, headers) = (blocks.encode(), headers.encode());
    group.bench_function(id("blocks, decoded"), |bench| {
        bench.iter(|| limits.decode_blocks_reply::<SmallBlock>(black_box(&blocks), BLOCKS));
    });
    group.bench_function(id("headers, decoded"), |bench| {
        bench.iter(|| limits.decode_headers_reply::<SmallBlock>(black_box(&headers), BLOCKS));
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
