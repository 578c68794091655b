//! The growing file: row groups, each followed by a record of what a footer needs to know about it,
//! so that the file can be read without its footer.
//!
//! ```text
//! PAR1 │ row group 0 │ record 0 │ record 0 │ row group 1 │ record 1 │ record 1 │ … │ footer │ PAR1
//! ```
//!
//! Parquet readers follow the footer's offsets and skip the records. Each record is written twice,
//! so that no single flipped bit costs an intact row group.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::evidence::{EVIDENCE_KEY, Evidence, GroupHash, SEAL_KEY, Seal};
use super::footer::{self, Description, Descriptions};
use super::journal;
use super::keys::SigningKey;
use super::row_group::{self, RowGroup};
use super::thrift;
use super::{FORMAT_VERSION, Metadata, frame};
use crate::safe_fs::{Dir, User, facts_of};
use crate::{Error, Result};

/// First and last bytes of a Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// Number of copies of each record.
const COPIES: usize = 2;

/// The record after a row group.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    /// Index of the row group.
    pub(super) index: u64,
    /// Position of the row group, and its hash.
    pub(super) hash: GroupHash,
    /// The metadata at that time, as JSON.
    metadata: String,
    /// A Parquet footer for this row group alone.
    footer: Vec<u8>,
}

impl Record {
    /// From a frame's content.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        postcard::from_bytes(content).ok()
    }

    /// The metadata at that time.
    pub(super) fn metadata(&self) -> Option<Metadata> {
        serde_json::from_str(&self.metadata).ok()
    }

    /// The footer, decoded.
    pub(super) fn footer(&self) -> Option<ParquetMetaData> {
        let length = self.footer.len().checked_sub(footer::END_BYTES)?;
        let words = &self.footer[..length];
        thrift::walk(words)?;
        ParquetMetaDataReader::decode_metadata(words).ok()
    }
}

/// A finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Rows in it.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, as `sha256sum` prints it; `None` if part of it was there before.
    pub sha256: Option<Digest>,
    /// The user to whom the file was given, or `None` for the user running this program.
    pub given_to: Option<User>,
}

/// Row groups that are already in a file.
#[derive(Default)]
pub(super) struct Existing {
    /// Their hashes, in file order.
    pub(super) evidence: Evidence,
    /// Their descriptions, in the same order.
    pub(super) descriptions: Descriptions,
    /// The schema; `None` for this program's own.
    pub(super) schema: Option<FileMetaData>,
    /// Hash of what is outside the row groups so far.
    pub(super) outside: Sha256,
    /// Where the next row group begins.
    pub(super) end: u64,
    /// Index of the next row group.
    pub(super) next_index: u64,
}

#[cfg(unix)]
fn let_group_read(file: &File) -> std::io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o640))
}

/// Other systems have no file modes: any user who can read the folder can read the file.
#[cfg(not(unix))]
fn let_group_read(_file: &File) -> std::io::Result<()> {
    Ok(())
}

/// A capture file being written.
pub(super) struct PartialFile {
    path: PathBuf,
    file: File,
    existing: Existing,
    whole: Option<Sha256>,
    /// Owner of the finished file, or `None` for the user running this program.
    pub(super) given_to: Option<User>,
    /// Whether the file's group may read it when finished.
    pub(super) group_may_read: bool,
}

impl PartialFile {
    /// Creates the file; an existing one is an error.
    pub(super) fn create(folder: &Dir, name: &str) -> Result<Self> {
        let path = folder.path_of(name);
        let file = folder.create_file(name).map_err(Error::io("create", &path))?;
        let whole = Some(Sha256::new());
        let mut new =
            Self { path, file, existing: Existing::default(), whole, given_to: None, group_may_read: false };
        new.write_outside(MAGIC)?;
        Ok(new)
    }

    /// Continues a file after its intact row groups; anything after them is cut off.
    pub(super) fn resume(path: &Path, file: File, existing: Existing) -> Result<Self> {
        let mut resumed = Self {
            path: path.to_path_buf(),
            file,
            existing,
            whole: None,
            given_to: None,
            group_may_read: false,
        };
        let end = resumed.existing.end;
        let seek = |file: &mut File| std::io::Seek::seek(file, std::io::SeekFrom::Start(end));
        resumed.file.set_len(end).and_then(|()| seek(&mut resumed.file)).map_err(Error::io("write", path))?;
        if end == 0 {
            resumed.write_outside(MAGIC)?;
        }
        Ok(resumed)
    }

    /// Whether someone else has removed the file.
    pub(super) fn was_removed(&self) -> bool {
        facts_of(&self.file).is_ok_and(|facts| facts.links == 0)
    }

    /// Copies a removed file to a new one.
    pub(super) fn make_again(&mut self, folder: &Dir, name: &str) -> Result<()> {
        let mut file = folder.create_file(name).map_err(Error::io("create", &self.path))?;
        journal::copy(&mut self.file, &mut file).map_err(Error::io("write", &self.path))?;
        self.file = file;
        Ok(())
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.existing.end
    }

