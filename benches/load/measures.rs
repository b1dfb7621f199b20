//! What is measured, one function for each kind. Each does one round with one program; rounds of
//! different programs take turns, because nobody has the machine for themselves.

use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::bare::Bare;
use crate::measured::{MeasuredProgram, first_request, millis};
use crate::options::Options;
use crate::process::{Process, folder_size};
use crate::request::{Codex, Words, marker, output};
use crate::sheet::{Measure, Sheet, quantile};
use crate::support::{Sandbox, Signal};
use crate::upstream::Upstream;
use crate::wire::{COMPLETED, Exchange, hold};

/// Letters that no escape sequence and nothing else on the screen holds.
const LETTERS: [char; 5] = ['ж', 'ш', 'щ', 'ф', 'ю'];
/// Exchanges before the first that counts.
const WARM_UP: u64 = 10;
/// The event that carries a whole item.
const ITEM_DONE: &str = "response.output_item.done";
/// Bytes that a turn adds to a conversation: 1.2 MB after 300.
const TURN: usize = 3_600;

/// How long a model takes to its first word.
const FIRST_WORD_AFTER: Duration = Duration::from_millis(20);

/// A program that is measured, and its column.
pub struct Subject<'a> {
    pub program: &'a Path,
    pub column: usize,
}

const fn measure(name: &'static str, unit: &'static str, wanted: f64) -> Measure {
    Measure {
        name,
        unit,
        wanted: Some(wanted),
    }
}

const fn unjudged(name: &'static str, unit: &'static str) -> Measure {
    Measure {
        name,
        unit,
        wanted: None,
    }
}

const CPU: Measure = measure("server CPU per accepted request", "ms", 0.15);
/// The rate of requests that are accepted.
pub const RATE: Measure = unjudged("accepted per second", "1/s");
/// That rate as a part of what the bare server does in the same run.
pub const SHARE: Measure = measure("accepted per second / bare axum", "at least", 0.5);
const CLIENT: Measure = unjudged("of the client itself: CPU per request", "ms");

/// How much CPU a request costs and how many are accepted in a second.
pub fn rate(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, subject: &Subject) {
    let measured = MeasuredProgram::start(subject.program);
    let (address, process) = (measured.address(), measured.process());
    rate_of(options, codex, sheet, subject.column, address, process);
}

/// The same of the bare server.
pub fn bare_rate(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, column: usize) {
    let bare = Bare::start();
    rate_of(options, codex, sheet, column, bare.address, bare.process());
}

fn rate_of(
    options: &Options,
    codex: &Rc<Codex>,
    sheet: &mut Sheet,
    column: usize,
    address: SocketAddr,
    process: Process,
) {
    let make = |codex: &Rc<Codex>| {
        let codex = Rc::clone(codex);
        move |number| first_request(&codex, number).0
    };
    let warm = hold(address, 0, WARM_UP, 1, make(codex));
    process.settle();
    let (count, at_once) = (options.requests, options.at_once);
    let (before, own_before) = (process.cpu(), Process::own().cpu());
    let (held, took) = hold(address, WARM_UP, count, at_once, make(codex));
    let own = Process::own().cpu() - own_before;
    process.settle();
    let used = process.cpu() - before;
    sheet.add(CPU, column, used / count as f64);
    sheet.add(RATE, column, count as f64 / took.as_secs_f64());
    sheet.add(CLIENT, column, own / count as f64);
    drop((held, warm));
}

const IDLE: Measure = unjudged("memory when idle", "MB");
const FIRST: Measure = measure("memory after the first request", "MB", 40.0);
const FIRST_ANONYMOUS: Measure = unjudged("of that, allocated", "MB");

/// How the memory of so many held streams is called.
fn held(count: u64) -> Measure {
    match count {
        1_000 => unjudged("memory of 1,000 held", "MB"),
        5_000 => unjudged("memory of 5,000 held", "MB"),
        10_000 => measure("memory of 10,000 held", "MB", 150.0),
        // Nothing else is promised.
        _ => Measure {
            name: format!("memory of {count} held").leak(),
            unit: "MB",
            wanted: None,
        },
    }
}

