//! Sending without a transaction that is open for a while: one statement reads what has to be known together with where the
//! log stands, and one writes everything if nothing has happened since that would matter. Nobody who sleeps in between holds
//! a lock, and nodes that send at the same time do not get in each other's way.

use futures_util::future::LocalBoxFuture;
use sea_orm::DbErr;

use super::draft::{Outgoing, Sent};
use super::plan::Plan;
use super::preloaded::{self, Preloaded};
use super::rows;
use crate::chat::event::{Event, EventType, Fact};
use crate::chat::writer::{Applied, AtOnce};
use crate::config::fault;
use crate::id::MessageId;
use crate::store::Outcome;

/// How often that may have happened before the writer locks the log.
const MAX_TRIES: usize = 2;

/// The writer's part, where sends are all that waits. `None`: it has to be done in a transaction, and nothing was written.
/// Whatever makes what was read untrue says so in the log's row, in its own transaction, so this is as good as a lock.
///
/// # Errors
/// A database that is away: nobody knows what was written.
pub fn apply_at_once<'b>(
    at_once: &'b AtOnce<'b>,
    inputs: &'b [&'b Outgoing],
) -> LocalBoxFuture<'b, Result<Option<Applied<Sent>>, DbErr>> {
    Box::pin(send_at_once(at_once, inputs))
}

async fn send_at_once(at_once: &AtOnce<'_>, inputs: &[&Outgoing]) -> Result<Option<Applied<Sent>>, DbErr> {
    if inputs.iter().any(|input| !input.draft.files.is_empty()) {
        return Ok(None);
    }
    let question = preloaded::question(at_once.db.backend(), inputs);
    for _ in 0..MAX_TRIES {
        let answer = match at_once.db.read(&question).await? {
            Outcome::Committed(rows) => rows,
            Outcome::Refused(cause) => return Ok(in_a_transaction(&cause)),
        };
        let ((mut head, mut now), preloaded) = (preloaded::head(&answer)?, Preloaded::of(&answer)?);
        let was_used = preloaded.known.iter().any(|known| known.holder.is_some());
        if was_used || at_once.is_told(head.outbox_revision, EventType::MessageSent) {
            return Ok(None);
        }
        let mut id = head.message_id;
        let next_id = || {
            id += 1;
            MessageId::stored(id)
        };
        let mut plan = Plan::of(&preloaded, at_once.tools, now, next_id, inputs);
        if !plan.fresh.is_empty() {
            let backend = at_once.db.backend();
            match at_once.db.write(rows::transaction(backend, &plan.fresh, now, head)).await {
                Ok(Outcome::Committed(answer)) => match rows::moved(backend, &answer, (head, now))? {
                    None => continue,
                    Some((behind, at)) => {
                        plan.stands_behind(behind.message_id - head.message_id, at);
                        (head, now) = (behind, at);
                    }
                },
                Ok(Outcome::Refused(cause)) => return Ok(in_a_transaction(&cause)),
                Err(cause) if !fault::is_on("acknowledge-without-commit") => return Err(cause),
                Err(_) => {}
            }
        }
        let (outcomes, messages) = plan.finish();
        let events = messages.into_iter().zip(head.position + 1..).map(|(message, position)| {
            let (conversation, sender) = (message.conversation_id, message.sender_id);
            let fact = Fact::Message(Box::new(message));
            let mut event = Event::new(EventType::MessageSent, Some(conversation), sender, now, fact);
            event.position = Some(position);
            event
        });
        return Ok(Some(Applied { outcomes, events: events.collect() }));
    }
    Ok(None)
}

/// What the one statement was refused for is found out, and told to whom it concerns, where each message is tried by itself.
fn in_a_transaction(cause: &DbErr) -> Option<Applied<Sent>> {
    tracing::debug!(%cause, "messages are written in a transaction");
    None
}
