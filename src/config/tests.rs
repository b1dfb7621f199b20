use std::fs;

use ratatui::style::Color;
use tempfile::TempDir;

use super::*;
use crate::agents::AutoAnswered;
use crate::api::Format;
use crate::config::TuiConfig;
use crate::model::Timeouts;
use crate::tui::keys::action::Action;
use crate::tui::theme::Role;

/// A home folder, with a config file in the usual place if there is text for one.
struct TestHome(TempDir);

impl TestHome {
    fn new(config: &str) -> Self {
        let home = Self(tempfile::tempdir().expect("a temporary folder"));
        fs::create_dir_all(home.0.path().join(".config/humanllm")).expect("a folder");
        fs::write(home.file(), config).expect("a file");
        home
    }

    fn file(&self) -> PathBuf {
        self.0.path().join(".config/humanllm/config.toml")
    }

    fn environment(&self) -> Environment {
        Environment::with_home(self.0.path())
    }

    fn load(&self) -> Result<Config, ConfigError> {
        load(&Flags::default(), &self.environment())
    }
}

/// What the person reads about this config file, after its name.
fn complaint(config: &str) -> String {
    let home = TestHome::new(config);
    let message = home.load().expect_err(config).to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
        .strip_prefix(&format!("{}:", home.file().display()))
        .unwrap_or_else(|| panic!("names the file: {message}"))
        .to_owned()
}

#[test]
fn without_a_file_the_defaults_hold() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let config = load(&Flags::default(), &Environment::with_home(home.path())).expect("defaults");
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.state_dir, home.path().join(".local/state/humanllm"));
    assert_eq!(config.api_key, None);
    assert_eq!(config.models, ["human"]);
    assert_eq!(config.server.max_body_bytes(), 64 * 1024 * 1024);
    assert_eq!(config.server.heartbeat().as_secs(), 10);
    assert!(
        config.inbox.answer_housekeeping == AutoAnswered::default()
            && config.tui.bell
            && config.tui.title
    );
}

#[test]
fn the_example_documents_every_key_with_its_default() {
    let text = include_str!("../../config.example.toml");
    let home = TestHome::new(text);
    let example = home.load().expect("the example is valid");
    fs::remove_file(home.file()).expect("removed");
    assert_eq!(example, home.load().expect("defaults"));

    // Every key that the program would accept, table by table, as the program itself tells.
    for (table, header) in [
        ("", ""),
        ("server", "[server]\n"),
        ("inbox", "[inbox]\n"),
        ("journal", "[journal]\n"),
        ("model", "[[model]]\n"),
        ("drafting", "[drafting]\n"),
        ("tui", "[tui]\n"),
    ] {
        let error = TestHome::new(&format!("{header}no_such_key = 1")).load();
        let Err(ConfigError::File {
            problem: ValueProblem::UnknownKey { known, .. },
            ..
        }) = error
        else {
            panic!("{table}: {error:?}");
        };
        for key in known {
            let written = [
                format!("\n{key} ="),
                format!("\n# {key} ="),
                format!("\n[{key}]"),
                format!("\n# [[{key}]]"),
            ];
            assert!(
                written.iter().any(|line| text.contains(line)),
                "{table}.{key}"
            );
        }
    }
    for action in Action::ALL {
        assert!(text.contains(&format!("\n{action} =")), "keys.{action}");
    }
}

#[test]
fn flags_beat_environment_beats_file() {
    let home =
        TestHome::new("listen = \"127.0.0.1:1\"\nstate_dir = \"~/file\"\napi_key = \"file\"");
    let config = home.load().expect("valid");
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.state_dir, home.0.path().join("file"));
    assert_eq!(config.api_key.expect("a key").as_bytes(), b"file");

    let environment = home
        .environment()
        .with("HUMANLLM_LISTEN", "localhost:2")
        .with("HUMANLLM_STATE_DIR", "/env")
        .with("HUMANLLM_API_KEY", "env");
    let config = load(&Flags::default(), &environment).expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:2");
    assert_eq!(config.state_dir, Path::new("/env"));
    assert_eq!(config.api_key.expect("a key").as_bytes(), b"env");

    let flags = Flags {
        listen: Some("[::1]:3".to_owned()),
        config: None,
        state_dir: Some("/flag".into()),
    };
    let config = load(&flags, &environment).expect("valid");
    assert_eq!(config.listen.to_string(), "[::1]:3");
    assert_eq!(config.state_dir, Path::new("/flag"));
}

