//! Checks whether a capture is unchanged since it was finished, and finds the differences.

use std::fs::File;
use std::path::Path;

use super::digest::Digest;
use super::evidence::GroupHash;
use super::keys::PublicKey;
use super::reader::{open_source, read_footer, source_of};
use super::recover::unfinished;
use super::source::Source;
use super::{Metadata, salvage, sealed};
use crate::{Error, Result};

/// The result of checking every byte.
#[derive(Debug)]
pub struct Verdict {
    /// The capture's metadata.
    pub metadata: Metadata,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, as `sha256sum` prints it.
    pub sha256: Digest,
    /// Number of row groups that were compared.
    pub row_groups: usize,
    /// Where the file differs from what was sealed, one sentence each; empty if it does not.
    pub changes: Vec<String>,
    /// Whether the file has hashes and a seal.
    pub is_sealed: bool,
    /// The state of its signature.
    pub signature: Signature,
}

/// The signature of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// It has none.
    Missing,
    /// It is valid, by this key.
    Good(PublicKey),
    /// It does not match the file, or the key named in the file.
    Bad,
}

/// Checks every byte of a finished capture.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::NotACapture`] if it is recognizably not one;
/// [`Error::NewerFormat`] for a newer format.
pub fn verify(path: &Path) -> Result<Verdict> {
    if let Some(unfinished) = unfinished(path)? {
        let reason = "the recording is not finished: netrec recover finishes it".to_owned();
        return Err(Error::NotACapture { path: unfinished, reason });
    }
    compare_with_seal(path, &open_source(path)?)
}

/// The same for an open file named `path`.
///
/// # Errors
/// As [`verify`].
pub fn verify_file(path: &Path, file: File) -> Result<Verdict> {
    compare_with_seal(path, &source_of(path, file)?)
}

fn compare_with_seal(path: &Path, source: &Source) -> Result<Verdict> {
    let sha256 = salvage::digest(source, 0, source.bytes()).ok_or_else(|| Error::Damaged {
        path: path.to_path_buf(),
        reason: "it cannot be read to the end".to_owned(),
    })?;
    match read_footer(path, source) {
        Ok((footer, metadata)) => Ok(compare(source, sha256, &footer, metadata)),
        Err(error @ (Error::Io { .. } | Error::NewerFormat { .. })) => Err(error),
        Err(error) => without_footer(source, sha256).ok_or(error),
    }
}

fn compare(source: &Source, sha256: Digest, footer: &sealed::Footer, metadata: Metadata) -> Verdict {
    let evidence = &footer.evidence;
    let mut changes = changed_groups(source, &evidence.row_groups);
    if !footer.is_intact {
        changes.push(outside_row_groups(source, &evidence.row_groups));
    }
    let signature = match (footer.seal, &evidence.signed_by) {
        (Some(seal), Some(key)) if footer.is_intact && seal.is_signed_by(key) => Signature::Good(*key),
        (Some(seal), None) if seal.signature.is_none() => Signature::Missing,
        (None, None) => Signature::Missing,
        _ => Signature::Bad,
    };
    if signature == Signature::Bad && changes.is_empty() {
        changes.push("its signature has changed, or is not by the key that it names".to_owned());
    }
    Verdict {
        metadata,
        bytes: source.bytes(),
        sha256,
        row_groups: evidence.row_groups.len(),
        changes,
        is_sealed: footer.seal.is_some(),
        signature,
    }
}

/// The verdict on a file with an illegible footer but with records of row groups.
fn without_footer(source: &Source, sha256: Digest) -> Option<Verdict> {
    let found = salvage::find(source);
    let metadata = found.metadata.clone()?;
    let groups = &found.existing.evidence.row_groups;
    let mut changes = vec![outside_row_groups(source, groups)];
    changes.extend(found.lost_sentence());
    Some(Verdict {
        metadata,
        bytes: source.bytes(),
        sha256,
        row_groups: groups.len(),
        changes,
        is_sealed: true,
        signature: Signature::Bad,
    })
}

fn changed_groups(source: &Source, groups: &[GroupHash]) -> Vec<String> {
    let is_changed = |group: &GroupHash| {
        salvage::digest(source, group.start, group.end.min(source.bytes())) != Some(group.sha256)
    };
    groups
        .iter()
        .enumerate()
        .filter(|(_, group)| is_changed(group))
        .map(|(index, group)| {
            format!(
                "row group {index} (bytes {} to {}, {} rows) has changed",
                group.start, group.end, group.rows
            )
        })
        .collect()
}

fn outside_row_groups(source: &Source, groups: &[GroupHash]) -> String {
    let end = groups.last().map_or(0, |group| group.end);
    format!(
        "data outside the row groups has changed: the footer with the metadata (bytes {end} to {}), or a \
         record between row groups",
        source.bytes()
    )
}
