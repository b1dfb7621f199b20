//! What must hold for any request of any format, however it is written: it is kept byte for byte,
//! also across a restart, and what was read before makes no difference.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::tui::{TestTui, WIDE};
use humanllm::api::{
    Body, Ending, Format, Ids, Interner, Phase, Reply, Request, ResponseWriter, Usage, chat,
    messages, responses,
};
use humanllm::inbox::{self, ConversationId, Event};
use humanllm::journal::{Journal, JournalOptions};
use humanllm::store::{Store, StoredResponses, resolve};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// A value as JSON, before it is known what stands between its parts.
#[derive(Debug, Clone)]
enum Node {
    /// Anything that has no parts, as it is written.
    Leaf(String),
    List(Vec<Node>),
    /// Names as they are written, with their values; a name may be there twice.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Writes it with these blanks between its parts, one after the other.
    fn write(&self, blanks: &mut impl Iterator<Item = &'static str>, out: &mut String) {
        match self {
            Self::Leaf(raw) => out.push_str(raw),
            Self::List(members) => {
                out.push('[');
                for (place, member) in members.iter().enumerate() {
                    out.push_str(if place > 0 { "," } else { "" });
                    out.extend(blanks.next());
                    member.write(blanks, out);
                    out.extend(blanks.next());
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (place, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if place > 0 { "," } else { "" });
                    out.extend(blanks.next());
                    out.push_str(name);
                    out.extend(blanks.next());
                    out.push(':');
                    out.extend(blanks.next());
                    value.write(blanks, out);
                    out.extend(blanks.next());
                }
                out.push('}');
            }
        }
    }
}

fn leaf(raw: &str) -> Node {
    Node::Leaf(raw.to_owned())
}

/// A name as it is written: now and then with an escape in it.
fn name(name: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        9 => Just(format!("\"{name}\"")),
        1 => Just(format!("\"\\u{:04x}{}\"", u32::from(name.as_bytes()[0]), &name[1..])),
    ]
}

/// A string as it is written.
fn string() -> impl Strategy<Value = Node> {
    let piece = select(vec![
        "",
        "a",
        "the words",
        " ",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\t",
        "\\u0041",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\u001b[1m",
        "é",
        "日本",
        "😀",
        "<b>",
        "{\\\"a\\\": 1.50}",
        "null",
    ]);
    prop::collection::vec(piece, 0..5)
        .prop_map(|pieces| Node::Leaf(format!("\"{}\"", pieces.concat())))
}

/// A value without parts that is no string.
fn plain() -> impl Strategy<Value = Node> {
    let raw = select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.50",
        "1e2",
        "1E+2",
        "0.10e-3",
        "123456789012345678901234567890",
        "18446744073709551615",
    ]);
    raw.prop_map(leaf)
}

/// Anything at all.
fn anything() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![string(), plain()];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = select(vec![
            "\"type\"",
            "\"a\"",
            "\"id\"",
            "\"\\u0061\"",
            "\"content\"",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::List),
            prop::collection::vec((key.prop_map(str::to_owned), inner), 0..4)
                .prop_map(Node::Object),
        ]
    })
}

/// A field that may be left out.
type Field = BoxedStrategy<Vec<(String, Node)>>;

/// A field that is always there.
fn field(key: &'static str, value: impl Strategy<Value = Node> + 'static) -> Field {
    (name(key), value).prop_map(|field| vec![field]).boxed()
}

/// A field that is there or not, or there twice.
fn maybe(key: &'static str, value: impl Strategy<Value = Node> + 'static) -> Field {
    prop::collection::vec((name(key), value), 0..=2).boxed()
}

/// An object with these fields, and others that nobody knows, in any order.
fn object(fields: Vec<Field>) -> impl Strategy<Value = Node> {
    let unknown = prop::collection::vec((name("x_unknown"), anything()), 0..2);
    (fields, unknown)
        .prop_map(|(fields, unknown)| fields.into_iter().flatten().chain(unknown).collect())
        .prop_flat_map(|fields: Vec<_>| Just(fields).prop_shuffle())
        .prop_map(Node::Object)
}

fn kind(kind: &str) -> Field {
    field("type", Just(Node::Leaf(format!("\"{kind}\""))))
}

fn list(member: impl Strategy<Value = Node>, most: usize) -> impl Strategy<Value = Node> {
    prop::collection::vec(member, 0..=most).prop_map(Node::List)
}

fn one_of(raw: &'static [&'static str]) -> impl Strategy<Value = Node> {
    select(raw).prop_map(leaf)
}

/// The id of what the server said in the response that is stored.
const SAID: &str = "msg_fixed";
/// The id of that response.
const RESPONSE: &str = "resp_fixed";

