//! What a file is, told from all of it, and what is refused for it: the parts that tell stand behind whatever a server looks
//! at first, so that only an upload as a whole shows whether they are found.

use serde_json::json;

use crate::server::Server;
use crate::uploads::{file, form, of};

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/// An archive whose entries are not packed.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let at = (file.len() as u32).to_le_bytes();
        let (size, length) = ((bytes.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        let common = [&[20, 0, 0, 0, 0, 0][..], &[0; 8], &size, &size, &length, &[0, 0]].concat();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10], &at, name.as_bytes()].concat());
    }
    let (count, size) = ((entries.len() as u16).to_le_bytes(), (directory.len() as u32).to_le_bytes());
    let at = (file.len() as u32).to_le_bytes();
    [file, directory, [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &at, &[0, 0]].concat()].concat()
}

/// A document whose list of types is its last entry, behind 600 KB.
fn document() -> Vec<u8> {
    let list = format!("<Types><Override PartName=\"/word/document.xml\" ContentType=\"{DOCX}.main+xml\"/></Types>");
    let text = vec![b'x'; 300_000];
    zip(&[("word/media/a.png", &text), ("word/document.xml", &text), ("[Content_Types].xml", list.as_bytes())])
}

fn mp4_box(name: &str, content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), name.as_bytes(), content].concat()
}

/// A recording whose tracks are told behind 600 KB of data.
pub fn recording(handler: &str) -> Vec<u8> {
    let handler = mp4_box("hdlr", &[&[0; 8], handler.as_bytes(), &[0; 12]].concat());
    let film = mp4_box("moov", &mp4_box("trak", &mp4_box("mdia", &handler)));
    [mp4_box("ftyp", b"isom\0\0\0\0isom"), mp4_box("mdat", &vec![0; 600_000]), film].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_file_tells_as_well_as_its_beginning() {
    let server = Server::start().await;
    let alice = server.person("Alice").await;
    let other = zip(&[("word/a.txt", &[b'x'; 20_000]), ("b.txt", b"x")]);
    for (name, bytes, kind) in [
        ("a.docx", document(), DOCX),
        ("a.zip", other, "application/zip"),
        ("a.mp4", recording("vide"), "video/mp4"),
        ("a.m4a", recording("soun"), "audio/mp4"),
    ] {
        let kept = alice.upload(name, "application/octet-stream", &bytes).await;
        assert_eq!((&kept["contentType"], &kept["size"]), (&json!(kind), &json!(bytes.len())), "{name}");
        assert_eq!((&kept["width"], &kept["thumbnailUrl"]), (&json!(null), &json!(null)), "{name}");
        let got = alice.get_bytes(&format!("/api/files/{}/content", kept["id"]), &[]).await;
        assert!(got.bytes == bytes && got.header("content-type") == kind, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_types_of_a_conversation_are_held_against_what_a_file_turns_out_to_be() {
    let folder = std::env::temp_dir().join(format!("confab_kinds_{}", uuid::Uuid::new_v4().simple()));
    let url = format!("file:{}", folder.display());
    let server = Server::start_with(|config| config.storage.url = Some(url)).await;
    let alice = server.person("Alice").await;
    let room = async |types: &[&str]| {
        let input = json!({ "name": "Room", "participantIds": [], "allowedFileTypes": types });
        alice.post("/conversations", input).await.ok()["id"].as_i64().unwrap()
    };
    let (sounds, documents) = (room(&["audio/*"]).await, room(&[DOCX]).await);
    let part = |bytes: &[u8]| file("a", "application/octet-stream", bytes);
    for (place, bytes, is_taken) in [
        (sounds, recording("soun"), true),
        (sounds, recording("vide"), false),
        (documents, document(), true),
        (documents, zip(&[("word/document.xml", &[b'x'; 20_000])]), false),
    ] {
        for parts in [[of(place), part(&bytes)], [part(&bytes), of(place)]] {
            let answer = alice.post_form(form(&parts)).await;
            match is_taken {
                true => assert_eq!(answer.status, 201, "{}", answer.text),
                false => answer.refused(415, "UNSUPPORTED_MEDIA_TYPE", "Files of this type are not taken here"),
            }
        }
    }
    let files = || walk(&folder).len();
    crate::sockets::until("what was refused is removed", async || files() == 4).await;
    std::fs::remove_dir_all(folder).ok();
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // What tells the folder from others is nobody's file.
    let entries = entries.filter(|path| !path.ends_with("confab-storage-id"));
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
