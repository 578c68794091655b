//! The captures of a set: files of other formats are imported into a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

use netrec::capture::{CaptureFile, Overwrite};
use netrec::import::{self, Plan};

/// A capture of a set, and the file it was imported from, if that is a single one.
pub(crate) struct Evidence {
    pub(crate) file: Option<String>,
    pub(crate) capture: CaptureFile,
}

/// Imports a set: its files one by one if `by_file`, otherwise all together if they have the same
/// format. Files that cannot be imported are reported on standard error.
pub(crate) fn import(set: &Path, by_file: bool, scratch: &Path) -> Vec<Evidence> {
    let captures: Vec<PathBuf> = files(set).into_iter().filter(|file| is_capture(file)).collect();
    if !captures.is_empty() {
        return captures.iter().map(|file| evidence(file, Some(file))).collect();
    }
    let together = (!by_file).then(|| import_one(set, &scratch.join("set.parquet"))).and_then(Result::ok);
    if let Some(capture) = together {
        return vec![evidence(&capture, None)];
    }
    let mut all = Vec::new();
    for (at, file) in files(set).iter().enumerate() {
        match import_one(file, &scratch.join(format!("{at}.parquet"))) {
            Ok(capture) => all.push(evidence(&capture, Some(file))),
            Err(error) => eprintln!("not imported: {error}"),
        }
    }
    all
}

fn import_one(from: &Path, to: &Path) -> netrec::Result<PathBuf> {
    let plan = Plan { paths: vec![from.to_owned()], from: None, inside: Vec::new(), taken_at_us: None };
    import::import(&plan, to, Overwrite::Allowed, &|_, _| {})?;
    Ok(to.to_owned())
}

fn evidence(capture: &Path, file: Option<&Path>) -> Evidence {
    let file = file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    Evidence { file, capture: CaptureFile::open(capture).unwrap() }
}

fn is_capture(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "parquet")
}

/// The files of a set that may be evidence, by name.
fn files(set: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(set).unwrap_or_else(|error| panic!("{}: {error}", set.display()));
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.retain(|file| !matches!(file.extension().and_then(|e| e.to_str()), Some("md" | "txt" | "config")));
    files.sort();
    files
}
