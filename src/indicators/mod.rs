//! Indicators of compromise from external lists.
//!
//! Each file here is one format, which is recognized by the list's content. A line that cannot be
//! read does not affect the others: it is counted, and the first one is quoted.

mod lines;
mod misp;
mod observable;
mod stix;

use std::path::Path;

pub use observable::Observable;

use crate::{Error, Result};

/// Maximum size of a list, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// Maximum number of indicators in all lists together, so that a hostile or broken list cannot fill
/// the memory.
const MAX_INDICATORS: usize = 5_000_000;

/// Maximum length of a description, in characters.
const MAX_DESCRIPTION: usize = 200;

/// An observable to search for, and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicator {
    /// What to search for.
    pub what: Observable,
    /// Name of the list's file.
    pub source: String,
    /// Its id in the list, or its line number.
    pub id: String,
    /// What the list says about it; may be empty.
    pub description: String,
}

/// The indicators of all lists.
#[derive(Debug, Default)]
pub struct Indicators {
    /// In list order.
    pub list: Vec<Indicator>,
    /// What in the lists could not be used, one sentence each.
    pub notes: Vec<String>,
}

/// The result of a format's parser: indicators, and what could not be used.
#[derive(Debug, Default)]
struct Parsed {
    found: Vec<Indicator>,
    /// Number of entries without a counterpart in a capture, and the first of them.
    unusable: u64,
    first_unusable: Option<String>,
    /// Number of entries that the list marks as not for detection.
    context: u64,
}

impl Parsed {
    fn add(&mut self, what: Option<Observable>, written: &str, id: &str, description: &str) {
        match what {
            Some(what) => self.found.push(Indicator {
                what,
                source: String::new(),
                id: id.to_owned(),
                description: description.trim().chars().take(MAX_DESCRIPTION).collect(),
            }),
            None => self.refuse(written, id),
        }
    }

    fn refuse(&mut self, written: &str, id: &str) {
        self.unusable += 1;
        let quote = || format!("{:?} ({id})", written.chars().take(60).collect::<String>());
        self.first_unusable.get_or_insert_with(quote);
    }
}

impl Indicators {
    /// Reads a list and adds its indicators.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Config`] if nothing in it can be used.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        let size = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        let refuse = |reason: String| Error::Config { path: path.to_path_buf(), reason };
        if size > MAX_BYTES {
            return Err(refuse(format!("a list may have at most {MAX_BYTES} bytes; this one has {size}")));
        }
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.add(&name, &bytes).map_err(refuse)
    }

    /// Adds the indicators of a list.
    ///
    /// # Errors
    /// A sentence, if nothing in it can be used.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let parsed = parse(bytes)?;
        if parsed.found.is_empty() {
            let first = parsed.first_unusable.map(|first| format!("; the first entry is {first}"));
            return Err(format!(
                "no indicator that netrec can use (addresses, networks, ports, names, paths, SHA-256, JA3 and JA4){}",
                first.unwrap_or_default()
            ));
        }
        if self.list.len() + parsed.found.len() > MAX_INDICATORS {
            return Err(format!("more than {MAX_INDICATORS} indicators in total"));
        }
        if let Some(first) = parsed.first_unusable {
            let number = parsed.unusable;
            self.notes.push(format!("{name}: {number} entries cannot be used; the first is {first}."));
        }
        if parsed.context > 0 {
            let number = parsed.context;
            self.notes.push(format!(
                "{name}: {number} entries are marked as context or revoked, and were \
                skipped."
            ));
        }
        let named = parsed.found.into_iter().map(|found| Indicator { source: name.to_owned(), ..found });
        self.list.extend(named);
        Ok(())
    }
}

