//! What no bytes from a peer may do, and what every message survives (SPEC section 2).

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

mod samples;

use codec::{Compact, Encode};
use proptest::{collection::vec, option, prelude::*};
use samples::{
    Narrow, Sample, Wide, announcement, attestation, block, hash, header, range_request, status,
};
use sp_core::sr25519;
use sp_runtime::{OpaqueExtrinsic, traits::Block as _};
use sync_component::{
    Blame, BlockId, SyncSettings,
    ports::Protocol,
    wire::{
        ATTESTED_HASHES, Activity, AnnounceReply, AnnouncedPlace, Announcement, Attestation,
        AttestedTip, BlocksReply, DecodeError, HeadersReply, RangeReply, RangeRequest,
        RefusedReason, Roles, Standing, Status, StatusReply, StatusRequest, WireItem, WireLimits,
    },
};

fn limits() -> WireLimits {
    WireLimits::new(&SyncSettings::default())
}

fn any_hash<B: Sample>() -> impl Strategy<Value = B::Hash> {
    any::<u8>().prop_map(hash::<B>)
}

fn any_id<B: Sample>() -> impl Strategy<Value = BlockId<B>> {
    (any::<u32>(), any_hash::<B>()).prop_map(|(number, hash)| BlockId::new(number.into(), hash))
}

fn any_activity() -> impl Strategy<Value = Activity> {
    prop_oneof![
        Just(Activity::Serving),
        Just(Activity::Syncing),
        Just(Activity::Stalled)
    ]
}

fn any_reason() -> impl Strategy<Value = RefusedReason> {
    prop_oneof![
        Just(RefusedReason::Undecodable),
        Just(RefusedReason::EmptyRange),
        Just(RefusedReason::TooMany),
    ]
}

fn any_attestation<B: Sample>() -> impl Strategy<Value = Attestation<B>> {
    let keys = (any::<[u8; 32]>(), vec(any::<u8>(), 64));
    let below = vec(any_hash::<B>(), 0..=ATTESTED_HASHES);
    let tip = (any::<u64>(), any::<u64>(), any_id::<B>(), below);
    (keys, tip).prop_map(
        |((key, signature), (slot, counter, best, below))| Attestation {
            authority: sr25519::Public::from_raw(key),
            tip: AttestedTip {
                slot,
                counter,
                best,
                below,
            },
            signature: sr25519::Signature::from_raw(signature.try_into().unwrap()),
        },
    )
}

fn any_status<B: Sample>() -> impl Strategy<Value = Status<B>> {
    let standing = (
        any_id::<B>(),
        any_id::<B>(),
        any::<u32>(),
        vec(any_hash::<B>(), 0..=16),
        any_activity(),
    );
    let standing = standing.prop_map(|(best, finalized, lowest, below, activity)| Standing {
        best,
        finalized,
        lowest: lowest.into(),
        below,
        activity,
    });
    let roles = prop_oneof![Just(Roles::Full), Just(Roles::Authority)];
    let attestations = vec(any_attestation::<B>(), 0..4);
    (any_hash::<B>(), roles, standing, attestations).prop_map(
        |(genesis, roles, standing, attestations)| Status {
            genesis,
            roles,
            standing,
            attestations,
        },
    )
}

fn any_status_request<B: Sample>() -> impl Strategy<Value = StatusRequest<B>> {
    prop_oneof![
        Just(StatusRequest::Status),
        vec(any::<u32>(), 0..=256).prop_map(|numbers| {
            StatusRequest::Hashes(numbers.into_iter().map(Into::into).collect())
        }),
    ]
}

fn any_status_reply<B: Sample>() -> impl Strategy<Value = StatusReply<B>> {
    prop_oneof![
        any_status::<B>().prop_map(|status| StatusReply::Status(Box::new(status))),
        vec(option::of(any_hash::<B>()), 0..=256).prop_map(StatusReply::Hashes),
        any::<u32>().prop_map(|retry_after_ms| StatusReply::Busy { retry_after_ms }),
        any_reason().prop_map(StatusReply::Refused),
    ]
}

fn any_header<B: Sample>() -> impl Strategy<Value = B::Header> {
    any::<u32>().prop_map(header::<B>)
}

