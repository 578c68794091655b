//! What the payload says: whether it is what the port is for, and what the TLS client is; of the certificate, see
//! [`super::certificate`].
//!
//! Only what leaves the network is judged: inside, services move to other ports and have certificates of their own. Where
//! nobody looked at payloads, or TLS hides it, there is no fact, and no weight.

use super::destination::is_web_port;
use super::{Factor, certificate};
use crate::capture::{Application, Protocol};
use crate::model::payloads::title;
use crate::model::records::Direction;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Source};
use crate::model::surroundings::Surroundings;
use crate::wire::rpc;

/// Ports with the protocols that are ordinary on them: what is registered (RFC 6335), and what else common clients speak
/// there: calls on 443 (STUN, DTLS), and mail with TLS from the first byte or after a command.
const ORDINARY: [(u16, &[&str]); 22] = [
    (21, &["ftp", "tls"]),
    (22, &["ssh"]),
    (25, &["smtp", "tls"]),
    (53, &["dns", "tls"]),
    (80, &["http"]),
    (110, &["pop3", "tls"]),
    (123, &["ntp"]),
    (143, &["imap", "tls"]),
    (389, &["ldap", "tls"]),
    (443, &["tls", "quic", "stun", "dtls"]),
    (465, &["smtp", "tls"]),
    (587, &["smtp", "tls"]),
    (636, &["ldap", "tls"]),
    (853, &["tls", "quic", "dns"]),
    (873, &["rsync"]),
    (993, &["imap", "tls"]),
    (995, &["pop3", "tls"]),
    (3306, &["mysql", "tls"]),
    (3389, &["rdp", "tls", "dtls"]),
    (5432, &["postgresql", "tls"]),
    (6697, &["irc", "tls"]),
    (8443, &["tls", "http", "quic"]),
];

/// Protocols of shells, remote control, proxies and bots: on a port of another service, they hide there.
const OF_CONTROL: [&str; 9] = ["ssh", "irc", "socks", "rdp", "vnc", "telnet", "smb", "dce_rpc", "stratum"];

/// Ports of protocols in clear that begin with words or a fixed header, so that every tool knows them.
const IN_CLEAR: [u16; 6] = [21, 22, 25, 53, 110, 143];

/// Web ports on which firewalls let everything pass, and where nearly everything is of a known protocol.
const WEB_PORTS: [u16; 2] = [80, 443];

/// Other destinations on a port whose payload must be known for an unknown one to stand out.
const MIN_RECOGNISED: usize = 3;

/// Other destinations that a source must reach with other TLS libraries for one of its own to stand out.
const MIN_OTHER_DESTINATIONS: usize = 5;

/// The facts about the payload of connections. Those that a remote opened say nothing here.
pub fn factors(members: SocketSubset<'_, '_>, surroundings: &Surroundings<'_>) -> Vec<Factor> {
    let Some(socket) = members.first().filter(|socket| socket.direction != Some(Direction::Inbound)) else {
        return Vec::new();
    };
    if members.iter().all(|socket| socket.app_protocol.is_none()) {
        return Vec::new();
    }
    let leaves = surroundings.leaves_network(&socket);
    let mut factors = certificate::factors(members, leaves);
    if !leaves {
        return factors;
    }
    factors.extend(of_protocol(members, &socket, surroundings));
    factors.extend(of_server_name(members, surroundings));
    factors.extend(of_client(members, &socket, surroundings));
    factors
}

/// A protocol that is not ordinary on the port of the remote, if that has ordinary ones: what is spoken, and what is ordinary.
pub fn out_of_place<'a>(socket: &Socket<'a>) -> Option<(&'a str, &'static str)> {
    let (protocol, (_, port)) = (socket.app_protocol?, socket.remote()?);
    let (_, ordinary) = ORDINARY.iter().find(|(known, _)| *known == port)?;
    let is_odd = protocol != Application::UNKNOWN && !ordinary.contains(&protocol);
    // What begins in clear may go on as anything: a server that greets is all that was seen of STARTTLS.
    is_odd.then_some((protocol, ordinary.first().copied().unwrap_or_default()))
}

/// Whether a protocol is one of control, which hides where another is expected.
pub fn is_of_control(protocol: &str) -> bool {
    OF_CONTROL.contains(&protocol) || rpc::is_interface(protocol)
}

