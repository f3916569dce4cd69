//! What one tally costs: it is made on every change of the view, and several times over for an early decision.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sp_core::H256;
use std::hint::black_box;
use sync_component::{
    BlockId, StrategyRegistry, SyncSettings,
    height_sync::{Ballot, Lineage, Side, Voter},
    settings::Threshold,
    test_kit::SmallBlock,
};

type Id = BlockId<SmallBlock>;

/// Our height.
const OURS: u32 = 1_000;

/// The last block that the fork shares with us.
const FORK: u32 = OURS - 5;

const STRATEGIES: [&str; 3] = ["height-majority", "tip-quorum", "authority-quorum"];

fn id(number: u32, branch: u8) -> Id {
    let mut hash = [branch; 32];
    let (height, _) = hash.split_at_mut(4);
    height.copy_from_slice(&number.to_be_bytes());
    BlockId::new(number, H256(hash))
}

fn with_us(number: u32) -> Voter<SmallBlock> {
    Voter::on_our_chain(id(number, 0))
}

fn on_fork() -> Voter<SmallBlock> {
    let above = (FORK + 1..=OURS).map(|number| id(number, 1));
    let chain = Lineage::leaving(id(FORK, 0), above.collect());
    Voter {
        tip: chain.end(),
        side: Side::Against,
        chain,
    }
}

/// Of every ten voters one is on a fork, one lags far and two lag by one; with so many more that are silent.
fn ballot(voters: usize, silent: usize) -> Ballot<SmallBlock> {
    let voter = |at: usize| match at % 10 {
        0 => on_fork(),
        1 => with_us(OURS - 90),
        2 | 3 => with_us(OURS - 1),
        _ => with_us(OURS),
    };
    Ballot {
        ours: id(OURS, 0),
        threshold: Threshold::default(),
        voters: (0..voters).map(voter).collect(),
        silent,
    }
}

fn tally(criterion: &mut Criterion) {
    let registry = StrategyRegistry::<SmallBlock>::with_builtins();
    let mut group = criterion.benchmark_group("tally");
    for (name, ballot) in [
        ("25 voters", ballot(25, 0)),
        ("10 authorities, 1 silent", ballot(9, 1)),
    ] {
        for strategy in STRATEGIES {
            let mut settings = SyncSettings::default();
            settings.strategies.tier1 = Some(strategy.to_owned());
            let counts = registry.height(&settings).expect("a strategy of ours");
            group.bench_with_input(
                BenchmarkId::new(strategy, name),
                &ballot,
                |bench, ballot| {
                    bench.iter(|| counts.tally(black_box(ballot)));
                },
            );
        }
    }
    group.finish();
}

criterion_group!(benches, tally);
criterion_main!(benches);
