//! Which captures a command reads (files, folders and patterns), and which of them form one recording.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::storage;
use crate::capture::{self, CaptureFile};
use crate::replay::When;
use crate::{Error, Result, humanize};

/// How many levels of subfolders are searched.
const MOST_DEPTH: usize = 8;

/// Maximum number of captures from folders: more than a century of hourly files.
const MOST_FILES: usize = 1_000_000;

/// The ending of a capture; its folder while recording has it too.
pub(super) const ENDING: &str = ".parquet";

/// Characters that make a name a pattern.
pub(super) const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];
pub(super) const UNFINISHED: &str = ".parquet.d";

/// A capture to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Whether it was named itself rather than found in a folder: failing to read it is then an error.
    pub(super) is_named: bool,
}

/// The outcome of opening captures.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) files: Vec<CaptureFile>,
    /// The captures that could not be read.
    pub(super) failed: Vec<(Source, Error)>,
}

/// Expands names on the command line into captures, in their order; those of a folder or a pattern
/// are sorted by name.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be read, [`Error::NotACapture`] if it contains no capture or
/// nothing matches a pattern.
pub(super) fn expand(names: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for name in names {
        if let Some(url) = storage::url_of(name)? {
            sources.extend(storage::expand(name, &url)?);
            continue;
        }
        let found = if is_folder_of_captures(name) {
            captures_in(name, &|_| true)?
        } else if let Some((folder, pattern)) = pattern_of(name) {
            captures_in(&folder, &|path| pattern.is_match(path))?
        } else {
            sources.push(Source { path: name.clone(), is_named: true });
            continue;
        };
        if found.is_empty() {
            let reason = format!("it contains no capture (a file that ends in {ENDING})");
            return Err(Error::NotACapture { path: name.clone(), reason });
        }
        sources.extend(found.into_iter().map(|path| Source { path, is_named: false }));
    }
    Ok(sources)
}

/// Expands names into captures, and checks that the files that were named exist.
///
/// # Errors
/// As [`expand`]; [`Error::Io`] or [`Error::Misspelt`] if a named file does not exist.
pub(super) fn expand_existing(names: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let sources = expand(names)?;
    for source in sources.iter().filter(|source| source.is_named) {
        if let Some(url) = storage::url_of(&source.path)? {
            storage::check_is_there(&url)?;
            continue;
        }
        if let Err(error) = CaptureFile::open(&source.path)
            && matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
        {
            return Err(super::paths::with_suggestion(&source.path, error));
        }
    }
    Ok(sources.into_iter().map(|source| source.path).collect())
}

/// Opens captures, and reports those that had to be recovered.
pub(super) fn open(sources: Vec<Source>) -> Opened {
    raise_file_limit();
    let mut opened = Opened::default();
    for source in sources {
        match super::open(&source.path) {
            Ok(file) => opened.files.push(file),
            Err(error) => opened.failed.push((source, error)),
        }
    }
    opened
}

/// Opens the captures named on the command line as one recording.
///
/// # Errors
/// The error of a file that was named; [`Error::Usage`] if the files are several recordings.
pub(super) fn open_one(names: &[PathBuf]) -> Result<CaptureFile> {
    let sources = expand(names)?;
    if let [Source { path, is_named: true }] = sources.as_slice() {
        return super::open(path);
    }
    let Opened { files, failed } = open(sources);
    let unread = unread(failed)?;
    let mut recordings = sorted(files).into_iter();
    let (Some(files), None) = (recordings.next(), recordings.next()) else {
        return Err(not_one(names, unread));
    };
    let joined = CaptureFile::join(files).ok_or_else(|| not_one(names, Vec::new()))?;
    Ok(with_unread(joined, unread))
}

/// Groups files into recordings; reports a file that occurs twice.
pub(super) fn sorted(files: Vec<CaptureFile>) -> Vec<Vec<CaptureFile>> {
    let sorted = capture::recordings(files);
    for copy in &sorted.copies {
        super::note(&format!(
            "{} is a copy of another file here and is read only once",
            copy.path().display()
        ));
    }
    sorted.recordings
}

