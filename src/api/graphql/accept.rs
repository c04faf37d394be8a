//! Which media type a GraphQL response has: the one that the caller prefers, and `application/json` for those who prefer
//! nothing (protocol §6, §13).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use crate::error::{Error, Kind, Result};

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

/// Whether the caller names this type, and not only to say that it is the last thing wanted.
pub(super) fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    ranges(headers).any(|(range, weight)| range.eq_ignore_ascii_case(wanted) && weight > 0.0)
}

/// How much a type is wanted: by the range that names it most closely (RFC 9110 §12.5.1).
fn weight(headers: &HeaderMap, wanted: &str) -> f32 {
    let family = format!("{}/*", wanted.split('/').next().unwrap_or_default());
    let named = |name: &str| {
        let weights = ranges(headers).filter(|(range, _)| range.eq_ignore_ascii_case(name)).map(|(_, weight)| weight);
        weights.reduce(f32::max)
    };
    named(wanted).or_else(|| named(&family)).or_else(|| named("*/*")).unwrap_or(0.0)
}

/// The ranges of `Accept` with their weights; parameters other than the weight are passed over.
fn ranges(headers: &HeaderMap) -> impl Iterator<Item = (&str, f32)> {
    let lists = headers.get_all(ACCEPT).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, weight.and_then(|weight| weight.parse::<f32>().ok()).map_or(1.0, |weight| weight.clamp(0.0, 1.0))))
    })
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
