//! The commands of scripts, and their answers. A script can be the person for one turn: its replies go
//! through the same checks, and the person's own draft stays as it is.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use super::composing::{SendProblem, command_sent_as_text, item_of_text, rejection};
use super::{
    Change, Conversation, ConversationId, Event, Inbox, Mode, ReplyError, RequestId, SentReply,
    Status,
};
use crate::api::validation::check_arguments;
use crate::api::{Body, Item, Reply, Request, ShellTool, Tool, patch};
use crate::draft::{Call, CallTarget, Draft, Editor, Origin, Part, ReplyKind, Sender, Source};
use crate::store::marks::{self, MarkError, Marked, find_or_new};
use crate::store::{ConversationHeader, Saving};

/// The name under which a patch is sent, whether there is such a tool or the shell applies it.
const APPLY_PATCH: &str = "apply_patch";

/// A command of a script, with the sender of its answer.
#[derive(Debug)]
pub struct ScriptRequest {
    command: ScriptCommand,
    answer: oneshot::Sender<Result<ScriptAnswer, ScriptError>>,
}

/// Sends commands of scripts to the inbox. Clones send to the same inbox.
#[derive(Debug, Clone)]
pub struct Scripts(pub(super) mpsc::UnboundedSender<Event>);

impl Scripts {
    /// Sends a command and waits for its answer; `None` if the inbox is gone. A command whose future is
    /// dropped before the inbox has read it is not carried out.
    pub async fn ask(&self, command: ScriptCommand) -> Option<Result<ScriptAnswer, ScriptError>> {
        let (answer, receiver) = oneshot::channel();
        let script = Box::new(ScriptRequest { command, answer });
        self.0.send(Event::Script(script)).ok()?;
        receiver.await.ok()
    }
}

/// A command of a script.
#[derive(Debug)]
pub enum ScriptCommand {
    /// Asks how many requests wait, and for how long.
    Status,
    /// Asks for the listed conversations.
    List,
    /// Asks for the content of a conversation.
    Show(ConversationId),
    /// Asks for the request that waits longest, as soon as there is one.
    Wait(WaitFilter),
    /// Sends a reply.
    Reply(Box<ScriptReply>),
    /// Changes the state of the study, or only asks for it.
    Study(Option<StudyCommand>),
    /// Changes a mark, which is given as the journal has it.
    Mark(Marked, Vec<marks::MarkChange>),
    /// Deletes conversations for good, all of them or none.
    Delete(Vec<ConversationId>),
    /// Rejects the request that waits in a conversation.
    Reject {
        /// The conversation.
        conversation: ConversationId,
        /// The request that must be the one that waits; without it, any is rejected.
        request: Option<RequestId>,
        /// The reason, which the client is told.
        words: String,
    },
}

/// A change of the state of the study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StudyCommand {
    /// Starts or resumes it.
    Start,
    /// Pauses it.
    Pause,
    /// Makes the phase of this name the current one.
    Phase(String),
}

/// The state of the study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyState {
    /// Since when it is paused, if it is.
    pub paused: Option<Timestamp>,
    /// The current phase.
    pub phase: Option<String>,
    /// All of its phases, in order.
    pub phases: Vec<String>,
}

/// Which requests a script waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitFilter {
    /// Only those of this conversation.
    pub conversation: Option<ConversationId>,
    /// Only those of agents whose name contains this, in upper or lower case.
    pub agent: Option<String>,
    /// Only those that came after this request.
    pub after: Option<RequestId>,
}

/// A reply of a script.
#[derive(Debug)]
pub struct ScriptReply {
    /// The conversation.
    pub conversation: ConversationId,
    /// The request that must be the one that waits; without it, any is answered.
    pub request: Option<RequestId>,
    /// The parts, in order.
    pub parts: Vec<ScriptPart>,
    /// Whether problems are accepted that the person could accept.
    pub force: bool,
}

