//! The sources of the text of a reply, and its sender.

use serde::{Deserialize, Serialize};

/// The source of some text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Typed by the person, here or in their editor.
    Typed,
    /// Pasted from the clipboard.
    Pasted,
    /// A snippet of the configuration, by name.
    Snippet(String),
    /// An earlier reply.
    Recalled,
    /// A template or skeleton made by the program.
    Template,
    /// A draft of a model.
    Model {
        /// The id of the draft.
        draft: i64,
        /// The model's name in the configuration.
        model: String,
    },
    /// A rule of the configuration, by name.
    Rule(String),
    /// A script, through the control socket.
    Script,
}

/// Consecutive characters from one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The number of characters.
    pub chars: usize,
    /// Their source.
    pub source: Source,
}

/// The source of each character of a text, in order. It may be shorter than the text, or empty, if sources
/// are not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(Vec<Span>);

impl Origin {
    /// The origin of a text from one source.
    pub fn of(text: &str, source: Source) -> Self {
        let mut origin = Self::default();
        origin.push(text.chars().count(), source);
        origin
    }

    /// The spans. None is empty, and neighbours have different sources.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Whether no sources are known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of characters whose source is known.
    pub fn chars(&self) -> usize {
        self.0.iter().map(|span| span.chars).sum()
    }

    /// The origin of a range of characters. Those with unknown source count as typed.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let mut slice = Self::default();
        let (mut at, mut copied) = (0, range.start);
        for span in &self.0 {
            let end = (at + span.chars).min(range.end);
            let begin = at.max(range.start);
            if begin < end {
                slice.push(end - begin, span.source.clone());
                copied = end;
            }
            at += span.chars;
        }
        slice.push(range.end.saturating_sub(copied), Source::Typed);
        slice
    }

    /// Replaces the origin of a range of characters by another one.
    pub(crate) fn splice(&mut self, range: std::ops::Range<usize>, other: &Self) {
        let mut spliced = self.slice(0..range.start);
        spliced.extend(other);
        let rest = range.end..self.chars().max(range.end);
        spliced.extend(&self.slice(rest));
        *self = spliced;
    }

    /// The number of characters written by models.
    pub fn of_models(&self) -> usize {
        let spans = self.0.iter();
        let drafted = spans.filter(|span| matches!(span.source, Source::Model { .. }));
        drafted.map(|span| span.chars).sum()
    }

    /// Appends characters from one source.
    pub fn push(&mut self, chars: usize, source: Source) {
        match self.0.last_mut() {
            _ if chars == 0 => {}
            Some(last) if last.source == source => last.chars += chars,
            _ => self.0.push(Span { chars, source }),
        }
    }

    /// Appends another origin.
    pub fn extend(&mut self, other: &Self) {
        for span in &other.0 {
            self.push(span.chars, span.source.clone());
        }
    }
}

/// The sender of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// The person.
    #[default]
    Person,
    /// The program, which sends drafts of a model unchanged in mode `auto`.
    Auto {
        /// The id of the draft.
        draft: i64,
        /// The model's name in the configuration.
        model: String,
    },
    /// A rule, by name.
    Rule(String),
    /// A script, through the control socket.
    Script,
}

impl Sender {
    /// Whether the person sent it.
    pub(crate) fn is_person(&self) -> bool {
        *self == Self::Person
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_one_source_is_one_span() {
        let mut origin = Origin::of("grün", Source::Typed);
        origin.push(2, Source::Typed);
        origin.push(0, Source::Pasted);
        origin.push(3, Source::Pasted);
        let other = origin.clone();
        origin.extend(&other);
        let spans = origin.spans().iter();
        let chars: Vec<usize> = spans.map(|span| span.chars).collect();
        assert_eq!(chars, [6, 3, 6, 3]);
    }
}
