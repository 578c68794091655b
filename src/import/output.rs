//! Where importers put what they read: rows in any order, and what is to be said about them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::Plan;
use super::file_report::FileReport;
use super::input::{Input, Reader};
use super::local_nets::LocalNetHints;
use super::log::{FlowRecord, Sink};
use super::names::Names;
use super::question::Question;
use super::sorter::Sorter;
use super::text::{Layout, Notes};
use crate::Result;
use crate::capture::{
    Finished, ImportSource, ImportStats, Metadata, Overwrite, Owner, OwnerSource, Row, SourceReport,
    SourceStatus, Writer,
};

/// A capture that is being made of foreign files.
pub struct Output<'a> {
    writer: Writer,
    /// The newest tick that was written.
    newest_tick: Option<u32>,
    sorter: Sorter,
    names: Names,
    format: &'static str,
    metadata: Metadata,
    stats: ImportStats,
    /// When the first snapshot was taken, as whoever imports it says.
    taken_at_us: Option<i64>,
    /// What was noted while the text of each file was read.
    notes: Vec<(String, Notes)>,
    /// Bytes that a sensor says it missed.
    missed_bytes: u64,
    span_us: Option<(i64, i64)>,
    /// Bytes of all files, and of what was read of them.
    bytes: (u64, Rc<Cell<u64>>),
    progress: &'a dyn Fn(u64, u64),
}

impl<'a> Output<'a> {
    /// An empty capture that will be at `to`.
    ///
    /// # Errors
    /// As [`Writer::create_for_import`] says.
    pub(super) fn create(
        to: &Path,
        overwrite: Overwrite,
        format: &'static str,
        plan: &Plan,
        progress: &'a dyn Fn(u64, u64),
    ) -> Result<Self> {
        let folder = match to.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let metadata = Metadata {
            tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
            interval_ms: 1000,
            inside: plan.inside.iter().map(ToString::to_string).collect(),
            ..Metadata::default()
        };
        Ok(Self {
            writer: Writer::create_for_import(to, overwrite)?,
            newest_tick: None,
            sorter: Sorter::new(folder),
            names: Names::default(),
            format,
            metadata,
            stats: ImportStats::default(),
            taken_at_us: plan.taken_at_us,
            missed_bytes: 0,
            notes: Vec::new(),
            span_us: None,
            bytes: (0, Rc::default()),
            progress,
        })
    }

    /// Tells how much more there is to read, for the progress.
    pub(super) fn expect_bytes(&mut self, bytes: u64) {
        self.bytes.0 += bytes;
    }

