//! What the person sees and does: keys become actions, actions change the state. No terminal, no
//! clock and no network in here; what must happen outside is asked for by [`Effect`]s.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use self::attention::Attention;
use self::drafts::{Remembered, Unkept};
pub use self::find::Finder;
pub use self::focus::Focus;
use self::past::Past;
use self::paths::Paths;
pub use self::prompt::Prompt;
pub use self::rule::NewRule;
pub use self::turns::TurnPurpose;
use crate::agents::{ALLOW, BLOCK};
use crate::inbox::{Conversation, ConversationId, DraftRequest, Inbox};
use crate::store::{Saving, Store};
use crate::study::Study;
use crate::tui::composer::{ArgumentsEditor, Composer, ReplyKind};
use crate::tui::export::{ExportJob, Exporting};
use crate::tui::form::{self, Form};
use crate::tui::inbox::InboxList;
use crate::tui::keys::action::Action;
use crate::tui::keys::keymap::Keymap;
use crate::tui::marks::Marking;
use crate::tui::picker::Picker;
use crate::tui::pictures::Picture;
use crate::tui::transcript::Transcript;

mod attention;
mod beside;
mod blocks;
mod coming;
mod compose;
mod dialogs;
pub(in crate::tui) mod drafting;
mod drafts;
mod events;
mod export;
mod find;
mod focus;
mod forced;
mod listed;
mod marks;
mod mouse;
mod navigate;
mod palette;
mod past;
mod paths;
mod pen;
mod process;
mod prompt;
mod recall;
mod rule;
mod study;
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
    /// [`App::on_found`]. The newest such wish is the only one that counts.
    FindConversations(String),
    /// List what is in a folder, for [`App::on_paths`].
    ListPaths(PathBuf),
    /// Ring.
    Bell,
    /// Show a notification outside of the terminal's window, which nobody looks at.
    Notify(String),
    /// Draw everything anew.
    Redraw,
    /// Reload the configuration.
    Reload,
    /// Write a rule into the configuration, and reload that.
    SaveRule(Box<NewRule>),
    /// Hand a text to the terminal's clipboard.
    Copy(String),
    /// Show a text in the person's pager.
    Page(String),
    /// Make a file of a conversation, or look what would be in it, for [`App::on_export`].
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

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// For your information.
    Info,
    /// Something did not work.
    Bad,
}

/// What just happened, in words: short and in lower case, without a full stop, so that several can
/// stand behind each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// How much it matters.
    pub level: Level,
    /// Whether it is news from outside, which typing does not push away.
    pub is_news: bool,
}

/// What has the keys besides the composer.
#[derive(Debug, Default)]
pub enum Dialog {
    /// Nothing.
    #[default]
    None,
    /// The question whether to leave although somebody waits.
    Quit,
    /// The question whether to delete a conversation for good.
    Delete(ConversationId),
    /// A list to choose from.
    Picker(PickerPurpose, Box<Picker>),
    /// What a command is given besides the command line.
    Options(Box<Form>),
    /// The parts collected so far, and which of them is selected.
    Parts(usize),
    /// The search in the transcript.
    Find(Box<Finder>),
    /// A line that is asked for.
    Prompt(Box<Prompt>),
    /// Where a file goes that is made of a conversation.
    Export(Box<Exporting>),
    /// What the person makes of a conversation.
    Marks(Box<Marking>),
}

impl Dialog {
    /// Whether it is a question that a letter answers.
    pub fn is_question(&self) -> bool {
        matches!(self, Self::Quit | Self::Delete(_))
    }

    /// The form that is to be filled in, if there is one.
    pub(super) fn form(&self) -> Option<&Form> {
        match self {
            Self::Options(form) => Some(form),
            Self::Export(exporting) => Some(&exporting.form),
            Self::Marks(marking) => Some(&marking.form),
            _ => None,
        }
    }

