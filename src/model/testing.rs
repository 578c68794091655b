//! For tests: captures as tables, built connection by connection.

mod conn;
mod findings;

use polars::prelude::*;

pub(crate) use self::conn::Conn;
pub(crate) use self::findings::{measured, the_only};
use super::detector::{Context, Detector, Outcome, Output};
use super::knowledge::Knowledge;
use super::tables::Tables;
use crate::capture::Metadata;

/// When every test capture begins, µs since the Unix epoch.
pub(crate) const START_US: i64 = 1_700_000_000_000_000;

/// A capture of a test: some connections and a length.
#[derive(Clone)]
pub(crate) struct Capture {
    conns: Vec<Conn>,
    facts: Vec<(u32, Facts)>,
    seconds: i64,
    interval_s: f64,
    holds_many_hosts: bool,
}

/// What is known of a process besides its name; by default an installed program of its name.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) exe: Option<&'static str>,
    pub(crate) exe_sha256: Option<&'static str>,
    pub(crate) cmdline: Option<&'static str>,
    pub(crate) parent_name: Option<&'static str>,
}

impl Capture {
    pub(crate) fn new(seconds: i64) -> Self {
        Self { conns: Vec::new(), facts: Vec::new(), seconds, interval_s: 1.0, holds_many_hosts: false }
    }

    pub(crate) fn add(&mut self, conn: Conn) -> &mut Self {
        self.conns.push(conn);
        self
    }

    /// Makes it the import of a network's log.
    pub(crate) fn imported(&mut self) -> &mut Self {
        self.holds_many_hosts = true;
        self
    }

    /// Says what is known of the process of this pid.
    pub(crate) fn process(&mut self, pid: u32, facts: Facts) -> &mut Self {
        self.facts.push((pid, facts));
        self
    }

    /// The capture as its tables; those that no detector reads yet are empty.
    pub(crate) fn tables(&self) -> Tables {
        let mut conns = self.conns.clone();
        conns.sort_by_key(Conn::first_us);
        let owners = self.owners();
        let addresses = addresses(&conns);
        Tables {
            connections: connections(&conns, &owners, self.interval_s),
            processes: processes(&owners, &self.facts),
            endpoints: DataFrame::empty(),
            pairs: DataFrame::empty(),
            time_bins: DataFrame::empty(),
            process_bins: bins_by("process", &conns, self.seconds, |c| place(&owners, c.owner.as_ref()?)),
            endpoint_bins: bins_by("endpoint", &conns, self.seconds, |c| {
                place(&addresses, &c.remote.as_ref()?.0)
            }),
            sends: sends(&conns),
            transitions: DataFrame::empty(),
            span_us: (START_US, START_US + self.seconds * 1_000_000),
            bin_width_us: 1_000_000,
            ticks: self.seconds as u32 + 1,
            interval_s: self.interval_s,
            holds_many_hosts: self.holds_many_hosts,
        }
    }

    /// Runs a detector with its defaults.
    pub(crate) fn outcome<D: Detector>(&self) -> Outcome {
        self.outcome_with::<D>(&D::Config::default())
    }

    /// Runs a detector.
    pub(crate) fn outcome_with<D: Detector>(&self, config: &D::Config) -> Outcome {
        let tables = self.tables();
        let (metadata, knowledge) = (Metadata::default(), Knowledge::default());
        D::detect(&Context::new(&tables, &metadata, &knowledge, 1), config).unwrap()
    }

    /// Runs a detector that must not skip.
    pub(crate) fn run<D: Detector>(&self) -> Output {
        match self.outcome::<D>() {
            Outcome::Ran(output) => output,
            Outcome::Skipped(reason) => panic!("skipped: {reason}"),
        }
    }

    fn owners(&self) -> Vec<(String, u32)> {
        let mut owners: Vec<_> = self.conns.iter().filter_map(|c| c.owner.clone()).collect();
        owners.sort();
        owners.dedup();
        owners
    }
}

