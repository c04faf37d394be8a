//! What a request brings: who calls, the names in its path, the values of its query string, and its JSON.

use std::num::IntErrorKind;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::envelope::Refusal;
use crate::app::App;
use crate::auth::bearer;
use crate::chat::Cx;
use crate::error::{Error, Result};
use crate::http::body;
use crate::id::{Id, NOT_AN_ID};

/// Who calls, by the token in `Authorization`.
pub(super) struct Caller(pub Cx);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let token = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        let token = token.ok_or_else(|| Error::unauthenticated("A token is needed"))?;
        Ok(Self(app.authenticate(token).await?))
    }
}

/// The names in the path, decoded.
pub(super) struct Names(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Names {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Error::bad_request("The path is not UTF-8"))?;
        Ok(Self(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

impl Names {
    pub fn text(&self, name: &str) -> Result<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.ok_or_else(Error::internal)
    }

    /// # Errors
    /// `BadRequest` for what is no id.
    pub fn id<K>(&self, name: &str) -> Result<Id<K>> {
        self.text(name)?.parse().map_err(|_| Error::bad_request(NOT_AN_ID))
    }
}

/// The values of the query string, decoded.
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        Ok(Self(pairs.collect::<Result<_>>()?))
    }
}

fn decode(text: &str) -> Result<String> {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| Error::bad_request("The query string is not UTF-8"))
}

impl Params {
    /// The value of this name; given twice it is refused, since one of the two would be ignored.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            _ => Err(Error::bad_request(format!("{name} was given more than once"))),
        }
    }

    /// A number that is too large to be kept is taken for the largest one.
    ///
    /// # Errors
    /// `BadRequest` for what is no whole number, empty values included.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        let number = |text: &str| match i64::from_str(text) {
            Ok(number) => Ok(number),
            Err(cause) if *cause.kind() == IntErrorKind::PosOverflow => Ok(i64::MAX),
            Err(_) => Err(Error::bad_request(format!("{name} must be a whole number"))),
        };
        self.text(name)?.map(number).transpose()
    }

    /// # Errors
    /// `BadRequest` for what is no id.
    pub fn id<K>(&self, name: &str) -> Result<Option<Id<K>>> {
        let id = |text: &str| text.parse().map_err(|_| Error::bad_request(format!("{name}: {NOT_AN_ID}")));
        self.text(name)?.map(id).transpose()
    }

    /// # Errors
    /// `BadRequest` for anything but `true` and `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.text(name)? {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(Error::bad_request(format!("{name} must be true or false"))),
        }
    }

    /// How many entries.
    ///
    /// # Errors
    /// `BadRequest` for less than 1 or no number.
    pub fn limit(&self) -> Result<u64> {
        crate::chat::page::limit(self.number("limit")?)
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let Unread(bytes) = Unread::from_request(request, state).await?;
        Ok(Self(body::object_from_json(&bytes)?))
    }
}

/// A JSON body that is not read yet.
pub(super) struct Unread(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Unread {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        body::must_be_json(request.headers())?;
        Ok(Self(body::read(request, body::LARGEST).await?))
    }
}

/// A JSON body that may be left out.
pub(super) struct MaybeBody<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let declared = body::must_be_json(request.headers());
        let bytes = body::read(request, body::LARGEST).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        declared?;
        Ok(Self(Some(body::object_from_json(&bytes)?)))
    }
}
