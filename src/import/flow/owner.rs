//! Who owns a flow, where a capture of packets names processes, users or apps.

use std::sync::Arc;

use crate::capture::{Owner, OwnerSource};

/// Who owns a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameOwner {
    /// The process, user or app.
    pub owner: Arc<Owner>,
    /// Whether the host that captured sent the frame, and did not receive it; none if it is not said.
    pub is_outgoing: Option<bool>,
}

/// What is known of the owners of a flow.
#[derive(Debug, Clone, Default)]
pub(super) struct FlowOwner {
    /// Who owns the originator's end.
    of_originator: Option<Arc<Owner>>,
    /// Whether an owner of the responder's end was named.
    is_of_responder: bool,
}

/// Of which end of a flow the owner is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownEnd {
    Neither,
    Originator,
    Responder,
}

impl FlowOwner {
    /// Notes the owner of a frame. Where it is not said whether the frame was sent or received, the
    /// owner is that of the end that opened the flow.
    pub(super) fn note(&mut self, found: &FrameOwner, is_from_originator: bool) {
        if found.is_outgoing.is_none_or(|is_outgoing| is_outgoing == is_from_originator) {
            self.of_originator.get_or_insert_with(|| Arc::clone(&found.owner));
        } else {
            self.is_of_responder = true;
        }
    }

    pub(super) fn known_end(&self) -> KnownEnd {
        match (&self.of_originator, self.is_of_responder) {
            (Some(_), _) => KnownEnd::Originator,
            (None, true) => KnownEnd::Responder,
            (None, false) => KnownEnd::Neither,
        }
    }

    /// The owner of the originator's end, and how it is known.
    pub(super) fn cells(&self) -> (Option<Arc<Owner>>, Option<OwnerSource>) {
        // A user alone is no process.
        let has_process = |owner: &Arc<Owner>| owner.pid.is_some() || owner.process_name.is_some();
        let source = self.of_originator.as_ref().filter(|owner| has_process(owner));
        (self.of_originator.clone(), source.map(|_| OwnerSource::Import))
    }
}
