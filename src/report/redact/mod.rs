//! Redaction: a report that can be shared without revealing where it comes from.
//!
//! Everything that names a host, a person or a place in a network is replaced by a consistent
//! pseudonym: addresses ([`addresses`]), and host and user names, paths, command lines, names of
//! remotes, containers and files ([`dictionary`]). Redaction works on the finished analysis, so
//! findings, severities and numbers are those of the original. It covers all texts, so that a name
//! inside a title is replaced too.
//!
//! Kept: names of processes, ports, times, counts, countries, the hashes of the capture and of
//! executables. Pseudonyms are made with a secret key (HMAC-SHA-256). The same key gives the same
//! pseudonyms in every report; without one they are unique to this report.
//!
//! [`Redactor::rules`] covers the rest: the rules of the allow-lists, which are written by users.

mod addresses;
mod dictionary;
mod frames;
mod key;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

use self::addresses::Addresses;
use self::dictionary::{Dictionary, Kind};
pub use self::key::Key;
use super::CaptureIdentity;
use super::json::v1;
use crate::Result;
use crate::analyze::Analysis;
use crate::capture::{ImportStats, Metadata};
use crate::insight::{Insight, Step};
use crate::model::detector::{Run, Status};
use crate::model::finding::{Entities, Finding};
use crate::model::frame::DataFrame;
use crate::model::metrics::{Metrics, Share};

/// A visibility gap of every redacted report.
const NOTE: &str = "Redacted: addresses, host and user names, paths, command lines, names of remotes and \
                    containers are pseudonyms.";

/// Replaces everything that identifies a host, a network or a person.
#[derive(Debug)]
pub struct Redactor {
    key: Key,
    addresses: Addresses,
    dictionary: Dictionary,
}

impl Redactor {
    /// A redactor that knows every name in an analysis.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a text column has another type: a bug.
    pub fn new(key: Key, analysis: &Analysis, capture: &CaptureIdentity) -> Result<Self> {
        let mut programs = BTreeSet::new();
        for frame in frames::of(&analysis.tables) {
            frames::each_text(frame, |column, text| {
                if matches!(column, "process_name" | "parent_name") {
                    programs.insert(text.to_owned());
                }
            });
        }
        let mut dictionary = Dictionary::new(key.clone(), programs);
        let metadata = &analysis.metadata;
        dictionary.add(Kind::File, Some(&capture.file_name));
        dictionary.add(Kind::Host, metadata.host_name.as_deref());
        dictionary.add(Kind::Boot, metadata.boot_id.as_deref());
        dictionary.add(Kind::Host, metadata.machine_id.as_deref());
        let files = metadata.joined.iter().flat_map(|joined| &joined.files);
        files.for_each(|file| dictionary.add(Kind::File, Some(&file.name())));
        let imports = metadata.imports.iter().chain(&metadata.import);
        imports.for_each(|import| dictionary.add(Kind::File, Some(&import.file)));
        if let Some(series) = &metadata.series {
            dictionary.add(Kind::File, Some(&series.name));
            dictionary.add(Kind::File, series.previous.as_ref().map(|previous| previous.file.as_str()));
        }
        for frame in frames::of(&analysis.tables) {
            frames::each_text(frame, |column, text| {
                if let Some(kind) = Kind::of_column(column) {
                    dictionary.add(kind, Some(text));
                } else if column == "actor" {
                    dictionary.add_actor(text);
                }
            });
        }
        let runs = analysis.runs.iter().flat_map(|run| &run.output.findings);
        let suppressed = analysis.suppressed.iter().map(|suppressed| &suppressed.finding);
        let about = runs.chain(suppressed).map(|finding| &finding.judgement.entities);
        for entities in about.chain(analysis.insights.iter().map(|insight| &insight.entities)) {
            dictionary.add(Kind::Path, entities.exe.as_deref());
            dictionary.add(Kind::Command, entities.cmdline.as_deref());
            dictionary.add(Kind::User, entities.username.as_deref());
            dictionary.add(Kind::Container, entities.container.as_deref());
            dictionary.add(Kind::Name, entities.remote_name.as_deref());
        }
        Ok(Self { addresses: Addresses::new(key.clone()), dictionary, key })
    }

