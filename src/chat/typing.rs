//! Who is typing: told as it happens, ended by itself after a few seconds or by the typist's next message.
//! A row is written at the start and removed at the end; refreshes are told but not written (protocol §11). That somebody
//! types is told once a second at most, and each time that it was told its end is told, too (protocol §13).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement};
use tokio::time::Instant;

use crate::chat::access;
use crate::chat::event::{Event, EventType, Fact};
use crate::chat::notes::Note;
use crate::chat::rows::group;
use crate::chat::views::user;
use crate::chat::{Chat, Cx};
use crate::cluster::typists::{Key, Next, Start};
use crate::entity::clock::now;
use crate::entity::typing;
use crate::error::Result;
use crate::id::{ConversationId, UserId};
use crate::store::{list, rows_of};

pub use crate::chat::views::typing::TypingIndicator;

/// A row that is older was left by a node that has died.
const LONGEST: TimeDelta = TimeDelta::minutes(5);

/// Says that the caller types, or has stopped. To say so again within a second is no error and is told to nobody.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn set(cx: &Cx, conversation: ConversationId, typing: bool) -> Result<()> {
    let member = access::member(&cx.reader(), cx.me(), conversation).await?;
    if !typing {
        end(&cx.chat, conversation, cx.me()).await;
        return Ok(());
    }
    let quiet =
        usize::try_from(member.conversation.participant_count).unwrap_or(0) > cx.chat.config.chat.quiet_group_size;
    let key = (conversation, cx.me());
    let started = cx.chat.typists.start(key, &cx.viewer.name, Instant::now() + ttl(&cx.chat), quiet);
    let again = match started {
        Start::TooSoon => return Ok(()),
        Start::Known { again } => again,
        Start::New => {
            tokio::spawn(watch(Arc::clone(&cx.chat), key));
            false
        }
    };
    announce_start(&cx.chat, key, cx.viewer.name.clone(), quiet, !again).await
}

fn ttl(chat: &Chat) -> Duration {
    Duration::from_secs(chat.config.chat.typing_indicator_ttl_seconds)
}

/// Tells that somebody types; `anew` where they did not a moment ago.
async fn announce_start(chat: &Chat, key: Key, name: String, quiet: bool, anew: bool) -> Result<()> {
    let expires_at = now() + TimeDelta::from_std(ttl(chat)).unwrap_or(TimeDelta::MAX);
    if !quiet {
        announce(chat, key.0, key.1, name, Some(expires_at));
    }
    if anew { upsert_row(chat, key, expires_at).await } else { Ok(()) }
}

/// Ends it, if it has not ended yet, and says so to those who know of it.
pub(super) async fn end(chat: &Arc<Chat>, conversation: ConversationId, user: UserId) {
    let Some((name, quiet)) = chat.typists.end((conversation, user)) else { return };
    if !quiet {
        announce(chat, conversation, user, name, None);
    }
    if let Err(error) = delete_row(chat, conversation, user).await {
        tracing::debug!(%error, "a row of somebody who typed stays until the next start");
    }
}

/// Somebody who types here has sent a message at another node: that ends it.
pub(crate) fn end_here(chat: &Arc<Chat>, conversation: ConversationId, user: UserId) {
    if chat.typists.knows((conversation, user)) {
        let chat = Arc::clone(chat);
        tokio::spawn(async move { end(&chat, conversation, user).await });
    }
}

/// Another node says of somebody whether they type: it is the one that knows.
pub(crate) fn take_over(chat: &Chat, indicator: &TypingIndicator) {
    chat.typists.forget((indicator.conversation_id, indicator.user_id));
}

/// Tells what had to wait, ends it when the typist has been silent for the time to live, and forgets it.
async fn watch(chat: Arc<Chat>, key: Key) {
    loop {
        match chat.typists.next(key) {
            Next::Sleep(until) => tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = chat.stopping.cancelled() => return,
            },
            Next::Tell { name, quiet } => {
                if let Err(error) = announce_start(&chat, key, name, quiet, true).await {
                    tracing::debug!(%error, "somebody types of whom there is no row");
                }
            }
            Next::End => end(&chat, key.0, key.1).await,
            Next::Forget => return,
        }
    }
}

