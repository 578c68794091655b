//! The end of the pass: what needs the whole capture to be known, and the order of the records.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ahash::AHashMap;

use super::sockets::TransitionCounts;
use super::ticks::Load;
use super::{Pass, Whose, axis, open};
use crate::analyze::direction::{Flow, Host};
use crate::analyze::vantage::Vantage;
use crate::capture::{Metadata, Protocol, TcpState};
use crate::geo::{Databases, GeoLocation};
use crate::model::records::{
    Connection, Count, Direction, Endpoint, EndpointBin, EndpointId, Location, Process, ProcessBin,
    ProcessId, Recorded, Role, Scope, TextId, Texts, Transition,
};
use crate::model::scope::scope;
use crate::parallel;

/// Makes the records of what was gathered, in their fixed order.
pub(super) fn finish(pass: Pass, metadata: &Metadata, geo: &Databases) -> Recorded {
    let Pass {
        mut texts,
        addresses,
        applications,
        owners,
        mut connections,
        transitions,
        ticks,
        activity,
        queries,
        ..
    } = pass;
    drop(pass.index);
    let whose = pass.whose;
    let (mut bins, mut process_bins, loads, tick_count) = ticks.finish();
    parallel::change(&mut connections, |connection| {
        connection.closed_in_recording |= connection.last_tick < pass.last_tick;
    });
    let only_foreign = only_foreign(&connections, &whose, addresses.endpoints().len());
    // Looking up locations and judging directions take about as long.
    let ((located, endpoint_order), ()) = parallel::both(
        || sort_endpoints(&addresses, &only_foreign, &texts, geo),
        || set_directions(&mut connections, &addresses, metadata),
    );
    let (processes, process_order) = sort_processes(owners.into_processes(), &loads, &texts);
    renumber(&mut connections, &endpoint_order, &process_order);
    let (mut endpoint_bins, sends) = activity.finish(&connections);
    let mut foreign: Vec<Connection> = connections.extract_if(.., |c| whose.leaves_out(c)).collect();
    for connection in connections.iter().filter(|c| c.role() == Role::Connection) {
        if connection.opened_in_recording {
            bins[pass.axis.bin(connection.first_seen_us) as usize].opened += 1;
        }
        if connection.closed_in_recording {
            bins[pass.axis.bin(connection.last_seen_us) as usize].closed += 1;
        }
    }
    if metadata.holds_many_hosts() {
        let end_us = pass.span_us.map_or(metadata.end_us, |(_, end_us)| end_us);
        // Of what the last snapshot shows nobody knows an end; a log says all that it knows.
        let is_in_last = |c: &Connection| metadata.ticks_taken > 0 && !c.closed_in_recording;
        let until_us = |c: &Connection| if is_in_last(c) { end_us } else { c.last_seen_us };
        let open = connections.iter().filter(|c| c.role() == Role::Connection);
        open::count(&mut bins, pass.axis, open.map(|c| (c.first_seen_us, until_us(c))));
    }
    let endpoints = located.into_endpoints(&mut texts);
    renumber_bins(&mut process_bins, &process_order);
    renumber_endpoint_bins(&mut endpoint_bins, &endpoint_order);
    let queries = queries.finish(&process_order, &texts);
    // Records are long: they are moved once, when it is known where to.
    connections.sort_by_cached_key(|c| (c.first_seen_us, c.conn_id));
    foreign.sort_by_cached_key(|c| (c.first_seen_us, c.conn_id));
    Recorded {
        texts,
        connections,
        foreign,
        processes,
        endpoints,
        foreign_endpoints: only_foreign.iter().filter(|is_foreign| **is_foreign).count(),
        applications: applications.finish(),
        bins,
        bin_width_us: pass.axis.width_us,
        process_bins,
        endpoint_bins,
        sends,
        queries,
        transitions: list_transitions(&transitions),
        span_us: pass.span_us.unwrap_or_else(|| axis::span((metadata.start_us, metadata.start_us), metadata)),
        ticks: tick_count,
        rows: pass.rows,
    }
}

fn set_directions(connections: &mut [Connection], addresses: &super::Addresses, metadata: &Metadata) {
    let mut host = Host::new(metadata.host_addresses.iter().map(String::as_str));
    for waiting in connections.iter().filter(|c| waits(c)) {
        if let Some(addr) = addresses.known(waiting.local_addr) {
            let local = (addr, waiting.local_port);
            host.add_waiting(waiting.protocol, local, waiting.netns.map(Count::get), waiting.first_seen_us);
        }
    }
    let vantage = Vantage::of(metadata);
    parallel::change(connections, |connection| {
        connection.direction = direction(connection, &host, &vantage, addresses);
    });
}

fn waits(connection: &Connection) -> bool {
    match connection.protocol {
        Protocol::Udp | Protocol::UdpLite => connection.role() == Role::Unconnected,
        _ => connection.has_seen(TcpState::Listen),
    }
}

fn direction(
    connection: &Connection,
    host: &Host,
    vantage: &Vantage,
    addresses: &super::Addresses,
) -> Option<Direction> {
    let (endpoint, _) = connection.remote?;
    let remote = addresses.known(*addresses.endpoints().get(endpoint.get() as usize)?)?;
    let local = addresses.known(connection.local_addr)?;
    let was_flipped = connection.direction == Some(Direction::Inbound);
    if let Some(direction) = vantage.direction(local, remote, was_flipped) {
        return Some(direction);
    }
    Some(host.direction(&Flow {
        protocol: connection.protocol,
        netns: connection.netns.map(Count::get),
        local: (local, connection.local_port),
        remote,
        first_seen_us: connection.first_seen_us,
        states_seen: connection.states_seen,
        owner_source: connection.owner_source,
    }))
}

