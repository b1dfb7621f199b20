//! From records to rows.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::cache::Cache;
use super::delete;
use super::hash::Hash;
use super::items::{self, role};
use super::pack::pack;
use super::record::{
    ApiConversation, Blob, ConversationRow, DecisionRow, DraftFate, DraftRow, EventRow, MarkRow,
    ModelDraftRow, ModelDraftState, Recall, Record, ResponseRow, SaidRow, TurnRow, TurnState,
    TurnTime,
};

/// How many texts are offered again.
const MAX_RECALLS: usize = 200;
/// How many drafts of models to one request are kept.
const MAX_MODEL_DRAFTS: usize = 100;
/// How many decisions about one request are kept.
const MAX_DECISIONS: usize = 1000;
/// How many contents are known to be there without asking the database.
const MAX_REMEMBERED_BLOBS: usize = 1 << 15;
/// How many items the remembered lists may have.
const MAX_REMEMBERED_ITEMS: usize = 1 << 18;

/// Applies records to a database, and remembers what it would have to ask for again and again.
#[derive(Debug)]
pub(super) struct Applier {
    /// The row of a content.
    known: Cache<Hash, i64>,
    /// The newest turn of a conversation.
    newest: Cache<i64, Arc<NewestTurn>>,
}

/// The newest turn of a conversation, on whose items the next one goes on.
#[derive(Debug)]
struct NewestTurn {
    turn: i64,
    depth: i64,
    items: Vec<i64>,
}

impl Applier {
    pub(super) fn new() -> Self {
        Self {
            known: Cache::new(MAX_REMEMBERED_BLOBS),
            newest: Cache::new(MAX_REMEMBERED_ITEMS),
        }
    }

