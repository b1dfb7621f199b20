//! The thread that fills the database. It commits together whatever has come in meanwhile, and does
//! everything else (the index of the full-text search, checkpoints, retention) in moments when nothing
//! comes.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::apply::{self, Applier};
use super::error::{ErrorClass, OpenError};
use super::files::{Identity, JournalFiles};
use super::queue::WriterTask;
use super::record::Record;
use super::tail::Batch;
use super::upkeep::Upkeep;
use super::{Health, JournalOptions, SharedJournal, database};

/// How long to wait before what failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The writer's own state.
pub(super) struct JournalWriter {
    shared: Arc<SharedJournal>,
    files: JournalFiles,
    options: JournalOptions,
    /// `None` only where opening it anew failed.
    connection: Option<(Connection, Option<Identity>)>,
    applier: Applier,
    upkeep: Upkeep,
    /// When to try again what failed.
    retry: Option<Instant>,
    /// Held as long as this program writes.
    lock: File,
}

impl JournalWriter {
    pub(super) fn new(
        shared: Arc<SharedJournal>,
        files: JournalFiles,
        options: JournalOptions,
        connection: Connection,
        lock: File,
    ) -> Self {
        let identity = files.identity();
        Self {
            shared,
            files,
            upkeep: Upkeep::new(options.retention),
            options,
            connection: Some((connection, identity)),
            applier: Applier::new(),
            retry: None,
            lock,
        }
    }

    /// Writes until there will be nothing more to write.
    pub(super) fn run(mut self) {
        loop {
            let idle = match self.retry {
                Some(_) => None,
                None => self.upkeep.due(),
            };
            match self.shared.queue.wait(self.retry, idle) {
                WriterTask::Batches => self.write(),
                WriterTask::Idle => self.run_upkeep(),
                WriterTask::End => break,
            }
        }
        if !self.shared.queue.is_empty() {
            self.write();
        }
        if let Some((connection, _)) = &mut self.connection {
            self.upkeep.close(connection);
        }
        self.shared.queue.empty_tail();
    }

    /// Writes everything that waits.
    fn write(&mut self) {
        // Before anything is said to be in the tail, it is known whether it is where it will be looked for.
        let placed = self.check_path();
        self.shared.queue.repair_tail();
        let batches = self.shared.queue.take();
        let Some(last) = batches.last().map(|batch| batch.seq) else {
            // All that waited has gone for want of memory.
            self.retry = None;
            self.report_failing(None);
            let newest = self.shared.queue.newest();
            return self.shared.queue.mark_applied(newest, false);
        };
        match placed.and_then(|()| self.commit(&batches)) {
            Ok(refused) => {
                self.retry = None;
                self.upkeep.written(&batches);
                // Those who wait for the write find out the truth when they ask how it went.
                self.shared.health.send_if_modified(|health| {
                    health.lost += refused;
                    refused > 0
                });
                self.report_failing(None);
                let mut records = batches.iter().flat_map(|batch| &batch.records);
                let deletes = records.any(Record::deletes);
                self.shared.queue.mark_applied(last, deletes);
                if self.upkeep.is_urgent() {
                    self.run_upkeep();
                }
            }
            Err(why) => {
                self.retry = Some(Instant::now() + RETRY);
                self.report_failing(Some(why.clone()));
                self.shared.queue.put_back(batches);
                self.report_failing(Some(why));
            }
        }
    }

    /// Commits all of these, and returns how many records the database refused for what they are.
    fn commit(&mut self, batches: &[Batch]) -> Result<u64, String> {
        let mut mended = false;
        loop {
            let error = match self.transaction(batches) {
                Ok(()) => return Ok(0),
                Err(error) => error,
            };
            match ErrorClass::of(&error) {
                ErrorClass::Passing => return Err(self.explain(&error)),
                ErrorClass::Refused => return self.commit_one_by_one(batches),
                // Damage that is back right after a repair is not repaired a second time.
                _ if mended => return Err(self.explain(&error)),
                fault => self.repair(fault, &error)?,
            }
            mended = true;
        }
    }

    /// Commits each batch on its own, so that one that is refused takes no other with it.
    fn commit_one_by_one(&mut self, batches: &[Batch]) -> Result<u64, String> {
        let mut refused = 0;
        for batch in batches {
            match self.transaction(std::slice::from_ref(batch)) {
                Ok(()) => {}
                Err(error) if ErrorClass::of(&error) == ErrorClass::Refused => {
                    tracing::error!(%error, "the journal refused a change");
                    refused += batch.records.len() as u64;
                }
                // What is written already is written again later, which changes nothing.
                Err(error) => return Err(self.explain(&error)),
            }
        }
        Ok(refused)
    }

