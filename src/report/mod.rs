//! The report folder: what is attached to the ticket.
//!
//! | file | for whom |
//! |---|---|
//! | `report.html` | people: one page with all eleven sections, which loads nothing |
//! | `report.md` | the ticket's text |
//! | `report.json` | programs; its schema is `schemas/report.v1.schema.json` |
//! | `charts/*.svg`, `charts/*.png` | the same pictures twice |
//! | `tables/connections.csv` | spreadsheets |
//!
//! The page and the summary are made from the same published types as `report.json`, so that
//! all of them say the same.

pub mod charts;
pub mod csv;
pub mod escape;
#[cfg(test)]
pub(crate) mod fixture;
pub mod folder;
pub mod format;
pub mod html;
pub mod json;
pub mod markdown;
pub mod section;

use std::path::PathBuf;
use std::thread;

pub use folder::Folder;
pub use section::Section;

use self::charts::Picture;
use self::json::v1::Report;
use crate::analyze::Analysis;
use crate::{Error, Result};

/// What the report says of the file that was analysed, beyond its own metadata.
#[derive(Debug, Clone)]
pub struct CaptureIdentity {
    /// Name of the file, without its folder.
    pub file_name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Writes every part of the report into `folder`, and gives their paths, sorted.
///
/// The folder was made beside its place under a temporary name and is renamed when all is
/// there, so that there is a whole report or none.
///
/// # Errors
/// [`Error::Io`], [`Error::Render`], or [`Error::Analysis`] if a table lacks a column.
pub fn write(analysis: &Analysis, capture: &CaptureIdentity, folder: Folder) -> Result<Vec<PathBuf>> {
    let report = Report::of(analysis, capture);
    let mut paths = thread::scope(|scope| {
        // The largest part by far, and independent of the others.
        let tables = scope.spawn(|| write_tables(analysis, &folder));
        let pictures = charts::draw_all(analysis)?;
        let mut paths = write_pictures(&pictures, &folder)?;
        paths
            .push(folder.put("report.html", html::render(&report, &pictures, &analysis.tables)?.as_bytes())?);
        paths.push(folder.put("report.md", markdown::render(&report).as_bytes())?);
        paths.push(folder.put_with("report.json", |out| json::write(&report, out))?);
        paths.push(
            tables.join().unwrap_or_else(|_| Err(Error::Analysis("writing a table panicked".to_owned())))?,
        );
        Ok::<_, Error>(paths)
    })?;
    folder.finish()?;
    paths.sort();
    Ok(paths)
}

fn write_tables(analysis: &Analysis, folder: &Folder) -> Result<PathBuf> {
    let connections = csv::Table::of(&analysis.tables.connections)?;
    folder.put_with("tables/connections.csv", |out| connections.write(out))
}

fn write_pictures(pictures: &[Picture], folder: &Folder) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::with_capacity(2 * pictures.len());
    for picture in pictures {
        paths.push(folder.put(&format!("charts/{}.svg", picture.id), picture.svg.as_bytes())?);
        paths.push(folder.put(&format!("charts/{}.png", picture.id), &picture.png)?);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn written(place: &Path, name: &str) -> PathBuf {
        let target = place.join(name);
        let folder = Folder::prepare(&target, false).unwrap();
        write(&fixture::analysis(), &fixture::identity(), folder).unwrap();
        target
    }

    #[test]
    fn the_folder_has_every_part_and_nothing_else_is_left() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("report");
        let folder = Folder::prepare(&target, false).unwrap();
        let paths = write(&fixture::analysis(), &fixture::identity(), folder).unwrap();
        assert_eq!(paths.len(), 4 + 2 * charts::CHARTS.len());
        assert!(paths.iter().all(|path| path.starts_with(&target) && fs::metadata(path).unwrap().len() > 0));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_part_is_the_same_for_the_same_analysis() {
        let place = tempfile::tempdir().unwrap();
        let (a, b) = (written(place.path(), "a"), written(place.path(), "b"));
        for name in
            ["report.json", "report.html", "report.md", "tables/connections.csv", "charts/durations.png"]
        {
            assert!(fs::read(a.join(name)).unwrap() == fs::read(b.join(name)).unwrap(), "{name}");
        }
    }

    #[test]
    fn a_table_without_its_columns_leaves_no_folder() {
        let place = tempfile::tempdir().unwrap();
        let mut analysis = fixture::analysis();
        analysis.tables.time_bins = polars::prelude::DataFrame::default();
        let folder = Folder::prepare(&place.path().join("report"), false).unwrap();
        assert!(write(&analysis, &fixture::identity(), folder).is_err());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
