//! A Zeek log as a stream of records, in any notation. Each record is asked for its kind: one
//! file may hold several logs.

use std::borrow::Cow;
use std::io::Read;

use super::bare::Bare;
use super::conn::{self, ConnLine};
use super::csv::Csv;
use super::json::{self, Scanner};
use super::kind::{self, Kind};
use super::record::{Field, Record};
use super::tsv::Header;
use super::{application, names, query};
use crate::Result;
use crate::capture::{Example, UnusedReason};
use crate::import::envelope;
use crate::import::lines::{Line, Lines};
use crate::import::local_nets::LocalNetHints;
use crate::import::log::Sink;
use crate::import::{Begin, FileReport};

/// Lines of a file that may come before its first record: comments, a title.
const MOST_PREFACE: usize = 8;

/// Without these a record is no connection.
const NEEDED: [(Field, &str); 5] = [
    (Field::OrigH, "id.orig_h"),
    (Field::RespH, "id.resp_h"),
    (Field::Proto, "proto"),
    (Field::OrigP, "id.orig_p"),
    (Field::RespP, "id.resp_p"),
];

/// Whether a file that begins so is a Zeek log.
pub(super) fn recognises(begin: &Begin) -> bool {
    let mut header = Header::default();
    let mut preface = 0;
    for line in begin.lines().map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty()) {
        match line[0] {
            b'#' => header.take(line),
            b'{' => return is_of_zeek(line),
            _ if let Some(object) = envelope::after_prefix(line) => return is_of_zeek(object),
            _ => return header.is_complete() || Csv::of_names(line).is_some() || Bare::new(line).is_some(),
        }
        if header.is_complete() {
            return true;
        }
        preface += 1;
        if preface > MOST_PREFACE {
            break;
        }
    }
    false
}

/// Whether an object is a record of Zeek: it has a time, and the ends of a connection or the name
/// of a log.
fn is_of_zeek(line: &[u8]) -> bool {
    let mut scanner = Scanner::new();
    scanner.scan(line) && (is_record(&scanner.record(line)) || wrapped(line).is_some())
}

fn is_record(record: &Record<'_>) -> bool {
    let is_of_connection = record.has(Field::OrigH) && record.has(Field::RespH);
    record.time().is_some() && (is_of_connection || record.log_name().is_some())
}

/// The record in an object that a log shipper has put around it.
fn wrapped(line: &[u8]) -> Option<Vec<u8>> {
    envelope::open(line, &|inner| {
        inner.contains_key("ts")
            && (inner.contains_key("id.orig_h")
                || inner.contains_key("id_orig_h")
                || inner.contains_key("id")
                || inner.contains_key("_path"))
    })
}

/// What reads the lines that are no objects.
#[derive(Debug)]
enum Columns {
    /// Zeek's header, or none yet.
    Header(Header),
    Csv(Csv),
    Bare(Bare),
}

/// What a log said besides its records.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    /// Addresses that the log marks as local.
    pub(super) marks: LocalNetHints,
    /// Records whose time has no offset from UTC.
    pub(super) without_zone: u64,
    /// Lines without a header of which only the plain facts are known.
    pub(super) without_counts: u64,
}

/// Reads a log.
#[derive(Debug)]
pub(super) struct LogReader<'a> {
    columns: Columns,
    scanner: Scanner,
    taker: Taker<'a>,
}

/// Takes the records of a log.
#[derive(Debug)]
struct Taker<'a> {
    file_name: &'a str,
    account: FileReport,
    remarks: &'a mut Remarks,
}

/// A line and its number, to be shown where it cannot be used.
type Numbered<'a> = (u64, &'a [u8]);

impl<'a> LogReader<'a> {
    /// A reader for the log in this file. The name tells what its records do not: that the
    /// connections of `conn_long.log` go on.
    pub(super) fn new(file_name: &'a str, remarks: &'a mut Remarks) -> Self {
        Self {
            columns: Columns::Header(Header::default()),
            scanner: Scanner::new(),
            taker: Taker { file_name, account: FileReport::new("line"), remarks },
        }
    }

