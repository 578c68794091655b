//! The patterns in an entry: texts with wildcards, networks, port ranges.

use std::fmt;
use std::net::IpAddr;

use globset::{GlobBuilder, GlobMatcher};
use ipnet::IpNet;
use serde::Deserialize;

/// A value or a list of values.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

/// A pattern, and how it was written.
pub(super) trait Pattern: Sized + fmt::Display {
    /// As written in the file.
    type Written;

    /// # Errors
    /// A sentence: what is wrong with it.
    fn parse(written: Self::Written) -> Result<Self, String>;
}

/// A text with `*` for any characters, including `/`, and `?` for one.
#[derive(Debug, Clone)]
pub(super) struct Text(GlobMatcher);

impl Text {
    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl Pattern for Text {
    type Written = String;

    fn parse(written: String) -> Result<Self, String> {
        let glob = GlobBuilder::new(&written).literal_separator(false).build();
        Ok(Self(glob.map_err(|e| format!("{written:?}: {}", e.kind()))?.compile_matcher()))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.glob().glob())
    }
}

/// An address or a network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network(IpNet);

impl Network {
    /// Whether an address is in it; a text that is not an address never is.
    pub(super) fn contains(self, addr: &str) -> bool {
        addr.parse::<IpAddr>().is_ok_and(|addr| self.0.contains(&addr.to_canonical()))
    }
}

impl Pattern for Network {
    type Written = String;

    fn parse(written: String) -> Result<Self, String> {
        let network = written.parse::<IpAddr>().map(IpNet::from).or_else(|_| written.parse::<IpNet>());
        network.map(Self).map_err(|_| format!("{written:?} is neither an address nor a network"))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

/// A port or a range of ports, both ends included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    first: u16,
    last: u16,
}

/// A port as a number, a range as a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum WrittenPort {
    Number(i64),
    Range(String),
}

impl Ports {
    pub(super) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl Pattern for Ports {
    type Written = WrittenPort;

    fn parse(written: WrittenPort) -> Result<Self, String> {
        let text = match written {
            WrittenPort::Number(number) => number.to_string(),
            WrittenPort::Range(range) => range,
        };
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!("{text:?} is neither a port nor a range such as \"8000-8099\"")),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}
