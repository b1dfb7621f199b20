//! What is there when the program comes back, after its end and after a kill: the real binary in a
//! pseudo-terminal, asked by clients that go on where they were.

use crate::support::{Person, Signal};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

/// Ends the program in one of two ways, and starts it again.
fn again(person: Person, kill: bool) -> Person {
    person.signal(if kill { Signal::KILL } else { Signal::TERM });
    person.restart()
}

/// Sends a request that is not streamed, and answers it.
fn exchange(person: &mut Person, body: Value, prompt: &str, answer: &str) -> Value {
    let client = person.client();
    let asked = std::thread::spawn(move || client.post_json(PATH, &[], &body));
    person.wait_request(prompt);
    person.reply(answer);
    let (status, document) = asked.join().expect("an answer");
    assert_eq!(status, 200, "{document}");
    document
}

#[test]
fn stored_responses_can_be_gone_on_from() {
    for kill in [false, true] {
        let mut person = Person::start();
        let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
        let body = json!({"model": "m", "input": "the first question", "tools": [tool],
            "instructions": "be brief", "temperature": 0.50});
        let first = exchange(&mut person, body, "the first question", "the first answer");
        let mut person = again(person, kill);
        let id = first["id"].as_str().expect("an id");
        let (status, kept) = person.client().get(&format!("{PATH}/{id}"), &[]);
        assert_eq!((status, &kept), (200, &first));
        let (_, items) = person
            .client()
            .get(&format!("{PATH}/{id}/input_items"), &[]);
        assert_eq!(items["data"][0]["content"][0]["text"], "the first question");

        let item = first["output"][0]["id"].clone();
        let body = json!({"model": "m", "previous_response_id": id, "input": [
            {"type": "item_reference", "id": item},
            {"role": "user", "content": "the second question"}]});
        let second = exchange(
            &mut person,
            body,
            "the second question",
            "the second answer",
        );
        assert_eq!(second["previous_response_id"], id);
        let screen = person.wait_for("the second answer");
        assert!(screen.contains("the first question"), "{screen}");
    }
}

#[test]
fn conversations_of_the_api_are_still_there() {
    let person = Person::start();
    let body =
        json!({"items": [{"role": "user", "content": "to begin with"}], "metadata": {"a": "b"}});
    let (_, made) = person.client().post_json("/v1/conversations", &[], &body);
    let mut person = again(person, true);
    let path = format!("/v1/conversations/{}", made["id"].as_str().expect("an id"));
    assert_eq!(person.client().get(&path, &[]), (200, made.clone()));
    let body = json!({"model": "m", "input": "and now?", "conversation": made["id"]});
    let answer = exchange(&mut person, body, "and now?", "nothing");
    let person = again(person, true);
    let (_, items) = person.client().get(&format!("{path}/items?order=asc"), &[]);
    let texts = items["data"].as_array().expect("items").iter();
    let texts: Vec<_> = texts
        .map(|item| item["content"][0]["text"].clone())
        .collect();
    assert_eq!(texts, ["to begin with", "and now?", "nothing"]);
    // To look at what was said in it adds nothing to it.
    let answer = format!("{PATH}/{}", answer["id"].as_str().expect("an id"));
    assert_eq!(person.client().get(&answer, &[]).0, 200);
    let list = format!("{path}/items?order=asc");
    assert_eq!(person.client().get(&list, &[]).1, items);

    // What is answered after a restart is said in it too.
    let body = json!({
        "model": "m", "input": "and later?", "conversation": made["id"], "background": true});
    let (_, queued) = person.client().post_json(PATH, &[], &body);
    assert_eq!(queued["status"], "queued");
    let mut person = again(person, true);
    person.wait_request("and later?");
    person.reply("then too");
    person.wait_for("final answer · delivered");
    let (_, items) = person.client().get(&list, &[]);
    let data = items["data"].as_array().expect("items");
    assert_eq!(data.len(), 5, "{items}");
    assert_eq!(data[4]["content"][0]["text"], "then too");
    let person = again(person, true);
    assert_eq!(person.client().get(&list, &[]).1, items);
    assert_eq!(person.client().delete(&path).0, 200);
    let person = again(person, true);
    assert_eq!(person.client().get(&path, &[]).0, 404);
}

#[test]
fn a_background_response_waits_for_the_person_again() {
    for kill in [false, true] {
        let mut person = Person::start();
        let body = json!({"model": "m", "input": "whenever you can", "background": true});
        let (_, queued) = person.client().post_json(PATH, &[], &body);
        assert_eq!(queued["status"], "queued");
        let path = format!("{PATH}/{}", queued["id"].as_str().expect("an id"));
        person.wait_request("whenever you can");
        person.choose("Progress");
        person.reply("a moment");
        person.wait_for("commentary · delivered");

        let mut person = again(person, kill);
        person.wait_request("whenever you can");
        person.wait_for("a moment");
        assert_eq!(person.client().get(&path, &[]).1["status"], "in_progress");
        person.choose("Send");
        person.reply("here it is");
        person.wait_for("final answer · delivered");
        let (_, done) = person.client().get(&path, &[]);
        assert_eq!(done["status"], "completed");
        let texts = done["output"].as_array().expect("items").iter();
        let texts: Vec<_> = texts
            .map(|item| item["content"][0]["text"].clone())
            .collect();
        assert_eq!(texts, ["a moment", "here it is"]);

        // Its events are one sequence, whatever was in between.
        let person = again(person, kill);
        let events = person
            .client()
            .get_sse(&format!("{path}?stream=true"))
            .rest();
        let numbers = events
            .iter()
            .filter_map(|event| event.data["sequence_number"].as_u64());
        assert!(numbers.eq(0..events.len() as u64 - 1), "{events:?}");
    }
}

#[test]
fn a_client_that_comes_back_finds_its_conversation() {
    for thread in [None, Some("t")] {
        let mut person = Person::start();
        let question = json!({"role": "user", "content": "do you know me?"});
        let body = |input: Value| {
            json!({"model": "m", "stream": true, "store": false,
            "input": input, "prompt_cache_key": thread})
        };
        let mut stream = person
            .client()
            .post_sse(PATH, &[], &body(json!([question])));
        person.wait_request("do you know me?");
        person.reply("of course");
        let answer = stream.until("response.completed")["response"]["output"][0].clone();
        let mut person = again(person, true);
        let more = json!({"role": "user", "content": "are you sure?"});
        let input = json!([question, answer, more]);
        let mut stream = person.client().post_sse(PATH, &[], &body(input));
        person.wait_request("are you sure?");
        let screen = person.wait_for("are you sure?");
        assert!(screen.contains("of course"), "{screen}");
        assert!(
            !screen.contains("client gone"),
            "one entry and no other: {screen}"
        );
        person.reply("quite");
        stream.until("response.completed");
    }
}
