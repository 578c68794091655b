//! Ports of services whose names tools print in their place.
//!
//! Names and ports are facts of the IANA Service Name and Transport Protocol Port Number Registry
//! (RFC 6335): those that are assigned in it, and none that systems have added themselves.

use crate::capture::Protocol;

/// By name, in the order of names; the port is the same for TCP and UDP unless the name is of one.
const SERVICES: &[(&str, u16)] = &[
    ("afs3-fileserver", 7000),
    ("amqp", 5672),
    ("amqps", 5671),
    ("auth", 113),
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("chargen", 19),
    ("cisco-sccp", 2000),
    ("cslistener", 9000),
    ("daytime", 13),
    ("dhcpv6-client", 546),
    ("dhcpv6-server", 547),
    ("discard", 9),
    ("distinct", 9999),
    ("domain", 53),
    ("domain-s", 853),
    ("echo", 7),
    ("epmap", 135),
    ("etcd-client", 2379),
    ("etcd-server", 2380),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("ftps", 990),
    ("ftps-data", 989),
    ("git", 9418),
    ("gopher", 70),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("imap", 143),
    ("imaps", 993),
    ("ipp", 631),
    ("ircs-u", 6697),
    ("ircu", 6667),
    ("isakmp", 500),
    ("iscsi-target", 3260),
    ("kerberos", 88),
    ("kpasswd", 464),
    ("l2f", 1701),
    ("ldap", 389),
    ("ldaps", 636),
    ("llmnr", 5355),
    ("mdns", 5353),
    ("memcache", 11_211),
    ("microsoft-ds", 445),
    ("mqtt", 1883),
    ("ms-sql-m", 1434),
    ("ms-sql-s", 1433),
    ("ms-wbt-server", 3389),
    ("msft-gc", 3268),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntp", 119),
    ("nntps", 563),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pcsync-https", 8443),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("pptp", 1723),
    ("printer", 515),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("rdp", 3389),
    ("redis", 6379),
    ("rfb", 5900),
    ("rsync", 873),
    ("rtsp", 554),
    ("sip", 5060),
    ("sips", 5061),
    ("smtp", 25),
    ("snmp", 161),
    ("snmptrap", 162),
    ("socks", 1080),
    ("ssdp", 1900),
    ("ssh", 22),
    ("stun", 3478),
    ("stuns", 5349),
    ("submission", 587),
    ("submissions", 465),
    ("sunrpc", 111),
    ("svn", 3690),
    ("syslog-tls", 6514),
    ("tacacs", 49),
    ("telnet", 23),
    ("telnets", 992),
    ("tftp", 69),
    ("time", 37),
    ("websm", 9090),
    ("whois", 43),
    ("wsman", 5985),
    ("wsmans", 5986),
    ("x11", 6000),
    ("xdmcp", 177),
    ("xmpp-client", 5222),
    ("xmpp-server", 5269),
];

/// Names that one protocol has for itself.
const OF_TCP: &[(&str, u16)] = &[("exec", 512), ("login", 513), ("shell", 514)];
const OF_UDP: &[(&str, u16)] = &[("biff", 512), ("ipsec-nat-t", 4500), ("syslog", 514), ("who", 513)];

/// The port of a service; none for a name that is not registered.
pub(in crate::import) fn port(name: &str, protocol: Protocol) -> Option<u16> {
    let own = if protocol == Protocol::Udp { OF_UDP } else { OF_TCP };
    let own = own.iter().find(|(known, _)| *known == name).map(|(_, port)| *port);
    own.or_else(|| {
        let at = SERVICES.binary_search_by_key(&name, |(known, _)| known).ok()?;
        Some(SERVICES[at].1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_others_are_not() {
        assert!(SERVICES.is_sorted_by_key(|(name, _)| *name));
        assert_eq!(port("ssh", Protocol::Tcp), Some(22));
        assert_eq!((port("syslog", Protocol::Udp), port("syslog", Protocol::Tcp)), (Some(514), None));
        assert_eq!(port("webcache", Protocol::Tcp), None);
    }
}
