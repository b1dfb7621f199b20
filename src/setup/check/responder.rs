//! A server that gives a fixed answer to every request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::Map;
use uuid::Uuid;

use crate::api::{Body, Ending, Format, Phase, Reply, Request};
use crate::config::Config;
use crate::headless::HeadlessServer;
use crate::inbox::{Answerer, Arrival, Event};
use crate::store::Saving;

/// The answer to requests other than the question, such as for a title.
const SIDE_ANSWER: &str = "check";

/// The server, with the words by which question and answer are recognised.
pub(super) struct CheckResponder {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// A unique word in the question.
    question_id: String,
    /// The answer, a unique word.
    pub answer: String,
    server: HeadlessServer,
    /// Whether a question that came with tools has been answered with text.
    has_answered_in_text: bool,
}

/// The facts of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReceivedRequest {
    /// A description of the request for the person.
    pub description: String,
    /// Whether it contains the question.
    pub(crate) is_question: bool,
    /// The number of tools that it offers: a request for a title contains the question too, but no tools.
    pub tools: usize,
    /// Whether it contains the answer to an earlier request.
    pub(crate) has_answer: bool,
}

impl CheckResponder {
    /// Starts the server on a free port.
    pub(super) fn start(config: &Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = HeadlessServer::start(config, listener, None)?;
        Ok(Self {
            address: server.address,
            question_id: unique_word("q"),
            answer: unique_word("a"),
            server,
            has_answered_in_text: false,
        })
    }

    /// The question that the agent has to ask.
    pub(super) fn question(&self) -> String {
        format!(
            "This is a check of the set-up, number {}. Answer with one word and use no tools.",
            self.question_id
        )
    }

    /// Waits for the next request, and answers it.
    pub(super) async fn next(&mut self) -> ReceivedRequest {
        loop {
            if let Event::Arrived(arrival) = self.server.next().await
                && let Some(asked) = self.respond(*arrival)
            {
                return asked;
            }
        }
    }

    fn respond(&mut self, arrival: Arrival) -> Option<ReceivedRequest> {
        let Arrival {
            request,
            agent,
            answerer,
            ..
        } = arrival;
        let Answerer::Person(mut responder) = answerer else {
            return None;
        };
        let whole = request.raw_body();
        let asked = ReceivedRequest {
            description: describe(&request, &agent),
            is_question: whole.contains(&self.question_id),
            tools: request.tools.tools().len(),
            has_answer: whole.contains(&self.answer),
        };
        let end = Reply::End {
            items: vec![self.reply_to(&asked, &request)],
            ending: Ending::Completed,
        };
        responder.send(end, Saving::default());
        Some(asked)
    }

    fn reply_to(&mut self, asked: &ReceivedRequest, request: &Request) -> Body {
        let words = |text: &str| Body::message(text, Phase::FinalAnswer);
        if !asked.is_question {
            return words(SIDE_ANSWER);
        }
        // An agent that repeats the question accepts no answer but a call.
        let wants_call = self.has_answered_in_text && !asked.has_answer;
        self.has_answered_in_text |= asked.tools > 0;
        match request.tools.shell() {
            Ok(shell) if wants_call => shell.call(&format!("echo {}", self.answer), &Map::new()),
            _ => words(&self.answer),
        }
    }
}

/// A unique word.
fn unique_word(beginning: &str) -> String {
    let id = Uuid::now_v7().simple().to_string();
    // The last digits of a UUID of version 7 are random.
    format!("{beginning}{}", &id[id.len() - 8..])
}

fn describe(request: &Request, agent: &str) -> String {
    let format = match request.format {
        Format::Responses | Format::Compaction => "Responses",
        Format::Chat => "Chat Completions",
        Format::Messages => "Messages",
    };
    let streams = if request.stream {
        "streams"
    } else {
        "does not stream, so notes arrive with the answer"
    };
    let tools = match request.tools.tools().len() {
        0 => "no tools".to_owned(),
        1 => "one tool".to_owned(),
        many => format!("{many} tools"),
    };
    let model = &request.model;
    format!("{agent} asks by {format} for the model {model}, {streams}, and offers {tools}")
}
