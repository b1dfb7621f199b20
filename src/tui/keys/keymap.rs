//! Which keys are bound to which [`Action`]: the defaults, overridden by the `[keys]` table of the
//! config file.

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use crate::suggestion::suggest;
use crate::tui::keys::action::Action;
use crate::tui::keys::chord::{KeyChord, KeyChordError};

/// The value of one `[keys]` entry: a key, a list of keys, or an empty list to unbind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key such as \"Ctrl+G\", or a list of keys")
            }

            fn visit_str<E>(self, key: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![key.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut keys: A) -> Result<OneOrMany, A::Error> {
                let mut all = Vec::new();
                while let Some(key) = keys.next_element()? {
                    all.push(key);
                }
                Ok(OneOrMany(all))
            }
        }
        deserializer.deserialize_any(Keys)
    }
}

/// What is wrong with a `[keys]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// No action has this name.
    #[error("there is no action `{name}`{}", did_you_mean(*suggestion))]
    UnknownAction {
        /// The name in the config.
        name: String,
        /// The action it was probably meant to be.
        suggestion: Option<Action>,
    },
    /// The text is no key that can be bound.
    #[error("{error}")]
    Chord {
        /// The action it should be bound to.
        action: Action,
        /// Why it cannot.
        error: KeyChordError,
    },
    /// A key is bound to two actions.
    #[error("`{chord}` is bound to both `{first}` and `{second}`; give one of them another key")]
    Clash {
        /// The key.
        chord: KeyChord,
        /// The action whose binding came first.
        first: Action,
        /// The other action: the one the config names, if only one is.
        second: Action,
    },
    /// An action that must stay reachable has no key.
    #[error("`{0}` needs at least one key")]
    Unbound(Action),
}

fn did_you_mean(suggestion: Option<Action>) -> String {
    suggestion.map_or_else(String::new, |action| format!("; did you mean `{action}`?"))
}

impl KeymapError {
    /// The name in the `[keys]` table that the error is about.
    pub fn key(&self) -> &str {
        match self {
            Self::UnknownAction { name, .. } => name,
            Self::Chord { action, .. } | Self::Unbound(action) => action.name(),
            Self::Clash { second, .. } => second.name(),
        }
    }
}

/// The keys of every action. No key belongs to two actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of [`Action::ALL`].
    bindings: Vec<(Action, Vec<KeyChord>)>,
}

impl Default for Keymap {
    fn default() -> Self {
        // The defaults are constants, and a test proves that they are valid and do not clash.
        let bindings = Action::ALL.iter().map(|&action| {
            let keys = action.default_keys().iter();
            (action, keys.filter_map(|key| key.parse().ok()).collect())
        });
        Self {
            bindings: bindings.collect(),
        }
    }
}

impl Keymap {
    /// The defaults, where every entry of `config` (action name to keys) replaces those of its
    /// action.
    ///
    /// # Errors
    /// An unknown action, a key that cannot be bound, a key bound twice, or no key left for
    /// [`Action::Submit`] or [`Action::Quit`].
    pub fn from_config(config: &BTreeMap<String, OneOrMany>) -> Result<Self, KeymapError> {
        let mut keymap = Self::default();
        for (name, keys) in config {
            let action = Action::from_name(name).ok_or_else(|| KeymapError::UnknownAction {
                name: name.clone(),
                suggestion: suggest(name, Action::ALL.iter().map(|action| action.name()))
                    .and_then(Action::from_name),
            })?;
            let mut chords = Vec::new();
            for key in &keys.0 {
                let chord = key
                    .parse()
                    .map_err(|error| KeymapError::Chord { action, error })?;
                if !chords.contains(&chord) {
                    chords.push(chord);
                }
            }
            if chords.is_empty() && action.is_essential() {
                return Err(KeymapError::Unbound(action));
            }
            for (bound, keys) in &mut keymap.bindings {
                if *bound == action {
                    keys.clone_from(&chords);
                }
            }
        }
        keymap.check_clashes(config)?;
        Ok(keymap)
    }

    fn check_clashes(&self, config: &BTreeMap<String, OneOrMany>) -> Result<(), KeymapError> {
        let mut seen: Vec<(KeyChord, Action)> = Vec::new();
        for (action, chords) in &self.bindings {
            for &chord in chords {
                if let Some(&(_, other)) = seen.iter().find(|(known, _)| *known == chord) {
                    // Point at the entry that the person wrote.
                    let written = config.contains_key(action.name());
                    let (first, second) = if written {
                        (other, *action)
                    } else {
                        (*action, other)
                    };
                    return Err(KeymapError::Clash {
                        chord,
                        first,
                        second,
                    });
                }
                seen.push((chord, *action));
            }
        }
        Ok(())
    }

