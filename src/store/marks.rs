//! Marks: the labels, the rating, the note and the exclusion from exports that the person gives a
//! conversation or a turn.

use serde::{Deserialize, Serialize};

use crate::journal::{JournalReader, MarkRow, ReadError, now};

/// The mark of a conversation, or of one of its turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The number of the turn in its conversation, from 1; `None` is the conversation as a whole.
    pub turn: Option<u64>,
    /// The labels, the rating, the note, and whether it is excluded.
    pub mark: MarkRow,
}

impl Marked {
    /// What is marked, in words.
    pub fn target(&self) -> String {
        match self.turn {
            Some(number) => format!("turn {number}"),
            None => "conversation".into(),
        }
    }
}

/// A mark in words; empty if there is nothing in it.
pub fn describe(mark: &MarkRow) -> String {
    let labels = (!mark.labels.is_empty()).then(|| mark.labels.join(", "));
    let note = Some(&mark.note).filter(|note| !note.is_empty());
    let facts = [
        mark.excluded.then(|| "excluded".to_owned()),
        mark.rating.map(|rating| format!("{rating} of 5")),
        labels,
        note.cloned(),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    facts.join(" · ")
}

/// The most characters of a label.
const MAX_LABEL_CHARS: usize = 64;

/// A change of a mark. Its names are part of the protocol of scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkChange {
    /// Adds a label.
    Add(String),
    /// Removes a label.
    Remove(String),
    /// Sets the rating; `None` removes it.
    Rate(Option<u8>),
    /// Sets the note; an empty text removes it.
    Note(String),
    /// Sets whether it stays out of exports.
    Exclude(bool),
    /// Removes everything.
    Clear,
}

/// The labels in a text, between commas and line breaks.
pub(crate) fn parse_labels(text: &str) -> impl Iterator<Item = &str> {
    let labels = text.split([',', '\n']).map(str::trim);
    labels.filter(|label| !label.is_empty())
}

/// Why a change of a mark is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// The text cannot be a label.
    #[error(
        "{0:?} is not a label; use one word or more on a line, up to 64 characters, without commas"
    )]
    Label(String),
    /// The number is not a rating.
    #[error("a rating is a number from 1 to 5")]
    Rating,
}

/// Why a mark cannot be found or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such conversation.
    #[error("there is no conversation {0}; `humanllm history list` shows them all")]
    Unknown(i64),
    /// There is no such turn.
    #[error("conversation {0} has no turn {1}; it has {2}")]
    UnknownTurn(i64, u64, usize),
    /// The change is refused.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl MarkChange {
    /// Makes the change, and sets when the mark was updated.
    ///
    /// # Errors
    ///
    /// If the label or the rating is not valid.
    pub fn apply(&self, mark: &mut MarkRow) -> Result<(), MarkError> {
        mark.updated = now();
        match self {
            Self::Add(label) => {
                let label = check_label(label)?;
                if let Err(place) = mark.labels.binary_search(&label) {
                    mark.labels.insert(place, label);
                }
            }
            Self::Remove(label) => {
                let label = check_label(label)?;
                mark.labels.retain(|known| *known != label);
            }
            Self::Rate(Some(rating)) if !(1..=5).contains(rating) => {
                return Err(MarkError::Rating);
            }
            Self::Rate(rating) => mark.rating = *rating,
            Self::Note(note) => note.trim().clone_into(&mut mark.note),
            Self::Exclude(excluded) => mark.excluded = *excluded,
            Self::Clear => {
                *mark = MarkRow {
                    conversation: mark.conversation,
                    turn: mark.turn,
                    updated: mark.updated,
                    ..MarkRow::default()
                }
            }
        }
        Ok(())
    }
}

/// The mark of a turn, or with `None` of the conversation itself, among the marks of a conversation; an
/// empty one if there is none.
pub(crate) fn find_or_new(marks: &[MarkRow], conversation: i64, turn: Option<i64>) -> MarkRow {
    let known = marks.iter().find(|mark| mark.turn == turn);
    known.cloned().unwrap_or(MarkRow {
        conversation,
        turn,
        ..MarkRow::default()
    })
}

/// Reads the mark of a conversation, or of its turn with this number, from the journal; an empty one if
/// there is none.
///
/// # Errors
///
/// If there is no such conversation or turn, or the journal cannot be read.
pub fn find(
    reader: &JournalReader,
    conversation: i64,
    turn: Option<u64>,
) -> Result<Marked, ChangeError> {
    if reader.conversation(conversation)?.is_none() {
        return Err(ChangeError::Unknown(conversation));
    }
    let id = match turn {
        None => None,
        Some(number) => {
            let turns = reader.turns(conversation)?;
            let place = usize::try_from(number).ok();
            let found = place.and_then(|number| turns.get(number.checked_sub(1)?));
            let unknown = ChangeError::UnknownTurn(conversation, number, turns.len());
            Some(*found.ok_or(unknown)?)
        }
    };
    let mark = find_or_new(&reader.marks(conversation)?, conversation, id);
    Ok(Marked { turn, mark })
}

fn check_label(label: &str) -> Result<String, MarkError> {
    let label = label.trim();
    let is_odd = |c: char| c.is_control() || c == ',';
    let is_too_long = label.chars().count() > MAX_LABEL_CHARS;
    if label.is_empty() || label.contains(is_odd) || is_too_long {
        Err(MarkError::Label(label.to_owned()))
    } else {
        Ok(label.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_one_by_one() {
        let mut mark = find_or_new(&[], 3, Some(7));
        assert_eq!((mark.conversation, mark.turn), (3, Some(7)));
        let add = |label: &str| MarkChange::Add(label.into());
        for change in [
            add("good"),
            add("a b"),
            add(" good "),
            MarkChange::Rate(Some(5)),
            MarkChange::Note(" fine \n".into()),
            MarkChange::Exclude(true),
        ] {
            change.apply(&mut mark).unwrap();
        }
        assert_eq!(mark.labels, ["a b", "good"]);
        assert_eq!(
            (mark.rating, &*mark.note, mark.excluded),
            (Some(5), "fine", true)
        );
        for (change, error) in [
            (add(""), MarkError::Label(String::new())),
            (add("a,b"), MarkError::Label("a,b".into())),
            (MarkChange::Rate(Some(6)), MarkError::Rating),
        ] {
            assert_eq!(change.apply(&mut mark), Err(error));
        }
        MarkChange::Remove("good".into()).apply(&mut mark).unwrap();
        assert_eq!(mark.labels, ["a b"]);
        MarkChange::Clear.apply(&mut mark).unwrap();
        assert!(mark.is_empty() && mark.conversation == 3 && mark.turn == Some(7));
    }
}
