//! Decides whether two captures have the same fact, even if it is not completely known.

use std::collections::BTreeSet;
use std::hash::Hash;

use ahash::AHashSet;

use super::v1::{Change, Destination, Listener, Parent, Program};

/// A fact that is recognized in another capture by keys: the keys that one has are looked up in the
/// other.
pub(super) trait Fact: Clone {
    type Key: Eq + Hash;

    fn left(&self) -> Vec<Self::Key>;

    fn sought(&self) -> Vec<Self::Key>;
}

/// Part of a key that may be unknown. An unknown value matches everything, so it is never reported as new.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Maybe {
    Known(String),
    Unknown,
    Anything,
}

impl Maybe {
    fn left(value: Option<&String>) -> [Self; 2] {
        [Self::of(value), Self::Anything]
    }

    fn sought(value: Option<&String>) -> Vec<Self> {
        if value.is_some() { vec![Self::of(value), Self::Unknown] } else { vec![Self::Anything] }
    }

    fn of(value: Option<&String>) -> Self {
        value.map_or(Self::Unknown, |value| Self::Known(value.clone()))
    }
}

/// The facts in one capture but not in the other, in their order.
pub(super) fn change<F: Fact>(before: &BTreeSet<F>, after: &BTreeSet<F>) -> Change<F> {
    Change { new: only_in(after, before), gone: only_in(before, after) }
}

fn only_in<F: Fact>(these: &BTreeSet<F>, others: &BTreeSet<F>) -> Vec<F> {
    let left: AHashSet<F::Key> = others.iter().flat_map(Fact::left).collect();
    let is_new = |fact: &&F| !fact.sought().iter().any(|key| left.contains(key));
    these.iter().filter(is_new).cloned().collect()
}

impl Fact for Listener {
    type Key = (String, String, u16, Maybe);

    fn left(&self) -> Vec<Self::Key> {
        Maybe::left(self.process_name.as_ref()).into_iter().map(|who| self.key(who)).collect()
    }

    fn sought(&self) -> Vec<Self::Key> {
        Maybe::sought(self.process_name.as_ref()).into_iter().map(|who| self.key(who)).collect()
    }
}

impl Listener {
    fn key(&self, who: Maybe) -> <Self as Fact>::Key {
        (self.protocol.clone(), self.local_addr.clone(), self.local_port, who)
    }
}

impl Fact for Program {
    type Key = (String, Maybe, Maybe);

    fn left(&self) -> Vec<Self::Key> {
        self.keys(&Maybe::left(self.exe.as_ref()), &Maybe::left(self.username.as_ref()))
    }

    fn sought(&self) -> Vec<Self::Key> {
        self.keys(&Maybe::sought(self.exe.as_ref()), &Maybe::sought(self.username.as_ref()))
    }
}

impl Program {
    fn keys(&self, exes: &[Maybe], users: &[Maybe]) -> Vec<<Self as Fact>::Key> {
        let of_exe = |exe: &Maybe| {
            let key = |user: &Maybe| (self.process_name.clone(), exe.clone(), user.clone());
            users.iter().map(key).collect::<Vec<_>>()
        };
        exes.iter().flat_map(of_exe).collect()
    }
}

impl Fact for Parent {
    type Key = Self;

    fn left(&self) -> Vec<Self> {
        vec![self.clone()]
    }

    fn sought(&self) -> Vec<Self> {
        vec![self.clone()]
    }
}

impl Fact for Destination {
    /// Name or address, port, protocol, actor.
    type Key = (String, u16, String, Maybe);

    fn left(&self) -> Vec<Self::Key> {
        self.keys(&Maybe::left(self.who()))
    }

    fn sought(&self) -> Vec<Self::Key> {
        self.keys(&Maybe::sought(self.who()))
    }
}

impl Destination {
    fn who(&self) -> Option<&String> {
        self.process_name.as_ref().or(self.local_addr.as_ref())
    }

    fn keys(&self, who: &[Maybe]) -> Vec<<Self as Fact>::Key> {
        let places = self.remote_addrs.iter().chain(&self.remote_name);
        let of_place = |place: &String| {
            let key = |who: &Maybe| (place.clone(), self.remote_port, self.protocol.clone(), who.clone());
            who.iter().map(key).collect::<Vec<_>>()
        };
        places.flat_map(of_place).collect()
    }
}
