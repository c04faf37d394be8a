//! Where a server takes connections: its address, with TLS or without, and that of its metrics if they have one.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::listen::listen;
use super::tls::Tls;
use crate::config;

/// The sockets that listen for a server.
pub struct Listeners {
    pub(super) main: TcpListener,
    pub(super) tls: Option<Tls>,
    pub(super) metrics: Option<TcpListener>,
}

impl Listeners {
    /// Listens where the settings say.
    ///
    /// # Errors
    /// An address that cannot be listened on, and a certificate that cannot be used.
    pub async fn bind(settings: &config::Server) -> anyhow::Result<Self> {
        let main = listen("server.bind", &settings.bind).await?;
        Self::beside(main, settings).await
    }

    /// What the settings want beside a main socket that is there already.
    ///
    /// # Errors
    /// As those of [`Listeners::bind`].
    pub async fn beside(main: TcpListener, settings: &config::Server) -> anyhow::Result<Self> {
        let tls = Tls::open(settings)?;
        let metrics = match &settings.metrics_bind {
            Some(bind) => Some(listen("server.metrics_bind", bind).await?),
            None => None,
        };
        Ok(Self { main, tls, metrics })
    }

    /// The main address.
    ///
    /// # Errors
    /// A system that does not tell.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.main.local_addr()?)
    }

    /// The main address for somebody on this machine to call.
    ///
    /// # Errors
    /// As those of [`Listeners::address`].
    pub fn address_to_call(&self) -> anyhow::Result<String> {
        let address = self.address()?;
        Ok(if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() })
    }

    /// Whether it speaks TLS there.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}
