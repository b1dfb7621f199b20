//! What was typed in several lines, for a tool that takes several commands.

/// Words of a line that is a part of something longer, or that changes what the lines after it find
/// or whether they run. They count wherever they stand: `mkdir a && cd a`, `test -f a || exit`.
const JOINING: &str = "\
    cd chdir pushd popd set-location push-location pop-location \
    export source . set unset declare typeset local readonly let read mapfile readarray getopts \
    alias unalias umask ulimit shopt eval exec trap builtin \
    activate deactivate nvm module workon \
    exit return break continue wait jobs fg bg disown coproc \
    if then else elif fi for while until do done case esac select function";
/// What stands between words, or around them.
const AROUND_WORDS: &[char] = &[
    ';', '&', '|', '(', ')', '{', '}', '"', '\'', '`', '\\', '<', '>',
];
/// What stands in a line that begins a text of several lines, a function or a sum, or that asks how
/// the line before it went.
const SIGNS: [&str; 6] = ["<<", "()", "((", "$?", "$!", "$_"];
/// With what a line ends that goes on below, or that the lines below run beside.
const ENDINGS: [&str; 7] = ["\\", "|", "&", "{", "(", " do", " then"];

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
    let is_around = |c: char| c.is_whitespace() || AROUND_WORDS.contains(&c);
    let count = |c: char| line.matches(c).count();
    let is_even = |quote: char| count(quote).is_multiple_of(2);
    !line.starts_with([' ', '\t', '#', '}', ')', '|', '&'])
        && !line.split(is_around).any(joins)
        && !SIGNS.iter().any(|sign| line.contains(sign))
        && !ENDINGS.iter().any(|ending| end.ends_with(ending))
        && ['\'', '"', '`'].into_iter().all(is_even)
        && count('(') == count(')')
        && count('{') == count('}')
}

/// Whether the line of a word may belong together with others. What has a `=` may set a variable, but
/// for an option.
fn joins(word: &str) -> bool {
    let sets_variable = word.contains('=') && !word.starts_with('-');
    let mut joining = JOINING.split_ascii_whitespace();
    sets_variable || joining.any(|known| known.eq_ignore_ascii_case(word))
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
                "make -j4 --jobs=4 2>&1\n\necho \"a b\" | wc -l && ls *.rs\n",
                &["make -j4 --jobs=4 2>&1", "echo \"a b\" | wc -l && ls *.rs"],
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
            // What is set, and where it is.
            "FOO=1 make\nls",
            "d=$(pwd -P)\nrm -rf $d/x",
            "A=1 B=2\necho $A",
            "test -d a && d=$(pwd -P)\nrm -rf $d/x",
            "declare -r d=/tmp\nls $d",
            "read -r d < a\nls $d",
            "$d = Get-Location\nRemove-Item $d/x",
            "mkdir a && cd a\ntouch b",
            "mkdir a&&cd a\ntouch b",
            "\\cd a\ntouch b",
            "builtin cd a;\ntouch b",
            "Set-Location a\nRemove-Item b",
            "conda activate a\npython b",
            "f() { ls; }\nf",
            // Whether the next line runs, and what it finds.
            "test -f a || exit 1\nrm -rf b",
            "make\necho $?",
            "sleep 1 &\nkill $!",
            "sleep 1 & sleep 2\nwait",
        ] {
            assert_eq!(commands(text), [text], "{text}");
        }
    }
}
