//! Connections that the Linux kernel tracks, as routers and hosts of containers have them: `conntrack -L`,
//! `conntrack -E -o timestamp` and `/proc/net/nf_conntrack`.
//!
//! Each line has two directions, each with the ends of its packets before they are translated (NAT): the
//! originator is the source of the first, the responder is the source of the second. A list needs a time, as all
//! snapshots do. Source: the manual of conntrack-tools, and `nf_conntrack_standalone.c` of the kernel. Counts are
//! there if `net.netfilter.nf_conntrack_acct` is on, and are of IP packets.

mod entry;
mod flows;
#[cfg(test)]
mod tests;

use self::entry::{ConntrackEntry, Happening};
use self::flows::Flows;
use super::log::Sink;
use super::records::{self, Record};
use super::ss::time::stamp;
use super::{Begin, Importer, Input, Output, snapshot};
use crate::Result;
use crate::capture::{Example, ImportStats, SourceStatus, UnusedReason};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "conntrack",
    title: "entries or events of conntrack",
    needs: "Connections come from conntrack -L, conntrack -E -o timestamp or /proc/net/nf_conntrack.",
    recognises,
    import,
};

/// Lines that are looked at to recognise a file.
const MOST_LOOKED_AT: usize = 50;

fn recognises(begin: &Begin) -> bool {
    begin.lines().take(MOST_LOOKED_AT).any(|line| parse(line).is_some())
}

fn parse(line: &[u8]) -> Option<ConntrackEntry> {
    // A line of a table is short.
    std::str::from_utf8(line).ok().filter(|line| line.len() < 2000).and_then(entry::parse)
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut reader = Reader { now_us: output.taken_at_us(), ..Reader::default() };
    for input in inputs {
        records::read_file(input, output, "record", |Record { number, line, is_whole }, account, output| {
            if is_whole {
                reader.take(number, line, &mut account.stats, output)
            } else {
                // Its last number may be another.
                account.is_cut_short = true;
                Ok(())
            }
        })?;
    }
    if let (0, true, Some(first)) = (reader.used, reader.without_time > 0, inputs.first()) {
        return Err(snapshot::undated(&first.path, 0));
    }
    reader.flows.finish(output)?;
    reader.say(output);
    Ok(())
}

/// What is read of all files.
#[derive(Debug, Default)]
struct Reader {
    flows: Flows,
    /// The time of the list that is being read.
    now_us: Option<i64>,
    used: u64,
    listed: u64,
    without_time: u64,
    without_zone: u64,
    without_counts: u64,
}

impl Reader {
    fn take(
        &mut self,
        number: u64,
        line: &[u8],
        stats: &mut ImportStats,
        sink: &mut impl Sink,
    ) -> Result<()> {
        let example = || Example::of_line(number, line);
        let Some(entry) = parse(line) else {
            let text = String::from_utf8_lossy(line);
            if let Some(time) = stamp(&text) {
                self.now_us = Some(time.ts_us);
                self.without_zone += u64::from(!time.has_zone);
            } else if text.contains("src=") {
                stats.unreadable_line(number, line);
            } else {
                stats.skip(UnusedReason::NoConnection, "line without an entry", example);
            }
            return Ok(());
        };
        let own = entry.time.or(entry.stop);
        let Some(at_us) = own.map(|time| time.ts_us).or(self.now_us) else {
            self.without_time += 1;
            let kind = "entry without a time (run conntrack -E -o timestamp, or say when with --at)";
            stats.skip(UnusedReason::Unsupported, kind, example);
            return Ok(());
        };
        stats.use_one();
        self.used += 1;
        self.listed += u64::from(entry.happening == Happening::Listed);
        self.without_zone += u64::from(own.or(entry.start).is_some_and(|time| !time.has_zone));
        self.without_counts += u64::from(entry.original.bytes.is_none());
        self.flows.take(&entry, at_us, sink)
    }

    fn say(&self, output: &mut Output<'_>) {
        let detail = if self.without_counts == self.used {
            "none: set net.netfilter.nf_conntrack_acct=1 to have conntrack count".to_owned()
        } else {
            "bytes include packet headers, summed over each connection".to_owned()
        };
        output.source("byte-counts", SourceStatus::Partial, detail);
        if self.listed > 0 {
            let detail =
                "lists show what the kernel tracked at their times: what came and went between is missing";
            output.source("lists", SourceStatus::Partial, detail);
        }
        if self.flows.translated > 0 {
            let detail = format!(
                "{} with a translated destination: shown with the host that answered, not the one that was addressed",
                super::plural(self.flows.translated, "connection")
            );
            output.source("address-translation", SourceStatus::Partial, detail);
        }
        output.connections_split(self.flows.split);
        output.times_read_as_utc(self.without_zone);
    }
}
