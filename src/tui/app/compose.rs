//! From what was composed to what is sent.

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

/// A reply, and how it was composed.
#[derive(Debug)]
pub(in crate::tui) struct Composed {
    /// The kind that was chosen.
    pub kind: ReplyKind,
    /// All that was typed for it.
    pub typed: String,
    /// What comes back should it not arrive.
    pub draft: Draft,
    /// What is sent.
    pub reply: Reply,
}

/// What was refused, and goes all the same if the person presses the same key again.
#[derive(Debug)]
pub(in crate::tui) struct Insists {
    /// What the key does.
    pub action: Action,
    /// The faults that were named.
    faults: Vec<String>,
}

impl Insists {
    /// After one more fault was named; `None` for one that cannot be insisted on.
    fn on(action: Action, mut faults: Vec<String>, problem: &SendProblem) -> Option<Self> {
        faults.push(problem.message.clone());
        problem.soft.then_some(Self { action, faults })
    }
}

/// Whether the person knows of a problem and goes on.
fn is_accepted(problem: &SendProblem, known: &[String]) -> bool {
    problem.soft && known.contains(&problem.message)
}

impl App {
    /// Sends what was composed, with all the parts collected before.
    pub(super) fn submit(&mut self) {
        if self.composer_mut().takes_line_break() {
            return self.newline();
        }
        if self.send_held() && self.composer().is_idle() {
            return;
        }
        let known = self.insists.take().map_or_else(Vec::new, |it| it.faults);
        if let Err(problem) = self.try_submit(&known) {
            // What the key does then stands among the keys.
            self.insists = Insists::on(Action::Submit, known, &problem);
            self.say(Level::Bad, problem.message);
        }
    }

    fn try_submit(&mut self, known: &[String]) -> Result<(), SendProblem> {
        let Some(id) = self.open else {
            return Err(self.nobody_open());
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
            _ if self.composer().live => self.end_of_live(kind, known)?,
            _ => self.collected(known)?,
        };
        let composed = Composed {
            kind,
            typed: self.composer().typed_for_reply(),
            draft: self.composer().reply_draft(),
            reply,
        };
        // What it is made of is not aside any more.
        self.touch_draft();
        if self.is_held(&composed) {
            self.hold(id, composed);
            return Ok(());
        }
        let (ends, rest) = (composed.reply.ends(), self.composer().remaining_draft());
        self.deliver(id, composed, &rest)?;
        self.clear_composed(ends);
        // Another request may have stood in line behind this one.
        self.offer_call(id);
        Ok(())
    }

    /// Why nothing is sent where no conversation is open.
    fn nobody_open(&self) -> SendProblem {
        SendProblem::hard(match self.inbox.waiting() {
            0 => "no request yet; the text is kept".to_owned(),
            _ => {
                let key = self.key_of(Action::NextWaiting);
                format!("no request is open: {key} opens the one that waits; the text goes along")
            }
        })
    }

    /// Forgets what was composed, because it is on its way.
    pub(super) fn clear_composed(&mut self, ends: bool) {
        let composer = self.composer_mut();
        composer.clear_sent();
        if ends {
            composer.kind = ReplyKind::Send;
        }
        self.keep_draft();
        if let Some(id) = self.open {
            if ends {
                self.end_taking_over(id);
            }
            self.return_own_words(id);
        }
    }

    /// Hands a reply over. `rest` is what is left to be sent later.
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
        let drafted = reply.ends().then(|| self.drafts_of(id)).flatten();
        self.inbox
            .reply(id, reply, draft, rest, self.now)
            .map_err(|error| SendProblem::hard(error.to_string()))
            .inspect_err(|_| self.sync(id))?;
        self.remember_of(Some(id), typed);
        if drafted.is_some() {
            self.remembered_of(id).beside.last = drafted;
        }
        // Whoever has answered goes on with those that wait longest.
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

    /// The parts and what is in the composer, as one reply.
    fn collected(&mut self, known: &[String]) -> Result<Reply, SendProblem> {
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
        let conversation = self.conversation().ok_or_else(|| self.nobody_open())?;
        conversation.reply_of(items, |problem| is_accepted(problem, known))
    }

    /// The end of a message that was typed live: what is left of it leaves, and it is closed.
    fn end_of_live(&mut self, kind: ReplyKind, known: &[String]) -> Result<Reply, SendProblem> {
        if !kind.can_be_live() || !self.composer().parts.is_empty() {
            return self.collected(known);
        }
        let text = self.composer().text().trim_end_matches('\n').to_owned();
        let phase = self.conversation().and_then(Conversation::live_phase);
        let began = phase.is_some_and(|phase| {
            // One of the other kind is ended by the first words of this one.
            (phase == Phase::FinalAnswer) == (kind == ReplyKind::Send)
        });
        if text.is_empty() && !began {
            return Err(SendProblem::hard("nothing to send"));
        }
        if !began {
            return self.collected(known);
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
            return Err(self.nobody_open());
        };
        let phase = match self.composer().kind {
            ReplyKind::Progress => Phase::Commentary,
            _ => Phase::FinalAnswer,
        };
        let open = self.conversation().and_then(Conversation::live_phase);
        if open.is_some_and(|open| open != phase) {
            // What is typed now is another message.
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
        // The line and nothing else: parts that are collected stay where they are.
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
        self.keep_draft();
        self.sync(id);
        self.with_transcript(Transcript::show_bottom);
        Ok(())
    }

    /// Inserts a line break; where the message is typed live, the line leaves.
    pub(super) fn newline(&mut self) {
        if let Some(call) = self.composer_mut().open_call() {
            // The text beside it is not on the screen.
            call.paste("\n");
            return self.keep_draft();
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
                // Who means it ends the message, and is asked there.
                self.keep_draft();
                return self.say(Level::Bad, problem.message);
            }
            if let Err(problem) = self.send_live(&text) {
                self.say(Level::Bad, problem.message);
            }
            return;
        }
        self.keep_draft();
    }

