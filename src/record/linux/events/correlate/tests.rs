use std::collections::BTreeSet;

use super::super::kernel_event::SocketFacts;
use super::super::programs::acts;
use super::*;
use crate::capture::{Counters, Kind, Owner, Row};

const CLIENT: u64 = 0xc1;
const SERVER: u64 = 0x5e;

fn at(port: u16) -> (IpAddr, u16) {
    (IpAddr::from([127, 0, 0, 1]), port)
}

fn change(socket: u64, states: (TcpState, TcpState), tuple: Tuple, in_interrupt: bool) -> What {
    let (from, to) = states;
    What::State(StateChange { socket, from, to, in_interrupt, local: tuple.0, remote: tuple.1, facts: None })
}

fn told(correlator: &mut EventCorrelator, events: Vec<(u64, u32, What)>) {
    for (time_ns, pid, what) in events {
        let event = KernelEvent { time_ns, pid, actor: None, what };
        let who = acts(&event).then(|| process(pid));
        correlator.event(&event, who);
    }
}

fn process(pid: u32) -> Arc<Identity> {
    Arc::new(Identity::new(Arc::new(Owner { pid: Some(pid), ..Owner::default() }), None))
}

/// A snapshot row with an unknown process.
fn row(cookie: u64, tuple: &Tuple) -> Row {
    Row { netns: Some(1), remote: Some(tuple.1), ..Row::snapshot(cookie, Protocol::Tcp, tuple.0) }
}

fn who(owner: Option<&Attribution>) -> Option<(u32, OwnerSource)> {
    owner.and_then(|owner| Some((owner.identity.pid()?, owner.source)))
}

fn seen(correlator: &mut EventCorrelator, cookie: u64, tuple: &Tuple) -> Option<(u32, OwnerSource)> {
    who(correlator.seen(&mut row(cookie, tuple)).as_ref())
}

/// A local end whose address the kernel has cleared.
fn cleared() -> (IpAddr, u16) {
    (std::net::Ipv4Addr::UNSPECIFIED.into(), 40_000)
}

/// A connection on loopback in the kernel's events: client 10, server 20.
fn connection() -> Vec<(u64, u32, What)> {
    use TcpState::{Close, CloseWait, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv, SynSent};
    let (client, server) = ((at(40_000), at(80)), (at(80), at(40_000)));
    vec![
        (1, 20, change(1, (Close, Listen), (at(80), at(0)), false)),
        (2, 10, change(CLIENT, (Close, SynSent), (at(0), at(80)), false)),
        (3, 10, change(SERVER, (Listen, SynRecv), server, true)),
        (4, 10, change(CLIENT, (SynSent, Established), client, true)),
        (5, 10, change(SERVER, (SynRecv, Established), server, true)),
        (6, 10, change(CLIENT, (Established, FinWait1), client, false)),
        (7, 10, change(SERVER, (Established, CloseWait), server, true)),
        (8, 20, change(SERVER, (CloseWait, LastAck), server, false)),
        (9, 20, change(CLIENT, (FinWait1, FinWait2), client, true)),
        (10, 20, change(CLIENT, (FinWait2, Close), client, true)),
        (11, 20, What::Destroyed { socket: CLIENT, cookie: 100, in_interrupt: true }),
        (12, 10, change(SERVER, (LastAck, Close), server, true)),
        (13, 10, What::Destroyed { socket: SERVER, cookie: 101, in_interrupt: true }),
    ]
}

fn counters(bytes: u64) -> Counters {
    Counters { bytes_sent: Some(bytes), ..Counters::default() }
}

