//! Roles: what colours are used for, and the default colour of each.

use ratatui::style::Color;

use super::background::Background;

/// Instead of the green and the cyan of the 16 colours, which cannot be read on white.
const DARK_GREEN: Color = Color::Indexed(28);
const DARK_CYAN: Color = Color::Indexed(30);
/// No colour: a modifier is enough.
const UNCOLOURED: Option<Color> = None;

/// Defines [`Role`] from one table: variant, name in the config file, what it colours, and its
/// colours on a dark and on a light background. Without a colour, a modifier tells it from the rest.
macro_rules! roles {
    ($($variant:ident, $name:literal, $about:literal, $dark:expr, $light:expr;)+) => {
        /// What a colour is used for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role {
            $(#[doc = $about] $variant,)+
        }

        impl Role {
            /// All roles.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name in a theme of the config file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Its colour in the program's own themes.
            pub fn colour(self, background: Background) -> Option<Color> {
                match (self, background) {
                    $(
                        (Self::$variant, Background::Dark) => $dark.into(),
                        (Self::$variant, Background::Light) => $light.into(),
                    )+
                }
            }
        }
    };
}

roles! {
    Waiting, "waiting", "Who waits, and what a request expects", Color::Yellow, Color::Magenta;
    New, "new", "What came since the last reply", Color::Yellow, Color::Magenta;
    Good, "good", "Notices of what went well", Color::Green, DARK_GREEN;
    Info, "info", "Other notices", Color::Cyan, Color::Blue;
    Error, "error", "What went wrong", Color::Red, Color::Red;
    Prompt, "prompt", "The header of what a person asked", Color::Cyan, Color::Blue;
    Assistant, "assistant", "The header of words of the model", Color::Green, DARK_GREEN;
    Call, "call", "The header of a call", Color::Magenta, Color::Magenta;
    Output, "output", "The header of what a call gave back", Color::LightBlue, DARK_CYAN;
    Heading, "heading", "Headings", Color::Cyan, Color::Blue;
    Code, "code", "Code among words", Color::Yellow, Color::Magenta;
    Link, "link", "Links", Color::LightBlue, Color::Blue;
    List, "list", "Bullets and numbers of lists", Color::Cyan, Color::Blue;
    Keyword, "keyword", "Words of a language", Color::LightMagenta, Color::Magenta;
    Operator, "operator", "Operators", Color::Magenta, Color::Red;
    String, "string", "Strings", Color::Green, DARK_GREEN;
    Number, "number", "Numbers", Color::Yellow, Color::Red;
    Comment, "comment", "Comments", UNCOLOURED, UNCOLOURED;
    Function, "function", "Functions and commands", Color::LightBlue, Color::Blue;
    Type, "type", "Types", Color::Cyan, Color::Blue;
    Key, "key", "Keys of JSON and the like", Color::Cyan, Color::Blue;
    Variable, "variable", "Variables", Color::LightCyan, Color::Magenta;
    Added, "added", "Lines that a patch adds", Color::Green, DARK_GREEN;
    Removed, "removed", "Lines that a patch removes", Color::Red, Color::Red;
    Hunk, "hunk", "Where in a file a part of a patch belongs", Color::Cyan, Color::Blue;
    Dim, "dim", "What matters less", UNCOLOURED, UNCOLOURED;
    Rule, "rule", "Lines between panes", UNCOLOURED, UNCOLOURED;
}

impl Role {
    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }
}
