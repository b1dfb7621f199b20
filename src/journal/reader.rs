//! Reading the journal.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Params, Result as Sql, Row, params};

use super::apply::role;
use super::error::{OpenError, ReadError};
use super::files::Files;
use super::hash::Hash;
use super::pack::unpack;
use super::record::{
    ApiConversation, Blob, Conversation, Decision, Draft, Event, Mark, ModelDraft, Recall,
    Response, Said, State, Turn, TurnTime,
};
use super::search::{self, Hit};
use super::{Shared, database, items, tail};

const CONVERSATION: &str = "id, thread, chain, automatic, prefix, agent, title, begun, active, \
                            state";

/// Reads the journal, for threads that may wait for the disk. Clones share a connection, which is
/// opened when it is first used.
#[derive(Debug, Clone)]
pub struct Reader {
    files: Files,
    /// What writes it, if this program does.
    shared: Option<Arc<Shared>>,
    connection: Arc<Mutex<Option<Open>>>,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Of which database; the writer may have begun another.
    generation: u64,
}

/// The least ids that are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextIds {
    /// Of conversations.
    pub conversation: i64,
    /// Of turns.
    pub turn: i64,
    /// Of what was said.
    pub said: i64,
    /// Of what models drafted.
    pub model_draft: i64,
    /// Of what rules decided.
    pub decision: i64,
}

/// The place of a content in the database. It stands for the same content as long as something that
/// has it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(i64);

/// A content, with its text where that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its place.
    pub key: Key,
    /// The text; `None` where the reader has it already.
    pub text: Option<Arc<str>>,
}

/// A turn taken apart, without what the reader has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Its name.
    pub id: i64,
    /// A number for the wire format.
    pub format: i64,
    /// When it came.
    pub arrived: i64,
    /// What became of it.
    pub state: State,
    /// The request without its big parts.
    pub envelope: Arc<str>,
    /// The instructions of the request.
    pub instructions: Option<Content>,
    /// The tools of the request.
    pub tools: Option<Content>,
    /// All of its items, in order.
    pub items: Vec<Content>,
    /// Whatever else is known of it.
    pub detail: String,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Conversations.
    pub conversations: u64,
    /// Their turns.
    pub turns: u64,
    /// Stored responses.
    pub responses: u64,
    /// Contents, each of them once.
    pub blobs: u64,
    /// Bytes of the database.
    pub bytes: u64,
    /// Those of them that hold nothing.
    pub free: u64,
}

type Read<T> = Result<T, ReadError>;

impl Reader {
    pub(super) fn new(files: Files, shared: Arc<Shared>) -> Self {
        Self {
            files,
            shared: Some(shared),
            connection: Arc::default(),
        }
    }

