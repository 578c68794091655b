//! What the pass over a capture makes of its rows: plain records, in memory once.
//!
//! Strings are interned ([`Texts`]), and owners and remote addresses are rows of their own,
//! so that a connection stays small: memory grows with the number of connections, not of rows.

use std::num::NonZero;

use super::states::States;
use crate::capture::{OwnerSource, Protocol, TcpState};
use crate::geo;

pub use super::texts::Texts;

/// Declares numbers that take no more room where they may be unknown: `Option<Count>` has eight
/// bytes, `Option<u64>` sixteen, and every connection has several. The largest number becomes the
/// one below it.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $native:ty;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(NonZero<$native>);

            impl $name {
                /// Of a number.
                pub fn of(number: $native) -> Self {
                    Self(NonZero::<$native>::MIN.saturating_add(number))
                }

                /// The number.
                pub fn get(self) -> $native {
                    self.0.get() - 1
                }
            }
        )+
    };
}

numbers! {
    /// Key of an interned string; in the tables, keys are in the order of the strings.
    TextId: u32;
    /// Index of a process in [`Recorded::processes`].
    ProcessId: u32;
    /// Index of a remote address in [`Recorded::endpoints`].
    EndpointId: u32;
    /// Index of what a payload says in [`Recorded::applications`].
    ApplicationId: u32;
    /// A number of bytes or packets, or of a namespace.
    Count: u64;
    /// A number of retransmissions or microseconds.
    SmallCount: u32;
}

/// Cumulative counters of a socket; none where the kernel did not count.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the fields are the capture's columns of the same name")]
pub struct Totals {
    pub bytes_sent: Option<Count>,
    pub bytes_received: Option<Count>,
    pub packets_sent: Option<Count>,
    pub packets_received: Option<Count>,
    pub retransmits: Option<SmallCount>,
    pub rtt_us: Option<SmallCount>,
}

/// Everything that one pass over a capture found.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The strings to which the records point.
    pub texts: Texts,
    /// One per `conn_id`, ordered by first seen, then `conn_id`.
    pub connections: Vec<Connection>,
    /// Those of other network namespaces, which are not analyzed, in the same order.
    pub foreign: Vec<Connection>,
    /// One per program of a process (pid, start and executable), ordered by pid, then start, then name.
    pub processes: Vec<Process>,
    /// One per remote address, ordered by address text; after them, in the same order, those that only
    /// [`Self::foreign`] has.
    pub endpoints: Vec<Endpoint>,
    /// How many endpoints only [`Self::foreign`] has.
    pub foreign_endpoints: usize,
    /// What the payloads of connections say, each combination once.
    pub applications: Vec<Application>,
    /// Equal slices of the recording, without gaps.
    pub bins: Vec<TimeBin>,
    /// Width of a bin in µs.
    pub bin_width_us: i64,
    /// Slices per process; only those in which the process had a socket. By bin, then process.
    pub process_bins: Vec<ProcessBin>,
    /// Bytes per slice and remote address; only where there were any. By bin, then endpoint.
    pub endpoint_bins: Vec<EndpointBin>,
    /// When connections that stay began to send again. By `conn_id`.
    pub sends: Vec<Sends>,
    /// DNS questions, by when they were asked, then `conn_id`, then name.
    pub queries: Vec<Query>,
    /// TCP state changes, by number of occurrences falling, then by name.
    pub transitions: Vec<Transition>,
    /// First and last moment of any row, µs since the Unix epoch.
    pub span_us: (i64, i64),
    /// Ticks that have at least one row.
    pub ticks: u32,
    /// Rows read.
    pub rows: u64,
}

impl Recorded {
    /// The remote addresses of the recorded host's connections.
    pub fn own_endpoints(&self) -> &[Endpoint] {
        let own = self.endpoints.len().saturating_sub(self.foreign_endpoints);
        &self.endpoints[..own]
    }
}

