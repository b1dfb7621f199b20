//! Drafts of models as a person sees them: how they come into the composer, what becomes of the
//! person's own words, and who has the pen.

use crate::support;
use crate::support::screen::*;
use humanllm::api::{Body, Phase, Piece, Reply, Usage, messages};
use humanllm::inbox::{DraftOrder, DraftStep, Drafting, DraftingOrder, Mode};
use humanllm::rules::{RuleAction, RuleTable, Rules};
use humanllm::tui::app::Effect;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The person at their screen, and the models.
struct Studio {
    desk: Desk,
    orders: UnboundedReceiver<DraftingOrder>,
}

impl Studio {
    fn new(size: (u16, u16), mode: Mode) -> Self {
        Self::with(Desk::new(size), mode)
    }

    fn with(desk: Desk, mode: Mode) -> Self {
        Self::ruled(desk, mode, Rules::default())
    }

    fn ruled(mut desk: Desk, mode: Mode, rules: Rules) -> Self {
        let (sender, orders) = unbounded_channel();
        desk.app.set_drafting(Drafting {
            rules: rules.into(),
            models: vec!["qwen".into(), "gemma".into()],
            mode,
            orders: Some(sender),
        });
        Self { desk, orders }
    }

    /// Plays a scene at each size and compares the last screens with the snapshot of that name.
    fn scene(name: &str, sizes: &[(u16, u16)], mode: Mode, play: impl Fn(&mut Self)) {
        scene(name, sizes, |desk| {
            let fresh = Desk::new((20, 5));
            let mut studio = Self::with(std::mem::replace(desk, fresh), mode);
            play(&mut studio);
            *desk = studio.desk;
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
        let events = self.desk.intake.draft_events();
        for piece in pieces {
            events.send(order.id, DraftStep::Piece(piece));
        }
        self.desk.step();
    }

    fn fail(&mut self, order: &DraftOrder, words: &str) {
        let events = self.desk.intake.draft_events();
        events.send(order.id, DraftStep::Failed(words.into()));
        self.desk.step();
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
    let mut body = codex("a", "What is there?", &[]);
    body["tools"] = json!([exec_command(), weather(), apply_patch()]);
    body
}

/// What the same agent asks next, or besides.
fn next_body(prompt: &str) -> Value {
    let more = [message_of("user", prompt)];
    let mut next = codex("a", "What is there?", &more);
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
            said(std::slice::from_ref(reply))
                .into_iter()
                .map(|(text, _)| text),
        );
    }
    all
}

#[test]
fn a_draft_streams_into_the_composer_and_enter_sends_it() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.sees("manual · waiting");
    studio.desk.press("Alt+D");
    let order = studio.order();
    assert_eq!(order.model, "qwen");
    studio.desk.sees("draft · qwen · asked");
    studio.say(&order, [Piece::Thought("They want a list.".into())]);
    studio.desk.sees("thinking…");
    studio.desk.sees("They want a list.");
    studio.say(&order, [text("Two "), text("files")]);
    studio.desk.sees("> Two files");
    studio.desk.misses("They want a list.");
    // Half of it is not sent by a key that means all of it.
    studio.desk.press("Enter");
    studio.desk.sees("qwen is still writing; Esc stops it");
    assert!(studio.desk.hear(&mut client).is_empty());
    let usage = Some(Usage {
        output: 142,
        ..Usage::default()
    });
    let done = Piece::Done {
        usage,
        cut_off: false,
    };
    studio.say(&order, [text("."), message("Two files."), done]);
    studio.desk.sees("> Two files.");
    studio.desk.sees("142 tokens");
    studio.desk.press("Enter");
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("Two files.", "final_answer"));
    studio.desk.sees("draft qwen · delivered");
}

#[test]
fn words_of_the_person_stay_where_a_draft_comes() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.write("my own words");
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Its words."));
    assert_eq!(studio.desk.text(), "my own words");
    studio.desk.sees("draft beside: Alt+B · qwen");
    studio.desk.press("Alt+B");
    studio.desk.sees("> Its words.");
    studio.desk.press("Alt+B");
    studio.desk.sees("> my own words");
    studio.desk.press("Alt+Shift+B");
    studio.desk.sees("> Its words.");
    // Sent is what is on the screen; the other is still there.
    studio.desk.press("Enter");
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("Its words.", "final_answer"));
    assert_eq!(studio.desk.text(), "my own words");
}

#[test]
fn whoever_types_while_it_streams_keeps_what_they_made_of_it() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Two fil")]);
    studio.desk.write("ms");
    studio.say(&order, [text("es."), message("Two files."), DONE]);
    assert_eq!(studio.desk.text(), "Two films");
    studio.desk.sees("draft beside: Alt+B · qwen");
    // Both are there.
    studio.desk.press("Alt+B");
    studio.desk.sees("> Two files.");
    studio.desk.press("Alt+B");
    studio.desk.sees("> Two films");
    studio.desk.press("Enter");
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("Two films", "final_answer"));
    studio.desk.sees("draft qwen, edited · delivered");
}

