//! Decides which requests belong to one conversation, by keys that are taken from them.

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
    /// The number by which the journal and the command line know it.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// Identifies a request, in this run of the program and in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) i64);

/// What requests are found by. What an agent asks for itself, which the program answers
/// (`automatic`), must not end up among what the person talks about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ThreadKey {
    /// The client's own name for the thread.
    Thread(String),
    /// The response or the conversation that its requests go on from.
    Chain(String),
    /// The items of its last request.
    Prefix(Hash),
    /// The items before a prompt of its last request, should its client give up and ask anew.
    Before(Hash),
    /// A call that it was told to make.
    Call(String),
    /// An answer that it got, and the title of what that answered.
    Said(Hash),
}

/// How many answers and calls a conversation is found by, the newest.
const MAX_SAID: usize = 16;
/// How many of each are looked for in a request, the newest.
const LOOKED_FOR: usize = 6;
/// Milliseconds in which a client that gave up, or was turned away, may ask for something else instead.
const RETRY_WINDOW_MS: i64 = 15 * 60 * 1000;

/// The conversations that requests may go on with.
#[derive(Debug)]
pub(super) struct Threads {
    names: HashMap<(ThreadKey, bool), Vec<ConversationId>>,
    known: HashMap<ConversationId, KnownThread>,
    /// What the journal may still have for a moment, and nothing goes on with.
    deleted: HashSet<ConversationId>,
    /// Whether there may be conversations that only the journal knows.
    has_past: bool,
    next_conversation: i64,
    next_request: i64,
}

#[derive(Debug)]
struct KnownThread {
    automatic: bool,
    names: Vec<ThreadKey>,
    /// By what was said in it, the newest last.
    said: VecDeque<ThreadKey>,
    /// How many items its last request had.
    items: usize,
    /// Whether the model had said nothing in that.
    is_beginning: bool,
    /// Its instructions, and whether it offered tools.
    offers: Option<(Hash, bool)>,
    /// How many of its requests are open.
    open: usize,
    /// When the client of the last one that was open went away, or was turned away.
    lost: Option<i64>,
    /// What the journal has of it.
    row: Option<ConversationRow>,
}

/// A request whose place was found.
#[derive(Debug)]
pub(super) struct AssignedRequest {
    pub place: RequestKey,
    /// The hash of its items.
    pub prefix: Option<Hash>,
    /// What the journal has of the conversation.
    pub row: Option<ConversationRow>,
    /// Whether nobody has the conversation in memory.
    pub(crate) is_cold: bool,
    /// How many items the request before it had.
    pub(crate) known_items: usize,
    /// Whether the request takes the place of the first one.
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
    /// Nothing is known yet; the names that are given out begin with these.
    pub fn new(next_conversation: i64, next_request: i64) -> Self {
        Self {
            names: HashMap::new(),
            known: HashMap::new(),
            deleted: HashSet::new(),
            has_past: next_conversation > 1,
            next_conversation,
            next_request,
        }
    }

    /// Whether there may be conversations that only the journal knows.
    pub(crate) fn has_past(&self) -> bool {
        self.has_past
    }

    /// Whether the journal has to be asked for what the request with these names goes on with.
    pub(crate) fn needs_past(&self, names: &ThreadKeys, automatic: bool) -> bool {
        self.has_past && !self.knows(names, automatic)
    }

    /// Whether a conversation of the journal is in memory neither as it is nor as deleted, and a
    /// request that is answered by the program, or by the person, may go on with it.
    pub(crate) fn is_past(&self, row: &ConversationRow, automatic: bool) -> bool {
        let id = ConversationId(row.id);
        row.automatic.is_some() == automatic
            && !self.known.contains_key(&id)
            && !self.deleted.contains(&id)
    }

    /// Whether a conversation in memory is what the request with these names goes on with, for certain.
    pub fn knows(&self, names: &ThreadKeys, automatic: bool) -> bool {
        self.find(names, automatic).is_some()
    }

