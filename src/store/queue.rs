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

/// Whether a batch was answered by the database, or waited for it in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    Answered,
    InVain,
}

/// A queue, and the loop that hands all that is waiting (1 to 64 changes) to `commit`, batch after batch. What came while
/// one waited in vain has waited as long as it, and is given up. The loop ends when every [`Queue`] is dropped and nothing is
/// waiting.
pub fn queue<J: Send, C>(mut commit: C) -> (Queue<J>, impl AsyncFnOnce() + Send)
where
    C: AsyncFnMut(Vec<Queued<J>>) -> Commit + Send,
{
    let (jobs, mut waiting) = mpsc::channel(MAX_WAITING_JOBS);
    let writer = async move || {
        let mut batch = Vec::with_capacity(MAX_BATCH_JOBS);
        while waiting.recv_many(&mut batch, MAX_BATCH_JOBS).await > 0 {
            if commit(std::mem::take(&mut batch)).await == Commit::InVain {
                while waiting.try_recv().is_ok() {}
            }
        }
    };
    (Queue { jobs }, writer)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_came_while_a_batch_waited_in_vain_is_given_up_and_what_comes_later_is_not() {
        let (under_way, has_come) = (Notify::new(), Notify::new());
        let mut batches = 0;
        let (queue, writer) = queue(async |jobs: Vec<Queued<oneshot::Sender<Result<usize>>>>| {
            batches += 1;
            if batches == 1 {
                under_way.notify_one();
                has_come.notified().await;
                return Commit::InVain;
            }
            for Queued { job, .. } in jobs {
                job.send(Ok(batches)).ok();
            }
            Commit::Answered
        });
        let asked = async {
            let second = async {
                under_way.notified().await;
                let mut asked = pin!(queue.run(|answer| answer));
                assert!(poll!(asked.as_mut()).is_pending());
                has_come.notify_one();
                asked.await
            };
            let (first, second) = tokio::join!(queue.run(|answer| answer), second);
            assert!(first.is_err() && second.is_err());
            assert_eq!(queue.run(|answer| answer).await.ok(), Some(2));
            drop(queue);
        };
        tokio::join!(asked, writer());
    }
}
