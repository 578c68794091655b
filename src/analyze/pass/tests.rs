//! The tables of one recording, row by row, as a text that was reviewed.

use std::fmt::Write as _;
use std::sync::Arc;

use super::*;
use crate::capture::{
    Application, Counters, Kind, Metadata, Owner, OwnerSource, Protocol, Query, Row, TcpState,
};
use crate::model::Tables;
use crate::model::csv;
use crate::model::frame::DataFrame;
use crate::model::testing::{START_US, check_text, short};

/// Snapshots, one a second.
const TICKS: u32 = 12;

fn owner(name: &str, pid: u32, exe: &str) -> Arc<Owner> {
    Arc::new(Owner {
        pid: Some(pid),
        uid: Some(pid + 900),
        process_name: Some(name.to_owned()),
        exe: Some(exe.to_owned()),
        cmdline: Some(format!("{name} --quiet")),
        process_start_us: Some(START_US - 5_000_000),
        ..Owner::default()
    })
}

fn row(conn_id: u64, protocol: Protocol, local: (&str, u16), tick: u32) -> Row {
    let ts_us = START_US + i64::from(tick) * 1_000_000;
    let local = (local.0.parse().unwrap(), local.1);
    Row { ts_us, mono_ns: ts_us * 1_000, tick, netns: Some(1), ..Row::snapshot(conn_id, protocol, local) }
}

/// Of an event before the snapshot of its tick.
fn event(kind: Kind, before_ms: i64, row: Row) -> Row {
    let ts_us = row.ts_us - before_ms * 1_000;
    Row { kind, ts_us, mono_ns: ts_us * 1_000, tick: row.tick - 1, ..row }
}

/// A download that the other end closes, while its program is replaced on disk.
fn download(tick: u32) -> Row {
    let exe = if tick < 6 { "/usr/bin/curl" } else { "/usr/bin/curl (deleted)" };
    let n = u64::from(tick);
    Row {
        remote: Some(("203.0.113.5".parse().unwrap(), 443)),
        remote_name: (tick > 1).then(|| "files.example".into()),
        state: Some(match tick {
            0 => TcpState::SynSent,
            1..=8 => TcpState::Established,
            _ => TcpState::CloseWait,
        }),
        counters: Counters {
            bytes_sent: Some(400 + 10 * n),
            bytes_received: Some(100_000 * n),
            packets_sent: Some(20 * n),
            packets_received: Some(70 * n),
            retransmits: Some(tick / 4),
            rtt_us: Some(20_000 + tick * 500),
        },
        owner: Some(owner("curl", 100, exe)),
        owner_source: Some(OwnerSource::Inode),
        cpu_percent: (tick > 0).then_some(tick as f32 * 1.5),
        memory_rss_bytes: Some(9_000_000 + 1_000 * (n % 5)),
        application: (tick > 2).then(|| Application::plain("tls")),
        ..row(1, Protocol::Tcp, ("192.168.1.10", 40_000), tick)
    }
}

/// A session with a service, whose owner is seen late, and whose counters start again.
fn session(tick: u32) -> Row {
    let is_seen = tick >= 4;
    Row {
        remote: Some(("198.51.100.9".parse().unwrap(), 55_555)),
        state: Some(TcpState::Established),
        counters: Counters {
            bytes_sent: Some(if tick == 9 { 10 } else { 5_000 + 100 * u64::from(tick) }),
            bytes_received: Some(2_000 + 50 * u64::from(tick)),
            ..Counters::default()
        },
        owner: is_seen.then(|| owner("sshd", 50, "/usr/sbin/sshd")),
        owner_source: is_seen.then_some(OwnerSource::Inode),
        cpu_percent: Some(2.0),
        ..row(3, Protocol::Tcp, ("192.168.1.10", 22), tick)
    }
}

fn listener(tick: u32) -> Row {
    let state = Some(TcpState::Listen);
    Row {
        state,
        owner: Some(owner("sshd", 50, "/usr/sbin/sshd")),
        ..row(2, Protocol::Tcp, ("0.0.0.0", 22), tick)
    }
}