/// Notes in a recording which files of its folder could not be read.
pub(super) fn with_unread(mut capture: CaptureFile, unread: Vec<String>) -> CaptureFile {
    capture.note_unread(unread);
    capture
}

/// Reports which files found in folders could not be read, and returns the messages.
///
/// # Errors
/// The first error of a file that was named itself.
fn unread(failed: Vec<(Source, Error)>) -> Result<Vec<String>> {
    failed
        .into_iter()
        .map(|(source, error)| if source.is_named { Err(error) } else { Ok(said(&error)) })
        .collect()
}

/// Reports on standard error that a file is left out.
pub(super) fn said(error: &Error) -> String {
    let sentence = format!("{error}.");
    super::note(&format!("left out: {error}"));
    sentence
}

/// Restricts a recording to a time range, if one was requested.
///
/// # Errors
/// [`Error::Time`] if the recording has nothing in that range.
pub(super) fn within(capture: CaptureFile, since: Option<When>, until: Option<When>) -> Result<CaptureFile> {
    if since.is_none() && until.is_none() {
        return Ok(capture);
    }
    let span_us = capture.span_us().map_or((0, 0), |rows| {
        let (start, end) = (capture.metadata().start_us, capture.metadata().end_us);
        if start > 0 && start <= rows.0 && end >= rows.1 { (start, end) } else { rows }
    });
    let (since, until) = (since.unwrap_or(When::Start), until.unwrap_or(When::End));
    let range = crate::replay::Range::between(since, until, span_us);
    let range = range.map_err(super::time_error(capture.path()))?;
    if let Some(missing) = range.missing {
        super::note(&format!("limited to the recorded range: {missing}"));
    }
    Ok(capture.within(range.ends_us))
}

/// The name of a recording: its file's name, or the pattern that its files' names match.
pub(super) fn name_of(capture: &CaptureFile) -> String {
    match &capture.metadata().joined {
        Some(joined) => joined.pattern.clone(),
        None => capture.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// The stem for files derived from it: `web` for `web.parquet` and for `web-*.parquet`.
pub(super) fn stem_of(capture: &CaptureFile) -> PathBuf {
    match &capture.metadata().joined {
        Some(joined) => {
            let stem = joined.pattern.trim_end_matches("*.parquet").trim_end_matches(['-', '_', '.']);
            PathBuf::from(if stem.is_empty() { "netrec" } else { stem })
        }
        None => capture.path().file_stem().map_or_else(|| PathBuf::from("netrec"), PathBuf::from),
    }
}

/// A line about a recording of several files; `None` for one file.
pub(super) fn description(capture: &CaptureFile) -> Option<String> {
    let joined = capture.metadata().joined.as_ref()?;
    let gaps = match joined.gaps.len() as u64 {
        0 => "no gap between them".to_owned(),
        gaps => humanize::plural(gaps, "gap"),
    };
    Some(format!(
        "{} of {}, {gaps}",
        humanize::plural(joined.files.len() as u64, "file"),
        humanize::plural(joined.boots as u64, "boot"),
    ))
}

fn not_one(names: &[PathBuf], unread: Vec<String>) -> Error {
    let path = names.first().cloned().unwrap_or_default();
    match unread.into_iter().next() {
        Some(sentence) => Error::NotACapture { path, reason: format!("no file could be read: {sentence}") },
        None => Error::Usage(format!(
            "{} and the other names belong to several recordings (several hosts, overlapping times, or \
             imports): name the files of one",
            path.display()
        )),
    }
}

/// Whether a name means the files of a folder or a pattern.
pub(super) fn is_several(name: &Path) -> bool {
    match storage::url_of(name) {
        Ok(Some(url)) => storage::is_several(&url),
        _ => is_folder_of_captures(name) || pattern_of(name).is_some(),
    }
}

/// Whether it is a folder of captures rather than the folder of a recording in progress.
fn is_folder_of_captures(path: &Path) -> bool {
    path.is_dir() && path.extension().is_none_or(|extension| extension != "d")
}

/// The folder above the first wildcard of a pattern, and the pattern; `None` for a plain name, and
/// for an existing file whose name has such characters.
fn pattern_of(name: &Path) -> Option<(PathBuf, GlobMatcher)> {
    let has_wildcard = |part: &str| part.contains(WILDCARDS);
    let text = name.to_str()?;
    if !has_wildcard(text) || name.symlink_metadata().is_ok() {
        return None;
    }
    let is_plain = |part: &Component<'_>| !part.as_os_str().to_str().is_some_and(has_wildcard);
    let folder: PathBuf = name.components().take_while(is_plain).collect();
    let glob = GlobBuilder::new(text).literal_separator(true).build().ok()?;
    Some((folder, glob.compile_matcher()))
}

/// The captures in a folder and its subfolders, by name. An unfinished recording is listed under
/// the name of its future capture.
fn captures_in(folder: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, MOST_DEPTH, &mut found)?;
    found.sort();
    found.dedup();
    found.retain(|path| is_wanted(path));
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(listed).map_err(Error::io("read", listed))? {
        let entry = entry.map_err(Error::io("read", listed))?;
        let name = entry.file_name();
        let (path, text) = (folder.join(&name), name.to_string_lossy().into_owned());
        // A link could point to a parent folder.
        let kind = entry.file_type().map_err(Error::io("read", &path))?;
        if kind.is_dir() && text.ends_with(UNFINISHED) {
            found.push(path.with_extension(""));
        } else if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, found)?;
        } else if !kind.is_dir() && text.ends_with(ENDING) {
            found.push(path);
        }
        if found.len() > MOST_FILES {
            let reason = format!("it contains more than {MOST_FILES} captures: name fewer");
            return Err(Error::NotACapture { path: folder.to_path_buf(), reason });
        }
    }
    Ok(())
}

