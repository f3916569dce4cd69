#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use codec::{DecodeAll, Encode};
use proptest::prelude::*;
use runtime_bridge::execute::{BlockContext, Runtime, State, StateError, StateReader};
use sp_consensus_aura::SlotDuration;
use sp_core::{H256, Pair, sr25519};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::collections::BTreeMap;

struct Entries(BTreeMap<Vec<u8>, Vec<u8>>);

impl StateReader for Entries {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.0.get(key).cloned())
    }
}

fn pair(seed: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[seed; 32])
}

fn context() -> BlockContext<Block> {
    BlockContext {
        number: 1,
        genesis: H256::repeat_byte(7),
        slot: 100.into(),
        slot_duration: SlotDuration::from_millis(2_000),
    }
}

fn with_balances(balances: &[u128]) -> Entries {
    let account = |(n, balance): (usize, &u128)| {
        let key = account_key(&pair(u8::try_from(n).unwrap()).public());
        (
            key,
            Account {
                nonce: 0,
                balance: *balance,
            }
            .encode(),
        )
    };
    Entries(balances.iter().enumerate().map(account).collect())
}

fn account(state: &State<'_>, n: u8) -> Account {
    let bytes = state.get(&account_key(&pair(n).public())).unwrap();
    bytes
        .map(|bytes| Account::decode_all(&mut bytes.as_slice()).unwrap())
        .unwrap_or_default()
}

#[test]
fn transfer_moves_the_amount_and_raises_the_nonce() {
    let entries = with_balances(&[100, 5]);
    let mut state = State::over(&entries);
    let transfer = Extrinsic::transfer(&pair(0), pair(1).public(), 30, 0, context().genesis);
    TemplateRuntime
        .apply(&mut state, &context(), 1, &transfer)
        .unwrap();
    assert_eq!(
        account(&state, 0),
        Account {
            nonce: 1,
            balance: 70
        }
    );
    assert_eq!(
        account(&state, 1),
        Account {
            nonce: 0,
            balance: 35
        }
    );
}

