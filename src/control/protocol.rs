//! What goes through the socket: a line of JSON for each question, and one for each answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::draft::ReplyKind;
use crate::inbox::{
    ConversationId, Filter, Problem, Refused, RequestId, ScriptPart, ScriptReply, StudyWish, Wish,
};
use crate::store::marks::{Change, ChangeError};

/// The version of the protocol. A field more in an answer is no new version.
pub const VERSION: u32 = 1;

/// A line of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The version that the script speaks.
    pub version: u32,
    /// What it asks.
    #[serde(flatten)]
    pub question: Question,
}

/// What a script asks. A field that nobody knows is a mistake: with `request` misspelt, a reply would
/// go to whoever waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Question {
    /// How things stand.
    Status {},
    /// The conversations.
    List {},
    /// What a conversation holds.
    Show {
        conversation: i64,
        /// All of its items, and not only those that are new.
        #[serde(default)]
        all: bool,
    },
    /// The request that waits longest, as soon as there is one.
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
    /// Says something.
    Reply {
        conversation: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<i64>,
        parts: Vec<Part>,
        #[serde(default)]
        force: bool,
    },
    /// Has the study go on (`start`), stand still (`pause`) or be in another phase
    /// (`{"phase": "task"}`), or only tells how it is (`status`).
    Study { action: StudyAction },
    /// Changes what the person makes of a conversation, or of its turn of this number.
    Label {
        conversation: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn: Option<u64>,
        changes: Vec<Change>,
    },
    /// Deletes conversations for good, all of them or none.
    Delete { conversations: Vec<i64> },
    /// Rejects what waits.
    Reject {
        conversation: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<i64>,
        words: String,
    },
}

/// What is done with a study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StudyAction {
    /// It goes on.
    Start,
    /// It stands still.
    Pause,
    /// Another phase of it is on.
    Phase(String),
    /// Nothing.
    Status,
}

/// A part of what a script says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Part {
    /// The answer, which ends the response.
    Send { text: String },
    /// A note.
    Progress { text: String },
    /// A thought.
    Think { text: String },
    /// A command of the shell.
    Command {
        text: String,
        /// What it is given besides the command line.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        options: Map<String, Value>,
    },
    /// A call of a tool.
    Call {
        tool: String,
        /// Arguments; a text is taken as it is.
        #[serde(default)]
        arguments: Value,
    },
}

