use super::{Head, StoreError};
use crate::snapshot::SnapshotRecord;
use codec::{Decode, DecodeAll, Encode};
use kvdb::{DBTransaction, KeyValueDB};
use sp_core::H256;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    marker::PhantomData,
    ops::Range,
    sync::Arc,
};
use sync_component::{BlockId, block_id::height};

/// Numbers of the database's columns.
pub mod column {
    /// Where the chain stands.
    pub const META: u32 = 0;
    /// Headers by number and hash.
    pub const HEADER: u32 = 1;
    /// Bodies by number and hash.
    pub const BODY: u32 = 2;
    /// Hashes of the best chain by number.
    pub const INDEX: u32 = 3;
    /// Trie nodes by hash.
    pub const STATE: u32 = 4;
    /// Numbers of blocks by hash.
    pub const NUMBER: u32 = 5;
    /// How many there are.
    pub const COUNT: u32 = 6;

    /// The key of a block in [`HEADER`] and [`BODY`]: what lies beside each other in the chain does so on the disk, whatever the
    /// hashes are. Peers that fetch a chain, and those that import one, go along it.
    pub fn block_key(number: u64, hash: &sp_core::H256) -> [u8; 40] {
        let mut key = [0; 40];
        let (first, second) = key.split_at_mut(8);
        first.copy_from_slice(&number.to_be_bytes());
        second.copy_from_slice(hash.as_bytes());
        key
    }
}

/// Heights whose keys differ in their last byte alone, so that they can be read in order.
const GROUP: u64 = 256;

