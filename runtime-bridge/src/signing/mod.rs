//! The `signed` record: the proof that no key signs twice for one slot (SPEC section 1, I11).
//!
//! One file for all keys, beside `keystore/` and outside the store, so that no resync, restore, revert or purge touches
//! it. It is written and synced before a signature leaves this module.

mod file;
mod signer;
#[cfg(test)]
mod tests;

pub use signer::KeySigner;

use file::Records;
use sp_consensus_aura::Slot;
use sp_core::{Pair, sr25519};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use sync_component::ports::{AttestationCounter, StatementOf};

/// Why nothing was signed, or the record was not opened.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key has sealed this slot or a later one.
    #[error(
        "slot {slot} is not above slot {last}, the last one that {key} has sealed; nothing is signed"
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
        "{path} is damaged ({what}); restore it from a backup. Only if you are sure that none of its keys has signed in the last minutes, anywhere, move it away: the node then waits a whole round of slots before it signs"
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
        "{path}: {source}; nothing is signed until this file can be written: check its folder, its owner and the disk"
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
    /// The record is lost: wait as many slots as there are authorities, then [`Waiting::finish`].
    MustWait(Waiting),
}

/// A lost record. While it waits, nothing can be signed.
#[derive(Debug)]
pub struct Waiting {
    path: PathBuf,
}

impl Waiting {
    /// Starts a new record at `slot_now`, the present slot after the wait: nothing is ever sealed at or below it.
    pub fn finish(self, slot_now: Slot) -> Result<Signed, SigningError> {
        let records = Records {
            floor: *slot_now,
            ..Records::default()
        };
        file::write(&self.path, &records)?;
        Ok(Signed {
            path: self.path,
            records: Mutex::new(records),
        })
    }
}

/// The open record.
#[derive(Debug)]
pub struct Signed {
    path: PathBuf,
    records: Mutex<Records>,
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
    /// Opens the record at `path`. A missing one is new if the keystore is empty, and lost if it is not. Anything that
    /// cannot be read is an error: it is never replaced.
    pub fn open(path: &Path, keystore: KeystoreState) -> Result<Opening, SigningError> {
        let path = path.to_owned();
        match (file::read(&path)?, keystore) {
            (Some(records), _) => Ok(Opening::Ready(Self {
                path,
                records: Mutex::new(records),
            })),
            (None, KeystoreState::Empty) => {
                let records = Records::default();
                Ok(Opening::Ready(Self {
                    path,
                    records: Mutex::new(records),
                }))
            }
            (None, KeystoreState::HoldsKeys) => Ok(Opening::MustWait(Waiting { path })),
        }
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
        file::write(&self.path, &next)?;
        *records = next;
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
        file::write(&self.path, &next)?;
        *records = next;
        Ok((counter, key.sign(&statement(counter))))
    }

    /// The highest counter that `key` has used, or may have used before a lost record was replaced.
    pub fn last_counter(&self, key: &sr25519::Public) -> Option<AttestationCounter> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.last_counter(key)
    }

    /// Whether a block by `author` in `slot` shows that a key of this record is in use elsewhere: its slot lies above
    /// our last seal with it.
    pub fn foreign_use(&self, author: &sr25519::Public, slot: Slot) -> Option<ForeignUse> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let last = records.last_slot(author).unwrap_or_default();
        (slot > last).then_some(ForeignUse {
            key: *author,
            slot,
            last,
        })
    }
}
