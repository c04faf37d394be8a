//! GraphQL over HTTP, by our own handler: mutations by POST and JSON only, bounded bodies and batches, and the status
//! that each media type wants (contract §6).

use std::sync::Arc;

use async_graphql::Response as Answer;
use async_graphql::parser::types::OperationType;
use axum::extract::{FromRequestParts, Request, State, WebSocketUpgrade};
use axum::http::header::{ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, UPGRADE, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;

use super::{Checked, Door, Operation, error, graphiql, sse, websocket};
use crate::answer::status;
use crate::auth::bearer;
use crate::body;
use crate::chat::Cx;
use crate::error::{Error, Kind, Result};

/// What the caller can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    /// `application/graphql-response+json`: the status tells how it went. Also for callers that take anything.
    Response,
    /// `application/json`, for clients of an older day: 200 for whatever was well formed.
    Json,
    /// `text/event-stream`.
    Events,
}

/// Everything that comes to `/graphql`.
pub(super) async fn entry(State(door): State<Arc<Door>>, request: Request) -> Response {
    if request.headers().contains_key(UPGRADE) {
        let (mut parts, _) = request.into_parts();
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => websocket::accept(door, &parts, upgrade),
            Err(refused) => refused.into_response(),
        };
    }
    let wants_page = request.method() == Method::GET && accepts(request.headers(), "text/html");
    let has_query = request.uri().query().is_some_and(|query| query.contains("query="));
    if wants_page && !has_query && door.app.config.graphql.graphiql {
        return graphiql::page();
    }
    let media = match media(request.headers()) {
        Ok(media) => media,
        Err(error) => return refuse(&error, Media::Response),
    };
    match answer(&door, request, media).await {
        Ok(response) => response,
        Err(error) => refuse(&error, media),
    }
}

async fn answer(door: &Arc<Door>, request: Request, media: Media) -> Result<Response> {
    let method = request.method().clone();
    if ![Method::GET, Method::HEAD, Method::POST].contains(&method) {
        return Err(Error::new(Kind::MethodNotAllowed, "GraphQL takes GET and POST"));
    }
    let cx = viewer(door, request.headers()).await?;
    if method != Method::POST {
        let checked = door.check(from_query(request.uri().query().unwrap_or_default())?)?;
        if checked.kind == OperationType::Mutation {
            return Err(Error::new(Kind::MethodNotAllowed, "Mutations go by POST"));
        }
        return one(door, cx, checked, media).await;
    }
    body::must_be_json(request.headers())?;
    let bytes = body::read(request, body::LARGEST).await?;
    if !bytes.trim_ascii_start().starts_with(b"[") {
        return one(door, cx, door.check(body::from_json(&bytes)?)?, media).await;
    }
    let operations: Vec<Operation> = body::from_json(&bytes)?;
    batch(door, cx, operations, media).await
}

/// Who calls.
async fn viewer(door: &Door, headers: &HeaderMap) -> Result<Cx> {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    door.app.authenticate(token.ok_or_else(|| Error::unauthenticated("A token is needed"))?).await
}

async fn one(door: &Arc<Door>, cx: Cx, checked: Checked, media: Media) -> Result<Response> {
    match (media, checked.kind) {
        (Media::Events, _) => Ok(sse::stream(door, cx, checked).await),
        (_, OperationType::Subscription) => {
            Err(Error::new(Kind::NotAcceptable, "Subscriptions go over WebSocket or with Accept: text/event-stream"))
        }
        _ => Ok(written(&error::dress(door.schema.execute(checked.request(&cx)).await), media)),
    }
}

/// A batch is answered in its order; its operations run one after the other.
async fn batch(door: &Arc<Door>, cx: Cx, operations: Vec<Operation>, media: Media) -> Result<Response> {
    let most = door.app.config.graphql.max_batch;
    if operations.is_empty() || operations.len() > most {
        return Err(Error::bad_request(format!("A batch has 1 to {most} operations")));
    }
    if media == Media::Events {
        return Err(Error::new(Kind::NotAcceptable, "A batch cannot be answered as events"));
    }
    let mut answers = Vec::with_capacity(operations.len());
    for operation in operations {
        answers.push(match door.check(operation) {
            Ok(checked) if checked.kind == OperationType::Subscription => {
                error::response(&Error::new(Kind::NotAcceptable, "A batch takes no subscriptions"))
            }
            Ok(checked) => error::dress(door.schema.execute(checked.request(&cx)).await),
            Err(refused) => error::response(&refused),
        });
    }
    Ok(json(StatusCode::OK, media, serde_json::to_vec(&answers)))
}

fn from_query(query: &str) -> Result<Operation> {
    let mut operation = Operation::default();
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned);
        decoded.map_err(|_| Error::bad_request("The query string is not UTF-8"))
    };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = decode(value)?;
        match name {
            "query" => operation.query = value,
            "operationName" => operation.operation_name = Some(value),
            "variables" if !value.is_empty() => operation.variables = body::from_json(value.as_bytes())?,
            "extensions" if !value.is_empty() => {
                operation.extensions = Some(body::from_json::<Json>(value.as_bytes())?)
            }
            _ => {}
        }
    }
    Ok(operation)
}

/// What the caller accepts, in our order of liking.
fn media(headers: &HeaderMap) -> Result<Media> {
    const LIKING: [(&str, Media); 5] = [
        ("text/event-stream", Media::Events),
        ("application/graphql-response+json", Media::Response),
        ("application/json", Media::Json),
        ("application/*", Media::Response),
        ("*/*", Media::Response),
    ];
    if !headers.contains_key(ACCEPT) {
        return Ok(Media::Response);
    }
    let liked = LIKING.iter().find(|(kind, _)| accepts(headers, kind)).map(|(_, media)| *media);
    liked.ok_or_else(|| Error::new(Kind::NotAcceptable, "GraphQL answers with application/graphql-response+json"))
}

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let lists = headers.get_all(ACCEPT).iter().filter_map(|list| list.to_str().ok());
    let mut kinds = lists.flat_map(|list| list.split(',')).filter(|kind| !kind.replace(' ', "").contains(";q=0,"));
    kinds.any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
}

/// A response that was executed, or refused by the engine's validation.
fn written(answer: &Answer, media: Media) -> Response {
    // The engine leaves the data null where it refused to run at all.
    let refused = answer.data == async_graphql::Value::Null && answer.errors.iter().any(|error| error.path.is_empty());
    let status = if refused && media == Media::Response { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    json(status, media, serde_json::to_vec(answer))
}

/// A request that was not executed.
fn refuse(error: &Error, media: Media) -> Response {
    let well_formed = error.kind == Kind::BadRequest && media == Media::Json;
    let code = if well_formed { StatusCode::OK } else { status(error.kind) };
    let mut response = json(code, media, serde_json::to_vec(&error::response(error)));
    let headers = response.headers_mut();
    match error.kind {
        Kind::Unauthenticated => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Kind::MethodNotAllowed => {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
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
