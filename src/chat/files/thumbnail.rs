//! Small pictures of images, made anew so that nothing of the original's metadata is in them. An image is hostile until
//! it is decoded: its size is checked first, memory and time are bounded, and where anything goes wrong it is a file
//! like any other.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, ImageResult, Limits};
use tokio::sync::Semaphore;

use crate::store::blobs::Blobs;

/// One at a time: a decoder may use all the memory that it is allowed.
static DECODER: Semaphore = Semaphore::const_new(1);
/// How long an upload waits for its turn, and how long for the picture.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(20);
const DECODE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an image, at most.
const MAX_SOURCE_BYTES: u64 = 32 * 1024 * 1024;
/// Pixels on a side, and bytes that a decoder may say that it takes.
const MAX_SIDE_PIXELS: u32 = 8192;
const MAX_DECODER_BYTES: u64 = 96 * 1024 * 1024;
/// Pixels in all: where a decoder takes little more than it says, and where it keeps all coefficients, planes or frames
/// unasked, which was seen to be up to 11 bytes a pixel.
const MAX_PIXELS: u64 = 25_000_000;
const MAX_PIXELS_HELD: u64 = 13_000_000;
/// Pixels of the longer side of a small picture.
const THUMBNAIL_SIDE_PIXELS: u32 = 320;
const JPEG_QUALITY: u8 = 80;

/// What is known of an image.
pub(super) struct Made {
    /// Pixels, as it is meant to be seen.
    pub width: i32,
    pub height: i32,
    /// Whether there is a small picture.
    pub is_kept: bool,
}

