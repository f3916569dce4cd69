use kvdb::KeyValueDB;
use kvdb_rocksdb::{Database, DatabaseConfig};
use runtime_bridge::store::column;
use std::{collections::BTreeMap, sync::Arc};
use tempfile::TempDir;

/// Runs `test` over a database in memory and over `RocksDB`; it gets the name for its messages.
pub(crate) fn on_each_database(test: impl Fn(&str, Arc<dyn KeyValueDB>)) {
    test("memorydb", Arc::new(super::memory()));
    let folder = tempfile::tempdir().unwrap();
    test("rocksdb", rocksdb(&folder));
}

/// A new `RocksDB` in a folder.
pub(crate) fn rocksdb(folder: &TempDir) -> Arc<dyn KeyValueDB> {
    let mut config = DatabaseConfig::with_columns(column::COUNT);
    config.memory_budget = (0..column::COUNT).map(|column| (column, 2)).collect();
    Arc::new(Database::open(&config, folder.path()).unwrap())
}

/// Everything in the database: value by column and key.
pub(crate) fn dump(db: &dyn KeyValueDB) -> BTreeMap<(u32, Vec<u8>), Vec<u8>> {
    (0..column::COUNT)
        .flat_map(|column| db.iter(column).map(move |entry| (column, entry.unwrap())))
        .map(|(column, (key, value))| ((column, key.to_vec()), value))
        .collect()
}
