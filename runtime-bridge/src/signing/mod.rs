//! The `signed` record: the proof that no key signs twice for one slot (SPEC section 1, I11).
//!
//! One file for all keys, beside `keystore/` and outside the store, so that no resync, restore, revert or purge touches
//! it. It is written and synced before a signature leaves this module.

mod file;
mod signer;
#[cfg(test)]
mod tests;

pub use signer::KeySigner;

use crate::closing::{Closing, Open};
use file::Records;
use sp_consensus_aura::Slot;
use sp_core::{Pair, sr25519};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use sync_component::ports::{AttestationCounter, StatementOf};

/// Why nothing was signed, or the record was not opened.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key has sealed this slot or a later one.
    #[error(
        "slot {slot} is not above slot {last}, the last one that {key} has sealed; nothing is signed until that is past. Where it is far above, a clock was or is wrong: check this machine's"
    )]
    AlreadySealed {
        /// The key.
        key: sr25519::Public,
        /// The slot asked for.
        slot: Slot,
        /// The slot of its last seal.
        last: Slot,
    },
    /// Every counter of the key is used up.
    #[error("{key} has used counter {last}, the highest there is: it can attest nothing any more")]
    NoCounterLeft {
        /// The key.
        key: sr25519::Public,
        /// Its last counter.
        last: AttestationCounter,
    },
    /// The file does not read as a record.
    #[error(
        "{path} is damaged ({what}); move it away: the node then waits a whole round of slots, in which nothing can be signed twice, and begins a new one. Put no older copy in its place: it would not know of the newest seals"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file was written by another version.
    #[error(
        "{path} has format {found}, this program reads format {supported}; use the program that wrote it"
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format of this program.
        supported: u32,
    },
    /// The operating system refused. Nothing is signed that is not on disk.
    #[error(
        "{path} cannot be used ({source}); nothing is signed until it can be written: make room on its disk, or check its folder and its owner"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Whether the keystore holds keys that may have signed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeystoreState {
    /// None: a missing record means that nothing was ever signed.
    Empty,
    /// Some: a missing record means that it was lost.
    HoldsKeys,
}

/// What opening the record found.
#[derive(Debug)]
pub enum Opening {
    /// Signing may begin.
    Ready(Signed),
    /// The record, or what it said of a key, is lost: wait as many slots as there are authorities, then [`Waiting::finish`].
    MustWait(Waiting),
}

impl Opening {
    /// Tells when nothing can be written to this record any more. Until then it must not be opened once more: what one writes the
    /// other would not know of.
    pub fn closing(&self) -> Closing {
        match self {
            Self::Ready(signed) => signed.open.closing(),
            Self::MustWait(waiting) => waiting.open.closing(),
        }
    }
}

/// A record that says nothing of a key. While it waits, nothing can be signed.
#[derive(Debug)]
pub struct Waiting {
    path: PathBuf,
    open: Open,
    /// What it says of others; `None` if all of it is lost.
    records: Option<Records>,
    /// The keys of which it says nothing.
    unknown: Vec<sr25519::Public>,
}

impl Waiting {
    /// Begins the record of the keys of which there was none at `slot_now`, the present slot after the wait: they never seal
    /// at or below it.
    pub fn finish(self, slot_now: Slot) -> Result<Signed, SigningError> {
        let mut records = self.records.unwrap_or_else(|| Records {
            floor: *slot_now,
            ..Records::default()
        });
        let unused = AttestationCounter::lowest_of(slot_now + 1);
        for key in self.unknown {
            let record = records.record(key);
            record.slot = Some(*slot_now);
            record.counter = Some(unused.0.saturating_sub(1));
        }
        file::write(&self.path, &records)?;
        Ok(Signed::of(self.path, records, self.open))
    }
}

/// The open record.
#[derive(Debug)]
pub struct Signed {
    path: PathBuf,
    open: Open,
    /// Held while the file is written.
    records: Mutex<Records>,
    /// What is on disk, for those that only look: a slow disk must not keep them waiting.
    written: Mutex<Records>,
}

/// A block that our key sealed and that we did not: the key is in use elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignUse {
    /// The key.
    pub key: sr25519::Public,
    /// The slot of the block.
    pub slot: Slot,
    /// The slot of our own last seal with it.
    pub last: Slot,
}

