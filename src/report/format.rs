//! The formats of a report, which can be requested by name.

use std::fmt;

/// A format of the report: one file, or the files of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// `report.html`.
    Html,
    /// `report.md`.
    Markdown,
    /// `report.json`.
    Json,
    /// `findings.ndjson`: OCSF Detection Findings.
    Ocsf,
    /// `indicators.stix.json`: a STIX 2.1 bundle.
    Stix,
    /// `charts/`: SVG and PNG.
    Charts,
    /// `tables/`: CSV.
    Csv,
    /// `tables/`: Parquet, by `schemas/fleet.v1.json`.
    Tables,
}

impl ReportFormat {
    /// The formats written by default.
    pub const ALL: [Self; 7] =
        [Self::Html, Self::Markdown, Self::Json, Self::Ocsf, Self::Stix, Self::Charts, Self::Csv];

    /// Every format that can be requested, including one for programs only.
    pub const KNOWN: [Self; 8] = [
        Self::Html,
        Self::Markdown,
        Self::Json,
        Self::Ocsf,
        Self::Stix,
        Self::Charts,
        Self::Csv,
        Self::Tables,
    ];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Json => "json",
            Self::Ocsf => "ocsf",
            Self::Stix => "stix",
            Self::Charts => "charts",
            Self::Csv => "csv",
            Self::Tables => "tables",
        }
    }

    /// The format of this name; `None` if there is none.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::KNOWN.into_iter().find(|format| format.as_str() == name)
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_by_its_name_and_nothing_else_is() {
        for format in ReportFormat::KNOWN {
            assert_eq!(ReportFormat::of_name(format.as_str()), Some(format));
        }
        assert_eq!(ReportFormat::of_name("pdf"), None);
    }
}
