//! The listening processes, for connections whose owner is not known otherwise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ahash::AHashMap;

use super::identity::{Attribution, Identity};
use crate::capture::OwnerSource;

/// An address and a port.
pub(super) type Local = (IpAddr, u16);

/// Number of ticks after which a listener that is no longer seen is forgotten.
const MEMORY_TICKS: u32 = 2;

/// A listening process.
struct Listener {
    /// Inode of the network namespace, if that is known.
    netns: Option<u64>,
    identity: Arc<Identity>,
    noted_at: u32,
}

/// The listening sockets of the host.
#[derive(Default)]
pub(super) struct Listeners {
    by_local: AHashMap<Local, Vec<Listener>>,
    tick: u32,
}

impl Listeners {
    /// Notes a process that was seen listening.
    pub(super) fn note(&mut self, netns: Option<u64>, local: Local, identity: &Arc<Identity>) {
        let tick = self.tick;
        let listeners = self.by_local.entry(local).or_default();
        let pid = identity.pid();
        let known = listeners.iter_mut().find(|listener| {
            let is_same_place = netns.is_none() || listener.netns.is_none() || listener.netns == netns;
            is_same_place && listener.identity.pid() == pid
        });
        match known {
            Some(listener) => {
                listener.netns = listener.netns.or(netns);
                listener.noted_at = tick;
            }
            None => listeners.push(Listener { netns, identity: Arc::clone(identity), noted_at: tick }),
        }
    }

    /// Forgets a listening socket that closed; the next snapshot lists those that remain.
    pub(super) fn forget(&mut self, netns: Option<u64>, local: Local) {
        if let Some(listeners) = self.by_local.get_mut(&local) {
            listeners.retain(|listener| netns.is_some() && listener.netns != netns);
        }
    }

    /// Ends a snapshot.
    pub(super) fn end_tick(&mut self) {
        self.tick += 1;
        let tick = self.tick;
        self.by_local.retain(|_, listeners| {
            listeners.retain(|listener| listener.noted_at + MEMORY_TICKS > tick);
            !listeners.is_empty()
        });
    }

    /// The process that listens for connections to an address; `None` if several may.
    pub(super) fn owner(&self, netns: Option<u64>, (addr, port): Local) -> Option<Attribution> {
        let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let of = |addr: IpAddr| {
            let listeners = self.by_local.get(&(addr, port)).into_iter().flatten();
            listeners.filter(move |listener| {
                netns.is_none() || listener.netns.is_none() || listener.netns == netns
            })
        };
        let own: Vec<&Listener> = of(addr).collect();
        // In the same namespace, a listener on the address itself takes precedence. If the
        // namespace is unknown, the connection may be in any.
        let candidates: Vec<&Listener> = if own.is_empty() || netns.is_none() {
            any.into_iter().flat_map(of).chain(own).collect()
        } else {
            own
        };
        let first = candidates.first()?;
        let pid = first.identity.pid();
        let is_the_only = candidates.iter().all(|other| other.identity.pid() == pid);
        is_the_only.then(|| Attribution::new(&first.identity, OwnerSource::Listener))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Owner;

    fn process(pid: u32) -> Arc<Identity> {
        Arc::new(Identity::new(Arc::new(Owner { pid: Some(pid), ..Owner::default() }), None))
    }

    fn local(addr: [u8; 4]) -> Local {
        (IpAddr::from(addr), 80)
    }

    fn pid(listeners: &Listeners, netns: Option<u64>, addr: [u8; 4]) -> Option<u32> {
        listeners.owner(netns, local(addr))?.identity.pid()
    }

    #[test]
    fn a_container_does_not_answer_for_the_host() {
        let mut listeners = Listeners::default();
        listeners.note(Some(1), local([0, 0, 0, 0]), &process(10));
        listeners.note(Some(2), local([127, 0, 0, 1]), &process(20));
        assert_eq!(pid(&listeners, Some(1), [127, 0, 0, 1]), Some(10));
        assert_eq!(pid(&listeners, Some(2), [127, 0, 0, 1]), Some(20));
        assert_eq!(pid(&listeners, Some(2), [10, 0, 0, 1]), None);
        assert_eq!(pid(&listeners, None, [127, 0, 0, 1]), None, "either may");
        assert_eq!(pid(&listeners, None, [10, 0, 0, 1]), Some(10));
    }

    #[test]
    fn of_several_that_share_a_port_none_is_named() {
        let mut listeners = Listeners::default();
        listeners.note(Some(1), local([0, 0, 0, 0]), &process(10));
        listeners.note(Some(1), local([0, 0, 0, 0]), &process(11));
        assert_eq!(pid(&listeners, Some(1), [127, 0, 0, 1]), None);
        listeners.note(Some(1), local([127, 0, 0, 1]), &process(12));
        assert_eq!(pid(&listeners, Some(1), [127, 0, 0, 1]), Some(12), "the address itself comes first");
    }

    #[test]
    fn a_listener_of_which_nothing_is_seen_any_more_is_forgotten() {
        let mut listeners = Listeners::default();
        listeners.note(None, local([0, 0, 0, 0]), &process(10));
        listeners.note(Some(1), local([0, 0, 0, 0]), &process(10));
        listeners.end_tick();
        assert_eq!(pid(&listeners, Some(1), [127, 0, 0, 1]), Some(10));
        listeners.end_tick();
        assert_eq!(pid(&listeners, Some(1), [127, 0, 0, 1]), None);
        listeners.note(Some(1), local([0, 0, 0, 0]), &process(10));
        listeners.forget(Some(1), local([0, 0, 0, 0]));
        assert_eq!(pid(&listeners, Some(1), [127, 0, 0, 1]), None);
    }
}
