//! Which model, rule or script took part in a reply.

use std::fmt;

use super::{Call, Draft, Origin, Part, Sender, Source};

/// The contribution to a reply of others than the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The name of the model that wrote some of it.
    pub model: Option<String>,
    /// Whether the text of the model was changed.
    pub is_edited: bool,
    /// The sender.
    pub sender: Sender,
    /// The name of the rule that wrote some of it.
    pub rule: Option<String>,
}

impl Contribution {
    /// The contribution to a reply; `None` if the person alone wrote and sent it.
    pub fn of(draft: &Draft) -> Option<Self> {
        let mut found = Contributors::default();
        found.text(&draft.text, &draft.origin, draft.cut);
        found.call(draft.call.as_ref());
        for part in &draft.parts {
            found.part(part);
        }
        found.rule = found.rule.or(match &draft.sender {
            Sender::Rule(rule) => Some(rule.clone()),
            Sender::Person | Sender::Auto { .. } | Sender::Script => None,
        });
        if let Sender::Auto { model, .. } = &draft.sender {
            found.model.get_or_insert_with(|| model.clone());
        }
        let is_alone = found.model.is_none() && found.rule.is_none() && draft.sender.is_person();
        (!is_alone).then(|| Self {
            is_edited: found.model.is_some() && (found.has_others || found.is_cut),
            model: found.model,
            rule: found.rule,
            sender: draft.sender.clone(),
        })
    }
}

impl fmt::Display for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.sender {
            Sender::Auto { .. } => "auto",
            Sender::Person | Sender::Rule(_) | Sender::Script => "draft",
        };
        if self.sender == Sender::Script {
            return f.write_str("script");
        }
        if let Some(model) = &self.model {
            write!(f, "{how} {model}")?;
        }
        if self.is_edited {
            f.write_str(", edited")?;
        }
        if let Some(rule) = &self.rule {
            let between = if self.model.is_some() { ", " } else { "" };
            write!(f, "{between}rule \"{rule}\"")?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct Contributors {
    model: Option<String>,
    rule: Option<String>,
    has_others: bool,
    is_cut: bool,
}

impl Contributors {
    fn part(&mut self, part: &Part) {
        self.text(&part.text, &part.origin, part.cut);
        self.call(part.call.as_ref());
    }

    fn text(&mut self, text: &str, origin: &Origin, is_cut: bool) {
        self.is_cut |= is_cut;
        for span in origin.spans() {
            match &span.source {
                Source::Model { model, .. } => self.model = Some(model.clone()),
                Source::Rule(rule) => self.rule = Some(rule.clone()),
                _ => self.has_others = true,
            }
        }
        // White space at the end is not sent.
        self.has_others |= origin.chars() < text.trim_end().chars().count();
    }

    fn call(&mut self, call: Option<&Call>) {
        let Some(call) = call else {
            return;
        };
        match &call.drafted {
            Some(drafted) => {
                self.model = Some(drafted.model.clone());
                self.has_others |= drafted.is_edited;
            }
            None => self.has_others = true,
        }
    }
}
