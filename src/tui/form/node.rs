//! The form as a tree: the fields of the schema and their answers.

use std::collections::HashMap;
use std::sync::Arc;

use super::choice::FixedChoice;
use super::json::JsonValue;
use super::saved::SavedField;
use super::spec::{FieldKind, FieldSchema, Spec};
use crate::tui::line::LineEditor;

/// Rows that opening something may make; the rest is asked for as JSON. It bounds what a schema
/// that refers to itself, or a huge value, can do.
pub(super) const ROW_BUDGET: usize = 4000;

/// Why a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeRole {
    Root,
    Required,
    Optional,
    /// In a list.
    Element,
    /// A property that the schema does not describe.
    Extra,
}

/// How much of an answer there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerState {
    /// No answer: the field is left out of the JSON where that is possible.
    Unset,
    /// `null`, where that is allowed besides something else.
    Null,
    /// What the content says, even if that is empty.
    Set,
}

#[derive(Debug, Clone)]
pub(super) enum NodeContent {
    /// Text or a number.
    Line(LineEditor),
    Choice(FixedChoice),
    Object(Object),
    List(Vec<Node>),
    /// JSON: where the schema is not understood, or the value is not what it asks for.
    Raw(LineEditor),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Object {
    /// Whether its fields are shown; it is sent all the same.
    pub(super) open: bool,
    /// `None` until it is opened for the first time.
    pub(super) fields: Option<Vec<Field>>,
    /// The alternative that was chosen, where the schema has several.
    pub(super) choice: FixedChoice,
    /// What was answered to other alternatives and has no field in this one.
    pub(super) aside: Vec<SavedField>,
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) node: Node,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) schema: FieldSchema,
    pub(super) spec: Arc<Spec>,
    pub(super) role: NodeRole,
    pub(super) state: AnswerState,
    pub(super) content: NodeContent,
}

impl Node {
    /// A node without an answer.
    pub(super) fn empty(schema: &FieldSchema, role: NodeRole, budget: &mut usize) -> Self {
        let spec = Spec::of(schema);
        *budget = budget.saturating_sub(spec.cost());
        let asked = role == NodeRole::Root
            || (matches!(role, NodeRole::Required | NodeRole::Element) && !spec.nullable);
        let mut state = AnswerState::Unset;
        let content = match &spec.kind {
            _ if *budget == 0 => NodeContent::Raw(LineEditor::default()),
            FieldKind::Text | FieldKind::Number { .. } => NodeContent::Line(LineEditor::default()),
            // Where there is no choice, nobody has to make it.
            FieldKind::Choice(options) if options.len() == 1 && asked => {
                state = AnswerState::Set;
                NodeContent::Choice(FixedChoice::new(Some(0)))
            }
            FieldKind::Choice(_) => NodeContent::Choice(FixedChoice::default()),
            FieldKind::Object | FieldKind::Union(_) => NodeContent::Object(Object {
                open: asked,
                fields: asked.then(|| empty_fields(&spec, budget)),
                ..Object::default()
            }),
            FieldKind::List => NodeContent::List(Vec::new()),
            FieldKind::Raw => NodeContent::Raw(LineEditor::default()),
        };
        Self {
            schema: schema.clone(),
            spec,
            role,
            state,
            content,
        }
    }

    /// A node with an answer: as JSON if it is not the kind of answer that was asked for.
    pub(super) fn filled(
        json: JsonValue,
        schema: &FieldSchema,
        role: NodeRole,
        budget: &mut usize,
    ) -> Self {
        let spec = Spec::of(schema);
        *budget = budget.saturating_sub(spec.cost());
        let mut state = AnswerState::Set;
        let content = match (&spec.kind, json) {
            (_, json) if *budget == 0 => raw(&json),
            (FieldKind::Text, JsonValue::Text(text)) => NodeContent::Line(LineEditor::new(text)),
            (FieldKind::Number { .. }, JsonValue::Number(text)) => {
                NodeContent::Line(LineEditor::new(text))
            }
            (FieldKind::Choice(options), json) => match options.iter().position(|one| *one == json)
            {
                Some(at) => NodeContent::Choice(FixedChoice::new(Some(at))),
                None => raw(&json),
            },
            (FieldKind::Raw, json) => raw(&json),
            (_, JsonValue::Null) if spec.nullable => {
                state = AnswerState::Null;
                Self::empty(schema, role, budget).content
            }
            (FieldKind::Object, JsonValue::Object(members)) => NodeContent::Object(Object {
                open: true,
                fields: Some(fields_of(&spec, members.into_iter(), budget, Self::filled)),
                ..Object::default()
            }),
            (FieldKind::Union(_), JsonValue::Object(members)) => {
                let (at, chosen) = spec.fitting(&members);
                NodeContent::Object(Object {
                    open: true,
                    fields: Some(fields_of(
                        &chosen,
                        members.into_iter(),
                        budget,
                        Self::filled,
                    )),
                    choice: FixedChoice::new(Some(at)),
                    ..Object::default()
                })
            }
            (FieldKind::List, JsonValue::List(items)) if items.len() < *budget => {
                let item = spec.items();
                let each = |json| Self::filled(json, &item, NodeRole::Element, budget);
                NodeContent::List(items.into_iter().map(each).collect())
            }
            (_, json) => raw(&json),
        };
        Self {
            schema: schema.clone(),
            spec,
            role,
            state,
            content,
        }
    }

