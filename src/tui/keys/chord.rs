//! One key press with its modifiers, spelled and compared the same way everywhere.
//!
//! A terminal without the kitty protocol cannot tell some keys apart. A [`KeyChord`] is therefore
//! normalised to what such a terminal can report, and chords that it never reports, or that would
//! take a typing key away, cannot be made. What is reported is measured on crossterm 0.29.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key with its modifiers, such as `Ctrl+Alt+X`, `Shift+Tab` or `F1`.
///
/// Parsing ignores the case of names and letters; `Shift` makes the difference between `Alt+X`
/// and `Alt+Shift+X`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyChord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Why some text is no key chord.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyChordError {
    /// The text names no key.
    #[error(
        "`{0}` is not a key; write one like \"Ctrl+X\", \"Alt+Enter\", \"Shift+Tab\", \"PageUp\" or \"F5\""
    )]
    Unknown(String),
    /// The key types a character, and typing always types.
    #[error("`{0}` types a character and cannot be bound; add Ctrl or Alt")]
    Types(String),
    /// The terminal sends the same bytes for another key.
    #[error("`{chord}` cannot be bound: terminals send the same for {same_as}")]
    SameAs {
        /// The refused chord.
        chord: String,
        /// The key it cannot be told apart from.
        same_as: &'static str,
    },
    /// Terminals do not report this combination.
    #[error("`{0}` cannot be bound: most terminals do not report it")]
    NotReported(String),
}

/// Named keys as they are shown, with the other spellings accepted (lower case).
const NAMED: &[(KeyCode, &str, &[&str])] = &[
    (KeyCode::Enter, "Enter", &["return"]),
    (KeyCode::Esc, "Esc", &["escape"]),
    (KeyCode::Tab, "Tab", &[]),
    (KeyCode::Char(' '), "Space", &[]),
    (KeyCode::Backspace, "Backspace", &[]),
    (KeyCode::Delete, "Delete", &["del"]),
    (KeyCode::Insert, "Insert", &["ins"]),
    (KeyCode::Up, "Up", &[]),
    (KeyCode::Down, "Down", &[]),
    (KeyCode::Left, "Left", &[]),
    (KeyCode::Right, "Right", &[]),
    (KeyCode::Home, "Home", &[]),
    (KeyCode::End, "End", &[]),
    (KeyCode::PageUp, "PageUp", &["pgup"]),
    (KeyCode::PageDown, "PageDown", &["pgdn", "pgdown"]),
];

const MODIFIERS: KeyModifiers = KeyModifiers::CONTROL
    .union(KeyModifiers::ALT)
    .union(KeyModifiers::SHIFT);

impl KeyChord {
    /// The chord a terminal event stands for; `None` for a key release and for keys with
    /// modifiers that cannot be bound (Super, Hyper, Meta).
    pub fn from_event(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release || !MODIFIERS.contains(event.modifiers) {
            return None;
        }
        Some(Self::normalised(event.code, event.modifiers))
    }

    /// Whether the key, were it not bound, would type a character.
    pub fn types(&self) -> bool {
        matches!(self.code, KeyCode::Char(_))
            && !self
                .modifiers
                .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
    }

    /// The same letter without Shift, if this is a letter with Shift: what Caps Lock may hide.
    pub(crate) fn without_caps(self) -> Option<Self> {
        let shifted_letter =
            matches!(self.code, KeyCode::Char(_)) && self.modifiers.contains(KeyModifiers::SHIFT);
        shifted_letter.then(|| Self {
            modifiers: self.modifiers.difference(KeyModifiers::SHIFT),
            ..self
        })
    }

    /// The same key without modifiers, if most terminals report that instead.
    pub(crate) fn unmodified(self) -> Option<Self> {
        let is_reported = match self.code {
            KeyCode::Enter | KeyCode::Esc => self.modifiers.contains(KeyModifiers::ALT),
            KeyCode::Tab => self.modifiers != KeyModifiers::CONTROL,
            _ => true,
        };
        (!is_reported).then_some(Self {
            modifiers: KeyModifiers::NONE,
            ..self
        })
    }

