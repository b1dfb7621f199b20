//! What was typed in several lines, for a tool that takes several commands.

/// Words with which a line begins that is a part of something longer, or that changes what the lines
/// after it find.
const BEGINNINGS: [&str; 29] = [
    "cd", "pushd", "popd", "export", "source", ".", "set", "unset", "alias", "umask", "ulimit",
    "shopt", "eval", "exec", "trap", "if", "then", "else", "elif", "fi", "for", "while", "until",
    "do", "done", "case", "esac", "select", "function",
];
/// With what a line ends that goes on below.
const ENDINGS: [&str; 8] = ["\\", "|", "&&", "||", "{", "(", " do", " then"];

/// The commands that a text is: its lines if each of them stands alone, else all of it. Each command
/// may run in a shell of its own, so that a loop, or `cd` and what comes after it, must stay
/// together.
pub(super) fn commands(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    match lines.clone().all(stands_alone) {
        true => lines.map(str::to_owned).collect(),
        false => vec![text.to_owned()],
    }
}

/// Whether a line is a command for itself. What is not known for sure is not.
fn stands_alone(line: &str) -> bool {
    let end = line.trim_end();
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    let sets_variable = words.next().is_none() && first.contains('=');
    let count = |c: char| line.matches(c).count();
    let is_even = |quote: char| count(quote).is_multiple_of(2);
    !line.starts_with([' ', '\t', '#', '}', ')'])
        && !BEGINNINGS.contains(&first.trim_end_matches(';'))
        && !sets_variable
        && !ENDINGS.iter().any(|ending| end.ends_with(ending))
        && !line.contains("<<")
        && ['\'', '"', '`'].into_iter().all(is_even)
        && count('(') == count(')')
        && count('{') == count('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_stand_alone_are_commands_of_their_own() {
        let table: [(&str, &[&str]); 3] = [
            ("ls", &["ls"]),
            ("git status\ncargo test", &["git status", "cargo test"]),
            (
                "FOO=1 make\n\necho \"a b\"\n",
                &["FOO=1 make", "echo \"a b\""],
            ),
        ];
        for (text, expected) in table {
            assert_eq!(commands(text), expected, "{text}");
        }
    }

    #[test]
    fn what_belongs_together_stays_together() {
        for text in [
            "cd src\nls",
            "cat <<EOF > a\nhello\nEOF",
            "for f in *; do\n  echo $f\ndone",
            "ls |\nwc",
            "make \\\n  all",
            "echo 'one\ntwo'",
            "a=1\necho $a",
            "f() {\nls\n}",
            "if true\nthen ls\nfi",
            "ls\n# and then\npwd",
        ] {
            assert_eq!(commands(text), [text], "{text}");
        }
    }
}
