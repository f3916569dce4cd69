//! The addresses that the operator says peers reach us at.

use super::{
    NetworkStartError, ToldAddresses,
    reach::{Reach, reach},
};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// Whether a peer that is told this address of us would dial it.
pub(crate) fn can_be_told(address: &Multiaddr) -> bool {
    reach(address).is_some()
}

/// The addresses as they are told: without our id at the end, as peers know whom they ask.
pub(super) fn to_tell(
    given: &[Multiaddr],
    ours: PeerId,
    believed: ToldAddresses,
) -> Result<Vec<Multiaddr>, NetworkStartError> {
    let told: Result<Vec<_>, _> = given.iter().map(|given| without_id(given, ours)).collect();
    let told = told?;
    for address in &told {
        tracing::info!(%address, "📣 Peers are told to reach this node there");
        if believed == ToldAddresses::AsFarAsTheTeller && reach(address) < Some(Reach::World) {
            tracing::warn!(%address, "peers outside this network do not take that address; give one that leads here from everywhere, too");
        }
    }
    Ok(told)
}

fn without_id(given: &Multiaddr, ours: PeerId) -> Result<Multiaddr, NetworkStartError> {
    let mut address = given.clone();
    match address.iter().last() {
        Some(Protocol::P2p(named)) if named != ours => {
            Err(NetworkStartError::AddressOfAnother { address, ours })
        }
        Some(Protocol::P2p(_)) => {
            address.pop();
            Ok(address)
        }
        _ => Ok(address),
    }
}
