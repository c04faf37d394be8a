//! The administration of webhooks: a line a field, each one function of the chat.

use async_graphql::{Context, Object, Result};
use chrono::{DateTime, Utc};

use super::paging::{Connection, Paging, id_cursor};
use super::viewer::viewer;
use crate::entity::webhook_delivery::DeliveryState;
use crate::error::Error;
use crate::id::{WebhookDeliveryId, WebhookEndpointId};
use crate::webhooks::{self, Delivery, Endpoint, EndpointChange, EndpointInput, Replay};

#[derive(Default)]
pub struct WebhookQuery;

#[Object]
impl WebhookQuery {
    /// Who is told of events. For administrators.
    async fn webhook_endpoints(&self, ctx: &Context<'_>) -> Result<Vec<Endpoint>> {
        Ok(webhooks::endpoints(viewer(ctx)?).await?)
    }

    /// What was sent, waits or has failed, oldest first; where nothing is said, the newest 50. For administrators.
    #[allow(clippy::too_many_arguments)]
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint; all where nothing is said")] endpoint_id: Option<WebhookEndpointId>,
        #[graphql(desc = "How far they are")] state: Option<DeliveryState>,
        #[graphql(desc = "So many from the start, or behind `after`; 100 at most")] first: Option<i32>,
        #[graphql(desc = "A cursor: what is behind it")] after: Option<String>,
        #[graphql(desc = "So many from the end, or before `before`; 100 at most")] last: Option<i32>,
        #[graphql(desc = "A cursor: what is before it")] before: Option<String>,
    ) -> Result<Connection<Delivery>> {
        let paging = Paging::of(first, after, last, before);
        let (window, limit) = paging.window(true)?;
        let page = webhooks::deliveries(viewer(ctx)?, endpoint_id, state, window, limit).await?;
        Ok(paging.connection(page, window.is_forward(), |delivery| id_cursor(delivery.id)))
    }
}

#[derive(Default)]
pub struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Makes an endpoint. The answer shows its `secret`, once. For administrators.
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint")] input: EndpointInput,
    ) -> Result<Endpoint> {
        Ok(webhooks::create(viewer(ctx)?, input).await?)
    }

    /// Changes an endpoint. What waits for it is tried at once. For administrators.
    async fn update_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint")] endpoint_id: WebhookEndpointId,
        #[graphql(desc = "What changes")] input: EndpointChange,
    ) -> Result<Endpoint> {
        Ok(webhooks::update(viewer(ctx)?, endpoint_id, input).await?)
    }

    /// Deletes an endpoint, with everything that waits for it. For administrators.
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint")] endpoint_id: WebhookEndpointId,
    ) -> Result<bool> {
        webhooks::delete(viewer(ctx)?, endpoint_id).await?;
        Ok(true)
    }

    /// Gives an endpoint a new secret. The answer shows the new `secret`, once; the old one signs beside it for 24 hours. For administrators.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint")] endpoint_id: WebhookEndpointId,
    ) -> Result<Endpoint> {
        Ok(webhooks::rotate(viewer(ctx)?, endpoint_id).await?)
    }

    /// Sends an event of the type `webhook.test`. For administrators.
    async fn send_test_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint")] endpoint_id: WebhookEndpointId,
    ) -> Result<Delivery> {
        Ok(webhooks::send_test(viewer(ctx)?, endpoint_id).await?)
    }

    /// Sends deliveries again, under their old ids: those of `deliveryIds`, or those of an endpoint that have failed,
    /// from `from` on and before `to`. Answers how many. For administrators.
    async fn replay_webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those that are sent again")] delivery_ids: Option<Vec<WebhookDeliveryId>>,
        #[graphql(desc = "The endpoint; all where nothing is said")] endpoint_id: Option<WebhookEndpointId>,
        #[graphql(desc = "What was made at this moment or later")] from: Option<DateTime<Utc>>,
        #[graphql(desc = "What was made before this moment")] to: Option<DateTime<Utc>>,
    ) -> Result<u64> {
        let which = match (delivery_ids, endpoint_id) {
            (Some(ids), None) if from.is_none() && to.is_none() => Replay::Ids(ids),
            (None, Some(endpoint)) => Replay::Failed { endpoint, from, to },
            _ => return Err(Error::bad_request("Name either deliveryIds, or endpointId with from and to").into()),
        };
        Ok(webhooks::replay(viewer(ctx)?, which).await?)
    }
}
