//! Looking one conversation up, or those that GraphQL links to, and what an announcement of a change shows.

use std::collections::HashMap;

use sea_orm::QuerySelect;

use crate::chat::Cx;
use crate::chat::access;
use crate::chat::views::conversation::{Conversation, load, load_one};
use crate::entity::participant;
use crate::error::Result;
use crate::id::ConversationId;

/// The conversation, as the caller sees it.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn get(cx: &Cx, id: ConversationId) -> Result<Conversation> {
    let db = &cx.reader();
    let member = access::member(db, cx.me(), id).await?;
    load_one(db, &cx.chat.signer, cx.me(), member).await
}

/// The same without what has to be gathered for it: nobody takes part, nothing was said last and nothing is unread, and a
/// direct conversation has neither name nor picture. For whoever asks for none of these.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn outline(cx: &Cx, id: ConversationId) -> Result<Conversation> {
    let member = access::member(&cx.reader(), cx.me(), id).await?;
    Ok(Conversation::of(member, cx.me(), Vec::new(), None, 0))
}

/// Makes sure that the caller is in the conversation.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn must_be_in(cx: &Cx, id: ConversationId) -> Result<()> {
    access::member(&cx.reader(), cx.me(), id).await?;
    Ok(())
}

/// Those among `ids` that the caller is in.
pub async fn many(cx: &Cx, ids: &[ConversationId]) -> Result<HashMap<ConversationId, Conversation>> {
    let db = &cx.reader();
    let members = access::members_of(db, cx.me(), ids).await?;
    let loaded = load(db, &cx.chat.signer, cx.me(), members).await?;
    Ok(loaded.into_iter().map(|conversation| (conversation.id, conversation)).collect())
}

/// The conversations that the caller is in.
pub async fn ids_of(cx: &Cx) -> Result<Vec<ConversationId>> {
    let ids = access::memberships(cx.me()).select_only().column(participant::Column::ConversationId);
    Ok(ids.into_tuple().all(&cx.reader()).await?)
}
