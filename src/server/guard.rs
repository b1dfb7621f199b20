//! Access control: requires the key, and keeps web pages out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::error::ErrorResponse;
use super::refusals::excerpt;
use super::{ServerSettings, body, cors};
use crate::api::ApiError;

/// Header with the key of Anthropic's clients.
const API_KEY: &str = "x-api-key";

/// Checks for every request before it reaches a route.
#[derive(Debug)]
pub(super) struct Guard {
    api_key: Option<Vec<u8>>,
    loopback: bool,
    names: Vec<HostName>,
    allowed_origins: Vec<String>,
}

/// The host in a `Host` header.
#[derive(Debug, PartialEq, Eq)]
enum HostName {
    /// An IP address in canonical form: `::ffff:127.0.0.1` is 127.0.0.1.
    Address(IpAddr),
    /// Any other name, in lower case. Browsers normalize addresses, so `127.1` and `0x7f000001`
    /// count as unknown names.
    Word(String),
}

impl HostName {
    /// The name in `name:port`, `[v6]:port` or a bare name or address; `None` if it is none of
    /// these.
    fn of(host: &str) -> Option<Self> {
        let name = host_name(host)?;
        Some(match name.parse::<IpAddr>() {
            Ok(address) => Self::Address(address.to_canonical()),
            Err(_) => Self::Word(name.to_ascii_lowercase()),
        })
    }
}

impl Guard {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        let address = settings.address.ip().to_canonical();
        let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        let own = [v4, v6, address].map(HostName::Address).into_iter();
        let own = own.chain([HostName::Word("localhost".into())]);
        let allowed = settings.allowed_hosts.iter();
        let allowed = allowed.filter_map(|host| HostName::of(host));
        Self {
            api_key: settings.api_key.clone(),
            loopback: address.is_loopback(),
            names: own.chain(allowed).collect(),
            allowed_origins: settings.allowed_origins.clone(),
        }
    }

    /// Whether a `Host` is one of this server's own names. A page whose name was pointed at this
    /// machine (DNS rebinding) still sends its own name. Off loopback the key protects instead,
    /// because the names of the machine are not known.
    fn knows_host(&self, host: &str) -> bool {
        !self.loopback || HostName::of(host).is_some_and(|name| self.names.contains(&name))
    }

    /// Browsers send an `Origin` with every request that a page could not make by itself; agents
    /// send none.
    fn knows_origin(&self, origin: &str) -> bool {
        self.allowed_origins
            .iter()
            .any(|known| known.eq_ignore_ascii_case(origin))
    }

    /// Compares in constant time for keys of the right length (the length is no secret).
    fn has_key(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.api_key else {
            return true;
        };
        let bearer = headers.get(AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.as_bytes().split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
        });
        // Anthropic's clients send this instead, or beside a bearer token for another service.
        let plain = headers.get(API_KEY).map(|value| value.as_bytes());
        let is_key = |given: &[u8]| given.trim_ascii().ct_eq(key).into();
        bearer.is_some_and(is_key) || plain.is_some_and(is_key)
    }
}

fn host_name(host: &str) -> Option<&str> {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(v6) = host.strip_prefix('[') {
        let (name, rest) = v6.split_once(']')?;
        let is_whole = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return is_whole.then_some(name);
    }
    match host.split_once(':') {
        None => Some(host),
        Some((_, v6)) if v6.contains(':') => Some(host),
        Some((name, port)) => is_port(port).then_some(name),
    }
}

