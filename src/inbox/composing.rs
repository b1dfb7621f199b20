//! Composes replies from text and items, and checks them against what the request asks for. The terminal
//! and scripts share these checks.

use serde_json::{Map, Value};

use super::Conversation;
use crate::api::{
    Body, ContentPart, Ending, FailureCode, OutputFormat, Phase, Reply, ShellTool, Tool,
    ToolChoice, check_answer,
};
use crate::draft::ReplyKind;
use crate::tokens::{count, count_body, truncate};

/// The message where a request offers no shell.
pub(crate) const NO_SHELL: &str = "this request offers no shell";

/// Why a reply is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendProblem {
    /// What is wrong, for the person or the script.
    pub message: String,
    /// Whether the reply can be sent all the same, by sending it again or by force.
    pub(crate) soft: bool,
}

impl SendProblem {
    /// A problem with which the reply cannot be sent at all.
    pub fn hard(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            soft: false,
        }
    }

    /// A problem that the person may accept.
    pub(crate) fn soft(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            soft: true,
        }
    }
}

/// The problem of a message that begins with `!`: whoever typed that most likely wanted to run a
/// command, and the client would take it for the answer. `why` is why no command can be sent, if none
/// can.
pub(crate) fn command_sent_as_text(
    kind: ReplyKind,
    text: &str,
    why: Option<&str>,
) -> Option<SendProblem> {
    let is_message = matches!(
        kind,
        ReplyKind::Send | ReplyKind::Progress | ReplyKind::Think
    );
    // A picture in Markdown begins with `![`.
    let is_command = text.starts_with('!') && !text.starts_with("![");
    (is_message && is_command).then(|| match why {
        Some(why) => SendProblem::soft(format!("not sent: {why}, so it would go as text")),
        None => SendProblem::soft("not sent: it begins with ! and would go as text"),
    })
}

/// The output item that a text becomes as a reply of this kind; `None` if the text is blank.
///
/// # Errors
///
/// If it is a command and there is no shell.
pub(crate) fn item_of_text(
    kind: ReplyKind,
    text: &str,
    options: &Map<String, Value>,
    shell: Option<&ShellTool>,
) -> Result<Option<Body>, SendProblem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let text = text.trim_end_matches('\n').to_owned();
    Ok(Some(match kind {
        ReplyKind::Progress => Body::message(text, Phase::Commentary),
        ReplyKind::Think => Body::reasoning(text),
        ReplyKind::Command => {
            let shell = shell.ok_or_else(|| SendProblem::hard(NO_SHELL))?;
            shell.call(&text, options)
        }
        ReplyKind::Send | ReplyKind::Tool | ReplyKind::Reject => {
            Body::message(text, Phase::FinalAnswer)
        }
    }))
}

/// A reply that rejects the request with these words.
///
/// # Errors
///
/// If the words are blank.
pub(crate) fn rejection(words: &str) -> Result<Reply, SendProblem> {
    let message = words.trim_end_matches('\n').to_owned();
    if message.trim().is_empty() {
        return Err(SendProblem::hard("a reason is required"));
    }
    let ending = Ending::Failed {
        code: FailureCode::InvalidPrompt,
        message,
    };
    Ok(Reply::End {
        items: Vec::new(),
        ending,
    })
}

impl Conversation {
    /// The tools that can be called by name.
    pub(crate) fn callable_tools(&self) -> impl Iterator<Item = &Tool> {
        let tools = self.tools().iter();
        tools.filter(|tool| matches!(tool.kind.as_str(), "function" | "custom"))
    }

    /// Whether a patch has to be sent as a shell command, because no tool takes patches.
    pub(crate) fn patches_by_shell(&self) -> bool {
        let named = |name: &str| self.tools().iter().any(|tool| tool.name == name);
        // Codex looks for patches in the commands of its own shells only.
        named("exec_command") && !named("apply_patch")
    }

