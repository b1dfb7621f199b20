//! Texts of a conversation: what programs wrote, Markdown, patches.

use humanllm::api::patch as patches;
use humanllm::tui::markup::{Markup, RowPiece, Styled};
use humanllm::tui::search::SearchQuery;
use humanllm::tui::text::{sanitize, shown_spans};
use humanllm::tui::theme::Theme;
use humanllm::tui::worker::Worker;
use ratatui::style::Style;

/// Columns that texts are laid out in.
const WIDTHS: [u16; 3] = [1, 7, 80];

/// A patch of `apply_patch`.
pub fn patch(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let checked = patches::check(&text);
    assert_eq!(checked, patches::check(&text));
    let lines = text.split('\n').count();
    match &checked {
        Ok(summary) => {
            assert!(!summary.changes.is_empty());
            assert!(summary.remarks.iter().all(|remark| remark.line <= lines));
            assert!(!summary.to_string().contains('\n'));
            let command = patches::shell_command(&text);
            assert!(command.starts_with("apply_patch <<'EOF"), "{command:?}");
        }
        Err(error) => {
            assert!((1..=lines).contains(&error.line), "{error}");
            assert!(!error.message.contains('\n'), "{error}");
        }
    }
    if !text.contains('\r') {
        // Only the text in what was found may differ: nothing that is told has a `\r` in it.
        assert_eq!(patches::check(&text.replace('\n', "\r\n")), checked);
    }
}

/// A text of any kind, as it is laid out, coloured and searched.
pub fn markup(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let theme = Theme::dark();
    let worker = Worker::new().expect("a thread");
    let query: String = text.chars().take(3).collect();
    let search = SearchQuery::new(&query);
    assert!(!sanitize(&text).contains(char::is_control));
    for markup in [
        Markup::Plain,
        Markup::Markdown,
        Markup::Json,
        Markup::Patch,
        Markup::Shell,
        Markup::Output,
    ] {
        let keeps = markup != Markup::Output;
        let styled = Styled::new(text.as_ref(), markup.clone());
        let shown = styled.text();
        assert!(!keeps || shown.as_str() == text);
        for index in 0..shown.len() {
            let line = shown.line(index);
            let mut end = 0;
            let spans: Vec<(_, Style)> = styled
                .spans(index, &worker)
                .into_iter()
                .map(|(range, tone)| {
                    assert!(range.start >= end && range.end >= range.start, "{markup:?}");
                    assert!(line.get(range.clone()).is_some(), "{markup:?}: {range:?}");
                    end = range.end;
                    (range, theme.tone(tone))
                })
                .collect();
            for width in WIDTHS {
                let laid_out = styled.rows(index, width);
                assert_eq!(laid_out.len(), styled.row_count(index, width), "{markup:?}");
                for piece in laid_out.into_iter().flatten() {
                    let RowPiece::Text(row, columns) = piece else {
                        continue;
                    };
                    assert!(line.get(row.clone()).is_some(), "{markup:?}: {row:?}");
                    let drawn = shown_spans(line, row, columns, &spans);
                    let controls = |part: &str| part.contains(char::is_control);
                    assert!(!drawn.iter().any(|part| controls(&part.content)));
                }
            }
            for found in search.iter().flat_map(|search| search.matches_in(line)) {
                assert!(line.get(found).is_some());
            }
        }
    }
}