fn connections(conns: &[Conn], owners: &[(String, u32)], interval_s: f64) -> DataFrame {
    fn column<T>(conns: &[Conn], field: impl Fn(&Conn) -> T) -> Vec<T> {
        conns.iter().map(field).collect()
    }
    let process = |c: &Conn| place(owners, c.owner.as_ref()?);
    let addresses = addresses(conns);
    let endpoint = |c: &Conn| place(&addresses, &c.remote.as_ref()?.0);
    let state = |c: &Conn| c.states.and_then(|states| states.rsplit('>').next());
    let since = |c: &Conn| c.state_since_s.map_or(c.first_us(), |second| START_US + (second * 1e6) as i64);
    let packets = |bytes: u64| 2 + bytes / 1_000;
    df!(
        "conn_id" => (1..=conns.len() as u64).collect::<Vec<_>>(),
        "protocol" => column(conns, |c| c.protocol),
        "local_addr" => column(conns, |c| c.local.0.clone()),
        "local_port" => column(conns, |c| c.local.1),
        "remote_addr" => column(conns, |c| c.remote.as_ref().map(|r| r.0.clone())),
        "remote_port" => column(conns, |c| c.remote.as_ref().map(|r| r.1)),
        "remote_name" => column(conns, |c| c.remote_name),
        "remote_scope" => column(conns, |c| c.scope),
        "country_code" => column(conns, |c| c.country),
        "role" => column(conns, |c| c.role),
        "direction" => column(conns, |c| c.direction),
        "state" => column(conns, state),
        "state_since_us" => column(conns, |c| state(c).map(|_| since(c))),
        "states" => column(conns, |c| c.states),
        "first_seen_us" => column(conns, Conn::first_us),
        "last_seen_us" => column(conns, |c| c.first_us() + (c.duration_s * 1e6) as i64),
        "duration_s" => column(conns, |c| c.duration_s),
        "opened_in_recording" => column(conns, |c| c.opened),
        "start_is_exact" => column(conns, |c| c.start_is_exact),
        "closed_in_recording" => column(conns, |c| c.closed),
        "ticks" => column(conns, |c| 1 + (c.duration_s / interval_s) as u32),
        "bytes_sent" => column(conns, |c| c.bytes.map(|b| b.0)),
        "bytes_received" => column(conns, |c| c.bytes.map(|b| b.1)),
        "packets_sent" => column(conns, |c| c.packets_sent.or(c.bytes.map(|b| packets(b.0)))),
        "packets_received" => column(conns, |c| c.bytes.map(|b| packets(b.1))),
        "retransmits" => column(conns, |c| c.bytes.map(|_| c.retransmits)),
        "rtt_us" => column(conns, |c| c.rtt_us),
        "recorded_sent" => column(conns, |c| c.bytes.map(|b| b.0)),
        "recorded_received" => column(conns, |c| c.bytes.map(|b| b.1)),
        "endpoint" => column(conns, endpoint),
        "process" => column(conns, process),
        "pid" => column(conns, |c| c.owner.as_ref().map(|o| o.1)),
        "process_name" => column(conns, |c| c.owner.as_ref().map(|o| o.0.clone())),
    )
    .unwrap()
}

fn sends(conns: &[Conn]) -> DataFrame {
    let sends = (1_u64..).zip(conns).flat_map(|(id, c)| c.sends_s.iter().map(move |second| (id, second)));
    let (ids, moments): (Vec<u64>, Vec<i64>) =
        sends.map(|(id, second)| (id, START_US + (second * 1e6) as i64)).unzip();
    df!("conn_id" => ids, "ts_us" => moments).unwrap()
}

/// The remote addresses, as the table of endpoints numbers them.
fn addresses(conns: &[Conn]) -> Vec<String> {
    let mut addresses: Vec<String> =
        conns.iter().filter_map(|c| Some(c.remote.as_ref()?.0.clone())).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Where an item stands in a sorted list.
fn place<T: Ord>(list: &[T], item: &T) -> Option<u32> {
    list.binary_search(item).ok().map(|at| at as u32)
}

/// Bytes per second and owner (or address), by its number.
fn bins_by(key: &str, conns: &[Conn], seconds: i64, number: impl Fn(&Conn) -> Option<u32>) -> DataFrame {
    let mut sums = std::collections::BTreeMap::<(u32, u32), (u64, u64)>::new();
    for conn in conns {
        let Some(number) = number(conn) else { continue };
        for (bin, sent, received) in conn.bytes_per_second(seconds) {
            let sum = sums.entry((bin, number)).or_default();
            *sum = (sum.0 + sent, sum.1 + received);
        }
    }
    df!(
        "bin" => sums.keys().map(|key| key.0).collect::<Vec<_>>(),
        key => sums.keys().map(|key| key.1).collect::<Vec<_>>(),
        "bytes_sent" => sums.values().map(|sum| sum.0).collect::<Vec<_>>(),
        "bytes_received" => sums.values().map(|sum| sum.1).collect::<Vec<_>>(),
    )
    .unwrap()
}

fn processes(owners: &[(String, u32)], facts: &[(u32, Facts)]) -> DataFrame {
    let text = |prefix: &str| owners.iter().map(|o| Some(format!("{prefix}{}", o.0))).collect::<Vec<_>>();
    let of = |pid: u32| facts.iter().find(|known| known.0 == pid).map(|known| known.1).unwrap_or_default();
    let told = |prefix: &str, field: fn(Facts) -> Option<&'static str>| {
        let told = owners.iter().map(|owner| field(of(owner.1)).map(str::to_owned));
        told.zip(text(prefix)).map(|(told, usual)| told.or(usual)).collect::<Vec<_>>()
    };
    df!(
        "pid" => owners.iter().map(|owner| Some(owner.1)).collect::<Vec<_>>(),
        "process_name" => text(""),
        "exe" => told("/usr/bin/", |facts| facts.exe),
        "exe_sha256" => owners.iter().map(|owner| of(owner.1).exe_sha256).collect::<Vec<_>>(),
        "cmdline" => told("", |facts| facts.cmdline),
        "parent_name" => owners.iter().map(|owner| of(owner.1).parent_name).collect::<Vec<_>>(),
        "username" => text("user-of-"),
        "container" => vec![None::<String>; owners.len()],
        "cpu_percent_mean" => vec![None::<f32>; owners.len()],
    )
    .unwrap()
}
