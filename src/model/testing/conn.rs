//! A test connection.

use super::START_US;
use crate::capture::{Protocol, TcpState};
use crate::model::records::{
    Application, Connection, Count, Direction, Endpoint, EndpointId, Location, ProcessId, Scope, Sends,
    SmallCount, Texts, Totals,
};
use crate::model::states::States;

/// One connection, with defaults: TCP, outbound, established, opened and closed during the
/// recording, owned by `app`.
#[derive(Clone)]
pub(crate) struct Conn {
    pub(super) protocol: Protocol,
    pub(super) local: (String, u16),
    pub(super) remote: Option<(String, u16)>,
    pub(super) remote_name: Option<&'static str>,
    /// Protocol, JA3, JA4, subject, issuer.
    pub(super) application: [Option<&'static str>; 5],
    pub(super) scope: Option<Scope>,
    pub(super) country: Option<&'static str>,
    pub(super) direction: Option<Direction>,
    pub(super) states: States,
    pub(super) first_s: f64,
    pub(super) duration_s: f64,
    pub(super) opened: bool,
    pub(super) start_is_exact: bool,
    pub(super) closed: bool,
    pub(super) state_since_s: Option<f64>,
    pub(super) bytes: Option<(u64, u64)>,
    pub(super) packets_sent: Option<u64>,
    pub(super) packets_received: Option<u64>,
    pub(super) retransmits: u32,
    pub(super) rtt_us: Option<u32>,
    pub(super) owner: Option<(String, u32)>,
    pub(super) sends_s: Vec<f64>,
}

impl Conn {
    pub(crate) fn to(addr: &str, port: u16) -> Self {
        let scope = match addr {
            a if a.starts_with("127.") => Scope::Loopback,
            a if a.starts_with("224.") => Scope::Multicast,
            a if a.starts_with("169.254.") => Scope::LinkLocal,
            "255.255.255.255" => Scope::Broadcast,
            a if a.starts_with("10.") || a.starts_with("192.168.") => Scope::Private,
            _ => Scope::Public,
        };
        Self {
            protocol: Protocol::Tcp,
            local: ("192.168.1.10".to_owned(), 40_000),
            remote: Some((addr.to_owned(), port)),
            remote_name: None,
            application: [None; 5],
            scope: Some(scope),
            country: None,
            direction: Some(Direction::Outbound),
            states: States::new(&[TcpState::SynSent, TcpState::Established, TcpState::FinWait1]),
            first_s: 0.0,
            duration_s: 0.5,
            opened: true,
            start_is_exact: false,
            closed: true,
            state_since_s: None,
            bytes: Some((500, 4_000)),
            packets_sent: None,
            packets_received: None,
            retransmits: 0,
            rtt_us: Some(20_000),
            owner: Some(("app".to_owned(), 100)),
            sends_s: Vec::new(),
        }
    }

    pub(crate) fn listener(port: u16) -> Self {
        Self {
            remote: None,
            scope: None,
            direction: None,
            states: States::new(&[TcpState::Listen]),
            opened: false,
            closed: false,
            bytes: None,
            rtt_us: None,
            ..Self::to("", 0).local_port(port)
        }
    }

    pub(crate) fn at(mut self, first_s: f64) -> Self {
        self.first_s = first_s;
        self
    }

    /// Opened at this time, known from an event.
    pub(crate) fn exactly_at(mut self, first_s: f64) -> Self {
        self.start_is_exact = true;
        self.at(first_s)
    }

    pub(crate) fn by(mut self, name: &str, pid: u32) -> Self {
        self.owner = Some((name.to_owned(), pid));
        self
    }

    pub(crate) fn unowned(mut self) -> Self {
        self.owner = None;
        self
    }

    pub(crate) fn local_port(mut self, port: u16) -> Self {
        self.local.1 = port;
        self
    }

    pub(crate) fn bytes(mut self, sent: u64, received: u64) -> Self {
        self.bytes = Some((sent, received));
        self
    }

    pub(crate) fn uncounted(mut self) -> Self {
        self.bytes = None;
        self.rtt_us = None;
        self
    }

    pub(crate) fn packets_sent(mut self, packets: u64) -> Self {
        self.packets_sent = Some(packets);
        self
    }

