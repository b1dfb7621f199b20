//! Parses what the terminal sends: keys in all encodings, pasted text, the mouse, and responses to
//! queries.
//!
//! crossterm's own parser does not know `CSI 27 ; … ~`, in which xterm encodes Shift+Enter. Its event types
//! are used here all the same.

use std::collections::VecDeque;
use std::time::Duration;

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use memchr::memmem::find;
use ratatui::style::Color;

mod background;

const ESC: u8 = 0x1b;
const PASTE: &[u8] = b"\x1b[200~";
const END_OF_PASTE: &[u8] = b"\x1b[201~";
/// Bytes after which a sequence is given up: no terminal sends one that long.
const MAX_SEQUENCE: usize = 4096;

/// How long to wait for more after `ESC`, which may be the escape key or the start of a sequence.
const ESC_TIMEOUT: Duration = Duration::from_millis(5);
/// The same after `ESC ]`, which may be Alt+] or the start of an OSC response: the key is rare enough to
/// wait for a response from far away.
const OSC_TIMEOUT: Duration = Duration::from_millis(50);
/// The same once it is certain to be a response.
const OSC_RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// One input from the terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A key, a paste, the mouse, or a change of focus.
    Event(Event),
    /// The response to `CSI ? u`: the terminal knows kitty's keyboard protocol.
    KittyKeyboard,
    /// The response to `CSI c`, the primary device attributes. Every terminal sends it, and it comes
    /// after the one about the keyboard.
    DeviceAttributes,
    /// The response to OSC 11: the background colour.
    Background(Color),
}

/// Parses bytes, in whatever pieces they arrive.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    /// Bytes of an incomplete paste that were searched for its end already.
    searched: usize,
    inputs: VecDeque<Input>,
}

/// What was parsed at the beginning of some bytes, with its length in bytes.
enum Sequence {
    Input(Input, usize),
    /// A sequence that has no meaning here.
    Ignored(usize),
    /// The beginning of a sequence; more bytes are needed.
    Incomplete,
}

impl Parser {
    /// Parses bytes that were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        while at < self.buffer.len() {
            let rest = &self.buffer[at..];
            let found = if rest.starts_with(PASTE) {
                self.paste(at)
            } else {
                parse(rest)
            };
            match found {
                Sequence::Input(input, length) => {
                    self.inputs.push_back(input);
                    at += length;
                }
                Sequence::Ignored(length) => at += length,
                Sequence::Incomplete => break,
            }
        }
        self.buffer.drain(..at);
    }

    /// The next complete input.
    pub fn take(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }

    /// How long after the last bytes to call [`Parser::time_out`], unless more arrive; `None` if no
    /// incomplete sequence is waiting.
    pub fn timeout(&self) -> Option<Duration> {
        match &self.buffer[..] {
            [ESC] | [ESC, ESC] => Some(ESC_TIMEOUT),
            bytes if background::is_response(bytes) => Some(OSC_RESPONSE_TIMEOUT),
            [ESC, b']', ..] => Some(OSC_TIMEOUT),
            _ => None,
        }
    }

    /// Ends waiting for more: what can be a key becomes one, and an incomplete response is dropped.
    pub fn time_out(&mut self) {
        while self.timeout().is_some() {
            let bytes = std::mem::take(&mut self.buffer);
            let length = match bytes[..] {
                _ if background::is_response(&bytes) => background::partial_length(&bytes),
                [ESC, b']', ..] => {
                    let key = key(KeyCode::Char(']'), KeyModifiers::ALT);
                    self.inputs.push_back(key);
                    2
                }
                _ => {
                    self.inputs.push_back(key(KeyCode::Esc, KeyModifiers::NONE));
                    1
                }
            };
            self.push(&bytes[length..]);
        }
    }

    /// Parses the paste that begins at byte `at` of the buffer.
    fn paste(&mut self, at: usize) -> Sequence {
        let rest = &self.buffer[at..];
        let from = self.searched.max(PASTE.len());
        let Some(end) = rest.get(from..).and_then(|rest| find(rest, END_OF_PASTE)) else {
            // A part of the end may have arrived. The caller removes what is before the paste.
            self.searched = rest.len().saturating_sub(END_OF_PASTE.len());
            return Sequence::Incomplete;
        };
        self.searched = 0;
        let end = from + end;
        let text = String::from_utf8_lossy(&rest[PASTE.len()..end]).into_owned();
        Sequence::Input(Input::Event(Event::Paste(text)), end + END_OF_PASTE.len())
    }
}

