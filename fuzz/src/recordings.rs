//! Bytes as captures and as unfinished recordings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::capture::schema::COLUMNS;
use crate::capture::{CaptureFile, Column, Cursor, Overwrite, Position, Toward, recover, verify};

/// What a frame of a journal, and a record of a growing file, begins with.
const MAGIC: [u8; 8] = *b"\xF5netrec\n";

/// Magic, length, checksum.
const HEADER_BYTES: usize = 16;

/// Rows of one input that are read: a few bytes may say "the same" of any number.
const MOST_ROWS: usize = 300_000;

/// Where one capture after the other is opened.
pub struct Workspace {
    capture: PathBuf,
    folder: PathBuf,
    recovered: PathBuf,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// In a folder of this process.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let place = parent.join(format!("netrec-fuzz-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a folder for the inputs");
        Self {
            capture: place.join("c.parquet"),
            folder: place.join("c.parquet.d"),
            recovered: place.join("recovered.parquet"),
        }
    }

    /// Opens a file of these bytes.
    ///
    /// # Panics
    /// If it cannot be written, or what is read of it does not hold what it must.
    pub fn open_file(&self, bytes: &[u8]) {
        fs::write(&self.capture, bytes).expect("an input");
        self.look();
    }

    /// Opens a recording that was broken off, and then the capture that is made of it.
    ///
    /// # Panics
    /// If it cannot be written, or what is read of it does not hold what it must.
    pub fn open_unfinished(&self, recording: &Unfinished) {
        fs::create_dir_all(&self.folder).expect("a folder for the input");
        fs::write(self.folder.join("rows.parquet"), &recording.rows).expect("an input");
        fs::write(self.folder.join("journal-0"), &recording.journal).expect("an input");
        let _ = fs::remove_file(&self.capture);
        self.look();
        let _ = fs::remove_file(&self.recovered);
        if recover(&self.capture, Some(&self.recovered), Overwrite::Never).is_ok() {
            read(CaptureFile::open(&self.recovered).expect("a capture that was just made"));
        }
        assert!(self.folder.join("journal-0").exists(), "nothing of the recording is removed");
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn look(&self) {
        match CaptureFile::open(&self.capture) {
            Ok(capture) => read(capture),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        if let Ok(verdict) = verify(&self.capture) {
            assert!(verdict.bytes > 0);
        }
    }
}

/// Reads what the analysis reads, and what a player shows first and last.
fn read(capture: CaptureFile) {
    let columns: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
    let mut rows = 0;
    for index in 0..capture.row_groups() {
        match rows_of(&capture, index, &columns, MOST_ROWS - rows) {
            Ok(more) => rows += more,
            Err(error) => capture.leave_out(index, &error),
        }
        if rows >= MOST_ROWS {
            return;
        }
    }
    let metadata = capture.metadata_as_read();
    assert!(metadata.recovered.is_none_or(|sentence| !sentence.is_empty()));
    if usize::try_from(capture.rows()).is_ok_and(|rows| rows <= MOST_ROWS) {
        play(capture);
    }
}

/// How many rows a row group has, as far as they are read.
fn rows_of(capture: &CaptureFile, index: usize, columns: &[Column], most: usize) -> Result<usize, Error> {
    let mut rows = 0;
    for batch in capture.row_group(index, columns)? {
        let batch = batch?;
        assert!(batch.num_columns() <= columns.len(), "an earlier version wrote fewer columns, none more");
        rows += batch.num_rows();
        if rows >= most {
            break;
        }
    }
    Ok(rows)
}

fn play(capture: CaptureFile) {
    let Ok(mut cursor) = Cursor::new(Arc::new(capture)) else { return };
    let Some((first, last)) = cursor.span_us() else { return };
    for (ts_us, toward) in [(first, Toward::Later), (last, Toward::Earlier), (i64::MIN, Toward::Later)] {
        if let Ok(Some(sample)) = cursor.at(Position::Time(ts_us), toward) {
            assert!(sample.rows.len() <= MOST_ROWS && sample.events.len() <= MOST_ROWS);
        }
    }
}

/// What a recording that was broken off has left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// The growing file.
    pub rows: Vec<u8>,
    /// The journal of its first row group.
    pub journal: Vec<u8>,
}

impl Unfinished {
    /// From pieces: a byte that says where a piece belongs and whether it is a frame's content,
    /// its length in two bytes, and as much of it as there is. Frames get a checksum that fits,
    /// which no fuzzer would guess.
    pub fn from_pieces(mut bytes: &[u8]) -> Self {
        let mut recording = Self::default();
        while let Some(([kind, high, low], rest)) = bytes.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
            let (piece, rest) = rest.split_at(length);
            let file = if kind & 1 == 0 { &mut recording.rows } else { &mut recording.journal };
            if kind & 2 == 0 {
                file.extend_from_slice(piece);
            } else {
                file.extend_from_slice(&framed(piece));
            }
            bytes = rest;
        }
        recording
    }

    /// The other way.
    ///
    /// # Panics
    /// If a piece is longer than 64 KiB, or a frame is not whole.
    pub fn to_pieces(&self) -> Vec<u8> {
        [(0, &self.rows), (1, &self.journal)]
            .into_iter()
            .flat_map(|(kind, file)| pieces(kind, file))
            .collect()
    }
}

fn pieces(kind: u8, mut file: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |kind: u8, piece: &[u8]| {
        let length = u16::try_from(piece.len()).expect("a short piece").to_be_bytes();
        out.extend_from_slice(&[&[kind], length.as_slice(), piece].concat());
    };
    while let Some(at) = file.windows(MAGIC.len()).position(|window| window == MAGIC) {
        let (raw, frame) = file.split_at(at);
        let length = u32::from_le_bytes(frame[8..12].try_into().expect("four bytes")) as usize;
        let (packed, rest) = frame[HEADER_BYTES..].split_at(length);
        put(kind, raw);
        put(kind | 2, &zstd::decode_all(packed).expect("a whole frame"));
        file = rest;
    }
    put(kind, file);
    out
}

fn framed(content: &[u8]) -> Vec<u8> {
    let packed = zstd::bulk::compress(content, 1).expect("memory takes it");
    let length = (packed.len() as u32).to_le_bytes();
    let checksum = crc32fast::hash(&[length.as_slice(), &packed].concat()).to_le_bytes();
    [MAGIC.as_slice(), &length, &checksum, &packed].concat()
}
