use super::{
    Charge, Ledger, Offence, PeerTable, RangeAnswer, RequestError, answer::OffTopic,
    deliveries::Deliveries,
};
use crate::{
    block_id::BlockId,
    observer::{BlockStage, Observer, StageEnd},
    ports::{Clock, MonoTime, Network, PeerId, Protocol, RequestFailure, UnixMillis},
    settings::SyncSettings,
    wire::{
        Announcement, Attestation, BlocksReply, DecodeError, HeadersReply, RangeReply,
        RangeRequest, StateReply, StateRequest, Status, StatusReply, StatusRequest, WireLimits,
    },
};
use codec::Encode;
use futures::{FutureExt, future::Either};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT, NumberFor, One, Saturating};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// Typed requests to peers. Encodes, waits, decodes, checks that the answer is to the question, and keeps the
/// [`PeerTable`] up to date. Cheap to clone.
pub struct PeerClient<B: BlockT> {
    inner: Arc<Inner<B>>,
    deliveries: Arc<Deliveries<B>>,
    #[cfg(feature = "test-kit")]
    buffers: Arc<crate::block_sync::Buffers>,
}

struct Inner<B: BlockT> {
    network: Arc<dyn Network>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    limits: WireLimits,
    table: Mutex<PeerTable<B>>,
    banned: mpsc::UnboundedSender<PeerId>,
}

impl<B: BlockT> Clone for PeerClient<B> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            deliveries: Arc::clone(&self.deliveries),
            #[cfg(feature = "test-kit")]
            buffers: Arc::clone(&self.buffers),
        }
    }
}

impl<B: BlockT> fmt::Debug for PeerClient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerClient")
            .field("peers", &self.table().len())
            .finish_non_exhaustive()
    }
}

impl<B: BlockT> PeerClient<B> {
    /// A client on `network`. Peers that are banned in `ledger` are refused from the start; every peer that is banned from
    /// now on is also sent through `banned`.
    pub fn new(
        network: Arc<dyn Network>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        settings: &SyncSettings,
        ledger: Ledger,
        banned: mpsc::UnboundedSender<PeerId>,
    ) -> Self {
        for peer in ledger.banned() {
            network.refuse(peer);
        }
        let inner = Inner {
            network,
            clock,
            observer,
            limits: WireLimits::new(settings),
            table: Mutex::new(PeerTable::new(settings.limits.max_peers, ledger)),
            banned,
        };
        Self {
            inner: Arc::new(inner),
            deliveries: Arc::default(),
            #[cfg(feature = "test-kit")]
            buffers: Arc::default(),
        }
    }

    /// The time of day, for the slots of headers.
    pub(crate) fn wall(&self) -> UnixMillis {
        self.inner.clock.wall()
    }

