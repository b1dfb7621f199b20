use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::api::{Ending, Interner, Phase, Reply, Request, responses};
use crate::draft::{Draft, Sender, Source};
use crate::inbox::{Change, ConversationId, Inbox, Intake, PendingRequest, ReplyContent, channel};
use crate::rules::{RuleTable, Rules};
use crate::store::Store;
use jiff::Timestamp;
use std::sync::Arc;

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
struct DraftingFixture {
    intake: Intake,
    events: UnboundedReceiver<Event>,
    orders: UnboundedReceiver<ModelOrder>,
    inbox: Inbox,
    clock: i64,
}

impl DraftingFixture {
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

    /// The same with rules as they stand in the configuration.
    fn with_rules(mode: Mode, rules: &str) -> Self {
        #[derive(serde::Deserialize)]
        struct File {
            rule: Vec<RuleTable>,
        }
        let file: File = toml::from_str(rules).unwrap();
        let mut fixture = Self::new(mode);
        fixture.inbox.drafting.rules = Arc::new(Rules::new(&file.rule).unwrap());
        fixture
    }

    fn ask(&mut self, prompt: &str) -> (PendingRequest, ConversationId, bool) {
        let request = request(prompt);
        let pending = self.intake.open(request, "codex".into(), None).unwrap();
        match self.take().pop() {
            Some(Change::Arrived {
                conversation,
                handled,
                ..
            }) => (pending, conversation, handled),
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
            Ok(ModelOrder::Begin(order)) => *order,
            other => panic!("{other:?}"),
        }
    }

