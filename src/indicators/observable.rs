//! Observables: what a capture can be searched for.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::capture::Application;

/// Something that a capture can be searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observable {
    /// A remote address, or any address in a network.
    Network(IpNet),
    /// A remote address with its port.
    Endpoint(IpAddr, u16),
    /// A remote port.
    Port(u16),
    /// The name of a remote or one of its parent domains; lower case.
    Name(String),
    /// The path of an executable.
    Path(String),
    /// The SHA-256 of an executable, in lower-case hexadecimal.
    Sha256(String),
    /// JA3 of a TLS client, in lower-case hexadecimal.
    Ja3(String),
    /// JA4 of a TLS client.
    Ja4(String),
}

impl Observable {
    /// Guesses the kind of a text from its form; defanged dots and schemes are understood
    /// (`hxxp://evil[.]example`).
    pub fn guess(text: &str) -> Option<Self> {
        let text = text.trim().replace("[.]", ".").replace("(.)", ".").replace("[:]", ":");
        let url = ["http://", "https://", "hxxp://", "hxxps://", "ftp://", "tcp://", "udp://"];
        if let Some(scheme) = url.iter().find(|scheme| text.to_ascii_lowercase().starts_with(*scheme)) {
            return Self::host_of(text.get(scheme.len()..)?);
        }
        let by_form = [Self::network, Self::endpoint, Self::sha256, Self::ja4, Self::path, Self::name];
        by_form.iter().find_map(|form| form(&text))
    }

    /// An address or a network.
    pub fn network(text: &str) -> Option<Self> {
        let addr = text.parse::<IpAddr>().map(|addr| IpNet::from(addr.to_canonical()));
        addr.or_else(|_| text.parse().map(|net: IpNet| net.trunc())).ok().map(Self::Network)
    }

    /// An address with a port.
    pub fn endpoint(text: &str) -> Option<Self> {
        let addr: std::net::SocketAddr = text.replace('|', ":").parse().ok()?;
        Some(Self::Endpoint(addr.ip().to_canonical(), addr.port()))
    }

    /// A SHA-256.
    pub fn sha256(text: &str) -> Option<Self> {
        let is_hash = text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        is_hash.then(|| Self::Sha256(text.to_ascii_lowercase()))
    }

    /// A JA3. An MD5 of anything else has the same form.
    pub fn ja3(text: &str) -> Option<Self> {
        Application::read_ja3(text).map(Self::Ja3)
    }

    /// A JA4.
    pub fn ja4(text: &str) -> Option<Self> {
        Application::read_ja4(text).map(Self::Ja4)
    }

    /// An absolute path.
    pub fn path(text: &str) -> Option<Self> {
        (text.starts_with('/') && text.len() > 1).then(|| Self::Path(text.to_owned()))
    }

    /// A domain name of at least two labels.
    pub fn name(text: &str) -> Option<Self> {
        let name = text.trim_start_matches("*.").trim_end_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let labels: Vec<&str> = name.split('.').collect();
        let is_top = |label: &&str| label.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_name = labels.len() >= 2
            && name.len() <= 253
            && labels.iter().all(|label| is_label(label))
            && labels.last().is_some_and(is_top);
        is_name.then_some(Self::Name(name))
    }

    /// The host of a URL, without its scheme; the path is not visible in a socket.
    pub fn host_of(rest: &str) -> Option<Self> {
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        let without_port = host.rsplit_once(':').map_or(host, |(name, _)| name);
        Self::network(host.trim_matches(['[', ']']))
            .or_else(|| Self::endpoint(host))
            .or_else(|| Self::name(without_port))
    }
}

impl fmt::Display for Observable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Self::Network(net) => net.fmt(f),
            Self::Endpoint(addr, port) => write!(f, "{addr} port {port}"),
            Self::Port(port) => write!(f, "port {port}"),
            Self::Name(text) | Self::Path(text) | Self::Sha256(text) => f.write_str(text),
            Self::Ja3(text) => write!(f, "JA3 {text}"),
            Self::Ja4(text) => write!(f, "JA4 {text}"),
        }
    }
}
