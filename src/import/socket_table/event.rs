//! Records of events: a process opened or accepted a connection, or a socket has come or gone.

use std::net::IpAddr;
use std::sync::Arc;

use super::Fault;
use super::fields::{Fields, LOCAL_ADDR, LOCAL_PORT, REMOTE_ADDR, REMOTE_PORT};
use super::socket;
use crate::capture::{Kind, Owner, OwnerSource, Protocol, Row, TcpState, UnusedReason, stable_id};
use crate::import::owners::SharedOwners;
use crate::import::question;
use crate::import::ss::end::End;
use crate::import::ss::time::Stamp;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Opened,
    Accepted,
    /// Begun, and nothing is said of its outcome.
    Attempted,
    Failed,
    Listening,
    /// It was there already, in this state.
    Found(Option<TcpState>),
    Gone,
}

/// An event of one socket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    time: Stamp,
    /// What tells its socket from others with the same ends.
    identity: String,
    protocol: Protocol,
    local: End,
    remote: Option<End>,
    remote_name: Option<Arc<str>>,
    course: Course,
    is_difference: bool,
    owner: Owner,
}

/// `DeviceNetworkEvents`. Source: Microsoft, the table of this name in the "Advanced hunting schema".
pub(super) fn of_defender(fields: &Fields) -> Result<Event, Fault> {
    let action = fields.get(&["actiontype"]).unwrap_or("other");
    let course = match action {
        "ConnectionSuccess" | "ConnectionAcknowledged" => Course::Opened,
        "InboundConnectionAccepted" => Course::Accepted,
        "ConnectionAttempt" | "ConnectionRequest" => Course::Attempted,
        "ConnectionFailed" => Course::Failed,
        "ListeningConnectionCreated" => Course::Listening,
        "ConnectionFound" => Course::Found(Some(TcpState::Established)),
        other => return Err(not_a_connection(other)),
    };
    let event = read(fields, course, (&["localip"], &["remoteip"]))?;
    Ok(Event { remote_name: fields.get(&["remoteurl"]).and_then(host_of_url), ..event })
}

/// `NetworkConnectIP4` and the like. Source: the event data dictionary of Falcon.
pub(super) fn of_crowdstrike(fields: &Fields) -> Result<Event, Fault> {
    let name = fields.get(&["eventsimplename"]).unwrap_or("other");
    let course = match name.trim_end_matches(['4', '6']) {
        "NetworkConnectIP" if fields.get(&["connectiondirection"]) == Some("1") => Course::Accepted,
        "NetworkConnectIP" => Course::Opened,
        "NetworkReceiveAcceptIP" => Course::Accepted,
        "NetworkListenIP" => Course::Listening,
        _ => return Err(not_a_connection(name)),
    };
    read(fields, course, (&["localaddressip4", "localaddressip6"], &["remoteaddressip4", "remoteaddressip6"]))
}

/// A call that osquery's `socket_events` saw; the audit system does not give the local end of some.
pub(super) fn of_call(fields: &Fields) -> Result<Event, Fault> {
    let course = match fields.get(&["action"]) {
        Some("connect") => Course::Attempted,
        Some("accept" | "accept4") => Course::Accepted,
        other => return Err(not_a_connection(other.unwrap_or("other"))),
    };
    read(fields, course, (LOCAL_ADDR, REMOTE_ADDR))
}

/// A socket that a query of osquery has found since the one before, or no longer.
pub(super) fn of_difference(fields: &Fields) -> Result<Event, Fault> {
    let socket = socket::read(fields)?;
    let course = match fields.get(&["action"]) {
        Some("removed") => Course::Gone,
        _ => Course::Found(socket.state),
    };
    let time = fields.time_of_list().ok_or(Fault::Unreadable)?;
    let process = fields.get(&["pid"]).unwrap_or_default();
    let identity = format!("{} {process} {:?}", fields.host().unwrap_or_default(), socket.identity);
    Ok(Event {
        time,
        identity,
        protocol: socket.protocol,
        local: socket.local,
        remote: socket.remote,
        remote_name: None,
        course,
        is_difference: true,
        owner: socket.owner,
    })
}

