//! The tail of the journal: what was written and is not in the database yet, in a file beside it.
//!
//! To append to a file takes microseconds and no other thread, so that whoever writes does it; the
//! database follows. What is found here at a start goes into the database once more, in its order,
//! which changes nothing where it is there already.

use std::collections::{HashMap, HashSet};
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

/// What stands before each part: what it is, its bytes in four bytes, and their hash.
const HEAD: usize = 1 + 4 + 16;
/// The text of a content, which is once in the file for all records behind it.
const TEXT: u8 = b'T';
/// Records that were written together.
const RECORDS: u8 = b'R';

/// From how many bytes on it is begun anew.
const LONG: u64 = 4 << 20;
/// The largest it becomes where the database takes nothing.
const LONGEST: u64 = 64 << 20;

/// The file, and what is in it.
#[derive(Debug)]
pub(super) struct Tail {
    files: JournalFiles,
    /// Whether anything goes there: it does not outlive a power failure.
    is_used: bool,
    /// `None` where nothing goes there.
    open: Option<Open>,
    /// Whether what is in it is not what is missing in the database.
    is_stale: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: Identity,
    length: u64,
    /// The contents whose text is there, or was to be.
    texts: HashSet<Hash>,
}

impl Tail {
    /// The tail as an earlier run has left it.
    pub fn new(files: JournalFiles, is_used: bool) -> Self {
        Self {
            files,
            is_used,
            open: None,
            is_stale: true,
        }
    }

    /// Appends records, all or none. Returns whether they are there, and so will be whatever becomes
    /// of the program.
    pub fn append(&mut self, records: &[Record]) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        let appended = match self.files.identity_of_tail() == Some(open.identity) {
            true => open.append(&[records]),
            false => Err(io::ErrorKind::NotFound.into()),
        };
        if let Err(error) = &appended {
            tracing::warn!(%error, "the tail of the journal cannot be written");
            self.open = None;
            self.is_stale = true;
        }
        appended.is_ok()
    }

    /// Whether something is not there that should be.
    pub fn is_broken(&self) -> bool {
        self.is_used && self.is_stale
    }

    /// Whether it has to be begun anew, or had better be.
    pub fn is_due(&self) -> bool {
        self.is_stale || self.open.as_ref().is_some_and(|open| open.length >= LONG)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        !self.is_stale && self.open.as_ref().is_none_or(|open| open.length == 0)
    }

    /// Begins it anew with these records alone, or leaves it as it is.
    ///
    /// # Errors
    ///
    /// If it cannot be written; nothing goes there then.
    pub fn begin_anew(&mut self, left: &[&[Record]]) -> io::Result<()> {
        self.open = None;
        self.is_stale = true;
        if self.is_used {
            let file = match left {
                [] => self.files.empty_tail()?,
                _ => self.files.create_tail()?,
            };
            let mut open = Open {
                identity: Identity::of(&file.metadata()?),
                file,
                length: 0,
                texts: HashSet::new(),
            };
            if !left.is_empty() {
                open.append(left)?;
                self.files.put_tail_in_place()?;
            }
            self.open = Some(open);
        } else {
            self.files.remove_tail()?;
        }
        self.is_stale = false;
        Ok(())
    }
}

impl Open {
    fn append(&mut self, batches: &[&[Record]]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for records in batches {
            for blob in records.iter().flat_map(Record::blobs) {
                // Whoever fails to write it does not go on with this either.
                if self.texts.insert(blob.hash) {
                    part(&mut bytes, TEXT, blob.hash, blob.text.as_bytes())?;
                }
            }
            let json = serde_json::to_vec(records)?;
            part(&mut bytes, RECORDS, Hash::of(&json), &json)?;
        }
        let length = self.length + bytes.len() as u64;
        if length > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if let Err(error) = self.file.write_all_at(&bytes, self.length) {
            // Half of a write is none.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length = length;
        Ok(())
    }
}

fn part(all: &mut Vec<u8>, kind: u8, hash: Hash, bytes: &[u8]) -> io::Result<()> {
    let size = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    all.reserve(HEAD + bytes.len());
    all.push(kind);
    all.extend_from_slice(&size.to_le_bytes());
    all.extend_from_slice(hash.as_bytes());
    all.extend_from_slice(bytes);
    Ok(())
}

/// Takes what is there into the database, for whoever reads that; the program that writes it may do the
/// same at any moment.
pub(super) fn take_in(files: &JournalFiles) -> Result<(), OpenError> {
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
        let left =
            left(files).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let mut applier = Applier::new();
        for record in left.iter().flatten() {
            applier.apply(&transaction, record)?;
        }
        transaction.commit()
    });
    filled.map_err(|error| OpenError::Database {
        database: files.database.clone(),
        error,
    })
}

/// What an earlier run has left: the records of each write that is whole, the oldest first.
pub(super) fn left(files: &JournalFiles) -> io::Result<Vec<Vec<Record>>> {
    let mut bytes = Vec::new();
    if let Some(mut file) = files.open_tail()? {
        file.read_to_end(&mut bytes)?;
    }
    let (mut rest, mut texts, mut left) = (&*bytes, HashMap::new(), Vec::new());
    while let Some((kind, hash, part)) = next(&mut rest) {
        match kind {
            TEXT => {
                if let Ok(text) = std::str::from_utf8(part) {
                    texts.insert(hash, Arc::<str>::from(text));
                }
            }
            RECORDS => match read(part, &texts) {
                Some(records) => left.push(records),
                None => tracing::error!("something in the tail of the journal cannot be read"),
            },
            _ => tracing::error!(kind, "the tail of the journal has what nobody knows"),
        }
    }
    Ok(left)
}

/// The next part that is whole. What follows one that is not was never said to be there.
fn next<'b>(rest: &mut &'b [u8]) -> Option<(u8, Hash, &'b [u8])> {
    let (head, after) = rest.split_first_chunk::<HEAD>()?;
    let (kind, head) = head.split_first()?;
    let (size, hash) = head.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    let (part, after) = after.split_at_checked(size)?;
    let hash = Hash::from(<[u8; 16]>::try_from(hash).ok()?);
    *rest = after;
    (Hash::of(part) == hash).then_some((*kind, hash, part))
}

/// The records in a part, with their contents.
fn read(part: &[u8], texts: &HashMap<Hash, Arc<str>>) -> Option<Vec<Record>> {
    let mut records: Vec<Record> = serde_json::from_slice(part).ok()?;
    for blob in records.iter_mut().flat_map(Record::blobs_mut) {
        let Blob { hash, text } = blob;
        *text = Arc::clone(texts.get(hash)?);
    }
    Some(records)
}
