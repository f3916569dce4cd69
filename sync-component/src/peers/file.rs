//! The file in which the ledger is kept: a line with the version, SCALE, and a checksum.
#![allow(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts the variant indices, both of which stand here"
)]

use super::ledger::{Ban, Ledger, Presence, Record, Trust, halvings};
use crate::{
    ports::{MonoTime, PeerId, UnixMillis},
    settings::Limits,
};
use codec::{Decode, DecodeAll, Encode};
use sp_runtime::traits::{BlakeTwo256, Hash};
use std::time::Duration;

/// First bytes of the file; the digit is its version.
const MAGIC: &[u8] = b"tier-sync peers 1\n";

/// Length of the Blake2-256 hash over all before it, at the end of the file.
const SUM_BYTES: usize = 32;

impl Ledger {
    /// The file's bytes.
    pub fn to_bytes(&self, now: MonoTime, wall: UnixMillis) -> Vec<u8> {
        let peers = self
            .iter()
            .map(|(peer, record)| StoredPeer::of(peer, record, now, wall));
        let stored = Stored {
            saved_at: wall.0,
            peers: peers.collect(),
        };
        let mut bytes = MAGIC.to_vec();
        stored.encode_to(&mut bytes);
        let sum = BlakeTwo256::hash(&bytes);
        bytes.extend(sum.as_bytes());
        bytes
    }

    /// Reads a file's bytes. Time that we were down for lets trust recover and bans end, and takes nothing else away.
    pub fn from_bytes(
        bytes: &[u8],
        limits: &Limits,
        now: MonoTime,
        wall: UnixMillis,
    ) -> Result<Self, UnreadableLedger> {
        let split = bytes.len().checked_sub(SUM_BYTES).ok_or(UnreadableLedger)?;
        let (signed, sum) = bytes.split_at(split);
        let body = signed.strip_prefix(MAGIC).ok_or(UnreadableLedger)?;
        if BlakeTwo256::hash(signed).as_bytes() != sum {
            return Err(UnreadableLedger);
        }
        let stored = Stored::decode_all(&mut &*body).map_err(|_| UnreadableLedger)?;
        let mut ledger = Self::new(limits);
        let down = Duration::from_millis(wall.0.saturating_sub(stored.saved_at));
        for peer in stored.peers {
            let id = PeerId::from_bytes(&peer.id);
            let read = peer.record(down, ledger.ban, now, wall);
            *ledger.record(&id, now) = read;
        }
        Ok(ledger)
    }
}

/// A file that is no ledger of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is damaged, or of another version")]
pub struct UnreadableLedger;

#[derive(Encode, Decode)]
struct Stored {
    saved_at: u64,
    peers: Vec<StoredPeer>,
}

#[derive(Encode, Decode)]
struct StoredPeer {
    id: Vec<u8>,
    /// Thousandths.
    trust: i32,
    latency_micros: Option<u64>,
    bytes_per_second: Option<u64>,
    consistent_millis: u64,
    address: Option<String>,
    ban: Option<StoredBan>,
}

#[derive(Encode, Decode)]
enum StoredBan {
    #[codec(index = 0)]
    UntilUnixMillis(u64),
    #[codec(index = 1)]
    ByOperator,
}

impl StoredPeer {
    fn of(peer: &PeerId, record: &Record, now: MonoTime, wall: UnixMillis) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            id: peer.as_bytes().to_vec(),
            trust: (record.trust(now) * 1_000.0) as i32,
            latency_micros: record
                .latency
                .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            #[expect(clippy::cast_sign_loss, reason = "rates are not negative")]
            bytes_per_second: record.rate.map(|rate| rate as u64),
            consistent_millis: millis(record.consistent),
            address: record.address.clone(),
            ban: record.ban.map(|ban| match ban {
                Ban::Until(end) => {
                    let left = millis(end.since(now));
                    StoredBan::UntilUnixMillis(wall.0.saturating_add(left))
                }
                Ban::ByOperator => StoredBan::ByOperator,
            }),
        }
    }

    fn record(self, down: Duration, longest: Duration, now: MonoTime, wall: UnixMillis) -> Record {
        Record {
            trust: Trust {
                score: (f64::from(self.trust) / 1_000.0).clamp(-100.0, 100.0) * halvings(down),
                at: now,
            },
            latency: self.latency_micros.map(Duration::from_micros),
            #[expect(clippy::cast_precision_loss, reason = "an estimate")]
            rate: self.bytes_per_second.map(|rate| rate as f64),
            consistent: Duration::from_millis(self.consistent_millis),
            address: self.address,
            ban: self.ban.map(|ban| match ban {
                // A clock that was set back must not make it longer.
                StoredBan::UntilUnixMillis(end) => {
                    let left = Duration::from_millis(end.saturating_sub(wall.0));
                    Ban::Until(now.plus(left.min(longest)))
                }
                StoredBan::ByOperator => Ban::ByOperator,
            }),
            undelivered: 0,
            presence: Presence::Away(None),
        }
    }
}
