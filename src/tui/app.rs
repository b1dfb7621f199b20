//! What the person sees and does: keys become actions, actions change the state. No terminal, no
//! clock and no network in here; what must happen outside is asked for by [`Effect`]s.

use std::collections::HashMap;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tui_textarea::TextArea;

use super::action::Action;
use super::composer::{self, Composer, ReplyKind};
use super::keymap::Keymap;
use super::pager::{self, Pager, Topic};
use super::transcript::Transcript;
use crate::api::{Ending, FailureCode, OutputItem, Phase, Reply};
use crate::drafts::Drafts;
use crate::inbox::{Change, Conversation, ConversationId, Event, Inbox};

/// Something that must happen outside of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Leave the program.
    Quit,
    /// Stop until the shell says to go on.
    Suspend,
    /// Open the draft in the person's editor.
    Edit,
    /// Ring.
    Bell,
    /// Draw everything anew.
    Redraw,
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

/// What just happened, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// How much it matters.
    pub level: Level,
}

/// What has the keys besides the composer.
#[derive(Debug, Default)]
pub enum Dialog {
    /// Nothing.
    #[default]
    None,
    /// The question whether to leave although somebody waits.
    Quit,
    /// The field for the working directory.
    Workdir(Box<TextArea<'static>>),
}

/// Which pane shows where there is room for one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    /// The open conversation.
    #[default]
    Transcript,
    /// The list of conversations.
    Inbox,
}

/// What does not change while the program runs.
#[derive(Debug)]
pub struct Settings {
    /// What the keys do.
    pub keymap: Keymap,
    /// The zone that times of day are shown in.
    pub zone: TimeZone,
    /// Whether a request rings.
    pub bell: bool,
    /// Where agents reach the server, for the empty screen.
    pub base_url: String,
}

/// The state of the terminal interface.
#[derive(Debug)]
pub struct App {
    /// What does not change.
    pub settings: Settings,
    /// The time, as of the last event.
    pub now: Timestamp,
    pub(super) inbox: Inbox,
    pub(super) open: Option<ConversationId>,
    pub(super) pane: Pane,
    pub(super) pager: Option<Pager>,
    pub(super) dialog: Dialog,
    pub(super) notice: Option<Notice>,
    composers: HashMap<ConversationId, Composer>,
    transcripts: HashMap<ConversationId, Transcript>,
    /// What is typed before there is a conversation to type it in.
    scratch: Composer,
    drafts: Option<Drafts>,
    effects: Vec<Effect>,
    /// Whether the last key was the interrupt key.
    interrupted: bool,
}

impl App {
    /// A program that has just started. Without `drafts` nothing is kept on disk.
    pub fn new(settings: Settings, drafts: Option<Drafts>, now: Timestamp) -> Self {
        Self {
            settings,
            now,
            inbox: Inbox::default(),
            open: None,
            pane: Pane::default(),
            pager: None,
            dialog: Dialog::default(),
            notice: None,
            composers: HashMap::new(),
            transcripts: HashMap::new(),
            scratch: Composer::default(),
            drafts,
            effects: Vec::new(),
            interrupted: false,
        }
    }

    /// The conversation on the screen.
    pub fn conversation(&self) -> Option<&Conversation> {
        self.inbox.get(self.open?)
    }

    /// The composer on the screen.
    pub fn composer(&self) -> &Composer {
        let own = self.open.and_then(|id| self.composers.get(&id));
        own.unwrap_or(&self.scratch)
    }

