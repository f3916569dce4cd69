use super::Format;
use crate::Block;
use codec::Encode;
use sp_runtime::generic::SignedBlock;
use std::io::{self, Write};

/// Writes blocks one by one.
#[derive(Debug)]
pub struct BlockWriter<W> {
    out: W,
    format: Format,
}

impl<W: Write> BlockWriter<W> {
    /// Begins a file of `count` blocks, as many as will be written.
    pub fn begin(mut out: W, format: Format, count: u64) -> io::Result<Self> {
        if format == Format::Binary {
            out.write_all(&count.encode())?;
        }
        Ok(Self { out, format })
    }

    /// Adds a block.
    pub fn write(&mut self, block: Block) -> io::Result<()> {
        let signed = SignedBlock {
            block,
            justifications: None,
        };
        match self.format {
            Format::Binary => self.out.write_all(&signed.encode()),
            Format::Json => {
                serde_json::to_writer(&mut self.out, &signed).map_err(io::Error::from)?;
                self.out.write_all(b"\n")
            }
        }
    }

    /// Hands what is buffered on, and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
