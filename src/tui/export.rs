//! Exporting a conversation from the terminal: the form, the texts of its view, and the job that the
//! background runs.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::export::redact::{Redaction, Redactor, redaction_summary};
use crate::export::{
    self, ExportError, ExportFormat, ExportOptions, ExportReport, ExportTarget, Train, count,
};
use crate::inbox::ConversationId;
use crate::store::Store;
use crate::tui::form::Form;

/// The configuration of exports.
#[derive(Debug, Clone, Default)]
pub struct ExportSettings {
    /// The folder that files go to unless the person says otherwise.
    pub folder: PathBuf,
    /// What is redacted in them.
    pub redaction: Redaction,
}

/// One export, or a dry run of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportJob {
    /// The conversation to export.
    pub conversation: ConversationId,
    /// Format and options.
    pub options: ExportOptions,
    /// Where the file goes.
    pub target: ExportTarget,
    /// What is redacted; nothing with `None`.
    pub redaction: Option<Redaction>,
}

/// The progress of an export.
#[derive(Debug)]
pub enum ExportUpdate {
    /// The names of the rules of redaction.
    Rules(Vec<String>),
    /// How many turns are done, and how many there are.
    Turns(u64, u64),
    /// It has ended, or failed.
    Done(Box<Result<ExportReport, ExportError>>),
}

impl ExportJob {
    /// Runs the export, which blocks. `tell` is given its progress, and returns whether to go on.
    pub fn run(&self, store: &Store, mut tell: impl FnMut(ExportUpdate) -> bool) {
        let redactor = self.redaction.as_ref().map(Redaction::redactor);
        let mut redactor = redactor.unwrap_or_else(Redactor::none);
        if !tell(ExportUpdate::Rules(redactor.names())) {
            return;
        }
        let done = export::conversation(
            store,
            self.conversation,
            &self.options,
            &mut redactor,
            &self.target,
            &mut |done, all| tell(ExportUpdate::Turns(done, all)),
        );
        tell(ExportUpdate::Done(Box::new(done)));
    }
}

/// The form of an export.
#[derive(Debug)]
pub struct ExportForm {
    /// The conversation to export.
    pub conversation: ConversationId,
    /// The format of the file.
    pub format: ExportFormat,
    pub(super) form: Form,
    /// An existing file that the person was told of: writing to it again replaces it.
    pub(super) existing_file: Option<PathBuf>,
}

impl ExportForm {
    /// The form, filled in with defaults.
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
            existing_file: None,
        }
    }

    /// The title above the form.
    pub(super) fn title(&self) -> String {
        let (number, format) = (self.conversation.number(), self.format.name());
        format!("export conversation {number} as {format}")
    }

    /// The job that the form describes, or a dry run of it.
    pub(super) fn job(&self, is_dry: bool, settings: &ExportSettings) -> ExportJob {
        let values = match self.form.value() {
            Value::Object(values) => values,
            _ => Map::new(),
        };
        let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or("");
        let redacts = values.get("redact").and_then(Value::as_bool) != Some(false);
        let path = expand_home(text("file").trim(), settings.redaction.home.as_deref());
        let path = settings.folder.join(path);
        ExportJob {
            conversation: self.conversation,
            options: ExportOptions {
                train: match text("learn") {
                    "approved" => Train::Approved,
                    "all" => Train::All,
                    _ => Train::Person,
                },
                force: self.existing_file.as_ref() == Some(&path),
                dry_run: is_dry,
                ..ExportOptions::new(self.format)
            },
            target: ExportTarget::on_disk(&path),
            redaction: redacts.then(|| settings.redaction.clone()),
        }
    }

    /// Whether the name of the file is filled in.
    pub(super) fn has_name(&self) -> bool {
        let value = self.form.value();
        let file = value.get("file").and_then(Value::as_str);
        file.is_some_and(|file| !file.trim().is_empty())
    }
}

/// What is known about an export, for the view.
#[derive(Debug, Default)]
pub(super) struct ExportState {
    /// The names of the rules of redaction, once they are known.
    pub rules: Option<Vec<String>>,
    /// How many turns are done, and how many there are.
    pub turns: Option<(u64, u64)>,
    /// The result of the dry run: what would be written, or why nothing can be.
    pub dry_run: Option<Result<ExportReport, String>>,
}

/// The text of the view before anything is written.
pub(super) fn preview(exporting: &ExportForm, redacts: bool, progress: &ExportState) -> String {
    let about = exporting.format.about();
    let found = match (&progress.dry_run, progress.turns) {
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
        let found = progress
            .dry_run
            .as_ref()
            .and_then(|would| would.as_ref().err());
        let found = found.map_or(String::new(), |why| format!("\nAs it is, {why}.\n"));
        return format!(
            "{about}.\n\nNothing is replaced: keys, names and addresses leave as they are.\n{found}"
        );
    }
    let rules = match &progress.rules {
        Some(rules) => rules.join(", "),
        None => "…".into(),
    };
    format!(
        "{about}.\n\n{found}\nLooked for and replaced, in all of its text: {rules}. Shapes cannot know \
         everything: look at what you hand on."
    )
}

/// The result in one line; the view shows all of it.
pub(super) fn summary(report: &ExportReport) -> String {
    let path = match &report.target {
        ExportTarget::File(path) | ExportTarget::Folder(path) => path.as_path(),
        ExportTarget::Stdout => Path::new("-"),
    };
    let name = path.file_name().unwrap_or(path.as_os_str());
    let replaced: u64 = report.redacted.iter().map(|found| found.count).sum();
    let turns = count(report.turns, "turn");
    format!("wrote {} · {turns} · {replaced} replaced", name.display())
}

/// A path with `~/` replaced by the home folder.
fn expand_home(path: &str, home: Option<&str>) -> PathBuf {
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
        let mut exporting = ExportForm::new(ConversationId(12), ExportFormat::Html, &settings);
        let order = exporting.job(false, &settings);
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
            let order = exporting.job(false, &settings);
            assert_eq!(order.target, file(target), "{typed}");
            assert_eq!(order.redaction, None);
        }
        exporting.existing_file = Some("/srv/-".into());
        assert!(exporting.job(false, &settings).options.force);
        exporting.form.set_value(&json!({"file": " "}));
        assert!(!exporting.has_name());
    }
}
