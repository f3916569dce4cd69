//! Where authorities vote: peers only carry what these have signed.

use super::Poll;
use crate::{
    attestation::{AttestationBook, Intake, Validity, is_genuine},
    block_id::{BlockId, number},
    chain_sync::{Ballot, Place, Votes},
    height_sync::{Electorate, attested_blocks},
    peers::{Offence, RangeAnswer},
    ports::{BridgeError, PeerId},
    wire::{Attestation, RangeRequest},
};
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeSet;

impl<B: BlockT> Poll<'_, B> {
    /// Asks all peers for the attestations that they hold. An authority votes with its newest one that counted when it arrived,
    /// whoever brought it, and silent ones are voters. n is known before anybody answers, so nobody is waited for once need(n) of
    /// them hold a block of the staged chain.
    pub(super) async fn of_authorities(&self) -> Result<Votes<B>, BridgeError> {
        // The live chain may be a dead fork, or not open at all.
        let authorities = self.staging.authorities_at(self.staging.best().hash)?;
        let electors: BTreeSet<_> = authorities.into_iter().map(sr25519::Public::from).collect();
        let mut book = AttestationBook::default();
        let asked: Vec<PeerId> = {
            let table = self.context.peers.table();
            table.iter().map(|(peer, _)| peer.clone()).collect()
        };
        let genesis = self.staging.genesis_hash();
        let within = self.context.settings.tier1.timeout;
        let answers = asked.iter().cloned().map(|peer| async move {
            let told = self.context.peers.status(&peer, genesis, within).await;
            (peer, told.unwrap_or_default())
        });
        let mut answers: FuturesUnordered<_> = answers.collect();
        while let Some((peer, told)) = answers.next().await {
            if self.hear(&peer, told, &electors, &mut book) == Heard::Nothing {
                continue;
            }
            let votes = votes(self.ballots(&book)?, &electors);
            if self.voted(&votes).is_ok() {
                return Ok(votes);
            }
        }
        let mut heard = self.ballots(&book)?;
        for ballot in &mut heard {
            self.look_below(ballot, &asked).await?;
        }
        Ok(votes(heard, &electors))
    }

    /// Takes in what `peer` brought. A forged one costs it, as nobody passes on what it did not check.
    fn hear(
        &self,
        peer: &PeerId,
        told: Vec<Attestation<B>>,
        electors: &BTreeSet<sr25519::Public>,
        book: &mut AttestationBook<B>,
    ) -> Heard {
        let clock = &self.context.clock;
        let validity = Validity::of(&self.context.settings, self.staging.slot_duration());
        let mut heard = Heard::Nothing;
        for attestation in told {
            let intake = book.intake(&attestation, electors, validity, clock.wall());
            if !matches!(intake, Intake::New | Intake::Contradicts(_)) {
                continue;
            }
            if !is_genuine(self.staging.genesis_hash(), &attestation) {
                tracing::debug!(%peer, authority = %attestation.authority, "forged attestation");
                self.context.peers.charge(peer, Offence::ProvablyWrong);
                return heard;
            }
            heard = Heard::News;
            if let Intake::New = intake {
                let left = validity.left(attestation.tip.slot, clock.wall());
                book.insert(attestation, clock.now(), left);
            } else {
                book.contradict(&attestation.authority);
            }
        }
        heard
    }

    fn ballots(&self, book: &AttestationBook<B>) -> Result<Vec<Ballot<B>>, BridgeError> {
        let others = book.uncontradicted();
        let others = others.filter(|held| !self.voters.own.contains(&held.authority));
        let told = others.map(|held| self.ballot_of(attested_blocks(&held.tip)));
        told.collect()
    }

    /// Where an authority signed no block of the staged chain, but its chain may leave that within the reach of the vote:
    /// looks for the headers between. Each names its parent, so what leads down from a signed hash is as good as signed.
    async fn look_below(
        &self,
        ballot: &mut Ballot<B>,
        peers: &[PeerId],
    ) -> Result<(), BridgeError> {
        let (Some(lowest), Some(base)) = (ballot.told.last().copied(), self.staged.top.last())
        else {
            return Ok(());
        };
        let distance = lowest.height().saturating_sub(base.height());
        // Twice the reach: from as far below the staged tip to as far above as the voted block may lie.
        let farthest = self.staged.reach.saturating_mul(2);
        if ballot.place == Place::Staged || distance == 0 || distance > farthest {
            return Ok(());
        }
        let request = RangeRequest {
            start: number::<B>(base.height().saturating_add(1)),
            count: u32::try_from(distance).unwrap_or(u32::MAX),
            parent: base.hash,
        };
        let within = self.context.settings.tier1.timeout;
        let asked = peers.iter().cloned().map(|peer| {
            let request = request.clone();
            async move { self.context.peers.headers(&peer, request, within).await }
        });
        for answer in join_all(asked).await {
            // Linked to the base and in themselves, or they would be no answer.
            let Ok(RangeAnswer::Items(headers)) = answer else {
                continue;
            };
            let between: Vec<_> = headers.iter().rev().map(BlockId::<B>::of).collect();
            if between.first() != Some(&lowest) {
                continue;
            }
            let below = between.into_iter().skip(1).chain([*base]);
            let told = ballot.told.iter().copied().chain(below).collect();
            *ballot = self.ballot_of(told)?;
            return Ok(());
        }
        Ok(())
    }
}

fn votes<B: BlockT>(heard: Vec<Ballot<B>>, electors: &BTreeSet<sr25519::Public>) -> Votes<B> {
    Votes {
        electorate: Electorate::Authorities,
        silent: electors.len().saturating_sub(heard.len()),
        heard,
    }
}

/// Whether an answer brought anything that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    News,
    Nothing,
}
