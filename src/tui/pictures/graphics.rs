//! Which graphics protocol the terminal supports, by its environment.
//!
//! Terminals can be queried, but the response comes among the keys, late or never. A wrong guess must
//! not be worse than half blocks, so graphics are used only in terminals that identify themselves.

use crossterm::terminal::window_size;

use crate::environment::Environment;

/// Width and height of a terminal cell in pixels, where the terminal does not report it: only the
/// proportion matters then.
const DEFAULT_CELL_SIZE: (u16, u16) = (10, 20);

/// How pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphics {
    /// Not at all: only their type and size are given in words.
    Words,
    /// In half blocks: two pixels to a character.
    HalfBlocks,
    /// In kitty's graphics protocol.
    Kitty,
    /// In iTerm2's inline image protocol.
    Iterm2,
    /// In sixels, from DEC's terminals.
    Sixel,
}

impl Graphics {
    /// What a terminal with this environment supports.
    pub fn of(environment: &Environment) -> Self {
        let get = |name: &str| {
            let value = environment
                .get_filled(name)
                .and_then(|value| value.to_str());
            value.unwrap_or_default()
        };
        let is_set = |name: &str| environment.get_filled(name).is_some();
        let term = get("TERM");
        let begins = |names: &[&str]| names.iter().any(|name| term.starts_with(name));
        // Multiplexers do not pass graphics on.
        if ["TMUX", "STY", "ZELLIJ"].into_iter().any(is_set) || begins(&["tmux", "screen"]) {
            return Self::HalfBlocks;
        }
        // A terminal started from another inherits its variables, so those that each terminal sets anew
        // are looked at first.
        if term == "xterm-kitty" || term == "xterm-ghostty" {
            return Self::Kitty;
        }
        if begins(&["foot", "mlterm", "yaft", "contour"]) || term == "xterm-sixel" {
            return Self::Sixel;
        }
        match (get("TERM_PROGRAM"), get("LC_TERMINAL")) {
            // WezTerm's own kitty protocol lacks the part that is needed here.
            ("iTerm.app" | "WezTerm", _) | ("", "iTerm2") => return Self::Iterm2,
            ("ghostty", _) => return Self::Kitty,
            ("", _) => {}
            _ => return Self::HalfBlocks,
        }
        let others = [
            "VTE_VERSION",
            "XTERM_VERSION",
            "KONSOLE_VERSION",
            "ALACRITTY_WINDOW_ID",
        ];
        if is_set("KITTY_WINDOW_ID") && !others.into_iter().any(is_set) {
            Self::Kitty
        } else {
            Self::HalfBlocks
        }
    }
}

/// What renditions of pictures depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureSetting {
    /// What the terminal supports, or less if the person wants less.
    supported: Graphics,
    /// Width and height of a terminal cell in pixels, if the terminal reports them.
    cell_size: Option<(u16, u16)>,
    /// Counts how often the terminal may have forgotten the pictures it was sent.
    epoch: u32,
}

impl PictureSetting {
    /// For a terminal that supports this, and has not reported the size of a cell.
    pub fn new(graphics: Graphics) -> Self {
        Self {
            supported: graphics,
            cell_size: None,
            epoch: 0,
        }
    }

    /// Sets how pictures are to be shown.
    pub fn show_as(&mut self, graphics: Graphics) {
        self.supported = graphics;
    }

    /// How pictures are shown.
    pub fn graphics(&self) -> Graphics {
        match (self.supported, self.cell_size) {
            (Graphics::Words, _) => Graphics::Words,
            // Graphics of the wrong size would cover text.
            (_, None) => Graphics::HalfBlocks,
            (graphics, Some(_)) => graphics,
        }
    }

    /// Whether pictures are shown at all.
    pub fn shows_pictures(&self) -> bool {
        self.supported != Graphics::Words
    }

    /// Width and height of a terminal cell in pixels.
    pub fn cell_size(&self) -> (u16, u16) {
        self.cell_size.unwrap_or(DEFAULT_CELL_SIZE)
    }

    /// Reads the size of a cell, which may change with the size of the terminal. This asks the kernel,
    /// not the terminal.
    pub fn measure(&mut self) {
        self.cell_size = window_size().ok().and_then(|size| {
            let width = size.width.checked_div(size.columns)?;
            let height = size.height.checked_div(size.rows)?;
            (width > 0 && height > 0).then_some((width, height))
        });
    }

    /// Makes all pictures be sent anew: the terminal may have forgotten them.
    pub fn forget_drawn(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    #[cfg(test)]
    pub(super) fn with_font(graphics: Graphics, font: Option<(u16, u16)>) -> Self {
        Self {
            cell_size: font,
            ..Self::new(graphics)
        }
    }
}

impl Default for PictureSetting {
    /// Half blocks, which every terminal can show.
    fn default() -> Self {
        Self::new(Graphics::HalfBlocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Graphics {
        let empty = Environment::with_home("/");
        let environment = variables
            .iter()
            .fold(empty, |all, (name, value)| all.with(name, *value));
        Graphics::of(&environment)
    }

    #[test]
    fn terminals_that_say_who_they_are_get_their_graphics() {
        use Graphics::*;
        for (variables, expected) in [
            (&[][..], HalfBlocks),
            (&[("TERM", "xterm-256color")], HalfBlocks),
            (&[("TERM", "xterm-kitty")], Kitty),
            (
                &[("TERM", "xterm-ghostty"), ("TERM_PROGRAM", "ghostty")],
                Kitty,
            ),
            (
                &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "ghostty")],
                Kitty,
            ),
            (
                &[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")],
                Kitty,
            ),
            (&[("KITTY_WINDOW_ID", "")], HalfBlocks),
            (
                &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")],
                Iterm2,
            ),
            (
                &[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")],
                Iterm2,
            ),
            (
                &[("TERM_PROGRAM", "WezTerm"), ("KITTY_WINDOW_ID", "1")],
                Iterm2,
            ),
            (&[("TERM", "foot")], Sixel),
            (&[("TERM", "foot-extra")], Sixel),
            (&[("TERM", "mlterm-256color")], Sixel),
        ] {
            assert_eq!(of(variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn what_is_left_from_another_terminal_does_not_count() {
        for variables in [
            [("TMUX", "/tmp/tmux-0/default,1,0"), ("TERM", "xterm-kitty")],
            [("STY", "1.pts"), ("TERM_PROGRAM", "iTerm.app")],
            [("ZELLIJ", "0"), ("TERM", "foot")],
            [("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1")],
            [("TERM", "screen-256color"), ("LC_TERMINAL", "iTerm2")],
            [("KITTY_WINDOW_ID", "1"), ("VTE_VERSION", "7600")],
            [("KITTY_WINDOW_ID", "1"), ("TERM_PROGRAM", "vscode")],
        ] {
            assert_eq!(of(&variables), Graphics::HalfBlocks, "{variables:?}");
        }
    }

    #[test]
    fn graphics_need_the_size_of_a_character() {
        let font = Some((8, 16));
        assert_eq!(
            PictureSetting::with_font(Graphics::Kitty, font).graphics(),
            Graphics::Kitty
        );
        assert_eq!(
            PictureSetting::with_font(Graphics::Sixel, None).graphics(),
            Graphics::HalfBlocks
        );
        assert_eq!(
            PictureSetting::with_font(Graphics::Words, font).graphics(),
            Graphics::Words
        );
    }
}
