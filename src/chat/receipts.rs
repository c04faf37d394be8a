//! Read markers and receipts: a marker only moves forward, each real move is one row, and every message's receipts
//! can be told exactly from those rows (protocol §11).

use std::collections::HashMap;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::chat::Cx;
use crate::chat::access::{self, Member};
use crate::chat::counts::{place_of, unread_in};
use crate::chat::event::{EventType, Fact};
use crate::chat::messages::{find, find_many, not_found};
use crate::chat::views::receipt::load;
use crate::chat::writer::Batch;
use crate::config::fault;
use crate::entity::{message, participant, read_receipt};
use crate::error::Result;
use crate::id::{ConversationId, MessageId};

pub use crate::chat::views::receipt::{ReadReceipt, ReadReceiptMove, ReadState};

/// Moves the caller's marker up to `up_to`, or to the newest message. It never moves back, and where it does not move the
/// writer is not asked.
///
/// # Errors
/// `NotFound` for a message of another conversation, `Forbidden` outside the conversation.
pub async fn mark_read(cx: &Cx, id: ConversationId, up_to: Option<MessageId>) -> Result<ReadState> {
    let db = &cx.reader();
    let (me, name) = (cx.me(), cx.viewer.name.clone());
    let member = access::member(db, me, id).await?;
    // A message stays in its conversation for ever: where it was found once it need not be looked for again.
    if let Some(message) = up_to {
        must_be_in(db, &member, message).await?;
    }
    if marker_target(&member, up_to).is_none() {
        return state(cx, member).await;
    }
    let moved = cx.chat.write(async move |batch: &mut Batch| {
        let member = access::member(&batch.tx, me, id).await?;
        let Some(target) = marker_target(&member, up_to) else { return Ok(()) };
        move_marker(batch, member.me, target).await?;
        let moved = ReadReceiptMove {
            conversation_id: id,
            user_id: me,
            user_name: name,
            last_read_message_id: target,
            read_at: batch.now.into(),
        };
        batch.append(EventType::ReceiptMoved, id, me, Fact::Receipt(moved));
        Ok(())
    });
    moved.await?;
    state(cx, access::member(db, me, id).await?).await
}

/// Where the marker is to stand, if that is ahead of where it stands.
fn marker_target(member: &Member, up_to: Option<MessageId>) -> Option<MessageId> {
    let target = up_to.or(member.conversation.last_message_id);
    let before = member.me.last_read_message_id;
    target.filter(|target| before.is_none_or(|before| *target > before || fault::is_on("marker-moves-back")))
}

async fn must_be_in(db: &impl ConnectionTrait, member: &Member, message: MessageId) -> Result<()> {
    let row = message::Entity::find_by_id(message).one(db).await?;
    row.filter(|row| row.conversation_id == member.conversation.id).ok_or_else(not_found)?;
    Ok(())
}

async fn move_marker(batch: &Batch, me: participant::Model, target: MessageId) -> Result<()> {
    let row = read_receipt::ActiveModel {
        conversation_id: Set(me.conversation_id),
        user_id: Set(me.user_id),
        from_message_id: Set(me.last_read_message_id.map_or(0, MessageId::get)),
        message_id: Set(target),
        read_at: Set(batch.now),
        ..Default::default()
    };
    // Somebody who left and came back with an older marker may move to the same place again: the first move counts.
    let once = OnConflict::columns([
        read_receipt::Column::ConversationId,
        read_receipt::Column::UserId,
        read_receipt::Column::MessageId,
    ])
    .do_nothing()
    .to_owned();
    read_receipt::Entity::insert(row).on_conflict(once).exec_without_returning(&batch.tx).await?;
    let message = message::Entity::find_by_id(target).one(&batch.tx).await?.ok_or_else(not_found)?;
    let place = place_of(&batch.tx, &message, me.user_id).await?;
    let mut me: participant::ActiveModel = me.into();
    me.last_read_message_id = Set(Some(target));
    me.read_number = Set(place.number);
    me.read_own = Set(place.own);
    me.update(&batch.tx).await?;
    Ok(())
}

/// Where the member's marker stands, and what is unread there.
async fn state(cx: &Cx, member: Member) -> Result<ReadState> {
    let db = &cx.reader();
    let id = member.conversation_id();
    let last = read_receipt::Entity::find()
        .filter(read_receipt::Column::ConversationId.eq(id))
        .filter(read_receipt::Column::UserId.eq(cx.me()))
        .filter(read_receipt::Column::MessageId.eq(member.me.last_read_message_id))
        .one(db)
        .await?;
    let unread = unread_in(db, cx.me(), Some(&[id])).await?;
    Ok(ReadState {
        conversation_id: id,
        last_read_message_id: member.me.last_read_message_id,
        read_at: last.map(|row| row.read_at.into()),
        unread_count: unread.get(&id).copied().unwrap_or(0),
    })
}

/// Who has read a message, of those who are in the conversation now, without its sender.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn of_message(cx: &Cx, id: MessageId) -> Result<Vec<ReadReceipt>> {
    let db = &cx.reader();
    find(db, cx.me(), id).await?;
    Ok(load(db, &[id]).await?.remove(&id).unwrap_or_default())
}

/// The receipts of each of the messages that the caller may see, for GraphQL's links.
pub async fn of_many(cx: &Cx, ids: &[MessageId]) -> Result<HashMap<MessageId, Vec<ReadReceipt>>> {
    let db = &cx.reader();
    let visible: Vec<MessageId> = find_many(db, cx.me(), ids).await?.into_iter().map(|row| row.id).collect();
    load(db, &visible).await
}
