//! Names and the addresses that they were resolved to, from DNS responses.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, RCODE, ResourceRecord};

/// Bytes of a message's header, and the fewest that a question and a record take.
const HEADER_BYTES: usize = 12;
const QUESTION_BYTES: usize = 5;
const RECORD_BYTES: usize = 11;

/// Longest chain of aliases that is followed; resolvers give up at 8 to 16.
const MOST_ALIASES: usize = 16;

/// An address that a name was resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name that was asked for, in lower case and without the last dot; what is not printable
    /// in it is written `\DDD`, as in zone files.
    pub name: String,
    /// What it stands for.
    pub address: IpAddr,
    /// How long that holds, in seconds: the least of the address and the aliases before it.
    pub ttl_s: u32,
}

/// The addresses in a DNS message (without the length that TCP puts before it), under the name
/// that was asked for, also where aliases (CNAME) lie between the two.
///
/// None if it is no whole and well-formed response to one question. Addresses of names that the
/// question does not lead to are left out: anyone may put any into a response.
pub fn answers(message: &[u8]) -> Vec<Answer> {
    read(message).unwrap_or_default()
}

fn read(message: &[u8]) -> Option<Vec<Answer>> {
    if !is_response(message) || !counts_fit(message) {
        return None;
    }
    let packet = Packet::parse(message).ok()?;
    let [question] = packet.questions.as_slice() else { return None };
    if packet.opcode() != OPCODE::StandardQuery || packet.rcode() != RCODE::NoError {
        return None;
    }
    let name = text(&question.qname)?;
    let aliases = aliases(&question.qname, &packet.answers);
    let answers = packet.answers.iter().filter_map(|record| {
        let (_, ttl_s) = aliases.iter().find(|(alias, _)| **alias == record.name)?;
        let address = address(record)?;
        Some(Answer { name: name.clone(), address, ttl_s: record.ttl.min(*ttl_s) })
    });
    Some(answers.collect())
}

/// Looked at before anything is parsed: most messages are queries.
fn is_response(message: &[u8]) -> bool {
    let flags = message.get(2..4).and_then(|bytes| bytes.first_chunk());
    flags.is_some_and(|flags| u16::from_be_bytes(*flags) & PacketFlag::RESPONSE.bits() != 0)
}

/// Whether the message is long enough for what its header claims to be in it: the library
/// allocates by these counts.
pub(super) fn counts_fit(message: &[u8]) -> bool {
    let Some(([questions, records @ ..], body)) = counts(message).zip(message.get(HEADER_BYTES..)) else {
        return false;
    };
    questions * QUESTION_BYTES + records.iter().sum::<usize>() * RECORD_BYTES <= body.len()
}

