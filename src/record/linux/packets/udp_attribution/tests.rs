use super::super::flows::Datagram;
use super::super::flows::tests::{at, datagram, full};
use super::super::ring::Way;
use super::*;

const HERE: u8 = 1;

/// A UDP socket as a snapshot has it.
fn socket(cookie: u64, local: Endpoint, remote: Option<Endpoint>) -> Row {
    let row = Row::snapshot(cookie, Protocol::Udp, local);
    Row { remote, netns: Some(1), mono_ns: 1000, ts_us: 50, ..row }
}

fn wildcard(cookie: u64, port: u16) -> Row {
    socket(cookie, (IpAddr::from([0, 0, 0, 0]), port), None)
}

#[derive(Default)]
struct Scene {
    flows: Flows,
    stray: Unattributed,
}

impl Scene {
    /// 100 bytes out, from port 4000 of this host.
    fn send(&mut self, remote: Endpoint) -> &mut Self {
        self.flows.add(&datagram(at(HERE, 4000), remote, Way::Out));
        self
    }

    fn close(&mut self, closed: &Row) -> Last {
        let closed = Ended { row: closed.clone(), turn: None };
        close(&mut self.flows, &mut self.stray, &closed, &[], &Rivals::default())
    }

    fn settle(&mut self, rows: &mut [Row], now_ns: i64) -> Vec<Row> {
        settle(&mut self.flows, &mut self.stray, rows, (now_ns, 1), |netns| netns == 1, |_| Vec::new())
    }
}

fn sent(rows: &[Row]) -> Vec<(Kind, Option<Endpoint>, Option<u64>)> {
    rows.iter().map(|row| (row.kind, row.remote, row.counters.bytes_sent)).collect()
}

#[test]
fn a_connected_socket_has_its_counters_in_its_row_until_its_end() {
    let mut scene = Scene::default();
    let socket = socket(7, at(HERE, 4000), Some(at(2, 53)));
    let mut rows = [socket.clone(), wildcard(8, 4000)];
    assert!(scene.send(at(2, 53)).send(at(2, 53)).settle(&mut rows, 10).is_empty());
    assert_eq!(rows.each_ref().map(|row| row.counters.bytes_sent), [Some(200), None]);
    let last = scene.send(at(2, 53)).close(&socket);
    assert_eq!(last.counters.unwrap().bytes_sent, Some(300));
}

#[test]
fn a_connected_socket_without_a_packet_has_none_and_an_unwatched_one_no_number() {
    let (mut watched, mut other) = (socket(7, at(HERE, 1), Some(at(2, 53))), wildcard(8, 1));
    other = Row { netns: Some(9), remote: watched.remote, ..other };
    watched.netns = Some(1);
    let mut rows = [watched, other];
    Scene::default().settle(&mut rows, 10);
    assert_eq!(rows.each_ref().map(|row| row.counters.bytes_sent), [Some(0), None]);
}

#[test]
fn a_connected_socket_whose_packets_had_no_room_has_no_number() {
    let mut scene = Scene { flows: full(), ..Scene::default() };
    let (crowded, other) =
        (socket(7, at(HERE, 4000), Some(at(2, 53))), socket(8, at(HERE, 1), Some(at(2, 53))));
    let mut rows = [crowded.clone(), other.clone()];
    scene.send(at(2, 53)).settle(&mut rows, 10);
    assert_eq!(rows.each_ref().map(|row| row.counters.bytes_sent), [None, Some(0)]);
    let last = [scene.close(&crowded), scene.close(&other)];
    assert_eq!(last.map(|last| last.counters.unwrap().bytes_sent), [None, Some(0)]);
}