/// A part of a reply of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum ScriptPart {
    /// A text: an answer, a note, a thought or a command.
    Text {
        /// Which of these it is.
        kind: ReplyKind,
        /// The text.
        text: String,
        /// Arguments of a command besides the command line.
        options: Map<String, Value>,
    },
    /// A call of a tool.
    Call {
        /// The name of the tool, as it is shown: with its namespace, if it has one.
        tool: String,
        /// Its arguments as JSON, or the input of a tool that takes free text.
        arguments: String,
    },
}

/// The answer to a command.
#[derive(Debug)]
pub enum ScriptAnswer {
    /// How many requests wait.
    Status(InboxStatus),
    /// The conversations in the order of the list.
    List(Vec<ConversationSummary>),
    /// The content of a conversation.
    Snapshot(Box<Snapshot>),
    /// The conversation is not in memory, and has to be read from the journal.
    NotLoaded,
    /// The reply was sent.
    Sent(ReplyReceipt),
    /// The state of the study.
    Study(StudyState),
    /// It is done when this write is settled.
    Done(Saving),
}

/// How many requests and conversations there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxStatus {
    /// How many requests wait.
    pub waiting: usize,
    /// When the one that waits longest came in.
    pub since: Option<Timestamp>,
    /// How many conversations are listed.
    pub conversations: usize,
}

/// What a list shows scripts of a conversation.
#[derive(Debug, Clone)]
pub struct ConversationSummary {
    /// Its id, agent, title and marks.
    pub header: ConversationHeader,
    /// Whether it waits, and how it ended if it does not.
    pub status: Status,
    /// The request that is answered next.
    pub request: Option<RequestId>,
    /// How many requests wait.
    pub waiting: usize,
    /// Who answers its requests.
    pub mode: Mode,
    /// Whether a model is writing a reply now.
    pub(crate) is_model_replying: bool,
    /// The folder that its agent works in, if it says so.
    pub directory: Option<String>,
}

/// The content of a conversation at a moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What a list shows of it.
    pub summary: ConversationSummary,
    /// The newest request, or the one that is answered next.
    pub request: Request,
    /// The index of the first item that is new since the last reply.
    pub new_from: usize,
    /// The replies to it.
    pub replies: Vec<SentReply>,
}

impl Snapshot {
    /// The new items, or with `all` every item, each with its index.
    pub fn items(&self, all: bool) -> impl Iterator<Item = (usize, &Arc<Item>)> {
        let from = if all { 0 } else { self.new_from };
        self.request.items.iter().enumerate().skip(from)
    }
}

/// The receipt for a reply of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyReceipt {
    /// The conversation.
    pub conversation: ConversationId,
    /// The request that was answered.
    pub request: RequestId,
    /// Whether the reply ended the response.
    pub ended: bool,
    /// The write that has to be settled before the reply leaves.
    pub saving: Saving,
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The conversation is not in memory.
    #[error("there is no conversation {}", .0.0)]
    Unknown(ConversationId),
    /// No request waits in the conversation.
    #[error("no request waits in conversation {}", .0.0)]
    NobodyWaits(ConversationId),
    /// Another request waits than the one that the command names.
    #[error("request {} does not wait any more; request {} does", .0.0, .1.0)]
    AnotherWaits(RequestId, RequestId),
    /// The person has just replied to it, and can still take that back.
    #[error("the person has answered this; it is about to leave")]
    Answered,
    /// The study is paused.
    #[error("the study is paused; `humanllm study start` has it go on")]
    Paused,
    /// A request waits in the conversation, or not all of its replies were delivered.
    #[error("somebody waits in conversation {}; answer or reject that first", .0.0)]
    Busy(ConversationId),
    /// The change of the mark is refused.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// No study is configured.
    #[error("no study is run: `enabled = true` below [study] in the configuration begins one")]
    NoStudy,
    /// The study has no such phase.
    #[error("the study has no phase {name:?}; {}", phases(known))]
    NoPhase {
        /// The name.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The client went away.
    #[error("the client is gone; nothing was sent")]
    ClientGone,
    /// The reply has a problem that was not accepted.
    #[error("{}", .0.message)]
    Problem(SendProblem),
}

