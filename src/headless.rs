//! The server of this program with somebody else than a person behind it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::descriptors;
use crate::inbox::{self, Event, RequestFilter};
use crate::server::{self, Server};
use crate::store::Store;

/// How long connections have to take in that their response has ended.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that listens, and what happens at it. It stops when this is dropped.
pub(crate) struct HeadlessServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// What was asked and said; nothing of it is on disk.
    pub store: Store,
    events: mpsc::UnboundedReceiver<Event>,
    stop: watch::Sender<bool>,
    closed: oneshot::Receiver<()>,
    server_task: JoinHandle<io::Result<()>>,
}

impl HeadlessServer {
    /// Begins to serve on a port, within a runtime. What `screen` objects to is refused.
    pub fn start(
        config: &Config,
        listener: TcpListener,
        screen: Option<RequestFilter>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let store = Store::new(config.server.max_stored);
        let (intake, events) = inbox::channel(config.server.max_waiting, store.clone());
        let intake = match screen {
            Some(screen) => intake.screened(screen),
            None => intake,
        };
        let settings = config.server_settings(address, descriptors::raise());
        let (stop, stopped) = watch::channel(false);
        let (server, closed) = Server::new(listener, server::router(intake, settings), stopped);
        Ok(Self {
            address,
            store,
            events,
            stop,
            closed,
            server_task: tokio::spawn(server.serve()),
        })
    }

    /// Waits for the next thing that happens.
    pub async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Closes the port, and gives those who are connected a moment to take in how their responses end.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // Taking longer, or having failed, changes nothing of what follows.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.closed).await;
        drop(self.events);
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.server_task).await;
    }
}
