//! The conversations with the requests that wait for the person: the state that server and terminal share.
//!
//! [`channel`] is how requests come in and replies go out; [`Inbox`] is the state that the person
//! sees, changed by [`Event`]s and replies. It reads no clock and does no I/O of its own.

mod changes;
mod channel;
pub(crate) mod composing;
mod control;
mod conversation;
mod drafting;
mod order;
mod repeated_items;
mod statistics;
mod turn_times;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

pub use channel::{
    Answerer, Arrival, Event, Intake, PendingRequest, Refusal, RequestFilter, Responder, channel,
};
pub use composing::SendProblem;
use control::Waiter;
pub use control::{
    ConversationSummary, InboxStatus, ReplyReceipt, ScriptAnswer, ScriptCommand, ScriptError,
    ScriptPart, ScriptReply, ScriptRequest, Scripts, Snapshot, StudyCommand, StudyState,
    WaitFilter,
};
pub use conversation::{Conversation, Delivery, ReplyContent, SentReply, Status};
use conversation::{Family, OpenRequest, Outcome};
pub use drafting::{
    DraftError, DraftEvents, DraftId, DraftOrder, DraftRequest, DraftState, DraftStep, DraftUpdate,
    Drafting, Mode, ModelDraft, ModelOrder as DraftingOrder, Partial,
};
use order::ListOrder;
pub use statistics::{ResponseStatistics, Spread};

use crate::api::{Body, Phase, Reply, Request};
use crate::draft::{Draft, Sender};
use crate::journal::TurnTime;
use crate::store::marks::Marked;
use crate::store::{ConversationHeader, LoadedConversation, MemoryUse, RequestKey, Saving, Store};
pub use crate::store::{ConversationId, RequestId};
use crate::study::Study;

/// How many conversations are kept; the oldest that nobody waits in goes first.
const MAX_CONVERSATIONS: usize = 500;
/// How many bytes of JSON all conversations together may hold before the oldest that nobody waits
/// in goes.
const MAX_BYTES: usize = 1 << 30;

/// How many conversations of earlier runs are listed; the others are found by a search.
const MAX_RESTORED: u32 = 200;
/// The setting that has the statistics.
const STATISTICS: &str = "statistics";
/// The setting that has the dismissed conversations.
const DISMISSED: &str = "dismissed";
/// How many dismissed conversations are remembered; the oldest go first.
const MAX_DISMISSED: usize = 1_000;

/// All conversations.
#[derive(Debug)]
pub struct Inbox {
    conversations: HashMap<ConversationId, Conversation>,
    order: ListOrder,
    requests: HashMap<RequestId, ConversationId>,
    /// Conversations that were begun on behalf of another, by the first of them, which is among them.
    families: HashMap<ConversationId, BTreeSet<ConversationId>>,
    /// Replies that a client did not get, where that was noticed before the event that it has gone; that
    /// event hands them out.
    unreturned: HashMap<RequestId, (ConversationId, Vec<Draft>)>,
    statistics: ResponseStatistics,
    memory: MemoryUse,
    max_bytes: usize,
    store: Store,
    /// The last write of a reply, until [`Inbox::take_saving`].
    saving: Option<Saving>,
    /// The conversation that the person has open. It is never dropped to make room.
    displayed: Option<ConversationId>,
    /// The conversations that the person dismissed: they are not listed when the program starts again.
    dismissed: BTreeSet<ConversationId>,
    /// The conversations that were dropped to make room, until [`Inbox::take_dropped`].
    dropped: Vec<ConversationId>,
    /// The conversations that a script has deleted, with their positions in the list, until
    /// [`Inbox::take_deleted`].
    deleted: Vec<(ConversationId, usize)>,
    /// The models that draft replies and the rules that decide.
    drafting: Drafting,
    /// The drafts that models are writing, and their conversations.
    drafts_in_progress: HashMap<DraftId, ConversationId>,
    /// The modes of the conversations for which one was set.
    modes: BTreeMap<ConversationId, Mode>,
    /// The deadlines of what rules decided.
    deadlines: BTreeSet<(Timestamp, ConversationId)>,
    /// Scripts that wait for a request.
    waiters: Vec<Waiter>,
    /// The request that the person has answered with a reply that is not sent yet; no script may answer it.
    claimed: Option<RequestId>,
    /// The settings of a study.
    study: Study,
    /// When the study was paused; `None` if it is not.
    paused: Option<Timestamp>,
    /// The index of the current phase of the study.
    phase: usize,
    /// The times of the requests that are not done.
    times: HashMap<RequestId, TurnTime>,
}

