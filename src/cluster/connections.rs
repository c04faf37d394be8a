//! Who is connected to this node, and of whom that is not written down yet. It knows neither the table nor what presence
//! shows.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

use crate::id::UserId;

/// The connections of each user on this node. Bounded by the connections of the node.
#[derive(Default)]
pub struct ConnectionRegistry {
    state: Mutex<State>,
    changed: Notify,
    /// Whether the doors are shut: from then on nobody comes or goes.
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    users: HashMap<UserId, UserConnections>,
    /// Those of whom something changed since it was taken.
    changed: HashMap<UserId, Unwritten>,
}

#[derive(Default)]
struct Unwritten {
    /// Who waits until it is written down.
    waiting: Vec<Waiting>,
    is_untold: bool,
}

/// Dropped when an arrival has been written down, or will be later.
type Waiting = oneshot::Sender<Infallible>;

#[derive(Default)]
struct UserConnections {
    connections: usize,
    /// How often the last connection was closed: only the newest of those times ends it.
    departures: u64,
}

/// Somebody of whom something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attendance {
    pub user: UserId,
    /// How many connections they have here; none once they are gone. For a moment after the last one it still counts.
    pub connections: usize,
    /// Whether this may be written down already, and was told to nobody.
    pub is_untold: bool,
}

/// What was taken to be written down. Whoever waits for that goes on when it is dropped.
pub struct Changed {
    pub people: Vec<Attendance>,
    waiting: Vec<Waiting>,
}

impl ConnectionRegistry {
    /// Counts one more connection, which has to be written down where it is the first one, or where others want to know
    /// how many there are (`counted`). For the first one, what is returned resolves when that was done.
    pub fn connect(&self, user: UserId, counted: bool) -> Option<oneshot::Receiver<Infallible>> {
        let mut state = self.lock();
        let is_first = !state.users.contains_key(&user);
        state.users.entry(user).or_default().connections += 1;
        if !is_first && !counted {
            return None;
        }
        let waiting = &mut state.changed.entry(user).or_default().waiting;
        let written = is_first.then(|| {
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            receiver
        });
        drop(state);
        self.changed.notify_one();
        written
    }

    /// Counts one less; the number of this departure, if it was the user's last connection. How many are left is written
    /// down where others want to know (`counted`).
    pub fn disconnect(&self, user: UserId, counted: bool) -> Option<u64> {
        let mut state = self.lock();
        let connected = state.users.get_mut(&user)?;
        connected.connections = connected.connections.saturating_sub(1);
        if connected.connections == 0 {
            connected.departures += 1;
            return Some(connected.departures);
        }
        if counted {
            state.changed.entry(user).or_default();
            drop(state);
            self.changed.notify_one();
        }
        None
    }

    /// Forgets a user who has not come back since the departure of this number.
    pub fn forget(&self, user: UserId, departure: u64) {
        let mut state = self.lock();
        let gone = |connected: &UserConnections| connected.connections == 0 && connected.departures == departure;
        if state.users.get(&user).is_some_and(gone) {
            state.users.remove(&user);
            state.changed.entry(user).or_default();
            drop(state);
            self.changed.notify_one();
        }
    }

    /// How many connections somebody has here.
    pub fn of(&self, user: UserId) -> usize {
        self.lock().users.get(&user).map_or(0, |connected| connected.connections)
    }

    /// Whether somebody is connected, or was and is not forgotten yet.
    pub fn is_connected(&self, user: UserId) -> bool {
        !self.closed.load(Ordering::SeqCst) && self.lock().users.contains_key(&user)
    }

    /// Waits until something has changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Those of whom something has changed, at most so many; the others wait.
    pub fn take_changed(&self, most: usize) -> Changed {
        let mut state = self.lock();
        let taken: Vec<UserId> = state.changed.keys().copied().take(most).collect();
        let mut changed = Changed { people: Vec::with_capacity(taken.len()), waiting: Vec::new() };
        for user in taken {
            let Unwritten { waiting, is_untold } = state.changed.remove(&user).unwrap_or_default();
            changed.waiting.extend(waiting);
            let connections = state.users.get(&user).map_or(0, |connected| connected.connections.max(1));
            changed.people.push(Attendance { user, connections, is_untold });
        }
        changed.people.sort_unstable_by_key(|one| one.user);
        changed
    }

    /// What was taken was not written down, or nobody knows whether it was (`may_be_written`): it counts as changed, and
    /// then as untold.
    pub fn give_back(&self, people: &[Attendance], may_be_written: bool) {
        let mut state = self.lock();
        for one in people {
            state.changed.entry(one.user).or_default().is_untold |= one.is_untold || may_be_written;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Everybody who is connected has to be written down anew.
    pub fn all_changed(&self) {
        let mut state = self.lock();
        let users: Vec<UserId> = state.users.keys().copied().collect();
        users.into_iter().for_each(|user| {
            state.changed.entry(user).or_default();
        });
        drop(state);
        self.changed.notify_one();
    }

    /// Nobody is connected from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
