//! Formats of text that are known and not read, with what tells them.

use super::{KnownFormat, lines};

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
pub(super) const FORMATS: &[(Sign, KnownFormat)] = &[
    // Dissected packets.
    (Starts("<pdml"), KnownFormat { name: "Wireshark's PDML", way: FROM_PACKETS }),
    (Starts("<psml"), KnownFormat { name: "Wireshark's PSML", way: FROM_PACKETS }),
    (Text(&["\"_source\"", "\"layers\""]), KnownFormat { name: "Wireshark's JSON", way: FROM_PACKETS }),
    (
        Text(&["\"timestamp\"", "\"layers\"", "\"frame"]),
        KnownFormat { name: "tshark's JSON (-T ek)", way: FROM_PACKETS },
    ),
    (
        Line(&["\"No.\"", "\"Time\"", "\"Source\""]),
        KnownFormat { name: "Wireshark's list of packets as CSV", way: FROM_PACKETS },
    ),
    (
        Line(&["No. ", "Time ", "Source ", "Destination "]),
        KnownFormat { name: "Wireshark's list of packets", way: FROM_PACKETS },
    ),
    (
        Line(&["| Frames  Bytes |"]),
        KnownFormat { name: "the table of conversations that tshark -z conv prints", way: FROM_PACKETS },
    ),
    (Test(lines::is_tshark), KnownFormat { name: "the text that tshark prints", way: PACKETS }),
    (Test(lines::is_tcpdump), KnownFormat { name: "the text that tcpdump or pflogd prints", way: PACKETS }),
    (
        Test(lines::is_hex_dump),
        KnownFormat {
            name: "a hex dump",
            way: "if it holds packets, convert it first: text2pcap FILE out.pcap",
        },
    ),
    (
        Test(lines::is_plain_hex),
        KnownFormat {
            name: "a packet capture or a compressed file as hexadecimal digits",
            way: "decode it on the way: xxd -r -p FILE | netrec import -",
        },
    ),
    (
        Test(lines::is_base64),
        KnownFormat { name: "base64", way: "decode it on the way: base64 -d FILE | netrec import -" },
    ),
    // Firewalls.
    (
        Starts("#Software: Microsoft Windows Firewall"),
        KnownFormat { name: "a log of the Windows firewall", way: BLOCKED },
    ),
    (
        Line(&["#Fields:", "src-ip", "dst-ip", "action"]),
        KnownFormat { name: "a log of the Windows firewall", way: BLOCKED },
    ),
    (
        Line(&[" IN=", " OUT=", " SRC=", " DST=", " PROTO="]),
        KnownFormat { name: "a log of iptables, nftables or ufw", way: BLOCKED },
    ),
    (Starts("IN="), KnownFormat { name: "a log of iptables, nftables or ufw", way: BLOCKED }),
    (Line(&["filterlog"]), KnownFormat { name: "a log of pfSense or OPNsense", way: BLOCKED }),
    (Line(&["%ASA-"]), KnownFormat { name: "a log of a Cisco ASA", way: NOT_READ }),
    (Line(&["%FTD-"]), KnownFormat { name: "a log of a Cisco Firepower", way: NOT_READ }),
    (Line(&["logid=", "type=", "srcip="]), KnownFormat { name: "a log of a FortiGate", way: NOT_READ }),
    (Line(&[",TRAFFIC,", "vsys"]), KnownFormat { name: "a log of a Palo Alto firewall", way: NOT_READ }),
    (Line(&["RT_FLOW"]), KnownFormat { name: "a log of a Juniper firewall", way: NOT_READ }),
    (Line(&["product=VPN-1"]), KnownFormat { name: "a log of a Check Point firewall", way: NOT_READ }),
    (
        Line(&["connection-state:", " proto ", "->"]),
        KnownFormat { name: "a log of a MikroTik router", way: NOT_READ },
    ),
    (Line(&["CEF:0|"]), KnownFormat { name: "events in CEF", way: NOT_READ }),
    (Line(&["CEF:1|"]), KnownFormat { name: "events in CEF", way: NOT_READ }),
    (Line(&["LEEF:"]), KnownFormat { name: "events in LEEF", way: NOT_READ }),
    (
        Text(&["\"type\":\"packetbeat\""]),
        KnownFormat {
            name: "events of Packetbeat other than flows",
            way: "enable packetbeat.flows, and import its flow events",
        },
    ),
    // Records of others in a form of their own.
    (Test(lines::is_super_json), KnownFormat { name: "records of Zed, Brim or SuperDB", way: ZED }),
    (
        Text(&["\"type\":{\"kind\":\"record\""]),
        KnownFormat { name: "records of Zed, Brim or SuperDB", way: ZED },
    ),
    (
        Text(&["\"resultType\":\"streams\"", "\"values\":"]),
        KnownFormat {
            name: "the answer of Grafana Loki to a query",
            way: "take the lines out on the way: jq -r '.data.result[].values[][1]' FILE | netrec import -",
        },
    ),
    (
        Text(&["\"logContent\":", "\"sourceAddress\":"]),
        KnownFormat { name: "VCN flow logs of Oracle Cloud", way: NOT_READ },
    ),
    // Tables of connections.
    (
        Test(lines::is_tcpview),
        KnownFormat {
            name: "a list that TCPView saved, without the names of its columns",
            way: "netrec does not read it: run tcpvcon -a -n -c, and import that",
        },
    ),
    (
        Test(lines::is_bro_1),
        KnownFormat {
            name: "a conn.log of Bro before version 2",
            way: "netrec does not read it: import packets of the same traffic, or a conn.log of a later version",
        },
    ),
    (
        Test(lines::is_conntrack),
        KnownFormat {
            name: "a list of conntrack entries in a form that is not read",
            way: "import the output of conntrack -L, or of conntrack -E -o timestamp",
        },
    ),
    (
        Line(&["\"Process Name\"", "\"PID\"", "\"Operation\""]),
        KnownFormat {
            name: "a log of Process Monitor",
            way: "netrec does not read it: import Sysmon's events or netstat -ano",
        },
    ),
    (
        Test(lines::is_tcpvcon),
        KnownFormat {
            name: "the output of tcpvcon",
            way: "netrec does not read it: run tcpvcon -a -n -c, and import that",
        },
    ),
    (
        Line(&["COMM", "LADDR", "LPORT", "RADDR", "RPORT"]),
        KnownFormat {
            name: "the output of tcplife (bcc)",
            way: "netrec does not read it: record on the host (netrec record)",
        },
    ),
    (
        Line(&["PID", "COMM", "SADDR", "DADDR", "DPORT"]),
        KnownFormat {
            name: "the output of tcpconnect or tcpaccept (bcc)",
            way: "netrec does not read it: record on the host (netrec record)",
        },
    ),
    (
        Line(&["connect(", "sa_family="]),
        KnownFormat {
            name: "a trace of system calls (strace)",
            way: "netrec does not read it: record on the host (netrec record)",
        },
    ),
    (
        Text(&["\"hostIdentifier\"", "\"columns\""]),
        KnownFormat {
            name: "results of osquery that list no sockets",
            way: "query process_open_sockets or listening_ports, and import the results",
        },
    ),
    (
        Starts("[sconn("),
        KnownFormat {
            name: "connections as Python prints them (psutil)",
            way: "write them as JSON: json.dumps([c._asdict() for c in psutil.net_connections()])",
        },
    ),
    (
        Starts("<Objs Version="),
        KnownFormat {
            name: "objects of PowerShell in XML (CLIXML)",
            way: "write them as JSON: Import-Clixml FILE | ConvertTo-Json, and import that",
        },
    ),
    (
        Starts("{'"),
        KnownFormat {
            name: "objects as Python prints them",
            way: "write them as JSON (json.dumps), and import that",
        },
    ),
    (
        Line(&["timestamp", "flow_id", "event_type", "src_ip"]),
        KnownFormat {
            name: "a table of Suricata's events",
            way: "export the events as JSON, and import that",
        },
    ),
    (Line(&["Transport", "Total", "IPv6"]), KnownFormat { name: "the totals of ss -s", way: NO_SOCKETS }),
    (Line(&["Gateway", "Genmask", "Iface"]), KnownFormat { name: "a routing table", way: NO_SOCKETS }),
    (Line(&["Iface", "Destination", "Gateway"]), KnownFormat { name: "a routing table", way: NO_SOCKETS }),
    (
        Line(&["Num ", "RefCount ", "Inode "]),
        KnownFormat { name: "a table of Unix sockets (/proc/net/unix)", way: NO_SOCKETS },
    ),
    (
        Line(&["IP address", "HW type", "HW address"]),
        KnownFormat { name: "an ARP table (/proc/net/arp)", way: NO_SOCKETS },
    ),
    (Starts("Inter-|"), KnownFormat { name: "the counters of /proc/net/dev", way: NO_SOCKETS }),
    (Starts("TcpExt: "), KnownFormat { name: "the counters of /proc/net/netstat", way: NO_SOCKETS }),
    (Starts("Ip: Forwarding"), KnownFormat { name: "the counters of /proc/net/snmp", way: NO_SOCKETS }),
    (Line(&["Destination", "Gateway", "Netif"]), KnownFormat { name: "a routing table", way: NO_SOCKETS }),
    (
        Line(&["Network Destination", "Netmask", "Gateway"]),
        KnownFormat { name: "a routing table", way: NO_SOCKETS },
    ),
    (
        Line(&["Active NetworkDirect Connections"]),
        KnownFormat {
            name: "the output of netstat -x",
            way: "it lists RDMA connections only: import netstat -ano",
        },
    ),
    (
        Line(&["Packets Received", "= "]),
        KnownFormat { name: "the counters of netstat -s", way: "it lists no sockets: import netstat -ano" },
    ),
    (
        Text(&["active connection openings"]),
        KnownFormat { name: "the counters of netstat -s", way: NO_SOCKETS },
    ),
    (
        Line(&["Iface", "RX-OK", "TX-OK"]),
        KnownFormat { name: "the interface table of netstat -i", way: NO_SOCKETS },
    ),
    (
        Line(&["Name", "Mtu", "Network", "Ipkts"]),
        KnownFormat { name: "the interface table of netstat -i", way: NO_SOCKETS },
    ),
    // Flows of clouds and collectors.
    (
        Text(&["\"eventSource\"", "\"awsRegion\""]),
        KnownFormat {
            name: "events of AWS CloudTrail",
            way: "they tell of calls to the API, not of connections: import VPC flow logs",
        },
    ),
    (Text(&["flowLogVersion"]), KnownFormat { name: "Azure virtual network flow logs", way: NOT_READ }),
    (Text(&["NetworkSecurityGroupFlowEvent"]), KnownFormat { name: "Azure NSG flow logs", way: NOT_READ }),
    (Text(&["\"flowTuples\""]), KnownFormat { name: "Azure flow logs", way: NOT_READ }),
    (Text(&["vpc_flows"]), KnownFormat { name: "Google Cloud VPC flow logs", way: NOT_READ }),
    (
        Text(&["\"jsonPayload\"", "\"connection\"", "\"src_ip\""]),
        KnownFormat { name: "Google Cloud VPC flow logs", way: NOT_READ },
    ),
    (Line(&["ts,te,td,sa,da,sp,dp"]), KnownFormat { name: "the CSV of nfdump", way: NOT_READ }),
    (
        Line(&["SRC_IP", "DST_IP", "PACKETS", "BYTES"]),
        KnownFormat { name: "the text of pmacct", way: NOT_READ },
    ),
    (
        Text(&["\"ip_src\"", "\"ip_dst\"", "\"ip_proto\""]),
        KnownFormat { name: "the JSON of pmacct", way: NOT_READ },
    ),
    (
        Line(&["firstPacket", "source.ip", "destination.ip"]),
        KnownFormat { name: "sessions of Arkime", way: FROM_PACKETS },
    ),
    (
        Line(&["Flow ID", "Src IP", "Dst IP", "Flow Duration"]),
        KnownFormat { name: "the CSV of CICFlowMeter", way: FROM_PACKETS },
    ),
    (
        Line(&["Score", "Source IP", "Destination IP"]),
        KnownFormat { name: "results of RITA", way: "import the Zeek logs that it read" },
    ),
    (Line(&["sIP|", "dIP|", "sPort|"]), KnownFormat { name: "the text of SiLK (rwcut)", way: NOT_READ }),
    (
        Text(&["\"process_kprobe\""]),
        KnownFormat {
            name: "events of Tetragon",
            way: "netrec does not read them: record on the host (netrec record)",
        },
    ),
    (
        Test(lines::is_of_proc_net),
        KnownFormat {
            name: "lines of a table of /proc/net without its heading, which tells TCP from UDP",
            way: "keep the heading, and import that",
        },
    ),
    (Text(&["\"flowStartMilliseconds\""]), KnownFormat { name: "IPFIX records as JSON", way: NOT_READ }),
    (Text(&["\"src4_addr\"", "\"dst4_addr\""]), KnownFormat { name: "the JSON of nfdump", way: NOT_READ }),
    (
        Line(&["Date first seen", "Duration", "Src IP Addr"]),
        KnownFormat { name: "the text of nfdump", way: NOT_READ },
    ),
    (
        Line(&["StartTime", "SrcAddr", "DstAddr", "TotPkts"]),
        KnownFormat { name: "the text of Argus (ra)", way: NOT_READ },
    ),
    (
        Text(&["\"flow\"", "\"l4\"", "\"is_reply\""]),
        KnownFormat { name: "flows of Hubble (Cilium)", way: NOT_READ },
    ),
    // Logs of hosts.
    (
        Text(&["Microsoft-Windows-Security-Auditing"]),
        KnownFormat {
            name: "events of the Windows security log in a form that is not read",
            way: "export them as XML (wevtutil qe Security /f:xml) or JSON (Get-WinEvent | ConvertTo-Json) and import \
                that, or import Sysmon's events",
        },
    ),
    (
        Text(&["\"RuleTitle\"", "\"EventID\""]),
        KnownFormat {
            name: "a timeline of Hayabusa",
            way: "it tells of rules that matched: import Sysmon's events themselves",
        },
    ),
    (
        Line(&["[**]", "[Classification:", "{", "->"]),
        KnownFormat {
            name: "Suricata's or Snort's fast.log",
            way: "it tells of alerts only: import eve.json, with flow events",
        },
    ),
    (
        Line(&["\"_raw\""]),
        KnownFormat {
            name: "a table of Splunk",
            way: "export the events as JSON or as raw text, and import that",
        },
    ),
    (
        Text(&["\"output_fields\"", "\"rule\""]),
        KnownFormat {
            name: "alerts of Falco",
            way: "they tell of rules that matched, not of every connection: use netrec record",
        },
    ),
    (Line(&["type=", "msg=audit("]), KnownFormat { name: "a log of auditd", way: NO_FLOWS }),
    (Text(&["\"__REALTIME_TIMESTAMP\""]), KnownFormat { name: "a systemd journal as JSON", way: NO_FLOWS }),
    (
        Line(&["EventRecordId", "TimeCreated", "EventId"]),
        KnownFormat {
            name: "Windows events as CSV",
            way: "write them as JSON: EvtxECmd --json, and import that",
        },
    ),
    (
        Starts("#Software: Microsoft Internet Information Services"),
        KnownFormat { name: "a log of IIS", way: REQUESTS },
    ),
    (Test(lines::is_access_log), KnownFormat { name: "an access log of a web server", way: REQUESTS }),
    // Only what nothing else tells.
    (
        Test(lines::has_unnamed_addresses),
        KnownFormat {
            name: "a list of addresses without the names of its columns",
            way: "netrec needs to know which column is what: keep the names in the first line (zeek-cut -c), \
                and with each connection its time, both addresses with their ports, and the protocol",
        },
    ),
];
