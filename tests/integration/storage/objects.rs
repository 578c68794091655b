//! Captures read from object storage, and reports written to it.

use std::fs;
use std::path::Path;

use super::{Moto, Storage, moto, samples};
use crate::fleet::scene::Fleet;
use crate::runner::{files, netrec_in};

/// Puts the samples below a prefix.
fn put_samples(moto: &Moto, prefix: &str) {
    let samples: Vec<(String, Vec<u8>)> =
        samples().into_iter().map(|(name, content)| (format!("{prefix}{name}"), content)).collect();
    moto.put(samples.iter().map(|(key, content)| (key.as_str(), content.as_slice())));
}

#[test]
fn a_capture_in_object_storage_is_read_by_every_command_as_one_that_is_here() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    let prefix = "each/a b+ü&=/";
    put_samples(moto, prefix);
    fs::create_dir(place.path().join("here")).unwrap();
    let name = "workday.parquet";
    let (_, content) = samples().into_iter().find(|(sample, _)| sample == name).unwrap();
    fs::write(place.path().join("here").join(name), content).unwrap();
    let url = format!("s3://captures/{prefix}{name}");
    for command in [
        vec!["info", "--json", "CAPTURE"],
        vec!["dump", "CAPTURE", "--at", "start"],
        vec!["export", "CAPTURE", "--format", "ndjson", "-o", "-"],
        vec!["verify", "CAPTURE"],
        vec!["analyze", "CAPTURE", "-o", "OUT"],
    ] {
        let run = |capture: &str, out: &str| {
            let arguments: Vec<&str> = command
                .iter()
                .map(|word| match *word {
                    "CAPTURE" => capture,
                    "OUT" => out,
                    word => word,
                })
                .collect();
            moto.storage.netrec(place.path(), &arguments)
        };
        let (here, there) = (run("here/workday.parquet", "r-here"), run(&url, "r-there"));
        assert_eq!(here.code, there.code, "{command:?}: {}", there.stderr);
        let same_names = there.stdout.replace(&url, "here/workday.parquet").replace("r-there", "r-here");
        assert_eq!(here.stdout, same_names, "{command:?}");
    }
    let report = |folder: &str| fs::read(place.path().join(folder).join("report.json")).unwrap();
    assert!(report("r-here") == report("r-there"), "the reports differ");
    // A prefix is read like a folder, and a pattern like a pattern.
    let several = moto.storage.netrec(place.path(), &["verify", &format!("s3://captures/{prefix}")]);
    assert!(several.succeeds().stdout.contains("3 of 3 files"));
    let pattern = format!("s3://captures/{prefix}c2-*.parquet");
    assert!(
        moto.storage.netrec(place.path(), &["verify", &pattern]).succeeds().stdout.contains("2 of 2 files")
    );
    assert_eq!(files(place.path()).iter().filter(|path| path.ends_with("workday.parquet")).count(), 1);
}

#[test]
fn all_pages_of_a_listing_are_read() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    // They come before the captures, and fill a page and a half.
    let others: Vec<String> = (0..1500).map(|number| format!("pages/a-{number:05}.txt")).collect();
    moto.put(others.iter().map(|key| (key.as_str(), b"x".as_slice())));
    put_samples(moto, "pages/z-");
    let ran = moto.storage.netrec(place.path(), &["verify", "s3://captures/pages"]);
    assert!(ran.succeeds().stdout.contains("3 of 3 files"));
}

