//! Sending: turns what is in the composer into a reply, checks it, and hands it to the inbox.

use serde_json::{Map, Value};

use super::{App, Dialog, Level, PickerPurpose};
use crate::agents::{drafts, verdicts};
use crate::api::{
    Body, ContentPart, Ending, ItemBody, OutputFormat, Phase, Reply, ShellTool, skeleton,
};
use crate::draft::{Draft, Origin, Source};
use crate::inbox::composing::{self, NO_SHELL};
use crate::inbox::{Conversation, ConversationId, SendProblem};
use crate::tui::composer::{ComposedCall, ComposedPart, ReplyKind};
use crate::tui::form::Form;
use crate::tui::keys::action::Action;
use crate::tui::picker::{Choice, Picker};
use crate::tui::transcript::Transcript;

/// How Codex begins the line that names a process that still runs.
const RUNNING: &str = "Process running with session ID ";

/// A reply that is ready to be sent, and what it was composed from.
#[derive(Debug)]
pub(in crate::tui) struct Composed {
    /// The kind that was chosen.
    pub kind: ReplyKind,
    /// All that was typed for it, to be recalled later.
    pub typed: String,
    /// The draft that goes back into the composer if the reply is not delivered.
    pub draft: Draft,
    /// What is sent.
    pub reply: Reply,
}

/// A reply that was refused because of faults, and is sent if the person presses the same key again.
#[derive(Debug)]
pub(in crate::tui) struct ConfirmAnyway {
    /// The action of that key.
    pub action: Action,
    /// The faults that the person was told of.
    faults: Vec<String>,
}

impl ConfirmAnyway {
    /// Adds a fault to those the person was told of; `None` if it cannot be overridden.
    fn on(action: Action, mut faults: Vec<String>, problem: &SendProblem) -> Option<Self> {
        faults.push(problem.message.clone());
        problem.soft.then_some(Self { action, faults })
    }
}

/// Whether the person was told of a problem and has decided to send anyway.
fn is_accepted(problem: &SendProblem, known: &[String]) -> bool {
    problem.soft && known.contains(&problem.message)
}

impl App {
    /// Sends what is in the composer, with all parts added before.
    pub(super) fn submit(&mut self) {
        if self.composer_mut().takes_line_break() {
            return self.newline();
        }
        if self.send_delayed() && self.composer().is_idle() {
            return;
        }
        let known = self
            .confirm_anyway
            .take()
            .map_or_else(Vec::new, |it| it.faults);
        if let Err(problem) = self.try_submit(&known) {
            // The hints on the status line then say that the same key sends anyway.
            self.confirm_anyway = ConfirmAnyway::on(Action::Submit, known, &problem);
            self.say(Level::Bad, problem.message);
        }
    }

    fn try_submit(&mut self, known: &[String]) -> Result<(), SendProblem> {
        let Some(id) = self.open else {
            return Err(self.no_open_request());
        };
        let kind = self.composer().kind;
        if kind == ReplyKind::Tool
            && self.composer().call.is_none()
            && self.composer().parts.is_empty()
        {
            self.pick_tool("");
            return Ok(());
        }
        let reply = match kind {
            ReplyKind::Reject => self.rejection()?,
            _ if self.composer().live => self.finish_live_message(kind, known)?,
            _ => self.collected_reply(known)?,
        };
        let composed = Composed {
            kind,
            typed: self.composer().typed_for_reply(),
            draft: self.composer().reply_draft(),
            reply,
        };
        // The words that the draft continues are a part of it now.
        self.detach_draft();
        if self.can_be_delayed(&composed) {
            self.delay(id, composed);
            return Ok(());
        }
        let (ends, rest) = (composed.reply.ends(), self.composer().remaining_draft());
        self.deliver(id, composed, &rest)?;
        self.clear_composed(ends);
        // Another request may be queued behind this one.
        self.offer_call(id);
        Ok(())
    }

