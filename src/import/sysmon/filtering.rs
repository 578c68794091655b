//! Events of the Windows Filtering Platform in the security log: every connection with its process, without
//! Sysmon. Source: Microsoft, "Audit Filtering Platform Connection" and "Audit Filtering Platform Packet Drop".

use crate::capture::{Owner, Protocol};
use crate::import::address;

use super::event::{Bind, Connection, Course, Event, Process, ProcessKey, Record, file_name, shorten};

/// The provider of the security log.
const PROVIDER: &str = "microsoft-windows-security-auditing";

/// Codes of a direction, as an event has them without its text, and the words of the text.
const INBOUND: [&str; 2] = ["%%14592", "inbound"];
const OUTBOUND: [&str; 2] = ["%%14593", "outbound"];

/// The beginning of the text of its events, for exports that leave the provider out.
const TEXTS: [&str; 2] = ["The Windows Filtering Platform has ", "A new process has been created."];

/// Whether the provider of an event is that of the security log.
pub(super) fn is_provider(name: &str) -> bool {
    name.eq_ignore_ascii_case(PROVIDER)
}

/// The provider of an event with this text, if it is one of those that are read.
pub(super) fn provider_of(message: &str) -> Option<&'static str> {
    TEXTS.iter().any(|text| message.starts_with(text)).then_some(PROVIDER)
}

/// What an event of this number says; none if it lacks what such an event has.
pub(super) fn event(record: &Record, id: u32) -> Option<Event> {
    Some(match id {
        4688 => Event::Process(Box::new(process(record)?)),
        5154 => Event::Connection(Box::new(listener(record)?)),
        5156 => Event::Connection(Box::new(connection(record, Course::Opened)?)),
        5152 | 5157 => Event::Connection(Box::new(connection(record, Course::Blocked)?)),
        5158 => Event::Bind(bind(record)?),
        other => Event::Other(other),
    })
}

fn connection(record: &Record, course: Course) -> Option<Connection> {
    let is = |words: [&str; 2]| {
        record.get("Direction").is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
    };
    let is_initiator = match (is(OUTBOUND), is(INBOUND)) {
        (true, _) => true,
        (_, true) => false,
        _ => return None,
    };
    let (protocol, protocol_number) = protocol(record)?;
    Some(Connection {
        ts_us: record.ts_us()?,
        computer: record.computer.clone(),
        guid: record.key(),
        course,
        protocol,
        protocol_number,
        source: end(record, protocol, &["SourceAddress"], &["SourcePort"])?,
        destination: end(
            record,
            protocol,
            &["DestAddress", "DestinationAddress"],
            &["DestPort", "DestinationPort"],
        )?,
        is_initiator,
        // Some versions of Windows give the local end of an inbound connection as the source.
        has_unsure_sides: !is_initiator,
        is_of_sysmon: false,
        owner: owner(record),
    })
}

fn listener(record: &Record) -> Option<Connection> {
    let Bind { computer, protocol, local } = bind(record)?;
    Some(Connection {
        ts_us: record.ts_us()?,
        computer,
        guid: record.key(),
        course: Course::Listening,
        protocol,
        protocol_number: None,
        source: local,
        destination: local,
        is_initiator: true,
        has_unsure_sides: false,
        is_of_sysmon: false,
        owner: owner(record),
    })
}

fn bind(record: &Record) -> Option<Bind> {
    let (protocol, _) = protocol(record)?;
    let local = end(record, protocol, &["SourceAddress"], &["SourcePort"])?;
    Some(Bind { computer: record.computer.clone(), protocol, local })
}

fn protocol(record: &Record) -> Option<(Protocol, Option<u16>)> {
    Some(Protocol::of_ip_number(record.get("Protocol")?.parse().ok()?))
}

fn end(record: &Record, protocol: Protocol, addr: &[&str], port: &[&str]) -> Option<(std::net::IpAddr, u16)> {
    let get = |names: &[&str]| names.iter().find_map(|name| record.get(name));
    // Of ICMP they are type and code.
    let port = if protocol == Protocol::Icmp { 0 } else { get(port)?.parse().ok()? };
    Some((address::parse(get(addr)?)?, port))
}

/// The process of an event, by the path that the kernel uses: `\device\harddiskvolume2\windows\…`.
fn owner(record: &Record) -> Owner {
    let path = record.get("Application").or_else(|| record.get("ApplicationName"));
    // The process 0 is that of nobody.
    let pid = record.number("ProcessID").filter(|pid| *pid != 0);
    Owner { pid, process_name: path.map(file_name), exe: path.map(shorten), ..Owner::default() }
}

/// Event 4688. The process that starts another is called by different names in the data and in the text.
fn process(record: &Record) -> Option<Process> {
    let get = |names: &[&str]| names.iter().find_map(|name| record.get(name));
    let number = |names: &[&str]| names.iter().find_map(|name| record.number(name));
    let pid = record.number("NewProcessId")?;
    let path = get(&["NewProcessName"]);
    let user = |name: &str, domain: &str| {
        let name = record.get(name)?;
        Some(record.get(domain).map_or_else(|| name.to_owned(), |domain| format!(r"{domain}\{name}")))
    };
    let username = user("TargetUserName", "TargetDomainName")
        .or_else(|| user("SubjectUserName", "SubjectDomainName"))
        .or_else(|| user("AccountName", "AccountDomain"));
    let owner = Owner {
        pid: Some(pid),
        ppid: number(&["CreatorProcessID", "ProcessId"]),
        process_name: path.map(file_name),
        exe: path.map(shorten),
        cmdline: get(&["CommandLine", "ProcessCommandLine"]).map(shorten),
        username: username.as_deref().map(shorten),
        parent_name: get(&["ParentProcessName", "CreatorProcessName"]).map(file_name),
        process_start_us: record.ts_us(),
        ..Owner::default()
    };
    Some(Process { keys: vec![ProcessKey::Pid(record.computer.clone(), pid)], owner })
}
