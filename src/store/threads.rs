//! Decides which requests belong to one conversation, by keys that are taken from the requests.
//!
//! Some clients name the thread, some name the response that a request goes on from, and some send
//! nothing but the messages. A request is looked up by all keys that it has, the surest first.

use std::collections::{HashMap, HashSet, VecDeque};

use super::now;
use crate::agents::prompt_title;
use crate::api::{Item, Purpose, Request};
use crate::hash::Hash;
use crate::journal::{ConversationRow, JournalReader, TurnState};

/// Identifies a conversation, in this run of the program and in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId(pub(crate) i64);

impl ConversationId {
    /// The number of the conversation in the journal and on the command line.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// Identifies a request, in this run of the program and in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) i64);

/// What the conversation of a request is looked up by. Keys are kept apart by whether the program
/// answers by itself (`automatic`), so that housekeeping requests of an agent do not get into a
/// conversation of the person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ThreadKey {
    /// The client's own name for the thread.
    Thread(String),
    /// The chain of requests that go on from one another by the id of a response or of a conversation.
    Chain(String),
    /// The hash of all items of the last request.
    Prefix(Hash),
    /// The hash of the items before a prompt of the last request: a person at the client may take the
    /// prompt back and write another.
    BeforePrompt(Hash),
    /// The `call_id` of a call in a reply.
    Call(String),
    /// The hash of an answer and of the title of the prompt that it answered.
    Answer(Hash),
}

/// How many answers and calls of a conversation are keys, the newest.
const MAX_ANSWER_KEYS: usize = 16;
/// How many keys of each kind are taken from a request, from its end.
const MAX_LOOKUPS: usize = 6;
/// For how many milliseconds after a client went away or was rejected a request with another prompt
/// counts as its second attempt.
const RETRY_WINDOW_MS: i64 = 15 * 60 * 1000;

/// The conversations that requests may belong to, and their keys.
#[derive(Debug)]
pub(super) struct Threads {
    by_key: HashMap<(ThreadKey, bool), Vec<ConversationId>>,
    known: HashMap<ConversationId, KnownThread>,
    /// The deleted conversations. The journal may have them for a moment longer, and no request may find
    /// them there.
    deleted: HashSet<ConversationId>,
    /// Whether there may be conversations that are in the journal and not in memory.
    journal_may_have_more: bool,
    next_conversation: i64,
    next_request: i64,
}

#[derive(Debug)]
struct KnownThread {
    automatic: bool,
    keys: Vec<ThreadKey>,
    /// The keys of its answers and calls, the newest last.
    answers: VecDeque<ThreadKey>,
    /// How many items its last request had.
    items: usize,
    /// Whether its last request had nothing from the model.
    is_beginning: bool,
    /// The hash of the instructions of its last request, and whether that offered tools.
    instructions_and_tools: Option<(Hash, bool)>,
    /// How many of its requests are open.
    open: usize,
    /// When the client of its last request went away or was rejected, in milliseconds since 1970; `None`
    /// if that request was answered.
    lost_at: Option<i64>,
    /// Its row in the journal.
    row: Option<ConversationRow>,
}

/// A request whose conversation is known.
#[derive(Debug)]
pub(super) struct AssignedRequest {
    pub key: RequestKey,
    /// The hash of its items.
    pub prefix: Option<Hash>,
    /// The row of the conversation in the journal.
    pub row: Option<ConversationRow>,
    /// Whether the conversation was found in the journal and has to be loaded.
    pub(crate) from_journal: bool,
    /// How many items the request before it had.
    pub(crate) known_items: usize,
    /// Whether it replaces the first request of the conversation, which was not answered.
    pub(crate) begins_anew: bool,
    /// The conversation on whose behalf it was begun.
    pub parent: Option<ConversationId>,
    /// The name of its thread.
    pub thread: Option<String>,
}

/// The ids of a request and of its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestKey {
    /// The id of the conversation.
    pub conversation: ConversationId,
    /// The id of the request.
    pub request: RequestId,
}

