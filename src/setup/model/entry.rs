//! A `[[model]]` table as text, and its insertion into a configuration file.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{ChosenModel, ModelSetupOptions};
use crate::api::Format;
use crate::config;
use crate::model::{BaseUrl, Upstream};

/// The values of a `[[model]]` table that `setup model` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelEntry {
    pub name: String,
    pub base_url: String,
    format: Format,
    model: String,
    api_key_env: Option<String>,
}

impl ModelEntry {
    pub(super) fn new(name: String, url: &BaseUrl) -> Self {
        Self {
            model: name.clone(),
            name,
            base_url: url.to_string(),
            format: Format::Chat,
            api_key_env: None,
        }
    }

    /// The entry of a model in the configuration.
    pub(super) fn of(known: &Upstream) -> Self {
        Self {
            name: known.name.clone(),
            base_url: known.url.to_string(),
            format: known.format,
            model: known.model.clone(),
            api_key_env: known.key.as_ref().map(|key| key.name.clone()),
        }
    }

    /// The entry with the changes by the options and the chosen model.
    pub(super) fn with(self, options: &ModelSetupOptions, chosen: Option<&ChosenModel>) -> Self {
        let url = chosen.map(|chosen| chosen.written.clone());
        let model = chosen.map(|chosen| chosen.model.clone());
        Self {
            base_url: url.unwrap_or(self.base_url),
            model: model.or(options.model.clone()).unwrap_or(self.model),
            format: options.format.unwrap_or(self.format),
            api_key_env: options.api_key_env.clone().or(self.api_key_env),
            name: self.name,
        }
    }

    /// Its keys with their TOML values, and whether each is the default and may be left out.
    fn lines(&self) -> Vec<(&'static str, String, bool)> {
        let format = config::format_name(self.format);
        let mut lines = vec![
            ("name", self.name.as_str(), false),
            ("base_url", &self.base_url, false),
            ("format", format, self.format == Format::Chat),
            ("model", &self.model, self.model == self.name),
        ];
        lines.extend(
            self.api_key_env
                .as_deref()
                .map(|key| ("api_key_env", key, false)),
        );
        let lines = lines.into_iter();
        lines
            .map(|(key, value, is_usual)| (key, quoted(value), is_usual))
            .collect()
    }

    /// A configuration text with this table: with new values in the table of its name, or with a new table at
    /// the end. Everything else stays as it is.
    pub(crate) fn put_into(&self, text: &str) -> String {
        let changed = DeTable::parse(text).ok().and_then(|document| {
            let tables = match document.get_ref().get("model")?.get_ref() {
                DeValue::Array(tables) => tables,
                _ => return None,
            };
            let found = tables.iter().find_map(|table| match table.get_ref() {
                DeValue::Table(values) if names(values, &self.name) => {
                    Some((values, text[table.span()].starts_with('{')))
                }
                _ => None,
            });
            let (values, is_inline) = found?;
            Some(self.changed(text, values, is_inline))
        });
        changed.unwrap_or_else(|| {
            let between = match text.trim_end() {
                "" => "",
                trimmed if trimmed.len() + 1 == text.len() => "\n",
                _ if text.ends_with('\n') => "",
                _ => "\n\n",
            };
            format!("{text}{between}{self}")
        })
    }

    fn changed(&self, text: &str, values: &DeTable<'_>, is_inline: bool) -> String {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut added = String::new();
        let mut after_name = text.len();
        for (key, value, is_usual) in self.lines() {
            let known = values.iter().find(|(known, _)| known.get_ref() == key);
            match known {
                Some((_, known)) => {
                    if key == "name" {
                        after_name = known.span().end;
                    }
                    let is_same = match known.get_ref() {
                        DeValue::String(old) if key == "base_url" => self.is_same_url(old),
                        DeValue::String(old) => quoted(old) == value,
                        _ => false,
                    };
                    if !is_same {
                        edits.push((known.span(), value));
                    }
                }
                None if is_usual => {}
                None if is_inline => added += &format!(", {key} = {value}"),
                None => added += &format!("\n{key} = {value}"),
            }
        }
        if !is_inline {
            // After the end of the line, which may have a comment.
            let line = text[after_name..].find(['\r', '\n']);
            after_name += line.unwrap_or(text.len() - after_name);
        }
        edits.push((after_name..after_name, added));
        edits.sort_by_key(|(range, _)| range.start);
        let mut changed = text.to_owned();
        for (range, value) in edits.into_iter().rev() {
            changed.replace_range(range, &value);
        }
        changed
    }

