//! Jobs that take too long for the loop to wait for them. Any number of them run in the background at
//! the same time, and all results come through one channel.

use std::path::PathBuf;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_blocking;

use super::ForkTurn;
use crate::inbox::ConversationId;
use crate::store::{LoadedConversation, Outline, Store};
use crate::tui::app::TurnPurpose;
use crate::tui::paths;

/// The result of a job.
pub(super) enum FinishedJob {
    /// A conversation of an earlier run; `None` if it cannot be read.
    Loaded(ConversationId, Option<Box<LoadedConversation>>),
    /// The turns of a conversation, and what they were read for.
    Turns(ConversationId, TurnPurpose, Outline),
    /// The paths in a folder.
    Paths(Vec<String>),
    /// Why a turn could not be asked again, as a message for the person.
    ForkFailed(String),
}

/// Starts jobs, and waits for their results.
pub(super) struct Jobs {
    store: Store,
    fork: ForkTurn,
    sender: UnboundedSender<FinishedJob>,
    finished: UnboundedReceiver<FinishedJob>,
}

impl Jobs {
    pub(super) fn new(store: Store, fork: ForkTurn) -> Self {
        let (sender, finished) = unbounded_channel();
        Self {
            store,
            fork,
            sender,
            finished,
        }
    }

    /// Reads a conversation of an earlier run.
    pub(super) fn load(&self, id: ConversationId) {
        let store = self.store.clone();
        self.spawn(move || Some(FinishedJob::Loaded(id, store.load(id).map(Box::new))));
    }

    /// Reads the turns of a conversation.
    pub(super) fn read_turns(&self, id: ConversationId, purpose: TurnPurpose) {
        let store = self.store.clone();
        self.spawn(move || Some(FinishedJob::Turns(id, purpose, store.outline(id))));
    }

    /// Lists what is in a folder.
    pub(super) fn list_paths(&self, folder: PathBuf) {
        self.spawn(move || Some(FinishedJob::Paths(paths::list(&folder))));
    }

    /// Asks a turn again, which lasts until somebody has answered it; only a failure is a result.
    pub(super) fn fork(&self, id: ConversationId, number: usize) {
        let fork = self.fork.clone();
        self.spawn(move || fork(id, number).err().map(FinishedJob::ForkFailed));
    }

    /// Waits for the next result.
    pub(super) async fn next(&mut self) -> Option<FinishedJob> {
        self.finished.recv().await
    }

    fn spawn(&self, work: impl FnOnce() -> Option<FinishedJob> + Send + 'static) {
        let sender = self.sender.clone();
        spawn_blocking(move || {
            if let Some(result) = work() {
                // Nobody to tell is no error: the program is going away.
                let _ = sender.send(result);
            }
        });
    }
}
