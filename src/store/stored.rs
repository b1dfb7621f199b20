//! What the server keeps of responses, so that later requests can go on from them: bounded, and the
//! oldest first to go.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::account::MemoryUse;
use super::archive::{Archive, ArchivedEntry, FoundResponse};
use super::turn;
use super::{Saving, now};
use crate::api::responses::{PageQuery, ResponseObject, ResponseStatus, conversation_items, page};
use crate::api::{ApiError, Frame, Item, Previous, Request};
use crate::journal::{self, ApiConversation, Record as Row};

/// How many bytes of JSON all responses and conversations together may hold.
const MAX_BYTES: usize = 256 << 20;
/// How many events are handed out at once, so that many who watch a long response do not each
/// hold a copy of all of it.
const MAX_EVENTS: usize = 256;

/// Responses and conversations by their ids.
#[derive(Debug)]
pub struct StoredResponses {
    responses: HashMap<String, StoredResponse>,
    conversations: HashMap<String, StoredConversation>,
    /// The ids of those of both that nobody works on, by age. The oldest comes first.
    idle: BTreeMap<Age, String>,
    /// The age of what came last.
    newest: Age,
    /// How many open responses add to a conversation; none that nobody talks in.
    talked_in: HashMap<String, usize>,
    /// Output items by their own ids.
    items: HashMap<String, Arc<Item>>,
    /// Output items of responses that are not in memory, which were referred to lately.
    past_items: HashMap<String, Arc<Item>>,
    held: MemoryUse,
    most: usize,
    most_bytes: usize,
    past: Option<OnDisk>,
}

/// Numbers responses by when they were made, and conversations by when they were last used.
type Age = u64;

/// Where all of it is on disk.
#[derive(Debug)]
struct OnDisk {
    archive: Archive,
    /// What was written last.
    saving: Saving,
    /// What the journal may still have for a moment, or for as long as it cannot be written.
    deleted: HashSet<String>,
}

/// A response, under way or ended.
#[derive(Debug)]
struct StoredResponse {
    /// The response object as it stands.
    response: ResponseObject,
    /// What the person was asked, without the instructions.
    input: Vec<Arc<Item>>,
    /// Where the client's own part of the input begins; before it is what was stored earlier.
    own: usize,
    output: Vec<Arc<Item>>,
    chain: Option<String>,
    thread: Option<String>,
    conversation: Option<String>,
    /// The events so far, the number of each being its place; only of a background response.
    log: Option<Vec<Frame>>,
    open: bool,
    age: Age,
    /// The number of its request in the journal.
    turn: Option<i64>,
    /// What the response object and the log take.
    bytes: usize,
}

/// A conversation that the client has made, to which responses add.
#[derive(Debug)]
struct StoredConversation {
    object: Value,
    items: Vec<Arc<Item>>,
    age: Age,
}

/// What a request goes on from.
#[derive(Debug, Default)]
pub struct History {
    items: Vec<Arc<Item>>,
    chain: Option<String>,
    thread: Option<String>,
}

/// Events of a background response, as far as they are there.
#[derive(Debug, PartialEq, Eq)]
pub struct Replay {
    /// The events.
    pub frames: Vec<Frame>,
    /// Whether there will be no more.
    pub ended: bool,
}

impl StoredResponses {
    /// Room for at most so many responses and conversations.
    pub fn new(most: usize) -> Self {
        Self::with_bytes(most, MAX_BYTES)
    }

    /// Room for at most so many responses and conversations, and so many bytes of JSON.
    pub(crate) fn with_bytes(most: usize, most_bytes: usize) -> Self {
        Self {
            responses: HashMap::new(),
            conversations: HashMap::new(),
            idle: BTreeMap::new(),
            newest: 0,
            talked_in: HashMap::new(),
            items: HashMap::new(),
            past_items: HashMap::new(),
            held: MemoryUse::default(),
            most,
            most_bytes,
            past: None,
        }
    }

    /// Room for at most so many responses and conversations in memory. All of them are in a journal too, where
    /// what has no room is found.
    pub(super) fn with_archive(most: usize, archive: Archive) -> Self {
        Self {
            past: Some(OnDisk {
                archive,
                saving: Saving::default(),
                deleted: HashSet::new(),
            }),
            ..Self::new(most)
        }
    }