/// An item of the Responses API.
fn item() -> impl Strategy<Value = Node> {
    let part = |kinds: &'static [&'static str]| {
        prop_oneof![
            4 => object(vec![field("type", one_of(kinds)), field("text", string())]),
            1 => object(vec![kind("input_image"), field("image_url", Just(leaf("\"data:,\"")))]),
            1 => object(vec![kind("unknown_part"), field("says", anything())]),
        ]
    };
    let call = || field("call_id", one_of(&["\"call_1\"", "\"call_\\u0032\""]));
    prop_oneof![
        4 => object(vec![
            maybe("type", Just(leaf("\"message\""))),
            field("role", one_of(&["\"user\"", "\"developer\"", "\"system\""])),
            field("content", prop_oneof![string(), list(part(&["\"input_text\""]), 3)]),
        ]),
        2 => object(vec![
            kind("message"),
            field("role", Just(leaf("\"assistant\""))),
            field("content", list(part(&["\"output_text\""]), 2)),
        ]),
        1 => object(vec![kind("function_call"), field("name", string()), call(),
            field("arguments", string())]),
        1 => object(vec![kind("function_call_output"), call(), field("output", string())]),
        1 => object(vec![kind("custom_tool_call"), field("name", string()), call(),
            field("input", string())]),
        1 => object(vec![kind("reasoning"), field("summary", list(object(vec![
            kind("summary_text"), field("text", string())]), 2))]),
        1 => object(vec![kind("unknown_item"), field("says", anything())]),
        1 => Just(Node::Object(vec![
            ("\"type\"".into(), leaf("\"item_reference\"")),
            ("\"id\"".into(), Node::Leaf(format!("\"{SAID}\""))),
        ])),
        1 => Just(Node::Object(vec![("\"id\"".into(), Node::Leaf(format!("\"{SAID}\"")))])),
    ]
}

fn parameters() -> impl Strategy<Value = Node> {
    object(vec![kind("object"), field("minimum", plain())])
}

fn number() -> impl Strategy<Value = Node> {
    one_of(&["1.50", "1e0", "0", "0.10", "null"])
}

fn flag() -> impl Strategy<Value = Node> {
    one_of(&["true", "false", "null"])
}

fn model() -> Field {
    field("model", one_of(&["\"m\"", "\"org\\/m\"", "\"\\u006d\""]))
}

fn responses_request() -> impl Strategy<Value = Node> {
    let tool = object(vec![
        kind("function"),
        field("name", one_of(&["\"look\"", "\"exec_command\""])),
        field("parameters", parameters()),
    ]);
    object(vec![
        model(),
        field("input", prop_oneof![1 => string(), 3 => list(item(), 5)]),
        maybe("input", list(item(), 2)),
        maybe("instructions", string()),
        maybe("tools", list(tool, 2)),
        maybe(
            "tool_choice",
            one_of(&["\"auto\"", "\"none\"", "\"required\""]),
        ),
        maybe("parallel_tool_calls", flag()),
        maybe("stream", flag()),
        maybe("store", flag()),
        maybe("temperature", number()),
        maybe("max_output_tokens", one_of(&["16", "100", "null"])),
        maybe("prompt_cache_key", one_of(&["\"a\"", "\"\\u0062\""])),
        maybe(
            "previous_response_id",
            Just(Node::Leaf(format!("\"{RESPONSE}\""))),
        ),
        maybe(
            "metadata",
            Just(Node::Object(vec![("\"k\"".into(), leaf("\"v\""))])),
        ),
    ])
}

fn chat_request() -> impl Strategy<Value = Node> {
    let part = || object(vec![kind("text"), field("text", string())]);
    let call = object(vec![
        kind("function"),
        field("id", Just(leaf("\"call_1\""))),
        field(
            "function",
            object(vec![field("name", string()), field("arguments", string())]),
        ),
    ]);
    let message = prop_oneof![
        3 => object(vec![
            field("role", one_of(&["\"user\"", "\"system\"", "\"developer\""])),
            field("content", prop_oneof![string(), list(part(), 3)]),
        ]),
        1 => object(vec![
            field("role", Just(leaf("\"assistant\""))),
            field("content", prop_oneof![string(), Just(leaf("null"))]),
            maybe("tool_calls", list(call, 2)),
        ]),
        1 => object(vec![
            field("role", Just(leaf("\"tool\""))),
            field("tool_call_id", Just(leaf("\"call_1\""))),
            field("content", string()),
        ]),
    ];
    let function = || {
        object(vec![
            field("name", one_of(&["\"look\""])),
            field("parameters", parameters()),
        ])
    };
    object(vec![
        model(),
        field(
            "messages",
            prop::collection::vec(message, 1..5).prop_map(Node::List),
        ),
        maybe(
            "tools",
            list(
                object(vec![kind("function"), field("function", function())]),
                2,
            ),
        ),
        maybe("functions", list(function(), 2)),
        maybe("stream", flag()),
        maybe("temperature", number()),
        maybe("max_completion_tokens", one_of(&["16", "null"])),
        maybe("prompt_cache_key", one_of(&["\"a\"", "\"\\u0062\""])),
    ])
}

