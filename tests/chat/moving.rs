//! Chats that go from one database to another: exported and imported again, nothing is lost, doubled or miscounted.

use serde_json::{Value as Json, json};

use crate::process::Home;

/// What an import printed, which must succeed.
async fn imported(home: &Home, file: &str, more: &[&str]) -> String {
    let arguments: Vec<&str> = ["import", "jsonl", file].iter().chain(more).copied().collect();
    home.printed(&arguments).await
}

/// The records of a file, without the first line, in an order that does not depend on who wrote them.
pub fn records(home: &Home, file: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(home.folder.join(file)).unwrap();
    let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.sort();
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn write(home: &Home, file: &str, records: &[Json]) {
    let first = json!({ "confab": 1 });
    let lines = std::iter::once(&first).chain(records).map(|record| format!("{record}\n"));
    std::fs::write(home.folder.join(file), lines.collect::<String>()).unwrap();
}

pub async fn must_be_sound(home: &Home) {
    let checked = home.run(&["doctor"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

/// Makes the people and messages of the demo in a home.
pub async fn furnished() -> Home {
    let home = Home::new().await;
    let process = home.serve(&["serve", "--demo"]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    let sent = alice.post("/conversations/1/messages", json!({ "content": "a & b <b>c</b>" })).await.ok();
    let deleted = sent["id"].as_i64().unwrap();
    alice.post("/conversations/1/messages", json!({ "content": "the last one" })).await.ok();
    alice.delete(&format!("/messages/{deleted}")).await.ok();
    alice.post_nothing("/conversations/1/read").await.ok();
    process.terminate().await;
    home
}

#[tokio::test]
async fn what_is_exported_and_imported_is_the_same_and_twice_makes_nothing_double() {
    let from = furnished().await;
    let said = from.printed(&["export", "jsonl", "chat.jsonl"]).await;
    assert!(said.contains("Exported"), "{said}");
    let again = from.run(&["export", "jsonl", "chat.jsonl"]).await;
    assert!(again.code == Some(1) && again.err.contains("chat.jsonl cannot be made"), "{again:?}");

    let to = Home::new().await;
    std::fs::copy(from.folder.join("chat.jsonl"), to.folder.join("chat.jsonl")).unwrap();
    let tried = imported(&to, "chat.jsonl", &["--dry-run"]).await;
    assert!(tried.ends_with("Nothing was changed\n") && !tried.contains("Left out"), "{tried}");
    to.printed(&["export", "jsonl", "nothing.jsonl"]).await;
    assert_eq!(records(&to, "nothing.jsonl").len(), 0);

    let first = imported(&to, "chat.jsonl", &[]).await;
    assert!(first.ends_with("Imported\n") && !first.contains("Left out") && !first.contains("Changed"), "{first}");
    must_be_sound(&to).await;
    to.printed(&["export", "jsonl", "again.jsonl"]).await;
    assert_eq!(records(&from, "chat.jsonl"), records(&to, "again.jsonl"));

    let second = imported(&to, "chat.jsonl", &[]).await;
    assert!(second.lines().filter(|line| line.contains(" new, ")).all(|line| line.contains(": 0 new, ")), "{second}");
    to.printed(&["export", "jsonl", "twice.jsonl"]).await;
    assert_eq!(records(&from, "chat.jsonl"), records(&to, "twice.jsonl"));

    // Life goes on where it was: ids behind those that came, words that are found, files that are there.
    let process = to.serve(&["serve"]).await;
    let alice = process.somebody(1, &to.token(1, "Alice").await, "Alice");
    let newest = alice.get("/conversations/1/messages?limit=1").await.ok();
    let newest = newest["content"][0]["id"].as_i64().or_else(|| newest["messages"][0]["id"].as_i64());
    let sent = alice.post("/conversations/1/messages", json!({ "content": "after all" })).await.ok();
    assert!(newest.is_none_or(|newest| sent["id"].as_i64().unwrap() > newest), "{sent}");
    let group = alice.post("/conversations", json!({ "name": "New", "participantIds": [2] })).await.ok();
    assert!(group["id"].as_i64().unwrap() > 1, "{group}");
    let refused = to.run(&["import", "jsonl", "chat.jsonl"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("A server runs on this database"), "{refused:?}");
    process.terminate().await;
    must_be_sound(&to).await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_left_out_and_told_and_the_rest_is_sound() {
    let home = Home::new().await;
    let at = "2024-01-15T10:30:00Z";
    let message = |id: i64, conversation: i64, sender: i64, content: &str| json!({ "type": "message", "id": id, "conversation": conversation, "sender": sender, "content": content, "createdAt": at });
    let records = [
        json!({ "type": "user", "id": 1, "name": "<b>Ann</b>", "createdAt": at }),
        json!({ "type": "user", "id": 2, "name": "Ben" }),
        json!({ "type": "user", "id": 0, "name": "Nobody" }),
        json!({ "type": "conversation", "id": 7, "kind": "GROUP", "name": "Team", "createdBy": 1, "createdAt": at }),
        json!({ "type": "conversation", "id": 8, "kind": "DIRECT", "people": [2, 1], "createdAt": at }),
        json!({ "type": "conversation", "id": 9, "kind": "DIRECT", "people": [1, 2], "createdAt": at }),
        json!({ "type": "conversation", "id": 10, "kind": "GROUP", "name": "Empty", "createdBy": 1, "createdAt": at }),
        message(5, 7, 1, "Hello <script>alert(1)</script>"),
        message(6, 7, 3, "from nobody"),
        message(4, 7, 1, "too late"),
        message(8, 7, 2, "  "),
        message(9, 7, 2, "two"),
        json!({ "type": "message", "id": 10, "conversation": 7, "sender": 2, "content": "re", "parent": 5, "createdAt": at }),
        json!({ "type": "message", "id": 11, "conversation": 7, "sender": 2, "createdAt": at, "deletedAt": at }),
        json!({ "type": "participant", "conversation": 7, "user": 1, "joinedAt": at, "lastRead": 9 }),
        json!({ "type": "participant", "conversation": 7, "user": 2, "role": "ADMIN", "joinedAt": at, "lastRead": 99 }),
        json!({ "type": "reaction", "message": 5, "user": 2, "emoji": "👍", "createdAt": at }),
        json!({ "type": "reaction", "message": 5, "user": 2, "emoji": "yes", "createdAt": at }),
        json!({ "type": "receipt", "conversation": 7, "user": 2, "message": 9, "readAt": at }),
        json!({ "type": "receipt", "conversation": 7, "user": 2, "message": 10, "readAt": at }),
        json!({ "type": "receipt", "conversation": 8, "user": 2, "message": 10, "readAt": at }),
        json!({ "type": "surprise" }),
    ];
    write(&home, "chat.jsonl", &records);
    let said = imported(&home, "chat.jsonl", &["--report", "report.txt"]).await;
    for line in [
        "users: 2 new, 0 were there, 0 left out",
        "conversations: 3 new, 0 were there, 1 left out",
        "messages: 4 new, 0 were there, 3 left out",
        "participants: 2 new, 0 were there, 0 left out",
        "reactions: 1 new, 0 were there, 1 left out",
        "receipts: 2 new, 0 were there, 1 left out",
        "lines: 0 new, 0 were there, 2 left out",
        "Left out: There is no such user (1: line 10)",
        "Left out: Newer messages of the conversation are there already (1: line 11)",
        "Left out: These two have a direct conversation already (1: line 7)",
    ] {
        assert!(said.contains(line), "{line} is missing in {said}");
    }
    let report = std::fs::read_to_string(home.folder.join("report.txt")).unwrap();
    assert!(report.contains("line 10: Left out: There is no such user\n"), "{report}");
    must_be_sound(&home).await;

    let process = home.serve(&["serve"]).await;
    let ben = process.somebody(2, &home.token(2, "Ben").await, "Ben");
    let team = ben.get("/conversations/7").await.ok();
    assert_eq!((&team["unreadCount"], &team["participantCount"]), (&json!(0), &json!(2)), "{team}");
    let first = ben.get("/messages/5/reactions/summary").await.ok();
    assert_eq!(first, json!({ "👍": 1 }));
    process.terminate().await;

    for (text, sentence) in
        [("", "is empty"), ("{}\n", "Its first line has to be"), ("{\"confab\": 2}\n", "of the format 2")]
    {
        std::fs::write(home.folder.join("bad.jsonl"), text).unwrap();
        let refused = home.run(&["import", "jsonl", "bad.jsonl"]).await;
        assert!(refused.code == Some(1) && refused.err.contains(sentence), "{sentence} {refused:?}");
    }
}

/// The cursor of the newest event, as a client keeps it.
/// Each portion comes from people who have written nothing in the conversation before.
#[tokio::test]
async fn numbers_go_on_behind_what_others_have_written_in_portions_of_before() {
    let home = Home::new().await;
    let at = "2024-01-15T10:30:00Z";
    let mut first: Vec<Json> =
        (1..=3).map(|id| json!({ "type": "user", "id": id, "name": format!("User {id}"), "createdAt": at })).collect();
    first.push(
        json!({ "type": "conversation", "id": 1, "kind": "GROUP", "name": "All", "createdBy": 1, "createdAt": at }),
    );
    let role = |user| if user == 1 { "OWNER" } else { "MEMBER" };
    first.extend((1..=3).map(
        |user| json!({ "type": "participant", "conversation": 1, "user": user, "role": role(user), "joinedAt": at }),
    ));
    for sender in 1..=3 {
        let message = |id| json!({ "type": "message", "id": id, "conversation": 1, "sender": sender, "content": "so", "createdAt": at });
        let mut portion = std::mem::take(&mut first);
        portion.extend((sender * 10..sender * 10 + 4).map(message));
        write(&home, "portion.jsonl", &portion);
        let said = imported(&home, "portion.jsonl", &[]).await;
        assert!(said.contains("messages: 4 new"), "{said}");
    }
    must_be_sound(&home).await;
}

async fn cursor(alice: &crate::person::Person) -> String {
    alice.gql_ok("{ sync { cursor } }", json!({})).await["sync"]["cursor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_backup_is_taken_while_serving_and_what_is_restored_has_another_epoch() {
    let home = Home::new().await;
    if home.postgres().is_some() {
        for command in ["backup", "restore"] {
            let refused = home.run(&[command, "chat.tar"]).await;
            assert!(refused.code == Some(1) && refused.err.contains("pg_dump"), "{refused:?}");
        }
        return;
    }
    let process = home.serve(&["serve", "--demo"]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    let said = home.printed(&["backup", "chat.tar"]).await;
    assert!(said.contains("3 files are in chat.tar"), "{said}");
    #[cfg(unix)]
    assert!(crate::process::is_private(&home.folder.join("chat.tar")));
    let known = cursor(&alice).await;
    alice.get(&format!("/events?after={known}")).await.ok();
    let after = home.run(&["restore", "chat.tar"]).await;
    assert!(after.code == Some(1) && after.err.contains("confab.db is there already"), "{after:?}");
    process.terminate().await;

    for name in ["confab.db", "confab.db-wal", "confab.db-shm", "files"] {
        let path = home.folder.join("data").join(name);
        if path.exists() {
            std::fs::rename(&path, home.folder.join(name)).unwrap();
        }
    }
    home.printed(&["restore", "chat.tar"]).await;
    // The server that was backed up is not taken for one that runs on this.
    home.printed(&["epoch", "renew"]).await;
    must_be_sound(&home).await;
    let process = home.serve(&["serve"]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    let sentence = "The cursor is not valid here";
    alice.get(&format!("/events?after={known}")).await.refused(400, "BAD_REQUEST", sentence);
    let file = alice.request(reqwest::Method::GET, "/api/files/2/content").send().await.unwrap();
    assert!(file.status() == 200 && file.text().await.unwrap().contains("water"));
    let refused = home.run(&["epoch", "renew"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("A server runs on this database"), "{refused:?}");
    let known = cursor(&alice).await;
    process.terminate().await;

    home.printed(&["epoch", "renew"]).await;
    let process = home.serve(&["serve"]).await;
    let alice = process.somebody(1, &home.token(1, "Alice").await, "Alice");
    alice.get(&format!("/events?after={known}")).await.refused(400, "BAD_REQUEST", sentence);
    process.terminate().await;
}

#[tokio::test]
async fn a_chat_that_has_moved_is_the_same_and_finds_its_files() {
    let home = furnished().await;
    home.printed(&["export", "jsonl", "before.jsonl"]).await;
    // Away from the database of these tests, whichever it is, and back to one that is empty.
    let there = format!("sqlite:{}", home.folder.join("other.db").display());
    let said = home.printed(&["move", "--to", &there]).await;
    assert!(said.contains("Moved") && !said.contains("Left out") && !said.contains("Changed"), "{said}");
    let at = format!("database.url={there}");
    home.printed(&["export", "jsonl", "after.jsonl", "--set", &at]).await;
    assert_eq!(records(&home, "before.jsonl"), records(&home, "after.jsonl"));
    let back = Home::new().await;
    if let Some(url) = back.postgres() {
        home.printed(&["move", "--to", &url, "--set", &at]).await;
        let at = format!("database.url={url}");
        home.printed(&["export", "jsonl", "back.jsonl", "--set", &at]).await;
        assert_eq!(records(&home, "before.jsonl"), records(&home, "back.jsonl"));
        let checked = home.run(&["doctor", "--set", &at]).await;
        assert_eq!(checked.code, Some(0), "{checked:?}");
    }
    let checked = home.run(&["doctor", "--set", &at]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let same = home.run(&["move", "--to", &there, "--set", &at]).await;
    assert!(same.code == Some(1) && same.err.contains("The database is there already"), "{same:?}");
}
