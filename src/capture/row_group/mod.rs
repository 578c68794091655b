//! Rows on their way to disk: stored compactly, then sorted and turned into columns, one at a time.

mod chunk;
mod columns;
mod delta;
mod encode;
mod hybrid;
mod rows;
mod texts;
mod tick;

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

pub(super) use self::delta::{put_number, zigzag};
pub(super) use self::encode::schema;
use self::rows::Rows;
use self::texts::{Text, Texts};
pub(super) use self::tick::{Absorbed, TickRows};
use super::application::Application;
use super::query::Query;
use super::row::{Counters, Kind, Owner, OwnerSource, Protocol, Row, TcpState};

/// Rows of one row group. Strings and owners are stored once and dropped with the group, so that
/// memory is bounded however many names a long recording sees.
#[derive(Default)]
pub(super) struct RowGroup {
    rows: Rows,
    texts: Texts,
    owners: Vec<Arc<Owner>>,
    owner_keys: AHashMap<usize, u32>,
    owner_texts: Vec<[Option<i32>; OWNER_TEXTS]>,
    /// Applications of rows, by their addresses: the group holds them, so that none is used again.
    applications: AHashMap<usize, (Arc<Application>, ApplicationKeys)>,
    /// The first row that came after the last finished tick.
    tick_start: usize,
    /// Number of finished ticks.
    ticks: u32,
    /// The reference tick for later ones in the journal.
    base: Option<tick::Base>,
}

/// The text columns of an owner, in the order of `owner_texts`.
const OWNER_TEXTS: usize = 7;

/// A row with every string replaced by its key.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PackedRow {
    ts_us: i64,
    mono_ns: i64,
    conn_id: u64,
    netns: Option<u64>,
    counters: Counters,
    memory_rss_bytes: Option<u64>,
    query: QueryKeys,
    application: ApplicationKeys,
    local_addr: i32,
    remote_addr: Option<i32>,
    remote_name: Option<i32>,
    owner: Option<u32>,
    cpu_percent: Option<f32>,
    tick: u32,
    local_port: u16,
    remote_port: u16,
    kind: Kind,
    protocol: Protocol,
    protocol_number: Option<u16>,
    state: Option<TcpState>,
    prev_state: Option<TcpState>,
    owner_source: Option<OwnerSource>,
}

/// The keys of a DNS query's texts; none in a row of another kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct QueryKeys {
    name: Option<i32>,
    query_type: Option<i32>,
    response_code: Option<i32>,
    answers: Option<i32>,
}

/// The texts of an [`Application`] by one more than their keys, in the order of its fields; 0 where there is none.
type ApplicationKeys = [u32; 5];

impl RowGroup {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn push(&mut self, row: &Row) {
        let index = self.rows.index_of(row.conn_id);
        let known = index.map(|index| *self.rows.known(index));
        let owner =
            row.owner.as_ref().map(|owner| self.owner_key(owner, known.and_then(|known| known.owner)));
        let packed = PackedRow {
            ts_us: row.ts_us,
            mono_ns: row.mono_ns,
            conn_id: row.conn_id,
            netns: row.netns,
            counters: row.counters,
            memory_rss_bytes: row.memory_rss_bytes,
            query: row.query.as_deref().map(|query| self.query_keys(query)).unwrap_or_default(),
            application: row
                .application
                .as_ref()
                .map(|known| self.application_keys(known))
                .unwrap_or_default(),
            local_addr: self.texts.addr(row.local_addr, known.map(|known| known.local_addr)),
            remote_addr: row
                .remote
                .map(|(addr, _)| self.texts.addr(addr, known.and_then(|known| known.remote_addr))),
            remote_name: row.remote_name.as_deref().map(|name| self.texts.key(name)),
            owner,
            cpu_percent: row.cpu_percent,
            tick: row.tick,
            local_port: row.local_port,
            remote_port: row.remote.map_or(0, |(_, port)| port),
            kind: row.kind,
            protocol: row.protocol,
            protocol_number: row.protocol_number,
            state: row.state,
            prev_state: row.prev_state,
            owner_source: row.owner_source,
        };
        self.rows.push(&packed, index);
    }

