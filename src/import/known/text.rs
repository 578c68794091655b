//! Formats of text, by what their lines hold.

use super::KnownFormat;
use super::formats::{FORMATS, Sign};
use crate::import::begin::Begin;

/// Lines that are looked at, and characters of each.
const MOST_LINES: usize = 40;
const MOST_LINE_BYTES: usize = 4096;

/// The format of a text that begins so.
pub(super) fn find(begin: &Begin) -> Option<KnownFormat> {
    let lines: Vec<String> = begin
        .lines()
        .take(MOST_LINES)
        .map(|line| String::from_utf8_lossy(&line[..line.len().min(MOST_LINE_BYTES)]).into_owned())
        .collect();
    // Some programs put a space behind the colon.
    let text = String::from_utf8_lossy(&begin.text).replace("\": ", "\":");
    let has = |sign: &Sign| match sign {
        Sign::Line(words) => lines.iter().any(|line| words.iter().all(|word| line.contains(word))),
        Sign::Starts(word) => lines.iter().any(|line| line.trim_start().starts_with(word)),
        Sign::Test(passes) => lines.iter().any(|line| passes(line)),
        Sign::Text(words) => words.iter().all(|word| text.contains(word)),
    };
    let (_, KnownFormat { name, way }) = FORMATS.iter().find(|(sign, _)| has(sign))?;
    Some(KnownFormat { name, way })
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
                "conntrack -L",
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
                "process_open_sockets",
            ),
            (
                "10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] \"GET / HTTP/1.1\" 200 12\n",
                "access log",
                "requests",
            ),
            (
                "812 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr(\"192.0.2.1\")}, 16) = 0\n",
                "strace",
                "netrec record",
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
    #[test]
    fn what_tools_and_firewalls_print_is_named_with_the_way_out() {
        for (text, name, way) in [
            (
                "{_path:\"conn\",ts:2023-11-14T22:13:20.25Z,uid:\"C1\",id:{orig_h:10.0.0.1}}\n",
                "Zed",
                "super -f zeek FILE | netrec import -",
            ),
            (
                "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":[{\"stream\":{},\"values\":[]}]}}",
                "Loki",
                "jq -r",
            ),
            (
                "1MOyoQIABAAAAAAAAAAAAAAABAABAAAAAPFTZZDQAwA2AAAANgAAAAIAAAAACwIAAAAACgg=\n",
                "base64",
                "base64 -d FILE",
            ),
            ("[TCP] C:\\chrome.exe\n\tPID:     4100\n", "tcpvcon", "tcpvcon -a -n -c"),
            ("{'event_type': 'flow', 'src_ip': '10.0.0.1'}\n", "Python", "json.dumps"),
            ("timestamp,flow_id,event_type,src_ip,src_port\n1,2,flow,10.0.0.1,3\n", "Suricata", "as JSON"),
            ("d4c3b2a1020004000000000000000000000004000100000000f15365\n", "hexadecimal", "xxd -r -p FILE"),
            ("   sIP|   dIP|sPort|dPort|pro|\n", "SiLK", "packets"),
            ("{\"process_kprobe\":{}}\n", "Tetragon", "netrec record"),
            ("   0: 0500000A:0016 090200C0:C3CA 01 00000000:00000000\n", "/proc/net", "keep the heading"),
            ("ts,te,td,sa,da,sp,dp,pr,flg,fwd\n", "nfdump", "packets"),
            (
                "{\"@timestamp\": \"2023-11-14T22:13:20Z\", \"agent\": {\"type\": \"packetbeat\"}}\n",
                "Packetbeat",
                "packetbeat.flows",
            ),
            ("\"_raw\",\"_time\",host\n", "Splunk", "raw text"),
            ("{_path:\"conn\",ts:2023-11-14T22:13:20Z}\n", "Zed", "super -f zeek FILE"),
            (
                "11/14/2023-22:13:20.25  [**] [1:2:3] X [**] [Classification: A] [Priority: 1] {TCP} 10.0.0.1:1 -> 192.0.2.1:443\n",
                "fast.log",
                "eve.json",
            ),
            (
                "<14>1 2023-11-14T22:13:20Z fw RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636 source-address=\"10.0.0.1\"]\n",
                "Juniper",
                "Zeek logs",
            ),
        ] {
            assert_described(text.as_bytes(), &[name, way]);
        }
    }

    #[test]
    fn packets_as_text_and_tables_without_sockets_are_named() {
        for (text, name, way) in [
            (
                "    1  2023-11-14 22:13:20.000000 IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 60)\n",
                "tcpdump",
                "tcpdump -w",
            ),
            (
                "22:13:20.000000 00:11:22:33:44:55 > 66:77:88:99:aa:bb, ethertype IPv4 (0x0800), length 74: 10.0.0.1.1 > 10.0.0.2.2: x\n",
                "tcpdump",
                "tcpdump -w",
            ),
            ("   | Frames  Bytes | | Frames  Bytes |\n", "tshark -z conv", "pcap"),
            ("[sconn(fd=115, family=<AddressFamily.AF_INET: 2>)]\n", "psutil", "json.dumps"),
            ("<Objs Version=\"1.1.0.1\">\n", "CLIXML", "ConvertTo-Json"),
            ("Iface\tDestination\tGateway \tFlags\n", "routing table", "ss -tunap"),
            ("Num       RefCount Protocol Flags    Type St Inode Path\n", "Unix sockets", "ss -tunap"),
            ("Name    Mtu Network       Address              Ipkts Ierrs\n", "netstat -i", "ss -tunap"),
            ("p4242\0csshd\0Lroot\0\n", "lsof", "tr '\\0' '\\n' < FILE"),
            (
                "chrome.exe\t4312\tTCP\tEstablished\t10.0.0.5\t50122\t192.0.2.9\t443\n",
                "TCPView",
                "tcpvcon -a -n -c",
            ),
            (
                "1258531221.486539 ? 192.168.1.102 192.168.1.1 other 68 67 udp 301 300 SF L\n",
                "Bro before version 2",
                "packets",
            ),
            ("10.0.0.1\t192.0.2.1\t443\ttcp\n", "without the names of its columns", "zeek-cut -c"),
        ] {
            assert_described(text.as_bytes(), &[name, way]);
        }
    }
}
