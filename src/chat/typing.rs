//! Who is typing: told as it happens, ended by itself after a few seconds or by the typist's next message.
//! A row is written at the start and removed at the end; refreshes are told but not written (contract §11). That somebody
//! types is told once a second at most, and each time that it was told its end is told, too (contract §13).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use tokio::time::Instant;

use crate::chat::access;
use crate::chat::event::{Event, EventType, Fact};
use crate::chat::{Chat, Cx};
use crate::entity::typing;
use crate::error::Result;
use crate::id::{ConversationId, UserId};

/// Somebody types, or has stopped (contract §3, TypingIndicatorResponse).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TypingIndicator {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub user_name: String,
    pub typing: bool,
    /// When it ends by itself; null once it has ended.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who is typing on this node, and who was a moment ago: an entry is there for as long as its [`watch`].
#[derive(Default)]
pub(super) struct Typists(Mutex<HashMap<(ConversationId, UserId), Typist>>);

struct Typist {
    name: String,
    /// When it ends by itself.
    until: Instant,
    /// When it was last told that they type, or would have been in a smaller group.
    told: Instant,
    state: State,
    /// Whether the group is too large to be told.
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The others know that they type.
    Typing,
    /// They began anew so soon after an end that it is not told yet.
    Waiting,
    Ended,
}

/// How often it is told that somebody types in a conversation.
const PACE: Duration = Duration::from_secs(1);

impl Typists {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ConversationId, UserId), Typist>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the caller types, or has stopped. To say so again within a second is no error and is told to nobody.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn set(cx: &Cx, conversation: ConversationId, typing: bool) -> Result<()> {
    let member = access::member(&cx.reader(), cx.me(), conversation).await?;
    if !typing {
        ended(&cx.chat, conversation, cx.me()).await;
        return Ok(());
    }
    let quiet =
        usize::try_from(member.conversation.participant_count).unwrap_or(0) > cx.chat.config.chat.quiet_group_size;
    let key = (conversation, cx.me());
    let now = Instant::now();
    let until = now + ttl(&cx.chat);
    let told_before = {
        let mut all = cx.chat.typists.lock();
        match all.get_mut(&key) {
            None => {
                let name = cx.viewer.name.clone();
                all.insert(key, Typist { name, until, told: now, state: State::Typing, quiet });
                tokio::spawn(watch(Arc::clone(&cx.chat), key));
                State::Ended
            }
            Some(typist) => {
                typist.until = until;
                if now < typist.told + PACE {
                    if typist.state == State::Ended {
                        typist.state = State::Waiting;
                    }
                    return Ok(());
                }
                typist.told = now;
                typist.quiet = quiet;
                std::mem::replace(&mut typist.state, State::Typing)
            }
        }
    };
    begin(&cx.chat, key, cx.viewer.name.clone(), quiet, told_before != State::Typing).await
}

fn ttl(chat: &Chat) -> Duration {
    Duration::from_secs(chat.config.chat.typing_indicator_ttl_seconds)
}

/// Tells that somebody types; `anew` where they did not a moment ago.
async fn begin(chat: &Chat, key: (ConversationId, UserId), name: String, quiet: bool, anew: bool) -> Result<()> {
    let expires_at = super::now() + TimeDelta::from_std(ttl(chat)).unwrap_or(TimeDelta::MAX);
    if !quiet {
        tell(chat, key.0, key.1, name, Some(expires_at));
    }
    if anew { write(chat, key, expires_at).await } else { Ok(()) }
}

/// Ends it, if it has not ended yet, and says so to those who know of it.
pub(super) async fn ended(chat: &Arc<Chat>, conversation: ConversationId, user: UserId) {
    let known = {
        let mut all = chat.typists.lock();
        let Some(typist) = all.get_mut(&(conversation, user)) else { return };
        let before = std::mem::replace(&mut typist.state, State::Ended);
        (before == State::Typing).then(|| (typist.name.clone(), typist.quiet))
    };
    let Some((name, quiet)) = known else { return };
    if !quiet {
        tell(chat, conversation, user, name, None);
    }
    if let Err(error) = erase(chat, conversation, user).await {
        tracing::debug!(%error, "a row of somebody who typed stays until the next start");
    }
}

/// What is to be done about somebody who types.
enum Turn {
    Sleep(Instant),
    Tell { name: String, quiet: bool },
    End,
    Forget,
}

/// Tells what had to wait, ends it when the typist has been silent for the time to live, and forgets it.
async fn watch(chat: Arc<Chat>, key: (ConversationId, UserId)) {
    loop {
        match turn(&chat.typists, key) {
            Turn::Sleep(until) => tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = chat.stopping.cancelled() => return,
            },
            Turn::Tell { name, quiet } => {
                if let Err(error) = begin(&chat, key, name, quiet, true).await {
                    tracing::debug!(%error, "somebody types of whom there is no row");
                }
            }
            Turn::End => ended(&chat, key.0, key.1).await,
            Turn::Forget => return,
        }
    }
}

fn turn(typists: &Typists, key: (ConversationId, UserId)) -> Turn {
    let mut all = typists.lock();
    let now = Instant::now();
    let Some(typist) = all.get_mut(&key) else { return Turn::Forget };
    let next = typist.told + PACE;
    match typist.state {
        State::Typing | State::Waiting if typist.until <= now => Turn::End,
        // It may be said at any time that it has ended, and then that it begins anew.
        State::Typing => Turn::Sleep(typist.until.min(now + PACE)),
        _ if now < next => Turn::Sleep(next),
        State::Waiting => {
            (typist.told, typist.state) = (now, State::Typing);
            Turn::Tell { name: typist.name.clone(), quiet: typist.quiet }
        }
        State::Ended => {
            all.remove(&key);
            Turn::Forget
        }
    }
}

fn tell(
    chat: &Chat,
    conversation_id: ConversationId,
    user_id: UserId,
    user_name: String,
    until: Option<DateTime<Utc>>,
) {
    let indicator = TypingIndicator { conversation_id, user_id, user_name, typing: until.is_some(), expires_at: until };
    let fact = Fact::Typing(indicator);
    chat.tell(Event::new(EventType::Typing, Some(conversation_id), user_id, super::now(), fact));
}

async fn write(chat: &Chat, key: (ConversationId, UserId), expires_at: DateTime<Utc>) -> Result<()> {
    chat.change(move |batch| {
        Box::pin(async move {
            let row = typing::ActiveModel {
                conversation_id: Set(key.0.get()),
                user_id: Set(key.1.get()),
                started_at: Set(batch.now),
                expires_at: Set(expires_at),
            };
            let again = OnConflict::columns([typing::Column::ConversationId, typing::Column::UserId])
                .update_columns([typing::Column::StartedAt, typing::Column::ExpiresAt])
                .to_owned();
            typing::Entity::insert(row).on_conflict(again).exec_without_returning(&batch.tx).await?;
            Ok(())
        })
    })
    .await
}

async fn erase(chat: &Chat, conversation: ConversationId, user: UserId) -> Result<()> {
    chat.change(move |batch| {
        Box::pin(async move {
            typing::Entity::delete_by_id((conversation.get(), user.get())).exec(&batch.tx).await?;
            Ok(())
        })
    })
    .await
}

/// Removes the rows of those who were typing when a server died: they have expired long since.
pub(crate) async fn forget_expired(chat: &Chat) -> Result<()> {
    chat.change(|batch| {
        Box::pin(async move {
            let expired = typing::Column::ExpiresAt.lt(batch.now);
            typing::Entity::delete_many().filter(expired).exec(&batch.tx).await?;
            Ok(())
        })
    })
    .await
}
