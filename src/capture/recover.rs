//! Turns an unfinished recording, or a capture with a damaged footer, into a finished capture. Only
//! on demand; readers read such files as they are ([`super::salvage`]).
//!
//! If netrec can prove that it made the folder, and all of it is legible, the recording is
//! completed in place: no byte is copied, and a crash in the middle leaves what the next attempt
//! needs. Otherwise everything legible is copied to a new file, and the folder stays.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use super::Metadata;
use super::folder::{self, Folder, Origin, ROWS, Unfinished};
use super::partial_file::{Existing, Finished, PartialFile};
use super::reader::{is_sealed, open_source, read_footer};
use super::row_group::RowGroup;
use super::salvage::{self, Fate, Salvage};
use super::source::Source;
use super::writer::{Overwrite, check_target};
use crate::safe_fs::{Kind, NewFile, Replace, is_own};
use crate::{Error, Result};

/// The result of a recovery.
#[derive(Debug)]
pub struct Recovered {
    /// The new capture.
    pub path: PathBuf,
    /// Its size and rows.
    pub finished: Finished,
    /// Its metadata.
    pub metadata: Metadata,
    /// The source of the recovery.
    pub source: PathBuf,
    /// Why the source was kept; `None` if it has become the capture.
    pub kept: Option<String>,
    /// Whether the capture contains everything that was recorded.
    pub is_complete: bool,
}

/// What was in the way of a new capture, and where it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// Nothing.
    Nothing,
    /// An interrupted recording, completed under this name.
    Completed(PathBuf),
    /// The rest of an interrupted import in this folder, which was removed.
    Removed(PathBuf),
}

/// Turns the unfinished recording at `path`, or a capture with a damaged footer, into a finished
/// capture. Without an `output`, a recording gets its intended name, or an unused one.
///
/// # Errors
/// [`Error::Busy`] if it is being recorded; [`Error::NotACapture`] if there is nothing to recover;
/// [`Error::Exists`], [`Error::Foreign`] and [`Error::Io`] for the output.
pub fn recover(path: &Path, output: Option<&Path>, overwrite: Overwrite) -> Result<Recovered> {
    let Some(folder_path) = unfinished(path)? else { return recover_file(path, output, overwrite) };
    let Some(unfinished) = Unfinished::open(&folder_path)? else {
        return recover_file(path, output, overwrite);
    };
    let capture = folder::capture_of(&folder_path);
    if unfinished.is_running {
        return Err(Error::Busy { path: capture });
    }
    let target = output.map_or_else(|| free_target(&capture), Path::to_path_buf);
    check_target(&target, overwrite)?;
    let reason = if output.is_some() {
        "another name was requested".to_owned()
    } else {
        match Folder::hold(&folder_path) {
            Ok(held) => {
                let salvage = Salvage::from(held.dir())?;
                let metadata = salvage.describe(&folder_path, Fate::Recovered)?;
                if salvage.illegible.is_empty() {
                    let (finished, is_kept) = complete(held, salvage, &metadata, &target)?;
                    return Ok(Recovered {
                        path: target,
                        finished,
                        metadata,
                        source: folder_path,
                        kept: is_kept
                            .then(|| "it contains other files, which netrec did not write".to_owned()),
                        is_complete: true,
                    });
                }
                "some of it could not be read".to_owned()
            }
            Err(Error::Foreign { reason, .. }) => reason,
            Err(error @ Error::Busy { .. }) => return Err(error),
            Err(error) => error.to_string(),
        }
    };
    let salvage = Salvage::from(&unfinished.dir)?;
    let metadata = salvage.describe(&folder_path, Fate::Recovered)?;
    let rows = unfinished.dir.read_file(ROWS).ok();
    let is_complete = salvage.illegible.is_empty();
    let Salvage { found, rows: journaled, .. } = salvage;
    let out = Copied { rows, existing: found.existing, journaled, metadata: &metadata };
    let finished = out.write(&target, overwrite)?;
    let (source, kept) = (folder_path, Some(reason));
    Ok(Recovered { path: target, finished, metadata, source, kept, is_complete })
}

/// The folder of the unfinished recording for a path: the path itself, or the folder beside the
/// future capture; `None` for a capture.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub(super) fn unfinished(path: &Path) -> Result<Option<PathBuf>> {
    if Unfinished::open(path)?.is_some() {
        return Ok(Some(path.to_path_buf()));
    }
    let beside = folder::path_of(path);
    Ok((folder::is_free(path) && Unfinished::open(&beside)?.is_some()).then_some(beside))
}

/// Copies the intact row groups of a capture with a damaged footer to a new file.
fn recover_file(path: &Path, output: Option<&Path>, overwrite: Overwrite) -> Result<Recovered> {
    let source = open_source(path)?;
    let nothing = |reason: &str| Error::NotACapture { path: path.to_path_buf(), reason: reason.to_owned() };
    let reason = match read_footer(path, &source) {
        Ok((footer, _)) if footer.is_intact => {
            let reason = "it is finished, and there is nothing to recover".to_owned();
            return Err(Error::Damaged { path: path.to_path_buf(), reason });
        }
        Ok(_) => "its seal is broken".to_owned(),
        Err(error @ Error::NewerFormat { .. }) => return Err(error),
        Err(Error::NotACapture { reason, .. }) => reason,
        Err(error) => error.to_string(),
    };
    let found = salvage::find(&source);
    let metadata = found.describe(&reason).ok_or_else(|| nothing(&reason))?;
    let target = output.map_or_else(|| folder::free_name(path), Path::to_path_buf);
    check_target(&target, overwrite)?;
    let Source::File(file) = source else { return Err(nothing(&reason)) };
    let journaled = RowGroup::default();
    let out = Copied { rows: Some(file), existing: found.existing, journaled, metadata: &metadata };
    let finished = out.write(&target, overwrite)?;
    let (source, kept) = (path.to_path_buf(), Some("it is damaged".to_owned()));
    Ok(Recovered { path: target, finished, metadata, source, kept, is_complete: false })
}

