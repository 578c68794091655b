//! Zeek's logs: `conn.log`, and the names in `ssl.log`, `http.log` and `dns.log` beside it.
//!
//! Both notations, with a header or as JSON; plain or compressed; in any order of lines and
//! files. Columns that are missing are unknown, columns that are not asked for are passed over.
//! Source: the log formats in Zeek's manual (docs.zeek.org, "Log Files").

mod conn;
mod json;
mod reader;
mod record;
#[cfg(test)]
mod tests;
mod tsv;

use self::reader::{LogKind, read_log};
use super::marks::Marks;
use super::names::Names;
use super::{Account, Importer, Input, Output};
use crate::capture::SourceStatus;
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer =
    Importer { id: "zeek", title: "a Zeek log (TSV or JSON)", recognises: reader::recognises, import };

/// Logs that name the remotes of connections, as their files are called, in the order in which
/// they are read.
const BESIDE: [(&str, LogKind); 3] = [("ssl", LogKind::Ssl), ("http", LogKind::Http), ("dns", LogKind::Dns)];

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let beside = logs_beside(inputs)?;
    output.expect_bytes(beside.iter().map(|input| input.bytes).sum());
    let of = |wanted| inputs.iter().chain(&beside).filter(move |input| LogKind::of(input) == wanted);
    if let (Some(first), None) = (inputs.first(), of(LogKind::Conn).next()) {
        let reason = "it is a Zeek log, but not conn.log, and without that there are no connections";
        return Err(Error::Import { path: first.path.clone(), reason: reason.to_owned() });
    }
    let mut names = Names::default();
    for (_, kind) in BESIDE {
        for input in of(kind) {
            read(input, kind, &mut names, &mut Marks::default(), output)?;
        }
    }
    let mut marks = Marks::default();
    let mut total = Account::default();
    for input in of(LogKind::Conn) {
        total.add(&read(input, LogKind::Conn, &mut names, &mut marks, output)?);
    }
    total.say("conn.log", output);
    say_names(&names, output);
    let ignored = of(LogKind::Other).count();
    if ignored > 0 {
        let detail = format!("{ignored} Zeek logs of other kinds were not needed");
        output.source("other-logs", SourceStatus::Ran, detail);
    }
    output.mark_inside(&marks);
    Ok(())
}

/// Reads a file: its names go to `names`, its connections to `output`.
fn read(
    input: &Input,
    kind: LogKind,
    names: &mut Names,
    marks: &mut Marks,
    output: &mut Output<'_>,
) -> Result<Account> {
    let mut failed = None;
    let reader = output.reader(input)?;
    let read = read_log(reader, kind, names, |names, mut connection, record| {
        for (addr, is_inside) in conn::marks(record, &connection) {
            marks.add(addr, is_inside);
        }
        let (client, server) = (connection.originator.0, connection.responder.0);
        if !names.is_empty() {
            connection.remote_name = names.find(&connection.uid, client, server, connection.start_us);
        }
        failed = connection.rows().into_iter().find_map(|row| output.push(row).err());
        failed.is_none()
    });
    let (mut account, reader) = read.map_err(Error::io("read", &input.path))?;
    if let Some(error) = failed {
        return Err(error);
    }
    if let Some(line) = &mut account.first_unreadable {
        *line = format!("{} {line}", input.file_name());
    }
    if account.is_cut_short {
        output.cut_short(&format!(
            "{} ends in the middle of a line; what is whole was read.",
            input.file_name()
        ));
    }
    let source = reader.finish(output.format())?;
    output.imported(source);
    Ok(account)
}

fn say_names(names: &Names, output: &mut Output<'_>) {
    if names.is_empty() {
        let detail = "no ssl.log, http.log or dns.log beside it named the remotes";
        output.source("names", SourceStatus::Missing, detail);
    } else if names.left_out() > 0 {
        let detail = format!("{} names were left out, as there were too many", names.left_out());
        output.source("names", SourceStatus::Partial, detail);
    }
}

/// The logs with names that lie beside those that were named: `conn.log` has its `ssl.log`, and
/// `conn.09:00:00-10:00:00.log.gz` its `ssl.09:00:00-10:00:00.log.gz`.
fn logs_beside(inputs: &[Input]) -> Result<Vec<Input>> {
    let mut beside = Vec::new();
    for input in inputs.iter().filter(|input| LogKind::of(input) == LogKind::Conn) {
        let name = input.file_name();
        let Some(rest) = name.strip_prefix("conn") else { continue };
        for (log, kind) in BESIDE {
            let path = input.path.with_file_name(format!("{log}{rest}"));
            if !path.is_file() || inputs.iter().any(|input| input.path == path) {
                continue;
            }
            let found = Input::open(&path)?;
            if LogKind::of(&found) == kind {
                beside.push(found);
            }
        }
    }
    Ok(beside)
}
