//! Serializes a form and reads it back, as far as the schema still fits.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::choice::FixedChoice;
use super::node::{AnswerState, Node, NodeContent, NodeRole, Object, fields_of};
use super::row::RowPath;
use super::saved::{SavedAnswer, SavedChoice, SavedContent, SavedField, SavedLine, SavedState};
use super::spec::{FieldKind, FieldSchema, Spec};
use super::{Form, ROW_BUDGET};
use crate::tui::line::LineEditor;

/// A serialized form.
#[derive(Serialize, Deserialize)]
struct SavedForm {
    root: SavedAnswer,
    /// The row with the focus.
    #[serde(default)]
    focus: SavedFocus,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct SavedFocus {
    path: Vec<usize>,
    add: bool,
}

impl Form {
    /// The answers as JSON that [`Self::from_saved`] reads.
    pub fn save(&self) -> Value {
        let saved = SavedForm {
            root: SavedAnswer::of(&self.root),
            focus: SavedFocus {
                path: self.focus.path.clone(),
                add: self.focus.add,
            },
        };
        // Texts, numbers and names only: they can all be written.
        serde_json::to_value(saved).unwrap_or(Value::Null)
    }

    /// A form with saved answers to the same schema. What [`Self::save`] did not write is taken for
    /// the value of the form.
    pub fn from_saved(schema: &Value, answers: &Value) -> Self {
        let Ok(saved) = SavedForm::deserialize(answers) else {
            return Self::with_value(schema, answers);
        };
        let mut form = Self::new(schema);
        form.root = saved
            .root
            .into_node(&form.schema, NodeRole::Root, &mut { ROW_BUDGET });
        let SavedFocus { path, add } = saved.focus;
        form.focus = RowPath { path, add };
        if form.focused_row().is_none() {
            form.focus_first();
        }
        form
    }
}

impl SavedAnswer {
    /// The answer of a node.
    pub(super) fn of(node: &Node) -> Self {
        let typed = |line: &LineEditor| SavedLine {
            text: line.text().to_owned(),
            at: Some(line.at()),
        };
        let content = match &node.content {
            NodeContent::Line(line) => SavedContent::Line(typed(line)),
            NodeContent::Raw(line) => SavedContent::Raw(typed(line)),
            NodeContent::Choice(choice) => SavedContent::Choice(SavedChoice::of(choice, node)),
            NodeContent::Object(object) => SavedContent::Object {
                open: object.open,
                fields: object.fields.as_ref().map(|fields| {
                    let saved = fields.iter().map(|field| SavedField {
                        name: field.name.clone(),
                        answer: Self::of(&field.node),
                    });
                    saved.collect()
                }),
                chosen: node
                    .is_decided()
                    .then(|| SavedChoice::of(&object.choice, node)),
                aside: object.aside.clone(),
            },
            NodeContent::List(items) => SavedContent::List(items.iter().map(Self::of).collect()),
        };
        Self {
            state: match node.state {
                AnswerState::Unset => SavedState::Unset,
                AnswerState::Null => SavedState::Null,
                AnswerState::Set => SavedState::Set,
            },
            content: Some(content),
        }
    }

    /// The node with this answer, as far as the schema still fits.
    pub(super) fn into_node(
        self,
        schema: &FieldSchema,
        role: NodeRole,
        budget: &mut usize,
    ) -> Node {
        let Some(content) = self.content else {
            return Node::empty(schema, role, budget);
        };
        let spec = Spec::of(schema);
        *budget = budget.saturating_sub(spec.cost());
        let state = match self.state {
            SavedState::Unset => AnswerState::Unset,
            SavedState::Null => AnswerState::Null,
            SavedState::Set => AnswerState::Set,
        };
        let line = |SavedLine { text, at }: SavedLine| match at {
            Some(at) => LineEditor::with_cursor(text, at),
            None => LineEditor::new(text),
        };
        let content = match (content, &spec.kind) {
            (SavedContent::Line(typed), FieldKind::Text | FieldKind::Number { .. }) => {
                NodeContent::Line(line(typed))
            }
            (SavedContent::Line(typed) | SavedContent::Raw(typed), _) => {
                NodeContent::Raw(line(typed))
            }
            (SavedContent::Choice(saved), FieldKind::Choice(options)) => {
                NodeContent::Choice(saved.among(options))
            }
            (SavedContent::Choice(saved), _) => {
                NodeContent::Raw(LineEditor::new(saved.into_parts().0.unwrap_or_default()))
            }
            (
                SavedContent::Object {
                    open,
                    fields,
                    chosen,
                    aside,
                },
                kind,
            ) => {
                let choice = match (chosen, kind) {
                    (Some(chosen), FieldKind::Union(labels)) => chosen.among(labels),
                    _ => FixedChoice::default(),
                };
                let spec = spec.chosen(&choice);
                NodeContent::Object(Object {
                    open,
                    fields: fields.map(|saved| {
                        let answers = saved.into_iter().map(|field| (field.name, field.answer));
                        fields_of(&spec, answers, budget, SavedAnswer::into_node)
                    }),
                    choice,
                    aside,
                })
            }
            (SavedContent::List(items), _) => {
                let item = spec.items();
                let each = |answer: Self| answer.into_node(&item, NodeRole::Element, budget);
                NodeContent::List(items.into_iter().map(each).collect())
            }
        };
        Node {
            schema: schema.clone(),
            spec,
            role,
            state,
            content,
        }
    }
}

impl SavedChoice {
    fn of(choice: &FixedChoice, node: &Node) -> Self {
        let option = node.option(choice).map(ToString::to_string);
        match choice.typed() {
            "" => Self::Made(option),
            typed => Self::Named {
                option,
                typed: typed.to_owned(),
            },
        }
    }
}