    /// The action that a key is bound to. Caps Lock is ignored unless the letter with Shift is bound
    /// itself, and so are modifiers that most terminals do not report.
    pub fn action(&self, event: &KeyEvent) -> Option<Action> {
        let chord = KeyChord::from_event(event)?;
        self.lookup(chord)
            .or_else(|| chord.without_caps().and_then(|chord| self.lookup(chord)))
            .or_else(|| chord.unmodified().and_then(|chord| self.lookup(chord)))
    }

    fn lookup(&self, chord: KeyChord) -> Option<Action> {
        self.bindings()
            .find(|(_, chords)| chords.contains(&chord))
            .map(|(action, _)| action)
    }

    /// The key to show in a hint for `action`: the first one bound to it.
    pub fn chord(&self, action: Action) -> Option<&KeyChord> {
        self.bindings()
            .find(|(bound, _)| *bound == action)
            .and_then(|(_, chords)| chords.first())
    }

    /// All actions with their keys (none if unbound), in the order in which help lists them.
    pub fn bindings(&self) -> impl Iterator<Item = (Action, &[KeyChord])> {
        self.bindings
            .iter()
            .map(|(action, chords)| (*action, chords.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    /// Action names with their keys.
    type Entries<'a> = &'a [(&'a str, &'a [&'a str])];

    fn keymap(entries: Entries<'_>) -> Result<Keymap, KeymapError> {
        let config = entries.iter().map(|(name, keys)| {
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            ((*name).to_owned(), OneOrMany(keys))
        });
        Keymap::from_config(&config.collect())
    }

    fn press(keymap: &Keymap, code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
        keymap.action(&KeyEvent::new(code, modifiers))
    }

    #[test]
    fn defaults_are_all_bound_without_a_clash() {
        let keymap = keymap(&[]).expect("no clash");
        for (action, chords) in keymap.bindings() {
            let shown: Vec<String> = chords.iter().map(ToString::to_string).collect();
            assert_eq!(shown, action.default_keys(), "{action}");
        }
        assert_eq!(keymap, Keymap::default());
    }

    #[test]
    fn a_binding_replaces_the_defaults_of_its_action() {
        let keymap = keymap(&[("newline", &["Alt+Shift+N"]), ("options", &[])]).expect("valid");
        let key = |c| press(&keymap, KeyCode::Char(c), KeyModifiers::ALT);
        assert_eq!(key('N'), Some(Action::Newline));
        assert_eq!(key('n'), Some(Action::NextWaiting));
        assert_eq!(key('z'), None);
        let enter = press(&keymap, KeyCode::Enter, KeyModifiers::ALT);
        assert_eq!(enter, None);
        assert_eq!(keymap.chord(Action::Options), None);
    }

    #[test]
    fn caps_lock_does_not_change_what_a_chord_means() {
        let action = press(
            &Keymap::default(),
            KeyCode::Char('N'),
            KeyModifiers::ALT | KeyModifiers::SHIFT,
        );
        assert_eq!(action, Some(Action::NextWaiting));
    }

    #[test]
    fn what_most_terminals_cannot_tell_is_what_they_tell() {
        let plain = keymap(&[("newline", &["Alt+Enter"])]).expect("valid");
        let press = |keymap: &Keymap, code, modifiers| press(keymap, code, modifiers);
        for modifiers in [KeyModifiers::SHIFT, KeyModifiers::CONTROL] {
            let action = press(&plain, KeyCode::Enter, modifiers);
            assert_eq!(action, Some(Action::Submit));
            let action = press(&plain, KeyCode::Esc, modifiers);
            assert_eq!(action, Some(Action::Cancel));
        }
        let action = press(&Keymap::default(), KeyCode::Enter, KeyModifiers::SHIFT);
        assert_eq!(action, Some(Action::Newline));
        assert_eq!(
            press(&plain, KeyCode::Enter, KeyModifiers::ALT),
            Some(Action::Newline)
        );
        assert_eq!(press(&plain, KeyCode::Tab, KeyModifiers::ALT), None);
    }

    #[test]
    fn plain_typing_is_never_an_action() {
        let keymap = Keymap::default();
        for c in (' '..='~').chain(['é', '日']) {
            for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
                assert_eq!(press(&keymap, KeyCode::Char(c), modifiers), None, "{c}");
            }
        }
    }

    #[test]
    fn an_error_names_what_to_change() {
        let cases: &[(Entries<'_>, &str, &str)] = &[
            (
                &[("fold", &["Alt+Q", "Ctrl+Q"])],
                "fold",
                "`Ctrl+Q` is bound to both `quit` and `fold`",
            ),
            (
                &[("quit", &["Ctrl+o"])],
                "quit",
                "`Ctrl+O` is bound to both `fold` and `quit`",
            ),
            (&[("submit", &[])], "submit", "needs at least one key"),
            (&[("redo", &["x"])], "redo", "types a character"),
            (&[("sumbit", &["F9"])], "sumbit", "did you mean `submit`?"),
        ];
        for (entries, key, message) in cases {
            let error = keymap(entries).expect_err(message);
            assert_eq!(error.key(), *key);
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
