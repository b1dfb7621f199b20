//! The stored responses and conversations of the Responses API, which later requests go on from by
//! `previous_response_id` and `conversation`. Their number and size in memory are bounded: the oldest
//! are dropped first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::archive::{Archive, ArchivedEntry, ArchivedResponse};
use super::memory_use::MemoryUse;
use super::turn;
use super::{Saving, now};
use crate::api::responses::{PageQuery, ResponseObject, ResponseStatus, conversation_items, page};
use crate::api::{ApiError, Frame, Item, Previous, Request};
use crate::journal::{self, ApiConversation, Record};

/// How many bytes all responses and conversations together may take in memory.
const MAX_BYTES: usize = 256 << 20;
/// How many events a [`Replay`] has at most, so that many clients that stream a long response do not
/// each hold a copy of all of it.
const MAX_EVENTS: usize = 256;

/// Responses and conversations by their ids.
#[derive(Debug)]
pub struct StoredResponses {
    responses: HashMap<String, StoredResponse>,
    conversations: HashMap<String, StoredConversation>,
    /// The ids of the responses and conversations that may be dropped, the oldest first: responses that
    /// have ended, and conversations without an open response.
    idle: BTreeMap<Age, String>,
    /// The age that was given out last.
    latest_age: Age,
    /// How many open responses each conversation has. One without any is not in it.
    open_responses: HashMap<String, usize>,
    /// The output items of the responses in memory, by their own ids.
    items: HashMap<String, Arc<Item>>,
    /// Output items of other responses, which were read from the journal because requests refer to them.
    archived_items: HashMap<String, Arc<Item>>,
    memory: MemoryUse,
    max_entries: usize,
    max_bytes: usize,
    on_disk: Option<OnDisk>,
}

/// A counter value: of when a response was created, or a conversation was used last. Greater is newer.
type Age = u64;

/// The journal that has all of it.
#[derive(Debug)]
struct OnDisk {
    archive: Archive,
    /// The last write.
    saving: Saving,
    /// The ids that were deleted. The journal still has them for a moment, or for as long as it cannot
    /// be written.
    deleted: HashSet<String>,
}

/// A response, open or ended.
#[derive(Debug)]
struct StoredResponse {
    /// The response object as it stands.
    response: ResponseObject,
    /// The items of its request, without the instructions.
    input: Vec<Arc<Item>>,
    /// The index of the first item of the input that the client sent; those before it were stored.
    own_input: usize,
    output: Vec<Arc<Item>>,
    chain: Option<String>,
    thread: Option<String>,
    /// The id of the conversation that it adds to.
    conversation: Option<String>,
    /// The events so far, of a background response. The number of each is its index.
    log: Option<Vec<Frame>>,
    open: bool,
    age: Age,
    /// The id of its request in the journal.
    turn: Option<i64>,
    /// The bytes of the response object and the log.
    bytes: usize,
}

/// A conversation that a client created, to which responses add items.
#[derive(Debug)]
struct StoredConversation {
    object: Value,
    items: Vec<Arc<Item>>,
    age: Age,
}

/// The stored items that a request goes on from.
#[derive(Debug, Default)]
pub struct History {
    items: Vec<Arc<Item>>,
    chain: Option<String>,
    thread: Option<String>,
}

/// Events of a background response.
#[derive(Debug, PartialEq, Eq)]
pub struct Replay {
    /// The events.
    pub frames: Vec<Frame>,
    /// Whether these are the last.
    pub ended: bool,
}

impl StoredResponses {
    /// An empty store for at most `max_entries` responses and conversations.
    pub fn new(max_entries: usize) -> Self {
        Self::with_bytes(max_entries, MAX_BYTES)
    }

