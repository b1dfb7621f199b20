//! The protocol of the control socket: one JSON object a line for each request, and one for each answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::draft::ReplyKind;
use crate::inbox::{
    ConversationId, RequestId, ScriptCommand, ScriptError, ScriptPart, ScriptReply, SendProblem,
    StudyCommand, WaitFilter,
};
use crate::store::marks::{ChangeError, MarkChange};

/// The version of the protocol. Additional fields in answers do not change it.
pub const VERSION: u32 = 1;

/// A line sent by a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ControlMessage {
    /// The protocol version that the script uses.
    pub version: u32,
    /// The request.
    #[serde(flatten)]
    pub request: ControlRequest,
}

/// A request of a script. Unknown fields are errors: with `request` misspelt, a reply would go to whichever
/// request waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ControlRequest {
    /// Returns how many requests wait.
    Status {},
    /// Returns the list of conversations.
    List {},
    /// Returns a conversation.
    Show {
        conversation: i64,
        /// Whether to return all items, and not only the new ones.
        #[serde(default)]
        all: bool,
    },
    /// Waits until a matching request waits, and returns its conversation.
    Wait {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversation: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<i64>,
        #[serde(default)]
        all: bool,
    },
    /// Replies to a waiting request.
    Reply {
        conversation: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<i64>,
        parts: Vec<ReplyPartFields>,
        #[serde(default)]
        force: bool,
    },
    /// Starts (`start`) or pauses (`pause`) the study, changes its phase (`{"phase": "task"}`), or only
    /// returns its state (`status`).
    Study { action: StudyAction },
    /// Changes the labels, rating or note of a conversation, or of the turn with this number.
    Label {
        conversation: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn: Option<u64>,
        changes: Vec<MarkChange>,
    },
    /// Deletes conversations permanently, all of them or none.
    Delete { conversations: Vec<i64> },
    /// Rejects a waiting request.
    Reject {
        conversation: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<i64>,
        words: String,
    },
}

/// An action on the study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyAction {
    /// Starts or resumes it.
    Start,
    /// Pauses it.
    Pause,
    /// Changes to the phase with this name.
    Phase(String),
    /// Returns its state only.
    Status,
}

/// A part of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ReplyPartFields {
    /// The answer, which ends the response.
    Send { text: String },
    /// A note.
    Progress { text: String },
    /// A summary of reasoning.
    Think { text: String },
    /// A shell command.
    Command {
        text: String,
        /// Additional arguments of the shell tool.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        options: Map<String, Value>,
    },
    /// A tool call.
    Call {
        tool: String,
        /// The arguments; a string is passed on unchanged.
        #[serde(default)]
        arguments: Value,
    },
}

/// The error in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ControlError {
    pub code: ErrorCode,
    /// A message for the person.
    pub message: String,
}

impl ControlError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// The code of an error, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorCode {
    /// The line is not valid.
    Malformed,
    /// The protocol version is not supported.
    Version,
    /// There is no conversation with this id.
    UnknownConversation,
    /// No request waits in the conversation, or another one than the named one.
    NotWaiting,
    /// The client has disconnected.
    ClientGone,
    /// The study is paused.
    Paused,
    /// There is a problem with the reply; `force` sends it nevertheless.
    Check,
    /// The command cannot be executed, even with `force`.
    Impossible,
    /// The program belongs to another user.
    Forbidden,
    /// Too many scripts are connected.
    Busy,
    /// The program is ending, or not running.
    Gone,
    /// There was no answer in time.
    Timeout,
    /// A code of a later version.
    #[serde(other)]
    Other,
}

