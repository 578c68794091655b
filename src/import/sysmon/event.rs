//! A Windows event in whichever notation, and what the events of Sysmon say.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDateTime};

use super::filtering;
use crate::capture::{Owner, Protocol};
use crate::import::{address, socket_table, timestamp};

/// Sysmon calls itself so, on Windows and on Linux.
const PROVIDERS: [&str; 2] = ["microsoft-windows-sysmon", "linux-sysmon"];

/// Characters of a value that are kept: a command line of Windows has at most 32,767.
const MOST_CHARS: usize = 32_768;

/// An event: who wrote it, its number, and its data by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) provider: String,
    pub(super) id: Option<u32>,
    pub(super) computer: String,
    /// When it was written, as text.
    pub(super) time: String,
    pub(super) data: Vec<(String, String)>,
}

/// What an event says.
#[derive(Debug)]
pub(super) enum Event {
    /// Event 3 of Sysmon; 5152, 5154, 5156 and 5157 of the security log.
    Connection(Box<Connection>),
    /// Event 1 of Sysmon, 4688 of the security log.
    Process(Box<Process>),
    /// Event 22 of Sysmon.
    Answer(Answer),
    /// Event 5158 of the security log.
    Bind(Bind),
    Other(u32),
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Course {
    Opened,
    /// A filter did not let it pass.
    Blocked,
    /// There is no remote end yet.
    Listening,
}

/// A process on a host: its GUID, which is never used again, else its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum ProcessKey {
    Guid(String),
    Pid(String, u32),
}

/// A connection that a process opened or accepted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Connection {
    pub(super) ts_us: i64,
    pub(super) computer: String,
    pub(super) guid: Option<ProcessKey>,
    pub(super) course: Course,
    pub(super) protocol: Protocol,
    /// The number of a protocol that has no name of its own.
    pub(super) protocol_number: Option<u16>,
    pub(super) source: (IpAddr, u16),
    pub(super) destination: (IpAddr, u16),
    /// Whether the process opened it.
    pub(super) is_initiator: bool,
    /// Whether source and destination may be local and remote instead of originator and responder.
    pub(super) has_unsure_sides: bool,
    pub(super) is_of_sysmon: bool,
    /// What the event itself says of the process.
    pub(super) owner: Owner,
}

impl Connection {
    /// Whether all that is known of its outcome is that a filter let it pass (event 5156).
    pub(super) fn is_permitted(&self) -> bool {
        !self.is_of_sysmon && self.course == Course::Opened
    }
}

/// A process that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// What it is called in other events.
    pub(super) keys: Vec<ProcessKey>,
    pub(super) owner: Owner,
}

/// Addresses for a name, as a process was told them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) ts_us: i64,
    pub(super) computer: String,
    pub(super) key: ProcessKey,
    pub(super) name: String,
    pub(super) addresses: Vec<IpAddr>,
}

/// A port that a process was bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) computer: String,
    pub(super) protocol: Protocol,
    pub(super) local: (IpAddr, u16),
}

impl Record {
    /// Whether it is of a provider whose events are read.
    pub(super) fn is_read(&self) -> bool {
        self.is_sysmon() || self.is_of_security_log()
    }

    /// Whether Sysmon wrote it.
    pub(super) fn is_sysmon(&self) -> bool {
        PROVIDERS.iter().any(|provider| self.provider.eq_ignore_ascii_case(provider))
    }

    /// Whether it is of the security log of Windows.
    pub(super) fn is_of_security_log(&self) -> bool {
        filtering::is_provider(&self.provider)
    }

