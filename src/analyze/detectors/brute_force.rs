//! `brute-force`: many short, alike sessions with a login service.

mod sessions;
mod shape;
#[cfg(test)]
mod tests;
mod tickets;
mod web;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::sessions::{Attack, Spread};

use crate::Result;
use crate::analyze::peers::Side;
use crate::analyze::scene;
use crate::analyze::services;
use crate::analyze::words;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive, shares};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::payloads;
use crate::model::records::Direction;
use crate::model::section::Section;
use crate::model::sockets::Sockets;

/// Password guessing.
#[derive(Debug)]
pub struct BruteForce;

/// Thresholds of `brute-force`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest short sessions of one client with one service within `window_s`.
    pub min_sessions: u32,
    /// Width of the window, in seconds.
    pub window_s: f64,
    /// Fewest short sessions over the whole recording, however slow, and of several clients with one
    /// service together.
    pub min_slow_sessions: u32,
    /// Longest session that can be a failed login, in seconds.
    pub max_session_s: f64,
    /// Most bytes that a failed login sends, per session.
    pub max_session_bytes: u64,
    /// Smallest share of the sessions with the service that look like failed logins, 0 to 1.
    pub min_failed_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_sessions: 20,
            window_s: 3_600.0,
            min_slow_sessions: 40,
            max_session_s: 60.0,
            max_session_bytes: 10_000,
            min_failed_share: 0.8,
        }
    }
}

impl Detector for BruteForce {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "brute-force",
        title: "Password guessing",
        what_it_finds: "Many short, similar sessions with a login service (SSH, RDP, FTP, SMB, mail, \
            Kerberos, databases, VNC, WinRM, Telnet, SIP, web applications): from one client, from many clients against one service, or \
            from one client against many hosts. Inbound, inside the network, and from this host against \
            others. Also Kerberos tickets that one host requests by the dozen (Kerberoasting).",
        why_it_matters: "Password guessing and spraying are among the most common ways in. Inbound \
            guessing shows who tries; outbound guessing shows that this host already attacks others. A \
            long session after many short ones may be the guess that worked.",
        how_it_decides: "A session looks like a failed login if it was established, carried data both \
            ways, lasted at most `max_session_s`, and the client sent at most `max_session_bytes`. A \
            finding needs at least `min_sessions` of them within `window_s`, or `min_slow_sessions` over \
            the whole recording, from one client to one service, and they must be at least \
            `min_failed_share` of its sessions there. The server must send about the same number of \
            bytes in most of them: a refused login is the same dialog each time, and real work is not. \
            A login service is known by its port, and SSH, FTP, Telnet, RDP and VNC on any other port by their \
            payload, from `min_sessions` sessions on. \
            For several clients on one service, and for one \
            client on several hosts, the minimum is `min_slow_sessions`. Sessions that start on a clock, \
            once a minute or less, are jobs or monitoring, unless they come from outside. Programs query \
            mail servers, directories, file servers, databases, telephone exchanges and WinRM all day. There, `min_sessions` \
            must fall within ten minutes (one minute inside the network), both sides must send the same \
            each time, and inside the network the answer must be a short refusal. For Kerberos that is an error of 400 \
            bytes or less, because a ticket is longer; it counts over UDP too, as does SIP. For LDAP it is 60 to 200 bytes, because a refusal by Active Directory has \
            a reason in text and a success has none. Fifty exchanges with a Kerberos server \
            inside within a minute, each with 1 kB or more in both directions, are requests for the tickets of services, of which a logon needs ten or so: medium. At web servers and the usual ports of VPN \
            portals and hosting panels, a hundred sessions within ten \
            minutes count if nine in ten send the same in both directions, if nine in ten go to one server \
            name where names are known, and if they do not start on a clock: a page has parts of many \
            sizes, API clients reuse connections, and a loop on this side that waits a second or longer each time polls. They are medium, and low inside the network, where load tests do the same. Other severities: medium against this \
            network; high from this host against others, or if a longer session of the same client \
            follows the guesses.",
        false_positives: "Automation that opens an SSH session for each task (Ansible, Git, backups, \
            database health checks), a mail client with an old password, an authorized vulnerability \
            scanner.",
        evidence: "Short sessions and `min_sessions`, the most within `window_s`, the share that looks \
            failed and `min_failed_share`, clients and targets, the median duration and bytes of a \
            session, and the connections.",
        source: "Size and length of a failed SSH login: M. M. Najafabadi et al., Detection of SSH Brute Force Attacks \
            Using Aggregated Netflow Data, ICMLA 2015, and A. Sperotto et al., Hidden Markov Model Modeling of SSH Brute-Force \
            Attacks, DSOM 2009. Number of attempts: Zeek, policy/protocols/ssh/detect-bruteforcing.zeek (30 in 30 min). Tickets: T. Medin, Attacking Kerberos: \
            Kicking the Guard Dog of Hades, DerbyCon 2014. ATT&CK T1110, T1558.003.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::PasswordGuessing,
        attack: &["T1110.001", "T1110.003", "T1558.003"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_sessions < 5 || config.min_slow_sessions < config.min_sessions {
            return Err(
                "min_sessions must be at least 5, and min_slow_sessions at least min_sessions".to_owned()
            );
        }
        positive(&[("window_s", config.window_s), ("max_session_s", config.max_session_s)])?;
        shares(&[("min_failed_share", config.min_failed_share)])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| {
            let attacks = sessions::attacks(scene, config);
            let findings = attacks.iter().map(|attack| finding(&scene.sockets, attack, config));
            Ok(findings.chain(tickets::find(scene)).collect::<Vec<_>>().into())
        })
    }
}

