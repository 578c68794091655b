//! The display names of hosts, and the commands that show a moment on them.

use std::collections::BTreeMap;

use super::super::hosts::Capture;
use super::super::names::Name;
use super::super::reduce::Reduced;
use crate::{escape, humanize};

/// Characters of an id that distinguish hosts of the same name.
const SHOWN_ID: usize = 8;

/// The names of hosts by id.
pub(super) struct Labels<'a> {
    reduced: &'a Reduced,
    labels: BTreeMap<&'a str, String>,
}

impl<'a> Labels<'a> {
    pub(super) fn new(reduced: &'a Reduced) -> Self {
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for capture in &reduced.fleet.hosts.captures {
            if let (Some(id), Some(name)) = (&capture.host_id, &capture.name) {
                names.entry(id).or_insert(name);
            }
        }
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for name in names.values() {
            *uses.entry(name).or_insert(0) += 1;
        }
        let label = |(id, name): (&&'a str, &&str)| {
            let is_alone = uses.get(name).is_none_or(|uses| *uses == 1);
            let short: String = id.chars().take(SHOWN_ID).collect();
            (*id, if is_alone { (*name).to_owned() } else { format!("{name} ({short})") })
        };
        Self { reduced, labels: names.iter().map(label).collect() }
    }

    /// The name of a host, or its id if its captures have no name.
    pub(super) fn of_id(&self, id: &str) -> String {
        self.labels.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    pub(super) fn host(&self, host: Name) -> String {
        self.of_id(self.text(host))
    }

    pub(super) fn hosts(&self, hosts: &[Name]) -> Vec<String> {
        hosts.iter().take(super::MOST_NAMED).map(|host| self.host(*host)).collect()
    }

    pub(super) fn text(&self, name: Name) -> &'a str {
        self.reduced.fleet.names.get(name)
    }

    /// The command that shows a moment of a host; the moment is on the common clock.
    pub(super) fn command(&self, host: Name, us: i64) -> Option<String> {
        let us = us.saturating_add(self.reduced.clocks.ahead(host));
        let Capture { path, .. } = self.reduced.fleet.hosts.capture_at(self.text(host), us)?;
        Some(format!("netrec replay {} --at {}", escape::shell_path(path.as_ref()), humanize::iso_utc(us)?))
    }
}
