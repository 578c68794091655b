//! Which addresses a log marks as inside.

use std::net::IpAddr;

use ahash::AHashSet;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// More inside hosts than this are not listed in a capture.
const MOST_ADDRESSES: usize = 65_536;

/// Addresses that are marked as inside.
#[derive(Debug, Default)]
pub struct LocalNetHints {
    inside: AHashSet<IpAddr>,
    is_full: bool,
}

impl LocalNetHints {
    /// Notes what a log says of an address.
    pub fn add(&mut self, addr: IpAddr, is_inside: Option<bool>) {
        if is_inside == Some(true) && !self.is_full {
            self.inside.insert(addr.to_canonical());
            self.is_full = self.inside.len() > MOST_ADDRESSES;
        }
    }

    /// The marked addresses and no others, as few networks as they make; none where nothing is
    /// marked, or too much.
    pub fn networks(&self) -> Vec<IpNet> {
        if self.is_full {
            return Vec::new();
        }
        let v4: Vec<Ipv4Net> = self
            .inside
            .iter()
            .filter_map(|addr| match addr {
                IpAddr::V4(v4) => Some(Ipv4Net::from(*v4)),
                IpAddr::V6(_) => None,
            })
            .collect();
        let v6: Vec<Ipv6Net> = self
            .inside
            .iter()
            .filter_map(|addr| match addr {
                IpAddr::V6(v6) => Some(Ipv6Net::from(*v6)),
                IpAddr::V4(_) => None,
            })
            .collect();
        let v4 = Ipv4Net::aggregate(&v4).into_iter().map(IpNet::from);
        let mut networks: Vec<IpNet> =
            v4.chain(Ipv6Net::aggregate(&v6).into_iter().map(IpNet::from)).collect();
        networks.sort();
        networks
    }

    /// Whether there were too many to be listed.
    pub fn is_full(&self) -> bool {
        self.is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_a_network_and_nothing_else_is_in_it() {
        let mut marks = LocalNetHints::default();
        for (addr, is_inside) in [
            ("192.0.2.4", Some(true)),
            ("192.0.2.5", Some(true)),
            ("192.0.2.6", Some(false)),
            ("2001:db8::1", Some(true)),
            ("::ffff:192.0.2.4", Some(true)),
            ("192.0.2.7", None),
        ] {
            marks.add(addr.parse().unwrap(), is_inside);
        }
        let networks: Vec<String> = marks.networks().iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["192.0.2.4/31", "2001:db8::1/128"]);
    }

    #[test]
    fn a_flood_of_inside_addresses_is_not_listed() {
        let mut marks = LocalNetHints::default();
        for number in 0..200_000_u32 {
            marks.add(IpAddr::V4(number.into()), Some(true));
        }
        assert!(marks.is_full() && marks.networks().is_empty());
        assert!(marks.inside.len() <= MOST_ADDRESSES + 1);
    }
}
