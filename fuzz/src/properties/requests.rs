//! Requests of each wire format, and the responses to them.

use humanllm::agents::{AutoAnswered, Caller, Housekeeping, drafts};
use humanllm::api::responses::ResponseObject;
use humanllm::api::{
    ApiError, Body, Ending, FailureCode, Frame, Ids, Interner, Phase, Previous, Reply, Request,
    ResponseWriter, Usage, chat as chat_api, messages as messages_api, responses as responses_api,
};
use humanllm::store::{StoredResponses, resolve};
use humanllm::tokens;
use serde_json::Value;

/// JSON nested deeper than this is not compared: it becomes deeper within an event, and readers
/// have limits.
const DEEPEST: usize = 100;

/// Reads a request.
type Parse = fn(&[u8], &Interner) -> Result<Request, ApiError>;

/// What a wire format has to offer.
pub(super) struct Format {
    pub parse: Parse,
    pub write: fn(&Request, Ids) -> Box<dyn ResponseWriter>,
}

const RESPONSES: Format = Format {
    parse: responses_api::parse,
    write: |request, ids| Box::new(responses_api::ResponsesWriter::new(request, 1, ids)),
};
const CHAT: Format = Format {
    parse: chat_api::parse,
    write: |request, ids| Box::new(chat_api::ChatWriter::new(request, 1, ids)),
};
const MESSAGES: Format = Format {
    parse: messages_api::parse,
    write: |request, ids| Box::new(messages_api::MessagesWriter::new(request, ids)),
};

pub(super) const FORMATS: [Format; 3] = [RESPONSES, CHAT, MESSAGES];

/// The body of `POST /v1/responses`, and of its relatives.
pub fn responses(body: &[u8]) {
    let _ = responses_api::parse_items(body, &Interner::default());
    let counted = parsed(responses_api::parse_for_count, body);
    let compaction = parsed(responses_api::parse_compaction, body);
    let Some(request) = parsed(RESPONSES.parse, body) else {
        assert!(compaction.is_none(), "what can be summarised can be asked");
        return;
    };
    assert!(counted.is_some(), "what can be asked can be counted");
    kept(&request);
    for frames in responses_to(&RESPONSES, &request, body) {
        for (number, event) in frames.iter().filter_map(value).enumerate() {
            assert_eq!(event["sequence_number"], number, "{event}");
        }
    }
}

/// A request that is kept, and one that goes on from it.
fn kept(request: &Request) {
    let mut stored = StoredResponses::new(2);
    for id in ["resp_1", "resp_2", "resp_3"] {
        let response = ResponseObject::new(request, id.to_owned(), 1);
        stored.begin(request, response.clone(), None);
        assert!(stored.update(&response, None, &[], true));
        assert!(stored.len() <= 2);
        let mut page = Some(vec![("limit".to_owned(), "7".to_owned())]);
        while let Some(query) = page.take() {
            let wanted = responses_api::PageQuery::read(&query).expect("a page");
            let list = stored.input_items(id, &wanted).expect("a list");
            let list: Value = serde_json::from_str(&list).expect("JSON");
            for item in list["data"].as_array().expect("items") {
                assert!(item["id"].is_string() && item["type"].is_string(), "{item}");
            }
            let ids: Vec<_> = list["data"].as_array().into_iter().flatten().collect();
            // Two items may have the same id; then there is no telling where a page ends.
            let is_unique = ids
                .iter()
                .filter(|item| item["id"] == list["last_id"])
                .count()
                == 1;
            if list["has_more"] == true && is_unique && query.len() == 1 {
                let after = list["last_id"].as_str().expect("an id").to_owned();
                page = Some([query, vec![("after".to_owned(), after)]].concat());
            }
        }
        let mut next = request.clone();
        next.previous = Some(Previous::Response(id.to_owned()));
        if resolve(&mut next, &[&stored]).is_ok() {
            assert_eq!(next.items.len(), 2 * request.items.len() - request.preamble);
        }
    }
    stored.remove("resp_2");
    stored.remove("resp_3");
    assert!(stored.is_empty());
}

/// The body of `POST /v1/chat/completions`.
pub fn chat(body: &[u8]) {
    if let Some(request) = parsed(CHAT.parse, body) {
        responses_to(&CHAT, &request, body);
    }
}

/// The body of `POST /v1/messages` and of `POST /v1/messages/count_tokens`.
pub fn messages(body: &[u8]) {
    let counted = parsed(messages_api::parse_for_count, body);
    let request = parsed(MESSAGES.parse, body);
    if let Some(counted) = &counted {
        tokens::count_request(&counted.items, &counted.tools);
    }
    if let Some(request) = request {
        assert!(counted.is_some(), "what can be asked can be counted");
        responses_to(&MESSAGES, &request, body);
    }
}

