//! One observation of one socket, as recorders and importers pass it to the writer.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Application, Query};

/// Declares an enum whose members are the values of a dictionary column.
macro_rules! dictionary_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name { $($(#[$member_doc])* $member,)+ }

        impl $name {
            /// Every member, in the order of the dictionary keys.
            pub const ALL: &[Self] = &[$(Self::$member,)+];
            /// Their texts in the capture, in the same order.
            pub const TEXTS: &[&'static str] = &[$($text,)+];

            /// The text in the capture.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }

            /// Parses a text in the capture; `None` if it is not a member.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$member),)+ _ => None }
            }
        }
    };
}

dictionary_enum! {
    /// Why a row was written.
    Kind {
        /// The socket's state at a tick; every tick has one per socket.
        Snapshot = "snapshot",
        /// The socket was opened between two ticks.
        Opened = "opened",
        /// The TCP state changed between two ticks.
        State = "state",
        /// The socket was closed; counters are final.
        Closed = "closed",
        /// A DNS query and its response. It does not count as a connection.
        Query = "query",
    }
}

dictionary_enum! {
    /// Transport protocol; for sockets below the transport layer, their kind.
    Protocol {
        /// Transmission Control Protocol.
        Tcp = "tcp",
        /// User Datagram Protocol.
        Udp = "udp",
        /// ICMP and `ICMPv6`: ping sockets, and raw sockets of these protocols.
        Icmp = "icmp",
        /// A raw IP socket of another protocol, given by `protocol_number`.
        Raw = "raw",
        /// A packet socket (`AF_PACKET`), which sees and sends whole frames; `protocol_number` is
        /// its ethertype.
        Packet = "packet",
        /// UDP-Lite (RFC 3828).
        UdpLite = "udplite",
        /// Stream Control Transmission Protocol.
        Sctp = "sctp",
        /// Datagram Congestion Control Protocol.
        Dccp = "dccp",
        /// Any other protocol; `protocol_number` may identify it. Readers use it for unknown names.
        Other = "other",
    }
}

impl Protocol {
    /// Parses a text in the capture; [`Protocol::Other`] for an unknown name.
    pub fn read(text: &str) -> Self {
        Self::from_text(text).unwrap_or(Self::Other)
    }

    /// The protocol for an IANA IP protocol number, and the number if the protocol has no name of
    /// its own.
    pub const fn of_ip_number(number: u8) -> (Self, Option<u16>) {
        match number {
            6 => (Self::Tcp, None),
            17 => (Self::Udp, None),
            // ICMP and ICMPv6.
            1 | 58 => (Self::Icmp, None),
            33 => (Self::Dccp, None),
            132 => (Self::Sctp, None),
            136 => (Self::UdpLite, None),
            number => (Self::Other, Some(number as u16)),
        }
    }

    /// A port for the capture: `None` if the protocol has no ports.
    pub fn port(self, number: u16) -> Option<u16> {
        match self {
            Self::Tcp | Self::Udp => Some(number),
            Self::Icmp | Self::Raw | Self::Packet => None,
            // For these it may be unknown.
            Self::UdpLite | Self::Sctp | Self::Dccp | Self::Other => (number != 0).then_some(number),
        }
    }

    /// Whether every socket of the protocol has ports.
    pub fn has_ports(self) -> bool {
        self.port(0).is_some()
    }
}

dictionary_enum! {
    /// TCP connection state, in the kernel's spelling.
    TcpState {
        /// Data can flow.
        Established = "ESTABLISHED",
        /// A SYN was sent and is unanswered.
        SynSent = "SYN_SENT",
        /// A SYN was received, and the handshake is incomplete.
        SynRecv = "SYN_RECV",
        /// This side has closed; its FIN is not acknowledged.
        FinWait1 = "FIN_WAIT1",
        /// This side has closed; its FIN is acknowledged.
        FinWait2 = "FIN_WAIT2",
        /// Closed by both sides, waiting for late segments.
        TimeWait = "TIME_WAIT",
        /// Closed.
        Close = "CLOSE",
        /// The peer has closed, this program has not.
        CloseWait = "CLOSE_WAIT",
        /// Both have closed; the last acknowledgment is missing.
        LastAck = "LAST_ACK",
        /// Waiting for connections.
        Listen = "LISTEN",
        /// Both sides closed simultaneously.
        Closing = "CLOSING",
    }
}

impl TcpState {
    /// The state with a number of the kernel, as in `include/net/tcp_states.h`.
    pub const fn of_kernel_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12 is a request socket: its handshake is incomplete too.
            3 | 12 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }
}

dictionary_enum! {
    /// How the owner of a socket was determined. Null if it is unknown.
    OwnerSource {
        /// A kernel event in the process's own context.
        Event = "event",
        /// A file descriptor of the process has the socket's inode.
        Inode = "inode",
        /// The process that listens on the port that accepted the connection.
        Listener = "listener",
        /// An imported file states it.
        Import = "import",
    }
}

