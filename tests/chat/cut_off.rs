//! Imports that are killed in the middle and run again: nothing is lost, and nothing is there twice.

use std::process::Stdio;
use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use crate::moving::{must_be_sound, records, write};
use crate::process::Home;

/// How long a portion may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts a command that imports, and kills it when some of its messages are there, but not all.
pub async fn cut_off(home: &Home, arguments: &[&str], messages: i64) {
    let mut importing = home.command(arguments).stdout(Stdio::null()).spawn().expect("it starts");
    let until = Instant::now() + PATIENCE;
    while stored(home).await == 0 {
        let ended = importing.try_wait().expect("it can be asked");
        assert!(ended.is_none() && Instant::now() < until, "{ended:?}");
        sleep(Duration::from_millis(5)).await;
    }
    importing.kill().await.expect("it can be killed");
    let stored = stored(home).await;
    assert!((1..messages).contains(&stored), "{stored} of {messages} messages");
}

/// How many messages are there already; none as long as there is no table.
async fn stored(home: &Home) -> i64 {
    let Ok(connection) = Database::connect(home.database_url()).await else { return 0 };
    let statement = Statement::from_string(connection.get_database_backend(), "SELECT COUNT(*) FROM chat_messages");
    let counted = connection.query_one_raw(statement).await;
    connection.close().await.ok();
    counted.ok().flatten().and_then(|row| row.try_get_by_index(0).ok()).unwrap_or(0)
}

/// How many things of a kind a report says are new.
pub fn new_ones(report: &str, kind: &str) -> i64 {
    let line = report.lines().find_map(|line| line.strip_prefix(&format!("{kind}: "))).expect("the kind is told");
    line.split_once(" new").and_then(|(count, _)| count.parse().ok()).expect("a number")
}

/// A chat of this many messages, with all that hangs on them.
fn many(messages: i64) -> Vec<Json> {
    let at = "2024-01-15T10:30:00Z";
    let mut all: Vec<Json> =
        (1..=40).map(|id| json!({ "type": "user", "id": id, "name": format!("User {id}"), "createdAt": at })).collect();
    let group = |id| json!({ "type": "conversation", "id": id, "kind": "GROUP", "name": format!("Group {id}"), "createdBy": id, "createdAt": at });
    all.extend((1..=10).map(group));
    all.extend((1..=messages / 1_000).map(|id| {
        json!({ "type": "file", "id": id, "uploader": 1, "name": format!("{id}.txt"), "createdAt": at, "bytes": "SGVsbG8=" })
    }));
    for id in 1..=messages {
        let mut message =
            json!({ "type": "message", "id": id, "conversation": 1 + id % 10, "sender": 1 + id % 40, "createdAt": at });
        match id % 50 {
            0 => message["deletedAt"] = json!(at),
            _ => message["content"] = json!(format!("message {id}")),
        }
        if id % 1_000 == 1 {
            message["attachments"] = json!([{ "file": 1 + id / 1_000, "id": id }]);
        }
        if id % 7 == 0 && id > 10 {
            message["parent"] = json!(id - 10);
        }
        all.push(message);
    }
    for user in 1..=40 {
        let role = if user <= 10 { "OWNER" } else { "MEMBER" };
        let conversation = 1 + (user - 1) % 10;
        all.push(
            json!({ "type": "participant", "conversation": conversation, "user": user, "role": role, "joinedAt": at }),
        );
    }
    for id in (1..=messages).filter(|id| id % 50 != 0 && id % 3 == 0) {
        all.push(json!({ "type": "reaction", "message": id, "user": 1 + id % 40, "emoji": "👍", "createdAt": at }));
        all.push(
            json!({ "type": "receipt", "conversation": 1 + id % 10, "user": 1 + id % 10, "message": id, "readAt": at }),
        );
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_loses_nothing_and_doubles_nothing_when_it_is_run_again() {
    const MESSAGES: i64 = 8_000;
    let (home, whole) = (Home::new().await, Home::without_database());
    let chat = many(MESSAGES);
    for home in [&home, &whole] {
        write(home, "chat.jsonl", &chat);
    }
    let import = ["import", "jsonl", "chat.jsonl"];
    cut_off(&home, &import, MESSAGES).await;
    must_be_sound_so_far(&home).await;
    let said = home.printed(&import).await;
    assert!(!said.contains("Left out"), "{said}");
    let new = new_ones(&said, "messages");
    assert!((1..MESSAGES).contains(&new), "it went on where it was: {said}");
    must_be_sound(&home).await;

    whole.printed(&import).await;
    for home in [&home, &whole] {
        home.printed(&["export", "jsonl", "after.jsonl"]).await;
    }
    assert_eq!(records(&home, "after.jsonl"), records(&whole, "after.jsonl"));
}

/// What came before the cut is whole; only what is put right at the end may be missing.
async fn must_be_sound_so_far(home: &Home) {
    let checked = home.run(&["doctor"]).await;
    let of_the_end = ["An open group has one owner", "The database numbers on behind the highest ids"];
    for line in checked.out.lines().filter(|line| !line.ends_with(": ok")) {
        assert!(of_the_end.iter().any(|rule| line.starts_with(rule)), "{checked:?}");
    }
}
