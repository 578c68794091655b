//! Geolocation with intact and damaged databases.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use netrec::geo::{Databases, GeoLocation};

fn database(name: &str) -> PathBuf {
    Path::new("tests/data/geoip").join(name)
}

fn lookup(names: &[&str], addr: &str) -> Option<GeoLocation> {
    let paths: Vec<PathBuf> = names.iter().map(|name| database(name)).collect();
    Databases::open_named(&paths).unwrap().lookup(addr.parse().unwrap())
}

#[test]
fn the_test_databases_say_what_their_source_says() {
    let cases = [
        ("81.2.69.142", "GB", Some("London")),
        ("2.125.160.216", "GB", Some("Boxford")),
        ("89.160.20.112", "SE", Some("Linköping")),
        ("216.160.83.56", "US", Some("Milton")),
        ("2001:218::1", "JP", None),
        ("::ffff:81.2.69.142", "GB", Some("London")),
    ];
    for (addr, code, city) in cases {
        let place = lookup(&["GeoLite2-City-Test.mmdb"], addr).unwrap_or_else(|| panic!("{addr} is unknown"));
        assert_eq!((place.country_code.as_deref(), place.city.as_deref()), (Some(code), city), "{addr}");
        assert!(place.country.is_some(), "{addr}");
    }
    assert_eq!(lookup(&["GeoLite2-City-Test.mmdb"], "8.8.8.8"), None);
}

#[test]
fn databases_complete_each_other() {
    let place = lookup(&["GeoLite2-ASN-Test.mmdb", "GeoLite2-City-Test.mmdb"], "89.160.20.112").unwrap();
    assert_eq!(place.asn, Some(29518));
    assert_eq!(place.as_organization.as_deref(), Some("Bredband2 AB"));
    assert_eq!(place.city.as_deref(), Some("Linköping"));
    let telstra = lookup(&["GeoLite2-ASN-Test.mmdb"], "1.128.0.0").unwrap();
    assert_eq!((telstra.asn, telstra.country_code), (Some(1221), None));
}

#[test]
fn a_database_says_who_made_it_and_when() {
    let sources = Databases::open_named(&[database("GeoLite2-City-Test.mmdb")]).unwrap().sources();
    assert_eq!(sources[0].name, "GeoLite2-City");
    assert!(sources[0].attribution.contains("created by MaxMind"), "{}", sources[0].attribution);
    assert_eq!(sources[0].url.as_deref(), Some("https://www.maxmind.com"));
    assert_eq!(sources[0].date.len(), "2026-06-01".len(), "{}", sources[0].date);
}

#[cfg(feature = "geoip-builtin")]
#[test]
fn without_any_file_countries_are_known_and_db_ip_is_named() {
    let databases = Databases::open(&[]).unwrap();
    let country = |addr: &str| databases.lookup(addr.parse().unwrap()).and_then(|place| place.country_code);
    assert_eq!(country("8.8.8.8").as_deref(), Some("US"));
    assert_eq!(country("193.99.144.80").as_deref(), Some("DE"));
    assert_eq!(country("2001:200::1").as_deref(), Some("JP"));
    let builtin = databases.sources().pop().unwrap();
    assert_eq!(builtin.attribution, "IP Geolocation by DB-IP");
    assert_eq!(builtin.url.as_deref(), Some("https://db-ip.com"));
    assert_eq!(builtin.date, "2026-06-01");
}

#[test]
fn a_named_file_that_is_no_database_is_an_error_with_its_name() {
    for path in ["Cargo.toml", "tests", "no/such/file.mmdb", "/dev/zero"] {
        let error = Databases::open(&[path.into()]).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
}

/// Every intentionally damaged database, and those of unusual kinds.
fn odd_databases() -> Vec<PathBuf> {
    let folders = ["", "bad-data/libmaxminddb", "bad-data/maxminddb-golang", "bad-data/maxminddb-python"];
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(database(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "mmdb"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn a_broken_database_is_refused_or_gives_no_answer_but_never_panics() {
    let paths = odd_databases();
    assert!(paths.len() > 25, "{}", paths.len());
    let mut refused = 0;
    for path in paths {
        match Databases::open_named(std::slice::from_ref(&path)) {
            Ok(databases) => {
                for n in 0..4096_u32 {
                    let spread = n.wrapping_mul(0x9e37_79b1);
                    databases.lookup(IpAddr::V4(spread.into()));
                    databases.lookup(IpAddr::V6((u128::from(spread) << 96 | u128::from(n)).into()));
                }
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("not a usable geolocation database"), "{error}");
            }
        }
    }
    assert!(refused >= 10, "{refused}");
}

#[test]
fn a_database_cut_short_or_changed_anywhere_never_panics() {
    let whole = std::fs::read(database("GeoLite2-ASN-Test.mmdb")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.mmdb");
    let try_bytes = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        if let Ok(databases) = Databases::open_named(std::slice::from_ref(&path)) {
            databases.lookup("89.160.20.112".parse().unwrap());
            databases.lookup("2001:218::1".parse().unwrap());
        }
    };
    for cut in (0..whole.len()).step_by(97) {
        try_bytes(&whole[..cut]);
        let mut changed = whole.clone();
        changed[cut] ^= 0xff;
        try_bytes(&changed);
    }
}
