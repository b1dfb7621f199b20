//! Reading the journal.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Params, Result as Sql, Row, params};

use super::error::{OpenError, ReadError};
use super::files::JournalFiles;
use super::hash::Hash;
use super::items::role;
use super::pack::unpack;
use super::record::{
    ApiConversation, Blob, ConversationRow, DecisionRow, DraftFate, DraftRow, EventRow, MarkRow,
    ModelDraftRow, Recall, ResponseRow, SaidRow, TurnRow, TurnState, TurnTime,
};
use super::search::{self, SearchHit};
use super::{SharedJournal, database, items, tail};

const CONVERSATION: &str = "id, thread, chain, automatic, prefix, agent, title, begun, active, \
                            state";

/// Reads the journal, for threads that may wait for the disk. Clones share a connection, which is
/// opened when it is first used.
#[derive(Debug, Clone)]
pub struct JournalReader {
    files: JournalFiles,
    /// What writes it, if this program does.
    shared: Option<Arc<SharedJournal>>,
    connection: Arc<Mutex<Option<OpenDatabase>>>,
}

#[derive(Debug)]
struct OpenDatabase {
    connection: Connection,
    /// The database that it stands in; the writer may have begun another.
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
    pub(crate) model_draft: i64,
    /// Of what rules decided.
    pub(crate) decision: i64,
}

/// The place of a content in the database. It stands for the same content as long as something that
/// has it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(i64);

/// A content, with its text where that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobContent {
    /// Its place.
    pub key: BlobKey,
    /// The text; `None` where the reader has it already.
    pub text: Option<Arc<str>>,
}

/// A turn taken apart, without what the reader has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnParts {
    /// Its name.
    pub id: i64,
    /// A number for the wire format.
    pub format: i64,
    /// When it came.
    pub arrived: i64,
    /// What became of it.
    pub state: TurnState,
    /// The request without its big parts.
    pub envelope: Arc<str>,
    /// The instructions of the request.
    pub instructions: Option<BlobContent>,
    /// The tools of the request.
    pub tools: Option<BlobContent>,
    /// All of its items, in order.
    pub items: Vec<BlobContent>,
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
    pub(crate) blobs: u64,
    /// Bytes of the database.
    pub bytes: u64,
    /// How many of these bytes are free.
    pub free: u64,
}

type ReadResult<T> = Result<T, ReadError>;

impl JournalReader {
    pub(super) fn new(files: JournalFiles, shared: Arc<SharedJournal>) -> Self {
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
        let files = JournalFiles::in_folder(state_dir).map_err(missing)?;
        if let Err(error) = tail::apply_to_database(&files) {
            // A user who may read the database but not write to it reads it without what is in the tail.
            tracing::debug!(%error, "the tail of the journal is not taken in");
        }
        let connection = database::open_to_read(&files)?;
        Ok(Self {
            files,
            shared: None,
            connection: Arc::new(Mutex::new(Some(OpenDatabase {
                connection,
                generation: 0,
            }))),
        })
    }