    /// The same peers, for another chain than the live one: what they deliver for it says nothing of whether somebody withholds a
    /// block of that one.
    pub(crate) fn for_another_chain(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            deliveries: Arc::default(),
            #[cfg(feature = "test-kit")]
            buffers: Arc::default(),
        }
    }

    /// What became of requests for blocks lately.
    pub(crate) fn deliveries(&self) -> &Deliveries<B> {
        &self.deliveries
    }

    /// How much of what they delivered is held (invariant I6).
    #[cfg(feature = "test-kit")]
    pub(crate) fn buffers(&self) -> &crate::block_sync::Buffers {
        &self.buffers
    }

    /// The table. Held only for short, synchronous work.
    pub fn table(&self) -> MutexGuard<'_, PeerTable<B>> {
        // Every change of the table leaves it whole, so a panic elsewhere does not spoil it.
        self.inner
            .table
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks where `peer` stands, notes the answer, and returns the attestations that came with it. A peer of another chain
    /// leaves the table.
    pub async fn status(
        &self,
        peer: &PeerId,
        genesis: B::Hash,
        within: Duration,
    ) -> Result<Vec<Attestation<B>>, RequestError> {
        let result = self.ask_status(peer, genesis, within).await;
        self.note_status(peer, result)
    }

    /// Notes how asking `peer` where it stands ended, and returns the attestations that came with the answer.
    pub(crate) fn note_status(
        &self,
        peer: &PeerId,
        result: Result<Status<B>, RequestError>,
    ) -> Result<Vec<Attestation<B>>, RequestError> {
        let now = self.inner.clock.now();
        let mut table = self.table();
        match result {
            Ok(mut status) => {
                let attestations = std::mem::take(&mut status.attestations);
                table.told(peer, status, now);
                Ok(attestations)
            }
            Err(error) => {
                match &error {
                    RequestError::Failed(RequestFailure::Unsupported)
                    | RequestError::OffTopic(OffTopic::Genesis) => table.of_another_chain(peer),
                    // Neither is silence: it is alive, or we did not even ask.
                    RequestError::Busy(_)
                    | RequestError::Failed(RequestFailure::TooManyInFlight) => {
                        table.status_failed(peer, now);
                    }
                    _ => {
                        table.status_failed(peer, now);
                        table.silent(peer);
                    }
                }
                Err(error)
            }
        }
    }

    /// As [`PeerClient::status`], but leaves the answer to the caller.
    pub(crate) async fn ask_status(
        &self,
        peer: &PeerId,
        genesis: B::Hash,
        within: Duration,
    ) -> Result<Status<B>, RequestError> {
        let request = StatusRequest::<B>::Status.encode();
        let body = self.bytes(peer, Protocol::Status, request, within).await?;
        match self.decoded(peer, self.inner.limits.decode_status_reply::<B>(&body))? {
            StatusReply::Status(status) if status.genesis == genesis => Ok(*status),
            StatusReply::Status(_) => Err(RequestError::OffTopic(OffTopic::Genesis)),
            StatusReply::Hashes(_) => Err(self.off_topic(peer, OffTopic::Kind)),
            StatusReply::Busy { retry_after_ms } => Err(busy(retry_after_ms)),
            StatusReply::Refused(reason) => Err(RequestError::Refused(reason)),
        }
    }

    /// Asks for `peer`'s hashes at `numbers`; one entry for each, in order.
    pub async fn hashes(
        &self,
        peer: &PeerId,
        numbers: Vec<NumberFor<B>>,
        within: Duration,
    ) -> Result<Vec<Option<B::Hash>>, RequestError> {
        let asked = numbers.len();
        let request = StatusRequest::<B>::Hashes(numbers).encode();
        let body = self.bytes(peer, Protocol::Status, request, within).await?;
        match self.decoded(peer, self.inner.limits.decode_status_reply::<B>(&body))? {
            StatusReply::Hashes(hashes) if hashes.len() == asked => Ok(hashes),
            StatusReply::Hashes(_) => Err(self.off_topic(peer, OffTopic::Count)),
            StatusReply::Status(_) => Err(self.off_topic(peer, OffTopic::Kind)),
            StatusReply::Busy { retry_after_ms } => Err(busy(retry_after_ms)),
            StatusReply::Refused(reason) => Err(RequestError::Refused(reason)),
        }
    }

    /// Asks for a range of headers. Whatever comes back as items links to `request.parent` and follows itself.
    pub async fn headers(
        &self,
        peer: &PeerId,
        request: RangeRequest<B>,
        within: Duration,
    ) -> Result<RangeAnswer<B::Header>, RequestError> {
        let body = self.header_bytes(peer, &request, within).await?;
        let answer = self.decode_unlinked(peer, &request, &body)?;
        if let RangeAnswer::Items(headers) = &answer {
            follows::<B>(&request, headers.iter()).map_err(|fault| self.off_topic(peer, fault))?;
        }
        Ok(answer)
    }

    /// Asks for a range of headers; what comes back is for [`PeerClient::decode_unlinked`].
    pub(crate) async fn header_bytes(
        &self,
        peer: &PeerId,
        request: &RangeRequest<B>,
        within: Duration,
    ) -> Result<Vec<u8>, RequestError> {
        self.bytes(peer, Protocol::Headers, request.encode(), within)
            .await
    }

    /// What `body` says, which `peer` sent in answer to `request`: headers from where it was asked, with rising numbers. Whether they
    /// follow each other is not looked at: whoever verifies them hashes them anyway.
    pub(crate) fn decode_unlinked(
        &self,
        peer: &PeerId,
        request: &RangeRequest<B>,
        body: &[u8],
    ) -> Result<RangeAnswer<B::Header>, RequestError> {
        let decoded = self
            .inner
            .limits
            .decode_headers_reply::<B>(body, request.count);
        let reply: HeadersReply<B> = self.decoded(peer, decoded)?;
        let answer = range(reply)?;
        if let RangeAnswer::Items(headers) = &answer {
            begins::<B>(request, headers).map_err(|fault| self.off_topic(peer, fault))?;
        }
        Ok(answer)
    }

    /// Asks for a range of blocks. Whatever comes back as items links to `request.parent` and follows itself; bodies
    /// are not checked here.
    pub async fn blocks(
        &self,
        peer: &PeerId,
        request: RangeRequest<B>,
        within: Duration,
    ) -> Result<RangeAnswer<B>, RequestError> {
        let body = self.block_bytes(peer, &request, within).await?;
        let answer = self.decode_blocks(peer, &request, &body)?;
        if let RangeAnswer::Items(blocks) = &answer {
            self.check_range(peer, &request, blocks)?;
        }
        Ok(answer)
    }

    /// Asks for a range of blocks; what comes back is for [`PeerClient::decode_blocks`].
    pub(crate) async fn block_bytes(
        &self,
        peer: &PeerId,
        request: &RangeRequest<B>,
        within: Duration,
    ) -> Result<Vec<u8>, RequestError> {
        self.bytes(peer, Protocol::Blocks, request.encode(), within)
            .await
    }

    /// What `body` says, which `peer` sent in answer to `request`. Whether blocks are the ones asked for is not looked at.
    pub(crate) fn decode_blocks(
        &self,
        peer: &PeerId,
        request: &RangeRequest<B>,
        body: &[u8],
    ) -> Result<RangeAnswer<B>, RequestError> {
        let begun = self.inner.clock.now();
        let decoded = self
            .inner
            .limits
            .decode_blocks_reply::<B>(body, request.count);
        self.measured(BlockStage::Decode, &decoded, begun);
        let reply: BlocksReply<B> = self.decoded(peer, decoded)?;
        // As good as no answer: whoever claims the blocks and refuses them holds others up.
        let answer = range(reply).inspect_err(|_| self.table().undelivered(peer))?;
        if let RangeAnswer::Busy(_) = answer {
            self.deliveries.busy(self.inner.clock.now());
        }
        Ok(answer)
    }

    /// Whether `blocks` are the range that `request` asks for; `peer` is charged if they are not.
    pub(crate) fn check_range(
        &self,
        peer: &PeerId,
        request: &RangeRequest<B>,
        blocks: &[B],
    ) -> Result<(), RequestError> {
        follows::<B>(request, blocks.iter().map(BlockT::header))
            .map_err(|fault| self.off_topic(peer, fault))
    }

    /// Blocks that were asked for came from `peer`, in an answer of so many bytes that took this long; `highest` is the last of
    /// them that has the verified header's hash.
    pub(crate) fn note_delivery(
        &self,
        peer: &PeerId,
        highest: BlockId<B>,
        bytes: usize,
        took: Duration,
    ) {
        self.table().delivered(peer, bytes, took);
        let now = self.inner.clock.now();
        self.deliveries.arrived(highest, bytes, now);
    }

    /// Asks for a piece of a state. What comes back is nodes of a trie, of which nothing is known yet.
    pub async fn state(
        &self,
        peer: &PeerId,
        request: &StateRequest<B>,
        within: Duration,
    ) -> Result<RangeAnswer<Vec<u8>>, RequestError> {
        let body = self
            .bytes(peer, Protocol::State, request.encode(), within)
            .await?;
        let decoded = self.inner.limits.decode_state_reply::<B>(&body);
        let reply: StateReply<B> = self.decoded(peer, decoded)?;
        range(reply)
    }

    /// Pushes `announcement` to `peer`. Whether it was taken does not matter: announcements are hints.
    pub async fn announce(&self, peer: &PeerId, announcement: &Announcement<B>, within: Duration) {
        // The failure is noted in the table by `bytes`.
        let _ = self
            .bytes(peer, Protocol::Announce, announcement.encode(), within)
            .await;
    }

    /// Charges `peer`, and bans it if that was too much.
    pub fn charge(&self, peer: &PeerId, offence: Offence) {
        let now = self.inner.clock.now();
        if self.table().charge(peer, offence, now) == Charge::Banned {
            tracing::warn!(%peer, ?offence, "peer banned");
            self.shut_out(peer);
        }
    }

    /// The operator bans `peer` until [`PeerClient::unban`].
    pub fn ban(&self, peer: &PeerId) {
        let now = self.inner.clock.now();
        self.table().ban(peer, now);
        tracing::warn!(%peer, "peer banned by the operator");
        self.shut_out(peer);
    }

    fn shut_out(&self, peer: &PeerId) {
        self.inner.network.refuse(peer);
        // Another ban may have ended to make room.
        self.lift_expired_bans();
        // Nobody listens any more when the node is stopping.
        let _ = self.inner.banned.send(peer.clone());
    }

    /// The operator takes a ban back. Says whether there was one.
    pub fn unban(&self, peer: &PeerId) -> bool {
        let now = self.inner.clock.now();
        let was_banned = self.table().ledger_mut().unban(peer, now);
        self.lift_expired_bans();
        was_banned
    }

    /// Lets peers in again whose ban is over.
    pub fn lift_expired_bans(&self) {
        let now = self.inner.clock.now();
        let over = self.table().lift_expired(now);
        for peer in over {
            self.inner.network.allow(&peer);
        }
    }

    async fn bytes(
        &self,
        peer: &PeerId,
        protocol: Protocol,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Vec<u8>, RequestError> {
        let start = self.inner.clock.now();
        let request = self.inner.network.request(peer, protocol, body);
        let result =
            match futures::future::select(request, self.inner.clock.sleep(within).boxed()).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(RequestFailure::Timeout),
            };
        let now = self.inner.clock.now();
        if protocol == Protocol::Blocks {
            self.measured(BlockStage::Download, &result, start);
        }
        match &result {
            Ok(_) => {
                self.inner.observer.answered(protocol, now.since(start));
                // Others take as long as what they carry.
                if protocol == Protocol::Status {
                    self.table().answered(peer, now.since(start));
                }
            }
            Err(RequestFailure::BrokenEnvelope) => self.charge(peer, Offence::ProvablyWrong),
            Err(RequestFailure::Timeout) if protocol == Protocol::Blocks => {
                self.table().undelivered(peer);
            }
            Err(RequestFailure::Disconnected) if protocol == Protocol::Blocks => {
                self.table().broke_off(peer);
            }
            Err(_) => {}
        }
        Ok(result?)
    }

    fn measured<T, E>(&self, stage: BlockStage, result: &Result<T, E>, begun: MonoTime) {
        let took = self.inner.clock.now().since(begun);
        self.inner.observer.stage(stage, StageEnd::of(result), took);
    }

    fn decoded<T>(
        &self,
        peer: &PeerId,
        decoded: Result<T, DecodeError>,
    ) -> Result<T, RequestError> {
        Ok(decoded.inspect_err(|_| self.charge(peer, Offence::ProvablyWrong))?)
    }

    fn off_topic(&self, peer: &PeerId, fault: OffTopic) -> RequestError {
        self.charge(
            peer,
            match fault {
                OffTopic::Range => Offence::ProvablyWrong,
                OffTopic::Kind | OffTopic::Genesis | OffTopic::Count => Offence::Contradiction,
            },
        );
        RequestError::OffTopic(fault)
    }
}

