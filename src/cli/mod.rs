//! The command line.

pub mod man;
pub mod record;
mod replay;
pub mod scripts;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::record::{StatisticsArgs, StudyArgs};
use self::scripts::{JsonArgs, RejectArgs, ReplyArgs, ShowConversationArgs, WaitArgs};
use crate::api::{Assignment, Format};
use crate::config::{Config, Flags, format_named};
use crate::environment::Environment;
use crate::export::redact::Redactor;
use crate::export::{self, ExportTarget, Selection};
use crate::history::rules::TrialScope;
use crate::history::{HistoryAction, HistoryFormat};
use crate::setup::agents::AgentProgram;
use crate::setup::{codex, model};
use crate::store::marks::MarkChange;

pub use replay::{ForkArgs, ReplayArgs};

const EXAMPLES: &str = "\
EXAMPLES:
    humanllm                                   Wait for requests on 127.0.0.1:3000
    humanllm --listen 127.0.0.1:4000           The same on another port
    humanllm setup codex                       Set up Codex, then:
    codex --profile humanllm                   Codex asks, you answer
    humanllm setup codex --print               Only print what would be written
    humanllm setup claude                      Set up Claude Code; so with opencode, aider, ...
    humanllm split claude                      In tmux: Claude Code in the other half, set up
    humanllm setup --check claude              Ask something through it, and say what was seen
    humanllm setup model                       Find a local model, which drafts for you
    humanllm setup                             List the agents, and what to set for other clients
    eval \"$(humanllm setup --print env)\"       Set the variables for OpenAI's and Anthropic's SDKs
    humanllm history search parser             Find earlier conversations
    humanllm export 12 --format html -o 12.html    A conversation as a page to hand on
    humanllm wait --json                       In a script: wait until somebody asks
    humanllm reply 7 'It is done'              In a script: answer in conversation 7
    humanllm study csv > turns.csv             The times of all turns, for a study
    humanllm rules try --days 7                Say what the rules would have done to last week's
    humanllm replay session.jsonl --once       Answer as a recorded session was answered
    humanllm completions bash > ~/.local/share/bash-completion/completions/humanllm
    humanllm man ~/.local/share/man/man1       Write the manual pages

ENVIRONMENT:
    HUMANLLM_LISTEN, HUMANLLM_CONFIG, HUMANLLM_STATE_DIR    As the flags, which beat them
    HUMANLLM_API_KEY                                        Secret that clients must send
    HUMANLLM_LOG                                            What to log (default: info)
    HUMANLLM_OPEN                                           What opens pictures (default: xdg-open or open)";

/// Be the model: an OpenAI-compatible server whose language model is you.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: GlobalFlags,
    /// What to do; without a command, run server and terminal.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that may stand before or after a command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalFlags {
    /// Address and port of the server [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDR:PORT", global = true)]
    listen: Option<String>,
    /// Configuration file [default: humanllm/config.toml in the XDG config folder]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Folder of the log and of what survives a restart [default: humanllm in the XDG state folder]
    #[arg(long, value_name = "DIR", global = true)]
    state_dir: Option<PathBuf>,
}

impl From<GlobalFlags> for Flags {
    fn from(global: GlobalFlags) -> Self {
        Self {
            listen: global.listen,
            config: global.config,
            state_dir: global.state_dir,
        }
    }
}

/// The commands other than running.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up another program to use humanllm as its model; without a command, show what to set
    Setup(SetupArgs),
    /// In tmux: open an agent in the other half of the window, set up for humanllm, and run that
    Split(SplitArgs),
    /// List, show, search and delete the conversations of the journal
    History(HistoryArgs),
    /// Write conversations to files: for models to learn from, for other programs, for people
    Export(ExportArgs),
    /// Say how many requests wait in the humanllm that runs
    Status(JsonArgs),
    /// List the conversations of the humanllm that runs
    List(JsonArgs),
    /// Show what is asked in a conversation of the humanllm that runs
    Show(ShowConversationArgs),
    /// Wait until somebody asks the humanllm that runs, and show what
    Wait(WaitArgs),
    /// Answer the request that waits in a conversation
    Reply(ReplyArgs),
    /// Reject the request that waits in a conversation
    Reject(RejectArgs),
    /// Print the record of a study: a row of comma-separated values for each turn
    Study(StudyArgs),
    /// Show how much was asked, how fast it was answered, and what was typed for it
    Statistics(StatisticsArgs),
    /// List the rules of the configuration; try them on what the journal has
    Rules(RulesArgs),
    /// Answer an agent as a recorded session was answered, without a person; or save one to a file
    Replay(ReplayArgs),
    /// Ask what an agent asked once again, as a conversation of its own in the humanllm that runs
    Fork(ForkArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of humanllm, or write those of all commands to a folder
    Man {
        /// The folder, such as ~/.local/share/man/man1
        folder: Option<PathBuf>,
    },
}

