//! Endpoints: creating, changing, trying and deleting them, and those that stand in the settings. A secret is shown in
//! the answer that made it and never again.

use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, ModelTrait, PaginatorTrait, QueryFilter, QueryOrder,
};
use serde_json::{Value as Json, json};

use super::egress::EgressPolicy;
use super::enabled_endpoints::endpoints_changed;
use super::event_names::{TEST_EVENT, all_event_names, is_event_name, stored_event_names};
use super::retry::lifetime;
use super::signature;
use super::{Delivery, body, outbox};
use crate::chat::Cx;
use crate::chat::rows;
use crate::chat::writer::Batch;
use crate::entity::clock;
use crate::entity::webhook_delivery::{self, DeliveryState};
use crate::entity::webhook_endpoint;
use crate::error::{Error, Result};
use crate::id::WebhookEndpointId;
use crate::timestamp::Timestamp;

/// Endpoints of one database, at most.
const MAX_ENDPOINTS: u64 = 100;
/// How long an old secret signs beside the new one.
const SECRET_OVERLAP: TimeDelta = TimeDelta::hours(24);

/// Where somebody is told of events.
#[derive(Debug, Clone, async_graphql::SimpleObject)]
#[graphql(name = "WebhookEndpoint")]
pub struct Endpoint {
    /// The id of the endpoint.
    pub id: WebhookEndpointId,
    /// Where it is told.
    pub url: String,
    /// The events that it wants; none are all.
    pub events: Vec<String>,
    /// Whether it is told of what happens.
    pub enabled: bool,
    /// Why the server switched it off.
    pub disabled_reason: Option<String>,
    /// It stands in the settings, and is changed there.
    pub configured: bool,
    /// Shown once: in the answer that made it.
    pub secret: Option<String>,
    /// Until then the secret before this one signs, too.
    pub previous_secret_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// An endpoint to be.
#[derive(Debug, Clone, async_graphql::InputObject)]
#[graphql(name = "CreateWebhookEndpointInput")]
pub struct EndpointInput {
    /// `https`, on the port 443 or 8443, and not in a private network, unless the settings allow private targets.
    pub url: String,
    /// Such as `chat_message.sent`; none are all.
    pub events: Option<Vec<String>>,
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Clone, async_graphql::InputObject)]
#[graphql(name = "UpdateWebhookEndpointInput")]
pub struct EndpointChange {
    /// As with a new one.
    pub url: Option<String>,
    /// Such as `chat_message.sent`; none are all.
    pub events: Option<Vec<String>>,
    /// Switched off, it is told nothing of what happens meanwhile; what waits for it goes on waiting.
    pub enabled: Option<bool>,
}

/// All endpoints, oldest first.
///
/// # Errors
/// `Forbidden` unless an administrator asks, as everywhere here.
pub async fn endpoints(cx: &Cx) -> Result<Vec<Endpoint>> {
    cx.must_be_admin()?;
    let rows = webhook_endpoint::Entity::find().order_by_asc(webhook_endpoint::Column::Id);
    Ok(rows.all(&cx.reader()).await?.into_iter().map(Endpoint::from).collect())
}

/// Creates an endpoint; the answer shows its secret.
///
/// # Errors
/// `BadRequest` for a URL that is not allowed or an unknown event, `Conflict` for the 101st.
pub async fn create(cx: &Cx, input: EndpointInput) -> Result<Endpoint> {
    cx.must_be_admin()?;
    let url = check_url(cx, &input.url).await?;
    let events = check_events(input.events.unwrap_or_default())?;
    let secret = new_secret()?;
    let change = cx.chat.write(async move |batch: &mut Batch| {
        if webhook_endpoint::Entity::find().count(&batch.tx).await? >= MAX_ENDPOINTS {
            return Err(Error::conflict(format!("There can be at most {MAX_ENDPOINTS} webhook endpoints")));
        }
        let row = new_row(batch, url, events, secret).insert(&batch.tx).await?;
        endpoints_changed(batch);
        Ok(row)
    });
    change.await.map(shown_once)
}

/// Changes an endpoint. What waits for it is tried at once.
///
/// # Errors
/// `NotFound`, `Conflict` for one of the settings (but for `enabled`), besides those of [`create`].
pub async fn update(cx: &Cx, id: WebhookEndpointId, input: EndpointChange) -> Result<Endpoint> {
    cx.must_be_admin()?;
    let url = match &input.url {
        Some(url) => Some(check_url(cx, url).await?),
        None => None,
    };
    let events = input.events.map(check_events).transpose()?;
    let change = cx.chat.write(async move |batch: &mut Batch| {
        let row = find(batch, id).await?;
        if url.is_some() || events.is_some() {
            must_not_be_configured(&row)?;
        }
        let mut row: webhook_endpoint::ActiveModel = row.into();
        if let Some(url) = url {
            row.url = Set(url);
        }
        if let Some(events) = events {
            row.events = Set(events);
        }
        if let Some(enabled) = input.enabled {
            row.enabled = Set(enabled);
            row.disabled_reason = Set(None);
        }
        row.updated_at = Set(batch.now);
        let row = row.update(&batch.tx).await?;
        retry_now(batch, id).await?;
        endpoints_changed(batch);
        Ok(row)
    });
    let row = change.await?;
    Ok(row.into())
}

