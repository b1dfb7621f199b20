//! Tells thoughts in tags from the words behind them, and words that were there before from new ones.

/// Tags that models put around their thoughts, where the server does not take them apart.
const TAGS: [(&str, &str); 3] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
];

/// Words or thoughts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Text(String),
    Thought(String),
}

/// Takes a text that begins with thoughts in tags apart, however it is cut.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    state: SplitState,
    pending: String,
}

#[derive(Debug, Default)]
enum SplitState {
    /// Nothing but space was said, or the beginning of a tag.
    #[default]
    Beginning,
    /// In thoughts up to this tag.
    Thoughts(&'static str),
    /// In words, where tags are what somebody talks about.
    Words,
}

impl Splitter {
    /// More of the text; gives what is certain.
    pub fn more(&mut self, delta: &str) -> Vec<Spoken> {
        self.pending.push_str(delta);
        let mut found = Vec::new();
        loop {
            match self.state {
                SplitState::Words => {
                    found.extend(self.taken().map(Spoken::Text));
                    return found;
                }
                SplitState::Beginning => {
                    let space = self.pending.len() - self.pending.trim_start().len();
                    if space > 0 {
                        let rest = self.pending.split_off(space);
                        found.extend(self.taken().map(Spoken::Text));
                        self.pending = rest;
                    }
                    let text = self.pending.as_str();
                    let whole = TAGS.iter().find(|(open, _)| text.starts_with(open));
                    if let Some((open, close)) = whole {
                        self.pending = text[open.len()..].to_owned();
                        self.state = SplitState::Thoughts(close);
                    } else if TAGS.iter().any(|(open, _)| open.starts_with(text)) {
                        return found;
                    } else {
                        self.state = SplitState::Words;
                    }
                }
                SplitState::Thoughts(close) => {
                    if let Some(at) = self.pending.find(close) {
                        let behind = self.pending.split_off(at + close.len());
                        self.pending.truncate(at);
                        found.extend(self.taken().map(Spoken::Thought));
                        self.pending = behind;
                        self.state = SplitState::Beginning;
                    } else {
                        let kept = beginning_at_end(&self.pending, close);
                        let rest = self.pending.split_off(self.pending.len() - kept);
                        found.extend(self.taken().map(Spoken::Thought));
                        self.pending = rest;
                        return found;
                    }
                }
            }
        }
    }

    /// What is left at the end of the text. The next one begins anew.
    pub fn end(&mut self) -> Option<Spoken> {
        let state = std::mem::take(&mut self.state);
        let rest = self.taken()?;
        Some(match state {
            SplitState::Thoughts(_) => Spoken::Thought(rest),
            SplitState::Beginning | SplitState::Words => Spoken::Text(rest),
        })
    }

    fn taken(&mut self) -> Option<String> {
        (!self.pending.is_empty()).then(|| std::mem::take(&mut self.pending))
    }
}

/// How many bytes at the end of a text may be the beginning of a tag.
fn beginning_at_end(text: &str, tag: &str) -> usize {
    let lengths = (1..tag.len()).rev();
    let mut fitting = lengths.filter(|length| text.ends_with(&tag[..*length]));
    fitting.next().unwrap_or(0)
}

/// Takes away what a model says once more at the beginning.
#[derive(Debug)]
pub(super) struct EchoFilter {
    said: String,
    pending: String,
}

impl EchoFilter {
    /// The fewest characters that are taken for the same words again. Fewer may be the beginning of
    /// any others.
    const FEWEST: usize = 12;

    /// What may come again; `None` if it could be told from nothing else.
    pub fn of(said: String) -> Option<Self> {
        let is_space = !said.is_empty() && said.trim().is_empty();
        (is_space || said.chars().count() >= Self::FEWEST).then(|| Self {
            said,
            pending: String::new(),
        })
    }

    /// More words; gives them once it is known that they are others.
    pub fn more(&mut self, delta: &str) -> Option<String> {
        self.pending.push_str(delta);
        if let Some(behind) = self.pending.strip_prefix(&self.said) {
            return Some(behind.to_owned());
        }
        let is_open = self.said.starts_with(&self.pending);
        (!is_open).then(|| std::mem::take(&mut self.pending))
    }

    /// What was said up to the end.
    pub fn end(self) -> String {
        self.pending
    }
}
