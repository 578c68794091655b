//! A record as values by the names of their columns, and what the names of tools mean.

use crate::capture::Owner;
use crate::import::ss::time::{Stamp, stamp};

/// Characters of a text that are kept: a command line of Windows has at most 32,767.
const MOST_CHARS: usize = 32_768;

/// Columns of a record that are kept.
const MOST_FIELDS: usize = 400;

/// The local end. Names are compared without case and punctuation, so that `local_address`, `LocalAddress` and
/// `Local Address` are one.
pub(super) const LOCAL_ADDR: &[&str] = &["localaddress", "localaddr", "laddrip", "localip", "laddr"];
pub(super) const LOCAL_PORT: &[&str] = &["localportnum", "localport", "laddrport", "lport"];
/// The remote end.
pub(super) const REMOTE_ADDR: &[&str] = &[
    "remoteaddress",
    "remoteaddr",
    "raddrip",
    "remoteip",
    "foreignaddress",
    "foreignaddr",
    "peeraddress",
    "raddr",
];
pub(super) const REMOTE_PORT: &[&str] =
    &["peerportnum", "foreignportnum", "remoteport", "foreignport", "raddrport", "peerport", "rport"];
pub(super) const PROTOCOL: &[&str] = &["protocol", "proto", "netid", "transportprotocol"];
/// The kind of a socket: `TCP`, or the number for a stream.
pub(super) const KIND: &[&str] = &["typestring", "type"];
pub(super) const STATE: &[&str] = &["state", "status"];

const PID: &[&str] = &["pid", "owningprocess", "processid", "initiatingprocessid"];
const PPID: &[&str] = &["ppid", "parentpid", "parentprocessid", "initiatingprocessparentid"];
const PROCESS: &[&str] = &[
    "processname",
    "process",
    "initiatingprocessfilename",
    "contextbasefilename",
    "imagename",
    "programname",
    "command",
    "comm",
    "owner",
    "name",
];
const EXE: &[&str] =
    &["processpath", "exe", "executable", "imagepath", "initiatingprocessfolderpath", "modulepath", "path"];
const CMDLINE: &[&str] = &["commandline", "cmdline", "processcommandline", "initiatingprocesscommandline"];
const USER: &[&str] = &["username", "user", "initiatingprocessaccountname"];
const PARENT: &[&str] = &["parentname", "parentprocessname", "initiatingprocessparentfilename"];
const SHA256: &[&str] = &["sha256", "hashsha256", "processsha256", "initiatingprocesssha256"];
const PROCESS_START: &[&str] = &["initiatingprocesscreationtime", "processstarttime", "processcreatedon"];
const HOST: &[&str] = &["devicename", "pscomputername", "computername", "hostidentifier", "fqdn", "clientid"];
/// When a list was taken. The time at which a socket was created has other names, except with Velociraptor.
const TIME: &[&str] = &["unixtime", "time", "timestamp", "datetime", "collectedat", "querytime"];
/// When an event happened.
const EVENT_TIME: &[&str] = &["contexttimestamp", "timestamp", "timegenerated", "time"];

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A socket of a list.
    Sockets,
    /// An event of Microsoft Defender for Endpoint (`DeviceNetworkEvents`).
    Defender,
    /// An event of Falcon by `CrowdStrike` (`NetworkConnectIP4` and the like).
    CrowdStrike,
}

