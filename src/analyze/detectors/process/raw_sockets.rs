//! Raw, packet and ICMP sockets in the hands of programs that have no known use for them.
//!
//! A packet socket reads every frame (a sniffer) and waits for a magic one (`BPFDoor`); a raw socket
//! sends what no firewall rule for ports expects; data in echo requests is a tunnel.

use std::collections::BTreeMap;

use super::ProcessAnomaly;
use crate::capture::Protocol;
use crate::model::detector::Detector as _;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::processes::{Process, Processes};
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Sockets};

/// Programs that hold raw or packet sockets by design: capture tools, network daemons, and tools of
/// administrators.
const KNOWN: &[&str] = &[
    "netrec",
    // Capture and inspection.
    "tcpdump",
    "dumpcap",
    "tshark",
    "wireshark",
    "zeek",
    "suricata",
    "snort",
    "ngrep",
    "nethogs",
    "iftop",
    "iptraf-ng",
    "ntopng",
    "softflowd",
    "fprobe",
    "nprobe",
    "pmacctd",
    "packetbeat",
    "darkstat",
    "arpwatch",
    "p0f",
    "sslh",
    // Addresses, links and neighbours.
    "dhclient",
    "dhcpcd",
    "udhcpc",
    "dhcpd",
    "kea-dhcp4",
    "dnsmasq",
    "systemd-networkd",
    "NetworkManager",
    "connmand",
    "wpa_supplicant",
    "hostapd",
    "iwd",
    "lldpd",
    "lldpad",
    "arping",
    "avahi-autoipd",
    "radvd",
    "rdisc6",
    "ndisc6",
    "pppd",
    "pppoe",
    "rp-pppoe",
    "teamd",
    "mstpd",
    "ptp4l",
    // Routing, redundancy and tunnels.
    "keepalived",
    "vrrpd",
    "ucarp",
    "bird",
    "bird6",
    "zebra",
    "ospfd",
    "ospf6d",
    "pimd",
    "eigrpd",
    "isisd",
    "igmpproxy",
    "smcroute",
    "smcrouted",
    "charon",
    "charon-systemd",
    "pluto",
    "xl2tpd",
    "cilium-agent",
    "calico-node",
    // Reachability and audits.
    "ping",
    "ping4",
    "ping6",
    "fping",
    "oping",
    "noping",
    "hping3",
    "traceroute",
    "traceroute.db",
    "tracepath",
    "mtr",
    "mtr-packet",
    "trip",
    "smokeping",
    "blackbox_exporter",
    "telegraf",
    "nmap",
    "masscan",
    "zmap",
    "arp-scan",
    "netdiscover",
    "tcptraceroute",
    "scamper",
    "check_icmp",
    "check_ping",
];

/// Payload over ICMP from which it carries data, in bytes: a program that only asks whether a host is
/// there sends some 64 bytes now and then.
const CARRIED_BYTES: u64 = 8000;

/// What a socket is conspicuous for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Packet,
    Raw,
    IcmpData,
}

/// A sign of a program, by its name and executable.
type Key<'a> = (Sign, Option<&'a str>, Option<&'a str>);

