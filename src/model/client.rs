//! One request to an upstream, and its answer.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::Upstream;
use super::connection::{Connection, Pool};
use super::events::EventParser;
use super::failure::{Failure, Refusal};
use super::trust::Trust;
use crate::api::upstream::{Ask, Asked, Continuing, Fault, Reader, error_message};
use crate::api::{Format, Piece};
use crate::inbox::DraftOrder;
use crate::plain;

/// How large a document may be.
const MOST_BYTES: usize = 32 << 20;
/// How much of an error is read.
const MOST_OF_ERROR: usize = 64 << 10;
/// How long an error, a list of models or the rest behind the end of an answer may take.
const A_MOMENT: Duration = Duration::from_secs(5);
/// Characters of a foreign text that are shown.
const LONGEST: usize = 300;
/// Bytes at the beginning of an answer that are kept to tell what it is.
const BEGINNING: usize = 4 << 10;

/// Asks an upstream.
pub(crate) struct Client {
    upstream: Upstream,
    pool: Pool,
    trust: Trust,
}

/// A model that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Its name there.
    pub id: String,
    /// Whom the server calls its owner, which tells what the server is.
    pub owner: String,
}

impl Client {
    pub fn new(upstream: Upstream, trust: Trust) -> Self {
        Self {
            upstream,
            pool: Pool::default(),
            trust,
        }
    }

    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// What goes to the server for an order, and what reads the answer.
    pub fn asked(&self, order: &DraftOrder) -> Asked {
        let Upstream {
            model,
            format,
            max_tokens,
            parameters,
            ..
        } = &self.upstream;
        let ask = Ask {
            request: &order.request,
            said: &order.said,
            continues: order.continues.as_deref(),
            hint: order.hint.as_deref(),
            model,
            format: *format,
            continuing: match self.upstream.prefill {
                true => Continuing::Prefill,
                false => Continuing::Words,
            },
            takes_images: self.upstream.images,
            takes_thoughts: self.upstream.thoughts,
            max_tokens: *max_tokens,
            parameters,
        };
        ask.write()
    }

