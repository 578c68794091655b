//! Evaluates netrec on labeled traffic from elsewhere.
//!
//! ```text
//! cargo run --release --example evaluate -- DIR [SET…]
//! ```
//!
//! `DIR/truth.json` says what is malicious in which subfolder ([`truth`]). Each set is imported and
//! analyzed with the default configuration; a netrec capture is analyzed directly. For each
//! malicious behavior, this prints the best finding about it and the ranks of that finding and of
//! its assessment; then recall by kind, findings in benign traffic, and how well (severity,
//! confidence) separates the two.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a tool of ours: a panic says where")]

mod examine;
mod sets;
mod summary;
mod truth;

use std::path::PathBuf;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: evaluate DIR [SET…], where DIR has a truth.json and a subfolder for each set");
        std::process::exit(2);
    };
    let only: Vec<String> = arguments.collect();
    let truth = truth::read(&folder);
    let mut results = Vec::new();
    println!("| set | behaviour | best finding | severity | confidence | rank | assessment |");
    println!("|---|---|---|---|---|---|---|");
    for (name, set) in truth.iter().filter(|(name, _)| only.is_empty() || only.contains(name)) {
        let result = examine::examine(&folder.join(name), name, set);
        summary::print_rows(&result);
        results.push(result);
    }
    summary::print(&results);
}