fn question(conn_id: u64, name: &str, code: Option<&str>, tick: u32) -> Row {
    let query = Query {
        name: name.to_owned(),
        query_type: Some("A".to_owned()),
        response_code: code.map(str::to_owned),
        answers: code.map(|_| "203.0.113.5".to_owned()),
    };
    let base = row(conn_id, Protocol::Udp, ("192.168.1.10", 33_000), tick);
    let remote = Some(("192.168.1.1".parse().unwrap(), 53));
    let owner = Some(owner("curl", 100, "/usr/bin/curl"));
    event(Kind::Query, 250, Row { remote, owner, query: Some(Arc::new(query)), ..base })
}

/// A connection between two snapshots, of this network namespace.
fn short_lived(conn_id: u64, netns: u64, kind: Kind, before_ms: i64) -> Row {
    let base = row(conn_id, Protocol::Tcp, ("192.168.1.10", 41_000), 6);
    let local_addr = if netns == 1 { base.local_addr } else { "172.17.0.2".parse().unwrap() };
    let remote = Some(("203.0.113.9".parse().unwrap(), 8443));
    let (state, prev_state) = match kind {
        Kind::Closed => (Some(TcpState::Close), Some(TcpState::FinWait2)),
        _ => (Some(TcpState::SynSent), None),
    };
    event(kind, before_ms, Row { local_addr, remote, state, prev_state, netns: Some(netns), ..base })
}

fn tick(tick: u32) -> Vec<Row> {
    let mut rows = vec![listener(tick), session(tick)];
    // Closed before the last snapshot.
    rows.extend((tick < TICKS - 1).then(|| download(tick)));
    match tick {
        3 => rows.push(question(5, "files.example", Some("NOERROR"), tick)),
        5 => rows.push(question(5, "nowhere.example", None, tick)),
        6 => {
            for (conn_id, netns) in [(4, 1), (6, 99)] {
                rows.push(short_lived(conn_id, netns, Kind::Opened, 700));
                rows.push(short_lived(conn_id, netns, Kind::Closed, 400));
            }
        }
        11 => {
            let last = Row { prev_state: Some(TcpState::CloseWait), ..download(tick) };
            rows.push(event(Kind::Closed, 300, Row { state: Some(TcpState::Close), ..last }));
        }
        _ => {}
    }
    rows
}

/// One line for each row of a table: what is known there.
fn lines(name: &str, table: &DataFrame, text: &mut String) {
    let mut bytes = Vec::new();
    csv::Table::of(table).write(&mut bytes).unwrap();
    let written = String::from_utf8(bytes).unwrap();
    let mut rows = written.lines().map(|line| line.split(','));
    let names: Vec<&str> = rows.next().unwrap().collect();
    for cells in rows {
        let known = names.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let cell = |cell: &str| cell.parse::<f64>().map_or_else(|_| cell.to_owned(), short);
        let known: Vec<String> = known.map(|(name, value)| format!("{name}={}", cell(value))).collect();
        writeln!(text, "{name}: {}", known.join(" ")).unwrap();
    }
}

#[test]
fn the_tables_of_a_recording_are_those_that_were_reviewed() {
    let metadata = Metadata {
        host_addresses: vec!["127.0.0.1".to_owned(), "192.168.1.10".to_owned()],
        ticks_planned: Some(u64::from(TICKS)),
        ticks_taken: u64::from(TICKS),
        interval_ms: 1_000,
        start_us: START_US,
        end_us: START_US + i64::from(TICKS - 1) * 1_000_000,
        events_lost: Some(0),
        ..Metadata::default()
    };
    for time_bins in [600, 3] {
        let capture = CaptureFile::from_ticks("x.parquet", &metadata, (0..TICKS).map(tick)).unwrap();
        let settings = Settings { time_bins, ..Settings::default() };
        let recorded = run(&capture, &settings, &Databases::default(), &|_| {}).unwrap();
        let tables = Tables::build(recorded, capture.metadata()).unwrap();
        let mut text = format!("{:?} {} {}\n", tables.span_us, tables.bin_width_us, tables.ticks);
        let all = [
            ("connection", &tables.connections),
            ("foreign", &tables.foreign),
            ("process", &tables.processes),
            ("endpoint", &tables.endpoints),
            ("time bin", &tables.time_bins),
            ("process bin", &tables.process_bins),
            ("endpoint bin", &tables.endpoint_bins),
            ("query", &tables.queries),
            ("transition", &tables.transitions),
        ];
        for (name, table) in all {
            lines(name, table, &mut text);
        }
        writeln!(text, "{:?}", tables.sends).unwrap();
        check_text("tables", &text);
    }
}
