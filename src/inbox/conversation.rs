//! A conversation: the requests of one thread, and the replies to them.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::changes::changes;
use super::channel::Responder;
use super::drafting::{Mode, TurnDrafts};
use super::repeated_items::RepeatedItems;
use crate::agents::{InventedTurns, directory_in, prompt_title};
use crate::api::{Body, Ending, Format, Item, Phase, Reply, Request, ShellTool, Tool};
use crate::draft::Draft;
use crate::journal::{self, SaidState};
use crate::store::marks::Marked;
use crate::store::{
    ConversationHeader, ConversationId, LoadedConversation, MemoryUse, REJECTED_FOR, RequestId,
    Store,
};

/// The requests of one thread: an agent sends the whole thread with every request, so the newest
/// request is the conversation.
#[derive(Debug)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The name of the agent that sends its requests.
    pub agent: String,
    /// The purpose of its requests, if the program answers them by itself.
    pub automatic: Option<String>,
    /// When something last happened in it.
    pub(crate) last_activity: Timestamp,
    /// The marks of the person on it and on its turns.
    pub(super) marks: Vec<Marked>,
    /// The conversation on whose behalf it was begun, if it is that of a sub-agent.
    pub parent: Option<ConversationId>,
    /// The conversations that are listed together with it.
    pub(super) family: Option<Family>,
    pub(super) title: String,
    /// The newest request, or the one that is answered next.
    pub(super) request: Request,
    /// When each item of the request was first seen.
    pub(super) seen: Vec<Timestamp>,
    /// The index of the first item that is new since the last reply.
    pub(super) new_from: usize,
    /// Whether there are items before the new ones.
    pub(super) continued: bool,
    pub(super) changes: Vec<String>,
    /// The requests that wait, the one that is answered next in front.
    pub(super) open: VecDeque<OpenRequest>,
    /// The replies that the client has not sent back as items yet.
    pub(super) replies: Vec<SentReply>,
    pub(super) outcome: Outcome,
    /// When its request was rejected, as long as the same request is refused for that.
    pub(super) rejected: Option<Timestamp>,
    /// Who answers its requests.
    pub(super) mode: Mode,
    /// The drafts of models for the request that waits. In a box, because most conversations have none.
    pub(super) drafting: Option<Box<TurnDrafts>>,
    /// Whether its request is in memory; else it has to be loaded from the journal.
    loaded: bool,
    /// The folder that the items name, once [`Conversation::directory`] has looked for it.
    directory: OnceLock<Option<String>>,
    /// How many items were searched for a folder already, and the folder that they name.
    scanned_directory: (usize, Option<String>),
}

/// A conversation together with those that sub-agents began on its behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    /// The conversation that began the others.
    pub root: ConversationId,
    /// When something last happened in any of them.
    pub active: Timestamp,
}

/// A request that waits for the person.
#[derive(Debug)]
pub(super) struct OpenRequest {
    pub id: RequestId,
    pub(crate) responder: Responder,
    pub arrived: Timestamp,
    /// The request itself, as long as another one of the conversation is answered first.
    pub queued: Option<Request>,
}

/// A reply, or one item of it, that the client has not sent back as an item of a later request yet.
#[derive(Debug, Clone)]
pub struct SentReply {
    /// What was sent.
    pub content: ReplyContent,
    /// What the person composed, which is returned if the client does not get it. All items of one reply
    /// share it.
    pub draft: Arc<Draft>,
    /// When it was sent.
    pub at: Timestamp,
    /// Whether it was delivered.
    pub state: Delivery,
    /// The id of its row in the journal.
    pub(super) id: i64,
    pub(super) request: RequestId,
    /// The number that [`Responder::send`] gave it.
    pub(super) ticket: u64,
    /// How many retries of the request were refused with it, if it is a rejection.
    pub refused_retries: u32,
}

impl SentReply {
    /// The request that it answers.
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// Whether another value is the same reply, whatever the state of its delivery is.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.request, self.ticket, &self.content) == (other.request, other.ticket, &other.content)
    }

    /// Whether the client would lose it if it went away now. A message that is still typed live is lost
    /// with all that was delivered of it.
    pub(super) fn can_be_lost(&self) -> bool {
        match self.state {
            Delivery::Sent => true,
            Delivery::Delivered => matches!(self.content, ReplyContent::Live(..)),
            Delivery::Undelivered => false,
        }
    }
}

