//! Lines of `netstat`: of Linux and `BusyBox`, of BSD and macOS, and of Windows. The form of a line
//! tells which, and not its words, which many systems translate.

use super::end::{self, Fault, Fit};
use super::layout::Columns;
use super::socket::{Parsed, Socket, process_name};
use super::state;
use crate::capture::{Owner, Protocol, TcpState};

/// Other protocols and families, which stand in the same tables.
const OTHERS: [&str; 20] = [
    "unix",
    "raw",
    "raw6",
    "icm4",
    "icm6",
    "icm46",
    "icmp",
    "icmp6",
    "ip4",
    "ip6",
    "ip46",
    "sctp",
    "sctp4",
    "dccp",
    "udpl",
    "udplite",
    "bluetooth",
    "divert",
    "kevt",
    "kctl",
];

/// Reads a line; `columns` are those that the heading has after the state, as on macOS.
pub(super) fn parse(line: &str, columns: Columns) -> Parsed {
    let (line, has_block) = without_control_block(line);
    let words: Vec<&str> = line.split_whitespace().take(64).collect();
    let Some((name, rest)) = words.split_first() else { return Parsed::Nothing };
    let protocol = match *name {
        "tcp" | "tcp4" | "tcp6" | "tcp46" | "TCP" | "TCPv6" => Protocol::Tcp,
        "udp" | "udp4" | "udp6" | "udp46" | "UDP" | "UDPv6" => Protocol::Udp,
        other if OTHERS.contains(&other) => return Parsed::Other(other.to_owned()),
        _ => return Parsed::Nothing,
    };
    // Sizes of queues; BSD has three counters there with `-T`.
    let counters = rest.iter().take(3).take_while(|word| is_number(word)).count();
    match &rest[counters..] {
        [local, remote, rest @ ..] if counters >= 2 => {
            let fit = end::fit(local, has_block).max(end::fit(remote, has_block));
            let socket = match Socket::between(local, remote, protocol) {
                Err(Fault::Other) if fit == Fit::MayBeCut => Err(Fault::Cut),
                socket => socket.map(|socket| Socket { fit, ..socket }),
            };
            if end::dotted(local).is_some() {
                return socket.map(|socket| of_bsd(socket, rest, columns)).into();
            }
            let text = after_words(line, counters + 3);
            if columns.has_world {
                return socket.map(|socket| of_esxi(socket, rest, text)).into();
            }
            socket.map(|socket| of_linux(socket, rest, text)).into()
        }
        [local, remote, rest @ ..] if end::parse(local, protocol).is_ok() => {
            Socket::between(local, remote, protocol).map(|socket| of_windows(socket, rest)).into()
        }
        _ => Parsed::Fault(Fault::Other),
    }
}

/// The line without what AIX, BSD and macOS print first with `-A`, and whether there was any: the address of
/// the control block in memory, and on macOS a hash of the flow.
fn without_control_block(line: &str) -> (&str, bool) {
    let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_socket = |rest: &str| {
        let name = rest.split(' ').next().unwrap_or_default();
        name.starts_with("tcp") || name.starts_with("udp") || OTHERS.contains(&name)
    };
    let Some((_, rest)) = split_word(line).filter(|(block, _)| block.len() >= 8 && is_hex(block)) else {
        return (line, false);
    };
    match split_word(rest) {
        _ if is_socket(rest) => (rest, true),
        Some((hash, rest)) if is_hex(hash) && is_socket(rest) => (rest, true),
        _ => (line, false),
    }
}

/// The first word of a text, and what follows it.
fn split_word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.trim_start().split_once(char::is_whitespace)?;
    Some((word, rest.trim_start()))
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// What follows the first words of a line.
fn after_words(line: &str, words: usize) -> &str {
    (0..words).fold(line, |line, _| {
        let line = line.trim_start();
        &line[line.find(char::is_whitespace).unwrap_or(line.len())..]
    })
}

/// The state, if there is one, and the words after it.
fn take_state<'a, 'b>(socket: &mut Socket, rest: &'a [&'b str]) -> &'a [&'b str] {
    let is_word = |word: &&str| {
        word.chars().any(char::is_alphabetic) && !word.contains(['/', ':', '(', '['].as_slice())
    };
    // In some languages it is two words, and a state is printed for TCP only.
    let pair = rest.get(..2).filter(|pair| pair.iter().all(is_word)).map(<[&str]>::concat);
    let (state, words) = match pair.and_then(|pair| state::of_word(&pair)) {
        Some(state) => (Some(state), 2),
        None => (rest.first().and_then(|word| state::of_word(word)), 1),
    };
    match socket.protocol {
        Protocol::Tcp if rest.first().is_some_and(is_word) => {
            // A word that is not known: a socket without a peer can only listen.
            socket.state = state.or_else(|| socket.remote.is_none().then_some(TcpState::Listen));
            socket.has_unknown_state = socket.state.is_none();
            &rest[words..]
        }
        Protocol::Udp if state.is_some() => &rest[words..],
        _ => rest,
    }
}