    /// The contents of a file, with progress; to be handed to [`Output::imported`] at the end.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it cannot be opened.
    pub fn reader(&mut self, input: &Input) -> Result<Reader<'a>> {
        let (total, read, progress) = (self.bytes.0, Rc::clone(&self.bytes.1), self.progress);
        let reader = input.reader(move |bytes| {
            read.set(read.get() + bytes);
            progress(read.get(), total);
        })?;
        self.notes.push((input.file_name(), reader.notes()));
        Ok(reader)
    }

    /// Notes a file that was imported, as [`Reader::finish`] describes it.
    pub fn imported(&mut self, source: ImportSource) {
        self.metadata.import.get_or_insert_with(|| source.clone());
        self.metadata.imports.push(source);
    }

    /// Takes what became of the records of a file.
    pub fn account(&mut self, input: &Input, mut account: FileReport) {
        let file = input.file_name();
        if input.begin.layout.is_some_and(Layout::moves_lines) {
            account.stats.count_by("record");
        }
        if account.is_cut_short {
            self.cut_short(&format!("{file} ends in the middle of a line; the complete lines were read."));
        }
        self.missed_bytes = self.missed_bytes.saturating_add(account.missed_bytes);
        self.stats.add(account.stats, &file);
    }

    /// The hosts of which the files say that they hold their output, in the order of their names.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        self.notes.iter().flat_map(|(_, notes)| notes.hosts.borrow().clone()).collect()
    }

    /// What became of all records so far, for what is not counted file by file.
    pub fn stats(&mut self) -> &mut ImportStats {
        &mut self.stats
    }

    /// When the first snapshot was taken, µs since the Unix epoch, if whoever imports it says so.
    pub fn taken_at_us(&self) -> Option<i64> {
        self.taken_at_us
    }

    /// The id of the importer.
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// Adds a row; any order will do, but rows of one socket at one moment keep theirs.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the disk does not take it.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        self.extend_span(row.ts_us);
        self.sorter.push(row, None)
    }

    /// Adds a row of a file that needs no sorting: rows of one socket come in the order of time,
    /// and those of all in the order of their ticks. Such rows wait for nothing, so that an
    /// importer hands over all of its rows in this way or none.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the disk does not take it.
    pub fn push_in_order(&mut self, row: &Row) -> Result<()> {
        self.extend_span(row.ts_us);
        write(&mut self.writer, &mut self.newest_tick, row, &self.metadata)
    }

    fn extend_span(&mut self, ts_us: i64) {
        let (first, last) = self.span_us.unwrap_or((ts_us, ts_us));
        self.span_us = Some((first.min(ts_us), last.max(ts_us)));
    }

    /// Says how a part of the files fared: a log, a check, a limit.
    pub fn source(&mut self, name: &str, status: SourceStatus, detail: impl Into<String>) {
        self.metadata.sources.push(SourceReport { name: name.to_owned(), status, detail: detail.into() });
    }

    /// Says how many times had to be read as UTC, if any.
    pub fn times_read_as_utc(&mut self, number: u64) {
        if number > 0 {
            let detail = format!("{} without a known time zone, read as UTC", super::plural(number, "time"));
            self.source("time-zone", SourceStatus::Partial, detail);
        }
    }

    /// Says how many names were not kept, if any.
    pub fn names_left_out(&mut self, number: u64) {
        if number > 0 {
            let detail = format!("{number} names were left out because there were too many");
            self.source("names", SourceStatus::Partial, detail);
        }
    }

    /// Says how many connections were given up before their end because too many were open, if any.
    pub fn connections_split(&mut self, number: u64) {
        if number > 0 {
            let detail = format!(
                "too many connections were open at once to keep all of them: the later traffic of {} appears as \
                 further connections",
                super::plural(number, "connection")
            );
            self.source("connections-split", SourceStatus::Partial, detail);
        }
    }

    /// Takes the networks that the files mark as inside, unless some were given.
    pub fn mark_inside(&mut self, marks: &LocalNetHints) {
        if !self.metadata.inside.is_empty() {
            return;
        }
        self.metadata.inside = marks.networks().iter().map(ToString::to_string).collect();
        if marks.is_full() {
            let detail = "too many addresses are marked as local to list: the private networks count as \
                local";
            self.source("inside", SourceStatus::Partial, detail);
        }
    }

    /// Says in a sentence that a file ended before its end, or is damaged: the capture then counts
    /// as degraded.
    pub fn cut_short(&mut self, sentence: &str) {
        let recovered = self.metadata.recovered.get_or_insert_default();
        if !recovered.is_empty() {
            recovered.push(' ');
        }
        recovered.push_str(sentence);
    }

    /// What the capture says about itself, for what only one importer knows. Times, rows and
    /// files are filled in at the end.
    pub fn metadata(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Writes the rows in the order of time, and completes the capture.
    pub(super) fn finish(mut self) -> Result<(Finished, Metadata)> {
        if self.missed_bytes > 0 {
            let detail = format!("the sensor itself missed {} bytes of these connections", self.missed_bytes);
            self.source("missed-bytes", SourceStatus::Partial, detail);
        }
        for (file, Notes { nul_bytes, .. }) in std::mem::take(&mut self.notes) {
            if nul_bytes.get() > 0 {
                let detail = format!(
                    "{} NUL bytes in {file} were skipped; copytruncate or a power failure leaves them",
                    nul_bytes.get()
                );
                self.source("nul-bytes", SourceStatus::Partial, detail);
            }
        }
        let Self { mut writer, mut newest_tick, sorter, mut names, mut metadata, mut stats, span_us, .. } =
            self;
        stats.sort();
        metadata.import_stats = Some(stats);
        // An importer that knows of quiet time at the ends has said so.
        let said = (metadata.end_us > 0).then_some((metadata.start_us, metadata.end_us));
        let spans = [span_us, said].into_iter().flatten();
        let span_us = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        (metadata.start_us, metadata.end_us) = span_us.unwrap_or_default();
        sorter.finish(|(mut row, key)| {
            if let (Some(key), Some(remote)) = (key, row.remote) {
                let local = (row.local_addr, row.local_port);
                row.remote_name = names.find(&key, local, remote);
                row.application = names.application(row.application, &key, (local, remote), row.protocol);
            }
            write(&mut writer, &mut newest_tick, &row, &metadata)
        })?;
        metadata.rows = writer.rows();
        let finished = writer.finish(&metadata)?;
        Ok((finished, metadata))
    }

    /// Removes what was written: the import can be run again.
    pub(super) fn abandon(self) {
        self.writer.abandon();
    }
}

impl Output<'_> {
    /// Takes a connection of which the owner of the end that opened it may be known. Its name is looked
    /// up when everything has been read.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if the disk does not take it.
    pub(super) fn owned_connection(
        &mut self,
        connection: &FlowRecord,
        owner: Option<&Arc<Owner>>,
    ) -> Result<()> {
        let key = self.names.key(&connection.uid, connection.start_us, connection.end_us());
        for row in connection.rows() {
            self.extend_span(row.ts_us);
            let owner_source = owner.map(|_| OwnerSource::Import);
            self.sorter.push(&Row { owner: owner.cloned(), owner_source, ..row }, Some(&key))?;
        }
        Ok(())
    }
}

impl Sink for Output<'_> {
    fn connection(&mut self, connection: &FlowRecord) -> Result<()> {
        self.owned_connection(connection, None)
    }

    fn query(&mut self, question: Question) -> Result<()> {
        self.push(&question.into_row())
    }

    fn names(&mut self) -> &mut Names {
        &mut self.names
    }
}

/// Writes a row. A row group ends with a tick, where there are ticks, so that each stands alone.
fn write(writer: &mut Writer, newest_tick: &mut Option<u32>, row: &Row, metadata: &Metadata) -> Result<()> {
    if newest_tick.is_some_and(|newest| row.tick > newest) {
        writer.end_row_group_if_full(metadata)?;
    }
    *newest_tick = (*newest_tick).max(Some(row.tick));
    writer.push(row)
}
