//! The outbox: what endpoints are to be told, written in the transaction of the change. An endpoint that was deleted
//! or switched off a moment ago is told nothing, one that was just made is told the next change.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;

use super::event_names::{event_name, stored_event_names};
use super::{Hooks, Wanted};
use crate::chat::event::{Event, EventType};
use crate::chat::payload;
use crate::chat::views::conversation::{self, Conversation};
use crate::chat::views::message::Message;
use crate::chat::views::participant::Participant;
use crate::chat::writer::{Closing, Outbox};
use crate::config::Config;
use crate::entity::conversation::ConversationType;
use crate::entity::{webhook_delivery, webhook_endpoint};
use crate::error::Result;
use crate::id::{ConversationId, UserId, WebhookEndpointId};

/// Rows of one statement, which on SQLite can hold 32,766 values.
const ROWS: usize = 1_000;

/// The outbox for the writer to fill; `hooks` are woken when something waits in it.
pub fn outbox(hooks: Arc<Hooks>) -> Outbox {
    let woken = Arc::clone(&hooks);
    Outbox {
        write: Box::new(move |closing| {
            let hooks = Arc::clone(&hooks);
            Box::pin(async move { write(&hooks, closing).await })
        }),
        wake: Box::new(move || woken.wake()),
    }
}

/// Writes what endpoints are to be told of `events`; answers whether there was anything. Without endpoints that costs
/// no statement, with them two at most, and three more where a conversation was created.
async fn write(hooks: &Hooks, closing: Closing<'_>) -> Result<bool, DbErr> {
    let events = closing.events;
    if !events.iter().any(|event| event_name(event.kind).is_some()) {
        return Ok(false);
    }
    let wanted = wanted(hooks, &closing).await?;
    let is_wanted =
        |event: &&Event| event_name(event.kind).is_some_and(|name| wanted.iter().any(|endpoint| endpoint.wants(name)));
    let told: Vec<&Event> = events.iter().filter(is_wanted).collect();
    if told.is_empty() {
        return Ok(false);
    }
    let created = created(&closing, &told).await.map_err(|error| DbErr::Custom(error.to_string()))?;
    let expires = closing.now + lifetime(&closing.tools.config);
    let mut rows = Vec::with_capacity(told.len());
    for event in told {
        let Some((name, payload)) = event_name(event.kind).zip(payload(event, &created)) else { continue };
        let id = new_id();
        for endpoint in wanted.iter().filter(|endpoint| endpoint.wants(name)) {
            rows.push(row(endpoint.endpoint, &id, name, &payload, closing.now, expires));
        }
    }
    let written = !rows.is_empty();
    while !rows.is_empty() {
        let some = rows.drain(..rows.len().min(ROWS));
        webhook_delivery::Entity::insert_many(some).exec_without_returning(closing.tx).await?;
    }
    Ok(written)
}

/// The endpoints that are switched on, read anew only after one of them has changed in whatever process.
async fn wanted(hooks: &Hooks, closing: &Closing<'_>) -> Result<Arc<[Wanted]>, DbErr> {
    if let Some(known) = closing.revision.and_then(|revision| hooks.known(revision)) {
        return Ok(known);
    }
    let rows = webhook_endpoint::Entity::find()
        .filter(webhook_endpoint::Column::Enabled.eq(true))
        .order_by_asc(webhook_endpoint::Column::Id)
        .all(closing.tx)
        .await?;
    let wanted: Arc<[Wanted]> =
        rows.into_iter().map(|row| Wanted { endpoint: row.id, events: stored_event_names(row.events) }).collect();
    if let Some(revision) = closing.revision {
        hooks.keep(revision, &wanted);
    }
    Ok(wanted)
}

