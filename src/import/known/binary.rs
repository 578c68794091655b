//! Binary formats, by the bytes with which they begin.
//!
//! Sources: Wireshark's wiretap library (capture formats), the file formats' own documents, and the
//! `magic(5)` database of file.

use super::{EDITCAP, KnownFormat};
use crate::import::pcap::frames;

/// Bytes at an offset, and what has them there.
struct Magic {
    offset: usize,
    bytes: &'static [u8],
    known: KnownFormat,
}

const fn at(offset: usize, bytes: &'static [u8], name: &'static str, way: &'static str) -> Magic {
    Magic { offset, bytes, known: KnownFormat { name, way } }
}

const WIRESHARK: &str = "open it in Wireshark: it holds no IP connections";
const UNPACK: &str = "extract it, and import the folder";
const EVTX: &str = "if it is that of Sysmon, export it and import that: evtx_dump -o jsonl FILE | netrec import -, or \
    wevtutil qe FILE /lf /f:xml";
const NO_TRAFFIC: &str = "it holds no record of network traffic that netrec reads";
const FLOWS: &str = "netrec does not read NetFlow: import packets or Zeek logs of the same traffic";

const MAGICS: &[Magic] = &[
    // Packet captures of others.
    at(0, b"snoop\0\0\0", "a snoop capture (Solaris)", EDITCAP),
    at(0, b"btsnoop\0", "a btsnoop log (Bluetooth)", WIRESHARK),
    at(0, b"GMBU", "a Microsoft Network Monitor 2 capture", EDITCAP),
    at(0, b"RTSS", "a Microsoft Network Monitor 1 capture", EDITCAP),
    at(0, b"iptrace 1.0", "an AIX iptrace capture", EDITCAP),
    at(0, b"iptrace 2.0", "an AIX iptrace capture", EDITCAP),
    at(0, b"TRSNIFF data", "a Sniffer capture", EDITCAP),
    at(0, b"XCP\0", "a Windows Sniffer or NetXRay capture", EDITCAP),
    at(0, b"\x7fver", "a WildPackets or Savvius OmniPeek capture", EDITCAP),
    at(0, b"\xaa\xaa\xaa\xaa", "an InfoVista 5View capture", EDITCAP),
    at(0, b"\0\0\x02\0\x12\x05\0\x10", "a Tektronix K12 capture", EDITCAP),
    at(0, b"\x54\x52\x00\x64\x00", "a Novell LANalyzer capture", EDITCAP),
    at(0, b"\x22\x11\xce\xfa", "a Micropross capture", WIRESHARK),
    at(0, b"BLF", "a Vector binary log (vehicle buses)", WIRESHARK),
    at(0, b"LOGG", "a Vector binary log (vehicle buses)", WIRESHARK),
    at(0, b"usbmon", "a USB capture", WIRESHARK),
    // Flows.
    at(0, b"\x0c\xa5", "an nfdump file (NetFlow)", FLOWS),
    at(0, b"\xa5\x0c", "an nfdump file (NetFlow)", FLOWS),
    at(0, b"\xcf\x10", "a flow-tools file (NetFlow)", FLOWS),
    at(0, b"\xde\xad\xbe\xef", "a SiLK flow file", FLOWS),
    // Logs of systems.
    at(0, b"ElfFile\0", "a Windows event log (EVTX)", EVTX),
    at(0, b"LPKSHHRH", "a systemd journal", "it holds no connections; print it: journalctl --file FILE"),
    at(0, b"LfLe", "an event log of Windows XP (EVT)", NO_TRAFFIC),
    at(4, b"LfLe", "an event log of Windows XP (EVT)", NO_TRAFFIC),
    at(0, b"regf", "a registry hive of Windows", NO_TRAFFIC),
    at(0, b"SQLite format 3\0", "an SQLite database", NO_TRAFFIC),
    at(0, b"PAR1", "a Parquet file", "if it is a capture of netrec, it needs no import: netrec analyze FILE"),
    at(0, b"ARROW1", "an Arrow file", NO_TRAFFIC),
    // What is certainly something else.
    at(0, b"\x7fELF", "a program or library (ELF)", NO_TRAFFIC),
    at(0, b"MZ", "a program of Windows", NO_TRAFFIC),
    at(0, b"\xcf\xfa\xed\xfe", "a program of macOS", NO_TRAFFIC),
    at(0, b"\xca\xfe\xba\xbe", "a program of macOS or Java", NO_TRAFFIC),
    at(0, b"%PDF", "a PDF", NO_TRAFFIC),
    at(0, b"\x89PNG\r\n\x1a\n", "an image", NO_TRAFFIC),
    at(0, b"\xff\xd8\xff", "an image", NO_TRAFFIC),
    at(0, b"GIF8", "an image", NO_TRAFFIC),
    at(0, b"\xde\x12\x04\x95", "a catalogue of translations", NO_TRAFFIC),
];

