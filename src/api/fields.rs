//! Reads the fields of JSON objects without parsing their values, with errors that name the wrong
//! field.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::ApiError;

/// The fields of an object, each with its raw JSON. Of two with the same name the last counts.
#[derive(Debug)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads the body of a request. Values are only scanned; [`check`] validates what is in them.
    pub(crate) fn of_body(body: &'a [u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice::<Self>(body) {
            Ok(fields) => Ok(fields),
            Err(error) if error.is_data() => match serde_json::from_slice::<&RawValue>(body) {
                Ok(other) => {
                    check_body(body)?;
                    Err(ApiError::wrong_type("body", "an object", other))
                }
                Err(error) => Err(not_json(&error)),
            },
            Err(_) => {
                check_body(body)?;
                Err(ApiError::invalid("The body could not be read."))
            }
        }
    }

    /// The fields of a value that is known to be JSON; none if it is not an object.
    pub(crate) fn of(raw: &'a RawValue) -> Self {
        Self::of_text(raw.get())
    }

    /// The fields of a text that is known to be JSON; none if it is not an object.
    pub(crate) fn of_text(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self(Vec::new()))
    }

    /// A field, unless it is `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    /// A field that is a string; `None` otherwise.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// A field that is a string; empty otherwise.
    pub(crate) fn text_or_empty(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// The fields of a nested object; none if the field is absent or no object.
    pub(crate) fn object(&self, name: &str) -> Fields<'a> {
        self.get(name).map_or(Self(Vec::new()), Self::of)
    }

    /// The members of an array; none if the field is absent or no array.
    pub(crate) fn list(&self, name: &str) -> Vec<&'a RawValue> {
        self.get(name).map(list).unwrap_or_default()
    }

    /// All fields, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, raw)| (key.as_ref(), *raw))
    }

    /// An optional string; an error if it is of another type.
    pub(crate) fn string(&self, key: &str) -> Result<Option<String>, ApiError> {
        self.typed(key, "a string")
    }

    /// An optional boolean; an error if it is of another type.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, ApiError> {
        self.typed(key, "a boolean")
    }

    /// An optional unsigned integer; an error if it is of another type.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<u64>, ApiError> {
        self.typed(key, "an integer")
    }

    /// The members of an optional array; an error if it is of another type.
    pub(crate) fn members(&self, key: &str) -> Result<Option<Vec<&'a str>>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(raw) if kind(raw) == JsonKind::Array => Ok(Some(members(raw))),
            Some(other) => Err(ApiError::wrong_type(key, "an array", other)),
        }
    }

    /// Checks that an optional field is of one of these kinds.
    pub(crate) fn expect(
        &self,
        key: &str,
        expected: &str,
        kinds: &[JsonKind],
    ) -> Result<(), ApiError> {
        match self.get(key) {
            Some(raw) if !kinds.contains(&kind(raw)) => {
                Err(ApiError::wrong_type(key, expected, raw))
            }
            _ => Ok(()),
        }
    }

    fn typed<T: Deserialize<'a>>(&self, key: &str, expected: &str) -> Result<Option<T>, ApiError> {
        let Some(raw) = self.get(key) else {
            return Ok(None);
        };
        let read = serde_json::from_str(raw.get());
        read.map(Some)
            .map_err(|_| ApiError::wrong_type(key, expected, raw))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::with_capacity(16);
                while let Some(Name(name)) = map.next_key()? {
                    all.push((name, map.next_value()?));
                }
                Ok(Fields(all))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// The name of a field, borrowed where it holds no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// What kind of value a text of JSON is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl JsonKind {
    /// The kind with an article, for error messages.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// The kind of a value, told by its first character.
pub(crate) fn kind(raw: &RawValue) -> JsonKind {
    kind_of_text(raw.get())
}

/// The kind of the value in a text that is known to be JSON.
pub(crate) fn kind_of_text(text: &str) -> JsonKind {
    match text.as_bytes().first() {
        Some(b'{') => JsonKind::Object,
        Some(b'[') => JsonKind::Array,
        Some(b'"') => JsonKind::String,
        Some(b't' | b'f') => JsonKind::Bool,
        Some(b'n') => JsonKind::Null,
        _ => JsonKind::Number,
    }
}

/// The text of a string.
pub(crate) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The members of an array; none of anything else.
pub(crate) fn list(raw: &RawValue) -> Vec<&RawValue> {
    list_of_text(raw.get())
}

