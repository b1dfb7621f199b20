use serde_json::{Value, json};

use super::*;
use crate::agents::Housekeeping;
use crate::api::{Ending, FailureCode, Interner, Purpose, Request, responses};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

fn assistant(text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "id": "msg_1",
        "content": [{"type": "output_text", "text": text}]})
}

fn request(thread: Option<&str>, input: Value) -> Request {
    let body = json!({"model": "m", "input": input, "prompt_cache_key": thread});
    responses::parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
}

fn note(text: &str) -> Reply {
    Reply::Items(vec![Body::message(text, Phase::Commentary)])
}

fn answer(text: &str) -> Reply {
    Reply::End {
        items: vec![Body::message(text, Phase::FinalAnswer)],
        ending: Ending::Completed,
    }
}

/// An inbox with the channel that feeds it.
struct InboxFixture {
    intake: Intake,
    events: tokio::sync::mpsc::UnboundedReceiver<Event>,
    inbox: Inbox,
    clock: i64,
}

impl InboxFixture {
    fn new() -> Self {
        let store = Store::new(10);
        let (intake, events) = channel(3, store.clone());
        Self {
            intake,
            events,
            inbox: Inbox::new(store),
            clock: 0,
        }
    }

    fn ask(&mut self, thread: Option<&str>, input: Value) -> (PendingRequest, ConversationId) {
        self.take();
        let pending = self
            .intake
            .open(request(thread, input), "test".into(), None)
            .unwrap();
        match self.take().as_slice() {
            [
                Change::Arrived {
                    conversation,
                    automatic: false,
                    ..
                },
            ] => (pending, *conversation),
            other => panic!("{other:?}"),
        }
    }

    fn take(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            self.clock += 1;
            changes.extend(self.inbox.apply(event, at(self.clock)));
        }
        changes
    }

    fn say(&mut self, id: ConversationId, reply: Reply) -> Result<(), ReplyError> {
        self.clock += 1;
        self.inbox
            .reply(id, reply, "typed".into(), &Draft::default(), at(self.clock))
    }

    fn new_texts(&self, id: ConversationId) -> Vec<String> {
        let conversation = self.inbox.get(id).unwrap();
        let new = &conversation.items()[conversation.new_from()..];
        new.iter().map(|item| item.text()).collect()
    }
}

fn next(pending: &mut PendingRequest) -> Option<(u64, Reply)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(pending.next())
}

#[test]
fn requests_of_a_thread_are_one_conversation_and_what_is_new_is_known() {
    let mut fixture = InboxFixture::new();
    let (mut first, id) = fixture.ask(Some("t"), json!([user("hello")]));
    assert_eq!(fixture.new_texts(id), ["hello"]);
    fixture.say(id, answer("hi")).unwrap();
    let (ticket, reply) = next(&mut first).unwrap();
    assert_eq!(reply, answer("hi"));
    first.delivered(ticket, 1, true);
    drop(first);
    assert_eq!(
        fixture.take(),
        [Change::Delivered {
            conversation: id,
            tokens: 1
        }]
    );
    assert_eq!(fixture.inbox.get(id).unwrap().status(), Status::Answered);
    assert!(fixture.inbox.requests.is_empty());

    let (_second, again) = fixture.ask(
        Some("t"),
        json!([user("hello"), assistant("hi"), user("more")]),
    );
    assert_eq!(again, id);
    assert_eq!(fixture.new_texts(id), ["more"]);
    assert!(
        fixture.inbox.get(id).unwrap().replies().is_empty(),
        "the client has it: {:?}",
        fixture.inbox
    );
    let (_other, other) = fixture.ask(Some("u"), json!([user("hello")]));
    assert_ne!(other, id);
    let listed: Vec<_> = fixture.inbox.conversations().map(|one| one.id).collect();
    assert_eq!(listed, [id, other], "the longest wait first");
}

