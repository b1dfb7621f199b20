//! The store: requests and replies, which the server and the inbox share.
//!
//! - `turn` turns a request into a row of the journal, and back
//! - `threads` decides which conversation a request belongs to
//! - `stored` has the responses and conversations of the Responses API that later requests go on from,
//!   `responses` shares them among connections, and `archive` finds those in the journal that are not in
//!   memory
//! - `context` is what it takes besides its body to read a request again
//! - `past` reads the turns of a conversation one after the other, and `outline` lists them
//! - [`marks`] are labels, ratings and notes of the person
//! - `rejections` remembers what the person has rejected, for a while
//! - `memory_use` counts the bytes that items take in memory
//!
//! With a [`journal`], all of it is on disk too, and is read from there when it is not in memory.

mod archive;
mod context;
pub mod marks;
mod memory_use;
mod outline;
mod past;
mod rejections;
mod responses;
mod stored;
mod threads;
mod turn;

use std::collections::HashMap;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use self::archive::Archive;
use self::marks::Marked;
use self::rejections::Rejections;
use self::threads::{LikelyKeys, ThreadKeys, Threads};
use crate::agents::InventedTurns;
use crate::api::{Interner, Request};
use crate::draft::Draft;
use crate::journal::{
    self, Blob, ConversationRow, DecisionRow, Excerpt, Health, Journal, JournalReader, MarkRow,
    ModelDraftRow, Recall, Record, SaidRow, SaidState, Seq, TurnRow, TurnState, TurnTime,
};

pub(crate) use crate::journal::now;
pub(crate) use context::Context;
pub(crate) use memory_use::MemoryUse;
pub use outline::{Outline, OutlinedTurn};
pub use past::{PastTurn, PastTurns};
pub use rejections::REJECTED_FOR;
pub(crate) use responses::{ResponseRecorder, Responses};
pub use stored::{History, Replay, StoredResponses, resolve, resolve_items};
pub(crate) use threads::RequestKey;
pub use threads::{ConversationId, RequestId};
pub(crate) use turn::{assignment, body_and_context};

/// The requests and replies of all conversations. Clones share one store.
#[derive(Debug, Clone)]
pub struct Store {
    interner: Arc<Interner>,
    responses: Responses,
    threads: Arc<Mutex<Threads>>,
    rejections: Arc<Mutex<Rejections>>,
    next_reply_id: Arc<AtomicI64>,
    next_draft_id: Arc<AtomicI64>,
    next_decision_id: Arc<AtomicI64>,
    journal: Option<Arc<Journal>>,
}

/// A handle of a write to the journal, to wait for it with [`Store::settled`]. Later writes are greater,
/// and are in the journal later; the default one stands for no write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saving(Option<Seq>);

/// A request that was assigned to a conversation.
#[derive(Debug)]
pub(crate) struct Opened {
    pub key: RequestKey,
    /// The conversation on whose behalf its conversation was begun, if that is in memory.
    pub parent: Option<ConversationId>,
    /// Its conversation as the journal has it, if that was not in memory.
    pub earlier: Option<Box<LoadedConversation>>,
    /// The write of the request.
    pub saving: Saving,
}

impl Opened {
    /// The agent that sent it, where its conversation was read from the journal; else empty.
    pub(crate) fn agent(&self) -> &str {
        self.earlier
            .as_ref()
            .map_or("", |loaded| &loaded.header.agent)
    }
}

/// What a list shows of a conversation.
#[derive(Debug, Clone)]
pub struct ConversationHeader {
    /// The id of the conversation.
    pub id: ConversationId,
    /// The name of the agent that sends the requests.
    pub agent: String,
    /// The beginning of its first prompt, in one line.
    pub title: String,
    /// The purpose of its requests, if the program answers them by itself.
    pub automatic: Option<String>,
    /// When something last happened in it, in milliseconds since 1970.
    pub active: i64,
    /// Whether the client of its last request went away without an answer.
    pub gone: bool,
    /// The marks of the person on it and on its turns.
    pub marks: Vec<Marked>,
}

