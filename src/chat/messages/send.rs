//! Sending: the checks that need no database, and the writer's part, which takes all messages that are waiting with
//! many rows to a statement.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter};
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::Message;
use crate::access;
use crate::chat::change::{Batch, Change};
use crate::chat::files::{self, Attachment, Stored};
use crate::chat::{Cx, typing};
use crate::entity::message::{self, MessageType};
use crate::entity::{attachment, conversation, participant};
use crate::error::{Error, Result};
use crate::event::{EventType, Fact};
use crate::id::{ConversationId, FileId, MessageId, UserId};
use crate::limit::Limited;
use crate::text;

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

#[derive(Clone)]
struct Draft {
    content: Option<String>,
    kind: MessageType,
    parent: Option<MessageId>,
    files: Vec<FileId>,
    metadata: Option<Json>,
    temp: Option<Temp>,
}

/// A `tempId` with the digest of the raw input that it stands for.
#[derive(Clone)]
struct Temp {
    id: String,
    digest: String,
}

/// Attachments of a message, bytes of its metadata at most, and how long a `tempId` is remembered.
const MOST_ATTACHMENTS: usize = 10;
const MOST_METADATA: usize = 8 * 1024;
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

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

impl Draft {
    fn check(input: SendMessage, longest: usize) -> Result<Self> {
        let kind = input.message_type.unwrap_or(MessageType::Text);
        if kind == MessageType::System {
            return Err(Error::bad_request("Messages of the type SYSTEM are the server's own"));
        }
        let temp = input.temp_id.as_deref().map(text::temp_id).transpose()?;
        let temp = temp.map(|id| Temp { id, digest: digest(&input, kind) });
        let mut files = input.attachment_ids.unwrap_or_default();
        let mut met = HashSet::new();
        files.retain(|file| met.insert(*file));
        if files.len() > MOST_ATTACHMENTS {
            return Err(Error::bad_request(format!("A message takes at most {MOST_ATTACHMENTS} attachments")));
        }
        let content = text::content(input.content.as_deref().unwrap_or_default(), longest, !files.is_empty())?;
        let metadata = input.metadata.map(check_metadata).transpose()?.flatten();
        Ok(Self { content, kind, parent: input.parent_message_id, files, metadata, temp })
    }
}

/// An object of up to 8 KiB without the character that PostgreSQL cannot keep; `{}` is kept as it is.
fn check_metadata(metadata: Json) -> Result<Option<Json>> {
    match &metadata {
        Json::Null => return Ok(None),
        Json::Object(_) => {}
        _ => return Err(Error::bad_request("metadata must be a JSON object")),
    }
    let written = metadata.to_string();
    if written.len() > MOST_METADATA {
        return Err(Error::bad_request("metadata must not be larger than 8 KiB"));
    }
    if text::holds_nul(&metadata) {
        return Err(Error::bad_request("metadata must not hold the character U+0000"));
    }
    Ok(Some(metadata))
}

