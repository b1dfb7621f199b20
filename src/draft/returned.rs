//! What was said and did not arrive goes back to where it was composed.

use super::{Draft, Part, ReplyKind};

impl Draft {
    /// Takes in what was said and did not arrive, oldest first. The last of it is composed again
    /// as it was where there is room for it; what was before it, or finds no room, becomes a part,
    /// or stands before the text if it is of the same kind. No word is lost.
    pub(crate) fn restore(&mut self, returned: Vec<Self>) {
        // Whatever is in here was typed since.
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

    /// Whether the text goes on where the other's ends.
    fn continues(&self, before: &Self) -> bool {
        let is_text = !matches!(before.kind, ReplyKind::Tool | ReplyKind::Command);
        is_text && self.kind == before.kind && self.parts.is_empty() && before.parts.is_empty()
    }

    fn prepend(&mut self, mut draft: Self) {
        let rest = std::mem::take(&mut self.text);
        let mut text = std::mem::take(&mut draft.text);
        // A message that was typed live comes back in lines that are whole.
        if !text.is_empty() && !rest.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        // What nothing is known of was typed.
        let mut origin = draft.origin.slice(0..text.chars().count());
        origin.extend(&self.origin.slice(0..rest.chars().count()));
        (self.origin, self.cut) = (origin, self.cut | draft.cut);
        text.push_str(&rest);
        self.text = text;
        self.cursor = None;
        self.parts.splice(0..0, draft.into_parts());
    }

    /// Whether it can be sent together with something else: a rejection stands alone.
    fn can_be_parts(&self) -> bool {
        self.kind != ReplyKind::Reject
    }

    /// All that it holds, as parts of a reply.
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
