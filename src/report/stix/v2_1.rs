//! The part of STIX 2.1 that netrec's indicators use. Times are RFC 3339 with ms, as the
//! specification requires for `created` and `modified`.

use serde::Serialize;

/// The version of the specification.
pub const VERSION: &str = "2.1";

/// The file.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Bundle {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

/// Something in a bundle.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Object {
    /// The source of the objects.
    Identity(Identity),
    /// A pattern to search for.
    Indicator(Indicator),
    /// An ATT&CK technique.
    AttackPattern(AttackPattern),
    /// Links an indicator to a technique.
    Relationship(Relationship),
    /// Says that an indicator was seen in the capture.
    Sighting(Sighting),
    /// Groups all of the objects.
    Report(Report),
}

/// What every object has.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Common {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub spec_version: &'static str,
    pub id: String,
    pub created: String,
    pub modified: String,
}

/// The program, or the host that was recorded.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Identity {
    #[serde(flatten)]
    pub common: Common,
    pub name: String,
    pub identity_class: &'static str,
}

/// A pattern and what it means.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Indicator {
    #[serde(flatten)]
    pub common: Common,
    pub created_by_ref: String,
    pub name: String,
    pub description: String,
    pub indicator_types: [&'static str; 1],
    pub pattern: String,
    pub pattern_type: &'static str,
    pub valid_from: String,
    pub confidence: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_references: Vec<Reference>,
}

/// An ATT&CK technique.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Reference {
    pub source_name: &'static str,
    pub external_id: String,
}

/// An ATT&CK technique as an object, so that others can refer to it.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct AttackPattern {
    #[serde(flatten)]
    pub common: Common,
    pub created_by_ref: String,
    pub name: String,
    pub external_references: Vec<Reference>,
}

/// The relation of one object to another.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Relationship {
    #[serde(flatten)]
    pub common: Common,
    pub created_by_ref: String,
    pub relationship_type: &'static str,
    pub source_ref: String,
    pub target_ref: String,
}

/// When and how often an indicator was seen.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Sighting {
    #[serde(flatten)]
    pub common: Common,
    pub created_by_ref: String,
    pub first_seen: String,
    pub last_seen: String,
    pub count: u64,
    pub sighting_of_ref: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub where_sighted_refs: Vec<String>,
}

/// The objects of a bundle as one report.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the specification's properties of the same name")]
pub struct Report {
    #[serde(flatten)]
    pub common: Common,
    pub created_by_ref: String,
    pub name: String,
    pub description: String,
    pub report_types: [&'static str; 1],
    pub published: String,
    pub object_refs: Vec<String>,
}
