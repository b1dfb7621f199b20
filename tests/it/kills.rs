//! The program is killed at any moment, and nothing is lost: the real binary in a pseudo-terminal
//! gets SIGKILL while a person types, sends, types live, answers in the background, while requests
//! arrive and while the journal is busy. It is started again, and must have all that it owes.
//!
//! `HUMANLLM_TEST_KILLS` is how often it is killed (100 if not said; 1,000 and more by hand), and
//! `HUMANLLM_TEST_SEED` repeats what was done, as far as the clock allows; a failure shows its seed.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::support::{Client, EventStream, Key, Operator, Sandbox, Signal, poll};
use humanllm::journal::JournalReader;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

/// How long words may be on the screen before they are on disk.
const SAVED_WITHIN: Duration = Duration::from_millis(150);

/// What is going on when the program is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The person types.
    Typing,
    /// The person has just pressed Enter.
    Enter,
    /// The person types a message of which each line leaves at once.
    Live,
    /// Several requests arrive.
    Arrival,
    /// The person presses Enter while so many requests arrive that the journal is busy.
    Burst,
}

const MOMENTS: [Moment; 5] = [
    Moment::Typing,
    Moment::Enter,
    Moment::Live,
    Moment::Arrival,
    Moment::Burst,
];

#[test]
fn a_kill_at_any_moment_loses_no_word() {
    let kills = number("HUMANLLM_TEST_KILLS").unwrap_or(100);
    let seed = number("HUMANLLM_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("HUMANLLM_TEST_SEED={seed}");
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        // Much of the time each of them waits.
        for _ in 0..cores * 3 / 2 {
            scope.spawn(|| {
                let mut operator = start(Sandbox::new());
                loop {
                    let kill = next.fetch_add(1, Ordering::Relaxed) as u64;
                    if kill >= kills {
                        return;
                    }
                    let mut chance = Chance::new(seed, kill);
                    let moment = MOMENTS[kill as usize % MOMENTS.len()];
                    let in_background = chance.one_in(3);
                    println!("kill {kill}: {moment:?}, in the background: {in_background}");
                    let scene = Scene {
                        tag: format!("k{kill}x"),
                        moment,
                        chance,
                    };
                    operator = match (moment, in_background) {
                        (Moment::Arrival, _) => scene.arrival(operator),
                        (_, false) => scene.streamed(operator),
                        (_, true) => scene.in_background(operator),
                    };
                }
            });
        }
    });
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// Chance that can be repeated.
struct Chance(TestRng);

impl Chance {
    fn new(seed: u64, kill: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&kill.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    fn of(&mut self, range: Range<u64>) -> u64 {
        range.start + self.0.next_u64() % (range.end - range.start)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.of(0..many) == 0
    }

    /// A moment within the next so many milliseconds.
    fn within(&mut self, most: u64) -> Duration {
        Duration::from_micros(self.of(0..most * 1000))
    }
}

/// A small terminal: what is drawn costs most of a start.
fn start(place: Sandbox) -> Operator {
    Operator::at(place).size(60, 20).start()
}

/// What a person typed, in words that are found wherever they are.
#[derive(Default)]
struct Typed {
    /// The words in order, and when each was seen on the screen first.
    words: Vec<(String, Option<Instant>)>,
}

impl Typed {
    /// Notes what is on the screen now.
    fn look(&mut self, operator: &Operator) {
        let screen = operator.screen();
        let now = Instant::now();
        for (word, seen) in &mut self.words {
            if seen.is_none() && screen.contains(&*word) {
                *seen = Some(now);
            }
        }
    }

    /// The words that had been on the screen for long enough at a moment.
    fn safe_at(&self, end: Instant) -> Vec<String> {
        let is_safe = |seen: &Option<Instant>| seen.is_some_and(|seen| seen + SAVED_WITHIN <= end);
        let safe = self.words.iter().filter(|(_, seen)| is_safe(seen));
        safe.map(|(word, _)| word.clone()).collect()
    }

    fn all(&self) -> Vec<String> {
        self.words.iter().map(|(word, _)| word.clone()).collect()
    }
}

/// A client that hears what it can until the program ends.
struct Listener(JoinHandle<String>);

impl Listener {
    fn new(client: Client, body: Value) -> Self {
        Self(spawn(move || {
            let mut heard = Vec::new();
            if let Some(answer) = client.try_post(PATH, &body) {
                // What came before the connection broke is there all the same.
                let _ = answer.into_body().into_reader().read_to_end(&mut heard);
            }
            String::from_utf8_lossy(&heard).into_owned()
        }))
    }