    /// The rows, as they were pushed.
    pub(super) fn unpacked(&self) -> Vec<Row> {
        let addrs: Vec<Option<IpAddr>> = self.texts.list.iter().map(Text::addr).collect();
        self.rows.iter().filter_map(|row| self.unpacked_row(&row, &addrs)).collect()
    }

    /// `addrs` are the texts parsed as addresses, where they are one.
    fn unpacked_row(&self, row: &PackedRow, addrs: &[Option<IpAddr>]) -> Option<Row> {
        let addr = |key: i32| addrs.get(usize::try_from(key).ok()?).copied().flatten();
        let text = |key: i32| self.texts.list.get(usize::try_from(key).ok()?)?.name();
        let local = (addr(row.local_addr)?, row.local_port);
        let owned = |key: Option<i32>| Some(text(key?)?.as_ref().to_owned());
        let query = row.query.name.and_then(text).map(|name| Query {
            name: name.as_ref().to_owned(),
            query_type: owned(row.query.query_type),
            response_code: owned(row.query.response_code),
            answers: owned(row.query.answers),
        });
        let [protocol, ja3, ja4, tls_subject, tls_issuer] =
            row.application.map(|key| owned(key.checked_sub(1).map(|key| key as i32)));
        let application =
            Application { protocol: protocol.map(Into::into), ja3, ja4, tls_subject, tls_issuer };
        let application = (!application.is_empty()).then_some(application);
        Some(Row {
            ts_us: row.ts_us,
            mono_ns: row.mono_ns,
            tick: row.tick,
            kind: row.kind,
            protocol_number: row.protocol_number,
            remote: row.remote_addr.and_then(addr).map(|addr| (addr, row.remote_port)),
            remote_name: row.remote_name.and_then(text),
            netns: row.netns,
            state: row.state,
            prev_state: row.prev_state,
            counters: row.counters,
            owner: row.owner.and_then(|key| self.owners.get(key as usize)).map(Arc::clone),
            owner_source: row.owner_source,
            cpu_percent: row.cpu_percent,
            memory_rss_bytes: row.memory_rss_bytes,
            query: query.map(Arc::new),
            application: application.map(Arc::new),
            ..Row::snapshot(row.conn_id, row.protocol, local)
        })
    }

    fn query_keys(&mut self, query: &Query) -> QueryKeys {
        let mut key = |text: &Option<String>| text.as_deref().map(|text| self.texts.key(text));
        QueryKeys {
            query_type: key(&query.query_type),
            response_code: key(&query.response_code),
            answers: key(&query.answers),
            name: Some(self.texts.key(&query.name)),
        }
    }

    fn application_keys(&mut self, application: &Arc<Application>) -> ApplicationKeys {
        let address = Arc::as_ptr(application) as usize;
        if let Some((_, keys)) = self.applications.get(&address) {
            return *keys;
        }
        let Application { protocol, ja3, ja4, tls_subject, tls_issuer } = application.as_ref();
        let texts = [
            protocol.as_deref(),
            ja3.as_deref(),
            ja4.as_deref(),
            tls_subject.as_deref(),
            tls_issuer.as_deref(),
        ];
        let keys = texts.map(|text| text.map_or(0, |text| self.texts.key(text) as u32 + 1));
        self.applications.insert(address, (Arc::clone(application), keys));
        keys
    }

    /// The key of an owner, which most likely is the expected one.
    fn owner_key(&mut self, owner: &Arc<Owner>, expected: Option<u32>) -> u32 {
        if let Some(key) = expected.filter(|key| Arc::ptr_eq(&self.owners[*key as usize], owner)) {
            return key;
        }
        // The group holds the `Arc`, so the address cannot be reused while the key is in use.
        let address = Arc::as_ptr(owner) as usize;
        if let Some(key) = self.owner_keys.get(&address) {
            return *key;
        }
        let texts = [
            &owner.process_name,
            &owner.exe,
            &owner.cmdline,
            &owner.username,
            &owner.parent_name,
            &owner.container,
            &owner.exe_sha256,
        ]
        .map(|text| text.as_deref().map(|text| self.texts.key(text)));
        let key = self.owners.len() as u32;
        self.owners.push(Arc::clone(owner));
        self.owner_texts.push(texts);
        self.owner_keys.insert(address, key);
        key
    }
}
