//! From the internal metrics to the published ones.

use super::convert::finite;
use super::metrics::{
    Anomalies, Bandwidth, Correlation, CountryDirection, Distribution, Geography, Metrics, Overview, PortUse,
    ProcessLoad, ProtocolEfficiency, Share, Tcp, Traffic, Transition,
};
use crate::model::metrics as internal;

impl From<&internal::Metrics> for Metrics {
    fn from(metrics: &internal::Metrics) -> Self {
        Self {
            overview: Overview::from(&metrics.overview),
            bandwidth: Bandwidth::from(&metrics.bandwidth),
            tcp: Tcp::from(&metrics.tcp),
            geography: Geography::from(&metrics.geography),
            protocols: metrics.protocols.iter().map(ProtocolEfficiency::from).collect(),
            processes: metrics.processes.iter().map(ProcessLoad::from).collect(),
            anomalies: Anomalies::from(&metrics.anomalies),
            traffic: Traffic::from(&metrics.traffic),
            correlations: metrics.correlations.iter().map(Correlation::from).collect(),
        }
    }
}

fn shares(shares: &[internal::Share]) -> Vec<Share> {
    shares.iter().map(Share::from).collect()
}

impl From<&internal::Share> for Share {
    fn from(share: &internal::Share) -> Self {
        Self {
            name: share.name.clone(),
            connections: share.connections,
            bytes_sent: share.bytes_sent,
            bytes_received: share.bytes_received,
        }
    }
}

impl From<&internal::Distribution> for Distribution {
    fn from(distribution: &internal::Distribution) -> Self {
        Self {
            count: distribution.count,
            mean: finite(distribution.mean),
            min: finite(distribution.min),
            p25: finite(distribution.p25),
            median: finite(distribution.median),
            p75: finite(distribution.p75),
            p95: finite(distribution.p95),
            p99: finite(distribution.p99),
            max: finite(distribution.max),
        }
    }
}

impl From<&internal::Overview> for Overview {
    fn from(overview: &internal::Overview) -> Self {
        Self {
            sockets: overview.sockets,
            connections: overview.connections,
            listeners: overview.listeners,
            processes: overview.processes,
            endpoints: overview.endpoints,
            open_connections_max: overview.open_connections_max,
            by_protocol: shares(&overview.by_protocol),
            by_direction: shares(&overview.by_direction),
            by_state: shares(&overview.by_state),
            by_scope: shares(&overview.by_scope),
            top_processes: shares(&overview.top_processes),
            top_endpoints: shares(&overview.top_endpoints),
            top_ports: shares(&overview.top_ports),
        }
    }
}

impl From<&internal::Bandwidth> for Bandwidth {
    fn from(bandwidth: &internal::Bandwidth) -> Self {
        Self {
            bytes_sent: bandwidth.bytes_sent,
            bytes_received: bandwidth.bytes_received,
            connections_not_counted: bandwidth.connections_not_counted,
            peak_sent_per_s: finite(bandwidth.peak_sent_per_s),
            peak_received_per_s: finite(bandwidth.peak_received_per_s),
            by_process: shares(&bandwidth.by_process),
            by_endpoint: shares(&bandwidth.by_endpoint),
        }
    }
}

impl From<&internal::Tcp> for Tcp {
    fn from(tcp: &internal::Tcp) -> Self {
        let transition = |(from, to, count): &(String, String, u64)| Transition {
            from: from.clone(),
            to: to.clone(),
            count: *count,
        };
        Self {
            transitions: tcp.transitions.iter().map(transition).collect(),
            duration_s: tcp.duration_s.as_ref().map(Distribution::from),
            short_lived: tcp.short_lived,
            long_lived: tcp.long_lived,
            short_lived_s: finite(tcp.short_lived_s),
            long_lived_s: finite(tcp.long_lived_s),
            rtt_us: tcp.rtt_us.as_ref().map(Distribution::from),
            retransmits: tcp.retransmits,
            retransmission_rate: tcp.retransmission_rate.and_then(finite),
            close_wait_by_process: shares(&tcp.close_wait_by_process),
        }
    }
}

impl From<&internal::Geography> for Geography {
    fn from(geography: &internal::Geography) -> Self {
        let direction = |(country_code, direction, connections): &(String, String, u64)| CountryDirection {
            country_code: country_code.clone(),
            direction: direction.clone(),
            connections: *connections,
        };
        Self {
            by_country: shares(&geography.by_country),
            by_city: shares(&geography.by_city),
            direction_by_country: geography.direction_by_country.iter().map(direction).collect(),
            public_unknown: geography.public_unknown,
            not_public: geography.not_public,
        }
    }
}

impl From<&internal::ProtocolEfficiency> for ProtocolEfficiency {
    fn from(protocol: &internal::ProtocolEfficiency) -> Self {
        Self {
            protocol: protocol.protocol.clone(),
            connections: protocol.connections,
            counted: protocol.counted,
            bytes_per_packet_sent: protocol.bytes_per_packet_sent.and_then(finite),
            bytes_per_packet_received: protocol.bytes_per_packet_received.and_then(finite),
            retransmission_rate: protocol.retransmission_rate.and_then(finite),
            goodput_bytes_per_s: protocol.goodput_bytes_per_s.and_then(finite),
            payload_share_estimate: protocol.payload_share_estimate.and_then(finite),
        }
    }
}

impl From<&internal::Anomalies> for Anomalies {
    fn from(anomalies: &internal::Anomalies) -> Self {
        let port_use = |process: &internal::PortUse| PortUse {
            process: process.process.clone(),
            connections: process.connections,
            ports: process.ports,
            unusual_ports: process.unusual_ports,
            unusual_connections: process.unusual_connections,
        };
        Self { ports_by_process: anomalies.ports_by_process.iter().map(port_use).collect() }
    }
}

impl From<&internal::Traffic> for Traffic {
    fn from(traffic: &internal::Traffic) -> Self {
        Self {
            slice_s: finite(traffic.slice_s),
            sent_per_s: traffic.sent_per_s.as_ref().map(Distribution::from),
            received_per_s: traffic.received_per_s.as_ref().map(Distribution::from),
            opened_per_s: traffic.opened_per_s.as_ref().map(Distribution::from),
        }
    }
}

impl From<&internal::Correlation> for Correlation {
    fn from(correlation: &internal::Correlation) -> Self {
        Self {
            a: correlation.a.clone(),
            b: correlation.b.clone(),
            connections: correlation.connections,
            rho: correlation.rho.and_then(finite),
        }
    }
}

impl From<&internal::ProcessLoad> for ProcessLoad {
    fn from(process: &internal::ProcessLoad) -> Self {
        Self {
            pid: process.pid,
            name: process.name.clone(),
            cpu_percent_mean: process.cpu_percent_mean.and_then(cpu_percent),
            cpu_percent_max: process.cpu_percent_max.and_then(cpu_percent),
            memory_rss_max_bytes: process.memory_rss_max_bytes,
        }
    }
}

/// To a hundredth, as the digits behind are noise of the conversion from `f32`.
fn cpu_percent(value: f32) -> Option<f64> {
    finite((f64::from(value) * 100.0).round() / 100.0)
}
