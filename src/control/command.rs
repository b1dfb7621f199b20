//! The side of who asks: `humanllm status`, `list`, `show`, `wait`, `reply` and `reject`.

mod text;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::protocol::{
    CommandLine, ControlError, ErrorCode, Question, ReplyFields, StudyAction, VERSION,
};
use super::socket::connect;
use crate::store::marks::MarkChange;

/// How long the program has to answer what needs nobody else. An editor or a pager that is open in it
/// holds it up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LONGEST_ANSWER: u64 = 1 << 30;

/// What to ask.
#[derive(Debug, Clone, PartialEq)]
pub enum ControlCommand {
    /// How things stand.
    Status,
    /// The conversations.
    List,
    /// What a conversation holds.
    Show {
        /// Which.
        conversation: i64,
        /// All of its items, and not only those that are new.
        all: bool,
    },
    /// The request that waits longest, as soon as there is one.
    Wait {
        /// Only those of this conversation.
        conversation: Option<i64>,
        /// Only those of agents whose name has this in it.
        agent: Option<String>,
        /// Only those that came after this one.
        after: Option<i64>,
        /// How long to wait; for ever if this is absent.
        timeout: Option<Duration>,
        /// All of its items, and not only those that are new.
        all: bool,
    },
    /// Says something.
    Reply {
        /// Where.
        conversation: i64,
        /// The one request that is meant.
        request: Option<i64>,
        /// What.
        says: Says,
        /// Whether it goes although something is wrong with it.
        force: bool,
    },
    /// Has the study go on or stand still.
    Study(StudyAction),
    /// Changes what the person makes of a conversation or turn.
    Label {
        /// Which conversation.
        conversation: i64,
        /// Which of its turns, by its number; the conversation itself if this is absent.
        turn: Option<u64>,
        /// What changes.
        changes: Vec<MarkChange>,
    },
    /// Deletes conversations for good, all of them or none.
    Delete {
        /// Which.
        conversations: Vec<i64>,
    },
    /// Rejects what waits.
    Reject {
        /// Where.
        conversation: i64,
        /// The one request that is meant.
        request: Option<i64>,
        /// Why; from standard input if this is absent.
        words: Option<String>,
    },
}

/// What is said, as it stands on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Says {
    /// The text; from standard input if this is absent and nothing else is said.
    pub text: Option<String>,
    /// What the text is.
    pub kind: TextKind,
    /// Commands, in order.
    pub commands: Vec<String>,
    /// A tool to call, and its arguments.
    pub call: Option<(String, String)>,
    /// Whether standard input is a list of parts.
    pub parts: bool,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// The answer; a note where a command or a call follows.
    Send,
    /// A note.
    Progress,
    /// A thought.
    Think,
}

/// Why it was not done, and the exit code that says so.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct CommandError(ControlError);

impl CommandError {
    /// The exit code: 2 for a mistake in what was asked, 3 where no program runs, 4 where nobody waits
    /// (any more), 5 where something is wrong with what is said, 124 where nothing came in time.
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

    /// Whether no program runs, or none that answers.
    pub fn is_nobody(&self) -> bool {
        self.0.code == ErrorCode::Gone
    }

    /// The same for programs.
    pub fn document(&self) -> String {
        format!("{}\n", json!({"error": self.0}))
    }
}

impl CommandError {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(ControlError::new(code, message))
    }
}

/// Asks the program that runs with this state folder, and returns what to print.
///
/// # Errors
///
/// If none runs, it does not answer, or it refuses.
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
    fn question(self) -> Result<Question, CommandError> {
        Ok(match self {
            Self::Status => Question::Status {},
            Self::List => Question::List {},
            Self::Study(action) => Question::Study { action },
            Self::Label {
                conversation,
                turn,
                changes,
            } => Question::Label {
                conversation,
                turn,
                changes,
            },
            Self::Delete { conversations } => Question::Delete { conversations },
            Self::Show { conversation, all } => Question::Show { conversation, all },
            Self::Wait {
                conversation,
                agent,
                after,
                all,
                ..
            } => Question::Wait {
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
            } => Question::Reply {
                conversation,
                request,
                parts: says.parts()?,
                force,
            },
            Self::Reject {
                conversation,
                request,
                words,
            } => Question::Reject {
                conversation,
                request,
                words: words.map_or_else(read_input, Ok)?,
            },
        })
    }
}

impl Says {
    fn parts(self) -> Result<Vec<ReplyFields>, CommandError> {
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
            // What is run comes after it.
            TextKind::Send if runs => ReplyFields::Progress { text },
            TextKind::Send => ReplyFields::Send { text },
            TextKind::Progress => ReplyFields::Progress { text },
            TextKind::Think => ReplyFields::Think { text },
        });
        let commands = self.commands.into_iter().map(|text| ReplyFields::Command {
            text,
            options: serde_json::Map::new(),
        });
        let call = self.call.map(|(tool, arguments)| ReplyFields::Call {
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

/// A connection to the program that runs.
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

    /// Asks one thing.
    fn ask(
        mut self,
        question: Question,
        timeout: Option<Duration>,
        is_wait: bool,
    ) -> Result<Value, CommandError> {
        let lost = |error: io::Error| {
            CommandError::new(
                ErrorCode::Gone,
                format!("humanllm does not answer: {error}"),
            )
        };
        let line = CommandLine {
            version: VERSION,
            question,
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

/// Reads a line until a moment.
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
