//! How this door says what went wrong: the sentence in `message`, the code in `extensions.code` (protocol §2).

use async_graphql::{ErrorExtensionValues, Response, ServerError, Value};
use serde::Serialize;

use crate::error::{Error, Kind};
use crate::http::error::code;
use crate::telemetry;

/// Gives every error of a response its code. What the engine itself refuses is a bad request.
pub(crate) fn add_codes(mut response: Response) -> Response {
    for error in &mut response.errors {
        let ours = error.source::<Error>().cloned();
        let ours = ours.unwrap_or_else(|| Error::new(Kind::BadRequest, clip(bare(&error.message))));
        error.message = ours.message.to_string();
        error.extensions = Some(extensions(&ours));
    }
    response
}

/// A response that is nothing but this error.
pub(crate) fn response(error: &Error) -> Response {
    let mut server_error = ServerError::new(error.message.to_string(), None);
    server_error.extensions = Some(extensions(error));
    Response::from_errors(vec![server_error])
}

/// Whether nothing was run: then there is no data at all, not even null.
pub(crate) fn is_refusal(response: &Response) -> bool {
    response.data == Value::Null && response.errors.iter().any(|error| error.path.is_empty())
}

/// Whether somebody who comes back later may fare better.
pub(crate) fn is_passing(response: &Response) -> bool {
    const PASSING: [Kind; 3] = [Kind::RateLimited, Kind::Unavailable, Kind::Internal];
    let codes = response.errors.iter().filter_map(|error| error.extensions.as_ref()?.get("code"));
    codes.into_iter().any(|given| PASSING.iter().any(|kind| *given == Value::from(code(*kind))))
}

/// A response as JSON.
pub(crate) fn bytes(response: &Response) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Written::of(response))
}

/// Responses as a JSON list.
pub(crate) fn all_bytes(responses: &[Response]) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&responses.iter().map(Written::of).collect::<Vec<_>>())
}

/// What is written of a response.
#[derive(Serialize)]
#[serde(untagged)]
enum Written<'r> {
    Refusal { errors: &'r [ServerError] },
    Answer(&'r Response),
}

impl<'r> Written<'r> {
    fn of(response: &'r Response) -> Self {
        if is_refusal(response) { Written::Refusal { errors: &response.errors } } else { Written::Answer(response) }
    }
}

/// What stands beside the sentence. The failure is counted.
fn extensions(error: &Error) -> ErrorExtensionValues {
    telemetry::failed("graphql", code(error.kind));
    let mut values = ErrorExtensionValues::default();
    values.set("code", code(error.kind));
    if let Some(seconds) = error.retry_after {
        values.set("retryAfterSeconds", Value::Number(seconds.into()));
    }
    values
}

/// The sentence within what the engine puts around it: `Failed to parse "ID": …  (occurred while parsing "[ID!]")`.
fn bare(message: &str) -> &str {
    let said = message.strip_prefix("Failed to parse \"").and_then(|rest| rest.split_once("\": "));
    let said = said.map_or(message, |(_, said)| said);
    let said = said.split_once(" (occurred while parsing ").map_or(said, |(said, _)| said);
    said.trim_end_matches('.')
}

/// The engine quotes what it refuses; a reader needs only the start of it.
fn clip(message: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    if message.chars().count() <= MAX_CHARACTERS {
        message.to_owned()
    } else {
        message.chars().take(MAX_CHARACTERS).chain(['…']).collect()
    }
}
