//! Tunnels by the names that are asked for: many different ones under one domain, which say more than names do. And
//! floods, whose names are as random, and of which nothing comes back.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Thresholds, is_reversed_address};
use crate::analyze::appraisal::domains;
use crate::analyze::appraisal::{Appraisal, Factor};
use crate::analyze::peers::timer_s;
use crate::analyze::scene::Scene;
use crate::analyze::words;
use crate::model::finding::{Confidence, Finding, Judgement, Measurement};
use crate::model::queries::{Queries, Query};
use crate::model::sockets::Source;
use crate::model::surroundings;

/// What the information of a tunnel weighs, and what an eighth of it does.
const MUCH: f64 = 2.0;
const SOME: f64 = 1.0;

/// Mean length from which on the lower bound counts: an identifier of 64 bits has as many hexadecimal digits, and
/// what is shorter is a number or a word.
const CODED_CHARS: f64 = 16.0;

/// Evidence of less weight is no finding.
const LEAST: f64 = 1.0;

/// Record types that programs ask for on their own, without being told to.
const USUAL_TYPES: [&str; 7] = ["A", "AAAA", "HTTPS", "SVCB", "PTR", "SRV", "SOA"];

/// Mean length of answers, as text, from which on they are long: six addresses.
const LONG_ANSWER_BYTES: f64 = 100.0;

/// Response codes of queries that got nothing.
const FAILURES: [&str; 3] = ["NXDOMAIN", "SERVFAIL", "REFUSED"];

/// Share of failed responses from which on nothing comes back: of a tunnel, each response carries data or a receipt.
const FLOOD_FAILED: f64 = 0.9;

/// Queries per second for one domain, of all sources together, that are a load for its servers: a lower bound, as
/// floods have thousands.
const FLOOD_RATE: f64 = 1.0;

/// Sources from which on a domain is asked for by many.
const SEVERAL_SOURCES: usize = 3;

/// A day, in seconds: the time that the bound on information is about.
const DAY_S: f64 = 86_400.0;

/// What stands for the domain of names that have none.
const NO_DOMAIN: &str = "";

/// Characters of an example name.
const EXAMPLE_CHARS: usize = 80;

/// Every source and domain whose names carry data.
pub(super) fn findings(scene: &Scene<'_>, queries: &Queries<'_>, config: &Thresholds) -> Vec<Finding> {
    // Rows, as a question itself is a hundred bytes, and there may be millions.
    let mut domains: BTreeMap<&str, BTreeMap<Source<'_>, Vec<u32>>> = BTreeMap::new();
    for (row, (source, query)) in (0_u32..).zip(queries.iter()) {
        if is_reversed_address(query.query_name) {
            continue;
        }
        if let Some(domain) = domain_of(query.query_name) {
            domains.entry(domain).or_default().entry(source).or_default().push(row);
        }
    }
    let of_domain = |(domain, sources): (_, BTreeMap<_, Vec<u32>>)| {
        let asking = Asking::of(&sources, queries);
        let of_source = move |(source, rows): (_, Vec<u32>)| {
            if rows.len() < config.min_names as usize {
                return None;
            }
            let questions: Vec<Query<'_>> = rows.iter().map(|row| queries.get(*row as usize)).collect();
            Names::of(domain, &questions, config)?.finding(scene, source, &questions, &asking, config)
        };
        sources.into_iter().filter_map(of_source).collect::<Vec<_>>()
    };
    domains.into_iter().flat_map(of_domain).collect()
}

/// The registered domain of a name; nothing if its last label is no top-level domain, which have no digits (RFC 3696,
/// section 2): a tunnel that talks to its own server needs no domain.
fn domain_of(name: &str) -> Option<&str> {
    let (before, last) = name.trim_end_matches('.').rsplit_once('.')?;
    let is_made_up = last.bytes().any(|byte| byte.is_ascii_digit()) && !last.starts_with("xn--");
    if is_made_up
        && before.parse::<std::net::Ipv4Addr>().is_err()
        && name.parse::<std::net::IpAddr>().is_err()
    {
        return Some(NO_DOMAIN);
    }
    domains::registered_domain(name)
}

/// Where names are, in words.
fn under(domain: &str) -> String {
    if domain == NO_DOMAIN { "without a top-level domain".to_owned() } else { format!("under {domain}") }
}

/// All who look up names under one domain.
struct Asking {
    sources: usize,
    /// Queries per second of all of them.
    rate: f64,
}

impl Asking {
    fn of(sources: &BTreeMap<Source<'_>, Vec<u32>>, queries: &Queries<'_>) -> Self {
        let ts_us = |row: Option<&u32>| row.map_or(0, |row| queries.get(*row as usize).ts_us);
        // The rows of each are in the order of time.
        let first = sources.values().filter_map(|rows| rows.first()).min();
        let last = sources.values().filter_map(|rows| rows.last()).max();
        let span_s = (ts_us(last) - ts_us(first)) as f64 / 1e6;
        let number: usize = sources.values().map(Vec::len).sum();
        Self { sources: sources.len(), rate: number as f64 / span_s.max(1.0) }
    }
}

