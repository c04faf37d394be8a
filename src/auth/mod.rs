//! Tokens: who somebody is, by the word of a JWT (contract §1). The only reader of tokens; a token is never logged.
//! It knows keys and claims, and neither users nor where on the wire a token stood.

mod jwks;
mod secret;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::config::Auth;
use crate::error::{Error, Result};
use jwks::Jwks;

pub use secret::make_private;

/// How far the clocks of two machines may lie apart, in seconds.
const LEEWAY: u64 = 30;
/// The longest token that is looked at, in bytes.
const TOKEN_BYTES: usize = 8 * 1024;
/// Ids lie below this, 2^53, so that a JavaScript number holds them.
const IDS_END: u64 = 1 << 53;
/// The last second that RFC 3339 can write, less the leeway: later expiries are taken for this one.
const LAST_EXP: u64 = 253_402_300_799 - LEEWAY;

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The user's id, from 1 to 2^53 - 1.
    pub user: i64,
    /// The display name as the token has it, not cleaned.
    pub name: Option<String>,
    /// The address of the avatar as the token has it, not checked.
    pub picture: Option<String>,
    /// Whether `roles` holds `admin`.
    pub admin: bool,
    /// When a live connection must end: the token's `exp` plus the leeway of 30 s. In the future when this is made,
    /// and not after the year 9999.
    pub expires: DateTime<Utc>,
}

/// The keys and rules that tokens are checked by, made once at the start.
pub struct Tokens {
    keys: Keys,
    rules: Validation,
    issuer: Option<String>,
    audience: Option<String>,
}

enum Keys {
    Secret { check: DecodingKey, sign: EncodingKey },
    Jwks(Jwks),
}

impl Tokens {
    /// Gets the keys that `auth` names. Without any, the secret in `jwt.secret` of the data folder, which is made on
    /// first start. An identity provider that does not answer is no error: until it does, all tokens are refused.
    ///
    /// # Errors
    /// When a file of keys, or the file of the secret, cannot be read, made or used.
    pub async fn open(auth: &Auth, data_dir: &Path) -> anyhow::Result<Tokens> {
        let keys = match (&auth.jwt_secret, &auth.jwks) {
            (Some(_), Some(_)) => bail!("auth.jwks and auth.jwt_secret exclude each other, set one of them"),
            (Some(secret), None) => Keys::secret(secret.as_bytes())?,
            (None, Some(source)) => Keys::Jwks(Jwks::open(source).await?),
            (None, None) => Keys::secret(&secret::open(data_dir).await?)?,
        };
        Ok(Tokens { keys, rules: rules(auth), issuer: auth.issuer.clone(), audience: auth.audience.clone() })
    }

    /// What `token` says, if it is signed with one of the keys, is valid now and is meant for this server. May wait up
    /// to 5 s for an identity provider when the token names a key that is not known yet.
    ///
    /// # Errors
    /// Always `Unauthenticated`, with a sentence that tells an expired token from a bad one.
    pub async fn verify(&self, token: &str) -> Result<Claims> {
        if token.is_empty() {
            return Err(Error::unauthenticated("A token is needed"));
        }
        if token.len() > TOKEN_BYTES {
            return Err(invalid());
        }
        // Of the header, only `kid` is used. Extensions that must be understood (`crit`) are not.
        let header = decode_header(token).map_err(|_| invalid())?;
        if header.crit.is_some() {
            return Err(invalid());
        }
        match &self.keys {
            Keys::Secret { check, .. } => self.read(token, check, Algorithm::HS256),
            Keys::Jwks(jwks) => match jwks.find(header.kid.as_deref()).await {
                Some(key) => self.read(token, &key.check, key.algorithm),
                None if !jwks.is_loaded() => Err(Error::unauthenticated(
                    "The keys that tokens are checked with are not there yet, try again soon",
                )),
                None => Err(invalid()),
            },
        }
    }

    /// A token for `user` that ends after `ttl`, signed with the server's own secret.
    ///
    /// # Errors
    /// When the keys are those of an identity provider, since only that can sign, and for an id that no user can have.
    pub fn issue(&self, user: i64, name: Option<&str>, admin: bool, ttl: Duration) -> anyhow::Result<String> {
        let Keys::Secret { sign, .. } = &self.keys else {
            bail!("Tokens come from the identity provider of auth.jwks, this server has no key to sign with");
        };
        let is_id = u64::try_from(user).is_ok_and(|user| (1..IDS_END).contains(&user));
        ensure!(is_id, "A user id is a whole number from 1 to {}", IDS_END - 1);
        let now = u64::try_from(Utc::now().timestamp()).context("The clock of this machine is before 1970")?;

        let mut claims = Map::new();
        claims.insert("sub".to_owned(), user.to_string().into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), now.saturating_add(ttl.as_secs()).min(LAST_EXP).into());
        let texts = [("name", name), ("iss", self.issuer.as_deref()), ("aud", self.audience.as_deref())];
        claims.extend(texts.into_iter().filter_map(|(claim, text)| Some((claim.to_owned(), text?.into()))));
        if admin {
            claims.insert("roles".to_owned(), vec!["admin"].into());
        }
        encode(&Header::new(Algorithm::HS256), &claims, sign).context("The token cannot be signed")
    }

    /// Checks the signature and the claims, by the algorithm of the key and no other.
    fn read(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims> {
        let rules = Validation { algorithms: vec![algorithm], ..self.rules.clone() };
        let raw = decode::<RawClaims>(token, key, &rules).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => expired(),
            ErrorKind::ImmatureSignature => Error::unauthenticated("The token is not valid yet"),
            _ => invalid(),
        })?;
        raw.claims.check()
    }
}