    /// Why nothing can be sent while no conversation is open.
    fn no_open_request(&self) -> SendProblem {
        SendProblem::hard(match self.inbox.waiting() {
            0 => "no request yet; the text is kept".to_owned(),
            _ => {
                let key = self.key_of(Action::NextWaiting);
                format!("no request is open: {key} opens the one that waits; the text goes along")
            }
        })
    }

    /// Clears the composer after its content was sent.
    pub(super) fn clear_composed(&mut self, ends: bool) {
        let composer = self.composer_mut();
        composer.clear_sent();
        if ends {
            composer.kind = ReplyKind::Send;
        }
        self.draft_changed();
        if let Some(id) = self.open {
            if ends {
                self.end_takeover(id);
            }
            self.restore_own_words(id);
        }
    }

    /// Hands a reply to the inbox. `rest` is what stays in the composer.
    pub(super) fn deliver(
        &mut self,
        id: ConversationId,
        composed: Composed,
        rest: &Draft,
    ) -> Result<(), SendProblem> {
        let Composed {
            kind,
            typed,
            draft,
            reply,
        } = composed;
        let drafted = reply
            .ends()
            .then(|| self.drafts_for_open_request(id))
            .flatten();
        self.inbox
            .reply(id, reply, draft, rest, self.now)
            .map_err(|error| SendProblem::hard(error.to_string()))
            .inspect_err(|_| self.sync(id))?;
        self.add_recall_of(Some(id), typed);
        if drafted.is_some() {
            self.conversation_ui(id).composer_drafts.last_answered = drafted;
        }
        // After an answer, the next request is the one that has waited longest.
        self.announced = None;
        self.say(
            Level::Good,
            match kind {
                ReplyKind::Send => "sent",
                ReplyKind::Progress => "note sent",
                ReplyKind::Command => "command sent",
                ReplyKind::Tool => "call sent",
                ReplyKind::Think => "thought sent",
                ReplyKind::Reject => "rejected",
            },
        );
        self.sync(id);
        if self.open == Some(id) {
            self.with_transcript(Transcript::show_bottom);
        }
        Ok(())
    }

    fn rejection(&self) -> Result<Reply, SendProblem> {
        if !self.composer().parts.is_empty() {
            return Err(SendProblem::hard(
                "a rejection is sent alone: send or remove the parts first",
            ));
        }
        composing::rejection(&self.composer().text())
    }

    /// One reply made of the added parts and what is in the composer.
    fn collected_reply(&mut self, known: &[String]) -> Result<Reply, SendProblem> {
        let parts = self.composer().parts.iter();
        let items: Result<Vec<Body>, SendProblem> = parts.map(|part| self.item_of(part)).collect();
        let mut items = items?;
        match self.current_item(known) {
            Ok(Some(item)) => items.push(item),
            Ok(None) if items.is_empty() => {
                return Err(SendProblem::hard("nothing to send"));
            }
            Ok(None) => {}
            Err(problem) => return Err(problem),
        }
        let conversation = self.conversation().ok_or_else(|| self.no_open_request())?;
        conversation.compose_reply(items, |problem| is_accepted(problem, known))
    }

    /// Ends a message that is typed live: sends what is left of it, and closes it.
    fn finish_live_message(
        &mut self,
        kind: ReplyKind,
        known: &[String],
    ) -> Result<Reply, SendProblem> {
        if !kind.can_be_live() || !self.composer().parts.is_empty() {
            return self.collected_reply(known);
        }
        let text = self.composer().text().trim_end_matches('\n').to_owned();
        let phase = self.conversation().and_then(Conversation::live_phase);
        let began = phase.is_some_and(|phase| {
            // A message of the other phase ends when this one begins.
            (phase == Phase::FinalAnswer) == (kind == ReplyKind::Send)
        });
        if text.is_empty() && !began {
            return Err(SendProblem::hard("nothing to send"));
        }
        if !began {
            return self.collected_reply(known);
        }
        if !text.is_empty() {
            self.send_live(&text)?;
        }
        Ok(match kind {
            ReplyKind::Send => Reply::End {
                items: Vec::new(),
                ending: Ending::Completed,
            },
            _ => Reply::Items(Vec::new()),
        })
    }