    fn transaction(&mut self, batches: &[Batch]) -> rusqlite::Result<()> {
        let Some((connection, _)) = &mut self.connection else {
            let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
            return Err(rusqlite::Error::SqliteFailure(error, None));
        };
        // Statements that stay prepared, so that nobody who waits for this waits for the SQL parser.
        let mut transact = || {
            apply::run(connection, "BEGIN", [])?;
            for record in batches.iter().flat_map(|batch| &batch.records) {
                self.applier.apply(connection, record)?;
            }
            if let Some(last) = batches.last() {
                database::set_applied(connection, last.seq)?;
            }
            apply::run(connection, "COMMIT", [])
        };
        let written = transact();
        if written.is_err() {
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "what was not written was not taken back");
            }
            // It may remember rows of the transaction that was rolled back.
            self.applier.forget();
        }
        written
    }

    /// Makes sure that what is written goes where it will be looked for: a file without a name takes
    /// everything and keeps nothing.
    fn check_path(&mut self) -> Result<(), String> {
        match &self.connection {
            Some((_, identity)) if *identity == self.files.identity() => Ok(()),
            Some(_) => {
                self.connection = None;
                self.reopen()?;
                self.report_replaced(
                    "the journal was removed while it was in use; a new one was begun",
                );
                Ok(())
            }
            None => self.reopen(),
        }
    }

    /// Repairs damage: makes a damaged search index again, or puts the database aside and begins another.
    fn repair(&mut self, fault: ErrorClass, error: &rusqlite::Error) -> Result<(), String> {
        tracing::error!(%error, "the journal is damaged");
        if fault == ErrorClass::Index
            && let Some((connection, _)) = &mut self.connection
        {
            let renewed = database::renew_search(connection);
            self.upkeep.reindex();
            return renewed.map_err(|error| self.explain(&error));
        }
        // Closed first, so that nothing is written to the file that is renamed.
        self.connection = None;
        let aside = self.files.put_aside();
        let aside = aside.map_err(|error| format!("{}: {error}", self.files.database.display()))?;
        self.reopen()?;
        self.report_replaced(&damaged_message(&aside));
        Ok(())
    }

    /// Opens the database again, after it was replaced or removed.
    fn reopen(&mut self) -> Result<(), String> {
        let mut open = || {
            JournalFiles::make_folder(self.files.folder())?;
            if !self.files.is_locked_by(&self.lock) {
                self.lock = self.files.lock()?;
            }
            database::open(&self.files, self.options.durability)
        };
        let (connection, aside) = open().map_err(|error: OpenError| error.to_string())?;
        self.connection = Some((connection, self.files.identity()));
        self.applier.forget();
        self.shared.generation.fetch_add(1, Ordering::Release);
        if let Some(aside) = aside {
            self.report_replaced(&damaged_message(&aside));
        }
        Ok(())
    }

    /// Does one step of upkeep.
    fn run_upkeep(&mut self) {
        let Some((connection, _)) = &mut self.connection else {
            return;
        };
        let error = match self.upkeep.step(connection, &mut self.applier) {
            Ok(is_quiet) => {
                if is_quiet {
                    self.shared.queue.empty_tail();
                }
                return;
            }
            Err(error) => error,
        };
        self.applier.forget();
        tracing::warn!(%error, "the journal could not be looked after");
        let fault = ErrorClass::of(&error);
        if matches!(fault, ErrorClass::Damaged | ErrorClass::Index)
            && let Err(why) = self.repair(fault, &error)
        {
            self.retry = Some(Instant::now() + RETRY);
            self.report_failing(Some(why));
        }
    }

    fn explain(&self, error: &rusqlite::Error) -> String {
        format!("{}: {error}", self.files.database.display())
    }

    fn report_replaced(&self, why: &str) {
        tracing::error!("{why}");
        self.shared
            .health
            .send_modify(|health| health.replaced = Some(why.to_owned()));
    }

    /// Updates [`Health`], and notifies its receivers if it changed. `failing` is why nothing can be written.
    fn report_failing(&self, failing: Option<String>) {
        let dropped = self.shared.queue.dropped();
        self.shared.health.send_if_modified(|health: &mut Health| {
            let changed = health.failing != failing || health.dropped != dropped;
            if changed {
                match &failing {
                    Some(why) => tracing::error!(why, "the journal cannot be written"),
                    None => tracing::info!("the journal is written again"),
                }
            }
            health.failing = failing;
            health.dropped = dropped;
            changed
        });
    }
}

/// The message about a database that was put aside.
pub(super) fn damaged_message(aside: &std::path::Path) -> String {
    format!(
        "the journal was damaged; a new one was begun, and the old one is {}",
        aside.display()
    )
}

/// The message about a tail of which not everything could be read.
pub(super) fn unreadable_message(kept: &std::path::Path) -> String {
    format!(
        "some of what was written last could not be read; it is still in {}",
        kept.display()
    )
}
