//! Answers to subscriptions: an event is executed once for everybody who asked the same question, and its bytes are
//! shared. Whoever asks for something that depends on the viewer has a question of their own.

use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::subscription::{Source, topics};
use super::{Checked, Door, definition, error};
use crate::chat::Cx;
use crate::error::{Error, Kind, Result};
use crate::event::{Event, EventType, FormKey, Topic};
use crate::id::ConversationId;
use crate::live::{Interest, Listener};
use crate::log::{self, Head};

/// A running subscription of one connection.
pub(crate) struct Question {
    checked: Checked,
    /// The form of its answers, where everybody who asks the same hears the same.
    key: Option<FormKey>,
    topics: &'static [Topic],
    /// The one conversation that it is about, if there is one.
    conversation: Option<ConversationId>,
    /// What was told last.
    told: i64,
    /// The cursor from which it goes on: everything after it comes again.
    pub resumed: Option<i64>,
    head: Arc<Head>,
}

/// What an event comes to for a question.
#[derive(Default)]
pub(crate) struct Said {
    /// The response, as JSON.
    pub next: Option<Bytes>,
    /// It is over after that: the conversation is not the viewer's any more.
    pub lost: Option<Error>,
}

impl Question {
    /// Checks a subscription and starts it on the listener, which wants nothing but `others` and this from now on. One
    /// that is `resumed` has still to be rewound.
    ///
    /// # Errors
    /// The response that says why not, dressed.
    pub async fn ask(
        door: &Door,
        cx: &Cx,
        checked: Checked,
        listener: &Listener,
        others: Interest,
    ) -> std::result::Result<Self, Box<async_graphql::Response>> {
        let refuse = |error: Error| Box::new(error::response(&error));
        let (field, arguments) =
            root(&checked).ok_or_else(|| refuse(Error::bad_request("The subscription is empty")))?;
        let topics = topics(&field).unwrap_or_default();
        // Before the check, so that nothing that happens during it is lost: what is committed from now on is told.
        listener.set_interest(others.and(interest(topics)));
        let started = listener.position();
        let (request, loads) = checked.request(cx);
        let mut responses = door.schema.execute_stream(request.data(Source::Check));
        if let Some(response) = loads.along(responses.next()).await
            && !response.errors.is_empty()
        {
            return Err(Box::new(error::dress(response)));
        }
        let head = log::head(&cx.chat).await.map_err(refuse)?;
        let resumed = arguments.after.map(|after| head.position_of(&after)).transpose().map_err(refuse)?;
        let (key, told) = (key(&checked), resumed.unwrap_or(started));
        Ok(Self { checked, key, topics, conversation: arguments.conversation, told, resumed, head: Arc::new(head) })
    }

    pub fn interest(&self) -> Interest {
        interest(self.topics)
    }