impl Signed {
    fn of(path: PathBuf, records: Records, open: Open) -> Self {
        Self {
            path,
            open,
            records: Mutex::new(records.clone()),
            written: Mutex::new(records),
        }
    }

    /// Writes `next`, and only then goes by it.
    fn write(&self, records: &mut Records, next: Records) -> Result<(), SigningError> {
        file::write(&self.path, &next)?;
        *records = next.clone();
        *self.written() = next;
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, Records> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the record at `path` for `keys`. A missing one is new if the keystore is empty, and lost if it is not. One that
    /// says nothing of a key is as good as lost for it: the key may have come from another node, which sealed with it a moment
    /// ago. Anything that cannot be read is an error: it is never replaced.
    pub fn open(
        path: &Path,
        keystore: KeystoreState,
        keys: &[sr25519::Public],
    ) -> Result<Opening, SigningError> {
        let path = path.to_owned();
        let open = Open::default();
        let ready = |path, records, open| Opening::Ready(Self::of(path, records, open));
        Ok(match (file::read(&path)?, keystore) {
            (Some(records), _) => {
                let unknown = keys.iter().filter(|key| !records.knows(key));
                let unknown: Vec<_> = unknown.copied().collect();
                if unknown.is_empty() {
                    ready(path, records, open)
                } else {
                    Opening::MustWait(Waiting {
                        path,
                        open,
                        records: Some(records),
                        unknown,
                    })
                }
            }
            (None, KeystoreState::Empty) => ready(path, Records::default(), open),
            (None, KeystoreState::HoldsKeys) => Opening::MustWait(Waiting {
                path,
                open,
                records: None,
                unknown: keys.to_vec(),
            }),
        })
    }

    /// Signs `pre_hash` as the seal of `slot`, once the slot is on disk. At most one seal per key and slot, in rising
    /// slots, through any restart.
    pub fn seal(
        &self,
        key: &sr25519::Pair,
        slot: Slot,
        pre_hash: &[u8],
    ) -> Result<sr25519::Signature, SigningError> {
        let public = key.public();
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let last = records.last_slot(&public);
        if last.is_some_and(|last| slot <= last) {
            let last = last.unwrap_or_default();
            return Err(SigningError::AlreadySealed {
                key: public,
                slot,
                last,
            });
        }
        let mut next = records.clone();
        next.record(public).slot = Some(*slot);
        self.write(&mut records, next)?;
        Ok(key.sign(pre_hash))
    }

    /// Signs the `statement` of the next counter of `key` in `slot`, once the counter is on disk. No counter is used twice for
    /// a key, and none falls, through any restart.
    pub fn attest(
        &self,
        key: &sr25519::Pair,
        slot: Slot,
        statement: StatementOf<'_>,
    ) -> Result<(AttestationCounter, sr25519::Signature), SigningError> {
        let public = key.public();
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let last = records.last_counter(&public);
        let Some(counter) = AttestationCounter::after(last, slot) else {
            let last = last.unwrap_or(AttestationCounter(u64::MAX));
            return Err(SigningError::NoCounterLeft { key: public, last });
        };
        let mut next = records.clone();
        next.record(public).counter = Some(counter.0);
        self.write(&mut records, next)?;
        Ok((counter, key.sign(&statement(counter))))
    }

    /// The highest counter that `key` has used, or may have used before a lost record was replaced.
    pub fn last_counter(&self, key: &sr25519::Public) -> Option<AttestationCounter> {
        self.written().last_counter(key)
    }

    /// The highest slot that `key` has sealed, or may have sealed before a lost record was replaced.
    pub fn last_slot(&self, key: &sr25519::Public) -> Option<Slot> {
        self.written().last_slot(key)
    }

    /// Whether a block by `author` in `slot` shows that a key of this record is in use elsewhere: its slot lies above
    /// our last seal with it.
    pub fn foreign_use(&self, author: &sr25519::Public, slot: Slot) -> Option<ForeignUse> {
        let last = self.last_slot(author).unwrap_or_default();
        (slot > last).then_some(ForeignUse {
            key: *author,
            slot,
            last,
        })
    }
}
