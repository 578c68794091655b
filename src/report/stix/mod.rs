//! `indicators.stix.json`: what to search for on other hosts, as a STIX 2.1 bundle.
//!
//! For findings of at least medium severity: the public addresses of their connections, the names
//! that were resolved to them, and the SHA-256 of the executables behind them. Anything common to
//! all hosts is left out (`known_good.rs`): interpreters misused by a script, resolvers, time
//! servers, large services. Several findings about the same thing share an indicator. Each
//! indicator has a sighting (when, how often, on which host) and a relationship to every ATT&CK
//! technique that it indicates; a report object lists them all.
//!
//! Ids are version 5 UUIDs of the capture's SHA-256 and the pattern, and times are those of the
//! recording, so that the same capture gives the same bytes.

mod known_good;
mod pattern;
pub mod v2_1;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use uuid::Uuid;

use super::json::v1::{Finding, Report, Severity};
use super::sockets::Sockets;
use crate::humanize;
use crate::model::attack::technique_name;
use crate::model::detector::Signal;
use crate::model::records::Scope;
use crate::model::scope::scope;
use known_good::KnownGood;
use pattern::Pattern;
use v2_1::{
    AttackPattern, Bundle, Common, Identity, Indicator, Object, Reference, Relationship, Sighting, VERSION,
};

/// Lower severities are too often benign to be searched for elsewhere.
const LOWEST: Severity = Severity::Medium;

/// Maximum number of titles quoted in an indicator, and their length in characters.
const MOST_TITLES: usize = 5;
const MOST_CHARS: usize = 200;

/// Maximum count of a sighting, by the specification.
const MOST_COUNTED: u64 = 999_999_999;

/// What several findings say about one pattern.
#[derive(Default)]
struct Draft<'a> {
    titles: BTreeSet<&'a str>,
    is_known_bad: bool,
    attack: BTreeSet<&'a str>,
    confidence: f64,
    /// First and last moment.
    span_us: Option<(i64, i64)>,
    connections: u64,
}

/// The bundle of a report.
pub(super) fn bundle(report: &Report, sockets: &Sockets) -> Bundle {
    let id = |kind: &str, of: &str| format!("{kind}--{}", uuid_of(&[&report.capture.sha256, kind, of]));
    let Some(end) = timestamp(report.capture.end.us) else {
        // Without a time within the calendar's range, STIX has nothing to use as a date.
        return Bundle { kind: "bundle", id: id("bundle", ""), objects: Vec::new() };
    };
    let maker = Maker { capture: &report.capture.sha256, end, author: id("identity", "netrec") };
    let mut objects = vec![maker.identity("netrec", "netrec")];
    let host = report.capture.host_name.as_deref().map(|name| (id("identity", "host"), name));
    let drafts = drafts(report, sockets);
    let mut found: Vec<Object> = Vec::new();
    let mut links: Vec<Object> = Vec::new();
    for (pattern, draft) in &drafts {
        let expression = pattern.expression();
        let common = maker.common("indicator", &expression);
        let indicator = common.id.clone();
        let Some(object) = draft.indicator(common, &maker.author, pattern, expression) else { continue };
        found.push(Object::Indicator(object));
        links.extend(draft.attack.iter().map(|technique| maker.indicates(&indicator, technique)));
        links.extend(maker.sighting(&indicator, draft, host.as_ref().map(|(id, _)| id.as_str())));
    }
    if found.is_empty() {
        return Bundle { kind: "bundle", id: id("bundle", ""), objects };
    }
    objects.extend(host.iter().map(|(_, name)| maker.identity("host", name)));
    objects.extend(found);
    let techniques: BTreeSet<&str> = drafts.values().flat_map(|draft| draft.attack.iter().copied()).collect();
    objects.extend(techniques.into_iter().map(|technique| maker.attack_pattern(technique)));
    objects.extend(links);
    objects.push(maker.report(report, &objects));
    Bundle { kind: "bundle", id: id("bundle", ""), objects }
}

/// Makes the objects of one capture: equal ids have equal creation times.
struct Maker<'a> {
    capture: &'a str,
    end: String,
    author: String,
}

