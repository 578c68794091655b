//! Periods × jitter × missed check-ins × background noise; and noise alone.

use netrec::model::frame::Float64Type;
use netrec::model::view::Numbers;

use crate::frame::{self, Chance, Flow, Seen, Tally};

const PERIODS_S: [f64; 6] = [2.0, 10.0, 60.0, 300.0, 900.0, 3_600.0];
const JITTERS: [f64; 3] = [0.0, 0.2, 0.4];
const MISSED: [f64; 3] = [0.0, 0.1, 0.2];
const CHECK_INS: [u32; 2] = [12, 40];
const NOISY_PAIRS: [u32; 2] = [0, 20];
const REPEATS: u64 = 10;

pub(crate) fn print() {
    for (known, how) in
        [(Seen::ByEvent, "starts by events"), (Seen::BySnapshot, "starts by snapshots of a second")]
    {
        println!("\nThe recording has {how}.\n");
        frame::print_head("period, jitter, missed (12 and 40 check-ins, 0 and 20 noisy pairs)");
        for period_s in PERIODS_S {
            for jitter in JITTERS {
                for missed in MISSED {
                    let what =
                        format!("{period_s} s ± {:.0} %, {:.0} % missed", 100.0 * jitter, 100.0 * missed);
                    cell(known, period_s, jitter, missed).print(&what);
                }
            }
        }
        print_noise(known);
    }
}

fn cell(known: Seen, period_s: f64, jitter: f64, missed: f64) -> Tally {
    let mut tally = Tally::default();
    for repeat in 0..REPEATS {
        for check_ins in CHECK_INS {
            for noisy_pairs in NOISY_PAIRS {
                let seed = repeat * 1_000 + u64::from(check_ins) * 10 + u64::from(noisy_pairs);
                let mut chance = Chance::new(seed);
                let mut flows = beacon(&mut chance, period_s, jitter, missed, check_ins);
                let last_s = flows.iter().map(|flow| flow.start_s).fold(0.0, f64::max);
                let length_s = (1.1 * last_s + 5.0) as i64;
                for pair in 0..noisy_pairs {
                    let rate = f64::from(check_ins) / last_s * (0.5 + chance.uniform());
                    flows.extend(noise(&mut chance, pair, rate, length_s as f64));
                }
                for flow in &mut flows {
                    flow.seen = known;
                }
                tally.add(&frame::run("beacon", &frame::tables(&flows, length_s)), true);
            }
        }
    }
    tally
}

/// A program that sleeps for about a period, connects, and sometimes fails to.
fn beacon(
    chance: &mut Chance,
    period_s: f64,
    jitter: f64,
    missed: f64,
    check_ins: u32,
) -> Vec<Flow<'static>> {
    let (mut at, mut flows) = (period_s * chance.uniform(), Vec::new());
    while flows.len() < check_ins as usize {
        if chance.uniform() >= missed {
            flows.push(Flow { start_s: at, sent: 200, received: 300, ..Flow::default() });
        }
        at += period_s * (1.0 + jitter * (2.0 * chance.uniform() - 1.0));
    }
    flows
}

/// Poisson arrivals.
fn noise(chance: &mut Chance, pair: u32, rate: f64, length_s: f64) -> Vec<Flow<'static>> {
    let (mut at, mut flows) = (chance.wait(rate), Vec::new());
    while at < length_s - 1.0 {
        let (sent, received) = (chance.uniform() * 5_000.0, chance.uniform() * 50_000.0);
        flows.push(Flow {
            process: "browser",
            addr: format!("198.51.100.{pair}"),
            start_s: at,
            sent: sent as u64,
            received: received as u64,
            ..Flow::default()
        });
        at += chance.wait(rate);
    }
    flows
}

/// Noise alone: how many pairs are reported as periodic, and how many RITA's score alone would report.
fn print_noise(known: Seen) {
    let (mut tested, mut found, mut by_score, mut hours) = (0, 0, 0, 0.0);
    for seed in 0..400 {
        let mut chance = Chance::new(seed);
        let length_s = [600_i64, 3_600, 14_400][seed as usize % 3];
        let mut flows = Vec::new();
        for pair in 0..10 {
            let arrivals = 8.0 + 80.0 * chance.uniform();
            flows.extend(noise(&mut chance, pair, arrivals / length_s as f64, length_s as f64));
        }
        for flow in &mut flows {
            flow.seen = known;
        }
        let output = frame::run("beacon", &frame::tables(&flows, length_s));
        found += output.findings.len();
        hours += length_s as f64 / 3_600.0;
        let pairs = output.tables.iter().find(|(name, _)| *name == "pairs");
        let Some(score) = pairs.and_then(|(_, table)| Numbers::<Float64Type>::of(table, "score").ok()) else {
            continue;
        };
        tested += score.len();
        by_score += (0..score.len()).filter(|row| score.get(*row).is_some_and(|score| score >= 0.5)).count();
    }
    println!(
        "\nNoise alone, {tested} pairs in {hours:.0} hours: {found} called periodic ({:.2} %, {:.3} an hour); RITA's \
         score alone is at least 0.5 for {:.0} %.",
        100.0 * found as f64 / tested as f64,
        found as f64 / hours,
        100.0 * by_score as f64 / tested as f64,
    );
}
