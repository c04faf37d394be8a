//! How secrets of tokens are written in the settings.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

/// How a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretEncoding {
    /// The bytes of the text are the secret.
    Text,
    /// Base64, with either alphabet, padded or not.
    Base64,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl SecretEncoding {
    /// The bytes of a secret; none where it is not written in this way.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            SecretEncoding::Text => Some(text.as_bytes().to_vec()),
            SecretEncoding::Base64 => BASE64.decode(text.trim().replace('-', "+").replace('_', "/")).ok(),
        }
    }
}
