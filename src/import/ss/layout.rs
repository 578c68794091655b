//! Which table a heading begins, and what a line below it is.

use super::end::Fault;
use super::socket::Parsed;
use super::{iproute, netstat, solaris};
use crate::capture::Protocol;

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// None yet.
    Outside,
    Ss,
    /// On macOS with `-v`, the process is in this column after the state.
    Netstat {
        pid_column: Option<usize>,
    },
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
            ["Proto", second, ..] if !second.bytes().any(|byte| byte.is_ascii_digit()) => {
                Some(Self::Netstat { pid_column: pid_column(&words) })
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
            Self::Netstat { pid_column } => netstat::parse(line, pid_column),
            Self::Solaris(protocol) => solaris::parse(line, protocol),
            Self::Outside | Self::Other => match iproute::parse(line, false) {
                Parsed::Nothing | Parsed::Fault(Fault::Other) => match netstat::parse(line, None) {
                    // A sentence that begins with the name of a protocol.
                    Parsed::Fault(Fault::Other) => Parsed::Nothing,
                    parsed => parsed,
                },
                parsed => parsed,
            },
        }
    }

    /// Whether a line of it that is no socket should have been one.
    pub(super) fn is_of_sockets(self) -> bool {
        matches!(self, Self::Ss | Self::Netstat { .. } | Self::Solaris(_))
    }
}

/// Words after `(state)` up to `pid`, as `netstat -v` of macOS has them.
fn pid_column(words: &[&str]) -> Option<usize> {
    let state = words.iter().position(|word| *word == "(state)")?;
    words[state + 1..].iter().position(|word| *word == "pid")
}
