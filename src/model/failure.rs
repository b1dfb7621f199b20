//! Failures of upstreams, in words that tell the person what to do.

use std::io;
use std::time::Duration;

use hyper::StatusCode;
use tokio_rustls::rustls;
use tokio_rustls::rustls::CertificateError;

use super::Upstream;
use super::connection::ConnectError;
use super::events::TooLong;
use crate::api::upstream::AnswerError;
use crate::plain;

/// Most models of a server that a message lists.
const MAX_OFFERED: usize = 8;

/// Why there is no complete answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The environment variable of the key is not set.
    NoKey(String),
    /// There is no connection.
    Connect(ConnectError),
    /// The server refused the request.
    Refused(Box<UpstreamRefusal>),
    /// The response is not HTTP.
    NotHttp,
    /// The first token did not come in time.
    NoFirstToken(Duration),
    /// The next token did not come in time.
    Idle(Duration),
    /// The connection was closed before a response came.
    NoAnswer,
    /// The connection was closed in the middle of the answer.
    ConnectionLost,
    /// The response is not that of a model; with its beginning, or the title of a web page.
    NotAModel(String),
    /// The answer has an error.
    Answer(AnswerError),
    /// The draft was cancelled.
    Cancelled,
}

/// An error response of a server.
#[derive(Debug, Default)]
pub(crate) struct UpstreamRefusal {
    pub status: StatusCode,
    /// The error message.
    pub words: String,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// `Location` of a redirect.
    pub(crate) location: Option<String>,
    /// The models of the server, if the model may be what is wrong.
    pub offered: Vec<String>,
}

impl From<AnswerError> for Failure {
    fn from(fault: AnswerError) -> Self {
        match fault {
            AnswerError::Incomplete => Self::ConnectionLost,
            fault => Self::Answer(fault),
        }
    }
}

impl From<TooLong> for Failure {
    fn from(_: TooLong) -> Self {
        Self::Answer(AnswerError::TooLong)
    }
}

impl Failure {
    /// The failure in words, on one line, without secrets and without the name of the model.
    pub(crate) fn words(&self, upstream: &Upstream) -> String {
        plain::line(&upstream.without_secrets(&self.of(upstream)))
    }

    /// The same with the name of the model in front.
    pub(crate) fn named(&self, upstream: &Upstream) -> String {
        format!("{}: {}", upstream.name, self.words(upstream))
    }

    fn of(&self, upstream: &Upstream) -> String {
        let Upstream { url, .. } = upstream;
        match self {
            Self::NoKey(variable) => format!(
                "{variable} is not set, which its key comes from; set it and start humanllm again"
            ),
            Self::Connect(error) => connect_words(error, upstream),
            Self::Refused(refusal) => refusal.of(upstream),
            Self::NotHttp => format!(
                "who answers at {url} does not speak HTTP; is the port right, and http:// or https://?"
            ),
            Self::NoFirstToken(waited) => format!(
                "no word came within {} s; give it longer with first_token_seconds, or a shorter \
                 conversation",
                waited.as_secs()
            ),
            Self::Idle(waited) => format!(
                "nothing more came for {} s; idle_seconds sets how long to wait",
                waited.as_secs()
            ),
            Self::NoAnswer => {
                format!("{url} closed the connection without an answer; its own log may say why")
            }
            Self::ConnectionLost => {
                "the answer ended in the middle; what came of it is here, and its server's own log \
                 may say why"
                    .into()
            }
            Self::NotAModel(beginning) if beginning.is_empty() => {
                format!("{url} sent nothing; is it the address of a model?")
            }
            Self::NotAModel(beginning) => format!(
                "what {url} sent is no answer of a model: {beginning}; correct base_url or format in \
                 [[model]] and press F9"
            ),
            Self::Answer(AnswerError::Server(words)) => format!("\"{words}\"{}", advice(words)),
            Self::Answer(fault) => format!("{fault}; is its format in [[model]] right?"),
            Self::Cancelled => "nobody wants the answer any more".into(),
        }
    }
}

