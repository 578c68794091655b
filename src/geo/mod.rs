//! Looks up where an address is, in databases on this machine. No query leaves it.
//!
//! Databases are searched in this order: those that were given, those found in the usual folders,
//! the built-in one. Each field of the result comes from the first database that has it, so that a
//! network database and a country database complement each other.

mod builtin;
mod database;
mod files;
mod names;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use self::database::Database;
pub use self::names::country_name;
use crate::{Error, Result};

/// Folders in which packages and update programs install databases.
const USUAL_FOLDERS: &[&str] = &["/usr/share/GeoIP", "/var/lib/GeoIP"];

/// What a database says of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GeoLocation {
    /// ISO 3166-1 alpha-2 code.
    pub country_code: Option<String>,
    /// English name of the country.
    pub country: Option<String>,
    /// English name of the city.
    pub city: Option<String>,
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Operator of the autonomous system.
    pub as_organization: Option<String>,
}

/// A database in use, and the attribution that its license requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Name of the database.
    pub name: String,
    /// Build date, `YYYY-MM-DD`; `unknown` if the database does not say.
    pub date: String,
    /// Attribution, as a sentence.
    pub attribution: String,
    /// Link required with the attribution.
    pub url: Option<String>,
}

/// The databases of an analysis: those that were given, then those found, then the built-in one.
#[derive(Debug, Default)]
pub struct Databases {
    databases: Vec<Database>,
    notes: Vec<String>,
}

impl Databases {
    /// Opens the given databases, then those in the usual folders, then the built-in one.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Geo`] for a given file that cannot be used.
    pub fn open(named: &[PathBuf]) -> Result<Self> {
        let mut databases = Self::open_named(named)?;
        for folder in USUAL_FOLDERS {
            databases.add_found(Path::new(folder));
        }
        databases.add_builtin()?;
        Ok(databases)
    }

    /// Opens only these databases.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Geo`] for a file that cannot be used.
    pub fn open_named(named: &[PathBuf]) -> Result<Self> {
        let databases = named.iter().map(|path| files::open(path)).collect::<Result<_>>()?;
        Ok(Self { databases, notes: Vec::new() })
    }

    /// Looks up an address; `None` if it is unknown. The caller decides whether an address may be
    /// looked up at all: one that is not public may not.
    pub fn lookup(&self, addr: IpAddr) -> Option<GeoLocation> {
        let mut location = GeoLocation::default();
        for database in &self.databases {
            if let Some(found) = database.lookup(addr) {
                location.complete_with(found);
            }
        }
        (location != GeoLocation::default()).then_some(location)
    }

    /// The databases in use, in search order.
    pub fn sources(&self) -> Vec<SourceInfo> {
        self.databases.iter().map(|database| database.info().clone()).collect()
    }

    /// Notes about databases that were found but could not be used.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Adds the databases in a folder, by name. One that cannot be used is noted rather than
    /// stopping the analysis, because nobody asked for it.
    fn add_found(&mut self, folder: &Path) {
        for path in files::in_folder(folder) {
            match files::open(&path) {
                Ok(database) => self.databases.push(database),
                Err(error) => self.notes.push(format!("A geolocation database could not be used: {error}.")),
            }
        }
    }

    fn add_builtin(&mut self) -> Result<()> {
        if let Some(database) = builtin::open()? {
            self.databases.push(database);
        }
        Ok(())
    }
}

impl GeoLocation {
    /// Fills in what is still unknown.
    fn complete_with(&mut self, other: Self) {
        // A country's name and code must come from the same database, because borders are disputed.
        if self.country_code.is_none() && self.country.is_none() {
            self.country_code = other.country_code;
            self.country = other.country;
        } else if self.country.is_none() && self.country_code == other.country_code {
            self.country = other.country;
        }
        self.city = self.city.take().or(other.city);
        if self.asn.is_none() && self.as_organization.is_none() {
            self.asn = other.asn;
            self.as_organization = other.as_organization;
        }
    }
}

/// An error about a database.
fn unusable(path: &Path, reason: impl Into<String>) -> Error {
    Error::Geo { path: path.to_path_buf(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(
        code: Option<&str>,
        country: Option<&str>,
        city: Option<&str>,
        asn: Option<u32>,
    ) -> GeoLocation {
        GeoLocation {
            country_code: code.map(str::to_owned),
            country: country.map(str::to_owned),
            city: city.map(str::to_owned),
            asn,
            as_organization: None,
        }
    }

    #[test]
    fn the_first_database_that_has_a_field_answers_it() {
        let mut merged = location(Some("SE"), None, None, Some(29518));
        merged.complete_with(location(Some("SE"), Some("Sweden"), Some("Linköping"), Some(1)));
        assert_eq!(merged, location(Some("SE"), Some("Sweden"), Some("Linköping"), Some(29518)));
    }

    #[test]
    fn a_country_never_gets_the_name_of_another() {
        let mut merged = location(Some("UA"), None, None, None);
        merged.complete_with(location(Some("RU"), Some("Russia"), None, None));
        assert_eq!(merged, location(Some("UA"), None, None, None));
    }
}
