//! Drafts of models as a person sees them: how they come into the composer, what becomes of the
//! person's own words, and who has the pen.

use crate::support;
use crate::support::tui::*;
use humanllm::api::{Body, Phase, Piece, Reply, Usage, messages};
use humanllm::inbox::{DraftOrder, DraftStep, Drafting, DraftingOrder, Mode};
use humanllm::rules::{RuleAction, RuleTable, Rules};
use humanllm::tui::app::Effect;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The person at their screen, and the models.
struct Studio {
    tui: TestTui,
    orders: UnboundedReceiver<DraftingOrder>,
}

impl Studio {
    fn new(size: (u16, u16), mode: Mode) -> Self {
        Self::with(TestTui::new(size), mode)
    }

    fn with(tui: TestTui, mode: Mode) -> Self {
        Self::ruled(tui, mode, Rules::default())
    }

    fn ruled(mut tui: TestTui, mode: Mode, rules: Rules) -> Self {
        let (sender, orders) = unbounded_channel();
        tui.app.set_drafting(Drafting {
            rules: rules.into(),
            models: vec!["qwen".into(), "gemma".into()],
            mode,
            orders: Some(sender),
        });
        Self { tui, orders }
    }

    /// Plays a scene at each size and compares the last screens with the snapshot of that name.
    fn scene(name: &str, sizes: &[(u16, u16)], mode: Mode, play: impl Fn(&mut Self)) {
        assert_screens(name, sizes, |tui| {
            let fresh = TestTui::new((20, 5));
            let mut studio = Self::with(std::mem::replace(tui, fresh), mode);
            play(&mut studio);
            *tui = studio.tui;
        });
    }

    /// The draft that a model is told to make.
    fn order(&mut self) -> DraftOrder {
        loop {
            match self.orders.try_recv().expect("an order") {
                DraftingOrder::Begin(order) => return *order,
                DraftingOrder::Cancel(_) => {}
            }
        }
    }

    /// Whether some model was told to stop.
    fn is_cancelled(&mut self) -> bool {
        std::iter::from_fn(|| self.orders.try_recv().ok())
            .any(|order| matches!(order, DraftingOrder::Cancel(_)))
    }

    /// A model says these.
    fn say(&mut self, order: &DraftOrder, pieces: impl IntoIterator<Item = Piece>) {
        let events = self.tui.intake.draft_events();
        for piece in pieces {
            events.send(order.id, DraftStep::Piece(piece));
        }
        self.tui.step();
    }

    fn fail(&mut self, order: &DraftOrder, words: &str) {
        let events = self.tui.intake.draft_events();
        events.send(order.id, DraftStep::Failed(words.into()));
        self.tui.step();
    }
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

fn message(text: &str) -> Piece {
    Piece::Item(Body::message(text, Phase::FinalAnswer))
}

fn function(name: &str, arguments: &Value) -> Body {
    Body::FunctionCall {
        namespace: None,
        name: name.into(),
        arguments: arguments.to_string(),
    }
}

fn command(line: &str) -> Piece {
    Piece::Item(function("exec_command", &json!({ "cmd": line })))
}

fn whole(words: &str) -> [Piece; 3] {
    [text(words), message(words), DONE]
}

const DONE: Piece = Piece::Done {
    usage: None,
    cut_off: false,
};

fn body() -> Value {
    let mut body = codex_request("a", "What is there?", &[]);
    body["tools"] = json!([exec_command(), weather(), apply_patch()]);
    body
}

/// What the same agent asks next, or besides.
fn next_body(prompt: &str) -> Value {
    let more = [message_of("user", prompt)];
    let mut next = codex_request("a", "What is there?", &more);
    next["tools"] = body()["tools"].clone();
    next
}

/// What the client got, live words joined.
fn heard(replies: &[Reply]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut is_live = false;
    for reply in replies {
        if let Reply::Live { delta, .. } = reply {
            match all.last_mut().filter(|_| is_live) {
                Some(last) => last.push_str(delta),
                None => all.push(delta.clone()),
            }
            is_live = true;
            continue;
        }
        is_live = false;
        all.extend(
            items_of(std::slice::from_ref(reply))
                .into_iter()
                .map(|(text, _)| text),
        );
    }
    all
}

#[test]
fn a_draft_streams_into_the_composer_and_enter_sends_it() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.sees("manual · waiting");
    studio.tui.press("Alt+D");
    let order = studio.order();
    assert_eq!(order.model, "qwen");
    studio.tui.sees("draft · qwen · asked");
    studio.say(&order, [Piece::Thought("They want a list.".into())]);
    studio.tui.sees("thinking…");
    studio.tui.sees("They want a list.");
    studio.say(&order, [text("Two "), text("files")]);
    studio.tui.sees("> Two files");
    studio.tui.misses("They want a list.");
    // Half of it is not sent by a key that means all of it.
    studio.tui.press("Enter");
    studio.tui.sees("qwen is still writing; Esc stops it");
    assert!(studio.tui.receive(&mut client).is_empty());
    let usage = Some(Usage {
        output: 142,
        ..Usage::default()
    });
    let done = Piece::Done {
        usage,
        cut_off: false,
    };
    studio.say(&order, [text("."), message("Two files."), done]);
    studio.tui.sees("> Two files.");
    studio.tui.sees("142 tokens");
    studio.tui.press("Enter");
    let replies = studio.tui.receive(&mut client);
    assert_eq!(items_of(&replies), one_item("Two files.", "final_answer"));
    studio.tui.sees("draft qwen · delivered");
}

