//! The colour behind the text, which terminals tell when asked (OSC 11).
//!
//! The answer comes among the keys, soon, late or never, and is read as keys: `Alt+]` and what
//! follows. So it is taken out of what was typed, and what only looks like its beginning
//! is typed after all.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyModifiers};
use ratatui::style::Color;

/// Asks for the colour.
pub const QUESTION: &str = "\x1b]11;?\x1b\\";

/// What every answer begins with, after its escape.
const BEGINNING: &str = "]11;";

/// How long the next key of what may be the answer may take.
const GAP: Duration = Duration::from_millis(50);
/// The same once it is certain that it is the answer.
const LONG_GAP: Duration = Duration::from_secs(1);
/// How long after the question an escape key may be what is left of a sequence that came in two
/// parts.
const ESCAPES_WITHIN: Duration = Duration::from_secs(2);

/// Waits for the answer to a question.
#[derive(Debug)]
pub struct Background {
    /// When it was asked; `None` if nothing is expected.
    asked: Option<Instant>,
    /// What may be the beginning of the answer.
    held: Vec<Event>,
    held_until: Option<Instant>,
}

/// What keys are.
#[derive(Debug, PartialEq)]
enum Found {
    /// Not the answer.
    Nothing,
    /// What there is of the answer so far; whether it is certainly that.
    Part(bool),
    /// This many are an answer, with a colour if that is understood.
    Answer(usize, Option<Color>),
}

impl Background {
    /// Expects nothing.
    pub fn unasked() -> Self {
        Self {
            asked: None,
            held: Vec::new(),
            held_until: None,
        }
    }

    /// The question was asked just now.
    pub fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Takes the answer out of what came from the terminal; returns what was typed, and the colour
    /// if all of the answer is there.
    pub fn filter(&mut self, events: Vec<Event>, now: Instant) -> (Vec<Event>, Option<Color>) {
        let Some(asked) = self.asked else {
            return (events, None);
        };
        let escapes = now.duration_since(asked) < ESCAPES_WITHIN;
        let mut all = std::mem::take(&mut self.held);
        // The window may change at any time, and that is not typed before or after anything.
        let is_of_window = |event: &Event| {
            matches!(
                event,
                Event::Resize(..) | Event::FocusGained | Event::FocusLost
            )
        };
        let (mut typed, keys): (Vec<_>, Vec<_>) = events.into_iter().partition(is_of_window);
        all.extend(keys);
        let mut colour = None;
        self.held_until = None;
        let mut at = 0;
        while at < all.len() {
            match find(&all[at..], escapes) {
                Found::Nothing => {
                    typed.push(all[at].clone());
                    at += 1;
                }
                Found::Part(is_certain) => {
                    self.held = all.split_off(at);
                    self.held_until = Some(now + if is_certain { LONG_GAP } else { GAP });
                }
                Found::Answer(length, found) => {
                    self.asked = None;
                    colour = found;
                    typed.extend_from_slice(&all[at + length..]);
                    break;
                }
            }
        }
        (typed, colour)
    }

    /// When to stop waiting for the rest of what is held.
    pub fn gives_up(&self) -> Option<Instant> {
        self.held_until
    }

    /// Stops waiting, if it is time to; returns what was typed after all.
    pub fn give_up(&mut self, now: Instant) -> Vec<Event> {
        if self.held_until.take_if(|until| *until <= now).is_none() {
            return Vec::new();
        }
        let held = std::mem::take(&mut self.held);
        match find(&held, true) {
            // Half of an answer is not for the person either.
            Found::Part(true) => Vec::new(),
            _ => held,
        }
    }
}

/// What there is at the beginning of the keys.
fn find(keys: &[Event], escapes: bool) -> Found {
    let mut text = String::new();
    // Bytes of the text after each key.
    let mut ends = Vec::new();
    for key in keys {
        match sent(key) {
            Some(sent) => text.push_str(&sent),
            None => break,
        }
        ends.push(text.len());
        if text.ends_with(['\x07', '\\']) {
            break;
        }
    }
    let is_all = ends.len() == keys.len();
    let Some(rest) = text.strip_prefix('\x1b') else {
        return Found::Nothing;
    };
    if rest.is_empty() && !escapes {
        return Found::Nothing;
    }
    let Some(value) = rest.strip_prefix(BEGINNING) else {
        return match is_all && BEGINNING.starts_with(rest) {
            true => Found::Part(false),
            false => Found::Nothing,
        };
    };
    let end = value.strip_suffix('\x07');
    match end.or_else(|| value.strip_suffix("\x1b\\")) {
        Some(value) => Found::Answer(ends.len(), colour(value)),
        None if is_all => Found::Part(true),
        // Something came between.
        None => Found::Answer(ends.len(), None),
    }
}

/// What the terminal has sent for a key, of those that an answer is made of.
fn sent(event: &Event) -> Option<String> {
    let key = event.as_key_press_event()?;
    let KeyCode::Char(c) = key.code else {
        return (key.code == KeyCode::Esc).then(|| "\x1b".into());
    };
    match key.modifiers - KeyModifiers::SHIFT {
        KeyModifiers::NONE => Some(c.into()),
        KeyModifiers::ALT => Some(format!("\x1b{c}")),
        KeyModifiers::CONTROL if c == 'g' => Some("\x07".into()),
        _ => None,
    }
}

