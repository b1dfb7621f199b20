//! The root certificates by which upstreams are trusted.

use std::io;
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The root certificates of the system, a company's own included; `SSL_CERT_FILE` names others.
/// They are loaded on first use. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Trust(Arc<OnceCell<TlsConnector>>);

impl Trust {
    /// The connector that makes a TLS stream of a TCP stream.
    pub(crate) async fn connector(&self) -> io::Result<TlsConnector> {
        let connector = self.0.get_or_try_init(|| async {
            let read = spawn_blocking(system).await;
            read.map_err(io::Error::other)?
        });
        connector.await.cloned()
    }
}

fn system() -> io::Result<TlsConnector> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let error = found.errors.into_iter().next();
        return Err(error.map_or_else(
            || io::Error::new(io::ErrorKind::NotFound, "there are none"),
            io::Error::other,
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