    /// What became of a draft when its model said these.
    fn draft(&mut self, id: DraftId, pieces: impl IntoIterator<Item = Piece>) -> Vec<DraftUpdate> {
        let events = self.intake.draft_events();
        for piece in pieces {
            events.send(id, DraftStep::Piece(piece));
        }
        let changes = self.take().into_iter();
        let drafted = changes.filter_map(|change| match change {
            Change::Drafted { update, .. } => Some(update),
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
async fn replies(pending: &mut PendingRequest, count: usize) -> Vec<Reply> {
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
    let mut fixture = DraftingFixture::new(Mode::Draft);
    let (_pending, id, handled) = fixture.ask("list the files");
    assert!(!handled);
    let order = fixture.order();
    assert_eq!((order.model.as_str(), order.continues), ("qwen", None));
    assert_eq!(order.request.items.len(), 1);
    let drafted = fixture.draft(
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
    assert_eq!(drafted.last(), Some(&DraftUpdate::Ready));
    assert!(!drafted.contains(&DraftUpdate::Sent));
    let draft = fixture.conversation(id).drafts().first().unwrap();
    assert_eq!(draft.state, DraftState::Complete);
    assert_eq!(
        draft.items,
        [Body::message("I look", Phase::Commentary), call("ls")]
    );
    assert!(fixture.conversation(id).replies().is_empty());
    assert!(fixture.conversation(id).is_waiting());
}

#[tokio::test]
async fn in_auto_words_leave_as_they_come_and_calls_end_the_turn() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (mut pending, id, handled) = fixture.ask("list the files");
    assert!(handled, "nobody needs to be called");
    let order = fixture.order();
    assert_eq!(fixture.conversation(id).sending(), Some(order.id));
    let drafted = fixture.draft(order.id, [text("I "), text("look.")]);
    assert_eq!(drafted, [DraftUpdate::Sent, DraftUpdate::Sent]);
    assert_eq!(
        replies(&mut pending, 2).await,
        [live("I "), live("look.")],
        "before the model has come to its end"
    );
    let drafted = fixture.draft(
        order.id,
        [
            message("I look.", Phase::Commentary),
            Piece::Item(call("ls")),
            DONE,
        ],
    );
    assert_eq!(drafted.last(), Some(&DraftUpdate::Finished));
    assert_eq!(
        replies(&mut pending, 1).await,
        [end(vec![call("ls")])],
        "the words are not said twice"
    );
    let conversation = fixture.conversation(id);
    assert!(!conversation.is_waiting());
    let said: Vec<&ReplyContent> = conversation
        .replies()
        .iter()
        .map(|reply| &reply.content)
        .collect();
    assert_eq!(
        said,
        [
            &ReplyContent::Item(Body::message("I look.", Phase::FinalAnswer)),
            &ReplyContent::Item(call("ls"))
        ]
    );
    let model = Source::Model {
        draft: order.id.0,
        model: "qwen".into(),
    };
    let first = &conversation.replies()[0].draft;
    assert_eq!(first.origin.spans()[0].source, model);
    assert_eq!(
        conversation.replies()[1].draft.sender,
        Sender::Auto {
            draft: order.id.0,
            model: "qwen".into()
        }
    );
}

#[tokio::test]
async fn the_person_takes_over_in_the_middle_and_hands_the_pen_back() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (mut pending, id, _) = fixture.ask("tell me a story");
    let first = fixture.order();
    fixture.draft(first.id, [text("Once upon ")]);
    let now = fixture.now();
    assert!(fixture.inbox.take_over(id, now));
    assert!(!fixture.inbox.take_over(id, now), "only once");
    assert!(matches!(fixture.orders.try_recv(), Ok(ModelOrder::Cancel(id)) if id == first.id));
    assert_eq!(
        fixture.draft(first.id, [text("a midnight")]),
        [],
        "what comes too late is not sent"
    );
    assert_eq!(fixture.conversation(id).sending(), None);
    let said = Reply::Live {
        delta: "a time ".into(),
        phase: Phase::FinalAnswer,
    };
    let typed = Draft {
        live: true,
        ..Draft::from("a time ")
    };
    fixture
        .inbox
        .reply(id, said, typed, &Draft::default(), now)
        .unwrap();
    fixture.inbox.start_model_reply(id, None, now).unwrap();
    let second = fixture.order();
    assert_eq!(second.continues.as_deref(), Some("Once upon a time "));
    fixture.draft(
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
    let said = fixture.conversation(id).replies();
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
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (_pending, id, _) = fixture.ask("hello");
    let order = fixture.order();
    fixture.draft(order.id, [text("Hel")]);
    let events = fixture.intake.draft_events();
    events.send(order.id, DraftStep::Failed("it hung up".into()));
    let changes = fixture.take();
    assert!(matches!(
        changes.as_slice(),
        [Change::Drafted {
            update: DraftUpdate::Failed,
            ..
        }]
    ));
    let conversation = fixture.conversation(id);
    assert!(conversation.is_waiting() && conversation.sending().is_none());
    assert_eq!(
        conversation.replies()[0].content,
        ReplyContent::Live("Hel".into(), Phase::FinalAnswer)
    );
    let draft = &conversation.drafts()[0];
    assert_eq!(draft.state, DraftState::Failed("it hung up".into()));
}

#[test]
fn what_must_not_be_sent_is_held() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (_pending, id, _) = fixture.ask("hello");
    let order = fixture.order();
    let unknown = Body::FunctionCall {
        namespace: None,
        name: "launch".into(),
        arguments: "{}".into(),
    };
    let drafted = fixture.draft(order.id, [Piece::Item(unknown), DONE]);
    assert_eq!(drafted, [DraftUpdate::Held, DraftUpdate::Ready]);
    let conversation = fixture.conversation(id);
    assert!(conversation.is_waiting() && conversation.replies().is_empty());
    let decision = conversation.decision().unwrap();
    assert_eq!(decision.matched, "launch is not offered");
}

#[test]
fn a_model_that_says_nothing_or_too_much_leaves_it_to_the_person() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (_pending, id, _) = fixture.ask("hello");
    let order = fixture.order();
    assert_eq!(fixture.draft(order.id, [DONE]), [DraftUpdate::Failed]);
    let now = fixture.now();
    fixture
        .inbox
        .start_model_reply(id, Some("other".into()), now)
        .unwrap();
    let order = fixture.order();
    assert_eq!(order.model, "other");
    let cut = Piece::Done {
        usage: None,
        cut_off: true,
    };
    let drafted = fixture.draft(
        order.id,
        [text("a b"), message("a b", Phase::FinalAnswer), cut],
    );
    assert_eq!(drafted.last(), Some(&DraftUpdate::Held));
    assert!(fixture.conversation(id).is_waiting());
}

#[test]
fn a_client_that_goes_away_stops_its_models_and_gets_nobodys_words() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (pending, id, _) = fixture.ask("hello");
    let order = fixture.order();
    fixture.draft(order.id, [text("Hel")]);
    drop(pending);
    match fixture.take().as_slice() {
        [Change::ClientGone { returned, .. }] => assert!(returned.is_empty()),
        other => panic!("{other:?}"),
    }
    assert!(matches!(fixture.orders.try_recv(), Ok(ModelOrder::Cancel(id)) if id == order.id));
    assert_eq!(fixture.draft(order.id, [text("lo")]), []);
    assert!(fixture.conversation(id).drafts().is_empty());
}

#[test]
fn changing_the_mode_begins_and_stops_drafts() {
    let mut fixture = DraftingFixture::new(Mode::Manual);
    let (_pending, id, handled) = fixture.ask("hello");
    assert!(!handled && fixture.orders.try_recv().is_err());
    let now = fixture.now();
    assert!(fixture.inbox.set_mode(id, Mode::Draft, now).is_some());
    let order = fixture.order();
    fixture.draft(
        order.id,
        [text("Hi"), message("Hi", Phase::FinalAnswer), DONE],
    );
    assert!(fixture.inbox.set_mode(id, Mode::Auto, now).is_some());
    let order = fixture.order();
    fixture.draft(order.id, [text("Hi ")]);
    assert!(fixture.inbox.set_mode(id, Mode::Manual, now).is_some());
    assert!(matches!(fixture.orders.try_recv(), Ok(ModelOrder::Cancel(id)) if id == order.id));
    assert_eq!(fixture.conversation(id).mode(), Mode::Manual);
    assert_eq!(fixture.inbox.set_mode(id, Mode::Manual, now), None);
}

#[test]
fn without_a_model_nothing_is_asked_for() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    fixture.inbox.set_drafting(Drafting {
        mode: Mode::Auto,
        ..Drafting::default()
    });
    let (_pending, id, handled) = fixture.ask("hello");
    assert!(!handled, "the person has to be called");
    let now = fixture.now();
    let asked = fixture.inbox.draft(id, DraftRequest::default(), now);
    assert_eq!(asked, Err(DraftError::NoModel));
    assert_eq!(
        asked.unwrap_err().to_string(),
        "no model is set up: humanllm setup model"
    );
}