#[test]
fn each_remote_of_an_unconnected_socket_has_rows_of_its_own() {
    let mut scene = Scene::default();
    let mut rows = [wildcard(7, 4000)];
    let made = scene.send(at(2, 53)).send(at(3, 53)).send(at(3, 53)).settle(&mut rows, 10);
    let (two, three) = (Some(at(2, 53)), Some(at(3, 53)));
    assert_eq!(
        sent(&made),
        [
            (Kind::Opened, two, None),
            (Kind::Snapshot, two, Some(100)),
            (Kind::Opened, three, None),
            (Kind::Snapshot, three, Some(200)),
        ]
    );
    assert_eq!(rows[0].counters.bytes_sent, None, "or it would be there twice");
    assert_eq!(made[0].conn_id, made[1].conn_id);
    assert!(made[1].conn_id != made[3].conn_id && made[1].conn_id >= REMOTE_BIT);
    assert_eq!((made[0].mono_ns, made[1].mono_ns), (5, 1000));
    assert_eq!(made[1].local_addr, at(HERE, 0).0);

    let again = scene.settle(&mut rows, 20);
    assert_eq!(
        sent(&again),
        [(Kind::Snapshot, two, Some(100)), (Kind::Snapshot, three, Some(200))],
        "opened once"
    );
    let last = scene.close(&rows[0]);
    assert_eq!(sent(&last.rows), [(Kind::Closed, two, Some(100)), (Kind::Closed, three, Some(200))]);
    assert_eq!(last.counters, None);
}

#[test]
fn a_talk_that_fell_silent_is_closed_and_a_new_one_begins() {
    let mut scene = Scene::default();
    let mut rows = [wildcard(7, 4000)];
    let first = scene.send(at(2, 53)).settle(&mut rows, 10);
    let over = scene.settle(&mut rows, IDLE_NS * 2);
    assert_eq!(sent(&over), [(Kind::Closed, Some(at(2, 53)), Some(100))]);
    assert_eq!(over[0].conn_id, first[0].conn_id);
    assert!(scene.settle(&mut rows, IDLE_NS * 2 + 1).is_empty());
}

#[test]
fn a_socket_that_no_snapshot_saw_is_known_by_its_end() {
    let mut scene = Scene::default();
    assert!(scene.send(at(2, 53)).settle(&mut [], 10).is_empty());
    let last = scene.close(&Row { kind: Kind::Closed, ..wildcard(7, 4000) });
    let two = Some(at(2, 53));
    assert_eq!(sent(&last.rows), [(Kind::Opened, two, None), (Kind::Closed, two, Some(100))]);
    let last = scene.send(at(2, 53)).close(&socket(9, at(HERE, 4000), two));
    assert_eq!(last.counters.unwrap().packets_sent, Some(1));
}

#[test]
fn what_could_be_several_sockets_is_given_to_none_and_counted() {
    let mut scene = Scene::default();
    let mut rows = [wildcard(7, 4000), wildcard(8, 4000)];
    assert!(scene.send(at(2, 53)).settle(&mut rows, 10).is_empty());
    assert!(scene.close(&rows[0]).rows.is_empty());
    scene.settle(&mut rows, PATIENCE_NS * 2);
    assert_eq!(scene.stray.ambiguous, Tally { packets: 1, bytes: 100 });
}

fn owner(pid: u32) -> std::sync::Arc<crate::capture::Owner> {
    std::sync::Arc::new(crate::capture::Owner { pid: Some(pid), ..Default::default() })
}

fn pids(rows: &[Row]) -> Vec<(Kind, Option<u32>, Option<u64>)> {
    rows.iter().map(|row| (row.kind, pid_of(row), row.counters.bytes_sent)).collect()
}

#[test]
fn what_processes_without_a_turn_sent_from_a_port_one_after_the_other_has_no_process() {
    let closed = |cookie, pid| Row { kind: Kind::Closed, owner: Some(owner(pid)), ..wildcard(cookie, 4000) };
    let owners = |first: Row, second: Row| {
        let mut scene = Scene::default();
        scene.send(at(2, 53)).send(at(2, 53));
        let (closed, snapshot) = (vec![Ended { row: first, turn: None }], vec![second]);
        let rivals = Rivals::new(&closed, &snapshot);
        let last = close(&mut scene.flows, &mut scene.stray, &closed[0], &[], &rivals);
        assert_eq!(last.rows[1].counters.bytes_sent, Some(200));
        (last.rows.iter().map(pid_of).collect::<Vec<_>>(), scene.stray.successive.packets)
    };
    assert_eq!(owners(closed(7, 10), closed(8, 11)), (vec![None, None], 2));
    assert_eq!(owners(closed(7, 10), closed(8, 10)), (vec![Some(10), Some(10)], 0), "of one process");
    let elsewhere = Row { remote: Some(at(3, 53)), ..closed(8, 11) };
    assert_eq!(owners(closed(7, 10), elsewhere).1, 0, "it talks to another remote");
    let other_port = Row { local_port: 4001, ..closed(8, 11) };
    assert_eq!(owners(closed(7, 10), other_port).1, 0);
}

