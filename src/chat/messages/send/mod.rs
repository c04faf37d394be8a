//! Sending: a checked message waits for the writer, which takes all that are waiting with many rows to a statement.

mod draft;
mod known;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::oneshot;

use super::Message;
use crate::chat::event::{EventType, Fact};
use crate::chat::files::{self, Attachment, Stored};
use crate::chat::rate_limit::Limited;
use crate::chat::text;
use crate::chat::writer::{Batch, Change};
use crate::chat::{Cx, typing};
use crate::config::fault;
use crate::entity::attachment;
use crate::entity::message::{self, MessageType};
use crate::error::Result;
use crate::id::{ConversationId, FileId, MessageId, UserId};

use draft::Draft;
use known::{Known, Verdict, other_input};

/// What somebody wants to send (reference, SendMessageRequest; contract §4). Unknown fields are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SendMessage {
    /// Up to 10,000 characters; may be left out where there are attachments.
    pub content: Option<String>,
    /// `TEXT` where nothing is said; `SYSTEM` is not for callers.
    pub message_type: Option<MessageType>,
    pub parent_message_id: Option<MessageId>,
    /// Up to 10 files that the caller uploaded.
    pub attachment_ids: Option<Vec<FileId>>,
    /// A JSON object of up to 8 KiB.
    pub metadata: Option<Json>,
    /// Up to 64 characters: repeating it within 24 hours makes no second message.
    pub temp_id: Option<String>,
}

/// What sending came to.
#[derive(Debug, Clone)]
pub struct Sent {
    pub message: Message,
    /// Whether the message was there already, sent before under the same `tempId`.
    pub repeated: bool,
}

/// A checked message on its way to the writer.
pub struct Job {
    conversation: ConversationId,
    sender: UserId,
    draft: Draft,
    pub(in crate::chat) answer: oneshot::Sender<Result<Sent>>,
}

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
    let sent = cx.chat.queue.run(|answer| Change::Send(Job { conversation, sender, draft, answer })).await?;
    if !sent.repeated {
        typing::ended(&cx.chat, conversation, sender).await;
    }
    Ok(sent)
}

/// The writer's part: answers each job with its own outcome.
///
/// # Errors
/// A statement that failed for all of them.
pub(in crate::chat) async fn apply(batch: &mut Batch, jobs: &[&Job]) -> Result<Vec<Result<Sent>>, DbErr> {
    let known = Known::read(batch, jobs).await?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    let mut rows = Vec::new();
    let mut attached = Vec::new();
    let mut fresh: Vec<(usize, Message)> = Vec::new();
    let mut twins = Vec::new();
    let mut taken: HashMap<(UserId, ConversationId, &str), (usize, &str)> = HashMap::new();
    for (place, job) in jobs.iter().enumerate() {
        // The same tempId twice in one batch: the second repeats the first.
        if let Some(temp) = &job.draft.temp
            && let Some((first, digest)) = taken.get(&(job.sender, job.conversation, temp.id.as_str()))
        {
            if *digest == temp.digest {
                twins.push((place, *first));
            }
            outcomes.push(Err(other_input()));
            continue;
        }
        outcomes.push(match known.judge(batch, job) {
            Ok(Verdict::Repeats(message)) => Ok(Sent { message: *message, repeated: true }),
            Ok(Verdict::New { sender_name, files }) => {
                let message = job.message(batch.next_message_id(), batch.now, sender_name, &files);
                rows.push(job.row(&message));
                attached.extend(files.iter().enumerate().map(|(ordinal, file)| file.attach(message.id, ordinal)));
                if let Some(temp) = &job.draft.temp {
                    taken.insert((job.sender, job.conversation, &temp.id), (place, &temp.digest));
                }
                fresh.push((place, message.clone()));
                Ok(Sent { message, repeated: false })
            }
            Err(error) => Err(error),
        });
    }
    known.free_old_temp_ids(batch).await?;
    write(batch, rows, attached, &mut fresh).await?;
    if fault::is_on("ids-against-the-log") {
        fresh.reverse();
    }
    for (place, message) in fresh {
        outcomes[place] = Ok(Sent { message: message.clone(), repeated: false });
        let (conversation, sender) = (message.conversation_id, message.sender_id);
        batch.log(EventType::MessageSent, conversation, sender, Fact::Message(Box::new(message)));
    }
    for (place, first) in twins {
        outcomes[place] = outcomes[first].clone().map(|sent| Sent { repeated: true, ..sent });
    }
    Ok(outcomes)
}

/// Inserts everything; the ids of attachments are known only after that.
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
    let ids: Vec<i64> = fresh.iter().map(|(_, message)| message.id.get()).collect();
    let mut complete = files::attached(&batch.tx, &batch.writer.links, &ids)
        .await
        .map_err(|error| DbErr::Custom(error.to_string()))?;
    for (_, message) in fresh {
        message.attachments = complete.remove(&message.id.get()).unwrap_or_default();
    }
    Ok(())
}

impl Job {
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

    fn row(&self, message: &Message) -> message::ActiveModel {
        message::ActiveModel {
            id: Set(message.id.get()),
            conversation_id: Set(self.conversation.get()),
            sender_id: Set(self.sender.get()),
            message_type: Set(message.message_type),
            content: Set(message.content.clone()),
            parent_message_id: Set(self.draft.parent.map(MessageId::get)),
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
        }
    }
}
