//! The reference of REST: what the endpoints say of themselves, completed by what holds of all of them.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{Components, InfoBuilder, License, OpenApi, Server};

use crate::api::rest::{self, described, refusals};
use crate::config::Config;
use crate::http::described::complete;
use crate::server::health;

const ABOUT: &str = "What succeeds answers with `{\"success\": true, \"error\": null, \"data\": …}`, beside a page of a list \
    with `page`, what fails with `{\"success\": false, \"error\": \"a sentence\", \"data\": null, \"code\": \"…\"}`. An absent \
    value is null and not left out. Ids are whole numbers below 2^53, times RFC 3339 in UTC. Every answer carries \
    `X-Request-Id`. HEAD answers like GET. Unknown fields and parameters are ignored.";

const TAGS: [(&str, &str); 8] = [
    ("Conversations", "Direct conversations and groups, and what is your own of them"),
    ("Participants", "Who is in a group"),
    ("Messages", "Sending, reading and finding them"),
    ("Reactions", "Emojis on messages"),
    ("Presence", "Who is here"),
    ("Files", "What messages bring"),
    ("Events", "The log of all that happened"),
    ("Health", "How the server is, for operators"),
];

/// The document for a server of these settings.
pub(super) fn openapi(config: &Config) -> OpenApi {
    let mut api = rest::router().merge(health::router(&config.server)).into_openapi();
    api.info = InfoBuilder::new()
        .title("confab")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license()))
        .build();
    api.servers = Some(vec![Server::new(config.server.public_url.as_deref().unwrap_or("/"))]);
    api.tags = Some(TAGS.map(|(name, about)| tag(name, about)).into());
    api.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("bearer", [])]);
    described::name_envelopes(&mut api);
    refusals::refuse_by_form(&mut api);
    let components = api.components.get_or_insert_with(Components::new);
    components.responses.extend(refusals::refusals_by_name());
    components.schemas.iter_mut().for_each(|(name, schema)| complete(name, schema));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    api
}

fn license() -> License {
    let mut license = License::new(env!("CARGO_PKG_LICENSE"));
    license.identifier = Some(env!("CARGO_PKG_LICENSE").to_owned());
    license
}

fn tag(name: &str, about: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(about)).build()
}
