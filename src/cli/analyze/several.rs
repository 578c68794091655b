//! Several recordings: a folder for each, and an index of them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Inputs, default_folder};
use crate::capture::CaptureFile;
use crate::cli::Done;
use crate::cli::sources::{self, Source};
use crate::escape;
use crate::report::index::{self, Entry, Index};
use crate::safe_fs::NewDir;
use crate::{Error, Result};

/// Where the reports go if no folder is named.
const DEFAULT_FOLDER: &str = "netrec-reports";

/// What gets a report of its own.
pub(super) enum Job {
    /// A file that is still to be opened.
    File(Source),
    /// One or more files that were opened.
    Recording(Box<CaptureFile>),
    /// A file that could not be opened.
    Failed(Source, Error),
}

impl Job {
    fn run(self, inputs: &Inputs, folder: &Path) -> Result<(Done, Entry)> {
        match self {
            Self::File(source) => inputs.report(inputs.open(&source.path)?, folder),
            Self::Recording(capture) => inputs.report(inputs.chosen(*capture)?, folder),
            Self::Failed(_, error) => Err(error),
        }
    }

    /// What the index calls it.
    fn name(&self) -> String {
        match self {
            Self::File(source) | Self::Failed(source, _) => {
                source.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
            Self::Recording(capture) => sources::name_of(capture),
        }
    }

    /// What its folder is called by.
    fn stem(&self) -> PathBuf {
        match self {
            Self::File(source) | Self::Failed(source, _) => {
                source.path.file_stem().map_or_else(|| PathBuf::from("netrec"), PathBuf::from)
            }
            Self::Recording(capture) => sources::stem_of(capture),
        }
    }

    /// Whether somebody named the file, so that it must not fail.
    fn is_named(&self) -> bool {
        match self {
            Self::File(source) | Self::Failed(source, _) => source.is_named,
            Self::Recording(_) => true,
        }
    }
}

/// Analyzes one recording after the other. One that cannot be read is said and does not keep the
/// others from their reports; the first such error is the outcome of all.
pub(super) fn run(jobs: Vec<Job>, output: Option<&Path>, inputs: &Inputs) -> Result<Done> {
    let place = output.unwrap_or(Path::new(DEFAULT_FOLDER));
    // Removed again, if it was made here and nothing came to lie in it.
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
                    // Said at the end, as the outcome.
                    first_error = Some(error);
                } else {
                    // Nobody is left to tell if standard error is closed.
                    let _ = writeln!(std::io::stderr(), "netrec: {}", escape::terminal(&error.to_string()));
                }
            }
        }
    }
    Index::new(entries).write(place, inputs.force)?;
    tell!("index      {}", escape::terminal(&place.join(index::FILES[0]).display().to_string()));
    first_error.map_or(Ok(worst), Err)
}

/// Makes the folder, if it is not there, and refuses to replace an index unless asked.
fn prepare(place: &Path, replaces: bool) -> Result<Option<NewDir>> {
    index::check_place(place, replaces)?;
    if place.is_dir() { Ok(None) } else { NewDir::make(place).map(Some) }
}

/// A folder's name for each capture; captures of the same name from several folders are numbered.
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
        // There are more numbers than captures.
        let name = names.find(|name| !taken.contains(name)).unwrap_or(plain.clone());
        taken.insert(name.clone());
        name
    };
    stems.iter().map(&mut free).collect()
}

/// Folders whose names say nothing of the captures.
fn numbers(count: usize) -> Vec<OsString> {
    (1..=count).map(|number| OsString::from(format!("report-{number}"))).collect()
}

impl Inputs {
    /// A line for a capture that could not be analyzed; redacted, it does not say which.
    fn failed(&self, name: String, error: &Error) -> Entry {
        if self.redact.is_some() {
            return Entry::failed("a capture".to_owned(), "redacted".to_owned());
        }
        Entry::failed(name, error.to_string())
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
