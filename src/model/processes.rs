//! Typed row-by-row access to the table of processes.

use super::actor::Known;
use super::tables::{ProcessColumns, Tables};
use crate::Result;
use crate::capture::DELETED;

/// The processes of a capture.
pub struct Processes<'a>(ProcessColumns<'a>);

/// One row of the processes table; the fields are its columns.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the fields are the columns documented in `Tables`")]
pub struct Process<'a> {
    pub pid: Option<u32>,
    pub process_name: Option<&'a str>,
    /// Path of the executable, without the kernel's mark for a deleted one.
    pub exe: Option<&'a str>,
    pub exe_was_deleted: bool,
    pub cmdline: Option<&'a str>,
    pub parent_name: Option<&'a str>,
    /// Its name as an actor, see [`super::actor`].
    pub actor: Option<&'a str>,
    pub exe_sha256: Option<&'a str>,
}

impl<'a> Processes<'a> {
    /// The view of a capture's processes.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a column is missing or of another type: a bug.
    pub fn of(tables: &'a Tables) -> Result<Self> {
        Ok(Self(ProcessColumns::of(&tables.processes)?))
    }

    /// The hash of the executable of the process in a row, if known.
    pub fn exe_sha256(&self, row: usize) -> Option<&'a str> {
        self.0.exe_sha256(row)
    }

    /// The process in a row; all fields are unknown if there is no such row.
    pub fn get(&self, row: usize) -> Process<'a> {
        let said = self.0.exe(row);
        let kept = said.and_then(|exe| exe.strip_suffix(DELETED));
        Process {
            pid: self.0.pid(row),
            process_name: self.0.process_name(row),
            exe: kept.or(said),
            exe_was_deleted: kept.is_some(),
            cmdline: self.0.cmdline(row),
            parent_name: self.0.parent_name(row),
            actor: self.0.actor(row),
            exe_sha256: self.0.exe_sha256(row),
        }
    }
}

impl<'a> Process<'a> {
    /// File name of the executable, or the process's name if the executable is unknown.
    pub fn program(&self) -> &'a str {
        self.exe.map(file_name).or(self.process_name).unwrap_or_default()
    }

    /// What it runs, if it is an interpreter, see [`super::actor::script_of`].
    pub fn script(&self) -> Option<&'a str> {
        Known { name: self.process_name, exe: self.exe, cmdline: self.cmdline }.script()
    }
}

/// Whether a path is one of Windows, which begins with a drive or with a backslash.
pub fn is_windows_path(path: &str) -> bool {
    path.starts_with('\\') || path.as_bytes().get(1..3).is_some_and(|at| matches!(at, b":\\" | b":/"))
}

/// The file that a path names. A backslash separates folders in paths of Windows only.
pub fn file_name(path: &str) -> &str {
    let is_windows = is_windows_path(path);
    let file = path.rsplit(|c| c == '/' || (is_windows && c == '\\')).next();
    file.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_of_a_path_is_that_of_its_system() {
        assert_eq!(file_name(r"C:\Windows\x.exe"), "x.exe");
        assert_eq!(file_name(r"\Device\HarddiskVolume3\x.exe"), "x.exe");
        assert_eq!(file_name("c:/windows/x.exe"), "x.exe");
        assert_eq!((file_name("/usr/bin/x"), file_name(r"/opt/a\b")), ("x", r"a\b"));
    }
}