/// A conversation that a search found.
#[derive(Debug, Clone)]
pub struct FoundConversation {
    /// What a list shows of it.
    pub header: ConversationHeader,
    /// A part of the text that was found; empty where no words were searched for.
    pub(crate) excerpt: Excerpt,
}

/// A conversation as it was read from the journal.
#[derive(Debug)]
pub struct LoadedConversation {
    /// What a list shows of it.
    pub header: ConversationHeader,
    /// Its newest request.
    pub request: Request,
    /// When that came, in milliseconds since 1970.
    pub arrived: i64,
    /// The replies to it.
    pub replies: Vec<SaidRow>,
}

impl Store {
    /// A store without a journal, which keeps at most `max_responses` responses and conversations of the
    /// Responses API.
    pub fn new(max_responses: usize) -> Self {
        Self {
            interner: Arc::default(),
            responses: Responses::new(StoredResponses::new(max_responses)),
            threads: Arc::new(Mutex::new(Threads::new(1, 1))),
            rejections: Arc::default(),
            next_reply_id: Arc::new(AtomicI64::new(1)),
            next_draft_id: Arc::new(AtomicI64::new(1)),
            next_decision_id: Arc::new(AtomicI64::new(1)),
            journal: None,
        }
    }

    /// A store with a journal; `max_responses` is how many responses and conversations of the Responses
    /// API are in memory.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn with_journal(
        max_responses: usize,
        journal: Journal,
    ) -> Result<Self, journal::ReadError> {
        let next = journal.reader().next_ids()?;
        journal.write(vec![Record::NobodyWaits]);
        let (journal, interner) = (Arc::new(journal), Arc::<Interner>::default());
        Ok(Self {
            threads: Arc::new(Mutex::new(Threads::new(next.conversation, next.turn))),
            rejections: Arc::default(),
            next_reply_id: Arc::new(AtomicI64::new(next.said)),
            next_draft_id: Arc::new(AtomicI64::new(next.model_draft)),
            next_decision_id: Arc::new(AtomicI64::new(next.decision)),
            journal: Some(Arc::clone(&journal)),
            responses: Responses::new(StoredResponses::with_archive(
                max_responses,
                Archive::new(journal, Arc::clone(&interner)),
            )),
            interner,
        })
    }

    /// The interner, which shares the items and tools that several requests have.
    pub(crate) fn interner(&self) -> &Arc<Interner> {
        &self.interner
    }

    /// The stored responses of the Responses API, which later requests can go on from.
    pub(crate) fn responses(&self) -> &Responses {
        &self.responses
    }

    /// Whether there is a journal.
    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Whether writing to the journal succeeds; `None` without a journal.
    pub fn health(&self) -> Option<watch::Receiver<Health>> {
        self.journal.as_ref().map(|journal| journal.health())
    }

    /// Writes to the journal what is left, whoever else still has this store, and leaves the files in
    /// order. Whatever is written later is in the journal when the program starts again.
    pub fn close_journal(&self) {
        if let Some(journal) = &self.journal {
            journal.close();
        }
    }

    /// Waits until a write is in the journal or has failed, and returns whether it is there. A reply may
    /// leave the program in either case.
    pub(crate) async fn settled(&self, saving: Saving) -> bool {
        match (&self.journal, saving) {
            (Some(journal), Saving(Some(seq))) => journal.settled(seq).await,
            _ => false,
        }
    }

    /// As [`Store::settled`], for threads that may block.
    pub fn settled_blocking(&self, saving: Saving) -> bool {
        match (&self.journal, saving) {
            (Some(journal), Saving(Some(seq))) => journal.settled_blocking(seq),
            _ => false,
        }
    }

    fn write(&self, rows: Vec<Record>) -> Saving {
        let journal = self.journal.as_ref().filter(|_| !rows.is_empty());
        Saving(journal.map(|journal| journal.write(rows)))
    }

    fn reader(&self) -> Option<JournalReader> {
        self.journal.as_ref().map(|journal| journal.reader())
    }

    /// A reader of the journal; `None` without one.
    pub fn journal_reader(&self) -> Option<JournalReader> {
        self.reader()
    }

    fn searcher(&self) -> Option<JournalReader> {
        self.journal.as_ref().map(|journal| journal.searcher())
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether [`Store::open`] would find the conversation of a request in memory, and read nothing from
    /// the disk.
    pub(crate) fn can_open_from_memory(&self, request: &Request, automatic: Option<&str>) -> bool {
        // The keys are only computed where they are needed, because that means reading the items.
        self.journal.is_none()
            || !self.threads().journal_may_have_more()
            || !self.needs_journal(&self.keys(request), automatic)
    }

    /// The sure keys by which the conversation of a request is found.
    fn keys(&self, request: &Request) -> ThreadKeys {
        // Computed before anything is locked, because that may parse items.
        let keys = ThreadKeys::of(request);
        self.threads().split_off_side_request(keys)
    }

    fn needs_journal(&self, keys: &ThreadKeys, automatic: Option<&str>) -> bool {
        self.threads().needs_journal(keys, automatic.is_some())
    }

    /// Finds the conversation of a request in the journal, if it is not in memory, and loads it.
    fn find_in_journal(
        &self,
        keys: &ThreadKeys,
        automatic: Option<&str>,
    ) -> Option<(ConversationRow, Option<Box<LoadedConversation>>)> {
        let reader = self
            .reader()
            .filter(|_| self.needs_journal(keys, automatic))?;
        let is_only_in_journal =
            |row: &ConversationRow| self.threads().is_only_in_journal(row, automatic.is_some());
        let row = threads::find_in_journal(keys, automatic, &reader, is_only_in_journal)?;
        let loaded = self.load_with(&reader, ConversationId(row.id));
        Some((row, loaded.map(Box::new)))
    }

    /// Assigns a request to a conversation, and writes it to the journal. `automatic` is the purpose of
    /// a request that the program answers by itself. May wait for the disk, unless
    /// [`Store::can_open_from_memory`].
    pub(crate) fn open(&self, request: &Request, agent: &str, automatic: Option<&str>) -> Opened {
        let keys = self.keys(request);
        let (journal_row, earlier) = match self.find_in_journal(&keys, automatic) {
            Some((row, loaded)) => (Some(row), loaded),
            None => (None, None),
        };
        let items = request.items.len();
        let is_known = journal_row.is_some() || self.threads().knows(&keys, automatic.is_some());
        let hints = if is_known {
            LikelyKeys::default()
        } else {
            LikelyKeys::of(request, &keys)
        };
        let assigned = self
            .threads()
            .assign(keys, &hints, items, automatic.is_some(), journal_row);
        let earlier = earlier.filter(|_| assigned.from_journal);
        let now = now();
        let mut rows = Vec::new();
        if self.journal.is_some() {
            let title = match (&assigned.row, automatic) {
                (Some(row), _) if !assigned.begins_anew => row.title.clone(),
                (_, Some(purpose)) => purpose.to_owned(),
                (_, None) => request.title(),
            };
            let row = assigned.row.as_ref();
            let row = ConversationRow {
                id: assigned.key.conversation.0,
                thread: assigned.thread.clone(),
                chain: request.chain.clone().filter(|_| request.thread.is_none()),
                automatic: automatic.map(str::to_owned),
                prefix: assigned.prefix,
                agent: row.map_or(agent, |row| &row.agent).to_owned(),
                title,
                begun: row.map_or(now, |row| row.begun),
                active: now,
                state: TurnState::Waiting,
            };
            self.threads().remember(row.clone());
            rows.push(Record::Conversation(row));
            rows.push(Record::Turn(Box::new(turn::row(
                assigned.key,
                request,
                now,
            ))));
            let known_items = earlier
                .as_ref()
                .map_or(assigned.known_items, |known| known.request.items.len());
            // An agent that sends fewer items has rewritten its history. A text that is in the index
            // already is not added twice.
            let first_new = if known_items <= items { known_items } else { 0 };
            rows.extend(item_texts(assigned.key.conversation, request, first_new));
        }
        Opened {
            key: assigned.key,
            parent: assigned.parent,
            earlier,
            saving: self.write(rows),
        }
    }

    /// Has requests with an output of one of these calls found as requests of this conversation.
    pub(crate) fn add_calls(&self, conversation: ConversationId, call_ids: Vec<String>) {
        if !call_ids.is_empty() {
            let mut threads = self.threads();
            let ids = call_ids.into_iter();
            ids.for_each(|id| threads.add_call(conversation, id));
        }
    }

    /// Has requests in which these words answer a prompt of this title found as requests of this
    /// conversation.
    pub(crate) fn add_answer(&self, conversation: ConversationId, title: &str, words: &str) {
        self.threads().add_answer(conversation, title, words);
    }

    /// Closes a request that was answered, or rejected, or whose client has `gone`.
    pub(crate) fn close(&self, key: RequestKey, gone: bool, rejected: bool) {
        // Locked until the records are in the queue, so that records of the same conversation are in it
        // in the order in which its requests were closed.
        let mut threads = self.threads();
        let row = threads.close(key.conversation, gone, rejected);
        let turn = Record::TurnState {
            id: key.request.0,
            state: if gone {
                TurnState::Gone
            } else {
                TurnState::Answered
            },
        };
        let conversation = row.map(|row| Record::ConversationState {
            id: row.id,
            active: row.active,
            state: row.state,
        });
        self.write([turn].into_iter().chain(conversation).collect());
    }

    fn rejections(&self) -> MutexGuard<'_, Rejections> {
        let rejections = self.rejections.lock();
        rejections.unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that a request was rejected with these words. For a while, the same request is refused
    /// with them.
    pub(crate) fn reject(&self, key: RequestKey, request: &Request, words: &str) {
        self.rejections().add(key, request, words, Instant::now());
    }

    /// The conversation in which the same request was rejected not long ago, and the words that it was
    /// rejected with.
    pub(crate) fn find_rejection(&self, request: &Request) -> Option<(ConversationId, String)> {
        self.rejections().find(request, Instant::now())
    }

    /// Forgets the rejections of a conversation. Returns whether there were any.
    pub(crate) fn lift_rejections(&self, conversation: ConversationId) -> bool {
        self.rejections().lift(conversation)
    }

    /// Forgets the rejection of a request whose client did not get it. Returns whether no other request
    /// of the conversation is rejected.
    pub(crate) fn withdraw_rejection(&self, key: RequestKey) -> bool {
        self.rejections().withdraw(key)
    }

    /// Forgets the rejection of a conversation that goes on, unless it has several. Returns whether
    /// there was one.
    pub(crate) fn lift_single_rejection(&self, conversation: ConversationId) -> bool {
        self.rejections().lift_if_single(conversation)
    }

    /// Drops a conversation from memory, because the inbox has dropped it.
    pub(crate) fn forget(&self, conversation: ConversationId) {
        self.threads().forget(conversation);
    }

    /// Deletes a conversation for good.
    pub fn delete(&self, conversation: ConversationId) -> Saving {
        self.threads().delete(conversation);
        self.write(vec![Record::DeleteConversation { id: conversation.0 }])
    }

    /// The newest conversations of the journal, at most `limit`, the newest first.
    pub fn recent(&self, limit: u32) -> Vec<ConversationHeader> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let found = reader.recent(limit, None).unwrap_or_else(log_and_default);
        with_marks(&reader, found.into_iter().map(ConversationHeader::from))
    }

    /// Reads a conversation from the journal.
    pub fn load(&self, conversation: ConversationId) -> Option<LoadedConversation> {
        self.load_with(&self.reader()?, conversation)
    }

    fn load_with(
        &self,
        reader: &JournalReader,
        conversation: ConversationId,
    ) -> Option<LoadedConversation> {
        let row = reader
            .conversation(conversation.0)
            .unwrap_or_else(log_and_default)?;
        let newest = reader
            .newest_turn(conversation.0)
            .unwrap_or_else(log_and_default)?;
        let said = reader.said(conversation.0).unwrap_or_else(log_and_default);
        let mut loaded = LoadedConversation::of_rows(row, &newest, said, &self.interner)?;
        let marks = reader.numbered_marks(&[conversation.0]);
        loaded.header.marks = to_marked(marks.unwrap_or_else(log_and_default));
        Some(loaded)
    }

    /// At most `limit` conversations that have all of these words, the best first; without words, the
    /// newest.
    pub fn find(&self, words: &str, limit: u32) -> Vec<FoundConversation> {
        let Some(reader) = self.searcher() else {
            return Vec::new();
        };
        let found: Vec<FoundConversation> = if words.trim().is_empty() {
            let rows = reader.recent(limit, None).unwrap_or_else(log_and_default);
            rows.into_iter()
                .map(|row| FoundConversation {
                    header: ConversationHeader::from(row),
                    excerpt: Excerpt::default(),
                })
                .collect()
        } else {
            let hits = reader.search(words, limit).unwrap_or_else(log_and_default);
            hits.into_iter()
                .filter_map(|hit| {
                    let row = reader.conversation(hit.conversation);
                    Some(FoundConversation {
                        header: ConversationHeader::from(row.unwrap_or_else(log_and_default)?),
                        excerpt: hit.excerpt,
                    })
                })
                .collect()
        };
        let headers = with_marks(&reader, found.iter().map(|found| found.header.clone()));
        let threads = self.threads();
        found
            .into_iter()
            .zip(headers)
            .map(|(found, header)| FoundConversation { header, ..found })
            .filter(|found| !threads.is_deleted(found.header.id))
            .collect()
    }

    /// Whether there are texts that are not in the search index yet, so that [`Store::find`] does not
    /// find them.
    pub fn index_is_behind(&self) -> bool {
        let searcher = self.searcher();
        searcher.is_some_and(|reader| reader.index_is_behind().unwrap_or_else(log_and_default))
    }

    /// A new id for a reply.
    pub(crate) fn next_reply_id(&self) -> i64 {
        self.next_reply_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes replies before they leave, each with its text for the search index. With them, in one
    /// write: the times of the turn, what is left of the draft, and a setting.
    pub(crate) fn save_replies(
        &self,
        said: Vec<(SaidRow, String)>,
        times: Option<TurnTime>,
        rest: Option<(ConversationId, &Draft)>,
        setting: Option<(&str, String)>,
    ) -> Saving {
        let (said, texts): (Vec<Record>, Vec<_>) = said
            .into_iter()
            .map(|(said, text)| {
                let text = (said.conversation, text);
                (Record::Said(said), text)
            })
            .unzip();
        let rest = rest.map(|(id, draft)| draft_row(Some(id), draft));
        let setting = setting.map(|(key, value)| {
            let key = key.to_owned();
            Record::Setting { key, value }
        });
        let times = times.map(Record::TurnTime);
        let rows = said.into_iter().chain(times).chain(rest);
        let rows = rows.chain(text_records(texts)).chain(setting);
        self.write(rows.collect())
    }

    /// Writes how far replies got.
    pub(crate) fn save_deliveries(&self, states: impl Iterator<Item = (i64, SaidState)>) {
        let rows = states.map(|(id, state)| Record::SaidState { id, state });
        self.write(rows.collect());
    }

    /// A new id for a draft of a model.
    pub fn next_draft_id(&self) -> i64 {
        self.next_draft_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a draft of a model, new or as it is now.
    pub fn save_model_draft(&self, draft: ModelDraftRow) -> Saving {
        self.write(vec![Record::ModelDraft(Box::new(draft))])
    }

    /// A new id for a decision of a rule.
    pub(crate) fn next_decision_id(&self) -> i64 {
        self.next_decision_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes the times of a turn.
    pub(crate) fn save_times(&self, times: TurnTime) -> Saving {
        self.write(vec![Record::TurnTime(times)])
    }

    /// Writes a decision of a rule.
    pub(crate) fn save_decision(&self, decision: DecisionRow) -> Saving {
        self.write(vec![Record::Decision(decision)])
    }

    /// Writes the mark of a conversation or of one of its turns, new or as it is now.
    pub(crate) fn save_mark(&self, mark: MarkRow) -> Saving {
        self.write(vec![Record::Mark(mark)])
    }

    /// Writes the draft of a conversation; with `None`, the draft that was typed before there was any
    /// conversation. An empty draft deletes the one that is there.
    pub fn save_draft(&self, conversation: Option<ConversationId>, draft: &Draft) -> Saving {
        self.write(vec![draft_row(conversation, draft)])
    }

    /// Reads the draft of a conversation, or with `None` the one that was typed before there was any.
    pub fn draft(&self, conversation: Option<ConversationId>) -> Option<Draft> {
        let id = conversation.map_or(0, |id| id.0);
        let row = self.reader()?.draft(id).unwrap_or_else(log_and_default)?;
        Some(Draft::from_json(&row.body))
    }

    /// The conversations that have a draft.
    pub fn drafts(&self) -> Vec<ConversationId> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let drafts = reader.drafts().unwrap_or_else(log_and_default).into_iter();
        drafts.map(ConversationId).collect()
    }

    /// Writes an entry of the composer's history, and the conversation where it was sent.
    pub fn save_recall(&self, text: &str, conversation: Option<ConversationId>) -> Saving {
        self.write(vec![Record::Recall(Recall {
            text: text.to_owned(),
            at: now(),
            conversation: conversation.map(|id| id.0),
        })])
    }

    /// Reads the composer's history, the oldest entry first, each with the conversation where it was sent.
    pub fn recalls(&self) -> Vec<(String, Option<ConversationId>)> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let rows = reader.recalls().unwrap_or_else(log_and_default);
        let texts = rows.into_iter().rev();
        texts
            .map(|row| (row.text, row.conversation.map(ConversationId)))
            .collect()
    }

    /// Writes a value that is read again at the next start.
    pub(crate) fn save_setting(&self, key: &str, value: String) -> Saving {
        let key = key.to_owned();
        self.write(vec![Record::Setting { key, value }])
    }

    /// Reads a value that an earlier run or this one has written.
    pub(crate) fn setting(&self, key: &str) -> Option<String> {
        self.reader()?.setting(key).unwrap_or_else(log_and_default)
    }

    /// The background responses that an earlier run did not finish: the request of each, and the
    /// checkpoint of its response.
    pub(crate) fn open_background(&self) -> Vec<(Request, Opened, String)> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let open = reader.open_background().unwrap_or_else(log_and_default);
        let resumed = open.into_iter().filter_map(|response| {
            let turn = reader
                .turn(response.turn?)
                .unwrap_or_else(log_and_default)?;
            let request = turn::request(&turn, &self.interner)?;
            let row = reader
                .conversation(turn.conversation)
                .unwrap_or_else(log_and_default)?;
            let id = ConversationId(turn.conversation);
            let row = ConversationRow {
                state: TurnState::Waiting,
                ..row
            };
            let turn_state = Record::TurnState {
                id: turn.id,
                state: TurnState::Waiting,
            };
            let conversation_state = Record::ConversationState {
                id: row.id,
                active: row.active,
                state: row.state,
            };
            let saving = self.write(vec![conversation_state, turn_state]);
            let opened = Opened {
                key: self.threads().reopen(row, turn.id, &request),
                parent: None,
                earlier: self.load_with(&reader, id).map(Box::new),
                saving,
            };
            Some((request, opened, response.state))
        });
        resumed.collect()
    }
}