    /// Reads the log to its end: names and connections go to `sink`.
    ///
    /// # Errors
    /// What the reader says, other than that a compressed stream breaks off, and what `sink` gives.
    pub(super) fn read<R: Read>(
        mut self,
        reader: R,
        io_error: impl FnOnce(std::io::Error) -> crate::Error,
        sink: &mut impl Sink,
    ) -> Result<(FileReport, R)> {
        let mut lines = Lines::new(reader);
        let mut failed = None;
        loop {
            let number = lines.number() + 1;
            match lines.next() {
                Ok(None) => break,
                Ok(Some(Line::Whole(line))) => self.line(number, line, true, sink)?,
                Ok(Some(Line::Unended(line))) => self.line(number, line, false, sink)?,
                Ok(Some(Line::TooLong)) => self.taker.account.stats.unreadable_line(number, b""),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = failed {
            return Err(io_error(error));
        }
        self.taker.account.is_cut_short |= lines.is_cut_short();
        Ok((self.taker.account, lines.into_inner()))
    }

    fn line(&mut self, number: u64, line: &[u8], is_whole: bool, sink: &mut impl Sink) -> Result<()> {
        match line.trim_ascii().first() {
            None => Ok(()),
            Some(b'#') => {
                self.header(line);
                Ok(())
            }
            Some(b'{') => self.object(number, line, is_whole, sink),
            Some(_) if let Some(object) = self.after_prefix(line) => {
                self.object(number, object, is_whole, sink)
            }
            // A number at the end of a line that is cut short may be another.
            Some(_) if !is_whole => {
                self.taker.account.is_cut_short = true;
                Ok(())
            }
            // Markdown draws a line below the names of the columns.
            Some(b'|') if line.iter().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' ')) => Ok(()),
            Some(_) => self.text(number, line, sink),
        }
    }

    /// The object at the end of a line of a log without columns.
    fn after_prefix<'b>(&self, line: &'b [u8]) -> Option<&'b [u8]> {
        let has_columns = !matches!(&self.columns, Columns::Header(header) if !header.is_complete());
        if has_columns { None } else { envelope::after_prefix(line) }
    }

    fn header(&mut self, line: &[u8]) {
        if !matches!(self.columns, Columns::Header(_)) {
            self.columns = Columns::Header(Header::default());
        }
        if let Columns::Header(header) = &mut self.columns {
            header.take(line);
        }
    }

    fn object(&mut self, number: u64, line: &[u8], is_whole: bool, sink: &mut impl Sink) -> Result<()> {
        let Self { scanner, taker, .. } = self;
        let mut line = Cow::Borrowed(line);
        let mut is_object = scanner.scan(&line);
        if is_object
            && !is_record(&scanner.record(&line))
            && let Some(inner) = wrapped(&line)
        {
            line = Cow::Owned(inner);
            is_object = scanner.scan(&line);
        }
        if !is_object && let Some(parts) = envelope::joined(&line) {
            return parts.into_iter().try_for_each(|part| self.object(number, part, true, sink));
        }
        if !is_object {
            taker.account.is_cut_short |= !is_whole;
            if is_whole {
                taker.account.stats.unreadable_line(number, &line);
            }
            return Ok(());
        }
        let record = scanner.record(&line);
        let is_conns = || json::all_names(&line, kind::is_of_conn);
        let kind = Kind::of(record.log_name(), |field| record.has(field), is_conns);
        taker.record(kind, &record, (number, &line), json::SEPARATOR, sink)
    }

    fn text(&mut self, number: u64, line: &[u8], sink: &mut impl Sink) -> Result<()> {
        let Self { columns, taker, .. } = self;
        if !matches!(columns, Columns::Header(header) if header.is_complete()) {
            // Tables that were concatenated have the names of their columns again.
            if let Some(csv) = Csv::of_names(line) {
                *columns = Columns::Csv(csv);
                return Ok(());
            }
        }
        if matches!(columns, Columns::Header(header) if !header.is_complete()) {
            let Some(bare) = Bare::new(line) else {
                taker.account.stats.unreadable_line(number, line);
                return Ok(());
            };
            *columns = Columns::Bare(bare);
        }
        match columns {
            Columns::Header(header) => {
                let Some(record) = header.record(line) else {
                    taker.account.stats.unreadable_line(number, line);
                    return Ok(());
                };
                taker.record(header.kind_of(&record), &record, (number, line), &header.set_separator, sink)
            }
            Columns::Csv(csv) => {
                let record = csv.record(line);
                taker.record(csv.header.kind_of(&record), &record, (number, line), b",", sink)
            }
            Columns::Bare(bare) => {
                taker.remarks.without_counts += u64::from(!bare.is_full);
                taker.record(Kind::Conn, &bare.record(line), (number, line), b",", sink)
            }
        }
    }
}

