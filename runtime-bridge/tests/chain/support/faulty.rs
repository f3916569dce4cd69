use kvdb::{DBKeyValue, DBTransaction, DBValue, KeyValueDB};
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
}

impl Faulty {
    pub(crate) fn new() -> Self {
        Self {
            inner: super::memory(),
            fault: Mutex::new(Fault::None),
        }
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
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
            Fault::Pause { begins, may } => {
                begins.send(()).unwrap();
                may.recv().unwrap();
            }
            other => self.set(other),
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
