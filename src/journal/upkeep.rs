//! What the writer does while nothing comes in: small steps, so that whoever comes does not wait.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::apply::Applier;
use super::database;
use super::delete;
use super::pack::unpack;
use super::record::{Record, TurnState};
use super::tail::Batch;
use super::{Retention, now};

/// How long nothing must have come in before texts go into the index of the full-text search: whoever
/// has just been asked something wants the machine for themselves.
const INDEX_AFTER: Duration = Duration::from_millis(100);
/// How long texts wait for that at most: somebody may ask without a break.
const INDEX_WITHIN: Duration = Duration::from_secs(10);
/// How long before what was written is moved into the database. That waits for the disk, and so does
/// then what is said meanwhile.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(5);
/// From this many pages on that is worth it.
const CHECKPOINT_FROM: i64 = 1024;
/// After this many bytes of records it is not put off any longer.
const CHECKPOINT_AT: usize = 32 << 20;
/// What a record takes in the log besides its bytes, about: SQLite writes whole pages.
const PAGES_OF_A_RECORD: usize = 8 << 10;
/// How often that is tried at the end of the program while somebody reads.
const CLOSING_CHECKPOINTS: usize = 5;
/// How much text is indexed in one step.
const INDEX_STEP: usize = 64 << 10;
/// How many texts retention takes out of the index in one step.
const TEXTS_STEP: i64 = 16;
/// How many free pages go back to the system in one step.
const VACUUM_STEP: u32 = 256;
/// How often old conversations are looked for, and how long after the start for the first time.
const RETIRE_EVERY: Duration = Duration::from_secs(600);
const RETIRE_AFTER: Duration = Duration::from_secs(5);

/// How long before what failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

const DAY: i64 = 24 * 3600 * 1000;

/// What is left to do, and when.
#[derive(Debug)]
pub(super) struct Upkeep {
    retention: Retention,
    /// When texts go into the index; `None` if all are there.
    index: Option<Instant>,
    /// When they go there even if that keeps somebody waiting.
    index_by: Option<Instant>,
    /// When to move what was written into the database; `None` if all is there.
    checkpoint: Option<Instant>,
    /// When to look for old conversations; `None` if all are kept.
    retire: Option<Instant>,
    /// About how many bytes of records were written since the last checkpoint.
    bytes_since_checkpoint: usize,
    /// Whether something was deleted that the log of SQLite still has.
    deleted: bool,
}

impl Upkeep {
    pub(super) fn new(retention: Retention) -> Self {
        let now = Instant::now();
        Self {
            retention,
            // The last run may have left something.
            index: Some(now + INDEX_AFTER),
            index_by: Some(now + INDEX_WITHIN),
            checkpoint: None,
            retire: (retention != Retention::default()).then_some(now + RETIRE_AFTER),
            bytes_since_checkpoint: 0,
            deleted: false,
        }
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        [self.index, self.checkpoint, self.retire]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the next step must not wait for a moment when nothing comes in.
    pub(crate) fn is_urgent(&self) -> bool {
        self.bytes_since_checkpoint >= CHECKPOINT_AT
            || self.index_by.is_some_and(|by| by <= Instant::now())
    }

    /// Takes in that something was written.
    pub(super) fn written(&mut self, batches: &[Batch]) {
        let now = Instant::now();
        let mut texts = false;
        for record in batches.iter().flat_map(|batch| &batch.records) {
            self.bytes_since_checkpoint += record.bytes() + PAGES_OF_A_RECORD;
            texts |= matches!(record, Record::Text { .. } | Record::Conversation(_));
            self.deleted |= record.deletes();
        }
        if texts || self.index.is_some() {
            let by = *self.index_by.get_or_insert(now + INDEX_WITHIN);
            self.index = Some(by.min(now + INDEX_AFTER));
        }
        let wait = if self.deleted || self.bytes_since_checkpoint >= CHECKPOINT_AT {
            Duration::ZERO
        } else {
            CHECKPOINT_AFTER
        };
        self.checkpoint = Some(now + wait);
    }

    /// Does one step of what is due. Returns whether it was one for quiet moments, after which the tail can be
    /// emptied too.
    pub(super) fn step(&mut self, db: &mut Connection, applier: &mut Applier) -> Result<bool> {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let mut is_quiet = false;
        // Each is put off first, so that what fails does not fail again at once.
        if due(self.checkpoint) {
            self.checkpoint = Some(now + RETRY_AFTER);
            let done = self.checkpoint_if_due(db)?;
            self.checkpoint = (!done).then(|| now + CHECKPOINT_AFTER);
            is_quiet = true;
        } else if due(self.index) {
            self.index = Some(now + RETRY_AFTER);
            self.index_by = self.index;
            self.index = index_some(db)?.then_some(now);
            self.index_by = self.index;
            self.checkpoint.get_or_insert(now + CHECKPOINT_AFTER);
        } else if due(self.retire) {
            self.retire = Some(now + RETIRE_EVERY);
            is_quiet = true;
            if retire_some(db, applier, self.retention)? {
                self.retire = Some(now);
            }
            self.checkpoint.get_or_insert(now + CHECKPOINT_AFTER);
        }
        Ok(is_quiet)
    }

    /// Takes in that the index of the full-text search is empty.
    pub(crate) fn reindex(&mut self) {
        self.index = Some(Instant::now());
        self.index_by = None;
    }

    /// Moves what was written from the log of SQLite into the database, if it is worth it. Returns
    /// false if something is in the way.
    fn checkpoint_if_due(&mut self, db: &Connection) -> Result<bool> {
        if self.deleted {
            // Nothing of what was deleted stays in the log.
            let done = checkpoint(db, "TRUNCATE")?;
            self.deleted = !done;
            return Ok(done);
        }
        let pages: i64 = db.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
        if pages >= CHECKPOINT_FROM {
            checkpoint(db, "PASSIVE")?;
        }
        self.bytes_since_checkpoint = 0;
        Ok(true)
    }

    /// Leaves the database in order. Whatever cannot be done is done at the next start.
    pub(super) fn close(&mut self, db: &mut Connection) {
        if let Err(error) = self.try_close(db) {
            tracing::warn!(%error, "the journal could not be closed in order");
        }
    }

    fn try_close(&mut self, db: &mut Connection) -> Result<()> {
        while self.index.is_some() && index_some(db)? {}
        for _ in 0..CLOSING_CHECKPOINTS {
            // Each attempt waits a while for those who read.
            if checkpoint(db, "TRUNCATE")? {
                return Ok(());
            }
        }
        tracing::info!("somebody still reads the journal");
        Ok(())
    }
}

/// Moves what was written into the database. Returns whether nothing was in the way.
pub(super) fn checkpoint(db: &Connection, mode: &str) -> Result<bool> {
    let busy: bool = db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        row.get(0)
    })?;
    Ok(!busy)
}

