//! Text for plain terminal output: text from others cannot break lines, or send escape sequences.

/// A text on one line.
pub fn line(text: &str) -> String {
    shown(text, char::is_control)
}

/// A text that may have several lines.
pub fn lines(text: &str) -> String {
    shown(text, |c| c.is_control() && c != '\n')
}

fn shown(text: &str, is_hidden: impl Fn(char) -> bool) -> String {
    let shown = |c| if is_hidden(c) { ' ' } else { c };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_blank() {
        let text = "a\x1b[31m\tb\r\nc\u{9b}1m";
        assert_eq!(line(text), "a [31m b  c 1m");
        assert_eq!(lines(text), "a [31m b \nc 1m");
    }
}
