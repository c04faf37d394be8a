//! Tokens: who somebody is, by the word of a JWT (protocol §1). The only reader of tokens; a token is never logged.
//! It knows keys and claims, and neither users nor where on the wire a token stood.

mod bearer;
mod claims;
mod jwks;
mod key;
mod keys;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod providers;
mod refusal;
mod secret;
#[cfg(test)]
mod tests;
mod viewer;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde_json::Map;

use crate::config::Auth;
use crate::entity::clock;
use crate::error::{Error, Result};
use crate::id;
use claims::{ClaimNames, LEEWAY_SECONDS, MAX_EXP_SECONDS, RawClaims, USER_ID_END};
use key::Key;
use keys::Keys;
use refusal::Refusal;

pub use bearer::{bearer, bearer_or_bare, in_query};
pub use claims::{Claims, Subject};
pub use secret::make_private;
pub use viewer::Viewer;

/// The longest token that is looked at, in bytes (protocol §1). Heads of requests, what a socket may say before it is known
/// whose it is, and lines of STOMP have room for it.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The keys and rules that tokens are checked by, made once at the start.
pub struct Tokens {
    keys: Keys,
    /// Those that are taken, where the settings name any; none of another kind than the key's in any case.
    algorithms: Vec<Algorithm>,
    signing_algorithm: Algorithm,
    names: ClaimNames,
    validation: Validation,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Tokens {
    /// Gets the keys that `auth` names. Without any, the secret in `jwt.secret` of the data folder, which is made on
    /// first start. An identity provider that does not answer is no error: until it does, all tokens are refused.
    ///
    /// # Errors
    /// When a file of keys, or the file of the secret, cannot be read, made or used.
    pub async fn open(auth: &Auth, data_dir: &Path) -> anyhow::Result<Tokens> {
        Ok(Tokens {
            keys: Keys::open(auth, data_dir).await?,
            algorithms: auth.algorithms.clone(),
            signing_algorithm: keys::signing_algorithm(auth),
            names: ClaimNames::new(auth),
            validation: validation(auth),
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
        })
    }

    /// As [`Tokens::open`] for a tool that uses what a server has made, and makes nothing itself: a secret that no server
    /// knows would sign tokens that no server takes.
    ///
    /// # Errors
    /// Those of [`Tokens::open`], and a data folder without a secret where one is needed.
    pub async fn find(auth: &Auth, data_dir: &Path) -> anyhow::Result<Tokens> {
        if auth.jwt_secret.is_none() && auth.jwks.is_none() && auth.public_key.is_none() {
            secret::must_exist(data_dir)?;
        }
        Self::open(auth, data_dir).await
    }

    /// What `token` says, if it is signed with one of the keys, is valid now and is meant for this server. May wait up
    /// to 5 s for an identity provider when the token names a key that is not known yet.
    ///
    /// # Errors
    /// Always `Unauthenticated`, with the reason where that helps nobody but the bearer. It is logged and counted, too.
    pub async fn verify(&self, token: &str) -> Result<Claims> {
        if token.is_empty() {
            return Err(Error::unauthenticated("A token is needed"));
        }
        self.check(token).await.map_err(|refused| refused.into_error(&self.names.user))
    }

    async fn check(&self, token: &str) -> Result<Claims, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        // Of the header, only `kid` is used. Extensions that must be understood (`crit`) are not.
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        if !is_text(token) {
            return Err(Refusal::Malformed);
        }
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        match &self.keys {
            Keys::Secrets { keys, .. } | Keys::Public { keys, .. } => self.judge(token, header.alg, keys),
            Keys::Jwks(jwks) => match jwks.find(header.kid.as_deref()).await {
                Some(key) => self.judge(token, header.alg, [&*key]),
                None if !jwks.is_loaded() => Err(Refusal::KeysMissing),
                None => Err(Refusal::UnknownKey),
            },
        }
    }

    /// By the first of the keys that has signed it. The algorithm that the token names has to be one of that key.
    fn judge<'k>(
        &self,
        token: &str,
        algorithm: Algorithm,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> Result<Claims, Refusal> {
        let mut refused = Refusal::Algorithm;
        if !self.algorithms.is_empty() && !self.algorithms.contains(&algorithm) {
            return Err(refused);
        }
        for key in keys.into_iter().filter(|key| key.takes(algorithm)) {
            match self.decode(token, key, algorithm) {
                Err(Refusal::Signature) => refused = Refusal::Signature,
                judged => return judged,
            }
        }
        Err(refused)
    }

