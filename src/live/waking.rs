//! Wakes the connections that have events. They tell them right then, where they can: so a few of them are woken at once, and
//! many, or those of a few who take long, by tasks that take turns with all else.

use std::task::Waker;
use std::vec;

use futures_util::FutureExt;
use tokio::task::{unconstrained, yield_now};

use crate::connection::tell_in_place;

/// Connections that are woken at once.
const MAX_AT_ONCE: usize = 16;
/// Connections that one task wakes: some hundred microseconds.
const PER_TASK: usize = 64;

/// Wakes those who were told something, now or in a moment, with no lock held.
pub fn wake(woken: &mut Vec<Waker>) {
    if woken.len() <= MAX_AT_ONCE {
        let mut few = woken.drain(..);
        if tell_some(&mut few).now_or_never() != Some(true) {
            tokio::spawn(tell(few.collect::<Vec<_>>().into_iter()));
        }
        return;
    }
    while !woken.is_empty() {
        let some = woken.split_off(woken.len().saturating_sub(PER_TASK));
        tokio::spawn(tell(some.into_iter()));
    }
}

async fn tell(mut woken: vec::IntoIter<Waker>) {
    while !tell_some(&mut woken).await {
        yield_now().await;
    }
}

/// What one poll of a task may do is meant for one connection, and not for all of these together.
fn tell_some(woken: &mut impl ExactSizeIterator<Item = Waker>) -> impl Future<Output = bool> {
    unconstrained(async move { tell_in_place(woken) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;
    use std::thread::sleep;
    use std::time::Duration;

    use parking_lot::Mutex;

    use super::*;

    type Told = Arc<Mutex<Vec<usize>>>;

    /// Takes a millisecond to tell.
    struct Slow(usize, Told);

    impl Wake for Slow {
        fn wake(self: Arc<Self>) {
            sleep(Duration::from_millis(1));
            self.1.lock().push(self.0);
        }
    }

    #[tokio::test]
    async fn all_are_woken_and_others_have_their_turn_where_that_takes_long() {
        let others = usize::MAX;
        for count in [MAX_AT_ONCE, MAX_AT_ONCE + 1] {
            let told = Told::default();
            wake(&mut (0..count).map(|number| Waker::from(Arc::new(Slow(number, Arc::clone(&told))))).collect());
            let other = Arc::clone(&told);
            tokio::spawn(async move { other.lock().push(others) });
            while told.lock().len() <= count {
                yield_now().await;
            }
            let told = told.lock();
            assert!(told.iter().filter(|number| **number != others).copied().eq(0..count), "{told:?}");
            assert!(told.iter().position(|number| *number == others).is_some_and(|place| place <= 2), "{told:?}");
        }
    }
}
