//! Looking one conversation up, or those that GraphQL links to, and what an announcement of a change shows.

use std::collections::HashMap;

use sea_orm::{QueryFilter, QuerySelect};

use crate::chat::Cx;
use crate::chat::access::{self, Member};
use crate::chat::views::conversation::{Conversation, load, load_one};
use crate::entity::{conversation, participant};
use crate::error::Result;
use crate::id::ConversationId;
use crate::store::among;

/// The conversation, as the caller sees it.
///
/// # Errors
/// `NotFound`, `Forbidden`.
pub async fn get(cx: &Cx, id: ConversationId) -> Result<Conversation> {
    let db = &cx.reader();
    let member = access::member(db, cx.me(), id).await?;
    load_one(db, &cx.chat.signer, cx.me(), member).await
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
    let rows = access::memberships(cx.me())
        .filter(among(db, participant::Column::ConversationId, ids.iter().copied()))
        .select_also(conversation::Entity)
        .all(db)
        .await?;
    let members = rows.into_iter().filter_map(|(me, conversation)| Some(Member { conversation: conversation?, me }));
    let loaded = load(db, &cx.chat.signer, cx.me(), members.collect()).await?;
    Ok(loaded.into_iter().map(|conversation| (conversation.id, conversation)).collect())
}

/// The conversations that the caller is in.
pub async fn ids_of(cx: &Cx) -> Result<Vec<ConversationId>> {
    let ids = access::memberships(cx.me()).select_only().column(participant::Column::ConversationId);
    Ok(ids.into_tuple().all(&cx.reader()).await?)
}
