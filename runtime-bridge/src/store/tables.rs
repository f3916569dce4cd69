use super::{Head, StoreError};
use crate::snapshot::SnapshotRecord;
use codec::{Decode, Encode};
use kvdb::{DBTransaction, KeyValueDB};
use sp_core::H256;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    marker::PhantomData,
    sync::Arc,
};
use sync_component::BlockId;

/// Numbers of the database's columns.
pub mod column {
    /// Where the chain stands.
    pub const META: u32 = 0;
    /// Headers by hash.
    pub const HEADER: u32 = 1;
    /// Bodies by hash.
    pub const BODY: u32 = 2;
    /// Hashes of the best chain by number.
    pub const INDEX: u32 = 3;
    /// Trie nodes by hash.
    pub const STATE: u32 = 4;
    /// How many there are.
    pub const COUNT: u32 = 5;
}

const HEAD: &[u8] = b"head";
const SNAPSHOT: &[u8] = b"snapshot";

/// Typed access to the columns. Reads see what the last [`Store::write`] wrote.
pub struct Store<B> {
    db: Arc<dyn KeyValueDB>,
    block: PhantomData<fn() -> B>,
}

impl<B> Clone for Store<B> {
    fn clone(&self) -> Self {
        Self {
            db: Arc::clone(&self.db),
            block: PhantomData,
        }
    }
}

impl<B> fmt::Debug for Store<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl<B: BlockT<Hash = H256>> Store<B> {
    /// A store over `db`, which has [`column::COUNT`] columns.
    pub fn new(db: Arc<dyn KeyValueDB>) -> Self {
        Self {
            db,
            block: PhantomData,
        }
    }

    fn value<T: Decode>(
        &self,
        column: u32,
        key: &[u8],
        what: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.db.get(column, key)? else {
            return Ok(None);
        };
        let mut input = bytes.as_slice();
        let value = T::decode(&mut input).map_err(|_| StoreError::Damaged { what })?;
        if input.is_empty() {
            Ok(Some(value))
        } else {
            Err(StoreError::Damaged { what })
        }
    }

    /// Where the chain stands; `None` in a new database.
    pub fn head(&self) -> Result<Option<Head<B>>, StoreError> {
        self.value(column::META, HEAD, "the head record")
    }

    /// How far a snapshot is; `None` in a store of whole blocks.
    pub fn snapshot(&self) -> Result<Option<SnapshotRecord<B>>, StoreError> {
        self.value(column::META, SNAPSHOT, "the record of the snapshot")
    }

    /// Writes headers without bodies, and how far the snapshot is with them, at once.
    pub fn write_headers(
        &self,
        headers: &[(BlockId<B>, B::Header)],
        record: &SnapshotRecord<B>,
    ) -> Result<(), StoreError> {
        let mut transaction = DBTransaction::with_capacity(2 * headers.len() + 1);
        for (id, header) in headers {
            transaction.put_vec(column::HEADER, id.hash.as_bytes(), header.encode());
            let key = id.height().to_be_bytes();
            transaction.put(column::INDEX, &key, id.hash.as_bytes());
        }
        transaction.put_vec(column::META, SNAPSHOT, record.encode());
        Ok(self.db.write(transaction)?)
    }

