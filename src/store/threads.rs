//! Which requests belong together, and the names by which they are known.

use std::collections::HashMap;

use crate::api::Request;
use crate::hash::Hash;

/// Identifies a conversation, in this run of the program and in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId(pub(crate) i64);

/// Identifies a request, in this run of the program and in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) i64);

/// What requests are found by. What an agent asks for itself, which the program answers
/// (`automatic`), must not end up among what the person talks about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    /// The client's own name for the thread.
    Thread(String),
    /// The response or the conversation that its requests go on from.
    Chain(String),
    /// The items of its last request.
    Prefix(Hash),
}

/// The conversations that requests may go on with.
#[derive(Debug)]
pub(super) struct Threads {
    names: HashMap<(Name, bool), Vec<ConversationId>>,
    known: HashMap<ConversationId, Known>,
    next_conversation: i64,
    next_request: i64,
}

#[derive(Debug)]
struct Known {
    automatic: bool,
    names: Vec<Name>,
    /// How many of its requests are open.
    open: usize,
    /// Whether the client of the last one that was open went away.
    gone: bool,
}

/// Where a request belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The conversation.
    pub conversation: ConversationId,
    /// The request.
    pub request: RequestId,
}

impl Threads {
    /// Nothing is known yet; the names that are given out begin with these.
    pub fn new(next_conversation: i64, next_request: i64) -> Self {
        Self {
            names: HashMap::new(),
            known: HashMap::new(),
            next_conversation,
            next_request,
        }
    }

    /// Finds the conversation that a request goes on with, or begins one.
    pub fn place(&mut self, request: &Request, automatic: bool) -> Place {
        let names = Names::of(request);
        let conversation = self.find(&names, automatic).unwrap_or_else(|| {
            self.next_conversation += 1;
            ConversationId(self.next_conversation - 1)
        });
        let known = self.known.entry(conversation).or_insert_with(|| Known {
            automatic,
            names: Vec::new(),
            open: 0,
            gone: false,
        });
        known.open += 1;
        let old = std::mem::replace(&mut known.names, names.own);
        let new = known.names.clone();
        self.unname(conversation, automatic, &old);
        for name in new {
            let ids = self.names.entry((name, automatic)).or_default();
            ids.push(conversation);
        }
        self.next_request += 1;
        Place {
            conversation,
            request: RequestId(self.next_request - 1),
        }
    }

    /// A request of a conversation was answered, or its client went away.
    pub fn close(&mut self, conversation: ConversationId, gone: bool) {
        if let Some(known) = self.known.get_mut(&conversation) {
            known.open = known.open.saturating_sub(1);
            known.gone = gone;
        }
    }

    /// Forgets a conversation: requests that go on with it begin another one.
    pub fn forget(&mut self, conversation: ConversationId) {
        if let Some(known) = self.known.remove(&conversation) {
            self.unname(conversation, known.automatic, &known.names);
        }
    }

    fn find(&self, names: &Names, automatic: bool) -> Option<ConversationId> {
        let named = |name: &Name| {
            let ids = self.names.get(&(name.clone(), automatic));
            // The one that was used last comes first.
            ids.into_iter().flat_map(|ids| ids.iter().rev().copied())
        };
        let chained = names.goes_on.iter().flat_map(named).next();
        chained
            .or_else(|| names.repeats.iter().flat_map(named).find(|id| self.is_lost(*id)))
            .or_else(|| names.extends.iter().flat_map(named).next())
    }

    fn is_lost(&self, id: ConversationId) -> bool {
        let known = self.known.get(&id);
        known.is_some_and(|known| known.open == 0 && known.gone)
    }

    fn unname(&mut self, id: ConversationId, automatic: bool, names: &[Name]) {
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

/// The names by which the conversation of a request is found, and by which it is found from then on.
#[derive(Debug, Default)]
struct Names {
    /// Of what it goes on with, whatever became of its items.
    goes_on: Option<Name>,
    /// Of what has the same items, which it goes on with if the client has lost its connection.
    repeats: Option<Name>,
    /// Of what it may begin with, the longest first.
    extends: Vec<Name>,
    own: Vec<Name>,
}

impl Names {
    fn of(request: &Request) -> Self {
        if let Some(thread) = &request.thread {
            let name = Name::Thread(thread.clone());
            return Self {
                goes_on: Some(name.clone()),
                own: vec![name],
                ..Self::default()
            };
        }
        let chain = request.chain.clone().map(Name::Chain);
        let prefixes = request.items.iter().scan(Hash::of(b""), |hash, item| {
            *hash = hash.then(item.likeness());
            Some(Name::Prefix(*hash))
        });
        let mut extends: Vec<Name> = prefixes.collect();
        extends.reverse();
        let mut extends = extends.into_iter();
        let repeats = extends.next();
        Self {
            // What is chained to nothing earlier begins a chain.
            goes_on: chain.clone().filter(|_| request.earlier > 0),
            own: chain.into_iter().chain(repeats.clone()).collect(),
            repeats,
            extends: extends.collect(),
        }
    }
}
