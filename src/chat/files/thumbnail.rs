//! Small pictures of images, made anew so that nothing of the original's metadata is in them. An image is hostile until
//! it is decoded: its size is checked first, memory and time are bounded, and where anything goes wrong it is a file
//! like any other.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageDecoder, ImageReader, ImageResult, Limits};
use tokio::sync::Semaphore;

use crate::store::blobs::Blobs;

/// One at a time: a decoder may use all the memory that it is allowed.
static TURN: Semaphore = Semaphore::const_new(1);
/// How long an upload waits for its turn, and how long for the picture.
const WAIT: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of an image, at most.
const LARGEST: u64 = 32 * 1024 * 1024;
/// Pixels on a side and in all, and bytes that a decoder may take. Progressive JPEGs take 6 bytes a pixel unasked.
const SIDE: u32 = 8192;
const PIXELS: u64 = 24_000_000;
const MEMORY: u64 = 96 * 1024 * 1024;
/// Pixels of the longer side of a small picture.
const BOX: u32 = 320;
const QUALITY: u8 = 80;

/// Makes a small picture of the image under `key` and keeps it under `to`. Width and height of the image as it is
/// meant to be seen, or none where it cannot be decoded within the limits.
pub(super) async fn make(blobs: &Blobs, key: &str, size: u64, to: &str) -> Option<(i32, i32)> {
    if size > LARGEST {
        return None;
    }
    let turn = tokio::time::timeout(WAIT, TURN.acquire()).await.ok()?.ok()?;
    let bytes = blobs.whole(key).await.ok()?;
    let decoding = tokio::task::spawn_blocking(move || {
        // The turn ends with the thread, not with the one who waits for it.
        let _turn = turn;
        small(&bytes)
    });
    let picture = match tokio::time::timeout(DEADLINE, decoding).await {
        Ok(Ok(Ok(picture))) => picture,
        Ok(Ok(Err(cause))) => {
            tracing::debug!(%cause, "an image is kept as a file");
            return None;
        }
        Ok(Err(panicked)) => {
            tracing::warn!(cause = %panicked, "a decoder panicked, its image is kept as a file");
            return None;
        }
        Err(_) => {
            tracing::warn!("an image took too long to decode and is kept as a file");
            return None;
        }
    };
    let dimensions = (i32::try_from(picture.width).ok()?, i32::try_from(picture.height).ok()?);
    blobs.put(to, picture.bytes.into()).await.ok().map(|()| dimensions)
}

struct Picture {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

/// Decodes the first frame, turns it as its camera was held, and makes it small.
fn small(bytes: &[u8]) -> ImageResult<Picture> {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(SIDE), Some(SIDE), Some(MEMORY));
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    limits.check_dimensions(width, height)?;
    if u64::from(width) * u64::from(height) > PIXELS || decoder.total_bytes() > MEMORY {
        return Err(image::ImageError::Limits(image::error::LimitError::from_kind(
            image::error::LimitErrorKind::InsufficientMemory,
        )));
    }
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let image = DynamicImage::from_decoder(decoder)?;
    let mut made = if width.max(height) > BOX { image.thumbnail(BOX, BOX) } else { image };
    made.apply_orientation(orientation);
    let turned = (made.width() > made.height()) != (width > height) && made.width() != made.height();
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok(Picture { width, height, bytes: encode(made)? })
}

/// What can be seen through stays so, everything else is smaller as JPEG.
fn encode(image: DynamicImage) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    if image.has_alpha() {
        image.into_rgba8().write_with_encoder(PngEncoder::new(&mut bytes))?;
    } else {
        image.into_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    }
    Ok(bytes)
}
