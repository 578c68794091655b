//! The queue of captures to upload, and the times of attempts.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::{Confirmed, Uploaded};
use crate::error::StorageFault;
use crate::s3::Url;
use crate::{Error, Result, humanize};

/// Pause after a temporary failure; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Maximum pause between two attempts; also the pause after a refusal, until somebody has fixed its
/// cause.
const MOST_PAUSE: Duration = Duration::from_mins(5);

/// Pause between two attempts at the end of a recording.
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Attempts at the end of a recording, for all files together, if the storage does not answer.
const LAST_ATTEMPTS: u32 = 3;

/// The thread's next step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Upload this file.
    Try(PathBuf),
    /// Wait; `None` until something changes.
    Wait(Option<Duration>),
    /// End.
    Nothing,
}

/// The waiting captures, oldest first.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) ledger: Ledger,
    pub(super) waiting: VecDeque<PathBuf>,
    /// Captures that the storage will never accept: another object is there, or they are too large.
    pub(super) refused: Vec<PathBuf>,
    pub(super) confirmed: u64,
    /// Number of captures removed before they were uploaded.
    pub(super) lost: u64,
    pub(super) last_error: Option<String>,
    pub(super) notes: Vec<String>,
    pause: Duration,
    not_before: Option<Instant>,
    is_busy: bool,
    /// Set at the end of the recording.
    closing: Option<Closing>,
}

#[derive(Debug, Default)]
struct Closing {
    failures: u32,
}

impl Line {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            waiting: VecDeque::new(),
            refused: Vec::new(),
            confirmed: 0,
            lost: 0,
            last_error: None,
            notes: Vec::new(),
            pause: FIRST_PAUSE,
            not_before: None,
            is_busy: false,
            closing: None,
        }
    }

    pub(super) fn add(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !self.ledger.has(&name) && !self.waiting.iter().any(|waiting| waiting == path) {
            self.waiting.push_back(path.to_path_buf());
        }
    }

    /// Notes that a capture was removed.
    pub(super) fn forget(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if self.ledger.has(&name) {
            return;
        }
        self.waiting.retain(|waiting| waiting != path);
        self.refused.retain(|refused| refused != path);
        self.lost += 1;
        self.notes.push(format!("removed before it was uploaded, to keep the disk free: {}", path.display()));
    }

    /// Notes the end of the recording.
    pub(super) fn close(&mut self) {
        self.closing = Some(Closing::default());
        self.not_before = None;
    }

    pub(super) fn is_over(&self) -> bool {
        !self.is_busy
            && self
                .closing
                .as_ref()
                .is_some_and(|closing| self.waiting.is_empty() || closing.failures >= LAST_ATTEMPTS)
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.is_over() {
            return Next::Nothing;
        }
        if let Some(left) = self.not_before.map(|time| time.saturating_duration_since(now))
            && !left.is_zero()
        {
            return Next::Wait(Some(left));
        }
        let Some(path) = self.waiting.front() else { return Next::Wait(None) };
        self.is_busy = true;
        Next::Try(path.clone())
    }

    /// Notes the outcome of an attempt.
    pub(super) fn tried(&mut self, path: &Path, outcome: Result<Option<Confirmed>>, to: &Url, now: Instant) {
        self.is_busy = false;
        match outcome {
            Ok(confirmed) => {
                self.waiting.retain(|waiting| waiting != path);
                (self.pause, self.not_before) = (FIRST_PAUSE, None);
                let recovered = if self.last_error.take().is_some() { " again" } else { "" };
                if let Some(confirmed) = confirmed {
                    self.confirmed += 1;
                    let bytes = humanize::bytes(confirmed.bytes as f64);
                    self.notes
                        .push(format!("uploaded{recovered}: {to}{} ({bytes}), confirmed", confirmed.name));
                    if let Err(error) = self.ledger.add(&confirmed) {
                        self.notes.push(format!("what is uploaded cannot be noted: {error}"));
                    }
                }
            }
            Err(error) if is_final(&error) => {
                self.waiting.retain(|waiting| waiting != path);
                self.refused.push(path.to_path_buf());
                self.notes.push(format!("not uploaded: {}: {error}", path.display()));
                self.last_error = Some(error.to_string());
            }
            Err(error) => self.failed(&error, now),
        }
    }

    fn failed(&mut self, error: &Error, now: Instant) {
        let text = error.to_string();
        // Once per reason: a storage that is unreachable for a day must not fill the journal.
        if self.last_error.as_ref() != Some(&text) {
            let waiting = humanize::plural(self.waiting.len() as u64, "capture");
            self.notes.push(format!("{text}; to be tried again: {waiting}"));
        }
        self.last_error = Some(text);
        let pause = match (&mut self.closing, error.may_pass()) {
            (Some(closing), true) => {
                closing.failures += 1;
                LAST_PAUSE
            }
            // The others are still tried, once each.
            (Some(_), false) => {
                self.refused.extend(self.waiting.pop_front());
                Duration::ZERO
            }
            (None, true) => {
                let longer = (self.pause * 2).min(MOST_PAUSE);
                std::mem::replace(&mut self.pause, longer)
            }
            // Perhaps only this file is refused.
            (None, false) => {
                self.waiting.rotate_left(1.min(self.waiting.len()));
                MOST_PAUSE
            }
        };
        self.not_before = Some(now + pause);
    }

    pub(super) fn outcome(&self) -> Uploaded {
        let waiting = self.waiting.iter().chain(&self.refused).cloned().collect();
        let Self { confirmed, lost, last_error, .. } = self;
        Uploaded { confirmed: *confirmed, waiting, lost: *lost, last_error: last_error.clone() }
    }
}

