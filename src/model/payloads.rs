//! What the payloads of a capture have in common: against it, the payload of one connection is judged.

use std::fmt::Write as _;

use ahash::{AHashMap, AHashSet};

use super::sockets::{Socket, Source};
use crate::capture::Application;

/// Destinations that are counted; more do not change any judgement.
const MOST_DESTINATIONS: usize = 64;

/// Facts about the payloads of all connections that leave the network.
#[derive(Debug, Default)]
pub struct Payloads<'a> {
    /// By port, destinations whose payload is of a known protocol.
    recognised: AHashMap<u16, AHashSet<&'a str>>,
    stacks: AHashMap<Source<'a>, Stacks<'a>>,
}

/// The TLS libraries of one source, and where they go.
#[derive(Debug, Default)]
struct Stacks<'a> {
    /// Where a library goes; none once there were several destinations.
    reach: AHashMap<&'a str, Option<&'a str>>,
    destinations: AHashSet<&'a str>,
}

impl<'a> Payloads<'a> {
    /// Learns from a connection that leaves the network.
    pub(super) fn add(&mut self, socket: &Socket<'a>) {
        let (Some(protocol), Some((addr, port))) = (socket.app_protocol, socket.remote()) else { return };
        if protocol != Application::UNKNOWN {
            let known = self.recognised.entry(port).or_default();
            if known.len() < MOST_DESTINATIONS {
                known.insert(addr);
            }
        }
        if let Some(stack) = socket.ja4.and_then(stack) {
            let stacks = self.stacks.entry(Source::of(socket)).or_default();
            let place = socket.remote_name.unwrap_or(addr);
            let reach = stacks.reach.entry(stack).or_insert(Some(place));
            *reach = reach.filter(|known| *known == place);
            if stacks.destinations.len() < MOST_DESTINATIONS {
                stacks.destinations.insert(place);
            }
        }
    }

    /// Destinations on a port of which the payload is of a known protocol, 64 at most.
    pub fn recognised_on(&self, port: u16) -> usize {
        self.recognised.get(&port).map_or(0, |known| known.len())
    }

    /// Of a source whose TLS library for this connection goes nowhere else: its destinations with other libraries, 64 at
    /// most. None if that library goes elsewhere too, or is not known.
    pub fn with_other_stacks(&self, socket: &Socket<'_>) -> Option<usize> {
        let stacks = self.stacks.get(&Source::of(socket))?;
        stacks.reach.get(stack(socket.ja4?)?)?.as_ref()?;
        Some(stacks.destinations.len() - 1)
    }
}

/// What the payload says, in words: `TLS, client fingerprint t13…, certificate 'CN=localhost' (self-signed)`. None if not
/// even the protocol is known.
pub fn described(
    protocol: Option<&str>,
    client: Option<&str>,
    certificate: Option<(&str, &str)>,
) -> Option<String> {
    let mut text = match protocol? {
        Application::UNKNOWN => "of no known protocol".to_owned(),
        protocol => title(protocol),
    };
    if let Some(client) = client {
        text.push_str(", client fingerprint ");
        text.push_str(client);
    }
    if let Some((subject, issuer)) = certificate {
        let by = if subject == issuer { "self-signed".to_owned() } else { format!("issued by '{issuer}'") };
        // Writing to a string cannot fail.
        let _ = write!(text, ", certificate '{subject}' ({by})");
    }
    Some(text)
}

/// A protocol as people write it: `TLS`, `DCE RPC`, `stratum`.
pub fn title(protocol: &str) -> String {
    match protocol {
        "dce_rpc" => "DCE RPC".to_owned(),
        "ssh" | "irc" | "rdp" | "vnc" | "smb" | "tls" | "dtls" | "http" | "dns" | "quic" | "smtp" | "ftp"
        | "imap" | "pop3" | "ntp" | "ldap" | "socks" | "stun" => protocol.to_ascii_uppercase(),
        protocol => protocol.to_owned(),
    }
}

/// What tells a TLS library in a JA4: version, and number and hash of its cipher suites. Its extensions are others in a
/// session that is resumed, and if the name is long.
fn stack(ja4: &str) -> Option<&str> {
    ja4.get(11..23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sockets::Sockets;
    use crate::model::testing::{Capture, Conn};

    const BROWSER: &str = "t13d1516h2_8daaf6152771_e5627efa2ab1";
    const RESUMED: &str = "t13d1517h2_8daaf6152771_aaaaaaaaaaaa";
    const OTHER: &str = "t13d190900_9dc949149365_97f8aa674fd9";

    #[test]
    fn a_library_that_goes_to_one_destination_stands_against_those_that_go_elsewhere() {
        let mut capture = Capture::new(60);
        for n in 0..6 {
            let ja4 = if n % 2 == 0 { BROWSER } else { RESUMED };
            capture.add(Conn::to(&format!("203.0.113.{n}"), 443).by("app", 1).with_ja4(ja4));
        }
        for _ in 0..3 {
            capture.add(Conn::to("198.51.100.1", 443).by("app", 1).with_ja4(OTHER));
        }
        capture.add(Conn::to("198.51.100.2", 443).by("agent", 2).with_ja4(OTHER));
        capture.add(Conn::to("198.51.100.3", 443).by("agent", 2).speaking("unknown"));
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let mut payloads = Payloads::default();
        sockets.iter().for_each(|socket| payloads.add(&socket));
        let find = |addr| sockets.iter().find(|socket| socket.remote_addr == Some(addr)).unwrap();
        assert_eq!(payloads.with_other_stacks(&find("203.0.113.1")), None, "it goes to six");
        assert_eq!(payloads.with_other_stacks(&find("198.51.100.1")), Some(6));
        assert_eq!(
            payloads.with_other_stacks(&find("198.51.100.2")),
            Some(0),
            "it is all that the agent has"
        );
        assert_eq!(payloads.with_other_stacks(&find("198.51.100.3")), None);
        assert_eq!((payloads.recognised_on(443), payloads.recognised_on(80)), (8, 0));
    }
}
