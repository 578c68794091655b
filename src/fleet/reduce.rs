//! The reduction: rows of the tables in, results and report out.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;

use super::beacons::{self, Beacon};
use super::chains::{self, Hop};
use super::clocks::Clocks;
use super::edges::{self, Matched};
use super::load::Fleet;
use super::page;
use super::prevalence::{self, Destination, Program, Service};
use super::report::Report;
use super::results::RESULTS;
use super::scans::{self, Scan};
use super::spread::{self, Arrival};
use super::{STATEMENTS, summarize};
use crate::capture::Digest;
use crate::report::{CaptureIdentity, Folder, json};
use crate::safe_fs::open_regular;
use crate::tables::schema::{TABLES, Table};
use crate::tables::{self, Writer};
use crate::{Error, Result, humanize, parallel};

/// Number of result rows made at a time.
const CHUNK_ROWS: usize = 64 * 1024;

/// How many failures are acceptable.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum share of unreadable captures.
    pub most_failed: f64,
}

/// Collects the rows of the tables, in any order and from several threads.
pub struct Reducer(Mutex<Fleet>);

impl Default for Reducer {
    fn default() -> Self {
        Self(Mutex::new(Fleet::new()))
    }
}

impl Reducer {
    /// Adds rows.
    ///
    /// # Errors
    /// [`Error::Analysis`] if a column is missing: a bug.
    pub fn take(&self, table: &Table, rows: &RecordBatch) -> Result<()> {
        self.lock().add(table, rows).map_err(|reason| Error::Analysis(format!("{}: {reason}", table.name)))
    }

    /// Reads the tables in a folder, written by the map step or another engine. Returns the number
    /// of files.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be read, [`Error::Damaged`] if one is invalid.
    pub fn read(&self, folder: &Path) -> Result<usize> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
            paths.push(entry.map_err(Error::io("read", folder))?.path());
        }
        let open = |path: &Path| open_regular(path).map_err(Error::io("read", path));
        self.read_files(folder, paths, &open)
    }

    /// Reads the files that are tables according to their names, with `open`; errors name `folder`.
    /// Returns the number of files.
    ///
    /// # Errors
    /// The error of `open`; [`Error::Damaged`] if one is invalid, [`Error::NotACapture`] if there
    /// is none.
    pub fn read_files(
        &self,
        folder: &Path,
        paths: Vec<PathBuf>,
        open: &(dyn Fn(&Path) -> Result<File> + Sync),
    ) -> Result<usize> {
        let mut files: Vec<(&'static Table, PathBuf)> =
            paths.into_iter().filter_map(|path| Some((table_of(&path)?, path))).collect();
        files.sort_by(|(_, a), (_, b)| a.cmp(b));
        if files.is_empty() {
            let reason =
                "there are no tables in it (captures-….parquet); netrec fleet map writes them".to_owned();
            return Err(Error::NotACapture { path: folder.to_path_buf(), reason });
        }
        let read = parallel::map(&files, |(table, path)| {
            let mut taken = Ok(());
            tables::read_file(table, path, open(path)?, &mut |rows| {
                if taken.is_ok() {
                    taken = self.take(table, &rows);
                }
            })?;
            taken
        });
        read.into_iter().collect::<Result<()>>()?;
        Ok(files.len())
    }

    fn lock(&self) -> MutexGuard<'_, Fleet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reduces the collected rows, writes the results, and returns the report.
    ///
    /// # Errors
    /// [`Error::TooManyFailed`] if too many captures could not be read to conclude anything from
    /// the others; [`Error::Io`] if the results cannot be written.
    pub fn finish(self, limits: Limits, folder: &Folder) -> Result<Report> {
        let reduced = Reduced::new(self.0.into_inner().unwrap_or_else(PoisonError::into_inner));
        let report = summarize::report(&reduced);
        check(&report, limits)?;
        for table in RESULTS {
            reduced.write(table, folder)?;
        }
        for (number, (name, statement)) in (1..).zip(STATEMENTS) {
            folder.put(&format!("sql/{number:02}_{name}.sql"), statement.as_bytes())?;
        }
        folder.put_with("fleet.json", |out| json::write(&report, out))?;
        folder.put("fleet.html", page::render(&report)?.as_bytes())?;
        folder.put_manifest(&identity(&reduced, &report))?;
        Ok(report)
    }
}

