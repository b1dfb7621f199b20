//! Arguments as models write them, and what was meant.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::fields::{self, JsonKind};

/// Names that models give to the text of a free-form tool, whatever they were told.
const INPUTS: [&str; 8] = [
    "input",
    "patch",
    "text",
    "content",
    "code",
    "arguments",
    "command",
    "cmd",
];

/// Whether a text is a whole object.
pub(super) fn is_object(text: &str) -> bool {
    let raw = serde_json::from_str::<&RawValue>(text.trim());
    raw.is_ok_and(|raw| fields::kind(raw) == JsonKind::Object && fields::check(text).is_ok())
}

/// The arguments of a function as JSON, wherever it can be told what they are to be; as they are
/// written otherwise.
pub(super) fn mended(arguments: &str) -> String {
    let text = arguments.trim();
    if text.is_empty() || text == "null" {
        return "{}".into();
    }
    if is_object(text) {
        return text.to_owned();
    }
    // Some write the JSON as a string once more.
    if let Ok(inner) = serde_json::from_str::<String>(text)
        && is_object(&inner)
    {
        return inner.trim().to_owned();
    }
    let escaped = escaped(text);
    if is_object(&escaped) {
        escaped
    } else {
        text.to_owned()
    }
}

/// The arguments of a function for a server: always an object.
pub(super) fn object(arguments: &str) -> String {
    let mended = mended(arguments);
    if is_object(&mended) {
        mended
    } else {
        serde_json::json!({"arguments": arguments}).to_string()
    }
}

/// Arguments as a tree; `None` if they are no object that anybody could read.
pub(super) fn value_of(arguments: &str) -> Option<Value> {
    let text = mended(arguments);
    if fields::is_bushy(&text) || !is_object(&text) {
        return None;
    }
    serde_json::from_str(&text).ok()
}

/// The text for a free-form tool: in the parameter that was asked for, in another one that can be
/// meant, or as it stands.
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
        .or_else(|| INPUTS.iter().find_map(|name| text(name)))
        .map_or_else(|| arguments.to_owned(), str::to_owned)
}

/// JSON with line breaks and tabs in its strings written as they have to be, which models forget in
/// long texts.
fn escaped(json: &str) -> String {
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

/// Finds the text for a free-form tool in arguments while they are being written, to be looked at.
#[derive(Debug, Default)]
pub(super) struct FreeText {
    place: ScanPosition,
    /// What is not decided yet: the beginning, or an escape.
    pending: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum ScanPosition {
    /// Before the text.
    #[default]
    Before,
    /// In the string that is the text.
    Text,
    /// In a text that is no JSON.
    Raw,
    /// After it.
    After,
}

impl FreeText {
    /// The most characters that are looked at for the beginning of the text.
    const FARTHEST: usize = 200;

    /// More of the arguments; gives more of the text.
    pub fn more(&mut self, arguments: &str) -> String {
        let mut found = String::new();
        for c in arguments.chars() {
            match self.place {
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
        let is_near = self.pending.len() < Self::FARTHEST;
        if pending.is_empty() && is_near {
            return;
        }
        let is_json = pending.starts_with('{') && is_near;
        if !is_json && pending != "\"" {
            self.place = ScanPosition::Raw;
            found.push_str(&std::mem::take(&mut self.pending));
        } else if c == '"' {
            // The name of a parameter stands before the colon.
            let head = pending[..pending.len() - 1].trim_end();
            if pending == "\"" || head.ends_with(':') {
                self.place = ScanPosition::Text;
                self.pending.clear();
            }
        }
    }

    fn text(&mut self, c: char, found: &mut String) {
        if self.pending.is_empty() {
            match c {
                '"' => self.place = ScanPosition::After,
                '\\' => self.pending.push(c),
                c => found.push(c),
            }
            return;
        }
        self.pending.push(c);
        // A pair of escapes may stand for one character.
        let is_unicode = self.pending.as_bytes().get(1) == Some(&b'u');
        let is_half = |at: usize| {
            let digits = self.pending.get(at..at + 4).unwrap_or_default();
            u32::from_str_radix(digits, 16).is_ok_and(|code| (0xD800..0xDC00).contains(&code))
        };
        let length = match is_unicode {
            false => 2,
            true if self.pending.len() >= 6 && is_half(2) => 12,
            true => 6,
        };
        if self.pending.len() >= length {
            let quoted = format!("\"{}\"", self.pending);
            found.push_str(&serde_json::from_str::<String>(&quoted).unwrap_or_default());
            self.pending.clear();
        }
    }
}
