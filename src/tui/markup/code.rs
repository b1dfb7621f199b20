//! Code in colours, which arrive when they are ready.
//!
//! Grammars are made of hundreds of regular expressions: loading them and reading a long file take
//! longer than a frame may. So one thread does that ([`work`]), the code whose lines were asked for
//! last first, a slice at a time; until it has come to a line, that line is plain. What it found
//! stays with the code, so nothing is read twice.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use syntect::parsing::SyntaxSet;
use tokio::sync::watch;

use super::grammar::{self, Reader};
use super::tone::{LineSpans, Spans};
use crate::tui::text::Text;

/// Longer code is plain: with the slowest grammars this much takes some seconds.
const MOST: usize = 256 * 1024;

/// How long code is worked on before other code has its turn, and what is new is shown.
const SLICE: Duration = Duration::from_millis(30);

/// How long code is worked on at all; what is left then is plain.
const PATIENCE: Duration = Duration::from_secs(5);

/// Some code.
#[derive(Debug)]
pub(super) struct Code {
    text: Text,
    bytes: Range<usize>,
    language: String,
    /// Whether it was handed to the thread.
    asked: AtomicBool,
    spans: Mutex<Spans>,
}

impl Code {
    /// The code in `bytes` of a text, unless it is too long.
    pub fn new(text: &Text, bytes: Range<usize>, language: &str) -> Option<Self> {
        (bytes.len() <= MOST).then(|| Self {
            text: text.clone(),
            bytes,
            language: language.to_owned(),
            asked: AtomicBool::new(false),
            spans: Mutex::default(),
        })
    }

    /// What is known of a line so far. Asking is what starts the work.
    pub fn spans(self: &Arc<Self>, index: usize) -> LineSpans {
        if !self.asked.swap(true, Ordering::Relaxed) {
            submit(Job {
                code: Arc::downgrade(self),
                reader: None,
                at: self.bytes.start,
                spent: Duration::ZERO,
            });
        }
        let start = self.text.start(index);
        lock(&self.spans).within(start..start + self.text.line(index).len())
    }

    fn as_str(&self) -> &str {
        self.text.as_str().get(..self.bytes.end).unwrap_or_default()
    }
}

/// Counts what arrived after it was asked for.
static CHANGES: LazyLock<watch::Sender<u64>> = LazyLock::new(watch::Sender::default);

/// Tells whenever lines that were plain have got their colours, so that they can be drawn again.
pub fn changes() -> watch::Receiver<u64> {
    CHANGES.subscribe()
}

/// How often colours have arrived.
pub fn generation() -> u64 {
    *CHANGES.borrow()
}

#[derive(Default)]
struct Queue {
    /// The last is next.
    jobs: Mutex<VecDeque<Job>>,
    more: Condvar,
}

/// Code that is not yet read to its end. It ends by itself when nobody has the code any more.
struct Job {
    code: Weak<Code>,
    reader: Option<Reader>,
    at: usize,
    spent: Duration,
}

fn submit(job: Job) {
    static QUEUE: OnceLock<Option<Arc<Queue>>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let queue = Arc::new(Queue::default());
        let own = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("colours".into());
        match thread.spawn(move || work(&own)) {
            Ok(_) => Some(queue),
            Err(error) => {
                tracing::warn!("code stays without colours: {error}");
                None
            }
        }
    });
    if let Some(queue) = queue {
        lock(&queue.jobs).push_back(job);
        queue.more.notify_one();
    }
}