impl Maker<'_> {
    fn id(&self, kind: &str, of: &str) -> String {
        format!("{kind}--{}", uuid_of(&[self.capture, kind, of]))
    }

    fn common(&self, kind: &'static str, of: &str) -> Common {
        let (created, modified) = (self.end.clone(), self.end.clone());
        Common { kind, spec_version: VERSION, id: self.id(kind, of), created, modified }
    }

    fn identity(&self, of: &str, name: &str) -> Object {
        let common = self.common("identity", of);
        Object::Identity(Identity { common, name: name.to_owned(), identity_class: "system" })
    }

    fn attack_pattern(&self, technique: &str) -> Object {
        Object::AttackPattern(AttackPattern {
            common: self.common("attack-pattern", technique),
            created_by_ref: self.author.clone(),
            name: technique_name(technique).unwrap_or(technique).to_owned(),
            external_references: vec![reference(technique)],
        })
    }

    fn indicates(&self, indicator: &str, technique: &str) -> Object {
        Object::Relationship(Relationship {
            common: self.common("relationship", &format!("{indicator} {technique}")),
            created_by_ref: self.author.clone(),
            relationship_type: "indicates",
            source_ref: indicator.to_owned(),
            target_ref: self.id("attack-pattern", technique),
        })
    }

    fn sighting(&self, indicator: &str, draft: &Draft<'_>, host: Option<&str>) -> Option<Object> {
        let (first_us, last_us) = draft.span_us?;
        Some(Object::Sighting(Sighting {
            common: self.common("sighting", indicator),
            created_by_ref: self.author.clone(),
            first_seen: timestamp(first_us)?,
            last_seen: timestamp(last_us)?,
            count: draft.connections.min(MOST_COUNTED),
            sighting_of_ref: indicator.to_owned(),
            where_sighted_refs: host.map(str::to_owned).into_iter().collect(),
        }))
    }

    fn report(&self, report: &Report, objects: &[Object]) -> Object {
        Object::Report(v2_1::Report {
            common: self.common("report", ""),
            created_by_ref: self.author.clone(),
            name: format!("netrec report of {}", report.capture.file),
            description: report.verdict.headline.clone(),
            report_types: ["indicator"],
            published: self.end.clone(),
            object_refs: objects.iter().map(|object| object.id().to_owned()).collect(),
        })
    }
}

impl Object {
    fn id(&self) -> &str {
        match self {
            Self::Identity(object) => &object.common.id,
            Self::Indicator(object) => &object.common.id,
            Self::AttackPattern(object) => &object.common.id,
            Self::Relationship(object) => &object.common.id,
            Self::Sighting(object) => &object.common.id,
            Self::Report(object) => &object.common.id,
        }
    }
}

/// The indicators that the findings name, by pattern.
fn drafts<'a>(report: &'a Report, sockets: &Sockets<'a>) -> BTreeMap<Pattern<'a>, Draft<'a>> {
    let known_good = KnownGood::new(&report.capture, sockets);
    let mut drafts: BTreeMap<Pattern, Draft> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.severity >= LOWEST) {
        for pattern in patterns(finding, sockets, &known_good) {
            drafts.entry(pattern).or_default().add(finding);
        }
    }
    drafts
}

fn patterns<'a>(
    finding: &'a Finding,
    sockets: &Sockets<'a>,
    known_good: &KnownGood<'a>,
) -> BTreeSet<Pattern<'a>> {
    let entities = &finding.entities;
    // The remote of the finding itself, and of each of its connections.
    let whole = (entities.remote_addr.as_deref(), entities.remote_name.as_deref());
    let each = sockets.remotes(finding).into_iter().map(|(addr, name)| (Some(addr), name));
    let mut found = BTreeSet::new();
    for (addr, name) in each.chain([whole]) {
        let is_good = name.is_some_and(KnownGood::has_name)
            || addr.is_some_and(|addr| known_good.has_address(addr, finding));
        let addr = addr.and_then(|addr| addr.parse::<IpAddr>().ok());
        // An internal name means nothing to others.
        if is_good || addr.is_some_and(|addr| scope(addr) != Scope::Public) {
            continue;
        }
        found.extend(addr.map(Pattern::Address));
        found.extend(name.and_then(Pattern::name));
    }
    let executables = sockets.executables(finding).into_iter();
    let foreign = executables.filter(|(exe, sha256)| !known_good.has_file(exe, sha256));
    found.extend(foreign.filter_map(|(_, sha256)| Pattern::sha256(sha256)));
    found
}

impl<'a> Draft<'a> {
    fn add(&mut self, finding: &'a Finding) {
        self.titles.insert(&finding.title);
        self.is_known_bad |= finding.about.signal == Signal::KnownBad;
        self.attack.extend(finding.attack.iter().map(String::as_str));
        self.confidence = self.confidence.max(finding.confidence);
        let (first_us, last_us) = (finding.first_seen.us, finding.last_seen.us);
        let (known_first_us, known_last_us) = self.span_us.unwrap_or((first_us, last_us));
        self.span_us = Some((known_first_us.min(first_us), known_last_us.max(last_us)));
        self.connections = self.connections.saturating_add(finding.evidence.connections_total);
    }

