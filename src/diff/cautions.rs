//! Reasons to doubt the comparison of two captures.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use crate::capture::{Metadata, SourceStatus};
use crate::humanize;

/// A ratio of durations from which two recordings differ for that reason alone.
const UNEVEN: f64 = 2.0;

/// Share of sockets without an owner from which programs are likely to be missing.
const MANY_WITHOUT_OWNER: f64 = 0.1;

/// A capture's metadata, and its facts.
type Known<'a> = (&'a Metadata, &'a Facts);

pub(super) fn cautions(before: Known<'_>, after: Known<'_>) -> Vec<String> {
    let mut cautions = not_alike(before.0, after.0);
    for ((metadata, facts), which) in [(before, "earlier"), (after, "later")] {
        if metadata.is_degraded() {
            cautions.push(format!(
                "The {which} capture is degraded: items missing from it may simply not have been recorded."
            ));
        }
        if facts.foreign > 0 {
            cautions.push(format!(
                "In the {which} capture, {} of other network namespaces left out.",
                humanize::plural(facts.foreign as u64, "socket"),
            ));
        }
        if facts.without_owner as f64 > MANY_WITHOUT_OWNER * facts.sockets as f64 {
            cautions.push(format!(
                "In the {which} capture, the process of {} of {} is unknown: programs may be missing from it.",
                humanize::count(facts.without_owner as u64),
                humanize::plural(facts.sockets as u64, "socket"),
            ));
        }
    }
    cautions.extend(unequal_views(before.0, after.0));
    cautions.extend(unknown_contents(before.1, after.1));
    cautions
}

/// Whether the captures are of different hosts, or of different kinds.
fn not_alike(before: &Metadata, after: &Metadata) -> Vec<String> {
    let mut cautions = Vec::new();
    let name =
        |metadata: &Metadata| metadata.host_name.clone().unwrap_or_else(|| "an unknown host".to_owned());
    if before.host_name != after.host_name || before.host_name.is_none() {
        cautions.push(format!(
            "These may be captures of different hosts: {} before, {} after.",
            name(before),
            name(after)
        ));
    }
    if after.start_us < before.start_us {
        cautions.push("The first capture is the later one: new and gone are swapped.".to_owned());
    }
    if before.boot_id.is_some() && after.boot_id.is_some() && before.boot_id != after.boot_id {
        cautions.push("The host rebooted between them: services may have moved on their own.".to_owned());
    }
    let (short, long) =
        (before.duration_s().min(after.duration_s()), before.duration_s().max(after.duration_s()));
    if long > UNEVEN * short {
        cautions.push(format!(
            "One recording is much longer than the other ({} and {}) and saw more of what is rare.",
            humanize::seconds(long),
            humanize::seconds(short),
        ));
    }
    if before.import.is_some() != after.import.is_some() {
        cautions.push(
            "One is a recording and the other an import: they do not hold the same information.".to_owned(),
        );
    }
    cautions
}

/// What only one of the two could see.
fn unequal_views(before: &Metadata, after: &Metadata) -> Vec<String> {
    let mut cautions = Vec::new();
    if before.sees_between_ticks() != after.sees_between_ticks() {
        let which = if after.sees_between_ticks() { "later" } else { "earlier" };
        cautions.push(format!("Only the {which} capture includes connections that lived between two ticks."));
    }
    if before.privileges != after.privileges {
        let list = |metadata: &Metadata| {
            if metadata.privileges.is_empty() { "none".to_owned() } else { metadata.privileges.join(", ") }
        };
        cautions.push(format!(
            "The recorders had different privileges: {} before, {} after.",
            list(before),
            list(after)
        ));
    }
    let (old, new) = (statuses(before), statuses(after));
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let unequal: Vec<&str> = names.into_iter().filter(|name| old.get(name) != new.get(name)).collect();
    if !unequal.is_empty() && before.import.is_none() && after.import.is_none() {
        cautions.push(format!("Sources with different coverage: {}.", unequal.join(", ")));
    }
    cautions
}

/// The status of each source.
fn statuses(metadata: &Metadata) -> BTreeMap<&str, SourceStatus> {
    let ran = metadata.sources.iter().filter(|source| source.status != SourceStatus::Missing);
    ran.map(|source| (source.name.as_str(), source.status)).collect()
}

/// Common executables in which a change could not be detected.
fn unknown_contents(before: &Facts, after: &Facts) -> Option<String> {
    let exes = |facts: &Facts| -> BTreeSet<String> {
        facts.programs.iter().filter_map(|program| program.exe.clone()).collect()
    };
    let both: Vec<String> = exes(before).intersection(&exes(after)).cloned().collect();
    let is_known = |exe: &&String| before.hashes.contains_key(*exe) && after.hashes.contains_key(*exe);
    let unknown = both.len() - both.iter().filter(is_known).count();
    (unknown > 0).then(|| {
        format!(
            "Without a hash in one of the captures: {unknown} of {} in both; changes to them cannot be detected.",
            humanize::plural(both.len() as u64, "executable"),
        )
    })
}
