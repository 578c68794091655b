//! Locations of the remotes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use super::Geography;
use super::shares::{By, shares};
use super::sockets::Sockets;
use crate::Result;
use crate::model::Tables;
use crate::model::metrics::CountryDirection;
use crate::model::records::{Direction, Scope};
use crate::model::tables::EndpointColumns;

pub(super) fn geography(tables: &Tables, sockets: &Sockets<'_>) -> Result<Geography> {
    let is_public = |row: &usize| sockets.remote_scope(*row) == Some(Scope::Public);
    let public = || sockets.connections().filter(is_public);
    let located = || public().filter(|row| sockets.country_code(*row).is_some());
    let cities = EndpointColumns::of(&tables.endpoints)?;
    let city = |row: usize| {
        let name = cities.city(sockets.endpoint(row)? as usize)?;
        Some(City { name, country_code: sockets.country_code(row) })
    };
    let in_cities = public().filter(|row| city(*row).is_some());
    Ok(Geography {
        by_country: shares(sockets, located(), |row| sockets.country_code(row), By::Connections),
        by_city: shares(sockets, in_cities, city, By::Connections),
        direction_by_country: directions(sockets, located()),
        public_unknown: (public().count() - located().count()) as u64,
        not_public: sockets.connections().filter(|row| !is_public(row)).count() as u64,
    })
}

/// `London, GB`
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct City<'a> {
    name: &'a str,
    country_code: Option<&'a str>,
}

impl fmt::Display for City<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.country_code {
            Some(code) => write!(f, "{}, {code}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

fn directions(sockets: &Sockets<'_>, rows: impl Iterator<Item = usize>) -> Vec<CountryDirection> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        let direction = sockets.direction(row).map_or("unknown", Direction::as_str);
        *counts.entry((sockets.country_code(row).unwrap_or("unknown"), direction)).or_default() += 1;
    }
    let entry = |((country_code, direction), connections): ((&str, &str), u64)| CountryDirection {
        country_code: country_code.to_owned(),
        direction: direction.to_owned(),
        connections,
    };
    let mut list: Vec<CountryDirection> = counts.into_iter().map(entry).collect();
    // Stable, so that equal counts stay sorted by name.
    list.sort_by_key(|entry| Reverse(entry.connections));
    list
}
