//! Exports the connections of a capture for other programs. One exporter is one file here and one
//! line in [`EXPORTERS`].

mod csv;
mod ndjson;
mod ocsf_parquet;
mod zeek;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use crate::capture::{Metadata, Overwrite};
use crate::humanize::{count, plural};
use crate::model::Tables;
use crate::model::sockets::Sockets;
use crate::safe_fs::{NewFile, open_regular};
use crate::{Error, Result};

/// First bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

/// Maximum size of a file's header.
const MOST_HEAD_BYTES: u64 = 64 * 1024;

/// An export format.
#[derive(Debug)]
pub struct Exporter {
    /// Its name for `--format`.
    pub id: &'static str,
    /// The extension of its file.
    pub extension: &'static str,
    /// The extension of a second file, if there is one; then the format cannot be written to a stream.
    pub beside: Option<&'static str>,
    /// Number of lines before the first connection, by which a file of netrec is recognized.
    pub head_lines: usize,
    /// Writes the connections, and returns how many.
    pub write: fn(&Tables, &Metadata, &mut Target<'_>) -> Result<Exported>,
}

/// Every exporter.
pub const EXPORTERS: &[&Exporter] =
    &[&zeek::EXPORTER, &csv::EXPORTER, &ndjson::EXPORTER, &ocsf_parquet::EXPORTER];

impl Exporter {
    /// The exporter with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        EXPORTERS.iter().find(|exporter| exporter.id == id).copied()
    }
}

/// The counts of an export. A report counts connections: sockets with a remote address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Number of connections in the capture, as in the report.
    pub connections: u64,
    /// How many of them are the accepting end of a connection that is already on a line.
    pub other_ends: u64,
    /// Number of listening and unconnected sockets in the capture.
    pub without_remote: u64,
    /// Whether those are exported too.
    pub has_all_sockets: bool,
}

impl Exported {
    fn all_sockets(tables: &Tables) -> Result<Self> {
        let sockets = Sockets::new(tables)?;
        let connections = sockets.iter().filter(|socket| socket.remote().is_some()).count();
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

/// The destination of an export.
pub struct Target<'a> {
    to: To<'a>,
    /// The finished files.
    pub made: Vec<PathBuf>,
}

enum To<'a> {
    /// Unfinished files, and whether they may replace others.
    Files {
        prepared: VecDeque<(PathBuf, NewFile)>,
        overwrite: Overwrite,
        head_lines: usize,
    },
    Stream(&'a mut dyn Write),
}

impl<'a> Target<'a> {
    /// A file, and possibly another beside it. Both are begun, so that an unwritable location is
    /// reported before the work is done.
    ///
    /// # Errors
    /// [`Error::Exists`] if one exists and `overwrite` does not allow replacing it,
    /// [`Error::Foreign`] if it may not be replaced, [`Error::Io`].
    pub fn file(exporter: &Exporter, path: &Path, overwrite: Overwrite) -> Result<Self> {
        let beside = exporter.beside.map(|extension| path.with_extension(extension));
        let begin = |path: PathBuf| {
            let file = NewFile::create(&path, overwrite.replace())?;
            Ok((path, file))
        };
        let prepared = std::iter::once(path.to_path_buf()).chain(beside).map(begin).collect::<Result<_>>()?;
        let to = To::Files { prepared, overwrite, head_lines: exporter.head_lines };
        Ok(Self { to, made: Vec::new() })
    }

    /// A stream, for an exporter with a single file.
    pub fn stream(out: &'a mut dyn Write) -> Self {
        Self { to: To::Stream(out), made: Vec::new() }
    }

    /// Writes the connections, and on the next call the second file. An existing file is replaced
    /// only if it has the same header as this one, which other programs' files do not.
    fn write(&mut self, content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
        let (prepared, overwrite, head_lines) = match &mut self.to {
            To::Files { prepared, overwrite, head_lines } => (prepared, *overwrite, *head_lines),
            To::Stream(out) => return content(*out).and_then(|()| out.flush()).map_err(Error::Stdout),
        };
        let Some((path, mut file)) = prepared.pop_front() else { return Ok(()) };
        let mut out = BufWriter::new(&mut file);
        content(&mut out).and_then(|()| out.flush()).map_err(Error::io("write", &path))?;
        drop(out);
        if overwrite == Overwrite::Allowed {
            let ours = file.handle().and_then(|file| read_head(file, head_lines));
            let ours = ours.map_err(Error::io("read", &path))?;
            let is_ours = |file| read_head(file, head_lines).is_ok_and(|theirs| theirs == ours);
            if path.symlink_metadata().is_ok() && !open_regular(&path).is_ok_and(is_ours) {
                let reason = "it does not begin as what netrec exports".to_owned();
                return Err(Error::Foreign { path, reason });
            }
        }
        file.commit()?;
        self.made.push(path);
        Ok(())
    }
}

/// What identifies a file's format: its first lines. For a line of JSON, nothing if it has the
/// fields that every connection has, because null fields are left out.
fn read_head(mut file: File, lines: usize) -> std::io::Result<Vec<Vec<u8>>> {
    std::io::Seek::rewind(&mut file)?;
    let mut magic = Vec::new();
    (&mut file).take(PARQUET.len() as u64).read_to_end(&mut magic)?;
    if magic == PARQUET {
        return read_parquet_end(file).map(|name| vec![magic, name]);
    }
    std::io::Seek::rewind(&mut file)?;
    let mut reader = BufReader::new(file.take(MOST_HEAD_BYTES));
    let mut head = Vec::new();
    for _ in 0..lines.max(1) {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        head.push(line);
    }
    if let (0, Some(line)) = (lines, head.first_mut()) {
        let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line);
        let has_all =
            |names: [&str; 3]| object.is_ok_and(|object| names.iter().all(|n| object.contains_key(*n)));
        // A file without connections is accepted too.
        if line.is_empty() || has_all(["conn_id", "protocol", "closed_in_recording"]) {
            line.clear();
        }
    }
    Ok(head)
}

/// The table's name at the end of a Parquet file from netrec; empty for any other.
fn read_parquet_end(mut file: File) -> std::io::Result<Vec<u8>> {
    let from = file.metadata()?.len().saturating_sub(MOST_HEAD_BYTES);
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(MOST_HEAD_BYTES).read_to_end(&mut end)?;
    let key = crate::tables::TABLE_KEY.as_bytes();
    let is_ours = end.windows(key.len()).any(|bytes| bytes == key);
    Ok(if is_ours { key.to_vec() } else { Vec::new() })
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
