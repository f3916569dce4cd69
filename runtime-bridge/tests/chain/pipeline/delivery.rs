use super::Run;
use crate::support::{Block, Bridge, Header};
use proptest::prelude::*;
use std::thread;
use sync_component::ports::{
    CheckReport, CheckedBlocks, ImportBlocks, ImportError, UnixMillis, VerifyHeaders,
};

/// How a run is taken apart and put together.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Lengths of the runs that are checked, over and over.
    runs: Vec<usize>,
    /// Lengths of what is imported at once, over and over.
    imports: Vec<usize>,
    /// How many checks begin before the others are told to.
    first: prop::sample::Index,
    headers: Headers,
}

/// Whether the headers were verified before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Headers {
    Verified,
    New,
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let lengths = || prop::collection::vec(1_usize..6, 1..4);
    let headers = prop_oneof![Just(Headers::Verified), Just(Headers::New)];
    let all = (lengths(), lengths(), any::<prop::sample::Index>(), headers);
    all.prop_map(|(runs, imports, first, headers)| Plan {
        runs,
        imports,
        first,
        headers,
    })
}

/// How many blocks were stored, and why not the next one.
type Outcome = (usize, Option<ImportError<Block>>);

/// Imports block by block, checking each as it comes.
pub(super) fn one_by_one(bridge: &Bridge, blocks: &[Block]) -> Outcome {
    for (at, block) in blocks.iter().enumerate() {
        if let Some(error) = bridge.import(vec![block.clone()]).failure {
            return (at, Some(error));
        }
    }
    (blocks.len(), None)
}

/// Checks run by run, all at once in any order, then imports in order what passed.
pub(super) fn deliver(bridge: &Bridge, run: &Run, plan: &Plan) -> Outcome {
    if plan.headers == Headers::Verified {
        let headers: Vec<Header> = run
            .blocks
            .iter()
            .map(|block| block.header.clone())
            .collect();
        // Whatever it finds: it may remember only what is good.
        let _ = bridge.verify_headers(run.base, &run.parent, &headers, UnixMillis(u64::MAX));
    }
    let mut queue = CheckedBlocks::unchecked(Vec::new());
    let mut refused = None;
    for report in checked(bridge, run, plan) {
        queue.append(report.checked);
        if report.failure.is_some() {
            refused = report.failure;
            break;
        }
    }
    let mut stored = 0;
    let mut lengths = plan.imports.iter().cycle();
    while !queue.is_empty() {
        let length = lengths.next().expect("a cycle has no end");
        let rest = queue.split_off(*length);
        let report = bridge.import_checked(queue);
        stored += report.stored;
        if report.failure.is_some() {
            return (stored, report.failure);
        }
        queue = rest;
    }
    (stored, refused)
}

fn checked(bridge: &Bridge, run: &Run, plan: &Plan) -> Vec<CheckReport<Block>> {
    let mut parent = run.parent.clone();
    let mut rest = run.blocks.as_slice();
    let mut runs = Vec::new();
    let mut lengths = plan.runs.iter().cycle();
    while let Some(length) = lengths.next().filter(|_| !rest.is_empty()) {
        let (part, behind) = rest.split_at((*length).min(rest.len()));
        runs.push((parent.clone(), part.to_vec()));
        parent = part.last().expect("at least one").header.clone();
        rest = behind;
    }
    let first = plan.first.index(runs.len() + 1);
    thread::scope(|scope| {
        let check = |(parent, blocks): (Header, Vec<Block>)| {
            scope.spawn(move || bridge.check(run.base, &parent, blocks))
        };
        let later = runs.split_off(first);
        let later: Vec<_> = later.into_iter().map(check).collect();
        let first: Vec<_> = runs.into_iter().rev().map(check).collect();
        let all = first.into_iter().rev().chain(later);
        all.map(|thread| thread.join().unwrap()).collect()
    })
}
