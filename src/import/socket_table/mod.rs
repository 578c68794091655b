//! Tables of sockets with named columns, as Windows and inventory tools write them: `Get-NetTCPConnection`
//! and `Get-NetUDPEndpoint` of PowerShell (as CSV, JSON, list or table), osquery, Velociraptor, `jc`,
//! psutil, Ansible, tcpvcon, `CurrPorts`, sockstat, Volatility; and exported events of Microsoft
//! Defender and `CrowdStrike`.
//!
//! The notation ([`notation`]) and the meaning of the columns ([`fields`], [`socket`], [`event`]) are
//! independent: whatever has columns for the ends of sockets is read by their names. A list of sockets
//! is a snapshot and needs a time; a record of an event has its own.

mod event;
mod fields;
mod notation;
mod objects;
mod socket;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use self::event::Event;
use self::fields::{Fields, Shape};
pub(super) use self::fields::{plain_name, time};
pub(super) use self::notation::Values;
use self::notation::{Notation, Parsed};
use super::owners::SharedOwners;
use super::records::{self, Record};
use super::snapshot::{self, Snapshots, Socket};
use super::ss::time::Stamp;
use super::{Begin, FileReport, Importer, Input, Output};
use crate::capture::{Example, SourceStatus, UnusedReason};
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "socket-table",
    title: "a table of sockets (CSV, JSON or PowerShell)",
    needs: "Connections come from records with a local address, a port and a process or state, such as those of \
        Get-NetTCPConnection | ConvertTo-Json.",
    recognises,
    import,
};

/// Lines that are looked at to tell what a file is.
const MOST_LINES: usize = 200;

/// Sockets with a time of their own that wait until all are there; with more, some are handed over before.
const MOST_WAITING: usize = 250_000;

/// Hosts that are told apart.
const MOST_HOSTS: usize = 10_000;

/// Between the sockets of one list there is less time, in µs.
const PAUSE_US: i64 = 500_000;

fn recognises(begin: &Begin) -> bool {
    let mut notation = Notation::default();
    let mut found = Vec::new();
    for line in begin.lines().filter(|line| !line.trim_ascii().is_empty()).take(MOST_LINES) {
        notation.take(&String::from_utf8_lossy(line), &mut found);
    }
    let has_heading = notation.has_heading();
    notation.end(&mut found);
    has_heading || found.iter().any(|parsed| matches!(parsed, Parsed::Record(_)))
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut tables = Tables { snapshots: Snapshots::new(output.taken_at_us()), ..Tables::default() };
    for input in inputs {
        let mut notation = Notation::default();
        let mut found = Vec::new();
        let mut last = 0;
        records::read_file(input, output, "record", |record, account, output| {
            let Record { number, line, is_whole } = record;
            last = number;
            if !is_whole && !notation.is_complete(&String::from_utf8_lossy(line)) {
                account.is_cut_short = true;
                return Ok(());
            }
            notation.take(&String::from_utf8_lossy(line), &mut found);
            found.drain(..).try_for_each(|parsed| tables.take(parsed, (number, line), input, account, output))
        })?;
        notation.end(&mut found);
        let mut account = FileReport::new("record");
        found
            .drain(..)
            .try_for_each(|parsed| tables.take(parsed, (last, b""), input, &mut account, output))?;
        output.account(input, account);
    }
    tables.hand_over(inputs, output)?;
    tables.say(inputs, output)
}

/// A socket with the time of its list.
type Timed = (Stamp, Socket);

/// What is read of all files.
#[derive(Default)]
struct Tables {
    snapshots: Snapshots,
    waiting: Vec<Timed>,
    owners: SharedOwners,
    hosts: BTreeSet<String>,
    listed: u64,
    events: u64,
    differences: u64,
    without_zone: u64,
}

