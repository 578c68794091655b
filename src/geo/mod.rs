//! Where an address is, from databases on this machine. No look-up leaves it.

/// What a database says of an address.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// ISO 3166-1 alpha-2 code.
    pub country_code: Option<String>,
    /// English name of the country.
    pub country: Option<String>,
    /// English name of the city.
    pub city: Option<String>,
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Who runs the autonomous system.
    pub as_organization: Option<String>,
}

/// The databases of one analysis: those that were named, then those found, then the built-in.
#[derive(Debug, Default)]
pub struct Databases {}

/// Which database was used, and what its licence asks to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Name of the database.
    pub name: String,
    /// Day on which it was made, `YYYY-MM-DD`.
    pub date: String,
    /// Attribution, in a sentence.
    pub attribution: String,
    /// Link that the attribution must carry.
    pub url: Option<String>,
}

impl Databases {
    /// Opens the databases that were named, then those in the usual places, then the built-in.
    ///
    /// # Errors
    /// [`crate::Error::Io`] or [`crate::Error::Geo`] for a named file that cannot be used.
    pub fn open(_named: &[std::path::PathBuf]) -> crate::Result<Self> {
        Ok(Self {})
    }

    /// Where an address is; none for an address that is not public or not known.
    pub fn lookup(&self, _addr: std::net::IpAddr) -> Option<Place> {
        None
    }

    /// The databases in use, in the order in which they are asked.
    pub fn sources(&self) -> Vec<SourceInfo> {
        Vec::new()
    }
}
