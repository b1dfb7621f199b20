//! The configuration file: parses its text, and finds the line and key of mistakes.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::error::ValueProblem;
use super::export::ExportTable;
use super::model::{DraftingConfig, ModelTable};
use super::{InboxConfig, JournalConfig, ServerConfig, TuiConfig};
use crate::rules::RuleTable;
use crate::study::Study;
use crate::suggestion::suggest;
use crate::tui::keys::keymap::OneOrMany;
use crate::tui::theme::ColourValue;

/// The file as it is written. Absent keys hold their defaults, or `None`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct FileConfig {
    pub listen: Option<String>,
    pub state_dir: Option<String>,
    pub api_key: Option<String>,
    pub models: Option<Vec<String>>,
    pub server: ServerConfig,
    pub inbox: InboxConfig,
    pub journal: JournalConfig,
    pub model: Vec<ModelTable>,
    pub drafting: DraftingConfig,
    pub tui: TuiConfig,
    pub theme: BTreeMap<String, BTreeMap<String, ColourValue>>,
    pub keys: BTreeMap<String, OneOrMany>,
    pub snippets: BTreeMap<String, String>,
    pub rule: Vec<RuleTable>,
    pub export: ExportTable,
    pub study: Study,
}

/// A mistake and where it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Counted from 1.
    pub line: usize,
    /// Such as `server.max_waiting`; empty if the text is not valid TOML.
    pub key: String,
    pub problem: ValueProblem,
}

/// The text of the file with its values.
#[derive(Debug)]
pub(super) struct ParsedFile<'t> {
    text: &'t str,
    pub values: FileConfig,
}

impl<'t> ParsedFile<'t> {
    /// Reads the text; values are checked for their type only.
    pub(super) fn new(text: &'t str) -> Result<Self, Mistake> {
        match toml::from_str(text) {
            Ok(values) => Ok(Self { text, values }),
            Err(error) => Err(mistake_of(text, &error)),
        }
    }

    /// A mistake for a problem with the value of `key`, with its line. `key` is a path such as
    /// `["server", "max_waiting"]`, or `["model", "[0]", "name"]` in the first of several tables.
    pub(crate) fn mistake(&self, key: &[&str], problem: ValueProblem) -> Mistake {
        let offset = DeTable::parse(self.text)
            .ok()
            .and_then(|table| offset_of(table.get_ref(), key));
        Mistake {
            line: line_at(self.text, offset.unwrap_or(0)),
            // The line tells which of several tables it is.
            key: key
                .iter()
                .copied()
                .filter(|part| index(part).is_none())
                .collect::<Vec<_>>()
                .join("."),
            problem,
        }
    }
}

/// Turns the parser's error, which has several lines, into one that names the key.
fn mistake_of(text: &str, error: &toml::de::Error) -> Mistake {
    let offset = error.span().map_or(0, |span| span.start);
    let key = DeTable::parse(text)
        .ok()
        .and_then(|table| key_at(table.get_ref(), offset))
        .unwrap_or_default();
    let message = error.message().replace('\n', "; ");
    let problem = if key.is_empty() {
        ValueProblem::Syntax(format!("this is not valid TOML: {message}"))
    } else if let Some(problem) = unknown_key(&message) {
        problem
    } else if is_secret(&key) {
        // The parser's message would quote the value.
        ValueProblem::Type("expected text in quotes".to_owned())
    } else if message.starts_with("invalid type: map, expected a sequence") {
        let name = key.join(".");
        ValueProblem::Type(format!(
            "write [[{name}]], with two brackets: there may be several"
        ))
    } else {
        ValueProblem::Type(wrong_type(&message))
    };
    Mistake {
        line: line_at(text, offset),
        key: key.join("."),
        problem,
    }
}

/// Whether the value of a key may be secret.
fn is_secret(key: &[String]) -> bool {
    let key: Vec<&str> = key.iter().map(String::as_str).collect();
    matches!(
        key.as_slice(),
        ["api_key"] | ["model", "api_key_env"] | ["model", "headers", ..]
    )
}

/// Reads serde's "unknown field `a`, expected one of `b`, `c`".
fn unknown_key(message: &str) -> Option<ValueProblem> {
    message.strip_prefix("unknown field ")?;
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    let known: Vec<String> = names.map(str::to_owned).collect();
    let names = || known.iter().map(String::as_str);
    let begins = || names().find(|name| name.starts_with(unknown));
    let suggestion = suggest(unknown, names()).or_else(begins);
    let suggestion = suggestion.map(str::to_owned);
    Some(ValueProblem::UnknownKey { suggestion, known })
}

/// Rewrites serde's "invalid type: string "x", expected u32" in everyday words.
fn wrong_type(message: &str) -> String {
    let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return message.to_owned();
    };
    let expected = match expected {
        "u32" | "u64" | "usize" => "a whole number from 0 up",
        "a boolean" => "true or false",
        "a string" => "text in quotes",
        "a sequence" if found == "map" => {
            "several tables, each below a name in double brackets such as [[rule]]"
        }
        "a sequence" => "a list such as [\"a\", \"b\"]",
        "a map" => "a table",
        other => other,
    };
    let found = if found == "map" { "a table" } else { found };
    format!("expected {expected}, not {found}")
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The path of the innermost key at `offset`.
fn key_at(table: &DeTable<'_>, offset: usize) -> Option<Vec<String>> {
    let within = |span: Range<usize>| span.contains(&offset);
    table.iter().find_map(|(key, value)| {
        let mut path = vec![key.get_ref().to_string()];
        if let Some(rest) = key_within(value.get_ref(), offset) {
            path.extend(rest);
            return Some(path);
        }
        (within(key.span()) || within(value.span())).then_some(path)
    })
}

fn key_within(value: &DeValue<'_>, offset: usize) -> Option<Vec<String>> {
    match value {
        DeValue::Table(inner) => key_at(inner, offset),
        DeValue::Array(values) => {
            let mut values = values.iter();
            values.find_map(|value| key_within(value.get_ref(), offset))
        }
        _ => None,
    }
}

/// The byte offset of the key with this path.
fn offset_of(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    let (value, span, rest) = match (value.get_ref(), rest.split_first()) {
        (DeValue::Array(values), Some((place, rest))) if index(place).is_some() => {
            let value = values.get(index(place)?)?;
            (value.get_ref(), value.span(), rest)
        }
        (value, _) => (value, key.span(), rest),
    };
    match value {
        // For a missing key, the table that it is missing in.
        DeValue::Table(inner) if !rest.is_empty() => offset_of(inner, rest).or(Some(span.start)),
        _ => Some(span.start),
    }
}

/// The index in a path component such as `[0]`.
fn index(part: &str) -> Option<usize> {
    part.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}
