//! Why a token is refused: what its bearer is told, and what the operator reads and counts. It never holds anything of
//! the token itself.

use crate::error::Error;
use crate::telemetry;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    TooLong,
    Malformed,
    Algorithm,
    UnknownKey,
    KeysMissing,
    Signature,
    NoExpiry,
    ExpiryForm,
    Expired,
    NotYet,
    Issuer,
    Audience,
    NoUser,
    UserForm,
    UserText,
}

/// All of it in one sentence, where telling more would help whoever tries to forge a token.
const NOT_VALID: &str = "The token is not valid";

/// The claim that the sentences name.
const DEFAULT_USER_CLAIM: &str = "sub";

impl Refusal {
    /// In the log, and as the label of the count.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::KeysMissing => "keys_missing",
            Self::Signature => "signature",
            Self::NoExpiry => "no_expiry",
            Self::ExpiryForm => "expiry_form",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::NoUser => "no_user",
            Self::UserForm | Self::UserText => "user_form",
        }
    }

    /// What the bearer is told. What stands in the claims is told to those alone who hold a token with a good signature.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::TooLong => "The token is longer than 16 KiB",
            Self::Malformed | Self::UnknownKey | Self::Signature => NOT_VALID,
            Self::Algorithm => "The token is signed with an algorithm that is not taken",
            Self::KeysMissing => "The keys that tokens are checked with are not there yet, try again soon",
            Self::NoExpiry => "The token has no expiry (exp)",
            Self::ExpiryForm => "The expiry of the token (exp) is not a number of seconds",
            Self::Expired => "The token has expired",
            Self::NotYet => "The token is not valid yet",
            Self::Issuer => "The token is not from the issuer (iss) that is trusted here",
            Self::Audience => "The token is not meant for this server (aud)",
            Self::NoUser => "The token names no user (sub)",
            Self::UserText => "The user of the token (sub) is not text of 1 to 255 bytes without control characters",
            Self::UserForm => "The user of the token (sub) is not a positive whole number below 2^53",
        }
    }

    /// The failure for the caller, once it is logged and counted. `user_claim` is where the user stands here.
    pub(super) fn into_error(self, user_claim: &str) -> Error {
        let reason = self.reason();
        tracing::info!(target: "confab::auth", reason, "a token is refused");
        telemetry::token_refused(reason);
        match user_claim {
            DEFAULT_USER_CLAIM => Error::unauthenticated(self.sentence()),
            claim => Error::unauthenticated(self.sentence().replace("(sub)", &format!("({claim})"))),
        }
    }
}