#[test]
fn those_that_wait_are_listed_first_and_then_the_newest() {
    let mut fixture = InboxFixture::new();
    let (mut first, one) = fixture.ask(Some("1"), json!("one"));
    let (_second, two) = fixture.ask(Some("2"), json!("two"));
    let (mut third, three) = fixture.ask(Some("3"), json!("three"));
    let listed = |fixture: &InboxFixture| -> Vec<_> {
        fixture.inbox.conversations().map(|c| c.id).collect()
    };
    assert_eq!(listed(&fixture), [one, two, three]);
    for (pending, id) in [(&mut first, one), (&mut third, three)] {
        fixture.say(id, answer("done")).unwrap();
        let (ticket, _) = next(pending).unwrap();
        pending.delivered(ticket, 1, true);
    }
    fixture.take();
    assert_eq!(listed(&fixture), [two, three, one]);
    for (place, id) in [two, three, one].into_iter().enumerate() {
        assert_eq!(fixture.inbox.position(id), Some(place));
        let from = fixture.inbox.conversations_from(place).next();
        assert_eq!(from.map(|found| found.id), Some(id));
    }
    assert_eq!(fixture.inbox.longest_waiting().collect::<Vec<_>>(), [two]);
}

#[test]
fn an_agent_is_where_it_said_last() {
    let mut fixture = InboxFixture::new();
    let at = |path: &str| {
        user(&format!(
            "<environment_context><cwd>{path}</cwd></environment_context>"
        ))
    };
    let mut ask = |items: &[Value]| {
        let (_pending, id) = fixture.ask(Some("t"), json!(items));
        let found = fixture.inbox.get(id).unwrap();
        found.directory().map(str::to_owned)
    };
    let mut items = vec![at("/a"), user("hello")];
    assert_eq!(ask(&items).as_deref(), Some("/a"));
    items.extend([assistant("hi"), user("more")]);
    assert_eq!(ask(&items).as_deref(), Some("/a"));
    items.extend([assistant("hi"), at("/b"), user("more")]);
    assert_eq!(ask(&items).as_deref(), Some("/b"));
    // What is left out does not count any more.
    assert_eq!(ask(&[user("compacted")]), None);
}

#[test]
fn what_is_done_can_be_taken_off_the_list() {
    let mut fixture = InboxFixture::new();
    let (mut first, one) = fixture.ask(Some("1"), json!("one"));
    let (gone, two) = fixture.ask(Some("2"), json!("two"));
    let (_third, three) = fixture.ask(Some("3"), json!("three"));
    assert!(!fixture.inbox.dismiss(one), "somebody waits there");
    fixture.say(one, answer("done")).unwrap();
    assert!(!fixture.inbox.dismiss(one), "the answer is on its way");
    let (ticket, _) = next(&mut first).unwrap();
    first.delivered(ticket, 1, true);
    drop(gone);
    fixture.take();
    assert_eq!(fixture.inbox.dismiss_done(|id| id == two), [one]);
    assert!(fixture.inbox.dismiss(two));
    let listed: Vec<_> = fixture.inbox.conversations().map(|c| c.id).collect();
    assert_eq!(listed, [three]);
    assert!(!fixture.inbox.dismiss(two), "it is off already");
}

#[test]
fn what_the_program_answers_stays_out_of_the_conversation() {
    let mut fixture = InboxFixture::new();
    for thread in [Some("t"), None] {
        let (_open, id) = fixture.ask(thread, json!([user("hello")]));
        for _ in 0..2 {
            let housekeeping = Housekeeping {
                purpose: Purpose::Title,
                answer: "Hello".into(),
            };
            let asked = request(thread, json!([user("hello"), user("name it")]));
            let asked = fixture
                .intake
                .open(asked, "test".into(), Some(housekeeping))
                .unwrap();
            drop(asked);
            let changes = fixture.take();
            let Change::Arrived {
                conversation,
                automatic: true,
                ..
            } = changes[0]
            else {
                panic!("{changes:?}");
            };
            assert_ne!(conversation, id);
            let title = fixture.inbox.get(conversation).unwrap();
            assert_eq!(
                (title.title(), title.automatic.clone()),
                ("thread title", Some("thread title".to_owned()))
            );
        }
        let conversation = fixture.inbox.get(id).unwrap();
        assert_eq!(conversation.title(), "hello");
        assert_eq!(
            (conversation.items().len(), conversation.automatic.clone()),
            (1, None)
        );
        assert!(conversation.is_waiting());
        let (_more, again) = fixture.ask(Some("t"), json!([user("hello"), assistant("hi")]));
        assert_eq!(again == id, thread.is_some());
    }
}

