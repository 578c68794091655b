//! Who owns the packets of a capture: what lies around the frames as one value for each owner.

use std::sync::Arc;

use ahash::AHashMap;

use super::frames::Frame;
use crate::capture::Owner;
use crate::import::flow::FrameOwner;
use crate::wire::packet::PacketOwner;

/// Owners that are kept as one value; with more, all are let go of.
const MOST_OWNERS: usize = 100_000;

/// What tells owners apart: process, user, name.
type Key = (Option<u32>, Option<u32>, Vec<u8>);

/// The owners so far.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: AHashMap<Key, Arc<Owner>>,
}

impl Owners {
    /// The owner of a frame: as the file says it beside the frame, else as the frame itself does.
    pub(super) fn find(&mut self, frame: &Frame<'_>, beside: Option<FrameOwner>) -> Option<FrameOwner> {
        beside.or_else(|| {
            let found = frame.link.owner(frame.data)?;
            let is_outgoing = found.is_outgoing;
            Some(FrameOwner { owner: self.shared(found)?, is_outgoing })
        })
    }

    fn shared(&mut self, found: PacketOwner<'_>) -> Option<Arc<Owner>> {
        let PacketOwner { pid, uid, name, .. } = found;
        if pid.is_none() && uid.is_none() && name.is_empty() {
            return None;
        }
        let key = (pid, uid, name.to_vec());
        if let Some(known) = self.known.get(&key) {
            return Some(Arc::clone(known));
        }
        if self.known.len() >= MOST_OWNERS {
            self.known.clear();
        }
        let process_name = Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty());
        let owner = Arc::new(Owner { pid, uid, process_name, ..Owner::default() });
        self.known.insert(key, Arc::clone(&owner));
        Some(owner)
    }
}