    /// Asks, and hands on what the model says piece by piece, for as long as `take` wants more.
    pub async fn answer(
        &self,
        asked: Asked,
        take: impl FnMut(Piece) -> bool + Send,
    ) -> Result<(), Failure> {
        if let Some(key) = &self.upstream.key
            && !key.is_set
        {
            return Err(Failure::NoKey(key.name.clone()));
        }
        let patience = self.upstream.patience;
        let first = Limit {
            until: patience.first_token.map(|time| Instant::now() + time),
            failure: || Failure::NoFirstToken(patience.first_token.unwrap_or_default()),
        };
        let body = Bytes::from(asked.body);
        let (mut connection, response) = self
            .open(&Method::POST, asked.path, &body, first.until)
            .await
            .map_err(|error| error.unwrap_or_else(first.failure))?;
        if !response.status().is_success() {
            drop(body);
            return Err(self.refusal(connection, response).await);
        }
        let mut reading = Reading {
            reader: asked.reader,
            kind: None,
            beginning: Vec::new(),
            document: Vec::new(),
            parser: EventParser::default(),
            has_events: false,
            has_begun: false,
            done: None,
            take,
        };
        let mut body = response.into_body();
        while !reading.reader.is_done() {
            let until = match reading.has_begun {
                true => patience.idle.map(|time| Instant::now() + time),
                false => first.until,
            };
            let frame = by(until, connection.drive(body.frame())).await;
            let frame = frame.ok_or_else(|| match (reading.has_begun, patience.idle) {
                (true, Some(idle)) => Failure::Idle(idle),
                _ => (first.failure)(),
            })?;
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        reading.data(&data)?;
                    }
                }
                Some(Err(_)) => return Err(reading.broken()),
                None => {
                    reading.end()?;
                    break;
                }
            }
        }
        // What ends the answer comes with its last words. Whoever asks again at once shall find the
        // connection, and nobody waits for a server that leaves it open.
        let mut keeping = pin!(self.keep(connection, body));
        let kept = keeping.as_mut().now_or_never();
        if let Some(done) = reading.done
            && !(reading.take)(done)
        {
            return Err(Failure::Unwanted);
        }
        if kept.is_none() {
            keeping.await;
        }
        Ok(())
    }

    /// The models that the server offers.
    pub async fn offered(&self) -> Result<Vec<Offered>, Failure> {
        let until = Some(Instant::now() + A_MOMENT);
        let late = || Failure::NoFirstToken(A_MOMENT);
        let (mut connection, response) = self
            .open(&Method::GET, "/models", &Bytes::new(), until)
            .await
            .map_err(|error| error.unwrap_or_else(late))?;
        if !response.status().is_success() {
            return Err(Box::pin(self.refusal_alone(connection, response)).await);
        }
        let mut body = response.into_body();
        let document = collected(&mut connection, &mut body, MOST_BYTES).await;
        let document: Value = serde_json::from_slice(&document)
            .map_err(|_| Failure::NoModel(shown(&String::from_utf8_lossy(&document))))?;
        self.keep(connection, body).await;
        let text = |model: &Value, key: &str| model[key].as_str().unwrap_or_default().to_owned();
        let models = document["data"].as_array().into_iter().flatten();
        let models = models.map(|model| Offered {
            id: text(model, "id"),
            owner: text(model, "owned_by"),
        });
        Ok(models.filter(|model| !model.id.is_empty()).collect())
    }

    /// Sends a request and waits for the head of the answer; fails with nothing if that takes too
    /// long. Once it tries again: where a connection that waited for the next request was being closed
    /// meanwhile.
    async fn open(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
        until: Option<Instant>,
    ) -> Result<(Connection, Response<Incoming>), Option<Failure>> {
        if let Some(mut connection) = self.pool.take().await {
            let answer = connection.send(self.request(method, path, body));
            match by(until, answer).await.ok_or(None)? {
                Ok(response) => return Ok((connection, response)),
                Err(error) if error.is_parse() => return Err(Some(Failure::NoHttp)),
                Err(error) => tracing::debug!(%error, "a connection was closed meanwhile"),
            }
        }
        let connecting = Connection::new(
            &self.upstream.url,
            &self.trust,
            self.upstream.patience.connect,
        );
        let mut connection = connecting
            .await
            .map_err(|error| Some(Failure::Connect(error)))?;
        let answer = connection.send(self.request(method, path, body));
        match by(until, answer).await.ok_or(None)? {
            Ok(response) => Ok((connection, response)),
            Err(error) if error.is_parse() => Err(Some(Failure::NoHttp)),
            Err(error) => {
                tracing::debug!(%error, "no answer of an upstream");
                Err(Some(Failure::NoAnswer))
            }
        }
    }

    fn request(&self, method: &Method, path: &str, body: &Bytes) -> Request<Full<Bytes>> {
        let Upstream {
            url,
            format,
            headers,
            ..
        } = &self.upstream;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = url.path_of(path).parse().unwrap_or_default();
        let all = request.headers_mut();
        all.insert(USER_AGENT, own_name());
        all.insert(
            ACCEPT,
            HeaderValue::from_static("text/event-stream, application/json"),
        );
        if *method == Method::POST {
            all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if *format == Format::Messages {
            all.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        for (name, value) in headers {
            all.insert(name, value.clone());
        }
        if let Ok(host) = HeaderValue::from_str(url.authority()) {
            all.insert(HOST, host);
        }
        request
    }

    /// Why a server says no; with the models that it has, where it may not have this one.
    async fn refusal(&self, connection: Connection, response: Response<Incoming>) -> Failure {
        let failure = self.refusal_alone(connection, response).await;
        let Failure::Refused(mut refusal) = failure else {
            return failure;
        };
        let words = refusal.words.to_lowercase();
        let is_of_model = refusal.status == StatusCode::NOT_FOUND
            || refusal.status.is_client_error() && words.contains("model");
        if is_of_model && let Ok(offered) = self.offered().await {
            let names: Vec<String> = offered.into_iter().map(|model| model.id).collect();
            if !names.contains(&self.upstream.model) {
                refusal.offered = names;
            }
        }
        Failure::Refused(refusal)
    }

    async fn refusal_alone(
        &self,
        mut connection: Connection,
        response: Response<Incoming>,
    ) -> Failure {
        let (head, mut body) = response.into_parts();
        let error = collected(&mut connection, &mut body, MOST_OF_ERROR).await;
        self.keep(connection, body).await;
        let words = error_message(&error).unwrap_or_else(|| String::from_utf8_lossy(&error).into());
        let header = |name| text_of(&head.headers, name);
        Failure::Refused(Box::new(Refusal {
            status: head.status,
            words: shown(&self.upstream.without_secrets(&words)),
            retry_after: header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()),
            location: header(LOCATION).map(|location| shown(&location)),
            offered: Vec::new(),
        }))
    }

    /// Keeps a connection for the next request, if the answer comes to its end at once.
    async fn keep(&self, mut connection: Connection, mut body: Incoming) {
        let rest = async {
            let mut read = 0;
            while let Some(frame) = connection.drive(body.frame()).await {
                let frame = frame.ok()?;
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > MOST_OF_ERROR {
                    return None;
                }
            }
            Some(())
        };
        if let Ok(Some(())) = timeout(A_MOMENT, rest).await {
            drop(body);
            self.pool.put(connection);
        }
    }
}

/// Until when something has to come, and what it is if it does not.
struct Limit<F: Fn() -> Failure> {
    until: Option<Instant>,
    failure: F,
}

