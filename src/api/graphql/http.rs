//! GraphQL over HTTP, by our own handler: mutations by POST and JSON only, bounded bodies and batches, and the status
//! that each media type wants (protocol §6).

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_KEY, UPGRADE, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use sockjs::{WebSocketUpgrade, WebSocketUpgradeRejection};

use super::accept::{Accepted, Media, accepted};
use super::budget::Budget;
use super::door::Door;
use super::guard::Cost;
use super::operation::{CheckedOperation, Operation};
use super::{error, graphiql, sse, websocket};
use crate::chat::Cx;
use crate::connection::SessionLog;
use crate::error::{Error, Kind, Result};
use crate::http::accept::accepts;
use crate::http::error::status;
use crate::http::{access, authorization, body, query};

/// How a single operation is asked for.
struct Asked {
    accepted: Accepted,
    by_post: bool,
    heard: Option<String>,
    log: SessionLog,
}

/// Handles everything that comes to `/graphql`.
pub(super) async fn handle(State(door): State<Arc<Door>>, request: Request) -> Response {
    if is_websocket_handshake(&request) {
        let (mut parts, _) = request.into_parts();
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => websocket::accept(door, &parts, upgrade),
            Err(rejection) => error_response(&no_handshake(rejection), Media::Response),
        };
    }
    let wants_page = [Method::GET, Method::HEAD].contains(request.method()) && accepts(request.headers(), "text/html");
    let has_query = request.uri().query().is_some_and(|query| query.contains("query="));
    if wants_page && !has_query && door.app.config.graphql.graphiql {
        return graphiql::page(request.headers());
    }
    let accepted = match accepted(request.headers()) {
        Ok(accepted) => accepted,
        Err(error) => return error_response(&error, Media::Response),
    };
    match respond(&door, request, accepted).await {
        Ok(response) => response,
        Err(error) => error_response(&error, accepted.media),
    }
}

/// Whether it is a handshake, or was one before a proxy passed it on. Some clients offer other protocols with every request,
/// `h2c` for one.
fn is_websocket_handshake(request: &Request) -> bool {
    let headers = request.headers();
    let offered = headers.get(UPGRADE).and_then(|offered| offered.to_str().ok()).unwrap_or_default();
    let has_key = request.method() == Method::GET && headers.contains_key(SEC_WEBSOCKET_KEY);
    has_key || offered.split(',').any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

fn no_handshake(rejection: WebSocketUpgradeRejection) -> Error {
    match rejection.status() {
        StatusCode::UPGRADE_REQUIRED => Error::new(Kind::UpgradeRequired, rejection.sentence()),
        _ => Error::bad_request("The WebSocket handshake is malformed"),
    }
}

async fn respond(door: &Arc<Door>, request: Request, accepted: Accepted) -> Result<Response> {
    let method = request.method().clone();
    if ![Method::GET, Method::HEAD, Method::POST].contains(&method) {
        return Err(Error::new(Kind::MethodNotAllowed, "GraphQL takes GET and POST"));
    }
    let cx = authenticate(door, request.headers()).await?;
    let log = SessionLog::new(door.app.config.log.access, "graphql-sse", request.extensions());
    let asked = Asked { accepted, by_post: method == Method::POST, heard: last_event_id(request.headers()), log };
    if method != Method::POST {
        let operation = from_query(request.uri().query().unwrap_or_default())?;
        return execute_one(door, cx, operation, asked).await;
    }
    let bytes = body::read_json(request).await?;
    if !body::is_list(&bytes) {
        return execute_one(door, cx, body::from_json(&bytes)?, asked).await;
    }
    let operations: Vec<Operation> = body::from_json(&bytes)?;
    execute_batch(door, cx, operations, accepted.media).await
}

/// The caller, by the token in the header.
async fn authenticate(door: &Door, headers: &HeaderMap) -> Result<Cx> {
    let token = authorization::token(headers);
    door.app.authenticate(token.ok_or_else(|| Error::unauthenticated("A token is needed"))?).await
}

/// The id of the last event that the client heard before its stream was interrupted.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("last-event-id").and_then(|id| id.to_str().ok())?;
    Some(id.trim()).filter(|id| !id.is_empty()).map(str::to_owned)
}

