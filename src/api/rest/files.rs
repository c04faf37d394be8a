//! The endpoints of files.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::download::{Downloaded, download};
use super::envelope::{ApiError, ApiResult, CreatedResult, created, ok};
use super::form::{Form, Part};
use super::input::{Caller, PathParam, QueryParams};
use super::refusals::{Inside, MustBeThere, Ranged};
use crate::app::App;
use crate::chat::Cx;
use crate::chat::files::{self, Bytes, File, Place, Upload};
use crate::error::{Error, Result};
use crate::id::{ConversationId, FileId, NOT_AN_ID};

/// Bytes of a part that names a conversation, at most.
const MAX_ID_BYTES: usize = 32;

/// The form of an upload, as [`receive`] reads it.
#[derive(ToSchema)]
#[schema(as = UploadForm, rename_all = "camelCase")]
#[expect(dead_code, reason = "the reference shows it")]
pub(super) struct UploadForm {
    /// With a name. What it is, is told from its bytes.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    /// Where it will be sent; the limits of this conversation hold at once.
    #[schema(nullable = false)]
    conversation_id: Option<ConversationId>,
}

/// Upload a file
///
/// It is yours alone until you send it with a message.
#[utoipa::path(post, path = "/api/files", operation_id = "uploadFile", tag = "Files",
    request_body(content = UploadForm, content_type = "multipart/form-data"), responses(Inside))]
pub(super) async fn upload(Caller(cx): Caller, request: Request) -> CreatedResult<File> {
    files::may_upload(&cx).await?;
    let config = &cx.chat.config;
    let mut form = Form::open(request, config.chat.max_file_bytes(), config.peer_timeouts.upload).await?;
    created(receive(&cx, &mut form).await?)
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

/// What is known of a file
#[utoipa::path(get, path = "/api/files/{id}", operation_id = "getFile", tag = "Files",
    params(("id" = FileId, Path)), responses(MustBeThere))]
pub(super) async fn get(Caller(cx): Caller, PathParam(id): PathParam<FileId>) -> ApiResult<File> {
    ok(files::get(&cx, id).await?)
}

/// What a link to a file is signed with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkQuery {
    /// Of a signed link: such links open a file without a token.
    expires: Option<String>,
    /// Of a signed link.
    signature: Option<String>,
}

/// The bytes of a file
///
/// With a token, or by the signed link of its `url`.
#[utoipa::path(get, path = "/api/files/{id}/content", operation_id = "downloadFile", tag = "Files",
    params(("id" = FileId, Path), LinkQuery, RangeHeader), responses(MustBeThere, Ranged),
    security((), ("bearer" = [])))]
pub(super) async fn content(
    State(app): State<Arc<App>>,
    PathParam(id): PathParam<FileId>,
    QueryParams(link): QueryParams<LinkQuery>,
    request: Request,
) -> Result<Downloaded, ApiError> {
    let (bytes, headers) = open(&app, id, link, request, files::Part::Content).await?;
    Ok(download(&headers, bytes).await?)
}

/// A small picture of a file
///
/// With a token, or by the signed link of its `thumbnailUrl`.
#[utoipa::path(get, path = "/api/files/{id}/thumbnail", operation_id = "downloadThumbnail", tag = "Files",
    params(("id" = FileId, Path), LinkQuery, RangeHeader), responses(MustBeThere, Ranged),
    security((), ("bearer" = [])))]
pub(super) async fn thumbnail(
    State(app): State<Arc<App>>,
    PathParam(id): PathParam<FileId>,
    QueryParams(link): QueryParams<LinkQuery>,
    request: Request,
) -> Result<Downloaded, ApiError> {
    let (bytes, headers) = open(&app, id, link, request, files::Part::Thumbnail).await?;
    Ok(download(&headers, bytes).await?)
}

/// Which bytes; as [`download`] reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the reference shows it")]
pub(super) struct RangeHeader {
    /// One range. Several, or other units than bytes, are answered with the whole file.
    #[param(rename = "Range", example = "bytes=0-1023")]
    range: Option<String>,
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
