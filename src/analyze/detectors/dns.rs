//! `dns`: data hidden in questions to name servers, and names that malware makes up.

mod generated;
mod names;
mod sizes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use ahash::{AHashMap, AHashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::analyze::appraisal::domains;
use crate::analyze::scene::{self, Found, Scene};
use crate::model::detector::{About, Context, Detector, Method, Outcome, Output, Signal, positive};
use crate::model::finding::{Entities, Evidence, Finding, Judgement, Measurement};
use crate::model::queries::{Queries, Query};
use crate::model::section::Section;
use crate::model::sockets::{Socket, Source};

/// Tunnels through name servers, and generated names.
#[derive(Debug)]
pub struct Dns;

/// Thresholds of `dns`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest queries to one server before their size is judged.
    pub min_questions: u32,
    /// Smallest mean query payload, in bytes; ordinary queries have about 40.
    pub min_question_bytes: f64,
    /// Mean query payload that ordinary use no longer explains, in bytes.
    pub large_question_bytes: f64,
    /// Fewest different names under one domain before they are judged.
    pub min_names: u32,
    /// Information per day in the names under one domain that makes a tunnel, in bytes; an eighth of it
    /// has half the weight.
    pub min_information_bytes: f64,
    /// Length of names, without the domain, that counts as long, in characters.
    pub long_name_chars: f64,
    /// Fewest registered domains looked up within an hour that do not exist.
    pub min_dead_domains: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_questions: 25,
            min_question_bytes: 70.0,
            large_question_bytes: 100.0,
            min_names: 25,
            min_information_bytes: 4096.0,
            long_name_chars: 40.0,
            min_dead_domains: 15,
        }
    }
}

