//! The numbers of every section of the report, as `report.json` publishes them.
//!
//! Bytes are payload bytes moved during the recording unless a name says otherwise. What was
//! not counted is null, as is a number that is not finite; how much of it there is stands beside every sum.

use schemars::JsonSchema;
use serde::Serialize;

use crate::capture::SourceReport;

/// How complete the capture is, and what it could not have shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completeness {
    /// Ticks planned; none for a recording without a set duration.
    pub ticks_planned: Option<u64>,
    /// Ticks taken.
    pub ticks_taken: u64,
    /// Ticks that were late or left out.
    pub ticks_late: u64,
    /// Events that the kernel dropped; none where no source of events ran.
    pub events_lost: Option<u64>,
    /// Connections in the capture.
    pub connections: u64,
    /// Of them, without a known owner.
    pub connections_without_owner: u64,
    /// Of them, without byte counts.
    pub connections_without_bytes: u64,
    /// A connection shorter than this may be missing altogether, in seconds; none if events
    /// between ticks were recorded.
    pub shortest_lifetime_s: Option<f64>,
    /// The shortest and longest period that the search for periodic connections could have found,
    /// in seconds. None if the recording was too short for any, or if it was not searched.
    pub period_range_s: Option<(f64, f64)>,
    /// Every source of facts and how it fared.
    pub sources: Vec<SourceReport>,
    /// What could not be seen, in sentences for the reader; empty if nothing is known to be missing.
    pub blind_spots: Vec<String>,
}

/// A part of a whole: connections and bytes under one name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Share {
    /// What they have in common; `unknown` where it is null.
    pub name: String,
    /// Connections.
    pub connections: u64,
    /// Payload bytes sent during the recording, where counted.
    pub bytes_sent: u64,
    /// Payload bytes received during the recording, where counted.
    pub bytes_received: u64,
}

/// A distribution in a few numbers. Quantiles by linear interpolation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Distribution {
    pub count: u64,
    #[schemars(with = "Option<f64>")]
    pub mean: f64,
    #[schemars(with = "Option<f64>")]
    pub min: f64,
    #[schemars(with = "Option<f64>")]
    pub p25: f64,
    #[schemars(with = "Option<f64>")]
    pub median: f64,
    #[schemars(with = "Option<f64>")]
    pub p75: f64,
    #[schemars(with = "Option<f64>")]
    pub p95: f64,
    #[schemars(with = "Option<f64>")]
    pub p99: f64,
    #[schemars(with = "Option<f64>")]
    pub max: f64,
}

/// The metrics of a capture, by section of the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Metrics {
    /// Dashboard.
    pub overview: Overview,
    /// Bandwidth.
    pub bandwidth: Bandwidth,
    /// TCP.
    pub tcp: Tcp,
    /// Geography.
    pub geography: Geography,
    /// Statistics.
    pub protocols: Vec<ProtocolEfficiency>,
    /// Trends: processes by mean CPU, with memory; the first 50.
    pub processes: Vec<ProcessLoad>,
    /// Anomalies.
    pub anomalies: Anomalies,
    /// Statistics: how fast traffic was.
    pub traffic: Traffic,
    /// Statistics: every pair of a connection's numbers.
    pub correlations: Vec<Correlation>,
}

/// What was recorded, in shares.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Overview {
    /// Sockets of any kind.
    pub sockets: u64,
    /// Sockets of other network namespaces, which count nowhere else: a recorder in a container sees only
    /// their addresses.
    pub foreign_sockets: u64,
    /// Sockets with a remote.
    pub connections: u64,
    /// TCP sockets that listen.
    pub listeners: u64,
    /// Processes that owned a socket.
    pub processes: u64,
    /// Remote addresses.
    pub endpoints: u64,
    /// Sockets open at the fullest tick, with a remote.
    pub open_connections_max: u64,
    /// Connections by `protocol`.
    pub by_protocol: Vec<Share>,
    /// Connections by `direction`.
    pub by_direction: Vec<Share>,
    /// TCP sockets by last `state`.
    pub by_state: Vec<Share>,
    /// Connections by `remote_scope`.
    pub by_scope: Vec<Share>,
    /// Connections by process name, most connections first; the first 10, then `other`.
    pub top_processes: Vec<Share>,
    /// Connections by remote address, most connections first; the first 10, then `other`.
    pub top_endpoints: Vec<Share>,
    /// Connections by the service's port and protocol (`443/tcp`): the local port if inbound,
    /// or internal and listening, else the remote one; the first 10, then `other`.
    pub top_ports: Vec<Share>,
}

/// Who moved how much.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Bandwidth {
    /// Payload bytes sent during the recording.
    pub bytes_sent: u64,
    /// Payload bytes received during the recording.
    pub bytes_received: u64,
    /// Connections without byte counts, which are missing from these sums.
    pub connections_not_counted: u64,
    /// Sent bytes per second over the fullest slice.
    #[schemars(with = "Option<f64>")]
    pub peak_sent_per_s: f64,
    /// Received bytes per second over the fullest slice.
    #[schemars(with = "Option<f64>")]
    pub peak_received_per_s: f64,
    /// By process name, most bytes first; the first 10, then `other`.
    pub by_process: Vec<Share>,
    /// By remote address, most bytes first; the first 10, then `other`.
    pub by_endpoint: Vec<Share>,
}

