//! Writing to a process that a command left running.

use serde_json::{Value, json};

use super::{App, Level};
use crate::api::{Ending, Reply};
use crate::draft::Draft;
use crate::tui::composer::{ArgumentsEditor, ComposedCall, ReplyKind};
use crate::tui::transcript::Transcript;

/// Codex's tool that writes to the standard input of a process.
const WRITE_STDIN: &str = "write_stdin";
/// What `Ctrl+C` sends to a terminal.
const CTRL_C: &str = "\u{3}";
/// What `Ctrl+D` sends to a terminal.
const CTRL_D: &str = "\u{4}";

impl App {
    /// Begins a call that writes to the last process that still runs.
    pub(super) fn continue_process(&mut self) {
        if let Some(mut call) = self.process_call("") {
            if let ArgumentsEditor::Form(form) = &mut call.editor {
                form.focus_field("chars");
            }
            self.set_call(call);
        }
    }

    /// Sends `Ctrl+C` to the process at once.
    pub(super) fn interrupt_process(&mut self) {
        self.send_to_process(CTRL_C, "Ctrl+C sent to the process");
    }

    /// Sends `Ctrl+D` to the process at once.
    pub(super) fn end_process_input(&mut self) {
        self.send_to_process(CTRL_D, "Ctrl+D sent to the process");
    }

    /// Sends a key to the process. The draft stays in the composer.
    fn send_to_process(&mut self, key: &str, words: &str) {
        let waiting = self
            .conversation()
            .filter(|conversation| conversation.is_waiting());
        let Some(id) = waiting.map(|conversation| conversation.id) else {
            return self.say(Level::Info, "no request waiting");
        };
        let (Some(call), Some(nothing)) = (self.process_call(key), self.process_call("")) else {
            return;
        };
        let items = vec![call.item()];
        let broken = self
            .conversation()
            .and_then(|it| it.unmet_tool_choice(&items, true));
        if let Some(problem) = broken {
            return self.say(Level::Bad, problem.message);
        }
        if self.delayed_draft(Some(id)).is_some() {
            // The call ends this response, so a delayed answer goes back into the composer.
            self.unsend();
        }
        let composer = self.composer_mut();
        if composer
            .call
            .as_ref()
            .is_some_and(|begun| begun.item() == nothing.item())
        {
            // An empty call to the process that was begun before is replaced by this one.
            composer.call = None;
            composer.kind = ReplyKind::Send;
        }
        let draft = Draft {
            kind: ReplyKind::Tool,
            call: Some(call.to_draft()),
            ..Draft::default()
        };
        let reply = Reply::End {
            items,
            ending: Ending::Completed,
        };
        let rest = self.composer().to_draft();
        match self.inbox.reply(id, reply, draft, &rest, self.now) {
            Ok(_) => {
                self.announced = None;
                self.follow_open_request(id);
                self.mark_draft_changed(id);
                self.say(Level::Good, words);
            }
            Err(error) => self.say(Level::Bad, error.to_string()),
        }
        self.sync(id);
        self.with_transcript(Transcript::show_bottom);
    }

    /// A call that writes `chars` to the running process; shows a notice if there is none.
    fn process_call(&mut self, chars: &str) -> Option<ComposedCall> {
        let Some(conversation) = self.conversation() else {
            self.say(Level::Info, "no request yet");
            return None;
        };
        let mut tools = conversation.tools().iter();
        let tool = tools.find(|tool| tool.name == WRITE_STDIN);
        match (tool, conversation.running_session()) {
            (None, _) => {
                self.say(Level::Bad, "this request offers no write_stdin");
                None
            }
            (_, None) => {
                self.say(Level::Info, "no process is still running");
                None
            }
            (Some(tool), Some(session)) => {
                let session = session
                    .parse::<u64>()
                    .map_or(Value::from(session), Value::from);
                let arguments = json!({"session_id": session, "chars": chars});
                Some(ComposedCall::with_arguments(tool, &arguments))
            }
        }
    }
}

impl ComposedCall {
    /// Whether it writes to a running process.
    pub(in crate::tui) fn is_to_process(&self) -> bool {
        self.tool_name() == WRITE_STDIN
    }
}