impl Taker<'_> {
    fn record(
        &mut self,
        kind: Kind,
        record: &Record<'_>,
        (number, line): Numbered<'_>,
        set_separator: &[u8],
        sink: &mut impl Sink,
    ) -> Result<()> {
        let example = || Example::of_line(number, line);
        let kind = kind.in_file(self.file_name);
        let is_open = kind == Kind::OpenConn;
        match kind {
            Kind::Conn | Kind::OpenConn => return self.connection(record, is_open, (number, line), sink),
            Kind::Aggregate => {
                let reason = UnusedReason::Unsupported;
                self.account.stats.skip(reason, "aggregate of several connections", example);
            }
            Kind::Dns if let Some(question) = query::read(record, set_separator) => {
                names::take(kind, record, set_separator, sink.names());
                self.account.stats.use_one();
                return sink.query(question);
            }
            Kind::Tls | Kind::Http | Kind::Dns | Kind::Share => {
                names::take(kind, record, set_separator, sink.names());
                application::take(kind, record, sink.names());
                self.account.stats.skip(UnusedReason::NoConnection, kind.title(), example);
            }
            Kind::Other => {
                let is_read = application::take(kind, record, sink.names());
                let use_made = if is_read { "read for its protocol only" } else { "not used" };
                let of_log = record.log_name().map(|name| Cow::Owned(format!("{name} record, {use_made}")));
                let title = of_log.unwrap_or(Cow::Borrowed(kind.title()));
                self.account.stats.skip(UnusedReason::NoConnection, &title, example);
            }
        }
        Ok(())
    }

    fn connection(
        &mut self,
        record: &Record<'_>,
        is_open: bool,
        (number, line): Numbered<'_>,
        sink: &mut impl Sink,
    ) -> Result<()> {
        let stats = &mut self.account.stats;
        match conn::read(record, is_open) {
            ConnLine::Connection(connection) => {
                stats.use_one();
                self.account.missed_bytes =
                    self.account.missed_bytes.saturating_add(conn::missed_bytes(record));
                for (addr, is_inside) in conn::marks(record, &connection) {
                    self.remarks.marks.add(addr, is_inside);
                }
                let ts = record.time().and_then(conn::timestamp);
                self.remarks.without_zone += u64::from(ts.is_some_and(|ts| !ts.has_zone));
                let names = sink.names();
                application::note_recognised(connection.application.as_deref(), connection.protocol, names);
                return sink.connection(&connection);
            }
            ConnLine::Unreadable => match NEEDED.iter().find(|(field, _)| !record.has(*field)) {
                Some((_, name)) => {
                    let kind = format!("connection record without {name}");
                    stats.skip(UnusedReason::Unsupported, &kind, || Example::of_line(number, line));
                }
                None => stats.unreadable_line(number, line),
            },
        }
        Ok(())
    }
}
