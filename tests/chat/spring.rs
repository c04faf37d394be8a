//! The chat of the reference, with rows as years make them, as it is brought in: what is taken, what is left out and told, and what
//! its people find afterwards. Its database is a PostgreSQL, whatever it is brought into.

use serde_json::{Value as Json, json};

use crate::cut_off::{cut_off, new_ones};
use crate::moving::{must_be_sound, records};
use crate::process::Home;
use crate::server::execute;

const TABLES: &str = include_str!("spring/tables.sql");
const ROWS: &str = include_str!("spring/rows.sql");
const MAPPING: &str = "time_zone = \"Europe/Berlin\"\nfile_prefix = \"/uploads/\"\n";

/// The other chat: its database, and a folder `uploads` with the one file that is still there. None where no PostgreSQL is
/// tested.
async fn other_chat(rows: &str) -> Option<(Home, String)> {
    let home = Home::new().await;
    let url = home.postgres()?;
    execute(&url, TABLES).await;
    execute(&url, rows).await;
    let folder = home.folder.join("uploads/2024");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("notes.txt"), "the notes").unwrap();
    std::fs::write(home.folder.join("secret.txt"), "a secret").unwrap();
    std::fs::write(home.folder.join("mapping.toml"), MAPPING).unwrap();
    Some((home, url))
}

/// A command that brings it in.
fn import(old: &Home, url: &str, more: &[&str]) -> Vec<String> {
    let path = |name: &str| old.folder.join(name).display().to_string();
    let (mapping, files) = (path("mapping.toml"), path("uploads"));
    let arguments = ["import", "spring", "--from", url, "--mapping", &mapping, "--files", &files];
    arguments.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
}