#[test]
fn who_is_refused_is_told_why_and_what_to_do() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    put_samples(moto, "refused/");
    let info = |storage: &Storage, url: &str| storage.netrec(place.path(), &["info", url]);
    let there = "s3://captures/refused/workday.parquet";
    let mut wrong = moto.storage.clone();
    wrong.secret_key = "not-the-secret".to_owned();
    info(&wrong, there).fails_saying(&[there, "check AWS_SECRET_ACCESS_KEY"]);
    wrong.access_key = "AKIAIOSFODNN7EXAMPLE".to_owned();
    info(&wrong, "s3://captures/").fails_saying(&["list s3://captures/", "check AWS_ACCESS_KEY_ID"]);
    info(&moto.storage, "s3://no-such-bucket/a.parquet").fails_saying(&["there is no bucket no-such-bucket"]);
    info(&moto.storage, "s3://captures/refused/x.parquet").fails_saying(&["there is no such object"]);
    info(&Storage::at(1), there).fails_saying(&["nobody listens at 127.0.0.1:1", "AWS_ENDPOINT_URL"]);
    let none = moto.storage.command(place.path(), &["info", there]).env_remove("AWS_ACCESS_KEY_ID").output();
    let none = none.unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("set AWS_ACCESS_KEY_ID"));
    // A file with credentials works too, with the given profile.
    fs::create_dir(place.path().join(".aws")).unwrap();
    let Storage { access_key, secret_key, .. } = &moto.storage;
    let keys = format!("[web]\naws_access_key_id = {access_key}\naws_secret_access_key={secret_key}\n");
    fs::write(place.path().join(".aws/credentials"), keys).unwrap();
    let mut by_file = moto.storage.command(place.path(), &["info", there]);
    let by_file = by_file.env_remove("AWS_ACCESS_KEY_ID").env("AWS_PROFILE", "web").output().unwrap();
    assert!(by_file.status.success(), "{}", String::from_utf8_lossy(&by_file.stderr));
}

