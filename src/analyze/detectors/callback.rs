//! `callback`: a service, or what it started, connects out to where it never did before.

#[cfg(test)]
mod tests;

use ahash::{AHashMap, AHashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::{Appraisal, Factor, destination};
use crate::analyze::peers::{Peer, Side};
use crate::analyze::programs;
use crate::analyze::scene::{self, Scene};
use crate::analyze::services;
use crate::analyze::words;
use crate::capture::Protocol;
use crate::model::detector::{About, Context, Detector, Method, Outcome, Signal, positive};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::processes::Process;
use crate::model::section::Section;
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::Socket;

/// Services that connect back.
#[derive(Debug)]
pub struct Callback;

/// Thresholds of `callback`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Longest time between a request to a service and its connection back, in seconds.
    pub window_s: f64,
    /// Most connections of a service to one destination for it to be a callback and not a back end.
    pub max_connections: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { window_s: 60.0, max_connections: 20 }
    }
}

/// Ports of services that strangers send requests to.
const EXPOSED_PORTS: [u16; 12] = [80, 443, 3000, 5000, 7001, 8000, 8008, 8080, 8081, 8088, 8443, 8983];

/// Ports of other services that exploits go through: mail, RPC, file sharing, Java, databases, IRC. What
/// servers of file sharing do to their clients by RPC is left out by [`is_ordinary_reply`].
const EXPLOITED_PORTS: [u16; 15] =
    [25, 139, 445, 873, 1433, 3306, 3632, 4848, 5432, 6379, 6667, 8009, 9200, 11_211, 27_017];

/// First of the ports on which RPC services wait, and clients of which a server was told the port.
const DYNAMIC_FROM: u16 = 32_768;

/// Ports of directory and object services that deserialisation and look-up attacks (JNDI, RMI) make a
/// server contact.
const LOOKUP_PORTS: [u16; 6] = [389, 636, 1099, 1389, 1636, 3268];

/// Those of them that no directory of one's own has: a server may ask that at its provider's.
const FOREIGN_LOOKUP_PORTS: [u16; 3] = [1099, 1389, 1636];

/// What a connection from a service to one of its clients weighs.
const BACK_TO_CLIENT: f64 = 2.5;

/// What a connection back weighs that comes after a request to a service of [`EXPLOITED_PORTS`].
const BACK_FROM_OTHER_SERVICE: f64 = 2.0;

/// What it weighs that the host that was looked up is asked for a file right after: the class that the look-up named.
const FETCHES: f64 = 1.0;
const FETCHES_US: i64 = 10_000_000;

/// What a look-up outside the network weighs for a host that serves requests.
const LOOKUP: f64 = 1.5;

/// What a connection of a program that a service started weighs.
const BY_CHILD: f64 = 2.0;

impl Detector for Callback {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "callback",
        title: "Services that connect back",
        what_it_finds: "A web or application server that opens a connection to one of its own clients \
            shortly after a request, and programs that a server started (a shell, an interpreter, a \
            downloader) and that connect anywhere: web shells, Log4Shell and other exploits that call \
            back.",
        why_it_matters: "Servers answer requests; they do not connect to their clients. Exploits open \
            such a connection to fetch a second stage or to hand over a shell.",
        how_it_decides: "A service is a common web or application port that a client reached. A \
            connection from the serving host back to that client counts if it opens within `window_s` of \
            a request. It does not count if both hosts offer the same port to each other, because they \
            are peers. In a recording of a host, a connection also counts if a server is the parent of \
            the process and the process is a shell, an interpreter, a downloader or runs from a temporary \
            folder. More than `max_connections` connections to one destination are treated as an ordinary \
            back end. A connection back to a client weighs 2.5, and 2 if the request was to a service of files, mail, a \
            database or the like and the connection goes to no port that such servers use with their clients (file sharing, \
            RPC, ident); one by a server's child process 2; facts \
            about port, path and destination add to it, and ports of directory or object look-ups (LDAP, \
            RMI) add 1. A look-up outside the network on port 1099, 1389 or 1636 by a host that serves \
            requests weighs 1.5 by itself, because an organization's own directories use 389 and 636. If the host that was looked up on one of \
            these ports is contacted on a web port within 10 s, that weighs 1, wherever it is: the class that \
            the look-up named is fetched.",
        false_positives: "Webhooks delivered to the requesting host, active FTP, X11, RPC callbacks, CI \
            runners, and plug-ins that start scripts.",
        evidence: "Number of connections and `max_connections`, seconds after the request and `window_s`, \
            every fact with its weight, and the connections.",
        source: "Pattern of CVE-2021-44228 (Log4Shell): CISA alert AA21-356A. ATT&CK T1190, T1505.003, T1059.",
        section: Section::Security,
        method: Method::Behavior,
        signal: Signal::Callback,
        attack: &["T1190", "T1071", "T1505.003", "T1059"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        positive(&[("window_s", config.window_s)])?;
        if config.max_connections == 0 {
            return Err("max_connections must be at least 1".to_owned());
        }
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        scene::detect(context, |scene| Ok(findings(scene, config).into()))
    }
}