#[test]
fn words_of_the_person_stay_where_a_draft_comes() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.type_text("my own words");
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Its words."));
    assert_eq!(studio.tui.text(), "my own words");
    studio.tui.sees("draft beside: Alt+B · qwen");
    studio.tui.press("Alt+B");
    studio.tui.sees("> Its words.");
    studio.tui.press("Alt+B");
    studio.tui.sees("> my own words");
    studio.tui.press("Alt+Shift+B");
    studio.tui.sees("> Its words.");
    // Sent is what is on the screen; the other is still there.
    studio.tui.press("Enter");
    let replies = studio.tui.receive(&mut client);
    assert_eq!(items_of(&replies), one_item("Its words.", "final_answer"));
    assert_eq!(studio.tui.text(), "my own words");
}

#[test]
fn whoever_types_while_it_streams_keeps_what_they_made_of_it() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Two fil")]);
    studio.tui.type_text("ms");
    studio.say(&order, [text("es."), message("Two files."), DONE]);
    assert_eq!(studio.tui.text(), "Two films");
    studio.tui.sees("draft beside: Alt+B · qwen");
    // Both are there.
    studio.tui.press("Alt+B");
    studio.tui.sees("> Two files.");
    studio.tui.press("Alt+B");
    studio.tui.sees("> Two films");
    studio.tui.press("Enter");
    let replies = studio.tui.receive(&mut client);
    assert_eq!(items_of(&replies), one_item("Two films", "final_answer"));
    studio.tui.sees("draft qwen, edited · delivered");
}

#[test]
fn undo_takes_a_draft_away_and_brings_own_words_of_before_back() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("One\ntwo"));
    studio.tui.type_text("!");
    assert_eq!(studio.tui.text(), "One\ntwo!");
    studio.tui.press("Alt+U");
    assert_eq!(studio.tui.text(), "One\ntwo");
    studio.tui.press("Alt+U");
    assert_eq!(studio.tui.text(), "");
    studio.tui.press("Alt+R");
    assert_eq!(studio.tui.text(), "One\ntwo");
    let draft = studio.tui.app.composer().to_draft();
    assert_eq!(draft.origin.of_models(), 7);
    // Cleared as anything is.
    studio.tui.press("Ctrl+C");
    assert_eq!(studio.tui.text(), "");
    studio.tui.press("Alt+U");
    assert_eq!(studio.tui.text(), "One\ntwo");
}

#[test]
fn asked_again_a_model_makes_another_beside_the_first() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let first = studio.order();
    studio.say(&first, whole("First."));
    studio.tui.press("Alt+D");
    let second = studio.order();
    studio.say(&second, [text("Seco")]);
    studio.tui.sees("draft 2/2");
    studio.tui.sees("> Seco");
    // The one that is being made is not what is wanted either.
    studio.tui.press("Alt+D");
    let third = studio.order();
    studio.say(&third, whole("Third."));
    studio.tui.sees("draft 3/3");
    studio.tui.press("Alt+Shift+B");
    studio.tui.sees("> Seco");
    studio.tui.sees("stopped");
    studio.tui.press("Alt+Shift+B");
    studio.tui.sees("> First.");
    studio.tui.press("Alt+Shift+B");
    assert_eq!(studio.tui.text(), "");
}

#[test]
fn another_model_is_told_something_first() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.tui.ask(&body());
    studio.tui.press("Alt+H");
    studio.tui.sees("hint to qwen:");
    studio.tui.type_text("be brief");
    studio.tui.press("Tab");
    studio.tui.type_text("gem");
    studio.tui.press("Enter");
    studio.tui.sees("hint to gemma: be brief");
    studio.tui.press("Enter");
    let order = studio.order();
    assert_eq!(order.model, "gemma");
    assert_eq!(order.hint.as_deref(), Some("be brief"));
    // Nothing is a hint too, and Esc asks nobody.
    studio.tui.press("Alt+H Enter");
    let order = studio.order();
    assert_eq!((order.model.as_str(), order.hint), ("qwen", None));
    studio.tui.press("Alt+H Esc");
    assert!(studio.orders.try_recv().is_err());
}

#[test]
fn a_command_is_a_command_with_its_options() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    let arguments = json!({"cmd": "ls -l", "workdir": "/srv"});
    studio.say(
        &order,
        [Piece::Call {
            title: "exec_command".into(),
            arguments: "{\"cmd\": \"ls".into(),
        }],
    );
    studio.tui.sees("[Run command]");
    studio.tui.sees("$ ls");
    studio.tui.misses("cmd");
    let call = Piece::Item(function("exec_command", &arguments));
    studio.say(&order, [call, DONE]);
    studio.tui.sees("[Run command]");
    studio.tui.sees("$ ls -l");
    studio.tui.sees("workdir /srv");
    studio.tui.type_text("a");
    studio.tui.press("Enter");
    let replies = studio.tui.receive(&mut client);
    let sent: Value = serde_json::from_str(&items_of(&replies)[0].0).unwrap();
    assert_eq!(sent, json!({"cmd": "ls -la", "workdir": "/srv"}));
    studio.tui.sees("draft qwen, edited");
}

