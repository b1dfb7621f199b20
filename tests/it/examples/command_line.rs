//! Finds the command lines of the program in a text, as a shell would.

use std::iter::Peekable;
use std::str::Chars;

/// The arguments of each `humanllm` in the text, that word included.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().flat_map(simple_commands);
    // What is left out is no command.
    let whole = lines.filter(|words| !words.iter().any(|word| word.contains('…')));
    whole
        .filter_map(|words| {
            let start = words.iter().position(|word| word == "humanllm")?;
            // Behind variables, or as what another program runs.
            let runs = |word: &String| word.contains('=') || RUNNERS.contains(&word.as_str());
            let is_command = start == 0 || words[..start].iter().any(runs);
            is_command.then(|| words[start..].iter().map(|word| filled(word)).collect())
        })
        .collect()
}

/// What stands before a command that it runs.
const RUNNERS: [&str; 4] = ["ssh", "while", "run:", "-"];

/// The words of each simple command of a line.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    // Those whose output is a part of a text.
    let mut nested = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let ends_word = c.is_whitespace() || "|;&<>()`".contains(c);
        if (ends_word || (c == '#' && word.is_none()))
            && let (Some(word), Some(words)) = (word.take(), commands.last_mut())
        {
            words.push(word);
        }
        match c {
            '#' if word.is_none() => break,
            '|' | ';' | '&' | '(' | ')' | '`' => commands.push(Vec::new()),
            // Where it goes is no argument.
            '<' | '>' => commands.push(vec![String::new()]),
            _ if ends_word => {}
            '\'' => word
                .get_or_insert_default()
                .push_str(&quoted(&mut chars, '\'')),
            '"' => {
                let text = quoted(&mut chars, '"');
                let parts = text.split("$(").skip(1);
                let inner = parts.filter_map(|part| part.split(')').next());
                nested.extend(inner.flat_map(simple_commands));
                word.get_or_insert_default().push_str(&text);
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    if let (Some(word), Some(words)) = (word, commands.last_mut()) {
        words.push(word);
    }
    commands.extend(nested);
    commands
}

fn quoted(chars: &mut Peekable<Chars<'_>>, end: char) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next_if(|c| *c != end) {
        text.push(c);
    }
    chars.next();
    text
}

/// A word as somebody would type it: a name in capitals stands for what is meant.
fn filled(word: &str) -> String {
    match word {
        "AGENT" => "codex".to_owned(),
        "SHELL" => "bash".to_owned(),
        _ if word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()) => "7".to_owned(),
        "N" => "7".to_owned(),
        _ if word.contains('$') => "7".to_owned(),
        "ADDR:PORT" => "127.0.0.1:3000".to_owned(),
        word => word.to_owned(),
    }
}