fn phases(known: &[String]) -> String {
    match known {
        [] => "[[study.phase]] in the configuration adds one".into(),
        known => format!("there are {}", known.join(", ")),
    }
}

impl From<SendProblem> for ScriptError {
    fn from(problem: SendProblem) -> Self {
        Self::Problem(problem)
    }
}

/// A script that waits for a request.
#[derive(Debug)]
pub(super) struct Waiter {
    filter: WaitFilter,
    answer: oneshot::Sender<Result<ScriptAnswer, ScriptError>>,
}

impl WaitFilter {
    /// Whether the request that waits in a conversation is one that the script waits for. One that a
    /// model is answering waits for nobody.
    fn takes(&self, conversation: &Conversation) -> bool {
        let Some(open) = conversation.open_request() else {
            return false;
        };
        let is_agent = |agent: &String| {
            let agent = agent.to_lowercase();
            conversation.agent.to_lowercase().contains(&agent)
        };
        conversation.sending().is_none()
            && self.conversation.is_none_or(|id| id == conversation.id)
            && self.after.is_none_or(|after| open > after)
            && self.agent.as_ref().is_none_or(is_agent)
    }
}

impl Inbox {
    /// Reserves a request for the person, who has replied but can still take the reply back: no script
    /// may answer it. `None` ends that.
    pub(crate) fn claim(&mut self, request: Option<RequestId>) {
        self.claimed = request;
    }

    /// Carries out the command of a script and answers it, or has the script wait.
    pub(super) fn handle_script(
        &mut self,
        script: ScriptRequest,
        now: Timestamp,
    ) -> Option<Change> {
        let ScriptRequest { command, answer } = script;
        if answer.is_closed() {
            // The script has given up before its command was read.
            return None;
        }
        let (answered, change) = match command {
            ScriptCommand::Status => (Ok(ScriptAnswer::Status(self.status())), None),
            ScriptCommand::List => {
                let list = self.conversations().map(Conversation::summary).collect();
                (Ok(ScriptAnswer::List(list)), None)
            }
            ScriptCommand::Show(id) => (self.snapshot_answer(id), None),
            ScriptCommand::Wait(filter) => match self.longest_waiting_for(&filter) {
                Some(id) if self.paused.is_none() => (self.snapshot_answer(id), None),
                _ => {
                    self.waiters.retain(|waiter| !waiter.answer.is_closed());
                    self.waiters.push(Waiter { filter, answer });
                    return None;
                }
            },
            ScriptCommand::Study(command) => (
                self.change_study(command, now).map(ScriptAnswer::Study),
                None,
            ),
            ScriptCommand::Mark(marked, changes) => (
                self.change_mark(marked, &changes).map(ScriptAnswer::Done),
                None,
            ),
            ScriptCommand::Delete(ids) => (self.delete_all(&ids).map(ScriptAnswer::Done), None),
            ScriptCommand::Reply(reply) => {
                let result = self.compose(&reply).and_then(|(words, draft)| {
                    self.say_for_script(reply.conversation, words, draft, now)
                });
                reply_outcome(reply.conversation, result)
            }
            ScriptCommand::Reject {
                conversation,
                request,
                words,
            } => {
                let checked = self
                    .conversation_to_answer(conversation, request)
                    .map(|_| ());
                let result = checked.and_then(|()| {
                    let reply = rejection(&words)?;
                    let draft = Draft {
                        kind: ReplyKind::Reject,
                        ..script_draft(&words)
                    };
                    self.say_for_script(conversation, reply, draft, now)
                });
                reply_outcome(conversation, result)
            }
        };
        // A script that has gone meanwhile misses the answer and nothing else.
        let _ = answer.send(answered);
        change
    }

