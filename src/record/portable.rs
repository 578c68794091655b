//! Sockets on systems without `sock_diag`: by the interfaces that the system's own tools use.
//!
//! `netstat2` lists sockets with their processes but without counters, `sysinfo` provides the facts
//! of the processes. Anything that they lack stays null.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use netstat2::{AddressFamilyFlags, ProtocolFlags, ProtocolSocketInfo, SocketInfo};
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind, Users};

use super::host::{Host, Seen, SourceOptions, Tick};
use crate::capture::{Owner, OwnerSource, Protocol, Row, SourceReport, SourceStatus, TcpState, stable_id};
use crate::{Error, Result};

/// A host by `netstat2` and `sysinfo`.
pub(super) struct PortableHost {
    /// Why this host is used rather than a better one.
    reason: String,
    wanted: SourceOptions,
    system: System,
    users: Users,
    owners: BTreeMap<u32, Arc<Owner>>,
    /// Ids in the last tick, to count new ones.
    open: Vec<u64>,
    connections: u64,
    without_owner: u64,
}

impl PortableHost {
    /// Opens the host, and verifies that its sockets can be listed.
    pub(super) fn open(reason: String, wanted: SourceOptions) -> Result<Self> {
        let failed = |what: &str, e: sysinfo::Error| Error::Record(format!("{reason}, and {what}: {e:?}"));
        let system = System::new().map_err(|e| failed("processes cannot be listed", e))?;
        let users = Users::new_with_refreshed_list().map_err(|e| failed("users cannot be listed", e))?;
        list().map_err(|e| Error::Record(format!("{reason}, and sockets cannot be listed: {e}")))?;
        Ok(Self {
            reason,
            wanted,
            system,
            users,
            owners: BTreeMap::new(),
            open: Vec::new(),
            connections: 0,
            without_owner: 0,
        })
    }

    fn refresh(&mut self) {
        let facts = ProcessRefreshKind::nothing()
            .without_tasks()
            .with_cpu()
            .with_memory()
            .with_user(UpdateKind::OnlyIfNotSet)
            .with_exe(UpdateKind::OnlyIfNotSet)
            .with_cmd(UpdateKind::OnlyIfNotSet);
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, facts);
        let system = &self.system;
        self.owners.retain(|pid, owner| {
            let process = system.process(Pid::from_u32(*pid));
            process.is_some_and(|process| Some(start_us(process)) == owner.process_start_us)
        });
    }

    fn row(&mut self, socket: &SocketInfo, tick: &Tick) -> Row {
        let (protocol, remote, state) = describe(&socket.protocol_socket_info);
        let local = (socket.local_addr().to_canonical(), socket.local_port());
        // Of several holders the oldest, from which the others inherited the socket.
        let pid = socket.associated_pids.iter().copied().min_by_key(|pid| {
            let process = self.system.process(Pid::from_u32(*pid));
            (process.map_or(u64::MAX, Process::start_time), *pid)
        });
        let mut row = Row {
            ts_us: tick.moment.ts_us,
            mono_ns: tick.moment.mono_ns,
            tick: tick.number,
            remote,
            state,
            ..Row::snapshot(0, protocol, local)
        };
        if let Some(owner) = pid.and_then(|pid| self.owner(pid)) {
            let process = pid.and_then(|pid| self.system.process(Pid::from_u32(pid)));
            row.owner_source = Some(OwnerSource::Inode);
            // The first reading of a CPU share has no previous one.
            row.cpu_percent = process.filter(|_| tick.number > 0).map(Process::cpu_usage);
            row.memory_rss_bytes = process.map(Process::memory);
            row.owner = Some(owner);
        }
        let start_us = row.owner.as_ref().and_then(|owner| owner.process_start_us);
        row.conn_id = conn_id(protocol, local, remote, start_us);
        row
    }

    fn owner(&mut self, pid: u32) -> Option<Arc<Owner>> {
        if let Some(owner) = self.owners.get(&pid) {
            return Some(Arc::clone(owner));
        }
        let process = self.system.process(Pid::from_u32(pid))?;
        let parent = process.parent();
        let words: Vec<_> = process.cmd().iter().map(|word| word.to_string_lossy()).collect();
        let owner = Arc::new(Owner {
            pid: Some(pid),
            ppid: parent.map(Pid::as_u32),
            uid: uid(process),
            process_name: Some(process.name().to_string_lossy().into_owned()),
            exe: process.exe().map(|path| path.to_string_lossy().into_owned()),
            cmdline: (!words.is_empty()).then(|| words.join(" ")),
            username: process
                .user_id()
                .and_then(|id| self.users.get_user_by_id(id))
                .map(|user| user.name().to_owned()),
            parent_name: parent
                .and_then(|pid| self.system.process(pid))
                .map(|process| process.name().to_string_lossy().into_owned()),
            container: None,
            exe_sha256: None,
            process_start_us: Some(start_us(process)),
        });
        self.owners.insert(pid, Arc::clone(&owner));
        Some(owner)
    }

    fn count(&mut self, rows: &[Row]) {
        let mut now: Vec<u64> = rows.iter().map(|row| row.conn_id).collect();
        now.sort_unstable();
        now.dedup();
        let is_new = |id: &&u64| self.open.binary_search(id).is_err();
        self.connections += now.iter().filter(is_new).count() as u64;
        let without_owner = rows.iter().filter(|row| row.owner.is_none()).count() as u64;
        self.without_owner = self.without_owner.max(without_owner);
        self.open = now;
    }
}

