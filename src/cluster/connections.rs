//! Who is connected to this node. It knows neither leases nor what presence shows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};

use crate::auth::Viewer;
use crate::id::UserId;

/// The connections of each user on this node. Bounded by the connections of the node.
pub struct ConnectionRegistry {
    users: Mutex<HashMap<UserId, UserConnections>>,
    /// The name of this process in the rows of those who are connected to it.
    process: String,
    /// Whether the doors are shut: from then on nobody is connected.
    closed: AtomicBool,
    /// Who was connected when the last process ended, as long as they are waited for.
    expected: Mutex<Option<Expected>>,
}

struct UserConnections {
    connections: usize,
    /// How often the last connection was closed: only the newest of those times ends it.
    departures: u64,
    viewer: Viewer,
    renewed: DateTime<Utc>,
}

/// Those who were connected when the last process ended.
pub struct Expected {
    pub users: Vec<UserId>,
    /// Until when they are waited for.
    pub until: DateTime<Utc>,
}

impl Default for ConnectionRegistry {
    fn default() -> Self {
        Self {
            users: Mutex::default(),
            process: uuid::Uuid::new_v4().simple().to_string(),
            closed: AtomicBool::new(false),
            expected: Mutex::default(),
        }
    }
}

impl ConnectionRegistry {
    /// The name of this process, of its own at every start.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Counts one more connection; whether it is the viewer's first.
    pub fn connect(&self, viewer: &Viewer, now: DateTime<Utc>) -> bool {
        let mut users = self.lock();
        let connected = users.entry(viewer.id).or_insert_with(|| UserConnections {
            connections: 0,
            departures: 0,
            viewer: viewer.clone(),
            renewed: now,
        });
        connected.connections += 1;
        connected.connections == 1
    }

    /// Counts one less; the number of this departure, if it was the user's last connection.
    pub fn disconnect(&self, user: UserId) -> Option<u64> {
        let mut users = self.lock();
        let connected = users.get_mut(&user)?;
        connected.connections = connected.connections.saturating_sub(1);
        if connected.connections > 0 {
            return None;
        }
        connected.departures += 1;
        Some(connected.departures)
    }

    /// Forgets a user who has not come back since the departure of this number; whether that was so.
    pub fn forget(&self, user: UserId, departure: u64) -> bool {
        let mut users = self.lock();
        let gone =
            users.get(&user).is_some_and(|connected| connected.connections == 0 && connected.departures == departure);
        if gone {
            users.remove(&user);
        }
        gone
    }

    /// Whether somebody is connected, or was and is not forgotten yet.
    pub fn is_connected(&self, user: UserId) -> bool {
        !self.closed.load(Ordering::SeqCst) && self.lock().contains_key(&user)
    }

    /// Those who were renewed longer than `age` ago; they count as renewed now.
    pub fn due(&self, age: TimeDelta, now: DateTime<Utc>) -> Vec<Viewer> {
        let mut users = self.lock();
        let due = users.values_mut().filter(|connected| connected.renewed + age < now);
        due.map(|connected| {
            connected.renewed = now;
            connected.viewer.clone()
        })
        .collect()
    }

    /// Nobody is connected from now on; whether anybody was.
    pub fn close(&self) -> bool {
        self.closed.store(true, Ordering::SeqCst);
        !self.lock().is_empty()
    }

    /// Waits for those who were connected to the last process.
    pub fn expect(&self, expected: Expected) {
        *self.expected.lock() = Some(expected);
    }

    /// Those who were expected back, once, when the time for that is over.
    pub fn no_longer_expected(&self, now: DateTime<Utc>) -> Option<Expected> {
        self.expected.lock().take_if(|expected| expected.until <= now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, UserConnections>> {
        self.users.lock()
    }
}
