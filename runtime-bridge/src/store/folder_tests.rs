#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    column,
    folder::{LogLimit, open_folder},
};
use sp_core::{Blake2Hasher, Hasher};
use std::{fs, time::Duration};

/// How much of the folder's log a start would read back.
fn log_bytes(folder: &std::path::Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().flatten();
    let logs = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "log"));
    logs.filter_map(|log| Some(log.metadata().ok()?.len()))
        .sum()
}

/// What may be left: a batch comes on top.
fn most(limit: LogLimit) -> u64 {
    limit.bytes() + limit.bytes() / 4
}

/// Writes much to a new store, and then no more than what makes `RocksDB` look at its log; returns what is left of the log in the end, at
/// once where that is small. What `RocksDB` says of itself comes with it.
fn log_after_much(folder: &std::path::Path, limit: LogLimit) -> (u64, String) {
    const BATCH: usize = 1 << 20;
    let store = open_folder(folder, "0x00", limit, |_| Ok(())).unwrap();
    let written = 20 << 20;
    for n in 0..written / BATCH as u64 {
        let mut batch = kvdb::DBTransaction::new();
        let keys = (0..4_u64).map(|part| Blake2Hasher::hash(&(4 * n + part).to_be_bytes()));
        for key in keys {
            batch.put_vec(column::STATE, key.as_bytes(), vec![7; BATCH / 4]);
        }
        kvdb::KeyValueDB::write(&store, batch).unwrap();
    }
    // The tables are written in the background, and a write is what begins that: what is written while the machine is busy stays until the
    // next one.
    for n in 0..50_u32 {
        if log_bytes(folder) <= most(limit) {
            break;
        }
        let mut batch = kvdb::DBTransaction::new();
        batch.put_vec(column::META, b"later", n.to_be_bytes().to_vec());
        kvdb::KeyValueDB::write(&store, batch).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = fs::read_to_string(folder.join("LOG")).unwrap_or_default();
    (log_bytes(folder), told)
}

/// The write buffers alone would let it grow to 24 MiB, and hold the 20 that are written: in every store. With the limit that is so only where it
/// falls on a moment at which `RocksDB` passes a column over ([`LogLimit`]): on a busy machine in one store of ten or so.
#[test]
fn log_that_a_start_reads_back_stays_small_however_much_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    for limit in [LogLimit::Usual, LogLimit::Small] {
        let stores = (0..6).map(|store| {
            let folder = scratch.path().join(format!("{limit:?} {store}"));
            log_after_much(&folder, limit)
        });
        let mut last = None;
        let is_small = stores
            .inspect(|(bytes, told)| last = Some((*bytes, told.clone())))
            .any(|(bytes, _)| bytes <= most(limit));
        let (bytes, told) = last.expect("six stores were written");
        assert!(
            is_small,
            "{limit:?}: {bytes} bytes of log; RocksDB says:\n{told}"
        );
    }
}
