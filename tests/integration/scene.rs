//! Small captures defined row by row, and their analysis.

use std::sync::Arc;

use netrec::analyze::config::Analysis as Settings;
use netrec::analyze::{Config, metrics, pass, runs};
use netrec::capture::{CaptureFile, Counters, Kind, Metadata, Owner, OwnerSource, Protocol, Row, TcpState};
use netrec::geo::Databases;
use netrec::model::Tables;
use netrec::model::metrics::{Completeness, Metrics};
use netrec::model::records::Recorded;

use crate::fixture;

/// The host in every scene, as in its metadata.
pub(crate) const HOST: &str = "10.0.0.1";

/// A TCP snapshot row of the host's port 40000 with a public address, at a tick.
pub(crate) fn tcp(conn_id: u64, tick: u32) -> Row {
    let mut row = Row::snapshot(conn_id, Protocol::Tcp, (HOST.parse().unwrap(), 40_000));
    row.remote = Some(("93.184.216.34".parse().unwrap(), 443));
    row.state = Some(TcpState::Established);
    row.at(tick)
}

/// A UDP snapshot row without counters, at a tick.
pub(crate) fn udp(conn_id: u64, tick: u32) -> Row {
    Row { protocol: Protocol::Udp, state: None, ..tcp(conn_id, tick) }
}

/// A listening TCP socket, at a tick.
pub(crate) fn listener(conn_id: u64, addr: &str, port: u16, tick: u32) -> Row {
    let mut row = Row::snapshot(conn_id, Protocol::Tcp, (addr.parse().unwrap(), port));
    row.state = Some(TcpState::Listen);
    row.at(tick)
}

/// Builder methods for a row.
pub(crate) trait Tell: Sized {
    fn row(&mut self) -> &mut Row;

    /// Sets the tick on both clocks.
    fn at(mut self, tick: u32) -> Self {
        let row = self.row();
        row.tick = tick;
        row.ts_us = fixture::START_US + i64::from(tick) * 1_000_000;
        row.mono_ns = i64::from(tick) * 1_000_000_000;
        self
    }

    /// An event this many milliseconds after its tick.
    fn event(mut self, kind: Kind, after_ms: i64) -> Self {
        let row = self.row();
        row.kind = kind;
        row.ts_us += after_ms * 1000;
        row.mono_ns += after_ms * 1_000_000;
        self
    }

    fn from(mut self, addr: &str, port: u16) -> Self {
        (self.row().local_addr, self.row().local_port) = (addr.parse().unwrap(), port);
        self
    }

    fn to(mut self, addr: &str, port: u16) -> Self {
        self.row().remote = Some((addr.parse().unwrap(), port));
        self
    }

    fn state(mut self, state: TcpState) -> Self {
        self.row().state = Some(state);
        self
    }

    fn after_state(mut self, state: TcpState) -> Self {
        self.row().prev_state = Some(state);
        self
    }

    /// Cumulative payload bytes.
    fn bytes(mut self, sent: u64, received: u64) -> Self {
        let counters = &mut self.row().counters;
        *counters = Counters { bytes_sent: Some(sent), bytes_received: Some(received), ..*counters };
        self
    }

    fn counters(mut self, counters: Counters) -> Self {
        self.row().counters = counters;
        self
    }

    fn owner(mut self, pid: u32, name: &str) -> Self {
        let owner = Owner { pid: Some(pid), process_name: Some(name.to_owned()), ..Owner::default() };
        self.row().owner = Some(Arc::new(owner));
        self.row().owner_source = Some(OwnerSource::Inode);
        self
    }

    fn load(mut self, cpu_percent: f32, memory_rss_bytes: u64) -> Self {
        self.row().cpu_percent = Some(cpu_percent);
        self.row().memory_rss_bytes = Some(memory_rss_bytes);
        self
    }
}

impl Tell for Row {
    fn row(&mut self) -> &mut Row {
        self
    }
}

/// Writes the rows as a recording of `ticks` seconds, and returns the output of the pass.
pub(crate) fn pass_over(rows: &[Row], ticks: u32) -> Recorded {
    pass_with(rows, &fixture::metadata(ticks), &Databases::default())
}

/// The same with other metadata and databases.
pub(crate) fn pass_with(rows: &[Row], metadata: &Metadata, geo: &Databases) -> Recorded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scene.parquet");
    fixture::write(&path, rows, metadata);
    let capture = CaptureFile::open(&path).unwrap();
    pass::run(&capture, &Settings::default(), geo, &|_| {}).unwrap()
}

/// The tables and metrics of a recording of `ticks` seconds.
pub(crate) fn measured(rows: &[Row], metadata: &Metadata) -> (Tables, Metrics, Completeness) {
    let tables = Tables::build(pass_with(rows, metadata, &Databases::default()), metadata).unwrap();
    let measured = metrics::measure(&tables, metadata, &Settings::default()).unwrap();
    let config = Config::default();
    let runs = runs::run_all(&config.context(&tables, metadata), &config);
    let completeness = metrics::completeness(&tables, metadata, &runs).unwrap();
    (tables, measured, completeness)
}
