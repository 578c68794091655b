//! A Zeek log as a stream of records, in either notation.

use std::io::{self, Read};

use super::conn::{self, ConnLine};
use super::json::Object;
use super::record::{Field, Record};
use super::tsv::{Header, unescape};
use crate::capture::{Example, UnusedReason};
use crate::import::lines::{Line, Lines};
use crate::import::log::LoggedConnection;
use crate::import::names::{Names, Told};
use crate::import::{Account, Begin, Input};

/// Which log a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogKind {
    Conn,
    Ssl,
    Http,
    Dns,
    Other,
}

impl LogKind {
    /// By the header, else by which fields there are.
    pub(super) fn of(input: &Input) -> Self {
        let begin = &input.begin;
        if let Some(header) = header(begin) {
            return Self::named(&header.path).unwrap_or_else(|| Self::with_fields(|field| header.has(field)));
        }
        let Some(object) = first_object(begin) else { return Self::Other };
        let name = object.record().text(Field::Path).and_then(Self::named);
        name.unwrap_or_else(|| Self::with_fields(|field| object.has(field)))
    }

    /// What its lines are, for those that are no connections.
    fn names(self) -> &'static str {
        match self {
            Self::Conn => "conn record",
            Self::Ssl => "ssl record, read for its name",
            Self::Http => "http record, read for its name",
            Self::Dns => "dns record, read for its names",
            Self::Other => "record of another log",
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "" => None,
            "conn" => Some(Self::Conn),
            "ssl" => Some(Self::Ssl),
            "http" => Some(Self::Http),
            "dns" => Some(Self::Dns),
            _ => Some(Self::Other),
        }
    }

    fn with_fields(has: impl Fn(Field) -> bool) -> Self {
        if has(Field::ConnState) || has(Field::History) || has(Field::OrigBytes) {
            Self::Conn
        } else if has(Field::ServerName) {
            Self::Ssl
        } else if has(Field::Query) {
            Self::Dns
        } else if has(Field::Host) {
            Self::Http
        } else if has(Field::Proto) {
            Self::Conn
        } else {
            Self::Other
        }
    }
}

/// Whether a file that begins so is a Zeek log.
pub(super) fn recognises(begin: &Begin) -> bool {
    let is_of_zeek =
        |object: Object| object.has(Field::Ts) && (object.has(Field::OrigH) || object.has(Field::Path));
    header(begin).is_some() || first_object(begin).is_some_and(is_of_zeek)
}

fn header(begin: &Begin) -> Option<Header> {
    let mut header = Header::default();
    begin.lines().take_while(|line| line.starts_with(b"#")).for_each(|line| header.take(line));
    header.is_complete().then_some(header)
}

fn first_object(begin: &Begin) -> Option<Object> {
    Object::parse(begin.lines().find(|line| !line.trim_ascii().is_empty())?)
}

/// Reads a log: names go to `names`, connections to `take`, with what the log marks as inside,
/// until that gives false.
///
/// # Errors
/// What the reader says, other than that a compressed stream breaks off.
pub(super) fn read_log<R: Read>(
    reader: R,
    kind: LogKind,
    names: &mut Names,
    mut take: impl FnMut(&Names, LoggedConnection, &Record<'_>) -> bool,
) -> io::Result<(Account, R)> {
    let mut lines = Lines::new(reader);
    let mut account = Account::new("line");
    let mut header = Header::default();
    loop {
        let number = lines.number() + 1;
        let (line, is_whole) = match lines.next()? {
            None => break,
            Some(Line::Whole(line)) => (line, true),
            Some(Line::Unended(line)) => (line, false),
            Some(Line::TooLong) => {
                account.stats.unreadable_line(number, b"");
                continue;
            }
        };
        if line.is_empty() {
            continue;
        }
        if line[0] == b'#' {
            header.take(line);
            continue;
        }
        let object = if line[0] == b'{' { Object::parse(line) } else { None };
        let record = match &object {
            Some(object) => object.record(),
            // A number at the end of a line that is cut short may be another.
            None if !is_whole => {
                account.is_cut_short = true;
                break;
            }
            None => header.record(line),
        };
        if kind == LogKind::Conn {
            if !take_connection(&record, number, line, &mut account, &mut |c, r| take(names, c, r)) {
                break;
            }
        } else {
            take_name(kind, &record, names);
            account.stats.skip(UnusedReason::NoConnection, kind.names(), || Example::of_line(number, line));
        }
    }
    account.is_cut_short |= lines.is_cut_short();
    Ok((account, lines.into_inner()))
}

fn take_connection(
    record: &Record<'_>,
    number: u64,
    line: &[u8],
    account: &mut Account,
    take: &mut dyn FnMut(LoggedConnection, &Record<'_>) -> bool,
) -> bool {
    match conn::read(record) {
        ConnLine::Connection(connection) => {
            account.stats.use_one();
            account.missed_bytes = account.missed_bytes.saturating_add(conn::missed_bytes(record));
            take(*connection, record)
        }
        ConnLine::OtherProtocol => {
            let kind = format!("protocol {}", record.text(Field::Proto).unwrap_or("unknown"));
            account.stats.skip(UnusedReason::Unsupported, &kind, || Example::of_line(number, line));
            true
        }
        ConnLine::Unreadable => {
            account.stats.unreadable_line(number, line);
            true
        }
    }
}

fn take_name(kind: LogKind, record: &Record<'_>, names: &mut Names) {
    let uid = record.get(Field::Uid);
    let told = |field| Some((uid?, unescape(record.get(field)?)));
    match kind {
        LogKind::Ssl => {
            if let Some((uid, name)) = told(Field::ServerName) {
                names.of_connection(uid, Told::ByTls, &name);
            }
        }
        LogKind::Http => {
            if let Some((uid, name)) = told(Field::Host) {
                names.of_connection(uid, Told::ByHttp, &name);
            }
        }
        LogKind::Dns => take_answers(record, names),
        LogKind::Conn | LogKind::Other => {}
    }
}

fn take_answers(record: &Record<'_>, names: &mut Names) {
    let (Some(client), Some(ts_us), Some(query), Some(answers)) = (
        record.addr(Field::OrigH),
        record.get(Field::Ts).and_then(conn::moment),
        record.get(Field::Query),
        record.text(Field::Answers),
    ) else {
        return;
    };
    let query = unescape(query);
    for addr in answers.split(',').filter_map(|answer| answer.parse::<std::net::IpAddr>().ok()) {
        names.answer(client, addr.to_canonical(), ts_us, &query);
    }
}