    /// Sends more of a message that is typed live.
    pub(super) fn send_live(&mut self, text: &str) -> Result<(), SendProblem> {
        let Some(id) = self.open else {
            return Err(self.no_open_request());
        };
        let phase = match self.composer().kind {
            ReplyKind::Progress => Phase::Commentary,
            _ => Phase::FinalAnswer,
        };
        let open = self.conversation().and_then(Conversation::live_phase);
        if open.is_some_and(|open| open != phase) {
            // What is typed now is a message of its own, so the open one ends.
            let (nothing, rest) = (Draft::default(), self.composer().to_draft());
            let end = self
                .inbox
                .reply(id, Reply::Items(Vec::new()), nothing, &rest, self.now);
            end.map_err(|error| SendProblem::hard(error.to_string()))?;
        }
        let reply = Reply::Live {
            delta: text.to_owned(),
            phase,
        };
        // Only the line is sent; added parts stay in the composer.
        let composer = self.composer();
        let draft = Draft {
            kind: composer.kind,
            live: composer.live,
            text: text.to_owned(),
            origin: composer.origin().slice(0..text.chars().count()),
            cut: composer.is_cut(),
            ..Draft::default()
        };
        let rest = Draft {
            text: String::new(),
            cursor: None,
            origin: Origin::default(),
            cut: false,
            ..composer.to_draft()
        };
        let sent = self.inbox.reply(id, reply, draft, &rest, self.now);
        sent.map_err(|error| SendProblem::hard(error.to_string()))?;
        self.composer_mut().clear();
        self.draft_changed();
        self.sync(id);
        self.with_transcript(Transcript::show_bottom);
        Ok(())
    }

    /// Inserts a line break; if the message is typed live, sends the finished line.
    pub(super) fn newline(&mut self) {
        if let Some(call) = self.composer_mut().open_call() {
            // The composer's text is not on the screen now.
            call.paste("\n");
            return self.draft_changed();
        }
        self.composer_mut().insert("\n", Source::Typed);
        let composer = self.composer();
        let is_live = composer.live && composer.kind.can_be_live();
        let waits = self.conversation().is_some_and(Conversation::is_waiting);
        if is_live && waits {
            let text = self.composer().text();
            let is_first = self
                .conversation()
                .is_some_and(|c| c.live_phase().is_none());
            let lost = self.lost_command(composer.kind, &text);
            if let Some(problem) = lost.filter(|_| is_first) {
                // Ending the message asks whether it is to be sent anyway.
                self.draft_changed();
                return self.say(Level::Bad, problem.message);
            }
            if let Err(problem) = self.send_live(&text) {
                self.say(Level::Bad, problem.message);
            }
            return;
        }
        self.draft_changed();
    }

    /// Switches typing live on or off.
    pub(super) fn toggle_live(&mut self) {
        let composer = self.composer_mut();
        composer.live = !composer.live;
        let words = if composer.live {
            "live: each line is sent as you finish it"
        } else {
            "not live: nothing is sent until you send it"
        };
        self.draft_changed();
        self.say(Level::Info, words);
    }

