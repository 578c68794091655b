//! Sizes × lengths of bursts, on top of a steady rate of the same process.

use crate::frame::{self, Chance, Flow, Tally};

const SIZES: [u32; 5] = [20, 60, 100, 300, 1_000];
const LENGTHS_S: [f64; 3] = [2.0, 10.0, 30.0];
const STEADY_RATES: [f64; 3] = [0.0, 0.2, 2.0];
const REPEATS: u64 = 10;

pub(crate) fn print() {
    frame::print_head("connections within (steady rates 0, 0.2 and 2 a second)");
    for size in SIZES {
        for length_s in LENGTHS_S {
            let mut tally = Tally::default();
            for (repeat, rate) in (0..REPEATS).flat_map(|repeat| STEADY_RATES.map(|rate| (repeat, rate))) {
                let mut chance = Chance::new(repeat);
                let mut flows = steady(&mut chance, rate);
                let from = 60.0 + 400.0 * chance.uniform();
                flows.extend((0..size).map(|_| flow(from + length_s * chance.uniform())));
                tally.add(&frame::run("burst", &frame::tables(&flows, 600)), true);
            }
            tally.print(&format!("{size} in {length_s} s"));
        }
    }
    let mut calm = Tally::default();
    for (repeat, rate) in (0..REPEATS * 3).flat_map(|repeat| [0.2, 2.0, 20.0].map(|rate| (repeat, rate))) {
        let flows = steady(&mut Chance::new(repeat), rate);
        calm.add(&frame::run("burst", &frame::tables(&flows, 600)), false);
    }
    calm.print("steady alone, 90 times 10 min, up to 20 a second");
}

fn steady(chance: &mut Chance, rate: f64) -> Vec<Flow<'static>> {
    let mut flows = Vec::new();
    let mut at = if rate > 0.0 { chance.wait(rate) } else { f64::MAX };
    while at < 598.0 {
        flows.push(flow(at));
        at += chance.wait(rate);
    }
    flows
}

fn flow(start_s: f64) -> Flow<'static> {
    let addr = "203.0.113.5".to_owned();
    Flow { addr, start_s, ..Flow::default() }
}
