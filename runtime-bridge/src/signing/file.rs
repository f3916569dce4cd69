use super::SigningError;
use codec::{Decode, Encode};
use sp_consensus_aura::Slot;
use sp_core::{Blake2Hasher, H256, Hasher, sr25519};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use sync_component::ports::AttestationCounter;

/// Version of the file. A change of its bytes is a new version.
const FORMAT: u32 = 1;

/// Longest file that is read. Each key takes at most 50 bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Records {
    /// No key seals at or below this slot: where a new record started after a lost one.
    pub(super) floor: u64,
    pub(super) keys: Vec<(sr25519::Public, KeyRecord)>,
}

/// What one key has signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct KeyRecord {
    /// Slot of its last seal.
    pub(super) slot: Option<u64>,
    /// Counter of its last attestation.
    pub(super) counter: Option<u64>,
}

impl Records {
    /// The slot at or below which this key seals nothing.
    pub(super) fn last_slot(&self, key: &sr25519::Public) -> Option<Slot> {
        let own = self
            .keys
            .iter()
            .find(|(known, _)| known == key)
            .and_then(|(_, record)| record.slot);
        let floor = (self.floor > 0).then_some(self.floor);
        own.max(floor).map(Slot::from)
    }

    /// The counter at or below which this key attests nothing.
    pub(super) fn last_counter(&self, key: &sr25519::Public) -> Option<AttestationCounter> {
        let own = self
            .keys
            .iter()
            .find(|(known, _)| known == key)
            .and_then(|(_, record)| record.counter)
            .map(AttestationCounter);
        // All that was used up to the end of the wait for a lost record.
        let floor = (self.floor > 0).then(|| {
            let above = AttestationCounter::lowest_of(Slot::from(self.floor.saturating_add(1)));
            AttestationCounter(above.0.saturating_sub(1))
        });
        own.max(floor)
    }

    /// The record of `key`, made if it is new.
    pub(super) fn record(&mut self, key: sr25519::Public) -> &mut KeyRecord {
        let position = self
            .keys
            .iter()
            .position(|(known, _)| *known == key)
            .unwrap_or_else(|| {
                self.keys.push((key, KeyRecord::default()));
                self.keys.len() - 1
            });
        &mut self
            .keys
            .get_mut(position)
            .expect("found, or pushed just now")
            .1
    }
}

/// Reads the file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Records>, SigningError> {
    let io = |source| SigningError::Io {
        path: path.to_owned(),
        source,
    };
    let damaged = |what| SigningError::Damaged {
        path: path.to_owned(),
        what,
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > MOST_BYTES => return Err(damaged("it is too long")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    }
    let bytes = fs::read(path).map_err(io)?;
    let mut input = bytes.as_slice();
    let format = u32::decode(&mut input).map_err(|_| damaged("it is cut short"))?;
    if format != FORMAT {
        return Err(SigningError::OtherFormat {
            path: path.to_owned(),
            found: format,
            supported: FORMAT,
        });
    }
    let checksum = H256::decode(&mut input).map_err(|_| damaged("it is cut short"))?;
    if Blake2Hasher::hash(input) != checksum {
        return Err(damaged("its checksum does not match"));
    }
    let records = Records::decode(&mut input).map_err(|_| damaged("it does not decode"))?;
    if input.is_empty() {
        Ok(Some(records))
    } else {
        Err(damaged("bytes are left over"))
    }
}

/// The bytes of the file: format, checksum of the rest, the rest.
pub(super) fn bytes(records: &Records) -> Vec<u8> {
    let body = records.encode();
    let mut bytes = FORMAT.encode();
    Blake2Hasher::hash(&body).encode_to(&mut bytes);
    bytes.extend(body);
    bytes
}

/// Replaces the file; returns only when it is on disk. After a kill at any instant the old or the new one is there.
pub(super) fn write(path: &Path, records: &Records) -> Result<(), SigningError> {
    replace(path, &bytes(records)).map_err(|source| SigningError::Io {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&draft, path)?;
    // The parent of a bare name is the empty path, which does not open.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
