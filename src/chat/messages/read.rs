//! Reading messages: pages, threads, single ones, and the newest of many conversations at once.

use std::collections::HashMap;

use sea_orm::sea_query::Order;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement};

use super::{Message, find, load, load_by_ids};
use crate::access;
use crate::chat::Cx;
use crate::entity::message::{self, Column};
use crate::entity::participant;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::page::{Page, Window};

/// A page of a conversation, always oldest first; replies are in it (contract §4).
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn page(cx: &Cx, conversation: ConversationId, window: Window, limit: u64) -> Result<Page<Message>> {
    access::member(cx.chat.store.reader(), cx.me(), conversation).await?;
    read(cx, message::Entity::find().filter(Column::ConversationId.eq(conversation.get())), window, limit).await
}

/// A page of the direct replies to a message, oldest first.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn thread(cx: &Cx, parent: MessageId, window: Window, limit: u64) -> Result<Page<Message>> {
    find(cx.chat.store.reader(), cx.me(), parent).await?;
    read(cx, message::Entity::find().filter(Column::ParentMessageId.eq(parent.get())), window, limit).await
}

/// Reads one page of `rows`, oldest first.
async fn read(cx: &Cx, rows: Select<message::Entity>, window: Window, limit: u64) -> Result<Page<Message>> {
    let (after, before) = window.bounds();
    let rows = rows.apply_if(after, |rows, after| rows.filter(Column::Id.gt(after)));
    let rows = rows.apply_if(before, |rows, before| rows.filter(Column::Id.lt(before)));
    let order = if window.is_forward() { Order::Asc } else { Order::Desc };
    let rows = rows.order_by(Column::Id, order).limit(limit + 1).all(cx.chat.store.reader()).await?;
    let mut page = Page::cut(rows, limit);
    if !window.is_forward() {
        page.items.reverse();
    }
    let items = load(cx.chat.store.reader(), &cx.chat.links, page.items).await?;
    Ok(Page { items: items.into_iter().map(|message| message.for_viewer(cx.me())).collect(), has_more: page.has_more })
}

/// One message.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn get(cx: &Cx, id: MessageId) -> Result<Message> {
    let (row, _) = find(cx.chat.store.reader(), cx.me(), id).await?;
    let message = load(cx.chat.store.reader(), &cx.chat.links, vec![row]).await?.pop();
    Ok(message.ok_or_else(Error::internal)?.for_viewer(cx.me()))
}

/// Makes sure that the message is of this conversation, where a caller names both.
///
/// # Errors
/// `NotFound` where it is of another one, besides those of [`get`].
pub async fn must_be_of(cx: &Cx, id: MessageId, conversation: ConversationId) -> Result<()> {
    let (row, _) = find(cx.chat.store.reader(), cx.me(), id).await?;
    if row.conversation_id == conversation.get() { Ok(()) } else { Err(super::not_found()) }
}

/// Those among `ids` that the viewer may see, for GraphQL's links.
pub async fn many(cx: &Cx, ids: &[MessageId]) -> Result<HashMap<MessageId, Message>> {
    let db = cx.chat.store.reader();
    let found = load_by_ids(db, &cx.chat.links, &ids.iter().map(|id| id.get()).collect::<Vec<_>>()).await?;
    let asked = super::super::distinct(found.values().map(|message| message.conversation_id.get()));
    let mine: Vec<i64> = participant::Entity::find()
        .select_only()
        .column(participant::Column::ConversationId)
        .filter(participant::Column::UserId.eq(cx.me().get()))
        .filter(participant::Column::ConversationId.is_in(asked))
        .into_tuple()
        .all(db)
        .await?;
    let visible = found.into_iter().filter(|(_, message)| mine.contains(&message.conversation_id.get()));
    Ok(visible.map(|(id, message)| (id, message.for_viewer(cx.me()))).collect())
}

/// The newest `limit` messages of each conversation, oldest first, and whether there are older ones: one windowed
/// statement for all of them. Conversations that the viewer is not in have none.
pub async fn latest(
    cx: &Cx,
    conversations: &[ConversationId],
    limit: u64,
) -> Result<HashMap<ConversationId, Page<Message>>> {
    let db = cx.chat.store.reader();
    let places: Vec<String> = (3..conversations.len() + 3).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY conversation_id ORDER BY id DESC) AS place \
         FROM chat_messages WHERE conversation_id IN ({}) AND conversation_id IN (SELECT p.conversation_id \
         FROM chat_participants p JOIN chat_conversations c ON c.id = p.conversation_id \
         WHERE p.user_id = $2 AND c.closed_at IS NULL)) AS ranked WHERE place <= $1",
        places.join(", ")
    );
    let values = [(limit + 1) as i64, cx.me().get()];
    let values = values.into_iter().chain(conversations.iter().map(|id| id.get())).map(sea_orm::Value::from);
    let rows = message::Entity::find()
        .from_raw_sql(Statement::from_sql_and_values(
            db.get_database_backend(),
            format!("SELECT * FROM chat_messages WHERE id IN ({sql}) ORDER BY id DESC"),
            values,
        ))
        .all(db)
        .await?;
    let messages = load(db, &cx.chat.links, rows).await?;
    let grouped =
        super::super::group(messages.into_iter().map(|message| (message.conversation_id, message.for_viewer(cx.me()))));
    let pages = grouped.into_iter().map(|(conversation, messages)| {
        let mut page = Page::cut(messages, limit);
        page.items.reverse();
        (conversation, page)
    });
    Ok(pages.collect())
}