/// What an [`Event`] changed, for whoever draws it.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A request came in.
    Arrived {
        /// The conversation it belongs to.
        conversation: ConversationId,
        /// Whether the program has answered it already.
        automatic: bool,
        /// Whether it is the one that the conversation now shows; else it waits behind another.
        current: bool,
        /// Whether a model or a rule answers it, so that the person need not look.
        handled: bool,
        /// What was said in an earlier run and is not known to have reached the client.
        returned: Vec<Draft>,
    },
    /// A reply reached the client.
    Delivered {
        /// The conversation it belongs to.
        conversation: ConversationId,
        /// Its tokens.
        tokens: u64,
    },
    /// A client went away.
    ClientGone {
        /// The conversation it belongs to.
        conversation: ConversationId,
        /// What had been said and did not reach it, as it was composed, oldest first.
        returned: Vec<Draft>,
    },
    /// A client asked what was rejected, and got the same words again.
    RejectedAgain {
        /// The conversation it belongs to.
        conversation: ConversationId,
    },
    /// A model went on with a draft, or came to its end.
    Drafted {
        /// The conversation it belongs to.
        conversation: ConversationId,
        /// The draft.
        draft: DraftId,
        /// What became of it.
        update: DraftUpdate,
    },
    /// A rule answered what had waited for long enough.
    RuleApplied(ConversationId),
    /// A script said something.
    ScriptReplied {
        /// The conversation it belongs to.
        conversation: ConversationId,
        /// Whether that was the end of the response.
        ended: bool,
    },
}

impl Change {
    /// Where it happened.
    pub fn conversation(&self) -> ConversationId {
        match self {
            Self::Arrived { conversation, .. }
            | Self::Delivered { conversation, .. }
            | Self::ClientGone { conversation, .. }
            | Self::RejectedAgain { conversation }
            | Self::Drafted { conversation, .. }
            | Self::RuleApplied(conversation)
            | Self::ScriptReplied { conversation, .. } => *conversation,
        }
    }
}

/// Why a reply could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// No request is open in the conversation.
    #[error("no request waiting here; the text is kept for the next one")]
    NobodyWaits,
    /// The study stands still.
    #[error("the study is paused; the text is kept")]
    Paused,
    /// The client went away.
    #[error("client gone; the text is kept")]
    ClientGone,
}

impl Inbox {
    /// An inbox with nothing in it.
    pub fn new(store: Store) -> Self {
        let statistics = store.setting(STATISTICS);
        let statistics = statistics.and_then(|numbers| serde_json::from_str(&numbers).ok());
        let dismissed = store.setting(DISMISSED);
        let dismissed = dismissed.and_then(|ids| serde_json::from_str::<Vec<i64>>(&ids).ok());
        let dismissed = dismissed.into_iter().flatten().map(ConversationId);
        let modes = Self::read_modes(store.setting(Self::modes_setting()));
        Self {
            conversations: HashMap::new(),
            order: ListOrder::default(),
            requests: HashMap::new(),
            families: HashMap::new(),
            statistics: statistics.unwrap_or_default(),
            unreturned: HashMap::new(),
            memory: MemoryUse::default(),
            max_bytes: MAX_BYTES,
            store,
            saving: None,
            displayed: None,
            dismissed: dismissed.collect(),
            dropped: Vec::new(),
            deleted: Vec::new(),
            drafting: Drafting::default(),
            drafts_in_progress: HashMap::new(),
            modes,
            deadlines: BTreeSet::new(),
            waiters: Vec::new(),
            claimed: None,
            study: Study::default(),
            paused: None,
            phase: 0,
            times: HashMap::new(),
        }
    }

