//! What waits for the person, and what has been said: the place where server and terminal meet.
//!
//! [`channel`] is how requests come in and replies go out; [`Inbox`] is the state that the person
//! sees, changed by [`Event`]s and replies. It reads no clock and does no I/O of its own.

mod changes;
mod channel;
mod conversation;
mod statistics;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use channel::{
    Answerer, Arrival, Event, Intake, Pending, Refusal, RequestId, Responder, channel,
};
use conversation::{Closed, OpenRequest};
pub use conversation::{Conversation, ConversationId, Delivery, Said, Status, Words};

pub use statistics::{Spread, Statistics};

use crate::api::{Ending, OutputItem, Phase, Reply, Request};
use crate::draft::Draft;

/// How many conversations are kept; the oldest that nobody waits in goes first.
const MOST_CONVERSATIONS: usize = 500;
/// How many bytes of JSON all conversations together may hold before the oldest that nobody waits
/// in goes.
const MOST_BYTES: usize = 1 << 30;

/// All conversations, newest activity first; those that the program answers come last.
#[derive(Debug)]
pub struct Inbox {
    conversations: Vec<Conversation>,
    /// By the client's name for the thread, and whether the program answers in it: what an agent
    /// asks for itself must not end up among what the person talks about.
    threads: HashMap<(String, bool), ConversationId>,
    requests: HashMap<RequestId, ConversationId>,
    /// What comes back with the news that a client has gone, where that was found out before.
    unreturned: HashMap<RequestId, (ConversationId, Vec<Draft>)>,
    next_id: u64,
    statistics: Statistics,
    most_bytes: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            conversations: Vec::new(),
            threads: HashMap::new(),
            requests: HashMap::new(),
            unreturned: HashMap::new(),
            next_id: 0,
            statistics: Statistics::default(),
            most_bytes: MOST_BYTES,
        }
    }
}

/// What an [`Event`] changed, for whoever draws it.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A request came in.
    Arrived {
        /// Where.
        conversation: ConversationId,
        /// Whether the program has answered it already.
        automatic: bool,
        /// Whether it is the one that the conversation now shows; else it waits behind another.
        current: bool,
    },
    /// A reply reached the client.
    Delivered {
        /// Where.
        conversation: ConversationId,
        /// Its tokens.
        tokens: u64,
    },
    /// A client went away.
    ClientGone {
        /// Where.
        conversation: ConversationId,
        /// What had been said and did not reach it, as it was composed, oldest first.
        returned: Vec<Draft>,
    },
}

/// Why a reply could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// No request is open in the conversation.
    #[error("nobody waits here; the text is kept for the next request")]
    NobodyWaits,
    /// The client went away.
    #[error("the client is gone; the text is kept")]
    ClientGone,
}

impl Inbox {
    /// All conversations, newest activity first.
    pub fn conversations(&self) -> &[Conversation] {
        &self.conversations
    }

    /// One conversation.
    pub fn get(&self, id: ConversationId) -> Option<&Conversation> {
        self.conversations
            .iter()
            .find(|conversation| conversation.id == id)
    }

    /// The place of a conversation in the list.
    pub fn position(&self, id: ConversationId) -> Option<usize> {
        self.conversations
            .iter()
            .position(|conversation| conversation.id == id)
    }

    /// How many requests wait for the person.
    pub fn waiting(&self) -> usize {
        self.conversations.iter().map(Conversation::waiting).sum()
    }

    /// The conversations that wait, the one that has waited longest first.
    pub fn longest_waiting(&self) -> Vec<ConversationId> {
        let waiting = self.conversations.iter().rev();
        let mut waiting: Vec<_> = waiting
            .filter_map(|conversation| match conversation.status() {
                Status::Waiting { since } => Some((since, conversation.id)),
                _ => None,
            })
            .collect();
        // Those that came at the same moment in the order in which they came.
        waiting.sort();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// Numbers since the program was started.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Takes an event in. `None` if it changed nothing that can be seen.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Option<Change> {
        let change = match event {
            Event::Arrived(arrival) => Some(self.arrived(*arrival, now)),
            Event::Delivered { id, ticket, tokens } => self.delivered(id, ticket, tokens),
            Event::Gone { id } => self.gone(id, now),
        };
        self.tidy();
        change
    }

