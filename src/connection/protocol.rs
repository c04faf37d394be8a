//! What a connection speaks: how it answers its client, and what it tells by itself.

use std::borrow::Cow;

use tokio::time::Instant;

use super::Message;
use crate::id::UserId;

/// How a connection ends: a WebSocket close code and a reason of up to 123 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodbye {
    pub code: u16,
    pub reason: Cow<'static, str>,
    /// What operators are told, where it is known beforehand: what was put together may hold words of the client.
    why: Option<&'static str>,
}

impl Goodbye {
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        Self { code, why: known_beforehand(&reason), reason }
    }

    /// The same, where the client is told why in other words than the reason.
    #[expect(clippy::ptr_arg, reason = "whether the text is borrowed is what is asked")]
    pub fn because(self, told: &Cow<'static, str>) -> Self {
        Self { why: known_beforehand(told), ..self }
    }

    /// Why the connection ends, in words of the server alone.
    pub fn why(&self) -> &'static str {
        self.why.unwrap_or(if self.code == 1000 { "The client has said goodbye" } else { "The client was refused" })
    }
}

#[expect(clippy::ptr_arg, reason = "whether the text is borrowed is what is asked")]
fn known_beforehand(text: &Cow<'static, str>) -> Option<&'static str> {
    match text {
        Cow::Borrowed(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// What the connection does after a step of its protocol. In each case, what the step has put out is written first.
#[derive(Debug)]
pub enum Step {
    /// It receives messages and waits for events.
    Go,
    /// It calls [`Protocol::resume`] before it receives or waits.
    More,
    /// It ends.
    End(Goodbye),
}

/// What a connection speaks. Each step appends the messages for the client to `out`.
pub trait Protocol: Send {
    /// Answers a message of the client. Messages come in the order in which the client sent them.
    fn on_message(&mut self, message: Message, out: &mut Vec<Message>) -> impl Future<Output = Step> + Send;

    /// Waits until there are events to tell. Cancelling it loses none, and does not end its waking: whoever has waited last
    /// is woken when there are.
    fn wait_for_events(&mut self) -> impl Future<Output = ()> + Send;

    /// Whether telling what happens next is little work, which whoever delivers it may do.
    fn tells_in_place(&self) -> bool {
        true
    }

    /// Tells the events that [`Protocol::wait_for_events`] has found. Where it has to wait for nothing, it is called by whoever
    /// has events for the connection, outside of its task and of its span.
    fn on_events(&mut self, out: &mut Vec<Message>) -> impl Future<Output = Step> + Send;

    /// Continues an answer that was too long to be given at once; see [`Step::More`].
    fn resume(&mut self, _out: &mut Vec<Message>) -> impl Future<Output = Step> + Send {
        std::future::ready(Step::Go)
    }

    /// Whose the connection is, once that is known.
    fn user(&self) -> Option<UserId>;

    /// When [`Protocol::on_deadline`] has to be called next. It is asked after each turn but those that are told in
    /// place, which bring it no nearer.
    fn deadline(&self) -> Instant;

    /// When the connection has to end, even if a slow client has not taken yet what is being written. Then
    /// [`Protocol::on_deadline`] ends it.
    fn expires(&self) -> Instant;

    /// Acts upon the deadline. A message that had arrived by then was answered before, unless there is more to resume:
    /// no client counts as silent only because the connection did not receive.
    fn on_deadline(&mut self, out: &mut Vec<Message>) -> impl Future<Output = Step> + Send;

    /// Learns that messages were written, at this moment.
    fn on_written(&mut self, _at: Instant) {}

    /// Takes leave of the client because the server stops.
    fn on_stop(&mut self, _out: &mut Vec<Message>) -> Goodbye {
        Goodbye::new(1001, "The server is stopping")
    }
}
