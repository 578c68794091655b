//! A generated fleet, and its ground truth.
//!
//! Each host is recorded separately, with its own clock, into two captures. The fleet has a service
//! that every host uses, a load balancer that rewrites destinations, a gateway that hides the
//! sources of some hosts, a bridge with the same addresses on every host, sockets of other
//! namespaces, a worm, a chain of logins, a beacon of three hosts, a scan distributed over eight
//! hosts, and an executable found on a single host.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use netrec::capture::{
    Counters, Kind, Metadata, Overwrite, Owner, OwnerSource, Protocol, Row, SeriesPart, TcpState, Writer,
};

/// 2026-01-01T00:00:00Z, µs since the Unix epoch.
pub(crate) const START_US: i64 = 1_767_225_600_000_000;

/// Minimum number of hosts.
pub(crate) const FEWEST_HOSTS: usize = 16;

const SECOND_US: i64 = 1_000_000;
/// Length of each of the two captures of a host.
const HALF_S: i64 = 1800;
/// Seconds between snapshots.
const TICK_S: i64 = 10;
/// The address of a load balancer that is not recorded, and of a gateway that hides some hosts.
const BALANCER: &str = "10.255.255.1";
const GATEWAY: &str = "10.254.0.1";
/// Destinations of the beacon and of the worm.
pub(crate) const BEACON_TO: &str = "203.0.113.50";
const WORM_TO: &str = "203.0.113.99";

/// A program: name, process id, content of its executable, start in seconds.
#[derive(Clone, Copy)]
struct Program(&'static str, u32, &'static str, i64);

const SSHD: Program = Program("sshd", 10, "sshd", -9000);
const APP: Program = Program("app", 20, "app", -9000);

/// A connection between two hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) port: u16,
    /// How it can be matched: exact, dnat or snat.
    pub(crate) kind: &'static str,
    /// Its start, µs after [`START_US`].
    pub(crate) start_us: i64,
}

/// The ground truth.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) edges: BTreeSet<Edge>,
    /// How far each clock is ahead, µs.
    pub(crate) ahead_us: Vec<(String, i64)>,
    /// Each infected host, and the host that infected it.
    pub(crate) worm: Vec<(String, Option<String>)>,
    pub(crate) chain: Vec<String>,
    pub(crate) beacon: Vec<String>,
    pub(crate) scan_target: String,
    pub(crate) scan_sources: usize,
    /// The host with the unique executable.
    pub(crate) rare: String,
    /// Sockets of other namespaces.
    pub(crate) foreign: usize,
    /// Refused attempts on a recorded host, which it has not seen.
    pub(crate) refused: usize,
}

/// The hosts and the truth.
pub(crate) struct Fleet {
    hosts: Vec<Host>,
    pub(crate) truth: Truth,
}

struct Host {
    name: String,
    addr: String,
    /// How far its clock is ahead.
    skew_us: i64,
    rows: Vec<Row>,
    conns: u64,
    ports: u16,
}

/// One end of a connection.
#[derive(Clone, Copy)]
struct End<'a> {
    local: (&'a str, u16),
    remote: (&'a str, u16),
    span_s: (f64, f64),
    bytes: (u64, u64),
    program: Option<Program>,
    netns: u64,
    is_refused: bool,
}

impl Default for End<'_> {
    fn default() -> Self {
        Self {
            local: ("0.0.0.0", 0),
            remote: ("0.0.0.0", 0),
            span_s: (0.0, 0.0),
            bytes: (0, 0),
            program: None,
            netns: 1,
            is_refused: false,
        }
    }
}

impl Host {
    fn new(number: usize, is_hidden: bool) -> Self {
        let (high, low) = (number / 250, number % 250 + 1);
        let addr = if is_hidden { format!("192.168.{high}.{low}") } else { format!("10.1.{high}.{low}") };
        let skew_us = match number % FEWEST_HOSTS {
            3 => 42 * SECOND_US,
            4 => -300 * SECOND_US,
            number => number as i64 * 700,
        };
        Self { name: format!("h{number:04}"), addr, skew_us, rows: Vec::new(), conns: 100, ports: 20_000 }
    }

