//! Free text: replaces names, addresses and paths in it, and keeps the rest.

use std::net::{IpAddr, SocketAddr};

use super::Redactor;
use super::dictionary::Kind;

/// Paths that exist on every Linux host and help to understand a finding.
const PLACES_OF_THE_SYSTEM: [&str; 3] = ["/proc/", "/sys/", "/dev/"];

impl Redactor {
    /// Replaces names, addresses and paths in a text by pseudonyms.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut previous = None;
        while let Some(c) = rest.chars().next() {
            let before = &text[..text.len() - rest.len()];
            let found = self.name(before, previous, rest).or_else(|| self.address(previous, rest));
            let (taken, replacement) = match found.or_else(|| self.path(previous, rest)) {
                Some((taken, replacement)) => (taken, replacement),
                None => (c.len_utf8(), c.to_string()),
            };
            out.push_str(&replacement);
            previous = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
        out
    }

    /// Replaces a known name at a word boundary.
    fn name(&self, before: &str, previous: Option<char>, rest: &str) -> Option<(usize, String)> {
        let is_inside =
            previous.is_some_and(char::is_alphanumeric) && rest.starts_with(char::is_alphanumeric);
        let (name, pseudonym) = self.dictionary.find(rest).filter(|_| !is_inside)?;
        if self.dictionary.is_own_word(name) && !is_name_expected(before, &rest[name.len()..]) {
            return None;
        }
        Some((name.len(), pseudonym.to_owned()))
    }

    /// Replaces an address, known or not, with or without a port; also after a colon, as in a
    /// filter's `remote:192.0.2.7`.
    fn address(&self, previous: Option<char>, rest: &str) -> Option<(usize, String)> {
        let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
        if previous.is_some_and(|c| c.is_alphanumeric() || c == '.') || !rest.starts_with(is_part) {
            return None;
        }
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        // An address may end a sentence.
        let run = rest[..end].trim_end_matches('.');
        let run = if run.ends_with("::") { run } else { run.trim_end_matches(':') };
        if rest[end..].starts_with(char::is_alphanumeric) {
            return None;
        }
        if let Ok(addr) = run.parse::<IpAddr>() {
            return Some((run.len(), self.addresses.pseudonym(addr).to_string()));
        }
        let socket: SocketAddr = run.parse().ok()?;
        Some((run.len(), format!("{}:{}", self.addresses.pseudonym(socket.ip()), socket.port())))
    }

    /// Replaces a path that is in no table: at least two parts, up to the next blank or quote.
    fn path(&self, previous: Option<char>, rest: &str) -> Option<(usize, String)> {
        let begins = previous.is_none_or(|c| c.is_whitespace() || "'\"`(=,".contains(c));
        if !begins
            || !rest.starts_with('/')
            || PLACES_OF_THE_SYSTEM.iter().any(|place| rest.starts_with(place))
        {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || "'\"`),;".contains(c)).unwrap_or(rest.len());
        let path = rest[..end].trim_end_matches(['.', ':']);
        let is_deep = path.get(1..).is_some_and(|inner| inner.contains('/'));
        is_deep.then(|| (path.len(), self.dictionary.pseudonym(Kind::Path, path)))
    }
}

/// Whether a name rather than an ordinary word is expected between two texts: after `user`, `host`
/// and the like, in quotes, as a value, in a path or an address.
fn is_name_expected(before: &str, after: &str) -> bool {
    let is_value =
        before.ends_with(|c| "'\"`=:/@".contains(c)) || after.starts_with(['@', '/', '\'', '"', '`']);
    let last = before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    is_value || ["user", "host", "container", "as", "by"].contains(&last)
}

#[cfg(test)]
mod tests {
    use super::super::key;
    use super::*;
    use crate::report::fixture;

    fn redacted(text: &str) -> String {
        let (analysis, identity) = (fixture::analysis(), fixture::identity());
        Redactor::new(key::of_tests(), &analysis, &identity).unwrap().text(text)
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        for text in [
            "8.8.4.4",
            "to 8.8.4.4.",
            "(8.8.4.4)",
            "8.8.4.4:443",
            "remote:8.8.4.4",
            "[2620:fe::9]:53",
            "2620:fe::9,",
        ] {
            let after = redacted(text);
            assert!(!after.contains("8.8.4.4") && !after.contains("2620:fe::9"), "{text} {after}");
            assert_eq!(after.contains(":443"), text.contains(":443"), "{after}");
        }
    }

    #[test]
    fn what_is_no_address_and_no_path_stays() {
        let texts = [
            "at 2026-06-01T10:00:00.000001Z",
            "20 s, 3.5 %, T1071.001",
            "read/write",
            "sha256sum /proc/4242/exe",
            "version 6.12.9-amd64",
            "größer: 127.0.0.1",
            "",
        ];
        for text in texts {
            assert_eq!(redacted(text), text);
        }
    }

    #[test]
    fn a_name_that_is_a_word_is_replaced_where_a_name_is_expected() {
        let (mut analysis, identity) = (fixture::analysis(), fixture::identity());
        for run in &mut analysis.runs {
            for finding in &mut run.output.findings {
                finding.judgement.entities.username = Some("mark".to_owned());
            }
        }
        let redactor = Redactor::new(key::of_tests(), &analysis, &identity).unwrap();
        let after = redactor.text("mark it, says (pid 4, user mark) of /home/mark and 'mark' of mark@x");
        assert!(after.starts_with("mark it, says (pid 4, user user-"), "{after}");
        assert_eq!(after.matches("mark").count(), 1, "{after}");
    }

    #[test]
    fn names_and_paths_are_replaced() {
        let after = redacted("web-01 runs /opt/acme/x -v, from 'web-01.parquet'");
        assert!(!after.contains("web-01") && !after.contains("acme"), "{after}");
        assert!(
            after.contains("host-") && after.contains("/redacted/path-") && after.contains("file-"),
            "{after}"
        );
    }
}
