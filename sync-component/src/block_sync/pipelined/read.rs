use super::chain::Headers;
use crate::{
    block_id::BlockId,
    block_sync::{delivered::charge_for, scheduler::Worth},
    context::SyncContext,
    error::Blame,
    peers::{Offence, PeerClient, RangeAnswer},
    ports::{BlockFault, Bridge, BridgeError, CheckedBlocks, HeaderRejected, ImportError, PeerId},
    wire::RangeRequest,
};
use codec::Encode;
use sp_runtime::traits::Block as BlockT;
use std::{sync::Arc, time::Duration};

/// An answer that is to be decoded and checked: work for a core of its own.
pub(super) struct Unread<B: BlockT> {
    pub(super) peer: PeerId,
    pub(super) request: RangeRequest<B>,
    pub(super) body: Vec<u8>,
    /// How long after the request the answer came.
    pub(super) took: Duration,
    /// The stored block that all of it builds on.
    pub(super) base: BlockId<B>,
    /// Header of the block below the first one asked for.
    pub(super) parent: B::Header,
    /// The verified headers from the first block asked for on.
    pub(super) headers: Headers<B>,
}

/// What an answer holds.
pub(super) struct Read<B: BlockT> {
    pub(super) worth: Worth,
    /// The good blocks, from the first one asked for on.
    pub(super) blocks: CheckedBlocks<B>,
    /// How many bytes these have.
    pub(super) bytes: usize,
}

impl<B: BlockT> Read<B> {
    fn nothing(worth: Worth) -> Self {
        Self {
            worth,
            blocks: CheckedBlocks::unchecked(Vec::new()),
            bytes: 0,
        }
    }
}

impl<B: BlockT> Unread<B> {
    /// How to read it, on any thread. An error is our own store's.
    pub(super) fn reader(
        self,
        context: &SyncContext<B>,
    ) -> impl FnOnce() -> Result<Read<B>, BridgeError> + Send + use<B> {
        let (client, bridge) = (context.peers.clone(), Arc::clone(&context.bridge));
        move || self.read(&client, bridge.as_ref())
    }

    fn read(self, client: &PeerClient<B>, bridge: &dyn Bridge<B>) -> Result<Read<B>, BridgeError> {
        let mut blocks = match client.decode_blocks(&self.peer, &self.request, &self.body) {
            Ok(RangeAnswer::Items(blocks)) => blocks,
            Ok(RangeAnswer::NotFound) => return Ok(Read::nothing(Worth::NotFound)),
            Ok(RangeAnswer::Busy(pause)) => return Ok(Read::nothing(Worth::Busy(pause))),
            Err(error) => {
                tracing::debug!(peer = %self.peer, %error, "an answer of no use");
                return Ok(Read::nothing(Worth::Useless));
            }
        };
        // A header that is the verified one needs no look at its links.
        let positions = blocks.iter().enumerate();
        let same = positions
            .take_while(|(at, block)| self.headers.at(*at) == Some(block.header()))
            .count();
        if same < blocks.len()
            && let Err(error) = client.check_range(&self.peer, &self.request, &blocks)
        {
            tracing::debug!(peer = %self.peer, %error, "an answer of no use");
            return Ok(Read::nothing(Worth::Useless));
        }
        let sent = blocks.len();
        // The peer is on another branch by now from there on.
        let foreign = blocks.split_off(same);
        if let Some(block) = foreign.first() {
            self.look_at_branch(client, bridge, same, block.header())?;
        }
        let report = bridge.check(self.base, &self.parent, blocks);
        let mut checked = report.checked;
        let worth = |checked: &CheckedBlocks<B>| Worth::Good(checked.len() as u64);
        let worth = match report.failure {
            None => worth(&checked),
            Some(ImportError::Local(error)) => return Err(error),
            Some(ImportError::Invalid {
                id,
                fault: fault @ BlockFault::WrongExtrinsicsRoot,
            }) => {
                charge_for(client, Some(&self.peer), id, &fault);
                Worth::ThenWrong(checked.len() as u64)
            }
            // The body is the header's, so that nobody has a better one: the import says what that means, in its turn.
            Some(_) => {
                checked.append(self.again(client, checked.len()));
                worth(&checked)
            }
        };
        let bytes = if checked.len() == sent {
            self.body.len()
        } else {
            checked.blocks().iter().map(Encode::encoded_size).sum()
        };
        if let Some(last) = checked.blocks().last() {
            let highest = BlockId::of(last.header());
            client.note_delivery(&self.peer, highest, bytes, self.took);
        }
        Ok(Read {
            worth,
            blocks: checked,
            bytes,
        })
    }

    /// Charges the peer if the first header of its own branch, at this position, does not hold. Whatever follows it is not looked at.
    fn look_at_branch(
        &self,
        client: &PeerClient<B>,
        bridge: &dyn Bridge<B>,
        at: usize,
        header: &B::Header,
    ) -> Result<(), BridgeError> {
        let below = at.checked_sub(1).and_then(|below| self.headers.at(below));
        let parent = below.unwrap_or(&self.parent);
        let headers = std::slice::from_ref(header);
        match bridge.verify_headers(self.base, parent, headers, client.wall()) {
            Ok(()) => Ok(()),
            Err(HeaderRejected::Local(error)) => Err(error),
            Err(HeaderRejected::Faulty { fault, .. }) => {
                if fault.blame() == Blame::Peer {
                    tracing::warn!(peer = %self.peer, %fault, "a header that does not hold");
                    client.charge(&self.peer, Offence::ProvablyWrong);
                }
                Ok(())
            }
        }
    }

    /// The block at position `at`, once more.
    fn again(&self, client: &PeerClient<B>, at: usize) -> CheckedBlocks<B> {
        let answer = client.decode_blocks(&self.peer, &self.request, &self.body);
        let items = answer.ok().and_then(RangeAnswer::into_items);
        let block = items.into_iter().flatten().nth(at);
        CheckedBlocks::unchecked(block.into_iter().collect())
    }
}
