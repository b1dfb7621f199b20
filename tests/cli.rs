//! The real binary on the command line, in a home folder of its own.

use std::fs;
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
        assert!(script.contains("codex-home"), "{shell}");
    }
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
    assert!(line.starts_with("humanllm: --listen: `nonsense` is no address"));
    let line = refusal(
        &home
            .command("")
            .env("HUMANLLM_LISTEN", "1.2.3")
            .output()
            .expect("started"),
    );
    assert!(line.starts_with("humanllm: HUMANLLM_LISTEN: `1.2.3` is no address"));
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