    /// A value of the data; none for one that is empty or a dash. The notations differ in case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.data.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.trim()).filter(|value| !value.is_empty() && *value != "-")
    }

    /// Adds a value of the data.
    pub(super) fn put(&mut self, name: &str, value: impl Into<String>) {
        self.data.push((name.to_owned(), value.into()));
    }

    /// What it says; none if it lacks what an event of its number has.
    pub(super) fn event(&self) -> Option<Event> {
        if self.is_of_security_log() {
            return filtering::event(self, self.id?);
        }
        Some(match self.id? {
            1 => Event::Process(Box::new(self.process()?)),
            3 => Event::Connection(Box::new(self.connection()?)),
            22 => self.answer().map_or(Event::Other(22), Event::Answer),
            other => Event::Other(other),
        })
    }

    fn connection(&self) -> Option<Connection> {
        let protocol = match self.get("Protocol")?.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        };
        Some(Connection {
            ts_us: self.ts_us()?,
            computer: self.computer.clone(),
            guid: self.key(),
            course: Course::Opened,
            protocol,
            protocol_number: None,
            source: self.end("SourceIp", "SourcePort")?,
            destination: self.end("DestinationIp", "DestinationPort")?,
            is_initiator: self.get("Initiated").is_none_or(|text| !text.eq_ignore_ascii_case("false")),
            has_unsure_sides: false,
            is_of_sysmon: true,
            owner: self.owner(),
        })
    }

    fn process(&self) -> Option<Process> {
        let parent = self.get("ParentImage").map(file_name);
        let owner = Owner {
            ppid: self.number("ParentProcessId"),
            cmdline: self.get("CommandLine").map(shorten),
            parent_name: parent,
            exe_sha256: self.get("Hashes").or_else(|| self.get("Hash")).and_then(sha256),
            process_start_us: self.ts_us(),
            ..self.owner()
        };
        // The security log knows processes by their numbers alone.
        let by_pid = owner.pid.map(|pid| ProcessKey::Pid(self.computer.clone(), pid));
        let key = self.key()?;
        let keys = by_pid.into_iter().filter(|by_pid| *by_pid != key).chain([key.clone()]).collect();
        Some(Process { keys, owner })
    }

    fn answer(&self) -> Option<Answer> {
        // `type:  5 cdn.example;::ffff:192.0.2.1;`
        let results = self.get("QueryResults")?;
        let addresses = results.split(';').filter_map(|text| address::parse(text.trim()));
        Some(Answer {
            ts_us: self.ts_us()?,
            computer: self.computer.clone(),
            key: self.key()?,
            name: self.get("QueryName")?.trim_end_matches('.').to_ascii_lowercase(),
            addresses: addresses.collect(),
        })
    }

    /// What every event says of its process.
    fn owner(&self) -> Owner {
        let image = self.get("Image").filter(|image| *image != "<unknown process>");
        Owner {
            pid: self.number("ProcessId"),
            process_name: image.map(file_name),
            exe: image.map(shorten),
            username: self.get("User").map(shorten),
            ..Owner::default()
        }
    }

    pub(super) fn key(&self) -> Option<ProcessKey> {
        // Processes that were there before Sysmon have a GUID of zeros.
        let guid = self.get("ProcessGuid").map(|guid| guid.trim_matches(['{', '}']).to_ascii_lowercase());
        let guid = guid.filter(|guid| guid.bytes().any(|byte| !matches!(byte, b'0' | b'-')));
        match (guid, self.number("ProcessId")) {
            (Some(guid), _) => Some(ProcessKey::Guid(shorten(&guid))),
            (None, Some(pid)) => Some(ProcessKey::Pid(self.computer.clone(), pid)),
            (None, None) => None,
        }
    }

    /// A number, which the security log writes in hexadecimal in some events.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let text = self.get(name)?;
        match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    }

    fn end(&self, addr: &str, port: &str) -> Option<(IpAddr, u16)> {
        Some((address::parse(self.get(addr)?)?, self.get(port)?.parse().ok()?))
    }

    /// When it happened; else when it was written.
    pub(super) fn ts_us(&self) -> Option<i64> {
        self.get("UtcTime")
            .and_then(time_us)
            .or_else(|| time_us(&self.time))
            .or_else(|| Some(self.local_time()?.0))
    }

    /// Whether its time is that of a clock in a place that is not named.
    pub(super) fn lacks_zone(&self) -> bool {
        let is_utc = || self.get("UtcTime").and_then(time_us).or_else(|| time_us(&self.time)).is_some();
        !is_utc() && self.local_time().is_some_and(|(_, has_zone)| !has_zone)
    }

    /// The time as PowerShell writes it, and whether it names its zone.
    fn local_time(&self) -> Option<(i64, bool)> {
        let stamp = socket_table::time(&self.time)?;
        Some((stamp.ts_us, stamp.has_zone))
    }
}

/// `2023-11-14 22:13:20.123`, ISO 8601 and seconds since the Unix epoch, in UTC where no offset is named.
fn time_us(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(us) = timestamp::epoch(text.as_bytes()) {
        return Some(us);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    let text = text.trim_end_matches(['Z', 'z']);
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(time.and_utc().timestamp_micros())
}

/// `SHA1=…,MD5=…,SHA256=…,IMPHASH=…`.
fn sha256(hashes: &str) -> Option<String> {
    let hash = hashes.split(',').find_map(|hash| {
        let (name, value) = hash.trim().split_once('=')?;
        name.eq_ignore_ascii_case("SHA256").then_some(value)
    })?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash.to_ascii_lowercase())
}

/// The last part of a path of either system.
pub(super) fn file_name(path: &str) -> String {
    shorten(path.rsplit(['\\', '/']).next().unwrap_or(path))
}

pub(super) fn shorten(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}
