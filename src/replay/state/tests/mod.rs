//! Tests that press keys and compare the screen with a file in `tests/data/screens/`. `UPDATE=1
//! cargo test` rewrites those files; review the difference.

mod keys;
mod live;
mod screens;

use std::path::Path;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::look::Theme;
use super::super::{screen, view};
use super::*;
use crate::capture::{Counters, Kind, Owner, OwnerSource, Protocol, TcpState};
use crate::model::finding::Severity;

const PLAIN: Theme = Theme { has_colours: false, is_ascii: false };

/// 2026-06-01T10:00:00Z.
const START_US: i64 = 1_780_308_000_000_000;
const END_US: i64 = START_US + 600_000_000;

fn owner(pid: u32, parent: u32, name: &str) -> Arc<Owner> {
    Arc::new(Owner {
        pid: Some(pid),
        ppid: Some(parent),
        uid: Some(0),
        process_name: Some(name.to_owned()),
        exe: Some(format!("/usr/bin/{name}")),
        cmdline: Some(format!("{name} --run")),
        parent_name: Some("systemd".to_owned()),
        process_start_us: Some(START_US - 60_000_000),
        ..Owner::default()
    })
}

fn row(conn_id: u64, tick: u32, remote: &str, owner: &Arc<Owner>, bytes: (u64, u64)) -> Row {
    let local = ("10.0.0.1".parse().unwrap(), 40_000 + conn_id as u16);
    let mut row = Row::snapshot(conn_id, Protocol::Tcp, local);
    row.tick = tick;
    row.ts_us = START_US + i64::from(tick) * 1_000_000;
    row.remote = remote.parse().ok().map(|addr: std::net::SocketAddr| (addr.ip(), addr.port()));
    row.state = Some(if row.remote.is_some() { TcpState::Established } else { TcpState::Listen });
    row.counters = Counters {
        bytes_sent: Some(bytes.0),
        bytes_received: Some(bytes.1),
        retransmits: Some(0),
        rtt_us: Some(12_500),
        ..Counters::default()
    };
    row.owner = Some(Arc::clone(owner));
    row.owner_source = Some(OwnerSource::Inode);
    row.cpu_percent = Some(2.5);
    row.memory_rss_bytes = Some(48_000_000);
    row
}

/// Samples 4 and 5: a server that stays, a download that begins, a scan that was closed, a hostile
/// name.
fn samples() -> (Sample, Sample) {
    let (server, child) = (owner(100, 1, "nginx"), owner(101, 100, "nginx"));
    let (curl, nmap) = (owner(300, 1, "curl"), owner(400, 1, "nmap"));
    let hostile = owner(500, 1, "a\u{1b}[31mb\u{202e}c");
    let at = |tick: u32, rows: Vec<Row>| Sample {
        tick,
        ts_us: START_US + i64::from(tick) * 1_000_000,
        rows,
        events: Vec::new(),
    };
    let before = at(
        4,
        vec![
            row(1, 4, "", &server, (0, 0)),
            row(2, 4, "198.51.100.7:51000", &child, (1000, 500)),
            row(5, 4, "203.0.113.5:4444", &hostile, (10, 10)),
        ],
    );
    let mut now = at(
        5,
        vec![
            row(1, 5, "", &server, (0, 0)),
            row(2, 5, "198.51.100.7:51000", &child, (251_000, 700)),
            row(3, 5, "93.184.216.34:443", &curl, (300, 1_200_000)),
            row(5, 5, "203.0.113.5:4444", &hostile, (10, 10)),
        ],
    );
    let mut closed = row(4, 4, "10.77.0.2:22", &nmap, (0, 0));
    closed.kind = Kind::Closed;
    closed.state = Some(TcpState::Close);
    now.events.push(closed);
    (before, now)
}

fn mark(at_s: i64, severity: Severity, detector: &'static str, title: &str) -> TimelineMarker {
    TimelineMarker {
        id: format!("{detector}-{at_s}-{title}"),
        ts_us: START_US + at_s * 1_000_000,
        severity,
        confidence: 0.9,
        detector,
        title: title.to_owned(),
        explanation: "Twenty ports of one host were tried within a minute, and none answered.".to_owned(),
    }
}

fn state() -> State {
    let (before, now) = samples();
    let mut state = State::new("web-01.parquet", (START_US, END_US), Filter::default(), 1.0);
    state.activity = (0..100).map(|at| f64::from(at % 20)).collect();
    state.geolocator = Geolocator::new(|_| "SE".to_owned());
    state.find(Findings::Found(vec![
        mark(5, Severity::High, "port-scan", "nmap tried 20 ports of 10.77.0.2"),
        mark(300, Severity::Low, "beacon", "curl talks to 93.184.216.34 every 60 s"),
    ]));
    state.history.push(&before);
    state.show(now, Some(before));
    state
}

fn press(state: &mut State, keys: &str) -> Option<Request> {
    let code = |c| match c {
        '\n' => KeyCode::Enter,
        '\u{1b}' => KeyCode::Esc,
        c => KeyCode::Char(c),
    };
    keys.chars().map(|c| state.press(KeyEvent::new(code(c), KeyModifiers::NONE))).last().flatten()
}

fn draw_with(state: &mut State, theme: Theme, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut hits = Hits::default();
    terminal.draw(|frame| hits = screen::draw(frame, state, theme)).unwrap();
    state.hits = hits;
    let buffer = terminal.backend().buffer();
    let line =
        |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    (0..height).map(line).collect()
}

fn draw(state: &mut State, size: (u16, u16)) -> String {
    draw_with(state, PLAIN, size)
}

#[track_caller]
fn check_screen(name: &str, state: &mut State, size: (u16, u16)) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/screens").join(name).with_extension("txt");
    let screen = draw(state, size);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &screen).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(screen, expected, "{} differs:\n{screen}", path.display());
}

/// The live host, with samples 4 and 5.
fn live() -> State {
    let (before, now) = samples();
    let mut state = State::live("netrec-web-01.live", Filter::default());
    state.span_us = (START_US, START_US + 5_000_000);
    state.live = Some(Live {
        memory_s: 5.0,
        recording: None,
        unseen: vec!["perf-events: tracefs cannot be read (it needs root)".to_owned()],
        detectors: "17 detectors of netrec analyze ran over the last 5 s.".to_owned(),
    });
    state.find(Findings::Found(Vec::new()));
    state.follow(before);
    state.follow(now);
    state
}
