//! Addresses with ports, as the tools of all systems print them.

use std::net::{IpAddr, Ipv6Addr};

use super::services;
use crate::capture::Protocol;

/// An end of a socket: port 0 stands for any.
pub(in crate::import) type End = (IpAddr, u16);

/// Why a text is no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) enum Fault {
    /// It is a name: of a host, or of a service that is not registered.
    Name,
    /// It was cut to the width of its column.
    Cut,
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

fn name_or_other(text: &str) -> Fault {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name = text.chars().all(is_of_name) && text.chars().any(char::is_alphabetic);
    if is_name { Fault::Name } else { Fault::Other }
}

/// Columns of `netstat`, which cuts what does not fit unless it is told not to (`-W`). Linux cuts the address so
/// far that it fits with its port, which stays whole. BSD and macOS cut the address, and then the whole end, so
/// that a port may lose digits. Beside control blocks (`-A`) their columns are narrower, and an address with the
/// name of a service is cut further.
const LINUX_WIDTH: usize = 23;
const BSD_WIDTH: usize = 22;
const BSD_WIDTH_WITH_BLOCK: usize = 18;
const BSD_ADDR_WIDTH: usize = 16;
const BSD_ADDR_WIDTH_WITH_BLOCK: usize = 12;

/// How an end stands in its column of `netstat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It leaves some of the column empty, or nothing longer could stand there.
    Whole,
    /// It fills the column, so that it may be a part of another end.
    MayBeCut,
    /// It is longer than the column, so that nothing in its table was cut.
    Wide,
}

impl Fit {
    fn of(length: usize, width: usize, can_be_longer: bool) -> Self {
        match length {
            _ if length > width => Self::Wide,
            _ if length == width && can_be_longer => Self::MayBeCut,
            _ => Self::Whole,
        }
    }
}

/// How an end that was read stands in its column; `has_block` tells whether its line has a control block.
pub(super) fn fit(text: &str, has_block: bool) -> Fit {
    let is_v6 = |addr: &str| addr.bytes().filter(|byte| *byte == b':').count() >= 2;
    let is_name = |port: &str| port.contains(char::is_alphabetic);
    let Some((addr, port)) = dotted(text) else {
        let port = text.rsplit(':').next().unwrap_or_default();
        return Fit::of(text.len(), LINUX_WIDTH, is_v6(text) || is_name(port));
    };
    let (width, addr_width) = match (has_block, is_name(port)) {
        (true, true) => (BSD_WIDTH_WITH_BLOCK, BSD_ADDR_WIDTH_WITH_BLOCK),
        (true, false) => (BSD_WIDTH_WITH_BLOCK, BSD_ADDR_WIDTH),
        (false, _) => (BSD_WIDTH, BSD_ADDR_WIDTH),
    };
    let of_addr = Fit::of(addr.len(), addr_width, is_v6(addr) || addr_width < BSD_ADDR_WIDTH);
    of_addr.max(Fit::of(text.len(), width, has_block || is_name(port)))
}

/// Address and port of an end that BSD, macOS or AIX printed, with a dot between them.
pub(super) fn dotted(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once('.').filter(|(_, port)| !port.contains(':'))
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
    fn an_end_that_fills_its_column_may_be_a_part_of_one() {
        use Fit::{MayBeCut, Whole, Wide};
        for (text, has_block, expected) in [
            ("fe80::a00:27ff:fe4:22", false, Whole),
            ("fe80::a00:27ff:fe:50000", false, MayBeCut),
            ("fe80::a00:27ff:fe4e:66a1:50000", false, Wide),
            ("::ffff:192.168.100.1:50", false, MayBeCut),
            // What does not have to be cut is not: 15 letters, a colon and five digits are the longest.
            ("192.168.100.100:50000", false, Whole),
            ("10.0.0.5:22", false, Whole),
            // Of 192.168.100.101:kerberos, Linux prints this.
            ("192.168.100.10:kerberos", false, MayBeCut),
            ("192.168.100.101:microsoft-ds", false, Wide),
            ("fe80::1%lo0.49152", false, Whole),
            ("2001:db8:1:2:3:4.443", false, MayBeCut),
            ("2001:db8:1:2:3:4:5:6.443", false, Wide),
            ("192.168.100.100.50000", false, Whole),
            ("192.168.100.101.domain", false, MayBeCut),
            // Of 192.168.1.221.54861, macOS prints this.
            ("192.168.1.221.5486", true, MayBeCut),
            ("192.168.1.221.443", true, Whole),
            ("192.168.1.221.54861", true, Wide),
            // Of 192.168.71.163.ssh, FreeBSD prints this.
            ("192.168.71.1.ssh", true, MayBeCut),
            ("10.0.0.1.ssh", true, Whole),
        ] {
            assert_eq!(fit(text, has_block), expected, "{text}");
        }
    }
}
