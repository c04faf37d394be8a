//! The token in the headers of a request.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::auth::bearer;

/// What follows `Bearer` in the header `Authorization`. None where the header stands there twice: whoever let the request
/// through may have looked at the other one.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    match (headers.next(), headers.next()) {
        (Some(header), None) => bearer(header.to_str().ok()?),
        _ => None,
    }
}
