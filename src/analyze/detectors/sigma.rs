//! `sigma`: Sigma rules for network connections, evaluated on those of the capture.

mod event;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ahash::AHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::event::{Background, Event};
use self::rules::{Rule, Rules};
use crate::model::detector::{About, Context, Detector, Method, Outcome, Output, Signal};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::section::Section;
use crate::model::sockets::{Sockets, Source};
use crate::{Result, parallel};

/// Rules that are listed as not evaluated; more are counted.
const LISTED: usize = 40;

/// Sigma rules.
#[derive(Debug)]
pub struct Sigma;

/// Thresholds of `sigma`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Most findings, worst first.
    pub max_findings: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { max_findings: 200 }
    }
}

impl Detector for Sigma {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "sigma",
        title: "Sigma rules",
        what_it_finds: "Connections that match a rule of the category network_connection, from the folder \
            given with --sigma. netrec includes no rules.",
        why_it_matters: "Sigma is the common language for detection rules: it applies what others learned \
            from their incidents to a capture, even an old one.",
        how_it_decides: "Every connection becomes an event with the fields Image, CommandLine, ProcessId, \
            User, Protocol, Initiated, SourceIp, SourcePort, SourceIsIpv6, DestinationIp, \
            DestinationPort, DestinationIsIpv6 and DestinationHostname, where the source is the \
            originator. A rule for another operating system, or with a field that captures do not have, \
            is not evaluated and is listed with the reason. All connections of one process that match one \
            rule form one finding; at most `max_findings` are reported. Severity is the rule's level; \
            confidence its status: 0.7 for stable, 0.6 for test, 0.4 for others, a third less where a \
            field used by the rule is unknown for the connection.",
        false_positives: "Those that the rule itself documents, and rules whose exceptions depend on a \
            field that is unknown here.",
        evidence: "The rule with its id, author and file, the fields it uses and their values, and the \
            connections.",
        source: "Sigma specification 2 (SigmaHQ); evaluated by the crates rsigma-parser and rsigma-eval.",
        section: Section::Security,
        method: Method::Rule,
        signal: Signal::RuleMatch,
        attack: &[],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.max_findings == 0 { Err("max_findings must be at least 1".to_owned()) } else { Ok(()) }
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let files = &context.intel.rules;
        if files.is_empty() {
            return Ok(Outcome::Skipped("No folder of rules was given (--sigma DIR).".to_owned()));
        }
        let rules = Rules::new(files, rules::product(context.metadata));
        let sockets = Sockets::new(context.tables)?;
        let known = Background::new(context.tables, &sockets)?;
        let matches = matches(&rules, &sockets, &known);
        let mut findings: Vec<Finding> =
            matches.iter().map(|((at, _), rows)| finding(&sockets, &known, &rules.list[*at], rows)).collect();
        findings
            .sort_by(|a, b| b.judgement.severity.cmp(&a.judgement.severity).then_with(|| a.id.cmp(&b.id)));
        let mut limits = limits(&rules);
        let most = config.max_findings as usize;
        if findings.len() > most {
            limits.push(format!("{} matches in all; the {most} worst are shown.", findings.len()));
            findings.truncate(most);
        }
        Ok(Outcome::Ran(Output { findings, limits, ..Output::default() }))
    }
}

/// Rows of the connections that a rule describes, by process.
type Matches<'a> = BTreeMap<(usize, Source<'a>), Vec<usize>>;

/// Connections that are the same in every field that a rule asks for are evaluated once:
/// traffic is full of them.
fn matches<'a>(rules: &Rules, sockets: &Sockets<'a>, known: &Background<'a>) -> Matches<'a> {
    let mut alike: AHashMap<String, Vec<usize>> = AHashMap::new();
    for row in (0..sockets.len()).filter(|row| sockets.has_remote(*row)) {
        let event = Event::of(&sockets.get(row), known);
        alike.entry(event.key(&rules.fields)).or_default().push(row);
    }
    let groups: Vec<&Vec<usize>> = alike.values().collect();
    let described =
        parallel::map(&groups, |rows| rules.evaluator.matches(&Event::of(&sockets.get(rows[0]), known)));
    let mut matches = Matches::new();
    for (rows, described) in groups.iter().zip(described) {
        for at in described {
            for row in *rows {
                matches.entry((at, Source::of(&sockets.get(*row)))).or_default().push(*row);
            }
        }
    }
    for rows in matches.values_mut() {
        rows.sort_unstable();
    }
    matches
}

fn finding(sockets: &Sockets<'_>, known: &Background<'_>, rule: &Rule, rows: &[usize]) -> Finding {
    let members = sockets.subset(rows);
    // A match has a row.
    let first = sockets.get(rows[0]);
    let first_event = Event::of(&first, known);
    let unknown: Vec<&str> =
        rule.fields.iter().filter(|field| first_event.value(field).is_none()).map(String::as_str).collect();
    let judgement = Judgement {
        severity: rule.severity,
        confidence: Confidence::new(if unknown.is_empty() { rule.trust } else { rule.trust * 2.0 / 3.0 }),
        title: format!("{}: {}", Source::of(&first), rule.title),
        explanation: explanation(rule, &first_event, &unknown),
        false_positives: rule.false_positives.clone(),
        attack: Vec::new(),
        entities: members.entities(),
    };
    let measured = vec![Measurement::new("matching connections", members.len() as f64, "connections")];
    Finding::new(&Sigma::ABOUT, judgement, members.evidence(measured))
}

fn explanation(rule: &Rule, event: &Event<'_>, unknown: &[&str]) -> String {
    let values: Vec<String> =
        rule.fields.iter().filter_map(|field| Some(format!("{field} = {}", event.text(field)?))).collect();
    let mut sentences = vec![
        format!("Matches the rule {:?} ({}, by {}, in {}).", rule.title, rule.id, rule.author, rule.file),
        format!("Matched fields of the first connection: {}.", values.join("; ")),
    ];
    if !rule.description.is_empty() {
        sentences.push(format!("The rule says: {}", rule.description));
    }
    if !rule.tags.is_empty() {
        sentences.push(format!("Its tags: {}.", rule.tags.join(", ")));
    }
    if !unknown.is_empty() {
        sentences
            .push(format!("Unknown for this connection, and therefore ignored: {}.", unknown.join(", ")));
    }
    sentences.join(" ")
}

fn limits(rules: &Rules) -> Vec<String> {
    let mut limits = vec![format!("{} rules were evaluated.", rules.list.len())];
    if rules.of_other_categories > 0 {
        let number = rules.of_other_categories;
        limits.push(format!("{number} rules are for other event types."));
    }
    limits.extend(rules.refused.iter().take(LISTED).map(|refused| format!("Not evaluated: {refused}")));
    if rules.refused.len() > LISTED {
        limits.push(format!("Not evaluated: {} more.", rules.refused.len() - LISTED));
    }
    limits
}
