//! Uploads finished captures to object storage.
//!
//! One thread uploads one file after another, oldest first; no tick waits for it. A file is
//! confirmed when the storage states its SHA-256, or returns the object and it is identical.
//! Confirmed files are listed in a [`ledger`] beside the captures, so that a new recording
//! continues where an earlier one ended.

mod ledger;
mod line;

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::ledger::Ledger;
use self::line::{Line, Next};
use super::stop::Stop;
use crate::capture::{SourceReport, SourceStatus};
use crate::error::StorageFault;
use crate::s3::{Body, Checksum, Client, Put, Url};
use crate::safe_fs::{Dir, file_name};
use crate::{Error, Result, humanize};

/// How long uploads continue after a stop was requested.
const GRACE: Duration = Duration::from_secs(30);

/// How often to check for a requested stop.
const GLANCE: Duration = Duration::from_millis(100);

/// Maximum number of files named in a sentence.
const MOST_NAMED: usize = 3;

/// Uploads finished captures.
#[derive(Debug, Clone)]
pub struct Upload(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    /// The destination, a prefix.
    to: Url,
    line: Mutex<Line>,
    changed: Condvar,
}

/// The outcome of a recording's uploads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Number of confirmed files.
    pub confirmed: u64,
    /// Files on the disk that are not confirmed.
    pub waiting: Vec<PathBuf>,
    /// Number of files removed before they were uploaded.
    pub lost: u64,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}

impl Uploaded {
    /// Whether everything is uploaded.
    pub fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.lost == 0
    }
}

impl Upload {
    /// Starts the thread that uploads the captures of the series named `path` to `to`.
    ///
    /// # Errors
    /// [`Error::Record`] if the thread cannot be started.
    pub fn start(client: Client, to: &Url, path: &Path) -> Result<Self> {
        let to = to.as_folder();
        let ledger = Ledger::load(path, &to);
        let line = Line::new(ledger);
        let shared =
            Shared { client: client.trying_once(), to, line: Mutex::new(line), changed: Condvar::new() };
        let upload = Self(Arc::new(shared));
        let thread = upload.clone();
        std::thread::Builder::new()
            .name("upload".to_owned())
            .spawn(move || thread.run())
            .map_err(|e| Error::Record(format!("the thread that uploads cannot be started: {e}")))?;
        Ok(upload)
    }

    /// The destination, for a sentence.
    pub fn describe(&self) -> String {
        format!("{} at {}", self.0.to, self.0.client.describe())
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a finished capture, unless it is already confirmed.
    pub(super) fn add(&self, path: &Path) {
        self.line().add(path);
        self.0.changed.notify_all();
    }

    /// Whether a finished capture of the series is uploaded.
    pub(super) fn is_confirmed(&self, name: &str) -> bool {
        self.line().ledger.has(name)
    }

    /// Notes that captures were removed.
    pub(super) fn forget(&self, removed: &[PathBuf]) {
        let mut line = self.line();
        for path in removed {
            line.forget(path);
        }
    }

    /// The messages since the last call.
    pub(super) fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.line().notes)
    }

    /// The state of the uploads, as one of a capture's sources. A waiting upload takes nothing from
    /// what the capture shows.
    pub(super) fn report(&self) -> SourceReport {
        let line = self.line();
        let mut detail = format!(
            "finished captures go to {}; of those before this one {} confirmed, {} not yet",
            self.0.to,
            humanize::count(line.ledger.len() as u64),
            humanize::count((line.waiting.len() + line.refused.len()) as u64),
        );
        if line.lost > 0 {
            let _ = write!(detail, ", {} removed before they were uploaded", humanize::count(line.lost));
        }
        if let Some(error) = &line.last_error {
            let _ = write!(detail, "; the last attempt failed: {error}");
        }
        SourceReport { name: "upload".to_owned(), status: SourceStatus::Ran, detail }
    }

    /// Waits for the uploads at the end of a recording: until each file was tried once more, or for
    /// half a minute if a stop was requested. Unconfirmed files stay, and the next recording of the
    /// series continues with them.
    pub fn finish(&self, stop: &Stop) -> (Uploaded, Vec<String>) {
        self.line().close();
        self.0.changed.notify_all();
        let mut deadline = None;
        let mut line = self.line();
        while !line.is_over() {
            if stop.is_asked() && Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + GRACE) {
                break;
            }
            line = self.0.changed.wait_timeout(line, GLANCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        let notes = std::mem::take(&mut line.notes);
        (line.outcome(), notes)
    }

    /// The thread's main loop, which ends with the recording.
    fn run(&self) {
        let mut line = self.line();
        loop {
            match line.next(Instant::now()) {
                Next::Nothing => return,
                Next::Wait(time) => {
                    let time = time.unwrap_or(Duration::from_hours(1));
                    line = self.0.changed.wait_timeout(line, time).unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Try(path) => {
                    drop(line);
                    let outcome = self.upload(&path);
                    line = self.line();
                    line.tried(&path, outcome, &self.0.to, Instant::now());
                    self.0.changed.notify_all();
                }
            }
        }
    }

    /// Uploads a file and has it confirmed. `None` if the file is gone.
    fn upload(&self, path: &Path) -> Result<Option<Confirmed>> {
        let Some((file, bytes)) = open(path)? else { return Ok(None) };
        let name = file_name(path)?.to_string_lossy().into_owned();
        let url = self.0.to.join(&name);
        let body = Body::File(&file, bytes);
        let checksum = Checksum::of(body).map_err(Error::io("read", path))?;
        self.0.client.put_known(&url, body, &checksum, Put::New).map_err(|error| match error {
            Error::Exists { .. } => conflict(&url),
            error => error,
        })?;
        if !self.0.client.holds(&url, &checksum, bytes)? {
            let reason = "the storage holds something else than what was sent".to_owned();
            let fault = StorageFault::Unavailable;
            return Err(Error::Storage { action: "confirm", url: url.to_string(), fault, reason });
        }
        Ok(Some(Confirmed { name, bytes, sha256: *checksum.content() }))
    }
}

fn conflict(url: &Url) -> Error {
    let reason = "another object of this name is there, and is not replaced: upload to another prefix";
    let (url, fault) = (url.to_string(), StorageFault::Conflict);
    Error::Storage { action: "write", url, fault, reason: reason.to_owned() }
}

/// A capture that is in the storage.
#[derive(Debug)]
struct Confirmed {
    name: String,
    bytes: u64,
    sha256: [u8; 32],
}

/// Opens a capture that this recorder wrote; `None` if it is gone.
fn open(path: &Path) -> Result<Option<(File, u64)>> {
    let file = Dir::of_file(path).and_then(|dir| dir.read_file(file_name(path).unwrap_or_default()));
    match file {
        Ok(file) => {
            let bytes = file.metadata().map_err(Error::io("read", path))?.len();
            Ok(Some((file, bytes)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// The names of some files, and the number of the others.
pub fn named(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut names: Vec<String> = paths.iter().take(MOST_NAMED).map(name).collect();
    if paths.len() > MOST_NAMED {
        names.push(format!("{} more", humanize::count((paths.len() - MOST_NAMED) as u64)));
    }
    names.join(", ")
}
