//! Captures of several files, and captures restricted to a time range.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{CaptureFile, FileSegment, groups_of};
use crate::Result;
use crate::capture::joined::Joint;
use crate::capture::{Digest, Metadata, salvage};

impl CaptureFile {
    /// The row groups of files, one after another; `None` without a file.
    pub(in crate::capture) fn of_files(
        files: Vec<Self>,
        joints: &[Joint],
        metadata: Metadata,
    ) -> Option<Self> {
        let is_alone = files.len() == 1;
        let mut files = files.into_iter().zip(joints);
        let (mut whole, _) = files.next()?;
        if is_alone {
            return Some(whole);
        }
        whole.metadata = metadata;
        whole.parts.iter_mut().for_each(|part| part.path = Some(whole.path.clone()));
        for (file, joint) in files {
            let Self { path, mut parts, .. } = file;
            for part in &mut parts {
                (part.joint, part.path) = (*joint, Some(path.clone()));
            }
            whole.parts.append(&mut parts);
        }
        whole.parts.iter_mut().for_each(FileSegment::release_footer);
        whole.groups = groups_of(&whole.parts);
        Some(whole)
    }

    /// Restricts the capture to a time range, both ends included, in µs since the Unix epoch; row
    /// groups and files outside it are not read.
    #[must_use]
    pub fn within(mut self, (from_us, to_us): (i64, i64)) -> Self {
        let parts = &self.parts;
        self.groups.retain(|(part, local)| {
            parts[*part].groups[*local].ts_us.is_none_or(|(a, b)| b >= from_us && a <= to_us)
        });
        let metadata = &mut self.metadata;
        if metadata.boot_id.is_some() {
            // Adjusts the recorded duration to the range.
            let cut_us = from_us.saturating_sub(metadata.start_us).max(0);
            metadata.start_mono_ns = metadata.start_mono_ns.saturating_add(cut_us.saturating_mul(1000));
            let cut_us = metadata.end_us.saturating_sub(to_us).max(0);
            metadata.end_mono_ns = metadata.end_mono_ns.saturating_sub(cut_us.saturating_mul(1000));
        }
        (metadata.start_us, metadata.end_us) = (metadata.start_us.max(from_us), metadata.end_us.min(to_us));
        self.within_us = Some((from_us, to_us));
        self
    }

    /// The selected time range, µs since the Unix epoch; `None` for all.
    pub fn window_us(&self) -> Option<(i64, i64)> {
        self.within_us
    }

    /// Notes files that were given with these but could not be read.
    pub fn note_unread(&mut self, files: Vec<String>) {
        if let Some(joined) = &mut self.metadata.joined {
            joined.unread = files;
        }
    }

    /// SHA-256 of each file, for finished captures as `sha256sum` prints it.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] if a file cannot be read to its end.
    pub fn sha256_of_files(&self) -> Result<Vec<Digest>> {
        let files = self.parts.chunk_by(|a, b| a.path.is_some() && a.path == b.path);
        let digest = |parts: &[FileSegment]| {
            let mut hash = Sha256::new();
            for part in parts {
                salvage::hash_into(&mut hash, &part.source, 0, part.source.bytes())
                    .ok_or_else(|| part.error(&self.path, "it cannot be read to the end"))?;
            }
            Ok(Digest::from_hash(hash))
        };
        files.map(digest).collect()
    }

    /// The row groups of each uninterrupted period of the recording; a single file has one.
    pub fn stretches(&self) -> Vec<Range<usize>> {
        let stretch = |group: &(usize, usize)| self.parts[group.0].joint.stretch;
        let mut start = 0;
        let chunks = self.groups.chunk_by(|a, b| stretch(a) == stretch(b));
        chunks
            .map(|chunk| {
                let range = start..start + chunk.len();
                start = range.end;
                range
            })
            .collect()
    }
}
