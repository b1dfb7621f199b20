//! Copies to the clipboard of the person at the terminal, through the terminal: OSC 52.
//!
//! This works over SSH, because the terminal at the other end acts on it. There is no response, so
//! messages say what was sent, not that it was copied.
//!
//! # Inside tmux
//!
//! Measured with tmux 3.3a in an xterm-like terminal:
//!
//! | `set-clipboard` | `allow-passthrough` | OSC 52 | OSC 52 in a passthrough | `tmux load-buffer -w -` |
//! |---|---|---|---|---|
//! | external (default) | off (default) | dropped | dropped | buffer and clipboard |
//! | on | off | buffer and clipboard | dropped | buffer and clipboard |
//! | external | on | dropped | clipboard | buffer and clipboard |
//! | on | on | buffer and clipboard | clipboard | buffer and clipboard |
//! | off | off | dropped | dropped | buffer and clipboard |
//!
//! What is dropped leaves nothing on the screen. So with the defaults only tmux's own command
//! works, [`TMUX_COMMAND`], and it needs `$TMUX` to lead to the tmux the person looks at. Where it
//! cannot be run or fails (tmux before 3.2 has no `-w`), [`osc52`] sends both other forms.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The command that takes the text on its standard input inside tmux; it has no size limit of its own.
pub const TMUX_COMMAND: [&str; 4] = ["tmux", "load-buffer", "-w", "-"];

/// The most bytes that are copied: 100 kB as base64, which is what terminals with a limit commonly
/// take. tmux 3.3a takes 1 MB and drops anything longer whole.
pub const MAX_BYTES: usize = 74_994;

/// GNU screen passes strings of up to 768 bytes on to the terminal.
const SCREEN_CHUNK: usize = 700;

/// The escape sequence that copies a text, and how much of the text is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipboardCopy {
    /// What to write to the terminal, as it is.
    pub sequence: String,
    /// How many bytes of the text are in it.
    pub bytes: usize,
    /// How many bytes at its end were left out.
    pub omitted: usize,
}

impl ClipboardCopy {
    /// A message for the person.
    pub fn notice(&self) -> String {
        match (self.bytes, self.omitted) {
            (0, 0) => "nothing to copy".into(),
            (bytes, 0) => format!("{bytes} bytes sent to the clipboard"),
            (bytes, cut) => format!(
                "the first {bytes} bytes sent to the clipboard; {cut} more than terminals take"
            ),
        }
    }
}

/// The text without control characters except for line breaks and tabs: a shell that it is pasted into
/// would take them for keys.
pub fn without_controls(text: &str) -> String {
    let stays = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(stays).collect()
}

/// The escape sequence that copies `text`, cut at [`MAX_BYTES`], for what stands between the program and
/// the terminal: tmux if `in_tmux` (`$TMUX` is set), GNU screen if `in_screen` (`$STY` is set).
///
/// tmux wins if both are set: it cannot be told which is inside, and screen drops what it does not know.
/// An empty text gives an empty sequence, since an empty OSC 52 would clear the clipboard.
pub fn osc52(text: &str, in_tmux: bool, in_screen: bool) -> ClipboardCopy {
    let kept = &text[..text.floor_char_boundary(MAX_BYTES)];
    let copied = |sequence| ClipboardCopy {
        sequence,
        bytes: kept.len(),
        omitted: text.len() - kept.len(),
    };
    if kept.is_empty() {
        return copied(String::new());
    }
    let data = BASE64_STANDARD.encode(kept);
    // BEL rather than ESC \ ends it, because within a passthrough ESC has a meaning.
    let plain = format!("\x1b]52;c;{data}\x07");
    let passed = passthrough(&plain, in_tmux, in_screen);
    copied(if in_tmux {
        // tmux acts on one of the two, or on both with the same result.
        plain + &passed
    } else {
        passed
    })
}

/// The sequence wrapped so that tmux or GNU screen passes it on to the terminal.
pub(super) fn passthrough(sequence: &str, in_tmux: bool, in_screen: bool) -> String {
    if in_tmux {
        format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
    } else if in_screen {
        in_screen_chunks(sequence)
    } else {
        sequence.to_owned()
    }
}

/// `sequence` in as many of screen's device control strings as it takes.
fn in_screen_chunks(sequence: &str) -> String {
    let mut out = String::with_capacity(sequence.len() + sequence.len() / 100);
    for (at, c) in sequence.chars().enumerate() {
        if at % SCREEN_CHUNK == 0 {
            out.push_str(if at == 0 { "\x1bP" } else { "\x1b\\\x1bP" });
        }
        out.push(c);
    }
    out.push_str("\x1b\\");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_it_plain() {
        let copied = osc52("hello", false, false);
        assert_eq!(copied.sequence, "\x1b]52;c;aGVsbG8=\x07");
        assert_eq!((copied.bytes, copied.omitted), (5, 0));
    }

    #[test]
    fn tmux_gets_both_forms() {
        let copied = osc52("hello", true, true);
        assert_eq!(
            copied.sequence,
            "\x1b]52;c;aGVsbG8=\x07\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x07\x1b\\"
        );
    }

    #[test]
    fn screen_gets_pieces() {
        let copied = osc52(&"x".repeat(2000), false, true);
        let pieces: Vec<&str> = copied.sequence.split_terminator("\x1b\\").collect();
        assert!(pieces.len() > 3);
        assert!(pieces.iter().all(|piece| piece.len() <= 768));
        let inner: String = pieces
            .iter()
            .map(|piece| piece.strip_prefix("\x1bP").unwrap())
            .collect();
        assert_eq!(inner, osc52(&"x".repeat(2000), false, false).sequence);
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters_and_said() {
        let copied = osc52(&"é".repeat(MAX_BYTES), false, false);
        assert_eq!(copied.bytes + copied.omitted, 2 * MAX_BYTES);
        assert_eq!(copied.bytes, MAX_BYTES);
        let copied = osc52(&format!("x{}", "é".repeat(MAX_BYTES)), false, false);
        assert_eq!(copied.bytes, MAX_BYTES - 1);
        assert!(copied.sequence.len() <= 100_000);
        assert!(copied.notice().contains("more than terminals take"));
    }

    #[test]
    fn nothing_does_not_clear_the_clipboard() {
        assert_eq!(osc52("", true, false).sequence, "");
        assert_eq!(osc52("", false, false).notice(), "nothing to copy");
    }

    #[test]
    fn no_text_breaks_out_of_the_sequence() {
        let sequence = osc52("\x1b\\\x07\x1b[2J", false, false).sequence;
        let data = &sequence["\x1b]52;c;".len()..sequence.len() - 1];
        assert!(
            data.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        );
    }
}
