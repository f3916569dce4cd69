use super::{AuthoringRule, NetworkConfig};
use crate::network::Admission;
use sync_component::orchestrator::{FirstAnswer, ProductionMode};

/// What decides when a node may author without votes (SPEC section 5).
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    pub(super) authorities: usize,
    pub(super) key: AuthorityKey,
    pub(super) rule: AuthoringRule,
    pub(super) network: &'a NetworkConfig,
    /// Peers of an earlier run whose address is known.
    pub(super) remembered: usize,
    pub(super) store: StoreState,
    pub(super) record: RecordState,
}

/// Whether we hold the key of one of the authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthorityKey {
    Held,
    NotHeld,
}

/// Whether the store has a block above genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreState {
    Empty,
    HoldsBlocks,
}

/// Whether the node has sealed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordState {
    Absent,
    Present,
}

/// The mode that follows.
pub(super) fn mode(now: &Circumstances<'_>) -> ProductionMode {
    match (now.rule, now.network) {
        (AuthoringRule::Forced, NetworkConfig::Isolated) => ProductionMode::ForcedIsolated,
        (AuthoringRule::Forced, NetworkConfig::Connected { .. }) => {
            ProductionMode::Forced(first_answer(now))
        }
        // Whoever only follows such a chain knows its height from its peers, as everywhere.
        (AuthoringRule::Voted, _) if now.authorities == 1 && now.key == AuthorityKey::Held => {
            ProductionMode::SingleAuthority(first_answer(now))
        }
        (AuthoringRule::Voted, _) => ProductionMode::Voted,
    }
}

fn first_answer(now: &Circumstances<'_>) -> FirstAnswer {
    let knows_others = match now.network {
        NetworkConfig::Isolated => false,
        NetworkConfig::Connected {
            bootnodes,
            reserved,
            admission,
            ..
        } => {
            let open = *admission != Admission::ReservedOnly;
            !reserved.is_empty() || (open && (!bootnodes.is_empty() || now.remembered > 0))
        }
    };
    let others_may_know_more = knows_others || now.record == RecordState::Present;
    if now.store == StoreState::Empty && others_may_know_more {
        FirstAnswer::AwaitPeers
    } else {
        FirstAnswer::NotNeeded
    }
}
