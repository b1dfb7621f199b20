//! Resolves `$ref` within one document.

use serde_json::Value;

/// Most references followed in a chain.
const MAX_HOPS: usize = 12;

/// Follows a chain of references to its end; the schema itself if it has none.
pub(super) fn resolve_chain<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..MAX_HOPS {
        let reference = schema.get("$ref").and_then(Value::as_str);
        match reference.and_then(|reference| resolve(root, reference)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// The schema that a reference points to, within the same document.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&local_pointer(reference)?)
}

/// The JSON pointer of a reference into the same document; `None` for others.
pub(super) fn local_pointer(reference: &str) -> Option<String> {
    let pointer = percent_decoded(reference.strip_prefix('#')?)?;
    (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer)
}

/// Decodes the fragment of a URL.
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

/// Extends a JSON pointer by these steps.
pub(super) fn child(at: &str, steps: &[&str]) -> String {
    let mut at = at.to_owned();
    for step in steps {
        at.push('/');
        at.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    at
}
