//! The report of a set-up.

use std::fmt;
use std::path::PathBuf;

use super::own_file::{Contents, FileOutcome, OwnFile};

/// What a set-up did, for people. The last line of its text is the command that starts the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupReport {
    /// Nothing was written: the files are only shown.
    Printed {
        /// The files that would be written.
        files: Vec<PrintedFile>,
        /// The shell command that starts the agent.
        command: String,
    },
    /// The files were written.
    Installed {
        /// The agent's name for people.
        title: &'static str,
        /// What was done with each file.
        files: Vec<(PathBuf, FileOutcome)>,
        /// The base URL that the agent will use.
        base_url: String,
        /// Whether the agent needs the API key in its environment.
        needs_key: bool,
        /// The shell command that starts the agent.
        command: String,
    },
}

/// A file as it would be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedFile {
    path: PathBuf,
    contents: String,
    /// Whether the contents are only some entries of the file.
    is_part: bool,
}

impl SetupReport {
    pub(super) fn printed(files: Vec<OwnFile>, command: String) -> Self {
        let files = files.into_iter().map(|file| PrintedFile {
            contents: file.contents.new_text(),
            is_part: matches!(file.contents, Contents::Entries(_)),
            path: file.path,
        });
        Self::Printed {
            files: files.collect(),
            command,
        }
    }

    /// What was done with the files, one line each.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Printed { .. } => String::new(),
            Self::Installed { files, .. } => outcome_lines(files),
        }
    }
}

/// What was done with files, one line each.
pub(super) fn outcome_lines(files: &[(PathBuf, FileOutcome)]) -> String {
    let line = |(path, outcome): &(PathBuf, FileOutcome)| {
        let path = path.display();
        match outcome {
            FileOutcome::Created => format!("wrote {path}\n"),
            FileOutcome::Replaced { backup: None } => format!("rewrote {path}\n"),
            FileOutcome::Replaced {
                backup: Some(backup),
            } => format!("rewrote {path}\n    as it was: {}\n", backup.display()),
            FileOutcome::Unchanged => format!("unchanged {path}\n"),
        }
    };
    files.iter().map(line).collect()
}

impl fmt::Display for SetupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Printed { files, command } => {
                for file in files {
                    let part = if file.is_part {
                        ", these entries alone"
                    } else {
                        ""
                    };
                    let path = file.path.display();
                    writeln!(f, "==> {path}{part} <==\n{}\n", file.contents.trim_end())?;
                }
                writeln!(f, "==> to start it <==\n{command}")
            }
            Self::Installed {
                title,
                files,
                base_url,
                needs_key,
                command,
            } => {
                f.write_str(&outcome_lines(files))?;
                writeln!(f, "\n{title} will look for humanllm at {base_url}.")?;
                writeln!(
                    f,
                    "Start humanllm in one terminal, and {title} in another:\n"
                )?;
                if *needs_key {
                    writeln!(f, "    export HUMANLLM_API_KEY='YOUR KEY'")?;
                }
                writeln!(f, "    {command}")
            }
        }
    }
}
