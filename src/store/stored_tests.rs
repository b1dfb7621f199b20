use super::*;
use crate::api::responses::parse;
use crate::api::{Ending, Interner};

fn request(body: Value) -> Request {
    let mut all = json!({"model": "m"});
    let fields = all.as_object_mut().unwrap();
    fields.extend(body.as_object().unwrap().clone());
    parse(all.to_string().as_bytes(), &Interner::default()).unwrap()
}

/// The response to a request, with output items of these texts.
fn response(request: &Request, id: &str, texts: &[&str]) -> ResponseObject {
    let mut response = ResponseObject::new(request, id.into(), 7);
    for (index, text) in texts.iter().enumerate() {
        let item = json!({"type": "message", "id": format!("msg_{id}_{index}"), "role": "assistant",
            "content": [{"type": "output_text", "text": text}]});
        response.push(item.to_string().into());
    }
    response
}

fn frames(count: usize) -> Vec<Frame> {
    let frame = |index: usize| Frame::data(format!("event {index}"));
    (0..count).map(frame).collect()
}

/// A response that goes on from what its request names, and has ended.
fn respond(stored: &mut StoredResponses, id: &str, body: Value, reply: &str) {
    let mut request = request(body);
    resolve(&mut request, &[stored]).unwrap();
    stored.begin(&request, response(&request, id, &[]), None);
    let mut response = response(&request, id, &[reply]);
    response.end(&Ending::Completed, 8);
    assert!(stored.update(&response, None, &[], true));
    check(stored);
}

fn item(text: &str) -> Arc<Item> {
    Arc::new(Item::user_message(text))
}

fn talk(stored: &mut StoredResponses, id: &str, items: Vec<Arc<Item>>) {
    stored.begin_conversation(json!({"id": id}), items);
    check(stored);
}

fn ids(stored: &StoredResponses) -> Vec<&str> {
    let responses = stored.responses.iter().map(|(id, entry)| (entry.age, id));
    let conversations = stored.conversations.iter();
    let conversations = conversations.map(|(id, talk)| (talk.age, id));
    let all: BTreeMap<_, _> = responses.chain(conversations).collect();
    all.into_values().map(String::as_str).collect()
}

/// Counts all that is kept anew, and compares.
fn check(stored: &StoredResponses) {
    let responses = stored.responses.values();
    let items = responses.flat_map(|entry| entry.input.iter().chain(&entry.output));
    let talked = stored.conversations.values().flat_map(|talk| &talk.items);
    let all: Vec<&Arc<Item>> = items.chain(talked).collect();
    let each: HashMap<_, _> = all.iter().map(|item| (Arc::as_ptr(item), *item)).collect();
    let weights: usize = each.values().map(|item| item.bytes()).sum();
    let places = all.len() * size_of::<Arc<Item>>();
    let documents = stored.responses.values().map(|entry| {
        let log = entry.log.iter().flatten().map(|frame| frame.data.len());
        assert_eq!(entry.bytes, entry.response.bytes() + log.sum::<usize>());
        entry.bytes
    });
    let objects = stored.conversations.values();
    let objects: usize = objects.map(|talk| object_bytes(&talk.object)).sum();
    let expected = weights + places + documents.sum::<usize>() + objects;
    assert_eq!(stored.memory.bytes, expected);
    assert_eq!(stored.memory.items(), each.len());
    let open = || stored.responses.values().filter(|entry| entry.open);
    let mut open_responses = HashMap::new();
    for id in open().filter_map(|entry| entry.conversation.clone()) {
        *open_responses.entry(id).or_default() += 1;
    }
    assert_eq!(stored.open_responses, open_responses);
    let is_idle = |id: &&str| !stored.is_open(id) && !open_responses.contains_key(*id);
    let idle: Vec<&str> = ids(stored).into_iter().filter(is_idle).collect();
    assert_eq!(stored.idle.values().collect::<Vec<_>>(), idle);
    let outputs = stored.responses.values().map(|entry| entry.output.len());
    assert_eq!(stored.items.len(), outputs.sum::<usize>());
}