fn busy(retry_after_ms: u32) -> RequestError {
    RequestError::Busy(Duration::from_millis(retry_after_ms.into()))
}

fn range<T, N>(reply: RangeReply<T, N>) -> Result<RangeAnswer<T>, RequestError> {
    match reply {
        RangeReply::Items(items) => Ok(RangeAnswer::Items(items)),
        RangeReply::NotFound { .. } => Ok(RangeAnswer::NotFound),
        RangeReply::Busy { retry_after_ms } => Ok(RangeAnswer::Busy(Duration::from_millis(
            retry_after_ms.into(),
        ))),
        RangeReply::Refused(reason) => Err(RequestError::Refused(reason)),
    }
}

/// Whether `headers` are as many as `request` asks for at most, and where it asks for them.
fn begins<B: BlockT>(request: &RangeRequest<B>, headers: &[B::Header]) -> Result<(), OffTopic> {
    if headers.is_empty() || headers.len() > usize::try_from(request.count).unwrap_or(usize::MAX) {
        return Err(OffTopic::Count);
    }
    let mut number = request.start;
    for header in headers {
        if *header.number() != number {
            return Err(OffTopic::Range);
        }
        number = number.saturating_add(One::one());
    }
    let first = headers.first().map(HeaderT::parent_hash);
    if first == Some(&request.parent) {
        Ok(())
    } else {
        Err(OffTopic::Range)
    }
}

/// Whether `headers` are the range that `request` asks for.
fn follows<'a, B: BlockT>(
    request: &RangeRequest<B>,
    headers: impl ExactSizeIterator<Item = &'a B::Header>,
) -> Result<(), OffTopic>
where
    B::Header: 'a,
{
    if headers.len() == 0 || headers.len() > usize::try_from(request.count).unwrap_or(usize::MAX) {
        return Err(OffTopic::Count);
    }
    let (mut number, mut parent) = (request.start, request.parent);
    for header in headers {
        if *header.number() != number || *header.parent_hash() != parent {
            return Err(OffTopic::Range);
        }
        parent = header.hash();
        number = number.saturating_add(One::one());
    }
    Ok(())
}
