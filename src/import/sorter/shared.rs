//! What many rows have in common: names, owners and applications, each once.

use std::io;
use std::sync::Arc;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

use crate::capture::{Application, Owner, Row};

/// The keys of a row's name, owner and application, from 1; 0 for none.
pub(super) type Keys = [u32; 3];

/// The names, owners and applications of some rows.
#[derive(Default)]
pub(super) struct Shared {
    names: Each<str>,
    owners: Each<Owner>,
    applications: Each<Application>,
}

/// The same as it is written.
#[derive(Serialize, Deserialize)]
struct Stored {
    names: Vec<String>,
    owners: Vec<Owner>,
    applications: Vec<Application>,
}

impl Shared {
    /// The keys of a row.
    pub(super) fn keys(&mut self, row: &Row) -> Keys {
        [
            self.names.key(row.remote_name.as_ref()),
            self.owners.key(row.owner.as_ref()),
            self.applications.key(row.application.as_ref()),
        ]
    }

    /// The keys of what has these keys elsewhere.
    pub(super) fn keys_of(&mut self, other: &Self, [name, owner, application]: Keys) -> Keys {
        [
            self.names.key(other.names.get(name)),
            self.owners.key(other.owners.get(owner)),
            self.applications.key(other.applications.get(application)),
        ]
    }

    /// Gives a row what has its keys.
    pub(super) fn give(&self, row: &mut Row, [name, owner, application]: Keys) {
        row.remote_name = self.names.get(name).cloned();
        row.owner = self.owners.get(owner).cloned();
        row.application = self.applications.get(application).cloned();
    }

    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let stored = Stored {
            names: self.names.items.iter().map(|name| name.as_ref().to_owned()).collect(),
            owners: self.owners.items.iter().map(|owner| owner.as_ref().clone()).collect(),
            applications: self.applications.items.iter().map(|known| known.as_ref().clone()).collect(),
        };
        postcard::to_stdvec(&stored).map_err(io::Error::other)
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> io::Result<Self> {
        let Stored { names, owners, applications } = postcard::from_bytes(bytes).map_err(io::Error::other)?;
        Ok(Self { names: Each::of(names), owners: Each::of(owners), applications: Each::of(applications) })
    }
}

/// Values that are told apart by where they are in memory.
struct Each<T: ?Sized> {
    items: Vec<Arc<T>>,
    /// By address, which nothing else can have while the item is kept.
    keys: AHashMap<usize, u32>,
}

impl<T: ?Sized> Default for Each<T> {
    fn default() -> Self {
        Self { items: Vec::new(), keys: AHashMap::new() }
    }
}

impl<T: ?Sized> Each<T> {
    fn of(items: Vec<impl Into<Arc<T>>>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), keys: AHashMap::new() }
    }

    fn key(&mut self, item: Option<&Arc<T>>) -> u32 {
        let Some(item) = item else { return 0 };
        *self.keys.entry(Arc::as_ptr(item).cast::<()>() as usize).or_insert_with(|| {
            self.items.push(Arc::clone(item));
            self.items.len() as u32
        })
    }

    fn get(&self, key: u32) -> Option<&Arc<T>> {
        self.items.get(key.checked_sub(1)? as usize)
    }
}
