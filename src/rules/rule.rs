//! A checked rule, and the evaluation of its conditions.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::pattern::{Case, Pattern, excerpt};
use super::table::{DraftKind, RuleError, RuleTable};
use super::{Decision, LOOKBACK_BYTES, RuleAction, RuleText, Subject};
use crate::api::{Body, ItemBody, command_in, command_line, is_too_large_for_tree};

/// An item that a model drafted, with what rules need to know of it.
#[derive(Debug)]
pub(super) struct DraftedItem<'a> {
    item: &'a Body,
    kind: DraftKind,
    /// The shell command of a call.
    command: Option<Cow<'a, str>>,
}

impl<'a> DraftedItem<'a> {
    pub(super) fn new(subject: &Subject<'_>, item: &'a Body) -> Self {
        let command = command_in(item, &subject.request.tools);
        let kind = match item {
            Body::Message { .. } => DraftKind::Message,
            Body::Reasoning { .. } => DraftKind::Think,
            _ if command.is_some() => DraftKind::Command,
            _ => DraftKind::Tool,
        };
        Self {
            item,
            kind,
            command,
        }
    }
}

/// The `tool` of a rule that stands for any tool that runs shell commands.
pub(super) const SHELL: &str = "shell";

/// Descriptions of the matches of the conditions.
type Matched = Vec<String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    name: String,
    agent: Option<Pattern>,
    model: Option<Pattern>,
    conversation: Option<Pattern>,
    prompt: Option<Pattern>,
    /// Empty for all kinds.
    kinds: Vec<DraftKind>,
    tool: Option<ToolName>,
    parameter: Option<String>,
    argument: Option<Pattern>,
    text: Option<Pattern>,
    action: RuleAction,
    timeout: Option<(Duration, RuleAction)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ToolName {
    /// Any tool that runs shell commands.
    Shell,
    /// Tools whose name matches.
    Named(Pattern),
}

impl Rule {
    /// Checks a rule; the error comes with the key at fault.
    pub(super) fn new(written: &RuleTable) -> Result<Self, (&'static str, RuleError)> {
        let names = |key, text: &Option<String>| pattern(key, text, Case::Ignored);
        let words = |key, text: &Option<String>| pattern(key, text, Case::Matters);
        let tool = match written.tool.as_deref() {
            Some(SHELL) => Some(ToolName::Shell),
            _ => names("tool", &written.tool)?.map(ToolName::Named),
        };
        let rule = Self {
            name: name(&written.name).map_err(|error| ("name", error))?,
            agent: names("agent", &written.agent)?,
            model: names("model", &written.model)?,
            conversation: names("conversation", &written.conversation)?,
            prompt: words("prompt", &written.prompt)?,
            kinds: written.kind.0.clone(),
            tool,
            parameter: written.parameter.clone(),
            argument: words("argument", &written.argument)?,
            text: words("text", &written.text)?,
            action: written
                .action
                .clone()
                .ok_or(("action", RuleError::NoAction))?,
            timeout: None,
        };
        rule.check_conditions()?;
        rule.check_action("action", &rule.action)?;
        let timeout = rule.timeout(written)?;
        Ok(Self { timeout, ..rule })
    }

    /// Checks that the conditions can hold together.
    fn check_conditions(&self) -> Result<(), (&'static str, RuleError)> {
        let is_of_call = self.tool.is_some() || self.argument.is_some();
        let lacks = |kinds: [DraftKind; 2]| {
            !self.kinds.is_empty() && !self.kinds.iter().any(|kind| kinds.contains(kind))
        };
        if self.parameter.is_some() && self.argument.is_none() {
            Err(("parameter", RuleError::NoArgument))
        } else if self.text.is_some() && is_of_call {
            let other = if self.tool.is_some() {
                "tool"
            } else {
                "argument"
            };
            Err(("text", RuleError::Contradiction(other)))
        } else if self.text.is_some() && lacks([DraftKind::Message, DraftKind::Think]) {
            Err(("kind", RuleError::Contradiction("text")))
        } else if is_of_call && lacks([DraftKind::Command, DraftKind::Tool]) {
            let other = if self.tool.is_some() {
                "tool"
            } else {
                "argument"
            };
            Err(("kind", RuleError::Contradiction(other)))
        } else {
            Ok(())
        }
    }