/// The flags of `setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Which program; all of them if none is given.
    #[command(subcommand)]
    pub program: Option<SetupProgram>,
    /// Check that an agent which is set up asks humanllm and gets its answers
    #[arg(long, global = true)]
    pub check: bool,
    /// How to show what to set.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// Programs that can be set up.
#[derive(Debug, Subcommand)]
pub enum SetupProgram {
    /// Write a profile and a model catalog for the Codex CLI; its config.toml stays as it is
    Codex(CodexArgs),
    /// Find a model that runs on this machine, or take the one that is named, and have it draft
    Model(ModelArgs),
    /// Show what to set for OpenAI's SDKs
    Openai(ShowArgs),
    /// Show what to set for Anthropic's SDKs
    Anthropic(ShowArgs),
    /// Set up another agent.
    #[command(flatten)]
    Agent(AgentSetup),
}

/// `setup` with the name of an agent that takes no flags of its own.
#[derive(Debug)]
pub struct AgentSetup {
    /// Which agent.
    pub agent: &'static AgentProgram,
    /// How the agent is set up.
    pub args: AgentArgs,
}

/// The flags of `setup` with the name of such an agent.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Only print what would be written
    #[arg(long)]
    pub print: bool,
}

// By hand, because the names are those of the table.
impl Subcommand for AgentSetup {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        let agents = AgentProgram::ALL
            .iter()
            .filter(|agent| Self::has_subcommand(agent.name));
        command.subcommands(agents.map(|agent| {
            let about = format!("Set up {}; nothing of yours is lost", agent.title);
            AgentArgs::augment_args(clap::Command::new(agent.name).about(about))
        }))
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        // Codex has flags of its own.
        name != codex::NAME && AgentProgram::named(name).is_some()
    }
}

impl FromArgMatches for AgentSetup {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        Ok(Self {
            agent: AgentProgram::named(name).ok_or_else(missing)?,
            args: AgentArgs::from_arg_matches(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flags of everything that shows what to set.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Print nothing but lines in this form: env, for a shell to eval
    #[arg(long, value_name = "FORM", hide_possible_values = true)]
    pub print: Option<PrintForm>,
}

/// Forms of what to set that programs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrintForm {
    /// Lines for a shell to eval
    Env,
}

/// The flags of `setup codex`.
#[derive(Debug, Args)]
pub struct CodexArgs {
    /// Where Codex keeps its files [default: $CODEX_HOME, or else ~/.codex]
    #[arg(long, value_name = "DIR")]
    codex_home: Option<PathBuf>,
    /// Name of the profile
    #[arg(long, value_name = "NAME", default_value = codex::DEFAULT_PROFILE)]
    profile: String,
    /// Only print what would be written
    #[arg(long)]
    print: bool,
    /// Replace files that humanllm did not write
    #[arg(long)]
    force: bool,
    /// Have Codex keep a WebSocket open instead of sending a request for every response
    #[arg(long)]
    websocket: bool,
}

impl CodexArgs {
    /// Whether the files are only printed.
    pub fn prints(&self) -> bool {
        self.print
    }
}

impl From<CodexArgs> for codex::CodexSetupOptions {
    fn from(args: CodexArgs) -> Self {
        Self {
            codex_home: args.codex_home,
            profile: args.profile,
            print: args.print,
            force: args.force,
            websocket: args.websocket,
        }
    }
}

/// The flags of `setup model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// What the model is called in humanllm [default: as its server calls it]
    pub name: Option<String>,
    /// Where its server is, such as http://127.0.0.1:8080 [default: the usual ports are tried]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// What its server calls it
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// What its server speaks: chat, responses or messages [default: chat]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, value_parser = format_parser())]
    format: Option<Format>,
    /// The environment variable that its key comes from
    #[arg(long, value_name = "VARIABLE")]
    api_key_env: Option<String>,
    /// Only print what would be written
    #[arg(long)]
    pub print: bool,
}

impl ModelArgs {
    /// Whether no other flag is given than the name.
    pub fn has_only_name(&self) -> bool {
        let said = [&self.url, &self.model, &self.api_key_env];
        said.iter().all(|value| value.is_none()) && self.format.is_none() && !self.print
    }
}

impl From<ModelArgs> for model::ModelSetupOptions {
    fn from(args: ModelArgs) -> Self {
        Self {
            name: args.name,
            url: args.url,
            model: args.model,
            format: args.format,
            api_key_env: args.api_key_env,
            print: args.print,
        }
    }
}

/// Reads the name of a format.
fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(["chat", "responses", "messages"])
        .try_map(|name| format_named(&name).ok_or("no such format"))
}

