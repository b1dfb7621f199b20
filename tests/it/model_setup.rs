//! `setup model`, with servers that follow a script where models usually run.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::support::upstream::{CERTIFICATE, call, say};
use crate::support::{Sandbox, Script, TestServer, Upstream, free_address};
use humanllm::config::{self, Config, Flags};
use humanllm::environment::Environment;
use humanllm::setup::model::{ModelError, ModelSetupOptions, UsualPort as Port, run};
use serde_json::json;
use tempfile::TempDir;

/// A home folder, and ports in the place of the usual ones.
struct Scene {
    home: TempDir,
    ports: Vec<Port>,
    flags: Flags,
}

impl Scene {
    fn new(servers: &[(&Upstream, &'static str)]) -> Self {
        // One at which nobody answers is always among them.
        let nobody = (free_address().port(), "Nobody");
        let servers = servers
            .iter()
            .map(|(server, program)| (server.address.port(), *program));
        Self {
            home: tempfile::tempdir().expect("a folder"),
            ports: servers
                .chain([nobody])
                .map(|(port, program)| Port { port, program })
                .collect(),
            flags: Flags::default(),
        }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".config/humanllm/config.toml")
    }

    fn write(&self, text: &str) {
        fs::create_dir_all(self.file().parent().expect("a folder")).expect("made");
        fs::write(self.file(), text).expect("written");
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("the configuration")
    }

    fn environment(&self) -> Environment {
        Environment::with_home(self.home.path())
    }

    fn config(&self) -> Config {
        config::load(&self.flags, &self.environment()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is told, and what goes wrong.
    fn run(&self, options: &ModelSetupOptions) -> (String, Result<(), ModelError>) {
        let mut told = String::new();
        let (config, environment) = (self.config(), self.environment());
        let done = run(
            options,
            &self.ports,
            &self.flags,
            &config,
            &environment,
            &mut told,
        );
        (told, done)
    }

    #[track_caller]
    fn sets_up(&self, options: &ModelSetupOptions) -> String {
        let (told, done) = self.run(options);
        done.unwrap_or_else(|error| panic!("{error}\n{told}"));
        told
    }

    #[track_caller]
    fn refuses(&self, options: &ModelSetupOptions) -> (String, String) {
        let (told, done) = self.run(options);
        let Err(error) = done else {
            panic!("{told}");
        };
        assert!(!error.to_string().contains('\n'), "one line: {error}");
        (told, error.to_string())
    }
}

fn named(name: &str) -> ModelSetupOptions {
    ModelSetupOptions {
        name: Some(name.into()),
        ..ModelSetupOptions::default()
    }
}

fn at(upstream: &Upstream) -> ModelSetupOptions {
    ModelSetupOptions {
        url: Some(upstream.url()),
        ..ModelSetupOptions::default()
    }
}

#[test]
fn the_one_model_that_runs_is_written_and_a_second_time_changes_nothing() {
    let llama = Upstream::start();
    // A model that only makes numbers is not meant.
    llama.offers(
        &["Qwen/Qwen3-Coder.gguf", "text-embedding-nomic"],
        "llamacpp",
    );
    let scene = Scene::new(&[(&llama, "a server")]);
    let told = scene.sets_up(&ModelSetupOptions::default());
    let url = llama.url();
    assert!(
        told.contains(&format!("found llama.cpp at {url}: Qwen/Qwen3-Coder.gguf")),
        "{told}"
    );
    assert!(
        told.contains(&format!("wrote {}", scene.file().display())),
        "{told}"
    );
    assert!(
        told.ends_with("\n    humanllm setup model --check qwen3-coder\n"),
        "{told}"
    );
    let table = format!(
        "[[model]]\nname = \"qwen3-coder\"\nbase_url = \"{url}\"\nmodel = \"Qwen/Qwen3-Coder.gguf\"\n"
    );
    let text = scene.text();
    assert!(text.starts_with("# humanllm configuration"), "{text}");
    assert!(text.ends_with(&format!("\n\n{table}")), "{text}");
    let upstream = scene.config().upstreams.remove(0);
    assert_eq!(upstream.model, "Qwen/Qwen3-Coder.gguf");

    for options in [
        ModelSetupOptions::default(),
        at(&llama),
        named("qwen3-coder"),
    ] {
        let told = scene.sets_up(&options);
        assert!(
            told.contains("unchanged: the model qwen3-coder is set up already"),
            "{told}"
        );
        assert_eq!(scene.text(), text);
    }
}

#[test]
fn what_stands_in_the_file_is_kept_and_so_is_the_file_as_it_was() {
    let server = Upstream::start();
    let scene = Scene::new(&[]);
    let theirs = "# mine\n[tui]\nbell = false # no noise\n";
    scene.write(theirs);
    let told = scene.sets_up(&at(&server));
    let backup = scene.file().with_file_name("config.toml.bak");
    assert!(
        told.contains(&format!("as it was: {}", backup.display())),
        "{told}"
    );
    assert_eq!(fs::read_to_string(backup).expect("kept"), theirs);
    assert!(scene.text().starts_with(theirs));
    assert!(!scene.config().tui.bell);

    // A table that is there gets what is said, and keeps the rest.
    let other = Upstream::start();
    scene.write(&(scene.text() + "images = true # it sees\n"));
    let options = ModelSetupOptions {
        name: Some("scripted".into()),
        format: Some(humanllm::api::Format::Messages),
        ..at(&other)
    };
    scene.sets_up(&options);
    let config = scene.config();
    assert_eq!(config.upstreams.len(), 1);
    assert!(config.upstreams[0].images);
    assert_eq!(config.upstreams[0].url.port(), other.address.port());
    assert!(
        scene.text().contains("format = \"messages\"\n"),
        "{}",
        scene.text()
    );
    let options = ModelSetupOptions {
        model: Some("later".into()),
        ..named("scripted")
    };
    scene.sets_up(&options);
    assert_eq!(scene.config().upstreams[0].model, "later");
    assert_eq!(scene.config().upstreams[0].url.port(), other.address.port());
}

#[test]
fn printing_writes_nothing() {
    let server = Upstream::start();
    let scene = Scene::new(&[(&server, "vLLM")]);
    let options = ModelSetupOptions {
        print: true,
        ..ModelSetupOptions::default()
    };
    let told = scene.sets_up(&options);
    assert!(
        told.contains(&format!("found vLLM at {}: scripted", server.url())),
        "{told}"
    );
    assert!(told.contains("[[model]]\nname = \"scripted\"\n"), "{told}");
    assert!(!scene.file().exists());
}

#[test]
fn of_several_one_is_chosen_by_a_command_that_is_shown() {
    let (ollama, studio) = (Upstream::start(), Upstream::start());
    ollama.offers(&["llama3", "mistral"], "library");
    studio.offers(&["phi 4"], "organization_owner");
    let scene = Scene::new(&[(&ollama, "x"), (&studio, "y")]);
    let (told, error) = scene.refuses(&ModelSetupOptions::default());
    assert!(
        error.contains("choose one with --url and --model"),
        "{error}"
    );
    assert!(
        told.contains(&format!(
            "found Ollama at {}: llama3, mistral\n",
            ollama.url()
        )),
        "{told}"
    );
    assert!(told.contains("found LM Studio at "), "{told}");
    let command = format!(
        "    humanllm setup model --url {} --model 'phi 4'\n",
        studio.url()
    );
    assert!(told.contains(&command), "no {command} in\n{told}");
    assert!(!scene.file().exists());

    // As it says.
    let options = ModelSetupOptions {
        model: Some("phi 4".into()),
        ..at(&studio)
    };
    scene.sets_up(&options);
    assert_eq!(scene.config().upstreams[0].name, "phi-4");
    // By the name of the model alone, where one server has it.
    let options = ModelSetupOptions {
        model: Some("mistral".into()),
        ..named("small")
    };
    scene.sets_up(&options);
    let config = scene.config();
    let names: Vec<&str> = config
        .upstreams
        .iter()
        .map(|known| known.name.as_str())
        .collect();
    assert_eq!(names, ["phi-4", "small"]);
    let options = ModelSetupOptions {
        model: Some("gpt".into()),
        ..ModelSetupOptions::default()
    };
    let (_, error) = scene.refuses(&options);
    assert!(
        error.contains("no server on the usual ports has the model gpt"),
        "{error}"
    );
}

#[test]
fn two_models_of_one_name_get_two_names() {
    let (one, other) = (Upstream::start(), Upstream::start());
    let scene = Scene::new(&[]);
    scene.sets_up(&at(&one));
    scene.sets_up(&at(&other));
    let config = scene.config();
    let names: Vec<&str> = config
        .upstreams
        .iter()
        .map(|known| known.name.as_str())
        .collect();
    assert_eq!(names, ["scripted", "scripted-2"]);
}

#[test]
fn humanllm_itself_is_not_offered_and_another_one_only_by_name() {
    let server = TestServer::start();
    let port = Port {
        port: server.address.port(),
        program: "LiteLLM",
    };
    let mut scene = Scene::new(&[]);
    scene.ports.push(port);
    scene.flags.listen = Some(server.address.to_string());
    let (told, error) = scene.refuses(&ModelSetupOptions::default());
    assert_eq!(told, "");
    assert!(
        error.contains("no model runs on the usual ports"),
        "{error}"
    );
    assert!(error.contains("Nobody "), "{error}");

    // Of another humanllm, somebody has to say so.
    scene.flags.listen = None;
    let (told, _) = scene.refuses(&ModelSetupOptions::default());
    let url = format!("http://{}", server.address);
    assert!(
        told.contains(&format!(
            "found another humanllm at {url}: human, org/human\n"
        )),
        "{told}"
    );
    let options = ModelSetupOptions {
        url: Some(url),
        model: Some("human".into()),
        ..ModelSetupOptions::default()
    };
    scene.sets_up(&options);
    assert_eq!(scene.config().upstreams[0].name, "human");
}

#[test]
fn a_server_that_wants_a_key_is_told_of_and_gets_the_one_of_its_variable() {
    let server =
        TestServer::with_settings(10, |settings| settings.api_key = Some(b"hunter2".to_vec()));
    let port = Port {
        port: server.address.port(),
        program: "LiteLLM",
    };
    let mut scene = Scene::new(&[]);
    scene.ports.push(port);
    let (told, _) = scene.refuses(&ModelSetupOptions::default());
    assert!(
        told.contains("LiteLLM at ") && told.contains("it wants a key"),
        "{told}"
    );
    let options = ModelSetupOptions {
        url: Some(format!("http://{}", server.address)),
        api_key_env: Some("Q_KEY".into()),
        ..ModelSetupOptions::default()
    };
    // It is not set.
    let (_, error) = scene.refuses(&options);
    assert!(error.contains("401"), "{error}");
    assert!(error.contains("set Q_KEY"), "{error}");
    let mut told = String::new();
    let environment = scene.environment().with("Q_KEY", "hunter2");
    let options = ModelSetupOptions {
        model: Some("human".into()),
        ..options
    };
    let config = scene.config();
    run(
        &options,
        &scene.ports,
        &scene.flags,
        &config,
        &environment,
        &mut told,
    )
    .expect("a model");
    assert!(
        scene.text().contains("api_key_env = \"Q_KEY\"\n"),
        "{}",
        scene.text()
    );
    assert!(!scene.text().contains("hunter2") && !told.contains("hunter2"));
}

#[test]
fn what_would_make_the_file_wrong_is_not_written() {
    let scene = Scene::new(&[]);
    scene.write("# mine\n");
    let public = |url: &str| ModelSetupOptions {
        url: Some(url.into()),
        model: Some("m".into()),
        api_key_env: Some("Q_KEY".into()),
        ..ModelSetupOptions::default()
    };
    // Nobody is asked: the name leads nowhere.
    let (_, error) = scene.refuses(&public("http://model.invalid"));
    assert!(
        error.contains("the key would travel to model.invalid"),
        "{error}"
    );
    for (options, expected) in [
        (
            public("127.0.0.1:8080"),
            "--url: \"127.0.0.1:8080\" is not a base URL",
        ),
        (
            ModelSetupOptions {
                api_key_env: Some("sk-hunter2".into()),
                ..public("https://model.invalid")
            },
            "--api-key-env: this is the name of the environment variable",
        ),
        (
            named("two words"),
            "NAME: \"two words\" is not a model name",
        ),
    ] {
        let (_, error) = scene.refuses(&options);
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert_eq!(scene.text(), "# mine\n");
}

#[test]
fn a_server_that_does_not_run_yet_is_set_up_all_the_same() {
    let scene = Scene::new(&[]);
    let url = format!("http://{}", free_address());
    let options = ModelSetupOptions {
        url: Some(url.clone()),
        ..named("qwen")
    };
    let (_, error) = scene.refuses(&options);
    assert!(error.contains("nothing answers at"), "{error}");
    assert!(
        error.contains("say which model it has with --model"),
        "{error}"
    );
    let options = ModelSetupOptions {
        model: Some("q".into()),
        ..options
    };
    let told = scene.sets_up(&options);
    assert!(
        told.contains(&format!("qwen: nothing answers at {url}/v1")),
        "{told}"
    );
    assert_eq!(scene.config().upstreams[0].model, "q");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The program with a configuration.
fn checked(config: &str, line: &str, environment: &[(&str, &str)]) -> Output {
    let place = Sandbox::new();
    fs::create_dir_all(place.path("home/.config/humanllm")).expect("a folder");
    fs::write(place.path("home/.config/humanllm/config.toml"), config).expect("written");
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = place.command(&arguments);
    command
        .envs(environment.iter().copied())
        .output()
        .expect("started")
}

/// What a check says of each step: its word, and the rest of its line.
#[track_caller]
fn steps(output: &Output, code: i32, words: &[&str]) -> Vec<String> {
    let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{shown}");
    let shown = text(&output.stdout);
    let lines = shown.lines().take_while(|line| !line.is_empty());
    let (found, told): (Vec<String>, Vec<String>) = lines
        .map(|line| {
            let (word, words) = line[9..].split_once(' ').expect("words");
            (word.to_owned(), words.trim().to_owned())
        })
        .unzip();
    assert_eq!(found, words, "{shown}");
    told
}

fn model(upstream: &Upstream, lines: &str) -> String {
    let url = upstream.url();
    format!("[[model]]\nname = \"qwen\"\nmodel = \"scripted\"\nbase_url = \"{url}\"\n{lines}")
}

#[test]
fn a_check_asks_once_and_tells_what_was_seen() {
    let upstream = Upstream::start();
    upstream.says(&[say("It is "), call("get_weather", json!({"city": "Paris"}))]);
    let output = checked(&model(&upstream, ""), "setup model --check", &[]);
    let told = steps(&output, 0, &["ok", "ok", "ok", "ok", "ok"]);
    let url = upstream.url();
    assert_eq!(
        told[0],
        format!("qwen: the model scripted at {url}/v1, by chat")
    );
    assert_eq!(told[1], format!("{url}/v1 answers, and has scripted"));
    assert!(told[2].ends_with("bytes to /chat/completions"), "{told:?}");
    assert!(told[3].starts_with("the first word after "), "{told:?}");
    assert!(told[3].contains(", 20 tokens: \"It is\""), "{told:?}");
    assert!(told[4].starts_with("get_weather {"), "{told:?}");
    assert!(told[4].contains("Paris"), "{told:?}");
    assert!(
        text(&output.stdout)
            .ends_with("qwen can draft. No agent was asked, and nothing was kept.\n")
    );
    let seen = upstream.request();
    assert_eq!(seen.body["tools"][0]["function"]["name"], "get_weather");
    assert_eq!(upstream.requests(), 1);

    // Words alone are no failure, and are told.
    upstream.says(&[say("Sunny.")]);
    let output = checked(&model(&upstream, ""), "setup model qwen --check", &[]);
    let told = steps(&output, 0, &["ok", "ok", "ok", "ok", "-"]);
    assert!(told[3].ends_with(": \"Sunny.\""), "{told:?}");
    assert!(
        told[4].contains("agents need models that call tools"),
        "{told:?}"
    );
}

#[test]
fn a_check_says_what_failed_first() {
    let upstream = Upstream::start();
    let check = |config: &str, code: i32, words: &[&str]| {
        steps(&checked(config, "setup model --check", &[]), code, words)
    };
    let told = check("", 5, &["FAILED", "-", "-", "-"]);
    assert!(told[0].contains("run `humanllm setup model`"), "{told:?}");
    let output = checked(&model(&upstream, ""), "setup model --check other", &[]);
    let told = steps(&output, 5, &["FAILED", "-", "-", "-"]);
    assert!(
        told[0].contains("there is no [[model]] other; there are qwen"),
        "{told:?}"
    );
    let no_key = model(&upstream, "api_key_env = \"NO_KEY\"");
    let told = check(&no_key, 5, &["FAILED", "ok", "-", "-"]);
    assert!(told[0].contains("NO_KEY is not set"), "{told:?}");

    let nobody =
        model(&upstream, "").replace(&upstream.url(), &format!("http://{}", free_address()));
    let told = check(&nobody, 3, &["ok", "FAILED", "-", "-"]);
    assert!(told[1].contains("nothing answers at"), "{told:?}");

    upstream.plays(Script::error(400, "scripted does not support tools"));
    let told = check(&model(&upstream, ""), 6, &["ok", "ok", "FAILED", "-"]);
    assert!(
        told[2].contains("choose a model that takes tools"),
        "{told:?}"
    );
    upstream.plays(Script::stream().words("One ").hang_up());
    let told = check(&model(&upstream, ""), 7, &["ok", "ok", "ok", "FAILED"]);
    assert!(told[3].contains("ended in the middle"), "{told:?}");
}

#[test]
fn a_check_takes_no_flags_of_a_set_up() {
    let upstream = Upstream::start();
    for line in [
        "setup model --check --print",
        "setup model --check --url http://a",
    ] {
        let output = checked(&model(&upstream, ""), line, &[]);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(
            text(&output.stderr).contains("--check takes the name of a model"),
            "{line}"
        );
    }
    assert_eq!(upstream.requests(), 0);
}

#[test]
fn an_encrypted_server_is_asked_if_the_system_trusts_it() {
    let upstream = Upstream::start_secure();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("certificates.pem");
    let lines = base64(CERTIFICATE);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n");
    fs::write(&file, pem).expect("written");
    let trusts = [("SSL_CERT_FILE", file.to_str().expect("a path"))];
    upstream.says(&[say("Sunny.")]);
    let output = checked(&model(&upstream, ""), "setup model --check", &trusts);
    let told = steps(&output, 0, &["ok", "ok", "ok", "ok", "-"]);
    assert!(told[1].starts_with("https://localhost:"), "{told:?}");
    let output = checked(&model(&upstream, ""), "setup model --check", &[]);
    let told = steps(&output, 3, &["ok", "FAILED", "-", "-"]);
    assert!(
        told[1].contains("is not of an authority that this system trusts"),
        "{told:?}"
    );
}

/// Bytes in the letters of a certificate's file.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).expect("ASCII"))
        .collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_program_sets_a_model_up_by_its_flags() {
    let upstream = Upstream::start();
    let place = Sandbox::new();
    let url = upstream.url();
    let run = |arguments: &[&str]| place.command(arguments).output().expect("started");
    let output = run(&[
        "setup", "model", "--url", &url, "--format", "messages", "qwen",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("    humanllm setup model --check qwen\n"));
    let file = place.path("home/.config/humanllm/config.toml");
    let written = fs::read_to_string(file).expect("written");
    assert!(written.contains("name = \"qwen\"\n") && written.contains("format = \"messages\"\n"));
    upstream.offers(&["a", "b"], "x");
    let output = run(&["setup", "model", "--url", &url]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains(&format!("--url {url} --model b\n")));
    assert!(text(&output.stderr).contains("choose one with --url and --model"));
}
