//! What files are taken for, honest ones and others.

use bytes::Bytes;

use super::samples::*;
use super::told::told;
use super::*;
use crate::config::Config;
use crate::store::blobs::Blobs;

/// The type of a file of which all bytes are at hand.
async fn kind_as(bytes: &[u8], declared: Option<&str>) -> &'static str {
    told(bytes, bytes.len(), declared).await.kind
}

async fn kind(bytes: &[u8]) -> &'static str {
    kind_as(bytes, None).await
}

#[tokio::test]
async fn the_bytes_tell_the_type_and_the_sender_does_not() {
    let cases: [(&[u8], Option<&str>, &str); 20] = [
        (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", Some("text/html"), "image/png"),
        (b"\xff\xd8\xff\xe0", None, "image/jpeg"),
        (b"GIF89a", Some("image/png"), "image/gif"),
        (b"%PDF-1.7", Some("text/plain"), "application/pdf"),
        (b"How PDF begins: %PDF-1.7", Some("text/markdown"), "text/plain"),
        (b"How PDF begins: %PDF-1.7", None, "application/pdf"),
        (b"BMW and MZ are words", Some("text/plain"), "text/plain"),
        (b"BM\0\0", Some("text/plain"), "image/bmp"),
        (b"MZ is one, too", Some("text/plain; charset=utf-8"), "text/plain"),
        (b"<!DOCTYPE html><script>", Some("image/png"), "text/html"),
        (b"<?xml version=\"1.0\"?><svg>", Some("image/svg+xml"), "text/xml"),
        (b"<svg onload=alert(1)>", Some("image/svg+xml"), "application/octet-stream"),
        (b"<svg onload=alert(1)>", Some("text/html"), "text/plain"),
        (b"a,b\n1,2\n", Some("text/csv; charset=utf-8"), "text/plain"),
        (b"a,b\n1,2\n", Some("application/json"), "application/octet-stream"),
        (b"caf\xe9", Some("text/plain"), "application/octet-stream"),
        (b"a\0b", Some("text/plain"), "application/octet-stream"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", None, "image/heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", None, "image/avif"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", None, "application/octet-stream"),
    ];
    for (bytes, declared, expected) in cases {
        assert_eq!(kind_as(bytes, declared).await, expected, "{:?} as {declared:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn what_a_browser_might_run_is_not_shown() {
    for shown in ["image/png", "video/mp4", "audio/mpeg", "text/plain"] {
        assert!(is_shown(shown, "a.xml.txt"), "{shown}");
    }
    for kept in ["text/html", "text/xml", "image/svg+xml", "application/pdf", "application/octet-stream", "text/css"] {
        assert!(!is_shown(kept, "a.txt"), "{kept}");
    }
    for name in ["a.html", "a.JS", "a.svg ", ".xhtml"] {
        assert!(!is_shown(PLAIN_TEXT, name), "{name}");
    }
}

/// An Office document whose list of types comes last, behind parts of any size, as openpyxl writes it.
fn office(folder: &str, main: &str) -> Vec<u8> {
    let (large, list) = (vec![b'x'; 20_000], types_list(main));
    zip(&[("docProps/app.xml", &large), (&format!("{folder}main.xml"), &large), ("[Content_Types].xml", &list)])
}

#[tokio::test]
async fn an_office_document_is_told_by_its_list_of_types_wherever_that_stands() {
    let office_prefix = "application/vnd.openxmlformats-officedocument";
    for (folder, main, expected) in [
        ("word/", "wordprocessingml.document.main+xml", "wordprocessingml.document"),
        ("word/", "wordprocessingml.template.main+xml", "wordprocessingml.template"),
        ("xl/", "spreadsheetml.sheet.main+xml", "spreadsheetml.sheet"),
        ("xl/", "spreadsheetml.template.main+xml", "spreadsheetml.template"),
        ("ppt/", "presentationml.presentation.main+xml", "presentationml.presentation"),
        ("ppt/", "presentationml.slideshow.main+xml", "presentationml.slideshow"),
    ] {
        let bytes = office(folder, &format!("{office_prefix}.{main}"));
        assert_eq!(kind(&bytes).await, format!("{office_prefix}.{expected}"));
    }
    let macros = office("xl/", "application/vnd.ms-excel.sheet.macroEnabled.main+xml");
    assert_eq!(kind(&macros).await, "application/vnd.ms-excel.sheet.macroEnabled.12");
    assert_eq!(kind(&office("3D/", "application/vnd.ms-package.3dmanufacturing-3dmodel+xml")).await, "application/zip");
    let pages = zip(&[("word/document.xml", b"<w/>")]);
    assert_eq!(kind(&pages).await, "application/zip", "a folder of this name alone is none");
}

#[tokio::test]
async fn a_list_of_types_that_cannot_be_read_leaves_the_names() {
    let mut document = zip(&[("[Content_Types].xml", b"packed"), ("word\\document.xml", b"x")]);
    let method = document.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap() + 10;
    document[method] = 99;
    assert_eq!(kind(&document).await, "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
    document[method] = 8;
    assert_eq!(kind(&document).await, "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
}

#[tokio::test]
async fn other_archives_are_what_they_say_or_archives() {
    let odt: &[u8] = b"application/vnd.oasis.opendocument.text";
    let manifest = ("META-INF/manifest.xml", &b"<manifest/>"[..]);
    for (entries, expected) in [
        (vec![("mimetype", odt), manifest], "application/vnd.oasis.opendocument.text"),
        (vec![manifest, ("mimetype", odt)], "application/vnd.oasis.opendocument.text"),
        (
            vec![("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")],
            "application/vnd.oasis.opendocument.spreadsheet",
        ),
        (vec![("mimetype", b"application/epub+zip\n")], "application/epub+zip"),
        (vec![("mimetype", b"text/html")], "application/zip"),
        (vec![("META-INF/MANIFEST.MF", b""), ("word/A.class", b"")], "application/java-archive"),
        (vec![("META-INF/MANIFEST.MF", b""), ("AndroidManifest.xml", b"")], "application/vnd.android.package-archive"),
        (vec![("a.docx", &zip(&[("word/document.xml", b"")])[..])], "application/zip"),
        (vec![], "application/zip"),
    ] {
        assert_eq!(kind(&zip(&entries)).await, expected, "{entries:?}");
    }
    let document = office("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml");
    assert_eq!(kind(&document[..document.len() - 30]).await, "application/zip", "an archive that is cut off");
}

#[tokio::test]
async fn an_archive_may_be_large_have_a_comment_and_something_before_it() {
    let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let mut bytes = office("xl/", &format!("{sheet}.main+xml"));
    let end = bytes.len() - 22;
    let (size, at) = (&bytes[end + 12..end + 16].to_vec(), &bytes[end + 16..end + 20].to_vec());
    let large = [b"PK\x06\x06", &[0; 36][..], size, &[0; 4], at, &[0; 4]].concat();
    let locator = [b"PK\x06\x07", &[0; 4][..], &(end as u64).to_le_bytes(), &[0; 4]].concat();
    bytes.splice(end.., [large, locator, zip_end(0xffff, u32::MAX, u32::MAX)].concat());
    assert_eq!(kind(&bytes).await, sheet, "a large one");

    let plain = office("xl/", &format!("{sheet}.main+xml"));
    let mut commented = plain.clone();
    let length = commented.len();
    commented[length - 2] = 30;
    commented.extend([&b"PK\x05\x06"[..], &[7; 26]].concat());
    assert_eq!(kind(&commented).await, sheet, "one whose comment looks like an end");
    assert_eq!(kind(&[&zip(&[("a", b"")])[..31], &plain[..]].concat()).await, sheet, "one behind something");
}

#[tokio::test]
async fn a_compound_file_is_told_by_what_stands_below_its_root() {
    for (stream, expected) in [
        ("WordDocument", "application/msword"),
        ("Workbook", "application/vnd.ms-excel"),
        ("PowerPoint Document", "application/vnd.ms-powerpoint"),
        ("__properties_version1.0", "application/vnd.ms-outlook"),
        ("Anything", "application/x-ole-storage"),
    ] {
        let (one, two) = (("\u{5}SummaryInformation", -1, 2, -1), (stream, -1, -1, -1));
        assert_eq!(kind(&compound(&[one, two], 0)).await, expected);
        assert_eq!(kind(&compound(&[one, two], 3_000)).await, expected, "with its directory at the end");
    }
    let embedded = compound(&[("ObjectPool", 2, -1, 3), ("WordDocument", 1, 0, -1), ("Workbook", -1, -1, -1)], 0);
    assert_eq!(kind(&embedded).await, "application/msword");
    let folder = compound(&[("ObjectPool", -1, -1, 2), ("Workbook", -1, -1, -1)], 0);
    assert_eq!(kind(&folder).await, "application/x-ole-storage");
}

#[tokio::test]
async fn films_and_sounds_are_told_by_their_tracks() {
    let ftyp = |brand: &str| mp4_box("ftyp", &[brand.as_bytes(), b"\0\0\0\0isom"].concat());
    let data = mp4_box("mdat", &[0; 30_000]);
    for (brand, handlers, expected) in [
        ("isom", vec!["soun", "vide"], "video/mp4"),
        ("isom", vec!["soun"], "audio/mp4"),
        ("M4A ", vec!["soun"], "audio/mp4"),
        ("M4A ", vec![], "audio/mp4"),
        ("M4V ", vec!["vide"], "video/x-m4v"),
        ("qt  ", vec!["vide", "soun"], "video/quicktime"),
        ("qt  ", vec!["soun"], "audio/mp4"),
        ("3gp4", vec!["soun"], "audio/3gpp"),
        ("3gp4", vec!["vide"], "video/3gpp"),
        ("3g2a", vec!["soun"], "audio/3gpp2"),
        ("iso9", vec!["hint"], "video/mp4"),
    ] {
        let (begins, film) = (ftyp(brand), moov(&handlers));
        assert_eq!(kind(&[&begins[..], &data, &film].concat()).await, expected, "{brand} {handlers:?} at the end");
        assert_eq!(
            kind(&[&begins[..], &film, &data].concat()).await,
            expected,
            "{brand} {handlers:?} at the beginning"
        );
    }
    assert_eq!(kind(&[moov(&["soun"]), data].concat()).await, "audio/mp4", "QuickTime without a brand");
    for (doc_type, tracks, expected) in [
        ("webm", &[1, 2][..], "video/webm"),
        ("webm", &[2], "audio/webm"),
        ("matroska", &[2, 17], "audio/x-matroska"),
        ("matroska", &[2, 1], "video/x-matroska"),
    ] {
        assert_eq!(kind(&matroska(doc_type, tracks)).await, expected, "{tracks:?}");
    }
    let (vorbis, theora) = (ogg_page(2, b"\x01vorbis...."), ogg_page(2, b"\x80theora..."));
    let rest = ogg_page(0, b"\x81theora");
    assert_eq!(kind(&[&vorbis[..], &theora, &rest].concat()).await, "video/ogg");
    assert_eq!(kind(&[&theora[..], &vorbis].concat()).await, "video/ogg");
    assert_eq!(kind(&[&vorbis[..], &rest, &theora].concat()).await, "audio/ogg", "what comes later begins no stream");
    assert_eq!(kind(&ogg_page(2, b"OpusHead...........")).await, "audio/ogg");
    assert_eq!(kind(b"OggS").await, "audio/ogg");
    assert_eq!(kind(&asf(&[1, 0])).await, "video/x-ms-wmv");
    assert_eq!(kind(&asf(&[0])).await, "audio/x-ms-wma");
}

/// Bytes under a budget of time: what no honest program makes costs no more than what one does.
#[tokio::test]
async fn hostile_files_cost_no_more_than_others() {
    let entry = [&b"PK\x01\x02"[..], &[0; 24], &[1, 0], &[0; 16], b"a"].concat();
    let mut million = [&b"PK\x03\x04"[..], &entry.repeat(1_000_000)].concat();
    let size = million.len() as u32 - 4;
    million.extend(zip_end(0xffff, size, 4));
    let lying = [b"\x1a\x45\xdf\xa3\x08\xff\xff\xff\xff\xff\xff\xff", &[0xec, 0x80].repeat(100_000)[..]].concat();
    let deep = (0..10_000).fold(Vec::new(), |inner, _| mp4_box("moov", &inner[..inner.len().min(100_000)]));
    let boxes = [mp4_box("ftyp", b"isom\0\0\0\0"), mp4_box("free", b"").repeat(200_000)].concat();
    let mut circle = compound(&[("Anything", 1, 1, 1)], 0);
    let table = circle.len() - 512;
    circle[table..].copy_from_slice(&0_u32.to_le_bytes().repeat(128));
    let far = matroska("webm", &[]).repeat(10);
    for (bytes, expected) in [
        (million, "application/zip"),
        (zip_end(0, u32::MAX - 1, u32::MAX - 1), "application/zip"),
        (lying, "video/x-matroska"),
        (deep, "video/quicktime"),
        (boxes, "video/mp4"),
        (circle, "application/x-ole-storage"),
        (far, "video/webm"),
    ] {
        let began = std::time::Instant::now();
        assert_eq!(kind(&bytes).await, expected);
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{expected} took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn however_a_file_is_cut_or_broken_it_is_something() {
    let files = [
        office("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"),
        compound(&[("Workbook", -1, -1, -1)], 1),
        [mp4_box("ftyp", b"isom\0\0\0\0"), moov(&["vide", "soun"])].concat(),
        matroska("webm", &[1, 2]),
        ogg_page(2, b"\x80theora"),
    ];
    for whole in files {
        for cut in (1..whole.len()).step_by((whole.len() / 200).max(1)) {
            kind_as(&whole[..cut], Some("text/plain")).await;
            let mut broken = whole.clone();
            broken[cut] ^= 0xff;
            kind(&broken).await;
        }
    }
}

#[tokio::test]
async fn a_length_beyond_all_numbers_ends_the_look_into_a_film() {
    for length in [u64::MAX, u64::MAX - 30, u64::MAX - 60, 1 << 63] {
        let object = [&[0; 16][..], &length.to_le_bytes()].concat();
        let film = [&asf(&[])[..16], &u64::MAX.to_le_bytes(), &[0; 6], &object, &[0; 100]].concat();
        assert_eq!(kind(&film).await, "video/x-ms-wmv");
    }
}

/// Files in a folder of their own, of which a probe has the first bytes alone.
struct Folder {
    path: std::path::PathBuf,
    blobs: Blobs,
}

impl Folder {
    async fn new() -> Self {
        let path = std::env::temp_dir().join(format!("confab_kind_{}", uuid::Uuid::new_v4().simple()));
        let mut config = Config::default();
        config.storage.url = Some(format!("file:{}", path.display()));
        Self { blobs: Blobs::open(&config).await.unwrap(), path }
    }

    async fn kind(&self, bytes: Vec<u8>) -> &'static str {
        let (head, size) = (Bytes::copy_from_slice(&bytes[..SNIFFED_BYTES]), bytes.len() as u64);
        self.blobs.put("a", bytes.into()).await.unwrap();
        self.settle(head, size).await.unwrap()
    }

    async fn settle(&self, head: Bytes, size: u64) -> Result<&'static str> {
        let kind = Kind::of(&head, None);
        let mut probe = Probe::new(head, size, Some(Stored { blobs: &self.blobs, key: "a" }));
        kind.settle(&Text::default(), &mut probe).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.path).ok();
    }
}

#[tokio::test]
async fn what_is_not_at_hand_is_read_from_the_storage() {
    let folder = Folder::new().await;
    let film = [mp4_box("ftyp", b"isom\0\0\0\0"), mp4_box("mdat", &vec![0; 900_000]), moov(&["soun"])].concat();
    let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let large = vec![b'x'; 900_000];
    let list = types_list(&format!("{sheet}.main+xml"));
    let book = zip(&[("xl/a.xml", &large), ("[Content_Types].xml", &list), ("xl/b.xml", &large)]);
    let old = compound(&[("Workbook", -1, -1, -1)], 40_000);
    for (bytes, expected) in [(film, "audio/mp4"), (book.clone(), sheet), (old, "application/vnd.ms-excel")] {
        assert_eq!(folder.kind(bytes).await, expected);
    }
    folder.blobs.delete("a").await.unwrap();
    let missing = folder.settle(Bytes::copy_from_slice(&book[..SNIFFED_BYTES]), book.len() as u64).await;
    assert!(missing.is_err(), "what cannot be read is not judged");
}

#[tokio::test]
async fn beyond_its_budget_a_file_is_told_by_its_beginning() {
    let folder = Folder::new().await;
    let list = types_list("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml");
    let names: Vec<String> = (0..80_000).map(|number| number.to_string()).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let behind = zip(&[&many[..], &[("[Content_Types].xml", &list)]].concat());
    assert_eq!(folder.kind(behind).await, "application/zip");
    let far = mp4_box("free", &vec![0; 20_000]).repeat(200);
    let film = [mp4_box("ftyp", b"isom\0\0\0\0"), far, moov(&["soun"])].concat();
    assert_eq!(folder.kind(film).await, "video/mp4");
}