    /// Index of the next row group.
    pub(super) fn next_index(&self) -> u64 {
        self.existing.next_index
    }

    /// Adds a row group and its record, and syncs both to disk.
    pub(super) fn append(&mut self, group: &mut RowGroup, metadata: &Metadata) -> Result<()> {
        let rows = group.len() as u64;
        let (schema, ordinal) = (self.schema()?, self.existing.descriptions.len());
        let encoded = group.encode(&schema).map_err(|e| parquet_error(&self.path, e))?;
        let start = self.existing.end;
        self.write(&encoded.bytes)?;
        let description = encoded
            .placed_at(start, ordinal)
            .and_then(|row_group| Description::new(&schema, row_group))
            .map_err(|e| parquet_error(&self.path, e))?;
        let hash = GroupHash { start, end: self.existing.end, rows, sha256: Digest::new(&encoded.bytes) };
        let record = Record {
            index: self.existing.next_index,
            hash: hash.clone(),
            metadata: serde_json::to_string(metadata).unwrap_or_default(),
            footer: description.footer.clone(),
        };
        let content = postcard::to_stdvec(&record).map_err(|e| self.bug(&e.to_string()))?;
        let frame = frame::pack(&content).map_err(Error::io("write", &self.path))?;
        self.write_outside(&frame.repeat(COPIES))?;
        self.file.sync_data().map_err(Error::io("write", &self.path))?;
        self.existing.evidence.push(hash);
        self.existing.descriptions.push(&description);
        self.existing.next_index += 1;
        Ok(())
    }

    /// Writes the footer with the metadata, sealed and signed, and syncs the file to disk.
    pub(super) fn finish(mut self, metadata: &Metadata, key: Option<&SigningKey>) -> Result<Finished> {
        self.existing.evidence.signed_by = key.map(SigningKey::public);
        let rows = self.existing.evidence.row_groups.iter().map(|group| group.rows).sum();
        let metadata = Metadata { rows, format_version: FORMAT_VERSION, ..metadata.clone() };
        let schema = self.schema()?;
        let file = FileMetaData::new(
            schema.version(),
            rows as i64,
            schema.created_by().map(str::to_owned),
            Some(self.pairs(&schema, &metadata)?),
            schema.schema_descr_ptr(),
            schema.column_orders().cloned(),
        );
        let tail = self.existing.descriptions.footer(&file);
        let mut tail = tail.map_err(|e| parquet_error(&self.path, e))?;
        let (outside, chain) = (self.existing.outside.clone(), self.existing.evidence.chain);
        Seal::put(&mut tail, outside, chain, key)
            .ok_or_else(|| self.bug("the footer has no place for the seal"))?;
        self.write(&tail)?;
        self.file.sync_all().map_err(Error::io("write", &self.path))?;
        if let Some(user) = self.given_to {
            user.receive(&self.file).map_err(Error::io("give to the user behind sudo", &self.path))?;
        }
        if self.group_may_read {
            let_group_read(&self.file).map_err(Error::io("let the group read", &self.path))?;
        }
        let sha256 = self.whole.map(Digest::from_hash);
        Ok(Finished { rows, bytes: self.existing.end, sha256, given_to: self.given_to })
    }

    /// The file's key-value pairs: the schema's own, the metadata, and at the end the seal.
    fn pairs(&self, schema: &FileMetaData, metadata: &Metadata) -> Result<Vec<KeyValue>> {
        let evidence =
            serde_json::to_string(&self.existing.evidence).map_err(|e| self.bug(&e.to_string()))?;
        let ours = metadata.to_pairs().into_iter().map(|(key, value)| KeyValue::new(key, value));
        let mut pairs: Vec<KeyValue> = schema.key_value_metadata().cloned().unwrap_or_default();
        pairs.extend(ours);
        pairs.push(KeyValue::new(EVIDENCE_KEY.to_owned(), evidence));
        pairs.push(KeyValue::new(SEAL_KEY.to_owned(), Seal::blank()));
        Ok(pairs)
    }

    /// The schema for the footer.
    fn schema(&self) -> Result<FileMetaData> {
        match &self.existing.schema {
            Some(schema) => Ok(schema.clone()),
            None => row_group::schema().cloned().map_err(|e| parquet_error(&self.path, e)),
        }
    }

    fn write_outside(&mut self, bytes: &[u8]) -> Result<()> {
        self.existing.outside.update(bytes);
        self.write(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        if let Some(whole) = &mut self.whole {
            whole.update(bytes);
        }
        self.existing.end += bytes.len() as u64;
        Ok(())
    }

    fn bug(&self, what: &str) -> Error {
        Error::io("write", &self.path)(std::io::Error::other(what.to_owned()))
    }
}

/// Converts a Parquet error on writing: nearly always it is a file system error, which is then
/// returned as such.
fn parquet_error(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => *io,
            Err(other) => std::io::Error::other(other.to_string()),
        },
        other => std::io::Error::other(other.to_string()),
    };
    Error::Io { action: "write", path: path.to_path_buf(), source }
}
