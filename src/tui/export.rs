//! A conversation as a file: what the person is asked first, what they are told before and after, and
//! the work itself, which is done elsewhere.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::export::redact::{Redaction, Redactor, redaction_summary};
use crate::export::{
    self, ExportError, ExportFormat, ExportOptions, ExportReport, ExportTarget, Train, count,
};
use crate::inbox::ConversationId;
use crate::store::Store;
use crate::tui::form::Form;

/// What files are made with.
#[derive(Debug, Clone, Default)]
pub struct ExportSettings {
    /// Where they go unless the person says otherwise.
    pub folder: PathBuf,
    /// What is taken out of them.
    pub redaction: Redaction,
}

/// A file to be made, or what would be in it to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportJob {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// What.
    pub options: ExportOptions,
    /// Where.
    pub target: ExportTarget,
    /// What is taken out of it; nothing if this is absent.
    pub redaction: Option<Redaction>,
}

/// How far an order is.
#[derive(Debug)]
pub enum News {
    /// What would be taken out is for these things.
    Rules(Vec<String>),
    /// So many turns of so many are done.
    Turns(u64, u64),
    /// It is done, or cannot be.
    Done(Box<Result<ExportReport, ExportError>>),
}

impl ExportJob {
    /// Does it, which takes its time. `tell` says whether anybody wants it any more.
    pub fn carry_out(&self, store: &Store, mut tell: impl FnMut(News) -> bool) {
        let redactor = self.redaction.as_ref().map(Redaction::redactor);
        let mut redactor = redactor.unwrap_or_else(Redactor::none);
        if !tell(News::Rules(redactor.names())) {
            return;
        }
        let done = export::conversation(
            store,
            self.conversation,
            &self.options,
            &mut redactor,
            &self.target,
            &mut |done, all| tell(News::Turns(done, all)),
        );
        tell(News::Done(Box::new(done)));
    }
}

/// The form of a file that is about to be made.
#[derive(Debug)]
pub struct Exporting {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// What.
    pub format: ExportFormat,
    pub(super) form: Form,
    /// A file that is there and that the person was told of: the same again replaces it.
    pub(super) is_there: Option<PathBuf>,
}

impl Exporting {
    /// The form, with a name that is good enough for most.
    pub(super) fn new(
        conversation: ConversationId,
        format: ExportFormat,
        settings: &ExportSettings,
    ) -> Self {
        let file = settings.folder.join(format.file_name(conversation));
        let mut values = json!({"file": file.to_string_lossy(), "redact": true});
        if format == ExportFormat::Messages {
            values["learn"] = "person".into();
        }
        let mut form = Form::with_value(&schema(format), &values).with_verb("write");
        form.focus_field("file");
        Self {
            conversation,
            format,
            form,
            is_there: None,
        }
    }

    /// What the form is about, in words.
    pub(super) fn title(&self) -> String {
        let (number, format) = (self.conversation.number(), self.format.name());
        format!("export conversation {number} as {format}")
    }

    /// What is to be done, or only looked at (`is_dry`).
    pub(super) fn order(&self, is_dry: bool, settings: &ExportSettings) -> ExportJob {
        let values = match self.form.value() {
            Value::Object(values) => values,
            _ => Map::new(),
        };
        let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or("");
        let redacts = values.get("redact").and_then(Value::as_bool) != Some(false);
        let path = in_home(text("file").trim(), settings.redaction.home.as_deref());
        let path = settings.folder.join(path);
        ExportJob {
            conversation: self.conversation,
            options: ExportOptions {
                train: match text("learn") {
                    "approved" => Train::Approved,
                    "all" => Train::All,
                    _ => Train::Person,
                },
                force: self.is_there.as_ref() == Some(&path),
                dry_run: is_dry,
                ..ExportOptions::new(self.format)
            },
            target: ExportTarget::on_disk(&path),
            redaction: redacts.then(|| settings.redaction.clone()),
        }
    }

    /// Whether there is a name to write to.
    pub(super) fn has_name(&self) -> bool {
        let value = self.form.value();
        let file = value.get("file").and_then(Value::as_str);
        file.is_some_and(|file| !file.trim().is_empty())
    }
}