#[test]
fn a_call_stands_in_its_form_and_one_that_does_not_fit_as_it_is() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    let call = function("get_weather", &json!({"city": "Oslo", "days": 2}));
    studio.say(&order, [Piece::Item(call.clone()), DONE]);
    studio.tui.sees("[Call tool]");
    studio.tui.sees("get_weather");
    let row = studio.tui.find("Oslo").1;
    assert_eq!(studio.tui.find("city").1, row, "{}", studio.tui.screen());
    studio.tui.press("Alt+D");
    let order = studio.order();
    let odd = Body::FunctionCall {
        namespace: None,
        name: "get_weather".into(),
        arguments: "{\"city\": [\"Oslo\"".into(),
    };
    studio.say(&order, [Piece::Item(odd), DONE]);
    studio.tui.sees("{\"city\": [\"Oslo\"");
    studio.tui.press("Enter");
    studio.tui.sees("not valid JSON");
    assert!(studio.tui.receive(&mut client).is_empty());
    studio.tui.press("Alt+Shift+B Enter Enter Enter");
    let replies = studio.tui.receive(&mut client);
    let sent: Value = serde_json::from_str(&items_of(&replies)[0].0).unwrap();
    assert_eq!(sent, json!({"city": "Oslo", "days": 2}));
    studio.tui.sees("draft qwen · ");
}

#[test]
fn a_patch_and_what_comes_before_it_are_parts() {
    const PATCH: &str = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch";
    let mut studio = Studio::new(MIDDLE, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    let patch = Body::CustomToolCall {
        name: "apply_patch".into(),
        input: PATCH.into(),
    };
    studio.say(
        &order,
        [message("I add a file."), command("ls"), text("and")],
    );
    // What is whole stands above what is being made.
    studio
        .tui
        .sees("1. assistant · final answer: I add a file.");
    studio.tui.sees("2. exec_command: $ ls");
    studio.say(&order, [Piece::Item(patch), DONE]);
    studio.tui.sees("1. assistant · commentary: I add a file.");
    studio.tui.sees("[Call tool]");
    studio.tui.sees("*** Add File: a.txt");
    studio.tui.press("Enter");
    let sent = items_of(&studio.tui.receive(&mut client));
    let kinds: Vec<&str> = sent.iter().map(|(_, how)| *how).collect();
    assert_eq!(kinds, ["commentary", "call", "custom call"]);
    assert_eq!(sent[2].0, PATCH);
}

#[test]
fn the_shell_of_claude_code_is_one() {
    let tools = json!([{"name": "Bash", "description": "Executes a bash command.",
        "input_schema": {"type": "object", "required": ["command"], "properties": {
            "command": {"type": "string", "description": "The command to execute"},
            "timeout": {"type": "number", "description": "Optional timeout in milliseconds"},
            "description": {"type": "string", "description": "What it does in 5-10 words"},
            "run_in_background": {"type": "boolean"}}, "additionalProperties": false}}]);
    let asked = json!({"model": "claude", "max_tokens": 1000, "stream": true, "tools": tools,
        "messages": [{"role": "user", "content": "What is there?"}]});
    let request = messages::parse(asked.to_string().as_bytes(), &Default::default()).unwrap();
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.open(request, None);
    studio.tui.press("Alt+D");
    let order = studio.order();
    let said_by_model = json!({"command": "ls", "description": "Lists files"});
    let call = function("Bash", &said_by_model);
    studio.say(&order, [Piece::Item(call), DONE]);
    studio.tui.sees("$ ls");
    studio.tui.sees("description Lists files");
    studio.tui.press("Enter");
    let sent = items_of(&studio.tui.receive(&mut client));
    let sent: Value = serde_json::from_str(&sent[0].0).unwrap();
    assert_eq!(sent, said_by_model);
}

#[test]
fn a_draft_that_is_stopped_is_there_as_far_as_it_came() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Enough sa")]);
    studio.tui.press("Esc");
    assert!(studio.is_cancelled());
    assert_eq!(studio.tui.text(), "Enough sa");
    studio.tui.type_text("id.");
    studio.tui.press("Enter");
    let replies = studio.tui.receive(&mut client);
    assert_eq!(items_of(&replies), one_item("Enough said.", "final_answer"));

    // Cleared instead, it can be had again.
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Enough sa")]);
    studio.tui.press("Ctrl+C");
    assert!(studio.is_cancelled());
    assert_eq!(studio.tui.text(), "");
    studio.tui.misses("> Enough");
    studio.tui.press("Alt+B");
    assert_eq!(studio.tui.text(), "Enough sa");
}