    fn heard(self) -> String {
        self.0.join().expect("a client")
    }
}

/// Whether a stream came to its good end.
fn is_complete(heard: &str) -> bool {
    let end = heard.split_once("event: response.completed\n");
    end.is_some_and(|(_, rest)| rest.contains("\n\n"))
}

/// The texts of a response.
fn texts(response: &Value) -> Vec<String> {
    let items = response["output"].as_array().expect("output").iter();
    let texts = items.filter_map(|item| item["content"][0]["text"].as_str());
    texts.map(str::to_owned).collect()
}

/// All words of the person that the program has, and those that are drafts, by conversation.
fn kept(place: &Sandbox) -> (String, BTreeMap<i64, String>) {
    let reader = JournalReader::open(&place.state_dir()).expect("a journal");
    let drafts = reader.drafts().expect("readable").into_iter();
    let drafts: BTreeMap<i64, String> = drafts
        .map(|id| (id, reader.draft(id).expect("readable").expect("there").body))
        .collect();
    let mut all: Vec<String> = drafts.values().cloned().collect();
    all.extend(
        reader
            .recalls()
            .expect("readable")
            .into_iter()
            .map(|kept| kept.text),
    );
    for conversation in reader.recent(10_000, None).expect("readable") {
        for said in reader.said(conversation.id).expect("readable") {
            all.extend([said.words, said.typed]);
        }
    }
    (all.join("\n"), drafts)
}

/// What the composer holds, as far as it is on the screen.
fn composer(screen: &str) -> &str {
    screen.rsplit_once("\n> ").map_or("", |(_, text)| text)
}

/// All that Enter sends, as far as it is on the screen: the composer, and the parts before it.
fn to_be_sent(screen: &str) -> &str {
    match screen.rsplit_once("\n 1. ") {
        Some((_, parts)) => parts,
        None => composer(screen),
    }
}

/// One kill and what leads to it.
struct Scene {
    /// Stands in everything that is said, so that it is found.
    tag: String,
    moment: Moment,
    chance: Chance,
}

impl Scene {
    fn prompt(&self) -> String {
        format!("ask-{}", self.tag)
    }

    fn body(&self, input: Value) -> Value {
        json!({"model": "m", "stream": true, "prompt_cache_key": self.tag, "input": input})
    }

    /// The next word.
    fn word(&self, typed: &mut Typed) -> String {
        let word = format!("{}w{}", self.tag, typed.words.len());
        typed.words.push((word.clone(), None));
        word
    }

    /// Types until a moment, word by word or line by line.
    fn type_until(&mut self, end: Instant, operator: &mut Operator, typed: &mut Typed, live: bool) {
        let mut due = Instant::now();
        while Instant::now() < end {
            if Instant::now() >= due {
                let word = self.word(typed);
                operator.type_text(&format!("{word} "));
                if live && self.chance.one_in(2) {
                    operator.key(Key::AltEnter);
                }
                due += self.chance.within(40);
            }
            typed.look(operator);
            sleep(Duration::from_millis(2));
        }
    }

    /// Types some words and waits until they are on the screen.
    fn type_some(&mut self, operator: &mut Operator, typed: &mut Typed) {
        for _ in 0..self.chance.of(1..6) {
            let word = self.word(typed);
            operator.type_text(&format!("{word} "));
            operator.wait_for(&word);
            typed.look(operator);
        }
    }

    /// Does what there is to do at this moment, and kills the program in the middle of it. Returns
    /// the words that must not be lost.
    fn act(&mut self, operator: &mut Operator) -> Vec<String> {
        let mut typed = Typed::default();
        match self.moment {
            Moment::Typing => {
                let end = Instant::now() + self.chance.within(250);
                self.type_until(end, operator, &mut typed, false);
            }
            Moment::Live => {
                operator.key(Key::Alt('l'));
                operator.wait_for("live]");
                let end = Instant::now() + self.chance.within(250);
                self.type_until(end, operator, &mut typed, true);
                if self.chance.one_in(3) {
                    operator.key(Key::Enter);
                    sleep(self.chance.within(20));
                }
            }
            Moment::Enter | Moment::Arrival | Moment::Burst => {
                if self.chance.one_in(4) {
                    // A note on the way.
                    operator.choose("Progress");
                    self.type_some(operator, &mut typed);
                    operator.key(Key::Enter);
                    operator.wait_for("commentary");
                    operator.choose("Send");
                }
                self.type_some(operator, &mut typed);
                let burst = match self.moment {
                    Moment::Burst => self.chance.of(2..16),
                    _ => 0,
                };
                for number in 0..burst {
                    let mut body = self.body(json!("burst ".repeat(5_000)));
                    body["prompt_cache_key"] = format!("{}-{number}", self.tag).into();
                    Listener::new(operator.client(), body);
                }
                sleep(self.chance.within(60));
                operator.key(Key::Enter);
                // Most of what happens then happens at once.
                let most = [3, 15, 60][self.chance.of(0..3) as usize];
                sleep(self.chance.within(most));
            }
        }
        typed.look(operator);
        let killed = Instant::now();
        operator.signal(Signal::KILL);
        let mut safe = typed.safe_at(killed);
        // What the screen says of a reply is true, however short it stood there.
        operator.wait_exit();
        let screen = operator.screen();
        // Of a note on the way nothing follows for the words after it.
        let is_sent = |line: &str| {
            line.contains("final answer · sent") || line.contains("final answer · delivered")
        };
        if !matches!(self.moment, Moment::Live) && screen.lines().any(is_sent) {
            safe = typed.all();
        }
        safe
    }

