//! Highlights code in the background.
//!
//! Grammars are made of hundreds of regular expressions: loading them and reading a long file take
//! longer than a frame may. So the [`Worker`] does that, a slice at a time; until it has come to a
//! line, that line is plain. What it found stays with the code, so nothing is read twice.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::grammar::{self, GrammarReader};
use super::tone::{LineSpans, Spans};
use crate::tui::text::Text;
use crate::tui::worker::{Task, TaskProgress, Worker, lock};

/// Code of more bytes is plain: with the slowest grammars this much takes some seconds.
const MAX_BYTES: usize = 256 * 1024;

/// How long code is highlighted before other tasks have their turn and the result is shown.
const SLICE: Duration = Duration::from_millis(30);

/// How long code is highlighted altogether; the rest stays plain.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A stretch of code, with the spans found so far.
#[derive(Debug)]
pub(super) struct HighlightedCode {
    text: Text,
    bytes: Range<usize>,
    language: String,
    spans: Mutex<Spans>,
    progress: Mutex<HighlightProgress>,
    /// Whether highlighting has ended.
    is_done: AtomicBool,
}

/// How far the code has been highlighted.
#[derive(Debug)]
struct HighlightProgress {
    reader: Option<GrammarReader>,
    at: usize,
    spent: Duration,
}

impl HighlightedCode {
    /// The code in `bytes` of a text, unless it is too long.
    pub(super) fn new(text: &Text, bytes: Range<usize>, language: &str) -> Option<Self> {
        (bytes.len() <= MAX_BYTES).then(|| Self {
            text: text.clone(),
            language: language.to_owned(),
            spans: Mutex::default(),
            progress: Mutex::new(HighlightProgress {
                reader: None,
                at: bytes.start,
                spent: Duration::ZERO,
            }),
            is_done: AtomicBool::new(false),
            bytes,
        })
    }

    /// The spans of a line found so far. The first call starts the work.
    pub(super) fn spans(self: &Arc<Self>, index: usize, worker: &Worker) -> LineSpans {
        if !self.is_done.load(Ordering::Relaxed) {
            let code: Weak<Self> = Arc::downgrade(self);
            worker.ask(code);
        }
        let start = self.text.start(index);
        lock(&self.spans).within(start..start + self.text.line(index).len())
    }

    fn as_str(&self) -> &str {
        self.text.as_str().get(..self.bytes.end).unwrap_or_default()
    }

    /// Highlights for one [`SLICE`]; returns whether there is more to do.
    fn read(&self, spans: &mut Spans) -> bool {
        let mut progress = lock(&self.progress);
        let progress = &mut *progress;
        let grammars = grammar::all();
        let reader = match &mut progress.reader {
            Some(reader) => reader,
            none => match grammar::find(grammars, &self.language) {
                Some(grammar) => none.insert(GrammarReader::new(grammar)),
                None => return false,
            },
        };
        let text = self.as_str();
        let start = Instant::now();
        while start.elapsed() < SLICE {
            let Some(line) = text[progress.at..].split_inclusive('\n').next() else {
                return false;
            };
            if !reader.line(line, progress.at, grammars, spans) {
                return false;
            }
            progress.at += line.len();
        }
        progress.spent += start.elapsed();
        progress.spent < TIMEOUT
    }

    fn end(&self) {
        self.is_done.store(true, Ordering::Relaxed);
        lock(&self.progress).reader = None;
    }
}

impl Task for HighlightedCode {
    fn work(&self) -> TaskProgress {
        if self.is_done.load(Ordering::Relaxed) {
            return TaskProgress::default();
        }
        let mut spans = Spans::default();
        let goes_on = self.read(&mut spans);
        let shows = spans.len() > 0;
        lock(&self.spans).append(&mut spans);
        if !goes_on {
            self.end();
        }
        TaskProgress {
            shows,
            goes_on,
            bytes: 0,
        }
    }

    /// What was highlighted before the failure stays so.
    fn fail(&self) {
        self.end();
    }

    /// The spans are small and stay.
    fn forget(&self) {}
}

#[cfg(test)]
mod tests {
    use super::super::tone::Tone;
    use super::*;

    fn told(code: &str, language: &str) -> Vec<(String, Tone)> {
        let text = Text::new(code);
        let code =
            Arc::new(HighlightedCode::new(&text, 0..code.len(), language).expect("short code"));
        let last = text.len() - 1;
        let worker = Worker::new().expect("a thread");
        let deadline = Instant::now() + Duration::from_secs(60);
        while code.spans(last, &worker).is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let lines = (0..text.len()).flat_map(|index| {
            let line = text.line(index);
            let told = code.spans(index, &worker).into_iter();
            told.map(|(range, tone)| (line[range].to_owned(), tone))
                .collect::<Vec<_>>()
        });
        lines.collect()
    }

    #[test]
    fn colours_arrive() {
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
    }

    #[test]
    fn common_languages_are_known() {
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
            .filter(|name| grammar::find(grammar::all(), name).is_none());
        assert_eq!(unknown.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn too_long_code_is_plain() {
        let text = Text::new("x".repeat(MAX_BYTES + 1));
        assert!(HighlightedCode::new(&text, 0..MAX_BYTES + 1, "rust").is_none());
    }
}
