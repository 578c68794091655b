//! The connections of a capture for other programs. One exporter is one file here and one line
//! in [`EXPORTERS`].

mod csv;
mod ndjson;
mod zeek;

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::capture::Overwrite;
use crate::humanize::{count, plural};
use crate::model::Tables;
use crate::model::sockets::Sockets;
use crate::{Error, Result};

/// A format into which connections are written.
#[derive(Debug)]
pub struct Exporter {
    /// What `--format` takes.
    pub id: &'static str,
    /// What the name of its file ends in.
    pub extension: &'static str,
    /// Whether it writes more than one file, and so cannot be written to a stream.
    pub has_files_beside: bool,
    /// Writes the connections, and says how many.
    pub write: fn(&Tables, &mut Target<'_>) -> Result<Exported>,
}

/// Every exporter.
pub const EXPORTERS: &[&Exporter] = &[&zeek::EXPORTER, &csv::EXPORTER, &ndjson::EXPORTER];

impl Exporter {
    /// The exporter with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        EXPORTERS.iter().find(|exporter| exporter.id == id).copied()
    }
}

/// What an export holds, beside what the capture has. A report counts connections: sockets with a
/// remote address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Connections of the capture, as a report counts them.
    pub connections: u64,
    /// Those that share a line with the other end of theirs.
    pub other_ends: u64,
    /// Listening and unconnected sockets of the capture.
    pub without_remote: u64,
    /// Whether those are written too.
    pub has_all_sockets: bool,
}

impl Exported {
    fn all_sockets(tables: &Tables) -> Result<Self> {
        let sockets = Sockets::of(tables)?;
        let connections = sockets.iter().filter(|socket| socket.remote.is_some()).count();
        Ok(Self {
            connections: connections as u64,
            other_ends: 0,
            without_remote: (sockets.len() - connections) as u64,
            has_all_sockets: true,
        })
    }
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without = match self.without_remote {
            0 => None,
            1 => Some("1 socket without a remote address".to_owned()),
            number => Some(format!("{} sockets without a remote address", count(number))),
        };
        match (without, self.has_all_sockets) {
            (None, true) => write!(f, "{}", plural(self.connections, "connection")),
            (Some(without), true) => write!(f, "{} and {without}", plural(self.connections, "connection")),
            (without, false) => {
                write!(f, "{}", plural(self.connections - self.other_ends, "connection"))?;
                if self.other_ends > 0 {
                    let all = plural(self.connections, "connection");
                    let ends = plural(self.other_ends, "accepting end");
                    write!(f, " (of {all} in the capture; {ends} within this host left out)")?;
                }
                without.map_or(Ok(()), |without| write!(f, "; {without} left out"))
            }
        }
    }
}

/// Where an export goes.
pub struct Target<'a> {
    to: To<'a>,
    /// The files that were made.
    pub made: Vec<PathBuf>,
}

enum To<'a> {
    File { path: &'a Path, overwrite: Overwrite },
    Stream(&'a mut dyn Write),
}

impl<'a> Target<'a> {
    /// A file, and others beside it.
    pub fn file(path: &'a Path, overwrite: Overwrite) -> Self {
        Self { to: To::File { path, overwrite }, made: Vec::new() }
    }

    /// A stream, for an exporter without files beside.
    pub fn stream(out: &'a mut dyn Write) -> Self {
        Self { to: To::Stream(out), made: Vec::new() }
    }

    /// Writes the connections.
    fn main(&mut self, content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
        match &mut self.to {
            To::File { path, overwrite } => {
                let (path, overwrite) = (path.to_path_buf(), *overwrite);
                self.create(path, overwrite, content)
            }
            To::Stream(out) => content(*out).and_then(|()| out.flush()).map_err(Error::Stdout),
        }
    }

    /// Writes a file beside the one with the connections; nothing to a stream.
    fn beside(
        &mut self,
        extension: &str,
        content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<()> {
        match &self.to {
            To::File { path, overwrite } => {
                let (path, overwrite) = (path.with_extension(extension), *overwrite);
                self.create(path, overwrite, content)
            }
            To::Stream(_) => Ok(()),
        }
    }

    fn create(
        &mut self,
        path: PathBuf,
        overwrite: Overwrite,
        content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<()> {
        let file = match overwrite {
            Overwrite::Allowed => File::create(&path),
            Overwrite::Never if path.exists() => return Err(Error::Exists { path }),
            Overwrite::Never => File::create_new(&path),
        };
        let mut out = BufWriter::new(file.map_err(Error::io("create", &path))?);
        content(&mut out).and_then(|()| out.flush()).map_err(Error::io("write", &path))?;
        self.made.push(path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_differs_from_the_reports_is_explained() {
        let all = Exported { connections: 1_106, other_ends: 0, without_remote: 92, has_all_sockets: true };
        assert_eq!(all.to_string(), "1,106 connections and 92 sockets without a remote address");
        let flows = Exported { other_ends: 20, has_all_sockets: false, ..all };
        assert_eq!(
            flows.to_string(),
            "1,086 connections (of 1,106 connections in the capture; 20 accepting ends within this host left \
             out); 92 sockets without a remote address left out"
        );
        let plain = Exported { other_ends: 0, without_remote: 0, ..flows };
        assert_eq!(plain.to_string(), "1,106 connections");
    }
}
