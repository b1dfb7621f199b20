//! The state of the terminal interface, and all that changes it: key presses become [`Action`]s,
//! actions change the [`App`]. It touches no terminal, clock, disk or network, so that tests can drive
//! it alone; what must happen outside is returned as [`Effect`]s, which the loop in
//! [`run`](crate::tui::run) carries out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use self::attention::Attention;
use self::conversations::ConversationSearch;
use self::draft_saving::{ConversationUi, UnsavedDrafts};
pub use self::focus::Focus;
use self::paths::Paths;
pub use self::prompt::Prompt;
pub use self::rule::NewRule;
pub use self::turns::TurnPurpose;
use crate::agents::{ALLOW, BLOCK};
use crate::inbox::{Conversation, ConversationId, DraftRequest, Inbox};
use crate::store::{Saving, Store};
use crate::study::Study;
use crate::tui::composer::{ArgumentsEditor, Composer, ReplyKind};
use crate::tui::export::{ExportForm, ExportJob};
use crate::tui::form::{self, Form};
use crate::tui::inbox::InboxList;
use crate::tui::keys::action::Action;
use crate::tui::keys::keymap::Keymap;
use crate::tui::marks::MarksForm;
use crate::tui::picker::Picker;
use crate::tui::pictures::Picture;
use crate::tui::search::Finder;
use crate::tui::transcript::Transcript;

mod attention;
mod auto_start;
mod blocks;
mod compose;
mod composer_drafts;
mod conversations;
mod dialogs;
mod dismiss;
mod draft_saving;
mod events;
mod export;
mod find;
mod focus;
mod forced_call;
mod marks;
mod model_drafts;
mod mouse;
mod navigate;
mod palette;
mod paths;
mod process;
mod prompt;
mod recall;
mod rule;
mod study;
mod takeover;
mod turns;
mod unsend;

/// Something that must happen outside of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Leave the program.
    Quit,
    /// Stop until the shell says to go on.
    Suspend,
    /// Open the draft in the person's editor.
    Edit,
    /// Read a conversation of an earlier run, for [`App::on_loaded`].
    Load(ConversationId),
    /// Find the conversations that have these words, the newest ones without any, for
    /// [`App::on_search_results`]. The newest such wish is the only one that counts.
    FindConversations(String),
    /// List what is in a folder, for [`App::on_paths`].
    ListPaths(PathBuf),
    /// Ring the terminal's bell.
    Bell,
    /// Show a desktop notification, because the terminal does not have the focus.
    Notify(String),
    /// Clear the screen and draw all of it.
    Redraw,
    /// Reload the configuration.
    Reload,
    /// Write a rule into the configuration, and reload that.
    SaveRule(Box<NewRule>),
    /// Hand a text to the terminal's clipboard.
    Copy(String),
    /// Show a text in the person's pager.
    Page(String),
    /// Export a conversation to a file, or find out what would be in that file, for
    /// [`App::on_export`].
    Export(Box<ExportJob>),
    /// Read the turns of a conversation, for [`App::on_turns`].
    ReadTurns(ConversationId, TurnPurpose),
    /// Ask the request of a turn again, by its number, as a conversation of its own.
    Fork(ConversationId, usize),
    /// Save pictures as files.
    SavePictures(Vec<Picture>),
    /// Open pictures in another program.
    OpenPictures(Vec<Picture>),
}

/// How serious a [`Notice`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something has worked.
    Good,
    /// Neither a success nor a failure.
    Info,
    /// Something did not work.
    Bad,
}

/// A message on the status line about what just happened: short and in lower case, without a full
/// stop, so that several can be joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// How much it matters.
    pub level: Level,
    /// Whether it is about something that the person did not do themselves. Such a notice stays while
    /// they type.
    pub is_news: bool,
}

