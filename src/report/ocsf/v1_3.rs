//! The part of OCSF 1.3.0 that netrec's findings use: class 2004, Detection Finding.
//!
//! Required by the schema: `activity_id`, `category_uid`, `class_uid`, `finding_info` with `uid`
//! and `title`, `metadata` with `version` and `product`, `severity_id`, `time`, `type_uid`; for an
//! analytic, a device and a file their `type_id`; for a file its `name`; for a process `pid` or
//! `uid`; for a connection its `direction_id`. Times are ms since the Unix epoch.

use serde::Serialize;
use serde_json::{Map, Value};

/// The version of the schema that these types follow.
pub const VERSION: &str = "1.3.0";

/// One line of the file.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct DetectionFinding {
    pub class_uid: u32,
    pub class_name: &'static str,
    pub category_uid: u32,
    pub category_name: &'static str,
    pub activity_id: u32,
    pub activity_name: &'static str,
    pub type_uid: u64,
    pub type_name: &'static str,
    pub time: i64,
    pub start_time: i64,
    pub end_time: i64,
    pub severity_id: u32,
    pub severity: &'static str,
    pub confidence_id: u32,
    pub confidence: &'static str,
    pub confidence_score: u32,
    pub status_id: u32,
    pub status: &'static str,
    pub message: String,
    pub metadata: Metadata,
    pub finding_info: FindingInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    pub evidences: Vec<Evidence>,
    pub observables: Vec<Observable>,
    /// Values for which the schema has no attribute.
    pub unmapped: Map<String, Value>,
}

/// The source of the finding.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Metadata {
    pub version: &'static str,
    pub product: Product,
}

/// The program.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Product {
    pub name: &'static str,
    pub vendor_name: &'static str,
    pub version: &'static str,
}

/// The finding.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct FindingInfo {
    pub uid: String,
    pub title: String,
    pub desc: String,
    pub analytic: Analytic,
    pub attacks: Vec<Attack>,
    pub first_seen_time: i64,
    pub last_seen_time: i64,
}

/// The detector.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Analytic {
    pub uid: String,
    pub name: String,
    pub type_id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// An ATT&CK technique, or one of its sub-techniques.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Attack {
    pub technique: Technique,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_technique: Option<Technique>,
}

/// A technique by its id.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Technique {
    pub uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'static str>,
}

/// The host that was recorded.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Device {
    pub hostname: String,
    pub type_id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// The evidence of a finding.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src_endpoint: Option<Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst_endpoint: Option<Endpoint>,
    pub connection_info: ConnectionInfo,
    /// The measured values beside their thresholds.
    pub data: Value,
}

/// A process; omitted without a pid.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Process {
    pub pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// An executable.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct File {
    pub name: String,
    pub path: String,
    pub type_id: u32,
}

/// A user.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct User {
    pub name: String,
}

/// A container.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Container {
    pub uid: String,
}

/// One end of a connection; omitted without an address.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Endpoint {
    pub ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

/// The direction and protocol of the connection.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct ConnectionInfo {
    pub direction_id: u32,
    pub direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_name: Option<String>,
}

/// A value to search for, and the attribute that holds it.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the schema's attributes of the same name")]
pub struct Observable {
    pub name: &'static str,
    pub type_id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub value: String,
}
