//! `humanllm` with the wire to it recorded, and scripts of clients that send requests to it.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{Client, ClientProcess, Key, Operator, OperatorBuilder, Pty, Tap, free_address, poll};

/// The API key of the server in a session.
pub const API_KEY: &str = "sk-a-key-for-the-scenes-of-the-tests";

/// The path in an environment variable. If there is none, says so once, past the test runner's
/// capture.
pub fn path_from_environment(variable: &'static str, what: &str) -> Option<PathBuf> {
    static REPORTED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() && REPORTED.lock().unwrap().insert(variable) {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {variable} does not name {what}"
        );
    }
    path
}

/// The Python that has the SDKs, or nothing.
pub fn python() -> Option<PathBuf> {
    path_from_environment(
        "HUMANLLM_TEST_PYTHON",
        "a Python with openai, anthropic and openai-agents",
    )
}

/// The `node_modules` that the clients in JavaScript are in, or nothing.
pub fn node_modules() -> Option<PathBuf> {
    path_from_environment(
        "HUMANLLM_TEST_NODE_MODULES",
        "a node_modules with ai, @ai-sdk/openai and @earendil-works/pi-coding-agent",
    )
}

/// The Python that has litellm, or nothing.
pub fn litellm() -> Option<PathBuf> {
    path_from_environment(
        "HUMANLLM_TEST_LITELLM",
        "a Python with litellm and what its proxy needs",
    )
}

/// The Python code that starts litellm's proxy.
const PROXY_CODE: &str = "import litellm; litellm.run_server()";

/// `humanllm` with an API key and a heartbeat every second, and the wire to it.
pub struct ClientSession {
    pub operator: Operator,
    pub wire: Tap,
}

impl ClientSession {
    pub fn new() -> Self {
        Self::with_operator(Operator::builder())
    }

    /// A session with a program that is started like this.
    pub fn with_operator(operator: OperatorBuilder) -> Self {
        Self::with_config(operator, "[server]\nheartbeat_seconds = 1\n")
    }

    /// The same with a configuration file.
    pub fn with_config(operator: OperatorBuilder, config: &str) -> Self {
        let operator = operator
            .config(config)
            .env("HUMANLLM_API_KEY", API_KEY)
            .start();
        let wire = Tap::new(operator.sandbox().address);
        Self { operator, wire }
    }

    /// Where the server is, with the path under which a client looks for its routes.
    pub fn url(&self, base: &str) -> String {
        format!("http://{}{base}", self.wire.address)
    }

    /// A command whose environment has nothing of this machine but its PATH, and that connects
    /// nowhere else by itself.
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.operator.sandbox().environment())
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("OPENAI_AGENTS_DISABLE_TRACING", "1");
        command
    }

    /// A client's command, with the environment variables for the API at `url`.
    fn client_command(&self, program: &Path, url: &str) -> Command {
        let mut command = self.program(program);
        for vendor in ["OPENAI", "ANTHROPIC"] {
            command
                .env(format!("{vendor}_BASE_URL"), url)
                .env(format!("{vendor}_API_KEY"), API_KEY);
        }
        command
    }

    /// A scene of a script in `tests/it/clients`, which asks at `url`.
    pub fn python(&self, python: &Path, script: &str, scene: &str, url: &str) -> Command {
        let mut command = self.client_command(python, url);
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(scripts().join(script))
            .arg(scene);
        command
    }

    /// The proxy of litellm in front of the server, with the address where it listens. It knows one
    /// model, `human`, and has the server's key for its own.
    pub fn proxy(&self, python: &Path) -> (ClientProcess, SocketAddr) {
        let model =
            json!({"model": "openai/human", "api_base": self.url("/v1"), "api_key": API_KEY});
        self.proxy_of(python, "human", &model)
    }

    /// The same in front of any model, in litellm's own words.
    pub fn proxy_of(
        &self,
        python: &Path,
        name: &str,
        model: &Value,
    ) -> (ClientProcess, SocketAddr) {
        let config = self.operator.sandbox().path("litellm.yaml");
        let models = json!({"model_list": [{"model_name": name, "litellm_params": model}]});
        std::fs::write(&config, models.to_string()).expect("a configuration file");
        let address = free_address();
        let mut command = self.program(python);
        command
            .env("LITELLM_MASTER_KEY", API_KEY)
            .args([
                "-c",
                PROXY_CODE,
                "--telemetry",
                "False",
                "--host",
                "127.0.0.1",
            ])
            .args(["--port", &address.port().to_string()])
            .arg("--config")
            .arg(&config);
        let proxy = ClientProcess::spawn(command);
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
        let folder = self.operator.sandbox().path("node");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::os::unix::fs::symlink(modules, folder.join("node_modules")).expect("a link");
        std::fs::copy(scripts().join(script), folder.join(script)).expect("a script");
        let mut command = self.client_command(Path::new("node"), url);
        command.arg(folder.join(script)).arg(scene);
        command
    }

    /// Starts a client.
    pub fn start(self, client: Command) -> ClientRun {
        ClientRun {
            operator: self.operator,
            wire: self.wire,
            client: ClientProcess::spawn(client),
        }
    }
}