    pub(crate) fn packets_received(mut self, packets: u64) -> Self {
        self.packets_received = Some(packets);
        self
    }

    pub(crate) fn lasting(mut self, duration_s: f64) -> Self {
        self.duration_s = duration_s;
        self
    }

    pub(crate) fn rtt_us(mut self, rtt_us: u32) -> Self {
        self.rtt_us = Some(rtt_us);
        self
    }

    /// With a protocol without states.
    pub(crate) fn over(self, protocol: Protocol) -> Self {
        Self { protocol, ..self.udp() }
    }

    pub(crate) fn udp(mut self) -> Self {
        (self.protocol, self.states) = (Protocol::Udp, States::NONE);
        self
    }

    /// Opened by the remote.
    pub(crate) fn inbound(mut self) -> Self {
        self.direction = Some(Direction::Inbound);
        self
    }

    /// Both ends on this host.
    pub(crate) fn internal(mut self) -> Self {
        self.direction = Some(Direction::Internal);
        "127.0.0.1".clone_into(&mut self.local.0);
        self
    }

    /// A SYN answered by a reset.
    pub(crate) fn refused(mut self) -> Self {
        (self.states, self.bytes, self.rtt_us) =
            (States::new(&[TcpState::SynSent, TcpState::Close]), Some((0, 0)), None);
        self.lasting(0.0)
    }

    /// A SYN without an answer.
    pub(crate) fn unanswered(mut self) -> Self {
        (self.states, self.bytes, self.rtt_us) = (States::new(&[TcpState::SynSent]), Some((0, 0)), None);
        self.lasting(3.0)
    }

    /// Any states, joined by `>`.
    pub(crate) fn states(mut self, states: &'static str) -> Self {
        self.states = States::from_text(states).unwrap();
        self
    }

    /// From a log without TCP states.
    pub(crate) fn stateless(mut self) -> Self {
        self.states = States::NONE;
        self
    }

    /// With a remote in this country.
    pub(crate) fn country(mut self, code: &'static str) -> Self {
        self.country = Some(code);
        self
    }

    /// With this resolved name.
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.remote_name = Some(name);
        self
    }

    /// Its payload is of this protocol.
    pub(crate) fn speaking(mut self, protocol: &'static str) -> Self {
        self.application[0] = Some(protocol);
        self
    }

    /// Over TLS, from a client with this JA4.
    pub(crate) fn with_ja4(mut self, ja4: &'static str) -> Self {
        self.application[2] = Some(ja4);
        self.speaking("tls")
    }

    /// Over TLS, with a server that shows a certificate of this subject and issuer.
    pub(crate) fn certified(mut self, subject: &'static str, issuer: &'static str) -> Self {
        (self.application[3], self.application[4]) = (Some(subject), Some(issuer));
        self.speaking("tls")
    }

    /// A socket that neither listens nor connects.
    pub(crate) fn unconnected(mut self) -> Self {
        (self.remote, self.direction, self.scope) = (None, None, None);
        self.states = States::NONE;
        self
    }

    /// Closed before the recording ended.
    pub(crate) fn closed(mut self) -> Self {
        self.closed = true;
        self
    }

    /// Bound to this local address.
    pub(crate) fn on(mut self, addr: &str) -> Self {
        addr.clone_into(&mut self.local.0);
        self
    }

    /// Begins to send again at these seconds of the recording.
    pub(crate) fn sending_at(mut self, seconds: impl IntoIterator<Item = f64>) -> Self {
        self.sends_s = seconds.into_iter().collect();
        self
    }

    /// Opened after the recording began.
    pub(crate) fn opened(mut self) -> Self {
        self.opened = true;
        self
    }

    /// In its last state since this second of the recording.
    pub(crate) fn in_last_state_since(mut self, second: f64) -> Self {
        self.state_since_s = Some(second);
        self
    }

    /// Segments sent, and how many of them were retransmissions.
    pub(crate) fn segments(mut self, sent: u64, again: u32) -> Self {
        (self.packets_sent, self.retransmits) = (Some(sent), again);
        self
    }

    /// Still open when the recording ended.
    pub(crate) fn unclosed(mut self) -> Self {
        self.closed = false;
        self
    }

