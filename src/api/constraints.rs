//! Constraints that a request puts on the answer, in words for the person, so that none is silently
//! ignored.

use super::fields::Fields;
use super::{Format, OutputFormat, Purpose, Request, ToolChoice};

/// Limits on the answer other than its format and its calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputLimits {
    /// Most tokens of the whole response: name of the field, and its value.
    output: Option<(&'static str, u64)>,
    /// Most tool calls.
    tool_calls: Option<u64>,
    /// Stop sequences: name of the field, and its JSON.
    stop: Option<(&'static str, Box<str>)>,
    /// `verbosity`: how long the answer is to be.
    verbosity: Option<Box<str>>,
}

impl OutputLimits {
    /// Reads the limits of a request, by the field names of all formats. A field of the wrong type
    /// is ignored.
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        let number = |key: &'static str| fields.integer(key).ok().flatten();
        let output = |key: &&'static str| number(key).map(|most| (*key, most));
        let stop = |key: &&'static str| fields.get(key).map(|stop| (*key, stop.get().into()));
        Self {
            output: OUTPUT_LIMITS.iter().find_map(output),
            tool_calls: number("max_tool_calls"),
            stop: ["stop", "stop_sequences"].iter().find_map(stop),
            verbosity: fields.object("text").text("verbosity").map(Into::into),
        }
    }

    /// Most tokens of the response, if limited.
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        self.output.map(|(_, most)| most)
    }
}

impl Request {
    /// Every constraint on the answer, each in a few words.
    pub fn constraints(&self) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(match self.purpose {
            Purpose::Turn | Purpose::Probe => None,
            Purpose::Title => Some("a title of the conversation".to_owned()),
            Purpose::CommitMessage => Some("a commit message".to_owned()),
            Purpose::Summary => Some("a summary of the conversation".to_owned()),
            Purpose::PermissionCheck => Some("whether an agent may do this".to_owned()),
        });
        match &self.output_format {
            OutputFormat::Text => {}
            OutputFormat::JsonObject => found.push("a JSON object".into()),
            // The schemas of Messages have no names.
            OutputFormat::JsonSchema { name, .. } if name.is_empty() => {
                found.push("JSON (schema)".into());
            }
            OutputFormat::JsonSchema { name, .. } => {
                found.push(format!("JSON ({name})"));
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
        let limits = &self.limits;
        if let Some((name, most)) = limits.output {
            found.push(format!("{name} {most}"));
        }
        if let Some(most) = limits.tool_calls {
            found.push(format!("max_tool_calls {most}"));
        }
        if self.format == Format::Responses && self.background {
            found.push("in the background".into());
        }
        if let Some((name, stop)) = &limits.stop {
            found.push(format!("{name} {stop}"));
        }
        if let Some(verbosity) = &limits.verbosity {
            found.push(format!("verbosity {verbosity}"));
        }
        found
    }

    /// Most tokens of the whole response, if the client limits them.
    pub(crate) fn output_limit(&self) -> Option<u64> {
        self.limits.output.map(|(_, most)| most)
    }
}

/// Names of the token limit in all formats; Chat Completions has a new and a deprecated one.
const OUTPUT_LIMITS: [&str; 3] = ["max_output_tokens", "max_completion_tokens", "max_tokens"];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::api::Interner;
    use crate::api::responses::parse;

    #[test]
    fn everything_that_is_asked_is_named() {
        let asks = |body: Value| {
            parse(body.to_string().as_bytes(), &Interner::default())
                .unwrap()
                .constraints()
        };
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
                "JSON (n)",
                "a call (tool_choice required)",
                "one call at a time",
                "max_output_tokens 50",
                "stop [\"\\n\"]",
                "verbosity low"
            ]
        );
    }
}
