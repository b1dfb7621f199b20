//! Who may speak to the person: nobody without the key, and no web page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::Settings;
use super::error::ErrorResponse;
use crate::api::ApiError;

/// What is asked of every request before it reaches a route.
#[derive(Debug)]
pub(super) struct Guard {
    api_key: Option<Vec<u8>>,
    loopback: bool,
    address: String,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
}

impl Guard {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            api_key: settings.api_key.clone(),
            loopback: settings.address.ip().is_loopback(),
            address: settings.address.ip().to_string(),
            allowed_hosts: settings.allowed_hosts.clone(),
            allowed_origins: settings.allowed_origins.clone(),
        }
    }

    /// Whether a `Host` is one of this server's own names. A page whose name was pointed at this
    /// machine (DNS rebinding) still sends its own name. Off loopback the key protects instead,
    /// because the names of the machine are not known.
    fn knows_host(&self, host: &str) -> bool {
        let name = host_name(host);
        let is = |known: &str| name.eq_ignore_ascii_case(host_name(known));
        !self.loopback
            || ["localhost", "127.0.0.1", "::1", &self.address]
                .iter()
                .any(|known| is(known))
            || self.allowed_hosts.iter().any(|known| is(known))
    }

    /// Browsers send an `Origin` with every request that a page could not make by itself; agents
    /// send none.
    fn knows_origin(&self, origin: &str) -> bool {
        self.allowed_origins
            .iter()
            .any(|known| known.eq_ignore_ascii_case(origin))
    }

    fn has_key(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.api_key else {
            return true;
        };
        let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        let given = given.and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme
                .eq_ignore_ascii_case(b"Bearer ")
                .then(|| token.trim_ascii())
        });
        given.is_some_and(|given| given.ct_eq(key).into())
    }
}

/// The name in `name:port`, `[v6]:port` or a bare name or address.
fn host_name(host: &str) -> &str {
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split(']').next().unwrap_or(v6);
    }
    match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') => name,
        _ => host,
    }
}

/// Refuses what a web page could have caused.
pub(super) async fn same_site(
    State(guard): State<Arc<Guard>>,
    uri: Uri,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let text = |value: Option<&axum::http::HeaderValue>| {
        value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let host = text(headers.get(HOST)).or_else(|| uri.host().map(str::to_owned));
    if let Some(host) = host.filter(|host| !guard.knows_host(host)) {
        return forbidden(format!(
            "The Host header '{host}' is not a name of this server. If it should be, add it to \
             'allowed_hosts' in the configuration."
        ));
    }
    if let Some(origin) = text(headers.get(ORIGIN)).filter(|origin| !guard.knows_origin(origin)) {
        return forbidden(format!(
            "Requests from the web page '{origin}' are refused. If it may ask, add it to \
             'allowed_origins' in the configuration."
        ));
    }
    next.run(request).await
}

/// Refuses who does not have the key.
pub(super) async fn authorize(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    if guard.has_key(request.headers()) {
        return next.run(request).await;
    }
    let message = if request.headers().contains_key(AUTHORIZATION) {
        "Incorrect API key provided. Send the key of this server as 'Authorization: Bearer KEY'."
    } else {
        "You didn't provide an API key. Send the key of this server as 'Authorization: Bearer KEY'."
    };
    ErrorResponse(
        ApiError::invalid(message)
            .status(401)
            .code("invalid_api_key"),
    )
    .into_response()
}

fn forbidden(message: String) -> Response {
    let error = ApiError::invalid(message).status(403).code("forbidden");
    ErrorResponse(error).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_and_without_a_port() {
        for (host, name) in [
            ("localhost:3000", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:3000", "::1"),
            ("::1", "::1"),
            ("127.0.0.1:80", "127.0.0.1"),
        ] {
            assert_eq!(host_name(host), name);
        }
    }
}
