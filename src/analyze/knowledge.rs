//! What the investigator brings along, read at the edge and handed in.

/// Indicators and rules against which a capture is held.
#[derive(Debug, Default)]
pub struct Knowledge {
    /// Files of Sigma rules.
    pub rules: Vec<RuleFile>,
}

/// A file of rules, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name, for people.
    pub name: String,
    /// Its text.
    pub text: String,
}