#[test]
fn a_failure_is_said_until_the_next_draft_and_takes_no_key() {
    for size in [NORMAL, SMALL] {
        let mut studio = Studio::new(size, Mode::Manual);
        let mut client = studio.tui.ask(&body());
        studio.tui.press("Alt+D");
        let order = studio.order();
        studio.fail(&order, "nobody listens at :1234");
        studio.tui.sees("qwen failed: nobody listens");
        studio.tui.type_text("mine");
        studio.tui.sees("qwen failed: nobody listens");
        assert_eq!(studio.tui.text(), "mine");
        studio.tui.press("Enter");
        let replies = studio.tui.receive(&mut client);
        assert_eq!(items_of(&replies), one_item("mine", "final_answer"));
    }
    // What came before it is there.
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Half a ")]);
    studio.fail(&order, "the connection broke");
    assert_eq!(studio.tui.text(), "Half a ");
    studio.tui.press("Alt+D");
    studio.order();
    studio.tui.misses("failed");
}

#[test]
fn without_a_model_the_keys_say_how_to_set_one_up() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body());
    tui.misses("manual");
    for key in ["Alt+D", "Alt+T", "Alt+H", "Alt+F"] {
        tui.press(key);
        tui.sees("no model is set up: humanllm setup model");
        tui.press("Esc");
    }
}

#[test]
fn a_model_goes_on_from_the_words_of_the_person() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.type_text("There are ");
    studio.tui.press("Alt+F");
    let order = studio.order();
    assert_eq!(order.continues.as_deref(), Some("There are "));
    studio.say(&order, [text("two")]);
    studio.tui.sees("> There are two");
    studio.say(&order, [text(" files."), message("two files."), DONE]);
    assert_eq!(studio.tui.text(), "There are two files.");
    let draft = studio.tui.app.composer().to_draft();
    let chars: Vec<usize> = draft.origin.spans().iter().map(|span| span.chars).collect();
    assert_eq!(chars, [10, 10]);
    // Without it, the words are what they were.
    studio.tui.press("Alt+B");
    assert_eq!(studio.tui.text(), "There are ");
    studio.tui.press("Alt+B Enter");
    let replies = studio.tui.receive(&mut client);
    assert_eq!(
        items_of(&replies),
        one_item("There are two files.", "final_answer")
    );
    assert_eq!(studio.tui.text(), "");
}

#[test]
fn the_mode_is_always_on_the_screen_and_each_request_is_drafted() {
    for size in [NORMAL, SMALL, MIDDLE, WIDE] {
        let mut studio = Studio::new(size, Mode::Manual);
        let mut client = studio.tui.ask(&body());
        studio.tui.sees("manual");
        studio.tui.press("Alt+T");
        studio.tui.sees("draft");
        let order = studio.order();
        studio.say(&order, whole("Two files."));
        studio.tui.sees("> Two files.");
        studio.tui.press("Enter");
        studio.tui.receive(&mut client);
        // The next request of it is drafted by itself, into a composer that is empty.
        let more = [
            message_of("assistant", "Two files."),
            message_of("user", "Which?"),
        ];
        let mut next = codex_request("a", "What is there?", &more);
        next["tools"] = body()["tools"].clone();
        let _client = studio.tui.ask(&next);
        let order = studio.order();
        studio.say(&order, [text("a an")]);
        studio.tui.sees("> a an");
        studio.tui.press("Alt+T");
        studio.tui.sees("auto");
    }
    // Where there is room for it, with the model's name, and in the list.
    let mut studio = Studio::new(MIDDLE, Mode::Auto);
    let _client = studio.tui.ask(&body());
    studio.tui.sees("auto qwen · waiting");
    assert!(studio.tui.find("What is there? ").0 < 40);
    let first = studio.tui.screen();
    let row = first.lines().nth(1).unwrap();
    assert!(row.contains("auto"), "{first}");
}

fn message_of(role: &str, text: &str) -> Value {
    support::tui::message(role, text)
}

#[test]
fn in_auto_a_model_writes_to_the_client_and_the_composer_is_the_persons() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let mut client = studio.tui.ask(&body());
    // Nobody is called for what a model answers.
    assert_eq!(studio.tui.bells(), 0);
    let order = studio.order();
    studio.say(&order, [text("Two "), text("files")]);
    studio.tui.sees("auto · qwen writes · Esc takes over");
    studio.tui.sees("│ Two files");
    studio.tui.sees("auto qwen");
    studio.tui.misses("> Two");
    assert_eq!(heard(&studio.tui.receive(&mut client)), ["Two files"]);
    studio.say(&order, [text("."), message("Two files."), DONE]);
    studio.tui.misses("takes over");
    let replies = studio.tui.receive(&mut client);
    assert!(replies.last().is_some_and(Reply::ends));
    studio.tui.sees("auto qwen · delivered");
    assert_eq!(studio.tui.bells(), 0);
}

#[test]
fn a_draft_that_nobody_wanted_does_not_stay_when_another_is_sent_by_itself() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let mut client = studio.tui.ask(&body());
    studio.tui.type_text("mine");
    let order = studio.order();
    studio.say(&order, whole("First."));
    studio.tui.press("Alt+B");
    studio.tui.sees("> First.");
    studio.tui.press("Alt+T");
    studio.tui.advance(1);
    let order = studio.order();
    assert_eq!(studio.tui.text(), "mine");
    studio.say(&order, whole("Second."));
    assert_eq!(heard(&studio.tui.receive(&mut client)), ["Second."]);
    assert_eq!(studio.tui.text(), "mine");
}

