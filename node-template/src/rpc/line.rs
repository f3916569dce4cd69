use super::{
    connection::{Connection, Cut},
    places::Place,
};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a client may read nothing while something waits to be sent; then it is cut off. Too low: clients on slow lines
/// are; too high: those that vanished hold their answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// The stream of one connection: it is read while the [`Connection`] may go on, and ends when that is cut or its client stops
/// reading. It holds the connection's place, also after an upgrade to a WebSocket.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    connection: Arc<Connection>,
    stuck: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Line {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>, place: Place) -> Self {
        Self {
            stream,
            connection,
            stuck: None,
            _place: place,
        }
    }

    /// Writes with `write`, for as long as the client reads.
    fn write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.connection.may_write(cx.waker()).map_err(aborted)?;
        if let Poll::Ready(written) = write(Pin::new(&mut self.stream), cx) {
            self.stuck = None;
            if let Ok(bytes) = written {
                self.connection.sent(bytes);
            }
            return Poll::Ready(written);
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        ready!(stuck.as_mut().poll(cx));
        tracing::debug!(from = %self.connection.from(), "an RPC client that does not read was cut off");
        self.connection.cut();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

fn aborted(cut: Cut) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, cut)
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.connection.may_read(cx.waker())).map_err(aborted)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.connection.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write_with(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_with(cx, |stream, cx| stream.poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
