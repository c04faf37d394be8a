//! How a webhook proves where it comes from: the secrets and signatures of the Standard Webhooks specification.
//! It knows nothing of what is signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What every secret begins with when it is written.
const SECRET_PREFIX: &str = "whsec_";
const NEW_SECRET_BYTES: usize = 32;
/// The specification's limits of any secret.
const MIN_SECRET_BYTES: usize = 24;
const MAX_SECRET_BYTES: usize = 64;

/// A new secret, written `whsec_` and base64.
///
/// # Errors
/// When the system has no random numbers.
pub fn new_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; NEW_SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
}

/// Whether `text` is a secret: `whsec_` and the base64 of 24 to 64 bytes.
pub fn is_secret(text: &str) -> bool {
    decode(text).is_some()
}

/// The signature `v1,…` of a webhook of this id and body, made at this Unix time in seconds. None where `secret` is no
/// secret.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&decode(secret)?).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

fn decode(secret: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
    (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn new_secrets_differ_and_short_ones_are_none() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert!(one != other && is_secret(&one) && is_secret(&other));
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_***", one.trim_start_matches(SECRET_PREFIX)] {
            assert!(!is_secret(text), "{text}");
        }
    }
}
