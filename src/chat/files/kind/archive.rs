//! ZIP archives: which document, book or program one is, by the names in its directory, which stands at the end, and by the
//! two entries that say it in words: `mimetype`, and the list of types of Office documents.

use std::io::Read;

use bytes::{Buf, Bytes};
use flate2::bufread::DeflateDecoder;

use super::probe::{Probe, Told, Untold, u16_le, u32_le, u64_le};

const ZIP: &str = "application/zip";
const JAVA: &str = "application/java-archive";
const ANDROID: &str = "application/vnd.android.package-archive";

/// The end of an archive, without its comment, and how long that can be.
const END_BYTES: u64 = 22;
const MAX_COMMENT_BYTES: u64 = 65_535;
/// An entry of the directory, without its names.
const ENTRY_BYTES: usize = 46;
/// Bytes of the directory that are read at a time, and in all: some 30,000 entries, of which documents have few.
const DIRECTORY_PIECE_BYTES: u64 = 128 * 1024;
const MAX_DIRECTORY_BYTES: u64 = 3 * 1024 * 1024;
/// Bytes of an entry that is read, as it is packed and unpacked.
const MAX_PACKED_BYTES: u64 = 256 * 1024;
const MAX_UNPACKED_BYTES: u64 = 1024 * 1024;

/// Values of the entry `mimetype`, which OpenDocument and EPUB begin with.
const MIMETYPES: [&str; 17] = [
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.text-template",
    "application/vnd.oasis.opendocument.text-master",
    "application/vnd.oasis.opendocument.text-web",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.spreadsheet-template",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.presentation-template",
    "application/vnd.oasis.opendocument.graphics",
    "application/vnd.oasis.opendocument.graphics-template",
    "application/vnd.oasis.opendocument.chart",
    "application/vnd.oasis.opendocument.formula",
    "application/vnd.oasis.opendocument.image",
    "application/vnd.oasis.opendocument.base",
    "application/vnd.oasis.opendocument.database",
    "application/epub+zip",
    "image/openraster",
];

/// What the main part of an Office document is called in its list of types, in lower case, and what the document is then.
const OFFICE: [(&str, &str); 18] = [
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
    ),
    ("application/vnd.ms-word.document.macroenabled.main+xml", "application/vnd.ms-word.document.macroEnabled.12"),
    (
        "application/vnd.ms-word.template.macroenabledtemplate.main+xml",
        "application/vnd.ms-word.template.macroEnabled.12",
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.template",
    ),
    ("application/vnd.ms-excel.sheet.macroenabled.main+xml", "application/vnd.ms-excel.sheet.macroEnabled.12"),
    ("application/vnd.ms-excel.template.macroenabled.main+xml", "application/vnd.ms-excel.template.macroEnabled.12"),
    ("application/vnd.ms-excel.addin.macroenabled.main+xml", "application/vnd.ms-excel.addin.macroEnabled.12"),
    (
        "application/vnd.ms-excel.sheet.binary.macroenabled.main",
        "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    ),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.template",
    ),
    (
        "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
    ),
    (
        "application/vnd.ms-powerpoint.presentation.macroenabled.main+xml",
        "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
    ),
    (
        "application/vnd.ms-powerpoint.template.macroenabled.main+xml",
        "application/vnd.ms-powerpoint.template.macroEnabled.12",
    ),
    (
        "application/vnd.ms-powerpoint.slideshow.macroenabled.main+xml",
        "application/vnd.ms-powerpoint.slideshow.macroEnabled.12",
    ),
    (
        "application/vnd.ms-powerpoint.addin.macroenabled.main+xml",
        "application/vnd.ms-powerpoint.addin.macroEnabled.12",
    ),
    ("application/vnd.ms-visio.drawing.main+xml", "application/vnd.ms-visio.drawing"),
];

/// Where the parts of an Office document stand, and what it is, without and with macros, if its list of types cannot be read.
const FOLDERS: [(&str, &str, &str); 3] = [
    (
        "word/",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.ms-word.document.macroEnabled.12",
    ),
    (
        "xl/",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.ms-excel.sheet.macroEnabled.12",
    ),
    (
        "ppt/",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
    ),
];