fn work(queue: &Queue) {
    let grammars = two_face::syntax::extra_newlines();
    loop {
        let mut jobs = lock(&queue.jobs);
        let job = loop {
            match jobs.pop_back() {
                Some(job) => break job,
                None => {
                    jobs = queue
                        .more
                        .wait(jobs)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        };
        drop(jobs);
        // A grammar may be wrong in ways that panic. Then this code stays as it is, no more.
        if let Ok(Some(job)) = catch_unwind(AssertUnwindSafe(|| job.slice(&grammars))) {
            lock(&queue.jobs).push_front(job);
        }
    }
}

impl Job {
    /// Works for a while; gives itself back if there is more to do.
    fn slice(mut self, grammars: &SyntaxSet) -> Option<Self> {
        let code = self.code.upgrade()?;
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::new(grammar::find(grammars, &code.language)?),
        };
        let text = code.as_str();
        let start = Instant::now();
        let mut spans = Spans::default();
        let mut is_done = false;
        while start.elapsed() < SLICE {
            let Some(line) = text[self.at..].split_inclusive('\n').next() else {
                is_done = true;
                break;
            };
            if !reader.line(line, self.at, grammars, &mut spans) {
                is_done = true;
                break;
            }
            self.at += line.len();
        }
        self.spent += start.elapsed();
        if spans.len() > 0 {
            lock(&code.spans).append(&mut spans);
            CHANGES.send_modify(|count| *count += 1);
        }
        self.reader = Some(reader);
        (!is_done && self.spent < PATIENCE).then_some(self)
    }
}

/// What is behind these locks is whole at any time, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::tone::Tone;
    use super::*;

    fn told(code: &str, language: &str) -> Vec<(String, Tone)> {
        let text = Text::new(code);
        let code = Arc::new(Code::new(&text, 0..code.len(), language).expect("short code"));
        let last = text.len() - 1;
        let deadline = Instant::now() + Duration::from_secs(60);
        while code.spans(last).is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let lines = (0..text.len()).flat_map(|index| {
            let line = text.line(index);
            let told = code.spans(index).into_iter();
            told.map(|(range, tone)| (line[range].to_owned(), tone))
                .collect::<Vec<_>>()
        });
        lines.collect()
    }

    #[test]
    fn colours_arrive() {
        let before = generation();
        let told = told("/* a\nb */ fn f() -> u8 { \"é\" }\n// c", "rust");
        let expected = [
            ("/* a", Tone::Comment),
            ("b */", Tone::Comment),
            ("fn", Tone::Keyword),
            ("f", Tone::Function),
            ("u8", Tone::Type),
            ("\"é\"", Tone::StringLit),
            ("// c", Tone::Comment),
        ];
        let told: Vec<_> = told
            .iter()
            .map(|(text, tone)| (text.as_str(), *tone))
            .collect();
        assert_eq!(told, expected);
        assert!(generation() > before);
    }

    #[test]
    fn common_languages_are_known() {
        let grammars = two_face::syntax::extra_newlines();
        let names = [
            "rust",
            "rs",
            "python",
            "py",
            "js",
            "javascript",
            "jsx",
            "ts",
            "typescript",
            "tsx",
            "go",
            "golang",
            "sh",
            "bash",
            "shell",
            "console",
            "zsh",
            "fish",
            "toml",
            "yaml",
            "yml",
            "html",
            "css",
            "scss",
            "sql",
            "c",
            "cpp",
            "c++",
            "h",
            "java",
            "kotlin",
            "swift",
            "rb",
            "ruby",
            "php",
            "lua",
            "make",
            "makefile",
            "dockerfile",
            "docker",
            "xml",
            "csharp",
            "cs",
            "c#",
            "ini",
            "nix",
            "zig",
            "elixir",
            "haskell",
            "r",
            "proto",
            "graphql",
            "terraform",
            "hcl",
            "markdown",
            "md",
            "jsonc",
            "json5",
            "vue",
            "svelte",
            "cmake",
            "perl",
            "scala",
            "objective-c",
            "diff",
            "viml",
            "vim",
        ];
        let unknown = names
            .into_iter()
            .filter(|name| grammar::find(&grammars, name).is_none());
        assert_eq!(unknown.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn too_long_code_is_plain() {
        let text = Text::new("x".repeat(MOST + 1));
        assert!(Code::new(&text, 0..MOST + 1, "rust").is_none());
    }
}