#[test]
fn every_byte_is_counted_once_and_given_back() {
    let mut stored = StoredResponses::new(100);
    respond(&mut stored, "resp_1", json!({"input": "one"}), "first");
    let next = json!({"input": "two", "previous_response_id": "resp_1"});
    respond(&mut stored, "resp_2", next.clone(), "second");
    respond(&mut stored, "resp_3", next, "a fork");
    let reference = json!({"type": "item_reference", "id": "msg_resp_1_0"});
    let again = json!({"input": [reference, reference]});
    respond(&mut stored, "resp_4", again, "the same twice");
    talk(&mut stored, "conv_1", vec![item("zero")]);
    let within = json!({"input": "in it", "conversation": "conv_1"});
    respond(&mut stored, "resp_5", within.clone(), "indeed");
    stored.add_items("conv_1", vec![item("aside")]).unwrap();
    check(&stored);
    respond(&mut stored, "resp_6", within, "on");

    let live = request(json!({"input": "x", "background": true}));
    stored.begin(&live, response(&live, "resp_7", &[]), None);
    assert!(stored.update(
        &response(&request(json!({"input": "x"})), "resp_7", &["a"]),
        None,
        &frames(3),
        false
    ));
    check(&stored);
    assert_eq!(
        stored.cancel("resp_7").unwrap().status(),
        ResponseStatus::Cancelled
    );
    check(&stored);
    assert!(!stored.update(
        &response(&request(json!({"input": "x"})), "resp_7", &["a", "b"]),
        None,
        &frames(1),
        true
    ));
    check(&stored);

    assert_eq!(stored.len(), 8);
    while let Some(id) = ids(&stored).first().map(|id| (*id).to_owned()) {
        stored.remove(&id);
        stored.remove(&id);
        check(&stored);
    }
    assert_eq!(stored.len(), 0);
    assert_eq!((stored.memory.bytes, stored.memory.items()), (0, 0));
}

#[test]
fn a_chain_cannot_outgrow_the_room_by_losing_its_beginning() {
    let mut stored = StoredResponses::new(100);
    stored.max_bytes = 20_000;
    let text = "x".repeat(6_000);
    respond(&mut stored, "resp_1", json!({"input": text}), "1");
    for (id, before) in [("resp_2", "resp_1"), ("resp_3", "resp_2")] {
        let body = json!({"input": text, "previous_response_id": before});
        respond(&mut stored, id, body, "ok");
    }
    // The first may go; what the third has of it still counts.
    assert!(stored.memory.bytes > 18_000, "{}", stored.memory.bytes);
    let mut more = request(json!({"input": text, "previous_response_id": "resp_3"}));
    let error = resolve(&mut more, &[&stored]).unwrap_err();
    assert_eq!(
        (error.status, error.code, error.param.as_deref()),
        (400, Some("context_length_exceeded"), Some("input"))
    );
}

#[test]
fn a_few_words_cannot_stand_for_more_than_the_room() {
    let mut stored = StoredResponses::new(100);
    stored.max_bytes = 20_000;
    let reply = "x".repeat(6_000);
    respond(&mut stored, "resp_1", json!({"input": "?"}), &reply);
    let reference = json!({"type": "item_reference", "id": "msg_resp_1_0"});
    let times = |count| request(json!({"input": vec![reference.clone(); count]}));
    assert!(resolve(&mut times(2), &[&stored]).is_ok());
    let error = resolve(&mut times(4), &[&stored]).unwrap_err();
    assert_eq!(error.code, Some("context_length_exceeded"));
}