    /// Finds the conversation that a request with these names goes on with, or begins one. `past` is
    /// what the journal has of it, if it was asked, and `hints` are for what nobody knows for certain.
    pub fn place(
        &mut self,
        names: ThreadKeys,
        hints: &LikelyKeys,
        items: usize,
        automatic: bool,
        past: Option<ConversationRow>,
    ) -> AssignedRequest {
        // Others have gone on while the journal was read.
        let found = self.find(&names, automatic);
        let past = past.filter(|row| found.is_none() && self.is_past(row, automatic));
        let is_cold = past.is_some();
        let found = found.or_else(|| past.as_ref().map(|row| ConversationId(row.id)));
        let found = found.or_else(|| self.find_likely(hints, automatic));
        let conversation = found.unwrap_or_else(|| {
            self.next_conversation += 1;
            ConversationId(self.next_conversation - 1)
        });
        let (prefix, is_beginning) = (names.prefix, names.is_beginning);
        let (offers, thread) = (names.offers, names.thread().map(str::to_owned));
        let parent = names.parent.as_ref().and_then(|parent| {
            let ids = self.names.get(&(parent.clone(), false))?;
            ids.last().copied()
        });
        let known = self.enter(conversation, automatic, names);
        known.row = past.or_else(|| known.row.take());
        let known_items = std::mem::replace(&mut known.items, items);
        known.offers = offers;
        let is_taken_back = known.lost.take().is_some();
        let was_beginning = std::mem::replace(&mut known.is_beginning, is_beginning);
        let row = known.row.clone();
        self.next_request += 1;
        AssignedRequest {
            place: RequestKey {
                conversation,
                request: RequestId(self.next_request - 1),
            },
            prefix,
            row,
            is_cold,
            known_items,
            begins_anew: is_taken_back && was_beginning && is_beginning,
            parent,
            thread,
        }
    }

    /// The names of a request that bears the name of a thread and has nothing to do with what is said
    /// there: agents ask for much beside it, with other instructions and without tools.
    pub fn aside(&self, mut names: ThreadKeys) -> ThreadKeys {
        let Some(thread) = names.thread().map(str::to_owned) else {
            return names;
        };
        let found = self.find(&names, false).and_then(|id| self.known.get(&id));
        let offers = found.and_then(|known| known.offers);
        if let (Some((first, true)), Some((own, false))) = (offers, names.offers)
            && first != own
            && !names.is_summary
        {
            let name = ThreadKey::Thread(format!("aside: {thread}"));
            names.own = vec![name.clone()];
            names.goes_on = Some(name);
            names.parent = Some(ThreadKey::Thread(thread));
        }
        names
    }

    /// Opens a request of an earlier run again.
    pub(crate) fn reopen(
        &mut self,
        row: ConversationRow,
        turn: i64,
        request: &Request,
    ) -> RequestKey {
        let conversation = ConversationId(row.id);
        let automatic = row.automatic.is_some();
        let known = self.enter(conversation, automatic, ThreadKeys::of(request));
        known.items = request.items.len();
        known.row = Some(row);
        RequestKey {
            conversation,
            request: RequestId(turn),
        }
    }

    /// One more request of a conversation is open, which is found by these names from now on.
    fn enter(
        &mut self,
        id: ConversationId,
        automatic: bool,
        names: ThreadKeys,
    ) -> &mut KnownThread {
        let old = self.known.get(&id).map(|known| known.names.clone());
        self.unname(id, automatic, &old.unwrap_or_default());
        for name in &names.own {
            let ids = self.names.entry((name.clone(), automatic)).or_default();
            ids.push(id);
        }
        let known = self.known.entry(id).or_insert_with(|| KnownThread {
            automatic,
            names: Vec::new(),
            said: VecDeque::new(),
            items: 0,
            is_beginning: false,
            offers: None,
            open: 0,
            lost: None,
            row: None,
        });
        known.names = names.own;
        known.open += 1;
        known
    }

    /// Keeps what the journal has of a conversation.
    pub(crate) fn remember(&mut self, row: ConversationRow) {
        if let Some(known) = self.known.get_mut(&ConversationId(row.id)) {
            known.row = Some(row);
        }
    }

    /// A conversation is found by a call that it was told to make from now on.
    pub fn called(&mut self, conversation: ConversationId, call_id: String) {
        self.remember_said(conversation, ThreadKey::Call(call_id));
    }

    /// A conversation is found from now on by an answer that it got to what has this title.
    pub fn answered(&mut self, conversation: ConversationId, title: &str, words: &str) {
        self.remember_said(conversation, said(title, words));
    }

