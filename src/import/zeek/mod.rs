//! Zeek's logs: connections from `conn.log` and its variants, names from `ssl.log`, `quic.log`,
//! `http.log`, `dns.log` and `smb_mapping.log`, application protocols from the logs of protocols, and from `dce_rpc.log`
//! which interface of a Windows host is called.
//!
//! With a header, as JSON, as CSV or as `zeek-cut` prints them; plain or compressed; one log a
//! file or all in one stream; in any order of records and files. Columns that are missing are
//! unknown, columns that are not asked for are passed over.
//! Source: the log formats in Zeek's manual (docs.zeek.org, "Log Files").

mod application;
mod bare;
mod conn;
mod csv;
mod cursor;
mod json;
mod kind;
mod names;
mod query;
mod reader;
mod record;
#[cfg(test)]
mod tests;
mod tsv;

use self::reader::{LogReader, Remarks};
use super::log::Sink as _;
use super::{Importer, Input, Output, plural};
use crate::capture::SourceStatus;
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "zeek",
    title: "a Zeek log (TSV, JSON or CSV)",
    needs: "Connections come from conn.log: import that, or the folder that holds it.",
    recognises: reader::recognises,
    import,
};

/// Logs that name the remotes of connections or say what is called there, as their files are called.
const BESIDE: [&str; 6] = ["ssl", "http", "dns", "quic", "smb_mapping", "dce_rpc"];

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let beside = logs_beside(inputs)?;
    output.expect_bytes(beside.iter().map(|input| input.bytes).sum());
    let mut remarks = Remarks::default();
    for input in beside.iter().chain(inputs) {
        let name = input.file_name();
        let reader = output.reader(input)?;
        let log = LogReader::new(&name, &mut remarks);
        let (account, reader) = log.read(reader, Error::io("read", &input.path), output)?;
        let source = reader.finish(output.format())?;
        output.imported(source);
        output.account(input, account);
    }
    say(&remarks, output);
    output.mark_inside(&remarks.marks);
    Ok(())
}

fn say(remarks: &Remarks, output: &mut Output<'_>) {
    if output.names().is_empty() {
        let detail = "no ssl.log, http.log or dns.log beside it named the remotes";
        output.source("names", SourceStatus::Missing, detail);
    } else {
        let left_out = output.names().left_out();
        output.names_left_out(left_out);
    }
    output.times_read_as_utc(remarks.without_zone);
    if remarks.without_counts > 0 {
        let detail = format!(
            "{} without a header: addresses, ports and states are recognized by their form, but \
             durations and counts cannot be told apart and are unknown (keep the header with zeek-cut -c)",
            plural(remarks.without_counts, "line")
        );
        output.source("header", SourceStatus::Partial, detail);
    }
}

/// The logs with names that lie beside those that were named: `conn.log` has its `ssl.log`, and
/// `conn.09:00:00-10:00:00.log.gz` its `ssl.09:00:00-10:00:00.log.gz`.
fn logs_beside(inputs: &[Input]) -> Result<Vec<Input>> {
    let mut beside: Vec<Input> = Vec::new();
    for input in inputs {
        let name = input.file_name();
        let Some(rest) = name.strip_prefix("conn").filter(|rest| rest.starts_with(['.', '_', '-'])) else {
            continue;
        };
        // `conn_long.log` lies beside the same logs as `conn.log`.
        let rest = ["_long", "_red"].iter().find_map(|suffix| rest.strip_prefix(suffix)).unwrap_or(rest);
        for log in BESIDE {
            let path = input.path.with_file_name(format!("{log}{rest}"));
            let is_known = |input: &Input| input.path == path;
            if !path.is_file() || inputs.iter().any(is_known) || beside.iter().any(is_known) {
                continue;
            }
            let found = Input::open(&path)?;
            if found.importer.is_some_and(|importer| importer.id == IMPORTER.id) {
                beside.push(found);
            }
        }
    }
    Ok(beside)
}
