//! A database in `MaxMind`'s format, from any vendor.

use std::borrow::Cow;
use std::net::IpAddr;

use chrono::DateTime;
use maxminddb::{LookupResult, PathElement, Reader};
use serde::Deserialize;

use super::{GeoLocation, SourceInfo};

/// The attribution that DB-IP requires.
pub(super) const DB_IP_ATTRIBUTION: &str = "IP Geolocation by DB-IP";
/// The link that DB-IP requires.
pub(super) const DB_IP_URL: &str = "https://db-ip.com";

/// Maximum length of a text from a database, in characters.
const MOST_CHARACTERS: usize = 200;

/// Addresses for testing a database: if they can be looked up without an error, tree and records
/// are where the metadata says. They are far apart in the tree.
const PROBES: [&str; 6] = ["1.1.1.1", "8.8.8.8", "81.2.69.142", "203.0.113.1", "2001:218::1", "2a00:1450::1"];

/// Paths of each field: nested as in `MaxMind`'s databases, or flat as in others. The first
/// existing path counts.
const COUNTRY_CODE: &[&[&str]] = &[&["country", "iso_code"], &["country_code"]];
const COUNTRY: &[&[&str]] = &[&["country", "names", "en"], &["country_name"], &["country"]];
const CITY: &[&[&str]] = &[&["city", "names", "en"], &["city"]];
const ASN: &[&[&str]] =
    &[&["autonomous_system_number"], &["traits", "autonomous_system_number"], &["as_number"], &["asn"]];
const AS_ORGANIZATION: &[&[&str]] = &[
    &["autonomous_system_organization"],
    &["traits", "autonomous_system_organization"],
    &["as_organization"],
    &["as_name"],
];

/// The bytes of a database, from a file or from the program itself.
type Bytes = Cow<'static, [u8]>;

/// A tested database.
#[derive(Debug)]
pub(super) struct Database {
    reader: Reader<Bytes>,
    info: SourceInfo,
}

impl Database {
    /// Opens and tests a database; `file_name` helps to identify its vendor. The error is a
    /// sentence.
    pub(super) fn new(bytes: Bytes, file_name: &str) -> Result<Self, String> {
        let reader = Reader::from_source(bytes).map_err(|e| e.to_string())?;
        let info = describe(&reader, file_name);
        let database = Self { reader, info };
        for probe in PROBES {
            let addr: IpAddr = probe.parse().map_err(|_| format!("{probe} is no address"))?;
            database.try_address(addr)?;
        }
        Ok(database)
    }

    /// Which database it is.
    pub(super) fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// Sets which database it is, for one whose own metadata does not say.
    #[cfg(feature = "geoip-builtin")]
    pub(super) fn describe(&mut self, info: SourceInfo) {
        self.info = info;
    }

    /// Looks up an address. A damaged or unexpected record counts as not found.
    pub(super) fn lookup(&self, addr: IpAddr) -> Option<GeoLocation> {
        let record = self.record(addr)?.ok()?;
        let location = GeoLocation {
            country_code: text(&record, COUNTRY_CODE).filter(|code| code.len() == 2),
            country: text(&record, COUNTRY).filter(|name| name.len() > 2),
            city: text(&record, CITY),
            asn: number(&record, ASN),
            as_organization: text(&record, AS_ORGANIZATION),
        };
        (location != GeoLocation::default()).then_some(location)
    }

    /// The record of an address; `None` if the database has none, or no addresses of that family.
    fn record(&self, addr: IpAddr) -> Option<Result<LookupResult<'_, Bytes>, String>> {
        let addr = addr.to_canonical();
        if addr.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return None;
        }
        match self.reader.lookup(addr) {
            Ok(record) => record.has_data().then_some(Ok(record)),
            Err(error) => Some(Err(error.to_string())),
        }
    }

    fn try_address(&self, addr: IpAddr) -> Result<(), String> {
        match self.record(addr) {
            None => Ok(()),
            Some(Ok(record)) => {
                record.decode::<serde::de::IgnoredAny>().map(|_| ()).map_err(|e| e.to_string())
            }
            Some(Err(reason)) => Err(reason),
        }
    }
}

/// The first path to a non-empty text.
fn text(record: &LookupResult<'_, Bytes>, paths: &[&[&str]]) -> Option<String> {
    let found = paths.iter().find_map(|path| decode::<&str>(record, path).filter(|text| !text.is_empty()))?;
    Some(found.chars().take(MOST_CHARACTERS).collect())
}

/// The first path to a number, written as `29518` or `AS29518`.
fn number(record: &LookupResult<'_, Bytes>, paths: &[&[&str]]) -> Option<u32> {
    paths.iter().find_map(|path| {
        decode::<u32>(record, path).or_else(|| {
            let text = decode::<&str>(record, path)?;
            text.strip_prefix("AS").unwrap_or(text).parse().ok()
        })
    })
}

fn decode<'a, T: Deserialize<'a>>(record: &LookupResult<'a, Bytes>, path: &[&str]) -> Option<T> {
    let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
    record.decode_path(&path).ok().flatten()
}

fn describe(reader: &Reader<Bytes>, file_name: &str) -> SourceInfo {
    let metadata = reader.metadata();
    let short = |text: &str| text.chars().take(MOST_CHARACTERS).collect::<String>();
    let kind = metadata.database_type.to_lowercase();
    let (attribution, url) = if kind.starts_with("dbip") || file_name.to_lowercase().starts_with("dbip") {
        (DB_IP_ATTRIBUTION.to_owned(), Some(DB_IP_URL.to_owned()))
    } else if kind.starts_with("geolite2") {
        let words = "This product includes GeoLite2 data created by MaxMind";
        (words.to_owned(), Some("https://www.maxmind.com".to_owned()))
    } else {
        let description = metadata.description.get("en").or_else(|| metadata.description.values().next());
        (short(description.map_or("", String::as_str)), None)
    };
    let name =
        if metadata.database_type.is_empty() { short(file_name) } else { short(&metadata.database_type) };
    SourceInfo { name, date: date(metadata.build_epoch), attribution, url }
}

/// `YYYY-MM-DD`
fn date(epoch_s: u64) -> String {
    i64::try_from(epoch_s)
        .ok()
        .filter(|seconds| *seconds > 0)
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .map_or_else(|| "unknown".to_owned(), |time| time.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_cannot_be_is_unknown() {
        assert_eq!(date(1_780_272_000), "2026-06-01");
        assert_eq!(date(0), "unknown");
        assert_eq!(date(u64::MAX), "unknown");
    }
}
