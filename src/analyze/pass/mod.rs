//! The pass: rows of a capture in, records out, once over the file.
//!
//! Inside a row group the rows of a connection lie together, so its record is looked up once
//! per run of rows, and what names it or its owner is read only where it changes
//! ([`batch`]). Nothing is allocated per row: memory grows with the number of connections.

mod activity;
mod addresses;
mod applications;
mod axis;
mod batch;
mod cells;
mod decode;
mod finish;
mod open;
mod own;
mod owners;
mod queries;
mod sockets;
mod starts;
#[cfg(test)]
mod tests;
mod ticks;
mod words;

use std::ops::Range;
use std::sync::mpsc;
use std::thread;

use self::activity::Activity;
use self::addresses::Addresses;
use self::applications::Applications;
use self::axis::Axis;
use self::batch::{Batch, OWNER, Reason, SOCKET, STATE};
use self::cells::{About, about, counters, optional, protocol, required, without_value};
use self::decode::Decoded;
use self::own::{Own, Whose};
use self::owners::Owners;
use self::queries::Queries;
use self::sockets::{Moment, TransitionCounts};
use self::starts::Starts;
use self::ticks::{Increment, Ticks};
use self::words::Interned;
use super::config::Analysis as Settings;
use super::vantage::{Vantage, flipped_counters, flipped_state};
use crate::capture::{CaptureFile, Column, Kind, OwnerSource, TcpState};
use crate::geo::Databases;
use crate::model::index::Index;
use crate::model::records::{Connection, Count, Direction, ProcessId, Recorded, TextId, Texts};
use crate::{Error, Result};

/// Batches that wait between the threads: some 2 MB each.
const BATCHES_AHEAD: usize = 1;

/// Reads every row once. `progress` is told the rows read so far. A row group that is damaged is
/// left out, which the capture notes.
///
/// # Errors
/// [`Error::Damaged`] if a row group holds what no netrec writes.
pub fn run(
    capture: &CaptureFile,
    settings: &Settings,
    geo: &Databases,
    progress: &dyn Fn(u64),
) -> Result<Recorded> {
    let vantage = Vantage::of(capture.metadata());
    let whose = Whose { own: Own::new(capture), leaves_out_foreign: !settings.all_namespaces };
    let mut pass = Pass::new(axis_of(capture, settings), Starts::new(capture), vantage, whose);
    // Decoding costs about as much as adding up, so that a second thread halves the time.
    thread::scope(|scope| {
        let (sender, decoded) = mpsc::sync_channel(BATCHES_AHEAD);
        let decoding = move || decode::row_groups(capture, &sender);
        thread::Builder::new().spawn_scoped(scope, decoding).map_err(Error::Threads)?;
        for decoded in decoded {
            match decoded {
                Decoded::Rows(batch) => {
                    batch.and_then(|mut batch| pass.add(&mut batch)).map_err(damaged(capture))?;
                    progress(pass.rows);
                }
                Decoded::EndOfRowGroup => pass.ticks.end_row_group(),
            }
        }
        Ok::<(), Error>(())
    })?;
    // Those of damaged row groups are done with too.
    progress(capture.rows());
    Ok(finish::finish(pass, capture.metadata(), geo))
}

/// Everything that the pass has gathered so far.
struct Pass {
    vantage: Vantage,
    whose: Whose,
    starts: Starts,
    last_tick: u32,
    rows: u64,
    span_us: Option<(i64, i64)>,
    axis: Axis,
    texts: Texts,
    addresses: Addresses,
    local_addrs: Interned,
    remote_addrs: Interned,
    remote_names: Interned,
    applications: Applications,
    owners: Owners,
    connections: Vec<Connection>,
    /// By `conn_id`.
    index: Index,
    transitions: TransitionCounts,
    /// Those of sockets that are left out.
    foreign_transitions: TransitionCounts,
    ticks: Ticks,
    activity: Activity,
    queries: Queries,
}

/// What the rows of a run have in common.
#[derive(Clone, Copy)]
struct RowRun {
    connection: usize,
    kind: Kind,
    /// The owner that the rows themselves name.
    process: Option<ProcessId>,
    /// Whether it is seen from its other end.
    is_flipped: bool,
}

/// The two ends of a row, from whichever side they are seen.
#[derive(Clone, Copy)]
struct Ends {
    local: (TextId, u16),
    remote: Option<(TextId, u16)>,
    is_flipped: bool,
}

impl Pass {
    fn new(axis: Axis, starts: Starts, vantage: Vantage, whose: Whose) -> Self {
        Self {
            vantage,
            whose,
            starts,
            last_tick: 0,
            rows: 0,
            span_us: None,
            axis,
            texts: Texts::default(),
            addresses: Addresses::default(),
            local_addrs: Interned::default(),
            remote_addrs: Interned::default(),
            remote_names: Interned::default(),
            applications: Applications::default(),
            owners: Owners::default(),
            connections: Vec::new(),
            index: Index::default(),
            transitions: TransitionCounts::default(),
            foreign_transitions: TransitionCounts::default(),
            ticks: Ticks::new(axis),
            activity: Activity::new(),
            queries: Queries::default(),
        }
    }