fn findings(scene: &Scene<'_>, config: &Thresholds) -> Vec<Finding> {
    let served = Served::new(scene);
    let peers = scene.by_peer(|peer, _| peer.side == Side::Client, |socket| socket.opened_in_recording);
    let mut findings = Vec::new();
    for (peer, rows) in peers.filter(|(_, rows)| rows.len() <= config.max_connections as usize) {
        let (peer, members) = (&peer, scene.sockets.subset(&rows));
        let Some(reason) = reason(peer, members, &served, scene, config) else { continue };
        let mut appraisal = scene.appraise(members);
        appraisal.extend(LOOKUP_PORTS.contains(&peer.port).then(|| {
            Factor::new(
                "port-lookup",
                1.0,
                format!(
                    "port {} is for directory or object look-ups (LDAP, \
                RMI)",
                    peer.port
                ),
            )
        }));
        findings.push(finding(peer, members, &reason, &appraisal, config));
    }
    findings
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Service {
    /// On one of [`EXPOSED_PORTS`].
    Exposed,
    /// On one of [`EXPLOITED_PORTS`].
    Exploited,
}

/// Which hosts serve whom: for every server and client, the times of the requests.
struct Served<'a> {
    requests: AHashMap<(Service, &'a str, &'a str), Vec<i64>>,
    /// Services on which an address was reached: a client that is itself served from there is a peer.
    services: AHashSet<(&'a str, u16)>,
    /// Addresses that serve requests.
    servers: AHashSet<&'a str>,
    /// Pairs with connections both ways on the same port: peers of one protocol, not client and server.
    answered_ports: AHashSet<(&'a str, &'a str, u16)>,
}

impl<'a> Served<'a> {
    fn new(scene: &Scene<'a>) -> Self {
        let peers = scene.by_peer(
            |peer, _| {
                let is_service = EXPOSED_PORTS.contains(&peer.port) || EXPLOITED_PORTS.contains(&peer.port);
                peer.protocol == Protocol::Tcp && is_service
            },
            Socket::was_established,
        );
        let mut all = Self {
            requests: AHashMap::new(),
            services: AHashSet::new(),
            servers: AHashSet::new(),
            answered_ports: AHashSet::new(),
        };
        for (peer, rows) in peers {
            let (client, server) = peer.client_and_server();
            if client == server {
                continue;
            }
            let times = rows.iter().map(|row| scene.sockets.first_seen_us(*row));
            let is_exposed = EXPOSED_PORTS.contains(&peer.port);
            let service = if is_exposed { Service::Exposed } else { Service::Exploited };
            all.requests.entry((service, server, client)).or_default().extend(times);
            all.services.insert((server, peer.port));
            if is_exposed {
                all.servers.insert(server);
            }
            all.answered_ports.insert((client, server, peer.port));
        }
        for times in all.requests.values_mut() {
            times.sort_unstable();
        }
        all
    }

    /// Seconds from the last request of `client` to such a service of `server` before a moment.
    fn since_request_s(&self, service: Service, server: &'a str, client: &'a str, at_us: i64) -> Option<f64> {
        let times = self.requests.get(&(service, server, client))?;
        let before = times.partition_point(|time| *time <= at_us).checked_sub(1)?;
        Some((at_us - times[before]) as f64 / 1e6)
    }
}

/// Ports to which the hosts of a backup send their data, after the server started their agent over SMB or RPC: `NetBackup`,
/// Veeam, Commvault, Bacula.
const BACKUP_DATA: [std::ops::RangeInclusive<u16>; 5] =
    [1_556..=1_556, 2_500..=3_300, 8_400..=8_403, 9_103..=9_103, 13_724..=13_724];

/// Whether servers of [`EXPLOITED_PORTS`] connect to their clients on a port: file sharing and printing by RPC, questions
/// who the user is (ident), and services that many hosts have.
fn is_ordinary_reply(port: u16) -> bool {
    let is_of_tool = matches!(port, 4_444..=4_445 | 50_050);
    let is_of_backup = BACKUP_DATA.iter().any(|ports| ports.contains(&port));
    !is_of_tool
        && (is_of_backup
            || port >= DYNAMIC_FROM
            || services::name(Protocol::Tcp, port).is_some()
            || port == 113)
}

/// Why connections are a callback.
enum Reason<'a> {
    /// So many seconds after a request of the client that is now contacted.
    BackToClient { after_s: f64, of: Service },
    /// By a program that a server started.
    ByChild { child: Process<'a> },
    /// A server looks up a directory entry or an object outside the network.
    LookUp,
    /// A server looks one up, and fetches a file from the same host.
    LookUpAndFetch,
}

impl Reason<'_> {
    fn weight(&self) -> f64 {
        match self {
            Self::BackToClient { of: Service::Exposed, .. } => BACK_TO_CLIENT,
            Self::BackToClient { of: Service::Exploited, .. } => BACK_FROM_OTHER_SERVICE,
            Self::ByChild { .. } => BY_CHILD,
            Self::LookUp => LOOKUP,
            Self::LookUpAndFetch => FETCHES,
        }
    }
}

