//! The client side of the control socket: `humanllm status`, `list`, `show`, `wait`, `reply`, `reject` and
//! others.

mod text;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::protocol::{
    ControlError, ControlMessage, ControlRequest, ErrorCode, ReplyPartFields, StudyAction, VERSION,
};
use super::socket::connect;
use crate::store::marks::MarkChange;

/// How long the program may take to answer any command but `wait`. An editor or pager that is open in it
/// blocks it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer, in bytes.
const LONGEST_ANSWER: u64 = 1 << 30;

/// A command for the running program.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlCommand {
    /// Shows how many requests wait.
    Status,
    /// Lists the conversations.
    List,
    /// Shows a conversation.
    Show {
        /// The id of the conversation.
        conversation: i64,
        /// Whether to show all items, and not only the new ones.
        all: bool,
    },
    /// Waits until a request waits, and shows the one that has waited longest.
    Wait {
        /// Only requests of this conversation.
        conversation: Option<i64>,
        /// Only requests of agents whose name contains this.
        agent: Option<String>,
        /// Only requests with a greater id than this.
        after: Option<i64>,
        /// How long to wait; without a limit if this is absent.
        timeout: Option<Duration>,
        /// Whether to show all items, and not only the new ones.
        all: bool,
    },
    /// Replies to a waiting request.
    Reply {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the request; whichever waits if this is absent.
        request: Option<i64>,
        /// The reply.
        says: Says,
        /// Whether to send it despite problems that can be overridden.
        force: bool,
    },
    /// Starts or pauses the study, changes its phase, or shows its state.
    Study(StudyAction),
    /// Changes the labels, rating or note of a conversation or turn.
    Label {
        /// The id of the conversation.
        conversation: i64,
        /// The number of the turn, from 1; the conversation as a whole if this is absent.
        turn: Option<u64>,
        /// The changes.
        changes: Vec<MarkChange>,
    },
    /// Deletes conversations permanently, all of them or none.
    Delete {
        /// The ids of the conversations.
        conversations: Vec<i64>,
    },
    /// Rejects a waiting request.
    Reject {
        /// The id of the conversation.
        conversation: i64,
        /// The id of the request; whichever waits if this is absent.
        request: Option<i64>,
        /// The message; read from standard input if this is absent.
        words: Option<String>,
    },
}

/// A reply as it is given on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Says {
    /// The text; read from standard input if this is absent and there is neither command nor call.
    pub text: Option<String>,
    /// The kind of the text.
    pub kind: TextKind,
    /// Shell commands, in order.
    pub commands: Vec<String>,
    /// The name of a tool to call, and its arguments.
    pub call: Option<(String, String)>,
    /// Whether standard input is a JSON array of parts, which are the whole reply.
    pub parts: bool,
}

/// The kind of a text in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// The answer; a note if a command or a call follows.
    Send,
    /// A note.
    Progress,
    /// A summary of reasoning.
    Think,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct CommandError(ControlError);

impl CommandError {
    /// The exit code: 2 for a mistake in the command, 3 if no program can be reached, 4 if no request waits
    /// (any more), 5 for a problem with the reply, 124 after a timeout.
    pub fn exit_code(&self) -> u8 {
        match self.0.code {
            ErrorCode::Malformed | ErrorCode::Version | ErrorCode::Other => 2,
            ErrorCode::Gone | ErrorCode::Forbidden | ErrorCode::Busy => 3,
            ErrorCode::UnknownConversation
            | ErrorCode::NotWaiting
            | ErrorCode::ClientGone
            | ErrorCode::Paused => 4,
            ErrorCode::Check | ErrorCode::Impossible => 5,
            ErrorCode::Timeout => 124,
        }
    }

    /// Whether the program is not running, or does not answer.
    pub fn is_nobody(&self) -> bool {
        self.0.code == ErrorCode::Gone
    }

    /// The error as a JSON document.
    pub fn document(&self) -> String {
        format!("{}\n", json!({"error": self.0}))
    }
}

impl CommandError {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(ControlError::new(code, message))
    }
}

/// Sends a command to the program that runs with this state folder, and returns the text to print.
///
/// # Errors
///
/// If none is running, it does not answer, or it refuses the command.
pub fn run(
    action: ControlCommand,
    is_json: bool,
    state_dir: &Path,
) -> Result<String, CommandError> {
    let timeout = match &action {
        ControlCommand::Wait { timeout, .. } => *timeout,
        _ => Some(TIMEOUT),
    };
    let is_wait = matches!(action, ControlCommand::Wait { .. });
    let question = action.question()?;
    let reaching = ControlConnection::open(state_dir)?;
    let answer = reaching.ask(question.clone(), timeout, is_wait)?;
    if is_json {
        let mut document = serde_json::to_string_pretty(&answer).unwrap_or_default();
        document.push('\n');
        return Ok(document);
    }
    Ok(text::of(&question, &answer, &TimeZone::system()))
}