#[test]
fn undo_takes_a_draft_away_and_brings_own_words_of_before_back() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("One\ntwo"));
    studio.desk.write("!");
    assert_eq!(studio.desk.text(), "One\ntwo!");
    studio.desk.press("Alt+U");
    assert_eq!(studio.desk.text(), "One\ntwo");
    studio.desk.press("Alt+U");
    assert_eq!(studio.desk.text(), "");
    studio.desk.press("Alt+R");
    assert_eq!(studio.desk.text(), "One\ntwo");
    let draft = studio.desk.app.composer().to_draft();
    assert_eq!(draft.origin.of_models(), 7);
    // Cleared as anything is.
    studio.desk.press("Ctrl+C");
    assert_eq!(studio.desk.text(), "");
    studio.desk.press("Alt+U");
    assert_eq!(studio.desk.text(), "One\ntwo");
}

#[test]
fn asked_again_a_model_makes_another_beside_the_first() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let first = studio.order();
    studio.say(&first, whole("First."));
    studio.desk.press("Alt+D");
    let second = studio.order();
    studio.say(&second, [text("Seco")]);
    studio.desk.sees("draft 2/2");
    studio.desk.sees("> Seco");
    // The one that is being made is not what is wanted either.
    studio.desk.press("Alt+D");
    let third = studio.order();
    studio.say(&third, whole("Third."));
    studio.desk.sees("draft 3/3");
    studio.desk.press("Alt+Shift+B");
    studio.desk.sees("> Seco");
    studio.desk.sees("stopped");
    studio.desk.press("Alt+Shift+B");
    studio.desk.sees("> First.");
    studio.desk.press("Alt+Shift+B");
    assert_eq!(studio.desk.text(), "");
}

#[test]
fn another_model_is_told_something_first() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.desk.ask(&body());
    studio.desk.press("Alt+H");
    studio.desk.sees("hint to qwen:");
    studio.desk.write("be brief");
    studio.desk.press("Tab");
    studio.desk.write("gem");
    studio.desk.press("Enter");
    studio.desk.sees("hint to gemma: be brief");
    studio.desk.press("Enter");
    let order = studio.order();
    assert_eq!(order.model, "gemma");
    assert_eq!(order.hint.as_deref(), Some("be brief"));
    // Nothing is a hint too, and Esc asks nobody.
    studio.desk.press("Alt+H Enter");
    let order = studio.order();
    assert_eq!((order.model.as_str(), order.hint), ("qwen", None));
    studio.desk.press("Alt+H Esc");
    assert!(studio.orders.try_recv().is_err());
}

#[test]
fn a_command_is_a_command_with_its_options() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    let arguments = json!({"cmd": "ls -l", "workdir": "/srv"});
    studio.say(
        &order,
        [Piece::Call {
            title: "exec_command".into(),
            arguments: "{\"cmd\": \"ls".into(),
        }],
    );
    studio.desk.sees("[Run command]");
    studio.desk.sees("$ ls");
    studio.desk.misses("cmd");
    let call = Piece::Item(function("exec_command", &arguments));
    studio.say(&order, [call, DONE]);
    studio.desk.sees("[Run command]");
    studio.desk.sees("$ ls -l");
    studio.desk.sees("workdir /srv");
    studio.desk.write("a");
    studio.desk.press("Enter");
    let replies = studio.desk.hear(&mut client);
    let sent: Value = serde_json::from_str(&said(&replies)[0].0).unwrap();
    assert_eq!(sent, json!({"cmd": "ls -la", "workdir": "/srv"}));
    studio.desk.sees("draft qwen, edited");
}

#[test]
fn a_call_stands_in_its_form_and_one_that_does_not_fit_as_it_is() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    let call = function("get_weather", &json!({"city": "Oslo", "days": 2}));
    studio.say(&order, [Piece::Item(call.clone()), DONE]);
    studio.desk.sees("[Call tool]");
    studio.desk.sees("get_weather");
    let row = studio.desk.find("Oslo").1;
    assert_eq!(studio.desk.find("city").1, row, "{}", studio.desk.screen());
    studio.desk.press("Alt+D");
    let order = studio.order();
    let odd = Body::FunctionCall {
        namespace: None,
        name: "get_weather".into(),
        arguments: "{\"city\": [\"Oslo\"".into(),
    };
    studio.say(&order, [Piece::Item(odd), DONE]);
    studio.desk.sees("{\"city\": [\"Oslo\"");
    studio.desk.press("Enter");
    studio.desk.sees("not valid JSON");
    assert!(studio.desk.hear(&mut client).is_empty());
    studio.desk.press("Alt+Shift+B Enter Enter Enter");
    let replies = studio.desk.hear(&mut client);
    let sent: Value = serde_json::from_str(&said(&replies)[0].0).unwrap();
    assert_eq!(sent, json!({"city": "Oslo", "days": 2}));
    studio.desk.sees("draft qwen · ");
}