#[test]
fn esc_or_a_letter_takes_the_pen_and_what_is_typed_goes_on() {
    for key in ["Esc", "b"] {
        let mut studio = Studio::new(NORMAL, Mode::Auto);
        let mut client = studio.tui.ask(&body());
        let order = studio.order();
        studio.say(&order, [text("a.txt, ")]);
        studio.tui.press(key);
        assert!(studio.is_cancelled());
        studio.tui.misses("takes over");
        studio.tui.sees("[Send live]");
        // What was sent of it is not there once more.
        studio.tui.misses("beside");
        // What comes too late is not sent.
        studio.say(&order, [text("c.txt")]);
        let rest = if key == "Esc" { "b.txt" } else { ".txt" };
        studio.tui.type_text(rest);
        studio.tui.press("Enter");
        let replies = studio.tui.receive(&mut client);
        assert_eq!(heard(&replies), ["a.txt, b.txt"]);
        assert!(replies.last().is_some_and(Reply::ends));
        studio.tui.sees("draft qwen, edited");
        // Typing is as it was before.
        studio.tui.sees("[Send]");
    }
}

#[test]
fn the_pen_goes_back_to_the_model_and_the_message_goes_on() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let mut client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, [text("a.txt, ")]);
    studio.tui.press("Esc");
    studio.tui.type_text("b.txt, ");
    studio.tui.press("Alt+F");
    let order = studio.order();
    assert_eq!(order.continues.as_deref(), Some("a.txt, b.txt, "));
    assert_eq!(studio.tui.text(), "");
    studio.tui.sees("auto · qwen writes");
    // What it thinks before it goes on does not end the message.
    let thought = Piece::Item(Body::reasoning("One more."));
    studio.say(&order, [Piece::Thought("One more.".into()), thought]);
    studio.say(&order, [text("c.txt"), message("c.txt"), DONE]);
    let replies = studio.tui.receive(&mut client);
    assert_eq!(heard(&replies), ["a.txt, b.txt, c.txt"]);
    assert!(replies.last().is_some_and(Reply::ends));
}

#[test]
fn what_cannot_leave_by_itself_is_in_the_composer_and_rings() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let mut client = studio.tui.ask(&body());
    studio
        .tui
        .app
        .on_input(vec![crossterm::event::Event::FocusLost]);
    let order = studio.order();
    let call = function("rm_all", &json!({"path": "/"}));
    studio.say(&order, [message("I clean up."), Piece::Item(call), DONE]);
    assert_eq!(studio.tui.bells(), 1);
    studio
        .tui
        .sees("held by \"humanllm\": rm_all is not offered");
    let told = studio.tui.effects.iter().any(
        |effect| matches!(effect, Effect::Notify(words) if words.contains("rm_all is not offered")),
    );
    assert!(told);
    assert_eq!(heard(&studio.tui.receive(&mut client)), ["I clean up."]);
    studio.tui.sees("[Call tool]");
    studio.tui.sees("rm_all");

    // Words of the person are not in its way.
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let _client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, [text("Two ")]);
    studio.fail(&order, "the connection broke");
    studio.tui.sees("qwen failed: the connection broke");
    assert_eq!(studio.tui.bells(), 1);
    studio.tui.sees("│ Two");
    assert_eq!(studio.tui.text(), "");
}

#[test]
fn a_draft_outlives_the_program_with_whose_words_it_is() {
    let state = tempfile::tempdir().unwrap();
    let mut studio = Studio::with(TestTui::with_state_dir(NORMAL, state.path()), Mode::Manual);
    let client = studio.tui.ask(&body());
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Two files."));
    studio.tui.type_text(" Really.");
    for (id, draft) in studio.tui.app.take_dirty_drafts() {
        studio.tui.app.store().save_draft(id, &draft);
    }
    drop((studio, client));
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    let mut client = tui.ask(&body());
    tui.sees("> Two files. Really.");
    let draft = tui.app.composer().to_draft();
    let chars: Vec<usize> = draft.origin.spans().iter().map(|span| span.chars).collect();
    assert_eq!(chars, [10, 8]);
    tui.press("Enter");
    tui.receive(&mut client);
    tui.sees("draft qwen, edited");
}

#[test]
fn own_words_beside_a_draft_outlive_the_program() {
    let state = tempfile::tempdir().unwrap();
    let mut studio = Studio::with(TestTui::with_state_dir(NORMAL, state.path()), Mode::Manual);
    let client = studio.tui.ask(&body());
    studio.tui.type_text("mine");
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Its words."));
    studio.tui.press("Alt+B");
    studio.tui.sees("> Its words.");
    for (id, draft) in studio.tui.app.take_dirty_drafts() {
        studio.tui.app.store().save_draft(id, &draft);
    }
    drop((studio, client));
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    let _client = tui.ask(&body());
    tui.sees("> mine");
}

#[test]
fn a_draft_for_a_client_that_is_gone_is_not_for_the_next() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    studio.tui.sees("> For the first.");
    studio.tui.hang_up(client);
    assert_eq!(studio.tui.text(), "");
    let mut client = studio.tui.ask(&next_body("Which?"));
    let order = studio.order();
    studio.say(&order, [text("For the")]);
    studio.tui.sees("> For the");
    studio.say(&order, [text(" next."), message("For the next."), DONE]);
    studio.tui.press("Enter");
    let replies = studio.tui.receive(&mut client);
    assert_eq!(
        items_of(&replies),
        one_item("For the next.", "final_answer")
    );
}