#[test]
fn a_conversation_does_not_outgrow_the_room() {
    let mut stored = StoredResponses::new(100);
    stored.max_bytes = 20_000;
    talk(&mut stored, "conv_1", Vec::new());
    let text = "x".repeat(6_000);
    for _ in 0..2 {
        stored.add_items("conv_1", vec![item(&text)]).unwrap();
    }
    let many = vec![item(&text), item(&text)];
    let error = stored.add_items("conv_1", many).unwrap_err();
    assert_eq!(
        (error.code, error.param.as_deref()),
        (Some("context_length_exceeded"), Some("items"))
    );
    check(&stored);
    let list = stored
        .conversation_items("conv_1", &PageQuery::all())
        .unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[test]
fn many_references_to_few_items_take_room_too() {
    let mut stored = StoredResponses::new(1_000);
    let items: Vec<_> = (0..100).map(|_| item("hi")).collect();
    talk(&mut stored, "conv_1", items);
    let before = stored.memory.bytes;
    for turn in 0..10 {
        let body = json!({"input": [], "conversation": "conv_1"});
        respond(&mut stored, &format!("resp_{turn}"), body, "ok");
    }
    let places = 10 * 100 * size_of::<Arc<Item>>();
    assert!(stored.memory.bytes > before + places);
}

#[test]
fn the_oldest_goes_but_nothing_that_is_open_and_never_the_newest() {
    let mut stored = StoredResponses::new(2);
    let open = request(json!({"input": "x"}));
    stored.begin(&open, response(&open, "resp_open", &[]), None);
    for id in ["resp_1", "resp_2", "resp_3"] {
        respond(&mut stored, id, json!({"input": "x"}), "y");
    }
    assert_eq!(ids(&stored), ["resp_open", "resp_3"]);
    assert!(stored.item("msg_resp_1_0").is_none());
    for id in ["resp_4", "resp_5"] {
        stored.begin(&open, response(&open, id, &[]), None);
    }
    assert_eq!(ids(&stored), ["resp_open", "resp_4", "resp_5"]);
    stored.abandon("resp_open");
    stored.begin(&open, response(&open, "resp_6", &[]), None);
    assert_eq!(ids(&stored), ["resp_4", "resp_5", "resp_6"]);
    check(&stored);

    // Its client has just been told of it.
    let mut none = StoredResponses::new(0);
    respond(&mut none, "resp_1", json!({"input": "x"}), "y");
    respond(&mut none, "resp_2", json!({"input": "x"}), "y");
    assert_eq!(ids(&none), ["resp_2"]);
    none.max_bytes = 1;
    respond(&mut none, "resp_3", json!({"input": "x"}), "y");
    assert_eq!(ids(&none), ["resp_3"]);
}

#[test]
fn a_conversation_that_is_talked_in_is_not_old() {
    let mut stored = StoredResponses::new(3);
    talk(&mut stored, "conv_1", vec![item("zero")]);
    for turn in 0..10 {
        let body = json!({"input": "x", "conversation": "conv_1"});
        respond(&mut stored, &format!("resp_{turn}"), body, "y");
    }
    assert!(stored.conversation("conv_1").is_ok());
    for (turn, text) in ["a", "b", "c", "d"].iter().enumerate() {
        stored.add_items("conv_1", vec![item(text)]).unwrap();
        let id = format!("resp_other_{turn}");
        respond(&mut stored, &id, json!({"input": "x"}), "y");
    }
    assert!(stored.conversation("conv_1").is_ok());
    for turn in 0..3 {
        let id = format!("resp_last_{turn}");
        respond(&mut stored, &id, json!({"input": "x"}), "y");
    }
    assert!(stored.conversation("conv_1").is_err());
    check(&stored);
}

#[test]
fn a_response_outlives_its_conversation() {
    let mut stored = StoredResponses::new(100);
    talk(&mut stored, "conv_1", vec![item("zero")]);
    let mut open = request(json!({"input": "x", "conversation": "conv_1"}));
    resolve(&mut open, &[&stored]).unwrap();
    stored.begin(&open, response(&open, "resp_1", &[]), None);
    stored.delete_conversation("conv_1").unwrap();
    assert!(stored.update(
        &response(&request(json!({"input": "x"})), "resp_1", &["y"]),
        None,
        &[],
        true
    ));
    check(&stored);
    let mut next = request(json!({"input": "z", "previous_response_id": "resp_1"}));
    resolve(&mut next, &[&stored]).unwrap();
    let texts: Vec<_> = next.items.iter().map(|item| item.text()).collect();
    assert_eq!(texts, ["zero", "x", "y", "z"]);
    assert_eq!((next.earlier, next.chain.as_deref()), (3, Some("conv_1")));
}

#[test]
fn an_open_response_cannot_be_gone_on_from() {
    let mut stored = StoredResponses::new(100);
    let open = request(json!({"input": "x"}));
    stored.begin(&open, response(&open, "resp_1", &[]), None);
    assert!(stored.is_open("resp_1"));
    let mut next = request(json!({"input": "y", "previous_response_id": "resp_1"}));
    let error = resolve(&mut next, &[&stored]).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("previous_response_id"));
    // Cancelled, it counts as far as it got.
    assert!(stored.update(
        &response(&request(json!({"input": "x"})), "resp_1", &["half"]),
        None,
        &[],
        false
    ));
    stored.abandon("resp_1");
    resolve(&mut next, &[&stored]).unwrap();
    let texts: Vec<_> = next.items.iter().map(|item| item.text()).collect();
    assert_eq!(texts, ["x", "half", "y"]);
}

