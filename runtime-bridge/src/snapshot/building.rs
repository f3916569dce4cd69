use super::{SnapshotRecord, StateRecord};
use crate::{
    chain_block::ChainBlock,
    import::final_height,
    store::{Store, StoreError},
    verify::{author_of, slot_of},
};
use sp_consensus_aura::sr25519::AuthorityId;
use std::collections::BTreeMap;
use sync_component::{BlockId, block_id::height_of, ports::HeaderFault};

/// Which blocks of the chain are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of them.
    All,
    /// None but genesis yet: a snapshot is being built.
    Building,
    /// Those from this height on; below there are only headers.
    From(u64),
}

impl Extent {
    pub(crate) fn of<B: ChainBlock>(record: Option<&SnapshotRecord<B>>) -> Self {
        match record.map(|record| &record.state) {
            None => Self::All,
            Some(StateRecord::Finished { of }) => Self::From(of.height()),
            Some(_) => Self::Building,
        }
    }

    /// Whether the block at this height, if it is stored, is stored with its state.
    pub(crate) fn has_state(self, height: u64) -> bool {
        match self {
            Self::All => true,
            Self::Building => height == 0,
            Self::From(lowest) => height == 0 || height >= lowest,
        }
    }

    /// The lowest block with a body, block 0 aside.
    pub(crate) fn lowest(self) -> u64 {
        match self {
            Self::All | Self::Building => 0,
            Self::From(lowest) => lowest,
        }
    }
}

/// A snapshot under way.
#[derive(Clone, Debug)]
pub(crate) struct Building<B: ChainBlock> {
    pub(crate) record: SnapshotRecord<B>,
    /// The header of `record.headers`.
    stored: B::Header,
    /// The headers above, which are not final yet. A kill loses them.
    tail: Vec<(BlockId<B>, B::Header)>,
    /// For each authority the highest of them that it sealed.
    authored: BTreeMap<AuthorityId, u64>,
}

/// What is to be written when headers were added.
pub(crate) struct Settled<B: ChainBlock> {
    /// The snapshot then.
    pub(crate) building: Building<B>,
    /// Headers that have become final, rising.
    pub(crate) headers: Vec<(BlockId<B>, B::Header)>,
}

impl<B: ChainBlock> Building<B> {
    /// What is stored, or nothing but genesis.
    pub(crate) fn of(
        store: &Store<B>,
        record: Option<SnapshotRecord<B>>,
        genesis: BlockId<B>,
    ) -> Result<Self, StoreError> {
        let record = record.unwrap_or_else(|| SnapshotRecord::new(genesis));
        let stored = store.header(record.headers.hash)?;
        Ok(Self {
            stored: stored.ok_or(StoreError::Damaged {
                what: "the highest header of the snapshot",
            })?,
            record,
            tail: Vec::new(),
            authored: BTreeMap::new(),
        })
    }

    /// The highest header.
    pub(crate) fn top(&self) -> &B::Header {
        self.tail.last().map_or(&self.stored, |(_, header)| header)
    }

    /// Whether the chain begins with its snapshot already.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.record.state, StateRecord::Finished { .. })
    }

    /// How many headers are not final.
    pub(crate) fn unfinal(&self) -> usize {
        self.tail.len()
    }

    /// Forgets them.
    pub(crate) fn drop_tail(&mut self) {
        self.tail.clear();
        self.authored.clear();
    }

    /// The same with these headers above, which are verified; those that are final by now are to be stored.
    pub(crate) fn with(
        &self,
        headers: &[B::Header],
        authorities: &[AuthorityId],
        max_reorg: u64,
    ) -> Result<Settled<B>, HeaderFault> {
        let mut next = self.clone();
        for header in headers {
            let id = BlockId::<B>::of(header);
            let author = author_of(slot_of(header)?, authorities);
            let author = author.ok_or(HeaderFault::BadSeal)?.clone();
            next.authored.insert(author, id.height());
            next.tail.push((id, header.clone()));
        }
        let best = height_of::<B>(next.top());
        let heights = next.authored.values().copied().collect();
        let height = final_height(heights, authorities.len(), best, max_reorg).unwrap_or(0);
        let settled = next.tail.partition_point(|(id, _)| id.height() <= height);
        let headers: Vec<_> = next.tail.drain(..settled).collect();
        if let Some((id, header)) = headers.last() {
            next.record.headers = *id;
            next.stored = header.clone();
            next.authored.retain(|_, sealed| *sealed > id.height());
        }
        Ok(Settled {
            building: next,
            headers,
        })
    }
}