    /// Says something to the request that waits in a conversation. `draft` is how the person
    /// composed it, which comes back should the client not get it.
    ///
    /// # Errors
    ///
    /// A [`ReplyError`] if there is nobody to say it to; nothing is sent then.
    pub fn reply(
        &mut self,
        id: ConversationId,
        reply: Reply,
        draft: Draft,
        now: Timestamp,
    ) -> Result<(), ReplyError> {
        let conversation = self.get_mut(id).ok_or(ReplyError::NobodyWaits)?;
        let open = conversation
            .open
            .front_mut()
            .ok_or(ReplyError::NobodyWaits)?;
        let (request, arrived) = (open.id, open.arrived);
        let Some(ticket) = open.responder.send(reply.clone()) else {
            // The news of it is on its way; the text must not be.
            if let Some(Change::ClientGone { returned, .. }) = self.gone(request, now)
                && !returned.is_empty()
            {
                self.unreturned.insert(request, (id, returned));
            }
            self.tidy();
            return Err(ReplyError::ClientGone);
        };
        let is_first = !conversation.has_said();
        let ends = reply.ends();
        let words: Vec<Words> = match reply {
            Reply::Items(items) => {
                conversation.end_live(request, ticket);
                items.into_iter().map(Words::Item).collect()
            }
            Reply::Live { delta, phase } => {
                conversation.say_live(&delta, phase, now, request, ticket, draft.clone());
                Vec::new()
            }
            Reply::End { items, ending } => {
                conversation.end_live(request, ticket);
                let items = items.into_iter().map(Words::Item);
                let rejection = match ending {
                    Ending::Failed { message, .. } => Some(Words::Rejection(message)),
                    Ending::Completed | Ending::OutOfTokens => None,
                };
                items.chain(rejection).collect()
            }
        };
        let draft = Arc::new(draft);
        conversation
            .said
            .extend(words.into_iter().map(|words| Said {
                words,
                draft: Arc::clone(&draft),
                at: now,
                state: Delivery::Sent,
                request,
                ticket,
            }));
        conversation.last_activity = now;
        if ends {
            conversation.closed = Closed::Answered;
            conversation.open.pop_front();
            Self::next_in_line(conversation, now);
        }
        if is_first {
            self.statistics.first.add(arrived, now);
        }
        if ends {
            self.statistics.answered += 1;
            self.statistics.whole.add(arrived, now);
        }
        self.tidy();
        Ok(())
    }

    fn arrived(&mut self, arrival: Arrival, now: Timestamp) -> Change {
        let Arrival {
            id,
            request,
            agent,
            answerer,
        } = arrival;
        let automatic = matches!(answerer, Answerer::Program(_));
        let found = match &request.thread {
            Some(thread) => self.threads.get(&(thread.clone(), automatic)).copied(),
            None => {
                let all = || {
                    let all = self.conversations.iter();
                    all.filter(|c| c.automatic.is_some() == automatic)
                };
                // What goes on by id does so whatever became of the words.
                let chained = all().find(|c| c.is_chained_with(&request));
                let found = chained.or_else(|| all().find(|c| c.is_continued_by(&request)));
                found.map(|c| c.id)
            }
        };
        // A request that begins a conversation is shown at once; one that goes on with it may
        // have to queue.
        let (index, mut queued) = match found.and_then(|id| self.position(id)) {
            Some(index) => (index, Some(request)),
            None => (self.begin(request, agent, automatic, now), None),
        };
        let conversation = &mut self.conversations[index];
        self.requests.insert(id, conversation.id);
        conversation.last_activity = now;
        let mut current = true;
        match answerer {
            Answerer::Person(responder) => {
                current = conversation.open.is_empty();
                if let Some(request) = queued.take_if(|_| current) {
                    conversation.adopt(request, now);
                }
                let open = OpenRequest {
                    id,
                    responder,
                    arrived: now,
                    queued,
                };
                conversation.open.push_back(open);
                self.statistics.requests += 1;
            }
            Answerer::Program(housekeeping) => {
                if let Some(request) = queued {
                    conversation.adopt(request, now);
                }
                // What the agent asked for is not what anybody would look for in the list.
                conversation.title = housekeeping.purpose.into();
                conversation.automatic = Some(housekeeping.purpose);
                conversation.said.push(Said {
                    words: Words::Item(OutputItem::Message {
                        text: housekeeping.answer,
                        phase: Phase::FinalAnswer,
                    }),
                    draft: Arc::default(),
                    at: now,
                    state: Delivery::Sent,
                    request: id,
                    ticket: 0,
                });
                self.statistics.automatic += 1;
            }
        }
        Change::Arrived {
            conversation: conversation.id,
            automatic,
            current,
        }
    }