fn finding(sockets: &Sockets<'_>, attack: &Attack<'_>, config: &Thresholds) -> Finding {
    let members = sockets.subset(&attack.rows);
    let leaves =
        attack.side == Side::Client && members.iter().any(|s| s.direction != Some(Direction::Internal));
    let is_outside = members.iter().any(|socket| socket.is_beyond_local_networks());
    let severity = match shape::is_web(attack.port) {
        // Inside the network, load tests send the same request again and again.
        true if !is_outside => Severity::Low,
        false if attack.succeeded || leaves => Severity::High,
        _ => Severity::Medium,
    };
    let judgement = Judgement {
        severity,
        // Twice the minimum is as sure as the shape of sessions alone can be.
        confidence: Confidence::new(
            0.6 + 0.1 * (attack.rows.len() as f64 / f64::from(config.min_sessions)).min(3.0),
        ),
        title: title(attack),
        explanation: explanation(attack),
        false_positives: String::new(),
        attack: if attack.spread == Spread::OneClientManyHosts {
            vec!["T1110.003"]
        } else {
            vec!["T1110.001"]
        },
        entities: members.entities(),
    };
    let measurements = vec![
        Measurement::new("short sessions", attack.rows.len() as f64, "sessions")
            .against(f64::from(config.min_sessions)),
        Measurement::new("most within the window", attack.most_within as f64, "sessions"),
        Measurement::new("share that looks failed", attack.failed_share, "").against(config.min_failed_share),
        Measurement::new("clients", attack.clients.len() as f64, "clients"),
        Measurement::new("targets", attack.servers.len() as f64, "hosts"),
        Measurement::new("median duration", attack.median_s, "s"),
        Measurement::new("median bytes from the client", attack.median_bytes, "bytes"),
    ];
    Finding::new(&BruteForce::ABOUT, judgement, members.evidence(measurements))
}

fn title(attack: &Attack<'_>) -> String {
    let service = attack
        .protocol
        .map(payloads::title)
        .or_else(|| services::name(attack.transport, attack.port).map(str::to_owned))
        .map_or_else(|| format!("port {}", attack.port), |name| format!("{name} (port {})", attack.port));
    let sessions = words::count(attack.rows.len(), "short session", "short sessions");
    let one = |list: &[&str]| list.first().copied().unwrap_or_default().to_owned();
    match attack.spread {
        Spread::OneToOne => {
            let client = attack.program.map_or_else(|| one(&attack.clients), str::to_owned);
            format!("{client} guesses passwords for {service} on {}: {sessions}", one(&attack.servers))
        }
        Spread::ManyClientsOneHost => format!(
            "{} addresses guess passwords for {service} on {}: {sessions}",
            attack.clients.len(),
            one(&attack.servers)
        ),
        Spread::OneClientManyHosts => {
            let client = attack.program.map_or_else(|| one(&attack.clients), str::to_owned);
            format!("{client} guesses passwords for {service} on {} hosts: {sessions}", attack.servers.len())
        }
    }
}

fn explanation(attack: &Attack<'_>) -> String {
    let mut sentences = vec![format!(
        "{} sessions over {}, up to {} within an hour. The median session lasted {} and sent {} from the \
         client, like a failed login.",
        attack.rows.len(),
        words::duration(attack.span_s),
        attack.most_within,
        words::duration(attack.median_s),
        words::bytes(attack.median_bytes),
    )];
    if attack.succeeded {
        sentences.push(
            "The same client then had a longer session with the service: one guess may have worked."
                .to_owned(),
        );
    }
    sentences.join(" ")
}