    /// Reads a journal that another program may be writing.
    ///
    /// # Errors
    ///
    /// If there is none, or another version of the program wrote it, or it cannot be read.
    pub fn open(state_dir: &Path) -> Result<Self, OpenError> {
        let missing = |error| match error {
            OpenError::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                OpenError::None {
                    folder: state_dir.to_owned(),
                }
            }
            error => error,
        };
        let files = Files::in_folder(state_dir).map_err(missing)?;
        if let Err(error) = tail::take_in(&files) {
            // There to read is what others may change alone.
            tracing::debug!(%error, "the tail of the journal is not taken in");
        }
        let connection = database::open_to_read(&files)?;
        Ok(Self {
            files,
            shared: None,
            connection: Arc::new(Mutex::new(Some(Open {
                connection,
                generation: 0,
            }))),
        })
    }

    /// Runs something on the connection.
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Sql<T>) -> Read<T> {
        if let Some(shared) = &self.shared {
            shared.queue.flush();
        }
        let mut open = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let shared = self.shared.as_ref();
        let generation = shared.map_or(0, |shared| shared.generation.load(Ordering::Acquire));
        if open
            .as_ref()
            .is_none_or(|open| open.generation != generation)
        {
            // Closed first: two connections of which one is to another file are no use.
            *open = None;
            *open = Some(Open {
                connection: database::open_to_read(&self.files)?,
                generation,
            });
        }
        match &*open {
            // Everything that is read together is of one moment.
            Some(open) => {
                let transaction = open.connection.unchecked_transaction()?;
                Ok(read(&transaction)?)
            }
            None => Err(rusqlite::Error::InvalidQuery.into()),
        }
    }

    /// Conversations, the newest activity first. `before` is the `active` and `id` of the last one
    /// that is known already.
    pub fn recent(&self, limit: u32, before: Option<(i64, i64)>) -> Read<Vec<Conversation>> {
        let (active, id) = before.unwrap_or((i64::MAX, i64::MAX));
        self.with(|db| {
            all(
                db,
                &format!(
                    "SELECT {CONVERSATION} FROM conversation WHERE (active, id) < (?1, ?2)
                     ORDER BY active DESC, id DESC LIMIT ?3"
                ),
                params![active, id, limit],
                conversation,
            )
        })
    }

    /// Conversations by their ids, after the id `after`.
    pub fn conversations(&self, after: i64, limit: u32) -> Read<Vec<Conversation>> {
        self.with(|db| {
            all(
                db,
                &format!(
                    "SELECT {CONVERSATION} FROM conversation WHERE id > ?1 ORDER BY id LIMIT ?2"
                ),
                params![after, limit],
                conversation,
            )
        })
    }

    /// A conversation.
    pub fn conversation(&self, id: i64) -> Read<Option<Conversation>> {
        self.find_conversation("id = ?1", [id])
    }

    /// The conversation that a client calls this, among those that are answered by the program for
    /// this reason, or by the person.
    pub fn by_thread(&self, thread: &str, automatic: Option<&str>) -> Read<Option<Conversation>> {
        self.find_conversation(
            "thread = ?1 AND automatic IS ?2",
            params![thread, automatic],
        )
    }

    /// The conversation with the first of these hashes of its items that there is.
    pub fn by_prefix(&self, prefixes: &[Hash]) -> Read<Option<Conversation>> {
        for prefix in prefixes {
            let found = self.find_conversation("prefix = ?1", [prefix])?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The conversation of this chain.
    pub fn by_chain(&self, chain: &str) -> Read<Option<Conversation>> {
        self.find_conversation("chain = ?1", [chain])
    }

    /// Of several, the one where something happened last.
    fn find_conversation(&self, which: &str, params: impl Params) -> Read<Option<Conversation>> {
        let sql = format!(
            "SELECT {CONVERSATION} FROM conversation WHERE {which} ORDER BY active DESC LIMIT 1"
        );
        self.with(|db| one(db, &sql, params, conversation))
    }

    /// A turn, with everything of which its request was made.
    pub fn turn(&self, id: i64) -> Read<Option<Turn>> {
        self.with(|db| read_turn(db, id))
    }

    /// The same in parts, without the texts of those contents that `is_known`: one turn has most of what
    /// the one before it had. A key that was read with a turn is good for the turns after it.
    pub fn parts(&self, id: i64, is_known: impl Fn(Key) -> bool) -> Read<Option<Parts>> {
        self.with(|db| read_parts(db, id, &is_known))
    }

    /// The newest turn of a conversation.
    pub fn newest_turn(&self, conversation: i64) -> Read<Option<Turn>> {
        self.with(|db| {
            let sql = "SELECT max(id) FROM turn WHERE conversation = ?1";
            match one(db, sql, [conversation], |row| row.get(0))?.flatten() {
                Some(id) => read_turn(db, id),
                None => Ok(None),
            }
        })
    }

    /// The turns of a conversation, the oldest first.
    pub fn turns(&self, conversation: i64) -> Read<Vec<i64>> {
        self.with(|db| {
            all(
                db,
                "SELECT id FROM turn WHERE conversation = ?1 ORDER BY id",
                [conversation],
                |row| row.get(0),
            )
        })
    }

    /// How many turns a conversation has.
    pub fn turn_count(&self, conversation: i64) -> Read<u64> {
        self.with(|db| {
            let sql = "SELECT count(*) FROM turn WHERE conversation = ?1";
            db.prepare_cached(sql)?
                .query_row([conversation], |row| row.get(0))
        })
    }

    /// Turns after the turn `after` that came at the moment `since` or later, in one conversation or in
    /// all, the oldest first.
    pub fn turns_since(
        &self,
        since: i64,
        conversation: Option<i64>,
        after: i64,
        limit: u32,
    ) -> Read<Vec<i64>> {
        self.with(|db| {
            all(
                db,
                "SELECT id FROM turn WHERE id > ?1 AND arrived >= ?2
                     AND conversation = ifnull(?3, conversation)
                 ORDER BY id LIMIT ?4",
                params![after, since, conversation, limit],
                |row| row.get(0),
            )
        })
    }

    /// What was said in a conversation, the oldest first.
    pub fn said(&self, conversation: i64) -> Read<Vec<Said>> {
        let sql = format!("{SAID} WHERE conversation = ?1 ORDER BY id");
        self.with(|db| all(db, &sql, [conversation], said))
    }

    /// What was said to a turn, the oldest first.
    pub fn said_to(&self, turn: i64) -> Read<Vec<Said>> {
        let sql = format!("{SAID} WHERE turn = ?1 ORDER BY id");
        self.with(|db| all(db, &sql, [turn], said))
    }

    /// What models drafted in a conversation after the draft `after`, the oldest first.
    pub fn model_drafts(&self, conversation: i64, after: i64, limit: u32) -> Read<Vec<ModelDraft>> {
        let sql = format!(
            "SELECT {MODEL_DRAFT} FROM model_draft WHERE conversation = ?1 AND id > ?2
             ORDER BY id LIMIT ?3"
        );
        self.with(|db| all(db, &sql, params![conversation, after, limit], model_draft))
    }

    /// What models drafted to a turn, the oldest first.
    pub fn model_drafts_to(&self, turn: i64) -> Read<Vec<ModelDraft>> {
        let sql = format!("SELECT {MODEL_DRAFT} FROM model_draft WHERE turn = ?1 ORDER BY id");
        self.with(|db| all(db, &sql, [turn], model_draft))
    }

    /// What rules decided in a conversation after the decision `after`, the oldest first.
    pub fn decisions(&self, conversation: i64, after: i64, limit: u32) -> Read<Vec<Decision>> {
        self.with(|db| {
            all(
                db,
                "SELECT id, conversation, turn, at, rule, matched, action, waited, draft
                 FROM decision WHERE conversation = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                params![conversation, after, limit],
                |row| {
                    Ok(Decision {
                        id: row.get(0)?,
                        conversation: row.get(1)?,
                        turn: row.get(2)?,
                        at: row.get(3)?,
                        rule: row.get(4)?,
                        matched: row.get(5)?,
                        action: row.get(6)?,
                        waited: row.get(7)?,
                        draft: row.get(8)?,
                    })
                },
            )
        })
    }

    /// What the person makes of a conversation, and then of its turns, the oldest first.
    pub fn marks(&self, conversation: i64) -> Read<Vec<Mark>> {
        self.with(|db| {
            all(
                db,
                "SELECT conversation, turn, updated, labels, rating, note, excluded FROM mark
                 WHERE conversation = ?1 ORDER BY turn",
                [conversation],
                |row| {
                    let labels: String = row.get(3)?;
                    Ok(Mark {
                        conversation: row.get(0)?,
                        turn: Some(row.get(1)?).filter(|turn| *turn != 0),
                        updated: row.get(2)?,
                        labels: serde_json::from_str(&labels).unwrap_or_default(),
                        rating: row.get(4)?,
                        note: row.get(5)?,
                        excluded: row.get(6)?,
                    })
                },
            )
        })
    }

    /// The turns of a conversation without their requests, each with its times, the oldest first.
    pub fn timed_turns(&self, conversation: i64) -> Read<Vec<TimedTurn>> {
        self.with(|db| {
            all(
                db,
                "SELECT turn.id, format, arrived, state, detail, seen, first_key,
                     coalesce(keys, 0), first_said, sent, delivered, turn_time.ended,
                     coalesce(paused, 0), coalesce(delays, '[]')
                 FROM turn LEFT JOIN turn_time ON turn_time.turn = turn.id
                 WHERE turn.conversation = ?1 ORDER BY turn.id",
                [conversation],
                |row| {
                    Ok(TimedTurn {
                        format: row.get(1)?,
                        arrived: row.get(2)?,
                        state: row.get(3)?,
                        detail: row.get(4)?,
                        times: TurnTime {
                            turn: row.get(0)?,
                            conversation,
                            seen: row.get(5)?,
                            first_key: row.get(6)?,
                            keys: row.get(7)?,
                            first_said: row.get(8)?,
                            sent: row.get(9)?,
                            delivered: row.get(10)?,
                            ended: row.get(11)?,
                            paused: row.get(12)?,
                            delays: row.get(13)?,
                        },
                    })
                },
            )
        })
    }

    /// The draft of a conversation; of 0, what was typed before there was any.
    pub fn draft(&self, conversation: i64) -> Read<Option<Draft>> {
        self.with(|db| {
            one(
                db,
                "SELECT conversation, updated, body FROM draft WHERE conversation = ?1",
                [conversation],
                |row| {
                    Ok(Draft {
                        conversation: row.get(0)?,
                        updated: row.get(1)?,
                        body: row.get(2)?,
                    })
                },
            )
        })
    }

    /// The conversations that have a draft.
    pub fn drafts(&self) -> Read<Vec<i64>> {
        self.with(|db| {
            let sql = "SELECT conversation FROM draft ORDER BY conversation";
            all(db, sql, [], |row| row.get(0))
        })
    }

    /// What is offered again, the newest first.
    pub fn recalls(&self) -> Read<Vec<Recall>> {
        self.with(|db| {
            let sql = "SELECT text, at, conversation FROM recall ORDER BY at DESC, text";
            all(db, sql, [], |row| {
                Ok(Recall {
                    text: row.get(0)?,
                    at: row.get(1)?,
                    conversation: row.get(2)?,
                })
            })
        })
    }

    /// A value.
    pub fn setting(&self, key: &str) -> Read<Option<String>> {
        self.with(|db| {
            let sql = "SELECT value FROM setting WHERE key = ?1";
            one(db, sql, [key], |row| row.get(0))
        })
    }

    /// A response.
    pub fn response(&self, id: &str) -> Read<Option<Response>> {
        let sql = format!("{RESPONSE} WHERE id = ?1");
        self.with(|db| one(db, &sql, [id], response))
    }

    /// The background responses that are still being made, the oldest first.
    pub fn open_background(&self) -> Read<Vec<Response>> {
        let sql = format!("{RESPONSE} WHERE open AND background ORDER BY created, key");
        self.with(|db| all(db, &sql, [], response))
    }

    /// An item of any response, by its own id.
    pub fn response_item(&self, id: &str) -> Read<Option<Blob>> {
        self.with(|db| {
            let sql = "SELECT blob FROM response_item WHERE id = ?1";
            let row = one(db, sql, [id], |row| row.get(0))?;
            row.map(|row| blob(db, row)).transpose()
        })
    }

    /// The events of a response after the number `after`, in order.
    pub fn events(&self, response: &str, after: i64, limit: u32) -> Read<Vec<Event>> {
        self.with(|db| {
            all(
                db,
                "SELECT number, name, size, data FROM event
                 WHERE response = (SELECT key FROM response WHERE id = ?1) AND number > ?2
                 ORDER BY number LIMIT ?3",
                params![response, after, limit],
                |row| {
                    Ok(Event {
                        number: row.get(0)?,
                        name: row.get(1)?,
                        data: unpack(row.get(2)?, row.get_ref(3)?.as_blob()?, 3)?,
                    })
                },
            )
        })
    }

    /// A client's conversation with its items.
    pub fn api_conversation(&self, id: &str) -> Read<Option<(ApiConversation, Vec<Blob>)>> {
        self.with(|db| {
            let sql = "SELECT id, object, used, key FROM api_conversation WHERE id = ?1";
            let found = one(db, sql, [id], |row| {
                let conversation = ApiConversation {
                    id: row.get(0)?,
                    object: row.get(1)?,
                    used: row.get(2)?,
                };
                Ok((conversation, row.get::<_, i64>(3)?))
            })?;
            let Some((conversation, key)) = found else {
                return Ok(None);
            };
            let rows = all(
                db,
                "SELECT blob FROM api_conversation_item WHERE conversation = ?1 ORDER BY position",
                [key],
                |row| row.get(0),
            )?;
            Ok(Some((conversation, blobs(db, &rows)?)))
        })
    }

    /// The conversations with texts that have all of these words, the best first. The last word may
    /// be a part of one.
    pub fn search(&self, words: &str, limit: u32) -> Read<Vec<Hit>> {
        self.with(|db| search::search(db, words, limit))
    }

    /// Whether there are texts that [`Reader::search`] does not find yet.
    pub fn index_is_behind(&self) -> Read<bool> {
        self.with(|db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM text WHERE NOT indexed)";
            db.query_row(sql, [], |row| row.get(0))
        })
    }

    /// How much there is. Looks at all of it, so it is not for moments when somebody waits.
    pub fn totals(&self) -> Read<Totals> {
        self.with(|db| {
            let count = |table: &str| {
                let sql = format!("SELECT count(*) FROM {table}");
                db.query_row(&sql, [], |row| row.get::<_, u64>(0))
            };
            let bytes = database::bytes(db)?;
            Ok(Totals {
                conversations: count("conversation")?,
                turns: count("turn")?,
                responses: count("response")?,
                blobs: count("blob")?,
                bytes,
                free: bytes - database::used_bytes(db)?,
            })
        })
    }

    /// The ids with which to go on.
    pub fn next_ids(&self) -> Read<NextIds> {
        self.with(|db| {
            let next = |sql: &str| db.query_row(sql, [], |row| row.get(0));
            Ok(NextIds {
                conversation: next(
                    "SELECT 1 + max(ifnull((SELECT max(id) FROM conversation), 0),
                         ifnull((SELECT max(conversation) FROM turn), 0),
                         ifnull((SELECT max(conversation) FROM draft), 0))",
                )?,
                turn: next("SELECT 1 + ifnull(max(id), 0) FROM turn")?,
                said: next("SELECT 1 + ifnull(max(id), 0) FROM said")?,
                model_draft: next("SELECT 1 + ifnull(max(id), 0) FROM model_draft")?,
                decision: next("SELECT 1 + ifnull(max(id), 0) FROM decision")?,
            })
        })
    }
}

