//! What a DNS message asks and answers, for whoever wants more of it than addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{RData, TXT};
use simple_dns::{Name, Packet};

use super::dns::{Case, counts_fit, put_label};
use crate::hex;

/// Bytes of a message's header, and of type and class behind the name of a question.
const HEADER_BYTES: usize = 12;
const TYPE_AND_CLASS_BYTES: usize = 4;

/// Most questions of a message that are read: all but one in a million have one.
const MOST_QUESTIONS: usize = 8;

/// Most bytes of a name (RFC 1035, 2.3.4), and of unknown data that are shown.
const MOST_NAME_BYTES: usize = 255;
const SHOWN_BYTES: usize = 64;

/// A DNS message, without the length that TCP puts before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The number by which an answer is matched to its question.
    pub id: u16,
    /// Whether it is a response.
    pub is_response: bool,
    /// What is asked.
    pub questions: Vec<Question>,
    /// The response code, without the bits that EDNS adds.
    pub response_code: u16,
    /// The data of each record in the answer section, in presentation format; none if that section is
    /// cut or malformed.
    pub answers: Option<Vec<String>>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name in lower case and without the final dot, `.` for the root; what is not printable is
    /// written `\DDD`.
    pub name: String,
    /// The number of the record type that is asked for.
    pub record_type: u16,
}

/// Reads a message. Questions are read also where what follows them is cut.
///
/// None for what is too short, asks nothing, or is no standard query (RFC 1035, 4.1.1).
pub fn read(message: &[u8]) -> Option<Message> {
    let [id_0, id_1, flags_0, flags_1, count_0, count_1] = *message.first_chunk()?;
    let count = usize::from(u16::from_be_bytes([count_0, count_1]));
    let is_standard = flags_0 & 0x78 == 0;
    if !is_standard || count == 0 || count > MOST_QUESTIONS {
        return None;
    }
    let mut rest = message.get(HEADER_BYTES..)?;
    let questions = (0..count).map(|_| question(&mut rest)).collect::<Option<Vec<_>>>()?;
    let is_response = flags_0 & 0x80 != 0;
    let answers = if is_response { answers(message) } else { None };
    Some(Message {
        id: u16::from_be_bytes([id_0, id_1]),
        is_response,
        questions,
        response_code: u16::from(flags_1 & 0x0f),
        answers,
    })
}

/// Takes a question off the front. The first name of a message has nothing before it to point to, and
/// nobody compresses the second.
fn question(rest: &mut &[u8]) -> Option<Question> {
    let mut name = String::new();
    let mut name_bytes = 0;
    loop {
        let (length, after) = rest.split_first()?;
        let length = usize::from(*length);
        if length == 0 {
            *rest = after;
            break;
        }
        name_bytes += length + 1;
        // The upper two bits are those of a pointer.
        if length > 63 || name_bytes > MOST_NAME_BYTES {
            return None;
        }
        let (label, after) = after.split_at_checked(length)?;
        name_label(label, &mut name);
        *rest = after;
    }
    let ([type_0, type_1, _, _], after) = rest.split_first_chunk::<TYPE_AND_CLASS_BYTES>()?;
    *rest = after;
    if name.is_empty() {
        name.push('.');
    }
    Some(Question { name, record_type: u16::from_be_bytes([*type_0, *type_1]) })
}

fn answers(message: &[u8]) -> Option<Vec<String>> {
    if !counts_fit(message) {
        return None;
    }
    let packet = Packet::parse(message).ok()?;
    Some(packet.answers.iter().map(|record| data(&record.rdata)).collect())
}

/// The data of a record in presentation format (RFC 1035, 5.1; RFC 3597 for what has none here).
fn data(data: &RData<'_>) -> String {
    match data {
        RData::A(a) => Ipv4Addr::from(a.address).to_string(),
        RData::AAAA(aaaa) => Ipv6Addr::from(aaaa.address).to_string(),
        RData::CNAME(target) => name(&target.0),
        RData::NS(target) => name(&target.0),
        RData::PTR(target) => name(&target.0),
        RData::MX(mx) => format!("{} {}", mx.preference, name(&mx.exchange)),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, name(&srv.target)),
        RData::SOA(soa) => format!("{} {} {}", name(&soa.mname), name(&soa.rname), soa.serial),
        RData::SVCB(svcb) => format!("{} {}", svcb.priority, name(&svcb.target)),
        RData::HTTPS(https) => format!("{} {}", https.priority, name(&https.target)),
        RData::TXT(txt) => texts(txt),
        RData::NULL(_, null) => unknown(null.get_data()),
        // Signatures and keys say little, and at length.
        other => format!("{:?}", other.type_code()),
    }
}

