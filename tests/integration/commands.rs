//! Runs every command shown in the README, the chapters of docs/, `--help` and `netrec explain`.
//!
//! A block of a page is run from top to bottom in one folder that looks like the root of the
//! project; every other command gets its own folder. Anything that cannot be run as is gets
//! replaced in one place, [`in_words_of_the_test`], so that nothing is skipped silently.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use netrec::capture::{Overwrite, Writer};

use crate::fixture;
use crate::runner::netrec_in;
use crate::terminal::Terminal;

/// Placeholders in capitals, and their values in the test.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("--new-key FILE", "--new-key new.key"),
    ("recover FILE", "recover broken.parquet"),
    ("/var/log/zeek/current", "zeek"),
    ("FILE", "web-01.parquet"),
    ("CAPTURE", "web-01.parquet"),
    ("DIR", "web-01-report"),
    ("KEY", "netrec.key"),
    ("PUB", "netrec.key.pub"),
    ("A B C", "web-01.parquet before.parquet after.parquet"),
    ("ID", "beacon"),
    ("COMMAND", "record"),
    ("LEVEL", "high"),
    ("SHELL", "bash"),
    ("/var/lib/netrec", "series"),
    ("/srv/captures", "series"),
    ("/srv/fleet", "of-spark"),
    ("today.parquet", "web-01.parquet"),
    // Object storage itself is tested in storage/.
    ("s3://captures/2026/", "series"),
    ("s3://captures/web-01/", "series"),
    ("s3://reports/2026/", "of-storage"),
    ("s3://reports/tables/", "of-storage-tables"),
    ("s3://reports/spark/", "of-storage-spark"),
];

/// Modules for the chapters' queries, which are tested with the PATH's python3.
const PYTHON_MODULES: &str = "duckdb, pandas, polars, pyarrow";

/// Exit codes of a successful command: done; done, with a degraded capture; done, and what
/// `--fail-on` asked about was found.
const DONE: [i32; 3] = [0, 3, 10];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Programs in the commands, and how the test runs them.
const PROGRAMS: &[(&str, &str)] = &[
    // A recording without a duration is stopped like by a user; its upload destination does not answer.
    (
        "netrec",
        "export AWS_ACCESS_KEY_ID=A AWS_SECRET_ACCESS_KEY=B AWS_ENDPOINT_URL=http://127.0.0.1:1\ncase \"$1 $2\" in\n'record --check') ;;\nrecord*) exec timeout --foreground -s INT --preserve-status 3 NETREC \"$@\" ;;\n\
         esac\nexec NETREC \"$@\"",
    ),
    ("sudo", "exec \"$@\""),
    // These two have built the test and are running it.
    (
        "cargo",
        "case \"$*\" in\n'test --release' | 'build --release' | 'install --path .') exit 0 ;;\n'run --release -- '*) shift 3; exec netrec \"$@\" ;;\n\
         esac\nexit 2",
    ),
    // The fake cluster executes the plan; the real one is tested in scripts/check-fleet-spark.sh.
    (
        "spark-submit",
        "for plan; do :; done\nfolder=$(dirname \"$plan\")/../tables\n\
         python3 -c 'import json, sys; [print(*batch) for batch in json.load(open(sys.argv[1]))[\"batches\"]]' \"$plan\" |\n\
         while read -r batch; do NETREC fleet map $batch -o \"$folder\" || [ $? = 3 ] || exit 1; done",
    ),
    // Building and installing is tested in tests/integration/packages.rs and scripts/test-package.sh.
    ("apt", "[ \"$1\" = install ] && [ -f \"$2\" ]"),
    (
        "duckdb",
        "[ \"$1\" = -c ] || exit 2\nexec python3 -c 'import sys, duckdb; print(duckdb.sql(sys.argv[1]))' \"$2\"",
    ),
];