    /// That each of these words is with the client or with the program.
    fn check(&self, words: &[String], heard: &str, place: &Sandbox, screen: &str) {
        let (kept, _) = kept(place);
        for word in words {
            assert!(
                heard.contains(word) || kept.contains(word),
                "{word} is lost; the client heard:\n{heard}\nkept:\n{kept}\nscreen:\n{screen}"
            );
        }
    }

    /// Waits until what is to be sent is in the composer again, adds a word, and sends it.
    fn send_again(&self, operator: &mut Operator, words: &[String]) {
        if !words.is_empty() {
            // Of a long draft only some lines are on the screen.
            let word = format!("{}w", self.tag);
            operator.wait_until(&format!("{words:?} to be sent"), |screen| {
                to_be_sent(screen).contains(&word)
            });
        }
        // One word, which no line of the composer breaks.
        let end = format!("end{}", self.tag);
        operator.type_text(&format!(" {end}"));
        operator.wait_until("what was typed", |screen| composer(screen).contains(&end));
        if operator.kind() == Some("Progress") {
            // A note came back as a note.
            operator.choose("Send");
        }
        operator.key(Key::Enter);
    }

    /// What of these words is to be sent still: all that is drafted, or comes back as a draft.
    fn unsent(&self, words: &[String], heard: &str) -> Vec<String> {
        let notes: Vec<&str> = heard
            .lines()
            .filter(|line| line.contains("output_item.done"))
            .collect();
        let is_note = |word: &&String| !notes.iter().any(|line| line.contains(word.as_str()));
        words.iter().filter(is_note).cloned().collect()
    }

    /// A client that streams asks, the program is killed, and the client comes back.
    fn streamed(mut self, mut operator: Operator) -> Operator {
        let prompt = self.prompt();
        let listener = Listener::new(operator.client(), self.body(json!(prompt)));
        operator.wait_request(&prompt);
        let words = self.act(&mut operator);
        let screen = operator.screen();
        let heard = listener.heard();
        self.check(&words, &heard, operator.sandbox(), &screen);
        let is_complete = is_complete(&heard);
        let mut operator = operator.restart();

        let mut stream: EventStream;
        if is_complete {
            let (_, drafts) = kept(operator.sandbox());
            let draft = drafts.values().find(|draft| draft.contains(&self.tag));
            assert!(draft.is_none(), "{draft:?} was received");
            let answer = heard
                .lines()
                .rfind(|line| line.contains("response.completed"));
            let answer = heard
                .split_once("event: response.completed\ndata: ")
                .map(|(_, rest)| rest.lines().next().unwrap_or_default())
                .or(answer)
                .expect("an end");
            let answer: Value = serde_json::from_str(answer).expect("JSON");
            let mut input = vec![json!({"role": "user", "content": prompt})];
            input.extend(
                answer["response"]["output"]
                    .as_array()
                    .expect("output")
                    .clone(),
            );
            let next = format!("next-{}", self.tag);
            input.push(json!({"role": "user", "content": next}));
            stream = operator
                .client()
                .post_sse(PATH, &[], &self.body(json!(input)));
            operator.wait_request(&next);
            self.send_again(&mut operator, &[]);
        } else {
            stream = operator
                .client()
                .post_sse(PATH, &[], &self.body(json!(prompt)));
            operator.wait_request(&prompt);
            self.send_again(&mut operator, &self.unsent(&words, &heard));
        }
        let done = stream.until("response.completed");
        let said = texts(&done["response"]).join("\n");
        match is_complete {
            true => assert_eq!(said.trim(), format!("end{}", self.tag), "{heard}"),
            false => {
                for word in self.unsent(&words, &heard) {
                    assert!(said.contains(&word), "{word} is not in {said:?}");
                }
            }
        }
        operator.wait_for("delivered");
        operator
    }