const SAID: &str = "SELECT id, conversation, turn, ticket, at, state, words, typed FROM said";

fn said(row: &Row<'_>) -> Sql<Said> {
    Ok(Said {
        id: row.get(0)?,
        conversation: row.get(1)?,
        turn: row.get(2)?,
        ticket: row.get(3)?,
        at: row.get(4)?,
        state: row.get(5)?,
        words: row.get(6)?,
        typed: row.get(7)?,
    })
}

const RESPONSE: &str = "SELECT id, turn, open, background, created, size, state FROM response";

fn response(row: &Row<'_>) -> Sql<Response> {
    Ok(Response {
        id: row.get(0)?,
        turn: row.get(1)?,
        open: row.get(2)?,
        background: row.get(3)?,
        created: row.get(4)?,
        state: unpack(row.get(5)?, row.get_ref(6)?.as_blob()?, 6)?,
    })
}

/// A turn without its request, and its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedTurn {
    /// A number for the wire format.
    pub format: i64,
    /// When it came.
    pub arrived: i64,
    /// What became of it.
    pub state: State,
    /// Whatever else is known of it.
    pub detail: String,
    /// Its times.
    pub times: TurnTime,
}

const MODEL_DRAFT: &str = "id, conversation, turn, model, hint, begun, first, ended, state, \
                           failure, size, items, partial, usage, sent, fate";

