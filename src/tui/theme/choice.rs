//! The choice of a theme in the config: a built-in theme, with colours of the person's own on top of it.

use std::collections::BTreeMap;

use ratatui::style::Color;
use serde::de::{Deserialize, Deserializer, Visitor};

use super::Theme;
use super::background::Background;
use super::role::Role;
use crate::suggestion::suggest;

/// A built-in theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeBase {
    /// Dark or light, as the terminal's background is.
    #[default]
    Auto,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// No colours.
    None,
}

impl ThemeBase {
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
    /// The built-in theme that it starts from.
    pub base: ThemeBase,
    /// The colours that differ from it.
    pub own: Colours,
}

impl ThemeChoice {
    /// A built-in theme without changes.
    pub fn of(base: ThemeBase) -> Self {
        Self {
            base,
            own: Colours::default(),
        }
    }

    /// Reads a `[theme.NAME]` table of the config file: a `base`, and colours of roles.
    ///
    /// # Errors
    /// An unknown role, no colour, or an unknown base.
    pub fn from_config(table: &BTreeMap<String, ColourValue>) -> Result<Self, ThemeError> {
        let mut choice = Self::default();
        for (name, ColourValue(value)) in table {
            if name == BASE {
                let unknown = || ThemeError::ThemeBase(value.clone());
                choice.base = ThemeBase::from_name(value).ok_or_else(unknown)?;
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

    /// Whether it depends on the terminal's background.
    pub fn follows_terminal(&self) -> bool {
        self.base == ThemeBase::Auto
    }

    /// The theme for a terminal, whose background may be unknown.
    pub fn theme(&self, background: Option<Background>) -> Theme {
        let background = match self.base {
            ThemeBase::Auto => Some(background.unwrap_or(Background::Dark)),
            ThemeBase::Dark => Some(Background::Dark),
            ThemeBase::Light => Some(Background::Light),
            ThemeBase::None => None,
        };
        Theme {
            background,
            own: self.own.clone(),
        }
    }
}

/// The key in a `[theme.NAME]` table that names the built-in theme to start from.
const BASE: &str = "base";

/// The value of a key in a `[theme.NAME]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColourValue(String);

impl<'de> Deserialize<'de> for ColourValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ThemeNames;
        impl Visitor<'_> for ThemeNames {
            type Value = ColourValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a colour such as \"red\", 208 or \"#ff8700\"")
            }

            fn visit_str<E>(self, words: &str) -> Result<ColourValue, E> {
                Ok(ColourValue(words.to_owned()))
            }

            fn visit_i64<E>(self, index: i64) -> Result<ColourValue, E> {
                Ok(ColourValue(index.to_string()))
            }
        }
        deserializer.deserialize_any(ThemeNames)
    }
}

/// What is wrong with a `[theme.NAME]` table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// There is no role of this name.
    #[error("nothing is named `{name}`{}", did_you_mean(suggestion.as_deref(), &roles()))]
    UnknownRole {
        /// The name in the config.
        name: String,
        /// What it was probably meant to be.
        suggestion: Option<String>,
    },
    /// A value that is not a colour.
    #[error(
        "`{value}` is no colour; write a name such as \"red\" or \"lightblue\", a number up to \
         255, or \"#rrggbb\""
    )]
    Colour {
        /// The role that it was given for.
        role: Role,
        /// What the config says.
        value: String,
    },
    /// There is no built-in theme of this name.
    #[error("`{0}` is not a theme to start from; write auto, dark, light or none")]
    ThemeBase(String),
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
            Self::ThemeBase(_) => BASE,
        }
    }
}
