//! `exfiltration`: much more out than in, to one place.

mod daily;
mod stealer;
#[cfg(test)]
mod tests;
mod uploads;

use std::cell::LazyCell;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::uploads::Upload;
use crate::Result;
use crate::analyze::appraisal::{Appraisal, Factor, domains};
use crate::analyze::scene::Scene;
use crate::analyze::words;
use crate::capture::Metadata;
use crate::model::detector::{About, Context, Detector, DetectorTable, Method, Outcome, Output, Signal};
use crate::model::finding::{Confidence, Finding, Judgement, Measurement, Severity};
use crate::model::frame::{DataFrame, df};
use crate::model::section::Section;
use crate::model::sockets::{Sockets, Source};

/// From this many times `min_sent_bytes` on, an upload without a harmless reading is high.
const VERY_MUCH: f64 = 10.0;

/// What a small upload that is hardly answered weighs, see [`Appraisal::severity`].
const SMALL_UPLOAD: f64 = 1.0;

/// Destinations of small uploads of one source from which on it is a peer-to-peer program.
const PEERS: usize = 4;

/// What it weighs that the host sends nothing like it to any other destination.
const UNLIKE_THE_REST: f64 = 1.0;

/// The same of a small upload, which may be a photo or a document.
const SMALL_AND_UNLIKE_THE_REST: f64 = 0.5;

/// The control port of FTP, and what it weighs that files leave the network over it: people and programs have moved to
/// encrypted transfers.
const FTP: u16 = 21;
const OVER_FTP: f64 = 1.0;

/// A process that sent no more than this many times its usual rate did what it always does.
const USUAL_RATE: f64 = 3.0;

/// Much more out than in, to one place.
#[derive(Debug)]
pub struct Exfiltration;

/// What was sent and received, by source and destination.
pub const UPLOADS: DetectorTable = DetectorTable { detector: Exfiltration::ABOUT.id, name: "uploads" };

/// Thresholds of `exfiltration`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Fewest bytes that a process must have sent to one address during the recording.
    pub min_sent_bytes: u64,
    /// Smallest ratio of bytes sent to bytes received.
    pub min_ratio: f64,
    /// Smallest ratio to the median of what the process sent to each of its other addresses.
    pub min_times_others: f64,
    /// Fewest bytes of an upload that is judged by what else its host sends.
    pub min_unusual_bytes: u64,
    /// Fewest bytes of a small upload, which counts only if its destination is suspicious.
    pub min_small_bytes: u64,
    /// Smallest ratio of bytes sent to bytes received of a small upload, in all or in one connection.
    pub min_small_ratio: f64,
    /// Fewest bytes that are handed in as mail or over FTP by a source that asked for its own public address.
    pub min_stolen_bytes: u64,
    /// Rows that go into the table of uploads.
    pub max_listed: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            min_sent_bytes: 50_000_000,
            min_ratio: 4.0,
            min_times_others: 3.0,
            min_unusual_bytes: 10_000_000,
            min_small_bytes: 1_000_000,
            min_small_ratio: 10.0,
            min_stolen_bytes: 1_000,
            max_listed: 200,
        }
    }
}

impl Detector for Exfiltration {
    type Config = Thresholds;

