//! Saves a rule: appends a `[[rule]]` table to the configuration file.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::own_file::{Contents, FileOutcome, OwnFile, SetupError, write_all};
use crate::config::{self, ConfigError, Flags};
use crate::environment::Environment;
use crate::rules::{Decision, RuleTable, Rules, free_name};

/// Why a rule was not saved. The file is unchanged then.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// There is no configuration folder.
    #[error("there is no home folder for the configuration; name a file with --config")]
    NoFile,
    /// The file has a mistake, or would have with the rule.
    #[error("the rule was not saved: {0}")]
    Config(#[from] ConfigError),
    /// The file cannot be written.
    #[error("the rule was not saved: {0}")]
    Write(#[from] SetupError),
}

/// A saved rule. Its `Display` text is a message for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedRule {
    /// The name of the rule, with a number if the name was taken.
    pub name: String,
    /// The configuration file.
    pub file: PathBuf,
    /// What was done with the file.
    pub outcome: FileOutcome,
    /// The name of an earlier rule that matches first.
    pub(crate) shadowed_by: Option<String>,
}

impl fmt::Display for SavedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, .. } = self;
        write!(f, "saved as rule `{name}` in {}", file.display())?;
        match &self.shadowed_by {
            Some(other) => write!(f, "; but `{other}` stands before it and decides this"),
            None => Ok(()),
        }
    }
}

/// Appends a rule to the configuration file, which is created if it does not exist. `decides` applies the
/// resulting rules to the case that the rule was made for.
///
/// # Errors
///
/// If the file cannot be read or written, or has a mistake.
pub fn save(
    rule: &RuleTable,
    decides: impl FnOnce(&Rules) -> Option<Decision>,
    flags: &Flags,
    environment: &Environment,
) -> Result<SavedRule, SaveError> {
    let (path, _) = config::file(flags, environment).ok_or(SaveError::NoFile)?;
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(SetupError::Read { path, error }.into()),
    };
    let known = config::read(&path, &before, flags, environment)?.rules;
    let rule = RuleTable {
        name: free_name(&rule.name, &known),
        ..rule.clone()
    };
    let text = with_rule(&before, &rule);
    let rules = config::read(&path, &text, flags, environment)?.rules;
    let shadowed_by = decides(&rules).map(|decision| decision.rule);
    let file = OwnFile {
        path,
        contents: Contents::Appended { before, text },
    };
    let mut written = write_all(&[file], false)?;
    let (file, outcome) = written.pop().ok_or(SaveError::NoFile)?;
    Ok(SavedRule {
        shadowed_by: shadowed_by.filter(|name| *name != rule.name),
        name: rule.name,
        file,
        outcome,
    })
}

