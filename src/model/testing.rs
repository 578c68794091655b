//! Captures for tests, as tables built connection by connection.

mod conn;
mod findings;
mod question;
mod reviewed;

use std::collections::BTreeMap;

pub(crate) use self::conn::Conn;
pub(crate) use self::findings::{measured, the_only};
pub(crate) use self::question::Question;
pub(crate) use self::reviewed::{check_text, short};
use super::detector::{Context, Detector, Outcome, Output};
use super::records::{
    ApplicationId, Connection, EndpointBin, EndpointId, Process, ProcessBin, ProcessId, Query, Recorded,
    Texts, TimeBin,
};
use super::tables::Tables;
use super::threat_intel::ThreatIntel;
use crate::capture::Metadata;

/// Start of every test capture, µs since the Unix epoch.
pub(crate) const START_US: i64 = 1_700_000_000_000_000;

const SECOND_US: i64 = 1_000_000;

/// A test capture: some connections and a duration.
#[derive(Clone, Default)]
pub(crate) struct Capture {
    conns: Vec<Conn>,
    questions: Vec<Question>,
    facts: Vec<(u32, Facts)>,
    recorder_pid: Option<u32>,
    seconds: i64,
    /// Seconds between two snapshots, if it is not one.
    interval_s: Option<u64>,
    holds_many_hosts: bool,
}

/// Facts of a process other than its name; by default an installed program of that name.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) exe: Option<&'static str>,
    pub(crate) exe_sha256: Option<&'static str>,
    pub(crate) cmdline: Option<&'static str>,
    pub(crate) parent_name: Option<&'static str>,
}

impl Capture {
    pub(crate) fn new(seconds: i64) -> Self {
        Self { seconds, ..Self::default() }
    }

    pub(crate) fn add(&mut self, conn: Conn) -> &mut Self {
        self.conns.push(conn);
        self
    }

    /// Adds a DNS query.
    pub(crate) fn ask(&mut self, question: Question) -> &mut Self {
        self.questions.push(question);
        self
    }

    /// Makes it an import of a network's log.
    pub(crate) fn imported(&mut self) -> &mut Self {
        self.holds_many_hosts = true;
        self
    }

    /// Sets the time between two snapshots.
    pub(crate) fn every(&mut self, interval_s: u64) -> &mut Self {
        self.interval_s = Some(interval_s);
        self
    }

    /// Makes the process with this pid the recorder.
    pub(crate) fn recorder(&mut self, pid: u32) -> &mut Self {
        self.recorder_pid = Some(pid);
        self
    }

    /// Sets the facts of the process with this pid.
    pub(crate) fn process(&mut self, pid: u32, facts: Facts) -> &mut Self {
        self.facts.push((pid, facts));
        self
    }

    /// The tables of the capture, built like those of a recording.
    pub(crate) fn tables(&self) -> Tables {
        let interval_ms = 1_000 * self.interval_s.unwrap_or(1);
        let metadata = Metadata { interval_ms, ..Metadata::default() };
        let mut tables = Tables::build(self.recorded(), &metadata).unwrap();
        tables.holds_many_hosts = self.holds_many_hosts;
        tables
    }

    fn recorded(&self) -> Recorded {
        let mut conns = self.conns.clone();
        conns.sort_by_key(Conn::first_us);
        let (owners, addresses) = (self.owners(), addresses(&conns));
        let process = |c: &Conn| place(&owners, c.owner.as_ref()?).map(ProcessId::of);
        let endpoint = |c: &Conn| place(&addresses, &c.remote.as_ref()?.0).map(EndpointId::of);
        let mut texts = Texts::default();
        let mut applications = Vec::new();
        let bins = 0..=self.seconds.max(0);
        Recorded {
            connections: (1..)
                .zip(&conns)
                .map(|(id, conn)| {
                    let application = conn.application_record(&mut texts).map(|application| {
                        applications.push(application);
                        ApplicationId::of(applications.len() as u32 - 1)
                    });
                    let record = conn.record(id, process(conn), endpoint(conn), &mut texts);
                    Connection { application, ..record }
                })
                .collect(),
            processes: owners.iter().map(|owner| self.process_record(owner, &mut texts)).collect(),
            endpoints: addresses
                .iter()
                .map(|addr| {
                    let is_to = |conn: &&Conn| conn.remote.as_ref().is_some_and(|remote| remote.0 == *addr);
                    conns.iter().find(is_to).unwrap().endpoint_record(&mut texts)
                })
                .collect(),
            applications,
            bins: bins
                .map(|n| TimeBin { start_us: START_US + n * SECOND_US, ..TimeBin::default() })
                .collect(),
            bin_width_us: SECOND_US,
            process_bins: bytes_by(&conns, self.seconds, process)
                .map(|((bin, process), (bytes_sent, bytes_received))| ProcessBin {
                    bin,
                    process,
                    open_connections: 1,
                    bytes_sent,
                    bytes_received,
                    cpu_percent: None,
                    memory_rss_bytes: None,
                })
                .collect(),
            endpoint_bins: bytes_by(&conns, self.seconds, endpoint)
                .map(|((bin, endpoint), (bytes_sent, bytes_received))| EndpointBin {
                    bin,
                    endpoint,
                    bytes_sent,
                    bytes_received,
                })
                .collect(),
            sends: (1..).zip(&conns).filter_map(|(id, conn)| conn.sends(id)).collect(),
            queries: self.question_records(&owners, &mut texts),
            transitions: Vec::new(),
            span_us: (START_US, START_US + self.seconds * SECOND_US),
            ticks: self.seconds as u32 + 1,
            rows: 0,
            texts,
            ..Recorded::default()
        }
    }

