//! A server as this program has one, with nobody behind it who thinks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::Map;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::api::{Body, Ending, Format, Phase, Reply, Request};
use crate::app::server_settings;
use crate::config::Config;
use crate::descriptors;
use crate::inbox::{self, Answerer, Arrival, Event};
use crate::server::{self, Server};
use crate::store::{Saving, Store};

/// What is said to requests that agents make for themselves, such as for a title.
const ASIDE: &str = "check";

/// The server, and what to know it by.
pub(super) struct Responder {
    /// Where it listens.
    pub address: SocketAddr,
    /// A word that stands in the question.
    asked: String,
    /// The word that is answered, and stands nowhere else.
    pub answer: String,
    events: mpsc::UnboundedReceiver<Event>,
    /// Whether a question that came with tools has been answered in words.
    has_used_words: bool,
    /// It stops when this is dropped.
    _stop: watch::Sender<bool>,
}

/// What a request told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The request, for the person.
    pub words: String,
    /// Whether it has the question.
    pub is_question: bool,
    /// How many tools it offers. One for a title has the question too, and none.
    pub tools: usize,
    /// Whether it has the answer to an earlier one.
    pub has_answer: bool,
}

impl Responder {
    /// Begins to listen, on a port that is free.
    pub fn start(config: &Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let store = Store::new(config.server.max_stored);
        let (intake, events) = inbox::channel(config.server.max_waiting, store);
        let settings = server_settings(config, address, descriptors::raise());
        let (stop, stopped) = watch::channel(false);
        let (server, _) = Server::new(listener, server::router(intake, settings), stopped);
        tokio::spawn(server.serve());
        Ok(Self {
            address,
            asked: word("q"),
            answer: word("a"),
            events,
            has_used_words: false,
            _stop: stop,
        })
    }

    /// What the agent is to ask.
    pub fn question(&self) -> String {
        format!(
            "This is a check of the set-up, number {}. Answer with one word and use no tools.",
            self.asked
        )
    }

    /// Waits for the next request, and answers it.
    pub async fn next(&mut self) -> Asked {
        loop {
            match self.events.recv().await {
                Some(Event::Arrived(arrival)) => {
                    if let Some(asked) = self.answered(*arrival) {
                        return asked;
                    }
                }
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    fn answered(&mut self, arrival: Arrival) -> Option<Asked> {
        let Arrival {
            request,
            agent,
            answerer,
            ..
        } = arrival;
        let Answerer::Person(mut responder) = answerer else {
            return None;
        };
        let whole = request.whole();
        let asked = Asked {
            words: in_words(&request, &agent),
            is_question: whole.contains(&self.asked),
            tools: request.tools.tools().len(),
            has_answer: whole.contains(&self.answer),
        };
        let end = Reply::End {
            items: vec![self.said_to(&asked, &request)],
            ending: Ending::Completed,
        };
        responder.send(end, Saving::default());
        Some(asked)
    }

    fn said_to(&mut self, asked: &Asked, request: &Request) -> Body {
        let words = |text: &str| Body::message(text, Phase::FinalAnswer);
        if !asked.is_question {
            return words(ASIDE);
        }
        // Who asks again takes no answer in words and wants a call.
        let wants_call = self.has_used_words && !asked.has_answer;
        self.has_used_words |= asked.tools > 0;
        match request.tools.shell() {
            Ok(shell) if wants_call => shell.call(&format!("echo {}", self.answer), &Map::new()),
            _ => words(&self.answer),
        }
    }
}

/// A word that stands nowhere else.
fn word(beginning: &str) -> String {
    let id = Uuid::now_v7().simple().to_string();
    // The end of it is random.
    format!("{beginning}{}", &id[id.len() - 8..])
}

fn in_words(request: &Request, agent: &str) -> String {
    let format = match request.format {
        Format::Responses | Format::Compaction => "Responses",
        Format::Chat => "Chat Completions",
        Format::Messages => "Messages",
    };
    let streams = match request.stream {
        true => "streams",
        false => "does not stream, so notes arrive with the answer",
    };
    let tools = match request.tools.tools().len() {
        0 => "no tools".to_owned(),
        1 => "one tool".to_owned(),
        many => format!("{many} tools"),
    };
    let model = &request.model;
    format!("{agent} asks by {format} for the model {model}, {streams}, and offers {tools}")
}
