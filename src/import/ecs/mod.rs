//! Events in the Elastic Common Schema: what Packetbeat, Auditbeat, Filebeat's modules for Zeek and other
//! sensors, Elastic Defend, Malcolm and Arkime store, as exports of their index have it.
//!
//! A connection is an event with two ends that tells of a flow: what is known of its process comes with
//! it. Reports of a flow that goes on are cumulative, so that the last one counts. Other events of the
//! network (DNS, TLS, HTTP) name the remotes. Suricata's events keep their own importer, also where
//! Filebeat has renamed a part of them. Source: Elastic, "ECS Field Reference", and the field
//! references of the programs named.

mod event;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use ahash::AHashMap;

use self::event::{Event, Kind};
use super::log::{FlowRecord, Sink as _};
use super::names::End;
use super::owners::SharedOwners;
use super::records::{self, Record};
use super::{Begin, FileReport, Importer, Input, Output, plural};
use crate::Result;
use crate::capture::{Example, Owner, SourceStatus, UnusedReason};

/// See the [module's documentation](self).
pub const IMPORTER: Importer = Importer {
    id: "ecs",
    title: "events in the Elastic Common Schema (JSON)",
    needs: "Connections come from events of flows: Packetbeat's flows, Auditbeat's socket dataset, Zeek's conn \
        or Elastic Defend's network events.",
    recognises,
    import,
};

/// Lines that are looked at to tell what a file is.
const MOST_LINES: usize = 20;

/// Flows that wait for their last report; with more, all are handed over.
const MOST_WAITING: usize = 300_000;

/// Hosts that are counted.
const MOST_HOSTS: usize = 10_000;

fn recognises(begin: &Begin) -> bool {
    begin
        .lines()
        .filter(|line| line.trim_ascii_start().starts_with(b"{"))
        .take(MOST_LINES)
        .any(|line| Event::parse(line).is_some_and(|event| event.is_of_schema()))
}

fn import(inputs: &[Input], output: &mut Output<'_>) -> Result<()> {
    let mut events = Events::default();
    for input in inputs {
        records::read_file(input, output, "event", |record, account, output| {
            match Event::parse(record.line) {
                Some(event) => events.take(&event, record, account, output)?,
                None if record.is_whole => account.stats.unreadable_line(record.number, record.line),
                None => account.is_cut_short = true,
            }
            Ok(())
        })?;
    }
    events.hand_over(output)?;
    events.say(output);
    Ok(())
}

/// A flow, and who opened it.
type Owned = (FlowRecord, Option<Arc<Owner>>);

/// What a flow is called, and its ends, the smaller first.
type FlowKey = (Vec<u8>, [End; 2]);

/// The events of all files.
#[derive(Default)]
struct Events {
    /// Flows with a name of their own, by that and their ends.
    waiting: AHashMap<FlowKey, Owned>,
    owners: SharedOwners,
    hosts: BTreeSet<String>,
    owned: u64,
    owned_by_responder: u64,
    without_zone: u64,
}

impl Events {
    fn take(
        &mut self,
        event: &Event,
        Record { number, line, .. }: Record<'_>,
        account: &mut FileReport,
        output: &mut Output<'_>,
    ) -> Result<()> {
        let example = || Example::of_line(number, line);
        event.note_names(output.names());
        match event.kind() {
            Kind::Connection => {}
            Kind::Other(kind) => {
                account.stats.skip(UnusedReason::NoConnection, &kind, example);
                return Ok(());
            }
        }
        let Some(connection) = event.connection() else {
            account.stats.unreadable_line(number, line);
            return Ok(());
        };
        account.stats.use_one();
        self.without_zone += u64::from(event.is_without_zone());
        if self.hosts.len() < MOST_HOSTS {
            self.hosts.extend(event.host());
        }
        let owner = self.owner(event);
        self.add(connection, owner, output)
    }

    /// The owner of the end that opened the flow, as one value for all events that name it.
    fn owner(&mut self, event: &Event) -> Option<Arc<Owner>> {
        let owner = event.owner()?;
        if event.is_accepted() {
            self.owned_by_responder += 1;
            return None;
        }
        self.owned += 1;
        Some(self.owners.share(owner))
    }

    /// Keeps a flow that has a name until all of its reports have come.
    fn add(
        &mut self,
        connection: FlowRecord,
        owner: Option<Arc<Owner>>,
        output: &mut Output<'_>,
    ) -> Result<()> {
        if connection.uid.is_empty() {
            return output.owned_connection(&connection, owner.as_ref());
        }
        if self.waiting.len() >= MOST_WAITING {
            self.hand_over(output)?;
        }
        let (a, b) = (connection.originator, connection.responder);
        let key = (connection.uid.clone(), [a.min(b), a.max(b)]);
        match self.waiting.get_mut(&key) {
            Some((known, known_owner)) => {
                event::join(known, &connection);
                *known_owner = known_owner.take().or(owner);
            }
            None => {
                self.waiting.insert(key, (connection, owner));
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, output: &mut Output<'_>) -> Result<()> {
        let mut flows: Vec<Owned> = self.waiting.drain().map(|(_, flow)| flow).collect();
        flows.sort_by(|(a, _), (b, _)| {
            (a.start_us, &a.uid, a.originator).cmp(&(b.start_us, &b.uid, b.originator))
        });
        flows.iter().try_for_each(|(flow, owner)| output.owned_connection(flow, owner.as_ref()))
    }

    fn say(&self, output: &mut Output<'_>) {
        let detail = "bytes are those that the program counts, with packet headers in most of them";
        output.source("byte-counts", SourceStatus::Partial, detail);
        if self.owned > 0 {
            let detail = format!("named by {}", plural(self.owned, "event"));
            output.source("owners", SourceStatus::Ran, detail);
        }
        if self.owned_by_responder > 0 {
            let detail = format!(
                "{} of accepted connections name the process that accepted: it is not kept, as a connection \
                 is shown from the side of its originator",
                plural(self.owned_by_responder, "event")
            );
            output.source("owners-of-accepted-connections", SourceStatus::Partial, detail);
        }
        output.times_read_as_utc(self.without_zone);
        if self.hosts.len() > 1 && self.owned > 0 {
            let detail = format!("the events come from {} hosts, which are treated as one", self.hosts.len());
            output.source("hosts", SourceStatus::Partial, detail);
        }
    }
}
