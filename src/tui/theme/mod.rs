//! The styles of everything on the screen, in the terminal's own colours. Nothing is told by colour alone.

mod background;
mod choice;
mod role;

use ratatui::style::{Color, Modifier, Style};

pub use self::background::Background;
pub use self::choice::{ColourValue, Colours, ThemeBase, ThemeChoice, ThemeError};
pub use self::role::Role;

use self::background::contrast;
use crate::tui::markup::{Sgr, Tone};

/// The least contrast ratio of text that a program has coloured.
const MIN_CONTRAST: f32 = 2.0;

/// A theme, which maps roles to styles. Without colours there are modifiers only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    background: Option<Background>,
    own: Colours,
}

impl Theme {
    /// For light text on a dark background.
    pub fn dark() -> Self {
        ThemeChoice::of(ThemeBase::Dark).theme(None)
    }

    /// For dark text on a light background.
    pub fn light() -> Self {
        ThemeChoice::of(ThemeBase::Light).theme(None)
    }

    /// Without colours.
    pub fn plain() -> Self {
        ThemeChoice::of(ThemeBase::None).theme(None)
    }

    /// What matters less.
    pub fn dim(&self) -> Style {
        self.or_modifier(Role::Dim, Modifier::DIM)
    }

    /// Lines between panes.
    pub fn rule(&self) -> Style {
        match self.colour(Role::Rule) {
            Some(colour) => Style::new().fg(colour),
            None => self.dim(),
        }
    }

    /// What matters more.
    pub fn strong(&self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The bar at the top of a pane.
    pub fn bar(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Marks conversations that wait for a reply.
    pub fn waiting(&self) -> Style {
        self.of(Role::Waiting).add_modifier(Modifier::BOLD)
    }

    /// What came since the last reply.
    pub fn fresh(&self) -> Style {
        self.or_modifier(Role::New, Modifier::BOLD)
    }

    /// Matches of a search, except for the current one, which looks like a [`bar`](Self::bar).
    pub fn found(&self) -> Style {
        let marks = Modifier::BOLD | Modifier::UNDERLINED;
        self.fresh().add_modifier(marks)
    }

    /// What went wrong.
    pub fn bad(&self) -> Style {
        self.of(Role::Error).add_modifier(Modifier::BOLD)
    }

    /// What has worked.
    pub fn good(&self) -> Style {
        self.of(Role::Good)
    }

    /// What is neither good nor bad.
    pub fn info(&self) -> Style {
        self.of(Role::Info)
    }

    /// A stretch of text.
    pub fn tone(&self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Heading => self.of(Role::Heading).add_modifier(Modifier::BOLD),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Emphasis => style.add_modifier(Modifier::ITALIC),
            Tone::StrongEmphasis => style.add_modifier(Modifier::BOLD | Modifier::ITALIC),
            Tone::Strike => style.add_modifier(Modifier::CROSSED_OUT),
            Tone::Code => self.of(Role::Code),
            Tone::Link => self.of(Role::Link).add_modifier(Modifier::UNDERLINED),
            Tone::Quote => style.add_modifier(Modifier::ITALIC),
            Tone::ListMarker => self.of(Role::List).add_modifier(Modifier::BOLD),
            Tone::Marker => self.dim(),
            Tone::Keyword => self.or_modifier(Role::Keyword, Modifier::BOLD),
            Tone::Operator => self.of(Role::Operator),
            Tone::StringLit => self.of(Role::String),
            Tone::Number => self.of(Role::Number),
            Tone::Comment => self
                .or_modifier(Role::Comment, Modifier::DIM)
                .add_modifier(Modifier::ITALIC),
            Tone::Function => self.or_modifier(Role::Function, Modifier::BOLD),
            Tone::Type => self.of(Role::Type),
            Tone::Key => self.of(Role::Key),
            Tone::Variable => self.of(Role::Variable),
            Tone::Added => self.of(Role::Added),
            Tone::Removed => self.of(Role::Removed),
            Tone::Hunk => self.of(Role::Hunk).add_modifier(Modifier::DIM),
            Tone::FileHeader => style.add_modifier(Modifier::BOLD),
            Tone::Sgr(sgr) => self.sgr(sgr),
        }
    }

    /// The style that a program chose, as long as it can be read: text in the colour of its background
    /// would reach the model without the person seeing it.
    fn sgr(&self, sgr: Sgr) -> Style {
        let style = Style::new().add_modifier(sgr.modifiers);
        let Some(background) = self.background else {
            return style;
        };
        let behind = sgr.bg.unwrap_or(background.colour());
        let letters = sgr.fg.unwrap_or(background.foreground());
        if contrast(letters, behind) < MIN_CONTRAST {
            return style;
        }
        Style {
            fg: sgr.fg,
            bg: sgr.bg,
            ..style
        }
    }

    /// The colour of a role, if there are colours and it has one.
    fn colour(&self, role: Role) -> Option<Color> {
        let background = self.background?;
        self.own.get(role).or_else(|| role.colour(background))
    }

    /// The colour of a role, without modifiers.
    pub fn of(&self, role: Role) -> Style {
        Style {
            fg: self.colour(role),
            ..Style::new()
        }
    }

    /// The colour of a role, or a modifier in its place.
    fn or_modifier(&self, role: Role, modifier: Modifier) -> Style {
        match self.colour(role) {
            Some(colour) => Style::new().fg(colour),
            None => Style::new().add_modifier(modifier),
        }
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
            theme.info(),
            theme.of(Role::Prompt),
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
            (Theme::light(), Some(Color::LightYellow), None),
            (Theme::light(), Some(Color::White), None),
        ] {
            let style = style(theme, fg, bg);
            assert_eq!((style.fg, style.bg), (None, None), "{fg:?} {bg:?}");
        }
    }

    #[test]
    fn every_colour_can_be_read_on_its_ground() {
        for background in [Background::Dark, Background::Light] {
            for role in Role::ALL {
                let Some(colour) = role.colour(background) else {
                    continue;
                };
                let contrast = contrast(colour, background.colour());
                assert!(contrast >= 3.0, "{role:?} on {background:?}: {contrast}");
            }
        }
    }

    #[test]
    fn the_terminal_decides_unless_the_person_does() {
        let auto = ThemeChoice::of(ThemeBase::Auto);
        assert_eq!(auto.theme(None), Theme::dark());
        assert_eq!(auto.theme(Some(Background::Light)), Theme::light());
        let dark = ThemeChoice::of(ThemeBase::Dark);
        assert_eq!(dark.theme(Some(Background::Light)), Theme::dark());
        assert!(auto.follows_terminal() && !dark.follows_terminal());
    }
}