    /// What is in the composer, as an item; `None` if there is nothing.
    fn current_item(&mut self, known: &[String]) -> Result<Option<Body>, SendProblem> {
        let kind = self.composer().kind;
        if let Some(why) = self.unavailable(kind) {
            return Err(SendProblem::hard(self.unavailable_message(kind, why)));
        }
        if kind == ReplyKind::Tool {
            let Some(call) = &mut self.composer_mut().call else {
                return Ok(None);
            };
            let problem = call.problem().map(SendProblem::soft);
            if let Some(problem) = problem.filter(|problem| !is_accepted(problem, known)) {
                return Err(problem);
            }
            return Ok(Some(call.item()));
        }
        let composer = self.composer();
        let text = composer.text();
        if let Some(problem) = self.lost_command(kind, &text)
            && !is_accepted(&problem, known)
        {
            return Err(problem);
        }
        let item = self.item_of_text(kind, &text, &composer.options)?;
        if kind == ReplyKind::Command && item.is_some() {
            self.confirm_guessed_shell(known)?;
        }
        if let (Some(item), Some(conversation)) = (&item, self.conversation())
            && let Some(problem) = conversation.output_format_problem(item)
            && !is_accepted(&problem, known)
        {
            return Err(problem);
        }
        Ok(item)
    }

    /// Has the person confirm once that a tool that looks like a shell is one.
    fn confirm_guessed_shell(&mut self, known: &[String]) -> Result<(), SendProblem> {
        let guess = self.conversation().and_then(Conversation::guessed_shell);
        let Some(((name, question), id)) = guess.zip(self.open) else {
            return Ok(());
        };
        let taken = &mut self.conversation_ui(id).shell;
        if taken.as_ref() != Some(&name) && !is_accepted(&question, known) {
            return Err(question);
        }
        *taken = Some(name);
        Ok(())
    }

    /// Why a message that looks like a shell command is not sent.
    fn lost_command(&self, kind: ReplyKind, text: &str) -> Option<SendProblem> {
        composing::command_sent_as_text(kind, text, self.unavailable(ReplyKind::Command))
    }

    /// The message for a kind of reply that cannot be sent, with a way out for a command.
    fn unavailable_message(&self, kind: ReplyKind, why: &str) -> String {
        match kind {
            ReplyKind::Command => {
                let key = self.key_of(Action::NextKind);
                format!("not sent: {why}; {key} changes the kind")
            }
            _ => why.to_owned(),
        }
    }

    fn shell(&self) -> Option<&ShellTool> {
        self.conversation().and_then(Conversation::shell)
    }

    /// The item that a part is sent as.
    pub(in crate::tui) fn item_of(&self, part: &ComposedPart) -> Result<Body, SendProblem> {
        if let Some(why) = self.unavailable(part.kind) {
            return Err(SendProblem::hard(why));
        }
        let item = match &part.call {
            Some(call) => Some(call.item()),
            None => self.item_of_text(part.kind, &part.typed, &part.options)?,
        };
        item.ok_or_else(|| SendProblem::hard("a part is empty: edit or remove it"))
    }

    /// The item that a text is sent as; `None` if there is nothing to send.
    pub(super) fn item_of_text(
        &self,
        kind: ReplyKind,
        text: &str,
        options: &Map<String, Value>,
    ) -> Result<Option<Body>, SendProblem> {
        composing::item_of_text(kind, text, options, self.shell())
    }

    /// Adds what is in the composer to the parts of the reply.
    pub(super) fn add_part(&mut self) {
        let known = self
            .confirm_anyway
            .take()
            .map_or_else(Vec::new, |it| it.faults);
        let composer = self.composer();
        if composer.kind == ReplyKind::Reject {
            return self.say(Level::Bad, "a rejection is sent alone");
        }
        match self.current_item(&known) {
            Ok(Some(_)) => {
                let composer = self.composer_mut();
                let (origin, cut) = match composer.kind {
                    ReplyKind::Tool => Default::default(),
                    _ => (composer.origin(), composer.is_cut()),
                };
                let part = ComposedPart {
                    origin,
                    cut,
                    kind: composer.kind,
                    typed: composer.reply_text(),
                    options: std::mem::take(&mut composer.options),
                    call: match composer.kind {
                        ReplyKind::Tool => composer.call.take(),
                        _ => None,
                    },
                };
                composer.clear_current();
                // The next part is of any kind, and `!` means a command again.
                composer.kind = ReplyKind::Send;
                composer.parts.push(part);
                let count = composer.parts.len();
                self.draft_changed();
                self.say(
                    Level::Info,
                    format!("part {count} added; Enter sends all of them"),
                );
            }
            Ok(None) => self.say(Level::Bad, "nothing to add"),
            Err(problem) => {
                self.confirm_anyway = ConfirmAnyway::on(Action::AddPart, known, &problem);
                self.say(Level::Bad, problem.message);
            }
        }
    }