    /// Keeps a response that has just begun, to the request that has this number in the journal; its
    /// events too, if its client comes back for it.
    pub fn begin(&mut self, request: &Request, response: ResponseObject, turn: Option<i64>) {
        let state = || response.checkpoint();
        let row = self.response_row(response.id(), turn, true, request.background, state);
        self.write(row.into_iter().collect());
        self.enter(request, response, turn);
        self.tidy();
    }

    /// Puts a response among those in memory.
    fn enter(&mut self, request: &Request, response: ResponseObject, turn: Option<i64>) {
        let id = response.id().to_owned();
        let input: Vec<_> = request.items[request.preamble..].to_vec();
        let conversation = match &request.previous {
            Some(Previous::Conversation(id)) => Some(id.clone()),
            _ => None,
        };
        let used = conversation.as_ref().and_then(|id| self.touch(id));
        self.write(used.into_iter().collect());
        let entry = StoredResponse {
            own: request.earlier.min(input.len()),
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
        self.held.add(&entry.input);
        self.held.bytes += entry.bytes;
        if let Some(name) = &entry.conversation {
            *self.talked_in.entry(name.clone()).or_default() += 1;
            if let Some(conversation) = self.conversations.get(name) {
                self.idle.remove(&conversation.age);
            }
        }
        self.responses.insert(id, entry);
    }

    /// Takes in what a response has become, the events that say so, and what it takes to go on with it
    /// after a restart. Returns false if nobody wants it any more: it was cancelled or deleted.
    pub fn update(
        &mut self,
        response: &ResponseObject,
        checkpoint: Option<String>,
        frames: &[Frame],
        ended: bool,
    ) -> bool {
        let Some(mut rows) = self.take_in(response, checkpoint, frames, ended) else {
            return false;
        };
        if ended {
            rows.extend(self.add_to_conversation(response.id()));
        }
        // All of it or nothing: the response never says more than its events do.
        self.write(rows);
        self.tidy();
        true
    }

    /// Takes in what a response has become, if anybody wants it; what the journal is to have of it.
    fn take_in(
        &mut self,
        response: &ResponseObject,
        checkpoint: Option<String>,
        frames: &[Frame],
        ended: bool,
    ) -> Option<Vec<Row>> {
        let id = response.id();
        let entry = self.responses.get_mut(id).filter(|entry| entry.open)?;
        let added = response.output().iter().skip(entry.output.len());
        let added = added.map(|item| Arc::new(Item::of_text(Arc::clone(item))));
        let added: Vec<_> = added.collect();
        self.held.add(&added);
        let mut rows = Vec::new();
        for item in &added {
            if let Some(id) = item.id().filter(|_| self.past.is_some()) {
                let (item, response) = (turn::blob(item), response.id().to_owned());
                rows.push(Row::ResponseItem { id, response, item });
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
            if self.past.is_some() && !frames.is_empty() {
                rows.push(events(id, log.len(), frames));
            }
            log.extend(frames.iter().cloned());
        }
        self.held.recount(&mut entry.bytes, bytes);
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

    /// What was said in a response becomes part of the conversation that it belongs to; what the
    /// journal is to have of that.
    fn add_to_conversation(&mut self, id: &str) -> Vec<Row> {
        let mut rows = Vec::new();
        let Some(entry) = self.responses.get(id) else {
            return rows;
        };
        if !matches!(
            entry.response.status(),
            ResponseStatus::Completed | ResponseStatus::Incomplete
        ) {
            // What was refused is not part of what was said.
            return rows;
        }
        let Some(name) = entry.conversation.clone() else {
            return rows;
        };
        // In memory since before the response was: whatever is open keeps it there.
        if let Some(conversation) = self.conversations.get_mut(&name) {
            let added = entry.input[entry.own..].iter().chain(&entry.output);
            self.held.add(added.clone());
            if self.past.is_some() {
                rows.push(added_items(&name, conversation.items.len(), added.clone()));
            }
            conversation.items.extend(added.map(Arc::clone));
        }
        rows.extend(self.touch(&name));
        rows
    }

    /// Nobody works on a response any more.
    fn close(&mut self, id: &str) {
        let Some(entry) = self.responses.get_mut(id).filter(|entry| entry.open) else {
            return;
        };
        entry.open = false;
        self.idle.insert(entry.age, id.to_owned());
        let Some(name) = &entry.conversation else {
            return;
        };
        if let Some(open) = self.talked_in.get_mut(name) {
            *open -= 1;
            if *open == 0 {
                self.talked_in.remove(name);
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

    /// Whether somebody still works on a response.
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

    /// Forgets a response, and returns what says so.
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
        self.forget(id);
        self.deleted(items.into_iter().chain([id.to_owned()]));
        self.write(vec![Row::DeleteResponse { id: id.to_owned() }]);
        Ok(json!({"id": id, "object": "response", "deleted": true}))
    }

    /// A page of the input items of a response, all that came before included.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id, 400 for a page that does not exist.
    pub fn input_items(&self, id: &str, wanted: &PageQuery) -> Result<String, ApiError> {
        page(&self.entry(id)?.input, id, wanted)
    }

    /// The events of a background response after the one with number `after`, or from the first
    /// one on; not more than a few hundred of them.
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

    /// The event that says that somebody still thinks about a background response. It has the
    /// number of the last event, so that a client that comes back after it misses nothing.
    pub fn heartbeat(&self, id: &str) -> Option<Frame> {
        let entry = self.responses.get(id).filter(|entry| entry.open)?;
        let number = entry.log.as_ref()?.len().checked_sub(1)?;
        Some(entry.response.heartbeat(number as u64))
    }

    /// How many responses and conversations are kept.
    pub fn len(&self) -> usize {
        self.responses.len() + self.conversations.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was said up to and including a response or in a conversation; `None` if it is not
    /// known here.
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
        self.items.get(id).or_else(|| self.past_items.get(id))
    }

    /// Which of these responses, conversations and output items only the journal can have, and where to
    /// look for them; `None` if there are none.
    pub(super) fn missing(&self, ids: &[String]) -> Option<(Archive, Vec<String>)> {
        let past = self.past.as_ref()?;
        let ids = ids.iter().filter(|id| self.is_missing(id));
        let ids: Vec<String> = ids.cloned().collect();
        (!ids.is_empty()).then(|| (past.archive.clone(), ids))
    }

    fn is_missing(&self, id: &str) -> bool {
        let is_deleted = |past: &OnDisk| past.deleted.contains(id);
        !self.knows(id) && !self.past.as_ref().is_some_and(is_deleted)
    }

    /// Whether a response, a conversation or an output item is in memory.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.responses.contains_key(id)
            || self.conversations.contains_key(id)
            || self.item(id).is_some()
    }

    /// Takes into memory what was found in the journal, unless it is there by now.
    pub(super) fn take_back(&mut self, found: Vec<ArchivedEntry>) {
        /// Items of the journal that are kept in memory.
        const MAX: usize = 1_000;
        for found in found {
            match found {
                ArchivedEntry::Response(found) if self.is_missing(found.response.id()) => {
                    self.take_back_response(*found);
                }
                ArchivedEntry::Conversation(object, items)
                    if object["id"].as_str().is_some_and(|id| self.is_missing(id)) =>
                {
                    let past = self.past.take();
                    self.begin_conversation(object, items);
                    self.past = past;
                }
                ArchivedEntry::Item(id, item) if self.is_missing(&id) => {
                    if self.past_items.len() >= MAX {
                        self.past_items.clear();
                    }
                    self.past_items.insert(id, item);
                }
                _ => {}
            }
        }
    }

    fn take_back_response(&mut self, found: FoundResponse) {
        let FoundResponse {
            request,
            response,
            open,
            turn,
            log,
        } = found;
        // What the journal has already is not written again, and its conversation has it too.
        let past = self.past.take();
        self.enter(&request, response.clone(), turn);
        let frames = log.as_deref().unwrap_or_default();
        self.take_in(&response, None, frames, !open);
        self.tidy();
        self.past = past;
        if open && log.is_none() {
            // Whoever waited for it when the program ended is gone.
            self.abandon(response.id());
        }
    }

    /// What the journal is to have of a response; nothing of one without a turn, which it could not
    /// read again.
    fn response_row(
        &self,
        id: &str,
        turn: Option<i64>,
        open: bool,
        background: bool,
        state: impl FnOnce() -> String,
    ) -> Option<Row> {
        (self.past.is_some() && turn.is_some()).then(|| {
            Row::Response(journal::ResponseRow {
                id: id.to_owned(),
                turn,
                open,
                background,
                created: now(),
                state: state(),
            })
        })
    }

    fn write(&mut self, rows: Vec<Row>) {
        if let Some(past) = self.past.as_mut().filter(|_| !rows.is_empty()) {
            past.saving = Saving(Some(past.archive.journal.write(rows)));
        }
    }

    /// What was written last.
    pub(super) fn saving(&self) -> Saving {
        self.past
            .as_ref()
            .map(|past| past.saving)
            .unwrap_or_default()
    }

    fn entry(&self, id: &str) -> Result<&StoredResponse, ApiError> {
        let entry = self.responses.get(id);
        entry.ok_or_else(|| not_found("Response", id, "response_id"))
    }

    /// Makes a conversation; `object` is what its client gets to see.
    pub(crate) fn begin_conversation(&mut self, object: Value, items: Vec<Arc<Item>>) {
        let Some(id) = object["id"].as_str().map(str::to_owned) else {
            return;
        };
        self.held.add(&items);
        self.held.bytes += size(&object);
        if self.past.is_some() {
            let row = ApiConversation {
                id: id.clone(),
                object: object.to_string(),
                used: now(),
            };
            let items = added_items(&id, 0, items.iter());
            self.write(vec![Row::ApiConversation(row), items]);
        }
        let age = self.next_age();
        if !self.talked_in.contains_key(&id) {
            self.idle.insert(age, id.clone());
        }
        let conversation = StoredConversation { object, items, age };
        self.conversations.insert(id, conversation);
        self.tidy();
    }

    /// The conversation object.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id.
    pub fn conversation(&self, id: &str) -> Result<&Value, ApiError> {
        Ok(&self.conversation_entry(id)?.object)
    }

    /// A page of what was said in a conversation.
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
        check_length(known.iter().chain(&items), self.most_bytes, "items")?;
        self.held.add(&items);
        if let Some(used) = self.touch(id) {
            self.write(vec![used, added_items(id, first, items.iter())]);
        }
        if let Some(conversation) = self.conversations.get_mut(id) {
            conversation.items.extend(items);
        }
        let list = conversation_items(&self.conversation_entry(id)?.items, id, first);
        self.tidy();
        list
    }

    /// Forgets a conversation, and returns what says so. Its responses stay.
    ///
    /// # Errors
    ///
    /// 404 for an unknown id.
    pub(crate) fn delete_conversation(&mut self, id: &str) -> Result<Value, ApiError> {
        self.conversation_entry(id)?;
        self.forget(id);
        self.deleted([id.to_owned()]);
        self.write(vec![Row::DeleteApiConversation { id: id.to_owned() }]);
        Ok(json!({"id": id, "object": "conversation.deleted", "deleted": true}))
    }

    /// Keeps in mind that these ids were deleted: the journal may still have them for a moment.
    fn deleted(&mut self, ids: impl IntoIterator<Item = String>) {
        let Some(past) = &mut self.past else {
            return;
        };
        for id in ids {
            self.past_items.remove(&id);
            past.deleted.insert(id);
        }
    }

    fn conversation_entry(&self, id: &str) -> Result<&StoredConversation, ApiError> {
        let found = self.conversations.get(id);
        found.ok_or_else(|| not_found("Conversation", id, "conversation"))
    }

    /// Forgets a response or a conversation.
    pub fn forget(&mut self, id: &str) {
        self.close(id);
        let age = if let Some(entry) = self.responses.remove(id) {
            for item in entry.output.iter().filter_map(|item| item.id()) {
                self.items.remove(&item);
            }
            self.held.remove(entry.input.iter().chain(&entry.output));
            self.held.bytes -= entry.bytes;
            entry.age
        } else if let Some(conversation) = self.conversations.remove(id) {
            self.held.remove(&conversation.items);
            self.held.bytes -= size(&conversation.object);
            conversation.age
        } else {
            return;
        };
        self.idle.remove(&age);
    }

    fn next_age(&mut self) -> Age {
        self.newest += 1;
        self.newest
    }

    /// Makes a conversation the newest, because somebody talks in it; what the journal is to have of
    /// that.
    fn touch(&mut self, id: &str) -> Option<Row> {
        let age = self.next_age();
        let conversation = self.conversations.get_mut(id)?;
        let before = std::mem::replace(&mut conversation.age, age);
        if let Some(id) = self.idle.remove(&before) {
            self.idle.insert(age, id);
        }
        self.past.as_ref().map(|_| {
            Row::ApiConversation(ApiConversation {
                id: id.to_owned(),
                object: conversation.object.to_string(),
                used: now(),
            })
        })
    }

    /// Lets go what is oldest, but nothing that somebody works on.
    fn tidy(&mut self) {
        while self.len() > self.most || self.held.bytes > self.most_bytes {
            // The newest stays, however large it is: its client has just been told of it.
            let oldest = self.idle.first_key_value();
            match oldest.filter(|(age, _)| **age < self.newest) {
                Some((_, id)) => self.forget(&id.clone()),
                None => return,
            }
        }
    }
}

/// Puts before the items of a request what it goes on from, and what it refers to in their place.
/// The stores are asked in this order.
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
        let history = history.ok_or_else(|| unknown(named))?;
        let at = request.preamble;
        request.earlier = history.items.len();
        request.items.splice(at..at, history.items);
        check_outputs(&request.items, at + request.earlier)?;
        request.chain = history.chain;
        if request.thread.is_none() {
            request.thread = history.thread;
        }
    }
    // A few words can stand for a lot of what is stored. What the client sends itself is bounded
    // where it is read.
    match stores.iter().map(|stored| stored.most_bytes).max() {
        Some(most) if !request.references.is_empty() || request.previous.is_some() => {
            check_length(&request.items, most, "input")
        }
        _ => Ok(()),
    }
}

/// Puts what items refer to in their place, and returns what stood there. `param` is the field
/// that they came in.
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
    most: usize,
    param: &str,
) -> Result<(), ApiError> {
    let bytes: usize = items.into_iter().map(|item| item.bytes()).sum();
    if bytes <= most {
        return Ok(());
    }
    let message = format!(
        "The conversation would take more than {} MiB: begin another one, with a summary of this \
         one perhaps (POST /v1/responses/compact).",
        most >> 20
    );
    Err(ApiError::invalid(message)
        .code("context_length_exceeded")
        .param(param))
}

