//! Owners that many sockets have, each as one value.

use std::sync::Arc;

use ahash::AHashSet;

use crate::capture::Owner;

/// Owners that are kept; with more, all are let go of, and those that come again are further values.
const MOST_OWNERS: usize = 100_000;

/// The owners so far.
#[derive(Debug, Default)]
pub(super) struct SharedOwners(AHashSet<Arc<Owner>>);

impl SharedOwners {
    /// The same owner as the same value, so that it is written once.
    pub(super) fn share(&mut self, owner: Owner) -> Arc<Owner> {
        if let Some(known) = self.0.get(&owner) {
            return Arc::clone(known);
        }
        if self.0.len() >= MOST_OWNERS {
            self.0.clear();
        }
        let shared = Arc::new(owner);
        self.0.insert(Arc::clone(&shared));
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_one_value_and_another_is_another() {
        let mut owners = SharedOwners::default();
        let mut share = |pid| owners.share(Owner { pid: Some(pid), ..Owner::default() });
        let (first, other, again) = (share(1), share(2), share(1));
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
        assert_eq!(other.pid, Some(2));
    }
}
