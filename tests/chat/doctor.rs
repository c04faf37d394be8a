//! What `confab doctor` finds beside the counters of the chat: files that are gone, numbers that would be given twice, unread
//! messages that are none.

use std::path::PathBuf;

use crate::moving::furnished;
use crate::process::Home;
use crate::server::execute;

const FILES: &str = "The bytes of a file are there, as many as its row says";
const UNREAD: &str = "What is unread is what counting the messages gives";
const SEQUENCES: &str = "The database numbers on behind the highest ids";

/// Which of the three rules are broken.
async fn broken(home: &Home) -> Vec<&'static str> {
    let ended = home.run(&["doctor"]).await;
    let is_broken = |rule: &str| ended.out.lines().any(|line| line.starts_with(&format!("{rule}: broken in ")));
    let is_told = |rule: &str| ended.out.lines().any(|line| line.starts_with(rule));
    assert!([FILES, UNREAD, SEQUENCES].into_iter().all(is_told), "{ended:?}");
    let broken: Vec<&str> = [FILES, UNREAD, SEQUENCES].into_iter().filter(|rule| is_broken(rule)).collect();
    assert_eq!(ended.code, Some(i32::from(!broken.is_empty())), "{ended:?}");
    broken
}

#[tokio::test]
async fn the_doctor_misses_files_and_finds_numbers_that_stand_wrong() {
    let home = furnished().await;
    assert_eq!(broken(&home).await, Vec::<&str>::new());

    let folders = std::fs::read_dir(home.folder.join("data/files")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    std::fs::rename(&folders[0], home.folder.join("aside")).unwrap();
    assert_eq!(broken(&home).await, [FILES]);
    std::fs::rename(home.folder.join("aside"), &folders[0]).unwrap();
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files: Vec<(PathBuf, Vec<u8>)> = files
        .map(|entry| {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect();
    for (path, bytes) in &files {
        std::fs::write(path, &bytes[1..]).unwrap();
    }
    assert_eq!(broken(&home).await, [FILES], "bytes that are not all there");
    for (path, bytes) in &files {
        std::fs::write(path, bytes).unwrap();
    }
    assert_eq!(broken(&home).await, Vec::<&str>::new());

    let url = home.database_url();
    execute(&url, "UPDATE chat_conversations SET message_count = message_count + 1 WHERE id = 1").await;
    assert_eq!(broken(&home).await, [UNREAD]);
    let back = match home.postgres() {
        Some(_) => "SELECT setval('chat_message_reactions_id_seq', 1, false)",
        None => "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'chat_message_reactions'",
    };
    execute(&url, back).await;
    assert_eq!(broken(&home).await, [UNREAD, SEQUENCES]);
}
