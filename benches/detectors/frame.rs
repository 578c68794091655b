//! Scenes as tables in memory, and the tally of a detector's results.

use netrec::analyze::Config;
use netrec::analyze::detectors;
use netrec::capture::{Metadata, Protocol, TcpState};
use netrec::model::detector::{Outcome, Output};
use netrec::model::records::{
    Connection, Count, Direction, Endpoint, EndpointBin, EndpointId, Location, Process, ProcessBin,
    ProcessId, Recorded, Scope, SmallCount, TextId, Texts, TimeBin, Totals,
};
use netrec::model::states::States;
use netrec::model::tables::Tables;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const START_US: i64 = 1_700_000_000_000_000;
const SECOND_US: i64 = 1_000_000;

/// The process with the behavior to find.
pub(crate) const CULPRIT: &str = "culprit";

/// Random numbers, the same in every run.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform between 0 and 1, both excluded.
    pub(crate) fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / (f64::from(u32::MAX) + 1.0)
    }

    /// Exponential waiting time to the next arrival.
    pub(crate) fn wait(&mut self, rate: f64) -> f64 {
        -self.uniform().ln() / rate
    }
}

/// A connection of a scene.
pub(crate) struct Flow<'a> {
    pub(crate) process: &'a str,
    /// Path of the program; by default where packages install.
    pub(crate) exe: &'a str,
    pub(crate) addr: String,
    pub(crate) port: u16,
    pub(crate) start_s: f64,
    pub(crate) seconds: f64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) retransmits: u32,
    pub(crate) seen: Seen,
    pub(crate) fate: Fate,
}

impl Default for Flow<'_> {
    fn default() -> Self {
        Self {
            process: CULPRIT,
            exe: "/usr/bin/program",
            addr: "203.0.113.66".to_owned(),
            port: 443,
            start_s: 0.0,
            seconds: 0.3,
            sent: 500,
            received: 5_000,
            retransmits: 0,
            seen: Seen::BySnapshot,
            fate: Fate::Closed,
        }
    }
}

/// The outcome of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Established, used and closed.
    Closed,
    /// A reset answers the SYN.
    Refused,
    /// Nothing answers the SYN.
    Unanswered,
    /// From outside, and never established.
    HalfOpen,
    /// Established, and ended by a reset.
    Reset,
    /// The peer closed, and this side never does.
    LeftWaiting,
}

impl Fate {
    fn states(self) -> &'static [TcpState] {
        use TcpState::{Close, CloseWait, Established, FinWait1, SynRecv, SynSent};
        match self {
            Self::Closed => &[SynSent, Established, FinWait1, Close],
            Self::Refused => &[SynSent, Close],
            Self::Unanswered => &[SynSent],
            Self::HalfOpen => &[SynRecv],
            Self::Reset => &[SynSent, Established, Close],
            Self::LeftWaiting => &[SynSent, Established, CloseWait],
        }
    }

    /// Whether bytes went either way.
    fn is_used(self) -> bool {
        matches!(self, Self::Closed | Self::Reset | Self::LeftWaiting)
    }
}

/// How the recorder learned of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// At the next snapshot.
    BySnapshot,
    /// By an event, at once.
    ByEvent,
}

