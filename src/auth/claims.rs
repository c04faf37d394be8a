//! What a token says: the claims as they stand in it, and what they come to. It knows no key.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use super::refusal::Refusal;
use crate::config::{Auth, UserIds};
use crate::entity::clock;
use crate::id;

/// How far the clocks of two machines may lie apart, in seconds.
pub(super) const LEEWAY_SECONDS: u64 = 30;
/// Ids lie below this, 2^53, so that a JavaScript number holds them.
pub(super) const USER_ID_END: u64 = 1 << 53;
/// The last second that RFC 3339 can write, less the leeway: later expiries are taken for this one.
pub(super) const MAX_EXP_SECONDS: u64 = 253_402_300_799 - LEEWAY_SECONDS;

/// Whom a token speaks for: a user by number, or whom the host application knows by a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The user's id, from 1 to 2^53 - 1.
    Number(i64),
    /// 1 to 255 bytes without control characters.
    Text(String),
}

impl From<i64> for Subject {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// What a valid token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub user: Subject,
    /// The display name as the token has it, not cleaned.
    pub name: Option<String>,
    /// The address of the avatar as the token has it, not checked.
    pub picture: Option<String>,
    /// Whether they are an administrator of the server.
    pub admin: bool,
    /// When the token was issued (`iat`), if it says so.
    pub issued: Option<DateTime<Utc>>,
    /// When a live connection must end: the token's `exp` plus the leeway of 30 s. In the future when this is made,
    /// and not after the year 9999.
    pub expires: DateTime<Utc>,
}

/// Which claims tell what, by the settings.
pub(super) struct ClaimNames {
    pub(super) user: String,
    user_ids: UserIds,
    /// The first of these that is there.
    pub(super) name: Vec<String>,
    picture: String,
    pub(super) roles: String,
    pub(super) admin_role: String,
}

impl ClaimNames {
    pub(super) fn new(auth: &Auth) -> Self {
        Self {
            user: auth.user_claim.clone(),
            user_ids: auth.user_ids,
            name: auth.name_claim.clone(),
            picture: auth.picture_claim.clone(),
            roles: auth.roles_claim.clone(),
            admin_role: auth.admin_role.clone(),
        }
    }

    fn subject(&self, claims: &Map<String, Value>) -> Result<Subject, Refusal> {
        let claim = find(claims, &self.user).filter(|user| !user.is_null()).ok_or(Refusal::NoUser)?;
        match self.user_ids {
            UserIds::Number => user_id(claim).map(Subject::Number).ok_or(Refusal::UserForm),
            UserIds::Text => user_text(claim).map(Subject::Text).ok_or(Refusal::UserText),
        }
    }

    /// Whether the roles hold that of an administrator: a list of them; in another claim than `roles` also a text of words,
    /// as a scope is, or `true`.
    fn make_admin(&self, claims: &Map<String, Value>) -> bool {
        let is_own = self.roles != "roles";
        match find(claims, &self.roles) {
            Some(Value::Array(roles)) => roles.iter().any(|role| *role == *self.admin_role),
            Some(Value::String(words)) if is_own => words.split_whitespace().any(|word| word == self.admin_role),
            Some(Value::Bool(is_admin)) => is_own && *is_admin,
            _ => false,
        }
    }
}

/// The claims as they stand, each of them once.
pub(super) struct RawClaims(Map<String, Value>);

impl RawClaims {
    /// What the claims come to, by the rules of this server: the library says of most that break them only that they do.
    ///
    /// # Errors
    /// An expiry that is missing, is no number or is over; a user that is missing or no id; an `iss` or `aud` that is no
    /// text; an `nbf` that is no number.
    pub(super) fn check(&self, names: &ClaimNames) -> Result<Claims, Refusal> {
        let claims = &self.0;
        let claim = |name: &str| claims.get(name).filter(|value| !value.is_null());
        let exp = match claim("exp") {
            None => return Err(Refusal::NoExpiry),
            Some(Value::Number(exp)) => exp,
            Some(_) => return Err(Refusal::ExpiryForm),
        };
        let expires = connection_end(exp).ok_or(Refusal::ExpiryForm)?;
        // The library counts whole seconds; here the end is exact, so that no connection begins after its own end.
        if expires <= clock::now() {
            return Err(Refusal::Expired);
        }
        // The library passes over what is no number.
        if !claim("nbf").is_none_or(Value::is_number) {
            return Err(Refusal::Malformed);
        }
        if !claim("iss").is_none_or(Value::is_string) {
            return Err(Refusal::Issuer);
        }
        let are_texts = |aud: &Value| aud.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        if !claim("aud").is_none_or(|aud| aud.is_string() || are_texts(aud)) {
            return Err(Refusal::Audience);
        }
        let user = names.subject(claims)?;
        let text = |name: &String| Some(find(claims, name)?.as_str()?.to_owned());
        let name = names.name.iter().filter_map(text).find(|name| !name.trim().is_empty());
        let issued =
            claim("iat").and_then(Value::as_f64).and_then(|at| DateTime::from_timestamp_millis((at * 1e3) as i64));
        let (picture, admin) = (text(&names.picture), names.make_admin(claims));
        Ok(Claims { user, name, picture, admin, issued, expires })
    }
}

/// The claim of that name, or else the one at that path, whose steps are parted by dots: a name may hold dots itself.
fn find<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    let below = |(at, _): (usize, &str)| find(claims.get(&path[..at])?.as_object()?, &path[at + 1..]);
    claims.get(path).or_else(|| path.match_indices('.').find_map(below))
}

impl<'de> Deserialize<'de> for RawClaims {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(EachOnce).map(Self)
    }
}

/// Reads an object and refuses a name that stands there twice: which of the two is meant, others may see otherwise.
struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Map<String, Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let mut claims = Map::new();
        while let Some((name, value)) = source.next_entry::<String, Value>()? {
            if claims.insert(name, value).is_some() {
                return Err(A::Error::custom("a claim stands there twice"));
            }
        }
        Ok(claims)
    }
}

/// The id of a user: a JSON integer, or a string of ASCII digits as the integer would be written.
fn user_id(claim: &Value) -> Option<i64> {
    let id = match claim {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0') => {
            text.parse().ok()?
        }
        _ => return None,
    };
    i64::try_from(id).ok().filter(|_| (1..USER_ID_END).contains(&id))
}

/// The text by which a user is known: a string, or a whole number as it is written.
fn user_text(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_i64()?.to_string(),
        _ => return None,
    };
    id::is_external(&text).then_some(text)
}

/// The end of a connection whose token expires at `exp`, which may have fractions and may lie far away.
fn connection_end(exp: &Number) -> Option<DateTime<Utc>> {
    // Casting a float saturates: what is negative is over since 1970.
    let seconds = exp.as_u64().or_else(|| exp.as_f64().map(|exp| exp.round() as u64))?;
    DateTime::from_timestamp(i64::try_from(seconds.min(MAX_EXP_SECONDS) + LEEWAY_SECONDS).ok()?, 0)
}
