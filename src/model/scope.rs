//! Classifies addresses by IANA's special-purpose registries.
//!
//! Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and the RFCs
//! named in them) and the multicast registries (RFC 5771, RFC 4291).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::records::Scope;

/// IPv4 blocks that are not public; the first match decides.
const V4: &[(Ipv4Addr, u8, Scope)] = &[
    (Ipv4Addr::UNSPECIFIED, 32, Scope::Unspecified),
    // "This network", never a remote that answers.
    (Ipv4Addr::UNSPECIFIED, 8, Scope::Reserved),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Scope::Loopback),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Scope::Private),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Scope::Private),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Scope::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Scope::SharedNat),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Scope::LinkLocal),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Scope::Documentation),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Scope::Documentation),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Scope::Documentation),
    // Two anycast addresses of 192.0.0.0/24 are globally reachable (RFC 7723, RFC 8155).
    (Ipv4Addr::new(192, 0, 0, 9), 32, Scope::Public),
    (Ipv4Addr::new(192, 0, 0, 10), 32, Scope::Public),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Scope::Reserved),
    // The former 6to4 relay anycast, deprecated by RFC 7526.
    (Ipv4Addr::new(192, 88, 99, 0), 24, Scope::Reserved),
    // Benchmarking between networks (RFC 2544).
    (Ipv4Addr::new(198, 18, 0, 0), 15, Scope::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Scope::Multicast),
    (Ipv4Addr::BROADCAST, 32, Scope::Broadcast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Scope::Reserved),
];

/// Special IPv6 blocks; the first match decides.
const V6: &[(Ipv6Addr, u8, Scope)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, Scope::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Scope::Loopback),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Scope::Private),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Scope::LinkLocal),
    // Site-local, deprecated by RFC 3879, but still internal only.
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Scope::Private),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Scope::Multicast),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Scope::Documentation),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Scope::Documentation),
    // Translation inside one network (RFC 8215).
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Scope::Private),
    // Globally reachable parts of 2001::/23: anycast of PCP, TURN and DNS-SD, AMT, AS112,
    // ORCHIDv2 and drone identities.
    (Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 1), 128, Scope::Public),
    (Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 2), 128, Scope::Public),
    (Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 3), 128, Scope::Public),
    (Ipv6Addr::new(0x2001, 3, 0, 0, 0, 0, 0, 0), 32, Scope::Public),
    (Ipv6Addr::new(0x2001, 4, 0x112, 0, 0, 0, 0, 0), 48, Scope::Public),
    (Ipv6Addr::new(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28, Scope::Public),
    (Ipv6Addr::new(0x2001, 0x30, 0, 0, 0, 0, 0, 0), 28, Scope::Public),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Scope::Reserved),
    // Segment routing identifiers (RFC 9602).
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, Scope::Reserved),
    // Global unicast.
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Scope::Public),
];

/// The class of an address. An IPv6 address that embeds an IPv4 address (mapped, NAT64, 6to4) has
/// the class of the embedded one; anything outside the assigned space is reserved.
pub fn scope(addr: IpAddr) -> Scope {
    match addr {
        IpAddr::V4(v4) => scope_v4(v4),
        IpAddr::V6(v6) => carried_v4(v6).map_or_else(|| scope_v6(v6), scope_v4),
    }
}

/// Whether all addresses that share the first `prefix` bits of this one are of one class: no block
/// of another class begins among them.
pub fn is_uniform(addr: IpAddr, prefix: u8) -> bool {
    match addr {
        IpAddr::V4(v4) => {
            !V4.iter().any(|(block, length, _)| *length > prefix && starts_alike_v4(v4, *block, prefix))
        }
        IpAddr::V6(v6) => match (v6.segments(), carried_v4(v6)) {
            ([0x2002, ..], _) if prefix >= 48 => true,
            ([0x2002, ..], Some(v4)) if prefix >= 16 => is_uniform(IpAddr::V4(v4), prefix - 16),
            ([0 | 0x64, ..], Some(v4)) if prefix >= 96 => is_uniform(IpAddr::V4(v4), prefix - 96),
            _ => {
                let carriers = CARRIERS.iter().map(|(block, length)| (*block, *length));
                let blocks = V6.iter().map(|(block, length, _)| (*block, *length));
                !blocks
                    .chain(carriers)
                    .any(|(block, length)| length > prefix && starts_alike_v6(v6, block, prefix))
            }
        },
    }
}

