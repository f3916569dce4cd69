use crate::runtime::Extrinsic;
use runtime_bridge::execute::{StateError, StateReader};
use sp_core::sr25519;

/// What an extrinsic asks of its sender's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Who sends it.
    pub sender: sr25519::Public,
    /// Its place among the sender's: they apply in this order, without gaps.
    pub nonce: u64,
    /// What the sender must have for it, in the chain's smallest unit.
    pub cost: u128,
}

/// How an account stands in the state of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The nonce of its next extrinsic.
    pub nonce: u64,
    /// What it can spend.
    pub balance: u128,
    /// Higher goes first, and pushes lower ones out of a full pool.
    pub priority: u8,
}

/// What the pool asks of a runtime. Whoever replaces the template's implements it for theirs.
pub trait PoolRules {
    /// What `extrinsic` asks; `None` for one that only an author may put into a block.
    fn demand(&self, extrinsic: &Extrinsic) -> Option<Demand>;

    /// How `sender` stands in this state.
    fn standing(
        &self,
        state: &dyn StateReader,
        sender: &sr25519::Public,
    ) -> Result<Standing, StateError>;

    /// The accounts whose standing `extrinsic` may change.
    fn touched(&self, extrinsic: &Extrinsic) -> Vec<sr25519::Public>;
}