    /// Changes a mark.
    fn change_mark(
        &mut self,
        mut marked: Marked,
        changes: &[marks::MarkChange],
    ) -> Result<Saving, ScriptError> {
        if let Some(conversation) = self.get(ConversationId(marked.mark.conversation)) {
            // The mark in memory is newer than the one that was read from the journal.
            let mut known = conversation.marks().iter();
            let known = known.find(|known| known.turn == marked.turn);
            marked.mark = match known {
                Some(known) => known.mark.clone(),
                None => find_or_new(&[], marked.mark.conversation, marked.mark.turn),
            };
        }
        for change in changes {
            change.apply(&mut marked.mark)?;
        }
        self.mark(marked);
        Ok(self.saving.unwrap_or_default())
    }

    /// Deletes conversations for good, whether or not they are in memory.
    fn delete_all(&mut self, ids: &[ConversationId]) -> Result<Saving, ScriptError> {
        if let Some(busy) = ids.iter().find(|id| self.is_busy(**id)) {
            return Err(ScriptError::Busy(*busy));
        }
        let mut saving = Saving::default();
        for id in ids {
            if let Some(at) = self.position(*id) {
                self.remove(*id);
                self.deleted.push((*id, at));
            }
            saving = self.store.delete(*id);
        }
        Ok(saving)
    }

    /// Changes the state of the study, and returns the new one.
    fn change_study(
        &mut self,
        command: Option<StudyCommand>,
        now: Timestamp,
    ) -> Result<StudyState, ScriptError> {
        let phases = || self.phases().iter().map(|phase| phase.name.clone());
        let phases: Vec<String> = phases().collect();
        let pauses = match &command {
            Some(StudyCommand::Start) => Some(false),
            Some(StudyCommand::Pause) => Some(true),
            Some(StudyCommand::Phase(_)) | None => None,
        };
        let paused = self.set_paused(pauses, now)?;
        if let Some(StudyCommand::Phase(name)) = command
            && !self.go_to_phase(&name)
        {
            let known = phases;
            return Err(ScriptError::NoPhase { name, known });
        }
        Ok(StudyState {
            paused,
            phase: self.phase().map(|phase| phase.name.clone()),
            phases,
        })
    }

    /// Answers a script that waits for the request that waits in a conversation now. Only one of them
    /// gets it.
    pub(super) fn notify_waiters(&mut self, id: ConversationId) {
        if self.waiters.is_empty() || self.paused.is_some() {
            return;
        }
        let Some(conversation) = self.conversations.get(&id) else {
            return;
        };
        let takes = |waiter: &Waiter| waiter.filter.takes(conversation);
        while let Some(at) = self.waiters.iter().position(takes) {
            let waiter = self.waiters.remove(at);
            let answer = Ok(ScriptAnswer::Snapshot(Box::new(conversation.snapshot())));
            if waiter.answer.send(answer).is_ok() {
                return;
            }
        }
    }

    fn status(&self) -> InboxStatus {
        let longest = self.longest_waiting().next().and_then(|id| self.get(id));
        InboxStatus {
            waiting: self.waiting(),
            since: longest.and_then(|found| match found.status() {
                Status::Waiting { since } => Some(since),
                Status::Answered | Status::ClientGone => None,
            }),
            conversations: self.conversations.len(),
        }
    }

    fn snapshot_answer(&self, id: ConversationId) -> Result<ScriptAnswer, ScriptError> {
        match self.get(id) {
            Some(found) if found.is_loaded() => {
                Ok(ScriptAnswer::Snapshot(Box::new(found.snapshot())))
            }
            // A conversation that is not in memory may be in the journal.
            _ => Ok(ScriptAnswer::NotLoaded),
        }
    }

    fn longest_waiting_for(&self, filter: &WaitFilter) -> Option<ConversationId> {
        let mut waiting = self.longest_waiting();
        waiting.find(|id| self.get(*id).is_some_and(|found| filter.takes(found)))
    }

