//! The messages of a conversation that have files.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

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
    let holds = Expr::col((attachment::Entity, attachment::Column::MessageId)).equals((message::Entity, Column::Id));
    let files = Query::select().expr(Expr::val(1)).from(attachment::Entity).and_where(holds).to_owned();
    let rows = message::Entity::find().filter(Column::ConversationId.eq(conversation)).filter(Expr::exists(files));
    let mut page = read(cx, rows, window, limit).await?;
    page.items.reverse();
    Ok(page)
}