/// Whether repeating the attempt with the same file cannot succeed.
fn is_final(error: &Error) -> bool {
    matches!(error, Error::Storage { fault: StorageFault::Conflict, .. } | Error::Io { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> (tempfile::TempDir, Line) {
        let folder = tempfile::tempdir().unwrap();
        let to = to();
        let line = Line::new(Ledger::load(&folder.path().join("web.parquet"), &to));
        (folder, line)
    }

    fn to() -> Url {
        "s3://captures/web/".parse().unwrap()
    }

    fn error(fault: StorageFault) -> Error {
        Error::Storage { action: "write", url: to().to_string(), fault, reason: "x".to_owned() }
    }

    fn confirmed(name: &str) -> Confirmed {
        Confirmed { name: name.to_owned(), bytes: 1, sha256: [0; 32] }
    }

    #[test]
    fn the_oldest_comes_first_and_a_confirmed_one_never_again() {
        let (_folder, mut line) = line();
        let now = Instant::now();
        line.add(Path::new("a.parquet"));
        line.add(Path::new("b.parquet"));
        line.add(Path::new("a.parquet"));
        assert_eq!(line.next(now), Next::Try("a.parquet".into()));
        line.tried(Path::new("a.parquet"), Ok(Some(confirmed("a.parquet"))), &to(), now);
        assert_eq!(line.next(now), Next::Try("b.parquet".into()));
        line.add(Path::new("a.parquet"));
        assert_eq!(line.waiting.len(), 1);
        line.tried(Path::new("b.parquet"), Ok(None), &to(), now);
        assert_eq!((line.next(now), line.confirmed), (Next::Wait(None), 1));
    }

    #[test]
    fn pauses_grow_to_five_minutes_and_end_with_success() {
        let (_folder, mut line) = line();
        let mut now = Instant::now();
        line.add(Path::new("a.parquet"));
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert!(matches!(line.next(now), Next::Try(_)));
            line.tried(Path::new("a.parquet"), Err(error(StorageFault::Unavailable)), &to(), now);
            let Next::Wait(Some(pause)) = line.next(now) else { panic!("it waits") };
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(line.notes.len(), 1, "the reason is told once: {:?}", line.notes);
        assert!(matches!(line.next(now), Next::Try(_)));
        line.tried(Path::new("a.parquet"), Ok(Some(confirmed("a.parquet"))), &to(), now);
        assert!(line.last_error.is_none() && line.notes[1].contains("uploaded again"));
    }

    #[test]
    fn a_refusal_waits_for_somebody_and_what_is_there_already_is_given_up() {
        let (_folder, mut line) = line();
        let now = Instant::now();
        line.add(Path::new("a.parquet"));
        line.add(Path::new("b.parquet"));
        line.next(now);
        line.tried(Path::new("a.parquet"), Err(error(StorageFault::Refused)), &to(), now);
        assert_eq!(line.next(now), Next::Wait(Some(MOST_PAUSE)));
        let now = now + MOST_PAUSE;
        assert_eq!(
            line.next(now),
            Next::Try("b.parquet".into()),
            "it may be the first alone that is refused"
        );
        line.tried(Path::new("b.parquet"), Err(error(StorageFault::Conflict)), &to(), now);
        assert_eq!(line.next(now), Next::Try("a.parquet".into()), "the others go on");
        assert_eq!(line.outcome().waiting.len(), 2);
    }

    #[test]
    fn the_end_comes_after_a_few_attempts_whatever_the_storage_does() {
        let (_folder, mut line) = line();
        let mut now = Instant::now();
        line.add(Path::new("a.parquet"));
        line.next(now);
        line.tried(Path::new("a.parquet"), Err(error(StorageFault::Unavailable)), &to(), now);
        line.close();
        let mut attempts = 0;
        while line.next(now) != Next::Nothing {
            attempts += 1;
            line.tried(Path::new("a.parquet"), Err(error(StorageFault::Unavailable)), &to(), now);
            now += LAST_PAUSE;
        }
        assert_eq!(attempts, LAST_ATTEMPTS);
        assert!(!line.outcome().is_complete());
        let (_folder, mut nothing) = super::tests::line();
        nothing.close();
        assert!(nothing.is_over() && nothing.outcome().is_complete());
    }

    #[test]
    fn what_is_removed_before_it_was_uploaded_is_counted() {
        let (_folder, mut line) = line();
        line.add(Path::new("a.parquet"));
        line.forget(Path::new("a.parquet"));
        assert_eq!((line.lost, line.waiting.len()), (1, 0));
        assert!(!line.outcome().is_complete() && line.notes[0].contains("before it was uploaded"));
    }
}
