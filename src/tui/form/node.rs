//! The form as a tree: what is asked for, and what has been answered.

use std::collections::HashMap;
use std::sync::Arc;

use super::choice::Choice;
use super::json::Json;
use super::saved::SavedField;
use super::spec::{Kind, Schema, Spec};
use crate::tui::line::Line;

/// Rows that opening something may make; the rest is asked for as JSON. It bounds what a schema
/// that refers to itself, or a huge value, can do.
pub(super) const BUDGET: usize = 4000;

/// Why a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
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
pub(super) enum State {
    /// None: it is left out of the JSON where that is possible.
    Unset,
    /// `null`, where that is allowed besides something else.
    Null,
    /// What the content says, even if that is empty.
    Set,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Text or a number.
    Line(Line),
    Choice(Choice),
    Object(Object),
    List(Vec<Node>),
    /// JSON: where the schema is not understood, or the value is not what it asks for.
    Raw(Line),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Object {
    /// Whether its fields are shown; it is sent all the same.
    pub(super) open: bool,
    /// `None` until it is opened for the first time.
    pub(super) fields: Option<Vec<Field>>,
    /// The alternative that was chosen, where the schema has several.
    pub(super) choice: Choice,
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
    pub(super) schema: Schema,
    pub(super) spec: Arc<Spec>,
    pub(super) role: Role,
    pub(super) state: State,
    pub(super) content: Content,
}

impl Node {
    /// A node without an answer.
    pub(super) fn empty(schema: &Schema, role: Role, budget: &mut usize) -> Self {
        let spec = Spec::of(schema);
        *budget = budget.saturating_sub(spec.cost());
        let asked = role == Role::Root
            || (matches!(role, Role::Required | Role::Element) && !spec.nullable);
        let mut state = State::Unset;
        let content = match &spec.kind {
            _ if *budget == 0 => Content::Raw(Line::default()),
            Kind::Text | Kind::Number { .. } => Content::Line(Line::default()),
            // Where there is no choice, nobody has to make it.
            Kind::Choice(options) if options.len() == 1 && asked => {
                state = State::Set;
                Content::Choice(Choice::new(Some(0)))
            }
            Kind::Choice(_) => Content::Choice(Choice::default()),
            Kind::Object | Kind::Union(_) => Content::Object(Object {
                open: asked,
                fields: asked.then(|| empty_fields(&spec, budget)),
                ..Object::default()
            }),
            Kind::List => Content::List(Vec::new()),
            Kind::Raw => Content::Raw(Line::default()),
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
    pub(super) fn filled(json: Json, schema: &Schema, role: Role, budget: &mut usize) -> Self {
        let spec = Spec::of(schema);
        *budget = budget.saturating_sub(spec.cost());
        let mut state = State::Set;
        let content = match (&spec.kind, json) {
            (_, json) if *budget == 0 => raw(&json),
            (Kind::Text, Json::Text(text)) => Content::Line(Line::new(text)),
            (Kind::Number { .. }, Json::Number(text)) => Content::Line(Line::new(text)),
            (Kind::Choice(options), json) => match options.iter().position(|one| *one == json) {
                Some(at) => Content::Choice(Choice::new(Some(at))),
                None => raw(&json),
            },
            (Kind::Raw, json) => raw(&json),
            (_, Json::Null) if spec.nullable => {
                state = State::Null;
                Self::empty(schema, role, budget).content
            }
            (Kind::Object, Json::Object(members)) => Content::Object(Object {
                open: true,
                fields: Some(fields_of(&spec, members.into_iter(), budget, Self::filled)),
                ..Object::default()
            }),
            (Kind::Union(_), Json::Object(members)) => {
                let (at, chosen) = spec.fitting(&members);
                Content::Object(Object {
                    open: true,
                    fields: Some(fields_of(
                        &chosen,
                        members.into_iter(),
                        budget,
                        Self::filled,
                    )),
                    choice: Choice::new(Some(at)),
                    ..Object::default()
                })
            }
            (Kind::List, Json::List(items)) if items.len() < *budget => {
                let item = spec.items();
                let each = |json| Self::filled(json, &item, Role::Element, budget);
                Content::List(items.into_iter().map(each).collect())
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
    pub(super) fn json(&self) -> Option<Json> {
        let stays = matches!(self.role, Role::Root | Role::Required | Role::Element);
        match self.state {
            State::Null => Some(Json::Null),
            State::Set => Some(self.content_json()),
            State::Unset if self.has_answers() => Some(self.content_json()),
            State::Unset if !stays => None,
            State::Unset if self.spec.nullable && self.role != Role::Root => Some(Json::Null),
            State::Unset => match (&self.content, &self.spec.kind, self.role) {
                (Content::Object(_) | Content::List(_), ..) | (Content::Line(_), Kind::Text, _) => {
                    Some(self.content_json())
                }
                // No schema, no parameters.
                (Content::Raw(_), _, Role::Root) => Some(Json::Object(Vec::new())),
                // Something has to keep the elements after it in their places.
                (_, _, Role::Element) => Some(Json::Null),
                _ => None,
            },
        }
    }

    fn content_json(&self) -> Json {
        match &self.content {
            Content::Line(line) => match self.spec.kind {
                Kind::Number { .. } => number(line).unwrap_or_else(|_| text(line)),
                _ => text(line),
            },
            Content::Raw(line) => Json::parse(line.text()).unwrap_or_else(|_| text(line)),
            Content::Choice(choice) => self.option(choice).cloned().unwrap_or(Json::Null),
            Content::List(items) => Json::List(items.iter().filter_map(Self::json).collect()),
            Content::Object(object) => {
                let fields = object.fields.iter().flatten();
                let member = |field: &Field| Some((field.name.clone(), field.node.json()?));
                Json::Object(fields.filter_map(member).collect())
            }
        }
    }

    /// The value that is chosen.
    pub(super) fn option(&self, choice: &Choice) -> Option<&Json> {
        match &self.spec.kind {
            Kind::Choice(options) | Kind::Union(options) => options.get(choice.picked()?),
            _ => None,
        }
    }

    /// Whether the person answered something below this node.
    pub(super) fn has_answers(&self) -> bool {
        match &self.content {
            Content::Object(object) => object.fields.iter().flatten().any(|field| {
                // What answers itself is no answer.
                let alone = matches!(&field.node.spec.kind, Kind::Choice(all) if all.len() == 1);
                field.node.has_answers() || (field.node.state != State::Unset && !alone)
            }),
            Content::List(items) => !items.is_empty(),
            _ => false,
        }
    }

    /// Whether it is part of the JSON, so that what it requires is required.
    pub(super) fn is_sent(&self) -> bool {
        match (self.role, self.state) {
            (_, State::Null) => false,
            (_, State::Set) | (Role::Root, _) => true,
            (Role::Required | Role::Element, _) => !self.spec.nullable || self.has_answers(),
            (Role::Optional | Role::Extra, _) => self.has_answers(),
        }
    }

    /// Whether an answer is missing here, other than in what is below.
    pub(super) fn is_missing(&self) -> bool {
        if self.is_undecided() {
            return self.is_sent();
        }
        let asks = match self.content {
            Content::Object(_) => false,
            Content::List(_) => self.role == Role::Required,
            _ => matches!(self.role, Role::Required | Role::Element),
        };
        asks && self.state == State::Unset && !self.spec.nullable && !self.has_answers()
    }

    /// Whether it holds JSON although something else was asked for.
    pub(super) fn is_misfit(&self) -> bool {
        matches!(self.content, Content::Raw(_)) && self.spec.kind != Kind::Raw
    }

    /// What is wrong with what was typed, before any schema is asked.
    pub(super) fn mistake(&self) -> Option<String> {
        if self.is_missing() {
            return Some(match self.is_undecided() {
                true => "needs a choice".into(),
                false => "needs a value".into(),
            });
        }
        match &self.content {
            Content::Line(line) if self.state == State::Set => match self.spec.kind {
                Kind::Number { .. } => number(line).err(),
                _ => None,
            },
            Content::Raw(line) if self.state == State::Set => {
                let error = Json::parse(line.text()).err()?;
                Some(format!("not valid JSON ({error})"))
            }
            _ => None,
        }
    }

    /// The fields of an object, which are made when they are first looked at.
    pub(super) fn open(&mut self) {
        if let Content::Object(object) = &mut self.content {
            object.open = true;
            if object.fields.is_none() {
                let mut budget = BUDGET;
                // Nothing is chosen before it was opened.
                object.fields = Some(empty_fields(&self.spec, &mut budget));
            }
        }
    }

    pub(super) fn child(&self, at: usize) -> Option<&Self> {
        match &self.content {
            Content::Object(object) => Some(&object.fields.as_ref()?.get(at)?.node),
            Content::List(items) => items.get(at),
            _ => None,
        }
    }

    pub(super) fn child_mut(&mut self, at: usize) -> Option<&mut Self> {
        match &mut self.content {
            Content::Object(object) => Some(&mut object.fields.as_mut()?.get_mut(at)?.node),
            Content::List(items) => items.get_mut(at),
            _ => None,
        }
    }
}

fn raw(json: &Json) -> Content {
    Content::Raw(Line::new(json.to_string()))
}

fn text(line: &Line) -> Json {
    Json::Text(line.text().to_owned())
}

fn number(line: &Line) -> Result<Json, String> {
    match Json::parse(line.text()) {
        Ok(Json::Number(text)) => Ok(Json::Number(text)),
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
    into_node: fn(A, &Schema, Role, &mut usize) -> Node,
) -> Vec<Field> {
    let given = answers.enumerate();
    let mut given: HashMap<String, (usize, A)> = given
        .map(|(at, (name, answer))| (name, (at, answer)))
        .collect();
    let mut fields: Vec<Field> = spec
        .properties()
        .into_iter()
        .map(|property| {
            let role = match property.required {
                true => Role::Required,
                false => Role::Optional,
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
        let node = into_node(answer, &spec.anything(), Role::Extra, budget);
        fields.push(Field { name, node });
    }
    fields
}
