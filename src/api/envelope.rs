//! A request body without its items and tools, which requests share, and how to reassemble it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The text of a request from which its items and its tools were cut. What is left is valid JSON;
/// together with the cut parts it gives the request back byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    text: Box<str>,
    cuts: Box<[Cut]>,
}

/// A place from which something was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cut {
    /// Byte offset in the text that is left.
    // Journals have this name for it.
    #[serde(rename = "at")]
    offset: usize,
    /// Length of the placeholder there, in bytes.
    // Journals have this name for it.
    #[serde(rename = "stand_in")]
    placeholder_len: usize,
    parts: CutParts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum CutParts {
    /// The list of tools, as a whole.
    Tools,
    /// The field for instructions or the system prompt, which comes before the items.
    Preamble,
    /// `input` as a string: the only item.
    Prompt,
    /// Items of a list, and the separators between them, run-length encoded.
    Items(Vec<(usize, Box<str>)>),
}

/// Placeholder for a value that was cut.
const PLACEHOLDER: &str = "null";

/// Cuts parts from the text of a request.
#[derive(Debug)]
pub(super) struct Cutter<'a> {
    body: &'a str,
    cuts: Vec<(&'a str, CutParts)>,
}

impl<'a> Cutter<'a> {
    /// A cutter for this text.
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self {
            // It was parsed as JSON before, so it is UTF-8.
            body: std::str::from_utf8(body).unwrap_or_default(),
            cuts: Vec::new(),
        }
    }

    /// Cuts the list of tools.
    pub(super) fn tools(&mut self, raw: &'a RawValue) {
        self.cuts.push((raw.get(), CutParts::Tools));
    }

    /// Cuts the instructions or the system prompt.
    pub(super) fn preamble(&mut self, raw: &'a RawValue) {
        self.cuts.push((raw.get(), CutParts::Preamble));
    }

    /// Cuts a string that is the only item.
    pub(super) fn prompt(&mut self, raw: &'a RawValue) {
        self.cuts.push((raw.get(), CutParts::Prompt));
    }

    /// Cuts all members of a list of items.
    pub(super) fn items(&mut self, members: &[&'a str]) {
        let (Some(first), Some(last)) = (members.first(), members.last()) else {
            return;
        };
        let mut between: Vec<(usize, Box<str>)> = Vec::new();
        for pair in members.windows(2) {
            let (end, start) = (self.end(pair[0]), self.start(pair[1]));
            let gap = self.body.get(end..start).unwrap_or(",");
            match between.last_mut().filter(|(_, last)| **last == *gap) {
                Some((count, _)) => *count += 1,
                None => between.push((1, gap.into())),
            }
        }
        let all = self.start(first)..self.end(last);
        let Some(all) = self.body.get(all) else {
            return;
        };
        self.cuts.push((all, CutParts::Items(between)));
    }

    /// Finishes the envelope with the text that is left.
    pub(super) fn finish(mut self) -> Envelope {
        let start = |part: &str| part.as_ptr().addr() - self.body.as_ptr().addr();
        self.cuts.sort_by_key(|(part, _)| start(part));
        let (mut text, mut from) = (String::new(), 0);
        let mut cuts = Vec::with_capacity(self.cuts.len());
        for (part, parts) in std::mem::take(&mut self.cuts) {
            let at = self.start(part);
            text.push_str(self.body.get(from..at).unwrap_or_default());
            from = at + part.len();
            let stand_in = match parts {
                CutParts::Items(_) => "",
                CutParts::Tools | CutParts::Preamble | CutParts::Prompt => PLACEHOLDER,
            };
            cuts.push(Cut {
                offset: text.len(),
                placeholder_len: stand_in.len(),
                parts,
            });
            text.push_str(stand_in);
        }
        text.push_str(self.body.get(from..).unwrap_or_default());
        Envelope {
            text: text.into(),
            cuts: cuts.into(),
        }
    }

    /// Byte offset of the beginning of a part of the body.
    fn start(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.body.as_ptr().addr()
    }

    fn end(&self, part: &str) -> usize {
        self.start(part) + part.len()
    }
}

impl Envelope {
    /// The request without the cut parts, as JSON.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The original request, reassembled from its parts.
    pub fn reassemble<'a>(
        &self,
        tools: &str,
        preamble: Option<&str>,
        items: impl IntoIterator<Item = &'a str>,
    ) -> String {
        let mut items = items.into_iter();
        let (mut whole, mut from) = (String::new(), 0);
        for cut in &self.cuts {
            whole.push_str(self.text.get(from..cut.offset).unwrap_or_default());
            from = cut.offset + cut.placeholder_len;
            match &cut.parts {
                CutParts::Tools => whole.push_str(tools),
                CutParts::Preamble => whole.extend(preamble),
                CutParts::Prompt => whole.extend(items.next()),
                CutParts::Items(between) => {
                    whole.extend(items.next());
                    for (count, gap) in between {
                        for item in items.by_ref().take(*count) {
                            whole.push_str(gap);
                            whole.push_str(item);
                        }
                    }
                }
            }
        }
        whole.push_str(self.text.get(from..).unwrap_or_default());
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fields::Fields;

    #[test]
    fn journals_of_all_versions_can_be_read() {
        let kept = r#"{"text":"{\"input\": [], \"tools\": null}","cuts":[
            {"at":11,"stand_in":0,"parts":{"Items":[[1,","]]}},
            {"at":23,"stand_in":4,"parts":"Tools"}]}"#;
        let envelope: Envelope = serde_json::from_str(kept).unwrap();
        let whole = envelope.reassemble("[7]", None, ["1", "2"]);
        assert_eq!(whole, r#"{"input": [1,2], "tools": [7]}"#);
        let again = serde_json::to_value(&envelope).unwrap();
        let kept: serde_json::Value = serde_json::from_str(kept).unwrap();
        assert_eq!(again, kept);
    }

    #[test]
    fn what_was_taken_apart_is_put_together_again() {
        let body = r#" { "a": 1.50, "tools" : [ {"x":1} ] , "input":[ {"n":1},{"n":2}, {"n":3},
            {"n":4} ], "instructions":"be \u006bind" }"#;
        let fields = Fields::of_body(body.as_bytes()).unwrap();
        let members = fields.members("input").unwrap().unwrap();
        let mut cutter = Cutter::new(body.as_bytes());
        cutter.items(&members);
        cutter.preamble(fields.get("instructions").unwrap());
        cutter.tools(fields.get("tools").unwrap());
        let envelope = cutter.finish();
        let left = serde_json::json!({"a": 1.5, "tools": null, "input": [], "instructions": null});
        let text: serde_json::Value = serde_json::from_str(envelope.text()).unwrap();
        assert_eq!(text, left);
        let items = members.iter().copied();
        let preamble = Some(r#""be \u006bind""#);
        assert_eq!(envelope.reassemble(r#"[ {"x":1} ]"#, preamble, items), body);
    }

    #[test]
    fn a_long_list_leaves_little_behind() {
        let members = vec!["{}"; 10_000].join(", ");
        let body = format!("{{\"input\": [{members}]}}");
        let fields = Fields::of_body(body.as_bytes()).unwrap();
        let mut cutter = Cutter::new(body.as_bytes());
        cutter.items(&fields.members("input").unwrap().unwrap());
        let Envelope { text, cuts } = cutter.finish();
        let between = cuts.iter().map(|cut| match &cut.parts {
            CutParts::Items(between) => between.len(),
            CutParts::Tools | CutParts::Preamble | CutParts::Prompt => 0,
        });
        assert!(between.sum::<usize>() + cuts.len() <= 4);
        assert!(text.len() < 50);
    }
}
