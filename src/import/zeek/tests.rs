use proptest::prelude::*;

use super::reader::{LogKind, read_log};
use crate::import::Account;
use crate::import::log::LoggedConnection;
use crate::import::names::Names;

const HEADER: &str = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\n";

fn read(log: &[u8]) -> (Vec<LoggedConnection>, Account) {
    let mut connections = Vec::new();
    let mut names = Names::default();
    let (account, _) = read_log(log, LogKind::Conn, &mut names, |_, connection, _| {
        connections.push(connection);
        true
    })
    .unwrap();
    (connections, account)
}

#[test]
fn a_line_that_is_cut_short_is_not_trusted() {
    let log = format!(
        "{HEADER}1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t0.5\t100\n1.0\tC2\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t0.5\t12"
    );
    let (connections, account) = read(log.as_bytes());
    assert_eq!((connections.len(), account.is_cut_short), (1, true));
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_the_first_is_named() {
    let log = format!(
        "{HEADER}rubbish\n1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\t-\t-\n1.0\tC1\t10.0.0.1\t1\t10.0.0.2\t0\ticmp\t-\t-\n"
    );
    let (connections, account) = read(log.as_bytes());
    let unused: Vec<(&str, u64, &str)> = account
        .stats
        .unused
        .iter()
        .map(|unused| (unused.kind.as_str(), unused.count, unused.example.as_ref().unwrap().at.as_str()))
        .collect();
    assert_eq!(connections.len(), 1);
    assert_eq!(unused, [("unreadable line", 1, "line 4"), ("protocol icmp", 1, "line 6")]);
}

#[test]
fn both_notations_give_the_same_connection() {
    let tsv = format!("{HEADER}1700000000.123456\tC1\t10.0.0.1\t1\t2001:db8::1\t2\tudp\t0.5\t100\n");
    let json = r#"{"ts":1700000000.123456,"uid":"C1","id.orig_h":"10.0.0.1","id.orig_p":1,"id_resp_h":"2001:db8::1","id_resp_p":2,"proto":"udp","duration":0.5,"orig_bytes":100}"#;
    assert_eq!(read(tsv.as_bytes()).0, read(json.as_bytes()).0);
    assert_eq!(read(json.as_bytes()).0.len(), 1);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes: Vec<u8>, tail in "[\\t\\n{}\":,0-9a-z.#-]{0,200}") {
        let mut log = HEADER.as_bytes().to_vec();
        log.extend(tail.as_bytes());
        log.extend(bytes);
        for kind in [LogKind::Conn, LogKind::Ssl, LogKind::Dns, LogKind::Http] {
            read_log(log.as_slice(), kind, &mut Names::default(), |_, _, _| true).unwrap();
        }
    }
}