#[test]
fn wrong_nonce_low_balance_overflow_and_wrong_place_are_refused() {
    let entries = with_balances(&[100, u128::MAX]);
    let cases = [
        (
            Extrinsic::transfer(&pair(0), pair(1).public(), 1, 1, H256::zero()),
            1,
            "nonce",
        ),
        (
            Extrinsic::transfer(&pair(0), pair(1).public(), 101, 0, H256::zero()),
            1,
            "balance",
        ),
        (
            Extrinsic::transfer(&pair(0), pair(1).public(), 1, 0, H256::zero()),
            1,
            "overflow",
        ),
        (
            Extrinsic::transfer(&pair(0), pair(0).public(), 1, 0, H256::zero()),
            0,
            "timestamp",
        ),
        (Extrinsic(Call::SetTimestamp(200_000)), 1, "only the first"),
        (Extrinsic(Call::SetTimestamp(199_999)), 0, "not inside slot"),
        (Extrinsic(Call::SetTimestamp(202_000)), 0, "not inside slot"),
    ];
    for (extrinsic, index, expected) in cases {
        let mut state = State::over(&entries);
        let error = TemplateRuntime
            .apply(&mut state, &context(), index, &extrinsic)
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(
        TemplateRuntime
            .finish(&mut State::over(&entries), &context(), &[])
            .is_err()
    );
}

#[test]
fn signature_of_a_transfer_holds_on_its_own_chain_only() {
    let transfer = Extrinsic::transfer(&pair(0), pair(1).public(), 30, 0, context().genesis);
    let holds = |context: &BlockContext<Block>| {
        let payload = TemplateRuntime.signature(&transfer, context).unwrap();
        assert_eq!(payload.signer, pair(0).public());
        sr25519::Pair::verify(&payload.signature, payload.message, &payload.signer)
    };
    assert!(holds(&context()));
    let elsewhere = BlockContext {
        genesis: H256::repeat_byte(8),
        ..context()
    };
    assert!(!holds(&elsewhere));
    let timestamp = Extrinsic(Call::SetTimestamp(1));
    assert_eq!(TemplateRuntime.signature(&timestamp, &context()), None);
}

#[test]
fn genesis_holds_the_authorities_balances_and_raw_entries_of_the_spec() {
    let mut spec = chain_spec::ChainSpec::load("local").unwrap();
    let raw = (b"mine".to_vec(), b"kept".to_vec());
    spec.genesis.raw.extend([raw.clone()]);
    let entries = Entries(TemplateRuntime.genesis_state(&spec));
    let authorities = TemplateRuntime.authorities(&entries).unwrap();
    assert_eq!(authorities, spec.authorities);
    assert_eq!(entries.get(&raw.0).unwrap(), Some(raw.1));
    for (holder, balance) in &spec.genesis.balances {
        let bytes = entries.get(&account_key(holder)).unwrap().unwrap();
        let expected = Account {
            nonce: 0,
            balance: *balance,
        };
        assert_eq!(bytes, expected.encode());
    }
}

#[test]
fn transfer_to_oneself_moves_nothing() {
    let entries = with_balances(&[100]);
    let mut state = State::over(&entries);
    let transfer = Extrinsic::transfer(&pair(0), pair(0).public(), 30, 0, context().genesis);
    TemplateRuntime
        .apply(&mut state, &context(), 1, &transfer)
        .unwrap();
    assert_eq!(
        account(&state, 0),
        Account {
            nonce: 1,
            balance: 100
        }
    );
}

#[test]
fn inherents_are_valid_at_any_slot_length() {
    let entries = Entries(BTreeMap::new());
    for millis in [100, 999, 6_000] {
        let context = BlockContext {
            slot_duration: SlotDuration::from_millis(millis),
            ..context()
        };
        let mut state = State::over(&entries);
        let inherents = TemplateRuntime.inherents(&context);
        for (index, inherent) in inherents.iter().enumerate() {
            TemplateRuntime
                .apply(&mut state, &context, index, inherent)
                .unwrap();
        }
        TemplateRuntime
            .finish(&mut state, &context, &inherents)
            .unwrap();
    }
}

#[test]
fn block_and_its_lazy_form_encode_alike() {
    let header = Header::new(
        1,
        H256::zero(),
        H256::zero(),
        H256::zero(),
        sp_runtime::Digest::default(),
    );
    let transfer = Extrinsic::transfer(&pair(0), pair(1).public(), 30, 0, H256::zero());
    let block = Block::new(header, vec![Extrinsic(Call::SetTimestamp(9)), transfer]);
    let lazy: <Block as BlockT>::LazyBlock = block.clone().into();
    assert_eq!(lazy.encode(), block.encode());
    assert_eq!(
        Block::decode_all(&mut block.encode().as_slice()).unwrap(),
        block
    );
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Extrinsic::decode_all(&mut bytes.as_slice());
    }

    #[test]
    fn extrinsics_survive_the_round_trip(amount in any::<u128>(), nonce in any::<u64>(), seed in 0_u8..4) {
        let extrinsic = Extrinsic::transfer(&pair(seed), pair(9).public(), amount, nonce, H256::zero());
        let opaque: sp_runtime::OpaqueExtrinsic = extrinsic.clone().into();
        prop_assert_eq!(opaque.encode(), extrinsic.encode());
        prop_assert_eq!(Extrinsic::decode_all(&mut extrinsic.encode().as_slice()).unwrap(), extrinsic);
    }

    #[test]
    fn total_balance_is_conserved(moves in prop::collection::vec((0_u8..3, 0_u8..4, 0_u128..60), 0..30)) {
        let entries = with_balances(&[50, 50, 50]);
        let mut state = State::over(&entries);
        for (from, to, amount) in moves {
            let nonce = account(&state, from).nonce;
            let transfer = Extrinsic::transfer(&pair(from), pair(to).public(), amount, nonce, H256::zero());
            match TemplateRuntime.apply(&mut state, &context(), 1, &transfer) {
                Ok(()) => state.commit_extrinsic(),
                Err(_) => state.discard_extrinsic(),
            }
            let total: u128 = (0..4).map(|n| account(&state, n).balance).sum();
            prop_assert_eq!(total, 150);
        }
    }
}
