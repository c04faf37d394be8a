//! What a request brings: who calls, the values in its path, the values of its query string, and its JSON.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::envelope::ApiError;
use crate::app::App;
use crate::chat::{Cx, page};
use crate::error::{Error, Result};
use crate::http::{authorization, body, query};
use crate::id::{MessageId, NOT_AN_ID};

/// Who calls, by the token in `Authorization`.
pub(super) struct Caller(pub Cx);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let token = authorization::token(&parts.headers);
        let token = token.ok_or_else(|| Error::unauthenticated("A token is needed"))?;
        Ok(Self(app.authenticate(token).await?))
    }
}

/// The one value in the path of an endpoint, decoded.
pub(super) struct PathParam<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathParam<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let [value] = path_values(parts, state).await?;
        Ok(Self(parse(&value)?))
    }
}

/// The two values in the path of an endpoint, decoded, in their order.
pub(super) struct PathParams<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathParams<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let [first, second] = path_values(parts, state).await?;
        Ok(Self(parse(&first)?, parse(&second)?))
    }
}

async fn path_values<const N: usize>(parts: &mut Parts, state: &(impl Send + Sync)) -> Result<[String; N]> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params = params.map_err(|_| Error::bad_request("The path is not UTF-8"))?;
    let values = params.iter().map(|(_, value)| value.to_owned()).collect::<Vec<_>>();
    values.try_into().map_err(|_| Error::internal_because("the path of the route has other values than its handler"))
}

/// All but ids takes any text.
fn parse<T: FromStr>(value: &str) -> Result<T> {
    value.parse().map_err(|_| Error::bad_request(NOT_AN_ID))
}

/// The values of the query string.
pub(super) struct QueryParams<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(query::parse(parts.uri.query().unwrap_or_default())?))
    }
}

/// How many entries: 50 where nothing is said; more than 100 are taken for 100.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Limit(i64);

impl Limit {
    /// # Errors
    /// Those of [`page::limit`].
    pub fn of(asked: Option<Self>) -> Result<u64> {
        page::limit(asked.map(|Self(asked)| asked))
    }
}

/// Of any size, and so of no format.
impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let about = format!("How many entries; more than {} are taken for {}", page::MAX_LIMIT, page::MAX_LIMIT);
        limit.default(Some(page::DEFAULT_LIMIT.into())).description(Some(about)).into()
    }
}

impl ToSchema for Limit {}

/// The id that a page of a list comes after; a zero stands for the beginning, before all ids.
#[derive(ToSchema)]
#[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
pub(super) struct AfterId(i64);

impl AfterId {
    pub fn get(&self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for AfterId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl de::Visitor<'_> for Number {
            type Value = AfterId;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str("0 or an id")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<AfterId, E> {
                let is_one = number == 0 || MessageId::new(number).is_some();
                is_one.then_some(AfterId(number)).ok_or_else(|| E::custom(NOT_AN_ID))
            }
        }

        deserializer.deserialize_any(Number)
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        Ok(Self(body::object_from_json(&bytes)?))
    }
}

/// A JSON body, as its bytes.
pub(super) struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        Ok(Self(body::read_json(request).await?))
    }
}

/// A JSON body that may be left out, or be null.
pub(super) struct MaybeBody<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let declared = body::must_be_json(request.headers());
        let bytes = body::read(request).await?;
        if body::is_absent(&bytes) {
            return Ok(Self(None));
        }
        declared?;
        Ok(Self(Some(body::object_from_json(&bytes)?)))
    }
}
