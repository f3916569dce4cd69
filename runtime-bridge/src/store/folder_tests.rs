#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    column,
    folder::{LOG_BYTES, open_folder},
};
use sp_core::{Blake2Hasher, Hasher};
use std::{fs, time::Duration};

/// The folder's logs, with their lengths: what a start would read back.
fn logs(folder: &std::path::Path) -> Vec<(std::ffi::OsString, u64)> {
    let files = fs::read_dir(folder).unwrap().flatten();
    let logs = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "log"));
    logs.filter_map(|log| Some((log.file_name(), log.metadata().ok()?.len())))
        .collect()
}

fn log_bytes(folder: &std::path::Path) -> u64 {
    logs(folder).iter().map(|(_, length)| length).sum()
}

/// The write buffers alone would let it grow to 32 MiB, and hold 24 in the end.
#[test]
fn log_that_a_start_reads_back_stays_small_however_much_is_written() {
    const BATCH: usize = 1 << 20;
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("full");
    let store = open_folder(&folder, "0x00", |_| Ok(())).unwrap();
    let written = 7 * LOG_BYTES / 2;
    for n in 0..written / BATCH as u64 {
        let mut batch = kvdb::DBTransaction::new();
        let keys = (0..4_u64).map(|part| Blake2Hasher::hash(&(4 * n + part).to_be_bytes()));
        for key in keys {
            batch.put_vec(column::STATE, key.as_bytes(), vec![7; BATCH / 4]);
        }
        kvdb::KeyValueDB::write(&store, batch).unwrap();
    }
    // The tables are written in the background, and a write is what begins that: what is written while the machine is busy stays until the
    // next one. A column that was passed over keeps the log until its own buffer is full.
    for n in 0..300_u32 {
        if log_bytes(&folder) <= LOG_BYTES + LOG_BYTES / 4 {
            return;
        }
        let mut batch = kvdb::DBTransaction::new();
        for column in 0..column::COUNT {
            batch.put_vec(column, &n.to_be_bytes(), vec![7; BATCH / 4]);
        }
        kvdb::KeyValueDB::write(&store, batch).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = fs::read_to_string(folder.join("LOG")).unwrap_or_default();
    panic!("{:?} of log; RocksDB says:\n{told}", logs(&folder));
}