/// Puts some texts into the index. Returns whether there may be more.
pub(super) fn index_some(db: &mut Connection) -> Result<bool> {
    let transaction = db.transaction()?;
    let mut bytes = 0;
    let mut more = false;
    {
        let mut pending = transaction.prepare_cached(
            "SELECT text.id, size, bytes FROM text JOIN blob ON blob.id = blob
             WHERE NOT indexed ORDER BY text.id LIMIT 1",
        )?;
        let mut index =
            transaction.prepare_cached("INSERT INTO search (rowid, body) VALUES (?1, ?2)")?;
        let mut mark = transaction.prepare_cached("UPDATE text SET indexed = 1 WHERE id = ?1")?;
        while bytes < INDEX_STEP {
            let next = pending.query_row([], |row| {
                let text = unpack(row.get(1)?, row.get_ref(2)?.as_blob()?, 2)?;
                Ok((row.get::<_, i64>(0)?, text))
            });
            let Some((id, text)) = next.optional()? else {
                break;
            };
            bytes += text.len();
            index.execute(params![id, text])?;
            mark.execute([id])?;
            more = bytes >= INDEX_STEP;
        }
    }
    transaction.commit()?;
    Ok(more)
}

/// Deletes a piece of what is older or more than is to be kept. Returns whether there may be more.
fn retire_some(db: &mut Connection, applier: &mut Applier, retention: Retention) -> Result<bool> {
    let oldest = retention.days.map(|days| now() - i64::from(days) * DAY);
    let too_large = match retention.bytes {
        Some(most) => database::used_bytes(db)? > most,
        None => false,
    };
    if let Some(before) = if too_large { Some(i64::MAX) } else { oldest } {
        let transaction = db.transaction()?;
        let found = retire_one(&transaction, applier, before, oldest)?;
        transaction.commit()?;
        if found {
            return Ok(true);
        }
    }
    free_some(db)
}

/// Deletes a piece of the oldest that may go: a conversation that was active last before `before`,
/// or else something of the API that was used last before `oldest`. Returns whether there was any.
fn retire_one(
    db: &Connection,
    applier: &mut Applier,
    before: i64,
    oldest: Option<i64>,
) -> Result<bool> {
    let mut find = db.prepare_cached(
        "SELECT id FROM conversation WHERE active < ?1 AND state <> ?2
             AND NOT EXISTS (SELECT 1 FROM draft WHERE draft.conversation = conversation.id)
             AND NOT EXISTS (SELECT 1 FROM turn
                 WHERE turn.conversation = conversation.id AND turn.state = 0)
         ORDER BY active LIMIT 1",
    )?;
    let found = find.query_row(params![before, TurnState::Waiting], |row| row.get(0));
    if let Some(id) = found.optional()? {
        return applier
            .deleting(|| {
                if delete::some_texts(db, id, TEXTS_STEP)? {
                    return Ok(());
                }
                delete::conversation(db, id)
            })
            .map(|()| true);
    }
    let text = |sql: &str| {
        let mut find = db.prepare_cached(sql)?;
        find.query_row([oldest], |row| row.get::<_, String>(0))
            .optional()
    };
    if let Some(id) = text("SELECT id FROM response WHERE created < ?1 AND NOT open LIMIT 1")? {
        applier.deleting(|| delete::response(db, &id))?;
        return Ok(true);
    }
    if let Some(id) = text("SELECT id FROM api_conversation WHERE used < ?1 LIMIT 1")? {
        applier.deleting(|| delete::api_conversation(db, &id))?;
        return Ok(true);
    }
    Ok(false)
}

/// Gives some free pages back to the system. Returns whether there are more.
fn free_some(db: &Connection) -> Result<bool> {
    // The pragma returns a row for each page that it frees, and frees only as many as rows are read.
    db.pragma(None, "incremental_vacuum", VACUUM_STEP, |_| Ok(()))?;
    let free: i64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    Ok(free > 0)
}
