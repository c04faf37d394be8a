//! The ways by which nodes hear of each other at once. A way is a hint: what it loses the database has, so none keeps
//! anything, none is waited for, and each node proves to itself that it hears (protocol §14).

pub mod amqp;
pub mod postgres;
pub mod redis;
#[cfg(test)]
mod tests;
pub mod way;

/// A way: how to reach it, and what it can carry. [`way::Way::run`] does the rest for all of them alike: it connects again for
/// ever, gives every step its time, and notices when nothing is heard any more.
pub trait Backplane: Send + Sync + 'static {
    /// As operators read it.
    const NAME: &'static str;
    /// Bytes of a frame, at most.
    const MAX_FRAME_BYTES: usize;
    type Speaker: Speaker;
    type Listener: Listener;

    /// Connects both halves. When this returns, whatever is told from now on is heard, this node's own frames included.
    ///
    /// # Errors
    /// Why it cannot be reached.
    fn connect(&self) -> impl Future<Output = anyhow::Result<(Self::Speaker, Self::Listener)>> + Send;
}

/// The half of a connection that tells.
pub trait Speaker: Send {
    /// Hands a frame to every node.
    ///
    /// # Errors
    /// Any ends the connection.
    fn tell(&mut self, frame: &str) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// The half of a connection that hears.
pub trait Listener: Send {
    /// The next frame.
    ///
    /// # Errors
    /// Any ends the connection: something may have been missed.
    fn next(&mut self) -> impl Future<Output = anyhow::Result<String>> + Send;
}
