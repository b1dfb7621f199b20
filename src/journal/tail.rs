//! The tail of the journal: what was written and is not in the database yet, in a file beside it.
//!
//! Appending to a file takes microseconds, so the thread that writes does it itself; a thread of the journal
//! fills the database later. Each write has a number, and the database has the number of the last write that is
//! in it: what is found here at a start and has a greater one goes into the database, in its order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rusqlite::TransactionBehavior;

use super::apply::Applier;
use super::database;
use super::error::OpenError;
use super::files::{Identity, JournalFiles};
use super::hash::Hash;
use super::record::{Blob, Record};

/// The bytes before each part: its kind, its length in four bytes (little-endian), and its hash.
const HEADER: usize = 1 + 4 + 16;
/// The kind of a part with the text of a content, which all records after it refer to by its hash.
const TEXT: u8 = b'T';
/// The kind of a part with one write: its number in eight bytes (little-endian), then its records as JSON.
const RECORDS: u8 = b'R';

/// From this many bytes on, the file is written anew with what the database does not have yet.
const REWRITE_FROM: u64 = 4 << 20;
/// The most bytes that the file may have while the database cannot be written.
const MAX_LENGTH: u64 = 64 << 20;

/// The number of a write. Later ones are greater, those of later runs too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub(super) u64);

/// Records that are written together or not at all.
#[derive(Debug)]
pub(super) struct Batch {
    pub seq: Seq,
    pub records: Vec<Record>,
}

/// The tail of the journal, for the program that writes it.
#[derive(Debug)]
pub(super) struct Tail {
    files: JournalFiles,
    /// Whether writes are appended. They are not with [`Durability::Power`](super::Durability::Power): the
    /// file is not synced.
    is_used: bool,
    /// `None` if it is not used or could not be written.
    open: Option<Open>,
    /// Whether the file may lack writes that the database does not have either.
    is_stale: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: Identity,
    length: u64,
    /// The hashes of the contents whose text is in the file.
    texts: HashSet<Hash>,
}

impl Tail {
    /// The tail as an earlier run has left it.
    pub(super) fn new(files: JournalFiles, is_used: bool) -> Self {
        Self {
            files,
            is_used,
            open: None,
            is_stale: true,
        }
    }

    /// Appends a write, all of it or nothing. Returns whether it is in the file, where it survives the end
    /// of the program.
    pub(super) fn append(&mut self, batch: &Batch) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        let is_in_place = self.files.identity_of_tail() == Some(open.identity);
        let appended = if is_in_place {
            open.append([batch])
        } else {
            Err(io::ErrorKind::NotFound.into())
        };
        if let Err(error) = &appended {
            tracing::warn!(%error, "the tail of the journal cannot be written");
            self.open = None;
            self.is_stale = true;
        }
        appended.is_ok()
    }

    /// Whether writes are missing that should be in the file.
    pub(super) fn is_broken(&self) -> bool {
        self.is_used && self.is_stale
    }

    /// Whether the file must be written anew, or is long enough that it should be.
    pub(super) fn needs_rewrite(&self) -> bool {
        self.is_stale
            || self
                .open
                .as_ref()
                .is_some_and(|open| open.length >= REWRITE_FROM)
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_stale && self.open.as_ref().is_none_or(|open| open.length == 0)
    }

    /// Replaces the file by one with these writes alone.
    ///
    /// # Errors
    ///
    /// If it cannot be written; the old file stays, and nothing is appended until this succeeds.
    pub(super) fn rewrite(&mut self, left: &VecDeque<Batch>) -> io::Result<()> {
        self.open = None;
        self.is_stale = true;
        if self.is_used {
            match self.create_rewritten(left) {
                Ok(open) => self.open = Some(open),
                Err(error) => {
                    // All that is in it is in the database, and may be something that was deleted.
                    if left.is_empty() {
                        let _ = self.files.remove_tail();
                    }
                    return Err(error);
                }
            }
        } else {
            self.files.remove_tail()?;
        }
        self.is_stale = false;
        Ok(())
    }

    /// Puts another file in its place, so that whoever reads it has the whole one before or the whole one
    /// after.
    fn create_rewritten(&self, left: &VecDeque<Batch>) -> io::Result<Open> {
        let file = self.files.create_new_tail()?;
        let mut open = Open {
            identity: Identity::of(&file.metadata()?),
            file,
            length: 0,
            texts: HashSet::new(),
        };
        open.append(left)?;
        self.files.rename_new_tail()?;
        Ok(open)
    }
}

