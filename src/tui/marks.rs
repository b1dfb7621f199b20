//! The form for marks on a conversation or one of its turns: labels, rating, note, exclusion.

use std::collections::BTreeMap;

use crossterm::event::KeyEvent;
use serde_json::{Map, Value, json};

use crate::inbox::ConversationId;
use crate::journal::MarkRow;
use crate::store::marks::{MarkChange, MarkError, Marked, describe, find_or_new, parse_labels};
use crate::store::{Outline, RequestId};
use crate::tui::form::{Form, FormOutcome};

/// The name of the form's field for the target.
const TARGET_FIELD: &str = "what";

/// The form, and what was filled in so far.
#[derive(Debug)]
pub struct MarksForm {
    /// The conversation.
    pub conversation: ConversationId,
    pub(super) form: Form,
    /// What can be marked: the conversation (`None`), and its turns by number.
    targets: Vec<Option<(u64, RequestId)>>,
    /// The index of the target that the form shows.
    at: usize,
    /// The marks before the form was opened.
    known: Vec<Marked>,
    /// The values that were filled in for other targets, by index.
    filled: BTreeMap<usize, Map<String, Value>>,
}

impl MarksForm {
    /// The form for one turn of a conversation, by index, or for the whole conversation.
    pub(super) fn new(
        conversation: ConversationId,
        outline: &Outline,
        turn: Option<usize>,
        known: &[Marked],
    ) -> Self {
        let turns = (1..).zip(&outline.turns);
        let turns = turns.map(|(number, turn)| Some((number, turn.request)));
        let targets: Vec<_> = std::iter::once(None).chain(turns).collect();
        let at = turn.map_or(0, |place| place + 1).min(targets.len() - 1);
        let mut marking = Self {
            conversation,
            form: Form::new(&schema(&targets)).with_verb("save"),
            targets,
            at,
            known: known.to_vec(),
            filled: BTreeMap::new(),
        };
        marking.fill();
        marking.form.focus_field("labels");
        marking
    }

    /// The title above the form.
    pub(super) fn title(&self) -> String {
        let number = self.conversation.number();
        match self.targets[self.at] {
            Some((turn, _)) => format!("mark turn {turn} of conversation {number}"),
            None => format!("mark conversation {number}"),
        }
    }

    /// Handles a key press.
    pub(super) fn on_key(&mut self, key: KeyEvent) -> FormOutcome {
        let outcome = self.form.on_key(key);
        self.follow();
        outcome
    }

    /// Handles pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        self.form.paste(text);
        self.follow();
    }

    /// The changed marks, to be saved.
    ///
    /// # Errors
    ///
    /// If a label is invalid; the form then shows the target with it.
    pub(super) fn changed(&mut self) -> Result<Vec<Marked>, MarkError> {
        self.filled.insert(self.at, self.values());
        let mut changed = Vec::new();
        for (at, values) in self.filled.clone() {
            let before = self.known_of(at);
            match with_values(&before, &values) {
                Ok(now) if says_the_same(&now.mark, &before.mark) => {}
                Ok(now) => changed.push(now),
                Err(error) => {
                    if at != self.at {
                        self.at = at;
                        self.fill();
                    }
                    self.form.focus_field("labels");
                    return Err(error);
                }
            }
        }
        Ok(changed)
    }

    /// The marks of a target before the form was opened.
    fn known_of(&self, at: usize) -> Marked {
        let (turn, request) = self.targets[at].unzip();
        let marks: Vec<MarkRow> = self.known.iter().map(|known| known.mark.clone()).collect();
        let request = request.map(|request| request.0);
        let mark = find_or_new(&marks, self.conversation.number(), request);
        Marked { turn, mark }
    }

    /// Shows the values of another target, if that was chosen in the form.
    fn follow(&mut self) {
        let values = self.values();
        let chosen = values.get(TARGET_FIELD).and_then(Value::as_str);
        let names = self.targets.iter().map(|target| name(*target));
        let at = chosen.and_then(|chosen| names.into_iter().position(|name| name == chosen));
        if let Some(at) = at.filter(|at| *at != self.at) {
            self.filled.insert(self.at, values);
            self.at = at;
            self.fill();
        }
    }

    /// Fills the form with the values of its target.
    fn fill(&mut self) {
        let mut values = match self.filled.get(&self.at) {
            Some(filled) => filled.clone(),
            None => values_of(&self.known_of(self.at).mark),
        };
        values.insert(TARGET_FIELD.into(), name(self.targets[self.at]).into());
        self.form.set_value(&Value::Object(values));
    }

    fn values(&self) -> Map<String, Value> {
        match self.form.value() {
            Value::Object(values) => values,
            _ => Map::new(),
        }
    }
}

/// The notice about saved marks.
pub(super) fn summary(changed: &[Marked]) -> String {
    let told = changed.iter().map(|marked| {
        let words = describe(&marked.mark);
        let about = marked.target();
        if words.is_empty() {
            format!("{about}: not marked any more")
        } else {
            format!("{about}: {words}")
        }
    });
    if changed.is_empty() {
        "nothing has changed".into()
    } else {
        told.collect::<Vec<_>>().join(" · ")
    }
}

