//! Which table a heading begins, and what a line below it is.

use super::end::Fault;
use super::socket::Parsed;
use super::{iproute, netstat, solaris};
use crate::capture::Protocol;

/// What macOS (`netstat -v`) and `ESXi` (`esxcli network ip connection list`) have after the state, of macOS by the
/// number of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Columns {
    /// `rxbytes` and `txbytes`.
    pub(super) received: Option<usize>,
    pub(super) sent: Option<usize>,
    /// `pid`, and since macOS 14 `process:pid`, where a name may have spaces.
    pub(super) pid: Option<usize>,
    pub(super) process_and_pid: Option<usize>,
    /// `World ID`, `CC Algo` and `World Name`: the process that `ESXi` calls a world.
    pub(super) has_world: bool,
}

impl Columns {
    fn new(heading: &[&str]) -> Self {
        if heading.windows(2).any(|pair| pair == ["World", "ID"]) {
            return Self { has_world: true, ..Self::default() };
        }
        let Some(state) = heading.iter().position(|word| *word == "(state)") else { return Self::default() };
        let find = |name: &str| heading[state + 1..].iter().position(|word| *word == name);
        Self {
            received: find("rxbytes"),
            sent: find("txbytes"),
            pid: find("pid"),
            process_and_pid: find("process:pid"),
            has_world: false,
        }
    }
}

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// None yet.
    Outside,
    Ss,
    Netstat(Columns),
    Solaris(Protocol),
    /// A table of something else, such as Unix sockets.
    Other,
}

impl Layout {
    /// The table that a heading begins.
    pub(super) fn of_heading(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().take(32).collect();
        match words.as_slice() {
            ["State" | "Netid", "Recv-Q" | "State", ..] | ["Recv-Q", "Send-Q", "Local", ..] => Some(Self::Ss),
            // All languages of Linux and most of Windows have this word.
            ["Proto", second, ..] | [_, "Proto", second, ..] | [_, _, "Proto", second, ..]
                if !second.bytes().any(|byte| byte.is_ascii_digit()) =>
            {
                Some(Self::Netstat(Columns::new(&words)))
            }
            _ => solaris::title(line).map(Self::Solaris),
        }
    }

    /// Whether a line is a heading that nothing else has.
    pub(super) fn is_heading(line: &str) -> bool {
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        matches!(
            words.as_slice(),
            ["State" | "Proto", "Recv-Q", ..]
                | ["Netid", "State" | "Recv-Q", ..]
                | ["Recv-Q", "Send-Q", "Local", ..]
                | ["Proto", "Local", "Address", ..]
        ) || solaris::title(line).is_some()
    }

    /// What a line in it is.
    pub(super) fn parse(self, line: &str) -> Parsed {
        match self {
            Self::Ss => iproute::parse(line, true),
            Self::Netstat(columns) => netstat::parse(line, columns),
            Self::Solaris(protocol) => solaris::parse(line, protocol),
            Self::Outside | Self::Other => match iproute::parse(line, false) {
                Parsed::Nothing | Parsed::Fault(Fault::Other) => {
                    match netstat::parse(line, Columns::default()) {
                        // A sentence that begins with the name of a protocol.
                        Parsed::Fault(Fault::Other) => Parsed::Nothing,
                        parsed => parsed,
                    }
                }
                parsed => parsed,
            },
        }
    }

    /// Whether a line of it that is no socket should have been one.
    pub(super) fn is_of_sockets(self) -> bool {
        matches!(self, Self::Ss | Self::Netstat(_) | Self::Solaris(_))
    }
}