const US: i64 = 1000;

/// From 10 µs after its start on; `until_us` is its end.
fn turn(pid: u32, from_us: u64, until_us: u64) -> Turn {
    let (started_ns, ended_ns) = ((from_us - 10) * 1000, until_us * 1000);
    Turn { pid, started_ns, first_ns: from_us * 1000, last_ns: from_us * 1000, ended_ns }
}

fn ended(cookie: u64, remote: Option<Endpoint>, turn: Turn) -> Ended {
    let local = if remote.is_some() { at(HERE, 4000) } else { (IpAddr::from([0, 0, 0, 0]), 4000) };
    let row = Row { kind: Kind::Closed, owner: Some(owner(turn.pid)), ..socket(cookie, local, remote) };
    Ended { row, turn: Some(turn) }
}

impl Scene {
    /// 100 bytes out, and after 10 µs as many back.
    fn exchange(&mut self, at_us: i64) -> &mut Self {
        let (here, there) = (at(HERE, 4000), at(2, 53));
        let out = datagram(here, there, Way::Out);
        self.flows.add(&Datagram { time_ns: at_us * US, ..out });
        let back = datagram(there, here, Way::In);
        self.flows.add(&Datagram { time_ns: (at_us + 10) * US, ..back });
        self
    }

    fn close_all(&mut self, closed: &[Ended]) -> Vec<Last> {
        let turns: Vec<Turn> = closed.iter().filter_map(|ended| ended.turn).collect();
        let rivals = Rivals::new(closed, &[]);
        let close = |ended| close(&mut self.flows, &mut self.stray, ended, &turns, &rivals);
        closed.iter().map(close).collect()
    }
}

#[test]
fn processes_that_use_a_port_in_turn_have_each_their_own_datagrams() {
    let (first, second) = (turn(10, 100, 150), turn(11, 200, 250));
    let mut scene = Scene::default();
    scene.exchange(101).exchange(120).exchange(201);
    let last = scene.close_all(&[ended(7, None, first), ended(8, None, second)]);
    let of = |pid, bytes| vec![(Kind::Opened, Some(pid), None), (Kind::Closed, Some(pid), Some(bytes))];
    assert_eq!(last.iter().map(|last| pids(&last.rows)).collect::<Vec<_>>(), [of(10, 200), of(11, 100)]);
    assert_eq!(last[0].rows[1].counters.bytes_received, Some(200));
    assert_eq!((last[1].rows[0].mono_ns, last[1].rows[1].mono_ns), (201 * US, 211 * US));

    let remote = Some(at(2, 53));
    let last = scene
        .exchange(101)
        .exchange(201)
        .exchange(220)
        .close_all(&[ended(9, remote, first), ended(10, remote, second)]);
    let sent = last.iter().map(|last| last.counters.unwrap().bytes_sent).collect::<Vec<_>>();
    assert_eq!(sent, [Some(100), Some(200)], "of connected sockets too");
    assert_eq!(scene.stray, Unattributed::default());
}

#[test]
fn a_socket_that_was_connected_to_another_remote_before_has_a_row_for_that_one() {
    let mut scene = Scene::default();
    let closed = [ended(7, Some(at(3, 53)), turn(10, 100, 150))];
    let last = scene.exchange(101).close_all(&closed);
    assert_eq!(last[0].counters.unwrap().bytes_sent, Some(0));
    assert_eq!(last[0].rows[1].remote, Some(at(2, 53)));
    assert_eq!(pids(&last[0].rows)[1], (Kind::Closed, Some(10), Some(100)));

    let other = ended(8, Some(at(2, 53)), turn(10, 100, 150));
    let last = scene.exchange(101).close_all(&[closed[0].clone(), other]);
    assert!(last[0].rows.is_empty(), "that remote is of another socket of the port");
    assert_eq!(last[1].counters.unwrap().bytes_sent, Some(100));
}

#[test]
fn an_answer_that_two_living_processes_may_have_received_has_no_process() {
    let (first, second) = (turn(10, 100, 900), Turn { started_ns: 1, ..turn(11, 200, 900) });
    let last = Scene::default().exchange(101).close_all(&[ended(7, None, first), ended(8, None, second)]);
    let rows = [
        (Kind::Opened, None, None),
        (Kind::Closed, None, Some(0)),
        (Kind::Opened, Some(10), None),
        (Kind::Closed, Some(10), Some(100)),
    ];
    assert_eq!(pids(&last[0].rows), rows);
}

