//! The headers of a snapshot.

use super::Build;
use crate::{
    block_id::BlockId,
    chain_sync::{ResyncError, SourceFault, asking::tip_of, end::End},
    error::Blame,
    headers::{Above, Claimants, ProbeError, Skeleton, further},
    peers::Offence,
    ports::{HeaderRejected, HeadersRefused, PeerId},
};
use futures::future::join;
use sp_runtime::traits::Block as BlockT;

/// Where headers are to follow on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Above the newest one.
    AsItIs,
    /// Above the highest final one: the newest ones were not on the source's chain.
    Dropped,
}

impl<B: BlockT> Build<'_, B> {
    /// Headers up to the tip of `guide`, then the choice of the block whose state is taken.
    pub(super) async fn headers_and_choice(&self, guide: &PeerId) -> Result<(), End<B>> {
        self.headers(guide).await?;
        Ok(self.choose().await?)
    }

    /// All headers of `guide`'s chain above those that are there, from all sources that claim the same tip. While some are
    /// stored the next ones are on their way.
    async fn headers(&self, guide: &PeerId) -> Result<(), End<B>> {
        let tip = tip_of(&self.staged, self.job.staging.as_ref(), guide).await?;
        let mut above = Above {
            base: self.genesis,
            header: self.standing().await?.header,
        };
        let mut tail = Tail::AsItIs;
        let mut skeleton = Skeleton::default();
        let mut arrived = Vec::new();
        while BlockId::<B>::of(&above.header).number < tip.number {
            let (stored, more) = join(
                self.add(guide, arrived),
                self.further(guide, tip, &above, &mut skeleton),
            )
            .await;
            stored?;
            let more = more?;
            match more.last() {
                Some(last) => above.header = last.clone(),
                None if tail == Tail::AsItIs => {
                    tail = Tail::Dropped;
                    above.header = self.without_tail().await?;
                }
                None => {
                    let staged = self.standing().await?.finalized;
                    return Err(SourceFault::OtherChain { staged }.into());
                }
            }
            arrived = more;
        }
        self.add(guide, arrived).await
    }

    /// The next headers; none if the guide's chain does not go on above these.
    async fn further(
        &self,
        guide: &PeerId,
        tip: BlockId<B>,
        above: &Above<B>,
        skeleton: &mut Skeleton<B>,
    ) -> Result<Vec<B::Header>, End<B>> {
        let limits = &self.staged.settings.limits;
        let claims = self.claims();
        let others = claims.filter(|(peer, claimed)| *claimed == tip && peer != guide);
        let claimants = Claimants {
            tip,
            first: guide.clone(),
            others: others.map(|(peer, _)| peer).collect(),
        };
        let window = u64::from(limits.headers_per_request).max(1);
        let most = claimants.stride(window, limits.headers_ahead.into());
        let within = self.staged.settings.tier1.timeout;
        let more = further(&self.staged, &claimants, above, most, within, skeleton).await;
        more.map_err(|error| match error {
            ProbeError::Local(fault) => ResyncError::Local(fault).into(),
            ProbeError::Request(error) => SourceFault::from(error).into(),
            ProbeError::Moved | ProbeError::FromFuture => SourceFault::Unproven.into(),
        })
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
                self.note_progress(&last);
                Ok(())
            }
            Err(HeadersRefused::Rejected(HeaderRejected::Local(error))) => {
                Err(ResyncError::from(error).into())
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