    /// Redacts an analysis and the description of its file.
    ///
    /// # Errors
    /// [`crate::Error::Analysis`] if a table cannot be rebuilt: a bug.
    pub fn redact(&self, analysis: &mut Analysis, capture: &mut CaptureIdentity) -> Result<()> {
        capture.file_name = self.dictionary.pseudonym(Kind::File, &capture.file_name);
        let gaps_before = gap_sentences(&analysis.metadata);
        self.metadata(&mut analysis.metadata);
        let gaps = gap_sentences(&analysis.metadata);
        for spot in &mut analysis.completeness.blind_spots {
            if let Some(at) = gaps_before.iter().position(|before| before == spot) {
                spot.clone_from(&gaps[at]);
            }
        }
        analysis.tables.frames_mut().into_iter().try_for_each(|frame| self.frame(frame))?;
        self.metrics(&mut analysis.metrics);
        let completeness = &mut analysis.completeness;
        self.texts(&mut completeness.blind_spots);
        completeness.blind_spots.insert(0, NOTE.to_owned());
        completeness.sources.iter_mut().for_each(|source| self.text_in(&mut source.detail));
        analysis.runs.iter_mut().try_for_each(|run| self.run(run))?;
        analysis.insights.iter_mut().for_each(|insight| self.insight(insight));
        analysis.suppressed.iter_mut().for_each(|suppressed| self.finding(&mut suppressed.finding));
        Ok(())
    }

    /// Redacts the parts of a report that are not from its analysis: the rules of the allow-lists.
    pub fn rules(&self, report: &mut v1::Report) {
        let rule = |rule: &mut String| *rule = self.dictionary.pseudonym(Kind::Rule, rule);
        report.idle_allow_rules.iter_mut().for_each(rule);
        report.suppressed.iter_mut().for_each(|suppressed| rule(&mut suppressed.rule));
    }

    fn metadata(&self, metadata: &mut Metadata) {
        let of = |kind, text: &mut Option<String>| {
            *text = text.as_deref().map(|text| self.dictionary.pseudonym(kind, text));
        };
        of(Kind::Host, &mut metadata.host_name);
        of(Kind::Boot, &mut metadata.boot_id);
        of(Kind::Host, &mut metadata.machine_id);
        for file in metadata.joined.iter_mut().flat_map(|joined| &mut joined.files) {
            file.path = self.dictionary.pseudonym(Kind::File, &file.name()).into();
        }
        self.texts(&mut metadata.host_addresses);
        self.texts(&mut metadata.inside);
        self.texts(&mut metadata.privileges);
        metadata.sources.iter_mut().for_each(|source| self.text_in(&mut source.detail));
        for import in metadata.imports.iter_mut().chain(&mut metadata.import) {
            import.file = self.dictionary.pseudonym(Kind::File, &import.file);
        }
        let stats = metadata.import_stats.iter_mut();
        for unused in stats.flat_map(|stats| stats.unused.iter_mut().chain(&mut stats.files)) {
            // An unreadable record could contain anything, and so could a path.
            unused.example = None;
        }
        metadata.series = None;
        metadata.recovered.iter_mut().for_each(|text| self.text_in(text));
    }

    fn frame(&self, frame: &mut DataFrame) -> Result<()> {
        frames::map_texts(frame, |column, text| self.cell(column, text))?;
        frames::map_ids(frame, |id| self.key.number(id))
    }

    /// A cell of a table. The column's name determines its kind; any other text is searched.
    fn cell(&self, column: &str, text: &str) -> String {
        match Kind::of_column(column) {
            Some(kind) => self.dictionary.pseudonym(kind, text),
            None => self.text(text),
        }
    }