    /// An empty store for at most `max_entries` responses and conversations, and `max_bytes` of them.
    pub(crate) fn with_bytes(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            responses: HashMap::new(),
            conversations: HashMap::new(),
            idle: BTreeMap::new(),
            latest_age: 0,
            open_responses: HashMap::new(),
            items: HashMap::new(),
            archived_items: HashMap::new(),
            memory: MemoryUse::default(),
            max_entries,
            max_bytes,
            on_disk: None,
        }
    }

    /// An empty store with at most `max_entries` responses and conversations in memory. All are in the
    /// journal too, where those that were dropped from memory are found.
    pub(super) fn with_archive(max_entries: usize, archive: Archive) -> Self {
        Self {
            on_disk: Some(OnDisk {
                archive,
                saving: Saving::default(),
                deleted: HashSet::new(),
            }),
            ..Self::new(max_entries)
        }
    }

    /// Stores a response that has just begun; `turn` is the id of its request in the journal. The events
    /// of a background response are stored too.
    pub fn begin(&mut self, request: &Request, response: ResponseObject, turn: Option<i64>) {
        let state = || response.checkpoint();
        let row = self.response_row(response.id(), turn, true, request.background, state);
        self.write(row.into_iter().collect());
        self.insert(request, response, turn);
        self.evict();
    }

    /// Adds an open response to those in memory.
    fn insert(&mut self, request: &Request, response: ResponseObject, turn: Option<i64>) {
        let id = response.id().to_owned();
        let input: Vec<_> = request.items[request.preamble..].to_vec();
        let conversation = match &request.previous {
            Some(Previous::Conversation(id)) => Some(id.clone()),
            _ => None,
        };
        let used = conversation.as_ref().and_then(|id| self.touch(id));
        self.write(used.into_iter().collect());
        let entry = StoredResponse {
            own_input: request.earlier.min(input.len()),
            bytes: response.bytes(),
            response,
            input,
            output: Vec::new(),
            chain: request.chain.clone(),
            thread: request.thread.clone(),
            conversation,
            log: request.background.then(Vec::new),
            open: true,
            age: self.next_age(),
            turn,
        };
        self.memory.add(&entry.input);
        self.memory.bytes += entry.bytes;
        if let Some(name) = &entry.conversation {
            *self.open_responses.entry(name.clone()).or_default() += 1;
            if let Some(conversation) = self.conversations.get(name) {
                self.idle.remove(&conversation.age);
            }
        }
        self.responses.insert(id, entry);
    }

    /// Updates a response: its object, new events, and the checkpoint from which it goes on after a
    /// restart. Returns false if the response is not open any more, because it was cancelled or deleted.
    pub fn update(
        &mut self,
        response: &ResponseObject,
        checkpoint: Option<String>,
        frames: &[Frame],
        ended: bool,
    ) -> bool {
        let Some(mut rows) = self.apply_update(response, checkpoint, frames, ended) else {
            return false;
        };
        if ended {
            rows.extend(self.add_to_conversation(response.id()));
        }
        // In one write, so that the journal never has a response that is ahead of its events.
        self.write(rows);
        self.evict();
        true
    }

    /// Updates an open response in memory, and returns the records of that; `None` if it is not open.
    fn apply_update(
        &mut self,
        response: &ResponseObject,
        checkpoint: Option<String>,
        frames: &[Frame],
        ended: bool,
    ) -> Option<Vec<Record>> {
        let id = response.id();
        let entry = self.responses.get_mut(id).filter(|entry| entry.open)?;
        let added: Vec<Arc<Item>> = response
            .output()
            .iter()
            .skip(entry.output.len())
            .map(|item| Arc::new(Item::of_text(Arc::clone(item))))
            .collect();
        self.memory.add(&added);
        let mut rows = Vec::new();
        for item in &added {
            if let Some(id) = item.id().filter(|_| self.on_disk.is_some()) {
                let (item, response) = (turn::blob(item), response.id().to_owned());
                rows.push(Record::ResponseItem { id, response, item });
            }
        }
        for item in &added {
            if let Some(item_id) = item.id() {
                self.items.insert(item_id, Arc::clone(item));
            }
        }
        let has_changed = ended || !added.is_empty() || entry.log.is_some();
        entry.output.extend(added);
        let mut bytes = entry.bytes + response.bytes() - entry.response.bytes();
        if let Some(log) = &mut entry.log {
            bytes += frames.iter().map(|frame| frame.data.len()).sum::<usize>();
            if self.on_disk.is_some() && !frames.is_empty() {
                rows.push(events_record(id, log.len(), frames));
            }
            log.extend(frames.iter().cloned());
        }
        self.memory.recount(&mut entry.bytes, bytes);
        entry.response = response.clone();
        let (turn, background) = (entry.turn, entry.log.is_some());
        if ended {
            self.close(id);
        }
        if has_changed {
            let state = || checkpoint.unwrap_or_else(|| response.checkpoint());
            let row = self.response_row(id, turn, !ended, background, state);
            rows.splice(0..0, row);
        }
        Some(rows)
    }

    /// Adds the input and the output of a response that has ended to its conversation, and returns the
    /// records of that.
    fn add_to_conversation(&mut self, id: &str) -> Vec<Record> {
        let mut rows = Vec::new();
        let Some(entry) = self.responses.get(id) else {
            return rows;
        };
        if !matches!(
            entry.response.status(),
            ResponseStatus::Completed | ResponseStatus::Incomplete
        ) {
            // A failed or cancelled response adds nothing.
            return rows;
        }
        let Some(name) = entry.conversation.clone() else {
            return rows;
        };
        // It is in memory, because a conversation with an open response is not dropped. It may have been
        // deleted.
        if let Some(conversation) = self.conversations.get_mut(&name) {
            let added = entry.input[entry.own_input..].iter().chain(&entry.output);
            self.memory.add(added.clone());
            if self.on_disk.is_some() {
                rows.push(added_items_record(
                    &name,
                    conversation.items.len(),
                    added.clone(),
                ));
            }
            conversation.items.extend(added.map(Arc::clone));
        }
        rows.extend(self.touch(&name));
        rows
    }

    /// Closes a response: it may be dropped from now on, and its conversation too if it has no other
    /// open one.
    fn close(&mut self, id: &str) {
        let Some(entry) = self.responses.get_mut(id).filter(|entry| entry.open) else {
            return;
        };
        entry.open = false;
        self.idle.insert(entry.age, id.to_owned());
        let Some(name) = &entry.conversation else {
            return;
        };
        if let Some(open) = self.open_responses.get_mut(name) {
            *open -= 1;
            if *open == 0 {
                self.open_responses.remove(name);
                if let Some(conversation) = self.conversations.get(name) {
                    self.idle.insert(conversation.age, name.clone());
                }
            }
        }
    }

    /// Ends a response that nobody will finish. Its status becomes `cancelled`.
    pub(crate) fn abandon(&mut self, id: &str) {
        if let Some(entry) = self.responses.get_mut(id).filter(|entry| entry.open) {
            entry.response.set_status(ResponseStatus::Cancelled);
            let (state, turn) = (entry.response.checkpoint(), entry.turn);
            let background = entry.log.is_some();
            self.close(id);
            let row = self.response_row(id, turn, false, background, || state);
            self.write(row.into_iter().collect());
        }
    }

    /// Whether a response has not ended.
    pub fn is_open(&self, id: &str) -> bool {
        self.responses.get(id).is_some_and(|entry| entry.open)
    }

    /// The response object.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id.
    pub fn get(&self, id: &str) -> Result<&ResponseObject, ApiError> {
        Ok(&self.entry(id)?.response)
    }

    /// Cancels a background response, and returns the response object. One that has ended stays
    /// as it is.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id, 400 for a response that is not a background response.
    pub fn cancel(&mut self, id: &str) -> Result<&ResponseObject, ApiError> {
        if self.entry(id)?.log.is_none() {
            let message = "Only a background response can be cancelled: close the connection to \
                           end this one.";
            return Err(ApiError::invalid(message).param("response_id"));
        }
        self.abandon(id);
        self.get(id)
    }

    /// Deletes a response for good, and returns the object that tells the client so.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id.
    pub fn delete(&mut self, id: &str) -> Result<Value, ApiError> {
        let items: Vec<String> = self
            .entry(id)?
            .output
            .iter()
            .filter_map(|item| item.id())
            .collect();
        self.remove(id);
        self.remember_deleted(items.into_iter().chain([id.to_owned()]));
        self.write(vec![Record::DeleteResponse { id: id.to_owned() }]);
        Ok(json!({"id": id, "object": "response", "deleted": true}))
    }

    /// A page of the input items of a response, with all that it goes on from.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id, 400 for a page that does not exist.
    pub fn input_items(&self, id: &str, wanted: &PageQuery) -> Result<String, ApiError> {
        page(&self.entry(id)?.input, id, wanted)
    }

    /// The events of a background response after the one with number `after`, or from the first one on;
    /// at most a few hundred.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id, 400 for a response that is not a background response.
    pub fn replay(&self, id: &str, after: Option<u64>) -> Result<Replay, ApiError> {
        let entry = self.entry(id)?;
        let Some(log) = &entry.log else {
            let message = "Only a background response can be streamed later: this one was made \
                           without 'background'.";
            return Err(ApiError::invalid(message).param("stream"));
        };
        let from = after.map_or(0, |after| after.saturating_add(1));
        let from = usize::try_from(from).map_or(log.len(), |from| from.min(log.len()));
        let to = log.len().min(from + MAX_EVENTS);
        Ok(Replay {
            frames: log[from..to].to_vec(),
            ended: !entry.open && to == log.len(),
        })
    }

    /// An event that keeps the stream of an open background response alive. It repeats the number of the
    /// last event, so that a client that comes back after it misses nothing.
    pub fn heartbeat(&self, id: &str) -> Option<Frame> {
        let entry = self.responses.get(id).filter(|entry| entry.open)?;
        let number = entry.log.as_ref()?.len().checked_sub(1)?;
        Some(entry.response.heartbeat(number as u64))
    }

    /// How many responses and conversations are in memory.
    pub fn len(&self) -> usize {
        self.responses.len() + self.conversations.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items up to and including a response, or those of a conversation; `None` if it is not in memory.
    ///
    /// # Errors
    ///
    /// 400 for a response that has not ended.
    pub fn history(&self, previous: &Previous) -> Result<Option<History>, ApiError> {
        match previous {
            Previous::Response(id) => match self.responses.get(id) {
                None => Ok(None),
                Some(entry) if entry.open => {
                    let message = format!(
                        "The response '{id}' has not ended: wait for it, or cancel it, before \
                         you go on from it."
                    );
                    Err(ApiError::invalid(message).param("previous_response_id"))
                }
                Some(entry) => Ok(Some(History {
                    items: entry.input.iter().chain(&entry.output).cloned().collect(),
                    chain: entry.chain.clone(),
                    thread: entry.thread.clone(),
                })),
            },
            Previous::Conversation(id) => Ok(self.conversations.get(id).map(|found| History {
                items: found.items.clone(),
                chain: Some(id.clone()),
                thread: None,
            })),
        }
    }

    /// An output item by its own id.
    pub fn item(&self, id: &str) -> Option<&Arc<Item>> {
        self.items.get(id).or_else(|| self.archived_items.get(id))
    }

    /// Those of these ids that are not in memory and may be in the journal, and the archive to look in;
    /// `None` if there are none.
    pub(super) fn missing(&self, ids: &[String]) -> Option<(Archive, Vec<String>)> {
        let on_disk = self.on_disk.as_ref()?;
        let ids = ids.iter().filter(|id| self.is_missing(id));
        let ids: Vec<String> = ids.cloned().collect();
        (!ids.is_empty()).then(|| (on_disk.archive.clone(), ids))
    }

    fn is_missing(&self, id: &str) -> bool {
        let is_deleted = |on_disk: &OnDisk| on_disk.deleted.contains(id);
        !self.is_in_memory(id) && !self.on_disk.as_ref().is_some_and(is_deleted)
    }

    /// Whether a response, a conversation or an output item is in memory.
    pub(super) fn is_in_memory(&self, id: &str) -> bool {
        self.responses.contains_key(id)
            || self.conversations.contains_key(id)
            || self.item(id).is_some()
    }

    /// Adds what was found in the journal to what is in memory, unless it was added or deleted meanwhile.
    pub(super) fn load_archived(&mut self, found: Vec<ArchivedEntry>) {
        /// How many archived items are in memory at once.
        const MAX: usize = 1_000;
        for found in found {
            match found {
                ArchivedEntry::Response(found) if self.is_missing(found.response.id()) => {
                    self.load_archived_response(*found);
                }
                ArchivedEntry::Conversation(object, items)
                    if object["id"].as_str().is_some_and(|id| self.is_missing(id)) =>
                {
                    let on_disk = self.on_disk.take();
                    self.begin_conversation(object, items);
                    self.on_disk = on_disk;
                }
                ArchivedEntry::Item(id, item) if self.is_missing(&id) => {
                    if self.archived_items.len() >= MAX {
                        self.archived_items.clear();
                    }
                    self.archived_items.insert(id, item);
                }
                _ => {}
            }
        }
    }

    fn load_archived_response(&mut self, found: ArchivedResponse) {
        let ArchivedResponse {
            request,
            response,
            open,
            turn,
            log,
        } = found;
        // Without the journal: it has all of this already.
        let on_disk = self.on_disk.take();
        self.insert(&request, response.clone(), turn);
        let frames = log.as_deref().unwrap_or_default();
        self.apply_update(&response, None, frames, !open);
        self.evict();
        self.on_disk = on_disk;
        if open && log.is_none() {
            // The connection of its client ended with the program.
            self.abandon(response.id());
        }
    }

    /// The record of a response. One without a turn has none: without its request, it could not be read
    /// again.
    fn response_row(
        &self,
        id: &str,
        turn: Option<i64>,
        open: bool,
        background: bool,
        state: impl FnOnce() -> String,
    ) -> Option<Record> {
        (self.on_disk.is_some() && turn.is_some()).then(|| {
            Record::Response(journal::ResponseRow {
                id: id.to_owned(),
                turn,
                open,
                background,
                created: now(),
                state: state(),
            })
        })
    }

    fn write(&mut self, rows: Vec<Record>) {
        if let Some(on_disk) = self.on_disk.as_mut().filter(|_| !rows.is_empty()) {
            on_disk.saving = Saving(Some(on_disk.archive.journal.write(rows)));
        }
    }

    /// The last write to the journal.
    pub(super) fn saving(&self) -> Saving {
        self.on_disk
            .as_ref()
            .map(|on_disk| on_disk.saving)
            .unwrap_or_default()
    }

    fn entry(&self, id: &str) -> Result<&StoredResponse, ApiError> {
        let entry = self.responses.get(id);
        entry.ok_or_else(|| not_found("Response", id, "response_id"))
    }

    /// Creates a conversation; `object` is the conversation object that its client gets.
    pub(crate) fn begin_conversation(&mut self, object: Value, items: Vec<Arc<Item>>) {
        let Some(id) = object["id"].as_str().map(str::to_owned) else {
            return;
        };
        self.memory.add(&items);
        self.memory.bytes += object_bytes(&object);
        if self.on_disk.is_some() {
            let row = ApiConversation {
                id: id.clone(),
                object: object.to_string(),
                used: now(),
            };
            let items = added_items_record(&id, 0, items.iter());
            self.write(vec![Record::ApiConversation(row), items]);
        }
        let age = self.next_age();
        if !self.open_responses.contains_key(&id) {
            self.idle.insert(age, id.clone());
        }
        let conversation = StoredConversation { object, items, age };
        self.conversations.insert(id, conversation);
        self.evict();
    }

    /// The conversation object.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id.
    pub fn conversation(&self, id: &str) -> Result<&Value, ApiError> {
        Ok(&self.conversation_entry(id)?.object)
    }

    /// A page of the items of a conversation.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id, 400 for a page that does not exist.
    pub(crate) fn conversation_items(
        &self,
        id: &str,
        wanted: &PageQuery,
    ) -> Result<String, ApiError> {
        page(&self.conversation_entry(id)?.items, id, wanted)
    }

    /// Adds items to a conversation, and returns the list of them.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id, 400 for a conversation that becomes too long.
    pub(crate) fn add_items(
        &mut self,
        id: &str,
        items: Vec<Arc<Item>>,
    ) -> Result<String, ApiError> {
        let known = &self.conversation_entry(id)?.items;
        let first = known.len();
        check_length(known.iter().chain(&items), self.max_bytes, "items")?;
        self.memory.add(&items);
        if let Some(used) = self.touch(id) {
            self.write(vec![used, added_items_record(id, first, items.iter())]);
        }
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.items.extend(items);
        }
        let list = conversation_items(&self.conversation_entry(id)?.items, id, first);
        self.evict();
        list
    }

    /// Deletes a conversation for good, and returns the object that tells the client so. Its responses
    /// stay.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id.
    pub(crate) fn delete_conversation(&mut self, id: &str) -> Result<Value, ApiError> {
        self.conversation_entry(id)?;
        self.remove(id);
        self.remember_deleted([id.to_owned()]);
        self.write(vec![Record::DeleteApiConversation { id: id.to_owned() }]);
        Ok(json!({"id": id, "object": "conversation.deleted", "deleted": true}))
    }

    /// Remembers that these ids were deleted, because the journal may have them for a moment longer.
    fn remember_deleted(&mut self, ids: impl IntoIterator<Item = String>) {
        let Some(on_disk) = &mut self.on_disk else {
            return;
        };
        for id in ids {
            self.archived_items.remove(&id);
            on_disk.deleted.insert(id);
        }
    }

    fn conversation_entry(&self, id: &str) -> Result<&StoredConversation, ApiError> {
        let found = self.conversations.get(id);
        found.ok_or_else(|| not_found("Conversation", id, "conversation"))
    }

    /// Drops a response or a conversation from memory.
    pub fn remove(&mut self, id: &str) {
        self.close(id);
        let age = if let Some(entry) = self.responses.remove(id) {
            for item in entry.output.iter().filter_map(|item| item.id()) {
                self.items.remove(&item);
            }
            self.memory.remove(entry.input.iter().chain(&entry.output));
            self.memory.bytes -= entry.bytes;
            entry.age
        } else if let Some(conversation) = self.conversations.remove(id) {
            self.memory.remove(&conversation.items);
            self.memory.bytes -= object_bytes(&conversation.object);
            conversation.age
        } else {
            return;
        };
        self.idle.remove(&age);
    }

    fn next_age(&mut self) -> Age {
        self.latest_age += 1;
        self.latest_age
    }

    /// Makes a conversation that is used the newest, and returns the record of that.
    fn touch(&mut self, id: &str) -> Option<Record> {
        let age = self.next_age();
        let conversation = self.conversations.get_mut(id)?;
        let before = std::mem::replace(&mut conversation.age, age);
        if let Some(id) = self.idle.remove(&before) {
            self.idle.insert(age, id);
        }
        self.on_disk.as_ref().map(|_| {
            Record::ApiConversation(ApiConversation {
                id: id.to_owned(),
                object: conversation.object.to_string(),
                used: now(),
            })
        })
    }

    /// Drops the oldest from memory until the rest is within the limits. What is open stays.
    fn evict(&mut self) {
        while self.len() > self.max_entries || self.memory.bytes > self.max_bytes {
            // The newest stays, however large it is: its client has just got its id.
            let oldest = self.idle.first_key_value();
            match oldest.filter(|(age, _)| **age < self.latest_age) {
                Some((_, id)) => self.remove(&id.clone()),
                None => return,
            }
        }
    }
}

