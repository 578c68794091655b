//! Suricata's EVE: an event a line as JSON. Flows become connections; TLS, QUIC, HTTP and DNS
//! events name their remotes.
//!
//! Where flows are not logged, or are still open, the other events tell of them as far as they
//! can. Files may be given in any order, and events may be wrapped by what collected them.
//! Source: Suricata's manual, "EVE JSON Format".

mod application;
mod event;
mod flow;
mod names;
mod netflow;
mod partial;
mod query;
#[cfg(test)]
mod tests;

use std::io::Read;

use self::event::Event;
use self::netflow::NetFlows;
use self::partial::{PartialFlows, Totals};
use self::query::Questions;
use super::envelope;
use super::log::Sink;
use super::records::{self, Record};
use super::{FileReport, Importer, Input, Output};
use crate::capture::{Example, SourceStatus, UnusedReason};
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "eve",
    title: "Suricata's EVE (JSON)",
    needs: "Connections come from flow or netflow events: enable flow in outputs.eve-log.types of suricata.yaml.",
    recognises: event::recognises,
    import,
};

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut events = Events::default();
    for input in inputs {
        let reader = output.reader(input)?;
        let (account, reader) = events.read(reader, Error::io("read", &input.path), output)?;
        let source = reader.finish(output.format())?;
        output.imported(source);
        output.account(input, account);
    }
    let rest = events.finish(output)?;
    let stats = output.stats();
    stats.use_many(rest.totals.used);
    let superseded = "first event of a flow that ended later";
    stats.skip_many(UnusedReason::NoConnection, superseded, rest.totals.superseded, None);
    rest.say(output);
    let detail = "bytes include packet headers, as Suricata counts them, not just payload";
    output.source("byte-counts", SourceStatus::Partial, detail);
    Ok(())
}

/// The events of all files.
#[derive(Debug, Default)]
struct Events {
    netflows: NetFlows,
    partial: PartialFlows,
    questions: Questions,
    bound: application::Bound,
    without_zone: u64,
}

/// What is known of an import's events at its end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rest {
    /// Flows of which other events told.
    totals: Totals,
    /// Flows whose times have no offset from UTC.
    without_zone: u64,
    names_left_out: u64,
}

impl Rest {
    fn say(&self, output: &mut Output<'_>) {
        let mut say = |name, detail| output.source(name, SourceStatus::Partial, detail);
        if self.totals.used > 0 {
            say(
                "partial-flows",
                format!(
                    "{} known only from alerts, requests and similar events, without a flow event: shown \
                     up to the last event, with the counts at that time",
                    crate::import::plural(self.totals.used, "connection")
                ),
            );
        }
        if self.totals.left_out > 0 {
            let detail = format!(
                "{} flows without a flow event were left out because there were too many",
                self.totals.left_out
            );
            say("partial-flows-left-out", detail);
        }
        output.times_read_as_utc(self.without_zone);
        output.names_left_out(self.names_left_out);
    }
}

impl Events {
    /// Reads the events of a file: names and connections go to `sink`.
    ///
    /// # Errors
    /// What the reader says, other than that a compressed stream breaks off, and what `sink` gives.
    fn read<R: Read>(
        &mut self,
        reader: R,
        io_error: impl FnOnce(std::io::Error) -> Error,
        sink: &mut impl Sink,
    ) -> Result<(FileReport, R)> {
        records::read(reader, io_error, "event", |record, account| {
            match Event::parse(record.line) {
                Some(event) => self.take(&event, record, account, sink)?,
                None if let Some(parts) = envelope::joined(record.line) => {
                    for line in parts {
                        match Event::parse(line) {
                            Some(event) => self.take(&event, Record { line, ..record }, account, sink)?,
                            None => account.stats.unreadable_line(record.number, line),
                        }
                    }
                }
                None if record.is_whole => account.stats.unreadable_line(record.number, record.line),
                None => account.is_cut_short = true,
            }
            Ok(())
        })
    }

    fn take(
        &mut self,
        event: &Event,
        Record { number, line, .. }: Record<'_>,
        account: &mut FileReport,
        sink: &mut impl Sink,
    ) -> Result<()> {
        let example = || Example::of_line(number, line);
        let kind = event.kind();
        names::take(event, sink.names());
        application::take(event, &mut self.bound, sink.names());
        let connection = match kind {
            "flow" => flow::read(event),
            "netflow" => netflow::read(event),
            "dns" if self.questions.take(event, sink)? => {
                account.stats.use_one();
                return Ok(());
            }
            _ => {
                if !self.partial.note(event) {
                    account.stats.skip(UnusedReason::NoConnection, &format!("{kind} event"), example);
                }
                return Ok(());
            }
        };
        let Some(connection) = connection else {
            account.stats.unreadable_line(number, line);
            return Ok(());
        };
        account.stats.use_one();
        self.without_zone += u64::from(event.is_without_zone());
        self.partial.done(event);
        match kind {
            "netflow" => self.netflows.take(event, connection, sink),
            _ => sink.connection(&connection),
        }
    }

    /// Hands over what waited for a further event that has not come.
    fn finish(self, sink: &mut impl Sink) -> Result<Rest> {
        let Self { netflows, partial, questions, without_zone, .. } = self;
        netflows.finish(sink)?;
        questions.finish(sink)?;
        let totals = partial.finish(sink)?;
        Ok(Rest { totals, without_zone, names_left_out: sink.names().left_out() })
    }
}
