//! Validates the answers, and puts each error at the row where it can be fixed.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use serde_json::Value;

use super::node::{Node, NodeContent};
use super::row::{RowFilter, RowPath, rows};
use crate::api::{Validator, validation};

/// Errors of the validator that are listed; nobody reads more.
const MAX_ERRORS: usize = 200;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The path to the field, such as `env.PATH` or `paths[0]`; empty for the value as a whole.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.message),
            field => write!(f, "{field} {}", self.message),
        }
    }
}

/// An error, and its row.
#[derive(Debug, Clone)]
pub(super) struct RowError {
    pub(super) place: RowPath,
    pub(super) error: FieldError,
}

/// A compiled schema, or why it could not be compiled.
#[derive(Clone)]
pub(super) struct Checker(Result<Arc<Validator>, String>);

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checker").field(&self.problem()).finish()
    }
}

impl Checker {
    pub(super) fn new(schema: &Value) -> Self {
        // What is not a schema at all allows everything.
        if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
            return Self::new(&Value::Bool(true));
        }
        Self(Validator::new(schema).map(Arc::new))
    }

    pub(super) fn problem(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    /// All errors in the order of the rows.
    pub(super) fn check(&self, root: &Node) -> Vec<RowError> {
        let rows = rows(root, RowFilter::Sent);
        let mut found: Vec<RowError> = rows
            .iter()
            .filter_map(|row| {
                Some(RowError {
                    place: row.place.clone(),
                    error: FieldError {
                        field: field_path(root, &row.place),
                        message: row.node.input_error()?,
                    },
                })
            })
            .collect();
        let mistaken: HashSet<RowPath> = found.iter().map(|one| one.place.clone()).collect();
        if let Ok(validator) = &self.0 {
            let value = root.json().map_or(Value::Null, |json| json.to_value());
            // A validation that takes too long gives no errors: the person can send it all the same.
            let errors = validator.errors(&value).into_iter().flatten();
            for error in errors.take(MAX_ERRORS) {
                for (place, rest, message) in locate_error(root, &error) {
                    // A missing or unreadable answer has its own message already.
                    if mistaken.contains(&place) {
                        continue;
                    }
                    let field = field_path(root, &place) + &rest;
                    let error = FieldError { field, message };
                    found.push(RowError { place, error });
                }
            }
        }
        let order: HashMap<&RowPath, usize> = rows.iter().map(|row| &row.place).zip(1..).collect();
        found.sort_by_key(|one| order.get(&one.place).copied().unwrap_or(0));
        found
    }
}

/// Where an error belongs: the row, the rest of the path that has no row, and the message.
fn locate_error(root: &Node, error: &ValidationError<'_>) -> Vec<(RowPath, String, String)> {
    let mut path: Vec<LocationSegment<'_>> = error.instance_path().iter().collect();
    let at = |path: &[LocationSegment<'_>], message: String| {
        let (place, rest) = locate(root, path);
        (place, rest, message)
    };
    let unexpected = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default().to_owned();
            path.push(LocationSegment::Property(Cow::Owned(name)));
            return vec![at(&path, "needs a value".into())];
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected,
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            return match errors_of_alternative(root, error, context) {
                Some(errors) => errors
                    .iter()
                    .flat_map(|one| locate_error(root, one))
                    .collect(),
                None => vec![at(&path, validation::message(error))],
            };
        }
        _ => return vec![at(&path, validation::message(error))],
    };
    let each = unexpected.iter().map(|name| {
        let mut path = path.clone();
        path.push(LocationSegment::Property(Cow::Borrowed(name)));
        at(&path, "is not a known property".into())
    });
    each.collect()
}

/// The errors of the alternative that the person chose, or of the only one of the value's type.
fn errors_of_alternative<'a>(
    root: &Node,
    error: &ValidationError<'_>,
    context: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a [ValidationError<'static>]> {
    let path: Vec<LocationSegment<'_>> = error.instance_path().iter().collect();
    let (place, rest) = locate(root, &path);
    let mut steps = place.path.iter();
    let node = steps.try_fold(root, |node, at| node.child(*at));
    let chosen = node.filter(|_| rest.is_empty());
    if let Some((at, count)) = chosen.and_then(Node::picked_alternative)
        && count == context.len()
    {
        return context.get(at).map(Vec::as_slice);
    }
    let is_of_type = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().any(|one| {
            let here = one.instance_path().as_str() == error.instance_path().as_str();
            here && matches!(
                one.kind(),
                ValidationErrorKind::Type { .. }
                    | ValidationErrorKind::Constant { .. }
                    | ValidationErrorKind::Enum { .. }
            )
        })
    };
    let mut fit = context.iter().filter(is_of_type);
    match (fit.next(), fit.next()) {
        (Some(only), None) => Some(only.as_slice()),
        _ => None,
    }
}

/// The row for a path into the value, and the rest of the path as text.
fn locate(root: &Node, path: &[LocationSegment<'_>]) -> (RowPath, String) {
    let mut node = root;
    let mut way = Vec::new();
    let mut rest = path.iter();
    for segment in rest.by_ref() {
        let at = match (&node.content, segment) {
            (NodeContent::Object(object), LocationSegment::Property(name)) => {
                let mut fields = object.fields.iter().flatten();
                fields.position(|field| field.name == *name)
            }
            // The name of a property may be a number.
            (NodeContent::Object(object), LocationSegment::Index(index)) => {
                let mut fields = object.fields.iter().flatten();
                fields.position(|field| field.name == index.to_string())
            }
            (NodeContent::List(_), LocationSegment::Index(index)) => Some(*index),
            _ => None,
        };
        match at.and_then(|at| Some((at, node.child(at)?))) {
            Some((at, child)) => {
                way.push(at);
                node = child;
            }
            None => {
                let mut words = validation::step(segment);
                words.extend(rest.map(validation::step));
                return (RowPath::of(way, node), words);
            }
        }
    }
    (RowPath::of(way, node), String::new())
}

/// The path to a row, such as `env.PATH` or `paths[0]`.
fn field_path(root: &Node, place: &RowPath) -> String {
    let mut words = String::new();
    let mut node = root;
    for at in &place.path {
        match &node.content {
            NodeContent::Object(object) => {
                let name = object.fields.iter().flatten().nth(*at);
                if !words.is_empty() {
                    words.push('.');
                }
                words.push_str(name.map_or("", |field| field.name.as_str()));
            }
            _ => words.push_str(&format!("[{at}]")),
        }
        match node.child(*at) {
            Some(child) => node = child,
            None => break,
        }
    }
    words
}