#[test]
fn a_short_connection_has_its_whole_life_and_both_owners() {
    let mut correlator = EventCorrelator::default();
    correlator.closing(
        10,
        Closing {
            cookie: 100,
            netns: 1,
            protocol: Protocol::Tcp,
            tuple: (at(40_000), at(80)),
            counters: counters(7),
            received_sequence: Some(51),
            unread: 1,
            cgroup_id: None,
        },
    );
    told(&mut correlator, connection());
    correlator.closing(
        14,
        Closing {
            cookie: 101,
            netns: 1,
            protocol: Protocol::Tcp,
            tuple: (at(80), at(40_000)),
            counters: counters(9),
            received_sequence: Some(101),
            unread: 0,
            cgroup_id: None,
        },
    );
    let mut events = correlator.take(15);
    events.sort_by_key(|e| (e.cookie, e.time_ns, e.kind));

    let client: Vec<_> = events.iter().filter(|e| e.cookie == 100).collect();
    assert_eq!(client[0].kind, Kind::Opened);
    assert_eq!((client[0].time_ns, client[0].state), (2, Some(TcpState::SynSent)));
    assert_eq!(client[0].tuple, (at(40_000), at(80)), "the source port is known by now");
    let states: Vec<_> = client.iter().filter(|e| e.kind == Kind::State).map(|e| e.state).collect();
    let expected = [TcpState::Established, TcpState::FinWait1, TcpState::FinWait2, TcpState::Close];
    assert_eq!(states, expected.map(Some));
    let last = client.last().unwrap();
    let received = |counters, bytes_received| Counters { bytes_received, ..counters };
    assert_eq!((last.kind, last.counters), (Kind::Closed, received(counters(7), Some(50))), "less the FIN");
    assert!(client.iter().all(|e| who(e.owner.as_ref()) == Some((10, OwnerSource::Event))));

    let server: Vec<_> = events.iter().filter(|e| e.cookie == 101).collect();
    assert_eq!(server.last().unwrap().counters, received(counters(9), Some(100)));
    assert!(server.iter().all(|e| who(e.owner.as_ref()) == Some((20, OwnerSource::Event))));
}

#[test]
fn a_socket_that_lives_on_is_joined_by_its_tuple() {
    let mut correlator = EventCorrelator::default();
    told(&mut correlator, connection().into_iter().take(5).collect());
    assert_eq!(seen(&mut correlator, 100, &(at(40_000), at(80))), Some((10, OwnerSource::Event)));
    assert_eq!(seen(&mut correlator, 101, &(at(80), at(40_000))), Some((20, OwnerSource::Listener)));
    assert_eq!(correlator.take(6).len(), 4);
    assert_eq!(seen(&mut correlator, 100, &(at(40_000), at(80))), Some((10, OwnerSource::Event)));
    assert_eq!(correlator.take(7), [], "nothing is told twice");
}

#[test]
fn two_sockets_of_one_tuple_join_nothing() {
    let mut correlator = EventCorrelator::default();
    let tuple = (at(40_000), at(80));
    for socket in [1, 2] {
        let open = change(socket, (TcpState::SynSent, TcpState::Established), tuple, true);
        told(&mut correlator, vec![(socket, 10, open)]);
    }
    assert_eq!(seen(&mut correlator, 100, &tuple), None);
}

#[test]
fn an_address_that_is_given_out_again_does_not_inherit_the_owner() {
    use TcpState::{Close, Established, Listen, SynRecv, SynSent};
    let (client, server) = ((at(40_000), at(80)), (at(80), at(40_001)));
    let owner_of_later = |later: Vec<(u64, u32, What)>| {
        let mut correlator = EventCorrelator::default();
        let lost = (6, 0, What::Lost(9));
        told(&mut correlator, connection().into_iter().take(5).chain([lost]).chain(later).collect());
        let end = What::Destroyed { socket: CLIENT, cookie: 200, in_interrupt: true };
        told(&mut correlator, vec![(20, 0, end)]);
        let events = correlator.take(PATIENCE_NS * 2);
        let closed = events.iter().find(|e| e.cookie == 200).cloned().unwrap();
        (who(closed.owner.as_ref()), closed.tuple.0.1)
    };
    let accepted = vec![
        (7, 30, change(CLIENT, (Listen, SynRecv), server, true)),
        (8, 30, change(CLIENT, (SynRecv, Established), server, true)),
    ];
    assert_eq!(owner_of_later(accepted), (Some((20, OwnerSource::Listener)), 80));
    let middle = vec![(7, 30, change(CLIENT, (Established, Close), server, false))];
    assert_eq!(owner_of_later(middle), (Some((30, OwnerSource::Event)), 80));
    let connects = vec![
        (7, 30, change(CLIENT, (Close, SynSent), (at(0), at(80)), false)),
        (8, 30, change(CLIENT, (SynSent, Established), (at(40_002), at(80)), true)),
    ];
    assert_eq!(owner_of_later(connects), (Some((30, OwnerSource::Event)), 40_002));
    let goes_on = vec![(7, 30, change(CLIENT, (Established, Close), client, false))];
    assert_eq!(owner_of_later(goes_on), (Some((10, OwnerSource::Event)), 40_000));
}

