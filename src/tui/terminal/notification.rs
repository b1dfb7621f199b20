//! Desktop notifications sent through the terminal: OSC 9, 777 and 99.
//!
//! There is no response, and a terminal that does not know the sequence ignores it. Inside tmux they
//! need `allow-passthrough`, and reports of the focus need `focus-events`.

use serde::Deserialize;

use super::clipboard::passthrough;
use crate::environment::Environment;

/// The title of the notifications.
const TITLE: &str = "humanllm";

/// The escape sequence that asks the terminal to show a notification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(
    rename_all = "lowercase",
    expecting = "auto, off, osc9, osc777 or osc99"
)]
pub enum Notifications {
    /// The one that the terminal is likely to know, by its environment.
    #[default]
    Auto,
    /// None.
    Off,
    /// OSC 9, of iTerm2 and many others: a text.
    Osc9,
    /// OSC 777, of rxvt-unicode, foot, VTE, WezTerm and Ghostty: a title and a text.
    Osc777,
    /// OSC 99, of kitty.
    Osc99,
}

impl Notifications {
    /// Replaces [`Self::Auto`] by the sequence for this environment.
    #[must_use]
    pub fn resolve(self, environment: &Environment) -> Self {
        if self != Self::Auto {
            return self;
        }
        let is_set = |name: &str| environment.get_filled(name).is_some();
        let term = environment.get_filled("TERM");
        let term = term.map(|term| term.to_string_lossy()).unwrap_or_default();
        let knows_777 = [
            "VTE_VERSION",
            "WEZTERM_PANE",
            "GHOSTTY_RESOURCES_DIR",
            "KONSOLE_VERSION",
        ];
        match &*term {
            "linux" | "dumb" | "" => Self::Off,
            _ if is_set("KITTY_WINDOW_ID") || term.contains("kitty") => Self::Osc99,
            _ if knows_777.into_iter().any(is_set) => Self::Osc777,
            _ if ["foot", "rxvt", "ghostty"]
                .iter()
                .any(|name| term.contains(name)) =>
            {
                Self::Osc777
            }
            _ => Self::Osc9,
        }
    }

    /// The escape sequence for a text, wrapped for tmux or GNU screen where the program runs in one.
    /// Empty if notifications are off.
    pub fn sequence(self, text: &str, in_tmux: bool, in_screen: bool) -> String {
        // A `;` would start another field.
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let text = text.replace(';', ",");
        let plain = match self {
            Self::Off | Self::Auto => return String::new(),
            // Never a number first: those are commands of ConEmu and of Windows Terminal.
            Self::Osc9 => format!("\x1b]9;{TITLE}: {text}\x07"),
            Self::Osc777 => format!("\x1b]777;notify;{TITLE};{text}\x07"),
            Self::Osc99 => {
                let title = format!("\x1b]99;i={TITLE}:d=0;{TITLE}\x1b\\");
                format!("{title}\x1b]99;i={TITLE}:p=body;{text}\x1b\\")
            }
        };
        passthrough(&plain, in_tmux, in_screen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_asked_in_the_way_it_knows() {
        let home = || Environment::with_home("/nowhere");
        let cases = [
            (home().with("TERM", "xterm-256color"), Notifications::Osc9),
            (home().with("TERM", "xterm-kitty"), Notifications::Osc99),
            (
                home().with("TERM", "tmux").with("KITTY_WINDOW_ID", "1"),
                Notifications::Osc99,
            ),
            (
                home().with("TERM", "xterm").with("VTE_VERSION", "7600"),
                Notifications::Osc777,
            ),
            (home().with("TERM", "foot"), Notifications::Osc777),
            (home().with("TERM", "linux"), Notifications::Off),
            (home(), Notifications::Off),
        ];
        for (environment, expected) in cases {
            assert_eq!(Notifications::Auto.resolve(&environment), expected);
            let chosen = Notifications::Osc777.resolve(&environment);
            assert_eq!(chosen, Notifications::Osc777);
        }
    }

    #[test]
    fn no_text_breaks_out_of_the_sequence() {
        let text = "a;b\x07\x1b]52;c;x\u{9c}\n";
        let plain = |kind: Notifications| kind.sequence(text, false, false);
        assert_eq!(
            plain(Notifications::Osc9),
            "\x1b]9;humanllm: a,b]52,c,x\x07"
        );
        assert_eq!(
            plain(Notifications::Osc777),
            "\x1b]777;notify;humanllm;a,b]52,c,x\x07"
        );
        assert_eq!(
            plain(Notifications::Osc99),
            "\x1b]99;i=humanllm:d=0;humanllm\x1b\\\x1b]99;i=humanllm:p=body;a,b]52,c,x\x1b\\"
        );
        assert_eq!(plain(Notifications::Off), "");
        assert_eq!(
            Notifications::Osc9.sequence("hi", true, false),
            "\x1bPtmux;\x1b\x1b]9;humanllm: hi\x07\x1b\\"
        );
    }
}