/// Raises the limit of open files to its maximum: a year of hourly files exceeds the usual one.
pub(super) fn raise_file_limit() {
    #[cfg(unix)]
    // SAFETY: both calls get a limit that outlives them; if one fails, the limit stays as it was.
    unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn place() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for folder in ["a", "b", "a/web-3.parquet.d"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        for file in ["a/web-2.parquet", "a/web-1.parquet", "a/notes.txt", "b/db-1.parquet", "[x].parquet"] {
            fs::write(place.path().join(file), "").unwrap();
        }
        place
    }

    fn found(place: &Path, name: &str) -> Vec<String> {
        let sources = expand(&[place.join(name)]).unwrap();
        let relative = |source: &Source| source.path.strip_prefix(place).unwrap().display().to_string();
        sources.iter().map(relative).collect()
    }

    #[test]
    fn a_folder_stands_for_its_captures_and_a_pattern_for_those_that_fit() {
        let place = place();
        let place = place.path();
        assert_eq!(found(place, "a"), ["a/web-1.parquet", "a/web-2.parquet", "a/web-3.parquet"]);
        assert_eq!(found(place, "a/web-[12].parquet"), ["a/web-1.parquet", "a/web-2.parquet"]);
        assert_eq!(found(place, "*/*-1.parquet"), ["a/web-1.parquet", "b/db-1.parquet"]);
        assert_eq!(found(place, "[x].parquet"), ["[x].parquet"], "a file of that name");
        assert_eq!(found(place, "").len(), 5);
    }

    #[test]
    fn what_stands_for_nothing_is_an_error_and_a_name_is_left_as_it_is() {
        let place = place();
        let none = expand(&[place.path().join("c*.parquet")]).unwrap_err();
        assert!(none.to_string().contains("it contains no capture"), "{none}");
        assert_eq!(found(place.path(), "missing.parquet"), ["missing.parquet"]);
    }
}
