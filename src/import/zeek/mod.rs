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
use super::{Importer, Input, Output};
use crate::capture::{SourceStatus, UnusedReason};
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "zeek",
    title: "a Zeek log (TSV or JSON)",
    needs: "Connections come from conn.log: import that, or the folder that holds it.",
    recognises: reader::recognises,
    import,
};

/// Logs that name the remotes of connections, as their files are called, in the order in which
/// they are read.
const BESIDE: [(&str, LogKind); 3] = [("ssl", LogKind::Ssl), ("http", LogKind::Http), ("dns", LogKind::Dns)];

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let beside = logs_beside(inputs)?;
    output.expect_bytes(beside.iter().map(|input| input.bytes).sum());
    let of = |wanted| inputs.iter().chain(&beside).filter(move |input| LogKind::of(input) == wanted);
    let mut names = Names::default();
    for (_, kind) in BESIDE {
        for input in of(kind) {
            read(input, kind, &mut names, &mut Marks::default(), output)?;
        }
    }
    let mut marks = Marks::default();
    for input in of(LogKind::Conn) {
        read(input, LogKind::Conn, &mut names, &mut marks, output)?;
    }
    say_names(&names, output);
    for input in of(LogKind::Other) {
        let path = || input.path.display().to_string();
        output.stats().skip_file(UnusedReason::NoConnection, "Zeek log of another kind", path);
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
) -> Result<()> {
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
    let (account, reader) = read.map_err(Error::io("read", &input.path))?;
    if let Some(error) = failed {
        return Err(error);
    }
    let source = reader.finish(output.format())?;
    output.imported(source);
    output.account(input, account);
    Ok(())
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
