//! Assembles calls that are streamed in pieces.

use std::collections::HashSet;

use super::super::arguments::{FreeTextScanner, is_object, repaired};
use super::super::tools::Toolbox;
use super::MAX_BUFFERED_BYTES;
use crate::api::{Body, Piece};

/// One streamed piece of a call.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct CallDelta<'a> {
    /// Its index among the calls, if sent.
    pub index: Option<u64>,
    /// The server's id of the call, if sent.
    pub id: Option<&'a str>,
    /// The function, or a part of its name.
    pub name: Option<&'a str>,
    /// More of the arguments.
    pub arguments: &'a str,
}

/// A call that is being streamed.
#[derive(Debug, Default)]
struct OpenCall {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    /// Bytes of the arguments that were already given out for display.
    shown_len: usize,
    /// Whether any piece of it was given out.
    is_shown: bool,
    free_text: FreeTextScanner,
    is_closed: bool,
}

impl OpenCall {
    fn is_whole(&self) -> bool {
        self.is_closed || is_object(&self.arguments)
    }
}

/// The calls that are being streamed. They are given out one after the other, even if their pieces
/// come interleaved.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    open: Vec<OpenCall>,
    /// The highest index of the closed calls, and their ids.
    last_closed_index: Option<u64>,
    closed_ids: HashSet<String>,
    /// Bytes buffered so far.
    buffered_bytes: usize,
}

impl OpenCalls {
    /// Bytes counted for each call besides its text, which limits calls to about a thousand.
    const OVERHEAD: usize = 16 << 10;

    /// Bytes buffered so far.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    /// Whether a call of this index or id is open.
    pub(super) fn has(&self, index: Option<u64>, id: Option<&str>) -> bool {
        self.find(index, id).is_some()
    }

    /// Whether an open call of this index or id has arguments.
    pub(crate) fn has_arguments(&self, index: Option<u64>, id: Option<&str>) -> bool {
        let call = self.find(index, id).and_then(|place| self.open.get(place));
        call.is_some_and(|call| !call.arguments.is_empty())
    }

    /// Appends to a call, or opens one.
    pub(super) fn append(
        &mut self,
        delta: CallDelta<'_>,
        toolbox: &Toolbox,
        pieces: &mut Vec<Piece>,
    ) {
        if self.buffered_bytes > MAX_BUFFERED_BYTES {
            return;
        }
        let id = delta.id.filter(|id| !id.is_empty());
        let name = delta.name.filter(|name| !name.is_empty());
        let known = self.find(delta.index, id);
        let place = match known {
            Some(place) if !self.is_another(place, delta, id, name) => place,
            // Belongs to a closed call.
            _ if name.is_none() && self.is_closed(delta.index, id) => return,
            // Some servers make a new id for each piece.
            _ if name.is_none() && delta.index.is_none() && !self.open.is_empty() => {
                self.open.len() - 1
            }
            _ => {
                self.buffered_bytes += Self::OVERHEAD;
                self.open.push(OpenCall {
                    index: delta.index,
                    ..OpenCall::default()
                });
                self.open.len() - 1
            }
        };
        let Some(call) = self.open.get_mut(place) else {
            return;
        };
        if let Some(id) = id.filter(|_| call.id.is_empty()) {
            self.buffered_bytes += id.len();
            id.clone_into(&mut call.id);
        }
        if let Some(name) = name.filter(|_| call.arguments.is_empty()) {
            self.buffered_bytes += name.len();
            add_name(&mut call.name, name, toolbox);
        }
        // Some servers send the whole arguments once more at the end.
        let is_again = name.is_some() && !call.arguments.is_empty() && is_object(&call.arguments);
        if !is_again {
            self.buffered_bytes += delta.arguments.len();
            call.arguments.push_str(delta.arguments);
        }
        self.advance(toolbox, pieces);
    }

    /// Whether a call of this index or id was closed.
    pub(super) fn is_closed(&self, index: Option<u64>, id: Option<&str>) -> bool {
        match (index, id) {
            (Some(index), _) => self.last_closed_index.is_some_and(|over| index <= over),
            (None, Some(id)) => self.closed_ids.contains(id),
            (None, None) => false,
        }
    }

