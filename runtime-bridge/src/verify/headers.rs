//! Everything about a run of headers.

use super::{KnownSeals, ParentFacts, Rules, Signatures, author_of};
use crate::{chain_block::ChainBlock, execute::AuthoritySet};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::H256;
use sp_runtime::traits::Header as HeaderT;
use sync_component::{
    BlockId,
    ports::{HeaderFault, UnixMillis},
};

/// What a run of headers is checked with.
#[derive(Debug)]
pub(crate) struct HeaderCheck<'a> {
    pub(crate) rules: &'a Rules,
    /// The stored block that all of it builds on.
    pub(crate) base: H256,
    /// Those after `base`.
    pub(crate) authorities: &'a [AuthorityId],
    /// Whether a block above `base` may change them.
    pub(crate) authority_set: AuthoritySet,
    pub(crate) seals: &'a KnownSeals,
    pub(crate) now: UnixMillis,
}

impl HeaderCheck<'_> {
    /// Checks headers that are to follow `parent` one by one. `Err` is the first faulty one's position and fault. Remembers the
    /// seals of those before it.
    pub(crate) fn check<B: ChainBlock>(
        &self,
        parent: &B::Header,
        headers: &[B::Header],
    ) -> Result<(), (usize, HeaderFault)> {
        let mut sealed = Vec::with_capacity(headers.len());
        let mut signatures = Signatures::new();
        let found = self
            .each::<B>(parent, headers, &mut sealed, &mut signatures)
            // Seals are checked up to the first other fault, so the lower of the two is reported.
            .err();
        let bad_seal = signatures.check().err();
        let fault = match (bad_seal, found) {
            (Some(index), _) => Some((index, HeaderFault::BadSeal)),
            (None, found) => found,
        };
        let fault = fault.map(|(index, fault)| {
            let header = headers.get(index);
            (index, self.or_unexplained(header, fault))
        });
        let good = fault.as_ref().map_or(sealed.len(), |(index, _)| *index);
        self.seals.add(sealed.into_iter().take(good));
        fault.map_or(Ok(()), Err)
    }

    /// Above a block that is not executed yet, authorities that can change may be others than those after `base`.
    fn or_unexplained<H: HeaderT<Hash = H256>>(
        &self,
        header: Option<&H>,
        fault: HeaderFault,
    ) -> HeaderFault {
        let is_open = self.authority_set == AuthoritySet::Changing
            && header.is_some_and(|header| *header.parent_hash() != self.base);
        match fault {
            HeaderFault::BadSeal if is_open => HeaderFault::UnexplainedSeal,
            fault => fault,
        }
    }

    /// Checks headers up to the first whose fault is not in a seal; adds who should have sealed the others.
    fn each<B: ChainBlock>(
        &self,
        parent: &B::Header,
        headers: &[B::Header],
        sealed: &mut Vec<(H256, AuthorityId)>,
        signatures: &mut Signatures<usize>,
    ) -> Result<(), (usize, HeaderFault)> {
        let mut above = ParentFacts::of(parent).map_err(|fault| (0, fault))?;
        // Headers come in their order: if the first one is new, so are those above it, most likely, and looking for each takes time.
        let mut may_be_known = true;
        for (index, header) in headers.iter().enumerate() {
            let at = |fault| (index, fault);
            let id = BlockId::<B>::of(header);
            let digest = self.rules.check_header::<B>(&above, header, id);
            let digest = digest.map_err(at)?;
            let slot = digest.slot;
            let author = author_of(slot, self.authorities);
            let author = author.ok_or_else(|| at(HeaderFault::BadSeal))?;
            // The seal of a header of the future is checked too: only a sealed one says anything about our clock.
            let known = may_be_known.then(|| self.seals.author(&id.hash)).flatten();
            may_be_known &= index > 0 || known.is_some();
            if known.as_ref() != Some(author) {
                let added = signatures.add(digest.by(author, header), index);
                added.map_err(|index| (index, HeaderFault::BadSeal))?;
            }
            sealed.push((id.hash, author.clone()));
            self.rules.check_time(slot, self.now).map_err(at)?;
            above = ParentFacts {
                hash: id.hash,
                number: id.number,
                slot: Some(slot),
            };
        }
        Ok(())
    }
}
