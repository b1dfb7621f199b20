use proptest::prelude::*;

use super::*;

/// Patches as they were sent to Codex CLI 0.169.0 in a folder with `a.txt` and `b.txt`, and whether
/// it could read them. Without the first and the last line, which are the same in all.
const MEASURED: [(&str, bool); 64] = [
    (
        "*** Update File: a.txt\n@@\n one\n-two\n+TWO\n three\n",
        true,
    ),
    ("  *** Update File: a.txt\n@@\n one\n-two\n+TWO\n  ", true),
    (
        "*** Update File: a.txt\n@@\n three\n\n-five\n+FIVE\n six\n",
        true,
    ),
    (
        "*** Update File: a.txt\n@@\n-two\n+TWO\n\n*** Add File: n.txt\n+x\n",
        true,
    ),
    ("*** Update File: a.txt\n@@\n-two\n+TWO\n\n", true),
    ("\n*** Update File: a.txt\n@@\n-two\n+TWO\n", false),
    ("*** Update File: a.txt\n@@ three\n \n-five\n+FIVE\n", true),
    ("*** Update File: a.txt\n@@three\n \n-five\n+FIVE\n", false),
    ("*** Update File: a.txt\n@@  \n one\n-two\n+TWO\n", true),
    (
        "*** Update File: a.txt\n@@ one\n@@ three\n \n-five\n",
        false,
    ),
    ("*** Update File: a.txt\n@@\n", false),
    ("*** Update File: a.txt\n@@ one\n", false),
    ("*** Update File: a.txt\n@@\n@@\n-two\n", false),
    ("*** Update File: a.txt\n@@\n\n@@\n-five\n+FIVE\n", true),
    ("*** Update File: a.txt\n@@\n-two\n@@\n-five\n", true),
    ("*** Update File: a.txt\n@@\n-two\n@@\n", false),
    (
        "*** Update File: a.txt\n-two\n+TWO\n@@ three\n-five\n",
        true,
    ),
    ("*** Update File: a.txt\n", false),
    ("*** Update File: a.txt\n\n", true),
    ("*** Update File: a.txt\n  \n", true),
    ("*** Update File: a.txt\n\t\n", false),
    ("*** Update File: a.txt\n@@\n-two\n\t\n", false),
    ("*** Update File: a.txt\n*** Add File: n.txt\n+x\n", false),
    (
        "*** Update File: a.txt\n@@\n*** Add File: n.txt\n+x\n",
        false,
    ),
    ("*** Update File: a.txt\n*** Move to: m.txt\n", false),
    ("*** Update File: a.txt\n*** Move to: m.txt\n\n", true),
    (
        "*** Update File: a.txt\n*** Move to: m.txt\n@@\n-two\n+TWO\n",
        true,
    ),
    (
        "*** Update File: a.txt\n*** Move to: b.txt  \n@@\n-two\n+TWO\n",
        true,
    ),
    (
        "*** Update File: a.txt\n\n*** Move to: m.txt\n@@\n-two\n",
        false,
    ),
    (
        "*** Update File: a.txt\n@@\n-two\n*** Move to: m.txt\n",
        false,
    ),
    (
        "*** Update File: a.txt\n*** Move to: m.txt\n*** Move to: q.txt\n-two\n",
        false,
    ),
    ("*** Update File: a.txt\n*** Move to: \n@@\n-two\n", false),
    ("*** Move to: m.txt\n", false),
    ("*** Add File: n.txt\n+x\n+y\n", true),
    ("*** Add File: n.txt\n", true),
    ("*** Add File: n.txt\nx\n", false),
    ("*** Add File: n.txt\n+x\n\n+y\n", false),
    ("*** Add File: n.txt\n+x\n\n", false),
    ("*** Add File: n.txt\n +x\n", false),
    ("*** Add File: n.txt\n@@\n+x\n", false),
    ("*** Add File: n.txt\n+x\n*** End of File\n", false),
    ("*** Add File: n.txt\n+*** End Patch\n+x\n", true),
    ("*** Add File: n.txt\n+x\n *** Delete File: a.txt\n", true),
    ("*** Add File: \n+x\n", false),
    ("*** Add File:n.txt\n+x\n", false),
    ("*** Add File: n.txt\n+x\n*** Add File: n.txt\n+y\n", false),
    ("*** Delete File: a.txt\n", true),
    ("*** Delete File: a.txt\n-one\n", false),
    ("*** Delete File: a.txt\n\n", false),
    (
        "*** Update File: a.txt\n-two\n*** Update File: ./sub/../a.txt\n-five\n",
        false,
    ),
    (
        "*** Update File: b.txt\n-b\n*** Update File: a.txt\n*** Move to: b.txt\n-two\n",
        true,
    ),
    ("*** Update File: a.txt\n@@\n-six\n*** End of File \n", true),
    (
        "*** Update File: a.txt\n@@\n-six\n*** End of File\n\n@@\n+z\n",
        true,
    ),
    (
        "*** Update File: a.txt\n@@\n-six\n*** End of File\n-five\n",
        false,
    ),
    (
        "*** Update File: a.txt\n@@\n-six\n*** End of File\n*** End of File\n",
        false,
    ),
    ("*** Update File: a.txt\n@@\n*** End of File\n", false),
    ("*** Update File: a.txt\n*** End of File\n", false),
    ("*** Update File: a.txt\n@@\n one\nxtwo\n+TWO\n", false),
    ("*** Rename File: a.txt\n", false),
    ("*** update file: a.txt\n@@\n-two\n", false),
    ("*** Update File: a.txt\n-two\n*** Begin Patch\n", false),
    ("*** Update File: a.txt\n-two\n*** End Patch\n\n", true),
    ("*** Environment ID: x\n*** Delete File: a.txt\n", false),
    ("", false),
];