/// Inserts the stored items that a request goes on from before its own, and replaces its item references
/// by the items. Each is taken from the first of the stores that has it.
///
/// # Errors
///
/// 400 for an unknown response, for the output of a call that was never made, or for more than may
/// be stored; 404 for an unknown item or conversation.
pub fn resolve(request: &mut Request, stores: &[&StoredResponses]) -> Result<(), ApiError> {
    let own = request.preamble;
    request.references = resolve_items(&mut request.items[own..], stores, "input")?;
    if let Some(named) = &request.previous {
        let mut history = None;
        for stored in stores {
            if history.is_none() {
                history = stored.history(named)?;
            }
        }
        let history = history.ok_or_else(|| unknown_previous(named))?;
        let at = request.preamble;
        request.earlier = history.items.len();
        request.items.splice(at..at, history.items);
        check_outputs(&request.items, at + request.earlier)?;
        request.chain = history.chain;
        if request.thread.is_none() {
            request.thread = history.thread;
        }
    }
    // A short request can refer to much that is stored. What the client itself sends is bounded where it
    // is read.
    match stores.iter().map(|stored| stored.max_bytes).max() {
        Some(max_bytes) if !request.references.is_empty() || request.previous.is_some() => {
            check_length(&request.items, max_bytes, "input")
        }
        _ => Ok(()),
    }
}

