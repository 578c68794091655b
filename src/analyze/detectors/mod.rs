//! The list of detectors: one file each here, and one line each in [`DETECTORS`].
//!
//! The contract is in [`crate::model::detector`].

pub mod beacon;
pub mod brute_force;
pub mod burst;
pub mod c2_session;
pub mod callback;
pub mod clusters;
pub mod dns;
pub mod exfiltration;
pub mod flood;
pub mod geo;
pub mod icmp;
pub mod indicator;
pub mod isolation_forest;
pub mod lateral_movement;
pub mod long_connection;
pub mod mining;
pub mod port_scan;
pub mod process;
pub mod ransomware;
pub mod relay;
pub mod sigma;
pub mod smb_outside;
pub mod spam;
pub mod tcp_health;
pub mod unanswered;
pub mod unusual_port;
pub mod web_scan;

use crate::model::detector::RegisteredDetector;

/// Every detector, in the order of the report. The list drives the run, the configuration
/// and the documentation.
pub const DETECTORS: &[RegisteredDetector] = &[
    RegisteredDetector::of::<beacon::Beacon>(),
    RegisteredDetector::of::<c2_session::C2Session>(),
    RegisteredDetector::of::<unanswered::Unanswered>(),
    RegisteredDetector::of::<callback::Callback>(),
    RegisteredDetector::of::<dns::Dns>(),
    RegisteredDetector::of::<icmp::Icmp>(),
    RegisteredDetector::of::<mining::Mining>(),
    RegisteredDetector::of::<relay::Relay>(),
    RegisteredDetector::of::<spam::Spam>(),
    RegisteredDetector::of::<flood::Flood>(),
    RegisteredDetector::of::<ransomware::Ransomware>(),
    RegisteredDetector::of::<brute_force::BruteForce>(),
    RegisteredDetector::of::<lateral_movement::LateralMovement>(),
    RegisteredDetector::of::<smb_outside::SmbOutside>(),
    RegisteredDetector::of::<port_scan::PortScan>(),
    RegisteredDetector::of::<web_scan::WebScan>(),
    RegisteredDetector::of::<process::ProcessAnomaly>(),
    RegisteredDetector::of::<burst::Burst>(),
    RegisteredDetector::of::<exfiltration::Exfiltration>(),
    RegisteredDetector::of::<long_connection::LongConnection>(),
    RegisteredDetector::of::<tcp_health::TcpHealth>(),
    RegisteredDetector::of::<unusual_port::UnusualPort>(),
    RegisteredDetector::of::<geo::Geo>(),
    RegisteredDetector::of::<clusters::Clusters>(),
    RegisteredDetector::of::<isolation_forest::IsolationForest>(),
    RegisteredDetector::of::<indicator::Indicator>(),
    RegisteredDetector::of::<sigma::Sigma>(),
];

/// The detector with an id.
pub fn find(id: &str) -> Option<&'static RegisteredDetector> {
    DETECTORS.iter().find(|entry| entry.about.id == id)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::detector::About;

    fn sections(about: &About) -> [&'static str; 7] {
        [
            about.title,
            about.what_it_finds,
            about.why_it_matters,
            about.how_it_decides,
            about.false_positives,
            about.evidence,
            about.source,
        ]
    }

    #[test]
    fn every_detector_explains_itself_under_every_heading() {
        for entry in DETECTORS {
            for text in sections(entry.about) {
                assert!(text.len() >= 10 && !text.contains("  "), "{}: {text:?}", entry.about.id);
            }
        }
    }

    #[test]
    fn every_threshold_is_documented_and_named_where_the_decision_is_explained() {
        for entry in DETECTORS {
            for key in (entry.default_thresholds)().keys() {
                assert!((entry.describe)(key).is_some(), "{}: {key} has no text", entry.about.id);
                let named = entry.about.how_it_decides.contains(&format!("`{key}`"));
                assert!(named, "{}: {key} is not in how_it_decides", entry.about.id);
            }
        }
    }

    #[test]
    fn an_id_is_the_name_of_a_file() {
        for entry in DETECTORS {
            let file = format!("src/analyze/detectors/{}.rs", entry.about.id.replace('-', "_"));
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).is_file(), "{file}");
        }
    }

    #[test]
    fn every_technique_that_a_detector_declares_has_a_name() {
        for entry in DETECTORS {
            for id in entry.about.attack {
                assert!(crate::model::attack::technique_name(id).is_some(), "{}: {id}", entry.about.id);
            }
        }
    }
}