    /// Lets the person choose a tool, by a part of its name.
    pub(super) fn pick_tool(&mut self, query: &str) {
        if let Some(why) = self.unavailable(ReplyKind::Tool) {
            return self.say(Level::Bad, why);
        }
        let Some(conversation) = self.conversation() else {
            return self.say(Level::Info, "no request yet");
        };
        let mut choices: Vec<Choice> = conversation
            .callable_tools()
            .map(|tool| {
                let about = tool.description.lines().next();
                Choice::new(tool.title(), about.unwrap_or_default())
            })
            .collect();
        if conversation.patches_by_shell() {
            choices.push(Choice::new(
                "apply_patch",
                "A patch applied through the shell",
            ));
        }
        let mut picker = Picker::new("call tool", choices);
        picker.paste(query);
        self.dialog = Dialog::Picker(PickerPurpose::Tool, Box::new(picker));
    }

    /// Begins a call of the tool at an index of the picker's list.
    pub(super) fn begin_call(&mut self, index: usize) {
        let Some(conversation) = self.conversation() else {
            return;
        };
        let call = match conversation.callable_tools().nth(index) {
            Some(tool) => ComposedCall::new(tool),
            None => match conversation.shell() {
                Some(shell) => ComposedCall::patch_by_shell(shell.clone()),
                None => return,
            },
        };
        self.set_call(call);
    }

    pub(super) fn set_call(&mut self, call: ComposedCall) {
        let composer = self.composer_mut();
        composer.withdraw_offer();
        let old = composer.call.replace(call);
        composer.kind = ReplyKind::Tool;
        self.draft_changed();
        if let Some(old) = old {
            // Nothing typed is lost: what was begun can be recalled.
            self.add_recall(old.text());
        }
        self.notice = None;
    }

    /// Switches a call between its form and raw JSON.
    pub(super) fn toggle_form(&mut self) {
        let toggled = match self.composer_mut().open_call() {
            Some(call) => call.toggle_raw_json(),
            None => Err("not composing a call".into()),
        };
        match toggled {
            Ok(()) => self.draft_changed(),
            Err(why) => self.say(Level::Bad, why),
        }
    }

    /// Opens the form of a shell command's options.
    pub(super) fn ask_options(&mut self) {
        let shell = self.conversation().and_then(Conversation::shell).cloned();
        match shell.as_ref().map(|shell| (shell, shell.options())) {
            None => self.say(Level::Bad, NO_SHELL),
            Some((shell, None)) => {
                self.say(Level::Bad, format!("{} takes no options", shell.name()));
            }
            Some((_, Some(schema))) => {
                let composer = self.composer_mut();
                composer.kind = ReplyKind::Command;
                let options = Value::Object(composer.options.clone());
                self.dialog = Dialog::Options(Box::new(
                    Form::with_value(schema, &options).with_verb("set"),
                ));
                self.draft_changed();
            }
        }
    }

