//! Maps the scopes of syntect's grammars to tones.

use std::sync::LazyLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use super::tone::{Spans, Tone};
use crate::tui::text::PIECE;

/// The grammars. Loading them takes longer than a frame.
static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// All grammars.
pub(super) fn all() -> &'static SyntaxSet {
    &GRAMMARS
}

/// The grammar for the name of a language.
pub(super) fn find<'s>(grammars: &'s SyntaxSet, name: &str) -> Option<&'s SyntaxReference> {
    // Names in use for which no grammar has a name or an extension.
    let token = match name {
        "shell" | "console" | "shellsession" | "shell-session" | "sh-session" | "zsh" => "bash",
        "golang" => "go",
        "jsx" | "mjs" | "cjs" | "node" => "js",
        "mts" | "cts" => "ts",
        "csharp" | "c#" => "cs",
        "jsonc" | "json5" => "js",
        "docker" => "dockerfile",
        "objc" | "objectivec" => "objective-c",
        "python3" => "python",
        "vim" => "viml",
        "terraform" | "hcl" => "tf",
        "elisp" | "emacs-lisp" => "el",
        "make" => "makefile",
        name => name,
    };
    grammars.find_syntax_by_token(token)
}

/// The tones of scopes; the first that fits counts.
static SCOPES: LazyLock<Vec<(Scope, Option<Tone>)>> = LazyLock::new(|| {
    let scopes = [
        ("comment", Some(Tone::Comment)),
        ("constant.numeric", Some(Tone::Number)),
        ("constant.character.escape", Some(Tone::Number)),
        ("constant.language", Some(Tone::Keyword)),
        // Inside a string, what is interpolated is code again.
        ("meta.interpolation", None),
        ("string", Some(Tone::StringLit)),
        ("keyword.operator.word", Some(Tone::Keyword)),
        ("keyword.operator.logical.python", Some(Tone::Keyword)),
        ("keyword.operator", Some(Tone::Operator)),
        ("keyword", Some(Tone::Keyword)),
        ("storage.type.numeric", Some(Tone::Number)),
        ("storage", Some(Tone::Keyword)),
        ("entity.name.function", Some(Tone::Function)),
        ("support.function", Some(Tone::Function)),
        ("variable.function", Some(Tone::Function)),
        ("entity.name.tag", Some(Tone::Keyword)),
        ("entity.other.attribute-name", Some(Tone::Key)),
        ("support.type.property-name", Some(Tone::Key)),
        ("meta.mapping.key", Some(Tone::Key)),
        ("variable.language", Some(Tone::Keyword)),
        ("variable.other.readwrite.shell", Some(Tone::Variable)),
        ("variable.other.php", Some(Tone::Variable)),
        ("entity.name", Some(Tone::Type)),
        ("entity.other.inherited-class", Some(Tone::Type)),
        ("support.type", Some(Tone::Type)),
        ("support.class", Some(Tone::Type)),
        ("markup.heading", Some(Tone::Heading)),
        ("markup.bold", Some(Tone::Strong)),
        ("markup.italic", Some(Tone::Emphasis)),
        ("markup.raw", Some(Tone::Code)),
        ("markup.inserted", Some(Tone::Added)),
        ("markup.deleted", Some(Tone::Removed)),
    ];
    let made = scopes
        .iter()
        .map(|(name, tone)| Some((Scope::new(name).ok()?, *tone)));
    made.flatten().collect()
});

/// Scopes of types that grammars put below `storage`.
static TYPES: LazyLock<Vec<Scope>> = LazyLock::new(|| {
    let names = [
        "storage.type.rust",
        "storage.type.c",
        "storage.type.primitive",
        "storage.type.go",
    ];
    names
        .iter()
        .filter_map(|name| Scope::new(name).ok())
        .collect()
});

/// Reads code line by line.
#[derive(Debug)]
pub(super) struct GrammarReader {
    state: ParseState,
    scopes: ScopeStack,
}

impl GrammarReader {
    pub(super) fn new(grammar: &SyntaxReference) -> Self {
        Self {
            state: ParseState::new(grammar),
            scopes: ScopeStack::new(),
        }
    }

    /// Parses a line with its separator, which starts at byte `start` of the text, and adds its spans.
    /// Returns whether it could; lines of generated code are too long.
    pub(super) fn line(
        &mut self,
        line: &str,
        start: usize,
        grammars: &SyntaxSet,
        spans: &mut Spans,
    ) -> bool {
        if line.len() > PIECE {
            return false;
        }
        let content = line.trim_end_matches(['\r', '\n']);
        // Grammars look for `\n`, at the end of every line.
        let whole = format!("{content}\n");
        let Ok(changes) = self.state.parse_line(&whole, grammars) else {
            return false;
        };
        let mut at = 0;
        for (next, change) in changes {
            let next = next.min(content.len());
            self.push(content, at.min(next)..next, start, spans);
            at = next;
            if self.scopes.apply(&change).is_err() {
                return false;
            }
        }
        self.push(content, at..content.len(), start, spans);
        true
    }

    fn push(&self, line: &str, range: std::ops::Range<usize>, start: usize, spans: &mut Spans) {
        let is_blank = line
            .get(range.clone())
            .is_none_or(|text| text.trim().is_empty());
        // Blanks in a string or a comment do not interrupt it.
        if range.is_empty() || (is_blank && !self.covers_blanks()) {
            return;
        }
        if let Some(tone) = tone(&self.scopes) {
            spans.push(start + range.start..start + range.end, tone);
        }
    }

    fn covers_blanks(&self) -> bool {
        matches!(tone(&self.scopes), Some(Tone::StringLit | Tone::Comment))
    }
}

fn tone(scopes: &ScopeStack) -> Option<Tone> {
    for scope in scopes.as_slice().iter().rev() {
        if TYPES.contains(scope) {
            return Some(Tone::Type);
        }
        if let Some((_, tone)) = SCOPES
            .iter()
            .find(|(prefix, _)| prefix.is_prefix_of(*scope))
        {
            return *tone;
        }
    }
    None
}
