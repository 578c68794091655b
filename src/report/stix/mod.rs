//! `indicators.stix.json`: what to look for on other hosts, as a STIX 2.1 bundle.
//!
//! Of findings that are at least medium: the public address that they are about, the name by
//! which it was asked for, and the SHA-256 of the executables behind their connections. The
//! files of the system (`/usr`, `/bin`, …) are left out: an interpreter that a script misused is
//! on every host. Several findings about the same thing are one indicator.
//!
//! Ids are UUIDs of version 5, made of the capture's SHA-256 and the pattern, and times are
//! those of the recording, so that the same capture gives the same bytes.

mod pattern;
pub mod v2_1;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use uuid::Uuid;

use super::json::v1::{Finding, Report, Severity};
use super::sockets::Sockets;
use crate::humanize;
use crate::model::detector::Signal;
use crate::model::records::Scope;
use crate::model::scope::scope;
use pattern::Pattern;
use v2_1::{Bundle, Common, Identity, Indicator, Object, Reference, VERSION};

/// Milder findings are too often nothing to be looked for elsewhere.
const LOWEST: Severity = Severity::Medium;

/// Titles that an indicator quotes, and characters of each; its findings may be many.
const MOST_TITLES: usize = 5;
const MOST_CHARS: usize = 200;

/// Where the system keeps its own programs.
const SYSTEM_FOLDERS: [&str; 5] = ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"];

/// What several findings say about one pattern.
#[derive(Default)]
struct Draft<'a> {
    titles: BTreeSet<&'a str>,
    is_known_bad: bool,
    attack: BTreeSet<&'a str>,
    confidence: f64,
    first_us: Option<i64>,
}

/// The bundle of a report.
pub(super) fn bundle(report: &Report, sockets: &Sockets) -> Bundle {
    let id = |kind: &str, of: &str| format!("{kind}--{}", uuid_of(&[&report.capture.sha256, kind, of]));
    // Of this capture: objects of the same id must have the same time of creation.
    let identity = id("identity", "netrec");
    let Some(end) = timestamp(report.capture.end.us) else {
        // Without a time within the calendar there is nothing that STIX could date.
        return Bundle { kind: "bundle", id: id("bundle", ""), objects: Vec::new() };
    };
    let common =
        |kind, id| Common { kind, spec_version: VERSION, id, created: end.clone(), modified: end.clone() };
    let author =
        Identity { common: common("identity", identity.clone()), name: "netrec", identity_class: "system" };
    let indicator = |(pattern, draft): (Pattern, Draft)| {
        let expression = pattern.expression();
        let common = common("indicator", id("indicator", &expression));
        Some(Object::Indicator(draft.indicator(common, &identity, &pattern, expression)?))
    };
    let indicators = drafts(report, sockets).into_iter().filter_map(indicator);
    let objects = std::iter::once(Object::Identity(author)).chain(indicators).collect();
    Bundle { kind: "bundle", id: id("bundle", ""), objects }
}

/// What the findings name, by pattern.
fn drafts<'a>(report: &'a Report, sockets: &Sockets<'a>) -> BTreeMap<Pattern<'a>, Draft<'a>> {
    let mut drafts: BTreeMap<Pattern, Draft> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.severity >= LOWEST) {
        for pattern in patterns(finding, sockets) {
            drafts.entry(pattern).or_default().add(finding);
        }
    }
    drafts
}

fn patterns<'a>(finding: &'a Finding, sockets: &Sockets<'a>) -> Vec<Pattern<'a>> {
    let entities = &finding.entities;
    let addr = entities.remote_addr.as_deref().and_then(|addr| addr.parse::<IpAddr>().ok());
    let is_public = |addr: &IpAddr| scope(*addr) == Scope::Public;
    let mut found: Vec<Pattern> = addr.filter(is_public).map(Pattern::Address).into_iter().collect();
    // A name of something inside says nothing to others.
    if addr.is_none_or(|addr| is_public(&addr)) {
        found.extend(entities.remote_name.as_deref().and_then(Pattern::name));
    }
    let executables = sockets.executables(finding).into_iter();
    let foreign = executables.filter(|(exe, _)| !SYSTEM_FOLDERS.iter().any(|folder| exe.starts_with(folder)));
    found.extend(foreign.filter_map(|(_, sha256)| Pattern::sha256(sha256)));
    found
}

impl<'a> Draft<'a> {
    fn add(&mut self, finding: &'a Finding) {
        self.titles.insert(&finding.title);
        self.is_known_bad |= finding.about.signal == Signal::KnownBad;
        self.attack.extend(finding.attack.iter().map(String::as_str));
        self.confidence = self.confidence.max(finding.confidence);
        let first_us = finding.first_seen.us;
        self.first_us = Some(self.first_us.map_or(first_us, |known| known.min(first_us)));
    }

