//! Reads an item of the Responses API.

use serde_json::value::RawValue;

use crate::api::fields::{Fields, text};
use crate::api::{Body, ContentPart, ItemBody, Phase, compaction};

/// Parses an item. Anything unknown becomes [`ItemBody::Other`].
pub(crate) fn read_item(raw: &str) -> ItemBody {
    let fields = Fields::of_text(raw);
    let kind = match fields.text("type") {
        Some(kind) => kind,
        // The short form of a message has no type.
        None if fields.get("role").is_some() => "message".into(),
        None => "item".into(),
    };
    let call = |body| ItemBody::call(fields.text_or_empty("call_id"), body);
    match kind.as_str() {
        "message" => ItemBody::Said {
            role: fields.text("role").unwrap_or_else(|| "unknown".into()),
            call_id: None,
            body: Body::Message {
                content: fields.get("content").map(read_content).unwrap_or_default(),
                phase: fields
                    .text("phase")
                    .and_then(|phase| Phase::of_name(&phase)),
            },
        },
        "reasoning" => {
            let parts = ["summary", "content"]
                .iter()
                .flat_map(|key| fields.list(key));
            let parts = parts.filter_map(|part| Fields::of(part).text("text"));
            ItemBody::reasoning(parts.collect())
        }
        "function_call" => call(Body::FunctionCall {
            namespace: fields.text("namespace"),
            name: fields.text_or_empty("name"),
            arguments: fields.text_or_empty("arguments"),
        }),
        "custom_tool_call" => call(Body::CustomToolCall {
            name: fields.text_or_empty("name"),
            input: fields.text_or_empty("input"),
        }),
        "local_shell_call" => {
            let action = fields.object("action");
            let command = action.list("command").into_iter();
            call(Body::LocalShellCall {
                command: command.filter_map(text).collect(),
                working_directory: action.text("working_directory"),
            })
        }
        "shell_call" => {
            let action = fields.object("action");
            let commands = action.list("commands").into_iter();
            let number = |name| action.integer(name).ok().flatten();
            call(Body::ShellCall {
                commands: commands.filter_map(text).collect(),
                timeout_ms: number("timeout_ms"),
                max_output_length: number("max_output_length"),
            })
        }
        "compaction" => ItemBody::Compaction {
            summary: fields
                .text("encrypted_content")
                .and_then(|content| compaction::read(&content)),
        },
        kind if kind.ends_with("_output") && fields.get("output").is_some() => {
            ItemBody::ToolOutput {
                call_id: fields.text_or_empty("call_id"),
                content: fields.get("output").map(read_content).unwrap_or_default(),
            }
        }
        _ => ItemBody::Other {
            kind,
            call_id: fields.text("call_id"),
            fields: canonical_fields(&fields),
        },
    }
}

/// The fields of an unknown item except `id` and `status`, sorted by name, each as `name:JSON` on a
/// line.
fn canonical_fields(fields: &Fields<'_>) -> String {
    let fields = fields.iter();
    let mut fields: Vec<(&str, &str)> = fields
        .filter(|(key, _)| !matches!(*key, "id" | "status"))
        .map(|(key, raw)| (key, raw.get()))
        .collect();
    fields.sort_unstable();
    let fields = fields.iter().map(|(key, raw)| format!("{key}:{raw}\n"));
    fields.collect()
}

fn read_content(content: &RawValue) -> Vec<ContentPart> {
    ContentPart::read_list(content, |part| [read_part(part)])
}

fn read_part(part: &RawValue) -> ContentPart {
    let fields = Fields::of(part);
    let found = |keys: &[&str]| keys.iter().find_map(|key| fields.text(key));
    let read = match fields.text("type").as_deref() {
        Some("input_text" | "output_text" | "text" | "summary_text" | "reasoning_text") => {
            found(&["text"]).map(ContentPart::Text)
        }
        Some("refusal") => found(&["refusal"]).map(ContentPart::Refusal),
        Some("input_image") => found(&["image_url", "file_id"]).map(ContentPart::Image),
        Some("input_file") => {
            let name = found(&["filename", "file_id", "file_url"]);
            name.map(|name| ContentPart::file(name, fields.text("file_data").as_deref()))
        }
        // What a command printed (`shell_call_output`), which is read where it is shown.
        None if fields.get("stdout").is_some() => Some(ContentPart::Text(part.get().to_owned())),
        _ => None,
    };
    read.unwrap_or_else(|| ContentPart::Other(part.get().to_owned()))
}