/// Values by the names of their columns, in the order of the columns.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Adds a value; the first of a name counts.
    pub(super) fn put(&mut self, name: &str, value: &str) {
        if self.0.len() < MOST_FIELDS {
            self.0.push((plain_name(name), value.to_owned()));
        }
    }

    /// Adds to the value that came last.
    pub(super) fn extend_last(&mut self, more: &str) {
        if let Some((_, value)) = self.0.last_mut()
            && value.len() < MOST_CHARS
        {
            value.push_str(more);
        }
    }

    /// Whether there is a column of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    /// The value of the first of these columns that has one.
    pub(super) fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
            let value = value.trim();
            let is_nothing =
                value.is_empty() || matches!(value, "-" | "N/A" | "n/a" | "null" | "NULL" | "None");
            (!is_nothing).then_some(value)
        })
    }

    /// What it is, by the names of its columns.
    pub(super) fn shape(&self) -> Option<Shape> {
        if self.has("actiontype")
            && self.has("remoteip")
            && self.has_any(&["initiatingprocessfilename", "localip"])
        {
            return Some(Shape::Defender);
        }
        if self.has("eventsimplename") && self.has_any(&["localaddressip4", "localaddressip6"]) {
            return Some(Shape::CrowdStrike);
        }
        let has_remote = self.has_any(REMOTE_ADDR);
        let has_owner = self.has_any(&["pid", "owningprocess", "processid"]) || self.has_any(STATE);
        let is_endpoint = self.has_any(LOCAL_PORT) && self.has("owningprocess");
        let is_socket = self.has_any(LOCAL_ADDR) && ((has_remote && has_owner) || is_endpoint);
        let is_known = self.is_of_velociraptor()
            || self.is_of_volatility_linux()
            || self.is_listener()
            || self.is_of_lsof();
        (is_socket || is_known).then_some(Shape::Sockets)
    }

    /// Older artifacts of Velociraptor call the ends source and destination, whoever opened it.
    pub(super) fn is_of_velociraptor(&self) -> bool {
        ["srcip", "srcport", "destip", "destport", "pid"].iter().all(|name| self.has(name))
    }

    /// So does the plugin `linux.sockstat` of Volatility.
    pub(super) fn is_of_volatility_linux(&self) -> bool {
        ["sockoffset", "sourceaddr", "sourceport", "destinationaddr", "pid"].iter().all(|name| self.has(name))
    }

    /// A listener among the facts of Ansible's `listen_ports_facts`, or in osquery's `listening_ports`.
    pub(super) fn is_listener(&self) -> bool {
        ["address", "port", "pid", "protocol"].iter().all(|name| self.has(name))
    }

    /// An open file of lsof, as `jc` has it.
    pub(super) fn is_of_lsof(&self) -> bool {
        ["command", "pid", "fd", "type", "node", "name"].iter().all(|name| self.has(name))
    }

    /// Whether it tells of a system call, as osquery's `socket_events` do.
    pub(super) fn is_call(&self) -> bool {
        matches!(self.get(&["action"]), Some("connect" | "accept" | "accept4" | "bind" | "listen"))
    }

    /// Whether it tells that a socket has come or gone since the query before, as osquery logs it.
    pub(super) fn is_difference(&self) -> bool {
        matches!(self.get(&["action"]), Some("added" | "removed"))
    }

    /// When the list was taken that it is of, if it says so.
    pub(super) fn time_of_list(&self) -> Option<Stamp> {
        let is_creation = self.is_of_velociraptor() || self.has("laddrip");
        time(self.get(if is_creation { &["querytime"] } else { TIME })?)
    }

    /// When the event happened.
    pub(super) fn time_of_event(&self) -> Option<Stamp> {
        time(self.get(EVENT_TIME)?)
    }

    pub(super) fn host(&self) -> Option<String> {
        self.get(HOST).map(shorten)
    }

    /// The process behind it.
    pub(super) fn owner(&self) -> Owner {
        let text = |names: &[&str]| self.get(names).map(shorten);
        let id = |names: &[&str]| self.get(names).and_then(|text| text.parse::<u32>().ok());
        if self.get(PID) == Some("0") {
            // Windows gives what nobody owns any more to the process 0.
            return Owner::default();
        }
        let named = text(PROCESS);
        // A script may ask for the path under the name of the name.
        let is_path = |text: &String| text.starts_with('/') || text.contains('\\');
        let (exe, named) = match named {
            Some(path) if is_path(&path) => (Some(path), None),
            named => (text(EXE).filter(|exe| is_path(exe)), named),
        };
        let user = text(USER);
        let uid = id(&["uid"]).or_else(|| user.as_deref().and_then(|user| user.parse().ok()));
        Owner {
            pid: id(PID),
            ppid: id(PPID),
            uid,
            process_name: named.or_else(|| file_name(exe.as_deref()?)),
            cmdline: text(CMDLINE),
            username: user.filter(|user| user.parse::<u32>().is_err()),
            parent_name: text(PARENT),
            exe_sha256: text(SHA256).map(|hash| hash.to_ascii_lowercase()).filter(|hash| is_sha256(hash)),
            process_start_us: self.get(PROCESS_START).and_then(time).map(|time| time.ts_us),
            exe,
            ..Owner::default()
        }
    }
}

/// A name without case and punctuation, and without what stands behind it: in brackets (`[UTC]`), or the notation
/// of its numbers, as searches in Falcon name it (`LocalPort_decimal`).
pub(in crate::import) fn plain_name(name: &str) -> String {
    let name = name.split(['[', '(']).next().unwrap_or(name);
    let name = name.strip_suffix("_decimal").unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).take(80).map(|c| c.to_ascii_lowercase()).collect()
}

/// A time in any notation: also `/Date(1700000000000)/` of PowerShell 5, and `11/4/2023, 10:13:20 PM`, where
/// the half of the day shows that the month comes first.
pub(in crate::import) fn time(text: &str) -> Option<Stamp> {
    let inner = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")).unwrap_or(text);
    stamp(inner).or_else(|| stamp(&month_first(inner)?))
}

fn month_first(text: &str) -> Option<String> {
    let (date, clock) = text.split_once([' ', ','])?;
    let is_american = clock.trim_end().ends_with(['M', 'm']);
    let mut parts = date.split('/').map(|part| part.parse::<u32>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    is_american.then(|| format!("{year:04}-{month:02}-{day:02} {}", clock.trim_matches([' ', ','])))
}

fn is_sha256(hash: &str) -> bool {
    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The last part of a path of either system.
fn file_name(path: &str) -> Option<String> {
    path.rsplit(['\\', '/']).next().filter(|name| !name.is_empty()).map(shorten)
}

fn shorten(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}
