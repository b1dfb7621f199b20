//! Leaves the terminal to other programs for a while: the shell, the pager and the editor. Drafts are
//! saved before, and nothing else is done meanwhile.

use std::io;

use rustix::process::{Signal, kill_current_process_group};
use tokio::time::timeout;

use super::signals::EndSignals;
use super::{EventLoop, LoopEnd, TIMEOUT, save_drafts};
use crate::store::Saving;
use crate::tui::app::Level;
use crate::tui::terminal::editor::EditorFile;
use crate::tui::terminal::program::Program;

impl EventLoop<'_> {
    /// Stops this program until the shell continues it.
    pub(super) fn suspend(&mut self) -> Result<(), LoopEnd> {
        self.leave_screen();
        // The group, so that a shell that started us through cargo gets its turn.
        if let Err(error) = kill_current_process_group(Signal::TSTP) {
            self.app.say(Level::Bad, format!("cannot suspend: {error}"));
        }
        self.resume_screen()
    }

    /// Shows a text in the person's pager, and waits for that.
    pub(super) async fn page(&mut self, text: String) -> Result<(), LoopEnd> {
        self.leave_screen();
        match wait_for(Program::pager(text), &mut self.signals).await {
            Ok(None) => {}
            Ok(Some(signal)) => return Err(LoopEnd::of_signal(signal)),
            Err(failure) => self.app.say(Level::Bad, failure),
        }
        self.resume_screen()
    }

    /// Opens the draft in the person's editor, and waits for that.
    pub(super) async fn edit(&mut self) -> Result<(), LoopEnd> {
        self.leave_screen();
        if let Some(signal) = self.edit_draft().await {
            return Err(LoopEnd::of_signal(signal));
        }
        self.resume_screen()
    }

    /// Returns the signal that ends this program while the editor is open; what was saved in the editor
    /// is in the draft then too.
    async fn edit_draft(&mut self) -> Option<Signal> {
        let (text, suffix) = self.app.composer().edited_text();
        let file = match EditorFile::create(&text, suffix, &self.options.state_dir) {
            Ok(file) => file,
            Err(error) => {
                let notice = format!("cannot open the draft in the editor: {error}");
                self.app.say(Level::Bad, notice);
                return None;
            }
        };
        let (failure, signal) = match wait_for(file.open(), &mut self.signals).await {
            Ok(signal) => (None, signal),
            Err(failure) => (Some(failure), None),
        };
        let changed = file.changed();
        let is_news = !matches!(changed, Ok(None));
        let mut saving = Saving::default();
        match (changed, failure) {
            (Ok(Some(text)), None) => self.app.on_edited(&text),
            (Ok(None), None) => {}
            (Ok(text), Some(failure)) => saving = self.app.on_edit_failed(text, &failure),
            (Err(error), _) => {
                let notice = format!("cannot read the draft: {error}");
                self.app.say(Level::Bad, notice);
                return signal;
            }
        }
        let saving = saving.max(save_drafts(self.app));
        let store = self.app.store();
        // The file is removed only once the text is saved, unless nothing is to be saved.
        let is_kept = async { timeout(TIMEOUT, store.settled(saving)).await == Ok(true) };
        if !is_news || !store.has_journal() || is_kept.await {
            file.remove();
        }
        signal
    }

    fn leave_screen(&mut self) {
        save_drafts(self.app);
        self.screen.suspend();
    }

    /// Takes the terminal back from another program, which may have drawn anything.
    fn resume_screen(&mut self) -> Result<(), LoopEnd> {
        self.ui.pictures.forget_drawn();
        Ok(self.screen.resume()?)
    }
}

/// Waits for a program to exit. If a signal ends this program meanwhile, kills it and returns the
/// signal.
async fn wait_for(
    program: io::Result<Program>,
    signals: &mut EndSignals,
) -> Result<Option<Signal>, String> {
    let mut program = program.map_err(|error| error.to_string())?;
    let status = loop {
        let signal = tokio::select! {
            status = program.wait() => break status,
            signal = signals.next() => signal,
        };
        // The terminal sends `Ctrl+C` and `Ctrl+\` to both; they are meant for the program.
        if !matches!(signal, Signal::INT | Signal::QUIT) {
            program.kill().await;
            return Ok(Some(signal));
        }
    };
    let status = status.map_err(|error| error.to_string())?;
    if status.success() {
        Ok(None)
    } else {
        Err(format!("{} ended with {status}", program.name))
    }
}
