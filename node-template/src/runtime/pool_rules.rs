use super::{Account, Call, Extrinsic, TemplateRuntime, account_key};
use crate::pool::{Demand, PoolRules, Standing};
use runtime_bridge::execute::{StateError, StateReader};
use sp_core::sr25519;

impl PoolRules for TemplateRuntime {
    fn demand(&self, extrinsic: &Extrinsic) -> Option<Demand> {
        match &extrinsic.0 {
            Call::SetTimestamp(_) => None,
            Call::Transfer(transfer) => Some(Demand {
                sender: transfer.from,
                nonce: transfer.nonce,
                cost: transfer.amount,
            }),
        }
    }

    /// Transfers are free, so a sender's priority is what it has to lose: the number of bits of its balance. New accounts
    /// with nothing in them, of which anybody can make any number, come last.
    fn standing(
        &self,
        state: &dyn StateReader,
        sender: &sr25519::Public,
    ) -> Result<Standing, StateError> {
        let Account { nonce, balance } = super::rules::account(state, &account_key(sender))?;
        let bits = u128::BITS - balance.leading_zeros();
        Ok(Standing {
            nonce,
            balance,
            priority: u8::try_from(bits).unwrap_or(u8::MAX),
        })
    }

    fn touched(&self, extrinsic: &Extrinsic) -> Vec<sr25519::Public> {
        match &extrinsic.0 {
            Call::SetTimestamp(_) => Vec::new(),
            Call::Transfer(transfer) => vec![transfer.from, transfer.to],
        }
    }
}
