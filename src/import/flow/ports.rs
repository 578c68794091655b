//! Which side of a flow is the server, where the beginning was not seen.

use crate::capture::Protocol;

/// Ports beyond the well-known ones (below 1024) on which servers of common protocols wait.
const COMMON: [u16; 52] = [
    1080, 1194, 1434, 1521, 1645, 1812, 1813, 1883, 2049, 2123, 2152, 2222, 2375, 2376, 3128, 3268, 3306,
    3389, 3544, 4011, 4222, 4789, 5060, 5061, 5072, 5222, 5223, 5269, 5353, 5355, 5432, 5672, 5900, 5985,
    5986, 6081, 6379, 6443, 6666, 6667, 6668, 6669, 8000, 8080, 8443, 8888, 9092, 9200, 11211, 20000, 27017,
    44818,
];

/// Whether a server is likely to wait on this port.
fn is_likely_server(port: u16) -> bool {
    (1..1024).contains(&port) || COMMON.binary_search(&port).is_ok()
}

/// The lowest port that today's systems give to clients.
const EPHEMERAL_FROM: u16 = 32_768;

/// Whether a packet that does not open a connection comes from the side that waited for it.
pub(in crate::import) fn comes_from_server(protocol: Protocol, source: u16, destination: u16) -> bool {
    match (is_likely_server(source), is_likely_server(destination)) {
        (true, false) => true,
        // Both are: the lower one, as clients take high ports. Peers of one protocol that speaks
        // UDP on the same port at both ends are told apart by nothing.
        (true, true) => protocol == Protocol::Tcp && source < destination,
        // Neither is: clients take ports from 32768 (Linux) or 49152 (RFC 6335) on.
        (false, false) => {
            protocol == Protocol::Tcp && source < EPHEMERAL_FROM && destination >= EPHEMERAL_FROM
        }
        (false, true) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn a_service_answers_from_its_port() {
        assert!(comes_from_server(Protocol::Tcp, 443, 51_000));
        assert!(comes_from_server(Protocol::Udp, 53, 51_000));
        assert!(comes_from_server(Protocol::Tcp, 80, 6669));
        assert!(!comes_from_server(Protocol::Tcp, 6669, 80));
        assert!(comes_from_server(Protocol::Tcp, 31_337, 51_000));
        assert!(
            !comes_from_server(Protocol::Tcp, 51_000, 31_337)
                && !comes_from_server(Protocol::Tcp, 2_000, 3_000)
        );
        assert!(!comes_from_server(Protocol::Tcp, 51_000, 443));
        assert!(!comes_from_server(Protocol::Tcp, 51_000, 52_000));
        assert!(!comes_from_server(Protocol::Udp, 53, 53));
        assert!(!comes_from_server(Protocol::Udp, 0, 6081));
    }
}