    /// One form for the many ways in which terminals report the same key press.
    fn normalised(code: KeyCode, mut modifiers: KeyModifiers) -> Self {
        let code = match code {
            KeyCode::BackTab => {
                modifiers |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            KeyCode::Char(c) => {
                // A letter carries Shift in the modifiers, anything else in the character itself.
                if c.is_uppercase() {
                    modifiers |= KeyModifiers::SHIFT;
                } else if !c.is_alphabetic() {
                    modifiers.remove(KeyModifiers::SHIFT);
                }
                if modifiers.contains(KeyModifiers::CONTROL) {
                    modifiers.remove(KeyModifiers::SHIFT);
                    KeyCode::Char(control_character(lower(c)))
                } else {
                    KeyCode::Char(lower(c))
                }
            }
            other => other,
        };
        Self { code, modifiers }
    }

    /// Refuses chords that cannot work. `text` is the chord as the person spelled it.
    fn check(self, text: &str, shift_written: bool) -> Result<Self, KeyChordError> {
        let same_as = |same_as| {
            Err(KeyChordError::SameAs {
                chord: text.to_owned(),
                same_as,
            })
        };
        let not_reported = || Err(KeyChordError::NotReported(text.to_owned()));
        if self.types() {
            return Err(KeyChordError::Types(text.to_owned()));
        }
        let control = self.modifiers.contains(KeyModifiers::CONTROL);
        let alt = self.modifiers.contains(KeyModifiers::ALT);
        match self.code {
            KeyCode::Char('h') if control => same_as("Backspace"),
            KeyCode::Char('i') if control => same_as("Tab"),
            KeyCode::Char('m') if control => same_as("Enter"),
            KeyCode::Char('[' | '3') if control => same_as("Esc"),
            KeyCode::Char('8' | '?') if control => same_as("Backspace"),
            KeyCode::Char(c) if control && shift_written && c.is_alphabetic() => {
                same_as("the key without Shift")
            }
            KeyCode::Char('a'..='z' | ' ' | '\\' | ']' | '^' | '_') if control => Ok(self),
            KeyCode::Char(_) if control => not_reported(),
            // ESC [ and ESC O begin the sequences of the cursor and function keys.
            KeyCode::Char('[') => not_reported(),
            KeyCode::Char('o') if self.modifiers.contains(KeyModifiers::SHIFT) => not_reported(),
            KeyCode::Esc if alt => same_as("Esc"),
            _ => Ok(self),
        }
    }
}

/// The lower-case form of `c`, or `c` itself where that is not one character.
fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => c,
    }
}

/// The character that stands for everything a terminal reports as the same `Ctrl` key: the
/// control bytes 0x00 and 0x1C to 0x1F arrive as Space and the digits 4 to 7.
fn control_character(c: char) -> char {
    match c {
        '@' | '2' => ' ',
        '4' => '\\',
        '5' => ']',
        '6' | '~' => '^',
        '7' | '/' => '_',
        other => other,
    }
}

impl FromStr for KeyChord {
    type Err = KeyChordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || KeyChordError::Unknown(text.to_owned());
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text.trim();
        // The key itself may be `+`, so only a `+` with something on both sides separates.
        while let Some((name, key)) = rest.split_once('+') {
            if name.is_empty() || key.is_empty() {
                break;
            }
            let modifier = match name.trim().to_ascii_lowercase().as_str() {
                "ctrl" | "control" => KeyModifiers::CONTROL,
                "alt" => KeyModifiers::ALT,
                "shift" => KeyModifiers::SHIFT,
                _ => return Err(unknown()),
            };
            if modifiers.contains(modifier) {
                return Err(unknown());
            }
            modifiers |= modifier;
            rest = key.trim_start();
        }
        let shift_written = modifiers.contains(KeyModifiers::SHIFT);
        let code = key_code(rest).ok_or_else(unknown)?;
        let is_letter = matches!(code, KeyCode::Char(c) if c.is_alphabetic());
        if matches!(code, KeyCode::Char(_)) && shift_written && !is_letter {
            // Which character Shift makes of it depends on the keyboard.
            return Err(KeyChordError::NotReported(text.to_owned()));
        }
        Self::normalised(code, modifiers).check(text, shift_written)
    }
}

/// The key called `name`, without modifiers. Letters come back in lower case.
fn key_code(name: &str) -> Option<KeyCode> {
    let mut characters = name.chars();
    if let (Some(c), None) = (characters.next(), characters.next()) {
        return (!c.is_control() && !c.is_whitespace()).then(|| KeyCode::Char(lower(c)));
    }
    let name = name.to_ascii_lowercase();
    if let Some(number) = name.strip_prefix('f') {
        let number = number.parse().ok().filter(|n| (1..=24).contains(n));
        return number.map(KeyCode::F);
    }
    NAMED
        .iter()
        .find(|(_, shown, others)| {
            shown.eq_ignore_ascii_case(&name) || others.contains(&name.as_str())
        })
        .map(|(code, ..)| *code)
}

