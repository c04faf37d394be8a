//! The endpoints that stand in the settings: whether they make sense, and how they come into the database. The other
//! settings of webhooks are judged by `config`.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::egress::EgressPolicy;
use super::enabled_endpoints::endpoints_changed;
use super::endpoints::new_row;
use super::event_names::{all_event_names, is_event_name};
use super::signature;
use crate::chat::Chat;
use crate::chat::writer::Batch;
use crate::config::{ConfigError, Webhooks};
use crate::entity::webhook_endpoint;
use crate::error::Result;

const KEY: &str = "webhooks.endpoints";
/// What is said of an endpoint that the settings no longer hold.
const NOT_IN_SETTINGS: &str = "It no longer stands in the settings";

/// Refuses an endpoint whose URL may not be connected to, whose events do not exist, whose secret is none, or whose
/// URL stands in the settings twice.
///
/// # Errors
/// Names the first such endpoint by its place, and says what it must be.
pub fn check(settings: &Webhooks) -> std::result::Result<(), ConfigError> {
    let policy = EgressPolicy::of(settings);
    for (place, endpoint) in settings.endpoints.iter().enumerate() {
        let refuse = |sentence: &str| Err(ConfigError::new(KEY, format!("{KEY}[{place}].{sentence}")));
        if let Err(sentence) = policy.check(&endpoint.url) {
            return refuse(&format!("url: {sentence}"));
        }
        if !endpoint.events.iter().all(|event| is_event_name(event)) {
            return refuse(&format!("events must be of {}", all_event_names()));
        }
        if !signature::is_secret(&endpoint.secret) {
            return refuse("secret must be whsec_ and the base64 of 24 to 64 bytes");
        }
        if settings.endpoints[..place].iter().any(|other| other.url == endpoint.url) {
            return refuse("url stands in the settings twice");
        }
    }
    Ok(())
}

/// Brings the endpoints of the settings into the database: new ones are made, changed ones changed, and those that no
/// longer stand there are switched off and become an administrator's. One that was switched off stays so.
pub(super) async fn apply_settings(chat: &Chat) -> Result<()> {
    let settings = chat.config.webhooks.endpoints.clone();
    let kept = webhook_endpoint::Entity::find().filter(webhook_endpoint::Column::Configured.eq(true));
    if settings.is_empty() && kept.clone().one(&chat.store.reader()).await?.is_none() {
        return Ok(());
    }
    let change = chat.write(async move |batch: &mut Batch| {
        let mut kept = kept.all(&batch.tx).await?;
        for endpoint in settings {
            let events = json!(endpoint.events);
            let Some(place) = kept.iter().position(|row| row.url == endpoint.url) else {
                let row = new_row(batch, endpoint.url, events, endpoint.secret);
                webhook_endpoint::ActiveModel { configured: Set(true), ..row }.insert(&batch.tx).await?;
                endpoints_changed(batch);
                continue;
            };
            let row = kept.swap_remove(place);
            if row.secret != endpoint.secret || row.events != events {
                let mut row: webhook_endpoint::ActiveModel = row.into();
                row.secret = Set(endpoint.secret);
                row.events = Set(events);
                row.updated_at = Set(batch.now);
                row.update(&batch.tx).await?;
                endpoints_changed(batch);
            }
        }
        for row in kept {
            let mut row: webhook_endpoint::ActiveModel = row.into();
            row.configured = Set(false);
            row.enabled = Set(false);
            row.disabled_reason = Set(Some(NOT_IN_SETTINGS.to_owned()));
            row.updated_at = Set(batch.now);
            row.update(&batch.tx).await?;
            endpoints_changed(batch);
        }
        Ok(())
    });
    change.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WebhookEndpoint;

    fn endpoint() -> WebhookEndpoint {
        WebhookEndpoint {
            url: "https://example.org/hook".to_owned(),
            events: vec!["chat_message.sent".to_owned(), "chat_participant.added".to_owned()],
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        }
    }

    fn refused(endpoints: Vec<WebhookEndpoint>) -> String {
        check(&Webhooks { endpoints, ..Webhooks::default() }).unwrap_err().to_string()
    }

    #[test]
    fn endpoints_in_the_settings_are_judged_like_those_of_administrators() {
        let all = WebhookEndpoint { url: "https://example.org/all".to_owned(), events: Vec::new(), ..endpoint() };
        assert_eq!(check(&Webhooks { endpoints: vec![endpoint(), all], ..Webhooks::default() }), Ok(()));
        let with_url = |url: &str| WebhookEndpoint { url: url.to_owned(), ..endpoint() };
        let with_event = |event: &str| WebhookEndpoint { events: vec![event.to_owned()], ..endpoint() };
        let short = endpoint().secret.replace("MfKQ9r8", "");
        for (endpoint, sentence) in [
            (with_url("http://example.org/hook"), "[0].url: The URL must begin with https://"),
            (with_url("https://127.0.0.1/hook"), "[0].url: The URL leads to an address that is not allowed"),
            (with_event("message.sent"), "[0].events must be of chat_message.sent, chat_message.updated, "),
            (
                WebhookEndpoint { secret: short, ..endpoint() },
                "[0].secret must be whsec_ and the base64 of 24 to 64 bytes",
            ),
        ] {
            let said = refused(vec![endpoint]);
            assert!(said.starts_with(&format!("webhooks.endpoints{sentence}")), "{said}");
        }
        let twice = refused(vec![endpoint(), endpoint()]);
        assert_eq!(twice, "webhooks.endpoints[1].url stands in the settings twice");
        let private = Webhooks {
            allow_private_targets: true,
            endpoints: vec![with_url("http://127.0.0.1:8080/hook")],
            ..Webhooks::default()
        };
        assert_eq!(check(&private), Ok(()));
    }
}
