//! What is normal on a host or in a fleet: which programs, destinations and listeners were seen, on
//! how many days and hosts, and how much they moved. Learned from recordings that a person
//! considers ordinary, stored in a small JSON file, and extended day by day.
//!
//! A baseline counts days with a fact, not connections: one busy afternoon makes nothing normal. It
//! calls a fact "new" if it never saw it, and only after it has covered some days.

mod file;
mod spread;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::spread::Spread;

/// The value of `schema` in the file.
pub const SCHEMA: &str = "netrec/baseline.v1";

/// Maximum number of facts per kind; the least recently seen ones are dropped.
const MOST_FACTS: usize = 200_000;

/// Maximum number of distinct hosts.
const MOST_HOSTS: usize = 100_000;

/// Minimum number of days that a baseline must cover before it calls anything new.
pub const LEAST_DAYS: u32 = 3;

const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// A kind of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `203.0.113.5 443 tcp`: a remote address, port and protocol of connections that the host opened.
    Destination,
    /// `example.org`: a name that was resolved to a remote.
    Name,
    /// `curl > example.org`: a program and its destination, by name if there is one.
    Contact,
    /// SHA-256 of an executable, or else its path.
    Executable,
    /// `tcp 443 nginx`: protocol, port and program of a listener.
    Listener,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Destination, Self::Name, Self::Contact, Self::Executable, Self::Listener];

    /// The plural, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Destination => "destinations",
            Self::Name => "names",
            Self::Contact => "programs and their destinations",
            Self::Executable => "executables",
            Self::Listener => "listeners",
        }
    }
}

/// Statistics of one fact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// First seen, µs since the Unix epoch.
    pub first_us: i64,
    /// Last seen.
    pub last_us: i64,
    /// Days (UTC) on which it was seen.
    pub days: u32,
    /// Hosts on which it was seen, by number in the baseline.
    pub hosts: BTreeSet<u32>,
    /// Number of connections.
    pub connections: u64,
    /// For programs and their destinations: payload bytes sent per day.
    #[serde(default, skip_serializing_if = "Spread::is_empty")]
    pub sent_a_day: Spread,
    /// Hours of the day (UTC) at which it was seen: bit 0 is midnight to one.
    pub hours: u32,
    /// The last counted day, in days since the Unix epoch.
    last_day: i64,
    /// Bytes sent on that day.
    #[serde(default)]
    sent_that_day: u64,
}

/// The normal activity of a host or a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    schema: String,
    /// Program that wrote it.
    tool_version: String,
    /// Hosts of the learned recordings, by machine id or name.
    hosts: Vec<String>,
    /// SHA-256 of every learned recording, so that none counts twice.
    learned: BTreeSet<String>,
    /// First and last covered moment, µs since the Unix epoch.
    span_us: Option<(i64, i64)>,
    /// Days (since the Unix epoch) with a recording.
    days: BTreeSet<i64>,
    facts: BTreeMap<Kind, BTreeMap<String, Fact>>,
    /// Number of dropped facts.
    dropped: u64,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool_version: concat!("netrec ", env!("CARGO_PKG_VERSION")).to_owned(),
            hosts: Vec::new(),
            learned: BTreeSet::new(),
            span_us: None,
            days: BTreeSet::new(),
            facts: BTreeMap::new(),
            dropped: 0,
        }
    }
}

/// One observation of a fact.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Start and end, µs since the Unix epoch.
    pub span_us: (i64, i64),
    /// The host, as returned by [`Baseline::host`].
    pub host: u32,
    /// Payload bytes sent; 0 if unknown.
    pub sent: u64,
}

/// How a fact compares with a baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing<'a> {
    /// The baseline covers too few days.
    Unknown,
    /// Never seen in this number of days.
    New(u32),
    /// The fact's statistics, and the number of covered days.
    Known(&'a Fact, u32),
}

impl Baseline {
    /// Whether a recording was already learned.
    pub fn has_learned(&self, capture_id: &str) -> bool {
        self.learned.contains(capture_id)
    }

    /// Notes that a host's recording of this period is learned; returns the host's number.
    pub fn host(&mut self, host: &str, capture_id: &str, (start_us, end_us): (i64, i64)) -> u32 {
        self.learned.insert(capture_id.to_owned());
        let span = self.span_us.get_or_insert((start_us, end_us));
        *span = (span.0.min(start_us), span.1.max(end_us));
        // A bound, in case a recording claims an implausible period.
        self.days.extend((day(start_us)..=day(end_us)).take(3660));
        let known = self.hosts.iter().position(|known| known == host);
        let number = known.unwrap_or_else(|| {
            if self.hosts.len() < MOST_HOSTS {
                self.hosts.push(host.to_owned());
            }
            self.hosts.len() - 1
        });
        number as u32
    }