/// The tables that a recording with an interval of one second would give for connections to public
/// addresses.
pub(crate) fn tables(flows: &[Flow<'_>], length_s: i64) -> Tables {
    let mut texts = Texts::default();
    let mut processes: Vec<&str> = flows.iter().map(|flow| flow.process).collect();
    processes.sort_unstable();
    processes.dedup();
    let mut addresses: Vec<&str> = flows.iter().map(|flow| flow.addr.as_str()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let local = texts.intern("192.168.1.10");
    let place = |list: &[&str], item: &str| list.binary_search(&item).map_or(0, |at| at as u32);
    let mut recorded = Recorded {
        bins: (0..=length_s)
            .map(|n| TimeBin { start_us: START_US + n * SECOND_US, ..TimeBin::default() })
            .collect(),
        bin_width_us: SECOND_US,
        span_us: (START_US, START_US + length_s * SECOND_US),
        ticks: length_s as u32 + 1,
        ..Recorded::default()
    };
    for (number, flow) in flows.iter().enumerate() {
        let process = ProcessId::of(place(&processes, flow.process));
        let endpoint = EndpointId::of(place(&addresses, &flow.addr));
        recorded.connections.push(connection(number, flow, local, process, endpoint));
        add_slices(&mut recorded, flow, process, endpoint, length_s);
    }
    recorded.connections.sort_by_key(|connection| (connection.first_seen_us, connection.conn_id));
    recorded.process_bins.sort_by_key(|bin| (bin.bin, bin.process));
    recorded.endpoint_bins.sort_by_key(|bin| (bin.bin, bin.endpoint));
    recorded.processes = processes
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let exe = flows.iter().find(|flow| flow.process == *name).map_or("", |flow| flow.exe);
            process(n, texts.intern(name), texts.intern(exe))
        })
        .collect();
    recorded.endpoints = addresses
        .iter()
        .map(|addr| Endpoint {
            addr: texts.intern(addr),
            scope: Scope::Public,
            location: Location::default(),
        })
        .collect();
    recorded.texts = texts;
    let metadata = Metadata { interval_ms: 1_000, ..Metadata::default() };
    Tables::build(recorded, &metadata).unwrap_or_else(|error| panic!("tables of a scene: {error}"))
}

fn connection(
    number: usize,
    flow: &Flow<'_>,
    local: TextId,
    process: ProcessId,
    endpoint: EndpointId,
) -> Connection {
    // A snapshot sees it at the next whole second.
    let first_s = match flow.seen {
        Seen::BySnapshot => flow.start_s.ceil(),
        Seen::ByEvent => flow.start_s,
    };
    let (first_seen_us, life_us) = (START_US + (first_s * 1e6) as i64, (flow.seconds * 1e6) as i64);
    let moved = |bytes: u64| Some(Count::of(if flow.fate.is_used() { bytes } else { 0 }));
    let (sent, received) = (moved(flow.sent), moved(flow.received));
    let states = flow.fate.states();
    let is_inbound = flow.fate == Fate::HalfOpen;
    let ports = if is_inbound { (443, 50_000) } else { (40_000, flow.port) };
    Connection {
        conn_id: number as u64 + 1,
        protocol: Protocol::Tcp,
        netns: None,
        local_addr: local,
        local_port: ports.0,
        remote: Some((endpoint, ports.1)),
        application: None,
        remote_name: None,
        direction: Some(if is_inbound { Direction::Inbound } else { Direction::Outbound }),
        state: states.last().copied(),
        state_since_us: if flow.fate == Fate::LeftWaiting { first_seen_us } else { first_seen_us + life_us },
        states_seen: States::new(states),
        first_seen_us,
        last_seen_us: first_seen_us + life_us,
        first_mono_ns: first_seen_us * 1_000,
        last_mono_ns: (first_seen_us + life_us) * 1_000,
        opened_in_recording: true,
        start_is_exact: flow.seen == Seen::ByEvent,
        closed_in_recording: flow.fate != Fate::LeftWaiting,
        ticks: 1 + flow.seconds as u32,
        last_tick: first_s as u32,
        last_sent_tick: 0,
        sends: 1,
        totals: Totals {
            bytes_sent: sent,
            bytes_received: received,
            packets_sent: Some(Count::of(2 + flow.sent / 1_400)),
            packets_received: Some(Count::of(2 + flow.received / 1_400)),
            retransmits: Some(SmallCount::of(flow.retransmits)),
            ..Totals::default()
        },
        recorded_sent: sent,
        recorded_received: received,
        rtt_min_us: None,
        process: Some(process),
        owner_source: None,
        is_own: None,
    }
}

/// The bytes of a flow, spread evenly over its seconds.
fn add_slices(
    recorded: &mut Recorded,
    flow: &Flow<'_>,
    process: ProcessId,
    endpoint: EndpointId,
    length_s: i64,
) {
    let seconds = (flow.seconds.ceil() as u64).max(1);
    for n in 0..seconds {
        let bin = (flow.start_s.ceil() as u64 + n).min(length_s as u64) as u32;
        let (bytes_sent, bytes_received) = (flow.sent / seconds, flow.received / seconds);
        recorded.process_bins.push(ProcessBin {
            bin,
            process,
            open_connections: 1,
            bytes_sent,
            bytes_received,
            cpu_percent: None,
            memory_rss_bytes: None,
        });
        recorded.endpoint_bins.push(EndpointBin { bin, endpoint, bytes_sent, bytes_received });
    }
}

