//! Files that are brought in whole: judged by their bytes like those that are uploaded, and kept.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::kind::{Kind, Probe, Text};
use super::limits::FileLimits;
use super::thumbnail;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::store::blobs::{self, Blobs};

/// Where the bytes of a file lie, and what was told from them.
#[derive(Debug, Clone)]
pub struct Kept {
    pub storage_key: String,
    pub thumbnail_key: Option<String>,
    pub content_type: String,
    /// In bytes.
    pub size: i64,
    pub digest: String,
    /// In pixels; both or none.
    pub width: Option<i32>,
    pub height: Option<i32>,
}

/// Keeps the bytes of a file of which its sender declared a type.
///
/// # Errors
/// `BadRequest` for an empty one, `PayloadTooLarge` and `UnsupportedMediaType` for what the server does not take,
/// `Unavailable` where bytes cannot be kept.
pub async fn keep(blobs: &Blobs, config: &Config, bytes: Bytes, declared: Option<&str>) -> Result<Kept> {
    let size = bytes.len() as u64;
    if size == 0 {
        return Err(Error::bad_request("The file is empty"));
    }
    let limits = FileLimits::of(config, None)?;
    limits.must_hold(size)?;
    let mut text = Text::default();
    text.take(&bytes);
    let kind = Kind::of(&bytes, declared);
    let content_type = kind.settle(&text, &mut Probe::new(bytes.clone(), size, None)).await?;
    limits.must_take(content_type)?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let storage_key = blobs::new_key();
    blobs.put(&storage_key, bytes).await?;
    let thumbnail_key = blobs::new_key();
    let picture = match kind.is_picture() {
        true => thumbnail::make(blobs, &storage_key, size, &thumbnail_key).await,
        false => None,
    };
    Ok(Kept {
        storage_key,
        thumbnail_key: picture.as_ref().is_some_and(|made| made.is_kept).then_some(thumbnail_key),
        content_type: content_type.to_owned(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        digest,
        width: picture.as_ref().map(|made| made.width),
        height: picture.as_ref().map(|made| made.height),
    })
}
