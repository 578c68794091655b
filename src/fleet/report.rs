//! The published types of `fleet.json`, version 1. Within the version, fields are only added.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::report::json::v1::Severity;

/// What the `schema` says.
pub(super) const SCHEMA: &str = "netrec/fleet-report.v1";

const SCHEMA_URL: &str = "https://github.com/netrec/netrec/blob/main/schemas/fleet-report.v1.schema.json";

/// What a fleet shows. Lists are cut; the folder `results` has every row. Times are on the common clock:
/// that of a host, less what it is ahead of the others.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// Always `netrec/fleet-report.v1`.
    pub schema: &'static str,
    /// Name and version of the program that made it.
    pub tool_version: &'static str,
    /// How the captures fared.
    pub captures: Captures,
    /// Hosts in all.
    pub hosts_total: u64,
    /// The hosts, the one with the worst findings first.
    pub hosts: Vec<Host>,
    /// How much of the traffic between hosts could be told, and why not the rest.
    pub coverage: Coverage,
    /// Entries of each list before it was cut.
    pub totals: Totals,
    /// Programs that went from host to host.
    pub spreads: Vec<Spread>,
    /// Login sessions one inside the other, from the first host to the last.
    pub chains: Vec<Chain>,
    /// Places that several hosts contact at even intervals; those of the fewest hosts first, as what all
    /// hosts do is how the fleet is set up.
    pub beacons: Vec<Beacon>,
    /// Addresses that many hosts probe.
    pub scans: Vec<Scan>,
    /// Executables that a single host has, the newest first.
    pub rare_executables: Vec<Rare>,
    /// Services that a single host offers, the newest first.
    pub rare_listeners: Vec<Rare>,
    /// Clocks that are more than a second off.
    pub clocks: Vec<Clock>,
    /// Connections between two hosts, put together by hosts and port: those of a spread or a chain first,
    /// then the rarest.
    pub links: Vec<Link>,
}

/// How the captures fared.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Captures {
    /// Those that were analyzed.
    pub analyzed: u64,
    /// Those of them that miss something that they set out to record.
    pub degraded: u64,
    /// Those with the same content as another one of the same host, which were not counted again.
    pub copies: u64,
    /// Size of all that were analyzed.
    pub bytes: u64,
    /// First moment by the hosts' clocks, ISO 8601 in UTC; null without a capture.
    pub start: Option<String>,
    /// Last moment.
    pub end: Option<String>,
    /// Those that could not be read, in all.
    pub failed_total: u64,
    /// Those that could not be read, with the reason.
    pub failed: Vec<Failed>,
}

/// A capture that could not be read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Failed {
    /// Its name.
    pub capture: String,
    /// Why.
    pub error: String,
}

/// A host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Host {
    /// What this report calls it: its name, with the beginning of its identity where several have that name.
    pub host: String,
    /// Its identity in the tables; null where the capture states none.
    pub host_id: Option<String>,
    /// The severity of what it is told by; null if nothing was found.
    pub severity: Option<Severity>,
    /// The strongest assessment, or a worse finding.
    pub headline: Option<String>,
    /// When that began, µs since the Unix epoch.
    pub first_seen_us: Option<i64>,
    /// The same, ISO 8601 in UTC.
    pub first_seen: Option<String>,
    /// Findings by severity.
    pub findings: BTreeMap<&'static str, u64>,
    /// What it takes part in: spread, chain, scan.
    pub involved_in: Vec<&'static str>,
    /// Connections.
    pub connections: u64,
    /// Its captures.
    pub captures: u64,
    /// Whether one of them misses something.
    pub degraded: bool,
    /// The command that shows what it is told by.
    pub command: String,
}

/// How much of the traffic inside the network could be told.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Coverage {
    /// Connections of all hosts.
    pub connections: u64,
    /// Those of which both ends were recorded, by how they were recognised: exact, dnat, snat.
    pub edges: BTreeMap<&'static str, u64>,
    /// Edges of which both ends counted the same bytes.
    pub bytes_agree: u64,
    /// Edges of which they did not.
    pub bytes_differ: u64,
    /// Connections inside the network without an edge, by reason.
    pub unmatched: BTreeMap<&'static str, u64>,
    /// Hosts whose clock could be compared with others.
    pub clocks_aligned: u64,
    /// Sockets of other namespaces, which are left out.
    pub foreign_sockets: u64,
    /// Sockets of captures that name no host, which are left out.
    pub sockets_without_host: u64,
}

