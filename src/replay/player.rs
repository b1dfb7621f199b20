//! Serves requests and sends the recorded replies to those that match.

use std::collections::HashMap;
use std::future::pending;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::report::{self, EndReason, ReplayCounts};
use super::script::{Script, ScriptedAnswer};
use super::{ReplayError, ReplayOptions};
use crate::config::Config;
use crate::headless::HeadlessServer;
use crate::inbox::{Answerer, Arrival, Event, RequestFilter, Responder};
use crate::recording::{Fingerprint, MatchKind, Recording};
use crate::setup::BaseUrls;
use crate::store::{RequestId, RequestKey, Saving, Store};

/// How long after the last answer the replay goes on if a client may send another request: to fetch the
/// answer to a background request, or because it retries after a rejection, as some do.
const RETURN_GRACE: Duration = Duration::from_secs(5);

/// The outcome of a replay.
pub(super) struct ReplayOutcome {
    /// Whether a request matched no recorded one.
    pub missed: bool,
    /// Whether some recorded requests never came.
    pub unplayed: bool,
    /// The exit code of the command.
    pub command: Option<u8>,
}

/// Serves until one of the [`EndReason`]s of a replay is reached.
pub(super) async fn play(
    recording: Recording,
    options: ReplayOptions,
    config: &Config,
    listener: TcpListener,
) -> Result<ReplayOutcome, ReplayError> {
    // Before the command is started, so that a signal cannot leave it running.
    let mut signals = StopSignals::new()?;
    let script = Script::new(recording, options.tolerance);
    let script = Arc::new(Mutex::new(script));
    let mut server = HeadlessServer::start(config, listener, Some(request_filter(&script)))?;
    let urls = BaseUrls::of(server.address).map_err(|error| io::Error::other(error.to_string()))?;
    let mut command = match options.command.as_slice() {
        [] => {
            tell_address(&urls.anthropic, options.json)?;
            None
        }
        _ => Some(start(&options, config, &urls)?),
    };
    let begun = Instant::now();
    let mut player = Player {
        script,
        speed: options.speed,
        store: server.store.clone(),
        counts: ReplayCounts::default(),
        open: HashMap::new(),
        has_begun: false,
        may_return: false,
        last_event: begun,
    };
    let mut status = None;
    let ended = loop {
        let over = options.once.then(|| player.finished_at()).flatten();
        if over.is_some_and(|at| at <= Instant::now()) {
            break EndReason::Played;
        }
        let idle = options.idle.filter(|_| player.is_idle());
        tokio::select! {
            event = server.next() => player.handle(event),
            ended = command_exit(&mut command) => {
                status = Some(ended?);
                break EndReason::Command;
            }
            // Checked at the start of the loop.
            () = sleep_until_some(over) => {}
            () = sleep_until_some(idle.map(|idle| player.last_event + idle)) => break EndReason::Idle,
            () = signals.any() => break EndReason::Signal,
        }
    };
    // Events that are in the queue already count too.
    player.drain_events(&mut server).await;
    server.stop().await;
    let took = begun.elapsed();
    let script = player.script();
    report::print_stderr(&report::summary_text(&player.counts, &script, took, ended));
    if options.json {
        let mut line = report::summary_json(&player.counts, &script, took, ended);
        line.push('\n');
        print(&line)?;
    }
    Ok(ReplayOutcome {
        missed: !script.misses.is_empty(),
        unplayed: !script.is_finished(),
        command: status.map(exit_code),
    })
}