#[test]
fn a_patch_and_what_comes_before_it_are_parts() {
    const PATCH: &str = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch";
    let mut studio = Studio::new(MIDDLE, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
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
        .desk
        .sees("1. assistant · final answer: I add a file.");
    studio.desk.sees("2. exec_command: $ ls");
    studio.say(&order, [Piece::Item(patch), DONE]);
    studio.desk.sees("1. assistant · commentary: I add a file.");
    studio.desk.sees("[Call tool]");
    studio.desk.sees("*** Add File: a.txt");
    studio.desk.press("Enter");
    let sent = said(&studio.desk.hear(&mut client));
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
    let mut client = studio.desk.open(request, None);
    studio.desk.press("Alt+D");
    let order = studio.order();
    let said_by_model = json!({"command": "ls", "description": "Lists files"});
    let call = function("Bash", &said_by_model);
    studio.say(&order, [Piece::Item(call), DONE]);
    studio.desk.sees("$ ls");
    studio.desk.sees("description Lists files");
    studio.desk.press("Enter");
    let sent = said(&studio.desk.hear(&mut client));
    let sent: Value = serde_json::from_str(&sent[0].0).unwrap();
    assert_eq!(sent, said_by_model);
}

#[test]
fn a_draft_that_is_stopped_is_there_as_far_as_it_came() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Enough sa")]);
    studio.desk.press("Esc");
    assert!(studio.is_cancelled());
    assert_eq!(studio.desk.text(), "Enough sa");
    studio.desk.write("id.");
    studio.desk.press("Enter");
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("Enough said.", "final_answer"));

    // Cleared instead, it can be had again.
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Enough sa")]);
    studio.desk.press("Ctrl+C");
    assert!(studio.is_cancelled());
    assert_eq!(studio.desk.text(), "");
    studio.desk.misses("> Enough");
    studio.desk.press("Alt+B");
    assert_eq!(studio.desk.text(), "Enough sa");
}

#[test]
fn a_failure_is_said_until_the_next_draft_and_takes_no_key() {
    for size in [NORMAL, SMALL] {
        let mut studio = Studio::new(size, Mode::Manual);
        let mut client = studio.desk.ask(&body());
        studio.desk.press("Alt+D");
        let order = studio.order();
        studio.fail(&order, "nobody listens at :1234");
        studio.desk.sees("qwen failed: nobody listens");
        studio.desk.write("mine");
        studio.desk.sees("qwen failed: nobody listens");
        assert_eq!(studio.desk.text(), "mine");
        studio.desk.press("Enter");
        let replies = studio.desk.hear(&mut client);
        assert_eq!(said(&replies), one("mine", "final_answer"));
    }
    // What came before it is there.
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let _client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, [text("Half a ")]);
    studio.fail(&order, "the connection broke");
    assert_eq!(studio.desk.text(), "Half a ");
    studio.desk.press("Alt+D");
    studio.order();
    studio.desk.misses("failed");
}

#[test]
fn without_a_model_the_keys_say_how_to_set_one_up() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body());
    desk.misses("manual");
    for key in ["Alt+D", "Alt+T", "Alt+H", "Alt+F"] {
        desk.press(key);
        desk.sees("no model is set up: humanllm setup model");
        desk.press("Esc");
    }
}

#[test]
fn a_model_goes_on_from_the_words_of_the_person() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.write("There are ");
    studio.desk.press("Alt+F");
    let order = studio.order();
    assert_eq!(order.continues.as_deref(), Some("There are "));
    studio.say(&order, [text("two")]);
    studio.desk.sees("> There are two");
    studio.say(&order, [text(" files."), message("two files."), DONE]);
    assert_eq!(studio.desk.text(), "There are two files.");
    let draft = studio.desk.app.composer().to_draft();
    let chars: Vec<usize> = draft.origin.spans().iter().map(|span| span.chars).collect();
    assert_eq!(chars, [10, 10]);
    // Without it, the words are what they were.
    studio.desk.press("Alt+B");
    assert_eq!(studio.desk.text(), "There are ");
    studio.desk.press("Alt+B Enter");
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("There are two files.", "final_answer"));
    assert_eq!(studio.desk.text(), "");
}

