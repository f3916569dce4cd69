use super::bandwidth::Counters;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use std::{io, sync::Arc};
use unsigned_varint::{aio::read_u64, encode, io::ReadError};

/// Room that is made for a body before its first byte is there. A peer that announces much and sends nothing costs no
/// more than this.
const FIRST_ALLOCATION: usize = 16 * 1024;

/// The envelope: an unsigned-varint length, then the body. The length is checked against the cap before anything is
/// allocated for the body.
#[derive(Clone, Debug)]
pub struct SyncCodec {
    pub(super) request_cap: usize,
    pub(super) reply_cap: usize,
    pub(super) counters: Arc<Counters>,
}

/// A length that no honest peer sends. Everything else that ends a stream early may be the connection's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnvelopeError {
    #[error("a body of {announced} bytes was announced, at most {cap} are allowed")]
    TooLong { announced: u64, cap: usize },
    #[error("the length in front of the body is not an unsigned varint")]
    NotALength,
}

impl From<EnvelopeError> for io::Error {
    fn from(error: EnvelopeError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl SyncCodec {
    async fn read<T>(&self, io: &mut T, cap: usize) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let announced = read_u64(&mut *io).await.map_err(|error| match error {
            ReadError::Io(error) => error,
            _ => EnvelopeError::NotALength.into(),
        })?;
        let length = usize::try_from(announced)
            .ok()
            .filter(|length| *length <= cap)
            .ok_or(EnvelopeError::TooLong { announced, cap })?;
        let mut body = Vec::with_capacity(length.min(FIRST_ALLOCATION));
        io.take(announced).read_to_end(&mut body).await?;
        if body.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.counters.received(length);
        Ok(body)
    }

    async fn write<T>(&self, io: &mut T, body: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let mut buffer = encode::usize_buffer();
        io.write_all(encode::usize(body.len(), &mut buffer)).await?;
        io.write_all(&body).await?;
        self.counters.sent(body.len());
        Ok(())
    }
}

impl request_response::Codec for SyncCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io, self.request_cap).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        self.read(io, self.reply_cap).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        body: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, body).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        body: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        self.write(io, body).await
    }
}
