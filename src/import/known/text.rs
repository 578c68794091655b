//! Formats of text, by what their lines hold.

use super::Known;
use crate::import::begin::Begin;

/// Lines that are looked at, and characters of each.
const MOST_LINES: usize = 40;
const MOST_LINE_BYTES: usize = 4096;

/// How a format is told.
enum Sign {
    /// One of the first lines has all of these in it.
    Line(&'static [&'static str]),
    /// One of the first lines begins so.
    Starts(&'static str),
    /// One of the first lines passes a test.
    Test(fn(&str) -> bool),
    /// The text as a whole has all of these in it.
    Text(&'static [&'static str]),
}

use Sign::{Line, Starts, Test, Text};

const NOT_READ: &str = "netrec does not read it: import packets or Zeek logs of the same traffic";
const PACKETS: &str =
    "text cannot be turned back into packets: write them with tcpdump -w FILE, or tshark -w FILE";
const FROM_PACKETS: &str = "import the packets that it was made of (pcap or pcapng)";
const BLOCKED: &str = "it lists packets that a firewall logged, not connections: use ss -tunap, a packet capture or netrec record";
const REQUESTS: &str =
    "it lists requests, not connections: use Zeek's logs, a packet capture or netrec record";
const NO_SOCKETS: &str = "it lists no sockets: import the output of ss -tunap or netstat -anp";
const NO_FLOWS: &str = "it holds no network flows";

