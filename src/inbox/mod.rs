//! The inbox: the conversations, and the requests in them that wait for the person.
//!
//! [`channel`] connects the server with the person: requests come in through it, and replies go out.
//! [`Inbox`] is the state that the terminal shows; it is changed by [`Event`]s and by replies. It reads
//! no clock: every method that needs the time takes it as `now`. All that it writes goes through the
//! [`Store`].
//!
//! Whoever replies, the person, a script, a rule or a model, does so through the inbox:
//!
//! - `composing` checks a reply against what the request asks for
//! - `control` answers scripts
//! - `drafting` has models draft replies, and applies the rules
//! - `turn_times` and `statistics` measure how long all of that takes

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
pub use statistics::{DurationTotals, ResponseStatistics};

use crate::api::{Body, Phase, Reply, Request};
use crate::draft::{Draft, Sender};
use crate::journal::TurnTime;
use crate::store::marks::Marked;
use crate::store::{ConversationHeader, LoadedConversation, MemoryUse, RequestKey, Saving, Store};
pub use crate::store::{ConversationId, RequestId};
use crate::study::Study;

/// How many conversations are in memory; the oldest in which no request waits is dropped first.
const MAX_CONVERSATIONS: usize = 500;
/// How many bytes the items of all conversations may take in memory before the oldest in which no
/// request waits is dropped.
const MAX_BYTES: usize = 1 << 30;

/// How many conversations of earlier runs are listed at the start; a search finds the others.
const MAX_RESTORED: u32 = 200;
/// The name of the setting that holds the statistics.
const STATISTICS: &str = "statistics";
/// The name of the setting that holds the ids of the dismissed conversations.
const DISMISSED: &str = "dismissed";
/// How many dismissed conversations are remembered; the oldest are forgotten first.
const MAX_DISMISSED: usize = 1_000;

/// All conversations in memory, and the requests that wait.
#[derive(Debug)]
pub struct Inbox {
    conversations: HashMap<ConversationId, Conversation>,
    order: ListOrder,
    /// The requests that are not done, because they wait or because not all replies to them were delivered.
    requests: HashMap<RequestId, ConversationId>,
    /// The conversations of sub-agents together with the one that began them, by the latter.
    families: HashMap<ConversationId, BTreeSet<ConversationId>>,
    /// Drafts of replies that a client did not get, where [`Inbox::reply`] found out that it has gone.
    /// The event that says so comes later, and returns them.
    lost_drafts: HashMap<RequestId, (ConversationId, Vec<Draft>)>,
    statistics: ResponseStatistics,
    memory: MemoryUse,
    max_bytes: usize,
    store: Store,
    /// The last write of a reply, a delivery or a mark, until [`Inbox::take_saving`] takes it.
    saving: Option<Saving>,
    /// The conversation on the screen. It is never dropped to make room.
    displayed: Option<ConversationId>,
    /// The conversations that the person took off the list: they are not listed at the next start.
    dismissed: BTreeSet<ConversationId>,
    /// The conversations that were dropped to make room, until [`Inbox::take_dropped`] takes them.
    dropped: Vec<ConversationId>,
    /// The conversations that a script has deleted, with their indexes in the list, until
    /// [`Inbox::take_deleted`] takes them.
    deleted: Vec<(ConversationId, usize)>,
    /// The models, the rules and the default mode.
    drafting: Drafting,
    /// The drafts that models are writing, and their conversations.
    drafts_in_progress: HashMap<DraftId, ConversationId>,
    /// The modes of the conversations for which one was set.
    modes: BTreeMap<ConversationId, Mode>,
    /// When the decisions of rules time out.
    deadlines: BTreeSet<(Timestamp, ConversationId)>,
    /// Scripts that wait for a request.
    waiters: Vec<Waiter>,
    /// The request to which the person has just replied, as long as the reply can still be taken back.
    /// No script may answer it.
    claimed: Option<RequestId>,
    /// The settings of the study.
    study: Study,
    /// When the study was paused; `None` if it is not.
    paused: Option<Timestamp>,
    /// The index of the current phase of the study.
    phase: usize,
    /// The times that are measured of the requests that are not done.
    times: HashMap<RequestId, TurnTime>,
}