fn reason<'a>(
    peer: &Peer<'a>,
    members: SocketSubset<'_, 'a>,
    served: &Served<'a>,
    scene: &Scene<'a>,
    config: &Thresholds,
) -> Option<Reason<'a>> {
    let owners = members.iter().filter_map(|socket| socket.process);
    let children = owners.map(|row| scene.processes.get(row as usize));
    if let Some(child) = children.into_iter().find(is_child_of_server)
        && peer.local_addr != peer.remote_addr
    {
        return Some(Reason::ByChild { child });
    }
    let first = members.first()?;
    if first.protocol != Protocol::Tcp || !first.was_established() {
        return None;
    }
    // From the port of a service comes an answer, of which the capture missed the request.
    if first.local_port.is_some_and(|port| EXPOSED_PORTS.contains(&port) || EXPLOITED_PORTS.contains(&port)) {
        return None;
    }
    // A client that serves the same port, or that this host uses otherwise before any request, is a peer.
    let is_peer = || {
        served.answered_ports.contains(&(peer.local_addr, peer.remote_addr, peer.port))
            && served.services.contains(&(peer.local_addr, peer.port))
    };
    let (here, there, at_us) = (peer.local_addr, peer.remote_addr, first.first_seen_us);
    for of in [Service::Exposed, Service::Exploited] {
        let after_s =
            served.since_request_s(of, here, there, at_us).filter(|after_s| *after_s <= config.window_s);
        let is_ordinary = || of == Service::Exploited && is_ordinary_reply(peer.port);
        if let Some(after_s) = after_s.filter(|_| !is_peer() && !is_ordinary()) {
            return Some(Reason::BackToClient { after_s, of });
        }
    }
    if !FOREIGN_LOOKUP_PORTS.contains(&peer.port) || !served.servers.contains(here) {
        return None;
    }
    if fetches(peer, at_us, scene) {
        return Some(Reason::LookUpAndFetch);
    }
    scene.surroundings.leaves_network(&first).then_some(Reason::LookUp)
}