impl Threads {
    /// No conversation yet. The ids that are given out begin with these.
    pub(super) fn new(next_conversation: i64, next_request: i64) -> Self {
        Self {
            by_key: HashMap::new(),
            known: HashMap::new(),
            deleted: HashSet::new(),
            journal_may_have_more: next_conversation > 1,
            next_conversation,
            next_request,
        }
    }

    /// Whether there may be conversations that are in the journal and not in memory.
    pub(crate) fn journal_may_have_more(&self) -> bool {
        self.journal_may_have_more
    }

    /// Whether the conversation of a request with these keys has to be looked up in the journal.
    pub(crate) fn needs_journal(&self, keys: &ThreadKeys, automatic: bool) -> bool {
        self.journal_may_have_more && !self.knows(keys, automatic)
    }

    /// Whether a conversation that was found in the journal may be used: it is not in memory, was not
    /// deleted, and is answered by the program if the request is (`automatic`), else by the person.
    pub(crate) fn is_only_in_journal(&self, row: &ConversationRow, automatic: bool) -> bool {
        let id = ConversationId(row.id);
        row.automatic.is_some() == automatic
            && !self.known.contains_key(&id)
            && !self.deleted.contains(&id)
    }

    /// Whether a conversation in memory has one of the sure keys of a request.
    pub(super) fn knows(&self, keys: &ThreadKeys, automatic: bool) -> bool {
        self.find(keys, automatic).is_some()
    }

    /// Assigns a request to the conversation that has one of its keys, or to a new one. `journal_row` is
    /// the row of the conversation if it was found in the journal; `hints` are used if no sure key is
    /// found.
    pub(super) fn assign(
        &mut self,
        keys: ThreadKeys,
        hints: &LikelyKeys,
        items: usize,
        automatic: bool,
        journal_row: Option<ConversationRow>,
    ) -> AssignedRequest {
        // Looked up again: other requests were assigned while the journal was read.
        let in_memory = self.find(&keys, automatic);
        let journal_row = journal_row
            .filter(|row| in_memory.is_none() && self.is_only_in_journal(row, automatic));
        let from_journal = journal_row.is_some();
        let found = in_memory
            .or_else(|| journal_row.as_ref().map(|row| ConversationId(row.id)))
            .or_else(|| self.find_likely(hints, automatic));
        let conversation = found.unwrap_or_else(|| {
            self.next_conversation += 1;
            ConversationId(self.next_conversation - 1)
        });
        let (prefix, is_beginning) = (keys.prefix, keys.is_beginning);
        let (instructions_and_tools, thread) = (
            keys.instructions_and_tools,
            keys.thread().map(str::to_owned),
        );
        let parent = keys.parent.as_ref().and_then(|parent| {
            let ids = self.by_key.get(&(parent.clone(), false))?;
            ids.last().copied()
        });
        let known = self.open(conversation, automatic, keys);
        known.row = journal_row.or_else(|| known.row.take());
        let known_items = std::mem::replace(&mut known.items, items);
        known.instructions_and_tools = instructions_and_tools;
        let is_taken_back = known.lost_at.take().is_some();
        let was_beginning = std::mem::replace(&mut known.is_beginning, is_beginning);
        let row = known.row.clone();
        self.next_request += 1;
        AssignedRequest {
            key: RequestKey {
                conversation,
                request: RequestId(self.next_request - 1),
            },
            prefix,
            row,
            from_journal,
            known_items,
            begins_anew: is_taken_back && was_beginning && is_beginning,
            parent,
            thread,
        }
    }

    /// Gives a side request keys of its own: agents send requests with the name of a thread that do not
    /// belong into it, such as a summary of a web page. These have other instructions and no tools.
    pub(super) fn split_off_side_request(&self, mut keys: ThreadKeys) -> ThreadKeys {
        let Some(thread) = keys.thread().map(str::to_owned) else {
            return keys;
        };
        let found = self.find(&keys, false).and_then(|id| self.known.get(&id));
        let instructions_and_tools = found.and_then(|known| known.instructions_and_tools);
        if let (Some((first, true)), Some((own, false))) =
            (instructions_and_tools, keys.instructions_and_tools)
            && first != own
            && !keys.is_summary
        {
            let key = ThreadKey::Thread(format!("aside: {thread}"));
            keys.own = vec![key.clone()];
            keys.continues = Some(key);
            keys.parent = Some(ThreadKey::Thread(thread));
        }
        keys
    }