#[test]
fn a_draft_that_the_person_has_changed_stays_where_its_client_is_gone() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first"));
    studio.tui.type_text("!");
    studio.tui.hang_up(client);
    assert_eq!(studio.tui.text(), "For the first!");
    let _client = studio.tui.ask(&next_body("Which?"));
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    assert_eq!(studio.tui.text(), "For the first!");
    studio.tui.sees("draft beside: Alt+B");
}

#[test]
fn where_a_client_goes_the_draft_for_the_one_behind_it_is_shown() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.tui.ask(&body());
    studio.tui.type_text("mine");
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    let mut behind = studio.tui.ask(&next_body("Which?"));
    studio.tui.press("Alt+B");
    studio.tui.sees("> For the first.");
    studio.tui.hang_up(client);
    // The person's words are theirs, whoever asks.
    assert_eq!(studio.tui.text(), "mine");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    studio.tui.sees("draft beside: Alt+B");
    studio.tui.press("Alt+B Enter");
    let replies = studio.tui.receive(&mut behind);
    assert_eq!(
        items_of(&replies),
        one_item("For the next.", "final_answer")
    );
    assert_eq!(studio.tui.text(), "mine");

    // Where there are none, it streams into the composer.
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    let _behind = studio.tui.ask(&next_body("Which?"));
    studio.tui.hang_up(client);
    let order = studio.order();
    studio.say(&order, [text("For the ne")]);
    studio.tui.sees("> For the ne");
}

#[test]
fn where_a_rule_sends_a_draft_the_one_for_the_next_request_takes_its_place() {
    let rule = json!({"name": "a while", "kind": "message", "action": "hold",
        "timeout_seconds": 60, "timeout_action": "send"});
    let rule: RuleTable = serde_json::from_value(rule).unwrap();
    let rules = Rules::new(&[rule]).unwrap();
    let mut studio = Studio::ruled(TestTui::new(NORMAL), Mode::Draft, rules);
    let mut client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    studio.tui.sees("> For the first.");
    let mut behind = studio.tui.ask(&next_body("Which?"));
    studio.tui.advance(60);
    let replies = studio.tui.receive(&mut client);
    assert_eq!(
        items_of(&replies),
        one_item("For the first.", "final_answer")
    );
    assert_eq!(studio.tui.text(), "");
    studio.tui.press("Enter");
    assert!(studio.tui.receive(&mut behind).is_empty());
    let order = studio.order();
    studio.say(&order, [text("For the ne")]);
    studio.tui.sees("> For the ne");
}

#[test]
fn words_that_are_taken_back_stand_before_a_draft() {
    let mut studio = Studio::with(TestTui::with_unsend(NORMAL, 5), Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.type_text("my own words");
    studio.tui.press("Enter");
    studio.tui.sees("sending in 5 s");
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Its words."));
    studio.tui.sees("> Its words.");
    studio.tui.press("Esc");
    assert_eq!(studio.tui.text(), "my own words");
    studio.tui.sees("draft beside: Alt+B");
    studio.tui.press("Alt+B");
    studio.tui.sees("> Its words.");
    studio.tui.press("Alt+B");
    assert_eq!(studio.tui.text(), "my own words");
    // Sent after all, nothing of the draft is left for the next.
    studio.tui.press("Enter Alt+B");
    studio.tui.sees("> Its words.");
    studio.tui.advance(5);
    let replies = studio.tui.receive(&mut client);
    assert_eq!(items_of(&replies), one_item("my own words", "final_answer"));
    assert_eq!(studio.tui.text(), "");
}

#[test]
fn what_did_not_arrive_is_not_lost_in_a_draft_for_the_next() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.tui.ask(&body());
    let first = studio.order();
    let mut behind = studio.tui.ask(&next_body("Which?"));
    studio.tui.type_text("a note");
    studio.tui.press("Tab Enter");
    studio.say(&first, whole("For the first."));
    studio.tui.sees("> For the first.");
    studio.tui.hang_up(client);
    assert_eq!(studio.tui.text(), "a note");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    assert_eq!(studio.tui.text(), "a note");
    studio.tui.press("Alt+B Enter");
    let replies = studio.tui.receive(&mut behind);
    assert_eq!(
        items_of(&replies),
        one_item("For the next.", "final_answer")
    );
    assert_eq!(studio.tui.text(), "a note");
}

#[test]
fn words_and_calls_that_come_back_while_a_draft_is_shown_are_with_the_persons() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.tui.ask(&body());
    studio.order();
    // It asks again, and the old connection is not known to be gone yet.
    let mut behind = studio.tui.ask(&body());
    studio.tui.type_text("I look.");
    studio.tui.press("Tab Alt+A");
    studio.tui.type_text("!ls -l");
    studio.tui.press("Enter");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    studio.tui.sees("> For the next.");
    // What was sent has not arrived.
    studio.tui.hang_up(client);
    assert_eq!(studio.tui.text(), "For the next.");
    studio.tui.sees("Alt+Shift+B your words");
    studio.tui.press("Alt+Shift+B");
    studio.tui.sees("[Run command]");
    studio.tui.sees("1. assistant · commentary: I look.");
    assert_eq!(studio.tui.text(), "ls -l");
    studio.tui.press("Alt+B");
    assert_eq!(studio.tui.text(), "For the next.");
    studio.tui.press("Enter");
    let replies = studio.tui.receive(&mut behind);
    assert_eq!(
        items_of(&replies),
        one_item("For the next.", "final_answer")
    );
    studio.tui.sees("1. assistant · commentary: I look.");
    assert_eq!(studio.tui.text(), "ls -l");
}