async fn imported(home: &Home, old: &Home, url: &str, more: &[&str]) -> String {
    let arguments = import(old, url, more);
    home.printed(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
}

const TOLD: [&str; 29] = [
    "users: 4 new, 0 were there, 0 left out",
    "conversations: 4 new, 0 were there, 3 left out",
    "files: 1 new, 0 were there, 3 left out",
    "attachments: 0 new, 0 were there, 2 left out",
    "messages: 9 new, 0 were there, 6 left out",
    "participants: 7 new, 1 were there, 7 left out",
    "reactions: 2 new, 1 were there, 4 left out",
    "receipts: 4 new, 0 were there, 2 left out",
    "Left out: Its type is none that is known: CHANNEL (1: conversations 4)",
    "Left out: These two have a direct conversation already (1: conversations 3)",
    "Left out: A direct conversation needs two people (1: conversations 6)",
    "Left out: The bytes of the file are not there (1: files 2)",
    "Left out: The path of the file leads out of the folder (1: files 3)",
    "Left out: The bytes of the file are not as many as its row says (1: files 4)",
    "Left out: Its file is not there (1: attachments 7)",
    "Left out: Its message is not there (2: attachments 6, receipts 7)",
    "Left out: Its message_type is none that is known: STICKER (1: messages 7)",
    "Left out: It has no sender_id (1: messages 10)",
    "Left out: It has no created_at (1: messages 12)",
    "Left out: They have left the conversation (1: participants 5)",
    "Left out: Its role is none that is known: BOSS (1: participants 15)",
    "Left out: The message is deleted (1: reactions 6)",
    "Changed: The content of the message was cleaned (1: messages 1)",
    "Changed: The name of a user was not fit to be one (1: users 3)",
    "Changed: The avatar URL is no http or https address, and is left off (1: users 3)",
    "Changed: A file of the message is not there, or is one too many, and is left off (1: messages 6)",
    "Changed: The message that this one replies to is not there (1: messages 15)",
    "Changed: The message at the read marker is not there, and the marker is left off (1: participants 3)",
    "Changed: A group had no owner, and the first administrator or member is it (1: the end)",
];

#[tokio::test]
async fn the_chat_of_the_reference_is_brought_in_and_what_is_broken_in_it_is_told() {
    let Some((old, url)) = other_chat(ROWS).await else { return };
    for home in [Home::without_database(), Home::new().await] {
        let tried = imported(&home, &old, &url, &["--dry-run"]).await;
        assert!(tried.ends_with("Nothing was changed\n"), "{tried}");
        home.printed(&["export", "jsonl", "nothing.jsonl"]).await;
        assert_eq!(records(&home, "nothing.jsonl").len(), 0);

        let first = imported(&home, &old, &url, &["--report", "report.txt"]).await;
        assert_eq!(first.strip_suffix("Imported\n"), tried.strip_suffix("Nothing was changed\n"));
        for line in TOLD {
            assert!(first.lines().any(|told| told == line), "{line} is missing in {first}");
        }
        let report = std::fs::read_to_string(home.folder.join("report.txt")).unwrap();
        assert!(report.contains("messages 9: Left out: There is no such user\n"), "{report}");
        must_be_sound(&home).await;

        home.printed(&["export", "jsonl", "once.jsonl"]).await;
        let second = imported(&home, &old, &url, &[]).await;
        assert!(
            second.lines().filter(|line| line.contains(" new, ")).all(|line| line.contains(": 0 new, ")),
            "{second}"
        );
        home.printed(&["export", "jsonl", "twice.jsonl"]).await;
        assert_eq!(records(&home, "once.jsonl"), records(&home, "twice.jsonl"));
        its_people_find_everything(&home).await;
        must_be_sound(&home).await;
    }
}

async fn its_people_find_everything(home: &Home) {
    let process = home.serve(&["serve"]).await;
    let bob = process.somebody(2, &home.token(2, "Bob").await, "Bob");
    let team = bob.get("/conversations/1").await.ok();
    assert_eq!(
        (&team["name"], &team["createdAt"]),
        (&json!("Project Team"), &json!("2024-01-15T09:00:00.123Z")),
        "{team}"
    );
    assert_eq!((&team["maxFileSizeMb"], &team["allowedFileTypes"]), (&json!(10), &json!(["image/*", "text/plain"])));
    assert_eq!((&team["muted"], &team["unreadCount"], &team["participantCount"]), (&json!(true), &json!(0), &json!(3)));
    let roles: Vec<&Json> = team["participants"].as_array().unwrap().iter().map(|one| &one["role"]).collect();
    assert_eq!(roles, ["OWNER", "ADMIN", "MEMBER"]);

    let messages = bob.get("/conversations/1/messages").await.ok();
    let messages = messages.as_array().unwrap();
    let ids: Vec<i64> = messages.iter().map(|message| message["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 15]);
    let message = |id: i64| messages.iter().find(|message| message["id"] == id).unwrap();
    assert_eq!(message(1)["content"], "Hello <b>all</b>");
    assert_eq!(message(1)["createdAt"], "2024-01-15T09:30:00.000Z");
    assert_eq!((&message(2)["content"], &message(2)["replyCount"]), (&json!("AT&T and 1 < 2"), &json!(1)));
    assert_eq!(
        (&message(2)["metadata"], &message(2)["reactionSummary"]),
        (&json!({ "priority": "high" }), &json!({ "👍": 2 }))
    );
    assert_eq!(
        (&message(3)["parentMessageId"], &message(3)["editedAt"]),
        (&json!(2), &json!("2024-01-15T09:40:00.000Z"))
    );
    assert_eq!((&message(4)["isDeleted"], &message(4)["content"]), (&json!(true), &Json::Null));
    assert_eq!((&message(6)["isEdited"], &message(6)["editedAt"]), (&json!(true), &json!("2024-01-15T09:50:00.000Z")));
    assert_eq!(message(15)["parentMessageId"], Json::Null);
    for id in [5, 6] {
        let file = &message(id)["attachments"][0];
        assert_eq!((&file["fileName"], &file["size"]), (&json!("notes.txt"), &json!(9)), "{file}");
    }
    let notes = bob.request(reqwest::Method::GET, "/api/files/1/content").send().await.unwrap();
    assert_eq!((notes.status().as_u16(), notes.text().await.unwrap()), (200, "the notes".to_owned()));

    let readers = async |message: i64| {
        let receipts = bob.get(&format!("/messages/{message}/read-receipts")).await.ok();
        let told = |one: &Json| format!("{} {}", one["userId"], one["readAt"].as_str().unwrap());
        receipts.as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(readers(1).await, ["2 2024-01-15T09:35:00.000Z"]);
    assert_eq!(readers(2).await, ["2 2024-01-15T09:35:00.000Z"]);
    assert_eq!(readers(3).await, ["3 2024-01-15T09:36:00.000Z"]);
    assert_eq!(readers(5).await, Vec::<String>::new(), "nobody has said that they have read it");
    assert_eq!(readers(6).await, ["2 2024-01-15T09:37:00.000Z", "3 2024-01-15T09:38:00.000Z"]);
    let carol = process.somebody(3, &home.token(3, "Carol").await, "Carol");
    assert_eq!(carol.get("/conversations/unread").await.ok()["totalUnread"], 1);

    let direct = bob.get("/conversations/2").await.ok();
    assert_eq!((&direct["name"], &direct["lastMessageAt"]), (&json!("Alice"), &json!("2024-07-01T08:00:00.000Z")));
    bob.get("/conversations/5").await.refused_with(404, "NOT_FOUND");
    assert_eq!(bob.get("/conversations/1/messages/search?query=agree").await.ok()[0]["id"], 3);
    assert_eq!(bob.send(1, "after all").await, 16);
    assert_eq!(bob.group("New", &[]).await, 8);
    process.terminate().await;
}

#[tokio::test]
async fn an_import_of_the_reference_s_chat_says_what_it_lacks() {
    let Some((_old, url)) = other_chat(ROWS).await else { return };
    let home = Home::without_database();
    for (arguments, sentence) in [
        (vec!["--from", url.as_str()], "4 files are attached to messages: name the folder where they lie with --files"),
        (vec!["--from", "mysql://localhost/chat"], "--from must be a URL that begins with postgres://"),
        (
            vec!["--from", url.as_str(), "--schema", "old"],
            "The schema old has no table users or app_users or app_user or tg_users or tg_user or user: \
             a mapping can say users.table",
        ),
        (vec!["--from", url.as_str(), "--files", "nowhere"], "The folder nowhere cannot be read"),
        (
            vec!["--from", url.as_str(), "--mapping", "bad.toml"],
            "The mapping bad.toml cannot be used: userz means nothing",
        ),
        (vec!["--from", url.as_str(), "--mapping", "odd.toml"], "users.name: there is no column full_name"),
    ] {
        std::fs::write(home.folder.join("bad.toml"), "[userz]\n").unwrap();
        std::fs::write(home.folder.join("odd.toml"), "[users]\nname = \"full_name\"\n").unwrap();
        let ended = home.run(&[["import", "spring"].as_slice(), &arguments].concat()).await;
        assert!(ended.code == Some(1) && ended.err.contains(sentence), "{sentence}: {ended:?}");
    }
}

/// A chat of this many messages in ten groups of four people, and a file for each five hundred of them.
fn many(messages: u32) -> String {
    format!(
        "INSERT INTO users (id, name, created_at) SELECT n, 'User ' || n, '2024-01-01' FROM generate_series(1, 40) n;
         INSERT INTO chat_conversations (id, type, name, created_by_id, created_at)
             SELECT n, 'GROUP', 'Group ' || n, n, '2024-01-01' FROM generate_series(1, 10) n;
         INSERT INTO chat_participants (conversation_id, user_id, role, joined_at)
             SELECT 1 + n % 10, 1 + n % 40, CASE WHEN n < 10 THEN 'OWNER' ELSE 'MEMBER' END, '2024-01-01'
             FROM generate_series(0, 39) n;
         INSERT INTO chat_messages (id, conversation_id, sender_id, message_type, content, created_at)
             SELECT n, 1 + n % 10, 1 + n % 40, 'TEXT', 'message ' || n, timestamp '2024-01-01' + n * interval '1 minute'
             FROM generate_series(1, {messages}) n;
         INSERT INTO tg_files (id, file_name, size, path, created_at)
             SELECT n, 'notes.txt', 9, '/uploads/2024/notes.txt', '2024-01-01' FROM generate_series(1, {messages} / 500) n;
         INSERT INTO chat_message_attachments (message_id, file_id)
             SELECT 500 * n, n FROM generate_series(1, {messages} / 500) n;
         INSERT INTO chat_message_read_receipts (message_id, user_id, read_at)
             SELECT n, 1 + (n + 10) % 40, timestamp '2024-02-01' + n * interval '1 minute'
             FROM generate_series(1, {messages}) n;"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_the_reference_s_chat_that_was_killed_goes_on() {
    const MESSAGES: u32 = 8_000;
    let Some((old, url)) = other_chat(&many(MESSAGES)).await else { return };
    let whole = Home::without_database();
    imported(&whole, &old, &url, &[]).await;
    whole.printed(&["export", "jsonl", "chat.jsonl"]).await;
    for home in [Home::without_database(), Home::new().await] {
        let arguments = import(&old, &url, &[]);
        cut_off(&home, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), MESSAGES.into()).await;
        let said = imported(&home, &old, &url, &[]).await;
        assert!(!said.contains("Left out"), "{said}");
        assert!(new_ones(&said, "messages") < i64::from(MESSAGES), "it went on where it was: {said}");
        must_be_sound(&home).await;
        home.printed(&["export", "jsonl", "chat.jsonl"]).await;
        assert_eq!(records(&whole, "chat.jsonl"), records(&home, "chat.jsonl"));
    }
}
