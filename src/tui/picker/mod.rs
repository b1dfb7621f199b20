//! A picker: a list to choose from by typing parts of an entry.
//!
//! Every word of the query has to be found: its letters in this order in the label (fuzzily, as
//! `nucleo` and fzf do), or as it is in the detail. Choices that hold more of the words as they are
//! come first, those in the label before those in the detail, then better matches, then the given
//! order.
//!
//! Results of a search elsewhere, such as in the journal, can be added after the list's own matches.
//!
//! The list of matches is made when the query changes. A query that was only added to looks at the
//! matches it had, and drawing looks at the visible rows alone.

mod view;

use std::cell::RefCell;
use std::cmp::Reverse;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32String};

use crate::tui::line::{Edit, LineEditor};
use crate::tui::text::one_line;

/// Columns of a label and of a detail that are kept: the rest can neither be seen nor matched.
const MAX_LENGTH: u16 = 300;

/// The most characters of [`Choice::keywords`].
const MAX_KEYWORDS: usize = 4_000;

/// The most words of a query.
const MAX_WORDS: usize = 8;

/// An entry to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub label: String,
    /// A description in one line. May be empty.
    pub detail: String,
    /// What stands at the end of its line, such as a key. May be empty.
    pub side: String,
    /// Further words that it is found by, which are not shown.
    pub keywords: String,
}

impl Choice {
    /// A choice without keywords.
    pub fn new(label: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            detail: detail.into(),
            ..Self::default()
        }
    }
}

/// What a key press did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickerOutcome {
    /// The picker handled it.
    Consumed,
    /// An entry was chosen: an index into the list that the picker was made with.
    Picked(usize),
    /// The picker was left without choosing.
    Cancelled,
}

/// A list to choose from.
#[derive(Debug)]
pub struct Picker {
    title: String,
    rows: Vec<PickerRow>,
    query: LineEditor,
    /// The words of the query, to be found in labels.
    words: Vec<Atom>,
    /// The same words, to be found exactly, as a search elsewhere finds them.
    exact: Vec<Atom>,
    /// The query that `matches` answers.
    matched_query: String,
    /// Indices into `rows`, best first.
    matches: Vec<usize>,
    selected: usize,
    /// How many of the rows are the given choices. Those after them are search results, and all of them
    /// match.
    choice_count: usize,
    /// The query of the search results; `None` if there is no search.
    searched_query: Option<String>,
    /// Scratch memory of matching and highlighting.
    matcher: RefCell<Matcher>,
    /// The first match on the screen and how many fit there, by the last layout.
    top: usize,
    height: usize,
}

/// A choice, ready to be matched and shown.
#[derive(Debug)]
struct PickerRow {
    /// Sanitized and on one line.
    label: String,
    /// Likewise.
    detail: String,
    /// Likewise.
    side: String,
    /// Whether it is a search result.
    is_search_result: bool,
    matched_label: Utf32String,
    matched_detail: Utf32String,
}

impl Picker {
    /// A picker with nothing typed: the choices in the given order, the first one selected.
    pub fn new(title: impl Into<String>, choices: Vec<Choice>) -> Self {
        let rows: Vec<PickerRow> = choices.into_iter().map(PickerRow::from).collect();
        let mut config = Config::DEFAULT;
        // Prefer matches at the beginning of a label.
        config.prefer_prefix = true;
        Self {
            title: title.into(),
            matches: (0..rows.len()).collect(),
            choice_count: rows.len(),
            rows,
            query: LineEditor::query(),
            words: Vec::new(),
            exact: Vec::new(),
            matched_query: String::new(),
            selected: 0,
            searched_query: None,
            matcher: RefCell::new(Matcher::new(config)),
            top: 0,
            height: 1,
        }
    }

    /// A picker whose query is also searched for elsewhere; [`Self::set_search_results`] adds the results.
    pub fn with_search(title: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self {
            searched_query: Some(String::new()),
            ..Self::new(title, choices)
        }
    }

    /// Replaces the search results, which follow the choices that match.
    pub fn set_search_results(&mut self, choices: Vec<Choice>) {
        self.rows.truncate(self.choice_count);
        let found = choices.into_iter().map(|choice| PickerRow {
            is_search_result: true,
            ..PickerRow::from(choice)
        });
        self.rows.extend(found);
        self.searched_query = Some(self.query.text().to_owned());
        self.update_matches();
    }

    /// The choices that match, the best first, as indices into the given list.
    pub fn matching(&self) -> &[usize] {
        &self.matches
    }

    /// Selects a choice by its index in the given list.
    pub(super) fn select_at(&mut self, index: usize) {
        let at = self.matches.iter().position(|found| *found == index);
        self.selected = at.unwrap_or(0);
    }

    /// Whether the query is also searched for elsewhere.
    pub(super) fn has_search(&self) -> bool {
        self.searched_query.is_some()
    }

    /// Whether another match than the first is selected.
    pub fn has_moved(&self) -> bool {
        self.selected > 0
    }

    /// Whether the selected row is a search result for an earlier query.
    fn is_stale(&self) -> bool {
        let selected = self.selected().and_then(|at| self.rows.get(at));
        selected.is_some_and(|row| row.is_search_result)
            && self.searched_query.as_deref() != Some(self.query.text())
    }