fn with_rule(before: &str, rule: &RuleTable) -> String {
    let mut text = before.to_owned();
    if !text.is_empty() {
        let ends_line = text.ends_with('\n');
        text.push_str(if ends_line { "\n" } else { "\n\n" });
    }
    text.push_str(&rule.to_toml());
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::*;
    use crate::rules::RuleAction;

    fn rule(name: &str) -> RuleTable {
        RuleTable {
            name: name.into(),
            tool: Some("shell".into()),
            argument: Some(r"^it's\n\x2d$".into()),
            action: Some(RuleAction::Reject("No, \"never\".\nAsk.".into())),
            ..RuleTable::default()
        }
    }

    struct Home(tempfile::TempDir);

    impl Home {
        fn new(text: &str) -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(home.folder()).unwrap();
            fs::write(home.file(), text).unwrap();
            home
        }

        fn folder(&self) -> PathBuf {
            self.0.path().join(".config/humanllm")
        }

        fn file(&self) -> PathBuf {
            self.folder().join("config.toml")
        }

        fn save(&self, rule: &RuleTable) -> Result<SavedRule, SaveError> {
            self.save_in(rule, &self.file())
        }

        fn save_in(&self, rule: &RuleTable, file: &Path) -> Result<SavedRule, SaveError> {
            let flags = Flags {
                config: Some(file.to_owned()),
                ..Flags::default()
            };
            save(
                rule,
                |_| None,
                &flags,
                &Environment::with_home(self.0.path()),
            )
        }

        fn rules(&self, file: &Path) -> Vec<String> {
            let flags = Flags {
                config: Some(file.to_owned()),
                ..Flags::default()
            };
            let config = config::load(&flags, &Environment::with_home(self.0.path()));
            config.unwrap().rules.names().map(str::to_owned).collect()
        }
    }

    #[test]
    fn what_is_there_stays_to_the_byte() {
        for before in [
            "",
            "# mine\nlisten = \"127.0.0.1:4000\"  # here",
            "[tui]\r\nbell = false\r\n\r\n# the end\r\n",
            "[[rule]]\nname = 'a'\naction = { answer = 'x' }\n\n\n",
        ] {
            let home = Home::new(before);
            let file = home.file();
            let private = fs::Permissions::from_mode(0o640);
            fs::set_permissions(&file, private).unwrap();
            let saved = home.save(&rule("no rm")).unwrap();
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.starts_with(before), "{text}");
            assert_eq!(
                text[before.len()..].trim_start(),
                "[[rule]]\nname = \"no rm\"\ntool = \"shell\"\nargument = '''^it's\\n\\x2d$'''\n\
                 action = { reject = \"\"\"\nNo, \"never\".\nAsk.\"\"\" }\n"
            );
            let backup = home.folder().join("config.toml.bak");
            for path in [&file, &backup] {
                let mode = fs::metadata(path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o640, "{}", path.display());
            }
            assert_eq!(fs::read_to_string(&backup).unwrap(), before);
            assert_eq!(
                saved.to_string(),
                format!("saved as rule `no rm` in {}", file.display())
            );
            // The next one is added too, under a name of its own; what was there first is enough.
            assert_eq!(home.save(&rule("no rm")).unwrap().name, "no rm 2");
            assert!(
                home.rules(&file)
                    .ends_with(&["no rm".into(), "no rm 2".into()])
            );
            assert_eq!(fs::read_to_string(&backup).unwrap(), before);
            assert_eq!(fs::read_dir(home.folder()).unwrap().count(), 2);
        }
    }

    #[test]
    fn a_link_stays_one_and_a_folder_is_made() {
        let home = Home::new("");
        let real = home.0.path().join("dotfiles.toml");
        fs::rename(home.file(), &real).unwrap();
        symlink(&real, home.file()).unwrap();
        home.save(&rule("a")).unwrap();
        assert!(fs::symlink_metadata(home.file()).unwrap().is_symlink());
        assert_eq!(home.rules(&real), ["a"]);

        let fresh = home.0.path().join("new/folder/config.toml");
        let saved = home.save_in(&rule("a"), &fresh).unwrap();
        assert_eq!(saved.outcome, FileOutcome::Created);
        let mode = fs::metadata(&fresh).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(home.rules(&fresh), ["a"]);
    }

    #[test]
    fn a_file_that_would_be_broken_is_left_alone() {
        for (before, rule) in [
            ("listen = 3", rule("a")),
            ("text = \"\"\"\nunfinished", rule("a")),
            ("rule = [{ name = \"a\", action = \"hold\" }]", rule("b")),
            (
                "",
                RuleTable {
                    argument: Some("(".into()),
                    ..rule("a")
                },
            ),
        ] {
            let home = Home::new(before);
            let error = home.save(&rule).unwrap_err().to_string();
            assert!(error.starts_with("the rule was not saved: "), "{error}");
            assert!(error.contains("config.toml:"), "{error}");
            assert!(!error.contains('\n'), "{error}");
            assert_eq!(fs::read_to_string(home.file()).unwrap(), before);
            assert_eq!(fs::read_dir(home.folder()).unwrap().count(), 1, "{before}");
        }
    }

    #[test]
    fn an_earlier_rule_that_decides_is_named() {
        let home = Home::new("[[rule]]\nname = 'all'\nkind = 'command'\naction = 'hold'\n");
        let flags = Flags::default();
        let environment = Environment::with_home(home.0.path());
        let first = |rules: &Rules| {
            let name = rules.names().next()?.to_owned();
            Some(Decision {
                rule: name,
                matched: String::new(),
                action: RuleAction::Hold,
                timeout: None,
                waited: false,
            })
        };
        let saved = save(&rule("mine"), first, &flags, &environment).unwrap();
        assert!(
            saved
                .to_string()
                .ends_with("; but `all` stands before it and decides this"),
            "{saved}"
        );
    }
}
