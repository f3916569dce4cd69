//! The journal of a run: which stage it is in, and what the next start does about it. No I/O.

use crate::ports::UnixMillis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the journal's text. A change of its meaning is a new version.
const FORMAT: u32 = 1;

/// How old a swap that has not exchanged the stores may be for a start to finish it, in milliseconds: one hour. Much later
/// the network has gone on, and the operator has to look first.
const SWAP_LIFETIME_MS: u64 = 60 * 60 * 1_000;

/// What tells a store from every other one: the id in its marker file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreId(pub String);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a folder in `backups/`: `<time>-<number>-<hash>`, or `<time>-unread` for a store that was never opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackupName(pub String);

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One run of Tier 3, as it is written down before each of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    format: u32,
    /// When the present stage began, by the wall clock.
    since_ms: u64,
    /// What the run does.
    pub run: Run,
    /// How far it is.
    pub stage: Stage,
}

/// What a run does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Run {
    /// A new chain is fetched from peers.
    Resync(ResyncRun),
    /// A backup becomes the live chain again.
    Restore(RestoreRun),
}

/// What a resync needs to go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResyncRun {
    /// The strategy's name.
    pub strategy: String,
    /// Peers that the operator named, in base58; none if the trusted ones are used.
    pub peers: Vec<String>,
    /// The operator's checkpoint, `N:HASH`.
    pub checkpoint: Option<String>,
}

/// What a restore needs to go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRun {
    /// The backup that is restored.
    pub from: BackupName,
}

/// The stages of SPEC section 7, in order. A restore goes from `preparing` to `swapping`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Everything is checked; nothing is built yet.
    Preparing,
    /// Staging grows. How far it is, its own tip says.
    Downloading,
    /// Staging is whole, and the voters' chain.
    Validated,
    /// The stores are being exchanged.
    Swapping(Swap),
    /// The new store is live; the old one is on its way to the backups.
    Committed(Swap),
}

/// The two stores of a swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// The old one; none if its marker cannot be read.
    pub live: Option<StoreId>,
    /// The new one.
    pub staged: StoreId,
    /// What the old one is called among the backups.
    pub backup: BackupName,
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It is no journal.
    #[error("the journal does not read: {}", .0.message())]
    Malformed(#[from] toml::de::Error),
    /// It was written by another version.
    #[error("the journal has format {found}, this program reads format {FORMAT}")]
    OtherFormat {
        /// Its format.
        found: u32,
    },
}

/// A stage that cannot follow the present one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run cannot go from {from} to {to}")]
pub struct OutOfOrder {
    /// The present stage.
    pub from: &'static str,
    /// The other one.
    pub to: &'static str,
}

impl Stage {
    /// The stage's name, as SPEC section 7 has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Downloading => "downloading",
            Self::Validated => "validated",
            Self::Swapping(_) => "swapping",
            Self::Committed(_) => "committed",
        }
    }
}

impl Journal {
    /// A run that begins.
    pub fn begin(run: Run, now: UnixMillis) -> Self {
        Self {
            format: FORMAT,
            since_ms: now.0,
            run,
            stage: Stage::Preparing,
        }
    }

    /// The same run in its next stage. A swap that was put off goes back to the stage before it: the vote is taken again.
    pub fn next(&self, stage: Stage, now: UnixMillis) -> Result<Self, OutOfOrder> {
        let is_resync = matches!(self.run, Run::Resync(_));
        let allowed = match (&self.stage, &stage) {
            (Stage::Preparing, Stage::Downloading)
            | (Stage::Downloading | Stage::Swapping(_), Stage::Validated)
            | (Stage::Validated, Stage::Downloading | Stage::Swapping(_)) => is_resync,
            (Stage::Preparing, Stage::Swapping(_)) | (Stage::Swapping(_), Stage::Preparing) => {
                !is_resync
            }
            (Stage::Swapping(swap), Stage::Committed(same)) => swap == same,
            _ => false,
        };
        if !allowed {
            return Err(OutOfOrder {
                from: self.stage.name(),
                to: stage.name(),
            });
        }
        Ok(Self {
            since_ms: now.0,
            stage,
            ..self.clone()
        })
    }

