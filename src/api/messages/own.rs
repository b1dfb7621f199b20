//! Tools that Anthropic defined and clients run. Requests name them by type only, because
//! Anthropic's models know their arguments; everybody else needs the schemas here.

use serde_json::{Value, json};

/// The schema of the arguments of a tool of this type; `None` if Anthropic did not define it.
pub(super) fn parameters(kind: &str) -> Option<Value> {
    let is = |own: &str| kind.starts_with(own);
    if is("bash_") {
        return Some(json!({"type": "object",
            "description": "Runs commands in a bash shell that stays open between calls.",
            "properties": {
                "command": {"type": "string", "description": "The command."},
                "restart": {"type": "boolean",
                    "description": "Whether to start the shell anew instead."}}}));
    }
    if is("text_editor_") {
        return Some(text_editor());
    }
    if is("memory_") {
        return Some(memory());
    }
    is("computer_").then(computer)
}

fn text_editor() -> Value {
    json!({"type": "object",
        "description": "Shows files and folders, makes files and changes them.",
        "properties": {
            "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
            "path": {"type": "string", "description": "The file or folder."},
            "file_text": {"type": "string", "description": "create: what the file is to hold."},
            "old_str": {"type": "string",
                "description": "str_replace: the text to replace, which must be there once."},
            "new_str": {"type": "string",
                "description": "str_replace, insert: the text to put there."},
            "insert_text": {"type": "string",
                "description": "insert: the same, in newer versions of the tool."},
            "insert_line": {"type": "integer",
                "description": "insert: the line behind which it goes; 0 is the beginning."},
            "view_range": {"type": "array", "items": {"type": "integer"},
                "description": "view: the first and the last line; -1 is the end."}},
        "required": ["command", "path"]})
}

fn memory() -> Value {
    json!({"type": "object",
        "description": "Keeps notes in files below /memories between conversations.",
        "properties": {
            "command": {"type": "string",
                "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
            "path": {"type": "string", "description": "The file or folder; not for rename."},
            "file_text": {"type": "string", "description": "create: what the file is to hold."},
            "old_str": {"type": "string", "description": "str_replace: the text to replace."},
            "new_str": {"type": "string", "description": "str_replace: the text to put there."},
            "insert_line": {"type": "integer",
                "description": "insert: the line behind which it goes; 0 is the beginning."},
            "insert_text": {"type": "string", "description": "insert: the text."},
            "old_path": {"type": "string", "description": "rename: what is to be renamed."},
            "new_path": {"type": "string", "description": "rename: the new name."},
            "view_range": {"type": "array", "items": {"type": "integer"},
                "description": "view: the first and the last line."}},
        "required": ["command"]})
}

fn computer() -> Value {
    json!({"type": "object",
        "description": "Uses the mouse and the keyboard, and shows the screen.",
        "properties": {
            "action": {"type": "string",
                "enum": ["screenshot", "left_click", "right_click", "middle_click",
                    "double_click", "triple_click", "left_click_drag", "left_mouse_down",
                    "left_mouse_up", "mouse_move", "cursor_position", "scroll", "type", "key",
                    "hold_key", "wait", "zoom"]},
            "coordinate": {"type": "array", "items": {"type": "integer"},
                "description": "Where, from the left and from the top."},
            "start_coordinate": {"type": "array", "items": {"type": "integer"},
                "description": "left_click_drag: where it begins."},
            "text": {"type": "string",
                "description": "type: the text; key, hold_key: the key; click: a key that is held."},
            "scroll_direction": {"type": "string", "enum": ["up", "down", "left", "right"]},
            "scroll_amount": {"type": "integer"},
            "duration": {"type": "number", "description": "hold_key, wait: how many seconds."},
            "region": {"type": "array", "items": {"type": "integer"},
                "description": "zoom: the left, top, right and bottom of what is shown."}},
        "required": ["action"]})
}
