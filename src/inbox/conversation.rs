//! A conversation: the requests of one thread, and what was said to them.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::changes::changes;
use super::channel::{RequestId, Responder};
use crate::api::{Item, OutputItem, Phase, Request, ShellTool, Tool};
use crate::draft::Draft;

/// Identifies a conversation for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId(pub(super) u64);

/// The requests of one thread: an agent sends the whole thread with every request, so the newest
/// request is the conversation.
#[derive(Debug)]
pub struct Conversation {
    /// Its name.
    pub id: ConversationId,
    /// The program on the other side.
    pub agent: String,
    /// Why the program answered by itself, if it did.
    pub automatic: Option<&'static str>,
    /// When something last happened.
    pub last_activity: Timestamp,
    pub(super) title: String,
    pub(super) request: Request,
    /// Found once for each request, because every frame asks for it.
    shell: Option<ShellTool>,
    pub(super) seen: Vec<Timestamp>,
    pub(super) new_from: usize,
    pub(super) continued: bool,
    pub(super) changes: Vec<String>,
    pub(super) open: VecDeque<OpenRequest>,
    pub(super) said: Vec<Said>,
    pub(super) closed: Closed,
}

/// A request that waits for the person.
#[derive(Debug)]
pub(super) struct OpenRequest {
    pub id: RequestId,
    pub responder: Responder,
    pub arrived: Timestamp,
    /// The request, while another one of the conversation is answered first.
    pub queued: Option<Request>,
}

/// Something the person said that the client has not sent back yet.
#[derive(Debug, Clone)]
pub struct Said {
    /// What.
    pub words: Words,
    /// As it was composed: it comes back should the client not get it. All that left with one
    /// reply shares it.
    pub draft: Arc<Draft>,
    /// When.
    pub at: Timestamp,
    /// How far it got.
    pub state: Delivery,
    pub(super) request: RequestId,
    pub(super) ticket: u64,
}

impl Said {
    /// Whether the other is this one, at another stage of its delivery perhaps.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.request, self.ticket, &self.words) == (other.request, other.ticket, &other.words)
    }

    /// Whether the client would not have it if it went now: a message that is not whole is lost
    /// with all of its lines.
    pub(super) fn can_be_lost(&self) -> bool {
        match self.state {
            Delivery::Sent => true,
            Delivery::Delivered => matches!(self.words, Words::Live(..)),
            Delivery::Undelivered => false,
        }
    }
}

/// What a person can say to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Words {
    /// An output item of the response.
    Item(OutputItem),
    /// A message that was typed live.
    Live(String, Phase),
    /// Why the request will not be answered.
    Rejection(String),
}

/// How far something that was said got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Sent,
    /// Handed to the client's connection.
    Delivered,
    /// The client went away first.
    Undelivered,
}

/// How the last response of a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    Answered,
    ClientGone,
}

/// What a conversation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A client waits for the person.
    Waiting {
        /// Since when.
        since: Timestamp,
    },
    /// Everything was answered.
    Answered,
    /// The client went away without an answer.
    ClientGone,
}

impl Conversation {
    pub(super) fn new(id: ConversationId, request: Request, agent: String, now: Timestamp) -> Self {
        let after_model = request.items.iter().rposition(|item| item.is_from_model());
        let new_from = after_model.map_or(0, |index| index + 1);
        let mut conversation = Self {
            id,
            agent,
            automatic: None,
            last_activity: now,
            title: String::new(),
            seen: vec![now; request.items.len()],
            new_from,
            continued: new_from > 0,
            changes: Vec::new(),
            shell: ShellTool::find(&request.tools).ok(),
            request,
            open: VecDeque::new(),
            said: Vec::new(),
            closed: Closed::Answered,
        };
        conversation.title = conversation.make_title();
        conversation
    }

    /// The first line of what was asked first.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The newest request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// About how many bytes of JSON it holds.
    pub(super) fn bytes(&self) -> usize {
        self.request.items.iter().map(|item| item.bytes).sum()
    }

    /// The items of the newest request, oldest first.
    pub fn items(&self) -> &[Arc<Item>] {
        &self.request.items
    }

