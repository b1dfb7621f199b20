//! Base URLs of upstream servers.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::Scheme;

/// The base URL of an upstream, as clients of OpenAI or Anthropic are configured with: with or
/// without the version of the API.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    is_secure: bool,
    /// Host name or IP address, without brackets.
    host: String,
    port: u16,
    /// Host and port as they were written.
    authority: String,
    /// Path prefix of the routes: ends with a version, without a slash.
    path: String,
}

/// Why a text is no valid base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no URL.
    #[error("{0:?} is not a base URL; write it as http://127.0.0.1:8080 or https://example.org/v1")]
    NoUrl(String),
    /// It contains credentials, which are not repeated in the message.
    #[error("a name or a password does not belong into the URL; use api_key_env or headers")]
    Credentials,
    /// It has a query or a fragment.
    #[error("{0:?} has a query; write the base URL alone, without `?`")]
    Query(String),
}

impl BaseUrl {
    /// Parses a URL from the configuration.
    ///
    /// # Errors
    ///
    /// Why it is not valid.
    pub fn new(text: &str) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        if text.contains('@') {
            return Err(BaseUrlError::Credentials);
        }
        let wrong = || BaseUrlError::NoUrl(text.to_owned());
        // Checked by hand, because hyper drops fragments.
        if text.contains('#') {
            return Err(wrong());
        }
        let url: Uri = text.parse().map_err(|_| wrong())?;
        let is_secure = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(wrong()),
        };
        let authority = url.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_matches(['[', ']']);
        // Checked by hand, because `port()` ignores a port that is no number.
        let has_port = authority.as_str().len() > authority.host().len();
        let port = if has_port {
            authority.port_u16().ok_or_else(wrong)?
        } else if is_secure {
            443
        } else {
            80
        };
        if host.is_empty() || port == 0 {
            return Err(wrong());
        }
        if url.query().is_some() {
            return Err(BaseUrlError::Query(text.to_owned()));
        }
        Ok(Self {
            is_secure,
            host: host.to_owned(),
            port,
            authority: authority.as_str().to_owned(),
            path: versioned(url.path().trim_end_matches('/')),
        })
    }

    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as they were written, for the header `Host`.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The path of a route that is named from the version on, such as `/models`.
    pub(super) fn path_of(&self, route: &str) -> String {
        format!("{}{route}", self.path)
    }

    /// Whether the host is on this machine or in a private network, as far as its name tells.
    pub(crate) fn is_private(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => is_private(address),
            Err(_) => is_private_name(&self.host.to_ascii_lowercase()),
        }
    }
}

/// Adds `/v1` to a path without an API version.
fn versioned(path: &str) -> String {
    let is_version = |part: &str| {
        let number = part.strip_prefix('v').unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit())
    };
    if path.split('/').any(is_version) {
        path.to_owned()
    } else {
        format!("{path}/v1")
    }
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // The last range is for carrier-grade NAT; overlay networks use it too.
            let is_shared = first == 100 && (64..128).contains(&second);
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

/// Whether a name is one that public DNS does not resolve.
fn is_private_name(name: &str) -> bool {
    const ENDS: &[&str] = &[".localhost", ".local", ".lan", ".internal", ".home.arpa"];
    let name = name.trim_end_matches('.');
    !name.contains('.') || ENDS.iter().any(|end| name.ends_with(end))
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_added_where_there_is_none() {
        for (written, read) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
            ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
            ("HTTP://localhost:1234/v1", "http://localhost:1234/v1"),
            ("http://[::1]:8080", "http://[::1]:8080/v1"),
            ("https://a.example/api", "https://a.example/api/v1"),
            (
                "https://a.example/v1beta/openai/",
                "https://a.example/v1beta/openai",
            ),
            ("https://a.example/paas/v4", "https://a.example/paas/v4"),
            ("https://a.example/vertex", "https://a.example/vertex/v1"),
        ] {
            assert_eq!(BaseUrl::new(written).expect(written).to_string(), read);
        }
    }

    #[test]
    fn host_and_port_are_found() {
        let found = |text| {
            let url = BaseUrl::new(text).expect(text);
            (url.host().to_owned(), url.port(), url.is_secure())
        };
        assert_eq!(found("http://[::1]:8080"), ("::1".into(), 8080, false));
        assert_eq!(found("http://a.lan"), ("a.lan".into(), 80, false));
        assert_eq!(found("https://a.lan"), ("a.lan".into(), 443, true));
    }

    #[test]
    fn what_is_no_base_url_is_told() {
        for text in [
            "",
            "127.0.0.1:8080",
            "localhost",
            "ftp://a",
            "http://",
            "http://a:b",
            "http://a:",
            "http://a:0",
            "http://a:99999",
            "http://a b",
            "http://a/#x",
            "/v1",
        ] {
            let error = BaseUrl::new(text).expect_err(text);
            assert_eq!(error, BaseUrlError::NoUrl(text.to_owned()));
        }
        let secret = BaseUrl::new("https://me:hunter2@a.example/v1").expect_err("a password");
        assert_eq!(secret, BaseUrlError::Credentials);
        assert!(!secret.to_string().contains("hunter2"));
        assert!(matches!(
            BaseUrl::new("https://a/?b=c"),
            Err(BaseUrlError::Query(_))
        ));
    }

    #[test]
    fn ones_own_networks_are_known() {
        let is_private = |host: &str| {
            let url = format!("http://{host}:1");
            BaseUrl::new(&url).expect(host).is_private()
        };
        for host in [
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.2",
            "169.254.0.1",
            "100.100.1.1",
            "[fd00::1]",
            "[fe80::1]",
            "gpu-box",
            "GPU.local",
            "box.home.arpa",
        ] {
            assert!(is_private(host), "{host}");
        }
        for host in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "[2001:db8::1]",
            "example.org",
            "local.example.org",
            "evillocal.org",
        ] {
            assert!(!is_private(host), "{host}");
        }
    }
}
