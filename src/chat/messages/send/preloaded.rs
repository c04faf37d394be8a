//! What the writer has to know of messages that wait to be sent, and whether each may be.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};

use super::draft::Outgoing;
use super::draft::Temp;
use crate::chat::access;
use crate::chat::counts::Numbers;
use crate::chat::files::stored::{self, Stored};
use crate::chat::messages::find::must_not_be_deleted;
use crate::chat::rate_limit::Limited;
use crate::chat::rows;
use crate::chat::views::message::{self as view, Message};
use crate::chat::views::user::{self, User};
use crate::chat::writer::Batch;
use crate::config::fault;
use crate::entity::{conversation, message, participant};
use crate::error::{Error, Result};
use crate::id::{ConversationId, FileId, MessageId, UserId};

/// How long a `tempId` is remembered.
const TEMP_ID_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// What the inputs need to know, read under the writer's lock: nobody who was removed a moment ago slips in.
pub(super) struct Preloaded {
    conversations: HashMap<ConversationId, conversation::Model>,
    members: HashSet<(ConversationId, UserId)>,
    names: HashMap<UserId, User>,
    /// Where new messages stand.
    pub numbers: Numbers,
    parents: HashMap<MessageId, message::Model>,
    files: HashMap<FileId, Stored>,
    /// Messages that hold a `tempId` which one of the inputs asks for.
    holders: HashMap<(ConversationId, UserId, String), message::Model>,
    /// The complete ones among the holders that are young enough to be repeated.
    repeats: HashMap<MessageId, Message>,
}

pub(super) enum Verdict {
    Repeats(Box<Message>),
    New { sender_name: String, files: Vec<Stored> },
}

impl Preloaded {
    pub async fn read(batch: &Batch, inputs: &[&Outgoing]) -> Result<Self, DbErr> {
        let db = &batch.tx;
        let sick = |error: Error| DbErr::Custom(error.to_string());
        let conversations = rows::distinct(inputs.iter().map(|input| input.conversation));
        let conversations =
            conversation::Entity::find().filter(conversation::Column::Id.is_in(conversations)).all(db).await?;
        let mut pairs = Condition::any();
        let mut temps = Condition::any();
        let senders = rows::distinct(inputs.iter().map(|input| (input.conversation, input.sender)));
        for (conversation, sender) in &senders {
            pairs = pairs.add(
                participant::Column::ConversationId.eq(*conversation).and(participant::Column::UserId.eq(*sender)),
            );
        }
        let numbers = Numbers::read(db, &conversations, &senders).await?;
        let members = participant::Entity::find().filter(pairs).all(db).await?;
        for (input, temp) in inputs.iter().filter_map(|input| Some((input, input.draft.temp.as_ref()?))) {
            temps = temps.add(
                message::Column::ConversationId
                    .eq(input.conversation)
                    .and(message::Column::SenderId.eq(input.sender))
                    .and(message::Column::TempId.eq(temp.id.as_str())),
            );
        }
        let holders = if temps.is_empty() { Vec::new() } else { message::Entity::find().filter(temps).all(db).await? };
        let young: Vec<message::Model> =
            holders.iter().filter(|row| row.created_at > batch.now - TEMP_ID_LIFETIME).cloned().collect();
        let repeats = view::load(db, &batch.tools.signer, young).await.map_err(sick)?;
        let parents = rows::distinct(inputs.iter().filter_map(|input| input.draft.parent.map(MessageId::get)));
        let parents = match parents.is_empty() {
            true => Vec::new(),
            false => message::Entity::find().filter(message::Column::Id.is_in(parents)).all(db).await?,
        };
        let files: Vec<FileId> = inputs.iter().flat_map(|input| input.draft.files.iter().copied()).collect();
        let senders: Vec<UserId> = inputs.iter().map(|input| input.sender).collect();
        Ok(Self {
            conversations: conversations.into_iter().map(|row| (row.id, row)).collect(),
            members: members.into_iter().map(|row| (row.conversation_id, row.user_id)).collect(),
            names: user::by_ids(db, &senders).await.map_err(sick)?,
            numbers,
            parents: parents.into_iter().map(|row| (row.id, row)).collect(),
            files: stored::stored(db, &files).await.map_err(sick)?,
            holders: holders
                .into_iter()
                .filter_map(|row| Some(((row.conversation_id, row.sender_id, row.temp_id.clone()?), row)))
                .collect(),
            repeats: repeats.into_iter().map(|message| (message.id, message)).collect(),
        })
    }

    pub fn judge(&self, batch: &Batch, input: &Outgoing) -> Result<Verdict> {
        let conversation = self.conversations.get(&input.conversation).filter(|row| row.closed_at.is_none());
        let conversation = conversation.ok_or_else(access::no_conversation)?;
        let is_inside = self.members.contains(&(input.conversation, input.sender));
        if !is_inside && !fault::is_on("send-without-membership") {
            return Err(access::not_a_participant());
        }
        if let Some(repeated) = self.repeated(input)? {
            return Ok(Verdict::Repeats(Box::new(repeated)));
        }
        self.judge_parent(conversation, input)?;
        let files = self.judge_files(batch, conversation, input)?;
        if input.draft.temp.is_some() && !fault::is_on("limit-passed-by-temp-id") {
            // Only now is it known to be no repeat, which would cost nothing.
            batch.tools.limits.take(input.sender, Limited::Messages)?;
        }
        Ok(Verdict::New { sender_name: user::name_of(&self.names, input.sender), files })
    }

    fn repeated(&self, input: &Outgoing) -> Result<Option<Message>> {
        let Some(temp) = input.draft.temp.as_ref().filter(|_| !fault::is_on("temp-id-forgotten")) else {
            return Ok(None);
        };
        let Some(holder) = self.holder(input, temp) else { return Ok(None) };
        match self.repeats.get(&holder.id) {
            None => Ok(None),
            Some(message) if holder.input_digest.as_deref() == Some(&temp.digest) => Ok(Some(message.clone())),
            Some(_) => Err(other_input()),
        }
    }

    fn holder(&self, input: &Outgoing, temp: &Temp) -> Option<&message::Model> {
        self.holders.get(&(input.conversation, input.sender, temp.id.clone()))
    }

    fn judge_parent(&self, conversation: &conversation::Model, input: &Outgoing) -> Result<()> {
        let Some(parent) = input.draft.parent else { return Ok(()) };
        if !conversation.allow_replies {
            return Err(Error::forbidden("Replies are switched off in this conversation"));
        }
        let row = self.parents.get(&parent).filter(|row| row.conversation_id == conversation.id);
        must_not_be_deleted(row.ok_or_else(|| Error::not_found("Parent message not found"))?)
    }

    fn judge_files(&self, batch: &Batch, conversation: &conversation::Model, input: &Outgoing) -> Result<Vec<Stored>> {
        let files = input.draft.files.iter().map(|id| {
            let file = self.files.get(id).filter(|file| file.is_from(input.sender)).ok_or_else(stored::not_found)?;
            file.must_fit(conversation, &batch.tools.config)?;
            Ok(file.clone())
        });
        files.collect()
    }

    /// A `tempId` is free again after 24 hours: the old message lets go of it before a new one takes it.
    pub async fn free_old_temp_ids(&self, batch: &Batch) -> Result<(), DbErr> {
        let old: Vec<MessageId> =
            self.holders.values().filter(|row| !self.repeats.contains_key(&row.id)).map(|row| row.id).collect();
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
pub(super) fn other_input() -> Error {
    Error::conflict("This tempId was used for another message")
}