/// All marks of a conversation and its turns, in one line.
pub(super) fn marks_in_words(marks: &[Marked]) -> String {
    let marks = marks.iter();
    let all = marks.map(|marked| format!("{}: {}", marked.target(), describe(&marked.mark)));
    all.collect::<Vec<_>>().join(" · ")
}

/// The marks of a conversation for a row of a list, which has little room: the note is shown only if
/// there is nothing else.
pub(super) fn short_summary(marks: &[Marked]) -> String {
    let whole = marks.iter().find(|marked| marked.turn.is_none());
    let whole = whole.map_or(String::new(), |marked| {
        let without_note = describe(&MarkRow {
            note: String::new(),
            ..marked.mark.clone()
        });
        if without_note.is_empty() {
            describe(&marked.mark)
        } else {
            without_note
        }
    });
    let turns = marks.iter().filter(|marked| marked.turn.is_some()).count();
    let turns = match turns {
        0 => String::new(),
        1 => "1 turn marked".into(),
        count => format!("{count} turns marked"),
    };
    let parts = [whole, turns].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" · ")
}

fn name(target: Option<(u64, RequestId)>) -> String {
    match target {
        Some((number, _)) => format!("turn {number}"),
        None => "conversation".into(),
    }
}

fn schema(targets: &[Option<(u64, RequestId)>]) -> Value {
    let names: Vec<String> = targets.iter().map(|target| name(*target)).collect();
    json!({"type": "object", "properties": {
        TARGET_FIELD: {"enum": names, "description": "Turns count from 1, as in humanllm history"},
        "labels": {"type": "string", "description": "Words to find it by, with commas between them"},
        "rating": {"enum": [1, 2, 3, 4, 5], "description": "5 is the best"},
        "note": {"type": "string", "description": "Whatever else there is to say"},
        "exclude": {"type": "boolean", "description": "Leave it out of exports"}}})
}

fn values_of(mark: &MarkRow) -> Map<String, Value> {
    let mut values = Map::new();
    let mut put = |name: &str, value: Value| values.insert(name.to_owned(), value);
    if !mark.labels.is_empty() {
        put("labels", mark.labels.join(", ").into());
    }
    if let Some(rating) = mark.rating {
        put("rating", rating.into());
    }
    if !mark.note.is_empty() {
        put("note", mark.note.clone().into());
    }
    if mark.excluded {
        put("exclude", true.into());
    }
    values
}

/// The marks with the values of the form.
fn with_values(before: &Marked, values: &Map<String, Value>) -> Result<Marked, MarkError> {
    let text = |name: &str| values.get(name).and_then(Value::as_str).unwrap_or("");
    let rating = values.get("rating").and_then(Value::as_u64);
    let excludes = values.get("exclude").and_then(Value::as_bool);
    let mut changes = vec![
        MarkChange::Clear,
        MarkChange::Rate(rating.and_then(|rating| u8::try_from(rating).ok())),
        MarkChange::Note(text("note").into()),
        MarkChange::Exclude(excludes == Some(true)),
    ];
    let labels = parse_labels(text("labels"));
    changes.extend(labels.map(|label| MarkChange::Add(label.into())));
    let mut now = before.clone();
    for change in changes {
        change.apply(&mut now.mark)?;
    }
    Ok(now)
}

fn says_the_same(one: &MarkRow, other: &MarkRow) -> bool {
    let updated = other.updated;
    MarkRow {
        updated,
        ..one.clone()
    } == *other
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;
    use crate::store::OutlinedTurn;

    fn press(marking: &mut MarksForm, codes: &[KeyCode]) {
        for code in codes {
            marking.on_key(KeyEvent::new(*code, KeyModifiers::NONE));
        }
    }

    #[test]
    fn what_was_filled_in_about_one_waits_while_another_is_marked() {
        let id = ConversationId(7);
        let known = [Marked {
            turn: None,
            mark: MarkRow {
                conversation: 7,
                labels: vec!["old".into()],
                rating: Some(2),
                ..MarkRow::default()
            },
        }];
        let turns = [11, 12].map(|request| OutlinedTurn {
            request: RequestId(request),
            arrived: 0,
            prompt: String::new(),
            unchanged_items: 0,
        });
        let outline = Outline {
            turns: turns.into(),
        };
        let mut marking = MarksForm::new(id, &outline, None, &known);
        assert_eq!(marking.title(), "mark conversation 7");
        marking.paste(", new");
        // Up to what is marked, and on to the second turn.
        press(&mut marking, &[KeyCode::Up]);
        "turn 2"
            .chars()
            .for_each(|c| press(&mut marking, &[KeyCode::Char(c)]));
        assert_eq!(marking.title(), "mark turn 2 of conversation 7");
        press(&mut marking, &[KeyCode::Down, KeyCode::Down]);
        press(&mut marking, &[KeyCode::Char('4'), KeyCode::Down]);
        marking.paste("odd");
        let changed = marking.changed().unwrap();
        let said: Vec<(Option<i64>, String)> = changed
            .iter()
            .map(|marked| (marked.mark.turn, describe(&marked.mark)))
            .collect();
        assert_eq!(
            said,
            [
                (None, "2 of 5 · new, old".to_owned()),
                (Some(12), "4 of 5 · odd".to_owned())
            ]
        );
        assert_eq!(
            summary(&changed),
            "conversation: 2 of 5 · new, old · turn 2: 4 of 5 · odd"
        );
    }
}
