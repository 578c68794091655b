//! The output of the pass over a capture's rows.

use netrec::capture::{Kind, Metadata, Overwrite, Protocol, Row, TcpState, Writer};
use netrec::geo::Databases;
use netrec::model::Tables;
use netrec::model::frame::Values;
use netrec::model::records::{Connection, Count, Direction, Recorded, Role, Scope};
use netrec::model::view::Numbers;
use proptest::prelude::*;

use crate::fixture;
use crate::scene::{HOST, Tell, listener, pass_over, pass_with, tcp, udp};

fn connection(recorded: &Recorded, conn_id: u64) -> &Connection {
    recorded.connections.iter().find(|c| c.conn_id == conn_id).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with counters that may be unknown")]
fn counted(number: u64) -> Option<Count> {
    Some(Count::of(number))
}

fn sent_in_bins(recorded: &Recorded) -> Vec<u64> {
    recorded.bins.iter().map(|bin| bin.bytes_sent).collect()
}

#[test]
fn bytes_of_an_older_socket_count_from_its_first_row_and_those_of_a_new_one_from_zero() {
    let rows = [
        tcp(1, 0).bytes(1000, 0),
        tcp(1, 1).bytes(1500, 0),
        tcp(1, 2).bytes(1700, 0),
        tcp(2, 1).bytes(40, 0),
        tcp(2, 2).bytes(50, 0),
    ];
    let recorded = pass_over(&rows, 3);
    assert_eq!(connection(&recorded, 1).recorded_sent, counted(700));
    assert_eq!(connection(&recorded, 1).totals.bytes_sent, counted(1700));
    assert_eq!(connection(&recorded, 2).recorded_sent, counted(50));
    assert_eq!(sent_in_bins(&recorded)[..3], [0, 540, 210]);
    assert!(!connection(&recorded, 1).opened_in_recording);
    assert!(connection(&recorded, 2).opened_in_recording);
}

#[test]
fn a_connection_between_two_ticks_is_there_by_its_events() {
    let rows = [
        tcp(1, 0),
        tcp(1, 1),
        tcp(7, 0).state(TcpState::SynSent).event(Kind::Opened, 100),
        tcp(7, 0).after_state(TcpState::SynSent).event(Kind::State, 200),
        tcp(7, 0).state(TcpState::Close).bytes(300, 9).event(Kind::Closed, 700),
    ];
    let recorded = pass_over(&rows, 2);
    let short = connection(&recorded, 7);
    assert!(short.opened_in_recording && short.closed_in_recording);
    assert_eq!((short.ticks, short.recorded_sent, short.recorded_received), (0, counted(300), counted(9)));
    assert!((short.duration_s() - 0.6).abs() < 1e-9);
    let transitions: Vec<_> = recorded.transitions.iter().map(|t| (t.from, t.to, t.count)).collect();
    assert_eq!(
        transitions,
        [(TcpState::Established, TcpState::Close, 1), (TcpState::SynSent, TcpState::Established, 1)]
    );
    let opened: u32 = recorded.bins.iter().map(|bin| bin.opened).sum();
    let closed: u32 = recorded.bins.iter().map(|bin| bin.closed).sum();
    assert_eq!((opened, closed), (1, 1));
}

#[test]
fn an_event_at_the_first_tick_does_not_make_an_old_socket_new() {
    let rows =
        [tcp(1, 0).state(TcpState::CloseWait).bytes(5000, 0).event(Kind::State, 10), tcp(2, 0), tcp(2, 1)];
    let recorded = pass_over(&rows, 2);
    assert!(!connection(&recorded, 1).opened_in_recording);
    assert_eq!(
        connection(&recorded, 1).recorded_sent,
        counted(0),
        "bytes from before are not of the recording"
    );
}

#[test]
fn a_connection_is_closed_when_it_is_gone_at_the_last_tick() {
    let rows = [tcp(1, 0), tcp(1, 1), tcp(2, 0), tcp(2, 1), tcp(2, 2)];
    let recorded = pass_over(&rows, 3);
    assert!(connection(&recorded, 1).closed_in_recording);
    assert!(!connection(&recorded, 2).closed_in_recording);
}

#[test]
fn a_step_of_the_wall_clock_does_not_bend_a_duration() {
    let mut late = tcp(1, 10);
    late.ts_us -= 3_600_000_000;
    let recorded = pass_over(&[tcp(1, 0), late], 11);
    assert!((connection(&recorded, 1).duration_s() - 10.0).abs() < 1e-9);
}

#[test]
fn open_connections_are_those_of_the_fullest_tick_of_a_slice() {
    // 2000 s at 1 s: slices of 5 s. The listener is not a connection.
    let mut rows: Vec<Row> = (0..2000).map(|tick| listener(1, "0.0.0.0", 22, tick)).collect();
    for (tick, count) in [(0, 1), (1, 4), (2, 2), (1500, 3)] {
        rows.extend((0..count).map(|n| tcp(100 + n, tick).owner(n as u32, "p")));
    }
    rows.sort_by_key(|row| row.tick);
    let recorded = pass_over(&rows, 2000);
    assert_eq!(recorded.bin_width_us, 5_000_000);
    let open: Vec<u32> = recorded.bins.iter().map(|bin| bin.open_connections).filter(|n| *n > 0).collect();
    assert_eq!(open, [4, 3]);
    assert!(recorded.process_bins.iter().all(|bin| bin.open_connections == 1));
    assert_eq!(recorded.ticks, 2000);
}

#[test]
fn a_tick_that_is_split_over_two_row_groups_is_one_tick() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.parquet");
    let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
    // 262,144 rows fill a row group in the middle of the second tick.
    let per_tick = 200_000_u64;
    for tick in 0..2 {
        for conn_id in 0..per_tick {
            writer
                .push(&tcp(conn_id, tick).owner(1, "busy").load(10.0 + tick as f32, 5).bytes(7, 7))
                .unwrap();
        }
    }
    writer.finish(&fixture::metadata(2)).unwrap();
    let capture = netrec::capture::CaptureFile::open(&path).unwrap();
    assert_eq!(capture.row_groups(), 2);
    let settings = netrec::analyze::config::Analysis::default();
    let recorded = netrec::analyze::pass::run(&capture, &settings, &Databases::default(), &|_| {}).unwrap();
    assert_eq!(recorded.ticks, 2);
    assert_eq!(recorded.connections.len(), per_tick as usize);
    assert!(recorded.connections.iter().all(|c| c.ticks == 2 && !c.opened_in_recording));
    let open: Vec<u32> = recorded.process_bins.iter().map(|bin| bin.open_connections).collect();
    assert_eq!(open, [per_tick as u32, per_tick as u32]);
    assert_eq!(recorded.processes[0].cpu_percent_mean, Some(10.5), "each tick weighs the same");
}

