//! The person's own editor.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitStatus;

use tokio::process::Command;

/// Why the editor gave nothing back.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// The file for the draft could not be made or read.
    #[error("the draft could not be handed to the editor: {0}")]
    File(#[from] io::Error),
    /// The editor could not be started, or said that it failed.
    #[error("{editor} ended with {status}; the draft is as it was")]
    Failed {
        /// The command.
        editor: String,
        /// How it ended.
        status: ExitStatus,
    },
}

/// Opens `text` in `$VISUAL`, `$EDITOR` or `vi`, in a file that ends in `suffix`, and returns what
/// the person made of it. The terminal must have been given back.
///
/// # Errors
///
/// An [`EditorError`]; the text is unchanged then.
pub async fn edit(text: &str, suffix: &str, folder: &Path) -> Result<String, EditorError> {
    let mut file = tempfile::Builder::new()
        .prefix("draft-")
        .suffix(suffix)
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    let set = |name: &str| {
        std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
    };
    let editor = set("VISUAL")
        .or_else(|| set("EDITOR"))
        .unwrap_or_else(|| "vi".into());
    // The variable may hold arguments, as in `code --wait`: the shell takes it apart, as git does.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(&editor)
        .arg(file.path())
        .kill_on_drop(true)
        .status()
        .await?;
    if !status.success() {
        return Err(EditorError::Failed { editor, status });
    }
    // Editors may replace the file rather than write into it, so it is read by its name.
    // The file goes away now, so a byte that is no UTF-8 must not take all the others along.
    let text = std::fs::read(file.path())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