    /// What tells these keys from others, and nothing of them: nodes of one database have to check tokens alike. The first
    /// is that of the key that signs.
    pub fn fingerprints(&self) -> Vec<String> {
        self.keys.fingerprints()
    }

    /// A token for `user` that ends after `ttl`, signed with the server's own secret.
    ///
    /// # Errors
    /// When the keys are those of an identity provider, since only that can sign, and for an id that no user can have.
    pub fn issue(
        &self,
        user: impl Into<Subject>,
        name: Option<&str>,
        admin: bool,
        ttl: Duration,
    ) -> anyhow::Result<String> {
        let signing = match &self.keys {
            Keys::Secrets { signing, .. } => signing,
            Keys::Jwks(_) => {
                bail!("Tokens come from the identity provider of auth.jwks, this server has no key to sign with")
            }
            Keys::Public { .. } => {
                bail!(
                    "Tokens come from whoever has the private key of auth.public_key, this server has none to sign with"
                )
            }
        };
        let user = match user.into() {
            Subject::Number(user) => {
                let is_id = u64::try_from(user).is_ok_and(|user| (1..USER_ID_END).contains(&user));
                ensure!(is_id, "A user id is a whole number from 1 to {}", USER_ID_END - 1);
                user.to_string()
            }
            Subject::Text(user) => {
                ensure!(id::is_external(&user), id::NOT_AN_EXTERNAL_ID);
                user
            }
        };
        let now = u64::try_from(clock::now().timestamp()).context("The clock of this machine is before 1970")?;

        let mut claims = Map::new();
        claims.insert(self.names.user.clone(), user.into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), now.saturating_add(ttl.as_secs()).min(MAX_EXP_SECONDS).into());
        let name_claim = self.names.name.first().map_or("name", String::as_str);
        let texts = [(name_claim, name), ("iss", self.issuer.as_deref()), ("aud", self.audience.as_deref())];
        claims.extend(texts.into_iter().filter_map(|(claim, text)| Some((claim.to_owned(), text?.into()))));
        if admin {
            claims.insert(self.names.roles.clone(), vec![self.names.admin_role.clone()].into());
        }
        encode(&Header::new(self.signing_algorithm), &claims, signing).context("The token cannot be signed")
    }

    /// Checks the signature and the claims, by an algorithm of the key and no other.
    fn decode(&self, token: &str, key: &Key, algorithm: Algorithm) -> Result<Claims, Refusal> {
        let validation = Validation { algorithms: vec![algorithm], ..self.validation.clone() };
        let raw = decode::<RawClaims>(token, &key.verifying, &validation).map_err(|error| refusal(error.kind()))?;
        raw.claims.check(&self.names)
    }
}

/// Whether the header and the claims are UTF-8, as JSON is: of fields that nobody reads, the reader does not look at the
/// bytes.
fn is_text(token: &str) -> bool {
    let is_text = |part| URL_SAFE_NO_PAD.decode(part).is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok());
    token.split('.').take(2).all(is_text)
}

/// What the library calls it. It looks at the claims once the signature is good, and not before.
fn refusal(error: &ErrorKind) -> Refusal {
    match error {
        ErrorKind::InvalidAlgorithm => Refusal::Algorithm,
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::ExpiredSignature => Refusal::Expired,
        ErrorKind::ImmatureSignature => Refusal::NotYet,
        ErrorKind::InvalidIssuer => Refusal::Issuer,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "iss" => Refusal::Issuer,
            "aud" => Refusal::Audience,
            _ => Refusal::Malformed,
        },
        _ => Refusal::Malformed,
    }
}

/// The library's rules, where its defaults are too mild: it skips `nbf`, and `iss` and `aud` where they are missing.
fn validation(auth: &Auth) -> Validation {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.leeway = LEEWAY_SECONDS;
    // Whether there is an expiry, and of which form, is looked at by the claims themselves.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
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
