//! Objects that follow one of several schemas: which one was chosen, and the fields that it has.

use std::sync::Arc;

use super::ROW_BUDGET;
use super::choice::FixedChoice;
use super::json::JsonValue;
use super::node::{AnswerState, Node, NodeContent, NodeRole, Object, fields_of};
use super::saved::{SavedAnswer, SavedField};
use super::spec::{FieldKind, Spec};

impl Spec {
    /// The chosen alternative; without one, what all alternatives have in common.
    pub(super) fn chosen(self: &Arc<Self>, choice: &FixedChoice) -> Arc<Self> {
        let chosen = choice.picked().and_then(|at| self.alternatives.get(at));
        chosen.map_or_else(|| Arc::clone(self), |one| Self::of(&one.schema))
    }

    /// The alternative that a value follows, or else comes nearest to.
    pub(super) fn fitting(self: &Arc<Self>, members: &[(String, JsonValue)]) -> (usize, Arc<Self>) {
        let mut best = (0, Arc::clone(self));
        let mut best_fit = None;
        for (at, alternative) in self.alternatives.iter().enumerate() {
            let spec = Self::of(&alternative.schema);
            let fit = Fit::of(&spec, members);
            if best_fit < Some(fit) {
                best_fit = Some(fit);
                best = (at, spec);
            }
        }
        best
    }
}

/// How well a value follows a schema: the first difference counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    /// No member is of another kind than it should be.
    is_of_kind: bool,
    /// Nothing that is required is missing.
    is_complete: bool,
    /// Members that the schema knows.
    known: usize,
}

impl Fit {
    fn of(spec: &Spec, members: &[(String, JsonValue)]) -> Self {
        let mut fit = Self {
            is_of_kind: true,
            is_complete: true,
            known: 0,
        };
        for property in spec.properties() {
            let given = members.iter().find(|(name, _)| *name == property.name);
            match given {
                Some((_, json)) => {
                    fit.known += 1;
                    fit.is_of_kind &= Spec::of(&property.schema).accepts(json);
                }
                None => fit.is_complete &= !property.required,
            }
        }
        fit
    }
}

impl Spec {
    /// Whether a value is of this kind; its contents are not checked.
    fn accepts(&self, json: &JsonValue) -> bool {
        match (&self.kind, json) {
            (FieldKind::Choice(options), json) => options.contains(json),
            (FieldKind::Raw, _) | (_, JsonValue::Verbatim(_)) => true,
            (_, JsonValue::Null) => self.nullable,
            (FieldKind::Text, json) => matches!(json, JsonValue::Text(_)),
            (FieldKind::Number { .. }, json) => matches!(json, JsonValue::Number(_)),
            (FieldKind::Object | FieldKind::Union(_), json) => matches!(json, JsonValue::Object(_)),
            (FieldKind::List, json) => matches!(json, JsonValue::List(_)),
        }
    }
}

impl Node {
    /// The choice in the row of this node, and its options.
    pub(super) fn choice_options(&self) -> Option<(&FixedChoice, &[JsonValue])> {
        match (&self.content, &self.spec.kind) {
            (NodeContent::Choice(choice), FieldKind::Choice(options)) => Some((choice, options)),
            (NodeContent::Object(object), FieldKind::Union(labels)) => {
                Some((&object.choice, labels))
            }
            _ => None,
        }
    }

    /// The choice that is made in the row of this node.
    pub(super) fn choice_mut(&mut self) -> Option<&mut FixedChoice> {
        match (&mut self.content, &self.spec.kind) {
            (NodeContent::Choice(choice), _) => Some(choice),
            (NodeContent::Object(object), FieldKind::Union(_)) => Some(&mut object.choice),
            _ => None,
        }
    }

    /// Whether one of several alternatives was chosen here.
    pub(super) fn is_decided(&self) -> bool {
        self.picked_alternative().is_some()
    }

    /// Whether one of several alternatives has yet to be chosen here.
    pub(super) fn is_undecided(&self) -> bool {
        let is_union = matches!(self.spec.kind, FieldKind::Union(_));
        is_union && matches!(self.content, NodeContent::Object(_)) && !self.is_decided()
    }

    /// The index of the chosen alternative among all, `null` included, and how many there are.
    pub(super) fn picked_alternative(&self) -> Option<(usize, usize)> {
        let NodeContent::Object(object) = &self.content else {
            return None;
        };
        let chosen = self.spec.alternatives.get(object.choice.picked()?)?;
        Some((chosen.index, chosen.count))
    }

    /// The description that the author of the tool gave of the chosen alternative.
    pub(super) fn chosen_description(&self) -> String {
        match &self.content {
            NodeContent::Object(object) => self.spec.chosen(&object.choice).description.clone(),
            _ => String::new(),
        }
    }

    /// Chooses the first alternative.
    pub(super) fn choose_first(&mut self) {
        if let Some(choice) = self.choice_mut() {
            *choice = FixedChoice::new(Some(0));
            self.update_state();
            self.apply_alternative();
        }
    }

    /// Gives an object the fields of the alternative that was chosen. What was answered stays where
    /// there is a field for it; the rest is put aside, and is there again when its alternative is.
    pub(super) fn apply_alternative(&mut self) {
        if !matches!(self.spec.kind, FieldKind::Union(_)) {
            return;
        }
        let NodeContent::Object(object) = &mut self.content else {
            return;
        };
        let spec = self.spec.chosen(&object.choice);
        let mut answers = std::mem::take(&mut object.aside);
        let mut unknown = Vec::new();
        for field in object.fields.take().into_iter().flatten() {
            // A field with a single option is answered anew.
            let alone = matches!(&field.node.spec.kind, FieldKind::Choice(all) if all.len() == 1);
            let is_answered = field.node.state != AnswerState::Unset || field.node.has_answers();
            if alone || !is_answered {
                continue;
            }
            let saved = SavedField {
                answer: SavedAnswer::of(&field.node),
                name: field.name,
            };
            if field.node.role == NodeRole::Extra {
                unknown.push(saved);
            } else {
                answers.retain(|other| other.name != saved.name);
                answers.push(saved);
            }
        }
        let properties = spec.properties();
        let (mut fit, aside): (Vec<_>, Vec<_>) = answers.into_iter().partition(|saved| {
            let mut known = properties.iter();
            let property = known.find(|one| one.name == saved.name);
            property.is_some_and(|one| saved.answer.fits(&Spec::of(&one.schema).kind))
        });
        fit.extend(unknown);
        let fit = fit.into_iter().map(|saved| (saved.name, saved.answer));
        let mut fields = fields_of(&spec, fit, &mut { ROW_BUDGET }, SavedAnswer::into_node);
        // The property that tells the alternatives apart is set, required or not.
        let chosen = object.choice.picked();
        let chosen = chosen.and_then(|at| self.spec.alternatives.get(at));
        let tag = chosen.and_then(|chosen| chosen.tag.as_ref());
        for field in fields.iter_mut().filter(|field| Some(&field.name) == tag) {
            field.node.content = NodeContent::Choice(FixedChoice::new(Some(0)));
            field.node.state = AnswerState::Set;
        }
        *object = Object {
            open: true,
            fields: Some(fields),
            choice: std::mem::take(&mut object.choice),
            aside,
        };
    }
}
