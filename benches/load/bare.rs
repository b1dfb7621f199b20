//! The least that a server can do: read the same body, and hold a stream open with two events.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use futures_util::{StreamExt, stream};

use crate::process::Process;

/// The argument that makes this program that server.
pub const ARGUMENT: &str = "--serve-bare";

/// A bare server in a process of its own.
pub struct Bare {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Bare {
    /// Starts it.
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bare server");
        let mut line = String::new();
        let told = child.stdout.take().expect("its output");
        BufReader::new(told)
            .read_line(&mut line)
            .expect("its address");
        let address = line.trim().parse().expect("an address");
        Self { child, address }
    }

    /// Its process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until the process that started this one is gone, with as many threads as the program
/// has.
pub fn serve() {
    std::thread::spawn(|| {
        // Ends with the other end of the pipe.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free port");
        println!("{}", listener.local_addr().expect("its address"));
        let router = Router::new().route("/v1/responses", post(answer));
        axum::serve(listener, router).await.expect("a server");
    });
}

async fn answer(_body: Bytes) -> impl IntoResponse {
    let event = |name: &str| {
        let event = format!("event: {name}\ndata: {{\"type\":\"{name}\"}}\n\n");
        Ok::<_, Infallible>(Bytes::from(event))
    };
    let events = [event("response.created"), event("response.in_progress")];
    let events = stream::iter(events).chain(stream::pending());
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(events),
    )
}