/// What makes two sends the same: content, type, parent and attachments as they came (contract §12, repeats).
fn digest(input: &SendMessage, kind: MessageType) -> String {
    let same = serde_json::json!([
        input.content,
        kind,
        input.parent_message_id,
        input.attachment_ids.as_deref().unwrap_or_default()
    ]);
    Sha256::digest(same.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
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

/// What the jobs need to know, read under the writer's lock: nobody who was removed a moment ago slips in.
struct Known {
    conversations: HashMap<i64, conversation::Model>,
    members: HashSet<(i64, i64)>,
    names: HashMap<UserId, crate::chat::users::User>,
    parents: HashMap<i64, message::Model>,
    files: HashMap<FileId, Stored>,
    /// Messages that hold a `tempId` which one of the jobs asks for.
    holders: HashMap<(i64, i64, String), message::Model>,
    /// The complete ones among the holders that are young enough to be repeated.
    repeats: HashMap<MessageId, Message>,
}

enum Verdict {
    Repeats(Box<Message>),
    New { sender_name: String, files: Vec<Stored> },
}

impl Known {
    async fn read(batch: &Batch, jobs: &[&Job]) -> Result<Self, DbErr> {
        let db = &batch.tx;
        let sick = |error: Error| DbErr::Custom(error.to_string());
        let conversations = crate::chat::distinct(jobs.iter().map(|job| job.conversation.get()));
        let conversations =
            conversation::Entity::find().filter(conversation::Column::Id.is_in(conversations)).all(db).await?;
        let mut pairs = Condition::any();
        let mut temps = Condition::any();
        for (conversation, sender) in crate::chat::distinct(jobs.iter().map(|job| (job.conversation, job.sender))) {
            pairs = pairs.add(
                participant::Column::ConversationId
                    .eq(conversation.get())
                    .and(participant::Column::UserId.eq(sender.get())),
            );
        }
        let members = participant::Entity::find().filter(pairs).all(db).await?;
        for (job, temp) in jobs.iter().filter_map(|job| Some((job, job.draft.temp.as_ref()?))) {
            temps = temps.add(
                message::Column::ConversationId
                    .eq(job.conversation.get())
                    .and(message::Column::SenderId.eq(job.sender.get()))
                    .and(message::Column::TempId.eq(temp.id.as_str())),
            );
        }
        let holders = if temps.is_empty() { Vec::new() } else { message::Entity::find().filter(temps).all(db).await? };
        let young: Vec<message::Model> =
            holders.iter().filter(|row| row.created_at > batch.now - REMEMBERED).cloned().collect();
        let repeats = super::load(db, &batch.writer.links, young).await.map_err(sick)?;
        let parents = crate::chat::distinct(jobs.iter().filter_map(|job| job.draft.parent.map(MessageId::get)));
        let parents = match parents.is_empty() {
            true => Vec::new(),
            false => message::Entity::find().filter(message::Column::Id.is_in(parents)).all(db).await?,
        };
        let files: Vec<FileId> = jobs.iter().flat_map(|job| job.draft.files.iter().copied()).collect();
        let senders: Vec<UserId> = jobs.iter().map(|job| job.sender).collect();
        Ok(Self {
            conversations: conversations.into_iter().map(|row| (row.id, row)).collect(),
            members: members.into_iter().map(|row| (row.conversation_id, row.user_id)).collect(),
            names: crate::chat::users::by_ids(db, &senders).await.map_err(sick)?,
            parents: parents.into_iter().map(|row| (row.id, row)).collect(),
            files: files::stored(db, &files).await.map_err(sick)?,
            holders: holders
                .into_iter()
                .filter_map(|row| Some(((row.conversation_id, row.sender_id, row.temp_id.clone()?), row)))
                .collect(),
            repeats: repeats.into_iter().map(|message| (message.id, message)).collect(),
        })
    }

    fn judge(&self, batch: &Batch, job: &Job) -> Result<Verdict> {
        let conversation = self.conversations.get(&job.conversation.get()).filter(|row| row.closed_at.is_none());
        let conversation = conversation.ok_or_else(access::no_conversation)?;
        if !self.members.contains(&(job.conversation.get(), job.sender.get())) {
            return Err(access::not_a_participant());
        }
        if let Some(repeated) = self.repeated(job)? {
            return Ok(Verdict::Repeats(Box::new(repeated)));
        }
        self.judge_parent(conversation, job)?;
        let files = self.judge_files(batch, conversation, job)?;
        if job.draft.temp.is_some() {
            // Only now is it known to be no repeat, which would cost nothing.
            batch.writer.limits.take(job.sender, Limited::Messages)?;
        }
        Ok(Verdict::New { sender_name: crate::chat::users::name_of(&self.names, job.sender), files })
    }

    fn repeated(&self, job: &Job) -> Result<Option<Message>> {
        let Some(temp) = &job.draft.temp else { return Ok(None) };
        let Some(holder) = self.holder(job, temp) else { return Ok(None) };
        match self.repeats.get(&MessageId::stored(holder.id)) {
            None => Ok(None),
            Some(message) if holder.input_digest.as_deref() == Some(&temp.digest) => Ok(Some(message.clone())),
            Some(_) => Err(other_input()),
        }
    }

    fn holder(&self, job: &Job, temp: &Temp) -> Option<&message::Model> {
        self.holders.get(&(job.conversation.get(), job.sender.get(), temp.id.clone()))
    }

    fn judge_parent(&self, conversation: &conversation::Model, job: &Job) -> Result<()> {
        let Some(parent) = job.draft.parent else { return Ok(()) };
        if !conversation.allow_replies {
            return Err(Error::forbidden("Replies are switched off in this conversation"));
        }
        let row = self.parents.get(&parent.get()).filter(|row| row.conversation_id == conversation.id);
        super::must_stand(row.ok_or_else(|| Error::not_found("Parent message not found"))?)
    }

    fn judge_files(&self, batch: &Batch, conversation: &conversation::Model, job: &Job) -> Result<Vec<Stored>> {
        let files = job.draft.files.iter().map(|id| {
            let file = self.files.get(id).filter(|file| file.is_from(job.sender)).ok_or_else(files::not_found)?;
            file.must_fit(conversation, &batch.writer.config)?;
            Ok(file.clone())
        });
        files.collect()
    }

    /// A `tempId` is free again after 24 hours: the old message lets go of it before a new one takes it.
    async fn free_old_temp_ids(&self, batch: &Batch) -> Result<(), DbErr> {
        let old: Vec<i64> = self
            .holders
            .values()
            .filter(|row| !self.repeats.contains_key(&MessageId::stored(row.id)))
            .map(|row| row.id)
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        let freed = message::Entity::update_many()
            .col_expr(message::Column::TempId, Expr::value(Option::<String>::None))
            .filter(message::Column::Id.is_in(old));
        freed.exec(&batch.tx).await?;
        Ok(())
    }
}

/// What is said of a `tempId` that stands for another message.
fn other_input() -> Error {
    Error::conflict("This tempId was used for another message")
}
