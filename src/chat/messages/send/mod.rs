//! Sending: a checked message waits for the writer, which takes all that are waiting with many rows to a statement.

mod at_once;
pub mod draft;
mod plan;
mod preloaded;
mod rows;

use std::cell::Cell;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::chat::event::{EventType, Fact};
use crate::chat::rate_limit::Limited;
use crate::chat::views::file;
use crate::chat::writer::{Batch, Input, Job};
use crate::chat::{Cx, limit, typing};
use crate::entity::{attachment, message};
use crate::error::Result;
use crate::id::{ConversationId, MessageId};

pub use at_once::apply_at_once;
use draft::{Draft, Outgoing, SendMessage, Sent};
use plan::Plan;
use preloaded::Preloaded;

/// Sends a message. Answered after the commit, with the complete message.
///
/// # Errors
/// `BadRequest` for input that is out of form, `NotFound` for a conversation, parent or file that is not there,
/// `Forbidden` outside the conversation or for what is switched off in it, `Conflict` for a deleted parent or a
/// `tempId` with other input, `RateLimited`.
pub async fn send(cx: &Cx, conversation: ConversationId, input: SendMessage) -> Result<Sent> {
    let draft = Draft::check(input, cx.chat.config.chat.max_message_length)?;
    if draft.temp.is_none() {
        limit::take(cx, Limited::Messages).await?;
    }
    let sender = cx.me();
    let allowed = if draft.temp.is_some() { limit::take_ahead(cx, Limited::Messages).await } else { None };
    let taken_ahead = allowed.as_ref().is_some_and(Result::is_ok);
    let input = Outgoing { conversation, sender, draft, allowed, charged: Cell::new(false) };
    let sent = cx.chat.queue.run(|answer| Job::Together(Input { input, answer })).await;
    if taken_ahead && sent.as_ref().map_or(true, |sent| sent.repeated) {
        limit::give_back(cx, Limited::Messages).await;
    }
    let sent = sent?;
    if !sent.repeated {
        typing::end(&cx.chat, conversation, sender).await;
    }
    Ok(sent)
}

/// The writer's part: answers each input with its own outcome.
///
/// # Errors
/// A statement that failed for all of them.
pub fn apply<'b>(
    batch: &'b mut Batch,
    inputs: &'b [&'b Outgoing],
) -> LocalBoxFuture<'b, Result<Vec<Result<Sent>>, DbErr>> {
    Box::pin(send_together(batch, inputs))
}

async fn send_together(batch: &mut Batch, inputs: &[&Outgoing]) -> Result<Vec<Result<Sent>>, DbErr> {
    let tools = Arc::clone(&batch.tools);
    let preloaded = Preloaded::read(&batch.tx, &tools.signer, batch.now, inputs).await?;
    let now = batch.now;
    let mut plan = Plan::of(&preloaded, &tools, now, || batch.next_message_id(), inputs);
    free(&batch.tx, preloaded.expired()).await?;
    write(batch, &mut plan).await?;
    let (outcomes, messages) = plan.finish();
    for message in messages {
        let (conversation, sender) = (message.conversation_id, message.sender_id);
        batch.append(EventType::MessageSent, conversation, sender, Fact::Message(Box::new(message)));
    }
    Ok(outcomes)
}

/// A `tempId` is free again after 24 hours: the old message lets go of it before a new one takes it.
async fn free(db: &impl ConnectionTrait, expired: Vec<MessageId>) -> Result<(), DbErr> {
    if expired.is_empty() {
        return Ok(());
    }
    let freed = message::Entity::update_many()
        .col_expr(message::Column::TempId, Expr::value(Option::<String>::None))
        .filter(message::Column::Id.is_in(expired));
    freed.exec(db).await.map(drop)
}

/// Inserts everything; the ids of attachments are known only after that.
async fn write(batch: &Batch, plan: &mut Plan<'_>) -> Result<(), DbErr> {
    if plan.fresh.is_empty() {
        return Ok(());
    }
    rows::insert(&batch.tx, &plan.fresh, batch.now).await?;
    let attached = std::mem::take(&mut plan.attached);
    if attached.is_empty() {
        return Ok(());
    }
    attachment::Entity::insert_many(attached).exec_without_returning(&batch.tx).await?;
    let with_files = plan.fresh.iter().filter(|fresh| !fresh.input.draft.files.is_empty());
    let ids: Vec<MessageId> = with_files.map(|fresh| fresh.message.id).collect();
    let mut complete =
        file::attached(&batch.tx, &batch.tools.signer, &ids).await.map_err(|error| DbErr::Custom(error.to_string()))?;
    for fresh in &mut plan.fresh {
        fresh.message.attachments = complete.remove(&fresh.message.id).unwrap_or_default();
    }
    Ok(())
}
