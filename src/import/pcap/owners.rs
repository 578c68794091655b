//! Who owns the packets of a capture: what lies around the frames as one value for each owner.

use std::sync::Arc;

use super::frames::Frame;
use crate::capture::Owner;
use crate::import::flow::FrameOwner;
use crate::import::owners::SharedOwners;
use crate::wire::packet::PacketOwner;

/// The owners so far.
#[derive(Debug, Default)]
pub(super) struct Owners(SharedOwners);

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
        let process_name = Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty());
        Some(self.0.share(Owner { pid, uid, process_name, ..Owner::default() }))
    }
}
