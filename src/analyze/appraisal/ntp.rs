//! Datagrams to the port of NTP that are none of NTP.

use std::collections::BTreeSet;

use super::Factor;
use crate::humanize;
use crate::model::socket_subset::SocketSubset;
use crate::model::surroundings::Surroundings;

/// The port of NTP.
pub(super) const PORT: u16 = 123;

/// Shortest time that is judged, and longest mean pause between requests that no client has, in seconds: servers of the pool
/// ask for 64 s, and a client that starts sends a few at once.
const LEAST_S: f64 = 600.0;
const HASTY_S: f64 = 8.0;

/// Sizes of requests from which on they carry something: a client has one (RFC 5905: 48 bytes, and as much more as its keys
/// and cookies need).
const SIZES: usize = 8;

/// What it weighs to hide there.
const WEIGHT: f64 = 1.5;

/// What requests to a server outside say that no client of NTP makes.
pub(super) fn unlike(members: SocketSubset<'_, '_>, surroundings: &Surroundings<'_>) -> Option<Factor> {
    let first = members.first().filter(|socket| surroundings.leaves_network(socket))?;
    let last_us = members.iter().map(|socket| socket.last_seen_us).max()?;
    let span_s = last_us.saturating_sub(first.first_seen_us) as f64 / 1e6;
    let sent = members.iter().filter_map(|socket| socket.packets_sent).fold(0, u64::saturating_add);
    // Of a flow with requests of several sizes, there is no size.
    let sizes: BTreeSet<u64> = members
        .iter()
        .filter_map(|socket| {
            let (bytes, packets) = (socket.bytes_sent?, socket.packets_sent.filter(|packets| *packets > 0)?);
            (bytes % packets == 0).then_some(bytes / packets)
        })
        .collect();
    let is_hasty = span_s >= LEAST_S && span_s / sent.max(1) as f64 <= HASTY_S;
    (is_hasty || sizes.len() >= SIZES).then(|| {
        let says = format!(
            "it sent {} requests to port 123 within {}, in {}, while a client of NTP sends 48 bytes, once a minute or less often",
            humanize::count(sent),
            humanize::seconds(span_s),
            humanize::plural(sizes.len() as u64, "size"),
        );
        Factor::new("service-unlike", WEIGHT, says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Metadata;
    use crate::model::sockets::Sockets;
    use crate::model::testing::{Capture, Conn};

    /// Whether requests of some sizes, one each so many seconds, are told.
    fn is_told(addr: &str, pause_s: f64, sizes: impl IntoIterator<Item = u64>) -> bool {
        let mut capture = Capture::new(36_000);
        for (n, bytes) in sizes.into_iter().enumerate() {
            let request = Conn::to(addr, PORT).udp().bytes(bytes, 48).packets_sent(1);
            capture.add(request.at(pause_s * n as f64));
        }
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let surroundings = Surroundings::of(&sockets, &Metadata::default());
        let rows: Vec<usize> = (0..sockets.len()).collect();
        unlike(sockets.subset(&rows), &surroundings).is_some()
    }

    #[test]
    fn requests_in_haste_or_of_many_sizes_are_none_of_a_client() {
        assert!(is_told("203.0.113.5", 4.0, [48; 200]));
        assert!(is_told("203.0.113.5", 100.0, 60..70));
    }

    #[test]
    fn a_client_that_starts_one_with_keys_and_one_of_a_server_inside_are_clients() {
        assert!(!is_told("203.0.113.5", 2.0, [48; 8]));
        assert!(!is_told("203.0.113.5", 64.0, [48; 100]));
        assert!(!is_told("203.0.113.5", 64.0, [48, 68, 228, 328]));
        assert!(!is_told("192.168.1.9", 1.0, [48; 900]));
    }
}
