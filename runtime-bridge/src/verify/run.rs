//! Everything about a run of blocks that needs no state.

use super::{KnownSeals, ParentFacts, Rules, SignatureCheck, Signatures, author_of, check_body};
use crate::{
    chain_block::ChainBlock,
    execute::{AuthoritySet, Runtime},
};
use sp_consensus_aura::{Slot, sr25519::AuthorityId};
use sp_runtime::traits::Header as HeaderT;
use sync_component::{
    BlockId,
    ports::{BlockFault, Finding, HeaderFault, UnixMillis},
};

/// What a run is checked with.
#[derive(Debug)]
pub(crate) struct RunCheck<'a, R> {
    pub(crate) rules: &'a Rules,
    pub(crate) runtime: &'a R,
    /// Those after the stored block that the run builds on.
    pub(crate) authorities: &'a [AuthorityId],
    pub(crate) seals: &'a KnownSeals,
    pub(crate) now: UnixMillis,
}

/// What a run is, as far as it can be told.
#[derive(Debug)]
pub(crate) enum Verdict<B: ChainBlock> {
    /// These are good from the front on, and this is wrong with the next one, if any is left.
    Told(Vec<Finding<B>>, Option<(BlockId<B>, BlockFault)>),
    /// A seal is not by the authority that the state below the run names for its slot, but a block between may have changed
    /// that: only execution tells.
    Open,
}

/// Whose a signature is.
#[derive(Clone, Copy, Debug)]
struct Owner {
    /// Position of the block in the run.
    block: usize,
    what: Signed,
}

#[derive(Clone, Copy, Debug)]
enum Signed {
    Header,
    /// Position in the block.
    Extrinsic(usize),
}

impl Owner {
    fn fault(self) -> (usize, BlockFault) {
        let fault = match self.what {
            Signed::Header => HeaderFault::BadSeal.into(),
            Signed::Extrinsic(index) => BlockFault::BadSignature { index },
        };
        (self.block, fault)
    }
}

impl<R> RunCheck<'_, R> {
    /// Checks `blocks`, which are to follow `parent` one by one; `base` is the stored block that they build on. What is
    /// wrong with the first bad one is what checking each alone would say.
    pub(crate) fn check<B: ChainBlock>(
        &self,
        base: BlockId<B>,
        parent: &B::Header,
        blocks: &[B],
    ) -> Verdict<B>
    where
        R: Runtime<B>,
    {
        let mut findings = Vec::with_capacity(blocks.len());
        let mut signatures = Signatures::new();
        let found = self
            .each(parent, blocks, &mut findings, &mut signatures)
            .and_then(|()| signatures.check().map_err(Owner::fault))
            // A signature of a block before is bad as well: that block is the first one.
            .or_else(|fault| match signatures.check() {
                Ok(()) => Err(fault),
                Err(owner) => Err(owner.fault()),
            });
        let Err((at, fault)) = found else {
            return Verdict::Told(findings, None);
        };
        let Some(block) = blocks.get(at) else {
            return Verdict::Told(findings, None);
        };
        let is_open = fault == BlockFault::Header(HeaderFault::BadSeal)
            && *block.header().parent_hash() != base.hash
            && self.runtime.authority_set() == AuthoritySet::Changing;
        if is_open {
            return Verdict::Open;
        }
        findings.truncate(at);
        let id = BlockId::of(block.header());
        Verdict::Told(findings, Some((id, self.or_from_future(block, fault))))
    }

    /// Checks blocks up to the first whose fault is not in a signature; adds what it found of the others, and their
    /// signatures.
    fn each<B: ChainBlock>(
        &self,
        parent: &B::Header,
        blocks: &[B],
        findings: &mut Vec<Finding<B>>,
        signatures: &mut Signatures<Owner>,
    ) -> Result<(), (usize, BlockFault)>
    where
        R: Runtime<B>,
    {
        let mut above = match ParentFacts::of(parent) {
            Ok(facts) => facts,
            Err(fault) => return Err((0, fault.into())),
        };
        for (at, block) in blocks.iter().enumerate() {
            let finding = self.one(&above, at, block, signatures)?;
            above = ParentFacts {
                hash: finding.id.hash,
                number: finding.id.number,
                slot: Some(finding.slot),
            };
            findings.push(finding);
        }
        Ok(())
    }

    fn one<B: ChainBlock>(
        &self,
        parent: &ParentFacts<B::Header>,
        at: usize,
        block: &B,
        signatures: &mut Signatures<Owner>,
    ) -> Result<Finding<B>, (usize, BlockFault)>
    where
        R: Runtime<B>,
    {
        let of_block = |fault: BlockFault| (at, fault);
        let header = block.header();
        let id = BlockId::of(header);
        let sealed = self.rules.check_header::<B>(parent, header, id);
        let sealed = sealed.map_err(|fault| of_block(fault.into()))?;
        let slot = sealed.slot;
        let known = self.seals.author(&id.hash);
        let author = known.as_ref().or_else(|| author_of(slot, self.authorities));
        let author = author.ok_or_else(|| of_block(HeaderFault::BadSeal.into()))?;
        check_body(block, self.rules.block_bytes).map_err(of_block)?;
        if known.is_none() {
            let what = Signed::Header;
            let added = signatures.add(sealed.by(author, header), Owner { block: at, what });
            added.map_err(Owner::fault)?;
        }
        self.sign(at, block, slot, signatures)?;
        Ok(Finding {
            id,
            slot,
            author: author.clone(),
        })
    }

    /// Adds the signatures of the extrinsics.
    fn sign<B: ChainBlock>(
        &self,
        at: usize,
        block: &B,
        slot: Slot,
        signatures: &mut Signatures<Owner>,
    ) -> Result<(), (usize, BlockFault)>
    where
        R: Runtime<B>,
    {
        let context = self.rules.context::<B>(*block.header().number(), slot);
        for (index, extrinsic) in block.extrinsics().iter().enumerate() {
            if let Some(payload) = self.runtime.signature(extrinsic, &context) {
                let what = Signed::Extrinsic(index);
                let added =
                    signatures.add(SignatureCheck::from(payload), Owner { block: at, what });
                added.map_err(Owner::fault)?;
            }
        }
        Ok(())
    }

    /// A block of the future is put off whatever its seal and its body are, as it is when it comes alone.
    fn or_from_future<B: ChainBlock>(&self, block: &B, fault: BlockFault) -> BlockFault {
        let of_header_alone =
            matches!(&fault, BlockFault::Header(fault) if *fault != HeaderFault::BadSeal);
        if of_header_alone {
            return fault;
        }
        let time =
            super::slot_of(block.header()).and_then(|slot| self.rules.check_time(slot, self.now));
        time.map_or_else(Into::into, |()| fault)
    }
}