    /// Inserts a template for the answer: the form of a required call, a skeleton of the JSON that is
    /// asked for, or a draft of a summary.
    pub(super) fn insert_skeleton(&mut self) {
        let Some(conversation) = self.conversation() else {
            return self.say(Level::Info, "no request yet");
        };
        let request = conversation.request();
        if request.tool_choice.requires_call() {
            return match conversation.forced_tool().map(ComposedCall::new) {
                Some(call) => self.set_call(call),
                None => self.pick_tool(""),
            };
        }
        let drafts = drafts(request);
        // Pressing the key again goes on to the next template.
        let shown = drafts
            .iter()
            .position(|draft| *draft == self.composer().text());
        let next = shown.map_or(0, |shown| (shown + 1) % drafts.len().max(1));
        let text = match &request.output_format {
            _ if !drafts.is_empty() => drafts[next].clone(),
            OutputFormat::Text => return self.say(Level::Info, "the request expects plain text"),
            OutputFormat::JsonObject => "{}".to_owned(),
            OutputFormat::JsonSchema { schema, .. } => {
                let skeleton = skeleton(schema);
                serde_json::to_string_pretty(&skeleton).unwrap_or_else(|_| skeleton.to_string())
            }
        };
        let composer = self.composer_mut();
        composer.kind = ReplyKind::Send;
        let replaces = !composer.text().is_empty();
        composer.replace(&text, Source::Template);
        self.draft_changed();
        if replaces {
            self.say(Level::Info, "replaced; undo brings the old text back");
        }
    }

    /// Answers a permission check at once. Only a key press of the person may do that.
    pub(super) fn decide(&mut self, verdict: &str) {
        let waiting = self.conversation().filter(|found| found.is_waiting());
        let known = waiting.map_or(&[][..], |found| verdicts(found.request()));
        let Some(found) = known.iter().find(|known| known.words == verdict) else {
            return self.say(Level::Info, "nothing asks for leave here");
        };
        if !self.composer().is_idle() {
            return self.say(Level::Bad, "send or clear what is typed first");
        }
        let composer = self.composer_mut();
        composer.kind = ReplyKind::Send;
        composer.replace(found.answer, Source::Template);
        self.submit();
    }

    /// Why a kind of reply cannot be sent now; `None` if it can.
    pub(in crate::tui) fn unavailable(&self, kind: ReplyKind) -> Option<&'static str> {
        self.conversation()?.unavailable_reason(kind)
    }
}

/// What the composer needs to know about processes that a command left running.
impl Conversation {
    /// Whether a new tool output reports a process that still runs, and the request has the tool that
    /// can write to it.
    pub(in crate::tui) fn has_running_process(&self) -> bool {
        let new = self.items().get(self.new_from()..).unwrap_or_default();
        let new = new.iter().filter(|item| item.output_of().is_some());
        let tells = |part: &ContentPart| match part {
            ContentPart::Text(text) => text.lines().take(8).any(|line| line.starts_with(RUNNING)),
            _ => false,
        };
        new.flat_map(|item| item.content()).any(tells)
            && self.tools().iter().any(|tool| tool.name == "write_stdin")
    }

    /// The session ID of the last process that still runs.
    pub(super) fn running_session(&self) -> Option<String> {
        let mut ended = Vec::new();
        for item in self.items().iter().rev() {
            let ItemBody::ToolOutput { call_id, .. } = item.body() else {
                continue;
            };
            let text = item.text();
            let mut head = text.lines().take(8);
            let running = head.find_map(|line| line.strip_prefix(RUNNING));
            match running.map(str::trim) {
                Some(session) if !ended.iter().any(|other| other == session) => {
                    return Some(session.to_owned());
                }
                Some(_) => {}
                None => ended.extend(self.session_of(call_id)),
            }
        }
        None
    }

    /// The session ID in the arguments of the call with this ID.
    fn session_of(&self, call: &str) -> Option<String> {
        self.items()
            .iter()
            .rev()
            .find_map(|item| match item.body() {
                ItemBody::Said {
                    call_id: Some(call_id),
                    body: Body::FunctionCall { arguments, .. },
                    ..
                } if call_id == call => {
                    let arguments: Value = serde_json::from_str(arguments).ok()?;
                    Some(arguments.get("session_id")?.to_string())
                }
                _ => None,
            })
    }
}
