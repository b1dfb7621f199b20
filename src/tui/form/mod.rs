//! A form to fill in a value that a JSON Schema describes, such as the arguments of a tool.
//!
//! - [`Form`] is the state: it takes keys and gives JSON
//! - `json` is JSON that keeps how numbers were written
//! - `spec` is what to fill in for a schema, one level at a time
//! - `node` is what has been answered, as a tree; `row` lists it; `union` is where it may be of
//!   several kinds
//! - `choice` is what is chosen, and a `Line` what is typed; `keys` moves between
//!   rows, `answer` gives the keys of one row their meaning
//! - `check` says what is wrong, and at which row
//! - `save` serializes the form and reads it back, half typed or wrong as its answers may be; `saved`
//!   is what an answer is serialized as
//! - `view` draws the rows
//!
//! Whatever the schema says, any JSON can be shown, edited and given back: what the schema does not
//! foresee has a row of its own, in which it stands as JSON.

mod answer;
mod check;
mod choice;
mod json;
mod keys;
mod node;
mod row;
mod save;
mod saved;
mod spec;
#[cfg(test)]
mod tests;
mod union;
mod view;

use std::sync::Arc;

use serde_json::Value;

pub use self::check::FieldError;
use self::check::{Checker, RowError};
use self::json::JsonValue;
use self::node::{AnswerState, Node, NodeContent, NodeRole, ROW_BUDGET};
use self::row::{FormRow, RowFilter, RowPath, rows};
use self::spec::{FieldKind, FieldSchema};

/// Changes that can be undone.
const MAX_UNDO: usize = 200;

/// What a key press did in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormOutcome {
    /// The form handled it.
    Consumed,
    /// The person is done: nothing that is required is missing any more.
    Submit,
    /// The key has no meaning here.
    Ignored,
}

