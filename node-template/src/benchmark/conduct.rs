//! What a peer does with what it is asked. It stands between the swarm and the manager of a peer, which is honest in all
//! else.

use sync_component::ports::NetworkEvent;
use tokio::sync::mpsc;

/// How a peer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// As the protocol has it.
    Honest,
    /// It takes every request and answers none.
    Mute,
}

/// Hands on what the swarm says, as far as `conduct` lets it through. Ends with either end.
pub(super) async fn conduct(
    conduct: Conduct,
    mut from: mpsc::Receiver<NetworkEvent>,
    to: mpsc::Sender<NetworkEvent>,
) {
    // Letting go of a sender would end the stream, which is an answer. As many as the swarm lets a peer have open.
    let mut unanswered = Vec::new();
    while let Some(event) = from.recv().await {
        match (conduct, event) {
            (Conduct::Mute, NetworkEvent::Request { reply, .. }) => {
                unanswered
                    .retain(|reply: &futures::channel::oneshot::Sender<_>| !reply.is_canceled());
                unanswered.push(reply);
            }
            (_, event) => {
                if to.send(event).await.is_err() {
                    return;
                }
            }
        }
    }
}