/// IPv6 blocks whose addresses embed an IPv4 address.
const CARRIERS: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

fn starts_alike_v4(a: Ipv4Addr, b: Ipv4Addr, prefix: u8) -> bool {
    (a.to_bits() ^ b.to_bits()).leading_zeros() >= prefix.into()
}

fn starts_alike_v6(a: Ipv6Addr, b: Ipv6Addr, prefix: u8) -> bool {
    (a.to_bits() ^ b.to_bits()).leading_zeros() >= prefix.into()
}

fn scope_v4(addr: Ipv4Addr) -> Scope {
    let matches = |block: Ipv4Addr, prefix: u8| (addr.to_bits() ^ block.to_bits()) >> (32 - prefix) == 0;
    V4.iter()
        .find(|(block, prefix, _)| matches(*block, *prefix))
        .map_or(Scope::Public, |(_, _, scope)| *scope)
}

fn scope_v6(addr: Ipv6Addr) -> Scope {
    let matches = |block: Ipv6Addr, prefix: u8| (addr.to_bits() ^ block.to_bits()) >> (128 - prefix) == 0;
    V6.iter()
        .find(|(block, prefix, _)| matches(*block, *prefix))
        .map_or(Scope::Reserved, |(_, _, scope)| *scope)
}

/// The IPv4 address in a mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`, RFC 6052) or 6to4
/// (`2002::/16`, RFC 3056) address.
fn carried_v4(addr: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match addr.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Whether two addresses are in the same subnet of the usual size: /24, or /64.
pub(super) fn are_of_one_subnet(local: &str, remote: &str) -> bool {
    if !local.contains(':') && !remote.contains(':') {
        // Called for every connection: the text of an IPv4 address up to its last dot is its /24.
        let network = |addr: &'_ str| addr.rfind('.');
        return network(local).is_some_and(|dot| remote.get(..=dot) == local.get(..=dot));
    }
    let parse = |addr: &str| addr.parse::<IpAddr>().ok().map(|addr| addr.to_canonical());
    match (parse(local), parse(remote)) {
        (Some(IpAddr::V4(a)), Some(IpAddr::V4(b))) => a.octets()[..3] == b.octets()[..3],
        (Some(IpAddr::V6(a)), Some(IpAddr::V6(b))) => a.segments()[..4] == b.segments()[..4],
        _ => false,
    }
}

/// Whether two private addresses are from different private ranges (RFC 1918): an organization
/// numbers one site from one of them.
pub(super) fn are_of_different_ranges(local: &str, remote: &str) -> bool {
    let range = |addr: &str| match addr.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => match v4.octets() {
            [10, ..] => Some(10),
            [172, second, ..] if second & 0xf0 == 16 => Some(172),
            [192, 168, ..] => Some(192),
            _ => None,
        },
        IpAddr::V6(_) => None,
    };
    matches!((range(local), range(remote)), (Some(here), Some(there)) if here != there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_block_is_known_at_both_its_ends() {
        let cases = [
            ("0.0.0.0", Scope::Unspecified),
            ("0.0.0.1", Scope::Reserved),
            ("1.0.0.0", Scope::Public),
            ("9.255.255.255", Scope::Public),
            ("10.0.0.0", Scope::Private),
            ("10.255.255.255", Scope::Private),
            ("100.63.255.255", Scope::Public),
            ("100.64.0.0", Scope::SharedNat),
            ("100.127.255.255", Scope::SharedNat),
            ("100.128.0.0", Scope::Public),
            ("127.255.255.254", Scope::Loopback),
            ("169.254.169.254", Scope::LinkLocal),
            ("172.15.255.255", Scope::Public),
            ("172.16.0.0", Scope::Private),
            ("172.31.255.255", Scope::Private),
            ("172.32.0.0", Scope::Public),
            ("192.0.0.1", Scope::Reserved),
            ("192.0.0.9", Scope::Public),
            ("192.0.2.1", Scope::Documentation),
            ("192.88.99.1", Scope::Reserved),
            ("192.168.255.255", Scope::Private),
            ("198.17.255.255", Scope::Public),
            ("198.18.0.0", Scope::Reserved),
            ("198.19.255.255", Scope::Reserved),
            ("198.51.100.23", Scope::Documentation),
            ("203.0.113.77", Scope::Documentation),
            ("223.255.255.255", Scope::Public),
            ("224.0.0.251", Scope::Multicast),
            ("239.255.255.255", Scope::Multicast),
            ("240.0.0.1", Scope::Reserved),
            ("255.255.255.254", Scope::Reserved),
            ("255.255.255.255", Scope::Broadcast),
        ];
        check(&cases);
    }

    #[test]
    fn v6_is_public_only_where_it_is_assigned() {
        let cases = [
            ("::", Scope::Unspecified),
            ("::1", Scope::Loopback),
            ("::2", Scope::Reserved),
            ("fc00::1", Scope::Private),
            ("fdff::1", Scope::Private),
            ("fe80::1", Scope::LinkLocal),
            ("febf::1", Scope::LinkLocal),
            ("fec0::1", Scope::Private),
            ("ff02::fb", Scope::Multicast),
            ("2001:db8::1", Scope::Documentation),
            ("3fff:fff::1", Scope::Documentation),
            ("3fff:1000::1", Scope::Public),
            ("2001::1", Scope::Reserved),
            ("2001:1::1", Scope::Public),
            ("2001:1::4", Scope::Reserved),
            ("2001:20::1", Scope::Public),
            ("2001:1ff:ffff::1", Scope::Reserved),
            ("2001:200::1", Scope::Public),
            ("2a00:1450:4001:80b::5", Scope::Public),
            ("100::1", Scope::Reserved),
            ("4000::1", Scope::Reserved),
            ("5f00::1", Scope::Reserved),
        ];
        check(&cases);
    }

    #[test]
    fn an_address_that_carries_another_is_of_its_kind() {
        let cases = [
            ("::ffff:10.1.2.3", Scope::Private),
            ("::ffff:8.8.8.8", Scope::Public),
            ("64:ff9b::192.168.1.1", Scope::Private),
            ("64:ff9b::8.8.8.8", Scope::Public),
            ("64:ff9b:1::8.8.8.8", Scope::Private),
            ("2002:0a00:0001::1", Scope::Private),
            ("2002:0808:0808::1", Scope::Public),
        ];
        check(&cases);
    }

    fn check(cases: &[(&str, Scope)]) {
        for (text, expected) in cases {
            assert_eq!(scope(text.parse().unwrap()), *expected, "{text}");
        }
    }

    #[test]
    fn what_lies_below_a_prefix_is_of_one_kind_or_not() {
        let is = |text: &str, prefix| is_uniform(text.parse().unwrap(), prefix);
        assert!(is("10.1.2.3", 8) && !is("10.1.2.3", 7));
        // 8.0.0.0/7 contains nothing special, 8.0.0.0/6 contains 10.0.0.0/8.
        assert!(is("8.8.8.8", 7) && !is("8.8.8.8", 6));
        assert!(is("2001:db8::1", 32) && !is("2001:db8::1", 31));
        // 6to4 embeds an IPv4 address in its third to sixth byte.
        assert!(is("2002:808:808::1", 23) && !is("2002:808:808::1", 22));
        assert!(!is("::1", 0) && is("fd00::1", 7));
    }

    #[test]
    fn a_public_address_of_the_same_subnet_is_inside() {
        assert!(are_of_one_subnet("2001:db8:1:2::5", "2001:db8:1:2:ffff::1"));
        assert!(are_of_one_subnet("203.0.113.5", "203.0.113.9"));
        assert!(!are_of_one_subnet("203.0.113.5", "203.0.114.9") && !are_of_one_subnet("203.0.113.5", "::1"));
    }
}