    fn row(&self, id: u64, seconds: f64, kind: Kind, end: &End<'_>) -> Row {
        let us = (seconds * 1e6) as i64;
        let mut row = Row::snapshot(id, Protocol::Tcp, (end.local.0.parse().unwrap(), end.local.1));
        row.kind = kind;
        row.tick = (us / SECOND_US / TICK_S).max(0) as u32;
        (row.ts_us, row.mono_ns) = (START_US + us + self.skew_us, us * 1000);
        row.netns = Some(end.netns);
        if let Some(Program(name, pid, content, start_s)) = end.program {
            row.owner = Some(Arc::new(Owner {
                pid: Some(pid),
                process_name: Some(name.to_owned()),
                exe: Some(format!("/usr/bin/{content}")),
                exe_sha256: Some(format!("{content:0>64}")),
                process_start_us: Some(START_US + start_s * SECOND_US + self.skew_us),
                ..Owner::default()
            }));
            row.owner_source = Some(OwnerSource::Event);
        }
        row
    }

    fn listen(&mut self, port: u16, program: Program) {
        self.conns += 1;
        let end = End { local: ("0.0.0.0", port), program: Some(program), ..End::default() };
        for tick in 0..=(2 * HALF_S / TICK_S) {
            let mut row = self.row(self.conns, (tick * TICK_S) as f64, Kind::Snapshot, &end);
            row.state = Some(TcpState::Listen);
            self.rows.push(row);
        }
    }

    /// The rows of one end of a connection: opened, snapshots, closed.
    fn connect(&mut self, end: &End<'_>) {
        self.conns += 1;
        let id = self.conns;
        let state = if end.is_refused { TcpState::SynSent } else { TcpState::Established };
        let row = |host: &Self, seconds: f64, kind: Kind, state: TcpState, share: f64| {
            let mut row = host.row(id, seconds, kind, end);
            row.remote = Some((end.remote.0.parse().unwrap(), end.remote.1));
            row.state = Some(state);
            let part = |bytes: u64| Some((bytes as f64 * share) as u64);
            let (sent, received) = end.bytes;
            // What is of another namespace is seen by its address alone.
            if end.program.is_some() {
                row.counters = Counters {
                    bytes_sent: part(sent),
                    bytes_received: part(received),
                    ..Counters::default()
                };
            }
            row
        };
        let (from, to) = end.span_s;
        let opened = row(self, from, Kind::Opened, state, 0.0);
        self.rows.push(opened);
        let ticks = |seconds: f64| seconds / TICK_S as f64;
        // Snapshots list the sockets of the host's own namespaces.
        let is_listed = end.netns == End::default().netns;
        for tick in ticks(from).ceil() as i64..=(if is_listed { ticks(to).floor() as i64 } else { i64::MIN })
        {
            let at = (tick * TICK_S) as f64;
            let snapshot = row(self, at, Kind::Snapshot, state, (at - from) / (to - from));
            self.rows.push(snapshot);
        }
        let closed = row(self, to, Kind::Closed, TcpState::Close, 1.0);
        self.rows.push(closed);
    }

    fn port(&mut self) -> u16 {
        self.ports += 1;
        self.ports
    }
}

impl Fleet {
    /// A fleet of at least [`FEWEST_HOSTS`], each with some connections to the outside.
    pub(crate) fn new(hosts: usize, outside: usize) -> Self {
        assert!(hosts >= FEWEST_HOSTS, "the story needs {FEWEST_HOSTS} hosts");
        let hidden = hosts - hosts / 8;
        let hosts = (0..hosts).map(|number| Host::new(number, number >= hidden)).collect();
        let mut fleet = Self { hosts, truth: Truth::default() };
        fleet.truth.ahead_us = fleet.hosts.iter().map(|host| (host.name.clone(), host.skew_us)).collect();
        fleet.everyday(outside);
        fleet.logins();
        fleet.worm();
        fleet.beacon();
        fleet.scan();
        fleet.outside(9, "203.0.113.201", 9001, 800.0, Program("pool", 41, "one-off", 790));
        fleet.truth.rare.clone_from(&fleet.hosts[9].name);
        fleet
    }

    /// A service for all, a load balancer, bridges with the same addresses everywhere, other namespaces.
    fn everyday(&mut self, outside: usize) {
        self.hosts[0].listen(443, APP);
        self.hosts[9].listen(8443, APP);
        for number in 0..self.hosts.len() {
            let phase = number as f64 * 3.0 % 600.0;
            self.hosts[number].listen(22, SSHD);
            self.bridge(number);
            self.foreign(number);
            for n in 0..if number > 0 { 4 } else { 0 } {
                let at = 60.0 + f64::from(n) * 700.0 + phase;
                self.flow(number, 0, 443, (at, at + 2.5), (APP, APP), None);
            }
            if (1..6).contains(&(number % FEWEST_HOSTS)) && !self.is_hidden(number) {
                let at = 100.0 + phase * 5.0;
                self.flow(number, 9, 8443, (at, at + 1.0), (APP, APP), Some(BALANCER));
            }
            for n in 0..outside {
                let addr = format!("198.18.{}.{}", n * 7 % 250, (n * 13 + number) % 250 + 1);
                let at = 5.0 + n as f64 * 3500.0 / outside as f64;
                self.outside(number, &addr, 443, at, APP);
            }
        }
    }

