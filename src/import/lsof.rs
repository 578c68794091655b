//! What `lsof -i` printed: the table, or the fields of `-F`, once or in a loop (`-r`).
//!
//! Source: lsof(8), "OUTPUT" and "OUTPUT FOR OTHER PROGRAMS". Names of hosts and services instead of
//! numbers (without `-nP`) cannot be turned back, and are counted.

use std::collections::HashSet;
use std::net::IpAddr;

use super::lines::{Line, Lines};
use super::snapshot::{self, Snapshots, Socket};
use super::ss::services;
use super::ss::time::stamp;
use super::{Begin, FileReport, Importer, Input, Output};
use crate::capture::{Example, Owner, Protocol, TcpState, UnusedReason};
use crate::{Error, Result};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "lsof",
    title: "the output of lsof -i",
    needs: "Connections come from open TCP and UDP sockets: run lsof -nP -i.",
    recognises,
    import: |inputs, output| snapshot::import(inputs, output, read),
};

/// Characters of a name that are kept.
const MOST_NAME_CHARS: usize = 255;

fn recognises(begin: &Begin) -> bool {
    let lines: Vec<&str> =
        begin.lines().take(200).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    lines.iter().any(|line| is_heading(line)) || is_fields(&lines)
}

/// `COMMAND   PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME`, with further columns for options.
fn is_heading(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    matches!(words.as_slice(), ["COMMAND", "PID", .., "NAME"])
        && ["FD", "TYPE", "NODE"].iter().all(|column| words.contains(column))
}

/// Fields begin with a process, and sockets have a type and a protocol.
fn is_fields(lines: &[&str]) -> bool {
    let is_process = |line: &str| line.strip_prefix('p').is_some_and(|pid| pid.parse::<u32>().is_ok());
    let starts = lines.iter().find(|line| !line.trim().is_empty()).is_some_and(|line| is_process(line));
    starts && lines.iter().any(|line| matches!(*line, "PTCP" | "PUDP"))
}

fn read(input: &Input, snapshots: &mut Snapshots, output: &mut Output<'_>) -> Result<()> {
    let mut lines = Lines::new(output.reader(input)?);
    let is_table = input.begin.lines().take(200).any(|line| std::str::from_utf8(line).is_ok_and(is_heading));
    let mut list = List::new(is_table);
    loop {
        let number = lines.number() + 1;
        match lines.next().map_err(Error::io("read", &input.path))? {
            None => break,
            // Only the state at its end shows that a line is whole.
            Some(Line::Unended(line)) if !line.trim_ascii_end().ends_with(b")") => {
                list.account.is_cut_short |= !line.trim_ascii().is_empty();
            }
            Some(Line::Whole(line) | Line::Unended(line)) => {
                list.take(number, &String::from_utf8_lossy(line), input, snapshots)?;
            }
            Some(Line::TooLong) => list.account.stats.unreadable_line(number, b""),
        }
        list.sockets.drain(..).try_for_each(|socket| output.push(&snapshots.row(socket)))?;
    }
    list.end_file();
    list.sockets.drain(..).try_for_each(|socket| output.push(&snapshots.row(socket)))?;
    list.account.is_cut_short |= lines.is_cut_short();
    let source = lines.into_inner().finish(output.format())?;
    output.imported(source);
    output.account(input, list.account);
    Ok(())
}

/// An open file, as lsof prints it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct OpenFile {
    /// The line on which it is.
    line: u64,
    descriptor: String,
    kind: String,
    device: String,
    protocol: String,
    name: String,
    state: Option<String>,
}

/// A list of open files, as its lines come.
struct List {
    account: FileReport,
    /// Whether the lines are a table, and not fields.
    is_table: bool,
    has_begun: bool,
    /// Whether the table has a column for the parent.
    has_parents: bool,
    /// Sockets of this list, by what the system calls them.
    seen: HashSet<String>,
    owner: Owner,
    file: Option<OpenFile>,
    /// Sockets that are to be written.
    sockets: Vec<Socket>,
}