/// How much memory open streams take.
pub fn memory(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, subject: &Subject) {
    let mut measured = MeasuredProgram::start(subject.program);
    let (address, process, column) = (measured.address(), measured.process(), subject.column);
    process.settle();
    sheet.add(IDLE, column, process.memory().resident);
    let (request, marker) = first_request(codex, 0);
    let first = measured.ask(&request, &marker);
    process.settle();
    let memory = process.memory();
    sheet.add(FIRST, column, memory.resident);
    sheet.add(FIRST_ANONYMOUS, column, memory.anonymous);
    held_memory(options, codex, sheet, column, address, process, 1);
    drop(first);
}

/// The same of the bare server.
pub fn bare_memory(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, column: usize) {
    let bare = Bare::start();
    let process = bare.process();
    process.settle();
    sheet.add(IDLE, column, process.memory().resident);
    held_memory(options, codex, sheet, column, bare.address, process, 0);
}

fn held_memory(
    options: &Options,
    codex: &Rc<Codex>,
    sheet: &mut Sheet,
    column: usize,
    address: SocketAddr,
    process: Process,
    mut open: u64,
) {
    let mut streams = Vec::new();
    for &count in &options.held {
        let codex = Rc::clone(codex);
        let make = move |number| first_request(&codex, number).0;
        let more = count.saturating_sub(open);
        streams.push(hold(address, open, more, options.at_once, make));
        open += more;
        process.settle();
        sheet.add(held(count), column, process.memory().resident);
    }
}

const PAINT: [Measure; 2] = [
    measure("request -> painted, 39 KB: p50", "ms", 1.0),
    measure("request -> painted, 39 KB: p99", "ms", 4.0),
];
const KEY: [Measure; 2] = [
    measure("key -> paint: p50", "ms", 0.5),
    unjudged("key -> paint: p99", "ms"),
];
const ENTER: [Measure; 2] = [
    measure("Enter -> completed at the client: p50", "ms", 0.4),
    measure("Enter -> completed at the client: p99", "ms", 2.0),
];

/// How long one request after the other takes to be drawn and answered.
pub fn latency(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, subject: &Subject) {
    let mut measured = MeasuredProgram::start(subject.program);
    let (mut paints, mut keys, mut enters) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..WARM_UP + options.exchanges {
        let (request, marker) = first_request(codex, number);
        let (mut exchange, painted) = measured.ask(&request, &marker);
        let letters = LETTERS.map(|letter| measured.type_letter(letter));
        let entered = measured.enter(&mut exchange, COMPLETED);
        if number >= WARM_UP {
            paints.push(painted);
            keys.extend(letters);
            enters.push(entered);
        }
    }
    spread(sheet, subject, PAINT, &paints);
    spread(sheet, subject, ENTER, &enters);
    spread(sheet, subject, KEY, &keys);
}

fn spread(sheet: &mut Sheet, subject: &Subject, measures: [Measure; 2], values: &[f64]) {
    for (measure, share) in measures.into_iter().zip([0.5, 0.99]) {
        if let Some(value) = quantile(values, share) {
            sheet.add(measure, subject.column, value);
        }
    }
}

const FIRST_TURNS: Measure = unjudged("request -> painted, first turns of a conversation", "ms");
const LAST_TURNS: Measure = measure("request -> painted, turn 300 (1.2 MB)", "ms", 3.0);
const LAST_TURNS_ENTER: Measure = unjudged("Enter -> completed, turn 300", "ms");

