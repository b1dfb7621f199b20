//! Opening the database: its settings, its versions, and what to do about damage.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::{ErrorClass, OpenError};
use super::files::JournalFiles;
use super::{Durability, Seq, apply};

/// What makes a database of version N one of version N + 1.
pub(super) const STEPS: &[&str] = &[
    include_str!("sql/1.sql"),
    include_str!("sql/2.sql"),
    include_str!("sql/3.sql"),
    include_str!("sql/4.sql"),
    include_str!("sql/5.sql"),
    include_str!("sql/6.sql"),
];
/// Makes the index of the full-text search, which a damaged one is replaced by too.
const SEARCH: &str = include_str!("sql/search.sql");
/// How long another connection may hold a lock before that is a fault.
const LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// How many statements stay prepared: all that there are.
const STATEMENTS: usize = 100;

/// Opens the database for writing, which is made if need be. One that is damaged is put aside and
/// another begun; then this says what it is called now.
pub(super) fn open(
    files: &JournalFiles,
    durability: Durability,
) -> Result<(Connection, Option<PathBuf>), OpenError> {
    match open_as_it_is(files, durability) {
        Err(OpenError::Database { error, .. }) if ErrorClass::of(&error) == ErrorClass::Damaged => {
            let aside = files.put_aside().map_err(|error| OpenError::Io {
                path: files.database.clone(),
                error,
            })?;
            tracing::error!(%error, aside = %aside.display(), "the journal is damaged");
            Ok((open_as_it_is(files, durability)?, Some(aside)))
        }
        opened => Ok((opened?, None)),
    }
}

/// Opens the database for writing as it is, damaged or not.
pub(super) fn open_as_it_is(
    files: &JournalFiles,
    durability: Durability,
) -> Result<Connection, OpenError> {
    files.prepare()?;
    let access = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let database = |error| OpenError::Database {
        database: files.database.clone(),
        error,
    };
    let mut connection = connect(files, access).map_err(database)?;
    check_version(files, &connection)?;
    set_up(&mut connection, durability, STEPS).map_err(database)?;
    Ok(connection)
}

/// Opens the database to add to it what is in the tail, if it is as this version of the program has it.
pub(super) fn open_to_fill(files: &JournalFiles) -> Result<Connection, OpenError> {
    files.check_readable()?;
    let database = |error| OpenError::Database {
        database: files.database.clone(),
        error,
    };
    let connection = connect(files, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(database)?;
    if check_version(files, &connection)? < latest() {
        return Err(OpenError::Older {
            database: files.database.clone(),
        });
    }
    let secure = connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()));
    secure.map_err(database)?;
    Ok(connection)
}

/// Opens the database for reading alone.
pub(super) fn open_to_read(files: &JournalFiles) -> Result<Connection, OpenError> {
    files.check_readable()?;
    let database = |error| OpenError::Database {
        database: files.database.clone(),
        error,
    };
    let connection = connect(files, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(database)?;
    // The full-text search makes excerpts in a temporary table.
    let memory = connection.pragma_update(None, "temp_store", "MEMORY");
    memory.map_err(database)?;
    match check_version(files, &connection)? {
        0 => Err(OpenError::None {
            folder: files.folder().to_owned(),
        }),
        version if version < latest() => Err(OpenError::Older {
            database: files.database.clone(),
        }),
        _ => Ok(connection),
    }
}

fn connect(files: &JournalFiles, access: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(&files.database, access | flags)?;
    connection.busy_timeout(LOCK_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn check_version(files: &JournalFiles, connection: &Connection) -> Result<i64, OpenError> {
    let found = version(connection).map_err(|error| OpenError::Database {
        database: files.database.clone(),
        error,
    })?;
    if found <= latest() {
        Ok(found)
    } else {
        Err(OpenError::Newer {
            database: files.database.clone(),
            found,
            known: latest(),
        })
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn latest() -> i64 {
    STEPS.len() as i64
}

fn set_up(
    connection: &mut Connection,
    durability: Durability,
    steps: &[&str],
) -> rusqlite::Result<()> {
    // Lets free pages go back to the system in small steps. SQLite takes this only for an empty database.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Overwrites what is deleted with zeros in the file.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    // The writer does that itself, in moments when nobody waits.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 1 << 20, |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -4096)?;
    migrate(connection, steps)
}

/// Takes the steps that the database has not taken yet, each as a whole.
pub(super) fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let done = usize::try_from(version(connection)?).unwrap_or(0);
    for (index, step) in steps.iter().enumerate().skip(done) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        if index == 0 {
            transaction.execute_batch(SEARCH)?;
        }
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The number of the last write that is in the database; 0 if none is.
pub(super) fn applied(connection: &Connection) -> rusqlite::Result<Seq> {
    let mut find = connection.prepare_cached(
        "SELECT CAST(value AS INTEGER) FROM setting WHERE key = 'journal.applied'",
    )?;
    let number = find.query_row([], |row| row.get(0)).optional()?;
    Ok(Seq(number.unwrap_or(0)))
}

/// Has the database say, in the transaction that puts a write into it, that it has that and all before it.
pub(super) fn set_applied(connection: &Connection, seq: Seq) -> rusqlite::Result<()> {
    // Whoever reads may have put later ones there from the tail.
    apply::run(
        connection,
        "INSERT INTO setting (key, value) VALUES ('journal.applied', ?1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value
         WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)",
        [seq.0],
    )
}

/// The bytes of the database.
pub(super) fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    Ok(pragma("page_count")? * pragma("page_size")?)
}

/// The bytes of the database that hold something.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    Ok(bytes(connection)? - pragma("freelist_count")? * pragma("page_size")?)
}

/// Replaces the index of the full-text search by an empty one, and marks every text as missing in
/// it.
pub(super) fn renew_search(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch("DROP TABLE search")?;
    transaction.execute_batch(SEARCH)?;
    transaction.execute("UPDATE text SET indexed = 0", [])?;
    transaction.commit()
}
