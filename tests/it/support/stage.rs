//! A person, and a client's script that asks them.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{Builder, Client, Key, Person, Pty, Run, Tap, free_address, poll};

/// The key that the server wants on a stage.
pub const KEY: &str = "sk-a-key-for-the-scenes-of-the-tests";

/// What an environment variable names for the tests. Says so when it names nothing, once and past
/// the test runner's capture.
pub fn given(variable: &'static str, what: &str) -> Option<PathBuf> {
    static SAID: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() && SAID.lock().unwrap().insert(variable) {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {variable} does not name {what}"
        );
    }
    path
}

/// The Python that has the SDKs, or nothing.
pub fn python() -> Option<PathBuf> {
    given(
        "HUMANLLM_TEST_PYTHON",
        "a Python with openai, anthropic and openai-agents",
    )
}

/// The `node_modules` that the clients in JavaScript are in, or nothing.
pub fn node_modules() -> Option<PathBuf> {
    given(
        "HUMANLLM_TEST_NODE_MODULES",
        "a node_modules with ai, @ai-sdk/openai and @earendil-works/pi-coding-agent",
    )
}

/// The Python that has litellm, or nothing.
pub fn litellm() -> Option<PathBuf> {
    given(
        "HUMANLLM_TEST_LITELLM",
        "a Python with litellm and what its proxy needs",
    )
}

/// What litellm's proxy is started with.
const PROXY: &str = "import litellm; litellm.run_server()";

/// A person behind a key, and the wire to them. The heart beats every second.
pub struct Stage {
    pub person: Person,
    pub wire: Tap,
}

impl Stage {
    pub fn new() -> Self {
        Self::of(Person::builder())
    }

    /// A stage for a person who is started like this.
    pub fn of(person: Builder) -> Self {
        Self::with(person, "[server]\nheartbeat_seconds = 1\n")
    }

    /// The same with a configuration file.
    pub fn with(person: Builder, config: &str) -> Self {
        let person = person.config(config).env("HUMANLLM_API_KEY", KEY).start();
        let wire = Tap::new(person.place().address);
        Self { person, wire }
    }

    /// Where the server is, with the path under which a client looks for its routes.
    pub fn url(&self, base: &str) -> String {
        format!("http://{}{base}", self.wire.address)
    }

    /// A program that sees nothing of the machine but its PATH, and looks nowhere else by itself.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.person.place().environment())
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("OPENAI_AGENTS_DISABLE_TRACING", "1");
        command
    }

    /// A program that finds its model at `url` as the README has it.
    fn asking(&self, program: &Path, url: &str) -> Command {
        let mut command = self.program(program);
        for vendor in ["OPENAI", "ANTHROPIC"] {
            command
                .env(format!("{vendor}_BASE_URL"), url)
                .env(format!("{vendor}_API_KEY"), KEY);
        }
        command
    }

    /// A scene of a script in `tests/it/clients`, which asks at `url`.
    pub fn python(&self, python: &Path, script: &str, scene: &str, url: &str) -> Command {
        let mut command = self.asking(python, url);
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(scripts().join(script))
            .arg(scene);
        command
    }

    /// The proxy of litellm in front of the server, with the address where it listens. It knows one
    /// model, `human`, and has the server's key for its own.
    pub fn proxy(&self, python: &Path) -> (Run, SocketAddr) {
        let model = json!({"model": "openai/human", "api_base": self.url("/v1"), "api_key": KEY});
        self.proxy_of(python, "human", &model)
    }

    /// The same in front of any model, in litellm's own words.
    pub fn proxy_of(&self, python: &Path, name: &str, model: &Value) -> (Run, SocketAddr) {
        let config = self.person.place().path("litellm.yaml");
        let models = json!({"model_list": [{"model_name": name, "litellm_params": model}]});
        std::fs::write(&config, models.to_string()).expect("a configuration file");
        let address = free_address();
        let mut command = self.program(python);
        command
            .env("LITELLM_MASTER_KEY", KEY)
            .args(["-c", PROXY, "--telemetry", "False", "--host", "127.0.0.1"])
            .args(["--port", &address.port().to_string()])
            .arg("--config")
            .arg(&config);
        let proxy = Run::spawn(command);
        let client = Client::new(address);
        poll(
            "the proxy",
            || client.answers("/health/liveliness").then_some(()),
            || format!("{}\n{}", proxy.stdout(), proxy.stderr()),
        );
        (proxy, address)
    }

    /// A scene of a script in `tests/it/clients`, with these modules beside it.
    pub fn node(&self, modules: &Path, script: &str, scene: &str, url: &str) -> Command {
        let folder = self.person.place().path("node");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::os::unix::fs::symlink(modules, folder.join("node_modules")).expect("a link");
        std::fs::copy(scripts().join(script), folder.join(script)).expect("a script");
        let mut command = self.asking(Path::new("node"), url);
        command.arg(folder.join(script)).arg(scene);
        command
    }

    /// Starts a client.
    pub fn play(self, client: Command) -> Play {
        Play {
            person: self.person,
            wire: self.wire,
            client: Run::spawn(client),
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients")
}

/// A client at work, and the person whom it asks. A scene that fails shows both of them.
pub struct Play<C: Shown = Run> {
    pub person: Person,
    pub wire: Tap,
    pub client: C,
}

/// A client of which there is something to see.
pub trait Shown {
    /// What it shows at the moment.
    fn shown(&self) -> String;
}

impl Shown for Run {
    fn shown(&self) -> String {
        format!("{}\n{}", self.stdout(), self.stderr())
    }
}

impl Shown for Pty {
    fn shown(&self) -> String {
        self.screen()
    }
}

impl<C: Shown> Drop for Play<C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (person, client) = (self.person.screen(), self.client.shown());
            eprintln!("--- the person\n{person}\n--- the client\n{client}\n---");
        }
    }
}