    /// Begins a conversation and returns its place.
    fn begin(&mut self, request: Request, agent: String, automatic: bool, now: Timestamp) -> usize {
        let id = ConversationId(self.next_id);
        self.next_id += 1;
        if let Some(thread) = &request.thread {
            self.threads.insert((thread.clone(), automatic), id);
        }
        self.conversations
            .push(Conversation::new(id, request, agent, now));
        self.conversations.len() - 1
    }

    fn delivered(&mut self, id: RequestId, ticket: u64, tokens: u64) -> Option<Change> {
        let conversation = self.of_request(id)?;
        let is_own = conversation.automatic.is_none();
        let said = conversation.said.iter_mut();
        // Replies leave in order, so those before it are delivered too: a client that does not
        // stream gets all of them at once.
        for said in said.filter(|said| said.request == id && said.ticket <= ticket) {
            said.state = Delivery::Delivered;
        }
        let is_open = conversation.open.iter().any(|open| open.id == id);
        let mut said = conversation.said.iter();
        let is_done = !is_open && !said.any(|s| s.request == id && s.state == Delivery::Sent);
        let conversation = conversation.id;
        if is_done {
            self.requests.remove(&id);
        }
        if is_own {
            self.statistics.output_tokens += tokens;
        }
        Some(Change::Delivered {
            conversation,
            tokens,
        })
    }

    fn gone(&mut self, id: RequestId, now: Timestamp) -> Option<Change> {
        if let Some((conversation, returned)) = self.unreturned.remove(&id) {
            return Some(Change::ClientGone {
                conversation,
                returned,
            });
        }
        let conversation = self.of_request(id)?;
        let returned = conversation.undelivered_to(id);
        for said in conversation
            .said
            .iter_mut()
            .filter(|said| said.request == id)
        {
            if said.can_be_lost() {
                said.state = Delivery::Undelivered;
            }
        }
        let was_current = conversation.open.front().is_some_and(|open| open.id == id);
        conversation.open.retain(|open| open.id != id);
        conversation.closed = Closed::ClientGone;
        conversation.last_activity = now;
        if was_current {
            Self::next_in_line(conversation, now);
        }
        let conversation = conversation.id;
        self.requests.remove(&id);
        self.statistics.gone += 1;
        Some(Change::ClientGone {
            conversation,
            returned,
        })
    }

    /// Makes the next request of the conversation the one that is shown.
    fn next_in_line(conversation: &mut Conversation, now: Timestamp) {
        let next = conversation
            .open
            .front_mut()
            .and_then(|open| open.queued.take());
        if let Some(request) = next {
            conversation.adopt(request, now);
        }
    }

    fn of_request(&mut self, id: RequestId) -> Option<&mut Conversation> {
        let conversation = *self.requests.get(&id)?;
        self.get_mut(conversation)
    }

    fn get_mut(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        self.conversations
            .iter_mut()
            .find(|conversation| conversation.id == id)
    }

    /// Newest first, those that nobody has to look at last, and not too many.
    fn tidy(&mut self) {
        self.conversations.sort_by_key(|c| {
            let is_automatic = c.automatic.is_some() && !c.is_waiting();
            (is_automatic, std::cmp::Reverse(c.last_activity))
        });
        let most_bytes = self.most_bytes;
        let too_much = |all: &[Conversation]| {
            let bytes: usize = all.iter().map(Conversation::bytes).sum();
            all.len() > MOST_CONVERSATIONS || bytes > most_bytes
        };
        while too_much(&self.conversations) {
            let oldest = self.conversations.iter().rposition(|c| !c.is_waiting());
            // The newest stays, however large it is: it is what the person looks at.
            let Some(index) = oldest.filter(|index| *index > 0) else {
                return;
            };
            let dropped = self.conversations.remove(index).id;
            self.threads.retain(|_, id| *id != dropped);
            self.requests.retain(|_, id| *id != dropped);
        }
    }
}

#[cfg(test)]
mod tests;