/// Parses the beginning of the bytes, of which there is at least one.
fn parse(bytes: &[u8]) -> Sequence {
    if bytes.starts_with(b"\x1b]")
        && let Some(found) = background::response(bytes)
    {
        return found;
    }
    match bytes {
        [ESC] | [ESC, ESC] => Sequence::Incomplete,
        [ESC, b'[', rest @ ..] => control_sequence(rest).after(2),
        [ESC, b'O', rest @ ..] => single_shift(rest).after(2),
        [ESC, rest @ ..] if rest.starts_with(PASTE) => plain_key(KeyCode::Esc, 1),
        // Some terminals encode Alt as an Esc before the sequence of the key.
        [ESC, ESC, b'[' | b'O', ..] => match parse(&bytes[1..]) {
            found @ Sequence::Input(Input::Event(Event::Key(_)), _) => found.with_alt().after(1),
            Sequence::Incomplete => Sequence::Incomplete,
            _ => plain_key(KeyCode::Esc, 1),
        },
        [ESC, ESC, ..] => plain_key(KeyCode::Esc, 1),
        [ESC, rest @ ..] => character(rest).with_alt().after(1),
        _ => character(bytes),
    }
}

impl Sequence {
    /// The same with a longer length.
    fn after(self, more: usize) -> Self {
        match self {
            Self::Input(input, length) => Self::Input(input, length + more),
            Self::Ignored(length) => Self::Ignored(length + more),
            Self::Incomplete => Self::Incomplete,
        }
    }

    fn with_alt(mut self) -> Self {
        if let Self::Input(Input::Event(Event::Key(key)), _) = &mut self {
            key.modifiers |= KeyModifiers::ALT;
        }
        self
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Event(Event::Key(KeyEvent::new(code, modifiers)))
}

fn plain_key(code: KeyCode, length: usize) -> Sequence {
    Sequence::Input(key(code, KeyModifiers::NONE), length)
}

/// Parses a character, or a key that is encoded as a control character.
fn character(bytes: &[u8]) -> Sequence {
    let Some(&first) = bytes.first() else {
        return Sequence::Incomplete;
    };
    let control = |c: u8| Sequence::Input(key(KeyCode::Char(c.into()), KeyModifiers::CONTROL), 1);
    match first {
        b'\r' => plain_key(KeyCode::Enter, 1),
        b'\t' => plain_key(KeyCode::Tab, 1),
        0x7f => plain_key(KeyCode::Backspace, 1),
        0 => control(b' '),
        ESC => Sequence::Ignored(1),
        1..=0x1a => control(first - 1 + b'a'),
        0x1c..=0x1f => control(first - 0x1c + b'4'),
        _ => {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 1,
            };
            let (whole, is_whole) = match bytes.get(..length) {
                Some(whole) => (whole, true),
                None => (bytes, false),
            };
            match std::str::from_utf8(whole) {
                Ok(text) => {
                    let c = text.chars().next().unwrap_or_default();
                    let shift = if c.is_uppercase() {
                        KeyModifiers::SHIFT
                    } else {
                        KeyModifiers::NONE
                    };
                    Sequence::Input(key(KeyCode::Char(c), shift), length)
                }
                Err(error) if !is_whole && error.error_len().is_none() => Sequence::Incomplete,
                Err(_) => Sequence::Ignored(1),
            }
        }
    }
}

/// Parses what follows `ESC O` (SS3).
fn single_shift(bytes: &[u8]) -> Sequence {
    let Some(&last) = bytes.first() else {
        return Sequence::Incomplete;
    };
    match (cursor_key(last), last) {
        (Some(code), _) => plain_key(code, 1),
        (None, b'M') => plain_key(KeyCode::Enter, 1),
        _ => Sequence::Ignored(1),
    }
}