#[test]
fn a_socket_keeps_its_owner_when_it_has_none_any_more() {
    let rows = [tcp(1, 0).owner(42, "curl"), tcp(1, 1).state(TcpState::TimeWait)];
    let recorded = pass_over(&rows, 2);
    let process = connection(&recorded, 1).process.unwrap();
    assert_eq!(recorded.processes[process.get() as usize].pid, Some(42));
    assert!(connection(&recorded, 1).owner_source.is_some());
}

#[test]
fn a_process_that_renames_itself_goes_by_its_last_name() {
    let rows = [tcp(1, 0).owner(42, "sh"), tcp(1, 1).owner(42, "nc"), tcp(2, 0).owner(42, "sh")];
    let recorded = pass_over(&rows, 2);
    assert_eq!(recorded.processes.len(), 1);
    assert_eq!(recorded.texts.get(recorded.processes[0].process_name.unwrap()), "nc");
}

/// The programs that these connections are attributed to, by their `conn_id`.
fn blamed(rows: &[Row], conn_ids: &[u64]) -> Vec<String> {
    let recorded = pass_over(rows, 2);
    let name = |conn_id: &u64| {
        let process = connection(&recorded, *conn_id).process.unwrap();
        let name = recorded.processes[process.get() as usize].process_name.unwrap();
        recorded.texts.get(name).to_owned()
    };
    conn_ids.iter().map(name).collect()
}

#[test]
fn a_connection_belongs_to_the_program_that_had_it_and_not_to_what_the_pid_ran_last() {
    let program = |row: Row, name: &str, start_us: i64| {
        let mut row = row.owner(42, name);
        let owner = std::sync::Arc::make_mut(row.owner.as_mut().unwrap());
        (owner.exe, owner.process_start_us) = (Some(format!("/bin/{name}")), Some(start_us));
        row
    };
    // The pid was reused within one tick of the kernel's clock, or the process called exec.
    let rows = [
        program(tcp(1, 0), "sh", 10_000),
        program(tcp(2, 0), "nc", 10_000),
        program(tcp(3, 1), "curl", 20_000),
    ];
    assert_eq!(blamed(&rows, &[1, 2, 3]), ["sh", "nc", "curl"]);
    // The same start, rounded differently, and an executable that was deleted in between: one process.
    let mut removed = program(tcp(2, 1), "sh", 10_001);
    std::sync::Arc::make_mut(removed.owner.as_mut().unwrap()).exe = Some("/bin/sh (deleted)".to_owned());
    assert_eq!(pass_over(&[rows[0].clone(), removed], 2).processes.len(), 1);
}

