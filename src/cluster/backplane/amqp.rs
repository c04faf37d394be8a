//! A fanout exchange of RabbitMQ: each node has a queue of its own that goes with it, and keeps a bounded number of frames.

use anyhow::Context;
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};

use super::{Backplane, Listener, Speaker};

/// Frames that RabbitMQ keeps for a node that does not take them; then the oldest go.
const MAX_KEPT: i32 = 10_000;

/// RabbitMQ as a way.
pub struct Amqp {
    url: String,
    exchange: String,
}

/// The half that tells.
pub struct Publisher {
    channel: Channel,
    exchange: String,
    /// Both halves end with it.
    _connection: Connection,
}

impl Amqp {
    /// Through the RabbitMQ at this address, for the database of this epoch.
    pub fn at(url: &str, epoch: &str) -> Self {
        Self { url: url.to_owned(), exchange: format!("confab.{epoch}") }
    }
}

impl Backplane for Amqp {
    const NAME: &'static str = "rabbitmq";
    const MAX_FRAME_BYTES: usize = 64 * 1024;
    type Speaker = Publisher;
    type Listener = Consumer;

    async fn connect(&self) -> anyhow::Result<(Publisher, Consumer)> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let (telling, hearing) = (connection.create_channel().await?, connection.create_channel().await?);
        let exchange = self.exchange.as_str();
        let options = ExchangeDeclareOptions { auto_delete: true, ..ExchangeDeclareOptions::default() };
        hearing.exchange_declare(exchange.into(), ExchangeKind::Fanout, options, FieldTable::default()).await?;
        let mut bounds = FieldTable::default();
        bounds.insert("x-max-length".into(), AMQPValue::LongInt(MAX_KEPT));
        bounds.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
        let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = hearing.queue_declare("".into(), own, bounds).await?;
        let name = queue.name().clone();
        let nothing = FieldTable::default;
        hearing.queue_bind(name.clone(), exchange.into(), "".into(), QueueBindOptions::default(), nothing()).await?;
        let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
        let consumer = hearing.basic_consume(name, "".into(), options, nothing()).await?;
        Ok((Publisher { channel: telling, exchange: exchange.to_owned(), _connection: connection }, consumer))
    }
}

impl Speaker for Publisher {
    async fn tell(&mut self, frame: &str) -> anyhow::Result<()> {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let exchange = self.exchange.as_str();
        let told = self.channel.basic_publish(exchange.into(), "".into(), options, frame.as_bytes(), properties);
        told.await?.await?;
        Ok(())
    }
}

impl Listener for Consumer {
    async fn next(&mut self) -> anyhow::Result<String> {
        let delivery = StreamExt::next(self).await.context("the subscription has ended")??;
        Ok(String::from_utf8(delivery.data)?)
    }
}
