//! How tokens are checked, and who their claims say that somebody is.

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

use super::secret::SecretEncoding;

/// How tokens are checked (protocol §13). With none of `jwt_secret`, `jwks` and `public_key`, which exclude each other, a
/// secret is made in the data folder on first start. Where a claim is named, its name or a path to it, by dots, is meant.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// The secret of HS256, HS384 and HS512, 32 bytes or longer.
    pub jwt_secret: Option<String>,
    /// How `jwt_secret` and `previous_secrets` are written.
    pub jwt_secret_encoding: SecretEncoding,
    /// Secrets of before, with which tokens are checked and none signed.
    pub previous_secrets: Vec<String>,
    /// A file or an `http(s)` URL with the public keys of an identity provider.
    pub jwks: Option<String>,
    /// Public keys or certificates in PEM: a file, or the text itself.
    pub public_key: Option<String>,
    /// The algorithms that are taken. Empty: all that fit the kind of the key. No others than those are in any case.
    pub algorithms: Vec<Algorithm>,
    /// What `iss` must be. Unset: not looked at.
    pub issuer: Option<String>,
    /// What `aud` must hold. Unset: not looked at.
    pub audience: Option<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// Whether that is a number, which is the user's id, or a text, to which the server gives a number.
    pub user_ids: UserIds,
    /// The claims with the display name, of which the first one that is there counts.
    pub name_claim: Vec<String>,
    /// The claim with the address of the picture.
    pub picture_claim: String,
    /// The claim with the roles: a list; in another one than `roles` also a text of words, or `true`.
    pub roles_claim: String,
    /// The role of administrators.
    pub admin_role: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            jwt_secret_encoding: SecretEncoding::Text,
            previous_secrets: Vec::new(),
            jwks: None,
            public_key: None,
            algorithms: Vec::new(),
            issuer: None,
            audience: None,
            user_claim: "sub".to_owned(),
            user_ids: UserIds::Number,
            name_claim: ["name", "preferred_username", "nickname"].map(str::to_owned).to_vec(),
            picture_claim: "picture".to_owned(),
            roles_claim: "roles".to_owned(),
            admin_role: "admin".to_owned(),
        }
    }
}

/// How the host application knows its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserIds {
    Number,
    Text,
}