#[test]
fn a_named_file_must_exist() {
    let home = TestHome::new("");
    let environment = home.environment().with("HUMANLLM_CONFIG", "/no/env.toml");
    let error = load(&Flags::default(), &environment).expect_err("missing");
    assert_eq!(
        error.to_string(),
        "HUMANLLM_CONFIG: there is no file /no/env.toml"
    );
    let flags = Flags {
        config: Some("/no/flag.toml".into()),
        ..Flags::default()
    };
    let error = load(&flags, &environment).expect_err("missing");
    assert_eq!(
        error.to_string(),
        "--config: there is no file /no/flag.toml"
    );
}

#[test]
fn xdg_folders_are_used() {
    let home = TestHome::new("models = [\"from-xdg\"]");
    let environment = Environment::with_home("/nowhere")
        .with("XDG_CONFIG_HOME", home.0.path().join(".config"))
        .with("XDG_STATE_HOME", "/xdg");
    let config = load(&Flags::default(), &environment).expect("valid");
    assert_eq!(config.models, ["from-xdg"]);
    assert_eq!(config.state_dir, Path::new("/xdg/humanllm"));
}

#[test]
fn a_partial_table_keeps_the_other_defaults() {
    let config = TestHome::new("[tui]\nbell = false").load().expect("valid");
    assert_eq!(
        config.tui,
        TuiConfig {
            bell: false,
            ..TuiConfig::default()
        }
    );
}

#[test]
fn the_mouse_and_the_theme_are_chosen() {
    let config = TestHome::new("[tui]\nmouse = true\ntheme = \"light\"").load();
    let tui = config.expect("valid").tui;
    assert!(tui.mouse && tui.theme == "light");
    for (name, base) in ThemeBase::NAMES {
        let config = TestHome::new(&format!("tui.theme = \"{name}\"")).load();
        let config = config.expect("valid");
        assert!(!config.tui.mouse, "{name}");
        assert_eq!(config.theme, ThemeChoice::of(base));
    }
}

#[test]
fn a_theme_of_ones_own_changes_single_colours() {
    let config = "[tui]\ntheme = \"mine\"\n[theme.mine]\nbase = \"light\"\nprompt = \"#ff8700\"\n\
                  string = 208\ndim = \"bright-black\"";
    let theme = TestHome::new(config).load().expect("valid").theme;
    assert_eq!(theme.base, ThemeBase::Light);
    for (role, colour) in [
        (Role::Prompt, Some(Color::Rgb(255, 135, 0))),
        (Role::String, Some(Color::Indexed(208))),
        (Role::Dim, Some(Color::DarkGray)),
        (Role::Link, None),
    ] {
        assert_eq!(theme.own.get(role), colour, "{role:?}");
    }
    let config = "[theme.mine]\nprompt = \"red\"";
    assert_eq!(
        TestHome::new(config).load().expect("valid").theme,
        ThemeChoice::default()
    );
}

#[test]
fn rules_keep_their_order() {
    let config = "[[rule]]\nname = \"no rm\"\ntool = \"shell\"\nargument = '\\brm\\b'\n\
                  action = \"hold\"\ntimeout_seconds = 60\ntimeout_action = { reject = \"No.\" }\n\
                  [[rule]]\nname = \"a\"\naction = { draft = \"qwen\" }\n[tui]\nbell = false\n\
                  [[model]]\nname = \"qwen\"\nbase_url = \"http://127.0.0.1:8080\"";
    let config = TestHome::new(config).load().expect("valid");
    assert_eq!(config.rules.names().collect::<Vec<_>>(), ["no rm", "a"]);
    assert!(!config.tui.bell);
    let told = config.rules.descriptions().next().expect("a rule");
    assert_eq!(
        told.conditions,
        [("tool", "shell".into()), ("argument", r"\brm\b".into())]
    );
    assert!(TestHome::new("").load().expect("valid").rules.is_empty());
}

