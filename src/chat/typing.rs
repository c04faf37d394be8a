//! Who is typing: told as it happens, ended by itself after a few seconds or by the typist's next message.
//! A row is written at the start and removed at the end; refreshes are told but not written (contract §11).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use tokio::time::Instant;

use crate::access;
use crate::chat::{Chat, Cx};
use crate::entity::typing;
use crate::error::Result;
use crate::event::{Event, EventType, Fact};
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

/// Who is typing on this node.
#[derive(Default)]
pub(super) struct Typists(Mutex<HashMap<(ConversationId, UserId), Typist>>);

struct Typist {
    name: String,
    until: Instant,
    /// Whether the group is too large to be told.
    quiet: bool,
}

/// Says that the caller types, or has stopped.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn set(cx: &Cx, conversation: ConversationId, typing: bool) -> Result<()> {
    let member = access::member(cx.chat.store.reader(), cx.me(), conversation).await?;
    if !typing {
        ended(&cx.chat, conversation, cx.me()).await;
        return Ok(());
    }
    let quiet =
        usize::try_from(member.conversation.participant_count).unwrap_or(0) > cx.chat.config.chat.quiet_group_size;
    let ttl = Duration::from_secs(cx.chat.config.chat.typing_indicator_ttl_seconds);
    let typist = Typist { name: cx.viewer.name.clone(), until: Instant::now() + ttl, quiet };
    let expires_at = super::now() + TimeDelta::from_std(ttl).unwrap_or(TimeDelta::MAX);
    if !quiet {
        tell(&cx.chat, conversation, cx.me(), cx.viewer.name.clone(), Some(expires_at));
    }
    let key = (conversation, cx.me());
    let refreshed = cx.chat.typists.lock().insert(key, typist).is_some();
    if !refreshed {
        tokio::spawn(watch(Arc::clone(&cx.chat), key));
        write(&cx.chat, key, expires_at).await?;
    }
    Ok(())
}

impl Typists {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ConversationId, UserId), Typist>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends it, if it has not ended yet, and says so.
pub(super) async fn ended(chat: &Arc<Chat>, conversation: ConversationId, user: UserId) {
    let Some(typist) = chat.typists.lock().remove(&(conversation, user)) else { return };
    if !typist.quiet {
        tell(chat, conversation, user, typist.name, None);
    }
    if let Err(error) = erase(chat, conversation, user).await {
        tracing::debug!(%error, "a row of somebody who typed stays until the next start");
    }
}

/// Waits until the typist has been silent for the time to live.
async fn watch(chat: Arc<Chat>, key: (ConversationId, UserId)) {
    loop {
        let until = match chat.typists.lock().get(&key) {
            Some(typist) => typist.until,
            None => return,
        };
        if until <= Instant::now() {
            return ended(&chat, key.0, key.1).await;
        }
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            () = chat.stopping.cancelled() => return,
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
