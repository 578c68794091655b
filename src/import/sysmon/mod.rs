//! Sysmon's network events with the processes behind them: Windows evidence that knows its processes.
//!
//! Event 3 is a connection, event 1 the process that made it, event 22 a DNS answer that named its
//! remote. They are read as JSON in the wrappers of their shippers and exporters ([`json`]) and as the
//! XML of the Event Viewer and wevtutil ([`xml`]); an EVTX file is named with the programs that export
//! it. Source: Microsoft, "Sysmon", section Events. Of a connection Sysmon knows the opening only:
//! neither bytes nor an end.

mod event;
mod json;
mod names;
mod processes;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use self::event::{Connection, Event};
use self::names::Names;
use self::processes::Processes;
use super::records::{self, Record};
use super::{Begin, Importer, Input, Output, envelope};
use crate::Result;
use crate::capture::{
    Counters, Example, ImportStats, Kind, OwnerSource, Protocol, Row, SourceStatus, TcpState, UnusedReason,
    stable_id,
};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "sysmon",
    title: "Sysmon events (JSON or XML)",
    needs: "Connections come from event 3 of Sysmon: its configuration must include NetworkConnect.",
    recognises,
    import,
};

/// Lines that are looked at, as logs hold the events of other providers too.
const MOST_LINES: usize = 200;

/// A line of syslog has no more before its event.
const MOST_PREFIX_BYTES: usize = 200;

/// Connections that wait for the event of their process; newest events often come first.
const MOST_WAITING: usize = 500_000;

/// Addresses and hosts that are listed.
const MOST_LISTED: usize = 10_000;

fn recognises(begin: &Begin) -> bool {
    begin.lines().take(MOST_LINES).any(|line| parse(line).is_some_and(|record| record.is_sysmon()))
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
        records::read_file(input, output, "event", |Record { number, line, is_whole }, account, output| {
            if is_whole || parse(line).is_some() {
                events.take(number, line, &mut account.stats);
            } else {
                account.is_cut_short |= !is_between(line);
            }
            if events.waiting.len() >= MOST_WAITING {
                events.write(output)?;
            }
            Ok(())
        })?;
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
    waiting: Vec<Connection>,
    hosts: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Events {
    fn take(&mut self, number: u64, line: &[u8], stats: &mut ImportStats) {
        if is_between(line) {
            return;
        }
        let Some(record) = parse(line) else { return stats.unreadable_line(number, line) };
        let example = || Example::of_line(number, line);
        if !record.is_sysmon() {
            return stats.skip(UnusedReason::NoConnection, "event of another provider", example);
        }
        match record.event() {
            Some(Event::Connection(connection)) => {
                stats.use_one();
                self.waiting.push(*connection);
            }
            Some(Event::Process(process)) => {
                stats.skip(UnusedReason::NoConnection, "Sysmon event 1, read for the process", example);
                self.processes.add(*process);
            }
            Some(Event::Answer(answer)) => {
                stats.skip(UnusedReason::NoConnection, "Sysmon event 22, read for the name", example);
                self.names.add(&answer);
            }
            Some(Event::Other(id)) => {
                stats.skip(UnusedReason::NoConnection, &format!("Sysmon event {id}"), example);
            }
            None => stats.unreadable_line(number, line),
        }
    }

    fn write(&mut self, output: &mut Output<'_>) -> Result<()> {
        for connection in std::mem::take(&mut self.waiting) {
            let row = self.row(&connection);
            output.push(&row)?;
        }
        Ok(())
    }

    /// The row of a connection, from the side of the host that logged it.
    fn row(&mut self, connection: &Connection) -> Row {
        let Connection { source, destination, is_initiator, .. } = *connection;
        let (local, remote) = if is_initiator { (source, destination) } else { (destination, source) };
        if self.addresses.len() < MOST_LISTED {
            self.addresses.insert(local.0);
        }
        if self.hosts.len() < MOST_LISTED && !self.hosts.contains(&connection.computer) {
            self.hosts.insert(connection.computer.clone());
        }
        let is_tcp = connection.protocol == Protocol::Tcp;
        let owner = self.processes.owner(connection);
        Row {
            ts_us: connection.ts_us,
            mono_ns: connection.ts_us.saturating_mul(1000),
            kind: Kind::Opened,
            remote: Some((remote.0.to_canonical(), remote.1)),
            remote_name: self.names.find(connection, remote.0),
            // Sysmon logs a connection when it is established.
            state: is_tcp.then_some(TcpState::Established),
            prev_state: is_tcp.then_some(if is_initiator { TcpState::SynSent } else { TcpState::SynRecv }),
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
                "{} process creations (event 1) name parents, command lines and hashes",
                self.processes.len()
            ),
        );
        if self.processes.left_out() + self.names.left_out() > 0 {
            let detail = "too many processes or names to keep: the oldest were dropped";
            output.source("processes-kept", SourceStatus::Partial, detail);
        }
        let detail = "Sysmon logs only the opening of a connection: bytes, packets and ends are unknown";
        output.source("byte-counts", SourceStatus::Partial, detail);
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
    let Connection { computer, guid, protocol, source, destination, ts_us, .. } = connection;
    let name = format!("{computer} {guid:?} {protocol:?} {source:?} {destination:?} {ts_us}");
    stable_id(name.as_bytes())
}
