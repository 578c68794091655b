//! The connections of a capture for other programs. One exporter is one file here and one line
//! in [`EXPORTERS`].

mod csv;
mod ndjson;
mod zeek;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::model::Tables;
use crate::{Error, Result};

/// A format into which connections are written.
#[derive(Debug)]
pub struct Exporter {
    /// What `--to` takes.
    pub id: &'static str,
    /// What the name of its file ends in.
    pub extension: &'static str,
    /// Writes the connections, and gives how many.
    pub write: fn(&Tables, &mut Target<'_>) -> Result<u64>,
}

/// Every exporter.
pub const EXPORTERS: &[&Exporter] = &[&zeek::EXPORTER, &csv::EXPORTER, &ndjson::EXPORTER];

impl Exporter {
    /// The exporter with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        EXPORTERS.iter().find(|exporter| exporter.id == id).copied()
    }
}

/// The files that an export makes.
#[derive(Debug)]
pub struct Target<'a> {
    /// The file with the connections.
    pub path: &'a Path,
    /// Whether files that are there already are replaced.
    pub overwrite: crate::capture::Overwrite,
    /// The files that were made.
    pub made: Vec<PathBuf>,
}

impl Target<'_> {
    /// Makes a file and fills it.
    fn file(
        &mut self,
        path: PathBuf,
        content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<()> {
        let file = match self.overwrite {
            crate::capture::Overwrite::Allowed => File::create(&path),
            crate::capture::Overwrite::Never if path.exists() => return Err(Error::Exists { path }),
            crate::capture::Overwrite::Never => File::create_new(&path),
        };
        let mut out = BufWriter::new(file.map_err(Error::io("create", &path))?);
        content(&mut out).and_then(|()| out.flush()).map_err(Error::io("write", &path))?;
        self.made.push(path);
        Ok(())
    }
}