    /// The answer; `None` if it is left out.
    pub(super) fn json(&self) -> Option<JsonValue> {
        let stays = matches!(
            self.role,
            NodeRole::Root | NodeRole::Required | NodeRole::Element
        );
        match self.state {
            AnswerState::Null => Some(JsonValue::Null),
            AnswerState::Set => Some(self.content_json()),
            AnswerState::Unset if self.has_answers() => Some(self.content_json()),
            AnswerState::Unset if !stays => None,
            AnswerState::Unset if self.spec.nullable && self.role != NodeRole::Root => {
                Some(JsonValue::Null)
            }
            AnswerState::Unset => match (&self.content, &self.spec.kind, self.role) {
                (NodeContent::Object(_) | NodeContent::List(_), ..)
                | (NodeContent::Line(_), FieldKind::Text, _) => Some(self.content_json()),
                // No schema, no parameters.
                (NodeContent::Raw(_), _, NodeRole::Root) => Some(JsonValue::Object(Vec::new())),
                // Something has to keep the elements after it in their places.
                (_, _, NodeRole::Element) => Some(JsonValue::Null),
                _ => None,
            },
        }
    }

    fn content_json(&self) -> JsonValue {
        match &self.content {
            NodeContent::Line(line) => match self.spec.kind {
                FieldKind::Number { .. } => number(line).unwrap_or_else(|_| text(line)),
                _ => text(line),
            },
            NodeContent::Raw(line) => JsonValue::parse(line.text()).unwrap_or_else(|_| text(line)),
            NodeContent::Choice(choice) => self.option(choice).cloned().unwrap_or(JsonValue::Null),
            NodeContent::List(items) => {
                JsonValue::List(items.iter().filter_map(Self::json).collect())
            }
            NodeContent::Object(object) => {
                let fields = object.fields.iter().flatten();
                let member = |field: &Field| Some((field.name.clone(), field.node.json()?));
                JsonValue::Object(fields.filter_map(member).collect())
            }
        }
    }

    /// The value that was chosen.
    pub(super) fn option(&self, choice: &FixedChoice) -> Option<&JsonValue> {
        match &self.spec.kind {
            FieldKind::Choice(options) | FieldKind::Union(options) => options.get(choice.picked()?),
            _ => None,
        }
    }

    /// Whether the person answered something below this node.
    pub(super) fn has_answers(&self) -> bool {
        match &self.content {
            NodeContent::Object(object) => object.fields.iter().flatten().any(|field| {
                // A field with a single option answers itself, and does not count.
                let alone =
                    matches!(&field.node.spec.kind, FieldKind::Choice(all) if all.len() == 1);
                field.node.has_answers() || (field.node.state != AnswerState::Unset && !alone)
            }),
            NodeContent::List(items) => !items.is_empty(),
            _ => false,
        }
    }

    /// Whether it is part of the JSON, so that what it requires is required.
    pub(super) fn is_sent(&self) -> bool {
        match (self.role, self.state) {
            (_, AnswerState::Null) => false,
            (_, AnswerState::Set) | (NodeRole::Root, _) => true,
            (NodeRole::Required | NodeRole::Element, _) => {
                !self.spec.nullable || self.has_answers()
            }
            (NodeRole::Optional | NodeRole::Extra, _) => self.has_answers(),
        }
    }

