//! The flags of the commands that talk to the running program.

use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::control::command::{ControlCommand, Says, TextKind};

/// The flags of all of them.
#[derive(Debug, Args)]
pub struct JsonArgs {
    /// Print one JSON document, for programs
    #[arg(long)]
    json: bool,
}

/// The flags of `show`.
#[derive(Debug, Args)]
pub struct ShowConversationArgs {
    /// The number of the conversation
    #[arg(value_name = "ID")]
    conversation: i64,
    /// Show all of it, and not only what is new
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    form: JsonArgs,
}

/// The flags of `wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Only requests of agents whose name has this in it
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only requests of this conversation
    #[arg(long, value_name = "ID")]
    conversation: Option<i64>,
    /// Only requests that came after this one
    #[arg(long, value_name = "REQUEST")]
    after: Option<i64>,
    /// Give up after so long, with exit code 124
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print all of the conversation, and not only what is new
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    form: JsonArgs,
}

/// The flags of `reply`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("kind").args(["progress", "think"]))]
pub struct ReplyArgs {
    /// The number of the conversation
    #[arg(value_name = "ID")]
    conversation: i64,
    /// The answer; from standard input if nothing is given
    text: Option<String>,
    /// Answer this request or none
    #[arg(long, value_name = "REQUEST")]
    request: Option<i64>,
    /// The text is a note; the response stays open
    #[arg(long)]
    progress: bool,
    /// The text is a thought; the response stays open
    #[arg(long)]
    think: bool,
    /// Have the agent run this; a text beside it is a note
    #[arg(long, value_name = "LINE")]
    command: Vec<String>,
    /// Have the agent call this tool
    #[arg(long, value_name = "TOOL")]
    call: Option<String>,
    /// What the tool is given: JSON, or the text that a free-form tool takes
    #[arg(long, value_name = "JSON", requires = "call", default_value = "{}")]
    arguments: String,
    /// Standard input is a JSON array of parts, sent as one reply
    #[arg(long, conflicts_with_all = ["text", "kind", "command", "call"])]
    parts: bool,
    /// Send it although something is wrong with it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    form: JsonArgs,
}

/// The flags of `reject`.
#[derive(Debug, Args)]
pub struct RejectArgs {
    /// The number of the conversation
    #[arg(value_name = "ID")]
    conversation: i64,
    /// Why; from standard input if nothing is given
    words: Vec<String>,
    /// Reject this request or none
    #[arg(long, value_name = "REQUEST")]
    request: Option<i64>,
    #[command(flatten)]
    form: JsonArgs,
}

fn seconds(value: &str) -> Result<Duration, String> {
    let seconds: f64 = value.parse().map_err(|_| "expected seconds, such as 30")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A command, and whether its answer is printed as JSON.
pub type ScriptArguments = (ControlCommand, bool);

impl JsonArgs {
    /// The command with these flags.
    pub fn with(self, action: ControlCommand) -> ScriptArguments {
        (action, self.json)
    }
}

impl From<ShowConversationArgs> for ScriptArguments {
    fn from(args: ShowConversationArgs) -> Self {
        let ShowConversationArgs {
            conversation,
            all,
            form,
        } = args;
        form.with(ControlCommand::Show { conversation, all })
    }
}

impl From<WaitArgs> for ScriptArguments {
    fn from(args: WaitArgs) -> Self {
        let WaitArgs {
            agent,
            conversation,
            after,
            timeout,
            all,
            form,
        } = args;
        form.with(ControlCommand::Wait {
            conversation,
            agent,
            after,
            timeout,
            all,
        })
    }
}

impl From<ReplyArgs> for ScriptArguments {
    fn from(args: ReplyArgs) -> Self {
        let kind = match (args.progress, args.think) {
            (true, _) => TextKind::Progress,
            (_, true) => TextKind::Think,
            _ => TextKind::Send,
        };
        args.form.with(ControlCommand::Reply {
            conversation: args.conversation,
            request: args.request,
            says: Says {
                text: args.text,
                kind,
                commands: args.command,
                call: args.call.map(|tool| (tool, args.arguments)),
                parts: args.parts,
            },
            force: args.force,
        })
    }
}

impl From<RejectArgs> for ScriptArguments {
    fn from(args: RejectArgs) -> Self {
        let RejectArgs {
            conversation,
            words,
            request,
            form,
        } = args;
        let words = (!words.is_empty()).then(|| words.join(" "));
        form.with(ControlCommand::Reject {
            conversation,
            request,
            words,
        })
    }
}