/// The members of an array in a text that is known to be JSON; none of anything else.
pub(crate) fn list_of_text(text: &str) -> Vec<&RawValue> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The raw JSON of each member of an array; none of anything else. Only looks for the end of each
/// member.
pub(crate) fn members(array: &RawValue) -> Vec<&str> {
    let text = array.get();
    let mut members = Vec::new();
    let Some(inside) = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')) else {
        return members;
    };
    let bytes = inside.as_bytes();
    let (mut start, mut at, mut depth) = (0, 0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                members.push(inside[start..at - 1].trim_ascii());
                start = at;
            }
            _ => {}
        }
    }
    let last = inside[start..].trim_ascii();
    members.extend((!last.is_empty()).then_some(last));
    members
}

/// The end of the string whose opening quote is before `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        // An escaped quote does not end the string.
        at += 1;
    }
    bytes.len()
}

/// Parses a value, unless its tree would take too much memory.
pub(crate) fn value(raw: Option<&RawValue>) -> Option<Value> {
    let text = raw?.get();
    if is_too_large_for_tree(text) {
        None
    } else {
        serde_json::from_str(text).ok()
    }
}

/// Whether a value has too many members to be parsed into a tree: a few megabytes of brackets are
/// gigabytes as a tree. Characters in strings are counted too, which is quick and errs on the safe
/// side.
pub(crate) fn is_too_large_for_tree(json: &str) -> bool {
    /// More values than any schema has that a person could fill in.
    const MAX: usize = 200_000;
    let marks = json
        .bytes()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    json.len() > MAX && marks.take(MAX + 1).count() > MAX
}

/// Checks a value all the way down: strings are Unicode, numbers are valid, and it is not nested
/// too deeply.
pub(crate) fn check(json: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<Checked>(json).map(|Checked| ())
}

/// Checks a whole body, with the error for its client.
pub(crate) fn check_body(body: &[u8]) -> Result<(), ApiError> {
    serde_json::from_slice::<Checked>(body)
        .map(|Checked| ())
        .map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::invalid(format!(
        "We could not parse the JSON body of your request: {error}."
    ))
    .code("invalid_json")
}

/// A value that was validated and not kept.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CheckVisitor;
        impl<'de> Visitor<'de> for CheckVisitor {
            type Value = Checked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }

            fn visit_unit<E: Error>(self) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Checked, E> {
                Ok(Checked)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Checked, A::Error> {
                while let Some(Checked) = seq.next_element()? {}
                Ok(Checked)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
                while map.next_key::<Name<'de>>()?.is_some() {
                    let Checked = map.next_value()?;
                }
                Ok(Checked)
            }
        }
        deserializer.deserialize_any(CheckVisitor)
    }
}

/// Reads `messages`: each an object with a role.
pub(super) fn messages<'a>(fields: &Fields<'a>) -> Result<Vec<&'a str>, ApiError> {
    let messages = fields
        .members("messages")?
        .ok_or_else(|| ApiError::missing("messages"))?;
    check_objects(&messages, "messages")?;
    Ok(messages)
}

/// Checks that every member of a list is an object; `key` is the name of the list.
pub(super) fn check_objects(list: &[&str], key: &str) -> Result<(), ApiError> {
    for (index, member) in list.iter().enumerate() {
        check_object(member, key, index)?;
    }
    Ok(())
}

/// Checks that a member of the list `key` is an object.
pub(super) fn check_object(member: &str, key: &str, index: usize) -> Result<(), ApiError> {
    match kind_of_text(member) {
        JsonKind::Object => Ok(()),
        other => {
            let param = format!("{key}[{index}]");
            Err(ApiError::wrong_kind(param, "an object", other))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            "-?[1-9][0-9]{0,3}",
            any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just("\"\\\\\"".to_owned()),
            Just("\"]\\\",[\"".to_owned()),
        ];
        let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            let spaced = (space.clone(), inner, space.clone())
                .prop_map(|(before, value, after)| format!("{before}{value}{after}"));
            let all = prop::collection::vec(spaced, 0..4);
            prop_oneof![
                all.clone().prop_map(|all| format!("[{}]", all.join(","))),
                all.prop_map(|all| {
                    let fields = all.iter().enumerate();
                    let fields = fields.map(|(n, value)| format!("\"{n}\" :{value}"));
                    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_those_that_a_parser_finds(values in prop::collection::vec(json(), 0..5)) {
            let text = format!("[ {}\n]", values.join(" ,"));
            let array: &RawValue = serde_json::from_str(&text).unwrap();
            let expected: Vec<&str> = list(array).into_iter().map(RawValue::get).collect();
            prop_assert_eq!(members(array), expected);
        }
    }
}
