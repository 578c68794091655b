//! `tcp-health`: SYN floods, half-open pile-ups, `CLOSE_WAIT` leaks, reset storms, retransmission.

mod groups;
mod slices;
#[cfg(test)]
mod tests;
mod verdict;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::groups::Ailment;
use crate::Result;
use crate::capture::Metadata;
use crate::capture::Protocol;
use crate::model::detector::{
    About, Context, Detector, DetectorTable, Method, Outcome, Output, Signal, positive,
};
use crate::model::finding::Finding;
use crate::model::section::Section;
use crate::model::sockets::Sockets;

/// TCP that does not go as it should.
#[derive(Debug)]
pub struct TcpHealth;

/// Failures and retransmissions over time.
pub const SLICES: DetectorTable = DetectorTable { detector: TcpHealth::ABOUT.id, name: "slices" };

/// Thresholds of `tcp-health`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest half-open connections to one port, open at once or started within `window_s`, to report.
    pub half_open: u32,
    /// Fewest sockets of one process in `CLOSE_WAIT` that make a leak.
    pub close_wait: u32,
    /// Shortest time in `CLOSE_WAIT` that counts, in seconds; less is only slow.
    pub close_wait_s: f64,
    /// Fewest connections of one service reset within `window_s` that make a reset storm.
    pub resets: u32,
    /// Smallest share of a service's connections that ended by a reset, 0 to 1.
    pub min_reset_share: f64,
    /// Length of the sliding window, in seconds.
    pub window_s: f64,
    /// Smallest share of retransmitted segments, 0 to 1.
    pub min_retransmit_share: f64,
    /// Fewest segments sent to an address before its retransmitted share is judged.
    pub min_segments: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            half_open: 50,
            close_wait: 10,
            close_wait_s: 60.0,
            resets: 50,
            min_reset_share: 0.5,
            window_s: 10.0,
            min_retransmit_share: 0.05,
            min_segments: 500,
        }
    }
}

impl Detector for TcpHealth {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "tcp-health",
        title: "Unhealthy TCP connections",
        what_it_finds: "Ports under a SYN flood or with many half-open connections, unanswered attempts \
            that pile up, processes that leak sockets in CLOSE_WAIT, services whose connections are often \
            reset, and destinations with heavy retransmission.",
        why_it_matters: "An attack on a service, a program that forgets to close its sockets, a peer or \
            firewall that cuts connections, and a lossy path all show in TCP states before they show in \
            any log.",
        how_it_decides: "Half-open: connections to one port that were seen in the handshake and never \
            established. `half_open` or more of them, open at once or started within `window_s`, are \
            reported; inbound, as a SYN flood. CLOSE_WAIT: sockets of one process that stay in this state \
            for `close_wait_s` or longer and are still in it when last seen; `close_wait` or more are a \
            leak. Resets: connections of one service that went from ESTABLISHED straight to CLOSE; \
            `resets` or more within `window_s`, and at least `min_reset_share` of all that ended, are a \
            reset storm. This needs a recording that followed states between ticks. Retransmission: if at \
            least `min_segments` segments were sent to an address over established connections, a \
            retransmitted share of `min_retransmit_share` or more is reported. Severity: low; an inbound \
            flood or pile-up is medium, and high with ten times `half_open`; a leak of ten times \
            `close_wait` is medium.",
        false_positives: "A load test; a scanner (see port-scan); a service that has just restarted; \
            clients on a wireless link; programs that close with a reset on purpose (SO_LINGER 0), such \
            as load balancer checks.",
        evidence: "The counts with their thresholds, when they peaked, the affected share of all \
            connections, how they changed from the first to the last quarter of the recording, and the \
            connections. The table `slices` holds half-open, CLOSE_WAIT and reset connections over time.",
        source: "States and transitions: RFC 9293. SYN flood: W. Eddy, RFC 4987. ATT&CK T1499.001 (OS \
            Exhaustion Flood) for floods only. The thresholds are netrec's own.",
        section: Section::Tcp,
        method: Method::Behavior,
        signal: Signal::TcpTrouble,
        attack: &["T1499.001"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        let counts = [
            ("half_open", config.half_open),
            ("close_wait", config.close_wait),
            ("resets", config.resets),
            ("min_segments", config.min_segments),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, value)| *value < 2) {
            return Err(format!("{key} must be at least 2"));
        }
        positive(&[("close_wait_s", config.close_wait_s), ("window_s", config.window_s)])?;
        let shares = [
            ("min_reset_share", config.min_reset_share),
            ("min_retransmit_share", config.min_retransmit_share),
        ];
        for (key, value) in shares {
            if !(value > 0.0 && value <= 1.0) {
                return Err(format!("{key} must be greater than 0 and at most 1"));
            }
        }
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let sockets = Sockets::new(context.tables)?;
        if sockets.iter().all(|socket| socket.protocol != Protocol::Tcp) {
            return Ok(Outcome::Skipped("Needs TCP connections, and this capture has none.".to_owned()));
        }
        let ailments: Vec<Ailment<'_>> = groups::find(&sockets, config);
        let mut findings: Vec<Finding> = ailments
            .iter()
            .map(|ailment| verdict::finding(&sockets, context.tables, ailment, config))
            .collect();
        findings
            .sort_by(|a, b| b.judgement.severity.cmp(&a.judgement.severity).then_with(|| a.id.cmp(&b.id)));
        let tables = vec![(SLICES.name, slices::table(&sockets, context.tables)?)];
        Ok(Outcome::Ran(Output {
            findings,
            tables,
            limits: limits(&sockets, context.metadata),
            ..Output::default()
        }))
    }
}

fn limits(sockets: &Sockets<'_>, metadata: &Metadata) -> Vec<String> {
    let mut limits = Vec::new();
    if !metadata.holds_many_hosts() {
        limits.push(
            "With SYN cookies the kernel keeps no socket for a half-open connection, so a flood may be \
             larger than it looks."
                .to_owned(),
        );
    }
    if !groups::follows_states(sockets) {
        limits.push(
            "No connection was followed through its final states, so resets cannot be told from normal \
             closes."
                .to_owned(),
        );
    }
    limits
}
