//! The ends of live connections: all at once where the server stops, or spread over a while where other nodes take their
//! clients over, who would come back all together otherwise.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The live connections of a node.
pub struct Endings {
    /// Ends them all.
    all: CancellationToken,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    last_id: u64,
    connections: HashMap<u64, CancellationToken>,
}

/// Held by a live connection, which is asked through it to end.
pub struct Ending {
    id: u64,
    token: CancellationToken,
    endings: Arc<Endings>,
}

impl Endings {
    /// Connections that end with `all` at the latest.
    pub fn new(all: CancellationToken) -> Arc<Self> {
        Arc::new(Self { all, live: Mutex::default() })
    }

    /// One more connection.
    pub fn join(self: &Arc<Self>) -> Ending {
        let token = self.all.child_token();
        let mut live = self.live.lock();
        live.last_id += 1;
        let id = live.last_id;
        live.connections.insert(id, token.clone());
        Ending { id, token, endings: Arc::clone(self) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.live.lock().connections.len()
    }

    /// Asks those who are connected to end, one after the other in even steps over `window`.
    pub async fn spread(&self, window: Duration) {
        let connections: Vec<CancellationToken> = self.live.lock().connections.values().cloned().collect();
        let (began, count) = (Instant::now(), u32::try_from(connections.len()).unwrap_or(u32::MAX).max(1));
        for (place, connection) in (1..).zip(connections) {
            connection.cancel();
            sleep_until(began + window / count * place).await;
        }
    }
}

impl Ending {
    /// Waits until the connection is asked to end.
    pub async fn asked(&self) {
        self.token.cancelled().await;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.endings.live.lock().connections.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_end_in_even_steps_and_with_the_server_all_at_once() {
        let all = CancellationToken::new();
        let endings = Endings::new(all.clone());
        let ended = Arc::new(Mutex::new(Vec::new()));
        let began = Instant::now();
        let connections: Vec<_> = (0..100)
            .map(|_| {
                let (ending, ended) = (endings.join(), Arc::clone(&ended));
                tokio::spawn(async move {
                    ending.asked().await;
                    ended.lock().push(began.elapsed().as_millis() / 100);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        endings.spread(Duration::from_secs(10)).await;
        for connection in connections {
            connection.await.unwrap();
        }
        let expected: Vec<u128> = (0..100).collect();
        assert_eq!(*ended.lock(), expected);
        assert!(endings.live.lock().connections.is_empty());
        let late = endings.join();
        all.cancel();
        late.asked().await;
    }
}