/// What an [`Event`] or a deadline changed, so that the terminal can show it.
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
        /// Whether a model or a rule answers it, so that the person need not be called.
        handled: bool,
        /// The drafts of replies of an earlier run that the client is not known to have got, oldest first.
        returned: Vec<Draft>,
    },
    /// A reply was delivered to the client.
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
        /// The drafts of replies that it did not get, oldest first.
        returned: Vec<Draft>,
    },
    /// A client sent a rejected request again, which was rejected with the same words.
    RejectedAgain {
        /// The conversation it belongs to.
        conversation: ConversationId,
    },
    /// A model continued a draft, or ended it.
    Drafted {
        /// The conversation it belongs to.
        conversation: ConversationId,
        /// The draft.
        draft: DraftId,
        /// How it changed.
        update: DraftUpdate,
    },
    /// A rule was applied to the request that waited here: at its deadline, or when the mode was changed.
    RuleApplied(ConversationId),
    /// A script has replied.
    ScriptReplied {
        /// The conversation it belongs to.
        conversation: ConversationId,
        /// Whether the reply ended the response.
        ended: bool,
    },
}

impl Change {
    /// The conversation that changed.
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
    /// No request waits in the conversation.
    #[error("no request waiting here; the text is kept for the next one")]
    NobodyWaits,
    /// The study is paused.
    #[error("the study is paused; the text is kept")]
    Paused,
    /// The client went away.
    #[error("client gone; the text is kept")]
    ClientGone,
}

