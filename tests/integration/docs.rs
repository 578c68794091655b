//! The documentation: links that resolve, chapters that are in the book, and parts generated from
//! the code.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use netrec::analyze::detectors::DETECTORS;
use netrec::capture::schema::published;
use netrec::model::detector::RegisteredDetector;

/// Set this to rewrite the generated parts instead of comparing them.
const UPDATE: &str = "UPDATE";

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of the documentation, relative to the root of the project.
pub(crate) fn pages() -> Vec<PathBuf> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let mut pages: Vec<PathBuf> = ["", "docs"]
        .iter()
        .flat_map(|folder| fs::read_dir(project().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(is_page)
        .collect();
    pages.extend(["sample-captures/README.md", "tests/README.md"].map(|page| project().join(page)));
    pages.sort();
    assert!(pages.len() > 15, "{pages:?}");
    pages
}

/// The text without code blocks, in which brackets are not links.
fn prose(markdown: &str) -> String {
    markdown.split("```").step_by(2).collect()
}

/// The targets of links and pictures, in Markdown and in HTML.
fn links(markdown: &str) -> Vec<String> {
    let text = prose(markdown);
    let after = |opening: &str, closing: char| -> Vec<String> {
        text.split(opening)
            .skip(1)
            .filter_map(|rest| rest.split_once(closing))
            .map(|(target, _)| target.to_owned())
            .collect()
    };
    [after("](", ')'), after(" src=\"", '"'), after(" srcset=\"", '"'), after(" href=\"", '"')].concat()
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_anchor(page: &Path, wanted: &str) -> bool {
    let text = prose(&fs::read_to_string(page).unwrap());
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    headings.map(|heading| anchor(heading.trim_start_matches('#'))).any(|name| name == wanted)
}

#[test]
fn links_within_the_repository_resolve() {
    let mut checked = 0;
    for page in pages() {
        let in_book = page.parent() == Some(&project().join("docs"));
        for link in links(&fs::read_to_string(&page).unwrap()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let shown = format!("{link} in {}", page.display());
            let target = target.canonicalize().unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert!(target.starts_with(project().canonicalize().unwrap()), "{shown} leaves the project");
            // The book contains only docs/.
            let stays = target.starts_with(project().join("docs").canonicalize().unwrap());
            assert!(!in_book || stays, "{shown} leaves docs/, and would be broken in the book");
            assert!(
                fragment.is_empty() || has_anchor(&target, fragment),
                "{shown}: there is no such heading"
            );
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} links were found");
}

#[test]
fn every_chapter_is_in_the_book_and_linked_from_the_table_of_contents_once() {
    let summary = fs::read_to_string(project().join("docs/SUMMARY.md")).unwrap();
    let listed = links(&summary);
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "a chapter is listed twice");
    for entry in fs::read_dir(project().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_chapter = Path::new(&name).extension().is_some_and(|e| e == "md") && name != "SUMMARY.md";
        assert!(!is_chapter || unique.contains(&name), "docs/{name} is not in docs/SUMMARY.md");
    }
}

/// Compares the part between a page's markers with the generated text.
fn holds(page: &str, name: &str, generated: &str) {
    let path = project().join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) =
        (format!("<!-- BEGIN GENERATED: {name} -->\n"), format!("<!-- END GENERATED: {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (there, after) = rest.split_once(&end).unwrap();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{before}{begin}{generated}{end}{after}")).unwrap();
        return;
    }
    assert!(there == generated, "{page} is stale: run the tests once with {UPDATE}=1");
}

/// Escapes text for a table cell or a paragraph.
fn escaped(text: &str) -> String {
    text.replace('<', "&lt;").replace('|', "\\|")
}

#[test]
fn the_chapter_of_the_detectors_is_what_they_say() {
    let mut text = "| detector | finds |\n|---|---|\n".to_owned();
    for entry in DETECTORS {
        let about = entry.about;
        writeln!(text, "| [`{id}`](#{id}) | {} |", escaped(about.title), id = about.id).unwrap();
    }
    text.extend(DETECTORS.iter().map(chapter));
    holds("docs/detectors.md", "detectors", &text);
}

fn chapter(entry: &RegisteredDetector) -> String {
    let about = entry.about;
    let mut text = format!("\n## {}\n\n*{}*\n", about.id, about.title);
    for (heading, paragraph) in [
        ("What it finds", about.what_it_finds),
        ("Why it matters", about.why_it_matters),
        ("How it decides", about.how_it_decides),
        ("False positives", about.false_positives),
        ("Evidence", about.evidence),
        ("Source", about.source),
    ] {
        writeln!(text, "\n**{heading}.** {}", escaped(paragraph)).unwrap();
    }
    if !about.attack.is_empty() {
        writeln!(text, "\n**ATT&CK.** {}", about.attack.join(", ")).unwrap();
    }
    let thresholds = (entry.default_thresholds)();
    if !thresholds.is_empty() {
        writeln!(text, "\n| threshold in `[{}]` | default | meaning |\n|---|---|---|", about.id).unwrap();
    }
    for (key, value) in thresholds {
        let meaning = (entry.describe)(&key).unwrap_or_default();
        writeln!(text, "| `{key}` | `{}` | {} |", escaped(&value.to_string()), escaped(&meaning)).unwrap();
    }
    text
}

#[test]
fn the_columns_of_the_format_are_the_schema() {
    let schema = published();
    let mut text = "| column | type | null | meaning |\n|---|---|---|---|\n".to_owned();
    for column in schema["columns"].as_array().unwrap() {
        let of = |field: &str| escaped(column[field].as_str().unwrap_or_default());
        let nullable = if column["nullable"] == true { "yes" } else { "no" };
        writeln!(text, "| `{}` | {} | {nullable} | {} |", of("name"), of("type"), of("meaning")).unwrap();
    }
    holds("docs/capture-format.md", "columns", &text);
}

/// A man page, a chapter and `--help` say the same about exit codes and the environment.
#[test]
fn the_chapter_of_the_command_line_names_every_exit_code_and_variable_of_the_help() {
    let chapter = fs::read_to_string(project().join("docs/command-line.md")).unwrap();
    let help = crate::runner::netrec_in(project(), &["--help"]).succeeds().stdout;
    let section = |name: &str| -> Vec<String> {
        let rest = help.split(&format!("{name}:\n")).nth(1).unwrap();
        let words = rest.lines().take_while(|line| !line.is_empty());
        words
            .filter(|line| !line.starts_with("      "))
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    };
    for code in section("Exit codes") {
        assert!(chapter.contains(&format!("| {code} |")), "exit code {code}");
    }
    for variable in section("Environment") {
        assert!(chapter.contains(&format!("`{variable}`")), "{variable}");
    }
}
