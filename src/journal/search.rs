//! The full-text search.

use std::collections::HashSet;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::pack::unpack;

/// How many texts are looked at for each conversation that is wanted: several texts of one
/// conversation are one hit.
const TEXTS_PER_HIT: u32 = 8;
/// How many words an excerpt has.
const EXCERPT_WORDS: i64 = 24;
/// Around what was found in an excerpt. Unicode keeps these from ever being characters.
const MARKS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// A conversation that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchHit {
    /// The conversation that has it.
    pub conversation: i64,
    /// Some of the text in which it was found.
    pub(crate) excerpt: Excerpt,
}

/// A part of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The part, with `…` where the text goes on.
    pub text: String,
    /// Where what was searched for stands in it.
    pub found: Vec<Range<usize>>,
}

pub(super) fn search(db: &Connection, words: &str, limit: u32) -> Result<Vec<SearchHit>> {
    let Some(query) = query(words) else {
        return Ok(Vec::new());
    };
    let most = limit.saturating_mul(TEXTS_PER_HIT);
    let mut find = db.prepare_cached(
        "SELECT text.id, conversation, size, bytes
         FROM (SELECT rowid AS found, rank FROM search WHERE search MATCH ?1 ORDER BY rank LIMIT ?2)
             JOIN text ON text.id = found JOIN blob ON blob.id = blob
         ORDER BY rank",
    )?;
    let mut rows = find.query(params![query, most])?;
    let mut seen = HashSet::new();
    let mut hits = Vec::new();
    let mut excerpts = Excerpts::new(db)?;
    while let Some(row) = rows.next()?
        && hits.len() < limit as usize
    {
        let conversation = row.get(1)?;
        if seen.insert(conversation) {
            let text = unpack(row.get(2)?, row.get_ref(3)?.as_blob()?, 3)?;
            hits.push(SearchHit {
                conversation,
                excerpt: excerpts.of(&text, &query)?,
            });
        }
    }
    Ok(hits)
}

/// Makes excerpts. The index has no texts of its own, so those that were found go through one that
/// has, for as long as that takes.
struct Excerpts<'c>(&'c Connection);

impl<'c> Excerpts<'c> {
    fn new(db: &'c Connection) -> Result<Self> {
        db.execute_batch(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.excerpt USING fts5 (
                 body, tokenize = 'unicode61 remove_diacritics 2'
             )",
        )?;
        Ok(Self(db))
    }

    fn of(&mut self, text: &str, query: &str) -> Result<Excerpt> {
        let mut insert = self
            .0
            .prepare_cached("INSERT INTO temp.excerpt (rowid, body) VALUES (1, ?1)")?;
        insert.execute([text.replace(MARKS, "")])?;
        let mut cut = self.0.prepare_cached(
            "SELECT snippet(excerpt, 0, ?1, ?2, '…', ?3) FROM temp.excerpt WHERE excerpt MATCH ?4",
        )?;
        let [begin, end] = MARKS.map(String::from);
        let found = cut
            .query_row(params![begin, end, EXCERPT_WORDS, query], |row| row.get(0))
            .optional()?;
        self.0
            .prepare_cached("DELETE FROM temp.excerpt")?
            .execute([])?;
        Ok(found
            .map(|marked: String| read_marks(&marked))
            .unwrap_or_default())
    }
}

fn read_marks(marked: &str) -> Excerpt {
    let mut excerpt = Excerpt::default();
    let mut pieces = marked.split(MARKS);
    excerpt.text.push_str(pieces.next().unwrap_or_default());
    while let Some(found) = pieces.next() {
        let from = excerpt.text.len();
        excerpt.text.push_str(found);
        excerpt.found.push(from..excerpt.text.len());
        excerpt.text.push_str(pieces.next().unwrap_or_default());
    }
    excerpt
}

/// What to ask the index for: every word in quotes, so that nothing in it is an operator.
fn query(words: &str) -> Option<String> {
    let words: Vec<String> = words
        .split(|c: char| c.is_whitespace() || c.is_control() || c == '"')
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{word}\""))
        .collect();
    (!words.is_empty()).then(|| format!("{}*", words.join(" ")))
}
