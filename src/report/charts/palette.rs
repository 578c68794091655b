//! Colors: the same thing has the same color in every chart, and color-blind people can tell them
//! apart.
//!
//! The hues are from Okabe and Ito (*Color Universal Design*, 2008) without yellow and black, which
//! are too pale and too strong for areas on white.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use crate::model::finding::Severity;
use crate::model::metrics::Metrics;

const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(184, 122, 0);
const GREEN: RGBColor = RGBColor(0, 145, 105);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(190, 95, 148);
const SKY: RGBColor = RGBColor(40, 140, 196);

/// Background of a chart.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Titles and values.
pub const INK: RGBColor = RGBColor(31, 41, 51);
/// Labels and units.
pub const MUTED: RGBColor = RGBColor(97, 110, 124);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(228, 231, 235);
/// Axes.
pub const AXIS: RGBColor = RGBColor(154, 165, 177);
/// What is summed up as `other`, or `unknown`.
pub const REST: RGBColor = RGBColor(130, 139, 149);
/// Sent bytes.
pub const SENT: RGBColor = BLUE;
/// Received bytes.
pub const RECEIVED: RGBColor = ORANGE;
/// Data without an identity of its own: counts over time, histograms.
pub const PLAIN: RGBColor = BLUE;
/// Thresholds.
pub const THRESHOLD: RGBColor = VERMILION;

/// Connections that were opened.
pub const OPENED: RGBColor = GREEN;
/// Connections that were closed.
pub const CLOSED: RGBColor = PURPLE;

/// Retransmitted segments.
pub const RETRANSMITTED: RGBColor = VERMILION;

/// From Paul Tol's muted scheme (*Colour Schemes*, 2021), for more than six processes: dark enough
/// next to the first hues.
const INDIGO: RGBColor = RGBColor(51, 34, 136);
const OLIVE: RGBColor = RGBColor(130, 130, 30);
const WINE: RGBColor = RGBColor(136, 34, 85);
const TEAL: RGBColor = RGBColor(30, 140, 125);

const ROSE: RGBColor = RGBColor(190, 80, 95);
const BROWN: RGBColor = RGBColor(120, 85, 60);

/// Without blue and orange (sent and received) and vermilion (thresholds).
const PROCESS_HUES: [RGBColor; 8] = [GREEN, PURPLE, INDIGO, TEAL, OLIVE, WINE, BROWN, ROSE];

/// Every color that identifies something.
const HUES: [RGBColor; 12] =
    [BLUE, ORANGE, VERMILION, SKY, GREEN, PURPLE, INDIGO, TEAL, OLIVE, WINE, BROWN, ROSE];

/// The color of a TCP state, by phase: established, opening, closing, waiting, closed.
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

/// The color of a direction; outbound and inbound as sent and received.
pub fn of_direction(direction: &str) -> RGBColor {
    match direction {
        "outbound" => SENT,
        "inbound" => RECEIVED,
        "internal" => GREEN,
        _ => REST,
    }
}

/// The color of a protocol.
pub fn of_protocol(protocol: &str) -> RGBColor {
    match protocol {
        "tcp" => SKY,
        "udp" => PURPLE,
        _ => REST,
    }
}

/// The color of a severity: the worse, the darker and warmer.
pub const fn of_severity(severity: Severity) -> RGBColor {
    match severity {
        Severity::Info => REST,
        Severity::Low => SKY,
        Severity::Medium => ORANGE,
        Severity::High => VERMILION,
        Severity::Critical => WINE,
    }
}

/// The color of anything without one of its own, and of the rest.
pub fn of_anything(name: &str) -> RGBColor {
    if is_rest(name) { REST } else { PLAIN }
}

/// A color between the paper (0) and another (1).
pub fn tint(colour: RGBColor, share: f64) -> RGBColor {
    between(PAPER, colour, share)
}

/// From pale (0) to dark (1), for amounts; also readable in gray.
pub fn heat(share: f64) -> RGBColor {
    let middle = RGBColor(66, 146, 198);
    if share < 0.5 {
        between(RGBColor(222, 235, 247), middle, share * 2.0)
    } else {
        between(middle, RGBColor(8, 48, 107), share * 2.0 - 1.0)
    }
}

/// From one extreme (-1) over the paper (0) to the other (1).
pub fn diverging(value: f64) -> RGBColor {
    tint(if value < 0.0 { VERMILION } else { BLUE }, value.abs())
}

/// A color in which text is readable on another.
pub fn ink_on(colour: RGBColor) -> RGBColor {
    if luma(colour) < 140.0 { PAPER } else { INK }
}