#[test]
fn the_mode_is_always_on_the_screen_and_each_request_is_drafted() {
    for size in [NORMAL, SMALL, MIDDLE, WIDE] {
        let mut studio = Studio::new(size, Mode::Manual);
        let mut client = studio.desk.ask(&body());
        studio.desk.sees("manual");
        studio.desk.press("Alt+T");
        studio.desk.sees("draft");
        let order = studio.order();
        studio.say(&order, whole("Two files."));
        studio.desk.sees("> Two files.");
        studio.desk.press("Enter");
        studio.desk.hear(&mut client);
        // The next request of it is drafted by itself, into a composer that is empty.
        let more = [
            message_of("assistant", "Two files."),
            message_of("user", "Which?"),
        ];
        let mut next = codex("a", "What is there?", &more);
        next["tools"] = body()["tools"].clone();
        let _client = studio.desk.ask(&next);
        let order = studio.order();
        studio.say(&order, [text("a an")]);
        studio.desk.sees("> a an");
        studio.desk.press("Alt+T");
        studio.desk.sees("auto");
    }
    // Where there is room for it, with the model's name, and in the list.
    let mut studio = Studio::new(MIDDLE, Mode::Auto);
    let _client = studio.desk.ask(&body());
    studio.desk.sees("auto qwen · waiting");
    assert!(studio.desk.find("What is there? ").0 < 40);
    let first = studio.desk.screen();
    let row = first.lines().nth(1).unwrap();
    assert!(row.contains("auto"), "{first}");
}

fn message_of(role: &str, text: &str) -> Value {
    support::screen::message(role, text)
}

#[test]
fn in_auto_a_model_writes_to_the_client_and_the_composer_is_the_persons() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let mut client = studio.desk.ask(&body());
    // Nobody is called for what a model answers.
    assert_eq!(studio.desk.bells(), 0);
    let order = studio.order();
    studio.say(&order, [text("Two "), text("files")]);
    studio.desk.sees("auto · qwen writes · Esc takes over");
    studio.desk.sees("│ Two files");
    studio.desk.sees("auto qwen");
    studio.desk.misses("> Two");
    assert_eq!(heard(&studio.desk.hear(&mut client)), ["Two files"]);
    studio.say(&order, [text("."), message("Two files."), DONE]);
    studio.desk.misses("takes over");
    let replies = studio.desk.hear(&mut client);
    assert!(replies.last().is_some_and(Reply::ends));
    studio.desk.sees("auto qwen · delivered");
    assert_eq!(studio.desk.bells(), 0);
}

#[test]
fn a_draft_that_nobody_wanted_does_not_stay_when_another_is_sent_by_itself() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let mut client = studio.desk.ask(&body());
    studio.desk.write("mine");
    let order = studio.order();
    studio.say(&order, whole("First."));
    studio.desk.press("Alt+B");
    studio.desk.sees("> First.");
    studio.desk.press("Alt+T");
    studio.desk.wait(1);
    let order = studio.order();
    assert_eq!(studio.desk.text(), "mine");
    studio.say(&order, whole("Second."));
    assert_eq!(heard(&studio.desk.hear(&mut client)), ["Second."]);
    assert_eq!(studio.desk.text(), "mine");
}

#[test]
fn esc_or_a_letter_takes_the_pen_and_what_is_typed_goes_on() {
    for key in ["Esc", "b"] {
        let mut studio = Studio::new(NORMAL, Mode::Auto);
        let mut client = studio.desk.ask(&body());
        let order = studio.order();
        studio.say(&order, [text("a.txt, ")]);
        studio.desk.press(key);
        assert!(studio.is_cancelled());
        studio.desk.misses("takes over");
        studio.desk.sees("[Send live]");
        // What was sent of it is not there once more.
        studio.desk.misses("beside");
        // What comes too late is not sent.
        studio.say(&order, [text("c.txt")]);
        let rest = if key == "Esc" { "b.txt" } else { ".txt" };
        studio.desk.write(rest);
        studio.desk.press("Enter");
        let replies = studio.desk.hear(&mut client);
        assert_eq!(heard(&replies), ["a.txt, b.txt"]);
        assert!(replies.last().is_some_and(Reply::ends));
        studio.desk.sees("draft qwen, edited");
        // Typing is as it was before.
        studio.desk.sees("[Send]");
    }
}

#[test]
fn the_pen_goes_back_to_the_model_and_the_message_goes_on() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let mut client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, [text("a.txt, ")]);
    studio.desk.press("Esc");
    studio.desk.write("b.txt, ");
    studio.desk.press("Alt+F");
    let order = studio.order();
    assert_eq!(order.continues.as_deref(), Some("a.txt, b.txt, "));
    assert_eq!(studio.desk.text(), "");
    studio.desk.sees("auto · qwen writes");
    // What it thinks before it goes on does not end the message.
    let thought = Piece::Item(Body::reasoning("One more."));
    studio.say(&order, [Piece::Thought("One more.".into()), thought]);
    studio.say(&order, [text("c.txt"), message("c.txt"), DONE]);
    let replies = studio.desk.hear(&mut client);
    assert_eq!(heard(&replies), ["a.txt, b.txt, c.txt"]);
    assert!(replies.last().is_some_and(Reply::ends));
}

