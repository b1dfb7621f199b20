//! Requests and replies, stored once for the server and the inbox, which share it.
//!
//! - `turn` is how a request is written down and read again
//! - `threads` decides which requests belong together
//! - `stored` and `responses` keep what later requests of the Responses API go on from
//! - `context` is what is known of a request that others keep
//! - `past` reads the turns of a conversation again, one after the other
//! - [`marks`] is what the person makes of conversations and turns
//! - `archive` is what only the journal has of those
//! - `rejections` knows what the person has rejected, for a while
//! - `account` counts what all of that takes
//!
//! With a [`journal`], all of it is on disk too, and what is not in memory any more is
//! found there.

mod account;
mod archive;
mod context;
pub mod marks;
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
    ModelDraftRow, Recall, Record as Row, SaidRow, SaidState, Seq, TurnRow, TurnState, TurnTime,
};

pub(crate) use crate::journal::now;
pub(crate) use account::MemoryUse;
pub(crate) use context::Context;
pub use outline::{Outline, OutlinedTurn};
pub use past::{PastTurn, PastTurns};
pub use rejections::REJECTED_FOR;
pub(crate) use responses::{ResponseRecorder, Responses};
pub use stored::{History, Replay, StoredResponses, resolve, resolve_items};
pub(crate) use threads::RequestKey;
pub use threads::{ConversationId, RequestId};
pub(crate) use turn::{asked, assigned};

/// What was asked and what was said. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    interner: Arc<Interner>,
    responses: Responses,
    threads: Arc<Mutex<Threads>>,
    rejections: Arc<Mutex<Rejections>>,
    next_said: Arc<AtomicI64>,
    next_draft: Arc<AtomicI64>,
    next_decision: Arc<AtomicI64>,
    journal: Option<Arc<Journal>>,
}

/// A write that may not be in the journal yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saving(Option<Seq>);

/// A request that was put where it belongs.
#[derive(Debug)]
pub(crate) struct Opened {
    pub place: RequestKey,
    /// The conversation on whose behalf it was begun, if that is in memory.
    pub parent: Option<ConversationId>,
    /// The conversation as it was, if it has to be read again.
    pub earlier: Option<Box<LoadedConversation>>,
    pub saving: Saving,
}

impl Opened {
    /// The program that asks, for a conversation of an earlier run.
    pub fn agent(&self) -> &str {
        self.earlier
            .as_ref()
            .map_or("", |loaded| &loaded.header.agent)
    }
}

/// A conversation from an earlier run, as far as a list shows it.
#[derive(Debug, Clone)]
pub struct ConversationHeader {
    /// The id of the conversation.
    pub id: ConversationId,
    /// The program on the other side.
    pub agent: String,
    /// Its title.
    pub title: String,
    /// Why the program answers in it by itself.
    pub automatic: Option<String>,
    /// When something last happened, in milliseconds since 1970.
    pub active: i64,
    /// Whether its last client went away without an answer.
    pub gone: bool,
    /// What the person makes of it and of its turns.
    pub marks: Vec<Marked>,
}

/// A conversation that was found.
#[derive(Debug, Clone)]
pub struct FoundConversation {
    /// What a list shows.
    pub header: ConversationHeader,
    /// Some of the text in which it was found; empty where nothing was searched for.
    pub(crate) excerpt: Excerpt,
}

/// All that is known of a conversation from an earlier run.
#[derive(Debug)]
pub struct LoadedConversation {
    /// What a list shows.
    pub header: ConversationHeader,
    /// Its newest request.
    pub request: Request,
    /// When that came, in milliseconds since 1970.
    pub arrived: i64,
    /// What was said to it.
    pub said: Vec<SaidRow>,
}

impl Store {
    /// A store in memory alone, with room for this many responses and conversations of the
    /// Responses API.
    pub fn new(most_responses: usize) -> Self {
        Self {
            interner: Arc::default(),
            responses: Responses::new(StoredResponses::new(most_responses)),
            threads: Arc::new(Mutex::new(Threads::new(1, 1))),
            rejections: Arc::default(),
            next_said: Arc::new(AtomicI64::new(1)),
            next_draft: Arc::new(AtomicI64::new(1)),
            next_decision: Arc::new(AtomicI64::new(1)),
            journal: None,
        }
    }