/// What `split` is told.
#[derive(Debug, Args)]
pub struct SplitArgs {
    /// Which agent
    #[arg(value_parser = agent_parser())]
    pub agent: &'static AgentProgram,
    /// What else it gets on its command line; put -- before flags that humanllm has too
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// Reads the name of an agent.
fn agent_parser() -> impl TypedValueParser<Value = &'static AgentProgram> {
    let names = AgentProgram::ALL.iter().map(|agent| agent.name);
    PossibleValuesParser::new(names)
        .try_map(|name| AgentProgram::named(&name).ok_or("no such agent"))
}

/// The flags of `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// What to do.
    #[command(subcommand)]
    command: HistoryCommand,
}

/// What can be done with the journal.
#[derive(Debug, Subcommand)]
enum HistoryCommand {
    /// List the conversations, the newest first
    List {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Only those of this participant of a study
        #[arg(long, value_name = "NAME")]
        participant: Option<String>,
        /// Only those under this condition of a study
        #[arg(long, value_name = "NAME")]
        condition: Option<String>,
        #[command(flatten)]
        form: OutputArgs,
    },
    /// Show a conversation: what was asked and what was said
    Show {
        /// Its number in the list
        id: i64,
        /// Show all that was said, and the items of the newest request as they came
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        form: OutputArgs,
    },
    /// Find the conversations with a text that has all of these words
    Search {
        /// The words; of the last one, its beginning will do
        #[arg(required = true)]
        words: Vec<String>,
        /// How many conversations
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
        #[command(flatten)]
        form: OutputArgs,
    },
    /// Delete conversations for good
    Delete {
        /// Their numbers in the list
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
        /// Do not ask first
        #[arg(long)]
        yes: bool,
    },
    /// Say what you make of a conversation or turn: labels, a rating, a note; without any, show that
    Label(LabelArgs),
    /// Give back the space on disk that nothing needs
    Compact,
}

/// The flags of everything that shows the journal.
#[derive(Debug, Args)]
struct OutputArgs {
    /// Print one JSON document, for programs
    #[arg(long)]
    json: bool,
}

/// The flags of `rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// What to do; without it, list the rules.
    #[command(subcommand)]
    command: Option<RulesCommand>,
    /// Take the rules of this file, and not those of the configuration
    #[arg(long, value_name = "FILE", global = true)]
    pub rule: Option<PathBuf>,
    /// Print one JSON document, for programs
    #[arg(long, global = true)]
    json: bool,
}

/// What can be done with rules.
#[derive(Debug, Subcommand)]
enum RulesCommand {
    /// Say which rule would have met each earlier request and what was said to it; nothing is done
    Try {
        /// Only what came in the last N days
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// Only what came in this conversation, by its number in the list
        #[arg(long, value_name = "ID")]
        conversation: Option<i64>,
    },
}

