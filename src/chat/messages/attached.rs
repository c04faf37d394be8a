//! The messages of a conversation that have files.

use sea_orm::sea_query::Order;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::read::read;
use crate::chat::Cx;
use crate::chat::access;
use crate::chat::page::{Page, Window};
use crate::chat::views::message::Message;
use crate::entity::attachment;
use crate::entity::message::{self, Column};
use crate::error::Result;
use crate::id::ConversationId;

/// A page of them, always newest first (protocol §4).
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn with_files(cx: &Cx, conversation: ConversationId, window: Window, limit: u64) -> Result<Page<Message>> {
    access::member(&cx.reader(), cx.me(), conversation).await?;
    let (after, before) = window.bounds();
    let order = if window.is_forward() { Order::Asc } else { Order::Desc };
    // By their own index: a conversation of a million messages may have no file.
    let held = attachment::Entity::find()
        .select_only()
        .column(attachment::Column::MessageId)
        .distinct()
        .filter(attachment::Column::ConversationId.eq(conversation))
        .apply_if(after, |held, after| held.filter(attachment::Column::MessageId.gt(after)))
        .apply_if(before, |held, before| held.filter(attachment::Column::MessageId.lt(before)))
        .order_by(attachment::Column::MessageId, order)
        .limit(limit + 1);
    let rows = message::Entity::find().filter(Column::Id.in_subquery(held.into_query()));
    let mut page = read(cx, rows, window, limit).await?;
    page.items.reverse();
    Ok(page)
}
