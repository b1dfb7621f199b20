//! Puts undelivered replies back into the draft.

use super::{Draft, Part, ReplyKind};

impl Draft {
    /// Puts undelivered replies, the oldest first, back into this draft. The last one goes into the composer
    /// if that is free. The others become parts, or are prepended to the text if they are of the same kind.
    /// No text is lost.
    pub(crate) fn restore(&mut self, returned: Vec<Self>) {
        // The contents of this draft were composed after the replies.
        let mut is_since = true;
        for draft in returned.into_iter().rev().filter(|draft| !draft.is_empty()) {
            if self.has_room_for(&draft) {
                self.compose(draft);
            } else if is_since && self.continues(&draft) || !draft.can_be_parts() {
                self.prepend(draft);
            } else {
                self.parts.splice(0..0, draft.into_parts());
            }
            is_since = false;
        }
    }

    fn has_room_for(&self, draft: &Self) -> bool {
        let is_free = match draft.kind {
            ReplyKind::Tool => {
                self.call.is_none() && draft.text.is_empty() && draft.options.is_empty()
            }
            _ => self.text.is_empty() && self.options.is_empty() && draft.call.is_none(),
        };
        is_free && self.parts.is_empty() && (draft.can_be_parts() || self.is_empty())
    }

    fn compose(&mut self, draft: Self) {
        self.kind = draft.kind;
        self.parts = draft.parts;
        self.live |= draft.live;
        match draft.kind {
            ReplyKind::Tool => self.call = draft.call,
            _ => {
                (self.text, self.cursor, self.options) = (draft.text, None, draft.options);
                (self.origin, self.cut) = (draft.origin, draft.cut);
            }
        }
    }

    /// Whether the text of this draft can be appended to that of another one.
    fn continues(&self, before: &Self) -> bool {
        let is_text = !matches!(before.kind, ReplyKind::Tool | ReplyKind::Command);
        is_text && self.kind == before.kind && self.parts.is_empty() && before.parts.is_empty()
    }

    fn prepend(&mut self, mut draft: Self) {
        let rest = std::mem::take(&mut self.text);
        let mut text = std::mem::take(&mut draft.text);
        // A live message comes back line by line, with the line breaks.
        if !text.is_empty() && !rest.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        // `slice` counts characters with unknown source as typed.
        let mut origin = draft.origin.slice(0..text.chars().count());
        origin.extend(&self.origin.slice(0..rest.chars().count()));
        (self.origin, self.cut) = (origin, self.cut | draft.cut);
        text.push_str(&rest);
        self.text = text;
        self.cursor = None;
        self.parts.splice(0..0, draft.into_parts());
    }

    /// Whether it can be combined with other parts: a rejection cannot.
    fn can_be_parts(&self) -> bool {
        self.kind != ReplyKind::Reject
    }

    /// All contents as parts of a reply.
    pub(crate) fn into_parts(self) -> Vec<Part> {
        let Self {
            kind,
            text,
            options,
            call,
            mut parts,
            origin,
            cut,
            ..
        } = self;
        if !text.is_empty() || !options.is_empty() {
            parts.push(Part {
                kind: match kind {
                    ReplyKind::Tool => ReplyKind::Send,
                    kind => kind,
                },
                text,
                options,
                call: None,
                origin,
                cut,
            });
        }
        if call.is_some() {
            parts.push(Part {
                kind: ReplyKind::Tool,
                call,
                ..Part::default()
            });
        }
        parts
    }
}