    /// Opens a request of an earlier run again, under the id of its turn.
    pub(crate) fn reopen(
        &mut self,
        row: ConversationRow,
        turn: i64,
        request: &Request,
    ) -> RequestKey {
        let conversation = ConversationId(row.id);
        let automatic = row.automatic.is_some();
        let known = self.open(conversation, automatic, ThreadKeys::of(request));
        known.items = request.items.len();
        known.row = Some(row);
        RequestKey {
            conversation,
            request: RequestId(turn),
        }
    }

    /// Counts one more open request of a conversation, whose keys these are from now on.
    fn open(&mut self, id: ConversationId, automatic: bool, keys: ThreadKeys) -> &mut KnownThread {
        let old = self.known.get(&id).map(|known| known.keys.clone());
        self.remove_keys(id, automatic, &old.unwrap_or_default());
        for key in &keys.own {
            let ids = self.by_key.entry((key.clone(), automatic)).or_default();
            ids.push(id);
        }
        let known = self.known.entry(id).or_insert_with(|| KnownThread {
            automatic,
            keys: Vec::new(),
            answers: VecDeque::new(),
            items: 0,
            is_beginning: false,
            instructions_and_tools: None,
            open: 0,
            lost_at: None,
            row: None,
        });
        known.keys = keys.own;
        known.open += 1;
        known
    }

    /// Remembers the row of a conversation in the journal.
    pub(crate) fn remember(&mut self, row: ConversationRow) {
        if let Some(known) = self.known.get_mut(&ConversationId(row.id)) {
            known.row = Some(row);
        }
    }

    /// Makes a call in a reply a key of the conversation.
    pub(super) fn add_call(&mut self, conversation: ConversationId, call_id: String) {
        self.add_answer_key(conversation, ThreadKey::Call(call_id));
    }

    /// Makes an answer to the prompt of this title a key of the conversation.
    pub(super) fn add_answer(&mut self, conversation: ConversationId, title: &str, words: &str) {
        self.add_answer_key(conversation, answer_key(title, words));
    }

    fn add_answer_key(&mut self, conversation: ConversationId, key: ThreadKey) {
        let Some(known) = self.known.get_mut(&conversation) else {
            return;
        };
        let automatic = known.automatic;
        // A key that comes again counts as new.
        let index = known.answers.iter().position(|known| *known == key);
        let repeated = index.and_then(|index| known.answers.remove(index));
        known.answers.push_back(key.clone());
        let oldest = if known.answers.len() > MAX_ANSWER_KEYS {
            known.answers.pop_front()
        } else {
            None
        };
        let old: Vec<ThreadKey> = repeated.into_iter().chain(oldest).collect();
        self.remove_keys(conversation, automatic, &old);
        self.by_key
            .entry((key, automatic))
            .or_default()
            .push(conversation);
    }

    /// Counts one open request of a conversation less: it was answered, or rejected (`turned_away`), or
    /// its client went away (`gone`). Returns the row that the journal is to have of the conversation
    /// now.
    pub(super) fn close(
        &mut self,
        conversation: ConversationId,
        gone: bool,
        turned_away: bool,
    ) -> Option<&ConversationRow> {
        let known = self.known.get_mut(&conversation)?;
        known.open = known.open.saturating_sub(1);
        known.lost_at = (gone || turned_away).then(now);
        let row = known.row.as_mut()?;
        row.active = now();
        row.state = match (known.open, gone) {
            (0, true) => TurnState::Gone,
            (0, false) => TurnState::Answered,
            _ => TurnState::Waiting,
        };
        Some(row)
    }

    /// Drops a conversation from memory. Its later requests find it in the journal, or begin another one
    /// if there is no journal.
    pub(super) fn forget(&mut self, conversation: ConversationId) {
        self.journal_may_have_more = true;
        if let Some(mut known) = self.known.remove(&conversation) {
            known.keys.extend(known.answers);
            self.remove_keys(conversation, known.automatic, &known.keys);
        }
    }