#[test]
fn a_socket_of_which_only_the_last_states_were_seen_leaves_nothing_to_the_next_at_its_address() {
    use TcpState::{Close, CloseWait, Established, LastAck, SynSent};
    // As if the recording begins while the connection ends.
    let (accepted, client) = ((at(80), at(40_000)), (at(41_000), at(22)));
    let mut correlator = EventCorrelator::default();
    told(
        &mut correlator,
        vec![
            (1, 20, change(CLIENT, (CloseWait, LastAck), accepted, false)),
            (2, 20, change(CLIENT, (LastAck, Close), accepted, true)),
            (3, 30, change(CLIENT, (Close, SynSent), (at(0), at(22)), false)),
            (4, 20, change(CLIENT, (SynSent, Established), client, true)),
        ],
    );
    assert_eq!(seen(&mut correlator, 200, &client), Some((30, OwnerSource::Event)));
    let told: Vec<_> =
        correlator.take(5).into_iter().map(|e| (e.kind, e.time_ns, who(e.owner.as_ref()))).collect();
    let owner = Some((30, OwnerSource::Event));
    assert_eq!(told, [(Kind::Opened, 3, owner), (Kind::State, 4, owner)]);
}

#[test]
fn an_end_that_is_told_after_the_address_was_given_out_again_takes_no_owner_with_it() {
    use TcpState::{Close, SynSent};
    let mut correlator = EventCorrelator::default();
    let late = change(SERVER, (Close, SynSent), (at(0), at(80)), false);
    let end = What::Destroyed { socket: SERVER, cookie: 101, in_interrupt: true };
    told(&mut correlator, connection().into_iter().take(5).chain([(9, 30, late), (9, 30, end)]).collect());
    let notice = Closing {
        cookie: 101,
        netns: 1,
        protocol: Protocol::Tcp,
        tuple: (at(80), at(40_000)),
        counters: counters(9),
        received_sequence: Some(10),
        unread: 0,
        cgroup_id: None,
    };
    correlator.closing(10, notice);
    let events = correlator.take(11);
    let closed = events.iter().find(|e| e.kind == Kind::Closed).unwrap();
    assert_eq!((who(closed.owner.as_ref()), closed.counters), (None, counters(9)));
}

/// A socket that is refused and then connects from another port; eBPF records contain its cookie
/// from the start.
fn tries_twice(knows_cookie: bool) -> Vec<(u64, u32, What)> {
    use TcpState::{Close, Established, SynSent};
    let from = |port| (at(port), at(80));
    let states =
        [(Close, SynSent, 0), (SynSent, Close, 41_000), (Close, SynSent, 0), (SynSent, Established, 41_001)];
    let facts = |what| match what {
        What::State(change) => {
            let counters = (change.to == Close).then(|| counters(0));
            What::State(StateChange {
                facts: Some(SocketFacts { cookie: 100, netns: 1, counters, is_destroyed: false }),
                ..change
            })
        }
        what => what,
    };
    let told = |(time_ns, (old, new, port))| {
        let what = change(CLIENT, (old, new), from(port), false);
        (time_ns, 10, if knows_cookie { facts(what) } else { what })
    };
    (1..).zip(states).map(told).collect()
}

#[test]
fn each_connection_of_a_socket_has_an_id_of_its_own() {
    for knows_cookie in [true, false] {
        let mut correlator = EventCorrelator::default();
        let from = |port| (at(port), at(80));
        told(&mut correlator, tries_twice(knows_cookie));
        let mut second = row(100, &from(41_001));
        assert_eq!(who(correlator.seen(&mut second).as_ref()), Some((10, OwnerSource::Event)));
        assert_ne!(second.conn_id, 100);
        let mut events = correlator.take(9);
        events.sort_by_key(|event| (event.time_ns, event.kind));
        let found: Vec<_> =
            events.iter().map(|event| (event.conn_id() == 100, event.kind, event.tuple.0.1)).collect();
        let (first, next) = (|kind| (true, kind, 41_000), |kind| (false, kind, 41_001));
        let mut expected = [
            first(Kind::Opened),
            first(Kind::State),
            first(Kind::Closed),
            next(Kind::Opened),
            next(Kind::State),
        ];
        expected.sort_by_key(|(is_first, kind, _)| (!is_first, *kind));
        let mut sorted = found.clone();
        sorted.sort_by_key(|(is_first, kind, _)| (!is_first, *kind));
        assert_eq!(sorted, expected, "{found:?}");
        assert!(events.iter().all(|event| event.conn_id() == 100 || event.conn_id() == second.conn_id));
        assert!(events.iter().all(|event| who(event.owner.as_ref()) == Some((10, OwnerSource::Event))));
    }
}

