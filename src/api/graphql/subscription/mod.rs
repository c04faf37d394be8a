//! A running subscription: an event is executed once for all who subscribed to the same, and they share its bytes. Of what
//! is a viewer's own, all connections of that viewer share one answer.

pub(super) mod answers;
mod arguments;
mod plain_root;
pub(super) mod plan;
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
use crate::chat::log::{self, Epoch};
use crate::chat::views::announcement;
use crate::error::{Error, Kind, Result};
use crate::live::{Interest, Listener};

use answers::{Answer, AnswerKey, Audience, QueryHash};
use plan::{Plan, Shows, interest};
use root::{Happened, Source};

/// A running subscription of one connection.
pub(crate) struct Subscription {
    plan: Arc<Plan>,
    /// The position of the last event that was delivered, or was not for it.
    position: i64,
    /// The position after which its client resumes it: everything since comes again.
    pub resumed: Option<i64>,
    epoch: Epoch,
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
        checked: CheckedOperation,
        listener: &Listener,
        others: Interest,
        heard: Option<String>,
    ) -> std::result::Result<Self, Box<Response>> {
        let refuse = |error: Error| Box::new(error::response(&error));
        let empty = || refuse(Error::bad_request("The subscription asks for nothing that can happen"));
        let (field, arguments) = arguments::root_field(&checked).ok_or_else(empty)?;
        let topics = root::topics(&field.name.node).unwrap_or_default();
        let shows = Shows::of(&field.name.node);
        let start = sharing::start_variable(&checked.operation.query, field);
        let query = hash(&checked, start.as_ref());
        let known = door.plans.get(&query);
        let is_shared = match &known {
            Some(plan) => plan.is_shared(),
            None => checked
                .definition()
                .is_some_and(|definition| sharing::is_shared(&door.catalog, &checked.document, definition)),
        };
        // Before the check, so that nothing that happens during it is lost: what is committed from now on is told.
        listener.set_interest(others.and(interest(topics, shows, is_shared)));
        let started = listener.position();
        let plan = match known {
            Some(plan) if plan.conversation.is_none() && is_a_start(&checked, start.as_ref()) => plan,
            _ => {
                check(door, cx, &checked).await?;
                let plain = checked.definition().filter(|definition| !plain_root::is_plain(definition));
                let name = checked.operation.operation_name.as_deref();
                let plain = plain.map(|definition| plain_root::plain(&checked.document, name, definition, field));
                let mut checked = checked.clone();
                if let Some(plain) = plain {
                    checked.document = Arc::new(plain);
                    check(door, cx, &checked).await?;
                }
                if topics.is_empty() {
                    return Err(empty());
                }
                let plan = Arc::new(Plan::new(checked, query, is_shared, shows, topics, arguments.conversation));
                door.plans.keep(&plan);
                plan
            }
        };
        let resumed = match heard.filter(|_| is_durable(topics)).or(arguments.after) {
            Some(after) => {
                let head = log::head(cx).await.map_err(refuse)?;
                Some(head.position_of(&after).map_err(refuse)?)
            }
            None => None,
        };
        Ok(Self { plan, position: resumed.unwrap_or(started), resumed, epoch: listener.epoch().clone() })
    }

    /// Whether its answers are made once for many.
    pub fn is_shared(&self) -> bool {
        self.plan.is_shared()
    }

    /// What wakes it.
    pub fn interest(&self) -> Interest {
        self.plan.interest()
    }

    /// The cursor of where it stands, from which its client can resume it; none where nothing that it tells is durable.
    pub fn cursor(&self) -> Option<String> {
        is_durable(self.plan.topics).then(|| self.epoch.cursor(self.position).to_string())
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
        is_over && self.plan.conversation.is_some() && event.conversation == self.plan.conversation
    }

    /// Whether the event comes to anything; that it does may still turn out otherwise.
    fn wants(&self, event: &Event, cx: &Cx) -> bool {
        let Plan { conversation, topics, shows, .. } = &*self.plan;
        let is_elsewhere = conversation.is_some() && event.conversation != *conversation;
        let is_told_later = event.followed && announcement::change(event, cx.me()) == Some(Change::Updated);
        topics.contains(&event.kind.topic()) && !is_elsewhere && !(*shows == Shows::Conversations && is_told_later)
    }

    /// The response to the event: that of others who subscribed to the same, where it can be shared, else this viewer's.
    async fn response(&self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Option<Bytes>> {
        if self.plan.is_shared() {
            if let Answer::Response(response) = self.answer(door, cx, event).await? {
                return Ok(response);
            }
            self.plan.forbid_sharing();
        }
        match self.answer(door, cx, event).await? {
            Answer::Response(response) => Ok(response),
            Answer::Unshareable => Err(Error::internal()),
        }
    }

    async fn answer(&self, door: &Door, cx: &Cx, event: &Arc<Event>) -> Result<Answer> {
        let is_shared = self.plan.is_shared();
        let shows_conversation = match self.plan.shows {
            Shows::Conversations => true,
            Shows::Log => event.fact.shows_conversation(),
            Shows::Neither => false,
        };
        let listeners = || door.app.hub.audience(event);
        let notice = match shows_conversation {
            true => Box::pin(conversations::notice_for(cx, event, !is_shared, listeners)).await?.map(Arc::new),
            false => None,
        };
        let own = Audience::Viewer(cx.me(), cx.viewer.admin);
        let audience = match &notice {
            _ if !is_shared => own,
            None => Audience::Everybody,
            Some(notice) => notice.alike().map_or(own, |view| Audience::View(view, notice.change())),
        };
        // What is the same for everybody is kept with the event, where thousands find it for next to nothing.
        let is_everybodys = audience == Audience::Everybody;
        if is_everybodys && let Some(response) = event.made_form(&self.plan.query) {
            return Ok(Answer::Response(response));
        }
        let key = AnswerKey { event: event.id, query: self.plan.query, audience };
        let happened = Happened { event: Arc::clone(event), epoch: self.epoch.clone(), notice };
        let answer = door.answers.get(key, || self.execute(door, cx, audience, happened)).await?;
        if is_everybodys && let Answer::Response(response) = &answer {
            event.keep_form(self.plan.query, response.clone());
        }
        Ok(answer)
    }

    async fn execute(&self, door: &Door, cx: &Cx, audience: Audience, happened: Happened) -> Result<Answer> {
        let look = Look::default();
        let (request, loads) = self.plan.checked.request(&door.catalog, cx);
        let request = request.data(Source::Happened(happened)).data(look.clone());
        let mut responses = door.schema.execute_stream(request);
        let Some(response) = loads.run_with(responses.next()).await else {
            return Ok(Answer::made(&look, audience, None));
        };
        let mut errors = response.errors.iter().filter_map(|error| error.source::<Error>());
        if let Some(unavailable) = errors.find(|error| error.kind == Kind::Unavailable) {
            return Err(unavailable.clone());
        }
        let response = serde_json::to_vec(&self.plan.checked.finish(response)).ok().map(Bytes::from);
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

/// Whether what is given for the variable that says where a subscription starts can be one: the rest of what was checked of
/// another subscription to the same holds for this one.
fn is_a_start(checked: &CheckedOperation, start: Option<&Name>) -> bool {
    let Some(start) = start else { return true };
    let given = checked.operation.variables.as_ref().and_then(|given| given.get(start.as_str()));
    let definitions =
        checked.definition().map(|operation| operation.variable_definitions.as_slice()).unwrap_or_default();
    let may_be_left_out = || {
        let definition = definitions.iter().find(|definition| definition.node.name.node == *start);
        definition.is_some_and(|definition| definition.node.var_type.node.nullable)
    };
    match given {
        Some(given) if !given.is_null() => given.is_string(),
        _ => may_be_left_out(),
    }
}

fn is_durable(topics: &[Topic]) -> bool {
    topics.iter().any(|topic| topic.is_durable())
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
