//! Every name in the capture, and its pseudonym.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Included, Unbounded};

use super::key::Key;
use crate::analyze::detectors::DETECTORS;
use crate::insight::HYPOTHESES;

/// Names that are kept, because a finding needs them and they identify nobody: accounts that
/// distributions create.
const COMMON_WORDS: &[&str] = &[
    "root",
    "localhost",
    "nobody",
    "nogroup",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
    "operator",
    "ftp",
    "halt",
    "shutdown",
    "adm",
    "_apt",
    "messagebus",
    "systemd-network",
    "systemd-resolve",
    "systemd-timesync",
    "sshd",
    "syslog",
];

/// Words in sentences that neither detectors nor hypotheses write: of completeness, counts and times.
const FURTHER_WORDS: &[&str] = &[
    "user users host hosts server client process processes connection connections recording capture import snapshot \
     event packet late lost missing complete degraded test web app mark will may data time port name file service",
];

/// Shortest name searched for inside other texts; a shorter one would match in every sentence.
/// Cells and fields that hold nothing else are replaced at any length.
const MIN_SEARCHED_BYTES: usize = 3;

/// The kind of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Host,
    Boot,
    User,
    Path,
    Command,
    Name,
    Container,
    File,
    Rule,
}

impl Kind {
    /// The kind of names in a column of the tables; `None` if it may hold any text.
    pub(super) fn of_column(name: &str) -> Option<Self> {
        match name {
            "exe" => Some(Self::Path),
            "cmdline" => Some(Self::Command),
            "username" => Some(Self::User),
            "container" => Some(Self::Container),
            "remote_name" | "query_name" | "tls_subject" | "tls_issuer" => Some(Self::Name),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Boot => "boot",
            Self::User => "user",
            Self::Path => "path",
            Self::Command => "command",
            Self::Name => "name",
            Self::Container => "container",
            Self::File => "file",
            Self::Rule => "rule",
        }
    }
}

/// Names and their pseudonyms, searchable for the longest name at the start of a text.
#[derive(Debug)]
pub(super) struct Dictionary {
    key: Key,
    entries: BTreeMap<String, String>,
    /// Names of programs, which are kept even if a user or a command line has the same name.
    programs: BTreeSet<String>,
    /// Words of netrec's own sentences. A name that is one of them is replaced only where a name is
    /// expected, as in `user mark`.
    own_words: BTreeSet<String>,
}

impl Dictionary {
    pub(super) fn new(key: Key, programs: BTreeSet<String>) -> Self {
        Self { key, entries: BTreeMap::new(), programs, own_words: own_words() }
    }

    /// Whether a name could also be an ordinary word of a sentence.
    pub(super) fn is_own_word(&self, name: &str) -> bool {
        self.own_words.contains(name)
    }

    /// Adds a name and its parts: folders of a path, parent domains of a name, paths in a command
    /// line.
    pub(super) fn add(&mut self, kind: Kind, name: Option<&str>) {
        let Some(name) = name.filter(|name| !self.entries.contains_key(*name)) else { return };
        self.insert(kind, name);
        match kind {
            Kind::Path => self.add_folders(name),
            Kind::Name | Kind::Host => {
                let domains = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
                domains.filter(|domain| domain.contains('.')).for_each(|domain| self.insert(kind, domain));
            }
            Kind::Command => {
                let words = name.split([' ', '=', ',', '"', '\'']).filter(|word| word.contains('/'));
                words.for_each(|word| self.insert(Kind::Path, word));
            }
            _ => {}
        }
    }

    /// Adds what distinguishes a program from others of its name: a script, the beginning of its
    /// code, or a path.
    pub(super) fn add_actor(&mut self, actor: &str) {
        let rest = actor.split_once(' ').map_or(actor, |(_, rest)| rest);
        let rest = rest.trim_start_matches('(').trim_end_matches(')');
        self.add(if rest.starts_with('/') { Kind::Path } else { Kind::Command }, Some(rest));
    }

    fn add_folders(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
            // Top-level folders such as `/usr` and `/tmp` are on every host.
            if path[1..at].contains('/') {
                self.insert(Kind::Path, &path[..at]);
            }
        }
    }

    fn insert(&mut self, kind: Kind, name: &str) {
        let is_program = matches!(kind, Kind::User | Kind::Command) && self.programs.contains(name);
        if name.len() >= MIN_SEARCHED_BYTES && !COMMON_WORDS.contains(&name) && !is_program {
            let pseudonym = self.pseudonym(kind, name);
            self.entries.entry(name.to_owned()).or_insert(pseudonym);
        }
    }

    /// The pseudonym of a name; for a name of two kinds, the kind found first counts.
    pub(super) fn pseudonym(&self, kind: Kind, name: &str) -> String {
        if let Some(pseudonym) = self.entries.get(name) {
            return pseudonym.clone();
        }
        if COMMON_WORDS.contains(&name) || name.is_empty() {
            return name.to_owned();
        }
        let short = self.key.hash(kind.as_str(), name.as_bytes()) >> 24;
        match kind {
            Kind::Path => format!("/redacted/path-{short:010x}"),
            Kind::Name => format!("name-{short:010x}.invalid"),
            Kind::File => format!("file-{short:010x}.parquet"),
            _ => format!("{}-{short:010x}", kind.as_str()),
        }
    }

    /// The longest name at the start of a text that ends at a word boundary, with its pseudonym.
    pub(super) fn find(&self, text: &str) -> Option<(&str, &str)> {
        let mut limit = text.len();
        while limit >= MIN_SEARCHED_BYTES {
            // Of all names that do not sort after the text, the last one is either the longest
            // prefix of it, or bounds the length of the next candidate.
            let (name, pseudonym) =
                self.entries.range::<str, _>((Unbounded, Included(&text[..limit]))).next_back()?;
            let shared = common_prefix(name, &text[..limit]);
            if shared < name.len() {
                limit = shared;
                continue;
            }
            if ends_word(name, &text[name.len()..]) {
                return Some((name, pseudonym));
            }
            limit = floor_char(text, name.len() - 1);
        }
        None
    }
}