    /// When the item at `index` was first seen.
    pub fn seen(&self, index: usize) -> Option<Timestamp> {
        self.seen.get(index).copied()
    }

    /// The first item that came since the last reply.
    pub fn new_from(&self) -> usize {
        self.new_from
    }

    /// Whether there was something before what is new.
    pub fn is_continued(&self) -> bool {
        self.continued
    }

    /// What the newest request changed besides going on: instructions, tools, parameters.
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// What was said to the newest request, oldest first.
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// The tools that the newest request offers.
    pub fn tools(&self) -> &[Tool] {
        &self.request.tools
    }

    /// The tool that runs a shell command, if one is offered.
    pub fn shell(&self) -> Option<&ShellTool> {
        self.shell.as_ref()
    }

    /// What the conversation is doing.
    pub fn status(&self) -> Status {
        match (self.open.front(), self.closed) {
            (Some(open), _) => Status::Waiting {
                since: open.arrived,
            },
            (None, Closed::Answered) => Status::Answered,
            (None, Closed::ClientGone) => Status::ClientGone,
        }
    }

    /// Whether a client waits for the person.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many requests of this conversation wait; more than one if the agent asks in parallel.
    pub fn waiting(&self) -> usize {
        self.open.len()
    }

    /// Whether something was already said to the request that waits.
    pub fn has_said(&self) -> bool {
        let current = self.open.front().map(|open| open.id);
        self.said.iter().any(|said| Some(said.request) == current)
    }

    /// The newest item that is worth a line in the inbox.
    pub fn newest(&self) -> Option<&Arc<Item>> {
        let new = self.items().get(self.new_from..).unwrap_or_default();
        let worth = |item: &&Arc<Item>| !item.is_boilerplate();
        new.iter().rev().find(worth).or(self.items().last())
    }

    /// All that was said so far to the request that waits, one after the other.
    pub fn said_to_current(&self) -> String {
        let current = self.open.front().map(|open| open.id);
        let said = self
            .said
            .iter()
            .filter(|said| Some(said.request) == current);
        said.map(|said| match &said.words {
            Words::Item(item) => item.text(),
            Words::Live(text, _) | Words::Rejection(text) => text.clone(),
        })
        .collect()
    }

    /// What the message is that is being typed live to the request that waits, if there is one.
    pub fn live_phase(&self) -> Option<Phase> {
        let current = self.open.front().map(|open| open.id);
        let last = self.said.last();
        let last = last.filter(|said| Some(said.request) == current)?;
        match last.words {
            Words::Live(_, phase) => Some(phase),
            _ => None,
        }
    }

    /// Ends the message that was typed live to a request, which is delivered when that reply is.
    pub(super) fn end_live(&mut self, request: RequestId, ticket: u64) {
        let last = self.said.last_mut().filter(|said| said.request == request);
        if let Some(said) = last
            && let Words::Live(text, phase) = &mut said.words
        {
            said.words = Words::Item(OutputItem::Message {
                text: std::mem::take(text),
                phase: *phase,
            });
            said.state = Delivery::Sent;
            said.ticket = ticket;
        }
    }

    /// What was said and is not known to have arrived, as it was composed, oldest first.
    pub fn undelivered(&self) -> Vec<Draft> {
        self.undelivered_of(|_| true)
    }

    /// The same, as far as it was said to one request.
    pub(super) fn undelivered_to(&self, request: RequestId) -> Vec<Draft> {
        self.undelivered_of(|said| said.request == request)
    }

    fn undelivered_of(&self, is_meant: impl Fn(&Said) -> bool) -> Vec<Draft> {
        let said = self.said.iter().filter(|said| is_meant(said));
        let mut drafts: Vec<&Arc<Draft>> = said
            .filter(|said| said.can_be_lost())
            .map(|said| &said.draft)
            .collect();
        drafts.dedup_by(|one, other| Arc::ptr_eq(one, other));
        drafts
            .into_iter()
            .map(|draft| Draft::clone(draft))
            .collect()
    }

    /// The thread that a draft belongs to, the same after a restart of the program: the client's
    /// own name for it, else the fingerprint of how it began.
    pub fn draft_key(&self) -> String {
        match &self.request.thread {
            Some(thread) => thread.clone(),
            None => {
                let first = self.items().iter().find(|item| item.is_prompt());
                format!("{:016x}", first.map_or(0, |item| item.fingerprint))
            }
        }
    }