impl Default for ClientSession {
    fn default() -> Self {
        Self::new()
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients")
}

/// A running client, and the person whom it asks. A failing test prints both screens.
pub struct ClientRun<C: ClientOutput = ClientProcess> {
    pub operator: Operator,
    pub wire: Tap,
    pub client: C,
}

/// A client whose output a failing test can print.
pub trait ClientOutput {
    /// Its output so far, or its current screen.
    fn output(&self) -> String;
}

impl ClientOutput for ClientProcess {
    fn output(&self) -> String {
        format!("{}\n{}", self.stdout(), self.stderr())
    }
}

impl ClientOutput for Pty {
    fn output(&self) -> String {
        self.screen()
    }
}

impl<C: ClientOutput> Drop for ClientRun<C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (operator, client) = (self.operator.screen(), self.client.output());
            eprintln!("--- the person\n{operator}\n--- the client\n{client}\n---");
        }
    }
}

impl<C: ClientOutput> ClientRun<C> {
    /// Waits for a request and answers it.
    pub fn answer(&mut self, prompt: &str, answer: &str) {
        self.operator.wait_request(prompt);
        self.operator.choose("Send");
        self.operator.reply(answer);
    }

    /// Waits for a request and rejects it.
    pub fn reject(&mut self, prompt: &str, reason: &str) {
        self.operator.wait_request(prompt);
        self.operator.choose("Reject");
        self.operator.reply(reason);
    }

    /// Waits for a request and has a command run.
    pub fn run(&mut self, prompt: &str, command: &str) {
        self.operator.wait_request(prompt);
        self.operator.choose("Run command");
        self.operator.reply(command);
    }

    /// Waits for a request, has a command run, and answers when its output is here.
    pub fn run_and_answer(&mut self, prompt: &str, command: &str, output: &str, answer: &str) {
        self.run(prompt, command);
        self.answer(output, answer);
    }

    /// Waits for a request and calls a tool, with these fields of its form in their order.
    pub fn call(&mut self, prompt: &str, tool: &str, fields: &[(&str, &str)]) {
        self.operator.wait_request(prompt);
        self.operator.call_tool(tool, tool);
        for (field, value) in fields {
            let row = format!("› {field}");
            self.operator.wait_for(&row);
            self.operator.type_text(value);
            // Enter right after fast typing is taken for a pasted line break.
            let last = value.lines().last().unwrap_or("");
            self.operator
                .wait_until("the value in its field", |screen| {
                    let form = screen.rsplit_once(&row);
                    form.is_some_and(|(_, form)| form.contains(last))
                });
            self.operator.key(Key::Enter);
        }
    }
}

impl ClientRun {
    /// A scene in Python, or nothing if there is none to run it.
    pub fn python(script: &str, scene: &str, base: &str) -> Option<Self> {
        let python = python()?;
        let session = ClientSession::new();
        let command = session.python(&python, script, scene, &session.url(base));
        Some(session.start(command))
    }

    /// A scene in JavaScript, or nothing if there is nothing to run it with.
    pub fn node(script: &str, scene: &str, base: &str) -> Option<Self> {
        let modules = node_modules()?;
        let session = ClientSession::new();
        let command = session.node(&modules, script, scene, &session.url(base));
        Some(session.start(command))
    }

    /// Waits for some heartbeats, so that a client has to wait.
    pub fn wait_heartbeats(&mut self) {
        let before = self.heartbeats();
        poll(
            "some heartbeats",
            || (self.heartbeats() >= before + 3).then_some(()),
            || format!("{}\n{}", self.operator.screen(), self.client.stderr()),
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
        forms.iter().map(|form| self.wire.server_sent(form)).sum()
    }

    /// Sends a reply that does not end the response, and waits until the script has read it.
    pub fn send_part(&mut self, kind: &str, text: &str, printed: &Value) {
        self.operator.choose(kind);
        self.operator.reply(text);
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
    pub fn finish(mut self) -> impl Fn(&str) -> Value {
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