fn model_draft(row: &Row<'_>) -> Sql<ModelDraft> {
    Ok(ModelDraft {
        id: row.get(0)?,
        conversation: row.get(1)?,
        turn: row.get(2)?,
        model: row.get(3)?,
        hint: row.get(4)?,
        begun: row.get(5)?,
        first: row.get(6)?,
        ended: row.get(7)?,
        state: row.get(8)?,
        failure: row.get(9)?,
        items: unpack(row.get(10)?, row.get_ref(11)?.as_blob()?, 11)?,
        partial: row.get(12)?,
        usage: row.get(13)?,
        sent: row.get(14)?,
        fate: row.get(15)?,
    })
}

fn conversation(row: &Row<'_>) -> Sql<Conversation> {
    Ok(Conversation {
        id: row.get(0)?,
        thread: row.get(1)?,
        chain: row.get(2)?,
        automatic: row.get(3)?,
        prefix: row.get(4)?,
        agent: row.get(5)?,
        title: row.get(6)?,
        begun: row.get(7)?,
        active: row.get(8)?,
        state: row.get(9)?,
    })
}

fn read_turn(db: &Connection, id: i64) -> Sql<Option<Turn>> {
    let part = |role: i64| {
        let sql = "SELECT blob FROM turn_blob WHERE turn = ?1 AND role = ?2";
        let row = one(db, sql, [id, role], |row| row.get(0))?;
        row.map(|row| blob(db, row)).transpose()
    };
    let Some(envelope) = part(role::ENVELOPE)? else {
        return Ok(None);
    };
    let instructions = part(role::INSTRUCTIONS)?;
    let tools = part(role::TOOLS)?;
    let items = blobs(db, &items::of_turn(db, id)?)?;
    one(
        db,
        "SELECT id, conversation, format, arrived, state, detail FROM turn WHERE id = ?1",
        [id],
        |row| {
            Ok(Turn {
                id: row.get(0)?,
                conversation: row.get(1)?,
                format: row.get(2)?,
                arrived: row.get(3)?,
                state: row.get(4)?,
                envelope,
                instructions,
                tools,
                items,
                detail: row.get(5)?,
            })
        },
    )
}

