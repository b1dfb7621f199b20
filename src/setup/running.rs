//! Probes whether this program is running at the address of the configuration.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::BaseUrls;
use crate::config::ApiKey;

/// How long connecting, and each read or write, may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum number of bytes that are read of an answer.
const MAX_BYTES: u64 = 1 << 20;

/// What answers at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeResult {
    /// This program.
    Humanllm,
    /// A server that rejects the API key, or a request without one.
    WantsAnotherKey,
    /// Another program.
    Other,
    /// Nothing.
    Nobody,
}

/// Requests the list of models to find out what listens at the address.
pub(super) fn probe(server: &BaseUrls, key: Option<&ApiKey>) -> ProbeResult {
    let Some(host) = server.anthropic.strip_prefix("http://") else {
        return ProbeResult::Nobody;
    };
    let Ok(address) = host.parse::<SocketAddr>() else {
        return ProbeResult::Nobody;
    };
    let Ok(stream) = TcpStream::connect_timeout(&address, PROBE_TIMEOUT) else {
        return ProbeResult::Nobody;
    };
    match get_models(stream, host, key) {
        Ok(answer) if answer.contains("\"owned_by\":\"humanllm\"") => ProbeResult::Humanllm,
        Ok(answer) if answer.starts_with("HTTP/1.1 401 ") => ProbeResult::WantsAnotherKey,
        _ => ProbeResult::Other,
    }
}

fn get_models(mut stream: TcpStream, host: &str, key: Option<&ApiKey>) -> io::Result<String> {
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    stream.set_write_timeout(Some(PROBE_TIMEOUT))?;
    let key = key.map(|key| format!("Authorization: Bearer {}\r\n", key.as_str()));
    let key = key.unwrap_or_default();
    let head = format!("GET /v1/models HTTP/1.1\r\nHost: {host}\r\n{key}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