fn messages_request() -> impl Strategy<Value = Node> {
    let part = || object(vec![kind("text"), field("text", string())]);
    let result = object(vec![
        kind("tool_result"),
        field("tool_use_id", Just(leaf("\"toolu_1\""))),
        field("content", prop_oneof![string(), list(part(), 2)]),
    ]);
    let called = object(vec![
        kind("tool_use"),
        field("id", Just(leaf("\"toolu_1\""))),
        field("name", string()),
        field("input", parameters()),
    ]);
    let message = prop_oneof![
        2 => object(vec![
            field("role", one_of(&["\"user\"", "\"assistant\""])),
            field("content", prop_oneof![string(), list(part(), 3)]),
        ]),
        1 => object(vec![
            field("role", Just(leaf("\"user\""))),
            field("content", list(prop_oneof![result, part()], 3)),
        ]),
        1 => object(vec![
            field("role", Just(leaf("\"assistant\""))),
            field("content", list(prop_oneof![called, part()], 3)),
        ]),
    ];
    let tool = object(vec![
        field("name", one_of(&["\"look\""])),
        field("input_schema", parameters()),
    ]);
    object(vec![
        model(),
        field("max_tokens", one_of(&["16", "100"])),
        field(
            "messages",
            prop::collection::vec(message, 1..5).prop_map(Node::List),
        ),
        maybe("system", prop_oneof![string(), list(part(), 2)]),
        maybe("tools", list(tool, 2)),
        maybe("stream", flag()),
        maybe("temperature", number()),
    ])
}

/// A request of some format, as a client may write it.
fn request() -> impl Strategy<Value = (Format, String)> {
    let node = prop_oneof![
        3 => (Just(Format::Responses), responses_request().boxed()),
        1 => (Just(Format::Compaction), responses_request().boxed()),
        2 => (Just(Format::Chat), chat_request().boxed()),
        2 => (Just(Format::Messages), messages_request().boxed()),
    ];
    let blanks = prop::collection::vec(select(vec!["", "", "", " ", "\n  ", "\t", "\r\n"]), 1..40);
    (node, blanks).prop_map(|((format, node), blanks)| {
        let (mut text, mut blanks) = (String::new(), blanks.into_iter().cycle());
        text.extend(blanks.next());
        node.write(&mut blanks, &mut text);
        text.extend(blanks.next());
        (format, text)
    })
}

/// Ids that are always the same.
fn ids() -> Ids {
    Box::new(|prefix| format!("{prefix}_fixed"))
}

fn writer(request: &Request) -> Box<dyn ResponseWriter> {
    match request.format {
        Format::Responses => Box::new(responses::ResponsesWriter::new(request, 1, ids())),
        Format::Compaction => Box::new(responses::CompactionWriter::new(request, 1, ids())),
        Format::Chat => Box::new(chat::ChatWriter::new(request, 1, ids())),
        Format::Messages => Box::new(messages::MessagesWriter::new(request, ids())),
    }
}

fn answer() -> Reply {
    Reply::End {
        items: vec![Body::message("the answer", Phase::FinalAnswer)],
        ending: Ending::Completed,
    }
}

/// A response that requests go on from.
fn stored() -> StoredResponses {
    let body = br#"{"model": "m", "input": "one", "tools": []}"#;
    let request = Format::Responses
        .parse(body, &Interner::default())
        .expect("a request");
    let mut writer = responses::ResponsesWriter::new(&request, 1, ids());
    let mut stored = StoredResponses::new(10);
    stored.begin(
        &request,
        writer.response().expect("an object").clone(),
        None,
    );
    let mut frames = writer.start();
    frames.extend(writer.reply(&answer(), 2, Some(Usage::default())));
    stored.update(writer.response().expect("an object"), None, &frames, true);
    stored
}

/// The bytes of a response, streamed and as a document.
fn response(request: &Request) -> String {
    let mut writer = writer(request);
    let mut frames = writer.start();
    frames.push(writer.heartbeat());
    frames.extend(writer.reply(&answer(), 2, Some(Usage::default())));
    format!("{frames:?}\n{:?}", writer.document())
}

