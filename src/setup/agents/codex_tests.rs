use tempfile::TempDir;

use super::*;
use crate::config::{self, Flags};

const PROFILE: &str = "humanllm.config.toml";
const CATALOG: &str = "humanllm-models.json";

struct Scene {
    home: TempDir,
    environment: Environment,
    options: CodexSetupOptions,
}

impl Scene {
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

    /// Puts a file into the Codex home, which is made if need be.
    fn put(&self, name: &str, contents: &str) {
        fs::create_dir_all(self.path("")).expect("a folder");
        fs::write(self.path(name), contents).expect("a file");
    }

    fn names(&self) -> Vec<String> {
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

    fn shown(&self) -> String {
        self.run().expect("set up").to_string()
    }
}

#[test]
fn an_empty_home_gets_a_profile_and_a_catalog() {
    let scene = Scene::new();
    let shown = scene.shown();
    assert!(
        shown.ends_with("\n    codex --profile humanllm\n"),
        "{shown}"
    );
    assert!(shown.contains("http://127.0.0.1:3000/v1"), "{shown}");
    assert_eq!(scene.names(), [CATALOG, PROFILE]);

    let profile: toml::Table = scene.read(PROFILE).parse().expect("TOML");
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
    let catalog: serde_json::Value = serde_json::from_str(&scene.read(CATALOG)).expect("JSON");
    assert_eq!(catalog["models"][0]["slug"], "human");
}

#[test]
fn a_websocket_is_used_on_request() {
    let mut scene = Scene::new();
    scene.options.websocket = true;
    scene.shown();
    let profile: toml::Table = scene.read(PROFILE).parse().expect("TOML");
    let provider = &profile["model_providers"]["humanllm"];
    assert_eq!(provider["supports_websockets"].as_bool(), Some(true));
}

#[test]
fn a_second_run_changes_nothing_and_a_new_address_only_the_profile() {
    let mut scene = Scene::new();
    scene.shown();
    let shown = scene.shown();
    assert_eq!(shown.matches("unchanged ").count(), 2, "{shown}");
    scene.environment = scene.environment.with("HUMANLLM_LISTEN", "[::1]:4000");
    let shown = scene.shown();
    assert!(
        shown.contains(&format!("rewrote {}", scene.path(PROFILE).display())),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("unchanged {}", scene.path(CATALOG).display())),
        "{shown}"
    );
    assert!(
        scene
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
            let mut scene = Scene::new();
            scene.put(name, contents);
            let error = scene.run().expect_err(name).to_string();
            assert!(error.contains("not written by humanllm"), "{error}");
            assert!(error.contains("--force"), "{error}");
            assert_eq!(scene.names(), [name]);
            assert_eq!(scene.read(name), contents);

            scene.options.force = true;
            scene.shown();
            assert_ne!(scene.read(name), contents);
        }
    }
}

#[test]
fn a_folder_in_the_way_is_never_replaced() {
    let mut scene = Scene::new();
    scene.options.force = true;
    fs::create_dir_all(scene.path(CATALOG)).expect("a folder");
    let error = scene.run().expect_err("a folder").to_string();
    assert!(error.contains("is not a regular file"), "{error}");
    assert_eq!(scene.names(), [CATALOG]);
}

#[test]
fn printing_writes_nothing() {
    let mut scene = Scene::new();
    scene.options.print = true;
    let shown = scene.shown();
    assert!(shown.contains("model_provider = \"humanllm\""), "{shown}");
    assert!(shown.contains("\"slug\": \"human\""), "{shown}");
    assert!(!scene.path("").exists());
}

#[test]
fn the_users_config_is_left_alone_and_its_old_profile_noticed() {
    let mut scene = Scene::new();
    let config = "model = \"x\"\n[profiles.old]\nmodel = \"y\"\n";
    scene.put("config.toml", config);
    scene.options.force = true;
    scene.shown();
    assert_eq!(scene.read("config.toml"), config);
    scene.options.profile = "old".to_owned();
    let error = scene.run().expect_err("an old profile").to_string();
    assert!(error.contains("old-style profile `old`"), "{error}");
    assert!(!scene.path("old.config.toml").exists());
}

#[test]
fn a_key_is_asked_for_but_never_written_or_shown() {
    let mut scene = Scene::new();
    scene.environment = scene.environment.with("HUMANLLM_API_KEY", "hunter2");
    let shown = scene.shown();
    assert!(shown.contains("export HUMANLLM_API_KEY="), "{shown}");
    assert!(
        scene
            .read(PROFILE)
            .contains("\nenv_key = \"HUMANLLM_API_KEY\"\n")
    );
    let everything = shown + &scene.read(PROFILE) + &scene.read(CATALOG);
    assert!(!everything.contains("hunter2"));
}

#[test]
fn another_home_is_part_of_the_command() {
    let mut scene = Scene::new();
    let other = scene.home.path().join("it's here");
    scene.options.codex_home = Some(other.clone());
    let shown = scene.shown();
    let quoted = format!("'{}'", other.display().to_string().replace('\'', r"'\''"));
    assert!(
        shown.contains(&format!(
            "    CODEX_HOME={quoted} codex --profile humanllm\n"
        )),
        "{shown}"
    );
    assert!(other.join(PROFILE).exists());

    scene.environment = scene.environment.with("CODEX_HOME", &other);
    assert!(scene.shown().contains("\n    codex --profile humanllm\n"));
    scene.options.codex_home = None;
    assert_eq!(scene.shown().matches("unchanged ").count(), 2);
}

#[test]
fn names_and_ports_that_cannot_work_are_refused() {
    for name in ["", "a.b", "../x", "a b", "-x", "ü", "a/b"] {
        let mut scene = Scene::new();
        scene.options.profile = name.to_owned();
        assert!(
            matches!(scene.run(), Err(SetupError::ProfileName(_))),
            "{name}"
        );
    }
    let mut scene = Scene::new();
    scene.environment = scene.environment.with("HUMANLLM_LISTEN", "127.0.0.1:0");
    assert!(matches!(scene.run(), Err(SetupError::NoPort)));
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_one() {
    let mut scene = Scene::new();
    scene.shown();
    let real = scene.home.path().join("dotfiles.toml");
    fs::rename(scene.path(PROFILE), &real).expect("moved");
    std::os::unix::fs::symlink(&real, scene.path(PROFILE)).expect("linked");
    scene.environment = scene.environment.with("HUMANLLM_LISTEN", "127.0.0.1:4000");
    scene.shown();
    assert!(
        fs::symlink_metadata(scene.path(PROFILE))
            .expect("there")
            .is_symlink()
    );
    assert!(
        fs::read_to_string(real)
            .expect("there")
            .contains(":4000/v1")
    );
}