#[test]
fn what_is_told_of_a_process_without_its_executable_goes_to_the_one_of_that_name() {
    let program = |row: Row, name: &str| {
        let mut row = row.owner(42, name);
        std::sync::Arc::make_mut(row.owner.as_mut().unwrap()).exe = Some(format!("/bin/{name}"));
        row
    };
    let rows = [program(tcp(1, 0), "sh"), program(tcp(2, 0), "nc"), tcp(3, 1).owner(42, "nc")];
    assert_eq!(blamed(&rows, &[1, 2, 3]), ["sh", "nc", "nc"]);
}

#[test]
fn every_connection_has_the_direction_that_the_capture_shows() {
    let cases: [(&str, Row, Direction); 6] = [
        ("to a listening port", tcp(10, 1).from(HOST, 443).to("8.8.8.8", 50_000), Direction::Inbound),
        (
            "to another's listening address",
            tcp(11, 1).from(HOST, 5432).to("8.8.8.8", 50_000),
            Direction::Outbound,
        ),
        ("from an ephemeral port", tcp(12, 1).from(HOST, 50_000), Direction::Outbound),
        ("over loopback", tcp(13, 1).from("127.0.0.1", 5432).to("127.0.0.1", 50_000), Direction::Internal),
        ("with itself", tcp(14, 1).from(HOST, 443).to(HOST, 50_000), Direction::Internal),
        ("over v6 to a wildcard", tcp(15, 1).from("2a00::1", 8080).to("2a00::2", 50_000), Direction::Inbound),
    ];
    let mut rows =
        vec![listener(1, "0.0.0.0", 443, 0), listener(2, "127.0.0.1", 5432, 0), listener(3, "::", 8080, 0)];
    rows.extend(cases.iter().map(|(_, row, _)| row.clone()));
    let recorded = pass_over(&rows, 2);
    for (what, row, expected) in &cases {
        assert_eq!(connection(&recorded, row.conn_id).direction, Some(*expected), "{what}");
    }
    assert_eq!(connection(&recorded, 1).direction, None);
    assert_eq!(connection(&recorded, 1).role(), Role::Listener);
}

#[test]
fn a_private_address_has_no_place_whatever_the_databases_say() {
    let rows = [tcp(1, 0).to("10.9.9.9", 443), tcp(2, 0).to("81.2.69.142", 443)];
    let geo = Databases::open_named(&["tests/data/geoip/GeoLite2-City-Test.mmdb".into()]).unwrap();
    let recorded = pass_with(&rows, &fixture::metadata(1), &geo);
    let endpoints: Vec<_> =
        recorded.endpoints.iter().map(|e| (e.scope, e.location.country_code.is_some())).collect();
    assert_eq!(endpoints, [(Scope::Private, false), (Scope::Public, true)]);
}

#[test]
fn captures_of_no_row_and_of_one_tick_work() {
    let empty = pass_over(&[], 0);
    assert_eq!((empty.rows, empty.connections.len(), empty.ticks), (0, 0, 0));
    assert_eq!(Tables::build(empty, &fixture::metadata(0)).unwrap().connections.height(), 0);
    let recorded = pass_over(&[tcp(1, 0).bytes(10, 10)], 1);
    assert_eq!(recorded.ticks, 1);
    assert_eq!(connection(&recorded, 1).recorded_sent, counted(0));
    assert!(!connection(&recorded, 1).closed_in_recording);
}

#[test]
fn absurd_clocks_and_ticks_neither_break_nor_allocate() {
    let mut rows = Vec::new();
    for (n, value) in [i64::MIN, -1, 0, i64::MAX].into_iter().enumerate() {
        let mut row = tcp(n as u64, 0).bytes(u64::MAX, 1).load(f32::NAN, u64::MAX);
        (row.ts_us, row.mono_ns, row.tick) = (value, value, value as u32);
        rows.push(row);
    }
    let metadata = Metadata { end_us: i64::MAX, interval_ms: u64::MAX, ..fixture::metadata(1) };
    let recorded = pass_with(&rows, &metadata, &Databases::default());
    assert_eq!(recorded.connections.len(), 4);
    assert!(recorded.bins.len() <= 1300, "{}", recorded.bins.len());
    Tables::build(recorded, &metadata).unwrap();
}