impl RulesArgs {
    /// How to show it.
    pub fn form(&self) -> HistoryFormat {
        if self.json {
            HistoryFormat::Json
        } else {
            HistoryFormat::Text
        }
    }

    /// The scope of `rules try`; `None` for the list of rules.
    pub fn trial(&self) -> Option<TrialScope> {
        let RulesCommand::Try { days, conversation } = self.command.as_ref()?;
        Some(TrialScope {
            days: *days,
            conversation: *conversation,
        })
    }
}

impl From<HistoryArgs> for (HistoryAction, HistoryFormat) {
    fn from(args: HistoryArgs) -> Self {
        let form = |args: OutputArgs| {
            if args.json {
                HistoryFormat::Json
            } else {
                HistoryFormat::Text
            }
        };
        match args.command {
            HistoryCommand::List {
                limit,
                participant,
                condition,
                form: json,
            } => {
                let whose = Assignment {
                    participant,
                    condition,
                };
                (
                    HistoryAction::List {
                        limit,
                        assigned: whose,
                    },
                    form(json),
                )
            }
            HistoryCommand::Show {
                id,
                raw,
                form: json,
            } => (HistoryAction::Show { id, raw }, form(json)),
            HistoryCommand::Search {
                words,
                limit,
                form: json,
            } => {
                let words = words.join(" ");
                (HistoryAction::Search { words, limit }, form(json))
            }
            HistoryCommand::Delete { ids, yes } => {
                (HistoryAction::Delete { ids, yes }, HistoryFormat::Text)
            }
            HistoryCommand::Label(args) => {
                let form = if args.form.json {
                    HistoryFormat::Json
                } else {
                    HistoryFormat::Text
                };
                (args.into(), form)
            }
            HistoryCommand::Compact => (HistoryAction::Compact, HistoryFormat::Text),
        }
    }
}

/// The flags of `history label`.
#[derive(Debug, Args)]
struct LabelArgs {
    /// The number of the conversation in the list
    id: i64,
    /// Labels that it has from now on
    #[arg(value_name = "LABEL")]
    add: Vec<String>,
    /// One of its turns, by its number, and not the conversation
    #[arg(long, value_name = "N")]
    turn: Option<u64>,
    /// A label that it has no more
    #[arg(long, value_name = "LABEL")]
    remove: Vec<String>,
    /// How good it is, from 1 to 5; 0 for no rating
    #[arg(long, value_name = "N")]
    rating: Option<u8>,
    /// A note on it; empty for none
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Leave it out of exports
    #[arg(long, conflicts_with = "include")]
    exclude: bool,
    /// Do not leave it out of exports any more
    #[arg(long)]
    include: bool,
    /// First forget all that was said of it
    #[arg(long)]
    clear: bool,
    #[command(flatten)]
    form: OutputArgs,
}

impl From<LabelArgs> for HistoryAction {
    fn from(args: LabelArgs) -> Self {
        let mut changes = Vec::new();
        changes.extend(args.clear.then_some(MarkChange::Clear));
        changes.extend(args.add.into_iter().map(MarkChange::Add));
        changes.extend(args.remove.into_iter().map(MarkChange::Remove));
        let rating = |rating| MarkChange::Rate(Some(rating).filter(|rating| *rating > 0));
        changes.extend(args.rating.map(rating));
        changes.extend(args.note.map(MarkChange::Note));
        changes.extend(args.exclude.then_some(MarkChange::Exclude(true)));
        changes.extend(args.include.then_some(MarkChange::Exclude(false)));
        Self::Label {
            id: args.id,
            turn: args.turn,
            changes,
        }
    }
}

const EXPORT_EXAMPLES: &str = "\
EXAMPLES:
    humanllm export 12 --format html -o 12.html      A page for people
    humanllm export --format atif -o trajectories/   A file for each conversation
    humanllm export --format messages --label good -o train.jsonl
    humanllm export --format raw --since 7d | jq .   To standard output
    humanllm export --dry-run --format messages      What would be replaced

What looks like a secret (API keys, tokens, passwords, private keys), e-mail addresses and the names of
home folders are replaced; [export] in the configuration has room for more. Conversations marked with
`humanllm history label ID --exclude` stay out.";