fn process(number: usize, name: TextId, exe: TextId) -> Process {
    Process {
        pid: Some(100 + number as u32),
        ppid: None,
        uid: None,
        process_name: Some(name),
        exe: Some(exe),
        cmdline: None,
        username: None,
        parent_name: None,
        container: None,
        exe_sha256: None,
        actor: Some(name),
        process_start_us: None,
        cpu_percent_mean: None,
        cpu_percent_max: None,
        memory_rss_max_bytes: None,
    }
}

/// A browser at work for some seconds: Poisson arrivals at many destinations, one in twenty of
/// which refuses.
pub(crate) fn browsing(chance: &mut Chance, length_s: f64) -> Vec<Flow<'static>> {
    let (mut at, mut flows) = (chance.wait(0.2), Vec::new());
    while at < length_s - 2.0 {
        let place = (30.0 * chance.uniform().powi(2)) as u32;
        let fate = if chance.uniform() < 0.05 { Fate::Refused } else { Fate::Closed };
        flows.push(Flow {
            process: "browser",
            addr: format!("198.51.100.{place}"),
            start_s: at,
            seconds: 0.2 + 5.0 * chance.uniform(),
            sent: 500 + (4_000.0 * chance.uniform()) as u64,
            received: (20_000.0 / chance.uniform()).min(5e6) as u64,
            fate,
            ..Flow::default()
        });
        at += chance.wait(0.2);
    }
    flows
}

/// Runs a detector on hours of browsing alone, and prints the number of false positives.
pub(crate) fn print_calm(detector: &str) {
    let (mut alarms, hours) = (0, 24_u32);
    for seed in 0..hours {
        let flows = browsing(&mut Chance::new(u64::from(seed)), 3_600.0);
        alarms += run(detector, &tables(&flows, 3_600)).findings.len();
    }
    println!(
        "\n{hours} hours of browsing alone: {alarms} false alarms, {:.2} an hour.",
        alarms as f64 / f64::from(hours)
    );
}

/// Runs a detector with its default configuration.
pub(crate) fn run(detector: &str, tables: &Tables) -> Output {
    let entry = detectors::find(detector).unwrap_or_else(|| panic!("no detector {detector}"));
    // Events between ticks report every state, as in a recording by root.
    let metadata = Metadata { events_lost: Some(0), ..Metadata::default() };
    let config = Config::default();
    match (entry.run)(&config.context(tables, &metadata), None) {
        Ok(Outcome::Ran(output)) => output,
        Ok(Outcome::Skipped(_)) => Output::default(),
        Err(error) => panic!("{detector} failed: {error}"),
    }
}

/// The results of a detector on the scenes in one cell of a grid.
#[derive(Default)]
pub(crate) struct Tally {
    planted: u32,
    found: u32,
    false_alarms: u32,
}

impl Tally {
    /// Adds a scene, with or without the culprit's behavior.
    pub(crate) fn add(&mut self, output: &Output, is_planted: bool) {
        self.add_by(output, is_planted.then_some(CULPRIT));
    }

    /// Adds a scene in which a program of this name has the behavior, if any.
    pub(crate) fn add_by(&mut self, output: &Output, planted: Option<&str>) {
        let names = output.findings.iter().map(|f| f.judgement.entities.process_name.as_deref());
        let (mut is_found, mut others, is_planted) = (false, 0, planted.is_some());
        for name in names {
            if is_planted && name == planted { is_found = true } else { others += 1 }
        }
        self.planted += u32::from(is_planted);
        self.found += u32::from(is_found);
        self.false_alarms += others;
    }

    /// Prints a line: what it is, scenes, recall, precision.
    pub(crate) fn print(&self, what: &str) {
        let ratio = |part: u32, whole: u32| match whole {
            0 => "–".to_owned(),
            _ => format!("{:.3}", f64::from(part) / f64::from(whole)),
        };
        let recall = ratio(self.found, self.planted);
        let precision = ratio(self.found, self.found + self.false_alarms);
        println!("| {what} | {} | {recall} | {precision} | {} |", self.planted, self.false_alarms);
    }
}

/// Prints the header of a grid's table.
pub(crate) fn print_head(what: &str) {
    println!("| {what} | planted | recall | precision | false alarms |\n|---|---|---|---|---|");
}