#[test]
fn what_needs_a_restart_is_known() {
    let load = |config: &str| TestHome::new(config).load().expect("valid");
    let one = load("state_dir = \"/s\"");
    let other = load(
        "state_dir = \"/s\"\nlisten = \"127.0.0.1:4000\"\n[server]\nmax_waiting = 2\n[tui]\nbell = false",
    );
    assert_eq!(one.restarts_for(&other), ["listen", "server"]);
    let live =
        load("state_dir = \"/s\"\ntui.theme = \"light\"\nsnippets.a = \"b\"\nkeys.fold = \"F11\"");
    assert_eq!(one.restarts_for(&live), [""; 0]);
}

#[test]
fn what_exports_replace_is_made_of_regular_expressions() {
    let config = TestHome::new("[export]\nredact = [\"ACME-\\\\d+\"]").load();
    let export = config.expect("valid").export;
    assert!(export.redact[0].regex().is_match("see ACME-17"));
    assert!(
        TestHome::new("")
            .load()
            .expect("valid")
            .export
            .redact
            .is_empty()
    );
    let error = TestHome::new("[export]\nredact = [\"a\", \"(\"]").load();
    let error = error.expect_err("no expression").to_string();
    assert!(
        error.ends_with(":2: export.redact: `(`: this is no regular expression: unclosed group"),
        "{error}"
    );
}

#[test]
fn snippets_have_names_and_any_text() {
    let config =
        TestHome::new("[snippets]\nbye = \"Goodbye!\"\n\"two lines\" = \"one\\ntwo\"").load();
    let snippets = config.expect("valid").snippets;
    let snippets: Vec<(&str, &str)> = snippets
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(snippets, [("bye", "Goodbye!"), ("two lines", "one\ntwo")]);
    assert!(TestHome::new("").load().expect("valid").snippets.is_empty());
}

#[test]
fn each_errand_that_the_program_answers_can_be_named() {
    let answered = |value: &str| {
        let config = TestHome::new(&format!("[inbox]\nanswer_housekeeping = {value}")).load();
        config.expect("valid").inbox.answer_housekeeping
    };
    assert_eq!(answered("true"), AutoAnswered::default());
    assert_eq!(answered("false"), AutoAnswered::NONE);
    assert_eq!(answered("[]"), AutoAnswered::NONE);
    let commits = AutoAnswered {
        commit_messages: true,
        ..AutoAnswered::NONE
    };
    assert_eq!(answered("[\"commit_messages\"]"), commits);
    assert_eq!(
        answered("[\"titles\", \"probes\"]"),
        AutoAnswered::default()
    );
}