/// How a conversation of commands and their outputs slows down as it grows.
pub fn growth(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, subject: &Subject) {
    let mut measured = MeasuredProgram::start(subject.program);
    let prompt = format!("{} and go on until it is done", marker(0));
    let (mut later, mut painted, mut entered) = (String::new(), Vec::new(), Vec::new());
    for turn in 0..options.turns {
        let request = codex.request(7, &prompt, &later);
        let (mut exchange, took) = measured.ask(&request, &marker(turn));
        painted.push(took);
        measured.type_text("!ls ");
        let letter = LETTERS[turn % LETTERS.len()];
        measured.type_letter(letter);
        entered.push(measured.enter(&mut exchange, COMPLETED));
        let call = exchange.data(ITEM_DONE)["item"].take();
        let call_id = call["call_id"].as_str();
        let call_id = call_id.unwrap_or_else(|| panic!("no call: {}", exchange.text()));
        later += &format!(",{call},{}", output(call_id, &marker(turn + 1), TURN));
    }
    let few = options.turns / 15;
    let ends = [&painted[1..=few], &painted[painted.len() - few..]];
    for (measure, turns) in [FIRST_TURNS, LAST_TURNS].into_iter().zip(ends) {
        sheet.add(
            measure,
            subject.column,
            quantile(turns, 0.5).expect("turns"),
        );
    }
    let last = quantile(&entered[entered.len() - few..], 0.5).expect("turns");
    sheet.add(LAST_TURNS_ENTER, subject.column, last);
}

const LARGE_PAINT: Measure = unjudged("request -> painted, 5 MB prompt", "ms");
const LARGE_ENTER: [Measure; 2] = [
    measure("Enter -> completed after a 5 MB prompt: p50", "ms", 2.0),
    unjudged("Enter -> completed after a 5 MB prompt: p99", "ms"),
];
const LARGE_READ_ENTER: Measure = unjudged("the same once the program is at rest: p50", "ms");

