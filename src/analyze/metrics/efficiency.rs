//! The share of payload in each protocol's traffic.

use super::ProtocolEfficiency;
use super::sockets::Sockets;
use super::tcp::retransmission_rate;
use crate::capture::Protocol;

/// Extra size of the IPv6 header compared with IPv4, in bytes.
const V6_MORE_BYTES: f64 = 20.0;

/// Sums over the connections with complete counts.
#[derive(Default)]
struct Sums {
    connections: u64,
    counted: u64,
    bytes_sent: f64,
    bytes_received: f64,
    packets_sent: f64,
    packets_received: f64,
    header_bytes: f64,
    duration_s: f64,
}

/// Each protocol that has connections.
pub(super) fn protocols(sockets: &Sockets<'_>) -> Vec<ProtocolEfficiency> {
    // Headers of v4 and of the protocol; TCP with timestamps, as is usual.
    let protocols = [(Protocol::Tcp, 20.0 + 32.0), (Protocol::Udp, 20.0 + 8.0)];
    protocols
        .into_iter()
        .filter_map(|(protocol, header_bytes)| {
            let sums = sum(sockets, protocol, header_bytes);
            (sums.connections > 0).then(|| efficiency(sockets, protocol, &sums))
        })
        .collect()
}

/// `part / whole`; `None` if the whole is 0.
pub(super) fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn efficiency(sockets: &Sockets<'_>, protocol: Protocol, sums: &Sums) -> ProtocolEfficiency {
    let payload = sums.bytes_sent + sums.bytes_received;
    ProtocolEfficiency {
        protocol: protocol.as_str().to_owned(),
        connections: sums.connections,
        counted: sums.counted,
        bytes_per_packet_sent: ratio(sums.bytes_sent, sums.packets_sent),
        bytes_per_packet_received: ratio(sums.bytes_received, sums.packets_received),
        retransmission_rate: if protocol == Protocol::Tcp { retransmission_rate(sockets) } else { None },
        goodput_bytes_per_s: ratio(payload, sums.duration_s),
        payload_share_estimate: ratio(payload, payload + sums.header_bytes),
    }
}

fn sum(sockets: &Sockets<'_>, protocol: Protocol, header_bytes: f64) -> Sums {
    let mut sums = Sums::default();
    for row in sockets.connections().filter(|row| sockets.protocol(*row) == protocol) {
        sums.connections += 1;
        let Some([bytes_sent, bytes_received, packets_sent, packets_received]) = counts(sockets, row) else {
            continue;
        };
        let is_v6 = sockets.local_addr(row).contains(':');
        let header_bytes = if is_v6 { header_bytes + V6_MORE_BYTES } else { header_bytes };
        sums.counted += 1;
        sums.bytes_sent += bytes_sent;
        sums.bytes_received += bytes_received;
        sums.packets_sent += packets_sent;
        sums.packets_received += packets_received;
        sums.header_bytes += header_bytes * (packets_sent + packets_received);
        sums.duration_s += sockets.duration_s(row);
    }
    sums
}

fn counts(sockets: &Sockets<'_>, row: usize) -> Option<[f64; 4]> {
    Some([
        sockets.bytes_sent(row)? as f64,
        sockets.bytes_received(row)? as f64,
        sockets.packets_sent(row)? as f64,
        sockets.packets_received(row)? as f64,
    ])
}
