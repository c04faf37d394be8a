//! A key that signatures are verified with, and the algorithms of its kind: no token can widen them. It knows no settings
//! and no claims.

use anyhow::{Context, anyhow, ensure};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use sha2::Sha256;

const OF_A_SECRET: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const OF_RSA: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

/// Bytes of an uncompressed point of each curve.
const P256_POINT_BYTES: usize = 65;
const P384_POINT_BYTES: usize = 97;

/// A key, by whatever name its owner calls it.
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) verifying: DecodingKey,
    /// What the key can have signed with: those of its kind, or the one that its owner names.
    algorithms: Vec<Algorithm>,
}

impl Key {
    /// The key of HS256, HS384 and HS512.
    pub(super) fn of_secret(secret: &[u8]) -> Key {
        Key { kid: None, verifying: DecodingKey::from_secret(secret), algorithms: OF_A_SECRET.to_vec() }
    }

    /// The public key, or that of the certificate, in one block of PEM.
    ///
    /// # Errors
    /// For what is no public key of RSA, of the curves P-256 and P-384, or of Ed25519.
    pub(super) fn of_pem(block: &str) -> anyhow::Result<Key> {
        ensure!(!block.contains("PRIVATE KEY"), "it is a private key, and only its public half belongs here");
        let bytes = block.as_bytes();
        let (verifying, algorithms) = if let Ok(key) = DecodingKey::from_rsa_pem(bytes) {
            (key, OF_RSA.to_vec())
        } else if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
            let algorithm = match key.try_get_as_bytes().map(<[u8]>::len) {
                Ok(P256_POINT_BYTES) => Algorithm::ES256,
                Ok(P384_POINT_BYTES) => Algorithm::ES384,
                _ => return Err(anyhow!("its curve is neither P-256 nor P-384")),
            };
            (key, vec![algorithm])
        } else {
            let key =
                DecodingKey::from_ed_pem(bytes).ok().context("it is no public key of RSA, EC or Ed25519 in PEM")?;
            (key, vec![Algorithm::EdDSA])
        };
        Ok(Key { kid: None, verifying, algorithms })
    }

    /// A key of a JWKS that signatures can be verified with; none for any other, above all for a secret, which does not
    /// belong where everybody can read it.
    pub(super) fn of_jwk(raw: serde_json::Value) -> Option<Key> {
        let jwk: Jwk = serde_json::from_value(raw).ok()?;
        let common = &jwk.common;
        let is_for_signatures = common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|uses| uses.contains(&KeyOperations::Verify));
        if !is_for_signatures {
            return None;
        }
        let of_kind: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &OF_RSA,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[Algorithm::ES384],
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            _ => return None,
        };
        let algorithms = match common.key_algorithm {
            None => of_kind.to_vec(),
            Some(named) => vec![Algorithm::try_from(named).ok().filter(|named| of_kind.contains(named))?],
        };
        Some(Key { verifying: DecodingKey::from_jwk(&jwk).ok()?, algorithms, kid: jwk.common.key_id })
    }

    /// Whether the key can have signed with this algorithm.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether one of the `allowed` algorithms is one of this key; with none named, all are allowed.
    pub(super) fn fits(&self, allowed: &[Algorithm]) -> bool {
        allowed.is_empty() || allowed.iter().any(|algorithm| self.takes(*algorithm))
    }
}

/// The blocks of a text in PEM.
pub(super) fn pem_blocks(text: &str) -> impl Iterator<Item = String> {
    text.split("-----BEGIN ").skip(1).map(|block| format!("-----BEGIN {}", block.trim_end()))
}

/// What tells a key from others, and nothing of it.
pub(super) fn fingerprint(key: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"which key nodes check tokens with");
    hex::encode(&mac.finalize().into_bytes()[..8])
}
