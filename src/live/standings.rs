//! Ends the connections of people who are not let in any more: at once where that is heard, and where it is not, when the
//! database is looked at next. It does not know why somebody is not.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::chat::Chat;
use crate::chat::users::standing;
use crate::config::fault;
use crate::entity::clock;

/// How often the database is looked at even if nothing was heard; and while other nodes may not be heard.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
const DEAF_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How far back a look reaches behind the one before: what is written down may be committed later.
const OVERLAP: TimeDelta = TimeDelta::seconds(15);

/// Looks until the server stops.
pub async fn watch(chat: Arc<Chat>, hub: Arc<Hub>, stopping: CancellationToken) {
    let mut since = clock::now() - OVERLAP;
    loop {
        let interval = if chat.cluster.is_deaf() { DEAF_LOOK_INTERVAL } else { LOOK_INTERVAL };
        tokio::select! {
            () = chat.standings.changed() => {}
            () = sleep(interval) => {}
            () = stopping.cancelled() => return,
        }
        let next = clock::now() - OVERLAP;
        match standing::changed_since(&chat, since).await {
            Ok(changed) if fault::is_on("ban-spares-connections") => drop(changed),
            Ok(changed) => {
                changed.into_iter().for_each(|one| hub.inform(one.user, one.standing));
                since = next;
            }
            Err(error) => tracing::debug!(%error, "who is let in is looked at again soon"),
        }
    }
}
