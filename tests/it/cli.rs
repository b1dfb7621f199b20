//! The real binary on the command line, in a home folder of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn with_config(text: &str) -> Self {
        let home = Self::new();
        home.write(".config/humanllm/config.toml", text);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        fs::write(path, text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `humanllm` with these arguments and no environment but the home folder.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_humanllm"));
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("HOME", self.0.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("started")
    }

    /// What a successful run prints.
    fn shows(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(text(&output.stderr), "", "{line}");
        assert!(output.status.success(), "{line}: {}", output.status);
        text(&output.stdout)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The one line with which a run refuses to start, without its newline.
fn refusal(output: &Output) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(text(&output.stdout), "", "the screen is not touched");
    let line = stderr.strip_suffix('\n').expect("a line");
    assert!(!line.contains('\n'), "one line: {stderr}");
    assert!(line.starts_with("humanllm: "), "{line}");
    line.to_owned()
}

#[test]
fn help_and_version() {
    let home = Home::new();
    let help = home.shows("--help");
    for part in [
        "EXAMPLES:",
        "humanllm setup codex",
        "humanllm setup --print env",
        "--listen <ADDR:PORT>",
        "--config <FILE>",
        "--state-dir <DIR>",
        "HUMANLLM_API_KEY",
    ] {
        assert!(help.contains(part), "{part}\n{help}");
    }
    let version = concat!("humanllm ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(home.shows("--version"), version);
}

#[test]
fn completions_for_every_shell() {
    let home = Home::with_config("this is no configuration");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.shows(&format!("completions {shell}"));
        for part in ["codex-home", "anthropic", "print"] {
            assert!(script.contains(part), "{shell}");
        }
    }
}

#[test]
fn manual_pages_of_all_commands() {
    let home = Home::new();
    let page = home.shows("man");
    for part in [
        ".TH humanllm 1",
        "\\-\\-state\\-dir",
        "humanllm\\-replay(1)",
        ".SH EXAMPLES",
        "HUMANLLM_API_KEY",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let folder = home.path("share/man1");
    let told = home.shows(&format!("man {}", folder.display()));
    let names: Vec<String> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    assert!(
        told.starts_with(&format!("{} manual pages", names.len())),
        "{told}"
    );
    assert_eq!(home.read("share/man1/humanllm.1"), page);
    for name in &names {
        let page = home.read(&format!("share/man1/{name}"));
        let title = format!(".TH {} 1", name.strip_suffix(".1").expect("section 1"));
        assert!(page.contains(&title), "{name}");
    }
    assert!(
        names.contains(&"humanllm-setup-claude.1".to_owned()),
        "{names:?}"
    );
    home.write("file", "");
    let line = refusal(&home.run(&format!("man {}/x", home.path("file").display())));
    assert!(line.contains("cannot write"), "{line}");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mut child = Home::new()
        .command("completions zsh")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn mistakes_in_the_configuration_are_one_clear_line() {
    for (config, end) in [
        (
            "listn = \"127.0.0.1:3000\"",
            "config.toml:1: listn: unknown key; did you mean `listen`?",
        ),
        (
            "[server]\nmax_waiting = \"many\"",
            "config.toml:2: server.max_waiting: expected a whole number from 0 up, not string \"many\"",
        ),
        (
            "[keys]\nquit = \"F1\"",
            "config.toml:2: keys.quit: `F1` is bound to both `help` and `quit`; give one of them another key",
        ),
    ] {
        let line = refusal(&Home::with_config(config).run(""));
        assert!(line.ends_with(end), "{line}");
    }
    let home = Home::new();
    let line = refusal(&home.run("--listen nonsense"));
    assert!(line.starts_with("humanllm: --listen: `nonsense` is not an address"));
    let line = refusal(
        &home
            .command("")
            .env("HUMANLLM_LISTEN", "1.2.3")
            .output()
            .expect("started"),
    );
    assert!(line.starts_with("humanllm: HUMANLLM_LISTEN: `1.2.3` is not an address"));
    let line = refusal(&home.run("--config /no/such.toml"));
    assert_eq!(line, "humanllm: --config: there is no file /no/such.toml");
}

#[test]
fn an_address_open_to_the_network_needs_a_key() {
    let home = Home::new();
    let line = refusal(&home.run("--listen 0.0.0.0:3000"));
    assert!(line.contains("set HUMANLLM_API_KEY"), "{line}");
}

#[test]
fn a_state_folder_that_cannot_be_is_refused() {
    let home = Home::new();
    home.write("file", "");
    let line = refusal(&home.run(&format!(
        "--state-dir {}",
        home.path("file/state").display()
    )));
    assert!(line.contains("cannot create the state folder"), "{line}");
}

#[test]
fn a_state_folder_that_others_can_write_to_is_refused() {
    let home = Home::new();
    let state = home.path("state");
    fs::create_dir(&state).expect("made");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).expect("changed");
    let line = refusal(&home.run(&format!("--state-dir {}", state.display())));
    assert!(
        line.contains("others can write to the state folder"),
        "{line}"
    );
    assert!(
        line.contains(&format!("chmod go-w {}", state.display())),
        "{line}"
    );
    assert_eq!(fs::read_dir(&state).expect("readable").count(), 0);
}

#[test]
fn setup_codex_from_nothing_to_force() {
    let home = Home::new();
    let profile = ".codex/humanllm.config.toml";
    let catalog = ".codex/humanllm-models.json";

    let printed = home.shows("setup codex --print");
    assert!(printed.contains("base_url = \"http://127.0.0.1:3000/v1\""));
    assert!(!home.path(".codex").exists(), "printing writes nothing");

    home.write(".codex/config.toml", "model = \"mine\"\n");
    let shown = home.shows("setup codex --listen 127.0.0.1:4000");
    assert!(
        shown.contains("\n    codex --profile humanllm\n"),
        "{shown}"
    );
    assert!(home.read(profile).contains("http://127.0.0.1:4000/v1"));
    assert!(home.read(catalog).contains("\"slug\": \"human\""));

    let again = home.shows("setup codex --listen 127.0.0.1:4000");
    assert_eq!(again.matches("unchanged ").count(), 2, "{again}");

    home.write(profile, "model = \"theirs\"\n");
    let line = refusal(&home.run("setup codex"));
    assert!(
        line.contains("humanllm.config.toml was not written by humanllm"),
        "{line}"
    );
    assert_eq!(home.read(profile), "model = \"theirs\"\n");

    home.shows("setup codex --force");
    assert!(home.read(profile).contains("http://127.0.0.1:3000/v1"));
    assert_eq!(home.read(".codex/config.toml"), "model = \"mine\"\n");
}

#[test]
fn setup_codex_in_another_home_under_another_name() {
    let home = Home::new();
    let other = home.path("other");
    let shown = home.shows(&format!(
        "setup codex --codex-home {} --profile me",
        other.display()
    ));
    let command = format!("CODEX_HOME={} codex --profile me\n", other.display());
    assert!(shown.contains(&command), "{shown}");
    assert!(
        home.read("other/me.config.toml")
            .contains("\"me-models.json\"")
    );
    assert!(home.path("other/me-models.json").exists());
    assert!(!home.path(".codex").exists());
}

/// The agents that are set up like each other, with a file of each and how each is started where
/// `HOME` is the home folder.
const AGENTS: [(&str, &str, &str); 6] = [
    (
        "claude",
        "claude.json",
        "claude --settings HOME/.config/humanllm/agents/claude.json",
    ),
    (
        "opencode",
        "opencode.json",
        "OPENCODE_CONFIG=HOME/.config/humanllm/agents/opencode.json opencode",
    ),
    (
        "aider",
        "aider.yml",
        "aider --config HOME/.config/humanllm/agents/aider.yml",
    ),
    (
        "qwen",
        "qwen.json",
        "QWEN_CODE_SYSTEM_SETTINGS_PATH=HOME/.config/humanllm/agents/qwen.json qwen",
    ),
    (
        "cline",
        "cline/settings/providers.json",
        "cline --data-dir HOME/.config/humanllm/agents/cline",
    ),
    (
        "mini",
        "mini.yaml",
        "MSWEA_CONFIGURED=true mini -c mini.yaml -c HOME/.config/humanllm/agents/mini.yaml",
    ),
];

fn agent_file(name: &str) -> String {
    format!(".config/humanllm/agents/{name}")
}

#[test]
fn every_agent_is_set_up_by_one_command() {
    for (agent, file, command) in AGENTS {
        let home = Home::new();
        let file = agent_file(file);
        let command = command.replace("HOME", &home.path("").join("").display().to_string());
        let command = command.replace("//", "/");

        let printed = home.shows(&format!("setup {agent} --print"));
        assert!(printed.contains("http://127.0.0.1:3000"), "{printed}");
        assert!(printed.ends_with(&format!("\n{command}\n")), "{printed}");
        let written = fs::read_dir(home.path("")).expect("a folder").count();
        assert_eq!(written, 0, "{agent}: printing writes nothing");

        let shown = home.shows(&format!("setup {agent} --listen 127.0.0.1:4000"));
        assert!(shown.ends_with(&format!("\n    {command}\n")), "{shown}");
        assert!(home.read(&file).contains("http://127.0.0.1:4000"));

        let before = home.read(&file);
        let again = home.shows(&format!("setup {agent} --listen 127.0.0.1:4000"));
        assert!(!again.contains("wrote "), "{again}");
        assert_eq!(home.read(&file), before);
    }
}

#[test]
fn what_somebody_wrote_into_an_agents_file_is_kept() {
    for (agent, file, _) in AGENTS {
        let home = Home::new();
        let path = agent_file(file);
        for number in ["", "2", "3"] {
            let theirs = format!("{{\"theirs\": \"{number}\"}}");
            home.write(&path, &theirs);
            let shown = home.shows(&format!("setup {agent}"));
            let backup = home.path(&format!("{path}.bak{number}"));
            let told = format!("    as it was: {}\n", backup.display());
            assert!(shown.contains(&told), "no {told} in\n{shown}");
            assert_eq!(fs::read_to_string(backup).expect("kept"), theirs);
            assert!(home.read(&path).contains("http://127.0.0.1:3000"));
        }
        // What is kept already is not kept again.
        home.write(&path, "{\"theirs\": \"2\"}");
        let shown = home.shows(&format!("setup {agent}"));
        assert!(shown.contains(&format!("{path}.bak2\n")), "{shown}");
    }
}

#[test]
fn claude_code_gets_one_entry_among_those_of_its_state() {
    let home = Home::new();
    let theirs = "{\"userID\":\"x\",\"cost\":0.1,\"hasCompletedOnboarding\":false}";
    home.write(".claude.json", theirs);
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(home.path(".claude.json"), private).expect("changed");
    home.shows("setup claude");
    let state: serde_json::Value = serde_json::from_str(&home.read(".claude.json")).expect("JSON");
    let expected = serde_json::json!(
        {"userID": "x", "cost": 0.1, "hasCompletedOnboarding": true}
    );
    assert_eq!(state, expected);
    assert_eq!(home.read(".claude.json.bak"), theirs);
    for name in [".claude.json", ".claude.json.bak"] {
        let mode = fs::metadata(home.path(name))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    // With the entry there, the file is left alone down to its spaces.
    let theirs = "{ \"hasCompletedOnboarding\" : true, \"userID\" : \"y\" }";
    home.write(".claude.json", theirs);
    let shown = home.shows("setup claude");
    assert!(!shown.contains("wrote"), "{shown}");
    assert_eq!(home.read(".claude.json"), theirs);

    // In the folder that it is told to use, if it is.
    let mut command = home.command("setup claude");
    command.env("CLAUDE_CONFIG_DIR", home.path("other"));
    assert!(command.output().expect("started").status.success());
    assert!(
        home.read("other/.claude.json")
            .contains("hasCompletedOnboarding")
    );
}

#[test]
fn a_state_of_claude_code_that_cannot_be_read_stops_all_of_it() {
    let home = Home::new();
    for theirs in ["{", "[]", "7"] {
        home.write(".claude.json", theirs);
        let line = refusal(&home.run("setup claude"));
        assert!(line.contains(".claude.json is no JSON object"), "{line}");
        assert_eq!(home.read(".claude.json"), theirs);
        assert!(!home.path(".config").exists(), "nothing is written");
    }
}

#[test]
fn agents_get_the_key_from_the_environment() {
    for (agent, file, _) in AGENTS {
        let home = Home::with_config("api_key = \"hunter2\"");
        let shown = home.shows(&format!("setup {agent}"));
        assert!(
            shown.contains("    export HUMANLLM_API_KEY='YOUR KEY'\n"),
            "{shown}"
        );
        let written = home.read(&agent_file(file));
        assert!(!shown.contains("hunter2") && !written.contains("hunter2"));
        let refers = written.contains("HUMANLLM_API_KEY")
            || shown.contains("    OPENAI_API_KEY=\"$HUMANLLM_API_KEY\" ")
            || shown.contains(" OPENAI_API_KEY=\"$HUMANLLM_API_KEY\" ");
        assert!(refers, "{agent}\n{shown}\n{written}");
    }
}

#[test]
fn agents_learn_the_models_that_are_offered() {
    for (agent, file, _) in AGENTS {
        let home = Home::with_config("models = [\"my:\\\"own\\\"\", \"other\"]");
        home.shows(&format!("setup {agent}"));
        let written = home.read(&agent_file(file));
        assert!(written.contains(r#"my:\"own\""#), "{agent}\n{written}");
    }
}

/// What the variables of the SDKs are after a shell has evaluated the lines that `humanllm` prints
/// with these arguments, in the order OpenAI's base URL and API key, Anthropic's base URL and API key.
fn evaluated(home: &Home, arguments: &str, environment: &[(&str, &str)]) -> [Option<String>; 4] {
    let output = shell(home, arguments, environment);
    assert_eq!(text(&output.stderr), "", "{arguments}");
    assert!(output.status.success(), "{arguments}");
    let exported = text(&output.stdout);
    [
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_API_KEY",
    ]
    .map(|name| {
        let line = exported.lines().find_map(|line| line.strip_prefix(name));
        Some(line?.strip_prefix('=')?.to_owned())
    })
}

/// A shell that evaluates what `humanllm` prints with these arguments, and then prints what it
/// hands on to the programs that it starts.
fn shell(home: &Home, arguments: &str, environment: &[(&str, &str)]) -> Output {
    let line = format!(
        "eval \"$('{}' {arguments})\"; env",
        env!("CARGO_BIN_EXE_humanllm")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &line]).env_clear();
    command.env("HOME", home.path(""));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(environment.iter().copied());
    command.stdin(Stdio::null()).output().expect("started")
}

#[test]
fn a_shell_sets_what_the_sdks_read() {
    const SECRET: (&str, &str) = ("HUMANLLM_API_KEY", "it's$HOME\"`x`\\");
    let some = |value: &str| Some(value.to_owned());
    let local = ("http://127.0.0.1:3000/v1", "http://127.0.0.1:3000");
    let other = ("http://127.0.0.1:4000/v1", "http://127.0.0.1:4000");
    let six = ("http://[::1]:4000/v1", "http://[::1]:4000");
    for (arguments, config, environment, (openai, anthropic), key) in [
        ("", "", &[][..], local, "humanllm"),
        ("--listen localhost:4000", "", &[], other, "humanllm"),
        ("", "listen = \"127.0.0.1:4000\"", &[], other, "humanllm"),
        (
            "",
            "",
            &[("HUMANLLM_LISTEN", "[::1]:4000")],
            six,
            "humanllm",
        ),
        // Who listens everywhere is found here, and has a key.
        ("--listen [::]:4000", "", &[SECRET], six, SECRET.1),
        ("--listen 0.0.0.0:3000", "", &[SECRET], local, SECRET.1),
        ("", "api_key = \"file\"", &[SECRET], local, SECRET.1),
    ] {
        let home = Home::with_config(config);
        let all = evaluated(
            &home,
            &format!("setup --print env {arguments}"),
            environment,
        );
        assert_eq!(
            all,
            [some(openai), some(key), some(anthropic), some(key)],
            "{arguments} {config}"
        );
        // Each part by itself, with the flag on either side.
        for flag in ["setup --print env PART", "setup PART --print env"] {
            let part = |part| {
                let line = format!("{} {arguments}", flag.replace("PART", part));
                evaluated(&home, &line, environment)
            };
            assert_eq!(part("openai"), [some(openai), some(key), None, None]);
            assert_eq!(part("anthropic"), [None, None, some(anthropic), some(key)]);
        }
    }
}

#[test]
fn a_shell_that_lacks_the_key_sets_nothing_and_says_so() {
    let home = Home::with_config("api_key = \"file\"");
    let theirs = [("OPENAI_API_KEY", "theirs")];
    for part in ["", "openai", "anthropic"] {
        let output = shell(&home, &format!("setup {part} --print env"), &theirs);
        assert!(!output.status.success(), "a script does not go on");
        let complaint = text(&output.stderr);
        assert!(
            complaint.contains("HUMANLLM_API_KEY: set it to the api_key in the config file"),
            "{complaint}"
        );
        assert_eq!(text(&output.stdout), "");
    }
    // One command, because a shell that somebody types into goes on with the next one.
    let lines = home.shows("setup --print env");
    assert!(
        lines.starts_with("{ : \"${HUMANLLM_API_KEY:?set it"),
        "{lines}"
    );
    assert!(lines.ends_with("\n}\n"), "{lines}");
}

#[test]
fn setup_shows_what_every_client_has_to_be_told() {
    let agents = "    humanllm setup AGENT\n";
    let openai = "    export OPENAI_BASE_URL='http://127.0.0.1:3000/v1'\n    \
                      export OPENAI_API_KEY='humanllm'\n";
    let anthropic = "    export ANTHROPIC_BASE_URL='http://127.0.0.1:3000'\n    \
                         export ANTHROPIC_API_KEY='humanllm'\n";
    let any = "    base URL   http://127.0.0.1:3000/v1 for the APIs of OpenAI\n               \
                              http://127.0.0.1:3000 for Anthropic's, ";
    let eval = "    eval \"$(humanllm setup --print env)\"\n";
    for (line, parts, others) in [
        (
            "setup",
            &[agents, openai, anthropic, any, eval][..],
            &[][..],
        ),
        ("setup openai", &[openai], &["ANTHROPIC", "codex"]),
        ("setup anthropic", &[anthropic], &["OPENAI", "codex"]),
    ] {
        let home = Home::with_config("models = [\"human\", \"org/human\"]");
        let shown = home.shows(line);
        for part in parts {
            assert!(shown.contains(part), "no {part} in\n{shown}");
        }
        for other in others {
            assert!(!shown.contains(other), "{other} in\n{shown}");
        }
        assert!(shown.contains("human, org/human; any other"), "{shown}");
        assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
        assert!(!home.path(".codex").exists(), "nothing is written");
    }
}

#[test]
fn setup_lists_the_agents_and_where_they_are() {
    let home = Home::new();
    home.write("bin/claude", "");
    home.write("other/claude", "#!/bin/sh\n");
    home.write("other/aider/file", "");
    let runs = fs::Permissions::from_mode(0o755);
    fs::set_permissions(home.path("other/claude"), runs).expect("changed");
    let mut command = home.command("setup");
    let path = [home.path("bin"), home.path("other")];
    command.env("PATH", std::env::join_paths(path).expect("a path"));
    let shown = text(&command.output().expect("started").stdout);
    let claude = home.path("other/claude");
    let found = format!("    claude   Claude Code    {}\n", claude.display());
    assert!(shown.contains(&found), "no {found} in\n{shown}");
    for (agent, install) in [
        ("codex", "npm install -g @openai/codex"),
        ("aider", "python3 -m pip install aider-chat"),
    ] {
        let line = shown.lines().find(|line| line.trim().starts_with(agent));
        let line = line.expect(agent);
        assert!(line.ends_with(&format!(" not found: {install}")), "{line}");
    }
}

#[test]
fn the_commands_that_setup_shows_repeat_its_flags() {
    let home = Home::new();
    home.write("my config.toml", "listen = \"127.0.0.1:1\"");
    let mut command = home.command("setup --listen [::1]:4000 --config");
    command.arg("my config.toml").current_dir(home.path(""));
    let shown = text(&command.output().expect("started").stdout);
    let file = fs::canonicalize(home.path("my config.toml")).expect("a file");
    let flags = format!("--listen '[::1]:4000' --config '{}'", file.display());
    for line in [
        format!("    humanllm setup AGENT {flags}\n"),
        format!("    eval \"$(humanllm setup --print env {flags})\"\n"),
    ] {
        assert!(shown.contains(&line), "no {line} in\n{shown}");
    }
}

#[test]
fn setup_never_shows_the_key() {
    for (home, variable) in [
        (Home::with_config("api_key = \"hunter2\""), None),
        (Home::new(), Some("hunter2")),
    ] {
        for line in [
            "setup",
            "setup openai",
            "setup anthropic",
            "setup --print env",
        ] {
            let mut command = home.command(line);
            command.envs(variable.map(|key| ("HUMANLLM_API_KEY", key)));
            let shown = text(&command.output().expect("started").stdout);
            assert!(
                shown.contains("_API_KEY=\"$HUMANLLM_API_KEY\"\n"),
                "{shown}"
            );
            assert!(!shown.contains("hunter2"), "{shown}");
            let told = shown.contains("    export HUMANLLM_API_KEY='YOUR KEY'\n");
            assert_eq!(told, !line.ends_with("env"), "{shown}");
        }
    }
}

#[test]
fn setup_refuses_what_cannot_be_told() {
    let home = Home::new();
    for line in ["setup", "setup openai", "setup --print env"] {
        let line = refusal(&home.run(&format!("{line} --listen 127.0.0.1:0")));
        assert!(
            line.contains("port 0 picks another port at every start"),
            "{line}"
        );
    }
    for agent in ["codex", "claude"] {
        let line = refusal(&home.run(&format!("setup --print env {agent}")));
        let instead = format!("humanllm setup {agent} --print");
        assert!(line.contains(&instead), "{line}");
    }
    assert!(!home.path(".codex").exists(), "nothing is written");
}
