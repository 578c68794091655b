//! The names of ATT&CK techniques, as in MITRE's ATT&CK for Enterprise, v17.

/// Sorted by id: those that detectors and hypotheses use, and related ones.
const TECHNIQUES: &[(&str, &str)] = &[
    ("T1001", "Data Obfuscation"),
    ("T1003.006", "DCSync"),
    ("T1008", "Fallback Channels"),
    ("T1014", "Rootkit"),
    ("T1018", "Remote System Discovery"),
    ("T1021", "Remote Services"),
    ("T1021.001", "Remote Desktop Protocol"),
    ("T1021.002", "SMB/Windows Admin Shares"),
    ("T1021.003", "Distributed Component Object Model"),
    ("T1021.004", "SSH"),
    ("T1021.005", "VNC"),
    ("T1021.006", "Windows Remote Management"),
    ("T1027", "Obfuscated Files or Information"),
    ("T1029", "Scheduled Transfer"),
    ("T1030", "Data Transfer Size Limits"),
    ("T1036", "Masquerading"),
    ("T1036.004", "Masquerade Task or Service"),
    ("T1036.005", "Match Legitimate Resource Name or Location"),
    ("T1036.007", "Double File Extension"),
    ("T1040", "Network Sniffing"),
    ("T1041", "Exfiltration Over C2 Channel"),
    ("T1046", "Network Service Discovery"),
    ("T1047", "Windows Management Instrumentation"),
    ("T1048", "Exfiltration Over Alternative Protocol"),
    ("T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol"),
    ("T1049", "System Network Connections Discovery"),
    ("T1053.005", "Scheduled Task"),
    ("T1055", "Process Injection"),
    ("T1059", "Command and Scripting Interpreter"),
    ("T1059.001", "PowerShell"),
    ("T1059.004", "Unix Shell"),
    ("T1059.006", "Python"),
    ("T1070", "Indicator Removal"),
    ("T1070.004", "File Deletion"),
    ("T1071", "Application Layer Protocol"),
    ("T1071.001", "Web Protocols"),
    ("T1071.004", "DNS"),
    ("T1090", "Proxy"),
    ("T1090.001", "Internal Proxy"),
    ("T1095", "Non-Application Layer Protocol"),
    ("T1102", "Web Service"),
    ("T1105", "Ingress Tool Transfer"),
    ("T1110", "Brute Force"),
    ("T1110.001", "Password Guessing"),
    ("T1110.003", "Password Spraying"),
    ("T1110.004", "Credential Stuffing"),
    ("T1132", "Data Encoding"),
    ("T1133", "External Remote Services"),
    ("T1187", "Forced Authentication"),
    ("T1190", "Exploit Public-Facing Application"),
    ("T1203", "Exploitation for Client Execution"),
    ("T1204.002", "Malicious File"),
    ("T1205", "Traffic Signaling"),
    ("T1205.002", "Socket Filters"),
    ("T1210", "Exploitation of Remote Services"),
    ("T1218", "System Binary Proxy Execution"),
    ("T1219", "Remote Access Tools"),
    ("T1486", "Data Encrypted for Impact"),
    ("T1496", "Resource Hijacking"),
    ("T1498", "Network Denial of Service"),
    ("T1498.001", "Direct Network Flood"),
    ("T1498.002", "Reflection Amplification"),
    ("T1499", "Endpoint Denial of Service"),
    ("T1499.001", "OS Exhaustion Flood"),
    ("T1499.002", "Service Exhaustion Flood"),
    ("T1505", "Server Software Component"),
    ("T1505.003", "Web Shell"),
    ("T1557", "Adversary-in-the-Middle"),
    ("T1558.003", "Kerberoasting"),
    ("T1564", "Hide Artifacts"),
    ("T1564.001", "Hidden Files and Directories"),
    ("T1567", "Exfiltration Over Web Service"),
    ("T1567.002", "Exfiltration to Cloud Storage"),
    ("T1568", "Dynamic Resolution"),
    ("T1568.002", "Domain Generation Algorithms"),
    ("T1569.002", "Service Execution"),
    ("T1570", "Lateral Tool Transfer"),
    ("T1571", "Non-Standard Port"),
    ("T1572", "Protocol Tunneling"),
    ("T1573", "Encrypted Channel"),
    ("T1595", "Active Scanning"),
    ("T1595.001", "Scanning IP Blocks"),
    ("T1595.002", "Vulnerability Scanning"),
    ("T1595.003", "Wordlist Scanning"),
    ("T1620", "Reflective Code Loading"),
];

/// The name of a technique or a sub-technique; `None` if it is not in the list.
pub fn technique_name(id: &str) -> Option<&'static str> {
    let place = TECHNIQUES.binary_search_by(|(known, _)| (*known).cmp(id)).ok()?;
    Some(TECHNIQUES[place].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_names_what_is_asked_for() {
        assert!(TECHNIQUES.is_sorted());
        assert_eq!(technique_name("T1071.001"), Some("Web Protocols"));
        assert_eq!(technique_name("T9999"), None);
    }
}