/// The token of an `Authorization` header: what follows the scheme `Bearer`, in whatever case, if it is one word.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim_matches(' ').split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && is_word(token)).then_some(token)
}

/// The token that a query string names `token`, decoded: all that a browser can set on a socket.
pub fn in_query(query: &str) -> Option<String> {
    let (_, token) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == "token")?;
    let token = percent_encoding::percent_decode_str(token).decode_utf8().ok()?;
    Some(token.into_owned()).filter(|token| !token.is_empty())
}

/// The token of a place that takes it with or without `Bearer` before it, such as the payload of `connection_init`.
pub fn bearer_or_bare(text: &str) -> Option<&str> {
    let bare = text.trim_matches(' ');
    bearer(text).or_else(|| (is_word(bare) && !bare.eq_ignore_ascii_case("Bearer")).then_some(bare))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Keys {
    fn secret(secret: &[u8]) -> anyhow::Result<Keys> {
        ensure!(secret.len() >= secret::LEAST_BYTES, "auth.jwt_secret must be {} bytes or longer", secret::LEAST_BYTES);
        Ok(Keys::Secret { check: DecodingKey::from_secret(secret), sign: EncodingKey::from_secret(secret) })
    }
}

/// The library's rules, where its defaults are too mild: it skips `nbf`, and `iss` and `aud` where they are missing.
fn rules(auth: &Auth) -> Validation {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.leeway = LEEWAY;
    rules.validate_nbf = true;
    rules.validate_aud = auth.audience.is_some();
    if let Some(issuer) = &auth.issuer {
        rules.set_issuer(&[issuer]);
        rules.required_spec_claims.insert("iss".to_owned());
    }
    if let Some(audience) = &auth.audience {
        rules.set_audience(&[audience]);
        rules.required_spec_claims.insert("aud".to_owned());
    }
    rules
}

/// The claims as they stand. Those that decide anything must have their type, those for show are left out if they do not.
#[derive(Deserialize)]
struct RawClaims {
    sub: Value,
    exp: Number,
    #[serde(rename = "nbf")]
    _nbf: Option<Number>,
    #[serde(rename = "iss")]
    _iss: Option<String>,
    #[serde(rename = "aud")]
    _aud: Option<Audience>,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    picture: Value,
    #[serde(default)]
    roles: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(#[expect(dead_code, reason = "only its type counts")] String),
    Many(#[expect(dead_code, reason = "only its type counts")] Vec<String>),
}

impl RawClaims {
    fn check(self) -> Result<Claims> {
        let user = user_id(&self.sub).ok_or_else(invalid)?;
        let expires = end(&self.exp).ok_or_else(invalid)?;
        // The library counts whole seconds; here the end is exact, so that no connection begins after its own end.
        if expires <= Utc::now() {
            return Err(expired());
        }
        let admin = self.roles.as_array().is_some_and(|roles| roles.iter().any(|role| role == "admin"));
        Ok(Claims { user, name: text(self.name), picture: text(self.picture), admin, expires })
    }
}

/// The id in `sub`: a JSON integer, or a string of ASCII digits as the integer would be written.
fn user_id(sub: &Value) -> Option<i64> {
    let id = match sub {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0') => {
            text.parse().ok()?
        }
        _ => return None,
    };
    i64::try_from(id).ok().filter(|_| (1..IDS_END).contains(&id))
}

/// The end of a connection whose token expires at `exp`, which may have fractions and may lie far away.
fn end(exp: &Number) -> Option<DateTime<Utc>> {
    // Casting a float saturates, and what is negative has been refused by the rules.
    let seconds = exp.as_u64().or_else(|| exp.as_f64().map(|exp| exp.round() as u64))?;
    DateTime::from_timestamp(i64::try_from(seconds.min(LAST_EXP) + LEEWAY).ok()?, 0)
}

fn text(claim: Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn invalid() -> Error {
    Error::unauthenticated("The token is not valid")
}

fn expired() -> Error {
    Error::unauthenticated("The token has expired")
}