    fn is_hidden(&self, number: usize) -> bool {
        self.hosts[number].addr.starts_with("192.168.")
    }

    fn bridge(&mut self, number: usize) {
        for n in 0..3_u16 {
            let at = 200.0 + f64::from(n) * 400.0;
            let (bridge, container) = (("172.17.0.1", 50_000 + n), ("172.17.0.2", 5432));
            let program = Some(APP);
            let opened = End {
                local: bridge,
                remote: container,
                span_s: (at, at + 0.2),
                bytes: (77, 88),
                program,
                ..End::default()
            };
            let accepted = End {
                local: container,
                remote: bridge,
                span_s: (at + 0.0001, at + 0.2),
                bytes: (88, 77),
                ..opened
            };
            self.hosts[number].connect(&opened);
            self.hosts[number].connect(&accepted);
        }
    }

    /// What a recorder in a container sees of other containers.
    fn foreign(&mut self, number: usize) {
        let end = End {
            local: ("172.30.0.5", 39_000),
            remote: ("198.51.100.77", 443),
            span_s: (300.0, 420.0),
            netns: 777,
            ..End::default()
        };
        self.hosts[number].connect(&end);
        self.truth.foreign += 1;
    }

    /// A session that lives across both captures, and somebody who goes from host to host.
    fn logins(&mut self) {
        let ssh = |pid, start| (Program("ssh", pid, "ssh", start), SSHD);
        self.flow(5, 6, 22, (1500.0, 2100.0), ssh(31, 1499), None);
        for (from, to, span) in [(1, 2, (300.0, 900.0)), (2, 7, (340.0, 860.0)), (7, 8, (400.0, 700.0))] {
            self.flow(from, to, 22, span, ssh(30, span.0 as i64), None);
        }
        self.truth.chain = [1, 2, 7, 8].map(|number: usize| self.hosts[number].name.clone()).to_vec();
    }

    fn worm(&mut self) {
        let worm = |start: i64| Program("kworkerd", 66, "worm", start);
        for (from, to, at, started) in [(10, 11, 400.0, 390), (10, 12, 460.0, 390), (11, 13, 520.0, 410)] {
            self.flow(from, to, 22, (at, at + 5.0), (worm(started), SSHD), None);
        }
        let came = [(10, 390, None), (11, 410, Some(10)), (12, 470, Some(10)), (13, 530, Some(11))];
        for (number, start, from) in came {
            for n in 0..3 {
                let at = start as f64 + 20.0 + f64::from(n) * f64::from(100 + n * 37);
                self.outside(number, WORM_TO, 8443, at, worm(start));
            }
            let name = |number: usize| self.hosts[number].name.clone();
            self.truth.worm.push((name(number), from.map(name)));
        }
    }

    /// The same beacon under three names, of two executables.
    fn beacon(&mut self) {
        let names = [(1, "updsvc", "implant"), (6, "gvfsd", "implant"), (13, "cron2", "implant2")];
        for (number, name, content) in names {
            for n in 0..60 {
                let jitter = f64::from((n * 7919 % 9) - 4) / 2.0;
                let at = 15.0 + f64::from(n) * 45.0 + jitter + number as f64;
                self.outside(number, BEACON_TO, 443, at, Program(name, 50, content, -100));
            }
            self.truth.beacon.push(self.hosts[number].name.clone());
        }
    }

    /// Eight hosts try three ports of one address each.
    fn scan(&mut self) {
        let target = self.hosts[13].addr.clone();
        for number in 1..9 {
            for n in 0..3_u16 {
                let at = 1000.0 + number as f64 * 9.0 + f64::from(n);
                let (source, port) = (self.hosts[number].addr.clone(), self.hosts[number].port());
                let end = End {
                    local: (&source, port),
                    remote: (&target, 1000 + number as u16 * 3 + n),
                    span_s: (at, at + 0.3),
                    program: Some(Program("perl", 40, "perl", -50)),
                    is_refused: true,
                    ..End::default()
                };
                self.hosts[number].connect(&end);
                self.truth.refused += 1;
            }
        }
        (self.truth.scan_target, self.truth.scan_sources) = (target, 8);
    }

