//! Addresses: each text is parsed once, and each remote gets a record.

use std::net::IpAddr;

use super::batch::Reason;
use crate::model::records::{EndpointId, TextId, Texts};

/// Every address so far.
#[derive(Default)]
pub(super) struct Addresses {
    /// By text.
    parsed: Vec<Option<IpAddr>>,
    endpoints: Vec<TextId>,
    /// By text.
    endpoint_ids: Vec<Option<EndpointId>>,
}

impl Addresses {
    /// The address that a text means.
    pub(super) fn parse(&mut self, text: TextId, texts: &Texts) -> Result<IpAddr, Reason> {
        if let Some(addr) = self.known(text) {
            return Ok(addr);
        }
        let words = texts.get(text);
        let addr = words.parse().map_err(|_| format!("{} is no address", super::cells::quote(words)))?;
        let index = text.get() as usize;
        if index >= self.parsed.len() {
            self.parsed.resize(texts.len(), None);
        }
        self.parsed[index] = Some(addr);
        Ok(addr)
    }

    /// The record of a remote address, new or known.
    pub(super) fn endpoint(&mut self, text: TextId, texts: &Texts) -> Result<EndpointId, Reason> {
        let index = text.get() as usize;
        if let Some(id) = self.endpoint_ids.get(index).copied().flatten() {
            return Ok(id);
        }
        self.parse(text, texts)?;
        let id = EndpointId::of(self.endpoints.len() as u32);
        self.endpoints.push(text);
        if index >= self.endpoint_ids.len() {
            self.endpoint_ids.resize(texts.len(), None);
        }
        self.endpoint_ids[index] = Some(id);
        Ok(id)
    }

    /// The remote addresses, each under its id.
    pub(super) fn endpoints(&self) -> &[TextId] {
        &self.endpoints
    }

    /// The address of a text that was parsed before.
    pub(super) fn known(&self, text: TextId) -> Option<IpAddr> {
        self.parsed.get(text.get() as usize).copied().flatten()
    }
}
