//! Finds the working directory of an agent in what it adds to a conversation.

use std::sync::Arc;

use memchr::memmem;

use crate::api::{Item, Request};

/// Phrases before the path, in lower case, as in `Working directory: /srv`, `Primary working
/// directory: …`, `Current Working Directory (/srv) Files`, `I'm currently working in the
/// directory: /srv`.
const PHRASES: [&str; 2] = ["working directory", "working in the directory"];
/// The tags around the path in Codex's environment context.
const TAGS: (&str, &str) = ("<cwd>", "</cwd>");
/// Bytes of a path.
const MAX_LENGTH: usize = 1_024;

impl Request {
    /// The working directory of the agent, as the newest message that names it writes it.
    pub fn directory(&self) -> Option<String> {
        directory_in(&self.items)
    }
}

/// The working directory in the newest of these items that names one.
pub(crate) fn directory_in(items: &[Arc<Item>]) -> Option<String> {
    let tells = |item: &&Arc<Item>| {
        // Items without the phrases need not be parsed.
        let raw = item.raw().as_bytes();
        let words: [&[u8]; 4] = [
            b"cwd>",
            b"orking directory",
            b"orking Directory",
            b"orking in the directory",
        ];
        words.iter().any(|word| memmem::find(raw, word).is_some())
    };
    let is_message = |item: &&Arc<Item>| item.role().is_some_and(|role| role != "assistant");
    let mut told = items.iter().rev().filter(tells).filter(is_message);
    told.find_map(|item| last_named(&item.text()))
}

/// The last working directory that a text names.
fn last_named(text: &str) -> Option<String> {
    let tagged = text.rsplit_once(TAGS.0).and_then(|(_, rest)| {
        let (path, _) = rest.split_once(TAGS.1)?;
        Some(path.trim().to_owned())
    });
    let written = || text.lines().rev().find_map(named_in_line);
    tagged
        .or_else(written)
        .filter(|path| !path.is_empty() && path.len() <= MAX_LENGTH)
}

fn named_in_line(line: &str) -> Option<String> {
    // ASCII lower case keeps byte offsets.
    let small = line.to_ascii_lowercase();
    let mut found = PHRASES
        .iter()
        .filter_map(|words| Some(small.find(words)? + words.len()));
    let rest = line[found.next()?..].trim_start();
    let (path, end) = match rest.strip_prefix('(') {
        Some(inner) => (inner, ')'),
        None => {
            let rest = rest.strip_prefix("is").unwrap_or(rest).trim_start();
            let rest = rest.strip_prefix([':', '=']).unwrap_or(rest);
            (rest.trim_start_matches(['*', ' ']), '\n')
        }
    };
    let (path, end) = match path.chars().next() {
        Some(quote @ ('`' | '"' | '\'')) => (&path[1..], quote),
        _ => (path, end),
    };
    let path = path.split([end, '<']).next()?.trim();
    let path = path.trim_end_matches(['.', ',', ';']);
    is_path(path).then(|| path.to_owned())
}

/// Whether this is a path from a root, on Unix or Windows.
fn is_path(text: &str) -> bool {
    let mut chars = text.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('/' | '~'), ..) => true,
        (Some(drive), Some(':'), Some('\\' | '/')) => drive.is_ascii_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Format;

    fn directory(items: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::empty(Format::Responses);
        let items = items
            .iter()
            .map(|(role, text)| Arc::new(Item::message(role, text)));
        request.items = items.collect();
        request.directory()
    }

    #[test]
    fn what_agents_say_of_their_folder_is_found() {
        let codex = "<environment_context>\n  <cwd>/home/user/hello</cwd>\n  <shell>bash</shell>\n\
            </environment_context>";
        let cases = [
            ("user", codex, Some("/home/user/hello")),
            (
                "system",
                "<env>\nWorking directory: /srv/app\nIs a git repo: Yes",
                Some("/srv/app"),
            ),
            (
                "system",
                " - Primary working directory: /srv/app",
                Some("/srv/app"),
            ),
            (
                "system",
                "Current working directory: `/srv/my app`.",
                Some("/srv/my app"),
            ),
            (
                "user",
                "# Current Working Directory (/srv/app) Files\na.rs",
                Some("/srv/app"),
            ),
            (
                "system",
                "The working directory is C:\\src\\app",
                Some("C:\\src\\app"),
            ),
            (
                "user",
                "I'm currently working in the directory: /srv/app\nIts folders:",
                Some("/srv/app"),
            ),
            ("system", "Keep the working directory clean", None),
            ("assistant", "Working directory: /lies", None),
        ];
        for (role, text, expected) in cases {
            let found = directory(&[("user", "hi"), (role, text)]);
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_agent_that_has_moved_is_where_it_said_last() {
        let at = |path| format!("<environment_context><cwd>{path}</cwd></environment_context>");
        let (first, second) = (at("/a"), at("/b"));
        let found = directory(&[("user", &first), ("assistant", "ok"), ("user", &second)]);
        assert_eq!(found.as_deref(), Some("/b"));
    }
}
