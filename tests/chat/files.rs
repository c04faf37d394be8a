//! Files: what comes back, who may read it, what is refused, and what becomes of what nobody needs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use serde_json::{Value as Json, json};

use crate::server::Server;
use crate::sockets::until;
use crate::uploads::{self, Got, file, form, id, of, part};

/// A folder for files that a test can look into.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("confab_files_{}", uuid::Uuid::new_v4().simple()))
}

/// Every file below a folder.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // What tells the folder from others is nobody's file.
    let entries = entries.filter(|path| !path.ends_with("confab-storage-id"));
    entries.flat_map(|path| if path.is_dir() { kept(&path) } else { vec![path] }).collect()
}

async fn database(server: &Server) -> DatabaseConnection {
    Database::connect(server.database_url()).await.expect("the database answers")
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_file_comes_back_byte_for_byte_on_both_doors() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let uploaded = alice.post_form(form(&[file("Übung 1.bin", "application/x-thing", &bytes)])).await;
    let order = ["id", "fileName", "contentType", "size", "url", "thumbnailUrl", "width", "height", "createdAt"];
    let places: Vec<_> = order.iter().map(|field| uploaded.text.find(&format!("\"{field}\":"))).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{}", uploaded.text);
    let uploaded = uploaded.ok();
    let known = json!({ "fileName": "Übung 1.bin", "contentType": "application/octet-stream", "size": 3_000_000,
        "thumbnailUrl": null, "width": null, "height": null });
    for (field, value) in known.as_object().unwrap() {
        assert_eq!(&uploaded[field], value, "{field}");
    }
    let path = format!("/api/files/{}", id(&uploaded));
    let by_rest = alice.get_any(&path).await.ok();
    let query =
        "query($id: ID!) { file(id: $id) { id fileName contentType size url thumbnailUrl width height createdAt } }";
    let mut by_gql = alice.gql_ok(query, json!({ "id": id(&uploaded) })).await["file"].clone();
    by_gql["id"] = json!(id(&uploaded));
    for field in order.iter().filter(|field| **field != "url") {
        assert_eq!((&by_rest[field], &by_gql[field]), (&uploaded[field], &uploaded[field]), "{field}");
    }
    let got = alice.get_bytes(&format!("{path}/content"), &[]).await;
    assert!(got.status == 200 && got.bytes == bytes);
    let headers = [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename=\"_bung 1.bin\"; filename*=UTF-8''%C3%9Cbung%201.bin"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("content-length", "3000000"),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-cache"),
    ];
    for (name, value) in headers {
        assert_eq!(got.header(name), value, "{name}");
    }
    alice.get_any(&format!("{path}/thumbnail")).await.refused(404, "NOT_FOUND", "File not found");
    let head = Got::of(alice.request(Method::HEAD, &format!("{path}/content"))).await;
    assert_eq!((head.status, head.header("content-length"), head.bytes.len()), (200, "3000000", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_a_tag_and_what_is_no_range() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let path = format!("/api/files/{}/content", id(&alice.upload("a.txt", "text/plain", b"0123456789").await));
    for (range, status, bytes, told) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("lines=1-2", 200, "0123456789", ""),
        ("bytes=0-,0-,0-", 200, "0123456789", ""),
        (&"bytes=0-1,".repeat(500), 200, "0123456789", ""),
    ] {
        let got = alice.get_bytes(&path, &[("range", range)]).await;
        assert_eq!((got.status, got.header("content-range")), (status, told), "{range}");
        assert_eq!(
            (got.bytes.as_slice(), got.header("content-length")),
            (bytes.as_bytes(), bytes.len().to_string().as_str())
        );
    }
    for range in ["bytes=10-", "bytes=-0", "bytes=5-2", "bytes=--1"] {
        let refused = alice.fetch(alice.request(Method::GET, &path).header("range", range)).await;
        refused.refused(416, "RANGE_NOT_SATISFIABLE", "This range is not in the file");
        assert_eq!(refused.header("content-range"), Some("bytes */10"));
    }
    let tag = alice.get_bytes(&path, &[]).await.header("etag").to_owned();
    assert!(tag.len() > 10 && tag.starts_with('"'), "{tag}");
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let got = alice.get_bytes(&path, &[("if-none-match", &known)]).await;
        assert_eq!((got.status, got.bytes.len(), got.header("etag")), (304, 0, tag.as_str()), "{known}");
    }
    assert_eq!(alice.get_bytes(&path, &[("if-none-match", "\"x\"")]).await.status, 200);
    assert_eq!(alice.get_bytes(&path, &[("range", "bytes=1-1"), ("if-range", &tag)]).await.status, 206);
    assert_eq!(alice.get_bytes(&path, &[("range", "bytes=1-1"), ("if-range", "\"x\"")]).await.status, 200);
}