impl LoadedConversation {
    /// The conversation of these rows of the journal; `None` if its newest request cannot be read any more.
    pub(crate) fn of_rows(
        row: ConversationRow,
        newest: &TurnRow,
        mut said: Vec<SaidRow>,
        interner: &Interner,
    ) -> Option<Self> {
        said.retain(|said| said.turn == newest.id);
        Some(Self {
            header: ConversationHeader::from(row),
            request: turn::request(newest, interner)?,
            arrived: newest.arrived,
            replies: said,
        })
    }
}

impl From<ConversationRow> for ConversationHeader {
    fn from(row: ConversationRow) -> Self {
        Self {
            id: ConversationId(row.id),
            agent: row.agent,
            title: row.title,
            automatic: row.automatic,
            active: row.active,
            // A client that waited when the program ended has lost its connection.
            gone: row.state != TurnState::Answered,
            marks: Vec::new(),
        }
    }
}

/// Adds their marks to headers, all of which are read at once.
fn with_marks(
    reader: &JournalReader,
    headers: impl Iterator<Item = ConversationHeader>,
) -> Vec<ConversationHeader> {
    let mut headers: Vec<ConversationHeader> = headers.collect();
    let ids: Vec<i64> = headers.iter().map(|header| header.id.0).collect();
    let marks = reader.numbered_marks(&ids).unwrap_or_else(log_and_default);
    let mut of: HashMap<i64, Vec<Marked>> = HashMap::new();
    for marked in to_marked(marks) {
        of.entry(marked.mark.conversation).or_default().push(marked);
    }
    for header in &mut headers {
        header.marks = of.remove(&header.id.0).unwrap_or_default();
    }
    headers
}

