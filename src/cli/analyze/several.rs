//! Analyzes several recordings: a folder for each, and an index of them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Inputs, default_folder};
use crate::capture::CaptureFile;
use crate::cli::Done;
use crate::cli::sources::{self, Source};
use crate::escape;
use crate::report::index::{self, Index, IndexedCapture};
use crate::safe_fs::NewDir;
use crate::{Error, Result};

/// Default folder for the reports.
const DEFAULT_FOLDER: &str = "netrec-reports";

/// A job that yields one report.
pub(super) enum Job {
    /// A file that is not open yet.
    File(Source),
    /// One or more opened files.
    Recording(Box<CaptureFile>),
    /// A file that could not be opened.
    Failed(Source, Error),
}

impl Job {
    fn run(self, inputs: &Inputs, folder: &Path) -> Result<(Done, IndexedCapture)> {
        match self {
            Self::File(source) => inputs.report(inputs.open(&source.path)?, folder),
            Self::Recording(capture) => inputs.report(inputs.chosen(*capture)?, folder),
            Self::Failed(_, error) => Err(error),
        }
    }

    /// Its name in the index.
    fn name(&self) -> String {
        match self {
            Self::File(source) | Self::Failed(source, _) => {
                source.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Self::Recording(capture) => sources::name_of(capture),
        }
    }

    /// Its folder's name, without an ending.
    fn stem(&self) -> PathBuf {
        match self {
            Self::File(source) | Self::Failed(source, _) => {
                source.path.file_stem().map_or_else(|| PathBuf::from("netrec"), PathBuf::from)
            }
            Self::Recording(capture) => sources::stem_of(capture),
        }
    }

    /// Whether it was named on the command line, so that a failure is an error.
    fn is_named(&self) -> bool {
        match self {
            Self::File(source) | Self::Failed(source, _) => source.is_named,
            Self::Recording(_) => true,
        }
    }
}

/// Analyzes the recordings one after another. One that cannot be read is reported, and the others
/// are still analyzed; the first such error is returned at the end.
pub(super) fn run(jobs: Vec<Job>, output: Option<&Path>, inputs: &Inputs) -> Result<Done> {
    let place = output.unwrap_or(Path::new(DEFAULT_FOLDER));
    // Removed again if it was created here and is still empty.
    let _made = prepare(place, inputs.force)?;
    let (mut worst, mut first_error) = (Done::Well, None);
    let mut entries = Vec::new();
    let stems: Vec<PathBuf> = jobs.iter().map(Job::stem).collect();
    let folders = if inputs.redact.is_some() { numbers(stems.len()) } else { folders(&stems) };
    for (job, folder) in jobs.into_iter().zip(folders) {
        let (name, is_named) = (job.name(), job.is_named());
        match job.run(inputs, &place.join(folder)) {
            Ok((done, entry)) => {
                worst = worse(worst, done);
                entries.push(entry);
            }
            Err(error) => {
                entries.push(inputs.failed(name, &error));
                worst = worse(worst, Done::Degraded);
                if first_error.is_none() && is_named {
                    // Returned at the end.
                    first_error = Some(error);
                } else {
                    // If standard error is closed, there is nowhere to report it.
                    let _ = writeln!(std::io::stderr(), "netrec: {}", escape::terminal(&error.to_string()));
                }
            }
        }
    }
    Index::new(entries).write(place, inputs.force)?;
    tell!("index      {}", escape::terminal(&place.join(index::FILES[0]).display().to_string()));
    first_error.map_or(Ok(worst), Err)
}

/// Creates the folder if needed, and refuses to replace an index unless told to.
fn prepare(place: &Path, replaces: bool) -> Result<Option<NewDir>> {
    index::check_place(place, replaces)?;
    if place.is_dir() { Ok(None) } else { NewDir::make(place).map(Some) }
}

/// A folder name for each capture; captures of the same name are numbered.
fn folders(stems: &[PathBuf]) -> Vec<OsString> {
    let mut taken = BTreeSet::new();
    let mut free = |stem: &PathBuf| {
        let plain = default_folder(stem).into_os_string();
        let numbered = (2_u32..).map(|number| {
            let mut name = plain.clone();
            name.push(format!("-{number}"));
            name
        });
        let mut names = std::iter::once(plain.clone()).chain(numbered);
        // The iterator yields more numbers than there are captures.
        let name = names.find(|name| !taken.contains(name)).unwrap_or(plain.clone());
        taken.insert(name.clone());
        name
    };
    stems.iter().map(&mut free).collect()
}

/// Folder names that reveal nothing about the captures.
fn numbers(count: usize) -> Vec<OsString> {
    (1..=count).map(|number| OsString::from(format!("report-{number}"))).collect()
}

impl Inputs {
    /// The index entry of a capture that could not be analyzed; redacted, it does not name it.
    fn failed(&self, name: String, error: &Error) -> IndexedCapture {
        if self.redact.is_some() {
            return IndexedCapture::failed("a capture".to_owned(), "redacted".to_owned());
        }
        IndexedCapture::failed(name, error.to_string())
    }
}

/// What was found outweighs what was missed.
pub(super) fn worse(a: Done, b: Done) -> Done {
    match (a, b) {
        (Done::Found, _) | (_, Done::Found) => Done::Found,
        (Done::Degraded, _) | (_, Done::Degraded) => Done::Degraded,
        _ => Done::Well,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_of_the_same_name_have_folders_of_their_own() {
        let stems = ["c", "c", "d", "c"].map(PathBuf::from);
        assert_eq!(folders(&stems), ["c-report", "c-report-2", "d-report", "c-report-3"]);
    }

    #[test]
    fn the_worst_of_all_is_the_outcome() {
        assert_eq!(worse(Done::Well, Done::Degraded), Done::Degraded);
        assert_eq!(worse(Done::Found, Done::Degraded), Done::Found);
        assert_eq!(worse(Done::Well, Done::Well), Done::Well);
    }
}
