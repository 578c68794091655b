//! Windows events of connections with the processes behind them: those of Sysmon, and those of the Windows
//! Filtering Platform in the security log ([`filtering`]), which every Windows can write.
//!
//! Event 3 of Sysmon is a connection, event 1 the process that made it, event 22 a DNS answer that named its
//! remote. Events are read as JSON in the wrappers of their shippers and exporters ([`json`]), as the XML of the
//! Event Viewer and wevtutil ([`xml`]), and as tables ([`csv`]); an EVTX file is named with the programs that
//! export it. Source: Microsoft, "Sysmon", section Events. Of a connection they tell the opening only: neither
//! bytes nor an end.

mod csv;
mod event;
mod filtering;
mod json;
mod names;
mod processes;
mod sides;
#[cfg(test)]
mod tests;
mod waiting;
mod xml;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use self::csv::{Csv, Parsed};
use self::event::{Connection, Course, Event};
use self::names::Names;
use self::processes::Processes;
use self::sides::Sides;
use self::waiting::Waiting;
use super::records::{self, Record};
use super::{Begin, FileReport, Importer, Input, Output, envelope};
use crate::Result;
use crate::capture::{
    Counters, Example, ImportStats, Kind, OwnerSource, Protocol, Row, SourceStatus, TcpState, UnusedReason,
    stable_id,
};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "sysmon",
    title: "Windows events of Sysmon or the security log (JSON, XML or CSV)",
    needs: "Connections come from event 3 of Sysmon, whose configuration must include NetworkConnect, or from events \
        5156 and 5157 of the security log: auditpol /set /subcategory:\"Filtering Platform Connection\" \
        /success:enable /failure:enable.",
    recognises,
    import,
};

/// Lines that are looked at, as logs hold the events of other providers too.
const MOST_LINES: usize = 200;

/// A line of syslog has no more before its event.
const MOST_PREFIX_BYTES: usize = 1000;

/// Connections that wait for the event of their process; newest events often come first.
const MOST_WAITING: usize = 500_000;

/// Addresses and hosts that are listed.
const MOST_LISTED: usize = 10_000;

fn recognises(begin: &Begin) -> bool {
    let mut csv = Csv::default();
    begin.lines().filter(|line| !line.trim_ascii().is_empty()).take(MOST_LINES).any(|line| {
        match csv.take(line) {
            Parsed::Record(record) => record.is_read(),
            Parsed::Outside => parse(line).is_some_and(|record| record.is_read()),
            Parsed::Part | Parsed::Unreadable => false,
        }
    })
}

/// The event on a line, in whichever notation.
fn parse(line: &[u8]) -> Option<event::Record> {
    match line.trim_ascii_start().first()? {
        b'{' => json::parse(line).or_else(|| xml::parse(&json::text_of_event(line)?)),
        b'<' => xml::parse(line),
        // What syslog puts before it: Sysmon for Linux writes there.
        _ if has_event_after_prefix(line) => xml::parse(line),
        _ => json::parse(envelope::after_prefix(line)?),
    }
}

fn has_event_after_prefix(line: &[u8]) -> bool {
    let begin = &line[..line.len().min(MOST_PREFIX_BYTES)];
    [b"<Event>".as_slice(), b"<Event "].iter().any(|tag| begin.windows(tag.len()).any(|bytes| bytes == *tag))
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut events = Events::default();
    for input in inputs {
        let (mut csv, mut is_cut_short) = (Csv::default(), false);
        records::read_file(input, output, "event", |Record { number, line, is_whole }, account, output| {
            is_cut_short |= !is_whole;
            match csv.take(line) {
                Parsed::Part => account.is_cut_short |= !is_whole,
                Parsed::Unreadable => account.stats.unreadable_line(number, line),
                Parsed::Record(record) => events.take(number, line, Some(record), &mut account.stats),
                Parsed::Outside => {
                    let record = parse(line);
                    if is_whole || record.is_some() {
                        events.take(number, line, record, &mut account.stats);
                    } else {
                        account.is_cut_short |= !is_between(line);
                    }
                }
            }
            if events.waiting.len() >= MOST_WAITING {
                events.write(output)?;
            }
            Ok(())
        })?;
        if csv.is_open() && !is_cut_short {
            output.account(input, FileReport { is_cut_short: true, ..FileReport::new("event") });
        }
    }
    events.write(output)?;
    events.say(output);
    Ok(())
}