    /// Whether a text is the same base URL, perhaps written differently.
    fn is_same_url(&self, old: &str) -> bool {
        match (BaseUrl::new(old), BaseUrl::new(&self.base_url)) {
            (Ok(old), Ok(new)) => old == new,
            _ => false,
        }
    }
}

/// Whether a table has this name.
fn names(values: &DeTable<'_>, name: &str) -> bool {
    let value = values.get("name").map(|value| value.get_ref());
    matches!(value, Some(DeValue::String(known)) if known == name)
}

/// A text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl fmt::Display for ModelEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "[[model]]")?;
        let lines = self.lines();
        let mut lines = lines.iter().filter(|(.., is_usual)| !is_usual);
        lines.try_for_each(|(key, value, _)| writeln!(f, "{key} = {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> ModelEntry {
        ModelEntry {
            name: "qwen".into(),
            base_url: "http://127.0.0.1:8080".into(),
            format: Format::Chat,
            model: "org/\"q\"".into(),
            api_key_env: None,
        }
    }

    const TABLE: &str =
        "[[model]]\nname = \"qwen\"\nbase_url = \"http://127.0.0.1:8080\"\nmodel = 'org/\"q\"'\n";

    #[test]
    fn a_new_table_comes_last() {
        let entry = entry();
        assert_eq!(entry.to_string(), TABLE);
        for (old, new) in [
            ("", TABLE.to_owned()),
            ("# a\n", format!("# a\n\n{TABLE}")),
            ("# a", format!("# a\n\n{TABLE}")),
            (
                "[tui]\nbell = false\n\n",
                format!("[tui]\nbell = false\n\n{TABLE}"),
            ),
            (
                "[[model]]\nname = \"other\"\n",
                format!("[[model]]\nname = \"other\"\n\n{TABLE}"),
            ),
        ] {
            assert_eq!(entry.put_into(old), new);
            assert_eq!(entry.put_into(&new), new, "once is enough");
        }
    }

    #[test]
    fn a_table_that_is_there_gets_other_values_and_keeps_the_rest() {
        let other = ModelEntry {
            format: Format::Messages,
            api_key_env: Some("KEY".into()),
            base_url: "http://127.0.0.1:9".into(),
            ..entry()
        };
        let old = "# mine\n[[model]]\nname = \"a\"\nbase_url = \"http://a\"\n\n[[model]]\n\
                   base_url = \"http://b\" # there\nname = \"qwen\" # here\nimages = true\n\
                   [model.parameters]\ntemperature = 0\n\n[tui]\nbell = false\n";
        let new = "# mine\n[[model]]\nname = \"a\"\nbase_url = \"http://a\"\n\n[[model]]\n\
                   base_url = \"http://127.0.0.1:9\" # there\nname = \"qwen\" # here\n\
                   format = \"messages\"\nmodel = 'org/\"q\"'\napi_key_env = \"KEY\"\nimages = true\n\
                   [model.parameters]\ntemperature = 0\n\n[tui]\nbell = false\n";
        assert_eq!(other.put_into(old), new);
        assert_eq!(other.put_into(new), new);
        let inline = "model = [{ name = \"qwen\", base_url = \"http://b\" }]\n";
        let changed = other.put_into(inline);
        assert_eq!(
            changed,
            "model = [{ name = \"qwen\", format = \"messages\", model = 'org/\"q\"', \
             api_key_env = \"KEY\", base_url = \"http://127.0.0.1:9\" }]\n"
        );
    }

    #[test]
    fn the_same_base_url_may_be_written_in_another_way() {
        let old = TABLE.replace(":8080", ":8080/v1/");
        assert_eq!(entry().put_into(&old), old);
    }
}