    /// Deletes a conversation for good: its later requests begin another one.
    pub(super) fn delete(&mut self, conversation: ConversationId) {
        self.forget(conversation);
        self.deleted.insert(conversation);
    }

    /// Whether a conversation was deleted for good.
    pub(crate) fn is_deleted(&self, conversation: ConversationId) -> bool {
        self.deleted.contains(&conversation)
    }

    /// The conversations that have a key, the one that was used last first.
    fn with_key<'a>(
        &'a self,
        key: &ThreadKey,
        automatic: bool,
    ) -> impl Iterator<Item = ConversationId> + use<'a> {
        let ids = self.by_key.get(&(key.clone(), automatic));
        ids.into_iter().flat_map(|ids| ids.iter().rev().copied())
    }

    /// The conversation that has one of the sure keys of a request.
    fn find(&self, keys: &ThreadKeys, automatic: bool) -> Option<ConversationId> {
        let named = |key: &ThreadKey| self.with_key(key, automatic);
        let chained = keys.continues.iter().flat_map(named).next();
        chained
            .or_else(|| {
                let mut same = keys.repeats.iter().flat_map(named);
                same.find(|id| self.is_lost(*id))
            })
            .or_else(|| keys.extends.iter().flat_map(named).next())
    }

    /// The conversation that a request with these keys most likely belongs to.
    fn find_likely(&self, hints: &LikelyKeys, automatic: bool) -> Option<ConversationId> {
        self.find_by_answers(&hints.answers, automatic).or_else(|| {
            let before = hints.before_prompts.iter();
            let mut begun = before.flat_map(|key| self.with_key(key, automatic));
            let since = now() - RETRY_WINDOW_MS;
            begun.find(|id| self.lost_at(*id).is_some_and(|at| at >= since))
        })
    }

    /// The conversation that has a call of these keys, or else the most of the answers, the newest of
    /// several. Other clients may have got the same answers, so a conversation in which a request is
    /// open is only found by its calls, whose ids nobody else has.
    fn find_by_answers(&self, keys: &[ThreadKey], automatic: bool) -> Option<ConversationId> {
        let ids = |key: &ThreadKey| self.with_key(key, automatic);
        let is_call = |key: &&ThreadKey| matches!(key, ThreadKey::Call(_));
        let called = keys.iter().filter(is_call).flat_map(ids).next();
        called.or_else(|| {
            let is_idle = |id: &ConversationId| {
                let known = self.known.get(id);
                known.is_some_and(|known| known.open == 0)
            };
            let mut found: Vec<(ConversationId, usize)> = Vec::new();
            for id in keys.iter().flat_map(ids).filter(is_idle) {
                match found.iter_mut().find(|(known, _)| *known == id) {
                    Some((_, matches)) => *matches += 1,
                    None => found.push((id, 1)),
                }
            }
            // `max_by_key` takes the last of several, which reversed is the one that was found first.
            let most = found.into_iter().rev().max_by_key(|(_, matches)| *matches);
            most.map(|(id, _)| id)
        })
    }

    fn is_lost(&self, id: ConversationId) -> bool {
        self.lost_at(id).is_some()
    }

    fn lost_at(&self, id: ConversationId) -> Option<i64> {
        let known = self.known.get(&id)?;
        known.lost_at.filter(|_| known.open == 0)
    }

    fn remove_keys(&mut self, id: ConversationId, automatic: bool, keys: &[ThreadKey]) {
        for key in keys {
            let entry = (key.clone(), automatic);
            if let Some(ids) = self.by_key.get_mut(&entry) {
                ids.retain(|known| *known != id);
                if ids.is_empty() {
                    self.by_key.remove(&entry);
                }
            }
        }
    }
}