/// What stands around the events of an XML file.
fn is_between(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let has = |tag: &[u8]| line.windows(tag.len()).any(|window| window == tag);
    let is_frame = [b"<?xml".as_slice(), b"<Events", b"</Events"].iter().any(|tag| line.starts_with(tag));
    line.is_empty() || (is_frame && !has(b"<Event>") && !has(b"<Event "))
}

/// The events of all files.
#[derive(Default)]
struct Events {
    processes: Processes,
    names: Names,
    sides: Sides,
    waiting: Waiting,
    /// Connections that a filter let pass.
    permitted: u64,
    without_zone: u64,
    hosts: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Events {
    fn take(&mut self, number: u64, line: &[u8], record: Option<event::Record>, stats: &mut ImportStats) {
        let Some(record) = record else {
            if !is_between(line) {
                stats.unreadable_line(number, line);
            }
            return;
        };
        let example = || Example::of_line(number, line);
        if !record.is_read() {
            return stats.skip(UnusedReason::NoConnection, "event of another provider", example);
        }
        let log = if record.is_sysmon() { "Sysmon" } else { "security" };
        let event = record.event();
        let id = record.id.unwrap_or_default();
        let mut is_nothing = |kind: &str| stats.skip(UnusedReason::NoConnection, kind, example);
        match event {
            Some(Event::Connection(connection)) => {
                self.without_zone += u64::from(record.lacks_zone());
                self.take_connection(*connection, stats, example);
            }
            Some(Event::Process(process)) => {
                is_nothing(&format!("{log} event {id}, read for the process"));
                self.processes.add(*process);
            }
            Some(Event::Answer(answer)) => {
                is_nothing("Sysmon event 22, read for the name");
                self.names.add(&answer);
            }
            Some(Event::Bind(bind)) => {
                is_nothing("security event 5158, read for the port");
                self.sides.learn_bind(&bind);
            }
            Some(Event::Other(id)) => is_nothing(&format!("{log} event {id}")),
            None => stats.unreadable_line(number, line),
        }
    }

    fn take_connection(
        &mut self,
        connection: Connection,
        stats: &mut ImportStats,
        example: impl FnOnce() -> Example,
    ) {
        let is_permitted = connection.is_permitted() && connection.is_initiator;
        if !connection.has_unsure_sides {
            self.sides.learn(&connection);
        }
        if !self.waiting.add(connection) {
            let kind = "event of a connection that another event tells of";
            return stats.skip(UnusedReason::Duplicate, kind, example);
        }
        stats.use_one();
        self.permitted += u64::from(is_permitted);
    }

    fn write(&mut self, output: &mut Output<'_>) -> Result<()> {
        let connections = self.waiting.take();
        for connection in connections.iter().filter(|connection| connection.has_unsure_sides) {
            self.sides.learn_order(connection);
        }
        connections
            .iter()
            .try_for_each(|connection| self.rows(connection).iter().try_for_each(|row| output.push(row)))
    }

    /// What is told of a connection, in the order of time.
    fn rows(&mut self, connection: &Connection) -> Vec<Row> {
        let row = self.row(connection);
        match connection.course {
            Course::Opened => vec![row],
            Course::Listening => vec![Row {
                remote: None,
                remote_name: None,
                state: row.state.and(Some(TcpState::Listen)),
                prev_state: None,
                ..row
            }],
            // It was attempted, and came to nothing.
            Course::Blocked => {
                let attempted = Row { state: row.prev_state, prev_state: None, ..row.clone() };
                vec![
                    attempted,
                    Row { kind: Kind::Closed, state: row.state.and(Some(TcpState::Close)), ..row },
                ]
            }
        }
    }

    /// The row of a connection, from the side of the host that logged it.
    fn row(&mut self, connection: &Connection) -> Row {
        let Connection { source, destination, is_initiator, .. } = *connection;
        let is_source_local =
            if connection.has_unsure_sides { self.sides.is_source_local(connection) } else { is_initiator };
        let (local, remote) = if is_source_local { (source, destination) } else { (destination, source) };
        if self.addresses.len() < MOST_LISTED && !local.0.is_unspecified() {
            self.addresses.insert(local.0);
        }
        if self.hosts.len() < MOST_LISTED && !self.hosts.contains(&connection.computer) {
            self.hosts.insert(connection.computer.clone());
        }
        // Sysmon logs a connection when it is established. The Filtering Platform logs that it may be: whether anybody
        // answers one of this host, it does not know; one from outside is answered by a socket that listens for it.
        let is_answered = !(connection.is_permitted() && is_initiator);
        let is_established = connection.protocol == Protocol::Tcp && is_answered;
        let before = if is_initiator { TcpState::SynSent } else { TcpState::SynRecv };
        let owner = self.processes.owner(connection);
        Row {
            ts_us: connection.ts_us,
            mono_ns: connection.ts_us.saturating_mul(1000),
            kind: Kind::Opened,
            protocol_number: connection.protocol_number,
            remote: Some((remote.0.to_canonical(), remote.1)),
            remote_name: self.names.find(connection, remote.0),
            state: is_established.then_some(TcpState::Established),
            prev_state: is_established.then_some(before),
            counters: Counters::default(),
            owner: Some(Arc::clone(&owner)),
            owner_source: (owner.pid.is_some() || owner.process_name.is_some())
                .then_some(OwnerSource::Import),
            ..Row::snapshot(conn_id(connection), connection.protocol, local)
        }
    }

    fn say(&self, output: &mut Output<'_>) {
        output.source(
            "processes",
            SourceStatus::Ran,
            format!(
                "{} process creations (Sysmon 1, security 4688) name parents, command lines and hashes",
                self.processes.len()
            ),
        );
        if self.processes.left_out() + self.names.left_out() > 0 {
            let detail = "too many processes or names to keep: the oldest were dropped";
            output.source("processes-kept", SourceStatus::Partial, detail);
        }
        let detail = "events tell only of the opening of a connection: bytes, packets and ends are unknown";
        output.source("byte-counts", SourceStatus::Partial, detail);
        if self.permitted > 0 {
            let detail = format!(
                "event 5156 says that Windows permitted a connection, not whether it was answered: the state of {} \
                 is unknown, inbound ones are shown as established",
                super::plural(self.permitted, "outbound connection")
            );
            output.source("outcomes", SourceStatus::Partial, detail);
        }
        if self.sides.unsure > 0 {
            let detail = format!(
                "{} of which nothing tells the local end: the source is taken for the remote end",
                super::plural(self.sides.unsure, "inbound connection")
            );
            output.source("local-ends", SourceStatus::Partial, detail);
        }
        output.times_read_as_utc(self.without_zone);
        let metadata = output.metadata();
        metadata.host_addresses = self.addresses.iter().map(ToString::to_string).collect();
        if self.hosts.len() == 1 {
            metadata.host_name = self.hosts.first().filter(|host| !host.is_empty()).cloned();
        } else {
            let detail = format!("the events come from {} hosts, which are treated as one", self.hosts.len());
            output.source("hosts", SourceStatus::Partial, detail);
        }
    }
}

/// The same for the same event in every import.
fn conn_id(connection: &Connection) -> u64 {
    let Connection { computer, guid, course, protocol, source, destination, ts_us, .. } = connection;
    let name = format!("{computer} {guid:?} {course:?} {protocol:?} {source:?} {destination:?} {ts_us}");
    stable_id(name.as_bytes())
}
