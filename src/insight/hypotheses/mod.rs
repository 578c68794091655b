//! The hypotheses: one file each, and one line each in [`HYPOTHESES`].

mod command_and_control;
mod data_theft;
mod exploited_service;
mod exposed_service;
mod flood_in;
mod flood_out;
mod generated_domains;
mod hidden_process;
mod host_scan;
mod known_bad;
mod lateral_movement;
mod leaked_credentials;
mod mass_mail;
mod mining;
mod password_guessing;
mod periodic_benign;
mod periodic_outside;
mod ransomware;
mod relayed;
mod remote_control;
mod reverse_shell;
mod scanned;
mod service_trouble;
mod several_signs;
mod syn_flood;
mod tunnel;
mod worm;

use super::hypothesis::Hypothesis;

/// Every hypothesis, from the most specific to the most general: a finding belongs to the first
/// that requires it.
pub const HYPOTHESES: &[&Hypothesis] = &[
    &worm::WORM,
    &host_scan::HOST_SCAN,
    &scanned::SCANNED,
    &exploited_service::EXPLOITED_SERVICE,
    &lateral_movement::LATERAL_MOVEMENT,
    &leaked_credentials::LEAKED_CREDENTIALS,
    &password_guessing::PASSWORD_GUESSING,
    &data_theft::DATA_THEFT,
    &generated_domains::GENERATED_DOMAINS,
    &tunnel::TUNNEL,
    &mining::MINING,
    &relayed::RELAYED,
    &mass_mail::MASS_MAIL,
    &ransomware::RANSOMWARE,
    &flood_in::FLOOD_IN,
    &flood_out::FLOOD_OUT,
    &reverse_shell::REVERSE_SHELL,
    &command_and_control::COMMAND_AND_CONTROL,
    &known_bad::KNOWN_BAD,
    &remote_control::REMOTE_CONTROL,
    &syn_flood::SYN_FLOOD,
    &service_trouble::SERVICE_TROUBLE,
    &exposed_service::EXPOSED_SERVICE,
    &hidden_process::HIDDEN_PROCESS,
    &periodic_outside::PERIODIC_OUTSIDE,
    &several_signs::SEVERAL_SIGNS,
    &periodic_benign::PERIODIC_BENIGN,
];
