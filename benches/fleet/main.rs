//! Writes the captures of a made-up fleet: `cargo run --release --example fleet -- DIR [HOSTS] [OUTSIDE]`.
//!
//! OUTSIDE is the number of connections that each host opens to the outside. What `netrec fleet analyze` must find
//! in it is in `scene.rs`, and compared by `tests/integration/fleet.rs`.

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