    /// Forgets what it remembers, because the database has changed otherwise.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.newest.clear();
    }

    pub(super) fn apply(&mut self, db: &Connection, record: &Record) -> Result<()> {
        match record {
            Record::Conversation(row) => self.conversation(db, row),
            Record::ConversationState { id, active, state } => run(
                db,
                "UPDATE conversation SET active = ?2, state = ?3 WHERE id = ?1",
                params![id, active, state],
            ),
            Record::DeleteConversation { id } => self.deleting(|| delete::conversation(db, *id)),
            Record::Turn(row) => self.turn(db, row),
            Record::NobodyWaits => {
                end_model_drafts(db)?;
                run(
                    db,
                    "UPDATE conversation SET state = ?1
                     WHERE id IN (SELECT conversation FROM turn WHERE state = 0)",
                    params![TurnState::Gone],
                )?;
                run(
                    db,
                    "UPDATE turn SET state = ?1 WHERE state = 0",
                    params![TurnState::Gone],
                )
            }
            Record::TurnState { id, state } => run(
                db,
                "UPDATE turn SET state = ?2 WHERE id = ?1",
                params![id, state],
            ),
            Record::Said(row) => said(db, row),
            Record::SaidState { id, state } => run(
                db,
                "UPDATE said SET state = ?2 WHERE id = ?1",
                params![id, state],
            ),
            Record::ModelDraft(row) => model_draft(db, row),
            Record::Decision(row) => decision(db, row),
            Record::Mark(row) => mark(db, row),
            Record::TurnTime(row) => turn_time(db, row),
            Record::Draft(row) => draft(db, row),
            Record::ClearDraft { conversation } => run(
                db,
                "DELETE FROM draft WHERE conversation = ?1",
                params![conversation],
            ),
            Record::Recall(row) => recall(db, row),
            Record::Setting { key, value } => run(
                db,
                "INSERT INTO setting (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                params![key, value],
            ),
            Record::Response(row) => response(db, row),
            Record::DeleteResponse { id } => self.deleting(|| delete::response(db, id)),
            Record::ResponseItem { id, response, item } => {
                self.response_item(db, id, response, item)
            }
            Record::Events { response, events } => add_events(db, response, events),
            Record::ApiConversation(row) => api_conversation(db, row),
            Record::ApiConversationItems {
                conversation,
                position,
                items,
            } => self.api_items(db, conversation, *position, items),
            Record::DeleteApiConversation { id } => {
                self.deleting(|| delete::api_conversation(db, id))
            }
            Record::Text { conversation, text } => self.text(db, *conversation, text, false),
        }
    }

    /// Deletes something, with the contents that nothing else has.
    pub(super) fn deleting(&mut self, delete: impl FnOnce() -> Result<()>) -> Result<()> {
        // SQLite may give the id of a deleted row to another content.
        self.forget();
        delete()
    }

    /// The row of a content, which is stored if it is new.
    fn blob(&mut self, db: &Connection, blob: &Blob) -> Result<i64> {
        if let Some(row) = self.known.get(&blob.hash) {
            return Ok(*row);
        }
        let mut find = db.prepare_cached("SELECT id FROM blob WHERE hash = ?1")?;
        let row = match find.query_row([blob.hash], |row| row.get(0)).optional()? {
            Some(row) => row,
            None => {
                let packed = pack(&blob.text);
                run(
                    db,
                    "INSERT INTO blob (hash, size, bytes) VALUES (?1, ?2, ?3)",
                    params![blob.hash, packed.size, packed.bytes],
                )?;
                db.last_insert_rowid()
            }
        };
        self.known.insert(blob.hash, row, 1);
        Ok(row)
    }

    fn conversation(&mut self, db: &Connection, row: &ConversationRow) -> Result<()> {
        let mut find = db.prepare_cached("SELECT title FROM conversation WHERE id = ?1")?;
        let title: Option<String> = find.query_row([row.id], |row| row.get(0)).optional()?;
        run(
            db,
            "INSERT INTO conversation (id, thread, chain, automatic, prefix, agent, title, begun,
                 active, state, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '')
             ON CONFLICT (id) DO UPDATE SET thread = excluded.thread, chain = excluded.chain,
                 automatic = excluded.automatic, prefix = excluded.prefix, agent = excluded.agent,
                 title = excluded.title, begun = excluded.begun, active = excluded.active,
                 state = excluded.state",
            params![
                row.id,
                row.thread,
                row.chain,
                row.automatic,
                row.prefix,
                row.agent,
                row.title,
                row.begun,
                row.active,
                row.state
            ],
        )?;
        if title.as_ref() == Some(&row.title) {
            return Ok(());
        }
        if title.is_some() {
            self.deleting(|| delete::title(db, row.id))?;
        }
        self.text(db, row.id, &Blob::new(row.title.as_str()), true)
    }

    fn turn(&mut self, db: &Connection, row: &TurnRow) -> Result<()> {
        let mut list = Vec::with_capacity(row.items.len());
        for item in &row.items {
            list.push(self.blob(db, item)?);
        }
        let newest = self.newest(db, row.conversation)?;
        let common = newest.as_ref().map_or(0, |newest| {
            let pairs = newest.items.iter().zip(&list);
            pairs.take_while(|(old, new)| old == new).count()
        });
        let base = newest.filter(|newest| common > 0 && newest.depth < items::MAX_DEPTH);
        let kept = if base.is_some() { common } else { 0 };
        let depth = base.as_ref().map_or(0, |base| base.depth + 1);
        let mut insert = db.prepare_cached(
            "INSERT INTO turn (id, conversation, format, agent, arrived, state, base, kept, depth,
                 detail)
             VALUES (?1, ?2, ?3, '', ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO NOTHING",
        )?;
        let inserted = insert.execute(params![
            row.id,
            row.conversation,
            row.format,
            row.arrived,
            row.state,
            base.as_ref().map(|base| base.turn),
            kept,
            depth,
            row.detail
        ])?;
        if inserted == 0 {
            // The turn is there already: records may be applied twice. Only its state can have changed.
            return run(
                db,
                "UPDATE turn SET state = ?2 WHERE id = ?1",
                params![row.id, row.state],
            );
        }
        let mut insert = db.prepare_cached(
            "INSERT INTO turn_blob (turn, role, position, blob) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (position, blob) in list.iter().enumerate().skip(kept) {
            insert.execute(params![row.id, role::ITEM, position, blob])?;
        }
        for (role, blob) in [
            (role::TOOLS, row.tools.as_ref()),
            (role::INSTRUCTIONS, row.instructions.as_ref()),
            (role::ENVELOPE, Some(&row.envelope)),
        ] {
            if let Some(blob) = blob {
                let blob = self.blob(db, blob)?;
                insert.execute(params![row.id, role, 0, blob])?;
            }
        }
        let weight = list.len() + 1;
        let newest = NewestTurn {
            turn: row.id,
            depth,
            items: list,
        };
        self.newest
            .insert(row.conversation, Arc::new(newest), weight);
        Ok(())
    }

    fn newest(&mut self, db: &Connection, conversation: i64) -> Result<Option<Arc<NewestTurn>>> {
        if let Some(newest) = self.newest.get(&conversation) {
            return Ok(Some(Arc::clone(newest)));
        }
        let mut find = db.prepare_cached(
            "SELECT id, depth FROM turn WHERE conversation = ?1 ORDER BY id DESC LIMIT 1",
        )?;
        let found = find.query_row([conversation], |row| Ok((row.get(0)?, row.get(1)?)));
        let Some((turn, depth)) = found.optional()? else {
            return Ok(None);
        };
        let items = items::of_turn(db, turn)?;
        Ok(Some(Arc::new(NewestTurn { turn, depth, items })))
    }

    fn response_item(
        &mut self,
        db: &Connection,
        id: &str,
        response: &str,
        item: &Blob,
    ) -> Result<()> {
        let blob = self.blob(db, item)?;
        run(
            db,
            "INSERT INTO response_item (id, response, blob)
             SELECT ?1, key, ?3 FROM response WHERE id = ?2
             ON CONFLICT (id) DO UPDATE SET response = excluded.response, blob = excluded.blob",
            params![id, response, blob],
        )
    }

    fn api_items(&mut self, db: &Connection, id: &str, first: i64, items: &[Blob]) -> Result<()> {
        for (position, item) in (first..).zip(items) {
            let blob = self.blob(db, item)?;
            run(
                db,
                "INSERT INTO api_conversation_item (conversation, position, blob)
                 SELECT key, ?2, ?3 FROM api_conversation WHERE id = ?1
                 ON CONFLICT (conversation, position) DO UPDATE SET blob = excluded.blob",
                params![id, position, blob],
            )?;
        }
        Ok(())
    }

    fn text(&mut self, db: &Connection, conversation: i64, text: &Blob, title: bool) -> Result<()> {
        let blob = self.blob(db, text)?;
        run(
            db,
            "INSERT INTO text (conversation, title, blob, indexed) VALUES (?1, ?2, ?3, 0)
             ON CONFLICT DO NOTHING",
            params![conversation, title, blob],
        )
    }
}

