//! Publish and subscribe of Redis (or Valkey), for many nodes or a database that is far away. Plain connections, whose loss
//! is told: those that come back by themselves stay deaf after a longer outage.

use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client};

use super::{Backplane, Listener, Speaker};

/// How long Redis may take for an answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Redis as a way.
pub struct Redis {
    client: Client,
    channel: String,
}

/// The half that hears; the other end of its connection has to be held.
pub struct Subscription {
    stream: PubSubStream,
    _sink: PubSubSink,
}

/// The half that tells.
pub struct Publisher {
    connection: MultiplexedConnection,
    channel: String,
}

impl Redis {
    /// Through the Redis at this address, for the database of this epoch.
    ///
    /// # Errors
    /// An address that is none.
    pub fn at(url: &str, epoch: &str) -> anyhow::Result<Self> {
        let client = Client::open(url).context("broker.url is no address of Redis")?;
        Ok(Self { client, channel: format!("confab.{epoch}") })
    }
}

impl Backplane for Redis {
    const NAME: &'static str = "redis";
    const MAX_FRAME_BYTES: usize = 64 * 1024;
    type Speaker = Publisher;
    type Listener = Subscription;

    async fn connect(&self) -> anyhow::Result<(Publisher, Subscription)> {
        let (mut sink, stream) = self.client.get_async_pubsub().await?.split();
        sink.subscribe(&self.channel).await?;
        let settings = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = self.client.get_multiplexed_async_connection_with_config(&settings).await?;
        Ok((Publisher { connection, channel: self.channel.clone() }, Subscription { stream, _sink: sink }))
    }
}

impl Speaker for Publisher {
    async fn tell(&mut self, frame: &str) -> anyhow::Result<()> {
        let publish = redis::cmd("PUBLISH").arg(&self.channel).arg(frame).to_owned();
        publish.query_async::<()>(&mut self.connection).await?;
        Ok(())
    }
}

impl Listener for Subscription {
    async fn next(&mut self) -> anyhow::Result<String> {
        let message = self.stream.next().await.context("the subscription has ended")?;
        Ok(message.get_payload()?)
    }
}