    /// A client asks in the background, the program is killed, and the client asks how it is.
    fn in_background(mut self, mut operator: Operator) -> Operator {
        let prompt = self.prompt();
        let response = ask_in_background(&operator.client(), &self.tag, &prompt);
        let id = response.expect("an answer")["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let path = format!("{PATH}/{id}");
        operator.wait_request(&prompt);
        let polled = spawn({
            let (client, path, id) = (operator.client(), path.clone(), id.clone());
            move || {
                let polls = std::iter::from_fn(|| {
                    sleep(Duration::from_millis(3));
                    // Another program may listen there soon.
                    client.try_get(&path).filter(|found| found["id"] == *id)
                });
                polls.last().unwrap_or_default()
            }
        });
        let words = self.act(&mut operator);
        let screen = operator.screen();
        let last = polled.join().expect("a client");
        self.check(&words, &last.to_string(), operator.sandbox(), &screen);
        let mut operator = operator.restart();

        let now = operator.client().get(&path, &[]).1;
        if last["status"] == "completed" {
            assert_eq!(now, last, "what was said is said");
        }
        if now["status"] == "completed" {
            let said = texts(&now).join("\n");
            for word in &words {
                assert!(said.contains(word), "{word} is not in {said:?}");
            }
            let (_, drafts) = kept(operator.sandbox());
            let draft = drafts.values().find(|draft| draft.contains(&self.tag));
            assert!(draft.is_none(), "{draft:?} is said");
            return operator;
        }
        operator.wait_request(&prompt);
        let notes = now.to_string();
        let unsent: Vec<String> = words
            .iter()
            .filter(|word| !notes.contains(*word))
            .cloned()
            .collect();
        self.send_again(&mut operator, &unsent);
        let done = wait_completed(&operator, &path);
        let said = texts(&done).join("\n");
        for word in &words {
            assert!(said.contains(word), "{word} is not in {said:?}");
        }
        operator.wait_for("delivered");
        operator
    }

    /// Several clients ask at once, some in the background, and the program is killed.
    fn arrival(mut self, mut operator: Operator) -> Operator {
        let prompt = self.prompt();
        let listener = Listener::new(operator.client(), self.body(json!(prompt)));
        operator.wait_request(&prompt);
        let mut typed = Typed::default();
        self.type_some(&mut operator, &mut typed);
        let mut asking = Vec::new();
        for number in 0..self.chance.of(2..7) {
            let (client, thread) = (operator.client(), format!("{}-{number}", self.tag));
            if self.chance.one_in(2) {
                let mut body = self.body(json!(thread));
                body["prompt_cache_key"] = thread.into();
                Listener::new(client, body);
            } else {
                asking.push(spawn(move || ask_in_background(&client, &thread, &thread)));
            }
            sleep(self.chance.within(5));
        }
        sleep(self.chance.within(25));
        let killed = Instant::now();
        operator.signal(Signal::KILL);
        operator.wait_exit();
        let heard = listener.heard();
        self.check(
            &typed.safe_at(killed),
            &heard,
            operator.sandbox(),
            &operator.screen(),
        );
        let asked = asking
            .into_iter()
            .map(|asking| asking.join().expect("a client"));
        let asked: Vec<Value> = asked.flatten().collect();

        let mut operator = operator.restart();
        for response in &asked {
            let path = format!("{PATH}/{}", response["id"].as_str().expect("an id"));
            let response = |operator: &Operator| operator.client().get(&path, &[]).1;
            let is_completed = |operator: &Operator| response(operator)["status"] == "completed";
            let waits = |operator: &Operator| {
                let screen = operator.screen();
                screen.contains("waiting") && composer(&screen).starts_with("The final answer")
            };
            loop {
                if !waits(&operator) {
                    operator.key(Key::Alt('n'));
                }
                // Of those that have waited before the kill, another may come first.
                let is_done = poll(
                    "a request, or the end of the response",
                    || {
                        (is_completed(&operator) || waits(&operator))
                            .then(|| is_completed(&operator))
                    },
                    || format!("{}\n{}", response(&operator), operator.screen()),
                );
                if is_done {
                    break;
                }
                operator.type_text("done");
                operator.wait_for("> done");
                operator.key(Key::Enter);
                operator.wait_gone("> done");
            }
        }
        // Those that nobody knows of would wait for ever here.
        start(Sandbox::new())
    }
}

/// Asks in the background; the response, if the client got one.
fn ask_in_background(client: &Client, thread: &str, prompt: &str) -> Option<Value> {
    let body =
        json!({"model": "m", "background": true, "prompt_cache_key": thread, "input": prompt});
    let answer = client.try_post(PATH, &body)?;
    assert_eq!(answer.status(), 200);
    serde_json::from_reader(answer.into_body().into_reader()).ok()
}

/// Waits until a background response has ended well, and returns it.
fn wait_completed(operator: &Operator, path: &str) -> Value {
    let get = || operator.client().get(path, &[]).1;
    poll(
        "the end of the response",
        || Some(get()).filter(|response| response["status"] == "completed"),
        || format!("{}\n{}", get(), operator.screen()),
    )
}
