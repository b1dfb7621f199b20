//! Exporting a conversation to a file: the choice of a format, the form, and the result.

use crossterm::event::KeyEvent;

use super::{App, Dialog, Effect, Focus, Level, PickerPurpose};
use crate::export::{ExportError, ExportFormat, ExportReport};
use crate::inbox::ConversationId;
use crate::tui::export::{ExportForm, ExportState, ExportUpdate, preview, summary};
use crate::tui::form::FormOutcome;
use crate::tui::keys::action::Action;
use crate::tui::picker::{Choice, Picker};
use crate::tui::views::{TextView, ViewCommand};

/// The title of the view.
const TITLE: &str = "export";

/// The state of the export that is being set up or written.
#[derive(Debug, Default)]
pub(super) struct ExportDialog {
    /// The conversation that a format is chosen for.
    conversation: Option<ConversationId>,
    progress: ExportState,
    /// The form of the export that is being written, to be shown again if writing fails.
    written_form: Option<Box<ExportForm>>,
}

impl App {
    /// Lets the person choose a format for the export; closes the view of an export if it is open.
    pub(super) fn export(&mut self) {
        if self.is_export_view_open() {
            self.focus = Focus::Composer;
            return;
        }
        let Some(id) = self.target_conversation() else {
            return self.say(Level::Info, "no conversation to export");
        };
        if !self.store().has_journal() {
            return self.say(Level::Info, "nothing is kept that could be exported");
        }
        if self.exports.written_form.is_some() {
            return self.say(Level::Info, "another file is still being written");
        }
        let choices = ExportFormat::ALL.map(|format| Choice::new(format.name(), format.about()));
        let picker = Picker::new("export: as what", choices.into());
        self.exports.conversation = Some(id);
        self.notice = None;
        self.dialog = Dialog::Picker(PickerPurpose::Export, Box::new(picker));
    }

    /// Opens the form of the export in the chosen format, and previews the redaction.
    pub(super) fn choose_format(&mut self, index: usize) {
        let format = ExportFormat::ALL.get(index).copied();
        let Some((id, format)) = self.exports.conversation.take().zip(format) else {
            return;
        };
        let exporting = ExportForm::new(id, format, &self.settings.export);
        let view = TextView::new(TITLE, String::new()).opened_by(Action::Export);
        self.focus = Focus::View(Box::new(view));
        self.dialog = Dialog::Export(Box::new(exporting));
        self.preview_redaction();
    }

    /// Handles a key in the form of the export.
    pub(super) fn on_export_key(&mut self, key: KeyEvent, action: Option<Action>) {
        let Dialog::Export(exporting) = &mut self.dialog else {
            return;
        };
        match action {
            Some(Action::Cancel | Action::Interrupt | Action::Export) => {
                self.dialog = Dialog::None;
                if self.is_export_view_open() {
                    self.focus = Focus::Composer;
                }
                return;
            }
            Some(action) if action.scrolls() => {
                return self.run_view_command(ViewCommand::of_action(action));
            }
            _ => {}
        }
        let settings = &self.settings.export;
        let before = exporting.job(true, settings);
        let outcome = exporting.form.on_key(key);
        let after = exporting.job(true, settings);
        if outcome == FormOutcome::Submit {
            self.write_export();
        } else if (before.options.train, before.redaction) != (after.options.train, after.redaction)
        {
            self.preview_redaction();
        }
    }

    /// Begins a dry run that finds out what would be redacted.
    fn preview_redaction(&mut self) {
        if let Dialog::Export(exporting) = &self.dialog {
            let job = exporting.job(true, &self.settings.export);
            self.exports.progress = ExportState::default();
            self.effects.push(Effect::Export(Box::new(job)));
        }
        self.show_export();
    }

    fn write_export(&mut self) {
        let Dialog::Export(exporting) = std::mem::take(&mut self.dialog) else {
            return;
        };
        if !exporting.has_name() {
            self.dialog = Dialog::Export(exporting);
            return self.say(Level::Bad, "a file has a name");
        }
        let job = exporting.job(false, &self.settings.export);
        self.exports.progress.turns = None;
        self.exports.written_form = Some(exporting);
        self.effects.push(Effect::Export(Box::new(job)));
        self.show_export();
    }

    /// Handles an update of an [`Effect::Export`]; `is_dry` says whether it was a dry run.
    pub fn on_export(&mut self, is_dry: bool, news: ExportUpdate) {
        let progress = &mut self.exports.progress;
        match news {
            ExportUpdate::Rules(rules) => progress.rules = Some(rules),
            ExportUpdate::Turns(done, all) => progress.turns = Some((done, all)),
            ExportUpdate::Done(done) if is_dry => {
                progress.dry_run = Some(done.map_err(|error| error.to_string()));
            }
            ExportUpdate::Done(done) => return self.on_written(*done),
        }
        if let Some((done, all)) = progress.turns.filter(|_| !is_dry) {
            let words = format!("writing: {done} of {all} turns");
            let is_own = |text: &str| text.starts_with("writing: ");
            // Progress does not replace other notices.
            if self.notice.as_ref().is_none_or(|said| is_own(&said.text)) {
                self.say_news(Level::Info, words);
            }
        }
        self.show_export();
    }

    fn on_written(&mut self, done: Result<ExportReport, ExportError>) {
        let exporting = self.exports.written_form.take();
        let error = match done {
            Ok(report) => {
                if self.is_export_view_open() {
                    // While the view is open nothing is typed, so the notice may take more rows.
                    self.say(Level::Good, summary(&report))
                } else {
                    self.say_news(Level::Good, summary(&report))
                }
                return self.show_in_export(report.to_string());
            }
            Err(error) => error,
        };
        let there = match &error {
            ExportError::Exists(path) => Some(path.clone()),
            _ => None,
        };
        let why = match &there {
            Some(path) => format!("{} is there already", path.display()),
            None => error.to_string(),
        };
        let can_change = self.is_export_view_open() && matches!(self.dialog, Dialog::None);
        let Some(mut exporting) = exporting.filter(|_| can_change) else {
            return self.say_news(Level::Bad, format!("nothing was written: {why}"));
        };
        match there.as_ref().and_then(|path| path.file_name()) {
            Some(name) => self.say(
                Level::Bad,
                format!("{} is there; Enter again replaces it", name.display()),
            ),
            None => self.say(Level::Bad, format!("nothing was written: {why}")),
        }
        exporting.existing_file = there;
        self.dialog = Dialog::Export(exporting);
        self.show_export();
    }

    /// Whether the view of the export is open.
    fn is_export_view_open(&self) -> bool {
        self.view()
            .is_some_and(|view| view.is_opened_by(Action::Export))
    }

    /// Updates the text of the view.
    fn show_export(&mut self) {
        let progress = &self.exports.progress;
        let text = match (&self.dialog, &self.exports.written_form) {
            (Dialog::Export(exporting), _) => {
                let job = exporting.job(true, &self.settings.export);
                preview(exporting, job.redaction.is_some(), progress)
            }
            (_, Some(_)) => match progress.turns {
                Some((done, all)) => format!("Writing: {done} of {all} turns …"),
                None => "Writing …".into(),
            },
            _ => return,
        };
        self.show_in_export(text);
    }

    fn show_in_export(&mut self, text: String) {
        if self.is_export_view_open()
            && let Focus::View(view) = &mut self.focus
        {
            view.set_text(text);
        }
    }
}