/// Finds the conversation that has one of the sure keys of a request in the journal, among those for
/// which `is_only_in_journal` holds. Nothing is locked while the disk is read. `automatic` is why the
/// program answers by itself, if it does.
pub(super) fn find_in_journal(
    keys: &ThreadKeys,
    automatic: Option<&str>,
    reader: &JournalReader,
    is_only_in_journal: impl Fn(&ConversationRow) -> bool,
) -> Option<ConversationRow> {
    let found = match &keys.continues {
        Some(ThreadKey::Thread(thread)) => reader.by_thread(thread, automatic),
        Some(ThreadKey::Chain(chain)) => reader.by_chain(chain),
        _ => Ok(None),
    };
    let found = found
        .unwrap_or_else(super::log_and_default)
        .filter(&is_only_in_journal);
    if found.is_some() || keys.repeats.is_none() {
        return found;
    }
    let hash = |key: &ThreadKey| match key {
        ThreadKey::Prefix(hash) => Some(*hash),
        _ => None,
    };
    let whole: Vec<Hash> = keys.repeats.iter().filter_map(hash).collect();
    let same = reader
        .by_prefix(&whole)
        .unwrap_or_else(super::log_and_default);
    let lost = same.filter(|row| is_only_in_journal(row) && row.state != TurnState::Answered);
    lost.or_else(|| {
        let prefixes: Vec<Hash> = keys.extends.iter().filter_map(hash).collect();
        let longest = reader
            .by_prefix(&prefixes)
            .unwrap_or_else(super::log_and_default);
        longest.filter(&is_only_in_journal)
    })
}

/// The sure keys of a request: those that its conversation is looked up by, and those that the
/// conversation has from then on.
#[derive(Debug, Default)]
pub(super) struct ThreadKeys {
    /// The key of the thread or chain that it continues, whatever its items are.
    continues: Option<ThreadKey>,
    /// The key of a request with the same items. This one is its retry if the client of that one has gone.
    repeats: Option<ThreadKey>,
    /// The keys of requests that have only its first items, the longest first.
    extends: Vec<ThreadKey>,
    /// The keys that its conversation has from then on.
    own: Vec<ThreadKey>,
    /// The key of the conversation on whose behalf it was begun.
    parent: Option<ThreadKey>,
    /// Whether it has nothing from the model.
    is_beginning: bool,
    /// The hash of its instructions, and whether it offers tools; `None` without a thread.
    instructions_and_tools: Option<(Hash, bool)>,
    /// Whether it asks for a summary of the conversation.
    is_summary: bool,
    /// The hash of all items.
    prefix: Option<Hash>,
}

impl ThreadKeys {
    /// The client's own name for the thread.
    fn thread(&self) -> Option<&str> {
        match &self.continues {
            Some(ThreadKey::Thread(thread)) => Some(thread),
            _ => None,
        }
    }

    pub(super) fn of(request: &Request) -> Self {
        let has_tools = !request.tools.is_empty();
        if let Some(thread) = &request.thread {
            let key = ThreadKey::Thread(thread.clone());
            return Self {
                continues: Some(key.clone()),
                own: vec![key],
                is_beginning: request.is_beginning(),
                // The last item before the messages: headers may stand before the instructions.
                instructions_and_tools: request
                    .items
                    .get(request.preamble.saturating_sub(1))
                    .map(|told| (told.likeness(), has_tools)),
                is_summary: request.purpose == Purpose::Summary,
                parent: request.parent.clone().map(ThreadKey::Thread),
                ..Self::default()
            };
        }
        let chain = request.chain.clone().map(ThreadKey::Chain);
        let prefixes = request.items.iter().scan(Hash::of(b""), |hash, item| {
            *hash = hash.then(item.likeness());
            Some(ThreadKey::Prefix(*hash))
        });
        let mut extends: Vec<ThreadKey> = prefixes.collect();
        let repeats = extends.pop();
        extends.reverse();
        let before = before_prompt_keys(request, &extends).next();
        let prefix = match &repeats {
            Some(ThreadKey::Prefix(hash)) => Some(*hash),
            _ => None,
        };
        Self {
            prefix,
            is_beginning: request.is_beginning(),
            instructions_and_tools: None,
            is_summary: false,
            parent: request.parent.clone().map(ThreadKey::Thread),
            // A request that goes on from nothing earlier begins a chain.
            continues: chain.clone().filter(|_| request.earlier > 0),
            own: chain
                .into_iter()
                .chain(repeats.clone())
                .chain(before)
                .collect(),
            repeats,
            extends,
        }
    }
}