#[test]
fn a_socket_that_tries_many_ports_before_anyone_sees_it_has_them_all() {
    use TcpState::{Close, SynSent};
    let mut correlator = EventCorrelator::default();
    for number in 0..200_u64 {
        let remote = at(1000 + number as u16);
        let attempt = |old, new, port| change(CLIENT, (old, new), (at(port), remote), false);
        told(
            &mut correlator,
            vec![
                (2 * number, 10, attempt(Close, SynSent, 0)),
                (2 * number + 1, 10, attempt(SynSent, Close, 41_000)),
            ],
        );
    }
    told(
        &mut correlator,
        vec![(1000, 10, What::Destroyed { socket: CLIENT, cookie: 100, in_interrupt: false })],
    );
    let events = correlator.take(PATIENCE_NS * 2);
    let mut closed: Vec<_> =
        events.iter().filter(|event| event.kind == Kind::Closed).map(|event| event.tuple.1.1).collect();
    closed.sort_unstable();
    assert_eq!(closed, (1000..1200).collect::<Vec<u16>>());
    let ids: BTreeSet<u64> = events.iter().map(SocketEvent::conn_id).collect();
    assert_eq!(ids.len(), 200);
}

#[test]
fn the_port_of_one_that_is_still_connecting_comes_from_the_snapshot() {
    use TcpState::{Close, SynSent};
    let mut correlator = EventCorrelator::default();
    let opens = change(CLIENT, (Close, SynSent), (at(0), at(80)), false);
    let facts = Some(SocketFacts { cookie: 100, netns: 1, counters: None, is_destroyed: false });
    let What::State(opens) = opens else { unreachable!() };
    told(&mut correlator, vec![(1, 10, What::State(StateChange { facts, ..opens }))]);
    assert_eq!(correlator.take(2), [], "it may be known with the next");
    correlator.seen(&mut row(100, &(at(41_000), at(80))));
    let [opened] = correlator.take(3).try_into().unwrap();
    assert_eq!((opened.kind, opened.tuple), (Kind::Opened, (at(41_000), at(80))));
}

#[test]
fn a_reset_connection_keeps_the_tuple_and_says_no_counters() {
    let mut correlator = EventCorrelator::default();
    told(&mut correlator, connection().into_iter().take(5).collect());
    let reset = change(CLIENT, (TcpState::Established, TcpState::Close), (at(40_000), at(0)), false);
    told(
        &mut correlator,
        vec![(6, 10, reset), (7, 10, What::Destroyed { socket: CLIENT, cookie: 100, in_interrupt: true })],
    );
    correlator.closing(
        8,
        Closing {
            cookie: 100,
            netns: 1,
            protocol: Protocol::Tcp,
            tuple: (cleared(), at(0)),
            counters: counters(0),
            received_sequence: None,
            unread: 0,
            cgroup_id: None,
        },
    );
    let events = correlator.take(9);
    let last = events.iter().find(|e| e.kind == Kind::Closed).unwrap();
    assert_eq!(last.tuple, (at(40_000), at(80)));
    assert_eq!(last.counters, Counters::default(), "zero would be an invented number");
}

#[test]
fn halves_that_stay_alone_are_given_out_after_a_while() {
    let mut correlator = EventCorrelator::default();
    told(&mut correlator, connection().into_iter().take(11).collect());
    correlator.closing(
        20,
        Closing {
            cookie: 7,
            netns: 1,
            protocol: Protocol::Tcp,
            tuple: (at(1), at(2)),
            counters: counters(3),
            received_sequence: Some(4),
            unread: 0,
            cgroup_id: None,
        },
    );
    assert_eq!(correlator.take(21), []);
    let events = correlator.take(PATIENCE_NS * 2);
    let closed: Vec<_> = events.iter().filter(|e| e.kind == Kind::Closed).collect();
    assert_eq!((closed.len(), correlator.unnoticed()), (2, 1));
    assert!(closed.iter().any(|e| e.cookie == 7 && e.owner.is_none() && e.counters == counters(3)));
    assert!(closed.iter().any(|e| e.cookie == 100 && e.counters == Counters::default()));
}