    fn check_action(
        &self,
        key: &'static str,
        action: &RuleAction,
    ) -> Result<(), (&'static str, RuleError)> {
        match action {
            RuleAction::Send if !self.asks_of_draft() => Err((key, RuleError::NothingToSend)),
            RuleAction::Reject(words) | RuleAction::Answer(words) | RuleAction::Draft(words)
                if words.trim().is_empty() =>
            {
                Err((key, RuleError::NoWords))
            }
            _ => Ok(()),
        }
    }

    fn timeout(
        &self,
        written: &RuleTable,
    ) -> Result<Option<(Duration, RuleAction)>, (&'static str, RuleError)> {
        const SECONDS: &str = "timeout_seconds";
        const ACTION: &str = "timeout_action";
        let (seconds, action) = match (written.timeout_seconds, &written.timeout_action) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err((SECONDS, RuleError::HalfTimeout(ACTION))),
            (None, Some(_)) => return Err((ACTION, RuleError::HalfTimeout(SECONDS))),
            (Some(seconds), Some(action)) => (seconds, action.clone()),
        };
        if self.action != RuleAction::Hold {
            return Err((SECONDS, RuleError::TimeoutWithoutHold));
        }
        if seconds == 0 {
            return Err((SECONDS, RuleError::ZeroTimeout));
        }
        if action == RuleAction::Hold {
            return Err((ACTION, RuleError::TimeoutHolds));
        }
        self.check_action(ACTION, &action)?;
        Ok(Some((Duration::from_secs(seconds.into()), action)))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The models that it names, each with the key that names it.
    pub(super) fn models(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let timeout = self.timeout.as_ref().map(|(_, action)| action);
        let actions = [("action", Some(&self.action)), ("timeout_action", timeout)];
        actions
            .into_iter()
            .filter_map(|(key, action)| match action {
                Some(RuleAction::Draft(model)) => Some((key, model.as_str())),
                _ => None,
            })
    }