/// The table of a file `TABLE-BATCH.parquet`; `None` if it is not used.
fn table_of(path: &Path) -> Option<&'static Table> {
    let name = path.file_name()?.to_str()?;
    let (table, _) = name.strip_suffix(".parquet")?.rsplit_once('-')?;
    TABLES.iter().find(|known| known.name == table && Fleet::is_used(known))
}

/// Fails if too many captures are missing.
fn check(report: &Report, limits: Limits) -> Result<()> {
    let captures = &report.captures;
    let all = captures.analyzed + captures.failed_total;
    if captures.analyzed > 0 && captures.failed_total as f64 <= limits.most_failed * all as f64 {
        return Ok(());
    }
    let first =
        captures.failed.first().map_or(String::new(), |failed| format!("; the first: {}", failed.error));
    Err(Error::TooManyFailed(format!(
        "{} of {} could not be read, and up to {} may{first}",
        humanize::count(captures.failed_total),
        humanize::plural(all, "capture"),
        humanize::ratio_percent(limits.most_failed),
    )))
}

/// The source of the results in the manifest: all recordings.
fn identity(reduced: &Reduced, report: &Report) -> CaptureIdentity {
    let ids = reduced.fleet.hosts.captures.iter().filter_map(|capture| capture.capture_id.as_deref());
    let mut lines: Vec<String> = ids.map(|id| format!("{id}\n")).collect();
    lines.sort();
    lines.dedup();
    CaptureIdentity {
        file_name: format!("the captures of {}", humanize::plural(report.hosts_total, "host")),
        bytes: report.captures.bytes,
        sha256: Digest::new(lines.concat().as_bytes()).to_string(),
        files_sha256: Vec::new(),
    }
}

/// All results of the reduction.
pub(super) struct Reduced {
    pub(super) fleet: Fleet,
    pub(super) clocks: Clocks,
    pub(super) matched: Matched,
    pub(super) destinations: Vec<Destination>,
    pub(super) executables: Vec<Program>,
    pub(super) listeners: Vec<Service>,
    pub(super) beacons: Vec<Beacon>,
    pub(super) scans: Vec<Scan>,
    pub(super) hops: Vec<Hop>,
    pub(super) chains: Vec<Vec<usize>>,
    pub(super) spread: Vec<Arrival>,
}

impl Reduced {
    fn new(mut fleet: Fleet) -> Self {
        fleet.complete();
        let clocks = Clocks::new(&fleet);
        let matched = edges::find(&fleet, &clocks);
        let hops = chains::hops(&fleet, &clocks, &matched.edges);
        Self {
            destinations: prevalence::destinations(&fleet, &clocks),
            executables: prevalence::executables(&fleet, &clocks),
            listeners: prevalence::listeners(&fleet, &clocks),
            beacons: beacons::beacons(&fleet, &clocks),
            scans: scans::scans(&fleet, &clocks),
            chains: chains::chains(&fleet, &matched.edges, &hops),
            spread: spread::spread(&fleet, &clocks, &matched.edges, &hops),
            hops,
            fleet,
            clocks,
            matched,
        }
    }

    fn write(&self, table: &Table, folder: &Folder) -> Result<()> {
        // An error in the rows is a bug and is reported as one.
        let mut wrong = Ok(());
        folder.put_with(&format!("results/{}.parquet", table.name), |out| {
            let mut writer = Writer::new(table, out)?;
            for at in chunks(self.count(table)) {
                match self.rows(table, &at) {
                    Ok(rows) => writer.push(&rows)?,
                    Err(error) => wrong = Err(error),
                }
            }
            writer.finish()
        })?;
        wrong
    }
}

fn chunks(count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(CHUNK_ROWS).map(move |from| from..count.min(from + CHUNK_ROWS))
}
