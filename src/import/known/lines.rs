//! Lines that tell a format of text by more than words.

use std::net::IpAddr;

/// `22:13:20.000000 IP 10.0.0.1.40000 > 192.0.2.1.443: Flags [S]`, with a number, a date or an interface before,
/// with the header in brackets (`-v`), or with the frame (`-e`).
pub(super) fn is_tcpdump(line: &str) -> bool {
    let protocol = [" IP ", " IP6 ", " ARP, "].into_iter().find_map(|protocol| line.split_once(protocol));
    let frame = || line.split_once(" > ").filter(|(_, after)| after.contains(", ethertype "));
    let Some((before, after)) = protocol.or_else(frame) else { return false };
    let is_time = |word: &str| {
        word.len() >= 8
            && word.starts_with(|c: char| c.is_ascii_digit())
            && word.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.')
    };
    let begins = ["Request", "Reply", "Ethernet (len", "(tos ", "(class ", "(flowlabel ", "(hlim "];
    before.split_whitespace().any(is_time)
        && (after.contains(" > ")
            || after.contains(", ethertype ")
            || begins.iter().any(|begin| after.starts_with(begin)))
}

/// `    1   0.000000     10.0.0.1 → 192.0.2.1    TCP 74 40000 → 443 [SYN]`.
pub(super) fn is_tshark(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let number = words.next().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let time = words.next().is_some_and(|word| word.parse::<f64>().is_ok());
    let _source = words.next();
    number && time && matches!(words.next(), Some("→" | "->"))
}

/// `00000000  45 00 00 3c`, `0000   45 00`, `0x0000:  4500 003c`.
pub(super) fn is_hex_dump(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let Some(offset) = words.next() else { return false };
    let offset = offset.trim_start_matches("0x").trim_end_matches(':');
    let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_offset = (4..=16).contains(&offset.len())
        && is_hex(offset)
        && offset.trim_start_matches('0').len() < offset.len();
    let pairs: Vec<&str> = words.take(4).collect();
    is_offset && pairs.len() == 4 && pairs.iter().all(|word| matches!(word.len(), 2 | 4) && is_hex(word))
}

/// `tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=192.0.2.1 sport=40000 dport=443 …`.
pub(super) fn is_conntrack(line: &str) -> bool {
    [" src=", " dst=", " sport=", " dport="].into_iter().all(|word| line.contains(word))
        && ["tcp", "udp", "[NEW]", "[UPDATE]", "[DESTROY]"].into_iter().any(|word| line.contains(word))
}

/// `[TCP] C:\Windows\x.exe`, with what is known of it on the lines below.
pub(super) fn is_tcpvcon(line: &str) -> bool {
    ["[TCP] ", "[UDP] ", "[TCPV6] ", "[UDPV6] "].iter().any(|name| line.starts_with(name))
}

/// `chrome.exe  4242  TCP  …` with tabs, or between commas: what `TCPView` saves, without the names of its columns.
pub(super) fn is_tcpview(line: &str) -> bool {
    let values: Vec<&str> = line.split(['\t', ',']).map(|value| value.trim_matches('"')).collect();
    matches!(values.as_slice(), [_, pid, "TCP" | "UDP" | "TCPV6" | "UDPV6", _, _, _, _, ..] if pid.parse::<u32>().is_ok())
}

/// `1258531221.486539 0.163820 192.168.1.102 192.168.1.1 other 68 67 udp 301 300 SF L`: start, duration, both
/// addresses, service, both ports, protocol, bytes of both, state.
pub(super) fn is_bro_1(line: &str) -> bool {
    let words: Vec<&str> = line.split_ascii_whitespace().take(12).collect();
    let [start, duration, a, b, _, port_a, port_b, "tcp" | "udp" | "icmp", ..] = words.as_slice() else {
        return false;
    };
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let is_addr = |word: &str| word.parse::<IpAddr>().is_ok();
    let is_port = |word: &str| word.parse::<u16>().is_ok();
    is_number(start)
        && (is_number(duration) || *duration == "?")
        && is_addr(a)
        && is_addr(b)
        && is_port(port_a)
        && is_port(port_b)
}

/// `10.0.0.1  192.0.2.1  443  tcp`: two addresses and more in columns that nothing names.
pub(super) fn has_unnamed_addresses(line: &str) -> bool {
    [b'\t', b',', b';', b'|', b' '].into_iter().any(|delimiter| {
        let values = line.trim().split(char::from(delimiter)).map(|value| value.trim().trim_matches('"'));
        values.filter(|value| value.parse::<IpAddr>().is_ok()).count() >= 2
    })
}

/// `{_path:"conn",ts:2023-11-14T22:13:20.25Z,id:{orig_h:10.0.0.1,…`: names without quotes.
pub(super) fn is_super_json(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix('{') else { return false };
    let name = rest.find(':').map_or("", |colon| &rest[..colon]);
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name && !name.is_empty() && (line.contains(",ts:") || line.contains("{ts:"))
}

/// `0: 0100007F:0277 00000000:0000 0A 00000000:00000000 …`.
pub(super) fn is_of_proc_net(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    let is_end = |word: &str| {
        let (addr, port) = word.split_once(':').unwrap_or_default();
        matches!(addr.len(), 8 | 32)
            && port.len() == 4
            && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
    };
    matches!(words.as_slice(), [number, local, remote, state]
        if number.ends_with(':') && is_end(local) && is_end(remote) && state.len() == 2)
}

/// A packet capture or a compressed file as digits alone, as `xxd -p` prints it.
pub(super) fn is_plain_hex(line: &str) -> bool {
    let line = line.trim().to_ascii_lowercase();
    let magics = ["d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a", "1f8b08", "28b52ffd"];
    line.len() >= 32
        && line.bytes().all(|byte| byte.is_ascii_hexdigit())
        && magics.iter().any(|magic| line.starts_with(magic))
}

/// A full line of base64, as mail and consoles have it.
pub(super) fn is_base64(line: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    (60..=4096).contains(&line.len())
        && line.trim_end_matches('=').bytes().all(is_letter)
        && line.bytes().any(|byte| byte.is_ascii_lowercase())
        && line.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// `10.0.0.1 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12`.
pub(super) fn is_access_log(line: &str) -> bool {
    line.contains("] \"") && [" HTTP/1.", " HTTP/2"].into_iter().any(|word| line.contains(word))
}