    /// What is asked for in the place of a reply, where that has nothing to do with one.
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
    /// A text to insert.
    Recall,
    /// A conversation to open.
    Conversation,
    /// Something to do.
    Action,
    /// A path to write.
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

/// What does not change while the program runs.
#[derive(Debug)]
pub struct AppSettings {
    /// What the keys do.
    pub keymap: Keymap,
    /// The zone that times of day are shown in.
    pub zone: TimeZone,
    /// Whether a request rings.
    pub bell: bool,
    /// After which time of waiting the person is called again, if at all.
    pub remind_after: Option<Duration>,
    /// Whether the next conversation that waits opens when one is answered.
    pub auto_advance: bool,
    /// Where agents reach the server, for the empty screen.
    pub base_url: String,
    /// The command that tells Codex so, for the empty screen.
    pub setup: String,
    /// Texts to insert, with their names.
    pub snippets: Vec<(String, String)>,
    /// How long an answer or a rejection can be taken back; zero if it leaves at once.
    pub unsend: Duration,
    /// What files of conversations are made with.
    pub export: crate::tui::export::ExportSettings,
}

/// The state of the terminal interface.
#[derive(Debug)]
pub struct App {
    /// What does not change.
    pub settings: AppSettings,
    /// The time, as of the last event.
    pub now: Timestamp,
    pub(super) inbox: Inbox,
    pub(super) open: Option<ConversationId>,
    /// The conversation that the person was last told of, until another one is opened.
    announced: Option<ConversationId>,
    pub(super) focus: Focus,
    pub(super) dialog: Dialog,
    pub(super) notice: Option<Notice>,
    /// What stays on the screen for as long as it is so.
    pub(super) alert: Option<String>,
    /// What the screen remembers of conversations that the inbox has.
    remembered: HashMap<ConversationId, Remembered>,
    /// What is typed before there is a conversation to type it in.
    scratch: Composer,
    unkept: Unkept,
    effects: Vec<Effect>,
    /// What is about to be sent.
    held: Option<unsend::DelayedReply>,
    /// That a model is about to answer by itself.
    coming: Option<coming::Coming>,
    /// Whether the last key was the interrupt key.
    interrupted: bool,
    /// Whether the last key tried to send something that has a fault.
    pub(super) insists: Option<compose::Insists>,
    /// How far back in what was said the last key has walked, from the newest.
    walked: Option<usize>,
    /// What the list that is open offers to be inserted.
    offered: Vec<recall::Recallable>,
    /// What was said, oldest first, to be said again, and where.
    said_before: Vec<(String, Option<ConversationId>)>,
    past: Past,
    attention: Attention,
    paths: Paths,
    /// What was looked for last.
    last_query: String,
    /// What a model is to be told once it is chosen.
    hint: String,
    /// The rule that the person is about to make.
    making: Option<rule::Making>,
    /// The file of a conversation that is being made.
    exports: self::export::ExportDialog,
    /// The conversation of which a turn is to be asked again.
    forking: Option<ConversationId>,
    /// Whether models have said something in the open conversation since it was drawn.
    unsynced: bool,
    /// The list of conversations on the screen.
    pub(super) list: InboxList,
    /// Where the transcript is on the screen, if it is.
    pub(super) transcript_area: Option<Rect>,
}

impl App {
    /// A program that has just started.
    pub fn new(settings: AppSettings, store: Store, now: Timestamp) -> Self {
        let said_before = store.recalls();
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
            remembered: HashMap::new(),
            scratch: Composer::default(),
            unkept: Unkept::default(),
            effects: Vec::new(),
            held: None,
            coming: None,
            interrupted: false,
            insists: None,
            walked: None,
            offered: Vec::new(),
            said_before,
            past: Past::default(),
            attention: Attention::default(),
            paths: Paths::default(),
            last_query: String::new(),
            hint: String::new(),
            making: None,
            exports: self::export::ExportDialog::default(),
            forking: None,
            unsynced: false,
            list: InboxList::default(),
            transcript_area: None,
        }
    }

    /// Where all of it is kept.
    pub fn store(&self) -> &Store {
        self.inbox.store()
    }