#[test]
fn whoever_closes_what_the_other_side_has_reset_owned_it() {
    let mut correlator = EventCorrelator::default();
    told(&mut correlator, connection().into_iter().take(5).collect());
    let reset = change(SERVER, (TcpState::Established, TcpState::Close), (at(80), at(40_000)), true);
    let end = What::Destroyed { socket: SERVER, cookie: 101, in_interrupt: false };
    told(&mut correlator, vec![(6, 10, reset), (7, 21, end)]);
    let owners: Vec<_> = correlator.take(PATIENCE_NS * 2).iter().map(|e| who(e.owner.as_ref())).collect();
    // A worker of the listening process.
    assert_eq!(owners, [Some((21, OwnerSource::Event)); 4]);
}

#[test]
fn the_process_that_a_snapshot_finds_replaces_the_one_that_connected() {
    let mut correlator = EventCorrelator::default();
    let tuple = (at(40_000), at(80));
    told(&mut correlator, connection().into_iter().take(5).collect());
    let owner = Some(Arc::new(Owner { pid: Some(30), ..Owner::default() }));
    let mut handed = Row { owner, owner_source: Some(OwnerSource::Inode), ..row(100, &tuple) };
    assert_eq!(correlator.seen(&mut handed), None);
    let opened: Vec<_> = correlator.take(6).iter().map(|e| who(e.owner.as_ref())).collect();
    assert_eq!(opened, [Some((10, OwnerSource::Event)); 2], "it was his then");
    let closes = change(CLIENT, (TcpState::Established, TcpState::Close), tuple, true);
    let end = What::Destroyed { socket: CLIENT, cookie: 100, in_interrupt: true };
    told(&mut correlator, vec![(7, 20, closes), (8, 20, end)]);
    let later: Vec<_> = correlator.take(PATIENCE_NS * 2).iter().map(|e| who(e.owner.as_ref())).collect();
    assert_eq!(later, [Some((30, OwnerSource::Inode)); 2]);
}

#[test]
fn records_that_know_the_socket_need_no_notice_of_its_end() {
    let facts = |counters| Some(SocketFacts { cookie: 100, netns: 7, counters, is_destroyed: false });
    let with = |what, counters| match what {
        What::State(change) => What::State(StateChange { facts: facts(counters), ..change }),
        what => what,
    };
    let mut correlator = EventCorrelator::default();
    let tuple = (at(40_000), at(80));
    let opens = change(CLIENT, (TcpState::Close, TcpState::SynSent), (at(0), at(80)), false);
    let reset = change(CLIENT, (TcpState::Established, TcpState::Close), tuple, false);
    let end = What::Destroyed { socket: CLIENT, cookie: 100, in_interrupt: false };
    told(
        &mut correlator,
        vec![(1, 10, with(opens, None)), (2, 10, with(reset, Some(counters(50_000)))), (3, 10, end)],
    );
    let events = correlator.take(4);
    let kinds: Vec<_> = events.iter().map(|e| (e.kind, e.netns, e.tuple)).collect();
    let whole = |kind| (kind, Some(7), tuple);
    assert_eq!(kinds, [whole(Kind::Opened), whole(Kind::State), whole(Kind::Closed)]);
    assert_eq!(events[2].counters, counters(50_000), "exact, though it was reset");
    assert_eq!((correlator.unnoticed(), correlator.cleared()), (0, 0));
}

#[test]
fn a_thread_of_the_kernel_that_closes_what_was_left_behind_does_not_own_it() {
    let mut correlator = EventCorrelator::default();
    told(&mut correlator, connection().into_iter().take(5).collect());
    let kernel = Owner { pid: Some(2), process_name: Some("kworker/0:1".to_owned()), ..Owner::default() };
    let closes = change(CLIENT, (TcpState::Established, TcpState::FinWait1), (at(40_000), at(80)), false);
    let event = KernelEvent { time_ns: 6, pid: 2, actor: None, what: closes };
    correlator.event(&event, Some(Arc::new(Identity::new(Arc::new(kernel), None))));
    assert_eq!(seen(&mut correlator, 100, &(at(40_000), at(80))), Some((10, OwnerSource::Event)));
}
