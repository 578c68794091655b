//! Indicators so that each socket is compared with all of them at once.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ahash::AHashMap;
use ipnet::IpNet;

use crate::capture::DELETED;
use crate::indicators::{Indicator, Observable};

/// Places in the list, by what they name. Of entries that name the same, the first counts.
#[derive(Default)]
pub(super) struct Index<'a> {
    networks: AHashMap<IpNet, usize>,
    /// Lengths of the networks' prefixes, v4 and v6.
    lengths: [BTreeSet<u8>; 2],
    endpoints: AHashMap<(IpAddr, u16), usize>,
    ports: AHashMap<u16, usize>,
    names: AHashMap<&'a str, usize>,
    paths: AHashMap<&'a str, usize>,
    hashes: AHashMap<&'a str, usize>,
    /// JA3 and JA4.
    clients: AHashMap<&'a str, usize>,
}

impl<'a> Index<'a> {
    pub(super) fn new(list: &'a [Indicator]) -> Self {
        let mut index = Self::default();
        for (at, indicator) in list.iter().enumerate() {
            match &indicator.what {
                Observable::Network(net) => {
                    index.lengths[family(net.addr())].insert(net.prefix_len());
                    index.networks.entry(*net).or_insert(at);
                }
                Observable::Endpoint(addr, port) => {
                    index.endpoints.entry((*addr, *port)).or_insert(at);
                }
                Observable::Port(port) => {
                    index.ports.entry(*port).or_insert(at);
                }
                Observable::Name(name) => {
                    index.names.entry(name).or_insert(at);
                }
                Observable::Path(path) => {
                    index.paths.entry(path).or_insert(at);
                }
                Observable::Sha256(hash) => {
                    index.hashes.entry(hash).or_insert(at);
                }
                Observable::Ja3(client) | Observable::Ja4(client) => {
                    index.clients.entry(client).or_insert(at);
                }
            }
        }
        index
    }

    /// Whether there is an indicator of a program.
    pub(super) fn has_programs(&self) -> bool {
        !(self.paths.is_empty() && self.hashes.is_empty())
    }

    /// The most specific network that holds an address; the address itself is one.
    pub(super) fn addr(&self, addr: &str) -> Vec<usize> {
        let Ok(addr) = addr.parse::<IpAddr>().map(|addr| addr.to_canonical()) else { return Vec::new() };
        let lengths = self.lengths[family(addr)].iter().rev();
        let networks = lengths.filter_map(|length| IpNet::new(addr, *length).ok());
        networks.filter_map(|net| self.networks.get(&net.trunc()).copied()).take(1).collect()
    }

    pub(super) fn endpoint(&self, addr: &str, port: u16) -> Option<usize> {
        if self.endpoints.is_empty() {
            return None;
        }
        self.endpoints.get(&(addr.parse::<IpAddr>().ok()?.to_canonical(), port)).copied()
    }

    pub(super) fn port(&self, port: u16) -> Option<usize> {
        self.ports.get(&port).copied()
    }

    /// The entry of a name or of the nearest one above it.
    pub(super) fn name(&self, name: &str) -> Vec<usize> {
        if self.names.is_empty() {
            return Vec::new();
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let above = std::iter::successors(Some(name.as_str()), |name| Some(name.split_once('.')?.1));
        above.filter_map(|name| self.names.get(name).copied()).take(1).collect()
    }

    pub(super) fn path(&self, path: &str) -> Option<usize> {
        // Linux says so of a program whose file was deleted since.
        self.paths.get(path.trim_end_matches(DELETED)).copied()
    }

    /// The entry of a TLS client by its JA3 or JA4.
    pub(super) fn client(&self, fingerprint: &str) -> Option<usize> {
        self.clients.get(fingerprint).copied()
    }

    pub(super) fn sha256(&self, hash: &str) -> Option<usize> {
        self.hashes.get(hash).copied()
    }
}

fn family(addr: IpAddr) -> usize {
    usize::from(addr.is_ipv6())
}
