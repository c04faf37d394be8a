//! The messages of a conversation that have files.

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Message, load};
use crate::access;
use crate::chat::Cx;
use crate::entity::attachment;
use crate::entity::message::{self, Column};
use crate::error::Result;
use crate::id::ConversationId;
use crate::page::{Page, Window};

/// A page of them, always newest first (contract §4).
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn with_files(cx: &Cx, conversation: ConversationId, window: Window, limit: u64) -> Result<Page<Message>> {
    let db = cx.chat.store.reader();
    access::member(db, cx.me(), conversation).await?;
    let holds = Expr::col((attachment::Entity, attachment::Column::MessageId)).equals((message::Entity, Column::Id));
    let files = Query::select().expr(Expr::val(1)).from(attachment::Entity).and_where(holds).to_owned();
    let (after, before) = window.bounds();
    let mut rows =
        message::Entity::find().filter(Column::ConversationId.eq(conversation.get())).filter(Expr::exists(files));
    if let Some(after) = after {
        rows = rows.filter(Column::Id.gt(after));
    }
    if let Some(before) = before {
        rows = rows.filter(Column::Id.lt(before));
    }
    let order = if window.is_forward() { Order::Asc } else { Order::Desc };
    let mut page = Page::cut(rows.order_by(Column::Id, order).limit(limit + 1).all(db).await?, limit);
    if window.is_forward() {
        page.items.reverse();
    }
    let items = load(db, &cx.chat.links, page.items).await?;
    Ok(Page { items: items.into_iter().map(|message| message.for_viewer(cx.me())).collect(), has_more: page.has_more })
}
