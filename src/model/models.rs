//! Runs drafting orders on models.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};

use super::Upstream;
use super::client::Client;
use super::failure::Failure;
use super::trust::Trust;
use crate::inbox::{DraftEvents, DraftId, DraftOrder, DraftStep, DraftingOrder};

/// Most characters of a failure that are logged.
const MAX_LOGGED: usize = 100;

/// The configured models. They may change while drafts are running. Clones share them.
#[derive(Clone, Default)]
pub struct Catalog {
    clients: Arc<RwLock<Vec<Arc<Client>>>>,
    trust: Trust,
}

impl Catalog {
    /// A catalog of these models.
    pub fn new(upstreams: Vec<Upstream>) -> Self {
        let catalog = Self::default();
        catalog.set(upstreams);
        catalog
    }

    /// Replaces the models. Running drafts are finished.
    pub fn set(&self, upstreams: Vec<Upstream>) {
        let known = self.clients();
        let client = |upstream: Upstream| {
            let same = known.iter().find(|client| *client.upstream() == upstream);
            // An unchanged model keeps its connections.
            same.cloned()
                .unwrap_or_else(|| Arc::new(Client::new(upstream, self.trust.clone())))
        };
        let clients = upstreams.into_iter().map(client).collect();
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    fn clients(&self) -> Vec<Arc<Client>> {
        let clients = self.clients.read();
        clients.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find(&self, name: &str) -> Option<Arc<Client>> {
        let clients = self.clients.read();
        let clients = clients.unwrap_or_else(PoisonError::into_inner);
        let client = clients.iter().find(|client| client.upstream().name == name);
        client.cloned()
    }
}

/// The task that runs drafts. Dropping it stops all drafts and closes their connections.
#[derive(Debug)]
pub struct Models(JoinHandle<()>);

impl Models {
    /// Starts the task on this runtime.
    pub fn start(
        runtime: &Handle,
        catalog: Catalog,
        orders: mpsc::UnboundedReceiver<DraftingOrder>,
        events: DraftEvents,
    ) -> Self {
        Self(runtime.spawn(serve(catalog, orders, events)))
    }

    /// Stops the task, and waits for its end.
    pub async fn stop(mut self) {
        self.0.abort();
        // An error here is the cancellation that was asked for.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Models {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The running drafts. Dropping this aborts them.
#[derive(Default)]
struct RunningDrafts {
    tasks: JoinSet<DraftId>,
    handles: HashMap<DraftId, AbortHandle>,
}

async fn serve(
    catalog: Catalog,
    mut orders: mpsc::UnboundedReceiver<DraftingOrder>,
    events: DraftEvents,
) {
    let mut running = RunningDrafts::default();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(DraftingOrder::Begin(order)) => running.begin(&catalog, *order, &events),
                Some(DraftingOrder::Cancel(id)) => running.cancel(id),
                None => return,
            },
            Some(ended) = running.tasks.join_next() => running.finish(ended, &events),
        }
    }
}

impl RunningDrafts {
    fn begin(&mut self, catalog: &Catalog, order: DraftOrder, events: &DraftEvents) {
        let id = order.id;
        let Some(client) = catalog.find(&order.model) else {
            let words = "no model of this name is in the configuration; `humanllm setup model` adds \
                         one, and F9 takes it in";
            events.send(id, DraftStep::Failed(words.into()));
            return;
        };
        let handle = self.tasks.spawn(run_draft(client, order, events.clone()));
        self.handles.insert(id, handle);
    }

    fn cancel(&mut self, id: DraftId) {
        // Aborting the task drops the connection.
        if let Some(handle) = self.handles.remove(&id) {
            handle.abort();
        }
    }

    fn finish(&mut self, ended: Result<DraftId, JoinError>, events: &DraftEvents) {
        match ended {
            Ok(id) => {
                self.handles.remove(&id);
            }
            Err(error) => {
                let task = error.id();
                let found = self.handles.iter().find(|(_, handle)| handle.id() == task);
                let Some(id) = found.map(|(id, _)| *id) else {
                    return;
                };
                self.handles.remove(&id);
                tracing::error!(%error, "a draft");
                let words = "the draft ended by a mistake of this program, which its log has";
                events.send(id, DraftStep::Failed(words.into()));
            }
        }
    }
}

/// Runs one draft.
async fn run_draft(client: Arc<Client>, order: DraftOrder, events: DraftEvents) -> DraftId {
    let id = order.id;
    let asked = client.prepare(&order);
    // Dropped early: it may be large, and the answer may take long.
    drop(order);
    let made = client.answer(asked, |piece| events.send(id, DraftStep::Piece(piece)));
    match made.await {
        Ok(()) | Err(Failure::Cancelled) => {}
        Err(failure) => {
            let words = failure.words(client.upstream());
            // Messages may quote the request, of which little belongs in the log.
            let logged: String = words.chars().take(MAX_LOGGED).collect();
            tracing::info!(model = client.upstream().name, words = logged, "no draft");
            events.send(id, DraftStep::Failed(words));
        }
    }
    id
}
