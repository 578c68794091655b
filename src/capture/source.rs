//! The bytes of a capture: in a file, or in memory if there is none.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{BufReader, Read};

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

/// Bytes with random access.
#[derive(Debug)]
pub(super) enum Source {
    /// A file on disk.
    File(File),
    /// Rows recovered from a journal that this program may not write to.
    Memory(Bytes),
}

impl Source {
    /// The number of bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.len()
    }

    /// Reads the bytes from `start` to `end`, or as many of them as fit into `buffer`, and returns
    /// them. Reading a whole file piece by piece thus needs only one buffer.
    ///
    /// # Errors
    /// If they cannot be read, or are past the end.
    pub(super) fn read_into<'b>(
        &self,
        start: u64,
        end: u64,
        buffer: &'b mut [u8],
    ) -> std::io::Result<&'b [u8]> {
        let length = end.saturating_sub(start).min(buffer.len() as u64) as usize;
        let piece = &mut buffer[..length];
        match self {
            Self::File(file) => At { file, place: start }.read_exact(piece)?,
            Self::Memory(bytes) => {
                let from = usize::try_from(start).unwrap_or(usize::MAX);
                let there = from.checked_add(length).and_then(|to| bytes.get(from..to));
                piece.copy_from_slice(there.ok_or(std::io::ErrorKind::UnexpectedEof)?);
            }
        }
        Ok(piece)
    }

    /// Another handle of the same bytes.
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

/// Reads a file from an offset on. Handles of one file share its position, so threads that seek and
/// read would interfere; this reads at an offset without seeking.
struct At<F> {
    file: F,
    place: u64,
}

impl<F: Borrow<File>> Read for At<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(self.file.borrow(), buffer, self.place)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(self.file.borrow(), buffer, self.place)?;
        self.place += read as u64;
        Ok(read)
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
            Self::File(file) => Box::new(BufReader::new(At { file: file.try_clone()?, place: start })),
            Self::Memory(bytes) => Box::new(ChunkReader::get_read(bytes, start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // A damaged footer may claim any length; memory is allocated only for existing bytes.
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.bytes()) {
            let reason = format!("bytes {start} to {} are past the end", start.saturating_add(length as u64));
            return Err(parquet::errors::ParquetError::EOF(reason));
        }
        match self {
            Self::File(file) => {
                let mut bytes = vec![0; length];
                At { file, place: start }.read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
            Self::Memory(bytes) => bytes.get_bytes(start, length),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn pieces_are_as_long_as_the_buffer_and_end_where_they_should() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        for source in [Source::File(file), Source::Memory(bytes.clone().into())] {
            let mut buffer = [0; 60];
            assert_eq!(source.read_into(10, 100, &mut buffer).unwrap(), &bytes[10..70]);
            assert_eq!(source.read_into(70, 100, &mut buffer).unwrap(), &bytes[70..]);
            assert!(source.read_into(70, 101, &mut buffer).is_err());
            assert!(source.read_into(u64::MAX - 1, u64::MAX, &mut buffer).is_err());
        }
    }

    #[test]
    fn a_stream_goes_on_where_it_was() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let (mut stream, mut read) = (Source::File(file).get_read(5).unwrap(), Vec::new());
        let mut buffer = [0; 40];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            read.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(read, &bytes[5..]);
    }

    #[test]
    fn threads_that_read_at_once_get_each_their_own_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..1 << 16).map(|number: u32| (number >> 8) as u8).collect();
        file.write_all(&bytes).unwrap();
        let source = Source::File(file);
        std::thread::scope(|scope| {
            for part in 0_u8..4 {
                let source = source.try_clone().unwrap();
                scope.spawn(move || {
                    for _ in 0..2000 {
                        let read = source.get_bytes(u64::from(part) << 8, 256).unwrap();
                        assert!(read.iter().all(|byte| *byte == part));
                        let mut read = [0; 256];
                        source.get_read(u64::from(part) << 8).unwrap().read_exact(&mut read).unwrap();
                        assert!(read.iter().all(|byte| *byte == part));
                    }
                });
            }
        });
    }
}
