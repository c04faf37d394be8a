//! Finding messages for somebody: a message is judged by its conversation (protocol §2).

use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter};

use crate::chat::access::{self, Member};
use crate::entity::message;
use crate::error::{Error, Result};
use crate::id::{MessageId, UserId};
use crate::store::among;

/// Reads a message together with the proof that the viewer is in its conversation: a message is judged by its
/// conversation (protocol §2).
///
/// # Errors
/// `NotFound` for a message that does not exist or whose conversation is closed, `Forbidden` outside of it.
pub(crate) async fn find(db: &impl ConnectionTrait, viewer: UserId, id: MessageId) -> Result<(message::Model, Member)> {
    let row = message::Entity::find_by_id(id).one(db).await?.ok_or_else(not_found)?;
    let member = access::member(db, viewer, row.conversation_id).await?;
    Ok((row, member))
}

/// Reads those among `ids` that the viewer may see: one statement.
pub(crate) async fn find_many(
    db: &impl ConnectionTrait,
    viewer: UserId,
    ids: &[MessageId],
) -> Result<Vec<message::Model>> {
    let rows = message::Entity::find()
        .filter(among(db, message::Column::Id, ids.iter().copied()))
        .filter(access::is_in(viewer, message::Column::ConversationId));
    Ok(rows.all(db).await?)
}

/// What is said of a message that does not exist.
pub(crate) fn not_found() -> Error {
    Error::not_found("Message not found")
}

/// Refuses what cannot be done to a tombstone.
///
/// # Errors
/// `Conflict` for a deleted message.
pub(crate) fn must_not_be_deleted(row: &message::Model) -> Result<()> {
    if row.is_deleted { Err(Error::conflict("This message was deleted")) } else { Ok(()) }
}
