//! Addresses with ports, as the tools of all systems print them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::services;
use crate::capture::Protocol;

/// An end of a socket: port 0 stands for any.
pub(in crate::import) type End = (IpAddr, u16);

/// Why a text is no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) enum Fault {
    /// It is a name: of a host, or of a service that is not registered.
    Name,
    /// It is something else.
    Other,
}

/// Reads an end, whatever separates the port: `10.0.0.1:22`, `[::1]:22`, `:::22`, `*:22`,
/// `10.0.0.1%eth0:53`, `0.0.0.0:*`, and for BSD `10.0.0.1.22`, `fe80::1%lo0.22`, `*.*`.
pub(in crate::import) fn parse(text: &str, protocol: Protocol) -> Result<End, Fault> {
    match split(text, ':', protocol) {
        Ok(end) => Ok(end),
        Err(fault) => {
            split(text, '.', protocol).map_err(|other| if other == Fault::Name { other } else { fault })
        }
    }
}

fn split(text: &str, separator: char, protocol: Protocol) -> Result<End, Fault> {
    let (addr, port) = text.rsplit_once(separator).ok_or(Fault::Other)?;
    let addr = address(addr)?;
    let port = match port {
        "*" => 0,
        _ if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().map_err(|_| Fault::Other)?,
        _ => services::port(port, protocol).ok_or_else(|| name_or_other(port))?,
    };
    Ok((addr, port))
}

/// An address without its zone and brackets.
fn address(text: &str) -> Result<IpAddr, Fault> {
    let text = text.trim_matches(['[', ']']);
    let plain = text.split('%').next().unwrap_or(text).trim_matches(['[', ']']);
    match plain {
        "*" => Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        _ => plain.parse::<IpAddr>().map(|addr| addr.to_canonical()).map_err(|_| name_or_other(plain)),
    }
}

/// The address of everything, which says nothing of who is meant.
pub(in crate::import) fn is_any(addr: IpAddr) -> bool {
    addr == IpAddr::V4(Ipv4Addr::UNSPECIFIED) || addr == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

fn name_or_other(text: &str) -> Fault {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name = text.chars().all(is_of_name) && text.chars().any(char::is_alphabetic);
    if is_name { Fault::Name } else { Fault::Other }
}

/// Columns of `netstat` in which an address that fills them may be a part of a longer one: with
/// its port on Linux, without it on BSD and macOS.
const LINUX_WIDTH: usize = 23;
const BSD_WIDTH: usize = 16;

/// Whether a text is an IPv6 address that may have been cut to the width of its column. What prints
/// brackets (`ss`, Windows) cuts nothing.
pub(super) fn may_be_cut(text: &str) -> bool {
    is_v6(text)
        && !text.starts_with('[')
        && (text.len() == LINUX_WIDTH || dotted_addr(text).is_some_and(|addr| addr.len() == BSD_WIDTH))
}

/// Whether a text is longer than any column that cuts, so that nothing in its table was cut.
pub(super) fn is_wide(text: &str) -> bool {
    match dotted_addr(text) {
        Some(addr) => addr.len() > BSD_WIDTH,
        None => text.len() > LINUX_WIDTH,
    }
}

fn is_v6(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b':').count() >= 2
}

/// The address before `.port` of an IPv6 end of BSD.
fn dotted_addr(text: &str) -> Option<&str> {
    let (addr, port) = text.rsplit_once('.')?;
    (is_v6(addr) && !addr.contains('.') && !port.contains(':')).then_some(addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_in_every_spelling() {
        for (text, expected) in [
            ("10.0.0.1:22", Ok(("10.0.0.1", 22))),
            ("[::ffff:10.0.0.1]:22", Ok(("10.0.0.1", 22))),
            ("::ffff:10.0.0.1:22", Ok(("10.0.0.1", 22))),
            ("[fe80::1]%eth0:546", Ok(("fe80::1", 546))),
            ("[fe80::1%12]:546", Ok(("fe80::1", 546))),
            ("fe80::1%eth0:546", Ok(("fe80::1", 546))),
            (":::22", Ok(("::", 22))),
            ("127.0.0.53%lo:53", Ok(("127.0.0.53", 53))),
            ("*:443", Ok(("::", 443))),
            ("*:*", Ok(("::", 0))),
            ("0.0.0.0:*", Ok(("0.0.0.0", 0))),
            ("10.0.0.1:ssh", Ok(("10.0.0.1", 22))),
            ("10.0.0.1.22", Ok(("10.0.0.1", 22))),
            ("10.0.0.1.https", Ok(("10.0.0.1", 443))),
            ("fe80::1%lo0.49152", Ok(("fe80::1", 49_152))),
            ("::1.22", Ok(("::1", 22))),
            ("*.5353", Ok(("::", 5353))),
            ("*.*", Ok(("::", 0))),
            ("web01:22", Err(Fault::Name)),
            ("c2.example.net:50000", Err(Fault::Name)),
            ("10.0.0.1:unheard-of", Err(Fault::Name)),
            ("localhost.http", Err(Fault::Name)),
            ("nonsense", Err(Fault::Other)),
            ("10.0.0.1:99999", Err(Fault::Other)),
        ] {
            let expected = expected.map(|(addr, port)| (addr.parse::<IpAddr>().unwrap(), port));
            assert_eq!(parse(text, Protocol::Tcp), expected, "{text}");
        }
    }

    #[test]
    fn an_address_that_fills_its_column_may_be_a_part_of_one() {
        for (text, is_cut, is_long) in [
            ("fe80::a00:27ff:fe4:22", false, false),
            ("fe80::a00:27ff:fe:50000", true, false),
            ("fe80::a00:27ff:fe4e:66a1:50000", false, true),
            ("::ffff:192.168.100.1:50", true, false),
            ("[::ffff:10.0.0.5]:50000", false, false),
            ("10.0.0.5:22", false, false),
            ("fe80::1%lo0.49152", false, false),
            ("2001:db8:1:2:3:4.443", true, false),
            ("2001:db8:1:2:3:4:5:6.443", false, true),
        ] {
            assert_eq!((may_be_cut(text), is_wide(text)), (is_cut, is_long), "{text}");
        }
    }
}