    /// Why a kind of reply cannot be sent to this request, if it cannot.
    pub(crate) fn unavailable_reason(&self, kind: ReplyKind) -> Option<&'static str> {
        let request = self.request();
        match kind {
            ReplyKind::Command if self.shell().is_none() => Some(NO_SHELL),
            ReplyKind::Tool
                if self.callable_tools().next().is_none() && !self.patches_by_shell() =>
            {
                Some("this request offers no callable tools")
            }
            ReplyKind::Progress if !request.format.carries_commentary() => {
                Some("a summary is sent whole")
            }
            ReplyKind::Progress
                if !request.format.marks_commentary()
                    && request.output_format != OutputFormat::Text =>
            {
                Some("this client takes only the JSON it asked for")
            }
            ReplyKind::Think if !request.format.carries_reasoning() => {
                Some("this client's format carries no thoughts")
            }
            _ => None,
        }
    }

    /// The name of a tool that only seems to be a shell, by its name and parameter, and the problem that
    /// asks whether it is one.
    pub(crate) fn guessed_shell(&self) -> Option<(String, SendProblem)> {
        let shell = self.shell()?;
        let (name, parameter) = (shell.name().to_owned(), shell.guessed_parameter()?);
        let question = SendProblem::soft(format!(
            "not sent: is {name} a shell? Its {parameter} would get this"
        ));
        Some((name, question))
    }

    /// The problem of an answer that does not have the output format that the request asks for.
    pub(crate) fn output_format_problem(&self, item: &Body) -> Option<SendProblem> {
        let is_answer = item.phase() == Some(Phase::FinalAnswer);
        let checked = is_answer.then(|| check_answer(&self.request().output_format, &item.words()));
        checked?.err().map(SendProblem::soft)
    }

    /// The problem of items that do not keep to the `tool_choice` and `parallel_tool_calls` of the
    /// request. `ends` says that they end the response.
    pub(crate) fn unmet_tool_choice(&self, items: &[Body], ends: bool) -> Option<SendProblem> {
        let request = self.request();
        let choice = &request.tool_choice;
        let calls = items.iter().filter_map(Body::tool_name);
        let mut count = 0;
        for name in calls {
            count += 1;
            if !choice.allows(name) {
                let message = format!("the request does not allow calling {name} (tool_choice)");
                // A list of what may be called binds the server, not only the model (Open
                // Responses, 2026-04-24).
                return Some(match choice {
                    ToolChoice::Only { .. } => SendProblem::hard(message),
                    _ => SendProblem::soft(message),
                });
            }
        }
        if count > 1 && !request.parallel_tool_calls {
            let message = "the request allows one call at a time (parallel_tool_calls)";
            return Some(SendProblem::soft(message));
        }
        if ends && count == 0 && choice.requires_call() {
            return Some(SendProblem::soft(
                "the request requires a call (tool_choice)",
            ));
        }
        None
    }

    /// Makes one reply of some items. It ends the response if one of them is a call or a final answer.
    /// `accepts` says whether a problem is accepted.
    ///
    /// # Errors
    ///
    /// The first problem that is not accepted.
    pub(crate) fn compose_reply(
        &self,
        mut items: Vec<Body>,
        accepts: impl Fn(&SendProblem) -> bool,
    ) -> Result<Reply, SendProblem> {
        let is_answer = |item: &Body| item.is_call() || item.phase() == Some(Phase::FinalAnswer);
        let ends = items.iter().any(is_answer);
        match self.unmet_tool_choice(&items, ends) {
            Some(problem) if !accepts(&problem) => return Err(problem),
            _ => {}
        }
        if !ends {
            return Ok(Reply::Items(items));
        }
        let ending = self.cut_to_output_limit(&mut items, accepts)?;
        Ok(Reply::End { items, ending })
    }

    /// Cuts the answer off where the response would have more tokens than the request allows.
    fn cut_to_output_limit(
        &self,
        items: &mut Vec<Body>,
        accepts: impl Fn(&SendProblem) -> bool,
    ) -> Result<Ending, SendProblem> {
        let Some(most) = self.request().output_limit() else {
            return Ok(Ending::Completed);
        };
        let Some((last @ Body::Message { .. }, others)) = items.split_last_mut() else {
            return Ok(Ending::Completed);
        };
        let before: u64 = others.iter().map(count_body).sum();
        let before = before + count(&self.text_sent_to_current());
        let all = before + count_body(last);
        if all <= most {
            return Ok(Ending::Completed);
        }
        let problem = SendProblem::soft(format!(
            "{all} tokens, {most} allowed: the rest will be cut off"
        ));
        if !accepts(&problem) {
            return Err(problem);
        }
        let kept = truncate(&last.words(), most.saturating_sub(before));
        if kept.is_empty() {
            // Nothing is left of the message.
            items.pop();
        } else if let Body::Message { content, .. } = last {
            *content = vec![ContentPart::Text(kept)];
        }
        Ok(Ending::OutOfTokens)
    }
}
