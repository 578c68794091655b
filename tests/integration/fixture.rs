//! Small captures for tests, written with the recorder's writer.

use std::path::Path;
use std::sync::Arc;

use netrec::capture::{Counters, Metadata, Overwrite, Owner, OwnerSource, Protocol, Row, TcpState, Writer};

/// 2026-01-01T00:00:00Z in µs.
pub(crate) const START_US: i64 = 1_767_225_600_000_000;

/// A capture of `ticks` seconds with a listener and `connections` clients that stay and move 100
/// bytes per tick.
pub(crate) fn rows(ticks: u32, connections: u64) -> Vec<Row> {
    let owner = Arc::new(Owner {
        pid: Some(100),
        uid: Some(0),
        process_name: Some("web".to_owned()),
        exe: Some("/usr/bin/web".to_owned()),
        process_start_us: Some(START_US - 5_000_000),
        ..Owner::default()
    });
    let mut rows = Vec::new();
    for tick in 0..ticks {
        let at = |mut row: Row| {
            row.tick = tick;
            row.ts_us = START_US + i64::from(tick) * 1_000_000;
            row.mono_ns = i64::from(tick) * 1_000_000_000;
            row.owner = Some(Arc::clone(&owner));
            row.owner_source = Some(OwnerSource::Inode);
            row
        };
        let mut listener = Row::snapshot(1, Protocol::Tcp, ("0.0.0.0".parse().unwrap(), 443));
        listener.state = Some(TcpState::Listen);
        rows.push(at(listener));
        for n in 0..connections {
            let mut row = Row::snapshot(2 + n, Protocol::Tcp, ("10.0.0.1".parse().unwrap(), 443));
            row.remote = Some(("10.0.0.2".parse().unwrap(), 40_000 + n as u16));
            row.state = Some(TcpState::Established);
            row.counters = Counters {
                bytes_sent: Some(u64::from(tick + 1) * 100),
                bytes_received: Some(u64::from(tick + 1) * 10),
                packets_sent: Some(u64::from(tick + 1)),
                packets_received: Some(u64::from(tick + 1)),
                retransmits: Some(0),
                rtt_us: Some(250),
            };
            rows.push(at(row));
        }
    }
    rows
}

/// Metadata of a recording of `ticks` seconds.
pub(crate) fn metadata(ticks: u32) -> Metadata {
    Metadata {
        tool_version: "netrec test".to_owned(),
        host_name: Some("testhost".to_owned()),
        start_us: START_US,
        end_us: START_US + i64::from(ticks) * 1_000_000,
        end_mono_ns: i64::from(ticks) * 1_000_000_000,
        interval_ms: 1000,
        ticks_taken: u64::from(ticks),
        host_addresses: vec!["10.0.0.1".to_owned(), "127.0.0.1".to_owned()],
        ..Metadata::default()
    }
}

/// Writes a capture.
pub(crate) fn write(path: &Path, rows: &[Row], metadata: &Metadata) {
    let mut writer = Writer::create(path, Overwrite::Never).unwrap();
    for row in rows {
        writer.push(row).unwrap();
    }
    writer.finish(metadata).unwrap();
}
