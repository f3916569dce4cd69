//! The headers of a snapshot.

use super::{Build, Wanted};
use crate::{
    block_id::{BlockId, height_of, number},
    chain_sync::{ResyncError, SourceFault, asking::tip_of, end::End, flow::Flow, guides::Guides},
    error::Blame,
    headers::{Above, Claimant, Claimants, Lagging, Skeleton, further},
    peers::{Offence, RangeAnswer},
    ports::{BridgeError, HeaderFault, HeaderRejected, HeadersRefused, PeerId, heavy},
    wire::RangeRequest,
};
use futures::future::join;
use sp_runtime::traits::{Block as BlockT, Header as _};
use std::{sync::Arc, time::Duration};

/// What the requests for headers of one source's chain leave to the next ones.
struct Asking<B: BlockT> {
    skeleton: Skeleton<B>,
    lagging: Lagging,
}

impl<B: BlockT> Build<'_, B> {
    /// Headers up to the tip of `guide`, then, where nobody may lead much further, the choice of the block whose state is taken.
    pub(super) async fn headers_and_choice(
        &self,
        guide: &PeerId,
        guides: &mut Guides<'_, B>,
    ) -> Result<Wanted, End<B>> {
        let mut flow = guides.flow(guide);
        let ended = self.headers(guide, guides, &mut flow).await;
        guides.keep(guide, flow);
        ended?;
        let reached = height_of::<B>(&self.standing().await?.header);
        if !guides.is_end(guide, reached) {
            return Ok(Wanted::Headers);
        }
        self.choose().await?;
        Ok(Wanted::State)
    }

    /// All headers of `guide`'s chain above those that are there, from all sources that claim the same tip. While some are
    /// stored the next ones are on their way.
    async fn headers(
        &self,
        guide: &PeerId,
        guides: &Guides<'_, B>,
        flow: &mut Flow,
    ) -> Result<(), End<B>> {
        let within = guides.within(guide);
        let tip = tip_of(&self.staged, self.job.staging.as_ref(), guide, within).await?;
        let mut above = Above {
            base: self.genesis,
            header: self.standing().await?.header,
        };
        let mut asking = Asking {
            skeleton: Skeleton::default(),
            lagging: Lagging::default(),
        };
        let settings = &self.staged.settings;
        let clock = self.staged.clock.as_ref();
        let mut attempts = 0;
        let least = guides.least(settings.limits.headers_per_request);
        let mut looked = (clock.now(), height_of::<B>(&above.header));
        let mut highest = looked.1;
        let mut arrived = Vec::new();
        while *above.header.number() < tip.number {
            let (stored, more) = join(
                self.add(guide, arrived),
                self.further(guide, tip, &above, &mut asking),
            )
            .await;
            stored?;
            let more = more?;
            if let Some(last) = more.last() {
                above.header = last.clone();
                // What is fetched once more, because the newest ones were dropped, is nothing new.
                if height_of::<B>(last) > highest {
                    highest = height_of::<B>(last);
                    attempts = 0;
                }
            } else if self.is_future_next(guide, &above, within).await? {
                return self.ends_now(tip, &above.header);
            } else {
                attempts += 1;
                if attempts > settings.tier2.max_retries.get() {
                    return Err(SourceFault::Unproven.into());
                }
                // The newest ones may not be on the source's chain.
                above.header = self.without_tail().await?;
                let pause = settings.limits.backoff_first;
                self.staged.clock.sleep(pause).await;
            }
            arrived = more;
            let now = (clock.now(), highest);
            let (took, count) = (now.0.since(looked.0), now.1.saturating_sub(looked.1));
            looked = now;
            if let Err(slow) = flow.note(count, took, least) {
                self.add(guide, arrived).await?;
                return Err(slow.into());
            }
        }
        self.add(guide, arrived).await
    }

    /// Whether the next header of `guide`'s chain lies in the future.
    async fn is_future_next(
        &self,
        guide: &PeerId,
        above: &Above<B>,
        within: Duration,
    ) -> Result<bool, End<B>> {
        let below = BlockId::<B>::of(&above.header);
        let request = RangeRequest {
            start: number::<B>(below.height().saturating_add(1)),
            count: 1,
            parent: below.hash,
        };
        let answer = self.staged.peers.headers(guide, request, within).await;
        let Some(next) = answer.ok().and_then(RangeAnswer::into_items) else {
            return Ok(false);
        };
        let (base, parent) = (above.base, above.header.clone());
        let (staging, now) = (Arc::clone(&self.job.staging), self.staged.clock.wall());
        let checked = heavy(self.staged.executor.as_ref(), move || {
            staging.verify_headers(base, &parent, &next, now)
        });
        Ok(matches!(
            checked.await.map_err(ResyncError::from)?,
            Err(HeaderRejected::Faulty {
                fault: HeaderFault::FromFuture { .. },
                ..
            })
        ))
    }

    /// What follows `last` lies in the future. That will do, unless the voters are too far above.
    fn ends_now(&self, tip: BlockId<B>, last: &B::Header) -> Result<(), End<B>> {
        let above = BlockId::<B>::of(last);
        let most = self.staged.settings.tier1.max_gap;
        if above.height().saturating_add(most) < tip.height() {
            return Err(SourceFault::FromFuture { above }.into());
        }
        Ok(())
    }

    /// The next headers; none if nothing came, or the guide's chain does not go on above these.
    async fn further(
        &self,
        guide: &PeerId,
        tip: BlockId<B>,
        above: &Above<B>,
        asking: &mut Asking<B>,
    ) -> Result<Vec<B::Header>, End<B>> {
        let settings = &self.staged.settings;
        let limits = &settings.limits;
        let mut claims: Vec<_> = self
            .claims()
            .filter(|(peer, claimed)| *claimed == tip && peer != guide)
            .collect();
        claims.insert(0, (guide.clone(), tip));
        let latency = |peer| self.staged.peers.table().record(peer)?.latency;
        let claims: Vec<_> = claims
            .iter()
            .map(|(peer, tip)| Claimant {
                peer,
                tip: *tip,
                latency: latency(peer),
            })
            .collect();
        // As long as for the blocks of so many: others may have the headers.
        let longest = settings.tier2.timeout_per_block;
        let now = self.staged.clock.now();
        let claimants = Claimants::of(&claims, &asking.lagging, longest, now);
        let claimants = claimants.ok_or(SourceFault::Gone)?;
        let window = u64::from(limits.headers_per_request).max(1);
        let most = claimants.stride(window, limits.headers_ahead.into());
        let skeleton = &mut asking.skeleton;
        let found = further(&self.staged, &claimants, above, most, skeleton).await;
        let found = found.map_err(ResyncError::Local)?;
        asking.lagging.note(found.lacking, self.staged.clock.now());
        Ok(found.headers)
    }

    async fn add(&self, guide: &PeerId, headers: Vec<B::Header>) -> Result<(), End<B>> {
        let Some(last) = headers.last().cloned() else {
            return Ok(());
        };
        let now = self.staged.clock.wall();
        let added = self
            .store(move |snapshot| snapshot.add_headers(&headers, now))
            .await?;
        match added {
            Ok(()) => {
                self.note_headers(&last);
                Ok(())
            }
            Err(HeadersRefused::Rejected(HeaderRejected::Local(error))) => {
                Err(ResyncError::from(error).into())
            }
            Err(error @ HeadersRefused::Finished) => {
                Err(ResyncError::from(BridgeError::new(error)).into())
            }
            Err(HeadersRefused::NothingFinal { count }) => {
                let above = self.standing().await?.finalized;
                Err(SourceFault::NoFinality { above, count }.into())
            }
            Err(HeadersRefused::Rejected(HeaderRejected::Faulty {
                fault: HeaderFault::FromFuture { .. },
                ..
            })) => {
                let above = BlockId::of(&self.standing().await?.header);
                Err(SourceFault::FromFuture { above }.into())
            }
            Err(refused) => {
                if let HeadersRefused::Rejected(HeaderRejected::Faulty { fault, .. }) = &refused
                    && fault.blame() == Blame::Peer
                {
                    self.staged.peers.charge(guide, Offence::ProvablyWrong);
                }
                Err(SourceFault::Headers(refused).into())
            }
        }
    }

    /// Forgets the headers that are not final; the highest one that is left.
    async fn without_tail(&self) -> Result<B::Header, ResyncError<B>> {
        self.on_disk(|snapshot| snapshot.drop_unfinal()).await?;
        Ok(self.standing().await?.header)
    }
}
