//! A running subscription: an event is executed once for all who subscribed to the same, and they share its bytes. Of what
//! is a viewer's own, all connections of that viewer share one answer.

pub(super) mod answers;
mod arguments;
mod plain_root;
pub(super) mod root;
pub(super) mod sharing;

use std::sync::Arc;

use async_graphql::{Name, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::door::Door;
use super::error;
use super::operation::CheckedOperation;
use super::viewer::Look;
use crate::chat::Cx;
use crate::chat::access;
use crate::chat::conversations::{self, Change};
use crate::chat::event::{Event, EventType, Topic};
use crate::chat::log::{self, Head};
use crate::chat::views::announcement;
use crate::error::{Error, Kind, Result};
use crate::id::ConversationId;
use crate::live::{Interest, Listener};

use answers::{Answer, AnswerKey, Audience, QueryHash};
use root::{Happened, Source};

/// A running subscription of one connection.
pub(crate) struct Subscription {
    checked: CheckedOperation,
    query: QueryHash,
    /// Whether all who subscribed to the same, and are told of the same, hear the same.
    is_shared: bool,
    shows: Shows,
    topics: &'static [Topic],
    /// The one conversation that it is about, if there is one.
    conversation: Option<ConversationId>,
    /// The position of the last event that was delivered, or was not for it.
    position: i64,
    /// The position after which its client resumes it: everything since comes again.
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

/// What an event comes to for a subscription.
#[derive(Default)]
pub(crate) struct Delivery {
    /// The response, as JSON.
    pub response: Option<Bytes>,
    /// Why the subscription is over after that: the conversation is not the viewer's any more.
    pub end: Option<Error>,
}

impl Subscription {
    /// Checks a subscription and starts it on the listener, which wants nothing but `others` and this from now on. One
    /// that is `resumed` has still to be rewound. `heard` is the cursor of what its client heard last before it was
    /// interrupted; it goes before the argument `after`, and means nothing to what is not durable.
    ///
    /// # Errors
    /// The response that says why not, with codes.
    pub async fn start(
        door: &Door,
        cx: &Cx,
        mut checked: CheckedOperation,
        listener: &Listener,
        others: Interest,
        heard: Option<String>,
    ) -> std::result::Result<Self, Box<Response>> {
        let refuse = |error: Error| Box::new(error::response(&error));
        let empty = || refuse(Error::bad_request("The subscription asks for nothing that can happen"));
        let (field, arguments) = arguments::root_field(&checked).ok_or_else(empty)?;
        let topics = root::topics(&field.name.node).unwrap_or_default();
        let shows = Shows::of(&field.name.node);
        let query = hash(&checked, sharing::start_variable(&checked.operation.query, field).as_ref());
        let plain = checked.definition().filter(|definition| !plain_root::is_plain(definition));
        let name = checked.operation.operation_name.as_deref();
        let plain = plain.map(|definition| plain_root::plain(&checked.document, name, definition, field));
        let is_shared = checked
            .definition()
            .is_some_and(|definition| sharing::is_shared(&door.catalog, &checked.document, definition));
        // Before the check, so that nothing that happens during it is lost: what is committed from now on is told.
        listener.set_interest(others.and(interest(topics, shows, is_shared)));
        let started = listener.position();
        check(door, cx, &checked).await?;
        if let Some(plain) = plain {
            checked.document = Arc::new(plain);
            check(door, cx, &checked).await?;
        }
        if topics.is_empty() {
            return Err(empty());
        }
        let head = log::head(cx).await.map_err(refuse)?;
        let after = heard.filter(|_| is_durable(topics)).or(arguments.after);
        let resumed = after.map(|after| head.position_of(&after)).transpose().map_err(refuse)?;
        Ok(Self {
            query,
            checked,
            is_shared,
            shows,
            topics,
            conversation: arguments.conversation,
            position: resumed.unwrap_or(started),
            resumed,
            head: Arc::new(head),
        })
    }

    /// What wakes it.
    pub fn interest(&self) -> Interest {
        interest(self.topics, self.shows, self.is_shared)
    }

    /// The cursor of where it stands, from which its client can resume it; none where nothing that it tells is durable.
    pub fn cursor(&self) -> Option<String> {
        is_durable(self.topics).then(|| self.head.cursor(self.position).to_string())
    }

    /// What the event comes to, if anything.
    ///
    /// # Errors
    /// `Unavailable` without the database: then the event has still to be delivered.
    pub async fn on_event(&mut self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Delivery> {
        if event.position.is_some_and(|position| position <= self.position) {
            return Ok(Delivery::default());
        }
        let response = if self.wants(event, cx) { self.response(door, cx, event).await? } else { None };
        self.position = event.position.unwrap_or(self.position);
        Ok(Delivery { response, end: self.is_ended_by(event, cx).then(access::not_a_participant) })
    }

    fn is_ended_by(&self, event: &Event, cx: &Cx) -> bool {
        let is_over = match event.kind {
            EventType::ParticipantRemoved => event.subject == Some(cx.me()),
            EventType::ConversationDeleted => true,
            _ => false,
        };
        is_over && self.conversation.is_some() && event.conversation == self.conversation
    }

    /// Whether the event comes to anything; that it does may still turn out otherwise.
    fn wants(&self, event: &Event, cx: &Cx) -> bool {
        let is_elsewhere = self.conversation.is_some() && event.conversation != self.conversation;
        let is_told_later = event.followed && announcement::change(event, cx.me()) == Some(Change::Updated);
        self.topics.contains(&event.kind.topic())
            && !is_elsewhere
            && !(self.shows == Shows::Conversations && is_told_later)
    }

    /// The response to the event: that of others who subscribed to the same, where it can be shared, else this viewer's.
    async fn response(&mut self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Option<Bytes>> {
        if self.is_shared {
            if let Answer::Response(response) = self.answer(door, cx, event).await? {
                return Ok(response);
            }
            self.is_shared = false;
            tracing::error!(query = %self.checked.operation.query, "a field of this subscription lacks the tag `own`");
        }
        match self.answer(door, cx, event).await? {
            Answer::Response(response) => Ok(response),
            Answer::Unshareable => Err(Error::internal()),
        }
    }

    async fn answer(&self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Answer> {
        let shows_conversation = match self.shows {
            Shows::Conversations => true,
            Shows::Log => event.fact.shows_conversation(),
            Shows::Neither => false,
        };
        let listeners = || door.app.hub.audience(event);
        let notice = match shows_conversation {
            true => conversations::notice_for(cx, event, !self.is_shared, listeners).await?.map(Arc::new),
            false => None,
        };
        let own = Audience::Viewer(cx.me(), cx.viewer.admin);
        let audience = match &notice {
            _ if !self.is_shared => own,
            None => Audience::Everybody,
            Some(notice) => notice.alike().map_or(own, |view| Audience::View(view, notice.change())),
        };
        let key = AnswerKey { event: event.id, query: self.query, audience };
        let happened = Happened { event: Arc::clone(event), head: Arc::clone(&self.head), notice };
        door.answers.get(key, self.execute(door, cx, audience, happened)).await
    }

    async fn execute(&self, door: &Door, cx: &Cx, audience: Audience, happened: Happened) -> Result<Answer> {
        let look = Look::default();
        let (request, loads) = self.checked.request(&door.catalog, cx);
        let request = request.data(Source::Happened(happened)).data(look.clone());
        let mut responses = door.schema.execute_stream(request);
        let Some(response) = loads.run_with(responses.next()).await else {
            return Ok(Answer::made(&look, audience, None));
        };
        let mut errors = response.errors.iter().filter_map(|error| error.source::<Error>());
        if let Some(unavailable) = errors.find(|error| error.kind == Kind::Unavailable) {
            return Err(unavailable.clone());
        }
        let response = serde_json::to_vec(&self.checked.finish(response)).ok().map(Bytes::from);
        Ok(Answer::made(&look, audience, response))
    }
}

/// Has the engine validate a subscription, and its root field say whether that is the viewer's to hear.
///
/// # Errors
/// The response that says why not, with codes.
async fn check(door: &Door, cx: &Cx, checked: &CheckedOperation) -> std::result::Result<(), Box<Response>> {
    let (request, loads) = checked.request(&door.catalog, cx);
    let mut responses = door.schema.execute_stream(request.data(Source::Check));
    match loads.run_with(responses.next()).await {
        Some(response) if !response.errors.is_empty() => Err(Box::new(error::add_codes(response))),
        _ => Ok(()),
    }
}

/// What wakes a subscription to these topics. A lost conversation ends one that is about it.
fn interest(topics: &[Topic], shows: Shows, is_shared: bool) -> Interest {
    let interest: Interest = topics.iter().copied().chain([Topic::Conversations]).collect();
    match shows {
        Shows::Neither => interest,
        _ if is_shared => interest,
        _ => interest.with_own_views(),
    }
}

fn is_durable(topics: &[Topic]) -> bool {
    topics.iter().any(|topic| topic.is_durable())
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

/// Names what is asked for. Where it starts is left out: whoever goes on from another cursor is told the same.
fn hash(checked: &CheckedOperation, start: Option<&Name>) -> QueryHash {
    let operation = &checked.operation;
    let variables = operation.variables.as_ref().map(|variables| {
        let told = variables.iter().filter(|(name, _)| start.is_none_or(|start| start.as_str() != name.as_str()));
        serde_json::to_vec(&told.collect::<Vec<_>>()).unwrap_or_default()
    });
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