impl UpstreamRefusal {
    fn of(&self, upstream: &Upstream) -> String {
        let Upstream { url, model, .. } = upstream;
        let status = self.status.as_u16();
        let words = match self.words.as_str() {
            "" => format!("it answered {status}"),
            words => format!("it answered {status}: \"{words}\""),
        };
        let what = match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match &upstream.key {
                Some(key) => format!(
                    "; set {} to a key that it takes, and start humanllm again",
                    key.name
                ),
                None => "; name the variable that holds its key as api_key_env in [[model]]".into(),
            },
            _ if !self.offered.is_empty() => format!(
                "; it has no {model}, but {}: correct model in [[model]] and press F9",
                join_names(&self.offered)
            ),
            StatusCode::NOT_FOUND => format!(
                "; correct base_url ({url}), format or model ({model}) in [[model]] and press F9"
            ),
            StatusCode::METHOD_NOT_ALLOWED => {
                format!("; correct base_url ({url}) or format in [[model]] and press F9")
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                match self.retry_after {
                    Some(seconds) => format!("; it is busy: try again in {seconds} s"),
                    None => "; it is busy: try again in a while".into(),
                }
            }
            status if status.is_redirection() => match &self.location {
                Some(location) => {
                    format!(
                        "; what is asked is elsewhere: {location}; correct base_url in [[model]]"
                    )
                }
                None => "; what is asked is elsewhere; correct base_url in [[model]]".into(),
            },
            status if status.is_client_error() => advice(&self.words).into(),
            _ => "; its own log may say why".into(),
        };
        format!("{words}{what}")
    }
}

fn connect_words(error: &ConnectError, upstream: &Upstream) -> String {
    let Upstream {
        url,
        timeouts: patience,
        ..
    } = upstream;
    let host = url.host();
    match error {
        ConnectError::Refused => format!(
            "nothing answers at {url}; start its server, or correct base_url in [[model]] and press F9"
        ),
        ConnectError::TimedOut => format!(
            "{url} took no connection within {} s (connect_seconds); is the machine up, and the \
             address right?",
            patience.connect.as_secs()
        ),
        ConnectError::NoSuchHost => format!(
            "no machine is known by the name {host}; correct base_url in [[model]] and press F9"
        ),
        ConnectError::NoCertificates(error) => format!(
            "this system has no certificates by which {host} could be trusted ({error}); install \
             its ca-certificates, or set SSL_CERT_FILE"
        ),
        ConnectError::Tls(error) => tls_words(error, upstream),
        ConnectError::Other(error) => format!("{url} cannot be reached: {error}"),
    }
}

fn tls_words(error: &io::Error, upstream: &Upstream) -> String {
    let (host, port) = (upstream.url.host(), upstream.url.port());
    let known = error.get_ref().and_then(|inner| inner.downcast_ref());
    match known {
        Some(rustls::Error::InvalidCertificate(wrong)) => {
            let wrong = match wrong {
                CertificateError::UnknownIssuer => {
                    "is not of an authority that this system trusts; add that to its certificates, or \
                     name a file that has it in SSL_CERT_FILE, and start humanllm again"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "has expired"
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "is for another name; write base_url with the name that it is for"
                }
                _ => return format!("the certificate of {host} cannot be trusted: {wrong}"),
            };
            format!("the certificate of {host} {wrong}")
        }
        Some(rustls::Error::InvalidMessage(_)) => no_tls(host, port),
        // Servers without TLS close the connection on a TLS handshake.
        None if error.kind() != io::ErrorKind::Other => no_tls(host, port),
        _ => format!("no secure connection to {host}: {error}"),
    }
}

fn no_tls(host: &str, port: u16) -> String {
    format!(
        "{host} speaks no TLS on port {port}; write http:// in base_url if that is meant, and press F9"
    )
}

/// Advice for known error messages of servers.
fn advice(words: &str) -> &'static str {
    let words = words.to_lowercase();
    let has = |some: &[&str]| some.iter().any(|word| words.contains(word));
    if has(&["context"]) && has(&["length", "exceed", "window", "size", "too long", "maximum"])
        || has(&["prompt is too long", "too many tokens"])
    {
        "; the conversation is longer than the model takes: load it with a larger context, or have \
         the agent compact the conversation"
    } else if has(&["image", "mmproj", "vision", "multimodal"]) {
        "; if the model takes no pictures, remove images from [[model]] and press F9"
    } else if has(&[
        "prefill",
        "last message",
        "final assistant",
        "assistant message",
    ]) {
        "; say prefill = false in [[model]] and press F9"
    } else if has(&["tool", "function call", "--jinja"]) {
        "; choose a model that takes tools (llama.cpp: start it with --jinja)"
    } else if has(&["loading", "overloaded", "busy"]) {
        "; try again in a while"
    } else {
        ""
    }
}

/// Joins names, and says how many more there are.
pub(crate) fn join_names(names: &[String]) -> String {
    let shown = names.iter().take(MAX_OFFERED).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_OFFERED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
