//! The base URLs by which clients on this machine reach the server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::SetupError;

/// The base URLs to configure in clients. The two families differ in the path that they append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrls {
    /// For the APIs of OpenAI, Responses and Chat Completions: with `/v1`.
    pub openai: String,
    /// For Anthropic's Messages: without `/v1`, which its clients add.
    pub anthropic: String,
}

impl BaseUrls {
    /// The base URLs of a server that listens on this address.
    ///
    /// # Errors
    /// The port is 0, so nobody can know which it will be.
    pub fn of(listen: SocketAddr) -> Result<Self, SetupError> {
        if listen.port() == 0 {
            return Err(SetupError::NoPort);
        }
        // A server that listens on all addresses is reached on the loopback address.
        let ip = match listen.ip().to_canonical() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let anthropic = format!("http://{}", SocketAddr::new(ip, listen.port()));
        Ok(Self {
            openai: format!("{anthropic}/v1"),
            anthropic,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_becomes_loopback() {
        for (listen, url) in [
            ("127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("0.0.0.0:3000", "http://127.0.0.1:3000"),
            ("[::]:3000", "http://[::1]:3000"),
            ("[::ffff:0.0.0.0]:3000", "http://127.0.0.1:3000"),
            ("[::ffff:127.0.0.1]:3000", "http://127.0.0.1:3000"),
            ("192.168.1.2:80", "http://192.168.1.2:80"),
        ] {
            let urls = BaseUrls::of(listen.parse().expect("an address")).expect(listen);
            assert_eq!(urls.anthropic, url);
            assert_eq!(urls.openai, format!("{url}/v1"));
        }
    }

    #[test]
    fn a_port_that_is_not_known_is_refused() {
        let listen = "127.0.0.1:0".parse().expect("an address");
        assert!(matches!(BaseUrls::of(listen), Err(SetupError::NoPort)));
    }
}
