//! The binary: reads the command line and the configuration, and hands over to the library.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use humanllm::cli::record::{SinceArgs, StatisticsArgs, StudyArgs, StudyCommand};
use humanllm::cli::scripts::ScriptArguments;
use humanllm::cli::{
    AgentSetup, Cli, Command, ExportArgs, ForkArgs, ModelArgs, PrintForm, ReplayArgs, RulesArgs,
    SetupArgs, SetupProgram, ShowArgs, SplitArgs, man,
};
use humanllm::config::{Config, Flags};
use humanllm::control::StudyAction;
use humanllm::control::command::{self, ControlCommand};
use humanllm::environment::Environment;
use humanllm::export::{ExportError, ExportTarget};
use humanllm::history::rules::TrialError;
use humanllm::history::study::StudyError;
use humanllm::journal::JournalReader;
use humanllm::setup::guide::{Guide, Sdks};
use humanllm::setup::split::Split;
use humanllm::setup::{check, codex};
use humanllm::state_dir::StateDir;
use humanllm::{config, export, fork, history, logging, plain, program, replay, setup, statistics};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// An error of any kind: only its message is shown.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            complain(&*error);
            ExitCode::from(2)
        }
    }
}

/// Prints an error to standard error.
fn complain(error: &dyn std::error::Error) {
    // The message may quote control characters from a file name or a value.
    let message = plain::line(&error.to_string());
    // Not `eprintln!`, which panics where the terminal is gone.
    let _ = writeln!(io::stderr(), "humanllm: {message}");
}

fn run(cli: Cli) -> Result<ExitCode> {
    let environment = Environment::of_process();
    let flags: Flags = cli.global.into();
    let Some(command) = cli.command else {
        let config = config::load(&flags, &environment)?;
        return serve(config, flags, environment, None);
    };
    let control = |arguments| control(arguments, &flags, &environment);
    match command {
        Command::Split(args) => split(&args, flags, environment),
        Command::Setup(SetupArgs {
            program: Some(SetupProgram::Model(args)),
            check,
            show: ShowArgs { print: None },
        }) => model(args, check, &flags, &environment),
        Command::Setup(args) if args.check => check(args, &flags, &environment),
        Command::Setup(args) => print(set_up(args, &flags, &environment)?.as_bytes()),
        Command::History(args) => {
            let config = config::load(&flags, &environment)?;
            let (action, form) = args.into();
            print(history::run(action, form, &config.state_dir)?.as_bytes())
        }
        Command::Export(args) => export(args, &flags, &environment),
        Command::Status(args) => control(args.with(ControlCommand::Status)),
        Command::List(args) => control(args.with(ControlCommand::List)),
        Command::Show(args) => control(args.into()),
        Command::Wait(args) => control(args.into()),
        Command::Reply(args) => control(args.into()),
        Command::Reject(args) => control(args.into()),
        Command::Study(StudyArgs { command }) => study(command, &flags, &environment),
        Command::Statistics(args) => statistics(&args, &flags, &environment),
        Command::Rules(args) => rules(&args, &config::load(&flags, &environment)?),
        Command::Replay(args) => replay(args, &flags, &environment),
        Command::Fork(args) => fork(args, &config::load(&flags, &environment)?),
        Command::Completions { shell } => {
            // Into memory first: the generator panics when it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "humanllm", &mut script);
            print(&script)
        }
        Command::Man { folder: None } => print(&man::page()),
        Command::Man {
            folder: Some(folder),
        } => print(man::write_to(&folder)?.as_bytes()),
    }
}

/// Opens an agent in a split of the terminal, and runs this program here unless it runs already.
fn split(args: &SplitArgs, flags: Flags, environment: Environment) -> Result<ExitCode> {
    let config = config::load(&flags, &environment)?;
    let split = Split::new(args.agent, &args.arguments, &config, &environment)?;
    print(split.written.as_bytes())?;
    if split.is_running {
        split.open()?;
        return Ok(ExitCode::SUCCESS);
    }
    serve(config, flags, environment, Some(split))
}

/// Runs the server and the terminal interface. Once clients can connect, opens the agent of `split`.
fn serve(
    config: Config,
    flags: Flags,
    environment: Environment,
    split: Option<Split>,
) -> Result<ExitCode> {
    let state_dir = StateDir::open(&config.state_dir)?;
    let _log = logging::init(&state_dir, environment.get_filled("HUMANLLM_LOG"))?;
    let open_agent = || match split {
        Some(split) => split.open().map_err(Into::into),
        None => Ok(()),
    };
    Ok(program::run(
        config,
        flags,
        environment,
        &state_dir,
        open_agent,
    )?)
}