fn refused(patch: &str) -> (usize, String) {
    match check(patch) {
        Err(error) => (error.line, error.message),
        Ok(summary) => panic!("{patch:?} gives {summary}"),
    }
}

#[test]
fn what_codex_reads_is_what_is_accepted() {
    for (body, accepted) in MEASURED {
        let patch = format!("*** Begin Patch\n{body}*** End Patch");
        assert_eq!(
            check(&patch).is_ok(),
            accepted,
            "{patch}\n{:?}",
            check(&patch)
        );
        let crlf = patch.replace('\n', "\r\n");
        assert_eq!(check(&crlf).is_ok(), accepted, "{crlf:?}");
    }
}

#[test]
fn envelopes_are_taken_off_where_codex_does() {
    let patch = "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch";
    let table = [
        (format!("\n\n  {patch}\n\n"), true),
        (format!("\u{a0}{patch}"), true),
        (format!("\u{feff}{patch}"), false),
        (format!("  <<'EOF'\n{patch}\nEOF\n"), true),
        (format!("<<EOF\n{patch}\nxEOF"), true),
        (format!("<<\"EOF\"\n{patch}\nEOF"), true),
        (format!("<<'EOF' \n{patch}\nEOF"), false),
        (format!("<<'EOF'\n\n{patch}\n\nEOF"), false),
        (format!("<<'EOF'\n{patch}"), false),
        (format!("<<'PATCH'\n{patch}\nPATCH"), false),
        (format!("apply_patch <<'EOF'\n{patch}\nEOF"), false),
        (format!("```\n{patch}\n```"), false),
        (format!("{patch}\n{patch}"), false),
        (format!("{patch}\njunk"), false),
        (format!("{patch}."), false),
        (String::new(), false),
        ("*** Begin Patch".into(), false),
        (
            "*** Begin Patch\n*** Add File: a\n+x*** End Patch".into(),
            false,
        ),
    ];
    for (patch, accepted) in table {
        assert_eq!(check(&patch).is_ok(), accepted, "{patch}");
    }
}