    /// Switches typing live on or off.
    pub(super) fn toggle_live(&mut self) {
        let composer = self.composer_mut();
        composer.live = !composer.live;
        let words = match composer.live {
            true => "live: each line is sent as you finish it",
            false => "not live: nothing is sent until you send it",
        };
        self.keep_draft();
        self.say(Level::Info, words);
    }

    /// What is in the composer, as an item; `None` if there is nothing.
    fn current_item(&mut self, known: &[String]) -> Result<Option<Body>, SendProblem> {
        let kind = self.composer().kind;
        if let Some(why) = self.unavailable(kind) {
            return Err(SendProblem::hard(self.instead_of(kind, why)));
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
            self.take_for_shell(known)?;
        }
        if let (Some(item), Some(conversation)) = (&item, self.conversation())
            && let Some(problem) = conversation.out_of_form(item)
            && !is_accepted(&problem, known)
        {
            return Err(problem);
        }
        Ok(item)
    }

    /// Asks once whether a tool is a shell that only looks like one.
    fn take_for_shell(&mut self, known: &[String]) -> Result<(), SendProblem> {
        let guess = self.conversation().and_then(Conversation::guessed_shell);
        let Some(((name, question), id)) = guess.zip(self.open) else {
            return Ok(());
        };
        let taken = &mut self.remembered_of(id).shell;
        if taken.as_ref() != Some(&name) && !is_accepted(&question, known) {
            return Err(question);
        }
        *taken = Some(name);
        Ok(())
    }

    /// Why a message is not sent that looks like a command.
    fn lost_command(&self, kind: ReplyKind, text: &str) -> Option<SendProblem> {
        composing::lost_command(kind, text, self.unavailable(ReplyKind::Command))
    }

    /// Why a kind of reply cannot be sent, and for a command what its words can become instead.
    fn instead_of(&self, kind: ReplyKind, why: &str) -> String {
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

    /// What a part becomes now.
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

    /// What a text becomes when it is sent as a reply of some kind; `None` if there is nothing to
    /// send.
    pub(super) fn item_of_text(
        &self,
        kind: ReplyKind,
        text: &str,
        options: &Map<String, Value>,
    ) -> Result<Option<Body>, SendProblem> {
        composing::item_of_text(kind, text, options, self.shell())
    }

    /// Puts what is in the composer behind the parts collected so far.
    pub(super) fn add_part(&mut self) {
        let known = self.insists.take().map_or_else(Vec::new, |it| it.faults);
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
                self.keep_draft();
                self.say(
                    Level::Info,
                    format!("part {count} added; Enter sends all of them"),
                );
            }
            Ok(None) => self.say(Level::Bad, "nothing to add"),
            Err(problem) => {
                self.insists = Insists::on(Action::AddPart, known, &problem);
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
            .callable()
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

    /// Begins a call of the tool at an index of the list that was picked from.
    pub(super) fn begin_call(&mut self, index: usize) {
        let Some(conversation) = self.conversation() else {
            return;
        };
        let call = match conversation.callable().nth(index) {
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
        self.keep_draft();
        if let Some(old) = old {
            // Nothing typed is lost: what was begun can be recalled.
            self.remember(old.text());
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
            Ok(()) => self.keep_draft(),
            Err(why) => self.say(Level::Bad, why),
        }
    }

    /// Opens the form of what a command can be given besides the command line.
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
                self.keep_draft();
            }
        }
    }

    /// Inserts what the answer may be made from: the form of the call that has to be made, a skeleton
    /// of the JSON that is asked for, or a draft of the summary.
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
        // Asked for again, it gives way to the next.
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
        self.keep_draft();
        if replaces {
            self.say(Level::Info, "replaced; undo brings the old text back");
        }
    }

    /// Answers a permission check, at once. Nothing but a key of the person decides here.
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

    /// Why a kind of reply cannot be sent now, if it cannot.
    pub(in crate::tui) fn unavailable(&self, kind: ReplyKind) -> Option<&'static str> {
        self.conversation()?.unavailable(kind)
    }
}

/// What the composer needs to know of a conversation.
impl Conversation {
    /// Whether an output that is new tells of a process that still runs.
    pub(in crate::tui) fn tells_of_process(&self) -> bool {
        let new = self.items().get(self.new_from()..).unwrap_or_default();
        let new = new.iter().filter(|item| item.output_of().is_some());
        let tells = |part: &ContentPart| match part {
            ContentPart::Text(text) => text.lines().take(8).any(|line| line.starts_with(RUNNING)),
            _ => false,
        };
        new.flat_map(|item| item.content()).any(tells)
            && self.tools().iter().any(|tool| tool.name == "write_stdin")
    }

    /// The session of the process that was left running last and has not ended since.
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

    /// The session that a call went on with.
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
