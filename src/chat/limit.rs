//! Taking of what somebody may do in a minute, over all doors and all nodes: counted in memory while a server is alone, and by
//! the database while it is not (protocol §14).

use crate::chat::rate_limit::{Limited, refusal};
use crate::chat::{Chat, Cx};
use crate::cluster::counts::{self, MAX_SHARED};
use crate::error::Result;
use crate::store::Autocommit;

/// Takes one of what the caller may do in a minute.
///
/// # Errors
/// `RateLimited`, with the whole seconds until there is one again, from 1 to 60; a refusal takes nothing. `Unavailable`
/// without the database.
pub(crate) async fn take(cx: &Cx, what: Limited) -> Result<()> {
    match shared(&cx.chat, what) {
        None => cx.chat.limits.take(cx.me(), what),
        Some((db, most)) => match counts::take(db, cx.me(), what.name(), most).await? {
            Ok(()) => Ok(()),
            Err(seconds) => Err(refusal(what, seconds)),
        },
    }
}

/// The same for what may turn out to be a repeat, which costs nothing: what came of asking, which counts only where it is
/// none, and then [`give_back`] is not to be called. None where that is found out by whoever knows.
pub(crate) async fn take_ahead(cx: &Cx, what: Limited) -> Option<Result<()>> {
    shared(&cx.chat, what)?;
    Some(take(cx, what).await)
}

/// Gives back what was taken ahead and not needed.
pub(crate) async fn give_back(cx: &Cx, what: Limited) {
    if let Some((db, _)) = shared(&cx.chat, what)
        && let Err(cause) = counts::give_back(db, cx.me(), what.name()).await
    {
        tracing::debug!(%cause, "a repeat counts as a message for a minute");
    }
}

/// Forgets those who did nothing for a minute. To be called now and then.
pub(crate) async fn forget_idle(chat: &Chat) {
    chat.limits.forget_idle();
    if let Some(db) = chat.store.shared_counts()
        && let Err(cause) = counts::forget_idle(db).await
    {
        tracing::debug!(%cause, "idle limits are forgotten later");
    }
}

/// Where it is counted for all nodes, and how much there is; none where this server counts alone.
fn shared(chat: &Chat, what: Limited) -> Option<(&Autocommit, u32)> {
    let most = chat.limits.most(what).filter(|most| *most <= MAX_SHARED)?;
    let db = chat.store.shared_counts().filter(|_| chat.cluster.has_peers())?;
    Some((db, most))
}