    /// A store that keeps all in a journal too.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn with_journal(
        most_responses: usize,
        journal: Journal,
    ) -> Result<Self, journal::ReadError> {
        let next = journal.reader().next_ids()?;
        journal.write(vec![Row::NobodyWaits]);
        let (journal, interner) = (Arc::new(journal), Arc::<Interner>::default());
        Ok(Self {
            threads: Arc::new(Mutex::new(Threads::new(next.conversation, next.turn))),
            rejections: Arc::default(),
            next_said: Arc::new(AtomicI64::new(next.said)),
            next_draft: Arc::new(AtomicI64::new(next.model_draft)),
            next_decision: Arc::new(AtomicI64::new(next.decision)),
            journal: Some(Arc::clone(&journal)),
            responses: Responses::new(StoredResponses::with_archive(
                most_responses,
                Archive::new(journal, Arc::clone(&interner)),
            )),
            interner,
        })
    }

    /// The interner, which has what was parsed before.
    pub(crate) fn interner(&self) -> &Arc<Interner> {
        &self.interner
    }

    /// The responses that later requests can go on from.
    pub(crate) fn responses(&self) -> &Responses {
        &self.responses
    }

    /// Whether anything is written.
    pub(crate) fn keeps(&self) -> bool {
        self.journal.is_some()
    }

    /// How writing goes; `None` where nothing is written.
    pub fn health(&self) -> Option<watch::Receiver<Health>> {
        self.journal.as_ref().map(|journal| journal.health())
    }

    /// Waits until a write is in the journal, or is known not to be; tells which. What it stands for
    /// may leave then.
    pub(crate) async fn settled(&self, saving: Saving) -> bool {
        match (&self.journal, saving) {
            (Some(journal), Saving(Some(seq))) => journal.settled(seq).await,
            _ => false,
        }
    }

    /// Waits for a write on a thread that may block; tells whether it is in the journal.
    pub fn settled_blocking(&self, saving: Saving) -> bool {
        match (&self.journal, saving) {
            (Some(journal), Saving(Some(seq))) => journal.settled_blocking(seq),
            _ => false,
        }
    }

    fn write(&self, rows: Vec<Row>) -> Saving {
        let journal = self.journal.as_ref().filter(|_| !rows.is_empty());
        Saving(journal.map(|journal| journal.write(rows)))
    }

    fn reader(&self) -> Option<JournalReader> {
        self.journal.as_ref().map(|journal| journal.reader())
    }

    /// What the journal has, to be read by others than the store; `None` where nothing is written.
    pub fn journal_reader(&self) -> Option<JournalReader> {
        self.reader()
    }

    fn searcher(&self) -> Option<JournalReader> {
        self.journal.as_ref().map(|journal| journal.searcher())
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether [`Store::open`] finds in memory all that it needs, and reads nothing from the disk.
    pub(crate) fn has_at_hand(&self, request: &Request, automatic: Option<&str>) -> bool {
        // Without a past the names of the request are not even looked at.
        self.journal.is_none()
            || !self.threads().has_past()
            || !self.needs_past(&self.names(request), automatic)
    }

    /// The names by which the conversation of a request is found.
    fn names(&self, request: &Request) -> ThreadKeys {
        // Made of what is parsed for it, before anything is locked.
        let names = ThreadKeys::of(request);
        self.threads().aside(names)
    }

    fn needs_past(&self, names: &ThreadKeys, automatic: Option<&str>) -> bool {
        self.threads().needs_past(names, automatic.is_some())
    }

    /// What only the journal has of the conversation that a request goes on with.
    fn past(
        &self,
        names: &ThreadKeys,
        automatic: Option<&str>,
    ) -> Option<(ConversationRow, Option<Box<LoadedConversation>>)> {
        let reader = self
            .reader()
            .filter(|_| self.needs_past(names, automatic))?;
        let is_past = |row: &ConversationRow| self.threads().is_past(row, automatic.is_some());
        let row = threads::find_past(names, automatic, &reader, is_past)?;
        let loaded = self.load_with(&reader, ConversationId(row.id));
        Some((row, loaded.map(Box::new)))
    }

    /// Puts a request where it belongs, and writes it down. `automatic` is why the program answers by
    /// itself, if it does. May wait for the disk, unless [`Store::has_at_hand`] all of it.
    pub(crate) fn open(&self, request: &Request, agent: &str, automatic: Option<&str>) -> Opened {
        let names = self.names(request);
        let past = self.past(&names, automatic);
        let (past, earlier) = past.map_or((None, None), |(row, loaded)| (Some(row), loaded));
        let items = request.items.len();
        let is_known = past.is_some() || self.threads().knows(&names, automatic.is_some());
        let hints = if is_known {
            LikelyKeys::default()
        } else {
            LikelyKeys::of(request, &names)
        };
        let placed = self
            .threads()
            .place(names, &hints, items, automatic.is_some(), past);
        let earlier = earlier.filter(|_| placed.is_cold);
        let now = now();
        let mut rows = Vec::new();
        if self.journal.is_some() {
            let title = match (&placed.row, automatic) {
                (Some(row), _) if !placed.begins_anew => row.title.clone(),
                (_, Some(purpose)) => purpose.to_owned(),
                (_, None) => request.title(),
            };
            let row = placed.row.as_ref();
            let row = ConversationRow {
                id: placed.place.conversation.0,
                thread: placed.thread.clone(),
                chain: request.chain.clone().filter(|_| request.thread.is_none()),
                automatic: automatic.map(str::to_owned),
                prefix: placed.prefix,
                agent: row.map_or(agent, |row| &row.agent).to_owned(),
                title,
                begun: row.map_or(now, |row| row.begun),
                active: now,
                state: TurnState::Waiting,
            };
            self.threads().remember(row.clone());
            rows.push(Row::Conversation(row));
            rows.push(Row::Turn(Box::new(turn::row(placed.place, request, now))));
            rows.extend(texts(
                placed.place.conversation,
                request,
                match earlier
                    .as_ref()
                    .map_or(placed.known_items, |known| known.request.items.len())
                {
                    known if known <= request.items.len() => known,
                    // It is not what came before with something added; what is known is not indexed twice.
                    _ => 0,
                },
            ));
        }
        Opened {
            place: placed.place,
            parent: placed.parent,
            earlier,
            saving: self.write(rows),
        }
    }

    /// Requests with the output of these calls belong to a conversation from now on, whatever else they
    /// say.
    pub(crate) fn called(&self, conversation: ConversationId, call_ids: Vec<String>) {
        if !call_ids.is_empty() {
            let mut threads = self.threads();
            let ids = call_ids.into_iter();
            ids.for_each(|id| threads.called(conversation, id));
        }
    }

    /// Requests in which these words answer what has this title belong to a conversation from now on.
    pub(crate) fn answered(&self, conversation: ConversationId, title: &str, words: &str) {
        self.threads().answered(conversation, title, words);
    }

    /// A request was answered, with a rejection perhaps, or its client went away.
    pub(crate) fn close(&self, place: RequestKey, gone: bool, rejected: bool) {
        // Held until it is in the queue: the last one to close says last how it stands.
        let mut threads = self.threads();
        let row = threads.close(place.conversation, gone, rejected);
        let turn = Row::TurnState {
            id: place.request.0,
            state: if gone {
                TurnState::Gone
            } else {
                TurnState::Answered
            },
        };
        let conversation = row.map(|row| Row::ConversationState {
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

    /// A request was rejected with these words, which it gets again for a while. After that, it goes
    /// on with this conversation.
    pub(crate) fn reject(&self, place: RequestKey, request: &Request, words: &str) {
        self.rejections().add(place, request, words, Instant::now());
    }

    /// The conversation in which the same request was rejected not long ago, and the words for it.
    pub(crate) fn rejected(&self, request: &Request) -> Option<(ConversationId, String)> {
        self.rejections().of(request, Instant::now())
    }

    /// What was rejected in a conversation is not any more; says whether something was.
    pub(crate) fn lift(&self, conversation: ConversationId) -> bool {
        self.rejections().lift(conversation)
    }

    /// A client did not get its rejection; says whether nothing else was rejected in its conversation.
    pub(crate) fn withdraw(&self, place: RequestKey) -> bool {
        self.rejections().withdraw(place)
    }

    /// A conversation goes on; says whether that lifts what was rejected in it.
    pub(crate) fn go_on(&self, conversation: ConversationId) -> bool {
        self.rejections().go_on(conversation)
    }

    /// Forgets a conversation that the inbox does not hold in memory any more.
    pub(crate) fn forget(&self, conversation: ConversationId) {
        self.threads().forget(conversation);
    }

    /// Deletes a conversation for good.
    pub fn delete(&self, conversation: ConversationId) -> Saving {
        self.threads().delete(conversation);
        self.write(vec![Row::DeleteConversation { id: conversation.0 }])
    }

    /// The conversations of earlier runs, the newest first.
    pub fn recent(&self, most: u32) -> Vec<ConversationHeader> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let found = reader.recent(most, None).unwrap_or_else(failed);
        with_marks(&reader, found.into_iter().map(ConversationHeader::from))
    }

    /// A conversation of an earlier run.
    pub fn load(&self, conversation: ConversationId) -> Option<LoadedConversation> {
        self.load_with(&self.reader()?, conversation)
    }

    fn load_with(
        &self,
        reader: &JournalReader,
        conversation: ConversationId,
    ) -> Option<LoadedConversation> {
        let row = reader.conversation(conversation.0).unwrap_or_else(failed)?;
        let newest = reader.newest_turn(conversation.0).unwrap_or_else(failed)?;
        let said = reader.said(conversation.0).unwrap_or_else(failed);
        let mut loaded = LoadedConversation::of_rows(row, &newest, said, &self.interner)?;
        let marks = reader.numbered_marks(&[conversation.0]);
        loaded.header.marks = marked(marks.unwrap_or_else(failed));
        Some(loaded)
    }

    /// Conversations that have all of these words, the best first; without any words, the newest.
    pub fn find(&self, words: &str, most: u32) -> Vec<FoundConversation> {
        let Some(reader) = self.searcher() else {
            return Vec::new();
        };
        let found: Vec<FoundConversation> = if words.trim().is_empty() {
            let rows = reader.recent(most, None).unwrap_or_else(failed).into_iter();
            let found = rows.map(|row| FoundConversation {
                header: ConversationHeader::from(row),
                excerpt: Excerpt::default(),
            });
            found.collect()
        } else {
            let hits = reader.search(words, most).unwrap_or_else(failed);
            let found = hits.into_iter().filter_map(|hit| {
                let row = reader.conversation(hit.conversation);
                Some(FoundConversation {
                    header: ConversationHeader::from(row.unwrap_or_else(failed)?),
                    excerpt: hit.excerpt,
                })
            });
            found.collect()
        };
        let headers = found.iter().map(|found| found.header.clone());
        let headers = with_marks(&reader, headers);
        let found = found.into_iter().zip(headers);
        let found = found.map(|(found, header)| FoundConversation { header, ..found });
        let threads = self.threads();
        let there = |found: &FoundConversation| !threads.is_deleted(found.header.id);
        found.filter(there).collect()
    }

    /// Whether something was kept that [`Store::find`] does not find by its words yet.
    pub fn index_is_behind(&self) -> bool {
        let searcher = self.searcher();
        searcher.is_some_and(|reader| reader.index_is_behind().unwrap_or_else(failed))
    }

    /// The next id for a reply of the person.
    pub(crate) fn next_said(&self) -> i64 {
        self.next_said.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes down what is said before it leaves, with the text by which it is found, what is left of the
    /// draft, and a setting.
    pub(crate) fn say(
        &self,
        said: Vec<(SaidRow, String)>,
        rest: Option<(ConversationId, &Draft)>,
        setting: Option<(&str, String)>,
    ) -> Saving {
        let (said, texts): (Vec<Row>, Vec<_>) = said
            .into_iter()
            .map(|(said, text)| {
                let text = (said.conversation, text);
                (Row::Said(said), text)
            })
            .unzip();
        let rest = rest.map(|(id, draft)| draft_row(Some(id), draft));
        let setting = setting.map(|(key, value)| {
            let key = key.to_owned();
            Row::Setting { key, value }
        });
        let rows = said.into_iter().chain(rest);
        let rows = rows.chain(found_by(texts)).chain(setting);
        self.write(rows.collect())
    }

    /// Records how far a reply got.
    pub(crate) fn said(&self, states: impl Iterator<Item = (i64, SaidState)>) {
        let rows = states.map(|(id, state)| Row::SaidState { id, state });
        self.write(rows.collect());
    }

    /// The next id for a draft of a model.
    pub fn next_draft(&self) -> i64 {
        self.next_draft.fetch_add(1, Ordering::Relaxed)
    }

    /// Keeps what a model drafted, new or as it is now.
    pub fn keep_model_draft(&self, draft: ModelDraftRow) -> Saving {
        self.write(vec![Row::ModelDraft(Box::new(draft))])
    }

    /// The next id for a decision of a rule.
    pub(crate) fn next_decision(&self) -> i64 {
        self.next_decision.fetch_add(1, Ordering::Relaxed)
    }

    /// Keeps the times of a turn.
    pub(crate) fn keep_times(&self, times: TurnTime) -> Saving {
        self.write(vec![Row::TurnTime(times)])
    }

    /// Keeps what a rule decided.
    pub(crate) fn keep_decision(&self, decision: DecisionRow) -> Saving {
        self.write(vec![Row::Decision(decision)])
    }

    /// Keeps what the person makes of a conversation or of one of its turns, new or as it is now.
    pub(crate) fn keep_mark(&self, mark: MarkRow) -> Saving {
        self.write(vec![Row::Mark(mark)])
    }

    /// Keeps what is typed in a conversation; without one, what is typed before there is any.
    pub fn keep_draft(&self, conversation: Option<ConversationId>, draft: &Draft) -> Saving {
        self.write(vec![draft_row(conversation, draft)])
    }

    /// What was typed in a conversation and not sent.
    pub fn draft(&self, conversation: Option<ConversationId>) -> Option<Draft> {
        let id = conversation.map_or(0, |id| id.0);
        let row = self.reader()?.draft(id).unwrap_or_else(failed)?;
        Some(Draft::from_json(&row.body))
    }

    /// The conversations in which something was typed and not sent.
    pub fn drafts(&self) -> Vec<ConversationId> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let drafts = reader.drafts().unwrap_or_else(failed).into_iter();
        drafts.map(ConversationId).collect()
    }

    /// Keeps something to be said again, and where it was said.
    pub fn keep_recall(&self, text: &str, conversation: Option<ConversationId>) -> Saving {
        self.write(vec![Row::Recall(Recall {
            text: text.to_owned(),
            at: now(),
            conversation: conversation.map(|id| id.0),
        })])
    }

    /// What was kept to be said again, the oldest first, and where each was said.
    pub fn recalls(&self) -> Vec<(String, Option<ConversationId>)> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let rows = reader.recalls().unwrap_or_else(failed);
        let texts = rows.into_iter().rev();
        texts
            .map(|row| (row.text, row.conversation.map(ConversationId)))
            .collect()
    }

    /// Writes a setting, which outlives the program.
    pub(crate) fn keep_setting(&self, key: &str, value: String) -> Saving {
        let key = key.to_owned();
        self.write(vec![Row::Setting { key, value }])
    }

    /// The value of a setting.
    pub(crate) fn setting(&self, key: &str) -> Option<String> {
        self.reader()?.setting(key).unwrap_or_else(failed)
    }

    /// The background responses of an earlier run that nobody has finished: their requests, and
    /// where the writer of each was.
    pub(crate) fn open_background(&self) -> Vec<(Request, Opened, String)> {
        let Some(reader) = self.reader() else {
            return Vec::new();
        };
        let open = reader.open_background().unwrap_or_else(failed);
        let resumed = open.into_iter().filter_map(|response| {
            let turn = reader.turn(response.turn?).unwrap_or_else(failed)?;
            let request = turn::request(&turn, &self.interner)?;
            let row = reader
                .conversation(turn.conversation)
                .unwrap_or_else(failed)?;
            let id = ConversationId(turn.conversation);
            let row = ConversationRow {
                state: TurnState::Waiting,
                ..row
            };
            let waits = Row::TurnState {
                id: turn.id,
                state: TurnState::Waiting,
            };
            let talk = Row::ConversationState {
                id: row.id,
                active: row.active,
                state: row.state,
            };
            let saving = self.write(vec![talk, waits]);
            let opened = Opened {
                place: self.threads().reopen(row, turn.id, &request),
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
    /// What these rows say of a conversation; `None` if its newest request cannot be read any more.
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
            said,
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
            // Whoever waited when the program ended does not any more.
            gone: row.state != TurnState::Answered,
            marks: Vec::new(),
        }
    }
}

/// The same with what the person makes of them, read at once.
fn with_marks(
    reader: &JournalReader,
    headers: impl Iterator<Item = ConversationHeader>,
) -> Vec<ConversationHeader> {
    let mut headers: Vec<ConversationHeader> = headers.collect();
    let ids: Vec<i64> = headers.iter().map(|header| header.id.0).collect();
    let marks = reader.numbered_marks(&ids).unwrap_or_else(failed);
    let mut of: HashMap<i64, Vec<Marked>> = HashMap::new();
    for marked in marked(marks) {
        of.entry(marked.mark.conversation).or_default().push(marked);
    }
    for header in &mut headers {
        header.marks = of.remove(&header.id.0).unwrap_or_default();
    }
    headers
}

fn marked(marks: Vec<(Option<u64>, MarkRow)>) -> Vec<Marked> {
    let marks = marks.into_iter();
    marks.map(|(turn, mark)| Marked { turn, mark }).collect()
}

fn draft_row(conversation: Option<ConversationId>, draft: &Draft) -> Row {
    let conversation = conversation.map_or(0, |id| id.0);
    if draft.is_empty() {
        Row::ClearDraft { conversation }
    } else {
        Row::Draft(journal::DraftRow {
            conversation,
            updated: now(),
            body: draft.to_json(),
        })
    }
}

/// What can be searched for in these texts of conversations.
fn found_by(texts: impl IntoIterator<Item = (i64, String)>) -> impl Iterator<Item = Row> {
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    texts.map(|(conversation, text)| Row::Text {
        conversation,
        text: Blob::new(text),
    })
}

/// The request of a turn; `None` if it cannot be read any more.
pub(crate) fn request_of(turn: &TurnRow, interner: &Interner) -> Option<Request> {
    turn::request(turn, interner)
}

/// What can be searched for in the items of a request from a place on.
fn texts(
    conversation: ConversationId,
    request: &Request,
    from: usize,
) -> impl Iterator<Item = Row> {
    /// What is longer is output that nobody searches for.
    const MAX_LENGTH: usize = 64 * 1024;
    let opening = InventedTurns::of(request);
    let new = request.items.iter().enumerate().skip(from);
    let new = new.filter(move |(index, _)| !opening.contains(&request.items, *index));
    let texts = new
        .map(|(_, item)| item)
        .map(|item| item.text())
        .filter(|text| text.len() <= MAX_LENGTH && !text.trim().is_empty());
    texts.map(move |text| Row::Text {
        conversation: conversation.0,
        text: Blob::new(text),
    })
}

/// Does what may wait for the disk where that holds up nobody. It is done even if nobody waits for it
/// any more.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime goes away, and whoever waits goes with it.
            Err(_) => pending().await,
        },
    }
}

/// What there is where the journal cannot be read, which its health tells the person.
fn failed<T: Default>(error: journal::ReadError) -> T {
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
        let page = first.open(&aside, "Claude Code", None).place.conversation;
        assert!(first.settled_blocking(first.write(vec![Row::NobodyWaits])));
        drop(first);

        let second = store();
        second.open(&turn, "Claude Code", None);
        assert!(second.has_at_hand(&turn, None));
        assert!(!second.has_at_hand(&aside, None));
        let again = second.open(&aside, "Claude Code", None);
        assert_eq!(again.place.conversation, page);
        assert!(second.has_at_hand(&aside, None));
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
        first.close(opened.place, false, false);
        assert!(first.settled_blocking(first.write(vec![Row::NobodyWaits])));
        drop(first);

        let second = store();
        let other = second
            .open(&chat(&[("user", "continue")]), "pi", None)
            .place;
        second.answered(other.conversation, "continue", "ok");
        second.close(other, false, false);
        assert!(!second.has_at_hand(&chat(&talk), None));
        let again = second.open(&chat(&talk), "pi", None);
        assert_eq!(again.place.conversation, opened.place.conversation);
    }
}
