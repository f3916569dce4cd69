//! A header that is sealed as it should be, and whose block nobody gets.

use super::{
    chains::{Growth, World},
    node::{Node, OURS},
    survey::chosen,
    voters::Voice,
};
use sync_component::wire::Activity;

/// What a node does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// While nobody knows yet that the block is withheld.
    pub(crate) at_first: Answer,
    /// Once its author is suspect.
    pub(crate) once_suspect: Answer,
}

/// Cleared or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Cleared.
    Go,
    /// Refused.
    Halt,
}

/// The node of one of `size` authorities, all at the head and honest but for `liars`: the first has sealed the next block
/// and withholds it, and all of them attest that they hold it.
pub(crate) fn reaction(strategy: &str, seed: u64, size: usize, liars: usize) -> Reaction {
    let liars = chosen(seed, size, liars);
    let all = Growth {
        authors: (0..size).collect(),
        least: 6,
        most: 6,
    };
    let author = *liars.first().expect("somebody seals it");
    let world = World::new(size, &all, &Growth::default()).sealed_above(author);
    let others = (0..size).filter(|authority| *authority != OURS);
    let voices: Vec<_> = others
        .map(|authority| {
            let branch = if liars.contains(&authority) {
                &world.side
            } else {
                &world.main
            };
            let height = branch.height();
            let voice = Voice::Holds {
                chain: world.store(branch, height),
                activity: Activity::Serving,
                word: Some(world.word(authority, &branch.attested(height))),
            };
            (authority, voice)
        })
        .collect();
    let ours = world.store(&world.main, world.main.height());
    let node = Node::that_heard(strategy, &world, &ours, &voices);
    let answer = || {
        let judgement = node.judge();
        let is_cleared = judgement.verdict.is_in_sync();
        let answer = if is_cleared { Answer::Go } else { Answer::Halt };
        (answer, judgement.target)
    };
    let (at_first, target) = answer();
    if let Some(target) = &target {
        node.finds_withheld(target);
    }
    Reaction {
        at_first,
        once_suspect: answer().0,
    }
}
