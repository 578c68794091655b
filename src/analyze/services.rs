//! The usual services of ports.
//!
//! Ports and their services are from the IANA Service Name and Transport Protocol Port Number
//! Registry (RFC 6335). Unregistered uses are not in the table.

use std::ops::RangeInclusive;

use crate::capture::Protocol;

/// A port with a usual service.
struct Service {
    port: u16,
    on: On,
    name: &'static str,
}

/// Transport protocols of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Tcp,
    Udp,
    Both,
}

const fn tcp(port: u16, name: &'static str) -> Service {
    Service { port, on: On::Tcp, name }
}

const fn udp(port: u16, name: &'static str) -> Service {
    Service { port, on: On::Udp, name }
}

const fn both(port: u16, name: &'static str) -> Service {
    Service { port, on: On::Both, name }
}

/// By port.
const SERVICES: &[Service] = &[
    tcp(20, "FTP data"),
    tcp(21, "FTP"),
    tcp(22, "SSH"),
    tcp(23, "Telnet"),
    tcp(25, "SMTP"),
    tcp(43, "WHOIS"),
    both(53, "DNS"),
    udp(67, "DHCP"),
    udp(68, "DHCP"),
    udp(69, "TFTP"),
    tcp(80, "HTTP"),
    both(88, "Kerberos"),
    tcp(110, "POP3"),
    both(111, "RPC"),
    udp(123, "NTP"),
    tcp(135, "DCE RPC"),
    udp(137, "NetBIOS names"),
    udp(138, "NetBIOS datagrams"),
    tcp(139, "NetBIOS sessions"),
    tcp(143, "IMAP"),
    udp(161, "SNMP"),
    udp(162, "SNMP traps"),
    tcp(179, "BGP"),
    both(389, "LDAP"),
    tcp(443, "HTTPS"),
    udp(443, "QUIC"),
    tcp(445, "SMB"),
    both(464, "Kerberos passwords"),
    tcp(465, "mail submission over TLS"),
    udp(500, "IKE"),
    udp(514, "syslog"),
    tcp(515, "LPD"),
    tcp(554, "RTSP"),
    tcp(587, "mail submission"),
    tcp(631, "IPP"),
    tcp(636, "LDAPS"),
    tcp(853, "DNS over TLS"),
    tcp(873, "rsync"),
    tcp(989, "FTPS data"),
    tcp(990, "FTPS"),
    tcp(993, "IMAPS"),
    tcp(995, "POP3S"),
    tcp(1080, "SOCKS"),
    both(1194, "OpenVPN"),
    tcp(1433, "MS SQL"),
    tcp(1883, "MQTT"),
    both(2049, "NFS"),
    tcp(2375, "Docker"),
    tcp(2376, "Docker over TLS"),
    tcp(2379, "etcd"),
    tcp(2380, "etcd peers"),
    tcp(3306, "MySQL"),
    both(3389, "RDP"),
    udp(3478, "STUN"),
    tcp(3690, "Subversion"),
    udp(4500, "IPsec NAT"),
    both(5060, "SIP"),
    tcp(5061, "SIP over TLS"),
    tcp(5222, "XMPP"),
    udp(5353, "mDNS"),
    udp(5355, "LLMNR"),
    tcp(5432, "PostgreSQL"),
    tcp(5671, "AMQPS"),
    tcp(5672, "AMQP"),
    tcp(5900, "VNC"),
    tcp(5985, "WinRM"),
    tcp(6379, "Redis"),
    tcp(6667, "IRC"),
    tcp(6697, "IRC over TLS"),
    tcp(8080, "HTTP (8080)"),
    tcp(8883, "MQTT over TLS"),
    tcp(9418, "git"),
    tcp(11_211, "memcached"),
    tcp(27_017, "MongoDB"),
];

/// The usual name of the service on a port; `None` if the table has none.
pub fn name(protocol: Protocol, port: u16) -> Option<&'static str> {
    let wanted = if protocol == Protocol::Udp { On::Udp } else { On::Tcp };
    let from = SERVICES.partition_point(|service| service.port < port);
    let of_port = SERVICES[from..].iter().take_while(|service| service.port == port);
    of_port
        .filter(|service| service.on == wanted || service.on == On::Both)
        .map(|service| service.name)
        .next()
}

/// Ports over TCP that clients contact over the internet and that the table has not: HTTP's alternative ports,
/// proxies, Prometheus and its exporters; calls and media (STUN over TLS, RTMP); push services of phones (Apple 5223,
/// Google 5228 to 5230); XMPP between servers, Spotify, Synology, Plex; VPN gateways (PPTP, 10443); games (Blizzard 1119 and
/// 3724, Minecraft 25565).
const ALSO_USUAL_TCP: [u16; 26] = [
    1119, 1723, 1935, 3000, 3128, 3478, 3724, 4070, 5223, 5228, 5229, 5230, 5269, 5349, 6690, 8000, 8008,
    8081, 8443, 8888, 9090, 9100, 10_443, 25_565, 27_036, 32_400,
];

/// The same over UDP: calls (STUN and TURN, Zoom, Google), VPNs (L2TP, `WireGuard`, Tailscale, `ZeroTier`), games (Xbox,
/// Steam).
const ALSO_USUAL_UDP: [RangeInclusive<u16>; 9] = [
    1701..=1701,
    3074..=3074,
    3478..=3481,
    8801..=8810,
    9993..=9993,
    19_302..=19_309,
    27_000..=27_050,
    41_641..=41_641,
    51_820..=51_820,
];

/// Whether clients are expected to contact this port over the internet: a registered service or one
/// that is as common, but not a service of a local network.
pub fn is_usual_port(protocol: Protocol, port: u16) -> bool {
    const LOCAL_ONLY: [u16; 8] = [23, 135, 139, 445, 1080, 2375, 3389, 6667];
    let has_service = name(protocol, port).is_some() && !LOCAL_ONLY.contains(&port);
    has_service
        || match protocol {
            Protocol::Tcp => ALSO_USUAL_TCP.contains(&port),
            Protocol::Udp => ALSO_USUAL_UDP.iter().any(|ports| ports.contains(&port)),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_it_can_be_searched() {
        assert!(SERVICES.is_sorted_by_key(|service| service.port));
    }

    #[test]
    fn a_port_has_its_service_by_protocol() {
        assert_eq!((name(Protocol::Tcp, 443), name(Protocol::Udp, 443)), (Some("HTTPS"), Some("QUIC")));
        assert_eq!(
            (name(Protocol::Udp, 53), name(Protocol::Udp, 22), name(Protocol::Tcp, 1)),
            (Some("DNS"), None, None)
        );
    }

    #[test]
    fn ports_are_usual_by_protocol_and_by_where_their_services_belong() {
        use Protocol::{Tcp, Udp};
        assert!(is_usual_port(Tcp, 443) && is_usual_port(Udp, 443) && is_usual_port(Tcp, 8443));
        assert!(is_usual_port(Tcp, 5228) && is_usual_port(Udp, 51_820) && !is_usual_port(Tcp, 51_820));
        assert!(!is_usual_port(Tcp, 4444) && !is_usual_port(Udp, 8443) && !is_usual_port(Tcp, 445));
    }
}
