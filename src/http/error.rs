//! How failures look from outside: one code and one status for each kind, on every door (protocol §2).

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::error::{Error, Kind};
use crate::telemetry;

/// The code that programs act on.
pub fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::BadRequest => "BAD_REQUEST",
        Kind::Unauthenticated => "UNAUTHENTICATED",
        Kind::Forbidden => "FORBIDDEN",
        Kind::NotFound => "NOT_FOUND",
        Kind::MethodNotAllowed => "METHOD_NOT_ALLOWED",
        Kind::NotAcceptable => "NOT_ACCEPTABLE",
        Kind::Timeout => "TIMEOUT",
        Kind::RangeNotSatisfiable => "RANGE_NOT_SATISFIABLE",
        Kind::Conflict => "CONFLICT",
        Kind::UpgradeRequired => "UPGRADE_REQUIRED",
        Kind::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
        Kind::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
        Kind::RateLimited => "RATE_LIMITED",
        Kind::PersistedQueryNotSupported => "PERSISTED_QUERY_NOT_SUPPORTED",
        Kind::CursorExpired => "CURSOR_EXPIRED",
        Kind::Unavailable => "UNAVAILABLE",
        Kind::Internal => "INTERNAL",
    }
}

/// The HTTP status.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::BadRequest => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
        Kind::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        Kind::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        // No failure to its clients: they ask in this way, and are answered.
        Kind::PersistedQueryNotSupported => StatusCode::OK,
        Kind::CursorExpired => StatusCode::GONE,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The envelope of a failure.
#[derive(Serialize, ToSchema)]
pub struct Failure<'e> {
    #[schema(schema_with = never)]
    success: bool,
    /// For people: what went wrong.
    #[schema(examples("Conversation not found"))]
    error: &'e str,
    #[schema(schema_with = nothing)]
    data: (),
    #[schema(schema_with = codes)]
    code: &'static str,
}

/// The HTTP response where there is nothing.
pub fn nothing_here() -> Response {
    error_response(&Error::not_found("There is nothing at this address"))
}

fn never() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false])).build()
}

fn nothing() -> Object {
    ObjectBuilder::new().schema_type(Type::Null).build()
}

/// The kinds of failure that have a code beside a refusing status. A lost upgrade is one of GraphQL alone.
const REFUSING: [Kind; 15] = [
    Kind::BadRequest,
    Kind::Unauthenticated,
    Kind::Forbidden,
    Kind::NotFound,
    Kind::MethodNotAllowed,
    Kind::NotAcceptable,
    Kind::Timeout,
    Kind::RangeNotSatisfiable,
    Kind::Conflict,
    Kind::PayloadTooLarge,
    Kind::UnsupportedMediaType,
    Kind::RateLimited,
    Kind::CursorExpired,
    Kind::Unavailable,
    Kind::Internal,
];

/// The codes, as REST and STOMP describe them.
pub fn codes() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(REFUSING.map(code)))
        .description(Some("For programs: what a caller can do about it"))
        .build()
}

/// The HTTP response to a failure, which is counted.
pub fn error_response(error: &Error) -> Response {
    telemetry::failed("http", code(error.kind));
    let failure = Failure { success: false, error: &error.message, data: (), code: code(error.kind) };
    let mut response = (status(error.kind), axum::Json(failure)).into_response();
    let headers = response.headers_mut();
    match error.kind {
        Kind::Unauthenticated => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Kind::RateLimited | Kind::Unavailable => {
            headers.insert(RETRY_AFTER, HeaderValue::from(error.retry_after.unwrap_or(1)));
        }
        _ => {}
    }
    response
}
