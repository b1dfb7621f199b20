//! The pages of the project and the blocks of code in them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// A block of code.
#[derive(Debug, Clone)]
pub struct Block {
    page: PathBuf,
    line: usize,
    /// The first word behind its fence; empty if there is no fence.
    pub language: String,
    /// Whether it is to be tried, and not only to be read.
    pub is_run: bool,
    /// The programs of others that it needs.
    pub needs: Vec<String>,
    pub text: String,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.page.display(), self.line)
    }
}

/// The README, the project's other papers, and all pages of the book.
pub fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_ours = folder != root || path.ends_with("docs") || path.ends_with("packaging");
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    found
}

/// The blocks of code of a page.
pub fn blocks(page: &Path) -> Vec<Block> {
    // Their blocks have no fences yet.
    if ["export.md", "replay.md", "scripts.md", "study.md"]
        .iter()
        .any(|name| page.ends_with(name))
    {
        return Vec::new();
    }
    let source = fs::read_to_string(page).expect("a page");
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (event, range) in Parser::new(&source).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let words = match &kind {
                    CodeBlockKind::Fenced(words) => words.as_ref(),
                    CodeBlockKind::Indented => "",
                };
                let mut words = words.split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                let words: Vec<&str> = words.collect();
                let needs = words.iter().filter_map(|word| word.strip_prefix("needs:"));
                open = Some(Block {
                    page: page.to_owned(),
                    line: source[..range.start].lines().count() + 1,
                    language,
                    is_run: !words.contains(&"no_run"),
                    needs: needs.map(str::to_owned).collect(),
                    text: String::new(),
                });
            }
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => found.extend(open.take()),
            _ => {}
        }
    }
    found
}

/// The code within the sentences and tables of a page.
pub fn spans(page: &Path) -> Vec<String> {
    let source = fs::read_to_string(page).expect("a page");
    let of_event = |event| match event {
        Event::Code(text) => Some(text.into_string()),
        _ => None,
    };
    // As in the pages: two spaces or a line break within a command mean nothing.
    Parser::new(&source).filter_map(of_event).collect()
}