impl Tables {
    fn take(
        &mut self,
        parsed: Parsed,
        (number, line): (u64, &[u8]),
        input: &Input,
        account: &mut FileReport,
        output: &mut Output<'_>,
    ) -> Result<()> {
        let example = || Example::of_line(number, line);
        let fields = match parsed {
            Parsed::Record(fields) => fields,
            Parsed::Other => {
                account.stats.skip(UnusedReason::NoConnection, "record of something else", example);
                return Ok(());
            }
            Parsed::Outside => {
                account.stats.skip(UnusedReason::NoConnection, "line outside of tables of sockets", example);
                return Ok(());
            }
            Parsed::Unreadable => {
                account.stats.unreadable_line(number, line);
                return Ok(());
            }
        };
        if self.hosts.len() < MOST_HOSTS {
            self.hosts.extend(fields.host());
        }
        let taken = match fields.shape() {
            Some(Shape::Sockets) if fields.is_call() => {
                event::of_call(&fields).map(|event| self.take_event(event, output))
            }
            Some(Shape::Sockets) if fields.is_difference() => {
                event::of_difference(&fields).map(|event| self.take_event(event, output))
            }
            Some(Shape::Sockets) => socket::read(&fields)
                .map(|socket| self.take_socket(socket, fields.time_of_list(), input, output)),
            Some(Shape::Defender) => event::of_defender(&fields).map(|event| self.take_event(event, output)),
            Some(Shape::CrowdStrike) => {
                event::of_crowdstrike(&fields).map(|event| self.take_event(event, output))
            }
            None => Err(Fault::Unreadable),
        };
        match taken {
            Ok(taken) => {
                account.stats.use_one();
                taken?;
            }
            Err(Fault::Unreadable) => account.stats.unreadable_line(number, line),
            Err(Fault::Skipped(reason, kind)) => account.stats.skip(reason, &kind, example),
        }
        Ok(())
    }

    fn take_socket(
        &mut self,
        socket: Socket,
        time: Option<Stamp>,
        input: &Input,
        output: &mut Output<'_>,
    ) -> Result<()> {
        self.listed += 1;
        let Some(time) = time else {
            if !self.snapshots.continues() {
                self.snapshots.begin(&input.path)?;
            }
            return output.push(&self.snapshots.row(socket));
        };
        self.waiting.push((time, socket));
        if self.waiting.len() >= MOST_WAITING {
            self.hand_over(std::slice::from_ref(input), output)
        } else {
            Ok(())
        }
    }

    fn take_event(&mut self, event: Event, output: &mut Output<'_>) -> Result<()> {
        self.events += 1;
        self.differences += u64::from(event.is_difference());
        self.without_zone += u64::from(!event.has_zone());
        event.rows(&mut self.owners).into_iter().try_for_each(|row| output.push(&row))
    }

    /// Writes the sockets that have times, list by list.
    fn hand_over(&mut self, inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|(time, _)| time.ts_us);
        let mut before: Option<i64> = None;
        for (time, socket) in waiting {
            if before.is_none_or(|before| time.ts_us.saturating_sub(before) >= PAUSE_US) {
                self.snapshots.set_time(time.ts_us, time.has_zone);
                self.snapshots.begin(&inputs[0].path)?;
            }
            before = Some(time.ts_us);
            output.push(&self.snapshots.row(socket))?;
        }
        Ok(())
    }

    fn say(&self, inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
        if self.listed > 0 {
            self.snapshots.say(output);
        }
        if self.events > 0 {
            let detail = format!(
                "{} of single moments: bytes and packets are unknown, and so is when most connections ended",
                super::plural(self.events, "event")
            );
            output.source("events", SourceStatus::Partial, detail);
        }
        if self.differences > 0 {
            let detail = "osquery compares lists: a connection opened and closed between two queries is not in \
                them, and the times are those of the queries";
            output.source("differences", SourceStatus::Partial, detail);
        }
        output.times_read_as_utc(self.without_zone);
        self.say_hosts(inputs, output)?;
        snapshot::note_host(inputs, output)
    }

    fn say_hosts(&self, inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
        let Some(first) = self.hosts.first() else { return Ok(()) };
        if self.hosts.len() == 1 {
            output.metadata().host_name.get_or_insert_with(|| first.clone());
            return Ok(());
        }
        if self.listed == 0 {
            let detail = format!("the events come from {} hosts, which are treated as one", self.hosts.len());
            output.source("hosts", SourceStatus::Partial, detail);
            return Ok(());
        }
        let listed: Vec<&str> = self.hosts.iter().take(3).map(String::as_str).collect();
        let reason = format!(
            "it lists the sockets of {} hosts ({}{}), and a snapshot is that of one host: export each host by \
             itself",
            self.hosts.len(),
            listed.join(", "),
            if self.hosts.len() > listed.len() { ", …" } else { "" }
        );
        Err(Error::Import {
            path: inputs.first().map(|input| input.path.clone()).unwrap_or_default(),
            reason,
        })
    }
}

/// Why a record is not used.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Unreadable,
    /// With the kind as a noun.
    Skipped(UnusedReason, String),
}

impl Fault {
    fn skipped(reason: UnusedReason, kind: impl Into<String>) -> Self {
        Self::Skipped(reason, kind.into())
    }
}

/// Whether these fields are those of a record that is read.
fn is_record(fields: &Fields) -> bool {
    fields.shape().is_some()
}