/// The key by the final letter of its sequence.
fn cursor_key(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

/// Parses what follows `ESC [` (CSI).
fn control_sequence(bytes: &[u8]) -> Sequence {
    match bytes {
        // The function keys of the Linux console.
        [b'[', last, ..] => {
            return match last {
                b'A'..=b'E' => plain_key(KeyCode::F(last - b'A' + 1), 2),
                _ => Sequence::Ignored(2),
            };
        }
        [b'['] => return Sequence::Incomplete,
        // The first mouse encoding (X10): three bytes.
        [b'M', button, column, row, ..] => {
            let of = |byte: &u8| u16::from(byte.saturating_sub(32));
            let mouse = mouse(of(button), of(column), of(row), false);
            return Sequence::Input(mouse, 4);
        }
        [b'M', ..] => return Sequence::Incomplete,
        _ => {}
    }
    let is_last = |byte: &u8| !(0x20..=0x3f).contains(byte);
    let Some(end) = bytes.iter().take(MAX_SEQUENCE).position(is_last) else {
        return if bytes.len() < MAX_SEQUENCE {
            Sequence::Incomplete
        } else {
            Sequence::Ignored(MAX_SEQUENCE)
        };
    };
    let (parameters, last) = (&bytes[..end], bytes[end]);
    // A sequence that is broken off by another byte is ignored; that byte is not.
    let length = end + usize::from((0x40..=0x7e).contains(&last));
    match std::str::from_utf8(parameters)
        .ok()
        .and_then(|parameters| sequence(parameters, last))
    {
        Some(input) if length > end => Sequence::Input(input, length),
        _ => Sequence::Ignored(length),
    }
}

/// The input that a complete control sequence means.
fn sequence(parameters: &str, last: u8) -> Option<Input> {
    if let Some(answer) = parameters.strip_prefix('?') {
        return match last {
            b'u' if answer.parse::<u32>().is_ok() => Some(Input::KittyKeyboard),
            b'c' => Some(Input::DeviceAttributes),
            _ => None,
        };
    }
    if let Some(mouse_is) = parameters.strip_prefix('<') {
        let [button, column, row] = numbers(mouse_is)?;
        return matches!(last, b'M' | b'm').then(|| mouse(button, column, row, last == b'm'));
    }
    // Numbers, each of which may have sub-parameters after colons.
    let fields: Vec<Vec<Option<u32>>> = parameters
        .split(';')
        .map(|field| field.split(':').map(|number| number.parse().ok()).collect())
        .collect();
    let number = |at: usize| fields.get(at).and_then(|field| *field.first()?);
    let modifiers = |at: usize| modifiers(number(at).unwrap_or(1));
    match last {
        b'I' => Some(Input::Event(Event::FocusGained)),
        b'O' => Some(Input::Event(Event::FocusLost)),
        b'Z' => Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        b'M' => {
            let [button, column, row] = numbers(parameters)?;
            Some(mouse(button.checked_sub(32)?, column, row, false))
        }
        b'~' if number(0) == Some(27) => key_of_code_point(number(2)?, None, modifiers(1)?),
        b'~' => Some(key(numbered_key(number(0)?)?, modifiers(1)?)),
        b'u' => {
            let shifted = fields.first().and_then(|field| *field.get(1)?);
            key_of_code_point(number(0)?, shifted, modifiers(1)?)
        }
        _ => Some(key(cursor_key(last)?, modifiers(1)?)),
    }
}

fn numbers<const COUNT: usize>(text: &str) -> Option<[u16; COUNT]> {
    let numbers: Option<Vec<u16>> = text.split(';').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// The modifiers of a key by xterm's parameter; `None` with Super, Hyper or Meta, whose keys belong to
/// the desktop. Caps Lock and Num Lock are ignored.
fn modifiers(parameter: u32) -> Option<KeyModifiers> {
    let bits = parameter.saturating_sub(1);
    let flag = |bit: u32, modifier| {
        if bits & bit != 0 {
            modifier
        } else {
            KeyModifiers::NONE
        }
    };
    (bits & 0b11_1000 == 0).then(|| {
        flag(1, KeyModifiers::SHIFT) | flag(2, KeyModifiers::ALT) | flag(4, KeyModifiers::CONTROL)
    })
}

/// The key of `CSI number ~`.
fn numbered_key(number: u32) -> Option<KeyCode> {
    let function = |first: u32, key: u8| {
        let more = u8::try_from(number - first).ok()?;
        Some(KeyCode::F(key + more))
    };
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => function(11, 1),
        17..=21 => function(17, 6),
        23..=26 => function(23, 11),
        28..=29 => function(28, 15),
        31..=34 => function(31, 17),
        _ => None,
    }
}

/// The key of a code point, as kitty's protocol and xterm's `modifyOtherKeys` send it. Keys that other
/// terminals cannot tell apart, such as Ctrl+I and Tab, are one here too, so that a key means the same
/// everywhere.
fn key_of_code_point(code: u32, shifted: Option<u32>, modifiers: KeyModifiers) -> Option<Input> {
    let (shift, control) = (KeyModifiers::SHIFT, KeyModifiers::CONTROL);
    let c = match shifted.filter(|_| modifiers.contains(shift)) {
        Some(shifted) => char::from_u32(shifted)?,
        None => char::from_u32(code)?,
    };
    let has_control = modifiers.contains(control);
    let code = match (code, c) {
        (27, _) => KeyCode::Esc,
        (13, _) => KeyCode::Enter,
        (9, _) if modifiers.contains(shift) => KeyCode::BackTab,
        (9, _) => KeyCode::Tab,
        (8 | 127, _) => KeyCode::Backspace,
        (57_399..=57_427, _) => keypad_key(code)?,
        // Other functional keys of kitty's protocol: media keys, and modifiers by themselves.
        (57_344..=63_743, _) => return None,
        (_, c) if c.is_control() => return None,
        (_, 'i' | 'I') if has_control => KeyCode::Tab,
        (_, 'm' | 'M') if has_control => KeyCode::Enter,
        (_, '[') if has_control => KeyCode::Esc,
        (_, c) if modifiers.contains(shift) && c.is_lowercase() => {
            let mut upper = c.to_uppercase();
            KeyCode::Char(upper.next().filter(|_| upper.next().is_none()).unwrap_or(c))
        }
        (_, c) => KeyCode::Char(c),
    };
    let is_other_key = has_control && matches!(c, 'i' | 'I' | 'm' | 'M' | '[');
    let modifiers = if is_other_key {
        modifiers.difference(control)
    } else {
        modifiers
    };
    Some(key(code, modifiers))
}

/// The keypad keys of kitty's protocol.
fn keypad_key(code: u32) -> Option<KeyCode> {
    let characters = "0123456789./*-+";
    Some(match code {
        57_414 => KeyCode::Enter,
        57_415 => KeyCode::Char('='),
        57_416 => KeyCode::Char(','),
        57_417 => KeyCode::Left,
        57_418 => KeyCode::Right,
        57_419 => KeyCode::Up,
        57_420 => KeyCode::Down,
        57_421 => KeyCode::PageUp,
        57_422 => KeyCode::PageDown,
        57_423 => KeyCode::Home,
        57_424 => KeyCode::End,
        57_425 => KeyCode::Insert,
        57_426 => KeyCode::Delete,
        57_399..=57_413 => {
            let at = usize::try_from(code - 57_399).ok()?;
            KeyCode::Char(characters.chars().nth(at)?)
        }
        _ => return None,
    })
}

/// A mouse event by its button code, at a position that is counted from 1.
fn mouse(code: u16, column: u16, row: u16, is_release: bool) -> Input {
    let button = match code & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let kind = match (code & 0b1100_0011, code & 32 != 0) {
        (64, _) => MouseEventKind::ScrollUp,
        (65, _) => MouseEventKind::ScrollDown,
        (66, _) => MouseEventKind::ScrollLeft,
        (67, _) => MouseEventKind::ScrollRight,
        (3, true) => MouseEventKind::Moved,
        // The button is not known.
        (3, false) => MouseEventKind::Up(MouseButton::Left),
        (_, true) => MouseEventKind::Drag(button),
        _ if is_release => MouseEventKind::Up(button),
        _ => MouseEventKind::Down(button),
    };
    let flag = |bit: u16, modifier| {
        if code & bit != 0 {
            modifier
        } else {
            KeyModifiers::NONE
        }
    };
    Input::Event(Event::Mouse(MouseEvent {
        kind,
        column: column.saturating_sub(1),
        row: row.saturating_sub(1),
        modifiers: flag(4, KeyModifiers::SHIFT)
            | flag(8, KeyModifiers::ALT)
            | flag(16, KeyModifiers::CONTROL),
    }))
}

#[cfg(test)]
mod tests;
