//! The remote addresses at a moment, with the processes connected to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Line, add, process_name};
use crate::geo::Databases;
use crate::humanize;
use crate::model::records::Scope;
use crate::model::scope::scope;

/// A remote address, as shown.
#[derive(Debug, Clone, PartialEq)]
pub struct DestinationLine {
    /// The address.
    pub addr: IpAddr,
    /// A name that was resolved to it.
    pub name: Option<String>,
    /// Its country, or why it has none.
    pub place: String,
    /// Its connections, by `conn_id`.
    pub conn_ids: Vec<u64>,
    /// Names of the processes connected to it.
    pub processes: BTreeSet<String>,
    /// Sums over its connections; `None` if nothing is counted.
    pub sent_per_s: Option<f64>,
    /// The same for received bytes.
    pub received_per_s: Option<f64>,
}

/// Looks up where an address is.
#[derive(Clone)]
pub struct Geolocator(Arc<dyn Fn(IpAddr) -> String>);

impl Geolocator {
    /// From a function that returns a country, or why there is none.
    pub fn new(place: impl Fn(IpAddr) -> String + 'static) -> Self {
        Self(Arc::new(place))
    }
}

impl Geolocator {
    /// Countries of public addresses from local databases; for other addresses, why they have none.
    pub fn countries(geo: Arc<Databases>) -> Self {
        Self::new(move |addr| match scope(addr) {
            Scope::Public => {
                let country = geo.lookup(addr).and_then(|place| place.country_code);
                country.unwrap_or_else(|| humanize::UNKNOWN.to_owned())
            }
            other => other.as_str().to_owned(),
        })
    }
}

impl Default for Geolocator {
    fn default() -> Self {
        Self::new(|_| humanize::UNKNOWN.to_owned())
    }
}

impl fmt::Debug for Geolocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Geolocator")
    }
}

/// The remote addresses of these connections, those with the most connections first.
pub fn destinations(lines: &[Line], geolocator: &Geolocator) -> Vec<DestinationLine> {
    let mut found: BTreeMap<IpAddr, DestinationLine> = BTreeMap::new();
    for line in lines {
        let Some((addr, _)) = line.row.remote else { continue };
        let destination = found.entry(addr).or_insert_with(|| DestinationLine {
            addr,
            name: None,
            place: (geolocator.0)(addr),
            conn_ids: Vec::new(),
            processes: BTreeSet::new(),
            sent_per_s: None,
            received_per_s: None,
        });
        destination.conn_ids.push(line.row.conn_id);
        destination.name =
            destination.name.take().or_else(|| line.row.remote_name.as_deref().map(str::to_owned));
        destination.processes.extend(process_name(&line.row).map(str::to_owned));
        add(&mut destination.sent_per_s, line.sent_per_s);
        add(&mut destination.received_per_s, line.received_per_s);
    }
    let mut all: Vec<DestinationLine> = found.into_values().collect();
    all.sort_by_key(|line| std::cmp::Reverse(line.conn_ids.len()));
    all
}
