//! The `[export]` table.

use std::path::Path;

use serde::Deserialize;

use crate::export::redact::Redaction;
use crate::rules::{Case, Pattern};

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct ExportTable {
    redact: Vec<String>,
}

/// The `[export]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportConfig {
    /// Expressions for text that is replaced in exports, in addition to the built-in rules.
    pub redact: Vec<Pattern>,
}

impl ExportConfig {
    /// The redaction settings of a person with this home folder.
    pub(crate) fn redaction(&self, home: Option<&Path>) -> Redaction {
        Redaction {
            home: home.and_then(Path::to_str).map(str::to_owned),
            own: self.redact.clone(),
        }
    }
}

/// Checks the table. An error comes with the index of the expression.
pub(super) fn check(table: &ExportTable) -> Result<ExportConfig, (usize, String)> {
    let pattern = |(place, text): (usize, &String)| {
        Pattern::new(text, Case::Matters).map_err(|why| (place, format!("`{text}`: {why}")))
    };
    let redact = table.redact.iter().enumerate().map(pattern);
    Ok(ExportConfig {
        redact: redact.collect::<Result<_, _>>()?,
    })
}