    fn remember_said(&mut self, conversation: ConversationId, name: ThreadKey) {
        let Some(known) = self.known.get_mut(&conversation) else {
            return;
        };
        let automatic = known.automatic;
        // What is said again is new again.
        let again = known.said.iter().position(|said| *said == name);
        let again = again.and_then(|again| known.said.remove(again));
        known.said.push_back(name.clone());
        let oldest = if known.said.len() > MAX_SAID {
            known.said.pop_front()
        } else {
            None
        };
        let old: Vec<ThreadKey> = again.into_iter().chain(oldest).collect();
        self.unname(conversation, automatic, &old);
        self.names
            .entry((name, automatic))
            .or_default()
            .push(conversation);
    }

    /// A request of a conversation was answered, or turned away, or its client went away; returns what
    /// the journal should have of the conversation then.
    pub fn close(
        &mut self,
        conversation: ConversationId,
        gone: bool,
        turned_away: bool,
    ) -> Option<&ConversationRow> {
        let known = self.known.get_mut(&conversation)?;
        known.open = known.open.saturating_sub(1);
        known.lost = (gone || turned_away).then(now);
        let row = known.row.as_mut()?;
        row.active = now();
        row.state = match (known.open, gone) {
            (0, true) => TurnState::Gone,
            (0, false) => TurnState::Answered,
            _ => TurnState::Waiting,
        };
        Some(row)
    }

    /// Forgets a conversation: requests that go on with it find it in the journal, or begin another
    /// one.
    pub fn forget(&mut self, conversation: ConversationId) {
        self.has_past = true;
        if let Some(mut known) = self.known.remove(&conversation) {
            known.names.extend(known.said);
            self.unname(conversation, known.automatic, &known.names);
        }
    }

    /// Forgets a conversation for good: requests that go on with it begin another one.
    pub fn delete(&mut self, conversation: ConversationId) {
        self.forget(conversation);
        self.deleted.insert(conversation);
    }

    /// Whether a conversation was deleted for good.
    pub(crate) fn is_deleted(&self, conversation: ConversationId) -> bool {
        self.deleted.contains(&conversation)
    }

    /// The conversations of a name, the one that was used last first.
    fn named<'a>(
        &'a self,
        name: &ThreadKey,
        automatic: bool,
    ) -> impl Iterator<Item = ConversationId> + use<'a> {
        let ids = self.names.get(&(name.clone(), automatic));
        ids.into_iter().flat_map(|ids| ids.iter().rev().copied())
    }

    /// What a request with these names goes on with for certain.
    fn find(&self, names: &ThreadKeys, automatic: bool) -> Option<ConversationId> {
        let named = |name: &ThreadKey| self.named(name, automatic);
        let chained = names.goes_on.iter().flat_map(named).next();
        chained
            .or_else(|| {
                let mut same = names.repeats.iter().flat_map(named);
                same.find(|id| self.is_lost(*id))
            })
            .or_else(|| names.extends.iter().flat_map(named).next())
    }

    /// What a request with these hints most likely goes on with.
    fn find_likely(&self, hints: &LikelyKeys, automatic: bool) -> Option<ConversationId> {
        self.find_said(&hints.said, automatic).or_else(|| {
            let before = hints.before.iter();
            let mut begun = before.flat_map(|name| self.named(name, automatic));
            let since = now() - RETRY_WINDOW_MS;
            begun.find(|id| self.lost_at(*id).is_some_and(|at| at >= since))
        })
    }

    /// The conversation in which the most of this was said, the newest of several. Others may have said
    /// the same: what somebody waits in is gone on with elsewhere, unless it made a call.
    fn find_said(&self, names: &[ThreadKey], automatic: bool) -> Option<ConversationId> {
        let ids = |name: &ThreadKey| self.named(name, automatic);
        let is_call = |name: &&ThreadKey| matches!(name, ThreadKey::Call(_));
        let called = names.iter().filter(is_call).flat_map(ids).next();
        called.or_else(|| {
            let is_idle = |id: &ConversationId| {
                let known = self.known.get(id);
                known.is_some_and(|known| known.open == 0)
            };
            let mut found: Vec<(ConversationId, usize)> = Vec::new();
            for id in names.iter().flat_map(ids).filter(is_idle) {
                match found.iter_mut().find(|(known, _)| *known == id) {
                    Some((_, matches)) => *matches += 1,
                    None => found.push((id, 1)),
                }
            }
            // The last of the largest, which was found first.
            let most = found.into_iter().rev().max_by_key(|(_, matches)| *matches);
            most.map(|(id, _)| id)
        })
    }

    fn is_lost(&self, id: ConversationId) -> bool {
        self.lost_at(id).is_some()
    }

    fn lost_at(&self, id: ConversationId) -> Option<i64> {
        let known = self.known.get(&id)?;
        known.lost.filter(|_| known.open == 0)
    }

    fn unname(&mut self, id: ConversationId, automatic: bool, names: &[ThreadKey]) {
        for name in names {
            let key = (name.clone(), automatic);
            if let Some(ids) = self.names.get_mut(&key) {
                ids.retain(|known| *known != id);
                if ids.is_empty() {
                    self.names.remove(&key);
                }
            }
        }
    }
}