#[test]
fn the_nearer_store_is_asked_first() {
    let (mut near, mut far) = (StoredResponses::new(10), StoredResponses::new(10));
    respond(&mut near, "resp_1", json!({"input": "near"}), "n");
    respond(&mut far, "resp_1", json!({"input": "far"}), "f");
    respond(&mut far, "resp_2", json!({"input": "only there"}), "t");
    for (id, text) in [("resp_1", "near"), ("resp_2", "only there")] {
        let mut next = request(json!({"input": "y", "previous_response_id": id}));
        resolve(&mut next, &[&near, &far]).unwrap();
        assert_eq!(next.items[0].text(), text);
    }
}

#[test]
fn instructions_stay_in_front_of_what_was_stored() {
    let mut stored = StoredResponses::new(100);
    let body = json!({"input": "one", "instructions": "old"});
    respond(&mut stored, "resp_1", body, "first");
    let reference = json!({"id": "msg_resp_1_0"});
    let mut next = request(json!({"input": [reference], "instructions": "new",
        "previous_response_id": "resp_1"}));
    resolve(&mut next, &[&stored]).unwrap();
    let texts: Vec<_> = next.items.iter().map(|item| item.text()).collect();
    assert_eq!(texts, ["new", "one", "first", "first"]);
    assert_eq!((next.preamble, next.earlier), (1, 2));
}

#[test]
fn a_long_log_is_handed_out_in_parts() {
    let mut stored = StoredResponses::new(100);
    let open = request(json!({"input": "x", "background": true}));
    stored.begin(&open, response(&open, "resp_1", &[]), None);
    let all = frames(MAX_EVENTS * 2 + 1);
    assert!(stored.update(
        &response(&request(json!({"input": "x"})), "resp_1", &["y"]),
        None,
        &all,
        true
    ));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let replay = stored.replay("resp_1", after).unwrap();
        seen.extend(replay.frames);
        if replay.ended {
            break;
        }
        after = Some(seen.len() as u64 - 1);
    }
    assert_eq!(seen, all);
    for beyond in [u64::MAX, u64::MAX - 1, 1 << 40] {
        let replay = stored.replay("resp_1", Some(beyond)).unwrap();
        assert_eq!((replay.frames, replay.ended), (Vec::new(), true));
    }
}

#[test]
fn pages_reach_their_end_even_where_ids_are_given_twice() {
    let mut stored = StoredResponses::new(100);
    let with_id = |id: &str| json!({"role": "user", "content": "x", "id": id});
    let input = json!([with_id("a"), with_id("b"), with_id("a"), {"role": "user", "content": "x"},
        with_id("a"), with_id("c")]);
    respond(&mut stored, "resp_1", json!({"input": input}), "y");
    for order in ["asc", "desc"] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            let query = [
                pair("limit", "1"),
                pair("order", order),
                pair("after", &after),
            ];
            let wanted = PageQuery::read(&query).unwrap();
            let list = stored.input_items("resp_1", &wanted).unwrap();
            let list: Value = serde_json::from_str(&list).unwrap();
            seen.push(list["data"][0]["id"].as_str().unwrap().to_owned());
            assert!(seen.len() <= 6, "{seen:?}");
            if list["has_more"] == false {
                break;
            }
            after = list["last_id"].as_str().unwrap().to_owned();
        }
        let distinct: HashSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (6, 6), "{seen:?}");
    }
}

#[test]
fn only_a_new_output_must_have_its_call() {
    let mut stored = StoredResponses::new(100);
    let output =
        |kind: &str, call_id: &str| json!({"type": kind, "call_id": call_id, "output": "x"});
    // A client that sends everything itself may have left the call out.
    let cut = json!({"input": [output("function_call_output", "call_lost"),
        {"type": "computer_call", "call_id": "call_1", "action": {"type": "screenshot"}}]});
    respond(&mut stored, "resp_1", cut, "first");
    let next = |input: Value| request(json!({"input": input, "previous_response_id": "resp_1"}));
    for good in [
        json!("on"),
        json!([output("computer_call_output", "call_1")]),
    ] {
        assert!(resolve(&mut next(good), &[&stored]).is_ok());
    }
    let lost = json!([output("function_call_output", "call_lost")]);
    let error = resolve(&mut next(lost), &[&stored]).unwrap_err();
    assert_eq!((error.status, error.param.as_deref()), (400, Some("input")));
}
