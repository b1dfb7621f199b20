//! Answers of a model on another server.

use humanllm::api::upstream::{Continuing, DraftContext, UpstreamReader, error_message};
use humanllm::api::{Body, Format, Interner, Piece};
use serde_json::Map;

/// An agent that offers tools of several kinds.
const AGENT: &[u8] = br#"{"model": "m", "input": "hi", "tools": [
    {"type": "function", "name": "exec_command", "parameters": {"type": "object"}},
    {"type": "custom", "name": "apply_patch"}, {"type": "local_shell"},
    {"type": "namespace", "name": "a", "tools": [{"type": "function", "name": "b"}]}]}"#;

/// Nothing that a server sends breaks the reader, and what is streamed of a message is what it says in
/// the end. The first byte says which format the server speaks and whether it goes on with a message;
/// each line after it is an event, and all of them are a document.
pub fn answers(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let format = [Format::Chat, Format::Messages, Format::Responses][usize::from(*first % 3)];
    let continues = (*first >= 128).then_some("Once upon a time ");
    let mut reader = reader(format, continues);
    let mut pieces = Vec::new();
    for line in String::from_utf8_lossy(rest).lines() {
        match reader.event(None, line) {
            Ok(more) => pieces.extend(more),
            Err(_) => break,
        }
    }
    pieces.extend(reader.end().unwrap_or_default());
    check(&pieces);
    let document = self::reader(format, continues).document(rest);
    check(&document.unwrap_or_default());
    if let Some(message) = error_message(rest) {
        assert!(!message.contains(char::is_control) && !message.trim().is_empty());
    }
}

fn reader(format: Format, continues: Option<&str>) -> UpstreamReader {
    let request = Format::Responses
        .parse(AGENT, &Interner::default())
        .expect("a request");
    let ask = DraftContext {
        request: &request,
        said: &[],
        continues,
        hint: None,
        model: "m",
        format,
        continuing: Continuing::Words,
        takes_images: false,
        takes_thoughts: false,
        max_tokens: None,
        parameters: &Map::new(),
    };
    ask.write().reader
}

/// That pieces keep to their order.
fn check(pieces: &[Piece]) {
    let mut text = String::new();
    for (place, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(more) => text.push_str(more),
            Piece::Item(item) => {
                if let Body::Message { .. } = item {
                    assert_eq!(item.words(), text);
                }
                text.clear();
            }
            Piece::Done { .. } => assert_eq!(place + 1, pieces.len(), "nothing follows the end"),
            Piece::Thought(_) | Piece::Call { .. } => assert!(text.is_empty()),
        }
    }
}