/// Programs with such sockets, those of one name and executable once.
pub(super) fn findings(
    sockets: &Sockets<'_>,
    processes: &Processes<'_>,
    is_recorder: impl Fn(&Process<'_>) -> bool,
) -> Vec<Finding> {
    let mut cases: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    let mut carried: BTreeMap<u32, u64> = BTreeMap::new();
    for socket in sockets.iter().filter(|socket| socket.protocol == Protocol::Icmp) {
        if let Some(process) = socket.process {
            let bytes = socket.bytes_sent.unwrap_or(0).saturating_add(socket.bytes_received.unwrap_or(0));
            let total = carried.entry(process).or_default();
            *total = total.saturating_add(bytes);
        }
    }
    for (row, socket) in sockets.iter().enumerate() {
        let Some(number) = socket.process else { continue };
        let sign = match socket.protocol {
            Protocol::Packet => Sign::Packet,
            Protocol::Raw => Sign::Raw,
            Protocol::Icmp if carried.get(&number).is_some_and(|bytes| *bytes >= CARRIED_BYTES) => {
                Sign::IcmpData
            }
            _ => continue,
        };
        let process = processes.get(number as usize);
        if !is_recorder(&process) && !is_known(&process) {
            cases.entry((sign, process.process_name, process.exe)).or_default().push(row);
        }
    }
    cases
        .into_iter()
        .map(|((sign, ..), rows)| {
            let process =
                sockets.get(rows[0]).process.map(|row| processes.get(row as usize)).unwrap_or_default();
            finding(sign, process, sockets.subset(&rows))
        })
        .collect()
}

/// A name proves nothing, so the executable has to be where programs are installed.
fn is_known(process: &Process<'_>) -> bool {
    let is_installed = process.exe.is_none_or(crate::analyze::programs::is_installed);
    is_installed && KNOWN.contains(&process.program())
}

fn finding(sign: Sign, process: Process<'_>, members: SocketSubset<'_, '_>) -> Finding {
    let is_beyond = members.iter().any(|socket: Socket<'_>| socket.is_beyond_local_networks());
    let bytes: u64 = members
        .iter()
        .map(|socket| socket.bytes_sent.unwrap_or(0).saturating_add(socket.bytes_received.unwrap_or(0)))
        .fold(0, u64::saturating_add);
    let (does, why, harmless, severity, confidence, attack): (_, _, _, _, _, &[&str]) = match sign {
        Sign::Packet => (
            "holds a packet socket",
            "A packet socket (AF_PACKET) reads frames before any firewall. Sniffers use one to collect \
             passwords, and backdoors such as BPFDoor wait on one for a trigger without opening a port.",
            "A capture tool, a DHCP client, a network daemon or a monitoring agent that is not on the \
             list of known programs.",
            Severity::Medium,
            0.5,
            &["T1040", "T1205.002"],
        ),
        Sign::Raw => (
            "holds a raw socket",
            "A raw IP socket sends and receives hand-made packets, past ports and the firewall rules for \
             them.",
            "A routing daemon, a VPN, a scanner or a monitoring agent that is not on the list of known \
             programs.",
            Severity::Low,
            0.4,
            &["T1095"],
        ),
        Sign::IcmpData => (
            "transfers data over ICMP",
            "Echo requests are small. More than a few kilobytes from a program that is not a known ping \
             tool looks like an ICMP tunnel.",
            "A monitoring agent that pings many hosts, or measures with large packets.",
            if is_beyond { Severity::High } else { Severity::Medium },
            0.6,
            &["T1095", "T1048.003"],
        ),
    };
    let judgement = Judgement {
        severity,
        confidence: Confidence::new(confidence),
        title: format!("{} {does}", process.process_name.unwrap_or("A process")),
        explanation: format!("{why} Executable: {}.", process.exe.unwrap_or("not known")),
        false_positives: harmless.to_owned(),
        attack: attack.to_vec(),
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("sockets", members.len() as f64, "sockets"),
        Measurement::new("bytes both ways", bytes as f64, "bytes"),
    ];
    Finding::new(&ProcessAnomaly::ABOUT, judgement, members.evidence(measurements))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn, Facts};

    /// Titles and severities of what is found about a program with such a socket.
    fn found(name: &str, exe: &'static str, socket: Conn) -> Vec<(String, Severity)> {
        let mut capture = Capture::new(60);
        capture.add(socket.by(name, 7).at(1.0)).process(7, Facts { exe: Some(exe), ..Facts::default() });
        let findings = capture.run::<ProcessAnomaly>().findings;
        findings.into_iter().map(|found| (found.judgement.title, found.judgement.severity)).collect()
    }

    fn packet() -> Conn {
        Conn::listener(0).over(Protocol::Packet).unconnected()
    }

    #[test]
    fn a_sniffer_that_is_no_known_tool_is_found() {
        let expected = [("x holds a packet socket".to_owned(), Severity::Medium)];
        assert_eq!(found("x", "/usr/sbin/x", packet()), expected);
        assert_eq!(found("tcpdump", "/usr/bin/tcpdump", packet()), []);
    }

    #[test]
    fn a_known_name_does_not_hide_a_program_that_lies_elsewhere() {
        let titles: Vec<String> =
            found("dhclient", "/var/tmp/dhclient", packet()).into_iter().map(|(title, _)| title).collect();
        assert!(titles.contains(&"dhclient holds a packet socket".to_owned()), "{titles:?}");
    }

    #[test]
    fn raw_sockets_are_named_and_routing_daemons_may_have_them() {
        let raw = || Conn::to("10.0.0.5", 0).over(Protocol::Raw);
        assert_eq!(found("x", "/usr/bin/x", raw()), [("x holds a raw socket".to_owned(), Severity::Low)]);
        assert_eq!(found("bird", "/usr/sbin/bird", raw()), []);
    }

    #[test]
    fn icmp_is_conspicuous_when_it_carries_data() {
        let icmp = |addr, bytes| Conn::to(addr, 0).over(Protocol::Icmp).bytes(bytes, 0);
        let title = || "x transfers data over ICMP".to_owned();
        assert_eq!(found("x", "/usr/bin/x", icmp("203.0.113.5", 20_000)), [(title(), Severity::High)]);
        assert_eq!(found("x", "/usr/bin/x", icmp("10.0.0.5", 20_000)), [(title(), Severity::Medium)]);
        assert_eq!(found("x", "/usr/bin/x", icmp("203.0.113.5", 640)), []);
        assert_eq!(found("ping", "/usr/bin/ping", icmp("203.0.113.5", 20_000)), []);
    }
}