/// A link as the server would have signed it, with the key of its database.
async fn signed(server: &Server, file: i64, part: &str, expires: i64) -> String {
    let db = database(server).await;
    let sql = "SELECT link_key FROM chat_log";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    let key: String = row.try_get_by_index(0).unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{file}.{part}.{expires}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("/api/files/{file}/{part}?expires={expires}&signature={signature}")
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.expect("the server answers").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_uploader_those_in_its_conversation_and_holders_of_a_link_read_a_file() {
    let mut server = Server::start().await;
    let alice = server.person("Alice").await;
    let (bob, carol, dave) = (server.person("Bob").await, server.person("Carol").await, server.person("Dave").await);
    let room = alice.group("Room", &[&bob, &carol]).await;
    let picture = alice.upload("a.png", "image/png", &png(400, 200)).await;
    let other = alice.upload("b.png", "image/png", &png(10, 10)).await;
    let (file, now) = (id(&picture), crate::server::now());
    let anonymous = reqwest::Client::new();
    let parts =
        [format!("/api/files/{file}"), format!("/api/files/{file}/content"), format!("/api/files/{file}/thumbnail")];
    let check = async |who: &crate::person::Person, expected: u16, why: &str| {
        for path in &parts {
            assert_eq!(status(who.request(Method::GET, path)).await, expected, "{why}: {path}");
        }
        let found = who.gql("query($id: ID!) { file(id: $id) { id } }", json!({ "id": file })).await;
        assert_eq!(found.get("errors").is_none(), expected == 200, "{why}: {found}");
    };
    check(&alice, 200, "the uploader before sending").await;
    check(&bob, 404, "a participant before sending").await;
    let message = alice.send_files(room, &[file]).await;
    check(&alice, 200, "the uploader").await;
    check(&bob, 200, "a participant").await;
    check(&dave, 404, "a stranger").await;
    alice.delete(&format!("/conversations/{room}/participants/{}", carol.id)).await.ok();
    check(&carol, 404, "somebody who was removed").await;
    for path in &parts {
        let refused = anonymous.get(server.url(path)).send().await.unwrap();
        assert_eq!(refused.status(), 401, "nobody: {path}");
    }

    let shown = bob.get(&format!("/conversations/{room}/messages")).await.ok();
    let attachment = &shown[0]["attachments"][0];
    let url = attachment["url"].as_str().unwrap().to_owned();
    let small = attachment["thumbnailUrl"].as_str().unwrap().to_owned();
    let links = [
        (url.clone(), 200, "a link"),
        (small.clone(), 200, "a link to the thumbnail"),
        (picture["url"].as_str().unwrap().to_owned(), 200, "the uploader's link"),
        (signed(&server, file, "content", now + 60).await, 200, "a link that is not over"),
        (signed(&server, file, "content", now - 2).await, 404, "a link that is over"),
        (url.replace(&format!("/{file}/"), &format!("/{}/", id(&other))), 404, "a link of another file"),
        (url.replace("/content", "/thumbnail"), 404, "a link of another part"),
        (url.replace("expires=1", "expires=2"), 404, "a link made longer"),
        (format!("{url}A"), 404, "a link with another signature"),
        (url.replace("signature=", "signature=*"), 404, "a link without any signature"),
        (format!("{}?expires=1", parts[1]), 401, "half a link"),
    ];
    for (link, expected, why) in &links {
        assert_eq!(status(anonymous.get(server.url(link))).await, *expected, "{why}: {link}");
    }
    assert_eq!(status(alice.request(Method::GET, &links[4].0)).await, 200, "a link that is over, with a token");
    assert_eq!(
        status(dave.request(Method::GET, &links[4].0)).await,
        404,
        "a link that is over, with a stranger's token"
    );

    server.stop().await;
    server.resume().await;
    assert_eq!(status(anonymous.get(server.url(&url))).await, 200, "a link after a restart");
    let alice = server.somebody(alice.id, &alice.token, "Alice");
    alice.delete(&format!("/messages/{message}")).await.ok();
    for (path, why) in [(&parts[0], "the uploader after deletion"), (&parts[1], "its bytes after deletion")] {
        assert_eq!(status(alice.request(Method::GET, path)).await, 404, "{why}");
    }
    assert_eq!(status(anonymous.get(server.url(&url))).await, 404, "a link after deletion");
    assert_eq!(status(anonymous.get(server.url(&small))).await, 404, "a link to the thumbnail after deletion");
}

/// The type and the bytes that are sent, and what they are kept as.
const HOSTILE: [(&str, &str, &[u8], &str, &str); 11] = [
    ("a.png", "image/png", b"<!DOCTYPE html><script>alert(1)</script>", "text/html", "attachment"),
    ("a.png", "image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR<script>alert(1)</script>", "image/png", "inline"),
    ("a.svg", "image/svg+xml", b"<svg onload=alert(1)>", "application/octet-stream", "attachment"),
    ("a.svg", "image/svg+xml", b"<?xml version=\"1.0\"?><svg onload='alert(1)'/>", "text/xml", "attachment"),
    ("a.html", "text/html", b"<b>alert</b>", "text/html", "attachment"),
    ("a.xhtml", "application/xhtml+xml", b"<html xmlns='x'/>", "text/html", "attachment"),
    ("a.mht", "multipart/related", b"MIME-Version: 1.0\r\n", "application/octet-stream", "attachment"),
    ("a.js", "text/javascript", b"alert(1)", "text/plain", "attachment"),
    ("a.html", "text/html", b"hello <script>alert(1)</script>", "text/plain", "attachment"),
    ("a.txt", "text/plain", b"hello <script>alert(1)</script>", "text/plain", "inline"),
    ("a.pdf", "text/plain", b"%PDF-1.7 /JavaScript", "application/pdf", "attachment"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_might_run_is_a_download_whatever_it_calls_itself() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for (name, declared, bytes, kind, treated) in HOSTILE {
        let kept = alice.upload(name, declared, bytes).await;
        assert_eq!(kept["contentType"], kind, "{name} as {declared}");
        let got = alice.get_bytes(&format!("/api/files/{}/content", id(&kept)), &[]).await;
        assert_eq!(got.bytes, bytes, "{name}");
        assert!(got.header("content-disposition").starts_with(treated), "{name}: {:?}", got.headers);
        assert!(got.header("content-type").starts_with(kind), "{name}: {:?}", got.headers);
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("content-security-policy"), "sandbox; default-src 'none'");
        assert_eq!((&kept["width"], &kept["thumbnailUrl"]), (&Json::Null, &Json::Null), "{name}");
    }
}

/// A PNG that says it has these sides and holds next to nothing.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
        })
    };
    let chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
    };
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let data = [0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1];
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &head), &chunk(b"IDAT", &data), &chunk(b"IEND", &[])].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_decoded_within_limits_is_a_file_without_dimensions() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let broken = &png(50, 50)[..60];
    let cases: [(&str, Vec<u8>); 6] = [
        ("100,000 pixels on a side", bomb(100_000, 100_000)),
        ("as many as a number holds", bomb(u32::MAX >> 1, u32::MAX >> 1)),
        ("256 MB of pixels", bomb(8_000, 8_000)),
        ("no pixels", bomb(0, 0)),
        ("a file that breaks off", broken.to_vec()),
        ("a head alone", b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec()),
    ];
    for (what, bytes) in cases {
        let started = std::time::Instant::now();
        let kept = alice.upload("a.png", "image/png", &bytes).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{what}");
        assert_eq!(
            (&kept["width"], &kept["height"], &kept["thumbnailUrl"]),
            (&Json::Null, &Json::Null, &Json::Null),
            "{what}"
        );
        assert_eq!(alice.get_bytes(&format!("/api/files/{}/content", id(&kept)), &[]).await.bytes, bytes, "{what}");
    }
}