fn unknown(previous: &Previous) -> ApiError {
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

/// Where everything that was said is known, an output without its call is a mistake. Only what
/// comes from `own` on is looked at: what was stored before cannot be mended any more.
fn check_outputs(items: &[Arc<Item>], own: usize) -> Result<(), ApiError> {
    // A call of any kind will do: clients have tools that nobody here knows.
    let outputs = items.iter().skip(own).filter_map(|item| item.output_of());
    // Some kinds of output name their call in another way.
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

/// The row of events of a response, the first of which has this number.
fn events(response: &str, first: usize, frames: &[Frame]) -> Row {
    let event = |(number, frame): (usize, &Frame)| journal::EventRow {
        number: i64::try_from(first + number).unwrap_or(i64::MAX),
        name: frame.event.map(str::to_owned),
        data: frame.data.to_string(),
    };
    Row::Events {
        response: response.to_owned(),
        events: frames.iter().enumerate().map(event).collect(),
    }
}

/// The row of items that come to a conversation.
fn added_items<'a>(id: &str, first: usize, items: impl Iterator<Item = &'a Arc<Item>>) -> Row {
    Row::ApiConversationItems {
        conversation: id.to_owned(),
        position: i64::try_from(first).unwrap_or(i64::MAX),
        items: items.map(|item| turn::blob(item)).collect(),
    }
}

/// About how many bytes the object of a conversation takes.
fn size(object: &Value) -> usize {
    object.to_string().len()
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