    /// Runs something on the connection.
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Sql<T>) -> ReadResult<T> {
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
            *open = Some(OpenDatabase {
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
    pub fn recent(
        &self,
        limit: u32,
        before: Option<(i64, i64)>,
    ) -> ReadResult<Vec<ConversationRow>> {
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
    pub fn conversations(&self, after: i64, limit: u32) -> ReadResult<Vec<ConversationRow>> {
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
    pub fn conversation(&self, id: i64) -> ReadResult<Option<ConversationRow>> {
        self.find_conversation("id = ?1", [id])
    }

    /// The conversation that a client calls this, among those that are answered by the program for
    /// this reason, or by the person.
    pub(crate) fn by_thread(
        &self,
        thread: &str,
        automatic: Option<&str>,
    ) -> ReadResult<Option<ConversationRow>> {
        self.find_conversation(
            "thread = ?1 AND automatic IS ?2",
            params![thread, automatic],
        )
    }

    /// The conversation with the first of these hashes of its items that there is.
    pub(crate) fn by_prefix(&self, prefixes: &[Hash]) -> ReadResult<Option<ConversationRow>> {
        for prefix in prefixes {
            let found = self.find_conversation("prefix = ?1", [prefix])?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The conversation of this chain.
    pub(crate) fn by_chain(&self, chain: &str) -> ReadResult<Option<ConversationRow>> {
        self.find_conversation("chain = ?1", [chain])
    }

    /// Of several, the one where something happened last.
    fn find_conversation(
        &self,
        which: &str,
        params: impl Params,
    ) -> ReadResult<Option<ConversationRow>> {
        let sql = format!(
            "SELECT {CONVERSATION} FROM conversation WHERE {which} ORDER BY active DESC LIMIT 1"
        );
        self.with(|db| one(db, &sql, params, conversation))
    }

    /// A turn, with everything of which its request was made.
    pub fn turn(&self, id: i64) -> ReadResult<Option<TurnRow>> {
        self.with(|db| read_turn(db, id))
    }

    /// A turn in parts, without the texts of those contents that `is_known`: one turn has most of what
    /// the one before it had. A key that was read with a turn is good for the turns after it.
    pub fn parts(
        &self,
        id: i64,
        is_known: impl Fn(BlobKey) -> bool,
    ) -> ReadResult<Option<TurnParts>> {
        self.with(|db| read_parts(db, id, &is_known))
    }

    /// The newest turn of a conversation.
    pub fn newest_turn(&self, conversation: i64) -> ReadResult<Option<TurnRow>> {
        self.with(|db| {
            let sql = "SELECT max(id) FROM turn WHERE conversation = ?1";
            match one(db, sql, [conversation], |row| row.get(0))?.flatten() {
                Some(id) => read_turn(db, id),
                None => Ok(None),
            }
        })
    }

    /// The turns of a conversation, the oldest first.
    pub fn turns(&self, conversation: i64) -> ReadResult<Vec<i64>> {
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
    pub(crate) fn turn_count(&self, conversation: i64) -> ReadResult<u64> {
        self.with(|db| {
            let sql = "SELECT count(*) FROM turn WHERE conversation = ?1";
            db.prepare_cached(sql)?
                .query_row([conversation], |row| row.get(0))
        })
    }

    /// Turns after the turn `after` that came at the moment `since` or later, in one conversation or in
    /// all, the oldest first.
    pub(crate) fn turns_since(
        &self,
        since: i64,
        conversation: Option<i64>,
        after: i64,
        limit: u32,
    ) -> ReadResult<Vec<i64>> {
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

    /// Whatever else is known of the newest turn of a conversation.
    pub(crate) fn newest_detail(&self, conversation: i64) -> ReadResult<Option<String>> {
        self.with(|db| {
            let sql = "SELECT detail FROM turn WHERE conversation = ?1 ORDER BY id DESC LIMIT 1";
            one(db, sql, [conversation], |row| row.get(0))
        })
    }

    /// What was said in a conversation, the oldest first.
    pub fn said(&self, conversation: i64) -> ReadResult<Vec<SaidRow>> {
        let sql = format!("{SAID} WHERE conversation = ?1 ORDER BY id");
        self.with(|db| all(db, &sql, [conversation], said))
    }

    /// What was said to a turn, the oldest first.
    pub(crate) fn said_to(&self, turn: i64) -> ReadResult<Vec<SaidRow>> {
        let sql = format!("{SAID} WHERE turn = ?1 ORDER BY id");
        self.with(|db| all(db, &sql, [turn], said))
    }

    /// What models drafted in a conversation after the draft `after`, the oldest first.
    pub fn model_drafts(
        &self,
        conversation: i64,
        after: i64,
        limit: u32,
    ) -> ReadResult<Vec<ModelDraftRow>> {
        let sql = format!(
            "SELECT {MODEL_DRAFT} FROM model_draft WHERE conversation = ?1 AND id > ?2
             ORDER BY id LIMIT ?3"
        );
        self.with(|db| all(db, &sql, params![conversation, after, limit], model_draft))
    }

    /// What became of what models drafted in a conversation, by its turns, the oldest first.
    pub(crate) fn draft_fates(&self, conversation: i64) -> ReadResult<Vec<(i64, DraftFate)>> {
        self.with(|db| {
            let sql = "SELECT turn, fate FROM model_draft WHERE conversation = ?1 ORDER BY id";
            all(db, sql, [conversation], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })
    }

    /// What models drafted to a turn, the oldest first.
    pub(crate) fn model_drafts_to(&self, turn: i64) -> ReadResult<Vec<ModelDraftRow>> {
        let sql = format!("SELECT {MODEL_DRAFT} FROM model_draft WHERE turn = ?1 ORDER BY id");
        self.with(|db| all(db, &sql, [turn], model_draft))
    }

    /// What rules decided in a conversation after the decision `after`, the oldest first.
    pub fn decisions(
        &self,
        conversation: i64,
        after: i64,
        limit: u32,
    ) -> ReadResult<Vec<DecisionRow>> {
        self.with(|db| {
            all(
                db,
                "SELECT id, conversation, turn, at, rule, matched, action, waited, draft
                 FROM decision WHERE conversation = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                params![conversation, after, limit],
                |row| {
                    Ok(DecisionRow {
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
    pub fn marks(&self, conversation: i64) -> ReadResult<Vec<MarkRow>> {
        self.with(|db| {
            all(
                db,
                "SELECT conversation, turn, updated, labels, rating, note, excluded FROM mark
                 WHERE conversation = ?1 ORDER BY turn",
                [conversation],
                mark_of,
            )
        })
    }

    /// The same of several conversations, each with the number of its turn, from 1.
    pub(crate) fn numbered_marks(
        &self,
        conversations: &[i64],
    ) -> ReadResult<Vec<(Option<u64>, MarkRow)>> {
        let ids = serde_json::json!(conversations).to_string();
        self.with(|db| {
            all(
                db,
                "SELECT conversation, turn, updated, labels, rating, note, excluded,
                     (SELECT count(*) FROM turn
                      WHERE turn.conversation = mark.conversation AND turn.id <= mark.turn)
                 FROM mark WHERE conversation IN (SELECT value FROM json_each(?1))
                 ORDER BY conversation, turn",
                [ids],
                |row| {
                    let mark = mark_of(row)?;
                    Ok((mark.turn.map(|_| row.get(7)).transpose()?, mark))
                },
            )
        })
    }

    /// The turns of a conversation without their requests, each with its times, the oldest first.
    pub(crate) fn timed_turns(&self, conversation: i64) -> ReadResult<Vec<TimedTurn>> {
        self.with(|db| {
            all(
                db,
                "SELECT turn.id, format, arrived, state, detail, seen, first_key,
                     coalesce(keys, 0), first_said, sent, delivered, turn_time.ended,
                     coalesce(paused, 0), coalesce(delays, '[]'), phase
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
                            phase: row.get(14)?,
                        },
                    })
                },
            )
        })
    }

    /// The draft of a conversation; of 0, what was typed before there was any.
    pub fn draft(&self, conversation: i64) -> ReadResult<Option<DraftRow>> {
        self.with(|db| {
            one(
                db,
                "SELECT conversation, updated, body FROM draft WHERE conversation = ?1",
                [conversation],
                |row| {
                    Ok(DraftRow {
                        conversation: row.get(0)?,
                        updated: row.get(1)?,
                        body: row.get(2)?,
                    })
                },
            )
        })
    }

    /// The conversations that have a draft.
    pub fn drafts(&self) -> ReadResult<Vec<i64>> {
        self.with(|db| {
            let sql = "SELECT conversation FROM draft ORDER BY conversation";
            all(db, sql, [], |row| row.get(0))
        })
    }

    /// What is offered again, the newest first.
    pub fn recalls(&self) -> ReadResult<Vec<Recall>> {
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
    pub fn setting(&self, key: &str) -> ReadResult<Option<String>> {
        self.with(|db| {
            let sql = "SELECT value FROM setting WHERE key = ?1";
            one(db, sql, [key], |row| row.get(0))
        })
    }

    /// A response.
    pub fn response(&self, id: &str) -> ReadResult<Option<ResponseRow>> {
        let sql = format!("{RESPONSE} WHERE id = ?1");
        self.with(|db| one(db, &sql, [id], response))
    }

    /// The background responses that are still being made, the oldest first.
    pub(crate) fn open_background(&self) -> ReadResult<Vec<ResponseRow>> {
        let sql = format!("{RESPONSE} WHERE open AND background ORDER BY created, key");
        self.with(|db| all(db, &sql, [], response))
    }

    /// An item of any response, by its own id.
    pub(crate) fn response_item(&self, id: &str) -> ReadResult<Option<Blob>> {
        self.with(|db| {
            let sql = "SELECT blob FROM response_item WHERE id = ?1";
            let row = one(db, sql, [id], |row| row.get(0))?;
            row.map(|row| blob(db, row)).transpose()
        })
    }

    /// The events of a response after the number `after`, in order.
    pub fn events(&self, response: &str, after: i64, limit: u32) -> ReadResult<Vec<EventRow>> {
        self.with(|db| {
            all(
                db,
                "SELECT number, name, size, data FROM event
                 WHERE response = (SELECT key FROM response WHERE id = ?1) AND number > ?2
                 ORDER BY number LIMIT ?3",
                params![response, after, limit],
                |row| {
                    Ok(EventRow {
                        number: row.get(0)?,
                        name: row.get(1)?,
                        data: unpack(row.get(2)?, row.get_ref(3)?.as_blob()?, 3)?,
                    })
                },
            )
        })
    }

    /// A client's conversation with its items.
    pub(crate) fn api_conversation(
        &self,
        id: &str,
    ) -> ReadResult<Option<(ApiConversation, Vec<Blob>)>> {
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
    pub fn search(&self, words: &str, limit: u32) -> ReadResult<Vec<SearchHit>> {
        self.with(|db| search::search(db, words, limit))
    }

    /// Whether there are texts that [`JournalReader::search`] does not find yet.
    pub fn index_is_behind(&self) -> ReadResult<bool> {
        self.with(|db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM text WHERE NOT indexed)";
            db.query_row(sql, [], |row| row.get(0))
        })
    }

    /// How much there is. Looks at all of it, so it is not for moments when somebody waits.
    pub fn totals(&self) -> ReadResult<Totals> {
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
    pub fn next_ids(&self) -> ReadResult<NextIds> {
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

fn said(row: &Row<'_>) -> Sql<SaidRow> {
    Ok(SaidRow {
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

fn response(row: &Row<'_>) -> Sql<ResponseRow> {
    Ok(ResponseRow {
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
    pub state: TurnState,
    /// Whatever else is known of it.
    pub detail: String,
    /// Its times.
    pub times: TurnTime,
}

const MODEL_DRAFT: &str = "id, conversation, turn, model, hint, begun, first, ended, state, \
                           failure, size, items, partial, usage, sent, fate";

fn model_draft(row: &Row<'_>) -> Sql<ModelDraftRow> {
    Ok(ModelDraftRow {
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

fn conversation(row: &Row<'_>) -> Sql<ConversationRow> {
    Ok(ConversationRow {
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

fn read_turn(db: &Connection, id: i64) -> Sql<Option<TurnRow>> {
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
            Ok(TurnRow {
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

fn read_parts(
    db: &Connection,
    id: i64,
    is_known: &impl Fn(BlobKey) -> bool,
) -> Sql<Option<TurnParts>> {
    let content = |row: i64| {
        let key = BlobKey(row);
        let text = if is_known(key) {
            None
        } else {
            Some(blob(db, row)?.text)
        };
        Ok::<_, rusqlite::Error>(BlobContent { key, text })
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
            Ok(TurnParts {
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

fn mark_of(row: &Row<'_>) -> Sql<MarkRow> {
    let labels: String = row.get(3)?;
    Ok(MarkRow {
        conversation: row.get(0)?,
        turn: Some(row.get(1)?).filter(|turn| *turn != 0),
        updated: row.get(2)?,
        labels: serde_json::from_str(&labels).unwrap_or_default(),
        rating: row.get(4)?,
        note: row.get(5)?,
        excluded: row.get(6)?,
    })
}

fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Sql<T>,
) -> Sql<Vec<T>> {
    db.prepare_cached(sql)?.query_map(params, read)?.collect()
}