impl Inbox {
    /// An inbox without conversations. Statistics, modes and dismissed conversations are read from the
    /// store.
    pub fn new(store: Store) -> Self {
        let statistics = store
            .setting(STATISTICS)
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default();
        let dismissed = store
            .setting(DISMISSED)
            .and_then(|json| serde_json::from_str::<Vec<i64>>(&json).ok())
            .unwrap_or_default();
        let modes = Self::read_modes(store.setting(Self::modes_setting()));
        Self {
            conversations: HashMap::new(),
            order: ListOrder::default(),
            requests: HashMap::new(),
            families: HashMap::new(),
            statistics,
            lost_drafts: HashMap::new(),
            memory: MemoryUse::default(),
            max_bytes: MAX_BYTES,
            store,
            saving: None,
            displayed: None,
            dismissed: dismissed.into_iter().map(ConversationId).collect(),
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

    /// The store of the conversations.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// All conversations in the order of the list: first those in which a request waits, the longest
    /// wait on top; then the others, the newest activity on top; those that the program answers come
    /// last.
    pub fn conversations(&self) -> impl ExactSizeIterator<Item = &Conversation> {
        self.conversations_from(0)
    }

    /// The conversations from an index of the list on, without walking over those before.
    pub(crate) fn conversations_from(
        &self,
        index: usize,
    ) -> impl ExactSizeIterator<Item = &Conversation> {
        self.order.from(index).map(|id| &self.conversations[&id])
    }

    /// A conversation in memory.
    pub fn get(&self, id: ConversationId) -> Option<&Conversation> {
        self.conversations.get(&id)
    }

    /// The index of a conversation in the list.
    pub fn position(&self, id: ConversationId) -> Option<usize> {
        self.order.position(self.get(id)?)
    }

    /// How many requests wait for the person.
    pub fn waiting(&self) -> usize {
        self.order.waiting_requests()
    }

    /// The conversations in which a request waits, the longest wait first.
    pub(crate) fn longest_waiting(&self) -> impl DoubleEndedIterator<Item = ConversationId> {
        self.order.waiting()
    }

    /// The statistics since the program was first used with this journal.
    pub fn statistics(&self) -> &ResponseStatistics {
        &self.statistics
    }

    /// Applies an event. Returns `None` if it changed nothing that is shown.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Option<Change> {
        let change = match event {
            Event::Arrived(arrival) => Some(self.handle_arrival(*arrival, now)),
            Event::Delivered { id, ticket, tokens } => {
                self.handle_delivery(id, ticket, tokens, now)
            }
            Event::ClientGone { id } => self.handle_client_gone(id, now),
            Event::RejectedAgain { conversation } => self.handle_rejected_again(conversation, now),
            Event::Drafted { id, step } => self.handle_draft_step(id, step, now),
            Event::Delayed { id, plan } => {
                self.record_delay_plan(id, plan);
                None
            }
            Event::Script(script) => self.handle_script(*script, now),
        };
        if let Some(change) = &change {
            self.record_displayed(change.conversation(), now);
            self.notify_waiters(change.conversation());
        }
        change
    }

    /// Sends a reply of the person to the request that waits in a conversation. `draft` is what the
    /// person composed, which is returned if the client does not get the reply; `rest` is the part of
    /// the draft that stays in the composer.
    ///
    /// # Errors
    ///
    /// A [`ReplyError`] if nobody can get it; nothing is sent then.
    pub fn reply(
        &mut self,
        id: ConversationId,
        reply: Reply,
        draft: Draft,
        rest: &Draft,
        now: Timestamp,
    ) -> Result<(), ReplyError> {
        // A model that is writing the reply stops.
        self.take_over(id, now);
        self.suspend_automation(id);
        self.reply_as(id, reply, draft, Some(rest), now)
    }

    /// Sends a reply in the name of the sender that `draft` has. Without `rest`, the person's own draft
    /// stays as it is.
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
            // The event that says so is still on its way. The reply is refused here, so that its text
            // stays.
            if let Some(Change::ClientGone { returned, .. }) = self.handle_client_gone(request, now)
                && !returned.is_empty()
            {
                self.lost_drafts.insert(request, (id, returned));
            }
            return Err(ReplyError::ClientGone);
        }
        let ends = reply.ends();
        let delay = match draft.sender {
            Sender::Person | Sender::Script => self.reply_delay(id),
            Sender::Auto { .. } | Sender::Rule(_) => None,
        };
        let statistics = is_person.then(|| {
            if self.get(id).is_some_and(|found| !found.has_replied()) {
                self.statistics.first.add(arrived, now);
            }
            if ends {
                self.statistics.answered += 1;
                self.statistics.whole.add(arrived, now);
            }
            (STATISTICS, self.statistics.to_json())
        });
        let times = self.record_reply_time(request, ends, now);
        let store = self.store.clone();
        let mut saving = Saving::default();
        let mut ended_turn = None;
        self.edit(id, |conversation, memory| {
            let Some(open) = conversation.open.front() else {
                return;
            };
            let ticket = open.responder.next_ticket();
            // The last reply is written again: it may be a live message that this one adds to or ends.
            let first_changed = conversation.replies.len().saturating_sub(1);
            if let Some(words) = reply.rejection() {
                let key = RequestKey {
                    conversation: id,
                    request,
                };
                store.reject(key, &conversation.request, words);
                conversation.rejected = Some(now);
            }
            conversation.add_reply(reply.clone(), draft, (request, ticket), &store, now);
            let rows = if store.has_journal() {
                conversation.rows(first_changed, request)
            } else {
                Vec::new()
            };
            // If the client has gone since, the event that says so returns the draft.
            saving = store.save_replies(rows, times, rest.map(|rest| (id, rest)), statistics);
            if let Some(open) = conversation.open.front_mut() {
                open.responder.send_with_delay(reply, saving, delay);
                // Lets the threads run that were just woken: a client waits for them, and nobody for
                // this one.
                std::thread::yield_now();
            }
            if ends {
                conversation.index_answer(request, &store);
                ended_turn = conversation.take_turn_drafts();
                conversation.outcome = Outcome::Answered;
                conversation.open.pop_front();
                conversation.show_next_request(memory, now);
            }
        });
        self.saving = Some(saving);
        if ends {
            self.end_turn(id, ended_turn, now);
            // Another request may have been queued behind this one.
            self.handle_automatically(id, now);
            self.record_displayed(id, now);
            self.notify_waiters(id);
        }
        Ok(())
    }

    /// Sets the conversation that is on the screen.
    pub fn set_displayed(&mut self, conversation: Option<ConversationId>, now: Timestamp) {
        self.displayed = conversation;
        if let Some(id) = conversation {
            self.record_displayed(id, now);
        }
    }

    /// Whether [`Inbox::take_saving`] would return a write.
    pub(crate) fn has_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// The last write of a reply, a delivery or a mark since the last call; `None` if there was none.
    pub(crate) fn take_saving(&mut self) -> Option<Saving> {
        self.saving.take()
    }

    /// The conversations that were dropped to make room since the last call.
    pub(crate) fn take_dropped(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.dropped)
    }

    /// The conversations that a script has deleted since the last call, with the indexes that they had
    /// in the list.
    pub(crate) fn take_deleted(&mut self) -> Vec<(ConversationId, usize)> {
        std::mem::take(&mut self.deleted)
    }

    /// Forgets the rejections of a conversation, so that its clients may ask again. Returns whether
    /// there were any.
    pub fn lift_rejections(&mut self, id: ConversationId) -> bool {
        let conversation = self.conversations.get_mut(&id);
        let rejected = conversation.and_then(|conversation| conversation.rejected.take());
        rejected.is_some() && self.store.lift_rejections(id)
    }

    /// Forgets the rejection of a conversation in which a new request comes, unless it has several.
    fn lift_rejection_on_progress(&mut self, id: ConversationId) {
        let conversation = self.conversations.get_mut(&id);
        let rejecting = conversation.filter(|conversation| conversation.rejected.is_some());
        if let Some(conversation) = rejecting
            && self.store.lift_single_rejection(id)
        {
            conversation.rejected = None;
        }
    }

    /// Forgets a rejection that the client did not get.
    fn withdraw_rejection(&mut self, key: RequestKey) {
        if let Some(conversation) = self.conversations.get_mut(&key.conversation)
            && self.store.withdraw_rejection(key)
        {
            conversation.rejected = None;
        }
    }

    fn handle_rejected_again(&mut self, id: ConversationId, now: Timestamp) -> Option<Change> {
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
        // The first request of a conversation is shown at once; a later one may have to wait in the queue.
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
                    // The purpose says more in the list than the prompt, which the agent wrote.
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
        // A sub-agent's conversation takes the mode of the one that began it.
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

    /// Adds a conversation that was loaded because a request belongs to it. Returns the drafts of its
    /// last replies that are neither known to be delivered nor in the items of the request: the client
    /// did not get them.
    fn load_earlier(&mut self, loaded: LoadedConversation, request: &Request) -> Vec<Draft> {
        let id = loaded.header.id;
        self.insert(loaded.header.clone());
        self.load(loaded);
        let found = self.conversations.get(&id);
        found.map_or_else(Vec::new, |found| found.missing_from(request))
    }

    /// Lists the newest conversations of earlier runs that were not dismissed.
    pub fn restore(&mut self) {
        let dismissed = u32::try_from(self.dismissed.len()).unwrap_or(0);
        let mut recent = self.store.recent(MAX_RESTORED + dismissed);
        recent.retain(|header| !self.dismissed.contains(&header.id));
        recent.truncate(MAX_RESTORED as usize);
        recent.into_iter().for_each(|header| self.insert(header));
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

    /// Fills a conversation that is listed with what was loaded from the journal.
    pub fn load(&mut self, loaded: LoadedConversation) {
        self.edit(loaded.header.id, |conversation, memory| {
            if !conversation.is_loaded() {
                conversation.load(loaded, memory);
            }
        });
    }

    /// Sets and writes the mark of a conversation or of one of its turns.
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

    /// Whether a request waits in a conversation, or not all of its replies were delivered.
    pub fn is_busy(&self, id: ConversationId) -> bool {
        self.get(id).is_some_and(Conversation::is_waiting)
            || self.requests.values().any(|busy| *busy == id)
    }

    /// Deletes a conversation for good, unless it is busy. Returns whether it was deleted.
    pub fn delete(&mut self, id: ConversationId) -> bool {
        let is_deleted = self.get(id).is_some() && !self.is_busy(id);
        if is_deleted {
            self.remove(id);
            self.store.delete(id);
        }
        is_deleted
    }

    /// Takes a conversation off the list, unless it is busy. Returns whether it was. It stays in the
    /// journal, and a search or a request of its client brings it back.
    pub(crate) fn dismiss(&mut self, id: ConversationId) -> bool {
        let is_dismissed = self.get(id).is_some() && !self.is_busy(id);
        if is_dismissed {
            self.dismiss_now(id);
            self.save_dismissed();
        }
        is_dismissed
    }

    /// Takes all conversations off the list that are not busy and not `is_spared`, and returns them.
    pub(crate) fn dismiss_done(
        &mut self,
        is_spared: impl Fn(ConversationId) -> bool,
    ) -> Vec<ConversationId> {
        let busy: BTreeSet<ConversationId> = self.requests.values().copied().collect();
        let done: Vec<ConversationId> = self
            .conversations()
            .filter(|found| !found.is_waiting())
            .map(|found| found.id)
            .filter(|id| !busy.contains(id) && !is_spared(*id))
            .collect();
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
            let json = serde_json::to_string(&ids).unwrap_or_default();
            self.store.save_setting(DISMISSED, json);
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
        // A delivery does not change the place in the list, so this need not go through `edit`.
        let (is_done, is_kept) = found.mark_delivered(id, ticket, &self.store);
        if found.automatic.is_none() {
            self.statistics.output_tokens += tokens;
        }
        if is_done {
            self.record_delivery_time(id, now);
            self.requests.remove(&id);
        }
        // Each piece of a streaming model is delivered on its own, and nothing is written for that.
        if is_kept {
            // Written after the delivery itself, so that the terminal, which waits for this write before
            // it shows the delivery, never shows one that a restart would return as a draft.
            self.saving = Some(self.save_statistics());
        }
        Some(Change::Delivered {
            conversation,
            tokens,
        })
    }

    fn handle_client_gone(&mut self, id: RequestId, now: Timestamp) -> Option<Change> {
        if let Some((conversation, returned)) = self.lost_drafts.remove(&id) {
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

    /// Changes a conversation, and moves it to its new place in the list.
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

    /// Lists a conversation of a sub-agent below the one that began it.
    fn adopt_child(&mut self, child: ConversationId, parent: ConversationId) {
        let Some(found) = self.conversations.get(&parent).filter(|_| child != parent) else {
            return;
        };
        let first = found.family.map_or(parent, |family| family.root);
        // The conversations that it began itself come with it.
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

    /// Lists the conversations of a family by the newest activity in any of them.
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

    /// Drops the oldest conversations from memory until the rest is within the limits.
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