fn any_block<B: Sample>() -> impl Strategy<Value = B> {
    (any_header::<B>(), vec(vec(any::<u8>(), 0..300), 0..5)).prop_map(|(header, bodies)| {
        B::new(
            header,
            bodies.into_iter().map(OpaqueExtrinsic::from_blob).collect(),
        )
    })
}

fn any_range_reply<T, N>(item: impl Strategy<Value = T>) -> impl Strategy<Value = RangeReply<T, N>>
where
    T: std::fmt::Debug,
    N: From<u32> + std::fmt::Debug,
{
    prop_oneof![
        vec(item, 1..10).prop_map(RangeReply::Items),
        (any::<u32>(), any::<u32>()).prop_map(|(lowest, best)| RangeReply::NotFound {
            lowest: lowest.into(),
            best: best.into(),
        }),
        any::<u32>().prop_map(|retry_after_ms| RangeReply::Busy { retry_after_ms }),
        any_reason().prop_map(RangeReply::Refused),
    ]
}

fn any_announcement<B: Sample>() -> impl Strategy<Value = Announcement<B>> {
    let place = prop_oneof![Just(AnnouncedPlace::Fork), Just(AnnouncedPlace::Best)];
    (any_header::<B>(), place, option::of(any_attestation::<B>())).prop_map(
        |(header, place, attestation)| Announcement {
            header,
            place,
            attestation,
        },
    )
}

/// Puts `body` through every decoder. They may refuse it, but only in words.
fn survives<B: Sample>(body: &[u8]) {
    let limits = limits();
    let errors = [
        limits.decode_status_request::<B>(body).err(),
        limits.decode_status_reply::<B>(body).err(),
        limits.decode_range_request::<B>(body).err(),
        limits.decode_headers_reply::<B>(body, 10).err(),
        limits.decode_blocks_reply::<B>(body, 10).err(),
        limits.decode_announcement::<B>(body).err(),
        limits.decode_announce_reply(body).err(),
    ];
    for error in errors.into_iter().flatten() {
        assert_eq!(error.blame(), Blame::Peer);
        assert!(!error.to_string().is_empty());
    }
}

/// An encoded message with the decoder that takes it, which says what is wrong with a body.
type Encoded = (Vec<u8>, fn(&[u8]) -> Option<DecodeError>);

fn samples<B: Sample>() -> Vec<Encoded> {
    let full = status::<B>(Roles::Authority, Activity::Serving, vec![attestation()]);
    let headers: HeadersReply<B> = RangeReply::Items(vec![header::<B>(1), header::<B>(2)]);
    let blocks: BlocksReply<B> = RangeReply::Items(vec![block::<B>(1), block::<B>(2)]);
    let announced = announcement::<B>(AnnouncedPlace::Best, Some(attestation()));
    vec![
        (
            StatusRequest::<B>::Hashes(vec![1_u32.into()]).encode(),
            |body| limits().decode_status_request::<B>(body).err(),
        ),
        (StatusReply::Status(Box::new(full)).encode(), |body| {
            limits().decode_status_reply::<B>(body).err()
        }),
        (range_request::<B>().encode(), |body| {
            limits().decode_range_request::<B>(body).err()
        }),
        (headers.encode(), |body| {
            limits().decode_headers_reply::<B>(body, 10).err()
        }),
        (blocks.encode(), |body| {
            limits().decode_blocks_reply::<B>(body, 10).err()
        }),
        (announced.encode(), |body| {
            limits().decode_announcement::<B>(body).err()
        }),
        (AnnounceReply::Busy { retry_after_ms: 1 }.encode(), |body| {
            limits().decode_announce_reply(body).err()
        }),
    ]
}

