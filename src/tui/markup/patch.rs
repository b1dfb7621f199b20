//! Colours patches: those of `apply_patch`, and unified diffs.

use std::ops::Range;

use super::tone::{LineSpans, Tone};
use crate::tui::text::Text;

/// How many pieces of a long line take the colour of its start: looking for the start must not get
/// slower towards the end of the line.
const MAX_PIECES: usize = 16;

/// The spans of a line, looking at no line outside `lines`.
pub(super) fn spans(text: &Text, index: usize, lines: Range<usize>) -> LineSpans {
    let mut first = index;
    while first > lines.start && text.separator(first - 1).is_empty() {
        first -= 1;
        if index - first > MAX_PIECES {
            return Vec::new();
        }
    }
    let near = |delta: isize| {
        first
            .checked_add_signed(delta)
            .filter(|near| lines.contains(near))
            .map_or("", |near| text.line(near))
    };
    match tone(near) {
        Some(tone) if !text.line(index).is_empty() => vec![(0..text.line(index).len(), tone)],
        _ => Vec::new(),
    }
}

/// The tone of the line `near(0)`. `near` also gives the lines around it, by which a file header differs
/// from a removed line that starts with dashes.
pub(super) fn tone<'t>(near: impl Fn(isize) -> &'t str) -> Option<Tone> {
    let line = near(0);
    let header_above_hunk = |minus: isize| {
        near(minus).starts_with("--- ")
            && near(minus + 1).starts_with("+++ ")
            && (near(minus + 2).starts_with("@@") || near(minus + 2).is_empty())
    };
    match line.as_bytes().first()? {
        b'*' => {
            let words = line.strip_prefix("*** ")?;
            let file = ["Add File:", "Update File:", "Delete File:", "Move to:"];
            let mark = ["Begin Patch", "End Patch", "End of File", "Environment ID:"];
            if file.iter().any(|start| words.starts_with(start)) {
                Some(Tone::FileHeader)
            } else if mark.iter().any(|start| words.starts_with(start)) {
                Some(Tone::Marker)
            } else {
                None
            }
        }
        b'@' => line.starts_with("@@").then_some(Tone::Hunk),
        b'+' if header_above_hunk(-1) => Some(Tone::FileHeader),
        b'+' => Some(Tone::Added),
        b'-' if header_above_hunk(0) => Some(Tone::FileHeader),
        b'-' => Some(Tone::Removed),
        b'\\' => Some(Tone::Marker),
        b'd' if line.starts_with("diff ") => Some(Tone::FileHeader),
        _ => {
            let marks = [
                "index ",
                "old mode ",
                "new mode ",
                "new file mode ",
                "deleted file mode ",
                "similarity index ",
                "dissimilarity index ",
                "rename from ",
                "rename to ",
                "copy from ",
                "copy to ",
                "Binary files ",
                "GIT binary patch",
            ];
            let is_mark = marks.iter().any(|start| line.starts_with(start));
            is_mark.then_some(Tone::Marker)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::text::PIECE;

    fn tones(text: &str) -> Vec<Option<Tone>> {
        let text = Text::new(text);
        let lines = 0..text.len();
        lines
            .clone()
            .map(|index| {
                spans(&text, index, lines.clone())
                    .first()
                    .map(|(_, tone)| *tone)
            })
            .collect()
    }

    #[test]
    fn patches_for_apply_patch() {
        let patch = "*** Begin Patch\n*** Update File: a\n*** Move to: b\n@@ fn x\n-- a\n+b\n c\n\
            *** End of File\n*** End Patch";
        assert_eq!(
            tones(patch),
            [
                Some(Tone::Marker),
                Some(Tone::FileHeader),
                Some(Tone::FileHeader),
                Some(Tone::Hunk),
                Some(Tone::Removed),
                Some(Tone::Added),
                None,
                Some(Tone::Marker),
                Some(Tone::Marker),
            ]
        );
    }

    #[test]
    fn unified_diffs() {
        let diff = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ y\n\
            --- gone\n+++ here\n z\n\\ No newline at end of file";
        assert_eq!(
            tones(diff),
            [
                Some(Tone::FileHeader),
                Some(Tone::Marker),
                Some(Tone::FileHeader),
                Some(Tone::FileHeader),
                Some(Tone::Hunk),
                Some(Tone::Removed),
                Some(Tone::Added),
                None,
                Some(Tone::Marker),
            ]
        );
    }

    #[test]
    fn the_rest_of_a_long_line_is_like_its_start() {
        let long = format!("+{}\n x", "y ".repeat(PIECE));
        assert_eq!(
            tones(&long),
            [
                Some(Tone::Added),
                Some(Tone::Added),
                Some(Tone::Added),
                None
            ]
        );
        assert_eq!(
            tones(&format!("+{}", "y ".repeat(40 * PIECE))).last(),
            Some(&None)
        );
    }
}