/// Whether the same host contacts the other one on a web port right after a moment.
fn fetches(peer: &Peer<'_>, at_us: i64, scene: &Scene<'_>) -> bool {
    let soon = scene.sockets.first_seen_within((at_us, at_us.saturating_add(FETCHES_US)));
    soon.map(|row| scene.sockets.get(row)).any(|socket| {
        let to = socket.remote();
        let is_web =
            to.is_some_and(|(addr, port)| addr == peer.remote_addr && destination::is_web_port(port));
        is_web && socket.local_addr == peer.local_addr && socket.was_established()
    })
}

/// Whether a server started it, and it is what an intruder has a server start.
fn is_child_of_server(process: &Process<'_>) -> bool {
    let parent_is_server = process.parent_name.is_some_and(programs::is_server_name);
    let exe = process.exe.unwrap_or_default();
    let is_tool = programs::is_shell(process)
        || programs::is_interpreter(process)
        || programs::is_downloader(process)
        || programs::is_in_temporary_folder(exe);
    parent_is_server && is_tool && !process.process_name.is_some_and(programs::is_server_name)
}

fn finding(
    peer: &Peer<'_>,
    members: SocketSubset<'_, '_>,
    reason: &Reason<'_>,
    appraisal: &Appraisal,
    config: &Thresholds,
) -> Finding {
    let weight = reason.weight();
    let connections = words::count(members.len(), "connection", "connections");
    let (title, what) = match reason {
        Reason::BackToClient { after_s, .. } => (
            format!("{} connects back to its client {} on port {}", peer.source, peer.remote_addr, peer.port),
            format!(
                "{connections}; the first opened {} after a request from {}.",
                words::duration(*after_s),
                peer.remote_addr
            ),
        ),
        Reason::ByChild { child } => (
            format!(
                "{}, started by {}, connects to {} port {}",
                child.program(),
                child.parent_name.unwrap_or_default(),
                peer.remote_addr,
                peer.port
            ),
            format!("{connections}, opened by a program that a server started."),
        ),
        Reason::LookUp => (
            format!(
                "{}, which serves requests, looks up {} on port {}",
                peer.source, peer.remote_addr, peer.port
            ),
            format!("{connections} to a directory or an object service outside the network."),
        ),
        Reason::LookUpAndFetch => (
            format!(
                "{}, which serves requests, looks up {} on port {} and fetches a file from it",
                peer.source, peer.remote_addr, peer.port
            ),
            format!(
                "{connections} to a directory or an object service, and one to a web port of the same host within \
                 {}, as JNDI injection (Log4Shell) does.",
                words::duration(FETCHES_US as f64 / 1e6)
            ),
        ),
    };
    let mut explanation = vec![what];
    explanation.extend(appraisal.sentences());
    let judgement = Judgement {
        severity: appraisal.severity(weight),
        confidence: Confidence::new(0.4 + 0.1 * (weight + appraisal.total())),
        title,
        explanation: explanation.join(" "),
        false_positives: String::new(),
        attack: match reason {
            Reason::BackToClient { .. } | Reason::LookUp | Reason::LookUpAndFetch => vec!["T1190", "T1071"],
            Reason::ByChild { .. } => vec!["T1505.003", "T1059"],
        },
        entities: members.entities(),
    };
    let mut measurements = vec![
        Measurement::new("connections", members.len() as f64, "connections")
            .against(f64::from(config.max_connections)),
    ];
    if let Reason::BackToClient { after_s, .. } = reason {
        measurements.push(Measurement::new("after the request", *after_s, "s").against(config.window_s));
    }
    measurements
        .push(Measurement::new("weight of the evidence", weight + appraisal.total(), "").against(2.0));
    measurements
        .extend(appraisal.factors().iter().map(|factor| Measurement::new(factor.id, factor.weight, "")));
    Finding::new(&Callback::ABOUT, judgement, members.evidence(measurements))
}