macro_rules! properties_for {
    ($shape:ident, $B:ty) => {
        mod $shape {
            use super::*;

            proptest! {
                #[test]
                fn status_messages_decode_to_what_was_encoded(
                    request in any_status_request::<$B>(),
                    reply in any_status_reply::<$B>(),
                ) {
                    let decoded = limits().decode_status_request(&request.encode());
                    prop_assert_eq!(decoded, Ok(request));
                    prop_assert_eq!(limits().decode_status_reply(&reply.encode()), Ok(reply));
                }

                #[test]
                fn range_messages_decode_to_what_was_encoded(
                    start in any::<u32>(),
                    count in any::<u32>(),
                    parent in any_hash::<$B>(),
                    headers in any_range_reply(any_header::<$B>()),
                    blocks in any_range_reply(any_block::<$B>()),
                ) {
                    let request = RangeRequest::<$B> { start: start.into(), count, parent };
                    let decoded = limits().decode_range_request(&request.encode());
                    prop_assert_eq!(decoded, Ok(request));
                    let decoded = limits().decode_headers_reply::<$B>(&headers.encode(), 10);
                    prop_assert_eq!(decoded, Ok(headers));
                    let decoded = limits().decode_blocks_reply::<$B>(&blocks.encode(), 10);
                    prop_assert_eq!(decoded, Ok(blocks));
                }

                #[test]
                fn announcements_decode_to_what_was_encoded(
                    announcement in any_announcement::<$B>(),
                ) {
                    let decoded = limits().decode_announcement(&announcement.encode());
                    prop_assert_eq!(decoded, Ok(announcement));
                }

                #[test]
                fn random_bytes_never_panic(body in vec(any::<u8>(), 0..2_000)) {
                    survives::<$B>(&body);
                }

                #[test]
                fn changed_bytes_never_panic(
                    sample in any::<prop::sample::Index>(),
                    at in any::<prop::sample::Index>(),
                    byte in any::<u8>(),
                ) {
                    let samples = samples::<$B>();
                    let (mut body, _) = samples[sample.index(samples.len())].clone();
                    let at = at.index(body.len());
                    body[at] = byte;
                    survives::<$B>(&body);
                }
            }

            #[test]
            fn cut_message_is_malformed_wherever_it_is_cut() {
                for (body, error) in samples::<$B>() {
                    for length in 0..body.len() {
                        let error = error(&body[..length]);
                        assert!(
                            matches!(error, Some(DecodeError::Malformed(_))),
                            "{error:?}"
                        );
                    }
                }
            }

            #[test]
            fn message_with_more_behind_it_has_trailing_bytes() {
                for (mut body, error) in samples::<$B>() {
                    assert_eq!(error(&body), None);
                    body.extend([0, 0]);
                    assert_eq!(error(&body), Some(DecodeError::TrailingBytes { left: 2 }));
                }
            }

            #[test]
            fn huge_count_in_a_small_body_costs_no_memory() {
                // Room for that many items would end this process.
                let count = Compact(u32::MAX).encode();
                let numbers = [vec![1], count.clone(), vec![0; 64]].concat();
                survives::<$B>(&numbers);
                let error = limits().decode_status_request::<$B>(&numbers).unwrap_err();
                assert!(matches!(error, DecodeError::Malformed(_)));
                let items = [vec![0], count].concat();
                let error = limits().decode_blocks_reply::<$B>(&items, 10).unwrap_err();
                assert!(matches!(error, DecodeError::Malformed(_)));
                let error = limits().decode_headers_reply::<$B>(&items, 10).unwrap_err();
                assert!(matches!(error, DecodeError::Malformed(_)));
            }

            #[test]
            fn body_that_decodes_to_many_times_its_size_is_malformed() {
                // Each of these bytes is an empty extrinsic, which takes the room of a pointer and more.
                let count = 1_u32 << 20;
                let extrinsics = [Compact(count).encode(), vec![0; 1 << 20]].concat();
                let body = [vec![0, 4], header::<$B>(1).encode(), extrinsics].concat();
                let error = limits().decode_blocks_reply::<$B>(&body, 1).unwrap_err();
                assert!(matches!(error, DecodeError::Malformed(_)));
            }
        }
    };
}

properties_for!(narrow, Narrow);
properties_for!(wide, Wide);

#[test]
fn body_above_its_cap_is_not_decoded() {
    let limits = limits();
    let cap = limits.request_cap(Protocol::Blocks);
    let error = limits.decode_range_request::<Narrow>(&vec![0; cap + 1]);
    let expected = DecodeError::TooLong {
        bytes: cap + 1,
        cap,
    };
    assert_eq!(error, Err(expected));
}

