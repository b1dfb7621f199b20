//! A server with a journal: what is not in memory any more, over real sockets, with a scripted
//! person behind them.

use std::path::Path;

use crate::support::{TestServer, answer, note, poll};
use humanllm::inbox::ConversationId;
use humanllm::journal::{Journal, JournalOptions};
use humanllm::store::Store;
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

/// A desk whose store remembers so many responses, and has all of them in a journal.
fn server(folder: &Path, most: usize) -> TestServer {
    // The one before may still be letting go.
    let journal = || Journal::open(folder, JournalOptions::default()).ok();
    let journal = poll("the journal", journal, String::new);
    let store = Store::with_journal(most, journal).expect("a store");
    TestServer::with_store(store, 100, |_| {})
}

/// Ends a desk as a program ends.
fn end(mut server: TestServer) {
    server.close();
    server.leave();
    server.finish();
}

fn texts(server: &TestServer, id: ConversationId) -> Vec<String> {
    let items = server.inbox.get(id).expect("it is there").items().iter();
    items.map(|item| item.text()).collect()
}

fn path(response: &Value) -> String {
    format!("{PATH}/{}", response["id"].as_str().expect("an id"))
}

#[test]
fn what_has_no_room_in_memory_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server(folder.path(), 1);
    let (status, talk) = server
        .client
        .post_json("/v1/conversations", &[], &json!({"items": []}));
    assert_eq!(status, 200, "{talk}");
    let in_talk = json!({"input": "zero", "conversation": talk["id"]});
    server.exchange(in_talk, "nothing");
    let (first, place) = server.exchange(json!({"input": "one"}), "first");
    let (second, _) = server.exchange(json!({"input": "another"}), "second");

    assert_eq!(server.client.get(&path(&first), &[]), (200, first.clone()));
    let items = server
        .client
        .get(&format!("{}/input_items", path(&second)), &[]);
    assert_eq!(items.1["data"][0]["content"][0]["text"], "another");
    let next = json!({"input": "two", "previous_response_id": first["id"]});
    let (_, again) = server.exchange(next, "third");
    assert_eq!(again, place, "it is the same conversation");
    assert_eq!(texts(&server, again), ["one", "first", "two"]);
    let reference = json!({"type": "item_reference", "id": second["output"][0]["id"]});
    let (_, id) = server.exchange(json!({"input": [reference]}), "fourth");
    assert_eq!(texts(&server, id), ["second"]);
    let in_talk = json!({"input": "one more", "conversation": talk["id"]});
    let (_, id) = server.exchange(in_talk, "yes");
    assert_eq!(texts(&server, id), ["zero", "nothing", "one more"]);

    let deleted = server.client.delete(&path(&first));
    assert_eq!((deleted.0, &deleted.1["deleted"]), (200, &json!(true)));
    assert_eq!(server.client.get(&path(&first), &[]).0, 404);
    let next = json!({"model": "human", "input": "x", "previous_response_id": first["id"]});
    let (status, error) = server.client.post_json(PATH, &[], &next);
    assert_eq!(
        (status, &error["error"]["code"]),
        (400, &json!("previous_response_not_found"))
    );
}

#[test]
fn a_client_that_comes_back_finds_its_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = server(folder.path(), 100);
    let (first, place) = before.exchange(json!({"input": "one"}), "first");
    end(before);
    let mut after = server(folder.path(), 100);
    let (_, other) = after.exchange(json!({"input": "something else"}), "yes");
    assert_ne!(other, place);
    let next = json!({"input": "two", "previous_response_id": first["id"]});
    let (_, again) = after.exchange(next, "second");
    assert_eq!(again, place);
    assert_eq!(texts(&after, again), ["one", "first", "two"]);
}

#[test]
fn who_watches_a_background_response_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = server(folder.path(), 100);
    let body = json!({"model": "human", "input": "think", "background": true, "stream": true});
    let mut stream = before.client.post_sse(PATH, &[], &body);
    let created = stream.until("response.created")["response"].clone();
    let id = before.next_request();
    before.reply(id, note("so far")).unwrap();
    let last = stream.until("response.output_item.done");
    end(before);
    assert_eq!(stream.rest(), [], "it has not ended, and nobody says so");

    // It goes on where it was when the program is back.
    let mut after = server(folder.path(), 100);
    let id = after.next_request();
    after.reply(id, answer("done")).unwrap();
    let after_number = last["sequence_number"].as_u64().unwrap();
    let rest = format!(
        "{}?stream=true&starting_after={after_number}",
        path(&created)
    );
    let events = after.client.get_sse(&rest).rest();
    assert_eq!(
        events[0].data["sequence_number"],
        json!(after_number + 1),
        "{events:#?}"
    );
    let completed = &events[events.len() - 2];
    assert_eq!(completed.event, "response.completed");
}