#[test]
fn what_cannot_leave_by_itself_is_in_the_composer_and_rings() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let mut client = studio.desk.ask(&body());
    studio
        .desk
        .app
        .on_input(vec![crossterm::event::Event::FocusLost]);
    let order = studio.order();
    let call = function("rm_all", &json!({"path": "/"}));
    studio.say(&order, [message("I clean up."), Piece::Item(call), DONE]);
    assert_eq!(studio.desk.bells(), 1);
    studio
        .desk
        .sees("held by \"humanllm\": rm_all is not offered");
    let told = studio.desk.effects.iter().any(
        |effect| matches!(effect, Effect::Notify(words) if words.contains("rm_all is not offered")),
    );
    assert!(told);
    assert_eq!(heard(&studio.desk.hear(&mut client)), ["I clean up."]);
    studio.desk.sees("[Call tool]");
    studio.desk.sees("rm_all");

    // Words of the person are not in its way.
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let _client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, [text("Two ")]);
    studio.fail(&order, "the connection broke");
    studio.desk.sees("qwen failed: the connection broke");
    assert_eq!(studio.desk.bells(), 1);
    studio.desk.sees("│ Two");
    assert_eq!(studio.desk.text(), "");
}

#[test]
fn a_draft_outlives_the_program_with_whose_words_it_is() {
    let state = tempfile::tempdir().unwrap();
    let mut studio = Studio::with(Desk::at(NORMAL, state.path()), Mode::Manual);
    let client = studio.desk.ask(&body());
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Two files."));
    studio.desk.write(" Really.");
    for (id, draft) in studio.desk.app.take_dirty_drafts() {
        studio.desk.app.store().keep_draft(id, &draft);
    }
    drop((studio, client));
    let mut desk = Desk::at(NORMAL, state.path());
    let mut client = desk.ask(&body());
    desk.sees("> Two files. Really.");
    let draft = desk.app.composer().to_draft();
    let chars: Vec<usize> = draft.origin.spans().iter().map(|span| span.chars).collect();
    assert_eq!(chars, [10, 8]);
    desk.press("Enter");
    desk.hear(&mut client);
    desk.sees("draft qwen, edited");
}

#[test]
fn own_words_beside_a_draft_outlive_the_program() {
    let state = tempfile::tempdir().unwrap();
    let mut studio = Studio::with(Desk::at(NORMAL, state.path()), Mode::Manual);
    let client = studio.desk.ask(&body());
    studio.desk.write("mine");
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Its words."));
    studio.desk.press("Alt+B");
    studio.desk.sees("> Its words.");
    for (id, draft) in studio.desk.app.take_dirty_drafts() {
        studio.desk.app.store().keep_draft(id, &draft);
    }
    drop((studio, client));
    let mut desk = Desk::at(NORMAL, state.path());
    let _client = desk.ask(&body());
    desk.sees("> mine");
}

#[test]
fn a_draft_for_a_client_that_is_gone_is_not_for_the_next() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    studio.desk.sees("> For the first.");
    studio.desk.hang_up(client);
    assert_eq!(studio.desk.text(), "");
    let mut client = studio.desk.ask(&next_body("Which?"));
    let order = studio.order();
    studio.say(&order, [text("For the")]);
    studio.desk.sees("> For the");
    studio.say(&order, [text(" next."), message("For the next."), DONE]);
    studio.desk.press("Enter");
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("For the next.", "final_answer"));
}

#[test]
fn a_draft_that_the_person_has_changed_stays_where_its_client_is_gone() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first"));
    studio.desk.write("!");
    studio.desk.hang_up(client);
    assert_eq!(studio.desk.text(), "For the first!");
    let _client = studio.desk.ask(&next_body("Which?"));
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    assert_eq!(studio.desk.text(), "For the first!");
    studio.desk.sees("draft beside: Alt+B");
}

#[test]
fn where_a_client_goes_the_draft_for_the_one_behind_it_is_shown() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.desk.ask(&body());
    studio.desk.write("mine");
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    let mut behind = studio.desk.ask(&next_body("Which?"));
    studio.desk.press("Alt+B");
    studio.desk.sees("> For the first.");
    studio.desk.hang_up(client);
    // The person's words are theirs, whoever asks.
    assert_eq!(studio.desk.text(), "mine");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    studio.desk.sees("draft beside: Alt+B");
    studio.desk.press("Alt+B Enter");
    let replies = studio.desk.hear(&mut behind);
    assert_eq!(said(&replies), one("For the next.", "final_answer"));
    assert_eq!(studio.desk.text(), "mine");

    // Where there are none, it streams into the composer.
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    let _behind = studio.desk.ask(&next_body("Which?"));
    studio.desk.hang_up(client);
    let order = studio.order();
    studio.say(&order, [text("For the ne")]);
    studio.desk.sees("> For the ne");
}