fn name(name: &Name<'_>) -> String {
    let mut text = String::new();
    name.as_bytes().for_each(|label| name_label(label, &mut text));
    if text.is_empty() {
        text.push('.');
    }
    text
}

/// The strings of a TXT record, one after the other, as those who read them put them together.
fn texts(record: &TXT<'_>) -> String {
    let mut text = String::new();
    for (key, value) in record.iter_raw() {
        put_label(key, &mut text, Case::AsIs);
        if let Some(value) = value {
            text.push('=');
            put_label(value, &mut text, Case::AsIs);
        }
    }
    text
}

/// Appends a label of a name.
fn name_label(label: &[u8], name: &mut String) {
    if !name.is_empty() {
        name.push('.');
    }
    put_label(label, name, Case::Lower);
}

fn unknown(data: &[u8]) -> String {
    format!("\\# {} {}", data.len(), hex::encode(data.get(..SHOWN_BYTES).unwrap_or(data)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::rdata::{A, CNAME, HTTPS, MX, NULL, SVCB};
    use simple_dns::{CLASS, QCLASS, QTYPE, ResourceRecord, TYPE};

    use super::*;

    fn named(text: &str) -> Name<'_> {
        Name::new(text).unwrap()
    }

    fn response(records: Vec<RData<'_>>) -> Vec<u8> {
        let mut packet = Packet::new_reply(7);
        let (qtype, qclass) = (QTYPE::TYPE(TYPE::TXT), QCLASS::CLASS(CLASS::IN));
        packet.questions.push(simple_dns::Question::new(named("WWW.a.org"), qtype, qclass, false));
        let record = |data| ResourceRecord::new(named("www.a.org"), CLASS::IN, 60, data);
        packet.answers = records.into_iter().map(record).collect();
        packet.build_bytes_vec_compressed().unwrap()
    }

    #[test]
    fn a_response_says_what_was_asked_and_answered() {
        let txt = TXT::new().with_string("v=spf1 -all").unwrap().with_string("Key").unwrap();
        let bytes = response(vec![
            RData::A(A { address: 0xc000_0201 }),
            RData::CNAME(CNAME(named("b.net"))),
            RData::MX(MX { preference: 10, exchange: named("mail.a.org") }),
            RData::TXT(txt),
            RData::HTTPS(HTTPS(SVCB::new(1, named("svc.a.org")))),
            RData::NULL(4711, NULL::new(&[1, 0xab]).unwrap()),
        ]);
        let message = read(&bytes).unwrap();
        assert_eq!((message.id, message.is_response, message.response_code), (7, true, 0));
        assert_eq!(message.questions, [Question { name: "www.a.org".to_owned(), record_type: 16 }]);
        let expected =
            ["192.0.2.1", "b.net", "10 mail.a.org", "v=spf1\\032-allKey", "1 svc.a.org", "\\# 2 01ab"];
        assert_eq!(message.answers.unwrap(), expected);
    }

    #[test]
    fn a_question_is_read_also_where_the_answers_are_cut() {
        let mut bytes = response(vec![RData::A(A { address: 1 })]);
        bytes[3] |= 3;
        bytes.truncate(bytes.len() - 2);
        let message = read(&bytes).unwrap();
        assert_eq!((message.questions.len(), message.response_code, message.answers), (1, 3, None));
        assert_eq!(read(&bytes[..20]), None, "not the whole question");
    }

    #[test]
    fn the_root_has_a_name_and_what_asks_nothing_has_none() {
        let root = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
        let message = read(&root).unwrap();
        assert_eq!((message.is_response, message.questions[0].name.as_str()), (false, "."));
        assert_eq!(message.questions[0].record_type, 2);
        let mut nothing = root;
        nothing[5] = 0;
        assert_eq!(read(&nothing), None);
        let mut update = root;
        update[2] = 0x28;
        assert_eq!(read(&update), None);
        let mut pointer = root;
        pointer[12] = 0xc0;
        assert_eq!(read(&pointer), None);
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            read(&bytes);
        }

        #[test]
        fn any_byte_of_a_response_may_be_changed(at in 0_usize..120, byte: u8) {
            let mut bytes = response(vec![RData::A(A { address: 1 }), RData::CNAME(CNAME(named("b.net")))]);
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Some(message) = read(&bytes) {
                let texts = message.questions.iter().map(|question| &question.name).chain(message.answers.iter().flatten());
                for text in texts {
                    prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
                }
            }
        }
    }
}