/// Finds in the journal what the request with these names goes on with, among what `is_past`. Nothing
/// is locked while the disk is read. `automatic` is why the program answers by itself, if it does.
pub(super) fn find_past(
    names: &ThreadKeys,
    automatic: Option<&str>,
    reader: &JournalReader,
    is_past: impl Fn(&ConversationRow) -> bool,
) -> Option<ConversationRow> {
    let found = match &names.goes_on {
        Some(ThreadKey::Thread(thread)) => reader.by_thread(thread, automatic),
        Some(ThreadKey::Chain(chain)) => reader.by_chain(chain),
        _ => Ok(None),
    };
    let found = found.unwrap_or_else(super::failed).filter(&is_past);
    if found.is_some() || names.repeats.is_none() {
        return found;
    }
    let hash = |name: &ThreadKey| match name {
        ThreadKey::Prefix(hash) => Some(*hash),
        _ => None,
    };
    let same: Vec<Hash> = names.repeats.iter().filter_map(hash).collect();
    let same = reader.by_prefix(&same).unwrap_or_else(super::failed);
    let lost = same.filter(|row| is_past(row) && row.state != TurnState::Answered);
    lost.or_else(|| {
        let prefixes: Vec<Hash> = names.extends.iter().filter_map(hash).collect();
        let longest = reader.by_prefix(&prefixes).unwrap_or_else(super::failed);
        longest.filter(&is_past)
    })
}

/// The names by which the conversation of a request is found, and by which it is found from then on.
#[derive(Debug, Default)]
pub(super) struct ThreadKeys {
    /// Of what it goes on with, whatever became of its items.
    goes_on: Option<ThreadKey>,
    /// Of what has the same items, which it goes on with if the client has lost its connection.
    repeats: Option<ThreadKey>,
    /// Of what it may begin with, the longest first.
    extends: Vec<ThreadKey>,
    own: Vec<ThreadKey>,
    /// Of the conversation on whose behalf it was begun.
    parent: Option<ThreadKey>,
    /// Whether the model has said nothing yet.
    is_beginning: bool,
    /// Its instructions, and whether there are tools.
    offers: Option<(Hash, bool)>,
    /// Whether the conversation is to be put into other words.
    is_summary: bool,
    /// The hash of all items.
    prefix: Option<Hash>,
}

impl ThreadKeys {
    /// The client's own name for the thread.
    fn thread(&self) -> Option<&str> {
        match &self.goes_on {
            Some(ThreadKey::Thread(thread)) => Some(thread),
            _ => None,
        }
    }