/// The content of a reply, or of one item of it. The names of its variants are part of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReplyContent {
    /// An output item of the response.
    Item(Body),
    /// A message that is typed live and has not ended.
    Live(String, Phase),
    /// The words with which the request was rejected.
    Rejection(String),
}

impl ReplyContent {
    /// Its text, as a model would have written it.
    pub fn text(&self) -> String {
        match self {
            Self::Item(item) => item.text().into_owned(),
            Self::Live(text, _) | Self::Rejection(text) => text.clone(),
        }
    }

    /// Its text for the search index; empty as long as it is typed live.
    pub(super) fn search_text(&self) -> String {
        match self {
            Self::Live(..) => String::new(),
            words => words.text(),
        }
    }

    /// Whether an item of a request is this reply, so that its client has got it.
    pub(crate) fn matches(&self, item: &Item) -> bool {
        let Self::Item(sent) = self else {
            // Live messages have not ended, and rejections are no items.
            return false;
        };
        let echoed = item.said().filter(|_| item.is_from_model());
        echoed.is_some_and(|echoed| sent.is_echoed_by(echoed))
    }
}

/// Whether a reply was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way.
    Sent,
    /// It was written to the client's connection.
    Delivered,
    /// The client went away first.
    Undelivered,
}

impl From<Delivery> for SaidState {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Sent => Self::Sent,
            Delivery::Delivered => Self::Delivered,
            Delivery::Undelivered => Self::Undelivered,
        }
    }
}

/// How the last response of a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    ClientGone,
}

