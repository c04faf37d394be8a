//! The keys that the settings name: secrets, public keys in PEM, or those of an identity provider. It knows no claims.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey};

use super::jwks::Jwks;
use super::key::{Key, fingerprint, pem_blocks};
use super::secret;
use crate::config::Auth;

/// Where signatures are verified with, and signed with where that is a secret.
pub(super) enum Keys {
    /// The first of them is the one that signs.
    Secrets {
        signing: EncodingKey,
        keys: Vec<Key>,
        fingerprints: Vec<String>,
    },
    Public {
        keys: Vec<Key>,
        fingerprints: Vec<String>,
    },
    Jwks(Jwks),
}

impl Keys {
    /// The keys that `auth` names; the secret of the data folder where it names none.
    ///
    /// # Errors
    /// Keys that cannot be read or used, and `auth.algorithms` without any that fits them.
    pub(super) async fn open(auth: &Auth, data_dir: &Path) -> anyhow::Result<Keys> {
        let keys = match (&auth.jwt_secret, &auth.jwks, &auth.public_key) {
            (Some(own), None, None) => Keys::secrets(decoded(auth, "auth.jwt_secret", own)?, auth)?,
            (None, Some(source), None) => Keys::Jwks(Jwks::open(source).await?),
            (None, None, Some(source)) => Keys::public(source)?,
            (None, None, None) => Keys::secrets(secret::open(data_dir).await?, auth)?,
            _ => bail!("auth.jwt_secret, auth.jwks and auth.public_key exclude each other, set one of them"),
        };
        if let Keys::Secrets { keys, .. } | Keys::Public { keys, .. } = &keys {
            let fits = keys.iter().all(|key| key.fits(&auth.algorithms));
            ensure!(fits, "auth.algorithms names none for one of the keys that tokens are checked with");
        }
        Ok(keys)
    }

    fn secrets(own: Vec<u8>, auth: &Auth) -> anyhow::Result<Keys> {
        let mut secrets = vec![own];
        for previous in &auth.previous_secrets {
            secrets.push(decoded(auth, "auth.previous_secrets", previous)?);
        }
        Ok(Keys::Secrets {
            signing: EncodingKey::from_secret(&secrets[0]),
            keys: secrets.iter().map(|secret| Key::of_secret(secret)).collect(),
            fingerprints: secrets.iter().map(|secret| fingerprint(secret)).collect(),
        })
    }

    fn public(source: &str) -> anyhow::Result<Keys> {
        let text = match source.contains("-----BEGIN ") {
            true => source.to_owned(),
            false => std::fs::read_to_string(source)
                .with_context(|| format!("The key of auth.public_key cannot be read from {source}"))?,
        };
        let blocks: Vec<String> = pem_blocks(&text).collect();
        ensure!(!blocks.is_empty(), "auth.public_key holds no key in PEM, which begins with -----BEGIN");
        let keys: anyhow::Result<Vec<Key>> = blocks.iter().map(|block| Key::of_pem(block)).collect();
        let fingerprints = blocks.iter().map(|block| fingerprint(block.as_bytes())).collect();
        Ok(Keys::Public { keys: keys.context("A key of auth.public_key cannot be used")?, fingerprints })
    }

    /// What tells these keys from others, the first one first: nodes of one database have to check tokens alike.
    pub(super) fn fingerprints(&self) -> Vec<String> {
        match self {
            Keys::Secrets { fingerprints, .. } | Keys::Public { fingerprints, .. } => fingerprints.clone(),
            // The provider may change its keys at any time.
            Keys::Jwks(_) => vec!["jwks".to_owned()],
        }
    }
}

/// The algorithm that a server signs with by its secret: the first one that it takes itself.
pub(super) fn signing_algorithm(auth: &Auth) -> Algorithm {
    let is_ours = |algorithm: &Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
    auth.algorithms.iter().copied().find(is_ours).unwrap_or(Algorithm::HS256)
}

fn decoded(auth: &Auth, key: &str, secret: &str) -> anyhow::Result<Vec<u8>> {
    let bytes = auth.jwt_secret_encoding.decode(secret).with_context(|| format!("{key} is not base64"))?;
    ensure!(bytes.len() >= secret::MIN_SECRET_BYTES, "{key} must be {} bytes or longer", secret::MIN_SECRET_BYTES);
    Ok(bytes)
}