#[test]
fn where_a_rule_sends_a_draft_the_one_for_the_next_request_takes_its_place() {
    let rule = json!({"name": "a while", "kind": "message", "action": "hold",
        "timeout_seconds": 60, "timeout_action": "send"});
    let rule: RuleTable = serde_json::from_value(rule).unwrap();
    let rules = Rules::new(&[rule]).unwrap();
    let mut studio = Studio::ruled(Desk::new(NORMAL), Mode::Draft, rules);
    let mut client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    studio.desk.sees("> For the first.");
    let mut behind = studio.desk.ask(&next_body("Which?"));
    studio.desk.wait(60);
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("For the first.", "final_answer"));
    assert_eq!(studio.desk.text(), "");
    studio.desk.press("Enter");
    assert!(studio.desk.hear(&mut behind).is_empty());
    let order = studio.order();
    studio.say(&order, [text("For the ne")]);
    studio.desk.sees("> For the ne");
}

#[test]
fn words_that_are_taken_back_stand_before_a_draft() {
    let mut studio = Studio::with(Desk::unsending(NORMAL, 5), Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.write("my own words");
    studio.desk.press("Enter");
    studio.desk.sees("sending in 5 s");
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Its words."));
    studio.desk.sees("> Its words.");
    studio.desk.press("Esc");
    assert_eq!(studio.desk.text(), "my own words");
    studio.desk.sees("draft beside: Alt+B");
    studio.desk.press("Alt+B");
    studio.desk.sees("> Its words.");
    studio.desk.press("Alt+B");
    assert_eq!(studio.desk.text(), "my own words");
    // Sent after all, nothing of the draft is left for the next.
    studio.desk.press("Enter Alt+B");
    studio.desk.sees("> Its words.");
    studio.desk.wait(5);
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("my own words", "final_answer"));
    assert_eq!(studio.desk.text(), "");
}

#[test]
fn what_did_not_arrive_is_not_lost_in_a_draft_for_the_next() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.desk.ask(&body());
    let first = studio.order();
    let mut behind = studio.desk.ask(&next_body("Which?"));
    studio.desk.write("a note");
    studio.desk.press("Tab Enter");
    studio.say(&first, whole("For the first."));
    studio.desk.sees("> For the first.");
    studio.desk.hang_up(client);
    assert_eq!(studio.desk.text(), "a note");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    assert_eq!(studio.desk.text(), "a note");
    studio.desk.press("Alt+B Enter");
    let replies = studio.desk.hear(&mut behind);
    assert_eq!(said(&replies), one("For the next.", "final_answer"));
    assert_eq!(studio.desk.text(), "a note");
}

#[test]
fn words_and_calls_that_come_back_while_a_draft_is_shown_are_with_the_persons() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let client = studio.desk.ask(&body());
    studio.order();
    // It asks again, and the old connection is not known to be gone yet.
    let mut behind = studio.desk.ask(&body());
    studio.desk.write("I look.");
    studio.desk.press("Tab Alt+A");
    studio.desk.write("!ls -l");
    studio.desk.press("Enter");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    studio.desk.sees("> For the next.");
    // What was sent has not arrived.
    studio.desk.hang_up(client);
    assert_eq!(studio.desk.text(), "For the next.");
    studio.desk.sees("Alt+Shift+B your words");
    studio.desk.press("Alt+Shift+B");
    studio.desk.sees("[Run command]");
    studio.desk.sees("1. assistant · commentary: I look.");
    assert_eq!(studio.desk.text(), "ls -l");
    studio.desk.press("Alt+B");
    assert_eq!(studio.desk.text(), "For the next.");
    studio.desk.press("Enter");
    let replies = studio.desk.hear(&mut behind);
    assert_eq!(said(&replies), one("For the next.", "final_answer"));
    studio.desk.sees("1. assistant · commentary: I look.");
    assert_eq!(studio.desk.text(), "ls -l");
}

#[test]
fn an_answer_whose_client_goes_before_it_leaves_takes_the_place_of_the_draft() {
    let mut studio = Studio::with(Desk::unsending(NORMAL, 5), Mode::Manual);
    let client = studio.desk.ask(&body());
    studio.desk.write("the answer");
    let behind = studio.desk.ask(&next_body("Which?"));
    studio.desk.press("Enter");
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("For the first."));
    studio.desk.sees("> For the first.");
    // The news of it comes after the answer was to leave.
    drop(client);
    studio.desk.wait(5);
    assert_eq!(studio.desk.text(), "the answer");
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("For the next."));
    studio.desk.press("Alt+B");
    studio.desk.sees("> For the next.");
    studio.desk.press("Alt+B");
    assert_eq!(studio.desk.text(), "the answer");
    drop(behind);
}