#[test]
fn the_tables_sum_what_the_connections_moved() {
    let rows = [
        tcp(1, 0).owner(1, "a").bytes(0, 0),
        tcp(1, 1).owner(1, "a").bytes(100, 10),
        tcp(2, 1).owner(1, "a").bytes(50, 5),
        tcp(3, 1).owner(2, "b").to("93.184.216.34", 80).bytes(7, 7),
        udp(4, 1).to("8.8.8.8", 53),
        listener(5, "0.0.0.0", 22, 1).owner(1, "a"),
    ];
    let tables = Tables::build(pass_over(&rows, 2), &fixture::metadata(2)).unwrap();
    let numbers = |table: &netrec::model::frame::DataFrame, column: &str| -> Vec<u64> {
        match table.column(column).unwrap() {
            Values::U64(values) => Numbers::new(values).iter().flatten().collect(),
            Values::U32(values) => Numbers::new(values).iter().flatten().map(u64::from).collect(),
            other => panic!("{column}: {other:?}"),
        }
    };
    assert_eq!(numbers(&tables.processes, "bytes_sent"), [150, 7]);
    assert_eq!(numbers(&tables.processes, "connections"), [2, 1]);
    assert_eq!(numbers(&tables.processes, "listeners"), [1, 0]);
    assert_eq!(numbers(&tables.processes, "endpoints"), [1, 1]);
    assert_eq!(numbers(&tables.endpoints, "processes"), [0, 2], "8.8.8.8, then 93.184.216.34");
    let pairs = netrec::model::tables::pairs(&tables).unwrap();
    assert_eq!(numbers(&pairs, "connections"), [1, 2, 1]);
}

#[test]
fn the_same_capture_gives_the_same_tables() {
    let rows: Vec<Row> = (0..300_u32)
        .flat_map(|tick| {
            (0..20_u64).map(move |n| {
                tcp(n, tick).owner(n as u32 % 7, "p").load(tick as f32 * 0.1, n).bytes(u64::from(tick) * n, n)
            })
        })
        .collect();
    let tables = || format!("{:?}", Tables::build(pass_over(&rows, 300), &fixture::metadata(300)).unwrap());
    assert_eq!(tables(), tables());
}

/// A row at any tick for any of a few sockets, with any counters.
fn any_row() -> impl Strategy<Value = Row> {
    let kinds = prop_oneof![4 => Just(Kind::Snapshot), 1 => Just(Kind::Opened), 1 => Just(Kind::Closed)];
    let bytes = proptest::option::of(0..1_000_000_u64);
    (0..6_u64, 0..50_u32, kinds, bytes.clone(), bytes, proptest::option::of(0..3_u32), 0..1000_i64).prop_map(
        |(conn_id, tick, kind, sent, received, pid, after_ms)| {
            let mut row = tcp(conn_id, tick).event(kind, if kind == Kind::Snapshot { 0 } else { after_ms });
            row.protocol = Protocol::Tcp;
            (row.counters.bytes_sent, row.counters.bytes_received) = (sent, received);
            if let Some(pid) = pid { row.owner(pid, "any") } else { row }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_rows_the_slices_hold_what_the_connections_moved(
        mut rows in proptest::collection::vec(any_row(), 0..400)
    ) {
        rows.sort_by_key(|row| row.ts_us);
        let recorded = pass_over(&rows, 50);
        let moved: u64 = recorded.connections.iter().filter_map(|c| c.recorded_sent).map(Count::get).sum();
        prop_assert_eq!(sent_in_bins(&recorded).iter().sum::<u64>(), moved);
        let moved: u64 = recorded.connections.iter().filter_map(|c| c.recorded_received).map(Count::get).sum();
        prop_assert_eq!(recorded.bins.iter().map(|bin| bin.bytes_received).sum::<u64>(), moved);
        for connection in &recorded.connections {
            prop_assert!(connection.recorded_sent <= connection.totals.bytes_sent);
            prop_assert!(connection.duration_s() >= 0.0);
        }
        prop_assert_eq!(recorded.rows, rows.len() as u64);
    }
}
