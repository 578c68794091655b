//! Questions of DNS events. Suricata logs a question and its answer as two events, and up to
//! version 1 each record of an answer as one.

use ahash::AHashMap;
use serde_json::Value;

use super::event::Event;
use super::names::dns_ends;
use crate::Result;
use crate::capture::Query;
use crate::import::log::Sink;
use crate::import::question::{Question, name};

/// Questions that wait for their answer; with more, all are handed over.
const MOST_WAITING: usize = 100_000;

/// Questions in one message, and texts of its answer.
const MOST_QUESTIONS: usize = 16;
const MOST_ANSWERS: usize = 256;

/// The flow, the number of the message, and the place of the question in it.
type Key = (Vec<u8>, u64, usize);

#[derive(Debug)]
struct Waiting {
    question: Question,
    is_answered: bool,
    answers: Vec<String>,
    /// Its place among all.
    order: u64,
}

/// Questions that may still be answered.
#[derive(Debug, Default)]
pub(super) struct Questions {
    waiting: AHashMap<Key, Waiting>,
    taken: u64,
}

impl Questions {
    /// Takes a DNS event; false if there is no question in it.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn take(&mut self, event: &Event, sink: &mut impl Sink) -> Result<bool> {
        let dns = event.get(&["dns"]);
        let kind = dns["type"].as_str().unwrap_or_default();
        let is_answer = matches!(kind, "answer" | "response");
        if !is_answer && !matches!(kind, "query" | "request") {
            return Ok(false);
        }
        let Some(first) = question(event, &dns["queries"][0]).or_else(|| question(event, dns)) else {
            return Ok(false);
        };
        let more = dns["queries"].as_array().into_iter().flatten().skip(1).take(MOST_QUESTIONS);
        let questions = std::iter::once(Some(first)).chain(more.map(|query| question(event, query)));
        for (index, question) in questions.flatten().enumerate() {
            self.note(event, index, &question, is_answer, sink)?;
        }
        if self.waiting.len() > MOST_WAITING { self.hand_over(sink).map(|()| true) } else { Ok(true) }
    }

    fn note(
        &mut self,
        event: &Event,
        index: usize,
        question: &Question,
        is_answer: bool,
        sink: &mut impl Sink,
    ) -> Result<()> {
        let dns = event.get(&["dns"]);
        let id = event.number(&["dns", "id"]).unwrap_or_default();
        let key = (question.uid.clone(), id, index);
        self.taken += 1;
        // One record of an answer, which may be of another name than was asked for (version 1).
        let is_record = is_answer && dns["rdata"].is_string();
        let is_other = |known: &Waiting| {
            known.question.query.name != question.query.name && !is_record
                || (known.is_answered && !is_answer)
        };
        if self.waiting.get(&key).is_some_and(is_other)
            && let Some(known) = self.waiting.remove(&key)
        {
            sink.query(known.into_question())?;
        }
        let order = self.taken;
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting {
            question: question.clone(),
            is_answered: false,
            answers: Vec::new(),
            order,
        });
        if is_answer {
            waiting.answer(question, dns);
        } else if waiting.is_answered {
            waiting.question.asked_us = question.asked_us;
        }
        Ok(())
    }

    /// Hands over the questions, answered or not.
    ///
    /// # Errors
    /// What `sink` gives.
    pub(super) fn finish(mut self, sink: &mut impl Sink) -> Result<()> {
        self.hand_over(sink)
    }

    fn hand_over(&mut self, sink: &mut impl Sink) -> Result<()> {
        let mut waiting: Vec<Waiting> = self.waiting.drain().map(|(_, waiting)| waiting).collect();
        waiting.sort_by_key(|waiting| waiting.order);
        waiting.into_iter().try_for_each(|waiting| sink.query(waiting.into_question()))
    }
}

impl Waiting {
    fn answer(&mut self, answer: &Question, dns: &Value) {
        let took_us = answer.asked_us - self.question.asked_us;
        if !self.is_answered && took_us > 0 {
            self.question.rtt_us = Some(took_us);
        }
        self.is_answered = true;
        self.question.query.response_code = dns["rcode"].as_str().map(str::to_owned).or_else(|| {
            // Version 1 has it only where it is an error.
            Some("NOERROR".to_owned())
        });
        let grouped = dns["grouped"].as_object().into_iter().flat_map(serde_json::Map::values);
        let lists = [&dns["answers"]].into_iter().chain(grouped);
        let texts = lists
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(|answer| answer.as_str().or_else(|| answer["rdata"].as_str()));
        for text in texts.chain(dns["rdata"].as_str()) {
            if self.answers.len() < MOST_ANSWERS && !self.answers.iter().any(|known| known == text) {
                self.answers.push(text.to_owned());
            }
        }
    }

    fn into_question(self) -> Question {
        let Self { mut question, answers, .. } = self;
        question.query.answers = Query::join(answers.iter().map(String::as_str));
        question
    }
}

/// The question of an event, of which `about` has the name and the type.
fn question(event: &Event, about: &Value) -> Option<Question> {
    let (client, server) = dns_ends(event)?;
    Some(Question {
        uid: event.flow_uid(),
        protocol: event.protocol()?.0,
        client,
        server,
        asked_us: event.ts_us()?,
        rtt_us: None,
        query: Query {
            name: name(about["rrname"].as_str()?.as_bytes()),
            query_type: about["rrtype"].as_str().map(|text| text.chars().take(32).collect()),
            ..Query::default()
        },
    })
}