/// Middleware that refuses requests that a web page could have caused, unless its origin is
/// allowed: then CORS headers are added. Other pages get no CORS headers at all.
pub(super) async fn same_site(
    State(guard): State<Arc<Guard>>,
    uri: Uri,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if let Err(fault) = one_host(request.version(), headers) {
        return refuse(ApiError::invalid(fault), request).await;
    }
    let texts = |name| {
        let values = headers.get_all(name).into_iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    // A host in the request line overrides the header (RFC 9112, section 3.2.2).
    let mut hosts = texts(HOST).chain(uri.authority().map(ToString::to_string));
    if let Some(host) = hosts.find(|host| !guard.knows_host(host)) {
        let host = excerpt(&host);
        let message = format!(
            "The Host header '{host}' is not a name of this server. If it should be, add it to \
             'allowed_hosts' in the configuration."
        );
        return forbidden(message, request).await;
    }
    if let Some(origin) = texts(ORIGIN).find(|origin| !guard.knows_origin(origin)) {
        let origin = excerpt(&origin);
        let message = format!(
            "Requests from the web page '{origin}' are refused. If it may ask, add it to \
             'allowed_origins' in the configuration."
        );
        return forbidden(message, request).await;
    }
    let Some(origin) = headers.get(ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let mut response = if cors::is_preflight(request.method(), headers) {
        cors::preflight(headers)
    } else {
        next.run(request).await
    };
    cors::permit(origin, &mut response);
    response
}

/// Checks that a request has exactly one `Host` (RFC 9112, section 3.2). HTTP/1.0 needs none: no
/// browser uses it, so no page can be behind such a request.
fn one_host(version: Version, headers: &HeaderMap) -> Result<(), &'static str> {
    match headers.get_all(HOST).iter().count() {
        1 => Ok(()),
        0 if version < Version::HTTP_11 => Ok(()),
        0 => Err("There is no Host header, which HTTP/1.1 asks for."),
        _ => Err("There are several Host headers; one is allowed."),
    }
}

/// Middleware that refuses requests without the key.
pub(super) async fn authorize(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    if guard.has_key(request.headers()) {
        return next.run(request).await;
    }
    let headers = request.headers();
    let fault = if headers.contains_key(AUTHORIZATION) || headers.contains_key(API_KEY) {
        "Incorrect API key provided."
    } else {
        "You didn't provide an API key."
    };
    let message = format!(
        "{fault} Send the key of this server as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."
    );
    let error = ApiError::invalid(message)
        .status(401)
        .code("invalid_api_key");
    refuse(error, request).await
}

async fn forbidden(message: String, request: Request) -> Response {
    let error = ApiError::invalid(message).status(403).code("forbidden");
    refuse(error, request).await
}

async fn refuse(error: ApiError, request: Request) -> Response {
    body::discard(request.into_body()).await;
    ErrorResponse(error).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_and_without_a_port() {
        for (host, name) in [
            ("localhost:3000", Some("localhost")),
            ("localhost:", Some("localhost")),
            ("localhost", Some("localhost")),
            ("[::1]:3000", Some("::1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("127.0.0.1:80@evil.example", None),
            ("127.0.0.1:evil", None),
            ("[::1].evil.example", None),
            ("[::1", None),
        ] {
            assert_eq!(host_name(host), name, "{host}");
        }
    }

    #[test]
    fn on_loopback_only_own_and_configured_names_are_known() {
        let guard = |loopback| Guard {
            api_key: None,
            loopback,
            names: ["localhost", "127.0.0.7", "My-Laptop.lan", "[fd00::1]"]
                .into_iter()
                .filter_map(HostName::of)
                .collect(),
            allowed_origins: Vec::new(),
        };
        for (host, known) in [
            ("LOCALHOST:1", true),
            ("127.0.0.7:3000", true),
            ("my-laptop.lan:3000", true),
            ("[fd00::1]:3000", true),
            ("[fd00:0::1]", true),
            ("[::ffff:127.0.0.7]:3000", true),
            ("[::ffff:7f00:7]", true),
            ("[::127.0.0.7]", false),
            ("[::ffff:127.0.0.8]", false),
            ("2130706439", false),
            ("0x7f000007", false),
            ("127.7", false),
            ("0177.0.0.7", false),
            ("127.0.0.8", false),
            ("localhost.evil.example", false),
            ("evil.example", false),
            ("user@localhost", false),
            ("", false),
        ] {
            assert_eq!(guard(true).knows_host(host), known, "{host}");
            assert!(guard(false).knows_host(host), "{host}");
        }
    }

    #[test]
    fn the_key_is_read_from_a_bearer_token() {
        let settings = |key: &[u8]| Guard {
            api_key: Some(key.into()),
            loopback: true,
            names: Vec::new(),
            allowed_origins: Vec::new(),
        };
        for (header, good) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("BEARER  secret ", true),
            ("Bearer secret2", false),
            ("Bearer secre", false),
            ("Bearer SECRET", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("secret", false),
            ("Basic secret", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, header.parse().unwrap());
            assert_eq!(settings(b"secret").has_key(&headers), good, "{header}");
        }
        assert!(!settings(b"secret").has_key(&HeaderMap::new()));
    }
}
