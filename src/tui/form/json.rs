//! JSON that keeps what `serde_json::Value` does not: how a number was written.
//!
//! Without `arbitrary_precision`, a [`Value`] turns `1e3` into `1000.0` and rounds integers of more
//! than 64 bits. Arguments leave as text, so nothing forces that loss upon them.
//! That feature would apply to all JSON in the program, make each number of a request a string in
//! memory, and still lose what [`JsonValue::Verbatim`] keeps.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::api::is_too_large_for_tree;

/// Levels of nesting that are parsed; what is deeper stays text, because the parser recurses.
const DEPTH: usize = 64;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum JsonValue {
    Null,
    Bool(bool),
    /// A number as it was written.
    Number(String),
    Text(String),
    List(Vec<JsonValue>),
    Object(Vec<(String, JsonValue)>),
    /// Valid JSON that the other variants would change: repeated keys, lone surrogates, and
    /// whatever is nested too deep.
    Verbatim(String),
}

impl JsonValue {
    /// JSON text for people to read; other text, and more of it than anybody reads, as it is.
    pub(super) fn pretty(text: &str) -> String {
        if is_too_large_for_tree(text) {
            return text.to_owned();
        }
        let Ok(json) = Self::parse(text) else {
            return text.to_owned();
        };
        let mut out = String::new();
        json.write_pretty(&mut out);
        out
    }

    /// Reads JSON text.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self::of_raw(serde_json::from_str(text)?, DEPTH))
    }

    fn of_raw(raw: &RawValue, depth: usize) -> Self {
        let text = raw.get();
        Self::of_valid(text, depth).unwrap_or_else(|| Self::Verbatim(text.to_owned()))
    }

    /// `None` if it has to stay text.
    fn of_valid(text: &str, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        Some(match text.as_bytes().first()? {
            b'n' => Self::Null,
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::List(
                    items
                        .into_iter()
                        .map(|raw| Self::of_raw(raw, depth))
                        .collect(),
                )
            }
            b'{' => Self::Object(
                members(text)?
                    .into_iter()
                    .map(|(name, raw)| (name, Self::of_raw(raw, depth)))
                    .collect(),
            ),
            _ => Self::Number(text.to_owned()),
        })
    }

    /// The nearest [`Value`]: exact for what a `Value` can hold. A number beyond the range of
    /// `f64` becomes a string, which a schema that asks for a number then rejects.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(text) => {
                number(text).map_or_else(|| Value::String(text.clone()), Value::Number)
            }
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(members) => {
                let member = |(name, json): &(String, Self)| (name.clone(), json.to_value());
                Value::Object(members.iter().map(member).collect::<Map<_, _>>())
            }
            Self::Verbatim(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
        }
    }

    /// Writes the value in as little space as it takes.
    pub(super) fn write(&self, out: &mut String) {
        self.write_at(out, None);
    }

    /// Writes the value for people to read and edit.
    pub(super) fn write_pretty(&self, out: &mut String) {
        self.write_at(out, Some(0));
    }

    /// `level` is how deep lines are indented, `None` for no lines at all.
    fn write_at(&self, out: &mut String, level: Option<usize>) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(text) | Self::Verbatim(text) => out.push_str(text),
            Self::Text(text) => write_string(out, text),
            Self::List(items) => write_all(out, ['[', ']'], level, items, |out, item, level| {
                item.write_at(out, level);
            }),
            Self::Object(members) => {
                write_all(out, ['{', '}'], level, members, |out, member, level| {
                    write_string(out, &member.0);
                    out.push_str(if level.is_some() { ": " } else { ":" });
                    member.1.write_at(out, level);
                });
            }
        }
    }
}

impl From<&Value> for JsonValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| (name.clone(), Self::from(value));
                Self::Object(members.iter().map(member).collect())
            }
        }
    }
}

impl fmt::Display for JsonValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

fn write_all<T>(
    out: &mut String,
    [open, close]: [char; 2],
    level: Option<usize>,
    all: &[T],
    write: impl Fn(&mut String, &T, Option<usize>),
) {
    let inner = level.map(|level| level + 1);
    let new_line = |out: &mut String, level: Option<usize>| {
        if let Some(level) = level {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", level));
        }
    };
    out.push(open);
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        new_line(out, inner);
        write(out, one, inner);
    }
    if !all.is_empty() {
        new_line(out, level);
    }
    out.push(close);
}

fn write_string(out: &mut String, text: &str) {
    out.push_str(&Value::from(text).to_string());
}

/// A number as a `Value` holds it. The conversions are those of the standard library because the
/// default ones of serde_json may be off by the last bit.
fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    match text.parse::<i64>() {
        // `-0` is not 0.
        Ok(whole) if whole != 0 => Some(whole.into()),
        _ => Number::from_f64(text.parse().ok()?),
    }
}

/// The members of an object, `None` if two have the same name.
fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(member) = map.next_entry()? {
                all.push(member);
            }
            Ok(all)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Ok(Vec::new())
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members).ok()?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let repeated = names.windows(2).any(|pair| pair[0] == pair[1]);
    (!repeated).then_some(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        JsonValue::parse(text).expect("JSON").to_string()
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        for text in [
            "1e3",
            "1.0",
            "-0",
            "123456789012345678901234567890",
            "1e999",
        ] {
            assert_eq!(again(text), text);
        }
        assert_eq!(
            again(" { \"a\" : [ 1.50 , 2E+2 ] } "),
            r#"{"a":[1.50,2E+2]}"#
        );
    }

    #[test]
    fn what_would_change_stays_text() {
        for text in [r#"{"a":1,"a":2}"#, r#""\ud800""#, r#"{"\ud800":1}"#] {
            assert_eq!(
                JsonValue::parse(text).expect("JSON"),
                JsonValue::Verbatim(text.into())
            );
        }
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(again(&deep), deep);
    }

    #[test]
    fn values_are_exact() {
        for text in [
            "0.1",
            "-0.0",
            "18446744073709551615",
            "-9223372036854775808",
            "5e-324",
        ] {
            let value = JsonValue::parse(text).expect("JSON").to_value();
            assert_eq!(JsonValue::from(&value).to_value(), value);
            assert_eq!(value.as_f64(), text.parse().ok(), "{text}");
        }
        assert_eq!(
            JsonValue::parse("-0").expect("JSON").to_value().to_string(),
            "-0.0"
        );
        assert!(
            JsonValue::parse("1e999")
                .expect("JSON")
                .to_value()
                .is_string()
        );
    }

    #[test]
    fn pretty_text_is_what_everyone_writes() {
        let value = serde_json::json!({"a": [], "b": {}, "c": [1, {"d": "é\n"}]});
        let mut pretty = String::new();
        JsonValue::from(&value).write_pretty(&mut pretty);
        assert_eq!(pretty, serde_json::to_string_pretty(&value).expect("JSON"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "nul", "01", "1 2", "+1", "\"a", "[1,]"] {
            assert!(JsonValue::parse(text).is_err(), "{text}");
        }
    }
}