impl Open {
    fn append<'b>(&mut self, batches: impl IntoIterator<Item = &'b Batch>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for Batch { seq, records } in batches {
            for blob in records.iter().flat_map(Record::blobs) {
                // Whoever fails to write it does not go on with this either.
                if self.texts.insert(blob.hash) {
                    push_part(&mut bytes, TEXT, blob.hash, blob.text.as_bytes())?;
                }
            }
            let mut numbered = seq.0.to_le_bytes().to_vec();
            serde_json::to_writer(&mut numbered, records)?;
            push_part(&mut bytes, RECORDS, Hash::of(&numbered), &numbered)?;
        }
        let length = self.length + bytes.len() as u64;
        if length > MAX_LENGTH {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if let Err(error) = self.file.write_all_at(&bytes, self.length) {
            // A write that is only half in the file counts as not written.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length = length;
        Ok(())
    }
}

fn push_part(all: &mut Vec<u8>, kind: u8, hash: Hash, bytes: &[u8]) -> io::Result<()> {
    let size = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    all.reserve(HEADER + bytes.len());
    all.push(kind);
    all.extend_from_slice(&size.to_le_bytes());
    all.extend_from_slice(hash.as_bytes());
    all.extend_from_slice(bytes);
    Ok(())
}

/// Takes what is there into the database, for whoever reads that; the program that writes it may do the
/// same at any moment.
pub(super) fn apply_to_database(files: &JournalFiles) -> Result<(), OpenError> {
    let io = |error| OpenError::Io {
        path: files.database.clone(),
        error,
    };
    let length = files.open_tail().and_then(|tail| match tail {
        Some(tail) => Ok(tail.metadata()?.len()),
        None => Ok(0),
    });
    if length.map_err(io)? == 0 {
        return Ok(());
    }
    let mut connection = database::open_to_fill(files)?;
    // Nothing gets into the database from now on, so that it has nothing that is newer than the tail.
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let filled = begun.and_then(|transaction| {
        let left = unapplied(files, database::applied(&transaction)?);
        let left = left.and_then(|left| {
            if left.is_damaged {
                // Writes after the damage must not get into the database before it is repaired.
                Err(io::ErrorKind::InvalidData.into())
            } else {
                Ok(left.batches)
            }
        });
        let left = left.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let Some(last) = left.last() else {
            return Ok(());
        };
        let mut applier = Applier::new();
        for record in left.iter().flat_map(|batch| &batch.records) {
            applier.apply(&transaction, record)?;
        }
        database::set_applied(&transaction, last.seq)?;
        transaction.commit()
    });
    filled.map_err(|error| OpenError::Database {
        database: files.database.clone(),
        error,
    })
}

/// What an earlier run has left.
#[derive(Debug, Default)]
pub(super) struct Unapplied {
    /// Each write that is whole and not in the database, the oldest first.
    pub batches: Vec<Batch>,
    /// Whether something else is there that was whole once, or that another version of the program wrote.
    pub is_damaged: bool,
}

/// What an earlier run has left after the last write that is in the database.
pub(super) fn unapplied(files: &JournalFiles, applied: Seq) -> io::Result<Unapplied> {
    let mut bytes = Vec::new();
    if let Some(mut file) = files.open_tail()? {
        file.read_to_end(&mut bytes)?;
    }
    let (mut rest, mut texts, mut left) = (&*bytes, HashMap::new(), Unapplied::default());
    while let Some((kind, hash, part)) = next_part(&mut rest) {
        if Hash::of(part) != hash {
            tracing::error!("the tail of the journal is damaged");
            left.is_damaged = true;
            break;
        }
        match (kind, part.split_first_chunk()) {
            (TEXT, _) => {
                if let Ok(text) = std::str::from_utf8(part) {
                    texts.insert(hash, Arc::<str>::from(text));
                }
            }
            (RECORDS, Some((seq, json))) => {
                let seq = Seq(u64::from_le_bytes(*seq));
                if seq <= applied {
                    continue;
                }
                match parse_records(json, &texts) {
                    Some(records) => left.batches.push(Batch { seq, records }),
                    None => {
                        tracing::error!("something in the tail of the journal cannot be read");
                        left.is_damaged = true;
                    }
                }
            }
            _ => {
                tracing::error!(kind, "the tail of the journal has what nobody knows");
                left.is_damaged = true;
            }
        }
    }
    Ok(left)
}

/// The next part that has its full length, with its hash. One that has not was being written when the
/// program ended, and was never said to be there.
fn next_part<'b>(rest: &mut &'b [u8]) -> Option<(u8, Hash, &'b [u8])> {
    let (head, after) = rest.split_first_chunk::<HEADER>()?;
    let (kind, head) = head.split_first()?;
    let (size, hash) = head.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    let (part, after) = after.split_at_checked(size)?;
    let hash = Hash::from(<[u8; 16]>::try_from(hash).ok()?);
    *rest = after;
    Some((*kind, hash, part))
}

/// The records in a part, with their contents.
fn parse_records(part: &[u8], texts: &HashMap<Hash, Arc<str>>) -> Option<Vec<Record>> {
    let mut records: Vec<Record> = serde_json::from_slice(part).ok()?;
    for blob in records.iter_mut().flat_map(Record::blobs_mut) {
        let Blob { hash, text } = blob;
        *text = Arc::clone(texts.get(hash)?);
    }
    Some(records)
}
