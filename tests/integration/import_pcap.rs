//! Packet captures as a user imports them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::runner::netrec_in;

fn pair(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/zeek-pairs/pcap").join(name)
}

#[test]
fn a_capture_of_packets_is_recognised_imported_the_same_each_time_and_analyzed() {
    let folder = tempfile::tempdir().unwrap();
    let source = pair("ftp/ipv6.pcap");
    let gz = folder.path().join("again.bin");
    let mut encoder = GzEncoder::new(fs::File::create(&gz).unwrap(), Compression::fast());
    encoder.write_all(&fs::read(&source).unwrap()).unwrap();
    encoder.finish().unwrap();

    let import = |file: &Path, output: &str| {
        netrec_in(folder.path(), &["import", file.to_str().unwrap(), "-o", output]).succeeds()
    };
    let ran = import(&source, "one.parquet");
    assert!(ran.stdout.contains("in 6 flows"), "{}", ran.stdout);
    import(&source, "two.parquet");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("one.parquet") == read("two.parquet"), "two imports of one file differ");
    assert!(import(&gz, "three.parquet").stdout.contains("in 6 flows"));
    netrec_in(folder.path(), &["analyze", "one.parquet"]).succeeds();
}

#[test]
fn a_file_that_was_cut_gives_what_is_whole_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(pair("ftp/ipv6.pcap")).unwrap();
    fs::write(folder.path().join("cut.pcap"), &bytes[..bytes.len() - 7]).unwrap();
    let ran = netrec_in(folder.path(), &["import", "cut.pcap", "-o", "cut.parquet"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("cut.pcap ends in the middle of a frame"), "{}", ran.stderr);
    assert!(ran.stdout.contains("in 6 flows"), "{}", ran.stdout);
}