/// What the program would answer, and what it would propose.
fn drafted(request: &Request) -> (Option<Housekeeping>, Vec<String>) {
    let mut request = request.clone();
    Caller::default().identify(&mut request);
    let all = AutoAnswered {
        commit_messages: true,
        ..AutoAnswered::default()
    };
    (Housekeeping::of(&request, &all), drafts(&request))
}

/// The request, if it is one: the same each time, whether it was seen before or not, and byte for
/// byte what was sent.
fn parsed(parse: Parse, body: &[u8]) -> Option<Request> {
    let interner = Interner::default();
    let first = parse(body, &interner);
    match (
        first,
        parse(body, &interner),
        parse(body, &Interner::default()),
    ) {
        (Ok(request), Ok(again), Ok(alone)) => {
            for other in [&again, &alone] {
                // Each may look at all of it.
                let _ = (drafted(other), other.tools.shell());
                assert_eq!(request.items.len(), other.items.len());
                let mut pairs = request.items.iter().zip(&other.items);
                assert!(pairs.all(|(one, other)| one.says_the_same(other)));
                assert_eq!(request.tools.tools(), other.tools.tools());
                assert_eq!(request.constraints(), other.constraints());
                assert_eq!(request.thread, other.thread);
                assert_eq!(other.raw_body().as_bytes(), body);
            }
            Some(request)
        }
        (Err(error), Err(again), Err(alone)) => {
            assert_eq!((&error, &error), (&again, &alone));
            assert_eq!(error.status / 100, 4, "{error}");
            assert!(!error.message.is_empty());
            None
        }
        other => panic!("{other:?}"),
    }
}

/// Replies made from the request: notes, reasoning, lines sent one by one, calls, and an end.
pub(super) fn replies(words: &str, ending: Ending) -> Vec<Reply> {
    let message = |phase| Body::message(words, phase);
    let live = |phase| Reply::Live {
        delta: words.into(),
        phase,
    };
    let items = vec![
        Body::reasoning(words),
        message(Phase::Commentary),
        Body::FunctionCall {
            namespace: Some(words.into()),
            name: words.into(),
            arguments: words.into(),
        },
        Body::CustomToolCall {
            name: words.into(),
            input: words.into(),
        },
        Body::LocalShellCall {
            command: vec![words.into(), String::new()],
            working_directory: Some(words.into()),
        },
        Body::ShellCall {
            commands: vec![words.into(), String::new()],
            timeout_ms: Some(1),
            max_output_length: None,
        },
        message(Phase::FinalAnswer),
    ];
    vec![
        Reply::Items(items.clone()),
        live(Phase::Commentary),
        live(Phase::Commentary),
        Reply::Items(Vec::new()),
        live(Phase::FinalAnswer),
        Reply::End { items, ending },
    ]
}

/// Both ends that a response may have.
pub(super) fn endings() -> [Ending; 3] {
    let failed = |code| Ending::Failed {
        code,
        message: "line\r\nbreak \u{2028} \u{1b}[2J".into(),
    };
    [
        Ending::Completed,
        failed(FailureCode::InvalidPrompt),
        failed(FailureCode::ServerError),
    ]
}

/// Identifiers that are the same in every run.
pub(super) fn ids() -> Ids {
    let mut count = 0;
    Box::new(move |prefix| {
        count += 1;
        format!("{prefix}_{count}")
    })
}

/// The frames of each response that there may be to a request, checked.
fn responses_to(format: &Format, request: &Request, body: &[u8]) -> Vec<Vec<Frame>> {
    let words = String::from_utf8_lossy(body);
    let is_deep = depth(body) > DEEPEST;
    let response = |ending: Ending| {
        let mut writer = (format.write)(request, ids());
        assert!(!writer.id().is_empty());
        let mut frames = writer.start();
        for reply in replies(&words, ending.clone()) {
            frames.push(writer.heartbeat());
            let usage = reply.ends().then(Usage::default);
            frames.extend(writer.reply(&reply, 2, usage));
        }
        if let Err(error) = writer.document() {
            assert_eq!(error, ending.error().expect("a failure"));
        }
        frames
    };
    let responses = endings().map(response);
    for frame in responses.iter().flatten() {
        is_one_event(frame, is_deep);
    }
    Vec::from(responses)
}

/// That a frame is a line of JSON, and named as it names itself.
pub(super) fn is_one_event(frame: &Frame, is_deep: bool) {
    let data = &frame.data;
    assert!(!data.contains(['\n', '\r']), "a line break in {data:?}");
    if is_deep || **data == *"[DONE]" {
        return;
    }
    let event = value(frame).unwrap_or_else(|| panic!("no JSON: {data:?}"));
    if let Some(name) = frame.event {
        assert_eq!(event["type"], name);
    }
}

fn value(frame: &Frame) -> Option<Value> {
    serde_json::from_str(&frame.data).ok()
}

/// How many brackets are open at once, at most; those in strings are counted too.
pub(super) fn depth(body: &[u8]) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in body {
        match byte {
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}