/// A text that is not JSON, with the parser's error.
#[derive(Debug, thiserror::Error)]
#[error("not valid JSON ({0})")]
pub struct NotJson(#[from] serde_json::Error);

/// The state of a form.
#[derive(Debug, Clone)]
pub struct Form {
    schema: FieldSchema,
    checker: Checker,
    root: Node,
    focus: RowPath,
    /// The errors to show; `None` before the form was checked for the first time.
    shown_errors: Option<Vec<RowError>>,
    undo: Vec<UndoState>,
    redo: Vec<UndoState>,
    /// Where the last change was typing, so that words are undone and not letters.
    typing: Option<RowPath>,
    /// What submitting the form does, in a word such as `send`.
    verb: &'static str,
}

/// A state of the form that undo or redo goes back to.
#[derive(Debug, Clone)]
struct UndoState {
    root: Node,
    focus: RowPath,
}

impl Form {
    /// An empty form. `schema` may be anything; what is not understood is filled in as JSON.
    pub fn new(schema: &Value) -> Self {
        let checker = Checker::new(schema);
        let schema = FieldSchema::new(Arc::new(schema.clone()));
        let root = Node::empty(&schema, NodeRole::Root, &mut { ROW_BUDGET });
        let mut form = Self {
            schema,
            checker,
            root,
            focus: RowPath::default(),
            shown_errors: None,
            undo: Vec::new(),
            redo: Vec::new(),
            typing: None,
            verb: "send",
        };
        form.focus_first();
        form
    }

    /// The form with another word than `send` for what submitting it does.
    #[must_use]
    pub fn with_verb(mut self, verb: &'static str) -> Self {
        self.verb = verb;
        self
    }

    /// A form that is filled in with a value.
    pub fn with_value(schema: &Value, value: &Value) -> Self {
        let mut form = Self::new(schema);
        form.root = Node::filled(value.into(), &form.schema, NodeRole::Root, &mut {
            ROW_BUDGET
        });
        form.focus_first();
        form
    }

    /// The value. Numbers that a [`Value`] cannot hold are rounded: see [`Form::to_json`].
    ///
    /// There always is one, however much is wrong with it: what cannot be read as a number or as
    /// JSON is a string, and what is missing is left out.
    pub fn value(&self) -> Value {
        self.json().to_value()
    }

    /// The value as JSON in one line, with numbers just as they were typed.
    pub fn to_json(&self) -> String {
        self.json().to_string()
    }

    /// The value as JSON that is pleasant to edit, with numbers just as they were typed.
    pub fn to_pretty_json(&self) -> String {
        let mut out = String::new();
        self.json().write_pretty(&mut out);
        out
    }

    fn json(&self) -> JsonValue {
        self.root.json().unwrap_or(JsonValue::Null)
    }

    /// Fills the form in; undo brings back what was there.
    pub fn set_value(&mut self, value: &Value) {
        self.fill(JsonValue::from(value));
    }

    /// Fills the form in from JSON text, in which nothing is rounded. Blank text is an empty form.
    ///
    /// # Errors
    ///
    /// Text that is no JSON leaves the form as it is.
    pub fn set_json(&mut self, text: &str) -> Result<(), NotJson> {
        if text.trim().is_empty() {
            let root = Node::empty(&self.schema, NodeRole::Root, &mut { ROW_BUDGET });
            self.replace(root);
        } else {
            self.fill(JsonValue::parse(text)?);
        }
        Ok(())
    }

    fn fill(&mut self, json: JsonValue) {
        // Where nothing changes, nothing does: what was opened stays open, what was not answered
        // stays unanswered.
        if self.json() != json {
            let root = Node::filled(json, &self.schema, NodeRole::Root, &mut { ROW_BUDGET });
            self.replace(root);
        }
    }

    fn replace(&mut self, root: Node) {
        self.push_undo(self.undo_state());
        self.root = root;
        self.after_change();
        if self.focused_row().is_none() {
            self.focus_first();
        }
    }

    /// Whether nothing has been filled in.
    pub fn is_empty(&self) -> bool {
        self.root.state == AnswerState::Unset && !self.root.has_answers()
    }

    /// All errors in the order of the rows. None of them keeps the value from being sent.
    pub fn validate(&self) -> Vec<FieldError> {
        let found = self.checker.check(&self.root);
        found.into_iter().map(|found| found.error).collect()
    }

    /// Validates, shows errors from now on, and moves the focus to the first one. Returns whether the
    /// form is valid.
    pub fn check(&mut self) -> bool {
        let found = self.checker.check(&self.root);
        if let Some(first) = found.first() {
            let place = first.place.clone();
            self.focus_on(place);
        }
        let fine = found.is_empty();
        self.shown_errors = Some(found);
        fine
    }

    /// Why the schema itself cannot be used to validate.
    pub fn schema_problem(&self) -> Option<&str> {
        self.checker.problem()
    }

    /// Undoes the last change; returns whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(moment) = self.undo.pop() else {
            return false;
        };
        self.redo.push(self.undo_state());
        self.restore(moment);
        true
    }

    /// Redoes the change that was undone last; returns whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(moment) = self.redo.pop() else {
            return false;
        };
        self.undo.push(self.undo_state());
        self.restore(moment);
        true
    }

    fn undo_state(&self) -> UndoState {
        UndoState {
            root: self.root.clone(),
            focus: self.focus.clone(),
        }
    }

    fn restore(&mut self, moment: UndoState) {
        self.root = moment.root;
        self.focus = moment.focus;
        self.after_change();
    }

    fn push_undo(&mut self, moment: UndoState) {
        if self.undo.len() >= MAX_UNDO {
            self.undo.remove(0);
        }
        self.undo.push(moment);
        self.redo.clear();
    }

    /// Ends a run of typing, and validates again where errors are shown.
    fn after_change(&mut self) {
        self.typing = None;
        if self.shown_errors.is_some() {
            self.shown_errors = Some(self.checker.check(&self.root));
        }
    }

    fn rows(&self) -> Vec<FormRow<'_>> {
        rows(&self.root, RowFilter::Shown)
    }

    /// The index of the row with the focus.
    fn focused_row(&self) -> Option<usize> {
        self.rows().iter().position(|row| row.place == self.focus)
    }

    fn focus_first(&mut self) {
        let rows = self.rows();
        let missing = rows.iter().find(|row| row.node.is_missing());
        let place = missing.or(rows.first()).map(|row| row.place.clone());
        self.focus = place.unwrap_or_default();
    }

    /// Moves the focus to a field of the outermost object, if there is one of that name.
    pub fn focus_field(&mut self, name: &str) {
        let rows = self.rows();
        let mut outermost = rows.iter().filter(|row| row.depth == 0);
        let place = outermost
            .find(|row| row.name == name)
            .map(|row| row.place.clone());
        if let Some(place) = place {
            self.focus_on(place);
        }
    }

    /// Moves the focus, and opens what hides the place.
    fn focus_on(&mut self, place: RowPath) {
        if let Some(choice) = self.node_mut().and_then(Node::choice_mut) {
            choice.leave();
        }
        let mut node = &mut self.root;
        for at in &place.path {
            node.open();
            match node.child_mut(*at) {
                Some(child) => node = child,
                None => return,
            }
        }
        let before = std::mem::replace(&mut self.focus, place);
        if self.focused_row().is_none() {
            self.focus = before;
        }
        self.typing = None;
    }

    fn node(&self) -> Option<&Node> {
        let mut path = self.focus.path.iter();
        path.try_fold(&self.root, |node, at| node.child(*at))
    }

    fn node_mut(&mut self) -> Option<&mut Node> {
        let mut path = self.focus.path.iter();
        path.try_fold(&mut self.root, |node, at| node.child_mut(*at))
    }
}

/// JSON text on one line, without rounding any number; text that is not JSON stays as it is.
pub fn compact(text: &str) -> String {
    JsonValue::parse(text).map_or_else(|_| text.to_owned(), |json| json.to_string())
}

/// JSON text for people to read, with its numbers as they were written; other text as it is.
pub fn pretty(text: &str) -> String {
    JsonValue::pretty(text)
}
