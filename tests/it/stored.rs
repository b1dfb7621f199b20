//! Responses that are kept: chains, conversations, the background, and what can be done with a
//! response by its id; over real sockets, with a scripted person behind them.

use crate::support::{Event, TestServer, answer, note, poll, rejection};
use humanllm::api::{Body, Item, Phase, Reply};
use humanllm::inbox::{Change, ConversationId};
use humanllm::store::Store;
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

/// An item as it came.
fn raw(item: &Item) -> Value {
    serde_json::from_str(item.raw()).expect("JSON")
}

/// What the person sees of a conversation: who says what.
fn seen(server: &TestServer, id: ConversationId) -> Vec<(String, String)> {
    let items = server.inbox.get(id).expect("it is there").items().iter();
    items
        .map(|item| match item.role() {
            Some(role) => (role.to_owned(), item.text()),
            None => (raw(item)["type"].as_str().unwrap().to_owned(), item.text()),
        })
        .collect()
}

fn said(words: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(who, what): &(&str, &str)| ((*who).to_owned(), (*what).to_owned());
    words.iter().map(owned).collect()
}

fn id_of(response: &Value) -> &str {
    response["id"].as_str().expect("an id")
}

/// A background request, and the response as the client gets it at once.
fn background(server: &mut TestServer) -> (Value, ConversationId) {
    let body = json!({"model": "human", "input": "think", "background": true});
    let (status, response) = server.client.post_json(PATH, &[], &body);
    assert_eq!(
        (status, &response["status"]),
        (200, &json!("queued")),
        "{response}"
    );
    assert_eq!(
        (&response["background"], &response["store"]),
        (&json!(true), &json!(true))
    );
    (response, server.next_request())
}

/// Asks for a response again and again until it has this status.
fn poll_status(server: &TestServer, id: &str, status: &str) -> Value {
    let get = || server.client.get(&format!("{PATH}/{id}"), &[]).1;
    poll(
        &format!("{status} of {id}"),
        || Some(get()).filter(|response| response["status"] == status),
        || get().to_string(),
    )
}

/// The numbers of events; what ends the stream has none and is checked to be there.
fn numbers(events: Vec<Event>) -> Vec<u64> {
    let (last, events) = events.split_last().expect("events");
    assert_eq!(last.data, json!("[DONE]"));
    let number = |event: &Event| event.data["sequence_number"].as_u64().expect("a number");
    events.iter().map(number).collect()
}

#[test]
fn a_request_that_goes_on_by_id_shows_the_whole_conversation() {
    let mut server = TestServer::start();
    let (first, id) = server.exchange(
        json!({"input": "one", "instructions": "Be brief."}),
        "first",
    );
    let next =
        json!({"input": "two", "instructions": "Be long.", "previous_response_id": first["id"]});
    let (second, again) = server.exchange(next, "second");
    assert_eq!(id, again, "one conversation for the person");
    assert_eq!(second["previous_response_id"], first["id"]);
    // Instructions are not handed on, everything else is, in this order.
    let words = [
        ("system", "Be long."),
        ("user", "one"),
        ("assistant", "first"),
        ("user", "two"),
    ];
    assert_eq!(seen(&server, id), said(&words));
    let conversation = server.inbox.get(id).unwrap();
    assert_eq!(conversation.new_from(), 3, "only the last is new");
    // What the person reads as JSON is what the client sent.
    let sent = conversation.request().raw_body();
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["input"], "two", "{sent}");

    let (_, third) = server.exchange(
        json!({"input": "three", "previous_response_id": second["id"]}),
        "third",
    );
    assert_eq!(seen(&server, third).len(), 5);
    // A second way on from the first response.
    let (_, fork) = server.exchange(
        json!({"input": "other", "previous_response_id": first["id"]}),
        "fourth",
    );
    let words = [("user", "one"), ("assistant", "first"), ("user", "other")];
    assert_eq!(seen(&server, fork), said(&words));
}