/// What is known of an order, for the view.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What would be taken out, once that is known.
    pub rules: Option<Vec<String>>,
    /// How far it is.
    pub turns: Option<(u64, u64)>,
    /// What would be written, once that was looked at, or why nothing can be.
    pub would: Option<Result<ExportReport, String>>,
}

/// What the person is told before anything is written.
pub(super) fn before(exporting: &Exporting, redacts: bool, known: &Known) -> String {
    let about = exporting.format.about();
    let found = match (&known.would, known.turns) {
        (Some(Ok(report)), _) => {
            let turns = count(report.turns, "turn");
            match redaction_summary(&report.redacted, true) {
                none if none.is_empty() => format!("In {turns}, nothing of it was found.\n"),
                listed => format!("In {turns}, this would be replaced:\n{listed}"),
            }
        }
        (Some(Err(why)), _) => format!("As it is, {why}.\n"),
        (None, Some((done, all))) => format!("Looking: {done} of {all} turns …\n"),
        (None, None) => "Looking …\n".into(),
    };
    if !redacts {
        let found = known.would.as_ref().and_then(|would| would.as_ref().err());
        let found = found.map_or(String::new(), |why| format!("\nAs it is, {why}.\n"));
        return format!(
            "{about}.\n\nNothing is replaced: keys, names and addresses leave as they are.\n{found}"
        );
    }
    let rules = match &known.rules {
        Some(rules) => rules.join(", "),
        None => "…".into(),
    };
    format!(
        "{about}.\n\n{found}\nLooked for and replaced, in all of its text: {rules}. Shapes cannot know \
         everything: look at what you hand on."
    )
}

/// What was done, in a line. Where it is in full stands in the view.
pub(super) fn told(report: &ExportReport) -> String {
    let path = match &report.target {
        ExportTarget::File(path) | ExportTarget::Folder(path) => path.as_path(),
        ExportTarget::Stdout => Path::new("-"),
    };
    let name = path.file_name().unwrap_or(path.as_os_str());
    let replaced: u64 = report.redacted.iter().map(|found| found.count).sum();
    let turns = count(report.turns, "turn");
    format!("wrote {} · {turns} · {replaced} replaced", name.display())
}

/// A path in which `~` is the home folder.
fn in_home(path: &str, home: Option<&str>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(below), Some(home)) => Path::new(home).join(below),
        _ => path.into(),
    }
}

fn schema(format: ExportFormat) -> Value {
    let mut schema = json!({"type": "object", "required": ["file"], "properties": {
        "file": {"type": "string",
            "description": "Where it goes; a folder, or a name that no file has"}}});
    if format == ExportFormat::Messages {
        schema["properties"]["learn"] = json!({"enum": ["person", "approved", "all"],
            "description": "What you wrote, all that you sent, or all that was said"});
    }
    schema["properties"]["redact"] = json!({"type": "boolean",
        "description": "Replace secrets and the names of people"});
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_and_a_home() {
        let settings = ExportSettings {
            folder: "/srv".into(),
            redaction: Redaction {
                home: Some("/home/ann".into()),
                own: Vec::new(),
            },
        };
        let mut exporting = Exporting::new(ConversationId(12), ExportFormat::Html, &settings);
        let order = exporting.order(false, &settings);
        let file = |path: &str| ExportTarget::File(path.into());
        assert_eq!(order.target, file("/srv/conversation-12.html"));
        assert_eq!(order.redaction.as_ref(), Some(&settings.redaction));
        assert!(!order.options.force);
        for (typed, target) in [
            ("a.html", "/srv/a.html"),
            ("/tmp/a.html", "/tmp/a.html"),
            ("~/a.html", "/home/ann/a.html"),
            // There is nobody who reads standard output.
            ("-", "/srv/-"),
        ] {
            let values = json!({"file": typed, "redact": false});
            exporting.form.set_value(&values);
            let order = exporting.order(false, &settings);
            assert_eq!(order.target, file(target), "{typed}");
            assert_eq!(order.redaction, None);
        }
        exporting.is_there = Some("/srv/-".into());
        assert!(exporting.order(false, &settings).options.force);
        exporting.form.set_value(&json!({"file": " "}));
        assert!(!exporting.has_name());
    }
}
