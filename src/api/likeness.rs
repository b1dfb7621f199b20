//! The canonical form by which items of the same content are found.

use std::borrow::Cow;

use serde::Serialize;

use super::{Body, ContentPart, ItemBody, Phase};
use crate::hash::Hash;

/// An item without the fields that may differ when a client sends it again, such as `id` and
/// `status`.
///
/// Its JSON stays the same from one version of the program to the next: conversations on disk are
/// found by the hash of it.
#[derive(PartialEq, Serialize)]
pub(super) enum Likeness<'a> {
    Message {
        role: &'a str,
        phase: Option<&'static str>,
        content: &'a [ContentPart],
    },
    Reasoning {
        summary: &'a [String],
    },
    FunctionCall {
        name: Cow<'a, str>,
        arguments: &'a str,
        call_id: &'a str,
    },
    CustomToolCall {
        name: &'a str,
        input: &'a str,
        call_id: &'a str,
    },
    LocalShellCall {
        command: &'a [String],
        call_id: &'a str,
    },
    ShellCall {
        commands: &'a [String],
        call_id: &'a str,
    },
    ToolOutput {
        call_id: &'a str,
        content: &'a [ContentPart],
    },
    Compaction {
        summary: Option<&'a str>,
    },
    Other {
        kind: &'a str,
        says: &'a str,
    },
}

impl<'a> Likeness<'a> {
    /// The canonical form of an item.
    pub(super) fn of(body: &'a ItemBody) -> Self {
        match body {
            ItemBody::Said {
                role,
                call_id,
                body,
            } => Self::of_said(role, call_id.as_deref().unwrap_or_default(), body),
            ItemBody::ToolOutput { call_id, content } => Self::ToolOutput { call_id, content },
            ItemBody::Compaction { summary } => Self::Compaction {
                summary: summary.as_deref(),
            },
            ItemBody::Other {
                kind, fields: says, ..
            } => Self::Other { kind, says },
        }
    }

    fn of_said(role: &'a str, call_id: &'a str, body: &'a Body) -> Self {
        match body {
            Body::Message { content, phase } => Self::Message {
                role,
                phase: phase.map(Phase::as_str),
                content,
            },
            Body::Reasoning { summary } => Self::Reasoning { summary },
            Body::FunctionCall { arguments, .. } => Self::FunctionCall {
                name: body.full_tool_name().unwrap_or_default(),
                arguments,
                call_id,
            },
            Body::CustomToolCall { name, input } => Self::CustomToolCall {
                name,
                input,
                call_id,
            },
            Body::LocalShellCall { command, .. } => Self::LocalShellCall { command, call_id },
            Body::ShellCall { commands, .. } => Self::ShellCall { commands, call_id },
        }
    }

    /// Hash of its JSON.
    pub(super) fn hash(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        // Writing to a hasher cannot fail, and everything here has a form in JSON.
        let _ = serde_json::to_writer(&mut hasher, self);
        Hash::from_hasher(&hasher)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Item;

    /// The hash is of this text, by which conversations on disk are found.
    #[test]
    fn it_is_written_as_every_version_did() {
        let table = [
            (
                json!({"type": "message", "role": "assistant", "phase": "final_answer", "id": "m",
                    "content": [{"type": "output_text", "text": "a"}, {"type": "refusal",
                    "refusal": "b"}]}),
                json!({"Message": {"role": "assistant", "phase": "final_answer",
                    "content": [{"Text": "a"}, {"Refusal": "b"}]}}),
            ),
            (
                json!({"role": "user", "content": [
                    {"type": "input_file", "filename": "a", "file_data": "AAAA"},
                    {"type": "input_image", "file_id": "b"}]}),
                json!({"Message": {"role": "user", "phase": null,
                    "content": [{"File": {"name": "a", "size": 3}}, {"Image": "b"}]}}),
            ),
            (
                json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]}),
                json!({"Reasoning": {"summary": ["a"]}}),
            ),
            (
                json!({"type": "function_call", "namespace": "a", "name": "b", "arguments": "{}",
                    "call_id": "c"}),
                json!({"FunctionCall": {"name": "a.b", "arguments": "{}", "call_id": "c"}}),
            ),
            (
                json!({"type": "custom_tool_call", "name": "a", "input": "b", "call_id": "c"}),
                json!({"CustomToolCall": {"name": "a", "input": "b", "call_id": "c"}}),
            ),
            (
                json!({"type": "local_shell_call", "call_id": "c", "action": {
                    "command": ["ls"], "working_directory": "/"}}),
                json!({"LocalShellCall": {"command": ["ls"], "call_id": "c"}}),
            ),
            (
                json!({"type": "shell_call", "call_id": "c", "action": {
                    "commands": ["ls"], "timeout_ms": 1}}),
                json!({"ShellCall": {"commands": ["ls"], "call_id": "c"}}),
            ),
            (
                json!({"type": "function_call_output", "call_id": "c", "output": "a"}),
                json!({"ToolOutput": {"call_id": "c", "content": [{"Text": "a"}]}}),
            ),
            (
                json!({"type": "compaction", "encrypted_content": "of another server"}),
                json!({"Compaction": {"summary": null}}),
            ),
            (
                json!({"type": "hologram", "id": "h", "x": 1}),
                json!({"Other": {"kind": "hologram", "says": "type:\"hologram\"\nx:1\n"}}),
            ),
        ];
        for (raw, expected) in table {
            let item = Item::from_responses(&raw);
            let likeness = Likeness::of(item.body());
            let text = serde_json::to_string(&likeness).unwrap();
            assert_eq!(text, expected.to_string());
            assert_eq!(
                item.likeness(),
                Hash::from_hasher(blake3::Hasher::new().update(text.as_bytes()))
            );
        }
    }
}
