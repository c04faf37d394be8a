//! Whether each message that waits may be sent, and what is to be written: pure, upon what was preloaded.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::draft::{Outgoing, Sent};
use super::preloaded::{Known, Preloaded};
use crate::chat::access;
use crate::chat::counts::{Numbers, Place};
use crate::chat::files::stored::{self, Stored};
use crate::chat::rate_limit::Limited;
use crate::chat::views::message::Message;
use crate::chat::writer::Tools;
use crate::config::fault;
use crate::entity::attachment;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, UserId};

/// What sending comes to.
pub(super) struct Plan<'i> {
    /// In the order of the inputs.
    pub outcomes: Vec<Result<Sent>>,
    /// The new messages, in the order of their ids.
    pub fresh: Vec<Fresh<'i>>,
    pub attached: Vec<attachment::ActiveModel>,
    /// Inputs that repeat another one of the batch, and that one.
    twins: Vec<(usize, usize)>,
}

/// A message that is new.
pub(super) struct Fresh<'i> {
    pub place: usize,
    pub input: &'i Outgoing,
    pub message: Message,
    /// Where it stands in its conversation.
    pub stands: Place,
}

enum Verdict {
    Repeats(Box<Message>),
    New { sender_name: String, files: Vec<Stored> },
}

/// What a `tempId` means: whose, and where.
type TempKey<'i> = (UserId, ConversationId, &'i str);

impl<'i> Plan<'i> {
    /// Judges the inputs one after the other; ids come from `next_id`.
    pub fn of(
        preloaded: &Preloaded,
        tools: &Tools,
        now: DateTime<Utc>,
        mut next_id: impl FnMut() -> MessageId,
        inputs: &'i [&'i Outgoing],
    ) -> Self {
        let outcomes = Vec::with_capacity(inputs.len());
        let mut plan =
            Self { outcomes, fresh: Vec::with_capacity(inputs.len()), attached: Vec::new(), twins: Vec::new() };
        let rooms = inputs
            .iter()
            .zip(&preloaded.known)
            .filter_map(|(input, known)| Some((input, known.conversation.as_ref()?)));
        let mut numbers = Numbers::behind(rooms.map(|(input, room)| (input.conversation, input.sender, room.last)));
        let mut taken: HashMap<TempKey<'i>, (usize, &'i str)> = HashMap::new();
        for (place, (input, known)) in inputs.iter().zip(&preloaded.known).enumerate() {
            let temp = input.draft.temp.as_ref();
            let temp = temp.map(|temp| ((input.sender, input.conversation, temp.id.as_str()), temp.digest.as_str()));
            // The same tempId twice in one batch: the second repeats the first.
            if let Some((key, digest)) = &temp
                && let Some((first, other)) = taken.get(key)
            {
                if digest == other {
                    plan.twins.push((place, *first));
                }
                plan.outcomes.push(Err(other_input()));
                continue;
            }
            let outcome = match judge(preloaded, known, tools, input) {
                Ok(Verdict::Repeats(message)) => Ok(Sent { message: *message, repeated: true }),
                Ok(Verdict::New { sender_name, files }) => {
                    let message = input.message(next_id(), now, sender_name);
                    let attached = files
                        .iter()
                        .enumerate()
                        .map(|(ordinal, file)| file.attach(message.conversation_id, message.id, ordinal));
                    plan.attached.extend(attached);
                    if let Some((key, digest)) = temp {
                        taken.insert(key, (place, digest));
                    }
                    let stands = numbers.next(input.conversation, input.sender);
                    plan.fresh.push(Fresh { place, input, message: message.clone(), stands });
                    Ok(Sent { message, repeated: false })
                }
                Err(error) => Err(error),
            };
            plan.outcomes.push(outcome);
        }
        if fault::is_on("ids-against-the-log") {
            plan.fresh.reverse();
        }
        plan
    }

    /// The new messages were written at this time, and behind so many others that were not known.
    pub fn stands_behind(&mut self, others: i64, at: DateTime<Utc>) {
        for Fresh { message, .. } in &mut self.fresh {
            message.id = MessageId::stored(message.id.get() + others);
            message.created_at = at.into();
        }
    }

    /// The outcomes, once the messages are written and complete: `fresh` is their final state.
    pub fn finish(mut self) -> (Vec<Result<Sent>>, Vec<Message>) {
        for Fresh { place, message, .. } in &self.fresh {
            self.outcomes[*place] = Ok(Sent { message: message.clone(), repeated: false });
        }
        for (place, first) in self.twins {
            self.outcomes[place] = self.outcomes[first].clone().map(|sent| Sent { repeated: true, ..sent });
        }
        (self.outcomes, self.fresh.into_iter().map(|fresh| fresh.message).collect())
    }
}