/// A dialog, which gets the keys in place of the composer.
#[derive(Debug, Default)]
pub enum Dialog {
    /// No dialog is open.
    #[default]
    None,
    /// The question whether to leave although somebody waits.
    Quit,
    /// The question whether to delete a conversation for good.
    Delete(ConversationId),
    /// A list to choose from.
    Picker(PickerPurpose, Box<Picker>),
    /// The form of a shell command's options, such as its directory and its timeout.
    Options(Box<Form>),
    /// The list of the parts of the reply, and the index of the selected one.
    Parts(usize),
    /// The search in the transcript.
    Find(Box<Finder>),
    /// A prompt for one line of text.
    Prompt(Box<Prompt>),
    /// The form of an export: where the file goes and what is in it.
    Export(Box<ExportForm>),
    /// The form of a conversation's labels, rating and note.
    Marks(Box<MarksForm>),
}

impl Dialog {
    /// Whether it is a question that is answered with `y` or `n`.
    pub fn is_question(&self) -> bool {
        matches!(self, Self::Quit | Self::Delete(_))
    }

    /// The dialog's form, if it has one.
    pub(super) fn form(&self) -> Option<&Form> {
        match self {
            Self::Options(form) => Some(form),
            Self::Export(exporting) => Some(&exporting.form),
            Self::Marks(marking) => Some(&marking.form),
            _ => None,
        }
    }

    /// The title above a form that is not about the reply; `None` for all other dialogs.
    pub(super) fn title(&self) -> Option<String> {
        match self {
            Self::Export(exporting) => Some(exporting.title()),
            Self::Marks(marking) => Some(marking.title()),
            _ => None,
        }
    }
}

/// What a picker is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickerPurpose {
    /// A tool to call.
    Tool,
    /// A snippet or an earlier reply to insert.
    Recall,
    /// A conversation to open.
    Conversation,
    /// An action to run, from the palette.
    Action,
    /// A path to complete, after `@`.
    Path,
    /// A model to ask for a draft.
    Model,
    /// What a rule is to do.
    RuleAction,
    /// What a rule applies to.
    Rule,
    /// The format of a file.
    Export,
    /// A turn to ask again.
    Turn,
}

/// Settings from the configuration and the command line. They change only when the configuration is
/// reloaded.
#[derive(Debug)]
pub struct AppSettings {
    /// Which keys are bound to which actions.
    pub keymap: Keymap,
    /// The time zone of all times that are shown.
    pub zone: TimeZone,
    /// Whether a new request rings the bell.
    pub bell: bool,
    /// After how much waiting the bell rings again; `None` if it never does.
    pub remind_after: Option<Duration>,
    /// Whether the next conversation that waits opens when one is answered.
    pub auto_advance: bool,
    /// The base URL that agents are given, for the welcome screen.
    pub base_url: String,
    /// The command that sets Codex up for that URL, for the welcome screen.
    pub setup: String,
    /// Snippets: their names and their texts.
    pub snippets: Vec<(String, String)>,
    /// How long an answer or a rejection is delayed, so that it can be taken back; zero sends at once.
    pub unsend: Duration,
    /// Where exports go and what is redacted in them.
    pub export: crate::tui::export::ExportSettings,
}

/// The state of the terminal interface.
#[derive(Debug)]
pub struct App {
    /// What is configured.
    pub settings: AppSettings,
    /// The current time, which the loop sets before each event.
    pub now: Timestamp,
    pub(super) inbox: Inbox,
    /// The conversation whose transcript is on the screen.
    pub(super) open: Option<ConversationId>,
    /// The conversation that the last "new request" notice was about, until another one is opened.
    announced: Option<ConversationId>,
    pub(super) focus: Focus,
    pub(super) dialog: Dialog,
    pub(super) notice: Option<Notice>,
    /// A lasting problem, such as a journal that cannot be written; shown until it is over.
    pub(super) alert: Option<String>,
    /// Composer, drafts and transcript of each conversation that was looked at.
    conversation_uis: HashMap<ConversationId, ConversationUi>,
    /// The composer while no conversation is open.
    scratch: Composer,
    unsaved_drafts: UnsavedDrafts,
    effects: Vec<Effect>,
    /// The reply that can still be taken back.
    delayed_reply: Option<unsend::DelayedReply>,
    /// The conversation in which a model is about to begin to answer by itself.
    pending_auto: Option<auto_start::PendingAuto>,
    /// Whether the last key was the interrupt key.
    interrupted: bool,
    /// Set if the last key tried to send something that has a fault: the same key again sends it.
    pub(super) confirm_anyway: Option<compose::ConfirmAnyway>,
    /// The index in `recalls`, counted from the newest, that the arrow keys have reached.
    recall_position: Option<usize>,
    /// What the choices of the open recall list stand for.
    recall_choices: Vec<recall::Recallable>,
    /// Earlier replies, oldest first, and the conversations that they were sent in.
    recalls: Vec<(String, Option<ConversationId>)>,
    conversation_search: ConversationSearch,
    attention: Attention,
    paths: Paths,
    /// The last query of the search in the transcript.
    last_query: String,
    /// The hint that was typed before the person went to choose another model.
    hint: String,
    /// The rule that is being made in dialogs.
    pending_rule: Option<rule::PendingRule>,
    /// The export that is being set up or written.
    exports: self::export::ExportDialog,
    /// The conversation whose turns are listed to be forked.
    fork_conversation: Option<ConversationId>,
    /// Whether a model has sent something in the open conversation since its transcript was updated.
    needs_sync: bool,
    /// The list of conversations on the screen.
    pub(super) list: InboxList,
    /// The area of the screen that the transcript takes; `None` if it is not shown.
    pub(super) transcript_area: Option<Rect>,
}

