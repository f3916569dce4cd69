//! Votes by attestation: where the chains of the authorities are, against ours.

use super::{
    HeightSyncManager, Lineage, Side, Voter, heard::Heard, judging::stored_lineage, manager::State,
};
use crate::{
    attestation::Validity,
    block_id::{BlockId, number},
    headers::{ClaimState, is_stored},
    ports::BridgeError,
    wire::AttestedTip,
};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, sync::Arc};

/// An authority's chain, for the question whether a suspect's blocks are held by somebody else.
#[derive(Debug)]
pub(super) struct Attester<B: BlockT> {
    pub(super) authority: sr25519::Public,
    /// What it attests.
    pub(super) tip: BlockId<B>,
    /// Its chain, as far as it is known.
    pub(super) chain: Lineage<B>,
}

impl<B: BlockT> HeightSyncManager<B> {
    /// How long attestations count here.
    pub(super) fn validity(&self) -> Validity {
        let slot = self.context.bridge.slot_duration();
        Validity::of(&self.context.settings, slot)
    }

    /// How many authorities there are, as last judged.
    pub fn authorities(&self) -> usize {
        let state = self.state();
        state
            .electors
            .as_ref()
            .map_or(0, |(_, electors)| electors.len())
    }

    /// Who may seal the child of `parent`.
    pub(super) fn electors(
        &self,
        state: &mut State<B>,
        parent: BlockId<B>,
    ) -> Result<Arc<BTreeSet<sr25519::Public>>, BridgeError> {
        if let Some((known, electors)) = &state.electors
            && *known == parent
        {
            return Ok(Arc::clone(electors));
        }
        let authorities = self.context.bridge.authorities_at(parent.hash)?;
        let electors: BTreeSet<_> = authorities.into_iter().map(sr25519::Public::from).collect();
        let electors = Arc::new(electors);
        state.attestations.keep_only(&electors);
        state.electors = Some((parent, Arc::clone(&electors)));
        Ok(electors)
    }

    /// Places the chains of all authorities whose attestations count now.
    pub(super) fn hear_authorities(
        &self,
        state: &State<B>,
        electors: &BTreeSet<sr25519::Public>,
        ours: &BlockId<B>,
        heard: &mut Heard<B>,
    ) -> Result<(), BridgeError> {
        let now = self.context.clock.now();
        let counting = state
            .attestations
            .counting(self.validity(), self.context.clock.wall(), now);
        for (attestation, at) in counting {
            if !electors.contains(&attestation.authority) {
                continue;
            }
            let tip = &attestation.tip;
            if self.is_being_probed(state, ours, &tip.best)? {
                heard.probing += 1;
            }
            match self.place(state, tip, ours)? {
                Some(voter) => {
                    heard.attesters.push(Attester {
                        authority: attestation.authority,
                        tip: tip.best,
                        chain: voter.chain.clone(),
                    });
                    heard.vote(voter, now.since(at));
                }
                None => heard.unplaced.push((attestation.authority, tip.best)),
            }
        }
        let silent = electors.len().saturating_sub(heard.attesters.len());
        heard.ballot.silent = silent;
        heard.open = silent;
        Ok(())
    }

    /// Whether an attested tip above us is being checked for the first time: the slot waits for it within its share, because
    /// it may hold us up. What only peers claim is worth no waiting.
    fn is_being_probed(
        &self,
        state: &State<B>,
        ours: &BlockId<B>,
        tip: &BlockId<B>,
    ) -> Result<bool, BridgeError> {
        if tip.number <= ours.number
            || state.tips.holding(tip).is_some()
            || is_stored(self.context.bridge.as_ref(), tip)?
        {
            return Ok(false);
        }
        let table = self.context.peers.table();
        Ok(table.iter().any(|(peer, entry)| {
            let claims = entry
                .sighting
                .as_ref()
                .is_some_and(|told| told.standing.best == *tip);
            claims
                && matches!(
                    state.claims.state(peer, tip),
                    None | Some(ClaimState::Probing { .. })
                )
        }))
    }

    /// The vote of an attested tip; `None` while its headers are not known as far down as our chain.
    fn place(
        &self,
        state: &State<B>,
        tip: &AttestedTip<B>,
        ours: &BlockId<B>,
    ) -> Result<Option<Voter<B>>, BridgeError> {
        let bridge = self.context.bridge.as_ref();
        // The highest first, as they are signed.
        let ids = attested_blocks(tip);
        for (above, id) in ids.iter().enumerate() {
            let is_ours =
                id.number <= ours.number && bridge.canonical_hash(id.number)? == Some(id.hash);
            if is_ours {
                let above = ids.iter().take(above).rev().copied().collect();
                return Ok(Some(voter(tip.best, Lineage::leaving(*id, above), ours)));
            }
        }
        for id in &ids {
            let run = state.tips.holding(id);
            if let Some(chain) = run.and_then(|run| run.lineage_to(id)) {
                return Ok(Some(voter(tip.best, chain, ours)));
            }
            if let Some(chain) = stored_lineage(bridge, *id)? {
                return Ok(Some(voter(tip.best, chain, ours)));
            }
        }
        let partly = state.claims.partial_run(&tip.best);
        let partly = partly.or_else(|| self.shown_below(state, &ids));
        let partly = partly.and_then(|end| state.tips.holding(&end)?.lineage_to(&end));
        if let Some(chain) = partly {
            return Ok(Some(voter(tip.best, chain, ours)));
        }
        // Not ours at a height that we reach, so it is another chain, wherever it leaves ours.
        let lowest = ids.last().unwrap_or(&tip.best);
        Ok((lowest.number <= ours.number).then(|| {
            let genesis = BlockId::new(number::<B>(0), bridge.genesis_hash());
            voter(tip.best, Lineage::on_our_chain(genesis), ours)
        }))
    }

    /// How far the chain of one of these blocks was shown by a peer that says now that it has it. A claim that no window of headers
    /// reaches is not probed again for each block that its chain goes on by.
    fn shown_below(&self, state: &State<B>, blocks: &[BlockId<B>]) -> Option<BlockId<B>> {
        let table = self.context.peers.table();
        table.iter().find_map(|(peer, entry)| {
            let shown = state.claims.get(peer)?.shown()?;
            let told = entry.sighting.as_ref()?;
            let has = |block: &BlockId<B>| {
                block.number >= shown.number && told.hash_at(block.height()) == Some(block.hash)
            };
            let is_of_it = blocks.iter().any(has) && state.tips.holding(&shown).is_some();
            is_of_it.then_some(shown)
        })
    }
}

/// The voter of `chain`, whose tip is `tip`.
pub(super) fn voter<B: BlockT>(tip: BlockId<B>, chain: Lineage<B>, ours: &BlockId<B>) -> Voter<B> {
    let side = if chain.shared().number >= tip.number.min(ours.number) {
        Side::WithUs
    } else {
        Side::Against
    };
    Voter { tip, side, chain }
}

/// The attested blocks, the highest first. Whoever signs more hashes than its height has blocks says nothing with the rest.
pub(crate) fn attested_blocks<B: BlockT>(tip: &AttestedTip<B>) -> Vec<BlockId<B>> {
    let top = tip.best.height();
    let below = tip.below.iter().zip(1_u64..);
    let below = below.map_while(|(hash, down)| {
        let height = top.checked_sub(down)?;
        Some(BlockId::new(number::<B>(height), *hash))
    });
    std::iter::once(tip.best).chain(below).collect()
}
