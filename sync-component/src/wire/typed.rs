//! Decoding of each message: [`decode`] with the message's cap, then its item counts. Encoding is
//! [`codec::Encode::encode`]; there is nothing to check in what is ours.

use super::{
    ATTESTED_HASHES, AnnounceReply, Announcement, Attestation, BlocksReply, DecodeError,
    HeadersReply, RangeReply, RangeRequest, StateReply, StateRequest, Status, StatusReply,
    StatusRequest, WireItem, WireLimits, decode, limits::items,
};
use crate::ports::Protocol;
use sp_runtime::traits::Block as BlockT;

impl WireLimits {
    /// Decodes the body of a request on `sync/status/1`.
    pub fn decode_status_request<B: BlockT>(
        &self,
        body: &[u8],
    ) -> Result<StatusRequest<B>, DecodeError> {
        let request = decode(body, self.request_cap(Protocol::Status))?;
        if let StatusRequest::Hashes(numbers) = &request {
            at_most(WireItem::Numbers, numbers.len(), self.hashes_per_request)?;
        }
        Ok(request)
    }

    /// Decodes the body of a reply on `sync/status/1`. Whether a list of hashes is as long as the list of numbers asked
    /// is for the asker to check.
    pub fn decode_status_reply<B: BlockT>(
        &self,
        body: &[u8],
    ) -> Result<StatusReply<B>, DecodeError> {
        let reply = decode(body, self.reply_cap(Protocol::Status))?;
        match &reply {
            StatusReply::Status(status) => self.check_status(status)?,
            StatusReply::Hashes(hashes) => {
                at_most(WireItem::Hashes, hashes.len(), self.hashes_per_request)?;
            }
            StatusReply::Busy { .. } | StatusReply::Refused(_) => {}
        }
        Ok(reply)
    }

    /// Decodes the body of a request on `sync/headers/1` or `sync/blocks/1`. Its `count` is not checked: it only says
    /// how many the asker would take.
    pub fn decode_range_request<B: BlockT>(
        &self,
        body: &[u8],
    ) -> Result<RangeRequest<B>, DecodeError> {
        decode(body, self.request_cap(Protocol::Blocks))
    }

    /// Decodes the body of a reply on `sync/headers/1` to a request for `asked` headers.
    pub fn decode_headers_reply<B: BlockT>(
        &self,
        body: &[u8],
        asked: u32,
    ) -> Result<HeadersReply<B>, DecodeError> {
        let reply = decode(body, self.reply_cap(Protocol::Headers))?;
        let cap = self.headers_per_request.min(items(asked));
        check_range(WireItem::Headers, &reply, cap)?;
        Ok(reply)
    }

    /// Decodes the body of a reply on `sync/blocks/1` to a request for `asked` blocks.
    pub fn decode_blocks_reply<B: BlockT>(
        &self,
        body: &[u8],
        asked: u32,
    ) -> Result<BlocksReply<B>, DecodeError> {
        let reply = decode(body, self.reply_cap(Protocol::Blocks))?;
        let cap = self.blocks_per_request.min(items(asked));
        check_range(WireItem::Blocks, &reply, cap)?;
        Ok(reply)
    }

    /// Decodes the body of a request on `sync/state/1`.
    pub fn decode_state_request<B: BlockT>(
        &self,
        body: &[u8],
    ) -> Result<StateRequest<B>, DecodeError> {
        decode(body, self.request_cap(Protocol::State))
    }

    /// Decodes the body of a reply on `sync/state/1`. How many nodes it holds is bounded by its length alone.
    pub fn decode_state_reply<B: BlockT>(&self, body: &[u8]) -> Result<StateReply<B>, DecodeError> {
        let reply = decode(body, self.reply_cap(Protocol::State))?;
        check_range(WireItem::Nodes, &reply, usize::MAX)?;
        Ok(reply)
    }

    /// Decodes the body of a request on `sync/announce/1`.
    pub fn decode_announcement<B: BlockT>(
        &self,
        body: &[u8],
    ) -> Result<Announcement<B>, DecodeError> {
        let announcement: Announcement<B> = decode(body, self.request_cap(Protocol::Announce))?;
        if let Some(attestation) = &announcement.attestation {
            check_attestation(attestation)?;
        }
        Ok(announcement)
    }

    /// Decodes the body of a reply on `sync/announce/1`.
    pub fn decode_announce_reply(&self, body: &[u8]) -> Result<AnnounceReply, DecodeError> {
        decode(body, self.reply_cap(Protocol::Announce))
    }

    fn check_status<B: BlockT>(&self, status: &Status<B>) -> Result<(), DecodeError> {
        let below = status.standing.below.len();
        at_most(WireItem::StatusHashes, below, self.status_hashes)?;
        let attestations = status.attestations.len();
        at_most(WireItem::Attestations, attestations, self.attestations)?;
        status.attestations.iter().try_for_each(check_attestation)
    }
}

fn check_attestation<B: BlockT>(attestation: &Attestation<B>) -> Result<(), DecodeError> {
    let below = attestation.tip.below.len();
    at_most(WireItem::AttestedHashes, below, ATTESTED_HASHES)
}

fn check_range<T, N>(
    item: WireItem,
    reply: &RangeReply<T, N>,
    cap: usize,
) -> Result<(), DecodeError> {
    match reply {
        RangeReply::Items(list) if list.is_empty() => Err(DecodeError::Empty { item }),
        RangeReply::Items(list) => at_most(item, list.len(), cap),
        RangeReply::NotFound { .. } | RangeReply::Busy { .. } | RangeReply::Refused(_) => Ok(()),
    }
}

fn at_most(item: WireItem, count: usize, cap: usize) -> Result<(), DecodeError> {
    if count > cap {
        Err(DecodeError::TooMany { item, count, cap })
    } else {
        Ok(())
    }
}
