//! How things look: the terminal's own 16 colours, and never colour alone.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::app::Level;
use crate::tui::markup::{Sgr, Tone};
use crate::tui::transcript::block::Kind;

/// What the terminal's background is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    Dark,
    Light,
}

/// How things look. Without colours there are modifiers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme(Option<Ground>);

impl Theme {
    /// For light letters on a dark ground.
    pub fn dark() -> Self {
        Self(Some(Ground::Dark))
    }

    /// For dark letters on a light ground.
    pub fn light() -> Self {
        Self(Some(Ground::Light))
    }

    /// Without colours.
    pub fn plain() -> Self {
        Self(None)
    }

    /// What matters less.
    pub fn dim(&self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Lines between panes.
    pub fn rule(&self) -> Style {
        self.dim()
    }

    /// What matters more.
    pub fn strong(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The bar at the top of a pane.
    pub fn bar(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Somebody waits.
    pub fn waiting(&self) -> Style {
        self.attention().add_modifier(Modifier::BOLD)
    }

    /// What came since the last reply.
    pub fn fresh(&self) -> Style {
        match self.0 {
            Some(_) => self.attention(),
            None => self.strong(),
        }
    }

    /// What went wrong.
    pub fn bad(&self) -> Style {
        self.fg(Color::Red, Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A notice.
    pub fn notice(&self, level: Level) -> Style {
        match level {
            Level::Good => self.fg(Color::Green, Color::Green),
            Level::Info => self.fg(Color::Cyan, Color::Blue),
            Level::Bad => self.bad(),
        }
    }

    /// The header of a block.
    pub fn label(&self, kind: Kind) -> Style {
        let style = match kind {
            Kind::Prompt => self.fg(Color::Cyan, Color::Blue),
            Kind::Assistant => self.fg(Color::Green, Color::Green),
            Kind::Call => self.fg(Color::Magenta, Color::Magenta),
            Kind::Output => self.fg(Color::LightBlue, Color::Cyan),
            Kind::Boilerplate => return self.dim(),
            Kind::Other => Style::new(),
        };
        style.add_modifier(Modifier::BOLD)
    }

    /// The text of a block, where no tone says more.
    pub fn text(&self, kind: Kind) -> Style {
        match kind {
            Kind::Call => self.strong(),
            _ => Style::new(),
        }
    }

    /// A stretch of text.
    pub fn tone(&self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Heading => self
                .fg(Color::Cyan, Color::Blue)
                .add_modifier(Modifier::BOLD),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Emphasis => style.add_modifier(Modifier::ITALIC),
            Tone::StrongEmphasis => style.add_modifier(Modifier::BOLD | Modifier::ITALIC),
            Tone::Strike => style.add_modifier(Modifier::CROSSED_OUT),
            Tone::Code => self.fg(Color::Yellow, Color::Magenta),
            Tone::Link => self
                .fg(Color::LightBlue, Color::Blue)
                .add_modifier(Modifier::UNDERLINED),
            Tone::Quote => style.add_modifier(Modifier::ITALIC),
            Tone::ListMarker => self
                .fg(Color::Cyan, Color::Blue)
                .add_modifier(Modifier::BOLD),
            Tone::Marker => self.dim(),
            Tone::Keyword => match self.0 {
                Some(_) => self.fg(Color::LightMagenta, Color::Magenta),
                None => self.strong(),
            },
            Tone::Operator => self.fg(Color::Magenta, Color::Red),
            Tone::StringLit => self.fg(Color::Green, Color::Green),
            Tone::Number => self.fg(Color::Yellow, Color::Red),
            Tone::Comment => style.add_modifier(Modifier::DIM | Modifier::ITALIC),
            Tone::Function => match self.0 {
                Some(_) => self.fg(Color::LightBlue, Color::Blue),
                None => self.strong(),
            },
            Tone::Type | Tone::Key => self.fg(Color::Cyan, Color::Blue),
            Tone::Variable => self.fg(Color::LightCyan, Color::Magenta),
            Tone::Added => self.fg(Color::Green, Color::Green),
            Tone::Removed => self.fg(Color::Red, Color::Red),
            Tone::Hunk => self
                .fg(Color::Cyan, Color::Blue)
                .add_modifier(Modifier::DIM),
            Tone::FileHeader => style.add_modifier(Modifier::BOLD),
            Tone::Sgr(sgr) => self.sgr(sgr),
        }
    }

    /// What a program chose, as long as it can be read: letters in the colour of their ground would
    /// be a way to say something to the model that the person does not see.
    fn sgr(&self, sgr: Sgr) -> Style {
        let style = Style::new().add_modifier(sgr.modifiers);
        let Some(ground) = self.0 else {
            return style;
        };
        let behind = match (ground, sgr.bg) {
            (_, Some(bg)) => bg,
            (Ground::Dark, None) => Color::Black,
            (Ground::Light, None) => Color::White,
        };
        let letters = match (ground, sgr.fg) {
            (_, Some(fg)) => fg,
            (Ground::Dark, None) => Color::Gray,
            (Ground::Light, None) => Color::Black,
        };
        if is_alike(letters, behind) {
            return style;
        }
        Style {
            fg: sgr.fg,
            bg: sgr.bg,
            ..style
        }
    }

    fn attention(&self) -> Style {
        self.fg(Color::Yellow, Color::Magenta)
    }

    fn fg(&self, dark: Color, light: Color) -> Style {
        match self.0 {
            Some(Ground::Dark) => Style::new().fg(dark),
            Some(Ground::Light) => Style::new().fg(light),
            None => Style::new(),
        }
    }
}

/// Whether letters of the one colour are hard to see on a ground of the other, by the colours that
/// xterm gives to the numbers.
fn is_alike(one: Color, other: Color) -> bool {
    let parts = red_green_blue(one).into_iter().zip(red_green_blue(other));
    parts.map(|(one, other)| one.abs_diff(other)).max() < Some(40)
}

fn red_green_blue(color: Color) -> [u8; 3] {
    match color {
        Color::Rgb(red, green, blue) => [red, green, blue],
        Color::Black => [0, 0, 0],
        Color::Red => [205, 0, 0],
        Color::Green => [0, 205, 0],
        Color::Yellow => [205, 205, 0],
        Color::Blue => [0, 0, 238],
        Color::Magenta => [205, 0, 205],
        Color::Cyan => [0, 205, 205],
        Color::Gray | Color::Reset => [229, 229, 229],
        Color::DarkGray => [127, 127, 127],
        Color::LightRed => [255, 0, 0],
        Color::LightGreen => [0, 255, 0],
        Color::LightYellow => [255, 255, 0],
        Color::LightBlue => [92, 92, 255],
        Color::LightMagenta => [255, 0, 255],
        Color::LightCyan => [0, 255, 255],
        Color::White => [255, 255, 255],
        Color::Indexed(index @ 232..) => [8 + (index - 232) * 10; 3],
        Color::Indexed(index @ 16..) => {
            let step = |part: u8| if part == 0 { 0 } else { 55 + part * 40 };
            let cube = index - 16;
            [step(cube / 36), step(cube / 6 % 6), step(cube % 6)]
        }
        // Programs' colours below 16 have names.
        Color::Indexed(_) => [127; 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgr(fg: Option<Color>, bg: Option<Color>) -> Tone {
        let modifiers = Modifier::BOLD;
        Tone::Sgr(Sgr { fg, bg, modifiers })
    }

    #[test]
    fn plain_has_no_colours() {
        let theme = Theme::plain();
        let styles = [
            theme.waiting(),
            theme.fresh(),
            theme.bad(),
            theme.notice(Level::Info),
            theme.label(Kind::Prompt),
            theme.tone(Tone::Added),
            theme.tone(Tone::Keyword),
            theme.tone(sgr(Some(Color::Red), Some(Color::Blue))),
        ];
        assert!(
            styles
                .iter()
                .all(|style| style.fg.is_none() && style.bg.is_none())
        );
    }

    #[test]
    fn programs_keep_their_colours_where_they_can_be_read() {
        let style = |theme: Theme, fg, bg| theme.tone(sgr(fg, bg));
        let kept = style(Theme::dark(), Some(Color::Indexed(208)), None);
        assert_eq!(
            kept,
            Style::new()
                .fg(Color::Indexed(208))
                .add_modifier(Modifier::BOLD)
        );
        for (theme, fg, bg) in [
            (Theme::dark(), Some(Color::Black), None),
            (Theme::dark(), Some(Color::Indexed(16)), None),
            (Theme::light(), Some(Color::Rgb(250, 250, 240)), None),
            (Theme::dark(), Some(Color::Red), Some(Color::Rgb(200, 0, 0))),
            (Theme::light(), None, Some(Color::Black)),
        ] {
            let style = style(theme, fg, bg);
            assert_eq!((style.fg, style.bg), (None, None), "{fg:?} {bg:?}");
        }
    }
}
