//! The table of remote addresses.

use super::cell::Text;
use super::declare::table;
use crate::model::records::Scope;

table! {
    /// The table of remote addresses, column by column.
    EndpointColumns of
    /// A remote address, with sums over its connections. Rows lie by address.
    EndpointRow<T> {
        /// Its row.
        endpoint: u32,
        /// The address.
        remote_addr: Text,
        /// What kind of address it is.
        remote_scope: Scope,
        /// ISO 3166-1 alpha-2 code, of a public address that a database knows.
        country_code: Text or null,
        /// English name of the country.
        country: Text or null,
        /// English name of the city.
        city: Text or null,
        /// Autonomous system number.
        asn: u32 or null,
        /// Who runs the autonomous system.
        as_organization: Text or null,
        /// Connections.
        connections: u32,
        /// Different processes.
        processes: u32,
        /// Payload bytes sent during the recording, where counted.
        bytes_sent: u64,
        /// Payload bytes received during the recording, where counted.
        bytes_received: u64,
        /// First row of its connections, µs since the Unix epoch.
        first_seen_us: i64 or null,
        /// Last row of its connections, µs since the Unix epoch.
        last_seen_us: i64 or null,
    }
}
