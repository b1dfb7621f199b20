//! The answers as they are written down. Unlike the JSON of the form they tell what was only begun:
//! a number without its digits, an object that is not sent, where the cursor was.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::choice::Choice;
use super::node::{Content, Node, Object, Role, State, fields_of};
use super::row::Place;
use super::spec::{Kind, Schema};
use super::{BUDGET, Form};
use crate::tui::line::Line;

/// A form that was written down.
#[derive(Serialize, Deserialize)]
struct Saved {
    root: Answer,
    /// The row with the focus.
    #[serde(default)]
    focus: Focus,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Focus {
    path: Vec<usize>,
    add: bool,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    #[serde(default)]
    state: SavedState,
    #[serde(flatten)]
    content: Option<SavedContent>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedState {
    #[default]
    Unset,
    Null,
    Set,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedContent {
    Line(Typed),
    Raw(Typed),
    Choice(SavedChoice),
    Object {
        open: bool,
        fields: Option<Vec<SavedField>>,
    },
    List(Vec<Answer>),
}

/// The option is written as JSON, which stays the same where the order of the options does not.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SavedChoice {
    Made(Option<String>),
    /// In the middle of typing the name of one.
    Named {
        option: Option<String>,
        typed: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Typed {
    text: String,
    /// In bytes.
    #[serde(default)]
    at: Option<usize>,
}

#[derive(Serialize, Deserialize)]
struct SavedField {
    name: String,
    answer: Answer,
}

impl Form {
    /// The answers, to be written down.
    pub fn save(&self) -> Value {
        let saved = Saved {
            root: Answer::of(&self.root),
            focus: Focus {
                path: self.focus.path.clone(),
                add: self.focus.add,
            },
        };
        // Texts, numbers and names only: they can all be written.
        serde_json::to_value(saved).unwrap_or(Value::Null)
    }

    /// A form with the answers that were written down for the same schema. What cannot be read is
    /// taken for the value of the form.
    pub fn from_saved(schema: &Value, answers: &Value) -> Self {
        let Ok(saved) = Saved::deserialize(answers) else {
            return Self::with_value(schema, answers);
        };
        let mut form = Self::new(schema);
        form.root = saved
            .root
            .into_node(&form.schema, Role::Root, &mut { BUDGET });
        let Focus { path, add } = saved.focus;
        form.focus = Place { path, add };
        if form.position().is_none() {
            form.focus_first();
        }
        form
    }
}

impl Answer {
    fn of(node: &Node) -> Self {
        let typed = |line: &Line| Typed {
            text: line.text().to_owned(),
            at: Some(line.at()),
        };
        let content = match &node.content {
            Content::Line(line) => SavedContent::Line(typed(line)),
            Content::Raw(line) => SavedContent::Raw(typed(line)),
            Content::Choice(choice) => {
                let option = node.option(choice).map(ToString::to_string);
                SavedContent::Choice(match choice.typed() {
                    "" => SavedChoice::Made(option),
                    typed => SavedChoice::Named {
                        option,
                        typed: typed.to_owned(),
                    },
                })
            }
            Content::Object(object) => SavedContent::Object {
                open: object.open,
                fields: object.fields.as_ref().map(|fields| {
                    let saved = fields.iter().map(|field| SavedField {
                        name: field.name.clone(),
                        answer: Self::of(&field.node),
                    });
                    saved.collect()
                }),
            },
            Content::List(items) => SavedContent::List(items.iter().map(Self::of).collect()),
        };
        Self {
            state: match node.state {
                State::Unset => SavedState::Unset,
                State::Null => SavedState::Null,
                State::Set => SavedState::Set,
            },
            content: Some(content),
        }
    }

    fn into_node(self, schema: &Schema, role: Role, budget: &mut usize) -> Node {
        let Some(content) = self.content else {
            return Node::empty(schema, role, budget);
        };
        *budget = budget.saturating_sub(1);
        let spec = schema.spec();
        let state = match self.state {
            SavedState::Unset => State::Unset,
            SavedState::Null => State::Null,
            SavedState::Set => State::Set,
        };
        let line = |Typed { text, at }: Typed| match at {
            Some(at) => Line::with_cursor(text, at),
            None => Line::new(text),
        };
        let content = match (content, &spec.kind) {
            (SavedContent::Line(typed), Kind::Text | Kind::Number { .. }) => {
                Content::Line(line(typed))
            }
            (SavedContent::Line(typed) | SavedContent::Raw(typed), _) => Content::Raw(line(typed)),
            (SavedContent::Choice(saved), kind) => {
                let (picked, typed) = match saved {
                    SavedChoice::Made(picked) => (picked, String::new()),
                    SavedChoice::Named { option, typed } => (option, typed),
                };
                match kind {
                    Kind::Choice(options) => {
                        let is_picked = |option: &_| Some(ToString::to_string(option)) == picked;
                        let picked = options.iter().position(is_picked);
                        Content::Choice(Choice::named(picked, typed))
                    }
                    _ => Content::Raw(Line::new(picked.unwrap_or_default())),
                }
            }
            (SavedContent::Object { open, fields }, _) => Content::Object(Object {
                open,
                fields: fields.map(|saved| {
                    let answers = saved.into_iter().map(|field| (field.name, field.answer));
                    fields_of(&spec, answers, budget, Answer::into_node)
                }),
            }),
            (SavedContent::List(items), _) => {
                let item = spec.items();
                let each = |answer: Self| answer.into_node(&item, Role::Element, budget);
                Content::List(items.into_iter().map(each).collect())
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
