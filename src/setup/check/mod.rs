//! `setup --check AGENT`: checks that an agent that is set up sends its requests to this program and shows
//! the answers.
//!
//! The agent is started with its files, in an empty folder, to ask one question. So that no person has to
//! answer it, the agent is redirected to a server of the check itself, which gives a fixed answer. Whether
//! the real server is running is probed separately, by a request that needs no person.

mod outcome;
mod responder;
mod run;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use outcome::CheckStep;
pub(super) use outcome::{CheckReport, CheckResult};
use responder::CheckResponder;

use super::agents::{AgentProgram, Launch};
use super::own_file::FileState;
use super::programs::{find, version};
use super::running::{ProbeResult, probe};
use super::{BaseUrls, SetupError};
use crate::config::Config;
use crate::environment::Environment;

/// Why a check could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The address of the server is not known.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A system call failed.
    #[error("cannot check: {0}")]
    System(#[from] io::Error),
    /// A signal interrupted the check.
    #[error("interrupted")]
    Interrupted,
}

/// Checks an agent and writes the result of each step to `out`; returns the first step that failed.
///
/// # Errors
/// The check cannot be run, or its results cannot be written.
pub fn check(
    agent: &AgentProgram,
    launch: Launch,
    config: &Config,
    environment: &Environment,
    out: &mut dyn Write,
) -> Result<Option<CheckStep>, CheckError> {
    let server = BaseUrls::of(config.listen)?;
    let mut findings = CheckReport::new(out);
    findings.result(CheckStep::Server, check_server(&server, config))?;
    let program = check_program(agent, environment);
    let path = program.as_ref().ok().map(|(path, _)| path.clone());
    findings.result(CheckStep::Program, program.map(|(_, words)| words))?;
    findings.result(CheckStep::SetUp, check_files(agent, &launch, &server))?;
    match path {
        Some(path) if !findings.has_failed(CheckStep::SetUp) => {
            run_agent(agent, launch, &path, config, &server, &mut findings)?;
        }
        _ => findings.not_tried(&[CheckStep::Request, CheckStep::Answer])?,
    }
    if findings.first_failure().is_none() {
        let title = agent.title;
        findings.conclude(&format!(
            "{title} is set up. The question went to a server of this check's own, which answered by \
             itself:\nhumanllm's inbox has nothing of it. Tools and the terminal interface of {title} \
             were not tried."
        ))?;
    }
    Ok(findings.first_failure())
}

fn check_server(server: &BaseUrls, config: &Config) -> CheckResult {
    let url = &server.anthropic;
    match probe(server, config.api_key.as_ref()) {
        ProbeResult::Humanllm => Ok(format!("humanllm answers at {url}")),
        ProbeResult::Nobody => Err(format!(
            "nobody answers at {url}; start humanllm in another terminal"
        )),
        ProbeResult::Other => Err(format!(
            "another program answers at {url}; stop it, or choose another port with --listen for \
             both humanllm and its set-up"
        )),
        ProbeResult::WantsAnotherKey => Err(format!(
            "who answers at {url} wants another API key; set HUMANLLM_API_KEY to the one that \
             humanllm was started with"
        )),
    }
}

/// The path of the program, and a line with its version.
fn check_program(
    agent: &AgentProgram,
    environment: &Environment,
) -> Result<(PathBuf, String), String> {
    let path = find(agent.program, environment).ok_or_else(|| {
        let AgentProgram {
            program, install, ..
        } = agent;
        format!("there is no {program} on PATH; install it with `{install}`")
    })?;
    let version = version(&path, agent.version).unwrap_or_else(|| "version unknown".to_owned());
    let words = format!("{}: {version}", path.display());
    Ok((path, words))
}

fn check_files(agent: &AgentProgram, launch: &Launch, server: &BaseUrls) -> CheckResult {
    let name = agent.name;
    let files: Vec<String> = launch
        .files
        .iter()
        .map(|file| file.path.display().to_string())
        .collect();
    let files = files.join(", ");
    match launch.file_state() {
        FileState::Missing => Err(format!(
            "{files}: not all there; run `humanllm setup {name}`"
        )),
        _ if !launch.names(server) => Err(format!(
            "{files}: for another address than {}; run `humanllm setup {name}` with the flags and \
             the environment that humanllm gets",
            server.anthropic
        )),
        FileState::Changed => Ok(format!(
            "{files}: not as `humanllm setup {name}` writes it, and used as it is"
        )),
        FileState::AsWritten => Ok(files),
    }
}

/// Runs the agent and reports whether its request and the answer arrived.
fn run_agent(
    agent: &AgentProgram,
    launch: Launch,
    program: &Path,
    config: &Config,
    server: &BaseUrls,
    findings: &mut CheckReport<'_>,
) -> Result<(), CheckError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    // A folder for copies of the agent's files, with a working folder in it.
    let folder = tempfile::tempdir()?;
    let work = folder.path().join("work");
    std::fs::create_dir(&work)?;
    let run = {
        let _inside = runtime.enter();
        let mut responder = CheckResponder::start(config)?;
        let own = BaseUrls::of(responder.address)?;
        let launch = launch.redirected_to(server, &own, folder.path())?;
        let command = run::command(agent, &launch, program, config.api_key.as_ref(), &work);
        runtime.block_on(run::run(command, &mut responder))?
    };
    runtime.shutdown_background();
    match run.question {
        Some(asked) => findings.result(CheckStep::Request, Ok(asked.description))?,
        None => {
            let words = format!("{} asked nothing; {}", agent.title, run.exit);
            findings.result(CheckStep::Request, Err(words))?;
            return Ok(findings.not_tried(&[CheckStep::Answer])?);
        }
    }
    let told = match run.answer {
        Some(how) => Ok(format!("{} {how}", agent.title)),
        None => Err(format!(
            "{} asked and does not show the answer; {}",
            agent.title, run.exit
        )),
    };
    Ok(findings.result(CheckStep::Answer, told)?)
}
