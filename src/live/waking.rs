//! Wakes the connections that have events. They tell them right then, where they can: so few of them are woken at once, and
//! many by tasks that take turns with all else.

use std::task::Waker;

use futures_util::FutureExt;
use tokio::task::unconstrained;

use crate::connection::tell_in_place;

/// Connections that are woken at once.
const MAX_AT_ONCE: usize = 16;
/// Connections that one task wakes: some hundred microseconds.
const PER_TASK: usize = 64;

/// Wakes those who were told something, with no lock held.
pub fn wake(woken: &mut Vec<Waker>) {
    if woken.len() <= MAX_AT_ONCE {
        let _done = tell(woken.drain(..)).now_or_never();
        return;
    }
    while !woken.is_empty() {
        let some = woken.split_off(woken.len().saturating_sub(PER_TASK));
        tokio::spawn(tell(some));
    }
}

/// Has them tell. What one poll of a task may do is meant for one connection, and not for all of these together.
fn tell(woken: impl IntoIterator<Item = Waker>) -> impl Future<Output = ()> {
    unconstrained(async move { tell_in_place(woken) })
}