/// Cumulative counters of one socket; null where the kernel does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Payload bytes sent, without retransmissions.
    pub bytes_sent: Option<u64>,
    /// Payload bytes received.
    pub bytes_received: Option<u64>,
    /// Segments or datagrams sent.
    pub packets_sent: Option<u64>,
    /// Segments or datagrams received.
    pub packets_received: Option<u64>,
    /// Segments retransmitted; null for UDP.
    pub retransmits: Option<u32>,
    /// Smoothed round-trip time in microseconds; null for UDP.
    pub rtt_us: Option<u32>,
}

/// Facts of the process that owns a socket, which do not change while it runs.
///
/// A socket with an unknown process may still have a `uid` and a `container`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub pid: Option<u32>,
    /// Process id of the parent.
    pub ppid: Option<u32>,
    /// Numeric user id of the process, or else of the socket.
    pub uid: Option<u32>,
    /// Short name of the process.
    pub process_name: Option<String>,
    /// Path of the executable.
    pub exe: Option<String>,
    /// Arguments, separated by spaces.
    pub cmdline: Option<String>,
    /// User name for `uid`.
    pub username: Option<String>,
    /// Short name of the parent process.
    pub parent_name: Option<String>,
    /// Container, from the cgroup.
    pub container: Option<String>,
    /// SHA-256 of the executable, in hexadecimal.
    pub exe_sha256: Option<String>,
    /// Start of the process, µs since the Unix epoch, UTC.
    pub process_start_us: Option<i64>,
}

/// One row of the capture. Field names and meanings match [`super::schema::COLUMNS`].
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When it was observed, µs since the Unix epoch, UTC.
    pub ts_us: i64,
    /// The same moment on the monotonic clock, ns.
    pub mono_ns: i64,
    /// Number of the snapshot; for an event, of the snapshot before it.
    pub tick: u32,
    /// Why the row was written.
    pub kind: Kind,
    /// Id of one socket's lifetime.
    pub conn_id: u64,
    /// Transport protocol.
    pub protocol: Protocol,
    /// IP protocol number of a raw socket or of [`Protocol::Other`], ethertype of a packet socket.
    pub protocol_number: Option<u16>,
    /// Local address; unspecified for a packet socket.
    pub local_addr: IpAddr,
    /// Local port; 0 if the protocol has none, which is null in the file.
    pub local_port: u16,
    /// Remote address and port; `None` for a listening or unconnected socket. The port is 0 if the
    /// protocol has none, which is null in the file.
    pub remote: Option<(IpAddr, u16)>,
    /// The name that was resolved to the remote.
    pub remote_name: Option<Arc<str>>,
    /// Inode of the network namespace.
    pub netns: Option<u64>,
    /// TCP state; `None` for UDP.
    pub state: Option<TcpState>,
    /// Previous TCP state, in a `state` row.
    pub prev_state: Option<TcpState>,
    /// The kernel's counters.
    pub counters: Counters,
    /// Facts of the owner.
    pub owner: Option<Arc<Owner>>,
    /// How the owner's process was determined.
    pub owner_source: Option<OwnerSource>,
    /// CPU use of the owner since the last tick, percent of one core.
    pub cpu_percent: Option<f32>,
    /// Resident memory of the owner, bytes.
    pub memory_rss_bytes: Option<u64>,
    /// The query and its response, in a `query` row.
    pub query: Option<Arc<Query>>,
    /// What the payload says.
    pub application: Option<Arc<Application>>,
}

/// Suffix that the kernel adds to the path of a deleted executable.
pub(crate) const DELETED: &str = " (deleted)";

/// The path of an executable without the kernel's mark for a deleted one.
pub(crate) fn without_deleted(exe: &str) -> &str {
    exe.strip_suffix(DELETED).unwrap_or(exe)
}

impl Row {
    /// A snapshot row with only the socket's identity.
    pub fn snapshot(conn_id: u64, protocol: Protocol, local: (IpAddr, u16)) -> Self {
        Self {
            ts_us: 0,
            mono_ns: 0,
            tick: 0,
            kind: Kind::Snapshot,
            conn_id,
            protocol,
            protocol_number: None,
            local_addr: local.0.to_canonical(),
            local_port: local.1,
            remote: None,
            remote_name: None,
            netns: None,
            state: None,
            prev_state: None,
            counters: Counters::default(),
            owner: None,
            owner_source: None,
            cpu_percent: None,
            memory_rss_bytes: None,
            query: None,
            application: None,
        }
    }

    /// A `query` row with only its server.
    pub fn query(
        conn_id: u64,
        protocol: Protocol,
        client: (IpAddr, u16),
        server: (IpAddr, u16),
        query: Arc<Query>,
    ) -> Self {
        Self {
            kind: Kind::Query,
            remote: Some((server.0.to_canonical(), server.1)),
            query: Some(query),
            ..Self::snapshot(conn_id, protocol, client)
        }
    }

    /// The local port; `None` if the protocol has no ports.
    pub fn local_port(&self) -> Option<u16> {
        self.protocol.port(self.local_port)
    }

    /// The remote port; `None` without a remote, or if the protocol has no ports.
    pub fn remote_port(&self) -> Option<u16> {
        self.protocol.port(self.remote?.1)
    }
}
