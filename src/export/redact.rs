//! What must not leave: secrets and the names of people, which are replaced in all text on the way
//! out, and counted.

mod json;
mod rules;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use self::rules::{RedactionRule, RuleKind};
use crate::rules::Pattern;

/// How many examples of what a rule replaces are shown.
const MAX_EXAMPLES: usize = 3;
/// How deep JSON in texts of JSON in texts is looked into.
const MAX_DEPTH: usize = 8;

/// Replaces what must not leave.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<RedactionRule>,
    /// What was replaced, by the place of the rule.
    found: BTreeMap<usize, RedactedCount>,
    depth: usize,
}

/// What a [`Redactor`] is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redaction {
    /// The home folder of the person.
    pub home: Option<String>,
    /// Expressions of the person.
    pub own: Vec<Pattern>,
}

impl Redaction {
    /// The redactor, which takes a moment to make.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.home.as_deref(), &self.own)
    }
}

/// What a rule replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedactedCount {
    /// What the rule is for.
    pub name: String,
    /// How often.
    pub count: u64,
    /// Some of it, made unreadable.
    pub examples: Vec<String>,
}

impl Redactor {
    /// One that knows the usual shapes, this home folder, and these expressions; of one that has a
    /// group, only the first group is replaced.
    pub fn new(home: Option<&str>, own: &[Pattern]) -> Self {
        Self {
            rules: rules::all(home, own),
            found: BTreeMap::new(),
            depth: 0,
        }
    }

    /// One that replaces nothing.
    pub fn none() -> Self {
        Self {
            rules: Vec::new(),
            found: BTreeMap::new(),
            depth: 0,
        }
    }

    /// Whether it replaces anything at all.
    pub fn is_on(&self) -> bool {
        !self.rules.is_empty()
    }

    /// What the rules are for, in words, each once.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for rule in &self.rules {
            if !names.contains(&rule.name) {
                names.push(rule.name.clone());
            }
        }
        names
    }

    /// What was replaced so far.
    pub fn found(&self) -> Vec<RedactedCount> {
        self.found.values().cloned().collect()
    }

    /// Forgets what was counted.
    pub fn reset_counts(&mut self) {
        self.found.clear();
    }

    /// A text without what must not leave. One that is JSON stays JSON.
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

    /// A JSON text without what must not leave in its strings. What is not replaced stays byte for
    /// byte.
    pub fn json<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        match self.is_on() {
            true => json::redacted(text, self),
            false => Cow::Borrowed(text),
        }
    }

    /// The value of a field of this name, if the name alone says that it is secret.
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

    /// A text after one rule; `None` if that changes nothing.
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
            // An expression may match nothing, and what is replaced may look like a secret again.
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

/// What is left of a secret to know it by: its first characters, fewer of a short one.
fn masked(secret: &str) -> String {
    let length = secret.chars().count();
    let shown = (length / 4).min(4);
    let begin: String = secret.chars().take(shown).collect();
    let begin = crate::plain::line(&begin);
    format!("{begin}… ({length} characters)")
}

/// What was replaced, for people: a line for each rule, with examples perhaps.
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
