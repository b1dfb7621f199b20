//! Drafts on disk: what a person typed and has not sent is still there after a crash.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use crate::draft::Draft;
use crate::inbox::ConversationId;
use crate::private_file;

/// When a draft that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Drafts that nobody came back for are removed after this time.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// The name of what was typed before there was a conversation to type it in.
const SCRATCH: &str = "scratch";

/// The drafts of all conversations, each in a file of its own. Writing happens on a thread of its
/// own; dropping this writes what is left.
#[derive(Debug)]
pub struct Drafts {
    folder: PathBuf,
    /// The names of the files that conversations have, for as long as the program runs.
    names: HashMap<ConversationId, String>,
    /// How many conversations have the same key.
    keys: HashMap<String, usize>,
    orders: Option<mpsc::Sender<Order>>,
    health: watch::Receiver<Option<String>>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer is to do.
#[derive(Debug)]
enum Order {
    /// Keep a draft under a name.
    Keep(String, Box<Draft>),
    /// Tell when all that was to be kept is, or that something cannot be.
    Tell(oneshot::Sender<bool>),
}

impl Drafts {
    /// The drafts in `STATE_DIR/drafts`, which is made if need be and is for its owner only.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or the thread not started.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        let folder = state_dir.join("drafts");
        private_file::make_folder(&folder)?;
        remove_old(&folder);
        let (orders, receiver) = mpsc::channel();
        let (told, health) = watch::channel(None);
        let writer = Writer {
            folder: folder.clone(),
            waiting: HashMap::new(),
            told,
        };
        let writer = std::thread::Builder::new()
            .name("drafts".into())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self {
            folder,
            names: HashMap::new(),
            keys: HashMap::new(),
            orders: Some(orders),
            health,
            writer: Some(writer),
        })
    }

    /// The draft of a conversation from before the program was started. `key` is what tells the
    /// conversation from others then; of those with the same key each has its own.
    pub fn load(&mut self, id: ConversationId, key: &str) -> Option<Draft> {
        let name = self.name(id, Some(key))?;
        self.read(&name)
    }

    /// What was typed before there was a conversation.
    pub fn load_scratch(&self) -> Option<Draft> {
        self.read(SCRATCH)
    }

    /// Keeps the draft of a conversation, or of none; an empty one is forgotten. Returns at once.
    pub fn save(&mut self, id: Option<ConversationId>, key: Option<&str>, draft: Draft) {
        let name = match id {
            Some(id) => self.name(id, key),
            None => Some(SCRATCH.to_owned()),
        };
        if let (Some(name), Some(orders)) = (name, &self.orders) {
            // The writer ends only with this struct.
            let _ = orders.send(Order::Keep(name, Box::new(draft)));
        }
    }

    /// Why drafts are not kept, for as long as it is so.
    pub fn health(&self) -> watch::Receiver<Option<String>> {
        self.health.clone()
    }

    /// Tells when all that was to be kept until now is on disk: `false` if something is not.
    pub fn written(&self) -> oneshot::Receiver<bool> {
        let (tell, told) = oneshot::channel();
        if let Some(orders) = &self.orders {
            let _ = orders.send(Order::Tell(tell));
        }
        told
    }

    fn read(&self, name: &str) -> Option<Draft> {
        let json = private_file::read(&path(&self.folder, name));
        let draft = match json {
            Ok(json) => Draft::from_json(&json),
            // Earlier versions kept the text and nothing else.
            Err(_) => private_file::read(&old_path(&self.folder, name))
                .ok()?
                .as_str()
                .into(),
        };
        (!draft.is_empty()).then_some(draft)
    }

    /// The name of the file of a conversation. Keys are the clients' words and no file names.
    fn name(&mut self, id: ConversationId, key: Option<&str>) -> Option<String> {
        if let Some(name) = self.names.get(&id) {
            return Some(name.clone());
        }
        let key = key?;
        let count = self.keys.entry(key.to_owned()).or_default();
        let own = match *count {
            0 => key.to_owned(),
            n => format!("{key}\0{n}"),
        };
        *count += 1;
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, own.as_bytes()).to_string();
        self.names.insert(id, name.clone());
        Some(name)
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The thread that writes.
struct Writer {
    folder: PathBuf,
    /// What is not on disk yet, by name.
    waiting: HashMap<String, Draft>,
    told: watch::Sender<Option<String>>,
}

impl Writer {
    /// Writes until nothing more can come, what comes at once only as it is in the end.
    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        let mut is_open = true;
        while is_open {
            let first = match self.waiting.is_empty() {
                true => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => orders.recv_timeout(AGAIN),
            };
            is_open = !matches!(first, Err(RecvTimeoutError::Disconnected));
            let mut asking = Vec::new();
            for order in first.into_iter().chain(orders.try_iter()) {
                match order {
                    Order::Keep(name, draft) => drop(self.waiting.insert(name, *draft)),
                    Order::Tell(tell) => asking.push(tell),
                }
            }
            self.write();
            for tell in asking {
                let _ = tell.send(self.waiting.is_empty());
            }
        }
    }

    /// Writes what is waiting, and keeps what cannot be written.
    fn write(&mut self) {
        let mut fault = None;
        self.waiting.retain(|name, draft| {
            let written = write(&self.folder, name, draft);
            if let Err(error) = &written {
                fault = Some(format!("what you type is not saved: {error}"));
            }
            written.is_err()
        });
        self.told.send_if_modified(|told| {
            let is_news = *told != fault;
            if let (true, Some(fault)) = (is_news, &fault) {
                tracing::error!(folder = %self.folder.display(), "{fault}");
            }
            *told = fault;
            is_news
        });
    }
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

fn old_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.txt"))
}

fn write(folder: &Path, name: &str, draft: &Draft) -> io::Result<()> {
    let path = path(folder, name);
    if draft.is_empty() {
        private_file::remove(&path)?;
    } else {
        let json = draft.to_json();
        match private_file::replace(&path, &json) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The folder is gone, and can perhaps be there again.
                private_file::make_folder(folder)?;
                private_file::replace(&path, &json)?;
            }
            written => written?,
        }
    }
    private_file::remove(&old_path(folder, name))
}

/// Removes drafts that nobody came back for, and nothing else.
fn remove_old(folder: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(is_own_name) {
            continue;
        }
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|modified| now.duration_since(modified).unwrap_or_default());
        if age.is_ok_and(|age| age > KEPT_FOR) {
            // It will be tried again at the next start.
            let _ = private_file::remove(&entry.path());
        }
    }
}

/// Whether a file has a name as the program gives them to drafts, also while they are written.
fn is_own_name(name: &str) -> bool {
    let mut parts = name.split('.');
    let is_draft = parts
        .next()
        .is_some_and(|stem| stem == SCRATCH || is_own_uuid(stem));
    let rest: Vec<&str> = parts.collect();
    is_draft && matches!(rest.as_slice(), ["json" | "txt"] | [_, "new"])
}

fn is_own_uuid(stem: &str) -> bool {
    let uuid = Uuid::try_parse(stem);
    uuid.is_ok_and(|uuid| uuid.get_version_num() == 5 && uuid.to_string() == stem)
}

#[cfg(test)]
mod tests;