/// Chooses the parser by content: JSON from MISP or STIX, else lines.
fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with(['{', '[']) || lines::starts_with_defanged(text) {
        return Ok(lines::parse(text));
    }
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|e| format!("it looks like JSON but does not parse: {e}"))?;
    if json["type"] == "bundle" || json["type"] == "indicator" {
        return Ok(stix::parse(&json));
    }
    misp::parse(&json).ok_or_else(|| "JSON, but neither a STIX 2.1 bundle nor a MISP event".to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn added(bytes: &[u8]) -> Indicators {
        let mut indicators = Indicators::default();
        indicators.add("list", bytes).unwrap();
        indicators
    }

    fn whats(indicators: &Indicators) -> Vec<Observable> {
        indicators.list.iter().map(|indicator| indicator.what.clone()).collect()
    }

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_plain_list_has_one_indicator_a_line() {
        let hash = "AB".repeat(32);
        let text = format!(
            "# comment\n203.0.113.7\n\n198.51.100.0/24\nevil[.]example\nhxxps://Bad.example:8443/x?y\n\
             203.0.113.8:4444\n{hash}\n/tmp/.x/kworker\nd41d8cd98f00b204e9800998ecf8427e\n"
        );
        let indicators = added(text.as_bytes());
        assert_eq!(
            whats(&indicators),
            [
                Observable::Network(addr("203.0.113.7").into()),
                Observable::Network("198.51.100.0/24".parse().unwrap()),
                Observable::Name("evil.example".to_owned()),
                Observable::Name("bad.example".to_owned()),
                Observable::Endpoint(addr("203.0.113.8"), 4444),
                Observable::Sha256(hash.to_lowercase()),
                Observable::Path("/tmp/.x/kworker".to_owned()),
            ]
        );
        assert_eq!(indicators.list[0].id, "line 2");
        assert_eq!(indicators.notes.len(), 1);
        assert!(indicators.notes[0].contains("1 entries") && indicators.notes[0].contains("line 10"));
    }

    #[test]
    fn an_md5_is_a_ja3_only_in_a_list_that_says_so() {
        let md5 = "de350869b8c85de67a350c8d186f11e6";
        let ja4 = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        let list =
            format!("# ja3_md5,Firstseen,Lastseen,Listingreason\n{md5},2017-07-14,2019-07-27,Adware\n");
        assert_eq!(whats(&added(list.as_bytes())), [Observable::Ja3(md5.to_owned())]);
        let list = format!("{md5}\n{ja4}\n");
        let indicators = added(list.as_bytes());
        assert_eq!((whats(&indicators), indicators.notes.len()), (vec![Observable::Ja4(ja4.to_owned())], 1));
        let misp = format!(
            r#"{{"Event": {{"info": "x", "Attribute": [
                {{"type": "ja3-fingerprint-md5", "value": "{md5}", "to_ids": true}}]}}}}"#
        );
        assert_eq!(whats(&added(misp.as_bytes())), [Observable::Ja3(md5.to_owned())]);
    }

    #[test]
    fn a_csv_has_its_value_anywhere_and_the_rest_is_its_description() {
        let text =
            b"id,indicator,type,comment\nx1,203.0.113.7,ip,\"C2, seen May\"\nx2,evil.example,domain,\n";
        let indicators = added(text);
        assert_eq!(indicators.list.len(), 2);
        let first = &indicators.list[0];
        assert_eq!((first.id.as_str(), first.description.as_str()), ("line 2", "x1, ip, C2, seen May"));
    }

    #[test]
    fn a_misp_event_gives_what_it_marks_for_detection() {
        let text = br#"{"Event": {"info": "Case 7",
            "Attribute": [
                {"uuid": "u1", "type": "ip-dst", "value": "203.0.113.7", "to_ids": true, "comment": "C2"},
                {"uuid": "u2", "type": "ip-dst|port", "value": "203.0.113.8|4444", "to_ids": true},
                {"uuid": "u3", "type": "domain", "value": "harmless.example", "to_ids": false},
                {"uuid": "u4", "type": "email-src", "value": "a@b.example", "to_ids": true}],
            "Object": [{"Attribute": [{"uuid": "u5", "type": "filename|sha256", "to_ids": true,
                "value": "x|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}]}}"#;
        let indicators = added(text);
        assert_eq!(
            whats(&indicators),
            [
                Observable::Network(addr("203.0.113.7").into()),
                Observable::Endpoint(addr("203.0.113.8"), 4444),
                Observable::Sha256("a".repeat(64)),
            ]
        );
        assert_eq!(
            (indicators.list[0].id.as_str(), indicators.list[0].description.as_str()),
            ("u1", "Case 7: C2")
        );
        assert_eq!(indicators.notes.len(), 2);
    }

    #[test]
    fn a_stix_bundle_gives_what_its_patterns_compare() {
        let indicator = |id: &str, pattern: &str, revoked: bool| {
            serde_json::json!({"type": "indicator", "id": id, "name": "n", "pattern_type": "stix",
                "pattern": pattern, "revoked": revoked})
        };
        let bundle = serde_json::json!({"type": "bundle", "objects": [
            indicator("i1", "[ipv4-addr:value = '203.0.113.7'] OR [domain-name:value = 'Evil.example']", false),
            indicator("i2", "[network-traffic:dst_ref.value = '203.0.113.8' AND network-traffic:dst_port = 443]", false),
            indicator("i3", "[file:hashes.MD5 = 'x' OR file:hashes.'SHA-256' = 'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB']", false),
            indicator("i4", "[ipv4-addr:value ISSUBSET '198.51.100.0/24']", false),
            indicator("i5", "[ipv4-addr:value = '203.0.113.9']", true),
            indicator("i6", "[process:name = 'x' AND process:pid = 3]", false),
            indicator("i7", "[ipv4-addr:value IN ('203.0.113.10', '203.0.113.11')]", false),
            indicator("i8", "[ipv4-addr:value = '203.0.113.7'] FOLLOWEDBY [domain-name:value = 'x.example']", false),
            indicator("i9", "[ipv4-addr:value = 'it''s broken", false),
            {"type": "malware", "id": "m"}]});
        let indicators = added(bundle.to_string().as_bytes());
        assert_eq!(
            whats(&indicators),
            [
                Observable::Network(addr("203.0.113.7").into()),
                Observable::Name("evil.example".to_owned()),
                Observable::Endpoint(addr("203.0.113.8"), 443),
                Observable::Sha256("b".repeat(64)),
                Observable::Network("198.51.100.0/24".parse().unwrap()),
                Observable::Network(addr("203.0.113.10").into()),
                Observable::Network(addr("203.0.113.11").into()),
            ]
        );
        assert!(indicators.notes[0].starts_with("list: 3 entries"), "{:?}", indicators.notes);
    }

    #[test]
    fn a_list_without_anything_usable_is_refused_with_its_first_entry() {
        for (bytes, says) in [
            (&b"hello world\n"[..], "hello world"),
            (b"", "no indicator"),
            (b"{\"a\": 1}", "neither"),
            (b"{\"a\": ", "looks like JSON"),
        ] {
            let error = Indicators::default().add("list", bytes).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