    pub fn of(request: &Request) -> Self {
        let has_tools = !request.tools.is_empty();
        if let Some(thread) = &request.thread {
            let name = ThreadKey::Thread(thread.clone());
            return Self {
                goes_on: Some(name.clone()),
                own: vec![name],
                is_beginning: request.is_beginning(),
                // What stands last of the instructions: headers may come before.
                offers: request
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
        let before = before(request, &extends).next();
        let prefix = match &repeats {
            Some(ThreadKey::Prefix(hash)) => Some(*hash),
            _ => None,
        };
        Self {
            prefix,
            is_beginning: request.is_beginning(),
            offers: None,
            is_summary: false,
            parent: request.parent.clone().map(ThreadKey::Thread),
            // What is chained to nothing earlier begins a chain.
            goes_on: chain.clone().filter(|_| request.earlier > 0),
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

/// By what the conversation of a request may be found where its names lead to none. To have them, the
/// whole request is read.
#[derive(Debug, Default)]
pub(super) struct LikelyKeys {
    /// Of what was said in it, the newest first: agents put their histories together anew.
    said: Vec<ThreadKey>,
    /// Of what stands before each of its last prompts, if somebody sits at the client.
    before: Vec<ThreadKey>,
}

impl LikelyKeys {
    /// The likely keys of a request whose certain ones are `names`.
    pub fn of(request: &Request, names: &ThreadKeys) -> Self {
        // Whoever names the thread means no other.
        if request.thread.is_some() {
            return Self::default();
        }
        Self {
            said: said_in(request),
            before: before(request, &names.extends).take(LOOKED_FOR).collect(),
        }
    }
}

/// The name of an answer to what has this title.
fn said(title: &str, words: &str) -> ThreadKey {
    let title = Hash::of(title.as_bytes());
    // Between the messages of an answer there may be more space when they come back.
    let words: Vec<&str> = words.split_whitespace().collect();
    ThreadKey::Said(title.then(Hash::of(words.join(" ").as_bytes())))
}

/// The names of what was said in the conversation of a request, if it was said here.
fn said_in(request: &Request) -> Vec<ThreadKey> {
    let items = &request.items;
    let calls = items.iter().rev().filter_map(|item| item.output_of());
    let calls = calls.filter(|id| !id.is_empty()).take(LOOKED_FOR);
    let mut names: Vec<ThreadKey> = calls.map(|id| ThreadKey::Call(id.to_owned())).collect();
    // Each with the prompt before it, and all of its messages; what the agent itself says is no answer
    // to one.
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
        if answers.len() > LOOKED_FOR {
            answers.pop_front();
        }
    }
    names.extend(answers.into_iter().rev().map(|(asked, messages)| {
        let words: Vec<String> = messages.iter().map(|item| item.text()).collect();
        said(&prompt_title(asked), &words.join("\n"))
    }));
    // What was said twice counts once.
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The names of what stands before each of the last prompts of a request, the last first: whoever gave up
/// has seen one more answer at most. `extends` are those of what it may begin with. Whoever does not stream
/// asks many things at once, which have nothing to do with each other.
fn before<'a>(
    request: &'a Request,
    extends: &'a [ThreadKey],
) -> impl Iterator<Item = ThreadKey> + 'a {
    let items = request.stream.then(|| request.with_prompts().enumerate());
    let items = items.into_iter().flat_map(Iterator::rev);
    let (mut answers, mut is_amid) = (0, false);
    let near = items.map_while(move |(place, (item, is_prompt))| {
        let is_from_model = item.is_from_model();
        answers += usize::from(is_from_model && !is_amid);
        // Calls and their outputs belong to one answer.
        is_amid = is_from_model || (is_amid && item.role().is_none());
        (answers <= 1).then_some((place, is_prompt))
    });
    let prompts = near.filter(|(place, is_prompt)| *is_prompt && *place > 0);
    prompts.filter_map(
        |(place, _)| match extends.get(extends.len().checked_sub(place)?)? {
            ThreadKey::Prefix(hash) => Some(ThreadKey::Before(*hash)),
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

    fn names() -> ThreadKeys {
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
        assert!(threads.needs_past(&names(), false));
        let first = threads.place(names(), &LikelyKeys::default(), 1, false, Some(row()));
        let second = threads.place(names(), &LikelyKeys::default(), 1, false, Some(row()));
        assert_eq!(
            (first.place.conversation, first.is_cold),
            (ConversationId(3), true)
        );
        assert_eq!(
            (second.place.conversation, second.is_cold),
            (ConversationId(3), false)
        );
        assert!(!threads.needs_past(&names(), false), "it is in memory");
        // One that is deleted before it is gone on with.
        let mut threads = Threads::new(10, 10);
        threads.delete(ConversationId(3));
        let placed = threads.place(names(), &LikelyKeys::default(), 1, false, Some(row()));
        assert_eq!(
            (placed.place.conversation, placed.is_cold),
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
            .place(first, &LikelyKeys::default(), 1, false, None)
            .place
            .conversation;
        threads.close(id, false, false);
        let talk = |threads: &mut Threads, from: usize| {
            for turn in from..from + MAX_SAID - 2 {
                threads.answered(id, &format!("prompt {turn}"), "done");
            }
        };
        threads.answered(id, "continue", "ok");
        talk(&mut threads, 0);
        threads.answered(id, "continue", "ok");
        talk(&mut threads, 100);
        let next = chat(&[("user", "continue"), ("assistant", "ok"), ("user", "more")]);
        assert_eq!(place(&mut threads, &next), id);
    }

    fn place(threads: &mut Threads, request: &Request) -> ConversationId {
        let names = ThreadKeys::of(request);
        let hints = LikelyKeys::of(request, &names);
        let items = request.items.len();
        let placed = threads.place(names, &hints, items, false, None);
        placed.place.conversation
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
