//! LISTEN and NOTIFY of the database itself: always there, and enough for a few nodes.

use anyhow::Context;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions};

use super::{Backplane, Listener, Speaker};

/// The channel of all nodes of a database.
const CHANNEL: &str = "confab";

/// The database as a way.
pub struct Postgres {
    options: PgConnectOptions,
}

impl Postgres {
    /// Through the database at this address, which has to be a direct one: a pooler does not pass on what is listened to.
    ///
    /// # Errors
    /// An address that is none.
    pub fn at(url: &str) -> anyhow::Result<Self> {
        let options: PgConnectOptions = url.parse().context("database.notify_url is no address of PostgreSQL")?;
        let options = options.options([("statement_timeout", "5s"), ("tcp_keepalives_idle", "5")]);
        Ok(Self { options: options.disable_statement_logging() })
    }
}

impl Backplane for Postgres {
    const NAME: &'static str = "postgresql";
    /// PostgreSQL takes less than 8 000.
    const MAX_FRAME_BYTES: usize = 7_900;
    type Speaker = PgConnection;
    type Listener = PgListener;

    async fn connect(&self) -> anyhow::Result<(PgConnection, PgListener)> {
        let pool = PgPoolOptions::new().max_connections(1).connect_with(self.options.clone()).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        // Whoever waits for a connection that is lost has to be told so, and not get another one.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok((self.options.connect().await?, listener))
    }
}

impl Speaker for PgConnection {
    async fn tell(&mut self, frame: &str) -> anyhow::Result<()> {
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(frame).execute(self).await?;
        Ok(())
    }
}

impl Listener for PgListener {
    async fn next(&mut self) -> anyhow::Result<String> {
        let heard = self.try_recv().await?.context("the connection that listens was lost")?;
        Ok(heard.payload().to_owned())
    }
}
