//! Choosing one of a few values by typing the beginning of its name.

use super::json::JsonValue;

/// A choice among the options of a schema, which are passed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FixedChoice {
    picked: Option<usize>,
    /// What was typed of the option's name.
    typed: String,
}

impl FixedChoice {
    pub(super) fn new(picked: Option<usize>) -> Self {
        Self::named(picked, String::new())
    }

    /// A choice in the middle of typing a name.
    pub(super) fn named(picked: Option<usize>, typed: String) -> Self {
        Self { picked, typed }
    }

    pub(super) fn picked(&self) -> Option<usize> {
        self.picked
    }

    pub(super) fn typed(&self) -> &str {
        &self.typed
    }

    /// Types a character; returns whether an option matches. If none does, the name starts anew with
    /// this character, so that `t` after `f` means true.
    pub(super) fn type_char(&mut self, c: char, options: &[JsonValue]) -> bool {
        let mut longer = self.typed.clone();
        longer.push(c);
        for typed in [longer, c.to_string()] {
            if let Some(first) = matching(options, &typed).first() {
                self.picked = Some(*first);
                self.typed = typed;
                return true;
            }
        }
        false
    }

    /// Deletes the last character typed, and with the first one the choice.
    pub(super) fn erase(&mut self, options: &[JsonValue]) {
        self.typed.pop();
        self.picked = if self.typed.is_empty() {
            None
        } else {
            matching(options, &self.typed).first().copied()
        };
    }

    /// Moves to the next or the previous option that matches what was typed.
    pub(super) fn step(&mut self, forward: bool, options: &[JsonValue]) {
        let mut among = matching(options, &self.typed);
        if among.len() < 2 {
            self.typed.clear();
            among = (0..options.len()).collect();
        }
        if among.is_empty() {
            return;
        }
        let count = among.len();
        let at = among.iter().position(|one| Some(*one) == self.picked);
        let to = match (at, forward) {
            (Some(at), true) => (at + 1) % count,
            (Some(at), false) => (at + count - 1) % count,
            (None, true) => 0,
            (None, false) => count - 1,
        };
        self.picked = Some(among[to]);
    }

    /// The options that match what was typed.
    pub(super) fn matching(&self, options: &[JsonValue]) -> Vec<usize> {
        matching(options, &self.typed)
    }

    /// Forgets what was typed, because the focus moves away.
    pub(super) fn leave(&mut self) {
        self.typed.clear();
    }
}

/// Whether the options are words, which need no quotes to be told apart.
pub(super) fn are_words(options: &[JsonValue]) -> bool {
    let mut options = options.iter();
    options.all(|one| matches!(one, JsonValue::Text(_) | JsonValue::Null))
}

/// The label of an option; `are_words` is that of all options.
pub(super) fn label(option: &JsonValue, are_words: bool) -> String {
    match option {
        // Quotes only where they make a difference.
        JsonValue::Text(text) if are_words && !matches!(text.as_str(), "" | "null") => {
            text.to_owned()
        }
        other => other.to_string(),
    }
}

/// The options that begin with `typed`; or else those that contain it.
fn matching(options: &[JsonValue], typed: &str) -> Vec<usize> {
    let typed = typed.to_lowercase();
    let are_words = are_words(options);
    let all = |matches: fn(&str, &str) -> bool| -> Vec<usize> {
        (0..options.len())
            .filter(|at| {
                let label = label(&options[*at], are_words).to_lowercase();
                matches(&label, &typed) || matches(label.trim_start_matches('"'), &typed)
            })
            .collect()
    };
    let begin = all(|label, typed| label.starts_with(typed));
    if begin.is_empty() {
        all(|label, typed| label.contains(typed))
    } else {
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(all: &[&str]) -> Vec<JsonValue> {
        all.iter()
            .map(|text| JsonValue::Text((*text).into()))
            .collect()
    }

    #[test]
    fn typing_finds_and_starts_anew() {
        let options = options(&["read-only", "read-write", "danger"]);
        let mut choice = FixedChoice::default();
        let picked = |choice: &FixedChoice| choice.picked();
        for (c, expected) in [
            ('r', 0),
            ('e', 0),
            ('a', 0),
            ('d', 0),
            ('-', 0),
            ('w', 1),
            ('D', 2),
        ] {
            assert!(choice.type_char(c, &options));
            assert_eq!(picked(&choice), Some(expected), "{c}");
        }
        assert!(!choice.type_char('z', &options));
        choice.erase(&options);
        assert_eq!(picked(&choice), None);
        assert!(choice.type_char('o', &options), "inside of a name");
        assert_eq!(picked(&choice), Some(0));
    }

    #[test]
    fn steps_stay_among_what_was_typed() {
        let options = options(&["aa", "b", "ab"]);
        let mut choice = FixedChoice::default();
        choice.step(false, &options);
        assert_eq!(choice.picked(), Some(2));
        choice.type_char('a', &options);
        assert_eq!(choice.picked(), Some(0));
        choice.step(true, &options);
        assert_eq!(choice.picked(), Some(2));
        choice.leave();
        choice.step(true, &options);
        choice.step(true, &options);
        assert_eq!(choice.picked(), Some(1));
    }

    #[test]
    fn names_tell_options_apart() {
        let mixed = [
            JsonValue::Text("1".into()),
            JsonValue::Number("1".into()),
            JsonValue::Null,
        ];
        let labels: Vec<String> = mixed
            .iter()
            .map(|one| label(one, are_words(&mixed)))
            .collect();
        assert_eq!(labels, ["\"1\"", "1", "null"]);
        let mut choice = FixedChoice::default();
        assert!(choice.type_char('1', &mixed));
        assert_eq!(choice.picked(), Some(0));
    }
}
