//! Repairs the arguments of calls that models write.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::fields::{self, JsonKind};

/// Names that models use for the input of a free-form tool, whatever the schema says.
const INPUT_NAMES: [&str; 8] = [
    "input",
    "patch",
    "text",
    "content",
    "code",
    "arguments",
    "command",
    "cmd",
];

/// Whether a text is a complete JSON object.
pub(super) fn is_object(text: &str) -> bool {
    let raw = serde_json::from_str::<&RawValue>(text.trim());
    raw.is_ok_and(|raw| fields::kind(raw) == JsonKind::Object && fields::check(text).is_ok())
}

/// The arguments of a function as valid JSON, if they can be repaired; unchanged otherwise.
pub(super) fn repaired(arguments: &str) -> String {
    let text = arguments.trim();
    if text.is_empty() || text == "null" {
        return "{}".into();
    }
    if is_object(text) {
        return text.to_owned();
    }
    // Some models encode the JSON as a string once more.
    if let Ok(inner) = serde_json::from_str::<String>(text)
        && is_object(&inner)
    {
        return inner.trim().to_owned();
    }
    let escaped = escape_control_characters(text);
    if is_object(&escaped) {
        escaped
    } else {
        text.to_owned()
    }
}

/// The arguments of a function for a server: always a JSON object.
pub(super) fn as_object(arguments: &str) -> String {
    let mended = repaired(arguments);
    if is_object(&mended) {
        mended
    } else {
        serde_json::json!({"arguments": arguments}).to_string()
    }
}

/// Parses arguments; `None` if they are no JSON object, even repaired.
pub(super) fn value_of(arguments: &str) -> Option<Value> {
    let text = repaired(arguments);
    if fields::is_too_large_for_tree(&text) || !is_object(&text) {
        return None;
    }
    serde_json::from_str(&text).ok()
}

/// The input of a free-form tool: from the parameter that was asked for, from another likely one,
/// or the arguments as they are.
pub(super) fn free_text(arguments: &str, parameter: &str) -> String {
    if let Ok(text) = serde_json::from_str::<String>(arguments.trim())
        && !is_object(&text)
    {
        return text;
    }
    let Some(Value::Object(fields)) = value_of(arguments) else {
        return arguments.to_owned();
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let mut texts = fields.values().filter_map(Value::as_str);
    let only = || texts.next().filter(|_| texts.next().is_none());
    text(parameter)
        .or_else(only)
        .or_else(|| INPUT_NAMES.iter().find_map(|name| text(name)))
        .map_or_else(|| arguments.to_owned(), str::to_owned)
}

/// Escapes raw line breaks and tabs in JSON strings, which models forget to do in long texts.
fn escape_control_characters(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() + 16);
    let (mut is_string, mut is_escape) = (false, false);
    for c in json.chars() {
        match c {
            '"' if !is_escape => is_string = !is_string,
            '\n' if is_string => {
                escaped.push_str("\\n");
                is_escape = false;
                continue;
            }
            '\t' if is_string => {
                escaped.push_str("\\t");
                is_escape = false;
                continue;
            }
            '\r' if is_string => {
                escaped.push_str("\\r");
                is_escape = false;
                continue;
            }
            _ => {}
        }
        is_escape = is_string && c == '\\' && !is_escape;
        escaped.push(c);
    }
    escaped
}

/// Extracts the input of a free-form tool from arguments while they are being streamed, for
/// display.
#[derive(Debug, Default)]
pub(super) struct FreeTextScanner {
    position: ScanPosition,
    /// Characters not interpreted yet: the beginning, or an incomplete escape.
    pending: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum ScanPosition {
    /// Before the string.
    #[default]
    Before,
    /// In the string with the input.
    Text,
    /// The input is raw text, not JSON.
    Raw,
    /// After the string.
    After,
}

impl FreeTextScanner {
    /// Most characters to scan for the beginning of the input.
    const MAX_LOOKAHEAD: usize = 200;

    /// Takes more of the arguments, and returns more of the input.
    pub(super) fn feed(&mut self, arguments: &str) -> String {
        let mut found = String::new();
        for c in arguments.chars() {
            match self.position {
                ScanPosition::Before => self.before(c, &mut found),
                ScanPosition::Text => self.text(c, &mut found),
                ScanPosition::Raw => found.push(c),
                ScanPosition::After => {}
            }
        }
        found
    }

    fn before(&mut self, c: char, found: &mut String) {
        self.pending.push(c);
        let pending = self.pending.trim_start();
        let is_near = self.pending.len() < Self::MAX_LOOKAHEAD;
        if pending.is_empty() && is_near {
            return;
        }
        let is_json = pending.starts_with('{') && is_near;
        if !is_json && pending != "\"" {
            self.position = ScanPosition::Raw;
            found.push_str(&std::mem::take(&mut self.pending));
        } else if c == '"' {
            // The name of a parameter stands before the colon.
            let head = pending[..pending.len() - 1].trim_end();
            if pending == "\"" || head.ends_with(':') {
                self.position = ScanPosition::Text;
                self.pending.clear();
            }
        }
    }

    fn text(&mut self, c: char, found: &mut String) {
        if self.pending.is_empty() {
            match c {
                '"' => self.position = ScanPosition::After,
                '\\' => self.pending.push(c),
                c => found.push(c),
            }
            return;
        }
        self.pending.push(c);
        // A surrogate pair is two escapes.
        let is_unicode = self.pending.as_bytes().get(1) == Some(&b'u');
        let is_half = |at: usize| {
            let digits = self.pending.get(at..at + 4).unwrap_or_default();
            u32::from_str_radix(digits, 16).is_ok_and(|code| (0xD800..0xDC00).contains(&code))
        };
        let length = if !is_unicode {
            2
        } else if self.pending.len() >= 6 && is_half(2) {
            12
        } else {
            6
        };
        if self.pending.len() >= length {
            let quoted = format!("\"{}\"", self.pending);
            found.push_str(&serde_json::from_str::<String>(&quoted).unwrap_or_default());
            self.pending.clear();
        }
    }
}
