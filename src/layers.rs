//! Checks the direction in which modules may depend on each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first. A module may use those of lower layers, but none of its own layer or above.
const FLOORS: &[&[&str]] = &[
    &["error"],
    &["guard", "hex", "humanize", "memory", "parallel", "suggest"],
    &["escape", "safe_fs"],
    &["s3", "signals"],
    &["baseline", "geo"],
    &["capture"],
    &["indicators", "wire"],
    &["model"],
    &["filter", "import", "record"],
    &["insight"],
    &["analyze"],
    &["tables"],
    &["export"],
    &["diff", "report"],
    &["fleet", "replay"],
    &["watch"],
    &["cli"],
];

/// The layer of a module.
fn floor(module: &str) -> usize {
    let floor = FLOORS.iter().position(|modules| modules.contains(&module));
    floor.unwrap_or_else(|| panic!("the module {module} is on no floor; give it one in src/layers.rs"))
}

fn sources() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files.sort();
    files
}

/// The source without comments and test-only code.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The top-level modules in a source's `crate::module` paths or `use crate::{…}`.
fn used(code: &str) -> Vec<String> {
    let ident =
        |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(ident(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && depth == 0 && !c.is_whitespace() => {
                    found.push(ident(&group[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found.retain(|name| name.starts_with(|c: char| c.is_lowercase()) && name != "self");
    found
}

/// The top-level module of a file; `None` for the crate roots and this test.
fn module_of(file: &Path) -> Option<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(src).ok()?.with_extension("");
    let module = inside.components().next()?.as_os_str().to_str()?.to_owned();
    (!["lib", "main", "layers"].contains(&module.as_str())).then_some(module)
}

/// Whether a file is compiled only for tests.
fn is_test(file: &Path) -> bool {
    let names = file.components().filter_map(|part| part.as_os_str().to_str());
    names.map(|name| name.trim_end_matches(".rs")).any(|name| ["tests", "testing", "fixture"].contains(&name))
}

#[test]
fn modules_use_only_those_below_them() {
    let mut wrong: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for file in sources().into_iter().filter(|file| !is_test(file)) {
        let Some(module) = module_of(&file) else { continue };
        for other in used(&code(&fs::read_to_string(&file).unwrap())) {
            let is_module =
                other == module || FLOORS.iter().flat_map(|floor| floor.iter()).any(|m| *m == other);
            if is_module && other != module && floor(&other) >= floor(&module) {
                wrong.entry((module.clone(), other)).or_default().push(file.display().to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "modules that use what is not below them: {wrong:#?}");
}

#[test]
fn every_way_of_naming_a_module_is_seen() {
    let text = "use crate::model::Tables;\nuse crate::{Result, analyze::{self, pass}, parallel};\n\
                // crate::cli\nfn f() { crate::geo::of(); }\n#[cfg(test)]\nmod tests {\n use crate::watch; }";
    assert_eq!(used(&code(text)), ["model", "analyze", "parallel", "geo"]);
}

#[test]
fn no_file_but_its_own_asks_for_a_detector_by_its_id() {
    use crate::analyze::detectors::DETECTORS;

    let mut named = Vec::new();
    for file in sources().into_iter().filter(|file| !is_test(file)) {
        let text = code(&fs::read_to_string(&file).unwrap());
        // An id can also be an ordinary word: a table's column, the kind of a log, a key of another list.
        let asking = text.lines().filter(|line| line.contains("detector") || line.contains(".id"));
        for line in asking {
            for id in DETECTORS.iter().map(|entry| entry.about.id) {
                let own = format!("src/analyze/detectors/{}", id.replace('-', "_"));
                let is_own = file.display().to_string().contains(&own);
                if !is_own && line.contains(&format!("\"{id}\"")) {
                    named.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(named.is_empty(), "{named:#?}");
}
