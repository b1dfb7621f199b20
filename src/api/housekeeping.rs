//! Requests that an agent makes for itself and that nobody wants to answer by hand.

use serde_json::{Map, Value, json};

use super::validation::Validator;
use super::{OutputFormat, Request, Schema};

/// A request that the program answers in the person's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Housekeeping {
    /// What it is for, in words for the person.
    pub purpose: &'static str,
    /// The answer, valid against the format that the request asks for.
    pub answer: String,
}

impl Housekeeping {
    /// Recognises a housekeeping request and answers it; `None` for one that a person must see,
    /// which is every request whose answer cannot be made with certainty.
    ///
    /// Codex 0.169 asks for a title of each new interactive thread, with `thread_source:
    /// "thread_title"` in its turn metadata and the prompt at the end of the last user message.
    pub fn of(request: &Request) -> Option<Self> {
        if request.purpose.as_deref() != Some("thread_title") {
            return None;
        }
        let asked = request
            .items
            .iter()
            .rev()
            .find(|item| item.is_prompt())?
            .text();
        let prompt = asked
            .split_once("User prompt:")
            .map_or(asked.as_str(), |(_, prompt)| prompt);
        Some(Self {
            purpose: "thread title",
            answer: title_answer(prompt, &request.output_format)?,
        })
    }
}

fn title_answer(prompt: &str, format: &OutputFormat) -> Option<String> {
    let OutputFormat::JsonSchema { schema, .. } = format else {
        return match format {
            OutputFormat::Text => Some(title(prompt, DEFAULT_LENGTH)),
            _ => Some(json!({"title": title(prompt, DEFAULT_LENGTH)}).to_string()),
        };
    };
    let mut answer = Map::new();
    for property in Schema::new(schema).read().properties() {
        let title_schema = property.schema.read();
        let most = title_schema.keyword("maxLength").and_then(Value::as_u64);
        let most = most.map_or(DEFAULT_LENGTH, |most| most as usize);
        answer.insert(property.name, title(prompt, most).into());
    }
    let answer = Value::Object(answer);
    // The schema is the client's, and may be no schema at all or too much of one.
    let validator = Validator::new(schema).ok()?;
    let is_valid = validator.errors(&answer).ok()?.next().is_none();
    is_valid.then(|| answer.to_string())
}

/// Characters of a title where nothing else is asked for.
const DEFAULT_LENGTH: usize = 36;

/// The first line of the prompt with words in it, cut at a word where that is possible.
fn title(prompt: &str, most: usize) -> String {
    let line = prompt.lines().map(str::trim).find(|line| !line.is_empty());
    let words = line.unwrap_or("Untitled").split_whitespace();
    let line = words.collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches(['.', '。', '!', '！', '…', ':', ';', ',']);
    if line.chars().count() <= most {
        return line.to_owned();
    }
    let cut: String = line.chars().take(most.saturating_sub(1)).collect();
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if words.chars().count() * 2 > most => words,
        _ => &cut,
    };
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::super::{Interner, responses};
    use super::*;

    fn request(source: &str, prompt: &str, format: Value) -> Request {
        let metadata = json!({"thread_id": "t", "thread_source": source}).to_string();
        let body = json!({
            "model": "human", "input": [{"type": "message", "role": "user", "content": prompt}],
            "text": {"format": format},
            "client_metadata": {"x-codex-turn-metadata": metadata},
        });
        responses::parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
    }

    fn schema(most: u64) -> Value {
        json!({"type": "json_schema", "name": "n", "strict": true, "schema": {
            "type": "object", "required": ["title"], "additionalProperties": false,
            "properties": {"title": {"type": "string", "minLength": 1, "maxLength": most}}}})
    }

    #[test]
    fn a_title_is_made_from_the_prompt_and_fits_the_schema() {
        let prompt =
            "Make a title.\n\nUser prompt:\n\nPythonでhello worldを実装してください。\nnow";
        let found = Housekeeping::of(&request("thread_title", prompt, schema(36))).unwrap();
        assert_eq!(
            found.answer,
            r#"{"title":"Pythonでhello worldを実装してください"}"#
        );
        let found = Housekeeping::of(&request("thread_title", prompt, schema(10))).unwrap();
        assert_eq!(found.answer, r#"{"title":"Pythonでhe…"}"#);
        let found = Housekeeping::of(&request("thread_title", "\n", schema(36))).unwrap();
        assert_eq!(found.answer, r#"{"title":"Untitled"}"#);
    }

    #[test]
    fn what_it_cannot_answer_goes_to_the_person() {
        let format = json!({"type": "json_schema", "name": "n", "schema": {
            "type": "object", "properties": {"score": {"type": "integer"}}}});
        assert_eq!(
            Housekeeping::of(&request("thread_title", "hi", format)),
            None
        );
        assert_eq!(Housekeeping::of(&request("user", "hi", schema(36))), None);
        for broken in [
            json!({"type": "no type", "properties": {"title": {}}}),
            json!({"properties": {"title": {"pattern": "("}}}),
            json!({"properties": {"title": {"$ref": "#/nowhere"}}}),
            json!({"properties": {"title": {"$ref": "http://127.0.0.1:1/schema"}}}),
            json!({"properties": {"title": {"maxLength": 0}}}),
            json!({"properties": []}),
            json!(7),
        ] {
            let format = json!({"type": "json_schema", "name": "n", "schema": broken});
            assert_eq!(
                Housekeeping::of(&request("thread_title", "hi", format)),
                None,
                "{broken}"
            );
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_answered_once() {
        let endless = json!({"$ref": "#", "properties": {"title": {"type": "string"}}});
        let format = json!({"type": "json_schema", "name": "n", "schema": endless});
        let found = Housekeeping::of(&request("thread_title", "hi", format)).unwrap();
        assert_eq!(found.answer, r#"{"title":"hi"}"#);
    }

    #[test]
    fn a_schema_that_asks_for_too_much_goes_to_the_person() {
        // Each step refers twice to the next one.
        let mut steps = Map::new();
        for step in 0..60 {
            let next = json!({"$ref": format!("#/$defs/{}", step + 1)});
            steps.insert(step.to_string(), json!({"allOf": [next, next]}));
        }
        steps.insert("60".into(), json!({}));
        let doubling = json!({"$ref": "#/$defs/0", "$defs": steps,
            "properties": {"title": {"type": "string"}}});
        let format = json!({"type": "json_schema", "name": "n", "schema": doubling});
        let found = Housekeeping::of(&request("thread_title", "hi", format));
        assert_eq!(found, None);
    }

    #[test]
    fn long_titles_end_at_a_word() {
        assert_eq!(
            title("Explain how the borrow checker works, please", 24),
            "Explain how the borrow…"
        );
        assert_eq!(title("  Fix it.  ", 24), "Fix it");
    }
}
