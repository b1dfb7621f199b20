//! Filters on streamed text: one splits off reasoning in tags, one drops a repeated beginning.

/// Tags that models put around reasoning, if the server does not split it off.
const TAGS: [(&str, &str); 3] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
];

/// Text or reasoning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Text(String),
    Thought(String),
}

/// Splits reasoning in tags from the beginning of a text, wherever the stream is cut.
#[derive(Debug, Default)]
pub(super) struct ThoughtSplitter {
    state: SplitState,
    pending: String,
}

#[derive(Debug, Default)]
enum SplitState {
    /// Only white space, or the beginning of a tag.
    #[default]
    Beginning,
    /// In reasoning, up to this closing tag.
    Thoughts(&'static str),
    /// In text, where tags have no meaning any more.
    Words,
}

impl ThoughtSplitter {
    /// Takes more of the text, and returns what is certain.
    pub(super) fn feed(&mut self, delta: &str) -> Vec<Spoken> {
        self.pending.push_str(delta);
        let mut found = Vec::new();
        loop {
            match self.state {
                SplitState::Words => {
                    found.extend(self.take_pending().map(Spoken::Text));
                    return found;
                }
                SplitState::Beginning => {
                    let space = self.pending.len() - self.pending.trim_start().len();
                    if space > 0 {
                        let rest = self.pending.split_off(space);
                        found.extend(self.take_pending().map(Spoken::Text));
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
                        found.extend(self.take_pending().map(Spoken::Thought));
                        self.pending = behind;
                        self.state = SplitState::Beginning;
                    } else {
                        let kept = beginning_at_end(&self.pending, close);
                        let rest = self.pending.split_off(self.pending.len() - kept);
                        found.extend(self.take_pending().map(Spoken::Thought));
                        self.pending = rest;
                        return found;
                    }
                }
            }
        }
    }

    /// Ends the text and returns what is left of it. The splitter is then ready for the next text.
    pub(super) fn end(&mut self) -> Option<Spoken> {
        let state = std::mem::take(&mut self.state);
        let rest = self.take_pending()?;
        Some(match state {
            SplitState::Thoughts(_) => Spoken::Thought(rest),
            SplitState::Beginning | SplitState::Words => Spoken::Text(rest),
        })
    }

    fn take_pending(&mut self) -> Option<String> {
        (!self.pending.is_empty()).then(|| std::mem::take(&mut self.pending))
    }
}

/// Length of the longest end of `text` that is a beginning of `tag`, in bytes.
fn beginning_at_end(text: &str, tag: &str) -> usize {
    let lengths = (1..tag.len()).rev();
    let mut fitting = lengths.filter(|length| text.ends_with(&tag[..*length]));
    fitting.next().unwrap_or(0)
}

/// Drops a text that a model repeats at the beginning of its answer.
#[derive(Debug)]
pub(super) struct EchoFilter {
    said: String,
    pending: String,
}

impl EchoFilter {
    /// Least characters that count as a repetition: fewer might begin any other text.
    const MIN_LENGTH: usize = 12;

    /// A filter for this text; `None` if it is too short to be recognized.
    pub(super) fn of(said: String) -> Option<Self> {
        let is_space = !said.is_empty() && said.trim().is_empty();
        (is_space || said.chars().count() >= Self::MIN_LENGTH).then(|| Self {
            said,
            pending: String::new(),
        })
    }

    /// Takes more text, and returns it once it is certain that it is no repetition.
    pub(super) fn feed(&mut self, delta: &str) -> Option<String> {
        self.pending.push_str(delta);
        if let Some(behind) = self.pending.strip_prefix(&self.said) {
            return Some(behind.to_owned());
        }
        let is_open = self.said.starts_with(&self.pending);
        (!is_open).then(|| std::mem::take(&mut self.pending))
    }

    /// The text held back at the end.
    pub(super) fn end(self) -> String {
        self.pending
    }
}