    /// None if its first moment is outside of the calendar.
    fn indicator(
        &self,
        common: Common,
        identity: &str,
        pattern: &Pattern,
        expression: String,
    ) -> Option<Indicator> {
        // On a list of known evil, or only unlike what is usual.
        let kind = if self.is_known_bad { "malicious-activity" } else { "anomalous-activity" };
        let titles = self.titles.iter().take(MOST_TITLES);
        let titles: Vec<_> = titles.map(|title| crate::escape::shorten(title, MOST_CHARS)).collect();
        let more = match self.titles.len().saturating_sub(MOST_TITLES) {
            0 => String::new(),
            more => format!("; and {more} more findings"),
        };
        Some(Indicator {
            common,
            created_by_ref: identity.to_owned(),
            name: pattern.title(),
            description: format!("{}{more}", titles.join("; ")),
            indicator_types: [kind],
            pattern: expression,
            pattern_type: "stix",
            valid_from: timestamp(self.first_us?)?,
            confidence: (self.confidence * 100.0).round() as u32,
            external_references: self.attack.iter().map(|id| technique(id)).collect(),
        })
    }
}

fn technique(id: &str) -> Reference {
    Reference { source_name: "mitre-attack", external_id: id.to_owned() }
}

/// To the ms, which STIX asks for.
fn timestamp(moment_us: i64) -> Option<String> {
    let text = humanize::iso_utc(moment_us)?;
    let (second, fraction) = text.split_once('.')?;
    Some(format!("{second}.{}Z", fraction.get(..3)?))
}

/// A UUID of version 5 in a name space of netrec's own.
fn uuid_of(parts: &[&str]) -> Uuid {
    let space = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"urn:netrec:stix");
    Uuid::new_v5(&space, parts.join("\0").as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::fixture;

    fn bundle_of(change: impl FnOnce(&mut Report)) -> Value {
        let analysis = fixture::analysis();
        let mut report = Report::of(&analysis, &fixture::identity());
        change(&mut report);
        let sockets = Sockets::of(&analysis.tables, &report.findings).unwrap();
        serde_json::to_value(bundle(&report, &sockets)).unwrap()
    }

    /// The fixture's addresses are from documentation, which is not public.
    fn with_public_address(report: &mut Report) {
        report.findings[0].entities.remote_addr = Some("8.8.4.4".to_owned());
        report.findings[0].entities.remote_name = Some("evil.example".to_owned());
    }

    #[test]
    fn a_public_address_and_its_name_are_indicators() {
        let bundle = bundle_of(with_public_address);
        let objects = bundle["objects"].as_array().unwrap();
        assert_eq!((&bundle["type"], objects.len()), (&Value::from("bundle"), 3));
        assert_eq!(objects[0]["type"], "identity");
        assert_eq!(objects[1]["pattern"], "[ipv4-addr:value = '8.8.4.4']");
        assert_eq!(objects[2]["pattern"], "[domain-name:value = 'evil.example']");
        for object in objects {
            let (kind, id) = (object["type"].as_str().unwrap(), object["id"].as_str().unwrap());
            let uuid = Uuid::parse_str(id.strip_prefix(&format!("{kind}--")).unwrap()).unwrap();
            assert_eq!(uuid.get_version_num(), 5);
            assert_eq!(
                (&object["spec_version"], &object["created"]),
                (&Value::from("2.1"), &object["modified"])
            );
            assert_eq!(object["created"], "2026-06-01T10:10:00.000Z");
        }
        assert_eq!(objects[1]["valid_from"], "2026-06-01T10:00:00.000Z");
        assert_eq!(objects[1]["confidence"], 92);
        assert_eq!(objects[1]["external_references"][0]["external_id"], "T1071.001");
        assert_eq!(objects[1]["created_by_ref"], objects[0]["id"]);
    }

    #[test]
    fn private_addresses_and_mild_findings_are_none() {
        let private =
            bundle_of(|report| report.findings[0].entities.remote_addr = Some("10.0.0.9".to_owned()));
        assert_eq!(private["objects"].as_array().unwrap().len(), 1);
        let mild = bundle_of(|report| {
            with_public_address(report);
            report.findings[0].severity = Severity::Low;
        });
        assert_eq!(mild["objects"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn findings_about_the_same_are_one_indicator() {
        let bundle = bundle_of(|report| {
            with_public_address(report);
            let mut again = report.findings[0].clone();
            again.title = "another reason".to_owned();
            again.confidence = 0.95;
            report.findings.push(again);
        });
        let objects = bundle["objects"].as_array().unwrap();
        assert_eq!((objects.len(), &objects[1]["confidence"]), (3, &Value::from(95)));
        assert!(objects[1]["description"].as_str().unwrap().contains("another reason"));
    }

    #[test]
    fn the_same_capture_gives_the_same_ids_and_another_gives_others() {
        assert_eq!(bundle_of(with_public_address), bundle_of(with_public_address));
        let other = bundle_of(|report| {
            with_public_address(report);
            report.capture.sha256 = "another".to_owned();
        });
        assert_ne!(other["objects"][1]["id"], bundle_of(with_public_address)["objects"][1]["id"]);
        assert_ne!(other["id"], bundle_of(with_public_address)["id"]);
    }
}