/// How TCP fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Tcp {
    /// State changes seen.
    pub transitions: Vec<Transition>,
    /// Seconds that TCP connections were seen; none without one.
    pub duration_s: Option<Distribution>,
    /// TCP connections opened and closed in the recording and seen for less than `short_lived_s`.
    pub short_lived: u64,
    /// TCP connections that were seen for at least `long_lived_s`.
    pub long_lived: u64,
    /// The threshold for short-lived, in seconds.
    #[schemars(with = "Option<f64>")]
    pub short_lived_s: f64,
    /// The threshold for long-lived, in seconds.
    #[schemars(with = "Option<f64>")]
    pub long_lived_s: f64,
    /// Last smoothed round-trip time of each connection that has one, µs.
    pub rtt_us: Option<Distribution>,
    /// Segments retransmitted during the recording.
    pub retransmits: u64,
    /// Segments retransmitted per segment sent, over the connections' whole lives; none if
    /// none was counted.
    pub retransmission_rate: Option<f64>,
    /// Connections of which the last state was `CLOSE_WAIT`, by process name.
    pub close_wait_by_process: Vec<Share>,
}

/// How often connections went from one TCP state to another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Transition {
    pub from: String,
    pub to: String,
    pub count: u64,
}

/// Where the remotes are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Geography {
    /// Connections with public addresses by country code.
    pub by_country: Vec<Share>,
    /// Connections with public addresses by city (`London, GB`), where a database has cities.
    pub by_city: Vec<Share>,
    /// Connections by country and direction, most connections first.
    pub direction_by_country: Vec<CountryDirection>,
    /// Connections with public addresses that no database knows.
    pub public_unknown: u64,
    /// Connections with addresses that are not public, and so are never looked up.
    pub not_public: u64,
}

/// Connections with one country in one direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub struct CountryDirection {
    pub country_code: String,
    pub direction: String,
    pub connections: u64,
}

/// How much of what a protocol moved was payload. Over whole lives of the sockets, as the
/// counters of packets are cumulative.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ProtocolEfficiency {
    /// `tcp`, `udp`.
    pub protocol: String,
    /// Connections.
    pub connections: u64,
    /// Of them, with byte and packet counts.
    pub counted: u64,
    /// Payload bytes per packet sent; none if none was counted.
    pub bytes_per_packet_sent: Option<f64>,
    /// Payload bytes per packet received.
    pub bytes_per_packet_received: Option<f64>,
    /// Segments retransmitted per segment sent.
    pub retransmission_rate: Option<f64>,
    /// Payload bytes in both directions per second of connection time.
    pub goodput_bytes_per_s: Option<f64>,
    /// Payload's share of all bytes of the IP packets, with headers of 52 bytes (TCP over v4
    /// with timestamps) or 28 bytes (UDP over v4) a packet, and 20 more over v6: an estimate,
    /// and named so in the report.
    pub payload_share_estimate: Option<f64>,
}

/// What is unlike the rest, beyond what the detectors find.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Anomalies {
    /// By process name, most unusual ports first; the first 100.
    pub ports_by_process: Vec<PortUse>,
}

/// How many ports a process uses, and of how many of them the service is not known. The port is
/// the local one of an inbound connection, else the remote one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct PortUse {
    /// Process name; `unknown` where it is not known.
    pub process: String,
    /// Connections.
    pub connections: u64,
    /// Ports, each protocol's apart.
    pub ports: u64,
    /// Of them, those that no service is registered for, as far as netrec knows.
    pub unusual_ports: u64,
    /// Connections on such ports.
    pub unusual_connections: u64,
}

/// How fast traffic was: each slice of the recording is one value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Traffic {
    /// Length of a slice, in seconds.
    #[schemars(with = "Option<f64>")]
    pub slice_s: f64,
    /// Payload bytes sent per second; none without a slice.
    pub sent_per_s: Option<Distribution>,
    /// Payload bytes received per second.
    pub received_per_s: Option<Distribution>,
    /// Connections opened per second.
    pub opened_per_s: Option<Distribution>,
}

/// How two numbers of connections hang together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Correlation {
    /// The first number, in words.
    pub a: String,
    /// The second number.
    pub b: String,
    /// Connections that were compared: those of which both are known, and of very many a sample.
    pub connections: u64,
    /// Spearman's rank correlation, -1 to 1; none with fewer than ten connections, or if one of
    /// the numbers is always the same.
    pub rho: Option<f64>,
}

/// What a process cost the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ProcessLoad {
    /// Its pid, if known.
    pub pid: Option<u32>,
    /// Its name.
    pub name: String,
    /// Mean CPU, percent of one core, to a hundredth.
    pub cpu_percent_mean: Option<f64>,
    /// Largest CPU, percent of one core, to a hundredth.
    pub cpu_percent_max: Option<f64>,
    /// Largest resident memory, bytes.
    pub memory_rss_max_bytes: Option<u64>,
}