/// Deletes an endpoint with everything that waits for it.
///
/// # Errors
/// `NotFound`, `Conflict` for one of the settings.
pub async fn delete(cx: &Cx, id: WebhookEndpointId) -> Result<()> {
    cx.must_be_admin()?;
    let change = cx.chat.write(async move |batch: &mut Batch| {
        let row = find(batch, id).await?;
        must_not_be_configured(&row)?;
        row.delete(&batch.tx).await?;
        endpoints_changed(batch);
        Ok(())
    });
    change.await
}

/// Gives an endpoint a new secret, which the answer shows. The old one signs beside it for 24 hours.
///
/// # Errors
/// `NotFound`, `Conflict` for one of the settings.
pub async fn rotate(cx: &Cx, id: WebhookEndpointId) -> Result<Endpoint> {
    cx.must_be_admin()?;
    let secret = new_secret()?;
    let change = cx.chat.write(async move |batch: &mut Batch| {
        let row = find(batch, id).await?;
        must_not_be_configured(&row)?;
        let old = row.secret.clone();
        let mut row: webhook_endpoint::ActiveModel = row.into();
        row.secret = Set(secret);
        row.previous_secret = Set(Some(old));
        row.previous_secret_until = Set(Some(batch.now + SECRET_OVERLAP));
        row.updated_at = Set(batch.now);
        Ok(row.update(&batch.tx).await?)
    });
    change.await.map(shown_once)
}

/// Sends an event of the type `webhook.test`, behind all that waits for the endpoint.
///
/// # Errors
/// `NotFound`, `Conflict` for an endpoint that is switched off.
pub async fn send_test(cx: &Cx, id: WebhookEndpointId) -> Result<Delivery> {
    cx.must_be_admin()?;
    let lifetime = lifetime(&cx.chat.config);
    let change = cx.chat.write(async move |batch: &mut Batch| {
        if !find(batch, id).await?.enabled {
            return Err(Error::conflict("This webhook endpoint is switched off"));
        }
        let payload = body::around(TEST_EVENT, batch.now, json!({ "endpointId": id }))
            .ok_or_else(|| Error::internal_because("the event of a test cannot be written"))?;
        let expires = batch.now + lifetime;
        let row = outbox::row(id, &outbox::new_id(), TEST_EVENT, &payload, batch.now, expires);
        batch.outbox_filled();
        Ok(row.insert(&batch.tx).await?)
    });
    let row = change.await?;
    Ok(row.into())
}

/// What waits for an endpoint need not wait for the end of a pause any more.
async fn retry_now(batch: &Batch, endpoint: WebhookEndpointId) -> Result<()> {
    use webhook_delivery::Column;
    webhook_delivery::Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value(batch.now))
        .filter(Column::EndpointId.eq(endpoint))
        .filter(Column::State.eq(DeliveryState::Pending))
        .filter(Column::NextAttemptAt.gt(batch.now))
        .exec(&batch.tx)
        .await?;
    Ok(())
}

/// An endpoint that is switched on and is an administrator's, as a row.
pub(super) fn new_row(batch: &Batch, url: String, events: Json, secret: String) -> webhook_endpoint::ActiveModel {
    webhook_endpoint::ActiveModel {
        url: Set(url),
        events: Set(events),
        secret: Set(secret),
        enabled: Set(true),
        configured: Set(false),
        created_at: Set(batch.now),
        updated_at: Set(batch.now),
        ..Default::default()
    }
}

async fn find(batch: &Batch, id: WebhookEndpointId) -> Result<webhook_endpoint::Model> {
    let row = webhook_endpoint::Entity::find_by_id(id).one(&batch.tx).await?;
    row.ok_or_else(|| Error::not_found("Webhook endpoint not found"))
}

fn must_not_be_configured(row: &webhook_endpoint::Model) -> Result<()> {
    match row.configured {
        true => Err(Error::conflict("This webhook endpoint stands in the settings and is changed there")),
        false => Ok(()),
    }
}

async fn check_url(cx: &Cx, text: &str) -> Result<String> {
    let url = EgressPolicy::of(&cx.chat.config.webhooks).check_resolved(text).await;
    url.map(String::from).map_err(Error::bad_request)
}

fn check_events(events: Vec<String>) -> Result<Json> {
    match events.iter().find(|event| !is_event_name(event)) {
        Some(_) => Err(Error::bad_request(format!("The events of webhooks are {}", all_event_names()))),
        None => Ok(json!(rows::distinct(events))),
    }
}

fn new_secret() -> Result<String> {
    signature::new_secret().map_err(|cause| {
        tracing::error!(%cause, "no random numbers");
        Error::internal()
    })
}

fn shown_once(row: webhook_endpoint::Model) -> Endpoint {
    let secret = Some(row.secret.clone());
    Endpoint { secret, ..row.into() }
}

impl From<webhook_endpoint::Model> for Endpoint {
    fn from(row: webhook_endpoint::Model) -> Self {
        Self {
            id: row.id,
            url: row.url,
            events: stored_event_names(row.events),
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            configured: row.configured,
            secret: None,
            previous_secret_until: row.previous_secret_until.filter(|until| *until > clock::now()).map(Into::into),
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}
