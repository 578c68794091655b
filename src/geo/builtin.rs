//! The built-in database: countries, by DB-IP.

use super::database::Database;
use crate::Result;

/// Opens the built-in database; `None` if the program was built without it.
///
/// # Errors
/// [`crate::Error::Geo`] if it cannot be read: a broken build.
#[cfg(not(feature = "geoip-builtin"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature there is something to go wrong")]
pub(super) fn open() -> Result<Option<Database>> {
    Ok(None)
}

/// Opens the built-in database; `None` if the program was built without it.
///
/// # Errors
/// [`crate::Error::Geo`] if it cannot be read: a broken build.
#[cfg(feature = "geoip-builtin")]
pub(super) fn open() -> Result<Option<Database>> {
    use super::{SourceInfo, unusable};

    /// See `data/SOURCE.md`. Stored uncompressed, so that of its 8 MB only the pages needed for a
    /// lookup are loaded into memory; decompressing it took 25 ms of every start.
    const BYTES: &[u8] = include_bytes!("data/dbip-country.mmdb");
    const NAME: &str = "dbip-country.mmdb";

    let unusable = |reason: String| unusable(std::path::Path::new(NAME), reason);
    let mut database = Database::new(BYTES.into(), NAME).map_err(unusable)?;
    let date = database.info().date.clone();
    database.describe(SourceInfo {
        name: "DB-IP Lite country (built in)".to_owned(),
        date,
        attribution: super::database::DB_IP_ATTRIBUTION.to_owned(),
        url: Some(super::database::DB_IP_URL.to_owned()),
    });
    Ok(Some(database))
}
