//! The rows of every result.

use std::ops::Range;

use arrow_array::RecordBatch;

use super::conn::Conn;
use super::edges::bytes_agree;
use super::names::Name;
use super::prevalence::Sums;
use super::reduce::Reduced;
use crate::Result;
use crate::tables::schema::Table;
use crate::tables::{Cell, batch, int, text};

/// Returns the cell of a row and column.
type CellOf = for<'a> fn(&'a Reduced, usize, &str) -> Cell<'a>;

impl Reduced {
    /// The number of a result's rows, and the function for its cells.
    fn result(&self, table: &Table) -> (usize, CellOf) {
        match table.name {
            "host_clocks" => (self.clocks.hosts.len(), Self::host_clock),
            "edges" => (self.matched.edges.len(), Self::edge),
            "unmatched" => (self.matched.unmatched.len(), Self::unmatched),
            "prevalence_destinations" => (self.destinations.len(), Self::destination),
            "prevalence_executables" => (self.executables.len(), Self::executable),
            "prevalence_listeners" => (self.listeners.len(), Self::listener),
            "beacons" => (self.beacons.len(), Self::beacon),
            "scans" => (self.scans.len(), Self::scan),
            "hops" => (self.hops.len(), Self::hop),
            _ => (self.spread.len(), Self::arrival),
        }
    }

    /// Number of rows in a result.
    pub(super) fn count(&self, table: &Table) -> usize {
        self.result(table).0
    }

    /// A range of a result's rows.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a required column has no value: a bug.
    pub(super) fn rows(&self, table: &Table, at: &Range<usize>) -> Result<RecordBatch> {
        let (_, cell) = self.result(table);
        batch(table, at.len(), &|row, column| cell(self, at.start + row, column))
    }

