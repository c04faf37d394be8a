//! TLS of our own: a certificate and its key out of the files that the settings name, read again when the server is told to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::heads::HEAD_TIMEOUT;
use super::socket::Socket;
use crate::config;

/// What a connection may speak over TLS, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes connections TLS ones.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
    files: Files,
}

/// Where a certificate and its key are.
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Certificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// TLS 1.2 and 1.3 with the certificate of the settings; none where they name none.
    ///
    /// # Errors
    /// A file that cannot be read, holds no certificate or no key, or a key that is another certificate's.
    pub fn open(settings: &config::Server) -> anyhow::Result<Option<Self>> {
        let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) else { return Ok(None) };
        let files = Files { cert: cert.clone(), key: key.clone() };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificate = Arc::new(Certificate(ArcSwap::from_pointee(files.read(&provider)?)));
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        tls.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Some(Self { acceptor: TlsAcceptor::from(Arc::new(tls)), certificate, files }))
    }

    /// Reads the files again. New connections get what they hold now, those that are open keep what they have.
    ///
    /// # Errors
    /// As those of [`Tls::open`]; then the certificate of before stays.
    pub fn read_again(&self) -> anyhow::Result<()> {
        let provider = self.acceptor.config().crypto_provider();
        self.certificate.0.store(Arc::new(self.files.read(provider)?));
        Ok(())
    }

    /// Shakes hands with a client, which has as long for that as for the head of a request.
    ///
    /// # Errors
    /// A client that takes too long, or does not speak TLS.
    pub async fn accept(&self, socket: Socket) -> anyhow::Result<TlsStream<Socket>> {
        let shaken = timeout(HEAD_TIMEOUT, self.acceptor.accept(socket)).await;
        Ok(shaken.context("the TLS handshake took too long")??)
    }
}

impl Files {
    fn read(&self, provider: &CryptoProvider) -> anyhow::Result<CertifiedKey> {
        let Self { cert, key } = self;
        let chain = read("server.tls_cert", cert)?;
        let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain =
            chain.with_context(|| format!("server.tls_cert: {} holds no certificate in PEM", cert.display()))?;
        let private = PrivateKeyDer::from_pem_slice(&read("server.tls_key", key)?);
        // What is wrong with it is not said: its text might be.
        let private = private.ok().with_context(|| format!("server.tls_key: {} holds no key in PEM", key.display()))?;
        CertifiedKey::from_der(chain, private, provider).with_context(|| {
            format!("server.tls_key: {} does not go with the certificate in {}", key.display(), cert.display())
        })
    }
}

fn read(setting: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{setting}: {} cannot be read", file.display()))
}