    /// The transcript on the screen.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.transcripts.get(&self.open?)
    }

    /// What must happen outside, and is forgotten here.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The title of the terminal.
    pub fn title(&self) -> String {
        match self.inbox.waiting() {
            0 => "humanllm".into(),
            waiting => format!("({waiting}) humanllm"),
        }
    }

    /// Seconds until the screen tells another time than now; `None` if it tells none.
    pub fn seconds_to_tick(&self) -> Option<u64> {
        (self.inbox.waiting() > 0).then_some(1)
    }

    /// Takes in what happened to a request.
    pub fn on_event(&mut self, event: Event) {
        match self.inbox.apply(event, self.now) {
            Some(Change::Arrived {
                conversation,
                automatic,
                current,
            }) => {
                self.arrived(conversation, automatic, current);
            }
            Some(Change::Delivered { conversation }) => {
                self.sync(conversation);
                if self.open == Some(conversation) {
                    self.say(Level::Good, "delivered");
                }
            }
            Some(Change::ClientGone {
                conversation,
                returned,
            }) => {
                self.sync(conversation);
                self.client_gone(conversation, &returned);
            }
            None => {}
        }
        self.forget_dropped();
    }

    /// Takes everything that was typed by now.
    ///
    /// Where a terminal knows no bracketed paste, pasted lines look like typed ones that all came
    /// at once. A submit key with more text behind it is therefore a line break.
    pub fn on_input(&mut self, events: Vec<event::Event>) {
        let keys = events.iter().filter_map(event::Event::as_key_press_event);
        let mut after_submit = keys.skip_while(|key| !self.submits(key)).skip(1);
        let is_pasted = after_submit.any(|key| types(&key));
        for event in events {
            match event {
                event::Event::Key(key) if is_pasted && self.submits(&key) => self.on_paste("\n"),
                event::Event::Key(key) => self.on_key(key),
                event::Event::Paste(text) => self.on_paste(&text),
                _ => {}
            }
        }
    }

    /// Takes a key.
    pub fn on_key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let action = self.settings.keymap.action(&key);
        let again = std::mem::take(&mut self.interrupted);
        if again && action != Some(Action::Interrupt) {
            // What it said does not hold any more.
            self.notice = None;
        }
        if !matches!(self.dialog, Dialog::None) && self.key_in_dialog(key, action) {
            return;
        }
        match action {
            Some(action) => self.act(action, again),
            None => self.type_key(key),
        }
    }

    /// Takes pasted text, which is text and never a command.
    pub fn on_paste(&mut self, text: &str) {
        match &mut self.dialog {
            Dialog::Workdir(field) => {
                let line: String = text.chars().filter(|c| !c.is_control()).collect();
                field.insert_str(line);
            }
            Dialog::Quit => {}
            Dialog::None => {
                self.composer_mut().insert(text);
                self.keep_draft();
            }
        }
    }

    /// Takes what the person wrote in their editor.
    pub fn on_edited(&mut self, text: &str) {
        // Editors end the last line; a draft does not.
        self.composer_mut()
            .replace(text.strip_suffix('\n').unwrap_or(text));
        self.keep_draft();
    }

    /// Says something on the status line.
    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            level,
        });
    }

    fn submits(&self, key: &KeyEvent) -> bool {
        self.settings.keymap.action(key) == Some(Action::Submit)
    }

    fn act(&mut self, action: Action, again: bool) {
        match action {
            Action::Submit => self.submit(),
            Action::Newline => {
                self.composer_mut().insert("\n");
                self.keep_draft();
            }
            Action::NextKind => self.step_kind(true),
            Action::PreviousKind => self.step_kind(false),
            Action::Workdir => self.ask_workdir(),
            Action::Editor => self.effects.push(Effect::Edit),
            Action::Undo | Action::Redo => {
                let composer = self.composer_mut();
                let changed = match action {
                    Action::Undo => composer.undo(),
                    _ => composer.redo(),
                };
                if changed {
                    self.keep_draft();
                }
            }
            Action::NextConversation => self.step_conversation(true),
            Action::PreviousConversation => self.step_conversation(false),
            Action::NextWaiting => match self.next_waiting() {
                Some(id) => self.show(id),
                None => self.say(Level::Info, "nobody else waits"),
            },
            Action::Inbox => {
                self.pager = None;
                self.pane = match self.pane {
                    Pane::Transcript => Pane::Inbox,
                    Pane::Inbox => Pane::Transcript,
                };
            }
            Action::ScrollUp => self.scroll_pages(-1),
            Action::ScrollDown => self.scroll_pages(1),
            Action::ScrollLineUp => self.scroll(-1),
            Action::ScrollLineDown => self.scroll(1),
            Action::ScrollTop => self.scroll(i64::MIN),
            Action::ScrollBottom => self.scroll(i64::MAX),
            Action::NextBlock => self.with_transcript(|transcript| transcript.select(true)),
            Action::PreviousBlock => self.with_transcript(|transcript| transcript.select(false)),
            Action::Fold => self.with_transcript(Transcript::toggle_fold),
            Action::ShowTools => self.toggle_pager(Topic::Tools),
            Action::ShowRaw => self.toggle_pager(Topic::Raw),
            Action::Help => self.toggle_pager(Topic::Help),
            Action::Cancel => self.cancel(),
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Interrupt if again => self.quit(),
            Action::Interrupt => {
                self.interrupted = true;
                let key = self.settings.keymap.chord(Action::Interrupt);
                let key = key.map(ToString::to_string).unwrap_or_default();
                self.say(Level::Info, format!("{key} again quits; the draft is kept"));
            }
            Action::Quit => self.quit(),
        }
    }

    fn type_key(&mut self, key: KeyEvent) {
        let composer = self.composer();
        if composer.is_empty() {
            match key.code {
                KeyCode::Char('!') if composer.kind != ReplyKind::Command => {
                    match self.unavailable(ReplyKind::Command) {
                        Some(why) => self.say(Level::Info, why),
                        None => {
                            self.composer_mut().kind = ReplyKind::Command;
                            return;
                        }
                    }
                }
                KeyCode::Backspace if composer.kind == ReplyKind::Command => {
                    self.composer_mut().kind = ReplyKind::Send;
                    return;
                }
                _ => {}
            }
        }
        if self.composer_mut().input(key) {
            self.keep_draft();
        }
    }

    fn submit(&mut self) {
        let Some(id) = self.open else {
            return self.say(Level::Bad, "nobody waits yet; the text is kept");
        };
        let composer = self.composer();
        let (kind, typed) = (composer.kind, composer.text());
        if let Some(why) = self.unavailable(kind) {
            return self.say(Level::Bad, why);
        }
        if typed.trim().is_empty() {
            return self.say(Level::Bad, "nothing to send: type something first");
        }
        let text = typed.trim_end_matches('\n').to_owned();
        let message = |phase| OutputItem::Message {
            text: text.clone(),
            phase,
        };
        let end = |items, ending| Reply::End { items, ending };
        let reply = match kind {
            ReplyKind::Send => end(vec![message(Phase::FinalAnswer)], Ending::Completed),
            ReplyKind::Progress => Reply::Items(vec![message(Phase::Commentary)]),
            ReplyKind::Command => {
                let workdir = Some(composer.workdir.as_str()).filter(|workdir| !workdir.is_empty());
                let shell = self.conversation().and_then(Conversation::shell);
                let Some(shell) = shell else { return };
                end(vec![shell.call(&text, workdir)], Ending::Completed)
            }
            ReplyKind::Reject => {
                let code = FailureCode::InvalidPrompt;
                end(
                    Vec::new(),
                    Ending::Failed {
                        code,
                        message: text.clone(),
                    },
                )
            }
        };
        let ends = reply.ends();
        match self.inbox.reply(id, reply, &typed, self.now) {
            Ok(()) => {
                let composer = self.composer_mut();
                composer.clear();
                if ends {
                    composer.kind = ReplyKind::Send;
                    composer.workdir.clear();
                }
                self.keep_draft();
                self.say(
                    Level::Good,
                    match kind {
                        ReplyKind::Send => "sent",
                        ReplyKind::Progress => "note sent",
                        ReplyKind::Command => "command sent",
                        ReplyKind::Reject => "rejected",
                    },
                );
            }
            Err(error) => self.say(Level::Bad, error.to_string()),
        }
        self.sync(id);
        self.with_transcript(Transcript::show_bottom);
    }

    /// Why a kind of reply cannot be sent now, if it cannot.
    pub(super) fn unavailable(&self, kind: ReplyKind) -> Option<&'static str> {
        let conversation = self.conversation()?;
        match kind {
            ReplyKind::Command if conversation.shell().is_none() => {
                Some("this request offers no shell")
            }
            _ => None,
        }
    }

    fn step_kind(&mut self, forward: bool) {
        let mut kind = self.composer().kind.step(forward);
        self.notice = None;
        if let Some(why) = self.unavailable(kind) {
            self.say(Level::Info, why);
            kind = kind.step(forward);
        }
        self.composer_mut().kind = kind;
    }

    fn ask_workdir(&mut self) {
        let shell = self.conversation().and_then(Conversation::shell);
        match shell {
            None => self.say(
                Level::Bad,
                "this request offers no shell",
            ),
            Some(shell) if !shell.takes_workdir() => {
                self.say(
                    Level::Bad,
                    format!("{} takes no working directory", shell.name()),
                );
            }
            Some(_) => {
                let composer = self.composer_mut();
                composer.kind = ReplyKind::Command;
                let field = Composer::new(&composer.workdir);
                self.dialog = Dialog::Workdir(Box::new(field.into_area()));
            }
        }
    }

    /// Takes a key that is for the dialog; says whether it was.
    fn key_in_dialog(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        match &mut self.dialog {
            Dialog::None => false,
            Dialog::Quit => {
                match (key.code, action) {
                    (KeyCode::Char('y' | 'Y') | KeyCode::Enter, _)
                    | (_, Some(Action::Quit | Action::Interrupt)) => {
                        self.effects.push(Effect::Quit);
                    }
                    (KeyCode::Char('n' | 'N') | KeyCode::Esc, _) => {
                        self.dialog = Dialog::None;
                        self.notice = None;
                    }
                    _ => {}
                }
                true
            }
            Dialog::Workdir(field) => match action {
                Some(Action::Submit) => {
                    let workdir = field.lines().join("").trim().to_owned();
                    self.dialog = Dialog::None;
                    self.composer_mut().workdir = workdir;
                    true
                }
                Some(Action::Cancel) => {
                    self.dialog = Dialog::None;
                    true
                }
                Some(Action::Newline | Action::NextKind | Action::PreviousKind) => true,
                Some(_) => false,
                None => {
                    field.input(key);
                    true
                }
            },
        }
    }

    fn quit(&mut self) {
        if self.inbox.waiting() > 0 {
            self.dialog = Dialog::Quit;
        } else {
            self.effects.push(Effect::Quit);
        }
    }

    fn cancel(&mut self) {
        self.notice = None;
        if self.pager.take().is_some() {
            return;
        }
        if self.pane == Pane::Inbox {
            self.pane = Pane::Transcript;
            return;
        }
        self.with_transcript(|transcript| {
            transcript.clear_selection();
        });
    }

    fn toggle_pager(&mut self, topic: Topic) {
        if self.pager.take().is_some_and(|pager| pager.topic == topic) {
            return;
        }
        let text = match (topic, self.conversation()) {
            (Topic::Help, _) => pager::help(&self.settings.keymap),
            (_, None) => return self.say(Level::Info, "no request has come in yet"),
            (Topic::Tools, Some(conversation)) => pager::tools(conversation.tools()),
            (Topic::Raw, Some(conversation)) => {
                let raw = conversation.request().to_json();
                serde_json::to_string_pretty(&raw).unwrap_or_else(|_| raw.to_string())
            }
        };
        self.pager = Some(Pager::new(topic, text));
    }

    fn scroll(&mut self, rows: i64) {
        match &mut self.pager {
            Some(pager) => pager.scroll(rows),
            None => self.with_transcript(|transcript| transcript.scroll(rows)),
        }
    }

    fn scroll_pages(&mut self, pages: i64) {
        match &mut self.pager {
            Some(pager) => pager.scroll_pages(pages),
            None => self.with_transcript(|transcript| transcript.scroll_pages(pages)),
        }
    }

    fn with_transcript(&mut self, change: impl FnOnce(&mut Transcript)) {
        let open = self.open.and_then(|id| self.transcripts.get_mut(&id));
        if let Some(transcript) = open {
            change(transcript);
        }
    }

    pub(super) fn transcript_mut(&mut self) -> Option<&mut Transcript> {
        self.transcripts.get_mut(&self.open?)
    }

    fn arrived(&mut self, id: ConversationId, automatic: bool, current: bool) {
        let transcript = self.transcripts.get(&id);
        let was_at_bottom = transcript.is_none_or(Transcript::is_at_bottom);
        self.sync(id);
        if automatic {
            return;
        }
        // Somebody who types and has scrolled up is reading what the words are about.
        let is_reading = self.open == Some(id) && !self.composer().is_empty() && !was_at_bottom;
        if let Some(transcript) = self
            .transcripts
            .get_mut(&id)
            .filter(|_| current && !is_reading)
        {
            transcript.show_new();
        }
        if self.settings.bell {
            self.effects.push(Effect::Bell);
        }
        let is_idle = self.is_idle();
        if self.open == Some(id) {
            if current {
                self.notice = None;
            } else {
                self.say(
                    Level::Info,
                    "another request of this conversation waits behind",
                );
            }
        } else if is_idle {
            self.show(id);
        } else if let Some(conversation) = self.inbox.get(id) {
            let title = conversation.title().to_owned();
            let key = self.settings.keymap.chord(Action::NextWaiting);
            let key = key
                .map(|key| format!("{key} opens it · "))
                .unwrap_or_default();
            self.say(Level::Info, format!("new request · {key}{title}"));
        }
    }

    fn client_gone(&mut self, id: ConversationId, returned: &[String]) {
        if !returned.is_empty() {
            let composer = self.composer_of(id);
            let mut text = returned.join("\n");
            if !composer.is_empty() {
                text = format!("{text}\n{}", composer.text());
            }
            composer.replace(&text);
            self.keep_draft_of(id);
        }
        if self.open == Some(id) {
            let what = match returned.is_empty() {
                true => "the client is gone",
                false => "client gone; the text is back",
            };
            self.say(Level::Bad, what);
        }
    }

    /// Whether a new request may take the screen: nothing is being typed, read or asked, and the
    /// open conversation waits for nothing.
    fn is_idle(&self) -> bool {
        self.composer().is_empty()
            && self.pager.is_none()
            && matches!(self.dialog, Dialog::None)
            && !self.conversation().is_some_and(Conversation::is_waiting)
    }

    fn next_waiting(&self) -> Option<ConversationId> {
        let others = |id: &ConversationId| Some(*id) != self.open;
        let longest = self
            .inbox
            .longest_waiting()
            .map(|conversation| conversation.id);
        longest.filter(others).or_else(|| {
            let mut waiting = self.inbox.conversations().iter().filter(|c| c.is_waiting());
            waiting.find(|c| others(&c.id)).map(|c| c.id)
        })
    }

    fn step_conversation(&mut self, forward: bool) {
        let all = self.inbox.conversations();
        let at = self.open.and_then(|id| self.inbox.position(id));
        let next = match (at, forward) {
            (None, _) => 0,
            (Some(at), true) => (at + 1).min(all.len().saturating_sub(1)),
            (Some(at), false) => at.saturating_sub(1),
        };
        let pane = self.pane;
        match all.get(next).map(|conversation| conversation.id) {
            Some(id) if Some(id) != self.open => {
                self.show(id);
                // Somebody who walks through the list wants to see it.
                self.pane = pane;
            }
            Some(_) => self.say(Level::Info, "no further conversation"),
            None => self.say(Level::Info, "no request has come in yet"),
        }
    }

    /// Puts a conversation on the screen.
    fn show(&mut self, id: ConversationId) {
        if self.open == Some(id) {
            self.pane = Pane::Transcript;
            return;
        }
        let first_look = !self.transcripts.contains_key(&id);
        self.open = Some(id);
        self.pane = Pane::Transcript;
        self.pager = None;
        self.dialog = Dialog::None;
        self.notice = None;
        self.sync(id);
        if first_look {
            self.with_transcript(Transcript::show_new);
        }
        self.composer_of(id);
        if !self.scratch.is_empty() && self.composer().is_empty() {
            // What was typed before anybody asked is for whoever is answered first.
            let scratch = std::mem::take(&mut self.scratch);
            self.composers.insert(id, scratch);
            self.keep_draft();
        }
    }

    /// Brings the transcript of a conversation up to date, if it has been looked at.
    fn sync(&mut self, id: ConversationId) {
        let Some(conversation) = self.inbox.get(id) else {
            return;
        };
        if self.open == Some(id) || self.transcripts.contains_key(&id) {
            self.transcripts.entry(id).or_default().sync(conversation);
        }
    }

    fn composer_mut(&mut self) -> &mut Composer {
        match self.open {
            Some(id) => self.composer_of(id),
            None => &mut self.scratch,
        }
    }

    /// The composer of a conversation, with the draft from before the program was started.
    fn composer_of(&mut self, id: ConversationId) -> &mut Composer {
        let (inbox, drafts) = (&self.inbox, &self.drafts);
        self.composers.entry(id).or_insert_with(|| {
            let key = inbox.get(id).map(Conversation::draft_key);
            let draft = key.and_then(|key| drafts.as_ref()?.load(&key));
            Composer::new(&draft.unwrap_or_default())
        })
    }

    fn keep_draft(&self) {
        if let Some(id) = self.open {
            self.keep_draft_of(id);
        }
    }

    fn keep_draft_of(&self, id: ConversationId) {
        let composer = self.composers.get(&id);
        if let (Some(drafts), Some(conversation), Some(composer)) =
            (&self.drafts, self.inbox.get(id), composer)
        {
            drafts.save(&conversation.draft_key(), composer.text());
        }
    }

    /// Forgets what belongs to conversations that the inbox has dropped.
    fn forget_dropped(&mut self) {
        let inbox = &self.inbox;
        if self.transcripts.len() + self.composers.len() > 2 * inbox.conversations().len() {
            self.transcripts.retain(|id, _| inbox.get(*id).is_some());
            self.composers.retain(|id, _| inbox.get(*id).is_some());
        }
        if self.open.is_some_and(|id| inbox.get(id).is_none()) {
            self.open = None;
        }
    }
}

/// Whether a key is a character of a text.
fn types(key: &KeyEvent) -> bool {
    let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
    matches!(key.code, KeyCode::Char(_)) && !key.modifiers.intersects(chords)
}

/// A one-line field that looks like the composer.
impl Composer {
    fn into_area(self) -> TextArea<'static> {
        let mut field = composer::area(&self.text());
        field.set_wrap_mode(tui_textarea::WrapMode::None);
        field.move_cursor(tui_textarea::CursorMove::End);
        field
    }
}