async fn execute_one(door: &Arc<Door>, cx: Cx, operation: Operation, asked: Asked) -> Result<Response> {
    let Asked { accepted: Accepted { media, events }, by_post, heard, log } = asked;
    let checked = match door.check(operation) {
        Ok(checked) => checked,
        // Its clients look for this answer, whatever media type they take, and send the text then.
        Err(refused) if refused.kind == Kind::PersistedQueryNotSupported => return Ok(error_response(&refused, media)),
        Err(refused) => return Ok(executed_response(&error::response(&refused), media)),
    };
    note_name(&checked);
    match checked.kind {
        OperationType::Mutation if !by_post => Err(Error::new(Kind::MethodNotAllowed, "Mutations go by POST")),
        OperationType::Subscription if events => Ok(sse::respond(door, cx, checked, heard, log).await),
        OperationType::Subscription => {
            Err(Error::new(Kind::NotAcceptable, "Subscriptions go over WebSocket or with Accept: text/event-stream"))
        }
        _ if media == Media::Events => Ok(sse::respond(door, cx, checked, None, log).await),
        _ => Ok(executed_response(&door.execute(&cx, &checked, &Budget::default()).await, media)),
    }
}

/// A batch is answered in its order; its operations run one after the other, and together ask for no more than one may.
async fn execute_batch(door: &Arc<Door>, cx: Cx, operations: Vec<Operation>, media: Media) -> Result<Response> {
    let most = door.app.config.graphql.max_batch;
    if operations.is_empty() || operations.len() > most {
        return Err(Error::bad_request(format!("A batch has 1 to {most} operations")));
    }
    if media == Media::Events {
        return Err(Error::new(Kind::NotAcceptable, "A batch cannot be answered as events"));
    }
    let checked: Vec<_> = operations.into_iter().map(|operation| door.check(operation)).collect();
    checked.iter().flatten().fold(Cost::default(), |sum, checked| sum.and(checked.cost)).check()?;
    checked.iter().flatten().for_each(note_name);
    let budget = Budget::default();
    let mut answers = Vec::with_capacity(checked.len());
    for checked in checked {
        answers.push(match checked {
            Ok(checked) if checked.kind == OperationType::Subscription => {
                error::response(&Error::new(Kind::NotAcceptable, "A batch takes no subscriptions"))
            }
            Ok(checked) => door.execute(&cx, &checked, &budget).await,
            Err(refused) => error::response(&refused),
        });
    }
    Ok(json(StatusCode::OK, media, error::all_bytes(&answers)))
}

/// Notes the name of an operation, if it has one, for the access log.
fn note_name(checked: &CheckedOperation) {
    if let Some(name) = checked.name() {
        access::note_operation(name);
    }
}

fn from_query(query: &str) -> Result<Operation> {
    let mut operation = Operation::default();
    for pair in query::pairs(query) {
        let (name, Some(value)) = pair? else { continue };
        match name.as_str() {
            "query" => operation.query = value,
            "operationName" => operation.operation_name = Some(value),
            "variables" if !value.is_empty() => operation.variables = parameter(&name, &value)?,
            "extensions" if !value.is_empty() => operation.extensions = parameter(&name, &value)?,
            _ => {}
        }
    }
    Ok(operation)
}

/// JSON in a query string.
fn parameter<T: DeserializeOwned>(name: &str, value: &str) -> Result<T> {
    serde_json::from_str(value).map_err(|_| Error::bad_request(format!("The parameter {name} is not a JSON object")))
}

/// The response to an operation that was executed, or that the guard refused: for `application/json` 200 either way.
fn executed_response(answer: &async_graphql::Response, media: Media) -> Response {
    let refused = error::is_refusal(answer);
    let status = if refused && media != Media::Json { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    json(status, media, error::bytes(answer))
}

/// The response to a request that is not a well-formed one of GraphQL.
fn error_response(error: &Error, media: Media) -> Response {
    let mut response = json(status(error.kind), media, error::bytes(&error::response(error)));
    let headers = response.headers_mut();
    match error.kind {
        Kind::Unauthenticated => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Kind::MethodNotAllowed => {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        Kind::UpgradeRequired => {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        _ => {}
    }
    response
}

fn json(status: StatusCode, media: Media, bytes: serde_json::Result<Vec<u8>>) -> Response {
    let kind = match media {
        Media::Json => "application/json",
        Media::Response | Media::Events => "application/graphql-response+json",
    };
    let kind = format!("{kind}; charset=utf-8");
    let headers = [(CACHE_CONTROL, "no-store"), (VARY, "Accept, Authorization")];
    match bytes {
        Ok(bytes) => (status, [(CONTENT_TYPE, kind)], headers, bytes).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