/// How light a color is, 0 to 255 (ITU-R BT.601).
pub fn luma(colour: RGBColor) -> f64 {
    0.299 * f64::from(colour.0) + 0.587 * f64::from(colour.1) + 0.114 * f64::from(colour.2)
}

/// Whether a color identifies something rather than showing an amount.
pub fn is_hue(colour: RGBColor) -> bool {
    HUES.contains(&colour) || colour == REST
}

fn between(from: RGBColor, to: RGBColor, share: f64) -> RGBColor {
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    let part = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u8;
    RGBColor(part(from.0, to.0), part(from.1, to.1), part(from.2, to.2))
}

/// The color of each process.
#[derive(Debug, Clone, Default)]
pub struct ProcessColours(BTreeMap<String, RGBColor>);

impl ProcessColours {
    /// Assigns the hues by rank: processes with findings first, then most connections, then most
    /// bytes, then most CPU. With more names than hues, hues repeat; names are always written next
    /// to the color.
    pub fn new<'a>(with_findings: impl IntoIterator<Item = &'a str>, metrics: &'a Metrics) -> Self {
        let shares = metrics.overview.top_processes.iter().chain(&metrics.bandwidth.by_process);
        let shares = shares.map(|share| share.name.as_str());
        let loads = metrics.processes.iter().map(|process| process.name.as_str());
        let ranked = with_findings.into_iter().chain(shares).chain(loads);
        let mut colours = BTreeMap::new();
        let mut hues = PROCESS_HUES.iter().cycle();
        for name in ranked.filter(|name| !is_rest(name)) {
            if !colours.contains_key(name) {
                colours.extend(hues.next().map(|hue| (name.to_owned(), *hue)));
            }
        }
        Self(colours)
    }

    /// The color of a process name.
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
    use crate::model::metrics::Share;

    fn named(names: &[&str]) -> Vec<Share> {
        names.iter().map(|name| Share { name: (*name).to_owned(), ..Share::default() }).collect()
    }

    #[test]
    fn a_process_has_one_colour_and_the_rest_has_none() {
        let mut metrics = Metrics::default();
        metrics.overview.top_processes = named(&["curl", "unknown", "sshd", "other"]);
        metrics.bandwidth.by_process = named(&["sshd", "rsync", "curl"]);
        let colours = ProcessColours::new(["xmrig"], &metrics);
        let hues = ["xmrig", "curl", "sshd", "rsync"].map(|name| colours.get(name));
        assert_eq!(hues, [GREEN, PURPLE, INDIGO, TEAL]);
        assert_eq!(colours.get("other"), REST);
        assert_eq!(colours.get("unknown"), REST);
        assert_eq!(colours.get("never seen"), REST);
    }

    /// WCAG 2.1 requires 3 for anything that carries meaning.
    fn contrast_to_paper(colour: RGBColor) -> f64 {
        let channel = |part: u8| {
            let share = f64::from(part) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let light = 0.2126 * channel(colour.0) + 0.7152 * channel(colour.1) + 0.0722 * channel(colour.2);
        1.05 / (light + 0.05)
    }

    #[test]
    fn every_hue_is_told_from_the_paper() {
        for colour in HUES.into_iter().chain([REST, MUTED, INK]) {
            assert!(contrast_to_paper(colour) >= 3.0, "{colour:?}: {}", contrast_to_paper(colour));
        }
        assert!(!PROCESS_HUES.contains(&SENT) && !PROCESS_HUES.contains(&RECEIVED));
    }

    #[test]
    fn scales_reach_from_end_to_end_and_text_on_them_is_read() {
        assert_eq!((tint(BLUE, 0.0), tint(BLUE, 1.0), tint(BLUE, f64::NAN)), (PAPER, BLUE, PAPER));
        assert_eq!((diverging(-1.0), diverging(0.0), diverging(9.0)), (VERMILION, PAPER, BLUE));
        assert_eq!((ink_on(heat(0.0)), ink_on(heat(1.0))), (INK, PAPER));
    }

    #[test]
    fn every_direction_protocol_and_severity_has_a_colour_of_its_own() {
        let directions = ["outbound", "inbound", "internal", "unknown"].map(of_direction);
        let severities = Severity::ALL.map(of_severity);
        for colours in [&directions[..], &severities[..], &["tcp", "udp", "x"].map(of_protocol)[..]] {
            for (index, colour) in colours.iter().enumerate() {
                assert!(!colours[..index].contains(colour), "{colour:?}");
            }
        }
    }

    #[test]
    fn every_state_of_a_live_connection_has_a_colour() {
        for state in crate::capture::TcpState::ALL {
            let has_colour = of_state(state.as_str()) != REST;
            assert_eq!(has_colour, *state != crate::capture::TcpState::Close, "{state:?}");
        }
    }
}