/// The keys of a request that make a conversation likely, for when no sure key is found. To compute them
/// means to read the whole request.
#[derive(Debug, Default)]
pub(super) struct LikelyKeys {
    /// The keys of the answers and calls in it, the newest first. They survive when an agent rewrites
    /// its history.
    answers: Vec<ThreadKey>,
    /// The keys of the items before each of its last prompts, if the client streams.
    before_prompts: Vec<ThreadKey>,
}

impl LikelyKeys {
    /// The likely keys of a request whose sure ones are `keys`.
    pub(super) fn of(request: &Request, keys: &ThreadKeys) -> Self {
        // A client that names the thread means no other.
        if request.thread.is_some() {
            return Self::default();
        }
        Self {
            answers: answer_keys(request),
            before_prompts: before_prompt_keys(request, &keys.extends)
                .take(MAX_LOOKUPS)
                .collect(),
        }
    }
}

/// The key of an answer to the prompt of this title.
fn answer_key(title: &str, words: &str) -> ThreadKey {
    let title = Hash::of(title.as_bytes());
    // White space does not count: clients send the messages of one answer back with more of it in between.
    let words: Vec<&str> = words.split_whitespace().collect();
    ThreadKey::Answer(title.then(Hash::of(words.join(" ").as_bytes())))
}

/// The keys of the calls and answers in a request.
fn answer_keys(request: &Request) -> Vec<ThreadKey> {
    let items = &request.items;
    let calls = items.iter().rev().filter_map(|item| item.output_of());
    let calls = calls.filter(|id| !id.is_empty()).take(MAX_LOOKUPS);
    let mut keys: Vec<ThreadKey> = calls.map(|id| ThreadKey::Call(id.to_owned())).collect();
    // Each answer is all messages of the model up to the next other message, together with the last
    // prompt before them. Messages before the first prompt answer nothing.
    let mut asked = None;
    let mut is_over = true;
    let mut answers: VecDeque<(_, Vec<&Item>)> = VecDeque::new();
    for (item, is_prompt) in request.with_prompts() {
        if is_prompt {
            asked = Some(item);
        }
        if item.role() != Some("assistant") {
            is_over |= item.role().is_some() || item.output_of().is_some();
            continue;
        }
        match answers.back_mut().filter(|_| !is_over) {
            Some((_, messages)) => messages.push(item),
            None => answers.extend(asked.map(|asked| (asked, vec![&**item]))),
        }
        is_over = false;
        if answers.len() > MAX_LOOKUPS {
            answers.pop_front();
        }
    }
    keys.extend(answers.into_iter().rev().map(|(asked, messages)| {
        let words: Vec<String> = messages.iter().map(|item| item.text()).collect();
        answer_key(&prompt_title(asked), &words.join("\n"))
    }));
    // Each key counts once.
    let mut seen = HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    keys
}

