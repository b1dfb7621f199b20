//! The server on a port of its own, and a scripted person behind it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use humanllm::agents::AutoAnswered;
use humanllm::api::{Body, Ending, FailureCode, Phase, Reply};
use humanllm::draft::Draft;
use humanllm::inbox::{self, Change, ConversationId, Drafting, Event, Inbox, Intake, ReplyError};
use humanllm::model::{Catalog, Models, Upstream};
use humanllm::server::{Limits, SOCKET_LIFETIME, Server, ServerSettings, router};
use humanllm::store::Store;
use humanllm::study::Study;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Client, DEADLINE};

/// How many requests may wait, unless a test needs another number.
const MAX_WAITING: usize = 100;

/// A server, and the inbox of the person behind it, who does what the test says and nothing else.
pub struct TestServer {
    /// Where the server listens.
    pub address: SocketAddr,
    /// A client of it.
    pub client: Client,
    /// What the person sees; nothing after [`TestServer::leave`].
    pub inbox: Inbox,
    runtime: Runtime,
    intake: Intake,
    models: Option<Models>,
    events: mpsc::UnboundedReceiver<Event>,
    stop: watch::Sender<bool>,
    closed: Option<oneshot::Receiver<()>>,
    server_task: Option<tokio::task::JoinHandle<io::Result<()>>>,
}

impl TestServer {
    /// A server with defaults: no key, no heartbeat during the test, housekeeping answered.
    pub fn start() -> Self {
        Self::with_settings(MAX_WAITING, |_| {})
    }

    /// A server with settings changed, and room for this many waiting requests.
    pub fn with_settings(max_waiting: usize, change: impl FnOnce(&mut ServerSettings)) -> Self {
        Self::with_store(Store::new(100), max_waiting, change)
    }

    /// The same with this store.
    pub fn with_store(
        store: Store,
        max_waiting: usize,
        change: impl FnOnce(&mut ServerSettings),
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut settings = ServerSettings {
            address,
            api_key: None,
            models: vec!["human".into(), "org/human".into()],
            max_body: 64 << 20,
            heartbeat: Duration::from_secs(3600),
            socket_lifetime: SOCKET_LIFETIME,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            answered: AutoAnswered::default(),
            study: Study::default(),
            limits: Limits::new(1_024, 64 << 20, 100),
        };
        change(&mut settings);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (intake, events) = inbox::channel(max_waiting, store.clone());
        let (stop, stopped) = watch::channel(false);
        let router = router(intake.clone(), settings);
        let (server, closed) = Server::new(listener, router, stopped);
        let server_task = runtime.spawn(server.serve());
        Self {
            address,
            client: Client::new(address),
            inbox: Inbox::new(store),
            runtime,
            intake,
            models: None,
            events,
            stop,
            closed: Some(closed),
            server_task: Some(server_task),
        }
    }

    /// Starts models that draft, in place of those before, and returns the catalog of them.
    pub fn start_models(&mut self, upstreams: Vec<Upstream>) -> Catalog {
        let (orders, ordered) = mpsc::unbounded_channel();
        self.inbox.set_drafting(Drafting {
            models: upstreams.iter().map(|model| model.name.clone()).collect(),
            orders: Some(orders),
            ..Drafting::default()
        });
        let catalog = Catalog::new(upstreams);
        let events = self.intake.draft_events();
        let runtime = self.runtime.handle();
        self.models = Some(Models::start(runtime, catalog.clone(), ordered, events));
        catalog
    }

    /// Stops the models.
    pub fn stop_models(&mut self) {
        if let Some(models) = self.models.take() {
            within(&self.runtime, "the models to stop", models.stop());
        }
    }

    /// Waits for the next change of the inbox that the person sees.
    pub fn next_change(&mut self) -> Change {
        loop {
            let event = within(&self.runtime, "an event", self.events.recv());
            let event = event.expect("the server is up");
            if let Some(change) = self.inbox.apply(event, Timestamp::now()) {
                return change;
            }
        }
    }

    /// Waits for a request that the person has to answer, and returns its conversation.
    pub fn next_request(&mut self) -> ConversationId {
        match self.next_change() {
            Change::Arrived {
                conversation,
                automatic: false,
                ..
            } => conversation,
            other => panic!("expected a request, got {other:?}"),
        }
    }