/// Rejects requests that match no recorded one, and reports them.
fn request_filter(script: &Arc<Mutex<Script>>) -> RequestFilter {
    let script = Arc::clone(script);
    RequestFilter::new(move |request| {
        let fingerprint = Fingerprint::of(request);
        let mut script = lock(&script);
        if script.find(&fingerprint).is_some() {
            return Ok(());
        }
        let miss = script.miss(&fingerprint);
        report::print_stderr(&report::missed_text(&miss));
        let words = miss.message();
        script.misses.push(miss);
        Err(words)
    })
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers requests as recorded.
struct Player {
    script: Arc<Mutex<Script>>,
    speed: f64,
    store: Store,
    counts: ReplayCounts,
    /// Requests that are being answered.
    open: HashMap<RequestId, PlayedRequest>,
    /// Whether any request has come.
    has_begun: bool,
    /// Whether the client of the latest request may send another one that is not an open request.
    may_return: bool,
    /// When the last event happened.
    last_event: Instant,
}

/// A request that is being answered.
struct PlayedRequest {
    /// The index of the recorded request.
    place: usize,
    /// The ticket of the last reply; `None` if the recorded response was never ended.
    last: Option<u64>,
    task: AbortHandle,
}

impl Player {
    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }

    /// When the replay ends, once all recorded requests were answered and the answers delivered.
    fn finished_at(&self) -> Option<Instant> {
        let is_over = self.open.is_empty() && self.script().is_finished();
        is_over.then(|| {
            if self.may_return {
                self.last_event + RETURN_GRACE
            } else {
                self.last_event
            }
        })
    }

    /// Whether no request is being answered, except for those whose recorded response was never ended.
    fn is_idle(&self) -> bool {
        self.has_begun && self.open.values().all(|open| open.last.is_none())
    }

    fn handle(&mut self, event: Event) {
        self.has_begun = true;
        self.last_event = Instant::now();
        match event {
            Event::Arrived(arrival) => self.arrived(*arrival),
            Event::Delivered { id, ticket, .. } => {
                let is_last = |open: &PlayedRequest| open.last.is_some_and(|last| ticket >= last);
                if self.open.get(&id).is_some_and(is_last)
                    && let Some(open) = self.open.remove(&id)
                {
                    self.script().finish(open.place);
                }
            }
            Event::ClientGone { id } => {
                if let Some(open) = self.open.remove(&id) {
                    open.task.abort();
                    match open.last {
                        Some(_) => self.script().reopen(open.place),
                        // The recorded client disconnected too.
                        None => self.script().finish(open.place),
                    }
                }
            }
            Event::RejectedAgain { .. } => {
                self.counts.repeated += 1;
            }
            // There are no drafts, no delays and no scripts in a replay.
            Event::Drafted { .. } | Event::Delayed { .. } | Event::Script(_) => {}
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let Arrival {
            id,
            conversation,
            request,
            answerer,
            ..
        } = arrival;
        let Answerer::Person(responder) = answerer else {
            self.counts.automatic += 1;
            return;
        };
        self.store.lift_single_rejection(conversation);
        let fingerprint = Fingerprint::of(&request);
        let (found, answer) = {
            let mut script = self.script();
            // The request filter has let it through, so there is a match.
            let Some(found) = script.find(&fingerprint) else {
                return;
            };
            let Some(answer) = script.answer(found.index).cloned() else {
                return;
            };
            script.begin(found.index);
            (found, answer)
        };
        match (found.is_repeated, found.kind) {
            (true, _) => self.counts.repeated += 1,
            (false, MatchKind::Strict) => self.counts.strict += 1,
            (false, MatchKind::Shape(_)) => self.counts.shape += 1,
        }
        let (number, title) = (found.index + 1, fingerprint.title());
        report::print_stderr(&report::matched_text(
            number,
            &title,
            found.kind,
            found.is_repeated,
        ));
        let rejection = answer
            .replies
            .last()
            .and_then(|last| last.reply.rejection());
        self.may_return = request.background || (rejection.is_some() && request.stream);
        if let Some(words) = rejection
            && !self.script().is_expected_again(found.index)
        {
            let place = RequestKey {
                conversation,
                request: id,
            };
            self.store.reject(place, &request, words);
        }
        let last = answer.is_answered.then(|| answer.replies.len() - 1);
        let last = last.and_then(|last| u64::try_from(last).ok());
        let task = tokio::spawn(send_recorded(answer, responder, self.speed));
        let task = task.abort_handle();
        let place = found.index;
        self.open.insert(id, PlayedRequest { place, last, task });
    }

    /// Handles the events that are in the queue.
    async fn drain_events(&mut self, server: &mut HeadlessServer) {
        loop {
            tokio::select! {
                biased;
                event = server.next() => self.handle(event),
                () = std::future::ready(()) => return,
            }
        }
    }
}

/// Sends the recorded replies at their recorded times.
async fn send_recorded(answer: Arc<ScriptedAnswer>, mut responder: Responder, speed: f64) {
    let begun = Instant::now();
    for said in &answer.replies {
        sleep_until(begun + delay_of(said.at - answer.arrived, speed)).await;
        responder.send(said.reply.clone(), Saving::default());
    }
    if !answer.is_answered {
        // The recorded client disconnected, and this one is expected to do so too.
        pending::<()>().await;
    }
}

/// The time after the request at which a reply is sent, from the recorded one.
fn delay_of(milliseconds: i64, speed: f64) -> Duration {
    let recorded = Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    if speed > 0.0 {
        Duration::try_from_secs_f64(recorded.as_secs_f64() / speed).unwrap_or(recorded)
    } else {
        Duration::ZERO
    }
}

/// The signals that end a replay.
struct StopSignals([Signal; 3]);

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

async fn sleep_until_some(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Starts the command, with the address of the server in the variables that SDKs read.
fn start(options: &ReplayOptions, config: &Config, urls: &BaseUrls) -> Result<Child, ReplayError> {
    let [program, arguments @ ..] = options.command.as_slice() else {
        return Err(io::Error::other("there is no command").into());
    };
    let key = config.api_key.as_ref();
    let key = key.map_or("humanllm", |key| key.as_str());
    let listen = urls.anthropic.trim_start_matches("http://");
    let command = Command::new(program)
        .args(arguments)
        .env("OPENAI_BASE_URL", &urls.openai)
        .env("ANTHROPIC_BASE_URL", &urls.anthropic)
        .env("OPENAI_API_KEY", key)
        .env("ANTHROPIC_API_KEY", key)
        .env("HUMANLLM_LISTEN", listen)
        .kill_on_drop(true)
        .spawn();
    command.map_err(|error| ReplayError::Command {
        program: PathBuf::from(program),
        error,
    })
}

/// Waits until the command exits; for ever if there is none.
async fn command_exit(command: &mut Option<Child>) -> io::Result<ExitStatus> {
    match command {
        Some(command) => command.wait().await,
        None => pending().await,
    }
}

/// The exit code of a command as a shell reports it: 128 and the number of a signal that killed it.
fn exit_code(status: ExitStatus) -> u8 {
    let signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn tell_address(url: &str, json: bool) -> io::Result<()> {
    if json {
        print(&format!("{}\n", json!({"listening": url})))
    } else {
        print(&format!("{url}\n"))
    }
}

/// Writes to standard output and flushes it; a closed pipe is no error.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_as_fast_as_it_is_told_to() {
        let table = [
            (4_000, 1.0, 4_000),
            (4_000, 10.0, 400),
            (4_000, 0.5, 8_000),
            (4_000, 0.0, 0),
            (-5, 1.0, 0),
        ];
        for (recorded, speed, expected) in table {
            let expected = Duration::from_millis(expected);
            assert_eq!(delay_of(recorded, speed), expected, "{recorded} at {speed}");
        }
    }
}