/// Whether a conversation waits, and how it ended if it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A request waits.
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
        let opening = InventedTurns::of(&request);
        let items = request.items.iter().enumerate();
        let mut from_model = items.filter(|(index, item)| {
            item.is_from_model() && !opening.contains(&request.items, *index)
        });
        let last_from_model = from_model.next_back().map(|(index, _)| index);
        let new_from = last_from_model.map_or(0, |index| index + 1);
        let mut conversation = Self {
            id,
            agent,
            automatic: None,
            last_activity: now,
            marks: Vec::new(),
            parent: None,
            family: None,
            title: String::new(),
            seen: vec![now; request.items.len()],
            new_from,
            continued: new_from > 0,
            changes: Vec::new(),
            request,
            // Room for one, because nearly always there is one, and thousands of conversations may wait.
            open: VecDeque::with_capacity(1),
            replies: Vec::new(),
            outcome: Outcome::Answered,
            rejected: None,
            mode: Mode::default(),
            drafting: None,
            loaded: true,
            directory: OnceLock::new(),
            scanned_directory: (0, None),
        };
        conversation.title = conversation.request.title();
        conversation
    }

    /// A conversation of which only what a list shows is in memory.
    pub(super) fn of_header(header: ConversationHeader) -> Self {
        let at = Timestamp::from_millisecond(header.active).unwrap_or_default();
        let mut conversation = Self::new(
            header.id,
            Request::empty(Format::Responses),
            header.agent,
            at,
        );
        conversation.title = header.title;
        conversation.automatic = header.automatic;
        conversation.marks = header.marks;
        conversation.loaded = false;
        if header.gone {
            conversation.outcome = Outcome::ClientGone;
        }
        conversation
    }

    /// Fills it with what was loaded from the journal.
    pub(super) fn load(&mut self, loaded: LoadedConversation, memory: &mut MemoryUse) {
        let arrived = Timestamp::from_millisecond(loaded.arrived).unwrap_or_default();
        let known = Self::new(self.id, loaded.request, self.agent.clone(), arrived);
        memory.add(known.items());
        memory.remove(self.items());
        (self.request, self.seen) = (known.request, known.seen);
        (self.directory, self.scanned_directory) = (OnceLock::new(), (0, None));
        (self.new_from, self.continued) = (known.new_from, known.continued);
        let mut drafts: Vec<(String, Arc<Draft>)> = Vec::new();
        self.replies.clear();
        for row in loaded.replies {
            let Ok(content) = serde_json::from_str(&row.words) else {
                continue;
            };
            // All items of one reply share its draft.
            let shared = drafts.last().filter(|(typed, _)| *typed == row.typed);
            let draft = match shared {
                Some((_, draft)) => Arc::clone(draft),
                None => Arc::new(Draft::from_json(&row.typed)),
            };
            drafts.push((row.typed, Arc::clone(&draft)));
            self.replies.push(SentReply {
                content,
                draft,
                at: Timestamp::from_millisecond(row.at).unwrap_or_default(),
                state: match row.state {
                    SaidState::Sent => Delivery::Sent,
                    SaidState::Delivered => Delivery::Delivered,
                    SaidState::Undelivered => Delivery::Undelivered,
                },
                id: row.id,
                request: RequestId(row.turn),
                ticket: u64::try_from(row.ticket).unwrap_or(0),
                refused_retries: 0,
            });
        }
        self.loaded = true;
    }

    /// A conversation as it was loaded from the journal.
    pub(crate) fn of_loaded(loaded: LoadedConversation) -> Self {
        let mut conversation = Self::of_header(loaded.header.clone());
        conversation.load(loaded, &mut MemoryUse::default());
        conversation
    }

    /// What a list shows of it.
    pub fn header(&self) -> ConversationHeader {
        ConversationHeader {
            id: self.id,
            agent: self.agent.clone(),
            title: self.title.clone(),
            automatic: self.automatic.clone(),
            active: self.last_activity.as_millisecond(),
            gone: self.status() == Status::ClientGone,
            marks: self.marks.clone(),
        }
    }

    /// The marks of the person: that of the conversation, then those of its turns.
    pub fn marks(&self) -> &[Marked] {
        &self.marks
    }

    /// Whether its request is in memory; else it has to be loaded before it can be shown.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// The rows of the replies to a request, from an index on, each with its text for the search index.
    pub(super) fn rows(&self, from: usize, request: RequestId) -> Vec<(journal::SaidRow, String)> {
        let replies = self.replies.iter().skip(from);
        let own = replies.filter(|reply| reply.request == request);
        own.map(|reply| (self.row(reply), reply.content.search_text()))
            .collect()
    }

    fn row(&self, reply: &SentReply) -> journal::SaidRow {
        journal::SaidRow {
            id: reply.id,
            conversation: self.id.0,
            turn: reply.request.0,
            ticket: i64::try_from(reply.ticket).unwrap_or(i64::MAX),
            at: reply.at.as_millisecond(),
            state: reply.state.into(),
            words: serde_json::to_string(&reply.content).unwrap_or_default(),
            typed: reply.draft.to_json(),
        }
    }

    /// The beginning of its first prompt, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The folder that the agent works in, where it says so.
    pub fn directory(&self) -> Option<&str> {
        let find = || {
            let (displayed, scanned_directory) = &self.scanned_directory;
            let new = self.items().get(*displayed..).unwrap_or_default();
            directory_in(new).or_else(|| scanned_directory.clone())
        };
        self.directory.get_or_init(find).as_deref()
    }

    /// The newest request, or the one that is answered next.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The items of the request, oldest first.
    pub fn items(&self) -> &[Arc<Item>] {
        &self.request.items
    }

    /// When the item at `index` was first seen.
    pub fn seen(&self, index: usize) -> Option<Timestamp> {
        self.seen.get(index).copied()
    }

    /// The index of the first item that is new since the last reply.
    pub fn new_from(&self) -> usize {
        self.new_from
    }

    /// Whether there are items before the new ones.
    pub(crate) fn is_continued(&self) -> bool {
        self.continued
    }

    /// What the agent changed in the newest request, apart from new items: instructions, tools, parameters.
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// The replies that the client has not sent back as items yet, oldest first.
    pub fn replies(&self) -> &[SentReply] {
        &self.replies
    }

    /// The tools that the request offers.
    pub fn tools(&self) -> &[Tool] {
        self.request.tools.tools()
    }

    /// The tool that runs a shell command, if one is offered.
    pub fn shell(&self) -> Option<&ShellTool> {
        self.request.tools.shell().ok()
    }

    /// Whether it waits, and how it ended if it does not.
    pub fn status(&self) -> Status {
        match (self.open.front(), self.outcome) {
            (Some(open), _) => Status::Waiting {
                since: open.arrived,
            },
            (None, Outcome::Answered) => Status::Answered,
            (None, Outcome::ClientGone) => Status::ClientGone,
        }
    }

    /// Whether the same request is refused if it is sent again now.
    pub fn rejects(&self, now: Timestamp) -> bool {
        let since = |at| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        self.rejected.is_some_and(|at| since(at) < REJECTED_FOR)
    }

    /// How many retries of its rejected request were refused.
    pub fn refused_retries(&self) -> u32 {
        self.replies.last().map_or(0, |reply| reply.refused_retries)
    }

    /// Whether a request waits.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many requests wait; more than one if the agent sends them in parallel.
    pub fn waiting(&self) -> usize {
        self.open.len()
    }

    /// Whether there is a reply to the request that waits.
    pub(crate) fn has_replied(&self) -> bool {
        let current = self.open_request();
        self.replies
            .iter()
            .any(|reply| Some(reply.request) == current)
    }

    /// The newest item that is worth a line in the list.
    pub fn newest_item(&self) -> Option<&Arc<Item>> {
        let opening = InventedTurns::of(&self.request);
        let mut new = (self.new_from..self.items().len()).rev();
        let newest = new.find(|index| !self.is_agent_inserted(opening, *index));
        newest.map_or(self.items().last(), |index| self.items().get(index))
    }

    /// Tells for the index of an item whether the agent inserted the item by itself and it is no news.
    pub(crate) fn agent_inserted_items(&self) -> impl Fn(usize) -> bool {
        let opening = InventedTurns::of(&self.request);
        move |index| self.is_agent_inserted(opening, index)
    }

    fn is_agent_inserted(&self, opening: InventedTurns, index: usize) -> bool {
        let Some(item) = self.items().get(index) else {
            return false;
        };
        let is_new = self.continued && index >= self.new_from;
        let is_instruction = || matches!(item.role(), Some("system" | "developer"));
        // What the agent adds to a prompt is context. Instructions after calls or messages of the model
        // may be the result of a tool.
        let is_within_model_turn = || {
            let mut before = self.items()[..index].iter().rev();
            let nearest = before.find(|item| !item.is_boilerplate());
            nearest.is_some_and(|item| !item.is_prompt())
        };
        let is_tool_result =
            || is_new && is_instruction() && !item.is_tagged() && is_within_model_turn();
        opening.contains(self.items(), index) && !is_tool_result()
    }

    /// The id of the request that is answered next, if one waits.
    pub(crate) fn open_request(&self) -> Option<RequestId> {
        self.open.front().map(|open| open.id)
    }

    /// The text of all replies to the request that waits, one after the other.
    pub(crate) fn text_sent_to_current(&self) -> String {
        let current = self.open_request();
        let replies = self
            .replies
            .iter()
            .filter(|reply| Some(reply.request) == current);
        replies.map(|reply| reply.content.text()).collect()
    }

    /// The phase of the message that is being typed live to the request that waits, if there is one.
    pub(crate) fn live_phase(&self) -> Option<Phase> {
        let current = self.open_request();
        let last = self.replies.last();
        let last = last.filter(|reply| Some(reply.request) == current)?;
        match last.content {
            ReplyContent::Live(_, phase) => Some(phase),
            _ => None,
        }
    }

    /// Ends the message that was typed live to a request. It counts as delivered when the reply with
    /// this ticket is.
    pub(super) fn end_live(&mut self, request: RequestId, ticket: u64) {
        let last = self
            .replies
            .last_mut()
            .filter(|reply| reply.request == request);
        if let Some(reply) = last
            && let ReplyContent::Live(text, phase) = &mut reply.content
        {
            reply.content = ReplyContent::Item(Body::message(std::mem::take(text), *phase));
            reply.state = Delivery::Sent;
            reply.ticket = ticket;
        }
    }

    /// The drafts of replies that are neither known to be delivered nor in the items of a new request,
    /// oldest first.
    pub(super) fn missing_from(&self, request: &Request) -> Vec<Draft> {
        let items = request.items.iter().skip(self.items().len());
        let sent: Vec<&Item> = items.map(|item| &**item).collect();
        self.undelivered_where(|reply| !sent.iter().any(|item| reply.content.matches(item)))
    }

    /// The drafts of replies to a request that are not known to be delivered, oldest first.
    pub(super) fn undelivered_to(&self, request: RequestId) -> Vec<Draft> {
        self.undelivered_where(|reply| reply.request == request)
    }

    fn undelivered_where(&self, is_such: impl Fn(&SentReply) -> bool) -> Vec<Draft> {
        let replies = self.replies.iter().filter(|reply| is_such(reply));
        let mut drafts: Vec<&Arc<Draft>> = replies
            .filter(|reply| reply.can_be_lost() && reply.draft.sender.is_person())
            .map(|reply| &reply.draft)
            .collect();
        drafts.dedup_by(|one, other| Arc::ptr_eq(one, other));
        drafts
            .into_iter()
            .map(|draft| Draft::clone(draft))
            .collect()
    }

    /// Adds to the message that is typed live, or begins one.
    pub(super) fn add_live(
        &mut self,
        delta: &str,
        phase: Phase,
        (now, id): (Timestamp, i64),
        request: RequestId,
        new_ticket: u64,
        draft: Draft,
    ) {
        if let Some(SentReply {
            content: ReplyContent::Live(text, _),
            draft: all,
            ticket,
            state,
            ..
        }) = self
            .replies
            .last_mut()
            .filter(|reply| reply.request == request)
        {
            text.push_str(delta);
            let all = Arc::make_mut(all);
            all.add_line(&draft);
            *ticket = new_ticket;
            *state = Delivery::Sent;
            return;
        }
        self.replies.push(SentReply {
            content: ReplyContent::Live(delta.to_owned(), phase),
            draft: Arc::new(draft),
            at: now,
            state: Delivery::Sent,
            id,
            request,
            ticket: new_ticket,
            refused_retries: 0,
        });
    }

    /// Adds a reply, which was composed as `draft`.
    pub(super) fn add_reply(
        &mut self,
        reply: Reply,
        draft: Draft,
        (request, ticket): (RequestId, u64),
        store: &Store,
        now: Timestamp,
    ) {
        self.last_activity = now;
        let (items, rejection) = match reply {
            Reply::Live { delta, phase } => {
                return self.add_live(
                    &delta,
                    phase,
                    (now, store.next_reply_id()),
                    request,
                    ticket,
                    draft,
                );
            }
            Reply::Items(items) => (items, None),
            Reply::End { items, ending } => match ending {
                Ending::Failed { message, .. } => (items, Some(ReplyContent::Rejection(message))),
                Ending::Completed | Ending::OutOfTokens => (items, None),
            },
        };
        self.end_live(request, ticket);
        let draft = Arc::new(draft);
        let contents = items.into_iter().map(ReplyContent::Item).chain(rejection);
        self.replies.extend(contents.map(|content| SentReply {
            content,
            draft: Arc::clone(&draft),
            at: now,
            state: Delivery::Sent,
            id: store.next_reply_id(),
            request,
            ticket,
            refused_retries: 0,
        }));
    }

    /// Has later requests found by the answer to this one, for clients that do not name their threads.
    pub(super) fn index_answer(&self, id: RequestId, store: &Store) {
        let request = &self.request;
        if request.thread.is_some() {
            return;
        }
        let Some(asked) = request.prompts().next_back() else {
            return;
        };
        let own = self.replies.iter().filter(|reply| reply.request == id);
        let messages = own.filter_map(|reply| match &reply.content {
            ReplyContent::Item(item @ Body::Message { .. }) => Some(item.words()),
            _ => None,
        });
        // Some clients send the messages of one answer back as one.
        let words = messages.collect::<Vec<_>>().join("\n");
        if !words.trim().is_empty() {
            store.add_answer(self.id, &prompt_title(asked), &words);
        }
    }

    /// Marks the replies to a request up to this ticket as delivered. Returns whether the request is
    /// done, and whether anything was written.
    pub(super) fn mark_delivered(
        &mut self,
        id: RequestId,
        ticket: u64,
        store: &Store,
    ) -> (bool, bool) {
        let own = self.replies.iter_mut().filter(|reply| reply.request == id);
        let mut is_done = true;
        let mut reached = Vec::new();
        for reply in own {
            // Replies leave in order, so those before it are delivered too. A client that does not
            // stream gets all of them at once.
            if reply.ticket <= ticket && reply.state != Delivery::Delivered {
                reply.state = Delivery::Delivered;
                // A message that a model is still streaming is written at its end.
                let is_whole = !matches!(reply.content, ReplyContent::Live(..));
                if is_whole || reply.draft.sender.is_person() {
                    reached.push((reply.id, SaidState::Delivered));
                }
            }
            is_done &= reply.state != Delivery::Sent;
        }
        let is_kept = !reached.is_empty();
        store.save_deliveries(reached.into_iter());
        let is_open = self.open.iter().any(|open| open.id == id);
        (is_done && !is_open, is_kept)
    }

    /// Marks the replies to a request that its client has lost as undelivered, and returns their drafts.
    pub(super) fn mark_undelivered(&mut self, id: RequestId, store: &Store) -> Vec<Draft> {
        let returned = self.undelivered_to(id);
        let own = self.replies.iter_mut().filter(|reply| reply.request == id);
        let mut lost = Vec::new();
        for reply in own.filter(|reply| reply.can_be_lost()) {
            reply.state = Delivery::Undelivered;
            lost.push((reply.id, SaidState::Undelivered));
        }
        store.save_deliveries(lost.into_iter());
        returned
    }

    /// Shows the request that is answered next, if one waits.
    pub(super) fn show_next_request(&mut self, memory: &mut MemoryUse, now: Timestamp) {
        let next = self.open.front_mut().and_then(|open| open.queued.take());
        if let Some(request) = next {
            self.show_request(request, memory, now);
        }
    }

    /// Makes `request` the one that is shown, and finds out which of its items are new.
    pub(super) fn show_request(
        &mut self,
        request: Request,
        memory: &mut MemoryUse,
        now: Timestamp,
    ) {
        let old = std::mem::replace(&mut self.request, request);
        let last = self.replies.last().map(|reply| &reply.content);
        let is_taken_back =
            self.outcome == Outcome::ClientGone || matches!(last, Some(ReplyContent::Rejection(_)));
        self.loaded = true;
        let new = &self.request;
        let pairs = old.items.iter().zip(&new.items);
        let common = pairs
            .take_while(|(old, new)| old.says_the_same(new))
            .count();
        // Only items that are added to the old ones have to be searched for a folder.
        match (common == old.items.len(), self.directory.take()) {
            (true, Some(known)) => self.scanned_directory = (common, known),
            (true, None) => {}
            (false, _) => self.scanned_directory = (0, None),
        }
        memory.add(&new.items);
        memory.remove(&old.items);
        let is_retry = common == old.items.len() && common == new.items.len();
        let seen_after_common = self.seen.split_off(common.min(self.seen.len()));
        if !is_retry {
            let repeated = RepeatedItems::of(&old.items, seen_after_common, common);
            let seen_again = repeated.seen_in(&new.items[common..], &self.replies, now);
            self.seen.extend(seen_again);
            // Items that the server had stored are not new.
            let stored_end = match new.earlier {
                0 => 0,
                earlier => (new.preamble + earlier).min(new.items.len()),
            };
            self.seen.resize(self.seen.len().max(stored_end), now);
            // A client whose connection broke sends the replies that it got and nothing else. What was
            // new before is still new then.
            if self.seen.len() < new.items.len() {
                self.new_from = self.seen.len();
                self.changes = changes(&old, new);
            }
            self.new_from = self.new_from.min(new.items.len());
            self.continued = true;
            self.replies.clear();
        }
        self.seen.resize(new.items.len(), now);
        // A person who took the first prompt back and asks for something else begins anew.
        let begins_anew = || self.request.is_beginning() && old.is_beginning();
        if self.title.is_empty() || (is_taken_back && begins_anew()) {
            self.title = self.request.title();
        }
    }
}
