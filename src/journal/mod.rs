//! The journal: everything asked and said, on disk.
//!
//! It knows rows, texts and their hashes, and nothing of what they mean. [`Journal`] is one SQLite
//! database in the state folder and the one thread that writes it; [`JournalReader`] reads it.
//!
//! - [`Journal::write`] takes [`Record`]s, which are written together or not at all, and appends them to
//!   the tail: a file from which they get into the database a moment later. Where there is no tail, they
//!   go into the database at once. [`Journal::settled`] waits until they are in one of the two, so that
//!   what they stand for can leave the program.
//! - While writing fails (a full disk, a lock), nobody waits: [`Health`] says so, records stay in
//!   memory, and the thread tries again until they are in.
//! - Contents ([`Blob`]) are stored once, whatever they are part of.
//!
//! With [`Durability::Process`], nothing that is settled is lost however the program ends; if the
//! whole machine does, the last seconds may be. [`Durability::Power`] waits for the disk.

mod apply;
mod cache;
mod database;
mod delete;
mod error;
mod files;
mod hash;
mod items;
mod pack;
mod queue;
mod reader;
mod record;
mod search;
mod tail;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use tokio::sync::watch;

pub use error::{OpenError, ReadError};
pub use hash::Hash;
pub use reader::{BlobContent, BlobKey, JournalReader, NextIds, TimedTurn, Totals, TurnParts};
pub use record::{
    ApiConversation, Blob, ConversationRow, DecisionRow, DraftFate, DraftRow, EventRow, MarkRow,
    ModelDraftRow, ModelDraftState, Recall, Record, ResponseRow, SaidRow, SaidState, TurnRow,
    TurnState, TurnTime,
};
pub use search::{Excerpt, SearchHit};
pub use tail::Seq;

use files::JournalFiles;
use queue::JournalQueue;
use tail::Tail;
use writer::JournalWriter;

/// How the journal is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalOptions {
    /// What it outlives.
    pub(crate) durability: Durability,
    /// What is kept.
    pub(crate) retention: Retention,
}

/// What the journal outlives without losing anything that is settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The end of the program, however it comes. If power fails, the last seconds may be lost.
    #[default]
    Process,
    /// A power failure too. Every write waits for the disk.
    Power,
}

/// How much is kept. A conversation that waits, or that has a draft, always is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// What nothing happened to for so many days goes.
    pub days: Option<u32>,
    /// Of more bytes than this, the oldest conversations go.
    pub bytes: Option<u64>,
}

/// How writing goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Why nothing can be written right now.
    pub failing: Option<String>,
    /// Why the journal does not have what was in it before: it was damaged or removed.
    pub replaced: Option<String>,
    /// How many records went for want of memory while nothing could be written. None held words of
    /// the person.
    pub dropped: u64,
    /// How many records the database refused for what they are, which is a mistake of the program.
    pub lost: u64,
}

impl Health {
    /// What the person has to know, for as long as it is so; `None` if all is well.
    pub fn alert(&self) -> Option<String> {
        let failing = self.failing.as_ref();
        let failing = failing.map(|why| format!("not saved: {why}; trying again"));
        failing.or_else(|| self.replaced.clone())
    }
}

/// What the threads share.
#[derive(Debug)]
struct SharedJournal {
    queue: JournalQueue,
    health: watch::Sender<Health>,
    /// Greater after the database was replaced by another.
    generation: AtomicU64,
}

