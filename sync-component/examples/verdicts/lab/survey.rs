//! Every kind of round, many times, under each strategy.

use super::{
    cases::{LIES, Lie, Scene, shuffle},
    chains::lock,
    node::{Node, OURS},
    refusal::Refusal,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use sync_component::SyncSettings;

/// Networks of so many authorities, ours among them.
pub(crate) const SIZES: [usize; 4] = [4, 7, 10, 25];

/// The strategy that counts authorities.
pub(crate) const AUTHORITY_QUORUM: &str = "authority-quorum";

/// Who is measured.
pub(super) const STRATEGIES: [&str; 3] = ["height-majority", "tip-quorum", AUTHORITY_QUORUM];

/// Percentages of liars.
const LIARS: [usize; 6] = [0, 10, 20, 30, 40, 50];

/// Which error is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// Cleared although most of the other honest authorities hold another chain, or are ahead of us on ours.
    FalseGo,
    /// Refused although we are at the head of the chain that all honest authorities are on.
    FalseHalt,
}

/// Who lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lag {
    /// The chance of each other honest authority, in percent.
    pub(crate) percent: u32,
    /// By how many blocks.
    pub(crate) blocks: u64,
}

const fn lag(percent: u32, blocks: u64) -> Lag {
    Lag { percent, blocks }
}

/// The columns of the document.
pub(crate) const LAGS: [Lag; 9] = [
    lag(0, 0),
    lag(10, 1),
    lag(20, 1),
    lag(30, 1),
    lag(40, 1),
    lag(10, 90),
    lag(20, 90),
    lag(30, 90),
    lag(40, 90),
];

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Networks.
    pub(crate) sizes: Vec<usize>,
    /// Rounds of each lie in each cell.
    pub(crate) rounds: u32,
    /// Where all chance comes from.
    pub(crate) seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sizes: SIZES.to_vec(),
            rounds: 20,
            seed: 1,
        }
    }
}

/// One number of the survey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Authorities.
    pub(crate) size: usize,
    /// Liars among them.
    pub(crate) liars: usize,
    /// Who lags.
    pub(crate) lag: Lag,
    /// By its place among the lies.
    pub(super) lie: usize,
    /// Who judges.
    pub(crate) strategy: &'static str,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Rounds.
    pub(crate) rounds: u32,
    /// Those with the wrong answer.
    pub(crate) wrong: u32,
}

impl Count {
    pub(super) fn add(&mut self, more: Self) {
        self.rounds += more.rounds;
        self.wrong += more.wrong;
    }
}

/// All that was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    pub(super) plan: Plan,
    pub(super) counts: BTreeMap<Key, Count>,
    /// The part of each in which liars and those who lag by too much to vouch for the last blocks are together below a third.
    pub(super) few_absent: BTreeMap<Key, Count>,
    /// Why it was refused where it must not be.
    pub(super) refusals: BTreeMap<(Key, Refusal), u32>,
}

/// Whether `faulty` of `size` are less than a third.
pub(crate) fn below_a_third(faulty: usize, size: usize) -> bool {
    faulty * 3 < size
}

/// How many of `size` lie, in the order of the rows: the percentages rounded, and the most that are below a third or at most half.
pub(super) fn numbers_of_liars(size: usize) -> Vec<usize> {
    let rounded = LIARS.map(|percent| (size * percent + 50) / 100);
    let bounds = [(size - 1) / 3, size / 2];
    let mut numbers: Vec<_> = rounded.into_iter().chain(bounds).collect();
    // Half of an odd number rounds up to more than half.
    numbers.retain(|liars| liars * 2 <= size);
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// One world in which rounds are played.
#[derive(Clone, Copy, Debug)]
struct Job {
    size: usize,
    liars: usize,
    lie: usize,
}

/// Measures all that `plan` says, on all cores. What comes out depends on the plan alone.
pub(crate) fn survey(plan: &Plan) -> Survey {
    let jobs: Vec<_> = plan
        .sizes
        .iter()
        .rev()
        .flat_map(|size| jobs(*size))
        .collect();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Survey {
        plan: plan.clone(),
        ..Survey::default()
    });
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let part = play(plan, *job);
            let mut found = lock(&found);
            found.counts.extend(part.counts);
            found.few_absent.extend(part.few_absent);
            found.refusals.extend(part.refusals);
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    found
        .into_inner()
        .expect("no thread panicked: the scope would have")
}

fn jobs(size: usize) -> impl Iterator<Item = Job> {
    numbers_of_liars(size).into_iter().flat_map(move |liars| {
        let lies = LIES.iter().enumerate().filter(move |(_, lie)| {
            // Where nobody lies, the ways to lie do not differ.
            liars > 0 || **lie == Lie::Silent || lie.question() == Question::FalseGo
        });
        lies.map(move |(lie, _)| Job { size, liars, lie })
    })
}

fn play(plan: &Plan, job: Job) -> Survey {
    let Job { size, liars, lie } = job;
    let scene = Scene::new(size, &chosen(plan.seed, size, liars), LIES[lie]);
    scene.assert_truth();
    let ours = scene.ours();
    let reach = SyncSettings::default().tier2.most_above_consensus();
    let mut part = Survey::default();
    for (column, lag) in LAGS.into_iter().enumerate() {
        let mut rng = rng(plan.seed, [size, liars, lie, column]);
        for _ in 0..plan.rounds {
            let draw = scene.draw(lag, &mut rng);
            let voices = scene.voices(&draw);
            for strategy in STRATEGIES {
                let node = Node::that_heard(strategy, &scene.world, &ours, &voices);
                let refusal = Refusal::of(&node.judge().verdict);
                let is_wrong = match LIES[lie].question() {
                    Question::FalseGo => refusal.is_none(),
                    Question::FalseHalt => refusal.is_some(),
                };
                let round = Count {
                    rounds: 1,
                    wrong: u32::from(is_wrong),
                };
                let key = Key {
                    size,
                    liars,
                    lag,
                    lie,
                    strategy,
                };
                part.counts.entry(key).or_default().add(round);
                if let Some(refusal) = refusal.filter(|_| is_wrong) {
                    *part.refusals.entry((key, refusal)).or_default() += 1;
                }
                if scene.absent_below_a_third(&draw, reach) {
                    part.few_absent.entry(key).or_default().add(round);
                }
            }
        }
    }
    part
}

/// Who lies: the same seed chooses the same, and more of them when more are asked for.
pub(super) fn chosen(seed: u64, size: usize, liars: usize) -> Vec<usize> {
    let mut others: Vec<_> = (0..size).filter(|authority| *authority != OURS).collect();
    shuffle(&mut others, &mut rng(seed, [size, 0, 0, 0]));
    others.truncate(liars);
    others
}

/// A generator for what `place` names, so that no part of the survey depends on another having been played.
fn rng(seed: u64, place: [usize; 4]) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(
        place
            .into_iter()
            .fold(0, |all, part| (all << 16) | part as u64),
    );
    rng
}
