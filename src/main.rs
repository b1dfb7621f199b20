//! The binary: reads the command line and the configuration, and hands over to the library.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use humanllm::cli::record::{StudyArgs, StudyCommand};
use humanllm::cli::scripts::JsonArgs;
use humanllm::cli::{
    AgentSetup, Cli, Command, ExportArgs, ForkArgs, GlobalFlags, ModelArgs, PrintForm, ReplayArgs,
    RulesArgs, SetupArgs, SetupProgram, ShowArgs, man, scripts,
};
use humanllm::config::Config;
use humanllm::control::{StudyAction, command};
use humanllm::environment::Environment;
use humanllm::export::{ExportError, ExportTarget};
use humanllm::history::rules::TrialError;
use humanllm::history::study::{self, StudyError};
use humanllm::journal::JournalReader;
use humanllm::setup::guide::{Guide, Sdks};
use humanllm::setup::split::Split;
use humanllm::setup::{check, codex};
use humanllm::state_dir::StateDir;
use humanllm::{app, config, export, fork, history, logging, plain, replay, setup, statistics};
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
    match cli.command {
        None => {
            let flags = cli.global.into();
            let config = config::load(&flags, &environment)?;
            serve(config, flags, environment, None)
        }
        Some(Command::Split(args)) => {
            let flags = cli.global.into();
            let config = config::load(&flags, &environment)?;
            let split = Split::new(args.agent, &args.arguments, &config, &environment)?;
            print(split.written.as_bytes())?;
            if split.is_running {
                split.open()?;
                return Ok(ExitCode::SUCCESS);
            }
            serve(config, flags, environment, Some(split))
        }
        Some(Command::Setup(SetupArgs {
            program: Some(SetupProgram::Model(args)),
            check,
            show: ShowArgs { print: None },
        })) => model(args, check, &cli.global.into(), &environment),
        Some(Command::Setup(args)) if args.check => check(args, &cli.global.into(), &environment),
        Some(Command::Setup(args)) => {
            let report = set_up(args, &cli.global.into(), &environment)?;
            print(report.as_bytes())
        }
        Some(Command::History(args)) => {
            let config = config::load(&cli.global.into(), &environment)?;
            let (action, form) = args.into();
            print(history::run(action, form, &config.state_dir)?.as_bytes())
        }
        Some(Command::Export(args)) => export(args, &cli.global.into(), &environment),
        Some(Command::Status(args)) => ask(args.with(command::ControlCommand::Status), cli.global),
        Some(Command::List(args)) => ask(args.with(command::ControlCommand::List), cli.global),
        Some(Command::Show(args)) => ask(args.into(), cli.global),
        Some(Command::Wait(args)) => ask(args.into(), cli.global),
        Some(Command::Reply(args)) => ask(args.into(), cli.global),
        Some(Command::Reject(args)) => ask(args.into(), cli.global),
        Some(Command::Study(StudyArgs { command })) => {
            let study = |args: JsonArgs, action| args.with(command::ControlCommand::Study(action));
            let since = match command {
                StudyCommand::Csv(since) => since,
                StudyCommand::Start(args) => {
                    return ask(study(args, StudyAction::Start), cli.global);
                }
                StudyCommand::Phase(args) => {
                    let action = StudyAction::Phase(args.name);
                    return ask(study(args.form, action), cli.global);
                }
                StudyCommand::Pause(args) => {
                    return ask(study(args, StudyAction::Pause), cli.global);
                }
                StudyCommand::Status(args) => {
                    return ask(study(args, StudyAction::Status), cli.global);
                }
            };
            let config = config::load(&cli.global.into(), &environment)?;
            let reader = JournalReader::open(&config.state_dir)?;
            let mut stdout = io::BufWriter::new(io::stdout().lock());
            match study::write(&reader, since.since(Timestamp::now()), &mut stdout) {
                // A reader that has seen enough is no error.
                Err(StudyError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
                written => written?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Statistics(args)) => {
            let config = config::load(&cli.global.into(), &environment)?;
            let reader = JournalReader::open(&config.state_dir)?;
            let since = args.since.since(Timestamp::now());
            let gathered = statistics::gather(&reader, since, &TimeZone::system())?;
            let text = if args.json {
                format!("{}\n", serde_json::to_string_pretty(&gathered)?)
            } else {
                statistics::text(&gathered)
            };
            print(text.as_bytes())
        }
        Some(Command::Rules(args)) => {
            let config = config::load(&cli.global.into(), &environment)?;
            rules(&args, &config)
        }
        Some(Command::Replay(args)) => replay(args, &cli.global.into(), &environment),
        Some(Command::Fork(args)) => {
            let config = config::load(&cli.global.into(), &environment)?;
            fork(args, &config)
        }
        Some(Command::Completions { shell }) => {
            // Into memory first: the generator panics when it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "humanllm", &mut script);
            print(&script)
        }
        Some(Command::Man { folder }) => match folder {
            None => print(&man::page()),
            Some(folder) => print(man::write_to(&folder)?.as_bytes()),
        },
    }
}

/// Runs the server and the terminal interface, optionally with an agent in a split of the terminal.
fn serve(
    config: Config,
    flags: config::Flags,
    environment: Environment,
    beside: Option<Split>,
) -> Result<ExitCode> {
    let state_dir = StateDir::open(&config.state_dir)?;
    let _log = logging::init(&state_dir, environment.get_filled("HUMANLLM_LOG"))?;
    let open = || match beside {
        Some(split) => split.open().map_err(Into::into),
        None => Ok(()),
    };
    Ok(app::run(config, flags, environment, &state_dir, open)?)
}

/// Runs a command in the running program through its control socket. The exit code tells what kind of
/// error there was.
fn ask((action, is_json): scripts::ScriptArguments, global: GlobalFlags) -> Result<ExitCode> {
    let config = config::load(&global.into(), &Environment::of_process())?;
    match command::run(action, is_json, &config.state_dir) {
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

/// Serves a recording, or saves it to a file.
fn replay(args: ReplayArgs, flags: &config::Flags, environment: &Environment) -> Result<ExitCode> {
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
fn export(args: ExportArgs, flags: &config::Flags, environment: &Environment) -> Result<ExitCode> {
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
fn set_up(args: SetupArgs, flags: &config::Flags, environment: &Environment) -> Result<String> {
    let SetupArgs { program, show, .. } = args;
    let config = config::load(flags, environment)?;
    let guide = || Guide::new(flags, &config, environment);
    let of = |sdks, ShowArgs { print }| {
        let guide = guide()?;
        Ok(match show.print.or(print) {
            None => guide.of(sdks),
            Some(PrintForm::Env) => guide.env(&[sdks]),
        })
    };
    match (program, show.print) {
        (None, None) => Ok(guide()?.all()),
        (None, Some(PrintForm::Env)) => Ok(guide()?.env(Sdks::ALL)),
        (Some(SetupProgram::Openai(args)), _) => of(Sdks::OpenAi, args),
        (Some(SetupProgram::Anthropic(args)), _) => of(Sdks::Anthropic, args),
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
    let other = args.rule.as_deref().map(config::rules_in).transpose()?;
    let rules = other.as_ref().unwrap_or(&config.rules);
    let Some(trial) = args.trial() else {
        return print(history::rules::list(rules, args.form()).as_bytes());
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match history::rules::run(trial, rules, args.form(), &config.state_dir, &mut out) {
        // A reader that has seen enough.
        Err(TrialError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        tried => tried.map(|()| ExitCode::SUCCESS).map_err(Into::into),
    }
}

/// Checks an agent that is set up. The exit code tells which step failed first.
fn check(args: SetupArgs, flags: &config::Flags, environment: &Environment) -> Result<ExitCode> {
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
    checks: bool,
    flags: &config::Flags,
    environment: &Environment,
) -> Result<ExitCode> {
    let config = config::load(flags, environment)?;
    if !checks {
        let mut told = String::new();
        let places = setup::model::USUAL_PORTS;
        let done = setup::model::run(&args.into(), places, flags, &config, environment, &mut told);
        let code = print(plain::lines(&told).as_bytes())?;
        return Ok(done.map(|()| code)?);
    }
    if !args.has_only_name() {
        return Err("--check takes the name of a model that is set up, and no other flags".into());
    }
    let mut stdout = io::stdout().lock();
    let failed = setup::model::check(args.name.as_deref(), &config, &mut stdout)?;
    Ok(failed.map_or(ExitCode::SUCCESS, |step| ExitCode::from(step.exit_code())))
}

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
