//! Answers to subscriptions: an event is executed once for everybody who asked the same question, and its bytes are
//! shared. Of what is a viewer's own, all connections of that viewer share one.

use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::alike;
use super::answers::{AnswerKey, Who};
use super::subscription::{Happened, Source, topics};
use super::{Checked, Door, definition, error};
use crate::chat::Cx;
use crate::chat::conversations::{self, Change};
use crate::chat::event::{Event, EventType, Topic};
use crate::chat::log::{self, Head};
use crate::chat::views::announcement;
use crate::error::{Error, Kind, Result};
use crate::id::ConversationId;
use crate::live::{Interest, Listener};

/// A running subscription of one connection.
pub(crate) struct Question {
    checked: Checked,
    /// Names it among all that were asked.
    question: [u8; 32],
    /// Whether everybody who asks it and is told of the same hears the same.
    is_alike: bool,
    shows: Shows,
    topics: &'static [Topic],
    /// The one conversation that it is about, if there is one.
    conversation: Option<ConversationId>,
    /// What was told last.
    told: i64,
    /// The cursor from which it goes on: everything after it comes again.
    pub resumed: Option<i64>,
    head: Arc<Head>,
}

/// What its field shows of events about conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// The conversation, whenever it has changed.
    Conversations,
    /// Each event of the log, and the conversation where an event is about nothing else.
    Log,
    Neither,
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
        let shows = Shows::of(&field);
        let definition = definition(&checked.document, checked.operation.operation_name.as_deref());
        let is_alike = definition.is_some_and(|operation| alike::is_alike(&door.types, &checked.document, operation));
        // Before the check, so that nothing that happens during it is lost: what is committed from now on is told.
        listener.set_interest(others.and(interest(topics, shows, is_alike)));
        let started = listener.position();
        let (request, loads) = checked.request(cx);
        let mut responses = door.schema.execute_stream(request.data(Source::Check));
        if let Some(response) = loads.along(responses.next()).await
            && !response.errors.is_empty()
        {
            return Err(Box::new(error::dress(response)));
        }
        let head = log::head(cx).await.map_err(refuse)?;
        let resumed = arguments.after.map(|after| head.position_of(&after)).transpose().map_err(refuse)?;
        Ok(Self {
            question: question(&checked),
            checked,
            is_alike,
            shows,
            topics,
            conversation: arguments.conversation,
            told: resumed.unwrap_or(started),
            resumed,
            head: Arc::new(head),
        })
    }

    pub fn interest(&self) -> Interest {
        interest(self.topics, self.shows, self.is_alike)
    }

    /// What the event comes to, if anything.
    ///
    /// # Errors
    /// `Unavailable` without the database: then it has still to be heard.
    pub async fn hear(&mut self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Said> {
        if event.position.is_some_and(|position| position <= self.told) {
            return Ok(Said::default());
        }
        let next = if self.wants(event, cx) { self.answer(door, cx, event).await? } else { None };
        self.told = event.position.unwrap_or(self.told);
        Ok(Said { next, lost: self.is_lost(event, cx).then(crate::chat::access::not_a_participant) })
    }

    fn is_lost(&self, event: &Event, cx: &Cx) -> bool {
        let gone = match event.kind {
            EventType::ParticipantRemoved => event.subject == Some(cx.me()),
            EventType::ConversationDeleted => true,
            _ => false,
        };
        gone && self.conversation.is_some() && event.conversation == self.conversation
    }

    /// Whether the event comes to anything; that it does may still turn out otherwise.
    fn wants(&self, event: &Event, cx: &Cx) -> bool {
        let is_elsewhere = self.conversation.is_some() && event.conversation != self.conversation;
        let is_told_later = event.followed && announcement::change(event, cx.me()) == Some(Change::Updated);
        self.topics.contains(&event.kind.topic())
            && !is_elsewhere
            && !(self.shows == Shows::Conversations && is_told_later)
    }

    /// What the event comes to, from those who have asked the same or by executing it.
    async fn answer(&self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Option<Bytes>> {
        let shows_conversation = match self.shows {
            Shows::Conversations => true,
            Shows::Log => event.fact.shows_conversation(),
            Shows::Neither => false,
        };
        let audience = || door.app.hub.audience(event);
        let told = match shows_conversation {
            true => conversations::told(cx, event, !self.is_alike, audience).await?.map(Arc::new),
            false => None,
        };
        let own = Who::Viewer(cx.me(), cx.viewer.admin);
        let who = match &told {
            _ if !self.is_alike => own,
            None => Who::Everybody,
            Some(told) => told.alike().map_or(own, |alike| Who::Alike(alike, told.change())),
        };
        let key = AnswerKey { event: event.id, question: self.question, who };
        let happened = Happened { event: Arc::clone(event), head: Arc::clone(&self.head), told };
        door.answers.get(key, self.execute(door, cx, happened)).await
    }

    async fn execute(&self, door: &Door, cx: &Cx, happened: Happened) -> Result<Option<Bytes>> {
        let source = Source::Happened(happened);
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
fn interest(topics: &[Topic], shows: Shows, is_alike: bool) -> Interest {
    let interest: Interest = topics.iter().copied().chain([Topic::Conversations]).collect();
    match shows {
        Shows::Neither => interest,
        _ if is_alike => interest,
        _ => interest.with_own_views(),
    }
}

impl Shows {
    fn of(field: &str) -> Self {
        match field {
            "conversationChanges" => Shows::Conversations,
            "events" => Shows::Log,
            _ => Shows::Neither,
        }
    }
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

/// Names a question: the same text, operation and variables.
fn question(checked: &Checked) -> [u8; 32] {
    let operation = &checked.operation;
    let variables = operation.variables.as_ref().map(|variables| serde_json::to_vec(variables).unwrap_or_default());
    let mut hash = Sha256::new();
    for part in [
        operation.query.as_bytes(),
        operation.operation_name.as_deref().unwrap_or_default().as_bytes(),
        variables.as_deref().unwrap_or_default(),
    ] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
