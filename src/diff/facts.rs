//! The facts of a capture that are compared.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::executables::Lists;
use super::v1::{Destination, Listener, Parent, Program};
use crate::Result;
use crate::capture::Protocol;
use crate::model::Tables;
use crate::model::orientation::Orientation;
use crate::model::records::{Direction, Role};
use crate::model::sockets::{Socket, Sockets};
use crate::model::view::Words;

/// First of the ports that Linux picks for programs that request none.
const FIRST_PICKED_PORT: u16 = 32_768;

/// Minimum lifetime in seconds for which a UDP socket on such a port counts as a service; a DNS
/// client's socket is closed sooner.
const STAYS_S: f64 = 10.0;

/// The facts of a capture.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) listeners: BTreeSet<Listener>,
    pub(super) programs: BTreeSet<Program>,
    pub(super) parents: BTreeSet<Parent>,
    pub(super) destinations: BTreeSet<Destination>,
    /// SHA-256 by path.
    pub(super) hashes: Lists,
    /// Bytes sent and received during the recording.
    pub(super) volumes: BTreeMap<Who, (u64, u64)>,
    /// Number of sockets, and of those with an unknown process.
    pub(super) sockets: usize,
    pub(super) without_owner: usize,
    /// Sockets of other network namespaces, which are not compared.
    pub(super) foreign: usize,
}

/// The actor: the process, or the address if the capture covers many hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    pub(super) process_name: Option<String>,
    pub(super) local_addr: Option<String>,
}

/// Addresses of a named destination, by its other fields.
type Named = BTreeMap<(Who, String, u16, String), BTreeSet<String>>;

impl Facts {
    pub(super) fn new(side: &Side<'_>) -> Result<Self> {
        let mut facts = Self { foreign: side.tables.foreign.height(), ..Self::default() };
        let sockets = Sockets::new(side.tables)?;
        let orientation = Orientation::new(&sockets);
        let mut named = Named::new();
        for socket in sockets.iter() {
            let who = Who::new(&socket, side.metadata.holds_many_hosts());
            facts.add_volume(&socket, &who);
            facts.add_listener(&socket);
            if is_destination(&socket, &orientation) {
                facts.add_destination(&socket, who, &mut named);
            }
        }
        facts.add_named(named);
        facts.add_processes(side.tables)?;
        Ok(facts)
    }

    fn add_volume(&mut self, socket: &Socket<'_>, who: &Who) {
        self.sockets += 1;
        self.without_owner += usize::from(socket.process_name.is_none());
        if who.process_name.is_none() && who.local_addr.is_none() {
            return;
        }
        let volume = self.volumes.entry(who.clone()).or_default();
        volume.0 = volume.0.saturating_add(socket.recorded_sent.unwrap_or_default());
        volume.1 = volume.1.saturating_add(socket.recorded_received.unwrap_or_default());
    }

    fn add_listener(&mut self, socket: &Socket<'_>) {
        if waits(socket) {
            self.listeners.insert(Listener {
                protocol: socket.protocol.as_str().to_owned(),
                local_addr: socket.local_addr.to_owned(),
                local_port: socket.local_port(),
                process_name: socket.process_name.map(str::to_owned),
            });
        }
    }

    fn add_destination(&mut self, socket: &Socket<'_>, who: Who, named: &mut Named) {
        let Some((addr, port)) = socket.remote() else { return };
        let protocol = socket.protocol.as_str().to_owned();
        if let Some(name) = socket.remote_name {
            named.entry((who, protocol, port, name.to_owned())).or_default().insert(addr.to_owned());
        } else {
            let addrs = BTreeSet::from([addr.to_owned()]);
            self.destinations.insert(destination(who, protocol, port, None, addrs));
        }
    }

    /// Adds destinations by name, whatever their current address.
    fn add_named(&mut self, named: Named) {
        let named = named
            .into_iter()
            .map(|((who, protocol, port, name), addrs)| destination(who, protocol, port, Some(name), addrs));
        self.destinations.extend(named);
    }

    fn add_processes(&mut self, tables: &Tables) -> Result<()> {
        let words = |column| Words::of(&tables.processes, column);
        let (names, exes, users) = (words("process_name")?, words("exe")?, words("username")?);
        let (parents, hashes) = (words("parent_name")?, words("exe_sha256")?);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        for row in 0..tables.processes.height() {
            if let (Some(exe), Some(hash)) = (exes.get(row), hashes.get(row)) {
                self.hashes.entry(exe.to_owned()).or_default().insert(hash.to_owned());
            }
            let Some(process_name) = owned(names.get(row)) else { continue };
            if let Some(parent_name) = owned(parents.get(row)) {
                self.parents.insert(Parent { parent_name, process_name: process_name.clone() });
            }
            let (exe, username) = (owned(exes.get(row)), owned(users.get(row)));
            self.programs.insert(Program { process_name, exe, username });
        }
        Ok(())
    }
}

impl Who {
    fn new(socket: &Socket<'_>, holds_many_hosts: bool) -> Self {
        let process_name = socket.process_name.map(str::to_owned);
        let by_addr = holds_many_hosts && process_name.is_none();
        Self { process_name, local_addr: by_addr.then(|| socket.local_addr.to_owned()) }
    }
}

fn destination(
    who: Who,
    protocol: String,
    remote_port: u16,
    remote_name: Option<String>,
    addrs: BTreeSet<String>,
) -> Destination {
    Destination {
        process_name: who.process_name,
        local_addr: who.local_addr,
        protocol,
        remote_port,
        remote_name,
        remote_addrs: addrs.into_iter().collect(),
    }
}

/// Whether it is a service: it listens, or is a UDP socket without a remote that is not a client's.
fn waits(socket: &Socket<'_>) -> bool {
    let stays = || !socket.closed_in_recording && socket.duration_s >= STAYS_S;
    let is_open = || socket.protocol == Protocol::Udp && (socket.local_port() < FIRST_PICKED_PORT || stays());
    socket.role == Role::Listener || (socket.remote().is_none() && is_open())
}

/// Whether this side opened it, to a port that was not picked at random.
fn is_destination(socket: &Socket<'_>, orientation: &Orientation<'_>) -> bool {
    let is_chosen = |port: u16| socket.direction == Some(Direction::Outbound) || port < FIRST_PICKED_PORT;
    socket.remote().is_some_and(|(_, port)| is_chosen(port)) && orientation.is_originator(socket)
}
