use std::io::{self, BufRead, BufReader, Read};

/// Bytes that are read ahead. Less: more calls into the system; more: nothing is gained.
const BUFFER: usize = 64 * 1024;

/// Why there were no more bytes.
#[derive(Debug)]
pub(super) enum Dry {
    /// The file ends here.
    Ended,
    /// The block has had all that one block may have.
    Spent,
    /// The system refused.
    Failed(io::Error),
}

/// The bytes of a file: counts them, gives each block only so many, and remembers why there were no more, which a decoder
/// does not pass on.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: BufReader<R>,
    offset: u64,
    left: u64,
    dry: Option<Dry>,
}

impl<R: Read> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner: BufReader::with_capacity(BUFFER, inner),
            offset: 0,
            left: 0,
            dry: None,
        }
    }

    /// Bytes that were taken, from the beginning of the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What follows may take this many bytes.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.left = bytes;
        self.dry = None;
    }

    /// Why there were no more bytes, if somebody wanted more.
    pub(super) fn dry(&mut self) -> Option<Dry> {
        self.dry.take()
    }

    /// The next byte, which stays; `None` at the end of the file. Takes nothing from the allowance.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.inner.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes white space, as JSON has it, however much there is.
    pub(super) fn skip_white_space(&mut self) -> io::Result<()> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek()? {
            self.inner.consume(1);
            self.offset = self.offset.saturating_add(1);
        }
        Ok(())
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let wanted = into.len().min(room);
        if wanted == 0 {
            self.dry = Some(Dry::Spent);
            return Ok(0);
        }
        let part = into.get_mut(..wanted).unwrap_or_default();
        match self.inner.read(part) {
            Ok(0) => self.dry = Some(Dry::Ended),
            Ok(count) => {
                let taken = u64::try_from(count).unwrap_or(u64::MAX);
                self.offset = self.offset.saturating_add(taken);
                self.left = self.left.saturating_sub(taken);
                return Ok(count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => self.dry = Some(Dry::Failed(error)),
        }
        Ok(0)
    }
}
