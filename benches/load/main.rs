//! A load test: the real binary in a pseudo-terminal, and beside it a bare server that reads the
//! same requests, both driven by the same client.
//!
//!     cargo bench --bench load
//!     cargo bench --bench load -- --quick
//!     HUMANLLM_BENCH_BINARY=/other/humanllm cargo bench --bench load -- --only rate,latency
//!
//! - [`options`]: what can be chosen;
//! - [`measures`]: what is measured, and how;
//! - [`request`], [`wire`]: what the client says and how it speaks;
//! - [`measured`]: the person at the program;
//! - [`bare`]: the bare server;
//! - [`upstream`]: a model that drafts;
//! - [`process`]: CPU and memory;
//! - [`sheet`]: the table.
//!
//! It runs as three processes: one that cleans up in every case, one that measures, and the bare
//! server.

mod bare;
mod measured;
mod measures;
mod options;
mod process;
mod request;
mod sheet;
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
#[path = "../../tests/it/support/mod.rs"]
mod support;
mod upstream;
mod wire;

use std::process::{Command, ExitCode};
use std::rc::Rc;

use measures::{ADDED, FIRST_WORD, RATE, SHARE, Subject};
use options::Options;
use request::Codex;
use sheet::Sheet;
use tokio::signal::unix::{SignalKind, signal};

/// Set for the process that measures.
const MEASURES: &str = "HUMANLLM_BENCH_MEASURES";

/// A part of the bench: one round with one program.
type Part = fn(&Options, &Rc<Codex>, &mut Sheet, &Subject);
/// The same with the bare server, in this column.
type BarePart = fn(&Options, &Rc<Codex>, &mut Sheet, usize);

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == bare::ARGUMENT) {
        bare::serve();
        return ExitCode::SUCCESS;
    }
    let options = Options::read();
    if std::env::var_os(MEASURES).is_some() {
        run(&options);
        return ExitCode::SUCCESS;
    }
    supervise()
}

/// Lets another process measure, and removes its folders in every case.
fn supervise() -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1));
    command.env(MEASURES, "1").env("TMPDIR", folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let status = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn()?;
        tokio::select! {
            status = child.wait() => return status.map(Some),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // What it has started ends with it: its terminals hang up, its pipes close.
        child.kill().await?;
        std::io::Result::Ok(None)
    });
    match status.expect("the process that measures") {
        Some(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn run(options: &Options) {
    let most = options.held.iter().copied().max().unwrap_or(0);
    let most = most.max(options.requests + 100);
    process::raise_descriptors(most.try_into().expect("a number of streams"));
    let programs = options.programs(support::operator::PROGRAM);
    let codex = Rc::new(Codex::new(options.own_ids));
    let columns = (1..=programs.len()).map(|number| format!("humanllm {number}"));
    let mut sheet = Sheet::new(columns.chain(["bare axum".to_owned()]).collect());
    let bare = programs.len();

    let parts: [(&str, usize, Part, Option<BarePart>); 7] = [
        (
            "rate",
            options.rounds,
            measures::rate,
            Some(measures::bare_rate),
        ),
        ("memory", 1, measures::memory, Some(measures::bare_memory)),
        ("latency", options.rounds, measures::latency, None),
        ("growth", 1, measures::growth, None),
        ("large", 1, measures::large, None),
        (
            "through",
            options.rounds,
            measures::through,
            Some(measures::bare_through),
        ),
        ("start", 1, measures::start, None),
    ];
    for (name, rounds, part, bare_part) in parts {
        if !options.wants(name) {
            continue;
        }
        for round in 1..=rounds {
            for (column, program) in programs.iter().enumerate() {
                eprintln!("{name} {round}/{rounds}: {}", program.display());
                part(options, &codex, &mut sheet, &Subject { program, column });
            }
            if let Some(part) = bare_part {
                eprintln!("{name} {round}/{rounds}: bare axum");
                part(options, &codex, &mut sheet, bare);
            }
        }
        match name {
            "rate" => compare(&mut sheet, bare),
            "through" => subtract(&mut sheet, bare),
            _ => {}
        }
    }

    println!();
    for (number, program) in programs.iter().enumerate() {
        println!("humanllm {} is {}", number + 1, program.display());
    }
    let size = measured::first_request(&codex, 0).0.len();
    println!(
        "A request has {size} bytes. Medians of the rounds (lowest–highest) = value / wanted.\n"
    );
    println!("{sheet}");
}

/// Sets the rates of all programs in relation to that of the bare server.
fn compare(sheet: &mut Sheet, bare: usize) {
    let Some(most) = sheet.value(RATE.name, bare) else {
        return;
    };
    for column in 0..bare {
        if let Some(rate) = sheet.value(RATE.name, column) {
            sheet.add(SHARE, column, rate / most);
        }
    }
}

/// Says how much later the first word of a model arrives than from the model itself.
fn subtract(sheet: &mut Sheet, bare: usize) {
    let Some(least) = sheet.value(FIRST_WORD.name, bare) else {
        return;
    };
    for column in 0..bare {
        if let Some(took) = sheet.value(FIRST_WORD.name, column) {
            sheet.add(ADDED, column, took - least);
        }
    }
}