fn judge(preloaded: &Preloaded, known: &Known, tools: &Tools, input: &Outgoing) -> Result<Verdict> {
    let room = known.conversation.as_ref().ok_or_else(access::no_conversation)?;
    if !known.is_inside && !fault::is_on("send-without-membership") {
        return Err(access::not_a_participant());
    }
    if let Some(repeated) = repeated(preloaded, known, input)? {
        return Ok(Verdict::Repeats(Box::new(repeated)));
    }
    if input.draft.parent.is_some() {
        if !room.allows_replies {
            return Err(Error::forbidden("Replies are switched off in this conversation"));
        }
        match known.parent_is_deleted {
            None => return Err(Error::not_found("Parent message not found")),
            Some(true) => return Err(Error::conflict("This message was deleted")),
            Some(false) => {}
        }
    }
    let files = files(preloaded, tools, input)?;
    if input.draft.temp.is_some() && !fault::is_on("limit-passed-by-temp-id") && !input.charged.get() {
        // Only now is it known to be no repeat, which would cost nothing.
        match &input.allowed {
            Some(allowed) => allowed.clone()?,
            None => tools.limits.take(input.sender, Limited::Messages)?,
        }
        input.charged.set(true);
    }
    let sender_name = known.sender_name.clone().unwrap_or_else(|| format!("User {}", input.sender));
    Ok(Verdict::New { sender_name, files })
}

fn repeated(preloaded: &Preloaded, known: &Known, input: &Outgoing) -> Result<Option<Message>> {
    let Some(temp) = input.draft.temp.as_ref().filter(|_| !fault::is_on("temp-id-forgotten")) else {
        return Ok(None);
    };
    let Some(holder) = &known.holder else { return Ok(None) };
    match preloaded.repeated(holder) {
        None => Ok(None),
        Some(message) if holder.digest.as_deref() == Some(&temp.digest) => Ok(Some(message.clone())),
        Some(_) => Err(other_input()),
    }
}

fn files(preloaded: &Preloaded, tools: &Tools, input: &Outgoing) -> Result<Vec<Stored>> {
    let files = input.draft.files.iter().map(|id| {
        let file = preloaded.file(*id).filter(|file| file.is_from(input.sender)).ok_or_else(stored::not_found)?;
        let conversation = preloaded.settings(input.conversation).ok_or_else(access::no_conversation)?;
        file.must_fit(conversation, &tools.config)?;
        Ok(file.clone())
    });
    files.collect()
}

/// What is said of a `tempId` that stands for another message.
fn other_input() -> Error {
    Error::conflict("This tempId was used for another message")
}

impl Outgoing {
    fn message(&self, id: MessageId, now: DateTime<Utc>, sender_name: String) -> Message {
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
            attachments: Vec::new(),
            reaction_summary: Vec::new(),
            created_at: now.into(),
            edited_at: None,
            metadata: self.draft.metadata.clone(),
            temp_id: self.draft.temp.as_ref().map(|temp| temp.id.clone()),
        }
    }
}
