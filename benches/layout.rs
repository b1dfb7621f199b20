//! How long the person waits when a text of five megabytes opens, scrolls and resizes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use humanllm::tui::text::scroll::{ScrollSource, Viewport};
use humanllm::tui::text::{Text, one_line, row_count, rows, shown};

const HEIGHT: u16 = 60;
const WIDTH: u16 = 200;

struct One(Text);

impl ScrollSource for One {
    fn blocks(&self) -> usize {
        1
    }

    fn lines(&self, _: usize) -> usize {
        self.0.len()
    }

    fn rows(&self, _: usize, line: usize, width: u16) -> usize {
        row_count(self.0.line(line), width)
    }
}

/// What one frame does: lays out and sanitises each visible row.
fn frame(source: &One, view: &Viewport, width: u16) -> usize {
    let mut drawn = 0;
    let mut rest = None;
    for position in view.visible(source, width, HEIGHT) {
        let line = source.0.line(position.line);
        let mut of_line = match rest.take() {
            Some(rows) if position.row > 0 => rows,
            _ => {
                let mut rows = rows(line, width);
                rows.by_ref().take(position.row).for_each(drop);
                rows
            }
        };
        if let Some(range) = of_line.next() {
            drawn += shown(&line[range], width).len();
        }
        rest = Some(of_line);
    }
    drawn
}

fn texts() -> Vec<(&'static str, String)> {
    let size = 5_000_000;
    let fill = |unit: &str| unit.repeat(size / unit.len());
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(size)
    .collect();
    vec![
        ("one line", fill("x")),
        ("words", fill("the quick brown fox jumps over ")),
        ("200k lines", fill("let x = some(call); // ..\n")),
        ("newlines", fill("\n")),
        ("japanese", fill("吾輩は猫である。名前はまだ無い。")),
        ("noise", String::from_utf8_lossy(&noise).into_owned()),
        ("marks", fill("\u{301}")),
        ("emoji", fill("👩‍❤️‍💋‍👨")),
    ]
}

fn layout(c: &mut Criterion) {
    for (name, text) in texts() {
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        group.warm_up_time(std::time::Duration::from_millis(200));
        group.measurement_time(std::time::Duration::from_millis(600));
        let shared: std::sync::Arc<str> = text.as_str().into();
        group.bench_function("index", |b| b.iter(|| Text::new(shared.clone())));
        let source = One(Text::new(shared.clone()));
        group.bench_function("to_bottom", |b| {
            b.iter(|| {
                let mut view = Viewport::default();
                view.to_bottom(&source, WIDTH, HEIGHT);
                view
            });
        });
        let mut middle = Viewport::default();
        middle.show(
            humanllm::tui::text::scroll::RowPosition::new(0, source.0.len() / 2),
            &source,
            WIDTH,
            HEIGHT,
        );
        group.bench_function("page", |b| {
            b.iter(|| {
                let mut view = middle;
                view.scroll(&source, WIDTH, HEIGHT, i64::from(HEIGHT));
                view.scroll(&source, WIDTH, HEIGHT, -i64::from(HEIGHT));
                view
            });
        });
        group.bench_function("resize", |b| {
            b.iter(|| {
                let mut view = middle;
                view.resize(&source, WIDTH, 80, HEIGHT);
                view
            });
        });
        group.bench_function("frame", |b| b.iter(|| frame(&source, &middle, WIDTH)));
        group.bench_function("preview", |b| b.iter(|| one_line(black_box(&text), WIDTH)));
        group.finish();
    }
}

criterion_group!(benches, layout);
criterion_main!(benches);