    fn name(&self, name: Name) -> Cell<'_> {
        text(self.fleet.names.text(name))
    }

    fn host_clock(&self, row: usize, column: &str) -> Cell<'_> {
        let (host, ahead_us, partners) = self.clocks.hosts[row];
        match column {
            "host_id" => self.name(host),
            "ahead_us" => Cell::Int(ahead_us),
            _ => int(Some(partners as u64)),
        }
    }

    fn edge(&self, row: usize, column: &str) -> Cell<'_> {
        let edge = &self.matched.edges[row];
        let (source, target) = (self.conn(edge.source), self.conn(edge.target));
        match column {
            "kind" => Cell::Text(edge.kind.as_str()),
            "source_host" => self.name(source.host),
            "source_boot" => self.name(source.boot),
            "source_conn" => Cell::Int(source.id),
            "target_host" => self.name(target.host),
            "target_boot" => self.name(target.boot),
            "target_conn" => Cell::Int(target.id),
            "protocol" => self.name(source.protocol),
            "target_port" => Cell::Int(target.local.1.into()),
            "start_us" => Cell::Int(self.clocks.start(source)),
            "end_us" => Cell::Int(self.clocks.end(source)),
            "gap_us" => Cell::Int(edge.gap_us),
            "source_process" => self.name(source.process),
            "source_pid" => number(source.pid),
            "source_sha256" => self.name(source.sha256),
            "source_user" => self.name(source.user),
            "target_process" => self.name(target.process),
            "target_pid" => number(target.pid),
            "target_sha256" => self.name(target.sha256),
            "bytes_sent" => number(source.sent),
            "bytes_received" => number(source.received),
            _ => bytes_agree(&self.fleet, edge).map_or(Cell::Null, Cell::Bool),
        }
    }

    fn unmatched(&self, row: usize, column: &str) -> Cell<'_> {
        let (at, reason) = self.matched.unmatched[row];
        let conn = self.conn(at);
        match column {
            "host_id" => self.name(conn.host),
            "boot_id" => self.name(conn.boot),
            "conn_id" => Cell::Int(conn.id),
            "reason" => Cell::Text(reason.as_str()),
            "remote_addr" => self.name(conn.remote.0),
            "remote_port" => Cell::Int(conn.remote.1.into()),
            _ => Cell::Int(self.clocks.start(conn)),
        }
    }

    /// The columns that every prevalence table has.
    fn sums(&self, sums: &Sums, column: &str) -> Cell<'_> {
        match column {
            "hosts" => int(Some(sums.hosts.len() as u64)),
            "connections" => int(Some(sums.connections)),
            "bytes_sent" => Cell::Int(sums.sent),
            "first_us" => sums.first.map_or(Cell::Null, |(us, _)| Cell::Int(us)),
            "first_host" => sums.first.map_or(Cell::Null, |(_, host)| self.name(host)),
            _ => Cell::Int(sums.last_us),
        }
    }

    fn destination(&self, row: usize, column: &str) -> Cell<'_> {
        let destination = &self.destinations[row];
        match column {
            "place" => self.name(destination.place),
            "port" => Cell::Int(destination.port.into()),
            "protocol" => self.name(destination.protocol),
            _ => self.sums(&destination.sums, column),
        }
    }

    fn executable(&self, row: usize, column: &str) -> Cell<'_> {
        let program = &self.executables[row];
        match column {
            "sha256" => self.name(program.sha256),
            "exe" => self.name(program.exe),
            "paths" => int(Some(program.paths as u64)),
            _ => self.sums(&program.sums, column),
        }
    }

    fn listener(&self, row: usize, column: &str) -> Cell<'_> {
        let service = &self.listeners[row];
        match column {
            "protocol" => self.name(service.protocol),
            "port" => Cell::Int(service.port.into()),
            "process" => Cell::Text(self.fleet.names.get(service.process)),
            _ => self.sums(&service.sums, column),
        }
    }

    fn beacon(&self, row: usize, column: &str) -> Cell<'_> {
        let beacon = &self.beacons[row];
        match column {
            "place" => self.name(beacon.place),
            "port" => Cell::Int(beacon.port.into()),
            "hosts" => int(Some(beacon.hosts.len() as u64)),
            "programs" => int(Some(beacon.programs as u64)),
            "period_us" => Cell::Int(beacon.period_us),
            _ => int(Some(beacon.intervals)),
        }
    }

    fn scan(&self, row: usize, column: &str) -> Cell<'_> {
        let scan = &self.scans[row];
        match column {
            "target" => self.name(scan.target),
            "hosts" => int(Some(scan.hosts.len() as u64)),
            "ports" => int(Some(scan.ports as u64)),
            "tries" => int(Some(scan.tries)),
            "first_us" => Cell::Int(scan.span_us.0),
            _ => Cell::Int(scan.span_us.1),
        }
    }

    fn hop(&self, row: usize, column: &str) -> Cell<'_> {
        let hop = self.hops[row];
        let (outer, inner) = (&self.matched.edges[hop.outer], &self.matched.edges[hop.inner]);
        match column {
            "outer_host" => self.name(self.conn(outer.source).host),
            "outer_boot" => self.name(self.conn(outer.source).boot),
            "outer_conn" => Cell::Int(self.conn(outer.source).id),
            "through_host" => self.name(self.conn(inner.source).host),
            "inner_boot" => self.name(self.conn(inner.source).boot),
            "inner_conn" => Cell::Int(self.conn(inner.source).id),
            "inner_target" => self.name(self.conn(inner.target).host),
            "outer_start_us" => Cell::Int(self.clocks.start(self.conn(outer.source))),
            "inner_start_us" => Cell::Int(self.clocks.start(self.conn(inner.source))),
            "outer_port" => Cell::Int(self.conn(outer.target).local.1.into()),
            _ => Cell::Int(self.conn(inner.target).local.1.into()),
        }
    }

    fn arrival(&self, row: usize, column: &str) -> Cell<'_> {
        let arrival = &self.spread[row];
        let by = arrival.by.map(|edge| &self.matched.edges[edge]);
        match column {
            "sha256" => self.name(arrival.sha256),
            "host_id" => self.name(arrival.host),
            "exe" => self.name(arrival.exe),
            "start_us" => Cell::Int(arrival.start_us),
            "from_host" => by.map_or(Cell::Null, |edge| self.name(self.conn(edge.source).host)),
            "by_port" => by.map_or(Cell::Null, |edge| Cell::Int(self.conn(edge.target).local.1.into())),
            _ => by.map_or(Cell::Null, |edge| Cell::Int(self.clocks.start(self.conn(edge.source)))),
        }
    }

    pub(super) fn conn(&self, at: usize) -> &Conn {
        &self.fleet.conns[at]
    }
}

fn number<'a>(value: Option<i64>) -> Cell<'a> {
    value.map_or(Cell::Null, Cell::Int)
}
