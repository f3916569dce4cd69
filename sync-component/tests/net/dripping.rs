//! Peers that send their replies byte by byte.

use crate::node::{Answer, DEADLINE, GENESIS, Node, within};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::{
    StreamProtocol, Swarm, SwarmBuilder, noise,
    request_response::{self, Behaviour, Config, Message, ProtocolSupport},
    swarm::SwarmEvent,
    tcp, yamux,
};
use std::{io, time::Duration};
use sync_component::{
    SyncSettings,
    net::protocol_name,
    ports::{NetworkEvent, PeerId, Protocol, RequestFailure},
};
use tokio::sync::mpsc;

/// Time between two bytes of a reply.
const DROP: Duration = Duration::from_millis(2);

/// The length that it writes in front of a reply, as a varint: 1 MiB, which takes half an hour to arrive.
const A_MEBIBYTE: [u8; 3] = [0x80, 0x80, 0x40];

/// Answers drop by drop, and tells when a reply has begun.
#[derive(Clone)]
struct DrippingCodec(mpsc::UnboundedSender<Begun>);

struct Begun;

impl request_response::Codec for DrippingCodec {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut request = Vec::new();
        io.read_to_end(&mut request).await?;
        Ok(())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Ok(())
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&A_MEBIBYTE).await?;
        let _ = self.0.send(Begun);
        loop {
            io.write_all(&[0]).await?;
            io.flush().await?;
            tokio::time::sleep(DROP).await;
        }
    }
}

/// Starts a peer that answers every request for headers like this, and lets it dial `node`.
async fn dripping_peer_of(node: &mut Node) -> (PeerId, mpsc::UnboundedReceiver<Begun>) {
    let (tell, news) = mpsc::unbounded_channel();
    let name = protocol_name(&GENESIS, Protocol::Headers.suffix());
    let config = Config::default().with_request_timeout(10 * DEADLINE);
    let codec = DrippingCodec(tell);
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )
        .unwrap()
        .with_behaviour(|_| Behaviour::with_codec(codec, [(name, ProtocolSupport::Full)], config))
        .unwrap()
        .build();
    swarm.dial(node.address().clone()).unwrap();
    let peer = PeerId::from_bytes(&swarm.local_peer_id().to_bytes());
    tokio::spawn(answer_all(swarm));
    let event = node.event().await;
    assert!(
        matches!(&event, NetworkEvent::Connected(met) if *met == peer),
        "{event:?}"
    );
    (peer, news)
}

async fn answer_all(mut swarm: Swarm<Behaviour<DrippingCodec>>) {
    loop {
        if let SwarmEvent::Behaviour(request_response::Event::Message {
            message: Message::Request { channel, .. },
            ..
        }) = swarm.select_next_some().await
        {
            let _ = swarm.behaviour_mut().send_response(channel, ());
        }
    }
}

#[tokio::test]
async fn reply_that_drips_is_read_no_longer_than_its_caller_waits_for_it() {
    let mut settings = SyncSettings::default();
    settings.limits.requests_per_peer = 2;
    // What ends the streams is not that they have lasted for so long.
    settings.tier1.timeout = Duration::from_mins(5);
    let mut alice = Node::start_with(&GENESIS, &settings).await;
    let (peer, mut news) = dripping_peer_of(&mut alice).await;
    for _ in 0..3 {
        let (first, second) = (
            begun(&alice, &peer, &mut news).await,
            begun(&alice, &peer, &mut news).await,
        );
        let third = alice.ask_peer(peer.clone(), Protocol::Headers, b"");
        assert_eq!(third.get().await, Err(RequestFailure::TooManyInFlight));
        first.give_up().await;
        second.give_up().await;
    }
}

/// A request whose reply has begun, as soon as there is a place for one.
async fn begun(node: &Node, peer: &PeerId, news: &mut mpsc::UnboundedReceiver<Begun>) -> Answer {
    loop {
        let mut answer = node.ask_peer(peer.clone(), Protocol::Headers, b"");
        tokio::select! {
            reply = within(news.recv()) => {
                assert!(reply.is_some());
                return answer;
            }
            refused = answer.end() => assert_eq!(refused, Err(RequestFailure::TooManyInFlight)),
        }
    }
}