/// The keys of the items before each of the last prompts of a request, the last prompt first. A person
/// who took a prompt back got one answer since at most, so it goes back no further. `extends` are the
/// keys of its beginnings. There are none for clients that do not stream: programs send many requests at
/// once that have the same beginning and nothing else in common.
fn before_prompt_keys<'a>(
    request: &'a Request,
    extends: &'a [ThreadKey],
) -> impl Iterator<Item = ThreadKey> + 'a {
    let items = request.stream.then(|| request.with_prompts().enumerate());
    let items = items.into_iter().flat_map(Iterator::rev);
    let (mut answers, mut is_amid) = (0, false);
    let near = items.map_while(move |(place, (item, is_prompt))| {
        let is_from_model = item.is_from_model();
        answers += usize::from(is_from_model && !is_amid);
        // Calls, their outputs and the messages between them are one answer.
        is_amid = is_from_model || (is_amid && item.role().is_none());
        (answers <= 1).then_some((place, is_prompt))
    });
    let prompts = near.filter(|(place, is_prompt)| *is_prompt && *place > 0);
    prompts.filter_map(
        |(place, _)| match extends.get(extends.len().checked_sub(place)?)? {
            ThreadKey::Prefix(hash) => Some(ThreadKey::BeforePrompt(*hash)),
            _ => None,
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::responses::parse;
    use crate::api::{Format, Interner};

    fn keys() -> ThreadKeys {
        let body = br#"{"model": "m", "input": "again", "prompt_cache_key": "thread"}"#;
        ThreadKeys::of(&parse(body, &Interner::default()).unwrap())
    }

    fn row() -> ConversationRow {
        ConversationRow {
            id: 3,
            thread: Some("thread".into()),
            chain: None,
            automatic: None,
            prefix: None,
            agent: "codex".into(),
            title: "again".into(),
            begun: 1,
            active: 2,
            state: TurnState::Answered,
        }
    }

    #[test]
    fn what_happens_while_the_journal_is_read_counts() {
        // Two requests that found the same.
        let mut threads = Threads::new(10, 10);
        assert!(threads.needs_journal(&keys(), false));
        let first = threads.assign(keys(), &LikelyKeys::default(), 1, false, Some(row()));
        let second = threads.assign(keys(), &LikelyKeys::default(), 1, false, Some(row()));
        assert_eq!(
            (first.key.conversation, first.from_journal),
            (ConversationId(3), true)
        );
        assert_eq!(
            (second.key.conversation, second.from_journal),
            (ConversationId(3), false)
        );
        assert!(!threads.needs_journal(&keys(), false), "it is in memory");
        // One that is deleted before it is gone on with.
        let mut threads = Threads::new(10, 10);
        threads.delete(ConversationId(3));
        let placed = threads.assign(keys(), &LikelyKeys::default(), 1, false, Some(row()));
        assert_eq!(
            (placed.key.conversation, placed.from_journal),
            (ConversationId(10), false)
        );
        assert_eq!(placed.row, None);
    }

    fn chat(messages: &[(&str, &str)]) -> Request {
        let message = |(role, text): &(&str, &str)| json!({"role": role, "content": text});
        let messages: Vec<Value> = messages.iter().map(message).collect();
        let body = json!({"model": "m", "stream": true, "messages": messages});
        Format::Chat
            .parse(body.to_string().as_bytes(), &Interner::default())
            .unwrap()
    }

    #[test]
    fn what_was_said_twice_is_as_new_as_the_second_time() {
        let mut threads = Threads::new(1, 1);
        let first = ThreadKeys::of(&chat(&[("user", "Fix it")]));
        let id = threads
            .assign(first, &LikelyKeys::default(), 1, false, None)
            .key
            .conversation;
        threads.close(id, false, false);
        let talk = |threads: &mut Threads, from: usize| {
            for turn in from..from + MAX_ANSWER_KEYS - 2 {
                threads.add_answer(id, &format!("prompt {turn}"), "done");
            }
        };
        threads.add_answer(id, "continue", "ok");
        talk(&mut threads, 0);
        threads.add_answer(id, "continue", "ok");
        talk(&mut threads, 100);
        let next = chat(&[("user", "continue"), ("assistant", "ok"), ("user", "more")]);
        assert_eq!(place(&mut threads, &next), id);
    }

    fn place(threads: &mut Threads, request: &Request) -> ConversationId {
        let keys = ThreadKeys::of(request);
        let hints = LikelyKeys::of(request, &keys);
        let items = request.items.len();
        let placed = threads.assign(keys, &hints, items, false, None);
        placed.key.conversation
    }

    #[test]
    fn a_second_thought_comes_after_one_answer_at_most() {
        let told = ("system", "You help.");
        let other = ("user", "Fix the lexer");
        let said = ("assistant", "Which one?");
        let and = ("user", "That one");
        let talks = [
            (vec![told, other], true),
            (vec![told, other, said, and], true),
            (vec![told, other, said, and, said, and], false),
        ];
        for (talk, is_same) in talks {
            let mut threads = Threads::new(1, 1);
            let lost = place(&mut threads, &chat(&[told, ("user", "Fix the parser")]));
            threads.close(lost, true, false);
            assert_eq!(
                place(&mut threads, &chat(&talk)) == lost,
                is_same,
                "{talk:?}"
            );
        }
    }
}
