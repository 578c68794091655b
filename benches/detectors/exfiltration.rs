//! Bytes × ratios of an upload, together with an ordinary client.

use crate::frame::{self, Chance, Flow, Tally};

const SENT_MB: [u64; 4] = [10, 60, 200, 2_000];
const RATIOS: [u64; 4] = [2, 5, 20, 200];
const REPEATS: u64 = 10;

pub(crate) fn print() {
    frame::print_head("sent, over received (in 1 and 50 connections)");
    for sent_mb in SENT_MB {
        for ratio in RATIOS {
            let mut tally = Tally::default();
            for (repeat, parts) in (0..REPEATS).flat_map(|repeat| [1, 50].map(|parts| (repeat, parts))) {
                let mut flows = client(&mut Chance::new(repeat));
                flows.extend((0..parts).map(|part| Flow {
                    start_s: 100.0 + part as f64 * 8.0,
                    seconds: 5.0,
                    sent: sent_mb * 1_000_000 / parts,
                    received: sent_mb * 1_000_000 / ratio / parts,
                    ..Flow::default()
                }));
                tally.add(&frame::run("exfiltration", &frame::tables(&flows, 600)), true);
            }
            tally.print(&format!("{sent_mb} MB, {ratio} times"));
        }
    }
}

/// A browser that downloads, and a call that sends as much as it receives.
fn client(chance: &mut Chance) -> Vec<Flow<'static>> {
    let mut flows: Vec<Flow<'_>> = (0..60)
        .map(|n| Flow {
            process: "browser",
            addr: format!("198.51.100.{}", n % 12),
            start_s: 590.0 * chance.uniform(),
            seconds: 1.0,
            sent: 2_000,
            received: (3e6 * chance.uniform()) as u64,
            ..Flow::default()
        })
        .collect();
    let (process, addr) = ("meeting", "198.51.100.200".to_owned());
    flows.push(Flow {
        process,
        addr,
        start_s: 50.0,
        seconds: 500.0,
        sent: 150_000_000,
        received: 120_000_000,
        ..Flow::default()
    });
    flows
}
