//! The report folder, ready to attach to a ticket.
//!
//! | file | reader |
//! |---|---|
//! | `report.html` | people: one page with all eleven sections, which loads nothing |
//! | `report.md` | people: the text for the ticket |
//! | `report.json` | programs; its schema is `schemas/report.v1.schema.json` |
//! | `findings.ndjson` | a SIEM: OCSF Detection Findings |
//! | `indicators.stix.json` | defenders of other hosts: what to search for, as STIX 2.1 |
//! | `charts/*.svg`, `charts/*.png` | documents: the page's pictures in two formats |
//! | `tables/*.csv` | spreadsheets |
//! | `manifest.json` | auditors: the SHA-256 of every file and of the capture |
//!
//! The page and the summary are made from the same published types as `report.json`, so all of them
//! agree.

pub mod charts;
mod files;
#[cfg(test)]
pub(crate) mod fixture;
pub mod folder;
pub mod format;
pub mod html;
pub mod index;
pub mod json;
pub mod manifest;
pub mod markdown;
pub mod ocsf;
pub mod redact;
mod sockets;
pub mod stix;
pub mod tables;

use std::path::PathBuf;

pub use crate::model::section::Section;
pub use folder::Folder;
pub use format::ReportFormat;
pub use json::nothing_found;
pub use tables::name_of as severity_name;

use self::json::v1::Report;
use self::redact::Redactor;
use crate::Result;
use crate::analyze::Analysis;

/// What the report says about the analyzed file in addition to its metadata.
#[derive(Debug, Clone)]
pub struct CaptureIdentity {
    /// Name of the file, without its folder.
    pub file_name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Hexadecimal SHA-256 of its bytes; for several files, of the lines that `sha256sum` prints
    /// for them.
    pub sha256: String,
    /// SHA-256 of each file of a recording read from several; empty for a single file.
    pub files_sha256: Vec<String>,
}

/// Writes the requested parts of the report into `folder`, the manifest last, and returns their
/// paths, sorted.
///
/// With a `redactor`, the analysis and the capture's identity must already be redacted by it.
///
/// The folder has a temporary name, and is renamed when everything is written, so that there is a
/// complete report or none.
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Render`], or [`crate::Error::Analysis`] if a table lacks
/// a column.
pub fn write(
    analysis: &Analysis,
    capture: &CaptureIdentity,
    parts: &[ReportFormat],
    redactor: Option<&Redactor>,
    folder: Folder,
) -> Result<Vec<PathBuf>> {
    let mut report = Report::new(analysis, capture);
    if let Some(redactor) = redactor {
        redactor.rules(&mut report);
    }
    if !parts.contains(&ReportFormat::Charts) {
        // A report lists only pictures that are in its folder.
        report.charts.clear();
    }
    let mut paths = files::write(analysis, &report, parts, &folder)?;
    paths.push(folder.put_manifest(capture)?);
    folder.finish()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::manifest::Manifest;
    use super::*;

    fn written(place: &Path, name: &str) -> PathBuf {
        let target = place.join(name);
        let folder = Folder::prepare(&target, false).unwrap();
        write(&fixture::analysis(), &fixture::identity(), &ReportFormat::ALL, None, folder).unwrap();
        target
    }

    #[test]
    fn the_folder_has_every_part_and_nothing_else_is_left() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("report");
        let folder = Folder::prepare(&target, false).unwrap();
        let paths =
            write(&fixture::analysis(), &fixture::identity(), &ReportFormat::ALL, None, folder).unwrap();
        assert_eq!(paths.len(), 6 + 2 * charts::CHARTS.len() + tables::TABLES.len());
        assert!(paths.iter().all(|path| path.starts_with(&target) && fs::metadata(path).unwrap().len() > 0));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_part_is_the_same_for_the_same_analysis() {
        let place = tempfile::tempdir().unwrap();
        let (a, b) = (written(place.path(), "a"), written(place.path(), "b"));
        let manifest = Manifest::read(&a).unwrap();
        assert_eq!(manifest, Manifest::read(&b).unwrap());
        for name in manifest.files.iter().map(|file| &file.path) {
            assert!(fs::read(a.join(name)).unwrap() == fs::read(b.join(name)).unwrap(), "{name}");
        }
    }

    #[test]
    fn only_what_is_asked_for_is_written_and_listed() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::prepare(&place.path().join("r"), false).unwrap();
        let paths = write(
            &fixture::analysis(),
            &fixture::identity(),
            &[ReportFormat::Json, ReportFormat::Markdown],
            None,
            folder,
        )
        .unwrap();
        let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["manifest.json", "report.json", "report.md"]);
        let text = fs::read_to_string(&paths[1]).unwrap();
        assert!(text.contains("\"charts\": []"));
        assert!(!fs::read_to_string(&paths[2]).unwrap().contains("report.html"));
        // It can be replaced, because its manifest shows that netrec wrote it.
        assert!(Folder::prepare(&place.path().join("r"), true).is_ok());
    }

    #[test]
    fn a_table_without_its_columns_leaves_no_folder() {
        let place = tempfile::tempdir().unwrap();
        let mut analysis = fixture::analysis();
        analysis.tables.time_bins = crate::model::frame::DataFrame::default();
        let folder = Folder::prepare(&place.path().join("report"), false).unwrap();
        assert!(write(&analysis, &fixture::identity(), &ReportFormat::ALL, None, folder).is_err());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
