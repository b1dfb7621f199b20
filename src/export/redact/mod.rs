//! Redaction: replaces and counts secrets, e-mail addresses and user names in exported text.

mod json;
mod rules;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use self::rules::{RedactionRule, RuleKind};
use crate::rules::Pattern;

/// The number of masked examples that are kept for each rule.
const MAX_EXAMPLES: usize = 3;
/// How many levels of JSON within JSON strings are parsed.
const MAX_DEPTH: usize = 8;

/// Replaces secrets and personal data in text.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<RedactionRule>,
    /// What was replaced, by the index of the rule.
    found: BTreeMap<usize, RedactedCount>,
    depth: usize,
}

/// The settings of a [`Redactor`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redaction {
    /// The home folder of the person.
    pub home: Option<String>,
    /// Additional expressions from the configuration.
    pub own: Vec<Pattern>,
}

impl Redaction {
    /// Makes the redactor, which compiles all expressions.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.home.as_deref(), &self.own)
    }
}

/// How much a rule replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedactedCount {
    /// What the rule finds, such as `API key`.
    pub name: String,
    /// The number of replacements.
    pub count: u64,
    /// Up to three of the replaced texts, masked.
    pub examples: Vec<String>,
}

impl Redactor {
    /// A redactor with the built-in rules, a home folder, and additional expressions. If an expression has
    /// a capture group, only the first group is replaced.
    pub fn new(home: Option<&str>, own: &[Pattern]) -> Self {
        Self {
            rules: rules::all(home, own),
            found: BTreeMap::new(),
            depth: 0,
        }
    }

    /// A redactor that replaces nothing.
    pub fn none() -> Self {
        Self {
            rules: Vec::new(),
            found: BTreeMap::new(),
            depth: 0,
        }
    }

    /// Whether there are any rules.
    pub fn is_on(&self) -> bool {
        !self.rules.is_empty()
    }

    /// The names of the rules, without duplicates.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for rule in &self.rules {
            if !names.contains(&rule.name) {
                names.push(rule.name.clone());
            }
        }
        names
    }

    /// The counts since the start or [`Self::reset_counts`], in the order of the rules.
    pub fn found(&self) -> Vec<RedactedCount> {
        self.found.values().cloned().collect()
    }

    /// Sets all counts back to zero.
    pub fn reset_counts(&mut self) {
        self.found.clear();
    }

    /// Redacts a text. A JSON text stays valid JSON.
    pub fn text<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if !self.is_on() {
            return Cow::Borrowed(text);
        }
        if self.depth < MAX_DEPTH && json::is_json(text) {
            self.depth += 1;
            let redacted = self.json(text);
            self.depth -= 1;
            return redacted;
        }
        let mut text = Cow::Borrowed(text);
        for index in 0..self.rules.len() {
            if let Some(redacted) = self.apply(index, &text) {
                text = Cow::Owned(redacted);
            }
        }
        text
    }

    /// Redacts the strings of a JSON text. Everything else stays byte for byte.
    pub fn json<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if self.is_on() {
            json::redacted(text, self)
        } else {
            Cow::Borrowed(text)
        }
    }

    /// The replacement for the value of a JSON field whose name says that it is secret.
    fn redact_named_value(&mut self, name: &str, value: &str) -> Option<String> {
        let index = self
            .rules
            .iter()
            .position(|rule| rule.kind == RuleKind::ByName)?;
        if !self.rules[index].regex.is_match(name) || !rules::may_be_secret(value) {
            return None;
        }
        let replacement = self.rules[index].replacement.clone();
        self.count(index, value);
        Some(replacement)
    }

    /// Applies one rule; `None` if it changes nothing.
    fn apply(&mut self, index: usize, text: &str) -> Option<String> {
        let rule = &self.rules[index];
        if rule.kind == RuleKind::ByName || !rule.may_be_in(text) {
            return None;
        }
        let (mut out, mut from) = (String::new(), 0);
        let mut replaced = Vec::new();
        for found in rule.regex.captures_iter(text) {
            let Some(secret) = found.get(1).or_else(|| found.get(0)) else {
                continue;
            };
            // An expression may match the empty text, or a replacement by an earlier rule.
            if secret.is_empty() || secret.start() < from || !rule.is_secret(secret.as_str()) {
                continue;
            }
            out.push_str(&text[from..secret.start()]);
            out.push_str(&rule.replacement);
            from = secret.end();
            replaced.push(secret.range());
        }
        if replaced.is_empty() {
            return None;
        }
        out.push_str(&text[from..]);
        for range in replaced {
            self.count(index, &text[range]);
        }
        Some(out)
    }

    fn count(&mut self, index: usize, secret: &str) {
        let rule = &self.rules[index];
        let found = self.found.entry(index).or_insert_with(|| RedactedCount {
            name: rule.name.clone(),
            ..RedactedCount::default()
        });
        found.count += 1;
        if found.examples.len() < MAX_EXAMPLES {
            let example = masked(secret);
            if !found.examples.contains(&example) {
                found.examples.push(example);
            }
        }
    }
}

/// The first characters of a secret, up to four and at most a quarter of it, and its length.
fn masked(secret: &str) -> String {
    let length = secret.chars().count();
    let shown = (length / 4).min(4);
    let begin: String = secret.chars().take(shown).collect();
    let begin = crate::plain::line(&begin);
    format!("{begin}… ({length} characters)")
}

/// The counts for people: one line for each rule, with or without examples.
pub fn redaction_summary(found: &[RedactedCount], with_examples: bool) -> String {
    let mut out = String::new();
    for found in found {
        let _ = write!(out, "{:>8}  {}", found.count, found.name);
        if with_examples && !found.examples.is_empty() {
            let _ = write!(out, ": {}", found.examples.join(", "));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests;