impl<C: Shown> Play<C> {
    /// Waits for a request and answers it.
    pub fn answer(&mut self, prompt: &str, answer: &str) {
        self.person.wait_request(prompt);
        self.person.choose("Send");
        self.person.reply(answer);
    }

    /// Waits for a request and rejects it.
    pub fn reject(&mut self, prompt: &str, reason: &str) {
        self.person.wait_request(prompt);
        self.person.choose("Reject");
        self.person.reply(reason);
    }

    /// Waits for a request and has a command run.
    pub fn run(&mut self, prompt: &str, command: &str) {
        self.person.wait_request(prompt);
        self.person.choose("Run command");
        self.person.reply(command);
    }

    /// Waits for a request, has a command run, and answers when its output is here.
    pub fn run_and_answer(&mut self, prompt: &str, command: &str, output: &str, answer: &str) {
        self.run(prompt, command);
        self.answer(output, answer);
    }

    /// Waits for a request and calls a tool, with these fields of its form in their order.
    pub fn call(&mut self, prompt: &str, tool: &str, fields: &[(&str, &str)]) {
        self.person.wait_request(prompt);
        self.person.call_tool(tool, tool);
        for (field, value) in fields {
            let row = format!("› {field}");
            self.person.wait_for(&row);
            self.person.type_text(value);
            // Enter right after fast typing is taken for a pasted line break.
            let last = value.lines().last().unwrap_or("");
            self.person.wait_until("the value in its field", |screen| {
                let form = screen.rsplit_once(&row);
                form.is_some_and(|(_, form)| form.contains(last))
            });
            self.person.key(Key::Enter);
        }
    }
}

impl Play {
    /// A scene in Python, or nothing if there is none to run it.
    pub fn python(script: &str, scene: &str, base: &str) -> Option<Self> {
        let python = python()?;
        let stage = Stage::new();
        let command = stage.python(&python, script, scene, &stage.url(base));
        Some(stage.play(command))
    }

    /// A scene in JavaScript, or nothing if there is nothing to run it with.
    pub fn node(script: &str, scene: &str, base: &str) -> Option<Self> {
        let modules = node_modules()?;
        let stage = Stage::new();
        let command = stage.node(&modules, script, scene, &stage.url(base));
        Some(stage.play(command))
    }

    /// Lets a client that reads a stream wait for some time, as the heartbeats have it.
    pub fn take_time(&mut self) {
        let before = self.heartbeats();
        poll(
            "some heartbeats",
            || (self.heartbeats() >= before + 3).then_some(()),
            || format!("{}\n{}", self.person.screen(), self.client.stderr()),
        );
        assert!(self.client.is_running(), "{}", self.client.stderr());
    }

    /// How many heartbeats the server has sent, in the form of each API.
    fn heartbeats(&self) -> usize {
        let forms = [
            "event: response.in_progress",
            r#""delta":{},"logprobs":null,"finish_reason":null"#,
            "event: ping",
        ];
        forms.iter().map(|form| self.wire.answered(form)).sum()
    }

    /// Says something that does not end the response, and waits until the script has read it.
    pub fn say(&mut self, kind: &str, text: &str, printed: &Value) {
        self.person.choose(kind);
        self.person.reply(text);
        poll(
            &format!("{printed} from the script"),
            || self.printed().contains(printed).then_some(()),
            || format!("{}\n{}", self.client.stdout(), self.client.stderr()),
        );
        assert!(self.client.is_running(), "{text:?} ended the request");
    }

    /// What the script has printed so far. A line that is not whole yet is left out.
    pub fn printed(&self) -> Vec<Value> {
        let out = self.client.stdout();
        out.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until the script has ended well, and returns what it printed about each step.
    pub fn seen(mut self) -> impl Fn(&str) -> Value {
        self.client.wait_answer();
        let printed = self.printed();
        move |scene| {
            let found = printed.iter().find(|line| line["scene"] == scene);
            found
                .unwrap_or_else(|| panic!("no {scene} in {printed:#?}"))
                .clone()
        }
    }
}

/// Whether this is a number of tokens.
pub fn is_count(value: &Value) -> bool {
    value.as_u64().is_some_and(|count| count > 0)
}
