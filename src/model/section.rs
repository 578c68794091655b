//! The eleven sections of the report.

use schemars::JsonSchema;
use serde::Serialize;

/// A section: a tab of the page, and the place of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What was recorded, and what matters of it.
    Dashboard,
    /// The connections themselves.
    RawData,
    /// How the report was made: capture, detectors, every metric.
    Report,
    /// Hypotheses and findings.
    Security,
    /// Who moved how much.
    Bandwidth,
    /// What is unlike the rest.
    Anomalies,
    /// What processes cost the host over time.
    Trends,
    /// How TCP fared.
    Tcp,
    /// Where the remotes are.
    Geography,
    /// Patterns in time: bursts, periods, groups.
    Behavior,
    /// How the numbers hang together.
    Statistics,
}

impl Section {
    /// Every section, in the order of the page.
    pub const ALL: [Self; 11] = [
        Self::Dashboard,
        Self::RawData,
        Self::Report,
        Self::Security,
        Self::Bandwidth,
        Self::Anomalies,
        Self::Trends,
        Self::Tcp,
        Self::Geography,
        Self::Behavior,
        Self::Statistics,
    ];

    /// Its id: in addresses inside of the page, and in `report.json`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::RawData => "raw-data",
            Self::Report => "report",
            Self::Security => "security",
            Self::Bandwidth => "bandwidth",
            Self::Anomalies => "anomalies",
            Self::Trends => "trends",
            Self::Tcp => "tcp",
            Self::Geography => "geography",
            Self::Behavior => "behavior",
            Self::Statistics => "statistics",
        }
    }

    /// What stands on its tab.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Dashboard => "Dashboard",
            Self::RawData => "Raw data",
            Self::Report => "Report",
            Self::Security => "Security",
            Self::Bandwidth => "Bandwidth",
            Self::Anomalies => "Anomalies",
            Self::Trends => "Trends",
            Self::Tcp => "TCP",
            Self::Geography => "Geography",
            Self::Behavior => "Behavior",
            Self::Statistics => "Statistics",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_published_name() {
        for section in Section::ALL {
            assert_eq!(serde_json::to_value(section).unwrap(), section.id());
        }
    }
}
