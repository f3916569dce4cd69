//! A chain with money, as small as it gets: what the node template's blocks cost without the node template.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts the index of a variant"
)]

use chain_spec::ChainSpec;
use codec::{Decode, DecodeAll, Encode};
use runtime_bridge::execute::{
    AuthoritySet, BlockContext, ExecutionError, Runtime, SignedPayload, State, StateError,
    StateReader,
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::{Pair, sr25519};
use sp_runtime::{OpaqueExtrinsic, generic, traits::BlakeTwo256};
use std::collections::BTreeMap;

pub(crate) type Header = generic::Header<u32, BlakeTwo256>;
pub(crate) type Block = generic::Block<Header, OpaqueExtrinsic>;

const AUTHORITIES: &[u8] = b"aura:authorities";

/// What an account has at genesis.
const RICH: u128 = 1 << 64;

#[derive(Clone, Debug, Encode, Decode)]
pub(crate) enum Call {
    /// First in every block.
    #[codec(index = 0)]
    Now(u64),
    /// Moves money.
    #[codec(index = 1)]
    Pay(Payment, sr25519::Signature),
}

#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct Payment {
    from: sr25519::Public,
    to: sr25519::Public,
    amount: u128,
    nonce: u64,
}

impl Payment {
    pub(crate) fn signed(from: &sr25519::Pair, to: sr25519::Public, nonce: u64) -> OpaqueExtrinsic {
        let payment = Self {
            from: from.public(),
            to,
            amount: 1,
            nonce,
        };
        let signature = from.sign(&payment.encode());
        OpaqueExtrinsic::from_blob(Call::Pay(payment, signature).encode())
    }
}

/// Accounts of these keys.
#[derive(Clone, Debug)]
pub(crate) struct Money(pub(crate) Vec<sr25519::Public>);

fn account_key(account: &sr25519::Public) -> Vec<u8> {
    [b"account:", account.as_ref() as &[u8]].concat()
}

fn account(state: &State<'_>, key: &[u8]) -> Result<(u64, u128), StateError> {
    let bytes = state.get(key)?.unwrap_or_default();
    Ok(Decode::decode(&mut bytes.as_slice()).unwrap_or_default())
}

fn refused(reason: &str) -> ExecutionError {
    ExecutionError::Refused(reason.to_owned())
}

fn call(extrinsic: &OpaqueExtrinsic) -> Result<Call, ExecutionError> {
    Call::decode_all(&mut extrinsic.inner()).map_err(|_| refused("it does not decode"))
}

impl Runtime<Block> for Money {
    fn genesis_state(&self, spec: &ChainSpec) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let accounts = self.0.iter();
        let accounts = accounts.map(|account| (account_key(account), (0_u64, RICH).encode()));
        let mut state: BTreeMap<_, _> = accounts.collect();
        state.insert(AUTHORITIES.to_vec(), spec.authorities.encode());
        state
    }

    fn authorities(&self, state: &dyn StateReader) -> Result<Vec<AuthorityId>, StateError> {
        let bytes = state.get(AUTHORITIES)?.unwrap_or_default();
        Ok(Decode::decode(&mut bytes.as_slice()).unwrap_or_default())
    }

    fn authority_set(&self) -> AuthoritySet {
        AuthoritySet::Fixed
    }

    fn inherents(&self, context: &BlockContext<Block>) -> Vec<OpaqueExtrinsic> {
        vec![OpaqueExtrinsic::from_blob(
            Call::Now(*context.slot).encode(),
        )]
    }

    fn signature(
        &self,
        extrinsic: &OpaqueExtrinsic,
        _: &BlockContext<Block>,
    ) -> Option<SignedPayload> {
        match call(extrinsic) {
            Ok(Call::Pay(payment, signature)) => Some(SignedPayload {
                signer: payment.from,
                message: payment.encode(),
                signature,
            }),
            _ => None,
        }
    }

    fn apply(
        &self,
        state: &mut State<'_>,
        context: &BlockContext<Block>,
        index: usize,
        extrinsic: &OpaqueExtrinsic,
    ) -> Result<(), ExecutionError> {
        match (call(extrinsic)?, index) {
            (Call::Now(slot), 0) if slot == *context.slot => {
                state.put(b"timestamp:now".to_vec(), slot.encode());
                Ok(())
            }
            (Call::Now(_), _) => Err(refused("a misplaced or wrong slot")),
            (Call::Pay(payment, _), _) => pay(state, &payment),
        }
    }

    fn finish(
        &self,
        _: &mut State<'_>,
        _: &BlockContext<Block>,
        extrinsics: &[OpaqueExtrinsic],
    ) -> Result<(), ExecutionError> {
        match extrinsics.first().map(call) {
            Some(Ok(Call::Now(_))) => Ok(()),
            _ => Err(refused("no slot")),
        }
    }
}

fn pay(state: &mut State<'_>, payment: &Payment) -> Result<(), ExecutionError> {
    let from = account_key(&payment.from);
    let (nonce, balance) = account(state, &from)?;
    let left = balance.checked_sub(payment.amount);
    let left = left.filter(|_| nonce == payment.nonce);
    let left = left.ok_or_else(|| refused("another nonce, or not enough"))?;
    state.put(from, (nonce + 1, left).encode());
    let to = account_key(&payment.to);
    let (nonce, balance) = account(state, &to)?;
    state.put(to, (nonce, balance + payment.amount).encode());
    Ok(())
}
