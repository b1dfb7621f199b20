//! Handles key presses and pasted text: moving between rows, adding and removing elements, undo.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::answer::RowChange;
use super::node::Object;
use super::spec::Spec;
use super::*;

impl Form {
    /// Handles a key press.
    pub fn on_key(&mut self, key: KeyEvent) -> FormOutcome {
        if key.kind == KeyEventKind::Release {
            return FormOutcome::Ignored;
        }
        let shift = key.modifiers.contains(KeyModifiers::SHIFT);
        let chord = key.modifiers.difference(KeyModifiers::SHIFT);
        match (key.code, chord) {
            (KeyCode::Enter, KeyModifiers::NONE) if !shift => self.enter(),
            (KeyCode::Enter, KeyModifiers::ALT | KeyModifiers::NONE) => self.newline(),
            (KeyCode::Char('j'), KeyModifiers::CONTROL) => self.newline(),
            (KeyCode::Down, KeyModifiers::NONE) => self.step(true, false),
            (KeyCode::Up, KeyModifiers::NONE) => self.step(false, false),
            (KeyCode::BackTab, _) => self.step(false, true),
            (KeyCode::Tab, KeyModifiers::NONE) => self.step(!shift, true),
            _ => self.edit(key),
        }
    }

    /// Inserts pasted text, in which nothing is taken for a key.
    pub fn paste(&mut self, text: &str) -> FormOutcome {
        // What terminals send for a line break in pasted text is `\r`.
        self.insert(&text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    fn newline(&mut self) -> FormOutcome {
        match self.node().map(|node| (&node.content, &node.spec.kind)) {
            Some((NodeContent::Line(_), FieldKind::Text) | (NodeContent::Raw(_), _)) => {
                self.insert("\n")
            }
            _ => FormOutcome::Consumed,
        }
    }

    fn insert(&mut self, text: &str) -> FormOutcome {
        let before = self.undo_state();
        let added = self.focus.add && self.add();
        let Some(node) = self.node_mut() else {
            return FormOutcome::Ignored;
        };
        let spec = Arc::clone(&node.spec);
        let taken = match (&mut node.content, &spec.kind) {
            (NodeContent::Line(line), FieldKind::Number { .. }) => {
                line.insert(&text.split_whitespace().collect::<String>());
                true
            }
            (NodeContent::Line(line) | NodeContent::Raw(line), _) => {
                line.insert(text);
                true
            }
            (NodeContent::Choice(choice), FieldKind::Choice(options))
            | (NodeContent::Object(Object { choice, .. }), FieldKind::Union(options)) => {
                let typed = text.trim().chars();
                // Type every character, also after one that matched nothing.
                typed.fold(false, |any, c| choice.type_char(c, options) | any)
            }
            _ => false,
        };
        if taken {
            node.update_state();
            node.apply_alternative();
        }
        if taken || added {
            self.edited(before);
        }
        FormOutcome::Consumed
    }

    /// Moves to the next or the previous row; with `wrap` from the last to the first and back.
    fn step(&mut self, forward: bool, wrap: bool) -> FormOutcome {
        let rows = self.rows();
        let (count, at) = (rows.len(), self.focused_row().unwrap_or(0));
        let to = match forward {
            true if at + 1 < count => at + 1,
            false if at > 0 => at - 1,
            _ if wrap && count > 0 => (at + if forward { 1 } else { count - 1 }) % count,
            _ => return FormOutcome::Ignored,
        };
        let place = rows[to].place.clone();
        self.focus_on(place);
        FormOutcome::Consumed
    }

    /// Handles Enter: goes to the next answer that is missing, or submits the form.
    fn enter(&mut self) -> FormOutcome {
        let before = self.undo_state();
        if self.focus.add {
            self.add();
            self.edited(before);
            return FormOutcome::Consumed;
        }
        let Some(node) = self.node_mut() else {
            return self.advance();
        };
        match &node.content {
            _ if node.is_undecided() => {
                node.choose_first();
                self.edited(before);
                return FormOutcome::Consumed;
            }
            NodeContent::Object(object) if !object.open => {
                node.open();
                if node.child(0).is_some() {
                    self.step(true, false);
                }
                return FormOutcome::Consumed;
            }
            // An element that was added and not filled in: the list is complete.
            NodeContent::Line(_) | NodeContent::Raw(_) | NodeContent::Choice(_)
                if node.role == NodeRole::Element && node.state == AnswerState::Unset =>
            {
                self.remove();
                self.edited(before);
            }
            _ => {
                if node.is_missing() && node.accept_default() {
                    self.edited(before);
                }
            }
        }
        self.advance()
    }

    /// What Enter does where the focus is, in a word or two.
    pub fn enter_hint(&self) -> &'static str {
        let Some(node) = self.node().filter(|_| self.focused_row().is_some()) else {
            return self.verb;
        };
        match &node.content {
            _ if self.focus.add => "add element",
            _ if node.is_undecided() => "choose first",
            NodeContent::Object(object) if !object.open => "open",
            _ if self.next_missing().is_some() => "next field",
            _ => self.verb,
        }
    }

    fn advance(&mut self) -> FormOutcome {
        match self.next_missing() {
            Some(place) => {
                self.focus_on(place);
                FormOutcome::Consumed
            }
            None => FormOutcome::Submit,
        }
    }

    /// The next row with a missing answer: after the one with the focus, or else before it.
    fn next_missing(&self) -> Option<RowPath> {
        let places: Vec<(RowPath, bool)> = rows(&self.root, RowFilter::Sent)
            .into_iter()
            .map(|row| {
                let missing = row.node.is_missing();
                (row.place, missing)
            })
            .collect();
        let at = places.iter().position(|(place, _)| *place == self.focus);
        let (before, after) = places.split_at(at.unwrap_or(0));
        let mut others = after.iter().chain(before);
        let next = others.find(|(place, missing)| *missing && *place != self.focus);
        next.map(|(place, _)| place.clone())
    }

    fn edit(&mut self, key: KeyEvent) -> FormOutcome {
        let types = matches!(key.code, KeyCode::Char(_))
            && !key
                .modifiers
                .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        if types && self.typing.as_ref() == Some(&self.focus) {
            // Typing goes on in the same row: the state before it is on the undo stack already.
            if let Some(node) = self.node_mut() {
                node.on_key(key);
            }
            self.after_change();
            self.typing = Some(self.focus.clone());
            return FormOutcome::Consumed;
        }
        let before = self.undo_state();
        if self.focus.add && types && key.code != KeyCode::Char(' ') && self.adds_lines() {
            self.add();
        }
        let on_list = self.focus.add;
        let Some(node) = self.node_mut() else {
            return FormOutcome::Ignored;
        };
        let change = if on_list {
            node.on_list_key(key)
        } else {
            node.on_key(key)
        };
        let edited = match change {
            RowChange::Edited => true,
            RowChange::Remove => {
                self.remove();
                true
            }
            RowChange::Accept => node.accept_default(),
            RowChange::Moved => false,
            RowChange::Ignored => return FormOutcome::Ignored,
        };
        if edited || self.focus != before.focus {
            self.edited(before);
            if types {
                self.typing = Some(self.focus.clone());
            }
        } else {
            self.typing = None;
        }
        FormOutcome::Consumed
    }

    /// Records a change that can be undone.
    fn edited(&mut self, before: UndoState) {
        self.push_undo(before);
        // `null` is no answer any more where there is one below it.
        let mut node = &mut self.root;
        for at in &self.focus.path {
            if node.state == AnswerState::Null {
                node.state = AnswerState::Unset;
            }
            match node.child_mut(*at) {
                Some(child) => node = child,
                None => break,
            }
        }
        self.after_change();
    }

    /// Whether the elements of the list with the focus are typed in one line.
    fn adds_lines(&self) -> bool {
        self.node().is_some_and(|node| {
            let spec = Spec::of(&node.spec.items());
            !matches!(
                spec.kind,
                FieldKind::Object | FieldKind::Union(_) | FieldKind::List
            )
        })
    }

    /// Adds an element to the list with the focus, and moves the focus to it.
    fn add(&mut self) -> bool {
        let Some(node) = self.node_mut() else {
            return false;
        };
        let item = Node::empty(&node.spec.items(), NodeRole::Element, &mut { ROW_BUDGET });
        let NodeContent::List(items) = &mut node.content else {
            return false;
        };
        let at = items.len();
        items.push(item);
        node.state = AnswerState::Set;
        self.focus = self.focus.child(at);
        if let Some(node) = self.node() {
            // An element without a row of its own: focus its first field.
            let inside = rows(node, RowFilter::Shown)
                .first()
                .map(|row| row.place.clone());
            if let (NodeContent::Object(_), Some(inside)) = (&node.content, inside) {
                self.focus.path.extend(inside.path);
                self.focus.add = inside.add;
            } else if matches!(node.content, NodeContent::List(_)) {
                self.focus.add = true;
            }
        }
        true
    }

    /// Removes the answer with the focus, and its row if the schema does not ask for it.
    fn remove(&mut self) {
        let Some(node) = self.node_mut() else {
            return;
        };
        if !matches!(node.role, NodeRole::Element | NodeRole::Extra) {
            node.clear();
            return;
        }
        let at = self.focused_row().unwrap_or(0);
        let mut path = self.focus.path.clone();
        let Some(index) = path.pop() else {
            return;
        };
        let mut steps = path.iter();
        let parent = steps.try_fold(&mut self.root, |node, at| node.child_mut(*at));
        let Some(parent) = parent else {
            return;
        };
        let is_list = match &mut parent.content {
            NodeContent::List(items) => {
                items.remove(index);
                true
            }
            NodeContent::Object(Object {
                fields: Some(fields),
                ..
            }) => {
                fields.remove(index);
                false
            }
            _ => false,
        };
        parent.state = AnswerState::Set;
        self.focus = RowPath { path, add: true };
        if !is_list {
            let rows = self.rows();
            let last = rows.len().saturating_sub(1);
            self.focus = rows
                .get(at.min(last))
                .map(|row| row.place.clone())
                .unwrap_or_default();
        }
    }
}