    /// Adds to the message that is typed live, which is the last thing said if there is one.
    pub(super) fn say_live(
        &mut self,
        delta: &str,
        phase: Phase,
        now: Timestamp,
        request: RequestId,
        new_ticket: u64,
        draft: Draft,
    ) {
        if let Some(Said {
            words: Words::Live(text, _),
            draft: all,
            ticket,
            state,
            ..
        }) = self.said.last_mut().filter(|said| said.request == request)
        {
            text.push_str(delta);
            Arc::make_mut(all).text.push_str(&draft.text);
            *ticket = new_ticket;
            *state = Delivery::Sent;
            return;
        }
        self.said.push(Said {
            words: Words::Live(delta.to_owned(), phase),
            draft: Arc::new(draft),
            at: now,
            state: Delivery::Sent,
            request,
            ticket: new_ticket,
        });
    }

    /// Makes `request` the conversation and finds out what is new in it.
    pub(super) fn adopt(&mut self, mut request: Request, now: Timestamp) {
        let old = std::mem::take(&mut self.request.items);
        let pairs = old.iter().zip(&mut request.items);
        let mut common = 0;
        for (old, new) in pairs.take_while(|(old, new)| old.fingerprint == new.fingerprint) {
            // One copy of what every request brings again.
            *new = Arc::clone(old);
            common += 1;
        }
        let is_retry = common == old.len() && common == request.items.len();
        self.seen.truncate(common);
        if !is_retry {
            // An agent may leave something out and keep what came after it; that is not new.
            let known: HashSet<u64> = old.iter().map(|item| item.fingerprint).collect();
            let rest = request.items[common..].iter();
            let rest =
                rest.take_while(|item| item.is_from_model() || known.contains(&item.fingerprint));
            // What comes back of what was said was there when it was said.
            let mut said = self.said.iter().map(|said| said.at);
            let seen = rest.map(|item| match known.contains(&item.fingerprint) {
                true => now,
                false => said.next().unwrap_or(now),
            });
            self.seen.extend(seen);
            // What the server had stored was there before.
            let stored = match request.earlier {
                0 => 0,
                earlier => request.preamble + earlier,
            };
            let stored = stored.min(request.items.len());
            self.seen.resize(self.seen.len().max(stored), now);
            // A client whose connection broke sends the notes that it got and nothing else; what
            // was new then still is.
            if self.seen.len() < request.items.len() {
                self.new_from = self.seen.len();
                self.changes = changes(&old, &self.request, &request);
            }
            self.continued = true;
            self.said.clear();
        }
        self.seen.resize(request.items.len(), now);
        self.shell = ShellTool::find(&request.tools).ok();
        self.request = request;
        if self.title.is_empty() {
            self.title = self.make_title();
        }
    }

    /// Whether `request`, which names no thread, goes on with this conversation, which does not
    /// either: it begins with all that was here and goes on from there, or it is the same again
    /// after the client had lost its connection.
    pub(super) fn is_continued_by(&self, request: &Request) -> bool {
        let (old, new) = (self.items(), &request.items);
        let begins = new.len() >= old.len()
            && old
                .iter()
                .zip(new)
                .all(|(a, b)| a.fingerprint == b.fingerprint);
        let is_retry = self.open.is_empty() && self.closed == Closed::ClientGone;
        begins && self.request.thread.is_none() && (new.len() > old.len() || is_retry)
    }

    /// Whether `request`, which names no thread, goes on from a response in this conversation.
    pub(super) fn is_chained_with(&self, request: &Request) -> bool {
        let own = self.request.chain.as_ref();
        self.request.thread.is_none()
            && request.earlier > 0
            && own.is_some_and(|own| request.chain.as_ref() == Some(own))
    }

    fn make_title(&self) -> String {
        let items = self.items();
        let prompt = items.iter().find(|item| item.is_prompt()).or(items.first());
        let text = prompt.map(|item| item.text()).unwrap_or_default();
        let line = text.lines().find(|line| !line.trim().is_empty());
        line.unwrap_or_default().trim().chars().take(200).collect()
    }
}