#[test]
fn an_answer_whose_client_goes_before_it_leaves_takes_the_place_of_the_draft() {
    let mut studio = Studio::with(TestTui::with_unsend(NORMAL, 5), Mode::Manual);
    let client = studio.tui.ask(&body());
    studio.tui.type_text("the answer");
    let behind = studio.tui.ask(&next_body("Which?"));
    studio.tui.press("Enter");
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    studio.tui.sees("> For the first.");
    // The news of it comes after the answer was to leave.
    drop(client);
    studio.tui.advance(5);
    assert_eq!(studio.tui.text(), "the answer");
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    studio.tui.press("Alt+B");
    studio.tui.sees("> For the next.");
    studio.tui.press("Alt+B");
    assert_eq!(studio.tui.text(), "the answer");
    drop(behind);
}

#[test]
fn auto_begins_when_its_key_rests() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.press("Alt+T");
    let order = studio.order();
    studio.say(&order, whole("Drafted."));
    studio.tui.press("Alt+T");
    studio.tui.sees("auto qwen");
    studio.tui.sees("auto in 1 s · Alt+T stops that");
    assert!(studio.tui.app.next_tick().is_some());
    assert!(studio.orders.try_recv().is_err());
    // On to the next mode, nothing was said, and the draft is still there.
    studio.tui.press("Alt+T");
    studio.tui.sees("manual: you answer");
    studio.tui.advance(5);
    assert!(studio.orders.try_recv().is_err());
    studio.tui.sees("> Drafted.");
    studio.tui.misses("auto");
    assert!(studio.tui.receive(&mut client).is_empty());

    // Any other key lets it come.
    studio.tui.press("Alt+T Alt+T");
    studio.tui.press("PageUp");
    studio.tui.sees("auto in 1 s");
    assert!(studio.orders.try_recv().is_err());
    studio.tui.advance(1);
    studio.tui.misses("auto in 1 s");
    let order = studio.order();
    assert_eq!(studio.tui.text(), "");
    studio.say(&order, whole("Said."));
    assert_eq!(heard(&studio.tui.receive(&mut client)), ["Said."]);

    // What comes later is answered at once.
    let mut client = studio.tui.ask(&next_body("Which?"));
    let order = studio.order();
    studio.say(&order, whole("At once."));
    assert_eq!(heard(&studio.tui.receive(&mut client)), ["At once."]);
    // So is where nobody waits when it is chosen.
    studio.tui.press("Alt+T Alt+T Alt+T");
    studio.tui.misses("auto in");
    let _client = studio.tui.ask(&next_body("And then?"));
    studio.order();
    studio.tui.sees("auto · qwen writes");
}

#[test]
fn auto_does_not_begin_behind_an_answer_that_may_be_taken_back() {
    let mut studio = Studio::with(TestTui::with_unsend(NORMAL, 5), Mode::Draft);
    let mut client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("Drafted."));
    studio.tui.press("Alt+T Enter");
    studio.tui.sees("sending in 5 s");
    studio.tui.advance(2);
    assert!(studio.orders.try_recv().is_err());
    studio.tui.press("Esc");
    assert_eq!(studio.tui.text(), "Drafted.");
    assert!(studio.orders.try_recv().is_err());
    studio.tui.advance(1);
    let order = studio.order();
    studio.say(&order, whole("Said."));
    assert_eq!(heard(&studio.tui.receive(&mut client)), ["Said."]);
}

#[test]
fn auto_is_for_the_next_request_where_the_person_answers_first() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let mut client = studio.tui.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("Drafted."));
    studio.tui.press("Alt+T Enter");
    let replies = studio.tui.receive(&mut client);
    assert_eq!(items_of(&replies), one_item("Drafted.", "final_answer"));
    let _client = studio.tui.ask(&next_body("Which?"));
    studio.order();
    studio.tui.sees("auto · qwen writes");
}

#[test]
fn a_draft_of_thoughts_alone_says_that_it_is_no_more() {
    for (size, cut_off) in [(NORMAL, false), (MIDDLE, true)] {
        let mut studio = Studio::new(size, Mode::Manual);
        let mut client = studio.tui.ask(&body());
        studio.tui.press("Alt+D");
        let order = studio.order();
        let thought = Piece::Item(Body::reasoning("They want a list."));
        let done = Piece::Done {
            usage: None,
            cut_off,
        };
        studio.say(&order, [thought, done]);
        studio.tui.sees("the model thought, and said nothing");
        studio.tui.type_text("mine");
        studio.tui.press("Enter");
        let replies = studio.tui.receive(&mut client);
        assert_eq!(items_of(&replies), one_item("mine", "final_answer"));
    }
}

