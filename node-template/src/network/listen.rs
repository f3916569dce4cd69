use super::{
    ListenAddresses, NetworkStartError,
    claim::{can_do_without, claim, is_all_of_ip6},
};
use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm, TransportError,
    core::transport::ListenerId,
    swarm::{NetworkBehaviour, SwarmEvent},
};
use std::{io, time::Duration};
use tokio::time::Instant;

/// How long the system may take to confirm that we listen.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);

/// Listens at all `wanted` addresses, where nobody else does, and waits until the system has confirmed it.
pub(super) async fn listen<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    wanted: &[Multiaddr],
    addresses: &ListenAddresses,
) -> Result<(), NetworkStartError> {
    // Given back at once: libp2p makes its own sockets.
    drop(claim(wanted)?);
    let mut listeners: Vec<(ListenerId, Multiaddr)> = Vec::new();
    for address in wanted {
        match swarm.listen_on(address.clone()) {
            Ok(id) => listeners.push((id, address.clone())),
            Err(error) => {
                let source = io_error(error);
                if can_do_without(address, wanted, &source) {
                    tracing::info!(%address, error = %source, "not listening there: no IPv6 on this machine");
                    continue;
                }
                return Err(NetworkStartError::Listen {
                    address: address.clone(),
                    source,
                });
            }
        }
    }
    // On a machine without an IPv6 address, listening on all of them succeeds and no address ever comes.
    let several = listeners.len() > 1;
    listeners.retain(|(_, address)| !(several && is_all_of_ip6(address)));
    let deadline = Instant::now() + LISTEN_PATIENCE;
    while let Some((_, first)) = listeners.first() {
        let Ok(event) = tokio::time::timeout_at(deadline, swarm.select_next_some()).await else {
            return Err(NetworkStartError::NotListening {
                address: first.clone(),
                waited: LISTEN_PATIENCE,
            });
        };
        match event {
            SwarmEvent::NewListenAddr {
                listener_id,
                address,
            } => {
                addresses.add(address);
                listeners.retain(|(id, _)| *id != listener_id);
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                reason: Err(source),
                ..
            } => {
                if let Some((_, address)) = listeners.iter().find(|(id, _)| *id == listener_id) {
                    return Err(NetworkStartError::Listen {
                        address: address.clone(),
                        source,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn io_error(error: TransportError<io::Error>) -> io::Error {
    match error {
        TransportError::MultiaddrNotSupported(_) => io::Error::new(
            io::ErrorKind::Unsupported,
            "only addresses like /ip4/0.0.0.0/tcp/30333 can be listened on",
        ),
        TransportError::Other(source) => source,
    }
}