/// A delivery that is still to be made.
pub(super) fn row(
    endpoint: WebhookEndpointId,
    id: &str,
    event: &str,
    payload: &str,
    now: DateTime<Utc>,
    expires: DateTime<Utc>,
) -> webhook_delivery::ActiveModel {
    webhook_delivery::ActiveModel {
        webhook_id: Set(id.to_owned()),
        endpoint_id: Set(endpoint),
        event_type: Set(event.to_owned()),
        payload: Set(payload.to_owned()),
        state: Set(webhook_delivery::DeliveryState::Pending),
        attempts: Set(0),
        next_attempt_at: Set(now),
        created_at: Set(now),
        expires_at: Set(expires),
        ..Default::default()
    }
}

/// An id for the receiver to know a repetition by.
pub(super) fn new_id() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

/// How long a delivery is tried, its time behind others included: all pauses together, their jitter, and the attempts
/// themselves. Behind an endpoint that is away for long, the line moves on at the pace at which it grew.
pub(super) fn lifetime(config: &Config) -> TimeDelta {
    let pauses = &config.webhooks.retry_seconds;
    let seconds = pauses.iter().sum::<u64>() * 11 / 10 + 30 * (pauses.len() as u64 + 1);
    TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1_000))
}

/// The body (Standard Webhooks; contract §9).
#[derive(Serialize)]
struct Body<'b, D> {
    #[serde(rename = "type")]
    kind: &'b str,
    timestamp: DateTime<Utc>,
    data: D,
}

pub(super) fn body(kind: &str, timestamp: DateTime<Utc>, data: impl Serialize) -> Option<String> {
    serde_json::to_string(&Body { kind, timestamp, data }).ok()
}

fn payload(event: &Event, created: &HashMap<ConversationId, Conversation>) -> Option<String> {
    let kind = event_name(event.kind)?;
    match payload::payload(event, None) {
        Some(payload) => body(kind, event.at, payload),
        None => body(kind, event.at, Neutral::of(created.get(&event.conversation?)?)),
    }
}

/// A conversation as nobody in particular sees it. A direct one has no name, since each of the two sees the other's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Neutral<'c> {
    id: ConversationId,
    #[serde(rename = "type")]
    kind: ConversationType,
    name: Option<&'c str>,
    description: Option<&'c str>,
    avatar_url: Option<&'c str>,
    created_by_id: UserId,
    participants: &'c [Participant],
    participant_count: i32,
    last_message: Option<Message>,
    allow_reactions: bool,
    allow_replies: bool,
    allow_file_uploads: bool,
    max_file_size_mb: i32,
    allowed_file_types: Option<&'c [String]>,
    last_message_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl<'c> Neutral<'c> {
    fn of(seen: &'c Conversation) -> Self {
        let is_group = seen.kind == ConversationType::Group;
        Self {
            id: seen.id,
            kind: seen.kind,
            name: seen.name.as_deref().filter(|_| is_group),
            description: seen.description.as_deref(),
            avatar_url: seen.avatar_url.as_deref().filter(|_| is_group),
            created_by_id: seen.created_by_id,
            participants: &seen.participants,
            participant_count: seen.participant_count,
            last_message: seen.last_message.clone().map(|message| Message { temp_id: None, ..message }),
            allow_reactions: seen.allow_reactions,
            allow_replies: seen.allow_replies,
            allow_file_uploads: seen.allow_file_uploads,
            max_file_size_mb: seen.max_file_size_mb,
            allowed_file_types: seen.allowed_file_types.as_deref(),
            last_message_at: seen.last_message_at,
            created_at: seen.created_at,
            updated_at: seen.updated_at,
        }
    }
}

/// The conversations that were created, as they are at the end of the transaction.
async fn created(closing: &Closing<'_>, events: &[&Event]) -> Result<HashMap<ConversationId, Conversation>> {
    let is_new = |event: &&&Event| event.kind == EventType::ConversationCreated;
    let ids: Vec<ConversationId> = events.iter().filter(is_new).filter_map(|event| event.conversation).collect();
    conversation::load_for_nobody(closing.tx, &closing.tools.signer, &ids).await
}
