//! Colours: the same thing has the same colour in every chart, and people who do not see all
//! colours can tell them apart.
//!
//! The hues are those of Okabe and Ito (*Color Universal Design*, 2008) without yellow and
//! black, which are too pale and too strong for areas on white.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use crate::analyze::metrics::Metrics;

const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const SKY: RGBColor = RGBColor(86, 180, 233);

/// The page that a chart is drawn on.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Titles and values.
pub const INK: RGBColor = RGBColor(31, 41, 51);
/// Labels and units.
pub const MUTED: RGBColor = RGBColor(97, 110, 124);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(228, 231, 235);
/// Axes.
pub const AXIS: RGBColor = RGBColor(154, 165, 177);
/// What is summed up as `other` or is `unknown`.
pub const REST: RGBColor = RGBColor(170, 178, 187);
/// Sent bytes.
pub const SENT: RGBColor = BLUE;
/// Received bytes.
pub const RECEIVED: RGBColor = ORANGE;
/// What has no identity of its own: counts over time, histograms.
pub const PLAIN: RGBColor = BLUE;
/// Thresholds.
pub const THRESHOLD: RGBColor = VERMILION;

const PROCESS_HUES: [RGBColor; 6] = [BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY];

/// The colour of a TCP state: flowing, opening, closing, waiting and gone are told apart.
pub fn of_state(state: &str) -> RGBColor {
    match state {
        "ESTABLISHED" => GREEN,
        "LISTEN" => BLUE,
        "SYN_SENT" | "SYN_RECV" => ORANGE,
        "CLOSE_WAIT" | "LAST_ACK" => VERMILION,
        "FIN_WAIT1" | "FIN_WAIT2" | "CLOSING" => PURPLE,
        "TIME_WAIT" => SKY,
        _ => REST,
    }
}

/// Which process has which colour.
#[derive(Debug, Clone, Default)]
pub struct ProcessColours(BTreeMap<String, RGBColor>);

impl ProcessColours {
    /// Gives out the hues by rank: processes with findings first, then most connections, then
    /// most bytes. With more names than hues they begin anew; names always stand beside the
    /// colour.
    pub fn of<'a>(with_findings: impl IntoIterator<Item = &'a str>, metrics: &'a Metrics) -> Self {
        let shares = metrics.overview.top_processes.iter().chain(&metrics.bandwidth.by_process);
        let ranked = with_findings.into_iter().chain(shares.map(|share| share.name.as_str()));
        let mut colours = BTreeMap::new();
        let mut hues = PROCESS_HUES.iter().cycle();
        for name in ranked.filter(|name| !is_rest(name)) {
            if !colours.contains_key(name) {
                colours.extend(hues.next().map(|hue| (name.to_owned(), *hue)));
            }
        }
        Self(colours)
    }

    /// The colour of a process name.
    pub fn get(&self, name: &str) -> RGBColor {
        self.0.get(name).copied().unwrap_or(REST)
    }
}

fn is_rest(name: &str) -> bool {
    matches!(name, "other" | "unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::metrics::Share;

    fn named(names: &[&str]) -> Vec<Share> {
        names.iter().map(|name| Share { name: (*name).to_owned(), ..Share::default() }).collect()
    }

    #[test]
    fn a_process_has_one_colour_and_the_rest_has_none() {
        let mut metrics = Metrics::default();
        metrics.overview.top_processes = named(&["curl", "unknown", "sshd", "other"]);
        metrics.bandwidth.by_process = named(&["sshd", "rsync", "curl"]);
        let colours = ProcessColours::of(["xmrig"], &metrics);
        let hues = ["xmrig", "curl", "sshd", "rsync"].map(|name| colours.get(name));
        assert_eq!(hues, [BLUE, ORANGE, GREEN, VERMILION]);
        assert_eq!(colours.get("other"), REST);
        assert_eq!(colours.get("unknown"), REST);
        assert_eq!(colours.get("never seen"), REST);
    }

    #[test]
    fn every_state_of_a_live_connection_has_a_colour() {
        for state in crate::capture::TcpState::ALL {
            let has_colour = of_state(state.as_str()) != REST;
            assert_eq!(has_colour, *state != crate::capture::TcpState::Close, "{state:?}");
        }
    }
}