#[test]
fn auto_begins_when_its_key_rests() {
    let mut studio = Studio::new(NORMAL, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.press("Alt+T");
    let order = studio.order();
    studio.say(&order, whole("Drafted."));
    studio.desk.press("Alt+T");
    studio.desk.sees("auto qwen");
    studio.desk.sees("auto in 1 s · Alt+T stops that");
    assert!(studio.desk.app.next_tick().is_some());
    assert!(studio.orders.try_recv().is_err());
    // On to the next mode, nothing was said, and the draft is still there.
    studio.desk.press("Alt+T");
    studio.desk.sees("manual: you answer");
    studio.desk.wait(5);
    assert!(studio.orders.try_recv().is_err());
    studio.desk.sees("> Drafted.");
    studio.desk.misses("auto");
    assert!(studio.desk.hear(&mut client).is_empty());

    // Any other key lets it come.
    studio.desk.press("Alt+T Alt+T");
    studio.desk.press("PageUp");
    studio.desk.sees("auto in 1 s");
    assert!(studio.orders.try_recv().is_err());
    studio.desk.wait(1);
    studio.desk.misses("auto in 1 s");
    let order = studio.order();
    assert_eq!(studio.desk.text(), "");
    studio.say(&order, whole("Said."));
    assert_eq!(heard(&studio.desk.hear(&mut client)), ["Said."]);

    // What comes later is answered at once.
    let mut client = studio.desk.ask(&next_body("Which?"));
    let order = studio.order();
    studio.say(&order, whole("At once."));
    assert_eq!(heard(&studio.desk.hear(&mut client)), ["At once."]);
    // So is where nobody waits when it is chosen.
    studio.desk.press("Alt+T Alt+T Alt+T");
    studio.desk.misses("auto in");
    let _client = studio.desk.ask(&next_body("And then?"));
    studio.order();
    studio.desk.sees("auto · qwen writes");
}

#[test]
fn auto_does_not_begin_behind_an_answer_that_may_be_taken_back() {
    let mut studio = Studio::with(Desk::unsending(NORMAL, 5), Mode::Draft);
    let mut client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("Drafted."));
    studio.desk.press("Alt+T Enter");
    studio.desk.sees("sending in 5 s");
    studio.desk.wait(2);
    assert!(studio.orders.try_recv().is_err());
    studio.desk.press("Esc");
    assert_eq!(studio.desk.text(), "Drafted.");
    assert!(studio.orders.try_recv().is_err());
    studio.desk.wait(1);
    let order = studio.order();
    studio.say(&order, whole("Said."));
    assert_eq!(heard(&studio.desk.hear(&mut client)), ["Said."]);
}

#[test]
fn auto_is_for_the_next_request_where_the_person_answers_first() {
    let mut studio = Studio::new(NORMAL, Mode::Draft);
    let mut client = studio.desk.ask(&body());
    let order = studio.order();
    studio.say(&order, whole("Drafted."));
    studio.desk.press("Alt+T Enter");
    let replies = studio.desk.hear(&mut client);
    assert_eq!(said(&replies), one("Drafted.", "final_answer"));
    let _client = studio.desk.ask(&next_body("Which?"));
    studio.order();
    studio.desk.sees("auto · qwen writes");
}

#[test]
fn a_draft_of_thoughts_alone_says_that_it_is_no_more() {
    for (size, cut_off) in [(NORMAL, false), (MIDDLE, true)] {
        let mut studio = Studio::new(size, Mode::Manual);
        let mut client = studio.desk.ask(&body());
        studio.desk.press("Alt+D");
        let order = studio.order();
        let thought = Piece::Item(Body::reasoning("They want a list."));
        let done = Piece::Done {
            usage: None,
            cut_off,
        };
        studio.say(&order, [thought, done]);
        studio.desk.sees("the model thought, and said nothing");
        studio.desk.write("mine");
        studio.desk.press("Enter");
        let replies = studio.desk.hear(&mut client);
        assert_eq!(said(&replies), one("mine", "final_answer"));
    }
}

