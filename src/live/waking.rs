//! Wakes the connections that were told something. Whoever is woken writes to its client right then, where it can: so few of
//! them are woken at once, and many by tasks that take turns with all else.

use std::task::Waker;

use tokio::task::unconstrained;

/// Connections that are woken at once.
const MAX_AT_ONCE: usize = 16;
/// Connections that one task wakes: some hundred microseconds.
const PER_TASK: usize = 64;

/// Wakes those who were told something, with no lock held.
pub fn wake(woken: &mut Vec<Waker>) {
    if woken.len() <= MAX_AT_ONCE {
        return woken.drain(..).for_each(Waker::wake);
    }
    while !woken.is_empty() {
        let some = woken.split_off(woken.len().saturating_sub(PER_TASK));
        // A budget is for one connection, and not for all of them.
        tokio::spawn(unconstrained(async move { some.into_iter().for_each(Waker::wake) }));
    }
}
