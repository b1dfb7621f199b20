//! The server without the terminal interface, for a caller that answers requests itself.

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

/// How long open connections may take to finish on shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// A running server and its events. It stops when this is dropped.
pub(crate) struct HeadlessServer {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The store, which has no journal.
    pub store: Store,
    events: mpsc::UnboundedReceiver<Event>,
    stop: watch::Sender<bool>,
    closed: oneshot::Receiver<()>,
    server_task: JoinHandle<io::Result<()>>,
}

impl HeadlessServer {
    /// Starts to serve, within a Tokio runtime. Requests that `screen` objects to are rejected.
    pub(crate) fn start(
        config: &Config,
        listener: TcpListener,
        screen: Option<RequestFilter>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let store = Store::new(config.server.max_stored);
        let (intake, events) = inbox::channel(config.server.max_waiting, store.clone());
        let intake = match screen {
            Some(screen) => intake.with_filter(screen),
            None => intake,
        };
        let settings = config.server_settings(address, descriptors::raise_limit());
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

    /// Waits for the next event.
    pub(crate) async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// Stops to accept connections, and gives open ones a moment to receive the end of their responses.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        // A timeout or an error does not change what follows.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.closed).await;
        drop(self.events);
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.server_task).await;
    }
}
