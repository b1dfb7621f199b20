use tempfile::TempDir;

use super::*;
use crate::config::{self, Flags};

const PROFILE: &str = "humanllm.config.toml";
const CATALOG: &str = "humanllm-models.json";

/// A home folder for Codex, and what its setup is asked to do.
struct TestSetup {
    home: TempDir,
    environment: Environment,
    options: CodexSetupOptions,
}

impl TestSetup {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        Self {
            environment: Environment::with_home(home.path()),
            home,
            options: CodexSetupOptions {
                codex_home: None,
                profile: DEFAULT_PROFILE.to_owned(),
                print: false,
                force: false,
                websocket: false,
            },
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(".codex").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes a file of the Codex home, which is made if need be.
    fn write(&self, name: &str, contents: &str) {
        fs::create_dir_all(self.path("")).expect("a folder");
        fs::write(self.path(name), contents).expect("a file");
    }

    /// The names of the files in the Codex home.
    fn file_names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(""))
            .map(|entries| {
                entries
                    .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into()))
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        names
    }

    fn run(&self) -> Result<SetupReport, SetupError> {
        let config = config::load(&Flags::default(), &self.environment).expect("a configuration");
        run(&self.options, &config, &self.environment)
    }

    /// Sets Codex up, and returns the report.
    fn set_up(&self) -> String {
        self.run().expect("set up").to_string()
    }
}

#[test]
fn an_empty_home_gets_a_profile_and_a_catalog() {
    let setup = TestSetup::new();
    let report = setup.set_up();
    assert!(
        report.ends_with("\n    codex --profile humanllm\n"),
        "{report}"
    );
    assert!(report.contains("http://127.0.0.1:3000/v1"), "{report}");
    assert_eq!(setup.file_names(), [CATALOG, PROFILE]);

    let profile: toml::Table = setup.read(PROFILE).parse().expect("TOML");
    assert_eq!(profile["model"].as_str(), Some("human"));
    assert_eq!(profile["model_catalog_json"].as_str(), Some(CATALOG));
    let provider = &profile["model_providers"]["humanllm"];
    assert_eq!(provider["wire_api"].as_str(), Some("responses"));
    assert_eq!(
        provider["stream_idle_timeout_ms"].as_integer(),
        Some(86_400_000)
    );
    assert_eq!(provider["stream_max_retries"].as_integer(), Some(100));
    assert_eq!(provider.get("env_key"), None);
    assert_eq!(provider.get("supports_websockets"), None);
    let catalog: serde_json::Value = serde_json::from_str(&setup.read(CATALOG)).expect("JSON");
    assert_eq!(catalog["models"][0]["slug"], "human");
}

#[test]
fn a_websocket_is_used_on_request() {
    let mut setup = TestSetup::new();
    setup.options.websocket = true;
    setup.set_up();
    let profile: toml::Table = setup.read(PROFILE).parse().expect("TOML");
    let provider = &profile["model_providers"]["humanllm"];
    assert_eq!(provider["supports_websockets"].as_bool(), Some(true));
}

#[test]
fn a_second_run_changes_nothing_and_a_new_address_only_the_profile() {
    let mut setup = TestSetup::new();
    setup.set_up();
    let report = setup.set_up();
    assert_eq!(report.matches("unchanged ").count(), 2, "{report}");
    setup.environment = setup.environment.with("HUMANLLM_LISTEN", "[::1]:4000");
    let report = setup.set_up();
    assert!(
        report.contains(&format!("rewrote {}", setup.path(PROFILE).display())),
        "{report}"
    );
    assert!(
        report.contains(&format!("unchanged {}", setup.path(CATALOG).display())),
        "{report}"
    );
    assert!(
        setup
            .read(PROFILE)
            .contains("base_url = \"http://[::1]:4000/v1\"")
    );
}

#[test]
fn a_foreign_file_is_refused_before_anything_is_written() {
    for name in [PROFILE, CATALOG] {
        for contents in [
            "{}",
            "",
            "model = \"x\"\n# Written by `humanllm setup codex`",
        ] {
            let mut setup = TestSetup::new();
            setup.write(name, contents);
            let error = setup.run().expect_err(name).to_string();
            assert!(error.contains("not written by humanllm"), "{error}");
            assert!(error.contains("--force"), "{error}");
            assert_eq!(setup.file_names(), [name]);
            assert_eq!(setup.read(name), contents);

            setup.options.force = true;
            setup.set_up();
            assert_ne!(setup.read(name), contents);
        }
    }
}