    fn metrics(&self, metrics: &mut Metrics) {
        let (overview, bandwidth) = (&mut metrics.overview, &mut metrics.bandwidth);
        let lists: [&mut Vec<Share>; 6] = [
            &mut overview.top_processes,
            &mut overview.top_endpoints,
            &mut overview.by_state,
            &mut bandwidth.by_process,
            &mut bandwidth.by_endpoint,
            &mut metrics.tcp.close_wait_by_process,
        ];
        for share in lists.into_iter().flatten() {
            self.text_in(&mut share.name);
        }
        metrics.processes.iter_mut().for_each(|process| self.text_in(&mut process.name));
        metrics.anomalies.ports_by_process.iter_mut().for_each(|user| self.text_in(&mut user.process));
    }

    fn run(&self, run: &mut Run) -> Result<()> {
        if let Status::Skipped(reason) | Status::Failed(reason) = &mut run.status {
            self.text_in(reason);
        }
        run.thresholds.iter_mut().for_each(|(_, value)| self.threshold(value));
        self.texts(&mut run.output.limits);
        run.output.findings.iter_mut().for_each(|finding| self.finding(finding));
        run.output.tables.iter_mut().try_for_each(|(_, frame)| self.frame(frame))
    }

    fn threshold(&self, value: &mut toml::Value) {
        match value {
            toml::Value::String(text) => self.text_in(text),
            toml::Value::Array(values) => values.iter_mut().for_each(|value| self.threshold(value)),
            toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| self.threshold(value)),
            _ => {}
        }
    }

    fn finding(&self, finding: &mut Finding) {
        finding.id = self.id(&finding.id);
        let judgement = &mut finding.judgement;
        self.text_in(&mut judgement.title);
        self.text_in(&mut judgement.explanation);
        self.text_in(&mut judgement.false_positives);
        self.entities(&mut judgement.entities);
        finding.evidence.measurements.iter_mut().for_each(|measured| self.text_in(&mut measured.name));
        finding.evidence.connections.iter_mut().for_each(|id| *id = self.key.number(*id));
    }

    /// An id is a hash of the finding's subject, which could be guessed.
    fn id(&self, id: &str) -> String {
        let detector = id.rsplit_once('-').map_or(id, |(detector, _)| detector);
        format!("{detector}-{:012x}", self.key.hash("id", id.as_bytes()) >> 16)
    }

    fn entities(&self, entities: &mut Entities) {
        let of = |kind, text: &mut Option<String>| {
            *text = text.as_deref().map(|text| self.dictionary.pseudonym(kind, text));
        };
        of(Kind::Path, &mut entities.exe);
        of(Kind::Command, &mut entities.cmdline);
        of(Kind::User, &mut entities.username);
        of(Kind::Container, &mut entities.container);
        of(Kind::Name, &mut entities.remote_name);
        let texts = [
            &mut entities.process_name,
            &mut entities.actor,
            &mut entities.local_addr,
            &mut entities.remote_addr,
            &mut entities.payload,
        ];
        texts.into_iter().flatten().for_each(|text| self.text_in(text));
    }

    fn insight(&self, insight: &mut Insight) {
        insight.id = self.id(&insight.id);
        self.text_in(&mut insight.title);
        self.text_in(&mut insight.sentence);
        self.text_in(&mut insight.summary);
        self.entities(&mut insight.entities);
        insight.findings.iter_mut().for_each(|id| *id = self.id(id));
        for support in &mut insight.evidence {
            support.finding = self.id(&support.finding);
            self.text_in(&mut support.sentence);
        }
        self.texts(&mut insight.against);
        for step in &mut insight.next_steps {
            match step {
                Step::Ask(text) | Step::Dump { filter: text, .. } => self.text_in(text),
                Step::OnHost { arguments, .. } => self.texts(arguments),
                Step::Replay(_) => {}
            }
        }
    }

    fn texts(&self, texts: &mut [String]) {
        for text in texts {
            self.text_in(text);
        }
    }

    fn text_in(&self, text: &mut String) {
        *text = self.text(text);
    }
}
/// The report's sentences about records that are not in the capture.
fn gap_sentences(metadata: &Metadata) -> Vec<String> {
    metadata.import_stats.as_ref().map_or_else(Vec::new, ImportStats::gap_sentences)
}
