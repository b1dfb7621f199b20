//! A server with a journal: what is not in memory any more, over real sockets, with a scripted
//! person behind them.

use std::path::Path;

use crate::support::{Desk, answer, note, poll};
use humanllm::inbox::ConversationId;
use humanllm::journal::{Journal, JournalOptions};
use humanllm::store::Store;
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

/// A desk whose store remembers so many responses, and has all of them in a journal.
fn desk(folder: &Path, most: usize) -> Desk {
    // The one before may still be letting go.
    let journal = || Journal::open(folder, JournalOptions::default()).ok();
    let journal = poll("the journal", journal, String::new);
    let store = Store::with_journal(most, journal).expect("a store");
    Desk::storing(store, 100, |_| {})
}

/// Ends a desk as a program ends.
fn end(mut desk: Desk) {
    desk.close();
    desk.leave();
    desk.finish();
}

fn texts(desk: &Desk, id: ConversationId) -> Vec<String> {
    let items = desk.inbox.get(id).expect("it is there").items().iter();
    items.map(|item| item.text()).collect()
}

fn path(response: &Value) -> String {
    format!("{PATH}/{}", response["id"].as_str().expect("an id"))
}

#[test]
fn what_has_no_room_in_memory_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = desk(folder.path(), 1);
    let (status, talk) = desk
        .client
        .post_json("/v1/conversations", &[], &json!({"items": []}));
    assert_eq!(status, 200, "{talk}");
    let in_talk = json!({"input": "zero", "conversation": talk["id"]});
    desk.exchange(in_talk, "nothing");
    let (first, place) = desk.exchange(json!({"input": "one"}), "first");
    let (second, _) = desk.exchange(json!({"input": "another"}), "second");

    assert_eq!(desk.client.get(&path(&first), &[]), (200, first.clone()));
    let items = desk
        .client
        .get(&format!("{}/input_items", path(&second)), &[]);
    assert_eq!(items.1["data"][0]["content"][0]["text"], "another");
    let next = json!({"input": "two", "previous_response_id": first["id"]});
    let (_, again) = desk.exchange(next, "third");
    assert_eq!(again, place, "it is the same conversation");
    assert_eq!(texts(&desk, again), ["one", "first", "two"]);
    let reference = json!({"type": "item_reference", "id": second["output"][0]["id"]});
    let (_, id) = desk.exchange(json!({"input": [reference]}), "fourth");
    assert_eq!(texts(&desk, id), ["second"]);
    let in_talk = json!({"input": "one more", "conversation": talk["id"]});
    let (_, id) = desk.exchange(in_talk, "yes");
    assert_eq!(texts(&desk, id), ["zero", "nothing", "one more"]);

    let deleted = desk.client.delete(&path(&first));
    assert_eq!((deleted.0, &deleted.1["deleted"]), (200, &json!(true)));
    assert_eq!(desk.client.get(&path(&first), &[]).0, 404);
    let next = json!({"model": "human", "input": "x", "previous_response_id": first["id"]});
    let (status, error) = desk.client.post_json(PATH, &[], &next);
    assert_eq!(
        (status, &error["error"]["code"]),
        (400, &json!("previous_response_not_found"))
    );
}

#[test]
fn a_client_that_comes_back_finds_its_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = desk(folder.path(), 100);
    let (first, place) = before.exchange(json!({"input": "one"}), "first");
    end(before);
    let mut after = desk(folder.path(), 100);
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
    let mut before = desk(folder.path(), 100);
    let body = json!({"model": "human", "input": "think", "background": true, "stream": true});
    let mut stream = before.client.post_sse(PATH, &[], &body);
    let created = stream.until("response.created")["response"].clone();
    let id = before.arrival();
    before.say(id, note("so far")).unwrap();
    let last = stream.until("response.output_item.done");
    end(before);
    assert_eq!(stream.rest(), [], "it has not ended, and nobody says so");

    // It goes on where it was when the program is back.
    let mut after = desk(folder.path(), 100);
    let id = after.arrival();
    after.say(id, answer("done")).unwrap();
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
