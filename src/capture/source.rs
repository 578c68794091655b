//! Where the bytes of a capture come from: a file, or memory for what has no file of its own.

use std::fs::File;
use std::io::Read;

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

/// Bytes that can be read from any place.
#[derive(Debug)]
pub(super) enum Source {
    /// A file on disk.
    File(File),
    /// Rows that were rescued from a journal into which this program may not write.
    Memory(Bytes),
}

impl Source {
    /// How many there are.
    pub(super) fn bytes(&self) -> u64 {
        self.len()
    }

    /// The same bytes once more.
    ///
    /// # Errors
    /// If the system has no more file handles.
    pub(super) fn try_clone(&self) -> std::io::Result<Self> {
        Ok(match self {
            Self::File(file) => Self::File(file.try_clone()?),
            Self::Memory(bytes) => Self::Memory(bytes.clone()),
        })
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Source {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            Self::Memory(bytes) => Box::new(ChunkReader::get_read(bytes, start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // A damaged footer may claim any length; what is not there is not allocated.
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.bytes()) {
            let reason =
                format!("bytes {start} to {} are beyond the end", start.saturating_add(length as u64));
            return Err(parquet::errors::ParquetError::EOF(reason));
        }
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Memory(bytes) => bytes.get_bytes(start, length),
        }
    }
}
