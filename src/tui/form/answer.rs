//! Handles a key press in one form row.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::node::{AnswerState, Node, NodeContent, NodeRole, ROW_BUDGET};
use super::spec::FieldKind;
use crate::tui::line::Edit;

/// What a key press did in a row.
pub(super) enum RowChange {
    /// The answer changed.
    Edited,
    /// Only the cursor or the fold moved.
    Moved,
    /// The answer, or the row with it, is to be removed.
    Remove,
    /// The default of the schema is to become the answer.
    Accept,
    Ignored,
}

impl Node {
    /// Handles a key press in the row of this node.
    pub(super) fn on_key(&mut self, key: KeyEvent) -> RowChange {
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let ctrl_d = key.code == KeyCode::Char('d') && key.modifiers == KeyModifiers::CONTROL;
        let forward = matches!(key.code, KeyCode::Right | KeyCode::Char(' '));
        let misfit = self.is_misfit();
        if self.choice_options().is_some() {
            return self.on_choice_key(key, plain, ctrl_d);
        }
        match &mut self.content {
            NodeContent::Line(line) | NodeContent::Raw(line) => {
                if line.is_empty() {
                    let back = plain && key.code == KeyCode::Backspace;
                    let only_answer = matches!(self.role, NodeRole::Element | NodeRole::Extra);
                    if ctrl_d || (plain && key.code == KeyCode::Delete) {
                        return RowChange::Remove;
                    }
                    if back && (self.state != AnswerState::Unset || only_answer || misfit) {
                        return RowChange::Remove;
                    }
                    if accepts_default(key)
                        && self.state == AnswerState::Unset
                        && self.spec.default.is_some()
                    {
                        return RowChange::Accept;
                    }
                } else if ctrl_d && line.is_at_end() {
                    return RowChange::Remove;
                }
                match line.on_key(key) {
                    Edit::Changed => {
                        self.update_state();
                        RowChange::Edited
                    }
                    Edit::Moved => RowChange::Moved,
                    Edit::Unknown => RowChange::Ignored,
                }
            }
            // Its keys were taken above.
            NodeContent::Choice(_) => RowChange::Ignored,
            NodeContent::Object(object) => match key.code {
                _ if ctrl_d => RowChange::Remove,
                KeyCode::Delete if plain => RowChange::Remove,
                _ if plain && forward && !object.open => {
                    self.open();
                    RowChange::Moved
                }
                KeyCode::Left if plain => {
                    object.open = false;
                    RowChange::Moved
                }
                // The only answer that an object without fields can have.
                KeyCode::Char(' ') if plain && self.state != AnswerState::Set => {
                    self.state = AnswerState::Set;
                    RowChange::Edited
                }
                KeyCode::Char(_) | KeyCode::Right if plain => RowChange::Moved,
                _ => RowChange::Ignored,
            },
            NodeContent::List(_) => self.on_list_key(key),
        }
    }

    /// Handles a key press in a row with options.
    fn on_choice_key(&mut self, key: KeyEvent, plain: bool, ctrl_d: bool) -> RowChange {
        let spec = Arc::clone(&self.spec);
        let (FieldKind::Choice(options) | FieldKind::Union(options)) = &spec.kind else {
            return RowChange::Ignored;
        };
        let Some(choice) = self.choice_mut() else {
            return RowChange::Ignored;
        };
        let before = choice.picked();
        match key.code {
            _ if ctrl_d => return RowChange::Remove,
            KeyCode::Delete if plain => return RowChange::Remove,
            KeyCode::Backspace if plain && before.is_none() => return RowChange::Remove,
            _ if before.is_none() && accepts_default(key) && spec.default.is_some() => {
                return RowChange::Accept;
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
            _ => return RowChange::Ignored,
        }
        let changed = before != choice.picked();
        self.update_state();
        if changed {
            self.apply_alternative();
            RowChange::Edited
        } else {
            RowChange::Moved
        }
    }

    /// Handles a key press in the row that adds to this list.
    pub(super) fn on_list_key(&mut self, key: KeyEvent) -> RowChange {
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let NodeContent::List(items) = &self.content else {
            return RowChange::Ignored;
        };
        let delete = key.code == KeyCode::Char('d') && key.modifiers == KeyModifiers::CONTROL;
        match key.code {
            _ if !items.is_empty() && (delete || key.code == KeyCode::Delete) => RowChange::Moved,
            _ if delete => RowChange::Remove,
            KeyCode::Delete | KeyCode::Backspace if plain && items.is_empty() => RowChange::Remove,
            KeyCode::Right if self.state == AnswerState::Unset && self.spec.default.is_some() => {
                RowChange::Accept
            }
            KeyCode::Char(_) | KeyCode::Left | KeyCode::Right | KeyCode::Backspace if plain => {
                RowChange::Moved
            }
            _ => RowChange::Ignored,
        }
    }

    /// Sets the state by whether there is an answer now.
    pub(super) fn update_state(&mut self) {
        let empty = match (&self.content, &self.spec.kind) {
            (NodeContent::Line(_), FieldKind::Text) => false,
            (NodeContent::Line(line) | NodeContent::Raw(line), _) => line.is_blank(),
            (NodeContent::Choice(choice), _) => choice.picked().is_none(),
            (NodeContent::Object(object), FieldKind::Union(_)) => object.choice.picked().is_none(),
            (NodeContent::Object(_) | NodeContent::List(_), _) => false,
        };
        self.state = if empty {
            AnswerState::Unset
        } else {
            AnswerState::Set
        };
    }

    /// Clears the answer; where there was none and `null` is allowed, answers `null`.
    pub(super) fn clear(&mut self) {
        let null = self.state == AnswerState::Unset && self.spec.nullable && !self.is_misfit();
        let had = self.has_answers();
        *self = Self::empty(&self.schema.clone(), self.role, &mut { ROW_BUDGET });
        if null && !had {
            self.state = AnswerState::Null;
        }
    }

    /// Answers with the default of the schema; returns whether it has one.
    pub(super) fn accept_default(&mut self) -> bool {
        let Some(default) = self.spec.default.clone() else {
            return false;
        };
        *self = Self::filled(default, &self.schema.clone(), self.role, &mut {
            ROW_BUDGET
        });
        true
    }
}

/// Whether the key accepts the default that is shown: one that moves to its end.
fn accepts_default(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Right | KeyCode::End => key.modifiers.is_empty(),
        KeyCode::Char('e' | 'f') => key.modifiers == KeyModifiers::CONTROL,
        _ => false,
    }
}