fn of_protocol(
    members: SocketSubset<'_, '_>,
    socket: &Socket<'_>,
    surroundings: &Surroundings<'_>,
) -> Option<Factor> {
    if let Some((protocol, expected)) = members.iter().find_map(|socket| out_of_place(&socket)) {
        let (weight, port) = (if is_of_control(protocol) { 2.0 } else { 1.0 }, socket.remote()?.1);
        let says =
            format!("it speaks {} on port {port}, where {} is expected", title(protocol), title(expected));
        return Some(Factor::new("payload-out-of-place", weight, says));
    }
    if members.iter().any(|socket| socket.app_protocol == Some("irc")) {
        let says = "it speaks IRC, over which bots are controlled and few programs talk today";
        return Some(Factor::new("payload-irc", 1.0, says));
    }
    let (_, port) = socket.remote()?;
    let looked_at = || members.iter().filter_map(|socket| socket.app_protocol);
    let is_unknown =
        socket.protocol == Protocol::Tcp && looked_at().all(|known| known == Application::UNKNOWN);
    if is_unknown && IN_CLEAR.contains(&port) && members.iter().all(|socket| is_seen_from_the_start(&socket))
    {
        let expected = ORDINARY.iter().find(|(known, _)| *known == port)?.1.first()?;
        let says = format!(
            "its payload on port {port} is of no known protocol, where {} is expected",
            title(expected)
        );
        return Some(Factor::new("payload-unknown", 1.0, says));
    }
    let others = surroundings.payloads().recognised_on(port);
    (is_unknown && WEB_PORTS.contains(&port) && others >= MIN_RECOGNISED).then(|| {
        let says = format!(
            "its payload on port {port} is of no known protocol, while that of {others} other destinations is"
        );
        // Messengers have protocols of their own there, which no tool knows.
        Factor::new("payload-unknown", 0.5, says)
    })
}

/// Whether the greeting, which tells the protocol, was there to be seen.
fn is_seen_from_the_start(socket: &Socket<'_>) -> bool {
    let has_data = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes > 0);
    socket.opened_in_recording && has_data(socket.bytes_sent) && has_data(socket.bytes_received)
}

/// TLS without a server name, beyond what a missing name on a web port says already.
fn of_server_name(members: SocketSubset<'_, '_>, surroundings: &Surroundings<'_>) -> Option<Factor> {
    if !surroundings.has_names() {
        return None;
    }
    let is_tls = |socket: &Socket<'_>| socket.app_protocol == Some("tls");
    let is_web = |socket: &Socket<'_>| socket.remote().is_some_and(|(_, port)| is_web_port(port));
    let names_none = |socket: &Socket<'_>| match socket.ja4 {
        Some(ja4) => ja4.as_bytes().get(3) == Some(&b'i'),
        None => socket.remote_name.is_none(),
    };
    let all = |test: &dyn Fn(&Socket<'_>) -> bool| members.iter().all(|socket| test(&socket));
    let is_judged_by_name = all(&|socket| is_web(socket) && socket.remote_name.is_none());
    if is_judged_by_name || !all(&|socket| is_tls(socket) && names_none(socket)) {
        return None;
    }
    let says = "its TLS client names no server, while others in this capture do";
    Some(Factor::new("tls-no-server-name", 0.5, says))
}

