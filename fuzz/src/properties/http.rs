//! Whole HTTP requests, with somebody who answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, Response};
use humanllm::api::Ending;
use humanllm::draft::Draft;
use humanllm::inbox::{self, Change, Event, Inbox};
use humanllm::server::{Limits, ServerSettings, router};
use humanllm::store::Store;
use jiff::Timestamp;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::mpsc::UnboundedReceiver;
use tower_service::Service;

use super::requests::{depth, replies};

/// A request line, header lines, an empty line and a body.
pub fn http(data: &[u8]) {
    let Some(request) = request(data) else {
        return;
    };
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let store = Store::new(3);
        let (intake, events) = inbox::channel(1, store.clone());
        let mut server = router(intake, settings()).into_router();
        tokio::select! {
            () = read(&mut server, request, data) => {}
            () = person(events, store, data) => {}
        }
    });
}

fn settings() -> ServerSettings {
    ServerSettings {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
        api_key: None,
        models: vec!["human".into(), "org/human".into()],
        max_body: 1 << 20,
        heartbeat: Duration::from_secs(3600),
        socket_lifetime: Duration::from_secs(3600),
        allowed_hosts: vec!["example.org".into()],
        allowed_origins: vec!["https://example.org".into()],
        answered: humanllm::agents::AutoAnswered::default(),
        study: humanllm::study::Study::default(),
        limits: Limits::new(1_024, 1 << 20, 100),
    }
}

/// What an HTTP library makes of the bytes, if it can make anything of them.
fn request(data: &[u8]) -> Option<Request<Body>> {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = data.split_at(end.unwrap_or(data.len()));
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut words = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    let body = body.get(2..).unwrap_or_default();
    request.body(Body::from(body.to_vec())).ok()
}

/// Answers everything that arrives, for as long as there is a server.
async fn person(mut events: UnboundedReceiver<Event>, store: Store, data: &[u8]) {
    let mut inbox = Inbox::new(store);
    let now = Timestamp::UNIX_EPOCH;
    let words: String = String::from_utf8_lossy(data).chars().take(100).collect();
    while let Some(event) = events.recv().await {
        if let Some(Change::Arrived {
            conversation,
            automatic: false,
            ..
        }) = inbox.apply(event, now)
        {
            for reply in replies(&words, Ending::Completed) {
                // The client may be gone already.
                let rest = Draft::default();
                let _ = inbox.reply(conversation, reply, words.as_str().into(), &rest, now);
            }
        }
    }
}

/// Reads the answer, and checks that it is one.
async fn read(server: &mut Router, request: Request<Body>, data: &[u8]) {
    let is_head = request.method() == Method::HEAD;
    let Ok(response): Result<Response<Body>, _> = server.call(request).await;
    let status = response.status();
    assert!(status.as_u16() < 500, "{status}");
    let kind = response.headers().get(CONTENT_TYPE).cloned();
    let body = to_bytes(response.into_body(), usize::MAX).await;
    let body = body.expect("a body that is in memory");
    let body = std::str::from_utf8(&body).expect("text");
    if is_head {
        // A head is all that there is to it, whatever it tells of a body.
        return assert!(body.is_empty(), "{body}");
    }
    match kind.as_ref().map(|kind| kind.as_bytes()) {
        Some(b"application/json") => {
            assert!(depth(data) > 100 || serde_json::from_str::<Value>(body).is_ok());
        }
        Some(b"text/event-stream") => {
            let known = ["data:", "event:"];
            let is_known = |line: &str| known.iter().any(|start| line.starts_with(start));
            assert!(body.lines().all(|line| line.is_empty() || is_known(line)));
        }
        // To a method that is not allowed.
        _ => assert!(body.is_empty(), "{kind:?}: {body}"),
    }
}
