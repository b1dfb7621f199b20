//! External programs, such as the editor and the pager, that get the terminal for a while.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A running program. The terminal must be restored before it is started.
#[derive(Debug)]
pub struct Program {
    /// The shell command that was started.
    pub name: String,
    child: Child,
}

impl Program {
    /// Opens a file in `$VISUAL`, `$EDITOR` or `vi`.
    ///
    /// # Errors
    ///
    /// If no shell can be started.
    pub fn editor(path: &Path) -> io::Result<Self> {
        let name = command_in(&["VISUAL", "EDITOR"]).unwrap_or_else(|| "vi".into());
        Self::start(name, Some(path.as_os_str()), Stdio::inherit())
    }

    /// Gives a text to `$PAGER` or `less`.
    ///
    /// # Errors
    ///
    /// If no shell can be started.
    pub fn pager(text: String) -> io::Result<Self> {
        let name = command_in(&["PAGER"]).unwrap_or_else(|| "less".into());
        let mut program = Self::start(name, None, Stdio::piped())?;
        if let Some(mut stdin) = program.child.stdin.take() {
            tokio::spawn(async move {
                // Writing fails when the pager is closed early, which is fine.
                let _ = stdin.write_all(text.as_bytes()).await;
            });
        }
        Ok(program)
    }

    fn start(name: String, argument: Option<&OsStr>, stdin: Stdio) -> io::Result<Self> {
        let child = shell(&name)
            .args(argument)
            .stdin(stdin)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { name, child })
    }

    /// Waits until the program has exited.
    ///
    /// # Errors
    ///
    /// If the exit status cannot be read.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills the program, because this one ends.
    pub async fn kill(&mut self) {
        // It fails only if the program has exited already.
        let _ = self.child.kill().await;
    }
}

/// The first of these variables that is set to something.
pub fn command_in(variables: &[&str]) -> Option<String> {
    let set = |name: &&str| std::env::var(name).ok();
    let mut set = variables.iter().filter_map(set);
    set.find(|value| !value.trim().is_empty())
}

/// A command to which arguments can be added. It may contain arguments itself, as in `code --wait`: the
/// shell splits it, as git does it.
pub fn shell(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{name} \"$@\"")).arg(name);
    command
}
