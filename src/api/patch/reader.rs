//! A line-by-line state machine that accepts what Codex 0.169.0 was measured to accept.

use std::collections::HashSet;

use super::{
    ADD, BEGIN, DELETE, END, END_OF_FILE, FileAction, FileChange, MOVE, PatchError, Remark,
    Summary, UPDATE,
};

/// Reads a patch line by line, and collects its summary.
#[derive(Debug, Default)]
pub(super) struct PatchReader {
    state: PatchState,
    summary: Summary,
    /// The normalized paths of all files so far.
    targets: HashSet<String>,
}

/// Where in a patch a line stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum PatchState {
    /// Before the first file.
    #[default]
    Start,
    /// In a new file.
    Add,
    /// After the header of a deleted file.
    Delete,
    /// In a changed file, at this place of it.
    Update(Chunk),
    /// After the end.
    Ended,
}

/// Where in a changed file a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// Before the first chunk. `header` is the line that names the file.
    None { header: usize, moved: bool },
    /// After an `@@` that has no lines yet.
    Opened { at: usize, searched: bool },
    /// In the lines of a chunk. `bare` is where its `@@ text` stood, if all its lines so far are added ones.
    Lines { bare: Option<usize> },
    /// After `*** End of File`.
    FileEnded,
}

type LineResult = Result<(), PatchError>;

fn error(line: usize, message: impl Into<String>) -> PatchError {
    PatchError {
        line,
        message: message.into(),
    }
}

/// What a header says: the action and the path.
fn header(line: &str) -> Option<(FileAction, &str)> {
    let named = |marker| line.strip_prefix(marker);
    named(ADD)
        .map(|path| (FileAction::Add, path))
        .or_else(|| Some((FileAction::Delete, named(DELETE)?)))
        .or_else(|| Some((FileAction::Update, named(UPDATE)?)))
}

impl PatchReader {
    /// Takes a line that is not the last one, without its line break.
    pub(super) fn line(&mut self, number: usize, line: &str) -> LineResult {
        match self.state {
            PatchState::Ended => match line.trim() {
                "" | END => Ok(()),
                _ => Err(error(
                    number,
                    format!("nothing may follow `{END}`: remove this line, or that one"),
                )),
            },
            PatchState::Update(chunk) => self.update(number, line, chunk),
            PatchState::Add if line.starts_with('+') => {
                self.count(line);
                Ok(())
            }
            PatchState::Start | PatchState::Add | PatchState::Delete => {
                if line.trim() == END {
                    self.state = PatchState::Ended;
                    return Ok(());
                }
                match header(line.trim()) {
                    Some((action, path)) => self.open(number, action, path),
                    None => Err(error(number, self.no_header(line))),
                }
            }
        }
    }

    /// Takes the end of the patch, which stands on line `number`.
    pub(super) fn finish(mut self, number: usize) -> Result<Summary, PatchError> {
        self.close(number)?;
        if self.summary.changes.is_empty() {
            return Err(error(
                number,
                format!("the patch changes nothing: add a `{}PATH`", ADD),
            ));
        }
        Ok(self.summary)
    }

    fn open(&mut self, number: usize, action: FileAction, path: &str) -> LineResult {
        if !self.targets.insert(plain(path)) {
            return Err(error(
                number,
                format!(
                    "{path} already has a part: a file can be named once, so put both together"
                ),
            ));
        }
        self.state = match action {
            FileAction::Add => PatchState::Add,
            FileAction::Delete => PatchState::Delete,
            FileAction::Update | FileAction::Move { .. } => PatchState::Update(Chunk::None {
                header: number,
                moved: false,
            }),
        };
        self.summary.changes.push(FileChange {
            action,
            path: path.to_owned(),
            added: 0,
            removed: 0,
        });
        Ok(())
    }

    /// A line of a changed file.
    fn update(&mut self, number: usize, line: &str, chunk: Chunk) -> LineResult {
        let trimmed = line.trim_end();
        // Right after an `@@` Codex looks for nothing but lines of the chunk.
        if let Chunk::Opened { .. } = chunk {
            if trimmed == END_OF_FILE {
                return self.close(number);
            }
        } else {
            if trimmed == END {
                self.close(number)?;
                self.state = PatchState::Ended;
                return Ok(());
            }
            if let Some((action, path)) = header(trimmed) {
                self.close(number)?;
                return self.open(number, action, path);
            }
            if trimmed == "@@" || trimmed.starts_with("@@ ") {
                self.remark();
                return self.chunk(number, trimmed);
            }
        }
        match (chunk, trimmed) {
            (
                Chunk::None {
                    moved: false,
                    header,
                },
                _,
            ) if trimmed.starts_with(MOVE) => {
                return self.moves(number, &trimmed[MOVE.len()..], header);
            }
            // Codex passes over it here.
            (Chunk::None { .. }, END_OF_FILE) => return Ok(()),
            (Chunk::Lines { .. }, END_OF_FILE) => {
                self.remark();
                self.state = PatchState::Update(Chunk::FileEnded);
                return Ok(());
            }
            (Chunk::FileEnded, "") => return Ok(()),
            (Chunk::FileEnded, _) => {
                return Err(error(
                    number,
                    format!(
                        "after `{END_OF_FILE}` only a chunk with `@@` or another file can follow"
                    ),
                ));
            }
            _ => {}
        }
        if !matches!(line.as_bytes().first(), None | Some(b' ' | b'+' | b'-')) {
            return Err(error(number, no_line(trimmed, chunk)));
        }
        self.count(line);
        let bare = match chunk {
            _ if !line.starts_with('+') => None,
            Chunk::Opened { at, searched: true } => Some(at),
            Chunk::Lines { bare } => bare,
            _ => None,
        };
        self.state = PatchState::Update(Chunk::Lines { bare });
        Ok(())
    }