/// Why a script does not get what it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fault {
    pub code: Code,
    /// For a person to read.
    pub message: String,
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// The kinds of faults, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// The line is none that is understood.
    Malformed,
    /// The version is not spoken here.
    Version,
    /// There is no such conversation.
    UnknownConversation,
    /// No request waits there, or another one than was meant.
    NotWaiting,
    /// The client went away.
    ClientGone,
    /// The study stands still.
    Paused,
    /// Something is wrong with what is said; `force` sends it all the same.
    Check,
    /// Something is wrong with what is said, and nothing helps.
    Impossible,
    /// Another user's.
    Forbidden,
    /// Too many scripts at once.
    Busy,
    /// The program ends, or does not run.
    Gone,
    /// Nothing came in time.
    Timeout,
    /// Whatever a later version knows besides.
    #[serde(other)]
    Other,
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let code = match &refused {
            Refused::Unknown(_) => Code::UnknownConversation,
            Refused::Paused => Code::Paused,
            Refused::NoStudy | Refused::NoPhase { .. } | Refused::Busy(_) | Refused::Mark(_) => {
                Code::Impossible
            }
            Refused::NobodyWaits(_) | Refused::AnotherWaits(..) | Refused::Answered => {
                Code::NotWaiting
            }
            Refused::ClientGone => Code::ClientGone,
            Refused::Problem(Problem { soft: true, .. }) => Code::Check,
            Refused::Problem(_) => Code::Impossible,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<ChangeError> for Fault {
    fn from(error: ChangeError) -> Self {
        let code = match &error {
            ChangeError::Unknown(_) => Code::UnknownConversation,
            ChangeError::UnknownTurn(..) | ChangeError::Mark(_) | ChangeError::Read(_) => {
                Code::Impossible
            }
        };
        Self::new(code, error.to_string())
    }
}

/// Whom a question is for.
#[derive(Debug)]
pub(super) enum Asks {
    /// The inbox.
    Inbox {
        /// What is asked of it.
        wish: Wish,
        /// Whether all items are to be shown.
        all: bool,
    },
    /// The inbox, once the journal has said what there is to be changed.
    Label {
        conversation: i64,
        turn: Option<u64>,
        changes: Vec<Change>,
    },
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// A [`Fault`] for a version that is not spoken here, and for what is no question.
    pub fn read(line: &[u8]) -> Result<Question, Fault> {
        #[derive(Deserialize)]
        struct Versioned {
            version: Option<u32>,
        }
        let malformed = |error: serde_json::Error| {
            Fault::new(Code::Malformed, format!("not understood: {error}"))
        };
        let mut fields: Value = serde_json::from_slice(line).map_err(malformed)?;
        let Versioned { version } = Versioned::deserialize(&fields).map_err(malformed)?;
        match version {
            Some(VERSION) => {}
            Some(other) => {
                let words = format!("version {other} is not spoken here, only version {VERSION}");
                return Err(Fault::new(Code::Version, words));
            }
            None => {
                let words = format!("the line names no version: \"version\": {VERSION}");
                return Err(Fault::new(Code::Version, words));
            }
        }
        if let Value::Object(fields) = &mut fields {
            fields.remove("version");
        }
        Question::deserialize(fields).map_err(malformed)
    }
}

impl Question {
    /// What it asks, and of whom.
    pub fn asks(self) -> Asks {
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
                return Asks::Label {
                    conversation,
                    turn,
                    changes,
                };
            }
            Self::Status {} => Wish::Status,
            Self::List {} => Wish::List,
            Self::Show { conversation, .. } => Wish::Show(ConversationId(conversation)),
            Self::Delete { conversations } => {
                Wish::Delete(conversations.into_iter().map(ConversationId).collect())
            }
            Self::Wait {
                conversation,
                agent,
                after,
                ..
            } => Wish::Wait(Filter {
                conversation: conversation.map(ConversationId),
                agent,
                after: after.map(RequestId),
            }),
            Self::Reply {
                conversation,
                request,
                parts,
                force,
            } => Wish::Reply(Box::new(ScriptReply {
                conversation: ConversationId(conversation),
                request: request.map(RequestId),
                parts: parts.into_iter().map(ScriptPart::from).collect(),
                force,
            })),
            Self::Study { action } => Wish::Study(match action {
                StudyAction::Start => Some(StudyWish::Start),
                StudyAction::Pause => Some(StudyWish::Pause),
                StudyAction::Phase(name) => Some(StudyWish::Phase(name)),
                StudyAction::Status => None,
            }),
            Self::Reject {
                conversation,
                request,
                words,
            } => Wish::Reject {
                conversation: ConversationId(conversation),
                request: request.map(RequestId),
                words,
            },
        };
        Asks::Inbox { wish, all }
    }
}

impl From<Part> for ScriptPart {
    fn from(part: Part) -> Self {
        let text = |kind, text| Self::Text {
            kind,
            text,
            options: Map::new(),
        };
        match part {
            Part::Send { text: words } => text(ReplyKind::Send, words),
            Part::Progress { text: words } => text(ReplyKind::Progress, words),
            Part::Think { text: words } => text(ReplyKind::Think, words),
            Part::Command { text, options } => Self::Text {
                kind: ReplyKind::Command,
                text,
                options,
            },
            Part::Call { tool, arguments } => Self::Call {
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

    fn read(line: Value) -> Result<Question, Code> {
        Line::read(line.to_string().as_bytes()).map_err(|fault| fault.code)
    }

    #[test]
    fn a_line_is_read_as_it_is_written() {
        let question = Question::Reply {
            conversation: 3,
            request: Some(7),
            parts: vec![
                Part::Progress {
                    text: "a moment".into(),
                },
                Part::Call {
                    tool: "read".into(),
                    arguments: json!({"path": "a"}),
                },
            ],
            force: false,
        };
        let line = Line {
            version: VERSION,
            question: question.clone(),
        };
        let written = serde_json::to_vec(&line).expect("written");
        assert_eq!(Line::read(&written), Ok(question));
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
        assert_eq!(reply(json!({"requst": 3})), Err(Code::Malformed));
        assert_eq!(reply(json!({"request": "3"})), Err(Code::Malformed));
        assert_eq!(reply(json!({"version": 2})), Err(Code::Version));
        assert_eq!(read(json!({"do": "status"})), Err(Code::Version));
        assert_eq!(
            read(json!({"version": 1, "do": "dance"})),
            Err(Code::Malformed)
        );
        assert_eq!(read(json!([])), Err(Code::Malformed));
        let parts = json!({"parts": [{"kind": "send", "text": "x", "options": {}}]});
        assert_eq!(reply(parts), Err(Code::Malformed));
    }
}
