//! The files to import: found, looked into, and read as a stream that is hashed on its way.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::{IMPORTERS, Importer};
use crate::capture::ImportSource;
use crate::{Error, Result};

/// How much of a file is looked at to tell what it is.
const BEGIN_BYTES: usize = 64 * 1024;

/// How deep folders are searched, and how many files are taken from them.
const MOST_DEPTH: usize = 8;
const MOST_FILES: usize = 100_000;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of a file, after decompression.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The bytes, at most 64 KiB.
    pub bytes: Vec<u8>,
    /// Whether the file is compressed.
    pub is_compressed: bool,
}

impl Begin {
    /// The lines of a text file, as far as they are whole; a file without a line end is one line.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// What it looks like, for someone who named the wrong file.
    fn looks_like(&self) -> &'static str {
        let begin = self.bytes.as_slice();
        let text = self.lines().find(|line| !line.trim_ascii().is_empty()).unwrap_or_default().trim_ascii();
        match begin {
            [] => "is empty",
            [b'P', b'A', b'R', b'1', ..] => "is a Parquet file, perhaps a capture already",
            [b'P', b'K', 3, 4, ..] => "is a zip archive",
            [0x7f, b'E', b'L', b'F', ..] => "is a program",
            [b'%', b'P', b'D', b'F', ..] => "is a PDF",
            [0xfd, b'7', b'z', b'X', b'Z', ..] => "is compressed with xz",
            [b'B', b'Z', b'h', ..] => "is compressed with bzip2",
            _ if begin.get(257..262) == Some(b"ustar") => "is a tar archive",
            _ if begin.contains(&0) => "is binary, of no kind that is known here",
            _ if text.starts_with(b"{") || text.starts_with(b"[") => "is JSON of another kind",
            _ if text.starts_with(b"<") => "is XML or HTML",
            _ => "is text of another kind",
        }
    }
}

/// A file to import.
#[derive(Debug)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// Its size on disk, in bytes.
    pub bytes: u64,
    /// How it begins.
    pub begin: Begin,
    /// The importer that recognises it.
    pub importer: Option<&'static Importer>,
}

impl Input {
    /// Looks into a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).map_err(Error::io("read", path))?.len();
        let begin = begin(path)?;
        let importer = IMPORTERS.iter().find(|importer| (importer.recognises)(&begin)).copied();
        Ok(Self { path: path.to_path_buf(), bytes, begin, importer })
    }

    /// The name of the file, without its folder.
    pub fn file_name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Why it cannot be imported.
    pub(super) fn refusal(&self) -> Error {
        let understood: Vec<&str> = IMPORTERS.iter().map(|importer| importer.title).collect();
        let reason = format!("it {}; understood are {}", self.begin.looks_like(), understood.join(", "));
        Error::Import { path: self.path.clone(), reason }
    }

    /// The contents from the start, decompressed. `progress` is told each number of bytes that
    /// were read from the disk.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened.
    pub fn reader<'a>(&self, progress: impl FnMut(u64) + 'a) -> Result<Reader<'a>> {
        let file = File::open(&self.path).map_err(Error::io("read", &self.path))?;
        let raw = Rc::new(RefCell::new(Raw { file, hash: Sha256::new(), progress: Box::new(progress) }));
        let inner =
            decoder(BufReader::with_capacity(256 * 1024, RawReader(Rc::clone(&raw))), &self.begin_raw()?)
                .map_err(Error::io("read", &self.path))?;
        Ok(Reader { path: self.path.clone(), raw, inner })
    }

    fn begin_raw(&self) -> Result<[u8; 4]> {
        let mut magic = [0; 4];
        let mut file = File::open(&self.path).map_err(Error::io("read", &self.path))?;
        read_up_to(&mut file, &mut magic).map_err(Error::io("read", &self.path))?;
        Ok(magic)
    }
}

/// The decompressed contents of a file.
pub struct Reader<'a> {
    path: PathBuf,
    raw: Rc<RefCell<Raw<'a>>>,
    inner: Box<dyn Read + 'a>,
}