    const ABOUT: About = About {
        id: "exfiltration",
        title: "Large uploads to one destination",
        what_it_finds: "A process that sent far more than it received to one address or name that it \
            contacted, in one connection or in many small ones over hours, and far more than it or its \
            host sends elsewhere.",
        why_it_matters: "Stolen data has to be sent somewhere. Clients mostly receive; a client that \
            sends a lot to one destination is backing up, sharing a file, or leaking data.",
        how_it_decides: "For each source (process by name, else the local address) and remote address, \
            or all addresses of one name, bytes sent and received are summed over all connections that this host opened. The pair is \
            reported if it sent at least `min_sent_bytes`, at least `min_ratio` times what it received, \
            and at least `min_times_others` times the median of what the source sent to each of its other \
            addresses, if it has any. Severity: medium outside the local networks, high from ten times \
            `min_sent_bytes` on, low inside. Each harmless explanation lowers it by one level: the \
            process has the name of a backup program or another program whose job is to send, the port is \
            one of video calls or of mail submission (25, 465, 587), the name is that of a known cloud \
            service, the process sends at this rate all the time, or about as much is sent at the same time of day on three days or more, \
            as a backup does. A smaller upload, of at \
            least `min_small_bytes` and `min_small_ratio` times what it received in total or in one \
            connection, is reported if the evidence about program and destination makes it medium: a rare \
            destination or one without a name, an unusual port, a suspicious path, FTP (adds 1). An upload of at least \
            `min_unusual_bytes`, `min_ratio` times what came back, and ten times the most that the host \
            sent to any of five or more other destinations outside, adds 1 to that evidence: photos and \
            documents have a few megabytes, and a host that sends ten times as much to one place as \
            anywhere else does something new. A smaller upload that is ten times as much adds 0.5, as it may be a photo. The servers of one \
            service for sharing files count together. What stealers send is smaller still: from `min_stolen_bytes` on, more than \
            came back, handed in as mail (ports 25, 465, 587) or over FTP by a source that asked a service for its \
            own public address and reads no mail itself (POP3, IMAP), weighs 1.5, because a mail program has no use \
            for that address. So does an archive of 100 kB or more, ten times what came back, that such a source hands to a \
            host of webhooks (Discord, Telegram, Slack): it outweighs the known name, since the programs of these chats \
            upload files to other names. Small uploads of one source to four or more destinations \
            lose 1.5, because peer-to-peer programs send like that. Data that others fetch \
            from a service of this host is ignored. The table `uploads` lists the top `max_listed` pairs \
            by bytes sent.",
        false_positives: "Backups, file synchronization, video calls and streams, pushes to a repository \
            or registry, mail with attachments, log shipping. Check whether this process is supposed to \
            send to this address, and whether it usually sends this much.",
        evidence: "Bytes sent and `min_sent_bytes`, sent over received and `min_ratio`, times the median \
            of the process's other addresses and `min_times_others`, times the most that the host sent \
            elsewhere, times its own usual rate, its share \
            of everything that the process sent, how long it took, and the connections.",
        source: "netrec's own rule, from volume, ratio and history, as in Slips (upload volume) and \
            flowscope (own history), with different thresholds. ATT&CK T1048, T1048.003, T1567.",
        section: Section::Bandwidth,
        method: Method::Behavior,
        signal: Signal::Upload,
        attack: &["T1048", "T1048.003", "T1567"],
    };

    fn validate(config: &Thresholds) -> Result<(), String> {
        if config.min_sent_bytes == 0 {
            return Err("min_sent_bytes must be greater than 0".to_owned());
        }
        let ratios = [
            ("min_ratio", config.min_ratio),
            ("min_times_others", config.min_times_others),
            ("min_small_ratio", config.min_small_ratio),
        ];
        for (key, value) in ratios {
            if !(value >= 1.0 && value.is_finite()) {
                return Err(format!("{key} must be 1 or more"));
            }
        }
        Ok(())
    }

