//! The hypotheses: one file each, and one line each in [`HYPOTHESES`].

mod command_and_control;
mod data_theft;
mod exposed_service;
mod hidden_process;
mod host_scan;
mod known_bad;
mod periodic_benign;
mod periodic_outside;
mod reverse_shell;
mod scanned;
mod service_trouble;
mod several_signs;
mod syn_flood;
mod worm;

use super::hypothesis::Hypothesis;

/// Every hypothesis, from the most specific to the most general: a finding belongs to the
/// first that needs it.
pub const HYPOTHESES: &[&Hypothesis] = &[
    &worm::WORM,
    &host_scan::HOST_SCAN,
    &scanned::SCANNED,
    &data_theft::DATA_THEFT,
    &command_and_control::COMMAND_AND_CONTROL,
    &known_bad::KNOWN_BAD,
    &reverse_shell::REVERSE_SHELL,
    &syn_flood::SYN_FLOOD,
    &service_trouble::SERVICE_TROUBLE,
    &exposed_service::EXPOSED_SERVICE,
    &hidden_process::HIDDEN_PROCESS,
    &periodic_outside::PERIODIC_OUTSIDE,
    &several_signs::SEVERAL_SIGNS,
    &periodic_benign::PERIODIC_BENIGN,
];
