//! Part of a task that is looked at only when it was woken itself, and not whenever the task is: of a listener's many turns
//! nearly all come of an event, and none of its socket, its clocks or the end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Rings for what is waited for beside events.
#[derive(Default)]
pub(super) struct Bell {
    /// None before the first look.
    ring: Option<Arc<Ring>>,
}

struct Ring {
    task: Waker,
    has_rung: AtomicBool,
}

impl Bell {
    /// Waits for a future, which is polled if the bell has rung for it since it, or one before it, was polled last. Whoever
    /// waits for another one that must be looked at at once says so by [`Bell::look`]. It is only lent, so that whoever waits
    /// holds it once.
    pub fn wait<F: Future>(&mut self, mut future: Pin<&mut F>) -> impl Future<Output = F::Output> {
        poll_fn(move |task| self.poll(future.as_mut(), task))
    }

    /// Has the next future looked at, whatever wakes the task.
    pub fn look(&mut self) {
        if let Some(ring) = &self.ring {
            ring.has_rung.store(true, Ordering::Release);
        }
    }

    fn poll<F: Future>(&mut self, future: Pin<&mut F>, task: &mut Context<'_>) -> Poll<F::Output> {
        let ring = match &self.ring {
            Some(ring) if ring.task.will_wake(task.waker()) => ring,
            _ => self.ring.insert(Arc::new(Ring { task: task.waker().clone(), has_rung: AtomicBool::new(true) })),
        };
        if !ring.has_rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(ring));
        future.poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;

    use futures_util::FutureExt;

    use super::*;

    /// A future that counts its polls, and ends with the first one after it was told to.
    struct Counted<'a> {
        polls: &'a AtomicUsize,
        is_done: &'a AtomicBool,
        waker: &'a parking_lot::Mutex<Option<Waker>>,
    }

    impl Future for Counted<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
            self.polls.fetch_add(1, Ordering::Relaxed);
            *self.waker.lock() = Some(task.waker().clone());
            if self.is_done.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    #[tokio::test]
    async fn what_was_not_woken_is_not_looked_at_and_no_ring_is_missed() {
        let (polls, is_done, waker) = (AtomicUsize::new(0), AtomicBool::new(false), parking_lot::Mutex::new(None));
        let counted = || Counted { polls: &polls, is_done: &is_done, waker: &waker };
        let mut bell = Bell::default();
        // Others wake the task three times.
        for _ in 0..3 {
            let mut waiting = pin!(counted());
            tokio::select! {
                biased;
                () = bell.wait(waiting.as_mut()) => panic!("it is not done"),
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1, "it was looked at once, when it was new");
        bell.look();
        let mut waiting = pin!(counted());
        tokio::select! {
            biased;
            () = bell.wait(waiting.as_mut()) => panic!("it is not done"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(polls.load(Ordering::Relaxed), 2);
        // It is woken while nobody waits for it.
        is_done.store(true, Ordering::Relaxed);
        waker.lock().take().expect("it was polled").wake();
        bell.wait(pin!(counted())).await;
        assert_eq!(polls.load(Ordering::Relaxed), 3);
        // Another task has to look for itself.
        let mut bell = Bell::default();
        assert!(bell.wait(pin!(std::future::pending::<()>())).now_or_never().is_none());
        let elsewhere = tokio::spawn(async move { bell.wait(pin!(std::future::ready(7))).await });
        assert_eq!(elsewhere.await.unwrap(), 7);
    }
}