/// The names that one source asked for under one domain.
struct Names<'a> {
    domain: &'a str,
    different: usize,
    /// Mean number of characters before the domain.
    mean_chars: f64,
    /// Names that are long by themselves.
    long: usize,
    /// Information in them within a day, in bytes.
    information: f64,
    /// Seconds from one new name to the next, where they are looked up on a timer.
    timer_s: Option<f64>,
    unusual_types: f64,
    answer_bytes: f64,
    /// Share of the responses that say that there is nothing; 0 if hardly any response was seen.
    failed: f64,
    rate: f64,
    span_s: f64,
    example: &'a str,
}

impl<'a> Names<'a> {
    /// None if there are too few of them.
    fn of(domain: &'a str, questions: &[Query<'a>], config: &Thresholds) -> Option<Self> {
        let before = |query: &Query<'a>| {
            query.query_name.strip_suffix(domain).unwrap_or_default().trim_end_matches('.')
        };
        let names: BTreeSet<&str> = questions.iter().map(before).filter(|name| !name.is_empty()).collect();
        if names.len() < config.min_names as usize {
            return None;
        }
        let chars: usize = names.iter().map(|name| name.len()).sum();
        // Addresses are asked for in pairs, A and AAAA.
        let is_new_each_time = questions.len() <= 3 * names.len();
        let is_public = domain != NO_DOMAIN && !surroundings::is_internal_name(domain);
        let mut asked = BTreeSet::new();
        let new_us: Vec<i64> = questions
            .iter()
            .filter(|query| asked.insert(query.query_name))
            .map(|query| query.ts_us)
            .collect();
        let span_s = (questions.last()?.ts_us - questions.first()?.ts_us) as f64 / 1e6;
        let all = questions.len() as f64;
        let is_unusual = |query: &&Query<'_>| query.query_type.is_some_and(|t| !USUAL_TYPES.contains(&t));
        let unusual = questions.iter().filter(is_unusual).count() as f64;
        let answered: u64 = questions.iter().filter_map(|query| query.answer_bytes).map(u64::from).sum();
        let is_failed = |query: &&Query<'_>| query.response_code.is_some_and(|code| FAILURES.contains(&code));
        let failed = questions.iter().filter(is_failed).count() as f64;
        let responses = questions.iter().filter(|query| query.response_code.is_some()).count();
        let example = questions.iter().map(|query| query.query_name).max_by_key(|name| name.len())?;
        Some(Self {
            domain,
            different: names.len(),
            mean_chars: chars as f64 / names.len() as f64,
            long: names.iter().filter(|name| name.len() as f64 >= config.long_name_chars).count(),
            information: entropy_bits(&names) * chars as f64 / 8.0 / (span_s / DAY_S).max(1.0),
            timer_s: timer_s(&new_us).filter(|_| is_public && is_new_each_time),
            unusual_types: unusual / all,
            answer_bytes: answered as f64 / all,
            failed: if responses < config.min_names as usize { 0.0 } else { failed / responses as f64 },
            rate: all / span_s.max(1.0),
            span_s,
            example,
        })
    }

    /// Whether the names are there to occupy the domain's name servers. A tunnel gets answers from its own server, and
    /// makes use of the length of a name.
    fn is_flood(&self, asking: &Asking, config: &Thresholds) -> bool {
        self.failed >= FLOOD_FAILED
            && asking.rate >= FLOOD_RATE
            && self.unusual_types < 0.5
            && self.mean_chars < config.long_name_chars
            && self.long < config.min_names as usize
    }

    /// What the names weigh; none if they say no more than names do.
    fn weight(&self, config: &Thresholds) -> Option<f64> {
        match self.information {
            bytes if bytes >= config.min_information_bytes => Some(MUCH),
            bytes if bytes >= config.min_information_bytes / 8.0 && self.mean_chars >= CODED_CHARS => {
                Some(SOME)
            }
            _ if self.timer_s.is_some() => Some(SOME),
            _ => None,
        }
    }

    fn factors(&self, sources: usize, is_flood: bool, config: &Thresholds) -> Vec<Factor> {
        let says = |holds: bool, id, weight, says: String| holds.then(|| Factor::new(id, weight, says));
        let facts = [
            says(
                self.mean_chars >= config.long_name_chars,
                "dns-long-names",
                1.5,
                format!("its names average {:.0} characters before the domain", self.mean_chars),
            ),
            says(
                self.mean_chars < config.long_name_chars && self.long >= config.min_names as usize,
                "dns-long-names",
                1.5,
                format!(
                    "{} of its names have {:.0} characters or more before the domain",
                    words::number(self.long),
                    config.long_name_chars
                ),
            ),
            says(
                self.unusual_types >= 0.5,
                "dns-record-types",
                1.0,
                format!(
                    "{:.0} % of the queries are for record types that programs do not request on their own",
                    100.0 * self.unusual_types
                ),
            ),
            says(
                self.timer_s.is_some() && !is_flood,
                "dns-timer",
                1.0,
                format!(
                    "it looks up a new name every {}, on a timer",
                    words::duration(self.timer_s.unwrap_or_default())
                ),
            ),
            says(self.rate >= 1.0, "dns-rate", 0.5, format!("{:.1} queries per second", self.rate)),
            says(
                self.answer_bytes >= LONG_ANSWER_BYTES,
                "dns-long-answers",
                0.5,
                format!("the answers are long, {} on average", words::bytes(self.answer_bytes)),
            ),
            says(
                domains::looks_generated(self.domain),
                "name-generated",
                1.5,
                format!("the name {} looks generated", self.domain),
            ),
            says(
                domains::is_known_service(self.domain),
                "name-known-service",
                -2.5,
                format!("{} belongs to a known service", self.domain),
            ),
            says(
                // A flood may have many sources.
                sources >= SEVERAL_SOURCES && !is_flood,
                "dns-common-domain",
                -1.0,
                format!("{sources} sources look up names {}", under(self.domain)),
            ),
        ];
        facts.into_iter().flatten().collect()
    }

    fn finding(
        &self,
        scene: &Scene<'_>,
        source: Source<'_>,
        questions: &[Query<'a>],
        asking: &Asking,
        config: &Thresholds,
    ) -> Option<Finding> {
        let weight = self.weight(config)?;
        let mut asked = Asked::new(source, questions, scene)?;
        let clients = asked.add_clients(scene);
        let owners: BTreeSet<u32> = questions.iter().filter_map(|query| query.process).collect();
        let owners: Vec<_> = owners.into_iter().map(|row| scene.processes.get(row as usize)).collect();
        let mut appraisal = Appraisal::of_programs(&owners);
        let is_flood = self.is_flood(asking, config);
        appraisal.extend(self.factors(asking.sources, is_flood, config));
        let sum = weight + appraisal.total();
        if sum < LEAST {
            return None;
        }
        let mut explanation = vec![format!(
            "{} looked up {} different names {} within {}, with {} of information; the longest is \
             {}.",
            source,
            words::number(self.different),
            under(self.domain),
            words::duration(self.span_s),
            words::bytes(self.information),
            crate::escape::shorten(self.example, EXAMPLE_CHARS),
        )];
        if !clients.is_empty() {
            explanation.push(format!(
                "It answers queries itself and may only have forwarded these: {} had connections to its \
                 name service at the time.",
                clients.join(", ")
            ));
        }
        if is_flood {
            explanation.push(format!(
                "{:.0} % of the responses say that there is nothing: random names, which no cache has, occupy \
                 the resolver and the name servers of the domain.",
                100.0 * self.failed
            ));
        }
        explanation.extend(appraisal.sentences());
        let judgement = Judgement {
            severity: appraisal.severity(weight),
            confidence: Confidence::new(0.35 + 0.1 * sum),
            title: if is_flood {
                format!(
                    "{source}: possible flood of DNS queries for random names {}, {} different names",
                    under(self.domain),
                    words::number(self.different)
                )
            } else {
                format!(
                    "{source}: possible DNS tunnel {}, {} different names of {:.0} characters",
                    if self.domain == NO_DOMAIN { under(NO_DOMAIN) } else { format!("to {}", self.domain) },
                    words::number(self.different),
                    self.mean_chars
                )
            },
            explanation: explanation.join(" "),
            false_positives: String::new(),
            attack: if is_flood { vec!["T1499.002"] } else { vec!["T1071.004", "T1572"] },
            entities: asked.entities(scene, Some(self.domain).filter(|domain| *domain != NO_DOMAIN)),
        };
        let measurements = vec![
            Measurement::new("different names", self.different as f64, "names")
                .against(f64::from(config.min_names)),
            Measurement::new("information", self.information, "bytes").against(config.min_information_bytes),
            Measurement::new("mean length before the domain", self.mean_chars, "characters")
                .against(config.long_name_chars),
            Measurement::new("share of unusual record types", self.unusual_types, "").against(0.5),
            Measurement::new("mean answer", self.answer_bytes, "bytes").against(LONG_ANSWER_BYTES),
            Measurement::new("share of failed responses", self.failed, "").against(FLOOD_FAILED),
            Measurement::new("rate", self.rate, "queries/s"),
            Measurement::new("weight of the evidence", sum, "").against(2.0),
        ];
        Some(asked.finding(judgement, measurements))
    }
}

/// Entropy of a character of some texts, in bits: 4 for hexadecimal digits, 5 for base32.
fn entropy_bits(texts: &BTreeSet<&str>) -> f64 {
    let mut counts = [0_u64; 256];
    texts.iter().flat_map(|text| text.bytes()).for_each(|byte| counts[usize::from(byte)] += 1);
    let all: u64 = counts.iter().sum();
    let share = |count: &u64| *count as f64 / all.max(1) as f64;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}