fn read_parts(db: &Connection, id: i64, is_known: &impl Fn(Key) -> bool) -> Sql<Option<Parts>> {
    let content = |row: i64| {
        let key = Key(row);
        let text = match is_known(key) {
            true => None,
            false => Some(blob(db, row)?.text),
        };
        Ok::<_, rusqlite::Error>(Content { key, text })
    };
    let part = |role: i64| {
        let sql = "SELECT blob FROM turn_blob WHERE turn = ?1 AND role = ?2";
        one(db, sql, [id, role], |row| row.get(0))
    };
    let Some(envelope) = part(role::ENVELOPE)? else {
        return Ok(None);
    };
    let envelope = blob(db, envelope)?.text;
    let instructions = part(role::INSTRUCTIONS)?.map(content).transpose()?;
    let tools = part(role::TOOLS)?.map(content).transpose()?;
    let items = items::of_turn(db, id)?.into_iter().map(content);
    let items = items.collect::<Sql<_>>()?;
    one(
        db,
        "SELECT id, format, arrived, state, detail FROM turn WHERE id = ?1",
        [id],
        |row| {
            Ok(Parts {
                id: row.get(0)?,
                format: row.get(1)?,
                arrived: row.get(2)?,
                state: row.get(3)?,
                envelope,
                instructions,
                tools,
                items,
                detail: row.get(4)?,
            })
        },
    )
}

fn blobs(db: &Connection, rows: &[i64]) -> Sql<Vec<Blob>> {
    rows.iter().map(|row| blob(db, *row)).collect()
}

fn blob(db: &Connection, row: i64) -> Sql<Blob> {
    let mut find = db.prepare_cached("SELECT hash, size, bytes FROM blob WHERE id = ?1")?;
    find.query_row([row], |row| {
        let text = unpack(row.get(1)?, row.get_ref(2)?.as_blob()?, 2)?;
        Ok(Blob {
            hash: row.get(0)?,
            text: text.into(),
        })
    })
}

fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Sql<T>,
) -> Sql<Option<T>> {
    db.prepare_cached(sql)?.query_row(params, read).optional()
}

fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Sql<T>,
) -> Sql<Vec<T>> {
    db.prepare_cached(sql)?.query_map(params, read)?.collect()
}