/// Entries of each list before it was cut.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are those of the lists")]
pub struct Totals {
    pub spreads: u64,
    pub chains: u64,
    pub beacons: u64,
    pub scans: u64,
    pub rare_executables: u64,
    pub rare_listeners: u64,
    pub clocks: u64,
    pub links: u64,
}

/// A program that went from host to host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Spread {
    /// SHA-256 of it.
    pub sha256: String,
    /// A path of it.
    pub exe: Option<String>,
    /// Hosts on which it began.
    pub hosts_total: u64,
    /// The hosts in the order in which it began there.
    pub hosts: Vec<Arrival>,
}

/// A host to which a program came.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Arrival {
    /// The host.
    pub host: String,
    /// When its process began, µs since the Unix epoch.
    pub start_us: i64,
    /// The same, ISO 8601 in UTC.
    pub start: Option<String>,
    /// From which host; null for patient zero, or for a way that was not recorded.
    pub from: Option<String>,
    /// By which port.
    pub port: Option<i32>,
    /// The command that shows the moment.
    pub command: Option<String>,
}

/// Login sessions one inside the other.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Chain {
    /// The hosts, from the first to the last.
    pub hosts: Vec<String>,
    /// When the first session began, µs since the Unix epoch.
    pub start_us: i64,
    /// When it ended, or was last seen.
    pub end_us: i64,
    /// Its beginning, ISO 8601 in UTC.
    pub start: Option<String>,
    /// User of the first session on the first host.
    pub user: Option<String>,
    /// The command that shows the moment.
    pub command: Option<String>,
}

/// The same beacon on several hosts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Beacon {
    /// Name or address.
    pub place: String,
    /// Port.
    pub port: i32,
    /// Seconds between contacts: the median of the hosts' periods.
    pub period_s: f64,
    /// Hosts in all.
    pub hosts_total: u64,
    /// Some of the hosts.
    pub hosts: Vec<String>,
    /// Different programs, by content where it is known.
    pub programs: u64,
}

/// A scan that several hosts share.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Scan {
    /// The address that is scanned.
    pub target: String,
    /// The recorded host that has it.
    pub target_host: Option<String>,
    /// Hosts that scan it.
    pub hosts_total: u64,
    /// Some of them.
    pub hosts: Vec<String>,
    /// Ports that they tried together.
    pub ports: u64,
    /// Attempts.
    pub tries: u64,
    /// First attempt, µs since the Unix epoch.
    pub start_us: i64,
    /// Last attempt.
    pub end_us: i64,
    /// The first, ISO 8601 in UTC.
    pub start: Option<String>,
}

/// What a single host has.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Rare {
    /// What it is: a path, or a service.
    pub what: String,
    /// Its hash.
    pub sha256: Option<String>,
    /// The host.
    pub host: String,
    /// First moment, ISO 8601 in UTC.
    pub first_seen: Option<String>,
    /// The command that shows the moment.
    pub command: Option<String>,
}

/// A clock that is off.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Clock {
    /// The host.
    pub host: String,
    /// Seconds that it is ahead; negative if it is behind.
    pub ahead_s: f64,
    /// Hosts by which it is judged.
    pub partners: u64,
}

/// Connections from one host to a port of another.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Link {
    /// The host that opened them.
    pub from: String,
    /// The host that accepted them.
    pub to: String,
    /// On which port.
    pub port: i32,
    /// spread or chain if one of them is part of such a thing.
    pub part_of: Option<&'static str>,
    /// How many.
    pub connections: u64,
    /// Payload bytes both ways, where counted.
    pub bytes: u64,
    /// Process that opened the first of them.
    pub source_process: Option<String>,
    /// Process that accepted it.
    pub target_process: Option<String>,
}

/// The JSON schema of the current version, as in `schemas/fleet-report.v1.schema.json`.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Report>();
    schema.insert("$id".to_owned(), SCHEMA_URL.into());
    schema.insert("title".to_owned(), "netrec fleet report, version 1".into());
    schema.to_value()
}