    fn detect(context: &Context<'_>, config: &Thresholds) -> Result<Outcome> {
        let scene = Scene::of(context)?;
        let sockets = &scene.sockets;
        if sockets.iter().all(|socket| socket.recorded_sent.is_none()) {
            return Ok(Outcome::Skipped("Needs byte counts, and this capture has none.".to_owned()));
        }
        let uploads = uploads::find(&scene, context.tables, config)?;
        let appraise = |upload: &Upload<'_>| {
            let mut appraisal = scene.appraise(sockets.subset(&upload.rows));
            appraisal
                .extend(upload.is_unlike_the_rest(config).then(|| unlike_the_rest(upload, UNLIKE_THE_REST)));
            let is_small = upload.is_small_and_unlike_the_rest(config);
            appraisal.extend(is_small.then(|| unlike_the_rest(upload, SMALL_AND_UNLIKE_THE_REST)));
            appraisal.extend(upload.is_ftp(sockets).then(|| {
                let says = "it goes out over FTP, in the clear, as stealers and scripts send";
                Factor::new("upload-ftp", OVER_FTP, says)
            }));
            appraisal
        };
        let mut findings: Vec<Finding> = uploads
            .iter()
            .filter(|upload| upload.meets(config))
            .map(|upload| finding(sockets, upload, &appraise(upload), severity(upload, config), config))
            .collect();
        let small: Vec<&Upload<'_>> =
            uploads.iter().filter(|upload| upload.is_small_and_one_way(config)).collect();
        let mut crowds: BTreeMap<Source<'_>, usize> = BTreeMap::new();
        for upload in &small {
            *crowds.entry(upload.source).or_default() += 1;
        }
        for upload in small {
            let mut appraisal = appraise(upload);
            let crowd = crowds.get(&upload.source).copied().unwrap_or_default();
            appraisal.extend((crowd >= PEERS).then(|| {
                let says = format!(
                    "it is one of {crowd} like uploads of the same source, as a peer-to-peer program makes"
                );
                Factor::new("upload-one-of-many", -1.5, says)
            }));
            let severity = appraisal.severity(SMALL_UPLOAD);
            if severity >= Severity::Medium && harmless_readings(upload).is_empty() {
                findings.push(finding(sockets, upload, &appraisal, severity, config));
            }
        }
        let readers = LazyCell::new(|| stealer::MailReaders::new(sockets));
        let is_told = |finding: &Finding, upload: &Upload<'_>| {
            upload
                .rows
                .first()
                .is_some_and(|row| finding.evidence.connections.contains(&sockets.conn_id(*row)))
        };
        for upload in uploads.iter().filter(|upload| stealer::is_like_one(upload, &scene, config)) {
            if readers.have(upload, sockets) || findings.iter().any(|finding| is_told(finding, upload)) {
                continue;
            }
            let appraisal = appraise(upload).with(stealer::factor(upload));
            let severity = appraisal.severity(0.0);
            if severity >= Severity::Medium {
                findings.push(finding(sockets, upload, &appraisal, severity, config));
            }
        }
        let tables = vec![(UPLOADS.name, uploads_table(&uploads, config)?)];
        Ok(Outcome::Ran(Output { findings, tables, limits: limits(context.metadata), ..Output::default() }))
    }
}

fn unlike_the_rest(upload: &Upload<'_>, weight: f64) -> Factor {
    let times = upload.times_largest.unwrap_or_default();
    let says = format!("it is {times:.0} times the most that this host sent to any other destination");
    Factor::new("upload-unlike-the-rest", weight, says)
}

fn limits(metadata: &Metadata) -> Vec<String> {
    if metadata.holds_many_hosts() {
        return vec!["Data that others fetch from an internal service is not examined.".to_owned()];
    }
    vec![
        "The kernel does not count the bytes of UDP sockets, so an upload over QUIC or DNS is visible \
         only with record --udp-bytes."
            .to_owned(),
        "Data that others fetch from a service of this host is not examined.".to_owned(),
    ]
}

fn finding(
    sockets: &Sockets<'_>,
    upload: &Upload<'_>,
    appraisal: &Appraisal,
    severity: Severity,
    config: &Thresholds,
) -> Finding {
    let members = sockets.subset(&upload.rows);
    let judgement = Judgement {
        severity,
        confidence: if upload.meets(config) {
            confidence(upload, config)
        } else {
            // It was found by the evidence, and is as sure as that.
            Confidence::new(0.35 + 0.1 * (SMALL_UPLOAD + appraisal.total()))
        },
        title: title(upload),
        explanation: explanation(upload, appraisal),
        false_positives: String::new(),
        attack: if severity >= Severity::Medium { attack(upload) } else { Vec::new() },
        entities: members.entities(),
    };
    let evidence = members.evidence_within(measurements(upload, config), upload.span_us);
    Finding::new(&Exfiltration::ABOUT, judgement, evidence)
}

/// Reasons for which an upload may be what it should be, in sentences.
fn harmless_readings(upload: &Upload<'_>) -> Vec<String> {
    let mut readings = Vec::new();
    if let Some(duty) = upload.duty() {
        readings.push(format!("{} has the name of {duty}.", upload.source));
    }
    if upload.is_call() {
        readings.push("The port is used for video calls.".to_owned());
    }
    if upload.is_mail() {
        readings.push("The port is one at which mail is handed in.".to_owned());
    }
    if let Some(name) = upload.name.filter(|name| domains::is_known_service(name)) {
        readings.push(format!("{name} belongs to a known cloud or synchronization service."));
    }
    if let Some(days) = upload.days_alike {
        readings.push(format!(
            "About as much is sent at the same time of day on each of {days} days, as a backup does."
        ));
    }
    if let Some(times) = upload.times_history.filter(|times| *times < USUAL_RATE) {
        readings.push(format!("That is {times:.1} times the rate at which this process usually sends."));
    }
    readings
}

