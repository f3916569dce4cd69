//! The state of a snapshot, and the block that it belongs to.

use super::{Build, Wanted, paces::Paces};
use crate::{
    block_id::BlockId,
    chain_sync::{
        ResyncError, SourceFault,
        asking::{Patience, items, lowest_of},
        end::End,
        guides::{Aim, Guides},
    },
    peers::Offence,
    ports::{
        BridgeError, FinishRefused, NoSnapshots, PeerId, ProofFault, StateProof, StateRefused,
        StateStanding,
    },
    wire::{RangeRequest, StateRequest},
};
use sp_runtime::traits::{Block as BlockT, Header as _};
use std::cmp::Reverse;

/// What the bridge made of the block that completes the snapshot.
enum Finish {
    Done,
    /// The store had damaged the state, which is to be fetched again.
    Damaged,
}

/// What is remembered from one piece of the state to the next.
#[derive(Debug, Default)]
pub(super) struct StatePart {
    pub(super) paces: Paces,
    store: Store,
}

/// What our own store did to the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Store {
    #[default]
    Sound,
    /// Once already.
    DamagedIt,
}

impl<B: BlockT> Build<'_, B> {
    /// What comes next of the chosen state, from `guide`, or its block; what is wanted then.
    pub(super) async fn state_or_block(
        &self,
        guide: &PeerId,
        patience: Patience,
        part: &mut StatePart,
    ) -> Result<Wanted, End<B>> {
        match self.standing().await?.state {
            StateStanding::Partly { of, after, entries } => {
                self.note_entries(entries);
                self.piece(guide, patience, of, after).await?;
                Ok(Wanted::State)
            }
            StateStanding::Whole { of, entries } => {
                self.note_entries(entries);
                tracing::info!(snapshot = %of, entries, "the state is whole");
                match self.block(guide, patience, of).await? {
                    Finish::Done => Ok(Wanted::Blocks),
                    // What it forgot is fetched once more; a store that damages it again is no good.
                    Finish::Damaged if part.store == Store::Sound => {
                        part.store = Store::DamagedIt;
                        Ok(Wanted::State)
                    }
                    Finish::Damaged => {
                        let error = BridgeError::new(FinishRefused::Damaged);
                        Err(ResyncError::from(error).into())
                    }
                }
            }
            StateStanding::NotBegun | StateStanding::Finished { .. } => Ok(Wanted::Blocks),
        }
    }

    /// The fastest source, and who may be as fast, before those that claim more.
    pub(super) async fn giver(
        &self,
        guides: &mut Guides<'_, B>,
        part: &StatePart,
    ) -> Option<PeerId> {
        let clock = self.staged.clock.as_ref();
        let rank = |peer: &PeerId, height: u64| {
            let place = part.paces.place(peer, clock.now());
            (place, Reverse(height))
        };
        guides.next(Aim::Piece, rank).await
    }

    /// The entries after the key `after`.
    async fn piece(
        &self,
        guide: &PeerId,
        patience: Patience,
        of: BlockId<B>,
        after: Option<Vec<u8>>,
    ) -> Result<(), End<B>> {
        if self.is_above_what_is_kept(guide, of) {
            return Err(SourceFault::NoState { of }.into());
        }
        let block = of.hash;
        let request = StateRequest { block, after };
        let within = self.staged.settings.tier2.timeout_per_block;
        let ask = || self.staged.peers.state(guide, &request, within);
        let nodes = items(&self.staged, guide, patience, ask).await?;
        let proof = StateProof(nodes.ok_or(SourceFault::NoState { of })?);
        let added = self.store(move |snapshot| snapshot.add_state(&proof));
        match added.await? {
            Ok(()) => Ok(()),
            Err(StateRefused::Proof(fault)) => {
                let offence = match fault {
                    ProofFault::NoEntry => Some(Offence::Contradiction),
                    ProofFault::WrongNode { .. } | ProofFault::Surplus { .. } => {
                        Some(Offence::ProvablyWrong)
                    }
                    // Its hash is the right one: whoever made the state made it so.
                    ProofFault::Malformed { .. } => None,
                };
                if let Some(offence) = offence {
                    self.staged.peers.charge(guide, offence);
                }
                Err(SourceFault::Proof(fault).into())
            }
            Err(StateRefused::Local(error)) => Err(ResyncError::from(error).into()),
            Err(error @ StateRefused::NotAsked) => {
                Err(ResyncError::from(BridgeError::new(error)).into())
            }
        }
    }

    /// Whether `peer` says that its own blocks begin above this one: then it does not have its state either.
    fn is_above_what_is_kept(&self, peer: &PeerId, of: BlockId<B>) -> bool {
        lowest_of(&self.staged, peer).is_some_and(|lowest| lowest > of.number)
    }

    /// The block whose state is stored: with it the chain begins.
    async fn block(
        &self,
        guide: &PeerId,
        patience: Patience,
        of: BlockId<B>,
    ) -> Result<Finish, End<B>> {
        let staging = &self.job.staging;
        let header = staging.header(of.hash).map_err(ResyncError::from)?;
        let parent = header.map(|header| *header.parent_hash());
        let parent = parent.ok_or(SourceFault::NotDelivered { id: of })?;
        let request = RangeRequest {
            start: of.number,
            count: 1,
            parent,
        };
        let within = self.staged.settings.tier2.timeout_per_block;
        let ask = || self.staged.peers.blocks(guide, request.clone(), within);
        if self.is_above_what_is_kept(guide, of) {
            return Err(SourceFault::NoState { of }.into());
        }
        let blocks = items(&self.staged, guide, patience, ask).await?;
        let found = blocks
            .ok_or(SourceFault::NoState { of })?
            .into_iter()
            .next();
        let block = found.filter(|block| block.hash() == of.hash);
        let block = block.ok_or(SourceFault::NotDelivered { id: of })?;
        match self.store(move |snapshot| snapshot.finish(block)).await? {
            Ok(()) => {
                tracing::info!(snapshot = %of, "the chain begins with this block");
                Ok(Finish::Done)
            }
            Err(FinishRefused::Body(fault)) => {
                // Its header is verified, so only the body can be wrong.
                self.staged.peers.charge(guide, Offence::ProvablyWrong);
                Err(SourceFault::Invalid { id: of, fault }.into())
            }
            Err(FinishRefused::Local(error)) => Err(ResyncError::from(error).into()),
            Err(error @ FinishRefused::Damaged) => {
                tracing::error!(snapshot = %of, %error);
                Ok(Finish::Damaged)
            }
            Err(FinishRefused::AuthoritiesChanged) => {
                Err(ResyncError::from(NoSnapshots::AuthoritiesChange).into())
            }
            Err(error @ FinishRefused::OtherBlock) => {
                Err(ResyncError::from(BridgeError::new(error)).into())
            }
        }
    }
}
