//! One observation of one socket, as recorders and importers hand it to the writer.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Application, Query};

/// Declares an enum whose members are the values of a dictionary column, in one place.
macro_rules! dictionary_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name { $($(#[$member_doc])* $member,)+ }

        impl $name {
            /// Every member, in the order of its dictionary key.
            pub const ALL: &[Self] = &[$(Self::$member,)+];

            /// The text that stands in the capture.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $text,)+ }
            }

            /// The member for a text of the capture, if it is one.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$member),)+ _ => None }
            }
        }
    };
}

dictionary_enum! {
    /// Why a row was written.
    Kind {
        /// The socket as it was at a tick; every tick has one for every socket.
        Snapshot = "snapshot",
        /// The socket was opened between two ticks.
        Opened = "opened",
        /// The TCP state changed between two ticks.
        State = "state",
        /// The socket was closed; counters are final.
        Closed = "closed",
        /// A DNS question and what came of it. It counts as no connection of its own.
        Query = "query",
    }
}

dictionary_enum! {
    /// Transport protocol; for sockets below the transport layer, what kind they are.
    Protocol {
        /// Transmission Control Protocol.
        Tcp = "tcp",
        /// User Datagram Protocol.
        Udp = "udp",
        /// ICMP and `ICMPv6`: ping sockets, and raw sockets of these protocols.
        Icmp = "icmp",
        /// A raw IP socket of another protocol; `protocol_number` says which.
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
        /// A protocol without a name here: `protocol_number` may say which. Readers take a name
        /// that they do not know for this one.
        Other = "other",
    }
}

impl Protocol {
    /// The member for a text of a capture: [`Protocol::Other`] for a name of the future.
    pub fn read(text: &str) -> Self {
        Self::from_text(text).unwrap_or(Self::Other)
    }

    /// The member for a number of IANA's registry of IP protocols, and the number of one that has no
    /// name of its own.
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

    /// A port as the capture has it: none where the protocol has no ports.
    pub fn port(self, number: u16) -> Option<u16> {
        match self {
            Self::Tcp | Self::Udp => Some(number),
            Self::Icmp | Self::Raw | Self::Packet => None,
            // Of these, it may not be known.
            Self::UdpLite | Self::Sctp | Self::Dccp | Self::Other => (number != 0).then_some(number),
        }
    }

    /// Whether every socket has ports.
    pub fn has_ports(self) -> bool {
        self.port(0).is_some()
    }
}

dictionary_enum! {
    /// TCP connection state, in the kernel's spelling.
    TcpState {
        /// Data can flow.
        Established = "ESTABLISHED",
        /// The first SYN is out, unanswered.
        SynSent = "SYN_SENT",
        /// A SYN came in, the handshake is not done.
        SynRecv = "SYN_RECV",
        /// This side has closed, its FIN is not acknowledged.
        FinWait1 = "FIN_WAIT1",
        /// This side has closed, its FIN is acknowledged.
        FinWait2 = "FIN_WAIT2",
        /// Closed by both sides, waiting for late segments.
        TimeWait = "TIME_WAIT",
        /// Gone.
        Close = "CLOSE",
        /// The other side has closed, this program has not.
        CloseWait = "CLOSE_WAIT",
        /// Both have closed, the last acknowledgement is missing.
        LastAck = "LAST_ACK",
        /// Waiting for connections.
        Listen = "LISTEN",
        /// Both sides closed at once.
        Closing = "CLOSING",
    }
}

dictionary_enum! {
    /// How the owner of a socket is known. No value means that it is not.
    OwnerSource {
        /// A kernel event in the process's own context.
        Event = "event",
        /// A file descriptor of the process has the socket's inode.
        Inode = "inode",
        /// The process that listens on the port that accepted the connection.
        Listener = "listener",
        /// A file that was imported says so.
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

/// What is known of the process that owns a socket; facts that do not change while it lives.
///
/// A socket whose process is not known may still have a `uid` and a `container`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub pid: Option<u32>,
    /// Process id of the parent.
    pub ppid: Option<u32>,
    /// Numeric user id of the process, else of the socket.
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

/// One row of the capture. Field names and meanings are those of [`super::schema::COLUMNS`].
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When it was observed, µs since the Unix epoch, UTC.
    pub ts_us: i64,
    /// The same moment on the monotonic clock, ns.
    pub mono_ns: i64,
    /// Number of the snapshot; events carry the number of the snapshot before them.
    pub tick: u32,
    /// Why the row was written.
    pub kind: Kind,
    /// Identity of one socket's life.
    pub conn_id: u64,
    /// Transport protocol.
    pub protocol: Protocol,
    /// IP protocol number of a raw socket or of [`Protocol::Other`], ethertype of a packet socket.
    pub protocol_number: Option<u16>,
    /// Local address; unspecified for a packet socket.
    pub local_addr: IpAddr,
    /// Local port; 0 where the protocol has none, and null in the file.
    pub local_port: u16,
    /// Remote address and port; none for a listening or unconnected socket. The port is 0 where the
    /// protocol has none, and null in the file.
    pub remote: Option<(IpAddr, u16)>,
    /// The name by which the remote was asked for.
    pub remote_name: Option<Arc<str>>,
    /// Inode of the network namespace.
    pub netns: Option<u64>,
    /// TCP state; none for UDP.
    pub state: Option<TcpState>,
    /// TCP state before this one, in a `state` row.
    pub prev_state: Option<TcpState>,
    /// The kernel's counters.
    pub counters: Counters,
    /// What is known of the owner.
    pub owner: Option<Arc<Owner>>,
    /// How the owner's process is known.
    pub owner_source: Option<OwnerSource>,
    /// CPU use of the owner since the last tick, percent of one core.
    pub cpu_percent: Option<f32>,
    /// Resident memory of the owner, bytes.
    pub memory_rss_bytes: Option<u64>,
    /// What was asked and answered, in a `query` row.
    pub query: Option<Arc<Query>>,
    /// What the payload says.
    pub application: Option<Arc<Application>>,
}

/// What the kernel adds to the path of an executable that is no longer there.
pub(crate) const DELETED: &str = " (deleted)";

/// The path of an executable without the kernel's mark that it is no longer there.
pub(crate) fn without_deleted(exe: &str) -> &str {
    exe.strip_suffix(DELETED).unwrap_or(exe)
}

impl Row {
    /// A snapshot row of a socket of which nothing more is known yet.
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

    /// A `query` row of a question to `server`, of which nothing more is known yet.
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

    /// The local port; none where the protocol has no ports.
    pub fn local_port(&self) -> Option<u16> {
        self.protocol.port(self.local_port)
    }

    /// The remote port; none without a remote, and where the protocol has no ports.
    pub fn remote_port(&self) -> Option<u16> {
        self.protocol.port(self.remote?.1)
    }
}