impl List {
    fn new(is_table: bool) -> Self {
        Self {
            account: FileReport::new("open file"),
            is_table,
            has_begun: false,
            has_parents: false,
            seen: HashSet::new(),
            owner: Owner::default(),
            file: None,
            sockets: Vec::new(),
        }
    }

    fn take(&mut self, number: u64, line: &str, input: &Input, snapshots: &mut Snapshots) -> Result<()> {
        if self.is_table {
            if is_heading(line) {
                self.has_parents = line.split_whitespace().any(|column| column == "PPID");
                return self.begin(input, snapshots);
            }
            self.take_line(number, line, snapshots);
            return Ok(());
        }
        let starts_process = line.starts_with('p');
        if let Some(marker) = line.strip_prefix('m') {
            self.end_file();
            self.has_begun = false;
            take_time(marker, snapshots);
        } else if starts_process && !self.has_begun {
            self.end_file();
            self.begin(input, snapshots)?;
        }
        self.take_field(number, line);
        Ok(())
    }

    fn begin(&mut self, input: &Input, snapshots: &mut Snapshots) -> Result<()> {
        self.has_begun = true;
        self.seen.clear();
        self.owner = Owner::default();
        snapshots.begin(&input.path)
    }

    fn take_line(&mut self, number: u64, line: &str, snapshots: &mut Snapshots) {
        let is_between = line.trim_matches(['=', ' ']).is_empty()
            || line.starts_with("lsof:")
            || line.trim_start().starts_with("Output information may be incomplete");
        if is_between || take_time(line, snapshots) {
            return;
        }
        let Some((owner, file)) = table_line(number, line, self.has_parents).filter(|_| self.has_begun)
        else {
            self.account.stats.unreadable_line(number, line.as_bytes());
            return;
        };
        if owner.pid != self.owner.pid {
            self.owner = owner;
        }
        self.file = Some(file);
        self.end_file();
    }

    /// A field of `-F`: a letter, and its value.
    fn take_field(&mut self, number: u64, line: &str) {
        let mut letters = line.chars();
        let Some(letter) = letters.next() else { return };
        let value = letters.as_str();
        match (letter, &mut self.file) {
            ('p', _) => {
                self.end_file();
                self.owner = Owner { pid: value.parse().ok(), ..Owner::default() };
            }
            ('f', _) => {
                self.end_file();
                self.file =
                    Some(OpenFile { line: number, descriptor: value.to_owned(), ..OpenFile::default() });
            }
            ('c', None) => self.owner.process_name = Some(unescape(value)),
            ('R', None) => self.owner.ppid = value.parse().ok(),
            ('u', None) => self.owner.uid = value.parse().ok(),
            ('L', None) => self.owner.username = Some(unescape(value)),
            ('t', Some(file)) => value.clone_into(&mut file.kind),
            ('d' | 'D', Some(file)) if file.device.is_empty() => value.clone_into(&mut file.device),
            ('P', Some(file)) => value.clone_into(&mut file.protocol),
            ('n', Some(file)) => value.clone_into(&mut file.name),
            ('T', Some(file)) => {
                if let Some(state) = value.strip_prefix("ST=") {
                    file.state = Some(state.to_owned());
                }
            }
            _ => {}
        }
    }

    /// All that is known of a file was read.
    fn end_file(&mut self) {
        let Some(file) = self.file.take() else { return };
        if !matches!(file.kind.as_str(), "IPv4" | "IPv6" | "inet" | "inet6") {
            if file.descriptor == "txt" && self.owner.exe.is_none() && file.name.starts_with('/') {
                self.owner.exe = Some(unescape(&file.name));
            }
            self.skip(UnusedReason::NoConnection, "open file that is no IP socket", &file);
            return;
        }
        let protocol = match file.protocol.as_str() {
            "TCP" => Protocol::Tcp,
            "UDP" => Protocol::Udp,
            other => {
                let kind = format!("socket of protocol {other}");
                return self.skip(UnusedReason::NoConnection, &kind, &file);
            }
        };
        let Some((local, remote)) = ends(&file.name, file.kind.ends_with('6'), protocol) else {
            let kind = "names of hosts or ports in place of numbers: run lsof -nP -i";
            return self.skip(UnusedReason::Unsupported, kind, &file);
        };
        let identity = (!file.device.is_empty()).then(|| file.device.clone());
        let is_new =
            identity.as_ref().is_none_or(|device| self.seen.insert(format!("{device} {}", file.name)));
        if !is_new {
            return self.skip(
                UnusedReason::Duplicate,
                "the same socket in another process or descriptor",
                &file,
            );
        }
        self.account.stats.use_one();
        let state = file.state.as_deref().and_then(tcp_state).filter(|_| protocol == Protocol::Tcp);
        let protocol_number = None;
        self.sockets.push(Socket {
            protocol,
            protocol_number,
            state,
            local,
            remote,
            identity,
            owner: self.owner.clone(),
        });
    }

