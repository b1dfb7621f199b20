//! Options of a request that other servers support too: tools, output format, limits, sampling.

use serde_json::{Map, Value, json};

use super::DraftContext;
use super::tools::{Function, Toolbox};
use crate::api::fields::value;
use crate::api::{Fields, OutputFormat, ToolChoice};

/// Options for the generation of an answer.
#[derive(Debug)]
pub(super) struct GenerationOptions {
    /// The functions that may be called.
    pub functions: Vec<Function>,
    pub choice: ToolUse,
    /// Whether at most one call is allowed; only sent if so.
    pub(crate) one_call: bool,
    pub output: OutputFormat,
    /// Whether the server is to enforce the schema.
    pub strict: bool,
    pub max_tokens: Option<u64>,
    pub stop: Vec<String>,
    /// Numeric options, by names that formats share.
    pub numbers: Vec<(&'static str, Value)>,
}

/// Whether the model is to call a tool. A choice of some tools is made by offering only those,
/// which all servers support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolUse {
    Auto,
    None,
    Required,
}

/// Fields that mean the same in every format that has them.
const NUMBERS: [&str; 6] = [
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "seed",
];

impl GenerationOptions {
    /// The options of a request, with these functions in the place of its tools.
    pub(super) fn of(
        ask: &DraftContext<'_>,
        toolbox: &Toolbox,
        mut functions: Vec<Function>,
    ) -> Self {
        let request = ask.request;
        let fields = Fields::of_text(request.envelope.text());
        let mut choice = match &request.tool_choice {
            ToolChoice::Auto => ToolUse::Auto,
            ToolChoice::None => ToolUse::None,
            ToolChoice::Required => ToolUse::Required,
            ToolChoice::Only { names, required } => {
                let allowed: Vec<&str> = names
                    .iter()
                    .flat_map(|name| toolbox.names_of(name))
                    .collect();
                functions.retain(|function| allowed.contains(&function.name.as_str()));
                if *required {
                    ToolUse::Required
                } else {
                    ToolUse::Auto
                }
            }
        };
        if functions.is_empty() {
            choice = ToolUse::Auto;
        }
        let limits = [request.output_limit(), ask.max_tokens];
        let number = |name: &&'static str| {
            let number = value(fields.get(name)).filter(Value::is_number);
            number.map(|number| (*name, number))
        };
        Self {
            one_call: !request.parallel_tool_calls && !functions.is_empty(),
            functions,
            choice,
            output: request.output_format.clone(),
            strict: is_strict(&fields),
            max_tokens: limits.into_iter().flatten().min(),
            stop: stop(&fields),
            numbers: NUMBERS.iter().filter_map(number).collect(),
        }
    }

    /// Inserts the numeric options that a format has into a body.
    pub(crate) fn insert_numbers(&self, names: &[&str], body: &mut Map<String, Value>) {
        for (name, number) in &self.numbers {
            if names.contains(name) {
                body.insert((*name).to_owned(), number.clone());
            }
        }
    }

    /// `tool_choice` in both formats of OpenAI; `None` for `auto`.
    pub(crate) fn choice_word(&self) -> Option<&'static str> {
        match self.choice {
            ToolUse::Auto => None,
            ToolUse::None => Some("none"),
            ToolUse::Required => Some("required"),
        }
    }

    /// The output format as the Responses API has it; Chat Completions nests the schema one level
    /// deeper.
    pub(super) fn schema(&self) -> Option<Value> {
        match &self.output {
            OutputFormat::Text => None,
            OutputFormat::JsonObject => Some(json!({"type": "json_object"})),
            OutputFormat::JsonSchema { name, schema } => {
                // A name is required.
                let name = if name.is_empty() { "answer" } else { name };
                let mut format = json!({"type": "json_schema", "name": name, "schema": schema});
                if self.strict {
                    format["strict"] = json!(true);
                }
                Some(format)
            }
        }
    }
}

/// `strict` of the output format.
fn is_strict(fields: &Fields<'_>) -> bool {
    let chat = fields.object("response_format").object("json_schema");
    let responses = fields.object("text").object("format");
    let strict = |format: &Fields<'_>| format.flag("strict").ok().flatten() == Some(true);
    strict(&chat) || strict(&responses)
}

/// Stop sequences, by the field names of all formats.
fn stop(fields: &Fields<'_>) -> Vec<String> {
    let stop = value(fields.get("stop").or_else(|| fields.get("stop_sequences")));
    let texts = match stop {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(texts)) => {
            let texts = texts.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}
