//! Where the words of a reply come from.

use serde::{Deserialize, Serialize};

/// Who or what some words come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The person's keys, or their editor.
    Typed,
    /// The clipboard.
    Pasted,
    /// A snippet of the configuration, by name.
    Snippet(String),
    /// An earlier reply.
    Recalled,
    /// A text that the program makes: a skeleton, a template.
    Template,
    /// A draft of a model.
    Model {
        /// The draft.
        draft: i64,
        /// The model's name in the configuration.
        model: String,
    },
    /// A rule of the configuration, by name.
    Rule(String),
    /// A script that spoke through the control socket.
    Script,
}

/// Some words in a row from one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// How many characters.
    pub chars: usize,
    /// Where they come from.
    pub source: Source,
}

/// Where each character of a text comes from, in order. Where it says nothing, nobody has kept track.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(Vec<Span>);

impl Origin {
    /// That of a text that comes from one source.
    pub fn of(text: &str, source: Source) -> Self {
        let mut origin = Self::default();
        origin.push(text.chars().count(), source);
        origin
    }

    /// The spans, each with characters in it and another source than the one before.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many characters it tells of.
    pub fn chars(&self) -> usize {
        self.0.iter().map(|span| span.chars).sum()
    }

    /// That of some of the characters. Those of which nothing is known were typed.
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

    /// Puts that of other characters in the place of some.
    pub(crate) fn splice(&mut self, range: std::ops::Range<usize>, other: &Self) {
        let mut spliced = self.slice(0..range.start);
        spliced.extend(other);
        let rest = range.end..self.chars().max(range.end);
        spliced.extend(&self.slice(rest));
        *self = spliced;
    }

    /// How many of the characters a model has written.
    pub fn of_models(&self) -> usize {
        let spans = self.0.iter();
        let drafted = spans.filter(|span| matches!(span.source, Source::Model { .. }));
        drafted.map(|span| span.chars).sum()
    }

    /// Adds characters at the end.
    pub fn push(&mut self, chars: usize, source: Source) {
        match self.0.last_mut() {
            _ if chars == 0 => {}
            Some(last) if last.source == source => last.chars += chars,
            _ => self.0.push(Span { chars, source }),
        }
    }

    /// Adds what another text is made of.
    pub fn extend(&mut self, other: &Self) {
        for span in &other.0 {
            self.push(span.chars, span.source.clone());
        }
    }
}

/// Who had a reply sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sender {
    /// The person, with a key.
    #[default]
    Person,
    /// The program, as a model drafted it, because the conversation is on its own.
    Auto {
        /// The draft.
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
