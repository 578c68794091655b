//! Address pseudonyms that preserve prefixes and the kind of address.
//!
//! The construction is Crypto-PAn's (Xu, Fan, Ammar & Moon 2002): whether a bit is flipped depends
//! on the bits before it and on the key, so two addresses share as many leading bits after as
//! before. Here a bit is flipped only where all addresses below it are of one kind, so that a
//! private address stays in its block and a public one stays public. The price: the bits that an
//! address shares with a special block are not changed.
//!
//! Loopback, multicast, broadcast and unspecified addresses are the same on every host and stay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use ahash::AHashMap;

use super::key::Key;
use crate::model::records::Scope;
use crate::model::scope::{is_uniform, scope};

/// Pseudonyms of addresses, each computed once.
#[derive(Debug)]
pub(super) struct Addresses {
    key: Key,
    known: Mutex<AHashMap<IpAddr, IpAddr>>,
}

impl Addresses {
    pub(super) fn new(key: Key) -> Self {
        Self { key, known: Mutex::default() }
    }

    /// The pseudonym of an address.
    pub(super) fn pseudonym(&self, addr: IpAddr) -> IpAddr {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(addr).or_insert_with(|| self.compute(addr))
    }

    fn compute(&self, addr: IpAddr) -> IpAddr {
        match (scope(addr), addr) {
            (Scope::Loopback | Scope::Multicast | Scope::Broadcast | Scope::Unspecified, _) => addr,
            (_, IpAddr::V4(v4)) => {
                IpAddr::V4(Ipv4Addr::from_bits(self.turn(addr, v4.to_bits().into(), 32) as u32))
            }
            (_, IpAddr::V6(v6)) => IpAddr::V6(Ipv6Addr::from_bits(self.turn(addr, v6.to_bits(), 128))),
        }
    }

    /// Flips those of the `width` bits that may be flipped.
    fn turn(&self, addr: IpAddr, bits: u128, width: u8) -> u128 {
        (0..width).filter(|depth| is_uniform(addr, *depth)).fold(bits, |turned, depth| {
            // The bits before this one, right-aligned.
            let before = bits.checked_shr(u32::from(width - depth)).unwrap_or_default();
            let mut message = vec![width, depth];
            message.extend(before.to_be_bytes());
            let turn = u128::from(self.key.hash("address", &message) & 1);
            turned ^ turn << (width - 1 - depth)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::key;
    use super::*;

    fn addresses() -> Addresses {
        Addresses::new(key::of_tests())
    }

    fn of(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_kind_stays_of_its_kind() {
        let addresses = addresses();
        for text in
            ["10.1.2.3", "172.20.1.1", "192.168.7.9", "100.64.3.4", "169.254.9.9", "fd00::1", "fe80::1"]
        {
            let (before, after) = (of(text), addresses.pseudonym(of(text)));
            assert_eq!(scope(before), scope(after), "{before} {after}");
            assert_ne!(before, after);
        }
    }

    #[test]
    fn what_is_the_same_everywhere_stays() {
        for text in ["127.0.0.1", "0.0.0.0", "::", "::1", "224.0.0.251", "255.255.255.255", "ff02::fb"] {
            assert_eq!(addresses().pseudonym(of(text)), of(text));
        }
    }

    /// Were a bit flipped regardless of those before it, one known pair would reveal every address.
    #[test]
    fn a_known_address_and_its_pseudonym_reveal_nothing_of_another_network() {
        let addresses = addresses();
        let mut masks = BTreeSet::new();
        for network in 11..27_u8 {
            let v4 = IpAddr::from([network, 50, 60, 70]);
            let v6 = IpAddr::from([0x2a01, u16::from(network), 1, 2, 3, 4, 5, 6]);
            for addr in [v4, v6] {
                let after = addresses.pseudonym(addr);
                masks.insert(match (addr, after) {
                    (IpAddr::V4(a), IpAddr::V4(b)) => u128::from((a.to_bits() ^ b.to_bits()) & 0xff_ffff),
                    (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()) & u128::from(u64::MAX),
                    _ => unreachable!("the kind is kept"),
                });
            }
        }
        assert_eq!(masks.len(), 32, "what is flipped in one network is flipped in another");
    }

    #[test]
    fn another_key_gives_other_addresses() {
        let other = Addresses::new(Key::random().unwrap());
        let differs = |n: u8| {
            let addr = IpAddr::from([8, 8, n, n]);
            addresses().pseudonym(addr) != other.pseudonym(addr)
        };
        assert!((0..16).any(differs));
    }

    proptest! {
        #[test]
        fn two_addresses_share_as_many_bits_after_as_before(a: u32, shared in 0_u32..32) {
            let b = a ^ 1 << (31 - shared);
            let addresses = addresses();
            let after = [a, b].map(|bits| match addresses.pseudonym(IpAddr::V4(bits.into())) {
                IpAddr::V4(v4) => v4.to_bits(),
                IpAddr::V6(_) => 0,
            });
            prop_assert_eq!((after[0] ^ after[1]).leading_zeros(), shared);
        }

        #[test]
        fn the_kind_is_kept_for_all_addresses(v4: u32, v6: u128) {
            let addresses = addresses();
            for addr in [IpAddr::V4(v4.into()), IpAddr::V6(v6.into()), IpAddr::V6((v6 >> 3 | 1 << 125).into())] {
                prop_assert_eq!(scope(addresses.pseudonym(addr)), scope(addr));
            }
        }
    }
}
