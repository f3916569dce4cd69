use super::{Block, Call, Extrinsic, Transfer};
use chain_spec::ChainSpec;
use codec::{Decode, Encode};
use runtime_bridge::execute::{
    AuthoritySet, BlockContext, ExecutionError, Runtime, SignedPayload, State, StateError,
    StateReader,
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::sr25519;
use std::collections::BTreeMap;

const AUTHORITIES: &[u8] = b"aura:authorities";
const NOW: &[u8] = b"timestamp:now";
const SLOT_DURATION: &[u8] = b"chain:slot_duration";
const ACCOUNT: &[u8] = b"account:";

/// The rules of the template's chain. Transfers are free, and an account may hold any balance, 0 included: nobody has
/// to be kept from filling a test chain's state.
#[derive(Clone, Copy, Debug, Default)]
pub struct TemplateRuntime;

/// What the state keeps of an account. An account that was never touched is all zeros and not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// How many transfers it has made: the nonce of its next one.
    pub nonce: u64,
    /// What it holds.
    pub balance: u128,
}

/// Storage key of an account.
pub fn account_key(account: &sr25519::Public) -> Vec<u8> {
    [ACCOUNT, account.as_ref()].concat()
}

/// A stored value does not decode: our own fault.
#[derive(Debug, thiserror::Error)]
#[error("the value under `{0}` in the state does not decode")]
struct Undecodable(String);

fn read<T: Decode>(state: &dyn StateReader, key: &[u8]) -> Result<Option<T>, StateError> {
    let Some(bytes) = state.get(key)? else {
        return Ok(None);
    };
    let value = T::decode(&mut bytes.as_slice());
    value
        .map(Some)
        .map_err(|_| StateError::new(Undecodable(String::from_utf8_lossy(key).into_owned())))
}

/// The account under this key.
pub(super) fn account(state: &dyn StateReader, key: &[u8]) -> Result<Account, StateError> {
    Ok(read(state, key)?.unwrap_or_default())
}

fn refused(reason: impl Into<String>) -> ExecutionError {
    ExecutionError::Refused(reason.into())
}

impl Runtime<Block> for TemplateRuntime {
    fn genesis_state(&self, spec: &ChainSpec) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut state = spec.genesis.raw.clone();
        for (account, balance) in &spec.genesis.balances {
            let account_info = Account {
                nonce: 0,
                balance: *balance,
            };
            state.insert(account_key(account), account_info.encode());
        }
        state.insert(AUTHORITIES.to_vec(), spec.authorities.encode());
        state.insert(
            SLOT_DURATION.to_vec(),
            spec.slot_duration.as_millis().encode(),
        );
        state
    }

    fn authorities(&self, state: &dyn StateReader) -> Result<Vec<AuthorityId>, StateError> {
        let authorities = read(state, AUTHORITIES)?;
        authorities.ok_or_else(|| {
            StateError::new(Undecodable(
                String::from_utf8_lossy(AUTHORITIES).into_owned(),
            ))
        })
    }

    /// No call changes them.
    fn authority_set(&self) -> AuthoritySet {
        AuthoritySet::Fixed
    }

    fn inherents(&self, context: &BlockContext<Block>) -> Vec<Extrinsic> {
        let start = context
            .slot
            .saturating_mul(context.slot_duration.as_millis());
        vec![Extrinsic(Call::SetTimestamp(start))]
    }

    fn signature(
        &self,
        extrinsic: &Extrinsic,
        context: &BlockContext<Block>,
    ) -> Option<SignedPayload> {
        match &extrinsic.0 {
            Call::SetTimestamp(_) => None,
            Call::Transfer(transfer) => Some(SignedPayload {
                signer: transfer.from,
                message: transfer.message(context.genesis),
                signature: transfer.signature,
            }),
        }
    }

    fn apply(
        &self,
        state: &mut State<'_>,
        context: &BlockContext<Block>,
        index: usize,
        extrinsic: &Extrinsic,
    ) -> Result<(), ExecutionError> {
        match (&extrinsic.0, index) {
            (Call::SetTimestamp(now), 0) => set_timestamp(state, context, *now),
            (Call::SetTimestamp(_), _) => Err(refused(format!(
                "extrinsic {index} sets the timestamp; only the first may"
            ))),
            (Call::Transfer(_), 0) => Err(refused("the first extrinsic is not the timestamp")),
            (Call::Transfer(transfer), _) => pay(state, transfer),
        }
    }

    fn finish(
        &self,
        _state: &mut State<'_>,
        _context: &BlockContext<Block>,
        extrinsics: &[Extrinsic],
    ) -> Result<(), ExecutionError> {
        // `apply` has seen to it that the first one is the timestamp, if there is a first one.
        if extrinsics.is_empty() {
            Err(refused("the block has no timestamp"))
        } else {
            Ok(())
        }
    }
}

fn set_timestamp(
    state: &mut State<'_>,
    context: &BlockContext<Block>,
    now: u64,
) -> Result<(), ExecutionError> {
    let length = context.slot_duration.as_millis();
    if length == 0 || now / length != *context.slot {
        return Err(refused(format!(
            "the timestamp {now} is not inside slot {}",
            context.slot
        )));
    }
    state.put(NOW.to_vec(), now.encode());
    Ok(())
}

fn pay(state: &mut State<'_>, transfer: &Transfer) -> Result<(), ExecutionError> {
    let Transfer {
        from,
        to,
        amount,
        nonce,
        ..
    } = transfer;
    let mut payer = account(state, &account_key(from))?;
    if payer.nonce != *nonce {
        return Err(refused(format!(
            "the transfer has nonce {nonce}, the account is at {}",
            payer.nonce
        )));
    }
    payer.nonce = payer
        .nonce
        .checked_add(1)
        .ok_or_else(|| refused("the account's nonce is used up"))?;
    payer.balance = payer.balance.checked_sub(*amount).ok_or_else(|| {
        refused(format!(
            "the transfer of {amount} exceeds the balance of {}",
            payer.balance
        ))
    })?;
    state.put(account_key(from), payer.encode());
    // Read after the payer is written, so that a transfer to oneself moves nothing.
    let mut receiver = account(state, &account_key(to))?;
    receiver.balance = receiver
        .balance
        .checked_add(*amount)
        .ok_or_else(|| refused("the receiver's balance would overflow"))?;
    state.put(account_key(to), receiver.encode());
    Ok(())
}
