//! What a request asks of the answer, in words: nothing of it may be silently ignored.

use super::responses::background;
use super::{Format, OutputFormat, Request, ToolChoice};

impl Request {
    /// What the client asks of the answer beyond free text and free choice, each in a few words.
    pub fn constraints(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.format == Format::Compaction {
            found.push("a summary of the conversation".into());
        }
        match &self.output_format {
            OutputFormat::Text => {}
            OutputFormat::JsonObject => found.push("answer: a JSON object".into()),
            // The schemas of Messages have no names.
            OutputFormat::JsonSchema { name, .. } if name.is_empty() => {
                found.push("answer: JSON of a schema".into());
            }
            OutputFormat::JsonSchema { name, .. } => {
                found.push(format!("answer: JSON of schema {name}"));
            }
        }
        match &self.tool_choice {
            ToolChoice::Auto => {}
            ToolChoice::None => found.push("no calls (tool_choice none)".into()),
            ToolChoice::Required => found.push("a call (tool_choice required)".into()),
            ToolChoice::Only { names, required } => {
                let how = if *required {
                    "a call of"
                } else {
                    "calls only of"
                };
                found.push(format!("{how} {}", names.join(", ")));
            }
        }
        if !self.parallel_tool_calls && !self.tools.is_empty() {
            found.push("one call at a time".into());
        }
        for key in OUTPUT_LIMITS.into_iter().chain(["max_tool_calls"]) {
            if let Some(most) = self.number(key) {
                found.push(format!("{key} {most}"));
            }
        }
        if self.format == Format::Responses && background(&self.params) {
            found.push("in the background".into());
        }
        for key in ["stop", "stop_sequences"] {
            let stop = self.params.get(key).filter(|stop| !stop.is_null());
            found.extend(stop.map(|stop| format!("{key} {stop}")));
        }
        let verbosity = self
            .params
            .get("text")
            .and_then(|text| text.get("verbosity")?.as_str());
        if let Some(verbosity) = verbosity {
            found.push(format!("verbosity {verbosity}"));
        }
        found
    }

    /// How many tokens the whole response may have, where the client says so.
    pub fn output_limit(&self) -> Option<u64> {
        OUTPUT_LIMITS.into_iter().find_map(|key| self.number(key))
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.params.get(key)?.as_u64()
    }
}

/// What the formats call the limit of a response; Chat Completions has a new name and an old one.
const OUTPUT_LIMITS: [&str; 3] = ["max_output_tokens", "max_completion_tokens", "max_tokens"];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::api::responses::parse;

    #[test]
    fn everything_that_is_asked_is_named() {
        let asks = |body: Value| parse(body.to_string().as_bytes()).unwrap().constraints();
        assert!(asks(json!({"model": "m", "input": "x", "tools": []})).is_empty());
        assert_eq!(
            asks(
                json!({"model": "m", "input": "x", "max_output_tokens": 50, "stop": ["\n"],
                "parallel_tool_calls": false, "tool_choice": "required",
                "tools": [{"type": "function", "name": "f"}],
                "text": {"verbosity": "low",
                    "format": {"type": "json_schema", "name": "n", "schema": {}}}})
            ),
            [
                "answer: JSON of schema n",
                "a call (tool_choice required)",
                "one call at a time",
                "max_output_tokens 50",
                "stop [\"\\n\"]",
                "verbosity low"
            ]
        );
    }
}