#[test]
fn largest_messages_fit_their_caps() {
    let limits = limits();
    let mut attestation = attestation::<Wide>();
    attestation.tip.below = vec![hash::<Wide>(1); ATTESTED_HASHES];
    let mut largest = status::<Wide>(Roles::Full, Activity::Serving, vec![attestation; 256]);
    largest.standing.below = vec![hash::<Wide>(1); 16];
    let reply = StatusReply::Status(Box::new(largest));
    assert_eq!(limits.decode_status_reply(&reply.encode()), Ok(reply));
    let reply = StatusReply::<Wide>::Hashes(vec![Some(hash::<Wide>(1)); 256]);
    assert_eq!(limits.decode_status_reply(&reply.encode()), Ok(reply));
    let request = StatusRequest::<Wide>::Hashes(vec![u64::MAX; 256]);
    assert_eq!(limits.decode_status_request(&request.encode()), Ok(request));

    let around = block::<Wide>(1).encode().len() + 8;
    let body = vec![0; limits.reply_hard_bytes - around];
    let largest = Wide::new(header::<Wide>(1), vec![OpaqueExtrinsic::from_blob(body)]);
    let reply: BlocksReply<Wide> = RangeReply::Items(vec![largest]);
    assert_eq!(
        limits.decode_blocks_reply::<Wide>(&reply.encode(), 1),
        Ok(reply)
    );
}

#[test]
fn lists_above_their_caps_are_too_many() {
    let limits = limits();
    let too_many = |item, count, cap| Some(DecodeError::TooMany { item, count, cap });

    let request = StatusRequest::<Narrow>::Hashes(vec![0; 257]).encode();
    let error = limits.decode_status_request::<Narrow>(&request).err();
    assert_eq!(error, too_many(WireItem::Numbers, 257, 256));

    let status_error = |status: Status<Narrow>| {
        let body = StatusReply::Status(Box::new(status)).encode();
        limits.decode_status_reply::<Narrow>(&body).err()
    };
    let mut status = status::<Narrow>(Roles::Full, Activity::Serving, Vec::new());
    status.standing.below = vec![hash::<Narrow>(1); 17];
    assert_eq!(
        status_error(status.clone()),
        too_many(WireItem::StatusHashes, 17, 16)
    );
    status.standing.below.clear();
    status.attestations = vec![attestation(); 257];
    assert_eq!(
        status_error(status.clone()),
        too_many(WireItem::Attestations, 257, 256)
    );
    status.attestations.truncate(1);
    status.attestations[0].tip.below = vec![hash::<Narrow>(1); 9];
    assert_eq!(
        status_error(status.clone()),
        too_many(WireItem::AttestedHashes, 9, 8)
    );

    let place = AnnouncedPlace::Best;
    let announced = announcement(place, status.attestations.pop()).encode();
    let error = limits.decode_announcement::<Narrow>(&announced).err();
    assert_eq!(error, too_many(WireItem::AttestedHashes, 9, 8));
}

#[test]
fn more_items_than_asked_for_are_too_many_and_none_is_empty() {
    let limits = limits();
    let headers: HeadersReply<Narrow> = RangeReply::Items(vec![header::<Narrow>(1); 3]);
    let error = limits
        .decode_headers_reply::<Narrow>(&headers.encode(), 2)
        .err();
    let expected = DecodeError::TooMany {
        item: WireItem::Headers,
        count: 3,
        cap: 2,
    };
    assert_eq!(error, Some(expected));
    let blocks: BlocksReply<Narrow> = RangeReply::Items(Vec::new());
    let error = limits
        .decode_blocks_reply::<Narrow>(&blocks.encode(), 2)
        .err();
    let item = WireItem::Blocks;
    assert_eq!(error, Some(DecodeError::Empty { item }));
}

#[test]
fn lowered_setting_does_not_refuse_what_others_may_send() {
    let mut settings = SyncSettings::default();
    settings.limits.status_hashes = 1;
    settings.limits.hashes_per_request = 1;
    let status = status::<Narrow>(Roles::Full, Activity::Serving, Vec::new());
    let reply = StatusReply::Status(Box::new(status));
    let decoded = WireLimits::new(&settings).decode_status_reply(&reply.encode());
    assert_eq!(decoded, Ok(reply));
}
