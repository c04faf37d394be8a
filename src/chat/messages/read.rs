//! Reading messages: pages, threads, single ones, and the newest of many conversations at once.

use std::collections::HashMap;
use std::hash::Hash;

use sea_orm::sea_query::Order;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select, Statement, Value,
};

use super::find::{find, find_many};
use crate::chat::Cx;
use crate::chat::access;
use crate::chat::page::{Page, Window};
use crate::chat::rows;
use crate::chat::views::file::Attachment;
use crate::chat::views::message::{Message, ShownRow, complete, load, shown, shown_sql};
use crate::entity::attachment;
use crate::entity::message::{self, Column};
use crate::error::{Error, Result};
use crate::id::{AttachmentId, ConversationId, MessageId};
use crate::store::{self, Listed};

/// A page of a conversation, always oldest first; replies are in it (protocol §4).
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn page(cx: &Cx, conversation: ConversationId, window: Window, limit: u64) -> Result<Page<Message>> {
    access::member(&cx.reader(), cx.me(), conversation).await?;
    read(cx, message::Entity::find().filter(Column::ConversationId.eq(conversation)), window, limit).await
}

/// A page of the direct replies to a message, oldest first.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn thread(cx: &Cx, parent: MessageId, window: Window, limit: u64) -> Result<Page<Message>> {
    find(&cx.reader(), cx.me(), parent).await?;
    read(cx, message::Entity::find().filter(Column::ParentMessageId.eq(parent)), window, limit).await
}

/// Reads one page of `rows`, oldest first.
pub(super) async fn read(cx: &Cx, rows: Select<message::Entity>, window: Window, limit: u64) -> Result<Page<Message>> {
    let (after, before) = window.bounds();
    let rows = rows.apply_if(after, |rows, after| rows.filter(Column::Id.gt(after)));
    let rows = rows.apply_if(before, |rows, before| rows.filter(Column::Id.lt(before)));
    let order = if window.is_forward() { Order::Asc } else { Order::Desc };
    let rows = shown(rows.order_by(Column::Id, order).limit(limit + 1)).all(&cx.reader()).await?;
    let mut page = Page::cut(rows, limit);
    if !window.is_forward() {
        page.items.reverse();
    }
    let items = complete(&cx.reader(), &cx.chat.signer, page.items).await?;
    Ok(Page { items: items.into_iter().map(|message| message.for_viewer(cx.me())).collect(), has_more: page.has_more })
}

/// One message.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn get(cx: &Cx, id: MessageId) -> Result<Message> {
    let (row, _) = find(&cx.reader(), cx.me(), id).await?;
    let message = load(&cx.reader(), &cx.chat.signer, vec![row]).await?.pop();
    Ok(message.ok_or_else(|| Error::internal_because("a message that was found is not there"))?.for_viewer(cx.me()))
}

/// A file of a message.
///
/// # Errors
/// `NotFound`, also where the message is deleted; `Forbidden`.
pub async fn attachment(cx: &Cx, id: AttachmentId) -> Result<Attachment> {
    let not_found = || Error::not_found("Attachment not found");
    let row = attachment::Entity::find_by_id(id).one(&cx.reader()).await?.ok_or_else(not_found)?;
    let message = get(cx, row.message_id).await?;
    message.attachments.into_iter().find(|attached| attached.id == id).ok_or_else(not_found)
}

/// Makes sure that the message is of this conversation, where a caller names both.
///
/// # Errors
/// `NotFound` where it is of another one, besides those of [`get`].
pub async fn must_be_of(cx: &Cx, id: MessageId, conversation: ConversationId) -> Result<()> {
    let (row, _) = find(&cx.reader(), cx.me(), id).await?;
    if row.conversation_id == conversation { Ok(()) } else { Err(super::not_found()) }
}

/// Those among `ids` that the viewer may see, for GraphQL's links.
pub async fn many(cx: &Cx, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>> {
    let db = &cx.reader();
    let found = load(db, &cx.chat.signer, find_many(db, cx.me(), ids).await?).await?;
    Ok(found.into_iter().map(|message| (message.id, message.for_viewer(cx.me()))).collect())
}

/// The newest `limit` messages of each conversation, oldest first, and whether there are older ones. Conversations that
/// the viewer is not in have none.
pub async fn latest(
    cx: &Cx,
    conversations: &[ConversationId],
    limit: u64,
) -> Result<HashMap<ConversationId, Page<Message>>> {
    let visible = access::is_in_sql("listed.value", "$3");
    let key = |message: &Message| Some(message.conversation_id);
    let mut pages = first_of_each(cx, "conversation_id", "DESC", conversations, limit, &visible, key).await?;
    pages.values_mut().for_each(|page| page.items.reverse());
    Ok(pages)
}

/// The first `limit` direct replies to each message, oldest first, and whether there are more. Messages that the viewer
/// may not see have none.
pub async fn replies(cx: &Cx, parents: &[MessageId], limit: u64) -> Result<HashMap<MessageId, Page<Message>>> {
    let conversation = "(SELECT m.conversation_id FROM chat_messages m WHERE m.id = listed.value)";
    let visible = access::is_in_sql(conversation, "$3");
    first_of_each(cx, "parent_message_id", "ASC", parents, limit, &visible, |message| message.parent_message_id).await
}

/// The first `limit` messages for each of `values` of `column`, of those values that are `visible`: one statement, which
/// reads no more than it answers with.
async fn first_of_each<V: Copy + Eq + Hash + Listed>(
    cx: &Cx,
    column: &'static str,
    order: &'static str,
    values: &[V],
    limit: u64,
    visible: &str,
    key: impl Fn(&Message) -> Option<V>,
) -> Result<HashMap<V, Page<Message>>> {
    let db = &cx.reader();
    let from = store::first_messages_of_each(db, column, order);
    let sql = shown_sql(&from, &format!("WHERE {visible} ORDER BY chat_messages.id {order}"));
    let limits: [Value; 2] = [limit.saturating_add(1).cast_signed().into(), cx.me().into()];
    let values = std::iter::once(store::list(db, values.iter().copied())).chain(limits);
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = ShownRow::find_by_statement(statement).all(db).await?;
    let messages = complete(db, &cx.chat.signer, rows).await?.into_iter().map(|message| message.for_viewer(cx.me()));
    let grouped = rows::group(messages.filter_map(|message| Some((key(&message)?, message))));
    Ok(grouped.into_iter().map(|(key, messages)| (key, Page::cut(messages, limit))).collect())
}
