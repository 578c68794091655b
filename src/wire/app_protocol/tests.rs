use proptest::prelude::*;

use super::*;

/// The first bytes of a client or a server, as the specifications' examples and common programs send them.
const STREAM_EXAMPLES: &[(&str, bool, &[u8])] = &[
    ("tls", true, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("tls", false, b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"),
    ("tls", false, b"\x15\x03\x01\x00\x02\x02\x28"),
    ("ssh", false, b"SSH-2.0-OpenSSH_9.6\r\n"),
    ("ssh", true, b"SSH-2.0-libssh_0.9.6\r\n"),
    ("stratum", true, b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"cgminer/4\"]}\n"),
    ("stratum", true, b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"4A\",\"pass\":\"x\",\"agent\":\"XMRig/6\"}}\n"),
    ("http", true, b"GET /a HTTP/1.1\r\nHost: a\r\n"),
    ("http", true, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("http", true, b"CONNECT a.org:443 HTTP/1.1\r\n"),
    ("http", false, b"HTTP/1.0 200 OK\r\n"),
    ("rtsp", true, b"OPTIONS rtsp://192.0.2.1/x RTSP/1.0\r\n"),
    ("sip", true, b"OPTIONS sip:a@192.0.2.1 SIP/2.0\r\n"),
    ("irc", true, b"NICK bot123\r\nUSER bot123 0 * :bot\r\n"),
    ("irc", true, b"USER a b c :d\r\nNICK a\r\n"),
    ("irc", true, b"PASS x\r\nNICK a\r\n"),
    ("irc", true, b"CAP LS 302\r\n"),
    ("irc", false, b":irc.example.org NOTICE * :*** Looking up your hostname\r\n"),
    ("irc", false, b":irc.example.org 001 a :Welcome\r\n"),
    ("irc", false, b"NOTICE AUTH :*** Checking Ident\r\n"),
    ("ftp", false, b"220 (vsFTPd 3.0.5)\r\n"),
    ("smtp", false, b"220 mx.example.org ESMTP Postfix\r\n"),
    ("smtp", true, b"EHLO a.example\r\n"),
    ("pop3", false, b"+OK Dovecot ready.\r\n"),
    ("imap", false, b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
    ("smb", true, b"\x00\x00\x00\xd8\xfeSMB@\x00"),
    ("smb", false, b"\x00\x00\x00\xd8\xffSMBr\x00"),
    ("rdp", true, b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie: mstshash=a\r\n"),
    ("rdp", false, b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x02\x00\x00\x00"),
    ("dce_rpc", true, b"\x05\x00\x0b\x03\x10\x00\x00\x00\x48\x00"),
    ("ldap", true, b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
    ("ldap", false, b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x61\x84\x00"),
    ("krb", true, b"\x00\x00\x01\x2c\x6a\x82\x01\x28\x30\x82"),
    ("dns", true, b"\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01"),
    ("mysql", false, b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00"),
    ("postgresql", true, b"\x00\x00\x00\x08\x04\xd2\x16\x2f"),
    ("postgresql", true, b"\x00\x00\x00\x29\x00\x03\x00\x00user\x00a\x00"),
    ("tds", true, b"\x12\x01\x00\x2f\x00\x00\x01\x00\x00\x00\x1a"),
    ("redis", true, b"*1\r\n$4\r\nPING\r\n"),
    ("mqtt", true, b"\x10\x14\x00\x04MQTT\x04\x02\x00\x3c"),
    ("amqp", true, b"AMQP\x00\x00\x09\x01"),
    ("vnc", false, b"RFB 003.008\n"),
    ("telnet", false, b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23"),
    ("xmpp", true, b"<?xml version='1.0'?><stream:stream to='a.org'>"),
    ("socks", true, b"\x05\x02\x00\x02"),
    ("bittorrent", true, b"\x13BitTorrent protocol\x00\x00"),
    ("rsync", false, b"@RSYNCD: 31.0\n"),
    ("git", true, b"0033git-upload-pack /a\x00host=b\x00"),
    ("mongodb", true, b"\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00"),
];

const DATAGRAM_EXAMPLES: &[(&str, bool, &[u8])] = &[
    ("dns", true, b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x1c\x00\x01"),
    ("dns", false, b"\x12\x34\x81\x83\x00\x01\x00\x00\x00\x01\x00\x00\x07example\x03org\x00\x00\x1c\x00\x01"),
    ("dns", true, b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x05local"),
    ("quic", true, b"\xc3\x00\x00\x00\x01\x08\x11\x22\x33"),
    ("quic", false, b"\xd3\x6b\x33\x43\xcf\x00\x08\x11\x22"),
    ("dtls", true, b"\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00"),
    ("stun", true, b"\x00\x01\x00\x08\x21\x12\xa4\x42\x01\x02"),
    ("ssdp", true, b"M-SEARCH * HTTP/1.1\r\n"),
    ("sip", true, b"REGISTER sip:a.org SIP/2.0\r\n"),
    ("snmp", true, b"\x30\x29\x02\x01\x01\x04\x06public"),
    (
        "ntp",
        true,
        &[
            0x23, 0, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    ),
    ("syslog", true, b"<34>1 2003-10-11T22:14:15Z a"),
    ("bittorrent", true, b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping"),
    ("openvpn", true, b"\x38\x11\x22\x33\x44\x55\x66\x77\x88\x00\x00\x00\x00\x00"),
];

#[test]
fn each_protocol_is_known_by_its_first_bytes() {
    for (name, is_client, bytes) in STREAM_EXAMPLES {
        assert_eq!(of_stream(bytes, *is_client), Some(*name), "{:?}", String::from_utf8_lossy(bytes));
    }
    for (name, is_client, bytes) in DATAGRAM_EXAMPLES {
        assert_eq!(of_datagram(bytes, *is_client), Some(*name), "{:?}", String::from_utf8_lossy(bytes));
    }
    let mut dhcp = vec![1, 1, 6];
    dhcp.resize(236, 0);
    dhcp.extend([0x63, 0x82, 0x53, 0x63]);
    assert_eq!(of_datagram(&dhcp, true), Some("dhcp"));
    let mut initiation = vec![1, 0, 0, 0];
    initiation.resize(148, 7);
    assert_eq!(of_datagram(&initiation, true), Some("wireguard"));
}

#[test]
fn every_signature_has_an_example() {
    let has = |examples: &[(&str, bool, &[u8])], name: &str| examples.iter().any(|example| example.0 == name);
    for (name, ..) in STREAMS {
        assert!(has(STREAM_EXAMPLES, name), "{name}");
    }
    for (name, ..) in DATAGRAMS {
        assert!(has(DATAGRAM_EXAMPLES, name) || matches!(*name, "dhcp" | "wireguard"), "{name}");
    }
}

#[test]
fn what_looks_alike_is_not_taken_for_it() {
    let streams: &[(bool, &[u8])] = &[
        // Logins of FTP and POP3, and a text that begins like IRC.
        (true, b"USER anonymous\r\n"),
        (true, b"PASS secret\r\n"),
        (true, b"NICKEL"),
        // A greeting that names no service.
        (false, b"220 ready\r\n"),
        (true, b"{\"jsonrpc\":\"2.0\",\"method\":\"getblock\"}"),
        (true, b"\x16\x02\x00\x00\x05\x01"),
        // A server's hello from a client, and a client's from a server.
        (true, b"\x16\x03\x03\x00\x7a\x02\x00"),
        (false, b"\x16\x03\x01\x02\x00\x01\x00"),
        (true, b"\x05\x02\x00"),
        (true, b"GETTING"),
        (true, b"\xef\x00\x01"),
        (true, b""),
    ];
    for (is_client, bytes) in streams {
        assert_eq!(of_stream(bytes, *is_client), None, "{:?}", String::from_utf8_lossy(bytes));
    }
    for bytes in [&[0_u8; 12][..], &[0xff; 48], b"", b"\xc3\x00\x00\x00\x02\x08\x11", b"<script>"] {
        assert_eq!(of_datagram(bytes, true), None, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600), is_client: bool) {
        of_stream(&bytes, is_client);
        of_datagram(&bytes, is_client);
    }

    /// Encrypted payload is hardly ever taken for something: one in 10,000 at most.
    #[test]
    fn random_bytes_are_nothing(bytes in proptest::collection::vec(any::<u8>(), 64..200)) {
        prop_assert_eq!(of_stream(&bytes, true), None);
        prop_assert_eq!(of_datagram(&bytes, true), None);
    }
}
