//! `netrec explain`: describes the detectors in the words of the report, and every setting.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{Done, stdout};
use crate::analyze::config::{documented_defaults, wrap};
use crate::analyze::detectors::{self, DETECTORS};
use crate::model::detector::{About, RegisteredDetector};

/// Line width in characters.
const WIDTH: usize = 96;

const EXAMPLES: &str = "Examples:\n\
\x20 netrec explain\n\
\x20 netrec explain beacon\n\
\x20 netrec explain --config > netrec.toml";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The detector to explain; without one, all are listed
    #[arg(value_parser = PossibleValuesParser::new(DETECTORS.iter().map(|entry| entry.about.id)))]
    id: Option<String>,
    /// Print every setting with its default and meaning, as a configuration file
    #[arg(long, conflicts_with = "id")]
    config: bool,
}

pub(super) fn run(arguments: &Arguments) -> Done {
    let text = match arguments.id.as_deref().and_then(detectors::find) {
        Some(entry) => explanation(entry),
        None if arguments.config => documented_defaults(),
        None => list(),
    };
    stdout::document(|out| out.write_all(text.as_bytes()));
    Done::Well
}

fn list() -> String {
    let width = DETECTORS.iter().map(|entry| entry.about.id.len()).max().unwrap_or(0);
    let line = |about: &About| format!("{:<width$}  {}", about.id, about.title);
    let mut lines: Vec<String> = DETECTORS.iter().map(|entry| line(entry.about)).collect();
    lines.push("\nOne in full: netrec explain ID. Every setting: netrec explain --config\n".to_owned());
    lines.join("\n")
}

fn explanation(entry: &RegisteredDetector) -> String {
    let about = entry.about;
    let mut lines = vec![format!("{} ({})", about.title, about.id)];
    for (heading, paragraph) in [
        ("What it finds", about.what_it_finds),
        ("Why it matters", about.why_it_matters),
        ("How it decides", about.how_it_decides),
        ("False positives", about.false_positives),
        ("Evidence", about.evidence),
        ("Source", about.source),
    ] {
        lines.push(format!("\n{heading}"));
        lines.extend(indented(paragraph, 2));
    }
    lines.push(format!("\nThresholds, in the section [{}]", about.id));
    for (key, value) in (entry.default_thresholds)() {
        lines.push(format!("  {key} = {value}"));
        lines.extend(indented(&(entry.describe)(&key).unwrap_or_default(), 6));
    }
    lines.join("\n") + "\n"
}

fn indented(text: &str, spaces: usize) -> Vec<String> {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        wrap(paragraph, WIDTH - spaces).into_iter().map(|line| format!("{:spaces$}{line}", "")).collect()
    });
    paragraphs.collect::<Vec<Vec<String>>>().join(&String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_detector() {
        let text = list();
        assert!(DETECTORS.iter().all(|entry| text.contains(entry.about.id)));
    }

    #[test]
    fn an_explanation_has_every_heading_and_threshold_and_fits_a_terminal() {
        for entry in DETECTORS {
            let text = explanation(entry);
            for heading in ["What it finds", "Why it matters", "False positives", "Source"] {
                assert!(text.contains(&format!("\n{heading}\n  ")), "{heading}");
            }
            assert!((entry.default_thresholds)().keys().all(|key| text.contains(&format!("  {key} = "))));
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        }
    }

    #[test]
    fn an_unknown_id_is_wrong_usage_and_is_told_the_known_ones() {
        #[derive(Debug, clap::Parser)]
        struct Program {
            #[command(flatten)]
            arguments: Arguments,
        }
        let error = <Program as clap::Parser>::try_parse_from(["explain", "beacons"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("port-scan"), "{error}");
    }
}