/// All types that an archive can turn out to have.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    [ZIP, JAVA, ANDROID].into_iter().chain(MIMETYPES).chain(OFFICE.map(|(_, kind)| kind))
}

/// What the archive is.
pub(super) async fn judge(probe: &mut Probe<'_>) -> Told<&'static str> {
    let directory = Directory::find(probe).await?;
    let names = Names::read(probe, &directory).await?;
    if let Some(entry) = &names.mimetype
        && let Some(kind) = opened(unpack(probe, &directory, entry).await)?.and_then(|text| by_mimetype(&text))
    {
        return Ok(kind);
    }
    if let Some(entry) = &names.content_types {
        match opened(unpack(probe, &directory, entry).await)? {
            Some(list) => return Ok(by_content_types(&list).unwrap_or(ZIP)),
            None => return Ok(names.by_folder().unwrap_or(ZIP)),
        }
    }
    Ok(match names {
        Names { android: true, .. } => ANDROID,
        Names { java: true, .. } => JAVA,
        _ => ZIP,
    })
}

/// An entry that cannot be read is one that tells nothing.
fn opened(unpacked: Told<Vec<u8>>) -> Told<Option<Vec<u8>>> {
    match unpacked {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Untold::Malformed) => Ok(None),
        Err(storage) => Err(storage),
    }
}

fn by_mimetype(text: &[u8]) -> Option<&'static str> {
    MIMETYPES.into_iter().find(|kind| text.trim_ascii() == kind.as_bytes())
}

fn by_content_types(list: &[u8]) -> Option<&'static str> {
    let list = String::from_utf8_lossy(list).to_ascii_lowercase();
    let is_named = |wanted: &str| list.split(['"', '\'']).any(|value| value.trim() == wanted);
    OFFICE.into_iter().find_map(|(main, kind)| is_named(main).then_some(kind))
}

/// Where the directory lies. What is put before an archive moves all places that it tells.
struct Directory {
    start: u64,
    end: u64,
    /// What has to be added to the places that the archive tells.
    shift: u64,
}

impl Directory {
    async fn find(probe: &mut Probe<'_>) -> Told<Self> {
        let from = probe.size().saturating_sub(END_BYTES + MAX_COMMENT_BYTES);
        let tail = probe.up_to(from, END_BYTES + MAX_COMMENT_BYTES).await?;
        let at = end_of_archive(&tail).ok_or(Untold::Malformed)?;
        let end = from + at as u64;
        let (size, told) = (u32_le(&tail, at + 12)?, u32_le(&tail, at + 16)?);
        if size != u32::MAX && told != u32::MAX {
            return Self::before(end, size.into(), told.into());
        }
        // The end of a large archive names another place, which holds its numbers.
        let locator: [u8; 20] = probe.exactly(end.checked_sub(20).ok_or(Untold::Malformed)?).await?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Self::before(end, size.into(), told.into());
        }
        let large_end = u64_le(&locator, 8)?;
        let large: [u8; 56] = probe.exactly(large_end).await?;
        if !large.starts_with(b"PK\x06\x06") {
            return Err(Untold::Malformed);
        }
        Self::before(large_end, u64_le(&large, 40)?, u64_le(&large, 48)?)
    }

    fn before(end: u64, size: u64, told: u64) -> Told<Self> {
        let start = end.checked_sub(size).ok_or(Untold::Malformed)?;
        let shift = start.checked_sub(told).ok_or(Untold::Malformed)?;
        Ok(Self { start, end, shift })
    }
}

/// The last place that looks like the end of an archive, and whose comment goes to the end of the file; else the last one.
fn end_of_archive(tail: &[u8]) -> Option<usize> {
    let ends = || {
        let last = tail.len().checked_sub(END_BYTES as usize)?;
        Some((0..=last).rev().filter(|at| tail[*at..].starts_with(b"PK\x05\x06")))
    };
    let is_whole = |at: &usize| {
        let comment = u16_le(tail, at + 20).map_or(0, usize::from);
        at + END_BYTES as usize + comment == tail.len()
    };
    ends()?.find(is_whole).or_else(|| ends()?.next())
}

