//! Where peers vote: each says which hashes it has.

use super::Poll;
use crate::{
    block_id::{BlockId, number},
    chain_sync::{Ballot, NotVoted, Votes},
    height_sync::Electorate,
    ports::{BridgeError, PeerId},
    wire::{Activity, Standing},
};
use futures::future::join_all;
use sp_runtime::traits::Block as BlockT;

/// An answer to a round.
enum Answer<B: BlockT> {
    /// Without a vote: it is syncing itself.
    Syncing,
    /// Where it stands, and its hashes at the heights that were asked for.
    Vote(Standing<B>, Vec<Option<B::Hash>>),
}

impl<B: BlockT> Poll<'_, B> {
    /// Asks all peers. One that does not answer, or is syncing itself, has no vote; a round needs as many answers as one of
    /// Tier 1.
    pub(super) async fn of_peers(&self) -> Result<Result<Votes<B>, NotVoted<B>>, BridgeError> {
        let (asked, expected) = {
            let table = self.context.peers.table();
            let asked: Vec<PeerId> = table.iter().map(|(peer, _)| peer.clone()).collect();
            let expected = table.iter().filter(|(_, entry)| entry.is_expected());
            (asked, expected.count())
        };
        let answers = asked
            .into_iter()
            .map(|peer| async move { self.ask(&peer).await });
        let answers: Vec<_> = join_all(answers).await.into_iter().flatten().collect();
        let responses = answers.len();
        let required = self.context.settings.tier1.required(expected);
        if responses < required && responses > 0 {
            return Ok(Err(NotVoted::TooFewAnswers {
                responses,
                required,
            }));
        }
        let mut heard = Vec::new();
        for answer in answers {
            if let Answer::Vote(standing, hashes) = answer {
                heard.push(self.ballot(&standing, hashes)?);
            }
        }
        Ok(Ok(Votes {
            electorate: Electorate::Peers,
            heard,
            silent: 0,
        }))
    }

    async fn ask(&self, peer: &PeerId) -> Option<Answer<B>> {
        let peers = &self.context.peers;
        let genesis = self.staging.genesis_hash();
        let within = self.context.settings.tier1.timeout;
        peers.status(peer, genesis, within).await.ok()?;
        let standing = {
            let table = peers.table();
            table.get(peer)?.sighting.as_ref()?.standing.clone()
        };
        if standing.activity == Activity::Syncing {
            return Some(Answer::Syncing);
        }
        let numbers = self.staged.top.iter().map(|block| block.number).collect();
        let hashes = peers.hashes(peer, numbers, within).await.ok()?;
        Some(Answer::Vote(standing, hashes))
    }

    fn ballot(
        &self,
        standing: &Standing<B>,
        hashes: Vec<Option<B::Hash>>,
    ) -> Result<Ballot<B>, BridgeError> {
        let best = standing.best;
        let below = standing.below.iter().zip(1_u64..);
        let below = below.map_while(|(hash, down)| {
            let height = best.height().checked_sub(down)?;
            Some(BlockId::new(number::<B>(height), *hash))
        });
        let told = std::iter::once(best).chain(below).collect();
        let ballot = self.ballot_of(told)?;
        // What it says of these heights it says now.
        Ok(Ballot { hashes, ..ballot })
    }
}
