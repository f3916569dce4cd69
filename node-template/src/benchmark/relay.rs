//! A TCP relay on loopback that makes a round trip as long as one wants. Bytes stay in order; what is under way is bounded,
//! and a sender that is faster than that waits, as on any line.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::Instant,
};

/// Bytes that travel together at most.
const PIECE_BYTES: usize = 16 * 1024;

/// Pieces under way in one direction at most. Fewer: the relay and not the round trip limits the speed; more: more memory.
/// 64 MiB in full pieces carry 600 MB/s over a round trip of 200 ms.
const PIECES: usize = 4_096;

/// Bytes, and when they are to arrive.
type Piece = (Instant, Vec<u8>);

/// Passes connections on until it is dropped.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    _connections: JoinSet<()>,
}

impl Relay {
    /// Listens on a free port and passes every connection on to `target`, each direction later by half of `round_trip`.
    /// Tokio's timer adds up to a millisecond each way.
    pub(super) async fn start(target: SocketAddr, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut connections = JoinSet::new();
        connections.spawn(pass_on(listener, target, round_trip / 2));
        Ok(Self {
            address,
            _connections: connections,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn pass_on(listener: TcpListener, target: SocketAddr, delay: Duration) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            incoming = listener.accept() => match incoming {
                Ok((near, _)) => drop(connections.spawn(connect(near, target, delay))),
                Err(error) => {
                    tracing::warn!(%error, "the relay lost a connection");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            // So that those that have ended are forgotten.
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either end closes it or breaks.
async fn connect(near: TcpStream, target: SocketAddr, delay: Duration) {
    let carried = async {
        let far = TcpStream::connect(target).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (from_near, to_near) = near.into_split();
        let (from_far, to_far) = far.into_split();
        tokio::try_join!(
            carry(from_near, to_far, delay),
            carry(from_far, to_near, delay)
        )
    };
    if let Err(error) = carried.await {
        tracing::debug!(%error, "a connection through the relay ended");
    }
}

/// One direction, to the end of `from`.
async fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, delay: Duration) -> io::Result<()> {
    let (departing, arriving) = mpsc::channel(PIECES);
    tokio::try_join!(depart(from, departing, delay), arrive(arriving, to))?;
    Ok(())
}

async fn depart(
    mut from: OwnedReadHalf,
    departing: mpsc::Sender<Piece>,
    delay: Duration,
) -> io::Result<()> {
    loop {
        let mut bytes = Vec::with_capacity(PIECE_BYTES);
        if from.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        let piece = (Instant::now() + delay, bytes);
        if departing.send(piece).await.is_err() {
            return Ok(());
        }
    }
}

async fn arrive(mut arriving: mpsc::Receiver<Piece>, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some((at, bytes)) = arriving.recv().await {
        tokio::time::sleep_until(at).await;
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}