fn said(db: &Connection, row: &SaidRow) -> Result<()> {
    run(
        db,
        "INSERT INTO said (id, conversation, turn, ticket, at, state, words, typed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET conversation = excluded.conversation,
             turn = excluded.turn, ticket = excluded.ticket, at = excluded.at,
             state = excluded.state, words = excluded.words, typed = excluded.typed",
        params![
            row.id,
            row.conversation,
            row.turn,
            row.ticket,
            row.at,
            row.state,
            row.words,
            row.typed
        ],
    )
}

fn draft(db: &Connection, row: &DraftRow) -> Result<()> {
    run(
        db,
        "INSERT INTO draft (conversation, updated, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (conversation) DO UPDATE SET updated = excluded.updated, body = excluded.body",
        params![row.conversation, row.updated, row.body],
    )
}

fn model_draft(db: &Connection, row: &ModelDraftRow) -> Result<()> {
    let items = pack(&row.items);
    run(
        db,
        "INSERT INTO model_draft (id, conversation, turn, model, hint, begun, first, ended, state,
             failure, size, items, partial, usage, sent, fate)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (id) DO UPDATE SET first = excluded.first, ended = excluded.ended,
             state = excluded.state, failure = excluded.failure, size = excluded.size,
             items = excluded.items, partial = excluded.partial, usage = excluded.usage,
             sent = excluded.sent, fate = excluded.fate",
        params![
            row.id,
            row.conversation,
            row.turn,
            row.model,
            row.hint,
            row.begun,
            row.first,
            row.ended,
            row.state,
            row.failure,
            items.size,
            items.bytes,
            row.partial,
            row.usage,
            row.sent,
            row.fate
        ],
    )?;
    run(
        db,
        "DELETE FROM model_draft WHERE id IN
             (SELECT id FROM model_draft WHERE turn = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
        params![row.turn, MAX_MODEL_DRAFTS],
    )
}

/// What was being drafted when the program ended was not, and what nobody had decided about by then is
/// of no use.
fn end_model_drafts(db: &Connection) -> Result<()> {
    run(
        db,
        "UPDATE model_draft SET state = ?1, failure = 'the program ended' WHERE state = 0",
        params![ModelDraftState::Failed],
    )?;
    run(
        db,
        "UPDATE model_draft SET fate = iif(sent > 0, ?1, ?2) WHERE fate = 0",
        params![DraftFate::Automatic, DraftFate::Unused],
    )
}