#[test]
fn a_folder_in_the_way_is_never_replaced() {
    let mut setup = TestSetup::new();
    setup.options.force = true;
    fs::create_dir_all(setup.path(CATALOG)).expect("a folder");
    let error = setup.run().expect_err("a folder").to_string();
    assert!(error.contains("is not a regular file"), "{error}");
    assert_eq!(setup.file_names(), [CATALOG]);
}

#[test]
fn printing_writes_nothing() {
    let mut setup = TestSetup::new();
    setup.options.print = true;
    let report = setup.set_up();
    assert!(report.contains("model_provider = \"humanllm\""), "{report}");
    assert!(report.contains("\"slug\": \"human\""), "{report}");
    assert!(!setup.path("").exists());
}

#[test]
fn the_users_config_is_left_alone_and_its_old_profile_noticed() {
    let mut setup = TestSetup::new();
    let config = "model = \"x\"\n[profiles.old]\nmodel = \"y\"\n";
    setup.write("config.toml", config);
    setup.options.force = true;
    setup.set_up();
    assert_eq!(setup.read("config.toml"), config);
    setup.options.profile = "old".to_owned();
    let error = setup.run().expect_err("an old profile").to_string();
    assert!(error.contains("old-style profile `old`"), "{error}");
    assert!(!setup.path("old.config.toml").exists());
}

#[test]
fn a_key_is_asked_for_but_never_written_or_shown() {
    let mut setup = TestSetup::new();
    setup.environment = setup.environment.with("HUMANLLM_API_KEY", "hunter2");
    let report = setup.set_up();
    assert!(report.contains("export HUMANLLM_API_KEY="), "{report}");
    assert!(
        setup
            .read(PROFILE)
            .contains("\nenv_key = \"HUMANLLM_API_KEY\"\n")
    );
    let everything = report + &setup.read(PROFILE) + &setup.read(CATALOG);
    assert!(!everything.contains("hunter2"));
}

#[test]
fn another_home_is_part_of_the_command() {
    let mut setup = TestSetup::new();
    let other = setup.home.path().join("it's here");
    setup.options.codex_home = Some(other.clone());
    let report = setup.set_up();
    let quoted = format!("'{}'", other.display().to_string().replace('\'', r"'\''"));
    assert!(
        report.contains(&format!(
            "    CODEX_HOME={quoted} codex --profile humanllm\n"
        )),
        "{report}"
    );
    assert!(other.join(PROFILE).exists());

    setup.environment = setup.environment.with("CODEX_HOME", &other);
    assert!(setup.set_up().contains("\n    codex --profile humanllm\n"));
    setup.options.codex_home = None;
    assert_eq!(setup.set_up().matches("unchanged ").count(), 2);
}

#[test]
fn names_and_ports_that_cannot_work_are_refused() {
    for name in ["", "a.b", "../x", "a b", "-x", "ü", "a/b"] {
        let mut setup = TestSetup::new();
        setup.options.profile = name.to_owned();
        assert!(
            matches!(setup.run(), Err(SetupError::ProfileName(_))),
            "{name}"
        );
    }
    let mut setup = TestSetup::new();
    setup.environment = setup.environment.with("HUMANLLM_LISTEN", "127.0.0.1:0");
    assert!(matches!(setup.run(), Err(SetupError::NoPort)));
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_one() {
    let mut setup = TestSetup::new();
    setup.set_up();
    let real = setup.home.path().join("dotfiles.toml");
    fs::rename(setup.path(PROFILE), &real).expect("moved");
    std::os::unix::fs::symlink(&real, setup.path(PROFILE)).expect("linked");
    setup.environment = setup.environment.with("HUMANLLM_LISTEN", "127.0.0.1:4000");
    setup.set_up();
    assert!(
        fs::symlink_metadata(setup.path(PROFILE))
            .expect("there")
            .is_symlink()
    );
    assert!(
        fs::read_to_string(real)
            .expect("there")
            .contains(":4000/v1")
    );
}
