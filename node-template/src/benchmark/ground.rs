//! The chain that is measured on. Its rules are the template's own; its keys are made from numbers, so everybody has them.

use super::BenchmarkError;
use crate::{
    authoring::{Chain, Slots},
    runtime::{Extrinsic, TemplateRuntime},
};
use chain_spec::{ChainSpec, ChainType, Preset};
use serde::{Deserialize, Serialize};
use sp_consensus_aura::{Slot, SlotDuration};
use sp_core::{H256, Pair, sr25519};
use std::{path::Path, sync::Arc, time::Duration};
use sync_component::{
    BlockId,
    ports::{Clock, ReadChain, SystemClock},
    registry::defaults,
};

/// Accounts with a balance. Transfers go between them, so the state trie is that of a chain in use.
pub(super) const ACCOUNTS: usize = 1_000;

/// How many accounts have a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Accounts(pub(super) usize);

impl Default for Accounts {
    fn default() -> Self {
        Self(ACCOUNTS)
    }
}

/// The slot of the presets.
pub(super) const SLOT: Duration = Duration::from_secs(2);

/// What each holds at the start.
const BALANCE: u128 = 1 << 100;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyUse {
    Authority,
    Account,
}

/// The `index`th key for `usage`. Anybody can make it: nothing of worth depends on it.
pub(super) fn key(usage: KeyUse, index: usize) -> sr25519::Pair {
    let mut seed = [0; 32];
    let name: &[u8; 8] = match usage {
        KeyUse::Authority => b"bench-au",
        KeyUse::Account => b"bench-ac",
    };
    let number = u64::try_from(index).unwrap_or(u64::MAX).to_le_bytes();
    for (place, byte) in seed.iter_mut().zip(name.iter().chain(&number)) {
        *place = *byte;
    }
    sr25519::Pair::from_seed(&seed)
}

/// The first `count` keys for `usage`.
pub(super) fn keys(usage: KeyUse, count: usize) -> Vec<sr25519::Pair> {
    (0..count).map(|index| key(usage, index)).collect()
}

/// The spec of a chain of these authorities, with [`ACCOUNTS`].
pub(super) fn spec(authorities: &[sr25519::Pair], slot: Duration) -> ChainSpec {
    spec_with(authorities, slot, Accounts::default())
}

/// The same with so many accounts.
pub(super) fn spec_with(
    authorities: &[sr25519::Pair],
    slot: Duration,
    accounts: Accounts,
) -> ChainSpec {
    let mut spec = Preset::Dev.spec();
    "Benchmark".clone_into(&mut spec.name);
    "benchmark".clone_into(&mut spec.id);
    spec.chain_type = ChainType::Local;
    spec.authorities = authorities.iter().map(|key| key.public().into()).collect();
    let millis = u64::try_from(slot.as_millis()).unwrap_or(u64::MAX);
    spec.slot_duration = SlotDuration::from_millis(millis);
    let accounts = keys(KeyUse::Account, accounts.0);
    let balances = accounts.iter().map(|key| (key.public(), BALANCE));
    spec.genesis.balances = balances.collect();
    spec.sync.strategies.tier1 = Some(defaults::tier1(authorities.len()).to_owned());
    spec.sync.strategies.tier2 = None;
    spec.sync.strategies.tier3 = None;
    spec
}

/// The chain in the folder `store`; it is made if it is not there. The caller alone uses the folder.
pub(super) fn open(store: &Path, spec: &ChainSpec) -> Result<Chain, BenchmarkError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Ok(Chain::open(store, spec, TemplateRuntime, clock)?)
}

/// The slot that is over since the last moment, by the machine's clock.
pub(super) fn last_slot(spec: &ChainSpec) -> Slot {
    let now = SystemClock::new().wall();
    let current = Slots::new(spec.slot_duration).at(now).slot;
    current.saturating_sub(1_u64)
}

/// Adds a block of `slot` with what of `extrinsics` applies, sealed by the authority whose turn it is. Not by way of the
/// record `signed`: these keys guard nothing.
pub(super) fn extend(
    chain: &Chain,
    authorities: &[sr25519::Pair],
    slot: Slot,
    extrinsics: Vec<Extrinsic>,
) -> Result<BlockId<crate::Block>, BenchmarkError> {
    let parent = chain.best();
    let unsealed = chain.build(parent, slot, extrinsics)?;
    let turn = usize::try_from(*slot).unwrap_or(usize::MAX) % authorities.len().max(1);
    let author = authorities.get(turn).expect("a chain has an authority");
    let signature = author.sign(unsealed.pre_hash().as_bytes());
    chain
        .import_own(unsealed.seal(signature), parent)
        .map_err(|error| BenchmarkError::Import(Box::new(error)))?;
    Ok(chain.best())
}

/// Transfers between the accounts, each by the next account to one far away from it. Remembers the nonces.
pub(super) struct Payments {
    genesis: H256,
    accounts: Vec<sr25519::Pair>,
    /// Transfers so far.
    made: usize,
}

impl Payments {
    /// None so far, on the chain with this block 0, between the first [`ACCOUNTS`] accounts.
    pub(super) fn new(genesis: H256) -> Self {
        Self {
            genesis,
            accounts: keys(KeyUse::Account, ACCOUNTS),
            made: 0,
        }
    }

    /// The next `count` of them.
    pub(super) fn next(&mut self, count: usize) -> Vec<Extrinsic> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Extrinsic {
        let number = self.made;
        self.made += 1;
        let account = |at: usize| self.accounts.get(at % ACCOUNTS).expect("there are as many");
        let nonce = u64::try_from(number / ACCOUNTS).unwrap_or(u64::MAX);
        // 389 and 1000 have no common divisor, so receivers are spread like payers.
        let receiver = account(number.wrapping_mul(389).wrapping_add(7));
        Extrinsic::transfer(account(number), receiver.public(), 1, nonce, self.genesis)
    }
}