    /// `None` if its first moment is outside the calendar's range.
    fn indicator(
        &self,
        common: Common,
        identity: &str,
        pattern: &Pattern,
        expression: String,
    ) -> Option<Indicator> {
        // From an indicator list, or merely unusual.
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
            valid_from: timestamp(self.span_us?.0)?,
            confidence: (self.confidence * 100.0).round() as u32,
            external_references: self.attack.iter().map(|id| reference(id)).collect(),
        })
    }
}

fn reference(id: &str) -> Reference {
    Reference { source_name: "mitre-attack", external_id: id.to_owned() }
}

/// With ms, as STIX requires.
fn timestamp(moment_us: i64) -> Option<String> {
    let text = humanize::iso_utc(moment_us)?;
    let (second, fraction) = text.split_once('.')?;
    Some(format!("{second}.{}Z", fraction.get(..3)?))
}

/// A version 5 UUID in netrec's own namespace.
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
        let mut report = Report::new(&analysis, &fixture::identity());
        change(&mut report);
        let sockets = Sockets::new(&analysis.tables, &report.findings).unwrap();
        serde_json::to_value(bundle(&report, &sockets)).unwrap()
    }

    /// The fixture's addresses are from documentation ranges, which are not public.
    fn with_public_address(report: &mut Report) {
        report.findings[0].entities.remote_addr = Some("45.45.45.45".to_owned());
        report.findings[0].entities.remote_name = Some("evil.example".to_owned());
    }

    #[test]
    fn a_public_address_and_its_name_are_indicators() {
        let bundle = bundle_of(with_public_address);
        let objects = bundle["objects"].as_array().unwrap();
        assert_eq!(bundle["type"], "bundle");
        assert_eq!(objects[0]["type"], "identity");
        let indicators = of_type(&bundle, "indicator");
        assert_eq!(indicators.len(), 2);
        assert_eq!(indicators[0]["pattern"], "[ipv4-addr:value = '45.45.45.45']");
        assert_eq!(indicators[1]["pattern"], "[domain-name:value = 'evil.example']");
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
        assert_eq!(indicators[0]["valid_from"], "2026-06-01T10:00:00.000Z");
        assert_eq!(indicators[0]["confidence"], 92);
        assert_eq!(indicators[0]["external_references"][0]["external_id"], "T1071.001");
        assert_eq!(indicators[0]["created_by_ref"], objects[0]["id"]);
    }

    #[test]
    fn an_indicator_has_a_sighting_and_the_techniques_that_it_indicates() {
        let bundle = bundle_of(with_public_address);
        let (indicators, sightings) = (of_type(&bundle, "indicator"), of_type(&bundle, "sighting"));
        assert_eq!(sightings.len(), indicators.len());
        assert_eq!(sightings[0]["sighting_of_ref"], indicators[0]["id"]);
        assert_eq!(
            (&sightings[0]["count"], &sightings[0]["first_seen"]),
            (&130.into(), &indicators[0]["valid_from"])
        );
        let host = of_type(&bundle, "identity")[1];
        assert_eq!(sightings[0]["where_sighted_refs"][0], host["id"]);
        let (patterns, relationships) =
            (of_type(&bundle, "attack-pattern"), of_type(&bundle, "relationship"));
        assert_eq!(patterns[0]["name"], "Web Protocols");
        assert_eq!(relationships[0]["relationship_type"], "indicates");
        assert_eq!(relationships[0]["source_ref"], indicators[0]["id"]);
        assert!(relationships.iter().all(|r| patterns.iter().any(|p| p["id"] == r["target_ref"])));
        let all: Vec<&Value> = bundle["objects"].as_array().unwrap().iter().collect();
        let report = of_type(&bundle, "report")[0];
        assert_eq!(report["object_refs"].as_array().unwrap().len(), all.len() - 1);
    }

    fn of_type<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
        bundle["objects"].as_array().unwrap().iter().filter(|object| object["type"] == kind).collect()
    }

    #[test]
    fn what_serves_everybody_and_this_host_itself_are_none() {
        for (addr, name) in [("8.8.8.8", None), ("45.45.45.45", Some("security.ubuntu.com"))] {
            let bundle = bundle_of(|report| {
                report.findings[0].entities.remote_addr = Some(addr.to_owned());
                report.findings[0].entities.remote_name = name.map(str::to_owned);
            });
            assert!(of_type(&bundle, "indicator").is_empty(), "{addr}");
        }
        let own = bundle_of(|report| {
            with_public_address(report);
            report.capture.host_addresses.push("45.45.45.45".to_owned());
            report.findings[0].entities.remote_name = None;
        });
        assert!(of_type(&own, "indicator").is_empty());
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
        let indicators = of_type(&bundle, "indicator");
        assert_eq!((indicators.len(), &indicators[0]["confidence"]), (2, &Value::from(95)));
        assert!(indicators[0]["description"].as_str().unwrap().contains("another reason"));
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
