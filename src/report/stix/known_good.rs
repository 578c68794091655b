//! What never becomes an indicator: infrastructure, and programs found on every host.
//!
//! A capture does not say whether a file belongs to a package. A file counts as the system's if it
//! is in a system folder. A copy elsewhere counts too, by its hash, if the original ran during the
//! recording; otherwise a copied interpreter cannot be distinguished from an unknown program.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ahash::AHashSet;

use crate::analyze::appraisal::domains;
use crate::model::sockets::Source;
use crate::report::json::v1::{Capture, Finding};
use crate::report::sockets::Sockets;

/// Folders of the system's own programs.
const SYSTEM_FOLDERS: [&str; 8] =
    ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/snap/", "/nix/store/", "/gnu/store/"];

/// The folder within them that packages leave to the administrator.
const LOCAL_FOLDER: &str = "/usr/local/";

/// Public resolvers open to everyone, as published by their operators.
const PUBLIC_RESOLVERS: [&str; 20] = [
    "1.0.0.1",
    "1.1.1.1",
    "149.112.112.112",
    "185.228.168.9",
    "208.67.220.220",
    "208.67.222.222",
    "8.8.4.4",
    "8.8.8.8",
    "9.9.9.10",
    "9.9.9.9",
    "94.140.14.14",
    "94.140.15.15",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "2606:4700:4700::1001",
    "2606:4700:4700::1111",
    "2620:fe::9",
    "2620:fe::fe",
    "2620:119:35::35",
    "2620:119:53::53",
];

/// Ports of name services and of time services.
const NAMES: [u16; 2] = [53, 853];
const TIME: [u16; 1] = [123];

/// What a capture shows to be benign.
pub(super) struct KnownGood<'a> {
    own: BTreeSet<IpAddr>,
    resolvers: BTreeMap<&'a str, BTreeSet<Source<'a>>>,
    time_servers: BTreeMap<&'a str, BTreeSet<Source<'a>>>,
    hashes: AHashSet<&'a str>,
}

impl<'a> KnownGood<'a> {
    pub(super) fn new(capture: &Capture, sockets: &Sockets<'a>) -> Self {
        Self {
            own: capture.host_addresses.iter().filter_map(|addr| addr.parse().ok()).collect(),
            resolvers: sockets.servers(&NAMES),
            time_servers: sockets.servers(&TIME),
            hashes: sockets.hashes(is_system_file),
        }
    }

    /// Whether an address of a finding is infrastructure: of this host, a resolver, a time server.
    ///
    /// A name server that only the finding's program queried does not count: it may be the other
    /// end of a tunnel.
    pub(super) fn has_address(&self, text: &str, finding: &Finding) -> bool {
        let Ok(addr) = text.parse::<IpAddr>() else { return true };
        let is_asked_by_others = self.resolvers.get(text).is_some_and(|sources| {
            let own = finding.entities.process_name.as_deref().or(finding.entities.local_addr.as_deref());
            sources.len() > 1 || own.is_none_or(|own| sources.iter().any(|source| !is_of(source, own)))
        });
        self.own.contains(&addr)
            || PUBLIC_RESOLVERS.contains(&text)
            || self.time_servers.contains_key(text)
            || is_asked_by_others
    }

    /// Whether a name belongs to a service with very many users.
    pub(super) fn has_name(name: &str) -> bool {
        domains::is_known_service(name)
    }

    /// Whether a file is the system's or a copy of such a file.
    pub(super) fn has_file(&self, exe: &str, sha256: &str) -> bool {
        is_system_file(exe) || self.hashes.contains(sha256)
    }
}

/// Whether a source is this address, or a process of this name, with any suffix that distinguishes it.
fn is_of(source: &Source<'_>, own: &str) -> bool {
    let text = match source {
        Source::Process(text) | Source::Address(text) => text,
    };
    text.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn is_system_file(exe: &str) -> bool {
    !exe.starts_with(LOCAL_FOLDER) && SYSTEM_FOLDERS.iter().any(|folder| exe.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_files_are_known_by_their_folder_but_not_those_of_the_administrator() {
        assert!(is_system_file("/usr/bin/python3.12") && is_system_file("/snap/core/1/x"));
        assert!(!is_system_file("/usr/local/bin/x") && !is_system_file("/tmp/usr/bin/x"));
    }

    #[test]
    fn a_source_is_of_a_name_with_its_script() {
        assert!(is_of(&Source::Process("python3 /opt/x.py"), "python3"));
        assert!(!is_of(&Source::Process("python3.12"), "python3"));
    }
}
