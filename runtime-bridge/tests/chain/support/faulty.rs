use kvdb::{DBKeyValue, DBOp, DBTransaction, DBValue, KeyValueDB};
use kvdb_memorydb::InMemory;
use runtime_bridge::store::column;
use std::{
    io,
    sync::{
        Mutex,
        mpsc::{Receiver, Sender},
    },
};

/// What a database does wrong.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The disk is full.
    NoWrites,
    /// After so many writes one fails.
    OneWrite {
        /// How many.
        after: u32,
    },
    /// Trie nodes are gone.
    NoNodes,
    /// Trie nodes cannot be read.
    UnreadableNodes,
    /// The next write says that it begins, then waits until it may.
    Pause {
        /// Hears that the write begins.
        begins: Sender<()>,
        /// Says that it may.
        may: Receiver<()>,
    },
}

/// A database in memory that can be made to fail.
pub(crate) struct Faulty {
    inner: InMemory,
    fault: Mutex<Fault>,
    newest_node: Mutex<Option<Vec<u8>>>,
}

impl Faulty {
    pub(crate) fn new() -> Self {
        Self {
            inner: super::memory(),
            fault: Mutex::new(Fault::None),
            newest_node: Mutex::default(),
        }
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// The trie node that was stored last is gone.
    pub(crate) fn lose_a_node(&self) {
        let key = self.newest_node.lock().unwrap().clone().unwrap();
        let mut transaction = DBTransaction::new();
        transaction.delete(column::STATE, &key);
        self.inner.write(transaction).unwrap();
    }
}

impl KeyValueDB for Faulty {
    fn get(&self, column: u32, key: &[u8]) -> io::Result<Option<DBValue>> {
        match &*self.fault.lock().unwrap() {
            Fault::NoNodes if column == column::STATE => Ok(None),
            Fault::UnreadableNodes if column == column::STATE => Err(io::Error::other("bad disk")),
            _ => self.inner.get(column, key),
        }
    }

    fn get_by_prefix(&self, column: u32, prefix: &[u8]) -> io::Result<Option<DBValue>> {
        self.inner.get_by_prefix(column, prefix)
    }

    fn write(&self, transaction: DBTransaction) -> io::Result<()> {
        let fault = std::mem::replace(&mut *self.fault.lock().unwrap(), Fault::None);
        match fault {
            Fault::NoWrites => {
                self.set(Fault::NoWrites);
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            Fault::OneWrite { after } => match after.checked_sub(1) {
                Some(after) => self.set(Fault::OneWrite { after }),
                None => return Err(io::Error::from(io::ErrorKind::StorageFull)),
            },
            Fault::Pause { begins, may } => {
                begins.send(()).unwrap();
                may.recv().unwrap();
            }
            other => self.set(other),
        }
        let puts = transaction.ops.iter().rev();
        let mut nodes = puts.filter_map(|op| match op {
            DBOp::Insert { col, key, .. } if *col == column::STATE => Some(key.to_vec()),
            _ => None,
        });
        if let Some(newest) = nodes.next() {
            *self.newest_node.lock().unwrap() = Some(newest);
        }
        self.inner.write(transaction)
    }

    fn iter<'a>(&'a self, column: u32) -> Box<dyn Iterator<Item = io::Result<DBKeyValue>> + 'a> {
        self.inner.iter(column)
    }

    fn iter_with_prefix<'a>(
        &'a self,
        column: u32,
        prefix: &'a [u8],
    ) -> Box<dyn Iterator<Item = io::Result<DBKeyValue>> + 'a> {
        self.inner.iter_with_prefix(column, prefix)
    }
}