fn decision(db: &Connection, row: &DecisionRow) -> Result<()> {
    run(
        db,
        "INSERT INTO decision (id, conversation, turn, at, rule, matched, action, waited, draft)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO NOTHING",
        params![
            row.id,
            row.conversation,
            row.turn,
            row.at,
            row.rule,
            row.matched,
            row.action,
            row.waited,
            row.draft
        ],
    )?;
    run(
        db,
        "DELETE FROM decision WHERE id IN
             (SELECT id FROM decision WHERE turn = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
        params![row.turn, MAX_DECISIONS],
    )
}

fn mark(db: &Connection, row: &MarkRow) -> Result<()> {
    let turn = row.turn.unwrap_or(0);
    if row.is_empty() {
        return run(
            db,
            "DELETE FROM mark WHERE conversation = ?1 AND turn = ?2",
            params![row.conversation, turn],
        );
    }
    let labels = serde_json::to_string(&row.labels).unwrap_or_default();
    // The conversation may have been deleted while this record was on its way.
    run(
        db,
        "INSERT INTO mark (conversation, turn, updated, labels, rating, note, excluded)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
         WHERE EXISTS (SELECT 1 FROM conversation WHERE id = ?1)
             AND (?2 = 0 OR EXISTS (SELECT 1 FROM turn WHERE id = ?2 AND conversation = ?1))
         ON CONFLICT (conversation, turn) DO UPDATE SET updated = excluded.updated,
             labels = excluded.labels, rating = excluded.rating, note = excluded.note,
             excluded = excluded.excluded",
        params![
            row.conversation,
            turn,
            row.updated,
            labels,
            row.rating,
            row.note,
            row.excluded
        ],
    )
}

fn turn_time(db: &Connection, row: &TurnTime) -> Result<()> {
    // It may have been deleted since.
    run(
        db,
        "INSERT INTO turn_time (turn, conversation, seen, first_key, keys, first_said, sent, delivered,
             ended, paused, delays, phase)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
         WHERE EXISTS (SELECT 1 FROM turn WHERE id = ?1 AND conversation = ?2)
         ON CONFLICT (turn) DO UPDATE SET seen = excluded.seen, first_key = excluded.first_key,
             keys = excluded.keys, first_said = excluded.first_said, sent = excluded.sent,
             delivered = excluded.delivered, ended = excluded.ended, paused = excluded.paused,
             delays = excluded.delays, phase = excluded.phase",
        params![
            row.turn,
            row.conversation,
            row.seen,
            row.first_key,
            row.keys,
            row.first_said,
            row.sent,
            row.delivered,
            row.ended,
            row.paused,
            row.delays,
            row.phase
        ],
    )
}

fn recall(db: &Connection, row: &Recall) -> Result<()> {
    run(
        db,
        "INSERT INTO recall (text, at, conversation) VALUES (?1, ?2, ?3)
         ON CONFLICT (text) DO UPDATE SET at = excluded.at, conversation = excluded.conversation",
        params![row.text, row.at, row.conversation],
    )?;
    run(
        db,
        "DELETE FROM recall WHERE text IN
             (SELECT text FROM recall ORDER BY at DESC, text LIMIT -1 OFFSET ?1)",
        params![MAX_RECALLS],
    )
}

fn response(db: &Connection, row: &ResponseRow) -> Result<()> {
    let state = pack(&row.state);
    run(
        db,
        "INSERT INTO response (id, turn, open, background, created, size, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET open = excluded.open, size = excluded.size,
             state = excluded.state",
        params![
            row.id,
            row.turn,
            row.open,
            row.background,
            row.created,
            state.size,
            state.bytes
        ],
    )
}

fn add_events(db: &Connection, response: &str, events: &[EventRow]) -> Result<()> {
    for event in events {
        let data = pack(&event.data);
        run(
            db,
            "INSERT INTO event (response, number, name, size, data)
             SELECT key, ?2, ?3, ?4, ?5 FROM response WHERE id = ?1
             ON CONFLICT (response, number) DO NOTHING",
            params![response, event.number, event.name, data.size, data.bytes],
        )?;
    }
    Ok(())
}

fn api_conversation(db: &Connection, row: &ApiConversation) -> Result<()> {
    run(
        db,
        "INSERT INTO api_conversation (id, object, used) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET object = excluded.object, used = excluded.used",
        params![row.id, row.object, row.used],
    )
}

/// Runs a statement, which stays prepared.
pub(super) fn run(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<()> {
    db.prepare_cached(sql)?.execute(params).map(|_| ())
}