/// Replaces item references by the items, and returns the references with their indexes. `param` is the
/// field of the request that they came in.
///
/// # Errors
///
/// 404 for something that is not stored.
pub fn resolve_items(
    items: &mut [Arc<Item>],
    stores: &[&StoredResponses],
    param: &str,
) -> Result<Vec<(usize, Arc<Item>)>, ApiError> {
    let mut references = Vec::new();
    for (place, item) in items.iter_mut().enumerate() {
        let Some(id) = item.reference() else {
            continue;
        };
        let found = stores.iter().find_map(|stored| stored.item(&id));
        let found = found.ok_or_else(|| {
            ApiError::invalid(format!(
                "Item with id '{id}' not found: only what this server said in a response that it \
                 stored can be referred to. Send the item itself instead."
            ))
            .status(404)
            .param(param)
        })?;
        references.push((place, std::mem::replace(item, Arc::clone(found))));
    }
    Ok(references)
}

fn check_length<'a>(
    items: impl IntoIterator<Item = &'a Arc<Item>>,
    max_bytes: usize,
    param: &str,
) -> Result<(), ApiError> {
    let bytes: usize = items.into_iter().map(|item| item.bytes()).sum();
    if bytes <= max_bytes {
        return Ok(());
    }
    let message = format!(
        "The conversation would take more than {} MiB: begin another one, with a summary of this \
         one perhaps (POST /v1/responses/compact).",
        max_bytes >> 20
    );
    Err(ApiError::invalid(message)
        .code("context_length_exceeded")
        .param(param))
}

