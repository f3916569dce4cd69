use super::codec::SyncCodec;
use futures::{
    AsyncRead, AsyncWrite, FutureExt,
    channel::oneshot,
    future::{Either, Shared, select},
};
use libp2p::{StreamProtocol, request_response};
use std::{convert::Infallible, io, pin::pin};

/// Held by whoever waits for a reply. Dropping it ends the stream.
#[derive(Debug)]
pub(super) struct Waits {
    _until_dropped: oneshot::Sender<Infallible>,
}

/// How a stream learns that nobody waits for its reply any more.
#[derive(Clone, Debug)]
pub(super) struct Caller(Shared<oneshot::Receiver<Infallible>>);

/// The two ends of one request.
pub(super) fn caller() -> (Waits, Caller) {
    let (until_dropped, gone) = oneshot::channel();
    let waits = Waits {
        _until_dropped: until_dropped,
    };
    (waits, Caller(gone.shared()))
}

#[derive(Debug, thiserror::Error)]
#[error("nobody waits for the reply any more")]
struct CallerGone;

impl Caller {
    /// Does `work` unless the caller goes first.
    async fn unless_gone<T>(
        &self,
        work: impl Future<Output = io::Result<T>> + Send,
    ) -> io::Result<T> {
        match select(self.0.clone(), pin!(work)).await {
            Either::Left(_) => Err(io::Error::other(CallerGone)),
            Either::Right((done, _)) => done,
        }
    }
}

/// A request on its way through a stream.
#[derive(Debug)]
pub struct Request {
    pub(super) body: Vec<u8>,
    /// Who waits for the reply; `None` of a peer's request, whose caller is not here.
    pub(super) caller: Option<Caller>,
}

/// The envelope, for streams that end with their caller: of a reply that nobody waits for no further byte is read, and what came is
/// given back. A peer that sends its replies drop by drop holds memory, and a place among its requests, no longer than we want the
/// reply.
#[derive(Clone, Debug)]
pub struct CallCodec {
    pub(super) envelope: SyncCodec,
    /// Whose request this stream carries. libp2p clones the codec for each stream, and writes the request before it reads the reply.
    pub(super) caller: Option<Caller>,
}

impl request_response::Codec for CallCodec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Vec<u8>;

    async fn read_request<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let body = self.envelope.read_request(protocol, io).await?;
        Ok(Request { body, caller: None })
    }

    async fn read_response<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let read = self.envelope.read_response(protocol, io);
        match &self.caller {
            Some(caller) => caller.unless_gone(read).await,
            None => read.await,
        }
    }

    async fn write_request<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
        request: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.caller = request.caller;
        let write = self.envelope.write_request(protocol, io, request.body);
        match &self.caller {
            Some(caller) => caller.unless_gone(write).await,
            None => write.await,
        }
    }

    async fn write_response<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
        body: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.envelope.write_response(protocol, io, body).await
    }
}