fn announce(
    chat: &Chat,
    conversation_id: ConversationId,
    user_id: UserId,
    user_name: String,
    until: Option<DateTime<Utc>>,
) {
    let indicator = TypingIndicator {
        conversation_id,
        user_id,
        user_name,
        typing: until.is_some(),
        expires_at: until.map(Into::into),
    };
    let fact = Fact::Typing(indicator);
    chat.publish(Event::new(EventType::Typing, Some(conversation_id), user_id, now(), fact));
}

async fn upsert_row(chat: &Chat, key: Key, expires_at: DateTime<Utc>) -> Result<()> {
    chat.note(async move |note: &mut Note<'_>| {
        let row = typing::ActiveModel {
            conversation_id: Set(key.0),
            user_id: Set(key.1),
            started_at: Set(note.now),
            expires_at: Set(expires_at),
        };
        let again = OnConflict::columns([typing::Column::ConversationId, typing::Column::UserId])
            .update_columns([typing::Column::StartedAt, typing::Column::ExpiresAt])
            .to_owned();
        typing::Entity::insert(row).on_conflict(again).exec_without_returning(note.tx).await?;
        Ok(())
    })
    .await
}

async fn delete_row(chat: &Chat, conversation: ConversationId, user: UserId) -> Result<()> {
    chat.note(async move |note: &mut Note<'_>| {
        typing::Entity::delete_by_id((conversation, user)).exec(note.tx).await?;
        Ok(())
    })
    .await
}

/// Who types in each of the conversations, of those that the caller is in: the others, of groups that are not too large to
/// be told. A row is not written anew while somebody goes on, so the end that is told is the latest that is possible.
pub async fn present(cx: &Cx, ids: &[ConversationId]) -> Result<HashMap<ConversationId, Vec<TypingIndicator>>> {
    let (db, now, ttl) = (&cx.reader(), now(), TimeDelta::from_std(ttl(&cx.chat)).unwrap_or(TimeDelta::MAX));
    let most = i64::try_from(cx.chat.config.chat.quiet_group_size).unwrap_or(i64::MAX);
    let sql = format!(
        "SELECT t.* FROM {} CROSS JOIN chat_typing_indicators t WHERE t.conversation_id = listed.value \
         AND t.user_id <> $2 AND t.started_at > $3 AND {} AND (SELECT c.participant_count FROM chat_conversations c \
         WHERE c.id = t.conversation_id) <= $4 ORDER BY t.started_at, t.user_id",
        rows_of::<ConversationId>(db, 1),
        access::is_in_sql("t.conversation_id", "$2"),
    );
    let values = [list(db, ids.iter().copied()), cx.me().into(), (now - LONGEST).into(), most.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = typing::Entity::find().from_raw_sql(statement).all(db).await?;
    let users = user::by_ids(db, &rows.iter().map(|row| row.user_id).collect::<Vec<_>>()).await?;
    Ok(group(rows.into_iter().map(|row| {
        let expires_at = if row.expires_at > now { row.expires_at } else { now + ttl };
        let indicator = TypingIndicator {
            conversation_id: row.conversation_id,
            user_id: row.user_id,
            user_name: user::name_of(&users, row.user_id),
            typing: true,
            expires_at: Some(expires_at.into()),
        };
        (row.conversation_id, indicator)
    })))
}

/// Removes the rows of those who were typing when a server died: they have expired long since.
pub(crate) async fn forget_expired(chat: &Chat) -> Result<()> {
    chat.note(async move |note: &mut Note<'_>| {
        let expired = typing::Column::ExpiresAt.lt(note.now);
        typing::Entity::delete_many().filter(expired).exec(note.tx).await?;
        Ok(())
    })
    .await
}
