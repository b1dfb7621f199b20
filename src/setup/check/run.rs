//! Runs an agent until it has asked its question and shows the answer.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::CheckError;
use super::responder::{CheckResponder, ReceivedRequest};
use crate::config::ApiKey;
use crate::setup::agents::{AgentProgram, Launch};

/// How long an agent may take to send the question: some first look for updates on the internet.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long it may take to show the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long its remaining output is read after it has exited.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// The number of bytes of its output that are kept, from the end.
const MAX_BYTES: usize = 1 << 20;
/// The number of characters of its last output lines that are reported.
const MAX_TAIL_LENGTH: usize = 300;

/// The outcome of a run.
pub(super) struct AgentRun {
    /// The request with the question; of several, the one with the most tools.
    pub question: Option<ReceivedRequest>,
    /// How the answer was recognised; `None` if it was not.
    pub answer: Option<&'static str>,
    /// How the agent exited.
    pub exit: String,
}

/// The command with which the agent asks a question, without the question itself.
pub(super) fn command(
    agent: &AgentProgram,
    launch: &Launch,
    program: &Path,
    key: Option<&ApiKey>,
    work: &Path,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(&launch.arguments)
        .args(agent.question)
        .envs(launch.variables(key))
        .current_dir(work)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A process group of its own, so that its children can be killed too.
        .process_group(0);
    command
}

/// Runs the agent until it has shown the answer, has exited, or a timeout is over.
pub(super) async fn run(
    mut command: Command,
    responder: &mut CheckResponder,
) -> Result<AgentRun, CheckError> {
    command.arg(responder.question());
    // Before the agent is started, so that a signal cannot leave it running.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut agent = RunningAgent::new(command.spawn()?);
    let (chunks, mut printed) = mpsc::channel(16);
    tokio::spawn(read(agent.child.stdout.take(), chunks.clone()));
    tokio::spawn(read(agent.child.stderr.take(), chunks));
    let mut run = AgentRun {
        question: None,
        answer: None,
        exit: String::new(),
    };
    let mut output = Vec::new();
    let mut ended = None;
    let mut deadline = Instant::now() + REQUEST_TIMEOUT;
    while run.answer.is_none() {
        tokio::select! {
            request = responder.next() => {
                if request.is_question && run.question.as_ref().is_none_or(|asked| asked.tools < request.tools) {
                    deadline = Instant::now() + ANSWER_TIMEOUT;
                    run.question = Some(request.clone());
                }
                if request.has_answer {
                    run.answer = Some("has the answer and goes on from it");
                }
            }
            chunk = printed.recv() => match chunk {
                Some(chunk) => {
                    append(&mut output, &chunk);
                    if run.question.is_some() && contains(&output, &responder.answer) {
                        run.answer = Some("shows the answer");
                    }
                }
                // All processes that write to the pipes have exited.
                None => {
                    let status = agent.child.wait().await?;
                    ended = Some(status);
                    break;
                }
            },
            status = agent.child.wait(), if ended.is_none() => {
                ended = Some(status?);
                deadline = Instant::now() + DRAIN_TIMEOUT;
            }
            () = sleep_until(deadline) => break,
            _ = interrupt.recv() => return Err(CheckError::Interrupted),
            _ = terminate.recv() => return Err(CheckError::Interrupted),
            _ = hang_up.recv() => return Err(CheckError::Interrupted),
        }
    }
    run.exit = exit_text(ended, &output);
    Ok(run)
}

/// A running agent, which is killed with its children when this is dropped.
struct RunningAgent {
    child: Child,
    /// The process group, which may outlive the agent.
    group: Option<Pid>,
}

impl RunningAgent {
    fn new(child: Child) -> Self {
        // Read now, because there is no process id after the child has been waited for.
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Self { child, group }
    }
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // The group may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, to: mpsc::Sender<Vec<u8>>) {
    let Some(mut from) = from else {
        return;
    };
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if to.send(buffer[..count].to_vec()).await.is_err() {
            return;
        }
    }
}

fn append(output: &mut Vec<u8>, chunk: &[u8]) {
    output.extend_from_slice(chunk);
    let excess = output.len().saturating_sub(MAX_BYTES);
    output.drain(..excess);
}

fn contains(output: &[u8], word: &str) -> bool {
    memchr::memmem::find(output, word.as_bytes()).is_some()
}

/// How an agent exited, with its last output lines.
fn exit_text(status: Option<ExitStatus>, output: &[u8]) -> String {
    let how = match status {
        Some(status) => format!("it ended with {status}"),
        None => "it was ended after a while".to_owned(),
    };
    let output = String::from_utf8_lossy(output);
    let mut lines: Vec<&str> = output
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(3)
        .collect();
    lines.reverse();
    let words = lines.join(" / ");
    match words.char_indices().nth_back(MAX_TAIL_LENGTH) {
        _ if words.is_empty() => format!("{how} and printed nothing"),
        Some((from, _)) => format!("{how}; its last words: …{}", &words[from..]),
        None => format!("{how}; its last words: {words}"),
    }
}