    /// The queries, in time order.
    fn question_records(&self, owners: &[(String, u32)], texts: &mut Texts) -> Vec<Query> {
        let process = |q: &Question| place(owners, q.owner.as_ref()?).map(ProcessId::of);
        let mut records: Vec<Query> = self.questions.iter().map(|q| q.record(process(q), texts)).collect();
        records.sort_by_key(|query| query.ts_us);
        records
    }

    /// The given facts of a process, and otherwise those of an installed program of its name.
    fn process_record(&self, (name, pid): &(String, u32), texts: &mut Texts) -> Process {
        let facts = self.facts.iter().find(|known| known.0 == *pid).map(|known| known.1).unwrap_or_default();
        let mut text = |text: &str| Some(texts.intern(text));
        Process {
            pid: Some(*pid),
            ppid: None,
            uid: None,
            process_name: text(name),
            exe: text(facts.exe.unwrap_or(&format!("/usr/bin/{name}"))),
            cmdline: text(facts.cmdline.unwrap_or(name)),
            username: text(&format!("user-of-{name}")),
            parent_name: facts.parent_name.and_then(&mut text),
            actor: None,
            container: None,
            exe_sha256: facts.exe_sha256.and_then(&mut text),
            process_start_us: None,
            cpu_percent_mean: None,
            cpu_percent_max: None,
            memory_rss_max_bytes: None,
        }
    }

    /// Runs a detector with its default configuration.
    pub(crate) fn outcome<D: Detector>(&self) -> Outcome {
        self.outcome_with::<D>(&D::Config::default())
    }

    /// Runs a detector; what it says must be what was reviewed (see [`reviewed`]).
    #[track_caller]
    pub(crate) fn outcome_with<D: Detector>(&self, config: &D::Config) -> Outcome {
        let tables = self.tables();
        let recorder_pids = self.recorder_pid.into_iter().collect();
        let (metadata, intel) = (Metadata { recorder_pids, ..Metadata::default() }, ThreatIntel::default());
        let outcome = D::detect(&Context::new(&tables, &metadata, &intel, 1), config).unwrap();
        reviewed::check(D::ABOUT.id, &outcome);
        outcome
    }

    /// Runs a detector that must not skip.
    pub(crate) fn run<D: Detector>(&self) -> Output {
        match self.outcome::<D>() {
            Outcome::Ran(output) => output,
            Outcome::Skipped(reason) => panic!("skipped: {reason}"),
        }
    }

    fn owners(&self) -> Vec<(String, u32)> {
        let of_conns = self.conns.iter().filter_map(|c| c.owner.clone());
        let of_questions = self.questions.iter().filter_map(|q| q.owner.clone());
        let mut owners: Vec<_> = of_conns.chain(of_questions).collect();
        owners.sort();
        owners.dedup();
        owners
    }
}

/// The remote addresses, in the order of the table of endpoints.
fn addresses(conns: &[Conn]) -> Vec<String> {
    let mut addresses: Vec<String> =
        conns.iter().filter_map(|c| Some(c.remote.as_ref()?.0.clone())).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// The index of an item in a sorted list.
fn place<T: Ord>(list: &[T], item: &T) -> Option<u32> {
    list.binary_search(item).ok().map(|at| at as u32)
}

/// Bytes per second and owner (or address).
fn bytes_by<K: Ord + Copy>(
    conns: &[Conn],
    seconds: i64,
    key: impl Fn(&Conn) -> Option<K>,
) -> impl Iterator<Item = ((u32, K), (u64, u64))> {
    let mut sums = BTreeMap::<(u32, K), (u64, u64)>::new();
    for conn in conns {
        let Some(key) = key(conn) else { continue };
        for (bin, sent, received) in conn.bytes_per_second(seconds) {
            let sum = sums.entry((bin, key)).or_default();
            *sum = (sum.0 + sent, sum.1 + received);
        }
    }
    sums.into_iter()
}