    fn skip(&mut self, reason: UnusedReason, kind: &str, file: &OpenFile) {
        self.account.stats.skip(reason, kind, || Example::of_line(file.line, file.name.as_bytes()));
    }
}

/// Takes a line between two lists for their time, if it is one.
fn take_time(line: &str, snapshots: &mut Snapshots) -> bool {
    let Some(stamp) = stamp(line) else { return false };
    snapshots.set_time(stamp.ts_us, stamp.has_zone);
    true
}

/// `sshd 1234 root 3u IPv4 12345 0t0 TCP 10.0.0.5:22->10.0.0.9:50000 (ESTABLISHED)`; between the process
/// and the user may be a thread, the parent and the group.
fn table_line(number: u64, line: &str, has_parents: bool) -> Option<(Owner, OpenFile)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pid: u32 = words.get(1)?.parse().ok()?;
    // The type of a file is the first word of its kind; a user or a task may be called so too.
    let is_kind = |word: &str| matches!(word, "IPv4" | "IPv6" | "inet" | "inet6");
    let socket = (4..words.len().min(12)).find(|at| is_kind(words[*at]));
    let kind = socket.or_else(|| (4..words.len()).next())?;
    let numbers: Vec<u32> = words[2..kind - 2].iter().filter_map(|word| word.parse().ok()).collect();
    let owner = Owner {
        pid: Some(pid),
        ppid: numbers.first().copied().filter(|_| has_parents && numbers.len() == kind - 4),
        process_name: Some(unescape(words[0])),
        ..user(words[kind - 2])
    };
    let mut file = OpenFile {
        line: number,
        descriptor: words[kind - 1].to_owned(),
        kind: words[kind].to_owned(),
        ..OpenFile::default()
    };
    if socket.is_none() {
        (*words.last()?).clone_into(&mut file.name);
        return Some((owner, file));
    }
    (*words.get(kind + 1)?).clone_into(&mut file.device);
    // The size may be missing.
    let protocol = (kind + 2..=kind + 3)
        .find(|at| words.get(*at).is_some_and(|w| w.bytes().all(|b| b.is_ascii_uppercase())))?;
    words[protocol].clone_into(&mut file.protocol);
    (*words.get(protocol + 1)?).clone_into(&mut file.name);
    file.state = words.get(protocol + 2).map(|state| state.trim_matches(['(', ')']).to_owned());
    Some((owner, file))
}

/// A name, or with `-l` a number.
fn user(text: &str) -> Owner {
    match text.parse() {
        Ok(uid) => Owner { uid: Some(uid), ..Owner::default() },
        Err(_) => Owner { username: Some(unescape(text)), ..Owner::default() },
    }
}

/// `\x20` in place of what would break the columns.
fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.strip_prefix(b"x").and_then(|hex| hex.get(..2)).filter(|_| *first == b'\\');
        let byte = code.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    String::from_utf8_lossy(&out).chars().take(MOST_NAME_CHARS).collect()
}

type End = (IpAddr, u16);

/// `10.0.0.5:22->10.0.0.9:50000`, `*:22`, `[::1]:631`.
fn ends(name: &str, is_v6: bool, protocol: Protocol) -> Option<(End, Option<End>)> {
    match name.split_once("->") {
        Some((local, remote)) => Some((end(local, is_v6, protocol)?, Some(end(remote, is_v6, protocol)?))),
        None => Some((end(name, is_v6, protocol)?, None)),
    }
}

