//! The one writer's queue: whoever changes something waits here, and the writer takes all that is waiting at once.
//! It does not know what a change is.

use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use crate::error::{Error, Result};

/// Changes taken together into one transaction, at most.
const MAX_BATCH_JOBS: usize = 64;
/// Changes that may wait; a caller beyond that waits for room, which is the back-pressure of the whole server.
const MAX_WAITING_JOBS: usize = 1024;

/// Where changes of kind `J` are queued.
pub struct Queue<J> {
    jobs: mpsc::Sender<Queued<J>>,
}

/// A change that waits, and the span of whoever asked for it: what the writer logs of it is found under their request.
pub struct Queued<J> {
    pub job: J,
    pub span: Span,
}

impl<J> Clone for Queue<J> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone() }
    }
}

impl<J: Send + 'static> Queue<J> {
    /// How many changes wait.
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Queues a change made by `job` around the way back for its answer, and waits for that answer.
    ///
    /// # Errors
    /// What the writer answered, or `Unavailable` where the writer has stopped. A caller that goes away does not
    /// undo its change.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> J) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.jobs
            .send(Queued { job: job(answer), span: Span::current() })
            .await
            .map_err(|_| Error::unavailable_because("the writer has stopped"))?;
        answered.await.map_err(|_| Error::unavailable_because("the writer gave the change up"))?
    }
}

/// A queue, and the loop that hands all that is waiting (1 to 64 changes) to `commit`, batch after batch. The loop
/// ends when every [`Queue`] is dropped and nothing is waiting.
pub fn queue<J: Send, C>(mut commit: C) -> (Queue<J>, impl AsyncFnOnce() + Send)
where
    C: AsyncFnMut(Vec<Queued<J>>) + Send,
{
    let (jobs, mut waiting) = mpsc::channel(MAX_WAITING_JOBS);
    let writer = async move || {
        let mut batch = Vec::with_capacity(MAX_BATCH_JOBS);
        while waiting.recv_many(&mut batch, MAX_BATCH_JOBS).await > 0 {
            commit(std::mem::take(&mut batch)).await;
        }
    };
    (Queue { jobs }, writer)
}