/// Waits for something until then; for ever, if there is no such time.
async fn by<T>(until: Option<Instant>, wanted: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => timeout_at(until, wanted).await.ok(),
        None => Some(wanted.await),
    }
}

/// What an answer is, as its first character tells: servers say one thing in the head and send another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Events,
    Document,
    /// A web page.
    Page,
}

/// An answer that is being read.
struct Reading<F> {
    reader: Reader,
    kind: Option<Kind>,
    /// What came first, to be shown if it is no answer.
    beginning: Vec<u8>,
    document: Vec<u8>,
    parser: EventParser,
    has_events: bool,
    /// Whether the model has said something.
    has_begun: bool,
    /// The last piece.
    done: Option<Piece>,
    take: F,
}

impl<F: FnMut(Piece) -> bool> Reading<F> {
    fn data(&mut self, data: &[u8]) -> Result<(), Failure> {
        if !self.has_events {
            let room = BEGINNING.saturating_sub(self.beginning.len());
            self.beginning
                .extend_from_slice(&data[..room.min(data.len())]);
        }
        if self.kind.is_none() {
            self.kind = kind(&self.beginning);
        }
        match self.kind {
            None | Some(Kind::Events) => self.events(data),
            Some(Kind::Document) if self.document.len() + data.len() > MOST_BYTES => {
                Err(Failure::Fault(Fault::TooLong))
            }
            Some(Kind::Document) => {
                self.document.extend_from_slice(data);
                Ok(())
            }
            // Enough to see its title.
            Some(Kind::Page) if self.beginning.len() == BEGINNING => self.end(),
            Some(Kind::Page) => Ok(()),
        }
    }

    fn events(&mut self, data: &[u8]) -> Result<(), Failure> {
        let mut parser = std::mem::take(&mut self.parser);
        let fed = parser.feed(data, |event| self.event(event.name, event.data));
        self.parser = parser;
        fed
    }

    fn event(&mut self, name: &str, data: &str) -> Result<(), Failure> {
        self.has_events = true;
        if self.reader.is_done() {
            return Ok(());
        }
        let name = (!name.is_empty()).then_some(name);
        let pieces = self.reader.event(name, data)?;
        self.hand_on(pieces)
    }

    fn hand_on(&mut self, pieces: Vec<Piece>) -> Result<(), Failure> {
        for piece in pieces {
            self.has_begun = true;
            if matches!(piece, Piece::Done { .. }) {
                self.done = Some(piece);
            } else if !(self.take)(piece) {
                return Err(Failure::Unwanted);
            }
        }
        Ok(())
    }

    /// There is no more.
    fn end(&mut self) -> Result<(), Failure> {
        if self.kind == Some(Kind::Document) {
            let pieces = self.reader.document(&self.document)?;
            return self.hand_on(pieces);
        }
        if self.kind != Some(Kind::Page) {
            let mut parser = std::mem::take(&mut self.parser);
            parser.end(|event| self.event(event.name, event.data))?;
        }
        if !self.has_events {
            let beginning = String::from_utf8_lossy(&self.beginning);
            return Err(Failure::NoModel(shown(&beginning)));
        }
        if !self.reader.is_done() {
            let pieces = self.reader.end()?;
            self.hand_on(pieces)?;
        }
        Ok(())
    }

    /// The connection broke.
    fn broken(&self) -> Failure {
        match self.beginning.is_empty() {
            true => Failure::NoAnswer,
            false => Failure::HungUp,
        }
    }
}

fn kind(beginning: &[u8]) -> Option<Kind> {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    Some(match text.trim_ascii_start().first()? {
        b'{' | b'[' => Kind::Document,
        b'<' => Kind::Page,
        _ => Kind::Events,
    })
}

/// All of a body that comes, as far as it is not too much.
async fn collected(connection: &mut Connection, body: &mut Incoming, most: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let until = Some(Instant::now() + A_MOMENT);
    while let Some(Some(Ok(frame))) = by(until, connection.drive(body.frame())).await {
        all.extend(frame.data_ref().map(|data| &data[..]).unwrap_or_default());
        if all.len() >= most {
            all.truncate(most);
            break;
        }
    }
    all
}

fn text_of(headers: &HeaderMap, name: hyper::header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

fn own_name() -> HeaderValue {
    HeaderValue::from_static(concat!("humanllm/", env!("CARGO_PKG_VERSION")))
}

/// A foreign text for a person: on one line, not too long, and of a web page its title.
fn shown(text: &str) -> String {
    let text = title(text).unwrap_or(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = plain::line(&words.join(" "));
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn title(text: &str) -> Option<&str> {
    if !text.trim_start().starts_with('<') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let length = lower[start..].find("</title>")?;
    Some(&text[start..start + length])
}
