//! The numbers that counts are made of: what is unread equals a recount, in a long history too, and an older database is
//! numbered before it is served.

use confab::doctor;
use confab::store::Store;
use serde_json::{Value as Json, json};

use crate::bulk;
use crate::person::Person;
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
    for sql in [
        "UPDATE chat_messages SET number = NULL, sender_number = NULL",
        "UPDATE chat_participants SET read_number = 0, read_own = 0",
        "UPDATE chat_conversations SET last_deleted_number = 0",
        "DELETE FROM chat_deletion_counts",
        "INSERT INTO chat_backfills (name) VALUES ('numbers'), ('markers')",
    ] {
        server.meddle(sql, Vec::new()).await;
    }
    assert!(Store::open_as_it_is(&server.database_url()).await.is_err(), "it is not to be looked at yet");
    server.resume().await;
    for (person, before) in everybody.into_iter().zip(before) {
        let person = person.at(server.address);
        assert_eq!(unread(&person).await, before);
    }
    server.stop().await;
    is_well(&server).await;
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
