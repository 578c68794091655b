//! Lines of `conn.log` without a header, as `zeek-cut` prints them.
//!
//! Only what a value itself proves is taken: a time, addresses with their ports, a protocol, a
//! connection's identity and state. Which count a number is cannot be told, unless the line has
//! all columns of `conn.log` in their usual places.

use std::net::IpAddr;

use super::conn;
use super::record::{Field, Record};

const SEPARATORS: &[u8] = b"\t,|;";

/// Columns of `conn.log` up to the first that not all versions have (Zeek's manual, "conn.log").
const FULL: [Option<Field>; 13] = [
    Some(Field::Ts),
    Some(Field::Uid),
    Some(Field::OrigH),
    Some(Field::OrigP),
    Some(Field::RespH),
    Some(Field::RespP),
    Some(Field::Proto),
    Some(Field::Service),
    Some(Field::Duration),
    Some(Field::OrigBytes),
    Some(Field::RespBytes),
    Some(Field::ConnState),
    Some(Field::LocalOrig),
];

/// Those after it: `local_resp` is of Zeek since 2.4.
const TAIL: [Option<Field>; 6] = [
    Some(Field::MissedBytes),
    Some(Field::History),
    Some(Field::OrigPkts),
    Some(Field::OrigIpBytes),
    Some(Field::RespPkts),
    None,
];

const STATES: &[&[u8]] = &[
    b"S0", b"S1", b"SF", b"REJ", b"S2", b"S3", b"RSTO", b"RSTR", b"RSTOS0", b"RSTRH", b"SH", b"SHR", b"OTH",
];

/// Earlier than this (1973), a number is a duration and no time.
const LEAST_TIME_US: i64 = 100_000_000_000_000;

/// Which column is what.
#[derive(Debug)]
pub(super) struct Bare {
    separator: u8,
    columns: Vec<Option<Field>>,
    /// Whether all columns are in their usual places, so that counts are known.
    pub(super) is_full: bool,
}

impl Bare {
    /// By a line; none if that does not prove to be a connection.
    pub(super) fn new(line: &[u8]) -> Option<Self> {
        SEPARATORS.iter().find_map(|separator| {
            let values: Vec<&[u8]> = line.split(|byte| byte == separator).take(64).collect();
            let columns = full(&values);
            let is_full = columns.is_some();
            Some(Self { separator: *separator, columns: columns.or_else(|| proved(&values))?, is_full })
        })
    }

    /// The fields of a line.
    pub(super) fn record<'a>(&self, line: &'a [u8]) -> Record<'a> {
        let mut record = Record::EMPTY;
        let values = line.split(|byte| *byte == self.separator);
        for (value, column) in values.zip(&self.columns) {
            if let Some(field) = column
                && !matches!(value, b"-" | b"(empty)")
            {
                record.set(*field, value);
            }
        }
        record
    }
}

/// All columns of `conn.log`, where the telling ones are in their places.
fn full(values: &[&[u8]]) -> Option<Vec<Option<Field>>> {
    let has_local_resp = values.get(13).is_some_and(|value| matches!(*value, b"T" | b"F" | b"-"));
    let local_resp = has_local_resp.then_some(Some(Field::LocalResp));
    let columns: Vec<Option<Field>> = FULL.into_iter().chain(local_resp).chain(TAIL).collect();
    let proved = proved(values)?;
    let is_in_place = |field| {
        let place = |columns: &[Option<Field>]| columns.iter().position(|column| *column == Some(field));
        place(&proved) == place(&columns)
    };
    let telling = [Field::Ts, Field::Uid, Field::OrigH, Field::RespP, Field::Proto, Field::ConnState];
    (values.len() >= columns.len() && telling.into_iter().all(is_in_place)).then_some(columns)
}

/// The columns that their values prove.
fn proved(values: &[&[u8]]) -> Option<Vec<Option<Field>>> {
    let mut columns = vec![None; values.len()];
    let mut place = |is: &dyn Fn(&[u8]) -> bool, field: Field| {
        let at = values.iter().position(|value| is(value))?;
        columns[at] = Some(field);
        Some(at)
    };
    place(
        &|value| conn::timestamp(value).is_some_and(|ts| ts.us > LEAST_TIME_US) && !is_port(value),
        Field::Ts,
    )?;
    place(&|value| matches!(value, b"tcp" | b"udp" | b"icmp"), Field::Proto)?;
    let uid = place(&is_uid, Field::Uid);
    let state = place(&|value| STATES.contains(&value), Field::ConnState);
    uid.or(state)?;
    let is_end = |pair: &[&[u8]]| is_addr(pair[0]) && is_port(pair[1]);
    let first = values.windows(2).position(is_end)?;
    let second = first + 2 + values.get(first + 2..)?.windows(2).position(is_end)?;
    columns[first..first + 2].copy_from_slice(&[Some(Field::OrigH), Some(Field::OrigP)]);
    columns[second..second + 2].copy_from_slice(&[Some(Field::RespH), Some(Field::RespP)]);
    Some(columns)
}

fn is_addr(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

fn is_port(value: &[u8]) -> bool {
    value.len() <= 5 && crate::import::number::unsigned(value).is_some_and(|port| port <= 65_535)
}

/// `CHhAvVGS1DHFjwGM9`, or the number in base 62 of early versions.
fn is_uid(value: &[u8]) -> bool {
    matches!(value, [b'C', rest @ ..] if (9..=20).contains(&rest.len()) && rest.iter().all(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_has_counts_and_a_cut_one_has_what_it_proves() {
        let full = b"1700000000.25\tCHhAvVGS1DHFjwGM9\t10.0.0.1\t40000\t192.0.2.1\t443\ttcp\tssl\t1.5\t517\t4096\tSF\tT\tF\t0\tShADadFf\t10\t1037\t12\t4720\t-";
        let bare = Bare::new(full).unwrap();
        let record = bare.record(full);
        assert!(bare.is_full);
        assert_eq!((record.text(Field::OrigBytes), record.text(Field::RespPkts)), (Some("517"), Some("12")));

        let cut = b"2023-11-14T22:13:20+0000\t10.0.0.1\t40000\t192.0.2.1\t443\ttcp\t517\t4096\tSF";
        let bare = Bare::new(cut).unwrap();
        let record = bare.record(cut);
        assert_eq!((bare.is_full, record.get(Field::OrigBytes)), (false, None));
        assert_eq!((record.text(Field::RespH), record.text(Field::RespP)), (Some("192.0.2.1"), Some("443")));
        assert_eq!(record.text(Field::ConnState), Some("SF"));
    }

    #[test]
    fn lines_that_prove_no_connection_are_none() {
        for line in [
            "",
            "1700000000.25\t10.0.0.1\t192.0.2.1\ttcp\tSF",
            "10.0.0.1\t40000\t192.0.2.1\t443\ttcp\tSF",
            "1700000000.25\t10.0.0.1\t40000\t192.0.2.1\t443\ttcp",
            "1700000000.25\tC1\ttext",
            "x:1700000000.25\tCHhAvVGS1DHFjwGM9\t10.0.0.1\t40000\t192.0.2.1\t443\ttcp\t1.5\tSF",
        ] {
            assert!(Bare::new(line.as_bytes()).is_none(), "{line}");
        }
    }
}