#[test]
fn what_another_process_sent_through_the_socket_is_in_a_row_without_a_process_if_nobody_claims_it() {
    let mut scene = Scene::default();
    let (parent, child) = (turn(10, 100, u64::MAX / 1000), turn(11, 200, 250));
    let closed = ended(7, None, parent);
    scene.exchange(101).exchange(201);
    let last = close(&mut scene.flows, &mut scene.stray, &closed, &[parent, child], &Rivals::default());
    assert_eq!(pids(&last.rows)[1], (Kind::Closed, Some(10), Some(100)));
    assert!(scene.settle(&mut [], PATIENCE_NS / 2).is_empty());
    let rows = scene.settle(&mut [], PATIENCE_NS * 2);
    assert_eq!(pids(&rows), [(Kind::Opened, None, None), (Kind::Closed, None, Some(100))]);
    assert_eq!(scene.stray.successive.packets, 2);
}

#[test]
fn a_snapshot_leaves_to_an_earlier_socket_what_it_sent() {
    let (first, second) = (turn(10, 100, 150), turn(11, 200, u64::MAX / 1000));
    let mut scene = Scene::default();
    let settle = |scene: &mut Scene, cookie, pid, now_us: i64| {
        let mut rows = [Row { owner: Some(owner(pid)), ..wildcard(cookie, 4000) }];
        let turns = |_| vec![first, second];
        let Scene { flows, stray } = scene;
        let made = settle(flows, stray, &mut rows, (now_us * US, 1), |netns| netns == 1, turns);
        pids(&made)
    };
    let snapshot = |pid, bytes| (Kind::Snapshot, Some(pid), Some(bytes));
    scene.exchange(101);
    assert_eq!(settle(&mut scene, 7, 10, 115), [(Kind::Opened, Some(10), None), snapshot(10, 100)]);
    scene.exchange(120).exchange(201);
    assert_eq!(settle(&mut scene, 8, 11, 220), [(Kind::Opened, Some(11), None), snapshot(11, 100)]);
    scene.exchange(230);
    assert_eq!(settle(&mut scene, 8, 11, 250), [snapshot(11, 200)]);
    let last = scene.close_all(&[ended(7, None, first)]);
    assert_eq!(pids(&last[0].rows), [(Kind::Closed, Some(10), Some(200))]);
}

#[test]
fn a_flow_waits_for_the_notice_however_long_the_ticks_are() {
    let mut scene = Scene::default();
    let interval_ns = 60_000_000_000;
    let flows = &mut scene.send(at(2, 53)).flows;
    let time = (interval_ns * 2, interval_ns);
    settle(flows, &mut Unattributed::default(), &mut [], time, |_| true, |_| Vec::new());
    let last = scene.close(&socket(7, at(HERE, 4000), Some(at(2, 53))));
    assert_eq!(last.counters.unwrap().bytes_sent, Some(100));
}

#[test]
fn what_belongs_to_no_socket_is_counted_after_a_while() {
    let mut scene = Scene::default();
    scene.send(at(2, 53)).settle(&mut [], 10);
    assert_eq!(scene.stray, Unattributed::default());
    scene.settle(&mut [], PATIENCE_NS * 2);
    assert_eq!(scene.stray.without_socket, Tally { packets: 1, bytes: 100 });
    assert!(scene.flows.ports.is_empty());
    scene.send(at(2, 53));
    assert!(give_up(&mut scene.flows, &mut scene.stray).is_empty());
    assert_eq!(scene.stray.without_socket.packets, 2);
}

#[test]
fn a_socket_of_both_families_gets_what_no_other_would() {
    let mut scene = Scene::default();
    let both = socket(7, (IpAddr::V6(Ipv6Addr::UNSPECIFIED), 4000), None);
    let made = scene.send(at(2, 53)).settle(&mut [both.clone()], 10);
    assert_eq!(made.len(), 2);
    let mut scene = Scene::default();
    let made = scene.send(at(2, 53)).settle(&mut [both, wildcard(8, 4000)], 10);
    assert_eq!(scene.flows.ports[&(1, 4000)].values().next().unwrap().cookie, Some(8));
    assert_eq!(made.len(), 2);
}
