//! IP addresses as logs write them.

use std::net::IpAddr;

/// An address; one of IPv4 that is written as IPv6 becomes the former. The zone of a link-local
/// address (`fe80::1%eth0`, RFC 4007) names an interface of the host that wrote it, and is dropped.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    let plain = match text.split_once('%') {
        Some((addr, zone)) if addr.contains(':') && !zone.is_empty() => addr,
        _ => text,
    };
    Some(plain.parse::<IpAddr>().ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_dropped_and_mapped_addresses_are_plain() {
        for (text, addr) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("FE80:0::1%eth0", Some("fe80::1")),
            ("fe80::1%12", Some("fe80::1")),
            ("fe80::1%", None),
            ("192.0.2.1%eth0", None),
            ("host", None),
        ] {
            assert_eq!(parse(text).map(|addr| addr.to_string()).as_deref(), addr, "{text}");
        }
    }
}
