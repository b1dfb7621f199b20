//! Operates the measured program as fast as it allows.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::process::Process;
use crate::request::{Codex, marker};
use crate::support::{DEADLINE, Key, Operator, Sandbox};
use crate::wire::{CREATED, Exchange};

/// Room for all waiting requests, and no heartbeats, which would be measured too.
const CONFIG: &str = "[server]\nmax_waiting = 100000\nheartbeat_seconds = 3600\n";

/// How long nothing may be drawn before the screen counts as at rest.
const REST: Duration = Duration::from_millis(15);

/// A person at a running program.
pub struct MeasuredProgram(Operator);

impl MeasuredProgram {
    /// Starts the program in a new place and waits until it answers and draws.
    pub fn start(program: &Path) -> Self {
        Self::start_at(Sandbox::new(), program)
    }

    /// Starts the program in a new place, with a model at this address that answers by itself.
    pub fn start_with_model(program: &Path, model: SocketAddr) -> Self {
        let config = format!(
            "{CONFIG}\n[drafting]\nmode = \"auto\"\n\n\
             [[model]]\nname = \"model\"\nbase_url = \"http://{model}/v1\"\n"
        );
        let builder = Operator::at(Sandbox::new())
            .program(program)
            .config(&config);
        Self(builder.start())
    }

    /// Starts the program in a known place and waits until it answers and draws.
    pub fn start_at(place: Sandbox, program: &Path) -> Self {
        let builder = Operator::at(place).program(program).config(CONFIG);
        Self(builder.start())
    }

    /// Starts the program and returns after how many milliseconds it answers.
    pub fn time_start(place: Sandbox, program: &Path) -> (Self, f64) {
        let address = place.address;
        let builder = Operator::at(place).program(program).config(CONFIG);
        let started = Instant::now();
        let measured = Self(builder.start_without_waiting());
        while std::net::TcpStream::connect(address).is_err() {
            let waited = started.elapsed();
            assert!(
                waited < DEADLINE,
                "no port after {waited:?}:\n{}",
                measured.screen()
            );
            std::thread::sleep(Duration::from_micros(200));
        }
        let took = millis(started.elapsed());
        measured.wait_for("F1 help");
        (measured, took)
    }

    /// The process of the program.
    pub fn process(&self) -> Process {
        Process(self.pid().as_raw_nonzero().get().unsigned_abs())
    }

    /// Where the program listens.
    pub fn address(&self) -> SocketAddr {
        self.sandbox().address
    }

    /// Asks, and waits until the marker in the prompt is on the screen: the exchange, and the
    /// milliseconds that took.
    pub fn ask(&mut self, request: &[u8], marker: &str) -> (Exchange, f64) {
        let mut exchange = Exchange::connect(self.address());
        self.watch(marker);
        let sent = exchange.send(request);
        let painted = self.wait_watched();
        exchange.until(CREATED);
        self.rest();
        (exchange, millis(painted - sent))
    }

    /// Types a letter and returns the milliseconds until it is drawn.
    pub fn type_letter(&mut self, letter: char) -> f64 {
        let letter = letter.to_string();
        self.watch(&letter);
        let pressed = Instant::now();
        self.type_text(&letter);
        let took = millis(self.wait_watched() - pressed);
        self.rest();
        took
    }

    /// Presses Enter and returns the milliseconds until the client has this event.
    pub fn enter(&mut self, exchange: &mut Exchange, event: &str) -> f64 {
        let pressed = Instant::now();
        self.key(Key::Enter);
        let took = millis(exchange.until(event) - pressed);
        self.rest();
        took
    }

    /// Waits until nothing more is drawn.
    pub fn rest(&self) {
        let end = Instant::now() + DEADLINE;
        let mut before = self.mark();
        loop {
            std::thread::sleep(REST);
            let now = self.mark();
            if now == before {
                return;
            }
            before = now;
            assert!(
                Instant::now() < end,
                "it draws and draws:\n{}",
                self.screen()
            );
        }
    }
}

impl Deref for MeasuredProgram {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.0
    }
}

impl DerefMut for MeasuredProgram {
    fn deref_mut(&mut self) -> &mut Operator {
        &mut self.0
    }
}

/// A first request and the marker in it.
pub fn first_request(codex: &Codex, number: u64) -> (Vec<u8>, String) {
    let marker = marker(number as usize);
    let prompt = format!("{marker} and then tell me what this folder is for");
    (codex.request(number, &prompt, ""), marker)
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
