//! Sources that ask a service outside for their own public address.

use ahash::{AHashMap, AHashSet};

use super::records::TextId;
use super::sockets::{Socket, Source};

/// Names of services that answer with the address of whoever asks, or with where it is. Clients of dynamic DNS and of
/// VPNs ask them, and so do most stealers and remote access trojans (Agent Tesla, `RedLine`, Remcos, Trickbot), for a
/// victim's country: public rule sets have a category for it (Emerging Threats, "External IP Lookup").
const SERVICES: [&str; 34] = [
    "api.2ip.ua",
    "api.db-ip.com",
    "api.ip.sb",
    "api.ipify.org",
    "api.my-ip.io",
    "api.myip.com",
    "api64.ipify.org",
    "bot.whatismyipaddress.com",
    "checkip.amazonaws.com",
    "checkip.dyndns.com",
    "checkip.dyndns.org",
    "curlmyip.net",
    "eth0.me",
    "extreme-ip-lookup.com",
    "freegeoip.app",
    "freegeoip.live",
    "freegeoip.net",
    "geoplugin.net",
    "icanhazip.com",
    "ident.me",
    "ifconfig.co",
    "ifconfig.io",
    "ifconfig.me",
    "ip-api.com",
    "ip.anysrc.net",
    "ipapi.co",
    "ipecho.net",
    "ipinfo.io",
    "ipwho.is",
    "myexternalip.com",
    "reallyfreegeoip.org",
    "whatismyip.akamai.com",
    "wtfismyip.com",
    "www.geoplugin.net",
];

/// Which source asked which service.
#[derive(Debug, Default)]
pub(super) struct AddressLookups<'a> {
    /// Names that were looked at: each is compared once, and a capture has few.
    seen: AHashSet<TextId>,
    /// Those of them that are of a service.
    services: AHashSet<TextId>,
    by_source: AHashMap<Source<'a>, &'a str>,
}

impl<'a> AddressLookups<'a> {
    /// Notes a connection to a name.
    pub(super) fn add(&mut self, name: TextId, socket: &Socket<'a>) {
        if self.seen.insert(name) && socket.remote_name.is_some_and(is_service) {
            self.services.insert(name);
        }
        if !self.services.is_empty()
            && self.services.contains(&name)
            && let Some(name) = socket.remote_name
        {
            self.by_source.entry(Source::of(socket)).or_insert(name);
        }
    }

    /// The service that a source asked first.
    pub(super) fn service_of(&self, source: &Source<'_>) -> Option<&'a str> {
        if self.by_source.is_empty() { None } else { self.by_source.get(source).copied() }
    }
}

/// Whether a name is of a service that tells whoever asks its public address.
pub fn is_service(name: &str) -> bool {
    SERVICES.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_are_sorted_so_that_they_can_be_searched() {
        assert!(SERVICES.is_sorted());
        assert!(is_service("API.ipify.org") && !is_service("ipify.org.example.com"));
    }
}