/// A program has one TLS library or two, and uses them for all of its destinations; a host has several, and agents that
/// contact one server with their own.
fn of_client(
    members: SocketSubset<'_, '_>,
    socket: &Socket<'_>,
    surroundings: &Surroundings<'_>,
) -> Option<Factor> {
    let payloads = surroundings.payloads();
    let others = members.iter().map(|socket| payloads.with_other_stacks(&socket));
    let others = others.reduce(|a, b| a.zip(b).map(|(a, b)| a.min(b))).flatten()?;
    let source = Source::of(socket);
    let weight = if matches!(source, Source::Process(_)) { 1.0 } else { 0.25 };
    (others >= MIN_OTHER_DESTINATIONS).then(|| {
        let says = format!(
            "its TLS client (JA4 {}) is seen with this destination only, while {source} contacts {others} others \
             with other clients",
            socket.ja4.unwrap_or_default()
        );
        Factor::new("tls-client-differs", weight, says)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Metadata;
    use crate::model::sockets::Sockets;
    use crate::model::testing::{Capture, Conn};

    const BROWSER: &str = "t13d1516h2_8daaf6152771_e5627efa2ab1";
    const NAMELESS: &str = "t12i190800_9dc949149365_97f8aa674fd9";

    /// Ids and weights of the factors of the connections to `addr`.
    fn found(capture: &Capture, addr: &str) -> Vec<(&'static str, f64)> {
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let surroundings = Surroundings::of(&sockets, &Metadata::default());
        let rows: Vec<usize> = (0..sockets.len())
            .filter(|row| sockets.get(*row).remote().is_some_and(|r| r.0 == addr))
            .collect();
        let factors = factors(sockets.subset(&rows), &surroundings);
        factors.into_iter().map(|factor| (factor.id, factor.weight)).collect()
    }

    /// Web servers that are asked for by name, as a browser does.
    fn web() -> Capture {
        let mut capture = Capture::new(60);
        for (n, name) in ["a.org", "b.org", "c.org", "d.org", "e.org", "f.org"].into_iter().enumerate() {
            capture.add(Conn::to(&format!("203.0.113.{n}"), 443).named(name).with_ja4(BROWSER));
        }
        capture
    }

    #[test]
    fn a_protocol_on_a_port_of_another_stands_out_outside() {
        let mut capture = web();
        capture.add(Conn::to("198.51.100.1", 443).speaking("ssh"));
        capture.add(Conn::to("198.51.100.2", 443).speaking("http"));
        capture.add(Conn::to("198.51.100.3", 80).speaking("tls"));
        capture.add(Conn::to("198.51.100.4", 2222).speaking("ssh"));
        capture.add(Conn::to("198.51.100.5", 443).udp().speaking("quic"));
        capture.add(Conn::to("192.168.1.9", 443).speaking("ssh"));
        capture.add(Conn::to("198.51.100.6", 7000).speaking("irc"));
        assert_eq!(found(&capture, "198.51.100.1"), [("payload-out-of-place", 2.0)]);
        assert_eq!(found(&capture, "198.51.100.2"), [("payload-out-of-place", 1.0)]);
        assert_eq!(found(&capture, "198.51.100.3")[0], ("payload-out-of-place", 1.0));
        assert_eq!(found(&capture, "198.51.100.6"), [("payload-irc", 1.0)]);
        for quiet in ["198.51.100.4", "198.51.100.5", "192.168.1.9", "203.0.113.1"] {
            assert!(found(&capture, quiet).is_empty(), "{quiet}: {:?}", found(&capture, quiet));
        }
    }

    #[test]
    fn an_unknown_payload_on_a_web_port_counts_only_where_others_are_known() {
        let mut capture = web();
        capture.add(Conn::to("198.51.100.1", 443).speaking("unknown"));
        capture.add(Conn::to("198.51.100.2", 80).speaking("unknown"));
        capture.add(Conn::to("198.51.100.3", 443));
        assert_eq!(found(&capture, "198.51.100.1"), [("payload-unknown", 0.5)]);
        assert!(found(&capture, "198.51.100.2").is_empty(), "nobody else is on that port");
        assert!(found(&capture, "198.51.100.3").is_empty(), "nobody looked");
        // Of a protocol that begins with words, everyone knows the first.
        capture.add(Conn::to("198.51.100.4", 53).speaking("unknown"));
        capture.add(Conn::to("198.51.100.5", 25).speaking("unknown").bytes(400, 0));
        assert_eq!(found(&capture, "198.51.100.4"), [("payload-unknown", 1.0)]);
        assert!(found(&capture, "198.51.100.5").is_empty(), "the server said nothing");
    }

    #[test]
    fn certificates_are_judged_outside_by_who_signed_them() {
        let mut capture = web();
        capture.add(
            Conn::to("198.51.100.1", 443)
                .named("b.example")
                .certified("CN=b.example", "CN=R11,O=Let's Encrypt,C=US"),
        );
        capture
            .add(Conn::to("198.51.100.2", 443).named("c.example").certified("CN=c.example", "CN=c.example"));
        capture.add(
            Conn::to("198.51.100.3", 443)
                .named("d.example")
                .certified("CN=localhost,C=US", "CN=localhost,C=US"),
        );
        let strike = "C=Earth, ST=Cyberspace, L=Somewhere, O=cobaltstrike, OU=AdvancedPenTesting, CN=Major Cobalt Strike";
        capture.add(Conn::to("198.51.100.4", 443).named("e.example").certified(strike, strike));
        capture.add(Conn::to("192.168.1.9", 443).certified("CN=nas", "CN=nas"));
        capture.add(Conn::to("192.168.1.8", 443).certified("CN=Covenant", "CN=Covenant"));
        capture
            .add(Conn::to("198.51.100.5", 443).named("h.example").certified("CN=Covenant Health", "CN=ca"));
        assert_eq!(found(&capture, "192.168.1.8"), [("certificate-framework", 3.0)], "inside too");
        assert!(found(&capture, "198.51.100.5").is_empty());
        assert!(found(&capture, "198.51.100.1").is_empty() && found(&capture, "192.168.1.9").is_empty());
        assert_eq!(found(&capture, "198.51.100.2"), [("certificate-self-signed", 1.0)]);
        assert_eq!(found(&capture, "198.51.100.3"), [("certificate-self-signed", 1.5)]);
        assert_eq!(found(&capture, "198.51.100.4"), [("certificate-framework", 3.0)]);
    }

    #[test]
    fn a_client_of_its_own_and_one_that_names_no_server_stand_out() {
        let mut capture = web();
        capture.add(Conn::to("198.51.100.1", 9443).with_ja4(NAMELESS));
        capture.add(Conn::to("198.51.100.2", 9443).with_ja4(BROWSER));
        assert_eq!(
            found(&capture, "198.51.100.1"),
            [("tls-no-server-name", 0.5), ("tls-client-differs", 1.0)]
        );
        assert!(found(&capture, "198.51.100.2").is_empty());
        // On a web port, the name that is missing says it.
        capture.add(Conn::to("198.51.100.3", 443).unowned().on("192.168.1.77").with_ja4(NAMELESS));
        assert!(found(&capture, "198.51.100.3").is_empty());
    }
}