    pub(super) fn description(&self) -> RuleText<'_> {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        let shown = |pattern: &Option<Pattern>| {
            let pattern = pattern.as_ref();
            pattern.map(|pattern| pattern.as_str().to_owned())
        };
        let tool = self.tool.as_ref().map(|tool| match tool {
            ToolName::Shell => SHELL.to_owned(),
            ToolName::Named(pattern) => pattern.as_str().to_owned(),
        });
        let conditions = [
            ("agent", shown(&self.agent)),
            ("model", shown(&self.model)),
            ("conversation", shown(&self.conversation)),
            ("prompt", shown(&self.prompt)),
            ("kind", (!kinds.is_empty()).then(|| kinds.join(" or "))),
            ("tool", tool),
            ("parameter", self.parameter.clone()),
            ("argument", shown(&self.argument)),
            ("text", shown(&self.text)),
        ];
        RuleText {
            name: &self.name,
            conditions: conditions
                .into_iter()
                .filter_map(|(key, shown)| Some((key, shown?)))
                .collect(),
            asks_of_draft: self.asks_of_draft(),
            action: &self.action,
            timeout: self
                .timeout
                .as_ref()
                .map(|(after, action)| (*after, action)),
        }
    }

    /// Whether it has conditions on drafts.
    pub(crate) fn asks_of_draft(&self) -> bool {
        !self.kinds.is_empty()
            || self.tool.is_some()
            || self.argument.is_some()
            || self.text.is_some()
    }

    /// Whether it may stop a message while it is being streamed.
    pub(crate) fn watches_text(&self) -> bool {
        let is_of_message = self.text.is_some() || self.kinds.contains(&DraftKind::Message);
        let is_of_call = self.tool.is_some() || self.argument.is_some();
        is_of_message
            && !is_of_call
            && self.takes(DraftKind::Message)
            && self.action != RuleAction::Send
    }

    fn takes(&self, kind: DraftKind) -> bool {
        match self.text {
            // Reasoning is searched only if `kind` names it.
            Some(_) if self.kinds.is_empty() => kind == DraftKind::Message,
            _ => self.kinds.is_empty() || self.kinds.contains(&kind),
        }
    }

    pub(crate) fn of_request(&self, subject: &Subject<'_>) -> Option<Decision> {
        let mut matched = Matched::new();
        self.match_request(subject, &mut matched)?;
        if matched.is_empty() {
            matched.push("every request".into());
        }
        Some(self.decision(matched))
    }

    pub(crate) fn of_item(
        &self,
        subject: &Subject<'_>,
        drafted: &DraftedItem<'_>,
    ) -> Option<Decision> {
        let DraftedItem { item, kind, .. } = *drafted;
        if !self.takes(kind) {
            return None;
        }
        let mut matched = Matched::new();
        if !self.kinds.is_empty() {
            matched.push(format!("kind {}", kind.name()));
        }
        if let Some(text) = &self.text {
            matches!(kind, DraftKind::Message | DraftKind::Think).then_some(())?;
            matched.push(format!("text {}", text.found_in(&item.words())?));
        }
        match &self.tool {
            None => {}
            Some(ToolName::Shell) => {
                drafted.command.as_ref()?;
                matched.push(format!("tool {SHELL}"));
            }
            Some(ToolName::Named(pattern)) => {
                let name = item.full_tool_name()?;
                pattern.find_from(&name, 0)?;
                matched.push(format!("tool {name}"));
            }
        }
        if let Some(argument) = &self.argument {
            matched.push(self.argument_of(drafted, argument)?);
        }
        self.match_request(subject, &mut matched)?;
        Some(self.decision(matched))
    }

    pub(crate) fn of_text(
        &self,
        subject: &Subject<'_>,
        text: &str,
        new: usize,
    ) -> Option<Decision> {
        if text.is_empty() {
            return None;
        }
        let mut matched = Matched::new();
        if !self.kinds.is_empty() {
            matched.push(format!("kind {}", DraftKind::Message.name()));
        }
        if let Some(pattern) = &self.text {
            let from = text
                .len()
                .saturating_sub(new.saturating_add(LOOKBACK_BYTES));
            let found = pattern.find_from(text, text.floor_char_boundary(from))?;
            matched.push(format!("text {}", excerpt(text, found)));
        }
        // Last, because most evaluations end before.
        self.match_request(subject, &mut matched)?;
        Some(self.decision(matched))
    }

    /// Whether the conditions on the request hold.
    fn match_request(&self, subject: &Subject<'_>, matched: &mut Matched) -> Option<()> {
        if let Some(agent) = &self.agent {
            agent.find_from(subject.agent, 0)?;
            matched.push(format!("agent {}", subject.agent));
        }
        if let Some(model) = &self.model {
            let asked_for = &subject.request.model;
            model.find_from(asked_for, 0)?;
            matched.push(format!("model {asked_for}"));
        }
        if let Some(conversation) = &self.conversation {
            let mut names = [Some(subject.title), subject.directory]
                .into_iter()
                .flatten();
            let found = names.find_map(|name| conversation.found_in(name))?;
            matched.push(format!("conversation {found}"));
        }
        if let Some(prompt) = &self.prompt {
            let found = newest_inputs(subject).find_map(|text| prompt.found_in(&text))?;
            matched.push(format!("prompt {found}"));
        }
        Some(())
    }

    /// The match in the arguments of a call.
    fn argument_of(&self, drafted: &DraftedItem<'_>, argument: &Pattern) -> Option<String> {
        let name = self.parameter.as_deref();
        let texts = match (name, &drafted.command) {
            (None, Some(command)) => vec![Cow::Borrowed(&**command)],
            _ => texts_of(drafted.item, name),
        };
        // A rule that sends must match the only text, not a word anywhere in the call.
        let is_plain = texts.len() == 1 || self.action != RuleAction::Send;
        let mut texts = texts.iter().filter(|_| is_plain);
        let found = texts.find_map(|text| argument.found_in(text))?;
        Some(format!("{} {found}", name.unwrap_or("argument")))
    }

    fn decision(&self, matched: Matched) -> Decision {
        Decision {
            rule: self.name.clone(),
            matched: matched.join(", "),
            action: self.action.clone(),
            waited: false,
            timeout: self.timeout.clone(),
        }
    }
}