    /// What the event comes to, if anything.
    ///
    /// # Errors
    /// `Unavailable` without the database: then it has still to be heard.
    pub async fn hear(&mut self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Said> {
        if event.position.is_some_and(|position| position <= self.told) {
            return Ok(Said::default());
        }
        let execute = || self.execute(door, cx, Arc::clone(event));
        let next = match self.key {
            _ if !self.topics.contains(&event.kind.topic()) => None,
            Some(key) => event.form(key, execute()).await?,
            None => execute().await?,
        };
        self.told = event.position.unwrap_or(self.told);
        Ok(Said { next, lost: self.is_lost(event, cx).then(crate::access::not_a_participant) })
    }

    fn is_lost(&self, event: &Event, cx: &Cx) -> bool {
        let gone = match event.kind {
            EventType::ParticipantRemoved => event.subject == Some(cx.me()),
            EventType::ConversationDeleted => true,
            _ => false,
        };
        gone && self.conversation.is_some() && event.conversation == self.conversation
    }

    async fn execute(&self, door: &Door, cx: &Cx, event: Arc<Event>) -> Result<Option<Bytes>> {
        let source = Source::Happened(event, Arc::clone(&self.head));
        let (request, loads) = self.checked.request(cx);
        let mut responses = door.schema.execute_stream(request.data(source));
        let Some(response) = loads.along(responses.next()).await else { return Ok(None) };
        let away = response.errors.iter().filter_map(|error| error.source::<Error>());
        if let Some(away) = away.clone().find(|error| error.kind == Kind::Unavailable) {
            return Err(away.clone());
        }
        Ok(serde_json::to_vec(&self.checked.finish(response)).ok().map(Bytes::from))
    }
}

/// What wakes a question on these topics. A lost conversation ends a question about it.
fn interest(topics: &[Topic]) -> Interest {
    topics.iter().copied().chain([Topic::Conversations]).collect()
}

/// The arguments of a root field that matter to a connection.
#[derive(Default)]
struct Arguments {
    conversation: Option<ConversationId>,
    after: Option<String>,
}

/// The root field of the subscription, and its arguments with the variables put in.
fn root(checked: &Checked) -> Option<(String, Arguments)> {
    let operation = definition(&checked.document, checked.operation.operation_name.as_deref())?;
    let field = first_field(&checked.document, &operation.selection_set.node, 0)?;
    let value = |wanted: &str| {
        let (_, value) = field.arguments.iter().find(|(name, _)| name.node.as_str() == wanted)?;
        let constant = value.node.clone().into_const_with(|name| {
            let given = checked.operation.variables.as_ref().and_then(|given| given.get(name.as_str()));
            let default = || {
                let definitions = &operation.variable_definitions;
                let definition = definitions.iter().find(|definition| definition.node.name.node == name)?;
                definition.node.default_value.as_ref().map(|value| value.node.clone())
            };
            let given = given.and_then(|given| async_graphql::Value::from_json(given.clone()).ok());
            Ok::<_, ()>(given.or_else(default).unwrap_or_default())
        });
        constant.ok()
    };
    let conversation = value("conversationId").and_then(|id| match id {
        async_graphql::Value::String(text) => text.parse().ok(),
        async_graphql::Value::Number(number) => number.as_i64().and_then(ConversationId::new),
        _ => None,
    });
    let after = match value("after") {
        Some(async_graphql::Value::String(cursor)) => Some(cursor),
        _ => None,
    };
    Some((field.name.node.to_string(), Arguments { conversation, after }))
}

fn first_field<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
    depth: usize,
) -> Option<&'d async_graphql::parser::types::Field> {
    if depth > 16 {
        return None;
    }
    set.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) => Some(&field.node),
        Selection::InlineFragment(inline) => first_field(document, &inline.node.selection_set.node, depth + 1),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
            first_field(document, &fragment.node.selection_set.node, depth + 1)
        }
    })
}

/// The fields whose value is the same for everybody who may hear an event: those of the event and of the users that it
/// names. Anything else is the viewer's own.
const COMMON: [&str; 41] = [
    "__typename",
    "added",
    "attachments",
    "avatarUrl",
    "content",
    "contentType",
    "conversationId",
    "count",
    "createdAt",
    "deviceType",
    "editedAt",
    "emoji",
    "expiresAt",
    "fileId",
    "fileName",
    "height",
    "id",
    "isDeleted",
    "isEdited",
    "joinedAt",
    "lastReadMessageId",
    "lastSeenAt",
    "messageId",
    "messageType",
    "metadata",
    "name",
    "online",
    "parentMessageId",
    "reactionSummary",
    "readAt",
    "replyCount",
    "sender",
    "senderId",
    "senderName",
    "size",
    "status",
    "statusMessage",
    "typing",
    "user",
    "userId",
    "userName",
];
const COMMON_ROOTS: [&str; 5] = ["messages", "typing", "presence", "receipts", "reactions"];

/// Names the form of a question that is the same for everybody.
fn key(checked: &Checked) -> Option<FormKey> {
    if !is_common(&checked.document) {
        return None;
    }
    let operation = &checked.operation;
    let variables = operation.variables.as_ref().map(|variables| serde_json::to_vec(variables).unwrap_or_default());
    let mut hash = Sha256::new();
    for part in [
        b"graphql".as_slice(),
        operation.query.as_bytes(),
        operation.operation_name.as_deref().unwrap_or_default().as_bytes(),
        variables.as_deref().unwrap_or_default(),
    ] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    Some(hash.finalize().into())
}

fn is_common(document: &ExecutableDocument) -> bool {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    operations.chain(fragments).all(is_common_set)
}

fn is_common_set(set: &SelectionSet) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            (COMMON.binary_search(&name).is_ok() || COMMON_ROOTS.contains(&name))
                && is_common_set(&field.node.selection_set.node)
        }
        Selection::InlineFragment(inline) => is_common_set(&inline.node.selection_set.node),
        // Fragments are looked at by themselves.
        Selection::FragmentSpread(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_fields_are_in_order_so_that_they_can_be_searched() {
        assert!(COMMON.is_sorted());
    }
}
