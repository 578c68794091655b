//! Values in an expression: numbers with units, addresses and networks, ports.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// How a value is compared with the given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `:` and `=`: equal.
    Is,
    /// `~`: contains.
    Contains,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The unit of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A bare number.
    None,
    /// Bytes and counts: `10k`, `1M`, `2GiB`.
    Count,
    /// µs, from `50ms` or `1s`.
    Micros,
    /// Thousandths of a percent, from `12.5` or `12.5%`.
    Percent,
}

impl Unit {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Count => "count",
            Self::Micros => "micros",
            Self::Percent => "percent",
        }
    }
}

/// A range of numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    least: u64,
    most: u64,
}

/// An address or a network, with or without a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddrPattern {
    One(IpAddr),
    Socket(SocketAddr),
    Net(IpNet),
}

const COUNT_UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("b", 1.0),
    ("k", 1e3),
    ("kb", 1e3),
    ("m", 1e6),
    ("mb", 1e6),
    ("g", 1e9),
    ("gb", 1e9),
    ("t", 1e12),
    ("tb", 1e12),
    ("ki", 1024.0),
    ("kib", 1024.0),
    ("mi", 1_048_576.0),
    ("mib", 1_048_576.0),
    ("gi", 1_073_741_824.0),
    ("gib", 1_073_741_824.0),
];
const TIME_UNITS: &[(&str, f64)] = &[("", 1.0), ("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)];
const PERCENT_UNITS: &[(&str, f64)] = &[("", 1e3), ("%", 1e3)];

impl Range {
    /// The range for an operator and a number.
    pub(super) fn new(operator: Operator, text: &str, unit: Unit) -> Result<Self, String> {
        let is_range = matches!(operator, Operator::Is | Operator::Contains);
        if let Some((from, to)) = text.split_once('-').filter(|_| is_range) {
            let (least, most) = (number(from, unit)?, number(to, unit)?);
            return if least <= most {
                Ok(Self { least, most })
            } else {
                Err(format!("{text} ends before it starts"))
            };
        }
        let value = number(text, unit)?;
        let (least, most) = match operator {
            Operator::Is | Operator::Contains => (value, value),
            Operator::AtMost => (0, value),
            Operator::AtLeast => (value, u64::MAX),
            // Nothing is below 0 or above the maximum: an empty range.
            Operator::Less => value.checked_sub(1).map_or((1, 0), |most| (0, most)),
            Operator::More => value.checked_add(1).map_or((1, 0), |least| (least, u64::MAX)),
        };
        Ok(Self { least, most })
    }

    pub(super) fn holds(self, value: u64) -> bool {
        (self.least..=self.most).contains(&value)
    }
}

fn number(text: &str, unit: Unit) -> Result<u64, String> {
    let not_a_number = || match unit {
        Unit::None => format!("{text:?} is not a number"),
        Unit::Count => format!("{text:?} is not a number such as 500, 10k or 1.5M"),
        Unit::Micros => format!("{text:?} is not a time such as 250us, 50ms or 1s"),
        Unit::Percent => format!("{text:?} is not a share such as 12.5%"),
    };
    let units = match unit {
        // Ids use all 64 bits, which a float cannot represent.
        Unit::None => return text.parse().map_err(|_| not_a_number()),
        Unit::Count => COUNT_UNITS,
        Unit::Micros => TIME_UNITS,
        Unit::Percent => PERCENT_UNITS,
    };
    if let (Ok(whole), Unit::Count | Unit::Micros) = (text.parse(), unit) {
        return Ok(whole);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (digits, suffix) = text.split_at(digits);
    let suffix = suffix.to_lowercase();
    let factor = units.iter().find(|(name, _)| *name == suffix).map(|(_, factor)| *factor);
    let value: f64 = digits.parse().map_err(|_| not_a_number())?;
    let value = value * factor.ok_or_else(not_a_number)?;
    if value.is_finite() { Ok(value.round() as u64) } else { Err(not_a_number()) }
}

impl AddrPattern {
    /// Parses an address, an address with a port, or a network; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(addr) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Some(Self::One(addr.to_canonical()));
        }
        if let Ok(net) = text.parse() {
            return Some(Self::Net(net));
        }
        text.parse().ok().map(Self::Socket)
    }

    pub(super) fn holds(self, addr: IpAddr, port: u16) -> bool {
        match self {
            Self::One(wanted) => wanted == addr,
            Self::Socket(wanted) => wanted.ip().to_canonical() == addr && wanted.port() == port,
            Self::Net(net) => net.contains(&addr),
        }
    }
}
