use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::api::{Ending, Interner, Phase, Reply, Request, responses};
use crate::draft::{Draft, Sender, Source};
use crate::inbox::{Change, ConversationId, Inbox, Intake, Pending, Words, channel};
use crate::store::Store;
use jiff::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What Codex offers and asks.
fn request(prompt: &str) -> Request {
    let body = json!({"model": "human", "prompt_cache_key": "t", "stream": true,
        "tools": [{"type": "function", "name": "exec_command", "parameters": {"type": "object",
            "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}}],
        "input": [{"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": prompt}]}]});
    responses::parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
}

fn call(command: &str) -> Body {
    Body::FunctionCall {
        namespace: None,
        name: "exec_command".into(),
        arguments: json!({ "cmd": command }).to_string(),
    }
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn message(text: &str, phase: Phase) -> Piece {
    Piece::Item(Body::message(text, phase))
}

const DONE: Piece = Piece::Done {
    usage: None,
    cut_off: false,
};

/// An inbox with one client that waits, and models that draft.
struct Bench {
    intake: Intake,
    events: UnboundedReceiver<Event>,
    orders: UnboundedReceiver<Order>,
    inbox: Inbox,
    clock: i64,
}

impl Bench {
    fn new(mode: Mode) -> Self {
        let store = Store::new(10);
        let (intake, events) = channel(10, store.clone());
        let (sender, orders) = unbounded_channel();
        let mut inbox = Inbox::new(store);
        inbox.set_drafting(Drafting {
            models: vec!["qwen".into(), "other".into()],
            mode,
            orders: Some(sender),
            ..Drafting::default()
        });
        Self {
            intake,
            events,
            orders,
            inbox,
            clock: 0,
        }
    }

    fn ask(&mut self, prompt: &str) -> (Pending, ConversationId, bool) {
        let request = request(prompt);
        let pending = self.intake.open(request, "codex".into(), None).unwrap();
        match self.take().pop() {
            Some(Change::Arrived {
                conversation,
                attended,
                ..
            }) => (pending, conversation, attended),
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

    /// The draft that a model is told to make.
    fn order(&mut self) -> DraftOrder {
        match self.orders.try_recv() {
            Ok(Order::Begin(order)) => *order,
            other => panic!("{other:?}"),
        }
    }

    /// What became of a draft when its model said these.
    fn draft(&mut self, id: DraftId, pieces: impl IntoIterator<Item = Piece>) -> Vec<Drafted> {
        let events = self.intake.draft_events();
        for piece in pieces {
            events.send(id, Step::Piece(piece));
        }
        let changes = self.take().into_iter();
        let drafted = changes.filter_map(|change| match change {
            Change::Drafted { what, .. } => Some(what),
            _ => None,
        });
        drafted.collect()
    }

    fn conversation(&self, id: ConversationId) -> &crate::inbox::Conversation {
        self.inbox.get(id).unwrap()
    }

    fn now(&mut self) -> Timestamp {
        self.clock += 1;
        at(self.clock)
    }
}

/// All that has been said to a client by now.
async fn replies(pending: &mut Pending, count: usize) -> Vec<Reply> {
    let mut replies = Vec::new();
    for _ in 0..count {
        replies.push(pending.next().await.unwrap().1);
    }
    replies
}

fn live(delta: &str) -> Reply {
    Reply::Live {
        delta: delta.into(),
        phase: Phase::FinalAnswer,
    }
}

fn end(items: Vec<Body>) -> Reply {
    Reply::End {
        items,
        ending: Ending::Completed,
    }
}

#[test]
fn a_draft_is_made_on_arrival_and_waits_for_the_person() {
    let mut bench = Bench::new(Mode::Draft);
    let (_pending, id, attended) = bench.ask("list the files");
    assert!(!attended);
    let order = bench.order();
    assert_eq!((order.model.as_str(), order.continues), ("qwen", None));
    assert_eq!(order.request.items.len(), 1);
    let drafted = bench.draft(
        order.id,
        [
            text("I "),
            text("look"),
            message("I look", Phase::Commentary),
            Piece::Call {
                title: "exec_command".into(),
                arguments: "{\"cmd\"".into(),
            },
            Piece::Item(call("ls")),
            DONE,
        ],
    );
    assert_eq!(drafted.last(), Some(&Drafted::Ready));
    assert!(!drafted.contains(&Drafted::Sent));
    let draft = bench.conversation(id).drafts().first().unwrap();
    assert_eq!(draft.state, DraftState::Complete);
    assert_eq!(
        draft.items,
        [Body::message("I look", Phase::Commentary), call("ls")]
    );
    assert!(bench.conversation(id).said().is_empty());
    assert!(bench.conversation(id).is_waiting());
}

#[tokio::test]
async fn in_auto_words_leave_as_they_come_and_calls_end_the_turn() {
    let mut bench = Bench::new(Mode::Auto);
    let (mut pending, id, attended) = bench.ask("list the files");
    assert!(attended, "nobody needs to be called");
    let order = bench.order();
    assert_eq!(bench.conversation(id).sending(), Some(order.id));
    let drafted = bench.draft(order.id, [text("I "), text("look.")]);
    assert_eq!(drafted, [Drafted::Sent, Drafted::Sent]);
    assert_eq!(
        replies(&mut pending, 2).await,
        [live("I "), live("look.")],
        "before the model has come to its end"
    );
    let drafted = bench.draft(
        order.id,
        [
            message("I look.", Phase::Commentary),
            Piece::Item(call("ls")),
            DONE,
        ],
    );
    assert_eq!(drafted.last(), Some(&Drafted::Finished));
    assert_eq!(
        replies(&mut pending, 1).await,
        [end(vec![call("ls")])],
        "the words are not said twice"
    );
    let conversation = bench.conversation(id);
    assert!(!conversation.is_waiting());
    let said: Vec<&Words> = conversation.said().iter().map(|said| &said.words).collect();
    assert_eq!(
        said,
        [
            &Words::Item(Body::message("I look.", Phase::FinalAnswer)),
            &Words::Item(call("ls"))
        ]
    );
    let model = Source::Model {
        draft: order.id.0,
        model: "qwen".into(),
    };
    let first = &conversation.said()[0].draft;
    assert_eq!(first.origin.spans()[0].source, model);
    assert_eq!(
        conversation.said()[1].draft.sender,
        Sender::Auto {
            draft: order.id.0,
            model: "qwen".into()
        }
    );
}

#[tokio::test]
async fn the_person_takes_over_in_the_middle_and_hands_the_pen_back() {
    let mut bench = Bench::new(Mode::Auto);
    let (mut pending, id, _) = bench.ask("tell me a story");
    let first = bench.order();
    bench.draft(first.id, [text("Once upon ")]);
    let now = bench.now();
    assert!(bench.inbox.take_over(id, now));
    assert!(!bench.inbox.take_over(id, now), "only once");
    assert!(matches!(bench.orders.try_recv(), Ok(Order::Cancel(id)) if id == first.id));
    assert_eq!(
        bench.draft(first.id, [text("a midnight")]),
        [],
        "what comes too late is not sent"
    );
    assert_eq!(bench.conversation(id).sending(), None);
    let said = Reply::Live {
        delta: "a time ".into(),
        phase: Phase::FinalAnswer,
    };
    let typed = Draft {
        live: true,
        ..Draft::from("a time ")
    };
    bench
        .inbox
        .reply(id, said, typed, &Draft::default(), now)
        .unwrap();
    bench.inbox.hand_back(id, None, now).unwrap();
    let second = bench.order();
    assert_eq!(second.continues.as_deref(), Some("Once upon a time "));
    bench.draft(
        second.id,
        [
            text("there was"),
            message("there was", Phase::FinalAnswer),
            DONE,
        ],
    );
    assert_eq!(
        replies(&mut pending, 4).await,
        [
            live("Once upon "),
            live("a time "),
            live("there was"),
            end(Vec::new())
        ]
    );
    let said = bench.conversation(id).said();
    assert_eq!(said.len(), 1, "one message in the end");
    let sources: Vec<(usize, bool)> = said[0]
        .draft
        .origin
        .spans()
        .iter()
        .map(|span| (span.chars, matches!(span.source, Source::Model { .. })))
        .collect();
    assert_eq!(sources, [(10, true), (7, false), (9, true)]);
}

#[test]
fn a_failure_leaves_the_turn_to_the_person() {
    let mut bench = Bench::new(Mode::Auto);
    let (_pending, id, _) = bench.ask("hello");
    let order = bench.order();
    bench.draft(order.id, [text("Hel")]);
    let events = bench.intake.draft_events();
    events.send(order.id, Step::Failed("qwen: it hung up".into()));
    let changes = bench.take();
    assert!(matches!(
        changes.as_slice(),
        [Change::Drafted {
            what: Drafted::Failed,
            ..
        }]
    ));
    let conversation = bench.conversation(id);
    assert!(conversation.is_waiting() && conversation.sending().is_none());
    assert_eq!(
        conversation.said()[0].words,
        Words::Live("Hel".into(), Phase::FinalAnswer)
    );
    let draft = &conversation.drafts()[0];
    assert_eq!(draft.state, DraftState::Failed("qwen: it hung up".into()));
}

#[test]
fn what_must_not_be_sent_is_held() {
    let mut bench = Bench::new(Mode::Auto);
    let (_pending, id, _) = bench.ask("hello");
    let order = bench.order();
    let unknown = Body::FunctionCall {
        namespace: None,
        name: "launch".into(),
        arguments: "{}".into(),
    };
    let drafted = bench.draft(order.id, [Piece::Item(unknown), DONE]);
    assert_eq!(drafted, [Drafted::Held, Drafted::Ready]);
    let conversation = bench.conversation(id);
    assert!(conversation.is_waiting() && conversation.said().is_empty());
    let decision = conversation.decision().unwrap();
    assert_eq!(decision.matched, "launch is not offered");
}

#[test]
fn a_model_that_says_nothing_or_too_much_leaves_it_to_the_person() {
    let mut bench = Bench::new(Mode::Auto);
    let (_pending, id, _) = bench.ask("hello");
    let order = bench.order();
    assert_eq!(bench.draft(order.id, [DONE]), [Drafted::Failed]);
    let now = bench.now();
    bench
        .inbox
        .hand_back(id, Some("other".into()), now)
        .unwrap();
    let order = bench.order();
    assert_eq!(order.model, "other");
    let cut = Piece::Done {
        usage: None,
        cut_off: true,
    };
    let drafted = bench.draft(
        order.id,
        [text("a b"), message("a b", Phase::FinalAnswer), cut],
    );
    assert_eq!(drafted.last(), Some(&Drafted::Held));
    assert!(bench.conversation(id).is_waiting());
}

#[test]
fn a_client_that_goes_away_stops_its_models_and_gets_nobodys_words() {
    let mut bench = Bench::new(Mode::Auto);
    let (pending, id, _) = bench.ask("hello");
    let order = bench.order();
    bench.draft(order.id, [text("Hel")]);
    drop(pending);
    match bench.take().as_slice() {
        [Change::ClientGone { returned, .. }] => assert!(returned.is_empty()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(bench.orders.try_recv(), Ok(Order::Cancel(id)) if id == order.id));
    assert_eq!(bench.draft(order.id, [text("lo")]), []);
    assert!(bench.conversation(id).drafts().is_empty());
}

#[test]
fn changing_the_mode_begins_and_stops_drafts() {
    let mut bench = Bench::new(Mode::Manual);
    let (_pending, id, attended) = bench.ask("hello");
    assert!(!attended && bench.orders.try_recv().is_err());
    let now = bench.now();
    assert!(bench.inbox.set_mode(id, Mode::Draft, now).is_some());
    let order = bench.order();
    bench.draft(
        order.id,
        [text("Hi"), message("Hi", Phase::FinalAnswer), DONE],
    );
    assert!(bench.inbox.set_mode(id, Mode::Auto, now).is_some());
    let order = bench.order();
    bench.draft(order.id, [text("Hi ")]);
    assert!(bench.inbox.set_mode(id, Mode::Manual, now).is_some());
    assert!(matches!(bench.orders.try_recv(), Ok(Order::Cancel(id)) if id == order.id));
    assert_eq!(bench.conversation(id).mode(), Mode::Manual);
    assert_eq!(bench.inbox.set_mode(id, Mode::Manual, now), None);
}

#[test]
fn without_a_model_nothing_is_asked_for() {
    let mut bench = Bench::new(Mode::Auto);
    bench.inbox.set_drafting(Drafting {
        mode: Mode::Auto,
        ..Drafting::default()
    });
    let (_pending, id, attended) = bench.ask("hello");
    assert!(!attended, "the person has to be called");
    let now = bench.now();
    let asked = bench.inbox.draft(id, Ask::default(), now);
    assert_eq!(asked, Err(DraftError::NoModel));
    assert_eq!(
        asked.unwrap_err().to_string(),
        "no model is set up: humanllm setup model"
    );
}