/// Makes a small picture of the image under `key` and keeps it under `to`; none where it cannot be decoded within the
/// limits.
pub(super) async fn make(blobs: &Blobs, key: &str, size: u64, to: &str) -> Option<Made> {
    if size > MAX_SOURCE_BYTES {
        return None;
    }
    let turn = tokio::time::timeout(QUEUE_TIMEOUT, DECODER.acquire()).await.ok()?.ok()?;
    let bytes = blobs.whole(key).await.ok()?;
    let decoding = tokio::task::spawn_blocking(move || {
        // The turn ends with the thread, not with the one who waits for it.
        let _turn = turn;
        small(bytes.into())
    });
    let picture = match tokio::time::timeout(DECODE_TIMEOUT, decoding).await {
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
    let (width, height) = (i32::try_from(picture.width).ok()?, i32::try_from(picture.height).ok()?);
    Some(Made { width, height, is_kept: blobs.put(to, picture.bytes.into()).await.is_ok() })
}

struct Picture {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

/// Decodes the first frame, turns it as its camera was held, and makes it small.
fn small(bytes: Vec<u8>) -> ImageResult<Picture> {
    let bytes = only_pixels(bytes);
    let most = if is_held(&bytes) { MAX_PIXELS_HELD } else { MAX_PIXELS };
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) =
        (Some(MAX_SIDE_PIXELS), Some(MAX_SIDE_PIXELS), Some(MAX_DECODER_BYTES));
    let mut reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    limits.check_dimensions(width, height)?;
    if u64::from(width) * u64::from(height) > most || decoder.total_bytes() > MAX_DECODER_BYTES {
        return Err(image::ImageError::Limits(image::error::LimitError::from_kind(
            image::error::LimitErrorKind::InsufficientMemory,
        )));
    }
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let image = DynamicImage::from_decoder(decoder)?;
    let mut made = if width.max(height) > THUMBNAIL_SIDE_PIXELS {
        image.thumbnail(THUMBNAIL_SIDE_PIXELS, THUMBNAIL_SIDE_PIXELS)
    } else {
        image
    };
    made.apply_orientation(orientation);
    let turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok(Picture { width, height, bytes: encode(made)? })
}

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG without what is no pixel, which its decoder would keep: texts, profiles and times. Anything else stays as it is.
fn only_pixels(mut bytes: Vec<u8>) -> Vec<u8> {
    const KEPT_CHUNKS: [&[u8]; 6] = [b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"];
    if !bytes.starts_with(PNG_SIGNATURE) {
        return bytes;
    }
    let (mut to, mut from) = (PNG_SIGNATURE.len(), PNG_SIGNATURE.len());
    // A length, a name, as many bytes, and a sum.
    while let Some((length, name)) = bytes.get(from..from + 8).and_then(|head| head.split_first_chunk::<4>()) {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let end = from.saturating_add(12).saturating_add(length).min(bytes.len());
        if KEPT_CHUNKS.contains(&name) {
            bytes.copy_within(from..end, to);
            to += end - from;
        }
        from = end;
    }
    bytes.truncate(to);
    bytes
}

/// Whether the decoder of such an image holds much more than the pixels: of a JPEG anything but the plain kind of up to
/// three colours, of a WebP its planes, of a GIF a frame beside the canvas.
fn is_held(bytes: &[u8]) -> bool {
    if bytes.starts_with(PNG_SIGNATURE) {
        return false;
    }
    let mut rest = bytes.strip_prefix(b"\xff\xd8").unwrap_or_default();
    while let [0xff, marker, after @ ..] = rest {
        match (marker, after) {
            // Fill bytes, and markers that stand alone.
            (0xff, _) => rest = &rest[1..],
            (0x01 | 0xd0..=0xd8, after) => rest = after,
            // The plain frames: length, precision, height, width, and how many colours.
            (0xc0 | 0xc1, [_, _, _, _, _, _, _, colours, ..]) => return *colours > 3,
            (0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xd9 | 0xda, _) => return true,
            (_, [high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([*high, *low])).max(2);
                rest = after.get(length..).unwrap_or_default();
            }
            _ => return true,
        }
    }
    true
}

/// What can be seen through stays so, everything else is smaller as JPEG.
fn encode(image: DynamicImage) -> ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    if image.has_alpha() {
        image.into_rgba8().write_with_encoder(PngEncoder::new(&mut bytes))?;
    } else {
        image.into_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
        [&u32::try_from(data.len()).unwrap().to_be_bytes(), name, data, &[0; 4]].concat()
    }

    #[test]
    fn what_is_no_pixel_is_dropped_before_a_decoder_sees_it() {
        let plain = written(9, 5, image::ImageFormat::Png);
        let (head, body) = plain.split_at(PNG_SIGNATURE.len() + 25);
        let texts = chunk(b"iTXt", b"k\0\0\0\0\0").repeat(1_000);
        let padded = [head, &texts, &chunk(b"iCCP", b"x"), body].concat();
        assert_eq!(only_pixels(padded.clone()), plain);
        let picture = small(padded).unwrap();
        assert_eq!((picture.width, picture.height), (9, 5));
        for cut in 0..plain.len() {
            only_pixels(plain[..cut].to_vec());
        }
        assert_eq!(only_pixels(b"GIF89a".to_vec()), b"GIF89a");
    }

    #[test]
    fn decoders_that_hold_more_than_pixels_are_known_beforehand() {
        assert!(!is_held(&written(9, 5, image::ImageFormat::Png)));
        assert!(is_held(&written(9, 5, image::ImageFormat::Gif)));
        let mut jpeg = written(9, 5, image::ImageFormat::Jpeg);
        assert!(!is_held(&jpeg));
        for cut in 0..jpeg.len() {
            is_held(&jpeg[..cut]);
        }
        let frame = jpeg.windows(2).position(|marker| marker == b"\xff\xc0").unwrap();
        jpeg[frame + 1] = 0xc2;
        assert!(is_held(&jpeg), "a progressive one");
        (jpeg[frame + 1], jpeg[frame + 9]) = (0xc0, 4);
        assert!(is_held(&jpeg), "one of four colours");
    }
}