impl From<ScriptError> for ControlError {
    fn from(refused: ScriptError) -> Self {
        let code = match &refused {
            ScriptError::Unknown(_) => ErrorCode::UnknownConversation,
            ScriptError::Paused => ErrorCode::Paused,
            ScriptError::NoStudy
            | ScriptError::NoPhase { .. }
            | ScriptError::Busy(_)
            | ScriptError::Mark(_) => ErrorCode::Impossible,
            ScriptError::NobodyWaits(_) | ScriptError::AnotherWaits(..) | ScriptError::Answered => {
                ErrorCode::NotWaiting
            }
            ScriptError::ClientGone => ErrorCode::ClientGone,
            ScriptError::Problem(SendProblem { soft: true, .. }) => ErrorCode::Check,
            ScriptError::Problem(_) => ErrorCode::Impossible,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<ChangeError> for ControlError {
    fn from(error: ChangeError) -> Self {
        let code = match &error {
            ChangeError::Unknown(_) => ErrorCode::UnknownConversation,
            ChangeError::UnknownTurn(..) | ChangeError::Mark(_) | ChangeError::Read(_) => {
                ErrorCode::Impossible
            }
        };
        Self::new(code, error.to_string())
    }
}

/// What executes a request.
#[derive(Debug)]
pub(super) enum RequestTarget {
    /// The inbox.
    Inbox {
        /// The command.
        command: ScriptCommand,
        /// Whether the answer has all items of a conversation.
        all: bool,
    },
    /// The inbox, after the mark has been read from the journal.
    Label {
        conversation: i64,
        turn: Option<u64>,
        changes: Vec<MarkChange>,
    },
}

impl ControlMessage {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// If the version is not supported, or the line is not a valid request.
    pub(super) fn read(line: &[u8]) -> Result<ControlRequest, ControlError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: Option<u32>,
        }
        let malformed = |error: serde_json::Error| {
            ControlError::new(ErrorCode::Malformed, format!("not understood: {error}"))
        };
        let mut fields: Value = serde_json::from_slice(line).map_err(malformed)?;
        let Versioned { version } = Versioned::deserialize(&fields).map_err(malformed)?;
        match version {
            Some(VERSION) => {}
            Some(other) => {
                let words = format!("version {other} is not spoken here, only version {VERSION}");
                return Err(ControlError::new(ErrorCode::Version, words));
            }
            None => {
                let words = format!("the line names no version: \"version\": {VERSION}");
                return Err(ControlError::new(ErrorCode::Version, words));
            }
        }
        if let Value::Object(fields) = &mut fields {
            fields.remove("version");
        }
        ControlRequest::deserialize(fields).map_err(malformed)
    }
}

impl ControlRequest {
    /// The command, and what executes it.
    pub(super) fn target(self) -> RequestTarget {
        let all = match &self {
            Self::Show { all, .. } | Self::Wait { all, .. } => *all,
            _ => false,
        };
        let wish = match self {
            Self::Label {
                conversation,
                turn,
                changes,
            } => {
                return RequestTarget::Label {
                    conversation,
                    turn,
                    changes,
                };
            }
            Self::Status {} => ScriptCommand::Status,
            Self::List {} => ScriptCommand::List,
            Self::Show { conversation, .. } => ScriptCommand::Show(ConversationId(conversation)),
            Self::Delete { conversations } => {
                ScriptCommand::Delete(conversations.into_iter().map(ConversationId).collect())
            }
            Self::Wait {
                conversation,
                agent,
                after,
                ..
            } => ScriptCommand::Wait(WaitFilter {
                conversation: conversation.map(ConversationId),
                agent,
                after: after.map(RequestId),
            }),
            Self::Reply {
                conversation,
                request,
                parts,
                force,
            } => ScriptCommand::Reply(Box::new(ScriptReply {
                conversation: ConversationId(conversation),
                request: request.map(RequestId),
                parts: parts.into_iter().map(ScriptPart::from).collect(),
                force,
            })),
            Self::Study { action } => ScriptCommand::Study(match action {
                StudyAction::Start => Some(StudyCommand::Start),
                StudyAction::Pause => Some(StudyCommand::Pause),
                StudyAction::Phase(name) => Some(StudyCommand::Phase(name)),
                StudyAction::Status => None,
            }),
            Self::Reject {
                conversation,
                request,
                words,
            } => ScriptCommand::Reject {
                conversation: ConversationId(conversation),
                request: request.map(RequestId),
                words,
            },
        };
        RequestTarget::Inbox { command: wish, all }
    }
}

impl From<ReplyPartFields> for ScriptPart {
    fn from(part: ReplyPartFields) -> Self {
        let text = |kind, text| Self::Text {
            kind,
            text,
            options: Map::new(),
        };
        match part {
            ReplyPartFields::Send { text: words } => text(ReplyKind::Send, words),
            ReplyPartFields::Progress { text: words } => text(ReplyKind::Progress, words),
            ReplyPartFields::Think { text: words } => text(ReplyKind::Think, words),
            ReplyPartFields::Command { text, options } => Self::Text {
                kind: ReplyKind::Command,
                text,
                options,
            },
            ReplyPartFields::Call { tool, arguments } => Self::Call {
                tool,
                arguments: match arguments {
                    Value::String(text) => text,
                    Value::Null => "{}".into(),
                    value => value.to_string(),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(line: Value) -> Result<ControlRequest, ErrorCode> {
        ControlMessage::read(line.to_string().as_bytes()).map_err(|fault| fault.code)
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        let question = ControlRequest::Reply {
            conversation: 3,
            request: Some(7),
            parts: vec![
                ReplyPartFields::Progress {
                    text: "a moment".into(),
                },
                ReplyPartFields::Call {
                    tool: "read".into(),
                    arguments: json!({"path": "a"}),
                },
            ],
            force: false,
        };
        let line = ControlMessage {
            version: VERSION,
            request: question.clone(),
        };
        let written = serde_json::to_vec(&line).expect("written");
        assert_eq!(ControlMessage::read(&written), Ok(question));
    }

    #[test]
    fn what_is_misspelt_or_of_another_time_is_a_mistake() {
        let reply = |extra: Value| {
            let mut line = json!({"version": 1, "do": "reply", "conversation": 1,
                "parts": [{"kind": "send", "text": "x"}]});
            if let (Value::Object(line), Value::Object(extra)) = (&mut line, extra) {
                line.extend(extra);
            }
            read(line)
        };
        assert!(reply(json!({})).is_ok());
        assert_eq!(reply(json!({"requst": 3})), Err(ErrorCode::Malformed));
        assert_eq!(reply(json!({"request": "3"})), Err(ErrorCode::Malformed));
        assert_eq!(reply(json!({"version": 2})), Err(ErrorCode::Version));
        assert_eq!(read(json!({"do": "status"})), Err(ErrorCode::Version));
        assert_eq!(
            read(json!({"version": 1, "do": "dance"})),
            Err(ErrorCode::Malformed)
        );
        assert_eq!(read(json!([])), Err(ErrorCode::Malformed));
        let parts = json!({"parts": [{"kind": "send", "text": "x", "options": {}}]});
        assert_eq!(reply(parts), Err(ErrorCode::Malformed));
    }
}