/// Completes an unfinished recording of `capture` that is in the way of a new one, under another
/// name. The rest of an import is removed instead, because it can be imported again.
///
/// # Errors
/// [`Error::Busy`] if it is being written; [`Error::Foreign`] if netrec did not make it, or cannot
/// read all of it; [`Error::Io`] if it cannot be completed.
pub fn set_aside(capture: &Path) -> Result<Aside> {
    let path = folder::path_of(capture);
    if folder::is_free(&path) {
        return Ok(Aside::Nothing);
    }
    let held = Folder::hold(&path)?;
    // Whoever wrote it has finished in this moment.
    if held.was_removed() {
        return Ok(Aside::Nothing);
    }
    if held.origin() == Origin::Import {
        held.remove()?;
        return Ok(Aside::Removed(path));
    }
    let target = folder::free_name(capture);
    Ok(if complete_held(held, &target)? { Aside::Completed(target) } else { Aside::Nothing })
}

/// Completes an interrupted recording to `capture` in place; false if there is none, or it is still
/// being written.
///
/// # Errors
/// As [`set_aside`].
pub fn complete_unfinished(capture: &Path) -> Result<bool> {
    let path = folder::path_of(capture);
    match Folder::hold(&path) {
        // It is no recording of a series, and in nobody's way.
        Ok(held) if held.origin() == Origin::Import => Ok(false),
        Ok(held) => complete_held(held, &free_target(capture)),
        Err(Error::Busy { .. }) => Ok(false),
        Err(_) if folder::is_free(&path) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Completes a recording that is fully legible; false if it had not even one tick and was removed.
fn complete_held(held: Folder, target: &Path) -> Result<bool> {
    let path = held.path();
    let salvage = Salvage::from(held.dir())?;
    if salvage.found.metadata.is_none() && salvage.bytes == 0 && salvage.illegible.is_empty() {
        held.remove()?;
        return Ok(false);
    }
    if !salvage.illegible.is_empty() {
        let reason = format!(
            "it contains an earlier, interrupted recording that cannot be read completely ({}); netrec \
             recover copies what it can",
            salvage.illegible.join("; ")
        );
        return Err(Error::Foreign { path, reason });
    }
    let metadata = salvage.describe(&path, Fate::Recovered)?;
    complete(held, salvage, &metadata, target)?;
    Ok(true)
}

/// The capture's intended name, or an unused one.
fn free_target(capture: &Path) -> PathBuf {
    if folder::is_free(capture) { capture.to_path_buf() } else { folder::free_name(capture) }
}

/// Turns the folder into a capture and then removes it; returns whether something else keeps it.
fn complete(
    folder: Folder,
    mut salvage: Salvage,
    metadata: &Metadata,
    target: &Path,
) -> Result<(Finished, bool)> {
    let given_to = folder.receiver();
    let rows = folder.dir().path_of(ROWS);
    let failed = |error| Error::io("write", &rows)(error);
    let facts = folder.dir().facts(ROWS).map_err(failed)?;
    let file = match facts {
        None => folder.dir().create_file(ROWS).map_err(failed)?,
        Some(facts) if facts.kind == Kind::File && is_own(&facts) => {
            folder.dir().write_file(ROWS).map_err(failed)?
        }
        Some(_) => {
            let reason = format!("its {ROWS} is not netrec's");
            return Err(Error::Foreign { path: folder.path(), reason });
        }
    };
    let sealed = file.try_clone().map_err(failed)?;
    let finished = if is_sealed(&rows, &Source::File(sealed)) {
        // It was finished except for its name.
        let bytes = file.metadata().map_err(failed)?.len();
        if let Some(user) = given_to {
            user.receive(&file).map_err(failed)?;
        }
        Finished { rows: metadata.rows, bytes, sha256: None, given_to }
    } else {
        let mut growing = PartialFile::resume(&rows, file, salvage.found.existing)?;
        growing.given_to = given_to;
        if salvage.rows.len() > 0 {
            growing.append(&mut salvage.rows, metadata)?;
        }
        growing.finish(metadata, None)?
    };
    folder.publish(target, Replace::No)?;
    Ok((finished, folder.remove()?))
}

/// The parts of a new file.
struct Copied<'a> {
    /// The growing file; `None` if it cannot be read.
    rows: Option<File>,
    existing: Existing,
    journaled: RowGroup,
    metadata: &'a Metadata,
}

impl Copied<'_> {
    fn write(mut self, target: &Path, overwrite: Overwrite) -> Result<Finished> {
        let mut out = NewFile::create(target, overwrite.replace())?;
        let failed = |error: io::Error| Error::io("write", target)(error);
        if let Some(mut rows) = self.rows.filter(|_| self.existing.end > 0) {
            rows.rewind().map_err(failed)?;
            io::copy(&mut rows.take(self.existing.end), &mut out).map_err(failed)?;
        }
        let mut growing = PartialFile::resume(target, out.handle().map_err(failed)?, self.existing)?;
        if self.journaled.len() > 0 {
            growing.append(&mut self.journaled, self.metadata)?;
        }
        let finished = growing.finish(self.metadata, None)?;
        let given_to = out.commit()?;
        Ok(Finished { given_to, ..finished })
    }
}