    /// Writes nodes of a state, each with its hash, and how far the snapshot is with them, at once.
    pub fn write_state<'a>(
        &self,
        nodes: impl IntoIterator<Item = (&'a H256, &'a Vec<u8>)>,
        record: &SnapshotRecord<B>,
    ) -> Result<(), StoreError> {
        let mut transaction = DBTransaction::new();
        for (hash, node) in nodes {
            transaction.put(column::STATE, hash.as_bytes(), node);
        }
        transaction.put_vec(column::META, SNAPSHOT, record.encode());
        Ok(self.db.write(transaction)?)
    }

    /// Leaves no nodes of states but these, and writes how far the snapshot is then, at once.
    pub fn keep_nodes<'a>(
        &self,
        nodes: impl IntoIterator<Item = (&'a H256, &'a Vec<u8>)>,
        record: &SnapshotRecord<B>,
    ) -> Result<(), StoreError> {
        let mut transaction = DBTransaction::new();
        transaction.delete_prefix(column::STATE, &[]);
        for (hash, node) in nodes {
            transaction.put(column::STATE, hash.as_bytes(), node);
        }
        transaction.put_vec(column::META, SNAPSHOT, record.encode());
        Ok(self.db.write(transaction)?)
    }

    /// Writes the block with which a chain begins from now on, at once with where the chain stands then.
    pub fn write_base(
        &self,
        base: &Base<'_, B>,
        head: &Head<B>,
        record: &SnapshotRecord<B>,
    ) -> Result<(), StoreError> {
        let mut transaction = DBTransaction::new();
        for id in base.above {
            transaction.delete(column::HEADER, id.hash.as_bytes());
            transaction.delete(column::INDEX, &id.height().to_be_bytes());
        }
        let body = base.block.extrinsics().encode();
        transaction.put_vec(column::BODY, base.block.hash().as_bytes(), body);
        transaction.put_vec(column::META, HEAD, head.encode());
        transaction.put_vec(column::META, SNAPSHOT, record.encode());
        Ok(self.db.write(transaction)?)
    }

    /// Where the chain stands, if it is the chain of this genesis and its ends are all there.
    pub fn whole_head(&self, genesis: H256) -> Result<Head<B>, StoreError> {
        let damaged = |what| StoreError::Damaged { what };
        let head = self.head()?.ok_or(damaged("the head record"))?;
        if self.canonical(0)? != Some(genesis) {
            return Err(damaged("block 0 is not this chain's"));
        }
        if self.canonical(head.best.height())? != Some(head.best.hash) {
            return Err(damaged("the best block is not in the index"));
        }
        let best = self.block(head.best.hash)?;
        let best = best.ok_or(damaged("the best block"))?;
        if self.node(best.header().state_root())?.is_none() {
            return Err(damaged("the best block's state"));
        }
        Ok(head)
    }

    /// A stored header.
    pub fn header(&self, hash: H256) -> Result<Option<B::Header>, StoreError> {
        self.value(column::HEADER, hash.as_bytes(), "a header")
    }

    /// Whether a block is stored.
    pub fn has_block(&self, hash: H256) -> Result<bool, StoreError> {
        Ok(self.db.has_key(column::HEADER, hash.as_bytes())?)
    }

    /// A stored block.
    pub fn block(&self, hash: H256) -> Result<Option<B>, StoreError> {
        let Some(header) = self.header(hash)? else {
            return Ok(None);
        };
        let body: Option<Vec<B::Extrinsic>> =
            self.value(column::BODY, hash.as_bytes(), "a body")?;
        Ok(body.map(|body| B::new(header, body)))
    }

    /// Hash of the best chain's block at this height.
    pub fn canonical(&self, height: u64) -> Result<Option<H256>, StoreError> {
        self.value(column::INDEX, &height.to_be_bytes(), "the index of numbers")
    }

    /// A trie node.
    pub fn node(&self, hash: &H256) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db.get(column::STATE, hash.as_bytes())?)
    }

    /// Writes all changes at once: after a kill at any instant either all of them are there or none.
    pub fn write(&self, changes: &Changes<B>, head: &Head<B>) -> Result<(), StoreError> {
        Self::write_to(self.db.as_ref(), changes, head)
    }

    /// As [`Store::write`], to a database that is not a store yet.
    pub fn write_to(
        db: &dyn KeyValueDB,
        changes: &Changes<B>,
        head: &Head<B>,
    ) -> Result<(), StoreError> {
        let mut transaction = DBTransaction::new();
        for (hash, block) in &changes.blocks {
            transaction.put_vec(column::HEADER, hash.as_bytes(), block.header().encode());
            transaction.put_vec(column::BODY, hash.as_bytes(), block.extrinsics().encode());
        }
        for hash in &changes.removed {
            transaction.delete(column::HEADER, hash.as_bytes());
            transaction.delete(column::BODY, hash.as_bytes());
        }
        for (height, hash) in &changes.index {
            let key = height.to_be_bytes();
            match hash {
                Some(hash) => transaction.put(column::INDEX, &key, hash.as_bytes()),
                None => transaction.delete(column::INDEX, &key),
            }
        }
        for (hash, node) in &changes.nodes {
            transaction.put(column::STATE, hash.as_bytes(), node);
        }
        transaction.put_vec(column::META, HEAD, head.encode());
        // In the order of keys each finds its place near that of the one before.
        transaction
            .ops
            .sort_by(|a, b| (a.col(), a.key()).cmp(&(b.col(), b.key())));
        Ok(db.write(transaction)?)
    }
}

/// The block with which a chain begins whose lower blocks are headers only.
#[derive(Debug)]
pub struct Base<'a, B: BlockT> {
    /// The block; its header is stored already.
    pub block: &'a B,
    /// Stored headers above it, which go.
    pub above: &'a [BlockId<B>],
}

/// What one import adds, not yet written. Later blocks of the import read through it.
#[derive(Debug)]
pub struct Changes<B> {
    /// Blocks by hash.
    pub blocks: HashMap<H256, B>,
    /// Entries of the number index; `None` removes one.
    pub index: HashMap<u64, Option<H256>>,
    /// Trie nodes by hash.
    pub nodes: HashMap<H256, Vec<u8>>,
    /// Blocks that go, by hash.
    pub removed: HashSet<H256>,
}

impl<B> Default for Changes<B> {
    fn default() -> Self {
        Self {
            blocks: HashMap::new(),
            index: HashMap::new(),
            nodes: HashMap::new(),
            removed: HashSet::new(),
        }
    }
}

impl<B> Changes<B> {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        let adds_nothing = self.blocks.is_empty() && self.nodes.is_empty();
        adds_nothing && self.index.is_empty() && self.removed.is_empty()
    }
}