    /// The conversation with the request that a script answers, if the script may do that.
    fn conversation_to_answer(
        &self,
        id: ConversationId,
        request: Option<RequestId>,
    ) -> Result<&Conversation, ScriptError> {
        let conversation = self.get(id).ok_or(ScriptError::Unknown(id))?;
        let open = conversation.open_request();
        let open = open.ok_or(ScriptError::NobodyWaits(id))?;
        match request {
            Some(meant) if meant != open => Err(ScriptError::AnotherWaits(meant, open)),
            _ if self.claimed == Some(open) => Err(ScriptError::Answered),
            _ => Ok(conversation),
        }
    }

    /// Composes the reply of a script, and the draft that is written with it.
    fn compose(&self, reply: &ScriptReply) -> Result<(Reply, Draft), ScriptError> {
        let conversation = self.conversation_to_answer(reply.conversation, reply.request)?;
        let accepts = |problem: &SendProblem| problem.soft && reply.force;
        if conversation.live_phase().is_some() {
            let problem = SendProblem::soft("a message is being written here and would be ended");
            accept(Some(problem), accepts)?;
        }
        let mut items = Vec::new();
        let mut parts = Vec::new();
        for part in &reply.parts {
            let (item, part) = conversation.compose_part(part, accepts)?;
            items.push(item);
            parts.push(part);
        }
        let Some(last) = parts.pop() else {
            return Err(SendProblem::hard("nothing to send").into());
        };
        let words = conversation.compose_reply(items, accepts)?;
        let draft = Draft {
            kind: last.kind,
            options: last.options,
            call: last.call,
            parts,
            ..script_draft(&last.text)
        };
        Ok((words, draft))
    }

    fn say_for_script(
        &mut self,
        id: ConversationId,
        reply: Reply,
        draft: Draft,
        now: Timestamp,
    ) -> Result<ReplyReceipt, ScriptError> {
        let request = self.get(id).and_then(Conversation::open_request);
        let request = request.ok_or(ScriptError::NobodyWaits(id))?;
        let ended = reply.ends();
        // A model that is writing the reply stops.
        self.take_over(id, now);
        let result = self.reply_as(id, reply, draft, None, now);
        result.map_err(|error| match error {
            ReplyError::NobodyWaits => ScriptError::NobodyWaits(id),
            ReplyError::ClientGone => ScriptError::ClientGone,
            ReplyError::Paused => ScriptError::Paused,
        })?;
        Ok(ReplyReceipt {
            conversation: id,
            request,
            ended,
            saving: self.saving.unwrap_or_default(),
        })
    }
}

impl Conversation {
    /// What a list shows of it.
    fn summary(&self) -> ConversationSummary {
        ConversationSummary {
            header: self.header(),
            status: self.status(),
            request: self.open_request(),
            waiting: self.waiting(),
            mode: self.mode(),
            is_model_replying: self.sending().is_some(),
            directory: self.directory().map(str::to_owned),
        }
    }

