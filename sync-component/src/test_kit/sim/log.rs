use sp_runtime::traits::{BlakeTwo256, Hash};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How many of the newest lines are kept for the report of a failure.
const KEPT_LINES: usize = 400;

/// Everything that happened in a run, in order. Two runs are the same if their digests are.
#[derive(Debug)]
pub struct EventLog(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    digest: [u8; 32],
    count: u64,
    kept: VecDeque<String>,
    most: usize,
}

/// How much of a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The newest lines.
    Newest,
    /// All of it: for the replay of one run.
    All,
}

impl EventLog {
    /// An empty log.
    pub fn new(keep: Keep) -> Self {
        let most = match keep {
            Keep::Newest => KEPT_LINES,
            Keep::All => usize::MAX,
        };
        Self(Mutex::new(Lines {
            digest: [0; 32],
            count: 0,
            kept: VecDeque::new(),
            most,
        }))
    }

    /// Notes that `what` happened at `at`, virtual time since the start of the run.
    pub fn note(&self, at: Duration, what: fmt::Arguments<'_>) {
        let line = format!("{:>10.3}s {what}", at.as_secs_f64());
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hashed = lines.digest.to_vec();
        hashed.extend_from_slice(line.as_bytes());
        lines.digest = BlakeTwo256::hash(&hashed).0;
        lines.count += 1;
        if lines.kept.len() >= lines.most {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line);
    }

    /// Hash over all lines so far.
    pub fn digest(&self) -> [u8; 32] {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).digest
    }

    /// The lines that were kept.
    pub fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = format!("{} events\n", lines.count);
        for line in &lines.kept {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
