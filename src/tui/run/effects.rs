//! Carries out what the state wants to happen outside.

use std::io;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::{EventLoop, Exit, LoopEnd, TIMEOUT};
use crate::tui::app::{Effect, Level};
use crate::tui::terminal::clipboard::{TMUX_COMMAND, osc52};
use crate::tui::terminal::screen::Screen;

impl EventLoop<'_> {
    /// Carries out an effect, and has a frame drawn.
    pub(super) async fn run_effect(&mut self, effect: Effect) -> Result<(), LoopEnd> {
        match effect {
            // Many requests at once ring once each, and are drawn together.
            Effect::Bell => self.frames.draw_soon(),
            _ => self.frames.draw_now(),
        }
        match effect {
            Effect::Quit => return Err(LoopEnd::Exit(Exit::Quit)),
            Effect::Suspend => self.suspend()?,
            Effect::Edit => self.edit().await?,
            Effect::Page(text) => self.page(text).await?,
            Effect::Load(id) => self.jobs.load(id),
            Effect::ReadTurns(id, purpose) => self.jobs.read_turns(id, purpose),
            Effect::ListPaths(folder) => self.jobs.list_paths(folder),
            Effect::Fork(id, number) => self.jobs.fork(id, number),
            Effect::FindConversations(query) => self.searches.begin(query),
            Effect::Export(job) => self.exports.begin(*job),
            Effect::SavePictures(pictures) => self.files.save(pictures),
            Effect::OpenPictures(pictures) => self.files.open(pictures),
            Effect::Reload => self.reloads.begin(),
            Effect::SaveRule(rule) => self.reloads.add_rule(*rule),
            Effect::Bell => self.screen.bell().map_err(LoopEnd::terminal_gone)?,
            Effect::Notify(text) => self.notify(&text).map_err(LoopEnd::terminal_gone)?,
            Effect::Copy(text) => {
                let copied = copy(&text, &mut self.screen).await;
                let notice = copied.map_err(LoopEnd::terminal_gone)?;
                self.app.say(Level::Info, notice);
            }
            Effect::Redraw => {
                self.ui.pictures.forget_drawn();
                self.screen.clear()?;
            }
        }
        Ok(())
    }

    /// Shows a desktop notification.
    fn notify(&mut self, text: &str) -> io::Result<()> {
        let [tmux, screen_program] = ["TMUX", "STY"].map(is_set);
        let notifications = &self.options.notifications;
        let sequence = notifications.sequence(text, tmux, screen_program);
        self.screen.write(&sequence)
    }
}

/// Copies a text to the clipboard; returns the notice about it.
async fn copy(text: &str, screen: &mut Screen) -> io::Result<String> {
    if is_set("TMUX") && copy_through_tmux(text).await.is_ok() {
        return Ok(format!("{} bytes copied through tmux", text.len()));
    }
    let copied = osc52(text, is_set("TMUX"), is_set("STY"));
    screen.write(&copied.sequence)?;
    Ok(copied.notice())
}

/// Copies through tmux, which works whatever its `set-clipboard` and `allow-passthrough` are.
async fn copy_through_tmux(text: &str) -> io::Result<()> {
    let [program, arguments @ ..] = TMUX_COMMAND;
    let mut tmux = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = tmux.stdin.take() {
        stdin.write_all(text.as_bytes()).await?;
    }
    let status = timeout(TIMEOUT, tmux.wait()).await??;
    status
        .success()
        .then_some(())
        .ok_or_else(|| io::ErrorKind::Other.into())
}

/// Whether an environment variable is set, such as `TMUX` of tmux and `STY` of GNU screen.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}