impl fmt::Display for KeyChord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in [
            (KeyModifiers::CONTROL, "Ctrl+"),
            (KeyModifiers::ALT, "Alt+"),
            (KeyModifiers::SHIFT, "Shift+"),
        ] {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        if let Some((_, name, _)) = NAMED.iter().find(|(code, ..)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{}", c.to_uppercase()),
            KeyCode::F(number) => write!(f, "F{number}"),
            // No text gives another code; an event may, and is then only compared.
            other => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(text: &str) -> KeyChord {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn reported(code: KeyCode, modifiers: KeyModifiers) -> KeyChord {
        KeyChord::from_event(&KeyEvent::new(code, modifiers)).expect("a chord")
    }

    #[test]
    fn shows_one_spelling_for_every_way_to_write_a_key() {
        for (written, shown) in [
            ("ctrl+alt+x", "Ctrl+Alt+X"),
            ("Alt+Ctrl+X", "Ctrl+Alt+X"),
            ("shift+tab", "Shift+Tab"),
            ("f1", "F1"),
            ("pgup", "PageUp"),
            ("PAGEDOWN", "PageDown"),
            ("Return", "Enter"),
            ("escape", "Esc"),
            ("Ctrl+Space", "Ctrl+Space"),
            ("Ctrl+@", "Ctrl+Space"),
            ("Ctrl+/", "Ctrl+_"),
            ("Ctrl+7", "Ctrl+_"),
            ("Ctrl+\\", "Ctrl+\\"),
            ("Alt++", "Alt++"),
            ("Alt+Shift+N", "Alt+Shift+N"),
            ("Ctrl+J", "Ctrl+J"),
            ("Alt+é", "Alt+É"),
        ] {
            assert_eq!(chord(written).to_string(), shown, "{written}");
            assert_eq!(chord(shown), chord(written), "{shown} parses back");
        }
    }

    #[test]
    fn matches_what_legacy_terminals_report() {
        use KeyCode::{BackTab, Char, Tab};
        const NONE: KeyModifiers = KeyModifiers::NONE;
        const CTRL: KeyModifiers = KeyModifiers::CONTROL;
        const ALT: KeyModifiers = KeyModifiers::ALT;
        const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
        for (text, code, modifiers) in [
            ("Shift+Tab", BackTab, SHIFT),
            ("Shift+Tab", BackTab, NONE),
            ("Shift+Tab", Tab, SHIFT),
            ("Ctrl+_", Char('7'), CTRL),
            ("Ctrl+_", Char('_'), CTRL | SHIFT),
            ("Ctrl+\\", Char('4'), CTRL),
            ("Ctrl+Space", Char(' '), CTRL),
            ("Ctrl+J", Char('j'), CTRL),
            ("Ctrl+J", Char('J'), CTRL | SHIFT),
            ("Alt+N", Char('n'), ALT),
            ("Alt+Shift+N", Char('N'), ALT),
            ("Alt+Shift+N", Char('N'), ALT | SHIFT),
            ("Alt+?", Char('?'), ALT | SHIFT),
            ("Alt+Enter", KeyCode::Enter, ALT),
        ] {
            assert_eq!(reported(code, modifiers), chord(text), "{text}");
        }
    }

    #[test]
    fn refuses_keys_that_could_never_work_and_says_why() {
        for (text, why) in [
            ("a", "types a character"),
            ("Shift+A", "types a character"),
            ("Space", "types a character"),
            ("é", "types a character"),
            ("Ctrl+H", "same for Backspace"),
            ("Ctrl+I", "same for Tab"),
            ("ctrl+alt+m", "same for Enter"),
            ("Ctrl+[", "same for Esc"),
            ("Ctrl+Shift+X", "without Shift"),
            ("Ctrl+1", "do not report"),
            ("Alt+[", "do not report"),
            ("Alt+Shift+O", "do not report"),
            ("Hyper+X", "is not a key"),
            ("Ctrl+", "is not a key"),
            ("Ctrl+Ctrl+X", "is not a key"),
            ("", "is not a key"),
            ("F25", "is not a key"),
            ("Foo", "is not a key"),
        ] {
            let error = text.parse::<KeyChord>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn ignores_releases_and_foreign_modifiers() {
        let mut event = KeyEvent::new(KeyCode::Enter, KeyModifiers::SUPER);
        assert_eq!(KeyChord::from_event(&event), None);
        event.modifiers = KeyModifiers::NONE;
        event.kind = KeyEventKind::Release;
        assert_eq!(KeyChord::from_event(&event), None);
    }
}