/// For each remote address, whether only sockets that are left out have it.
fn only_foreign(connections: &[Connection], whose: &Whose, endpoints: usize) -> Vec<bool> {
    let mut only_foreign = vec![false; endpoints];
    if !connections.iter().any(|c| whose.leaves_out(c)) {
        return only_foreign;
    }
    let mut mark = |left_out: bool| {
        let marked = connections.iter().filter(|c| whose.leaves_out(c) == left_out);
        for (endpoint, _) in marked.filter_map(|c| c.remote) {
            only_foreign[endpoint.get() as usize] = left_out;
        }
    };
    mark(true);
    mark(false);
    only_foreign
}

/// The remote addresses, each with its scope and what a database knows of it.
#[derive(Default)]
struct Located {
    /// With the index in `locations`.
    addrs: Vec<(TextId, Scope, Option<u32>)>,
    /// Each location once: a capture may have a million addresses, and the world has fewer cities.
    locations: Vec<GeoLocation>,
    numbers: AHashMap<GeoLocation, u32>,
}

impl Located {
    fn add(&mut self, text: TextId, addr: Option<IpAddr>, geo: &Databases) {
        let scope = addr.map_or(Scope::Reserved, scope);
        // Databases of others are known to place private addresses somewhere in the world.
        let found = addr.filter(|_| scope == Scope::Public).and_then(|addr| geo.lookup(addr));
        let number = found.map(|location| {
            *self.numbers.entry(location).or_insert_with_key(|location| {
                self.locations.push(location.clone());
                self.locations.len() as u32 - 1
            })
        });
        self.addrs.push((text, scope, number));
    }

    fn into_endpoints(self, texts: &mut Texts) -> Vec<Endpoint> {
        let locations: Vec<Location> =
            self.locations.iter().map(|location| Location::new(location, texts)).collect();
        let at = |number: Option<u32>| locations.get(number? as usize).copied();
        let endpoint =
            |(addr, scope, number)| Endpoint { addr, scope, location: at(number).unwrap_or_default() };
        self.addrs.into_iter().map(endpoint).collect()
    }
}

/// The remote addresses by their text, those of `only_foreign` after the others, and the new index of each.
fn sort_endpoints(
    addresses: &super::Addresses,
    only_foreign: &[bool],
    texts: &Texts,
    geo: &Databases,
) -> (Located, Vec<u32>) {
    let order = order_of(addresses.endpoints(), |at, addr| (only_foreign[at], texts.get(*addr)));
    let mut located = Located::default();
    for old in &order {
        let text = addresses.endpoints()[*old as usize];
        located.add(text, addresses.known(text), geo);
    }
    (located, new_indices(&order))
}

/// The processes by pid, then start, then name, then executable, and the new index of each.
fn sort_processes(mut processes: Vec<Process>, loads: &[Load], texts: &Texts) -> (Vec<Process>, Vec<u32>) {
    for (process, load) in processes.iter_mut().zip(loads) {
        process.cpu_percent_mean = load.cpu_percent_mean();
        process.cpu_percent_max = load.cpu_percent_max;
        process.memory_rss_max_bytes = load.memory_rss_max_bytes;
    }
    let text = |id: Option<TextId>| id.map(|id| texts.get(id));
    let order = order_of(&processes, |_, p| (p.pid, p.process_start_us, text(p.process_name), text(p.exe)));
    (order.iter().map(|old| processes[*old as usize].clone()).collect(), new_indices(&order))
}

/// The indices of `items`, sorted by a key that no two of them share.
fn order_of<'a, T, K: Ord>(items: &'a [T], key: impl Fn(usize, &'a T) -> K) -> Vec<u32> {
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    order.sort_by_key(|index| key(*index as usize, &items[*index as usize]));
    order
}

/// For each old index, the new one.
fn new_indices(order: &[u32]) -> Vec<u32> {
    let mut indices = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        indices[*old as usize] = new as u32;
    }
    indices
}

fn renumber(connections: &mut [Connection], endpoints: &[u32], processes: &[u32]) {
    parallel::change(connections, |connection| {
        if let Some((endpoint, _)) = &mut connection.remote {
            *endpoint = EndpointId::of(endpoints[endpoint.get() as usize]);
        }
        if let Some(process) = &mut connection.process {
            *process = ProcessId::of(processes[process.get() as usize]);
        }
    });
}

fn renumber_bins(process_bins: &mut [ProcessBin], processes: &[u32]) {
    for slice in &mut *process_bins {
        slice.process = ProcessId::of(processes[slice.process.get() as usize]);
    }
    process_bins.sort_unstable_by_key(|slice| (slice.bin, slice.process));
}

fn renumber_endpoint_bins(endpoint_bins: &mut [EndpointBin], endpoints: &[u32]) {
    for slice in &mut *endpoint_bins {
        slice.endpoint = EndpointId::of(endpoints[slice.endpoint.get() as usize]);
    }
    endpoint_bins.sort_unstable_by_key(|slice| (slice.bin, slice.endpoint));
}

fn list_transitions(counts: &TransitionCounts) -> Vec<Transition> {
    let pairs = TcpState::ALL.iter().flat_map(|from| TcpState::ALL.iter().map(move |to| (*from, *to)));
    let mut list: Vec<Transition> = pairs
        .map(|(from, to)| Transition { from, to, count: counts[from as usize][to as usize] })
        .filter(|transition| transition.count > 0)
        .collect();
    list.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| (a.from.as_str(), a.to.as_str()).cmp(&(b.from.as_str(), b.to.as_str())))
    });
    list
}
