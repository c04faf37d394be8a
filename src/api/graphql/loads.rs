//! When what GraphQL loads is loaded: by the very task that resolves the request, and not by tasks beside it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::dataloader::DataLoader;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use parking_lot::{Mutex, MutexGuard};

/// The loads of one request, run by the very task that resolves it, and only when nothing more can be resolved without
/// them: so however busy the machine is, all that is asked for at once is loaded at once.
#[derive(Clone, Default)]
pub(crate) struct PendingLoads(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

/// How often a request is polled before other tasks have their turn.
const MAX_POLLS: usize = 1_000;

/// The waker of a request: it notices that the request asks to be polled again while it is being polled.
struct RepollWaker {
    asked: AtomicBool,
    task: Waker,
}

impl Wake for RepollWaker {
    fn wake(self: Arc<Self>) {
        self.asked.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl PendingLoads {
    /// A loader whose loads run along with the request.
    pub fn loader<T>(&self, loader: T) -> DataLoader<T> {
        let loads = self.clone();
        DataLoader::new(loader, move |load| loads.lock().push(load)).delay(Duration::ZERO)
    }

    /// Runs a request, and its loads whenever it can go no further without them.
    pub async fn run_with<T>(&self, request: impl Future<Output = T>) -> T {
        let mut request = pin!(request);
        let mut loading = FuturesUnordered::new();
        poll_fn(|task| {
            let repoll = Arc::new(RepollWaker { asked: AtomicBool::new(false), task: task.waker().clone() });
            let waker = Waker::from(Arc::clone(&repoll));
            for _ in 0..MAX_POLLS {
                if let Poll::Ready(answer) = request.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(answer);
                }
                // A long list steps back before it has looked at every entry, and asks to be polled again.
                if repoll.asked.swap(false, Ordering::AcqRel) {
                    continue;
                }
                loading.extend(std::mem::take(&mut *self.lock()));
                // What was loaded lets the request go on.
                if !matches!(loading.poll_next_unpin(task), Poll::Ready(Some(()))) {
                    return Poll::Pending;
                }
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Vec<BoxFuture<'static, ()>>> {
        self.0.lock()
    }
}
