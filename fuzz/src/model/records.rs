//! As the records of the model have it, without the tables around it.

/// What kind of address a remote has (IANA special-purpose registries, RFC 6890).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the registry's")]
pub enum Scope {
    Loopback,
    LinkLocal,
    Private,
    SharedNat,
    Multicast,
    Broadcast,
    Documentation,
    Unspecified,
    Reserved,
    Public,
}
