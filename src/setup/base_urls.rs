//! Where clients on this machine reach the server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::SetupError;

/// The base URLs that clients want to be told: the two families add different paths to theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrls {
    /// For the APIs of OpenAI, Responses and Chat Completions: with `/v1`.
    pub openai: String,
    /// For Anthropic's Messages: without `/v1`, which its clients add.
    pub anthropic: String,
}

impl BaseUrls {
    /// The base URLs of a server that listens there.
    ///
    /// # Errors
    /// The port is 0, so nobody can know which it will be.
    pub fn of(listen: SocketAddr) -> Result<Self, SetupError> {
        if listen.port() == 0 {
            return Err(SetupError::NoPort);
        }
        // Who listens everywhere listens on the loopback address too.
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
