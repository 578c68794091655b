//! What a packet's payload says: pure functions over byte slices, for the recorder, which sees
//! packets pass by, and for the importer of packet captures.
//!
//! Every byte is chosen by a stranger. No parser allocates more than a small multiple of what it
//! was handed, and the names that come out hold nothing but printable ASCII; those of certificates
//! may be any text.

pub mod app_protocol;
pub mod certificate;
pub mod dns;
pub mod dns_message;
pub mod fingerprint;
pub mod packet;
pub mod rpc;
pub mod tls;