/// An entry as the directory knows it.
struct Entry {
    method: u16,
    packed: u64,
    at: u64,
}

/// What of the names in an archive tells something.
#[derive(Default)]
struct Names {
    mimetype: Option<Entry>,
    content_types: Option<Entry>,
    folders: [bool; FOLDERS.len()],
    macros: bool,
    java: bool,
    android: bool,
}

impl Names {
    async fn read(probe: &mut Probe<'_>, directory: &Directory) -> Told<Self> {
        let mut names = Self::default();
        let (mut at, end) = (directory.start, directory.end.min(directory.start.saturating_add(MAX_DIRECTORY_BYTES)));
        let mut piece = Bytes::new();
        while at < end {
            let whole = entry_length(&piece).filter(|length| *length <= piece.len());
            let Some(length) = whole else {
                let longer = probe.up_to(at, DIRECTORY_PIECE_BYTES.min(end - at)).await?;
                // An entry that does not go on is cut off: what was read before it counts.
                if entry_length(&longer).is_none_or(|length| length > longer.len()) {
                    break;
                }
                piece = longer;
                continue;
            };
            names.take(&piece[..length])?;
            piece.advance(length);
            at += length as u64;
        }
        Ok(names)
    }

    fn take(&mut self, entry: &[u8]) -> Told<()> {
        let name = entry.get(ENTRY_BYTES..ENTRY_BYTES + usize::from(u16_le(entry, 28)?)).ok_or(Untold::Malformed)?;
        // Some programs of Windows write their own separator.
        let name = String::from_utf8_lossy(name).replace('\\', "/");
        let known =
            Entry { method: u16_le(entry, 10)?, packed: u32_le(entry, 20)?.into(), at: u32_le(entry, 42)?.into() };
        let lower = name.to_ascii_lowercase();
        match name.as_str() {
            "mimetype" => self.mimetype = Some(known),
            _ if lower == "[content_types].xml" => self.content_types = Some(known),
            "META-INF/MANIFEST.MF" => self.java = true,
            "AndroidManifest.xml" => self.android = true,
            _ => {}
        }
        for ((folder, _, _), found) in FOLDERS.iter().zip(&mut self.folders) {
            *found |= lower.starts_with(folder);
        }
        self.macros |= lower.ends_with("/vbaproject.bin");
        Ok(())
    }

    fn by_folder(&self) -> Option<&'static str> {
        let found = FOLDERS.iter().zip(self.folders).find(|(_, found)| *found);
        found.map(|((_, plain, with_macros), _)| if self.macros { *with_macros } else { *plain })
    }
}

/// How long the entry is that a piece of the directory begins with.
fn entry_length(piece: &[u8]) -> Option<usize> {
    let is_entry = piece.len() >= ENTRY_BYTES && piece.starts_with(b"PK\x01\x02");
    let length = |at: usize| u16_le(piece, at).map(usize::from).ok();
    is_entry.then_some(())?;
    Some(ENTRY_BYTES + length(28)? + length(30)? + length(32)?)
}

/// The first bytes of an entry, which is short.
async fn unpack(probe: &mut Probe<'_>, directory: &Directory, entry: &Entry) -> Told<Vec<u8>> {
    let at = entry.at.checked_add(directory.shift).ok_or(Untold::Malformed)?;
    let head: [u8; 30] = probe.exactly(at).await?;
    if !head.starts_with(b"PK\x03\x04") || entry.packed > MAX_PACKED_BYTES {
        return Err(Untold::Malformed);
    }
    let body = at + 30 + u64::from(u16_le(&head, 26)?) + u64::from(u16_le(&head, 28)?);
    let packed = probe.up_to(body, entry.packed).await?;
    match entry.method {
        0 => Ok(packed.to_vec()),
        8 => {
            let mut unpacked = Vec::new();
            let read = DeflateDecoder::new(packed.as_ref()).take(MAX_UNPACKED_BYTES).read_to_end(&mut unpacked);
            read.map(|_| unpacked).map_err(|_| Untold::Malformed)
        }
        _ => Err(Untold::Malformed),
    }
}