#[test]
fn a_call_and_its_output_join_across_responses() {
    let mut server = TestServer::start();
    let tools = json!([{"type": "function", "name": "look", "parameters": {"type": "object"}}]);
    let asked = server.ask(json!({"model": "human", "input": "look", "tools": tools}));
    let id = server.next_request();
    let call = Body::FunctionCall {
        namespace: None,
        name: "look".into(),
        arguments: "{}".into(),
    };
    let end = Reply::End {
        items: vec![call],
        ending: humanllm::api::Ending::Completed,
    };
    server.reply(id, end).unwrap();
    let (_, response) = asked.join().unwrap();
    server.wait_delivery();
    let output = |call_id: &Value| {
        json!({"previous_response_id": response["id"], "input": [
            {"type": "function_call_output", "call_id": call_id, "output": "a hill"}]})
    };

    let mut wrong = output(&json!("call_other"));
    wrong["model"] = json!("human");
    let (status, error) = server.client.post_json(PATH, &[], &wrong);
    assert_eq!((status, &error["error"]["param"]), (400, &json!("input")));
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("call_other")
    );

    let (_, id) = server.exchange(output(&response["output"][0]["call_id"]), "I see");
    let kinds: Vec<String> = seen(&server, id).into_iter().map(|(who, _)| who).collect();
    assert_eq!(kinds, ["user", "function_call", "function_call_output"]);
}

