use super::bandwidth::Counters;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use std::{io, sync::Arc};
use unsigned_varint::{decode, encode};

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
        let announced = read_length(io).await?;
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

/// Byte by byte, as only the varint itself says where it ends.
async fn read_length<T>(io: &mut T) -> io::Result<u64>
where
    T: AsyncRead + Unpin + Send,
{
    let mut buffer = encode::u64_buffer();
    let mut taken = 0;
    while let Some(byte) = buffer.get_mut(taken..=taken) {
        io.read_exact(byte).await?;
        taken += 1;
        if byte.iter().copied().all(decode::is_last) {
            break;
        }
    }
    let (length, _) = decode::u64(&buffer[..taken]).map_err(|_| EnvelopeError::NotALength)?;
    Ok(length)
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

#[cfg(test)]
mod tests;