fn not_a_connection(name: &str) -> Fault {
    Fault::skipped(UnusedReason::NoConnection, format!("{name} event"))
}

fn read(fields: &Fields, course: Course, (local, remote): (&[&str], &[&str])) -> Result<Event, Fault> {
    let time = fields.time_of_event().ok_or(Fault::Unreadable)?;
    let protocol = socket::protocol(fields)?;
    let Some(local) = socket::end(fields, local, LOCAL_PORT, protocol)? else {
        return Err(Fault::skipped(UnusedReason::Unsupported, "event without a local address"));
    };
    let remote = socket::end(fields, remote, REMOTE_PORT, protocol)?.filter(|_| course != Course::Listening);
    if remote.is_none() && course != Course::Listening {
        return Err(Fault::skipped(UnusedReason::Unsupported, "event without a remote address"));
    }
    let process = fields.get(&["initiatingprocessid", "contextprocessid", "pid"]).unwrap_or_default();
    Ok(Event {
        time,
        identity: format!("{} {process} {}", fields.host().unwrap_or_default(), time.ts_us),
        protocol,
        local,
        remote,
        remote_name: None,
        course,
        is_difference: false,
        owner: fields.owner(),
    })
}

/// The host of a URL, or a name that stands alone; an address is no name.
fn host_of_url(url: &str) -> Option<Arc<str>> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    let host = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(h, _)| h);
    let is_name = !host.is_empty() && host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
    is_name.then(|| Arc::from(question::name(host.as_bytes())))
}

impl Event {
    pub(super) fn is_difference(&self) -> bool {
        self.is_difference
    }

    pub(super) fn has_zone(&self) -> bool {
        self.time.has_zone
    }

    /// Its rows, in the order of what they tell.
    pub(super) fn rows(self, owners: &mut SharedOwners) -> Vec<Row> {
        use TcpState::{Close, Established, Listen, SynRecv, SynSent};
        let course = self.course;
        let row = self.row(owners);
        let is_tcp = row.protocol == Protocol::Tcp;
        let with = |kind, state: Option<TcpState>, prev_state: Option<TcpState>| Row {
            kind,
            state: state.filter(|_| is_tcp),
            prev_state: prev_state.filter(|_| is_tcp),
            ..row.clone()
        };
        match course {
            Course::Opened => vec![with(Kind::Opened, Some(Established), Some(SynSent))],
            Course::Accepted => vec![with(Kind::Opened, Some(Established), Some(SynRecv))],
            Course::Attempted => vec![with(Kind::Opened, Some(SynSent), None)],
            Course::Failed => {
                vec![with(Kind::Opened, Some(SynSent), None), with(Kind::Closed, Some(Close), Some(SynSent))]
            }
            Course::Listening => vec![with(Kind::Opened, Some(Listen), None)],
            Course::Found(state) => vec![with(Kind::State, state, None)],
            Course::Gone => vec![with(Kind::Closed, Some(Close), None)],
        }
    }

    fn row(self, owners: &mut SharedOwners) -> Row {
        let conn_id = self.conn_id();
        let has_process = self.owner.pid.is_some() || self.owner.process_name.is_some();
        Row {
            ts_us: self.time.ts_us,
            mono_ns: self.time.ts_us.saturating_mul(1000),
            remote: self.remote,
            remote_name: self.remote_name,
            owner: (self.owner != Owner::default()).then(|| owners.share(self.owner)),
            owner_source: has_process.then_some(OwnerSource::Import),
            ..Row::snapshot(conn_id, self.protocol, self.local)
        }
    }

    /// The same for the same event in every import.
    fn conn_id(&self) -> u64 {
        let name = format!("{} {:?} {:?} {:?}", self.identity, self.protocol, self.local, self.remote);
        stable_id(name.as_bytes())
    }
}
