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
        self.copy(range, &mut slice);
        slice
    }

    /// Puts that of other characters in the place of some.
    pub fn splice(&mut self, range: std::ops::Range<usize>, other: &Self) {
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

    /// Follows a change of the text from `before` to `after`, what is new coming from `source`: all
    /// between what both begin and end with.
    pub fn follow(&mut self, before: &str, after: &str, source: &Source) {
        let same = before.chars().zip(after.chars());
        let head = same.take_while(|(old, new)| old == new).count();
        let (old, new) = (before.chars().count(), after.chars().count());
        let rest = old.min(new) - head;
        let same = before.chars().rev().zip(after.chars().rev());
        let tail = same.take(rest).take_while(|(old, new)| old == new).count();
        let mut followed = Self::default();
        self.copy(0..head, &mut followed);
        followed.push(new - head - tail, source.clone());
        self.copy(old - tail..old, &mut followed);
        *self = followed;
    }

    /// Copies what some characters come from; those of which nothing is known were typed.
    fn copy(&self, range: std::ops::Range<usize>, to: &mut Self) {
        let (mut at, mut copied) = (0, range.start);
        for span in &self.0 {
            let end = (at + span.chars).min(range.end);
            let begin = at.max(range.start);
            if begin < end {
                to.push(end - begin, span.source.clone());
                copied = end;
            }
            at += span.chars;
        }
        to.push(range.end.saturating_sub(copied), Source::Typed);
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
    pub fn is_person(&self) -> bool {
        *self == Self::Person
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Source {
        Source::Model {
            draft: 7,
            model: "m".into(),
        }
    }

    fn spans(origin: &Origin) -> Vec<(usize, Source)> {
        let spans = origin.spans().iter();
        spans
            .map(|span| (span.chars, span.source.clone()))
            .collect()
    }

    #[test]
    fn a_change_is_followed_where_it_was_made() {
        let mut origin = Origin::of("the grün cat", model());
        origin.follow("the grün cat", "the red cat", &Source::Typed);
        assert_eq!(
            spans(&origin),
            [(4, model()), (3, Source::Typed), (4, model())]
        );
        origin.follow("the red cat", "the red cats", &Source::Pasted);
        origin.follow("the red cats", "red cats", &Source::Typed);
        assert_eq!(
            spans(&origin),
            [(3, Source::Typed), (4, model()), (1, Source::Pasted)]
        );
        origin.follow("red cats", "", &Source::Typed);
        assert!(origin.is_empty());
    }

    #[test]
    fn a_repeated_letter_is_counted_once() {
        let mut origin = Origin::of("aa", model());
        origin.follow("aa", "aaa", &Source::Typed);
        assert_eq!(spans(&origin), [(2, model()), (1, Source::Typed)]);
        origin.follow("aaa", "a", &Source::Typed);
        assert_eq!(spans(&origin), [(1, model())]);
    }

    #[test]
    fn what_nobody_kept_track_of_was_typed() {
        let mut origin = Origin::default();
        origin.follow("abc", "abXc", &Source::Pasted);
        assert_eq!(
            spans(&origin),
            [(2, Source::Typed), (1, Source::Pasted), (1, Source::Typed)]
        );
    }
}
