//! Writes pictures to files: to keep them, or to open them in another program.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;

use tempfile::TempPath;
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_blocking;

use crate::tui::app::Level;
use crate::tui::pictures::Picture;
use crate::tui::terminal::program::{command_in, shell};
use crate::tui::text::format::size;

/// Numbers that are tried for the name of a new file.
const MAX_FILES: usize = 10_000;

/// The notice about a picture that was saved or opened, or could not be.
pub(super) type FileNotice = (Level, String);

/// Files that are being written, and temporary ones that other programs show. The latter are removed
/// when this is dropped.
pub(super) struct TemporaryFiles {
    done: UnboundedSender<(FileNotice, Vec<TempPath>)>,
    news: UnboundedReceiver<(FileNotice, Vec<TempPath>)>,
    shown: Vec<TempPath>,
}

impl TemporaryFiles {
    pub(super) fn new() -> Self {
        let (done, news) = unbounded_channel();
        Self {
            done,
            news,
            shown: Vec::new(),
        }
    }

    /// Saves pictures to the current folder, under names that nothing has there.
    pub(super) fn save(&self, pictures: Vec<Picture>) {
        self.spawn_work(move || {
            let saved: Result<Vec<String>, String> = pictures
                .iter()
                .map(|picture| save(picture, Path::new(".")))
                .collect();
            Ok((format!("saved {}", saved?.join(", ")), Vec::new()))
        });
    }

    /// Opens pictures in the program that the desktop has for them.
    pub(super) fn open(&self, pictures: Vec<Picture>) {
        let Some(opener) = Opener::of_desktop() else {
            let words = "no display to open it on; set HUMANLLM_OPEN, or save it";
            return self.spawn_work(move || Err(words.into()));
        };
        self.spawn_work(move || {
            let files: Result<Vec<TempPath>, String> =
                pictures.iter().map(write_temporary).collect();
            let files = files?;
            for file in &files {
                opener.open(file).map_err(|error| error.to_string())?;
            }
            Ok((format!("opened with {}", opener.name()), files))
        });
    }

    /// Waits for the next notice.
    pub(super) async fn next(&mut self) -> Option<FileNotice> {
        let (notice, files) = self.news.recv().await?;
        self.shown.extend(files);
        Some(notice)
    }

    /// Runs blocking work in the background, because the disk may be slow.
    fn spawn_work(
        &self,
        work: impl FnOnce() -> Result<(String, Vec<TempPath>), String> + Send + 'static,
    ) {
        let done = self.done.clone();
        spawn_blocking(move || {
            let news = match work() {
                Ok((words, files)) => ((Level::Good, words), files),
                Err(words) => ((Level::Bad, words), Vec::new()),
            };
            // Nobody to tell is no error: the program is going away.
            let _ = done.send(news);
        });
    }
}

/// The program that opens a file.
enum Opener {
    /// The command in `HUMANLLM_OPEN`.
    Own(String),
    /// The program of the desktop.
    Desktop(&'static str),
}

impl Opener {
    fn of_desktop() -> Option<Self> {
        if let Some(command) = command_in(&["HUMANLLM_OPEN"]) {
            return Some(Self::Own(command));
        }
        if cfg!(target_os = "macos") {
            return Some(Self::Desktop("open"));
        }
        command_in(&["WAYLAND_DISPLAY", "DISPLAY"]).map(|_| Self::Desktop("xdg-open"))
    }

    fn name(&self) -> &str {
        match self {
            Self::Own(command) => command,
            Self::Desktop(name) => name,
        }
    }

    fn open(&self, path: &Path) -> io::Result<()> {
        let mut command = match self {
            Self::Own(command) => shell(command),
            Self::Desktop(name) => Command::new(name),
        };
        // It must not draw on this terminal, nor read its keys.
        let child = command
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        // It may run for long. The runtime reaps it when it exits.
        drop(child);
        Ok(())
    }
}

fn save(picture: &Picture, folder: &Path) -> Result<String, String> {
    let (bytes, ending) = picture.file().map_err(|fault| fault.to_string())?;
    let (name, mut file) = create_unused(folder, ending).map_err(|error| error.to_string())?;
    file.write_all(&bytes)
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(format!("{name} ({})", size(bytes.len())))
}

/// Creates a new file. Nothing in its name comes from the client that sent the picture, no file is
/// overwritten, and no link is followed.
fn create_unused(folder: &Path, ending: &str) -> io::Result<(String, File)> {
    for number in 1..=MAX_FILES {
        let name = match number {
            1 => format!("picture.{ending}"),
            number => format!("picture-{number}.{ending}"),
        };
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(folder.join(&name));
        match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((name, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Writes a picture to a temporary file, which no other user can read.
fn write_temporary(picture: &Picture) -> Result<TempPath, String> {
    let (bytes, ending) = picture.file().map_err(|fault| fault.to_string())?;
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix("humanllm-")
            .suffix(&format!(".{ending}"))
            .tempfile()?;
        file.write_all(&bytes)?;
        Ok(file.into_temp_path())
    };
    write().map_err(|error: io::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nothing_is_overwritten_or_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("picture.png"), "mine").unwrap();
        std::os::unix::fs::symlink(at("elsewhere"), at("picture-2.png")).unwrap();
        let (name, mut file) = create_unused(folder.path(), "png").unwrap();
        assert_eq!(name, "picture-3.png");
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(at("picture.png")).unwrap(), b"mine");
        assert!(!at("elsewhere").exists());
        assert_eq!(
            create_unused(folder.path(), "jpg").unwrap().0,
            "picture.jpg"
        );
    }
}
