//! The outbox: what endpoints are to be told, written in the transaction of the change. An endpoint that was deleted
//! or switched off a moment ago is told nothing, one that was just made is told the next change.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::body;
use super::enabled_endpoints::{EnabledEndpoint, EnabledEndpoints};
use super::event_names::{event_name, stored_event_names};
use super::retry::lifetime;
use crate::chat::event::{Event, EventType};
use crate::chat::views::conversation::{self, Conversation};
use crate::chat::writer::{Closing, Outbox};
use crate::entity::{webhook_delivery, webhook_endpoint};
use crate::error::Result;
use crate::id::{ConversationId, WebhookEndpointId};

/// Rows of one statement, which on SQLite can hold 32,766 values.
const MAX_INSERTED_ROWS: usize = 1_000;

/// The outbox for the writer to fill; the worker is woken through `endpoints` when something waits in it.
pub fn outbox(endpoints: Arc<EnabledEndpoints>) -> Outbox {
    let (woken, known) = (Arc::clone(&endpoints), Arc::clone(&endpoints));
    Outbox {
        write: Box::new(move |closing| {
            let endpoints = Arc::clone(&endpoints);
            Box::pin(async move { write(&endpoints, closing).await })
        }),
        wants: Box::new(move |revision, kind| {
            let wanted = |name: &str| {
                let known = known.cached(revision);
                known.is_none_or(|endpoints| endpoints.iter().any(|endpoint| endpoint.wants(name)))
            };
            event_name(kind).is_some_and(wanted)
        }),
        wake: Box::new(move || woken.wake()),
    }
}

/// Writes what endpoints are to be told of `events`; answers whether there was anything. Without endpoints that costs
/// no statement, with them two at most, and three more where a conversation was created.
async fn write(endpoints: &EnabledEndpoints, closing: Closing<'_>) -> Result<bool, DbErr> {
    let events = closing.events;
    if !events.iter().any(|event| event_name(event.kind).is_some()) {
        return Ok(false);
    }
    let endpoints = enabled(endpoints, &closing).await?;
    let is_wanted = |event: &&Event| {
        event_name(event.kind).is_some_and(|name| endpoints.iter().any(|endpoint| endpoint.wants(name)))
    };
    let wanted: Vec<&Event> = events.iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        return Ok(false);
    }
    let created = created(&closing, &wanted).await.map_err(|error| DbErr::Custom(error.to_string()))?;
    let expires = closing.now + lifetime(&closing.tools.config);
    let mut rows = Vec::with_capacity(wanted.len());
    for event in wanted {
        let Some((name, payload)) = event_name(event.kind).zip(body::of(event, &created)) else { continue };
        let id = new_id();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.wants(name)) {
            rows.push(row(endpoint.id, &id, name, &payload, closing.now, expires));
        }
    }
    let written = !rows.is_empty();
    while !rows.is_empty() {
        let some = rows.drain(..rows.len().min(MAX_INSERTED_ROWS));
        webhook_delivery::Entity::insert_many(some).exec_without_returning(closing.tx).await?;
    }
    Ok(written)
}

/// The endpoints that are switched on, read anew only after one of them has changed in whatever process.
async fn enabled(cache: &EnabledEndpoints, closing: &Closing<'_>) -> Result<Arc<[EnabledEndpoint]>, DbErr> {
    if let Some(known) = closing.revision.and_then(|revision| cache.cached(revision)) {
        return Ok(known);
    }
    let rows = webhook_endpoint::Entity::find()
        .filter(webhook_endpoint::Column::Enabled.eq(true))
        .order_by_asc(webhook_endpoint::Column::Id)
        .all(closing.tx)
        .await?;
    let endpoints: Arc<[EnabledEndpoint]> =
        rows.into_iter().map(|row| EnabledEndpoint { id: row.id, events: stored_event_names(row.events) }).collect();
    if let Some(revision) = closing.revision {
        cache.cache(revision, &endpoints);
    }
    Ok(endpoints)
}

/// A delivery that is still to be made, as a row.
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

/// The conversations that were created, as they are at the end of the transaction.
async fn created(closing: &Closing<'_>, events: &[&Event]) -> Result<HashMap<ConversationId, Conversation>> {
    let is_new = |event: &&&Event| event.kind == EventType::ConversationCreated;
    let ids: Vec<ConversationId> = events.iter().filter(is_new).filter_map(|event| event.conversation).collect();
    conversation::load_for_nobody(closing.tx, &closing.tools.signer, &ids).await
}