impl App {
    /// The state at the start of the program.
    pub fn new(settings: AppSettings, store: Store, now: Timestamp) -> Self {
        let recalls = store.recalls();
        Self {
            settings,
            now,
            inbox: Inbox::new(store),
            open: None,
            announced: None,
            focus: Focus::default(),
            dialog: Dialog::default(),
            notice: None,
            alert: None,
            conversation_uis: HashMap::new(),
            scratch: Composer::default(),
            unsaved_drafts: UnsavedDrafts::default(),
            effects: Vec::new(),
            delayed_reply: None,
            pending_auto: None,
            interrupted: false,
            confirm_anyway: None,
            recall_position: None,
            recall_choices: Vec::new(),
            recalls,
            conversation_search: ConversationSearch::default(),
            attention: Attention::default(),
            paths: Paths::default(),
            last_query: String::new(),
            hint: String::new(),
            pending_rule: None,
            exports: self::export::ExportDialog::default(),
            fork_conversation: None,
            needs_sync: false,
            list: InboxList::default(),
            transcript_area: None,
        }
    }

    /// The store of the inbox.
    pub fn store(&self) -> &Store {
        self.inbox.store()
    }

    /// Sets the configuration of the study.
    pub fn set_study(&mut self, study: Study) {
        self.inbox.set_study(study, self.now);
    }

    /// The open conversation.
    pub fn conversation(&self) -> Option<&Conversation> {
        self.inbox.get(self.open?)
    }

    /// The composer of the open conversation.
    pub fn composer(&self) -> &Composer {
        let own = self.open.and_then(|id| self.conversation_uis.get(&id));
        own.map_or(&self.scratch, |own| &own.composer)
    }