fn name(text: &str) -> Result<String, RuleError> {
    let name = text.trim();
    if name.is_empty() {
        return Err(RuleError::NoName);
    }
    if name.chars().any(char::is_control) {
        return Err(RuleError::Name(text.to_owned()));
    }
    Ok(name.to_owned())
}

fn pattern(
    key: &'static str,
    text: &Option<String>,
    case: Case,
) -> Result<Option<Pattern>, (&'static str, RuleError)> {
    let text = text.as_deref();
    let read = text.map(|text| Pattern::new(text, case)).transpose();
    read.map_err(|why| (key, RuleError::Expression(why)))
}

/// Prompts and tool outputs since the model's last message, newest first.
fn newest_inputs<'a>(subject: &Subject<'a>) -> impl Iterator<Item = String> + use<'a> {
    let items = subject.request.with_prompts().rev();
    let new = items.take_while(|(item, _)| !item.is_from_model());
    let asked = new.filter(|(item, is_prompt)| {
        *is_prompt || matches!(item.body(), ItemBody::ToolOutput { .. })
    });
    asked.map(|(item, _)| item.text())
}

/// The strings in the arguments of a call, or in the one with this name; those of a list also
/// joined as a command line, if it may be one.
fn texts_of<'a>(call: &'a Body, name: Option<&str>) -> Vec<Cow<'a, str>> {
    match call {
        Body::FunctionCall { arguments, .. } => match parse_arguments(arguments) {
            None => vec![arguments.as_str().into()],
            Some(value) => {
                let named = match name {
                    None => Some(&value),
                    Some(name) => value.get(name),
                };
                let mut texts = Vec::new();
                named
                    .into_iter()
                    .for_each(|value| push_texts(value, &mut texts));
                texts.into_iter().map(Cow::Owned).collect()
            }
        },
        Body::CustomToolCall { input, .. } if matches!(name, None | Some("input")) => {
            vec![input.as_str().into()]
        }
        Body::LocalShellCall { command, .. } if name == Some("command") => {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            vec![command_line(&words).into()]
        }
        Body::LocalShellCall {
            working_directory: Some(folder),
            ..
        } if name == Some("working_directory") => vec![folder.as_str().into()],
        Body::ShellCall { commands, .. } if name == Some("commands") => commands
            .iter()
            .map(|command| command.as_str().into())
            .collect(),
        _ => Vec::new(),
    }
}

/// Parses arguments that are JSON and not nested too deeply.
fn parse_arguments(arguments: &str) -> Option<Value> {
    let arguments = Some(arguments).filter(|arguments| !is_too_large_for_tree(arguments))?;
    serde_json::from_str(arguments).ok()
}

fn push_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(members) => {
            let words: Option<Vec<&str>> = members.iter().map(Value::as_str).collect();
            members.iter().for_each(|member| push_texts(member, texts));
            texts.extend(
                words
                    .filter(|words| words.len() > 1)
                    .map(|words| command_line(&words)),
            );
        }
        Value::Object(members) => members
            .values()
            .for_each(|member| push_texts(member, texts)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => texts.push(value.to_string()),
    }
}
