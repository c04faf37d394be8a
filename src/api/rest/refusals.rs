//! How refusals look in the reference: each kind once, and which of them an endpoint has. What every endpoint of its form
//! may refuse with follows from the form; the rest an endpoint names by these.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, Paths};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, OpenApi, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use crate::error::Kind;
use crate::http::error::{Failure, code, status};

/// The answers of an endpoint, by their statuses.
pub type Answers = BTreeMap<String, RefOr<Response>>;

/// What REST refuses with: the name of the answer, and when.
const REFUSALS: [(Kind, &str, &str); 14] = [
    (Kind::BadRequest, "BadRequest", "Malformed input, or a rule of form that is broken"),
    (
        Kind::Unauthenticated,
        "Unauthenticated",
        "No token, a bad or expired one, or one from before the user was signed out",
    ),
    (Kind::Forbidden, "Forbidden", "Banned, not a participant, not the role, or switched off in this conversation"),
    (Kind::NotFound, "NotFound", "No such conversation, message, user or file"),
    (Kind::NotAcceptable, "NotAcceptable", "Nothing that the client accepts can be answered"),
    (Kind::Timeout, "Timeout", "The body did not come in time"),
    (Kind::Conflict, "Conflict", "The present state forbids it"),
    (Kind::CursorExpired, "CursorExpired", "The cursor is older than the log"),
    (Kind::PayloadTooLarge, "PayloadTooLarge", "A body or a file over its limit"),
    (
        Kind::UnsupportedMediaType,
        "UnsupportedMediaType",
        "A wrong or compressed body, or a type of file that is not taken",
    ),
    (Kind::RangeNotSatisfiable, "RangeNotSatisfiable", "The range is not in the file"),
    (Kind::RateLimited, "RateLimited", "Over a limit"),
    (Kind::Internal, "Internal", "A fault of the server"),
    (Kind::Unavailable, "Unavailable", "The server is stopping, or its database is away"),
];

/// What any endpoint may refuse with: reading for too long counts as asking too much.
pub(super) const EVERYWHERE: [Kind; 3] = [Kind::RateLimited, Kind::Internal, Kind::Unavailable];

/// References to refusals, by their statuses.
pub fn refusals(kinds: &[Kind]) -> Answers {
    let known = REFUSALS.iter().filter(|(kind, _, _)| kinds.contains(kind));
    known.map(|(kind, name, _)| (status(*kind).as_str().to_owned(), Ref::from_response_name(*name).into())).collect()
}

/// What they refer to.
pub fn refusals_by_name() -> impl Iterator<Item = (String, RefOr<Response>)> {
    REFUSALS.iter().map(|(kind, name, when)| ((*name).to_owned(), refusal(*kind, when)))
}

/// Adds to each endpoint what those of its form refuse with.
pub fn refuse_by_form(api: &mut OpenApi) {
    for operation in operations(&mut api.paths) {
        let nothing = SecurityRequirement::default();
        let is_public = operation.security.as_ref().is_some_and(|ways| ways.iter().all(|way| *way == nothing));
        let mut kinds = Vec::new();
        if operation.parameters.is_some() || operation.request_body.is_some() {
            kinds.push(Kind::BadRequest);
        }
        if !is_public {
            // Whoever is banned is refused by whatever token.
            kinds.extend([Kind::Unauthenticated, Kind::Forbidden]);
        }
        if operation.request_body.is_some() {
            kinds.extend([Kind::Timeout, Kind::PayloadTooLarge, Kind::UnsupportedMediaType]);
        }
        operation.responses.responses.extend(refusals(&kinds));
    }
}

/// All endpoints.
pub fn operations(paths: &mut Paths) -> impl Iterator<Item = &mut Operation> {
    let all = paths.paths.values_mut();
    all.flat_map(|item| [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten())
}

fn refusal(kind: Kind, when: &str) -> RefOr<Response> {
    let example = json!({ "success": false, "error": when, "data": Json::Null, "code": code(kind) });
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Failure::name()))).example(Some(example));
    let mut response = ResponseBuilder::new().description(when).content("application/json", content.build());
    match kind {
        Kind::Unauthenticated => response = response.header("WWW-Authenticate", header(Type::String, "`Bearer`")),
        Kind::RateLimited | Kind::Unavailable => {
            response = response.header("Retry-After", header(Type::Integer, "Seconds to wait"));
        }
        _ => {}
    }
    response.into()
}

pub(super) fn header(kind: Type, what: &str) -> Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(kind))).description(Some(what)).build()
}

/// Where the caller has to be in a conversation that has to be there.
pub(super) struct Inside;

/// Where something named has to be there.
pub(super) struct MustBeThere;

/// Where the state may forbid it.
pub(super) struct Conflicting;

/// Where a range may lie outside.
pub(super) struct Ranged;

/// Where a cursor of the log may be too old.
pub(super) struct Expiring;

impl IntoResponses for Inside {
    fn responses() -> Answers {
        refusals(&[Kind::Forbidden, Kind::NotFound])
    }
}

impl IntoResponses for MustBeThere {
    fn responses() -> Answers {
        refusals(&[Kind::NotFound])
    }
}

impl IntoResponses for Conflicting {
    fn responses() -> Answers {
        refusals(&[Kind::Conflict])
    }
}

impl IntoResponses for Expiring {
    fn responses() -> Answers {
        refusals(&[Kind::CursorExpired])
    }
}

impl IntoResponses for Ranged {
    fn responses() -> Answers {
        refusals(&[Kind::RangeNotSatisfiable])
    }
}
