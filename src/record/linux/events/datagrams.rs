//! All events of sockets other than TCP, behind one interface.

use std::sync::Arc;

use super::super::turns::Turn;
use super::datagram_events::{self, DatagramDecoder};
use super::identity::Identity;
use super::kernel_event::KernelEvent;
use super::other_flows::{Made, OtherFlows};
use super::ring::Ring;
use super::socket_lifecycle::{Closing, SocketEvent};
use super::tracefs::{self, Tracepoint};
use super::udp_owners::UdpOwners;
use super::{EventState, Events, missing, ran};
use crate::capture::{Row, SourceReport, SourceStatus};
use crate::record::Timestamp;
use crate::record::host::Tick;

/// Short-lived UDP sockets, and sockets below the transport layer.
#[derive(Default)]
pub(super) struct Datagrams {
    udp: UdpOwners,
    flows: OtherFlows,
}

/// The name of the source, what it provides, and what is missing without it.
const NAME: &str = "datagram-events";
const GIVES: &str = "the process of UDP sockets that live between two ticks and send; process, remote and \
    bytes of raw, ping, packet and UDP-Lite sockets; not traffic through shared memory (PACKET_MMAP, \
    io_uring, AF_XDP)";
const LACKS: &str = "UDP sockets that live between two ticks have no process; raw, ping, packet and \
    UDP-Lite sockets have no bytes";

/// The positions of the lookup tracepoints in each ring, and the ports excluded from them.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    places: Vec<usize>,
    left_out: usize,
}

/// Adds the tracepoints to the rings of all CPUs, and reports the outcome.
pub(super) fn open(rings: &mut [Ring], cpus: &[i32]) -> (Option<DatagramDecoder>, Lookups, SourceReport) {
    match add(rings, cpus) {
        Ok((decoder, lookups)) => (Some(decoder), lookups, ran(NAME, GIVES)),
        Err(reason) => (None, Lookups::default(), unavailable(&reason)),
    }
}

/// The report if there are no rings.
pub(super) fn unavailable(reason: &str) -> SourceReport {
    missing(NAME, reason, LACKS)
}

fn add(rings: &mut [Ring], cpus: &[i32]) -> Result<(DatagramDecoder, Lookups), String> {
    let decoder = DatagramDecoder::new(&read()?)?;
    let mut lookups = Lookups::default();
    for (ring, cpu) in rings.iter_mut().zip(cpus) {
        let added = decoder.filtered().into_iter().map(|(id, filter)| ring.add(*cpu, id, &filter));
        let places: Vec<usize> = added
            .collect::<std::io::Result<_>>()
            .map_err(|e| format!("the kernel refused its events: {e}"))?;
        // The lookups come first, at the same positions in every ring.
        lookups.places = places[..2].to_vec();
    }
    Ok((decoder, lookups))
}

fn read() -> Result<Vec<Tracepoint>, String> {
    datagram_events::TRACEPOINTS.into_iter().map(tracefs::read).collect()
}

impl Lookups {
    /// Excludes these ports from the kernel's lookups, if some were added.
    pub(super) fn leave_out(&mut self, ports: &[u16], rings: &[Ring]) {
        if ports.len() == self.left_out {
            return;
        }
        self.left_out = ports.len();
        let filter = datagram_events::lookup_filter(ports);
        for (ring, place) in rings.iter().flat_map(|ring| self.places.iter().map(move |place| (ring, *place)))
        {
            // If this fails, the present filter stays in effect.
            let _ = ring.filter(place, &filter);
        }
    }
}

impl Datagrams {
    /// Adds an event; events must be in time order.
    pub(super) fn event(
        &mut self,
        event: &KernelEvent,
        who: Option<&Arc<Identity>>,
        netns_of: impl FnOnce(u32) -> Option<u64>,
    ) {
        self.udp.event(event, who, netns_of);
        self.flows.event(event, who);
    }

    /// Adds the notification of a closing UDP socket.
    pub(super) fn closing(&mut self, now_ns: u64, closing: Closing) {
        self.udp.closing(now_ns, closing);
    }

    /// The ends of UDP sockets since the last call.
    pub(super) fn take(&mut self, now_ns: u64, interval_ns: u64) -> Vec<SocketEvent> {
        self.udp.take(now_ns, interval_ns)
    }

    /// The processes that send from a UDP port, without those whose socket has closed.
    pub(super) fn turns(&self, netns: u64, port: u16) -> Vec<Turn> {
        self.udp.turns(netns, port).collect()
    }

    /// The same of sockets that have closed since the last call, each with its namespace and port.
    pub(super) fn take_ended_turns(&mut self) -> Vec<((u64, u16), Turn)> {
        self.udp.take_ended()
    }

    /// Ports whose lookups are no longer wanted.
    pub(super) fn busy_ports(&self) -> &[u16] {
        self.udp.busy_ports()
    }

    /// Adds what was excluded to a report.
    pub(super) fn complete(&self, mut report: SourceReport) -> SourceReport {
        let mut lacks = Vec::new();
        if let ports @ [_, ..] = self.udp.busy_ports() {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            lacks.push(format!("sends from busy ports are not examined ({})", ports.join(", ")));
        }
        let crowded_out = self.udp.crowded_out() + self.flows.crowded_out();
        if crowded_out > 0 {
            lacks.push(format!("{crowded_out} sends and receives were too many to keep apart"));
            report.status = SourceStatus::Partial;
        }
        report.detail = [vec![report.detail], lacks].concat().join("; ");
        report
    }
}

impl Events {
    /// Completes a snapshot's raw, ping, packet and UDP-Lite sockets with what the events tell, and
    /// returns the rows of sockets that are in no snapshot.
    pub(in super::super) fn other_sockets(&self, snapshot: &mut [Row], tick: &Tick) -> Vec<Row> {
        let mut state = self.shared.state();
        let made = state.datagrams.flows.settle(snapshot, tick.moment);
        state.owned(made)
    }

    /// The last rows of such sockets.
    pub(in super::super) fn last_other_sockets(&self, end: Timestamp) -> Vec<Row> {
        let mut state = self.shared.state();
        let made = state.datagrams.flows.finish(end);
        state.owned(made)
    }
}

impl EventState {
    fn owned(&self, made: Vec<Made>) -> Vec<Row> {
        let owned = |Made { row, identity }| Row { owner: Some(self.programs.complete(&identity)), ..row };
        made.into_iter().map(owned).collect()
    }
}