fn to_marked(marks: Vec<(Option<u64>, MarkRow)>) -> Vec<Marked> {
    let marks = marks.into_iter();
    marks.map(|(turn, mark)| Marked { turn, mark }).collect()
}

fn draft_row(conversation: Option<ConversationId>, draft: &Draft) -> Record {
    let conversation = conversation.map_or(0, |id| id.0);
    if draft.is_empty() {
        Record::ClearDraft { conversation }
    } else {
        Record::Draft(journal::DraftRow {
            conversation,
            updated: now(),
            body: draft.to_json(),
        })
    }
}

/// The records that add texts of conversations to the search index.
fn text_records(texts: impl IntoIterator<Item = (i64, String)>) -> impl Iterator<Item = Record> {
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    texts.map(|(conversation, text)| Record::Text {
        conversation,
        text: Blob::new(text),
    })
}

/// The request of a turn; `None` if it cannot be read any more.
pub(crate) fn request_of(turn: &TurnRow, interner: &Interner) -> Option<Request> {
    turn::request(turn, interner)
}

/// The records that add the items of a request, from an index on, to the search index.
fn item_texts(
    conversation: ConversationId,
    request: &Request,
    from: usize,
) -> impl Iterator<Item = Record> {
    /// Longer texts, in bytes, are not indexed: they are output of tools that nobody searches for.
    const MAX_BYTES: usize = 64 * 1024;
    let opening = InventedTurns::of(request);
    let new = request.items.iter().enumerate().skip(from);
    let new = new.filter(move |(index, _)| !opening.contains(&request.items, *index));
    let texts = new
        .map(|(_, item)| item)
        .map(|item| item.text())
        .filter(|text| text.len() <= MAX_BYTES && !text.trim().is_empty());
    texts.map(move |text| Record::Text {
        conversation: conversation.0,
        text: Blob::new(text),
    })
}