fn end(text: &str, is_v6: bool, protocol: Protocol) -> Option<End> {
    let (addr, port) = text.rsplit_once(':')?;
    let addr: IpAddr = match addr {
        "*" if is_v6 => "::".parse().ok()?,
        "*" => "0.0.0.0".parse().ok()?,
        addr => addr.trim_matches(['[', ']']).split('%').next()?.parse().ok()?,
    };
    let port = match port {
        "*" => 0,
        // Without -P, lsof prints the names of services.
        port => port.parse().ok().or_else(|| services::port(port, protocol))?,
    };
    Some((addr.to_canonical(), port))
}

/// In the spellings of Linux, the BSDs and Solaris.
fn tcp_state(text: &str) -> Option<TcpState> {
    Some(match text {
        "ESTABLISHED" => TcpState::Established,
        "SYN_SENT" => TcpState::SynSent,
        "SYN_RECV" | "SYN_RECEIVED" | "SYN_RCVD" | "SYN_RCDV" => TcpState::SynRecv,
        "FIN_WAIT1" | "FIN_WAIT_1" => TcpState::FinWait1,
        "FIN_WAIT2" | "FIN_WAIT_2" => TcpState::FinWait2,
        "TIME_WAIT" => TcpState::TimeWait,
        "CLOSE" | "CLOSED" => TcpState::Close,
        "CLOSE_WAIT" => TcpState::CloseWait,
        "LAST_ACK" => TcpState::LastAck,
        "LISTEN" => TcpState::Listen,
        "CLOSING" => TcpState::Closing,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_gives_the_socket_and_its_process() {
        let line = "my\\x20app 1234 99 1 root 3u IPv4 0x1f 0t0 TCP 10.0.0.5:22->10.0.0.9:50000 (ESTABLISHED)";
        let (owner, file) = table_line(1, line, false).unwrap();
        assert_eq!(
            (owner.pid, owner.ppid, owner.process_name.as_deref()),
            (Some(1234), None, Some("my app"))
        );
        assert_eq!((owner.username.as_deref(), owner.uid), (Some("root"), None));
        assert_eq!(
            (file.descriptor.as_str(), file.device.as_str(), file.protocol.as_str()),
            ("3u", "0x1f", "TCP")
        );
        assert_eq!(file.state.as_deref(), Some("ESTABLISHED"));
        let line = "sshd 7 1 0 3u IPv6 12 TCP *:22 (LISTEN)";
        let (owner, file) = table_line(1, line, true).unwrap();
        assert_eq!((owner.ppid, owner.uid, file.name.as_str()), (Some(1), Some(0), "*:22"));
    }

    #[test]
    fn ends_are_numbers_or_nothing() {
        let addr = |text: &str| text.parse::<IpAddr>().unwrap();
        let ends = |name: &str, is_v6: bool| super::ends(name, is_v6, Protocol::Tcp);
        assert_eq!(ends("*:22", true), Some(((addr("::"), 22), None)));
        assert_eq!(ends("*:*", false), Some(((addr("0.0.0.0"), 0), None)));
        assert_eq!(ends("*:https", false), Some(((addr("0.0.0.0"), 443), None)));
        assert_eq!(
            ends("[fe80:5::1]:546->[::1]:547", true),
            Some(((addr("fe80:5::1"), 546), Some((addr("::1"), 547))))
        );
        for name in [
            "localhost:631",
            "10.0.0.5:22->c2.example:50000",
            "10.0.0.5:unheard-of",
            "no PCB",
            "",
            "10.0.0.5:22->",
        ] {
            assert_eq!(ends(name, false), None, "{name}");
        }
    }

    #[test]
    fn broken_lines_are_none() {
        for line in
            ["", "a", "a b", "a 1", "a 1 b c", "a 1 u 3u IPv4", "a 1 u 3u IPv4 1", "a 1 u 3u IPv4 1 TCP"]
        {
            let read = table_line(1, line, true);
            assert!(read.is_none_or(|(_, file)| file.protocol.is_empty()), "{line}");
        }
    }
}
