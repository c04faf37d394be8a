//! Which media type a GraphQL response has: the one that the caller prefers, and `application/json` for those who prefer
//! nothing (protocol §6, §13).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use crate::error::{Error, Kind, Result};
use crate::http::accept::{accepts, weight};

/// A media type that the client can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status tells how it went.
    Response,
    /// `application/json`: 200 for whatever was well formed. Also for callers that take anything.
    Json,
    /// `text/event-stream`, for a single answer only where the caller takes nothing else.
    Events,
}

/// What the client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    pub media: Media,
    /// Whether a subscription may be answered. Clients that take them often say so with every request.
    pub events: bool,
}

/// What the caller accepts.
///
/// # Errors
/// `NotAcceptable` for a caller that takes nothing of what GraphQL answers with.
pub(super) fn accepted(headers: &HeaderMap) -> Result<Accepted> {
    if !headers.contains_key(ACCEPT) {
        return Ok(Accepted { media: Media::Json, events: false });
    }
    let (response, json) = (weight(headers, "application/graphql-response+json"), weight(headers, "application/json"));
    let events = accepts(headers, "text/event-stream");
    let is_asked_for = accepts(headers, "application/graphql-response+json");
    let media = match () {
        () if response > json || is_asked_for && response == json && response > 0.0 => Media::Response,
        () if json > 0.0 => Media::Json,
        () if events => Media::Events,
        () => return Err(Error::new(Kind::NotAcceptable, "GraphQL answers with application/graphql-response+json")),
    };
    Ok(Accepted { media, events })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn media(accept: &'static str) -> Option<Media> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        accepted(&headers).ok().map(|accepted| accepted.media)
    }

    #[test]
    fn who_prefers_nothing_gets_json_and_weights_count() {
        assert_eq!(accepted(&HeaderMap::new()), Ok(Accepted { media: Media::Json, events: false }));
        for (accept, chosen) in [
            ("*/*", Some(Media::Json)),
            ("application/*", Some(Media::Json)),
            ("application/json, text/plain, */*", Some(Media::Json)),
            ("application/json", Some(Media::Json)),
            ("application/graphql-response+json", Some(Media::Response)),
            ("application/graphql-response+json, application/json", Some(Media::Response)),
            ("application/graphql-response+json,application/json;q=0.9", Some(Media::Response)),
            ("Application/GraphQL-Response+JSON; charset=utf-8, */*;q=0.1", Some(Media::Response)),
            ("application/graphql-response+json;q=0.8, application/json", Some(Media::Json)),
            ("application/graphql-response+json;q=0.5, */*", Some(Media::Json)),
            ("application/json;q=0, */*", Some(Media::Response)),
            ("application/json;q=0, application/graphql-response+json;q=0", None),
            ("text/event-stream", Some(Media::Events)),
            ("text/event-stream, application/json", Some(Media::Json)),
            ("text/event-stream;q=0", None),
            ("text/html", None),
            ("", None),
            ("application/json;q=nonsense", Some(Media::Json)),
        ] {
            assert_eq!(media(accept), chosen, "{accept}");
        }
    }
}
