//! Reads the fields of a request body, and says which of them is wrong.

use serde_json::{Map, Value};

use super::ApiError;

/// The body as an object.
pub(crate) fn json_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let body: Value = serde_json::from_slice(body).map_err(|error| {
        ApiError::invalid(format!(
            "We could not parse the JSON body of your request: {error}."
        ))
        .code("invalid_json")
    })?;
    match body {
        Value::Object(params) => Ok(params),
        other => Err(ApiError::wrong_type("body", "an object", &other)),
    }
}

/// A field that is a string, where it is given.
pub(super) fn string<'a>(
    params: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a str>, ApiError> {
    match params.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(ApiError::wrong_type(key, "a string", other)),
    }
}

/// A field that is a boolean, where it is given.
pub(super) fn flag(params: &Map<String, Value>, key: &str) -> Result<Option<bool>, ApiError> {
    match params.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(ApiError::wrong_type(key, "a boolean", other)),
    }
}

/// A field that is an array, where it is given.
pub(super) fn array<'a>(
    params: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a [Value]>, ApiError> {
    match params.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(values)) => Ok(Some(values)),
        Some(other) => Err(ApiError::wrong_type(key, "an array", other)),
    }
}

/// The messages of a conversation, each an object with its role.
pub(super) fn messages(params: &Map<String, Value>) -> Result<Vec<(&str, &Value)>, ApiError> {
    let messages = array(params, "messages")?.ok_or_else(|| ApiError::missing("messages"))?;
    let with_role = messages.iter().enumerate().map(|(index, message)| {
        let param = format!("messages[{index}]");
        if !message.is_object() {
            return Err(ApiError::wrong_type(param, "an object", message));
        }
        let role = message.get("role").and_then(Value::as_str);
        let role = role.ok_or_else(|| ApiError::missing(&format!("{param}.role")))?;
        Ok((role, message))
    });
    with_role.collect()
}

/// That every member of a list is an object; `key` names the list.
pub(super) fn check_objects(list: &[Value], key: &str) -> Result<(), ApiError> {
    let mut members = list.iter().enumerate();
    match members.find(|(_, member)| !member.is_object()) {
        Some((index, member)) => {
            let param = format!("{key}[{index}]");
            Err(ApiError::wrong_type(param, "an object", member))
        }
        None => Ok(()),
    }
}