/// The journal of this program: the one that writes it. Dropping it closes it.
pub struct Journal {
    shared: Arc<SharedJournal>,
    reader: JournalReader,
    /// Has a connection of its own: a search takes long, and nobody is to wait for it.
    searcher: JournalReader,
    /// `None` once it is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in a state folder; both are made if need be. A damaged one is put aside,
    /// which [`Health::replaced`] then says.
    ///
    /// # Errors
    ///
    /// If another program writes it, a newer one wrote it, or it cannot be opened for writing.
    pub fn open(state_dir: &Path, options: JournalOptions) -> Result<Self, OpenError> {
        JournalFiles::make_folder(state_dir)?;
        let files = JournalFiles::in_folder(state_dir)?;
        let lock = files.lock()?;
        let (connection, aside) = database::open(&files, options.durability)?;
        let applied = database::applied(&connection).map_err(|error| OpenError::Database {
            database: files.database.clone(),
            error,
        })?;
        let io = |error| OpenError::Io {
            path: files.database.clone(),
            error,
        };
        let left = tail::unapplied(&files, applied).map_err(io)?;
        let mut replaced = aside.as_deref().map(writer::damaged_message);
        if left.is_damaged {
            let kept = files.link_damaged_tail().map_err(io)?;
            replaced.get_or_insert_with(|| writer::unreadable_message(&kept));
        }
        // Only the disk outlives a power failure, and that is for the database to wait for.
        let tail = Tail::new(files.clone(), options.durability == Durability::Process);
        let shared = Arc::new(SharedJournal {
            queue: JournalQueue::new(tail, applied, left.batches),
            health: watch::Sender::new(Health {
                replaced,
                ..Health::default()
            }),
            generation: AtomicU64::default(),
        });
        let reader = JournalReader::new(files.clone(), Arc::clone(&shared));
        let searcher = JournalReader::new(files.clone(), Arc::clone(&shared));
        let folder = files.folder().to_owned();
        let writer = JournalWriter::new(Arc::clone(&shared), files, options, connection, lock);
        let writer = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Io {
                path: folder,
                error,
            })?;
        Ok(Self {
            shared,
            reader,
            searcher,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Writes records, all of them or none. Returns at once, with what to wait for.
    pub fn write(&self, records: Vec<Record>) -> Seq {
        self.shared.queue.push(records)
    }

    /// Waits until a write is in the journal, or could not be written and is tried again. Returns
    /// whether it is in the journal.
    pub async fn settled(&self, seq: Seq) -> bool {
        self.shared.queue.settled(seq).await
    }

    /// As [`Journal::settled`], for threads that may wait.
    pub fn settled_blocking(&self, seq: Seq) -> bool {
        self.shared.queue.wait_for(seq)
    }

    /// How writing goes, now and later.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// Something to read with. It sees all that was written before.
    pub fn reader(&self) -> JournalReader {
        self.reader.clone()
    }

    /// Something to search with. Whoever reads does not wait for it.
    pub(crate) fn searcher(&self) -> JournalReader {
        self.searcher.clone()
    }

    /// Writes what is left, and returns how that went. Whatever is written later waits for the next run.
    pub fn close(&self) -> Health {
        self.shared.queue.end();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread of the journal failed");
        }
        self.shared.health.borrow().clone()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

/// Gives back all space that nothing needs, and makes the index of the full-text search as small as
/// it can be. Takes a while, and as much free space as the journal has. Returns how many bytes the
/// database had before and has now.
///
/// # Errors
///
/// As [`Journal::open`]; above all if a program that runs uses the journal.
pub fn compact(state_dir: &Path) -> Result<(u64, u64), OpenError> {
    let files = JournalFiles::in_folder(state_dir)?;
    files.check_readable()?;
    let _lock = files.lock()?;
    let mut connection = database::open_as_it_is(&files, Durability::Process)?;
    let mut compact = || {
        let before = database::bytes(&connection)?;
        while upkeep::index_some(&mut connection)? {}
        delete::all_unused(&connection)?;
        connection.execute("INSERT INTO search (search) VALUES ('optimize')", [])?;
        // The copy that this makes may be larger than the memory.
        connection.pragma_update(None, "temp_store", "FILE")?;
        connection.execute_batch("VACUUM")?;
        upkeep::checkpoint(&connection, "TRUNCATE")?;
        Ok((before, database::bytes(&connection)?))
    };
    compact().map_err(|error| OpenError::Database {
        database: files.database.clone(),
        error,
    })
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
