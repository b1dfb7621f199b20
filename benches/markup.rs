//! How long the person waits when a text of five megabytes gets its styles, and when it is drawn.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use humanllm::tui::markup::{Markup, Styled};
use humanllm::tui::text::{rows, shown_spans};
use humanllm::tui::theme::Theme;
use humanllm::tui::worker::Worker;

const HEIGHT: usize = 60;
const WIDTH: u16 = 200;

/// What one frame does from `first` on: the styles of each visible line, and each visible row.
fn frame(styled: &Styled, theme: &Theme, worker: &Worker, first: usize) -> usize {
    let text = styled.text();
    let mut left = HEIGHT;
    let mut drawn = 0;
    for index in first..text.len() {
        let line = text.line(index);
        let toned = styled.spans(index, worker).into_iter();
        let spans: Vec<_> = toned
            .map(|(range, tone)| (range, theme.tone(tone)))
            .collect();
        for row in rows(line, WIDTH).take(left) {
            drawn += shown_spans(line, row, WIDTH, &spans).len();
            left -= 1;
        }
        if left == 0 {
            break;
        }
    }
    drawn
}

fn texts() -> Vec<(&'static str, Markup, String)> {
    let size = 5_000_000;
    let fill = |unit: &str| unit.repeat(size / unit.len());
    let answer = "## Heading with `code`\n\nSome **bold** words, a [link](https://example.org), and \
        _more_ of them, as agents write.\n\n- one item\n  - `another`\n1. third\n\n| a | b |\n|---|---|\n\
        | c | d |\n\n```rust\nfn main() {\n    println!(\"{}\", 1 + 2); // words\n}\n```\n\n> quoted\n\n";
    let diff = "diff --git a/x.rs b/x.rs\nindex 123..456 100644\n--- a/x.rs\n+++ b/x.rs\n\
        @@ -1,4 +1,4 @@ fn main() {\n     let a = 1;\n-    let b = 2;\n+    let b = 3;\n     let c = 4;\n";
    let coloured = "\x1b[1m\x1b[32m   Compiling\x1b[0m humanllm v0.1.0\n\x1b[33mwarning\x1b[0m: unused\x1b[K\n";
    vec![
        ("markdown", Markup::Markdown, fill(answer)),
        (
            "markdown one line",
            Markup::Markdown,
            fill("some **bold** and `code` "),
        ),
        (
            "markdown no blank lines",
            Markup::Markdown,
            fill("some **bold** and `code`\n"),
        ),
        ("markdown stars", Markup::Markdown, fill("*a **b ")),
        ("markdown brackets", Markup::Markdown, fill("[")),
        ("markdown fences", Markup::Markdown, fill("```\n")),
        ("markdown newlines", Markup::Markdown, fill("\n")),
        (
            "json one line",
            Markup::Json,
            fill("{\"key\":\"some words\",\"n\":1},"),
        ),
        (
            "json lines",
            Markup::Json,
            fill("{\"key\":\"some words\",\"n\":1},\n"),
        ),
        ("diff", Markup::Patch, fill(diff)),
        ("diff one line", Markup::Patch, format!("+{}", fill("x"))),
        ("output", Markup::Output, fill(coloured)),
        (
            "output plain",
            Markup::Output,
            fill("test some::name ... ok\n"),
        ),
        (
            "output windows",
            Markup::Output,
            fill("test some::name ... ok\r\n"),
        ),
        (
            "output progress",
            Markup::Output,
            fill("\r[=====>      ] 42% of everything"),
        ),
        ("output escapes", Markup::Output, fill("\x1b[31m")),
        ("output open escapes", Markup::Output, fill("\x1b]0;")),
        (
            "shell at its limit",
            Markup::Shell,
            "echo \"$A\" | grep 'x' && ls\n".repeat(9000),
        ),
    ]
}

fn styles(c: &mut Criterion) {
    let theme = Theme::dark();
    let worker = Worker::new().expect("a thread");
    for (name, markup, text) in texts() {
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        group.warm_up_time(std::time::Duration::from_millis(200));
        group.measurement_time(std::time::Duration::from_millis(600));
        let shared: Arc<str> = text.as_str().into();
        group.bench_function("index alone", |b| {
            b.iter(|| Styled::new(shared.clone(), Markup::Plain));
        });
        group.bench_function("new", |b| {
            b.iter(|| Styled::new(shared.clone(), markup.clone()))
        });
        let styled = Styled::new(shared.clone(), markup.clone());
        for (place, first) in [("top", 0), ("middle", styled.text().len() / 2)] {
            group.bench_function(format!("frame at the {place}"), |b| {
                b.iter(|| frame(&styled, &theme, &worker, first));
            });
        }
        group.finish();
    }
}

/// Asks for the colours of code, and waits until the last line but one has them.
fn colour(text: &Arc<str>, language: &'static str, worker: &Worker) {
    let code = Styled::new(Arc::clone(text), Markup::Code(language.into()));
    let last = code.text().len() - 2;
    while code.spans(last, worker).is_empty() {
        std::thread::yield_now();
    }
}

fn code(c: &mut Criterion) {
    let mut group = c.benchmark_group("code in the background");
    let worker = Worker::new().expect("a thread");
    group.sample_size(10);
    let unit = "    /// Adds `x`.\n    pub fn add(&mut self, x: usize) -> Option<String> {\n        \
        self.items.push(format!(\"{x}\")); // words\n        None\n    }\n";
    for kilobytes in [1, 32, 250] {
        let text: Arc<str> = unit.repeat(kilobytes * 1024 / unit.len()).into();
        group.bench_function(format!("{kilobytes} kB of rust"), |b| {
            b.iter(|| colour(&text, "rust", &worker));
        });
    }
    let command = "cd src && grep -rn \"fn main\" . | head -n 20\n";
    for (name, text) in [
        ("a command", command.to_owned()),
        (
            "a script of 32 kB",
            command.repeat(32 * 1024 / command.len()),
        ),
    ] {
        let text: Arc<str> = format!("{text}done\n").into();
        group.bench_function(format!("{name} by the grammar of bash"), |b| {
            b.iter(|| colour(&text, "bash", &worker));
        });
        group.bench_function(format!("{name} as a command line"), |b| {
            b.iter(|| Styled::new(text.clone(), Markup::Shell));
        });
    }
    group.finish();
}

criterion_group!(benches, styles, code);
criterion_main!(benches);