/// Formats in the order in which they are looked for: the special before the general.
const FORMATS: &[(Sign, Known)] = &[
    // Dissected packets.
    (Starts("<pdml"), Known { name: "Wireshark's PDML", way: FROM_PACKETS }),
    (Starts("<psml"), Known { name: "Wireshark's PSML", way: FROM_PACKETS }),
    (Text(&["\"_source\"", "\"layers\""]), Known { name: "Wireshark's JSON", way: FROM_PACKETS }),
    (
        Text(&["\"timestamp\"", "\"layers\"", "\"frame"]),
        Known { name: "tshark's JSON (-T ek)", way: FROM_PACKETS },
    ),
    (
        Line(&["\"No.\"", "\"Time\"", "\"Source\""]),
        Known { name: "Wireshark's list of packets as CSV", way: FROM_PACKETS },
    ),
    (
        Line(&["No. ", "Time ", "Source ", "Destination "]),
        Known { name: "Wireshark's list of packets", way: FROM_PACKETS },
    ),
    (Test(is_tshark), Known { name: "the text that tshark prints", way: PACKETS }),
    (Test(is_tcpdump), Known { name: "the text that tcpdump or pflogd prints", way: PACKETS }),
    (
        Test(is_hex_dump),
        Known { name: "a hex dump", way: "if it holds packets, convert it first: text2pcap FILE out.pcap" },
    ),
    // Firewalls.
    (
        Starts("#Software: Microsoft Windows Firewall"),
        Known { name: "a log of the Windows firewall", way: BLOCKED },
    ),
    (
        Line(&["#Fields:", "src-ip", "dst-ip", "action"]),
        Known { name: "a log of the Windows firewall", way: BLOCKED },
    ),
    (
        Line(&[" IN=", " OUT=", " SRC=", " DST=", " PROTO="]),
        Known { name: "a log of iptables, nftables or ufw", way: BLOCKED },
    ),
    (Starts("IN="), Known { name: "a log of iptables, nftables or ufw", way: BLOCKED }),
    (Line(&["filterlog"]), Known { name: "a log of pfSense or OPNsense", way: BLOCKED }),
    (Line(&["%ASA-"]), Known { name: "a log of a Cisco ASA", way: NOT_READ }),
    (Line(&["%FTD-"]), Known { name: "a log of a Cisco Firepower", way: NOT_READ }),
    (Line(&["logid=", "type=", "srcip="]), Known { name: "a log of a FortiGate", way: NOT_READ }),
    (Line(&[",TRAFFIC,", "vsys"]), Known { name: "a log of a Palo Alto firewall", way: NOT_READ }),
    (Line(&["CEF:0|"]), Known { name: "events in CEF", way: NOT_READ }),
    (Line(&["CEF:1|"]), Known { name: "events in CEF", way: NOT_READ }),
    (Line(&["LEEF:"]), Known { name: "events in LEEF", way: NOT_READ }),
    // Tables of connections.
    (
        Test(is_conntrack),
        Known {
            name: "a list of conntrack entries",
            way: "netrec does not read it: record on the host (netrec record), or import the output of ss -tunap",
        },
    ),
    (
        Line(&["LocalAddress", "LocalPort", "RemoteAddress", "RemotePort"]),
        Known {
            name: "the output of Get-NetTCPConnection or of a tool like it",
            way: "netrec does not read it: import the output of netstat -ano",
        },
    ),
    (
        Line(&["\"Process Name\"", "\"PID\"", "\"Operation\""]),
        Known {
            name: "a log of Process Monitor",
            way: "netrec does not read it: import Sysmon's events or netstat -ano",
        },
    ),
    (
        Line(&["USER", "COMMAND", "PROTO", "FOREIGN ADDRESS"]),
        Known {
            name: "the output of sockstat",
            way: "netrec does not read it: import the output of netstat -an or lsof -i",
        },
    ),
    (
        Line(&["connect(", "sa_family="]),
        Known {
            name: "a trace of system calls (strace)",
            way: "netrec does not read it: record on the host (netrec record)",
        },
    ),
    (
        Line(&["Offset", "Proto", "LocalAddr", "ForeignAddr"]),
        Known { name: "the output of Volatility's netscan", way: "netrec does not read it" },
    ),
    (
        Text(&["\"hostIdentifier\"", "\"columns\""]),
        Known {
            name: "results of osquery",
            way: "netrec does not read them: import the output of ss -tunap or lsof -i",
        },
    ),
    (
        Text(&["\"local_address\"", "\"remote_address\"", "\"pid\""]),
        Known {
            name: "results of osquery",
            way: "netrec does not read them: import the output of ss -tunap or lsof -i",
        },
    ),
    (Line(&["Transport", "Total", "IPv6"]), Known { name: "the totals of ss -s", way: NO_SOCKETS }),
    (Line(&["Gateway", "Genmask", "Iface"]), Known { name: "a routing table", way: NO_SOCKETS }),
    (Line(&["Destination", "Gateway", "Netif"]), Known { name: "a routing table", way: NO_SOCKETS }),
    (Text(&["active connection openings"]), Known { name: "the counters of netstat -s", way: NO_SOCKETS }),
    (
        Line(&["Iface", "RX-OK", "TX-OK"]),
        Known { name: "the interface table of netstat -i", way: NO_SOCKETS },
    ),
    // Flows of clouds and collectors.
    (
        Text(&["\"eventSource\"", "\"awsRegion\""]),
        Known {
            name: "events of AWS CloudTrail",
            way: "they tell of calls to the API, not of connections: import VPC flow logs",
        },
    ),
    (Text(&["flowLogVersion"]), Known { name: "Azure virtual network flow logs", way: NOT_READ }),
    (Text(&["NetworkSecurityGroupFlowEvent"]), Known { name: "Azure NSG flow logs", way: NOT_READ }),
    (Text(&["\"flowTuples\""]), Known { name: "Azure flow logs", way: NOT_READ }),
    (Text(&["vpc_flows"]), Known { name: "Google Cloud VPC flow logs", way: NOT_READ }),
    (
        Text(&["\"jsonPayload\"", "\"connection\"", "\"src_ip\""]),
        Known { name: "Google Cloud VPC flow logs", way: NOT_READ },
    ),
    (
        Text(&["\"zeek\"", "\"source\"", "\"destination\"", "\"@timestamp\""]),
        Known {
            name: "Zeek's records in the Elastic Common Schema",
            way: "netrec does not read them: import Zeek's own logs",
        },
    ),
    (Text(&["\"type\":\"packetbeat\""]), Known { name: "events of Packetbeat", way: NOT_READ }),
    (Text(&["\"flowStartMilliseconds\""]), Known { name: "IPFIX records as JSON", way: NOT_READ }),
    (Text(&["\"src4_addr\"", "\"dst4_addr\""]), Known { name: "the JSON of nfdump", way: NOT_READ }),
    (
        Line(&["Date first seen", "Duration", "Src IP Addr"]),
        Known { name: "the text of nfdump", way: NOT_READ },
    ),
    (
        Line(&["StartTime", "SrcAddr", "DstAddr", "TotPkts"]),
        Known { name: "the text of Argus (ra)", way: NOT_READ },
    ),
    (
        Text(&["\"flow\"", "\"l4\"", "\"is_reply\""]),
        Known { name: "flows of Hubble (Cilium)", way: NOT_READ },
    ),
    // Logs of hosts.
    (
        Text(&["Microsoft-Windows-Security-Auditing"]),
        Known {
            name: "events of the Windows security log",
            way: "netrec does not read them: import Sysmon's events or netstat -ano",
        },
    ),
    (
        Text(&["\"output_fields\"", "\"rule\""]),
        Known {
            name: "alerts of Falco",
            way: "they tell of rules that matched, not of every connection: use netrec record",
        },
    ),
    (Line(&["type=", "msg=audit("]), Known { name: "a log of auditd", way: NO_FLOWS }),
    (Text(&["\"__REALTIME_TIMESTAMP\""]), Known { name: "a systemd journal as JSON", way: NO_FLOWS }),
    (
        Line(&["EventRecordId", "TimeCreated", "EventId"]),
        Known { name: "Windows events as CSV", way: "write them as JSON: EvtxECmd --json, and import that" },
    ),
    (
        Starts("#Software: Microsoft Internet Information Services"),
        Known { name: "a log of IIS", way: REQUESTS },
    ),
    (Test(is_access_log), Known { name: "an access log of a web server", way: REQUESTS }),
];

