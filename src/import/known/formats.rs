//! Formats of text that are known and not read, with what tells them.

use super::{Known, lines};

/// How a format is told.
pub(super) enum Sign {
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
const ZED: &str =
    "convert it on the way: super -f zeek FILE | netrec import - (earlier versions: zq -f zeek)";
const NO_FLOWS: &str = "it holds no network flows";

/// Formats in the order in which they are looked for: the special before the general.
pub(super) const FORMATS: &[(Sign, Known)] = &[
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
    (
        Line(&["| Frames  Bytes |"]),
        Known { name: "the table of conversations that tshark -z conv prints", way: FROM_PACKETS },
    ),
    (Test(lines::is_tshark), Known { name: "the text that tshark prints", way: PACKETS }),
    (Test(lines::is_tcpdump), Known { name: "the text that tcpdump or pflogd prints", way: PACKETS }),
    (
        Test(lines::is_hex_dump),
        Known { name: "a hex dump", way: "if it holds packets, convert it first: text2pcap FILE out.pcap" },
    ),
    (
        Test(lines::is_plain_hex),
        Known {
            name: "a packet capture or a compressed file as hexadecimal digits",
            way: "decode it on the way: xxd -r -p FILE | netrec import -",
        },
    ),
    (
        Test(lines::is_base64),
        Known { name: "base64", way: "decode it on the way: base64 -d FILE | netrec import -" },
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
    (Line(&["RT_FLOW"]), Known { name: "a log of a Juniper firewall", way: NOT_READ }),
    (Line(&["product=VPN-1"]), Known { name: "a log of a Check Point firewall", way: NOT_READ }),
    (
        Line(&["connection-state:", " proto ", "->"]),
        Known { name: "a log of a MikroTik router", way: NOT_READ },
    ),
    (Line(&["CEF:0|"]), Known { name: "events in CEF", way: NOT_READ }),
    (Line(&["CEF:1|"]), Known { name: "events in CEF", way: NOT_READ }),
    (Line(&["LEEF:"]), Known { name: "events in LEEF", way: NOT_READ }),
    (
        Text(&["\"type\":\"packetbeat\""]),
        Known {
            name: "events of Packetbeat other than flows",
            way: "enable packetbeat.flows, and import its flow events",
        },
    ),
    // Records of others in a form of their own.
    (Test(lines::is_super_json), Known { name: "records of Zed, Brim or SuperDB", way: ZED }),
    (Text(&["\"type\":{\"kind\":\"record\""]), Known { name: "records of Zed, Brim or SuperDB", way: ZED }),
    (
        Text(&["\"resultType\":\"streams\"", "\"values\":"]),
        Known {
            name: "the answer of Grafana Loki to a query",
            way: "take the lines out on the way: jq -r '.data.result[].values[][1]' FILE | netrec import -",
        },
    ),
    (
        Text(&["\"logContent\":", "\"sourceAddress\":"]),
        Known { name: "VCN flow logs of Oracle Cloud", way: NOT_READ },
    ),
    // Tables of connections.
    (
        Test(lines::is_tcpview),
        Known {
            name: "a list that TCPView saved, without the names of its columns",
            way: "netrec does not read it: run tcpvcon -a -n -c, and import that",
        },
    ),
    (
        Test(lines::is_bro_1),
        Known {
            name: "a conn.log of Bro before version 2",
            way: "netrec does not read it: import packets of the same traffic, or a conn.log of a later version",
        },
    ),
    (
        Test(lines::is_conntrack),
        Known {
            name: "a list of conntrack entries in a form that is not read",
            way: "import the output of conntrack -L, or of conntrack -E -o timestamp",
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
        Test(lines::is_tcpvcon),
        Known {
            name: "the output of tcpvcon",
            way: "netrec does not read it: run tcpvcon -a -n -c, and import that",
        },
    ),
    (
        Line(&["COMM", "LADDR", "LPORT", "RADDR", "RPORT"]),
        Known {
            name: "the output of tcplife (bcc)",
            way: "netrec does not read it: record on the host (netrec record)",
        },
    ),
    (
        Line(&["PID", "COMM", "SADDR", "DADDR", "DPORT"]),
        Known {
            name: "the output of tcpconnect or tcpaccept (bcc)",
            way: "netrec does not read it: record on the host (netrec record)",
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
        Text(&["\"hostIdentifier\"", "\"columns\""]),
        Known {
            name: "results of osquery that list no sockets",
            way: "query process_open_sockets or listening_ports, and import the results",
        },
    ),
    (
        Starts("[sconn("),
        Known {
            name: "connections as Python prints them (psutil)",
            way: "write them as JSON: json.dumps([c._asdict() for c in psutil.net_connections()])",
        },
    ),
    (
        Starts("<Objs Version="),
        Known {
            name: "objects of PowerShell in XML (CLIXML)",
            way: "write them as JSON: Import-Clixml FILE | ConvertTo-Json, and import that",
        },
    ),
    (
        Starts("{'"),
        Known {
            name: "objects as Python prints them",
            way: "write them as JSON (json.dumps), and import that",
        },
    ),
    (
        Line(&["timestamp", "flow_id", "event_type", "src_ip"]),
        Known { name: "a table of Suricata's events", way: "export the events as JSON, and import that" },
    ),
    (Line(&["Transport", "Total", "IPv6"]), Known { name: "the totals of ss -s", way: NO_SOCKETS }),
    (Line(&["Gateway", "Genmask", "Iface"]), Known { name: "a routing table", way: NO_SOCKETS }),
    (Line(&["Iface", "Destination", "Gateway"]), Known { name: "a routing table", way: NO_SOCKETS }),
    (
        Line(&["Num ", "RefCount ", "Inode "]),
        Known { name: "a table of Unix sockets (/proc/net/unix)", way: NO_SOCKETS },
    ),
    (
        Line(&["IP address", "HW type", "HW address"]),
        Known { name: "an ARP table (/proc/net/arp)", way: NO_SOCKETS },
    ),
    (Starts("Inter-|"), Known { name: "the counters of /proc/net/dev", way: NO_SOCKETS }),
    (Starts("TcpExt: "), Known { name: "the counters of /proc/net/netstat", way: NO_SOCKETS }),
    (Starts("Ip: Forwarding"), Known { name: "the counters of /proc/net/snmp", way: NO_SOCKETS }),
    (Line(&["Destination", "Gateway", "Netif"]), Known { name: "a routing table", way: NO_SOCKETS }),
    (
        Line(&["Network Destination", "Netmask", "Gateway"]),
        Known { name: "a routing table", way: NO_SOCKETS },
    ),
    (
        Line(&["Active NetworkDirect Connections"]),
        Known {
            name: "the output of netstat -x",
            way: "it lists RDMA connections only: import netstat -ano",
        },
    ),
    (
        Line(&["Packets Received", "= "]),
        Known { name: "the counters of netstat -s", way: "it lists no sockets: import netstat -ano" },
    ),
    (Text(&["active connection openings"]), Known { name: "the counters of netstat -s", way: NO_SOCKETS }),
    (
        Line(&["Iface", "RX-OK", "TX-OK"]),
        Known { name: "the interface table of netstat -i", way: NO_SOCKETS },
    ),
    (
        Line(&["Name", "Mtu", "Network", "Ipkts"]),
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
    (Line(&["ts,te,td,sa,da,sp,dp"]), Known { name: "the CSV of nfdump", way: NOT_READ }),
    (Line(&["SRC_IP", "DST_IP", "PACKETS", "BYTES"]), Known { name: "the text of pmacct", way: NOT_READ }),
    (
        Text(&["\"ip_src\"", "\"ip_dst\"", "\"ip_proto\""]),
        Known { name: "the JSON of pmacct", way: NOT_READ },
    ),
    (
        Line(&["firstPacket", "source.ip", "destination.ip"]),
        Known { name: "sessions of Arkime", way: FROM_PACKETS },
    ),
    (
        Line(&["Flow ID", "Src IP", "Dst IP", "Flow Duration"]),
        Known { name: "the CSV of CICFlowMeter", way: FROM_PACKETS },
    ),
    (
        Line(&["Score", "Source IP", "Destination IP"]),
        Known { name: "results of RITA", way: "import the Zeek logs that it read" },
    ),
    (Line(&["sIP|", "dIP|", "sPort|"]), Known { name: "the text of SiLK (rwcut)", way: NOT_READ }),
    (
        Text(&["\"process_kprobe\""]),
        Known {
            name: "events of Tetragon",
            way: "netrec does not read them: record on the host (netrec record)",
        },
    ),
    (
        Test(lines::is_of_proc_net),
        Known {
            name: "lines of a table of /proc/net without its heading, which tells TCP from UDP",
            way: "keep the heading, and import that",
        },
    ),
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
            name: "events of the Windows security log in a form that is not read",
            way: "export them as XML (wevtutil qe Security /f:xml) or JSON (Get-WinEvent | ConvertTo-Json) and import \
                that, or import Sysmon's events",
        },
    ),
    (
        Text(&["\"RuleTitle\"", "\"EventID\""]),
        Known {
            name: "a timeline of Hayabusa",
            way: "it tells of rules that matched: import Sysmon's events themselves",
        },
    ),
    (
        Line(&["[**]", "[Classification:", "{", "->"]),
        Known {
            name: "Suricata's or Snort's fast.log",
            way: "it tells of alerts only: import eve.json, with flow events",
        },
    ),
    (
        Line(&["\"_raw\""]),
        Known { name: "a table of Splunk", way: "export the events as JSON or as raw text, and import that" },
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
    (Test(lines::is_access_log), Known { name: "an access log of a web server", way: REQUESTS }),
    // Only what nothing else tells.
    (
        Test(lines::has_unnamed_addresses),
        Known {
            name: "a list of addresses without the names of its columns",
            way: "netrec needs to know which column is what: keep the names in the first line (zeek-cut -c), \
                and with each connection its time, both addresses with their ports, and the protocol",
        },
    ),
];
