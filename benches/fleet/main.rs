//! Writes the captures of a generated fleet: `cargo run --release --example fleet -- DIR [HOSTS]
//! [OUTSIDE]`.
//!
//! OUTSIDE is the number of external connections per host. The expected results of `netrec fleet
//! analyze` are in `scene.rs`, and `tests/integration/fleet.rs` compares them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it prints what it made, and nobody uses it unattended"
)]

mod scene;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, or: usize| arguments.get(at).map_or(or, |text| text.parse().unwrap());
    let (hosts, outside) = (number(1, 200), number(2, 100));
    let fleet = scene::Fleet::new(hosts, outside);
    fleet.write(Path::new(&arguments[0]));
    println!("{hosts} hosts, {} connections between them", fleet.truth.edges.len());
}