    /// Finds the open call that a piece belongs to.
    fn find(&self, index: Option<u64>, id: Option<&str>) -> Option<usize> {
        let mut places = (0..self.open.len()).rev();
        let is = |place: &usize, what: &dyn Fn(&OpenCall) -> bool| what(&self.open[*place]);
        match (index, id) {
            (Some(index), _) => places.find(|place| is(place, &|call| call.index == Some(index))),
            (None, Some(id)) => {
                let known = places
                    .clone()
                    .find(|place| is(place, &|call| call.id == id));
                known.or_else(|| {
                    places
                        .next()
                        .filter(|place| is(place, &|call| call.id.is_empty()))
                })
            }
            (None, None) => places.next(),
        }
    }

    /// Whether a piece belongs to another call than the open one of the same index. Some servers
    /// give all calls the same index, or none.
    fn is_another(
        &self,
        place: usize,
        delta: CallDelta<'_>,
        id: Option<&str>,
        name: Option<&str>,
    ) -> bool {
        let call = &self.open[place];
        if call.is_closed {
            return true;
        }
        let has_other_id = id.is_some_and(|id| !call.id.is_empty() && id != call.id);
        if name.is_none() {
            return false;
        }
        let is_again = !has_other_id && delta.arguments.trim() == call.arguments.trim();
        let has_other_name = name.is_some_and(|name| name != call.name);
        let is_whole = is_object(&call.arguments);
        let says_more = has_other_name || !delta.arguments.is_empty();
        match delta.index {
            Some(_) => has_other_id || is_whole && says_more && !is_again,
            None => has_other_id || is_whole,
        }
    }

    /// The server says that a call is complete. If its arguments are not valid, it may have been
    /// cut off, which llama.cpp reports later or not at all.
    pub(super) fn close(
        &mut self,
        index: Option<u64>,
        id: Option<&str>,
        toolbox: &Toolbox,
        pieces: &mut Vec<Piece>,
    ) {
        let place = self.find(index, id);
        if let Some(call) = place.and_then(|place| self.open.get_mut(place)) {
            call.is_closed = is_object(&repaired(&call.arguments));
        }
        self.advance(toolbox, pieces);
    }

    /// All calls end. If the answer was cut off, incomplete calls do not become items.
    pub(super) fn end(&mut self, is_cut_off: bool, toolbox: &Toolbox, pieces: &mut Vec<Piece>) {
        for call in &mut self.open {
            call.is_closed |= !is_cut_off;
        }
        self.advance(toolbox, pieces);
        while !self.open.is_empty() {
            let is_whole = self.open[0].is_whole();
            self.emit_first(is_whole, toolbox, pieces);
            self.advance(toolbox, pieces);
        }
    }

    /// Gives out new pieces of the first call, and goes on to the next once it is complete.
    fn advance(&mut self, toolbox: &Toolbox, pieces: &mut Vec<Piece>) {
        loop {
            let is_followed = self.open.len() > 1;
            let Some(first) = self.open.first_mut() else {
                return;
            };
            first.show(toolbox, pieces);
            if !(first.is_closed || is_followed && first.is_whole()) {
                return;
            }
            self.emit_first(true, toolbox, pieces);
        }
    }

    /// Removes the first call, and gives it out as an item if it is complete.
    fn emit_first(&mut self, is_whole: bool, toolbox: &Toolbox, pieces: &mut Vec<Piece>) {
        let call = self.open.remove(0);
        self.last_closed_index = self.last_closed_index.max(call.index);
        self.closed_ids
            .extend(Some(call.id).filter(|id| !id.is_empty()));
        if is_whole && !(call.name.is_empty() && call.arguments.is_empty()) {
            let item: Body = toolbox.call(&call.name, &call.arguments);
            pieces.push(Piece::Item(item));
        }
    }
}

impl OpenCall {
    fn show(&mut self, toolbox: &Toolbox, pieces: &mut Vec<Piece>) {
        let more = self.arguments.get(self.shown_len..).unwrap_or_default();
        if more.is_empty() && (self.is_shown || !toolbox.knows(&self.name)) {
            return;
        }
        let arguments = if toolbox.is_free_form(&self.name) {
            self.free_text.feed(more)
        } else {
            more.to_owned()
        };
        self.shown_len = self.arguments.len();
        if self.is_shown && arguments.is_empty() {
            return;
        }
        self.is_shown = true;
        pieces.push(Piece::Call {
            title: toolbox.title(&self.name),
            arguments,
        });
    }
}

/// Appends to a name, which some servers send in pieces, and some with every piece of the
/// arguments.
fn add_name(known: &mut String, more: &str, toolbox: &Toolbox) {
    if known == more && toolbox.knows(known) {
        return;
    }
    if more.starts_with(known.as_str()) {
        more.clone_into(known)
    } else {
        known.push_str(more)
    }
}