/// What is compressed, and archives.
const ARCHIVES: &[Magic] = &[
    // What is compressed once was decompressed before this is looked at.
    at(0, b"\x1f\x8b\x08", "compressed twice", "decompress it on the way: zcat FILE | netrec import -"),
    at(
        0,
        b"\x28\xb5\x2f\xfd",
        "compressed twice",
        "decompress it on the way: zstd -dc FILE | netrec import -",
    ),
    at(0, b"\x5d\0\0", "compressed with lzma", "decompress it on the way: xz -dc FILE | netrec import -"),
    at(0, b"\xfd7zXZ\0", "compressed with xz", "decompress it on the way: xz -dc FILE | netrec import -"),
    at(0, b"BZh", "compressed with bzip2", "decompress it on the way: bzip2 -dc FILE | netrec import -"),
    at(
        0,
        b"\x04\x22\x4d\x18",
        "compressed with lz4",
        "decompress it on the way: lz4 -dc FILE | netrec import -",
    ),
    at(
        0,
        b"\x02\x21\x4c\x18",
        "compressed with lz4 (legacy)",
        "decompress it on the way: lz4 -dc FILE | netrec import -",
    ),
    at(0, b"LZIP", "compressed with lzip", "decompress it on the way: lzip -dc FILE | netrec import -"),
    at(0, b"\x89LZO\0", "compressed with lzop", "decompress it on the way: lzop -dc FILE | netrec import -"),
    at(0, b"\x1f\x9d", "compressed with compress", "decompress it on the way: zcat FILE | netrec import -"),
    at(
        0,
        b"\x1f\xa0",
        "compressed with pack or lzh",
        "decompress it on the way: zcat FILE | netrec import -",
    ),
    at(0, b"\xff\x06\0\0sNaPpY", "compressed with Snappy", "decompress it first: snzip -d FILE"),
    at(
        0,
        b"7z\xbc\xaf\x27\x1c",
        "a 7-Zip archive",
        "decompress it on the way: 7z x -so FILE | netrec import -",
    ),
    at(0, b"PK\x03\x04", "a zip archive", "decompress it on the way: unzip -p FILE | netrec import -"),
    at(0, b"PK\x05\x06", "an empty zip archive", UNPACK),
    at(0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    at(0, b"MSCF", "a Windows cabinet", UNPACK),
    at(257, b"ustar", "a tar archive", UNPACK),
    at(0, b"!<arch>\n", "an archive of ar, perhaps a Debian package", UNPACK),
    at(0, b"\xed\xab\xee\xdb", "an RPM package", NO_TRAFFIC),
];

/// Magic bytes from this number on are found in no other text.
const LONG_MAGIC: usize = 7;

/// The binary format of a file that begins with words.
pub(super) fn find_words(bytes: &[u8]) -> Option<KnownFormat> {
    find_magic(bytes, LONG_MAGIC)
}

/// The kind of an archive, or of what is compressed.
pub(super) fn find_archive(bytes: &[u8]) -> Option<KnownFormat> {
    let Magic { known: KnownFormat { name, way }, .. } = ARCHIVES.iter().find(|magic| magic.is_in(bytes))?;
    Some(KnownFormat { name, way })
}

fn find_magic(bytes: &[u8], fewest: usize) -> Option<KnownFormat> {
    let has = |magic: &&Magic| magic.bytes.len() >= fewest && magic.is_in(bytes);
    let Magic { known: KnownFormat { name, way }, .. } = MAGICS.iter().find(has)?;
    Some(KnownFormat { name, way })
}

impl Magic {
    fn is_in(&self, bytes: &[u8]) -> bool {
        bytes.get(self.offset..).is_some_and(|bytes| bytes.starts_with(self.bytes))
    }
}

/// The binary format of a file that begins so.
pub(super) fn find(bytes: &[u8]) -> Option<KnownFormat> {
    let known = |name, way| Some(KnownFormat { name, way });
    if let Some(known) = find_magic(bytes, 0) {
        return Some(known);
    }
    if frames::is_of_system_calls(bytes) {
        let way = "it holds system calls, not packets: record on the host with netrec record";
        return known("a capture of system calls (sysdig, Falco)", way);
    }
    if is_etl(bytes) {
        let way = "convert it first: pktmon etl2pcap FILE, or etl2pcapng FILE out.pcapng";
        return known("an event trace of Windows (ETL), as netsh trace and pktmon write", way);
    }
    if is_netflow(bytes) {
        return known("NetFlow or IPFIX messages", FLOWS);
    }
    if is_argus(bytes) {
        return known("an Argus file", FLOWS);
    }
    if is_lsof(bytes) {
        let way = "write them on lines: tr '\\0' '\\n' < FILE | netrec import -";
        return known("the fields of lsof with NUL bytes between them (-F0)", way);
    }
    if is_erf(bytes) {
        return known("an ERF capture (Endace)", EDITCAP);
    }
    None
}

/// `p4242␀csshd␀`: the fields of a process.
fn is_lsof(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"p") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && matches!(rest[digits..], [0, b'a'..=b'z' | b'A'..=b'Z', ..])
}