#[test]
fn the_view_of_where_words_come_from_names_every_stretch() {
    let mut studio = Studio::new(MIDDLE, Mode::Manual);
    let mut client = studio.desk.ask(&body());
    studio.desk.press("F12");
    studio.desk.sees("nothing was said or drafted here");
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("One."));
    studio.desk.press("Alt+D");
    let order = studio.order();
    studio.say(&order, whole("Two files"));
    studio.desk.press("F12");
    studio.desk.sees("drafts for the request that waits");
    studio.desk.press("Esc");
    studio.desk.app.on_paste(" (pasted)");
    studio.desk.write(" and more");
    studio.desk.press("Enter");
    studio.desk.hear(&mut client);
    studio.desk.press("F12");
    studio
        .desk
        .sees("[qwen]Two files[pasted] (pasted)[typed] and more");
    studio
        .desk
        .sees("assistant · final answer · draft qwen, edited");
    studio.desk.sees("by you · delivered");
    studio.desk.sees("first word");
    studio.desk.sees("drafts that were not used");
    studio.desk.sees("One.");
    studio.desk.press("F12");

    // It is still known when the client goes on.
    let more = [
        message_of("assistant", "Two files (pasted) and more"),
        message_of("user", "Which?"),
    ];
    let _client = studio.desk.ask(&codex("a", "What is there?", &more));
    studio.desk.sees("draft qwen, edited");
}

#[test]
fn a_rule_is_made_of_what_is_in_the_composer() {
    let mut studio = Studio::new(NORMAL, Mode::Auto);
    let _client = studio.desk.ask(&body());
    let order = studio.order();
    studio.desk.press("Esc");
    studio.desk.press("Alt+Shift+R");
    studio.desk.sees("a rule is made of a reply");
    studio.say(&order, [DONE]);
    studio.desk.write("!rm -rf build");
    studio.desk.press("Alt+Shift+R");
    studio.desk.sees("rule: what happens");
    studio.desk.press("Enter");
    studio.desk.sees("any command with rm");
    studio.desk.write("any from");
    studio.desk.press("Enter");
    let saved = |desk: &Desk| {
        let mut rules = desk.effects.iter().filter_map(|effect| match effect {
            Effect::SaveRule(new) => Some(new.rule.clone()),
            _ => None,
        });
        rules.next_back().expect("a rule")
    };
    let rule = saved(&studio.desk);
    assert_eq!(rule.name, "hold rm from codex_exec");
    assert_eq!(rule.agent.as_deref(), Some("^codex_exec"));
    assert_eq!(rule.action, Some(RuleAction::Hold));
    // The words stay for the person to do something about.
    assert_eq!(studio.desk.text(), "rm -rf build");

    studio.desk.press("Alt+Shift+R Down Down Enter");
    studio.desk.sees("reject with:");
    studio.desk.press("Enter");
    studio.desk.sees("a reason is required");
    studio.desk.write("never");
    studio.desk.press("Enter Enter");
    let rule = saved(&studio.desk);
    assert_eq!(rule.action, Some(RuleAction::Reject("never".into())));
    let written = rule.to_toml();
    assert!(written.contains("rm -rf build"), "{written}");
}

const SIZES: [(u16, u16); 5] = [SMALL, (60, 50), NORMAL, MIDDLE, WIDE];

#[test]
fn screens_of_drafts() {
    Studio::scene("draft_streaming", &SIZES, Mode::Draft, |studio| {
        let _client = studio.desk.ask(&body());
        let order = studio.order();
        studio.desk.wait(2);
        studio.say(&order, [Piece::Thought("They want a list.".into())]);
        studio.desk.wait(1);
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
        let _client = studio.desk.ask(&body());
        studio.desk.write("my own words");
        for words in ["First.", "Second."] {
            studio.desk.press("Alt+D");
            let order = studio.order();
            studio.desk.wait(1);
            studio.say(&order, whole(words));
        }
    });
    Studio::scene("auto", &SIZES, Mode::Auto, |studio| {
        let _client = studio.desk.ask(&body());
        let order = studio.order();
        studio.desk.wait(1);
        studio.say(&order, [text("There are two files here: a.txt and")]);
    });
    Studio::scene("draft_failed", &SIZES, Mode::Draft, |studio| {
        let _client = studio.desk.ask(&body());
        let order = studio.order();
        studio.fail(
            &order,
            "nobody listens at http://127.0.0.1:1234/v1: start LM Studio's server, or change base_url",
        );
    });
    Studio::scene("provenance", &SIZES, Mode::Manual, |studio| {
        let mut client = studio.desk.ask(&body());
        studio.desk.press("Alt+H");
        studio.desk.write("in one word");
        studio.desk.press("Enter");
        let order = studio.order();
        studio.desk.wait(1);
        studio.say(&order, whole("Files."));
        studio.desk.press("Alt+D");
        let order = studio.order();
        studio.desk.wait(2);
        studio.say(&order, whole("Two files: a.txt and b.txt."));
        studio.desk.write(" That is all.");
        studio.desk.press("Enter");
        studio.desk.hear(&mut client);
        studio.desk.press("F12");
    });
}
