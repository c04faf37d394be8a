//! How this door says what went wrong: the sentence in `message`, the code in `extensions.code` (contract §2).

use async_graphql::{ErrorExtensionValues, Response, ServerError, Value};

use crate::answer::code;
use crate::error::{Error, Kind};

/// Gives every error of a response its code. What the engine itself refuses is a bad request.
pub(crate) fn dress(mut response: Response) -> Response {
    for error in &mut response.errors {
        let ours = error.source::<Error>().cloned();
        let ours = ours.unwrap_or_else(|| Error::new(Kind::BadRequest, clip(error.message.trim_end_matches('.'))));
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

fn extensions(error: &Error) -> ErrorExtensionValues {
    let mut values = ErrorExtensionValues::default();
    values.set("code", code(error.kind));
    if let Some(seconds) = error.retry_after {
        values.set("retryAfterSeconds", Value::Number(seconds.into()));
    }
    values
}

/// The engine quotes what it refuses; a reader needs only the start of it.
fn clip(message: &str) -> String {
    const MOST: usize = 200;
    if message.chars().count() <= MOST {
        message.to_owned()
    } else {
        message.chars().take(MOST).chain(['…']).collect()
    }
}