/// One socket's life, as far as it was seen.
///
/// The pass fills it in place, so it also holds what the next observation is compared with.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The capture's `conn_id`.
    pub conn_id: u64,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Network namespace.
    pub netns: Option<Count>,
    /// Local address.
    pub local_addr: TextId,
    /// Local port.
    pub local_port: u16,
    /// Remote address and port; none for a listening or unconnected socket.
    pub remote: Option<(EndpointId, u16)>,
    /// The name by which the remote was asked for.
    pub remote_name: Option<TextId>,
    /// What its payload says.
    pub application: Option<ApplicationId>,
    /// Who opened it; none unless its role is [`Role::Connection`].
    pub direction: Option<Direction>,
    /// Last state seen; none for UDP.
    pub state: Option<TcpState>,
    /// When the last state was first seen, µs since the Unix epoch.
    pub state_since_us: i64,
    /// Every state seen.
    pub states_seen: States,
    /// First row, µs since the Unix epoch.
    pub first_seen_us: i64,
    /// Last row, µs since the Unix epoch.
    pub last_seen_us: i64,
    /// First row by the monotonic clock, ns.
    pub first_mono_ns: i64,
    /// Last row by the monotonic clock, ns.
    pub last_mono_ns: i64,
    /// It was not there at the first tick, so it was opened during the recording.
    pub opened_in_recording: bool,
    /// An event says when it was opened, so that the first row is exact and not to the tick.
    pub start_is_exact: bool,
    /// It was gone at the last tick, so it was closed during the recording.
    pub closed_in_recording: bool,
    /// Ticks at which it was seen.
    pub ticks: u32,
    /// Tick of the last row, be it a snapshot or an event after that tick.
    pub last_tick: u32,
    /// Tick by which it had sent something.
    pub last_sent_tick: u32,
    /// How often it began to send, ticks in a row being one time.
    pub sends: u16,
    /// Largest cumulative counters of the socket, from its opening (even before the
    /// recording); of the round-trip time, the last.
    pub totals: Totals,
    /// Payload bytes sent during the recording.
    pub recorded_sent: Option<Count>,
    /// Payload bytes received during the recording.
    pub recorded_received: Option<Count>,
    /// Smallest round-trip time seen, µs.
    pub rtt_min_us: Option<SmallCount>,
    /// The owner, if known; the last one, if the socket changed hands.
    pub process: Option<ProcessId>,
    /// How the owner is known.
    pub owner_source: Option<OwnerSource>,
    /// Whether it belongs to the recorded host, and not to another network namespace of its kernel;
    /// none where nothing tells, and in imports.
    pub is_own: Option<bool>,
}

impl Connection {
    /// Whether the socket listens, connects, or neither.
    pub fn role(&self) -> Role {
        if self.remote.is_some() {
            Role::Connection
        } else if self.has_seen(TcpState::Listen) {
            Role::Listener
        } else {
            Role::Unconnected
        }
    }

    /// Whether it was ever seen in this state.
    pub fn has_seen(&self, state: TcpState) -> bool {
        self.states_seen.contains(state)
    }

    /// Seconds from first to last row by the monotonic clock: a lower bound of its life,
    /// exact to the tick.
    pub fn duration_s(&self) -> f64 {
        self.last_mono_ns.saturating_sub(self.first_mono_ns) as f64 / 1e9
    }
}

/// What a socket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// It has a remote.
    Connection,
    /// TCP in state LISTEN.
    Listener,
    /// It has no remote and does not listen: an unconnected UDP socket, a closed TCP socket.
    Unconnected,
}

/// Who opened a connection, seen from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The remote did: the local port was listening, or the connection was seen accepted.
    Inbound,
    /// This host did.
    Outbound,
    /// Both ends are the host's own addresses or loopback.
    Internal,
}

/// What kind of address a remote has (IANA special-purpose registries, RFC 6890).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the registry's")]
pub enum Scope {
    Loopback,
    LinkLocal,
    Private,
    SharedNat,
    Multicast,
    Broadcast,
    Documentation,
    Unspecified,
    Reserved,
    Public,
}

/// Gives the members of an enum the texts that stand in the tables.
macro_rules! texts_of {
    ($name:ident { $($member:ident = $text:literal,)+ }) => {
        impl $name {
            /// Every member, in its order.
            pub const ALL: &[Self] = &[$(Self::$member,)+];
            /// Their texts in the tables, in the same order.
            pub const TEXTS: &[&'static str] = &[$($text,)+];

            /// The text that stands in the tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }

            /// The member with this text.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$member),)+ _ => None }
            }
        }
    };
}

texts_of! { Role { Connection = "connection", Listener = "listener", Unconnected = "unconnected", } }
texts_of! { Direction { Inbound = "inbound", Outbound = "outbound", Internal = "internal", } }
texts_of! {
    Scope {
        Loopback = "loopback",
        LinkLocal = "link-local",
        Private = "private",
        SharedNat = "shared-nat",
        Multicast = "multicast",
        Broadcast = "broadcast",
        Documentation = "documentation",
        Unspecified = "unspecified",
        Reserved = "reserved",
        Public = "public",
    }
}

impl Scope {
    /// Whether an address of this kind is beyond the host's own and private networks.
    pub const fn is_beyond_local_networks(self) -> bool {
        matches!(self, Self::Public | Self::Documentation | Self::Reserved)
    }
}