fn unknown_previous(previous: &Previous) -> ApiError {
    match previous {
        Previous::Response(id) => ApiError::invalid(format!(
            "Previous response with id '{id}' not found: it was made with 'store' false, was \
             deleted, or is no longer kept. Send the whole conversation in 'input' instead of \
             'previous_response_id'."
        ))
        .code("previous_response_not_found")
        .param("previous_response_id"),
        Previous::Conversation(id) => not_found("Conversation", id, "conversation"),
    }
}

fn not_found(what: &str, id: &str, param: &str) -> ApiError {
    ApiError::invalid(format!(
        "{what} with id '{id}' not found: it was never stored, was deleted, or is no longer kept."
    ))
    .status(404)
    .param(param)
}

/// Checks that each output of a call has its call. That can be asked only where the whole history is
/// known. Only the items from the index `own` on are checked: the client cannot change those that are
/// stored.
fn check_outputs(items: &[Arc<Item>], own: usize) -> Result<(), ApiError> {
    // Calls and outputs may be of different kinds: clients have tools that are unknown here.
    let outputs = items.iter().skip(own).filter_map(|item| item.output_of());
    // Kinds of output without a `call_id` name their call in another way.
    let mut outputs = outputs.filter(|call_id| !call_id.is_empty()).peekable();
    if outputs.peek().is_none() {
        return Ok(());
    }
    let calls = items.iter().filter(|item| item.output_of().is_none());
    let calls: HashSet<&str> = calls.filter_map(|item| item.call_id()).collect();
    match outputs.find(|output| !calls.contains(*output)) {
        None => Ok(()),
        Some(call_id) => Err(ApiError::invalid(format!(
            "No tool call found for the output with call_id '{call_id}'."
        ))
        .param("input")),
    }
}

/// The record of events of a response; `first` is the number of the first of them.
fn events_record(response: &str, first: usize, frames: &[Frame]) -> Record {
    let event = |(number, frame): (usize, &Frame)| journal::EventRow {
        number: i64::try_from(first + number).unwrap_or(i64::MAX),
        name: frame.event.map(str::to_owned),
        data: frame.data.to_string(),
    };
    Record::Events {
        response: response.to_owned(),
        events: frames.iter().enumerate().map(event).collect(),
    }
}

/// The record of items that are added to a conversation; `first` is the index of the first of them.
fn added_items_record<'a>(
    id: &str,
    first: usize,
    items: impl Iterator<Item = &'a Arc<Item>>,
) -> Record {
    Record::ApiConversationItems {
        conversation: id.to_owned(),
        position: i64::try_from(first).unwrap_or(i64::MAX),
        items: items.map(|item| turn::blob(item)).collect(),
    }
}

/// The bytes that the object of a conversation counts for.
fn object_bytes(object: &Value) -> usize {
    object.to_string().len()
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