    /// The same run in the stage before its swap.
    pub fn before_swap(&self, now: UnixMillis) -> Result<Self, OutOfOrder> {
        let stage = match self.run {
            Run::Resync(_) => Stage::Validated,
            Run::Restore(_) => Stage::Preparing,
        };
        self.next(stage, now)
    }

    /// The journal's text.
    pub fn to_text(&self) -> String {
        toml::to_string(self).expect("texts, numbers and tables are always valid TOML")
    }

    /// Reads a journal's text.
    pub fn parse(text: &str) -> Result<Self, JournalError> {
        /// The part that every format has.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let Head { format: found } = toml::from_str(text)?;
        if found != FORMAT {
            return Err(JournalError::OtherFormat { found });
        }
        Ok(toml::from_str(text)?)
    }
}

/// What lies in the place of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Nothing,
    /// A folder whose marker is missing or does not read: not the staged store.
    Unread,
    /// The store with this id.
    Store(StoreId),
}

impl Held {
    /// Whether it is the old store of `swap`.
    pub fn is_old(&self, swap: &Swap) -> bool {
        match self {
            Self::Nothing => false,
            Self::Unread => swap.live.is_none(),
            Self::Store(id) => swap.live.as_ref() == Some(id),
        }
    }

    /// Whether it is the new store of `swap`.
    pub fn is_new(&self, swap: &Swap) -> bool {
        matches!(self, Self::Store(id) if *id == swap.staged)
    }
}

/// What lies where when a start finds a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In the live store's place.
    pub live: Held,
    /// Where the store that becomes live waits: in staging's place, or for a restore in the backup's.
    pub waiting: Held,
    /// In the backup's place that the swap names; nothing before one is named.
    pub backup: Held,
}

/// What a start does about a journal that it finds, before any store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// A restore that has touched nothing yet is forgotten.
    Forget,
    /// The old chain runs, and the download goes on by itself.
    GoOn,
    /// The stores are exchanged now, then as [`Recovery::Finish`].
    Exchange(Swap),
    /// The exchange has happened: the new store is opened, and the old one becomes a backup.
    Finish(Swap),
    /// The exchange has happened, and what is live now is not known to be the new store: the old one is put back.
    PutBack(Swap),
    /// The old chain runs, and the swap waits for `resync --resume`: it is too old to be finished unseen.
    AwaitOperator,
    /// The store that was to become live is gone: the old chain runs, the run is over.
    StagedLost,
    /// Nobody can say which store is which: nothing is touched.
    Unclear,
}

/// Decides by the ids inside the stores, never by the journal alone (SPEC section 7, 3).
pub fn recovery(journal: &Journal, found: &Found, now: UnixMillis) -> Recovery {
    let Found {
        live,
        waiting,
        backup,
    } = found;
    let swap = match &journal.stage {
        // What was ordered is built, also where nothing is yet.
        Stage::Preparing if matches!(journal.run, Run::Resync(_)) => return Recovery::GoOn,
        Stage::Preparing => return Recovery::Forget,
        Stage::Downloading | Stage::Validated => return Recovery::GoOn,
        // It was opened in the live place before this was written.
        Stage::Committed(_) if *live == Held::Nothing => return Recovery::Unclear,
        Stage::Committed(swap) => return Recovery::Finish(swap.clone()),
        Stage::Swapping(swap) => swap,
    };
    if live.is_new(swap) {
        Recovery::Finish(swap.clone())
    } else if waiting.is_new(swap) {
        let is_late = now.0.saturating_sub(journal.since_ms) > SWAP_LIFETIME_MS;
        // Between two renames the old store has left its place, so there is no old chain to start on.
        if is_late && *live != Held::Nothing {
            Recovery::AwaitOperator
        } else {
            Recovery::Exchange(swap.clone())
        }
    } else if live.is_old(swap) && waiting.is_old(swap) {
        // Neither has a marker that reads.
        Recovery::Unclear
    } else if live.is_old(swap) {
        Recovery::StagedLost
    } else if waiting.is_old(swap) || backup.is_old(swap) {
        Recovery::PutBack(swap.clone())
    } else {
        Recovery::Unclear
    }
}