/// A process that owned a socket. One that executed another program in between is two.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are the capture's columns of the same name")]
pub struct Process {
    pub pid: Option<u32>,
    pub ppid: Option<u32>,
    pub uid: Option<u32>,
    pub process_name: Option<TextId>,
    pub exe: Option<TextId>,
    pub cmdline: Option<TextId>,
    pub username: Option<TextId>,
    pub parent_name: Option<TextId>,
    /// What it is called in findings; known once all processes are (see [`super::actor`]).
    pub actor: Option<TextId>,
    pub container: Option<TextId>,
    pub exe_sha256: Option<TextId>,
    pub process_start_us: Option<i64>,
    /// Mean and largest CPU use over its ticks, percent of one core.
    pub cpu_percent_mean: Option<f32>,
    pub cpu_percent_max: Option<f32>,
    /// Largest resident memory seen.
    pub memory_rss_max_bytes: Option<u64>,
}

/// A remote address.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The address.
    pub addr: TextId,
    /// What kind of address it is.
    pub scope: Scope,
    /// Where it is.
    pub location: Location,
}

/// What the payload of a connection says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "the fields are the capture's columns of the same name, app_protocol without its prefix"
)]
pub struct Application {
    pub protocol: Option<TextId>,
    pub ja3: Option<TextId>,
    pub ja4: Option<TextId>,
    pub tls_subject: Option<TextId>,
    pub tls_issuer: Option<TextId>,
}

/// Where a remote address is, as far as it is public and a database knows it.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the fields are those of `geo::GeoLocation`")]
pub struct Location {
    pub country_code: Option<TextId>,
    pub country: Option<TextId>,
    pub city: Option<TextId>,
    pub asn: Option<u32>,
    pub as_organization: Option<TextId>,
}

impl Location {
    /// What a database says.
    pub fn new(location: &geo::GeoLocation, texts: &mut Texts) -> Self {
        let mut text = |text: &Option<String>| text.as_deref().map(|text| texts.intern(text));
        Self {
            country_code: text(&location.country_code),
            country: text(&location.country),
            city: text(&location.city),
            asn: location.asn,
            as_organization: text(&location.as_organization),
        }
    }
}

/// A slice of the recording.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "the names say it; see `Tables::time_bins`")]
pub struct TimeBin {
    pub start_us: i64,
    /// Sockets with a remote at the bin's fullest tick; of imported packets and logs, connections
    /// at its fullest moment.
    pub open_connections: u32,
    /// Connections of which the first row lies in the bin, if they were opened in the recording.
    pub opened: u32,
    /// Connections of which the last row lies in the bin, if they were closed in the recording.
    pub closed: u32,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub retransmits: u64,
}

/// A slice of the recording for one process.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it; see `Tables::process_bins`")]
pub struct ProcessBin {
    pub bin: u32,
    pub process: ProcessId,
    /// The process's sockets with a remote at its own fullest tick of the bin.
    pub open_connections: u32,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Mean over the bin's ticks.
    pub cpu_percent: Option<f32>,
    /// Largest of the bin's ticks.
    pub memory_rss_bytes: Option<u64>,
}

/// A slice of the recording for one remote address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it; see `Tables::endpoint_bins`")]
pub struct EndpointBin {
    pub bin: u32,
    pub endpoint: EndpointId,
    pub bytes_sent: u64,
    pub bytes_received: u64,
}

/// When a connection began to send again, after at least a tick of silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sends {
    /// The capture's `conn_id`.
    pub conn_id: u64,
    /// The last moments, known to the tick; µs since the Unix epoch, ascending.
    pub ts_us: Vec<i64>,
}

/// A DNS question and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// When it was asked, µs since the Unix epoch.
    pub ts_us: i64,
    /// The capture's `conn_id` of the socket that carried it.
    pub conn_id: u64,
    /// Who asked, if known.
    pub process: Option<ProcessId>,
    /// Address that asked.
    pub client: TextId,
    /// Address that was asked.
    pub server: Option<TextId>,
    /// The name, lower case, in presentation format.
    pub name: TextId,
    /// Type of record, by its mnemonic.
    pub query_type: Option<TextId>,
    /// Response code, by its mnemonic; none if no response was seen.
    pub response_code: Option<TextId>,
    /// Length of the data of all answers as text, in bytes; none without answers.
    pub answer_bytes: Option<u32>,
}

/// How often connections went from one TCP state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Transition {
    pub from: TcpState,
    pub to: TcpState,
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_small_and_keeps_every_number_but_the_largest() {
        assert_eq!(size_of::<Option<Count>>(), 8);
        for number in [0, 1, u64::MAX - 1] {
            assert_eq!(Count::of(number).get(), number);
        }
        assert_eq!(Count::of(u64::MAX).get(), u64::MAX - 1);
        assert_eq!(size_of::<Option<(EndpointId, u16)>>(), 8);
    }
}
