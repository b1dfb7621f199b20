//! Each wire format from its request to its events: what a client asks, what the person then sees,
//! what they do, and what goes back, as one table for each format. No server and no terminal.
//!
//! Connections, and requests that are refused, are in `tests/it/formats.rs`.

mod chat;
mod messages;
mod responses;
use crate::support::tui::TestTui;
use humanllm::api::{ApiError, Frame, Ids, Interner, Request, ResponseWriter, Usage};
use humanllm::tui::pictures::{Graphics, PictureSetting};
use serde_json::{Value, json};

/// One row of a table.
pub struct Case {
    /// What it is about.
    pub about: &'static str,
    /// The request, but for what every request of the format has.
    pub request: Value,
    /// The rows of the transcript and what is said below it, as [`rows`] gives them.
    pub sees: &'static [&'static str],
    /// What the person does then.
    pub does: Vec<Do>,
    /// All events of the stream: their names, and the fields that matter.
    pub events: Vec<Expected>,
    /// The fields that matter of the document that comes without a stream. An error is its status
    /// and its message.
    pub document: Value,
}

/// Something that a person does at the keyboard.
pub enum Do {
    /// Types this text.
    Write(&'static str),
    /// Presses these keys.
    Press(&'static str),
}

/// An event: its name, or nothing where the format has no names, and fields of its data.
pub type Expected = (&'static str, Value);

/// A format and what every request of it has.
pub struct Wire {
    pub parse: fn(&[u8], &Interner) -> Result<Request, ApiError>,
    pub writer: fn(&Request, u64, Ids) -> Box<dyn ResponseWriter>,
    pub base: Value,
}

impl Wire {
    fn body(&self, request: &Value) -> Value {
        let mut body = self.base.clone();
        for (key, value) in request.as_object().expect("fields") {
            body[key] = value.clone();
        }
        body
    }
}

/// The usage that every response tells.
pub const USAGE: Usage = Usage {
    input: 11,
    output: 7,
    reasoning: 2,
};

/// Plays every case of a table. Identifiers are `resp_1`, `msg_2` and so on; the request comes at
/// second 100, and every reply at second 107.
pub fn play(wire: &Wire, table: Vec<Case>) {
    for case in table {
        let about = case.about;
        let body = wire.body(&case.request);
        let request = (wire.parse)(body.to_string().as_bytes(), &Interner::default());
        let request = request.unwrap_or_else(|error| panic!("{about}: {error}"));
        let mut count = 0;
        let ids = move |prefix: &str| {
            count += 1;
            format!("{prefix}_{count}")
        };
        let mut writer = (wire.writer)(&request, 100, Box::new(ids));

        let mut tui = TestTui::new((90, 100));
        // Pictures are made in the background, and tests/it/images.rs is about them.
        tui.ui.pictures = PictureSetting::new(Graphics::Words);
        let mut client = tui.open(request, None);
        // What agents add by themselves is folded at first.
        tui.press("Ctrl+O");
        assert_eq!(rows(&tui), case.sees, "{about}: the screen");

        let mut frames = writer.start();
        for step in case.does {
            match step {
                Do::Write(text) => tui.type_text(text),
                Do::Press(keys) => tui.press(keys),
            }
            for reply in tui.receive(&mut client) {
                frames.extend(writer.reply(&reply, 107, Some(USAGE)));
            }
        }
        check_events(about, &frames, &case.events);
        let document = match writer.document() {
            Ok(document) => serde_json::from_str(&document).expect("JSON"),
            Err(error) => json!({"status": error.status, "message": error.message}),
        };
        let part = part_of(&document, &case.document);
        assert_eq!(part, case.document, "{about}: the document");
    }
}

fn check_events(about: &str, frames: &[Frame], expected: &[Expected]) {
    let names = frames.iter().map(|frame| frame.event.unwrap_or_default());
    let expected_names = expected.iter().map(|(name, _)| *name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        expected_names.collect::<Vec<_>>(),
        "{about}: the events"
    );
    for (index, (frame, (name, fields))) in frames.iter().zip(expected).enumerate() {
        // The end of a stream may be a word that is no JSON.
        let data = serde_json::from_str(&frame.data).unwrap_or_else(|_| json!(&*frame.data));
        assert_eq!(
            part_of(&data, fields),
            *fields,
            "{about}: event {index} {name}"
        );
    }
}

/// What of a value the pattern speaks of: of an object the fields that it names, at any depth, or
/// all of them if it names none. All else is compared whole, and lists element by element.
fn part_of(value: &Value, pattern: &Value) -> Value {
    match (value, pattern) {
        (Value::Object(fields), Value::Object(named)) if !named.is_empty() => named
            .iter()
            .filter_map(|(key, pattern)| Some((key.clone(), part_of(fields.get(key)?, pattern))))
            .collect(),
        (Value::Array(values), Value::Array(patterns)) if values.len() == patterns.len() => {
            let pairs = values.iter().zip(patterns);
            pairs
                .map(|(value, pattern)| part_of(value, pattern))
                .collect()
        }
        _ => value.clone(),
    }
}

/// The rows between the title and the composer, without empty ones, without the marks of what is new,
/// and without what stands at the right of a header: its time and size.
fn rows(tui: &TestTui) -> Vec<String> {
    let screen = tui.screen();
    let rows = screen.lines().skip(1);
    let rows = rows.take_while(|row| !row.starts_with("─["));
    rows.map(|row| {
        let at = row.find(" 07:40:00 · ").unwrap_or(row.len());
        let row = row[..at].trim_start_matches(['▎', '│', ' ']);
        row.trim_end_matches('─').trim().to_owned()
    })
    .filter(|row| !row.is_empty())
    .collect()
}

#[test]
fn what_no_block_shows_is_one_key_away() {
    let tool = json!({"type": "teleport_2030", "name": "teleport"});
    for (wire, asked) in [
        (responses::wire(), json!({"input": "Go."})),
        (
            chat::wire(),
            json!({"messages": [{"role": "user", "content": "Go."}]}),
        ),
        (
            messages::wire(),
            json!({"messages": [{"role": "user", "content": "Go."}]}),
        ),
    ] {
        let mut body = wire.body(&asked);
        body["tools"] = json!([tool]);
        body["sparkle"] = json!(5);
        let mut tui = TestTui::new((90, 100));
        // Pictures are made in the background, and tests/it/images.rs is about them.
        tui.ui.pictures = PictureSetting::new(Graphics::Words);
        let _client = tui.open(
            (wire.parse)(body.to_string().as_bytes(), &Interner::default()).expect("good"),
            None,
        );
        tui.misses("sparkle");
        tui.press("F3");
        tui.sees("teleport");
        tui.press("F4");
        tui.sees("\"sparkle\": 5");
    }
}