    /// Open before the recording began and after it ended.
    pub(crate) fn standing(mut self) -> Self {
        (self.opened, self.closed) = (false, false);
        self
    }

    /// Its bytes per slice of a second, spread evenly over its life.
    pub(super) fn bytes_per_second(&self, seconds: i64) -> Vec<(u32, u64, u64)> {
        let Some((sent, received)) = self.bytes else { return Vec::new() };
        let first = self.first_s as u32;
        let slices = (self.duration_s.ceil() as u64).max(1);
        let slice = |n: u64| (first + n as u32, sent / slices, received / slices);
        (0..slices).map(slice).filter(|(bin, ..)| i64::from(*bin) <= seconds).collect()
    }

    pub(super) fn first_us(&self) -> i64 {
        START_US + (self.first_s * 1e6) as i64
    }

    /// Its record, as the pass would make it.
    pub(super) fn record(
        &self,
        conn_id: u64,
        process: Option<ProcessId>,
        endpoint: Option<EndpointId>,
        texts: &mut Texts,
    ) -> Connection {
        let packets = |bytes: u64| Count::of(2 + bytes / 1_000);
        let [sent, received] = [self.bytes.map(|b| b.0), self.bytes.map(|b| b.1)];
        let since_us = self.state_since_s.map(|second| START_US + (second * 1e6) as i64);
        Connection {
            conn_id,
            protocol: self.protocol,
            netns: None,
            local_addr: texts.intern(&self.local.0),
            local_port: self.local.1,
            remote: endpoint.zip(self.remote.as_ref().map(|remote| remote.1)),
            remote_name: self.remote_name.map(|name| texts.intern(name)),
            application: None,
            direction: self.direction,
            state: self.states.last(),
            state_since_us: since_us.unwrap_or_else(|| self.first_us()),
            states_seen: self.states,
            first_seen_us: self.first_us(),
            last_seen_us: self.first_us() + (self.duration_s * 1e6) as i64,
            first_mono_ns: 0,
            last_mono_ns: (self.duration_s * 1e9).round() as i64,
            opened_in_recording: self.opened,
            start_is_exact: self.start_is_exact,
            closed_in_recording: self.closed,
            ticks: 1 + self.duration_s as u32,
            last_tick: 0,
            last_sent_tick: 0,
            sends: 0,
            totals: Totals {
                bytes_sent: sent.map(Count::of),
                bytes_received: received.map(Count::of),
                packets_sent: self.packets_sent.map(Count::of).or(sent.map(packets)),
                packets_received: self.packets_received.map(Count::of).or(received.map(packets)),
                retransmits: self.bytes.map(|_| SmallCount::of(self.retransmits)),
                rtt_us: self.rtt_us.map(SmallCount::of),
            },
            recorded_sent: sent.map(Count::of),
            recorded_received: received.map(Count::of),
            rtt_min_us: self.rtt_us.map(SmallCount::of),
            process,
            owner_source: None,
            is_own: None,
        }
    }

    /// What its payload says, as the pass makes it.
    pub(super) fn application_record(&self, texts: &mut Texts) -> Option<Application> {
        let [protocol, ja3, ja4, tls_subject, tls_issuer] =
            self.application.map(|text| text.map(|text| texts.intern(text)));
        let application = Application { protocol, ja3, ja4, tls_subject, tls_issuer };
        (application != Application::default()).then_some(application)
    }

    /// Its remote, as the pass makes it.
    pub(super) fn endpoint_record(&self, texts: &mut Texts) -> Endpoint {
        let addr = self.remote.as_ref().map(|remote| remote.0.as_str()).unwrap_or_default();
        let location =
            Location { country_code: self.country.map(|code| texts.intern(code)), ..Location::default() };
        Endpoint { addr: texts.intern(addr), scope: self.scope.unwrap_or(Scope::Reserved), location }
    }

    /// When it began to send again, if ever.
    pub(super) fn sends(&self, conn_id: u64) -> Option<Sends> {
        let ts_us: Vec<i64> = self.sends_s.iter().map(|second| START_US + (second * 1e6) as i64).collect();
        (!ts_us.is_empty()).then_some(Sends { conn_id, ts_us })
    }
}