/// The format of a text that begins so.
pub(super) fn find(begin: &Begin) -> Option<Known> {
    let lines: Vec<String> = begin
        .lines()
        .take(MOST_LINES)
        .map(|line| String::from_utf8_lossy(&line[..line.len().min(MOST_LINE_BYTES)]).into_owned())
        .collect();
    let text = String::from_utf8_lossy(&begin.text);
    let has = |sign: &Sign| match sign {
        Line(words) => lines.iter().any(|line| words.iter().all(|word| line.contains(word))),
        Starts(word) => lines.iter().any(|line| line.trim_start().starts_with(word)),
        Test(passes) => lines.iter().any(|line| passes(line)),
        Text(words) => words.iter().all(|word| text.contains(word)),
    };
    let (_, Known { name, way }) = FORMATS.iter().find(|(sign, _)| has(sign))?;
    Some(Known { name, way })
}

/// `22:13:20.000000 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [S]`, with a date or an interface before.
fn is_tcpdump(line: &str) -> bool {
    let protocol = [" IP ", " IP6 ", " ARP, "].into_iter().find_map(|protocol| line.split_once(protocol));
    let Some((before, after)) = protocol else { return false };
    let is_time = |word: &str| {
        word.len() >= 8
            && word.starts_with(|c: char| c.is_ascii_digit())
            && word.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.')
    };
    before.split_whitespace().any(is_time)
        && (after.contains(" > ") || after.starts_with("Request") || after.starts_with("Reply"))
}

/// `    1   0.000000     10.0.0.1 → 192.0.2.1    TCP 74 40000 → 443 [SYN]`.
fn is_tshark(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let number = words.next().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let time = words.next().is_some_and(|word| word.parse::<f64>().is_ok());
    let _source = words.next();
    number && time && matches!(words.next(), Some("→" | "->"))
}

/// `00000000  45 00 00 3c`, `0000   45 00`, `0x0000:  4500 003c`.
fn is_hex_dump(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let Some(offset) = words.next() else { return false };
    let offset = offset.trim_start_matches("0x").trim_end_matches(':');
    let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_offset =
        offset.len() >= 4 && is_hex(offset) && offset.trim_start_matches('0').len() < offset.len();
    let pairs: Vec<&str> = words.take(4).collect();
    is_offset && pairs.len() == 4 && pairs.iter().all(|word| matches!(word.len(), 2 | 4) && is_hex(word))
}

/// `tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=192.0.2.1 sport=40000 dport=443 …`.
fn is_conntrack(line: &str) -> bool {
    [" src=", " dst=", " sport=", " dport="].into_iter().all(|word| line.contains(word))
        && ["tcp", "udp", "[NEW]", "[UPDATE]", "[DESTROY]"].into_iter().any(|word| line.contains(word))
}

