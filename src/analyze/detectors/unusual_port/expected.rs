//! Which programs and ports go together.

/// Programs that use these ports of others, and no more but for names; not FTP, whose data goes
/// to any port.
const CLIENTS: &[(&[&str], &[u16])] = &[
    (&["ssh", "scp", "sftp"], &[22]),
    (&["chronyd", "ntpd", "systemd-timesyn"], &[123, 4460, 443]),
    (&["dhclient", "dhcpcd"], &[67, 547]),
    (&["whois"], &[43]),
    (&["telnet"], &[23]),
];

/// Programs that wait on these ports, and no more.
const SERVERS: &[(&[&str], &[u16])] = &[
    (&["sshd", "dropbear"], &[22]),
    (&["named", "unbound", "systemd-resolve"], &[53, 853, 953, 8953, 443, 5353, 5355]),
    (&["cupsd"], &[631]),
    (&["mysqld", "mariadbd"], &[3306, 33_060, 33_062]),
    (&["postgres"], &[5432]),
    (&["redis-server"], &[6379, 16_379]),
    (&["slapd"], &[389, 636]),
];

/// Ports that belong to some programs alone.
const PORTS: &[(u16, &[&str])] = &[
    (22, &["sshd", "dropbear", "ssh", "tailscaled", "teleport"]),
    (
        53,
        &[
            "named",
            "unbound",
            "dnsmasq",
            "systemd-resolve",
            "coredns",
            "pihole-FTL",
            "pdns",
            "knotd",
            "kresd",
            "nsd",
            "AdGuardHome",
            "dockerd",
            "aardvark-dns",
            "connmand",
            "stubby",
        ],
    ),
    (25, &["master", "exim4", "exim", "sendmail", "smtpd", "opensmtpd", "smtp"]),
    (23, &["telnetd", "in.telnetd", "inetd", "xinetd"]),
];

/// Who holds ports for others.
const FORWARDERS: &[&str] = &[
    "systemd",
    "init",
    "launchd",
    "docker-proxy",
    "rootlessport",
    "slirp4netns",
    "pasta",
    "haproxy",
    "nginx",
    "envoy",
    "socat",
    "xinetd",
    "inetd",
    "kube-proxy",
    "containerd",
    "conmon",
    "rootlesskit",
];

/// Ports that tools for break-ins and their like have by default.
const TOOLS: &[(u16, &str)] = &[
    (4444, "Metasploit"),
    (9001, "Tor relays"),
    (12_345, "NetBus"),
    (50_050, "Cobalt Strike's team server"),
];

/// The ports to which a program usually talks; none if it has none of its own.
pub(crate) fn client_ports(name: &str) -> Option<&'static [u16]> {
    ports_of(CLIENTS, name)
}

/// The ports on which a program usually waits; none if it has none of its own.
pub(crate) fn server_ports(name: &str) -> Option<&'static [u16]> {
    ports_of(SERVERS, name)
}

fn ports_of(table: &[(&[&str], &'static [u16])], name: &str) -> Option<&'static [u16]> {
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, ports)| *ports)
}

/// Whether a port belongs to other programs than this one.
pub(crate) fn belongs_to_others(port: u16, name: &str) -> bool {
    let owners = PORTS.iter().find(|(of, _)| *of == port).map(|(_, names)| *names);
    // `sshd-session` and `named-pkcs11` are sshd and named.
    let is_owner = |owner: &&str| name.starts_with(*owner);
    owners.is_some_and(|owners| !owners.iter().any(is_owner)) && !FORWARDERS.contains(&name)
}

/// Whose default a port is.
pub(crate) fn tool(port: u16) -> Option<&'static str> {
    TOOLS.iter().find(|(of, _)| *of == port).map(|(_, tool)| *tool)
}
