//! A file to import: looked into, and read once, as a stream that is hashed on its way.
//!
//! What is no regular file (a pipe, a process substitution, standard input) gives each byte only
//! once: what was looked at is kept, and comes first when it is read.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Cursor, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::begin::Begin;
use super::decompress::Decompressed;
use super::text::{Notes, PlainText};
use super::{IMPORTERS, Importer};
use crate::capture::ImportSource;
use crate::{Error, Result};

/// What names standard input.
pub const STANDARD_INPUT: &str = "-";

/// NUL bytes that are passed over to see how a stream begins; it has to be kept in memory.
const MOST_NUL_BYTES_OF_STREAM: u64 = 16 * 1024 * 1024;

/// A file to import.
#[derive(Debug)]
pub struct Input {
    /// Where it is; [`STANDARD_INPUT`] for that.
    pub path: PathBuf,
    /// Its size on disk, in bytes; 0 for a stream.
    pub bytes: u64,
    /// How it begins.
    pub begin: Begin,
    /// The importer that recognises it.
    pub importer: Option<&'static Importer>,
    /// For what can be read only once, until it is.
    stream: Option<RefCell<Option<Stream>>>,
}

/// A stream of which the beginning was read already.
#[derive(Debug)]
struct Stream {
    head: Vec<u8>,
    rest: File,
}

impl Input {
    /// Looks into a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let is_standard_input = path == Path::new(STANDARD_INPUT);
        let failed = |error| Error::io("read", path)(error);
        let (file, bytes) = if is_standard_input {
            (standard_input().map_err(failed)?, None)
        } else {
            let metadata = fs::metadata(path).map_err(failed)?;
            (File::open(path).map_err(failed)?, metadata.is_file().then_some(metadata.len()))
        };
        let is_stream = bytes.is_none();
        let mut recorder = Recorder { file, head: is_stream.then(Vec::new), error: None };
        let most_nul_bytes = if is_stream { MOST_NUL_BYTES_OF_STREAM } else { u64::MAX };
        let begin = Begin::read(&mut Decompressed::new(&mut recorder), most_nul_bytes);
        let Recorder { file, head, error } = recorder;
        if let Some(error) = error {
            return Err(failed(error));
        }
        let stream = head.map(|head| RefCell::new(Some(Stream { head, rest: file })));
        let (importer, begin) = recognise(begin);
        Ok(Self { path: path.to_path_buf(), bytes: bytes.unwrap_or(0), begin, importer, stream })
    }

    /// The name of the file, without its folder.
    pub fn file_name(&self) -> String {
        match (&self.stream, self.path.to_str()) {
            (_, Some(STANDARD_INPUT)) => "standard input".to_owned(),
            (Some(_), _) => self.path.to_string_lossy().into_owned(),
            (None, _) => self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Why it cannot be imported.
    pub(super) fn refusal(&self) -> Error {
        let reason = format!("it {}", self.begin.looks_like());
        Error::Import { path: self.path.clone(), reason }
    }

    /// The contents from the start, decompressed, and text as plain lines. `progress` is told each
    /// number of bytes that were read. A stream is read once: the second reader finds nothing.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened.
    pub fn reader<'a>(&self, progress: impl FnMut(u64) + 'a) -> Result<Reader<'a>> {
        let bytes: Box<dyn Read> = match &self.stream {
            Some(stream) => match stream.take() {
                Some(Stream { head, rest }) => Box::new(Cursor::new(head).chain(rest)),
                None => Box::new(io::empty()),
            },
            None => Box::new(File::open(&self.path).map_err(Error::io("read", &self.path))?),
        };
        let raw = Rc::new(RefCell::new(Raw { bytes, hash: Sha256::new(), progress: Box::new(progress) }));
        let decoder = Decompressed::new(RawReader(Rc::clone(&raw)));
        let notes = Notes::default();
        let inner: Box<dyn Read + 'a> = match self.begin.layout {
            Some(layout) => Box::new(PlainText::new(decoder, layout, &notes)),
            None => Box::new(decoder),
        };
        Ok(Reader { path: self.path.clone(), name: self.file_name(), raw, inner, notes })
    }
}

/// Standard input as a file of its own, whatever it is.
fn standard_input() -> io::Result<File> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(io::Error::other("it is a terminal: pipe something into it"));
    }
    #[cfg(unix)]
    let copy = std::os::fd::AsFd::as_fd(&stdin).try_clone_to_owned()?;
    #[cfg(windows)]
    let copy = std::os::windows::io::AsHandle::as_handle(&stdin).try_clone_to_owned()?;
    Ok(File::from(copy))
}

/// The importer for a file that begins so. One that was cut in its first line is known by the others.
fn recognise(begin: Begin) -> (Option<&'static Importer>, Begin) {
    let find = |begin: &Begin| IMPORTERS.iter().find(|importer| (importer.recognises)(begin)).copied();
    if let Some(found) = find(&begin) {
        return (Some(found), begin);
    }
    match begin.without_first_line() {
        Some(rest) => match find(&rest) {
            Some(found) => (Some(found), rest),
            None => (None, begin),
        },
        None => (None, begin),
    }
}

/// Reads a file, and keeps what was read of a stream.
struct Recorder {
    file: File,
    head: Option<Vec<u8>>,
    /// What the system said, as apart from a decompressor.
    error: Option<io::Error>,
}

impl Read for Recorder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer) {
            Ok(read) => {
                if let Some(head) = &mut self.head {
                    head.extend_from_slice(&buffer[..read]);
                }
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.error.get_or_insert(error);
                Err(kind.into())
            }
        }
    }
}

/// The contents of a file, as [`Input::reader`] gives them.
pub struct Reader<'a> {
    path: PathBuf,
    name: String,
    raw: Rc<RefCell<Raw<'a>>>,
    inner: Box<dyn Read + 'a>,
    notes: Notes,
}

impl Reader<'_> {
    /// What is noted while the text is read.
    pub(super) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// Reads what is left of the file, so that its hash is that of all its bytes.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read to its end.
    pub fn finish(self, format: &str) -> Result<ImportSource> {
        let Self { path, name, raw, inner, .. } = self;
        drop(inner);
        let mut rest = RawReader(Rc::clone(&raw));
        io::copy(&mut rest, &mut io::sink()).map_err(Error::io("read", &path))?;
        let sha256 = crate::capture::Digest::from_hash(raw.borrow().hash.clone());
        Ok(ImportSource { file: name, format: format.to_owned(), sha256: sha256.to_string() })
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

/// The bytes as they are, hashed as they are read.
struct Raw<'a> {
    bytes: Box<dyn Read>,
    hash: Sha256,
    progress: Box<dyn FnMut(u64) + 'a>,
}

struct RawReader<'a>(Rc<RefCell<Raw<'a>>>);

impl Read for RawReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut raw = self.0.borrow_mut();
        let read = raw.bytes.read(buffer)?;
        raw.hash.update(&buffer[..read]);
        (raw.progress)(read as u64);
        Ok(read)
    }
}