/// A JPEG whose camera was held upright (orientation 6) and says where it was.
fn photo() -> Vec<u8> {
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(640, 480, |x, _| if x < 320 { image::Rgb([255, 0, 0]) } else { image::Rgb([0, 0, 255]) })
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let jpeg = jpeg.into_inner();
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(b"GPS 52.5200 N 13.4050 E");
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_get_their_dimensions_and_a_small_picture_without_what_the_camera_knew() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let mut gif = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        let frames = (0..300).map(|_| image::Frame::new(image::RgbaImage::new(20, 10)));
        encoder.encode_frames(frames).unwrap();
    }
    let mut webp = std::io::Cursor::new(Vec::new());
    image::RgbaImage::new(33, 44).write_to(&mut webp, image::ImageFormat::WebP).unwrap();
    let cases = [
        ("image/png", png(1000, 500), (1000, 500), (320, 160), "image/jpeg"),
        ("image/jpeg", photo(), (480, 640), (240, 320), "image/jpeg"),
        ("image/gif", gif, (20, 10), (20, 10), "image/png"),
        ("image/webp", webp.into_inner(), (33, 44), (33, 44), "image/png"),
    ];
    for (kind, bytes, size, small, small_kind) in cases {
        let kept = alice.upload("picture", "application/octet-stream", &bytes).await;
        assert_eq!(
            (&kept["contentType"], &kept["width"], &kept["height"]),
            (&json!(kind), &json!(size.0), &json!(size.1)),
            "{kind}"
        );
        let got = alice.get_bytes(&format!("/api/files/{}/thumbnail", id(&kept)), &[]).await;
        assert_eq!((got.status, got.header("content-type")), (200, small_kind), "{kind}");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        let picture = image::load_from_memory(&got.bytes).unwrap();
        assert_eq!((picture.width(), picture.height()), small, "{kind}");
        assert!(
            !got.bytes.windows(4).any(|bytes| bytes == b"Exif") && !got.bytes.windows(3).any(|bytes| bytes == b"GPS")
        );
        let original = alice.get_bytes(&format!("/api/files/{}/content", id(&kept)), &[]).await;
        assert!(original.bytes == bytes && original.header("content-disposition").starts_with("inline"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_be_called_anything_that_is_a_name() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    for name in
        ["../../etc/passwd", "CON", ".htaccess", "a;b=c,d.txt", "日本.txt", "100%.txt", "a'b.txt", &"é".repeat(255)]
    {
        let kept = alice.upload(name, "text/plain", b"x").await;
        assert_eq!(kept["fileName"], name);
        let got = alice.get_bytes(&format!("/api/files/{}/content", id(&kept)), &[]).await;
        let (_, full) = got.header("content-disposition").split_once("filename*=UTF-8''").unwrap();
        assert_eq!(percent_encoding::percent_decode_str(full).decode_utf8().unwrap(), name);
    }
    let long = "a".repeat(256);
    for name in ["", " ", "a\tb.txt", "\u{202e}gpj.exe", "<b>.txt", &long, "a\u{0}b", "a\rSet-Cookie: x=y"] {
        let refused = alice.post_form(form(&[file(name, "text/plain", b"x")])).await;
        refused.refused_with(400, "BAD_REQUEST");
        assert!(refused.header("set-cookie").is_none());
    }
    let injected = file("a\r\nSet-Cookie: x=y", "text/plain", b"x");
    alice.post_form(form(&[injected])).await.refused_with(400, "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_forms_are_refused_and_leave_nothing() {
    let folder = folder();
    let url = format!("file:{}", folder.display());
    let server = Server::start_with(|config| {
        config.storage.url = Some(url);
        config.chat.max_file_size_mb = 1;
    })
    .await;
    let alice = server.person("Alice").await;
    let text = |bytes: &[u8]| file("a.txt", "text/plain", bytes);
    let mb = vec![b'x'; 1_048_576];
    let too_large = [mb.clone(), vec![b'x']].concat();
    let far_too_large = vec![b'x'; 3 << 20];
    let many: Vec<Vec<u8>> =
        (0..10_000).map(|n| part(&format!("Content-Disposition: form-data; name=\"{n}\""), b"")).collect();
    let cases: [(&str, Vec<u8>, u16); 14] = [
        ("one byte too many", form(&[text(&too_large)]), 413),
        ("far too many", form(&[text(&far_too_large)]), 413),
        ("an empty file", form(&[text(b"")]), 400),
        ("no parts", form(&[]), 400),
        ("nothing", Vec::new(), 400),
        ("another part", form(&[part("Content-Disposition: form-data; name=\"other\"", b"x")]), 400),
        ("two files", form(&[text(b"x"), text(b"y")]), 400),
        ("a file without a name", form(&[part("Content-Disposition: form-data; name=\"file\"", b"x")]), 400),
        ("a part without a name", form(&[part("Content-Disposition: form-data; filename=\"a\"", b"x")]), 400),
        ("10,000 parts", form(&many), 400),
        ("no end", text(b"x"), 400),
        ("a head without end", [b"--a-boundary-of-tests\r\nX: ".to_vec(), vec![b'x'; 900_000]].concat(), 400),
        (
            "a conversation that is no id",
            form(&[part("Content-Disposition: form-data; name=\"conversationId\"", b""), text(b"x")]),
            400,
        ),
        ("a conversation that does not exist", form(&[text(b"x"), of(999)]), 404),
    ];
    for (what, body, expected) in cases {
        let refused = alice.post_form(body).await;
        assert_eq!(refused.status, expected, "{what}: {}", refused.text);
        assert_eq!((&refused.body["success"], &refused.body["data"]), (&json!(false), &Json::Null), "{what}");
    }
    // Without a length in its head, a body is counted as it comes.
    let pieces: Vec<std::io::Result<Vec<u8>>> =
        form(&[text(&far_too_large)]).chunks(50_000).map(|piece| Ok(piece.to_vec())).collect();
    let endless = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    alice.post_form(endless).await.refused(413, "PAYLOAD_TOO_LARGE", "A file can have at most 1 MB here");

    let whole = form(&[text(b"x")]);
    for (header, value, status, code) in [
        ("content-type", "multipart/form-data", 400, "BAD_REQUEST"),
        ("content-type", "application/json", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("content-encoding", "gzip", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let mut request = alice.request(Method::POST, "/api/files").body(whole.clone());
        if header != "content-type" {
            request = request.header("content-type", "multipart/form-data; boundary=a-boundary-of-tests");
        }
        alice.fetch(request.header(header, value)).await.refused_with(status, code);
    }
    assert_eq!(status(reqwest::Client::new().post(server.url("/api/files")).body(whole)).await, 401);
    until("what was begun is removed", async || kept(&folder).is_empty()).await;
    let db = database(&server).await;
    assert_eq!(number(&db, "SELECT count(*) FROM chat_files WHERE deleted_at IS NULL").await, 0);
    assert_eq!(alice.post_form(form(&[text(&mb)])).await.status, 201);
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_conversation_hold_at_upload_and_again_at_sending() {
    let server =
        Server::start_with(|config| config.chat.allowed_file_types = vec!["image/*".into(), "text/*".into()]).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let input = json!({ "name": "Room", "participantIds": [], "maxFileSizeMb": 1, "allowedFileTypes": ["image/png", "application/pdf"] });
    let room = id(&alice.post("/conversations", input).await.ok());
    let small = file("a.png", "image/png", &png(10, 10));
    let large = file("a.png", "image/png", &[png(10, 10), vec![0; 1_100_000]].concat());
    let text = file("a.txt", "text/plain", b"text");
    let pdf = file("a.pdf", "application/pdf", b"%PDF-1.7");
    for parts in [[of(room), large.clone()], [large.clone(), of(room)]] {
        alice.post_form(form(&parts)).await.refused(413, "PAYLOAD_TOO_LARGE", "A file can have at most 1 MB here");
    }
    for parts in [[of(room), text.clone()], [text.clone(), of(room)], [of(room), pdf.clone()]] {
        let refused = alice.post_form(form(&parts)).await;
        refused.refused(415, "UNSUPPORTED_MEDIA_TYPE", "Files of this type are not taken here");
    }
    alice.post_form(form(&[pdf])).await.refused_with(415, "UNSUPPORTED_MEDIA_TYPE");
    let not_in = bob.post_form(form(&[of(room), small.clone()])).await;
    not_in.refused(403, "FORBIDDEN", "You are not a participant in this conversation");
    assert_eq!(alice.post_form(form(&[small.clone(), of(room)])).await.status, 201);

    let path = format!("/conversations/{room}/messages");
    for (parts, status, code) in [(large, 413, "PAYLOAD_TOO_LARGE"), (text, 415, "UNSUPPORTED_MEDIA_TYPE")] {
        let uploaded = id(&alice.post_form(form(&[parts])).await.ok());
        alice.post(&path, json!({ "attachmentIds": [uploaded] })).await.refused_with(status, code);
    }
    let uploaded = id(&alice.post_form(form(std::slice::from_ref(&small))).await.ok());
    alice.put(&format!("/conversations/{room}"), json!({ "allowFileUploads": false })).await.ok();
    let off = "Files are switched off in this conversation";
    alice.post(&path, json!({ "attachmentIds": [uploaded] })).await.refused(403, "FORBIDDEN", off);
    alice.post_form(form(&[of(room), small.clone()])).await.refused(403, "FORBIDDEN", off);
    alice.post_form(form(&[small, of(room)])).await.refused(403, "FORBIDDEN", off);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_upload_of_a_minute_waits() {
    let server = Server::start_with(|config| config.limits.uploads_per_minute = 10).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    for _ in 0..10 {
        alice.upload("a.txt", "text/plain", b"x").await;
    }
    let refused = alice.post_form(form(&[file("a.txt", "text/plain", b"x")])).await;
    refused.refused_with(429, "RATE_LIMITED");
    assert!(refused.header("retry-after").is_some());
    bob.upload("a.txt", "text/plain", b"x").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_go_with_the_message_and_with_what_nobody_sent() {
    let folder = folder();
    let url = format!("file:{}", folder.display());
    let server = Server::start_with(|config| config.storage.url = Some(url)).await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let room = alice.group("Room", &[&bob]).await;
    let picture = id(&alice.upload("a.png", "image/png", &png(10, 10)).await);
    let (first, second) = (alice.send_files(room, &[picture]).await, alice.send_files(room, &[picture]).await);
    let waiting = id(&alice.upload("b.txt", "text/plain", b"waiting").await);
    let young = id(&alice.upload("c.txt", "text/plain", b"young").await);
    assert_eq!(kept(&folder).len(), 4, "two pictures and two texts");
    assert!(kept(&folder).iter().all(|path| !path.to_string_lossy().contains(".png")));

    alice.delete(&format!("/messages/{first}")).await.ok();
    assert_eq!(bob.get_any(&format!("/api/files/{picture}")).await.status, 200, "another message holds it");
    alice.delete(&format!("/messages/{second}")).await.ok();
    let deleted = alice.post(&format!("/conversations/{room}/messages"), json!({ "attachmentIds": [picture] })).await;
    deleted.refused(404, "NOT_FOUND", "File not found");
    until("the bytes of a deleted message are removed", async || kept(&folder).len() == 2).await;

    // A file of yesterday is given up at the next start, when everything has its turn.
    let db = database(&server).await;
    let sql = format!("UPDATE chat_files SET created_at = '2026-01-01T00:00:00+00:00' WHERE id = {waiting}");
    db.execute_unprepared(&sql).await.unwrap();
    let mut server = server;
    server.stop().await;
    server.resume().await;
    until("what nobody sent is removed", async || kept(&folder).len() == 1).await;
    let alice = server.somebody(alice.id, &alice.token, "Alice");
    assert_eq!(alice.get_any(&format!("/api/files/{waiting}")).await.status, 404);
    assert_eq!(alice.get_any(&format!("/api/files/{young}")).await.status, 200);
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_is_never_seen_and_is_swept() {
    use tokio::io::AsyncWriteExt;

    let folder = folder();
    let url = format!("file:{}", folder.display());
    let server = Server::start_with(|config| config.storage.url = Some(url)).await;
    let alice = server.person("Alice").await;
    let mut socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 9000000\r\n\
         Content-Type: multipart/form-data; boundary=a-boundary-of-tests\r\n\r\n",
        alice.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&file("a.bin", "application/octet-stream", &vec![7; 1_000_000])[..900_000]).await.unwrap();
    until("the bytes come to the disk", async || kept(&folder).len() == 1).await;
    assert!(kept(&folder)[0].to_string_lossy().contains('#'), "half a file is none");
    drop(socket);
    until("half a file is removed", async || kept(&folder).is_empty()).await;

    // Where the process is killed, nobody removes it but the sweep, by the row that was written before it.
    let db = database(&server).await;
    let sql = "SELECT storage_key FROM chat_files WHERE deleted_at IS NOT NULL";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    let key: String = row.try_get_by_index(0).unwrap();
    std::fs::write(folder.join(format!("{key}#1")), b"half").unwrap();
    let number_of = "SELECT id FROM chat_files";
    assert_eq!(alice.get_any(&format!("/api/files/{}", number(&db, number_of).await)).await.status, 404);
    db.execute_unprepared("UPDATE chat_files SET deleted_at = '2026-01-01T00:00:00+00:00'").await.unwrap();
    until("what a killed process left is removed", async || kept(&folder).is_empty()).await;
    until("its row goes too", async || number(&db, "SELECT count(*) FROM chat_files").await == 0).await;
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_bytes_nothing_is_pretended() {
    let folder = folder();
    let url = format!("file:{}", folder.display());
    let server = Server::start_with(|config| config.storage.url = Some(url)).await;
    let alice = server.person("Alice").await;
    assert!(kept(&folder).is_empty());
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, b"in the way").unwrap();
    for size in [1, 5_000_000] {
        let refused = alice.post_form(form(&[file("a.bin", "x/y", &vec![7; size])])).await;
        refused.refused_with(503, "UNAVAILABLE");
    }
    let db = database(&server).await;
    assert_eq!(number(&db, "SELECT count(*) FROM chat_files WHERE deleted_at IS NULL").await, 0);
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    alice.upload("a.bin", "x/y", &[7; 5_000_000]).await;
    std::fs::remove_dir_all(folder).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_with_files_are_listed_newest_first_on_both_doors() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let room = alice.group("Room", &[]).await;
    let mut sent = Vec::new();
    for number in 0..5 {
        alice.send(room, "no file").await;
        let (one, two) =
            (alice.upload("1.txt", "text/plain", b"1").await, alice.upload("2.txt", "text/plain", b"2").await);
        let files: &[i64] = if number == 2 { &[id(&one), id(&two)] } else { &[id(&one)] };
        sent.insert(0, alice.send_files(room, files).await);
    }
    let path = format!("/conversations/{room}/attachments");
    let ids = |list: &Json| -> Vec<i64> { list.as_array().unwrap().iter().map(uploads::id).collect() };
    assert_eq!(ids(alice.get(&path).await.data()), sent);
    let page = alice.get(&format!("{path}?limit=2")).await;
    assert_eq!((ids(page.data()), &page.body["page"]["hasMore"]), (sent[..2].to_vec(), &json!(true)));
    let before = page.body["page"]["before"].as_i64().unwrap();
    let rest = alice.get(&format!("{path}?limit=3&before={before}")).await;
    assert_eq!((ids(rest.data()), &rest.body["page"]["hasMore"]), (sent[2..].to_vec(), &json!(false)));
    assert_eq!(rest.data()[0]["attachments"].as_array().unwrap().len(), 2);
    bob.get(&path).await.refused_with(403, "FORBIDDEN");
    alice.get(&format!("{path}?limit=0")).await.refused_with(400, "BAD_REQUEST");
    alice.get("/conversations/999/attachments").await.refused_with(404, "NOT_FOUND");

    let query = "query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) { conversation(id: $id) {
        attachments(first: $first, after: $after, last: $last, before: $before) {
            edges { cursor node { id attachments { fileId fileName size } } } pageInfo { hasNextPage hasPreviousPage } } } }";
    let shown = async |mut variables: Json| {
        variables["id"] = json!(room);
        let found = alice.gql_ok(query, variables).await["conversation"]["attachments"].clone();
        let nodes = found["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]);
        let ids: Vec<i64> = nodes.map(|node| node["id"].as_str().unwrap().parse().unwrap()).collect();
        (ids, found["edges"].as_array().unwrap().last().cloned().unwrap_or_default(), found["pageInfo"].clone())
    };
    assert_eq!(shown(json!({})).await.0, sent);
    let (first, last_edge, info) = shown(json!({ "first": 2 })).await;
    assert_eq!((first, info), (sent[..2].to_vec(), json!({ "hasNextPage": true, "hasPreviousPage": false })));
    let (then, _, info) = shown(json!({ "first": 9, "after": last_edge["cursor"] })).await;
    assert_eq!((then, info), (sent[2..].to_vec(), json!({ "hasNextPage": false, "hasPreviousPage": true })));
    let (back, _, info) = shown(json!({ "last": 2 })).await;
    assert_eq!((back, info), (sent[3..].to_vec(), json!({ "hasNextPage": false, "hasPreviousPage": true })));
    assert_eq!(shown(json!({ "last": 1, "before": last_edge["cursor"] })).await.0, sent[..1]);
}

/// With `CONFAB_TEST_S3=http://127.0.0.1:PORT`, upon a real S3-compatible service there; its test command starts one.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_with_an_s3_compatible_service_all_the_same() {
    let Ok(endpoint) = std::env::var("CONFAB_TEST_S3") else { return };
    let bucket = format!("confab-{}", uuid::Uuid::new_v4().simple());
    let made = reqwest::Client::new().put(format!("{endpoint}/{bucket}")).send().await.expect("the service answers");
    assert!(made.status().is_success(), "{made:?}");
    let list = async || reqwest::get(format!("{endpoint}/{bucket}?list-type=2")).await.unwrap().text().await.unwrap();
    let kept = async || list().await.matches("<Key>some/prefix/").count();
    let server = Server::start_with(|config| {
        config.storage.url = Some(format!("s3://{bucket}/some/prefix"));
        config.storage.endpoint = Some(endpoint.clone());
        config.storage.region = Some("us-east-1".to_owned());
    })
    .await;
    // What tells this storage from others.
    let own = kept().await;
    assert_eq!(own, 1);
    let alice = server.person("Alice").await;
    let room = alice.group("Room", &[]).await;
    // Less than one part of S3, and more than two.
    for size in [100, 12_000_000_u32] {
        let bytes: Vec<u8> = (0..size).map(|number| (number % 253) as u8).collect();
        let kept = alice.upload("a.bin", "x/y", &bytes).await;
        let path = format!("/api/files/{}/content", id(&kept));
        assert!(alice.get_bytes(&path, &[]).await.bytes == bytes, "{size} bytes");
        let range = alice.get_bytes(&path, &[("range", "bytes=10-19")]).await;
        assert_eq!((range.status, range.bytes.as_slice()), (206, &bytes[10..20]));
    }
    let sound = alice.upload("a.m4a", "x/y", &crate::file_kinds::recording("soun")).await;
    assert_eq!(sound["contentType"], "audio/mp4", "told by what stands at the end");
    let picture = id(&alice.upload("a.png", "image/png", &png(640, 480)).await);
    assert_eq!(alice.get_bytes(&format!("/api/files/{picture}/thumbnail"), &[]).await.status, 200);
    assert_eq!(kept().await, own + 5);
    let too_large = form(&[file("a.bin", "x/y", &vec![7; 26 << 20])]);
    alice.post_form(too_large).await.refused_with(413, "PAYLOAD_TOO_LARGE");
    let message = alice.send_files(room, &[picture]).await;
    alice.delete(&format!("/messages/{message}")).await.ok();
    until("the bytes of a deleted message are removed", async || kept().await == own + 3).await;
}