#[test]
fn a_client_that_names_no_thread_is_known_by_its_items() {
    let mut fixture = InboxFixture::new();
    let (_a, first) = fixture.ask(None, json!([user("hello")]));
    let (_b, same_words) = fixture.ask(None, json!([user("hello")]));
    assert_ne!(first, same_words, "somebody else may say hello too");
    fixture.say(first, answer("hi")).unwrap();
    fixture.say(same_words, answer("ho")).unwrap();
    let (c, next) = fixture.ask(None, json!([user("hello"), assistant("ho"), user("more")]));
    assert!([first, same_words].contains(&next));
    drop(c);
    let (_d, new) = fixture.ask(Some("named"), json!([user("hello"), assistant("ho")]));
    assert!(![first, same_words].contains(&new));
}

#[test]
fn a_retry_comes_back_to_its_conversation_with_what_was_said() {
    let mut fixture = InboxFixture::new();
    for thread in [None, Some("t")] {
        let (mut lost, id) = fixture.ask(thread, json!([user("slow")]));
        fixture.say(id, note("one moment")).unwrap();
        let (ticket, _) = next(&mut lost).unwrap();
        lost.delivered(ticket, 1, false);
        drop(lost);
        fixture.take();
        assert_eq!(fixture.inbox.get(id).unwrap().status(), Status::ClientGone);
        let (_back, again) = fixture.ask(thread, json!([user("slow")]));
        assert_eq!(again, id);
        let conversation = fixture.inbox.get(id).unwrap();
        assert!(conversation.is_waiting());
        assert_eq!(conversation.replies().len(), 1);
        assert_eq!(fixture.new_texts(id), ["slow"]);
        fixture.say(id, answer("done")).unwrap();
    }
}

#[test]
fn notes_that_leave_with_the_answer_are_delivered_with_it() {
    let mut fixture = InboxFixture::new();
    let (mut pending, id) = fixture.ask(Some("t"), json!([user("hello")]));
    fixture.say(id, note("one moment")).unwrap();
    fixture.say(id, answer("done")).unwrap();
    next(&mut pending).unwrap();
    let (ticket, _) = next(&mut pending).unwrap();
    pending.delivered(ticket, 1, true);
    drop(pending);
    assert_eq!(
        fixture.take(),
        [Change::Delivered {
            conversation: id,
            tokens: 1
        }]
    );
    let said = fixture.inbox.get(id).unwrap().replies();
    assert!(said.iter().all(|reply| reply.state == Delivery::Delivered));
    assert!(fixture.inbox.requests.is_empty());
}

#[test]
fn what_did_not_reach_the_client_comes_back() {
    let mut fixture = InboxFixture::new();
    let (pending, id) = fixture.ask(Some("t"), json!([user("hello")]));
    fixture.say(id, note("unread")).unwrap();
    drop(pending);
    assert_eq!(
        fixture.take(),
        [Change::ClientGone {
            conversation: id,
            returned: vec!["typed".into()]
        }]
    );
    assert_eq!(fixture.say(id, note("more")), Err(ReplyError::NobodyWaits));

    let (pending, id) = fixture.ask(Some("t"), json!([user("hello")]));
    drop(pending);
    assert_eq!(fixture.say(id, note("more")), Err(ReplyError::ClientGone));
    assert_eq!(fixture.inbox.waiting(), 0);
}

#[test]
fn parallel_requests_of_a_thread_are_answered_in_turn() {
    let mut fixture = InboxFixture::new();
    let (mut first, id) = fixture.ask(Some("t"), json!([user("one")]));
    let (mut second, same) = fixture.ask(Some("t"), json!([user("two")]));
    assert_eq!((same, fixture.inbox.waiting()), (id, 2));
    assert_eq!(fixture.new_texts(id), ["one"]);
    fixture.say(id, answer("1")).unwrap();
    assert_eq!(fixture.new_texts(id), ["two"]);
    fixture.say(id, answer("2")).unwrap();
    assert_eq!(next(&mut first).unwrap().1, answer("1"));
    assert_eq!(next(&mut second).unwrap().1, answer("2"));
}