fn severity(upload: &Upload<'_>, config: &Thresholds) -> Severity {
    let very_much = upload.sent as f64 >= VERY_MUCH * config.min_sent_bytes as f64;
    let level = match (upload.is_beyond, very_much) {
        (false, _) => 1,
        (true, false) => 2,
        (true, true) => 3_usize,
    };
    Severity::ALL[level.saturating_sub(harmless_readings(upload).len())]
}

/// Surer with more bytes, a higher ratio, and a process that also does other things.
fn confidence(upload: &Upload<'_>, config: &Thresholds) -> Confidence {
    let by_volume = 1.0 - (-(upload.sent as f64) / config.min_sent_bytes as f64).exp();
    let by_ratio = 1.0 - (-2.0 * upload.ratio() / config.min_ratio).exp();
    let by_history = if upload.times_others.is_some() || upload.times_history.is_some() { 1.0 } else { 0.7 };
    let by_reading = 0.7_f64.powi(harmless_readings(upload).len() as i32);
    Confidence::new(by_volume * by_ratio * by_history * by_reading)
}

fn attack(upload: &Upload<'_>) -> Vec<&'static str> {
    match upload.port {
        Some(80 | 443 | 8080 | 8443) => vec!["T1567"],
        Some(53) => vec!["T1048.003"],
        _ => vec!["T1048"],
    }
}

fn title(upload: &Upload<'_>) -> String {
    let port = upload.port.map_or_else(String::new, |port| format!(" port {port}"));
    format!("{} sent {} to {}{port}", upload.source, words::bytes(upload.sent as f64), upload.destination())
}

fn explanation(upload: &Upload<'_>, appraisal: &Appraisal) -> String {
    let seconds = upload.seconds();
    let mut sentences = vec![format!(
        "{} within {}; {} received.",
        words::count(upload.rows.len(), "connection", "connections"),
        words::duration(seconds),
        words::bytes(upload.received as f64),
    )];
    sentences.push(match upload.times_others {
        Some(times) => {
            format!(
                "That is {times:.0} times the median of what this process sends to its other \
                addresses."
            )
        }
        None => "This process contacted no other address, so there is nothing to compare with.".to_owned(),
    });
    if upload.times_history.is_none() {
        sentences.push("Its usual rate is unknown: it sent nothing before or after.".to_owned());
    }
    sentences.extend(harmless_readings(upload));
    sentences.extend(appraisal.sentences());
    sentences.join(" ")
}

fn measurements(upload: &Upload<'_>, config: &Thresholds) -> Vec<Measurement> {
    let mut all = vec![
        Measurement::new("sent", upload.sent as f64, "bytes").against(config.min_sent_bytes as f64),
        Measurement::new("received", upload.received as f64, "bytes"),
        Measurement::new("sent over received", upload.ratio(), "").against(config.min_ratio),
        Measurement::new("share of everything the process sent", upload.share, ""),
        Measurement::new("took", upload.seconds(), "s"),
    ];
    all.extend(upload.times_others.map(|times| {
        Measurement::new("times the median of its other addresses", times, "")
            .against(config.min_times_others)
    }));
    all.extend(
        upload
            .times_largest
            .map(|times| Measurement::new("times the most that the host sent elsewhere", times, "")),
    );
    all.extend(upload.times_history.map(|times| Measurement::new("times its usual rate", times, "")));
    all
}

/// The pairs that sent most, by bytes sent.
fn uploads_table(uploads: &[Upload<'_>], config: &Thresholds) -> Result<DataFrame> {
    fn column<T>(uploads: &[Upload<'_>], field: impl Fn(&Upload<'_>) -> T) -> Vec<T> {
        uploads.iter().map(field).collect()
    }
    let listed = &uploads[..uploads.len().min(config.max_listed as usize)];
    Ok(df!(
        "source" => column(listed, |u| u.source.to_string()),
        "remote_addr" => column(listed, |u| u.addr.to_owned()),
        "connections" => column(listed, |u| u.rows.len() as u32),
        "sent" => column(listed, |u| u.sent),
        "received" => column(listed, |u| u.received),
        "ratio" => column(listed, |u| round2(u.ratio())),
        "times_others" => column(listed, |u| u.times_others),
        "times_history" => column(listed, |u| u.times_history),
        "found" => column(listed, |u| u.meets(config)),
    )?)
}

/// Two digits are enough of a ratio.
fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
