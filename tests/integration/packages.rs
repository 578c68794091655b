//! The content of the packages built by `scripts/package.sh`. `scripts/test-package.sh` installs them.

use std::path::Path;
use std::process::Command;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs the script with the tests' program, without compression.
fn package(folder: &Path) {
    let script = project().join("scripts/package.sh");
    let arguments = [
        "--binary",
        env!("CARGO_BIN_EXE_netrec"),
        "--output",
        folder.to_str().unwrap(),
        "--compression",
        "none",
    ];
    let ran = Command::new(script).args(arguments).env("SOURCE_DATE_EPOCH", "1780308000").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn ending(folder: &Path, end: &str) -> Option<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.display().to_string()).find(|path| path.ends_with(end))
}

const FILES: [&str; 8] = [
    "bin/netrec",
    "lib/systemd/system/netrec.service",
    "lib/sysusers.d/netrec.conf",
    "share/man/man1/netrec-record.1.gz",
    "share/bash-completion/completions/netrec",
    "share/netrec/netrec.sql",
    "share/doc/netrec/CHANGELOG.md",
    "share/doc/netrec/netrec.cdx.json",
];

#[test]
fn every_package_has_the_program_and_what_belongs_to_it() {
    if !has("dpkg-deb") {
        eprintln!("skipped: there is no dpkg-deb");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    package(folder.path());
    let deb = ending(folder.path(), ".deb").unwrap();
    let listing = output("dpkg-deb", &["--contents", &deb]);
    let tarball = output("tar", &["-tzf", &ending(folder.path(), ".tar.gz").unwrap()]);
    for file in FILES {
        assert!(listing.contains(&format!("./usr/{file}\n")), "{file} is not in the .deb:\n{listing}");
        assert!(tarball.contains(&format!("/{file}\n")), "{file} is not in the tarball:\n{tarball}");
    }
    let is_roots = |line: &str| line.contains(" root/root ");
    assert!(listing.lines().all(is_roots), "{listing}");
    // Nothing in /etc or /var: an administrator's changes are kept separately, and captures stay.
    assert!(listing.lines().all(|line| !line.contains(" ./etc") && !line.contains(" ./var")), "{listing}");

    let unit = output(
        "sh",
        &["-c", &format!("dpkg-deb --fsys-tarfile {deb} | tar -xO ./usr/lib/systemd/system/netrec.service")],
    );
    assert!(unit.contains("ExecStart=/usr/bin/netrec record") && !unit.contains("/usr/local"), "{unit}");
    for line in ["\nGroup=netrec\n", "\nStateDirectoryMode=0750\n", " --group-readable\n"] {
        assert!(unit.contains(line), "{line:?} is not in {unit}");
    }

    if has("rpmbuild") {
        let rpm = output("rpm", &["-qlp", &ending(folder.path(), ".rpm").unwrap()]);
        assert!(rpm.contains("/usr/bin/netrec\n") && rpm.contains("site-functions/_netrec\n"), "{rpm}");
    } else {
        eprintln!("skipped: there is no rpmbuild");
    }
}

#[test]
fn the_bill_of_materials_has_what_is_linked_and_not_what_only_tests_need() {
    let version = env!("CARGO_PKG_VERSION");
    let text = output("python3", &[project().join("scripts/package/sbom.py").to_str().unwrap(), version]);
    let sbom: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = sbom["components"].as_array().unwrap();
    let names: Vec<&str> = components.iter().map(|component| component["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"parquet") && names.contains(&"serde_json"), "{names:?}");
    assert!(!names.contains(&"proptest") && !names.contains(&"headless_chrome"), "{names:?}");
    assert!(components.iter().all(|component| component["hashes"][0]["content"].is_string()));
    assert!(components.iter().all(|component| component["licenses"][0]["expression"].is_string()));
}