    fn add(&mut self, batch: &mut Batch) -> Result<(), Reason> {
        batch.compare_rows();
        let batch = &*batch;
        self.local_addrs.set_dictionary(&batch.local_addr);
        self.remote_addrs.set_dictionary(&batch.remote_addr);
        self.remote_names.set_dictionary(&batch.remote_name);
        self.applications.set_dictionaries(batch);
        self.owners.set_dictionaries(batch);
        self.queries.set_dictionaries(batch);
        let changes = &batch.changes;
        let mut run = RowRun { connection: 0, kind: Kind::Snapshot, process: None, is_flipped: false };
        let mut row = 0;
        // What has changed in rows that were passed over.
        let mut passed_over = 0;
        while row < batch.len() {
            let same = changes[row + 1..].iter().position(|change| *change != 0);
            let end = same.map_or(batch.len(), |same| row + 1 + same);
            let change = changes[row] | passed_over;
            match about(batch, row)? {
                About::Socket => {
                    passed_over = 0;
                    self.apply_changes(&mut run, batch, row, change)?;
                    self.add_rows(run, batch, row..end);
                }
                About::Query => {
                    passed_over = change;
                    self.add_queries(batch, row..end)?;
                }
                About::NothingKnown => passed_over = change,
            }
            row = end;
        }
        self.rows += batch.len() as u64;
        Ok(())
    }

    /// Takes the questions of some rows, which one process asked of one server.
    fn add_queries(&mut self, batch: &Batch, rows: Range<usize>) -> Result<(), Reason> {
        let row = rows.start;
        let client = self
            .local_addrs
            .get(&batch.local_addr, row, &mut self.texts)
            .ok_or_else(|| without_value(Column::LocalAddr))?;
        let server = self.remote_addrs.get(&batch.remote_addr, row, &mut self.texts);
        let process = self.owners.of_row(batch, row, &mut self.texts);
        for row in rows {
            self.queries.take(batch, row, (client, server), process, &mut self.texts);
        }
        Ok(())
    }

    /// Reads what names the rows from here on, as far as it has changed.
    fn apply_changes(
        &mut self,
        run: &mut RowRun,
        batch: &Batch,
        row: usize,
        change: u8,
    ) -> Result<(), Reason> {
        if change & (SOCKET | STATE) != 0 {
            run.kind = required(&batch.kind, Column::Kind, row, Kind::from_text)?;
        }
        if change & SOCKET != 0 {
            let ends = self.ends(batch, row)?;
            run.is_flipped = ends.is_flipped;
            run.connection = self.connection(batch, row, run.kind, ends)?;
            self.name_connection(run, batch, row, ends)?;
        }
        if change & OWNER != 0 {
            run.process = self.owners.of_row(batch, row, &mut self.texts);
        }
        if change & (SOCKET | OWNER) != 0 {
            self.take_owner(run, batch, row)?;
        }
        if change & (SOCKET | STATE) != 0 {
            self.take_state(run, batch, row)?;
        }
        Ok(())
    }

    /// The two ends of a row.
    fn ends(&mut self, batch: &Batch, row: usize) -> Result<Ends, Reason> {
        let local_addr = self
            .local_addrs
            .get(&batch.local_addr, row, &mut self.texts)
            .ok_or_else(|| without_value(Column::LocalAddr))?;
        let protocol = required(&batch.protocol, Column::Protocol, row, protocol)?;
        let port = |port: Option<u16>, column| match port {
            None if protocol.has_ports() => Err(without_value(column)),
            port => Ok(port.unwrap_or_default()),
        };
        let local = (local_addr, port(batch.local_port.get(row), Column::LocalPort)?);
        let ours = self.addresses.parse(local_addr, &self.texts)?;
        let Some(addr) = self.remote_addrs.get(&batch.remote_addr, row, &mut self.texts) else {
            return Ok(Ends { local, remote: None, is_flipped: false });
        };
        let port = port(batch.remote_port.get(row), Column::RemotePort)?;
        let is_flipped = match self.vantage {
            Vantage::Host => false,
            Vantage::LocalNets(_) => {
                let theirs = self.addresses.parse(addr, &self.texts)?;
                self.vantage.flips(ours, theirs)
            }
        };
        Ok(if is_flipped {
            Ends { local: (addr, port), remote: Some(local), is_flipped }
        } else {
            Ends { local, remote: Some((addr, port)), is_flipped }
        })
    }

    /// The record of the row's connection, new or known.
    fn connection(&mut self, batch: &Batch, row: usize, kind: Kind, ends: Ends) -> Result<usize, Reason> {
        let conn_id = batch.conn_id[row];
        let connections = &self.connections;
        if let Some(at) = self.index.find(&conn_id, |at| connections[at].conn_id == conn_id) {
            return Ok(at);
        }
        let protocol = required(&batch.protocol, Column::Protocol, row, protocol)?;
        let mut connection = sockets::blank(conn_id, protocol, ends.local);
        connection.direction = ends.is_flipped.then_some(Direction::Inbound);
        // A socket whose first row is an event at the first tick may have been there before.
        connection.opened_in_recording = kind == Kind::Opened || self.starts.is_later(batch.tick[row]);
        connection.start_is_exact = kind == Kind::Opened;
        let connections = &mut self.connections;
        connections.push(connection);
        self.index.insert(&conn_id, connections.len() - 1, |at| connections[at].conn_id);
        Ok(self.connections.len() - 1)
    }

