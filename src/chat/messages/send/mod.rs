//! Sending: a checked message waits for the writer, which takes all that are waiting with many rows to a statement.

pub mod draft;
mod preloaded;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait};

use crate::chat::counts::Place;
use crate::chat::event::{EventType, Fact};
use crate::chat::files::stored::Stored;
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::views::file::{self, Attachment};
use crate::chat::views::message::Message;
use crate::chat::writer::{Batch, Input, Job};
use crate::chat::{Cx, typing};
use crate::config::fault;
use crate::entity::attachment;
use crate::entity::message::{self};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, UserId};

use draft::{Draft, Outgoing, SendMessage, Sent};
use preloaded::{Preloaded, Verdict, other_input};

/// Sends a message. Answered after the commit, with the complete message.
///
/// # Errors
/// `BadRequest` for input that is out of form, `NotFound` for a conversation, parent or file that is not there,
/// `Forbidden` outside the conversation or for what is switched off in it, `Conflict` for a deleted parent or a
/// `tempId` with other input, `RateLimited`.
pub async fn send(cx: &Cx, conversation: ConversationId, input: SendMessage) -> Result<Sent> {
    let draft = Draft::check(input, cx.chat.config.chat.max_message_length)?;
    if draft.temp.is_none() {
        cx.chat.limits.take(cx.me(), Limited::Messages)?;
    }
    let sender = cx.me();
    let sent = cx
        .chat
        .queue
        .run(|answer| Job::Together(Input { input: Outgoing { conversation, sender, draft }, answer }))
        .await?;
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
    let mut preloaded = Preloaded::read(batch, inputs).await?;
    let mut outcomes = Vec::with_capacity(inputs.len());
    let mut rows = Vec::new();
    let mut attached = Vec::new();
    let mut fresh: Vec<(usize, Message)> = Vec::new();
    let mut twins = Vec::new();
    let mut taken: HashMap<(UserId, ConversationId, &str), (usize, &str)> = HashMap::new();
    for (place, input) in inputs.iter().enumerate() {
        // The same tempId twice in one batch: the second repeats the first.
        if let Some(temp) = &input.draft.temp
            && let Some((first, digest)) = taken.get(&(input.sender, input.conversation, temp.id.as_str()))
        {
            if *digest == temp.digest {
                twins.push((place, *first));
            }
            outcomes.push(Err(other_input()));
            continue;
        }
        outcomes.push(match preloaded.judge(batch, input) {
            Ok(Verdict::Repeats(message)) => Ok(Sent { message: *message, repeated: true }),
            Ok(Verdict::New { sender_name, files }) => {
                let message = input.message(batch.next_message_id(), batch.now, sender_name, &files);
                rows.push(input.row(&message, preloaded.numbers.next(input.conversation, input.sender)));
                attached.extend(files.iter().enumerate().map(|(ordinal, file)| file.attach(message.id, ordinal)));
                if let Some(temp) = &input.draft.temp {
                    taken.insert((input.sender, input.conversation, &temp.id), (place, &temp.digest));
                }
                fresh.push((place, message.clone()));
                Ok(Sent { message, repeated: false })
            }
            Err(error) => Err(error),
        });
    }
    preloaded.free_old_temp_ids(batch).await?;
    write(batch, rows, attached, &mut fresh).await?;
    if fault::is_on("ids-against-the-log") {
        fresh.reverse();
    }
    for (place, message) in fresh {
        outcomes[place] = Ok(Sent { message: message.clone(), repeated: false });
        let (conversation, sender) = (message.conversation_id, message.sender_id);
        batch.append(EventType::MessageSent, conversation, sender, Fact::Message(Box::new(message)));
    }
    for (place, first) in twins {
        outcomes[place] = outcomes[first].clone().map(|sent| Sent { repeated: true, ..sent });
    }
    Ok(outcomes)
}

/// Inserts everything; the ids of attachments are preloaded only after that.
async fn write(
    batch: &Batch,
    rows: Vec<message::ActiveModel>,
    attached: Vec<attachment::ActiveModel>,
    fresh: &mut [(usize, Message)],
) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    message::Entity::insert_many(rows).exec_without_returning(&batch.tx).await?;
    if attached.is_empty() {
        return Ok(());
    }
    attachment::Entity::insert_many(attached).exec_without_returning(&batch.tx).await?;
    let ids: Vec<MessageId> = fresh.iter().map(|(_, message)| message.id).collect();
    let mut complete =
        file::attached(&batch.tx, &batch.tools.signer, &ids).await.map_err(|error| DbErr::Custom(error.to_string()))?;
    for (_, message) in fresh {
        message.attachments = complete.remove(&message.id).unwrap_or_default();
    }
    Ok(())
}

impl Outgoing {
    fn message(&self, id: MessageId, now: DateTime<Utc>, sender_name: String, files: &[Stored]) -> Message {
        Message {
            id,
            conversation_id: self.conversation,
            message_type: self.draft.kind,
            content: self.draft.content.clone(),
            sender_id: self.sender,
            sender_name,
            parent_message_id: self.draft.parent,
            reply_count: 0,
            is_edited: false,
            is_deleted: false,
            attachments: Vec::<Attachment>::with_capacity(files.len()),
            reaction_summary: Vec::new(),
            created_at: now,
            edited_at: None,
            metadata: self.draft.metadata.clone(),
            temp_id: self.draft.temp.as_ref().map(|temp| temp.id.clone()),
        }
    }

    fn row(&self, message: &Message, place: Place) -> message::ActiveModel {
        message::ActiveModel {
            id: Set(message.id),
            conversation_id: Set(self.conversation),
            sender_id: Set(self.sender),
            message_type: Set(message.message_type),
            content: Set(message.content.clone()),
            parent_message_id: Set(self.draft.parent),
            reply_count: Set(0),
            is_edited: Set(false),
            is_deleted: Set(false),
            metadata: Set(message.metadata.clone()),
            temp_id: Set(message.temp_id.clone()),
            input_digest: Set(self.draft.temp.as_ref().map(|temp| temp.digest.clone())),
            search_words: Set(message.content.as_deref().map(text::words)),
            created_at: Set(message.created_at),
            edited_at: Set(None),
            deleted_at: Set(None),
            number: Set(Some(place.number)),
            sender_number: Set(Some(place.own)),
        }
    }
}