/// A buffer of a size that is a power of two, and the marker of its first event.
/// Source: Microsoft's `WMI_BUFFER_HEADER` and `SYSTEM_TRACE_HEADER`.
fn is_etl(bytes: &[u8]) -> bool {
    let size = bytes.first_chunk().map_or(0, |size| u32::from_le_bytes(*size));
    let marker = bytes.get(0x4a..0x4c);
    (1024..=64 << 20).contains(&size) && size.is_multiple_of(1024) && matches!(marker, Some([1 | 2, 0xc0]))
}

/// Messages of `NetFlow` 5 and 9 and IPFIX, message after message. Sources: RFC 3954, RFC 7011.
fn is_netflow(bytes: &[u8]) -> bool {
    let u16_at = |at: usize| bytes.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let u32_at = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
    // Between 2000 and 2100.
    let is_time = |seconds: Option<u32>| seconds.is_some_and(|s| (946_684_800..4_102_444_800).contains(&s));
    match (u16_at(0), u16_at(2)) {
        (Some(5), Some(1..=30)) => is_time(u32_at(8)),
        (Some(9), Some(1..=500)) => {
            is_time(u32_at(8)) && u16_at(20).is_some_and(|set| set <= 1 || set >= 256)
        }
        (Some(10), Some(20..)) => {
            is_time(u32_at(4)) && u16_at(16).is_some_and(|set| (2..=3).contains(&set) || set >= 256)
        }
        _ => false,
    }
}

/// The management record with which Argus begins. Source: argus, `argus_def.h` (`ARGUS_COOKIE`).
fn is_argus(bytes: &[u8]) -> bool {
    let head = bytes.get(..64).unwrap_or(bytes);
    bytes.first() == Some(&0x80) && head.windows(4).any(|word| word == [0xe5, 0x71, 0x2d, 0xcb])
}

