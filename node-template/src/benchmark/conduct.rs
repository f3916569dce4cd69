//! What a peer does with what it is asked. It stands between the swarm and the manager of a peer, which is honest in all
//! else.

use crate::{
    Block,
    runtime::{Call, Extrinsic},
};
use codec::{Decode, Encode};
use futures::channel::oneshot;
use sync_component::{
    ports::{NetworkEvent, Protocol},
    wire::BlocksReply,
};
use tokio::{sync::mpsc, task::JoinSet};

/// How a peer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// As the protocol has it.
    Honest,
    /// It takes every request and answers none.
    Mute,
    /// It says where it stands, so that everybody asks it, and then answers no request for headers or blocks.
    Withholding,
    /// It says where it stands, and the last block of each of its replies is not the chain's: the header is, the body is not.
    Lying,
}

/// Hands on what the swarm says, as far as `conduct` lets it through. Ends with either end.
pub(super) async fn conduct(
    conduct: Conduct,
    mut from: mpsc::Receiver<NetworkEvent>,
    to: mpsc::Sender<NetworkEvent>,
) {
    // Letting go of a sender would end the stream, which is an answer. There are as many as the swarm lets peers have open.
    let mut unanswered: Vec<oneshot::Sender<Vec<u8>>> = Vec::new();
    let mut lies = JoinSet::new();
    while let Some(event) = from.recv().await {
        while lies.try_join_next().is_some() {}
        let passed_on = match (conduct, event) {
            (Conduct::Mute, NetworkEvent::Request { reply, .. })
            | (
                Conduct::Withholding,
                NetworkEvent::Request {
                    protocol: Protocol::Headers | Protocol::Blocks,
                    reply,
                    ..
                },
            ) => {
                unanswered.retain(|reply| !reply.is_canceled());
                unanswered.push(reply);
                continue;
            }
            (
                Conduct::Lying,
                NetworkEvent::Request {
                    peer,
                    protocol: protocol @ Protocol::Blocks,
                    body,
                    reply,
                },
            ) => {
                let (honest, answer) = oneshot::channel();
                lies.spawn(async move {
                    if let Ok(answer) = answer.await {
                        // Whoever asked may have gone.
                        let _ = reply.send(twisted(answer));
                    }
                });
                NetworkEvent::Request {
                    peer,
                    protocol,
                    body,
                    reply: honest,
                }
            }
            (_, event) => event,
        };
        if to.send(passed_on).await.is_err() {
            return;
        }
    }
}

/// A reply whose last block has another timestamp than the one that was sealed; anything else stays as it is.
pub(super) fn twisted(reply: Vec<u8>) -> Vec<u8> {
    match BlocksReply::<Block>::decode(&mut reply.as_slice()) {
        Ok(BlocksReply::<Block>::Items(mut blocks)) => {
            let last = blocks.last_mut().map(|block| &mut block.extrinsics);
            for extrinsic in last.into_iter().flatten() {
                if let Extrinsic(Call::SetTimestamp(now)) = extrinsic {
                    *now = now.wrapping_add(1);
                }
            }
            BlocksReply::<Block>::Items(blocks).encode()
        }
        _ => reply,
    }
}