/// Runs something that may wait for the disk on a thread that may block. It runs to its end even if the
/// future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // It was cancelled: the runtime shuts down, and drops the task that waits here.
            Err(_) => pending().await,
        },
    }
}

/// Logs that the journal cannot be read, and returns what stands for nothing.
fn log_and_default<T: Default>(error: journal::ReadError) -> T {
    tracing::error!(%error, "the journal cannot be read");
    T::default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Format;
    use crate::api::messages::parse;
    use crate::journal::JournalOptions;

    #[test]
    fn what_stands_beside_a_thread_is_not_at_hand_because_the_thread_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = || {
            let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
            Store::with_journal(10, journal).unwrap()
        };
        let request = |told: &str, tools: Value| {
            let body = json!({"model": "m", "max_tokens": 9, "system": told, "tools": tools,
                "messages": [{"role": "user", "content": "Fix it"}]});
            let mut request = parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
            request.thread = Some("t".into());
            request
        };
        let turn = request(
            "You help.",
            json!([{"name": "Bash", "input_schema": {"type": "object"}}]),
        );
        let aside = request("Say what a page is about.", json!([]));
        let first = store();
        first.open(&turn, "Claude Code", None);
        let page = first.open(&aside, "Claude Code", None).key.conversation;
        assert!(first.settled_blocking(first.write(vec![Record::NobodyWaits])));
        drop(first);

        let second = store();
        second.open(&turn, "Claude Code", None);
        assert!(second.can_open_from_memory(&turn, None));
        assert!(!second.can_open_from_memory(&aside, None));
        let again = second.open(&aside, "Claude Code", None);
        assert_eq!(again.key.conversation, page);
        assert!(second.can_open_from_memory(&aside, None));
    }

    #[test]
    fn what_the_journal_knows_for_certain_comes_before_what_is_likely_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let store = || {
            let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
            Store::with_journal(10, journal).unwrap()
        };
        let chat = |messages: &[(&str, &str)]| {
            let message = |(role, text): &(&str, &str)| json!({"role": role, "content": text});
            let messages: Vec<Value> = messages.iter().map(message).collect();
            let body = json!({"model": "m", "messages": messages}).to_string();
            Format::Chat
                .parse(body.as_bytes(), &Interner::default())
                .unwrap()
        };
        let talk = [
            ("user", "Fix it"),
            ("assistant", "Done"),
            ("user", "continue"),
            ("assistant", "ok"),
            ("user", "more"),
        ];
        let first = store();
        let opened = first.open(&chat(&talk[..3]), "pi", None);
        first.close(opened.key, false, false);
        assert!(first.settled_blocking(first.write(vec![Record::NobodyWaits])));
        drop(first);

        let second = store();
        let other = second.open(&chat(&[("user", "continue")]), "pi", None).key;
        second.add_answer(other.conversation, "continue", "ok");
        second.close(other, false, false);
        assert!(!second.can_open_from_memory(&chat(&talk), None));
        let again = second.open(&chat(&talk), "pi", None);
        assert_eq!(again.key.conversation, opened.key.conversation);
    }

    #[test]
    fn a_closed_journal_is_in_order_though_somebody_still_has_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        let store = Store::with_journal(10, journal).unwrap();
        store.save_setting("flavour", "salty".into());
        let in_background = store.clone();
        store.close_journal();
        for log in ["journal.db-tail", "journal.db-wal"] {
            let bytes = std::fs::read(folder.path().join(log)).unwrap_or_default();
            assert!(bytes.is_empty(), "{log} has {} bytes", bytes.len());
        }
        let late = in_background.save_setting("flavour", "sweet".into());
        assert!(in_background.settled_blocking(late));
        drop((store, in_background));
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        let store = Store::with_journal(10, journal).unwrap();
        assert_eq!(store.setting("flavour").as_deref(), Some("sweet"));
    }
}
