use super::{EventLog, Keep, Sim};
use crate::test_kit::TestBlock;
use std::{
    env,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    time::Duration,
};

/// What a run starts from.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Authorities of the chain.
    pub authorities: usize,
    /// Blocks of the chain that the run begins with, one in each slot.
    pub length: u64,
    /// Slots between its last block and the beginning.
    pub idle_slots: u64,
    /// The only seed to run with: one that once failed, for a test of its name.
    pub only_seed: Option<u64>,
}

impl Setup {
    /// Three authorities and a chain of this length that has just ended.
    pub const fn chain(length: u64) -> Self {
        Self {
            authorities: 3,
            length,
            idle_slots: 0,
            only_seed: None,
        }
    }

    /// With this seed only.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.only_seed = Some(seed);
        self
    }

    /// With this many authorities.
    #[must_use]
    pub const fn authorities(mut self, count: usize) -> Self {
        self.authorities = count;
        self
    }

    /// With the chain's end this many slots ago.
    #[must_use]
    pub const fn idle(mut self, slots: u64) -> Self {
        self.idle_slots = slots;
        self
    }
}

/// Virtual time after which a run that waits for something has failed.
const LONGEST: Duration = Duration::from_hours(12);

/// Seeds when nothing else is said.
const SEEDS: u64 = 20;

/// Runs `scenario` with each seed: 20 of them, as many as `SIM_SEEDS` says (`200`, or a part of them as `100..200`), only the
/// one that the setup names, or only the one that `SIM_SEED` names. The last one runs twice, and both runs must be the same
/// (I10).
///
/// # Panics
/// If the scenario does, or the oracle found anything wrong: with the newest lines of the log, and the command that
/// runs this seed again with all of them.
pub fn run<B: TestBlock>(setup: &Setup, scenario: &impl AsyncFn(&mut Sim<B>)) {
    if let Some(seed) = variable("SIM_SEED").map(|text| number("SIM_SEED", &text)) {
        let log = one(setup, seed, Keep::All, scenario);
        // Asked for by name, so that it is read.
        std::io::Write::write_all(&mut std::io::stdout(), log.text().as_bytes())
            .expect("standard output is open in a test");
        return;
    }
    let seeds = match setup.only_seed {
        Some(seed) => seed..seed + 1,
        None => variable("SIM_SEEDS").map_or(0..SEEDS, |text| part(&text)),
    };
    let newest = seeds.end - 1;
    let mut last = None;
    for seed in seeds {
        last = Some(one(setup, seed, Keep::Newest, scenario));
    }
    let again = one(setup, newest, Keep::Newest, scenario);
    assert_eq!(
        last.map(|log| log.digest()),
        Some(again.digest()),
        "I10 violated: {} with seed {newest} differs from itself",
        test_name(),
    );
}

/// The name of the test that runs in this thread: the test harness names its threads so.
fn test_name() -> String {
    let thread = std::thread::current();
    thread.name().unwrap_or("the scenario").to_owned()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn number(name: &str, text: &str) -> u64 {
    let number = text.parse();
    number.unwrap_or_else(|_| panic!("{name} must be made of whole numbers, there is `{text}`"))
}

/// The seeds that `SIM_SEEDS` names.
fn part(text: &str) -> Range<u64> {
    let (first, end) = text.split_once("..").unwrap_or(("0", text));
    let part = number("SIM_SEEDS", first)..number("SIM_SEEDS", end);
    assert!(!part.is_empty(), "SIM_SEEDS names no seed: `{text}`");
    part
}

fn one<B: TestBlock>(
    setup: &Setup,
    seed: u64,
    keep: Keep,
    scenario: &impl AsyncFn(&mut Sim<B>),
) -> Arc<EventLog> {
    let log = Arc::new(EventLog::new(keep));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O needs nothing of the system");
        runtime.block_on(async {
            let mut sim = Sim::new(setup, seed, Arc::clone(&log));
            let end = tokio::time::timeout(LONGEST, scenario(&mut sim)).await;
            assert!(end.is_ok(), "not over after {LONGEST:?} of virtual time");
            sim.check();
        });
    }));
    if let Err(panic) = outcome {
        let mut out = std::io::stdout();
        let report = format!(
            "{}\n{} failed with seed {seed}. Replay: SIM_SEED={seed} cargo test --locked --workspace -- --exact {} --nocapture\n",
            log.text(),
            test_name(),
            test_name(),
        );
        // If it cannot be written, the panic alone has to do.
        let _ = std::io::Write::write_all(&mut out, report.as_bytes());
        resume_unwind(panic);
    }
    log
}