#[test]
fn the_number_of_waiting_requests_is_limited() {
    let mut fixture = InboxFixture::new();
    let pending: Vec<_> = (0..3).map(|_| fixture.ask(None, json!("x")).0).collect();
    assert_eq!(fixture.intake.check(), Err(Refusal::Full(3)));
    let refused_retries = fixture
        .intake
        .open(request(None, json!("x")), String::new(), None);
    assert_eq!(refused_retries.unwrap_err(), Refusal::Full(3));
    drop(pending);
    assert_eq!(fixture.intake.check(), Ok(()));
    drop(fixture.events);
    assert_eq!(fixture.intake.check(), Err(Refusal::Closed));
}

#[test]
fn leaving_ends_every_open_response() {
    let mut fixture = InboxFixture::new();
    let (mut pending, _) = fixture.ask(None, json!("x"));
    drop(fixture.inbox);
    assert_eq!(next(&mut pending), None);
}

#[test]
fn a_rejection_is_what_was_said() {
    let mut fixture = InboxFixture::new();
    let (_pending, id) = fixture.ask(None, json!("x"));
    let message = "not today".to_owned();
    let ending = Ending::Failed {
        code: FailureCode::InvalidPrompt,
        message: message.clone(),
    };
    fixture
        .say(
            id,
            Reply::End {
                items: vec![],
                ending,
            },
        )
        .unwrap();
    let conversation = fixture.inbox.get(id).unwrap();
    assert_eq!(
        conversation.replies()[0].content,
        ReplyContent::Rejection(message)
    );
    assert_eq!(conversation.status(), Status::Answered);
}

#[test]
fn old_conversations_make_room_but_waiting_ones_stay() {
    let mut fixture = InboxFixture::new();
    let (_waiting, id) = fixture.ask(Some("first"), json!("wait for me"));
    for index in 0..MAX_CONVERSATIONS + 5 {
        let (_pending, id) = fixture.ask(Some(&index.to_string()), json!("x"));
        fixture.say(id, answer("y")).unwrap();
    }
    assert_eq!(fixture.inbox.conversations().len(), MAX_CONVERSATIONS);
    assert!(fixture.inbox.get(id).is_some());
}

#[test]
fn large_conversations_make_room_too() {
    const MAX: usize = 400_000;
    let mut fixture = InboxFixture::new();
    fixture.inbox.max_bytes = MAX;
    let (large, _) = fixture.ask(Some("large"), json!("x".repeat(MAX / 40)));
    let ids: Vec<_> = (0..45)
        .map(|index| {
            let (_pending, id) = fixture.ask(Some(&index.to_string()), json!("x".repeat(MAX / 40)));
            fixture.say(id, answer("y")).unwrap();
            id
        })
        .collect();
    assert!(fixture.inbox.memory.bytes <= MAX);
    assert!(fixture.inbox.conversations().any(Conversation::is_waiting));
    assert!(fixture.inbox.get(ids[0]).is_none());
    assert!(fixture.inbox.get(ids[44]).is_some());
    drop(large);
}

#[test]
fn a_family_that_is_adopted_stays_together() {
    let mut fixture = InboxFixture::new();
    let mut ask = |thread: &str, parent: Option<&str>| {
        let mut request = request(Some(thread), json!([user(thread)]));
        request.parent = parent.map(str::to_owned);
        let pending = fixture.intake.open(request, "test".into(), None).unwrap();
        let arrived = |change: &Change| match change {
            Change::Arrived { conversation, .. } => Some(*conversation),
            _ => None,
        };
        let id = fixture.take().iter().find_map(arrived).unwrap();
        drop(pending);
        id
    };
    let asked = [
        ask("grandparent", None),
        ask("parent", None),
        ask("child", Some("parent")),
        ask("parent", Some("grandparent")),
    ];
    let first = asked[0];
    assert_eq!(
        fixture.inbox.families.len(),
        1,
        "{:?}",
        fixture.inbox.families
    );
    for id in asked {
        let family = fixture.inbox.get(id).unwrap().family;
        assert_eq!(family.map(|family| family.root), Some(first));
    }
}