    /// What was typed.
    pub fn query(&self) -> &str {
        self.query.text()
    }

    /// How many choices match, and how many there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.matches.len(), self.rows.len())
    }

    /// The choice that Enter would pick, as an index into the given list.
    pub fn selected(&self) -> Option<usize> {
        self.matches.get(self.selected).copied()
    }

    /// Handles a key press. All keys go to the picker while it is open; others than its own do nothing.
    pub fn on_key(&mut self, key: KeyEvent) -> PickerOutcome {
        if key.kind == KeyEventKind::Release {
            return PickerOutcome::Consumed;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let page = isize::try_from(self.height.max(1)).unwrap_or(isize::MAX);
        match key.code {
            KeyCode::Enter if self.is_stale() => {}
            KeyCode::Enter => {
                return self
                    .selected()
                    .map_or(PickerOutcome::Consumed, PickerOutcome::Picked);
            }
            // Ctrl+C and Ctrl+G leave too, as in shells and editors.
            KeyCode::Esc => return PickerOutcome::Cancelled,
            KeyCode::Char('c' | 'g') if control => return PickerOutcome::Cancelled,
            KeyCode::Up => self.select(-1),
            KeyCode::Down => self.select(1),
            KeyCode::Char('p') if control => self.select(-1),
            KeyCode::Char('n') if control => self.select(1),
            KeyCode::PageUp => self.select(-page),
            KeyCode::PageDown => self.select(page),
            _ => {
                if self.query.on_key(key) == Edit::Changed {
                    self.update_matches();
                }
            }
        }
        PickerOutcome::Consumed
    }

    /// Inserts pasted text into the query, on one line.
    pub fn paste(&mut self, text: &str) {
        self.query.insert(text);
        self.update_matches();
    }

    fn select(&mut self, by: isize) {
        let last = self.matches.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    /// Recomputes the matches of the query.
    fn update_matches(&mut self) {
        let words = |kind| -> Vec<Atom> {
            let words = self.query.text().split_whitespace().take(MAX_WORDS);
            // Case matters in a word that has upper case; accents, in one that has them.
            let (case, accents) = (CaseMatching::Smart, Normalization::Smart);
            words
                .map(|word| Atom::new(word, case, accents, kind, false))
                .collect()
        };
        let (fuzzy, exact) = (words(AtomKind::Fuzzy), words(AtomKind::Substring));
        let grown = self.query.text().starts_with(&self.matched_query);
        let candidates = if grown {
            std::mem::take(&mut self.matches)
        } else {
            (0..self.choice_count).collect()
        };
        let matcher = self.matcher.get_mut();
        let own = candidates
            .into_iter()
            .filter(|index| *index < self.choice_count);
        let ranked = own.filter_map(|index| {
            let rank = rank(&self.rows[index], &fuzzy, &exact, matcher)?;
            Some((Reverse(rank), index))
        });
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_unstable();
        let found = self.choice_count..self.rows.len();
        self.matches = ranked
            .into_iter()
            .map(|(_, index)| index)
            .chain(found)
            .collect();
        (self.words, self.exact) = (fuzzy, exact);
        self.matched_query = self.query.text().to_owned();
        self.selected = 0;
        self.top = 0;
    }

    /// Which graphemes of a label the query matches, in order.
    fn highlights(&self, row: &PickerRow) -> Vec<u32> {
        let mut matcher = self.matcher.borrow_mut();
        let mut found = Vec::new();
        let words = if row.is_search_result {
            &self.exact
        } else {
            &self.words
        };
        for word in words {
            word.indices(row.matched_label.slice(..), &mut matcher, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl From<Choice> for PickerRow {
    fn from(choice: Choice) -> Self {
        let label = one_line(&choice.label, MAX_LENGTH);
        let detail = one_line(&choice.detail, MAX_LENGTH);
        let side = one_line(&choice.side, MAX_LENGTH);
        let more: String = choice.keywords.chars().take(MAX_KEYWORDS).collect();
        Self {
            // The space at the end is for nucleo, which does not find a word at the very end of a text
            // that is not ASCII.
            matched_label: format!("{label} ").as_str().into(),
            matched_detail: format!("{detail} {side} {more} ").as_str().into(),
            is_search_result: false,
            label,
            detail,
            side,
        }
    }
}

/// The rank of a row, higher is better: where its words were found, then nucleo's score. `None` if a word
/// was not found.
fn rank(
    row: &PickerRow,
    words: &[Atom],
    exact: &[Atom],
    matcher: &mut Matcher,
) -> Option<(usize, u32)> {
    let mut rank = (0, 0);
    for (word, exact) in words.iter().zip(exact) {
        let (label, detail) = (row.matched_label.slice(..), row.matched_detail.slice(..));
        let (place, score) = match (exact.score(label, matcher), word.score(label, matcher)) {
            (Some(_), Some(score)) | (Some(score), None) => (2, score),
            (None, Some(score)) => match exact.score(detail, matcher) {
                Some(_) => (1, score),
                None => (0, score),
            },
            (None, None) => (1, exact.score(detail, matcher)?),
        };
        rank = (rank.0 + place, rank.1 + u32::from(score));
    }
    Some(rank)
}

#[cfg(test)]
mod tests;