    /// Its content now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            summary: self.summary(),
            request: self.request().clone(),
            new_from: self.new_from(),
            replies: self.replies().to_vec(),
        }
    }

    /// Composes a part of a reply: the item, and the part of the draft that is written with it.
    fn compose_part(
        &self,
        part: &ScriptPart,
        accepts: impl Fn(&SendProblem) -> bool + Copy,
    ) -> Result<(Body, Part), SendProblem> {
        match part {
            ScriptPart::Text {
                kind,
                text,
                options,
            } => {
                if let Some(why) = self.unavailable_reason(*kind) {
                    return Err(SendProblem::hard(why));
                }
                let no_command = self.unavailable_reason(ReplyKind::Command);
                accept(command_sent_as_text(*kind, text, no_command), accepts)?;
                let item = item_of_text(*kind, text, options, self.shell())?;
                let item = item.ok_or_else(|| SendProblem::hard("nothing to send"))?;
                if *kind == ReplyKind::Command {
                    accept(self.guessed_shell().map(|(_, question)| question), accepts)?;
                }
                accept(self.output_format_problem(&item), accepts)?;
                let part = Part {
                    kind: *kind,
                    text: text.clone(),
                    options: options.clone(),
                    origin: Origin::of(text, Source::Script),
                    ..Part::default()
                };
                Ok((item, part))
            }
            ScriptPart::Call { tool, arguments } => self.compose_call(tool, arguments, accepts),
        }
    }

    /// Composes a call of a tool by the name that is shown, or by the one without its namespace.
    fn compose_call(
        &self,
        name: &str,
        arguments: &str,
        accepts: impl Fn(&SendProblem) -> bool,
    ) -> Result<(Body, Part), SendProblem> {
        if let Some(why) = self.unavailable_reason(ReplyKind::Tool) {
            return Err(SendProblem::hard(why));
        }
        let found = self.callable_tools().find(|tool| tool.title() == name);
        let found = found.or_else(|| self.callable_tools().find(|tool| tool.name == name));
        let (target, item, problem) = match (found, self.shell()) {
            (Some(tool), _) => tool_call(tool, arguments),
            (None, Some(shell)) if name == APPLY_PATCH && self.patches_by_shell() => {
                shell_patch_call(shell, arguments)
            }
            _ => {
                let words = format!("this request offers no tool {name} that can be called");
                return Err(SendProblem::hard(words));
            }
        };
        accept(problem.map(SendProblem::soft), accepts)?;
        let part = Part {
            kind: ReplyKind::Tool,
            call: Some(Call {
                target,
                editor: Editor::Text {
                    text: arguments.to_owned(),
                    cursor: None,
                },
                drafted: None,
            }),
            ..Part::default()
        };
        Ok((item, part))
    }
}

fn tool_call(tool: &Tool, arguments: &str) -> (CallTarget, Body, Option<String>) {
    let name = tool.name.clone();
    if tool.kind == "custom" {
        let problem = match name.as_str() {
            APPLY_PATCH => patch_problem(arguments),
            _ => None,
        };
        let item = Body::CustomToolCall {
            name: name.clone(),
            input: arguments.to_owned(),
        };
        return (CallTarget::Custom { name }, item, problem);
    }
    let schema = tool.parameters().cloned().unwrap_or(Value::Bool(true));
    let problem = check_arguments(&schema, arguments).err();
    let item = Body::FunctionCall {
        namespace: tool.namespace.clone(),
        name: name.clone(),
        arguments: arguments.to_owned(),
    };
    let target = CallTarget::Function {
        namespace: tool.namespace.clone(),
        name,
        schema,
    };
    (target, item, problem)
}

fn shell_patch_call(shell: &ShellTool, text: &str) -> (CallTarget, Body, Option<String>) {
    let item = shell.call(&patch::shell_command(text), &Map::new());
    let target = CallTarget::PatchByShell(shell.clone());
    (target, item, patch_problem(text))
}

fn patch_problem(text: &str) -> Option<String> {
    patch::check(text).err().map(|error| error.to_string())
}

fn accept(
    problem: Option<SendProblem>,
    accepts: impl Fn(&SendProblem) -> bool,
) -> Result<(), SendProblem> {
    match problem {
        Some(problem) if !accepts(&problem) => Err(problem),
        _ => Ok(()),
    }
}

/// The draft of a text that a script sends.
fn script_draft(text: &str) -> Draft {
    Draft {
        text: text.to_owned(),
        origin: Origin::of(text, Source::Script),
        sender: Sender::Script,
        ..Draft::default()
    }
}

fn reply_outcome(
    conversation: ConversationId,
    result: Result<ReplyReceipt, ScriptError>,
) -> (Result<ScriptAnswer, ScriptError>, Option<Change>) {
    let change = match &result {
        Ok(sent) => Some(Change::ScriptReplied {
            conversation,
            ended: sent.ended,
        }),
        // This reply found out that the client has gone. The drafts are returned by the event that says so.
        Err(ScriptError::ClientGone) => Some(Change::ClientGone {
            conversation,
            returned: Vec::new(),
        }),
        Err(_) => None,
    };
    (result.map(ScriptAnswer::Sent), change)
}
