#![allow(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts the index of a variant"
)]

use chain_spec::ChainSpec;
use codec::{Decode, DecodeAll, Encode};
use runtime_bridge::execute::{
    BlockContext, ExecutionError, Runtime, SignedPayload, State, StateError, StateReader,
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::{Pair, sr25519};
use sp_runtime::{OpaqueExtrinsic, generic, traits::BlakeTwo256};
use std::collections::BTreeMap;

pub(crate) type Header = generic::Header<u32, BlakeTwo256>;
pub(crate) type Block = generic::Block<Header, OpaqueExtrinsic>;

const AUTHORITIES: &[u8] = b"authorities";

/// What the extrinsics of the test chain do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Call {
    /// First in every block, once: the block's slot.
    #[codec(index = 0)]
    Slot(u64),
    /// Adds to a counter, which may not go above 1000.
    #[codec(index = 1)]
    Add(u8, u32),
    /// Removes a counter.
    #[codec(index = 2)]
    Clear(u8),
    /// Adds 1 to counter 0 if the signature is good.
    #[codec(index = 3)]
    Signed(sr25519::Public, sr25519::Signature),
    /// From the next block on the first authority is the last one.
    #[codec(index = 4)]
    Rotate,
}

impl From<Call> for OpaqueExtrinsic {
    fn from(call: Call) -> Self {
        Self::from_blob(call.encode())
    }
}

/// A signed call.
pub(crate) fn sign(pair: &sr25519::Pair) -> Call {
    Call::Signed(pair.public(), pair.sign(b"add"))
}

/// Counters behind signatures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestRuntime;

impl Runtime<Block> for TestRuntime {
    fn genesis_state(&self, spec: &ChainSpec) -> BTreeMap<Vec<u8>, Vec<u8>> {
        [(AUTHORITIES.to_vec(), spec.authorities.encode())].into()
    }

    fn authorities(&self, state: &dyn StateReader) -> Result<Vec<AuthorityId>, StateError> {
        let bytes = state.get(AUTHORITIES)?.unwrap_or_default();
        Ok(Vec::decode(&mut bytes.as_slice()).unwrap())
    }

    fn inherents(&self, context: &BlockContext<Block>) -> Vec<OpaqueExtrinsic> {
        vec![Call::Slot(*context.slot).into()]
    }

    fn signature(
        &self,
        extrinsic: &OpaqueExtrinsic,
        _: &BlockContext<Block>,
    ) -> Option<SignedPayload> {
        match Call::decode_all(&mut extrinsic.inner()) {
            Ok(Call::Signed(signer, signature)) => Some(SignedPayload {
                signer,
                message: b"add".to_vec(),
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
        let call = Call::decode_all(&mut extrinsic.inner());
        let call = call.map_err(|_| ExecutionError::Refused("it does not decode".to_owned()))?;
        match (call, index) {
            (Call::Slot(slot), 0) if slot == *context.slot => {
                state.put(b"slot".to_vec(), slot.encode());
                Ok(())
            }
            (Call::Slot(_), _) => Err(ExecutionError::Refused("misplaced slot".to_owned())),
            (Call::Add(counter, amount), _) => add(state, counter, amount),
            (Call::Clear(counter), _) => {
                state.remove(key(counter));
                Ok(())
            }
            (Call::Signed(..), _) => add(state, 0, 1),
            (Call::Rotate, _) => {
                let mut authorities = self.authorities(state)?;
                authorities.rotate_left(1);
                state.put(AUTHORITIES.to_vec(), authorities.encode());
                Ok(())
            }
        }
    }

    fn finish(
        &self,
        _: &mut State<'_>,
        _: &BlockContext<Block>,
        extrinsics: &[OpaqueExtrinsic],
    ) -> Result<(), ExecutionError> {
        let first = extrinsics.first().map(OpaqueExtrinsic::inner);
        match first.map(|mut bytes| Call::decode_all(&mut bytes)) {
            Some(Ok(Call::Slot(_))) => Ok(()),
            _ => Err(ExecutionError::Refused("no slot".to_owned())),
        }
    }
}

/// Storage key of a counter.
pub(crate) fn key(counter: u8) -> Vec<u8> {
    // Long, so that tries have several levels and values of their own.
    [&[counter; 20][..], b"counter"].concat()
}

fn add(state: &mut State<'_>, counter: u8, amount: u32) -> Result<(), ExecutionError> {
    let old = state.get(&key(counter))?.unwrap_or_default();
    let old = u32::decode(&mut old.as_slice()).unwrap_or(0);
    match old.checked_add(amount).filter(|sum| *sum <= 1_000) {
        Some(sum) => {
            // 40 bytes: state version 1 keeps values of more than 32 in nodes of their own.
            state.put(key(counter), (sum, [counter; 36]).encode());
            Ok(())
        }
        None => Err(ExecutionError::Refused(format!(
            "{old} + {amount} is above 1000"
        ))),
    }
}
