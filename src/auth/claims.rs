//! What a token says: the claims as they stand in it, and what they come to. It knows no key.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Number, Value};

use super::refusal::Refusal;
use crate::entity::clock;

/// How far the clocks of two machines may lie apart, in seconds.
pub(super) const LEEWAY_SECONDS: u64 = 30;
/// Ids lie below this, 2^53, so that a JavaScript number holds them.
pub(super) const USER_ID_END: u64 = 1 << 53;
/// The last second that RFC 3339 can write, less the leeway: later expiries are taken for this one.
pub(super) const MAX_EXP_SECONDS: u64 = 253_402_300_799 - LEEWAY_SECONDS;

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

/// The claims as they stand. Those that decide anything must have their type, those for show are left out if they do not.
#[derive(Deserialize)]
pub(super) struct RawClaims {
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    exp: Value,
    #[serde(rename = "nbf")]
    _nbf: Option<Number>,
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    picture: Value,
    #[serde(default)]
    roles: Value,
}

impl RawClaims {
    /// What the claims come to, by the rules of this server: the library says of most that break them only that they do.
    ///
    /// # Errors
    /// An expiry that is missing, is no number or is over; a `sub` that is missing or no id of a user; an `iss` or `aud` that
    /// is no text.
    pub(super) fn check(self) -> Result<Claims, Refusal> {
        let exp = match &self.exp {
            Value::Null => return Err(Refusal::NoExpiry),
            Value::Number(exp) => exp,
            _ => return Err(Refusal::ExpiryForm),
        };
        let expires = connection_end(exp).ok_or(Refusal::ExpiryForm)?;
        // The library counts whole seconds; here the end is exact, so that no connection begins after its own end.
        if expires <= clock::now() {
            return Err(Refusal::Expired);
        }
        if !is_text(&self.iss) {
            return Err(Refusal::Issuer);
        }
        if !(is_text(&self.aud) || self.aud.as_array().is_some_and(|all| all.iter().all(Value::is_string))) {
            return Err(Refusal::Audience);
        }
        if self.sub.is_null() {
            return Err(Refusal::NoUser);
        }
        let user = user_id(&self.sub).ok_or(Refusal::UserForm)?;
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
    i64::try_from(id).ok().filter(|_| (1..USER_ID_END).contains(&id))
}

/// The end of a connection whose token expires at `exp`, which may have fractions and may lie far away.
fn connection_end(exp: &Number) -> Option<DateTime<Utc>> {
    // Casting a float saturates: what is negative is over since 1970.
    let seconds = exp.as_u64().or_else(|| exp.as_f64().map(|exp| exp.round() as u64))?;
    DateTime::from_timestamp(i64::try_from(seconds.min(MAX_EXP_SECONDS) + LEEWAY_SECONDS).ok()?, 0)
}

fn text(claim: Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn is_text(claim: &Value) -> bool {
    claim.is_null() || claim.is_string()
}