impl Detector for Dns {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "dns",
        title: "DNS tunnels and generated names",
        what_it_finds: "A program (or host) whose DNS queries carry data: tunnels (iodine, dnscat2, \
            dns2tcp, dnstt), exfiltration in names, C2 over DNS, and floods of random names (water torture). Also one that looks up many domains \
            that do not exist, as malware with a domain generation algorithm (DGA) does.",
        why_it_matters: "Almost every network allows DNS out. Data hidden in query names leaves through \
            the resolver, without a single connection to the attacker.",
        how_it_decides: "By size: payload bytes and datagrams to port 53 (over TCP, segments with data) \
            are summed for each program and server. At least `min_questions` queries that average at \
            least `min_question_bytes` weigh 1.5, from `large_question_bytes` on 2.5. A query has 12 \
            bytes of header, 5 of type, class and root, 11 of EDNS, and the name: 70 bytes leave 42 for \
            the name, 100 leave 72. Facts about the program and the server add or subtract their weights; \
            a server that most sources use as their resolver counts as infrastructure.\n\n\
            By name, where the capture has queries: for each source and registered domain with at least \
            `min_names` different names, the information is the number of characters times the entropy \
            per character. From `min_information_bytes` a day on it weighs 2 (the published bound on what \
            a client may leak to a domain unnoticed); from an eighth of that on it weighs 1 if the names \
            average 16 characters or more, or if the names are looked up on a timer: a new one every 4 s or slower, in gaps that \
            deviate from their median by 30 % of it at most, hardly one of them twice, under a domain that is not internal. The timer adds 1. Names that average `long_name_chars` characters or more before the \
            domain, or `min_names` of that length among shorter ones (check-ins are short, and what they bring is long), \
            add 1.5; identifiers of ordinary services (GUIDs, MD5 sums) have 36 or fewer. If half \
            of the queries are for record types that clients do not request on their own (anything but A, \
            AAAA, HTTPS, PTR, SRV and SOA), that adds 1. One query per second or more adds 0.5, long \
            answers 0.5, a generated domain 1.5. A known service subtracts 2.5, a domain that several \
            sources look up 1. If up to three other hosts used the source as a resolver at the time (DNS, \
            DoT or DoH), they are named, because the source may only forward their queries. Reverse \
            look-ups (PTR, block lists: RFC 5782) are ignored. A total below 1 is not reported. Where 90 % of the \
            responses say that there is nothing (NXDOMAIN, SERVFAIL, REFUSED), all sources together send one query per \
            second or more, record types are usual and names are not long, it is reported as a flood of the domain's \
            name servers, however many sources take part: each response of a tunnel carries data or a receipt.\n\n\
            Generated names: at least `min_dead_domains` registered domains within an hour that do not \
            exist (NXDOMAIN) weigh 1.5, twice as many 2, three times as many 2.5. If half of them look \
            generated, or if their letters together are distributed as in random text, that adds 1.5: \
            fewer than 27 % of the letters are a, e, i, o or u (36 % or more in European languages, 19 % \
            in a uniform draw), or 18 % of the characters are digits.",
        false_positives: "Reverse look-ups of many IPv6 addresses (90 bytes each), block-list look-ups by \
            a mail server, antivirus and telemetry services that put hashes into names, storage and \
            delivery services with long names, crawlers and mail servers that look up dead domains.",
        evidence: "By size: number of queries and `min_questions`, mean query size and \
            `min_question_bytes`, mean answer size, bytes each way, the rate. By name: number of names \
            and `min_names`, their information and `min_information_bytes`, mean length and \
            `long_name_chars`, share of unusual record types, share of failed responses. Generated names: dead domains and \
            `min_dead_domains`, with examples. And the connections that carried the queries.",
        source: "G. Farnham, Detecting DNS Tunneling, SANS 2013; message sizes: RFC 1035, RFC 6891. Information: V. Paxson et al., Practical \
            Comprehensive Bounds on Surreptitious Communication Over DNS, USENIX Security 2013 (4 kB a day for one client and domain). Generated \
            names: M. Antonakakis et al., From Throw-Away Traffic to Bots, USENIX Security 2012. ATT&CK T1071.004, T1048.003, T1499.002, T1568.002, T1572.",
        section: Section::Security,
        method: Method::Statistics,
        signal: Signal::Tunnel,
        attack: &["T1048.003", "T1071.004", "T1499.002", "T1568.002", "T1572"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_questions < 5 || config.min_names < 5 || config.min_dead_domains < 5 {
            return Err("min_questions, min_names and min_dead_domains must be at least 5".to_owned());
        }
        if !(config.min_question_bytes > 28.0 && config.large_question_bytes >= config.min_question_bytes) {
            return Err(
                "min_question_bytes must be greater than 28, and large_question_bytes at least as large"
                    .to_owned(),
            );
        }
        positive(&[
            ("min_information_bytes", config.min_information_bytes),
            ("long_name_chars", config.long_name_chars),
            ("large_question_bytes", config.large_question_bytes),
        ])
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let queries = Queries::new(context.tables)?;
        if queries.is_empty() && !sizes::are_known(context)? {
            return Ok(Outcome::Skipped(
                "Needs DNS queries or UDP payload bytes: record with --udp-bytes or --names, or import \
                 packets or DNS logs."
                    .to_owned(),
            ));
        }
        if queries.is_empty() {
            return scene::detect(context, |scene| {
                let limits = vec!["The capture has no DNS query names; only sizes were judged.".to_owned()];
                Ok(Found { findings: sizes::findings(scene, config), limits })
            });
        }
        let scene = Scene::of(context)?;
        let mut findings = names::findings(&scene, &queries, config);
        // What is known by its names needs no guess by size.
        let mut guesses = sizes::findings(&scene, config);
        if !guesses.is_empty() {
            let ways = ways(findings.iter().chain(&guesses), &scene);
            let known: BTreeSet<Way<'_>> = findings.iter().flat_map(|finding| of(finding, &ways)).collect();
            guesses.retain(|guess| of(guess, &ways).iter().all(|way| !known.contains(way)));
            findings.append(&mut guesses);
        }
        findings.extend(generated::findings(&scene, &queries, config));
        findings.sort_by(Finding::worst_first);
        Ok(Outcome::Ran(Output { findings, ..Output::default() }))
    }
}

/// Who asked, and which server.
type Way<'a> = (Source<'a>, &'a str);

/// The ways that the queries of some findings took, by connection.
fn ways<'f, 'a>(findings: impl Iterator<Item = &'f Finding>, scene: &Scene<'a>) -> AHashMap<u64, Way<'a>> {
    let ids: AHashSet<u64> =
        findings.flat_map(|finding| finding.evidence.connections.iter().copied()).collect();
    let sockets = scene.sockets.find(&ids);
    sockets.iter().filter_map(|(id, socket)| Some((*id, (Source::of(socket), socket.remote()?.0)))).collect()
}

/// Those of one finding.
fn of<'a>(finding: &Finding, ways: &AHashMap<u64, Way<'a>>) -> Vec<Way<'a>> {
    finding.evidence.connections.iter().filter_map(|id| ways.get(id).copied()).collect()
}

