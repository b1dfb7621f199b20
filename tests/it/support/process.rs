//! A client without a terminal, and what it prints.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process_group};

use super::poll;

/// A running client, such as `codex exec`, with its output so far. Dropping it kills it and all it started.
pub struct ClientProcess {
    child: Child,
    stdout: Arc<Mutex<Output>>,
    stderr: Arc<Mutex<Output>>,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    ended: bool,
}

impl ClientProcess {
    /// Starts a program that speaks to the server, in a process group of its own.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the client");
        Self {
            stdout: collect(child.stdout.take().unwrap()),
            stderr: collect(child.stderr.take().unwrap()),
            child,
        }
    }

    /// What it has written to its standard output so far.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it has written to its standard error so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits until the standard error contains `text`.
    pub fn wait_stderr(&mut self, text: &str) {
        let what = format!("{text:?} from the client");
        let (out, err) = (Arc::clone(&self.stdout), Arc::clone(&self.stderr));
        poll(
            &what,
            || {
                let found = self::text(&err).contains(text);
                assert!(
                    found || self.is_running() || !ended(&err),
                    "the client ended without {text:?}:\n{}",
                    all_output(&out, &err)
                );
                found.then_some(())
            },
            || all_output(&out, &err),
        );
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the state of the client")
            .is_none()
    }

    /// Waits until it ends and all its output is here.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let (out, err) = (Arc::clone(&self.stdout), Arc::clone(&self.stderr));
        poll(
            "the end of the client",
            || {
                let status = self.child.try_wait().expect("the state of the client")?;
                (ended(&out) && ended(&err)).then_some(status)
            },
            || all_output(&out, &err),
        )
    }

    /// Waits until it ends well and returns its answer.
    pub fn wait_answer(&mut self) -> String {
        let status = self.wait_exit();
        let all = all_output(&self.stdout, &self.stderr);
        assert!(status.success(), "the client failed with {status}:\n{all}");
        self.stdout().trim_end().to_owned()
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        if self.is_running() {
            let pid = Pid::from_child(&self.child);
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Reads a stream in the background.
fn collect(mut source: impl Read + Send + 'static) -> Arc<Mutex<Output>> {
    let output = Arc::new(Mutex::new(Output::default()));
    let sink = Arc::clone(&output);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            sink.lock().unwrap().bytes.extend(&buffer[..count]);
        }
        sink.lock().unwrap().ended = true;
    });
    output
}

fn text(output: &Mutex<Output>) -> String {
    String::from_utf8_lossy(&output.lock().unwrap().bytes).into_owned()
}

fn ended(output: &Mutex<Output>) -> bool {
    output.lock().unwrap().ended
}

fn all_output(stdout: &Mutex<Output>, stderr: &Mutex<Output>) -> String {
    format!(
        "--- stdout\n{}\n--- stderr\n{}\n---",
        text(stdout),
        text(stderr)
    )
}
