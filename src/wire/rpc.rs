//! Which interface of a Windows host a client calls: over DCE/RPC, or through a named pipe of SMB.
//!
//! The calls themselves may be sealed; which interface is bound, which pipe is opened and the number of an operation are
//! always in clear, unless SMB itself is encrypted.
//!
//! Sources: C706, chapter 12, and \[MS-RPCE\] 2.2.2 (messages); \[MS-SMB2\] 2.2.13, \[MS-CIFS\] 2.2.4.64.1 (opening a pipe); the
//! identifiers of interfaces are those of \[MS-SCMR\], \[MS-TSCH\], \[MS-WMI\], \[MS-RRP\], \[MS-DRSR\], \[MS-SAMR\], \[MS-LSAT\],
//! \[MS-NRPC\], \[MS-SRVS\], \[MS-WKST\], \[MS-RPRN\], \[MS-PAR\], \[MS-EFSR\], \[MS-DFSNM\] and \[MS-FSRVP\].

/// What the first payload of a connection is recognised as, which may tell more later.
const DCE_RPC: &str = "dce_rpc";
const SMB: &str = "smb";
const DRSUAPI: &str = "drsuapi";

/// Replication of a directory with its password hashes, as one domain controller asks it of another.
const REPLICATION: &str = "drsuapi_replication";

/// `IDL_DRSGetNCChanges`: \[MS-DRSR\] 4.1.10.
const GET_CHANGES: u16 = 3;

/// Interfaces, by what they are called in the capture.
const INTERFACES: [(u128, &str); 20] = [
    (0x367a_bb81_9844_35f1_ad32_98f0_3800_1003, "svcctl"),
    (0x1ff7_0682_0a51_30e8_076d_740b_e8ce_e98b, "atsvc"),
    (0x86d3_5949_83c9_4044_b424_db36_3231_fd0c, "taskschd"),
    (0xf309_ad18_d86a_11d0_a075_00c0_4fb6_8820, "wmi"),
    (0x9556_dc99_828c_11cf_a37e_00aa_0032_40c7, "wmi"),
    (0xd478_1cd6_e5d3_44df_ad94_930e_fe48_a887, "wmi"),
    (0x338c_d001_2244_31f1_aaaa_9000_3800_1003, "winreg"),
    (0xe351_4235_4b06_11d1_ab04_00c0_4fc2_dcd2, DRSUAPI),
    (0x1234_5778_1234_abcd_ef00_0123_4567_89ac, "samr"),
    (0x1234_5778_1234_abcd_ef00_0123_4567_89ab, "lsarpc"),
    (0x1234_5678_1234_abcd_ef00_0123_4567_cffb, "netlogon"),
    (0x4b32_4fc8_1670_01d3_1278_5a47_bf6e_e188, "srvsvc"),
    (0x6bff_d098_a112_3610_9833_46c3_f87e_345a, "wkssvc"),
    (0x1234_5678_1234_abcd_ef00_0123_4567_89ab, "spoolss"),
    (0x76f0_3f96_cdfd_44fc_a22c_6495_0a00_1209, "spoolss"),
    (0xc681_d488_d850_11d0_8c52_00c0_4fd9_0f7e, "efsrpc"),
    (0xdf19_41c5_fe89_4e79_bf10_4636_57ac_f44d, "efsrpc"),
    (0x4fc7_42e0_4a10_11cf_8273_00aa_004a_e673, "netdfs"),
    (0xa8e0_653c_2744_4389_a61d_7373_df8b_2292, "fssagentrpc"),
    (0x378e_52b0_c0a9_11cf_822d_00aa_0051_e40f, "atsvc"),
];

/// Pipes through which a host is administered, or coerced into authenticating elsewhere.
const PIPES: [&str; 6] = ["svcctl", "atsvc", "winreg", "efsrpc", "netdfs", "fssagentrpc"];

/// Pipes of `PsExec` and of programs that do the same, by the beginning of their names in lower case.
const OF_PSEXEC: [&str; 4] = ["psexesvc", "paexec", "remcom_communicaton", "csexec"];

/// Names that other tools have for interfaces; those that are in no list are called the same.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("efsrpc2", "efsrpc"),
    ("fileservervssagent", "fssagentrpc"),
    ("itaskschedulerservice", "taskschd"),
    ("iwbemservices", "wmi"),
    ("iwbemlevel1login", "wmi"),
    ("iwbemloginclientid", "wmi"),
];

/// Longest name of a pipe that is looked at, in UTF-16 code units.
const MOST_NAME_CHARS: usize = 64;

/// Types of a message that binds an interface, and of a request.
const BIND: u8 = 11;
const ALTER_CONTEXT: u8 = 14;
const REQUEST: u8 = 0;