impl Host for PortableHost {
    fn observe(&mut self, tick: Tick, rows: &mut Vec<Row>) -> Result<Seen> {
        let sockets = list().map_err(|e| Error::Record(format!("sockets cannot be listed: {e}")))?;
        self.refresh();
        for socket in &sockets {
            if !is_time_wait(socket) {
                let row = self.row(socket, &tick);
                rows.push(row);
            }
        }
        self.count(rows);
        Ok(Seen {
            sockets: rows.len() as u64,
            processes: self.owners.len() as u64,
            connections: self.connections,
        })
    }

    fn reports(&self) -> Vec<SourceReport> {
        let counters = SourceReport {
            name: "sock_diag".to_owned(),
            status: SourceStatus::Missing,
            detail: format!("{}: no bytes, packets, retransmissions and round-trip times", self.reason),
        };
        let (status, detail) = match self.without_owner {
            0 => (SourceStatus::Ran, "TCP and UDP sockets with their processes".to_owned()),
            missing => {
                let detail = format!("at one snapshot, {missing} sockets had no visible process");
                (SourceStatus::Partial, detail)
            }
        };
        let mut reports = vec![counters, SourceReport { name: "netstat2".to_owned(), status, detail }];
        if self.wanted.packets() {
            reports.push(SourceReport {
                name: "packets".to_owned(),
                status: SourceStatus::Missing,
                detail: format!("{}: no UDP bytes and no names of remotes", self.reason),
            });
        }
        reports
    }
}

fn list() -> Result<Vec<SocketInfo>, netstat2::error::Error> {
    netstat2::get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all())
}

fn is_time_wait(socket: &SocketInfo) -> bool {
    let state = describe(&socket.protocol_socket_info).2;
    state == Some(TcpState::TimeWait)
}

type Description = (Protocol, Option<(IpAddr, u16)>, Option<TcpState>);

fn describe(socket: &ProtocolSocketInfo) -> Description {
    match socket {
        ProtocolSocketInfo::Udp(_) => (Protocol::Udp, None, None),
        ProtocolSocketInfo::Tcp(tcp) => {
            let connected = tcp.remote_port != 0 || !tcp.remote_addr.is_unspecified();
            let remote = connected.then(|| (tcp.remote_addr.to_canonical(), tcp.remote_port));
            (Protocol::Tcp, remote, tcp_state(tcp.state))
        }
    }
}