impl ControlCommand {
    fn question(self) -> Result<ControlRequest, CommandError> {
        Ok(match self {
            Self::Status => ControlRequest::Status {},
            Self::List => ControlRequest::List {},
            Self::Study(action) => ControlRequest::Study { action },
            Self::Label {
                conversation,
                turn,
                changes,
            } => ControlRequest::Label {
                conversation,
                turn,
                changes,
            },
            Self::Delete { conversations } => ControlRequest::Delete { conversations },
            Self::Show { conversation, all } => ControlRequest::Show { conversation, all },
            Self::Wait {
                conversation,
                agent,
                after,
                all,
                ..
            } => ControlRequest::Wait {
                conversation,
                agent,
                after,
                all,
            },
            Self::Reply {
                conversation,
                request,
                says,
                force,
            } => ControlRequest::Reply {
                conversation,
                request,
                parts: says.parts()?,
                force,
            },
            Self::Reject {
                conversation,
                request,
                words,
            } => ControlRequest::Reject {
                conversation,
                request,
                words: words.map_or_else(read_input, Ok)?,
            },
        })
    }
}

impl Says {
    fn parts(self) -> Result<Vec<ReplyPartFields>, CommandError> {
        if self.parts {
            let input = read_input()?;
            return serde_json::from_str(&input).map_err(|error| {
                CommandError::new(ErrorCode::Malformed, format!("no list of parts: {error}"))
            });
        }
        let runs = !self.commands.is_empty() || self.call.is_some();
        let text = match self.text {
            None if !runs => Some(read_input()?),
            text => text,
        };
        let text = text.map(|text| match self.kind {
            // The command or call follows it.
            TextKind::Send if runs => ReplyPartFields::Progress { text },
            TextKind::Send => ReplyPartFields::Send { text },
            TextKind::Progress => ReplyPartFields::Progress { text },
            TextKind::Think => ReplyPartFields::Think { text },
        });
        let commands = self
            .commands
            .into_iter()
            .map(|text| ReplyPartFields::Command {
                text,
                options: serde_json::Map::new(),
            });
        let call = self.call.map(|(tool, arguments)| ReplyPartFields::Call {
            tool,
            arguments: Value::String(arguments),
        });
        Ok(text.into_iter().chain(commands).chain(call).collect())
    }
}

fn read_input() -> Result<String, CommandError> {
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| {
        CommandError::new(
            ErrorCode::Malformed,
            format!("cannot read what to say: {error}"),
        )
    })?;
    Ok(text)
}

/// A connection to the running program.
struct ControlConnection(UnixStream);

impl ControlConnection {
    fn open(state_dir: &Path) -> Result<Self, CommandError> {
        let gone = |why: String| CommandError::new(ErrorCode::Gone, why);
        let stream = connect(state_dir).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => gone(format!(
                "no humanllm runs with the state folder {}; start it, or name another with \
                 --state-dir",
                state_dir.display()
            )),
            _ => gone(format!("cannot reach humanllm: {error}")),
        })?;
        Ok(Self(stream))
    }

    /// Sends one request and reads the answer.
    fn ask(
        mut self,
        question: ControlRequest,
        timeout: Option<Duration>,
        is_wait: bool,
    ) -> Result<Value, CommandError> {
        let lost = |error: io::Error| {
            CommandError::new(
                ErrorCode::Gone,
                format!("humanllm does not answer: {error}"),
            )
        };
        let line = ControlMessage {
            version: VERSION,
            request: question,
        };
        let mut line = serde_json::to_string(&line)
            .map_err(|error| CommandError::new(ErrorCode::Malformed, error.to_string()))?;
        line.push('\n');
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.0.write_all(line.as_bytes()).map_err(lost)?;
        let answer = match read_answer(&self.0, end) {
            Ok(answer) => answer,
            Err(error) if is_timeout(&error) && is_wait => {
                return Err(CommandError::new(
                    ErrorCode::Timeout,
                    "no request came in time",
                ));
            }
            Err(error) if is_timeout(&error) => {
                let words = "humanllm does not answer: is an editor or a pager open in it?";
                return Err(CommandError::new(ErrorCode::Timeout, words));
            }
            Err(error) => return Err(lost(error)),
        };
        understood(&answer)
    }
}

/// Reads a line; fails with a timeout at `end`.
fn read_answer(stream: &UnixStream, end: Option<Instant>) -> io::Result<Vec<u8>> {
    let mut reading = BufReader::new(stream.take(LONGEST_ANSWER));
    let mut answer = Vec::new();
    loop {
        if let Some(end) = end {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
        }
        match reading.fill_buf() {
            Ok([]) => return Ok(answer),
            Ok(more) => {
                let line = more.iter().position(|byte| *byte == b'\n');
                let taken = line.unwrap_or(more.len());
                answer.extend_from_slice(&more[..taken]);
                reading.consume(taken);
                if line.is_some() {
                    return Ok(answer);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn understood(answer: &[u8]) -> Result<Value, CommandError> {
    #[derive(Deserialize)]
    struct Answered {
        #[serde(default)]
        ok: Option<Value>,
        #[serde(default)]
        error: Option<ControlError>,
    }
    if answer.is_empty() {
        return Err(CommandError::new(ErrorCode::Gone, "humanllm has ended"));
    }
    match serde_json::from_slice(answer) {
        Ok(Answered {
            error: Some(fault), ..
        }) => Err(CommandError(fault)),
        Ok(Answered { ok: Some(ok), .. }) => Ok(ok),
        _ => {
            let words = "the answer is not understood: is another version of humanllm running?";
            Err(CommandError::new(ErrorCode::Version, words))
        }
    }
}