/// Whether later payload of a client may say more than this protocol of its connection.
pub fn may_tell_more(protocol: &str) -> bool {
    matches!(protocol, DCE_RPC | SMB | DRSUAPI)
}

/// The interface that a piece of a client's payload asks for, on a connection of this protocol. None if it is none that is
/// known, or adds nothing; of pipes, only those that administer the host are told.
pub fn asked(protocol: &str, payload: &[u8]) -> Option<&'static str> {
    match protocol {
        DCE_RPC => bound(payload),
        DRSUAPI => asks_for_changes(payload).then_some(REPLICATION),
        SMB => of_pipe(&opened(payload)?),
        _ => None,
    }
}

/// An interface by its identifier in text, as `367abb81-9844-35f1-ad32-98f038001003`.
pub fn of_uuid(text: &str) -> Option<&'static str> {
    let digits: String = text.chars().filter(|c| *c != '-').take(33).collect();
    (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten().and_then(of_interface)
}

/// An interface by the name that another tool has for it, and the operation that is called, if it is known.
pub fn of_name(name: &str, operation: Option<&str>) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, known)| *known);
    let known = || INTERFACES.iter().map(|(_, known)| *known).find(|known| *known == name);
    match other.or_else(known)? {
        DRSUAPI if operation.is_some_and(|operation| operation.contains("GetNCChanges")) => Some(REPLICATION),
        name => Some(name),
    }
}

/// An administrative pipe by its name, with or without what is before it: `svcctl`, `\pipe\svcctl`.
pub fn of_pipe(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let name = name.rsplit('\\').next().unwrap_or_default();
    let of_psexec = || OF_PSEXEC.iter().any(|start| name.starts_with(start)).then_some("psexec");
    PIPES.into_iter().find(|known| *known == name).or_else(of_psexec)
}

/// Of two protocols of one connection, how much each says: an interface is more than the transport, and one that
/// administers the host, or coerces it into authenticating elsewhere, more than any other that the same connection asks for.
pub fn rank(protocol: &str) -> u8 {
    match protocol {
        REPLICATION | "svcctl" | "atsvc" | "taskschd" | "wmi" | "winreg" | "psexec" | "efsrpc" | "netdfs"
        | "fssagentrpc" => 2,
        SMB => 1,
        protocol => u8::from(INTERFACES.iter().any(|(_, known)| *known == protocol)),
    }
}

/// Whether a protocol of the capture is an interface that is called over DCE/RPC.
pub fn is_interface(protocol: &str) -> bool {
    protocol != SMB && rank(protocol) > 0
}

fn of_interface(uuid: u128) -> Option<&'static str> {
    INTERFACES.iter().find(|(known, _)| *known == uuid).map(|(_, name)| *name)
}

/// The first known interface of those that a message binds.
fn bound(payload: &[u8]) -> Option<&'static str> {
    let [5, 0, BIND | ALTER_CONTEXT, _, 0x10, 0, 0, 0, ..] = payload else { return None };
    let (count, mut items) = (*payload.get(24)?, payload.get(28..)?);
    for _ in 0..count {
        let uuid = items.get(4..20)?.try_into().ok().map(from_wire)?;
        if let Some(name) = of_interface(uuid) {
            return Some(name);
        }
        let transfer_syntaxes = usize::from(*items.get(2)?);
        items = items.get(24 + 20 * transfer_syntaxes..)?;
    }
    None
}

/// An identifier in little-endian notation, of which the last eight bytes are bytes.
fn from_wire(mut bytes: [u8; 16]) -> u128 {
    for field in [0..4, 4..6, 6..8] {
        bytes[field].reverse();
    }
    u128::from_be_bytes(bytes)
}

fn asks_for_changes(payload: &[u8]) -> bool {
    matches!(payload, [5, 0, REQUEST, _, 0x10, 0, 0, 0, ..])
        && payload.get(22..24) == Some(&GET_CHANGES.to_le_bytes())
}

/// What the number of an operation adds to the interface that a connection has bound.
pub fn of_operation(interface: &str, operation: u64) -> Option<&'static str> {
    (interface == DRSUAPI && operation == u64::from(GET_CHANGES)).then_some(REPLICATION)
}

/// The name of the file or pipe that a message of SMB opens.
fn opened(payload: &[u8]) -> Option<String> {
    match payload {
        [0, _, _, _, smb @ ..] if smb.starts_with(b"\xfeSMB") => {
            const CREATE: u8 = 5;
            (smb.get(12..14)? == [CREATE, 0]).then_some(())?;
            let (offset, length) = (number(smb, 64 + 44)?, number(smb, 64 + 46)?);
            text(smb.get(offset..)?, length)
        }
        [0, _, _, _, smb @ ..] if smb.starts_with(b"\xffSMB\xa2") => {
            // Behind 24 words, their number before them, the number of bytes, and one to align the text.
            text(smb.get(84..)?, number(smb, 38)?)
        }
        _ => None,
    }
}

