//! Durations of long-lived connections, together with a browser; and the browser alone.

use crate::frame::{self, Chance, Flow, Tally};

const LENGTHS: [(f64, &str); 4] =
    [(660.0, "11 min"), (2_000.0, "33 min"), (4_000.0, "67 min"), (45_000.0, "12.5 h")];
const REPEATS: u64 = 10;

pub(crate) fn print() {
    frame::print_head("connection that stays");
    for (seconds, what) in LENGTHS {
        let mut tally = Tally::default();
        for repeat in 0..REPEATS {
            let mut chance = Chance::new(repeat);
            let mut flows = frame::browsing(&mut chance, 3_600.0);
            flows.push(Flow { start_s: 60.0 * chance.uniform(), seconds, ..Flow::default() });
            tally.add(&frame::run("long-connection", &frame::tables(&flows, seconds as i64 + 3_600)), true);
        }
        tally.print(what);
    }
    frame::print_calm("long-connection");
}
