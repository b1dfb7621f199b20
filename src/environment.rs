//! The environment of the process as a value, so that tests need not change the real one.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Environment variables, the home folder and the current one, as they were when the program started.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<String, OsString>,
    home: Option<PathBuf>,
    folder: Option<PathBuf>,
}

impl Environment {
    /// A copy of the environment of this process.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        Self {
            variables,
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            folder: std::env::current_dir().ok(),
        }
    }

    /// An environment with a home folder and nothing else, for tests.
    pub fn with_home(home: impl Into<PathBuf>) -> Self {
        Self {
            variables: HashMap::new(),
            home: Some(home.into()),
            folder: None,
        }
    }

    /// The environment with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// The variable's value; empty counts as a value.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str)
    }

    /// The variable's value, if it is not empty: what most programs take for "set".
    pub fn get_filled(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All variables whose values are text, by name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut variables: Vec<_> = self
            .variables
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str()?)))
            .collect();
        variables.sort_unstable();
        variables.into_iter()
    }

    /// The person's home folder, if they have one.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The folder that the program was started in, if there still is one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The folder that the XDG variable names, or the one below the home folder that stands in
    /// for it. As the XDG specification asks, a relative path does not count.
    pub(crate) fn xdg_dir(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        self.get(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(self.home()?.join(below_home)))
    }
}
