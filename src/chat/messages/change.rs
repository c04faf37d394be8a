//! Editing and deleting: the sender's own, or, for deleting, an owner's or admin's in a group.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::find::{find, must_not_be_deleted};
use crate::chat::Cx;
use crate::chat::access::Action;
use crate::chat::counts::record_deletion;
use crate::chat::event::{EventType, Fact};
use crate::chat::files::sweep::release;
use crate::chat::files::url_signer::UrlSigner;
use crate::chat::limit;
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::views::message::{Message, load};
use crate::chat::writer::Batch;
use crate::entity::conversation::ConversationType;
use crate::entity::{attachment, message, reaction};
use crate::error::{Error, Result};
use crate::id::{MessageId, UserId};

/// Replaces the content of the caller's own message.
///
/// # Errors
/// `Forbidden` for somebody else's, `Conflict` for a deleted one, `BadRequest` for content out of form, `RateLimited`: an
/// edit counts like a message.
pub async fn edit(cx: &Cx, id: MessageId, content: String) -> Result<Message> {
    let (me, longest) = (cx.me(), cx.chat.config.chat.max_message_length);
    // Whether it may be empty depends on its attachments; the length does not, and is checked before the queue.
    text::content(&content, longest, true)?;
    limit::take(cx, Limited::Messages).await?;
    let edited = cx.chat.write(async move |batch: &mut Batch| {
        let (row, _) = find(&batch.tx, me, id).await?;
        must_be_mine(&row, me, "Only its sender can edit a message")?;
        must_not_be_deleted(&row)?;
        let attachments = attachment::Entity::find().filter(attachment::Column::MessageId.eq(id));
        let has_attachments = attachments.one(&batch.tx).await?.is_some();
        let content = text::content(&content, longest, has_attachments)?;
        let mut row: message::ActiveModel = row.into();
        row.search_words = Set(content.as_deref().map(text::words));
        row.old_words = Set(None);
        row.content = Set(content);
        row.is_edited = Set(true);
        row.edited_at = Set(Some(batch.now));
        let row = row.update(&batch.tx).await?;
        announce(batch, row, me, EventType::MessageUpdated).await
    });
    edited.await
}

/// Turns a message into its tombstone. To delete it again changes nothing.
///
/// # Errors
/// `Forbidden` unless the caller sent it, or is OWNER or ADMIN of its group.
pub async fn delete(cx: &Cx, id: MessageId) -> Result<Message> {
    let (db, me) = (&cx.reader(), cx.me());
    let row = deletable(db, id, me).await?;
    if row.is_deleted {
        return tombstone(db, &cx.chat.signer, row, me).await;
    }
    let deleted = cx.chat.write(async move |batch: &mut Batch| {
        let row = deletable(&batch.tx, id, me).await?;
        if row.is_deleted {
            return tombstone(&batch.tx, &batch.tools.signer, row, me).await;
        }
        let mut row: message::ActiveModel = row.into();
        row.content = Set(None);
        row.metadata = Set(None);
        row.search_words = Set(None);
        row.old_words = Set(None);
        row.is_deleted = Set(true);
        row.deleted_at = Set(Some(batch.now));
        let row = row.update(&batch.tx).await?;
        record_deletion(&batch.tx, &row).await?;
        clear(batch, id).await?;
        announce(batch, row, me, EventType::MessageDeleted).await
    });
    deleted.await
}

/// A message that `me` may delete.
async fn deletable(db: &impl ConnectionTrait, id: MessageId, me: UserId) -> Result<message::Model> {
    let (row, member) = find(db, me, id).await?;
    if member.conversation.kind == ConversationType::Direct || !Action::DeleteOthersMessage.allowed_to(member.me.role) {
        must_be_mine(&row, me, "You can only delete your own messages")?;
    }
    Ok(row)
}

async fn tombstone(db: &impl ConnectionTrait, links: &UrlSigner, row: message::Model, me: UserId) -> Result<Message> {
    let complete = load(db, links, vec![row]).await?.pop();
    Ok(complete.ok_or_else(|| Error::internal_because("a message that was changed is not there"))?.for_viewer(me))
}

/// A tombstone has neither reactions nor files; a file that was only here is unreadable from now on.
async fn clear(batch: &Batch, id: MessageId) -> Result<()> {
    reaction::Entity::delete_many().filter(reaction::Column::MessageId.eq(id)).exec(&batch.tx).await?;
    let held = attachment::Entity::find().filter(attachment::Column::MessageId.eq(id)).all(&batch.tx).await?;
    attachment::Entity::delete_many().filter(attachment::Column::MessageId.eq(id)).exec(&batch.tx).await?;
    release(batch, held.into_iter().map(|row| row.file_id).collect()).await
}

fn must_be_mine(row: &message::Model, me: UserId, sentence: &'static str) -> Result<()> {
    if row.sender_id == me { Ok(()) } else { Err(Error::forbidden(sentence)) }
}

async fn announce(batch: &mut Batch, row: message::Model, me: UserId, kind: EventType) -> Result<Message> {
    // The triggers may have touched the row after it was returned: it is read as it stands now.
    let row = message::Entity::find_by_id(row.id).one(&batch.tx).await?.ok_or_else(super::not_found)?;
    let complete = load(&batch.tx, &batch.tools.signer, vec![row])
        .await?
        .pop()
        .ok_or_else(|| Error::internal_because("a message that was changed is not there"))?;
    let fact = Fact::Message(Box::new(complete.clone()));
    batch.append(kind, complete.conversation_id, me, fact);
    Ok(complete.for_viewer(me))
}