fn tcp_state(state: netstat2::TcpState) -> Option<TcpState> {
    use netstat2::TcpState as Theirs;
    Some(match state {
        Theirs::Closed | Theirs::DeleteTcb => TcpState::Close,
        Theirs::Listen => TcpState::Listen,
        Theirs::SynSent => TcpState::SynSent,
        Theirs::SynReceived => TcpState::SynRecv,
        Theirs::Established => TcpState::Established,
        Theirs::FinWait1 => TcpState::FinWait1,
        Theirs::FinWait2 => TcpState::FinWait2,
        Theirs::CloseWait => TcpState::CloseWait,
        Theirs::Closing => TcpState::Closing,
        Theirs::LastAck => TcpState::LastAck,
        Theirs::TimeWait => TcpState::TimeWait,
        Theirs::Unknown => return None,
    })
}

/// An id where the kernel has none: a hash of the five-tuple and the start of the process, so that
/// it is the same at every tick and in every version of this program.
fn conn_id(
    protocol: Protocol,
    local: (IpAddr, u16),
    remote: Option<(IpAddr, u16)>,
    process_start_us: Option<i64>,
) -> u64 {
    let text = format!("{}|{local:?}|{remote:?}|{process_start_us:?}", protocol.as_str());
    stable_id(text.as_bytes())
}

/// `sysinfo` has whole seconds.
fn start_us(process: &Process) -> i64 {
    i64::try_from(process.start_time()).unwrap_or(0).saturating_mul(1_000_000)
}

#[cfg(unix)]
fn uid(process: &Process) -> Option<u32> {
    process.effective_user_id().or_else(|| process.user_id()).map(|uid| **uid)
}

/// Other systems have no numeric user ids.
#[cfg(not(unix))]
fn uid(_process: &Process) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;
    use crate::capture::Counters;
    use crate::record::Timestamp;

    fn observe(host: &mut PortableHost, number: u32) -> (Seen, Vec<Row>) {
        let tick = Tick { number, moment: Timestamp::default(), interval: Duration::from_secs(1) };
        let mut rows = Vec::new();
        let seen = host.observe(tick, &mut rows).unwrap();
        (seen, rows)
    }

    #[test]
    fn a_connection_has_owner_and_state_and_no_counters() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _server = listener.accept().unwrap();
        let mut host = PortableHost::open("for a test".to_owned(), SourceOptions::default()).unwrap();
        let (seen, rows) = observe(&mut host, 0);
        assert_eq!(seen.sockets, rows.len() as u64);
        let [local, remote] = [client.local_addr(), listener.local_addr()]
            .map(|addr| addr.map(|addr| (addr.ip(), addr.port())));
        let (local, remote) = (local.unwrap(), remote.ok());
        // Others may have the same port at another address.
        let is_it = |row: &&Row| (row.local_addr, row.local_port) == local && row.remote == remote;
        let row = rows.iter().find(is_it).unwrap();
        assert_eq!((row.state, row.counters), (Some(TcpState::Established), Counters::default()));
        assert_eq!(row.owner.as_ref().unwrap().pid, Some(std::process::id()));
        assert_eq!((row.owner_source, row.cpu_percent), (Some(OwnerSource::Inode), None));

        let (_, again) = observe(&mut host, 1);
        assert!(again.iter().any(|later| later.conn_id == row.conn_id), "the identity stays");
    }

    #[test]
    fn the_report_says_what_is_missing_and_why() {
        let host = PortableHost::open("it is not Linux".to_owned(), SourceOptions::default()).unwrap();
        let missing = &host.reports()[0];
        assert_eq!(missing.status, SourceStatus::Missing);
        assert!(missing.detail.contains("it is not Linux") && missing.detail.contains("bytes"));
    }

    #[test]
    fn an_identity_depends_on_every_part() {
        let local = (IpAddr::from([127, 0, 0, 1]), 80);
        let remote = Some((IpAddr::from([192, 0, 2, 1]), 443));
        let id = conn_id(Protocol::Tcp, local, remote, Some(5));
        assert_eq!(id, conn_id(Protocol::Tcp, local, remote, Some(5)));
        let others = [
            conn_id(Protocol::Udp, local, remote, Some(5)),
            conn_id(Protocol::Tcp, (local.0, 81), remote, Some(5)),
            conn_id(Protocol::Tcp, local, None, Some(5)),
            conn_id(Protocol::Tcp, local, remote, Some(6)),
            conn_id(Protocol::Tcp, local, remote, None),
        ];
        assert!(others.iter().all(|other| *other != id));
    }
}
