//! Sizes × speeds of scans over the ports of a host and over the hosts of a network, together with
//! a browser; and the browser alone.

use crate::frame::{self, Chance, Fate, Flow, Tally};

const SIZES: [u16; 5] = [8, 20, 30, 100, 1_000];
/// Duration of a scan, in seconds and as text.
const LENGTHS: [(f64, &str); 4] = [(1.0, "1 s"), (60.0, "1 min"), (3_600.0, "1 h"), (28_800.0, "8 h")];
/// Share of open ports in a scan.
const OPEN_SHARES: [f64; 2] = [0.0, 0.1];
const REPEATS: u64 = 5;

/// The direction of a scan.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Ports,
    Hosts,
}

pub(crate) fn print() {
    frame::print_head("scan (nothing or a tenth open; refused or unanswered)");
    for (way, what) in [(Way::Ports, "ports of a host"), (Way::Hosts, "hosts on a port")] {
        for size in SIZES {
            for (length_s, length) in LENGTHS {
                cell(way, size, length_s).print(&format!("{size} {what} in {length}"));
            }
        }
    }
    frame::print_calm("port-scan");
}

fn cell(way: Way, size: u16, length_s: f64) -> Tally {
    let mut tally = Tally::default();
    for repeat in 0..REPEATS {
        for open in OPEN_SHARES {
            let mut chance = Chance::new(repeat);
            // After an hour, the browser adds nothing new.
            let mut flows = frame::browsing(&mut chance, length_s.clamp(120.0, 3_600.0));
            flows.extend((0..size).map(|n| {
                let start_s = 5.0 + length_s * chance.uniform();
                let is_open = chance.uniform() < open;
                try_at(way, n, start_s, if is_open { Fate::Closed } else { fate(repeat) })
            }));
            tally.add(&frame::run("port-scan", &frame::tables(&flows, length_s as i64 + 120)), true);
        }
    }
    tally
}

fn fate(repeat: u64) -> Fate {
    if repeat.is_multiple_of(2) { Fate::Refused } else { Fate::Unanswered }
}

fn try_at(way: Way, n: u16, start_s: f64, fate: Fate) -> Flow<'static> {
    let (addr, port) = match way {
        Way::Ports => ("203.0.113.66".to_owned(), 1 + n),
        Way::Hosts => (format!("203.0.{}.{}", n / 250, 1 + n % 250), 22),
    };
    let seconds = if fate == Fate::Unanswered { 3.0 } else { 0.1 };
    Flow { addr, port, start_s, seconds, fate, ..Flow::default() }
}