#[test]
fn what_is_not_stored_cannot_be_gone_on_from() {
    let mut server = TestServer::start();
    let (kept, _) = server.exchange(json!({"input": "a"}), "b");
    let (unkept, _) = server.exchange(json!({"input": "c", "store": false}), "d");
    assert_eq!(
        (&kept["store"], &unkept["store"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        server.client.get(&format!("{PATH}/{}", id_of(&kept)), &[]),
        (200, kept.clone())
    );

    for id in [id_of(&unkept), "resp_unknown"] {
        let (status, error) = server.client.get(&format!("{PATH}/{id}"), &[]);
        assert_eq!(status, 404, "{error}");
        let body = json!({"model": "human", "input": "e", "previous_response_id": id});
        let (status, error) = server.client.post_json(PATH, &[], &body);
        let error = &error["error"];
        assert_eq!(
            (status, &error["code"]),
            (400, &json!("previous_response_not_found"))
        );
        assert_eq!(error["param"], "previous_response_id");
        assert!(error["message"].as_str().unwrap().contains(id), "{error}");
    }
    let body = json!({"model": "human", "input": [{"type": "item_reference", "id": "msg_none"}]});
    let (status, error) = server.client.post_json(PATH, &[], &body);
    assert_eq!((status, &error["error"]["param"]), (404, &json!("input")));

    let (status, deleted) = server.client.delete(&format!("{PATH}/{}", id_of(&kept)));
    assert_eq!((status, &deleted["deleted"]), (200, &json!(true)));
    assert_eq!(
        server
            .client
            .get(&format!("{PATH}/{}", id_of(&kept)), &[])
            .0,
        404
    );
    assert_eq!(
        server.client.delete(&format!("{PATH}/{}", id_of(&kept))).0,
        404
    );
    assert!(server.is_quiet(), "nobody was asked");
}

#[test]
fn the_oldest_response_makes_room() {
    let mut server = TestServer::with_store(Store::new(2), 10, |_| {});
    let ids: Vec<String> = ["a", "b", "c"]
        .map(|text| id_of(&server.exchange(json!({"input": text}), "x").0).to_owned())
        .into();
    let found = ids
        .iter()
        .map(|id| server.client.get(&format!("{PATH}/{id}"), &[]).0);
    assert_eq!(found.collect::<Vec<_>>(), [404, 200, 200]);
}

#[test]
fn an_item_can_be_referred_to() {
    let mut server = TestServer::start();
    let (first, _) = server.exchange(json!({"input": "one"}), "first");
    let reference = json!({"type": "item_reference", "id": first["output"][0]["id"]});
    let input = json!([{"role": "user", "content": "one"}, reference,
        {"role": "user", "content": "two"}]);
    let (_, id) = server.exchange(json!({"input": input}), "second");
    let words = [("user", "one"), ("assistant", "first"), ("user", "two")];
    assert_eq!(seen(&server, id), said(&words));
}

#[test]
fn the_input_is_listed_in_pages() {
    let mut server = TestServer::start();
    let (first, _) = server.exchange(json!({"input": "one"}), "first");
    let body = json!({"input": [{"role": "user", "content": "two"},
        {"role": "user", "content": [{"type": "input_text", "text": "three"}]}],
        "instructions": "none of it", "previous_response_id": first["id"]});
    let (second, _) = server.exchange(body, "second");
    let list = |query: &str| {
        let path = format!("{PATH}/{}/input_items{query}", id_of(&second));
        server.client.get(&path, &[])
    };
    let texts = |page: &Value| {
        let items = page["data"].as_array().expect("items").iter();
        let texts = items.map(|item| item["content"][0]["text"].as_str().unwrap().to_owned());
        texts.collect::<Vec<_>>()
    };
    let (status, all) = list("");
    assert_eq!((status, &all["object"]), (200, &json!("list")));
    assert_eq!(
        texts(&all),
        ["three", "two", "first", "one"],
        "the newest first"
    );
    assert_eq!(all["has_more"], false);

    let (_, page) = list("?order=asc&limit=2");
    assert_eq!(texts(&page), ["one", "first"]);
    assert_eq!(
        (&page["has_more"], &page["last_id"]),
        (&json!(true), &page["data"][1]["id"])
    );
    let after = page["last_id"].as_str().unwrap();
    let (_, rest) = list(&format!("?order=asc&limit=2&after={after}"));
    assert_eq!(
        (texts(&rest), &rest["has_more"]),
        (vec!["two".into(), "three".into()], &json!(false))
    );

    for (query, param) in [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=x", "limit"),
        ("?order=up", "order"),
        ("?after=msg_none", "after"),
    ] {
        let (status, error) = list(query);
        assert_eq!(
            (status, &error["error"]["param"]),
            (400, &json!(param)),
            "{query}"
        );
    }
}

#[test]
fn a_background_response_is_polled() {
    let mut server = TestServer::start();
    let (response, id) = background(&mut server);
    let waiting = poll_status(&server, id_of(&response), "in_progress");
    assert_eq!(waiting["output"], json!([]));
    server.reply(id, note("reading")).unwrap();
    server.wait_delivery();
    let waiting = poll_status(&server, id_of(&response), "in_progress");
    assert_eq!(waiting["output"][0]["phase"], "commentary");
    // Nothing can go on from what has not ended.
    let body = json!({"model": "human", "input": "and?", "previous_response_id": response["id"]});
    assert_eq!(server.client.post_json(PATH, &[], &body).0, 400);

    server.reply(id, answer("42")).unwrap();
    server.wait_delivery();
    let done = poll_status(&server, id_of(&response), "completed");
    assert_eq!(done["output"][1]["content"][0]["text"], "42");
    assert!(
        done["completed_at"].is_u64() && done["usage"]["total_tokens"].is_u64(),
        "{done}"
    );
    let (_, again) = server.exchange(body, "well");
    assert_eq!(id, again);
}

#[test]
fn a_background_response_is_streamed_from_any_point() {
    let mut server = TestServer::start();
    let body = json!({"model": "human", "input": "x", "background": true, "stream": true});
    let mut first = server.client.post_sse(PATH, &[], &body);
    let id = server.next_request();
    let created = first.next_event().unwrap();
    assert_eq!(
        (created.event.as_str(), &created.data["response"]["status"]),
        ("response.created", &json!("queued"))
    );
    assert_eq!(first.next_event().unwrap().event, "response.queued");
    let begun = first.next_event().unwrap();
    assert_eq!(
        (begun.event.as_str(), &begun.data["response"]["status"]),
        ("response.in_progress", &json!("in_progress"))
    );
    let response = id_of(&created.data["response"]).to_owned();
    // The client loses its connection; the person does not notice.
    drop(first);
    server.reply(id, note("still here")).unwrap();
    server.wait_delivery();

    let path = format!("{PATH}/{response}?stream=true");
    let mut late = server.client.get_sse(&format!("{path}&starting_after=2"));
    let missed = late.next_event().unwrap();
    assert_eq!(
        (missed.event.as_str(), &missed.data["sequence_number"]),
        ("response.output_item.added", &json!(3))
    );
    server.reply(id, answer("done")).unwrap();
    server.wait_delivery();
    assert_eq!(
        late.until("response.completed")["response"]["output"][1]["content"][0]["text"],
        "done"
    );

    let all = numbers(server.client.get_sse(&path).rest());
    assert_eq!(all, (0..all.len() as u64).collect::<Vec<_>>());
    let tail = numbers(
        server
            .client
            .get_sse(&format!("{path}&starting_after=5"))
            .rest(),
    );
    assert_eq!(tail, all[6..]);
    let beyond = server
        .client
        .get_sse(&format!("{path}&starting_after=999999"))
        .rest();
    assert_eq!(numbers(beyond), [0_u64; 0]);
    assert_eq!(
        server
            .client
            .get(&format!("{path}&starting_after=x"), &[])
            .0,
        400
    );
}

#[test]
fn a_background_stream_shows_signs_of_life() {
    let beat = std::time::Duration::from_millis(20);
    let mut server = TestServer::with_settings(10, |settings| settings.heartbeat = beat);
    let (response, id) = background(&mut server);
    let mut stream = server
        .client
        .get_sse(&format!("{PATH}/{}?stream=true", id_of(&response)));
    for _ in 0..3 {
        stream.until("response.in_progress");
    }
    let beat = stream.until("response.in_progress");
    // A client that comes back after it misses nothing.
    assert_eq!(beat["sequence_number"], 2);
    server.reply(id, answer("here")).unwrap();
    stream.until("response.completed");
}

#[test]
fn a_background_response_is_cancelled() {
    let mut server = TestServer::start();
    let (response, id) = background(&mut server);
    let watching = server
        .client
        .get_sse(&format!("{PATH}/{}?stream=true", id_of(&response)));
    let cancel = format!("{PATH}/{}/cancel", id_of(&response));
    for _ in 0..2 {
        let (status, cancelled) = server.client.post_json(&cancel, &[], &json!({}));
        assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    }
    let change = server.next_change();
    assert!(
        matches!(change, Change::ClientGone { conversation, .. } if conversation == id),
        "{change:?}"
    );
    numbers(watching.rest());

    // One that has ended stays as it is.
    let (response, id) = background(&mut server);
    server.reply(id, answer("done")).unwrap();
    server.wait_delivery();
    let cancel = format!("{PATH}/{}/cancel", id_of(&response));
    assert_eq!(
        server.client.post_json(&cancel, &[], &json!({})).1["status"],
        "completed"
    );

    let (plain, _) = server.exchange(json!({"input": "x"}), "y");
    for path in [
        format!("{PATH}/{}/cancel", id_of(&plain)),
        format!("{PATH}/resp_none/cancel"),
    ] {
        let (status, error) = server.client.post_json(&path, &[], &json!({}));
        assert_eq!(
            status,
            if path.contains("none") { 404 } else { 400 },
            "{error}"
        );
    }
    let (status, _) = server
        .client
        .get(&format!("{PATH}/{}?stream=true", id_of(&plain)), &[]);
    assert_eq!(status, 400, "only a background response has a log");
}

#[test]
fn a_deleted_background_response_waits_for_nobody() {
    let mut server = TestServer::start();
    let (response, id) = background(&mut server);
    assert_eq!(
        server
            .client
            .delete(&format!("{PATH}/{}", id_of(&response)))
            .0,
        200
    );
    let change = server.next_change();
    assert!(
        matches!(change, Change::ClientGone { conversation, .. } if conversation == id),
        "{change:?}"
    );
}

#[test]
fn a_failure_and_a_lost_client_are_remembered_as_such() {
    let mut server = TestServer::start();
    let asked = server.ask(json!({"model": "human", "input": "x"}));
    let id = server.next_request();
    server.reply(id, rejection("no")).unwrap();
    let (_, failed) = asked.join().unwrap();
    server.wait_delivery();
    assert_eq!(
        poll_status(&server, id_of(&failed), "failed")["error"]["message"],
        "no"
    );

    let mut stream = server.client.post_sse(
        PATH,
        &[],
        &json!({"model": "human", "input": "y", "stream": true}),
    );
    let response = stream.until("response.created")["response"].clone();
    server.next_request();
    drop(stream);
    poll_status(&server, id_of(&response), "cancelled");
}

#[test]
fn a_program_that_ends_finishes_what_is_in_the_background() {
    let mut server = TestServer::start();
    background(&mut server);
    server.close();
    server.leave();
    server.finish();
}

#[test]
fn a_conversation_is_made_and_talked_in() {
    let mut server = TestServer::start();
    let path = "/v1/conversations";
    let begin = json!({"metadata": {"topic": "hills"},
        "items": [{"type": "message", "role": "user", "content": "zero"}]});
    let (status, made) = server.client.post_json(path, &[], &begin);
    assert_eq!(
        (status, &made["object"], &made["metadata"]),
        (200, &json!("conversation"), &json!({"topic": "hills"}))
    );
    let path = format!("{path}/{}", id_of(&made));
    assert_eq!(server.client.get(&path, &[]), (200, made.clone()));

    let (first, id) = server.exchange(json!({"input": "one", "conversation": made["id"]}), "first");
    assert_eq!(first["conversation"], json!({"id": made["id"]}));
    let body = json!({"input": "two", "conversation": {"id": made["id"]}});
    let (_, again) = server.exchange(body, "second");
    assert_eq!(id, again);
    let words = [
        ("user", "zero"),
        ("user", "one"),
        ("assistant", "first"),
        ("user", "two"),
    ];
    assert_eq!(seen(&server, id), said(&words));

    let add = json!({"items": [{"type": "message", "role": "user", "content": "aside"}]});
    let (status, added) = server.client.post_json(&format!("{path}/items"), &[], &add);
    assert_eq!(
        (status, added["data"].as_array().unwrap().len()),
        (200, 1),
        "{added}"
    );
    let (_, list) = server.client.get(&format!("{path}/items?order=asc"), &[]);
    let texts = list["data"].as_array().unwrap().iter();
    let texts: Vec<&str> = texts
        .map(|item| item["content"][0]["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["zero", "one", "first", "two", "second", "aside"]);

    let (status, deleted) = server.client.delete(&path);
    assert_eq!((status, &deleted["deleted"]), (200, &json!(true)));
    assert_eq!(server.client.get(&path, &[]).0, 404);
    let body = json!({"model": "human", "input": "x", "conversation": made["id"]});
    let (status, error) = server.client.post_json(PATH, &[], &body);
    assert_eq!(
        (status, &error["error"]["param"]),
        (404, &json!("conversation"))
    );
    let wrong = json!({"items": "hello"});
    assert_eq!(
        server.client.post_json("/v1/conversations", &[], &wrong).0,
        400
    );
}

#[test]
fn what_is_refused_is_not_part_of_a_conversation() {
    let mut server = TestServer::start();
    let (_, made) = server
        .client
        .post_json("/v1/conversations", &[], &json!({}));
    let asked = server.ask(json!({"model": "human", "input": "x", "conversation": made["id"]}));
    let id = server.next_request();
    server.reply(id, rejection("no")).unwrap();
    assert_eq!(asked.join().unwrap().1["status"], "failed");
    let path = format!("/v1/conversations/{}/items", id_of(&made));
    assert_eq!(server.client.get(&path, &[]).1["data"], json!([]));
}

#[test]
fn a_conversation_stays_while_somebody_talks_in_it() {
    let mut server = TestServer::with_store(Store::new(1), 10, |_| {});
    let (_, made) = server
        .client
        .post_json("/v1/conversations", &[], &json!({}));
    let asked = server.ask(json!({"model": "human", "input": "slow", "conversation": made["id"]}));
    let id = server.next_request();
    for text in ["a", "b", "c"] {
        server.exchange(json!({"input": text}), "quick");
    }
    server.reply(id, answer("there")).unwrap();
    assert_eq!(asked.join().unwrap().0, 200);
    let path = format!("/v1/conversations/{}/items", id_of(&made));
    let (status, list) = server.client.get(&path, &[]);
    assert_eq!((status, list["data"].as_array().unwrap().len()), (200, 2));
}

#[test]
fn a_summary_stands_for_what_came_before() {
    let mut server = TestServer::start();
    let client = server.client.clone();
    let body = json!({"model": "human", "prompt_cache_key": "k", "instructions": "Keep the date.",
        "tools": [{"type": "function", "name": "f"}], "tool_choice": "required", "stream": true,
        "input": [{"role": "user", "content": "We launch on Tuesday."},
            {"role": "assistant", "content": "Noted."}]});
    let asked = std::thread::spawn(move || client.post_json("/v1/responses/compact", &[], &body));
    let id = server.next_request();
    let asks = server.inbox.get(id).unwrap().request().constraints();
    assert_eq!(asks, ["a summary of the conversation"]);
    let tools = server.inbox.get(id).unwrap().tools();
    assert!(tools.is_empty(), "a call would be no summary");
    server.reply(id, answer("Launch: Tuesday.")).unwrap();
    let (status, compact) = asked.join().unwrap();
    server.wait_delivery();
    assert_eq!(
        (status, &compact["object"]),
        (200, &json!("response.compaction")),
        "{compact}"
    );
    let output = compact["output"].as_array().unwrap();
    let kinds: Vec<&Value> = output.iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["message", "compaction"]);
    let hidden = output[1]["encrypted_content"].as_str().unwrap();
    assert!(
        !hidden.contains("Tuesday"),
        "clients are not to take it for text"
    );

    // Later the client brings it back, and the person can read it.
    let mut input = output.clone();
    input.push(json!({"role": "user", "content": "When?"}));
    let (_, id) = server.exchange(json!({"input": input}), "On Tuesday");
    let items = server.inbox.get(id).unwrap().items();
    let summary = humanllm::api::ItemBody::Compaction {
        summary: Some("Launch: Tuesday.".into()),
    };
    assert_eq!(*items[1].body(), summary);

    for (body, expected) in [
        (json!({"input": "x"}), "model"),
        (json!({"model": "human"}), "input"),
    ] {
        let (status, error) = server.client.post_json("/v1/responses/compact", &[], &body);
        assert_eq!((status, &error["error"]["param"]), (400, &json!(expected)));
    }
    let client = server.client.clone();
    let body = json!({"model": "human", "input": "x"});
    let asked = std::thread::spawn(move || client.post_json("/v1/responses/compact", &[], &body));
    let id = server.next_request();
    server.reply(id, rejection("nothing to say")).unwrap();
    let (status, error) = asked.join().unwrap();
    assert_eq!(
        (status, &error["error"]["message"]),
        (400, &json!("nothing to say"))
    );
}

#[test]
fn tokens_are_counted_with_what_came_before() {
    let mut server = TestServer::start();
    let count = |server: &TestServer, body: Value| {
        let (status, count) = server
            .client
            .post_json("/v1/responses/input_tokens", &[], &body);
        assert_eq!(
            (status, &count["object"]),
            (200, &json!("response.input_tokens")),
            "{count}"
        );
        count["input_tokens"].as_u64().expect("a count")
    };
    let alone = count(&server, json!({"input": "hello world"}));
    assert!(alone > 2, "{alone}");
    assert_eq!(count(&server, json!({})), 0);
    let (response, _) =
        server.exchange(json!({"input": "a much longer beginning than that"}), "yes");
    let body = json!({"input": "hello world", "previous_response_id": response["id"]});
    assert!(count(&server, body) > alone);
    assert!(server.is_quiet(), "nobody was asked");
}

#[test]
fn thoughts_and_notes_are_handed_on_too() {
    let mut server = TestServer::start();
    let asked = server.ask(json!({"model": "human", "input": "one"}));
    let id = server.next_request();
    let message = |text: &str, phase| Body::message(text, phase);
    let items = vec![Body::reasoning("hm"), message("wait", Phase::Commentary)];
    server.reply(id, Reply::Items(items)).unwrap();
    server.reply(id, answer("first")).unwrap();
    let (_, first) = asked.join().unwrap();
    server.wait_delivery();
    let (_, id) = server.exchange(
        json!({"input": "two", "previous_response_id": first["id"]}),
        "second",
    );
    let who: Vec<String> = seen(&server, id).into_iter().map(|(who, _)| who).collect();
    assert_eq!(who, ["user", "reasoning", "assistant", "assistant", "user"]);
}

#[test]
fn an_id_that_is_no_text_is_not_there() {
    let server = TestServer::start();
    for path in [
        "/v1/responses/%ff",
        "/v1/responses/%ff?stream=true",
        "/v1/responses/%ff/input_items",
        "/v1/conversations/%ff",
        "/v1/conversations/%ff/items",
    ] {
        let (status, error) = server.client.get(path, &[]);
        assert_eq!(status, 404, "{path}");
        assert!(error["error"]["message"].is_string(), "{path}: {error}");
        let (status, error) = server
            .client
            .get(path, &[("anthropic-version", "2023-06-01")]);
        assert_eq!((status, &error["type"]), (404, &json!("error")), "{path}");
    }
    for path in ["/v1/responses/%ff", "/v1/conversations/%c3%28"] {
        let (status, error) = server.client.delete(path);
        assert_eq!(status, 404, "{path}: {error}");
    }
    let cancel = "/v1/responses/%ff/cancel";
    assert_eq!(server.client.post_json(cancel, &[], &json!({})).0, 404);
    // What is odd and still text is only unknown.
    for id in ["a%2Fb", "a%00b", "%20", "..%2F..", "日本"] {
        let (status, error) = server.client.get(&format!("{PATH}/{id}"), &[]);
        assert_eq!(
            (status, &error["error"]["param"]),
            (404, &json!("response_id"))
        );
    }
}

#[test]
fn what_a_cancelled_response_was_told_comes_back() {
    let mut server = TestServer::start();
    // Counting its tokens takes long enough to cancel it in the meantime.
    let body = json!({"model": "human", "input": "many words ".repeat(50_000),
        "background": true});
    let (_, response) = server.client.post_json(PATH, &[], &body);
    let id = server.next_request();
    server.reply(id, answer("too late")).unwrap();
    let cancel = format!("{PATH}/{}/cancel", id_of(&response));
    let (_, cancelled) = server.client.post_json(&cancel, &[], &json!({}));
    let change = server.next_change();
    match cancelled["status"].as_str().unwrap() {
        "cancelled" => assert_eq!(
            change,
            Change::ClientGone {
                conversation: id,
                returned: vec!["typed".into()]
            }
        ),
        // The count was faster.
        "completed" => assert!(matches!(change, Change::Delivered { .. }), "{change:?}"),
        other => panic!("{other}"),
    }
    let (_, later) = server
        .client
        .get(&format!("{PATH}/{}", id_of(&response)), &[]);
    assert_eq!(later["status"], cancelled["status"]);
}

#[test]
fn a_response_that_is_deleted_still_reaches_who_waits_for_it() {
    let mut server = TestServer::start();
    let body = json!({"model": "human", "input": "x", "stream": true});
    let mut stream = server.client.post_sse(PATH, &[], &body);
    let response = stream.until("response.created")["response"].clone();
    let id = server.next_request();
    let path = format!("{PATH}/{}", id_of(&response));
    let (status, open) = server.client.get(&path, &[]);
    assert_eq!((status, &open["status"]), (200, &json!("in_progress")));
    assert_eq!(server.client.delete(&path).0, 200);
    server.reply(id, answer("all the same")).unwrap();
    stream.until("response.completed");
    assert_eq!(server.client.get(&path, &[]).0, 404);
}

#[test]
fn background_responses_take_places_like_others() {
    let mut server = TestServer::with_settings(1, |_| {});
    let (response, _) = background(&mut server);
    let body = json!({"model": "human", "input": "more", "background": true});
    let (status, error) = server.client.post_json(PATH, &[], &body);
    assert_eq!(
        (status, &error["error"]["code"]),
        (429, &json!("rate_limit_exceeded"))
    );
    let cancel = format!("{PATH}/{}/cancel", id_of(&response));
    server.client.post_json(&cancel, &[], &json!({}));
    server.next_change();
    background(&mut server);
}

#[test]
fn whatever_has_ended_can_be_gone_on_from() {
    let mut server = TestServer::start();
    let asked = server.ask(json!({"model": "human", "input": "one"}));
    let id = server.next_request();
    server.reply(id, note("hm")).unwrap();
    server.reply(id, rejection("no")).unwrap();
    let (_, failed) = asked.join().unwrap();
    server.wait_delivery();
    let body = json!({"input": "two", "store": false, "previous_response_id": failed["id"]});
    let (unkept, again) = server.exchange(body, "second");
    assert_eq!((id, &unkept["store"]), (again, &json!(false)));
    let words = [("user", "one"), ("assistant", "hm"), ("user", "two")];
    assert_eq!(seen(&server, id), said(&words));

    let asked = server.ask(
        json!({"model": "human", "input": "three", "previous_response_id": failed["id"],
        "max_output_tokens": 16}),
    );
    let fork = server.next_request();
    let cut = Reply::End {
        items: vec![Body::message("half", Phase::FinalAnswer)],
        ending: humanllm::api::Ending::OutOfTokens,
    };
    server.reply(fork, cut).unwrap();
    let (_, incomplete) = asked.join().unwrap();
    server.wait_delivery();
    assert_eq!(incomplete["status"], "incomplete");
    let body = json!({"input": "go on", "previous_response_id": incomplete["id"]});
    let (last, id) = server.exchange(body, "done");
    assert_eq!(seen(&server, id).len(), 5);
    // Nothing new at all: the same again, as it stands.
    let (_, id) = server.exchange(json!({"previous_response_id": failed["id"]}), "x");
    assert_eq!(seen(&server, id), said(&words[..2]));
    let body = json!({"input": "five", "previous_response_id": last["id"]});
    server.exchange(body, "y");
}

#[test]
fn two_ways_on_wait_one_behind_the_other() {
    let mut server = TestServer::start();
    let (first, id) = server.exchange(json!({"input": "one"}), "first");
    let way =
        |text: &str| json!({"model": "human", "input": text, "previous_response_id": first["id"]});
    let left = server.ask(way("left"));
    assert_eq!(server.next_request(), id);
    let right = server.ask(way("right"));
    assert_eq!(server.next_request(), id);
    let last = |server: &TestServer| seen(server, id).last().unwrap().1.clone();
    assert_eq!(last(&server), "left");
    server.reply(id, answer("to the left")).unwrap();
    assert_eq!(last(&server), "right");
    assert_eq!(server.inbox.get(id).unwrap().new_from(), 2);
    server.reply(id, answer("to the right")).unwrap();
    for (asked, text) in [(left, "to the left"), (right, "to the right")] {
        let (_, response) = asked.join().unwrap();
        assert_eq!(response["output"][0]["content"][0]["text"], text);
    }
}

#[test]
fn a_conversation_takes_items_by_reference() {
    let mut server = TestServer::start();
    let (first, _) = server.exchange(json!({"input": "one"}), "first");
    let reference = json!({"type": "item_reference", "id": first["output"][0]["id"]});
    let (_, made) = server.client.post_json(
        "/v1/conversations",
        &[],
        &json!({"items": [reference.clone()]}),
    );
    let path = format!("/v1/conversations/{}/items", id_of(&made));
    let (_, list) = server.client.get(&path, &[]);
    assert_eq!(list["data"][0]["content"][0]["text"], "first");
    let (_, added) = server
        .client
        .post_json(&path, &[], &json!({"items": [reference]}));
    assert_eq!(added["data"][0]["content"][0]["text"], "first", "{added}");
    assert_ne!(
        added["data"][0]["id"], list["data"][0]["id"],
        "pages need it"
    );
    let unknown = json!({"items": [{"type": "item_reference", "id": "msg_none"}]});
    let (status, error) = server.client.post_json(&path, &[], &unknown);
    assert_eq!((status, &error["error"]["param"]), (404, &json!("items")));
}

#[test]
fn a_summary_is_handed_on_by_id() {
    let mut server = TestServer::start();
    let (first, _) = server.exchange(json!({"input": "We launch on Tuesday."}), "Noted");
    let client = server.client.clone();
    let body = json!({"model": "human", "previous_response_id": first["id"]});
    let asked = std::thread::spawn(move || client.post_json("/v1/responses/compact", &[], &body));
    let id = server.next_request();
    assert_eq!(seen(&server, id).len(), 2);
    server.reply(id, answer("Launch: Tuesday.")).unwrap();
    let (_, compact) = asked.join().unwrap();
    server.wait_delivery();
    let (second, _) = server.exchange(json!({"input": compact["output"]}), "So?");
    let body = json!({"input": "When?", "previous_response_id": second["id"]});
    let (_, id) = server.exchange(body, "On Tuesday");
    let kinds: Vec<String> = seen(&server, id).into_iter().map(|(who, _)| who).collect();
    assert_eq!(kinds, ["user", "compaction", "assistant", "user"]);
}