/// A number of two bytes.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

/// A short name in UTF-16.
fn text(bytes: &[u8], length: usize) -> Option<String> {
    (length <= 2 * MOST_NAME_CHARS).then_some(())?;
    let units = bytes.get(..length)?.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A message that binds these interfaces.
    pub(crate) fn bind(uuids: &[u128]) -> Vec<u8> {
        let mut message =
            vec![5, 0, BIND, 3, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xd0, 0x16, 0xd0, 0x16, 0, 0, 0, 0];
        message.extend([uuids.len() as u8, 0, 0, 0]);
        for (index, uuid) in uuids.iter().enumerate() {
            message.extend([index as u8, 0, 1, 0]);
            message.extend(from_wire(uuid.to_be_bytes()).to_be_bytes());
            message.extend([0; 4 + 20]);
        }
        message
    }

    /// A request of an operation.
    pub(crate) fn request(operation: u16) -> Vec<u8> {
        let mut message = vec![5, 0, REQUEST, 3, 0x10, 0, 0, 0];
        message.extend([0; 14]);
        message.extend(operation.to_le_bytes());
        message
    }

    /// A message of SMB 2 that opens a pipe.
    pub(crate) fn open_pipe(name: &str) -> Vec<u8> {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut smb = b"\xfeSMB\x40\0\0\0\0\0\0\0\x05\0".to_vec();
        smb.resize(64 + 44, 0);
        smb.extend(120_u16.to_le_bytes());
        smb.extend((name.len() as u16).to_le_bytes());
        smb.resize(120, 0);
        smb.extend(name);
        [&[0, 0, 0, smb.len() as u8][..], &smb].concat()
    }

    #[test]
    fn the_interface_of_a_bind_is_the_first_that_is_known() {
        let svcctl = INTERFACES[0].0;
        assert_eq!(asked("dce_rpc", &bind(&[svcctl])), Some("svcctl"));
        assert_eq!(asked("dce_rpc", &bind(&[1, svcctl])), Some("svcctl"));
        assert_eq!(asked("dce_rpc", &bind(&[1, 2])), None);
        assert_eq!(asked("smb", &bind(&[svcctl])), None);
        let whole = bind(&[1, svcctl]);
        for length in 0..whole.len() - 24 {
            assert_eq!(asked("dce_rpc", &whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn replication_is_told_from_other_calls_to_a_directory() {
        assert_eq!(asked("drsuapi", &request(3)), Some("drsuapi_replication"));
        assert_eq!(asked("drsuapi", &request(12)), None, "IDL_DRSCrackNames");
        assert_eq!(asked("dce_rpc", &request(3)), None);
    }

    #[test]
    fn pipes_that_administer_a_host_are_told_by_their_names() {
        for (name, known) in [
            ("svcctl", Some("svcctl")),
            ("\\PIPE\\SVCCTL", Some("svcctl")),
            ("PSEXESVC-WS1-4711-stdin", Some("psexec")),
            ("RemCom_communicaton", Some("psexec")),
            ("srvsvc", None),
            ("Reports\\svcctl.docx", None),
            ("", None),
        ] {
            assert_eq!(asked("smb", &open_pipe(name)), known, "{name}");
        }
        assert_eq!(asked("smb", &open_pipe("svcctl")[..100]), None);
        let mut old = b"\0\0\0\x60\xffSMB\xa2".to_vec();
        old.resize(4 + 38, 0);
        old.extend(12_u16.to_le_bytes());
        old.resize(4 + 84, 0);
        old.extend("\\atsvc".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(asked("smb", &old), Some("atsvc"));
    }

    #[test]
    fn names_of_other_tools_are_read() {
        assert_eq!(of_uuid("367abb81-9844-35f1-ad32-98f038001003"), Some("svcctl"));
        assert_eq!((of_uuid("367ABB81"), of_uuid("-")), (None, None));
        assert_eq!(of_name("ITaskSchedulerService", None), Some("taskschd"));
        assert_eq!(of_name("IWbemServices", Some("ExecMethod")), Some("wmi"));
        assert_eq!(of_name("drsuapi", Some("DRSGetNCChanges")), Some("drsuapi_replication"));
        assert_eq!(of_name("drsuapi", Some("DRSCrackNames")), Some("drsuapi"));
        assert_eq!(of_name("IObjectExporter", None), None);
    }

    #[test]
    fn what_administers_a_host_says_most() {
        let ranks = ["dce_rpc", "tls", "samr", "smb", "svcctl", "drsuapi", "drsuapi_replication"].map(rank);
        assert_eq!(ranks, [0, 0, 1, 1, 2, 1, 2]);
    }
}
