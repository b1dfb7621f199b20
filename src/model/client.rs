//! Sends requests to an upstream, and reads the answers.

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
use super::answer_reader::{AnswerReader, MAX_BYTES, shown};
use super::connection::{Pool, UpstreamConnection};
use super::failure::{Failure, UpstreamRefusal};
use super::trust::Trust;
use crate::api::upstream::{Continuing, DraftContext, UpstreamRequest, error_message};
use crate::api::{Format, Piece};
use crate::inbox::DraftOrder;

/// Most bytes of an error body that are read.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Time limit for an error body, a list of models, or the data after the end of an answer.
const SHORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of one upstream.
pub(crate) struct Client {
    upstream: Upstream,
    pool: Pool,
    trust: Trust,
}

/// A model that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedModel {
    /// Its id on the server.
    pub id: String,
    /// `owned_by`, which tells what kind of server it is.
    pub owner: String,
}

impl Client {
    pub(crate) fn new(upstream: Upstream, trust: Trust) -> Self {
        Self {
            upstream,
            pool: Pool::default(),
            trust,
        }
    }

    /// A client for one or two requests.
    pub(crate) fn without_reuse(upstream: Upstream) -> Self {
        Self::new(upstream, Trust::default())
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Prepares the request for an order, with the reader of its answer.
    pub(crate) fn prepare(&self, order: &DraftOrder) -> UpstreamRequest {
        let Upstream {
            model,
            format,
            max_tokens,
            parameters,
            ..
        } = &self.upstream;
        let ask = DraftContext {
            request: &order.request,
            said: &order.already_sent,
            continues: order.continues.as_deref(),
            hint: order.hint.as_deref(),
            model,
            format: *format,
            continuing: if self.upstream.prefill {
                Continuing::Prefill
            } else {
                Continuing::Words
            },
            takes_images: self.upstream.images,
            takes_thoughts: self.upstream.thoughts,
            max_tokens: *max_tokens,
            parameters,
        };
        ask.write()
    }

    /// Sends a request, and passes each piece of the answer to `take`, until that returns false.
    pub(crate) async fn answer(
        &self,
        asked: UpstreamRequest,
        take: impl FnMut(Piece) -> bool + Send,
    ) -> Result<(), Failure> {
        if let Some(key) = &self.upstream.key
            && !key.is_set
        {
            return Err(Failure::NoKey(key.name.clone()));
        }
        let patience = self.upstream.timeouts;
        let first = patience.first_token.map(|time| Instant::now() + time);
        let late = || Failure::NoFirstToken(patience.first_token.unwrap_or_default());
        let body = Bytes::from(asked.body);
        let (mut connection, response) = self
            .open(&Method::POST, asked.path, &body, first)
            .await
            .map_err(|error| error.unwrap_or_else(late))?;
        if !response.status().is_success() {
            drop(body);
            return Err(self.refusal(connection, response).await);
        }
        let mut reading = AnswerReader::new(asked.reader, take);
        let mut body = response.into_body();
        while !reading.is_done() {
            let until = if reading.has_begun() {
                patience.idle.map(|time| Instant::now() + time)
            } else {
                first
            };
            let frame = with_deadline(until, connection.drive(body.frame())).await;
            let frame = frame.ok_or_else(|| match (reading.has_begun(), patience.idle) {
                (true, Some(idle)) => Failure::Idle(idle),
                _ => late(),
            })?;
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        reading.feed(&data)?;
                    }
                }
                Some(Err(_)) => {
                    reading.connection_lost()?;
                    break;
                }
                None => {
                    reading.end()?;
                    break;
                }
            }
        }
        // The end of the body usually comes with the last event. Then the connection is back in the
        // pool before the answer is reported as done, so that the next request finds it; a server
        // that keeps the body open delays nobody.
        let mut keeping = pin!(self.return_to_pool(connection, body));
        // The first poll asks for the end, the second gets it.
        let is_kept = (0..2).any(|_| keeping.as_mut().now_or_never().is_some());
        reading.finish()?;
        if !is_kept {
            keeping.await;
        }
        Ok(())
    }

    /// Lists the models of the server.
    pub(crate) async fn list_models(&self) -> Result<Vec<OfferedModel>, Failure> {
        let until = Some(Instant::now() + SHORT_TIMEOUT);
        let late = || Failure::NoFirstToken(SHORT_TIMEOUT);
        let (mut connection, response) = self
            .open(&Method::GET, "/models", &Bytes::new(), until)
            .await
            .map_err(|error| error.unwrap_or_else(late))?;
        if !response.status().is_success() {
            return Err(Box::pin(self.refusal_without_models(connection, response)).await);
        }
        let mut body = response.into_body();
        let document = read_body(&mut connection, &mut body, MAX_BYTES).await;
        let document: Value = serde_json::from_slice(&document)
            .map_err(|_| Failure::NotAModel(shown(&String::from_utf8_lossy(&document))))?;
        self.return_to_pool(connection, body).await;
        let text = |model: &Value, key: &str| model[key].as_str().unwrap_or_default().to_owned();
        let models = document["data"].as_array().into_iter().flatten();
        let models = models.map(|model| OfferedModel {
            id: text(model, "id"),
            owner: text(model, "owned_by"),
        });
        Ok(models.filter(|model| !model.id.is_empty()).collect())
    }

    /// Sends a request and waits for the response head; `Err(None)` on timeout. Retries once if a
    /// pooled connection turns out to be closed.
    async fn open(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
        until: Option<Instant>,
    ) -> Result<(UpstreamConnection, Response<Incoming>), Option<Failure>> {
        if let Some(mut connection) = self.pool.take().await {
            let answer = connection.send(self.request(method, path, body));
            match with_deadline(until, answer).await.ok_or(None)? {
                Ok(response) => return Ok((connection, response)),
                Err(error) if error.is_parse() => return Err(Some(Failure::NotHttp)),
                Err(error) => tracing::debug!(%error, "a connection was closed meanwhile"),
            }
        }
        let connecting = UpstreamConnection::new(
            &self.upstream.url,
            &self.trust,
            self.upstream.timeouts.connect,
        );
        let mut connection = connecting
            .await
            .map_err(|error| Some(Failure::Connect(error)))?;
        let answer = connection.send(self.request(method, path, body));
        match with_deadline(until, answer).await.ok_or(None)? {
            Ok(response) => Ok((connection, response)),
            Err(error) if error.is_parse() => Err(Some(Failure::NotHttp)),
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
        all.insert(USER_AGENT, own_user_agent());
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

    /// Reads the refusal of a server; with its list of models, if it may not have this one.
    async fn refusal(
        &self,
        connection: UpstreamConnection,
        response: Response<Incoming>,
    ) -> Failure {
        let failure = self.refusal_without_models(connection, response).await;
        let Failure::Refused(mut refusal) = failure else {
            return failure;
        };
        let words = refusal.words.to_lowercase();
        let is_of_model = refusal.status == StatusCode::NOT_FOUND
            || refusal.status.is_client_error() && words.contains("model");
        if is_of_model && let Ok(offered) = self.list_models().await {
            let names: Vec<String> = offered.into_iter().map(|model| model.id).collect();
            if !names.contains(&self.upstream.model) {
                refusal.offered = names;
            }
        }
        Failure::Refused(refusal)
    }

    async fn refusal_without_models(
        &self,
        mut connection: UpstreamConnection,
        response: Response<Incoming>,
    ) -> Failure {
        let (head, mut body) = response.into_parts();
        let error = read_body(&mut connection, &mut body, MAX_ERROR_BYTES).await;
        self.return_to_pool(connection, body).await;
        let words = error_message(&error).unwrap_or_else(|| String::from_utf8_lossy(&error).into());
        let header = |name| text_of(&head.headers, name);
        Failure::Refused(Box::new(UpstreamRefusal {
            status: head.status,
            words: shown(&self.upstream.without_secrets(&words)),
            retry_after: header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()),
            location: header(LOCATION).map(|location| shown(&location)),
            offered: Vec::new(),
        }))
    }

    /// Returns a connection to the pool, if the body ends shortly.
    async fn return_to_pool(&self, mut connection: UpstreamConnection, mut body: Incoming) {
        let rest = async {
            let mut read = 0;
            while let Some(frame) = connection.drive(body.frame()).await {
                let frame = frame.ok()?;
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > MAX_ERROR_BYTES {
                    return None;
                }
            }
            Some(())
        };
        if let Ok(Some(())) = timeout(SHORT_TIMEOUT, rest).await {
            drop(body);
            self.pool.put(connection);
        }
    }
}

/// Waits for a future until a deadline, or forever without one.
async fn with_deadline<T>(until: Option<Instant>, wanted: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => timeout_at(until, wanted).await.ok(),
        None => Some(wanted.await),
    }
}

/// Reads a body, at most `most` bytes of it.
async fn read_body(
    connection: &mut UpstreamConnection,
    body: &mut Incoming,
    most: usize,
) -> Vec<u8> {
    let mut all = Vec::new();
    let until = Some(Instant::now() + SHORT_TIMEOUT);
    while let Some(Some(Ok(frame))) = with_deadline(until, connection.drive(body.frame())).await {
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

fn own_user_agent() -> HeaderValue {
    HeaderValue::from_static(concat!("humanllm/", env!("CARGO_PKG_VERSION")))
}
