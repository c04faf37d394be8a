//! The cable to a database, which a test can pull out and plug in again.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server over a port of its own. Pulled out, it cuts every connection and takes none.
pub struct Cable {
    pub port: u16,
    plugged: Arc<watch::Sender<bool>>,
}

impl Cable {
    /// A cable to `host:port`, plugged in.
    pub async fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let plugged = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&plugged);
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let (address, mut plugged) = (address.clone(), state.subscribe());
                tokio::spawn(async move {
                    if !*plugged.borrow() {
                        return;
                    }
                    let Ok(mut there) = TcpStream::connect(address).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        _ = plugged.wait_for(|plugged| !plugged) => {}
                    }
                });
            }
        });
        Self { port, plugged }
    }

    pub fn pull(&self) {
        self.plugged.send_replace(false);
    }

    pub fn plug_in(&self) {
        self.plugged.send_replace(true);
    }
}
