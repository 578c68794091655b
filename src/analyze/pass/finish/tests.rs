//! Where addresses are said to be.

use super::*;

/// A text in the binary format of a database.
fn text(text: &str) -> Vec<u8> {
    [&[0x40 | text.len() as u8], text.as_bytes()].concat()
}

/// A map of these keys to these values.
fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs = entries.iter().flat_map(|(key, value)| [text(key), value.clone()]);
    [vec![0xe0 | entries.len() as u8]].into_iter().chain(pairs).flatten().collect()
}

/// A database that places every address in the world in Sweden.
fn all_in_sweden(folder: &std::path::Path) -> Databases {
    let record = map(&[("country", map(&[("iso_code", text("SE"))]))]);
    let metadata = map(&[
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x04, 0x02, 0x66, 0, 0, 0]),
        ("database_type", text("Test-Country")),
        ("description", vec![0xe0]),
        ("ip_version", vec![0xa1, 6]),
        ("languages", vec![0x00, 0x04]),
        ("node_count", vec![0xc1, 1]),
        ("record_size", vec![0xa1, 24]),
    ]);
    // One node: both branches lead to the first byte behind it and the separator of 16 bytes.
    let tree = [0, 0, 17, 0, 0, 17];
    let bytes = [&tree[..], &[0; 16], &record, b"\xab\xcd\xefMaxMind.com", &metadata].concat();
    let path = folder.join("sweden.mmdb");
    std::fs::write(&path, bytes).unwrap();
    Databases::open_named(&[path]).unwrap()
}

#[test]
fn only_public_addresses_are_looked_up_whatever_a_database_says_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let geo = all_in_sweden(folder.path());
    let mut texts = Texts::default();
    let mut located = Located::default();
    let addresses = [
        ("81.2.69.142", Some("SE")),
        ("2a02:cf40::1", Some("SE")),
        ("10.0.0.1", None),
        ("192.168.1.1", None),
        ("100.64.0.1", None),
        ("127.0.0.1", None),
        ("169.254.1.1", None),
        ("224.0.0.251", None),
        ("203.0.113.1", None),
        ("fd00::1", None),
        ("fe80::1", None),
        ("::1", None),
    ];
    for (addr, _) in addresses {
        let addr: IpAddr = addr.parse().unwrap();
        assert!(geo.lookup(addr).is_some(), "{addr}");
        located.add(texts.intern(&addr.to_string()), Some(addr), &geo);
    }
    let endpoints = located.into_endpoints(&mut texts);
    for ((addr, country), endpoint) in addresses.iter().zip(&endpoints) {
        assert_eq!(endpoint.location.country_code.map(|code| texts.get(code)), *country, "{addr}");
    }
}