/// Ports on which a resolver is asked: DNS, over TLS, over HTTPS.
const NAME_SERVICE_PORTS: [u16; 3] = [53, 443, 853];

/// With more clients than these, a resolver's questions cannot be told apart.
const MOST_CLIENTS: usize = 3;

/// Connections of clients that a finding lists.
const MOST_CLIENT_CONNECTIONS: usize = 50;

/// Some questions of one source, with what carried them.
struct Asked<'a> {
    source: Source<'a>,
    first: Query<'a>,
    conn_ids: BTreeSet<u64>,
    /// Connections of those for whom the source may have asked.
    client_ids: Vec<u64>,
    span_us: (i64, i64),
    /// Rows of the connections that carried them.
    rows: Vec<usize>,
}

impl<'a> Asked<'a> {
    fn new(source: Source<'a>, questions: &[Query<'a>], scene: &Scene<'_>) -> Option<Self> {
        let conn_ids: BTreeSet<u64> = questions.iter().map(|query| query.conn_id).collect();
        let sockets = &scene.sockets;
        let rows = (0..sockets.len()).filter(|row| conn_ids.contains(&sockets.conn_id(*row))).collect();
        let (first, last) = (*questions.first()?, questions.last()?);
        Some(Self {
            source,
            first,
            conn_ids,
            client_ids: Vec::new(),
            span_us: (first.ts_us, last.ts_us),
            rows,
        })
    }

    /// Adds the connections of those who asked the source itself meanwhile, over DNS, TLS or HTTPS, if it is an
    /// address and they are few: a resolver that passes questions on is not who had them. Their addresses.
    fn add_clients<'s>(&mut self, scene: &Scene<'s>) -> Vec<&'s str> {
        let Source::Address(own) = self.source else { return Vec::new() };
        let mut clients: BTreeMap<&'s str, Vec<u64>> = BTreeMap::new();
        for socket in scene.sockets.iter().filter(Socket::was_established) {
            let Some(flow) = scene.orientation.flow(&socket) else { continue };
            let (client, (server, port)) = (flow.originator.0, flow.responder);
            let is_meanwhile =
                socket.first_seen_us <= self.span_us.1 && socket.last_seen_us >= self.span_us.0;
            if server == own && client != own && NAME_SERVICE_PORTS.contains(&port) && is_meanwhile {
                clients.entry(client).or_default().push(socket.conn_id);
            }
        }
        if clients.len() > MOST_CLIENTS {
            return Vec::new();
        }
        self.client_ids = clients.values().flatten().copied().take(MOST_CLIENT_CONNECTIONS).collect();
        clients.into_keys().collect()
    }

    /// Who asked. A resolver is only the way, and no party to it.
    fn entities(&self, scene: &Scene<'_>, domain: Option<&str>) -> Entities {
        let common = scene.sockets.entities(&self.rows);
        let owner = self.first.process.map(|process| scene.processes.get(process as usize));
        let text = |text: Option<&str>| text.map(str::to_owned);
        Entities {
            process_name: common.process_name.or_else(|| text(owner.and_then(|owner| owner.process_name))),
            actor: common.actor.or_else(|| text(owner.and_then(|owner| owner.actor))),
            local_addr: Some(self.first.client_addr.to_owned()),
            local_port: None,
            remote_addr: None,
            remote_port: None,
            remote_name: domain.map(str::to_owned),
            ..common
        }
    }

    fn finding(&self, judgement: Judgement, measurements: Vec<Measurement>) -> Finding {
        let of_clients = self.client_ids.iter().filter(|id| !self.conn_ids.contains(id));
        let conn_ids: Vec<u64> = of_clients.chain(&self.conn_ids).copied().collect();
        Finding::new(&Dns::ABOUT, judgement, Evidence::new(measurements, conn_ids, self.span_us))
    }
}

/// Whether a name is an address in reverse, as look-ups of names and of block lists have it.
fn is_reversed_address(name: &str) -> bool {
    let is_octet = |label: &str| label.len() <= 3 && label.parse::<u8>().is_ok();
    let is_nibble = |label: &str| label.len() == 1 && label.bytes().all(|b| b.is_ascii_hexdigit());
    let starts_with = |number: usize, is: &dyn Fn(&str) -> bool| {
        name.split('.').take(number).filter(|label| is(label)).count() == number
    };
    domains::registered_domain(name).is_some_and(|domain| domain.rsplit('.').next() == Some("arpa"))
        || starts_with(4, &is_octet)
        || starts_with(32, &is_nibble)
}
