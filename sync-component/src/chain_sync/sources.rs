//! Whom a run fetches from.

use super::{ChainSyncManager, OperatorsOrder, ResyncError, Staging};
use crate::{block_id::BlockId, peers::Record, ports::PeerId, wire::Activity};
use futures::future::{Either, select};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, fmt, pin::pin, sync::Arc, time::Duration};

/// A peer to fetch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The peer.
    pub peer: PeerId,
    /// Who says that it may be trusted.
    pub voucher: Voucher,
}

/// Who vouches for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voucher {
    /// The operator, with `--peer`.
    Operator,
    /// The chain spec or `--reserved-nodes`.
    Declared,
    /// Ourselves: it was consistent with us for `tier3_trust_hours`.
    Observed,
}

impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "named by the operator",
            Self::Declared => "a reserved node",
            Self::Observed => "observed and never in contradiction for tier3_trust_hours",
        })
    }
}

/// What a run that waits for its sources gets.
pub(super) enum Awaited<B: BlockT> {
    /// At least one.
    Sources(Vec<Source>),
    /// None, but the staged chain, which ends here, is the voters'.
    Voted(BlockId<B>),
}

impl<B: BlockT> ChainSyncManager<B> {
    /// The sources, once there is one. A run that an earlier process began goes on by itself whenever one comes; and if the voters
    /// hold what that process staged, it needs none.
    pub(super) async fn await_sources(
        &self,
        order: &OperatorsOrder<B>,
        files: &Arc<dyn Staging<B>>,
    ) -> Result<Awaited<B>, ResyncError<B>> {
        let request = order.request();
        loop {
            match self.find_trusted_peer(&request.peers).await {
                Err(away @ (ResyncError::NoTrustedPeer | ResyncError::NamedPeersAway(_)))
                    if order.is_of_journal() =>
                {
                    tracing::warn!(%away, "the resync goes on as soon as one of its sources is connected");
                    let comes = pin!(self.a_source_comes(&request.peers));
                    let voted = pin!(self.voted_at_last(request, files));
                    match select(comes, voted).await {
                        Either::Left(((), _)) => {}
                        Either::Right((staged, _)) => return Ok(Awaited::Voted(staged)),
                    }
                }
                found => return Ok(Awaited::Sources(found?)),
            }
        }
    }

    async fn a_source_comes(&self, named: &[PeerId]) {
        while self.sources(named).is_empty() {
            self.sleep_a_slot().await;
        }
    }

    /// The peers to fetch from: those that the operator named, or else the trusted ones (SPEC section 3). Waits
    /// `tier1_timeout_secs` for the first of them to connect.
    pub async fn find_trusted_peer(&self, named: &[PeerId]) -> Result<Vec<Source>, ResyncError<B>> {
        let clock = &self.context.clock;
        let until = clock.now().plus(self.context.settings.tier1.timeout);
        loop {
            let sources = self.sources(named);
            if !sources.is_empty() {
                self.watch.sources(sources.len());
                return Ok(sources);
            }
            if named.is_empty() && !self.knows_a_trusted_peer() {
                return Err(ResyncError::NoTrustedPeer);
            }
            if clock.now() >= until {
                return Err(if named.is_empty() {
                    ResyncError::NoTrustedPeer
                } else {
                    ResyncError::NamedPeersAway(named.to_vec())
                });
            }
            clock.sleep(Duration::from_millis(200)).await;
        }
    }

    /// All sources: first those that claim more than is staged, last those that are not connected yet, or not any more.
    pub(super) fn sources_above(&self, named: &[PeerId], staged: BlockId<B>) -> Vec<Source> {
        let mut sources = self.sources(named);
        let table = self.context.peers.table();
        let is_above = |source: &Source| {
            let told = table.get(&source.peer)?.sighting.as_ref()?;
            Some(told.standing.best.number > staged.number)
        };
        sources.sort_by_key(|source| is_above(source) != Some(true));
        let there: BTreeSet<_> = sources.iter().map(|source| source.peer.clone()).collect();
        let records = table.ledger().iter();
        let known = named.iter().chain(&self.declared);
        let known: BTreeSet<_> = known.chain(records.map(|(peer, _)| peer)).collect();
        let away = known.into_iter().filter(|peer| !there.contains(*peer));
        sources.extend(away.filter_map(|peer| {
            let voucher = self.voucher(peer, table.record(peer), named)?;
            let peer = peer.clone();
            Some(Source { peer, voucher })
        }));
        sources
    }

    /// The sources that are connected now, the likeliest first; those that are syncing themselves come last.
    pub fn sources(&self, named: &[PeerId]) -> Vec<Source> {
        let table = self.context.peers.table();
        let mut sources: Vec<_> = table
            .iter()
            .filter_map(|(peer, entry)| {
                let voucher = self.voucher(peer, table.record(peer), named)?;
                let latency = table.record(peer).and_then(|record| record.latency);
                let told = entry.sighting.as_ref()?;
                let is_syncing = told.standing.activity == Activity::Syncing;
                let peer = peer.clone();
                let likely = (is_syncing, entry.undelivered, latency);
                Some((likely, Source { peer, voucher }))
            })
            .collect();
        sources.sort_by_key(|(likely, _)| *likely);
        sources.into_iter().map(|(_, source)| source).collect()
    }

    fn voucher(&self, peer: &PeerId, record: Option<&Record>, named: &[PeerId]) -> Option<Voucher> {
        if !named.is_empty() {
            return named.contains(peer).then_some(Voucher::Operator);
        }
        if self.declared.contains(peer) {
            return Some(Voucher::Declared);
        }
        let hours = self.context.settings.tier3.trust_hours;
        let observed = record.is_some_and(|record| record.is_trusted(hours));
        observed.then_some(Voucher::Observed)
    }

    /// Whether there is one to wait for.
    fn knows_a_trusted_peer(&self) -> bool {
        let table = self.context.peers.table();
        let mut records = table.ledger().iter();
        let hours = self.context.settings.tier3.trust_hours;
        !self.declared.is_empty() || records.any(|(_, record)| record.is_trusted(hours))
    }
}