/// The colour in `rgb:RRRR/GGGG/BBBB` and what is like it.
fn colour(value: &str) -> Option<Color> {
    let parts = value
        .strip_prefix("rgb:")
        .or_else(|| value.strip_prefix("rgba:"))?;
    let mut parts = parts.split('/').map(|part| {
        let most = match part.len() {
            length @ 1..=4 => (1_u32 << (4 * length)) - 1,
            _ => return None,
        };
        let part = u32::from_str_radix(part, 16).ok()?;
        u8::try_from(part * 255 / most).ok()
    });
    let mut next = || parts.next().flatten();
    Some(Color::Rgb(next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyEvent;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn key(c: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(c), modifiers))
    }

    /// Keys as they are read from what a terminal sends.
    fn keys(text: &str) -> Vec<Event> {
        let mut keys = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            keys.push(match c {
                '\x1b' => match rest.next() {
                    Some(c) => key(c, KeyModifiers::ALT),
                    None => Event::Key(KeyCode::Esc.into()),
                },
                '\x07' => key('g', KeyModifiers::CONTROL),
                c if c.is_uppercase() => key(c, KeyModifiers::SHIFT),
                c => key(c, KeyModifiers::NONE),
            });
        }
        keys
    }

    /// What is typed and found of what comes in these parts, one soon after the other.
    fn taken(parts: &[&str]) -> (Vec<Event>, Option<Color>) {
        let now = Instant::now();
        let mut background = Background::unasked();
        background.ask(now);
        let (mut typed, mut colour) = (Vec::new(), None);
        for part in parts {
            let (more, found) = background.filter(keys(part), now);
            typed.extend(more);
            colour = colour.or(found);
        }
        typed.extend(background.give_up(now + LONG_GAP));
        assert_eq!(background.gives_up(), None);
        (typed, colour)
    }

    const WHITE: Option<Color> = Some(Color::Rgb(255, 255, 255));

    #[test]
    fn the_answer_is_taken_out_of_what_is_typed() {
        for (parts, typed, colour) in [
            (&["\x1b]11;rgb:ffff/ffff/ffff\x1b\\"][..], "", WHITE),
            (&["\x1b]11;rgb:FFFF/FFFF/FFFF\x07"], "", WHITE),
            (
                &["\x1b]11;rgb:00/80/ff\x07"],
                "",
                Some(Color::Rgb(0, 128, 255)),
            ),
            (&["\x1b]11;rgba:f/f/f/f\x07"], "", WHITE),
            (
                &["Hi\x1b]11;rgb:ffff/ffff/ffff\x1b\\ there"],
                "Hi there",
                WHITE,
            ),
            (
                &["a", "\x1b]1", "1;rgb:ffff/f", "fff/ffff\x1b", "\\b"],
                "ab",
                WHITE,
            ),
            (&["\x1b", "]11;rgb:ffff/ffff/ffff\x1b\\"], "", WHITE),
            // Half of it, and what is no colour.
            (&["a\x1b]11;rgb:ff"], "a", None),
            (&["\x1b]11;pink\x07b"], "b", None),
        ] {
            let (found, ground) = taken(parts);
            assert_eq!(found, keys(typed), "{parts:?}");
            assert_eq!(ground, colour, "{parts:?}");
        }
    }

    #[test]
    fn every_cut_of_the_answer_is_mended() {
        let answer = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\";
        for cut in 1..answer.len() {
            let (first, second) = answer.split_at(cut);
            assert_eq!(taken(&[first, second]), (Vec::new(), WHITE), "{cut}");
        }
    }

    #[test]
    fn keys_are_typed_all_the_same() {
        for typed in ["\x1b", "\x1b]", "\x1b]1", "\x1b]x", "]11;rgb:", "\x1bx\x07"] {
            assert_eq!(taken(&[typed]), (keys(typed), None), "{typed:?}");
            let alone: Vec<_> = typed.split_inclusive(|_| true).collect();
            if !typed.starts_with('\x1b') {
                assert_eq!(taken(&alone), (keys(typed), None), "{typed:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_key_is_lost_or_out_of_order(parts in vec((part(), any::<bool>()), 0..12)) {
            let now = Instant::now();
            let mut background = Background::unasked();
            background.ask(now);
            let (mut all, mut typed) = (Vec::new(), Vec::new());
            for (part, is_slow) in &parts {
                all.extend(keys(part));
                typed.extend(background.filter(keys(part), now).0);
                if *is_slow {
                    typed.extend(background.give_up(now + LONG_GAP));
                }
            }
            typed.extend(background.give_up(now + LONG_GAP));
            let sent: String = all.iter().filter_map(sent).collect();
            prop_assume!(!sent.contains("\x1b]11;"));
            prop_assert_eq!(typed, all);
        }
    }

    /// What looks a little like an answer.
    fn part() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "\x1b", "\x1b]", "]", "1", "11", ";", "rgb:", "ff/", "\x07", "\\", "a",
        ]);
        vec(token, 0..6).prop_map(|tokens| tokens.concat())
    }

    #[test]
    fn only_what_was_asked_is_answered_and_once() {
        let now = Instant::now();
        let answer = keys("\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
        let mut background = Background::unasked();
        assert_eq!(
            background.filter(answer.clone(), now),
            (answer.clone(), None)
        );
        background.ask(now);
        assert_eq!(background.filter(answer.clone(), now), (Vec::new(), WHITE));
        assert_eq!(background.filter(answer.clone(), now), (answer, None));
    }

    #[test]
    fn the_escape_key_waits_for_nobody_later() {
        let now = Instant::now();
        let mut background = Background::unasked();
        background.ask(now);
        let escape = keys("\x1b");
        let (typed, _) = background.filter(escape.clone(), now + ESCAPES_WITHIN);
        assert_eq!(typed, escape);
    }
}