#[test]
fn a_key_that_leads_elsewhere_is_left_out_and_said() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    let (_, content) = samples().pop().unwrap();
    let keys =
        ["evil/../../../x.parquet", "evil/\u{1b}[2Jx.parquet", "evil//etc/x.parquet", "evil/good.parquet"];
    moto.put(keys.map(|key| (key, content.as_slice())));
    let ran = moto.storage.netrec(place.path(), &["analyze", "s3://captures/evil/", "-o", "out"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    for fault in ["leads out of its folder", "has control characters", "has an empty part"] {
        assert!(ran.stderr.contains(fault), "{fault}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\u{1b}') && place.path().join("out/report.json").exists());
    let ran = moto.storage.netrec(
        place.path(),
        &["fleet", "analyze", "s3://captures/evil/", "-o", "fleet", "--max-failed", "80"],
    );
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let fleet = fs::read_to_string(place.path().join("fleet/fleet.json")).unwrap();
    assert!(fleet.contains("leads out of its folder") && !fleet.contains('\u{1b}'));
}

/// Asserts that the files of a folder are below a prefix of the reports, byte by byte, and nothing else is.
fn same_as_below(moto: &Moto, folder: &Path, prefix: &str) {
    let here: Vec<String> = files(folder)
        .iter()
        .map(|path| format!("{prefix}{}", path.strip_prefix(folder).unwrap().display()))
        .collect();
    assert_eq!(moto.keys("reports", prefix), here);
    for key in &here {
        let content = fs::read(folder.join(key.strip_prefix(prefix).unwrap())).unwrap();
        assert!(moto.get("reports", key) == content, "{key} differs");
    }
}

/// A cluster gets the names of the objects, and its workers fetch them. This fake one executes the
/// plan without Spark; the real one is tested in `scripts/check-fleet-spark.sh`.
fn submitted(moto: &Moto, place: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    let cluster = format!(
        "#!/usr/bin/env python3\nimport json, subprocess, sys\nplan = json.load(open(sys.argv[-1]))\n\
         for captures in plan['batches']:\n    open('batch', 'w').writelines(capture + '\\n' for capture in captures)\n    \
         code = subprocess.call(['{}', 'fleet', 'map', '--list', 'batch', '-o', plan['tables']])\n    \
         assert code in (0, 3), code\n",
        env!("CARGO_BIN_EXE_netrec")
    );
    fs::write(place.join("cluster"), cluster).unwrap();
    fs::set_permissions(place.join("cluster"), fs::Permissions::from_mode(0o755)).unwrap();
    let submit = ["fleet", "submit", "s3a://captures/fleet/", "--max-failed", "20", "--master", "none"];
    let ran =
        moto.storage.netrec(place, &[&submit[..], &["--spark-submit", "./cluster", "-o", "spark"]].concat());
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    for path in files(&place.join("out/tables")) {
        let other = place.join("spark/tables").join(path.file_name().unwrap());
        assert!(fs::read(&path).unwrap() == fs::read(other).unwrap(), "{} differs", path.display());
    }
    // The same with an output that the workers do not share.
    let remote = [&submit[..], &["--spark-submit", "./cluster", "-o", "s3://reports/spark/"]].concat();
    let ran = moto.storage.netrec(place, &remote);
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    same_as_below(moto, &place.join("out/tables"), "spark/tables/");
    same_as_below(moto, &place.join("spark/report"), "spark/report/");
    moto.storage.netrec(place, &remote).fails_saying(&["s3://reports/spark/ exists already"]);
}

fn analyze(to: &str) -> Vec<&str> {
    vec!["fleet", "analyze", "s3://captures/fleet/", "-o", to, "--max-failed", "20"]
}

#[test]
fn a_fleet_from_and_to_object_storage_is_the_same_as_from_and_to_a_folder() {
    let Some(moto) = moto() else { return };
    let place = tempfile::tempdir().unwrap();
    Fleet::new(16, 1).write(&place.path().join("captures"));
    fs::write(place.path().join("captures/h0000/broken.parquet"), "no capture").unwrap();
    let captures = files(&place.path().join("captures"));
    let keys: Vec<(String, Vec<u8>)> = captures
        .iter()
        .map(|path| {
            let key = path.strip_prefix(place.path().join("captures")).unwrap();
            (format!("fleet/{}", key.display()), fs::read(path).unwrap())
        })
        .collect();
    moto.put(keys.iter().map(|(key, content)| (key.as_str(), content.as_slice())));
    let run = |code: i32, arguments: &[&str]| {
        let ran = moto.storage.netrec(place.path(), arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    };
    // The same captures under the same names, read locally and from storage. The error of the
    // broken one contains its path.
    let listed: Vec<String> = captures
        .iter()
        .zip(&keys)
        .filter(|(path, _)| !path.ends_with("broken.parquet"))
        .map(|(path, (key, _))| format!("{}\ts3://captures/{key}\n", path.display()))
        .collect();
    fs::write(place.path().join("list"), listed.concat()).unwrap();
    run(0, &["fleet", "map", "--list", "list", "-o", "tables"]);
    let pattern = "captures/fleet/h*/[!b]*.parquet";
    run(0, &["fleet", "map", &format!("s3://{pattern}"), "-o", "s3://reports/tables/"]);
    same_as_below(moto, &place.path().join("tables"), "tables/");
    // A batch that is mapped again leaves the same objects.
    run(0, &["fleet", "map", &format!("s3a://{pattern}"), "-o", "s3://reports/tables"]);
    run(0, &["fleet", "reduce", "s3://reports/tables/", "-o", "reduced"]);
    run(0, &["fleet", "reduce", "tables", "-o", "s3://reports/reduced/"]);
    same_as_below(moto, &place.path().join("reduced"), "reduced/");
    // All steps in one.
    run(3, &analyze("out"));
    run(3, &analyze("s3://reports/out/"));
    same_as_below(moto, &place.path().join("out"), "out/");
    run(3, &["fleet", "analyze", "captures", "-o", "local", "--max-failed", "20"]);
    for path in files(&place.path().join("local/results")) {
        let other = place.path().join("out/results").join(path.file_name().unwrap());
        assert!(fs::read(&path).unwrap() == fs::read(other).unwrap(), "{} differs", path.display());
    }
    netrec_in(place.path(), &["verify", "out"]).succeeds();
    submitted(moto, place.path());

    let refused = moto.storage.netrec(place.path(), &analyze("s3://reports/out/"));
    refused.fails_saying(&["s3://reports/out/ exists already", "--force"]);
    run(3, &[analyze("s3://reports/out/").as_slice(), &["--force"]].concat());
    same_as_below(moto, &place.path().join("out"), "out/");
    // Objects from others are never replaced or removed.
    moto.ask(&serde_json::json!({ "bucket": "reports", "put": { "out/thesis.txt": "dGhlc2lz" } }));
    let refused =
        moto.storage.netrec(place.path(), &[analyze("s3://reports/out").as_slice(), &["--force"]].concat());
    refused.fails_saying(&["out/thesis.txt is left as it is", "netrec did not write it"]);
    assert_eq!(moto.get("reports", "out/thesis.txt"), b"thesis");
}