/// How long the answer to a very large prompt takes, at once and after it has been read.
pub fn large(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, subject: &Subject) {
    let mut measured = MeasuredProgram::start(subject.program);
    let text = Words::new(4).lines(5_000_000);
    let (mut paints, mut at_once, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..2 * options.large {
        let marker = marker(number);
        let prompt = format!("{marker} {text} {marker}");
        let request = codex.request(number as u64, &prompt, "");
        let (mut exchange, painted) = measured.ask(&request, &marker);
        paints.push(painted);
        let is_read = number % 2 == 1;
        if is_read {
            measured.process().settle();
        }
        measured.type_letter(LETTERS[number % LETTERS.len()]);
        let entered = measured.enter(&mut exchange, COMPLETED);
        let times = if is_read { &mut after } else { &mut at_once };
        times.push(entered);
    }
    spread(sheet, subject, LARGE_ENTER, &at_once);
    for (measure, times) in [(LARGE_READ_ENTER, after), (LARGE_PAINT, paints)] {
        if let Some(time) = quantile(&times, 0.5) {
            sheet.add(measure, subject.column, time);
        }
    }
}

/// The time until the first word of a model is at the client.
pub const FIRST_WORD: Measure = unjudged("first word of a model -> client: p50", "ms");
/// That, without what it takes from the model itself.
pub const ADDED: Measure = measure("of that, added by what is between: p50", "ms", 0.5);

/// How long what a model says takes to the client, in a conversation that is on its own.
pub fn through(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, subject: &Subject) {
    let upstream = Upstream::start();
    let measured = MeasuredProgram::start_with_model(subject.program, upstream.address);
    let ask = |number| {
        let mut exchange = Exchange::connect(measured.address());
        exchange.send(&first_request(codex, number).0);
        exchange
    };
    let times = first_words(options, &upstream, ask, |mut exchange| {
        exchange.until(COMPLETED);
        measured.rest();
    });
    sheet.add(FIRST_WORD, subject.column, times);
}

/// The same from the model itself.
pub fn bare_through(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, column: usize) {
    let upstream = Upstream::start();
    let ask = |number| {
        let mut exchange = Exchange::connect(upstream.address);
        exchange.send(&first_request(codex, number).0);
        exchange
    };
    let times = first_words(options, &upstream, ask, drop);
    sheet.add(FIRST_WORD, column, times);
}

/// The median of the milliseconds until the first words of a model are at its client.
fn first_words(
    options: &Options,
    upstream: &Upstream,
    ask: impl Fn(u64) -> Exchange,
    end: impl Fn(Exchange),
) -> f64 {
    let mut times = Vec::new();
    for number in 0..WARM_UP + options.exchanges {
        let mut exchange = ask(number);
        let mut answer = upstream.asked();
        // As long as the shortest prompt takes a model.
        std::thread::sleep(FIRST_WORD_AFTER);
        let word = format!("zq{number}w");
        let said = answer.say(&word);
        let came = exchange.until_text(&word);
        if number >= WARM_UP {
            times.push(millis(came - said));
        }
        answer.end();
        end(exchange);
    }
    quantile(&times, 0.5).expect("exchanges")
}

const START: Measure = unjudged("start until the port accepts, empty", "ms");
const START_LARGE: Measure = unjudged("start until the port accepts, large journal", "ms");
const LATER: Measure = measure("what the large journal adds to the start", "ms", 10.0);
const JOURNAL: Measure = unjudged("size of the large journal", "MB");

/// How long the program takes to start, in an empty place and where much was kept before.
pub fn start(options: &Options, codex: &Rc<Codex>, sheet: &mut Sheet, subject: &Subject) {
    let column = subject.column;
    let starts = |place: &dyn Fn() -> Sandbox| {
        let times: Vec<f64> = (0..options.starts)
            .map(|_| end(MeasuredProgram::time_start(place(), subject.program)))
            .collect();
        quantile(&times, 0.5)
    };
    let Some(empty) = starts(&Sandbox::new) else {
        return;
    };
    sheet.add(START, column, empty);
    let place = Sandbox::new();
    let Some(size) = fill(options, codex, subject.program, &place) else {
        eprintln!("{} keeps no journal", subject.program.display());
        return;
    };
    sheet.add(JOURNAL, column, size);
    if let Some(large) = starts(&|| place.clone()) {
        sheet.add(START_LARGE, column, large);
        sheet.add(LATER, column, large - empty);
    }
}

/// Lets the program end in its own way.
fn end((mut measured, took): (MeasuredProgram, f64)) -> f64 {
    measured.signal(Signal::TERM);
    measured.wait_exit();
    took
}

/// Bytes of the prompts that fill a journal, which no other request repeats.
const KEPT: usize = 32 * 1024;

/// Lets the program fill its state folder with requests until it holds as much as is wanted, and
/// returns how many megabytes that is; `None` if it keeps nothing.
fn fill(options: &Options, codex: &Rc<Codex>, program: &Path, place: &Sandbox) -> Option<f64> {
    const BATCH: u64 = 200;
    let mut measured = MeasuredProgram::start_at(place.clone(), program);
    let megabytes = || folder_size(&place.state_dir()) as f64 / 1024.0 / 1024.0;
    let (mut size, mut number) = (megabytes(), 0);
    while size < options.journal {
        let codex = Rc::clone(codex);
        let make = move |number: u64| {
            let prompt = Words::new(number + 1_000).noise(KEPT);
            codex.request(number, &format!("{} {prompt}", marker(number as usize)), "")
        };
        // They hang up as soon as they are taken.
        drop(hold(
            measured.address(),
            number,
            BATCH,
            options.at_once,
            make,
        ));
        number += BATCH;
        measured.process().settle();
        let before = std::mem::replace(&mut size, megabytes());
        // Far less than was asked: it is not kept, or not any more.
        if size - before < (BATCH as usize * KEPT) as f64 / 1024.0 / 1024.0 / 10.0 {
            break;
        }
    }
    measured.signal(Signal::TERM);
    measured.wait_exit();
    let size = megabytes();
    (size > 1.0).then_some(size)
}
