//! The numbers that counts are made of: what is unread equals a recount, in a long history too, and an older database is
//! numbered before it is served.

use confab::doctor;
use confab::store::Store;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value as Json, json};

use crate::bulk;
use crate::person::Person;
use crate::process::Home;
use crate::server::Server;

async fn unread(person: &Person) -> Json {
    person.get("/conversations/unread").await.ok()
}

async fn is_well(server: &Server) {
    let store = Store::open(&server.database_url()).await.expect("the database opens");
    let findings = doctor::examine(&store).await.expect("every rule can be checked");
    store.close().await;
    assert!(findings.iter().all(|finding| finding.broken == 0), "{findings:?}");
}

async fn recount(server: &Server, person: &Person) -> i64 {
    let sql = format!(
        "SELECT COUNT(*) FROM chat_participants p JOIN chat_messages m ON m.conversation_id = p.conversation_id \
         AND m.id > COALESCE(p.last_read_message_id, 0) AND m.sender_id <> p.user_id AND NOT m.is_deleted \
         WHERE p.user_id = {}",
        person.id
    );
    bulk::number(server, &sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_is_numbered_before_it_is_served() {
    let mut server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let carol = server.person("Carol").await;
    let (room, other) = (alice.group("Room", &[&bob, &carol]).await, bob.group("Other", &[&alice]).await);
    bob.send(room, "early").await;
    bulk::history(&server, room, &alice, 6_000).await;
    for number in 0..20 {
        let of_bob = bob.send(room, &number.to_string()).await;
        let of_alice = alice.send([room, other][number % 2], &number.to_string()).await;
        match number {
            5 => bob.post(&format!("/conversations/{room}/read"), json!({ "lastReadMessageId": of_bob })).await.ok(),
            6 => alice.post_nothing(&format!("/conversations/{room}/read")).await.ok(),
            8 | 9 => alice.delete(&format!("/messages/{of_alice}")).await.ok(),
            11 | 12 => alice.delete(&format!("/messages/{}", of_bob - 4)).await.ok(),
            13 => alice.delete(&format!("/conversations/{room}/participants/{}", carol.id)).await.ok(),
            15 => {
                let again = json!({ "userIds": [carol.id] });
                alice.post(&format!("/conversations/{room}/participants"), again).await.ok()
            }
            _ => Json::Null,
        };
    }
    let everybody = [&alice, &bob, &carol];
    let mut before = Vec::new();
    for person in everybody {
        assert_eq!(unread(person).await["totalUnread"], json!(recount(&server, person).await), "{}", person.id);
        before.push(unread(person).await);
    }
    server.stop().await;
    is_well(&server).await;
    forget_numbers(&server).await;
    assert!(Store::open_as_it_is(&server.database_url()).await.is_err(), "it is not to be looked at yet");
    server.resume().await;
    for (person, before) in everybody.into_iter().zip(before) {
        let person = person.at(server.address);
        assert_eq!(unread(&person).await, before);
    }
    server.stop().await;
    is_well(&server).await;
    every_message_is_held_to_have_numbers(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbering_that_is_killed_half_way_goes_on_to_exact_numbers() {
    let mut server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let (room, other) = (alice.group("Room", &[&bob]).await, bob.group("Other", &[&alice]).await);
    for (room, person, messages) in
        [(room, &alice, 7_000), (other, &alice, 6_000), (room, &bob, 6_000), (other, &bob, 6_000)]
    {
        bulk::history(&server, room, person, messages).await;
        let marker = person.send(room, "so far").await;
        bob.post(&format!("/conversations/{room}/read"), json!({ "lastReadMessageId": marker })).await.ok();
        let gone = person.send(room, "to go").await;
        person.delete(&format!("/messages/{gone}")).await.ok();
    }
    let before = [unread(&alice).await, unread(&bob).await];
    server.stop().await;
    is_well(&server).await;
    forget_numbers(&server).await;

    let home = Home::without_database();
    let url = format!("database.url={}", server.database_url());
    let done_to = "SELECT COALESCE((SELECT done_to FROM chat_backfills WHERE name = 'numbers'), -1)";
    let mut seen = 0;
    for _ in 0..2 {
        let mut numbering = home.command(&["--set", &url, "migrate"]).spawn().expect("it starts");
        let mut now = seen;
        while now == seen {
            assert!(numbering.try_wait().expect("it can be asked").is_none(), "it numbers");
            now = bulk::number(&server, done_to).await;
        }
        numbering.kill().await.expect("it can be killed");
        assert!(now > seen, "it was killed too late: {now}");
        seen = bulk::number(&server, done_to).await;
        assert!(seen >= now, "it was killed too late, or forgot what was done: {seen}");
    }
    let numbered = bulk::number(&server, "SELECT COUNT(*) FROM chat_messages WHERE number IS NOT NULL").await;
    assert_eq!(
        numbered,
        bulk::number(&server, &format!("SELECT COUNT(*) FROM chat_messages WHERE id <= {seen}")).await
    );
    assert!(Store::open_as_it_is(&server.database_url()).await.is_err(), "it is not to be looked at yet");

    server.resume().await;
    let after = [unread(&alice.at(server.address)).await, unread(&bob.at(server.address)).await];
    assert_eq!(after, before);
    server.stop().await;
    is_well(&server).await;
    every_message_is_held_to_have_numbers(&server).await;
}

/// Leaves the database as one from before there were numbers, which it is held to only for what is new.
async fn forget_numbers(server: &Server) {
    let on_postgres = async |sql: &str| {
        if server.postgres().is_some() {
            let database = Database::connect(server.database_url()).await.expect("the database opens");
            database.execute_unprepared(sql).await.expect("the database is meddled with");
            database.close().await.ok();
        }
    };
    on_postgres("ALTER TABLE chat_messages DROP CONSTRAINT a_message_is_numbered").await;
    for sql in [
        "UPDATE chat_messages SET number = NULL, sender_number = NULL",
        "UPDATE chat_participants SET read_number = 0, read_own = 0",
        "UPDATE chat_conversations SET last_deleted_number = 0",
        "DELETE FROM chat_deletion_counts",
        "INSERT INTO chat_backfills (name) VALUES ('numbers'), ('markers')",
    ] {
        server.meddle(sql, Vec::new()).await;
    }
    on_postgres(
        "ALTER TABLE chat_messages ADD CONSTRAINT a_message_is_numbered \
         CHECK (number IS NOT NULL AND sender_number IS NOT NULL) NOT VALID",
    )
    .await;
}

/// On PostgreSQL the database itself knows that no message is without its numbers; on SQLite the doctor looks.
async fn every_message_is_held_to_have_numbers(server: &Server) {
    if server.postgres().is_some() {
        let held = "SELECT COUNT(*) FROM pg_constraint WHERE conname = 'a_message_is_numbered' AND convalidated";
        assert_eq!(bulk::number(server, held).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_equals_a_recount_where_thousands_of_messages_are_deleted() {
    let server = Server::start().await;
    let (alice, bob) = (server.person("Alice").await, server.person("Bob").await);
    let room = alice.group("Room", &[&bob]).await;
    let mut first = 0;
    for writer in [&alice, &bob, &alice] {
        let next = writer.send(room, "begins").await;
        first = if first == 0 { next } else { first };
        bulk::history(&server, room, writer, 2_999).await;
    }
    let gone = "UPDATE chat_messages SET is_deleted = true, deleted_at = created_at, content = NULL, search_words = NULL \
                WHERE number % 7 = 3 OR number BETWEEN 4000 AND 4300";
    server.meddle(gone, Vec::new()).await;
    // Numbering anew counts what is deleted behind the server's back.
    server.meddle("INSERT INTO chat_backfills (name) VALUES ('numbers'), ('markers')", Vec::new()).await;
    Store::open(&server.database_url()).await.expect("the database opens").close().await;
    for place in [0, 1, 62, 63, 64, 65, 1_000, 4_030, 4_095, 4_096, 4_200, 8_190, 8_192, 8_990] {
        let marker = json!({ "lastReadMessageId": first + place });
        let state = bob.post(&format!("/conversations/{room}/read"), marker).await.ok();
        assert_eq!(state["unreadCount"], json!(recount(&server, &bob).await), "behind {place}");
    }
}