#[test]
fn the_view_of_where_words_come_from_names_every_stretch() {
    let mut studio = Studio::new(MIDDLE, Mode::Manual);
    let mut client = studio.tui.ask(&body());
    studio.tui.press("F12");
    studio.tui.sees("nothing was said or drafted here");
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("One."));
    studio.tui.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Two files"));
    studio.tui.press("F12");
    studio.tui.sees("drafts for the request that waits");
    studio.tui.press("Esc");
    studio.tui.app.on_paste(" (pasted)");
    studio.tui.type_text(" and more");
    studio.tui.press("Enter");
    studio.tui.receive(&mut client);
    studio.tui.press("F12");
    studio
        .tui
        .sees("[qwen]Two files[pasted] (pasted)[typed] and more");
    studio
        .tui
        .sees("assistant · final answer · draft qwen, edited");
    studio.tui.sees("by you · delivered");
    studio.tui.sees("first word");
    studio.tui.sees("drafts that were not used");
    studio.tui.sees("One.");
    studio.tui.press("F12");

    // It is still known when the client goes on.
    let more = [
        message_of("assistant", "Two files (pasted) and more"),
        message_of("user", "Which?"),
    ];
    let _client = studio.tui.ask(&codex_request("a", "What is there?", &more));
    studio.tui.sees("draft qwen, edited");
}

#[test]
fn a_rule_is_made_of_what_is_in_the_composer() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let _client = studio.tui.ask(&body());
    let order = studio.order();
    studio.tui.press("Esc");
    studio.tui.press("Alt+Shift+R");
    studio.tui.sees("a rule is made of a reply");
    studio.say(&order, [DONE]);
    studio.tui.type_text("!rm -rf build");
    studio.tui.press("Alt+Shift+R");
    studio.tui.sees("rule: what happens");
    studio.tui.press("Enter");
    studio.tui.sees("any command with rm");
    studio.tui.type_text("any from");
    studio.tui.press("Enter");
    let saved = |tui: &TestTui| {
        let mut rules = tui.effects.iter().filter_map(|effect| match effect {
            Effect::SaveRule(new) => Some(new.rule.clone()),
            _ => None,
        });
        rules.next_back().expect("a rule")
    };
    let rule = saved(&studio.tui);
    assert_eq!(rule.name, "hold rm from codex_exec");
    assert_eq!(rule.agent.as_deref(), Some("^codex_exec"));
    assert_eq!(rule.action, Some(RuleAction::Hold));
    // The words stay for the person to do something about.
    assert_eq!(studio.tui.text(), "rm -rf build");

    studio.tui.press("Alt+Shift+R Down Down Enter");
    studio.tui.sees("reject with:");
    studio.tui.press("Enter");
    studio.tui.sees("a reason is required");
    studio.tui.type_text("never");
    studio.tui.press("Enter Enter");
    let rule = saved(&studio.tui);
    assert_eq!(rule.action, Some(RuleAction::Reject("never".into())));
    let written = rule.to_toml();
    assert!(written.contains("rm -rf build"), "{written}");
}

const SIZES: [(u16, u16); 5] = [SMALL, (60, 50), NORMAL, MIDDLE, WIDE];

#[test]
fn screens_of_drafts() {
    Studio::scene("draft_streaming", &SIZES, Mode::Draft, |studio| {
        let _client = studio.tui.ask(&body());
        let order = studio.order();
        studio.tui.advance(2);
        studio.say(&order, [Piece::Thought("They want a list.".into())]);
        studio.tui.advance(1);
        studio.say(
            &order,
            [
                message("I look at what there is before I say anything."),
                Piece::Call {
                    title: "exec_command".into(),
                    arguments: "{\"cmd\": \"ls -la /srv".into(),
                },
            ],
        );
    });
    Studio::scene("drafts_beside", &SIZES, Mode::Manual, |studio| {
        let _client = studio.tui.ask(&body());
        studio.tui.type_text("my own words");
        for words in ["First.", "Second."] {
            studio.tui.press("Alt+D");
            let order = studio.order();
            studio.tui.advance(1);
            studio.say(&order, whole(words));
        }
    });
    Studio::scene("auto", &SIZES, Mode::Auto, |studio| {
        let _client = studio.tui.ask(&body());
        let order = studio.order();
        studio.tui.advance(1);
        studio.say(&order, [text("There are two files here: a.txt and")]);
    });
    Studio::scene("draft_failed", &SIZES, Mode::Draft, |studio| {
        let _client = studio.tui.ask(&body());
        let order = studio.order();
        studio.fail(
            &order,
            "nobody listens at http://127.0.0.1:1234/v1: start LM Studio's server, or change base_url",
        );
    });
    Studio::scene("provenance", &SIZES, Mode::Manual, |studio| {
        let mut client = studio.tui.ask(&body());
        studio.tui.press("Alt+H");
        studio.tui.type_text("in one word");
        studio.tui.press("Enter");
        let order = studio.order();
        studio.tui.advance(1);
        studio.say(&order, whole("Files."));
        studio.tui.press("Alt+D");
        let order = studio.order();
        studio.tui.advance(2);
        studio.say(&order, whole("Two files: a.txt and b.txt."));
        studio.tui.type_text(" That is all.");
        studio.tui.press("Enter");
        studio.tui.receive(&mut client);
        studio.tui.press("F12");
    });
}