/// A folder with everything that the commands need, made once and copied for each.
fn template() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["bin", "sample-captures", "scripts", "series", "target/release", "zeek"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for (name, script) in PROGRAMS {
            let script = script.replace("NETREC", env!("CARGO_BIN_EXE_netrec"));
            fs::write(at("bin").join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(at("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        symlink("../../bin/netrec", at("target/release/netrec")).unwrap();
        let package = "#!/bin/sh\nmkdir dist && touch dist/netrec_0_test.deb\n";
        fs::write(at("scripts/package.sh"), package).unwrap();
        fs::set_permissions(at("scripts/package.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let sample = project().join("sample-captures/workday.parquet");
        for name in ["sample-captures/workday.parquet", "web-01.parquet", "before.parquet", "after.parquet"] {
            fs::copy(&sample, at(name)).unwrap();
        }
        fs::copy(&sample, at("series/web-20260601T100000Z.parquet")).unwrap();
        let pcap = project().join("tests/data/public-captures/manx-tcp.pcap.zst");
        fs::copy(pcap, at("capture.pcap")).unwrap();
        let mut broken = Writer::create(&at("broken.parquet"), Overwrite::Never).unwrap();
        for (tick, rows) in (0..4_u32).zip(fixture::rows(4, 2).chunks(3)) {
            for row in rows {
                broken.push(row).unwrap();
            }
            broken.end_tick(fixture::metadata(tick + 1)).unwrap();
        }
        drop(broken);
        fs::write(at("indicators.txt"), "198.51.100.7\n").unwrap();
        let run = |arguments: &[&str]| netrec_in(folder.path(), arguments).succeeds();
        run(&["analyze", "web-01.parquet"]);
        run(&["export", "web-01.parquet", "--format", "zeek", "-o", "zeek/conn.log"]);
        run(&["verify", "--new-key", "netrec.key"]);
        run(&["baseline", "series", "-o", "known.baseline"]);
        run(&["fleet", "map", "series", "-o", "tables"]);
        folder
    });
    folder.path()
}

/// A separate folder for some commands.
fn playground() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = template().join(".");
    let copied = Command::new("cp").arg("-a").arg(from).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    folder
}

/// A command in the form that the test can run.
fn in_words_of_the_test(shown: &str) -> String {
    if shown.starts_with("jq ") {
        // The README shows it for the folder of a report.
        return format!("cd web-01-report && {shown}");
    }
    PLACEHOLDERS
        .iter()
        .fold(format!(" {shown} "), |text, (word, by)| text.replace(&format!(" {word} "), &format!(" {by} ")))
}

/// Runs a command in a folder, like a user.
#[track_caller]
fn run(folder: &Path, shown: &str) {
    let line = in_words_of_the_test(shown);
    let line = line.trim();
    let plain = line.trim_start_matches("sudo ").trim_start_matches("target/release/");
    if plain.starts_with("netrec replay ") || plain == "netrec watch" || plain.starts_with("netrec watch ") {
        return play(folder, plain.trim_start_matches("netrec "), shown);
    }
    if line.starts_with("duckdb ") && !has_duckdb() {
        eprintln!("skipped: {line}: there is no module duckdb for python3");
        return;
    }
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let ran = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let code = ran.status.code().unwrap_or(-1);
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(DONE.contains(&code), "`{shown}` ended with {code}: {stderr}");
    assert!(!stderr.contains("panicked"), "`{shown}`: {stderr}");
}

/// Runs a command that needs a terminal, waits for its screen and ends it with `q`.
#[track_caller]
fn play(folder: &Path, arguments: &str, shown: &str) {
    let Some(terminal) = Terminal::run(folder, arguments) else { return };
    terminal.shows("Connections");
    terminal.press(&["q"]);
    let screen = terminal.shows("ended with");
    assert!(DONE.iter().any(|code| screen.contains(&format!("ended with {code}"))), "`{shown}`: {screen}");
}

fn has_duckdb() -> bool {
    has_modules("duckdb")
}

fn has_modules(names: &str) -> bool {
    let asked =
        Command::new("python3").args(["-c", &format!("import {names}")]).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// The commands in each shell block of a Markdown text. A command continues on the next line while
/// a quote is open, or after a `\`.
fn blocks(markdown: &str) -> Vec<Vec<String>> {
    let parts = markdown.split("```");
    parts.skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n")).map(commands).collect()
}

fn commands(block: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in block.replace("\\\n", " ").lines().filter(|line| !line.trim().is_empty()) {
        let is_open = |text: &String| text.matches('"').count() % 2 == 1;
        match commands.last_mut().filter(|last| is_open(last)) {
            Some(last) => *last = format!("{last} {}", line.trim()),
            None => commands.push(line.to_owned()),
        }
    }
    commands
}

/// The commands in backticks in a text; they may be wrapped.
fn in_backticks(text: &str) -> Vec<String> {
    let text: String = text.split("```").step_by(2).collect::<Vec<_>>().join("\n\n");
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let joined = paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        joined.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    });
    paragraphs.flatten().filter(|span| is_command(span)).collect()
}

/// Whether a text is a complete command rather than the beginning of one: `netrec record` alone, as
/// a sentence names a subcommand, is not.
fn is_command(text: &str) -> bool {
    let text = text.trim_start_matches("sudo ");
    let is_netrec = text.strip_prefix("netrec ").is_some_and(|rest| rest.contains(' ') || rest == "explain");
    is_netrec || text.starts_with("jq ")
}

fn help_of(arguments: &[&str]) -> String {
    netrec_in(Path::new("."), arguments).succeeds().stdout
}

/// Every subcommand, from the program's help.
fn subcommands() -> Vec<String> {
    let help = help_of(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names = list.lines().filter(is_name).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The commands below the heading of the examples.
fn examples(help: &str) -> Vec<String> {
    let after = help.split("Examples:\n").nth(1).unwrap_or_default();
    after.lines().take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn the_commands_of_the_readme_run() {
    let readme = fs::read_to_string(project().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    assert!(blocks.len() >= 5, "{blocks:?}");
    for block in blocks {
        let folder = playground();
        for command in block {
            run(folder.path(), &command);
        }
    }
    let spans = in_backticks(&readme);
    assert!(!spans.is_empty());
    for command in spans {
        run(playground().path(), &command);
    }
}

/// The chapters: like the README, each command once in each form.
#[test]
fn the_commands_of_the_chapters_run() {
    let mut done = BTreeSet::new();
    let chapters = crate::docs::pages().into_iter().filter(|page| page.parent().unwrap().ends_with("docs"));
    for chapter in chapters.filter(|page| !page.ends_with("detectors.md")) {
        let text = fs::read_to_string(&chapter).unwrap();
        for block in blocks(&text) {
            let folder = playground();
            for command in block {
                run(folder.path(), &command);
                done.insert(command);
            }
        }
        for command in in_backticks(&text) {
            if done.insert(command.clone()) {
                run(playground().path(), &command);
            }
        }
    }
    assert!(done.len() >= 40, "{done:?}");
}

/// The other languages in a chapter: Python itself, SQL by `DuckDB`, and the allow-list.
#[test]
fn the_queries_and_the_allow_list_of_the_chapters_are_valid() {
    let text = fs::read_to_string(project().join("docs/report.md")).unwrap();
    let folder = playground();
    fs::write(folder.path().join("known.toml"), code(&text, "toml").concat()).unwrap();
    netrec_in(folder.path(), &["analyze", "web-01.parquet", "--allow", "known.toml", "-o", "r"]).succeeds();

    if !has_modules(PYTHON_MODULES) {
        eprintln!("skipped: python3 lacks one of {PYTHON_MODULES}");
        return;
    }
    let text = fs::read_to_string(project().join("docs/querying.md")).unwrap();
    let sql = code(&text, "sql").concat();
    let sql = sql.strip_prefix(".read scripts/netrec.sql\n").unwrap();
    let macros = fs::read_to_string(project().join("scripts/netrec.sql")).unwrap();
    fs::write(folder.path().join("query.sql"), macros + sql).unwrap();
    let by_duckdb = "import duckdb\nduckdb.execute(open('query.sql').read())".to_owned();
    let python = code(&text, "python");
    assert_eq!(python.len(), 2);
    for program in python.into_iter().chain([by_duckdb]) {
        let ran = Command::new("python3").args(["-c", &program]).current_dir(folder.path()).output().unwrap();
        assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// The blocks of a language in a Markdown text.
fn code(markdown: &str, language: &str) -> Vec<String> {
    let parts = markdown.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).map(str::to_owned).collect()
}

/// `DuckDB`, polars and pandas agree about a capture, and with the totals of the report.
#[test]
fn the_script_that_queries_a_capture_agrees_with_the_report() {
    if !has_modules(PYTHON_MODULES) {
        eprintln!("skipped: python3 lacks one of {PYTHON_MODULES}");
        return;
    }
    for name in ["workday", "c2-manx-udp", "c2-quasarrat"] {
        let work = tempfile::tempdir().unwrap();
        let capture = project().join(format!("sample-captures/{name}.parquet"));
        let capture = capture.to_str().unwrap();
        netrec_in(work.path(), &["analyze", capture, "-o", "r", "--format", "json"]);
        let ran = Command::new("python3")
            .arg(project().join("scripts/query-capture.py"))
            .args([capture, "r/report.json"])
            .current_dir(work.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn the_examples_of_every_help_run() {
    let names = subcommands();
    assert!(names.len() >= 11, "{names:?}");
    for name in names {
        let help = help_of(&[&name, "--help"]);
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{name} --help has no example");
        for command in examples.iter().chain(&in_backticks(&help)) {
            run(playground().path(), command);
        }
    }
}

#[test]
fn the_commands_of_explain_run() {
    let list = help_of(&["explain"]);
    let ids = list.lines().filter_map(|line| line.split_once("  ")).map(|(id, _)| id.trim());
    let mut texts = vec![list.clone(), help_of(&["explain", "--config"])];
    texts.extend(ids.filter(|id| !id.is_empty()).map(|id| help_of(&["explain", id])));
    assert!(texts.len() > 10);
    for command in texts.iter().flat_map(|text| in_backticks(text)) {
        run(playground().path(), &command);
    }
}

/// Commands in a report are run in the folder that contains the capture.
#[test]
fn the_commands_of_a_report_run() {
    let report: PathBuf = template().join("web-01-report/report.json");
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let mut commands = Vec::new();
    collect(&report, &mut commands);
    let names = subcommands();
    commands.retain(|command| names.iter().any(|name| command.starts_with(&format!("netrec {name} "))));
    commands.sort();
    commands.dedup();
    assert!(commands.len() > 5, "{commands:?}");
    let folder = playground();
    for command in commands {
        match command.strip_prefix("netrec replay ") {
            // Without a terminal: the moment exists, only the screen cannot be opened.
            Some(rest) => {
                let ran = Command::new("sh")
                    .args(["-c", &format!("'{}' replay {rest}", env!("CARGO_BIN_EXE_netrec"))])
                    .current_dir(folder.path())
                    .output()
                    .unwrap();
                let stderr = String::from_utf8_lossy(&ran.stderr);
                assert!(stderr.contains("netrec dump lists"), "{command}: {stderr}");
            }
            None => run(folder.path(), &command),
        }
    }
}

/// Every text in a document that is a netrec command.
fn collect(value: &serde_json::Value, commands: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text.starts_with("netrec ") => commands.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, commands)),
        serde_json::Value::Object(fields) => fields.values().for_each(|item| collect(item, commands)),
        _ => {}
    }
}

#[test]
fn every_variable_of_the_environment_is_documented() {
    let text = ["tests/README.md", "docs/command-line.md"]
        .map(|page| fs::read_to_string(project().join(page)).unwrap())
        .concat();
    for folder in ["src", "tests", "benches"] {
        for path in crate::runner::files(&project().join(folder)) {
            // Pictures and captures are not text.
            let Ok(source) = fs::read_to_string(&path) else { continue };
            for rest in source.split("NETREC_").skip(1) {
                let name: String = rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
                let is_known = name.is_empty() || text.contains(&format!("`NETREC_{name}"));
                assert!(is_known, "NETREC_{name} of {} is documented nowhere", path.display());
            }
        }
    }
}