    /// Adds an observation. Those of one fact must come in time order.
    pub fn add(&mut self, kind: Kind, key: &str, seen: &Seen) {
        let facts = self.facts.entry(kind).or_default();
        if !facts.contains_key(key) && facts.len() >= MOST_FACTS {
            self.dropped += let_go(facts);
        }
        let fact = facts.entry(key.to_owned()).or_default();
        fact.add(seen);
    }

    /// How a fact compares with the baseline.
    pub fn standing(&self, kind: Kind, key: &str) -> Standing<'_> {
        let days = self.covered_days();
        if days < LEAST_DAYS {
            return Standing::Unknown;
        }
        match self.facts.get(&kind).and_then(|facts| facts.get(key)) {
            Some(fact) => Standing::Known(fact, days),
            None if self.dropped > 0 => Standing::Unknown,
            None => Standing::New(days),
        }
    }

    /// Number of days with a recording.
    pub fn covered_days(&self) -> u32 {
        self.days.len() as u32
    }

    /// Number of hosts.
    pub fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// Number of facts of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.facts.get(&kind).map_or(0, BTreeMap::len)
    }

    /// First and last covered moment, µs since the Unix epoch.
    pub fn span_us(&self) -> Option<(i64, i64)> {
        self.span_us
    }

    /// Number of facts that were dropped because there were too many.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Fact {
    fn add(&mut self, seen: &Seen) {
        let (first, last) = seen.span_us;
        let is_first = self.days == 0;
        self.first_us = if is_first { first } else { self.first_us.min(first) };
        self.last_us = if is_first { last } else { self.last_us.max(last) };
        self.connections += 1;
        self.hosts.insert(seen.host);
        let (from, to) = (day(first), day(last));
        let before = if is_first { from - 1 } else { self.last_day };
        // A day that was already counted is not counted again.
        let new_days = (to - before.max(from - 1)).clamp(0, 3660);
        if new_days > 0 && !is_first {
            self.sent_a_day.add(self.sent_that_day as f64);
            self.sent_that_day = 0;
        }
        self.days = self.days.saturating_add(new_days as u32);
        self.last_day = before.max(to);
        self.sent_that_day = self.sent_that_day.saturating_add(seen.sent);
        self.hours |= hours(first, last);
    }
}

/// Drops the least recent eighth; returns how many.
fn let_go(facts: &mut BTreeMap<String, Fact>) -> u64 {
    let mut times: Vec<i64> = facts.values().map(|fact| fact.last_us).collect();
    let at = times.len() / 8;
    let limit = *times.select_nth_unstable(at).1;
    let before = facts.len();
    facts.retain(|_, fact| fact.last_us > limit);
    (before - facts.len()) as u64
}

fn day(us: i64) -> i64 {
    us.div_euclid(DAY_US)
}

/// The hours of the day that a period touches, as bits.
fn hours(first_us: i64, last_us: i64) -> u32 {
    const HOUR_US: i64 = DAY_US / 24;
    let (from, to) = (first_us.div_euclid(HOUR_US), last_us.div_euclid(HOUR_US));
    (from..=to).take(24).fold(0, |bits, hour| bits | 1 << hour.rem_euclid(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(days: i64) -> Baseline {
        let mut baseline = Baseline::default();
        for day in 0..days {
            let host = baseline.host("web01", &day.to_string(), (day * DAY_US, (day + 1) * DAY_US - 1));
            let at = day * DAY_US + 3 * DAY_US / 24;
            for after in 0..50 {
                let seen = Seen { span_us: (at + after, at + after), host, sent: 100 };
                baseline.add(Kind::Name, "example.org", &seen);
            }
        }
        baseline
    }

    #[test]
    fn days_count_and_not_connections() {
        let baseline = learned(5);
        let Standing::Known(fact, days) = baseline.standing(Kind::Name, "example.org") else { panic!() };
        assert_eq!((fact.days, days, fact.connections, fact.hours), (5, 5, 250, 1 << 3));
        assert_eq!(fact.sent_a_day.mean(), Some(5000.0));
        assert_eq!(baseline.standing(Kind::Name, "example.net"), Standing::New(5));
        assert_eq!(baseline.standing(Kind::Listener, "example.org"), Standing::New(5));
    }

    #[test]
    fn a_short_baseline_calls_nothing_new() {
        assert_eq!(learned(2).standing(Kind::Name, "example.net"), Standing::Unknown);
    }

    #[test]
    fn what_stays_open_for_days_is_seen_on_each() {
        let mut fact = Fact::default();
        fact.add(&Seen { span_us: (0, 3 * DAY_US), host: 0, sent: 0 });
        fact.add(&Seen { span_us: (DAY_US, 3 * DAY_US + 1), host: 0, sent: 0 });
        assert_eq!(fact.days, 4);
        fact.add(&Seen { span_us: (10 * DAY_US, 10 * DAY_US), host: 1, sent: 0 });
        assert_eq!((fact.days, fact.hosts.len()), (5, 2));
    }
}