impl Reader<'_> {
    /// Reads what is left of the file, so that its hash is that of all its bytes.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read to its end.
    pub fn finish(self, format: &str) -> Result<ImportSource> {
        let Self { path, raw, inner } = self;
        drop(inner);
        let mut rest = RawReader(Rc::clone(&raw));
        io::copy(&mut rest, &mut io::sink()).map_err(Error::io("read", &path))?;
        let sha256 = crate::capture::Digest::from_hash(raw.borrow().hash.clone());
        Ok(ImportSource {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            format: format.to_owned(),
            sha256: sha256.to_string(),
        })
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

/// The bytes on disk, hashed as they are read.
struct Raw<'a> {
    file: File,
    hash: Sha256,
    progress: Box<dyn FnMut(u64) + 'a>,
}

struct RawReader<'a>(Rc<RefCell<Raw<'a>>>);

impl Read for RawReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut raw = self.0.borrow_mut();
        let read = raw.file.read(buffer)?;
        raw.hash.update(&buffer[..read]);
        (raw.progress)(read as u64);
        Ok(read)
    }
}

fn decoder<'a>(raw: BufReader<RawReader<'a>>, magic: &[u8]) -> io::Result<Box<dyn Read + 'a>> {
    Ok(if magic.starts_with(GZIP) {
        Box::new(MultiGzDecoder::new(raw))
    } else if magic.starts_with(ZSTD) {
        Box::new(zstd::stream::read::Decoder::with_buffer(raw)?)
    } else {
        Box::new(raw)
    })
}

fn begin(path: &Path) -> Result<Begin> {
    let mut raw = vec![0; BEGIN_BYTES];
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let read = read_up_to(&mut file, &mut raw).map_err(Error::io("read", path))?;
    raw.truncate(read);
    let mut bytes = vec![0; BEGIN_BYTES];
    let decoded = if raw.starts_with(GZIP) {
        Some(read_up_to(&mut MultiGzDecoder::new(raw.as_slice()), &mut bytes))
    } else if raw.starts_with(ZSTD) {
        zstd::stream::read::Decoder::with_buffer(raw.as_slice())
            .ok()
            .map(|mut d| read_up_to(&mut d, &mut bytes))
    } else {
        return Ok(Begin { bytes: raw, is_compressed: false });
    };
    // A stream that cannot be decoded has no begin, and nothing recognises it.
    bytes.truncate(decoded.and_then(Result::ok).unwrap_or(0));
    Ok(Begin { bytes, is_compressed: true })
}

/// Fills the buffer as far as the bytes go; those before an error count.
fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The files that are named and those in the folders that are named, in the order of their
/// paths; of those in folders only what is recognised, and the number of the others.
pub(super) fn collect(paths: &[PathBuf], from: Option<&'static Importer>) -> Result<(Vec<Input>, usize)> {
    let mut inputs = Vec::new();
    let mut passed_over = 0;
    for path in paths {
        if !fs::metadata(path).map_err(Error::io("read", path))?.is_dir() {
            inputs.push(Input::open(path)?);
            continue;
        }
        let mut files = Vec::new();
        list(path, 0, &mut files)?;
        files.sort();
        let before = inputs.len();
        for file in files {
            let input = Input::open(&file)?;
            let is_wanted = input.importer.is_some_and(|found| from.is_none_or(|from| from.id == found.id));
            if is_wanted {
                inputs.push(input);
            } else {
                passed_over += 1;
            }
        }
        if inputs.len() == before {
            let reason = format!("none of the {passed_over} files in this folder can be imported");
            return Err(Error::Import { path: path.clone(), reason });
        }
    }
    // A file that is named twice is read once.
    let mut seen = std::collections::BTreeSet::new();
    inputs.retain(|input| seen.insert(input.path.canonicalize().unwrap_or_else(|_| input.path.clone())));
    Ok((inputs, passed_over))
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        // Links are not followed into folders, so that a circle of them ends.
        let kind = entry.file_type().map_err(Error::io("read", entry.path()))?;
        if kind.is_dir() && depth < MOST_DEPTH {
            list(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && files.len() < MOST_FILES {
            files.push(entry.path());
        }
    }
    Ok(())
}