/// Three records in a row whose types, lengths and times fit. Source: Endace, "ERF types reference".
fn is_erf(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut before = None;
    for number in 0..3 {
        let Some(head) = rest.get(..16) else { return number > 0 && rest.is_empty() };
        let seconds = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let kind = head[8] & 0x7f;
        let length = usize::from(u16::from_be_bytes([head[10], head[11]]));
        let wire = u16::from_be_bytes([head[14], head[15]]);
        let is_time = (946_684_800..4_102_444_800).contains(&seconds)
            && before.is_none_or(|before: u32| seconds.abs_diff(before) < 86_400);
        if !is_time || !(1..=48).contains(&kind) || length < 16 || wire == 0 {
            return false;
        }
        before = Some(seconds);
        let Some(next) = rest.get(length..) else { return number > 0 };
        rest = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_described;

    #[test]
    fn captures_of_others_are_named_with_the_command_that_converts_them() {
        for (bytes, name) in [
            (b"snoop\0\0\0\0\0\0\x02\0\0\0\x04".as_slice(), "snoop"),
            (b"GMBU\0\x02\0\0\x01\0\0\0", "Network Monitor"),
            (b"iptrace 2.0\0\0\0\0\x01", "iptrace"),
            (b"iptrace 1.0 and what follows is all letters", "iptrace"),
            (b"TRSNIFF data    \x1a\0\0\0\x04", "Sniffer"),
            (b"\x7fver\0\0\0\x01\x02\x03", "OmniPeek"),
        ] {
            assert_described(bytes, &[name, "editcap -F pcap FILE out.pcap"]);
        }
        assert_described(b"btsnoop\0\0\0\0\x01\0\0\x03\xea", &["btsnoop"]);
    }

    #[test]
    fn what_is_compressed_otherwise_is_named_with_the_pipe() {
        assert_described(b"\x04\x22\x4d\x18\x64\x40\xa7\x01", &["lz4 -dc FILE | netrec import -"]);
        assert_described(b"7z\xbc\xaf\x27\x1c\0\x04", &["7-Zip", "7z x -so FILE | netrec import -"]);
        assert_described(b"\xfd7zXZ\0\0\x04", &["xz -dc FILE | netrec import -"]);
    }

    #[test]
    fn an_event_log_of_windows_is_named_with_its_exporters() {
        assert_described(b"ElfFile\0\0\0\0\0", &["EVTX", "evtx_dump -o jsonl FILE | netrec import -"]);
    }

    #[test]
    fn formats_without_a_magic_are_known_by_their_fields() {
        let mut etl = vec![0; 0x100];
        etl[..4].copy_from_slice(&0x1_0000_u32.to_le_bytes());
        etl[0x48..0x4c].copy_from_slice(&[2, 0, 2, 0xc0]);
        assert_described(&etl, &["ETL", "pktmon etl2pcap FILE"]);

        let v5 = [&[0, 5, 0, 2, 0, 0, 0, 1], &1_700_000_000_u32.to_be_bytes()[..], &[0; 84]].concat();
        assert_described(&v5, &["NetFlow"]);
        let ipfix =
            [&[0, 10, 0, 40], &1_700_000_000_u32.to_be_bytes()[..], &[0; 8], &[0, 2, 0, 24], &[0; 20]]
                .concat();
        assert_described(&ipfix, &["IPFIX"]);
        assert_described(b"\x0c\xa5\x01\0\0\0\0\0\x01\0\0\0", &["nfdump"]);

        let record = |seconds: u32| {
            let mut record = [0; 48];
            record[4..8].copy_from_slice(&seconds.to_le_bytes());
            (record[8], record[11], record[15]) = (2, 48, 30);
            record
        };
        let erf = [record(1_700_000_000), record(1_700_000_001), record(1_700_000_001)].concat();
        assert_described(&erf, &["ERF", "editcap"]);
    }
}