/// What Linux prints after the ends: a state, a user and an inode, a process.
fn of_linux(mut socket: Socket, rest: &[&str], text: &str) -> Socket {
    if let [user, inode, ..] = take_state(&mut socket, rest)
        && is_number(inode)
        && !user.contains('/')
    {
        socket.owner.uid = user.parse().ok();
        socket.owner.username = if is_number(user) { None } else { process_name(user) };
        socket.inode = inode.parse().ok().filter(|inode| *inode != 0);
    }
    take_program(text, &mut socket.owner);
    socket
}

/// What `ESXi` prints after the ends: a state, the number of a world, how congestion is controlled, and the name of
/// the world, which may have spaces.
fn of_esxi(mut socket: Socket, rest: &[&str], text: &str) -> Socket {
    let world = take_state(&mut socket, rest).first().filter(|word| is_number(word));
    socket.owner.pid = world.and_then(|word| word.parse().ok()).filter(|pid| *pid != 0);
    let name = text.trim_end().rsplit("  ").next().filter(|name| !name.bytes().all(|b| b.is_ascii_digit()));
    socket.owner.process_name = socket.owner.pid.and(name).and_then(process_name);
    socket
}

/// What BSD and macOS print after the ends: a state, and columns that differ from one option to another.
fn of_bsd(mut socket: Socket, rest: &[&str], columns: Columns) -> Socket {
    let words = take_state(&mut socket, rest);
    if columns != Columns::default() {
        of_macos(&mut socket, words, columns);
    }
    socket
}

/// What macOS prints after the state with `-v`.
fn of_macos(socket: &mut Socket, words: &[&str], columns: Columns) {
    let number = |column: Option<usize>| words.get(column?)?.parse::<u64>().ok();
    socket.counters.bytes_received = number(columns.received);
    socket.counters.bytes_sent = number(columns.sent);
    socket.owner.pid = number(columns.pid).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0);
    let process = columns.process_and_pid.and_then(|column| words.get(column..)).unwrap_or_default();
    let pid_of = |word: &&str| word.rsplit_once(':').and_then(|(_, pid)| pid.parse::<u32>().ok());
    if let Some((last, pid)) = process.iter().enumerate().find_map(|(at, word)| Some((at, pid_of(word)?))) {
        let name = process[..=last].join(" ");
        socket.owner.process_name = name.rsplit_once(':').and_then(|(name, _)| process_name(name));
        socket.owner.pid = Some(pid).filter(|pid| *pid != 0);
    }
}

/// `4100/sshd: admin`: the process and the name that it goes by, up to a colon.
fn take_program(text: &str, owner: &mut Owner) {
    let program = text.split_whitespace().find_map(|word| {
        let (pid, name) = word.split_once('/')?;
        let pid: u32 = pid.parse().ok()?;
        Some((pid, name.as_ptr() as usize - text.as_ptr() as usize))
    });
    let Some((pid, at)) = program else { return };
    // A name may have single spaces; the next column is further away.
    let name = text[at..].split("  ").next().unwrap_or_default();
    owner.pid = Some(pid);
    owner.process_name = process_name(name.split(':').next().unwrap_or(name));
}

/// What Windows prints after the ends: a state for TCP, which may be several words, and a process if asked for
/// (`-o`).
fn of_windows(mut socket: Socket, rest: &[&str]) -> Socket {
    let words = take_state(&mut socket, rest);
    let pid = words.iter().find(|word| is_number(word));
    // The process 0 owns what nobody owns any more.
    socket.owner.pid = pid.and_then(|word| word.parse().ok()).filter(|pid| *pid != 0);
    socket
}

/// The program that `netstat -b` of Windows prints below its sockets: ` [svchost.exe]`.
pub(super) fn program_below(line: &str) -> Option<String> {
    process_name(line.trim().strip_prefix('[')?.strip_suffix(']')?)
}

/// Whether a line is a socket whatever stands above it.
pub(super) fn is_socket(line: &str) -> bool {
    matches!(parse(line, Columns::default()), Parsed::Socket(_) | Parsed::Fault(Fault::Name))
}