/// All that a request says.
fn says(request: &Request) -> String {
    let items: Vec<_> = request
        .items
        .iter()
        .map(|item| (item.raw(), item.body()))
        .collect();
    let references: Vec<_> = request
        .references
        .iter()
        .map(|(at, item)| (at, item.raw()))
        .collect();
    let tools = (request.tools.raw(), request.tools.tools());
    let asks = (
        &request.output_format,
        &request.tool_choice,
        request.parallel_tool_calls,
        &request.limits,
    );
    let goes_on = (
        &request.thread,
        &request.chain,
        &request.previous,
        request.preamble,
        request.earlier,
    );
    let how = (
        request.format,
        &request.model,
        request.stream,
        request.store,
        request.background,
        &request.purpose,
    );
    format!(
        "{items:#?}\n{references:?}\n{tools:?}\n{asks:?}\n{goes_on:?}\n{how:?}\n{:?}",
        request.fields()
    )
}

/// What the person sees of a request: the transcript, the tools, and the request as it came.
fn screens(request: &Request) -> String {
    let mut tui = TestTui::new(WIDE);
    let _client = tui.open(request.clone(), None);
    let mut screens = tui.screen();
    for key in ["F3", "F3", "F4"] {
        tui.press(key);
        screens += &tui.screen();
    }
    screens
}

/// Reads a request as the server does; nothing if it is refused.
fn read(
    format: Format,
    text: &str,
    interner: &Interner,
    stored: &StoredResponses,
) -> Option<Request> {
    let mut request = format.parse(text.as_bytes(), interner).ok()?;
    resolve(&mut request, &[stored]).ok()?;
    Some(request)
}

fn open(folder: &Path) -> Store {
    let journal = Journal::open(folder, JournalOptions::default()).expect("a journal");
    Store::with_journal(10, journal).expect("a store")
}

/// Puts requests before a person, each a conversation of its own or one that goes on, and returns
/// the last of each conversation.
fn keep(folder: &Path, requests: &[Request]) -> BTreeMap<ConversationId, Request> {
    let (intake, mut events) = inbox::channel(100, open(folder));
    let mut last = BTreeMap::new();
    for request in requests {
        let pending = intake.open(request.clone(), "test".into(), None);
        drop(pending.expect("a place"));
        while let Ok(event) = events.try_recv() {
            if let Event::Arrived(arrival) = event {
                last.insert(arrival.conversation, request.clone());
            }
        }
    }
    last
}

#[test]
fn any_request_is_kept_byte_for_byte_across_a_restart() {
    let stored = stored();
    let config = Config {
        max_global_rejects: 24,
        ..Config::with_cases(24)
    };
    // Requests of which some come again, with more behind them or as they are.
    let requests = (
        prop::collection::vec(request(), 1..6),
        prop::collection::vec(any::<Index>(), 0..3),
    );
    let run = TestRunner::new(config).run(&requests, |(mut texts, again)| {
        let again: Vec<_> = again
            .iter()
            .map(|index| index.get(&texts).clone())
            .collect();
        texts.extend(again);
        let interner = Interner::default();
        let mut requests = Vec::new();
        for (format, text) in &texts {
            if let Some(request) = read(*format, text, &interner, &stored) {
                prop_assert_eq!(&request.raw_body(), text, "as it came");
                requests.push(request);
            }
        }
        prop_assume!(!requests.is_empty());
        let folder = tempfile::tempdir().expect("a folder");
        let kept = keep(folder.path(), &requests);
        prop_assert!(!kept.is_empty());
        let store = open(folder.path());
        for (id, request) in kept {
            let loaded = store.load(id).expect("it is there").request;
            prop_assert_eq!(loaded.raw_body(), request.raw_body());
            prop_assert_eq!(says(&loaded), says(&request));
            prop_assert_eq!(response(&loaded), response(&request));
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_was_read_before_makes_no_difference() {
    let stored = stored();
    let shared = Interner::default();
    // What nobody holds would be forgotten.
    let held = std::cell::RefCell::new(Vec::new());
    let config = Config {
        max_global_rejects: 32,
        ..Config::with_cases(32)
    };
    let run = TestRunner::new(config).run(&request(), |(format, text)| {
        let fresh = read(format, &text, &Interner::default(), &stored);
        for _ in 0..2 {
            let known = read(format, &text, &shared, &stored);
            prop_assert_eq!(known.is_some(), fresh.is_some());
            let (Some(known), Some(fresh)) = (known, &fresh) else {
                return Err(TestCaseError::reject("refused"));
            };
            prop_assert_eq!(known.raw_body(), text.as_str());
            prop_assert_eq!(says(&known), says(fresh));
            prop_assert_eq!(response(&known), response(fresh));
            prop_assert_eq!(screens(&known), screens(fresh));
            held.borrow_mut().push(known);
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}