    /// A connection between two hosts; `via` is the address to which it is opened in the target's place.
    fn flow(
        &mut self,
        from: usize,
        to: usize,
        port: u16,
        span_s: (f64, f64),
        programs: (Program, Program),
        via: Option<&str>,
    ) {
        let bytes = (1000 + self.hosts[from].conns * 7, 5000 + self.hosts[to].conns * 3);
        let source_port = self.hosts[from].port();
        let (source, target) = (self.hosts[from].addr.clone(), self.hosts[to].addr.clone());
        let is_hidden = self.is_hidden(from);
        // The gateway gives each connection a port of its own.
        let of_gateway = 10_000 + (self.truth.edges.len() % 50_000) as u16;
        let seen = if is_hidden { (GATEWAY, of_gateway) } else { (source.as_str(), source_port) };
        let kind = match (is_hidden, via) {
            (true, _) => "snat",
            (false, Some(_)) => "dnat",
            (false, None) => "exact",
        };
        let opened = End {
            local: (&source, source_port),
            remote: (via.unwrap_or(&target), port),
            span_s,
            bytes,
            program: Some(programs.0),
            ..End::default()
        };
        self.hosts[from].connect(&opened);
        let accepted = End {
            local: (&target, port),
            remote: seen,
            span_s: (span_s.0 + 0.0004, span_s.1 + 0.0003),
            bytes: (bytes.1, bytes.0),
            program: Some(programs.1),
            ..End::default()
        };
        self.hosts[to].connect(&accepted);
        let name = |number: usize| self.hosts[number].name.clone();
        let start_us = (span_s.0 * 1e6) as i64;
        self.truth.edges.insert(Edge { source: name(from), target: name(to), port, kind, start_us });
    }

    fn outside(&mut self, from: usize, addr: &str, port: u16, at_s: f64, program: Program) {
        let (source, source_port) = (self.hosts[from].addr.clone(), self.hosts[from].port());
        let end = End {
            local: (&source, source_port),
            remote: (addr, port),
            span_s: (at_s, at_s + 0.3),
            bytes: (300, 120),
            program: Some(program),
            ..End::default()
        };
        self.hosts[from].connect(&end);
    }

    /// Writes two captures a host into folders of the hosts' names.
    pub(crate) fn write(&self, place: &Path) {
        for host in &self.hosts {
            let folder = place.join(&host.name);
            fs::create_dir_all(&folder).unwrap();
            for half in 0..2 {
                host.write(&folder, half);
            }
        }
    }
}

impl Host {
    fn write(&self, folder: &Path, half: u32) {
        let (from, to) = (i64::from(half) * HALF_S, i64::from(half + 1) * HALF_S);
        let (first, last) = ((from / TICK_S) as u32, (to / TICK_S) as u32);
        // The snapshot of the cut is in both, the events after it in the later one.
        let is_in = |row: &&Row| match row.kind {
            Kind::Snapshot => (first..=last).contains(&row.tick),
            _ => (first..last).contains(&row.tick) || half == 1 && row.tick >= last,
        };
        let mut rows: Vec<&Row> = self.rows.iter().filter(is_in).collect();
        rows.sort_by_key(|row| (row.mono_ns, row.conn_id));
        let metadata = Metadata {
            tool_version: "netrec made up".to_owned(),
            host_name: Some(self.name.clone()),
            machine_id: Some(format!("{:0>32}", self.name)),
            boot_id: Some(format!("boot of {}", self.name)),
            start_us: START_US + from * SECOND_US + self.skew_us,
            end_us: START_US + to * SECOND_US + self.skew_us,
            start_mono_ns: from * 1_000_000_000,
            end_mono_ns: to * 1_000_000_000,
            interval_ms: TICK_S as u64 * 1000,
            ticks_taken: u64::from(last - first) + 1,
            events_lost: Some(0),
            host_addresses: vec![self.addr.clone(), "172.17.0.1".to_owned(), "127.0.0.1".to_owned()],
            series: Some(SeriesPart {
                name: self.name.clone(),
                part: half + 1,
                sequence: Some(u64::from(half) + 1),
                previous: None,
            }),
            ..Metadata::default()
        };
        let path = folder.join(format!("{}-{half}.parquet", self.name));
        let mut writer = Writer::create(&path, Overwrite::Never).unwrap();
        for row in rows {
            writer.push(row).unwrap();
        }
        writer.finish(&metadata).unwrap();
    }
}