/// The flags of `export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub struct ExportArgs {
    /// Numbers of conversations, as `history list` has them; without any, all that you talked in
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    /// What to write
    #[arg(long, short, value_name = "FORMAT")]
    format: ExportFormatArg,
    /// Where to: a file, a folder (that is there, or ends with a slash), or - for standard output
    #[arg(long, short, value_name = "PATH", default_value = "-")]
    output: PathBuf,
    /// Only conversations in which something happened since then: 2026-01-31, 2026-01-31T15:00, 7d, 12h
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<i64>,
    /// Only conversations that were begun before then
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<i64>,
    /// Only conversations with this agent, such as codex
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only what has this label, or one of them if there are several
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// Only what is rated so, or better
    #[arg(long, value_name = "N")]
    rating: Option<u8>,
    /// With messages: a line for each reply, and not for each conversation
    #[arg(long)]
    per_turn: bool,
    /// With messages: which replies have weight 1
    #[arg(long, value_name = "WHOSE", default_value = "person")]
    train: TrainArg,
    /// With messages and preferences: write thoughts too, as reasoning_content
    #[arg(long)]
    thoughts: bool,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
    /// Write nothing; list what would be replaced, with examples that tell nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace nothing: secrets leave as they are
    #[arg(long)]
    no_redact: bool,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormatArg {
    /// Trajectories in the format of Harbor, version 1.7: a JSON document for each conversation
    Atif,
    /// Lines to fine-tune a model with, in the shape of Chat Completions
    Messages,
    /// Lines of a prompt, the reply that you chose, and the draft that you did not
    Preferences,
    /// Markdown, for people
    Markdown,
    /// One page, for people
    Html,
    /// Requests byte for byte, and all that was said, drafted and decided
    Raw,
}

/// Which replies a model is to learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrainArg {
    /// Those that you wrote, or changed
    Person,
    /// Those that you sent, whoever wrote them
    Approved,
    /// All of them
    All,
}

/// Parses a time.
fn moment(text: &str) -> Result<i64, String> {
    export::parse_moment(text, Timestamp::now(), &TimeZone::system())
}

impl ExportArgs {
    /// The redactor that the flags and the configuration ask for.
    pub fn redactor(&self, config: &Config, environment: &Environment) -> Redactor {
        if self.no_redact {
            Redactor::none()
        } else {
            config.export.redaction(environment.home()).redactor()
        }
    }

    /// The target of `--output`.
    pub fn target(&self) -> ExportTarget {
        ExportTarget::of(&self.output)
    }
}

impl From<ExportArgs> for export::ExportOptions {
    fn from(args: ExportArgs) -> Self {
        Self {
            format: match args.format {
                ExportFormatArg::Atif => export::ExportFormat::Atif,
                ExportFormatArg::Messages => export::ExportFormat::Messages,
                ExportFormatArg::Preferences => export::ExportFormat::Preferences,
                ExportFormatArg::Markdown => export::ExportFormat::Markdown,
                ExportFormatArg::Html => export::ExportFormat::Html,
                ExportFormatArg::Raw => export::ExportFormat::Raw,
            },
            which: Selection {
                ids: args.ids,
                since: args.since,
                until: args.until,
                agent: args.agent,
                labels: args.label,
                rating: args.rating,
            },
            per_turn: args.per_turn,
            train: match args.train {
                TrainArg::Person => export::Train::Person,
                TrainArg::Approved => export::Train::Approved,
                TrainArg::All => export::Train::All,
            },
            thoughts: args.thoughts,
            force: args.force,
            dry_run: args.dry_run,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_work_before_and_after_a_command() {
        for line in [
            "humanllm --listen 127.0.0.1:4000 setup codex",
            "humanllm setup --listen 127.0.0.1:4000 codex",
            "humanllm setup codex --listen 127.0.0.1:4000",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).expect(line);
            let flags = Flags::from(cli.global);
            assert_eq!(flags.listen.as_deref(), Some("127.0.0.1:4000"), "{line}");
        }
    }
}
