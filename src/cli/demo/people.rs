//! The people of the demo, and how they call.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::app::App;
use crate::chat::{Cx, Viewer};
use crate::config::DemoPerson;
use crate::entity::clock;
use crate::id::UserId;

/// Alice 1, Bob 2, Carol 3 and Dave 4.
pub const PEOPLE: [DemoPerson; 4] = [
    DemoPerson { id: 1, name: "Alice" },
    DemoPerson { id: 2, name: "Bob" },
    DemoPerson { id: 3, name: "Carol" },
    DemoPerson { id: 4, name: "Dave" },
];

/// Everybody but Alice.
pub(super) fn others() -> Vec<UserId> {
    PEOPLE.iter().skip(1).map(|one| UserId::stored(one.id)).collect()
}

/// Somebody of them, by their place among [`PEOPLE`], as a caller.
pub(super) fn acting(app: &Arc<App>, person: usize) -> Cx {
    let DemoPerson { id, name } = PEOPLE[person];
    let expires = clock::now() + TimeDelta::hours(1);
    let viewer = Viewer { id: UserId::stored(id), name: name.to_owned(), admin: false, issued: None, expires };
    Cx::new(Arc::clone(&app.chat), viewer)
}
