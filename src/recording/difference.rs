//! A line-based difference of two texts.

/// The number of unchanged lines shown around a change.
const CONTEXT: usize = 2;
/// The number of pairs of lines up to which they are compared; beyond it, all lines count as changed.
const MAX_PAIRS: usize = 4_000_000;
/// The number of characters of a line that are shown.
const MAX_LENGTH: usize = 200;

/// A line of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEdit<'a> {
    Same(&'a str),
    Removed(&'a str),
    Added(&'a str),
}

/// The difference from one text to another in the format of `diff -u`, with up to `most` lines; empty if
/// there is none.
pub(crate) fn difference(from: &str, to: &str, most: usize) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.lines().collect(), to.lines().collect());
    let edits = edits(&from, &to);
    let is_change = |edit: &LineEdit<'_>| !matches!(edit, LineEdit::Same(_));
    if !edits.iter().any(is_change) {
        return String::new();
    }
    let is_near = |at: usize| {
        let near = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(edits.len());
        edits[near].iter().any(is_change)
    };
    let mut lines = Vec::new();
    let mut is_cut = false;
    for (at, edit) in edits.iter().enumerate() {
        if !is_near(at) {
            is_cut = true;
            continue;
        }
        if std::mem::take(&mut is_cut) {
            lines.push("@@".to_owned());
        }
        let (sign, text) = match edit {
            LineEdit::Same(text) => (' ', text),
            LineEdit::Removed(text) => ('-', text),
            LineEdit::Added(text) => ('+', text),
        };
        lines.push(format!("{sign}{}", truncated(text)));
    }
    let rest = lines.len().saturating_sub(most);
    lines.truncate(most);
    if rest > 0 {
        lines.push(format!("… {rest} more lines"));
    }
    lines.join("\n")
}

fn truncated(text: &str) -> String {
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The lines of both texts, with common ones once.
fn edits<'a>(from: &[&'a str], to: &[&'a str]) -> Vec<LineEdit<'a>> {
    let pairs = || from.iter().zip(to);
    let head = pairs().take_while(|(one, other)| one == other).count();
    let (from_rest, to_rest) = (&from[head..], &to[head..]);
    let back = from_rest.iter().rev().zip(to_rest.iter().rev());
    let tail = back.take_while(|(one, other)| one == other).count();
    let (from_rest, end) = from_rest.split_at(from_rest.len() - tail);
    let to_rest = &to_rest[..to_rest.len() - tail];
    let mut edits: Vec<LineEdit<'_>> = from[..head]
        .iter()
        .map(|line| LineEdit::Same(line))
        .collect();
    if from_rest.len() * to_rest.len() <= MAX_PAIRS {
        longest_common_lines(from_rest, to_rest, &mut edits)
    } else {
        edits.extend(from_rest.iter().map(|line| LineEdit::Removed(line)));
        edits.extend(to_rest.iter().map(|line| LineEdit::Added(line)));
    }
    edits.extend(end.iter().map(|line| LineEdit::Same(line)));
    edits
}

/// Appends the edits between two texts by their longest common subsequence of lines.
fn longest_common_lines<'a>(from: &[&'a str], to: &[&'a str], edits: &mut Vec<LineEdit<'a>>) {
    let width = to.len() + 1;
    // The length of the longest common subsequence of the lines from `i` and from `j` on.
    let mut lengths = vec![0_u32; (from.len() + 1) * width];
    for i in (0..from.len()).rev() {
        for j in (0..to.len()).rev() {
            lengths[i * width + j] = if from[i] == to[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < from.len() || j < to.len() {
        if i < from.len() && j < to.len() && from[i] == to[j] {
            edits.push(LineEdit::Same(from[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == to.len()
            || (i < from.len() && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
        {
            edits.push(LineEdit::Removed(from[i]));
            i += 1;
        } else {
            edits.push(LineEdit::Added(to[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_stands_between_a_little_of_what_is_the_same() {
        let from = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        let to = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10";
        assert_eq!(
            difference(from, to, 20),
            " 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+10".replacen(" 3", "@@\n 3", 1)
        );
        assert_eq!(difference(from, from, 20), "");
        assert_eq!(difference("", "a", 20), "+a");
    }

    #[test]
    fn much_is_cut() {
        let long: String = (0..100).map(|n| format!("{n}\n")).collect();
        let shown = difference("", &long, 5);
        assert_eq!(shown.lines().count(), 6);
        assert!(shown.ends_with("… 95 more lines"), "{shown}");
        let wide = difference("", &"x".repeat(1000), 5);
        assert!(wide.len() < 300);
        // Not all pairs of so many lines are looked at.
        let other: String = (0..100_000).map(|n| format!("x{n}\n")).collect();
        let many: String = (0..100_000).map(|n| format!("y{n}\n")).collect();
        assert!(difference(&many, &other, 5).contains("-y0"));
    }
}
