//! Rules that can be evaluated here, and why the others cannot.

use rsigma_eval::{Engine, RuleFieldSet};
use rsigma_parser::{Detection, Level, LogSource, SigmaCollection, SigmaRule, Status};

use super::event::{Event, FIELDS};
use crate::capture::Metadata;
use crate::model::finding::Severity;
use crate::model::threat_intel::RuleFile;

const CATEGORY: &str = "network_connection";

/// What holds events against rules. Behind it stands a library that is young.
pub(super) trait Evaluate: Sync {
    /// Places of the rules that describe an event, rising.
    fn matches(&self, event: &Event<'_>) -> Vec<usize>;
}

/// The rules of all files.
pub(super) struct Rules {
    pub(super) list: Vec<Rule>,
    pub(super) evaluator: Box<dyn Evaluate>,
    /// Every field that one of the rules asks for, sorted.
    pub(super) fields: Vec<String>,
    /// Why a rule is not evaluated, in sentences.
    pub(super) refused: Vec<String>,
    pub(super) of_other_categories: u64,
}

/// What a finding says of a rule.
pub(super) struct Rule {
    pub(super) title: String,
    pub(super) id: String,
    pub(super) author: String,
    pub(super) file: String,
    pub(super) description: String,
    pub(super) false_positives: String,
    pub(super) tags: Vec<String>,
    pub(super) severity: Severity,
    /// How far the rule's status lets one trust it, 0 to 1.
    pub(super) trust: f64,
    /// The fields that it asks for, sorted.
    pub(super) fields: Vec<String>,
}

/// The system of a capture, as rules name it; none for an import that does not say it.
pub(super) fn product(metadata: &Metadata) -> Option<&'static str> {
    let os = metadata.os.as_deref()?.to_ascii_lowercase();
    let known = [("windows", "windows"), ("macos", "macos"), ("mac os", "macos"), ("darwin", "macos")];
    Some(known.iter().find(|(name, _)| os.contains(name)).map_or("linux", |(_, product)| product))
}

impl Rules {
    /// Reads the rules; `product` is the system of the capture.
    pub(super) fn new(files: &[RuleFile], product: Option<&str>) -> Self {
        let mut sigma = RSigma::new(product);
        let (mut list, mut refused, mut of_other_categories) = (Vec::new(), Vec::new(), 0);
        for file in files {
            let collection = match rsigma_parser::parse_sigma_yaml(&file.text) {
                Ok(collection) => collection,
                Err(error) => {
                    refused.push(format!("{}: {}", file.name, one_line(&error.to_string())));
                    continue;
                }
            };
            refused
                .extend(collection.errors.iter().map(|error| format!("{}: {}", file.name, one_line(error))));
            let joined = collection.correlations.len() + collection.filters.len();
            if joined > 0 {
                refused
                    .push(format!("{}: correlations and filters ({joined}) are not supported.", file.name));
            }
            for rule in &collection.rules {
                if rule.logsource.category.as_deref() != Some(CATEGORY) {
                    of_other_categories += 1;
                    continue;
                }
                let why = obstacle(rule, product).or_else(|| sigma.add(rule, list.len()).err());
                match why {
                    Some(why) => refused.push(format!("{} ({}): {why}", rule.title, file.name)),
                    None => list.push(Rule::new(rule, &file.name)),
                }
            }
        }
        let mut fields: Vec<String> = list.iter().flat_map(|rule: &Rule| rule.fields.clone()).collect();
        fields.sort();
        fields.dedup();
        Self { list, evaluator: Box::new(sigma), fields, refused, of_other_categories }
    }
}

/// Why a rule cannot be evaluated on a capture.
fn obstacle(rule: &SigmaRule, product: Option<&str>) -> Option<String> {
    if let Some(meant) = &rule.logsource.product {
        match product {
            None => {
                return Some(format!(
                    "it is for {meant}, and the capture does not name its operating \
                system."
                ));
            }
            Some(product) if !product.eq_ignore_ascii_case(meant) => {
                return Some(format!("it is for {meant}, and the capture is of {product}."));
            }
            Some(_) => {}
        }
    }
    if rule.detection.named.values().any(|detection| matches!(detection, Detection::Keywords(_))) {
        return Some("it searches log text for keywords, and a connection has none.".to_owned());
    }
    let fields = fields(rule);
    let missing: Vec<&str> = fields
        .iter()
        .map(String::as_str)
        .filter(|field| !FIELDS.iter().any(|(name, _)| name == field))
        .collect();
    (!missing.is_empty()).then(|| format!("it needs {}, which a capture does not have.", missing.join(", ")))
}

/// The fields that a rule's conditions ask for, sorted.
fn fields(rule: &SigmaRule) -> Vec<String> {
    // What the rule recommends to show is no condition.
    let conditions = SigmaRule { fields: Vec::new(), ..rule.clone() };
    let collection = SigmaCollection { rules: vec![conditions], ..SigmaCollection::new() };
    RuleFieldSet::collect(&collection, &[], false).names().map(str::to_owned).collect()
}

impl Rule {
    fn new(rule: &SigmaRule, file: &str) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(one_line).unwrap_or_default();
        let or_unknown = |text: String| if text.is_empty() { "unknown".to_owned() } else { text };
        Self {
            title: one_line(&rule.title),
            id: or_unknown(text(&rule.id)),
            author: or_unknown(text(&rule.author)),
            file: file.to_owned(),
            description: text(&rule.description),
            false_positives: rule
                .falsepositives
                .iter()
                .map(|text| one_line(text))
                .collect::<Vec<_>>()
                .join("; "),
            tags: rule.tags.clone(),
            severity: severity(rule.level),
            trust: match rule.status {
                Some(Status::Stable) => 0.7,
                Some(Status::Test) => 0.6,
                _ => 0.4,
            },
            fields: fields(rule),
        }
    }
}

fn severity(level: Option<Level>) -> Severity {
    match level {
        Some(Level::Informational) => Severity::Info,
        Some(Level::Low) => Severity::Low,
        Some(Level::High) => Severity::High,
        Some(Level::Critical) => Severity::Critical,
        Some(Level::Medium) | None => Severity::Medium,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The evaluation by `rsigma-eval`. A rule's id is replaced by its place, as ids may be missing
/// or be the same twice.
struct RSigma {
    engine: Engine,
    source: LogSource,
}

impl RSigma {
    fn new(product: Option<&str>) -> Self {
        let source = LogSource {
            category: Some(CATEGORY.to_owned()),
            product: product.map(str::to_owned),
            ..LogSource::default()
        };
        Self { engine: Engine::new(), source }
    }

    fn add(&mut self, rule: &SigmaRule, at: usize) -> Result<(), String> {
        // A rule may name a service; a capture is of none, and so of every one.
        let logsource = LogSource { service: None, ..rule.logsource.clone() };
        let rule = SigmaRule { id: Some(at.to_string()), logsource, ..rule.clone() };
        self.engine.add_rule(&rule).map_err(|error| one_line(&error.to_string()))
    }
}

impl Evaluate for RSigma {
    fn matches(&self, event: &Event<'_>) -> Vec<usize> {
        let results = self.engine.evaluate_with_logsource(event, &self.source);
        let mut places: Vec<usize> =
            results.iter().filter_map(|result| result.header.rule_id.as_ref()?.parse().ok()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}
