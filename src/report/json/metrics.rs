//! The metrics part of version 1, by section of the page.
//!
//! Bytes are payload bytes moved during the recording unless said otherwise. What was not
//! counted is null or left out of sums, and how much of it there is stands beside them.

use schemars::JsonSchema;
use serde::Serialize;

/// The numbers of every section.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Metrics {
    /// What was recorded, in shares.
    pub overview: Overview,
    /// Who moved how much.
    pub bandwidth: Bandwidth,
    /// How TCP fared.
    pub tcp: Tcp,
    /// Where the remotes are.
    pub geography: Geography,
    /// How much of what a protocol moved was payload.
    pub protocols: Vec<ProtocolEfficiency>,
    /// What the processes cost the host.
    pub processes: Vec<ProcessLoad>,
    /// What is unlike the rest, beyond what the detectors find.
    pub anomalies: Anomalies,
    /// How fast traffic was.
    pub traffic: Traffic,
    /// How a connection's numbers hang together, pair by pair.
    pub correlations: Vec<Correlation>,
}

/// A part of a whole.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Share {
    /// What the connections have in common.
    pub name: String,
    /// Connections.
    pub connections: u64,
    /// Bytes sent, where counted.
    pub bytes_sent: u64,
    /// Bytes received, where counted.
    pub bytes_received: u64,
}

/// A distribution in a few numbers; quantiles by linear interpolation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Distribution {
    pub count: u64,
    pub mean: Option<f64>,
    pub min: Option<f64>,
    pub p25: Option<f64>,
    pub median: Option<f64>,
    pub p75: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

/// What was recorded, in shares.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Overview {
    /// Sockets of any kind.
    pub sockets: u64,
    /// Sockets with a remote.
    pub connections: u64,
    /// TCP sockets that listen.
    pub listeners: u64,
    /// Processes that owned a socket.
    pub processes: u64,
    /// Remote addresses.
    pub endpoints: u64,
    /// Connections open at the fullest tick.
    pub open_connections_max: u64,
    /// Connections by protocol.
    pub by_protocol: Vec<Share>,
    /// Connections by direction.
    pub by_direction: Vec<Share>,
    /// TCP sockets by last state.
    pub by_state: Vec<Share>,
    /// Connections by kind of remote address.
    pub by_scope: Vec<Share>,
    /// Connections by process name, most connections first.
    pub top_processes: Vec<Share>,
    /// Connections by remote address, most connections first.
    pub top_endpoints: Vec<Share>,
    /// Connections by the service's port, most connections first.
    pub top_ports: Vec<Share>,
}

/// Who moved how much.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Bandwidth {
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Connections without byte counts, missing from the sums.
    pub connections_not_counted: u64,
    /// Bytes sent per second over the fullest slice of time.
    pub peak_sent_per_s: Option<f64>,
    /// Bytes received per second over the fullest slice of time.
    pub peak_received_per_s: Option<f64>,
    /// By process name, most bytes first.
    pub by_process: Vec<Share>,
    /// By remote address, most bytes first.
    pub by_endpoint: Vec<Share>,
}

/// How TCP fared.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Tcp {
    /// State changes seen.
    pub transitions: Vec<Transition>,
    /// Seconds that connections were seen.
    pub duration_s: Option<Distribution>,
    /// Connections opened and closed in the recording that lived less than `short_lived_s`.
    pub short_lived: u64,
    /// Connections that were seen for at least `long_lived_s`.
    pub long_lived: u64,
    /// The threshold for short-lived, in seconds.
    pub short_lived_s: Option<f64>,
    /// The threshold for long-lived, in seconds.
    pub long_lived_s: Option<f64>,
    /// Last round-trip time per connection, in µs.
    pub rtt_us: Option<Distribution>,
    /// Segments retransmitted.
    pub retransmits: u64,
    /// Segments retransmitted per segment sent; null if none was sent.
    pub retransmission_rate: Option<f64>,
    /// Processes with connections in `CLOSE_WAIT` at their last tick.
    pub close_wait_by_process: Vec<Share>,
}

/// How often connections went from one TCP state to another.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Transition {
    pub from: String,
    pub to: String,
    pub count: u64,
}

/// Where the remotes are.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Geography {
    /// Connections with public addresses by country code.
    pub by_country: Vec<Share>,
    /// Connections with public addresses by city, where a database has cities.
    pub by_city: Vec<Share>,
    /// Connections by country and direction.
    pub direction_by_country: Vec<CountryDirection>,
    /// Connections with public addresses that no database knows.
    pub public_unknown: u64,
    /// Connections with addresses that are not public, and so are never looked up.
    pub not_public: u64,
}

/// Connections with one country in one direction.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub struct CountryDirection {
    pub country_code: String,
    pub direction: String,
    pub connections: u64,
}

/// How much of what a protocol moved was payload, over the whole lives of the sockets.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProtocolEfficiency {
    /// `tcp`, `udp`.
    pub protocol: String,
    /// Connections.
    pub connections: u64,
    /// Of them, with byte and packet counts.
    pub counted: u64,
    /// Payload bytes per packet sent.
    pub bytes_per_packet_sent: Option<f64>,
    /// Payload bytes per packet received.
    pub bytes_per_packet_received: Option<f64>,
    /// Segments retransmitted per segment sent.
    pub retransmission_rate: Option<f64>,
    /// Payload bytes both ways per second of connection time.
    pub goodput_bytes_per_s: Option<f64>,
    /// Estimate of payload's share of all bytes on the wire.
    pub payload_share_estimate: Option<f64>,
}

/// What is unlike the rest.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Anomalies {
    /// By process name, most unusual ports first.
    pub ports_by_process: Vec<PortUse>,
}

/// How many ports a process uses, and of how many of them the service is not known. The port is
/// the local one of an inbound connection, else the remote one.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PortUse {
    /// Process name.
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
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Traffic {
    /// Length of a slice, in seconds.
    pub slice_s: Option<f64>,
    /// Bytes sent per second.
    pub sent_per_s: Option<Distribution>,
    /// Bytes received per second.
    pub received_per_s: Option<Distribution>,
    /// Connections opened per second.
    pub opened_per_s: Option<Distribution>,
}

/// How two numbers of connections hang together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Correlation {
    /// The first number, in words.
    pub a: String,
    /// The second number.
    pub b: String,
    /// Connections that were compared: those of which both are known, and of very many a sample.
    pub connections: u64,
    /// Spearman's rank correlation, -1 to 1; null with too few connections, or if one of the
    /// numbers is always the same.
    pub rho: Option<f64>,
}

/// What a process cost the host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProcessLoad {
    /// Its pid.
    pub pid: Option<u32>,
    /// Its name.
    pub name: String,
    /// Mean CPU, percent of one core.
    pub cpu_percent_mean: Option<f64>,
    /// Largest CPU, percent of one core.
    pub cpu_percent_max: Option<f64>,
    /// Largest resident memory, bytes.
    pub memory_rss_max_bytes: Option<u64>,
}
