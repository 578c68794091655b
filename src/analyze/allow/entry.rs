//! One `[[allow]]` entry: its conditions and its reason.

use std::fmt;

use serde::Deserialize;

use super::Subject;
use super::patterns::{Network, OneOrMore, Pattern, Ports, Text, WrittenPort};
use crate::analyze::detectors::DETECTORS;
use crate::model::records::Direction;

/// A checked entry. All of its keys must match; for each key, one of its patterns.
#[derive(Debug, Clone)]
pub(super) struct AllowRule {
    reason: String,
    detector: Vec<Text>,
    process: Vec<Text>,
    exe: Vec<Text>,
    user: Vec<Text>,
    container: Vec<Text>,
    name: Vec<Text>,
    address: Vec<Network>,
    local_address: Vec<Network>,
    port: Vec<Ports>,
}

/// An entry as written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    reason: String,
    detector: Option<OneOrMore<String>>,
    process: Option<OneOrMore<String>>,
    exe: Option<OneOrMore<String>>,
    user: Option<OneOrMore<String>>,
    container: Option<OneOrMore<String>>,
    name: Option<OneOrMore<String>>,
    address: Option<OneOrMore<String>>,
    local_address: Option<OneOrMore<String>>,
    port: Option<OneOrMore<WrittenPort>>,
}

impl AllowRule {
    /// # Errors
    /// A sentence: which key, and what is wrong with it.
    pub(super) fn parse(section: toml::Value) -> Result<Self, String> {
        let written: Written = section.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
        let entry = Self {
            reason: written.reason.trim().to_owned(),
            detector: patterns("detector", written.detector)?,
            process: patterns("process", written.process)?,
            exe: patterns("exe", written.exe)?,
            user: patterns("user", written.user)?,
            container: patterns("container", written.container)?,
            name: patterns("name", written.name)?,
            address: patterns("address", written.address)?,
            local_address: patterns("local_address", written.local_address)?,
            port: patterns("port", written.port)?,
        };
        if entry.reason.is_empty() {
            return Err("it needs a reason: who vouches for this, and where is that recorded?".to_owned());
        }
        if entry.conditions().is_empty() {
            return Err("it has no criteria and would suppress everything".to_owned());
        }
        let is_none = |pattern: &Text| !DETECTORS.iter().any(|entry| pattern.matches(entry.about.id));
        match entry.detector.iter().find(|pattern| is_none(pattern)) {
            Some(pattern) => Err(format!("there is no detector {pattern}")),
            None => Ok(entry),
        }
    }

    /// Whether all keys match the whole finding.
    pub(super) fn names(&self, subject: &Subject<'_>) -> bool {
        let entities = &subject.finding.judgement.entities;
        let text = |patterns: &[Text], common: Option<&str>| {
            patterns.is_empty() || common.is_some_and(|text| any(patterns, |p| p.matches(text)))
        };
        text(&self.detector, Some(subject.finding.about.id))
            && text(&self.exe, entities.exe.as_deref())
            && text(&self.user, entities.username.as_deref())
            && text(&self.container, entities.container.as_deref())
            && self.process_holds(subject)
            && self.remote_holds(subject)
            && self.local_holds(subject)
            && self.port_holds(subject)
    }

    fn process_holds(&self, subject: &Subject<'_>) -> bool {
        let common = subject.finding.judgement.entities.process_name.as_deref();
        let holds = |name: &str| any(&self.process, |pattern| pattern.matches(name));
        self.process.is_empty() || subject.all(common, |socket| socket.process_name, holds)
    }

    fn remote_holds(&self, subject: &Subject<'_>) -> bool {
        let entities = &subject.finding.judgement.entities;
        let is_named = |name: &str| any(&self.name, |pattern| pattern.matches(name));
        let is_inside = |addr: &str| any(&self.address, |network| network.contains(addr));
        let by_name = || subject.all(entities.remote_name.as_deref(), |s| s.remote_name, is_named);
        let by_addr =
            || subject.all(entities.remote_addr.as_deref(), |s| s.remote().map(|(addr, _)| addr), is_inside);
        (self.name.is_empty() || by_name()) && (self.address.is_empty() || by_addr())
    }

    fn local_holds(&self, subject: &Subject<'_>) -> bool {
        let common = subject.finding.judgement.entities.local_addr.as_deref();
        let is_inside = |addr: &str| any(&self.local_address, |network| network.contains(addr));
        self.local_address.is_empty() || subject.all(common, |s| Some(s.local_addr), is_inside)
    }

    /// Matches the service's port: the common remote port of a finding counts only if this host is
    /// the client.
    fn port_holds(&self, subject: &Subject<'_>) -> bool {
        let is_inbound = subject.connections.iter().any(|s| s.direction == Some(Direction::Inbound));
        let entities = &subject.finding.judgement.entities;
        let common = if is_inbound { entities.local_port } else { entities.remote_port };
        let holds = |port: u16| any(&self.port, |ports| ports.contains(port));
        self.port.is_empty() || subject.all(common, |s| s.service_port().or(Some(s.local_port())), holds)
    }

    /// Every condition, as `key = values`.
    fn conditions(&self) -> Vec<String> {
        let texts = [
            ("detector", &self.detector),
            ("process", &self.process),
            ("exe", &self.exe),
            ("user", &self.user),
            ("container", &self.container),
            ("name", &self.name),
        ];
        let networks = [("address", &self.address), ("local_address", &self.local_address)];
        let texts = texts.into_iter().map(|(key, patterns)| condition(key, patterns));
        let networks = networks.into_iter().map(|(key, patterns)| condition(key, patterns));
        texts.chain(networks).chain([condition("port", &self.port)]).flatten().collect()
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.conditions().join("; "))
    }
}

fn condition<P: fmt::Display>(key: &str, patterns: &[P]) -> Option<String> {
    let values: Vec<String> = patterns.iter().map(ToString::to_string).collect();
    (!values.is_empty()).then(|| format!("{key} = {}", values.join(", ")))
}

fn patterns<P: Pattern>(key: &str, written: Option<OneOrMore<P::Written>>) -> Result<Vec<P>, String> {
    let written = written.map(OneOrMore::into_vec).unwrap_or_default();
    written.into_iter().map(|one| P::parse(one).map_err(|reason| format!("{key}: {reason}"))).collect()
}

fn any<P>(patterns: &[P], holds: impl Fn(&P) -> bool) -> bool {
    patterns.iter().any(holds)
}
