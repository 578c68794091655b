//! How well each detector finds what it should: precision and recall over generated grids.
//!
//! ```text
//! cargo run --release --example detectors [DETECTOR]
//! ```
//!
//! Scenes are made from the definition of each behavior (a period with jitter and missed check-ins,
//! a number of connections within some seconds, bytes out and in), not from the thresholds. One
//! file per detector, and one line in [`GRIDS`]. Everything is seeded.

mod beacon;
mod burst;
mod exfiltration;
mod frame;
mod isolation_forest;
mod long_connection;
mod port_scan;
mod process;
mod tcp_health;
mod unusual_port;

/// A detector's grid: its id, and the function that prints its table.
const GRIDS: &[(&str, fn())] = &[
    ("beacon", beacon::print),
    ("burst", burst::print),
    ("exfiltration", exfiltration::print),
    ("port-scan", port_scan::print),
    ("long-connection", long_connection::print),
    ("tcp-health", tcp_health::print),
    ("unusual-port", unusual_port::print),
    ("process", process::print),
    ("isolation-forest", isolation_forest::print),
];

fn main() {
    let only = std::env::args().nth(1);
    for (id, print) in GRIDS {
        if only.as_ref().is_none_or(|only| only == id) {
            println!("\n## {id}\n");
            print();
        }
    }
}