    /// An `@@`, perhaps with a text to look for.
    fn chunk(&mut self, number: usize, line: &str) -> LineResult {
        let search = line.get(3..).unwrap_or_default();
        if is_line_numbers(search) {
            return Err(error(
                number,
                "line numbers are no use here: write `@@` alone, or `@@ ` and a line of the file to search from",
            ));
        }
        self.state = PatchState::Update(Chunk::Opened {
            at: number,
            searched: !search.is_empty(),
        });
        Ok(())
    }

    fn moves(&mut self, number: usize, to: &str, header: usize) -> LineResult {
        let Some(change) = self.summary.changes.last_mut() else {
            return Ok(());
        };
        if plain(&change.path) == plain(to) {
            return Err(error(
                number,
                "a file that moves to its own path is deleted by Codex: write another path, or remove this line",
            ));
        }
        change.action = FileAction::Move { to: to.to_owned() };
        self.state = PatchState::Update(Chunk::None {
            header,
            moved: true,
        });
        Ok(())
    }

    /// Whether the file so far can be left as it is; `number` is the line that leaves it.
    fn close(&mut self, number: usize) -> LineResult {
        self.remark();
        match self.state {
            PatchState::Update(Chunk::None { header, moved }) => Err(error(
                header,
                if moved {
                    "a move needs a line too: put an empty line after it to change nothing"
                } else {
                    "no changes follow for this file: add lines that start with ' ', + or -"
                },
            )),
            PatchState::Update(Chunk::Opened { .. }) => Err(error(
                number,
                "a line that starts with ' ', + or - must follow `@@`: add one, or remove the `@@`",
            )),
            _ => Ok(()),
        }
    }

    /// Remarks on a chunk that is complete.
    fn remark(&mut self) {
        if let PatchState::Update(Chunk::Lines { bare: Some(line) }) = self.state {
            self.summary.remarks.push(Remark {
                line,
                message: "added lines alone go to the end of the file, wherever `@@` points: \
                          add a line with ' ' to say where"
                    .into(),
            });
        }
    }

    fn count(&mut self, line: &str) {
        if let Some(change) = self.summary.changes.last_mut() {
            change.added += usize::from(line.starts_with('+'));
            change.removed += usize::from(line.starts_with('-'));
        }
    }

    /// Why `line` is no header, where there has to be one.
    fn no_header(&self, line: &str) -> String {
        let line = line.trim();
        if let Some(hint) = misspelt(line) {
            return hint;
        }
        if line.starts_with("*** Environment ID:") {
            return "Codex takes an environment only where it has offered one: remove this line"
                .into();
        }
        match self.state {
            PatchState::Add if line.is_empty() => {
                "every line of a new file starts with +, empty ones too: write +, or remove the line".into()
            }
            PatchState::Add => "every line of a new file starts with +: put one in front".into(),
            PatchState::Delete => {
                "nothing belongs to a deleted file: remove this line, or begin another file".into()
            }
            _ if line.is_empty() => "an empty line cannot stand here: remove it".into(),
            _ => format!("a file must be named here: `{ADD}`, `{UPDATE}` or `{DELETE}`, and its path"),
        }
    }
}

/// Why `line` is no line of a chunk.
fn no_line(line: &str, chunk: Chunk) -> String {
    let number_of_ats = line.bytes().take_while(|byte| *byte == b'@').count();
    if let Some(hint) = misspelt(line) {
        return hint;
    }
    match chunk {
        Chunk::Opened { .. } if line.starts_with("@@") || header(line).is_some() => {
            "a line that starts with ' ', + or - must follow the `@@` before".into()
        }
        Chunk::Lines { .. } | Chunk::None { moved: true, .. } if line.starts_with(MOVE) => {
            format!("`{MOVE}` must stand once, right after `{UPDATE}`")
        }
        _ if number_of_ats >= 2 => "write a space between `@@` and the line to search for".into(),
        _ if line.starts_with("***") => {
            format!("no such header: `{ADD}`, `{UPDATE}`, `{DELETE}` and `{MOVE}` exist")
        }
        _ => "a line of a changed file starts with + (added), - (removed) or ' ' (kept): put one in front".into(),
    }
}

/// What is wrong with a header that is nearly right.
fn misspelt(line: &str) -> Option<String> {
    let lower = line.to_lowercase();
    let markers = [ADD, UPDATE, DELETE, MOVE, BEGIN, END, END_OF_FILE];
    let marker = markers.into_iter().find(|marker| {
        let bare = marker.trim_end_matches([':', ' ']).to_lowercase();
        lower.starts_with(&bare) && !line.starts_with(marker)
    })?;
    Some(if marker.ends_with(' ') {
        format!("write `{marker}`, spelled like this, and then a path")
    } else {
        format!("write `{marker}`, spelled like this")
    })
}

/// Whether a text after `@@` is the kind that `diff -u` writes, such as `-1,3 +1,4 @@`.
fn is_line_numbers(text: &str) -> bool {
    let mut words = text.split(' ');
    let numbers = |word: Option<&str>, sign: char| {
        word.and_then(|word| word.strip_prefix(sign))
            .is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_ascii_digit())
                    && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b','))
            })
    };
    numbers(words.next(), '-') && numbers(words.next(), '+') && words.next() == Some("@@")
}

/// A path without `.`, `..` and doubled slashes, as far as that can be told without its folder.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}
