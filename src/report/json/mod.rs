//! `report.json`: the published form of an analysis.
//!
//! The types are versioned ([`v1`]) and separate from the internal ones, so that internal changes
//! do not affect readers; only `convert` knows both. The HTML page and the Markdown summary are
//! made from the same types, so they cannot disagree.

mod convert;
mod convert_capture;
mod process_facts;
pub mod v1;
mod verdict;

pub use verdict::nothing_found;

use std::io::{self, Write};

use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::escape;

/// Prefix of `schema` in every version.
pub const SCHEMA_FAMILY: &str = "netrec/report.";

/// The schema version within its family: fields were added, none removed.
const SCHEMA_VERSION: &str = "1.1";

/// Where the schema of the current version is published.
const SCHEMA_URL: &str = "https://github.com/netrec/netrec/blob/main/schemas/report.v1.schema.json";

/// Writes a document (the report and others in the folder): indented, with a fixed key order,
/// independent of when and where it is written.
///
/// # Errors
/// If `out` cannot be written.
pub fn write(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut text);
    document.serialize(&mut serializer)?;
    // serde_json writes only UTF-8.
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    out.write_all(escape::json(&text).as_bytes())?;
    out.write_all(b"\n")
}

/// The JSON schema of the current version, as in `schemas/report.v1.schema.json`.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<v1::Report>();
    schema.insert("$id".to_owned(), SCHEMA_URL.into());
    schema.insert("title".to_owned(), "netrec report, version 1".into());
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    const SCHEMA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/report.v1.schema.json");

    fn text_of(report: &v1::Report) -> String {
        let mut out = Vec::new();
        write(report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn hostile_report() -> v1::Report {
        v1::Report::new(&fixture::analysis(), &fixture::identity())
    }

    #[test]
    fn the_published_schema_is_current() {
        let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        fixture::check_golden(SCHEMA_FILE, &current);
    }

    #[test]
    fn a_report_follows_its_schema() {
        let published: Value = serde_json::from_str(&std::fs::read_to_string(SCHEMA_FILE).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&published).unwrap();
        for analysis in [fixture::analysis(), fixture::empty()] {
            let report: Value =
                serde_json::from_str(&text_of(&v1::Report::new(&analysis, &fixture::identity()))).unwrap();
            let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new());
        }
    }

    #[test]
    fn the_schema_refuses_what_is_not_a_report() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let mut report: Value = serde_json::from_str(&text_of(&hostile_report())).unwrap();
        report["findings"][0]["severity"] = "dreadful".into();
        assert!(!validator.is_valid(&report));
        assert!(!validator.is_valid(&serde_json::json!({})));
    }

    #[test]
    fn the_document_is_harmless_in_a_terminal_and_loses_nothing() {
        let text = text_of(&hostile_report());
        assert!(!text.chars().any(|c| escape::is_unsafe(c) && c != '\n'));
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["findings"][0]["entities"]["process_name"], fixture::HOSTILE_NAME);
    }

    #[test]
    fn the_same_analysis_gives_the_same_bytes() {
        assert_eq!(text_of(&hostile_report()), text_of(&hostile_report()));
    }

    #[test]
    fn the_reviewed_report_has_not_changed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/report/report.json");
        fixture::check_golden(path, &text_of(&hostile_report()));
    }
}
