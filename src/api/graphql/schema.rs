//! The schema: the three roots, each put together from the fields of its subjects.

use async_graphql::{MergedObject, SDLExportOptions};
use chrono::{DateTime, Utc};

use super::subscription::root::SubscriptionRoot;
use super::{budget, mutation, query, webhooks};

/// The schema of this server.
pub type Schema = async_graphql::Schema<Query, Mutation, SubscriptionRoot>;

/// Everything that can be read. An id that does not exist, or is not the viewer's to see, is null beside
/// an error with a code.
#[derive(MergedObject)]
pub struct Query(query::Query, webhooks::WebhookQuery);

/// Everything that can be changed.
#[derive(MergedObject)]
pub struct Mutation(mutation::Mutation, webhooks::WebhookMutation);

/// The schema. Suggestions are off: they would tell strangers what they did not ask for.
pub fn schema() -> Schema {
    let query = Query(query::Query, webhooks::WebhookQuery);
    let mutation = Mutation(mutation::Mutation, webhooks::WebhookMutation);
    Schema::build(query, mutation, SubscriptionRoot)
        .disable_suggestions()
        // The catalog reads the tags of these fields, too.
        .enable_subscription_in_federation()
        .extension(budget::Metering)
        .override_output_type_description::<DateTime<Utc>>(
            "A moment: RFC 3339 in UTC, with three digits of a second where the server tells it.",
        )
        .finish()
}

/// The text of the schema, as `confab schema` prints it.
pub fn schema_text() -> String {
    let sdl =
        schema().sdl_with_options(SDLExportOptions::new().include_specified_by().sorted_enum_items().sorted_fields());
    format!("{}\n", sdl.trim())
}