/// Questions, answers, name servers and additional records.
fn counts(message: &[u8]) -> Option<[usize; 4]> {
    let [q0, q1, a0, a1, n0, n1, r0, r1] = *message.get(4..HEADER_BYTES)?.first_chunk()?;
    Some([[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(|bytes| usize::from(u16::from_be_bytes(bytes))))
}

/// The name that was asked for and those that it is an alias of, each with how long that holds.
fn aliases<'a>(asked: &'a Name<'a>, records: &'a [ResourceRecord<'a>]) -> Vec<(&'a Name<'a>, u32)> {
    let mut known = vec![(asked, u32::MAX)];
    // Records may stand in any order, so each step looks through all of them.
    while known.len() <= MOST_ALIASES {
        let (last, ttl_s) = known[known.len() - 1];
        let next = records.iter().find_map(|record| match &record.rdata {
            RData::CNAME(target) if record.name == *last => Some((&target.0, record.ttl.min(ttl_s))),
            _ => None,
        });
        match next {
            Some(next) if known.iter().all(|(name, _)| *name != next.0) => known.push(next),
            _ => break,
        }
    }
    known
}

fn address(record: &ResourceRecord<'_>) -> Option<IpAddr> {
    match &record.rdata {
        RData::A(a) if record.class == CLASS::IN => Some(Ipv4Addr::from(a.address).into()),
        RData::AAAA(aaaa) if record.class == CLASS::IN => Some(Ipv6Addr::from(aaaa.address).to_canonical()),
        _ => None,
    }
}

/// The name as text; none for the root, which is no host.
fn text(name: &Name<'_>) -> Option<String> {
    let mut text = String::new();
    for label in name.as_bytes() {
        if !text.is_empty() {
            text.push('.');
        }
        put_label(label, &mut text, Case::Lower);
    }
    (!text.is_empty()).then_some(text)
}

/// Whether letters stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// In names, whose case says nothing.
    Lower,
    /// In texts.
    AsIs,
}

/// Appends a label of a name, or a text, as zone files have it.
pub(super) fn put_label(label: &[u8], text: &mut String, case: Case) {
    for byte in label {
        match byte {
            b'.' if case == Case::AsIs => text.push('.'),
            b'.' | b'\\' => text.extend(['\\', char::from(*byte)]),
            byte if !byte.is_ascii_graphic() => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\{byte:03}");
            }
            byte if case == Case::Lower => text.push(char::from(byte.to_ascii_lowercase())),
            byte => text.push(char::from(*byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::rdata::{A, AAAA, CNAME, TXT};
    use simple_dns::{QCLASS, QTYPE, Question, TYPE};

    use super::*;

    fn name(text: &str) -> Name<'_> {
        Name::new(text).unwrap()
    }

    fn alias<'a>(from: &'a str, to: &'a str, ttl_s: u32) -> ResourceRecord<'a> {
        ResourceRecord::new(name(from), CLASS::IN, ttl_s, RData::CNAME(CNAME(name(to))))
    }

    fn v4(of: &str, last: u8) -> ResourceRecord<'_> {
        let address = u32::from(Ipv4Addr::new(192, 0, 2, last));
        ResourceRecord::new(name(of), CLASS::IN, 300, RData::A(A { address }))
    }

    fn response(asked: &str, records: Vec<ResourceRecord<'_>>) -> Vec<u8> {
        let mut packet = Packet::new_reply(7);
        packet.questions.push(Question::new(
            name(asked),
            QTYPE::TYPE(TYPE::A),
            QCLASS::CLASS(CLASS::IN),
            false,
        ));
        packet.answers = records;
        packet.build_bytes_vec_compressed().unwrap()
    }

    /// `name address ttl` of each answer.
    fn check(message: &[u8], expected: &[&str]) {
        let found = answers(message);
        let found: Vec<_> = found.iter().map(|a| format!("{} {} {}", a.name, a.address, a.ttl_s)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn addresses_of_both_families_are_found() {
        let v6 = RData::AAAA(AAAA { address: u128::from(Ipv6Addr::LOCALHOST) });
        let v6 = ResourceRecord::new(name("example.org"), CLASS::IN, 60, v6);
        let message = response("Example.ORG", vec![v4("example.org", 1), v4("example.org", 2), v6]);
        check(&message, &["example.org 192.0.2.1 300", "example.org 192.0.2.2 300", "example.org ::1 60"]);
    }

    #[test]
    fn aliases_lead_to_the_name_that_was_asked_for_whatever_their_order() {
        let records = vec![
            v4("edge.cdn.net", 9),
            alias("www.cdn.net", "edge.cdn.net", 20),
            alias("www.a.org", "www.cdn.net", 900),
        ];
        check(&response("www.a.org", records), &["www.a.org 192.0.2.9 20"]);
    }

    #[test]
    fn aliases_that_go_in_circles_end() {
        let records = vec![alias("a.org", "b.org", 9), alias("b.org", "a.org", 9), v4("b.org", 1)];
        check(&response("a.org", records), &["a.org 192.0.2.1 9"]);
    }

    #[test]
    fn what_the_question_does_not_lead_to_is_no_answer() {
        check(&response("a.org", vec![v4("bank.example", 6)]), &[]);
        let text = TXT::new().with_string("192.0.2.1").unwrap();
        let text = ResourceRecord::new(name("a.org"), CLASS::IN, 9, RData::TXT(text));
        check(&response("a.org", vec![text]), &[]);
    }

    #[test]
    fn queries_refusals_and_messages_cut_short_give_nothing() {
        let message = response("a.org", vec![v4("a.org", 1)]);
        check(&message, &["a.org 192.0.2.1 300"]);
        let mut query = message.clone();
        query[2] &= 0x7f;
        check(&query, &[]);
        let mut no_such_name = message.clone();
        no_such_name[3] |= 3;
        check(&no_such_name, &[]);
        for length in 0..message.len() {
            check(&message[..length], &[]);
        }
    }

    #[test]
    fn a_header_that_claims_more_than_there_is_is_refused_unread() {
        let mut message = response("a.org", vec![v4("a.org", 1)]);
        message[10..12].copy_from_slice(&[0xff, 0xff]);
        assert!(!counts_fit(&message));
        check(&message, &[]);
    }

    #[test]
    fn hostile_names_come_out_as_printable_text() {
        let labels = [b"\x1b[31m\0".as_slice(), b"a.b\\", b"\xffORG"].map(simple_dns::Label::new_unchecked);
        assert_eq!(
            text(&Name::new_with_labels(&labels)).as_deref(),
            Some("\\027[31m\\000.a\\.b\\\\.\\255org")
        );
        assert_eq!(text(&Name::new_with_labels(&[])), None);
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            answers(&bytes);
        }

        #[test]
        fn a_response_with_any_byte_changed_is_read_without_harm(at in 2_usize..90, byte: u8) {
            let mut message =
                response("www.a.org", vec![alias("www.a.org", "b.net", 5), v4("b.net", 1), v4("b.net", 2)]);
            let at = at % message.len();
            message[at] = byte;
            for answer in answers(&message) {
                prop_assert!(answer.name.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