/// The words, in lower case, of the detectors' and hypotheses' texts.
fn own_words() -> BTreeSet<String> {
    let abouts = DETECTORS.iter().flat_map(|entry| {
        let about = entry.about;
        [about.title, about.what_it_finds, about.why_it_matters, about.how_it_decides, about.false_positives]
    });
    let hypotheses = HYPOTHESES.iter().flat_map(|hypothesis| {
        let texts = [hypothesis.title, hypothesis.summary].into_iter();
        texts.chain(hypothesis.benign.iter().copied()).chain(hypothesis.ask.iter().copied())
    });
    let words = abouts.chain(hypotheses).chain(FURTHER_WORDS.iter().copied()).flat_map(|text| {
        text.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| !word.is_empty())
    });
    words.map(str::to_lowercase).collect()
}

/// Whether there is a word boundary between two texts.
fn ends_word(before: &str, after: &str) -> bool {
    !(before.ends_with(char::is_alphanumeric) && after.starts_with(char::is_alphanumeric))
}

/// Length of the common prefix of two texts in bytes, in whole characters.
fn common_prefix(a: &str, b: &str) -> usize {
    let shared = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    floor_char(a, shared)
}

fn floor_char(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::key;
    use super::*;

    fn dictionary() -> Dictionary {
        let mut dictionary = Dictionary::new(key::of_tests(), BTreeSet::from(["postgres".to_owned()]));
        dictionary.add(Kind::User, Some("alice"));
        dictionary.add(Kind::User, Some("postgres"));
        dictionary.add(Kind::Host, Some("web-01"));
        dictionary.add(Kind::Path, Some("/home/alice/.cache/x"));
        dictionary.add(Kind::Name, Some("files.corp.example"));
        dictionary
    }

    #[test]
    fn the_longest_name_is_found() {
        let dictionary = dictionary();
        let found = |text: &str| dictionary.find(text).map(|(name, _)| name.to_owned());
        assert_eq!(found("/home/alice/.cache/x and more").as_deref(), Some("/home/alice/.cache/x"));
        assert_eq!(found("/home/alice/.cache/y").as_deref(), Some("/home/alice/.cache"));
        assert_eq!(found("/home/alice/doc").as_deref(), Some("/home/alice"));
        assert_eq!(found("corp.example:443").as_deref(), Some("corp.example"));
        assert_eq!(found("alice's").as_deref(), Some("alice"));
    }

    #[test]
    fn a_part_of_a_word_is_no_name() {
        assert_eq!(dictionary().find("alicebob"), None);
        assert_eq!(dictionary().find("web-011"), None);
        assert_eq!(dictionary().find("al"), None);
        // The program's name is kept; the same name of a user is not.
        assert_eq!(dictionary().find("postgres"), None);
        assert!(dictionary().pseudonym(Kind::User, "postgres").starts_with("user-"));
        assert_eq!(dictionary().find("ältere"), None);
    }

    #[test]
    fn accounts_of_distributions_and_ordinary_words_are_told_from_names() {
        let mut dictionary = dictionary();
        for name in ["nobody", "daemon", "www-data", "root", "mail"] {
            dictionary.add(Kind::User, Some(name));
            assert_eq!(dictionary.find(name), None, "{name}");
            assert_eq!(dictionary.pseudonym(Kind::User, name), name);
        }
        assert!(
            dictionary.is_own_word("mark")
                && dictionary.is_own_word("scan")
                && !dictionary.is_own_word("alice")
        );
    }

    #[test]
    fn pseudonyms_say_of_what_kind_the_name_was_and_root_stays() {
        let dictionary = dictionary();
        assert!(dictionary.pseudonym(Kind::User, "bob").starts_with("user-"));
        assert!(dictionary.pseudonym(Kind::Name, "x.example").ends_with(".invalid"));
        assert_eq!(dictionary.pseudonym(Kind::User, "root"), "root");
        assert_eq!(dictionary.pseudonym(Kind::User, "bob"), dictionary.pseudonym(Kind::User, "bob"));
        assert_ne!(dictionary.pseudonym(Kind::User, "bob"), dictionary.pseudonym(Kind::User, "eve"));
    }

    #[test]
    fn what_tells_a_program_from_others_of_its_name_is_replaced_and_the_name_stays() {
        let mut dictionary = dictionary();
        for actor in ["postgres", "python3 -c secret", "sshd (/home/bob/sshd)"] {
            dictionary.add_actor(actor);
        }
        assert_eq!(dictionary.find("postgres"), None);
        assert!(dictionary.find("-c secret").is_some() && dictionary.find("/home/bob/sshd").is_some());
    }
}