    /// The transcript of the open conversation.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.conversation_uis.get(&self.open?)?.transcript.as_ref()
    }

    /// Returns what must happen outside, and removes it from the state.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether a reply was sent or delivered since the last [`App::take_saving`].
    pub fn has_saving(&self) -> bool {
        self.inbox.has_saving()
    }

    /// The last write to the store of a reply that was sent or delivered since the last call; `None`
    /// if there was none.
    pub fn take_saving(&mut self) -> Option<Saving> {
        self.inbox.take_saving()
    }

    /// The title of the terminal.
    pub fn title(&self) -> String {
        match self.inbox.waiting() {
            0 => "humanllm".into(),
            waiting => format!("({waiting}) humanllm"),
        }
    }

    /// How long until [`App::on_tick`] must be called because something changes with time; `None` if
    /// nothing does.
    pub fn next_tick(&self) -> Option<Duration> {
        if let Dialog::Find(finder) = &self.dialog
            && finder.is_searching()
        {
            return Some(Duration::ZERO);
        }
        let past = Duration::from_nanos(self.now.subsec_nanosecond().unsigned_abs().into());
        let second = Duration::from_secs(1).saturating_sub(past);
        let time = (self.inbox.waiting() > 0).then_some(second);
        let due = self.inbox.next_deadline().map(|at| {
            let wait = Duration::try_from(at.duration_since(self.now));
            wait.unwrap_or_default()
        });
        let waits = [
            time,
            due,
            self.next_countdown_tick(),
            self.next_auto_start(),
        ];
        waits.into_iter().flatten().min()
    }

    /// Does what is due by now: delayed replies, models that begin by themselves, reminders, and the
    /// next step of a search.
    pub fn on_tick(&mut self) {
        self.send_due();
        self.start_due_auto();
        for change in self.inbox.process_deadlines(self.now) {
            self.on_change(change);
        }
        self.continue_search();
        self.remind_of_waiting();
    }

    /// Handles all input events that have arrived by now.
    ///
    /// Where a terminal knows no bracketed paste, pasted lines look like typed ones that all came
    /// at once. A submit key with more text behind it is therefore a line break.
    pub fn on_input(&mut self, events: Vec<event::Event>) {
        if let Some(rows) = self.wheel_from_arrows(&events) {
            return self.with_searchable(|reading| reading.scroll(rows));
        }
        let keys = events.iter().filter_map(event::Event::as_key_press_event);
        if let Some(id) = self.open {
            self.inbox.record_keys(id, keys.clone().count(), self.now);
        }
        let mut after_submit = keys.skip_while(|key| !self.submits(key)).skip(1);
        let is_pasted = self.accepts_text() && after_submit.any(|key| types(&key));
        // In one piece, because the text area lays itself out anew with each change.
        let mut pasted = String::new();
        for event in events {
            match event {
                event::Event::Key(key) if is_pasted && self.submits(&key) => pasted.push('\n'),
                event::Event::Key(KeyEvent {
                    code: KeyCode::Tab, ..
                }) if is_pasted => pasted.push('\t'),
                event::Event::Key(key) if is_pasted && types(&key) => {
                    pasted.extend(key.code.as_char());
                }
                event => {
                    self.on_paste(&std::mem::take(&mut pasted));
                    match event {
                        event::Event::Key(key) => self.on_key(key),
                        event::Event::Paste(text) => self.on_paste(&text),
                        event::Event::Mouse(event) => self.on_mouse(event),
                        event::Event::FocusGained => self.on_focus(true),
                        event::Event::FocusLost => self.on_focus(false),
                        _ => {}
                    }
                }
            }
        }
        self.on_paste(&pasted);
    }

    /// Handles a key press.
    pub fn on_key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let looked_elsewhere = !self.is_composing() || !matches!(self.dialog, Dialog::None);
        self.dispatch_key(key);
        self.start_due_auto();
        if looked_elsewhere && self.open.is_none() && self.is_idle() {
            // The dialog or view that kept a new request from opening is closed.
            if let Some(id) = self.next_waiting() {
                self.open_conversation(id);
            }
        }
    }

    fn dispatch_key(&mut self, key: KeyEvent) {
        self.note_activity();
        let action = self.settings.keymap.action(&key);
        let again = std::mem::take(&mut self.interrupted);
        let recall_position = self.recall_position.take();
        // A notice about the last key is outdated.
        self.notice
            .take_if(|notice| action.is_some() || !notice.is_news);
        self.confirm_anyway
            .take_if(|confirm_anyway| action != Some(confirm_anyway.action));
        if self.key_while_delayed(action) {
            return;
        }
        if !matches!(self.dialog, Dialog::None) && self.on_dialog_key(key, action) {
            return;
        }
        if self.on_focused_key(key, action) {
            return;
        }
        if !matches!(
            action,
            Some(Action::NextConversation | Action::PreviousConversation)
        ) {
            self.list.release();
        }
        match action {
            None => self.take_over_by_typing(&key),
            Some(Action::Cancel) if self.act_on_model_draft(Action::Cancel) => return,
            Some(_) => {}
        }
        if self.on_call_editor_key(key, action) {
            return;
        }
        match action {
            Some(action) => self.act(action, again),
            None if self.composer_has_keys() && self.walk_recalls(key, recall_position) => {}
            None => self.type_key(key),
        }
    }

    /// Whether keys edit the text of the composer.
    fn composer_has_keys(&self) -> bool {
        self.is_composing() && self.composer().kind != ReplyKind::Tool
    }

    /// Handles pasted text, which never runs an action.
    pub fn on_paste(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.confirm_anyway = None;
        self.recall_position = None;
        self.notice.take_if(|notice| !notice.is_news);
        if matches!(self.dialog, Dialog::Delete(_)) {
            // Pasting is no answer to the question.
            self.dialog = Dialog::None;
        }
        if self.is_in_inbox() && matches!(self.dialog, Dialog::None) && self.list.is_filtering() {
            return self.list.paste(text, &self.inbox);
        }
        if matches!(self.dialog, Dialog::Picker(PickerPurpose::Path, _)) {
            // The text goes into the composer, and the list of paths closes.
            self.dialog = Dialog::None;
        }
        if !self.accepts_text() {
            let key = self.key_of(Action::Cancel);
            return self.say(
                Level::Info,
                format!("nothing to paste into here; {key} goes back"),
            );
        }
        match &mut self.dialog {
            Dialog::Quit | Dialog::Delete(_) | Dialog::Parts(_) => {}
            Dialog::Prompt(prompt) => prompt.paste(text),
            Dialog::Picker(purpose, picker) => {
                picker.paste(text);
                if *purpose == PickerPurpose::Conversation {
                    self.update_conversation_search();
                }
            }
            Dialog::Options(form) => {
                form.paste(text);
            }
            Dialog::Export(exporting) => {
                exporting.form.paste(text);
            }
            Dialog::Marks(marking) => marking.paste(text),
            Dialog::Find(finder) => {
                finder.paste(text);
                self.search_from_start();
            }
            Dialog::None => {
                self.begin_typing();
                match self.composer_mut().open_call() {
                    Some(call) => call.paste(text),
                    None => self.paste(text),
                }
                self.draft_changed();
            }
        }
    }

    /// Puts pasted text into the composer, a long one folded.
    fn paste(&mut self, text: &str) {
        if self.composer_mut().paste(text) {
            let key = self.key_of(Action::ExpandPaste);
            self.say(Level::Info, format!("{key} shows the pasted text"));
        }
    }

    /// Replaces the draft with the text that was saved in the person's editor.
    pub fn on_edited(&mut self, text: &str) {
        // Editors end the last line; a draft does not.
        let text = text.strip_suffix('\n').unwrap_or(text);
        match self.composer_mut().open_call() {
            Some(call) => call.set_text(text),
            None => self.composer_mut().edited(text),
        }
        self.draft_changed();
    }

    /// Handles an editor that failed: the draft stays as it is, and a text that the editor had saved
    /// can be recalled. Returns the write of that text.
    pub fn on_edit_failed(&mut self, text: Option<String>, failure: &str) -> Saving {
        let (saving, recall) = match text {
            Some(text) => {
                let key = self.key_of(Action::Recall);
                let recall = format!("; {key} recalls what it saved");
                (self.add_recall(text), recall)
            }
            None => Default::default(),
        };
        self.say(
            Level::Bad,
            format!("{failure}; the draft is unchanged{recall}"),
        );
        saving
    }

    /// Sets the problem that is shown until it is over, or `None`.
    pub fn set_alert(&mut self, alert: Option<String>) {
        self.alert = alert;
    }

    /// Shows a notice until the next key.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            level,
            is_news: false,
        });
    }

    /// Shows a notice about something that the person did not do; it stays while they type.
    fn say_news(&mut self, level: Level, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            level,
            is_news: true,
        });
    }

    /// Whether a key is bound to [`Action::Submit`].
    pub(super) fn submits(&self, key: &KeyEvent) -> bool {
        self.settings.keymap.action(key) == Some(Action::Submit)
    }

    /// Whether there is a field that text can be pasted into.
    fn accepts_text(&self) -> bool {
        self.is_composing() || !matches!(self.dialog, Dialog::None)
    }

    fn act(&mut self, action: Action, again: bool) {
        if self.act_on_model_draft(action) {
            return;
        }
        match action {
            Action::Submit => self.submit(),
            Action::Newline => self.newline(),
            Action::NextKind => self.step_kind(true),
            Action::PreviousKind => self.step_kind(false),
            Action::CallTool => self.pick_tool(""),
            Action::ToggleForm => self.toggle_form(),
            Action::Options => self.ask_options(),
            Action::ContinueProcess => self.continue_process(),
            Action::InterruptProcess => self.interrupt_process(),
            Action::EndInput => self.end_process_input(),
            Action::AddPart => self.add_part(),
            Action::Parts => self.change_parts(),
            Action::Skeleton => self.insert_skeleton(),
            Action::Allow => self.decide(ALLOW),
            Action::Block => self.decide(BLOCK),
            Action::Live => self.toggle_live(),
            Action::Draft => self.ask_for_draft(DraftRequest::default()),
            Action::DraftWith => self.ask_for_hint(),
            Action::ContinueDraft => self.continue_draft(),
            Action::NextDraft => self.step_draft(true),
            Action::PreviousDraft => self.step_draft(false),
            Action::Mode => self.change_mode(),
            Action::SaveRule => self.make_rule(),
            Action::Recall => self.recall(),
            Action::Editor => self.effects.push(Effect::Edit),
            Action::ExpandPaste => {
                if self.composer_mut().expand_paste() {
                    self.draft_changed()
                } else {
                    self.say(Level::Info, "no long paste here")
                }
            }
            Action::Undo | Action::Redo => {
                let redo = action == Action::Redo;
                let composer = self.composer_mut();
                let changed = match composer.open_call() {
                    Some(call) => call.undo(redo),
                    None if redo => composer.redo(),
                    None => composer.undo(),
                };
                if changed {
                    self.draft_changed();
                }
            }
            Action::NextConversation => self.step_conversation(true),
            Action::PreviousConversation => self.step_conversation(false),
            Action::NextWaiting => match self.next_waiting() {
                Some(id) => self.open_conversation(id),
                None => self.say(Level::Info, "no other requests waiting"),
            },
            Action::Inbox => self.toggle_inbox(),
            Action::WidenInbox => self.list.widen(true),
            Action::NarrowInbox => self.list.widen(false),
            Action::Dismiss => self.dismiss(self.target_conversation()),
            Action::DismissDone => self.dismiss_done(),
            Action::LiftRejection => self.lift_rejection(),
            Action::FindConversation => self.find_conversation(),
            Action::Palette => self.open_palette(),
            Action::DeleteConversation => self.ask_to_delete(),
            Action::ScrollUp => self.with_searchable(|reading| reading.scroll_pages(-1)),
            Action::ScrollDown => self.with_searchable(|reading| reading.scroll_pages(1)),
            Action::ScrollLineUp => self.with_searchable(|reading| reading.scroll(-1)),
            Action::ScrollLineDown => self.with_searchable(|reading| reading.scroll(1)),
            Action::ScrollTop => self.with_searchable(|reading| reading.scroll(i64::MIN)),
            Action::ScrollBottom => self.with_searchable(|reading| reading.scroll(i64::MAX)),
            Action::Search => self.find(),
            Action::NextPrompt => self.with_transcript(|transcript| transcript.go_to_prompt(true)),
            Action::PreviousPrompt => {
                self.with_transcript(|transcript| transcript.go_to_prompt(false));
            }
            Action::Copy => self.copy(),
            Action::CopyCode => self.copy_code(),
            Action::Page => self.page(),
            Action::OpenPicture => self.take_pictures(Effect::OpenPictures),
            Action::SavePicture => self.take_pictures(Effect::SavePictures),
            Action::NextBlock => self.with_transcript(|transcript| transcript.select(true)),
            Action::PreviousBlock => self.with_transcript(|transcript| transcript.select(false)),
            Action::Fold => self.with_transcript(Transcript::toggle_fold),
            Action::ShowTools
            | Action::ShowRaw
            | Action::ShowStatistics
            | Action::Provenance
            | Action::Help => {
                self.toggle_view(action);
            }
            Action::Study => self.toggle_study(),
            Action::Export => self.export(),
            Action::Mark => self.ask_for_turns(TurnPurpose::Mark),
            Action::Fork => self.ask_for_turns(TurnPurpose::Fork),
            Action::Cancel => self.cancel(),
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Reload => self.effects.push(Effect::Reload),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Interrupt if again => self.quit(),
            Action::Interrupt if self.clear_draft() => {}
            Action::Interrupt => {
                self.interrupted = true;
                let key = self.key_of(Action::Interrupt);
                self.say(
                    Level::Info,
                    format!("{key} again to quit; the draft is kept"),
                );
            }
            Action::Quit => self.quit(),
        }
    }

    /// The key bound to an action, for a message; empty if none is.
    fn key_of(&self, action: Action) -> String {
        let key = self.settings.keymap.chord(action);
        key.map(ToString::to_string).unwrap_or_default()
    }

    /// Handles a key in the editor of a tool call's arguments; returns whether it was handled.
    fn on_call_editor_key(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        // The form moves between its fields with the keys that send and choose elsewhere.
        let for_fields = matches!(
            action,
            None | Some(Action::Submit | Action::Newline | Action::NextKind | Action::PreviousKind)
        );
        let Some(call) = self.composer_mut().open_call() else {
            return false;
        };
        if action == Some(Action::Cancel) {
            // The call is kept for when the kind is chosen again, unless it was only offered.
            let composer = self.composer_mut();
            composer.withdraw_offer();
            composer.kind = ReplyKind::Send;
            self.draft_changed();
            return true;
        }
        match &mut call.editor {
            ArgumentsEditor::Form(form) if for_fields => {
                match form.on_key(key) {
                    form::FormOutcome::Submit => {
                        self.composer_mut().touch();
                        self.submit();
                    }
                    form::FormOutcome::Consumed => self.draft_changed(),
                    form::FormOutcome::Ignored => return false,
                }
                true
            }
            ArgumentsEditor::Text(area) if action.is_none() => {
                if area.input(key) {
                    self.draft_changed();
                }
                true
            }
            ArgumentsEditor::Text(area) if action == Some(Action::Newline) => {
                area.insert_newline();
                self.draft_changed();
                true
            }
            _ => false,
        }
    }

    fn type_key(&mut self, key: KeyEvent) {
        let composer = self.composer();
        if composer.kind == ReplyKind::Tool && types(&key) {
            // There is no call yet: what is typed is the name of a tool.
            if let KeyCode::Char(first) = key.code {
                return self.pick_tool(&first.to_string());
            }
        }
        if composer.is_empty() {
            match key.code {
                KeyCode::Char('!') if composer.kind != ReplyKind::Command => {
                    match self.unavailable(ReplyKind::Command) {
                        Some(why) => self.say(Level::Info, why),
                        None => {
                            self.composer_mut().kind = ReplyKind::Command;
                            return self.draft_changed();
                        }
                    }
                }
                // A pipe into the pager, as in a shell. Somebody who types a Markdown table has no
                // block selected.
                KeyCode::Char('|') if self.has_selected_block() => {
                    self.key_while_delayed(Some(Action::Page));
                    return self.page();
                }
                KeyCode::Backspace if composer.kind == ReplyKind::Command => {
                    self.composer_mut().kind = ReplyKind::Send;
                    return self.draft_changed();
                }
                _ => {}
            }
        }
        if self.composer_mut().input(key) {
            self.draft_changed();
            self.request_paths(&key);
        }
    }

    fn step_kind(&mut self, forward: bool) {
        self.notice = None;
        let mut kind = self.composer().kind.step(forward);
        // Sending is always possible, so this ends.
        while let Some(why) = self.unavailable(kind) {
            self.say(Level::Info, why);
            kind = kind.step(forward);
        }
        self.composer_mut().kind = kind;
        self.draft_changed();
    }

    pub(in crate::tui) fn composer_mut(&mut self) -> &mut Composer {
        match self.open {
            Some(id) => self.composer_of(id),
            None => &mut self.scratch,
        }
    }
}

/// Whether a key types a character.
fn types(key: &KeyEvent) -> bool {
    let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
    matches!(key.code, KeyCode::Char(_)) && !key.modifiers.intersects(chords)
}