/// `10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12`.
fn is_access_log(line: &str) -> bool {
    line.contains("] \"") && [" HTTP/1.", " HTTP/2"].into_iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_described;

    #[test]
    fn formats_are_named_with_the_way_out() {
        for (text, name, way) in [
            (
                "Total: 180\nTransport Total     IP        IPv6\nRAW\t  0         0         0\n",
                "ss -s",
                "ss -tunap",
            ),
            (
                "Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n",
                "routing table",
                "netstat -anp",
            ),
            ("Tcp:\n    221 active connection openings\n", "netstat -s", "ss -tunap"),
            (
                "22:13:20.000000 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [S], seq 1, length 0\n",
                "tcpdump",
                "tcpdump -w",
            ),
            (
                "2023-11-14 22:13:20.000000 IP6 fe80::1.546 > ff02::1:2.547: dhcp6 solicit\n",
                "tcpdump",
                "tcpdump -w",
            ),
            (
                "22:13:20.0 rule 0/(match) block in on em0: IP 10.0.0.1.1 > 10.0.0.2.2: S\n",
                "pflogd",
                "tcpdump -w",
            ),
            (
                "    1 0.000000000     10.0.0.1 → 192.0.2.1    TCP 74 40000 → 443 [SYN] Seq=0\n",
                "tshark",
                "tshark -w",
            ),
            ("0000   45 00 00 3c 1c 46 40 00\n", "hex dump", "text2pcap"),
            (
                "tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=192.0.2.1 sport=40000 dport=443 src=192.0.2.1 dst=10.0.0.1 sport=443 dport=40000 [ASSURED]\n",
                "conntrack",
                "ss -tunap",
            ),
            ("#Version: 1.5\n#Software: Microsoft Windows Firewall\n", "Windows firewall", "ss -tunap"),
            (
                "Nov 14 22:13:20 host kernel: [1.0] IN=eth0 OUT= MAC=00 SRC=10.0.0.1 DST=10.0.0.2 LEN=60 PROTO=TCP SPT=1\n",
                "iptables",
                "ss -tunap",
            ),
            ("<?xml version=\"1.0\"?>\n<pdml version=\"0\">\n", "PDML", "pcap or pcapng"),
            (
                "\"No.\",\"Time\",\"Source\",\"Destination\",\"Protocol\",\"Length\",\"Info\"\n",
                "Wireshark",
                "pcap or pcapng",
            ),
            ("Nov 14 host CEF:0|vendor|product|1|100|name|5|src=10.0.0.1\n", "CEF", "Zeek logs"),
            (
                "{\"Records\":[{\"eventVersion\":\"1.08\",\"eventSource\":\"ec2.amazonaws.com\",\"awsRegion\":\"eu-west-1\"}]}",
                "CloudTrail",
                "VPC flow logs",
            ),
            ("{\"records\":[{\"category\":\"NetworkSecurityGroupFlowEvent\"}]}", "Azure NSG", "packets"),
            ("[{\"jsonPayload\":{\"connection\":{\"src_ip\":\"10.0.0.1\"}}}]", "Google Cloud", "packets"),
            (
                "{\"name\":\"sockets\",\"hostIdentifier\":\"h\",\"columns\":{\"pid\":\"1\"}}\n",
                "osquery",
                "lsof -i",
            ),
            (
                "10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1\" 200 12\n",
                "access log",
                "requests",
            ),
            (
                "USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS\nroot     sshd       812   4   tcp4   10.0.0.5:22           192.0.2.1:50122\n",
                "sockstat",
                "netstat -an",
            ),
            (
                "812 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr(\"192.0.2.1\")}, 16) = 0\n",
                "strace",
                "netrec record",
            ),
            (
                "{\"@timestamp\":\"2023-11-14T22:13:20Z\",\"source\":{\"ip\":\"10.0.0.1\"},\"destination\":{},\"zeek\":{}}\n",
                "Elastic Common Schema",
                "Zeek's own logs",
            ),
            (
                "{\"Event\":{\"System\":{\"Provider\":{\"#attributes\":{\"Name\":\"Microsoft-Windows-Security-Auditing\"}},\"EventID\":5156}}}\n",
                "Windows security log",
                "Sysmon",
            ),
            ("{\"output\":\"x\",\"rule\":\"Outbound\",\"output_fields\":{}}\n", "Falco", "netrec record"),
            (
                "type=SYSCALL msg=audit(1700000000.1:1): arch=c000003e syscall=42\n",
                "auditd",
                "no network flows",
            ),
        ] {
            assert_described(text.as_bytes(), &[name, way]);
        }
    }
}
