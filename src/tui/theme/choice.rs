//! Which theme is wanted: one of the program's own, or colours of the person's own on top of it.

use std::collections::BTreeMap;

use ratatui::style::Color;
use serde::de::{Deserialize, Deserializer, Visitor};

use super::Theme;
use super::ground::Ground;
use super::role::Role;
use crate::suggestion::suggest;

/// What a theme is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// Dark or light, as the terminal is.
    #[default]
    Auto,
    /// For a dark ground.
    Dark,
    /// For a light ground.
    Light,
    /// No colours.
    None,
}

impl Base {
    /// All of them by their names in the config file.
    pub const NAMES: [(&str, Self); 4] = [
        ("auto", Self::Auto),
        ("dark", Self::Dark),
        ("light", Self::Light),
        ("none", Self::None),
    ];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, base)| base)
    }
}

/// The colours that the person has chosen for single roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Colours(BTreeMap<Role, Color>);

impl Colours {
    /// The colour of a role, if one was chosen.
    pub fn get(&self, role: Role) -> Option<Color> {
        self.0.get(&role).copied()
    }
}

/// Which theme is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThemeChoice {
    /// What it is made from.
    pub base: Base,
    /// What is different.
    pub own: Colours,
}

impl ThemeChoice {
    /// One of the program's own themes.
    pub fn of(base: Base) -> Self {
        Self {
            base,
            own: Colours::default(),
        }
    }

    /// What a `[theme.NAME]` table of the config file says: a `base`, and colours of roles.
    ///
    /// # Errors
    /// An unknown role, no colour, or an unknown base.
    pub fn from_config(table: &BTreeMap<String, Paint>) -> Result<Self, ThemeError> {
        let mut choice = Self::default();
        for (name, Paint(value)) in table {
            if name == BASE {
                let unknown = || ThemeError::Base(value.clone());
                choice.base = Base::from_name(value).ok_or_else(unknown)?;
                continue;
            }
            let names = || Role::ALL.iter().map(|role| role.name());
            let role = Role::from_name(name).ok_or_else(|| ThemeError::UnknownRole {
                name: name.clone(),
                suggestion: suggest(name, names().chain([BASE])).map(str::to_owned),
            })?;
            let colour = value.parse().map_err(|_| ThemeError::Colour {
                role,
                value: value.clone(),
            })?;
            choice.own.0.insert(role, colour);
        }
        Ok(choice)
    }

    /// Whether it depends on the terminal.
    pub fn follows_terminal(&self) -> bool {
        self.base == Base::Auto
    }

    /// The theme for a terminal, whose ground may be unknown.
    pub fn theme(&self, ground: Option<Ground>) -> Theme {
        let ground = match self.base {
            Base::Auto => Some(ground.unwrap_or(Ground::Dark)),
            Base::Dark => Some(Ground::Dark),
            Base::Light => Some(Ground::Light),
            Base::None => None,
        };
        Theme {
            ground,
            own: self.own.clone(),
        }
    }
}

/// The key in a table of colours that names what it is made from.
const BASE: &str = "base";

/// The value of a key in a `[theme.NAME]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paint(String);

impl<'de> Deserialize<'de> for Paint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ThemeNames;
        impl Visitor<'_> for ThemeNames {
            type Value = Paint;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a colour such as \"red\", 208 or \"#ff8700\"")
            }

            fn visit_str<E>(self, words: &str) -> Result<Paint, E> {
                Ok(Paint(words.to_owned()))
            }

            fn visit_i64<E>(self, index: i64) -> Result<Paint, E> {
                Ok(Paint(index.to_string()))
            }
        }
        deserializer.deserialize_any(ThemeNames)
    }
}

/// What is wrong with a `[theme.NAME]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// Nothing has this role.
    #[error("nothing is named `{name}`{}", did_you_mean(suggestion.as_deref(), &roles()))]
    UnknownRole {
        /// The name in the config.
        name: String,
        /// What it was probably meant to be.
        suggestion: Option<String>,
    },
    /// No colour.
    #[error(
        "`{value}` is no colour; write a name such as \"red\" or \"lightblue\", a number up to \
         255, or \"#rrggbb\""
    )]
    Colour {
        /// What it should colour.
        role: Role,
        /// What the config says.
        value: String,
    },
    /// Nothing that a theme could be made from.
    #[error("`{0}` is not a theme to start from; write auto, dark, light or none")]
    Base(String),
}

fn roles() -> String {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    names.join(", ")
}

fn did_you_mean(suggestion: Option<&str>, known: &str) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; there are {known}"),
    }
}

impl ThemeError {
    /// The key that the error is about.
    pub fn key(&self) -> &str {
        match self {
            Self::UnknownRole { name, .. } => name,
            Self::Colour { role, .. } => role.name(),
            Self::Base(_) => BASE,
        }
    }
}