    /// Whether an answer is missing in this node itself, not counting its children.
    pub(super) fn is_missing(&self) -> bool {
        if self.is_undecided() {
            return self.is_sent();
        }
        let asks = match self.content {
            NodeContent::Object(_) => false,
            NodeContent::List(_) => self.role == NodeRole::Required,
            _ => matches!(self.role, NodeRole::Required | NodeRole::Element),
        };
        asks && self.state == AnswerState::Unset && !self.spec.nullable && !self.has_answers()
    }

    /// Whether it holds JSON although something else was asked for.
    pub(super) fn is_misfit(&self) -> bool {
        matches!(self.content, NodeContent::Raw(_)) && self.spec.kind != FieldKind::Raw
    }

    /// What is wrong with the input itself, such as text that is not a number, without the validator.
    pub(super) fn input_error(&self) -> Option<String> {
        if self.is_missing() {
            return Some(if self.is_undecided() {
                "needs a choice".into()
            } else {
                "needs a value".into()
            });
        }
        match &self.content {
            NodeContent::Line(line) if self.state == AnswerState::Set => match self.spec.kind {
                FieldKind::Number { .. } => number(line).err(),
                _ => None,
            },
            NodeContent::Raw(line) if self.state == AnswerState::Set => {
                let error = JsonValue::parse(line.text()).err()?;
                Some(format!("not valid JSON ({error})"))
            }
            _ => None,
        }
    }

    /// Unfolds an object. Its fields are made the first time.
    pub(super) fn open(&mut self) {
        if let NodeContent::Object(object) = &mut self.content {
            object.open = true;
            if object.fields.is_none() {
                let mut budget = ROW_BUDGET;
                // No alternative can have been chosen before it was opened.
                object.fields = Some(empty_fields(&self.spec, &mut budget));
            }
        }
    }

    pub(super) fn child(&self, at: usize) -> Option<&Self> {
        match &self.content {
            NodeContent::Object(object) => Some(&object.fields.as_ref()?.get(at)?.node),
            NodeContent::List(items) => items.get(at),
            _ => None,
        }
    }

    pub(super) fn child_mut(&mut self, at: usize) -> Option<&mut Self> {
        match &mut self.content {
            NodeContent::Object(object) => Some(&mut object.fields.as_mut()?.get_mut(at)?.node),
            NodeContent::List(items) => items.get_mut(at),
            _ => None,
        }
    }
}

fn raw(json: &JsonValue) -> NodeContent {
    NodeContent::Raw(LineEditor::new(json.to_string()))
}

fn text(line: &LineEditor) -> JsonValue {
    JsonValue::Text(line.text().to_owned())
}

fn number(line: &LineEditor) -> Result<JsonValue, String> {
    match JsonValue::parse(line.text()) {
        Ok(JsonValue::Number(text)) => Ok(JsonValue::Number(text)),
        _ => Err("is not a number".into()),
    }
}

fn empty_fields(spec: &Spec, budget: &mut usize) -> Vec<Field> {
    fields_of(spec, std::iter::empty(), budget, Node::filled)
}

/// The fields of an object with the answers there are, and behind them the answers that the schema
/// does not describe.
pub(super) fn fields_of<A>(
    spec: &Spec,
    answers: impl Iterator<Item = (String, A)>,
    budget: &mut usize,
    into_node: fn(A, &FieldSchema, NodeRole, &mut usize) -> Node,
) -> Vec<Field> {
    let given = answers.enumerate();
    let mut given: HashMap<String, (usize, A)> = given
        .map(|(at, (name, answer))| (name, (at, answer)))
        .collect();
    let mut fields: Vec<Field> = spec
        .properties()
        .into_iter()
        .map(|property| {
            let role = if property.required {
                NodeRole::Required
            } else {
                NodeRole::Optional
            };
            let node = match given.remove(&property.name) {
                Some((_, answer)) => into_node(answer, &property.schema, role, budget),
                None => Node::empty(&property.schema, role, budget),
            };
            Field {
                name: property.name,
                node,
            }
        })
        .collect();
    let mut unknown: Vec<(String, (usize, A))> = given.into_iter().collect();
    unknown.sort_by_key(|(_, (at, _))| *at);
    for (name, (_, answer)) in unknown {
        let node = into_node(answer, &spec.anything(), NodeRole::Extra, budget);
        fields.push(Field { name, node });
    }
    fields
}