fn thought(text: &str) -> Piece {
    Piece::Item(Body::reasoning(text))
}

/// All that a client gets of a response, in the order in which it comes.
fn texts(replies: &[Reply]) -> Vec<String> {
    let text = |reply: &Reply| match reply {
        Reply::Live { delta, .. } => vec![delta.clone()],
        Reply::Items(items) | Reply::End { items, .. } => {
            items.iter().map(|item| item.words().into_owned()).collect()
        }
    };
    replies.iter().flat_map(text).collect()
}

#[tokio::test]
async fn nothing_is_lost_or_said_twice_whatever_the_order() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (mut pending, _, _) = fixture.ask("look");
    let order = fixture.order();
    let drafted = fixture.draft(
        order.id,
        [
            thought("first"),
            Piece::Item(call("ls")),
            text("ok"),
            message("ok", Phase::Commentary),
            thought("then"),
            Piece::Item(call("pwd")),
            DONE,
        ],
    );
    assert_eq!(drafted.last(), Some(&DraftUpdate::Finished));
    let replies = replies(&mut pending, 2).await;
    let (ls, pwd) = (call("ls"), call("pwd"));
    assert_eq!(
        texts(&replies),
        ["first", &ls.words(), "ok", "then", &pwd.words()]
    );
    assert!(replies[1].ends());
}

#[tokio::test]
async fn two_messages_are_two() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (mut pending, id, _) = fixture.ask("look");
    let order = fixture.order();
    fixture.draft(
        order.id,
        [
            text("I look."),
            message("I look.", Phase::Commentary),
            thought("well"),
            text("It is there."),
            message("It is there.", Phase::FinalAnswer),
            DONE,
        ],
    );
    let replies = replies(&mut pending, 4).await;
    assert_eq!(texts(&replies), ["I look.", "well", "It is there."]);
    let said = fixture.conversation(id).replies().iter();
    let said: Vec<String> = said.map(|reply| reply.content.text()).collect();
    assert_eq!(said, ["I look.", "well", "It is there."]);
}

#[test]
fn who_only_thinks_says_nothing() {
    for mode in [Mode::Auto, Mode::Draft] {
        let mut fixture = DraftingFixture::new(mode);
        let (_pending, id, _) = fixture.ask("look");
        let order = fixture.order();
        let drafted = fixture.draft(order.id, [thought("hm"), DONE]);
        assert_eq!(drafted.last(), Some(&DraftUpdate::Failed), "{mode:?}");
        assert!(fixture.conversation(id).is_waiting());
    }
}

#[test]
fn arguments_that_nobody_can_read_are_held() {
    let mut fixture = DraftingFixture::new(Mode::Auto);
    let (_pending, id, _) = fixture.ask("look");
    let order = fixture.order();
    let broken = Body::FunctionCall {
        namespace: None,
        name: "exec_command".into(),
        arguments: "{\"cmd\": \"ls".into(),
    };
    fixture.draft(order.id, [Piece::Item(broken), DONE]);
    let decision = fixture.conversation(id).decision().unwrap();
    assert_eq!(
        decision.matched,
        "the arguments of exec_command are no JSON object"
    );
    assert!(fixture.conversation(id).is_waiting());
}

