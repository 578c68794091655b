//! Keys are pressed, and what is on the screen then is compared with a file in
//! `tests/data/screens/`. `UPDATE=1 cargo test` writes those files anew; look at the difference.

use std::path::Path;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::panels::Theme;
use super::super::screen;
use super::*;
use crate::capture::{Counters, Kind, Owner, OwnerSource, Protocol, TcpState};

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

/// The samples 4 and 5: a server that stays, a download that began, a scan that was closed, a
/// hostile name.
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

fn mark(at_s: i64, severity: usize, label: &str, title: &str) -> Mark {
    Mark {
        ts_us: START_US + at_s * 1_000_000,
        severity,
        label: label.to_owned(),
        title: title.to_owned(),
        explanation: "Twenty ports of one host were tried within a minute, and none answered.".to_owned(),
    }
}

fn state() -> State {
    let (before, now) = samples();
    let mut state = State::new("web-01.parquet", (START_US, END_US), Filter::default(), 1.0);
    state.activity = (0..100).map(|at| f64::from(at % 20)).collect();
    state.findings = Findings::Found(vec![
        mark(5, 3, "high port-scan", "nmap tried 20 ports of 10.77.0.2"),
        mark(300, 1, "low beacon", "curl talks to 93.184.216.34 every 60 s"),
    ]);
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

fn draw(state: &State, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let country = |_| "SE".to_owned();
    terminal.draw(|frame| screen::draw(frame, state, Theme::Plain, &country)).unwrap();
    let buffer = terminal.backend().buffer();
    let line =
        |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    (0..height).map(line).collect()
}

#[track_caller]
fn check_screen(name: &str, state: &State, size: (u16, u16)) {
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

#[test]
fn the_panels_look_as_in_the_files() {
    let mut state = state();
    check_screen("connections-80x24", &state, (80, 24));
    check_screen("connections-160x50", &state, (160, 50));
    press(&mut state, "2");
    check_screen("processes", &state, (80, 24));
    press(&mut state, "3");
    check_screen("destinations", &state, (80, 24));
    press(&mut state, "4");
    check_screen("findings", &state, (80, 24));
    press(&mut state, "?");
    check_screen("help", &state, (80, 24));
}

#[test]
fn the_story_of_a_connection_looks_as_in_the_file() {
    let mut state = state();
    press(&mut state, "/port:443\n");
    assert_eq!(press(&mut state, "\n"), Some(Request::Tell(3)));
    let (_, now) = samples();
    let mut opened = now.rows[2].clone();
    (opened.kind, opened.ts_us) = (Kind::Opened, opened.ts_us - 250_000);
    state.story = Some(vec![opened, now.rows[2].clone()]);
    check_screen("story", &state, (80, 24));
    press(&mut state, "\u{1b}");
    assert_eq!(state.mode, Mode::Normal);
}

#[test]
fn a_screen_of_any_size_is_drawn() {
    let mut state = state();
    for keys in ["1", "2", "3", "4", "?"] {
        press(&mut state, keys);
        for size in [(1, 1), (3, 2), (20, 4), (79, 5), (300, 100)] {
            assert!(!draw(&state, size).is_empty());
        }
    }
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let screen = draw(&state(), (160, 24));
    assert!(!screen.contains(['\u{1b}', '\u{202e}']), "{screen}");
    assert!(screen.contains("u{1b}"), "{screen}");
}

#[test]
fn what_was_opened_and_closed_is_marked_and_rates_are_between_two_ticks() {
    let state = state();
    let of = |conn_id| state.lines().iter().find(|line| line.row.conn_id == conn_id).unwrap();
    assert_eq!(
        [1, 3, 4].map(|id| of(id).change),
        [view::Change::Stays, view::Change::Opened, view::Change::Closed]
    );
    assert_eq!(of(2).sent_per_s, Some(250_000.0));
    assert_eq!(of(3).received_per_s, Some(1_200_000.0));
}

#[test]
fn keys_ask_for_moments() {
    let mut state = state();
    let at = |s: i64| Some(Request::Show(Place::Time(START_US + s * 1_000_000)));
    assert_eq!(press(&mut state, "g"), at(0));
    assert_eq!(press(&mut state, "G"), at(600));
    assert_eq!(press(&mut state, "l"), Some(Request::Step(Step::Forward)));
    assert_eq!(press(&mut state, "t10:02\n"), at(120));
    assert_eq!(press(&mut state, "t+30s\n"), at(35));
    assert_eq!(press(&mut state, "n"), at(300));
    assert_eq!(press(&mut state, "tnoon\n"), None);
    assert!(state.message.as_deref().unwrap().contains("14:02"));
    assert_eq!(press(&mut state, "q"), Some(Request::Quit));
}

#[test]
fn a_finding_is_a_moment_and_its_process_a_filter() {
    let mut state = state();
    assert_eq!(press(&mut state, "4\n"), Some(Request::Show(Place::Time(START_US + 5_000_000))));
    assert!(state.message.as_deref().unwrap().contains("nmap tried 20 ports"));
    press(&mut state, "2jj\n");
    assert_eq!((state.panel, state.filter.text()), (Panel::Connections, "pid:300"));
    assert_eq!(state.lines().len(), 1);
}

#[test]
fn a_wrong_filter_stays_to_be_mended_and_says_why() {
    let mut state = state();
    press(&mut state, "/proces:curl\n");
    assert_eq!(state.mode, Mode::Filter("proces:curl".to_owned()));
    assert!(state.message.as_deref().unwrap().contains("did you mean process?"));
    assert_eq!(state.lines().len(), 5);
}

#[test]
fn playing_goes_on_by_its_speed_and_stops_at_the_end() {
    let mut state = state();
    assert_eq!(state.pass(Duration::from_secs(1)), None, "it is paused");
    press(&mut state, " ++");
    let to = |s: i64| Some(Request::PlayTo(START_US + s * 1_000_000));
    assert_eq!(state.pass(Duration::from_secs(2)), to(5 + 8));
    assert_eq!(state.pass(Duration::from_secs(1)), to(5 + 12));
    assert_eq!(state.pass(Duration::from_secs(9999)), to(600));
    assert!(!state.is_playing);
}

#[test]
fn the_command_shows_this_moment_with_this_filter() {
    let mut state = state();
    press(&mut state, "/process:curl port:443\n");
    let expected =
        "netrec replay web-01.parquet --at 2026-06-01T10:00:05.000000Z --filter='process:curl port:443'";
    assert_eq!(state.command(), expected);
}

/// The live host, with the samples 4 and 5.
fn live() -> State {
    let (before, now) = samples();
    let mut state = State::live("netrec-web-01.live", Filter::default());
    state.span_us = (START_US, START_US + 5_000_000);
    state.live = Some(Live {
        memory_s: 5.0,
        recording: None,
        unseen: vec!["perf-events: tracefs cannot be read (it needs root)".to_owned()],
    });
    state.findings = Findings::Found(Vec::new());
    state.follow(before);
    state.follow(now);
    state
}

#[test]
fn the_live_host_looks_as_in_the_files() {
    let mut state = live();
    check_screen("watch", &state, (80, 24));
    press(&mut state, "4");
    check_screen("watch-nothing-found", &state, (80, 24));
    if let Some(live) = &mut state.live {
        live.recording = Some(("live.parquet".to_owned(), START_US));
    }
    state.findings =
        Findings::Found(vec![mark(3, 2, "medium port-scan", "nmap scanned 20 ports of 10.77.0.2")]);
    check_screen("watch-recording", &state, (80, 24));
}

#[test]
fn the_live_host_is_followed_until_one_stops_to_look() {
    let mut state = live();
    let newest = Some(Request::Show(Place::Time(i64::MAX)));
    assert_eq!((state.sample.tick, state.previous.as_ref().map(|sample| sample.tick)), (5, Some(4)));
    assert_eq!(state.pass(Duration::from_secs(9)), None, "the host has its own time");
    press(&mut state, " ");
    let (_, mut later) = samples();
    (later.tick, later.ts_us) = (6, later.ts_us + 1_000_000);
    state.follow(later);
    assert_eq!(state.sample.tick, 5, "it is paused");
    assert_eq!(press(&mut state, " "), newest);
    assert!(state.is_playing);
    press(&mut state, "h");
    assert_eq!((state.is_playing, press(&mut state, "G")), (false, newest));
    assert_eq!(press(&mut state, "r"), Some(Request::ToggleRecording));
    assert_eq!(press(&mut state, "+"), None);
    assert!(state.message.as_deref().unwrap().contains("one speed"));
}

#[test]
fn the_story_of_a_live_connection_goes_on() {
    let mut state = live();
    press(&mut state, "/port:443\n");
    assert_eq!(press(&mut state, "\n"), Some(Request::Tell(3)));
    state.story = Some(Vec::new());
    let (_, mut later) = samples();
    (later.tick, later.ts_us) = (6, later.ts_us + 1_000_000);
    state.follow(later);
    assert_eq!(state.story.as_ref().unwrap().len(), 1);
}

#[test]
fn the_command_of_the_live_host_names_the_file_that_is_recorded() {
    let mut state = live();
    press(&mut state, "/port:443\n");
    assert_eq!(state.command(), "netrec watch --filter=port:443");
    if let Some(live) = &mut state.live {
        live.recording = Some(("a b.parquet".to_owned(), START_US));
    }
    let expected = "netrec replay 'a b.parquet' --at 2026-06-01T10:00:05.000000Z --filter=port:443";
    assert_eq!(state.command(), expected);
}

#[test]
fn a_chosen_line_stays_chosen_when_others_come_before_it() {
    let mut state = live();
    press(&mut state, "jjj");
    let chosen = state.lines()[state.selected].row.conn_id;
    let (_, mut later) = samples();
    (later.tick, later.ts_us) = (6, later.ts_us + 1_000_000);
    let new = row(9, 6, "203.0.113.9:80", &owner(900, 1, "wget"), (0, 0));
    later.rows.push(new);
    state.follow(later);
    assert_eq!(state.lines()[state.selected].row.conn_id, chosen);
}

#[test]
fn without_a_snapshot_before_nothing_is_gone_but_what_says_so() {
    let (_, mut slice) = samples();
    slice.rows.clear();
    let mut opened = slice.events[0].clone();
    (opened.conn_id, opened.kind) = (8, Kind::Opened);
    slice.events.push(opened);
    let lines = view::connections(&slice, None, &Filter::default());
    let changes: Vec<_> = lines.iter().map(|line| (line.row.conn_id, line.change)).collect();
    assert_eq!(changes, [(4, view::Change::Closed), (8, view::Change::Opened)]);
}