/// Has the running program do a command, through its control socket. The exit code tells what kind of
/// error there was.
fn control(
    (command, is_json): ScriptArguments,
    flags: &Flags,
    environment: &Environment,
) -> Result<ExitCode> {
    let config = config::load(flags, environment)?;
    match command::run(command, is_json, &config.state_dir) {
        Ok(answer) => print(answer.as_bytes()),
        Err(error) => {
            if is_json {
                print(error.document().as_bytes())?;
            }
            complain(&error);
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}

/// Has the running program change or tell the state of its study, or prints the study's turns.
fn study(command: StudyCommand, flags: &Flags, environment: &Environment) -> Result<ExitCode> {
    let (form, action) = match command {
        StudyCommand::Csv(since) => return study_csv(&since, &config::load(flags, environment)?),
        StudyCommand::Start(form) => (form, StudyAction::Start),
        StudyCommand::Phase(args) => (args.form, StudyAction::Phase(args.name)),
        StudyCommand::Pause(form) => (form, StudyAction::Pause),
        StudyCommand::Status(form) => (form, StudyAction::Status),
    };
    control(form.with(ControlCommand::Study(action)), flags, environment)
}

/// Prints a row for each turn of the journal.
fn study_csv(args: &SinceArgs, config: &Config) -> Result<ExitCode> {
    let reader = JournalReader::open(&config.state_dir)?;
    let since = args.since(Timestamp::now());
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    match history::study::write(&reader, since, &mut stdout) {
        // A reader that has seen enough is no error.
        Err(StudyError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the statistics of the journal.
fn statistics(args: &StatisticsArgs, flags: &Flags, environment: &Environment) -> Result<ExitCode> {
    let config = config::load(flags, environment)?;
    let reader = JournalReader::open(&config.state_dir)?;
    let since = args.since.since(Timestamp::now());
    let statistics = statistics::gather(&reader, since, &TimeZone::system())?;
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&statistics)?)
    } else {
        statistics::text(&statistics)
    };
    print(text.as_bytes())
}

/// Serves a recording, or saves it to a file.
fn replay(args: ReplayArgs, flags: &Flags, environment: &Environment) -> Result<ExitCode> {
    let config = config::load(flags, environment)?;
    let recording = replay::load(&args.sources, &config.state_dir)?;
    match &args.save {
        Some(path) => print(replay::save(&recording, path, args.format.into())?.as_bytes()),
        None => Ok(replay::run(recording, args.into(), &config)?),
    }
}

/// Sends a recorded request again, and prints the answer.
fn fork(args: ForkArgs, config: &Config) -> Result<ExitCode> {
    let recording = replay::load(&[args.source], &config.state_dir)?;
    let answer = fork::run(&recording, args.turn, config)?;
    let text = if args.json {
        answer.document().to_string()
    } else {
        plain::lines(&answer.text())
    };
    print(format!("{text}\n").as_bytes())
}

/// Exports conversations. The report goes to standard error if the export itself goes to standard
/// output.
fn export(args: ExportArgs, flags: &Flags, environment: &Environment) -> Result<ExitCode> {
    let config = config::load(flags, environment)?;
    let mut redactor = args.redactor(&config, environment);
    let target = args.target();
    let options: export::ExportOptions = args.into();
    let report = match export::run(&options, &mut redactor, &target, &config.state_dir) {
        Err(ExportError::Closed) => return Ok(ExitCode::SUCCESS),
        report => report?,
    };
    // Paths and findings may contain control characters.
    let report = plain::lines(&report.to_string());
    if target == ExportTarget::Stdout && !options.dry_run {
        let _ = io::stderr().write_all(report.as_bytes());
        return Ok(ExitCode::SUCCESS);
    }
    print(report.as_bytes())
}

/// Sets an agent up, or shows what to set; returns the text to print.
fn set_up(args: SetupArgs, flags: &Flags, environment: &Environment) -> Result<String> {
    let SetupArgs { program, show, .. } = args;
    let config = config::load(flags, environment)?;
    let guide = || Guide::new(flags, &config, environment);
    let guide_of = |sdks, ShowArgs { print }| {
        let guide = guide()?;
        Ok(match show.print.or(print) {
            None => guide.of(sdks),
            Some(PrintForm::Env) => guide.env(&[sdks]),
        })
    };
    match (program, show.print) {
        (None, None) => Ok(guide()?.all()),
        (None, Some(PrintForm::Env)) => Ok(guide()?.env(Sdks::ALL)),
        (Some(SetupProgram::Openai(args)), _) => guide_of(Sdks::OpenAi, args),
        (Some(SetupProgram::Anthropic(args)), _) => guide_of(Sdks::Anthropic, args),
        (Some(SetupProgram::Codex(args)), None) => {
            Ok(codex::run(&args.into(), &config, environment)?.to_string())
        }
        (Some(SetupProgram::Agent(AgentSetup { agent, args })), None) => {
            Ok(agent.set_up(args.print, &config, environment)?.to_string())
        }
        (Some(SetupProgram::Model(_)), _) => Err(no_variables("model")),
        (Some(SetupProgram::Codex(_)), Some(_)) => Err(no_variables(codex::NAME)),
        (Some(SetupProgram::Agent(AgentSetup { agent, .. })), Some(_)) => {
            Err(no_variables(agent.name))
        }
    }
}

/// Lists the rules, or tries them on recorded replies.
fn rules(args: &RulesArgs, config: &Config) -> Result<ExitCode> {
    let given = args.rule.as_deref().map(config::rules_in).transpose()?;
    let rules = given.as_ref().unwrap_or(&config.rules);
    let Some(trial) = args.trial() else {
        return print(history::rules::list(rules, args.form()).as_bytes());
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match history::rules::run(trial, rules, args.form(), &config.state_dir, &mut out) {
        // A reader that has seen enough is no error.
        Err(TrialError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        tried => tried.map(|()| ExitCode::SUCCESS).map_err(Into::into),
    }
}

/// Checks an agent that is set up. The exit code tells which step failed first.
fn check(args: SetupArgs, flags: &Flags, environment: &Environment) -> Result<ExitCode> {
    let config = config::load(flags, environment)?;
    let prints = |args: &SetupArgs| match &args.program {
        Some(SetupProgram::Codex(codex)) => codex.prints(),
        Some(SetupProgram::Agent(agent)) => agent.args.print,
        _ => false,
    };
    if args.show.print.is_some() || prints(&args) {
        return Err("--check starts the agent and --print only shows what to set; give one".into());
    }
    let (agent, launch) = match args.program {
        Some(SetupProgram::Codex(args)) => {
            let options = codex::CodexSetupOptions::from(args);
            (&codex::AGENT, options.launch(&config, environment)?)
        }
        Some(SetupProgram::Agent(AgentSetup { agent, .. })) => {
            (agent, agent.launch(&config, environment)?)
        }
        _ => {
            return Err(
                "--check needs an agent or a model, such as `humanllm setup --check codex`".into(),
            );
        }
    };
    let mut stdout = io::stdout().lock();
    let failed = check::check(agent, launch, &config, environment, &mut stdout)?;
    Ok(failed.map_or(ExitCode::SUCCESS, |step| ExitCode::from(step.exit_code())))
}

/// Sets up a model that drafts, or checks one that is set up.
fn model(
    args: ModelArgs,
    is_check: bool,
    flags: &Flags,
    environment: &Environment,
) -> Result<ExitCode> {
    let config = config::load(flags, environment)?;
    if !is_check {
        let mut messages = String::new();
        let result = setup::model::run(
            &args.into(),
            setup::model::USUAL_PORTS,
            flags,
            &config,
            environment,
            &mut messages,
        );
        // Those before an error are valid, too.
        print(plain::lines(&messages).as_bytes())?;
        result?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.has_only_name() {
        return Err("--check takes the name of a model that is set up, and no other flags".into());
    }
    let mut stdout = io::stdout().lock();
    let failed = setup::model::check(args.name.as_deref(), &config, &mut stdout)?;
    Ok(failed.map_or(ExitCode::SUCCESS, |step| ExitCode::from(step.exit_code())))
}

/// The error for a program that variables alone cannot set up.
fn no_variables(agent: &str) -> Box<dyn std::error::Error> {
    format!(
        "{agent} is set up by files and not by variables alone; write `humanllm setup {agent} \
         --print` to see them"
    )
    .into()
}

/// Writes to standard output. A broken pipe is no error.
fn print(text: &[u8]) -> Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