    /// Waits until a reply was written to the client's connection.
    pub fn wait_delivery(&mut self) {
        let change = self.next_change();
        assert!(matches!(change, Change::Delivered { .. }), "{change:?}");
    }

    /// Whether there is no event that was not waited for yet.
    pub fn is_quiet(&self) -> bool {
        self.events.is_empty()
    }

    /// Replies as the person does.
    pub fn reply(&mut self, id: ConversationId, reply: Reply) -> Result<(), ReplyError> {
        self.inbox.reply(
            id,
            reply,
            "typed".into(),
            &Draft::default(),
            Timestamp::now(),
        )
    }

    /// Asks for a response that is not streamed. The answer comes when the person has given it.
    pub fn ask(&self, body: Value) -> JoinHandle<(u16, Value)> {
        let client = self.client.clone();
        std::thread::spawn(move || client.post_json("/v1/responses", &[], &body))
    }

    /// Asks for a response and answers; returns the response and the conversation.
    pub fn exchange(&mut self, mut body: Value, reply: &str) -> (Value, ConversationId) {
        body["model"] = json!("human");
        let asked = self.ask(body);
        let id = self.next_request();
        self.reply(id, answer(reply)).expect("somebody waits");
        let (status, response) = asked.join().expect("a response");
        assert_eq!(status, 200, "{response}");
        self.wait_delivery();
        (response, id)
    }

    /// Sends bytes as they are, and returns all that comes back until the server closes.
    pub fn send_raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8(answer).expect("text")
    }

    /// A connection with nothing sent yet.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("connected");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream
    }

    /// Tells the server to stop and waits until its port is closed.
    pub fn close(&mut self) {
        self.stop.send_replace(true);
        let closed = self.closed.take().expect("it was open");
        // The sender is dropped with the listener, which is an error to the receiver.
        let _ = within(&self.runtime, "the port to be closed", closed);
    }

    /// The person leaves without another word.
    pub fn leave(&mut self) {
        self.inbox = Inbox::new(Store::new(0));
        let (_, nothing) = mpsc::unbounded_channel();
        self.events = nothing;
    }

    /// Waits until the server has finished everything.
    pub fn finish(&mut self) {
        let task = self.server_task.take().expect("it was serving");
        let result = within(&self.runtime, "the server to end", task);
        result.expect("no panic").expect("no error");
    }
}

/// Runs a future to its end, but not longer than [`DEADLINE`].
fn within<T>(runtime: &Runtime, what: &str, future: impl Future<Output = T>) -> T {
    let found = runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await });
    found.unwrap_or_else(|_| panic!("gave up waiting for {what}"))
}

/// A message that leaves the response open.
pub fn note(text: &str) -> Reply {
    Reply::Items(vec![Body::message(text, Phase::Commentary)])
}

/// A message that ends the response.
pub fn answer(text: &str) -> Reply {
    Reply::End {
        items: vec![Body::message(text, Phase::FinalAnswer)],
        ending: Ending::Completed,
    }
}

/// A rejection, which ends the response as failed.
pub fn rejection(message: &str) -> Reply {
    Reply::End {
        items: Vec::new(),
        ending: Ending::Failed {
            code: FailureCode::InvalidPrompt,
            message: message.into(),
        },
    }
}

/// The smallest request, streamed or not.
pub fn hello_request(stream: bool) -> Value {
    json!({"model": "human", "input": "hello", "stream": stream})
}

/// The request in which Codex 0.169 asks for the title of a new thread.
pub fn title_request(stream: bool) -> Value {
    let metadata = json!({"thread_id": "t", "thread_source": "thread_title"}).to_string();
    json!({
        "model": "human", "stream": stream,
        "input": [{"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "Name it.\n\nUser prompt:\n\nSay hello in Japanese"}]}],
        "text": {"format": {"type": "json_schema", "name": "n", "strict": true, "schema": {
            "type": "object", "required": ["title"], "additionalProperties": false,
            "properties": {"title": {"type": "string", "minLength": 1, "maxLength": 36}}}}},
        "client_metadata": {"x-codex-turn-metadata": metadata},
    })
}
