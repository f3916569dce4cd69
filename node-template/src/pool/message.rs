//! The bodies of `transactions/1`: a SCALE list of extrinsics, and its answer. Their envelope is that of the sync protocols: an
//! unsigned-varint length in front.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the `Encode` derive casts the variants' indices, which fit"
)]

use crate::runtime::Extrinsic;
use codec::{Decode, DecodeWithMemLimit, DecodeWithMemTracking, Encode};

/// Memory for decoding one body, in bytes.
const DECODE_BYTES: usize = 4 * 1024 * 1024;

/// The answer to a body of extrinsics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub(super) enum Answer {
    /// That many, from the first on, need not be sent again.
    #[codec(index = 0)]
    Taken(u32),
    /// None was looked at; try again after so many milliseconds.
    #[codec(index = 1)]
    Busy(u32),
}

/// Bytes that no honest node sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadBody;

/// The extrinsics in a body.
pub(super) fn decode(body: &[u8]) -> Result<Vec<Extrinsic>, BadBody> {
    let mut input = body;
    let extrinsics = Vec::<Extrinsic>::decode_with_mem_limit(&mut input, DECODE_BYTES);
    let extrinsics = extrinsics.map_err(|_| BadBody)?;
    if input.is_empty() {
        Ok(extrinsics)
    } else {
        Err(BadBody)
    }
}