    fn name_connection(&mut self, run: &RowRun, batch: &Batch, row: usize, ends: Ends) -> Result<(), Reason> {
        let remote = match ends.remote {
            Some((addr, port)) => Some((self.addresses.endpoint(addr, &self.texts)?, port)),
            None => None,
        };
        // The name is that by which the responder was asked for.
        let remote_name = self.remote_names.get(&batch.remote_name, row, &mut self.texts);
        let remote_name = remote_name.filter(|_| !ends.is_flipped);
        let application = self.applications.of_row(batch, row, &mut self.texts);
        let connection = &mut self.connections[run.connection];
        connection.application = application.or(connection.application);
        connection.remote = remote.or(connection.remote);
        connection.remote_name = remote_name.or(connection.remote_name);
        connection.netns = batch.netns.get(row).map(Count::of).or(connection.netns);
        Ok(())
    }

    fn take_owner(&mut self, run: &RowRun, batch: &Batch, row: usize) -> Result<(), Reason> {
        let connection = &mut self.connections[run.connection];
        // A socket in TIME_WAIT has no owner any more; whose it was is still true.
        connection.process = run.process.or(connection.process);
        let source = optional(&batch.owner_source, Column::OwnerSource, row, OwnerSource::from_text)?;
        connection.owner_source = source.or(connection.owner_source);
        let netns = connection.netns.map(Count::get);
        let local = self.addresses.known(connection.local_addr);
        connection.is_own = self.whose.own.is_own(connection.process.is_some(), netns, local);
        Ok(())
    }

    fn take_state(&mut self, run: &RowRun, batch: &Batch, row: usize) -> Result<(), Reason> {
        let connection = &mut self.connections[run.connection];
        let is_left_out = self.whose.leaves_out(connection);
        let counts = if is_left_out { &mut self.foreign_transitions } else { &mut self.transitions };
        let before = optional(&batch.prev_state, Column::PrevState, row, TcpState::from_text)?;
        let state = optional(&batch.state, Column::State, row, TcpState::from_text)?;
        for state in [before, state].into_iter().flatten() {
            let state = if run.is_flipped { flipped_state(state) } else { state };
            connection.saw_state(state, batch.ts_us[row], counts);
        }
        match run.kind {
            Kind::Opened => connection.opened_in_recording = true,
            Kind::Closed => connection.closed_in_recording = true,
            Kind::Snapshot | Kind::State | Kind::Query => {}
        }
        Ok(())
    }

    /// Adds rows of which only clocks and counters differ.
    fn add_rows(&mut self, run: RowRun, batch: &Batch, rows: Range<usize>) {
        let connection = &mut self.connections[run.connection];
        let open = u32::from(connection.remote.is_some());
        let is_left_out = self.whose.leaves_out(connection);
        for row in rows {
            let seen = counters(batch, row);
            let seen = if run.is_flipped { flipped_counters(seen) } else { seen };
            let at = Moment { ts_us: batch.ts_us[row], mono_ns: batch.mono_ns[row], tick: batch.tick[row] };
            let bin = self.axis.bin(at.ts_us);
            connection.saw(run.kind, at);
            let grown = connection.count(&seen);
            if is_left_out {
                continue;
            }
            let increment = Increment {
                process: connection.process,
                open,
                cpu_percent: batch.cpu_percent.get(row).filter(|cpu| cpu.is_finite() && *cpu >= 0.0),
                memory_rss_bytes: batch.memory_rss_bytes.get(row),
                ..grown
            };
            if let Some((endpoint, _)) = connection.remote {
                self.activity.add_bytes(endpoint, bin, &increment);
            }
            if run.kind == Kind::Snapshot && increment.sent > 0 {
                self.activity.add_send(run.connection, connection, at);
            }
            if run.kind == Kind::Snapshot {
                self.ticks.add_snapshot(at.tick, bin, &increment);
            } else {
                self.ticks.add_to_bin(bin, &increment);
            }
        }
        self.last_tick = self.last_tick.max(connection.last_tick);
        let (first, last) = self.span_us.unwrap_or((i64::MAX, i64::MIN));
        self.span_us = Some((first.min(connection.first_seen_us), last.max(connection.last_seen_us)));
    }
}

fn damaged(capture: &CaptureFile) -> impl Fn(Reason) -> Error + '_ {
    |reason| Error::Damaged { path: capture.path().to_path_buf(), reason }
}

fn axis_of(capture: &CaptureFile, settings: &Settings) -> Axis {
    let metadata = capture.metadata();
    // Without statistics in the file, the metadata has to do; rows outside count to the ends.
    let rows_us = capture.span_us().unwrap_or((metadata.start_us, metadata.start_us));
    Axis::new(axis::span(rows_us, metadata), axis::interval_us(metadata), settings.time_bins)
}
