//! What keys do to the answer in one row.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::node::{BUDGET, Content, Node, Role, State};
use super::spec::Kind;
use crate::tui::line::Edit;

/// What a key did to a row.
pub(super) enum Change {
    /// The answer is another one.
    Edited,
    /// It is still the same.
    Moved,
    /// The answer, or the row with it, is to go.
    Remove,
    /// The answer is to be what the schema proposes.
    Accept,
    Ignored,
}

impl Node {
    /// Takes a key for the row of this node.
    pub(super) fn on_key(&mut self, key: KeyEvent) -> Change {
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let ctrl_d = key.code == KeyCode::Char('d') && key.modifiers == KeyModifiers::CONTROL;
        let forward = matches!(key.code, KeyCode::Right | KeyCode::Char(' '));
        let misfit = self.is_misfit();
        if self.choosing().is_some() {
            return self.on_choice_key(key, plain, ctrl_d);
        }
        match &mut self.content {
            Content::Line(line) | Content::Raw(line) => {
                if line.is_empty() {
                    let back = plain && key.code == KeyCode::Backspace;
                    let only_answer = matches!(self.role, Role::Element | Role::Extra);
                    if ctrl_d || (plain && key.code == KeyCode::Delete) {
                        return Change::Remove;
                    }
                    if back && (self.state != State::Unset || only_answer || misfit) {
                        return Change::Remove;
                    }
                    if accepts(key) && self.state == State::Unset && self.spec.default.is_some() {
                        return Change::Accept;
                    }
                } else if ctrl_d && line.is_at_end() {
                    return Change::Remove;
                }
                match line.on_key(key) {
                    Edit::Changed => {
                        self.settle();
                        Change::Edited
                    }
                    Edit::Moved => Change::Moved,
                    Edit::Unknown => Change::Ignored,
                }
            }
            // Its keys were taken above.
            Content::Choice(_) => Change::Ignored,
            Content::Object(object) => match key.code {
                _ if ctrl_d => Change::Remove,
                KeyCode::Delete if plain => Change::Remove,
                _ if plain && forward && !object.open => {
                    self.open();
                    Change::Moved
                }
                KeyCode::Left if plain => {
                    object.open = false;
                    Change::Moved
                }
                // The only answer that an object without fields can have.
                KeyCode::Char(' ') if plain && self.state != State::Set => {
                    self.state = State::Set;
                    Change::Edited
                }
                KeyCode::Char(_) | KeyCode::Right if plain => Change::Moved,
                _ => Change::Ignored,
            },
            Content::List(_) => self.on_list_key(key),
        }
    }

    /// Takes a key for a row in which something is chosen.
    fn on_choice_key(&mut self, key: KeyEvent, plain: bool, ctrl_d: bool) -> Change {
        let spec = Arc::clone(&self.spec);
        let (Kind::Choice(options) | Kind::Union(options)) = &spec.kind else {
            return Change::Ignored;
        };
        let Some(choice) = self.choice_mut() else {
            return Change::Ignored;
        };
        let before = choice.picked();
        match key.code {
            _ if ctrl_d => return Change::Remove,
            KeyCode::Delete if plain => return Change::Remove,
            KeyCode::Backspace if plain && before.is_none() => return Change::Remove,
            _ if before.is_none() && accepts(key) && spec.default.is_some() => {
                return Change::Accept;
            }
            KeyCode::Backspace if plain => choice.erase(options),
            // A space may also be part of a name.
            KeyCode::Char(' ') if choice.typed().is_empty() => choice.step(true, options),
            KeyCode::Char(c) if plain => {
                if !choice.type_char(c, options) && c == ' ' {
                    choice.step(true, options);
                }
            }
            KeyCode::Right if plain => choice.step(true, options),
            KeyCode::Left if plain => choice.step(false, options),
            _ => return Change::Ignored,
        }
        let changed = before != choice.picked();
        self.settle();
        match changed {
            true => {
                self.refit();
                Change::Edited
            }
            false => Change::Moved,
        }
    }

    /// Takes a key for the row that adds to this list.
    pub(super) fn on_list_key(&mut self, key: KeyEvent) -> Change {
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let Content::List(items) = &self.content else {
            return Change::Ignored;
        };
        let delete = key.code == KeyCode::Char('d') && key.modifiers == KeyModifiers::CONTROL;
        match key.code {
            _ if !items.is_empty() && (delete || key.code == KeyCode::Delete) => Change::Moved,
            _ if delete => Change::Remove,
            KeyCode::Delete | KeyCode::Backspace if plain && items.is_empty() => Change::Remove,
            KeyCode::Right if self.state == State::Unset && self.spec.default.is_some() => {
                Change::Accept
            }
            KeyCode::Char(_) | KeyCode::Left | KeyCode::Right | KeyCode::Backspace if plain => {
                Change::Moved
            }
            _ => Change::Ignored,
        }
    }

    /// Makes the state follow what was typed.
    pub(super) fn settle(&mut self) {
        let empty = match (&self.content, &self.spec.kind) {
            (Content::Line(_), Kind::Text) => false,
            (Content::Line(line) | Content::Raw(line), _) => line.is_blank(),
            (Content::Choice(choice), _) => choice.picked().is_none(),
            (Content::Object(object), Kind::Union(_)) => object.choice.picked().is_none(),
            (Content::Object(_) | Content::List(_), _) => false,
        };
        self.state = match empty {
            true => State::Unset,
            false => State::Set,
        };
    }

    /// Takes the answer back; where there is none and there may be `null`, answers that.
    pub(super) fn clear(&mut self) {
        let null = self.state == State::Unset && self.spec.nullable && !self.is_misfit();
        let had = self.has_answers();
        *self = Self::empty(&self.schema.clone(), self.role, &mut { BUDGET });
        if null && !had {
            self.state = State::Null;
        }
    }

    /// Answers what the schema proposes, if it does.
    pub(super) fn accept(&mut self) -> bool {
        let Some(default) = self.spec.default.clone() else {
            return false;
        };
        *self = Self::filled(default, &self.schema.clone(), self.role, &mut { BUDGET });
        true
    }
}

/// Whether the key goes to the end of a proposal, which accepts it.
fn accepts(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Right | KeyCode::End => key.modifiers.is_empty(),
        KeyCode::Char('e' | 'f') => key.modifiers == KeyModifiers::CONTROL,
        _ => false,
    }
}