    /// Where all of it is kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// All conversations: those that wait, the longest wait first, then the newest activity; those
    /// that the program answers come last.
    pub fn conversations(&self) -> impl ExactSizeIterator<Item = &Conversation> {
        self.conversations_from(0)
    }

    /// The conversations from a place in the list on. It takes no longer the further down that is.
    pub(crate) fn conversations_from(
        &self,
        place: usize,
    ) -> impl ExactSizeIterator<Item = &Conversation> {
        self.order.from(place).map(|id| &self.conversations[&id])
    }

    /// One conversation.
    pub fn get(&self, id: ConversationId) -> Option<&Conversation> {
        self.conversations.get(&id)
    }

    /// The place of a conversation in the list.
    pub fn position(&self, id: ConversationId) -> Option<usize> {
        self.order.position(self.get(id)?)
    }

    /// How many requests wait for the person.
    pub fn waiting(&self) -> usize {
        self.order.waiting_requests()
    }

    /// The conversations that wait, the one that has waited longest first.
    pub(crate) fn longest_waiting(&self) -> impl DoubleEndedIterator<Item = ConversationId> {
        self.order.waiting()
    }

    /// Numbers since the program was first used.
    pub fn statistics(&self) -> &ResponseStatistics {
        &self.statistics
    }

    /// Takes an event in. `None` if it changed nothing that can be seen.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Option<Change> {
        let change = match event {
            Event::Arrived(arrival) => Some(self.handle_arrival(*arrival, now)),
            Event::Delivered { id, ticket, tokens } => {
                self.handle_delivery(id, ticket, tokens, now)
            }
            Event::ClientGone { id } => self.handle_client_gone(id, now),
            Event::RejectedAgain { conversation } => {
                self.handle_repeated_request(conversation, now)
            }
            Event::Drafted { id, step } => self.handle_draft_step(id, step, now),
            Event::Delayed { id, plan } => {
                self.record_pacing(id, plan);
                None
            }
            Event::Script(asked) => self.handle_script(*asked, now),
        };
        if let Some(change) = &change {
            self.record_displayed(change.conversation(), now);
            self.notify_waiters(change.conversation());
        }
        change
    }

    /// Says something to the request that waits in a conversation. `draft` is how the person
    /// composed it, which comes back should the client not get it; `rest` is what is left of it
    /// to be sent later.
    ///
    /// # Errors
    ///
    /// A [`ReplyError`] if there is nobody to say it to; nothing is sent then.
    pub fn reply(
        &mut self,
        id: ConversationId,
        reply: Reply,
        draft: Draft,
        rest: &Draft,
        now: Timestamp,
    ) -> Result<(), ReplyError> {
        // Whoever says something has the pen.
        self.take_over(id, now);
        self.suspend_automation(id);
        self.reply_as(id, reply, draft, Some(rest), now)
    }

    /// Says something for whoever `draft` says sends it; without `rest`, the person's draft stays as it is.
    fn reply_as(
        &mut self,
        id: ConversationId,
        reply: Reply,
        draft: Draft,
        rest: Option<&Draft>,
        now: Timestamp,
    ) -> Result<(), ReplyError> {
        let is_person = draft.sender.is_person();
        let conversation = self.conversations.get_mut(&id);
        let open = conversation.and_then(|conversation| conversation.open.front_mut());
        let open = open.ok_or(ReplyError::NobodyWaits)?;
        if self.paused.is_some() {
            return Err(ReplyError::Paused);
        }
        let (request, arrived) = (open.id, open.arrived);
        if open.responder.is_closed() {
            // The news of it is on its way; the text must not be.
            if let Some(Change::ClientGone { returned, .. }) = self.handle_client_gone(request, now)
                && !returned.is_empty()
            {
                self.unreturned.insert(request, (id, returned));
            }
            return Err(ReplyError::ClientGone);
        }
        let ends = reply.ends();
        let delay = match draft.sender {
            Sender::Person | Sender::Script => self.reply_delay(id),
            Sender::Auto { .. } | Sender::Rule(_) => None,
        };
        let numbers = is_person.then(|| {
            if self.get(id).is_some_and(|found| !found.has_replied()) {
                self.statistics.first.add(arrived, now);
            }
            if ends {
                self.statistics.answered += 1;
                self.statistics.whole.add(arrived, now);
            }
            (STATISTICS, self.statistics.to_json())
        });
        let store = self.store.clone();
        let mut written = Saving::default();
        let mut ended = None;
        self.edit(id, |conversation, memory| {
            let Some(open) = conversation.open.front() else {
                return;
            };
            let ticket = open.responder.next_ticket();
            let before = conversation.replies.len().saturating_sub(1);
            if let Some(words) = reply.rejection() {
                let place = RequestKey {
                    conversation: id,
                    request,
                };
                store.reject(place, &conversation.request, words);
                conversation.rejected = Some(now);
            }
            conversation.add_reply(reply.clone(), draft, (request, ticket), &store, now);
            let rows = if store.has_journal() {
                conversation.rows(before, request)
            } else {
                Vec::new()
            };
            // Should the client be gone by now, the news of it brings the words back.
            written = store.save_replies(rows, rest.map(|rest| (id, rest)), numbers);
            if let Some(open) = conversation.open.front_mut() {
                open.responder.send_slowly(reply, written, delay);
                // The client waits for those who were woken by this, and nobody for this thread.
                std::thread::yield_now();
            }
            if ends {
                conversation.index_answer(request, &store);
                ended = conversation.take_turn_drafts();
                conversation.outcome = Outcome::Answered;
                conversation.open.pop_front();
                conversation.show_next_request(memory, now);
            }
        });
        self.saving = Some(written);
        self.record_reply_time(request, ends, now);
        if ends {
            self.end_turn(id, ended, now);
            // Another request may have stood in line behind this one.
            self.handle_automatically(id, now);
            self.record_displayed(id, now);
            self.notify_waiters(id);
        }
        Ok(())
    }

    /// Sets the conversation that the person has open.
    pub fn set_displayed(&mut self, conversation: Option<ConversationId>, now: Timestamp) {
        self.displayed = conversation;
        if let Some(id) = conversation {
            self.record_displayed(id, now);
        }
    }

    /// Whether something was said or delivered since [`Inbox::take_saving`] was asked.
    pub(crate) fn has_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// The last write of something said or delivered since this was asked; `None` if nothing was.
    pub(crate) fn take_saving(&mut self) -> Option<Saving> {
        self.saving.take()
    }

    /// The conversations that had to make room for others since this was asked.
    pub(crate) fn take_dropped(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.dropped)
    }

    /// Those that a script has deleted since this was asked, and where they stood in the list.
    pub(crate) fn take_deleted(&mut self) -> Vec<(ConversationId, usize)> {
        std::mem::take(&mut self.deleted)
    }

    /// Lets a client ask again what was rejected in a conversation; says whether something was.
    pub fn lift_rejections(&mut self, id: ConversationId) -> bool {
        let conversation = self.conversations.get_mut(&id);
        let rejected = conversation.and_then(|conversation| conversation.rejected.take());
        rejected.is_some() && self.store.lift_rejections(id)
    }

    /// A conversation in which something was rejected may have gone on.
    fn lift_rejection_on_progress(&mut self, id: ConversationId) {
        let conversation = self.conversations.get_mut(&id);
        let rejecting = conversation.filter(|conversation| conversation.rejected.is_some());
        if let Some(conversation) = rejecting
            && self.store.lift_single_rejection(id)
        {
            conversation.rejected = None;
        }
    }

    /// A rejection that did not arrive is none.
    fn withdraw_rejection(&mut self, place: RequestKey) {
        if let Some(conversation) = self.conversations.get_mut(&place.conversation)
            && self.store.withdraw_rejection(place)
        {
            conversation.rejected = None;
        }
    }

    fn handle_repeated_request(&mut self, id: ConversationId, now: Timestamp) -> Option<Change> {
        self.edit(id, |conversation, _| {
            conversation.last_activity = now;
            if let Some(SentReply {
                content: ReplyContent::Rejection(_),
                refused_retries,
                ..
            }) = conversation.replies.last_mut()
            {
                *refused_retries += 1;
            }
        })?;
        Some(Change::RejectedAgain { conversation: id })
    }

    fn handle_arrival(&mut self, arrival: Arrival, now: Timestamp) -> Change {
        let Arrival {
            id,
            conversation,
            parent,
            earlier,
            request,
            agent,
            answerer,
        } = arrival;
        let automatic = matches!(answerer, Answerer::Program(_));
        self.lift_rejection_on_progress(conversation);
        // A request that begins a conversation is shown at once; one that goes on with it may
        // have to queue.
        let returned = earlier
            .map(|loaded| self.load_earlier(*loaded, &request))
            .unwrap_or_default();
        let mut queued = if self.conversations.contains_key(&conversation) {
            Some(request)
        } else {
            let begun = Conversation::new(conversation, request, agent, now);
            self.memory.add(begun.items());
            self.order.insert(&begun);
            self.conversations.insert(conversation, begun);
            if parent.is_none() && !automatic {
                self.save_default_mode(conversation);
            }
            None
        };
        self.requests.insert(id, conversation);
        if !automatic {
            self.begin_turn_times(conversation, id);
        }
        if let Some(parent) = parent {
            self.adopt_child(conversation, parent);
        }
        let current = self.edit(conversation, |conversation, memory| {
            conversation.last_activity = now;
            let is_idle = conversation.open.is_empty();
            if let Some(request) = queued.take_if(|_| is_idle || automatic) {
                conversation.show_request(request, memory, now);
            }
            match answerer {
                Answerer::Person(responder) => conversation.open.push_back(OpenRequest {
                    id,
                    responder,
                    arrived: now,
                    queued,
                }),
                Answerer::Program(housekeeping) => {
                    // What the agent asked for is not what anybody would look for in the list.
                    let words = housekeeping.purpose.words();
                    conversation.title = words.into();
                    conversation.automatic = Some(words.into());
                    conversation.replies.push(SentReply {
                        content: ReplyContent::Item(Body::message(
                            housekeeping.answer,
                            Phase::FinalAnswer,
                        )),
                        draft: Arc::default(),
                        at: now,
                        state: Delivery::Sent,
                        id: 0,
                        request: id,
                        ticket: 0,
                        refused_retries: 0,
                    });
                }
            }
            is_idle || automatic
        });
        let is_current = current == Some(true);
        // One that was begun on behalf of another goes on as that does now.
        let mode = self.initial_mode(conversation);
        if let Some(found) = self.conversations.get_mut(&conversation) {
            found.mode = mode;
        }
        let handled = !automatic && is_current && self.handle_automatically(conversation, now);
        if automatic {
            self.statistics.automatic += 1
        } else {
            self.statistics.requests += 1
        }
        self.make_room();
        Change::Arrived {
            conversation,
            automatic,
            current: is_current,
            handled,
            returned,
        }
    }

    /// Takes in a conversation of an earlier run whose client comes back with a request. What was
    /// said to it last and is not known to have arrived did not, unless it is in what the client
    /// sends.
    fn load_earlier(&mut self, loaded: LoadedConversation, request: &Request) -> Vec<Draft> {
        let id = loaded.header.id;
        self.insert(loaded.header.clone());
        self.load(loaded);
        let found = self.conversations.get(&id);
        found.map_or_else(Vec::new, |found| found.missing_from(request))
    }

    /// Lists the newest conversations of earlier runs.
    pub fn restore(&mut self) {
        let dismissed = u32::try_from(self.dismissed.len()).unwrap_or(0);
        let recent = self.store.recent(MAX_RESTORED + dismissed).into_iter();
        let recent = recent.filter(|header| !self.dismissed.contains(&header.id));
        let listed: Vec<ConversationHeader> = recent.take(MAX_RESTORED as usize).collect();
        listed.into_iter().for_each(|header| self.insert(header));
    }

    /// Lists a conversation of an earlier run, if it is not listed already.
    pub fn insert(&mut self, header: ConversationHeader) {
        if !self.conversations.contains_key(&header.id) {
            if self.dismissed.remove(&header.id) {
                self.save_dismissed();
            }
            let mut conversation = Conversation::of_header(header);
            conversation.mode = self.initial_mode(conversation.id);
            self.order.insert(&conversation);
            self.conversations.insert(conversation.id, conversation);
        }
    }

    /// Takes in what the journal has of a conversation that is listed.
    pub fn load(&mut self, loaded: LoadedConversation) {
        self.edit(loaded.header.id, |conversation, memory| {
            if !conversation.is_loaded() {
                conversation.load(loaded, memory);
            }
        });
    }

    /// Keeps what the person makes of a conversation or of one of its turns.
    pub fn mark(&mut self, marked: Marked) {
        self.saving = Some(self.store.save_mark(marked.mark.clone()));
        let id = ConversationId(marked.mark.conversation);
        if let Some(conversation) = self.conversations.get_mut(&id) {
            let marks = &mut conversation.marks;
            marks.retain(|known| known.turn != marked.turn);
            if !marked.mark.is_empty() {
                let at = marks.partition_point(|known| known.turn < marked.turn);
                marks.insert(at, marked);
            }
        }
    }

    /// Whether somebody waits in a conversation, or has not got all that was said to them.
    pub fn is_busy(&self, id: ConversationId) -> bool {
        self.get(id).is_some_and(Conversation::is_waiting)
            || self.requests.values().any(|busy| *busy == id)
    }

    /// Deletes a conversation for good, unless it is busy; says whether it is gone.
    pub fn delete(&mut self, id: ConversationId) -> bool {
        let is_deleted = self.get(id).is_some() && !self.is_busy(id);
        if is_deleted {
            self.remove(id);
            self.store.delete(id);
        }
        is_deleted
    }

    /// Takes a conversation off the list, unless it is busy; says whether it is off. The journal
    /// keeps it, and a search or its client brings it back.
    pub(crate) fn dismiss(&mut self, id: ConversationId) -> bool {
        let is_dismissed = self.get(id).is_some() && !self.is_busy(id);
        if is_dismissed {
            self.dismiss_now(id);
            self.save_dismissed();
        }
        is_dismissed
    }

    /// Takes all off the list that nobody waits in, but for those to be spared; says which.
    pub(crate) fn dismiss_done(
        &mut self,
        is_spared: impl Fn(ConversationId) -> bool,
    ) -> Vec<ConversationId> {
        let busy: BTreeSet<ConversationId> = self.requests.values().copied().collect();
        let done = self.conversations().filter(|found| !found.is_waiting());
        let done = done.map(|found| found.id);
        let done = done.filter(|id| !busy.contains(id) && !is_spared(*id));
        let done: Vec<ConversationId> = done.collect();
        for id in &done {
            self.dismiss_now(*id);
        }
        self.save_dismissed();
        done
    }

    fn dismiss_now(&mut self, id: ConversationId) {
        self.remove(id);
        self.store.forget(id);
        self.dismissed.insert(id);
        if self.dismissed.len() > MAX_DISMISSED {
            self.dismissed.pop_first();
        }
    }

    fn save_dismissed(&self) {
        if self.store.has_journal() {
            let ids: Vec<i64> = self.dismissed.iter().map(|id| id.0).collect();
            let ids = serde_json::to_string(&ids).unwrap_or_default();
            self.store.save_setting(DISMISSED, ids);
        }
    }

    fn save_statistics(&self) -> Saving {
        if !self.store.has_journal() {
            return Saving::default();
        }
        self.store
            .save_setting(STATISTICS, self.statistics.to_json())
    }

    fn handle_delivery(
        &mut self,
        id: RequestId,
        ticket: u64,
        tokens: u64,
        now: Timestamp,
    ) -> Option<Change> {
        let conversation = *self.requests.get(&id)?;
        let Some(found) = self.conversations.get_mut(&conversation) else {
            self.requests.remove(&id);
            return None;
        };
        // Nothing of it is listed by, so that it need not be listed anew.
        let (is_done, is_kept) = found.mark_delivered(id, ticket, &self.store);
        if found.automatic.is_none() {
            self.statistics.output_tokens += tokens;
        }
        if is_done {
            self.record_delivery_time(id, now);
            self.requests.remove(&id);
        }
        // Each word of a model is delivered by itself, and nothing of that is kept.
        if is_kept {
            // The last of what this writes: what is called delivered must not come back as a draft.
            self.saving = Some(self.save_statistics());
        }
        Some(Change::Delivered {
            conversation,
            tokens,
        })
    }

    fn handle_client_gone(&mut self, id: RequestId, now: Timestamp) -> Option<Change> {
        if let Some((conversation, returned)) = self.unreturned.remove(&id) {
            return Some(Change::ClientGone {
                conversation,
                returned,
            });
        }
        self.record_disconnect_time(id, now);
        let conversation = self.requests.remove(&id)?;
        let store = self.store.clone();
        let (mut was_current, mut ended) = (false, None);
        let returned = self.edit(conversation, |conversation, memory| {
            let returned = conversation.mark_undelivered(id, &store);
            was_current = conversation.open.front().is_some_and(|open| open.id == id);
            conversation.open.retain(|open| open.id != id);
            conversation.outcome = Outcome::ClientGone;
            conversation.last_activity = now;
            if was_current {
                ended = conversation.take_turn_drafts();
                conversation.show_next_request(memory, now);
            }
            returned
        })?;
        if !returned.is_empty() {
            self.withdraw_rejection(RequestKey {
                conversation,
                request: id,
            });
        }
        self.statistics.gone += 1;
        if was_current {
            self.end_turn(conversation, ended, now);
            self.handle_automatically(conversation, now);
        }
        Some(Change::ClientGone {
            conversation,
            returned,
        })
    }

    /// Changes a conversation, and lists it where it belongs then.
    fn edit<T>(
        &mut self,
        id: ConversationId,
        change: impl FnOnce(&mut Conversation, &mut MemoryUse) -> T,
    ) -> Option<T> {
        let conversation = self.conversations.get_mut(&id)?;
        self.order.remove(conversation);
        let result = change(conversation, &mut self.memory);
        self.order.insert(conversation);
        let active = conversation.last_activity;
        if let Some(family) = conversation.family.filter(|family| family.active < active) {
            self.list_family(family.root, active);
        }
        Some(result)
    }

    /// Lists a conversation with the one on whose behalf it was begun.
    fn adopt_child(&mut self, child: ConversationId, parent: ConversationId) {
        let Some(found) = self.conversations.get(&parent).filter(|_| child != parent) else {
            return;
        };
        let first = found.family.map_or(parent, |family| family.root);
        // What was begun on its own behalf comes with it.
        let own = self.families.remove(&child).unwrap_or_default();
        let family = self.families.entry(first).or_default();
        family.extend([first, child].into_iter().chain(own));
        let members = family.iter().filter_map(|id| self.conversations.get(id));
        let active = members.map(|member| member.last_activity).max();
        if let Some(found) = self.conversations.get_mut(&child) {
            found.parent = Some(parent);
        }
        if let Some(active) = active {
            self.list_family(first, active);
        }
    }

    /// Lists conversations that belong together by when something last happened in any of them.
    fn list_family(&mut self, first: ConversationId, active: Timestamp) {
        for id in self.families.get(&first).into_iter().flatten() {
            if let Some(member) = self.conversations.get_mut(id) {
                self.order.remove(member);
                member.family = Some(Family {
                    root: first,
                    active,
                });
                self.order.insert(member);
            }
        }
    }

    /// Lets go of the oldest where there are too many.
    fn make_room(&mut self) {
        while self.order.len() > MAX_CONVERSATIONS || self.memory.bytes > self.max_bytes {
            let Some(oldest) = self.order.oldest_done(self.displayed) else {
                return;
            };
            self.remove(oldest);
            self.store.forget(oldest);
            self.dropped.push(oldest);
        }
    }

    fn remove(&mut self, id: ConversationId) {
        self.lift_rejections(id);
        if let Some(removed) = self.conversations.remove(&id) {
            self.order.remove(&removed);
            if let Some(family) = removed.family
                && let Some(members) = self.families.get_mut(&family.root)
            {
                members.remove(&id);
                if members.is_empty() {
                    self.families.remove(&family.root);
                }
            }
            self.memory.remove(removed.items());
        }
    }
}

#[cfg(test)]
mod tests;
