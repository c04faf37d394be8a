//! The endpoints of files.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use serde::Deserialize;

use super::download::download;
use super::envelope::{ApiError, ApiResult, created, ok};
use super::form::{Form, Part};
use super::input::{Caller, PathParam, QueryParams};
use crate::app::App;
use crate::chat::Cx;
use crate::chat::files::{self, Bytes, File, Place, Upload};
use crate::error::{Error, Result};
use crate::id::{FileId, NOT_AN_ID};

/// Bytes of a part that names a conversation, at most.
const MAX_ID_BYTES: usize = 32;

pub(super) async fn upload(Caller(cx): Caller, request: Request) -> ApiResult<File> {
    files::may_upload(&cx).await?;
    let config = &cx.chat.config;
    let mut form = Form::open(request, config.chat.max_file_bytes(), config.peer_timeouts.upload).await?;
    created(receive(&cx, &mut form).await?, true)
}

/// Reads the parts in whatever order they come. Unknown ones are ignored.
async fn receive(cx: &Cx, form: &mut Form) -> Result<File> {
    let mut place: Option<Place> = None;
    let mut upload: Option<Upload> = None;
    while let Some(part) = form.next().await? {
        match part.name() {
            "file" if upload.is_some() => return Err(Error::bad_request("A form takes one file")),
            "file" => upload = Some(take(cx, place.as_ref(), part).await?),
            "conversationId" if place.is_some() => {
                return Err(Error::bad_request("conversationId was given more than once"));
            }
            "conversationId" => {
                let id = part.text(MAX_ID_BYTES).await?.parse();
                place = Some(files::place(cx, id.map_err(|_| Error::bad_request(NOT_AN_ID))?).await?);
            }
            _ => {}
        }
    }
    let upload = upload.ok_or_else(|| Error::bad_request("The part file is missing"))?;
    upload.finish(place.as_ref()).await
}

async fn take(cx: &Cx, place: Option<&Place>, mut part: Part<'_>) -> Result<Upload> {
    let name = part.file_name().ok_or_else(|| Error::bad_request("The part file must be a file with a name"))?;
    let mut upload = Upload::new(cx, place, name, part.content_type().map(str::to_owned))?;
    while let Some(piece) = part.piece().await? {
        upload.write(&piece).await?;
    }
    Ok(upload)
}

pub(super) async fn get(Caller(cx): Caller, PathParam(id): PathParam<FileId>) -> ApiResult<File> {
    ok(files::get(&cx, id).await?)
}

/// What a link to a file is signed with.
#[derive(Deserialize)]
pub(super) struct LinkQuery {
    expires: Option<String>,
    signature: Option<String>,
}

pub(super) async fn content(
    State(app): State<Arc<App>>,
    PathParam(id): PathParam<FileId>,
    QueryParams(link): QueryParams<LinkQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let (bytes, headers) = open(&app, id, link, request, files::Part::Content).await?;
    Ok(download(&headers, bytes).await?)
}

pub(super) async fn thumbnail(
    State(app): State<Arc<App>>,
    PathParam(id): PathParam<FileId>,
    QueryParams(link): QueryParams<LinkQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let (bytes, headers) = open(&app, id, link, request, files::Part::Thumbnail).await?;
    Ok(download(&headers, bytes).await?)
}

/// By the link, if there is one that is valid; by the caller's token otherwise. A link that is not valid, alone, finds
/// nothing.
async fn open(
    app: &Arc<App>,
    id: FileId,
    link: LinkQuery,
    request: Request,
    part: files::Part,
) -> Result<(Bytes, HeaderMap), ApiError> {
    let (mut head, _) = request.into_parts();
    if let Some((expires, signature)) = link.expires.zip(link.signature) {
        match files::follow(&app.chat, id, part, &expires, &signature).await {
            Err(_) if head.headers.contains_key(AUTHORIZATION) => {}
            followed => return Ok((followed?, head.headers)),
        }
    }
    let Caller(cx) = Caller::from_request_parts(&mut head, app).await?;
    Ok((files::open(&cx, id, part).await?, head.headers))
}