    /// Says what a study goes by, from now on.
    pub fn set_study(&mut self, study: Study) {
        self.inbox.set_study(study, self.now);
    }

    /// The conversation on the screen.
    pub fn conversation(&self) -> Option<&Conversation> {
        self.inbox.get(self.open?)
    }

    /// The composer on the screen.
    pub fn composer(&self) -> &Composer {
        let own = self.open.and_then(|id| self.remembered.get(&id));
        own.map_or(&self.scratch, |own| &own.composer)
    }

    /// The transcript on the screen.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.remembered.get(&self.open?)?.transcript.as_ref()
    }

    /// What must happen outside, and is forgotten here.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether something was said or delivered since [`App::take_saving`] was asked.
    pub fn has_saving(&self) -> bool {
        self.inbox.has_saving()
    }

    /// The last write of something said or delivered since this was asked; `None` if nothing was.
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

    /// How long until the screen tells something else by itself; `None` if it does not.
    pub fn next_tick(&self) -> Option<Duration> {
        if let Dialog::Find(finder) = &self.dialog
            && finder.is_searching()
        {
            return Some(Duration::ZERO);
        }
        let past = Duration::from_nanos(self.now.subsec_nanosecond().unsigned_abs().into());
        let second = Duration::from_secs(1).saturating_sub(past);
        let time = (self.inbox.waiting() > 0).then_some(second);
        let due = self.inbox.next_due().map(|at| {
            let wait = Duration::try_from(at.duration_since(self.now));
            wait.unwrap_or_default()
        });
        let waits = [time, due, self.next_count(), self.next_coming()];
        waits.into_iter().flatten().min()
    }

    /// Goes on with what takes longer than a frame.
    pub fn on_tick(&mut self) {
        self.send_due();
        self.follow_coming();
        for change in self.inbox.do_due(self.now) {
            self.on_change(change);
        }
        self.go_on_finding();
        self.remind();
    }

    /// Takes everything that was typed by now.
    ///
    /// Where a terminal knows no bracketed paste, pasted lines look like typed ones that all came
    /// at once. A submit key with more text behind it is therefore a line break.
    pub fn on_input(&mut self, events: Vec<event::Event>) {
        if let Some(rows) = self.typed_wheel(&events) {
            return self.read(|reading| reading.scroll(rows));
        }
        let keys = events.iter().filter_map(event::Event::as_key_press_event);
        if let Some(id) = self.open {
            self.inbox.typed(id, keys.clone().count(), self.now);
        }
        let mut after_submit = keys.skip_while(|key| !self.submits(key)).skip(1);
        let is_pasted = self.takes_text() && after_submit.any(|key| types(&key));
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

    /// Takes a key.
    pub fn on_key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let looked_elsewhere = !self.is_composing() || !matches!(self.dialog, Dialog::None);
        self.take_key(key);
        self.follow_coming();
        if looked_elsewhere && self.open.is_none() && self.is_idle() {
            // Who comes back to nothing goes to what has come in meanwhile.
            if let Some(id) = self.next_waiting() {
                self.show(id);
            }
        }
    }

    fn take_key(&mut self, key: KeyEvent) {
        self.stir();
        let action = self.settings.keymap.action(&key);
        let again = std::mem::take(&mut self.interrupted);
        let walked = self.walked.take();
        // What was said of the last key does not hold any more.
        self.notice
            .take_if(|notice| action.is_some() || !notice.is_news);
        self.insists
            .take_if(|insists| action != Some(insists.action));
        if self.key_in_held(action) {
            return;
        }
        if !matches!(self.dialog, Dialog::None) && self.key_in_dialog(key, action) {
            return;
        }
        if self.key_in_focus(key, action) {
            return;
        }
        if !matches!(
            action,
            Some(Action::NextConversation | Action::PreviousConversation)
        ) {
            self.list.release();
        }
        match action {
            None => self.type_in_draft(&key),
            Some(Action::Cancel) if self.act_in_draft(Action::Cancel) => return,
            Some(_) => {}
        }
        if self.key_in_call(key, action) {
            return;
        }
        match action {
            Some(action) => self.act(action, again),
            None if self.has_composer() && self.walk(key, walked) => {}
            None => self.type_key(key),
        }
    }

    /// Whether the keys are for the text of the composer.
    fn has_composer(&self) -> bool {
        self.is_composing() && self.composer().kind != ReplyKind::Tool
    }

    /// Takes pasted text, which is text and never a command.
    pub fn on_paste(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.insists = None;
        self.walked = None;
        self.notice.take_if(|notice| !notice.is_news);
        if matches!(self.dialog, Dialog::Delete(_)) {
            // Whoever goes on writing does not mean it.
            self.dialog = Dialog::None;
        }
        if self.is_in_inbox() && matches!(self.dialog, Dialog::None) && self.list.is_filtering() {
            return self.list.paste(text, &self.inbox);
        }
        if matches!(self.dialog, Dialog::Picker(PickerPurpose::Path, _)) {
            // The word goes on as it was pasted.
            self.dialog = Dialog::None;
        }
        if !self.takes_text() {
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
                    self.ask_for_found();
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
                self.find_from_here();
            }
            Dialog::None => {
                self.begin_typing();
                match self.composer_mut().open_call() {
                    Some(call) => call.paste(text),
                    None => self.paste(text),
                }
                self.keep_draft();
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

    /// Takes what the person wrote in their editor.
    pub fn on_edited(&mut self, text: &str) {
        // Editors end the last line; a draft does not.
        let text = text.strip_suffix('\n').unwrap_or(text);
        match self.composer_mut().open_call() {
            Some(call) => call.set_text(text),
            None => self.composer_mut().edited(text),
        }
        self.keep_draft();
    }

    /// Takes what is left where the editor failed: the draft stays, and a text that was saved all
    /// the same can be recalled.
    pub fn on_edit_failed(&mut self, text: Option<String>, failure: &str) -> Saving {
        let (saving, recall) = match text {
            Some(text) => {
                let key = self.key_of(Action::Recall);
                let recall = format!("; {key} recalls what it saved");
                (self.remember(text), recall)
            }
            None => Default::default(),
        };
        self.say(
            Level::Bad,
            format!("{failure}; the draft is unchanged{recall}"),
        );
        saving
    }

    /// Says for as long as it is so what the person has to know whatever else happens.
    pub fn set_alert(&mut self, alert: Option<String>) {
        self.alert = alert;
    }

    /// Says something on the status line, until the next key.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            level,
            is_news: false,
        });
    }

    /// Says what happened without the person's doing, which stays while they type.
    fn tell(&mut self, level: Level, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            level,
            is_news: true,
        });
    }

    /// Whether a key sends what was composed.
    pub(super) fn submits(&self, key: &KeyEvent) -> bool {
        self.settings.keymap.action(key) == Some(Action::Submit)
    }

    /// Whether there is something to type a text into.
    fn takes_text(&self) -> bool {
        self.is_composing() || !matches!(self.dialog, Dialog::None)
    }

    fn act(&mut self, action: Action, again: bool) {
        if self.act_in_draft(action) {
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
            Action::ContinueDraft => self.go_on_with_draft(),
            Action::NextDraft => self.step_draft(true),
            Action::PreviousDraft => self.step_draft(false),
            Action::Mode => self.change_mode(),
            Action::SaveRule => self.make_rule(),
            Action::Recall => self.recall(),
            Action::Editor => self.effects.push(Effect::Edit),
            Action::ExpandPaste => match self.composer_mut().expand_paste() {
                true => self.keep_draft(),
                false => self.say(Level::Info, "no long paste here"),
            },
            Action::Undo | Action::Redo => {
                let redo = action == Action::Redo;
                let composer = self.composer_mut();
                let changed = match composer.open_call() {
                    Some(call) => call.undo(redo),
                    None if redo => composer.redo(),
                    None => composer.undo(),
                };
                if changed {
                    self.keep_draft();
                }
            }
            Action::NextConversation => self.step_conversation(true),
            Action::PreviousConversation => self.step_conversation(false),
            Action::NextWaiting => match self.next_waiting() {
                Some(id) => self.show(id),
                None => self.say(Level::Info, "no other requests waiting"),
            },
            Action::Inbox => self.toggle_inbox(),
            Action::WidenInbox => self.list.widen(true),
            Action::NarrowInbox => self.list.widen(false),
            Action::Dismiss => self.dismiss(self.at_hand()),
            Action::DismissDone => self.dismiss_done(),
            Action::LiftRejection => self.lift_rejection(),
            Action::FindConversation => self.find_conversation(),
            Action::Palette => self.open_palette(),
            Action::DeleteConversation => self.ask_to_delete(),
            Action::ScrollUp => self.read(|reading| reading.scroll_pages(-1)),
            Action::ScrollDown => self.read(|reading| reading.scroll_pages(1)),
            Action::ScrollLineUp => self.read(|reading| reading.scroll(-1)),
            Action::ScrollLineDown => self.read(|reading| reading.scroll(1)),
            Action::ScrollTop => self.read(|reading| reading.scroll(i64::MIN)),
            Action::ScrollBottom => self.read(|reading| reading.scroll(i64::MAX)),
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
            Action::Study => self.turn_study(),
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

    /// The key of an action, for a sentence about it.
    fn key_of(&self, action: Action) -> String {
        let key = self.settings.keymap.chord(action);
        key.map(ToString::to_string).unwrap_or_default()
    }

    /// Takes a key that is for the call that is being put together; says whether it was.
    fn key_in_call(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        // The form moves between its fields with the keys that send and choose elsewhere.
        let for_fields = matches!(
            action,
            None | Some(Action::Submit | Action::Newline | Action::NextKind | Action::PreviousKind)
        );
        let Some(call) = self.composer_mut().open_call() else {
            return false;
        };
        if action == Some(Action::Cancel) {
            // The call is still there when the kind is chosen again, unless nobody has begun it.
            let composer = self.composer_mut();
            composer.withdraw_offer();
            composer.kind = ReplyKind::Send;
            self.keep_draft();
            return true;
        }
        match &mut call.editor {
            ArgumentsEditor::Form(form) if for_fields => {
                match form.on_key(key) {
                    form::FormOutcome::Submit => {
                        self.composer_mut().touch();
                        self.submit();
                    }
                    form::FormOutcome::Consumed => self.keep_draft(),
                    form::FormOutcome::Ignored => return false,
                }
                true
            }
            ArgumentsEditor::Text(area) if action.is_none() => {
                if area.input(key) {
                    self.keep_draft();
                }
                true
            }
            ArgumentsEditor::Text(area) if action == Some(Action::Newline) => {
                area.insert_newline();
                self.keep_draft();
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
                            return self.keep_draft();
                        }
                    }
                }
                // As it would on a command line; who writes a table selects no block before.
                KeyCode::Char('|') if self.has_selected_block() => {
                    self.key_in_held(Some(Action::Page));
                    return self.page();
                }
                KeyCode::Backspace if composer.kind == ReplyKind::Command => {
                    self.composer_mut().kind = ReplyKind::Send;
                    return self.keep_draft();
                }
                _ => {}
            }
        }
        if self.composer_mut().input(key) {
            self.keep_draft();
            self.ask_for_paths(&key);
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
        self.keep_draft();
    }

    pub(in crate::tui) fn composer_mut(&mut self) -> &mut Composer {
        match self.open {
            Some(id) => self.composer_of(id),
            None => &mut self.scratch,
        }
    }
}

/// Whether a key is a character of a text.
fn types(key: &KeyEvent) -> bool {
    let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
    matches!(key.code, KeyCode::Char(_)) && !key.modifiers.intersects(chords)
}