#[test]
fn errors_name_the_line_as_typed_and_what_to_do() {
    let (line, message) = refused("\n\n*** Begin Patch\n*** Add File: a\n+x\ny\n*** End Patch");
    assert_eq!((line, message.contains("starts with +")), (6, true));
    let (line, _) = refused("<<'EOF'\n*** Begin Patch\n*** Rename File: a\n*** End Patch\nEOF");
    assert_eq!(line, 3);
    let (line, message) = refused("*** Begin Patch\n*** add file: a\n+x\n*** End Patch");
    assert_eq!((line, message.contains("`*** Add File: `")), (2, true));
    let (line, message) =
        refused("*** Begin Patch\n*** Update File: a\n@@ -1,3 +1,4 @@ fn\n-x\n*** End Patch");
    assert_eq!((line, message.contains("line numbers")), (3, true));
    let (line, message) =
        refused("*** Begin Patch\n*** Update File: a\n*** Move to: ./a\n-x\n*** End Patch");
    assert_eq!((line, message.contains("deleted")), (3, true));
    let (line, message) = refused("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n");
    assert_eq!((line, message.contains("another kind")), (1, true));
    let (line, message) = refused("*** Begin Patch\n*** Delete File: a\n");
    assert_eq!((line, message.contains("must end")), (2, true));
    let (line, message) = refused("*** Begin Patch\n*** Update File: a\n*** End Patch");
    assert_eq!((line, message.contains("no changes follow")), (2, true));
}

#[test]
fn the_summary_counts_lines_of_each_file() {
    let summary = check(
        "*** Begin Patch\n*** Update File: src/a.rs\n@@ fn a\n x\n-y\n+z\n+z\n@@\n+z\n \
         \n*** Add File: b.txt\n+1\n+2\n*** Delete File: c\n*** Update File: d\n\
         *** Move to: e/f\n\n*** End Patch\n",
    )
    .unwrap();
    assert_eq!(
        summary.to_string(),
        "update src/a.rs +3 -1, add b.txt +2, delete c, move d to e/f"
    );
    assert!(summary.remarks.is_empty());
}

#[test]
fn added_lines_that_go_elsewhere_are_remarked_on() {
    let summary =
        check("*** Begin Patch\n*** Update File: a\n@@ fn a\n+x\n@@\n+y\n*** End Patch").unwrap();
    let lines: Vec<usize> = summary.remarks.iter().map(|remark| remark.line).collect();
    assert_eq!(lines, [3]);
}

#[test]
fn the_template_is_a_patch_once_its_path_is_there() {
    let patch = template().replace(UPDATE, &format!("{UPDATE}a b"));
    assert_eq!(check(&patch).unwrap().to_string(), "update a b +1 -1");
}

#[test]
fn the_shell_sees_the_patch_as_it_is() {
    let patch = "*** Begin Patch\n*** Add File: n\n+EOF\n+$HOME EOF_1\n*** End Patch";
    assert_eq!(
        shell_command(&format!("<<'EOF'\n{patch}\nEOF\n")),
        format!("apply_patch <<'EOF_2'\n{patch}\nEOF_2")
    );
    let patch = "*** Begin Patch\n*** Delete File: n\n*** End Patch";
    assert_eq!(
        shell_command(&format!("{patch}\n")),
        format!("apply_patch <<'EOF'\n{patch}\nEOF")
    );
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*** Begin Patch".to_owned()),
        Just("*** End Patch".to_owned()),
        Just("*** End of File".to_owned()),
        Just("@@".to_owned()),
        Just("<<'EOF'".to_owned()),
        Just("EOF".to_owned()),
        "(\\*\\*\\* (Add|Update|Delete) File: |\\*\\*\\* Move to: |@@ |[-+ ]|)\\PC{0,4}",
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_text_is_judged(lines in prop::collection::vec(line(), 0..12), end in "\r?\n?") {
        let text = lines.join("\n") + &end;
        let count = text.split('\n').count();
        for text in [text.clone(), format!("*** Begin Patch\n{text}\n*** End Patch")] {
            match check(&text) {
                Ok(summary) => prop_assert!(!summary.changes.is_empty()),
                Err(error) => prop_assert!((1..=count + 2).contains(&error.line)),
            }
            let command = shell_command(&text);
            let (open, rest) = command.split_once('\n').unwrap();
            let delimiter = open.trim_start_matches("apply_patch <<'").trim_end_matches('\'');
            prop_assert_eq!(rest.split('\n').filter(|line| *line == delimiter).count(), 1);
        }
    }
}