const HOLD_RM: &str = "[[rule]]\nname = \"no rm\"\ntool = \"shell\"\nargument = '\\brm\\b'\n\
                       action = \"hold\"\n";
const HOLD_CALLS: &str = "[[rule]]\nname = \"a minute\"\ntool = \"shell\"\naction = \"hold\"\n\
                          timeout_seconds = 60\ntimeout_action = \"send\"\n";

#[tokio::test]
async fn what_is_held_for_a_while_is_sent_unless_the_person_is_at_it() {
    for is_suspended in [false, true] {
        let mut fixture = DraftingFixture::with_rules(Mode::Auto, HOLD_CALLS);
        let (mut pending, id, _) = fixture.ask("look");
        let order = fixture.order();
        let drafted = fixture.draft(order.id, [Piece::Item(call("ls")), DONE]);
        assert_eq!(drafted[0], DraftUpdate::Held);
        assert!(fixture.inbox.next_deadline().is_some());
        if is_suspended {
            fixture.inbox.suspend_automation(id);
        }
        fixture.clock += 100;
        let changes = fixture.inbox.process_deadlines(at(fixture.clock));
        if is_suspended {
            assert!(changes.is_empty() && fixture.conversation(id).is_waiting())
        } else {
            assert_eq!(changes, [Change::RuleApplied(id)]);
            assert_eq!(replies(&mut pending, 1).await, [end(vec![call("ls")])]);
        }
    }
}

#[test]
fn leave_of_one_rule_is_none_of_another() {
    let rules = format!("{HOLD_RM}{HOLD_CALLS}");
    let mut fixture = DraftingFixture::with_rules(Mode::Auto, &rules);
    let (_pending, id, _) = fixture.ask("look");
    let order = fixture.order();
    fixture.draft(
        order.id,
        [Piece::Item(call("ls")), Piece::Item(call("rm a")), DONE],
    );
    fixture.clock += 100;
    fixture.inbox.process_deadlines(at(fixture.clock));
    assert!(fixture.conversation(id).is_waiting(), "rm was not held");
    assert_eq!(fixture.conversation(id).decision().unwrap().rule, "no rm");
}

#[test]
fn the_model_that_a_rule_names_is_the_one_that_is_asked() {
    let rules = "[[rule]]\nname = \"at home\"\nprompt = 'secret'\naction = { draft = \"other\" }\n";
    let mut fixture = DraftingFixture::with_rules(Mode::Manual, rules);
    let (_pending, id, _) = fixture.ask("a secret");
    assert_eq!(fixture.order().model, "other");
    let now = fixture.now();
    fixture
        .inbox
        .draft(id, DraftRequest::default(), now)
        .unwrap();
    assert_eq!(fixture.order().model, "other");
    fixture.inbox.set_mode(id, Mode::Auto, now);
    assert_eq!(fixture.order().model, "other");
}

#[test]
fn models_that_draft_for_each_other_end() {
    let rules = "[[rule]]\nname = \"a\"\ntool = \"shell\"\naction = { draft = \"other\" }\n";
    let mut fixture = DraftingFixture::with_rules(Mode::Auto, rules);
    let (_pending, id, _) = fixture.ask("look");
    let first = fixture.order();
    fixture.draft(first.id, [Piece::Item(call("ls"))]);
    assert!(matches!(fixture.orders.try_recv(), Ok(ModelOrder::Cancel(id)) if id == first.id));
    let second = fixture.order();
    assert_eq!(second.model, "other");
    let drafted = fixture.draft(second.id, [Piece::Item(call("ls")), DONE]);
    assert_eq!(drafted[0], DraftUpdate::Held);
    assert!(fixture.conversation(id).is_waiting());
}

#[tokio::test]
async fn a_rule_about_words_holds_them_and_nothing_before() {
    let rules = "[[rule]]\nname = \"no names\"\ntext = 'Rumpel'\naction = \"hold\"\n";
    let mut fixture = DraftingFixture::with_rules(Mode::Auto, rules);
    let (mut pending, id, _) = fixture.ask("who is it?");
    let order = fixture.order();
    let drafted = fixture.draft(order.id, [text("His name "), text("is "), text("Rumpel")]);
    assert_eq!(
        drafted,
        [DraftUpdate::Sent, DraftUpdate::Sent, DraftUpdate::Held]
    );
    assert_eq!(texts(&replies(&mut pending, 2).await), ["His name ", "is "]);
    let unsent = message("His name is Rumpelstiltskin", Phase::FinalAnswer);
    fixture.draft(order.id, [text("stiltskin"), unsent, DONE]);
    let left = fixture.conversation(id).drafts()[0].unsent();
    assert_eq!(left[0].words(), "Rumpelstiltskin");
}
