//! What detectors say of the test captures, as texts that were reviewed.
//!
//! A test asserts what matters in its scene. The text beside it holds everything else that a user would read there: the
//! sentences, the confidence, each measured value with its threshold, the limits, the tables. `UPDATE=1` rewrites the
//! texts of the tests that run, and the diff is reviewed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use super::START_US;
use crate::model::csv;
use crate::model::detector::Outcome;
use crate::model::finding::Finding;
use crate::model::frame::DataFrame;

/// Outcomes of one test that have a text: more of them are variations.
const OUTCOMES: usize = 3;

/// Findings and rows of a table that are written out.
const MOST: usize = 3;

/// Begins an entry.
const HEADING: &str = "== ";

/// Whether it was said that nothing is compared.
static SAID: Once = Once::new();

/// The files are read and written by one test at a time.
static FILES: Mutex<()> = Mutex::new(());

thread_local! {
    /// How many outcomes the test has asked for. Each test has a thread, which is named after it.
    static ASKED: RefCell<usize> = const { RefCell::new(0) };
}

/// Compares an outcome of a detector with its reviewed text.
#[track_caller]
pub(super) fn check(detector: &str, outcome: &Outcome) {
    check_text(detector, &text_of(outcome));
}

/// Compares a text with the reviewed one, in the file of this name. A test that the harness runs in no thread of its own has
/// no name by which to find it: that is said, past what the harness captures.
#[track_caller]
pub(crate) fn check_text(file: &str, current: &str) {
    let thread = thread::current();
    let Some(test) = thread.name().filter(|name| name.contains("::")) else {
        SAID.call_once(|| {
            let reason = "reviewed texts are not compared: the tests run in a thread without their name";
            writeln!(io::stderr(), "{reason}").unwrap();
        });
        return;
    };
    let number = ASKED.with_borrow_mut(|asked| {
        *asked += 1;
        *asked
    });
    if number > OUTCOMES {
        return;
    }
    let test = test.strip_prefix("analyze::detectors::").unwrap_or(test);
    let key = format!("{test}, {number}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/outcomes/{file}.txt"));
    let reviewed = {
        let _alone = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        if std::env::var_os("UPDATE").is_some() {
            update(&path, &key, current);
        }
        entries(&path).remove(&key).unwrap_or_default()
    };
    assert_eq!(
        current, reviewed,
        "run the test with UPDATE=1 and review what changed under {key:?} in {path:?}"
    );
}

fn update(path: &Path, key: &str, text: &str) {
    let mut all = entries(path);
    if all.insert(key.to_owned(), text.to_owned()).as_deref() != Some(text) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let texts = all.iter().map(|(key, text)| format!("{HEADING}{key}\n{text}"));
        fs::write(path, texts.collect::<String>()).unwrap();
    }
}

/// The texts of a file by their headings.
fn entries(path: &Path) -> BTreeMap<String, String> {
    let file = fs::read_to_string(path).unwrap_or_default();
    let mut all = BTreeMap::new();
    let mut open = None;
    for line in file.lines() {
        if let Some(key) = line.strip_prefix(HEADING) {
            open = Some(all.entry(key.to_owned()).or_insert_with(String::new));
        } else if let Some(text) = &mut open {
            text.push_str(line);
            text.push('\n');
        }
    }
    all
}

fn text_of(outcome: &Outcome) -> String {
    let output = match outcome {
        Outcome::Skipped(reason) => return format!("skipped: {reason}\n"),
        Outcome::Ran(output) => output,
    };
    let mut text = format!("{} findings\n", output.findings.len());
    for finding in output.findings.iter().take(MOST) {
        write_finding(&mut text, finding);
    }
    for limit in &output.limits {
        writeln!(text, "limit: {limit}").unwrap();
    }
    if let Some(periods) = output.periods {
        writeln!(text, "{periods:?}").unwrap();
    }
    for (name, table) in &output.tables {
        write_table(&mut text, name, table);
    }
    text
}

fn write_finding(text: &mut String, finding: &Finding) {
    let (judgement, evidence) = (&finding.judgement, &finding.evidence);
    writeln!(text, "{} {:.3} {}", judgement.severity, judgement.confidence.get(), judgement.title).unwrap();
    writeln!(text, "    {}", judgement.explanation).unwrap();
    if judgement.false_positives != finding.about.false_positives {
        writeln!(text, "    False positives: {}", judgement.false_positives).unwrap();
    }
    let seconds = |ts_us: i64| (ts_us - START_US) as f64 / 1e6;
    let (from, to) = evidence.span_us;
    writeln!(
        text,
        "    {:?}, {} connections from {} s to {} s, id {}",
        judgement.attack,
        evidence.connections_total,
        seconds(from),
        seconds(to),
        finding.id
    )
    .unwrap();
    for measured in &evidence.measurements {
        let threshold = measured.threshold.map(|least| format!(" ({})", short(least))).unwrap_or_default();
        let value = format!("{} {}", short(measured.value), measured.unit);
        writeln!(text, "    {}: {}{threshold}", measured.name, value.trim_end()).unwrap();
    }
}

/// The first rows; cells that are numbers as [`short`] ones.
fn write_table(text: &mut String, name: &str, table: &DataFrame) {
    let mut bytes = Vec::new();
    csv::Table::of(table).write(&mut bytes).unwrap();
    writeln!(text, "table {name}, {} rows", table.height()).unwrap();
    for line in String::from_utf8(bytes).unwrap().lines().take(1 + MOST) {
        let cells = line.split(',').map(|cell| cell.parse().map_or_else(|_| cell.to_owned(), short));
        writeln!(text, "    {}", cells.collect::<Vec<_>>().join(",")).unwrap();
    }
}

/// Five digits: more of them depend on the machine's mathematics.
pub(crate) fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().unwrap();
    if value.fract() == 0.0 || !value.is_finite() {
        value.to_string()
    } else if value.abs() < 1e-4 {
        format!("{rounded:e}")
    } else {
        rounded.to_string()
    }
}