/// Fewer headers are searched one by one: reading in order begins at the group's first.
const FEW: u64 = 32;

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
        let mut transaction = DBTransaction::with_capacity(3 * headers.len() + 1);
        for (id, header) in headers {
            put_header::<B>(&mut transaction, &id.hash, header);
            let number = id.height().to_be_bytes();
            transaction.put(column::INDEX, &number, id.hash.as_bytes());
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
            delete_block(&mut transaction, id);
            transaction.delete(column::INDEX, &id.height().to_be_bytes());
        }
        let body = base.block.extrinsics().encode();
        let id = BlockId::<B>::of(base.block.header());
        transaction.put_vec(column::BODY, &key_of(&id), body);
        transaction.put_vec(column::META, HEAD, head.encode());
        transaction.put_vec(column::META, SNAPSHOT, record.encode());
        Ok(self.db.write(transaction)?)
    }

    /// Leaves of all blocks but `genesis` only the headers, and of states only these nodes; the chain ends at `head` then, and the
    /// snapshot is as far as `record` says. All at once.
    pub fn keep_headers<'a>(
        &self,
        genesis: &B,
        nodes: impl IntoIterator<Item = (&'a H256, &'a Vec<u8>)>,
        head: &Head<B>,
        record: &SnapshotRecord<B>,
    ) -> Result<(), StoreError> {
        let mut transaction = DBTransaction::new();
        transaction.delete_prefix(column::BODY, &[]);
        let id = BlockId::<B>::of(genesis.header());
        let body = genesis.extrinsics().encode();
        transaction.put_vec(column::BODY, &key_of(&id), body);
        transaction.delete_prefix(column::STATE, &[]);
        for (hash, node) in nodes {
            transaction.put(column::STATE, hash.as_bytes(), node);
        }
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

    /// The key of a stored block in the columns of headers and bodies.
    fn key(&self, hash: &H256) -> Result<Option<[u8; 40]>, StoreError> {
        let number: Option<u64> = self.value(column::NUMBER, hash.as_bytes(), "a number")?;
        Ok(number.map(|number| column::block_key(number, hash)))
    }

    /// A stored header.
    pub fn header(&self, hash: H256) -> Result<Option<B::Header>, StoreError> {
        match self.key(&hash)? {
            Some(key) => self.value(column::HEADER, &key, "a header"),
            None => Ok(None),
        }
    }

    /// Whether a block is stored.
    pub fn has_block(&self, hash: H256) -> Result<bool, StoreError> {
        Ok(self.db.has_key(column::NUMBER, hash.as_bytes())?)
    }

    /// A stored block.
    pub fn block(&self, hash: H256) -> Result<Option<B>, StoreError> {
        let Some(key) = self.key(&hash)? else {
            return Ok(None);
        };
        let header: Option<B::Header> = self.value(column::HEADER, &key, "a header")?;
        let body: Option<Vec<B::Extrinsic>> = self.value(column::BODY, &key, "a body")?;
        Ok(header.zip(body).map(|(header, body)| B::new(header, body)))
    }

    /// The block of a stored header with this hash; `None` if its body is not stored.
    pub fn block_with(&self, hash: H256, header: B::Header) -> Result<Option<B>, StoreError> {
        let key = column::block_key(height::<B>(*header.number()), &hash);
        let body: Option<Vec<B::Extrinsic>> = self.value(column::BODY, &key, "a body")?;
        Ok(body.map(|body| B::new(header, body)))
    }

    /// Headers of the best chain at these heights, rising, each with its hash, up to the first that is not there. Many are read
    /// along the order of their keys, which costs each a part of what a search costs.
    pub fn headers(&self, heights: Range<u64>) -> Result<Vec<(H256, B::Header)>, StoreError> {
        let mut found = Vec::new();
        let mut from = heights.start;
        while from < heights.end {
            // As far as the keys begin alike.
            let group = from / GROUP;
            let to = (group + 1).saturating_mul(GROUP).min(heights.end);
            let some = if to - from < FEW {
                self.one_by_one(from..to)?
            } else {
                self.in_order(group, from..to)?
            };
            let is_whole = some.len() as u64 == to - from;
            found.extend(some);
            if !is_whole {
                break;
            }
            from = to;
        }
        Ok(found)
    }

    fn one_by_one(&self, heights: Range<u64>) -> Result<Vec<(H256, B::Header)>, StoreError> {
        let mut found = Vec::new();
        for number in heights {
            let Some(hash) = self.canonical(number)? else {
                break;
            };
            let key = column::block_key(number, &hash);
            let Some(header) = self.value(column::HEADER, &key, "a header")? else {
                break;
            };
            found.push((hash, header));
        }
        Ok(found)
    }

    fn in_order(
        &self,
        group: u64,
        heights: Range<u64>,
    ) -> Result<Vec<(H256, B::Header)>, StoreError> {
        let first = group.saturating_mul(GROUP).to_be_bytes();
        let prefix = first.get(..7).unwrap_or_default();
        let mut canonical = BTreeMap::new();
        for entry in self.db.iter_with_prefix(column::INDEX, prefix) {
            let (key, hash) = entry?;
            let number = <[u8; 8]>::try_from(key.as_slice()).map(u64::from_be_bytes);
            let damaged = || StoreError::Damaged {
                what: "the index of numbers",
            };
            let number = number.map_err(|_| damaged())?;
            let hash = H256::decode_all(&mut hash.as_slice()).map_err(|_| damaged())?;
            canonical.insert(column::block_key(number, &hash), hash);
        }
        let mut found = Vec::new();
        let mut expected = heights.start;
        for entry in self.db.iter_with_prefix(column::HEADER, prefix) {
            let (key, header) = entry?;
            let key = <[u8; 40]>::try_from(key.as_slice());
            let Some(hash) = key.ok().and_then(|key| canonical.get(&key)) else {
                // Of another branch.
                continue;
            };
            let header = B::Header::decode_all(&mut header.as_slice())
                .map_err(|_| StoreError::Damaged { what: "a header" })?;
            let number = height::<B>(*header.number());
            if number < heights.start {
                continue;
            }
            if number != expected || number >= heights.end {
                break;
            }
            found.push((*hash, header));
            expected += 1;
        }
        Ok(found)
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
            let key = put_header::<B>(&mut transaction, hash, block.header());
            transaction.put_vec(column::BODY, &key, block.extrinsics().encode());
        }
        for id in &changes.removed {
            delete_block(&mut transaction, id);
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

fn key_of<B: BlockT<Hash = H256>>(id: &BlockId<B>) -> [u8; 40] {
    column::block_key(id.height(), &id.hash)
}

/// Returns the key of the body.
fn put_header<B: BlockT<Hash = H256>>(
    transaction: &mut DBTransaction,
    hash: &H256,
    header: &B::Header,
) -> [u8; 40] {
    let number = height::<B>(*header.number());
    let key = column::block_key(number, hash);
    transaction.put_vec(column::HEADER, &key, header.encode());
    transaction.put_vec(column::NUMBER, hash.as_bytes(), number.encode());
    key
}

fn delete_block<B: BlockT<Hash = H256>>(transaction: &mut DBTransaction, id: &BlockId<B>) {
    let key = key_of(id);
    transaction.delete(column::HEADER, &key);
    transaction.delete(column::BODY, &key);
    transaction.delete(column::NUMBER, id.hash.as_bytes());
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
pub struct Changes<B: BlockT> {
    /// Blocks by hash.
    pub blocks: HashMap<H256, B>,
    /// Entries of the number index; `None` removes one.
    pub index: HashMap<u64, Option<H256>>,
    /// Trie nodes by hash.
    pub nodes: HashMap<H256, Vec<u8>>,
    /// Blocks that go.
    pub removed: BTreeSet<BlockId<B>>,
}

impl<B: BlockT> Default for Changes<B> {
    fn default() -> Self {
        Self {
            blocks: HashMap::new(),
            index: HashMap::new(),
            nodes: HashMap::new(),
            removed: BTreeSet::new(),
        }
    }
}

impl<B: BlockT> Changes<B> {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        let adds_nothing = self.blocks.is_empty() && self.nodes.is_empty();
        adds_nothing && self.index.is_empty() && self.removed.is_empty()
    }
}
