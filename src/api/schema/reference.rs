//! Where a reference leads, within one document.

use serde_json::Value;

/// References that are followed one after the other.
const MAX_HOPS: usize = 12;

/// The schema that another one refers to in the end, itself if it refers to nothing.
pub(super) fn target<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..MAX_HOPS {
        let reference = schema.get("$ref").and_then(Value::as_str);
        match reference.and_then(|reference| referred(root, reference)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// What a reference leads to, within the same document.
pub(crate) fn referred<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&local(reference)?)
}

/// The pointer of a reference into the same document.
pub(super) fn local(reference: &str) -> Option<String> {
    let pointer = percent_decoded(reference.strip_prefix('#')?)?;
    (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer)
}

/// The text of a fragment of a URL.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The pointer to something below another one.
pub(super) fn child(at: &str, steps: &[&str]) -> String {
    let mut at = at.to_owned();
    for step in steps {
        at.push('/');
        at.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    at
}