#[test]
fn a_mistake_in_the_file_is_named_with_line_and_key() {
    for (config, message) in [
        (
            "\nmodles = []",
            "2: modles: unknown key; did you mean `models`?",
        ),
        (
            "[server]\n\ntimeout = 1",
            "3: server.timeout: unknown key; there are max_body_mib, max_waiting, max_stored, heartbeat_seconds, allowed_hosts, allowed_origins",
        ),
        (
            "[sever]\nmax_waiting = 1",
            "1: sever: unknown key; did you mean `server`?",
        ),
        (
            "[tui]\nbell = \"yes\"",
            "2: tui.bell: expected true or false, not string \"yes\"",
        ),
        (
            "server.max_body_mib = -1",
            "1: server.max_body_mib: expected a whole number from 0 up, not integer `-1`",
        ),
        (
            "[server]\nheartbeat_seconds = 0",
            "2: server.heartbeat_seconds: must be at least 1",
        ),
        ("server = 3", "1: server: expected a table, not integer `3`"),
        (
            "models = \"human\"",
            "1: models: expected a list such as [\"a\", \"b\"], not string \"human\"",
        ),
        ("models = []", "1: models: needs at least one model name"),
        (
            "models = [\"a b\"]",
            "1: models: \"a b\" is not a model name; use letters, digits and punctuation, without spaces",
        ),
        ("models = [\"a\", \"a\"]", "1: models: `a` is listed twice"),
        (
            "listen = \"3000\"",
            "1: listen: `3000` is not an address; write ADDR:PORT, such as 127.0.0.1:3000 or [::1]:3000",
        ),
        (
            "listen = 3000",
            "1: listen: expected text in quotes, not integer `3000`",
        ),
        (
            "api_key = \" \"",
            "1: api_key: the key is empty; set it to a secret, or remove it",
        ),
        ("api_key = 12345", "1: api_key: expected text in quotes"),
        ("state_dir = \"\"", "1: state_dir: the path is empty"),
        (
            "[server]\nallowed_hosts = [\"http://a\"]",
            "2: server.allowed_hosts: \"http://a\" is not a host name; write it without scheme, port and path, such as my-laptop.lan",
        ),
        (
            "[server]\nallowed_origins = [\"a.org\"]",
            "2: server.allowed_origins: \"a.org\" is not an origin; write scheme and host only, such as https://example.org",
        ),
        (
            "[[model]]\nbase_url = \"http://a\"",
            "1: model: this model needs a `name`, such as \"qwen\"",
        ),
        (
            "[[model]]\nname = \"a\"",
            "1: model: this model needs a `base_url`, such as \"http://127.0.0.1:8080\"",
        ),
        (
            "[[model]]\nname = \"a b\"\nbase_url = \"http://a\"",
            "2: model.name: \"a b\" is not a model name; use letters, digits and punctuation, without spaces",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\n[[model]]\nbase_url = \"http://b\"\nname = \"a\"",
            "6: model.name: there is a model of the name `a` already; choose another",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\n[[model]]\nname = \"b\"\n\nbase_url = \"b:8080\"",
            "7: model.base_url: \"b:8080\" is not a base URL; write it as http://127.0.0.1:8080 or https://example.org/v1",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\n[[model]]\nbaseurl = \"http://a\"",
            "5: model.baseurl: unknown key; did you mean `base_url`?",
        ),
        (
            "[model]\nname = \"a\"",
            "1: model: write [[model]], with two brackets: there may be several",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\nformat = \"openai\"",
            "4: model.format: `openai` is not a format; write chat, responses or messages",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\nimages = 1",
            "4: model.images: expected true or false, not integer `1`",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\nmax_tokens = 0",
            "4: model.max_tokens: must be at least 1",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\n[model.parameters]\nmessages = []",
            "4: model.parameters: `messages` is set by humanllm itself; remove it here",
        ),
        (
            "[[model]]\nname = \"a\"\nbase_url = \"http://a\"\n[model.headers]\nHost = \"b\"",
            "4: model.headers: \"Host\" is not a header that can be set here",
        ),
        (
            "[drafting]\nmode = \"draft\"\nmodel = \"a\"",
            "3: drafting.model: there is no [[model]] with this name; `humanllm setup model` adds one",
        ),
        (
            "drafting.model = \"qwne\"\n[[model]]\nname = \"qwen\"\nbase_url = \"http://a\"",
            "1: drafting.model: there is no [[model]] with this name; did you mean `qwen`?",
        ),
        (
            "[inbox]\nanswer_housekeeping = 1",
            "2: inbox.answer_housekeeping: expected true, false, or a list such as [\"titles\", \"probes\"], not integer `1`",
        ),
        (
            "[inbox]\nanswer_housekeeping = [\"titles\", \"permissions\"]",
            "2: inbox.answer_housekeeping: \"permissions\" is not answered by the program: what can be is \"titles\", \"probes\", \"commit_messages\"",
        ),
        (
            "[tui]\ntheme = \"purple\"",
            "2: tui.theme: there is no theme with this name; there are auto, dark, light, none",
        ),
        (
            "[tui]\ntheme = \"purpel\"\n[theme.purple]\nprompt = 93",
            "2: tui.theme: there is no theme with this name; did you mean `purple`?",
        ),
        (
            "[theme.dark]\nprompt = \"red\"",
            "1: theme.dark: there is a built-in theme with this name; choose another",
        ),
        (
            "[theme.mine]\nbase = \"light\"\npromt = \"red\"",
            "3: theme.mine.promt: nothing is named `promt`; did you mean `prompt`?",
        ),
        (
            "[theme.mine]\nprompt = \"rde\"",
            "2: theme.mine.prompt: `rde` is no colour; write a name such as \"red\" or \"lightblue\", a number up to 255, or \"#rrggbb\"",
        ),
        (
            "[theme.mine]\nprompt = 256",
            "2: theme.mine.prompt: `256` is no colour; write a name such as \"red\" or \"lightblue\", a number up to 255, or \"#rrggbb\"",
        ),
        (
            "[theme.mine]\nprompt = true",
            "2: theme.mine.prompt: expected a colour such as \"red\", 208 or \"#ff8700\", not boolean `true`",
        ),
        (
            "[theme.mine]\nbase = \"lite\"",
            "2: theme.mine.base: `lite` is not a theme to start from; write auto, dark, light or none",
        ),
        (
            "[tui]\nmouse = 1",
            "2: tui.mouse: expected true or false, not integer `1`",
        ),
        (
            "[snippets]\nbye = 3",
            "2: snippets.bye: expected text in quotes, not integer `3`",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = \"hold\"\n\n[[rule]]\nname = \"b\"\nargumnet = \"x\"",
            "7: rule.argumnet: unknown key; did you mean `argument`?",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = \"hold\"\n\n[[rule]]\nname = \"a\"\naction = \"hold\"",
            "6: rule.name: there is a rule `a` before this one; choose another name",
        ),
        (
            "models = [\"m\"]\n[[rule]]\nname = \"a\"",
            "2: rule.action: every rule needs an action: \"hold\", \"send\", { reject = \"WORDS\" }, { answer = \"TEXT\" } or { draft = \"MODEL\" }",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = \"reject\"",
            "3: rule.action: expected \"hold\", \"send\", { reject = \"WORDS\" }, { answer = \"TEXT\" } or { draft = \"MODEL\" }, not string \"reject\"",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = { rejct = \"no\" }",
            "3: rule.action: expected \"hold\", \"send\", { reject = \"WORDS\" }, { answer = \"TEXT\" } or { draft = \"MODEL\" }, not a table",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = { reject = 3 }",
            "3: rule.action.reject: expected text in quotes, not integer `3`",
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"call\"\naction = \"hold\"",
            "3: rule.kind: expected \"message\", \"command\", \"tool\", \"think\", or a list of them, not string \"call\"",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = \"send\"",
            "3: rule.action: this rule is asked about a request, for which nothing is drafted yet; `send` needs a condition on the draft: kind, tool, argument or text",
        ),
        (
            "[[rule]]\nname = \"a\"\ntool = \"shell\"\nargument = 'rm ('\naction = \"hold\"",
            "4: rule.argument: this is no regular expression: unclosed group",
        ),
        (
            "[[rule]]\nname = \"a\"\ntext = 'a{1000}{1000}'\naction = \"hold\"",
            "3: rule.text: the expression stands for too much; make its repetitions smaller",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = \"hold\"\ntimeout_seconds = -1",
            "4: rule.timeout_seconds: expected a whole number from 0 up, not integer `-1`",
        ),
        (
            "[rule]\nname = \"a\"",
            "1: rule: write [[rule]], with two brackets: there may be several",
        ),
        (
            "[keys]\nsubmit = \"Enter\"\nfold = \"Ctrl+Q\"",
            "3: keys.fold: `Ctrl+Q` is bound to both `quit` and `fold`; give one of them another key",
        ),
        (
            "[keys]\nfold = 3",
            "2: keys.fold: expected a key such as \"Ctrl+G\", or a list of keys, not integer `3`",
        ),
        (
            "[keys]\nsumbit = \"F9\"",
            "2: keys.sumbit: there is no action `sumbit`; did you mean `submit`?",
        ),
    ] {
        assert_eq!(complaint(config), message, "{config}");
    }
    let broken = complaint("models = [\"a\"\nlisten = 3");
    assert!(broken.contains(": this is not valid TOML: "), "{broken}");
}

#[test]
fn a_wrong_override_is_named() {
    let home = TestHome::new("");
    for (name, value, message) in [
        (
            "HUMANLLM_LISTEN",
            "here",
            "HUMANLLM_LISTEN: `here` is not an address; ",
        ),
        (
            "HUMANLLM_API_KEY",
            "",
            "HUMANLLM_API_KEY: the key is empty; ",
        ),
        (
            "HUMANLLM_API_KEY",
            "a b",
            "HUMANLLM_API_KEY: the key may hold only ASCII ",
        ),
    ] {
        let environment = home.environment().with(name, value);
        let error = load(&Flags::default(), &environment).expect_err(name);
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn only_loopback_needs_no_key() {
    let home = TestHome::new("");
    for address in [
        "127.0.0.1:3000",
        "127.9.9.9:0",
        "[::1]:3000",
        "LOCALHOST:80",
    ] {
        let environment = home.environment().with("HUMANLLM_LISTEN", address);
        assert!(load(&Flags::default(), &environment).is_ok(), "{address}");
    }
    for address in ["0.0.0.0:3000", "[::]:3000", "192.168.1.2:3000"] {
        let environment = home.environment().with("HUMANLLM_LISTEN", address);
        let error = load(&Flags::default(), &environment).expect_err(address);
        assert!(
            error.to_string().contains("set HUMANLLM_API_KEY"),
            "{error}"
        );
        let environment = environment.with("HUMANLLM_API_KEY", "secret");
        assert!(load(&Flags::default(), &environment).is_ok(), "{address}");
    }
}

#[test]
fn the_key_is_never_shown() {
    let config = TestHome::new("api_key = \"hunter2\"")
        .load()
        .expect("valid");
    assert!(!format!("{config:?}").contains("hunter2"));
}

/// A model at a base URL, with more lines.
fn model(base_url: &str, lines: &str) -> String {
    format!("[[model]]\nname = \"qwen\"\nbase_url = \"{base_url}\"\n{lines}\n")
}

#[test]
fn a_model_needs_little_and_takes_much() {
    let little = TestHome::new(&model("http://127.0.0.1:8080", "")).load();
    let little = little.expect("valid").upstreams.remove(0);
    assert_eq!(
        (little.name.as_str(), little.model.as_str()),
        ("qwen", "qwen")
    );
    assert_eq!(little.url.to_string(), "http://127.0.0.1:8080/v1");
    assert_eq!(little.format, Format::Chat);
    assert_eq!(little.timeouts, Timeouts::default());
    assert!(little.prefill && !little.images && !little.thoughts);

    let lines = "format = \"messages\"\nmodel = \"org/q\"\nmax_tokens = 100\nimages = true\n\
                 thoughts = true\nprefill = false\nheaders = { X-Title = \"me\" }\n\
                 api_key_env = \"Q_KEY\"\nconnect_seconds = 1\nfirst_token_seconds = 0\n\
                 idle_seconds = 3\nparameters = { temperature = 0.5, stop = [\"x\"] }";
    let home = TestHome::new(&model("https://example.org", lines));
    let environment = home.environment().with("Q_KEY", "hunter2hunter2\n");
    let much = load(&Flags::default(), &environment).expect("valid");
    let much = &much.upstreams[0];
    assert_eq!(much.headers["x-api-key"], "hunter2hunter2");
    assert_eq!(much.headers["x-title"], "me");
    assert_eq!((much.max_tokens, much.model.as_str()), (Some(100), "org/q"));
    assert!(!much.prefill && much.images && much.thoughts);
    assert_eq!(much.timeouts.connect.as_secs(), 1);
    assert_eq!(much.timeouts.first_token, None);
    assert_eq!(much.timeouts.idle.map(|idle| idle.as_secs()), Some(3));
    let parameters = serde_json::json!({"temperature": 0.5, "stop": ["x"]});
    assert_eq!(serde_json::Value::from(much.parameters.clone()), parameters);
    let shown = format!("{much:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("\"me\""),
        "{shown}"
    );
}

#[test]
fn a_key_that_is_not_set_keeps_nobody_from_starting() {
    let home = TestHome::new(&model("https://example.org", "api_key_env = \"Q_KEY\""));
    let config = home.load().expect("valid");
    let key = config.upstreams[0].key.clone().expect("a variable");
    assert_eq!((key.name.as_str(), key.is_set), ("Q_KEY", false));
}

#[test]
fn a_key_in_the_place_of_its_variable_is_refused_and_not_shown() {
    for wrong in [
        "\"hunter2\"",
        "\"sk-HUNTER2\"",
        "\"\"",
        "12345678",
        "[\"hunter2\"]",
    ] {
        let message = complaint(&model(
            "https://a.example",
            &format!("api_key_env = {wrong}"),
        ));
        assert!(message.starts_with("4: model.api_key_env: "), "{message}");
        for secret in ["hunter2", "HUNTER2", "12345678"] {
            assert!(!message.contains(secret), "{message}");
        }
    }
    let message = complaint(&model("https://a.example", "api_key = \"hunter2\""));
    assert_eq!(
        message,
        "4: model.api_key: unknown key; did you mean `api_key_env`?"
    );
    let message = complaint(&model(
        "https://a.example",
        "headers.Authorization = 12345678",
    ));
    assert_eq!(
        message,
        "4: model.headers.Authorization: expected text in quotes"
    );
    let message = complaint(&model(
        "https://a.example",
        "headers.X-Key = \"hunter2\\n\"",
    ));
    assert!(
        message.contains("\"X-Key\" cannot stand in a header"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
    let message = complaint(&model("https://me:hunter2@a.example", ""));
    assert!(
        message.starts_with("3: model.base_url: a name or a password"),
        "{message}"
    );
}

#[test]
fn a_key_leaves_ones_own_network_encrypted_only() {
    for (base_url, lines) in [
        ("http://a.example:8080", "api_key_env = \"Q_KEY\""),
        ("http://8.8.8.8", "headers.Authorization = \"Bearer x\""),
        ("http://a.example", "headers.X-Goog-Api-Key = \"x\""),
    ] {
        let message = complaint(&model(base_url, lines));
        assert!(
            message.starts_with("3: model.base_url: the key would travel to "),
            "{message}"
        );
        assert!(message.contains("write https://"), "{message}");
    }
    for (base_url, lines) in [
        ("https://a.example", "api_key_env = \"Q_KEY\""),
        ("http://192.168.1.2", "api_key_env = \"Q_KEY\""),
        (
            "http://gpu-box:8000",
            "headers.Authorization = \"Bearer x\"",
        ),
        ("http://a.example", "headers.X-Title = \"x\""),
    ] {
        TestHome::new(&model(base_url, lines))
            .load()
            .expect(base_url);
    }
}

#[test]
fn humanllm_does_not_draft_for_itself() {
    for url in [
        "http://127.0.0.1:3000",
        "http://LOCALHOST:3000/v1",
        "http://[::1]:3000",
    ] {
        let message = complaint(&model(url, ""));
        assert!(
            message.starts_with("3: model.base_url: this is where humanllm itself listens"),
            "{message}"
        );
    }
    let other = format!(
        "listen = \"127.0.0.1:4000\"\n{}",
        model("http://127.0.0.1:3000", "")
    );
    TestHome::new(&other).load().expect("another humanllm");
}

#[test]
fn new_models_need_no_restart() {
    let one = TestHome::new("state_dir = \"/s\"").load().expect("valid");
    let config = format!("state_dir = \"/s\"\n{}", model("http://a", ""));
    let other = TestHome::new(&config).load().expect("valid");
    assert_ne!(one, other);
    assert_eq!(one.restarts_for(&other), [""; 0]);
}

#[test]
fn the_rules_of_the_example_are_rules() {
    let text = include_str!("../../config.example.toml");
    let (_, section) = text.split_once("\n# [[rule]]\n").expect("a rule");
    let (section, _) = section.split_once("\n\n").expect("an end");
    let lines = section.lines().map(|line| line.trim_start_matches('#'));
    let rules = format!("[[rule]]\n{}", lines.collect::<Vec<_>>().join("\n"));
    let config = TestHome::new(&rules).load().expect(&rules);
    let names: Vec<&str> = config.rules.names().collect();
    assert_eq!(names, ["no rm", "looking is free", "titles", "lunch"]);
    // And every key is explained above them.
    let keys = TestHome::new("[[rule]]\nno_such_key = 1").load();
    let Err(ConfigError::File {
        problem: ValueProblem::UnknownKey { known, .. },
        ..
    }) = keys
    else {
        panic!("{keys:?}");
    };
    for key in known.iter().filter(|key| *key != "name") {
        let told = [
            format!("\n#   {key} "),
            format!("\n#   {key}, "),
            format!(", {key} "),
        ];
        assert!(told.iter().any(|told| text.contains(told)), "{key}");
    }
}
